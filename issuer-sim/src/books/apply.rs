//! How a record changes the books.

use iso8583::element::{ProcessingCode, TransactionType};

use super::{Books, Hold, Inconsistent};
use crate::card::{Card, CardId, CardIndex, PanKey, Status};
use crate::clock::Timestamp;
use crate::dedupe::{Answered, Entry, Outcome};
use crate::ledger::{Account, Line, LineKind, Posting};
use crate::money::Minor;
use crate::record::{
    Charge, Decided, Direction, Effect, Event, NewCard, Original, Record, Reversed,
};
use crate::request::{Attempt, Fingerprint, Keys};
use crate::reverse;
use crate::trace::{Acquirer, Key, Text, Trace};

impl Books {
    /// Changes the books by one record, whether just decided or read from the journal.
    ///
    /// # Errors
    /// [`Inconsistent`] where the record does not fit what is there. The books are then of no
    /// further use.
    pub fn apply(&mut self, record: &Record) -> Result<(), Inconsistent> {
        self.newest = self.newest.max(record.at);
        self.duplicates.forget_before(self.newest);
        match &record.event {
            Event::CardIssued(card) => self.apply_issue(card),
            Event::CardCharged(charge) => self.apply_charge(record.at, charge),
            Event::StatusChanged { card, status } => {
                self.card_mut(*card)?.status = *status;
                Ok(())
            }
            Event::TriesReset { card } => {
                self.card_mut(*card)?.tries = 0;
                Ok(())
            }
            Event::Decided(decided) => self.apply_decision(record.at, decided),
            Event::Reversed(reversed) => self.apply_reversal(record.at, reversed),
            Event::Forwarded { key, by, attempt } => {
                self.duplicates.forward(*key, *by, *attempt);
                if let Some(hold) = self.holds.get_mut(key) {
                    hold.forwarder = *by;
                }
                Ok(())
            }
            Event::HoldExpired { key } => self.release(*key, None),
        }
    }

    fn apply_issue(&mut self, new: &NewCard) -> Result<(), Inconsistent> {
        let index = self.new_index(new.id, new.pan_key)?;
        let card = Card {
            id: new.id,
            pan_key: new.pan_key,
            sealed_pan: new.sealed_pan.clone(),
            expiry: new.expiry,
            product: new.product,
            status: Status::Active,
            pvv: new.pvv,
            tries: 0,
            holds: std::collections::BTreeSet::new(),
            lines: std::collections::VecDeque::new(),
        };
        self.add_card(index, card);
        self.ledger.open_card();
        Ok(())
    }

    /// The place of the next card, if no other has its number or name.
    pub(super) fn new_index(&self, id: CardId, pan: PanKey) -> Result<CardIndex, Inconsistent> {
        if self.index_of_pan(pan).is_some() || self.index_of_id(id).is_some() {
            return Err(Inconsistent::CardTwice);
        }
        let index = u32::try_from(self.cards.len()).map_err(|_| Inconsistent::CardTwice)?;
        Ok(CardIndex(index))
    }

    fn apply_charge(&mut self, at: Timestamp, charge: &Charge) -> Result<(), Inconsistent> {
        self.ledger.post(&[
            Posting {
                account: Account::LoadClearing(charge.channel),
                amount: charge.amount.negated()?,
            },
            Posting {
                account: Account::Card(charge.card),
                amount: charge.amount,
            },
        ])?;
        self.write_line(charge.card, at, LineKind::Charge, charge.amount, None)?;
        self.duplicates.insert(Entry {
            key: charge.key,
            second: None,
            at,
            outcome: Outcome::Charged {
                fingerprint: Fingerprint::of_charge(charge),
            },
        });
        Ok(())
    }

    fn apply_decision(&mut self, at: Timestamp, decided: &Decided) -> Result<(), Inconsistent> {
        if let (Some(card), Some(tries)) = (decided.card, decided.tries) {
            self.card_mut(card)?.tries = tries;
        }
        if let Some(key) = decided.completes {
            self.release(key, None)?;
        }
        let moved = Moved {
            at,
            card: decided.card,
            acquirer: decided.trace.acquirer,
            trace: &decided.trace,
            kind: line_kind(decided.processing_code, decided.completes),
        };
        self.bring_about(&moved, decided.effect, Direction::Forward)?;
        if let (Effect::Hold { amount }, Some(card), Some(until)) =
            (decided.effect, decided.card, decided.hold_until)
        {
            self.place_hold(
                decided.keys.key,
                Hold {
                    card,
                    amount,
                    until,
                    second: decided.keys.second,
                    approval: decided.answer.approval,
                    forwarder: decided.forwarder,
                },
            )?;
        }
        self.approvals += u64::from(decided.answer.approval.is_some());
        self.remember(
            at,
            decided.keys,
            Answered {
                fingerprint: decided.keys.fingerprint,
                answer: decided.answer,
                card: decided.card,
                acquirer: decided.trace.acquirer,
                forwarder: decided.forwarder,
                attempt: decided.attempt,
                standing: decided.effect,
                reversed: false,
            },
        );
        Ok(())
    }

