//! Acquirers: a listener accepts, and each connection has a task of its own.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use iso8583::Message;
use iso8583::element::ResponseCode;
use iso8583::session::{Now, State};
use iso8583_link::accept::{Accepted, Acceptor};
use iso8583_link::{Closed, Event, Link, LinkSettings};
use switch_core::{
    Admission, Answer, Bucket, ConnectionId, Inbound, PoolId, Rate, Reconciliation, Refusal,
    Request, RouteTable, Undo,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info};

use crate::config::{Checked, CheckedListener};
use crate::directory::{Delivery, Directory};
use crate::latency::Latency;
use crate::metrics::ListenerMetrics;
use crate::reconcile::{self, Reconciled};

/// What all connections of a listener share.
#[derive(Debug)]
pub(crate) struct Listener {
    name: String,
    inbound: Inbound,
    link: LinkSettings,
    in_flight_max: usize,
    rate: Option<Rate>,
    drain_timeout: Duration,
    routes: Arc<RouteTable>,
    directory: Arc<Directory>,
    latency: Arc<Latency>,
    metrics: ListenerMetrics,
    reconciled: Arc<Reconciled>,
}

/// Ids of connections are never used again while the process lives.
static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(0);

impl Listener {
    pub(crate) fn new(
        config: &CheckedListener,
        checked: &Checked,
        directory: &Arc<Directory>,
        latency: &Arc<Latency>,
        reconciled: &Arc<Reconciled>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: config.name.clone(),
            inbound: config.inbound.clone(),
            link: config.link.clone(),
            in_flight_max: config.in_flight_max,
            rate: config.rate,
            drain_timeout: checked.drain_timeout,
            routes: Arc::clone(&checked.routes),
            directory: Arc::clone(directory),
            latency: Arc::clone(latency),
            metrics: ListenerMetrics::new(&config.name),
            reconciled: Arc::clone(reconciled),
        })
    }

    /// Accepts until `shutdown`.
    pub(crate) async fn run(
        self: Arc<Self>,
        acceptor: Acceptor,
        tasks: TaskTracker,
        shutdown: CancellationToken,
    ) {
        loop {
            let accepted = tokio::select! {
                accepted = acceptor.accept() => accepted,
                () = shutdown.cancelled() => return,
            };
            match accepted {
                Accepted::Connection(stream, peer, place) => {
                    let id = ConnectionId(NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed));
                    info!(listener = self.name, connection = id.0, %peer, "acquirer connected");
                    let connection = Connection::new(id, stream, &self);
                    let shutdown = shutdown.clone();
                    tasks.spawn(async move {
                        connection.run(shutdown).await;
                        drop(place);
                    });
                }
                Accepted::Refused(peer) => {
                    self.metrics.connections_refused.increment(1);
                    debug!(listener = self.name, %peer, "connection closed: all places are taken");
                }
            }
        }
    }
}

/// One connection of an acquirer.
struct Connection {
    id: ConnectionId,
    listener: Arc<Listener>,
    link: Link<Infallible>,
    answers: mpsc::Receiver<Delivery>,
    /// Requests forwarded and not answered.
    in_flight: usize,
    /// What it may send, where that is bounded.
    bucket: Option<Bucket>,
    /// The switch is stopping: nothing new is begun.
    stopping: bool,
    /// The acquirer has signed off, and not on again: it tells us what is done and asks nothing.
    signed_off: bool,
    /// Approvals queued and not begun to be sent, with the bytes queued before each.
    unsent: VecDeque<(u64, PoolId, Arc<Undo>)>,
    /// What is to be forwarded of this batch, by pool.
    batches: Vec<(PoolId, Vec<Box<Request>>)>,
    /// Answers queued one after the other and not yet counted.
    alike: Alike,
}

/// Answers that took as long and say the same, as those of a batch mostly do: counted together.
#[derive(Clone, Copy, Default)]
struct Alike {
    elapsed: Duration,
    code: Option<ResponseCode>,
    count: u64,
}

impl Connection {
    fn new(id: ConnectionId, stream: tokio::net::TcpStream, listener: &Arc<Listener>) -> Self {
        // A delivery holds an answer at least: the queue has room for all that can come.
        let (sender, answers) = mpsc::channel(listener.in_flight_max);
        listener.directory.connect(id, sender);
        listener.metrics.connections.increment(1.0);
        Self {
            id,
            listener: Arc::clone(listener),
            link: Link::new(stream, listener.link.clone()),
            answers,
            in_flight: 0,
            bucket: listener.rate.map(Bucket::full),
            stopping: false,
            signed_off: false,
            unsent: VecDeque::new(),
            batches: Vec::new(),
            alike: Alike::default(),
        }
    }

