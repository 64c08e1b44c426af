//! Why a request is refused, and what the wire calls it.

use iso8583::element::ResponseCode;

use crate::answer::Answer;

/// A reason to refuse, in the order in which they are looked for (`domain.md` §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Same key, other content; or the request was reversed, perhaps before it came.
    Duplicate,
    /// The memory of keys is full: what cannot be remembered must not be done.
    NoRoomToRemember,
    /// The disk is nearly full: what is left is for reversals.
    NoRoomToRecord,
    /// No such card, or its check digit is wrong.
    UnknownCard,
    /// Reported lost.
    Lost,
    /// Reported stolen.
    Stolen,
    /// Suspended.
    Blocked,
    /// Ended.
    Closed,
    /// Not to be used yet.
    NotActive,
    /// Past its month, or another expiry date was given.
    Expired,
    /// Wrong passwords up to the limit, on this or an earlier request.
    TriesExceeded,
    /// The card was there and its password was not.
    PasswordMissing,
    /// DE 52 could not be read: another key, another card, garbage.
    PasswordUnreadable,
    /// The password is wrong.
    PasswordWrong,
    /// Not among what the product offers.
    NotPermitted,
    /// Another currency than the card's.
    OtherCurrency,
    /// No amount, or zero.
    NoAmount,
    /// More than one purchase may be.
    OverPurchaseLimit,
    /// A refund that would take an anonymous card above what it may hold.
    OverBalanceCap,
    /// More than is available.
    InsufficientFunds,
    /// A reversal request whose DE 4 is not its original's.
    OriginalAmount,
    /// A reversal of an original that was not found and is older than the memory: whether it was
    /// there is not known any more.
    OriginalTooOld,
    /// A reversal by a switch through which the original did not go last: its answer went another
    /// way, and is that way's to give up.
    OtherForwarder,
    /// A message that contradicts itself, by the data element in error.
    Format(u8),
    /// MTI and processing code that we do not serve.
    NotServed,
}

impl Refusal {
    /// DE 39.
    #[must_use]
    pub const fn code(self) -> ResponseCode {
        match self {
            Self::Duplicate => ResponseCode::DUPLICATE,
            Self::NoRoomToRemember | Self::NoRoomToRecord => ResponseCode::SYSTEM_MALFUNCTION,
            Self::UnknownCard | Self::Closed => ResponseCode::INVALID_CARD_NUMBER,
            Self::Lost => ResponseCode::LOST_CARD,
            Self::Stolen => ResponseCode::STOLEN_CARD,
            Self::Blocked => ResponseCode::RESTRICTED_CARD,
            Self::NotActive | Self::NotPermitted => ResponseCode::NOT_PERMITTED_TO_CARDHOLDER,
            Self::Expired => ResponseCode::EXPIRED_CARD,
            Self::TriesExceeded => ResponseCode::PIN_TRIES_EXCEEDED,
            Self::PasswordMissing | Self::Format(_) => ResponseCode::FORMAT_ERROR,
            Self::PasswordUnreadable => ResponseCode::SECURITY_VIOLATION,
            Self::PasswordWrong => ResponseCode::INCORRECT_PIN,
            Self::OtherCurrency | Self::NotServed => ResponseCode::INVALID_TRANSACTION,
            Self::NoAmount => ResponseCode::INVALID_AMOUNT,
            Self::OverPurchaseLimit | Self::OverBalanceCap => ResponseCode::EXCEEDS_AMOUNT_LIMIT,
            Self::InsufficientFunds => ResponseCode::INSUFFICIENT_FUNDS,
            Self::OriginalAmount => ResponseCode::ORIGINAL_AMOUNT_INCORRECT,
            Self::OriginalTooOld => ResponseCode::RECORD_NOT_FOUND,
            Self::OtherForwarder => ResponseCode::NO_ACTION_TAKEN,
        }
    }

    /// DE 44 of a format error: the data element that is missing or wrong.
    #[must_use]
    pub const fn element_in_error(self) -> Option<u8> {
        match self {
            Self::PasswordMissing => Some(52),
            Self::Format(element) => Some(element),
            Self::Duplicate
            | Self::NoRoomToRemember
            | Self::NoRoomToRecord
            | Self::UnknownCard
            | Self::Lost
            | Self::Stolen
            | Self::Blocked
            | Self::Closed
            | Self::NotActive
            | Self::Expired
            | Self::TriesExceeded
            | Self::PasswordUnreadable
            | Self::PasswordWrong
            | Self::NotPermitted
            | Self::OtherCurrency
            | Self::NoAmount
            | Self::OverPurchaseLimit
            | Self::OverBalanceCap
            | Self::InsufficientFunds
            | Self::OriginalAmount
            | Self::OriginalTooOld
            | Self::OtherForwarder
            | Self::NotServed => None,
        }
    }

    /// The whole answer.
    #[must_use]
    pub const fn answer(self, settlement_date: Option<[u8; 4]>) -> Answer {
        Answer {
            settlement_date,
            element_in_error: self.element_in_error(),
            ..Answer::bare(self.code())
        }
    }
}
