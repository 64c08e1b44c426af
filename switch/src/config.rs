//! The configuration: one TOML file, checked once at start.

use std::time::Duration;

use iso8583_link::{LinkConfig, LinkConfigError, LinkSettings};
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize};
use switch_core::{GroupId, Inbound, OutboundSettings, RouteError, RouteTable};
use thiserror::Error;

/// The whole configuration. The default is the sandbox: `switch/switch.example.toml` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The switch's own institution id: DE 33 of what it forwards. Up to 11 digits.
    pub institution: String,
    /// Hours by which the business day is ahead of UTC: DE 15. -12 to 14.
    pub business_utc_offset_hours: i8,
    /// Where metrics and health are served: host:port.
    pub admin: String,
    /// How long a stopping switch waits for answers that are in flight.
    #[serde(with = "humantime_serde")]
    pub drain_timeout: Duration,
    /// Where acquirers connect.
    pub listener: Vec<ListenerConfig>,
    /// Who issues the cards.
    pub issuer: Vec<IssuerConfig>,
}

/// A port where acquirers connect, with one dialect and framing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenerConfig {
    /// Name in logs and metrics; no two are alike.
    pub name: String,
    /// host:port.
    pub address: String,
    /// DE 32 of messages that come without: up to 11 digits.
    pub acquirer: String,
    /// Connections at a time; one more is closed at once.
    pub connections_max: usize,
    /// Requests of one connection in flight; one more is answered 91 at once.
    pub in_flight_max: usize,
    /// Dialect, framing and limits of each connection.
    pub link: LinkConfig,
}

/// An issuer, and the link to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerConfig {
    /// Name in logs and metrics; no two are alike.
    pub name: String,
    /// Card number prefixes, 1 to 19 digits. The longest that fits a card wins, over all issuers.
    pub prefixes: Vec<String>,
    /// host:port of its host; absent: the issuer is known and no link serves it (92).
    pub address: Option<String>,
    /// Batches of requests that may wait for the link's task; one more is answered 91 at once.
    pub queue_batches_max: usize,
    /// Requests in flight and reversals not yet acknowledged, together; at the bound 91.
    pub transactions_max: usize,
    /// Reversals under way at a time.
    pub reversal_window: usize,
    /// How long after an unanswered reversal it is first repeated; doubled each time.
    #[serde(with = "humantime_serde")]
    pub reversal_retry: Duration,
    /// The longest time between two repeats of a reversal.
    #[serde(with = "humantime_serde")]
    pub reversal_retry_max: Duration,
    /// Dialect, framing, deadline (`answer_timeout`) and limits of the link. The deadline must
    /// be shorter than what acquirers wait. Not named, an issuer link is `iso87-ascii-binmap`,
    /// signs on and sends echo tests after a minute of silence.
    #[serde(deserialize_with = "issuer_link")]
    pub link: LinkConfig,
}

impl Default for Config {
    fn default() -> Self {
        let listener = |name: &str, address: &str, acquirer: &str, link| ListenerConfig {
            name: name.to_owned(),
            address: address.to_owned(),
            acquirer: acquirer.to_owned(),
            link,
            ..ListenerConfig::default()
        };
        let pos = LinkConfig {
            dialect: "iso87-bcd".to_owned(),
            tpdu: true,
            ..Default::default()
        };
        let prepaid = IssuerConfig {
            name: "prepaid".to_owned(),
            prefixes: vec!["999999".to_owned()],
            address: Some("127.0.0.1:8590".to_owned()),
            link: LinkConfig {
                institution: Some("999001".to_owned()),
                ..default_issuer_link()
            },
            ..IssuerConfig::default()
        };
        Self {
            institution: "999001".to_owned(),
            business_utc_offset_hours: 9,
            admin: "127.0.0.1:9583".to_owned(),
            drain_timeout: Duration::from_secs(12),
            listener: vec![
                listener("van", "127.0.0.1:8583", "900001", LinkConfig::default()),
                listener("pos", "127.0.0.1:8584", "900002", pos),
            ],
            issuer: vec![prepaid],
        }
    }
}

/// What a table that names nothing would be: name, address and acquirer must be given.
impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            address: String::new(),
            acquirer: String::new(),
            connections_max: 10_000,
            in_flight_max: 4_096,
            link: LinkConfig::default(),
        }
    }
}

/// What a table that names nothing would be: name and prefixes must be given.
impl Default for IssuerConfig {
    fn default() -> Self {
        let outbound = OutboundSettings::default();
        Self {
            name: String::new(),
            prefixes: Vec::new(),
            address: None,
            queue_batches_max: 1_024,
            transactions_max: outbound.transactions_max,
            reversal_window: outbound.reversal_window,
            reversal_retry: outbound.reversal_retry,
            reversal_retry_max: outbound.reversal_retry_max,
            link: default_issuer_link(),
        }
    }
}

