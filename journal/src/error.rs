use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// Why a journal cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A file or the folder cannot be read, written or synced.
    #[error("journal {path} cannot be opened")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error("journal {path} is in use by another process")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The settings do not fit each other or are out of bounds.
    #[error("journal settings: {0}")]
    Settings(&'static str),
    /// A later version of this program wrote it.
    #[error("{path} is of format version {found}, which this program does not know")]
    OtherVersion {
        /// The segment.
        path: PathBuf,
        /// Its version.
        found: u16,
    },
    /// It is somebody else's.
    #[error("{path} belongs to a journal of another identity")]
    OtherIdentity {
        /// The segment.
        path: PathBuf,
    },
    /// Data that was durable is damaged. Nothing was changed.
    #[error("{path} is damaged at byte {offset}: {reason}")]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in it the damaged block begins, in bytes.
        offset: u64,
        /// What is wrong there.
        reason: Damage,
    },
}

/// What is wrong with data that was durable once.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Damage {
    /// The block is broken, though blocks behind it say that it was durable.
    #[error("the block there is broken, and a later one says that it was durable")]
    Broken,
    /// The segment head is broken, though it was durable.
    #[error("the head of the segment is broken")]
    BrokenHead,
    /// It does not follow what is before it.
    #[error("what is there does not follow the block before it")]
    OutOfChain,
    /// A segment is missing behind this place.
    #[error("what followed there is missing, and a later segment says that it was durable")]
    Missing,
    /// The segments before this one are missing, and nobody gave them up.
    #[error("segments before this one are missing")]
    MissingBefore,
    /// The reader does not accept a record.
    #[error("a record in the block there is refused: {0}")]
    Refused(String),
}

/// Writing or syncing went wrong: what of the last blocks is durable is not known, now or ever.
/// The journal takes nothing any more; opening it again finds out what it holds.
#[derive(Clone, Debug, Error)]
#[error("journal {path} could not be written or synced; it takes nothing any more")]
pub struct Failure {
    /// The segment, or the folder.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: Arc<io::Error>,
}

/// A record was not taken.
#[derive(Clone, Debug, Error)]
pub enum AppendError {
    /// No block could hold it.
    #[error("a record of {bytes} bytes; a block of this journal holds {bytes_max}")]
    TooLarge {
        /// Bytes of the record.
        bytes: usize,
        /// Bytes of the largest record.
        bytes_max: usize,
    },
    /// The open block does not hold it too: write first.
    #[error("the open block is full")]
    BlockFull,
    /// The journal has failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// The open block was not written.
#[derive(Clone, Debug, Error)]
pub enum WriteError {
    /// The disk is full, and nothing of the block is on it. It is still open: write it again when
    /// there is room, or [`discard`](crate::Journal::discard) it.
    #[error("no room for a block on the disk of journal {path}")]
    DiskFull {
        /// The segment.
        path: PathBuf,
    },
    /// The journal has failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}
