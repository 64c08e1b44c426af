//! A prepaid card: how it is named, what state it is in, what its product allows.
//!
//! The clear number is nowhere here: a card is found by a keyed hash of it ([`PanKey`]) and keeps
//! it encrypted ([`SealedPan`]).

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::ledger::Line;
use crate::money::Minor;
use crate::trace::Key;

/// Place of a card in the books, given in order of issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardIndex(pub u32);

impl CardIndex {
    /// The same as a position in a list.
    #[must_use]
    pub fn position(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The name by which the office and the payment gateway know a card: random, says nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardId(pub [u8; 16]);

impl CardId {
    /// Reads `card_` and 32 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(CARD_ID_PREFIX)?;
        (digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| u128::from_str_radix(digits, 16).ok())
            .flatten()
            .map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for CardId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{CARD_ID_PREFIX}{:032x}",
            u128::from_be_bytes(self.0)
        )
    }
}

impl fmt::Debug for CardId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Keyed HMAC-SHA-256 of a card number, its first sixteen bytes: finds a card, reveals none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PanKey(pub [u8; 16]);

impl fmt::Debug for PanKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PanKey(..)")
    }
}

/// A card number under AES-256-GCM: twelve bytes of nonce, then the ciphertext with its tag.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPan(pub Box<[u8]>);

impl fmt::Debug for SealedPan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealedPan({} bytes)", self.0.len())
    }
}

/// Visa PIN verification value of a card password: all that is kept of it (`domain.md` §5.7).
#[derive(Clone, Copy, Eq)]
pub struct Pvv(pub [u8; 4]);

impl PartialEq for Pvv {
    /// In constant time: how long it takes says nothing of how many digits were right.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Pvv {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pvv(****)")
    }
}

/// Last month in which a card is good, YYMM (ISO 8583:1987 DE 14); years are those of 2000 to 2099.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expiry(u16);

impl Expiry {
    /// The last month that can be written.
    pub const LAST: Self = Self(9912);

    /// A month, if `year` is 0 to 99 and `month` 1 to 12.
    #[must_use]
    pub fn new(year: u16, month: u16) -> Option<Self> {
        (year <= 99 && (1..=12).contains(&month)).then_some(Self(year * 100 + month))
    }

    /// Reads four digits YYMM.
    #[must_use]
    pub fn parse(digits: &[u8]) -> Option<Self> {
        let digits: [u8; 4] = digits.try_into().ok()?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let [y, yy, m, mm] = digits.map(|digit| u16::from(digit - b'0'));
        Self::new(y * 10 + yy, m * 10 + mm)
    }

    /// The month `years` later, or the last one that can be written.
    #[must_use]
    pub fn years_later(self, years: u16) -> Self {
        Self::new((self.0 / 100).saturating_add(years), self.0 % 100).unwrap_or(Self::LAST)
    }

    /// YYMM as a number, as the journal keeps it.
    #[must_use]
    pub const fn yymm(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}", self.0)
    }
}

/// Whether and why a card may not be used (`domain.md` §3 and §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Good.
    Active,
    /// Issued, not yet to be used: 57.
    NotActive,
    /// Suspended for the time being: 62.
    Blocked,
    /// Reported lost: 41.
    Lost,
    /// Reported stolen: 43.
    Stolen,
    /// Ended for good: 14, as if it had never been.
    Closed,
}

/// What was sold: an anonymous card, or one of the cards that load tests spend from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// Without a holder on file, so the law caps what it may hold.
    Anonymous,
    /// For load tests: exempt from that cap.
    Load,
}

/// One card as the books keep it. Its money is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Its public name.
    pub id: CardId,
    /// What it is found by.
    pub pan_key: PanKey,
    /// Its number, encrypted.
    pub sealed_pan: SealedPan,
    /// Last month it is good.
    pub expiry: Expiry,
    /// What was sold.
    pub product: Product,
    /// May it be used?
    pub status: Status,
    /// What its password is checked against.
    pub pvv: Pvv,
    /// Wrong passwords in a row.
    pub tries: u8,
    /// Duplicate keys of the pre-authorizations still holding money.
    pub holds: BTreeSet<Key>,
    /// The latest movements, newest last, as many as the configuration keeps.
    pub lines: VecDeque<Line>,
}

/// What the product allows (`domain.md` §8.2, §8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The most that one purchase, pre-authorization or refund may be: 61 above.
    pub purchase_max: Minor,
    /// The most that an anonymous card may hold: a charge or refund above it is refused.
    pub anonymous_balance_max: Minor,
    /// Wrong passwords in a row at which a card answers 75.
    pub tries_max: u8,
}

const CARD_ID_PREFIX: &str = "card_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_id_reads_back_what_it_prints() {
        let id = CardId([7; 16]);
        assert_eq!(CardId::parse(&id.to_string()), Some(id));
        for text in [
            "",
            "card_",
            "card_07",
            "0707",
            "card_+7070707070707070707070707070707",
        ] {
            assert_eq!(CardId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ok_expiry_is_yymm() {
        assert_eq!(Expiry::parse(b"3012"), Expiry::new(30, 12));
        assert_eq!(Expiry::new(30, 12).unwrap().to_string(), "3012");
        assert!(Expiry::parse(b"3101") > Expiry::parse(b"3012"));
    }

    #[test]
    fn err_expiry_without_such_a_month() {
        for digits in ["3000", "3013", "30A2", "301", "+112"] {
            assert_eq!(Expiry::parse(digits.as_bytes()), None, "{digits}");
        }
    }

    #[test]
    fn nothing_of_a_password_or_number_is_printed() {
        assert_eq!(format!("{:?}", Pvv(*b"4021")), "Pvv(****)");
        assert_eq!(format!("{:?}", PanKey([9; 16])), "PanKey(..)");
        assert_eq!(
            format!("{:?}", SealedPan(Box::new([1, 2]))),
            "SealedPan(2 bytes)"
        );
    }
}
