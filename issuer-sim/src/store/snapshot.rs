//! Snapshots: the books at a position of the journal, so that recovery reads what is behind it
//! alone. The format is in `issuer-sim/JOURNAL.md`.

use std::io;
use std::sync::Arc;

use ::journal::{Disk, DiskFile, Position};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::codec::NotARecord;
use super::parts;
use crate::books::{Books, Inconsistent, Part, Policy};

/// Books, and how far in the journal they are.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) books: Books,
    pub(crate) position: Position,
    /// Of its file, where it was read.
    pub(crate) bytes: u64,
}

/// Why a file is no snapshot.
#[derive(Debug, Error)]
pub enum Defect {
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// Its head is not one, or of a later version.
    #[error("it does not begin as a snapshot of this version")]
    Head,
    /// It was made under another key file.
    #[error("it was written under another key file")]
    OtherKey,
    /// Its name and its content are of different places.
    #[error("it is not of the place that its name says")]
    Misnamed,
    /// Some of it is broken or missing.
    #[error("it is broken at byte {0}")]
    Broken(usize),
    /// What it holds is not what this version knows.
    #[error(transparent)]
    NotAPart(#[from] NotARecord),
    /// The parts do not fit each other.
    #[error("its parts do not fit: {0}")]
    Unfit(#[from] Inconsistent),
    /// Not as many parts as it says.
    #[error("it holds other counts than it says")]
    Counts,
}

/// Positions of the snapshots on a disk, the newest first; whether they are whole is not known.
pub(crate) fn positions(disk: &dyn Disk) -> io::Result<Vec<Position>> {
    let names = disk.list()?;
    let mut positions: Vec<Position> = names.iter().filter_map(|name| position_of(name)).collect();
    positions.sort_unstable_by(|one, other| other.cmp(one));
    Ok(positions)
}

/// The file of the snapshot at `position`.
pub(crate) fn name(position: Position) -> String {
    format!("{:020}{SUFFIX}", position.bytes())
}

fn position_of(file: &str) -> Option<Position> {
    let position = Position::new(file.strip_suffix(SUFFIX)?.parse().ok()?);
    (name(position) == file).then_some(position)
}

/// Reads the snapshot at `position`.
///
/// # Errors
/// [`Defect`] where it is not whole.
pub(crate) fn read(
    disk: &dyn Disk,
    identity: [u8; 16],
    position: Position,
    policy: Policy,
) -> Result<Snapshot, Defect> {
    let mut bytes = Vec::new();
    disk.open(&name(position))?.read(&mut bytes)?;
    let head = bytes.first_chunk::<HEAD>().ok_or(Defect::Head)?;
    let (fields, crc) = head.split_last_chunk::<4>().ok_or(Defect::Head)?;
    let crc = u32::from_le_bytes(*crc);
    if crc32c::crc32c(fields) != crc || fields.get(..KIND.len()) != Some(&KIND) {
        return Err(Defect::Head);
    }
    let expected = head_of(identity, position);
    if fields.get(KIND.len()..KIND.len() + 16) != Some(&identity) {
        return Err(Defect::OtherKey);
    }
    if *head != expected {
        return Err(Defect::Misnamed);
    }
    let mut books = Books::new(policy);
    let mut counts = None;
    let mut chunks = Chunks {
        bytes: &bytes,
        at: HEAD,
        previous: crc,
    };
    while let Some(mut chunk) = chunks.next()? {
        while !chunk.is_empty() {
            let (part, rest) = parts::decode(chunk)?;
            if let (Part::Counts(first), None) = (&part, counts) {
                counts = Some(*first);
            }
            books.restore(part)?;
            chunk = rest;
        }
    }
    if counts.is_some_and(|counts| books.are_whole(&counts)) {
        Ok(Snapshot {
            books,
            position,
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        })
    } else {
        Err(Defect::Counts)
    }
}

/// Writes a snapshot, durably, all of it or none that [`positions`] would show, and says how many
/// bytes it has. `go_on` is asked now and then.
///
/// # Errors
/// Where it cannot be written, or `go_on` says so.
pub(crate) fn write(
    disk: &dyn Disk,
    identity: [u8; 16],
    snapshot: &Snapshot,
    go_on: impl Fn() -> io::Result<()>,
) -> io::Result<u64> {
    remove_if_there(disk, UNFINISHED)?;
    let mut file = Writing {
        file: disk.create(UNFINISHED)?,
        offset: 0,
        unsynced: 0,
        previous: 0,
    };
    let head = head_of(identity, snapshot.position);
    file.previous = head.last_chunk().map_or(0, |crc| u32::from_le_bytes(*crc));
    file.write(&head)?;
    let mut chunk = vec![0; CHUNK_HEAD];
    for part in snapshot.books.parts() {
        parts::encode(&part, &mut chunk);
        if chunk.len() >= CHUNK_BYTES {
            file.write_chunk(&mut chunk)?;
            go_on()?;
        }
    }
    if chunk.len() > CHUNK_HEAD {
        file.write_chunk(&mut chunk)?;
    }
    // An empty chunk is the end.
    file.write_chunk(&mut chunk)?;
    file.file.sync()?;
    go_on()?;
    let name = name(snapshot.position);
    remove_if_there(disk, &name)?;
    disk.rename(UNFINISHED, &name)?;
    disk.sync_names()?;
    Ok(file.offset)
}

/// SHA-256 of all that a snapshot of these books would hold.
pub(crate) fn digest(books: &Books) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut bytes = Vec::new();
    for part in books.parts() {
        bytes.clear();
        parts::encode(&part, &mut bytes);
        digest.update(&bytes);
    }
    digest.finalize().into()
}

/// Removes a file; it may be gone already.
pub(crate) fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn head_of(identity: [u8; 16], position: Position) -> [u8; HEAD] {
    let position = position.bytes().to_le_bytes();
    let mut fields = [&KIND[..], &identity, &position].concat();
    fields.extend_from_slice(&crc32c::crc32c(&fields).to_le_bytes());
    fields.try_into().unwrap_or([0; HEAD])
}

struct Writing {
    file: Arc<dyn DiskFile>,
    offset: u64,
    unsynced: usize,
    previous: u32,
}

impl Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(self.offset, bytes)?;
        self.offset += u64::try_from(bytes.len()).map_err(io::Error::other)?;
        self.unsynced += bytes.len();
        if self.unsynced >= SYNC_BYTES {
            // In parts: one sync of all of it would hold up those of the journal meanwhile.
            self.file.sync()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Completes the head of a chunk, writes it and begins another.
    fn write_chunk(&mut self, chunk: &mut Vec<u8>) -> io::Result<()> {
        let length = u32::try_from(chunk.len() - CHUNK_HEAD).map_err(io::Error::other)?;
        let parts = chunk.get(CHUNK_HEAD..).unwrap_or_default();
        let crc = crc_of(length, self.previous, parts);
        let fields = [length, self.previous, crc].map(u32::to_le_bytes);
        for (to, from) in chunk.iter_mut().zip(fields.as_flattened()) {
            *to = *from;
        }
        self.previous = crc;
        self.write(chunk)?;
        chunk.truncate(CHUNK_HEAD);
        Ok(())
    }
}

struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
    previous: u32,
}

