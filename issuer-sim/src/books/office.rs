//! What the office does with cards, and what it may look at.

use thiserror::Error;

use super::{Books, Inconsistent};
use crate::card::{CardId, CardIndex, Expiry, PanKey, Product, SealedPan, Status};
use crate::clock::Now;
use crate::dedupe::{Outcome, Purpose};
use crate::ledger::{Funds, Line, TrialBalance};
use crate::money::{Minor, Overflow};
use crate::record::{Charge, Event, NewCard, Record};
use crate::request::Fingerprint;
use crate::trace::Hasher;

/// A card as the office sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardView {
    /// Its public name.
    pub id: CardId,
    /// Its number, encrypted.
    pub sealed_pan: SealedPan,
    /// Last month it is good.
    pub expiry: Expiry,
    /// What was sold.
    pub product: Product,
    /// May it be used?
    pub status: Status,
    /// Wrong passwords in a row.
    pub tries: u8,
    /// Its money.
    pub funds: Funds,
}

/// What a charge led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charged {
    /// The card's money afterwards.
    pub funds: Funds,
    /// The key was used before for the very same charge: nothing moved now.
    pub repeated: bool,
}

/// The books at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The sums by kind of account.
    pub balance: TrialBalance,
    /// Cards issued.
    pub cards: usize,
    /// Keys remembered.
    pub keys: usize,
    /// Pre-authorizations holding money.
    pub holds: usize,
}

/// Why a card cannot be issued.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum IssueRefusal {
    /// The number, or the public name, is some card's already: another may be drawn.
    #[error("another card has this number")]
    Taken,
    /// The configured number of cards is reached.
    #[error("no more cards may be issued: cards_max is reached")]
    Full,
}

/// Why a card is not charged.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ChargeRefusal {
    /// No such card.
    #[error("there is no such card")]
    NoSuchCard,
    /// Zero, below zero, or more than the twelve digits of an amount.
    #[error("a charge is at least 1 and at most 999999999999")]
    Amount,
    /// It would hold more than the law lets an anonymous card hold.
    #[error("an anonymous card may hold at most {max}; it holds {balance}")]
    OverCap {
        /// The cap.
        max: Minor,
        /// What it holds now.
        balance: Minor,
    },
    /// Lost, stolen or closed.
    #[error("a card that is lost, stolen or closed cannot be charged")]
    Status,
    /// The key was used for another charge.
    #[error("this idempotency key was used for another charge")]
    OtherCharge,
    /// The memory of keys is full.
    #[error("no more charges can be remembered for now")]
    NoRoomToRemember,
}

/// Why a status is not changed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum StatusRefusal {
    /// No such card.
    #[error("there is no such card")]
    NoSuchCard,
    /// Closed is for good.
    #[error("a closed card stays closed")]
    Closed,
}

impl Fingerprint {
    /// The content of a charge: its card and amount.
    #[must_use]
    pub fn of_charge(charge: &Charge) -> Self {
        Self(
            Hasher::new("charge content")
                .number(charge.card.0.into())
                .text(&charge.amount.units().to_le_bytes())
                .finish(),
        )
    }
}

impl Books {
    /// Issues a card (patent a4).
    ///
    /// # Errors
    /// [`IssueRefusal`], or [`Inconsistent`] where the books contradict themselves.
    pub fn issue(
        &mut self,
        card: NewCard,
        now: Now,
    ) -> Result<Result<Record, IssueRefusal>, Inconsistent> {
        if self.new_index(card.id, card.pan_key).is_err() {
            return Ok(Err(IssueRefusal::Taken));
        }
        if self.cards.len() >= self.policy.cards_max {
            return Ok(Err(IssueRefusal::Full));
        }
        self.record(Event::CardIssued(card), now).map(Ok)
    }

    /// Charges a card (patent a7). The same key with the same content charges once.
    ///
    /// # Errors
    /// [`ChargeRefusal`], or [`Inconsistent`] where the books contradict themselves.
    pub fn charge(
        &mut self,
        id: CardId,
        charge: impl FnOnce(CardIndex) -> Charge,
        now: Now,
    ) -> Result<Result<(Option<Record>, Charged), ChargeRefusal>, Inconsistent> {
        let Some(index) = self.index_of_id(id) else {
            return Ok(Err(ChargeRefusal::NoSuchCard));
        };
        let charge = charge(index);
        if let Some(repeated) = self.charged_before(&charge) {
            return Ok(repeated.map(|funds| {
                let repeated = true;
                (None, Charged { funds, repeated })
            }));
        }
        if let Err(refusal) = self.chargeable(&charge)? {
            return Ok(Err(refusal));
        }
        let record = self.record(Event::CardCharged(charge), now)?;
        let charged = Charged {
            funds: self.ledger.funds(index),
            repeated: false,
        };
        Ok(Ok((Some(record), charged)))
    }

