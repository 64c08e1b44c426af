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
    outbound: Outbound,
    queue: mpsc::Receiver<ToGroup>,
    directory: Arc<Directory>,
    metrics: IssuerMetrics,
    /// Answers of this batch, by connection.
    deliveries: HashMap<ConnectionId, Vec<Answer>>,
}

/// Batches taken from the queue at a time.
const BATCHES: usize = 64;
/// How long a leaving group waits for its sign-off to be answered.
const SIGN_OFF_TIME: Duration = Duration::from_secs(2);

impl Group {
    pub(crate) fn new(
        id: GroupId,
        config: &CheckedGroup,
        queue: mpsc::Receiver<ToGroup>,
        directory: Arc<Directory>,
    ) -> Self {
        Self {
            id,
            name: config.name.clone(),
            address: config.address.clone(),
            settings: config.link.clone(),
            outbound: Outbound::new(config.outbound.clone()),
            queue,
            directory,
            metrics: IssuerMetrics::new(&config.name),
            deliveries: HashMap::new(),
        }
    }

    /// Connects, serves, connects again, until `leave`.
    pub(crate) async fn run(mut self, leave: CancellationToken) {
        let mut connector = Connector::new(self.address.clone());
        while let Some(stream) = self.connected(&mut connector, &leave).await {
            let mut link = Link::new(stream, self.settings.clone());
            self.serve(&mut link, &mut connector, &leave).await;
            self.set_link(false);
            for token in link.into_unanswered() {
                self.outbound.handle_lost(iso8583_link::now(), token);
            }
            self.pump(None);
        }
        if self.outbound.reversals() > 0 {
            warn!(
                issuer = self.name,
                reversals = self.outbound.reversals(),
                "stopped with reversals that no issuer has acknowledged"
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

    async fn serve(
        &mut self,
        link: &mut Link<Token>,
        connector: &mut Connector,
        leave: &CancellationToken,
    ) {
        let mut events = Vec::new();
        let mut batches = Vec::new();
        self.set_link(link.is_up());
        loop {
            self.pump(Some(link));
            let retry = self.outbound.poll_timeout();
            tokio::select! {
                result = link.next(&mut events) => {
                    let now = iso8583_link::now();
                    events.drain(..).for_each(|event| self.handle(now, event, connector));
                    if let Err(closed) = result {
                        warn!(issuer = self.name, %closed, "issuer link closed");
                        self.metrics.closed(closed.label());
                        return;
                    }
                }
                _ = self.queue.recv_many(&mut batches, BATCHES) => self.take(&mut batches),
                () = sleep_until(retry) => self.outbound.handle_timeout(iso8583_link::now()),
                () = leave.cancelled() => return sign_off(link).await,
            }
        }
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
                    for request in undone {
                        self.outbound.handle_undeliverable(now, &request);
                    }
                }
            }
        }
    }

    fn handle(&mut self, now: Now, event: Event<Token>, connector: &mut Connector) {
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
                if state == State::Up {
                    connector.worked();
                }
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
            if self.deliveries.is_empty() {
                break;
            }
            self.deliver(now);
        }
        self.metrics.in_flight.set(gauge(self.outbound.in_flight()));
        self.metrics
            .reversals_pending
            .set(gauge(self.outbound.reversals()));
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
            Output::ReversalQueued(reason) => {
                self.metrics.reversals_queued.increment(1);
                info!(issuer = self.name, %reason, "reversal queued");
            }
            Output::ReversalAcknowledged => self.metrics.reversals_acknowledged.increment(1),
            Output::ReversalUnanswered => self.metrics.reversals_unanswered.increment(1),
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
                for request in undelivered
                    .answers
                    .iter()
                    .filter_map(|answer| answer.undo.as_ref())
                {
                    self.outbound.handle_undeliverable(now, request);
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

/// Nothing is in flight any more: says so and waits a little for the answer.
async fn sign_off(link: &mut Link<Token>) {
    link.sign_off();
    let mut events = Vec::new();
    let closing = async {
        while link.next(&mut events).await.is_ok() {
            events.clear();
        }
    };
    let _ = tokio::time::timeout(SIGN_OFF_TIME, closing).await;
}

fn gauge(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
