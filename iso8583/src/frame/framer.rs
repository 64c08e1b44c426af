//! Bytes to frames and back.

use bytes::{Buf, BytesMut};
use thiserror::Error;

use crate::element::{number, twelve_digits};
use crate::encoding::bcd;
use crate::frame::Tpdu;

/// How the length in front of each frame is written. It never counts itself; it counts the TPDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthHeader {
    /// Two bytes, most significant first.
    Binary2,
    /// Four ASCII digits.
    Ascii4,
    /// Two bytes of packed decimal.
    Bcd2,
}

impl LengthHeader {
    const fn bytes(self) -> usize {
        match self {
            Self::Binary2 | Self::Bcd2 => 2,
            Self::Ascii4 => 4,
        }
    }

    /// The largest length it can write.
    #[must_use]
    pub const fn max(self) -> usize {
        match self {
            Self::Binary2 => 65_535,
            Self::Ascii4 | Self::Bcd2 => 9_999,
        }
    }

    fn read(self, header: &[u8]) -> Option<usize> {
        let length = match self {
            Self::Binary2 => Some(
                header
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            ),
            Self::Ascii4 => number(header),
            Self::Bcd2 => bcd::number(header),
        };
        length.and_then(|length| usize::try_from(length).ok())
    }

    fn write(self, length: usize, header: &mut [u8]) {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let [.., thousands, hundreds, tens, ones] = twelve_digits(length);
        let [.., high, low] = length.to_be_bytes();
        let pack = |high: u8, low: u8| (high & 0x0F) << 4 | (low & 0x0F);
        match (self, header) {
            (Self::Binary2, [first, second]) => (*first, *second) = (high, low),
            (Self::Bcd2, [first, second]) => {
                (*first, *second) = (pack(thousands, hundreds), pack(tens, ones));
            }
            (_, header) => header.copy_from_slice(&[thousands, hundreds, tens, ones]),
        }
    }
}

/// Cuts a byte stream into frames, and writes frames.
///
/// ```
/// use bytes::BytesMut;
/// use iso8583::frame::{Framer, LengthHeader};
///
/// let framer = Framer::new(LengthHeader::Binary2, false, 8192);
/// let mut stream = BytesMut::from(&[0, 3, b'a', b'b', b'c', 0][..]);
/// assert_eq!(&framer.decode(&mut stream)?.expect("a whole frame").body[..], b"abc");
/// assert!(framer.decode(&mut stream)?.is_none(), "half a header is not enough yet");
/// # Ok::<(), iso8583::frame::FrameError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framer {
    header: LengthHeader,
    tpdu: bool,
    max: usize,
}

impl Framer {
    /// A framer that takes at most `max` bytes a frame, less where the header cannot write as
    /// many. `tpdu`: does each frame begin with one?
    #[must_use]
    pub fn new(header: LengthHeader, tpdu: bool, max: usize) -> Self {
        Self {
            header,
            tpdu,
            max: max.min(header.max()),
        }
    }

    /// The longest frame taken or sent.
    #[must_use]
    pub const fn max(&self) -> usize {
        self.max
    }

    /// Takes the next frame off the front of the buffer; None where it is not all there yet.
    /// A frame of length zero is a keep-alive: it is skipped.
    ///
    /// # Errors
    /// Where the length cannot be: the stream is out of step and must be closed. Nothing is
    /// reserved for a length before it is checked.
    pub fn decode(&self, stream: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        loop {
            let Some(header) = stream.get(..self.header.bytes()) else {
                return Ok(None);
            };
            let length = self
                .header
                .read(header)
                .ok_or(FrameError::LengthNotDecimal)?;
            if length > self.max {
                return Err(FrameError::TooLong {
                    length,
                    max: self.max,
                });
            }
            if length == 0 {
                stream.advance(self.header.bytes());
                continue;
            }
            if self.tpdu && length < Tpdu::LEN {
                return Err(FrameError::ShorterThanTpdu { length });
            }
            if stream.len() - self.header.bytes() < length {
                return Ok(None);
            }
            stream.advance(self.header.bytes());
            return Ok(Some(self.cut(stream.split_to(length))));
        }
    }

    /// Writes one frame: the header, the TPDU (zeros where there is none to send) and what
    /// `body` appends. The buffer is as it was where that fails or the frame is too long.
    ///
    /// # Errors
    /// That of `body`, or [`FrameError::TooLong`].
    pub fn encode<E: From<FrameError>>(
        &self,
        tpdu: Option<Tpdu>,
        out: &mut BytesMut,
        body: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = out.len();
        let result = self.try_encode(tpdu, out, body);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn try_encode<E: From<FrameError>>(
        &self,
        tpdu: Option<Tpdu>,
        out: &mut BytesMut,
        body: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = out.len();
        let content = start + self.header.bytes();
        out.resize(content, 0);
        if self.tpdu {
            out.extend_from_slice(tpdu.unwrap_or(Tpdu::new([0x60, 0, 0, 0, 0])).as_bytes());
        }
        body(out)?;
        let length = out.len() - content;
        if length > self.max {
            return Err(FrameError::TooLong {
                length,
                max: self.max,
            }
            .into());
        }
        if let Some(header) = out.get_mut(start..content) {
            self.header.write(length, header);
        }
        Ok(())
    }

    fn cut(&self, mut body: BytesMut) -> Frame {
        let tpdu = if self.tpdu {
            let tpdu = body.split_to(Tpdu::LEN);
            <[u8; Tpdu::LEN]>::try_from(&tpdu[..]).ok().map(Tpdu::new)
        } else {
            None
        };
        Frame { tpdu, body }
    }
}

/// One frame off the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where the link has one.
    pub tpdu: Option<Tpdu>,
    /// The message's bytes, not yet looked at. Whoever has looked wipes them.
    pub body: BytesMut,
}

