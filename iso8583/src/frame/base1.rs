//! Visa's BASE I header.

use core::fmt;

use crate::encoding::bcd;
use crate::frame::FrameError;

/// The header of a BASE I message, 22 bytes; 26 with a reject group. Another may follow it, where
/// its format says so: a rejected message comes back under a header of 26 and its own of 22.
///
/// | bytes | |
/// |---|---|
/// | 0 | length of the header: 22 or 26 |
/// | 1 | header format; bit 0x80: another header follows |
/// | 2 | text format |
/// | 3-4 | total length: headers and message |
/// | 5-7, 8-10 | destination and source station, BCD6 |
/// | 11 | round-trip control |
/// | 12-13 | BASE I flags |
/// | 14-16 | message status flags |
/// | 17 | batch number |
/// | 18-20 | reserved |
/// | 21 | user information |
/// | 22-23 | reject: bitmap, bit 0x80: rejected |
/// | 24-25 | reject: code, BCD4 |
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Base1(
    // Zeros beyond the bytes that the lengths within count.
    [u8; Self::LEN_MAX],
);

impl Base1 {
    /// Bytes on the wire of one that stands alone.
    pub const LEN: usize = 22;
    /// Bytes on the wire of one with a reject group.
    pub const LEN_REJECT: usize = 26;
    /// The most bytes taken: two headers, with a reject group each.
    pub const LEN_MAX: usize = 2 * Self::LEN_REJECT;

    /// A header from one station to another, each six packed digits. The total length is filled
    /// in where it is encoded.
    #[must_use]
    pub const fn new(destination: [u8; 3], source: [u8; 3]) -> Self {
        let mut bytes = [0; Self::LEN_MAX];
        let [length, format, text, _, _, d0, d1, d2, s0, s1, s2, ..] = &mut bytes;
        (*length, *format, *text) = (22, 1, 2);
        [*d0, *d1, *d2] = destination;
        [*s0, *s1, *s2] = source;
        Self(bytes)
    }

    pub(super) fn decode(content: &[u8], at: usize) -> Result<Self, FrameError> {
        let (first, another) = one(content, 0, at)?;
        let length = if another {
            let (second, another) = one(content, first, at)?;
            if another {
                let format = content.get(first + 1).copied().unwrap_or(0);
                return Err(FrameError::Unexpected {
                    at: at + first + 1,
                    expected: "no third BASE I header to follow",
                    found: format,
                });
            }
            first + second
        } else {
            first
        };
        let mut bytes = [0; Self::LEN_MAX];
        for (slot, byte) in bytes.iter_mut().zip(content.iter().take(length)) {
            *slot = *byte;
        }
        let header = Self(bytes);
        let found = usize::from(header.total_length());
        if found == content.len() {
            Ok(header)
        } else {
            Err(FrameError::Total {
                at: at + 3,
                expected: content.len(),
                found,
            })
        }
    }

