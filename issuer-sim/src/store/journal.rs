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
//! - a last block that is incomplete or whose CRC is wrong: the process died while writing it, so
//!   none of its answers left. It is cut off, with a warning.
//! - the same with a whole block anywhere behind it: the next block is written only after the sync
//!   of the one before, so this was durable and is damaged now. The issuer does not start; the
//!   error names file and offset.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

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
        // A header that was being written when the process died: nothing was promised.
        if bytes.len() < HEADER
            && (header.starts_with(&bytes) || bytes.iter().all(|byte| *byte == 0))
        {
            begin(&mut file, &header, path).map_err(io_error)?;
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
            file.sync_all().map_err(io_error)?;
        }
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

/// Writes the header and makes file and directory entry durable.
fn begin(file: &mut File, header: &[u8], path: &Path) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(header)?;
    file.sync_all()?;
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

const MAGIC: &[u8; 8] = b"PANSORIJ";
const VERSION: u16 = 1;
const HEADER_FIELDS: usize = 28;
const HEADER: usize = HEADER_FIELDS + 4;
const MARKER: &[u8; 4] = b"BLCK";
const BLOCK_HEAD: usize = 16;
const BLOCK_MAX: usize = 64 * 1024 * 1024;
const BLOCK_CAPACITY: usize = 256 * 1024;
