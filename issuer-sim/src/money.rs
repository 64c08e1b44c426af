//! Money as the ledger counts it.

use std::fmt;

use thiserror::Error;

/// An amount in minor units of the ledger's one currency (KRW has none smaller: one is one won).
///
/// Signed, because an account may be owed or owing; arithmetic is checked, never wrapping
/// (`domain.md` §8.1: integer minor units).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor(i64);

impl Minor {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The amount of `units` minor units.
    #[must_use]
    pub const fn new(units: i64) -> Self {
        Self(units)
    }

    /// The number of minor units.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Reads the twelve digits of ISO 8583:1987 DE 4 or of the first part of DE 95.
    ///
    /// # Errors
    /// [`NotAnAmount`] for anything but one to twelve ASCII digits.
    pub fn parse_digits(digits: &[u8]) -> Result<Self, NotAnAmount> {
        if digits.is_empty() || digits.len() > WIRE_DIGITS_MAX {
            return Err(NotAnAmount);
        }
        digits
            .iter()
            .try_fold(0_i64, |sum, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| sum * 10 + i64::from(digit - b'0'))
            })
            .map(Self)
            .ok_or(NotAnAmount)
    }

    /// The sum.
    ///
    /// # Errors
    /// [`Overflow`] beyond 64 bits.
    pub fn plus(self, other: Self) -> Result<Self, Overflow> {
        self.0.checked_add(other.0).map(Self).ok_or(Overflow)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`Overflow`] beyond 64 bits.
    pub fn minus(self, other: Self) -> Result<Self, Overflow> {
        self.0.checked_sub(other.0).map(Self).ok_or(Overflow)
    }

    /// The same amount on the other side of the account.
    ///
    /// # Errors
    /// [`Overflow`] for the one value without a counterpart.
    pub fn negated(self) -> Result<Self, Overflow> {
        self.0.checked_neg().map(Self).ok_or(Overflow)
    }

    /// Nothing was taken below zero: the amount, or zero where it is negative.
    #[must_use]
    pub fn at_least_zero(self) -> Self {
        self.max(Self::ZERO)
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A sum left the range of 64 bits.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("amount does not fit 64 bits")]
pub struct Overflow;

/// An amount field held something else than digits.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("amount is not 1 to 12 digits")]
pub struct NotAnAmount;

const WIRE_DIGITS_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_amounts_of_the_wire_are_minor_units() {
        for (digits, units) in [
            ("000000015000", 15_000),
            ("000000000000", 0),
            ("999999999999", 999_999_999_999),
        ] {
            assert_eq!(
                Minor::parse_digits(digits.as_bytes()),
                Ok(Minor::new(units))
            );
        }
    }

    #[test]
    fn err_anything_but_digits_is_no_amount() {
        for text in ["", "12a", "-1", " 1", "1234567890123"] {
            assert_eq!(Minor::parse_digits(text.as_bytes()), Err(NotAnAmount));
        }
    }

    #[test]
    fn sums_beyond_64_bits_are_errors_not_wraps() {
        assert_eq!(Minor::new(i64::MAX).plus(Minor::new(1)), Err(Overflow));
        assert_eq!(Minor::new(i64::MIN).minus(Minor::new(1)), Err(Overflow));
        assert_eq!(Minor::new(i64::MIN).negated(), Err(Overflow));
    }
}
