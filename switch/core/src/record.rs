//! What must outlive the process: which money requests are at an issuer, and what must be undone.
//!
//! # Format, version 1
//! Integers are little-endian. A batch of records stands in one block of the journal, so that all
//! of it survives or none. *Begun* opens the records of a run, and each checkpoint of it: all that
//! is open follows in the same batch, and what was recorded before counts no more.
//!
//! ```text
//! begun     1 | boot id [16] | groups u16, each: id u16, length u8, name
//! sent      2 | id u64 | group u16 | message
//! closed    3 | id u64
//! reversal  4 | id u64 | group u16 | message
//! reversed  5 | id u64
//! unknown   6 | id u64 | unix time i64, seconds | group u16 | message
//! message   MTI [4] | elements u8, each: number u8, length u16, value
//! ```
//!
//! A request is kept as what its reversal repeats and nothing else: no track, PIN block or CVV (PCI
//! DSS 3.3.1). It does hold the card number, so whoever stores a batch encrypts it.

use std::collections::{BTreeMap, HashMap};

use iso8583::{Message, Mti};
use thiserror::Error;

use crate::outbound::OF_THE_ORIGINAL;
use crate::request::reference;
use crate::route::GroupId;

/// A boot of the machine: another one means that what was not synced may be lost.
pub type BootId = [u8; 16];

/// How long what became of a request is asked for, in seconds: the duplicate window of 48 h.
const UNKNOWN_SECONDS: i64 = 48 * 60 * 60;

/// Records of one batch, in the order they happened.
#[derive(Debug, Default)]
pub(crate) struct Records {
    bytes: Vec<u8>,
}

impl Records {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// They hold card numbers: nothing of them stays behind.
    pub(crate) fn clear(&mut self) {
        zeroize::Zeroize::zeroize(self.bytes.as_mut_slice());
        self.bytes.clear();
    }

    /// A run or a checkpoint begins: all that is open follows. Groups have these names.
    pub(crate) fn begun<'a>(
        &mut self,
        boot: BootId,
        groups: impl ExactSizeIterator<Item = (GroupId, &'a str)>,
    ) {
        self.bytes.push(BEGUN);
        self.bytes.extend_from_slice(&boot);
        self.count(groups.len());
        for (group, name) in groups {
            self.number(group.0);
            let name = name.as_bytes().get(..NAME_MAX).unwrap_or(name.as_bytes());
            self.bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            self.bytes.extend_from_slice(name);
        }
    }

    /// A money request is about to leave.
    pub(crate) fn sent(&mut self, id: u64, group: GroupId, original: &Message) {
        self.head(SENT, id);
        self.number(group.0);
        self.message(original, OF_THE_ORIGINAL.into_iter().chain([7]));
    }

    /// It was answered, not sent after all, or is undone by a reversal recorded before this.
    pub(crate) fn closed(&mut self, id: u64) {
        self.head(CLOSED, id);
    }

    /// An original is to be undone by this reversal.
    pub(crate) fn reversal(&mut self, id: u64, group: GroupId, reversal: &Message) {
        self.head(REVERSAL, id);
        self.number(group.0);
        self.message(reversal, reversal.present().iter());
    }

    /// The issuer acknowledged a reversal.
    pub(crate) fn reversed(&mut self, id: u64) {
        self.head(REVERSED, id);
    }

    /// Nobody knows what became of a request.
    pub(crate) fn unknown(&mut self, id: u64, unknown: &Unknown) {
        self.head(UNKNOWN, id);
        self.bytes.extend_from_slice(&unknown.since.to_le_bytes());
        self.number(unknown.group.0);
        let original = &unknown.original;
        self.message(original, original.present().iter());
    }

    fn head(&mut self, kind: u8, id: u64) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&id.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.number(u16::try_from(count).unwrap_or(u16::MAX));
    }

    fn number(&mut self, number: u16) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn message(&mut self, message: &Message, elements: impl Iterator<Item = u8>) {
        self.bytes.extend_from_slice(message.mti().as_bytes());
        let at = self.bytes.len();
        self.bytes.push(0);
        let mut count = 0;
        for de in elements {
            if let Some(value) = message.field(de) {
                count += 1;
                self.bytes.push(de);
                self.count(value.len());
                self.bytes.extend_from_slice(value);
            }
        }
        if let Some(place) = self.bytes.get_mut(at) {
            *place = count;
        }
    }
}

