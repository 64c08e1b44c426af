//! What is wrong in a spec file: every fault, with its place and field.

use core::fmt;
use core::ops::Range;

use thiserror::Error;

use crate::rules::{InvalidCondition, InvalidFieldRule, InvalidRules};
use crate::spec::{ImpossibleField, InvalidDialect};
use crate::spec_file::{FAULTS_MAX, NESTING_MAX, SIZE_MAX};

/// A file that is no dialect: all its faults, in the order of the file.
///
/// Prints a line for each: `toyland.toml:12:9: fields.48.subfields.tags.0023: class ans cannot be
/// encoded as …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecFileError {
    file: Option<String>,
    faults: Vec<Fault>,
}

impl SpecFileError {
    /// The error of a list; it has at most [`FAULTS_MAX`] of it.
    pub(super) fn of(mut faults: Vec<Fault>) -> Self {
        faults.truncate(FAULTS_MAX);
        faults.sort_by_key(|fault| fault.place);
        Self { file: None, faults }
    }

    pub(super) fn of_file(self, file: &str) -> Self {
        Self {
            file: Some(file.to_owned()),
            ..self
        }
    }

    /// Every fault, by place: at least one, and of a file that is wrong throughout the first
    /// [`FAULTS_MAX`].
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for SpecFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, fault) in self.faults.iter().enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            match (&self.file, fault.place) {
                (Some(file), Some(_)) => write!(f, "{file}:")?,
                (Some(file), None) => write!(f, "{file}: ")?,
                (None, _) => {}
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl core::error::Error for SpecFileError {}

impl From<Fault> for SpecFileError {
    fn from(fault: Fault) -> Self {
        Self::of(vec![fault])
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands; None where the form of the file does not tell (JSON), or it is nowhere.
    pub place: Option<Place>,
    /// The field or key it is about, as a path from the root of the file; may be empty.
    pub path: String,
    /// What is wrong.
    pub reason: Reason,
}

impl Fault {
    pub(super) fn new(path: impl Into<String>, reason: impl Into<Reason>) -> Self {
        Self {
            place: None,
            path: path.into(),
            reason: reason.into(),
        }
    }

    pub(super) fn at(mut self, text: &str, offset: usize) -> Self {
        self.place = Some(Place::of(text, offset));
        self
    }

    pub(super) fn syntax(text: &str, span: Option<Range<usize>>, message: &str) -> Self {
        let fault = Self::new("", Reason::Syntax(message.to_owned()));
        match span {
            Some(span) => fault.at(text, span.start),
            None => fault,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, column }) = self.place {
            write!(f, "{line}:{column}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.reason)
    }
}

/// A line and a column of a text, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    fn of(text: &str, offset: usize) -> Self {
        let (mut line, mut column) = (1, 1);
        let before = text.char_indices().take_while(|(at, _)| *at < offset);
        for (_, character) in before {
            if character == '\n' {
                line += 1;
                column = 1;
            } else {
                column += 1;
            }
        }
        Self { line, column }
    }
}

/// What is wrong at a place of a spec file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// The text is not of its form.
    #[error("{0}")]
    Syntax(String),
    /// The file is too long to be a dialect.
    #[error("file of {size} bytes: at most {SIZE_MAX} are read")]
    Size {
        /// Its bytes.
        size: usize,
    },
    /// Subfields in subfields without end.
    #[error("nested deeper than {NESTING_MAX} fields")]
    Nesting,
    /// A key the form does not have.
    #[error("unknown key `{key}`: expected {expected}")]
    UnknownKey {
        /// The key.
        key: String,
        /// Those there are.
        expected: String,
    },
    /// A key that must be there is not.
    #[error("no `{key}`")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value of another kind than expected.
    #[error("expected {expected}, found {found}")]
    Value {
        /// What may stand there.
        expected: String,
        /// What does.
        found: String,
    },
    /// What the file asks for has no like in a dialect.
    #[error("{what} is not supported: {why}")]
    Unsupported {
        /// The class, packager, type or option of the file.
        what: String,
        /// Why not.
        why: &'static str,
    },
    /// A field that cannot exist.
    #[error(transparent)]
    Field(#[from] ImpossibleField),
    /// A condition that is none.
    #[error(transparent)]
    Condition(#[from] InvalidCondition),
    /// A presence rule that is none.
    #[error(transparent)]
    Rule(#[from] InvalidFieldRule),
    /// Rules of a message type that are none.
    #[error(transparent)]
    Rules(#[from] InvalidRules),
    /// A dialect that cannot be.
    #[error(transparent)]
    Dialect(#[from] InvalidDialect),
}

/// At most so many characters of the file stand in an error.
const FOUND_MAX: usize = 40;

impl Reason {
    pub(super) fn value(expected: impl Into<String>, found: &str) -> Self {
        let mut shown: String = found.chars().take(FOUND_MAX).collect();
        if shown.len() < found.len() {
            shown.push('…');
        }
        Self::Value {
            expected: expected.into(),
            found: shown,
        }
    }
}
