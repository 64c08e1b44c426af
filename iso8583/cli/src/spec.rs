//! Dialects by name or file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use iso8583::Dialect;
use iso8583::spec_file::{self, Imported, SIZE_MAX, SpecFileError};
use thiserror::Error;

/// A dialect that cannot be used.
#[derive(Debug, Error)]
pub enum SpecError {
    /// Neither a name nor a file.
    #[error("{0}: neither a built-in dialect (iso8583 specs list) nor a file")]
    Unknown(String),
    /// The file cannot be read.
    #[error("{file}: {error}")]
    Unreadable {
        /// Which one.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// It is read, but no dialect.
    #[error(transparent)]
    Faulty(#[from] SpecFileError),
}

/// A built-in dialect, or that of a file: own TOML, a packager of jPOS, a spec of moov-io/iso8583.
/// It stays for as long as the program runs, for options name few.
///
/// # Errors
/// Where there is neither, or the file is no dialect.
pub fn find(name: &str) -> Result<&'static Dialect, SpecError> {
    match Dialect::named(name) {
        Some(dialect) => Ok(dialect),
        None => Ok(Box::leak(Box::new(import(name)?.dialect))),
    }
}

/// The dialect of a file, with what of it could not be said in our words.
///
/// # Errors
/// Where the file cannot be read or is no dialect.
pub fn import(file: &str) -> Result<Imported, SpecError> {
    if !Path::new(file).exists() {
        return Err(SpecError::Unknown(file.to_owned()));
    }
    let mut text = String::new();
    let limit = u64::try_from(SIZE_MAX)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let read = File::open(file).and_then(|opened| opened.take(limit).read_to_string(&mut text));
    read.map_err(|error| SpecError::Unreadable {
        file: file.to_owned(),
        error,
    })?;
    Ok(spec_file::read(file, &text)?)
}
