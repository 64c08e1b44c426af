//! Figures as lines and as tables.

use std::fmt;
use std::time::Duration;

use benches::Spread;

use crate::aims::Aim;
use crate::generator::{Figures, Load, Pace};
use crate::loads::{FAST, SLOW, open, peak};
use crate::targets::{HAPROXY, SWITCH};

/// One load on one target, once.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) load: Load,
    pub(crate) target: &'static str,
    pub(crate) figures: Figures,
}

/// The generator's share of a core from which on it may be what limits.
const GENERATOR_PERCENT: u64 = 90;

impl Figures {
    pub(crate) fn per_second(&self) -> u64 {
        let micros = u64::try_from(self.window.as_micros()).unwrap_or(u64::MAX);
        self.answered * 1_000_000 / micros.max(1)
    }

    /// Of the window.
    pub(crate) fn cpu_percent(&self, cpu: Duration) -> u64 {
        percent(nanos(cpu), nanos(self.window))
    }

    /// Nanoseconds of CPU time an answer.
    fn each(&self, cpu: Duration) -> u64 {
        nanos(cpu) / self.answered.max(1)
    }

    /// The watched process's.
    fn cpu_each(&self) -> u64 {
        self.each(self.cpu)
    }

    fn p99(&self) -> u64 {
        self.latency.value_at_quantile(0.99)
    }
}

impl Row {
    /// Was it the generator that could not do more, or that made the tail?
    fn is_invalid(&self) -> bool {
        let figures = &self.figures;
        let late = match self.load.pace {
            Pace::Closed { .. } => false,
            Pace::Open { per_second } => {
                figures.lag.value_at_quantile(0.99) * 2 > figures.p99()
                    || percent(figures.per_second(), per_second) < 99
            }
        };
        late || figures.cpu_percent(figures.own_cpu) >= GENERATOR_PERCENT
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.figures;
        let at = |quantile| micros(figures.latency.value_at_quantile(quantile));
        write!(
            f,
            "{:16} {:7} {:>7}/s, CPU {:>6} us each, own {:>6}; \
             us p50 {:>8} p99 {:>8} p99.9 {:>8}, lag p99 {:>8}; wrong {}, refused {}, missing {}{}",
            self.load,
            self.target,
            figures.per_second(),
            micros(figures.cpu_each()),
            micros(figures.each(figures.own_cpu)),
            at(0.5),
            at(0.99),
            at(0.999),
            micros(figures.lag.value_at_quantile(0.99)),
            figures.wrong,
            figures.refused.len(),
            figures.missing,
            if self.is_invalid() {
                " INVALID: the generator's limit"
            } else {
                ""
            },
        )?;
        match &figures.complaint {
            Some(complaint) => write!(f, " (the first: {complaint})"),
            None => Ok(()),
        }
    }
}

