//! What all nodes stand on: time, chance, the network, the trace and the invariants.

use std::collections::BTreeMap;
use std::fmt::{Arguments, Debug};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use fastrand::Rng;
use iso8583::Message;
use iso8583::session::Now;
use jiff::Timestamp;

use crate::faults::{Fault, Planted, Weather};
use crate::invariants::Invariants;
use crate::network::{End, Line, Network, Node, Socket};

/// What happens at a moment.
#[derive(Debug)]
pub(crate) enum Event {
    /// An acquirer begins its next transaction.
    Begin(usize),
    /// An acquirer sends a transaction again.
    Again(usize, usize),
    /// The customer of an acquirer's approved transaction wants it undone.
    Void(usize, usize),
    Arrive(Socket, End, Message),
    /// An end learns that its connection is gone.
    Gone(Socket, End),
    /// The client of a line tries to connect.
    Connect(Line),
    /// An acquirer's connection takes the switch's next answer.
    Drain(Socket),
    Wake(Node),
    /// An issuer decides what waits; of which run of it.
    Decide(usize, u64),
    /// A node's disk is done syncing; of which run of it.
    Synced(Node, u64),
    Strike(Fault),
    Restart(Node),
}

/// The moment that instants are counted from; the same for all worlds of this process.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
/// 2026-03-15T02:30:00Z.
const UTC_MILLIS: i64 = 1_773_541_800_000;
/// How much of the trace a failure shows.
const TAIL: usize = 120;

pub(crate) struct Stage {
    pub(crate) now: Duration,
    pub(crate) rng: Rng,
    pub(crate) network: Network,
    pub(crate) weather: Weather,
    pub(crate) planted: Planted,
    pub(crate) invariants: Invariants,
    queue: BTreeMap<(Duration, u64), Event>,
    next: u64,
    lines: Vec<String>,
    hash: DefaultHasher,
}

impl Stage {
    pub(crate) fn new(rng: Rng, planted: Planted, weather: Weather, issuers: usize) -> Self {
        Self {
            now: Duration::ZERO,
            rng,
            network: Network::default(),
            weather,
            planted,
            invariants: Invariants::new(issuers),
            queue: BTreeMap::new(),
            next: 0,
            lines: Vec::new(),
            hash: DefaultHasher::new(),
        }
    }

    /// The time by a clock that is so many milliseconds off.
    pub(crate) fn clock(&self, skew_millis: i64) -> Now {
        let passed = i64::try_from(self.now.as_millis()).expect("a short world");
        Now {
            instant: *EPOCH + self.now,
            utc: Timestamp::from_millisecond(UTC_MILLIS + passed + skew_millis).expect("a date"),
        }
    }

    /// When an instant is.
    pub(crate) fn moment(instant: Instant) -> Duration {
        instant.saturating_duration_since(*EPOCH)
    }

    pub(crate) fn at(&mut self, moment: Duration, event: Event) {
        self.queue.insert((moment.max(self.now), self.next), event);
        self.next += 1;
    }

    pub(crate) fn after(&mut self, time: Duration, event: Event) {
        self.at(self.now + time, event);
    }

    /// After some time of this range in milliseconds.
    pub(crate) fn soon(&mut self, millis: core::ops::Range<u64>, event: Event) {
        let time = Duration::from_millis(self.rng.u64(millis));
        self.after(time, event);
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let ((moment, _), event) = self.queue.pop_first()?;
        self.now = moment;
        Some(event)
    }

    /// Does what happens so often happen now?
    pub(crate) fn chance(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.rng.u32(0..1_000) < thousandths
    }

    /// Is this mistake made now?
    pub(crate) fn plants(&mut self, mistake: Planted) -> bool {
        self.planted == mistake && self.chance(300)
    }

    /// A line of the trace.
    pub(crate) fn say(&mut self, line: Arguments<'_>) {
        let line = format!("{:>10.3}  {line}", self.now.as_secs_f64());
        self.shown(&line);
        self.lines.push(line);
    }

    /// What a program would print or log: part of the trace's hash, and free of card numbers.
    pub(crate) fn show(&mut self, value: &impl Debug) {
        let text = format!("{value:?}");
        self.shown(&text);
    }

    fn shown(&mut self, text: &str) {
        text.hash(&mut self.hash);
        self.invariants.check_masked(text);
    }

    pub(crate) fn send(&mut self, socket: Socket, from: End, message: &Message) {
        let Some(line) = self.network.line(socket) else {
            return;
        };
        if !self.network.is_held(socket, from) {
            return;
        }
        let to = from.other();
        self.say(format_args!(
            "{:?} → {:?}  {}",
            line.node(from),
            line.node(to),
            words(message)
        ));
        self.show(message);
        if self.network.is_silent(socket) || self.chance(self.weather.lost) {
            return self.say(format_args!("            lost"));
        }
        let between_hosts = matches!(line, Line::Issuer(..));
        self.carry(socket, to, message, between_hosts);
        if between_hosts && self.chance(self.weather.twice) {
            self.carry(socket, to, message, between_hosts);
        }
    }

    fn carry(&mut self, socket: Socket, to: End, message: &Message, between_hosts: bool) {
        let slow = self.chance(self.weather.slow);
        let millis = self.rng.u64(if slow { 1_000..20_000 } else { 1..30 });
        let at = self.now + Duration::from_millis(millis);
        let in_order = !(between_hosts && self.weather.unordered);
        let at = self.network.arrival(socket, to, at, in_order);
        self.at(at, Event::Arrive(socket, to, message.clone()));
    }

    /// An end closes a connection, or dies with it.
    pub(crate) fn close(&mut self, socket: Socket, end: End, other_is_told: bool) {
        let silent = self.network.is_silent(socket);
        self.network.release(socket, end);
        if other_is_told && !silent {
            self.soon(1..200, Event::Gone(socket, end.other()));
        }
    }

    /// The last lines of the trace.
    pub(crate) fn tail(&self) -> String {
        let from = self.lines.len().saturating_sub(TAIL);
        self.lines.get(from..).unwrap_or_default().join("\n")
    }

    pub(crate) fn trace(&self) -> String {
        self.lines.join("\n")
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.hash.finish()
    }
}

/// A message, in one line.
pub(crate) fn words(message: &Message) -> String {
    let text = |de| message.text(de).unwrap_or("-").to_owned();
    let [stan, rrn, code, function] = [11, 37, 39, 70].map(text);
    format!("{} {stan} {rrn} {code} {function}", message.mti())
}
