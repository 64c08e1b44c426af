//! Business dates: MMDD on the wire, a day of a year in the totals.

use iso8583::session::Now;
use jiff::civil::Date;
use jiff::tz::Offset;

/// The business date at this moment.
pub(super) fn today(now: Now, offset: Offset) -> Date {
    offset.to_datetime(now.utc).date()
}

/// The day of these four digits that is nearest to another; None where there is none.
pub(super) fn nearest(digits: &[u8], to: Date) -> Option<Date> {
    let [a, b, c, d] = *digits.as_array::<4>()?;
    let two = |tens: u8, ones: u8| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        let number = (tens & 15).checked_mul(10)?.checked_add(ones & 15)?;
        i8::try_from(number).ok().filter(|_| digits)
    };
    let (month, day) = (two(a, b)?, two(c, d)?);
    if (to.month(), to.day()) == (month, day) {
        return Some(to);
    }
    let years = [-1, 0, 1].into_iter();
    let days = years.filter_map(|more| {
        let year = to.year().checked_add(more)?;
        Date::new(year, month, day).ok()
    });
    days.min_by_key(|day| days_between(to, *day).abs())
}

/// How many days later the second is.
pub(super) fn days_between(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_day_is_of_the_nearest_year() {
        for (digits, to, expected) in [
            ("0315", date(2026, 3, 15), date(2026, 3, 15)),
            ("1231", date(2026, 1, 1), date(2025, 12, 31)),
            ("0101", date(2025, 12, 31), date(2026, 1, 1)),
            ("0229", date(2027, 12, 31), date(2028, 2, 29)),
        ] {
            assert_eq!(nearest(digits.as_bytes(), to), Some(expected), "{digits}");
        }
    }

    #[test]
    fn err_no_such_day() {
        for digits in ["", "315", "1301", "0230", "0a11", "00000"] {
            assert_eq!(
                nearest(digits.as_bytes(), date(2026, 3, 15)),
                None,
                "{digits}"
            );
        }
    }

    #[test]
    fn the_business_day_begins_where_its_offset_says() {
        let now = Now {
            #[expect(clippy::disallowed_methods, reason = "it only has to be some time")]
            instant: std::time::Instant::now(),
            utc: "2026-03-15T14:29:59Z".parse().unwrap(),
        };
        // 23:30 in Korea begins the next day.
        let shifted = Offset::from_seconds(9 * 3600 + 1800).unwrap();
        assert_eq!(today(now, shifted), date(2026, 3, 15));
        let later = Now {
            utc: "2026-03-15T14:30:00Z".parse().unwrap(),
            ..now
        };
        assert_eq!(today(later, shifted), date(2026, 3, 16));
    }
}