    /// The wire bytes, those of a header that follows among them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let [own, format] = self.field(0);
        let own = usize::from(own);
        let [second] = if format & ANOTHER != 0 {
            self.field(own)
        } else {
            [0]
        };
        self.0.get(..own + usize::from(second)).unwrap_or(&self.0)
    }

    /// The format of the header; bit 0x80: another follows.
    #[must_use]
    pub fn header_format(&self) -> u8 {
        let [format] = self.field(1);
        format
    }

    /// The format of what follows the headers: 2 is ISO 8583, above that are no messages for us.
    #[must_use]
    pub fn text_format(&self) -> u8 {
        let [format] = self.field(2);
        format
    }

    /// Bytes of headers and message.
    #[must_use]
    pub fn total_length(&self) -> u16 {
        u16::from_be_bytes(self.field(3))
    }

    /// The station it goes to, six packed digits.
    #[must_use]
    pub fn destination(&self) -> [u8; 3] {
        self.field(5)
    }

    /// The station it comes from, six packed digits.
    #[must_use]
    pub fn source(&self) -> [u8; 3] {
        self.field(8)
    }

    /// Round-trip control.
    #[must_use]
    pub fn round_trip(&self) -> u8 {
        let [control] = self.field(11);
        control
    }

    /// BASE I flags.
    #[must_use]
    pub fn flags(&self) -> [u8; 2] {
        self.field(12)
    }

    /// Message status flags.
    #[must_use]
    pub fn status(&self) -> [u8; 3] {
        self.field(14)
    }

    /// The batch number.
    #[must_use]
    pub fn batch(&self) -> u8 {
        let [batch] = self.field(17);
        batch
    }

    /// User information.
    #[must_use]
    pub fn user(&self) -> u8 {
        let [user] = self.field(21);
        user
    }

    /// Did the network refuse a message of ours? It comes back under [`Base1::original`]; nobody
    /// answers that.
    #[must_use]
    pub fn is_reject(&self) -> bool {
        let [own] = self.field(0);
        let [bitmap] = self.field(22);
        usize::from(own) == Self::LEN_REJECT && bitmap & 0x80 != 0
    }

    /// Why it was refused, four digits; None where it was not, or where they are no digits.
    #[must_use]
    pub fn reject_code(&self) -> Option<u16> {
        let code = bcd::number(&self.field::<2>(24)).filter(|_| self.is_reject());
        code.and_then(|code| u16::try_from(code).ok())
    }

    /// The header that follows: that of a rejected message, as it was sent.
    #[must_use]
    pub fn original(&self) -> Option<&[u8]> {
        let [own] = self.field(0);
        let rest = self.as_bytes().get(usize::from(own)..);
        rest.filter(|rest| !rest.is_empty())
    }

    /// The header of the answer: the stations change places. Neither a reject group nor a header
    /// that followed goes with it.
    #[must_use]
    pub fn answer(self) -> Self {
        let mut answer = Self::new(self.source(), self.destination());
        let [_, format, text, _, _, _, _, _, _, _, _, rest @ ..] = &mut answer.0;
        *format = self.header_format() & !ANOTHER;
        *text = self.text_format();
        let from_round_trip = 11..Self::LEN;
        for (slot, byte) in rest
            .iter_mut()
            .zip(self.0.get(from_round_trip).unwrap_or(&[]))
        {
            *slot = *byte;
        }
        answer
    }

    /// Writes the total length into the header in front of this content.
    pub(super) fn seal(content: &mut [u8]) {
        let total = u16::try_from(content.len()).unwrap_or(u16::MAX);
        if let [_, _, _, high, low, ..] = content {
            [*high, *low] = total.to_be_bytes();
        }
    }

    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        let field = self.0.get(at..).and_then(<[u8]>::first_chunk);
        field.copied().unwrap_or([0; N])
    }
}

impl fmt::Debug for Base1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Base1(")?;
        let mut bytes = self.as_bytes().iter();
        bytes.try_for_each(|byte| write!(f, "{byte:02X}"))?;
        f.write_str(")")
    }
}

/// Bit of the header format: another header follows.
const ANOTHER: u8 = 0x80;

