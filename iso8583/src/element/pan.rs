//! DE 2: the card number, masked wherever it is printed.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::element::all_digits;
use crate::error::InvalidElement;

/// Primary account number: 8 to 19 digits (ISO 8583:1987 DE 2, ISO/IEC 7812).
///
/// `Debug` and `Display` show at most the first six and the last four digits, only the last four
/// of numbers below 16 digits (PCI DSS 3.4.1). The clear number leaves by [`Pan::reveal`] alone.
/// The check digit is not enforced here: whether a number must pass it is the issuer's to say
/// ([`Pan::passes_luhn`]).
#[derive(Clone, PartialEq, Eq, Hash, Zeroize, ZeroizeOnDrop)]
pub struct Pan {
    digits: [u8; Self::MAX],
    len: u8,
}

impl Pan {
    const MIN: usize = 8;
    const MAX: usize = 19;

    /// The clear number. Every caller is listed in the repository's `tidy` test.
    #[must_use]
    pub fn reveal(&self) -> &str {
        core::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// Is the last digit the check digit of the others (ISO/IEC 7812-1, Luhn)?
    #[must_use]
    pub fn passes_luhn(&self) -> bool {
        passes_luhn(self.bytes())
    }

    /// The twelve rightmost digits without the check digit, as PIN blocks bind to them
    /// (ISO 9564-1 format 0), left-padded with zeros.
    #[must_use]
    pub(crate) fn account_digits(&self) -> [u8; 12] {
        let mut twelve = [b'0'; 12];
        let body = self.bytes().split_last().map_or(&[][..], |(_, body)| body);
        for (to, from) in twelve.iter_mut().rev().zip(body.iter().rev()) {
            *to = *from;
        }
        twelve
    }

    fn bytes(&self) -> &[u8] {
        self.digits.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Is the last of these digits their check digit (ISO/IEC 7812-1 annex B)? False for anything
/// that is not all digits.
#[must_use]
pub fn passes_luhn(digits: &[u8]) -> bool {
    !digits.is_empty() && all_digits(digits) && luhn_sum(digits).is_multiple_of(10)
}

fn luhn_sum(digits: &[u8]) -> u32 {
    digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit & 0x0F);
            match (place % 2 == 1, digit * 2) {
                (false, _) => digit,
                (true, doubled @ 0..=9) => doubled,
                (true, doubled) => doubled - 9,
            }
        })
        .sum()
}

impl TryFrom<&[u8]> for Pan {
    type Error = InvalidElement;

    fn try_from(digits: &[u8]) -> Result<Self, InvalidElement> {
        let invalid = InvalidElement::new("card number", "8 to 19 digits");
        if !(Self::MIN..=Self::MAX).contains(&digits.len()) || !all_digits(digits) {
            return Err(invalid);
        }
        let mut pan = Self {
            digits: [0; Self::MAX],
            len: 0,
        };
        for (to, from) in pan.digits.iter_mut().zip(digits) {
            *to = *from;
        }
        pan.len = u8::try_from(digits.len()).map_err(|_| invalid)?;
        Ok(pan)
    }
}

impl core::str::FromStr for Pan {
    type Err = InvalidElement;

    fn from_str(text: &str) -> Result<Self, InvalidElement> {
        Self::try_from(text.as_bytes())
    }
}

impl fmt::Display for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.bytes();
        let first = if digits.len() >= 16 { 6 } else { 0 };
        let last = digits.len().saturating_sub(4);
        digits.iter().enumerate().try_for_each(|(place, digit)| {
            let shown = if place < first || place >= last {
                char::from(*digit)
            } else {
                '*'
            };
            write!(f, "{shown}")
        })
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pan({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_and_four_digits_are_ever_printed() {
        for (clear, masked) in [
            ("9999990100000005", "999999******0005"),
            ("1234567890123456789", "123456*********6789"),
            ("378282246310005", "***********0005"),
            ("12345678", "****5678"),
        ] {
            let pan: Pan = clear.parse().unwrap();
            assert_eq!(pan.to_string(), masked);
            assert_eq!(format!("{pan:?}"), format!("Pan({masked})"));
            assert_eq!(pan.reveal(), clear);
        }
    }

    #[test]
    fn err_too_short_too_long_or_not_digits() {
        for text in ["", "1234567", "12345678901234567890", "99999901000000O5"] {
            let error = text.parse::<Pan>().unwrap_err();
            assert_eq!(error.to_string(), "card number is not 8 to 19 digits");
        }
    }
}
