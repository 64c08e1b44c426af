//! The journal: one append-only file that is the ledger.
//!
//! # Format, version 1
//! All integers are little-endian.
//!
//! ```text
//! header   magic "PANSORIJ" | version u16 | 0 u16 | key check [16] | CRC32C of these u32
//! block    marker "BLCK" | length u32 | previous u32 | CRC32C u32 | records [length]
//! record   see `store::codec`
//! ```
//!
//! A block is what one write and one sync carried: the records of one group of requests. Its CRC
//! covers length, previous and records; `previous` is the CRC of the block before it (of the
//! header, for the first), so a block cannot be lost, moved or taken from another file unnoticed.
//! Zeros after the last block are room made ahead and mean nothing.
//!
//! The key check binds the file to the key file under which its card numbers are encrypted.
//!
//! # What is found when it is opened
//! - a header of which only a part is there, or zeros: the journal was never begun. It is begun.
//! - a last block that is incomplete or whose CRC is wrong: the process died while writing it, so
//!   none of its answers left. It is cut off, with a warning.
//! - the same with a whole block anywhere behind it: the next block is written only after the sync
//!   of the one before, so this was durable and is damaged now. The issuer does not start; the
//!   error names file and offset.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use durable::{sync_file, sync_name};
use thiserror::Error;

use super::codec::{self, NotARecord};
use super::{Store, StoreError};
use crate::record::Record;

/// An open journal, at its end.
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// Head and records of the block being gathered.
    block: Vec<u8>,
    /// CRC of the last block written.
    previous: u32,
}

/// What was read when a journal was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Whole blocks.
    pub blocks: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of a torn last block that were cut off.
    pub cut: u64,
}

/// Why a journal cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file cannot be read or written.
    #[error("journal {path} cannot be opened")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error("journal {path} is in use by another issuer")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It begins with something else.
    #[error("{path} is not a journal of this version")]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// Its cards are encrypted under another key.
    #[error("journal {path} was written under another key file")]
    OtherKey {
        /// The file.
        path: PathBuf,
    },
    /// Durable data is damaged.
    #[error("journal {path} is damaged at byte {offset}: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damaged block begins.
        offset: u64,
        /// What is wrong there.
        reason: Damage,
    },
}

/// What is wrong with a block that was durable once.
#[derive(Debug, Error)]
pub enum Damage {
    /// Whole blocks follow it.
    #[error("the block there is broken and whole blocks follow it")]
    Broken,
    /// It does not follow the block before it.
    #[error("the block there does not belong behind the one before it")]
    OutOfChain,
    /// It holds no records of this version.
    #[error(transparent)]
    NotARecord(#[from] NotARecord),
    /// A record does not fit the books.
    #[error("the books refuse a record: {0}")]
    Refused(String),
}

impl Journal {
    /// Opens the journal at `path`, or begins it, and hands every durable record to `apply`.
    ///
    /// # Errors
    /// [`OpenError`] where the file is not usable or damaged, or `apply` refuses a record.
    pub fn open<E: std::fmt::Display>(
        path: &Path,
        key_check: [u8; 16],
        apply: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(Self, Replayed), OpenError> {
        let io_error = |source| OpenError::Io {
            path: path.to_path_buf(),
            source,
        };
        let mut file = open_locked(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io_error)?;
        let header = header(key_check);
        if never_begun(&bytes, &header) {
            begin(&mut file, &header).map_err(io_error)?;
            bytes = header.to_vec();
        }
        check_header(&bytes, &header, path)?;
        let scan = Scan {
            path,
            bytes: &bytes,
        };
        let (end, previous, replayed) = scan.replay(crc_of_header(&header), apply)?;
        if replayed.cut > 0 {
            file.set_len(end).map_err(io_error)?;
        }
        // The process that wrote the last block may have died before it synced it, and the name of
        // a file just made is not durable either. From here on both are answered for.
        sync_file(&file, path).map_err(io_error)?;
        sync_name(path).map_err(io_error)?;
        file.seek(SeekFrom::Start(end)).map_err(io_error)?;
        let journal = Self {
            file,
            block: Vec::with_capacity(BLOCK_CAPACITY),
            previous,
        };
        Ok((journal, replayed))
    }
}

impl Store for Journal {
    fn append(&mut self, record: &Record) {
        if self.block.is_empty() {
            self.block.extend_from_slice(&[0; BLOCK_HEAD]);
        }
        codec::encode(record, &mut self.block);
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let Some(records) = self.block.get(BLOCK_HEAD..) else {
            return Ok(());
        };
        let length = match u32::try_from(records.len()) {
            Ok(length) if records.len() <= BLOCK_MAX => length,
            _ => return Err(StoreError::TooLarge(records.len())),
        };
        let crc = crc_of_block(length, self.previous, records);
        let head = [
            *MARKER,
            length.to_le_bytes(),
            self.previous.to_le_bytes(),
            crc.to_le_bytes(),
        ];
        for (to, from) in self.block.iter_mut().zip(head.as_flattened()) {
            *to = *from;
        }
        self.file.write_all(&self.block)?;
        self.file.sync_data()?;
        self.previous = crc;
        self.block.clear();
        Ok(())
    }
}

struct Scan<'a> {
    path: &'a Path,
    bytes: &'a [u8],
}

struct Block<'a> {
    previous: u32,
    crc: u32,
    records: &'a [u8],
}