    /// Changes a card's status: block, unblock, report lost or stolen, close.
    ///
    /// # Errors
    /// [`StatusRefusal`], or [`Inconsistent`] where the books contradict themselves.
    pub fn change_status(
        &mut self,
        id: CardId,
        status: Status,
        now: Now,
    ) -> Result<Result<Option<Record>, StatusRefusal>, Inconsistent> {
        let Some(card) = self.index_of_id(id) else {
            return Ok(Err(StatusRefusal::NoSuchCard));
        };
        match self.card(card).map(|card| card.status) {
            Some(present) if present == status => Ok(Ok(None)),
            Some(Status::Closed) => Ok(Err(StatusRefusal::Closed)),
            _ => self
                .record(Event::StatusChanged { card, status }, now)
                .map(|record| Ok(Some(record))),
        }
    }

    /// Forgives a card's wrong passwords; `None` where there is no such card.
    ///
    /// # Errors
    /// [`Inconsistent`] where the books contradict themselves.
    pub fn reset_tries(&mut self, id: CardId, now: Now) -> Result<Option<Record>, Inconsistent> {
        match self.index_of_id(id) {
            Some(card) => self.record(Event::TriesReset { card }, now).map(Some),
            None => Ok(None),
        }
    }

    /// A card by its public name.
    #[must_use]
    pub fn view(&self, id: CardId) -> Option<CardView> {
        let index = self.index_of_id(id)?;
        let card = self.card(index)?;
        Some(CardView {
            id,
            sealed_pan: card.sealed_pan.clone(),
            expiry: card.expiry,
            product: card.product,
            status: card.status,
            tries: card.tries,
            funds: self.ledger.funds(index),
        })
    }

    /// The public name of the card with this number.
    #[must_use]
    pub fn id_of(&self, pan: PanKey) -> Option<CardId> {
        let index = self.index_of_pan(pan)?;
        self.card(index).map(|card| card.id)
    }

    /// Movements of a card, newest first: at most `limit`, of those before line `before`.
    #[must_use]
    pub fn lines(&self, id: CardId, before: Option<u64>, limit: usize) -> Option<Vec<Line>> {
        let card = self.card(self.index_of_id(id)?)?;
        let newest_first = card.lines.iter().rev();
        Some(
            newest_first
                .filter(|line| before.is_none_or(|before| line.number < before))
                .take(limit)
                .copied()
                .collect(),
        )
    }

    /// The books at a glance.
    ///
    /// # Errors
    /// [`Overflow`] where a sum leaves 64 bits.
    pub fn overview(&self) -> Result<Overview, Overflow> {
        Ok(Overview {
            balance: self.ledger.trial_balance()?,
            cards: self.cards.len(),
            keys: self.duplicates.len(),
            holds: self.holds.len(),
        })
    }

    fn charged_before(&self, charge: &Charge) -> Option<Result<Funds, ChargeRefusal>> {
        let entry = self.duplicates.get(charge.key)?;
        let same = Outcome::Charged {
            fingerprint: Fingerprint::of_charge(charge),
        };
        Some(if entry.outcome == same {
            Ok(self.ledger.funds(charge.card))
        } else {
            Err(ChargeRefusal::OtherCharge)
        })
    }

    fn chargeable(&self, charge: &Charge) -> Result<Result<(), ChargeRefusal>, Inconsistent> {
        let card = self.card(charge.card).ok_or(Inconsistent::NoSuchCard)?;
        if !(Minor::new(1)..=CHARGE_MAX).contains(&charge.amount) {
            return Ok(Err(ChargeRefusal::Amount));
        }
        if matches!(card.status, Status::Lost | Status::Stolen | Status::Closed) {
            return Ok(Err(ChargeRefusal::Status));
        }
        let balance = self.ledger.funds(charge.card).balance;
        let max = self.policy.rules.anonymous_balance_max;
        if card.product == Product::Anonymous && balance.plus(charge.amount)? > max {
            return Ok(Err(ChargeRefusal::OverCap { max, balance }));
        }
        if self.duplicates.is_full(Purpose::Request) {
            return Ok(Err(ChargeRefusal::NoRoomToRemember));
        }
        Ok(Ok(()))
    }

    fn record(&mut self, event: Event, now: Now) -> Result<Record, Inconsistent> {
        let record = Record { at: now.at, event };
        self.apply(&record)?;
        Ok(record)
    }
}

const CHARGE_MAX: Minor = Minor::new(999_999_999_999);
