//! Which data elements a message of a type must, may and must not carry, as data.
//!
//! A [`Rules`] has a list of [`FieldRule`]s for each kind of message. The built-in ones are
//! constants ([`Rules::iso87`], [`Rules::iso2003`]; of 1993 there are none); a spec file brings
//! its own through [`Rules::new`], [`MtiRule::new`], [`FieldRule::parse`] and [`Condition`]'s
//! `FromStr`. Elements a list does not name are not judged.
//!
//! Rules say whether an element is there, not whether its value is right: that is the dialect's.

mod condition;
mod fault;
mod field;
mod iso2003;
mod iso87;
mod later;
#[cfg(test)]
mod tests;
mod validate;

use std::borrow::Cow;

use crate::bitmap::Bitmap;
use crate::error::Path;
use crate::message::Message;
use crate::mti::Mti;

pub use condition::{Condition, InvalidCondition};
pub use fault::{Fault, FaultKind};
pub use field::{FieldRule, InvalidFieldRule, Presence, Repeat, When};
pub(crate) use later::repeated;

/// Presence rules of a dialect, by message type.
///
/// ```
/// use iso8583::rules::Rules;
/// use iso8583::{Message, Mti};
///
/// let mut echo = Message::new(Mti::NETWORK_REQUEST);
/// echo.set(7, b"0315023000").set(70, b"301");
/// let faults = Rules::iso87().check(&echo);
/// assert_eq!(faults.len(), 1);
/// assert_eq!(faults[0].to_string(), "DE 11: mandatory in 0800, missing");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    name: Cow<'static, str>,
    messages: Cow<'static, [MtiRule]>,
}

impl Rules {
    /// The rules of 1987 as this house speaks it (`domain.md` §2.2 and §2.4).
    #[must_use]
    pub const fn iso87() -> &'static Self {
        &iso87::RULES
    }

    /// The rules of 2003 as the jPOS Common Message Format has them: authorizations and financial
    /// requests, reversals, settlement and network management.
    #[must_use]
    pub const fn iso2003() -> &'static Self {
        &iso2003::RULES
    }

    /// The built-in rules.
    #[must_use]
    pub fn built_in() -> [&'static Self; 2] {
        [Self::iso87(), Self::iso2003()]
    }

    /// Rules of a dialect of one's own. Of two patterns that fit a message the first one counts.
    ///
    /// # Errors
    /// Where a pattern is there twice.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        messages: Vec<MtiRule>,
    ) -> Result<Self, InvalidRules> {
        for (place, rule) in messages.iter().enumerate() {
            if messages.iter().skip(place + 1).any(|it| it.mti == rule.mti) {
                return Err(InvalidRules::MtiTwice { mti: rule.mti });
            }
        }
        Ok(Self {
            name: name.into(),
            messages: Cow::Owned(messages),
        })
    }

    /// What configurations call them.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The list of each kind of message, in the order in which they are tried.
    #[must_use]
    pub fn messages(&self) -> &[MtiRule] {
        &self.messages
    }

    /// The rules of a message type; None where there are none for it.
    #[must_use]
    pub fn of(&self, mti: Mti) -> Option<&MtiRule> {
        self.messages.iter().find(|rule| rule.mti.fits(mti))
    }

    /// Everything that is wrong with what a message carries, by ascending data element; none where
    /// nothing is.
    #[must_use]
    pub fn check(&self, message: &Message) -> Vec<Fault> {
        let Some(rule) = self.of(message.mti()) else {
            return vec![Fault::no_rules(message.mti())];
        };
        let fields = rule.fields.iter();
        fields.filter_map(|field| field.check(message)).collect()
    }

    /// What a response changed or dropped of what it must repeat of its request, by ascending data
    /// element. Whether it is otherwise complete is what [`Rules::check`] says.
    #[must_use]
    pub fn check_response(&self, request: &Message, response: &Message) -> Vec<Fault> {
        let mut faults = Vec::new();
        if request.mti().response() != Some(response.mti()) {
            faults.push(Fault {
                path: Path::Mti,
                kind: FaultKind::NotItsAnswer {
                    request: request.mti(),
                },
            });
        }
        match self.of(response.mti()) {
            Some(rule) => {
                for field in rule.fields.iter() {
                    field.check_repeat(request, response, &mut faults);
                }
            }
            None => faults.push(Fault::no_rules(response.mti())),
        }
        faults
    }
}

/// The rules of one kind of message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MtiRule {
    mti: MtiPattern,
    /// Ascending by data element, each at most once.
    fields: Cow<'static, [FieldRule]>,
}

impl MtiRule {
    /// Rules for the message types a pattern fits: four digits, of which some may be `x` for any,
    /// as `020x` for requests, repeats and requests of the issuer. The fields may come in any
    /// order.
    ///
    /// # Errors
    /// Where the pattern is none, or an element is there twice.
    pub fn new(mti: &str, mut fields: Vec<FieldRule>) -> Result<Self, InvalidRules> {
        let mti = MtiPattern::parse(mti)?;
        fields.sort_by_key(FieldRule::de);
        let twice = fields.windows(2).find_map(|pair| match pair {
            [one, other] if one.de() == other.de() => Some(one.de()),
            _ => None,
        });
        match twice {
            Some(de) => Err(InvalidRules::FieldTwice { mti, de }),
            None => Ok(Self {
                mti,
                fields: Cow::Owned(fields),
            }),
        }
    }

    const fn built_in(mti: &'static [u8; 4], fields: &'static [FieldRule]) -> Self {
        Self {
            mti: MtiPattern(*mti),
            fields: Cow::Borrowed(fields),
        }
    }

    /// Which message types the list is for.
    #[must_use]
    pub const fn mti(&self) -> MtiPattern {
        self.mti
    }

    /// The rules, ascending by data element.
    #[must_use]
    pub fn fields(&self) -> &[FieldRule] {
        &self.fields
    }

    /// The elements that a message of this type repeats of its request.
    #[must_use]
    pub fn repeated(&self) -> Bitmap {
        field::repeated(&self.fields)
    }
}

/// Which message types a list of rules is for: digits, `x` for any digit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MtiPattern([u8; 4]);

impl MtiPattern {
    fn parse(text: &str) -> Result<Self, InvalidRules> {
        match <[u8; 4]>::try_from(text.as_bytes()) {
            Ok(mti) if mti.iter().all(|it| it.is_ascii_digit() || *it == b'x') => Ok(Self(mti)),
            Ok(_) | Err(_) => Err(InvalidRules::Mti {
                found: text.to_owned(),
            }),
        }
    }

    fn fits(self, mti: Mti) -> bool {
        let mut digits = self.0.iter().zip(mti.as_bytes());
        digits.all(|(wanted, digit)| wanted == digit || *wanted == b'x')
    }
}

impl core::fmt::Display for MtiPattern {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut digits = self.0.iter();
        digits.try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

impl core::fmt::Debug for MtiPattern {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "MtiPattern({self})")
    }
}

/// Why a list of rules is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRules {
    /// A message type that is none.
    #[error("message type `{found}`: expected 4 digits, x for any digit")]
    Mti {
        /// What stood there.
        found: String,
    },
    /// A message type with two lists.
    #[error("message type {mti}: rules given twice")]
    MtiTwice {
        /// The message type.
        mti: MtiPattern,
    },
    /// An element with two rules.
    #[error("message type {mti}: DE {de} given twice")]
    FieldTwice {
        /// The message type.
        mti: MtiPattern,
        /// The data element.
        de: u8,
    },
}
