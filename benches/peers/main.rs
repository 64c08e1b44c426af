//! Our codec beside others of the registry, on one message: a chip purchase of 20 elements with
//! 109 bytes of EMV.
//!
//! ```console
//! cargo bench -p benches --bench peers                     # CPU time, in turns
//! cargo bench -p benches --bench peers -- --instructions   # under callgrind
//! cargo bench -p benches --bench peers -- --test           # each once: do they agree?
//! ```
//!
//! Every run first checks that all codecs get the same values out of an operation; one that does
//! not ends the bench. Their specifications do not all permit the same bytes:
//!
//! - ours and `iso8583-codec` read a raw bitmap, the others a hex one: 8 bytes more
//! - where DE 52 and 55 are hex, ours makes bytes of them, others hand on the digits; ours counts
//!   the bytes of DE 55 (109), others its digits (218); `iso8583-codec` has no such form
//! - BCD: `iso8583-codec` leaves MTI and track 2 as text and pads an odd digit on the right
//!
//! Nor do they all check the same: `i8583` checks lengths only, `iso_8583_rs` no track 2 and,
//! read lazily, no characters; what it encodes it has checked before, when it was set (`build,
//! encode` has both in it).
//!
//! - `purchase.rs`: the message, by hand, in each form
//! - `sides/`: a file for each codec; ours calls `benches::ours`
//! - `comparisons.rs`: who beside whom, the targets, and the check that all agree

mod comparisons;
mod instructions;
mod purchase;
mod report;
mod sides;
mod timing;

use std::io::Write;

use clap::Parser;

use crate::report::{Table, Unit};

/// CPU time or instructions of our codec beside others.
#[derive(Debug, Parser)]
#[command(name = "peers")]
struct Args {
    /// How often each is timed.
    #[arg(long, default_value_t = 101)]
    rounds: usize,
    /// Count instructions with callgrind instead.
    #[arg(long)]
    instructions: bool,
    /// Each once: do all agree?
    #[arg(long)]
    test: bool,
    /// What `cargo bench` gives; without it this is a test, as with criterion.
    #[arg(long, hide = true)]
    bench: bool,
    /// What `cargo bench` is asked for: a filter that does not fit means that another bench is.
    #[arg(hide = true)]
    filter: Option<String>,
    /// A task to do, for the processes this program starts under callgrind.
    #[arg(long, hide = true, requires = "times")]
    task: Option<usize>,
    /// How often to do it.
    #[arg(long, hide = true)]
    times: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let (Some(task), Some(times)) = (args.task, args.times) {
        comparisons::nth(task)?.repeat(times);
        return Ok(());
    }
    if args.filter.is_some_and(|filter| !"peers".contains(&filter)) {
        return Ok(());
    }
    let mut comparisons = comparisons::all()?;
    let mut out = std::io::stdout();
    if args.test || !args.bench {
        for task in comparisons.iter_mut().flat_map(|each| each.tasks()) {
            task.repeat(1);
        }
        let count = comparisons.len();
        writeln!(out, "peers: all agree in {count} comparisons")?;
        return Ok(());
    }
    let unit = if args.instructions {
        Unit::Instructions
    } else {
        Unit::Nanoseconds
    };
    let mut table = Table::new(unit);
    let mut first = 0;
    for comparison in &mut comparisons {
        let figures = match unit {
            Unit::Nanoseconds => timing::rounds(comparison, args.rounds),
            Unit::Instructions => instructions::count(comparison, first)?,
        };
        first += figures.len();
        table.add(comparison, &figures);
    }
    write!(out, "{table}")?;
    Ok(())
}
