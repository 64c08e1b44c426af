//! One issuer group: what is in flight to it, and what must be undone.
//!
//! ```text
//! handle_request ──▶ Send ──▶ answered ──▶ Answer (─▶ undeliverable ─▶ reversal 22)
//!        │             └────▶ timed out, link lost ──▶ Answer 91 and reversal 68
//!        └─ link down, table full, key in use ──▶ Answer 91 / 94, nothing sent
//! ```

mod reversal;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use iso8583::element::ResponseCode;
use iso8583::session::Now;
use iso8583::{FieldKey, Message};

use self::reversal::Reversals;
use crate::refusal::Refusal;
use crate::request::{Answer, Request, Undo, response_code};

/// Bounds and times of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundSettings {
    /// Requests in flight and reversals not yet acknowledged, together: a request is taken only
    /// if its reversal would have a place.
    pub transactions_max: usize,
    /// Repeats of one request that wait for its answer beside it.
    pub repeats_max: usize,
    /// Reversals under way to the issuer at a time.
    pub reversal_window: usize,
    /// How long after an unanswered reversal it is first repeated; doubled each time.
    pub reversal_retry: Duration,
    /// The longest time between two repeats.
    pub reversal_retry_max: Duration,
}

impl Default for OutboundSettings {
    fn default() -> Self {
        Self {
            transactions_max: 65_536,
            repeats_max: 8,
            reversal_window: 16,
            reversal_retry: Duration::from_secs(5),
            reversal_retry_max: Duration::from_secs(300),
        }
    }
}

/// Names what was sent, to the link and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    /// A request of an acquirer.
    Request(u64),
    /// A reversal of our own.
    Reversal(u64),
}

/// What the machine wants done, in order.
#[derive(Debug)]
pub enum Output {
    /// Send this to the issuer, and report with the token what came of it.
    Send {
        /// For the report.
        token: Token,
        /// A request, or a reversal.
        message: Message,
    },
    /// Deliver this to the acquirer.
    Answer(Answer),
    /// For the record: the switch itself answered.
    Refused(Refusal),
    /// For the record: a reversal was queued.
    ReversalQueued {
        /// DE 39.
        reason: ResponseCode,
        /// The original, in words and without its card.
        original: String,
    },
    /// For the record: a reversal was acknowledged.
    ReversalAcknowledged,
    /// For the record: a reversal was not acknowledged, and will be repeated.
    ReversalUnanswered {
        /// DE 39 of the issuer's answer; None where there was none.
        code: Option<ResponseCode>,
        /// The original, in words and without its card.
        original: String,
    },
}

/// The machine of one issuer group.
#[derive(Debug)]
pub struct Outbound {
    settings: OutboundSettings,
    link_up: bool,
    in_flight: HashMap<u64, InFlight>,
    /// The duplicate keys in flight.
    by_key: HashMap<FieldKey, u64>,
    next_token: u64,
    reversals: Reversals,
    outputs: VecDeque<Output>,
}

/// A request that was sent, and the repeats of it that came meanwhile.
#[derive(Debug)]
struct InFlight {
    request: Box<Request>,
    repeats: Vec<Request>,
}

