//! Issuer groups: a task each, which owns the group's link and its [`Outbound`] machine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use iso8583::session::{Now, Refused, State};
use iso8583_link::{Connector, Event, Link, LinkSettings, RequestRefused};
use switch_core::{Answer, ConnectionId, GroupId, Outbound, Output, Refusal, Token};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::config::CheckedGroup;
use crate::directory::{Delivery, Directory, ToGroup};
use crate::metrics::IssuerMetrics;

/// An issuer group and its link.
#[derive(Debug)]
pub(crate) struct Group {
    id: GroupId,
    name: String,
    address: String,
    settings: LinkSettings,
    drain_timeout: Duration,
    outbound: Outbound,
    queue: mpsc::Receiver<ToGroup>,
    directory: Arc<Directory>,
    metrics: IssuerMetrics,
    /// Answers of this batch, by connection.
    deliveries: HashMap<ConnectionId, Vec<Answer>>,
}

/// Where in its end a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    No,
    /// Until then, what is in flight may be answered.
    Draining(Instant),
    /// Until then, the sign-off may be answered.
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

/// Batches taken from the queue at a time.
const BATCHES: usize = 64;
/// How long a leaving group waits for its sign-off to be answered.
const SIGN_OFF_TIME: Duration = Duration::from_secs(2);

impl Group {
    pub(crate) fn new(
        id: GroupId,
        config: &CheckedGroup,
        drain_timeout: Duration,
        queue: mpsc::Receiver<ToGroup>,
        directory: Arc<Directory>,
    ) -> Self {
        Self {
            id,
            name: config.name.clone(),
            address: config.address.clone(),
            settings: config.link.clone(),
            drain_timeout,
            outbound: Outbound::new(config.outbound.clone()),
            queue,
            directory,
            metrics: IssuerMetrics::new(&config.name),
            deliveries: HashMap::new(),
        }
    }

    /// Connects, serves, connects again, until `leave`: then what is in flight or to be reversed
    /// is finished, for as long as the drain time lasts, and the link signs off.
    pub(crate) async fn run(mut self, leave: CancellationToken) {
        let mut connector = Connector::new(self.address.clone());
        while let Some(stream) = self.connected(&mut connector, &leave).await {
            let mut link = Link::new(stream, self.settings.clone());
            self.serve(&mut link, &leave).await;
            self.set_link(false);
            for token in link.into_unanswered() {
                self.outbound.handle_lost(iso8583_link::now(), token);
            }
            self.pump(None);
        }
        self.take_rest();
        self.pump(None);
        for original in self.outbound.pending_reversals() {
            warn!(
                issuer = self.name,
                original, "stopped with a reversal that the issuer has not acknowledged"
            );
        }
    }

