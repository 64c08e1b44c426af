//! DE 7, 12, 13 and 15: dates and times in digits.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// DE 7: MMDDhhmmss in UTC (ISO 8583:1987, transmission date and time).
#[must_use]
pub fn transmission_time(utc: Timestamp) -> [u8; 10] {
    let time = civil(utc, Offset::UTC);
    let [a, b, c, d] = date(time);
    let [e, f, g, h, i, j] = clock(time);
    [a, b, c, d, e, f, g, h, i, j]
}

/// DE 12: hhmmss where the terminal stands (ISO 8583:1987, time, local transaction).
#[must_use]
pub fn local_time(utc: Timestamp, offset: Offset) -> [u8; 6] {
    clock(civil(utc, offset))
}

/// DE 13 and DE 15: MMDD where the terminal or the business stands.
#[must_use]
pub fn local_date(utc: Timestamp, offset: Offset) -> [u8; 4] {
    date(civil(utc, offset))
}

fn civil(utc: Timestamp, offset: Offset) -> DateTime {
    utc.to_zoned(TimeZone::fixed(offset)).datetime()
}

fn date(time: DateTime) -> [u8; 4] {
    let [a, b] = two_digits(time.month());
    let [c, d] = two_digits(time.day());
    [a, b, c, d]
}

fn clock(time: DateTime) -> [u8; 6] {
    let [a, b] = two_digits(time.hour());
    let [c, d] = two_digits(time.minute());
    let [e, f] = two_digits(time.second());
    [a, b, c, d, e, f]
}

fn two_digits(number: i8) -> [u8; 2] {
    let number = number.unsigned_abs();
    [b'0' + number / 10, b'0' + number % 10]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_in_utc_and_in_seoul() {
        let moment: Timestamp = "2026-03-15T02:30:15Z".parse().unwrap();
        let seoul = Offset::constant(9);
        assert_eq!(&transmission_time(moment), b"0315023015");
        assert_eq!(&local_time(moment, seoul), b"113015");
        let late: Timestamp = "2026-12-31T15:00:00Z".parse().unwrap();
        assert_eq!(
            (&local_date(late, Offset::UTC), &local_date(late, seoul)),
            (b"1231", b"0101")
        );
    }
}
