//! When a conditional element is due, as far as the message itself can tell.

use core::fmt;
use core::str::FromStr;
use std::borrow::Cow;

use thiserror::Error;

use crate::message::Message;

/// A question about a message that its other elements answer.
///
/// In text, tests joined by `and`, such groups joined by `or` (there are no brackets):
///
/// | test | holds where |
/// |---|---|
/// | `has 35` | DE 35 is there |
/// | `lacks 35` | DE 35 is not there |
/// | `22 in 05\|07` | DE 22 begins with one of these |
/// | `22 not in 01` | DE 22 begins with none of these, or is not there |
/// | `22@3 in 1` | the same from the third character on |
///
/// ```
/// use iso8583::rules::Condition;
///
/// let keyed: Condition = "22 in 01|06 and lacks 35 and lacks 45".parse()?;
/// # Ok::<(), iso8583::rules::InvalidCondition>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition(Cow<'static, [Clause]>);

/// All of these.
pub(super) type Clause = Cow<'static, [Test]>;

/// One question about one element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Has(u8),
    Lacks(u8),
    /// From the character `at`, counted from 1, the value begins with one of the codes, which
    /// stand between bars.
    In(u8, usize, Cow<'static, str>),
    NotIn(u8, usize, Cow<'static, str>),
}

impl Condition {
    pub(super) const fn built_in(any: &'static [Clause]) -> Self {
        Self(Cow::Borrowed(any))
    }

    /// Does it hold for the message?
    #[must_use]
    pub fn holds(&self, message: &Message) -> bool {
        let mut clauses = self.0.iter();
        clauses.any(|clause| clause.iter().all(|test| test.holds(message)))
    }
}

impl Test {
    fn holds(&self, message: &Message) -> bool {
        match self {
            Self::Has(de) => message.has(*de),
            Self::Lacks(de) => !message.has(*de),
            Self::In(de, at, codes) => begins(message, *de, *at, codes),
            Self::NotIn(de, at, codes) => !begins(message, *de, *at, codes),
        }
    }
}

fn begins(message: &Message, de: u8, at: usize, codes: &str) -> bool {
    let value = message.field(de).and_then(|value| value.get(at - 1..));
    value.is_some_and(|value| {
        let mut codes = codes.split('|');
        codes.any(|code| value.starts_with(code.as_bytes()))
    })
}

/// As [`FromStr`] reads it.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, clause) in self.0.iter().enumerate() {
            f.write_str(if nth == 0 { "" } else { " or " })?;
            for (nth, test) in clause.iter().enumerate() {
                f.write_str(if nth == 0 { "" } else { " and " })?;
                test.fmt(f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (de, at, is, codes) = match self {
            Self::Has(de) => return write!(f, "has {de}"),
            Self::Lacks(de) => return write!(f, "lacks {de}"),
            Self::In(de, at, codes) => (de, at, "in", codes),
            Self::NotIn(de, at, codes) => (de, at, "not in", codes),
        };
        match at {
            1 => write!(f, "{de} {is} {codes}"),
            _ => write!(f, "{de}@{at} {is} {codes}"),
        }
    }
}

impl FromStr for Condition {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let clauses = words.split(|word| *word == "or").map(|clause| {
            let tests = clause.split(|word| *word == "and").map(test);
            tests.collect::<Result<Vec<Test>, _>>().map(Cow::Owned)
        });
        clauses
            .collect::<Result<Vec<Clause>, _>>()
            .map(|any| Self(Cow::Owned(any)))
    }
}

fn test(words: &[&str]) -> Result<Test, InvalidCondition> {
    match *words {
        ["has", de] => element(de).map(Test::Has),
        ["lacks", de] => element(de).map(Test::Lacks),
        [place, "in", codes] => {
            let (de, at) = position(place)?;
            Ok(Test::In(de, at, listed(codes)?))
        }
        [place, "not", "in", codes] => {
            let (de, at) = position(place)?;
            Ok(Test::NotIn(de, at, listed(codes)?))
        }
        _ => Err(InvalidCondition::Test {
            found: words.join(" "),
        }),
    }
}

