//! What a VAN is told at its start: one TOML file, every option with a default.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use iso8583::crypto::TdesKey;
use iso8583_link::{LinkConfig, LinkConfigError, LinkSettings};
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::sale::MallId;

/// Every option. `van.example.toml` shows each with its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where malls reach the HTTP API. Default 127.0.0.1:8700; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The switch, as host and port. Default 127.0.0.1:8583. While it cannot be reached, sales
    /// are declined with 91.
    pub switch: String,
    /// The VAN's institution id, 1 to 11 digits (DE 32). Default 450001.
    pub institution: Institution,
    /// How far local time is from UTC. Default +09:00. DE 12, 13 and 37 and the day within which
    /// a sale can be cancelled follow it.
    pub utc_offset: UtcOffset,
    /// The key card passwords travel under (DE 52): 32 hex digits. Default: the sandbox's test
    /// key. A real one belongs into the environment (VAN_SIM_PIN_ZONE_KEY), not into the file.
    #[serde(with = "zone_key")]
    pub pin_zone_key: TdesKey,
    /// How long stopping may take: exchanges in flight are waited for and net cancels go out
    /// meanwhile. Default 10s. Shorter than `link.answer_timeout`, it may leave approvals open.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
    /// The HTTP side.
    pub http: HttpConfig,
    /// What is remembered of payments.
    pub payments: PaymentsConfig,
    /// Timeout reversals.
    pub net_cancel: NetCancelConfig,
    /// The ISO 8583 side. Its `answer_timeout`, 30s by default, is also how long a mall waits at
    /// most.
    #[serde(deserialize_with = "link_over_default")]
    pub link: LinkConfig,
    /// The malls served: any other is answered 404.
    pub mall: Vec<Mall>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8700)),
            switch: "127.0.0.1:8583".to_owned(),
            institution: Institution("450001".to_owned()),
            utc_offset: UtcOffset(Offset::constant(9)),
            pin_zone_key: TdesKey::new([
                0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33,
                0x22, 0x11,
            ]),
            drain: Duration::from_secs(10),
            http: HttpConfig::default(),
            payments: PaymentsConfig::default(),
            net_cancel: NetCancelConfig::default(),
            link: default_link(),
            mall: vec![
                Mall::default(),
                Mall {
                    id: sandbox_id("MALL0002"),
                    name: "HANGANG BOOKS".to_owned(),
                    category: "5942".to_owned(),
                    terminal: "TERM0002".to_owned(),
                    merchant: "MERCHANT0000002".to_owned(),
                    ..Mall::default()
                },
            ],
        }
    }
}

impl Config {
    /// Reads a file; the defaults where none is given.
    ///
    /// # Errors
    /// Where it cannot be read, or names the option that cannot be.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let named = || path.to_owned();
        let text = std::fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable {
            path: named(),
            reason,
        })?;
        toml::from_str(&text).map_err(|reason| ConfigError::Syntax {
            path: named(),
            reason: Box::new(reason),
        })
    }

    /// Checks what the types of single options cannot, and makes the link's settings.
    ///
    /// # Errors
    /// Names the option that cannot be.
    pub fn check(&self) -> Result<LinkSettings, ConfigError> {
        let mut ids = HashSet::new();
        for mall in &self.mall {
            mall.check()?;
            if !ids.insert(&mall.id) {
                return Err(ConfigError::SameMall(mall.id.clone()));
            }
        }
        for (option, value) in [
            ("http.connections_max", self.http.connections_max),
            ("http.body_bytes_max", self.http.body_bytes_max),
            ("payments.max", self.payments.max),
            ("net_cancel.max", self.net_cancel.max),
            ("net_cancel.in_flight_max", self.net_cancel.in_flight_max),
        ] {
            if value == 0 {
                return Err(ConfigError::Zero(option));
            }
        }
        for (option, value) in [
            ("net_cancel.first_pause", self.net_cancel.first_pause),
            ("net_cancel.longest_pause", self.net_cancel.longest_pause),
        ] {
            if value.is_zero() {
                return Err(ConfigError::Zero(option));
            }
        }
        Ok(self.link.parse()?)
    }
}

/// The HTTP side: how much malls may ask at once, and how slowly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Connections served at once; further ones wait to be accepted. Default 1024.
    pub connections_max: usize,
    /// Longest request body in bytes; a longer one is answered 413. Default 16384.
    pub body_bytes_max: usize,
    /// How long a request's head, and then its body, may take to arrive; also how long a
    /// connection may idle. Default 10s. A late body is answered 408.
    #[serde(with = "humantime_serde")]
    pub read_timeout: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            body_bytes_max: 16 << 10,
            read_timeout: Duration::from_secs(10),
        }
    }
}

