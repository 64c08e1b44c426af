//! What must outlive the process: which money requests are at an issuer, what issuers must be told,
//! and which requests went to another issuer than their first choice.
//!
//! # Format, version 1
//! Integers are little-endian. A batch of records stands in one block of the journal, so that all
//! of it survives or none. *Begun* opens the records of a run, and each checkpoint of it: all that
//! is open follows in the same batch, and what was recorded before counts no more.
//!
//! ```text
//! begun      1 | boot id [16] | groups u16, each: id u16, length u8, name
//! sent       2 | id u64 | group u16 | message
//! closed     3 | id u64
//! reversal   4 | id u64 | group u16 | message    a letter of ours; read, and not written any more
//! settled    5 | id u64
//! unknown    6 | id u64 | time | group u16 | message
//! letter     7 | id u64 | time | origin u8 | dead u8 | group u16 | message
//! elsewhere  8 | time | group u16 | key
//! came back  9 | key
//! totals     10 to 13, of `reconcile/record.rs`
//! numbered   20 | time | group u16 | DE 11 u32 | key
//! message    MTI [4] | elements u8, each: number u8, length u16, value
//! time       unix time i64, seconds
//! origin     0 a reversal of the switch's own, 1 an acquirer's advice or reversal
//! key        length u8, a duplicate key
//! ```
//!
//! A request is kept as what its reversal repeats and nothing else, an advice without what may not
//! be kept: no track, PIN block or CVV (PCI DSS 3.3.1). It does hold the card number, so whoever
//! stores a batch encrypts it. Of one to a group with trace numbers of the switch's own, element
//! 192 is what it was sent under.

mod bytes;

use core::fmt;
use std::collections::{BTreeMap, HashMap};

use iso8583::{Bitmap, FieldKey, Message, Mti};
use thiserror::Error;

pub(crate) use self::bytes::Bytes;

use crate::outbound::{Letter, OF_THE_ORIGINAL, Origin};
use crate::reconcile::{Book, TotalsSettings};
use crate::request::reference;
use crate::route::GroupId;

/// A boot of the machine: another one means that what was not synced may be lost.
pub type BootId = [u8; 16];

/// How long what became of a request is asked for, in seconds: the duplicate window of 48 h.
const UNKNOWN_SECONDS: i64 = 48 * 60 * 60;

/// Records of one batch, in the order they happened.
#[derive(Default)]
pub(crate) struct Records {
    bytes: Bytes,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({:?})", self.bytes)
    }
}

impl Records {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// They hold card numbers: nothing of them stays behind.
    pub(crate) fn clear(&mut self) {
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
        self.message(original, RECORDED);
    }

    /// It was answered, not sent after all, or is undone by a reversal recorded before this.
    pub(crate) fn closed(&mut self, id: u64) {
        self.head(CLOSED, id);
    }

    /// An issuer is to be told this.
    pub(crate) fn letter(&mut self, id: u64, letter: &Letter) {
        self.head(LETTER, id);
        self.bytes.extend_from_slice(&letter.since.to_le_bytes());
        self.bytes.push(match letter.origin {
            Origin::Ours => 0,
            Origin::Acquirers => 1,
        });
        self.bytes.push(letter.dead.into());
        self.number(letter.group.0);
        self.message(&letter.message, letter.message.present());
    }

    /// The issuer acknowledged a letter, or an operator dropped it.
    pub(crate) fn settled(&mut self, id: u64) {
        self.head(SETTLED, id);
    }

    /// The request of this key is about to be given to another group than its first choice.
    pub(crate) fn elsewhere(&mut self, since: i64, key: &FieldKey, group: GroupId) {
        self.bytes.push(ELSEWHERE);
        self.bytes.extend_from_slice(&since.to_le_bytes());
        self.number(group.0);
        self.key(key);
    }

    /// That group did not take it.
    pub(crate) fn came_back(&mut self, key: &FieldKey) {
        self.bytes.push(CAME_BACK);
        self.key(key);
    }

    /// Nobody knows what became of a request.
    pub(crate) fn unknown(&mut self, id: u64, unknown: &Unknown) {
        self.head(UNKNOWN, id);
        self.bytes.extend_from_slice(&unknown.since.to_le_bytes());
        self.number(unknown.group.0);
        let original = &unknown.original;
        self.message(original, original.present());
    }

    /// Where totals are recorded, in a form of their own.
    pub(crate) const fn of_totals(&mut self) -> &mut Bytes {
        &mut self.bytes
    }