/// All rounds.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Was every request approved, and rightly?
    pub(crate) fn all_right(&self) -> bool {
        self.rows.iter().all(|row| {
            let figures = &row.figures;
            let failed = figures.wrong + figures.missing + figures.unsent + figures.refused.len();
            failed == 0 && figures.answered > 0
        })
    }

    /// Loads and targets, each pair once, in order.
    fn pairs(&self) -> Vec<(Load, &'static str)> {
        let mut pairs = Vec::new();
        for row in &self.rows {
            if !pairs.contains(&(row.load, row.target)) {
                pairs.push((row.load, row.target));
            }
        }
        pairs
    }

    fn rows(&self, load: Load, target: &str) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(move |row| row.load == load && row.target == target)
    }

    fn spread(&self, load: Load, target: &str, of: impl Fn(&Figures) -> u64) -> Spread {
        Spread::of(self.rows(load, target).map(|row| of(&row.figures)))
    }

    /// A figure beside one of the same round, in hundredths; None where there are none.
    fn ratio(
        &self,
        (load, target): (Load, &str),
        beside: (Load, &str),
        of: impl Fn(&Figures) -> u64,
    ) -> Option<u64> {
        let values = self.rows(load, target).zip(self.rows(beside.0, beside.1));
        let mut ratios = values
            .map(|(row, beside)| percent(of(&row.figures), of(&beside.figures)))
            .peekable();
        ratios.peek()?;
        Some(Spread::of(ratios).median)
    }

    /// How the CPU time of a message grows with the connections, beside the fewest.
    fn growth(&self, target: &str, sizes: &[usize], load: impl Fn(usize) -> Load) -> Vec<String> {
        let Some((first, more)) = sizes.split_first() else {
            return Vec::new();
        };
        let beside = (load(*first), target);
        let grown = |size: &usize| self.ratio((load(*size), target), beside, Figures::cpu_each);
        more.iter().map(|size| factor(grown(size))).collect()
    }

    /// As Markdown: how the CPU time of a message grows.
    pub(crate) fn growths(&self, sizes: &[usize]) -> String {
        let more = sizes.iter().skip(1);
        let header: String = more.map(|size| format!(" | {size} connections")).collect();
        let mut text = format!(
            "\n| CPU each by that of {} connections{header} |\n|---{} |\n",
            sizes.first().copied().unwrap_or_default(),
            "|---".repeat(sizes.len().saturating_sub(1))
        );
        let mut targets: Vec<&str> = self.rows.iter().map(|row| row.target).collect();
        targets.dedup();
        targets.sort_unstable();
        targets.dedup();
        for target in targets {
            let fast = self.growth(target, sizes, |size| open(size, FAST));
            let peaks = self.growth(target, sizes, peak);
            for (name, cells) in [(format!("{FAST}/s"), fast), ("peak".to_owned(), peaks)] {
                text += &format!("| {target}, {name} | {} |\n", cells.join(" | "));
            }
        }
        text
    }

    /// What is aimed at, of two cores with all processes on them.
    pub(crate) fn aims(&self, sizes: &[usize]) -> Vec<Aim> {
        let Some((fewest, most)) = sizes.first().zip(sizes.last()) else {
            return Vec::new();
        };
        let at_peak = peak(*fewest);
        let cpu = self.spread(at_peak, SWITCH, Figures::cpu_each).median;
        let rate = self.spread(at_peak, SWITCH, Figures::per_second).median;
        let fast = open(*fewest, FAST);
        let beside =
            |load, of: &dyn Fn(&Figures) -> u64| self.ratio((load, SWITCH), (load, HAPROXY), of);
        let grown = self.ratio(
            (open(*most, FAST), SWITCH),
            (fast, SWITCH),
            Figures::cpu_each,
        );
        let at_most = |what: String, hundredths, value: Option<u64>| Aim {
            what,
            aim: format!("at most {}", factor(Some(hundredths))),
            reached: factor(value),
            met: value.is_some_and(|value| value <= hundredths),
        };
        vec![
            Aim {
                what: format!("CPU of a round trip at {at_peak}"),
                aim: "at most 1.5 us (2.5 acceptable)".to_owned(),
                reached: format!("{} us", micros(cpu)),
                met: cpu <= 1_500,
            },
            Aim {
                what: format!("round trips at {at_peak}"),
                aim: "at least 500000/s (300000 acceptable)".to_owned(),
                reached: format!("{rate}/s"),
                met: rate >= 500_000,
            },
            at_most(
                format!("CPU by HAProxy's at {FAST}/s"),
                120,
                beside(fast, &Figures::cpu_each),
            ),
            at_most(
                format!("p99 by HAProxy's at {SLOW}/s"),
                150,
                beside(open(*fewest, SLOW), &Figures::p99),
            ),
            at_most(
                format!("CPU of {most} connections by that of {fewest} at {FAST}/s"),
                150,
                grown,
            ),
        ]
    }
}

impl fmt::Display for Table {
    /// Markdown: median [min-max] over the rounds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n| load | target | messages/s | its CPU us each | p50 us | p99 us | p99.9 us \
             | CPU by haproxy | p99 by haproxy | generator |\n\
             |---|---|---|---|---|---|---|---|---|---|"
        )?;
        for (load, target) in self.pairs() {
            let spread = |of: &dyn Fn(&Figures) -> u64| self.spread(load, target, of);
            let at = |quantile| {
                in_micros(spread(&|figures| {
                    figures.latency.value_at_quantile(quantile)
                }))
            };
            let rate = spread(&Figures::per_second);
            let beside =
                |of: fn(&Figures) -> u64| factor(self.ratio((load, target), (load, HAPROXY), of));
            let own = spread(&|figures| figures.cpu_percent(figures.own_cpu)).median;
            let lag = spread(&|figures| figures.lag.value_at_quantile(0.99)).median;
            let invalid = self
                .rows(load, target)
                .filter(|row| row.is_invalid())
                .count();
            write!(
                f,
                "| {load} | {target} | {} [{}-{}] | {} | {} | {} | {} | {} | {} | {own} %, late {}",
                rate.median,
                rate.min,
                rate.max,
                in_micros(spread(&Figures::cpu_each)),
                at(0.5),
                at(0.99),
                at(0.999),
                beside(Figures::cpu_each),
                beside(Figures::p99),
                micros(lag),
            )?;
            match invalid {
                0 => writeln!(f, " |")?,
                rounds => writeln!(f, ", **invalid in {rounds}** |")?,
            }
        }
        Ok(())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn percent(value: u64, of: u64) -> u64 {
    value.saturating_mul(100) / of.max(1)
}

/// Nanoseconds as microseconds: the median, and the least and greatest.
fn in_micros(spread: Spread) -> String {
    let [median, min, max] = [spread.median, spread.min, spread.max].map(micros);
    format!("{median} [{min}-{max}]")
}

/// Hundredths as a factor.
fn factor(hundredths: Option<u64>) -> String {
    hundredths.map_or_else(
        || "-".to_owned(),
        |hundredths| format!("{}.{:02}x", hundredths / 100, hundredths % 100),
    )
}

/// Nanoseconds as microseconds with two decimals; with one from 100 on.
fn micros(nanos: u64) -> String {
    let (whole, hundredths) = (nanos / 1_000, nanos % 1_000 / 10);
    if whole < 100 {
        format!("{whole}.{hundredths:02}")
    } else {
        format!("{whole}.{}", hundredths / 10)
    }
}

/// Nanoseconds as milliseconds.
pub(crate) fn millis(nanos: u64) -> String {
    micros(nanos / 1_000)
}