/// What is remembered of payments, in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaymentsConfig {
    /// Payments remembered at once; one more is answered 503 and not sent. Default 100000, at
    /// about half a kilobyte each.
    pub max: usize,
    /// How long a settled payment is remembered. Default 2days. An order id that comes again
    /// after that is a new order.
    #[serde(with = "humantime_serde")]
    pub keep: Duration,
}

impl Default for PaymentsConfig {
    fn default() -> Self {
        Self {
            max: 100_000,
            keep: Duration::from_hours(48),
        }
    }
}

/// Timeout reversals (망취소).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetCancelConfig {
    /// Reversals and approvals in flight together. One more sale is answered 503 and not sent,
    /// so that an approval without an answer always finds a place to be reversed from. Default
    /// 10000.
    pub max: usize,
    /// Reversals sent at once, so that those of a long outage do not all come together. Default
    /// 8.
    pub in_flight_max: usize,
    /// How long to wait after a reversal without a final answer. Doubled every time. Default 5s.
    #[serde(with = "humantime_serde")]
    pub first_pause: Duration,
    /// The longest such wait. Default 5m.
    #[serde(with = "humantime_serde")]
    pub longest_pause: Duration,
    /// After how long a reversal is given up and logged as an error for people to settle.
    /// Default 3days.
    #[serde(with = "humantime_serde")]
    pub give_up_after: Duration,
}

impl Default for NetCancelConfig {
    fn default() -> Self {
        Self {
            max: 10_000,
            in_flight_max: 8,
            first_pause: Duration::from_secs(5),
            longest_pause: Duration::from_mins(5),
            give_up_after: Duration::from_hours(72),
        }
    }
}

/// A mall under contract, and how it appears in messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mall {
    /// Its id in requests and in DE 48 tag 01. Default MALL0001.
    pub id: MallId,
    /// Name on the slip, up to 22 characters (DE 43). Default TOYLAND ONLINE.
    pub name: String,
    /// City, up to 13 characters (DE 43). Default SEOUL.
    pub city: String,
    /// Country, three letters (DE 43). Default KOR.
    pub country: String,
    /// Merchant category code, four digits (DE 18). Default 5945, toys.
    pub category: String,
    /// Terminal id, up to 8 characters (DE 41). Default TERM0001.
    pub terminal: String,
    /// Merchant id, up to 15 characters (DE 42). Default MERCHANT0000001.
    pub merchant: String,
}

impl Mall {
    fn check(&self) -> Result<(), ConfigError> {
        let texts = [
            ("name", &self.name, 1..=22),
            ("city", &self.city, 1..=13),
            ("country", &self.country, 3..=3),
            ("category", &self.category, 4..=4),
            ("terminal", &self.terminal, 1..=8),
            ("merchant", &self.merchant, 1..=15),
        ];
        for (option, text, length) in texts {
            let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            let digits = option != "category" || text.bytes().all(|byte| byte.is_ascii_digit());
            if !printable || !digits || !length.contains(&text.len()) {
                return Err(ConfigError::Mall {
                    mall: self.id.clone(),
                    option,
                });
            }
        }
        Ok(())
    }
}

impl Default for Mall {
    fn default() -> Self {
        Self {
            id: sandbox_id("MALL0001"),
            name: "TOYLAND ONLINE".to_owned(),
            city: "SEOUL".to_owned(),
            country: "KOR".to_owned(),
            category: "5945".to_owned(),
            terminal: "TERM0001".to_owned(),
            merchant: "MERCHANT0000001".to_owned(),
        }
    }
}

#[expect(clippy::expect_used, reason = "called with literals only")]
fn sandbox_id(id: &str) -> MallId {
    MallId::try_from(id.to_owned()).expect("sandbox mall ids are printable and short")
}

/// An institution id: 1 to 11 digits (ISO 8583:1987 DE 32).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Institution(String);

impl Institution {
    /// The digits.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl TryFrom<String> for Institution {
    type Error = &'static str;

    fn try_from(digits: String) -> Result<Self, Self::Error> {
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits || !(1..=11).contains(&digits.len()) {
            return Err("institution id is not 1 to 11 digits");
        }
        Ok(Self(digits))
    }
}

impl From<Institution> for String {
    fn from(institution: Institution) -> Self {
        institution.0
    }
}

/// A distance from UTC, written `+09:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UtcOffset(pub Offset);