fn element(text: &str) -> Result<u8, InvalidCondition> {
    let de = text.parse().ok().filter(|de| super::field::exists(*de));
    de.ok_or_else(|| InvalidCondition::Element {
        found: text.to_owned(),
    })
}

/// `22`, or `22@3` for its third character on.
fn position(text: &str) -> Result<(u8, usize), InvalidCondition> {
    let Some((de, at)) = text.split_once('@') else {
        return Ok((element(text)?, 1));
    };
    match at.parse::<u8>() {
        Ok(at @ 1..) => Ok((element(de)?, usize::from(at))),
        Ok(_) | Err(_) => Err(InvalidCondition::Position {
            found: at.to_owned(),
        }),
    }
}

fn listed(codes: &str) -> Result<Cow<'static, str>, InvalidCondition> {
    if codes.split('|').any(str::is_empty) {
        return Err(InvalidCondition::Codes {
            found: codes.to_owned(),
        });
    }
    Ok(Cow::Owned(codes.to_owned()))
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidCondition {
    /// No test of the four.
    #[error("expected `has DE`, `lacks DE`, `DE in A|B` or `DE not in A|B`, found `{found}`")]
    Test {
        /// The words that stood there.
        found: String,
    },
    /// No data element.
    #[error("expected a data element from 2 to 128 but 65, found `{found}`")]
    Element {
        /// What stood there.
        found: String,
    },
    /// No character to begin at.
    #[error("expected a position from 1 to 255, found `{found}`")]
    Position {
        /// What stood there.
        found: String,
    },
    /// A list of codes with an empty one, which every value begins with.
    #[error("expected codes between bars, found `{found}`")]
    Codes {
        /// What stood there.
        found: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mti::Mti;

    fn holds(condition: &str, message: &Message) -> bool {
        condition.parse::<Condition>().unwrap().holds(message)
    }

    #[test]
    fn a_condition_looks_at_presence_and_at_how_values_begin() {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message.set(2, b"9999990100000005").set(22, b"012");
        for (condition, expected) in [
            ("has 2", true),
            ("has 35", false),
            ("lacks 35", true),
            ("22 in 01|06", true),
            ("22 in 06|81", false),
            ("22 not in 01", false),
            ("22@3 in 1|2", true),
            ("22@3 not in 2", false),
            ("22@4 in 1", false),
            ("22@5 in 1", false),
            ("25 in 59", false),
            ("25 not in 59", true),
            ("has 2 and has 35", false),
            ("has 35 or has 2", true),
            ("has 35 and has 45 or has 2 and 22 in 01", true),
        ] {
            assert_eq!(holds(condition, &message), expected, "{condition}");
        }
    }

    #[test]
    fn a_condition_is_printed_as_it_is_read() {
        for text in [
            "has 2",
            "22@3 not in 2 and lacks 35 or has 45",
            "22 in 01|06 or 39@2 in 0",
        ] {
            assert_eq!(text.parse::<Condition>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn err_what_is_no_condition_says_what_was_expected() {
        let error = |text: &str| text.parse::<Condition>().unwrap_err().to_string();
        insta::assert_snapshot!(
            ["", "has", "has 2 and", "has 1", "has 65", "22@0 in 1", "22 in 01||05", "22 is 05"]
                .map(error)
                .join("\n"),
            @r"
        expected `has DE`, `lacks DE`, `DE in A|B` or `DE not in A|B`, found ``
        expected `has DE`, `lacks DE`, `DE in A|B` or `DE not in A|B`, found `has`
        expected `has DE`, `lacks DE`, `DE in A|B` or `DE not in A|B`, found ``
        expected a data element from 2 to 128 but 65, found `1`
        expected a data element from 2 to 128 but 65, found `65`
        expected a position from 1 to 255, found `0`
        expected codes between bars, found `01||05`
        expected `has DE`, `lacks DE`, `DE in A|B` or `DE not in A|B`, found `22 is 05`
        "
        );
    }
}
