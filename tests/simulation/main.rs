//! The switch in a simulated world, seed by seed.
//!
//! Each seed is a world of acquirers, a switch and issuers, in which messages are delayed, lost,
//! repeated and reordered, connections break and fall silent, disks tear and fail, clocks jump,
//! nodes go down at any step. The nodes drive the pure cores of the product; time is virtual,
//! everything happens on one thread in an order drawn from the seed. After every step the
//! invariants hold, and at the end nothing is left over.
//!
//! - I1: the issuers' money is what their records and the acquirers' approvals say, to the won
//! - I2: nobody spends what a card has not
//! - I3: a transaction has one effect at most, at one issuer
//! - I4: what an acquirer was told 00 is durable
//! - I5: what it was not told 00 is reversed, or the switch lists it as unknown; what is reversed
//!   is never approved, and given up only when its reversal is durable
//! - I6: the records alone make the same books again
//! - I7: an acquirer that counts what it was told has the totals of the switch, to the won, unless
//!   the switch's machine went down and took records with it
//!
//! And no clear card number in anything that a program could print.
//!
//! ```text
//! cargo test -p system-tests --test simulation                    a few hundred seeds
//! SIM_SEEDS=2000 cargo test --release … simulation -- --nocapture as many as asked for
//! SIM_FIRST=81 SIM_SEEDS=1 cargo test …                           one seed, with its whole trace
//! ```

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test kit: what goes wrong here is a failed test"
)]

mod acquirer;
mod disk;
mod faults;
mod invariants;
mod issuer;
mod network;
mod recovery;
mod stage;
mod switch;
mod terminal;
mod van;
mod world;

use std::time::Instant;

use crate::faults::Planted;
use crate::world::run;

fn number(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |value| value.parse().expect("a number"))
}

#[test]
fn every_seed_keeps_its_promises() {
    let (first, seeds) = (number("SIM_FIRST", 0), number("SIM_SEEDS", 200));
    let (mut transactions, mut kept) = (0, 0);
    let began = Instant::now();
    for seed in first..first + seeds {
        let ended = run(seed, Planted::None);
        if let Some(broken) = ended.broken {
            let trace = if seeds == 1 {
                &ended.trace
            } else {
                &ended.tail
            };
            panic!(
                "{trace}\n\nseed {seed}: {broken}\n\
                again, with the whole trace: SIM_FIRST={seed} SIM_SEEDS=1"
            );
        }
        transactions += ended.transactions;
        kept += ended.kept;
    }
    println!(
        "{seeds} seeds from {first}: {transactions} transactions, {kept} approved and kept; {:?}",
        began.elapsed()
    );
    assert!(
        kept * 4 > transactions,
        "most of what was asked for was never approved"
    );
}

/// Seeds that failed once, whatever else is asked for.
///
/// - 21462: an approval stuck in a connection that its acquirer had left was reversed, though its
///   repeat had been approved on the next connection
/// - 5622: an acquirer was told that its reversal was carried out, which was counted in a record
///   that could not be written
const KEPT: [u64; 2] = [5_622, 21_462];

#[test]
fn seeds_that_failed_once_do_so_no_more() {
    for seed in KEPT {
        assert_eq!(run(seed, Planted::None).broken, None, "seed {seed}");
    }
}

#[test]
fn a_seed_runs_to_the_same_trace_again() {
    for seed in 0..40 {
        let (once, again) = (run(seed, Planted::None), run(seed, Planted::None));
        assert_eq!(once.trace, again.trace, "seed {seed}");
        assert_eq!(once.fingerprint, again.fingerprint, "seed {seed}");
    }
}

#[test]
fn every_planted_mistake_is_found() {
    for (planted, breaks) in Planted::ALL {
        // The mistake itself must be what is found, in a world that is in order without it.
        let found = (0..2_000).find_map(|seed| {
            let broken = run(seed, planted).broken?;
            broken.starts_with(breaks).then_some((seed, broken))
        });
        let Some((seed, broken)) = found else {
            panic!("{planted:?} is not found");
        };
        println!("{planted:?} is found by seed {seed}: {broken}");
        assert_eq!(run(seed, Planted::None).broken, None, "seed {seed}");
    }
}
