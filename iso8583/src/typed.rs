//! Messages as structs: each field one data element, each type only where it belongs.
//!
//! [`TypedMessage`] is derived. The compiler holds the struct to the
//! standard: a [`Pan`] in DE 4, a number that is no data element, one that is there twice do not
//! compile. What is read is right once it exists; what is wrong names its data element.
//!
//! ```
//! use bytes::BytesMut;
//! use iso8583::element::{Amount, Currency, Pan, ProcessingCode, Stan, Track2};
//! use iso8583::{Dialect, TypedMessage};
//!
//! #[derive(Debug, PartialEq, TypedMessage)]
//! #[iso8583(mti = "0200")]
//! struct Purchase {
//!     #[field(2)]
//!     pan: Pan,
//!     #[field(3)]
//!     processing_code: ProcessingCode,
//!     #[field(4, 49)]
//!     amount: Amount,
//!     #[field(11)]
//!     stan: Stan,
//!     #[field(35)]
//!     track2: Option<Track2>,
//! }
//!
//! let purchase = Purchase {
//!     pan: "9999990100000005".parse()?,
//!     processing_code: ProcessingCode::PURCHASE,
//!     amount: Amount::new(15_000, Currency::KRW)?,
//!     stan: "000123".parse()?,
//!     track2: None,
//! };
//! let mut wire = BytesMut::new();
//! purchase.encode(Dialect::iso87_bcd(), &mut wire)?;
//! assert_eq!(Purchase::decode(Dialect::iso87_bcd(), &wire)?, purchase);
//!
//! let mut message = purchase.to_message();
//! message.set(11, b"12A");
//! let error = Purchase::try_from(&message).unwrap_err();
//! assert_eq!(error.to_string(), "DE 11: STAN is not 6 digits above 000000");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which types
//! - the types of [`element`](crate::element), each in the data elements of its [`ElementOf`]
//! - [`Amount`] in DE 4 with 49, 5 with 50 and 6 with 51, by [`PairOf`]
//! - `String` and `Vec<u8>` in every data element that may be printed ([`Shown`]) in the edition of
//!   the message type ([`is_shown`])
//! - [`Concealed`] in every data element there is
//! - your own, by an [`ElementOf`] of yours
//!
//! # What does not compile
//! A type where it does not belong:
//!
//! ```compile_fail,E0277
//! # use iso8583::{TypedMessage, element::Pan};
//! #[derive(TypedMessage)]
//! #[iso8583(mti = "0200")]
//! struct Purchase {
//!     #[field(4)]
//!     pan: Pan,
//! }
//! ```
//!
//! A card number that a `Debug` of the struct would show:
//!
//! ```compile_fail,E0277
//! # use iso8583::TypedMessage;
//! #[derive(TypedMessage)]
//! #[iso8583(mti = "0200")]
//! struct Purchase {
//!     #[field(2)]
//!     pan: String,
//! }
//! ```
//!
//! A date of the card, which DE 13 is from 1993 on:
//!
//! ```compile_fail,E0080
//! # use iso8583::TypedMessage;
//! #[derive(TypedMessage)]
//! #[iso8583(mti = "1200")]
//! struct Purchase {
//!     #[field(13)]
//!     date: String,
//! }
//! ```
//!
//! A pair whose halves do not belong together:
//!
//! ```compile_fail,E0277
//! # use iso8583::{TypedMessage, element::Amount};
//! #[derive(TypedMessage)]
//! #[iso8583(mti = "0200")]
//! struct Purchase {
//!     #[field(4, 50)]
//!     amount: Amount,
//! }
//! ```
//!
//! A data element twice, or none:
//!
//! ```compile_fail
//! # use iso8583::{TypedMessage, element::{Amount, MinorUnits}};
//! #[derive(TypedMessage)]
//! #[iso8583(mti = "0200")]
//! struct Purchase {
//!     #[field(4, 49)]
//!     amount: Amount,
//!     #[field(4)]
//!     units: MinorUnits,
//! }
//! ```

use bytes::BytesMut;
use thiserror::Error;

use crate::codec::Undecodable;
use crate::crypto::EncryptedPinBlock;
use crate::element::{
    AdditionalAmounts, Amount, ApprovalCode, Concealed, Currency, Expiry, InstitutionId, LocalTime,
    MerchantId, MerchantLocation, MerchantType, MinorUnits, MonthDay, NetworkCode, OriginalData,
    Pan, PosCondition, PosEntryMode, PrivateData, ProcessingCode, ResponseCode, Rrn, Stan,
    TerminalId, Track2, TransmissionTime,
};
use crate::error::{EncodeError, InvalidElement};
use crate::message::Message;
use crate::mti::Mti;
use crate::spec::{Dialect, Visibility, element};

