use std::time::Duration;

use crate::format::{BLOCK_HEAD, HEADER};

/// What a journal is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whose journal this is, for example a check value of the key its records are sealed under:
    /// a journal of another identity is refused. Default: zeros.
    pub identity: [u8; 16],
    /// Bytes of a segment file; the next one begins where a block would not fit any more. Also
    /// what is zero-filled ahead, and the grain in which space comes back. Default: 64 MiB; at
    /// least a block with its heads, at most 1 GiB, as recovery holds one segment in memory.
    pub segment_bytes: usize,
    /// Bytes the records of one block may have, four more counted for each. Memory of this size is
    /// taken at once. Default: 1 MiB; 64 bytes to 256 MiB.
    pub block_bytes_max: usize,
    /// How often what was written is synced in the background, and so how much a crash of the
    /// machine can take. `None`: no threads; the caller calls [`Syncer::sync`] and
    /// [`Journal::tend`]. Default: 50 ms, above zero.
    ///
    /// [`Syncer::sync`]: crate::Syncer::sync
    /// [`Journal::tend`]: crate::Journal::tend
    pub sync_every: Option<Duration>,
    /// Free bytes of the disk below which the journal is nearly full, and below which no segment
    /// is filled ahead. Default: 256 MiB.
    pub low_water_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            identity: [0; 16],
            segment_bytes: 64 * MIB,
            block_bytes_max: MIB,
            sync_every: Some(Duration::from_millis(50)),
            low_water_bytes: 256 * 1_048_576,
        }
    }
}

impl Settings {
    /// What cannot be worked with, if anything.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        if !(64..=256 * MIB).contains(&self.block_bytes_max) {
            Some("block_bytes_max is not within 64 bytes and 256 MiB")
        } else if self.segment_bytes > 1_024 * MIB {
            Some("segment_bytes is above 1 GiB")
        } else if self.segment_bytes < HEADER + BLOCK_HEAD + self.block_bytes_max {
            Some("segment_bytes does not hold a block of block_bytes_max and its heads")
        } else if self.sync_every.is_some_and(|every| every.is_zero()) {
            Some("sync_every is zero")
        } else {
            None
        }
    }
}

const MIB: usize = 1_048_576;
