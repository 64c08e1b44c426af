//! How many messages a second a connection may send.

use std::time::{Duration, Instant};

/// A bound on messages: so many a second in the long run, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Between two messages, in the long run.
    interval: Duration,
    /// How far ahead of that a burst may run.
    ahead: Duration,
}

/// What one connection has had of its [`Rate`]: a bucket of tokens, kept as the time at which it
/// would be full again, so that nothing has to refill it.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: Rate,
    full_at: Option<Instant>,
}

impl Rate {
    /// The highest value of both bounds.
    pub const MAX: u32 = 1_000_000;

    /// `per_second` messages in the long run and `burst` at once, both 1 to [`Rate::MAX`]; None
    /// where one is not.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Option<Self> {
        let bounds = 1..=Self::MAX;
        let interval = Duration::from_secs(1).checked_div(per_second)?;
        let ahead = interval.checked_mul(burst.checked_sub(1)?)?;
        (bounds.contains(&per_second) && bounds.contains(&burst))
            .then_some(Self { interval, ahead })
    }
}

impl Bucket {
    /// Of a connection that has sent nothing yet.
    #[must_use]
    pub const fn full(rate: Rate) -> Self {
        Self {
            rate,
            full_at: None,
        }
    }

    /// Takes a token for a message that came now; false where none is left. What is refused costs
    /// none.
    pub fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |at| at.max(now));
        let is_left = full_at.saturating_duration_since(now) <= self.rate.ahead;
        if is_left {
            self.full_at = Some(full_at + self.rate.interval);
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Instant {
        #[expect(
            clippy::disallowed_methods,
            reason = "a starting point; time is then virtual"
        )]
        Instant::now()
    }

    fn bucket(per_second: u32, burst: u32) -> Bucket {
        Bucket::full(Rate::new(per_second, burst).unwrap())
    }

    fn taken(bucket: &mut Bucket, now: Instant, tries: u32) -> u32 {
        (0..tries).map(|_| u32::from(bucket.take(now))).sum()
    }

    #[test]
    fn a_burst_is_taken_at_once_and_then_one_an_interval_and_no_sooner() {
        let now = start();
        let mut bucket = bucket(10, 3);
        assert_eq!(taken(&mut bucket, now, 9), 3);
        let (early, due) = (Duration::from_millis(99), Duration::from_millis(100));
        assert_eq!(taken(&mut bucket, now + early, 9), 0, "refusals cost none");
        assert_eq!(taken(&mut bucket, now + due, 9), 1);
        assert_eq!(taken(&mut bucket, now + due * 3, 9), 2);
        assert_eq!(taken(&mut bucket, now + due * 1_000, 9), 3, "never more");
    }

    #[test]
    fn a_burst_of_one_is_a_message_an_interval() {
        let now = start();
        let mut bucket = bucket(1_000_000, 1);
        for micros in 0..100 {
            let now = now + Duration::from_micros(micros);
            assert_eq!(taken(&mut bucket, now, 2), 1, "{micros}");
        }
    }

    #[test]
    fn a_rate_is_1_to_a_million() {
        for (per_second, burst) in [(0, 1), (1, 0), (1_000_001, 1), (1, 1_000_001)] {
            assert_eq!(Rate::new(per_second, burst), None);
        }
        for (per_second, burst) in [(1, 1), (1_000_000, 1_000_000), (1, 1_000_000)] {
            assert!(Rate::new(per_second, burst).is_some());
        }
    }

    proptest! {
        /// However messages come, no span of time has more than a burst and the rate's share of it.
        #[test]
        fn no_span_of_time_has_more_than_its_share(
            per_second in 1..5_000_u32,
            burst in 1..200_u32,
            waits in proptest::collection::vec((0..3_000_u64, 1..20_u32), 1..60),
        ) {
            let interval = Duration::from_secs(1) / per_second;
            let mut bucket = bucket(per_second, burst);
            let mut now = start();
            let mut seen: Vec<(Instant, u32)> = Vec::new();
            for (wait, tries) in waits {
                now += Duration::from_micros(wait);
                seen.push((now, taken(&mut bucket, now, tries)));
            }
            for (place, (from, _)) in seen.iter().enumerate() {
                let mut count = 0;
                for (to, more) in &seen[place..] {
                    count += more;
                    let share = (*to - *from).as_nanos() / interval.as_nanos();
                    prop_assert!(u128::from(count) <= share + u128::from(burst));
                }
            }
        }
    }
}
