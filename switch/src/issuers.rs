//! Issuers: a task a pool of groups, which owns their links and their [`Outbound`] machine.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use iso8583::Message;
use iso8583::session::{Now, Refused};
use iso8583_link::{Event, RequestRefused};
use switch_core::{
    Answer, ConnectionId, DeadLetter, ForwardEvent, GroupId, LinkId, Outbound, Output, PoolId,
    Refusal, Token, Turn,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::config::CheckedGroup;
use crate::dead_letters::{Ask, Listed, Order};
use crate::directory::{Delivery, Directory, ToPool, Waiting};
use crate::journal::Keeper;
use crate::members::Member;
use crate::metrics::{IssuerMetrics, MemberMetrics, PoolMetrics, level};

/// Issuer groups that may be given the same requests, and all their links.
#[derive(Debug)]
pub(crate) struct Pool {
    id: PoolId,
    groups: BTreeMap<GroupId, Issuer>,
    members: Vec<Member>,
    drain_timeout: Duration,
    outbound: Outbound,
    keeper: Option<Keeper>,
    /// What no link took of this batch.
    unsent: Vec<(Token, Message, Refusal)>,
    queue: Waiting,
    directory: Arc<Directory>,
    metrics: PoolMetrics,
    /// What happened on one member, while it is handled.
    events: Vec<Event<Token>>,
    /// Answers of this batch, by connection.
    deliveries: HashMap<ConnectionId, Vec<Answer>, foldhash::fast::RandomState>,
}

/// One group, to people.
#[derive(Debug)]
struct Issuer {
    name: String,
    metrics: IssuerMetrics,
}

/// Where in its end a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    No,
    /// Until then, what is in flight may be answered.
    Draining(Instant),
    /// Until then, the sign-offs may be answered.
    SignedOff(Instant),
}

impl Leaving {
    const fn until(self) -> Option<Instant> {
        match self {
            Self::No => None,
            Self::Draining(until) | Self::SignedOff(until) => Some(until),
        }
    }

    fn is_over(self) -> bool {
        matches!(self, Self::SignedOff(until) if until <= iso8583_link::now().instant)
    }
}

/// Room for answers to one connection, for a start.
const ANSWERS: usize = 16;
/// How long a leaving pool waits for its sign-offs to be answered.
const SIGN_OFF_TIME: Duration = Duration::from_secs(2);

impl Pool {
    pub(crate) fn new(
        id: PoolId,
        groups: &[(GroupId, &CheckedGroup)],
        (outbound, keeper): (Outbound, Option<Keeper>),
        drain_timeout: Duration,
        queue: Waiting,
        directory: Arc<Directory>,
    ) -> Self {
        let issuers = groups.iter().map(|(id, group)| {
            let issuer = Issuer {
                name: group.name.clone(),
                metrics: IssuerMetrics::new(&group.name),
            };
            (*id, issuer)
        });
        let first = groups.first().map_or("", |(_, group)| &group.name);
        Self {
            id,
            groups: issuers.collect(),
            members: groups
                .iter()
                .flat_map(|(id, group)| members(*id, group))
                .collect(),
            drain_timeout,
            outbound,
            keeper,
            unsent: Vec::new(),
            queue,
            directory,
            metrics: PoolMetrics::new(first),
            events: Vec::new(),
            deliveries: HashMap::default(),
        }
    }

    /// Serves until `leave`: then what is in flight or to be reversed is finished, for as long as
    /// the drain time lasts, and the links sign off.
    pub(crate) async fn run(mut self, leave: CancellationToken) {
        let mut batches = Vec::new();
        let mut leaving = Leaving::No;
        loop {
            self.pump();
            leaving = self.leave(leaving);
            let connected = self.members.iter().any(Member::is_connected);
            if leaving.is_over() || leaving != Leaving::No && !connected {
                break;
            }
            let wake = [self.outbound.poll_timeout(), leaving.until()]
                .into_iter()
                .flatten()
                .min();
            tokio::select! {
                () = Member::next(&mut self.members) => self.handle_members(leaving),
                () = self.queue.next(&mut batches), if leaving == Leaving::No => {
                    self.take(&mut batches);
                }
                () = changed(self.keeper.as_ref()) => self.report(),
                () = sleep_until(wake) => self.outbound.handle_timeout(iso8583_link::now()),
                () = leave.cancelled(), if leaving == Leaving::No => {
                    self.take_rest();
                    leaving = Leaving::Draining(iso8583_link::now().instant + self.drain_timeout);
                }
            }
        }
        for place in 0..self.members.len() {
            self.close(place, leaving);
        }
        self.pump();
        for (group, original) in self.outbound.pending_letters() {
            let issuer = name(&self.groups, group);
            warn!(
                issuer,
                original, "stopped with what the issuer has not acknowledged"
            );
        }
        if let Some(keeper) = self.keeper.take() {
            keeper.close(iso8583_link::now(), &mut self.outbound);
        }
    }

