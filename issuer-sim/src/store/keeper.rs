//! Who makes the snapshots: from the disk, beside the ledger, which does not stand still for it.
//!
//! A new snapshot is the one before it and the records since, read again from the segments. So
//! whatever a disk has forgotten of the journal is noticed within a snapshot's time, the one before
//! stays as long as nobody has begun with the new one, and the ledger gives up only segments that
//! both make needless.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use ::journal::{Disk, Position, Syncer};
use thiserror::Error;
use tracing::{error, info, warn};

use super::archive::Archive;
use super::journal::{self, NotApplied, OpenError, Settings};
use super::snapshot::{self, Snapshot};
use crate::books::{Books, Policy};
use crate::metrics;

/// How far the journal is not needed any more, as the keeper tells the ledger.
#[derive(Debug, Default)]
pub struct Given(AtomicU64);

impl Given {
    fn up(&self, position: Position) {
        self.0.store(position.bytes(), Ordering::Release);
    }

    /// The position to forget before, once.
    pub(crate) fn take(&self) -> Option<Position> {
        // Asked with every group: a load is cheaper than a swap.
        if self.0.load(Ordering::Relaxed) == 0 {
            return None;
        }
        Some(Position::new(self.0.swap(0, Ordering::Acquire))).filter(|it| it.bytes() > 0)
    }
}

/// Makes the snapshots of one ledger.
#[derive(Debug)]
pub struct Keeper {
    disk: Arc<dyn Disk>,
    syncer: Syncer,
    settings: Settings,
    policy: Policy,
    /// Where the newest snapshot was made.
    newest: Position,
    /// Bytes of the newest snapshot, so far as is known.
    bytes: u64,
    given: Arc<Given>,
    stop: Arc<AtomicBool>,
}

