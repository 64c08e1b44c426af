//! Where input comes from: the only place that reads.

use core::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::input::{Format, Input, InputError, as_format, recognise};

/// What an argument of the command line stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `-`.
    Stdin,
    /// The name of a file that is there.
    File(PathBuf),
    /// The bytes themselves, written down. `Display` does not repeat them.
    Literal(String),
}

/// Input that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It cannot be read.
    #[error("{place}: {error}")]
    Unreadable {
        /// Where from.
        place: String,
        /// Why.
        error: io::Error,
    },
    /// It is longer than allowed.
    #[error("{place}: longer than {max} bytes")]
    TooLong {
        /// Where from.
        place: String,
        /// The limit.
        max: u64,
    },
    /// It is read, but not what it should be.
    #[error("{place}: {error}")]
    Faulty {
        /// Where from.
        place: String,
        /// Why.
        error: InputError,
    },
    /// Neither a file nor bytes.
    #[error("no such file, and no hex or base64 either: {argument}")]
    NoSuchFile {
        /// What was given.
        argument: String,
    },
}

impl Source {
    /// What an argument stands for: a file where there is one of that name.
    #[must_use]
    pub fn of(argument: &str) -> Self {
        match argument {
            "-" => Self::Stdin,
            path if Path::new(path).exists() => Self::File(PathBuf::from(path)),
            literal => Self::Literal(literal.to_owned()),
        }
    }

    /// Reads it, as the format says or else as it is recognised.
    ///
    /// # Errors
    /// Where it cannot be read, is longer than `max` bytes, or not what it should be.
    pub fn read(&self, format: Option<Format>, max: u64) -> Result<Input, SourceError> {
        let read = |reader: &mut dyn Read| {
            let mut raw = Vec::new();
            let read = reader.take(max.saturating_add(1)).read_to_end(&mut raw);
            read.map(|_| raw)
        };
        let place = || self.to_string();
        let raw = match self {
            Self::Stdin => read(&mut io::stdin().lock()),
            Self::File(path) => File::open(path).and_then(|mut file| read(&mut file)),
            Self::Literal(text) => Ok(text.clone().into_bytes()),
        };
        let raw = raw.map_err(|error| SourceError::Unreadable {
            place: place(),
            error,
        })?;
        if u64::try_from(raw.len()).unwrap_or(u64::MAX) > max {
            return Err(SourceError::TooLong {
                place: place(),
                max,
            });
        }
        let input = match format {
            Some(format) => as_format(&raw, format),
            None => recognise(&raw),
        };
        let input = input.map_err(|error| self.faulty(error, format))?;
        match self {
            // A word is rather a file that is not there than base64 of next to nothing.
            Self::Literal(word)
                if format.is_none()
                    && input.format == Format::Base64
                    && input.bytes.len() < MESSAGE_MIN =>
            {
                let argument = word.clone();
                Err(SourceError::NoSuchFile { argument })
            }
            Self::Literal(_) | Self::Stdin | Self::File(_) => Ok(input),
        }
    }

    fn faulty(&self, error: InputError, format: Option<Format>) -> SourceError {
        if let Self::Literal(text) = self
            && format.is_none()
            && is_file_name(text)
        {
            let argument = text.clone();
            return SourceError::NoSuchFile { argument };
        }
        SourceError::Faulty {
            place: self.to_string(),
            error,
        }
    }
}

/// An MTI and a bitmap, packed.
const MESSAGE_MIN: usize = 10;

/// Was it meant as a file? A message, which nobody may repeat, has more digits.
fn is_file_name(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    text.contains(['.', '/', '\\']) && digits < 12 && text.len() < 256
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Literal(_) => f.write_str("the argument"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 64;

    #[test]
    fn an_argument_is_a_file_where_there_is_one_and_bytes_where_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0800");
        std::fs::write(&path, "30 38").unwrap();
        let file = Source::of(path.to_str().unwrap());
        assert_eq!(file, Source::File(path));
        assert_eq!(file.read(None, MAX).unwrap().bytes, b"08");
        let literal = Source::of("3038");
        assert_eq!(literal, Source::Literal("3038".into()));
        assert_eq!(literal.read(None, MAX).unwrap().bytes, b"08");
        assert_eq!(Source::of("-"), Source::Stdin);
    }

    #[test]
    fn what_is_neither_a_file_nor_bytes_is_said_to_be_so() {
        let error = |argument: &str| {
            let error = Source::of(argument).read(None, MAX);
            error.unwrap_err().to_string()
        };
        insta::assert_snapshot!(
            error("echo.pcap"),
            @"no such file, and no hex or base64 either: echo.pcap"
        );
        insta::assert_snapshot!(
            error("capture"),
            @"no such file, and no hex or base64 either: capture"
        );
        insta::assert_snapshot!(
            error("what? this!"),
            @"the argument: neither hex, base64 nor a capture: --input binary takes it as it is"
        );
        assert!(!error("0200 9999990100000005 CO. LTD").contains("9999"));
    }

    #[test]
    fn a_faulty_literal_is_not_repeated() {
        let error = Source::of("999999010000000g").read(None, MAX).unwrap_err();
        insta::assert_snapshot!(
            error,
            @"the argument: hex input, line 1, column 16: expected a hex digit, found 'g'"
        );
    }

    #[test]
    fn longer_input_than_the_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        std::fs::write(&path, [b'0'; 65]).unwrap();
        let error = Source::File(path).read(None, MAX).unwrap_err();
        assert!(
            matches!(error, SourceError::TooLong { max: MAX, .. }),
            "{error}"
        );
    }
}
