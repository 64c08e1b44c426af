use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::disk::{Disk, DiskFile, zero_filled};
use crate::format::segment_name;
use crate::position::as_u64;
use crate::{Failure, Position, Settings};

/// What the one writer, the syncs and the helper share.
pub(crate) struct Shared {
    pub(crate) disk: Box<dyn Disk>,
    pub(crate) settings: Settings,
    waker: Box<dyn Fn(Position) + Send + Sync>,
    written: AtomicU64,
    synced: AtomicU64,
    nearly_full: AtomicBool,
    failure: OnceLock<Failure>,
    unsynced: Mutex<Unsynced>,
    /// Held by whoever syncs: one at a time.
    turn: Mutex<()>,
    room: Mutex<Room>,
    /// Held by whoever tends: one at a time.
    tending: Mutex<()>,
    pub(crate) sync_bell: Bell,
    pub(crate) room_bell: Bell,
}

/// Where bytes may be that are not synced.
#[derive(Debug, Default)]
struct Unsynced {
    /// Segments in order; only the last is still written to.
    segments: Vec<(Position, Arc<dyn DiskFile>)>,
    names: bool,
}

#[derive(Debug, Default)]
struct Room {
    spare: Option<Arc<dyn DiskFile>>,
    /// Segments nobody needs, oldest first, and what must be synced before they go.
    forgotten: Vec<(Position, Position)>,
}

impl Shared {
    pub(crate) fn new(
        disk: Box<dyn Disk>,
        settings: Settings,
        waker: Box<dyn Fn(Position) + Send + Sync>,
        recovered: Position,
    ) -> Self {
        Self {
            disk,
            settings,
            waker,
            written: AtomicU64::new(recovered.bytes()),
            synced: AtomicU64::new(recovered.bytes()),
            nearly_full: AtomicBool::new(false),
            failure: OnceLock::new(),
            unsynced: Mutex::default(),
            turn: Mutex::default(),
            room: Mutex::default(),
            tending: Mutex::default(),
            sync_bell: Bell::default(),
            room_bell: Bell::default(),
        }
    }

    pub(crate) fn synced(&self) -> Position {
        Position::new(self.synced.load(Ordering::Acquire))
    }

    /// Only after the bytes are with the kernel.
    pub(crate) fn set_written(&self, position: Position) {
        self.written.store(position.bytes(), Ordering::Release);
    }

    pub(crate) fn nearly_full(&self) -> bool {
        self.nearly_full.load(Ordering::Relaxed)
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.failure
            .get()
            .map_or(Ok(()), |failure| Err(failure.clone()))
    }

    /// Ends the journal; the first failure stays.
    pub(crate) fn fail(&self, path: PathBuf, source: io::Error) -> Failure {
        let source = Arc::new(source);
        let failure = self
            .failure
            .get_or_init(|| Failure { path, source })
            .clone();
        (self.waker)(self.synced());
        failure
    }

    /// Makes all that was written when this begins durable. Whoever writes goes on meanwhile.
    pub(crate) fn sync(&self) -> Result<Position, Failure> {
        let _turn = lock(&self.turn);
        self.check()?;
        self.look_at_space();
        // Before the list is read: a segment is in it before it is written to.
        let written = self.written.load(Ordering::Acquire);
        if written == self.synced.load(Ordering::Acquire) {
            return Ok(Position::new(written));
        }
        let (segments, names) = {
            let mut unsynced = lock(&self.unsynced);
            (
                unsynced.segments.clone(),
                std::mem::take(&mut unsynced.names),
            )
        };
        for (base, file) in &segments {
            file.sync()
                .map_err(|error| self.fail(self.segment_path(*base), error))?;
        }
        if names {
            self.sync_names()?;
        }
        let complete = segments.len().saturating_sub(1);
        lock(&self.unsynced).segments.drain(..complete);
        self.synced.store(written, Ordering::Release);
        (self.waker)(Position::new(written));
        Ok(Position::new(written))
    }

    /// The segment that is written to from now on.
    pub(crate) fn adopt(&self, base: Position, file: Arc<dyn DiskFile>, new: Name) {
        let mut unsynced = lock(&self.unsynced);
        unsynced.segments.push((base, file));
        unsynced.names |= new == Name::New;
    }