    /// Drained, or out of time: signs off once. A group without a connection has nothing left
    /// that could still be finished.
    fn leave(&mut self, leaving: Leaving) -> Leaving {
        let now = iso8583_link::now().instant;
        match leaving {
            Leaving::Draining(until) if until <= now || self.is_drained() => {
                self.members.iter_mut().for_each(Member::sign_off);
                Leaving::SignedOff(now + SIGN_OFF_TIME)
            }
            Leaving::No | Leaving::Draining(_) | Leaving::SignedOff(_) => leaving,
        }
    }

    fn is_drained(&self) -> bool {
        let connected = self.members.iter().filter(|member| member.is_connected());
        connected
            .map(|member| member.id.group)
            .all(|group| self.outbound.in_flight(group) == 0 && self.outbound.letters(group) == 0)
    }

    fn take_rest(&mut self) {
        let mut rest = self.queue.rest();
        self.take(&mut rest);
    }

    fn take(&mut self, batches: &mut Vec<ToPool>) {
        let now = iso8583_link::now();
        for batch in batches.drain(..) {
            match batch {
                ToPool::Requests(requests, _places) => {
                    for request in requests {
                        self.outbound.handle_request(now, request);
                    }
                }
                ToPool::Undeliverable(undone) => {
                    for undo in undone {
                        self.outbound.handle_undeliverable(now, &undo);
                    }
                }
                ToPool::Question(question) => question.answer(&self.outbound),
                ToPool::DeadLetters(ask) => self.handle_operator(now, ask),
            }
        }
    }

    /// Whoever asked may have gone meanwhile.
    fn handle_operator(&mut self, now: Now, ask: Ask) {
        match ask {
            Ask::List(answer) => {
                let dead = self.outbound.dead_letters().map(|dead| Listed {
                    issuer: name(&self.groups, dead.group).to_owned(),
                    id: dead.id,
                    since: jiff::Timestamp::from_second(dead.since)
                        .unwrap_or_default()
                        .to_string(),
                    about: dead.reference,
                });
                let _ = answer.send(dead.collect());
            }
            Ask::Do(order, issuer, id, answer) => {
                let named = |dead: &DeadLetter| name(&self.groups, dead.group) == issuer;
                let found = self
                    .outbound
                    .dead_letters()
                    .any(|dead| dead.id == id && named(&dead))
                    && match order {
                        Order::Retry => self.outbound.retry_dead(now, id),
                        Order::Drop => self.outbound.drop_dead(now, id),
                    };
                if found {
                    warn!(issuer, id, ?order, "an operator's order for a dead letter");
                }
                let _ = answer.send(found);
            }
        }
    }

    fn handle_members(&mut self, leaving: Leaving) {
        let now = iso8583_link::now();
        // Its room is kept from batch to batch.
        let mut events = core::mem::take(&mut self.events);
        for place in 0..self.members.len() {
            let Some(member) = self.members.get_mut(place) else {
                break;
            };
            let (id, closed) = (member.id, member.happened(&mut events));
            self.note_link(now, place);
            for event in events.drain(..) {
                self.handle(now, id, event);
            }
            if let Some(closed) = closed {
                let issuer = name(&self.groups, id.group);
                match leaving {
                    Leaving::No => warn!(issuer, link = id.place, %closed, "issuer link closed"),
                    Leaving::Draining(_) | Leaving::SignedOff(_) => {
                        info!(issuer, link = id.place, %closed, "issuer link closed");
                    }
                }
                if let Some(issuer) = self.groups.get(&id.group) {
                    issuer.metrics.closed(closed.label());
                }
                self.close(place, leaving);
            }
        }
        self.events = events;
    }

    /// A connection is no more: what was sent on it and not answered is given up.
    fn close(&mut self, place: usize, leaving: Leaving) {
        let Some(member) = self.members.get_mut(place) else {
            return;
        };
        let unanswered = match leaving {
            Leaving::No => member.reconnect(),
            Leaving::Draining(_) | Leaving::SignedOff(_) => member.leave(),
        };
        let now = iso8583_link::now();
        self.note_link(now, place);
        for token in unanswered {
            self.outbound.handle_lost(now, token);
        }
    }

