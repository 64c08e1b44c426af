//! Answers that come late or match nothing, explained: what they were matched by, and what they
//! come nearest to.

use core::fmt;
use std::time::Duration;

use crate::describe::masked;
use crate::key::FieldKey;
use crate::mti::Mti;

/// Why an answer matches no request that waits. To people it is a sentence, with card data masked:
///
/// ```text
/// of 3 waiting the nearest, since 1.2s, agrees in 8 of 9: DE 11 is 000009, not 000001
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What the answer was looked for by.
    pub key: MatchKey,
    /// How many requests waited for an answer.
    pub pending: usize,
    /// Of the first [`Mismatch::LOOKED_AT_MAX`] of them, the one that is equal in the most.
    pub nearest: Option<Nearest>,
}

/// A request that waits, compared with an answer that is not its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// How long it has waited.
    pub waited: Duration,
    /// In how many things that are there they agree, of those an answer is matched by.
    pub equal: usize,
    /// In what they differ: at least one.
    pub differences: Vec<Difference>,
}

/// One thing that should be equal and is not. Values are as far as they may be seen; an element
/// that is not there is `absent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What.
    pub of: Matched,
    /// The request's value.
    pub expected: String,
    /// The answer's.
    pub found: String,
}

/// What an answer and its request must be equal in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    /// The second digit of the message type.
    Class,
    /// A data element.
    Element(u8),
}

/// How late an answer is. To people: `3s after its deadline, with message class 2, DE 11 000001`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lateness {
    /// How long after the deadline of its request it came.
    pub by: Duration,
    /// What it was known by.
    pub key: MatchKey,
}

/// What an answer is matched by and has, in order, as far as it may be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchKey(Vec<(Matched, String)>);

impl Mismatch {
    /// How many requests an answer is compared with: a peer must not keep us busy with answers
    /// that nobody asked for.
    pub const LOOKED_AT_MAX: usize = 256;

    /// Of an answer with this key, of `pending` requests the nearest of which has that key and
    /// has waited for so long.
    pub(super) fn new(
        answer: Mti,
        key: &FieldKey,
        elements: &[u8],
        pending: usize,
        nearest: Option<(FieldKey, Duration)>,
    ) -> Box<Self> {
        Box::new(Self {
            key: MatchKey::of(key, answer, elements),
            pending,
            nearest: nearest.map(|(request, waited)| Nearest {
                waited,
                equal: likeness(&request, key, elements),
                differences: differences(&request, key, answer, elements),
            }),
        })
    }
}

impl MatchKey {
    /// Each element and its value.
    #[must_use]
    pub fn values(&self) -> &[(Matched, String)] {
        &self.0
    }

    pub(super) fn of(key: &FieldKey, mti: Mti, elements: &[u8]) -> Self {
        let there = parts(key, elements).filter(|(_, value)| !value.is_empty());
        Self(
            there
                .map(|(of, value)| (of, shown(mti, of, value)))
                .collect(),
        )
    }
}

/// How many of the things they are matched by are there and equal.
pub(super) fn likeness(one: &FieldKey, other: &FieldKey, elements: &[u8]) -> usize {
    let pairs = parts(one, elements).zip(parts(other, elements));
    pairs
        .filter(|(one, other)| one == other && !one.1.is_empty())
        .count()
}

/// In what an answer differs from a request.
fn differences(
    request: &FieldKey,
    answer: &FieldKey,
    mti: Mti,
    elements: &[u8],
) -> Vec<Difference> {
    let pairs = parts(request, elements).zip(parts(answer, elements));
    pairs
        .filter(|(request, answer)| request != answer)
        .map(|((of, expected), (_, found))| Difference {
            of,
            expected: shown(mti, of, expected),
            found: shown(mti, of, found),
        })
        .collect()
}

fn parts<'a>(key: &'a FieldKey, elements: &'a [u8]) -> impl Iterator<Item = (Matched, &'a [u8])> {
    let (class, values) = key.parts();
    let elements = elements.iter().map(|de| Matched::Element(*de));
    core::iter::once((Matched::Class, class)).chain(elements.zip(values))
}

fn shown(mti: Mti, of: Matched, value: &[u8]) -> String {
    match of {
        Matched::Class => value.escape_ascii().to_string(),
        Matched::Element(_) if value.is_empty() => "absent".to_owned(),
        Matched::Element(de) => masked(mti, de, value).trim_end().to_owned(),
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Nearest {
            waited,
            equal,
            differences,
        }) = &self.nearest
        else {
            return write!(f, "none waits for one with {}", self.key);
        };
        let (pending, all) = (self.pending, equal + differences.len());
        write!(
            f,
            "of {pending} waiting the nearest, since {waited:?}, agrees in {equal} of {all}"
        )?;
        let mut before = ": ";
        for Difference {
            of,
            expected,
            found,
        } in differences
        {
            write!(f, "{before}{of} is {found}, not {expected}")?;
            before = ", ";
        }
        Ok(())
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} after its deadline, with {}", self.by, self.key)
    }
}

impl fmt::Display for MatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for (of, value) in &self.0 {
            write!(f, "{before}{of} {value}")?;
            before = ", ";
        }
        Ok(())
    }
}

impl fmt::Display for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class => f.write_str("message class"),
            Self::Element(de) => write!(f, "DE {de}"),
        }
    }
}
