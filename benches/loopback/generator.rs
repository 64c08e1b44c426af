//! The load generator: one thread, epoll, and no work it can avoid, for it shares the machine
//! with what it measures.

use std::fmt;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

use crate::connection::{Arrival, Connection};
use crate::process::{Process, own_cpu_time};

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.pace {
            Pace::Closed { in_flight } => format!("{} x {in_flight}", self.connections),
            Pace::Open { per_second } => format!("{} at {per_second}/s", self.connections),
        };
        f.pad(&text)
    }
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So many wait on each connection; each answer brings the next request.
    Closed { in_flight: usize },
    /// So many a second over all connections, evenly spaced, answered or not. Latency counts
    /// from when a request was to start, not from when it did.
    Open { per_second: u64 },
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
}

/// What was measured of one load.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Answered within the window.
    pub(crate) answered: u64,
    pub(crate) window: Duration,
    /// Of the process under load, within the window.
    pub(crate) cpu: Duration,
    /// Of the generator, within the window.
    pub(crate) own_cpu: Duration,
    /// Nanoseconds, of approved requests started within the window.
    pub(crate) latency: Histogram<u64>,
    /// The same of requests refused with 91 or 96.
    pub(crate) refused: Histogram<u64>,
    /// Nanoseconds by which requests of an open loop were begun too late.
    pub(crate) lag: Histogram<u64>,
    pub(crate) wrong: u64,
    /// Requests without an answer.
    pub(crate) missing: u64,
    /// Requests of an open loop not sent, for as many as may waited for answers.
    pub(crate) unsent: u64,
    /// The first of the wrong answers.
    pub(crate) complaint: Option<String>,
}

/// A run of one load.
#[derive(Debug)]
pub(crate) struct Generator<'a> {
    load: &'a Load,
    connections: Vec<Connection>,
    /// By connection: has it something that the system did not take yet?
    unwritten: Vec<usize>,
    poll: OwnedFd,
    scratch: Vec<u8>,
    window: (Instant, Instant),
    /// Requests of an open loop begun so far.
    begun: u64,
    begin: Instant,
    figures: Figures,
}

/// How long the last answers may take: longer than the switch waits for its issuer.
const DRAIN_TIME: Duration = Duration::from_secs(15);
const LATENCY_MAX: Duration = Duration::from_secs(60);
/// Connections told of at a time.
const READY_MAX: usize = 256;
const SCRATCH_BYTES: usize = 64 << 10;
/// How soon a connection that takes no more is tried again.
const RETRY_TIME: Duration = Duration::from_millis(1);

impl<'a> Generator<'a> {
    pub(crate) fn new(
        load: &'a Load,
        timing: &'a Timing,
        connections: Vec<Connection>,
    ) -> anyhow::Result<Self> {
        // Else the system wakes sleepers up to 50 µs late.
        rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (place, connection) in (0..).zip(&connections) {
            connection.start()?;
            let data = epoll::EventData::new_u64(place);
            epoll::add(&poll, connection, data, epoll::EventFlags::IN)?;
        }
        let begin = Instant::now();
        let start = begin + timing.warm_up;
        let max = u64::try_from(LATENCY_MAX.as_nanos())?;
        let histogram = Histogram::new_with_max(max, 3)?;
        Ok(Self {
            load,
            unwritten: Vec::with_capacity(connections.len()),
            connections,
            poll,
            scratch: vec![0; SCRATCH_BYTES],
            window: (start, start + timing.window),
            begun: 0,
            begin,
            figures: Figures {
                answered: 0,
                window: timing.window,
                cpu: Duration::ZERO,
                own_cpu: Duration::ZERO,
                latency: histogram.clone(),
                refused: histogram.clone(),
                lag: histogram,
                wrong: 0,
                missing: 0,
                unsent: 0,
                complaint: None,
            },
        })
    }

    /// Warms up, measures, and waits for the last answers.
    pub(crate) fn run(mut self, watched: &Process) -> anyhow::Result<Figures> {
        let cpu_times = || anyhow::Ok((watched.cpu_time()?, own_cpu_time()?));
        if let Pace::Closed { in_flight } = self.load.pace {
            let now = Instant::now();
            for connection in &mut self.connections {
                (0..in_flight).for_each(|_| {
                    connection.send(now);
                });
            }
            self.unwritten.extend(0..self.connections.len());
        }
        let (start, end) = self.window;
        self.turn_until(start)?;
        let (cpu, own_cpu) = cpu_times()?;
        let started = Instant::now();
        self.figures.answered = 0;
        self.turn_until(end)?;
        let after = cpu_times()?;
        self.figures.window = started.elapsed();
        (self.figures.cpu, self.figures.own_cpu) = (after.0 - cpu, after.1 - own_cpu);
        let answered = self.figures.answered;
        self.drain(end + DRAIN_TIME)?;
        self.figures.answered = answered;
        Ok(self.figures)
    }

