//! What is wrong with a message, element by element.

use std::borrow::Cow;

use thiserror::Error;

use crate::error::{EncodeErrorKind, Path};
use crate::mti::Mti;

/// One thing that is wrong: `DE 37: mandatory in 0210, missing`. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {kind}")]
pub struct Fault {
    /// Where; [`Path::data_element`] is what DE 44 tells the sender.
    pub path: Path,
    /// What.
    pub kind: FaultKind,
}

impl Fault {
    pub(super) const fn no_rules(mti: Mti) -> Self {
        Self {
            path: Path::Mti,
            kind: FaultKind::NoRules { mti },
        }
    }
}

/// What is wrong with an element.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// It must be there whatever the message says, and is not.
    #[error("mandatory in {mti}, missing")]
    Missing {
        /// The message's type.
        mti: Mti,
    },
    /// It must not be there, and is.
    #[error("not allowed in {mti}, present")]
    Forbidden {
        /// The message's type.
        mti: Mti,
    },
    /// The message is one in which it must be there, and it is not.
    #[error("required in {mti} {when}, missing")]
    Required {
        /// The message's type.
        mti: Mti,
        /// In which messages: `where no track carries it`.
        when: Cow<'static, str>,
    },
    /// The message is none in which it may be there, and it is.
    #[error("allowed in {mti} only {when}, present")]
    NotAllowed {
        /// The message's type.
        mti: Mti,
        /// In which messages: `where the terminal can take a PIN`.
        when: Cow<'static, str>,
    },
    /// The response has another value than the request.
    #[error("not as in the request")]
    Changed,
    /// The request has it, the response has not.
    #[error("in the request, not repeated")]
    Dropped,
    /// The response is of another type than the answer to the request.
    #[error("not the answer to {request}")]
    NotItsAnswer {
        /// The request's type.
        request: Mti,
    },
    /// The dialect cannot write its value.
    #[error(transparent)]
    Unwritable(#[from] EncodeErrorKind),
    /// Nothing is known of such messages.
    #[error("there are no rules for {mti}")]
    NoRules {
        /// The message's type.
        mti: Mti,
    },
}
