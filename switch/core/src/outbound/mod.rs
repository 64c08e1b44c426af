//! The issuer groups of one pool: what is in flight to them, and what must be undone.
//!
//! ```text
//! handle_request ──▶ Send ──▶ answered ──▶ Answer (─▶ undeliverable ─▶ reversal 22)
//!        │            │ └───▶ timed out, link lost ──▶ Answer 91 and reversal 68
//!        │            └─ not taken ──▶ Send on the next link, of the next group
//!        └─ no link up, no room, key in use ──▶ Answer 91 / 94, nothing sent
//! ```
//!
//! A request goes on as long as nothing of it was sent: from link to link of its first group, by
//! the group's [`Balance`], then to the next group. Handed to a link, it never goes elsewhere, and
//! neither do its repeats, its reversal and its completion: they go to the group that was given
//! it, on any of its links.
//!
//! What an issuer must be told, our reversals and acquirers' advices that it could not be given, is
//! stored and forwarded until it acknowledges ([`ForwardSettings`]).
//!
//! A link that hardly answers is rested ([`HealthSettings`]). While all links of a group are, it
//! is given nothing that asks: 91 or the next group, at once, for nothing was sent. That holds for
//! repeats as well, but of the next group: unanswered they would be reversed, though their first
//! may have been approved. What it must be told is told nevertheless, and is what tries its links.

mod advice;
mod answered;
mod forward;
mod group;
mod health;
mod numbers;
mod pace;
mod place;
mod reckon;
mod reversal;
mod store;
mod whereabouts;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Weak;
use std::time::{Duration, Instant};

use iso8583::element::ResponseCode;
use iso8583::session::Now;
use iso8583::{FieldKey, KeyIndex, KeyMap, Message};

pub(crate) use self::forward::{Letter, Origin};
pub(crate) use self::reversal::OF_THE_ORIGINAL;

pub use self::answered::AnsweredSettings;
pub use self::forward::{DeadLetter, ForwardSettings};
pub use self::group::{Balance, GroupSettings, LinkId};
pub use self::health::{Cause, Counts, Grade, HealthSettings, Turn};
pub use self::numbers::NumberSettings;
pub use self::whereabouts::MemorySettings;

use self::answered::Answered;
use self::forward::{Forward, Told};
use self::group::{Group, Tried};
use self::health::Outcome;
use self::numbers::Numbers;
use self::store::Store;
use self::whereabouts::Whereabouts;
use crate::reconcile::{Book, TotalsSettings};
use crate::refusal::Refusal;
use crate::request::{Answer, Request, Undo, response_code};
use crate::route::GroupId;

/// Bounds of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundSettings {
    /// Repeats of one request that wait for its answer beside it.
    pub repeats_max: usize,
    /// How long after its admission a request may still be sent.
    pub queue_age_max: Duration,
    /// What is kept in mind of answered requests.
    pub memory: MemorySettings,
    /// What is kept of answers, for repeats.
    pub answered: AnsweredSettings,
    /// How long and how much is counted for reconciliation.
    pub totals: TotalsSettings,
}

impl Default for OutboundSettings {
    fn default() -> Self {
        Self {
            repeats_max: 8,
            queue_age_max: Duration::from_secs(5),
            memory: MemorySettings::default(),
            answered: AnsweredSettings::default(),
            totals: TotalsSettings::default(),
        }
    }
}

/// Names what was sent, to the link and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    /// A request of an acquirer.
    Request(u64),
    /// Something stored and forwarded: a reversal of our own, or an advice that was kept.
    Letter(u64),
}

/// What the machine wants done, in order.
#[derive(Debug)]
pub enum Output {
    /// Send this to the issuer, and report with the token what came of it.
    Send {
        /// Where.
        link: LinkId,
        /// For the report.
        token: Token,
        /// A request, or a reversal.
        message: Message,
    },
    /// Deliver this to the acquirer.
    Answer(Answer),
    /// For the record: the switch itself answered.
    Refused(Refusal),
    /// For the record: a request was sent to another group than its first choice.
    FailedOver(GroupId),
    /// For the record: a link is rested or whole again.
    LinkHealth {
        /// Which.
        link: LinkId,
        /// What and why.
        turn: Turn,
    },
    /// For the record: what became of something an issuer must be told.
    Forward {
        /// Who has to acknowledge it.
        group: GroupId,
        /// What became of it.
        event: ForwardEvent,
        /// What it is about, in words and without its card.
        original: String,
    },
}

