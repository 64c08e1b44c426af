//! How a request is decided: remembered first, then checked, then recorded.

use iso8583::element::{Currency, ResponseCode};

use super::{Books, Hold, Inconsistent};
use crate::answer::{Answer, ApprovalCode};
use crate::authorize::{self, Approval};
use crate::card::CardIndex;
use crate::clock::Now;
use crate::dedupe::{Answered, Entry, Outcome, Purpose, Seen};
use crate::money::Minor;
use crate::record::{Decided, Effect, Event, Original, Record, Reversed, Tombstone};
use crate::refusal::Refusal;
use crate::request::{
    Attempt, CardNumber, Insistence, Operation, Reference, Request, possible_originals,
};
use crate::reverse;
use crate::trace::{Class, Forwarder, Key, Trace};

/// Is there room for records?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// For whatever comes.
    Ample,
    /// What is left is kept for reversals, which give money back.
    ForReversals,
}

impl Books {
    /// Decides a request, changes the books by it, and gives the record that must be durable
    /// before the answer leaves. No record: nothing changed, the answer may leave with the rest.
    ///
    /// # Errors
    /// [`Inconsistent`] where the books contradict themselves; nothing more may be decided then.
    pub fn handle(
        &mut self,
        request: &Request,
        now: Now,
    ) -> Result<(Option<Record>, Answer), Inconsistent> {
        self.handle_within(Room::Ample, request, now)
    }

    /// The same where there may be no room to record it: then what was answered is answered again,
    /// reversals are decided, and all else is refused (96).
    ///
    /// # Errors
    /// As of [`handle`](Self::handle).
    pub fn handle_within(
        &mut self,
        room: Room,
        request: &Request,
        now: Now,
    ) -> Result<(Option<Record>, Answer), Inconsistent> {
        let keys = request.keys;
        let refused = |refusal: Refusal| Ok((None, refusal.answer(request.settlement_date)));
        match self
            .duplicates
            .look(keys.key, keys.second, keys.fingerprint)
        {
            Seen::Repeat(answer) => return Ok((self.forwarded(request, now)?, answer)),
            // An undoing only takes away: under a key that is taken it undoes what is left.
            Seen::Conflict if matches!(request.operation, Operation::Reversal { .. }) => {}
            Seen::Conflict => return refused(Refusal::Duplicate),
            // A hold may outlive the memory of its request, whose key is taken until then.
            Seen::Never if self.holds.contains_key(&keys.key) => {
                return refused(Refusal::Duplicate);
            }
            Seen::Never => {}
        }
        if let Some(refusal) = self.no_room(room, request).or_else(|| unbookable(request)) {
            return refused(refusal);
        }
        let event = match request.operation {
            Operation::Reversal {
                original,
                remaining,
                insistence,
            } => match self.reversal(request, original.as_ref(), remaining, insistence, now)? {
                Ok(reversed) if self.adds_nothing(&reversed) => {
                    return Ok((None, reversed.answer));
                }
                Ok(reversed) => Event::Reversed(reversed),
                Err(refusal) => return refused(refusal),
            },
            Operation::DebitAdvice { original, approval } => {
                Event::Decided(self.debit_advice(request, original.as_ref(), approval)?)
            }
            Operation::CreditAdvice => Event::Decided(self.credit_advice(request)?),
            Operation::Purchase
            | Operation::Cash
            | Operation::Refund
            | Operation::PreAuthorization
            | Operation::Inquiry => Event::Decided(self.authorization(request, now)?),
        };
        let answer = match &event {
            Event::Decided(decided) => decided.answer,
            Event::Reversed(reversed) => reversed.answer,
            Event::CardIssued(_)
            | Event::CardCharged(_)
            | Event::StatusChanged { .. }
            | Event::TriesReset { .. }
            | Event::Forwarded { .. }
            | Event::HoldExpired { .. } => {
                Answer::dated(ResponseCode::SYSTEM_MALFUNCTION, request.settlement_date)
            }
        };
        // Made-up card numbers are free: remembered, they would take all room there is for keys.
        // Such a request is decided afresh when it is repeated.
        if touched_no_card(&event) {
            return Ok((None, answer));
        }
        let record = Record { at: now.at, event };
        self.apply(&record)?;
        Ok((Some(record), answer))
    }

