//! A disk in memory that crashes, fails, tears and fills up, the same way for the same seed.
//!
//! It promises as little as a real one: a crash of the machine takes any part of what was not
//! synced, of a write in sectors and torn within one, of names each for itself; a failed sync
//! writes some of it and forgets the rest, but goes on showing all of it; a full disk takes the
//! first part of a write.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::position::as_u64;
use crate::{Disk, DiskFile};

/// A handle on a simulated disk; all clones see the same one.
#[derive(Clone)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
    /// Which process this handle belongs to: after a crash, those of the one before see errors.
    life: u64,
}

/// What crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process alone, as by `kill -9`: what was written is there.
    Process,
    /// The machine, as by a power cut: what was synced is there.
    Machine,
}

struct World {
    random: Random,
    life: u64,
    off: bool,
    operations: u64,
    /// The power goes in the midst of this operation.
    off_at: Option<u64>,
    syncs_fail: bool,
    bytes_max: u64,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Since the last sync of names.
    changes: Vec<Change>,
    files: Vec<Content>,
}

#[derive(Clone, Debug)]
enum Change {
    Created(String, usize),
    Renamed(String, String, usize),
    Removed(String),
}

impl Change {
    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Created(name, file) => {
                names.insert(name, file);
            }
            Self::Renamed(from, to, file) => {
                if names.get(&from) == Some(&file) {
                    names.remove(&from);
                }
                names.insert(to, file);
            }
            Self::Removed(name) => {
                names.remove(&name);
            }
        }
    }
}

#[derive(Clone, Default)]
struct Content {
    /// What reads show.
    shown: Vec<u8>,
    durable: Vec<u8>,
    /// What the disk has not got yet.
    dirty: Vec<Dirty>,
}

#[derive(Clone)]
enum Dirty {
    Written(usize, Vec<u8>),
    Cut(usize),
}

impl fmt::Debug for SimDisk {
    /// Never what is in the files: records may hold card data.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names();
        out.debug_struct("SimDisk")
            .field("names", &names)
            .finish_non_exhaustive()
    }
}

impl SimDisk {
    /// An empty disk with all the room in the world.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let world = World {
            random: Random(seed),
            life: 0,
            off: false,
            operations: 0,
            off_at: None,
            syncs_fail: false,
            bytes_max: u64::MAX,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
            files: Vec::new(),
        };
        Self {
            world: Arc::new(Mutex::new(world)),
            life: 0,
        }
    }

    /// The disk after a crash, as the next process sees it. What was planned of faults is off.
    #[must_use]
    pub fn crash(&self, crash: Crash) -> Self {
        let mut world = self.world();
        if crash == Crash::Machine {
            world.lose();
        }
        world.life += 1;
        world.off = false;
        world.off_at = None;
        world.syncs_fail = false;
        Self {
            world: Arc::clone(&self.world),
            life: world.life,
        }
    }

    /// From the operation `after` so many others on, nothing is done any more; that one itself,
    /// if it is a write, in part.
    pub fn power_off_after(&self, operations: u64) {
        let mut world = self.world();
        world.off_at = Some(world.operations.saturating_add(operations));
    }

    /// Operations so far, over all lives.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.world().operations
    }

    /// From now on every sync of content fails.
    pub fn fail_syncs(&self) {
        self.world().syncs_fail = true;
    }

    /// Bytes that all files together may have.
    pub fn set_bytes_max(&self, bytes: u64) {
        self.world().bytes_max = bytes;
    }

    /// Names of all files, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.world().names.keys().cloned().collect()
    }

    /// What a file shows; nothing where there is none.
    #[must_use]
    pub fn content(&self, name: &str) -> Vec<u8> {
        let mut world = self.world();
        world
            .named(name)
            .map_or_else(Vec::new, |file| file.shown.clone())
    }

    /// Puts a durable file there, or another content into one.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut world = self.world();
        let content = Content {
            shown: bytes.to_vec(),
            durable: bytes.to_vec(),
            dirty: Vec::new(),
        };
        let place = world.files.len();
        world.files.push(content);
        world.names.insert(name.to_owned(), place);
        world.durable_names.insert(name.to_owned(), place);
    }

    /// Takes a file away, durably.
    pub fn take(&self, name: &str) {
        let mut world = self.world();
        world.names.remove(name);
        world.durable_names.remove(name);
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world, one operation further, if this process and the machine are alive.
    fn step(&self) -> io::Result<MutexGuard<'_, World>> {
        let mut world = self.world();
        world.step(self.life)?;
        if world.off { Err(gone()) } else { Ok(world) }
    }

    fn file(&self, place: usize) -> Arc<dyn DiskFile> {
        let disk = self.clone();
        Arc::new(SimFile { disk, place })
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.step()?.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut world = self.step()?;
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let place = world.files.len();
        world.files.push(Content::default());
        world.change(Change::Created(name.to_owned(), place));
        Ok(self.file(place))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let world = self.step()?;
        let place = world.names.get(name).copied();
        let place = place.ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(place))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.step()?;
        let place = world.names.get(from).copied();
        let place = place.ok_or(io::ErrorKind::NotFound)?;
        world.change(Change::Renamed(from.to_owned(), to.to_owned(), place));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.step()?;
        if !world.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.change(Change::Removed(name.to_owned()));
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut world = self.step()?;
        world.changes.clear();
        world.durable_names = world.names.clone();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let world = self.step()?;
        Ok(world.bytes_max.saturating_sub(world.used()))
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("sim").join(name)
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    place: usize,
}

