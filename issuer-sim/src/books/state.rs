//! The books in parts, to be written down and put together again: a snapshot.

use super::{Books, Hold, Inconsistent};
use crate::card::{Card, CardIndex};
use crate::clock::Timestamp;
use crate::dedupe::{Entry, Found};
use crate::ledger::{Account, Funds};
use crate::money::Minor;
use crate::trace::Key;

/// A part of the books. They come in this order of kinds, and of each kind always in the same
/// order: the same books have the same parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first of all.
    Counts(Counts),
    /// A card, in order of issue, without its holds, and its money.
    Card(Box<Card>, Funds),
    /// An account that is no card's.
    Account(Account, Minor),
    /// A remembered transaction, oldest first.
    Entry(Entry, Found),
    /// Money held, the first to run out first.
    Hold(Key, Hold, Found),
}

/// Numbers that go on, and how many parts of a kind follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Approvals given.
    pub approvals: u64,
    /// Movements of cards.
    pub movements: u64,
    /// Time of the newest record.
    pub newest: Timestamp,
    /// Cards.
    pub cards: u32,
    /// Remembered transactions.
    pub entries: u32,
    /// Holds.
    pub holds: u32,
}

impl Books {
    /// All parts of these books.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        let first = Part::Counts(Counts {
            approvals: self.approvals,
            movements: self.movements,
            newest: self.newest,
            cards: count(self.cards.len()),
            entries: count(self.duplicates.len()),
            holds: count(self.holds.len()),
        });
        let cards = (0..).zip(self.cards.iter()).map(|(index, card)| {
            let card = Card {
                holds: std::collections::BTreeSet::new(),
                ..card.clone()
            };
            Part::Card(Box::new(card), self.ledger.funds(CardIndex(index)))
        });
        let accounts = self.ledger.other_accounts();
        let accounts = accounts.map(|(account, balance)| Part::Account(account, balance));
        let entries = self.duplicates.entries();
        let entries = entries.map(|(entry, found)| Part::Entry(entry.clone(), found));
        let holds = self.holds_by_end.iter().filter_map(|(_, key)| {
            let hold = self.holds.get(key)?;
            let second = hold
                .second
                .is_some_and(|second| self.holds_by_second.get(&second) == Some(key));
            Some(Part::Hold(*key, *hold, Found::by_both(second)))
        });
        std::iter::once(first)
            .chain(cards)
            .chain(accounts)
            .chain(entries)
            .chain(holds)
    }

    /// Puts a part into books that were empty before the first.
    ///
    /// # Errors
    /// [`Inconsistent`] where it does not fit those before it. The books are then of no use.
    pub fn restore(&mut self, part: Part) -> Result<(), Inconsistent> {
        match part {
            Part::Counts(counts) => {
                self.approvals = counts.approvals;
                self.movements = counts.movements;
                self.newest = counts.newest;
                let entries = usize::try_from(counts.entries).unwrap_or_default();
                self.duplicates.reserve(entries);
            }
            Part::Card(card, funds) => {
                let index = self.new_index(card.id, card.pan_key)?;
                self.add_card(index, *card);
                self.ledger.restore_card(funds);
            }
            Part::Account(account, balance) => self.ledger.restore_account(account, balance),
            Part::Entry(entry, found) => self.duplicates.restore(entry, found),
            Part::Hold(key, hold, found) => {
                self.card_mut(hold.card)?.holds.insert(key);
                if let (Some(second), Found::ByBoth) = (hold.second, found) {
                    self.holds_by_second.insert(second, key);
                }
                self.holds_by_end.insert((hold.until, key));
                self.holds.insert(key, hold);
            }
        }
        Ok(())
    }

    /// Are these as many parts as the first of them said?
    #[must_use]
    pub fn are_whole(&self, counts: &Counts) -> bool {
        counts.cards == count(self.cards.len())
            && counts.entries == count(self.duplicates.len())
            && counts.holds == count(self.holds.len())
    }
}

/// The books' own bounds keep each of these far below four thousand million.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