const BEGUN: u8 = 1;
const SENT: u8 = 2;
const CLOSED: u8 = 3;
const REVERSAL: u8 = 4;
const REVERSED: u8 = 5;
const UNKNOWN: u8 = 6;
/// Longest name of a group in a record, in bytes.
pub(crate) const NAME_MAX: usize = 255;

/// A request of which nobody knows whether the issuer got it: the machine went down before what
/// became of it was on the disk. Left to the acquirer's repeat, its reversal, or reconciliation.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// When it was found, in seconds of Unix time.
    pub since: i64,
    /// Who was given it.
    pub group: GroupId,
    /// What its reversal would repeat.
    pub original: Message,
}

impl Unknown {
    /// The request in words and without its card.
    #[must_use]
    pub fn reference(&self) -> String {
        reference(&self.original)
    }
}

/// What earlier runs left undone.
#[derive(Debug, Default)]
pub struct Recovered {
    pub(crate) next_id: u64,
    /// At the issuer when the process died, in the order they were sent: to be reversed.
    pub(crate) open: Vec<(GroupId, Message)>,
    pub(crate) reversals: Vec<(GroupId, Message)>,
    pub(crate) unknown: Vec<Unknown>,
}

impl Recovered {
    /// Is there nothing to do?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.open.is_empty() && self.reversals.is_empty() && self.unknown.is_empty()
    }

    /// Requests that were at an issuer when the process died, and will be reversed.
    #[must_use]
    pub const fn open(&self) -> usize {
        self.open.len()
    }

    /// Requests of which nobody knows what became.
    #[must_use]
    pub const fn unknown(&self) -> usize {
        self.unknown.len()
    }

    /// Reversals that no issuer has acknowledged.
    #[must_use]
    pub const fn reversals(&self) -> usize {
        self.reversals.len()
    }
}

/// Records that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotRecords {
    /// The bytes are no records of this version.
    #[error("byte {offset} of a batch begins no record of this version")]
    Format {
        /// Bytes from the start of the batch.
        offset: usize,
    },
    /// A record names a group of which no run has said the name.
    #[error("a record names group {0}, of which no run said the name")]
    NamelessGroup(u16),
    /// Something is left to do for a group that the configuration has no more.
    #[error(
        "issuer {0} is not configured here, and has reversals or requests without an outcome left"
    )]
    UnknownGroup(String),
}

/// Reads records in their order, and keeps what they leave undone. Records before the first
/// *begun* are of before a checkpoint, what of them the journal has not given up yet: they count
/// no more.
#[derive(Debug, Default)]
pub struct Replay {
    begun: bool,
    boot: BootId,
    names: HashMap<u16, String>,
    next_id: u64,
    sent: BTreeMap<u64, (BootId, Entry)>,
    reversals: BTreeMap<u64, Entry>,
    unknown: BTreeMap<u64, (i64, Entry)>,
}

#[derive(Debug)]
struct Entry {
    group: String,
    message: Message,
}

impl Replay {
    /// Takes one batch.
    ///
    /// # Errors
    /// Where the bytes are no records of this version.
    pub fn apply(&mut self, batch: &[u8]) -> Result<(), NotRecords> {
        let mut rest = batch;
        while !rest.is_empty() {
            let offset = batch.len() - rest.len();
            rest = self
                .apply_one(rest)
                .ok_or(NotRecords::Format { offset })??;
        }
        Ok(())
    }

    /// What is left to do, for the groups of today by their names, at this boot and this time (in
    /// seconds of Unix time).
    ///
    /// # Errors
    /// Where something is left to do for a group that is no more.
    pub fn finish(
        self,
        boot: BootId,
        now: i64,
        group: impl Fn(&str) -> Option<GroupId>,
    ) -> Result<Recovered, NotRecords> {
        let place = |entry: Entry| match group(&entry.group) {
            Some(group) => Ok((group, entry.message)),
            None => Err(NotRecords::UnknownGroup(entry.group)),
        };
        let mut recovered = Recovered {
            next_id: self.next_id,
            ..Recovered::default()
        };
        for (since, entry) in self.unknown.into_values() {
            if now.saturating_sub(since) < UNKNOWN_SECONDS {
                let (group, original) = place(entry)?;
                recovered.unknown.push(Unknown {
                    since,
                    group,
                    original,
                });
            }
        }
        for (sent_in, entry) in self.sent.into_values() {
            let (group, original) = place(entry)?;
            if sent_in == boot {
                recovered.open.push((group, original));
            } else {
                recovered.unknown.push(Unknown {
                    since: now,
                    group,
                    original,
                });
            }
        }
        for entry in self.reversals.into_values() {
            recovered.reversals.push(place(entry)?);
        }
        Ok(recovered)
    }

