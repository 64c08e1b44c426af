//! DE 32, 33, 99 and 100: the institutions a message comes from, passes and goes to.

use core::fmt;

use crate::element::all_digits;
use crate::error::InvalidElement;

/// Institution identification code: 1 to 11 digits, whose leading zeros count
/// (ISO 8583:1987 DE 32, 33, 99 and 100).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InstitutionId {
    digits: [u8; Self::MAX],
    len: u8,
}

impl InstitutionId {
    const MAX: usize = 11;

    /// The digits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl TryFrom<&[u8]> for InstitutionId {
    type Error = InvalidElement;

    fn try_from(digits: &[u8]) -> Result<Self, InvalidElement> {
        let invalid = InvalidElement::new("institution id", "1 to 11 digits");
        if !(1..=Self::MAX).contains(&digits.len()) || !all_digits(digits) {
            return Err(invalid);
        }
        let mut id = Self {
            digits: [0; Self::MAX],
            len: u8::try_from(digits.len()).map_err(|_| invalid)?,
        };
        for (to, from) in id.digits.iter_mut().zip(digits) {
            *to = *from;
        }
        Ok(id)
    }
}

impl core::str::FromStr for InstitutionId {
    type Err = InvalidElement;

    fn from_str(text: &str) -> Result<Self, InvalidElement> {
        Self::try_from(text.as_bytes())
    }
}

impl fmt::Display for InstitutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

impl fmt::Debug for InstitutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstitutionId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_make_another_institution() {
        let id: InstitutionId = "450001".parse().unwrap();
        assert_eq!(id.as_bytes(), b"450001");
        assert_ne!(id, "0450001".parse().unwrap());
        assert_eq!(format!("{id:?}"), "InstitutionId(450001)");
    }

    #[test]
    fn err_nothing_too_long_or_not_digits() {
        for text in ["", "123456789012", "45000A"] {
            let error = text.parse::<InstitutionId>().unwrap_err();
            assert_eq!(error.to_string(), "institution id is not 1 to 11 digits");
        }
    }
}
