//! Ranges of card numbers.

use core::fmt;

use crate::route::RouteError;

/// Digits of the longest card number: all are compared at this length.
const DIGITS_MAX: usize = 19;
/// Digits by which a range may be given.
const DIGITS: core::ops::RangeInclusive<usize> = 4..=DIGITS_MAX;
/// Digits of the shortest card number (ISO 8583:1987 DE 2, as [`iso8583::element::Pan`] has it).
pub(super) const CARD_DIGITS_MIN: u8 = 8;
/// More digits than issuers' prefixes have may be a card's own: they are masked in print.
const DIGITS_SHOWN: usize = 11;

/// Card numbers by their first digits: of all that have so many, those from a low to a high one.
///
/// `Debug` and `Display` mask a range that is given by more than 11 digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CardRange {
    /// With zeros behind it, to 19 digits.
    pub(super) low: u64,
    /// With nines behind it, to 19 digits.
    pub(super) high: u64,
    /// By how many it was given: a shorter card number is not in it.
    pub(super) digits: u8,
}

impl CardRange {
    /// All cards whose number begins with these 4 to 19 digits.
    ///
    /// # Errors
    /// Where they are not.
    pub fn prefix(digits: &str) -> Result<Self, RouteError> {
        Self::from_to(digits, digits).ok_or_else(|| RouteError::Prefix(masked(digits)))
    }

    /// `low..high`, both of as many digits, 4 to 19, and both taken in.
    ///
    /// # Errors
    /// Where the text is anything else, or the low one above the high one.
    pub fn range(text: &str) -> Result<Self, RouteError> {
        let range = text
            .split_once("..")
            .and_then(|(low, high)| Self::from_to(low, high));
        range.ok_or_else(|| {
            let ends: Vec<String> = text.split("..").map(masked).collect();
            RouteError::Range(ends.join(".."))
        })
    }

    fn from_to(low: &str, high: &str) -> Option<Self> {
        if low.len() != high.len() || !DIGITS.contains(&low.len()) {
            return None;
        }
        let padding = 10_u64.checked_pow(u32::try_from(DIGITS_MAX - low.len()).ok()?)?;
        let range = Self {
            low: number(low.as_bytes())?.checked_mul(padding)?,
            high: number(high.as_bytes())?
                .checked_add(1)?
                .checked_mul(padding)?
                .checked_sub(1)?,
            digits: u8::try_from(low.len()).ok()?,
        };
        (range.low <= range.high).then_some(range)
    }

    pub(super) const fn width(&self) -> u64 {
        self.high - self.low
    }

    pub(super) const fn same_cards(&self, other: &Self) -> bool {
        self.low == other.low && self.high == other.high
    }

    pub(super) const fn is_within(&self, other: &Self) -> bool {
        other.low <= self.low && self.high <= other.high
    }

    /// What is in both, where that is anything.
    pub(super) fn common(&self, other: &Self) -> Option<Self> {
        let range = Self {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
            digits: self.digits.max(other.digits),
        };
        (range.low <= range.high).then_some(range)
    }
}

impl fmt::Display for CardRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.digits);
        let [low, high] = [self.low, self.high].map(|end| {
            let padded = format!("{end:019}");
            masked(padded.get(..digits).unwrap_or_default())
        });
        if low == high {
            f.write_str(&low)
        } else {
            write!(f, "{low}..{high}")
        }
    }
}

impl fmt::Debug for CardRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardRange({self})")
    }
}

/// A card number as ranges see it.
#[derive(Clone, Copy)]
pub(super) struct CardNumber {
    /// With zeros behind it, to 19 digits.
    pub(super) padded: u64,
    pub(super) digits: u8,
}

impl CardNumber {
    /// None where these are not the digits of a card number.
    pub(super) fn read(digits: &[u8]) -> Option<Self> {
        let missing = u32::try_from(DIGITS_MAX.checked_sub(digits.len())?).ok()?;
        Some(Self {
            padded: number(digits)?.checked_mul(10_u64.checked_pow(missing)?)?,
            digits: u8::try_from(digits.len()).ok()?,
        })
    }
}

/// The number that up to 19 digits make; None where they are not digits.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit <= 9).then(|| number.wrapping_mul(10).wrapping_add(u64::from(digit)))
    })
}

fn masked(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= DIGITS_SHOWN {
        return text.to_owned();
    }
    let hidden = 6..letters.len() - 4;
    let show = |(place, letter): (usize, &char)| {
        if hidden.contains(&place) {
            '*'
        } else {
            *letter
        }
    };
    letters.iter().enumerate().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_ends_and_no_card_of_fewer_digits() {
        for (range, inside, outside) in [
            ("9999", "9999000000000000", "9998999999999999999"),
            ("9999", "9999999999999999999", "99980000"),
            ("0000", "00001234", "00010000"),
        ] {
            let range = CardRange::prefix(range).unwrap();
            for (card, held) in [(inside, true), (outside, false)] {
                let card = CardNumber::read(card.as_bytes()).unwrap();
                let held_now = (range.low..=range.high).contains(&card.padded);
                assert_eq!(held_now, held, "{range}: {}", card.padded);
            }
        }
        let range = CardRange::range("62000000..62009999").unwrap();
        assert_eq!(range.to_string(), "62000000..62009999");
        assert_eq!((range.low, range.digits), (6_200_000_000_000_000_000, 8));
        assert_eq!(range.high, 6_200_999_999_999_999_999);
        let widest = CardRange::range("0000000000000000000..9999999999999999999").unwrap();
        assert_eq!((widest.low, widest.high), (0, 9_999_999_999_999_999_999));
    }

    #[test]
    fn err_what_is_no_range_is_named_and_card_numbers_in_it_are_masked() {
        let prefix = |text| CardRange::prefix(text).unwrap_err().to_string();
        assert_eq!(prefix("999"), "prefix \"999\" is not 4 to 19 digits");
        assert_eq!(prefix("99x9"), "prefix \"99x9\" is not 4 to 19 digits");
        assert_eq!(
            prefix("99999901000000050000"),
            "prefix \"999999**********0000\" is not 4 to 19 digits"
        );
        let expected = "is not two numbers of as many digits, 4 to 19, the lower first: low..high";
        for (text, shown) in [
            ("4000-4999", "4000-4999"),
            ("4999..4000", "4999..4000"),
            ("4000..49999", "4000..49999"),
            ("400..499", "400..499"),
            ("9999990100000005..x", "999999******0005..x"),
        ] {
            assert_eq!(
                CardRange::range(text).unwrap_err().to_string(),
                format!("range {shown:?} {expected}")
            );
        }
        let card = CardRange::prefix("9999990100000005").unwrap();
        assert_eq!(format!("{card:?}"), "CardRange(999999******0005)");
    }
}