    /// A transaction is sent to a group under a trace number of the switch's own.
    pub(crate) fn numbered(&mut self, numbered: &Numbered) {
        self.bytes.push(NUMBERED);
        self.bytes.extend_from_slice(&numbered.since.to_le_bytes());
        self.number(numbered.group.0);
        self.bytes.extend_from_slice(&numbered.number.to_le_bytes());
        self.key(&numbered.key);
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

    fn key(&mut self, key: &FieldKey) {
        let key = key.as_bytes();
        self.bytes.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
        self.bytes.extend_from_slice(key);
    }

    fn message(&mut self, message: &Message, elements: Bitmap) {
        self.bytes.extend_from_slice(message.mti().as_bytes());
        let at = self.bytes.len();
        self.bytes.push(0);
        let mut count = 0;
        for (de, value) in message.fields().filter(|(de, _)| elements.contains(*de)) {
            count += 1;
            let [low, high] = u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes();
            self.bytes.extend_from_slice(&[de, low, high]);
            self.bytes.extend_from_slice(value);
        }
        self.bytes.set(at, count);
    }
}

/// How many bytes a letter with this message takes.
pub(crate) fn letter_bytes(message: &Message) -> usize {
    const HEAD: usize = 1 + 8 + 8 + 1 + 1 + 2;
    const MESSAGE: usize = 4 + 1;
    let lengths = message.present().iter().map(|de| {
        let value = message.field(de).unwrap_or_default();
        1 + 2 + value.len()
    });
    HEAD + MESSAGE + lengths.sum::<usize>()
}

/// What is kept of a request: what its reversal repeats, and DE 7, which that names.
const RECORDED: Bitmap = Bitmap::of(&OF_THE_ORIGINAL).union(Bitmap::of(&[7]));

const BEGUN: u8 = 1;
const SENT: u8 = 2;
const CLOSED: u8 = 3;
const REVERSAL: u8 = 4;
const SETTLED: u8 = 5;
const UNKNOWN: u8 = 6;
const LETTER: u8 = 7;
const ELSEWHERE: u8 = 8;
const CAME_BACK: u8 = 9;
const OF_TOTALS: core::ops::RangeInclusive<u8> = 10..=13;
const NUMBERED: u8 = 20;
/// Longest name of a group in a record, in bytes.
pub(crate) const NAME_MAX: usize = 255;

/// A trace number of the switch's own, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Numbered {
    /// Who is sent it.
    pub(crate) group: GroupId,
    /// When it was given, in seconds of Unix time.
    pub(crate) since: i64,
    /// DE 11.
    pub(crate) number: u32,
    /// Of the transaction under the acquirer's numbers.
    pub(crate) key: FieldKey,
}

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
    pub(crate) book: Option<Book>,
    /// At the issuer when the process died, in the order they were sent: to be reversed.
    pub(crate) open: Vec<(GroupId, Message)>,
    /// What issuers are to be told, by its id.
    pub(crate) letters: Vec<(u64, Letter)>,
    pub(crate) unknown: Vec<Unknown>,
    pub(crate) elsewhere: Vec<Elsewhere>,
    /// In the order they were given.
    pub(crate) numbers: Vec<Numbered>,
}

/// A request that was given to another group than its first choice.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    /// In seconds of Unix time.
    pub(crate) since: i64,
    pub(crate) key: FieldKey,
    pub(crate) group: GroupId,
}

impl Recovered {
    /// Is there nothing to do, and nothing that must be known of what comes again or is reversed
    /// later?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let done = self.open.is_empty() && self.letters.is_empty() && self.unknown.is_empty();
        done && self.elsewhere.is_empty() && self.numbers.is_empty()
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

