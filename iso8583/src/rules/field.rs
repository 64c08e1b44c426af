//! The rule of one data element in one kind of message.

use std::borrow::Cow;

use thiserror::Error;

use crate::bitmap::Bitmap;
use crate::element::PrivateData;
use crate::error::Path;
use crate::message::Message;
use crate::rules::{Condition, Fault, FaultKind};

/// Whether a data element is there, and whether it repeats that of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRule {
    de: u8,
    presence: Presence,
    repeat: Repeat,
}

impl FieldRule {
    /// A rule by its code: `M` mandatory, `C` conditional, `O` optional, `-` not allowed; in
    /// responses also `ME` and `CE`, where it repeats the request's value (`CE` with or without a
    /// condition of its own), and `OE`, where it repeats that unless it has another to say.
    ///
    /// How close a repeat is depends on the element: DE 3 in its first two digits, DE 4 unless
    /// part of it was approved, DE 48 in its tags that are repeated, all others exactly.
    ///
    /// # Errors
    /// Where the number is no data element's, the code is none, or the condition is missing or
    /// one too many.
    pub fn parse(de: u8, code: &str, when: Option<When>) -> Result<Self, InvalidFieldRule> {
        if !exists(de) {
            return Err(InvalidFieldRule::Element { de });
        }
        let presence = match (code, when) {
            ("C" | "CE", Some(when)) => Presence::Conditional(when),
            ("C", None) => return Err(InvalidFieldRule::NoCondition { de }),
            ("M" | "ME", None) => Presence::Mandatory,
            ("O" | "OE" | "CE", None) => Presence::Optional,
            ("-", None) => Presence::Forbidden,
            ("M" | "ME" | "O" | "OE" | "-", Some(_)) => {
                return Err(InvalidFieldRule::Condition { de });
            }
            _ => {
                return Err(InvalidFieldRule::Code {
                    de,
                    found: code.to_owned(),
                });
            }
        };
        let repeat = match code {
            "ME" | "CE" => Repeat::of(de),
            "OE" => Repeat::UnlessGiven,
            _ => Repeat::Nothing,
        };
        Ok(Self {
            de,
            presence,
            repeat,
        })
    }

    pub(super) const fn built_in(de: u8, presence: Presence, repeat: Repeat) -> Self {
        Self {
            de,
            presence,
            repeat,
        }
    }

    /// The data element.
    #[must_use]
    pub const fn de(&self) -> u8 {
        self.de
    }

    /// Whether it is there.
    #[must_use]
    pub const fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Whether it repeats the request's.
    #[must_use]
    pub const fn repeat(&self) -> Repeat {
        self.repeat
    }

    /// The code of the rule, as [`FieldRule::parse`] reads it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match (&self.presence, self.repeat) {
            (Presence::Forbidden, _) => "-",
            (Presence::Mandatory, Repeat::Nothing) => "M",
            (Presence::Mandatory, _) => "ME",
            (Presence::Conditional(_), Repeat::Nothing) => "C",
            (Presence::Conditional(_), _) => "CE",
            (Presence::Optional, Repeat::Nothing) => "O",
            (Presence::Optional, Repeat::UnlessGiven) => "OE",
            (Presence::Optional, _) => "CE",
        }
    }

    pub(super) fn check(&self, message: &Message) -> Option<Fault> {
        let mti = message.mti();
        let kind = match (&self.presence, message.has(self.de)) {
            (Presence::Mandatory, false) => FaultKind::Missing { mti },
            (Presence::Forbidden, true) => FaultKind::Forbidden { mti },
            (Presence::Conditional(when), false) => {
                when.required.as_ref().filter(|it| it.holds(message))?;
                let when = when.words.clone();
                FaultKind::Required { mti, when }
            }
            (Presence::Conditional(when), true) => {
                when.allowed.as_ref().filter(|it| !it.holds(message))?;
                let when = when.words.clone();
                FaultKind::NotAllowed { mti, when }
            }
            (Presence::Mandatory, true)
            | (Presence::Forbidden, false)
            | (Presence::Optional, _) => {
                return None;
            }
        };
        Some(Fault {
            path: Path::Field(self.de),
            kind,
        })
    }

    pub(super) fn check_repeat(
        &self,
        request: &Message,
        response: &Message,
        faults: &mut Vec<Fault>,
    ) {
        if self.repeat == Repeat::PrivateTags {
            return check_tags(self.de, request, response, faults);
        }
        let Some(asked) = request.field(self.de) else {
            return;
        };
        let kind = match response.field(self.de) {
            Some(answered) if self.repeat.is_kept(asked, answered, response) => return,
            Some(_) => FaultKind::Changed,
            None if matches!(self.repeat, Repeat::Nothing | Repeat::UnlessGiven) => return,
            None => FaultKind::Dropped,
        };
        faults.push(Fault {
            path: Path::Field(self.de),
            kind,
        });
    }
}

