//! Three times as much as can be answered.

use std::io::Write;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::aims::Aim;
use crate::generator::{Figures, Generator, Timing};
use crate::loads;
use crate::report::{millis, percent};
use crate::targets::{Numbers, Target};

const CONNECTIONS: usize = 16;
/// What is offered, by the peak.
const TIMES: u64 = 3;
const AIM_PERCENT: u64 = 80;
const AIM_REFUSED: Duration = Duration::from_millis(50);

/// The peak, and then [`TIMES`] that for `window`; and was every request answered, and rightly?
pub(crate) fn measure(
    target: &Target<'_>,
    numbers: &mut Numbers,
    timing: &Timing,
    window: Duration,
) -> anyhow::Result<(Vec<Aim>, bool)> {
    let mut run = |load, timing: &Timing| {
        let connections = target.connect(numbers, CONNECTIONS)?;
        Generator::new(&load, timing, connections)?.run(target.watched)
    };
    let peak = run(loads::peak(CONNECTIONS), timing)?;
    let offered = (peak.per_second() * TIMES).max(1);
    let timing = Timing { window, ..*timing };
    let figures = run(loads::open(CONNECTIONS, offered), &timing)?;
    let goodput = figures.per_second();
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\n{}, past the knee: peak {}/s, then {offered}/s offered for {window:?}\n\
         approved {goodput}/s, {} % of the peak, after {}\n\
         refused {}, after {}\n\
         without an answer {}, wrong {}, never sent {}\n\
         CPU of a core: {} % {}, {} % generator, which was late by {}",
        target.name,
        peak.per_second(),
        percent(goodput, peak.per_second()),
        times(&figures.latency),
        figures.refused.len(),
        times(&figures.refused),
        figures.missing,
        figures.wrong,
        figures.unsent,
        figures.cpu_percent(figures.cpu),
        target.name,
        figures.cpu_percent(figures.own_cpu),
        times(&figures.lag),
    )?;
    if let Some(complaint) = &figures.complaint {
        writeln!(out, "the first of the wrong ones: {complaint}")?;
    }
    let right = |figures: &Figures| figures.wrong == 0 && figures.missing == 0;
    Ok((aims(&peak, &figures), right(&peak) && right(&figures)))
}

fn aims(peak: &Figures, figures: &Figures) -> Vec<Aim> {
    let share = percent(figures.per_second(), peak.per_second());
    let slowest = Duration::from_nanos(figures.refused.value_at_quantile(0.999));
    vec![
        Aim {
            what: format!("goodput at {TIMES} times the peak"),
            aim: format!("at least {AIM_PERCENT} % of it"),
            reached: format!("{share} %"),
            met: share >= AIM_PERCENT,
        },
        Aim {
            what: "answers to the rest, p99.9".to_owned(),
            aim: format!("within {AIM_REFUSED:?}"),
            reached: format!("{slowest:.1?}"),
            met: slowest <= AIM_REFUSED,
        },
    ]
}

/// What a histogram of nanoseconds says, in milliseconds.
fn times(histogram: &Histogram<u64>) -> String {
    let at = |quantile| millis(histogram.value_at_quantile(quantile));
    format!(
        "ms p50 {} p99 {} p99.9 {} max {}",
        at(0.5),
        at(0.99),
        at(0.999),
        millis(histogram.max())
    )
}