    /// The bytes behind the first record.
    fn apply_one<'a>(&mut self, bytes: &'a [u8]) -> Option<Result<&'a [u8], NotRecords>> {
        let (kind, rest) = bytes.split_first()?;
        if *kind == BEGUN {
            return self.apply_begun(rest).map(Ok);
        }
        let (id, rest) = rest.split_first_chunk::<8>()?;
        let id = u64::from_le_bytes(*id);
        self.next_id = self.next_id.max(id.wrapping_add(1));
        match *kind {
            SENT => self.entry(rest, |replay, entry| {
                replay.sent.insert(id, (replay.boot, entry));
            }),
            CLOSED => {
                self.sent.remove(&id);
                Some(Ok(rest))
            }
            REVERSAL => self.entry(rest, |replay, entry| {
                replay.reversals.insert(id, entry);
            }),
            REVERSED => {
                self.reversals.remove(&id);
                Some(Ok(rest))
            }
            UNKNOWN => {
                let (since, rest) = rest.split_first_chunk::<8>()?;
                let since = i64::from_le_bytes(*since);
                self.entry(rest, |replay, entry| {
                    replay.unknown.insert(id, (since, entry));
                })
            }
            _ => None,
        }
    }

    /// Keeps a group and a message; the bytes behind them.
    fn entry<'a>(
        &mut self,
        bytes: &'a [u8],
        keep: impl FnOnce(&mut Self, Entry),
    ) -> Option<Result<&'a [u8], NotRecords>> {
        let (group, rest) = number(bytes)?;
        let (message, rest) = message(rest)?;
        if !self.begun {
            return Some(Ok(rest));
        }
        let Some(group) = self.names.get(&group).cloned() else {
            return Some(Err(NotRecords::NamelessGroup(group)));
        };
        keep(self, Entry { group, message });
        Some(Ok(rest))
    }

    fn apply_begun<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (boot, rest) = bytes.split_first_chunk()?;
        let (count, mut rest) = number(rest)?;
        *self = Self {
            begun: true,
            boot: *boot,
            next_id: self.next_id,
            ..Self::default()
        };
        for _ in 0..count {
            let (group, after) = number(rest)?;
            let (length, after) = after.split_first()?;
            let (name, after) = after.split_at_checked(usize::from(*length))?;
            let name = String::from_utf8(name.to_vec()).ok()?;
            self.names.insert(group, name);
            rest = after;
        }
        Some(rest)
    }
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_le_bytes(*number), rest))
}

