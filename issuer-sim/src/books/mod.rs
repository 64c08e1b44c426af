//! PURE: everything the issuer knows, with one writer and no lock.
//!
//! A decision becomes a [`Record`](crate::record::Record) and the record changes the books, in
//! [`Books::apply`] alone; so replaying the journal builds the same books that were there when it
//! was written.

mod apply;
mod decide;
mod office;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use thiserror::Error;

use crate::answer::ApprovalCode;
use crate::card::{Card, CardId, CardIndex, PanKey, Rules};
use crate::chunks::Chunks;
use crate::clock::Timestamp;
use crate::dedupe::{Duplicates, Limits, Purpose};
use crate::index::Index;
use crate::ledger::{Ledger, PostingError};
use crate::money::{Minor, Overflow};
use crate::trace::{Forwarder, Key};

pub use decide::Room;
pub use office::{CardView, ChargeRefusal, Charged, IssueRefusal, Overview, StatusRefusal};
pub use state::{Counts, Part};

/// What the books go by, from the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What the products allow.
    pub rules: Rules,
    /// How much is remembered.
    pub limits: Limits,
    /// How long a pre-authorization holds money.
    pub hold: Duration,
    /// How many movements of a card are kept for statements.
    pub lines_per_card: usize,
    /// How many cards may be issued.
    pub cards_max: usize,
}

/// Cards, ledger, holds and the memory of requests.
#[derive(Clone, Debug)]
pub struct Books {
    policy: Policy,
    cards: Chunks<Card>,
    by_pan: Index,
    by_id: Index,
    ledger: Ledger,
    duplicates: Duplicates,
    holds: HashMap<Key, Hold>,
    /// The holds by the second keys of their requests.
    holds_by_second: HashMap<Key, Key>,
    holds_by_end: BTreeSet<(Timestamp, Key)>,
    /// Approvals given: numbers the approval codes.
    approvals: u64,
    /// Movements of cards: numbers the statement lines.
    movements: u64,
    /// Time of the newest record.
    newest: Timestamp,
}

impl PartialEq for Books {
    /// What they hold; how it is found follows from that.
    fn eq(&self, other: &Self) -> bool {
        self.policy == other.policy && self.parts().eq(other.parts())
    }
}

impl Eq for Books {}

/// Money held for a pre-authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its card.
    pub card: CardIndex,
    /// How much is still held.
    pub amount: Minor,
    /// When it runs out.
    pub until: Timestamp,
    /// The second key of the request that placed it.
    pub second: Option<Key>,
    /// The approval it was given under.
    pub approval: Option<ApprovalCode>,
    /// As of [`crate::dedupe::Answered::forwarder`].
    pub forwarder: Forwarder,
}

/// Records and books do not fit: the journal is damaged or the program is wrong, and nothing more
/// may be decided.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Inconsistent {
    /// A posting cannot be booked.
    #[error(transparent)]
    Posting(#[from] PostingError),
    /// A record names a card that was never issued.
    #[error("record names a card that was never issued")]
    NoSuchCard,
    /// Two cards under one number or name.
    #[error("a card is issued twice")]
    CardTwice,
}

impl From<Overflow> for Inconsistent {
    fn from(overflow: Overflow) -> Self {
        Self::Posting(overflow.into())
    }
}

impl Books {
    /// Books without a card.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            cards: Chunks::default(),
            by_pan: Index::default(),
            by_id: Index::default(),
            ledger: Ledger::default(),
            duplicates: Duplicates::new(policy.limits),
            holds: HashMap::new(),
            holds_by_second: HashMap::new(),
            holds_by_end: BTreeSet::new(),
            approvals: 0,
            movements: 0,
            newest: Timestamp::default(),
        }
    }

    /// The accounts.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How many cards were issued.
    #[must_use]
    pub fn cards_len(&self) -> usize {
        self.cards.len()
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn keys_len(&self) -> usize {
        self.duplicates.len()
    }

    /// Is there no room for the keys of new money requests?
    #[must_use]
    pub fn keys_are_full(&self) -> bool {
        self.duplicates.is_full(Purpose::Request)
    }

    /// Time of the newest record: no later one may be older.
    #[must_use]
    pub const fn newest(&self) -> Timestamp {
        self.newest
    }

    fn index_of_pan(&self, pan: PanKey) -> Option<CardIndex> {
        let has_it = |index| {
            let card = self.card(CardIndex(index));
            card.is_some_and(|card| card.pan_key == pan)
        };
        self.by_pan.find(&pan.0, has_it).map(CardIndex)
    }

    fn index_of_id(&self, id: CardId) -> Option<CardIndex> {
        let has_it = |index| {
            self.card(CardIndex(index))
                .is_some_and(|card| card.id == id)
        };
        self.by_id.find(&id.0, has_it).map(CardIndex)
    }

    /// Adds the card of the next index.
    fn add_card(&mut self, index: CardIndex, card: Card) {
        let (pan, id) = (card.pan_key, card.id);
        self.cards.push(card);
        let cards = &self.cards;
        let of = |index: u32| cards.get(CardIndex(index).position());
        self.by_pan
            .insert(&pan.0, index.0, |index| Some(of(index)?.pan_key.0));
        self.by_id
            .insert(&id.0, index.0, |index| Some(of(index)?.id.0));
    }

    fn card(&self, index: CardIndex) -> Option<&Card> {
        self.cards.get(index.position())
    }

    fn card_mut(&mut self, index: CardIndex) -> Result<&mut Card, Inconsistent> {
        self.cards
            .get_mut(index.position())
            .ok_or(Inconsistent::NoSuchCard)
    }
}