fn default_issuer_link() -> LinkConfig {
    LinkConfig {
        dialect: "iso87-ascii-binmap".to_owned(),
        sign_on: true,
        echo_after: Some(Duration::from_secs(60)),
        ..LinkConfig::default()
    }
}

fn issuer_link<'de, D: Deserializer<'de>>(from: D) -> Result<LinkConfig, D::Error> {
    LinkConfig::deserialize_over(&default_issuer_link(), from)
}

/// What a switch runs on.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) listeners: Vec<CheckedListener>,
    pub(crate) groups: Vec<CheckedGroup>,
    pub(crate) routes: RouteTable,
    pub(crate) admin: String,
    pub(crate) drain_timeout: Duration,
}

#[derive(Debug)]
pub(crate) struct CheckedListener {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) connections_max: usize,
    pub(crate) in_flight_max: usize,
    pub(crate) inbound: Inbound,
    pub(crate) link: LinkSettings,
}

#[derive(Debug)]
pub(crate) struct CheckedGroup {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) queue_batches_max: usize,
    pub(crate) outbound: OutboundSettings,
    pub(crate) link: LinkSettings,
}

/// A configuration that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// An option has a value it cannot have.
    #[error("{place}: {option} is not {expected}")]
    Option {
        /// Where: a table and its name.
        place: String,
        /// Which option.
        option: &'static str,
        /// What it should have been.
        expected: &'static str,
    },
    /// Two tables bear one name.
    #[error("{kind} {name:?} is there twice")]
    Twice {
        /// `listener` or `issuer`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A link's options.
    #[error("{place}: {error}")]
    Link {
        /// Which link.
        place: String,
        /// What is wrong.
        error: LinkConfigError,
    },
    /// The card number prefixes.
    #[error("issuer prefixes: {0}")]
    Routes(#[from] RouteError),
}

impl Config {
    /// Checks all of it.
    ///
    /// # Errors
    /// Names the first option that cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check().map(|_| ())
    }

    pub(crate) fn check(&self) -> Result<Checked, ConfigError> {
        let top = || "configuration".to_owned();
        institution(&self.institution, top, "institution")?;
        let offset = Some(self.business_utc_offset_hours)
            .filter(|hours| (-12..=14).contains(hours))
            .and_then(|hours| Offset::from_hours(hours).ok())
            .ok_or_else(|| option(top(), "business_utc_offset_hours", "-12 to 14"))?;
        unique(
            "listener",
            self.listener.iter().map(|listener| &listener.name),
        )?;
        unique("issuer", self.issuer.iter().map(|issuer| &issuer.name))?;
        let mut listeners = Vec::new();
        for listener in &self.listener {
            listeners.push(listener.check(&self.institution, offset)?);
        }
        let mut groups = Vec::new();
        let mut routes = Vec::new();
        for issuer in &self.issuer {
            let place = || format!("issuer {:?}", issuer.name);
            given(&issuer.name, place, "name")?;
            if issuer.prefixes.is_empty() {
                return Err(option(
                    place(),
                    "prefixes",
                    "a list of card number prefixes",
                ));
            }
            let group = match &issuer.address {
                Some(address) => {
                    groups.push(issuer.check(address)?);
                    Some(GroupId(groups.len() - 1))
                }
                None => None,
            };
            routes.extend(
                issuer
                    .prefixes
                    .iter()
                    .map(|prefix| (prefix.as_str(), group)),
            );
        }
        Ok(Checked {
            listeners,
            groups,
            routes: RouteTable::new(routes)?,
            admin: self.admin.clone(),
            drain_timeout: self.drain_timeout,
        })
    }
}

impl ListenerConfig {
    fn check(&self, forwarder: &str, offset: Offset) -> Result<CheckedListener, ConfigError> {
        let place = || format!("listener {:?}", self.name);
        given(&self.name, place, "name")?;
        given(&self.address, place, "address")?;
        institution(&self.acquirer, place, "acquirer")?;
        positive(self.connections_max, place, "connections_max")?;
        positive(self.in_flight_max, place, "in_flight_max")?;
        if self.in_flight_max > 1 << 20 {
            return Err(option(place(), "in_flight_max", "at most 1048576"));
        }
        let link = self.link.parse().map_err(|error| ConfigError::Link {
            place: place(),
            error,
        })?;
        Ok(CheckedListener {
            name: self.name.clone(),
            address: self.address.clone(),
            connections_max: self.connections_max,
            in_flight_max: self.in_flight_max,
            inbound: Inbound {
                default_acquirer: self.acquirer.clone().into_bytes(),
                forwarder: forwarder.as_bytes().to_vec(),
                business_offset: offset,
            },
            link,
        })
    }
}