/// Tags of the house's DE 48; another layout repeats nothing that could be judged.
fn check_tags(de: u8, request: &Message, response: &Message, faults: &mut Vec<Fault>) {
    let echo = request
        .field(de)
        .and_then(|value| PrivateData::parse(value).ok()?.echo());
    let Some(echo) = echo else { return };
    let Ok(asked) = PrivateData::parse(&echo) else {
        return;
    };
    let answered = response
        .field(de)
        .and_then(|value| PrivateData::parse(value).ok());
    for tag in 0..100 {
        let Some(value) = asked.get(tag) else {
            continue;
        };
        let kind = match answered.as_ref().and_then(|answered| answered.get(tag)) {
            Some(same) if same == value => continue,
            Some(_) => FaultKind::Changed,
            None => FaultKind::Dropped,
        };
        faults.push(Fault {
            path: Path::Subfield(de, format!("{tag:02}")),
            kind,
        });
    }
}

/// Whether an element is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// `M`: always.
    Mandatory,
    /// `C`: where something else is so.
    Conditional(When),
    /// `O`: as the sender likes.
    Optional,
    /// `-`: never.
    Forbidden,
}

/// The condition of a conditional element: in words, and as far as the message can tell as two
/// questions. With neither, only people can judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    words: Cow<'static, str>,
    required: Option<Condition>,
    allowed: Option<Condition>,
}

impl When {
    /// The words go on from `required in 0200 …` and `allowed in 0200 only …`: `where the
    /// terminal can take a PIN`. The element must be there where `required` holds, and may be
    /// there only where `allowed` holds.
    #[must_use]
    pub fn new(
        words: impl Into<Cow<'static, str>>,
        required: Option<Condition>,
        allowed: Option<Condition>,
    ) -> Self {
        Self {
            words: words.into(),
            required,
            allowed,
        }
    }

    pub(super) const fn built_in(
        words: &'static str,
        required: Option<Condition>,
        allowed: Option<Condition>,
    ) -> Self {
        Self {
            words: Cow::Borrowed(words),
            required,
            allowed,
        }
    }

    /// The condition in words.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Where the element must be there, as far as the message tells.
    #[must_use]
    pub const fn required(&self) -> Option<&Condition> {
        self.required.as_ref()
    }

    /// Where alone the element may be there, as far as the message tells.
    #[must_use]
    pub const fn allowed(&self) -> Option<&Condition> {
        self.allowed.as_ref()
    }
}

/// How close an element of a response is to that of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It has nothing to do with it.
    Nothing,
    /// Byte for byte.
    Exactly,
    /// In its first two digits at least: the transaction type of DE 3.
    TransactionType,
    /// Exactly, but at most that where DE 39 is 10, approved for a partial amount: DE 4.
    UnlessPartlyApproved,
    /// In the tags of the house's DE 48 that answers repeat.
    PrivateTags,
    /// Where the answering side has nothing else to say, as a settlement date of its own.
    UnlessGiven,
}

impl Repeat {
    /// How an element that is repeated is repeated.
    pub(super) const fn of(de: u8) -> Self {
        match de {
            3 => Self::TransactionType,
            4 => Self::UnlessPartlyApproved,
            48 => Self::PrivateTags,
            _ => Self::Exactly,
        }
    }

    fn is_kept(self, asked: &[u8], answered: &[u8], response: &Message) -> bool {
        match self {
            Self::Exactly => asked == answered,
            Self::TransactionType => asked.get(..2) == answered.get(..2),
            // Amounts have the same number of digits: they compare as text.
            Self::UnlessPartlyApproved if response.field(39) == Some(b"10") => {
                answered.len() == asked.len() && answered <= asked
            }
            Self::UnlessPartlyApproved => asked == answered,
            Self::Nothing | Self::PrivateTags | Self::UnlessGiven => true,
        }
    }
}

/// The elements of a list that are repeated in one way or another.
pub(super) const fn repeated(mut rules: &[FieldRule]) -> Bitmap {
    let mut repeated = Bitmap::EMPTY;
    while let [rule, rest @ ..] = rules {
        if !matches!(rule.repeat, Repeat::Nothing) {
            repeated.insert(rule.de);
        }
        rules = rest;
    }
    repeated
}

/// Is it the number of a data element? 1 and 65 are bitmaps.
pub(super) const fn exists(de: u8) -> bool {
    matches!(de, 2..=64 | 66..=128)
}

/// Why a rule is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidFieldRule {
    /// Not the number of a data element.
    #[error("DE {de}: expected a data element from 2 to 128 but 65")]
    Element {
        /// The number.
        de: u8,
    },
    /// Not a code of a rule.
    #[error("DE {de}: expected M, C, O, -, ME, CE or OE, found `{found}`")]
    Code {
        /// The data element.
        de: u8,
        /// What stood there.
        found: String,
    },
    /// Conditional, but on what?
    #[error("DE {de}: C needs its condition in words")]
    NoCondition {
        /// The data element.
        de: u8,
    },
    /// A condition where nothing is conditional.
    #[error("DE {de}: only C and CE have a condition")]
    Condition {
        /// The data element.
        de: u8,
    },
}