impl<'a> Chunks<'a> {
    /// The parts of the next chunk; `None` behind the last.
    fn next(&mut self) -> Result<Option<&'a [u8]>, Defect> {
        let broken = || Defect::Broken(self.at);
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (head, rest) = rest.split_first_chunk::<CHUNK_HEAD>().ok_or_else(broken)?;
        let [length, previous, crc] = head.as_chunks::<4>().0 else {
            return Err(broken());
        };
        let [length, previous, crc] = [length, previous, crc].map(|it| u32::from_le_bytes(*it));
        let size = usize::try_from(length).map_err(|_| broken())?;
        let parts = rest.get(..size).ok_or_else(broken)?;
        if previous != self.previous || crc != crc_of(length, previous, parts) {
            return Err(broken());
        }
        if parts.is_empty() {
            return if rest.is_empty() {
                Ok(None)
            } else {
                Err(broken())
            };
        }
        self.previous = crc;
        self.at += CHUNK_HEAD + size;
        Ok(Some(parts))
    }
}

fn crc_of(length: u32, previous: u32, parts: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&length.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &previous.to_le_bytes());
    crc32c::crc32c_append(crc, parts)
}

/// Magic and version 1.
const KIND: [u8; 12] = *b"PANSORIP\x01\0\0\0";
const HEAD: usize = KIND.len() + 16 + 8 + 4;
const CHUNK_HEAD: usize = 12;
const CHUNK_BYTES: usize = 256 * 1024;
const SYNC_BYTES: usize = 1024 * 1024;
const SUFFIX: &str = ".snapshot";
/// One that is being written.
const UNFINISHED: &str = "snapshot";