    fn handle(&mut self, now: Now, id: LinkId, event: Event<Token>) {
        let Some(Issuer { name, metrics }) = self.groups.get(&id.group) else {
            return;
        };
        let link = id.place;
        match event {
            Event::Answered { token, answer } => self.outbound.handle_answer(now, token, answer),
            Event::TimedOut { token } => {
                debug!(issuer = name, link, ?token, "issuer did not answer in time");
                self.outbound.handle_timed_out(now, token);
            }
            Event::Late { lateness, .. } => {
                metrics.late.increment(1);
                warn!(issuer = name, link, %lateness, "late answer, not delivered");
            }
            Event::Unmatched { answer, mismatch } => {
                metrics.unmatched.increment(1);
                warn!(issuer = name, link, ?answer, %mismatch, "answer matches no request");
            }
            Event::Malformed { error } => {
                metrics.malformed.increment(1);
                warn!(issuer = name, link, %error, "undecodable message of the issuer");
            }
            Event::State(state) => info!(issuer = name, link, ?state, "issuer link"),
            Event::Network { function, .. } => {
                info!(
                    issuer = name,
                    link,
                    ?function,
                    "network message of the issuer"
                );
            }
            Event::Request(request) => {
                metrics.dropped.increment(1);
                debug!(
                    issuer = name,
                    link,
                    ?request,
                    "issuers' requests are not switched"
                );
            }
        }
    }

    /// Whether a link is up, as soon as that has changed.
    fn note_link(&mut self, now: Now, place: usize) {
        let Some(id) = self.members.get_mut(place).and_then(Member::changed) else {
            return;
        };
        let up = |member: &&Member| member.id.group == id.group && member.is_up();
        let links_up = self.members.iter().filter(up).count();
        let is_up = self.members.get(place).is_some_and(Member::is_up);
        self.outbound.handle_link(now, id, is_up);
        self.directory.set_up(id.group, links_up > 0);
        if let Some(issuer) = self.groups.get(&id.group) {
            issuer.metrics.up.set(if links_up > 0 { 1.0 } else { 0.0 });
        }
    }

    /// Does what the machine wants done, until it wants nothing more. What it recorded is written
    /// before anything of it leaves.
    fn pump(&mut self) {
        let now = iso8583_link::now();
        if let Some(keeper) = &self.keeper {
            self.outbound.handle_disk(keeper.is_nearly_full());
        }
        loop {
            // Before the write: of what is written all may leave, though its checkpoint failed.
            let lost = self.has_lost_records();
            let kept = match &mut self.keeper {
                Some(keeper) => keeper.write(now, &mut self.outbound),
                None => true,
            };
            while let Some(output) = self.outbound.poll_output() {
                let counted = matches!(&output, Output::Answer(answer) if answer.is_counted());
                if !kept {
                    self.withhold(now, output);
                } else if lost && counted {
                    // What it counts as may have been in records that were not written.
                    self.metrics.withheld.increment(1);
                } else {
                    self.handle_output(now, output);
                }
            }
            for (token, message, refusal) in self.unsent.drain(..) {
                self.outbound.handle_unsent(now, token, message, refusal);
            }
            // Before the answers leave: who hears 91 can see the reversal counted.
            for (id, Issuer { metrics, .. }) in &self.groups {
                metrics.in_flight.set(level(self.outbound.in_flight(*id)));
                metrics.numbers_kept.set(level(self.outbound.numbers(*id)));
                metrics.pending.set(level(self.outbound.letters(*id)));
                metrics.dead_letters.set(level(self.outbound.dead(*id)));
            }
            self.metrics
                .remembered
                .set(level(self.outbound.failed_over()));
            self.metrics.forgotten.absolute(self.outbound.forgotten());
            let kept = self.outbound.answers_kept();
            self.metrics.answers_kept.set(level(kept));
            let again = self.outbound.answered_again();
            self.metrics.answered_again.absolute(again);
            self.metrics.uncounted.absolute(self.outbound.uncounted());
            if self.deliveries.is_empty() && !self.outbound.has_output() {
                break;
            }
            self.deliver(now);
        }
    }

    /// What was recorded of this could not be written: nothing is sent, and nobody hears of an
    /// approval.
    fn withhold(&mut self, now: Now, output: Output) {
        match output {
            Output::Send { token, message, .. } => {
                self.unsent.push((token, message, Refusal::JournalFailed));
            }
            Output::Answer(answer) if answer.is_counted() => {
                self.metrics.withheld.increment(1);
            }
            other @ (Output::Answer(_)
            | Output::Refused(_)
            | Output::FailedOver(_)
            | Output::LinkHealth { .. }
            | Output::Forward { .. }) => self.handle_output(now, other),
        }
    }

    fn has_lost_records(&self) -> bool {
        self.keeper.as_ref().is_some_and(Keeper::has_failed)
    }

