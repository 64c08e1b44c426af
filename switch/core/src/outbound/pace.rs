//! How many requests an issuer answers, and so how many may wait for it.

use std::time::{Duration, Instant};

/// An issuer that is asked more than it can answer makes all wait, until nothing is answered in
/// time and everything is reversed. So once its answers have become slow, or do not come, no more
/// may wait than it answers within most of the time there is; how many that is, it shows itself.
#[derive(Debug)]
pub(super) struct Pace {
    /// Over which answers are counted.
    interval: Duration,
    began: Option<Instant>,
    /// Answers of the interval that runs, and of the one before, where there was one.
    count: usize,
    before: Option<usize>,
    /// Did the last answer take longer than an interval?
    slow: bool,
}

/// Intervals in the time to answer ...
const INTERVALS: u32 = 8;
/// ... and those of them for which may wait: the others are for what does not come evenly.
const WAITED: usize = 6;

impl Pace {
    pub(super) fn new(answer_timeout: Duration) -> Self {
        Self {
            interval: answer_timeout / INTERVALS,
            began: None,
            count: 0,
            before: None,
            slow: false,
        }
    }

    /// A request that waited so long was answered.
    pub(super) fn answered(&mut self, now: Instant, waited: Duration) {
        // Nothing is said by a time without answers: perhaps nobody asked.
        self.turn(now, None);
        self.count += 1;
        self.slow = waited > self.interval;
    }

    /// A request was not answered in time.
    pub(super) fn timed_out(&mut self, now: Instant) {
        self.turn(now, Some(0));
        self.slow = true;
    }

    /// May one more wait, beside so many? A few always may: by them a return is seen.
    pub(super) fn allows(&self, waiting: usize) -> bool {
        let Some(before) = self.before.filter(|_| self.slow) else {
            return true;
        };
        waiting < WAITED * self.count.max(before).max(1)
    }

    /// Begins the next interval where it is time; an interval was missed: it had `missed`.
    fn turn(&mut self, now: Instant, missed: Option<usize>) {
        let runs = self.began.map(|began| now.saturating_duration_since(began));
        if runs.is_none_or(|runs| runs >= self.interval) {
            let follows = runs.is_some_and(|runs| runs < self.interval * 2);
            self.before = if follows { Some(self.count) } else { missed };
            self.count = 0;
            self.began = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
    const STEP: Duration = Duration::from_millis(10);

    /// What became of requests.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Outcome {
        answered: usize,
        refused: usize,
        timed_out: usize,
    }

    /// An issuer that answers in order, `per_step` each 10 ms and none before `latency`, asked so
    /// many each 10 ms.
    fn run(per_step: usize, latency: Duration, asked: impl Iterator<Item = usize>) -> Outcome {
        let mut pace = Pace::new(ANSWER_TIMEOUT);
        #[expect(clippy::disallowed_methods, reason = "a starting point")]
        let mut now = Instant::now();
        let mut outcome = Outcome::default();
        let mut at_issuer = VecDeque::new();
        let mut waiting = 0;
        for asked in asked {
            now += STEP;
            for _ in 0..per_step {
                let Some(sent) = at_issuer.pop_front_if(|sent| now - *sent >= latency) else {
                    break;
                };
                let waited = now - sent;
                if waited <= ANSWER_TIMEOUT {
                    pace.answered(now, waited);
                    outcome.answered += 1;
                    waiting -= 1;
                }
            }
            // What timed out is still at the issuer, and costs it its time.
            let overdue = at_issuer
                .iter()
                .take_while(|sent| now - **sent > ANSWER_TIMEOUT)
                .count();
            let in_time = at_issuer.len() - overdue;
            for _ in in_time..waiting {
                pace.timed_out(now);
                outcome.timed_out += 1;
            }
            waiting = in_time;
            for _ in 0..asked {
                if pace.allows(waiting) {
                    waiting += 1;
                    at_issuer.push_back(now);
                } else {
                    outcome.refused += 1;
                }
            }
        }
        outcome
    }

    #[test]
    fn three_times_what_an_issuer_can_answer_leaves_it_answering_all_it_can_in_time() {
        let outcome = run(10, Duration::ZERO, core::iter::repeat_n(30, 12_000));
        assert_eq!(outcome.timed_out, 0);
        assert!(outcome.answered > 119_000, "{outcome:?}");
    }

    #[test]
    fn after_a_surge_that_takes_a_minute_an_issuer_answers_all_it_can_again() {
        let surge = core::iter::repeat_n(300, 200);
        let outcome = run(
            10,
            Duration::ZERO,
            surge.chain(core::iter::repeat_n(30, 12_000)),
        );
        assert!(outcome.answered > 60_000, "{outcome:?}");
    }

    #[test]
    fn an_issuer_that_fell_silent_is_asked_little_until_it_is_back() {
        let mut pace = Pace::new(ANSWER_TIMEOUT);
        #[expect(clippy::disallowed_methods, reason = "a starting point")]
        let mut now = Instant::now();
        for _ in 0..1_000 {
            now += STEP;
            pace.answered(now, STEP);
        }
        assert!(pace.allows(10_000));
        for _ in 0..1_000 {
            now += STEP;
            pace.timed_out(now);
        }
        assert!(pace.allows(5) && !pace.allows(6));
        pace.answered(now, STEP);
        assert!(pace.allows(10_000));
    }

    #[test]
    fn an_issuer_that_is_slow_and_not_overloaded_is_given_all_even_of_a_growing_load() {
        let growing = (0..6_000).map(|step| 10 + step / 300);
        let all: usize = growing.clone().sum();
        let outcome = run(usize::MAX, Duration::from_secs(4), growing);
        assert_eq!((outcome.refused, outcome.timed_out), (0, 0));
        assert!(outcome.answered > all * 9 / 10, "{outcome:?} of {all}");
    }

    #[test]
    fn an_issuer_that_answers_soon_may_be_asked_any_number_at_once() {
        let outcome = run(1_000, STEP, core::iter::once(5_000).chain([0; 10]));
        assert_eq!((outcome.answered, outcome.refused), (5_000, 0));
    }
}