fn message(bytes: &[u8]) -> Option<(Message, &[u8])> {
    let (mti, rest) = bytes.split_first_chunk::<4>()?;
    let mut message = Message::new(Mti::try_from(&mti[..]).ok()?);
    let (count, mut rest) = rest.split_first()?;
    for _ in 0..*count {
        let (de, after) = rest.split_first()?;
        let (length, after) = number(after)?;
        let (value, after) = after.split_at_checked(usize::from(length))?;
        message.set(*de, value);
        rest = after;
    }
    Some((message, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::tests::purchase;

    const BOOT: BootId = [7; 16];
    const GROUP: GroupId = GroupId(3);
    const GROUPS: [(GroupId, &str); 2] = [(GroupId(0), "backup"), (GROUP, "prepaid")];

    fn today(name: &str) -> Option<GroupId> {
        (name == "prepaid").then_some(GroupId(0))
    }

    fn recovered(records: &Records, boot: BootId) -> Result<Recovered, NotRecords> {
        let mut replay = Replay::default();
        replay.apply(records.bytes())?;
        replay.finish(boot, 1_000, today)
    }

    fn begun() -> Records {
        let mut records = Records::default();
        records.begun(BOOT, GROUPS.into_iter());
        records
    }

    #[test]
    fn what_was_sent_and_not_closed_is_open_at_the_same_boot() {
        let mut records = begun();
        records.sent(4, GROUP, &purchase());
        records.sent(5, GROUP, &purchase());
        records.closed(4);
        let left = recovered(&records, BOOT).unwrap();
        assert_eq!((left.open(), left.unknown.len(), left.next_id), (1, 0, 6));
        let (group, original) = &left.open[0];
        assert_eq!(
            (*group, original.mti()),
            (GroupId(0), Mti::FINANCIAL_REQUEST)
        );
        for de in [2, 3, 4, 7, 11, 12, 13, 22, 25, 32, 37, 41, 42, 49] {
            assert_eq!(original.field(de), purchase().field(de), "DE {de}");
        }
        // No track, PIN block or private data is kept.
        assert!([14, 35, 48, 52, 55].iter().all(|de| !original.has(*de)));
    }

    #[test]
    fn after_another_boot_it_is_unknown_for_two_days() {
        let mut records = begun();
        records.sent(4, GROUP, &purchase());
        let left = recovered(&records, [8; 16]).unwrap();
        assert_eq!((left.open(), left.unknown.len()), (0, 1));
        let mut again = begun();
        again.unknown(
            4,
            &Unknown {
                group: GROUP,
                ..left.unknown[0].clone()
            },
        );
        assert_eq!(recovered(&again, [9; 16]).unwrap().unknown.len(), 1);
        let mut replay = Replay::default();
        replay.apply(again.bytes()).unwrap();
        let later = 1_000 + UNKNOWN_SECONDS;
        assert!(replay.finish(BOOT, later, today).unwrap().is_empty());
    }

    #[test]
    fn a_reversal_is_left_until_it_is_acknowledged() {
        let mut records = begun();
        let mut reversal = Message::new(Mti::REVERSAL_ADVICE);
        reversal.set(2, b"9999990100000005").set(39, b"68");
        records.reversal(9, GROUP, &reversal);
        let left = recovered(&records, [8; 16]).unwrap();
        assert_eq!(left.reversals(), 1);
        assert_eq!(left.reversals[0], (GroupId(0), reversal));
        records.reversed(9);
        assert!(recovered(&records, BOOT).unwrap().is_empty());
    }

    /// The journal gives up whole segments: the oldest one kept may begin anywhere.
    #[test]
    fn what_is_left_of_before_a_checkpoint_counts_no_more() {
        let mut records = Records::default();
        records.sent(4, GROUP, &purchase());
        records.reversal(4, GROUP, &purchase());
        records.begun(BOOT, GROUPS.into_iter());
        records.sent(5, GROUP, &purchase());
        let left = recovered(&records, BOOT).unwrap();
        assert_eq!((left.open(), left.reversals(), left.next_id), (1, 0, 6));
    }

    #[test]
    fn a_checkpoint_replaces_what_was_before_it() {
        let mut records = begun();
        records.sent(4, GROUP, &purchase());
        records.begun(BOOT, GROUPS.into_iter());
        records.sent(5, GROUP, &purchase());
        let left = recovered(&records, BOOT).unwrap();
        assert_eq!((left.open(), left.next_id), (1, 6));
    }

    #[test]
    fn err_something_left_for_an_issuer_that_is_no_more() {
        let mut records = begun();
        records.sent(4, GroupId(0), &purchase());
        let error = recovered(&records, BOOT).unwrap_err();
        assert_eq!(error, NotRecords::UnknownGroup("backup".to_owned()));
        records.closed(4);
        assert!(recovered(&records, BOOT).unwrap().is_empty());
    }

    #[test]
    fn err_bytes_that_are_no_records() {
        let mut records = begun();
        records.sent(4, GROUP, &purchase());
        let bytes = records.bytes();
        for len in 1..bytes.len() {
            let whole = len == begun().bytes().len();
            let mut replay = Replay::default();
            assert_eq!(replay.apply(&bytes[..len]).is_ok(), whole, "{len} bytes");
        }
        let mut replay = Replay::default();
        assert_eq!(replay.apply(&[9]), Err(NotRecords::Format { offset: 0 }));
        let mut nameless = begun();
        nameless.sent(4, GroupId(9), &purchase());
        let error = replay.apply(nameless.bytes());
        assert_eq!(error, Err(NotRecords::NamelessGroup(9)));
    }
}