    /// A connection; None when it is time to leave. Requests are answered 91 meanwhile.
    async fn connected(
        &mut self,
        connector: &mut Connector,
        leave: &CancellationToken,
    ) -> Option<TcpStream> {
        let connecting = connector.connect();
        tokio::pin!(connecting);
        let mut batches = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = leave.cancelled() => return None,
                stream = &mut connecting => return Some(stream),
                _ = self.queue.recv_many(&mut batches, BATCHES) => {
                    self.take(&mut batches);
                    self.pump(None);
                }
            }
        }
    }

    /// Serves one link until it closes, or the group has left.
    async fn serve(&mut self, link: &mut Link<Token>, leave: &CancellationToken) {
        let mut events = Vec::new();
        let mut batches = Vec::new();
        let mut leaving = Leaving::No;
        self.set_link(link.is_up());
        loop {
            self.pump(Some(link));
            leaving = self.leave(leaving, link);
            let wake = [self.outbound.poll_timeout(), leaving.until()]
                .into_iter()
                .flatten()
                .min();
            tokio::select! {
                result = link.next(&mut events) => {
                    let now = iso8583_link::now();
                    events.drain(..).for_each(|event| self.handle(now, event));
                    if let Err(closed) = result {
                        match leaving {
                            Leaving::No => warn!(issuer = self.name, %closed, "issuer link closed"),
                            Leaving::Draining(_) | Leaving::SignedOff(_) => {
                                info!(issuer = self.name, %closed, "issuer link closed");
                            }
                        }
                        self.metrics.closed(closed.label());
                        return;
                    }
                }
                _ = self.queue.recv_many(&mut batches, BATCHES), if leaving == Leaving::No => {
                    self.take(&mut batches);
                }
                () = sleep_until(wake) => self.outbound.handle_timeout(iso8583_link::now()),
                () = leave.cancelled(), if leaving == Leaving::No => {
                    self.take_rest();
                    leaving = Leaving::Draining(iso8583_link::now().instant + self.drain_timeout);
                }
            }
            if leaving.is_over() {
                return;
            }
        }
    }

    /// Drained, or out of time: signs off once.
    fn leave(&self, leaving: Leaving, link: &mut Link<Token>) -> Leaving {
        let now = iso8583_link::now().instant;
        let drained = self.outbound.in_flight() == 0 && self.outbound.reversals() == 0;
        match leaving {
            Leaving::Draining(until) if drained || until <= now => {
                link.sign_off();
                Leaving::SignedOff(now + SIGN_OFF_TIME)
            }
            Leaving::No | Leaving::Draining(_) | Leaving::SignedOff(_) => leaving,
        }
    }

    /// What still stands in the queue; nobody adds to it any more.
    fn take_rest(&mut self) {
        self.queue.close();
        let mut rest = Vec::new();
        while let Ok(batch) = self.queue.try_recv() {
            rest.push(batch);
        }
        self.take(&mut rest);
    }

    fn take(&mut self, batches: &mut Vec<ToGroup>) {
        for batch in batches.drain(..) {
            match batch {
                ToGroup::Requests(requests) => {
                    requests
                        .into_iter()
                        .for_each(|request| self.outbound.handle_request(request));
                }
                ToGroup::Undeliverable(undone) => {
                    let now = iso8583_link::now();
                    for undo in undone {
                        self.outbound.handle_undeliverable(now, &undo);
                    }
                }
            }
        }
    }

    fn handle(&mut self, now: Now, event: Event<Token>) {
        match event {
            Event::Answered { token, answer } => self.outbound.handle_answer(now, token, answer),
            Event::TimedOut { token } => {
                debug!(issuer = self.name, ?token, "issuer did not answer in time");
                self.outbound.handle_timed_out(now, token);
            }
            Event::Late { answer, late_by } => {
                self.metrics.late.increment(1);
                warn!(
                    issuer = self.name,
                    ?late_by,
                    ?answer,
                    "late answer, not delivered"
                );
            }
            Event::Unmatched { answer } => {
                self.metrics.unmatched.increment(1);
                warn!(issuer = self.name, ?answer, "answer matches no request");
            }
            Event::Malformed { error } => {
                self.metrics.malformed.increment(1);
                warn!(issuer = self.name, %error, "undecodable message of the issuer");
            }
            Event::State(state) => {
                info!(issuer = self.name, ?state, "issuer link");
                self.set_link(state == State::Up);
            }
            Event::Request(request) => {
                self.metrics.dropped.increment(1);
                debug!(
                    issuer = self.name,
                    ?request,
                    "issuers' requests are not switched"
                );
            }
        }
    }

    fn set_link(&mut self, up: bool) {
        self.outbound.handle_link(iso8583_link::now(), up);
        self.metrics.up.set(if up { 1.0 } else { 0.0 });
        self.directory.set_up(self.id, up);
    }

    /// Does what the machine wants done, until it wants nothing more.
    fn pump(&mut self, mut link: Option<&mut Link<Token>>) {
        let now = iso8583_link::now();
        loop {
            while let Some(output) = self.outbound.poll_output() {
                self.handle_output(now, output, link.as_deref_mut());
            }
            // Before the answers leave: who hears 91 can see the reversal counted.
            self.metrics.in_flight.set(gauge(self.outbound.in_flight()));
            self.metrics
                .reversals_pending
                .set(gauge(self.outbound.reversals()));
            if self.deliveries.is_empty() {
                break;
            }
            self.deliver(now);
        }
    }

    fn handle_output(&mut self, now: Now, output: Output, link: Option<&mut Link<Token>>) {
        match output {
            Output::Send { token, message } => {
                let sent = match link {
                    Some(link) => link.request(now, &message, token),
                    None => Err((RequestRefused::Session(Refused::NotUp), token)),
                };
                if let Err((refused, token)) = sent {
                    debug!(issuer = self.name, ?token, %refused, "not sent");
                    self.outbound.handle_unsent(now, token, refusal(&refused));
                }
            }
            Output::Answer(answer) => {
                self.deliveries
                    .entry(answer.connection)
                    .or_default()
                    .push(answer);
            }
            Output::Refused(refusal) => self.metrics.refused(refusal),
            Output::ReversalQueued { reason, original } => {
                self.metrics.reversals_queued.increment(1);
                warn!(issuer = self.name, %reason, original, "reversal queued");
            }
            Output::ReversalAcknowledged => self.metrics.reversals_acknowledged.increment(1),
            Output::ReversalUnanswered { code, original } => {
                self.metrics.reversals_unanswered.increment(1);
                warn!(
                    issuer = self.name,
                    ?code,
                    original,
                    "reversal not acknowledged, repeated later"
                );
            }
        }
    }

    /// The one hop left: a batch a connection. Approvals that reach nobody are reversed.
    fn deliver(&mut self, now: Now) {
        for (connection, answers) in self.deliveries.drain() {
            let delivery = Delivery {
                group: self.id,
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

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn gauge(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
