//! The port behind which records become durable.
//!
//! One writer appends the records of a group and syncs them; only then may the answers leave. A
//! store that failed once is done: what it holds of the last group is unknown.

pub mod archive;
pub mod codec;
pub mod journal;
pub mod keeper;
mod parts;
pub mod snapshot;
#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::record::Record;

/// Where records go.
pub trait Store: Send {
    /// Takes a record into the current group. Nothing is promised of it yet.
    fn append(&mut self, record: &Record);

    /// Makes the current group durable; after a crash the first part of it may be, or none.
    ///
    /// # Errors
    /// [`StoreError`]: whether the group is durable is not known, and nothing may be appended any
    /// more.
    fn sync(&mut self) -> Result<(), StoreError>;

    /// Is so little room left that it is to be kept for reversals?
    fn is_nearly_full(&self) -> bool;

    /// Ends well: what was synced can be told from what was not.
    ///
    /// # Errors
    /// [`StoreError`], where it cannot be told.
    fn close(self: Box<Self>) -> Result<(), StoreError>;
}

/// The group could not be made durable.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A record was not taken.
    #[error("a record cannot be taken into the journal")]
    Append(#[from] ::journal::AppendError),
    /// Writing failed, or the disk is full.
    #[error("the journal cannot be written")]
    Write(#[from] ::journal::WriteError),
    /// Syncing failed, now or earlier.
    #[error("the journal cannot be synced")]
    Sync(#[from] ::journal::Failure),
}
