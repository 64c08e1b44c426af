use std::collections::VecDeque;
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::disk::{Disk, DiskFile, zero_filled};
use crate::format::{Header, Marks, OpenBlock, RECORD_HEAD, VERSION, segment_name};
use crate::position::as_u64;
use crate::recover::{Segment, io_error, recover};
use crate::shared::{Name, Shared};
use crate::{AppendError, OpenError, Position, Recovered, Settings, Syncer, WriteError};

/// An open journal, at its end: the one writer.
///
/// Dropped, it stops its threads after a last sync; records that were not written are gone.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    block: OpenBlock,
    segment: Current,
    /// The segments before it that are kept, oldest first.
    complete: VecDeque<Segment>,
    kept_from: Position,
    /// Forgotten, but no block says so yet.
    forgotten: Vec<Position>,
    /// CRC of the last block.
    previous: u32,
    threads: Vec<JoinHandle<()>>,
}

/// The segment that is written to.
#[derive(Debug)]
struct Current {
    file: Arc<dyn DiskFile>,
    base: Position,
    /// Where the next block goes; 0 where the header is still to be written with it.
    offset: usize,
}

impl Current {
    fn end(&self) -> Position {
        self.base.plus(self.offset)
    }
}

impl Journal {
    /// Opens the journal on a disk, or begins it, and hands every record to `apply`, in order,
    /// each with its position. What it handed over is durable when it returns, even what the
    /// process before had written and not synced.
    ///
    /// `waker` is called after each sync with the position up to which everything is durable, and
    /// with the same one again when the journal fails. It is called on the thread that synced or
    /// failed to write, so it has to be swift, must not panic and must not sync.
    ///
    /// # Errors
    /// [`OpenError`] where the settings or the disk are not usable, durable data is damaged, or
    /// `apply` refuses a record. Damaged data is left as it is.
    pub fn open<E: Display>(
        disk: impl Disk + 'static,
        settings: Settings,
        waker: impl Fn(Position) + Send + Sync + 'static,
        apply: impl FnMut(Position, &[u8]) -> Result<(), E>,
    ) -> Result<(Self, Recovered), OpenError> {
        if let Some(wrong) = settings.wrong() {
            return Err(OpenError::Settings(wrong));
        }
        let found = recover(&disk, settings.identity, apply)?;
        let mut complete = VecDeque::from(found.segments);
        let last = complete.pop_back();
        let (current, name) = current(&disk, last, settings.segment_bytes)?;
        let end = found.recovered.end;
        let shared = Arc::new(Shared::new(Box::new(disk), settings, Box::new(waker), end));
        shared.adopt(current.base, Arc::clone(&current.file), name);
        shared.look_at_space();
        let mut journal = Self {
            shared,
            block: OpenBlock::new(settings.block_bytes_max),
            segment: current,
            complete,
            kept_from: found.marks.kept_from,
            forgotten: Vec::new(),
            previous: found.previous,
            threads: Vec::new(),
        };
        if !found.sealed || last.is_none() {
            journal.seal()?;
        }
        journal.start_threads()?;
        Ok((journal, found.recovered))
    }

    /// Takes a record into the open block. Nothing is promised of it yet.
    ///
    /// # Errors
    /// [`AppendError`]; the open block is as it was.
    pub fn append(&mut self, record: &[u8]) -> Result<(), AppendError> {
        self.shared.check()?;
        if self.block.push(record) {
            return Ok(());
        }
        let bytes = record.len();
        let bytes_max = self.shared.settings.block_bytes_max - RECORD_HEAD;
        if bytes > bytes_max {
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }
        Err(AppendError::BlockFull)
    }

    /// Hands the open block to the kernel in one write, and says where it ends: the position of
    /// its records. They outlive the process now, and are recovered all or none. Without records
    /// it only says where the journal ends.
    ///
    /// # Errors
    /// [`WriteError`]; after a failure it is not known whether the block was written.
    pub fn write(&mut self) -> Result<Position, WriteError> {
        self.shared.check()?;
        if !self.block.is_empty() {
            self.write_block()?;
        }
        Ok(self.segment.end())
    }

    /// Forgets the records of the open block, after a full disk: they will never be recovered.
    pub fn discard(&mut self) {
        self.block.clear();
    }

    /// A handle on how far this journal is durable.
    #[must_use]
    pub fn syncer(&self) -> Syncer {
        Syncer::new(Arc::clone(&self.shared))
    }

    /// Gives up the records before `position`, which is the position of the oldest record still
    /// needed. Segments that hold only such records are removed, in the background, once a block
    /// written after this call is durable; until then they are handed over again by `open`.
    pub fn forget_before(&mut self, position: Position) {
        while let Some(oldest) = self.complete.front().filter(|oldest| oldest.end < position) {
            self.forgotten.push(oldest.base);
            self.complete.pop_front();
        }
        let oldest = self.complete.front();
        let kept_from = oldest.map_or(self.segment.base, |oldest| oldest.base);
        self.kept_from = self.kept_from.max(kept_from);
    }

