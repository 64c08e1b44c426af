//! STAN, RRN and the times of a message: what a transaction is found by again.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Trace number of a request: 000001 to 999999 (ISO 8583:1987 DE 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stan(u32);

impl Stan {
    const MAX: u32 = 999_999;
}

impl fmt::Display for Stan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// Gives out trace numbers, each once a round.
///
/// The first one follows from the time of day: a program started again later in the day goes on
/// above the numbers it used before, as long as it used fewer than eleven a second since
/// midnight. Above that, numbers may come again within the day, yet never with the same DE 12,
/// 13 and 37, which are part of the duplicate key.
#[derive(Clone, Copy, Debug)]
pub struct StanSequence {
    next: u32,
}

impl StanSequence {
    const PER_SECOND: u32 = 11;

    /// The sequence of a program started at this time of its local day.
    #[must_use]
    pub fn starting_at(local: DateTime) -> Self {
        let part = |value: i8| u32::try_from(value).unwrap_or(0);
        let second = (part(local.hour()) * 60 + part(local.minute())) * 60 + part(local.second());
        Self {
            next: 1 + second * Self::PER_SECOND,
        }
    }

    /// The next number; 1 follows 999999.
    pub const fn take(&mut self) -> Stan {
        let stan = Stan(self.next);
        self.next = if self.next >= Stan::MAX {
            1
        } else {
            self.next + 1
        };
        stan
    }
}

/// When and under which number a message was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// DE 11.
    pub stan: Stan,
    utc: DateTime,
    local: DateTime,
}

impl Trace {
    /// A message made now, in a place so far from UTC.
    #[must_use]
    pub fn new(stan: Stan, now: Timestamp, utc_offset: Offset) -> Self {
        Self {
            stan,
            utc: Offset::UTC.to_datetime(now),
            local: utc_offset.to_datetime(now),
        }
    }

    /// DE 7: transmission date and time, UTC, `MMDDhhmmss`.
    #[must_use]
    pub fn transmission(&self) -> String {
        self.utc.strftime("%m%d%H%M%S").to_string()
    }

    /// DE 12: local time, `hhmmss`.
    #[must_use]
    pub fn local_time(&self) -> String {
        self.local.strftime("%H%M%S").to_string()
    }

    /// DE 13: local date, `MMDD`.
    #[must_use]
    pub fn local_date(&self) -> String {
        self.local.strftime("%m%d").to_string()
    }

    /// DE 37: retrieval reference number, `YDDDHH` and the STAN.
    #[must_use]
    pub fn rrn(&self) -> String {
        let year = self.local.year() % 10;
        let (day, hour) = (self.local.day_of_year(), self.local.hour());
        format!("{year}{day:03}{hour:02}{}", self.stan)
    }

    /// The local date with its year, `YYYYMMDD`: half of the Korean cancel key.
    #[must_use]
    pub fn full_date(&self) -> String {
        self.local.strftime("%Y%m%d").to_string()
    }

    /// Local date and time as people read them.
    #[must_use]
    pub fn shown(&self) -> String {
        self.local.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEOUL: Offset = Offset::constant(9);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_trace_is_utc_on_the_link_and_local_at_the_mall() {
        let trace = Trace::new(Stan(123), at("2026-03-15T02:30:15Z"), SEOUL);
        assert_eq!(trace.transmission(), "0315023015");
        assert_eq!(trace.local_time(), "113015");
        assert_eq!(trace.local_date(), "0315");
        assert_eq!(trace.rrn(), "607411000123");
        assert_eq!(trace.full_date(), "20260315");
    }

    #[test]
    fn the_local_day_begins_before_that_of_utc() {
        let trace = Trace::new(Stan(1), at("2026-12-31T15:00:00Z"), SEOUL);
        assert_eq!(trace.transmission(), "1231150000");
        assert_eq!(trace.local_date(), "0101");
        assert_eq!(trace.rrn(), "700100000001");
    }

    #[test]
    fn trace_numbers_wrap_to_one() {
        let mut stans = StanSequence { next: 999_998 };
        let taken: Vec<String> = (0..4).map(|_| stans.take().to_string()).collect();
        assert_eq!(taken, ["999998", "999999", "000001", "000002"]);
    }

    #[test]
    fn a_restart_later_in_the_day_goes_on_above_the_numbers_used() {
        let start = |text: &str| StanSequence::starting_at(text.parse().unwrap()).take();
        assert_eq!(start("2026-03-15T00:00:00"), Stan(1));
        assert_eq!(
            start("2026-03-15T09:00:10").0 - start("2026-03-15T09:00:00").0,
            110
        );
        assert!(start("2026-03-15T23:59:59").0 <= Stan::MAX);
    }
}
