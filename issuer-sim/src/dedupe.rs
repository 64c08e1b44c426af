//! PURE memory of what was asked and answered: the window within which a repeat gets its first
//! answer and a reversal finds its original.
//!
//! A key is never forgotten inside the window; at the configured bound new money requests are
//! refused instead (96). One key takes about 190 bytes: its entry in a list, oldest first, and its
//! places in two indices. Neither is ever copied as a whole, so that a decision takes a few
//! milliseconds of work at most, however many keys there are.

use std::time::Duration;

use crate::answer::Answer;
use crate::card::CardIndex;
use crate::chunks::Chunks;
use crate::clock::Timestamp;
use crate::index::Index;
use crate::record::Effect;
use crate::request::{Attempt, Fingerprint};
use crate::trace::{Acquirer, Forwarder, Key};

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a key is remembered.
    pub window: Duration,
    /// How many keys new money requests may take.
    pub keys_max: usize,
}

impl Limits {
    /// Reversals, which return money, find room when requests no longer do.
    const fn keys_max_for(&self, purpose: Purpose) -> usize {
        match purpose {
            Purpose::Request => self.keys_max,
            Purpose::Reversal => self.keys_max.saturating_add(self.keys_max / 8),
        }
    }
}

/// What room is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A request or advice that moves money.
    Request,
    /// A reversal.
    Reversal,
}

/// One remembered transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its duplicate key.
    pub key: Key,
    /// Its second key.
    pub second: Option<Key>,
    /// When it was decided.
    pub at: Timestamp,
    /// What it was.
    pub outcome: Outcome,
}

/// By which keys a transaction or hold is found. Of two under one second key the older is, and when
/// that is gone, neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// By its duplicate key alone.
    ByKey,
    /// By its second key as well.
    ByBoth,
}

impl Found {
    pub(crate) const fn by_both(both: bool) -> Self {
        if both { Self::ByBoth } else { Self::ByKey }
    }
}

/// What is remembered of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Answered(Answered),
    /// It never came, but its reversal did.
    Tombstone,
    /// A charge at the office.
    Charged {
        /// The card and amount it was for.
        fingerprint: Fingerprint,
    },
}

/// A request that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its content.
    pub fingerprint: Fingerprint,
    /// What a repeat is told again.
    pub answer: Answer,
    /// Its card.
    pub card: Option<CardIndex>,
    /// Its acquirer, whose merchant gives back what is undone.
    pub acquirer: Acquirer,
    /// Who forwarded it last, the only switch that may reverse it.
    pub forwarder: Forwarder,
    /// Of what was forwarded last.
    pub attempt: Attempt,
    /// What of its effect stands. Of a hold: whether there ever was one.
    pub standing: Effect,
    /// A reversal came for it.
    pub reversed: bool,
}

/// What the memory says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Never, within the window.
    Never,
    /// The same request: what it was told.
    Repeat(Answer),
    /// Another request under the same key, or one reversed since.
    Conflict,
}

/// The memory.
#[derive(Clone, Debug)]
pub struct Duplicates {
    limits: Limits,
    entries: Chunks<Entry>,
    /// Number of the oldest entry; entries are numbered in order of arrival, and after the last
    /// number there is comes the first again.
    first: u32,
    by_key: Index,
    by_second: Index,
}

impl PartialEq for Duplicates {
    /// Two memories are equal when they remember the same.
    fn eq(&self, other: &Self) -> bool {
        self.limits == other.limits && self.entries == other.entries
    }
}

impl Eq for Duplicates {}

