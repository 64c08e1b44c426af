//! A disk that keeps what was written, and of that surely only what was synced.

use fastrand::Rng;

/// What went down with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The process alone: the system still has all that was written.
    Process,
    /// The machine: of what was not synced an arbitrary part is left, and that may be garbled.
    Machine,
}

/// One append-only file of blocks: `length u32 | CRC32C u32 | batch`, little-endian. A block is
/// there as a whole or not at all.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// How many bytes were given up before those that are there.
    given_up: usize,
    bytes: Vec<u8>,
    /// Positions count from the first byte ever written.
    synced: usize,
    /// What is before this is not needed once what begins here is durable.
    needed: usize,
}

impl Disk {
    pub(crate) fn write(&mut self, batch: &[u8]) {
        let length = u32::try_from(batch.len()).expect("a small batch");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        let crc = crc32c::crc32c(batch).to_le_bytes();
        self.bytes.extend_from_slice(&crc);
        self.bytes.extend_from_slice(batch);
    }

    /// Where the next batch will stand: what a sync that begins now will cover.
    pub(crate) const fn written(&self) -> usize {
        self.given_up + self.bytes.len()
    }

    /// All up to this position is durable.
    pub(crate) fn synced(&mut self, written: usize) {
        self.synced = self.synced.max(written.min(self.written()));
        if self.needed > self.given_up && self.synced > self.needed {
            self.bytes.drain(..self.needed - self.given_up);
            self.given_up = self.needed;
        }
    }

    /// The batch that begins here makes those before it superfluous.
    pub(crate) const fn forget_before(&mut self, position: usize) {
        self.needed = position;
    }

    /// How many bytes were written since those that are needed begin.
    pub(crate) const fn in_need(&self) -> usize {
        self.written() - self.needed
    }

    pub(crate) fn crash(&mut self, crash: Crash, rng: &mut Rng) {
        if crash == Crash::Process {
            return;
        }
        let synced = self.synced - self.given_up;
        self.bytes.truncate(rng.usize(synced..=self.bytes.len()));
        let torn = self.bytes.get_mut(synced..).unwrap_or_default();
        if !torn.is_empty() && rng.bool() {
            let at = rng.usize(0..torn.len());
            torn[at] ^= 1 << rng.u32(0..8);
        }
    }

    /// Reads the file as a program does that starts: its whole blocks, which it makes durable; a
    /// torn end is cut off.
    pub(crate) fn open(&mut self) -> Vec<Vec<u8>> {
        let (batches, end) = whole(&self.bytes);
        self.bytes.truncate(end);
        self.synced = self.written();
        self.needed = self.given_up;
        batches
    }

    /// What would surely be found after a crash of the machine at this moment.
    pub(crate) fn durable(&self) -> Vec<Vec<u8>> {
        let synced = self.bytes.get(..self.synced - self.given_up);
        whole(synced.unwrap_or_default()).0
    }

    /// What was written, synced or not.
    pub(crate) fn all(&self) -> Vec<Vec<u8>> {
        whole(&self.bytes).0
    }
}

fn whole(bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let mut batches = Vec::new();
    let mut rest = bytes;
    while let Some((batch, after)) = block(rest) {
        batches.push(batch.to_vec());
        rest = after;
    }
    (batches, bytes.len() - rest.len())
}

fn block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (batch, rest) = rest.split_at_checked(length)?;
    (crc32c::crc32c(batch) == u32::from_le_bytes(*crc)).then_some((batch, rest))
}

#[test]
fn a_machine_that_goes_down_keeps_what_was_synced_and_cuts_what_is_torn() {
    for seed in 0..200 {
        let mut disk = Disk::default();
        disk.write(b"first");
        let durable = disk.written();
        disk.synced(durable);
        disk.write(b"second");
        disk.write(b"third");
        disk.crash(Crash::Process, &mut Rng::with_seed(seed));
        assert_eq!(disk.all().len(), 3);
        disk.crash(Crash::Machine, &mut Rng::with_seed(seed));
        let left = disk.open();
        let all: [&[u8]; 3] = [b"first", b"second", b"third"];
        assert_eq!(left, all[..left.len()], "seed {seed}");
        assert!(!left.is_empty());
        assert_eq!(disk.durable(), left);
    }
}

#[test]
fn what_a_checkpoint_replaces_is_given_up_once_that_is_durable() {
    let mut disk = Disk::default();
    disk.write(b"first");
    disk.forget_before(disk.written());
    disk.write(b"checkpoint");
    assert_eq!(disk.all().len(), 2);
    disk.synced(disk.written());
    assert_eq!((disk.all().len(), disk.durable().len()), (1, 1));
}