    async fn run(mut self, shutdown: CancellationToken) {
        let reason = self.serve(&shutdown).await;
        let label = reason.as_ref().map_or("drained", Closed::label);
        self.listener.metrics.closed(label);
        self.listener.metrics.connections.decrement(1.0);
        let words = reason
            .as_ref()
            .map_or_else(|| "drained".to_owned(), ToString::to_string);
        info!(
            listener = self.listener.name,
            connection = self.id.0,
            reason = words,
            "acquirer disconnected"
        );
        self.leave().await;
    }

    /// Serves until the link closes, or the drain is over (None).
    async fn serve(&mut self, shutdown: &CancellationToken) -> Option<Closed> {
        let mut events = Vec::new();
        let mut deliveries = Vec::new();
        let drained = drain_time(shutdown, self.listener.drain_timeout);
        tokio::pin!(drained);
        loop {
            tokio::select! {
                result = self.link.next(&mut events) => {
                    self.handle_events(iso8583_link::now(), &mut events);
                    if let Err(closed) = result {
                        return Some(closed);
                    }
                }
                _ = self.answers.recv_many(&mut deliveries, 64) => {
                    let now = iso8583_link::now();
                    for delivery in deliveries.drain(..) {
                        self.handle_delivery(now, delivery).await;
                    }
                    self.count_answers();
                }
                () = shutdown.cancelled(), if !self.stopping => self.stopping = true,
                () = &mut drained => return None,
            }
            self.note_sent();
            if self.stopping && self.in_flight == 0 && self.link.unsent() == 0 {
                return None;
            }
        }
    }

    /// Approvals of which a byte was handed to the system count as delivered.
    fn note_sent(&mut self) {
        let written = self.link.written();
        while self
            .unsent
            .front()
            .is_some_and(|(queued, ..)| *queued < written)
        {
            self.unsent.pop_front();
        }
    }

    fn handle_events(&mut self, now: Now, events: &mut Vec<Event<Infallible>>) {
        let mut requests = 0;
        for event in events.drain(..) {
            match event {
                Event::Request(message) => {
                    requests += 1;
                    self.handle_request(now, message);
                }
                Event::Malformed { error } => {
                    self.listener.metrics.malformed.increment(1);
                    debug!(connection = self.id.0, %error, "undecodable message");
                }
                // Answers to nothing: we ask acquirers nothing.
                Event::Unmatched { mismatch, .. } => {
                    self.listener.metrics.dropped.increment(1);
                    debug!(connection = self.id.0, %mismatch, "an answer nobody asked for");
                }
                Event::Late { .. } | Event::Answered { .. } | Event::TimedOut { .. } => {
                    self.listener.metrics.dropped.increment(1);
                    debug!(connection = self.id.0, "an answer nobody asked for");
                }
                Event::Network { function, .. } => {
                    debug!(connection = self.id.0, ?function, "network message");
                }
                Event::State(state) => {
                    self.signed_off = state == State::SignedOff;
                    debug!(connection = self.id.0, ?state, "acquirer link");
                }
            }
        }
        self.listener.metrics.requests.increment(requests);
        self.forward(now);
        self.count_answers();
    }

    fn handle_request(&mut self, now: Now, message: Message) {
        // Whatever comes of it, it counts.
        let within_rate = self
            .bucket
            .as_mut()
            .is_none_or(|bucket| bucket.take(now.instant));
        match self.listener.inbound.admit(now, self.id, message) {
            Admission::Dropped => self.listener.metrics.dropped.increment(1),
            Admission::Refused(refusal, answer) => self.refused(now, refusal, &answer),
            Admission::Reconciliation(reconciliation) => {
                self.reconcile(now, reconciliation, within_rate);
            }
            Admission::Admitted(request) if !within_rate => {
                let refusal = Refusal::RateExceeded;
                self.refused(now, refusal, &request.refuse(refusal));
            }
            Admission::Admitted(mut request) => match self.route(&mut request) {
                Ok(pool) => self.batch(pool, request),
                Err(refusal) => self.refused(now, refusal, &request.refuse(refusal)),
            },
        }
    }

    fn route(&self, request: &mut Request) -> Result<PoolId, Refusal> {
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        if self.signed_off && request.is_asked() {
            return Err(Refusal::SignedOff);
        }
        if self.in_flight >= self.listener.in_flight_max {
            return Err(Refusal::Overloaded);
        }
        self.listener.routes.route(request)
    }