impl Outbound {
    /// A machine whose link is down.
    #[must_use]
    pub fn new(settings: OutboundSettings) -> Self {
        Self {
            reversals: Reversals::new(&settings),
            settings,
            link_up: false,
            in_flight: HashMap::new(),
            by_key: HashMap::new(),
            next_token: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Requests sent and not answered.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Reversals not yet acknowledged.
    #[must_use]
    pub fn reversals(&self) -> usize {
        self.reversals.len()
    }

    /// The group's link came up or went down. What had been sent on a lost one is reported by
    /// [`Outbound::handle_lost`], one by one.
    pub fn handle_link(&mut self, now: Now, up: bool) {
        if up && !self.link_up {
            self.reversals.retry_now(now.instant);
        }
        self.link_up = up;
        self.send_reversals(now.instant);
    }

    /// An admitted and routed request.
    pub fn handle_request(&mut self, request: Box<Request>) {
        if let Some(first) = self.by_key.get(&request.key) {
            let first = *first;
            return self.handle_repeat(first, *request);
        }
        let refusal = if self.reversals.undoes(&request.key) {
            Refusal::BeingReversed
        } else if self.reversals.undid(&request.key) {
            Refusal::Reversed
        } else if !self.link_up {
            Refusal::IssuerDown
        } else if self.in_flight.len() + self.reversals.len() >= self.settings.transactions_max {
            Refusal::Overloaded
        } else {
            return self.send(request);
        };
        self.refuse(&request, refusal);
    }

    /// The link did not take what it was given to send: nothing went out.
    pub fn handle_unsent(&mut self, now: Now, token: Token, refusal: Refusal) {
        match token {
            Token::Request(id) => {
                if let Some(in_flight) = self.take(id) {
                    in_flight
                        .requests()
                        .for_each(|request| self.refuse(request, refusal));
                }
            }
            Token::Reversal(id) => self.reversals.unsent(now.instant, id),
        }
    }

    /// The issuer answered.
    pub fn handle_answer(&mut self, now: Now, token: Token, answer: Message) {
        let code = response_code(&answer);
        match token {
            Token::Request(id) => {
                let Some(in_flight) = self.take(id) else {
                    return;
                };
                match code {
                    Some(code) => self.deliver(in_flight, answer, code),
                    None => self.give_up(now, &in_flight, Refusal::InvalidResponse),
                }
            }
            Token::Reversal(id) => {
                let original = self.reversals.reference(id);
                let output = if self.reversals.answered(now.instant, id, code) {
                    Output::ReversalAcknowledged
                } else {
                    Output::ReversalUnanswered { code, original }
                };
                self.outputs.push_back(output);
                self.send_reversals(now.instant);
            }
        }
    }

    /// The issuer did not answer in time.
    pub fn handle_timed_out(&mut self, now: Now, token: Token) {
        self.handle_silence(now, token, Refusal::TimedOut);
    }

    /// The link broke after this was sent and before it was answered.
    pub fn handle_lost(&mut self, now: Now, token: Token) {
        self.handle_silence(now, token, Refusal::LinkLost);
    }

    /// An approval could not be handed to the acquirer's link: where no other copy of it was, it
    /// is undone.
    pub fn handle_undeliverable(&mut self, now: Now, undo: &Undo) {
        if undo.undelivered() {
            self.reverse(now, &undo.request, ResponseCode::SUSPECTED_MALFUNCTION);
        }
    }

    /// The reversals not yet acknowledged, each original in words and without its card.
    pub fn pending_reversals(&self) -> impl Iterator<Item = &str> {
        self.reversals.references()
    }

    /// The time asked for with [`Outbound::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Now) {
        self.send_reversals(now.instant);
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When a reversal is due to be repeated.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.link_up {
            self.reversals.due()
        } else {
            None
        }
    }

    fn send(&mut self, mut request: Box<Request>) {
        let id = self.next_token;
        self.next_token = id.wrapping_add(1);
        let message = request.message.clone();
        request.forget_sensitive();
        self.by_key.insert(request.key, id);
        self.in_flight.insert(
            id,
            InFlight {
                request,
                repeats: Vec::new(),
            },
        );
        self.outputs.push_back(Output::Send {
            token: Token::Request(id),
            message,
        });
    }

    /// The first is in flight: a true repeat shares its answer, another transaction is refused.
    fn handle_repeat(&mut self, first: u64, mut repeat: Request) {
        let refusal = match self.in_flight.get_mut(&first) {
            Some(first) if !first.request.same_content(&repeat) => Refusal::Duplicate,
            Some(first) if first.repeats.len() < self.settings.repeats_max => {
                repeat.forget_sensitive();
                first.repeats.push(repeat);
                return;
            }
            Some(_) | None => Refusal::Overloaded,
        };
        self.refuse(&repeat, refusal);
    }

    fn take(&mut self, id: u64) -> Option<InFlight> {
        let in_flight = self.in_flight.remove(&id)?;
        self.by_key.remove(&in_flight.request.key);
        Some(in_flight)
    }

    fn deliver(&mut self, in_flight: InFlight, issuers: Message, code: ResponseCode) {
        let InFlight {
            mut request,
            repeats,
        } = in_flight;
        let others: Vec<Answer> = repeats
            .iter()
            .map(|repeat| repeat.answer(issuers.clone()))
            .collect();
        // A reversal of an answered original names its approval code.
        request.message.copy(38, &issuers);
        let answer = request.answer(issuers);
        let undo = (code.approves() && request.moves_money())
            .then(|| Undo::new(*request, others.len() + 1));
        for mut answer in others.into_iter().chain([answer]) {
            answer.undo.clone_from(&undo);
            self.outputs.push_back(Output::Answer(answer));
        }
    }

    fn handle_silence(&mut self, now: Now, token: Token, refusal: Refusal) {
        match token {
            Token::Request(id) => {
                if let Some(in_flight) = self.take(id) {
                    self.give_up(now, &in_flight, refusal);
                }
            }
            Token::Reversal(id) => {
                self.reversals.unanswered(now.instant, id);
                let original = self.reversals.reference(id);
                self.outputs.push_back(Output::ReversalUnanswered {
                    code: None,
                    original,
                });
                self.send_reversals(now.instant);
            }
        }
    }

    /// What the issuer did is not known: the acquirer hears that, and the issuer is told to undo.
    fn give_up(&mut self, now: Now, in_flight: &InFlight, refusal: Refusal) {
        if in_flight.request.moves_money() {
            self.reverse(now, &in_flight.request, ResponseCode::RESPONSE_TOO_LATE);
        }
        in_flight
            .requests()
            .for_each(|request| self.refuse(request, refusal));
    }

    fn reverse(&mut self, now: Now, request: &Request, reason: ResponseCode) {
        self.reversals.push(now, request, reason);
        let original = request.reference();
        self.outputs
            .push_back(Output::ReversalQueued { reason, original });
        self.send_reversals(now.instant);
    }

    fn send_reversals(&mut self, now: Instant) {
        while self.link_up
            && let Some((id, message)) = self.reversals.next_to_send(now)
        {
            self.outputs.push_back(Output::Send {
                token: Token::Reversal(id),
                message,
            });
        }
    }

    fn refuse(&mut self, request: &Request, refusal: Refusal) {
        self.outputs.push_back(Output::Refused(refusal));
        self.outputs
            .push_back(Output::Answer(request.refuse(refusal)));
    }
}

impl InFlight {
    fn requests(&self) -> impl Iterator<Item = &Request> {
        core::iter::once(&*self.request).chain(&self.repeats)
    }
}

#[cfg(test)]
mod tests;
