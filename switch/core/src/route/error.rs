//! Why a routing table cannot be made.

use core::fmt;

use thiserror::Error;

use crate::route::{Choices, RouteTable};

/// What a route may ask of a request besides its card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// DE 3.
    ProcessingCode,
    /// DE 49.
    Currency,
    /// DE 32.
    Acquirer,
    /// DE 4.
    Amount,
}

impl Condition {
    const fn expected(self) -> &'static str {
        match self {
            Self::ProcessingCode => "2 or 6 digits",
            Self::Currency => "3 digits",
            Self::Acquirer => "1 to 11 digits",
            Self::Amount => "up to 12 digits",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProcessingCode => "processing code",
            Self::Currency => "currency",
            Self::Acquirer => "acquirer",
            Self::Amount => "amount",
        })
    }
}

/// Why a table cannot be made. What may be a card's own number is masked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    /// Not 4 to 19 digits.
    #[error("prefix {0:?} is not 4 to 19 digits")]
    Prefix(String),
    /// Not low..high.
    #[error(
        "range {0:?} is not two numbers of as many digits, 4 to 19, the lower first: low..high"
    )]
    Range(String),
    /// A value that the element cannot have.
    #[error("{condition} {text:?} is not {}", condition.expected())]
    Value {
        /// Of which condition.
        condition: Condition,
        /// As it was given.
        text: String,
    },
    /// No amount is from the one to the other.
    #[error("no amount of up to 12 digits is from {min} to {max}")]
    Amount {
        /// The lowest.
        min: u64,
        /// The highest.
        max: u64,
    },
    /// More groups than a rule may name.
    #[error("route {0:?} names more than {max} issuers", max = Choices::MAX)]
    TooManyGroups(String),
    /// A group that is named twice, or does not exist.
    #[error("route {0:?} names an issuer twice, or one that does not exist")]
    Groups(String),
    /// More ranges than a table may have.
    #[error("more than {max} card ranges", max = RouteTable::RANGES_MAX)]
    TooManyRanges,
    /// More ranges than may hold one card.
    #[error("more than {max} ranges hold cards {0}", max = RouteTable::RANGES_PER_CARD_MAX)]
    TooManyPerCard(String),
    /// Two rules that both take a request, and neither is the more specific.
    #[error(
        "routes {one:?} and {other:?} both take {example}, and neither is the more specific: \
         keep their cards or conditions apart, or one's within the other's"
    )]
    Ambiguous {
        /// A rule.
        one: String,
        /// Another.
        other: String,
        /// Cards, and what else such a request has.
        example: String,
    },
}
