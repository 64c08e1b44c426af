//! What a mall asks for, as values that are right once they exist.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use iso8583::InvalidElement;
use iso8583::crypto::ClearPin;
use iso8583::element::{Amount, Pan, PosEntryMode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::config::Mall;

/// A sale to be approved (patent d6).
#[derive(Clone, Debug)]
pub struct Sale {
    /// The mall that sells.
    pub mall: Arc<Mall>,
    /// The mall's number of the order, unique there.
    pub order: OrderId,
    /// The mall's own name for its customer.
    pub customer: CustomerId,
    /// What is sold, for the slip.
    pub goods: Option<Goods>,
    /// The customer's e-mail address or telephone number, hashed.
    pub contact: Option<Contact>,
    /// What it costs.
    pub amount: Amount,
    /// What it is paid with.
    pub card: Card,
}

impl Sale {
    /// Two requests with the same fingerprint ask for the same thing. The card password takes no
    /// part, for nothing derived from it may be kept.
    #[must_use]
    pub fn fingerprint(&self, keyed: &impl BuildHasher) -> u64 {
        let mut hasher = keyed.build_hasher();
        self.customer.hash(&mut hasher);
        self.goods.hash(&mut hasher);
        self.contact.hash(&mut hasher);
        self.amount.hash(&mut hasher);
        self.card.pan.hash(&mut hasher);
        self.card.expiry.hash(&mut hasher);
        hasher.finish()
    }
}

/// A card as the customer gave it. `Debug` masks.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its number.
    pub pan: Pan,
    /// Its expiry, where the mall asked for it.
    pub expiry: Option<Expiry>,
    /// Its password, where the mall asked for it.
    pub password: Option<ClearPin>,
}

impl Card {
    /// DE 22: typed in, with or without a password.
    #[must_use]
    pub const fn entry_mode(&self) -> PosEntryMode {
        match self.password {
            Some(_) => PosEntryMode::KEYED_WITH_PIN,
            None => PosEntryMode::KEYED_WITHOUT_PIN,
        }
    }
}

/// Mall id: DE 48 tag 01.
pub type MallId = Reference<20>;
/// Order id: DE 48 tag 02.
pub type OrderId = Reference<40>;
/// The mall's name for its customer: DE 48 tag 03.
pub type CustomerId = Reference<40>;

/// A name given by a mall: 1 to `MAX` printable ASCII characters.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference<const MAX: usize>(Arc<str>);

impl<const MAX: usize> Reference<MAX> {
    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<String> for Reference<MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !printable || !(1..=MAX).contains(&text.len()) {
            return Err(format!(
                "an id must be 1 to {MAX} printable ASCII characters"
            ));
        }
        Ok(Self(text.into()))
    }
}

impl<const MAX: usize> From<Reference<MAX>> for String {
    fn from(reference: Reference<MAX>) -> Self {
        reference.as_str().to_owned()
    }
}

impl<const MAX: usize> fmt::Display for Reference<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> fmt::Debug for Reference<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// A name of goods: any script, no control characters, cut to the 40 bytes of DE 48 tag 09.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Goods(String);

impl Goods {
    const BYTES_MAX: usize = 40;

    /// The name, at most 40 bytes of UTF-8.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Goods {
    type Error = String;

    fn try_from(mut name: String) -> Result<Self, String> {
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err("a name of goods must be without control characters".to_owned());
        }
        name.truncate(name.floor_char_boundary(Self::BYTES_MAX));
        Ok(Self(name))
    }
}

/// Customer data: an e-mail address or telephone number, of which only the SHA-256 goes on
/// (DE 48 tag 10), in 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
pub struct Contact(String);

impl Contact {
    /// The hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Contact {
    fn from(clear: String) -> Self {
        let hash = Sha256::digest(Zeroizing::new(clear).as_bytes());
        Self(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Expiry of a card, YYMM (ISO 8583:1987 DE 14). Never printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Expiry([u8; 4]);

impl Expiry {
    /// The four digits of DE 14.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Expiry {
    type Error = InvalidElement;

    fn try_from(digits: &[u8]) -> Result<Self, InvalidElement> {
        match <[u8; 4]>::try_from(digits) {
            Ok(expiry @ ([_, _, b'0', b'1'..=b'9'] | [_, _, b'1', b'0'..=b'2']))
                if expiry.iter().all(u8::is_ascii_digit) =>
            {
                Ok(Self(expiry))
            }
            Ok(_) | Err(_) => Err(InvalidElement::new("expiry", "year and month as YYMM")),
        }
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
    fn a_reference_is_printable_and_fits_its_tag() {
        assert!(OrderId::try_from("ORD-20260315-000077".to_owned()).is_ok());
        for text in ["", "ORD\n1", "주문", &"x".repeat(41)] {
            assert!(OrderId::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn goods_are_cut_between_characters() {
        let goods = Goods::try_from("로봇".repeat(10)).unwrap();
        assert_eq!(goods.as_str(), "로봇로봇로봇로봇로봇로봇로");
        assert!(Goods::try_from("a\tb".to_owned()).is_err());
    }

    #[test]
    fn of_a_contact_only_the_hash_is_kept() {
        let contact = Contact::from("abc".to_owned());
        assert_eq!(
            contact.as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn an_expiry_is_a_year_and_a_month() {
        assert!(Expiry::try_from(&b"3012"[..]).is_ok());
        for digits in [&b""[..], b"3000", b"3013", b"301", b"30X2", b"1230 "] {
            assert!(Expiry::try_from(digits).is_err(), "{digits:?}");
        }
    }
}