    fn turn_until(&mut self, end: Instant) -> anyhow::Result<()> {
        let mut now = Instant::now();
        while now < end {
            let next = self.begin_due(now);
            self.write()?;
            self.turn(next.map_or(end, |next| next.min(end)), true)?;
            now = Instant::now();
        }
        Ok(())
    }

    fn drain(&mut self, end: Instant) -> anyhow::Result<()> {
        while Instant::now() < end && self.in_flight() > 0 {
            self.write()?;
            self.turn(end, false)?;
        }
        self.figures.missing += u64::try_from(self.in_flight())?;
        Ok(())
    }

    fn in_flight(&self) -> usize {
        self.connections.iter().map(Connection::in_flight).sum()
    }

    /// Queues every request of an open loop whose time has come; when the next is due.
    fn begin_due(&mut self, now: Instant) -> Option<Instant> {
        let Pace::Open { per_second } = self.load.pace else {
            return None;
        };
        loop {
            let due = self.begin + Duration::from_nanos(self.begun * 1_000_000_000 / per_second);
            if due > now {
                return Some(due);
            }
            if self.window.0 <= due {
                let lag = now.saturating_duration_since(due);
                self.figures.lag.saturating_record(nanos(lag));
            }
            let turns = u64::try_from(self.connections.len()).unwrap_or(1);
            let place = usize::try_from(self.begun % turns).unwrap_or(0);
            self.begun += 1;
            if let Some(connection) = self.connections.get_mut(place) {
                if connection.send(due) {
                    self.unwritten.push(place);
                } else {
                    self.figures.unsent += 1;
                }
            }
        }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let mut unwritten = core::mem::take(&mut self.unwritten);
        unwritten.sort_unstable();
        unwritten.dedup();
        let mut failed = Ok(());
        unwritten.retain(|place| {
            let written = self.connections.get_mut(*place).map(Connection::write);
            match written {
                Some(Ok(false)) => true,
                Some(Ok(true)) | None => false,
                Some(Err(error)) => {
                    failed = Err(error);
                    false
                }
            }
        });
        self.unwritten = unwritten;
        failed.context("writing to a connection")
    }

    /// Waits for answers, not beyond `until`, and handles them.
    fn turn(&mut self, until: Instant, go_on: bool) -> anyhow::Result<()> {
        let mut wait = until.saturating_duration_since(Instant::now());
        if !self.unwritten.is_empty() {
            wait = wait.min(RETRY_TIME);
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(wait.as_secs())?,
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let mut ready = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }; READY_MAX];
        let count = match epoll::wait(&self.poll, &mut ready[..], Some(&timeout)) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(error).context("waiting for answers"),
        };
        for event in ready.iter().take(count) {
            self.handle_ready(usize::try_from(event.data.u64())?, go_on)?;
        }
        Ok(())
    }

    fn handle_ready(&mut self, place: usize, go_on: bool) -> anyhow::Result<()> {
        let Some(connection) = self.connections.get_mut(place) else {
            return Ok(());
        };
        let now = Instant::now();
        let figures = &mut self.figures;
        let (start, end) = self.window;
        let mut answers = 0;
        let told = |arrival| {
            answers += 1;
            let (began, latencies) = match arrival {
                Arrival::Right(began) => {
                    figures.answered += 1;
                    (began, &mut figures.latency)
                }
                Arrival::Refused(began) => (began, &mut figures.refused),
                Arrival::Wrong(why) => {
                    figures.wrong += 1;
                    figures.complaint.get_or_insert(why);
                    return;
                }
            };
            if (start..end).contains(&began) {
                latencies.saturating_record(nanos(now.saturating_duration_since(began)));
            }
        };
        connection
            .read(&mut self.scratch, told)
            .context("reading from a connection")?;
        if go_on && matches!(self.load.pace, Pace::Closed { .. }) {
            (0..answers).for_each(|_| {
                connection.send(now);
            });
            // At once: the process at the other end may begin.
            if !connection.write()? {
                self.unwritten.push(place);
            }
        }
        Ok(())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
