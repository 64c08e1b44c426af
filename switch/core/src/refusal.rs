//! Why the switch itself answers, and with which code.

use iso8583::element::ResponseCode;
use thiserror::Error;

/// A request the switch answers without the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Refusal {
    /// A data element is missing or wrong.
    #[error("DE {0} is missing or wrong")]
    Format(u8),
    /// No message of this kind is switched here.
    #[error("message type not supported")]
    UnsupportedMessage,
    /// DE 32 is none that the listener allows.
    #[error("acquirer not allowed on this listener")]
    AcquirerNotAllowed,
    /// No route has the card number in its ranges.
    #[error("no issuer of this card number")]
    NoSuchIssuer,
    /// Routes have the card, but none takes such a request, or it names no issuer.
    #[error("issuer without a route")]
    NoRoute,
    /// No link of the issuer is up and signed on: nothing was sent.
    #[error("issuer link down")]
    IssuerDown,
    /// All links of the issuer that are up hardly answer, and are rested: nothing was sent.
    #[error("issuer hardly answers, and is rested")]
    IssuerResting,
    /// A table or queue is at its bound: nothing was sent.
    #[error("too much in flight")]
    Overloaded,
    /// The connection sends more messages a second than it may: nothing was sent.
    #[error("too many messages a second")]
    RateExceeded,
    /// It waited too long for the issuer's task, and would be answered too late: nothing was sent.
    #[error("waited too long to be sent")]
    QueuedTooLong,
    /// The first choice of issuer is not reached, and no more requests can be kept in mind that
    /// another was given: nothing was sent.
    #[error("too many requests were given to other issuers")]
    FailoverFull,
    /// The issuer's requests are numbered anew, and no more numbers can be kept: nothing was sent.
    #[error("too many trace numbers were given for the issuer")]
    NumbersFull,
    /// Sent, and not answered in time.
    #[error("issuer did not answer in time")]
    TimedOut,
    /// Sent, and the link broke before the answer.
    #[error("issuer link lost before the answer")]
    LinkLost,
    /// The issuer's answer cannot be used.
    #[error("issuer's answer is unusable")]
    InvalidResponse,
    /// The key of a transaction in flight, for another transaction.
    #[error("another transaction with the same key is in flight")]
    Duplicate,
    /// The original is being reversed: its approval must not be given again.
    #[error("the original is being reversed")]
    BeingReversed,
    /// The original was reversed: an answer to it that comes late must not be taken for its
    /// repeat's.
    #[error("the original was reversed")]
    Reversed,
    /// The journal cannot be written: money that moves could be lost.
    #[error("the journal cannot be written")]
    JournalFailed,
    /// The acquirer has signed off: it gets what is in flight, and asks nothing more.
    #[error("the acquirer has signed off")]
    SignedOff,
    /// The switch stops: nothing new is begun.
    #[error("the switch is stopping")]
    Stopping,
}

impl Refusal {
    /// DE 39 of the answer (domain §2.5).
    #[must_use]
    pub const fn response_code(self) -> ResponseCode {
        match self {
            Self::Format(_) => ResponseCode::FORMAT_ERROR,
            Self::UnsupportedMessage => ResponseCode::INVALID_TRANSACTION,
            // It names the institution, where 03 and 58 are of one merchant or terminal, and 63
            // would send its operator to look at keys.
            Self::AcquirerNotAllowed => ResponseCode::BANK_NOT_SUPPORTED,
            Self::NoSuchIssuer => ResponseCode::NO_SUCH_ISSUER,
            Self::NoRoute => ResponseCode::NO_ROUTE,
            Self::IssuerDown
            | Self::IssuerResting
            | Self::Overloaded
            | Self::RateExceeded
            | Self::QueuedTooLong
            | Self::FailoverFull
            | Self::NumbersFull
            | Self::TimedOut
            | Self::LinkLost
            | Self::BeingReversed
            | Self::SignedOff
            | Self::Stopping => ResponseCode::ISSUER_INOPERATIVE,
            Self::InvalidResponse => ResponseCode::INVALID_RESPONSE,
            Self::Duplicate | Self::Reversed => ResponseCode::DUPLICATE,
            Self::JournalFailed => ResponseCode::SYSTEM_MALFUNCTION,
        }
    }

    /// The reason as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Format(_) => "format",
            Self::UnsupportedMessage => "unsupported_message",
            Self::AcquirerNotAllowed => "acquirer_not_allowed",
            Self::NoSuchIssuer => "no_such_issuer",
            Self::NoRoute => "no_route",
            Self::IssuerDown => "issuer_down",
            Self::IssuerResting => "issuer_resting",
            Self::Overloaded => "overloaded",
            Self::RateExceeded => "rate_exceeded",
            Self::QueuedTooLong => "queued_too_long",
            Self::FailoverFull => "failover_full",
            Self::NumbersFull => "numbers_full",
            Self::TimedOut => "timed_out",
            Self::LinkLost => "link_lost",
            Self::InvalidResponse => "invalid_response",
            Self::Duplicate => "duplicate",
            Self::BeingReversed => "being_reversed",
            Self::Reversed => "reversed",
            Self::JournalFailed => "journal_failed",
            Self::SignedOff => "signed_off",
            Self::Stopping => "stopping",
        }
    }

    /// Every reason, for registering metrics ahead.
    pub const LABELS: [&'static str; 21] = [
        "format",
        "unsupported_message",
        "acquirer_not_allowed",
        "no_such_issuer",
        "no_route",
        "issuer_down",
        "issuer_resting",
        "overloaded",
        "rate_exceeded",
        "queued_too_long",
        "failover_full",
        "numbers_full",
        "timed_out",
        "link_lost",
        "invalid_response",
        "duplicate",
        "being_reversed",
        "reversed",
        "journal_failed",
        "signed_off",
        "stopping",
    ];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_label_is_another() {
        assert_eq!(BTreeSet::from(Refusal::LABELS).len(), Refusal::LABELS.len());
        for refusal in [
            Refusal::AcquirerNotAllowed,
            Refusal::IssuerResting,
            Refusal::NumbersFull,
            Refusal::RateExceeded,
            Refusal::QueuedTooLong,
            Refusal::SignedOff,
        ] {
            assert!(Refusal::LABELS.contains(&refusal.label()), "{refusal:?}");
        }
    }
}
