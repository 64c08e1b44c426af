//! Bytes to frames and back.

use core::ops::Range;

use bytes::{Buf, BytesMut};

use crate::frame::envelope::Extent;
use crate::frame::{Base1, FrameError, Framing, Header, HeaderKind, LengthHeader, Tpdu};

/// What to do about a keep-alive: a length of zero, sent to show that the line lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeepAlive {
    /// Skip it.
    Ignore,
    /// Send the same back.
    Echo,
    /// Tell the caller.
    Report,
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
    framing: Framing,
    max: usize,
    keep_alive: KeepAlive,
}

impl Framer {
    /// A framer by length that takes at most `max` bytes a frame, less where the length cannot
    /// announce as many. `tpdu`: does each frame begin with one?
    #[must_use]
    pub fn new(length: LengthHeader, tpdu: bool, max: usize) -> Self {
        let header = tpdu.then_some(HeaderKind::Tpdu);
        Self::of(Framing::by_length(length, header), max)
    }

    /// A framer that takes at most `max` bytes of header and message a frame, less where the
    /// framing cannot carry as many. It ignores keep-alives.
    #[must_use]
    pub fn of(framing: Framing, max: usize) -> Self {
        Self {
            framing,
            max: max.min(framing.envelope().max()),
            keep_alive: KeepAlive::Ignore,
        }
    }

    /// The same with another way to treat keep-alives, for [`Framer::receive`].
    #[must_use]
    pub const fn on_keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// How it frames.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// The longest frame taken or sent: header and message, without what the envelope adds.
    #[must_use]
    pub const fn max(&self) -> usize {
        self.max
    }

    /// Takes the next frame off the front of the buffer; None where it is not all there yet.
    /// Keep-alives are skipped.
    ///
    /// # Errors
    /// What the framing does not allow: the stream is out of step and must be closed. Nothing is
    /// reserved for a length before it is checked, nor after that: what comes out is cut off the
    /// buffer.
    pub fn decode(&self, stream: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        loop {
            match self.step(stream)? {
                Some(Received::Frame(frame)) => return Ok(Some(frame)),
                Some(Received::KeepAlive) => {}
                None => return Ok(None),
            }
        }
    }

    /// As [`Framer::decode`], but treats keep-alives as this framer was told to. Echoes are
    /// appended to `out`, never more bytes than were taken off `stream`.
    ///
    /// # Errors
    /// Those of [`Framer::decode`].
    pub fn receive(
        &self,
        stream: &mut BytesMut,
        out: &mut BytesMut,
    ) -> Result<Option<Received>, FrameError> {
        loop {
            let received = self.step(stream)?;
            match (&received, self.keep_alive) {
                (Some(Received::KeepAlive), KeepAlive::Ignore) => {}
                (Some(Received::KeepAlive), KeepAlive::Echo) => {
                    self.keep_alive(out);
                }
                (Some(Received::KeepAlive), KeepAlive::Report)
                | (Some(Received::Frame(_)) | None, _) => return Ok(received),
            }
        }
    }

    /// Appends a keep-alive, which is also the answer to one: `0000` in hex or in ASCII, as the
    /// length is written. False, and nothing appended, where the framing has none because it has
    /// no length.
    pub fn keep_alive(&self, out: &mut BytesMut) -> bool {
        let start = out.len();
        match self.framing.envelope().length() {
            Some(length) => {
                out.resize(start + length.bytes(), 0);
                length.write(0, out.get_mut(start..).unwrap_or_default());
                true
            }
            None => false,
        }
    }

    /// Writes one frame: the envelope, the header and what `body` appends. The header is the
    /// kind's usual one with this TPDU, where it has a TPDU. The buffer is as it was where that
    /// fails or the frame cannot be.
    ///
    /// # Errors
    /// That of `body`, or what the framing cannot carry: [`FrameError::TooLong`],
    /// [`FrameError::Empty`], [`FrameError::EtxInside`].
    pub fn encode<E: From<FrameError>>(
        &self,
        tpdu: Option<Tpdu>,
        out: &mut BytesMut,
        body: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        let header = self.framing.header().map(|kind| {
            let header = kind.unaddressed();
            tpdu.map_or(header, |tpdu| header.with_tpdu(tpdu))
        });
        self.write(header.as_ref(), out, body)
    }

    /// As [`Framer::encode`], with this header; the total length within it is filled in.
    ///
    /// # Errors
    /// Those of [`Framer::encode`], and [`FrameError::WrongHeader`] where the link has another.
    pub fn encode_with<E: From<FrameError>>(
        &self,
        header: &Header,
        out: &mut BytesMut,
        body: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        let (expected, found) = (self.framing.header(), header.kind());
        if expected != Some(found) {
            return Err(FrameError::WrongHeader { expected, found }.into());
        }
        self.write(Some(header), out, body)
    }