/// A struct that stands for the messages of one type.
///
/// Derived with `#[derive(TypedMessage)]`; see the module [`typed`](crate::typed) for an example.
/// - `#[iso8583(mti = "0200")]` on the struct: its message type
/// - `#[field(11)]` on a field: its data element, of a type that is an [`ElementOf`] it;
///   `#[field(4, 49)]`: a pair of them, of a type that is a [`PairOf`] them
/// - an `Option`: the data element, or the pair, need not be there
/// - `#[rest]` on a field of type [`Message`]: every data element without a field of its own, and
///   the TPDU. Without it they are not read.
/// - `#[repeat]` on a field of type `bool`: messages of [`Mti::repeat`] are read as well, and this
///   tells them apart. Without it a repeat is of another type.
///
/// The derive also writes `TryFrom<&Message>`, the same as [`TypedMessage::from_message`].
pub trait TypedMessage: Sized {
    /// The message type.
    const MTI: Mti;

    /// The message of these values, in no dialect yet.
    fn to_message(&self) -> Message;

    /// Reads a message.
    ///
    /// # Errors
    /// Where it is of another type, or a data element is missing or invalid.
    fn from_message(message: &Message) -> Result<Self, Mismatch>;

    /// Appends the message to a buffer as it stands on the wire; on an error the buffer is as it
    /// was.
    ///
    /// # Errors
    /// Where a value does not fit its element in this dialect.
    fn encode(&self, dialect: &Dialect, out: &mut BytesMut) -> Result<(), EncodeError> {
        dialect.encode(&self.to_message(), out)
    }

    /// Reads one whole message off the wire.
    ///
    /// # Errors
    /// Where the bytes are no message of the dialect, or the message is not of this type.
    fn decode(dialect: &Dialect, bytes: &[u8]) -> Result<Self, TypedDecodeError> {
        let message = dialect.decode(bytes)?;
        Self::from_message(&message).map_err(|mismatch| TypedDecodeError::Mismatch {
            mismatch,
            message: Box::new(message),
        })
    }
}

/// A type whose values may stand in a data element.
///
/// Implement it for a type of your own where your peers have made something of an element, as in
/// DE 48 or 60 to 63. [`ElementOf::parse`] and [`ElementOf::value`] undo each other.
///
/// ```
/// use iso8583::{InvalidElement, typed::ElementOf};
///
/// /// Three digits: how many months the customer pays in (our peer's DE 63).
/// struct Instalments([u8; 3]);
///
/// impl ElementOf<63> for Instalments {
///     fn parse(value: &[u8]) -> Result<Self, InvalidElement> {
///         match <[u8; 3]>::try_from(value) {
///             Ok(months) if months.iter().all(u8::is_ascii_digit) => Ok(Self(months)),
///             _ => Err(InvalidElement::new("instalments", "3 digits")),
///         }
///     }
///
///     fn value(&self) -> impl AsRef<[u8]> {
///         self.0
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not stand in DE {DE}",
    label = "not a type of DE {DE}",
    note = "`iso8583::typed` lists which types may stand where; `String` and `Vec<u8>` only where \
            a value may be printed, `iso8583::element::Concealed` in every data element",
    note = "an amount and its currency are a pair of data elements: `#[field(4, 49)]`"
)]
pub trait ElementOf<const DE: u8>: Sized {
    /// Does `Debug` of the type print all it holds? It may then stand only in elements that the
    /// edition of the message type lets be printed ([`is_shown`]).
    const PRINTS_ALL: bool = false;

    /// Reads the canonical value of the element (see [`Message`]).
    ///
    /// # Errors
    /// Where it is none of this type.
    fn parse(value: &[u8]) -> Result<Self, InvalidElement>;

    /// The canonical value of the element.
    fn value(&self) -> impl AsRef<[u8]>;

    /// Reads the element of a message; None where the message has no such element.
    ///
    /// # Errors
    /// Where it is none of this type.
    fn read(message: &Message) -> Result<Option<Self>, Mismatch> {
        let value = message.field(DE).map(Self::parse).transpose();
        value.map_err(|reason| Mismatch::Invalid { de: DE, reason })
    }

    /// Sets the element of a message.
    fn write(&self, message: &mut Message) {
        message.set(DE, self.value().as_ref());
    }
}

