//! The rounds: every load on every target, in turns.

use std::io::Write;

use crate::generator::{Generator, Load, Pace, Timing};
use crate::report::{Row, Table};
use crate::targets::{Numbers, Target};

/// The open loops, in messages a second over all connections.
pub(crate) const SLOW: u64 = 5_000;
pub(crate) const FAST: u64 = 20_000;

/// In flight on a connection at the peak, and at most on all together where that is more.
const PEAK_EACH: usize = 64;
const PEAK_ALL: usize = 4_096;

/// The peak of so many connections: few in flight on each where there are many.
pub(crate) fn peak(connections: usize) -> Load {
    Load {
        connections,
        pace: Pace::Closed {
            in_flight: (PEAK_ALL / connections.max(1)).clamp(1, PEAK_EACH),
        },
    }
}

/// An open loop.
pub(crate) const fn open(connections: usize, per_second: u64) -> Load {
    Load {
        connections,
        pace: Pace::Open { per_second },
    }
}

/// From the easiest to the hardest.
pub(crate) fn of(sizes: &[usize]) -> Vec<Load> {
    let alone = Load {
        connections: 1,
        pace: Pace::Closed { in_flight: 1 },
    };
    let of_size = |size: &usize| [open(*size, SLOW), open(*size, FAST), peak(*size)];
    let mut loads = vec![alone];
    loads.extend(sizes.iter().flat_map(of_size));
    loads
}

pub(crate) fn measure(
    targets: &[Target<'_>],
    numbers: &mut Numbers,
    loads: &[Load],
    timing: &Timing,
    rounds: u64,
) -> anyhow::Result<Table> {
    let mut table = Table::default();
    for round in 1..=rounds {
        for load in loads {
            for target in targets {
                if load.connections > target.connections_max {
                    continue;
                }
                let connections = target.connect(numbers, load.connections)?;
                let figures = Generator::new(load, timing, connections)?.run(target.watched)?;
                let row = Row {
                    load: *load,
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
