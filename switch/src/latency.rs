//! Time from admission to answer, in atomic log-linear buckets: recording costs a few
//! nanoseconds, and nothing is buffered until a scrape.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in microseconds: 1, 2 and 5 of each decade from 10 µs to 20 s.
const BOUNDS_MICROS: [u64; 20] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000,
    500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000,
];

/// A histogram many tasks record into.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    buckets: [AtomicU64; BOUNDS_MICROS.len()],
    count: AtomicU64,
    sum_micros: AtomicU64,
}

impl Latency {
    const NAME: &str = "switch_authorization_seconds";

    /// So many answers took as long.
    pub(crate) fn record(&self, elapsed: Duration, times: u64) {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(times, Ordering::Relaxed);
        }
        self.count.fetch_add(times, Ordering::Relaxed);
        self.sum_micros
            .fetch_add(micros.saturating_mul(times), Ordering::Relaxed);
    }

    /// Appends the histogram to a Prometheus page.
    pub(crate) fn render(&self, page: &mut String) {
        let seconds = |micros: u64| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let name = Self::NAME;
        let mut below = 0;
        let mut text = format!(
            "# HELP {name} Time from a request's admission to its answer's delivery.\n\
             # TYPE {name} histogram\n"
        );
        for (bound, bucket) in BOUNDS_MICROS.iter().zip(&self.buckets) {
            below += bucket.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}_bucket{{le=\"{}\"}} {below}", seconds(*bound));
        }
        let count = self.count.load(Ordering::Relaxed);
        let sum = seconds(self.sum_micros.load(Ordering::Relaxed));
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {count}");
        page.push_str(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_a_bound_belongs_to_its_bucket() {
        let latency = Latency::default();
        for micros in [1, 10, 11, 1_000_000, 30_000_000] {
            latency.record(Duration::from_micros(micros), 1);
        }
        let mut page = String::new();
        latency.render(&mut page);
        for line in [
            "switch_authorization_seconds_bucket{le=\"0.000010\"} 2",
            "switch_authorization_seconds_bucket{le=\"0.000020\"} 3",
            "switch_authorization_seconds_bucket{le=\"1.000000\"} 4",
            "switch_authorization_seconds_bucket{le=\"20.000000\"} 4",
            "switch_authorization_seconds_bucket{le=\"+Inf\"} 5",
            "switch_authorization_seconds_sum 31.000022",
            "switch_authorization_seconds_count 5",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
