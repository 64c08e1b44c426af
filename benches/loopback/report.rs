//! Figures as lines and as a table.

use std::fmt;

use benches::Spread;

use crate::generator::Figures;

/// One load on one target, once.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) load: &'static str,
    pub(crate) target: &'static str,
    pub(crate) figures: Figures,
}

impl Figures {
    fn per_second(&self) -> u64 {
        let micros = u64::try_from(self.window.as_micros()).unwrap_or(u64::MAX);
        self.answered * 1_000_000 / micros.max(1)
    }

    /// Nanoseconds of CPU time an answer.
    fn each(&self, cpu: std::time::Duration) -> u64 {
        u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX) / self.answered.max(1)
    }

    fn quantile(&self, quantile: f64) -> u64 {
        self.latency.value_at_quantile(quantile)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.figures;
        write!(
            f,
            "{:11} {:6} {:>7}/s, CPU {:>6} us each, own {:>6}; us p50 {:>8} p99 {:>8} p99.9 {:>8}; \
             wrong {}, missing {}",
            self.load,
            self.target,
            figures.per_second(),
            micros(figures.each(figures.cpu)),
            micros(figures.each(figures.own_cpu)),
            micros(figures.quantile(0.5)),
            micros(figures.quantile(0.99)),
            micros(figures.quantile(0.999)),
            figures.wrong,
            figures.missing,
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

    /// Was every request answered, and rightly?
    pub(crate) fn all_right(&self) -> bool {
        self.rows.iter().all(|row| {
            row.figures.wrong == 0 && row.figures.missing == 0 && row.figures.answered > 0
        })
    }

    /// Loads and targets, each pair once, in order.
    fn pairs(&self) -> Vec<(&'static str, &'static str)> {
        let mut pairs = Vec::new();
        for row in &self.rows {
            if !pairs.contains(&(row.load, row.target)) {
                pairs.push((row.load, row.target));
            }
        }
        pairs
    }

    fn figures(&self, load: &str, target: &str) -> impl Iterator<Item = &Figures> {
        self.rows
            .iter()
            .filter(move |row| row.load == load && row.target == target)
            .map(|row| &row.figures)
    }

    /// How often a target's figure is that of `direct` in the same round: hundredths.
    fn ratios(&self, load: &str, target: &str, of: impl Fn(&Figures) -> u64) -> Spread {
        let direct = self.figures(load, "direct").map(&of);
        let values = self.figures(load, target).map(&of);
        Spread::of(
            values
                .zip(direct)
                .map(|(value, direct)| value * 100 / direct.max(1)),
        )
    }
}

impl fmt::Display for Table {
    /// Markdown: median [min-max] over the rounds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n| load | target | messages/s | its CPU us each | p50 us | p99 us | p99.9 us \
             | messages/s and p50 by direct |\n\
             |---|---|---|---|---|---|---|---|"
        )?;
        for (load, target) in self.pairs() {
            let spread =
                |of: &dyn Fn(&Figures) -> u64| Spread::of(self.figures(load, target).map(of));
            let rate = spread(&Figures::per_second);
            writeln!(
                f,
                "| {load} | {target} | {} [{}-{}] | {} | {} | {} | {} | {}, {} |",
                rate.median,
                rate.min,
                rate.max,
                in_micros(spread(&|figures| figures.each(figures.cpu))),
                in_micros(spread(&|figures| figures.quantile(0.5))),
                in_micros(spread(&|figures| figures.quantile(0.99))),
                in_micros(spread(&|figures| figures.quantile(0.999))),
                factor(self.ratios(load, target, Figures::per_second)),
                factor(self.ratios(load, target, |figures| figures.quantile(0.5))),
            )?;
        }
        Ok(())
    }
}

/// Nanoseconds as microseconds: the median, and the least and greatest.
fn in_micros(spread: Spread) -> String {
    let [median, min, max] = [spread.median, spread.min, spread.max].map(micros);
    format!("{median} [{min}-{max}]")
}

/// The median of hundredths, as a factor.
fn factor(spread: Spread) -> String {
    format!("{}x", micros(spread.median * 10))
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
