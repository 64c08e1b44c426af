//! What load is sent to, all of it before one responder.

use std::iter::Cycle;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::Context;
use benches::{Key, Template};
use iso8583::Dialect;
use tempfile::TempDir;

use crate::connection::Connection;
use crate::haproxy::Haproxy;
use crate::process::Process;

/// The processes.
#[derive(Debug)]
pub(crate) struct Parties {
    // Before the responder, whom they would miss.
    switch: Process,
    _switchs: TempDir,
    relay: Process,
    haproxy: Option<Haproxy>,
    responder: Process,
    /// That each of them may have.
    sockets: usize,
}

/// Where load is sent, and whose CPU time and memory are told.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) name: &'static str,
    address: SocketAddr,
    dialect: &'static Dialect,
    pub(crate) watched: &'a Process,
    request: Template,
    /// As many as it may have.
    pub(crate) connections_max: usize,
}

/// Numbers of connections: no two requests of a run have the same key, or a long time is between
/// them.
#[derive(Debug)]
pub(crate) struct Numbers(Cycle<RangeInclusive<u64>>);

/// The names of [`Target`]s that are reckoned with.
pub(crate) const HAPROXY: &str = "haproxy";
pub(crate) const SWITCH: &str = "switch";

/// How long until a link that was just started carries messages.
const READY_TIME: Duration = Duration::from_secs(10);
/// Connections that are opened before the first of them is used.
const OPENED: usize = 100;
/// Requests that may wait for answers, on all connections together and on each.
const WAITING_MAX: usize = 1 << 17;
const WAITING_EACH: RangeInclusive<usize> = 64..=8_192;

impl Parties {
    /// Starts all, of which each may have so many sockets; the responder answers so many a second.
    pub(crate) fn start(
        sockets: usize,
        haproxy_threads: usize,
        responder_rate: Option<u32>,
    ) -> anyhow::Result<Self> {
        let rate = responder_rate.map(|rate| format!("--responder-rate={rate}"));
        let args = ["--role", "responder"].into_iter().chain(rate.as_deref());
        let responder = Process::start(&args.collect::<Vec<_>>())?;
        let port = responder.address.port();
        // An address each: from one address to one other there are 28,000 ports.
        let issuer = |place| SocketAddr::from(([127, 0, 0, place], port));
        let folder = tempfile::tempdir()?;
        let path = folder.path().to_str().context("a folder without a name")?;
        let before = |role, place| {
            let issuer = issuer(place).to_string();
            Process::start(&["--role", role, "--issuer", &issuer, "--folder", path])
        };
        Ok(Self {
            relay: before("relay", 2)?,
            haproxy: Haproxy::start(issuer(3), sockets / 2, haproxy_threads)?,
            switch: before("switch", 4)?,
            _switchs: folder,
            responder,
            sockets,
        })
    }

    pub(crate) const fn has_haproxy(&self) -> bool {
        self.haproxy.is_some()
    }

    /// What load can be sent to, once all links on the way are up.
    pub(crate) fn targets(&self, numbers: &mut Numbers) -> anyhow::Result<Vec<Target<'_>>> {
        let binary = Dialect::iso87_ascii_binmap();
        let direct = SocketAddr::from(([127, 0, 0, 1], self.responder.address.port()));
        let mut parties = vec![
            ("direct", direct, binary, &self.responder, 1),
            ("relay", self.relay.address, binary, &self.relay, 2),
            (
                SWITCH,
                self.switch.address,
                Dialect::iso87_ascii(),
                &self.switch,
                1,
            ),
        ];
        if let Some(Haproxy { process, .. }) = &self.haproxy {
            parties.insert(2, (HAPROXY, process.address, binary, process, 2));
        }
        let purchase = benches::purchase()?;
        let mut targets = Vec::new();
        for (name, address, dialect, watched, sockets_each) in parties {
            let target = Target {
                name,
                address,
                dialect,
                watched,
                request: Template::new(&purchase, dialect)?,
                connections_max: self.sockets / sockets_each,
            };
            target.wait_until_ready(numbers)?;
            targets.push(target);
        }
        Ok(targets)
    }
}

impl Target<'_> {
    /// So many connections, each of which was used once, so that the whole way is open.
    pub(crate) fn connect(
        &self,
        numbers: &mut Numbers,
        connections: usize,
    ) -> anyhow::Result<Vec<Connection>> {
        self.open(numbers, connections, |some| {
            some.iter_mut().try_for_each(Connection::ask)?;
            some.iter_mut().try_for_each(Connection::asked)
        })
    }

    /// So many connections, each of them signed on.
    pub(crate) fn sign_on(
        &self,
        numbers: &mut Numbers,
        connections: usize,
    ) -> anyhow::Result<Vec<Connection>> {
        self.open(numbers, connections, |some| {
            some.iter_mut().try_for_each(Connection::sign_on)
        })
    }

    /// Opens some and uses them before the next are opened: who has not accepted yet loses those
    /// that come when its queue is full, and they are tried again after a second.
    fn open(
        &self,
        numbers: &mut Numbers,
        connections: usize,
        mut begin: impl FnMut(&mut [Connection]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Vec<Connection>> {
        let waiting = WAITING_MAX / connections.max(1);
        let waiting = waiting.clamp(*WAITING_EACH.start(), *WAITING_EACH.end());
        let mut all: Vec<Connection> = Vec::with_capacity(connections);
        while all.len() < connections {
            let first = all.len();
            for number in numbers.0.by_ref().take(OPENED.min(connections - first)) {
                let (address, request) = (self.address, &self.request);
                let opened = Connection::open(address, self.dialect, number, request, waiting)?;
                all.push(opened);
            }
            let begun = begin(all.get_mut(first..).unwrap_or_default());
            begun.with_context(|| format!("the first request to {}", self.name))?;
        }
        Ok(all)
    }

    fn wait_until_ready(&self, numbers: &mut Numbers) -> anyhow::Result<()> {
        let started = Instant::now();
        while let Err(error) = self.connect(numbers, 1) {
            if started.elapsed() > READY_TIME {
                return Err(error).with_context(|| format!("{} is not ready", self.name));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self((1..=Key::CONNECTION_MAX).cycle())
    }
}
