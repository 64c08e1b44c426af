//! What the journal holds: one record for everything that changed the books.
//!
//! Records are facts, not requests: replaying them needs no rule, key or clock.

use iso8583::element::ProcessingCode;

use crate::answer::Answer;
use crate::card::{CardId, CardIndex, Expiry, PanKey, Product, Pvv, SealedPan, Status};
use crate::clock::Timestamp;
use crate::ledger::{Account, Channel, Posting};
use crate::money::{Minor, Overflow};
use crate::request::{Attempt, Keys};
use crate::trace::{Acquirer, Forwarder, Key, Trace};

/// A fact, and when it became one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A card was issued (patent a4).
    CardIssued(NewCard),
    /// A card was charged (patent a7).
    CardCharged(Charge),
    /// A card's status changed.
    StatusChanged {
        /// The card.
        card: CardIndex,
        /// Its new status.
        status: Status,
    },
    /// An operator forgave the wrong passwords of a card.
    TriesReset {
        /// The card.
        card: CardIndex,
    },
    /// A request or advice was decided: approved or declined, for a repeat gets the same answer.
    Decided(Decided),
    /// A reversal was accepted.
    Reversed(Reversed),
    /// A repeat was answered through another switch than the one before, which from then on alone
    /// may say that the answer was not delivered.
    Forwarded {
        /// The transaction's key.
        key: Key,
        /// The switch the repeat came through.
        by: Forwarder,
        /// Did it say that it was one?
        attempt: Attempt,
    },
    /// The hold of a pre-authorization ran out.
    HoldExpired {
        /// The pre-authorization's key.
        key: Key,
    },
}

/// A card as it is issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCard {
    /// Public name.
    pub id: CardId,
    /// What it is found by.
    pub pan_key: PanKey,
    /// Its number, encrypted.
    pub sealed_pan: SealedPan,
    /// Last month it is good.
    pub expiry: Expiry,
    /// What was sold.
    pub product: Product,
    /// What its password is checked against.
    pub pvv: Pvv,
}

/// Money put on a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The card.
    pub card: CardIndex,
    /// How much.
    pub amount: Minor,
    /// By what way.
    pub channel: Channel,
    /// The idempotency key of whoever charged.
    pub key: Key,
}

/// A decision on a request that is not a reversal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// How the acquirer names it.
    pub trace: Trace,
    /// Who forwarded it.
    pub forwarder: Forwarder,
    /// Was it a repeat, the first of which had not come?
    pub attempt: Attempt,
    /// What it is remembered by.
    pub keys: Keys,
    /// The card, if there is one.
    pub card: Option<CardIndex>,
    /// DE 3.
    pub processing_code: ProcessingCode,
    /// DE 4.
    pub amount: Minor,
    /// What was answered.
    pub answer: Answer,
    /// What moved.
    pub effect: Effect,
    /// When the hold that it placed runs out.
    pub hold_until: Option<Timestamp>,
    /// The pre-authorization that it completed.
    pub completes: Option<Key>,
    /// The count of wrong passwords, where it changed.
    pub tries: Option<u8>,
}

/// A reversal that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversed {
    /// How the acquirer names it.
    pub trace: Trace,
    /// Who forwarded it.
    pub forwarder: Forwarder,
    /// What it is remembered by.
    pub keys: Keys,
    /// The card of the original, if it is known.
    pub card: Option<CardIndex>,
    /// What was answered.
    pub answer: Answer,
    /// What became of the original.
    pub original: Original,
}

/// The original of a reversal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Original {
    /// It was there; this much of it was taken back.
    Undone {
        /// Its key.
        key: Key,
        /// What is taken back; [`Effect::Nothing`] of a decline or of what no longer stands.
        taken_back: Effect,
    },
    /// It was never seen: if it comes now it is refused under these keys. Journals of before DE 90
    /// was asked for may hold two.
    NeverSeen(Vec<Tombstone>),
}

/// The keys of an original that must not be honoured any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// Its duplicate key as rebuilt.
    pub key: Key,
    /// Its second key as rebuilt.
    pub second: Option<Key>,
}

/// The money that a decision moves, or a reversal takes back. Amounts are never below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// None.
    #[default]
    Nothing,
    /// The merchant gains what the card, and beyond it suspense, lose.
    Debit {
        /// The card's part.
        card: Minor,
        /// What the card had not.
        suspense: Minor,
    },
    /// The card, or suspense where no card is known, gains what the merchant loses.
    Credit {
        /// The card's part.
        card: Minor,
        /// The part of no known card.
        suspense: Minor,
    },
    /// Nothing moves; less is available.
    Hold {
        /// How much less.
        amount: Minor,
    },
}

/// Whether an effect is brought about or taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Brought about.
    Forward,
    /// Taken back.
    Back,
}

impl Effect {
    /// The legs of the posting, and what the card gains by it; none for a hold.
    ///
    /// # Errors
    /// [`Overflow`] where a part has no counterpart in 64 bits.
    pub fn legs(
        self,
        card: Option<CardIndex>,
        acquirer: Acquirer,
        direction: Direction,
    ) -> Result<Legs, Overflow> {
        let (from_card, from_suspense) = match self {
            Self::Nothing | Self::Hold { .. } => (Minor::ZERO, Minor::ZERO),
            Self::Debit { card, suspense } => (card.negated()?, suspense.negated()?),
            Self::Credit { card, suspense } => (card, suspense),
        };
        let (card_gains, suspense_gains) = match direction {
            Direction::Forward => (from_card, from_suspense),
            Direction::Back => (from_card.negated()?, from_suspense.negated()?),
        };
        let merchant_gains = card_gains.plus(suspense_gains)?.negated()?;
        let legs = [
            card.map(|card| (Account::Card(card), card_gains)),
            Some((Account::Suspense, suspense_gains)),
            Some((Account::MerchantPayable(acquirer), merchant_gains)),
        ];
        Ok(Legs {
            card_gains,
            postings: legs
                .into_iter()
                .flatten()
                .filter(|(_, amount)| *amount != Minor::ZERO)
                .map(|(account, amount)| Posting { account, amount })
                .collect(),
        })
    }
}

/// The legs of one effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legs {
    /// What the card gains, below zero what it loses.
    pub card_gains: Minor,
    /// The legs that are not zero.
    pub postings: Vec<Posting>,
}
