//! Values that are of their class, but can hardly be meant: a thirteenth month, a currency that
//! is none. They tell a wrong dialect from the right one, and a faulty sender from a good one.

use iso8583::element::{Pan, Track2};
use iso8583::spec::Length;
use iso8583::{Dialect, Message, Path, words};
use thiserror::Error;

/// A value that can hardly be meant. Holds no value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: expected {expected}")]
pub struct Doubt {
    /// The MTI or a data element.
    pub place: Path,
    /// What it should be.
    pub expected: &'static str,
}

/// All doubts about a message, the type first. Each element is looked at alone.
#[must_use]
pub fn doubts(message: &Message) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let [version, class, function, origin] = *message.mti().as_bytes();
    let known = matches!(version, b'0'..=b'2')
        && matches!(class, b'1'..=b'8')
        && matches!(function, b'0'..=b'4')
        && matches!(origin, b'0'..=b'5');
    if !known {
        doubts.push(Doubt {
            place: Path::Mti,
            expected: "a version from 0 to 2, a class from 1 to 8, function and origin in use",
        });
    }
    for (de, value) in message.fields() {
        if let Some(expected) = doubt(de, value) {
            doubts.push(Doubt {
                place: Path::Field(de),
                expected,
            });
        }
    }
    doubts
}

/// Says where the version digit of a message is that of another edition of the standard than the
/// dialect's. None where they agree, or the version is a national or private one.
#[must_use]
pub fn version_doubt(message: &Message, dialect: &Dialect) -> Option<Doubt> {
    let [version, ..] = *message.mti().as_bytes();
    // The local time tells the editions apart: hhmmss, with YYMMDD, with CCYYMMDD before it.
    let (wanted, expected) = match dialect.field(12)?.length() {
        Length::Fixed(6) => (b'0', "version 0, for the dialect is of 1987"),
        Length::Fixed(12) => (b'1', "version 1, for the dialect is of 1993"),
        Length::Fixed(14) => (b'2', "version 2, for the dialect is of 2003"),
        Length::Fixed(_) | Length::Variable { .. } => return None,
    };
    let other = matches!(version, b'0'..=b'2') && version != wanted;
    other.then_some(Doubt {
        place: Path::Mti,
        expected,
    })
}

/// Elements whose value is unusual, though somebody may mean it: a code without a meaning, a
/// track without a check digit, a text behind a blank. They tell likely readings from others.
pub(super) fn oddities(message: &Message) -> Vec<u8> {
    let stan = message.field(11);
    let is_odd = |(de, value): &(u8, &[u8])| match de {
        3 => {
            !(value.len() == 6
                && [part(value, 2, 4), part(value, 4, 6)]
                    .iter()
                    .all(|it| words::account(it).is_some_and(|it| it != "other account")))
        }
        18 | 19 | 20 | 22 | 25 | 39 | 54 | 70 | 90 => {
            words::of(*de, message.mti(), value).is_none()
        }
        35 => !Track2::try_from(*value).is_ok_and(|track| track.pan().passes_luhn()),
        // A reference is often the hour and the trace number.
        37 => stan.is_some_and(|stan| !value.ends_with(stan)),
        41 | 42 => value.starts_with(b" "),
        // It ends with a country.
        43 => value.starts_with(b" ") || !value.last().is_some_and(u8::is_ascii_alphabetic),
        _ => false,
    };
    message.fields().filter(is_odd).map(|(de, _)| de).collect()
}

/// Is a value one that bytes of another field would hardly make?
pub(super) fn is_confirmed(de: u8, value: &[u8]) -> bool {
    // Any six digits but zeros make a trace number.
    de != 11 && judged(de, value).is_some_and(|(fine, _)| fine)
}

/// What a value should be and is not.
fn doubt(de: u8, value: &[u8]) -> Option<&'static str> {
    judged(de, value).and_then(|(fine, expected)| (!fine).then_some(expected))
}

