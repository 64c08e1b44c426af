//! The totals, and which transactions they are of.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use foldhash::fast::RandomState;
use iso8583::FieldKey;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::day::days_between;
use super::page::{Acquirer, PageId};
use super::totals::{Counter, Position, Totals};

/// Bounds of the totals of a machine, and what a business day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalsSettings {
    /// Where the business day is reckoned, as [`crate::Inbound::business_offset`].
    pub offset: Offset,
    /// How many business dates are kept; as many again of a clock that was ahead.
    pub days: u16,
    /// How many pages: of one acquirer, date and currency each.
    pub pages_max: usize,
    /// How many transactions are kept in mind, so that repeats are not counted again and
    /// reversals are known by their originals.
    pub remembered_max: usize,
}

impl TotalsSettings {
    /// Most bytes that a checkpoint has of a page.
    pub const PAGE_BYTES: usize = 128;
    /// And of a transaction kept in mind.
    pub const REMEMBERED_BYTES: usize = 48;
}

impl Default for TotalsSettings {
    fn default() -> Self {
        Self {
            offset: Offset::UTC,
            days: 7,
            pages_max: 4_096,
            remembered_max: 65_536,
        }
    }
}

/// Pages of totals, and what stands of the transactions counted lately. It changes by [`Step`]s
/// alone, so that whoever takes the same steps has the same book.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(super) settings: TotalsSettings,
    pub(super) pages: HashMap<PageId, Totals, RandomState>,
    /// The dates that are kept.
    pub(super) dates: BTreeMap<Date, Whole>,
    /// The newest date that was dropped to keep newer ones: what is older, and not kept, is gone.
    pub(super) dropped: Option<Date>,
    /// Dates that were dropped since too many were far ahead; of too many the latest are forgotten.
    pub(super) dropped_ahead: BTreeSet<Date>,
    pub(super) told: HashMap<Key, Told, RandomState>,
    /// All of them, the oldest first.
    pub(super) order: VecDeque<Key>,
    /// Steps that could not be counted, by this process.
    uncounted: u64,
}

/// Has all of a date been counted?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    Yes,
    /// There was no page for something, so there may be more than the pages say.
    No,
}

/// A transaction: its acquirer, and a digest of its duplicate key. One acquirer cannot make a key
/// that is another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(super) acquirer: Acquirer,
    pub(super) digest: [u8; 16],
}

impl Key {
    /// None where DE 32 is none.
    pub(crate) fn new(acquirer: &[u8], key: &FieldKey) -> Option<Self> {
        Some(Self {
            acquirer: Acquirer::new(acquirer)?,
            digest: digest(key.as_bytes()),
        })
    }
}

/// Two lanes of wyhash's mixing, sixteen bytes at a time: the same in every build, for it stands in
/// journals. Of 80 bytes it is worked out in a tenth of the time of a digest by the byte.
fn digest(bytes: &[u8]) -> [u8; 16] {
    const SEEDS: [u64; 2] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];
    const OTHERS: [u64; 2] = [0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];
    let [mut one, mut two] = SEEDS;
    let mut take = |first: u64, second: u64| {
        one = mixed(first ^ OTHERS[0], second ^ one);
        two = mixed(second ^ OTHERS[1], first ^ two);
    };
    let (chunks, rest) = bytes.as_chunks::<16>();
    let mut last = [0; 16];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    for chunk in chunks.iter().chain([&last]) {
        let both = u128::from_le_bytes(*chunk);
        take(low_half(both), low_half(both >> 64));
    }
    // Zeros at the end are told from none.
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    take(len, SEEDS[1]);
    (u128::from(one) << 64 | u128::from(two)).to_le_bytes()
}

/// Both halves of the product.
fn mixed(one: u64, two: u64) -> u64 {
    let product = u128::from(one).wrapping_mul(u128::from(two));
    low_half(product) ^ low_half(product >> 64)
}

fn low_half(both: u128) -> u64 {
    let [low @ .., _, _, _, _, _, _, _, _] = both.to_le_bytes();
    u64::from_le_bytes(low)
}

/// What an acquirer was told of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(super) date: Date,
    pub(super) currency: [u8; 3],
    /// Nothing: it never counts any more.
    pub(super) counter: Counter,
    /// Minor units that are not reversed.
    pub(super) standing: u64,
}