    fn apply_reversal(&mut self, at: Timestamp, reversed: &Reversed) -> Result<(), Inconsistent> {
        match &reversed.original {
            Original::Undone { key, taken_back } => {
                if let Effect::Hold { amount } = taken_back {
                    self.release(*key, Some(*amount))?;
                }
                let original = match self.duplicates.get(*key).map(|entry| entry.outcome) {
                    Some(Outcome::Answered(answered)) => Some(answered),
                    Some(Outcome::Tombstone | Outcome::Charged { .. }) | None => None,
                };
                let moved = Moved {
                    at,
                    card: reversed.card,
                    // The reversal may go without DE 32; a hold, which outlives the memory of its
                    // request, moves nothing.
                    acquirer: original.map_or(reversed.trace.acquirer, |it| it.acquirer),
                    trace: &reversed.trace,
                    kind: LineKind::Reversal,
                };
                self.bring_about(&moved, *taken_back, Direction::Back)?;
                let standing = match original {
                    Some(original) => reverse::left(original.standing, *taken_back)?,
                    None => Effect::Nothing,
                };
                self.duplicates.reverse(*key, standing);
            }
            Original::NeverSeen(tombstones) => {
                for tombstone in tombstones {
                    self.duplicates.insert(Entry {
                        key: tombstone.key,
                        second: tombstone.second,
                        at,
                        outcome: Outcome::Tombstone,
                    });
                }
            }
        }
        self.remember(
            at,
            reversed.keys,
            Answered {
                fingerprint: reversed.keys.fingerprint,
                answer: reversed.answer,
                card: reversed.card,
                acquirer: reversed.trace.acquirer,
                forwarder: reversed.forwarder,
                attempt: Attempt::First,
                standing: Effect::Nothing,
                reversed: false,
            },
        );
        Ok(())
    }

    fn remember(&mut self, at: Timestamp, keys: Keys, answered: Answered) {
        self.duplicates.insert(Entry {
            key: keys.key,
            second: keys.second,
            at,
            outcome: Outcome::Answered(answered),
        });
    }

    fn bring_about(
        &mut self,
        moved: &Moved<'_>,
        effect: Effect,
        direction: Direction,
    ) -> Result<(), Inconsistent> {
        let legs = effect.legs(moved.card, moved.acquirer, direction)?;
        if legs.postings.is_empty() {
            return Ok(());
        }
        self.ledger.post(&legs.postings)?;
        match moved.card {
            Some(card) if legs.card_gains != Minor::ZERO => self.write_line(
                card,
                moved.at,
                moved.kind,
                legs.card_gains,
                Some(moved.trace),
            ),
            _ => Ok(()),
        }
    }

    fn write_line(
        &mut self,
        card: CardIndex,
        at: Timestamp,
        kind: LineKind,
        amount: Minor,
        trace: Option<&Trace>,
    ) -> Result<(), Inconsistent> {
        self.movements += 1;
        let line = Line {
            number: self.movements,
            at,
            kind,
            amount,
            balance: self.ledger.funds(card).balance,
            merchant: trace.map_or_else(Text::default, |trace| trace.merchant),
            terminal: trace.map_or_else(Text::default, |trace| trace.terminal),
            rrn: trace.map_or_else(Text::default, |trace| trace.rrn),
        };
        let kept = self.policy.lines_per_card;
        let lines = &mut self.card_mut(card)?.lines;
        while lines.len() >= kept.max(1) {
            lines.pop_front();
        }
        lines.push_back(line);
        Ok(())
    }

    fn place_hold(&mut self, key: Key, hold: Hold) -> Result<(), Inconsistent> {
        self.ledger.hold(hold.card, hold.amount)?;
        self.card_mut(hold.card)?.holds.insert(key);
        if let Some(second) = hold.second {
            self.holds_by_second.entry(second).or_insert(key);
        }
        self.holds_by_end.insert((hold.until, key));
        self.holds.insert(key, hold);
        Ok(())
    }

    /// Releases a part of a hold, or all of it. A hold that is gone stays gone.
    fn release(&mut self, key: Key, part: Option<Minor>) -> Result<(), Inconsistent> {
        let Some(hold) = self.holds.get_mut(&key) else {
            return Ok(());
        };
        let released = part.map_or(hold.amount, |part| part.min(hold.amount));
        hold.amount = hold.amount.minus(released)?;
        let hold = *hold;
        self.ledger.hold(hold.card, released.negated()?)?;
        if hold.amount == Minor::ZERO {
            self.holds.remove(&key);
            self.holds_by_end.remove(&(hold.until, key));
            if let Some(second) = hold.second
                && self.holds_by_second.get(&second) == Some(&key)
            {
                self.holds_by_second.remove(&second);
            }
            self.card_mut(hold.card)?.holds.remove(&key);
        }
        Ok(())
    }
}

/// What a movement is told by.
struct Moved<'a> {
    at: Timestamp,
    card: Option<CardIndex>,
    /// Whose merchant gains or loses.
    acquirer: Acquirer,
    trace: &'a Trace,
    kind: LineKind,
}

const fn line_kind(processing_code: ProcessingCode, completes: Option<Key>) -> LineKind {
    match (processing_code.transaction_type(), completes) {
        (TransactionType::Refund, _) => LineKind::Refund,
        (_, Some(_)) => LineKind::Completion,
        (_, None) => LineKind::Purchase,
    }
}