    /// Lets go of what time has taken: keys past their window, and holds that ran out, with the
    /// records that say so. At most a thousand holds, for requests wait behind it; the rest goes
    /// next time.
    ///
    /// # Errors
    /// [`Inconsistent`] where the books contradict themselves.
    pub fn expire(&mut self, now: Now) -> Result<Vec<Record>, Inconsistent> {
        self.duplicates.forget_before(now.at);
        let mut expired = Vec::new();
        while let Some((until, key)) = self.holds_by_end.first().copied()
            && until <= now.at
            && expired.len() < EXPIRIES_MAX
        {
            let record = Record {
                at: now.at,
                event: Event::HoldExpired { key },
            };
            self.apply(&record)?;
            expired.push(record);
        }
        Ok(expired)
    }

    /// A repeat through another switch takes the right to reverse with it: it is that switch which
    /// knows from now on whether the answer was delivered (DE 33). But a first that comes after its
    /// repeat was held up on its way, and its switch has long given it up.
    fn forwarded(&mut self, request: &Request, now: Now) -> Result<Option<Record>, Inconsistent> {
        let key = request.keys.key;
        let moved = match self.duplicates.get(key).map(|entry| entry.outcome) {
            Some(Outcome::Answered(answered)) => {
                answered.standing != Effect::Nothing
                    && answered.forwarder != request.forwarder
                    && (answered.attempt, request.attempt) != (Attempt::Repeat, Attempt::First)
            }
            Some(Outcome::Tombstone | Outcome::Charged { .. }) | None => false,
        };
        if !moved {
            return Ok(None);
        }
        let (by, attempt) = (request.forwarder, request.attempt);
        let record = Record {
            at: now.at,
            event: Event::Forwarded { key, by, attempt },
        };
        self.apply(&record)?;
        Ok(Some(record))
    }

    fn no_room(&self, room: Room, request: &Request) -> Option<Refusal> {
        let purpose = match request.operation {
            Operation::Reversal { .. } => Purpose::Reversal,
            Operation::Purchase
            | Operation::Cash
            | Operation::Refund
            | Operation::PreAuthorization
            | Operation::Inquiry
            | Operation::DebitAdvice { .. }
            | Operation::CreditAdvice => Purpose::Request,
        };
        if (purpose, room) == (Purpose::Request, Room::ForReversals) {
            return Some(Refusal::NoRoomToRecord);
        }
        // A reversal books to its original's acquirer, who has an account.
        let new_account =
            purpose == Purpose::Request && !self.ledger.has_room_for(request.trace.acquirer);
        (self.duplicates.is_full(purpose) || new_account).then_some(Refusal::NoRoomToRemember)
    }

    fn authorization(&self, request: &Request, now: Now) -> Result<Decided, Inconsistent> {
        let index = self.named_card(request);
        let card = index.and_then(|index| self.card(index));
        let funds = index.map_or_else(Default::default, |index| self.ledger.funds(index));
        let decision = authorize::authorize(request, card, funds, &self.policy.rules, now)?;
        let (answer, effect) = match decision.outcome {
            Ok(approval) => (self.approved(request, approval), approval.effect),
            Err(refusal) => (refusal.answer(request.settlement_date), Effect::Nothing),
        };
        let hold_until =
            matches!(effect, Effect::Hold { .. }).then(|| now.at.after(self.policy.hold));
        Ok(Decided {
            hold_until,
            tries: decision.tries,
            ..decided(request, index, answer, effect)
        })
    }

    fn approved(&self, request: &Request, approval: Approval) -> Answer {
        Answer {
            approval: Some(ApprovalCode::nth(self.approvals)),
            settlement_date: request.settlement_date,
            balances: approval.balances,
            ..Answer::bare(ResponseCode::APPROVED)
        }
    }

    fn debit_advice(
        &self,
        request: &Request,
        original: Option<&Reference>,
        approval: Option<ApprovalCode>,
    ) -> Result<Decided, Inconsistent> {
        let index = self.named_card(request);
        let hold = index.and_then(|card| self.hold_of(request, card, original, approval));
        let held = hold.map_or(Minor::ZERO, |(_, hold)| hold.amount);
        let available = match index {
            Some(card) => self.ledger.funds(card).available()?.plus(held)?,
            None => Minor::ZERO,
        };
        let amount = request.amount.unwrap_or_default();
        let effect = authorize::debit_advice(amount, available)?;
        Ok(Decided {
            completes: hold.map(|(key, _)| key),
            ..decided(request, index, accepted(request), effect)
        })
    }

