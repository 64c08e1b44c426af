//! The store: records in the segments of the [`::journal`] crate, and snapshots of the
//! books beside them. What is in the files, and how they are recovered, is in
//! `issuer-sim/JOURNAL.md`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::journal::{AppendError, Disk, Position, Recovered, Syncer};
use thiserror::Error;
use tracing::warn;

use super::archive::Archive;
use super::codec::{self, NotARecord};
use super::keeper::{Given, Keeper, Keeping};
use super::snapshot::{self, Snapshot};
use super::{Store, StoreError};
use crate::books::{Books, Inconsistent, Policy};
use crate::record::Record;

/// What a store is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Check value of the key file, under which the card numbers are sealed.
    pub identity: [u8; 16],
    /// Bytes of a segment file, zero-filled ahead.
    pub segment_bytes: usize,
    /// Free bytes of the disk below which it is nearly full.
    pub low_water_bytes: u64,
    /// Bytes of records after which a snapshot is made, and so about what recovery reads.
    pub snapshot_bytes: u64,
    /// How often room is looked after in the background; `None`: never, for tests.
    pub tend_every: Option<Duration>,
}

impl Settings {
    fn of_journal(&self) -> ::journal::Settings {
        ::journal::Settings {
            identity: self.identity,
            segment_bytes: self.segment_bytes,
            block_bytes_max: BLOCK_BYTES_MAX.min(self.segment_bytes / 2),
            sync_every: self.tend_every,
            low_water_bytes: self.low_water_bytes,
        }
    }
}

/// An open journal, at its end.
#[derive(Debug)]
pub struct Journal {
    journal: ::journal::Journal,
    syncer: Syncer,
    /// The bytes of the record that is being appended.
    record: Vec<u8>,
    /// Why a record of this group was not taken.
    refused: Option<AppendError>,
    failed: bool,
    given: Arc<Given>,
    keeping: Option<Keeping>,
}

/// What was there when a store was opened.
#[derive(Debug)]
pub struct Opened {
    /// To go on with.
    pub journal: Journal,
    /// The books as the journal has them.
    pub books: Books,
    /// Where the snapshot was made that recovery began with.
    pub snapshot: Option<Position>,
    /// What the journal held.
    pub recovered: Recovered,
    /// Makes the snapshots from now on.
    pub keeper: Keeper,
}

/// Why a store cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The segments.
    #[error(transparent)]
    Journal(::journal::OpenError),
    /// Its cards are encrypted under another key.
    #[error("{path} was written under another key file")]
    OtherKey {
        /// The segment.
        path: PathBuf,
    },
    /// The folder cannot be read.
    #[error("ledger folder {path} cannot be read")]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Recovery has nothing to begin with.
    #[error(
        "the journal in {path} begins at {begin}, and no snapshot in it is whole and reaches that \
         far: put back the segments before it from the archive, or a snapshot"
    )]
    Gap {
        /// The folder.
        path: PathBuf,
        /// Position of the oldest record that is there.
        begin: Position,
    },
    /// Segments are gone from the end.
    #[error(
        "the snapshot in {path} was made at {snapshot}, and the journal there ends at {end}: \
         segments are missing"
    )]
    Ahead {
        /// The folder.
        path: PathBuf,
        /// Where the snapshot was made.
        snapshot: Position,
        /// Where the journal ends.
        end: Position,
    },
}

impl From<::journal::OpenError> for OpenError {
    fn from(error: ::journal::OpenError) -> Self {
        match error {
            ::journal::OpenError::OtherIdentity { path } => Self::OtherKey { path },
            error @ (::journal::OpenError::Io { .. }
            | ::journal::OpenError::InUse { .. }
            | ::journal::OpenError::Settings(_)
            | ::journal::OpenError::OtherVersion { .. }
            | ::journal::OpenError::Damaged { .. }) => Self::Journal(error),
        }
    }
}