/// What became of something an issuer must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardEvent {
    /// A reversal was queued, with this DE 39.
    ReversalQueued(ResponseCode),
    /// An acquirer's advice or reversal is kept.
    AdviceKept,
    /// The issuer acknowledged it.
    Acknowledged,
    /// It was not acknowledged, and is repeated; DE 39 of the issuer's answer, where there was one.
    Unanswered(Option<ResponseCode>),
    /// It was not, and is not repeated unless an operator says so.
    Dead(Option<ResponseCode>),
}

/// The machine of the groups of one pool.
#[derive(Debug)]
pub struct Outbound {
    repeats_max: usize,
    queue_age_max: Duration,
    groups: BTreeMap<GroupId, Group>,
    in_flight: HashMap<u64, InFlight, foldhash::fast::RandomState>,
    /// The duplicate keys in flight, to whichever group.
    by_key: KeyIndex<u64>,
    /// How many reversals in flight each original has.
    reversed: KeyMap<usize>,
    next_token: u64,
    forward: Forward,
    /// Approvals on their way to acquirers, by the keys of their requests, and perhaps some whose
    /// ways have ended.
    undos: KeyIndex<Weak<Undo>>,
    undos_swept_above: usize,
    answered: Answered,
    whereabouts: Whereabouts,
    numbers: Numbers,
    store: Store,
    book: Book,
    outputs: VecDeque<Output>,
}

/// How many entries of approvals there may be before those that ended are looked for.
const UNDOS_SWEPT_ABOVE: usize = 1_024;

/// A request that was sent, and the repeats of it that came meanwhile.
#[derive(Debug)]
struct InFlight {
    request: Box<Request>,
    link: LinkId,
    /// When the link was given it.
    sent: Instant,
    /// Links of the present group that did not take it.
    tried: Tried,
    repeats: Vec<Request>,
    /// Its acquirer has reversed it meanwhile: an approval is not delivered.
    closed: bool,
}

impl Outbound {
    /// A machine whose links are all down.
    #[must_use]
    pub fn new(settings: OutboundSettings, groups: &[(GroupId, GroupSettings)]) -> Self {
        let each = || groups.iter().map(|(id, settings)| (*id, settings));
        Self {
            repeats_max: settings.repeats_max,
            queue_age_max: settings.queue_age_max,
            groups: each()
                .map(|(id, settings)| (id, Group::new(settings)))
                .collect(),
            in_flight: HashMap::default(),
            by_key: KeyIndex::default(),
            reversed: KeyMap::default(),
            next_token: 0,
            forward: Forward::new(each()),
            undos: KeyIndex::default(),
            undos_swept_above: UNDOS_SWEPT_ABOVE,
            answered: Answered::new(settings.answered),
            whereabouts: Whereabouts::new(settings.memory),
            numbers: Numbers::new(each()),
            store: Store::default(),
            book: Book::new(settings.totals),
            outputs: VecDeque::new(),
        }
    }

    /// Requests sent to a group and not answered.
    #[must_use]
    pub fn in_flight(&self, group: GroupId) -> usize {
        self.groups.get(&group).map_or(0, Group::in_flight)
    }

    /// Reversals and kept advices that a group has not yet acknowledged, without the dead letters.
    #[must_use]
    pub fn letters(&self, group: GroupId) -> usize {
        self.forward.count(group)
    }

    /// Dead letters of a group: what it did not accept, and nobody tells it again.
    #[must_use]
    pub fn dead(&self, group: GroupId) -> usize {
        self.forward.dead(group)
    }

    /// All dead letters.
    pub fn dead_letters(&self) -> impl Iterator<Item = DeadLetter> {
        self.forward.dead_letters()
    }

    /// An operator has a dead letter told again; false where there is none of this id.
    pub fn retry_dead(&mut self, now: Now, id: u64) -> bool {
        let found = self.forward.revive(now, id);
        if found {
            self.keep_letter(now, id, Vec::new());
        }
        found
    }

    /// An operator drops a dead letter: the issuer is never told; false where there is none of
    /// this id.
    pub fn drop_dead(&mut self, now: Now, id: u64) -> bool {
        let found = self.forward.give_up(now.instant, id);
        if found {
            self.store.settled(id);
        }
        found
    }