impl DiskFile for SimFile {
    fn read(&self, into: &mut Vec<u8>) -> io::Result<()> {
        let mut world = self.disk.step()?;
        into.clone_from(&world.content(self.place)?.shown);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let mut world = self.disk.world();
        world.step(self.disk.life)?;
        let (used, room) = (world.used(), world.bytes_max);
        let length = as_u64(world.content(self.place)?.shown.len());
        let mut taken = bytes.len();
        let mut outcome = Ok(());
        let growth = as_u64(offset + taken).saturating_sub(length);
        let lacking = used.saturating_add(growth).saturating_sub(room);
        if lacking > 0 {
            taken = taken.saturating_sub(usize::try_from(lacking).unwrap_or(usize::MAX));
            outcome = Err(io::ErrorKind::StorageFull.into());
        }
        if world.off {
            taken = world.random.below(taken + 1);
            outcome = Err(gone());
        }
        let part = bytes.get(..taken).unwrap_or_default();
        world.content(self.place)?.write(offset, part);
        outcome
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.step()?;
        if world.syncs_fail {
            world.lose_of(self.place);
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let content = world.content(self.place)?;
        // What an earlier sync failed to write is clean to the kernel, and not written now either.
        for dirty in content.dirty.drain(..) {
            match dirty {
                Dirty::Written(offset, bytes) => put(&mut content.durable, offset, &bytes),
                Dirty::Cut(length) => content.durable.truncate(length),
            }
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut world = self.disk.step()?;
        let content = world.content(self.place)?;
        content.shown.truncate(length);
        content.dirty.push(Dirty::Cut(length));
        drop(world);
        self.sync()
    }
}

impl World {
    /// Counts an operation; `off` after it if the power went in its midst.
    fn step(&mut self, life: u64) -> io::Result<()> {
        if self.off || life != self.life {
            return Err(gone());
        }
        self.off = self.off_at.is_some_and(|at| self.operations >= at);
        self.operations += 1;
        Ok(())
    }

    fn change(&mut self, change: Change) {
        self.changes.push(change.clone());
        change.apply(&mut self.names);
    }

    fn content(&mut self, place: usize) -> io::Result<&mut Content> {
        let content = self.files.get_mut(place);
        content.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn named(&mut self, name: &str) -> Option<&mut Content> {
        let place = self.names.get(name).copied()?;
        self.files.get_mut(place)
    }

    fn used(&self) -> u64 {
        let files = self
            .names
            .values()
            .filter_map(|place| self.files.get(*place));
        files.map(|file| as_u64(file.shown.len())).sum()
    }

    /// The machine crashes.
    fn lose(&mut self) {
        for change in std::mem::take(&mut self.changes) {
            if self.random.below(2) == 0 {
                change.apply(&mut self.durable_names);
            }
        }
        self.names = self.durable_names.clone();
        for place in 0..self.files.len() {
            self.lose_of(place);
            if let Some(content) = self.files.get_mut(place) {
                content.shown.clone_from(&content.durable);
            }
        }
    }

    /// Of what a file was written, some reaches the disk and the rest never will.
    fn lose_of(&mut self, place: usize) {
        let Some(content) = self.files.get_mut(place) else {
            return;
        };
        // Of three crashes one takes little, one half, one nearly all.
        let lost_of_8 = self.random.below(3) * 3 + 1;
        for dirty in std::mem::take(&mut content.dirty) {
            let (offset, bytes) = match dirty {
                Dirty::Written(offset, bytes) => (offset, bytes),
                Dirty::Cut(length) => {
                    if self.random.below(2) == 0 {
                        content.durable.truncate(length);
                    }
                    continue;
                }
            };
            let mut at = 0;
            while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
                let sector = SECTOR - (offset + at) % SECTOR;
                let sector = rest.get(..sector).unwrap_or(rest);
                if self.random.below(8) >= lost_of_8 {
                    let torn = self.random.below(4) == 0;
                    let length = if torn {
                        self.random.below(sector.len())
                    } else {
                        sector.len()
                    };
                    let landed = sector.get(..length).unwrap_or_default();
                    put(&mut content.durable, offset + at, landed);
                }
                at += sector.len();
            }
        }
    }
}

impl Content {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.shown, offset, bytes);
        self.dirty.push(Dirty::Written(offset, bytes.to_vec()));
    }
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end && !bytes.is_empty() {
        file.resize(end, 0);
    }
    for (to, from) in file.iter_mut().skip(offset).zip(bytes) {
        *to = *from;
    }
}

/// Numbers by seed: splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number below `bound`, 0 where there is none.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let below = mixed.checked_rem(as_u64(bound)).unwrap_or_default();
        usize::try_from(below).unwrap_or_default()
    }
}

fn gone() -> io::Error {
    io::Error::other("the power is off")
}

const SECTOR: usize = 512;
const EIO: i32 = 5;