    fn reconcile(&mut self, now: Now, reconciliation: Box<Reconciliation>, within_rate: bool) {
        let refusal = if !within_rate {
            Some(Refusal::RateExceeded)
        } else if self.stopping {
            Some(Refusal::Stopping)
        } else if self.in_flight >= self.listener.in_flight_max {
            Some(Refusal::Overloaded)
        } else {
            None
        };
        let refused = match refusal {
            Some(refusal) => Err((refusal, reconciliation)),
            None => {
                let Listener {
                    directory,
                    reconciled,
                    ..
                } = &*self.listener;
                reconcile::begin(directory, reconciled, reconciliation)
                    .map_err(|given_back| (Refusal::Overloaded, given_back))
            }
        };
        match refused {
            Ok(()) => self.in_flight += 1,
            Err((refusal, reconciliation)) => {
                self.refused(now, refusal, &reconciliation.refuse(refusal));
            }
        }
    }

    fn batch(&mut self, pool: PoolId, request: Box<Request>) {
        self.in_flight += 1;
        match self.batches.iter_mut().find(|(other, _)| *other == pool) {
            Some((_, batch)) => batch.push(request),
            None => self.batches.push((pool, vec![request])),
        }
    }

    /// The one hop right: a batch a pool.
    fn forward(&mut self, now: Now) {
        for (pool, batch) in core::mem::take(&mut self.batches) {
            let rest = self.listener.directory.forward(pool, batch);
            self.in_flight -= rest.len();
            for request in rest {
                let refusal = Refusal::Overloaded;
                self.refused(now, refusal, &request.refuse(refusal));
            }
        }
    }

    fn refused(&mut self, now: Now, refusal: Refusal, answer: &Answer) {
        self.listener.metrics.refused(refusal);
        debug!(connection = self.id.0, %refusal, "refused");
        self.answer(now, answer);
    }

    async fn handle_delivery(&mut self, now: Now, delivery: Delivery) {
        let mut undone = Vec::new();
        for mut answer in delivery.answers {
            self.in_flight = self.in_flight.saturating_sub(1);
            let undo = answer.undo.take();
            let queued = self.link.queued();
            if self.answer(now, &answer) {
                let unsent = undo.map(|undo| (queued, delivery.pool, undo));
                self.unsent.extend(unsent);
            } else {
                undone.extend(undo);
            }
        }
        self.listener
            .directory
            .give_back(delivery.pool, undone)
            .await;
    }

    /// Queues an answer; false where the link's dialect cannot say it.
    fn answer(&mut self, now: Now, answer: &Answer) -> bool {
        match self.link.answer(&answer.message) {
            Ok(()) => {
                let elapsed = now.instant.saturating_duration_since(answer.admitted);
                let code = answer.response_code();
                if (elapsed, code) != (self.alike.elapsed, self.alike.code) {
                    self.count_answers();
                    self.alike = Alike {
                        elapsed,
                        code,
                        count: 0,
                    };
                }
                self.alike.count += 1;
                true
            }
            Err(error) => {
                self.listener.metrics.undelivered.increment(1);
                debug!(connection = self.id.0, %error, "answer cannot be written");
                false
            }
        }
    }

    /// Before they are written: whoever has an answer can see it counted.
    fn count_answers(&mut self) {
        let Alike {
            elapsed,
            code,
            count,
        } = core::mem::take(&mut self.alike);
        if count > 0 {
            self.listener.latency.record(elapsed, count);
            self.listener.metrics.answered(code, count);
        }
    }

    /// Nobody reads what still comes: approvals go back to be reversed.
    async fn leave(mut self) {
        self.listener.directory.disconnect(self.id);
        self.note_sent();
        for (_, pool, undo) in core::mem::take(&mut self.unsent) {
            self.listener.metrics.undelivered.increment(1);
            self.listener.directory.give_back(pool, vec![undo]).await;
        }
        self.answers.close();
        while let Some(delivery) = self.answers.recv().await {
            let undelivered = u64::try_from(delivery.answers.len()).unwrap_or(u64::MAX);
            self.listener.metrics.undelivered.increment(undelivered);
            let undone = delivery
                .answers
                .into_iter()
                .filter_map(|answer| answer.undo)
                .collect();
            self.listener
                .directory
                .give_back(delivery.pool, undone)
                .await;
        }
    }
}

/// Over when the time to drain is.
async fn drain_time(shutdown: &CancellationToken, time: Duration) {
    shutdown.cancelled().await;
    tokio::time::sleep(time).await;
}