impl Scan<'_> {
    /// Where the whole blocks end, the CRC of the last, and what was read.
    fn replay<E: std::fmt::Display>(
        &self,
        header_crc: u32,
        mut apply: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(u64, u32, Replayed), OpenError> {
        let mut at = HEADER;
        let mut previous = header_crc;
        let mut replayed = Replayed::default();
        while let Some(rest) = self.bytes.get(at..)
            && rest.iter().any(|byte| *byte != 0)
        {
            let Some(block) = whole_block(rest) else {
                if whole_block_within(rest.get(1..).unwrap_or_default()) {
                    return Err(self.damaged(at, Damage::Broken));
                }
                replayed.cut = u64::try_from(rest.len()).unwrap_or(u64::MAX);
                break;
            };
            if block.previous != previous {
                return Err(self.damaged(at, Damage::OutOfChain));
            }
            let mut records = block.records;
            while !records.is_empty() {
                let (record, rest) =
                    codec::decode(records).map_err(|error| self.damaged(at, error.into()))?;
                apply(record)
                    .map_err(|error| self.damaged(at, Damage::Refused(error.to_string())))?;
                records = rest;
                replayed.records += 1;
            }
            replayed.blocks += 1;
            previous = block.crc;
            at += BLOCK_HEAD + block.records.len();
        }
        Ok((u64::try_from(at).unwrap_or(u64::MAX), previous, replayed))
    }

    fn damaged(&self, at: usize, reason: Damage) -> OpenError {
        OpenError::Damaged {
            path: self.path.to_path_buf(),
            offset: u64::try_from(at).unwrap_or(u64::MAX),
            reason,
        }
    }
}

/// The block at the start of `bytes`, if it is whole.
fn whole_block(bytes: &[u8]) -> Option<Block<'_>> {
    let (head, rest) = bytes.split_first_chunk::<BLOCK_HEAD>()?;
    let [marker, length, previous, crc] = head.as_chunks::<4>().0 else {
        return None;
    };
    let length = u32::from_le_bytes(*length);
    let block = Block {
        previous: u32::from_le_bytes(*previous),
        crc: u32::from_le_bytes(*crc),
        records: rest.get(..usize::try_from(length).ok()?)?,
    };
    let whole = marker == MARKER
        && !block.records.is_empty()
        && block.records.len() <= BLOCK_MAX
        && block.crc == crc_of_block(length, block.previous, block.records);
    whole.then_some(block)
}

fn whole_block_within(bytes: &[u8]) -> bool {
    bytes
        .windows(MARKER.len())
        .enumerate()
        .filter(|(_, window)| window == MARKER)
        .filter_map(|(at, _)| bytes.get(at..))
        .any(|from| whole_block(from).is_some())
}

fn crc_of_block(length: u32, previous: u32, records: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&length.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &previous.to_le_bytes());
    crc32c::crc32c_append(crc, records)
}

