//! The whole path over loopback: load generator, switch and instant responder, a process each.
//!
//! ```text
//! generator ══N connections══▶ switch ──one link──────▶ responder      "switch"
//! generator ══N connections══▶ relay ══N connections══▶ responder      "relay", "haproxy"
//! generator ══N connections═══════════════════════════▶ responder      "direct"
//! ```
//!
//! This program is all of them but HAProxy: it starts itself again with a role. Every answer is
//! checked; one that is wrong or missing makes the exit code 1.

mod aims;
mod connection;
mod generator;
mod haproxy;
mod idle;
mod loads;
mod overload;
mod process;
mod relay;
mod report;
mod responder;
mod roles;
mod socket;
mod targets;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;

use crate::aims::Aims;
use crate::generator::{Load, Timing};
use crate::targets::{Numbers, Parties, SWITCH};

/// Messages per second, CPU and latency of the switch over loopback, beside yardsticks.
#[derive(Debug, Parser)]
#[command(name = "loopback")]
struct Args {
    /// Seconds measured of each load.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds: each measures every load once, on all targets in turn.
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// One round of a second each; overload for ten.
    #[arg(long)]
    quick: bool,
    /// One round of a twentieth of a second each, few connections: does it work?
    #[arg(long)]
    test: bool,
    /// How many connections, fewest first.
    #[arg(long, value_delimiter = ',', default_value = "16,1000,10000")]
    connections: Vec<usize>,
    /// One of the loads alone, by its name: "16 x 64".
    #[arg(long, value_name = "NAME")]
    load: Option<String>,
    /// Instead: the memory of so many connections that do nothing.
    #[arg(long, value_name = "CONNECTIONS")]
    idle: Option<usize>,
    /// Instead: three times the peak, for a minute. See --responder-rate.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
    overload: Option<u64>,
    /// HAProxy's threads: as many as the switch has on two cores.
    #[arg(long, default_value_t = 2)]
    haproxy_threads: usize,
    #[command(flatten)]
    part: roles::Part,
    /// What `cargo bench` gives; without it this is a test, as with criterion.
    #[arg(long, hide = true)]
    bench: bool,
    /// What `cargo bench` is asked for: a filter that does not fit means that another bench is.
    #[arg(hide = true)]
    filter: Option<String>,
    /// A part to play, for the processes this program starts.
    #[arg(long, hide = true)]
    role: Option<roles::Role>,
}

/// How long overload lasts.
const OVERLOAD_TIME_QUICK: Duration = Duration::from_secs(10);
const OVERLOAD_TIME_TEST: Duration = Duration::from_millis(300);
/// Connections of a test: of each load, and idle ones.
const TESTED: [usize; 2] = [16, 200];

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if let Some(role) = args.role {
        roles::play(role, &args.part)?;
        return Ok(ExitCode::SUCCESS);
    }
    let fits = |filter: &String| "loopback".contains(filter);
    if !args.filter.as_ref().is_none_or(fits) {
        return Ok(ExitCode::SUCCESS);
    }
    Ok(if args.run()? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Args {
    /// Runs what is asked for; was every answer right?
    fn run(&self) -> anyhow::Result<bool> {
        let test = self.test || !self.bench;
        let sizes = if test { &TESTED[..] } else { &self.connections };
        let most = sizes.iter().copied().chain(self.idle).max().unwrap_or(1);
        // A relay has one to the responder for each of its own.
        let sockets = process::allow_sockets(most * 2)?;
        ensure!(
            most <= sockets,
            "{most} connections, and the system allows {sockets}: ulimit -n, or --connections"
        );
        let parties = Parties::start(sockets, self.haproxy_threads, self.part.responder_rate)?;
        let mut out = std::io::stdout();
        match parties.has_haproxy() {
            true => writeln!(out, "haproxy has {} threads", self.haproxy_threads)?,
            false => writeln!(out, "no rows of haproxy: {}", haproxy::INSTALL)?,
        }
        let mut numbers = Numbers::default();
        let targets = parties.targets(&mut numbers)?;
        for target in targets
            .iter()
            .filter(|target| most > target.connections_max)
        {
            let (name, max) = (target.name, target.connections_max);
            writeln!(
                out,
                "no rows of {name} with more than {max} connections: ulimit -n"
            )?;
        }
        let (timing, rounds) = self.timing(test);
        let (mut aims, mut all_right) = (Vec::new(), true);
        if test || self.idle.is_none() && self.overload.is_none() {
            let wanted = |load: &Load| {
                self.load
                    .as_ref()
                    .is_none_or(|name| *name == load.to_string())
            };
            let mut loads = loads::of(sizes);
            loads.retain(wanted);
            ensure!(!loads.is_empty(), "no load is named {:?}", self.load);
            let table = loads::measure(&targets, &mut numbers, &loads, &timing, rounds)?;
            writeln!(out, "{table}{}", table.growths(sizes))?;
            aims.extend(table.aims(sizes));
            all_right &= table.all_right();
        }
        if let Some(connections) = self.idle.or_else(|| test.then_some(most)) {
            aims.extend(idle::measure(&targets, &mut numbers, connections)?);
        }
        if let Some(window) = self.overload_time(test) {
            let switch = targets.iter().find(|target| target.name == SWITCH);
            let switch = switch.context("no switch")?;
            let (more, right) = overload::measure(switch, &mut numbers, &timing, window)?;
            aims.extend(more);
            all_right &= right;
        }
        writeln!(out, "{}", Aims(aims))?;
        Ok(all_right)
    }

    /// How long to measure, and how often.
    fn timing(&self, test: bool) -> (Timing, u64) {
        let (window, rounds) = if test {
            (Duration::from_millis(50), 1)
        } else if self.quick {
            (Duration::from_secs(1), 1)
        } else {
            (Duration::from_secs(self.seconds), self.rounds)
        };
        let timing = Timing {
            warm_up: (window / 5).min(Duration::from_millis(500)),
            window,
        };
        (timing, rounds)
    }

    fn overload_time(&self, test: bool) -> Option<Duration> {
        let time = self.overload.map(Duration::from_secs);
        if test {
            Some(OVERLOAD_TIME_TEST)
        } else if self.quick {
            time.map(|time| time.min(OVERLOAD_TIME_QUICK))
        } else {
            time
        }
    }
}
