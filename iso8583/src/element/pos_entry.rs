//! DE 22: how the card number came into the terminal.

use crate::element::all_digits;
use crate::error::InvalidElement;

/// PAN entry mode and PIN capability: three digits (ISO 8583:1987 DE 22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PosEntryMode([u8; 3]);

impl PosEntryMode {
    /// 012: keyed or given online, no PIN.
    pub const KEYED_WITHOUT_PIN: Self = Self(*b"012");
    /// 011: keyed, terminal can take a PIN.
    pub const KEYED_WITH_PIN: Self = Self(*b"011");
    /// 021: magnetic stripe, terminal can take a PIN.
    pub const STRIPE_WITH_PIN: Self = Self(*b"021");

    /// The three digits.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 3] {
        &self.0
    }

    /// Was the card itself read: stripe (02, 80, 90), chip (05, 95), contactless (07, 91)?
    #[must_use]
    pub const fn card_read(self) -> bool {
        matches!(
            (self.0[0], self.0[1]),
            (b'0', b'2' | b'5' | b'7') | (b'8', b'0') | (b'9', b'0' | b'1' | b'5')
        )
    }
}

impl TryFrom<&[u8]> for PosEntryMode {
    type Error = InvalidElement;

    fn try_from(mode: &[u8]) -> Result<Self, InvalidElement> {
        match <[u8; 3]>::try_from(mode) {
            Ok(mode) if all_digits(&mode) => Ok(Self(mode)),
            Ok(_) | Err(_) => Err(InvalidElement::new("POS entry mode", "3 digits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modes_that_read_a_card() {
        let read: Vec<u8> = (0..100_u8)
            .filter(|mode| PosEntryMode([b'0' + mode / 10, b'0' + mode % 10, b'1']).card_read())
            .collect();
        assert_eq!(read, [2, 5, 7, 80, 90, 91, 95]);
    }
}