    /// Is less of the disk free than [`Settings::low_water_bytes`]? Measured at every sync
    /// interval and by [`tend`](Self::tend). The answer to it is to begin nothing new.
    #[must_use]
    pub fn is_nearly_full(&self) -> bool {
        self.shared.nearly_full()
    }

    /// Removes forgotten segments and fills the next one with zeros. With background syncs a
    /// thread of the journal does this.
    pub fn tend(&self) {
        self.shared.tend();
    }

    /// Writes the open block, syncs, and ends with a seal that says so, by which damage of the
    /// last blocks is told from a torn tail.
    ///
    /// # Errors
    /// [`WriteError`] where that could not be done.
    pub fn close(mut self) -> Result<(), WriteError> {
        self.write()?;
        self.shared.sync()?;
        self.write_block()?;
        self.shared.sync()?;
        Ok(())
    }

    fn seal(&mut self) -> Result<(), OpenError> {
        let path = self.shared.segment_path(self.segment.base);
        let sealed = self.write_block().and_then(|()| Ok(self.shared.sync()?));
        sealed.map(drop).map_err(|error| match error {
            WriteError::DiskFull { path } => OpenError::Io {
                path,
                source: io::ErrorKind::StorageFull.into(),
            },
            WriteError::Failed(failure) => OpenError::Io {
                path,
                source: io::Error::other(failure),
            },
        })
    }

    /// Writes the open block, a seal where it is empty.
    fn write_block(&mut self) -> Result<(), WriteError> {
        self.roll()?;
        let marks = Marks {
            synced: self.shared.synced(),
            kept_from: self.kept_from,
        };
        let position = self.segment.end();
        let (bytes, crc) = if self.segment.offset == 0 {
            self.block.complete_with(&Header {
                version: VERSION,
                identity: self.shared.settings.identity,
                position,
                marks,
                previous: self.previous,
            })
        } else {
            self.block.complete(position, marks, self.previous)
        };
        let offset = as_u64(self.segment.offset);
        let written = self.segment.file.write_at(offset, bytes);
        let size = bytes.len();
        if let Err(error) = written {
            let base = self.segment.base;
            let refused = self.not_written(error, base);
            if let WriteError::DiskFull { .. } = refused {
                // The part that was taken must not be made whole by parts of a later try.
                let wiped = self.segment.file.truncate(offset);
                wiped.map_err(|error| self.shared.fail(self.shared.segment_path(base), error))?;
            }
            return Err(refused);
        }
        self.previous = crc;
        self.segment.offset += size;
        self.block.clear();
        let end = self.segment.end();
        self.shared.set_written(end);
        self.shared.forget(&mut self.forgotten, end);
        Ok(())
    }

    /// Begins the next segment where the open block does not fit this one any more.
    fn roll(&mut self) -> Result<(), WriteError> {
        let filled = self.segment.offset + self.block.size();
        if filled <= self.shared.settings.segment_bytes || self.segment.offset == 0 {
            return Ok(());
        }
        let base = self.segment.end();
        let file = self.shared.next_segment(base);
        let file = file.map_err(|error| self.not_written(error, base))?;
        self.shared.adopt(base, Arc::clone(&file), Name::New);
        self.complete.push_back(Segment {
            base: self.segment.base,
            end: base,
        });
        self.segment = Current {
            file,
            base,
            offset: 0,
        };
        Ok(())
    }

    fn not_written(&self, error: io::Error, base: Position) -> WriteError {
        let path = self.shared.segment_path(base);
        if is_full(&error) {
            WriteError::DiskFull { path }
        } else {
            self.shared.fail(path, error).into()
        }
    }

    fn start_threads(&mut self) -> Result<(), OpenError> {
        let Some(every) = self.shared.settings.sync_every else {
            return Ok(());
        };
        let (syncs, tends) = (Arc::clone(&self.shared), Arc::clone(&self.shared));
        let started = [
            named("journal-sync").spawn(move || syncs.run_syncs(every)),
            named("journal-room").spawn(move || tends.run_tending()),
        ];
        for thread in started {
            self.threads.push(thread.map_err(|source| OpenError::Io {
                path: self.shared.disk.path(""),
                source,
            })?);
        }
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.sync_bell.stop();
        self.shared.room_bell.stop();
        for thread in self.threads.drain(..) {
            // What panicked there has been told by the panic.
            let _ended = thread.join();
        }
    }
}

/// The segment to go on with, its header still to be written where it is the first.
fn current(
    disk: &dyn Disk,
    last: Option<Segment>,
    segment_bytes: usize,
) -> Result<(Current, Name), OpenError> {
    let base = last.map_or_else(Position::default, |segment| segment.base);
    let name = segment_name(base);
    let opened = match last {
        Some(_) => disk.open(&name).map(|file| (file, Name::Durable)),
        None => zero_filled(disk, &name, segment_bytes).map(|file| (file, Name::New)),
    };
    let (file, new) = opened.map_err(|error| io_error(disk, &name, error))?;
    let offset = last.map_or(0, |segment| segment.size());
    Ok((Current { file, base, offset }, new))
}

fn is_full(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::StorageFull || kind == io::ErrorKind::QuotaExceeded
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}
