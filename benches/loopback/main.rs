//! The whole path over loopback: load generator, switch and instant responder, a process each.
//!
//! ```text
//! generator ══N connections══▶ switch ──one link──▶ responder      "switch"
//! generator ══N connections═══════════════════════▶ responder      "direct", the yardstick
//! ```
//!
//! This program is all three: it starts itself again with a role. Every answer is checked; one
//! that is wrong or missing makes the exit code 1.

mod connection;
mod generator;
mod process;
mod report;
mod roles;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use benches::Key;
use clap::Parser;
use iso8583::Dialect;

use crate::connection::Connection;
use crate::generator::{Generator, Load, Pace, Timing};
use crate::process::Process;
use crate::report::{Row, Table};

/// Messages per second, CPU and latency of the switch over loopback.
#[derive(Debug, Parser)]
#[command(name = "loopback")]
struct Args {
    /// Seconds measured of each load.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds: each measures every load once, on switch and yardstick in turn.
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// One round of a second each.
    #[arg(long)]
    quick: bool,
    /// One round of a twentieth of a second each: does it work?
    #[arg(long)]
    test: bool,
    /// Only the loads whose name begins so.
    #[arg(long, default_value = "")]
    load: String,
    /// What `cargo bench` gives; without it this is a test, as with criterion.
    #[arg(long, hide = true)]
    bench: bool,
    /// What `cargo bench` is asked for: a filter that does not fit means that another bench is.
    #[arg(hide = true)]
    filter: Option<String>,
    /// A part to play, for the processes this program starts.
    #[arg(long, hide = true)]
    role: Option<roles::Role>,
    /// The responder's address, for the switch.
    #[arg(long, hide = true)]
    issuer: Option<SocketAddr>,
}

/// The loads, from the easiest to the hardest.
const LOADS: [Load; 4] = [
    Load {
        name: "1 in flight",
        connections: 1,
        pace: Pace::Closed { in_flight: 1 },
    },
    Load {
        name: "5 000/s",
        connections: 16,
        pace: Pace::Open { per_second: 5_000 },
    },
    Load {
        name: "20 000/s",
        connections: 16,
        pace: Pace::Open { per_second: 20_000 },
    },
    Load {
        name: "16 x 64",
        connections: 16,
        pace: Pace::Closed { in_flight: 64 },
    },
];

/// How long until a link that was just started carries messages.
const READY_TIME: Duration = Duration::from_secs(10);

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if let Some(role) = args.role {
        roles::play(role, args.issuer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (timing, rounds) = args.timing();
    if args
        .filter
        .is_some_and(|filter| !"loopback".contains(&filter))
    {
        return Ok(ExitCode::SUCCESS);
    }
    let table = measure(&timing, rounds, &args.load)?;
    writeln!(std::io::stdout(), "{table}")?;
    Ok(if table.all_right() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Args {
    /// How long to measure, and how often.
    fn timing(&self) -> (Timing, u64) {
        let (window, rounds) = if self.test || !self.bench {
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
}

/// Where load is sent to, and whose CPU time is told.
struct Target<'a> {
    name: &'static str,
    address: SocketAddr,
    dialect: &'static Dialect,
    watched: &'a Process,
}

fn measure(timing: &Timing, rounds: u64, named: &str) -> anyhow::Result<Table> {
    let responder = Process::start(&["--role", "responder"])?;
    let issuer = responder.address.to_string();
    let switch = Process::start(&["--role", "switch", "--issuer", &issuer])?;
    let targets = [
        Target {
            name: "direct",
            address: responder.address,
            dialect: Dialect::iso87_ascii_binmap(),
            watched: &responder,
        },
        Target {
            name: "switch",
            address: switch.address,
            dialect: Dialect::iso87_ascii(),
            watched: &switch,
        },
    ];
    // No two requests of a run have the same key: each connection has a number of its own.
    let mut numbers = 1..;
    for target in &targets {
        wait_until_ready(target, &mut numbers)?;
    }
    let mut table = Table::default();
    for round in 1..=rounds {
        for load in LOADS.iter().filter(|load| load.name.starts_with(named)) {
            for target in &targets {
                let numbered = numbers.by_ref().take(load.connections);
                let connections = numbered
                    .map(|number| target.connect(number))
                    .collect::<anyhow::Result<Vec<Connection>>>()?;
                let figures = Generator::new(load, timing, connections)?.run(target.watched)?;
                let row = Row {
                    load: load.name,
                    target: target.name,
                    figures,
                };
                writeln!(std::io::stdout(), "round {round} of {rounds}: {row}")?;
                table.push(row);
            }
        }
    }
    Ok(table)
}

/// Asks until the answer is an approval: then all links on the way are up.
fn wait_until_ready(
    target: &Target<'_>,
    numbers: &mut impl Iterator<Item = u64>,
) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    let mut last = String::new();
    while started.elapsed() < READY_TIME {
        for number in numbers.by_ref().take(1) {
            match target.connect(number)?.ask(Key::new(number, 0)) {
                Ok(()) => return Ok(()),
                Err(error) => last = format!("{error:#}"),
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    anyhow::bail!("{} is not ready: {last}", target.name)
}

impl Target<'_> {
    fn connect(&self, number: u64) -> anyhow::Result<Connection> {
        Connection::open(self.address, self.dialect, number)
    }
}