    /// Reversals and advices that no issuer has acknowledged.
    #[must_use]
    pub const fn letters(&self) -> usize {
        self.letters.len()
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
#[derive(Debug)]
pub struct Replay {
    begun: bool,
    boot: BootId,
    names: HashMap<u16, String>,
    next_id: u64,
    sent: BTreeMap<u64, (BootId, Entry)>,
    letters: BTreeMap<u64, (Option<i64>, Origin, bool, Entry)>,
    unknown: BTreeMap<u64, (i64, Entry)>,
    /// With the name of the group.
    elsewhere: HashMap<FieldKey, (i64, String)>,
    book: Book,
    /// In the order they were given; groups as of the records.
    numbers: Vec<Numbered>,
}

#[derive(Debug)]
struct Entry {
    group: String,
    message: Message,
}

/// Of a machine with the totals' bounds of old.
impl Default for Replay {
    fn default() -> Self {
        Self::new(TotalsSettings::default())
    }
}

impl Replay {
    /// Reads the records of a machine whose totals have these bounds.
    #[must_use]
    pub fn new(totals: TotalsSettings) -> Self {
        Self::of(Book::new(totals))
    }

    fn of(book: Book) -> Self {
        Self {
            begun: false,
            boot: BootId::default(),
            names: HashMap::new(),
            next_id: 0,
            sent: BTreeMap::new(),
            letters: BTreeMap::new(),
            unknown: BTreeMap::new(),
            elsewhere: HashMap::new(),
            numbers: Vec::new(),
            book,
        }
    }

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
        // Those of a group that is no more are of no use to anyone.
        let numbers = self.numbers.into_iter().filter_map(|numbered| {
            let group = group(self.names.get(&numbered.group.0)?)?;
            Some(Numbered { group, ..numbered })
        });
        let mut recovered = Recovered {
            next_id: self.next_id,
            book: Some(self.book),
            numbers: numbers.collect(),
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
        for (id, (since, origin, dead, entry)) in self.letters {
            let (group, message) = place(entry)?;
            let letter = Letter {
                origin,
                group,
                since: since.unwrap_or(now),
                dead,
                message,
            };
            recovered.letters.push((id, letter));
        }
        // Of a group that is no more nothing can be asked again.
        let elsewhere = self.elsewhere.into_iter();
        recovered.elsewhere = elsewhere
            .filter_map(|(key, (since, name))| {
                let group = group(&name)?;
                Some(Elsewhere { since, key, group })
            })
            .collect();
        recovered.elsewhere.sort_by_key(|elsewhere| elsewhere.since);
        Ok(recovered)
    }

    /// The bytes behind the first record.
    fn apply_one<'a>(&mut self, bytes: &'a [u8]) -> Option<Result<&'a [u8], NotRecords>> {
        let (kind, rest) = bytes.split_first()?;
        match *kind {
            BEGUN => return self.apply_begun(rest).map(Ok),
            ELSEWHERE => return self.apply_elsewhere(rest),
            NUMBERED => return self.apply_numbered(rest).map(Ok),
            CAME_BACK => {
                let (key, rest) = key(rest)?;
                self.elsewhere.remove(&key);
                return Some(Ok(rest));
            }
            kind if OF_TOTALS.contains(&kind) => return self.apply_totals(kind, rest).map(Ok),
            _ => {}
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
                let letter = (None, Origin::Ours, false, entry);
                replay.letters.insert(id, letter);
            }),
            LETTER => {
                let (since, rest) = time(rest)?;
                let ([origin, dead], rest) = rest.split_first_chunk()?;
                let origin = match origin {
                    0 => Origin::Ours,
                    1 => Origin::Acquirers,
                    _ => return None,
                };
                self.entry(rest, |replay, entry| {
                    let letter = (Some(since), origin, *dead != 0, entry);
                    replay.letters.insert(id, letter);
                })
            }
            SETTLED => {
                self.letters.remove(&id);
                Some(Ok(rest))
            }
            UNKNOWN => {
                let (since, rest) = time(rest)?;
                self.entry(rest, |replay, entry| {
                    replay.unknown.insert(id, (since, entry));
                })
            }
            _ => None,
        }
    }

    fn apply_totals<'a>(&mut self, kind: u8, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if self.begun {
            self.book.read(kind, bytes)
        } else {
            self.book.emptied().read(kind, bytes)
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

    fn apply_elsewhere<'a>(&mut self, bytes: &'a [u8]) -> Option<Result<&'a [u8], NotRecords>> {
        let (since, rest) = time(bytes)?;
        let (group, rest) = number(rest)?;
        let (key, rest) = key(rest)?;
        if !self.begun {
            return Some(Ok(rest));
        }
        let Some(group) = self.names.get(&group).cloned() else {
            return Some(Err(NotRecords::NamelessGroup(group)));
        };
        self.elsewhere.insert(key, (since, group));
        Some(Ok(rest))
    }

    fn apply_numbered<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (since, rest) = time(bytes)?;
        let (group, rest) = number(rest)?;
        let (number, rest) = rest.split_first_chunk()?;
        let (key, rest) = key(rest)?;
        if self.begun {
            self.numbers.push(Numbered {
                group: GroupId(group),
                since,
                number: u32::from_le_bytes(*number),
                key,
            });
        }
        Some(rest)
    }

    fn apply_begun<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (boot, rest) = bytes.split_first_chunk()?;
        let (count, mut rest) = number(rest)?;
        *self = Self {
            begun: true,
            boot: *boot,
            next_id: self.next_id,
            ..Self::of(self.book.emptied())
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

fn time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (time, rest) = bytes.split_first_chunk()?;
    Some((i64::from_le_bytes(*time), rest))
}

fn key(bytes: &[u8]) -> Option<(FieldKey, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (key, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((FieldKey::from_bytes(key)?, rest))
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
mod tests;