impl IssuerConfig {
    fn check(&self, address: &str) -> Result<CheckedGroup, ConfigError> {
        let place = || format!("issuer {:?}", self.name);
        positive(self.queue_batches_max, place, "queue_batches_max")?;
        if self.queue_batches_max > 1 << 20 {
            return Err(option(place(), "queue_batches_max", "at most 1048576"));
        }
        positive(self.transactions_max, place, "transactions_max")?;
        positive(self.reversal_window, place, "reversal_window")?;
        for (name, time) in [
            ("reversal_retry", self.reversal_retry),
            ("reversal_retry_max", self.reversal_retry_max),
        ] {
            if !(Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(&time) {
                return Err(option(place(), name, "1ms to 1day"));
            }
        }
        let link = self.link.parse().map_err(|error| ConfigError::Link {
            place: place(),
            error,
        })?;
        Ok(CheckedGroup {
            name: self.name.clone(),
            address: address.to_owned(),
            queue_batches_max: self.queue_batches_max,
            outbound: OutboundSettings {
                transactions_max: self.transactions_max,
                reversal_window: self.reversal_window,
                reversal_retry: self.reversal_retry,
                reversal_retry_max: self.reversal_retry_max,
                ..OutboundSettings::default()
            },
            link,
        })
    }
}

fn institution(
    id: &str,
    place: impl Fn() -> String,
    name: &'static str,
) -> Result<(), ConfigError> {
    let digits = id.bytes().all(|digit| digit.is_ascii_digit());
    if digits && (1..=11).contains(&id.len()) {
        Ok(())
    } else {
        Err(option(place(), name, "1 to 11 digits"))
    }
}

fn given(value: &str, place: impl Fn() -> String, name: &'static str) -> Result<(), ConfigError> {
    if value.is_empty() {
        Err(option(place(), name, "given"))
    } else {
        Ok(())
    }
}

fn positive(
    value: usize,
    place: impl Fn() -> String,
    name: &'static str,
) -> Result<(), ConfigError> {
    if value == 0 {
        Err(option(place(), name, "at least 1"))
    } else {
        Ok(())
    }
}

const fn option(place: String, option: &'static str, expected: &'static str) -> ConfigError {
    ConfigError::Option {
        place,
        option,
        expected,
    }
}

fn unique<'a>(
    kind: &'static str,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), ConfigError> {
    let mut names: Vec<&String> = names.collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => {
            let name = pair.first().map(|name| (*name).clone()).unwrap_or_default();
            Err(ConfigError::Twice { kind, name })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_shows_every_option_with_its_default() {
        let text = include_str!("../switch.example.toml");
        let example: Config = toml::from_str(text).unwrap();
        assert_eq!(example, Config::default());
        let printed = toml::to_string(&Config::default()).unwrap();
        let options = |text: &str| -> Vec<String> {
            let mut options: Vec<String> = text
                .lines()
                .filter_map(|line| line.trim_start_matches("# ").split_once(" = "))
                .map(|(option, _)| option.to_owned())
                .filter(|option| !option.contains(' '))
                .collect();
            options.sort();
            options.dedup();
            options
        };
        for option in options(&printed) {
            assert!(
                options(text).contains(&option),
                "{option} is not in the example"
            );
        }
        assert!(Config::default().validate().is_ok());
    }

    #[test]
    fn err_what_cannot_be_is_named() {
        let error = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert_eq!(
            error(|config| config.institution = "12x".to_owned()),
            "configuration: institution is not 1 to 11 digits"
        );
        assert_eq!(
            error(|config| config.listener[1].name = "van".to_owned()),
            "listener \"van\" is there twice"
        );
        assert_eq!(
            error(|config| config.issuer[0].prefixes.push("999999".to_owned())),
            "issuer prefixes: prefix 999999 is routed twice"
        );
        assert_eq!(
            error(|config| config.listener[0].in_flight_max = 0),
            "listener \"van\": in_flight_max is not at least 1"
        );
        assert_eq!(
            error(|config| config.issuer[0].link.dialect = "iso93".to_owned()),
            "issuer \"prepaid\": dialect \"iso93\" is none of iso87-ascii, iso87-ascii-binmap, \
             iso87-bcd"
        );
        assert_eq!(
            error(|config| config.issuer.push(IssuerConfig::default())),
            "issuer \"\": name is not given"
        );
        let named_one = "[[issuer]]\nname = 'x'\n[issuer.link]\nanswer_timeout = '5s'";
        let config: Config = toml::from_str(named_one).unwrap();
        assert_eq!(
            config.issuer[0].link.dialect, "iso87-ascii-binmap",
            "the others stay"
        );
        assert!(toml::from_str::<Config>("[[listener]]\nconections_max = 5").is_err());
    }
}