    fn step(&self, stream: &mut BytesMut) -> Result<Option<Received>, FrameError> {
        Ok(match self.locate(stream)? {
            None => None,
            Some(Located::KeepAlive { end }) => {
                stream.advance(end);
                Some(Received::KeepAlive)
            }
            Some(Located::Frame { body, end, header }) => {
                let mut rest = stream.split_to(end);
                rest.truncate(body.end);
                rest.advance(body.start);
                Some(Received::Frame(Frame {
                    tpdu: header.as_ref().and_then(Header::tpdu),
                    body: rest,
                    header,
                }))
            }
        })
    }

    /// Where the next frame lies in bytes that stay where they are, looked for from `at` on, which
    /// is moved behind it, and behind keep-alives; None where it is not all there yet.
    ///
    /// # Errors
    /// Those of [`Framer::decode`].
    pub fn find(&self, stream: &[u8], at: &mut usize) -> Result<Option<FrameAt>, FrameError> {
        loop {
            let from = *at;
            match self.locate(stream.get(from..).unwrap_or_default())? {
                None => return Ok(None),
                Some(Located::KeepAlive { end }) => *at += end,
                Some(Located::Frame { body, end, header }) => {
                    *at += end;
                    let body = from + body.start..from + body.end;
                    return Ok(Some(FrameAt { body, header }));
                }
            }
        }
    }

    fn locate(&self, stream: &[u8]) -> Result<Option<Located>, FrameError> {
        let envelope = self.framing.envelope();
        let Some(Extent {
            before,
            content,
            after,
        }) = envelope.measure(stream, self.max)?
        else {
            return Ok(None);
        };
        if content == 0 {
            return Ok(Some(Located::KeepAlive { end: before }));
        }
        if let Some(kind) = self.framing.header() {
            kind.check_room(content)?;
        }
        let end = before + content + after;
        if stream.len() < end {
            return Ok(None);
        }
        envelope.check_end(stream, before + content)?;
        let header = match self.framing.header() {
            Some(kind) => {
                let content = stream.get(before..before + content).unwrap_or_default();
                Some(kind.decode(content, before)?)
            }
            None => None,
        };
        let start = before + header.as_ref().map_or(0, |header| header.as_bytes().len());
        Ok(Some(Located::Frame {
            body: start..before + content,
            end,
            header,
        }))
    }

    fn write<E: From<FrameError>>(
        &self,
        header: Option<&Header>,
        out: &mut BytesMut,
        body: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = out.len();
        let content = start + self.framing.envelope().before();
        out.resize(content, 0);
        if let Some(header) = header {
            out.extend_from_slice(header.as_bytes());
        }
        let result = body(out).and_then(|()| self.seal(start, content, out).map_err(E::from));
        if result.is_err() {
            // What was written of a message that may hold a card number does not stay behind.
            out.get_mut(start..).unwrap_or_default().fill(0);
            out.truncate(start);
        }
        result
    }

    /// Writes what depends on the content, once that is there.
    fn seal(&self, start: usize, content: usize, out: &mut BytesMut) -> Result<(), FrameError> {
        let length = out.len().saturating_sub(content);
        if length == 0 {
            return Err(FrameError::Empty);
        }
        if length > self.max {
            return Err(FrameError::TooLong {
                length,
                max: self.max,
            });
        }
        if self.framing.header() == Some(HeaderKind::Base1) {
            Base1::seal(out.get_mut(content..).unwrap_or_default());
        }
        self.framing.envelope().seal(start, out)
    }
}

/// Where in a stream a frame lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAt {
    /// The message's bytes.
    pub body: Range<usize>,
    header: Option<Header>,
}

impl FrameAt {
    /// That of the header, where it has one.
    #[must_use]
    pub fn tpdu(&self) -> Option<Tpdu> {
        self.header.as_ref().and_then(Header::tpdu)
    }
}

/// What a stream begins with.
enum Located {
    Frame {
        body: Range<usize>,
        end: usize,
        header: Option<Header>,
    },
    KeepAlive {
        end: usize,
    },
}

/// What came off the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A message.
    Frame(Frame),
    /// A sign of life.
    KeepAlive,
}

/// One frame off the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// That of the header, where it has one.
    pub tpdu: Option<Tpdu>,
    /// The message's bytes, not yet looked at. Whoever has looked wipes them.
    pub body: BytesMut,
    header: Option<Header>,
}

impl Frame {
    /// What stood before the message, where the link has a header: [`Header::answer`] makes of it
    /// what goes before the answer.
    #[must_use]
    pub const fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }
}

impl core::fmt::Debug for Frame {
    /// The bytes may hold a card number: only their count is printed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Frame({:?}, {} bytes)", self.header, self.body.len())
    }
}