    /// Requests kept in mind that went to another group than their first choice.
    #[must_use]
    pub fn failed_over(&self) -> usize {
        self.whereabouts.elsewhere()
    }

    /// How many requests that went to their first choice were forgotten before their time.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.whereabouts.forgotten()
    }

    /// A link came up or went down. What had been sent on a lost one is reported by
    /// [`Outbound::handle_lost`], one by one.
    pub fn handle_link(&mut self, now: Now, link: LinkId, up: bool) {
        if let Some(group) = self.groups.get_mut(&link.group) {
            let was_up = group.is_up();
            group.set_up(link.place, up);
            if up && !was_up {
                self.forward.retry_now(now.instant, link.group);
            }
        }
        self.send_letters(now.instant);
    }

    /// An admitted and routed request.
    pub fn handle_request(&mut self, now: Now, mut request: Box<Request>) {
        if let Some(first) = self.with_key(&request.key) {
            return self.handle_repeat(first, *request);
        }
        if self.handle_kept(&request) {
            return;
        }
        if self.forward.undoes(&request.key) || self.reversed.contains_key(&request.key) {
            return self.refuse(&request, Refusal::BeingReversed);
        }
        if self.forward.undid(&request.key) {
            return self.refuse(&request, Refusal::Reversed);
        }
        if self.answer_again(now.instant, &request) {
            return;
        }
        let waited = now.instant.saturating_duration_since(request.admitted);
        if waited > self.queue_age_max && request.is_asked() {
            return self.refuse(&request, Refusal::QueuedTooLong);
        }
        if !self.store.is_open() && request.moves_money() {
            return self.refuse(&request, Refusal::JournalFailed);
        }
        self.bind(&mut request);
        self.wake(now.instant);
        let groups = request.choices.iter();
        let place = if self.must_wait(&request) {
            Err(Refusal::IssuerDown)
        } else {
            self.place(now, &request, groups, Tried::default(), Refusal::IssuerDown)
        };
        match place {
            Ok(link) => self.send(now, request, link),
            Err(refusal) => self.keep_or_refuse(now, vec![*request], refusal),
        }
    }

    /// The link did not take what it was given to send, which comes back with this: nothing went
    /// out, so that another may be given it.
    pub fn handle_unsent(&mut self, now: Now, token: Token, message: Message, refusal: Refusal) {
        self.took_back(token);
        match token {
            Token::Request(id) => self.handle_request_unsent(now, id, message, refusal),
            Token::Letter(id) if matches!(refusal, Refusal::Format(_)) => {
                self.forward.never(id);
                self.handle_unanswered(now, id);
            }
            Token::Letter(id) => self.forward.unsent(now.instant, id),
        }
    }

    /// The issuer answered.
    pub fn handle_answer(&mut self, now: Now, token: Token, mut answer: Message) {
        let code = response_code(&answer);
        match token {
            Token::Request(id) => {
                let outcome = code.map_or(Outcome::Unanswered, |_| Outcome::Answered);
                let Some(in_flight) = self.take_sent(now, id, outcome) else {
                    return;
                };
                self.numbers.receive(&in_flight, &mut answer);
                if let Some(group) = self.groups.get_mut(&in_flight.link.group) {
                    let admitted = in_flight.request.admitted;
                    let waited = now.instant.saturating_duration_since(admitted);
                    group.answered(now.instant, waited);
                }
                self.conclude(now, in_flight, answer, code);
                self.store.closed(id);
            }
            Token::Letter(id) => self.handle_told(now, id, code),
        }
    }

    fn conclude(
        &mut self,
        now: Now,
        in_flight: InFlight,
        answer: Message,
        code: Option<ResponseCode>,
    ) {
        let usable = code.filter(|_| in_flight.request.is_of_its_card(&answer));
        let Some(code) = usable else {
            return self.give_up(now, in_flight, Refusal::InvalidResponse);
        };
        if self.is_kept(&in_flight, Some(code)) {
            self.keep_told(now, in_flight);
        } else if let Some(refusal) = self.taken_back(&in_flight, code) {
            in_flight
                .requests()
                .for_each(|request| self.refuse(request, refusal));
        } else if in_flight.closed && code.approves() && in_flight.request.moves_money() {
            let reason = ResponseCode::SUSPECTED_MALFUNCTION;
            self.undo_in_flight(now, &in_flight, Refusal::BeingReversed, reason);
        } else {
            self.deliver(now, in_flight, answer, code);
        }
    }

    /// A group was told something; DE 39 of its answer, where there was one.
    fn handle_told(&mut self, now: Now, id: u64, code: Option<ResponseCode>) {
        let Some((group, original)) = self.forward.reference(id) else {
            return self.took_back(Token::Letter(id));
        };
        self.note_trial(now.instant, group, Token::Letter(id), Outcome::Answered);
        let told = self.forward.answered(now, id, code);
        let event = match told {
            Told::Accepted => ForwardEvent::Acknowledged,
            Told::Again => ForwardEvent::Unanswered(code),
            Told::Dead => ForwardEvent::Dead(code),
        };
        match told {
            Told::Accepted => self.store.settled(id),
            Told::Dead => self.record_letter(id),
            Told::Again => {}
        }
        self.outputs.push_back(Output::Forward {
            group,
            event,
            original,
        });
        self.send_letters(now.instant);
    }

    /// The issuer did not answer in time.
    pub fn handle_timed_out(&mut self, now: Now, token: Token) {
        if let Token::Request(id) = token
            && let Some(in_flight) = self.in_flight.get(&id)
            && let Some(group) = self.groups.get_mut(&in_flight.link.group)
        {
            group.timed_out(now.instant);
        }
        self.handle_silence(now, token, Refusal::TimedOut, Outcome::Unanswered);
    }

    /// The link broke after this was sent and before it was answered.
    pub fn handle_lost(&mut self, now: Now, token: Token) {
        self.handle_silence(now, token, Refusal::LinkLost, Outcome::Lost);
    }

    /// An approval could not be handed to the acquirer's link: where no other copy of it was, it
    /// is undone.
    pub fn handle_undeliverable(&mut self, now: Now, undo: &Undo) {
        if undo.undelivered() {
            let reason = ResponseCode::SUSPECTED_MALFUNCTION;
            self.reverse(now, &undo.request.message, undo.group, reason, Vec::new());
        }
    }

    /// The reversals and kept advices not yet acknowledged: who has to, and what each is about, in
    /// words and without its card.
    pub fn pending_letters(&self) -> impl Iterator<Item = (GroupId, &str)> {
        self.forward.references()
    }

    /// The time asked for with [`Outbound::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Now) {
        self.send_letters(now.instant);
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Is something to be done or written?
    #[must_use]
    pub fn has_output(&self) -> bool {
        !(self.outputs.is_empty() && self.records().is_empty())
    }

    /// When a reversal or a kept advice is due to be repeated, or to try a link with.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let up = self.groups.iter().filter(|(_, group)| group.is_up());
        let due = up.flat_map(|(id, group)| {
            let pending = self.forward.count(*id) > 0;
            let trial = group.wakes_at().filter(|_| pending);
            [self.forward.due(*id), trial]
        });
        due.flatten().min()
    }

    /// What of a key is in flight.
    pub(super) fn with_key(&self, key: &FieldKey) -> Option<u64> {
        let is = |id: &u64| {
            let in_flight = self.in_flight.get(id);
            in_flight.is_some_and(|in_flight| in_flight.request.key == *key)
        };
        self.by_key.find(key, is).copied()
    }

    fn send(&mut self, now: Now, mut request: Box<Request>, link: LinkId) {
        let id = self.next_token;
        self.next_token = id.wrapping_add(1);
        let message = self.numbered(now, link.group, &mut request);
        self.by_key.insert(&request.key, id);
        self.close_originals(&request);
        let elsewhere = self.enter(now, &request, link, id);
        if request.moves_money() {
            self.store.sent(id, link.group, &request.message);
        }
        self.in_flight.insert(
            id,
            InFlight {
                request,
                link,
                sent: now.instant,
                tried: Tried::default(),
                repeats: Vec::new(),
                closed: false,
            },
        );
        self.put_out(now, Token::Request(id), link, message, elsewhere);
    }

    fn put_out(&mut self, now: Now, token: Token, link: LinkId, message: Message, elsewhere: bool) {
        if elsewhere {
            return self.send_elsewhere(now, link, token, message);
        }
        self.outputs.push_back(Output::Send {
            link,
            token,
            message,
        });
    }

    /// A request is in flight on a link. Did it go to another group than its first choice?
    fn enter(&mut self, now: Now, request: &Request, link: LinkId, id: u64) -> bool {
        if let Some(group) = self.groups.get_mut(&link.group) {
            group.enter(link.place);
            group.gave(now.instant, link.place, Token::Request(id));
        }
        let elsewhere = request.choices.first() != Some(link.group) && request.is_remembered();
        if elsewhere {
            self.whereabouts
                .went_elsewhere(now, request.key, link.group);
            self.store.elsewhere(now, &request.key, link.group);
        }
        self.remember_originals(now, request, link.group);
        self.reversing(request, true);
        elsewhere
    }

    /// An original that comes after its reversal must meet it.
    fn remember_originals(&mut self, now: Now, request: &Request, group: GroupId) {
        if self.groups.len() > 1 && request.is_reversal() {
            for original in request.originals().into_iter().flatten() {
                self.whereabouts.went(now, original, group);
            }
        }
    }

    fn handle_request_unsent(&mut self, now: Now, id: u64, unsent: Message, refusal: Refusal) {
        let Some(mut in_flight) = self.take(id) else {
            return;
        };
        let (choices, left) = (in_flight.request.choices, in_flight.link);
        let next = match refusal {
            // The link's own reasons; any other would be every link's.
            Refusal::IssuerDown | Refusal::Overloaded => {
                in_flight.tried.add(left.place);
                let groups = choices.iter().skip_while(|group| *group != left.group);
                self.place(now, &in_flight.request, groups, in_flight.tried, refusal)
            }
            Refusal::Format(_)
            | Refusal::UnsupportedMessage
            | Refusal::AcquirerNotAllowed
            | Refusal::NoSuchIssuer
            | Refusal::NoRoute
            | Refusal::IssuerResting
            | Refusal::NumbersFull
            | Refusal::RateExceeded
            | Refusal::QueuedTooLong
            | Refusal::FailoverFull
            | Refusal::TimedOut
            | Refusal::LinkLost
            | Refusal::InvalidResponse
            | Refusal::Duplicate
            | Refusal::BeingReversed
            | Refusal::Reversed
            | Refusal::JournalFailed
            | Refusal::SignedOff
            | Refusal::Stopping => Err(refusal),
        };
        match next {
            Ok(link) => {
                if link.group != left.group {
                    in_flight.tried = Tried::default();
                }
                (in_flight.link, in_flight.sent) = (link, now.instant);
                let request = &mut in_flight.request;
                let message = self.numbered_again(now, (left.group, link.group), unsent, request);
                if in_flight.request.moves_money() {
                    self.store.sent(id, link.group, &in_flight.request.message);
                }
                let elsewhere = self.enter(now, &in_flight.request, link, id);
                self.by_key.insert(&in_flight.request.key, id);
                self.in_flight.insert(id, in_flight);
                self.put_out(now, Token::Request(id), link, message, elsewhere);
            }
            Err(refusal) => {
                if choices.first() != Some(left.group) {
                    self.whereabouts.did_not_go(&in_flight.request.key);
                    self.store.came_back(&in_flight.request.key);
                }
                self.store.closed(id);
                let requests = core::iter::once(*in_flight.request).chain(in_flight.repeats);
                self.keep_or_refuse(now, requests.collect(), refusal);
            }
        }
    }

    /// The first is in flight: a true repeat shares its answer, another transaction is refused.
    fn handle_repeat(&mut self, first: u64, mut repeat: Request) {
        let refusal = match self.in_flight.get_mut(&first) {
            Some(first) if !first.request.same_content(&repeat.message) => Refusal::Duplicate,
            Some(first) if first.repeats.len() < self.repeats_max => {
                drop(repeat.take_message());
                first.repeats.push(repeat);
                return;
            }
            Some(_) | None => Refusal::Overloaded,
        };
        self.refuse(&repeat, refusal);
    }

    fn take(&mut self, id: u64) -> Option<InFlight> {
        let in_flight = self.in_flight.remove(&id)?;
        self.by_key
            .take(&in_flight.request.key, |other| *other == id);
        if let Some(group) = self.groups.get_mut(&in_flight.link.group) {
            group.leave(in_flight.link.place);
        }
        self.reversing(&in_flight.request, false);
        Some(in_flight)
    }

    /// What was sent, and is in flight no more.
    fn take_sent(&mut self, now: Now, id: u64, outcome: Outcome) -> Option<InFlight> {
        let in_flight = self.take(id)?;
        let given = (Token::Request(id), in_flight.sent);
        self.note_outcome(now.instant, in_flight.link, given, outcome);
        let (request, group) = (&in_flight.request, in_flight.link.group);
        if request.choices.first() != Some(group) {
            self.outputs.push_back(Output::FailedOver(group));
        } else if self.groups.len() > 1 && request.is_remembered() {
            self.whereabouts.went(now, request.key, group);
        }
        Some(in_flight)
    }

    fn deliver(&mut self, now: Now, in_flight: InFlight, issuers: Message, code: ResponseCode) {
        let InFlight {
            mut request,
            link,
            repeats,
            ..
        } = in_flight;
        // What was handed over before stands, whatever becomes of one more copy.
        let stands = self.was_told(&request) && self.on_its_way(&request.key).is_none();
        self.count(now, &request, &issuers, code);
        let others: Vec<Answer> = repeats
            .iter()
            .map(|repeat| repeat.answer(issuers.clone()))
            .collect();
        // A reversal of an answered original names its approval code.
        request.message.copy(38, &issuers);
        let answer = request.answer(issuers);
        self.keep_answer(now.instant, &request, &answer.message, code);
        let undo = (code.approves() && request.moves_money() && !stands)
            .then(|| self.undo(request, link.group, others.len() + 1));
        for mut answer in others.into_iter().chain([answer]) {
            answer.undo.clone_from(&undo);
            self.outputs.push_back(Output::Answer(answer));
        }
    }

    fn handle_silence(&mut self, now: Now, token: Token, refusal: Refusal, outcome: Outcome) {
        match token {
            Token::Request(id) => {
                if let Some(in_flight) = self.take_sent(now, id, outcome) {
                    self.give_up(now, in_flight, refusal);
                    self.store.closed(id);
                }
            }
            Token::Letter(id) => {
                if let Some(group) = self.forward.letter(id).map(|letter| letter.group) {
                    self.note_trial(now.instant, group, token, outcome);
                }
                self.handle_unanswered(now, id);
            }
        }
    }

    fn handle_unanswered(&mut self, now: Now, id: u64) {
        if let Some((group, original)) = self.forward.reference(id) {
            let event = match self.forward.unanswered(now, id) {
                Told::Dead => {
                    self.record_letter(id);
                    ForwardEvent::Dead(None)
                }
                Told::Again | Told::Accepted => ForwardEvent::Unanswered(None),
            };
            self.outputs.push_back(Output::Forward {
                group,
                event,
                original,
            });
        }
        self.send_letters(now.instant);
    }

    /// What the issuer did is not known. It is told to undo it, and the acquirer hears of it once
    /// this cannot be lost any more; or it is told the same again.
    fn give_up(&mut self, now: Now, in_flight: InFlight, refusal: Refusal) {
        if self.is_kept(&in_flight, None) {
            self.keep_told(now, in_flight);
        } else if in_flight.request.moves_money() {
            let reason = ResponseCode::RESPONSE_TOO_LATE;
            self.undo_in_flight(now, &in_flight, refusal, reason);
        } else {
            in_flight
                .requests()
                .for_each(|request| self.refuse(request, refusal));
        }
    }

    fn undo_in_flight(
        &mut self,
        now: Now,
        in_flight: &InFlight,
        refusal: Refusal,
        reason: ResponseCode,
    ) {
        let refused = in_flight.requests().flat_map(|request| {
            let answer = request.refuse(refusal);
            [Output::Refused(refusal), Output::Answer(answer)]
        });
        let (original, group) = (&in_flight.request.message, in_flight.link.group);
        self.reverse(now, original, group, reason, refused.collect());
    }

    fn send_letters(&mut self, now: Instant) {
        for (id, group) in &mut self.groups {
            if group.wake(now) {
                self.forward.retry_now(now, *id);
            }
            // A group that is up has a link to choose: what is taken to be sent is sent.
            while group.is_up()
                && let Some((letter, mut message)) = self.forward.next_to_send(now, *id)
                && let Some(place) = group.choose_for_reversal()
            {
                group.gave(now, place, Token::Letter(letter));
                self.numbers.send(*id, &mut message);
                self.outputs.push_back(Output::Send {
                    link: LinkId { group: *id, place },
                    token: Token::Letter(letter),
                    message,
                });
            }
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
pub(crate) mod tests;