impl Told {
    /// Nothing of it stands, and nothing more of it counts.
    const fn spent(self) -> Self {
        Self {
            counter: Counter::Nothing,
            standing: 0,
            ..self
        }
    }
}

/// What happens to the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A transaction was approved to its acquirer.
    Counted(Key, Told),
    /// So was a reversal of it, which leaves so much and is counted on a page of its own.
    Reversed {
        original: Key,
        /// With the amount that was taken off.
        reversal: Told,
        remaining: u64,
    },
    /// Its acquirer was never told, and will not be.
    TakenOut(Key, Told),
}

impl Book {
    pub(crate) fn new(settings: TotalsSettings) -> Self {
        Self {
            settings,
            pages: HashMap::default(),
            dates: BTreeMap::new(),
            dropped: None,
            dropped_ahead: BTreeSet::new(),
            told: HashMap::default(),
            order: VecDeque::new(),
            uncounted: 0,
        }
    }

    /// Goes on from another's totals, within one's own bounds.
    pub(crate) fn adopt(&mut self, other: Self) {
        let settings = self.settings;
        *self = Self {
            settings,
            uncounted: 0,
            ..other
        };
        if let Some(newest) = self.dates.keys().next_back().copied() {
            self.drop_dates(newest);
        }
        while self.order.len() > self.settings.remembered_max {
            self.forget_oldest();
        }
    }

    pub(crate) const fn settings(&self) -> TotalsSettings {
        self.settings
    }

