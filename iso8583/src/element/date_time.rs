//! DE 7, 12, 13 and 15 to 17: dates and times in digits.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::element::fixed::fixed;
use crate::element::number;

fixed! {
    /// When a message left: MMDDhhmmss in UTC (ISO 8583:1987 DE 7).
    TransmissionTime: 10 is_date_and_time, "transmission time", "MMDDhhmmss";
    /// hhmmss where the terminal stands (ISO 8583:1987 DE 12).
    LocalTime: 6 is_time, "local time", "hhmmss";
    /// A day of no year: MMDD (ISO 8583:1987 DE 13 and 15 to 17).
    MonthDay: 4 is_date, "date", "MMDD";
}

impl TransmissionTime {
    /// The moment as DE 7 has it.
    #[must_use]
    pub fn at(utc: Timestamp) -> Self {
        Self(transmission_time(utc))
    }
}

impl LocalTime {
    /// The moment on the clocks where the terminal stands.
    #[must_use]
    pub fn at(utc: Timestamp, offset: Offset) -> Self {
        Self(local_time(utc, offset))
    }
}

impl MonthDay {
    /// The day it is where the terminal or the business stands.
    #[must_use]
    pub fn at(utc: Timestamp, offset: Offset) -> Self {
        Self(local_date(utc, offset))
    }
}

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

fn is_date_and_time(digits: &[u8; 10]) -> bool {
    let [a, b, c, d, clock @ ..] = digits;
    is_date(&[*a, *b, *c, *d]) && is_time(clock)
}

fn is_date(digits: &[u8; 4]) -> bool {
    let Some(date) = number(digits) else {
        return false;
    };
    let days = match date / 100 {
        // Of whatever year.
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    };
    (1..=days).contains(&(date % 100))
}

fn is_time(digits: &[u8; 6]) -> bool {
    number(digits).is_some_and(|time| {
        let (hour, minute, second) = (time / 10_000, time / 100 % 100, time % 100);
        hour < 24 && minute < 60 && second < 60
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_every_moment_there_is() {
        for text in ["0315023015", "0229000000", "1231235959", "0430120000"] {
            let time: TransmissionTime = text.parse().unwrap();
            assert_eq!(time.to_string(), text);
        }
        let moment: Timestamp = "2026-03-15T02:30:15Z".parse().unwrap();
        let seoul = Offset::constant(9);
        assert_eq!(TransmissionTime::at(moment).as_bytes(), b"0315023015");
        assert_eq!(LocalTime::at(moment, seoul).as_bytes(), b"113015");
        assert_eq!(
            format!("{:?}", MonthDay::at(moment, seoul)),
            "MonthDay(0315)"
        );
    }

    #[test]
    fn err_no_such_day_or_time() {
        for text in [
            "0000000000",
            "0230000000",
            "0431000000",
            "1301000000",
            "0100000000",
        ] {
            let error = text.parse::<TransmissionTime>().unwrap_err();
            assert_eq!(error.to_string(), "transmission time is not MMDDhhmmss");
        }
        for text in ["240000", "006000", "000060", "12000", "12000A"] {
            let error = text.parse::<LocalTime>().unwrap_err();
            assert_eq!(error.to_string(), "local time is not hhmmss");
        }
        assert!("315".parse::<MonthDay>().is_err());
    }

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
