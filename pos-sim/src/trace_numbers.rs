//! Trace numbers: DE 11, and DE 37 made of it.

use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

/// Hands out 1 to 999999 in turn and goes on from day to day, so that a number comes back as late
/// as can be; never twice in a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceNumbers {
    last: u32,
    day: Date,
    used: u32,
}

impl TraceNumbers {
    const MAX: u32 = 999_999;

    /// The next number; None where the day has used all of them.
    pub fn next(&mut self, today: Date) -> Option<u32> {
        let left = self.left(today);
        if left == 0 {
            return None;
        }
        self.used = Self::MAX - left + 1;
        self.day = today;
        self.last = self.last % Self::MAX + 1;
        Some(self.last)
    }

    /// How many the day has left.
    #[must_use]
    pub fn left(&self, today: Date) -> u32 {
        if self.day == today {
            Self::MAX - self.used.min(Self::MAX)
        } else {
            Self::MAX
        }
    }
}

/// DE 37 as `YDDDHH` and the trace number: last digit of the year, day of the year, hour.
pub(crate) fn retrieval_reference(local: DateTime, stan: u32) -> String {
    let (year, day, hour) = (local.year() % 10, local.day_of_year(), local.hour());
    format!("{year}{day:03}{hour:02}{stan:06}")
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn numbers_go_on_from_day_to_day_and_wrap_to_one() {
        let mut numbers = TraceNumbers {
            last: 999_998,
            ..TraceNumbers::default()
        };
        assert_eq!(numbers.next(date(2026, 3, 15)), Some(999_999));
        assert_eq!(numbers.next(date(2026, 3, 15)), Some(1));
        assert_eq!(numbers.next(date(2026, 3, 16)), Some(2));
    }

    #[test]
    fn no_number_is_used_twice_in_a_day() {
        let today = date(2026, 3, 15);
        let mut numbers = TraceNumbers {
            last: 5,
            day: today,
            used: 999_998,
        };
        assert_eq!(numbers.next(today), Some(6));
        assert_eq!((numbers.next(today), numbers.left(today)), (None, 0));
        assert_eq!(numbers.next(date(2026, 3, 16)), Some(7));
    }

    #[test]
    fn the_reference_of_the_golden_message() {
        let local = date(2026, 3, 15).at(11, 30, 15, 0);
        assert_eq!(retrieval_reference(local, 123), "607411000123");
    }
}