impl core::fmt::Debug for Frame {
    /// The bytes may hold a card number: only their count is printed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Frame({:?}, {} bytes)", self.tpdu, self.body.len())
    }
}

/// A length that cannot be. The stream cannot be trusted from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The length's digits are not digits.
    #[error("frame length is not decimal")]
    LengthNotDecimal,
    /// More than the link takes.
    #[error("frame length {length} is above the maximum of {max}")]
    TooLong {
        /// Length announced, or of the message to be sent.
        length: usize,
        /// Length allowed.
        max: usize,
    },
    /// Not even the TPDU fits.
    #[error("frame length {length} has no room for the TPDU of 5 bytes")]
    ShorterThanTpdu {
        /// Length announced.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn frame(framer: &Framer, tpdu: Option<Tpdu>, body: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        framer
            .encode::<FrameError>(tpdu, &mut out, |out| {
                out.extend_from_slice(body);
                Ok(())
            })
            .unwrap();
        out
    }

    #[test]
    fn each_header_is_written_and_read() {
        let body = [b'x'; 123];
        for (header, wire) in [
            (LengthHeader::Binary2, &hex!("007B")[..]),
            (LengthHeader::Ascii4, b"0123"),
            (LengthHeader::Bcd2, &hex!("0123")),
        ] {
            let framer = Framer::new(header, false, 8192);
            let mut stream = frame(&framer, None, &body);
            assert_eq!(&stream[..header.bytes()], wire);
            assert_eq!(&framer.decode(&mut stream).unwrap().unwrap().body[..], body);
            assert!(stream.is_empty());

            let with_tpdu = Framer::new(header, true, 8192);
            let tpdu = Tpdu::new(hex!("6000030000"));
            let mut stream = frame(&with_tpdu, Some(tpdu), &body);
            assert_eq!(stream.len(), header.bytes() + 5 + body.len());
            let back = with_tpdu.decode(&mut stream).unwrap().unwrap();
            assert_eq!((back.tpdu, &back.body[..]), (Some(tpdu), &body[..]));
        }
    }

    #[test]
    fn a_frame_split_anywhere_comes_out_whole() {
        let framer = Framer::new(LengthHeader::Binary2, true, 8192);
        let mut wire = frame(&framer, None, b"first");
        wire.extend_from_slice(&hex!("0000"));
        wire.extend_from_slice(&frame(&framer, None, b"second"));
        for split in 0..=wire.len() {
            let mut stream = BytesMut::new();
            let mut bodies = Vec::new();
            for part in [&wire[..split], &wire[split..]] {
                stream.extend_from_slice(part);
                while let Some(frame) = framer.decode(&mut stream).unwrap() {
                    bodies.push(frame.body);
                }
            }
            assert_eq!(bodies, [&b"first"[..], b"second"], "split at {split}");
        }
    }

    #[test]
    fn err_lengths_that_cannot_be() {
        let cases = [
            (
                LengthHeader::Binary2,
                false,
                &b"GET / HTTP/1.1"[..],
                "frame length 18245 is above the maximum of 8192",
            ),
            (
                LengthHeader::Ascii4,
                false,
                b"00A1",
                "frame length is not decimal",
            ),
            (
                LengthHeader::Bcd2,
                false,
                &hex!("0A00"),
                "frame length is not decimal",
            ),
            (
                LengthHeader::Binary2,
                true,
                &hex!("0004"),
                "frame length 4 has no room for the TPDU of 5 bytes",
            ),
        ];
        for (header, tpdu, bytes, message) in cases {
            let framer = Framer::new(header, tpdu, 8192);
            let error = framer.decode(&mut BytesMut::from(bytes)).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn err_a_message_too_long_to_send_leaves_the_buffer_as_it_was() {
        let framer = Framer::new(LengthHeader::Binary2, false, 4);
        let mut out = BytesMut::from(&b"before"[..]);
        let result = framer.encode::<FrameError>(None, &mut out, |out| {
            out.extend_from_slice(b"12345");
            Ok(())
        });
        assert_eq!(result, Err(FrameError::TooLong { length: 5, max: 4 }));
        assert_eq!(&out[..], b"before");
    }
}