impl Duplicates {
    /// An empty memory.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: Chunks::default(),
            first: 0,
            by_key: Index::default(),
            by_second: Index::default(),
        }
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is nothing remembered?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Is there no room for one more?
    #[must_use]
    pub fn is_full(&self, purpose: Purpose) -> bool {
        self.entries.len() >= self.limits.keys_max_for(purpose)
    }

    /// Has this request been seen?
    #[must_use]
    pub fn look(&self, key: Key, second: Option<Key>, fingerprint: Fingerprint) -> Seen {
        let by_second = second.and_then(|second| self.get_by_second(second));
        match (self.get(key), by_second) {
            (Some(entry), _) => match &entry.outcome {
                Outcome::Answered(answered)
                    if answered.fingerprint == fingerprint && !answered.reversed =>
                {
                    Seen::Repeat(answered.answer)
                }
                Outcome::Answered(_) | Outcome::Tombstone | Outcome::Charged { .. } => {
                    Seen::Conflict
                }
            },
            // Its reversal knew it by its second key alone.
            (None, Some(entry)) if entry.outcome == Outcome::Tombstone => Seen::Conflict,
            (None, _) => Seen::Never,
        }
    }

    /// The entry under a duplicate key.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&Entry> {
        self.at(self.number(key)?)
    }

    /// The entry under a duplicate key, else under a second key.
    #[must_use]
    pub fn find(&self, key: Key, second: Option<Key>) -> Option<&Entry> {
        self.get(key).or_else(|| self.get_by_second(second?))
    }

    /// Remembers a transaction. A key already there keeps its first entry.
    pub fn insert(&mut self, entry: Entry) {
        if self.number(entry.key).is_some() {
            return;
        }
        let found = match entry.second {
            Some(second) => Found::by_both(self.get_by_second(second).is_none()),
            None => Found::ByKey,
        };
        self.restore(entry, found);
    }

    /// Puts back what [`entries`](Self::entries) gave, in its order.
    pub fn restore(&mut self, entry: Entry, found: Found) {
        // `Limits::keys_max` keeps it below.
        let place = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let number = self.first.wrapping_add(place);
        let (key, second) = (entry.key, entry.second);
        self.entries.push(entry);
        let (entries, first) = (&self.entries, self.first);
        let of = |number: u32| entries.get(position(first, number));
        self.by_key
            .insert(&key.0, number, |number| Some(of(number)?.key.0));
        if let (Some(second), Found::ByBoth) = (second, found) {
            self.by_second
                .insert(&second.0, number, |number| Some(of(number)?.second?.0));
        }
    }

    /// Makes room for so many at once, which spares the indices from growing step by step.
    pub fn reserve(&mut self, entries: usize) {
        let (kept, first) = (&self.entries, self.first);
        let of = |number: u32| kept.get(position(first, number));
        self.by_key
            .reserve(entries, |number| Some(of(number)?.key.0));
        self.by_second
            .reserve(entries, |number| Some(of(number)?.second?.0));
    }

    /// All that is remembered, oldest first, and by which keys it is found.
    pub fn entries(&self) -> impl Iterator<Item = (&Entry, Found)> {
        self.entries.iter().map(|entry| {
            let by_second = entry.second.and_then(|second| self.get_by_second(second));
            let found = by_second.is_some_and(|found| found.key == entry.key);
            (entry, Found::by_both(found))
        })
    }

    /// Notes that a transaction was reversed and what of it still stands.
    pub fn reverse(&mut self, key: Key, standing: Effect) {
        if let Some(answered) = self.answered_mut(key) {
            answered.standing = standing;
            answered.reversed = true;
        }
    }

    /// Notes through whom a transaction was answered last.
    pub fn forward(&mut self, key: Key, by: Forwarder, attempt: Attempt) {
        if let Some(answered) = self.answered_mut(key) {
            answered.forwarder = by;
            answered.attempt = attempt;
        }
    }

    /// Forgets what is older than the window.
    pub fn forget_before(&mut self, now: Timestamp) {
        while let Some(entry) = self.entries.front()
            && entry.at.after(self.limits.window) < now
        {
            self.by_key.remove(&entry.key.0, self.first);
            if let Some(second) = entry.second {
                self.by_second.remove(&second.0, self.first);
            }
            self.entries.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    fn answered_mut(&mut self, key: Key) -> Option<&mut Answered> {
        let place = position(self.first, self.number(key)?);
        match &mut self.entries.get_mut(place)?.outcome {
            Outcome::Answered(answered) => Some(answered),
            Outcome::Tombstone | Outcome::Charged { .. } => None,
        }
    }

    fn number(&self, key: Key) -> Option<u32> {
        let has_it = |number| self.at(number).is_some_and(|entry| entry.key == key);
        self.by_key.find(&key.0, has_it)
    }

    fn get_by_second(&self, second: Key) -> Option<&Entry> {
        let has_it = |number| {
            let entry = self.at(number);
            entry.is_some_and(|entry| entry.second == Some(second))
        };
        self.at(self.by_second.find(&second.0, has_it)?)
    }

    fn at(&self, number: u32) -> Option<&Entry> {
        self.entries.get(position(self.first, number))
    }
}

/// Where the entry of that number is.
fn position(first: u32, number: u32) -> usize {
    usize::try_from(number.wrapping_sub(first)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use iso8583::element::ResponseCode;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn memory(keys_max: usize) -> Duplicates {
        Duplicates::new(Limits {
            window: WINDOW,
            keys_max,
        })
    }

    fn key(number: u8) -> Key {
        Key([number; 16])
    }

    fn entry(number: u8, seconds: i64, outcome: Outcome) -> Entry {
        Entry {
            key: key(number),
            second: Some(key(number + 100)),
            at: Timestamp::from_millis(seconds * 1_000),
            outcome,
        }
    }

    fn answered(fingerprint: u8) -> Outcome {
        Outcome::Answered(Answered {
            fingerprint: Fingerprint(key(fingerprint)),
            answer: Answer::bare(ResponseCode::APPROVED),
            card: None,
            acquirer: Acquirer::default(),
            forwarder: Forwarder::default(),
            attempt: Attempt::First,
            standing: Effect::Nothing,
            reversed: false,
        })
    }

    #[test]
    fn a_repeat_is_known_by_key_and_content() {
        let mut memory = memory(8);
        memory.insert(entry(1, 0, answered(7)));
        let look = |memory: &Duplicates, fingerprint| {
            memory.look(key(1), None, Fingerprint(key(fingerprint)))
        };
        assert_eq!(
            look(&memory, 7),
            Seen::Repeat(Answer::bare(ResponseCode::APPROVED))
        );
        assert_eq!(look(&memory, 8), Seen::Conflict);
        memory.reverse(key(1), Effect::Nothing);
        assert_eq!(look(&memory, 7), Seen::Conflict);
        assert_eq!(memory.look(key(2), None, Fingerprint(key(7))), Seen::Never);
    }

    #[test]
    fn a_tombstone_refuses_by_either_key_but_another_transaction_does_not() {
        let mut memory = memory(8);
        memory.insert(entry(1, 0, Outcome::Tombstone));
        memory.insert(entry(2, 0, answered(7)));
        let fingerprint = Fingerprint(key(7));
        assert_eq!(memory.look(key(1), None, fingerprint), Seen::Conflict);
        assert_eq!(
            memory.look(key(9), Some(key(101)), fingerprint),
            Seen::Conflict
        );
        assert_eq!(
            memory.look(key(9), Some(key(102)), fingerprint),
            Seen::Never
        );
    }

    #[test]
    fn a_key_is_remembered_for_its_window_and_forgotten_after() {
        let mut memory = memory(8);
        memory.insert(entry(1, 0, answered(7)));
        memory.insert(entry(2, 5, answered(7)));
        memory.forget_before(Timestamp::from_millis(10_000));
        assert_eq!(memory.len(), 2);
        memory.forget_before(Timestamp::from_millis(10_001));
        assert!(memory.get(key(1)).is_none());
        assert!(memory.find(key(9), Some(key(101))).is_none());
        assert!(memory.get(key(2)).is_some());
        memory.insert(entry(3, 11, answered(7)));
        assert_eq!(memory.find(key(9), Some(key(103))).unwrap().key, key(3));
        memory.forget_before(Timestamp::from_millis(60_000));
        assert!(memory.is_empty());
        assert!(memory.by_key.is_empty() && memory.by_second.is_empty());
    }

    #[test]
    fn an_entry_has_at_most_160_bytes() {
        // And two places in an index, of five to twelve bytes each: `duplicate_keys_max` says so.
        assert!(size_of::<Entry>() <= 160, "{}", size_of::<Entry>());
    }

    #[test]
    fn at_the_bound_reversals_still_find_room() {
        let mut memory = memory(8);
        for number in 0..8 {
            assert!(!memory.is_full(Purpose::Request));
            memory.insert(entry(number, 0, answered(7)));
        }
        assert!(memory.is_full(Purpose::Request));
        assert!(!memory.is_full(Purpose::Reversal));
        memory.insert(entry(8, 0, answered(7)));
        assert!(memory.is_full(Purpose::Reversal));
    }
}