/// Can the value be meant, and what should it be? None where it can be anything.
fn judged(de: u8, value: &[u8]) -> Option<(bool, &'static str)> {
    Some(match de {
        2 => (
            Pan::try_from(value).is_ok_and(|pan| pan.passes_luhn()),
            "a card number with its check digit",
        ),
        7 => (
            value.len() == 10 && is_date(part(value, 0, 4)) && is_time(part(value, 4, 10)),
            "MMDDhhmmss",
        ),
        11 => (
            value.iter().any(|digit| *digit != b'0'),
            "a trace number other than 0",
        ),
        12 if value.len() == 6 => (is_time(value), "hhmmss"),
        13 | 15 | 17 if value.len() == 4 => (is_date(value), "MMDD"),
        14 => (
            number(part(value, 2, 4)).is_some_and(|month| (1..=12).contains(&month)),
            "YYMM",
        ),
        // From 2003 on these are something else.
        49..=51 if value.len() == 3 => (words::currency(value).is_some(), "a currency"),
        _ => return None,
    })
}

fn part(value: &[u8], from: usize, to: usize) -> &[u8] {
    value.get(from..to).unwrap_or_default()
}

fn is_date(digits: &[u8]) -> bool {
    let month = number(part(digits, 0, 2));
    let day = number(part(digits, 2, 4));
    let Some((month, day)) = month.zip(day) else {
        return false;
    };
    // A leap year: which one it is, is not said.
    jiff::civil::Date::new(2024, month, day).is_ok()
}

fn is_time(digits: &[u8]) -> bool {
    let [hour, minute, second] =
        [0, 2, 4].map(|at| number(part(digits, at, at + 2)).unwrap_or(i8::MAX));
    jiff::civil::Time::new(hour, minute, second, 0).is_ok()
}

fn number(digits: &[u8]) -> Option<i8> {
    core::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use iso8583::Mti;

    use super::*;

    #[test]
    fn what_can_be_meant_is_not_doubted() {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message
            .set(2, b"9999990100000005")
            .set(7, b"0229235959")
            .set(11, b"000001")
            .set(12, b"000000")
            .set(13, b"1231")
            .set(14, b"3012")
            .set(49, b"410");
        assert_eq!(doubts(&message), []);
    }

    #[test]
    fn a_version_of_another_edition_is_doubted() {
        let doubt = |mti: &str, dialect| {
            let message = Message::new(mti.parse().unwrap());
            version_doubt(&message, dialect).map(|doubt| doubt.to_string())
        };
        for dialect in Dialect::built_in() {
            let own = match dialect.name() {
                name if name.starts_with("iso93") => "1200",
                name if name.starts_with("iso2003") => "2200",
                _ => "0200",
            };
            for mti in ["0200", "1200", "2200"] {
                let doubted = doubt(mti, dialect).is_some();
                assert_eq!(doubted, mti != own, "{mti} {}", dialect.name());
            }
            assert_eq!(doubt("9200", dialect), None);
        }
        let said = doubt("0200", Dialect::iso93_bcd());
        let expected = "MTI: expected version 1, for the dialect is of 1993";
        assert_eq!(said.as_deref(), Some(expected));
    }

    #[test]
    fn every_value_that_cannot_be_meant_is_named() {
        let mut message = Message::new("9999".parse().unwrap());
        message
            .set(2, b"9999990100000006")
            .set(7, b"0230000000")
            .set(11, b"000000")
            .set(12, b"240000")
            .set(13, b"1301")
            .set(14, b"3000")
            .set(49, b"000");
        let places: Vec<String> = doubts(&message)
            .iter()
            .map(|it| it.place.to_string())
            .collect();
        assert_eq!(
            places,
            [
                "MTI", "DE 2", "DE 7", "DE 11", "DE 12", "DE 13", "DE 14", "DE 49"
            ]
        );
    }
}
