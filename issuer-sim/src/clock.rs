//! The moment at which a decision is taken, as the pure core is told it.

use std::time::Duration;

use crate::card::Expiry;

/// Milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `millis` milliseconds after 1970-01-01 UTC.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The moment `span` later, or the end of time.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// The moment nearest to this one that DE 7, `MMDDhhmmss` in UTC, can mean; `None` where it is
    /// no date.
    #[must_use]
    pub fn nearest(self, transmitted: u32) -> Option<Self> {
        let part = |divisor: u32| i8::try_from(transmitted / divisor % 100).ok();
        let time = jiff::civil::Time::new(part(10_000)?, part(100)?, part(1)?, 0).ok()?;
        let (month, day) = (part(100_000_000)?, part(1_000_000)?);
        let utc = jiff::tz::TimeZone::UTC;
        let here = jiff::Timestamp::from_millisecond(self.0).ok()?;
        let year = utc.to_datetime(here).year();
        [year.checked_sub(1)?, year, year.checked_add(1)?]
            .into_iter()
            .filter_map(|year| {
                let date = jiff::civil::Date::new(year, month, day).ok()?;
                let moment = utc.to_timestamp(date.to_datetime(time)).ok()?;
                Some(Self(moment.as_millisecond()))
            })
            .min_by_key(|moment| moment.0.abs_diff(self.0))
    }

    /// The moment in words, `2026-03-15T02:30:00.123Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0)
            .map_or_else(|_| self.0.to_string(), |moment| moment.to_string())
    }
}

/// The present, as one group of requests sees it: taken once per group, not once per request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The moment itself.
    pub at: Timestamp,
    /// Its month in Korea, which an expiry date is compared with.
    pub month: Expiry,
}

impl Now {
    /// The present that begins at `at`.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self {
            at,
            month: korean_month(at),
        }
    }

    /// The present by the machine's clock, but never before `earliest`: time in the journal does
    /// not run backwards when the clock is set back.
    #[must_use]
    pub fn from_clock(earliest: Timestamp) -> Self {
        let clock = Timestamp(jiff::Timestamp::now().as_millisecond());
        Self::new(clock.max(earliest))
    }
}

/// Cards expire by the Korean calendar: UTC+9, without daylight saving time.
fn korean_month(at: Timestamp) -> Expiry {
    let local = at.after(KOREA_AHEAD_OF_UTC);
    jiff::Timestamp::from_millisecond(local.0)
        .ok()
        .and_then(|moment| {
            let date = jiff::tz::TimeZone::UTC.to_datetime(moment);
            let year = u16::try_from(date.year()).ok()?;
            let month = u16::try_from(date.month()).ok()?;
            Expiry::new(year.checked_sub(CENTURY)?, month)
        })
        .unwrap_or(Expiry::LAST)
}

const KOREA_AHEAD_OF_UTC: Duration = Duration::from_secs(9 * 60 * 60);
const CENTURY: u16 = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_in_korea_nine_hours_before_utc() {
        let last_hour: jiff::Timestamp = "2030-12-31T14:59:59Z".parse().unwrap();
        let new_year: jiff::Timestamp = "2030-12-31T15:00:00Z".parse().unwrap();
        let month = |moment: jiff::Timestamp| {
            Now::new(Timestamp::from_millis(moment.as_millisecond())).month
        };
        assert_eq!(Some(month(last_hour)), Expiry::new(30, 12));
        assert_eq!(Some(month(new_year)), Expiry::new(31, 1));
    }

    #[test]
    fn de_7_is_of_the_nearest_year() {
        let at = |text: &str| {
            let moment: jiff::Timestamp = text.parse().unwrap();
            Timestamp::from_millis(moment.as_millisecond())
        };
        for (here, transmitted, expected) in [
            ("2026-03-15T02:30:00Z", 315_023_001, "2026-03-15T02:30:01Z"),
            (
                "2026-01-01T00:00:05Z",
                1_231_235_959,
                "2025-12-31T23:59:59Z",
            ),
            ("2026-12-31T23:59:59Z", 101_000_005, "2027-01-01T00:00:05Z"),
            ("2027-03-01T00:00:00Z", 229_120_000, "2028-02-29T12:00:00Z"),
        ] {
            assert_eq!(at(here).nearest(transmitted), Some(at(expected)), "{here}");
        }
        for none in [0, 1_332_000_000, 315_240_000, u32::MAX] {
            assert_eq!(at("2026-03-15T02:30:00Z").nearest(none), None);
        }
    }

    #[test]
    fn a_clock_set_back_does_not_turn_time_around() {
        let future = Timestamp::from_millis(i64::MAX / 4);
        assert_eq!(Now::from_clock(future).at, future);
    }

    #[test]
    fn moments_print_as_rfc_3339() {
        assert_eq!(
            Timestamp::from_millis(1_773_541_800_123).rfc3339(),
            "2026-03-15T02:30:00.123Z"
        );
    }
}
