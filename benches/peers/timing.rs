//! CPU time of every task, in turns: what the machine does to one it does to all.

use std::time::Duration;

use benches::CpuTime;

use crate::comparisons::Comparison;
use crate::sides::Task;

/// What a task is timed at a time: long beside the clock, short beside what disturbs.
const BATCH: Duration = Duration::from_millis(2);

/// Picoseconds an operation: the rounds of each task, ours first.
pub(crate) fn rounds(comparison: &mut Comparison, rounds: usize) -> Vec<Vec<u64>> {
    let mut tasks: Vec<(&mut Task, u64)> = comparison
        .tasks()
        .map(|task| {
            let times = times_in_a_batch(task);
            (task, times)
        })
        .collect();
    let mut figures = vec![Vec::with_capacity(rounds); tasks.len()];
    for round in 0..rounds {
        // Nobody always comes first, nor always after the same one.
        let mut order: Vec<_> = tasks.iter_mut().zip(&mut figures).collect();
        let first = round % order.len();
        order.rotate_left(first);
        for ((task, times), figures) in order {
            figures.push(picoseconds(spent(task, *times), *times));
        }
    }
    figures
}

/// How often a task is done in a batch; warms it up as well.
fn times_in_a_batch(task: &mut Task) -> u64 {
    let mut times = 1_000;
    loop {
        let spent = spent(task, times);
        if spent >= BATCH / 2 {
            let wanted = BATCH.as_nanos() * u128::from(times) / spent.as_nanos().max(1);
            return u64::try_from(wanted).unwrap_or(times).max(1);
        }
        times *= 2;
    }
}

fn spent(task: &mut Task, times: u64) -> Duration {
    let start = CpuTime::now();
    task.repeat(times);
    CpuTime::now().saturating_sub(start)
}

fn picoseconds(spent: Duration, times: u64) -> u64 {
    let each = spent.as_nanos() * 1_000 / u128::from(times.max(1));
    u64::try_from(each).unwrap_or(u64::MAX)
}