/// A type made of two data elements that say nothing without each other.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not made of DE {FIRST} and DE {SECOND}",
    label = "not a pair of DE {FIRST} and DE {SECOND}",
    note = "an `Amount` is DE 4 and 49, 5 and 50, or 6 and 51, in this order"
)]
pub trait PairOf<const FIRST: u8, const SECOND: u8>: Sized {
    /// What stands in the first.
    type First: ElementOf<FIRST>;
    /// What stands in the second.
    type Second: ElementOf<SECOND>;

    /// Puts the two together.
    fn join(first: Self::First, second: Self::Second) -> Self;

    /// Takes them apart.
    fn split(&self) -> (Self::First, Self::Second);

    /// Reads both elements of a message; None where the message has neither.
    ///
    /// # Errors
    /// Where one of them is invalid, or missing while the other is there.
    fn read(message: &Message) -> Result<Option<Self>, Mismatch> {
        match (Self::First::read(message)?, Self::Second::read(message)?) {
            (Some(first), Some(second)) => Ok(Some(Self::join(first, second))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(Mismatch::Missing { de: SECOND }),
            (None, Some(_)) => Err(Mismatch::Missing { de: FIRST }),
        }
    }

    /// Sets both elements of a message.
    fn write(&self, message: &mut Message) {
        let (first, second) = self.split();
        first.write(message);
        second.write(message);
    }
}

/// A message that is not of the type it was read as. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// It is a message of another type.
    #[error("MTI: expected {expected}, found {found}")]
    Mti {
        /// The type it was read as.
        expected: Mti,
        /// The type it is of.
        found: Mti,
    },
    /// A data element is not there and must be.
    #[error("DE {de}: missing")]
    Missing {
        /// The data element.
        de: u8,
    },
    /// A data element is there and not what it must be.
    #[error("DE {de}: {reason}")]
    Invalid {
        /// The data element.
        de: u8,
        /// What is wrong with it.
        reason: InvalidElement,
    },
}

impl Mismatch {
    /// The data element concerned, as DE 44 names it to the sender.
    #[must_use]
    pub const fn data_element(&self) -> Option<u8> {
        match self {
            Self::Mti { .. } => None,
            Self::Missing { de } | Self::Invalid { de, .. } => Some(*de),
        }
    }
}

/// Bytes that are no message of the dialect, or none of the type.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TypedDecodeError {
    /// No message of the dialect.
    #[error(transparent)]
    Undecodable(#[from] Box<Undecodable>),
    /// A message, but not of the type.
    #[error("{mismatch}")]
    Mismatch {
        /// What is wrong.
        mismatch: Mismatch,
        /// The message as it came.
        message: Box<Message>,
    },
}

impl TypedDecodeError {
    /// What could be read, to answer 30 (format error) with; None where not even the MTI could be.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::Undecodable(undecodable) => undecodable.partial.as_ref(),
            Self::Mismatch { message, .. } => Some(message),
        }
    }

    /// The data element concerned, as DE 44 names it to the sender.
    #[must_use]
    pub fn data_element(&self) -> Option<u8> {
        match self {
            Self::Undecodable(undecodable) => undecodable.error.path.data_element(),
            Self::Mismatch { mismatch, .. } => mismatch.data_element(),
        }
    }
}

/// Which type may stand in which data elements, and how it is written there.
macro_rules! elements {
    ($($type:ty: $($de:literal)+, $it:ident => $value:expr;)*) => { $($(
        impl ElementOf<$de> for $type {
            fn parse(value: &[u8]) -> Result<Self, InvalidElement> {
                Self::try_from(value)
            }

            fn value(&self) -> impl AsRef<[u8]> {
                let $it = self;
                $value
            }
        }
    )+)* };
}

elements! {
    Pan: 2, pan => pan.reveal();
    ProcessingCode: 3, code => code.as_bytes();
    MinorUnits: 4 5 6, units => units.to_digits();
    TransmissionTime: 7, time => time.as_bytes();
    Stan: 11, stan => stan.to_digits();
    LocalTime: 12, time => time.as_bytes();
    MonthDay: 13 15 16 17, date => date.as_bytes();
    Expiry: 14, expiry => expiry.reveal();
    MerchantType: 18, merchant => merchant.as_bytes();
    PosEntryMode: 22, mode => mode.as_bytes();
    PosCondition: 25, condition => condition.as_bytes();
    InstitutionId: 32 33 99 100, id => id.as_bytes();
    Track2: 35, track => track.reveal();
    Rrn: 37, rrn => rrn.as_bytes();
    ApprovalCode: 38, code => code.as_bytes();
    ResponseCode: 39, code => code.as_bytes();
    TerminalId: 41, id => id.as_bytes();
    MerchantId: 42, id => id.as_bytes();
    MerchantLocation: 43, location => location.as_bytes();
    Currency: 49 50 51, currency => currency.as_bytes();
    EncryptedPinBlock: 52, block => block.as_bytes();
    AdditionalAmounts: 54, amounts => AdditionalAmounts::encode(amounts.blocks());
    NetworkCode: 70, code => code.as_bytes();
    OriginalData: 90, original => original.as_bytes();
}

