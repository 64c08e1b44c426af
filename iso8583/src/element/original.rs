//! DE 90: which earlier message this one is about.

use crate::element::{all_digits, number};
use crate::error::InvalidElement;
use crate::mti::Mti;

/// Original data elements: MTI n4, STAN n6, DE 7 n10, DE 32 n11, DE 33 n11, the last two
/// right-justified and zero-filled; 42 digits (ISO 8583:1987 DE 90).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginalData {
    mti: Mti,
    digits: [u8; 42],
}

impl OriginalData {
    /// Points at a message by its own values; institutions that are not there are zeros.
    ///
    /// # Errors
    /// Where a value has another length than its element.
    pub fn new(
        mti: Mti,
        stan: &[u8],
        transmission: &[u8],
        acquirer: Option<&[u8]>,
        forwarder: Option<&[u8]>,
    ) -> Result<Self, InvalidElement> {
        let mut digits = [b'0'; 42];
        let parts: [(usize, &[u8]); 5] = [
            (4, mti.as_bytes()),
            (6, stan),
            (10, transmission),
            (11, acquirer.unwrap_or_default()),
            (11, forwarder.unwrap_or_default()),
        ];
        let mut rest = digits.as_mut_slice();
        for (width, value) in parts {
            let (part, after) = rest.split_at_mut(width);
            rest = after;
            for (to, from) in part.iter_mut().rev().zip(value.iter().rev()) {
                *to = *from;
            }
            if value.len() > width {
                return Err(invalid());
            }
        }
        Self::try_from(digits.as_slice())
    }

    /// The 42 digits.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 42] {
        &self.digits
    }

    /// The original's message type.
    #[must_use]
    pub const fn mti(&self) -> Mti {
        self.mti
    }

    /// The original's DE 11, six digits.
    #[must_use]
    pub fn stan(&self) -> &[u8] {
        self.digits.get(4..10).unwrap_or_default()
    }

    /// The original's DE 7, ten digits.
    #[must_use]
    pub fn transmission(&self) -> &[u8] {
        self.digits.get(10..20).unwrap_or_default()
    }

    /// The original's DE 32 as a number (its leading zeros are the element's padding); None where
    /// it is all zeros.
    #[must_use]
    pub fn acquirer(&self) -> Option<u64> {
        number(self.digits.get(20..31)?).filter(|id| *id != 0)
    }
}

impl TryFrom<&[u8]> for OriginalData {
    type Error = InvalidElement;

    fn try_from(digits: &[u8]) -> Result<Self, InvalidElement> {
        let digits = <[u8; 42]>::try_from(digits).map_err(|_| invalid())?;
        if !all_digits(&digits) {
            return Err(invalid());
        }
        let mti = Mti::try_from(digits.get(..4).unwrap_or_default())?;
        Ok(Self { mti, digits })
    }
}

const fn invalid() -> InvalidElement {
    InvalidElement::new("original data (DE 90)", "42 digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_reversal_points_at_its_purchase() {
        let golden = b"020000012303150230150000045000100000000000";
        let built = OriginalData::new(
            Mti::FINANCIAL_REQUEST,
            b"000123",
            b"0315023015",
            Some(b"450001"),
            None,
        )
        .unwrap();
        assert_eq!(built.as_bytes(), golden);
        let read = OriginalData::try_from(&golden[..]).unwrap();
        assert_eq!(read, built);
        assert_eq!(
            (read.stan(), read.transmission()),
            (&b"000123"[..], &b"0315023015"[..])
        );
        assert_eq!(
            (read.mti(), read.acquirer()),
            (Mti::FINANCIAL_REQUEST, Some(450_001))
        );
    }

    #[test]
    fn err_a_part_too_long_for_its_place() {
        let long = OriginalData::new(
            Mti::FINANCIAL_REQUEST,
            b"0000123",
            b"0315023015",
            None,
            None,
        );
        assert!(long.is_err());
        assert!(OriginalData::try_from(&b"0200"[..]).is_err());
    }
}
