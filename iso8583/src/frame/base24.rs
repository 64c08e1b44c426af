//! BASE24's external message header: `ISO` and nine digits.

use core::fmt;

use crate::frame::FrameError;

/// `ISO`, product n2, release n2, status n3, originator n1, responder n1: `ISO026000050`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Base24([u8; 12]);

impl Base24 {
    /// Characters on the wire.
    pub const LEN: usize = 12;
    /// Product 00: network management.
    pub const NETWORK: u8 = 0;
    /// Product 01: automated teller machines.
    pub const ATM: u8 = 1;
    /// Product 02: points of sale.
    pub const POS: u8 = 2;
    /// Originator or responder 5: a host, which is what we are to BASE24.
    pub const HOST: u8 = 5;

    /// A request of a host about a point of sale, release 6.0, not yet answered.
    pub const REQUEST: Self = Self(*b"ISO026000050");

    /// Of these twelve characters.
    ///
    /// # Errors
    /// [`FrameError::Unexpected`] at the first that is not of `ISO` or no digit.
    pub fn new(characters: [u8; Self::LEN]) -> Result<Self, FrameError> {
        Self::decode(characters, 0)
    }

    pub(super) fn decode(bytes: [u8; Self::LEN], at: usize) -> Result<Self, FrameError> {
        let wrong = |place: usize, byte: &u8| match place {
            0 if *byte != b'I' => Some("the I of ISO"),
            1 if *byte != b'S' => Some("the S of ISO"),
            2 if *byte != b'O' => Some("the O of ISO"),
            3.. if !byte.is_ascii_digit() => Some("a digit of the BASE24 header"),
            _ => None,
        };
        for (place, byte) in bytes.iter().enumerate() {
            if let Some(expected) = wrong(place, byte) {
                return Err(FrameError::Unexpected {
                    at: at + place,
                    expected,
                    found: *byte,
                });
            }
        }
        Ok(Self(bytes))
    }

    /// The wire bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The product the message is about, 0 to 99: [`Base24::NETWORK`], [`Base24::ATM`],
    /// [`Base24::POS`].
    #[must_use]
    pub const fn product(&self) -> u8 {
        let [_, _, _, tens, ones, ..] = self.0;
        (tens & 0x0F) * 10 + (ones & 0x0F)
    }

    /// The release of the message format, 60 for 6.0.
    #[must_use]
    pub const fn release(&self) -> u8 {
        let [_, _, _, _, _, tens, ones, ..] = self.0;
        (tens & 0x0F) * 10 + (ones & 0x0F)
    }

    /// 0, or the data element that could not be read, in a message sent back.
    #[must_use]
    pub fn status(&self) -> u16 {
        let [_, _, _, _, _, _, _, status @ .., _, _] = self.0;
        status
            .into_iter()
            .fold(0, |sum, digit| sum * 10 + u16::from(digit & 0x0F))
    }

    /// The same, saying that this data element could not be read.
    #[must_use]
    pub const fn with_status(mut self, element: u8) -> Self {
        let [_, _, _, _, _, _, _, hundreds, tens, ones, _, _] = &mut self.0;
        *hundreds = b'0' + element / 100;
        *tens = b'0' + element / 10 % 10;
        *ones = b'0' + element % 10;
        self
    }

    /// Who sent the request, 0 to 9.
    #[must_use]
    pub const fn originator(&self) -> u8 {
        let [.., originator, _] = self.0;
        originator & 0x0F
    }

    /// Who answered it, 0 to 9: 0 is nobody yet.
    #[must_use]
    pub const fn responder(&self) -> u8 {
        let [.., responder] = self.0;
        responder & 0x0F
    }

    /// The header of the answer: we fill in the responder as [`Base24::HOST`].
    #[must_use]
    pub const fn answer(mut self) -> Self {
        let [.., responder] = &mut self.0;
        *responder = b'0' + Self::HOST;
        self
    }
}

impl fmt::Debug for Base24 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base24({})", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_what_it_says_and_its_answer_names_the_host() {
        let request = Base24::new(*b"ISO026000050").unwrap();
        assert_eq!((request.product(), request.release()), (Base24::POS, 60));
        assert_eq!(request.status(), 0);
        assert_eq!((request.originator(), request.responder()), (5, 0));
        assert_eq!(request.answer().as_bytes(), b"ISO026000055");

        // A request of an interchange, as seen in the wild.
        let interchange = Base24::new(*b"ISO026000070").unwrap();
        assert_eq!(interchange.answer().as_bytes(), b"ISO026000075");
        assert_eq!(format!("{interchange:?}"), "Base24(ISO026000070)");
    }

    #[test]
    fn a_message_sent_back_names_its_data_element() {
        let back = Base24::REQUEST.with_status(127);
        assert_eq!(back.as_bytes(), b"ISO026012750");
        assert_eq!(back.status(), 127);
        assert_eq!(back.with_status(4).as_bytes(), b"ISO026000450");
    }

    #[test]
    fn err_other_characters_are_named_with_their_place() {
        for (characters, message) in [
            (
                b"iSO026000050",
                "frame byte 0: expected the I of ISO, found 0x69",
            ),
            (
                b"IsO026000050",
                "frame byte 1: expected the S of ISO, found 0x73",
            ),
            (
                b"IS0026000050",
                "frame byte 2: expected the O of ISO, found 0x30",
            ),
            (
                b"ISO0260000 0",
                "frame byte 10: expected a digit of the BASE24 header, found 0x20",
            ),
        ] {
            assert_eq!(Base24::new(*characters).unwrap_err().to_string(), message);
        }
    }
}
