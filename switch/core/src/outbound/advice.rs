//! Acquirers' advices and reversals: given to the issuer like a request, and kept for it where it
//! cannot be told now. The acquirer hears 00 then, once what is kept is durable: from there on it
//! is the switch that tells the issuer, however long that takes.
//!
//! What the issuer answers in time is the acquirer's answer, whatever it says; but that it cannot
//! just now (91, 96) is no answer to something that has happened. Without records nothing is
//! kept, and the acquirer hears 91 and tells it again.

use iso8583::Message;
use iso8583::element::ResponseCode;
use iso8583::session::Now;

use super::forward::{Letter, Origin, is_unable};
use super::{ForwardEvent, InFlight, Outbound, Output};
use crate::refusal::Refusal;
use crate::request::{Request, reference};
use crate::route::GroupId;

impl Outbound {
    /// Nothing was sent: kept for the issuer that is its first choice, or refused.
    pub(super) fn keep_or_refuse(&mut self, now: Now, requests: Vec<Request>, refusal: Refusal) {
        let first = requests.first();
        let group = first.and_then(|request| {
            // What the issuer's dialect cannot say now it cannot say later.
            let later = !matches!(refusal, Refusal::Format(_));
            let kept = later && !request.is_asked() && self.store.may_keep();
            request.choices.first().filter(|_| kept)
        });
        match group {
            Some(group) if let Some(refusal) = self.unnumbered(now, group, first) => {
                self.refuse_all(&requests, refusal);
            }
            Some(group) if first.is_some_and(|it| self.has_room(group, &it.message)) => {
                self.keep(now, requests, group, false);
            }
            Some(_) => self.refuse_all(&requests, Refusal::Overloaded),
            None => self.refuse_all(&requests, refusal),
        }
    }

    fn refuse_all(&mut self, requests: &[Request], refusal: Refusal) {
        for request in requests {
            self.refuse(request, refusal);
        }
    }

    fn has_room(&self, id: GroupId, message: &Message) -> bool {
        let letters = self.forward.places(id);
        let share = self.forward.share(id, message);
        let group = self.groups.get(&id);
        group.is_some_and(|group| group.has_place(letters) && share < group.share_max())
    }

    /// Keeps an advice or a reversal, of which these are the copies, for a group that may have been
    /// told of it.
    pub(super) fn keep(&mut self, now: Now, requests: Vec<Request>, group: GroupId, told: bool) {
        let answers = requests.iter().map(|it| Output::Answer(it.accept()));
        let then = answers.collect();
        let Some(mut request) = requests.into_iter().next() else {
            return;
        };
        self.close_originals(&request);
        self.remember_originals(now, &request, group);
        let answer = request.accept().message;
        self.count(now, &request, &answer, ResponseCode::APPROVED);
        self.number(now, group, &mut request);
        // What may not be kept goes.
        drop(request.take_message());
        let mut message = request.message;
        if told {
            message.set_mti(message.mti().repeat());
        }
        self.outputs.push_back(Output::Forward {
            group,
            event: ForwardEvent::AdviceKept,
            original: reference(&message),
        });
        let id = self.forward.push(Letter {
            origin: Origin::Acquirers,
            group,
            since: now.utc.as_second(),
            dead: false,
            message,
        });
        self.keep_letter(now, id, then);
    }

    /// Is a message of this key kept? Then it is answered as the first was, and once that was.
    pub(super) fn handle_kept(&mut self, request: &Request) -> bool {
        if request.is_asked() {
            return false;
        }
        let Some((id, message, durable)) = self.forward.kept(&request.key) else {
            return false;
        };
        if !request.same_content(message) {
            self.refuse(request, Refusal::Duplicate);
            return true;
        }
        let answer = Output::Answer(request.accept());
        if durable {
            self.outputs.push_back(answer);
        } else {
            // Where the records have failed, nobody is answered.
            self.store.also(id, answer);
        }
        true
    }

    /// Does something wait to be told of the same card, which this must not overtake?
    pub(super) fn must_wait(&self, request: &Request) -> bool {
        let kept = !request.is_asked() && self.store.may_keep();
        let first = request.choices.first().filter(|_| kept);
        first.is_some_and(|group| self.forward.is_before(group, &request.message))
    }

    /// A reversal that meets its original in flight closes it: should it still be approved, that is
    /// not delivered. That of one that was answered ends its answer.
    pub(super) fn close_originals(&mut self, request: &Request) {
        if !request.is_reversal() {
            return;
        }
        for key in request.originals().into_iter().flatten() {
            self.answered.forget(&key);
            if let Some(original) = self.with_key(&key)
                && let Some(original) = self.in_flight.get_mut(&original)
            {
                original.closed = true;
            }
        }
    }

    /// A reversal is in flight, or no more: an original that comes behind it is not given to the
    /// issuer, which may see it first.
    pub(super) fn reversing(&mut self, request: &Request, begins: bool) {
        if !request.is_reversal() {
            return;
        }
        for key in request.originals().into_iter().flatten() {
            let count = self.reversed.entry(key).or_default();
            if begins {
                *count += 1;
            } else {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.reversed.remove(&key);
                }
            }
        }
    }

    /// A repeat was at the issuer when its first was found to be undelivered: what is being
    /// reversed, or was, is not approved again.
    pub(super) fn taken_back(&self, in_flight: &InFlight, code: ResponseCode) -> Option<Refusal> {
        let request = &in_flight.request;
        if !(code.approves() && request.moves_money()) {
            None
        } else if self.forward.undoes(&request.key) {
            Some(Refusal::BeingReversed)
        } else {
            let undid = self.forward.undid(&request.key);
            undid.then_some(Refusal::Reversed)
        }
    }

    /// The issuer could not be told, or said that it cannot just now.
    pub(super) fn keep_told(&mut self, now: Now, in_flight: InFlight) {
        let group = in_flight.link.group;
        let requests = core::iter::once(*in_flight.request).chain(in_flight.repeats);
        self.keep(now, requests.collect(), group, true);
    }

    /// Is what is in flight to be kept, where the issuer answers so or not at all?
    pub(super) fn is_kept(&self, in_flight: &InFlight, code: Option<ResponseCode>) -> bool {
        let unable = code.is_none_or(is_unable);
        unable && !in_flight.request.is_asked() && self.store.may_keep()
    }
}