/// Why there is no new snapshot.
#[derive(Debug, Error)]
pub enum KeepError {
    /// The journal, or the snapshot before, cannot be read.
    #[error(transparent)]
    Read(#[from] OpenError),
    /// The new one cannot be written, or the old ones not be removed.
    #[error("it cannot be written")]
    Write(#[from] io::Error),
    /// It would fill the disk.
    #[error("the disk is too full for another")]
    NoRoom,
    /// The program ends.
    #[error("the program ends")]
    Stopped,
}

impl Keeper {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        syncer: Syncer,
        settings: Settings,
        policy: Policy,
        newest: Position,
        given: Arc<Given>,
    ) -> Self {
        Self {
            disk,
            syncer,
            settings,
            policy,
            newest,
            bytes: 0,
            given,
            stop: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Is there as much behind the newest snapshot as a new one is made for?
    #[must_use]
    pub fn is_due(&self) -> bool {
        let behind = self
            .syncer
            .synced()
            .bytes()
            .saturating_sub(self.newest.bytes());
        behind >= self.settings.snapshot_bytes
    }

    /// Makes a snapshot of all that is durable, gives up the segments that the one before makes
    /// needless, and removes the snapshots before that one.
    ///
    /// # Errors
    /// [`KeepError`]: there is no new snapshot, or what is old is still there. Nothing is lost.
    pub fn keep(&mut self, archive: Option<&Archive>) -> Result<Position, KeepError> {
        let identity = self.settings.identity;
        let before = journal::newest_snapshot(&*self.disk, identity, self.policy)?;
        let before_at = before.as_ref().map(|snapshot| snapshot.position);
        let mut books = match before {
            Some(snapshot) => {
                self.bytes = self.bytes.max(snapshot.bytes);
                snapshot.books
            }
            None => Books::new(self.policy),
        };
        let stop = &self.stop;
        let read = self
            .syncer
            .replay(before_at.unwrap_or_default(), |_, record| {
                if stop.load(Ordering::Relaxed) {
                    return Err(Interrupted::Stopped);
                }
                Ok(journal::apply(&mut books, record)?)
            });
        let position = match read {
            Err(_) if stop.load(Ordering::Relaxed) => return Err(KeepError::Stopped),
            read => read.map_err(OpenError::from)?,
        };
        if before_at == Some(position) {
            return Ok(position);
        }
        let needed = self.settings.low_water_bytes.saturating_add(self.bytes);
        if self.disk.free_bytes()? < needed {
            return Err(KeepError::NoRoom);
        }
        let made = Snapshot {
            books,
            position,
            bytes: 0,
        };
        let going_on = || match stop.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(()),
        };
        match snapshot::write(&*self.disk, identity, &made, going_on) {
            Err(_) if stop.load(Ordering::Relaxed) => return Err(KeepError::Stopped),
            written => self.bytes = written?,
        }
        self.newest = position;
        self.give_up(before_at, archive)?;
        Ok(position)
    }

    /// What the snapshot before the newest makes needless.
    fn give_up(
        &self,
        before: Option<Position>,
        archive: Option<&Archive>,
    ) -> Result<(), KeepError> {
        for old in snapshot::positions(&*self.disk)? {
            if old != self.newest && Some(old) != before {
                snapshot::remove_if_there(&*self.disk, &snapshot::name(old))?;
            }
        }
        self.disk.sync_names()?;
        let Some(before) = before else {
            return Ok(());
        };
        if let Some(archive) = archive {
            let segments = ::journal::segments(&*self.disk).map_err(OpenError::from)?;
            let ends = segments.iter().skip(1).map(|(base, _)| *base);
            let complete = segments.iter().zip(ends);
            let needless = complete.filter(|(_, end)| *end < before);
            let names: Vec<String> = needless.map(|((_, name), _)| name.clone()).collect();
            archive.put(&names)?;
            archive.tidy(SystemTime::now())?;
        }
        self.given.up(before);
        Ok(())
    }

    /// Makes snapshots on a thread of its own, whenever one is due, until it is dropped.
    pub(crate) fn start(self, archive: Option<Archive>) -> io::Result<Keeping> {
        let (bell, ends) = sync_channel(0);
        let stop = Arc::clone(&self.stop);
        let thread = std::thread::Builder::new()
            .name("snapshots".to_owned())
            .spawn(move || self.run(&ends, archive.as_ref()))?;
        Ok(Keeping {
            bell: Some(bell),
            stop,
            thread: Some(thread),
        })
    }

    fn run(mut self, ends: &Receiver<()>, archive: Option<&Archive>) {
        let mut wait = LOOK_EVERY;
        while ends.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            wait = LOOK_EVERY;
            metrics::snapshot_behind(self.syncer.synced(), self.newest);
            if !self.is_due() || self.syncer.failed().is_some() {
                continue;
            }
            let began = Instant::now();
            match self.keep(archive) {
                Ok(position) => {
                    let took = began.elapsed();
                    info!(%position, bytes = self.bytes, ?took, "a snapshot was made");
                    metrics::snapshot_made();
                }
                Err(KeepError::Stopped) => return,
                Err(failure) => {
                    metrics::snapshot_failed();
                    tell(&failure);
                    wait = RETRY_AFTER;
                }
            }
        }
    }
}

fn tell(failure: &KeepError) {
    let reason: &dyn std::error::Error = failure;
    match failure {
        KeepError::Read(OpenError::Journal(::journal::OpenError::Damaged { .. })) => {
            error!(
                reason,
                "the journal is damaged: the next start will refuse it"
            );
        }
        KeepError::Read(_) | KeepError::Write(_) | KeepError::NoRoom | KeepError::Stopped => {
            warn!(
                reason,
                "no snapshot could be made: the next start reads more of the journal"
            );
        }
    }
}

#[derive(Debug, Error)]
enum Interrupted {
    #[error("the program ends")]
    Stopped,
    #[error(transparent)]
    NotApplied(#[from] NotApplied),
}

/// The thread that makes snapshots. Dropped, it ends, at once or after what it writes just now.
#[derive(Debug)]
pub(crate) struct Keeping {
    bell: Option<SyncSender<()>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.bell = None;
        if let Some(thread) = self.thread.take() {
            // What panicked there has been told by the panic.
            let _ended = thread.join();
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(1);
const RETRY_AFTER: Duration = Duration::from_secs(60);