    /// More of the journal is durable, or it failed.
    fn report(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.report(iso8583_link::now(), &mut self.outbound);
        }
    }

    fn handle_output(&mut self, now: Now, output: Output) {
        let issuer = |group| self.groups.get(&group);
        match output {
            Output::Send {
                link,
                token,
                message,
            } => self.send(now, link, token, message),
            Output::Answer(answer) => {
                self.deliveries
                    .entry(answer.connection)
                    .or_insert_with(|| Vec::with_capacity(ANSWERS))
                    .push(answer);
            }
            Output::Refused(refusal) => self.metrics.refused(refusal),
            Output::FailedOver(group) => {
                if let Some(Issuer { metrics, .. }) = issuer(group) {
                    metrics.failed_over.increment(1);
                }
            }
            Output::LinkHealth { link, turn } => self.note_health(link, turn),
            Output::Forward {
                group,
                event,
                original,
            } => {
                if let Some(Issuer { name, metrics }) = issuer(group) {
                    metrics.forwarded(event);
                    tell(name, event, &original);
                }
            }
        }
    }

    fn note_health(&mut self, link: LinkId, turn: Turn) {
        if let Some(member) = self.member(link) {
            member.note_health(turn);
        }
        let (issuer, link) = (name(&self.groups, link.group), link.place);
        match turn {
            Turn::Rested { grade, cause, time } => {
                warn!(issuer, link, ?grade, %cause, ?time, "issuer link is rested");
            }
            Turn::Returned => info!(issuer, link, "issuer link answers again"),
        }
    }

    fn member(&mut self, link: LinkId) -> Option<&mut Member> {
        // Members stand in the order of their ids.
        let place = self
            .members
            .binary_search_by_key(&link, |member| member.id)
            .ok()?;
        self.members.get_mut(place)
    }

    fn send(&mut self, now: Now, link: LinkId, token: Token, message: Message) {
        let sent = self
            .member(link)
            .map_or(Err(RequestRefused::Session(Refused::NotUp)), |member| {
                member.send(now, &message, token)
            });
        if let Err(refused) = sent {
            let issuer = name(&self.groups, link.group);
            debug!(issuer, link = link.place, ?token, %refused, "not sent");
            self.unsent.push((token, message, refusal(&refused)));
        }
    }

    /// The one hop left: a batch a connection. Approvals that reach nobody are reversed.
    fn deliver(&mut self, now: Now) {
        for (connection, answers) in self.deliveries.drain() {
            let delivery = Delivery {
                pool: self.id,
                answers,
            };
            if let Err(undelivered) = self.directory.deliver(connection, delivery) {
                for undo in undelivered
                    .answers
                    .iter()
                    .filter_map(|answer| answer.undo.as_ref())
                {
                    self.outbound.handle_undeliverable(now, undo);
                }
            }
        }
    }
}

fn tell(issuer: &str, event: ForwardEvent, original: &str) {
    match event {
        ForwardEvent::ReversalQueued(reason) => {
            warn!(issuer, %reason, original, "reversal queued");
        }
        ForwardEvent::AdviceKept => info!(issuer, original, "advice kept for the issuer"),
        ForwardEvent::Acknowledged => debug!(issuer, original, "the issuer acknowledged"),
        ForwardEvent::Unanswered(code) => {
            warn!(issuer, ?code, original, "not acknowledged, repeated later");
        }
        ForwardEvent::Dead(code) => {
            error!(issuer, ?code, original, "not acknowledged: a dead letter");
        }
    }
}

/// The links of a group, in the order of its addresses.
fn members(group: GroupId, config: &CheckedGroup) -> impl Iterator<Item = Member> {
    (0_u8..)
        .zip(&config.addresses)
        .map(move |(place, address)| {
            let id = LinkId { group, place };
            let metrics = MemberMetrics::new(&config.name, place, address);
            Member::new(id, address.clone(), config.link.clone(), metrics)
        })
}

fn name(groups: &BTreeMap<GroupId, Issuer>, group: GroupId) -> &str {
    groups.get(&group).map_or("", |issuer| &issuer.name)
}

fn refusal(refused: &RequestRefused) -> Refusal {
    match refused {
        RequestRefused::Session(Refused::NotUp) => Refusal::IssuerDown,
        RequestRefused::Session(Refused::Full) => Refusal::Overloaded,
        RequestRefused::Session(Refused::KeyInUse) => Refusal::Duplicate,
        RequestRefused::Unencodable(error) => Refusal::Format(error.de),
        // DE 48 is what makes a message long.
        RequestRefused::TooLong(_) => Refusal::Format(48),
    }
}

async fn changed(keeper: Option<&Keeper>) {
    match keeper {
        Some(keeper) => keeper.changed().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