    fn credit_advice(&self, request: &Request) -> Result<Decided, Inconsistent> {
        let index = self.named_card(request);
        let amount = request.amount.unwrap_or_default();
        let effect = match index.and_then(|index| Some((self.card(index)?, index))) {
            Some((card, index)) => {
                let funds = self.ledger.funds(index);
                authorize::credit_advice(amount, card, funds, &self.policy.rules)?
            }
            None => Effect::Credit {
                card: Minor::ZERO,
                suspense: amount,
            },
        };
        Ok(decided(request, index, accepted(request), effect))
    }

    /// The hold that a completion means: by DE 90 as a reversal finds its original, else by the
    /// approval code of DE 38 among the holds of its card.
    fn hold_of(
        &self,
        request: &Request,
        card: CardIndex,
        original: Option<&Reference>,
        approval: Option<ApprovalCode>,
    ) -> Option<(Key, Hold)> {
        let of_card = |key: Key| {
            let hold = self.holds.get(&key)?;
            (hold.card == card).then_some((key, *hold))
        };
        let by_reference = original
            .map(|reference| reference.original(&request.trace))
            .filter(|trace| trace.class == Class::Authorization)
            .and_then(|trace| {
                let (key, hold) = self.find_hold(&trace)?;
                (hold.card == card).then_some((key, hold))
            });
        by_reference.or_else(|| {
            let held = &self.card(card)?.holds;
            held.iter()
                .copied()
                .filter_map(of_card)
                .find(|(_, hold)| approval.is_some() && hold.approval == approval)
        })
    }

    fn reversal(
        &self,
        request: &Request,
        reference: Option<&Reference>,
        remaining: Minor,
        insistence: Insistence,
        now: Now,
    ) -> Result<Result<Reversed, Refusal>, Inconsistent> {
        let originals = possible_originals(&request.trace, reference);
        let reversed = |card, original| {
            Ok(Ok(Reversed {
                trace: request.trace,
                forwarder: request.forwarder,
                keys: request.keys,
                card,
                answer: accepted(request),
                original,
            }))
        };
        let named = self.named_card(request);
        let found = originals
            .iter()
            .find_map(|trace| self.duplicates.find(trace.key(), trace.second_key()));
        if let Some(Entry { key, outcome, .. }) = found {
            let Outcome::Answered(answered) = outcome else {
                return reversed(named, undone(*key, Effect::Nothing));
            };
            if let Some(refusal) = contradiction(request, named, answered, insistence)? {
                return Ok(Err(refusal));
            }
            if !may_reverse(request, answered.forwarder) {
                return Ok(Err(Refusal::OtherForwarder));
            }
            let taken_back = reverse::undo(self.standing(*key, answered), remaining)?;
            return reversed(answered.card, undone(*key, taken_back));
        }
        // A hold may outlive the memory of the request that placed it.
        if let Some((key, hold)) = originals.iter().find_map(|trace| self.find_hold(trace)) {
            if other_card(request, named, Some(hold.card)) {
                return Ok(Err(Refusal::Format(2)));
            }
            if !may_reverse(request, hold.forwarder) {
                return Ok(Err(Refusal::OtherForwarder));
            }
            let standing = Effect::Hold {
                amount: hold.amount,
            };
            let taken_back = reverse::undo(standing, remaining)?;
            return reversed(Some(hold.card), undone(key, taken_back));
        }
        // A tombstone under a guess may lie under the wrong key, and 00 ends the repeats: the money
        // would be gone. Whoever sent this must say which original is meant.
        let Some(reference) = reference else {
            return Ok(Err(Refusal::Format(90)));
        };
        if self.is_forgotten(reference, now) {
            return Ok(Err(Refusal::OriginalTooOld));
        }
        let tombstones = originals.iter().map(|trace| Tombstone {
            key: trace.key(),
            second: trace.second_key(),
        });
        reversed(named, Original::NeverSeen(tombstones.collect()))
    }

    /// Would the original have left the memory by now, had it been there?
    fn is_forgotten(&self, reference: &Reference, now: Now) -> bool {
        let sent = reference
            .transmitted
            .and_then(|transmitted| now.at.nearest(transmitted));
        sent.is_some_and(|sent| sent.after(self.policy.limits.window) < now.at)
    }