#[cfg(test)]
mod tests {
    use ::journal::testing::SimDisk;

    use super::*;
    use crate::kit::{eventful, policy};

    const AT: Position = Position::new(4_711);
    const IDENTITY: [u8; 16] = [5; 16];

    fn written() -> (SimDisk, Books) {
        let (disk, books) = (SimDisk::new(1), eventful().books);
        let snapshot = Snapshot {
            books: books.clone(),
            position: AT,
            bytes: 0,
        };
        write(&disk, IDENTITY, &snapshot, || Ok(())).unwrap();
        (disk, books)
    }

    #[test]
    fn books_are_read_as_they_were_written() {
        let (disk, books) = written();
        assert_eq!(positions(&disk).unwrap(), [AT]);
        let read = read(&disk, IDENTITY, AT, policy()).unwrap();
        assert_eq!((read.books, read.position), (books, AT));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_snapshot_is_found() {
        let (disk, _) = written();
        let file = name(AT);
        let whole = disk.content(&file);
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            disk.put(&file, &flipped);
            assert!(read(&disk, IDENTITY, AT, policy()).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            disk.put(&file, &whole[..length]);
            assert!(read(&disk, IDENTITY, AT, policy()).is_err(), "{length}");
        }
    }

    #[test]
    fn a_snapshot_of_another_key_or_another_place_is_none() {
        let (disk, _) = written();
        let other = read(&disk, [6; 16], AT, policy()).unwrap_err();
        assert!(matches!(other, Defect::OtherKey), "{other}");
        disk.put(&name(Position::new(1)), &disk.content(&name(AT)));
        let other = read(&disk, IDENTITY, Position::new(1), policy()).unwrap_err();
        assert!(matches!(other, Defect::Misnamed), "{other}");
    }

    #[test]
    fn one_that_could_not_be_finished_is_not_shown_and_the_next_takes_its_place() {
        let (disk, books) = (SimDisk::new(1), eventful().books);
        let snapshot = Snapshot {
            books,
            position: AT,
            bytes: 0,
        };
        let stop = || Err(io::Error::other("the program ends"));
        assert!(write(&disk, IDENTITY, &snapshot, stop).is_err());
        assert_eq!(positions(&disk).unwrap(), []);
        disk.set_bytes_max(100);
        assert!(write(&disk, IDENTITY, &snapshot, || Ok(())).is_err());
        disk.set_bytes_max(1 << 20);
        disk.fail_syncs();
        assert!(write(&disk, IDENTITY, &snapshot, || Ok(())).is_err());
        assert_eq!(positions(&disk).unwrap(), []);
        let disk = disk.crash(::journal::testing::Crash::Process);
        write(&disk, IDENTITY, &snapshot, || Ok(())).unwrap();
        assert_eq!(positions(&disk).unwrap(), [AT]);
    }
}