fn header(key_check: [u8; 16]) -> [u8; HEADER] {
    let mut fields = Vec::with_capacity(HEADER);
    fields.extend_from_slice(MAGIC);
    fields.extend_from_slice(&VERSION.to_le_bytes());
    fields.extend_from_slice(&[0; 2]);
    fields.extend_from_slice(&key_check);
    fields.extend_from_slice(&crc32c::crc32c(&fields).to_le_bytes());
    let mut header = [0; HEADER];
    for (to, from) in header.iter_mut().zip(fields) {
        *to = from;
    }
    header
}

fn crc_of_header(header: &[u8; HEADER]) -> u32 {
    header
        .last_chunk()
        .map_or(0, |crc| u32::from_le_bytes(*crc))
}

fn check_header(bytes: &[u8], expected: &[u8; HEADER], path: &Path) -> Result<(), OpenError> {
    let not_a_journal = || OpenError::NotAJournal {
        path: path.to_path_buf(),
    };
    let found = bytes.first_chunk::<HEADER>().ok_or_else(not_a_journal)?;
    if found == expected {
        return Ok(());
    }
    let kind = MAGIC.len() + VERSION.to_le_bytes().len();
    let crc = crc32c::crc32c(found.get(..HEADER_FIELDS).unwrap_or_default());
    if found.get(..kind) == expected.get(..kind) && crc == crc_of_header(found) {
        return Err(OpenError::OtherKey {
            path: path.to_path_buf(),
        });
    }
    Err(not_a_journal())
}

fn open_locked(path: &Path) -> Result<File, OpenError> {
    let io_error = |source| OpenError::Io {
        path: path.to_path_buf(),
        source,
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(OWNER_ONLY)
        .open(path)
        .map_err(io_error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            path: path.to_path_buf(),
        }),
        Err(TryLockError::Error(source)) => Err(io_error(source)),
    }
}

/// Is this no more than a part of the header, zeros where the rest should be? It was being written
/// when the process or the machine died, so nothing was promised yet.
fn never_begun(bytes: &[u8], header: &[u8; HEADER]) -> bool {
    let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let written = bytes.split_at(bytes.len() - zeros).0;
    bytes.len() <= HEADER && written.len() < HEADER && header.starts_with(written)
}

fn begin(file: &mut File, header: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(header)
}