    /// Is this a second reversal under a key that is taken, with nothing left for it to undo?
    fn adds_nothing(&self, reversed: &Reversed) -> bool {
        let Original::Undone {
            key,
            taken_back: Effect::Nothing,
        } = reversed.original
        else {
            return false;
        };
        let noted = match self.duplicates.get(key).map(|entry| entry.outcome) {
            Some(Outcome::Answered(original)) => original.reversed,
            Some(Outcome::Tombstone | Outcome::Charged { .. }) | None => true,
        };
        noted && self.duplicates.get(reversed.keys.key).is_some()
    }

    /// The hold under the key of its request, else under its second key.
    fn find_hold(&self, trace: &Trace) -> Option<(Key, Hold)> {
        let by_key = || self.holds.get_key_value(&trace.key());
        let by_second = || {
            let key = self.holds_by_second.get(&trace.second_key()?)?;
            self.holds.get_key_value(key)
        };
        by_key().or_else(by_second).map(|(key, hold)| (*key, *hold))
    }

    /// What of an original stands now: of a hold, what has not run out or been completed.
    fn standing(&self, key: Key, answered: &Answered) -> Effect {
        match answered.standing {
            Effect::Hold { .. } => match self.holds.get(&key) {
                Some(hold) => Effect::Hold {
                    amount: hold.amount,
                },
                None => Effect::Nothing,
            },
            effect @ (Effect::Nothing | Effect::Debit { .. } | Effect::Credit { .. }) => effect,
        }
    }

    fn named_card(&self, request: &Request) -> Option<CardIndex> {
        match request.card {
            CardNumber::Found(key) => self.index_of_pan(key),
            CardNumber::WrongCheckDigit(_) | CardNumber::Absent => None,
        }
    }
}

/// An advice is not declined, but what it tells must be such that it can be booked.
fn unbookable(request: &Request) -> Option<Refusal> {
    let advice = matches!(
        request.operation,
        Operation::DebitAdvice { .. } | Operation::CreditAdvice
    );
    match (advice, request.amount, request.currency) {
        (true, None, _) => Some(Refusal::Format(4)),
        (true, Some(_), currency) if currency != Some(Currency::KRW) => {
            Some(Refusal::OtherCurrency)
        }
        _ => None,
    }
}

fn touched_no_card(event: &Event) -> bool {
    matches!(
        event,
        Event::Decided(decided)
            if decided.card.is_none() && decided.answer.code != ResponseCode::APPROVED
    )
}

/// Where a reversal says of its original what is not so: another card, which no reversal may
/// touch; or, of a request that can be refused, another amount.
fn contradiction(
    request: &Request,
    named: Option<CardIndex>,
    original: &Answered,
    insistence: Insistence,
) -> Result<Option<Refusal>, Inconsistent> {
    if other_card(request, named, original.card) {
        return Ok(Some(Refusal::Format(2)));
    }
    let (Insistence::Request, Some(amount)) = (insistence, request.amount) else {
        return Ok(None);
    };
    let standing = match original.standing {
        Effect::Debit { card, suspense } | Effect::Credit { card, suspense } => {
            card.plus(suspense)?
        }
        Effect::Hold { amount } => amount,
        Effect::Nothing => return Ok(None),
    };
    Ok((!original.reversed && amount != standing).then_some(Refusal::OriginalAmount))
}

/// Only its acquirer, or the switch that forwarded it last, may have an original undone: of
/// another switch's doubt the acquirer has long had an answer.
fn may_reverse(request: &Request, last: Forwarder) -> bool {
    let switch = request.reversing_switch();
    switch.is_none_or(|switch| switch == last)
}

fn other_card(request: &Request, named: Option<CardIndex>, original: Option<CardIndex>) -> bool {
    request.card != CardNumber::Absent && named != original
}

const fn undone(key: Key, taken_back: Effect) -> Original {
    Original::Undone { key, taken_back }
}

const fn accepted(request: &Request) -> Answer {
    Answer {
        settlement_date: request.settlement_date,
        ..Answer::bare(ResponseCode::APPROVED)
    }
}

fn decided(request: &Request, card: Option<CardIndex>, answer: Answer, effect: Effect) -> Decided {
    Decided {
        trace: request.trace,
        forwarder: request.forwarder,
        attempt: request.attempt,
        keys: request.keys,
        card,
        processing_code: request.processing_code,
        amount: request.amount.unwrap_or_default(),
        answer,
        effect,
        hold_until: None,
        completes: None,
        tries: None,
    }
}

/// Holds let go before one group of requests: a few milliseconds' work.
pub(super) const EXPIRIES_MAX: usize = 1_000;
