//! What the issuer is told by its configuration file, `issuer.example.toml`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use iso8583_link::{LengthHeaderName, LinkConfig, LinkConfigError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::books::Policy;
use crate::card::Rules;
use crate::money::Minor;
use crate::store::journal;
use crate::{dedupe, desk};

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of the ledger; made if absent. One issuer at a time.
    pub data: PathBuf,
    /// File of 32 random bytes, mode 0600, that all keys come from: `issuer-sim keygen` makes one.
    /// Lost, the card numbers in the journal are lost with it.
    pub key_file: PathBuf,
    /// File of the zone key that DE 52 is encrypted under: 32 hex digits, mode 0600. Empty: in the
    /// sandbox the test key that everybody knows; otherwise the issuer does not start.
    pub zone_key_file: PathBuf,
    /// Sandbox: cards for everybody in a fresh data folder, faults on demand. Never with real
    /// money.
    pub sandbox: bool,
    /// The host link.
    pub host: HostConfig,
    /// The office API.
    pub office: OfficeConfig,
    /// The ledger.
    pub ledger: LedgerConfig,
    /// Where the ledger is kept.
    pub journal: JournalConfig,
    /// What the cards allow.
    pub product: ProductConfig,
}

/// `[host]`: the link on which the switch asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// Address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Connections at a time, at least 1; one more is closed at once.
    pub connections_max: usize,
    /// Batches of one connection that may wait for the ledger, at least 1; beyond it the socket is
    /// left unread. Too few leave the ledger idle between syncs.
    pub batches_max: usize,
    /// How long a connection may take to end when the program stops.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
    /// Dialect, framing and timers of the link.
    pub link: LinkConfig,
}

/// `[office]`: the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OfficeConfig {
    /// Address to listen on; port 0 lets the system choose. It asks for no credentials yet: keep
    /// it on a loopback or private address.
    pub listen: SocketAddr,
    /// Connections at a time, at least 1; more wait to be accepted.
    pub connections_max: usize,
    /// Longest request body in bytes; longer gets 413.
    pub body_bytes_max: usize,
    /// How long the head of a request may take to arrive.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// How long a request may take in all; longer gets 503.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// Years for which a card is good when its issue names no date.
    pub card_years: u16,
}

/// `[ledger]`: the books and their journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerConfig {
    /// Batches that may wait for the ledger, at least 1; beyond it requests get 96 at once.
    pub queue_batches_max: usize,
    /// Requests after which a group is written, at least 1. More of them share one sync, and wait
    /// longer for it.
    pub group_requests_max: usize,
    /// How long a repeat gets its first answer and a reversal finds its original. Shorter than a
    /// day and a night lets trace numbers come again as duplicates of nothing.
    #[serde(with = "humantime_serde")]
    pub duplicate_window: Duration,
    /// Keys remembered at most, about 190 bytes each; at the bound new money requests get 96,
    /// reversals not before an eighth more.
    pub duplicate_keys_max: usize,
    /// How long a pre-authorization holds money.
    #[serde(with = "humantime_serde")]
    pub hold: Duration,
    /// Movements of a card kept for statements, at least 1; older ones are in the journal alone.
    pub lines_per_card: usize,
    /// Cards issued at most.
    pub cards_max: usize,
}

/// `[journal]`: how the ledger is kept in the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Bytes of a segment file, 4 MiB to 1 GiB, written full of zeros ahead. Smaller ones come and
    /// go more often; memory of one is taken at a start and for a snapshot.
    pub segment_bytes: usize,
    /// Bytes of records after which a snapshot is made, at least 1 MiB, and so about what is read
    /// at a start. Smaller ones cost more work beside the ledger.
    pub snapshot_bytes: u64,
    /// Free bytes of the disk below which only reversals are decided, all else gets 96. It has to
    /// hold the reversals of what may then be under way.
    pub low_water_bytes: u64,
    /// How long segments stay in `archive` that a start does not need any more; 0s: removed at
    /// once. What a card moved beyond its last lines is there alone.
    #[serde(with = "humantime_serde")]
    pub archive_keep: Duration,
}

