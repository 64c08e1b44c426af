//! Instructions of every task, counted by callgrind: the same on a busy machine and on an idle one.

use std::io::ErrorKind;
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::comparisons::Comparison;

/// Two runs of a task: what they differ by is the task and nothing of its start.
const FEW: u64 = 100;
const MANY: u64 = 1_100;

/// Thousandths of an instruction an operation, of each task of a comparison, ours first. The first
/// of them has this place among the tasks of all comparisons.
pub(crate) fn count(comparison: &mut Comparison, first: usize) -> anyhow::Result<Vec<Vec<u64>>> {
    let places = first..first + comparison.tasks().count();
    places
        .map(|place| {
            let (few, many) = (collected(place, FEW)?, collected(place, MANY)?);
            Ok(vec![many.saturating_sub(few) * 1_000 / (MANY - FEW)])
        })
        .collect()
}

/// Runs this program again under callgrind, doing one task so many times.
fn collected(place: usize, times: u64) -> anyhow::Result<u64> {
    let program = std::env::current_exe().context("this program's own path")?;
    let (place, times) = (place.to_string(), times.to_string());
    let ended = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--bench", "--task", &place, "--times", &times])
        .output();
    let output = match ended {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("valgrind counts the instructions, and is missing: apt-get install valgrind")
        }
        Err(error) => return Err(error).context("valgrind"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "valgrind, {}:\n{said}",
        output.status
    );
    said.lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
        .with_context(|| format!("valgrind told no count:\n{said}"))
}