impl ElementOf<48> for PrivateData<'static> {
    fn parse(value: &[u8]) -> Result<Self, InvalidElement> {
        let invalid = |_| InvalidElement::new("private data", "tags of the house, each once");
        PrivateData::parse(value)
            .map(PrivateData::into_owned)
            .map_err(invalid)
    }

    fn value(&self) -> impl AsRef<[u8]> {
        Self::encode(self.tags())
    }
}

macro_rules! amounts {
    ($($units:literal $currency:literal;)*) => { $(
        impl PairOf<$units, $currency> for Amount {
            type First = MinorUnits;
            type Second = Currency;

            fn join(units: MinorUnits, currency: Currency) -> Self {
                units.of(currency)
            }

            fn split(&self) -> (MinorUnits, Currency) {
                (self.minor_units(), self.currency())
            }
        }
    )* };
}

amounts! {
    4 49;
    5 50;
    6 51;
}

/// Any value, never printed.
impl<const DE: u8> ElementOf<DE> for Concealed {
    fn parse(value: &[u8]) -> Result<Self, InvalidElement> {
        Ok(Self::from(value))
    }

    fn value(&self) -> impl AsRef<[u8]> {
        self.reveal()
    }
}

/// Any text; its length and class are the dialect's to check.
impl<const DE: u8> ElementOf<DE> for String
where
    Self: Shown<DE>,
{
    const PRINTS_ALL: bool = true;

    fn parse(value: &[u8]) -> Result<Self, InvalidElement> {
        let text = core::str::from_utf8(value);
        text.map(str::to_owned)
            .map_err(|_| InvalidElement::new("value", "text in UTF-8"))
    }

    fn value(&self) -> impl AsRef<[u8]> {
        self.as_str()
    }
}

/// Any bytes; their length and class are the dialect's to check.
impl<const DE: u8> ElementOf<DE> for Vec<u8>
where
    Self: Shown<DE>,
{
    const PRINTS_ALL: bool = true;

    fn parse(value: &[u8]) -> Result<Self, InvalidElement> {
        Ok(value.to_vec())
    }

    fn value(&self) -> impl AsRef<[u8]> {
        self.as_slice()
    }
}

/// Does a masked dump ([`Message::describe`]) show the data element whole, in the edition of the
/// message type? Elements the edition does not have are never shown.
///
/// ```
/// use iso8583::{Mti, typed::is_shown};
///
/// // The date of a sale in 1987, the date a card is good from in 1993.
/// assert!(is_shown(Mti::literal(*b"0200"), 13));
/// assert!(!is_shown(Mti::literal(*b"1200"), 13));
/// ```
#[must_use]
pub const fn is_shown(mti: Mti, de: u8) -> bool {
    match element(mti, de) {
        Some(element) => matches!(element.visibility, Visibility::Shown),
        None => false,
    }
}

/// Says of types that print all they hold in which data elements they may stand: in those that a
/// masked dump ([`Message::describe`]) shows whole in one edition at least. The derive of
/// [`TypedMessage`] sees to it that it is the message's own ([`is_shown`]).
pub trait Shown<const DE: u8> {}

macro_rules! shown {
    ($($de:literal)*) => {
        $(
            impl Shown<$de> for String {}
            impl Shown<$de> for Vec<u8> {}
        )*

        #[cfg(test)]
        const SHOWN: &[u8] = &[$($de),*];
    };
}

shown! {
    3 4 5 6 7 8 9 10 11 12 13 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33
    37 38 39 40 41 42 43 46 49 50 51 54 56 57 58
    66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91
    92 93 94 95 97 99 100 101 105 106 107 108 109 110
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitmap::Bitmap;

    #[test]
    fn only_elements_that_a_dump_shows_in_some_edition_may_be_strings() {
        let editions = [*b"0200", *b"1200", *b"2200"].map(Mti::literal);
        let shown = (2..=128).filter(|de| editions.iter().any(|mti| is_shown(*mti, *de)));
        assert_eq!(shown.collect::<Vec<u8>>(), SHOWN);
        for mti in editions {
            let described = Bitmap::of(&[2, 14, 35, 45, 52, 53, 55, 102]);
            assert!(described.iter().all(|de| !is_shown(mti, de)), "{mti}");
        }
    }
}