impl TryFrom<String> for UtcOffset {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let error = "UTC offset is not written like +09:00";
        let (sign, hours_minutes) = match text.split_at_checked(1) {
            Some(("+", rest)) => (1, rest),
            Some(("-", rest)) => (-1, rest),
            Some(_) | None => return Err(error),
        };
        let (hours, minutes) = hours_minutes.split_once(':').ok_or(error)?;
        let number = |text: &str, max: i32| match text.parse() {
            Ok(number) if text.len() == 2 && (0..=max).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(error),
        };
        let seconds = (number(hours, 14)? * 60 + number(minutes, 59)?) * 60;
        Offset::from_seconds(sign * seconds)
            .map(Self)
            .map_err(|_| error)
    }
}

impl From<UtcOffset> for String {
    fn from(UtcOffset(offset): UtcOffset) -> Self {
        let minutes = offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }
}

/// A mall waits as long as the card industry makes it wait.
fn default_link() -> LinkConfig {
    LinkConfig {
        answer_timeout: Duration::from_secs(30),
        ..LinkConfig::default()
    }
}

/// Options not given are those of a VAN's link, not of any link.
fn link_over_default<'de, D: Deserializer<'de>>(from: D) -> Result<LinkConfig, D::Error> {
    LinkConfig::deserialize_over(&default_link(), from)
}

/// The zone key is read in clear and written as nothing but stars.
mod zone_key {
    use super::{Deserialize, Deserializer, Serializer, TdesKey};

    pub(super) fn serialize<S: Serializer>(_: &TdesKey, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("********")
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TdesKey, D::Error> {
        let digits = String::deserialize(from)?;
        digits.parse().map_err(serde::de::Error::custom)
    }
}

/// A configuration that cannot be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// The file is not what a configuration looks like.
    #[error("{}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where, and what is wrong.
        reason: Box<toml::de::Error>,
    },
    /// A bound that would let nothing through.
    #[error("{0} is zero")]
    Zero(&'static str),
    /// A mall's option does not fit its data element.
    #[error("mall {mall}: {option} does not fit its data element")]
    Mall {
        /// The mall.
        mall: MallId,
        /// The option.
        option: &'static str,
    },
    /// Two malls have the same id.
    #[error("mall {0} is there twice")]
    SameMall(MallId),
    /// An option of the link cannot be.
    #[error("link: {0}")]
    Link(#[from] LinkConfigError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_shows_every_option_with_its_default() {
        let text = include_str!("../van.example.toml");
        let example: Config = toml::from_str(text).unwrap();
        assert_eq!(example, Config::default());
        let shown: toml::Table = text.parse().unwrap();
        let all = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(options(&shown), options(&all));
        example.check().unwrap();
    }

    /// The options of a table by their paths; of an array of tables, those of the first.
    fn options(table: &toml::Table) -> Vec<String> {
        let paths = table.iter().flat_map(|(name, value)| {
            let value = value.as_array().map_or(value, |items| &items[0]);
            match value.as_table() {
                Some(inner) => options(inner)
                    .iter()
                    .map(|option| format!("{name}.{option}"))
                    .collect(),
                None => vec![name.clone()],
            }
        });
        paths.collect()
    }

    #[test]
    fn err_options_that_cannot_be_are_named() {
        for (text, words) in [
            ("listne = '127.0.0.1:1'", "unknown field `listne`"),
            (
                "institution = 'VAN'",
                "institution id is not 1 to 11 digits",
            ),
            ("utc_offset = '9'", "UTC offset is not written like +09:00"),
            ("pin_zone_key = '11'", "key is not 32 hex digits"),
        ] {
            let error = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        for (text, words) in [
            ("payments.max = 0", "payments.max is zero"),
            (
                "net_cancel.first_pause = '0s'",
                "net_cancel.first_pause is zero",
            ),
            ("link.dialect = 'iso93'", "link: dialect"),
            (
                "mall = [{ category = 'toys' }]",
                "mall MALL0001: category does not fit its data element",
            ),
            ("mall = [{}, {}]", "mall MALL0001 is there twice"),
        ] {
            let config: Config = toml::from_str(text).unwrap();
            let error = config.check().unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
    }

    #[test]
    fn a_printed_configuration_hides_the_zone_key() {
        let printed = toml::to_string(&Config::default()).unwrap();
        assert!(printed.contains("pin_zone_key = \"********\""));
        assert!(printed.contains("utc_offset = \"+09:00\""));
        assert!(!format!("{:?}", Config::default()).contains("1122"));
    }
}