/// The length of the header that begins at `start` of the content, and whether another follows.
fn one(content: &[u8], start: usize, at: usize) -> Result<(usize, bool), FrameError> {
    let rest = content.get(start..).unwrap_or_default();
    let length = match rest.first() {
        Some(22) => Base1::LEN,
        Some(26) => Base1::LEN_REJECT,
        Some(found) => {
            return Err(FrameError::Unexpected {
                at: at + start,
                expected: "22 or 26 as the length of a BASE I header",
                found: *found,
            });
        }
        None => Base1::LEN,
    };
    match rest.get(..length) {
        Some([_, format, ..]) => Ok((length, format & ANOTHER != 0)),
        Some(_) | None => Err(FrameError::NoRoom {
            length: content.len(),
            part: "BASE I headers",
            bytes: start + length,
        }),
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// A request of 4 bytes, from station 401234 to station 498765.
    const REQUEST: [u8; 26] = hex!(
        "16 01 02 001A"       // length, formats, total
        "498765 401234"       // destination, source
        "C1 8002 010203 07"   // round trip, flags, status, batch
        "000000 09"           // reserved, user
        "01000000"            // message
    );

    #[test]
    fn a_request_says_what_it_says_and_its_answer_goes_back() {
        let header = Base1::decode(&REQUEST, 4).unwrap();
        assert_eq!(header.as_bytes(), &REQUEST[..22]);
        assert_eq!((header.header_format(), header.text_format()), (1, 2));
        assert_eq!(header.total_length(), 26);
        assert_eq!(header.destination(), hex!("498765"));
        assert_eq!(header.source(), hex!("401234"));
        assert_eq!((header.round_trip(), header.flags()), (0xC1, hex!("8002")));
        assert_eq!((header.status(), header.batch()), (hex!("010203"), 7));
        assert_eq!(header.user(), 9);
        assert_eq!((header.is_reject(), header.reject_code()), (false, None));
        assert_eq!(header.original(), None);
        assert_eq!(
            header.answer().as_bytes(),
            hex!("16 01 02 0000 401234 498765 C1 8002 010203 07 000000 09")
        );
    }

    #[test]
    fn a_reject_gives_its_code_and_the_header_it_came_back_with() {
        let mut wire = hex!(
            "1A 81 02 0034"
            "401234 498765"
            "00 0000 000000 00"
            "000000 00"
            "8000 0125"
        )
        .to_vec();
        wire.extend_from_slice(&REQUEST);
        let header = Base1::decode(&wire, 4).unwrap();
        assert!(header.is_reject());
        assert_eq!(header.reject_code(), Some(125));
        assert_eq!(header.original(), Some(&REQUEST[..22]));
        assert_eq!(header.as_bytes(), &wire[..48]);
        let answer = header.answer();
        assert_eq!((answer.as_bytes().len(), answer.header_format()), (22, 1));
        assert!(!answer.is_reject());
        assert_eq!(
            format!("{answer:?}"),
            "Base1(16010200004987654012340000000000000000000000)"
        );

        // The bit of the bitmap decides, and the code has to be digits.
        wire[22] = 0;
        assert!(!Base1::decode(&wire, 4).unwrap().is_reject());
        (wire[22], wire[24]) = (0x80, 0xF1);
        let header = Base1::decode(&wire, 4).unwrap();
        assert_eq!((header.is_reject(), header.reject_code()), (true, None));
    }

    #[test]
    fn err_headers_that_cannot_be() {
        let with = |changes: &[(usize, u8)]| {
            let mut wire = [&REQUEST[..22], &REQUEST].concat();
            wire[4] = 48;
            for (at, byte) in changes {
                wire[*at] = *byte;
            }
            Base1::decode(&wire, 4).unwrap_err().to_string()
        };
        assert_eq!(
            with(&[(0, 23)]),
            "frame byte 4: expected 22 or 26 as the length of a BASE I header, found 0x17"
        );
        assert_eq!(
            with(&[(1, 0x81), (22, 0)]),
            "frame byte 26: expected 22 or 26 as the length of a BASE I header, found 0x00"
        );
        assert_eq!(
            with(&[(1, 0x81), (23, 0x81)]),
            "frame byte 27: expected no third BASE I header to follow, found 0x81"
        );
        assert_eq!(
            with(&[(4, 47)]),
            "frame byte 7: expected a total length of 48, found 47"
        );
        assert_eq!(
            Base1::decode(&hex!("1A81"), 4).unwrap_err().to_string(),
            "frame length 2 has no room for the BASE I headers of 26 bytes"
        );
        let mut alone = REQUEST;
        alone[1] = 0x81;
        assert_eq!(
            Base1::decode(&alone[..22], 4).unwrap_err().to_string(),
            "frame length 22 has no room for the BASE I headers of 44 bytes"
        );
    }
}
