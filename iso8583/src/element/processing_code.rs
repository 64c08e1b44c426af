//! DE 3: what kind of transaction it is.

use core::fmt;

use crate::element::all_digits;
use crate::error::InvalidElement;

/// Transaction type, account from, account to: six digits (ISO 8583:1987 DE 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessingCode([u8; 6]);

impl ProcessingCode {
    /// 000000, goods and services.
    pub const PURCHASE: Self = Self(*b"000000");
    /// 200000, return of goods.
    pub const REFUND: Self = Self(*b"200000");
    /// 310000, balance inquiry.
    pub const BALANCE_INQUIRY: Self = Self(*b"310000");

    /// The six digits.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 6] {
        &self.0
    }

    /// The first two digits.
    #[must_use]
    pub const fn transaction_type(self) -> TransactionType {
        match (self.0[0], self.0[1]) {
            (b'0', b'0') => TransactionType::Purchase,
            (b'0', b'1') => TransactionType::Cash,
            (b'0', b'9') => TransactionType::PurchaseWithCashback,
            (b'2', b'0') => TransactionType::Refund,
            (b'2', b'1' | b'8') => TransactionType::Load,
            (b'3', _) => TransactionType::Inquiry,
            (tens, ones) => TransactionType::Other([tens, ones]),
        }
    }
}

impl TryFrom<&[u8]> for ProcessingCode {
    type Error = InvalidElement;

    fn try_from(code: &[u8]) -> Result<Self, InvalidElement> {
        match <[u8; 6]>::try_from(code) {
            Ok(code) if all_digits(&code) => Ok(Self(code)),
            Ok(_) | Err(_) => Err(InvalidElement::new("processing code", "6 digits")),
        }
    }
}

impl fmt::Display for ProcessingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

impl fmt::Debug for ProcessingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessingCode({self})")
    }
}

/// Positions 1 and 2 of DE 3: debits 00–19, credits 20–29, inquiries 30–39.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionType {
    /// 00: goods and services.
    Purchase,
    /// 01: cash.
    Cash,
    /// 09: goods and services, part of it in cash.
    PurchaseWithCashback,
    /// 20: return of goods.
    Refund,
    /// 21, alias 28: money onto the card.
    Load,
    /// 30 to 39: how much is there?
    Inquiry,
    /// Any other, by its two digits.
    Other([u8; 2]),
}
