//! DE 11: the number of a request on its link.

use core::fmt;

use crate::element::number;
use crate::error::InvalidElement;

/// Systems trace audit number: 000001 to 999999 (ISO 8583:1987 DE 11).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stan(u32);

impl Stan {
    /// 999999.
    pub const MAX: Self = Self(999_999);

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The six digits of DE 11.
    #[must_use]
    pub fn to_digits(self) -> [u8; 6] {
        let [.., a, b, c, d, e, f] = super::twelve_digits(u64::from(self.0));
        [a, b, c, d, e, f]
    }
}

impl TryFrom<u32> for Stan {
    type Error = InvalidElement;

    fn try_from(number: u32) -> Result<Self, InvalidElement> {
        if (1..=Self::MAX.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(invalid())
        }
    }
}

impl TryFrom<&[u8]> for Stan {
    type Error = InvalidElement;

    fn try_from(digits: &[u8]) -> Result<Self, InvalidElement> {
        if digits.len() != 6 {
            return Err(invalid());
        }
        let number = number(digits).and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(invalid).and_then(Self::try_from)
    }
}

impl core::str::FromStr for Stan {
    type Err = InvalidElement;

    fn from_str(text: &str) -> Result<Self, InvalidElement> {
        Self::try_from(text.as_bytes())
    }
}

impl fmt::Display for Stan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl fmt::Debug for Stan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stan({self})")
    }
}

const fn invalid() -> InvalidElement {
    InvalidElement::new("STAN", "6 digits above 000000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_from_the_first_to_the_last() {
        for (digits, number) in [(b"000001", 1), (b"000123", 123), (b"999999", 999_999)] {
            let stan = Stan::try_from(&digits[..]).unwrap();
            assert_eq!((stan.number(), &stan.to_digits()), (number, digits));
            assert_eq!(Stan::try_from(number), Ok(stan));
        }
    }

    #[test]
    fn err_zero_too_many_or_not_digits() {
        for text in ["000000", "", "123", "0001234", "00012A", "+00001"] {
            let error = text.parse::<Stan>().unwrap_err();
            assert_eq!(error.to_string(), "STAN is not 6 digits above 000000");
        }
        assert!(Stan::try_from(0).is_err());
        assert!(Stan::try_from(1_000_000).is_err());
    }
}