    /// A file for the next segment: the one made ahead, or an empty one.
    pub(crate) fn next_segment(&self, base: Position) -> io::Result<Arc<dyn DiskFile>> {
        let name = segment_name(base);
        // Until it has its name, nobody may see that there is none and make another.
        let mut room = lock(&self.room);
        let spare = room.spare.take();
        let renamed = spare.filter(|_| self.disk.rename(SPARE, &name).is_ok());
        drop(room);
        self.room_bell.ring();
        renamed.map_or_else(|| self.disk.create(&name), Ok)
    }

    /// These segments may go once `after` is synced.
    pub(crate) fn forget(&self, bases: &mut Vec<Position>, after: Position) {
        if !bases.is_empty() {
            let forgotten = bases.drain(..).map(|base| (base, after));
            lock(&self.room).forgotten.extend(forgotten);
        }
    }

    /// Removes what was forgotten and makes a spare segment.
    pub(crate) fn tend(&self) {
        let _tending = lock(&self.tending);
        if self.failure.get().is_some() || self.remove_forgotten().is_err() {
            return;
        }
        self.look_at_space();
        self.fill_ahead();
    }

    /// One by one and each for good, so that no crash leaves a gap.
    fn remove_forgotten(&self) -> Result<(), Failure> {
        loop {
            let oldest = lock(&self.room).forgotten.first().copied();
            let Some((base, _)) = oldest.filter(|(_, after)| *after <= self.synced()) else {
                return Ok(());
            };
            match self.disk.remove(&segment_name(base)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Ok(()),
                Ok(()) | Err(_) => self.sync_names()?,
            }
            lock(&self.room).forgotten.remove(0);
        }
    }

    /// Where it cannot, the next segment is made when it is needed, and grows: slower, not worse.
    fn fill_ahead(&self) {
        let bytes = self.settings.segment_bytes;
        let needed = self.settings.low_water_bytes.saturating_add(as_u64(bytes));
        let fits = self.disk.free_bytes().is_ok_and(|free| free >= needed);
        if !fits || lock(&self.room).spare.is_some() {
            return;
        }
        match zero_filled(&*self.disk, SPARE, bytes) {
            Ok(spare) => lock(&self.room).spare = Some(spare),
            Err(_) => drop(self.disk.remove(SPARE)),
        }
    }

    pub(crate) fn look_at_space(&self) {
        if let Ok(free) = self.disk.free_bytes() {
            let nearly_full = free < self.settings.low_water_bytes;
            self.nearly_full.store(nearly_full, Ordering::Relaxed);
        }
    }

    fn sync_names(&self) -> Result<(), Failure> {
        self.disk
            .sync_names()
            .map_err(|error| self.fail(self.disk.path(""), error))
    }

    pub(crate) fn segment_path(&self, base: Position) -> PathBuf {
        self.disk.path(&segment_name(base))
    }

    /// The life of the thread that syncs; a last time when it is to end.
    pub(crate) fn run_syncs(&self, every: Duration) {
        loop {
            let stopped = self.sync_bell.wait(every);
            if self.sync().is_err() || stopped {
                return;
            }
        }
    }

    /// The life of the thread that tends.
    pub(crate) fn run_tending(&self) {
        loop {
            self.tend();
            if self.room_bell.wait(TEND_EVERY) {
                return;
            }
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Shared")
            .field("disk", &self.disk)
            .field("settings", &self.settings)
            .field("written", &self.written)
            .field("synced", &self.synced)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// Was the name of a segment made just now?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    New,
    Durable,
}

/// What a thread sleeps on.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<Rung>,
    change: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rung {
    #[default]
    No,
    Yes,
    /// For the last time.
    Stop,
}

impl Bell {
    pub(crate) fn ring(&self) {
        let mut rung = lock(&self.rung);
        if *rung == Rung::No {
            *rung = Rung::Yes;
            self.change.notify_one();
        }
    }

    pub(crate) fn stop(&self) {
        *lock(&self.rung) = Rung::Stop;
        self.change.notify_one();
    }

    /// Sleeps until it rings, for `longest` at most: is it the last time?
    fn wait(&self, longest: Duration) -> bool {
        let silent = |rung: &mut Rung| *rung == Rung::No;
        let waited = self
            .change
            .wait_timeout_while(lock(&self.rung), longest, silent);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *rung == Rung::Yes {
            *rung = Rung::No;
        }
        *rung == Rung::Stop
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic may have left half done is a list entry at most: each is changed in one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) const SPARE: &str = "spare";
/// A forgotten segment waits for a sync and a full disk for space, and neither rings.
const TEND_EVERY: Duration = Duration::from_secs(1);