/// `[product]`: what the cards allow, in minor units of KRW.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProductConfig {
    /// The most that one purchase may be: 61 above.
    pub purchase_max: i64,
    /// The most that an anonymous card may hold; a charge above it is refused, a refund gets 61.
    pub anonymous_balance_max: i64,
    /// Wrong passwords in a row at which a card answers 75, 1 to 99.
    pub password_tries_max: u8,
}

/// Why a configuration is none.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {path} cannot be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not what the options are.
    #[error("configuration {path} is not valid")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A number outside its range.
    #[error("{option} is not in {low}..={high}")]
    OutOfRange {
        /// The option.
        option: &'static str,
        /// Smallest value.
        low: u64,
        /// Largest value.
        high: u64,
    },
    /// An option of the link.
    #[error("[host.link] is not valid")]
    Link(#[from] LinkConfigError),
}

impl Config {
    /// Reads a file; what it does not name has its default.
    ///
    /// # Errors
    /// [`ConfigError`] where it cannot be read, names an unknown option, or a value cannot be.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        let config: Self = toml::from_str(&text).map_err(|source| ConfigError::Toml {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
        config.check()?;
        Ok(config)
    }

    /// Are all values in their ranges?
    ///
    /// # Errors
    /// [`ConfigError`] names the first that is not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let at_least_one = [
            ("host.connections_max", self.host.connections_max),
            ("host.batches_max", self.host.batches_max),
            ("office.connections_max", self.office.connections_max),
            ("office.body_bytes_max", self.office.body_bytes_max),
            ("ledger.queue_batches_max", self.ledger.queue_batches_max),
            ("ledger.group_requests_max", self.ledger.group_requests_max),
            ("ledger.lines_per_card", self.ledger.lines_per_card),
        ];
        for (option, value) in at_least_one {
            in_range(option, value, 1, COUNT_MAX)?;
        }
        let numbered = [
            ("ledger.duplicate_keys_max", self.ledger.duplicate_keys_max),
            ("ledger.cards_max", self.ledger.cards_max),
        ];
        for (option, value) in numbered {
            in_range(option, value, 1, NUMBERED_MAX)?;
        }
        let amounts = [
            ("product.purchase_max", self.product.purchase_max),
            (
                "product.anonymous_balance_max",
                self.product.anonymous_balance_max,
            ),
        ];
        for (option, value) in amounts {
            in_range(option, value, 1, AMOUNT_MAX)?;
        }
        in_range(
            "product.password_tries_max",
            self.product.password_tries_max,
            1,
            99,
        )?;
        in_range(
            "journal.segment_bytes",
            self.journal.segment_bytes,
            4 << 20,
            1 << 30,
        )?;
        in_range(
            "journal.snapshot_bytes",
            self.journal.snapshot_bytes,
            1 << 20,
            u64::MAX,
        )?;
        in_range("office.card_years", self.office.card_years, 1, 20)?;
        self.host.link.parse()?;
        Ok(())
    }

    /// What the books go by.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            rules: Rules {
                purchase_max: Minor::new(self.product.purchase_max),
                anonymous_balance_max: Minor::new(self.product.anonymous_balance_max),
                tries_max: self.product.password_tries_max,
            },
            limits: dedupe::Limits {
                window: self.ledger.duplicate_window,
                keys_max: self.ledger.duplicate_keys_max,
            },
            hold: self.ledger.hold,
            lines_per_card: self.ledger.lines_per_card,
            cards_max: self.ledger.cards_max,
        }
    }

    /// How the journal is kept, of a key file with this check value.
    #[must_use]
    pub const fn store(&self, identity: [u8; 16]) -> journal::Settings {
        journal::Settings {
            identity,
            segment_bytes: self.journal.segment_bytes,
            low_water_bytes: self.journal.low_water_bytes,
            snapshot_bytes: self.journal.snapshot_bytes,
            tend_every: Some(TEND_EVERY),
        }
    }

    /// What may wait at the desk.
    #[must_use]
    pub const fn desk_limits(&self) -> desk::Limits {
        desk::Limits {
            queue_batches_max: self.ledger.queue_batches_max,
            group_requests_max: self.ledger.group_requests_max,
        }
    }
}