const OWNER_ONLY: u32 = 0o600;
const MAGIC: &[u8; 8] = b"PANSORIJ";
const VERSION: u16 = 1;
const HEADER_FIELDS: usize = 28;
const HEADER: usize = HEADER_FIELDS + 4;
const MARKER: &[u8; 4] = b"BLCK";
const BLOCK_HEAD: usize = 16;
const BLOCK_MAX: usize = 64 * 1024 * 1024;
const BLOCK_CAPACITY: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::books::{Books, Inconsistent};
    use crate::kit::{World, eventful, policy};
    use durable::testing::synced;

    const KEY_CHECK: [u8; 16] = [5; 16];

    struct Disk {
        directory: TempDir,
    }

    impl Disk {
        fn new() -> Self {
            Self {
                directory: tempfile::tempdir().unwrap(),
            }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("journal")
        }

        fn open(&self) -> Result<(Journal, Replayed, Vec<Record>), OpenError> {
            let mut records = Vec::new();
            let opened = Journal::open(&self.path(), KEY_CHECK, |record| {
                records.push(record);
                Ok::<_, Inconsistent>(())
            });
            opened.map(|(journal, replayed)| (journal, replayed, records))
        }

        /// Writes each record as a block of its own; where each block ends.
        fn write(&self, records: &[Record]) -> Vec<usize> {
            let (mut journal, _, _) = self.open().unwrap();
            let written = records.iter().map(|record| {
                journal.append(record);
                journal.sync().unwrap();
                usize::try_from(fs::metadata(self.path()).unwrap().len()).unwrap()
            });
            written.collect()
        }
    }

    #[test]
    fn what_was_synced_is_read_again_and_builds_the_same_books() {
        let (disk, world) = (Disk::new(), eventful());
        disk.write(&world.records);
        let (_, replayed, records) = disk.open().unwrap();
        assert_eq!(records, world.records);
        assert_eq!(replayed.cut, 0);
        let mut books = Books::new(policy());
        for record in &records {
            books.apply(record).unwrap();
        }
        books.expire(world.now).unwrap();
        assert_eq!(books, world.books);
    }

    #[test]
    fn a_group_is_one_block_and_an_empty_group_none() {
        let (disk, world) = (Disk::new(), World::with(5));
        let (mut journal, _, _) = disk.open().unwrap();
        journal.sync().unwrap();
        for record in &world.records {
            journal.append(record);
        }
        journal.sync().unwrap();
        drop(journal);
        let (_, replayed, _) = disk.open().unwrap();
        assert_eq!((replayed.blocks, replayed.records), (1, 2));
    }

    #[test]
    fn a_journal_goes_on_where_it_ended() {
        let (disk, world) = (Disk::new(), eventful());
        let (first, second) = world.records.split_at(7);
        disk.write(first);
        disk.write(second);
        assert_eq!(disk.open().unwrap().2, world.records);
    }

    #[test]
    fn a_tail_torn_at_any_byte_is_cut_back_to_the_last_whole_block() {
        let (disk, world) = (Disk::new(), eventful());
        let ends = disk.write(&world.records);
        let whole = fs::read(disk.path()).unwrap();
        let from = ends[ends.len() - 4];
        for length in from..whole.len() {
            fs::write(disk.path(), &whole[..length]).unwrap();
            let (_, replayed, records) = disk.open().unwrap();
            let kept = ends.iter().filter(|end| **end <= length).count();
            assert_eq!(records, world.records[..kept], "{length}");
            let end = ends[kept - 1];
            assert_eq!(replayed.cut, u64::try_from(length - end).unwrap());
            assert_eq!(fs::read(disk.path()).unwrap(), whole[..end]);
        }
    }

    #[test]
    fn what_is_found_is_made_durable_before_anything_is_answered_by_it() {
        let (disk, world) = (Disk::new(), eventful());
        let directory = disk.directory.path().to_path_buf();
        drop(disk.open().unwrap());
        assert_eq!(synced(), [disk.path(), directory.clone()], "as it is begun");
        disk.write(&world.records);
        drop(synced());
        // A process killed between write and sync leaves just such a file: whole, not durable.
        drop(disk.open().unwrap());
        assert_eq!(synced(), [disk.path(), directory], "as it is opened again");
    }

    #[test]
    fn a_header_torn_at_any_byte_begins_anew_and_zeros_behind_the_end_are_nothing() {
        let disk = Disk::new();
        disk.write(&[]);
        let header_bytes = fs::read(disk.path()).unwrap();
        for length in 0..=header_bytes.len() {
            fs::write(disk.path(), &header_bytes[..length]).unwrap();
            assert_eq!(disk.open().unwrap().1, Replayed::default());
            assert_eq!(fs::read(disk.path()).unwrap(), header_bytes);
            // The file has its length, but the rest of its content never reached the disk.
            let mut torn = header_bytes[..length].to_vec();
            torn.resize(header_bytes.len(), 0);
            fs::write(disk.path(), torn).unwrap();
            assert_eq!(disk.open().unwrap().1, Replayed::default());
            assert_eq!(fs::read(disk.path()).unwrap(), header_bytes);
        }
        let (disk, world) = (Disk::new(), eventful());
        disk.write(&world.records);
        let mut padded = fs::read(disk.path()).unwrap();
        padded.resize(padded.len() + 4_096, 0);
        fs::write(disk.path(), padded).unwrap();
        let (_, replayed, records) = disk.open().unwrap();
        assert_eq!((replayed.cut, records.len()), (0, world.records.len()));
        disk.write(&world.records[..1]);
        assert_eq!(disk.open().unwrap().2.len(), world.records.len() + 1);
    }

    /// Either the records before the flip, cut there; or a refusal that names an offset at or
    /// before it. Never anything else than what was written.
    fn flipped(disk: &Disk, written: &[Record], bytes: &[u8], ends: &[usize], bit: usize) {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(disk.path(), &bytes).unwrap();
        let block = ends.iter().filter(|end| **end <= bit / 8).count();
        match disk.open() {
            Ok((_, replayed, records)) => {
                assert_eq!(
                    block + 1,
                    written.len(),
                    "bit {bit} of a block in the middle"
                );
                assert_eq!(records, written[..block], "bit {bit}");
                assert!(replayed.cut > 0);
            }
            Err(OpenError::Damaged { offset, .. }) => {
                let begin = if block == 0 { HEADER } else { ends[block - 1] };
                assert_eq!(offset, u64::try_from(begin).unwrap(), "bit {bit}");
                assert!(block + 1 < written.len(), "bit {bit} of the last block");
            }
            Err(OpenError::NotAJournal { .. }) => assert!(bit / 8 < HEADER),
            Err(error) => panic!("bit {bit}: {error}"),
        }
    }

    #[test]
    fn every_flipped_bit_of_the_last_blocks_is_found() {
        let (disk, world) = (Disk::new(), eventful());
        let ends = disk.write(&world.records);
        let bytes = fs::read(disk.path()).unwrap();
        for bit in ends[ends.len() - 4] * 8..bytes.len() * 8 {
            flipped(&disk, &world.records, &bytes, &ends, bit);
        }
    }

    #[test]
    fn every_flipped_bit_of_the_header_is_found() {
        let (disk, world) = (Disk::new(), World::with(5));
        let ends = disk.write(&world.records);
        let bytes = fs::read(disk.path()).unwrap();
        for bit in 0..HEADER * 8 {
            flipped(&disk, &world.records, &bytes, &ends, bit);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn any_flipped_bit_is_found(place in any::<prop::sample::Index>()) {
            thread_local! {
                static WRITTEN: (Disk, Vec<Record>, Vec<usize>, Vec<u8>) = {
                    let (disk, world) = (Disk::new(), eventful());
                    let ends = disk.write(&world.records);
                    let bytes = fs::read(disk.path()).unwrap();
                    (disk, world.records, ends, bytes)
                };
            }
            WRITTEN.with(|(disk, records, ends, bytes)| {
                let bit = HEADER * 8 + place.index((bytes.len() - HEADER) * 8);
                flipped(disk, records, bytes, ends, bit);
            });
        }
    }

    #[test]
    fn a_block_left_out_or_taken_from_another_journal_is_refused() {
        let (disk, world) = (Disk::new(), eventful());
        let ends = disk.write(&world.records);
        let bytes = fs::read(disk.path()).unwrap();
        let without = [&bytes[..ends[3]], &bytes[ends[4]..]].concat();
        fs::write(disk.path(), without).unwrap();
        let path = disk.path();
        assert_eq!(
            disk.open().unwrap_err().to_string(),
            format!(
                "journal {} is damaged at byte {}: the block there does not belong behind the one \
                 before it",
                path.display(),
                ends[3]
            )
        );
    }

    #[test]
    fn the_error_names_file_and_offset_of_damage() {
        let (disk, world) = (Disk::new(), eventful());
        let ends = disk.write(&world.records);
        let mut bytes = fs::read(disk.path()).unwrap();
        bytes[ends[3] + 20] ^= 1;
        fs::write(disk.path(), &bytes).unwrap();
        let error = disk.open().unwrap_err().to_string();
        let expected = format!(
            "journal {} is damaged at byte {}: \
             the block there is broken and whole blocks follow it",
            disk.path().display(),
            ends[3]
        );
        assert_eq!(error, expected);
        assert_eq!(fs::read(disk.path()).unwrap(), bytes, "left as it was");
    }

    #[test]
    fn records_that_the_books_refuse_stop_the_start() {
        let (disk, world) = (Disk::new(), World::with(5));
        disk.write(&[world.records[0].clone(), world.records[0].clone()]);
        let mut books = Books::new(policy());
        let opened = Journal::open(&disk.path(), KEY_CHECK, |record| books.apply(&record));
        let error = opened.unwrap_err().to_string();
        assert!(
            error.ends_with("the books refuse a record: a card is issued twice"),
            "{error}"
        );
    }

    #[test]
    fn another_key_another_file_and_a_second_issuer_are_refused() {
        let disk = Disk::new();
        disk.write(&World::with(5).records);
        let none = |_| Ok::<_, Inconsistent>(());
        let other = Journal::open(&disk.path(), [6; 16], none).unwrap_err();
        assert!(matches!(other, OpenError::OtherKey { .. }), "{other}");
        let (held, _, _) = disk.open().unwrap();
        assert!(matches!(disk.open(), Err(OpenError::InUse { .. })));
        drop(held);
        fs::write(
            disk.path(),
            "something else, and long enough to be a header",
        )
        .unwrap();
        assert!(matches!(disk.open(), Err(OpenError::NotAJournal { .. })));
    }
}
