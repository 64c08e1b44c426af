//! DE 4 to 6: money in integer minor units.

use core::fmt;

use rust_decimal::Decimal;

use crate::element::{Currency, number};
use crate::error::InvalidElement;

/// A sum of money as the wire carries it: minor units without a point, at most twelve digits
/// (ISO 8583:1987 DE 4), in one currency.
///
/// ```
/// use iso8583::element::{Amount, Currency};
///
/// let price = Amount::new(1234, Currency::USD)?;
/// assert_eq!(price.to_string(), "12.34 USD");
/// assert_eq!(&price.to_digits(), b"000000001234");
/// # Ok::<(), iso8583::InvalidElement>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Amount {
    minor: u64,
    currency: Currency,
}

impl Amount {
    /// The most that twelve digits hold.
    pub const MAX_MINOR: u64 = 999_999_999_999;

    /// An amount of minor units.
    ///
    /// # Errors
    /// Above [`Amount::MAX_MINOR`].
    pub const fn new(minor: u64, currency: Currency) -> Result<Self, InvalidElement> {
        if minor > Self::MAX_MINOR {
            return Err(InvalidElement::new("amount", "12 digits"));
        }
        Ok(Self { minor, currency })
    }

    /// Reads the twelve digits of DE 4.
    ///
    /// # Errors
    /// Where they are not twelve digits.
    pub fn parse(digits: &[u8], currency: Currency) -> Result<Self, InvalidElement> {
        MinorUnits::try_from(digits).map(|minor| minor.of(currency))
    }

    /// The minor units: won, cents, fils.
    #[must_use]
    pub const fn minor(self) -> u64 {
        self.minor
    }

    /// The minor units as DE 4 carries them, without their currency.
    #[must_use]
    pub const fn minor_units(self) -> MinorUnits {
        MinorUnits(self.minor)
    }

    /// The currency they are counted in.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The twelve digits of DE 4.
    #[must_use]
    pub fn to_digits(self) -> [u8; 12] {
        twelve_digits(self.minor)
    }

    /// For rates, fees and display: the amount in major units, exact.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        Decimal::from_i128_with_scale(i128::from(self.minor), self.currency.exponent())
    }
}

/// An amount whose currency stands elsewhere: twelve digits (ISO 8583:1987 DE 4 to 6).
///
/// Only what knows the currency can say how much it is: see [`MinorUnits::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MinorUnits(u64);

impl MinorUnits {
    /// The amount, in the currency of DE 49 (for DE 4), 50 (for DE 5) or 51 (for DE 6).
    #[must_use]
    pub const fn of(self, currency: Currency) -> Amount {
        Amount {
            minor: self.0,
            currency,
        }
    }

    /// The number: won, cents, fils.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The twelve digits of DE 4.
    #[must_use]
    pub fn to_digits(self) -> [u8; 12] {
        twelve_digits(self.0)
    }
}

impl TryFrom<u64> for MinorUnits {
    type Error = InvalidElement;

    fn try_from(minor: u64) -> Result<Self, InvalidElement> {
        if minor > Amount::MAX_MINOR {
            return Err(InvalidElement::new("amount", "12 digits"));
        }
        Ok(Self(minor))
    }
}

impl TryFrom<&[u8]> for MinorUnits {
    type Error = InvalidElement;

    fn try_from(digits: &[u8]) -> Result<Self, InvalidElement> {
        match number(digits) {
            Some(minor) if digits.len() == 12 => Self::try_from(minor),
            Some(_) | None => Err(InvalidElement::new("amount", "12 digits")),
        }
    }
}

/// The last twelve decimal digits of a number.
pub(crate) fn twelve_digits(mut number: u64) -> [u8; 12] {
    let mut digits = [b'0'; 12];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    digits
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.currency.shown(self.minor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_units_are_shown_in_major_units_of_their_currency() {
        let kwd = Currency::try_from(&b"414"[..]).unwrap();
        let unknown = Currency::try_from(&b"000"[..]).unwrap();
        for (minor, currency, shown) in [
            (15_000, Currency::KRW, "15,000 KRW"),
            (0, Currency::KRW, "0 KRW"),
            (123_456_789, Currency::USD, "1,234,567.89 USD"),
            (1234, kwd, "1.234 KWD"),
            (5, unknown, "0.05 000"),
        ] {
            assert_eq!(Amount::new(minor, currency).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn err_not_twelve_digits() {
        for digits in [&b""[..], b"15000", b"00000001500X", b"0000000015000"] {
            assert!(Amount::parse(digits, Currency::KRW).is_err());
        }
        assert!(Amount::new(1_000_000_000_000, Currency::KRW).is_err());
    }

    #[test]
    fn digits_and_amount_are_the_same_thing() {
        let amount = Amount::parse(b"000000015000", Currency::KRW).unwrap();
        assert_eq!(amount.minor(), 15_000);
        assert_eq!(&amount.to_digits(), b"000000015000");
        let units = amount.minor_units();
        assert_eq!(
            (units.number(), units.to_digits()),
            (15_000, amount.to_digits())
        );
        assert_eq!(units.of(Currency::KRW), amount);
        assert!(MinorUnits::try_from(1_000_000_000_000).is_err());
    }
}