fn in_range<T: TryInto<u64>>(
    option: &'static str,
    value: T,
    low: u64,
    high: u64,
) -> Result<(), ConfigError> {
    match value.try_into() {
        Ok(value) if (low..=high).contains(&value) => Ok(()),
        Ok(_) | Err(_) => Err(ConfigError::OutOfRange { option, low, high }),
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "issuer-data".into(),
            key_file: "issuer.key".into(),
            zone_key_file: PathBuf::new(),
            sandbox: false,
            host: HostConfig::default(),
            office: OfficeConfig::default(),
            ledger: LedgerConfig::default(),
            journal: JournalConfig::default(),
            product: ProductConfig::default(),
        }
    }
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8590)),
            connections_max: 256,
            batches_max: 16,
            drain: Duration::from_secs(1),
            link: LinkConfig {
                dialect: "iso87-ascii-binmap".to_owned(),
                length_header: LengthHeaderName::Binary2,
                ..LinkConfig::default()
            },
        }
    }
}

impl Default for OfficeConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9590)),
            connections_max: 128,
            body_bytes_max: 16_384,
            header_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            card_years: 5,
        }
    }
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            queue_batches_max: 1_024,
            group_requests_max: 4_096,
            duplicate_window: Duration::from_secs(48 * 60 * 60),
            duplicate_keys_max: 4_000_000,
            hold: Duration::from_secs(7 * 24 * 60 * 60),
            lines_per_card: 100,
            cards_max: 2_000_000,
        }
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            snapshot_bytes: 256 << 20,
            low_water_bytes: 256 << 20,
            archive_keep: Duration::from_secs(400 * 24 * 60 * 60),
        }
    }
}

impl Default for ProductConfig {
    fn default() -> Self {
        Self {
            purchase_max: 300_000,
            anonymous_balance_max: 500_000,
            password_tries_max: 3,
        }
    }
}

/// Groups are synced when they are written; this only looks after room.
const TEND_EVERY: Duration = Duration::from_millis(500);
const COUNT_MAX: u64 = 1 << 32;
/// What is numbered has numbers of 32 bits, and of keys an eighth more are kept.
const NUMBERED_MAX: u64 = 1 << 31;
const AMOUNT_MAX: u64 = 999_999_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../issuer.example.toml");

    #[test]
    fn the_example_file_is_the_default_and_shows_every_option() {
        let example: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(example, Config::default());
        let all = toml::Table::try_from(Config::default()).unwrap();
        let shown: toml::Table = EXAMPLE.parse().unwrap();
        assert_eq!(names(&all), names(&shown));
    }

    fn names(table: &toml::Table) -> Vec<String> {
        table
            .iter()
            .flat_map(|(name, value)| match value.as_table() {
                Some(inner) => names(inner)
                    .into_iter()
                    .map(|inner| format!("{name}.{inner}"))
                    .collect(),
                None => vec![name.clone()],
            })
            .collect()
    }

    #[test]
    fn err_an_unknown_option_is_refused() {
        let error = toml::from_str::<Config>("[ledger]\nduplicate_windw = '1h'").unwrap_err();
        assert!(error.to_string().contains("duplicate_windw"), "{error}");
    }

    #[test]
    fn err_a_value_out_of_range_is_named() {
        let mut config = Config::default();
        config.product.purchase_max = -1;
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "product.purchase_max is not in 1..=999999999999"
        );
        let mut config = Config::default();
        config.ledger.queue_batches_max = 0;
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "ledger.queue_batches_max is not in 1..=4294967296"
        );
    }
}