    /// The same bounds, and nothing counted.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.settings)
    }

    pub(crate) fn position(&self, page: &PageId) -> Position {
        let totals = self.pages.get(page).copied();
        // Where no page can be opened, there may be something that has none.
        let full = self.pages.len() >= self.settings.pages_max;
        let lacking = totals.is_none() && (full || !self.is_whole(page.date));
        let totals = totals.unwrap_or_default();
        Position {
            totals,
            incomplete: lacking || totals.missed > 0,
        }
    }

    pub(crate) fn pages(&self) -> impl Iterator<Item = (PageId, Totals)> {
        self.pages.iter().map(|(page, totals)| (*page, *totals))
    }

    /// How many transactions could not be counted since the start.
    pub(crate) const fn uncounted(&self) -> u64 {
        self.uncounted
    }

    pub(super) fn told(&self, key: &Key) -> Option<&Told> {
        self.told.get(key)
    }

    /// May a transaction have been counted and forgotten?
    pub(super) fn has_forgotten(&self) -> bool {
        self.order.len() >= self.settings.remembered_max
    }

    /// The same pages, and the same kept in mind.
    #[cfg(test)]
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.pages == other.pages
            && self.dates == other.dates
            && self.dropped == other.dropped
            && self.dropped_ahead == other.dropped_ahead
            && self.told == other.told
            && self.order == other.order
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match *step {
            Step::Counted(key, told) => {
                let counted = self.change(page(key, &told), |page| {
                    page.counted(told.counter, told.standing)
                });
                if counted {
                    self.remember(key, told);
                }
            }
            Step::Reversed {
                original,
                reversal,
                remaining,
            } => {
                let counted = self.change(page(original, &reversal), |page| {
                    page.reversed(reversal.counter, reversal.standing)
                });
                if counted {
                    let left = match self.told.get(&original) {
                        Some(told) if remaining > 0 => Told {
                            standing: remaining,
                            ..*told
                        },
                        Some(told) => told.spent(),
                        // Forgotten: it is taken at its word once.
                        None => reversal.spent(),
                    };
                    self.remember(original, left);
                }
            }
            Step::TakenOut(key, told) => {
                // What a reversal took off before stays counted there, and here.
                if self.pages.contains_key(&page(key, &told)) {
                    self.change(page(key, &told), |page| {
                        page.taken_out(told.counter, told.standing)
                    });
                }
                self.remember(key, told.spent());
            }
        }
    }

    /// Changes a page, which is opened where it is not; false where that cannot be.
    fn change(&mut self, page: PageId, change: impl FnOnce(Totals) -> Option<Totals>) -> bool {
        if !self.open(page) {
            self.uncounted = self.uncounted.saturating_add(1);
            return false;
        }
        let totals = self.pages.entry(page).or_default();
        let changed = change(*totals);
        match changed {
            Some(changed) => *totals = changed,
            None => {
                totals.missed = totals.missed.saturating_add(1);
                self.uncounted = self.uncounted.saturating_add(1);
            }
        }
        changed.is_some()
    }

    fn open(&mut self, page: PageId) -> bool {
        if self.pages.contains_key(&page) {
            return true;
        }
        if !self.keep(page.date) {
            return false;
        }
        let has_room = self.pages.len() < self.settings.pages_max;
        let Some(whole) = self.dates.get_mut(&page.date) else {
            return false;
        };
        // A page that is opened after one could not be might lack what had none.
        if !has_room {
            *whole = Whole::No;
        }
        *whole == Whole::Yes
    }

    /// Is a date kept, or can it be from now on?
    fn keep(&mut self, date: Date) -> bool {
        if self.dates.contains_key(&date) {
            return true;
        }
        if self.was_dropped(date) {
            return false;
        }
        self.dates.insert(date, Whole::Yes);
        self.drop_dates(date);
        self.dates.contains_key(&date)
    }

    /// Drops the oldest dates that are too many for the one that comes to be counted. Those that
    /// are further ahead of it are of a clock that was wrong: they wait for their time, as many
    /// again, and push nothing out.
    fn drop_dates(&mut self, coming: Date) {
        let days = i64::from(self.settings.days);
        let most = usize::from(self.settings.days);
        let is_ahead = |date: &Date| days_between(coming, *date) > days;
        let mut ahead = self.dates.keys().filter(|date| is_ahead(date)).count();
        let mut near = self.dates.len().saturating_sub(ahead);
        if ahead <= most && near <= most {
            return;
        }
        while ahead > most {
            self.dropped_ahead
                .extend(self.dates.pop_last().map(|(latest, _)| latest));
            ahead -= 1;
        }
        while near > most {
            let oldest = self.dates.pop_first().map(|(oldest, _)| oldest);
            self.dropped = self.dropped.max(oldest);
            near -= 1;
        }
        while self.dropped_ahead.len() > most {
            self.dropped_ahead.pop_last();
        }
        let dates = &self.dates;
        self.pages.retain(|page, _| dates.contains_key(&page.date));
    }

    fn was_dropped(&self, date: Date) -> bool {
        self.dropped.is_some_and(|dropped| date <= dropped) || self.dropped_ahead.contains(&date)
    }

    /// Is nothing but what pages say counted, or to be counted, of this date?
    fn is_whole(&self, date: Date) -> bool {
        match self.dates.get(&date) {
            Some(whole) => *whole == Whole::Yes,
            None => {
                let is_full = self.dates.len() >= usize::from(self.settings.days);
                let oldest = self.dates.keys().next();
                let is_too_old = is_full && oldest.is_none_or(|oldest| date < *oldest);
                !is_too_old && !self.was_dropped(date)
            }
        }
    }

    /// Puts a page of a checkpoint in its place.
    pub(super) fn restore(&mut self, page: PageId, totals: Totals) {
        self.dates.entry(page.date).or_insert(Whole::Yes);
        self.pages.insert(page, totals);
    }

    pub(super) fn remember(&mut self, key: Key, told: Told) {
        if self.settings.remembered_max == 0 {
            return;
        }
        if self.told.insert(key, told).is_some() {
            return;
        }
        while self.order.len() >= self.settings.remembered_max {
            self.forget_oldest();
        }
        self.order.push_back(key);
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.told.remove(&oldest);
        }
    }
}

fn page(key: Key, told: &Told) -> PageId {
    PageId {
        date: told.date,
        acquirer: key.acquirer,
        currency: told.currency,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_keys_that_differ_anywhere_differ() {
        let key: Vec<u8> = (b'0'..b'0' + 80).collect();
        let mut digests: Vec<[u8; 16]> = vec![digest(&key)];
        for place in 0..key.len() {
            for other in b'0'..=b'9' {
                let mut changed = key.clone();
                changed[place] = changed[place].wrapping_add(other - b'0' + 1);
                digests.push(digest(&changed));
                changed[(place + 16) % 80] ^= 1;
                digests.push(digest(&changed));
            }
        }
        digests.extend((0..80).map(|len| digest(&vec![0; len])));
        let all = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), all);
    }

    /// What stands in journals is found again by every build.
    #[test]
    fn a_digest_stays_what_it_is() {
        let found = u128::from_le_bytes(digest(b"2 000123 607411000123"));
        assert_eq!(found, 144_707_789_534_376_232_809_150_159_494_170_218_139);
    }
}