/// Why a record does not change the books.
#[derive(Debug, Error)]
pub enum NotApplied {
    /// It is none.
    #[error(transparent)]
    NotARecord(#[from] NotARecord),
    /// It does not fit.
    #[error("the books refuse it: {0}")]
    Refused(#[from] Inconsistent),
}

impl Journal {
    /// Opens the journal on a disk, or begins it: the books are those of the newest whole snapshot
    /// and of what is behind it.
    ///
    /// # Errors
    /// [`OpenError`] where the folder is not usable, durable data is damaged or missing, or a
    /// record does not fit the books. Damaged data is left as it is.
    pub fn open(
        disk: Arc<dyn Disk>,
        settings: Settings,
        policy: Policy,
    ) -> Result<Opened, OpenError> {
        let begun = newest_snapshot(&*disk, settings.identity, policy)?;
        let position = begun.as_ref().map(|snapshot| snapshot.position);
        let from = position.unwrap_or_default();
        let path = || disk.path("");
        match ::journal::segments(&*disk)?.first() {
            Some((begin, _)) if *begin > from => {
                let (path, begin) = (path(), *begin);
                return Err(OpenError::Gap { path, begin });
            }
            None if position.is_some() => {
                return Err(OpenError::Ahead {
                    path: path(),
                    snapshot: from,
                    end: Position::default(),
                });
            }
            Some(_) | None => {}
        }
        let mut books = begun.map_or_else(|| Books::new(policy), |snapshot| snapshot.books);
        let (journal, recovered) = ::journal::Journal::open(
            Arc::clone(&disk),
            settings.of_journal(),
            |_| {},
            |position, record| {
                if position > from {
                    apply(&mut books, record)
                } else {
                    Ok(())
                }
            },
        )?;
        if recovered.end < from {
            let (path, end) = (path(), recovered.end);
            let snapshot = from;
            return Err(OpenError::Ahead {
                path,
                snapshot,
                end,
            });
        }
        let syncer = journal.syncer();
        let given = Arc::new(Given::default());
        let keeper = Keeper::new(
            disk,
            syncer.clone(),
            settings,
            policy,
            from,
            Arc::clone(&given),
        );
        let journal = Self {
            journal,
            syncer,
            record: Vec::new(),
            refused: None,
            failed: false,
            given,
            keeping: None,
        };
        Ok(Opened {
            journal,
            books,
            snapshot: position,
            recovered,
            keeper,
        })
    }

    /// Lets a thread make snapshots from now on, and put segments that they make needless into
    /// the archive, if there is one.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn keep(&mut self, keeper: Keeper, archive: Option<Archive>) -> io::Result<()> {
        self.keeping = Some(keeper.start(archive)?);
        Ok(())
    }

    /// What the threads do, for tests without any.
    #[cfg(test)]
    pub(crate) fn tend(&self) {
        self.journal.tend();
    }

    fn take(&mut self) -> Result<(), AppendError> {
        match self.journal.append(&self.record) {
            Err(AppendError::BlockFull) => {}
            taken => return taken,
        }
        match self.journal.write() {
            Ok(_) => self.journal.append(&self.record),
            // The block stays open and full; the sync, which writes it again, says why.
            Err(_) => Err(AppendError::BlockFull),
        }
    }

    fn write_and_sync(&mut self) -> Result<(), StoreError> {
        if let Some(refused) = self.refused.take() {
            self.journal.write()?;
            return Err(refused.into());
        }
        if let Some(position) = self.given.take() {
            self.journal.forget_before(position);
        }
        self.journal.write()?;
        self.syncer.sync()?;
        Ok(())
    }
}

impl Store for Journal {
    fn append(&mut self, record: &Record) {
        self.record.clear();
        codec::encode(record, &mut self.record);
        if self.refused.is_none() {
            self.refused = self.take().err();
        }
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let synced = self.write_and_sync();
        self.failed |= synced.is_err();
        synced
    }

    fn is_nearly_full(&self) -> bool {
        self.journal.is_nearly_full()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        let Self {
            mut journal,
            keeping,
            failed,
            ..
        } = *self;
        drop(keeping);
        if failed {
            journal.discard();
            return Ok(());
        }
        Ok(journal.close()?)
    }
}

/// Changes the books by the bytes of one record.
///
/// # Errors
/// [`NotApplied`] where they are none or do not fit.
pub(crate) fn apply(books: &mut Books, bytes: &[u8]) -> Result<(), NotApplied> {
    Ok(books.apply(&whole(bytes)?)?)
}

/// The record that these bytes are, all of them.
///
/// # Errors
/// [`NotARecord`] where they are none.
pub(crate) fn whole(bytes: &[u8]) -> Result<Record, NotARecord> {
    match codec::decode(bytes)? {
        (record, []) => Ok(record),
        (_, _) => Err(NotARecord("end")),
    }
}

/// The newest snapshot that is whole; of each newer one it is told what is wrong with it.
///
/// # Errors
/// [`OpenError::Io`] where the folder cannot be read.
pub(crate) fn newest_snapshot(
    disk: &dyn Disk,
    identity: [u8; 16],
    policy: Policy,
) -> Result<Option<Snapshot>, OpenError> {
    let positions = snapshot::positions(disk).map_err(|source| OpenError::Io {
        path: disk.path(""),
        source,
    })?;
    for position in positions {
        match snapshot::read(disk, identity, position, policy) {
            Ok(snapshot) => return Ok(Some(snapshot)),
            Err(defect) => {
                let file = disk.path(&snapshot::name(position));
                let reason: &dyn std::error::Error = &defect;
                warn!(file = %file.display(), reason, "a snapshot is passed over");
            }
        }
    }
    Ok(None)
}

/// Of the records of one block; a group of more has several. The sandbox's first, which is to be
/// there whole or not at all, has 1.5 MB.
const BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;
