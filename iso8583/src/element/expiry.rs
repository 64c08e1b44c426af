//! DE 14: until when the card is good.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::element::number;
use crate::error::InvalidElement;

/// Expiry of the card: four digits YYMM (ISO 8583:1987 DE 14). Never printed, zeroed on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Expiry([u8; 4]);

impl Expiry {
    /// The four digits, **in clear**. Every caller is listed in the repository's `tidy` test.
    #[must_use]
    pub const fn reveal(&self) -> &[u8; 4] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Expiry {
    type Error = InvalidElement;

    fn try_from(digits: &[u8]) -> Result<Self, InvalidElement> {
        let invalid = InvalidElement::new("expiry", "YYMM");
        let expiry = <[u8; 4]>::try_from(digits).map_err(|_| invalid.clone())?;
        match number(&expiry) {
            Some(year_and_month) if (1..=12).contains(&(year_and_month % 100)) => Ok(Self(expiry)),
            Some(_) | None => Err(invalid),
        }
    }
}

impl core::str::FromStr for Expiry {
    type Err = InvalidElement;

    fn from_str(text: &str) -> Result<Self, InvalidElement> {
        Self::try_from(text.as_bytes())
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expiry(****)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_a_month_of_a_year_and_never_shown() {
        let expiry: Expiry = "3012".parse().unwrap();
        assert_eq!(expiry.reveal(), b"3012");
        assert_eq!(format!("{expiry:?}"), "Expiry(****)");
    }

    #[test]
    fn err_no_month_or_not_four_digits() {
        for text in ["3000", "3013", "301", "30121", "30A2"] {
            let error = text.parse::<Expiry>().unwrap_err();
            assert_eq!(error.to_string(), "expiry is not YYMM");
        }
    }
}
