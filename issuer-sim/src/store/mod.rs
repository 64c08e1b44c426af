//! The port behind which records become durable.
//!
//! One writer appends the records of a group and syncs them; only then may the answers leave. A
//! store that failed once is done: what it holds of the last group is unknown.

pub mod codec;
pub mod journal;

use std::io;

use thiserror::Error;

use crate::record::Record;

/// Where records go.
pub trait Store: Send {
    /// Takes a record into the current group. Nothing is promised of it yet.
    fn append(&mut self, record: &Record);

    /// Makes the current group durable, all of it or, after a crash, none.
    ///
    /// # Errors
    /// [`StoreError`]: whether the group is durable is not known, and nothing may be appended any
    /// more.
    fn sync(&mut self) -> Result<(), StoreError>;
}

/// The group could not be made durable.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Writing or syncing failed.
    #[error("journal cannot be written")]
    Write(#[from] io::Error),
    /// The group is larger than a block may be.
    #[error("a group of {0} bytes is larger than a block of the journal may be")]
    TooLarge(usize),
}
