//! Figures as a table.

use std::fmt;

use benches::Spread;

use crate::comparisons::{Comparison, Target};

/// What was counted, in thousandths of the unit: picoseconds of CPU time, or thousandths of an
/// instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanoseconds,
    Instructions,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Instructions => "instructions",
        }
    }
}

/// A line: ours beside one other, or alone.
#[derive(Debug)]
struct Line {
    operation: &'static str,
    form: &'static str,
    other: &'static str,
    ours: Spread,
    /// The other's figure, and ours by it in thousandths, round by round.
    beside: Option<(Spread, Spread)>,
    target: Option<Target>,
}

impl Line {
    /// Targets are of time.
    fn met(&self) -> Option<bool> {
        let found = match self.target? {
            Target::Hundredths(most) => self.beside.as_ref()?.1.median <= most * 10,
            Target::Nanos(most) => self.ours.median <= most * 1_000,
        };
        Some(found)
    }
}

/// Every comparison, a line for each other.
#[derive(Debug)]
pub(crate) struct Table {
    unit: Unit,
    lines: Vec<Line>,
}

impl Table {
    pub(crate) const fn new(unit: Unit) -> Self {
        Self {
            unit,
            lines: Vec::new(),
        }
    }

    /// Takes in the rounds of a comparison's tasks, ours first.
    pub(crate) fn add(&mut self, comparison: &Comparison, figures: &[Vec<u64>]) {
        let Some((ours, others)) = figures.split_first() else {
            return;
        };
        let line = |other, beside, target| Line {
            operation: comparison.operation.name(),
            form: comparison.form.name(),
            other,
            ours: Spread::of(ours.iter().copied()),
            beside,
            target,
        };
        if others.is_empty() {
            self.lines.push(line("-", None, comparison.alone));
        }
        for (other, figures) in comparison.others.iter().zip(others) {
            let pairs = ours.iter().zip(figures);
            let ratio = Spread::of(pairs.map(|(ours, other)| ours * 1_000 / (*other).max(1)));
            let figure = Spread::of(figures.iter().copied());
            self.lines
                .push(line(other.name, Some((figure, ratio)), other.target));
        }
    }
}

impl fmt::Display for Table {
    /// Markdown: medians over the rounds, and the least and greatest ratio.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit.name();
        let (targets, rule) = match self.unit {
            Unit::Nanoseconds => (" target | met |", "---|---|"),
            Unit::Instructions => ("", ""),
        };
        writeln!(
            f,
            "| operation | form | beside | ours, {unit} | theirs, {unit} | ours by theirs \
             |{targets}\n\
             |---|---|---|---|---|---|{rule}"
        )?;
        for line in &self.lines {
            let Line {
                operation,
                form,
                other,
                ours,
                ..
            } = line;
            write!(f, "| {operation} | {form} | {other} | {} |", whole(*ours))?;
            match &line.beside {
                Some((theirs, ratio)) => {
                    write!(f, " {} | {} |", whole(*theirs), in_full(*ratio))?;
                }
                None => write!(f, " | |")?,
            }
            if self.unit == Unit::Nanoseconds {
                match (line.target, line.met()) {
                    (Some(target), Some(met)) => {
                        write!(f, " {target} | {} |", if met { "yes" } else { "no" })?;
                    }
                    _ => write!(f, " | |")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The median of thousandths, rounded.
const fn whole(spread: Spread) -> u64 {
    (spread.median + 500) / 1_000
}

/// Thousandths with two decimals: the median, and the least and greatest where they differ.
fn in_full(spread: Spread) -> String {
    let hundredths = |thousandths: u64| {
        let rounded = (thousandths + 5) / 10;
        format!("{}.{:02}", rounded / 100, rounded % 100)
    };
    let median = hundredths(spread.median);
    if spread.min == spread.max {
        return median;
    }
    let (min, max) = (hundredths(spread.min), hundredths(spread.max));
    format!("{median} [{min}-{max}]")
}
