//! The configuration: one TOML file, checked once at start.

mod forward;
mod health;
mod journal;
mod numbers;
mod reconciliation;
mod repeats;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use iso8583_link::{LinkConfig, LinkConfigError, LinkSettings};
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize};
use switch_core::{
    Balance, CardRange, Conditions, GroupId, GroupSettings, Inbound, MemorySettings,
    OutboundSettings, Rate, RouteError, RouteTable, Rule,
};
use thiserror::Error;

pub use self::forward::ForwardConfig;
pub use self::health::HealthConfig;
pub(crate) use self::journal::CheckedJournal;
pub use self::journal::{JournalConfig, SyncName};
pub use self::numbers::NumbersConfig;
pub use self::reconciliation::ReconciliationConfig;
pub use self::repeats::RepeatsConfig;

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
    /// How long a request may wait before it is handed to a link; one that waited longer is
    /// answered 91 unsent, for its answer would come too late. Advices and reversals are sent
    /// however late. 1ms to 1day.
    #[serde(with = "humantime_serde")]
    pub queue_age_max: Duration,
    /// Where is kept what must outlive the process. Absent, nothing does.
    pub journal: Option<JournalConfig>,
    /// When the business day ends, and what is counted of it.
    pub reconciliation: ReconciliationConfig,
    /// What is kept of answers, for repeats.
    pub repeats: RepeatsConfig,
    /// Where acquirers connect.
    pub listener: Vec<ListenerConfig>,
    /// Who issues cards, and how they are reached.
    pub issuer: Vec<IssuerConfig>,
    /// Which requests go to whom.
    pub route: Vec<RouteConfig>,
    /// What is kept in mind so that a request given to one issuer never goes to another.
    pub failover: FailoverConfig,
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
    /// The DE 32 it takes, `acquirer` among them; another is answered 31. Empty: any.
    pub acquirers: Vec<String>,
    /// Connections at a time; one more is closed at once.
    pub connections_max: usize,
    /// Requests of one connection in flight; one more is answered 91 at once.
    pub in_flight_max: usize,
    /// Messages a second of one connection in the long run, 1 to 1000000; one more is answered 91
    /// at once. An acquirer with several connections has as many times that. Network messages are
    /// answered ahead of it. Absent: no bound.
    pub rate_max: Option<u32>,
    /// And so many at once, 1 to 1000000.
    pub burst: u32,
    /// Dialect, framing and limits of each connection.
    pub link: LinkConfig,
}

/// An issuer, and the links to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerConfig {
    /// Name in routes, logs and metrics; no two are alike.
    pub name: String,
    /// host:port of each of its hosts, 1 to 16: a link each.
    pub addresses: Vec<String>,
    /// Which of the links that are up is given the next request.
    pub balance: BalanceName,
    /// Requests that may wait for the issuer's task; one more is answered 91 at once.
    pub queue_requests_max: usize,
    /// Requests in flight, and reversals and kept advices not yet acknowledged, together; at the
    /// bound 91. An advice of more than 512 bytes counts several times.
    pub transactions_max: usize,
    /// Store and forward.
    pub forward: ForwardConfig,
    /// When a link that hardly answers is rested.
    pub health: HealthConfig,
    /// Trace numbers of the switch's own. Absent, those of acquirers travel unchanged.
    pub numbers: Option<NumbersConfig>,
    /// Dialect, framing, deadline (`answer_timeout`) and limits of each link. The deadline must
    /// be shorter than what acquirers wait. Not named, an issuer link is `iso87-ascii-binmap`,
    /// signs on and sends echo tests after a minute of silence.
    #[serde(deserialize_with = "issuer_link")]
    pub link: LinkConfig,
}

/// [`Balance`] as the file spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BalanceName {
    /// The first that is up.
    #[default]
    PrimaryBackup,
    /// One after the other.
    RoundRobin,
    /// The one with the fewest requests in flight.
    LeastInFlight,
}

/// Which requests go to which issuers. Of several routes that take a request the most specific
/// has it, as [`RouteTable`] says; where none is, the switch does not start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteConfig {
    /// Name in errors; no two are alike.
    pub name: String,
    /// How the card numbers begin that it takes, 4 to 19 digits each.
    pub prefixes: Vec<String>,
    /// And these, `low..high`, both of as many digits, 4 to 19, and both taken in.
    pub ranges: Vec<String>,
    /// DE 3 of what it takes, all six digits or the first two; empty: any.
    pub processing_codes: Vec<String>,
    /// DE 49 of what it takes, three digits; empty: any.
    pub currencies: Vec<String>,
    /// DE 32 of what it takes, up to 11 digits; empty: any. Of messages that come without, the
    /// listener's `acquirer`.
    pub acquirers: Vec<String>,
    /// The least DE 4 it takes, in minor units of whatever the currency is.
    pub amount_min: Option<u64>,
    /// The greatest.
    pub amount_max: Option<u64>,
    /// Names of issuers, up to 8, the first choice first; the next is given a request only while
    /// nothing of it was sent. None: its cards are known and nobody is reached, which is answered
    /// 92.
    pub issuers: Vec<String>,
}

/// What is kept in mind of answered requests where a route names several issuers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FailoverConfig {
    /// How many requests given to another issuer than their first choice, so that their repeats
    /// and reversals follow them: at the bound no more fail over, but are answered 91. And how
    /// many given to their first choice, so that a second sending does not go to another: of
    /// these the oldest is forgotten. 1 to 16777216; about 300 bytes each.
    pub remembered_max: usize,
    /// How long.
    #[serde(with = "humantime_serde")]
    pub remembered_for: Duration,
}

impl Default for FailoverConfig {
    fn default() -> Self {
        let memory = MemorySettings::default();
        Self {
            remembered_max: memory.requests_max,
            remembered_for: memory.time,
        }
    }
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
            addresses: vec!["127.0.0.1:8590".to_owned()],
            link: LinkConfig {
                institution: Some("999001".to_owned()),
                ..default_issuer_link()
            },
            ..IssuerConfig::default()
        };
        let sandbox_cards = RouteConfig {
            name: "sandbox".to_owned(),
            prefixes: vec!["999999".to_owned()],
            issuers: vec!["prepaid".to_owned()],
            ..RouteConfig::default()
        };
        Self {
            institution: "999001".to_owned(),
            business_utc_offset_hours: 9,
            admin: "127.0.0.1:9583".to_owned(),
            drain_timeout: Duration::from_secs(12),
            queue_age_max: OutboundSettings::default().queue_age_max,
            journal: None,
            reconciliation: ReconciliationConfig::default(),
            repeats: RepeatsConfig::default(),
            listener: vec![
                listener("van", "127.0.0.1:8583", "900001", LinkConfig::default()),
                listener("pos", "127.0.0.1:8584", "900002", pos),
            ],
            issuer: vec![prepaid],
            route: vec![sandbox_cards],
            failover: FailoverConfig::default(),
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
            acquirers: Vec::new(),
            connections_max: 10_000,
            in_flight_max: 4_096,
            rate_max: None,
            burst: 100,
            link: LinkConfig::default(),
        }
    }
}

/// What a table that names nothing would be: name and addresses must be given.
impl Default for IssuerConfig {
    fn default() -> Self {
        let settings = GroupSettings::default();
        Self {
            name: String::new(),
            addresses: Vec::new(),
            balance: BalanceName::default(),
            queue_requests_max: 16_384,
            transactions_max: settings.transactions_max,
            forward: ForwardConfig::default(),
            health: HealthConfig::default(),
            numbers: None,
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
    pub(crate) journal: Option<CheckedJournal>,
    pub(crate) listeners: Vec<CheckedListener>,
    /// By [`GroupId`].
    pub(crate) groups: Vec<CheckedGroup>,
    pub(crate) routes: Arc<RouteTable>,
    pub(crate) outbound: OutboundSettings,
    pub(crate) admin: String,
    pub(crate) drain_timeout: Duration,
}

impl Checked {
    /// The groups of each pool, by [`switch_core::PoolId`].
    pub(crate) fn pools(&self) -> impl Iterator<Item = Vec<(GroupId, &CheckedGroup)>> {
        let group = |id: &GroupId| Some((*id, self.groups.get(usize::from(id.0))?));
        let pools = self.routes.pools().iter();
        pools.map(move |pool| pool.iter().filter_map(group).collect())
    }
}

#[derive(Debug)]
pub(crate) struct CheckedListener {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) connections_max: usize,
    pub(crate) in_flight_max: usize,
    pub(crate) rate: Option<Rate>,
    pub(crate) inbound: Inbound,
    pub(crate) link: LinkSettings,
}

#[derive(Debug)]
pub(crate) struct CheckedGroup {
    pub(crate) name: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) queue_requests_max: usize,
    pub(crate) settings: GroupSettings,
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
        /// `listener`, `issuer` or `route`.
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
    /// One route.
    #[error("route {route:?}: {error}")]
    Route {
        /// Which.
        route: String,
        /// What is wrong.
        error: RouteError,
    },
    /// A route's issuer.
    #[error("route {route:?}: no issuer is named {issuer:?}")]
    NoSuchIssuer {
        /// Which route.
        route: String,
        /// The name it gives.
        issuer: String,
    },
    /// The routes together.
    #[error(transparent)]
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
        let totals = self.reconciliation.check(offset)?;
        unique(
            "listener",
            self.listener.iter().map(|listener| &listener.name),
        )?;
        unique("issuer", self.issuer.iter().map(|issuer| &issuer.name))?;
        let mut listeners = Vec::new();
        for listener in &self.listener {
            listeners.push(listener.check(&self.institution, totals.offset)?);
        }
        unique("route", self.route.iter().map(|route| &route.name))?;
        let groups_max = u16::MAX.into();
        if self.issuer.len() > groups_max {
            return Err(option(top(), "issuer", "at most 65535 tables"));
        }
        let mut groups = Vec::new();
        let mut group_of = HashMap::new();
        for (id, issuer) in (0..).map(GroupId).zip(&self.issuer) {
            groups.push(issuer.check()?);
            group_of.insert(issuer.name.as_str(), id);
        }
        let mut rules = Vec::new();
        for route in &self.route {
            rules.push(route.check(&group_of)?);
        }
        let routes = RouteTable::new(&rules, u16::try_from(groups.len()).unwrap_or(u16::MAX))?;
        let remembered = self.failover.remembered_max;
        let check = |journal: &JournalConfig| journal.check(&groups, remembered, &totals);
        let journal = self.journal.as_ref().map(check);
        let journal = journal.transpose()?;
        numbers::check_kept(&groups, journal.as_ref())?;
        Ok(Checked {
            journal,
            listeners,
            groups,
            routes: Arc::new(routes),
            outbound: OutboundSettings {
                memory: self.failover.check()?,
                answered: self.repeats.check()?,
                totals,
                queue_age_max: time(self.queue_age_max, top, "queue_age_max")?,
                ..OutboundSettings::default()
            },
            admin: self.admin.clone(),
            drain_timeout: self.drain_timeout,
        })
    }
}

impl FailoverConfig {
    fn check(&self) -> Result<MemorySettings, ConfigError> {
        let place = || "failover".to_owned();
        if !(1..=1 << 24).contains(&self.remembered_max) {
            return Err(option(place(), "remembered_max", "1 to 16777216"));
        }
        let day = Duration::from_hours(24);
        if !(Duration::from_secs(1)..=day * 31).contains(&self.remembered_for) {
            return Err(option(place(), "remembered_for", "1s to 31days"));
        }
        Ok(MemorySettings {
            requests_max: self.remembered_max,
            time: self.remembered_for,
        })
    }
}

impl RouteConfig {
    fn check(&self, group_of: &HashMap<&str, GroupId>) -> Result<Rule, ConfigError> {
        let place = || format!("route {:?}", self.name);
        given(&self.name, place, "name")?;
        if self.prefixes.is_empty() && self.ranges.is_empty() {
            return Err(option(place(), "prefixes", "given, and ranges neither"));
        }
        let mut groups = Vec::new();
        for issuer in &self.issuers {
            let group = group_of.get(issuer.as_str());
            groups.push(*group.ok_or_else(|| ConfigError::NoSuchIssuer {
                route: self.name.clone(),
                issuer: issuer.clone(),
            })?);
        }
        let wrong = |error| ConfigError::Route {
            route: self.name.clone(),
            error,
        };
        Ok(Rule {
            name: self.name.clone(),
            cards: self.cards().map_err(wrong)?,
            conditions: self.conditions().map_err(wrong)?,
            groups,
        })
    }

    fn cards(&self) -> Result<Vec<CardRange>, RouteError> {
        let prefixes = self.prefixes.iter().map(|text| CardRange::prefix(text));
        let ranges = self.ranges.iter().map(|text| CardRange::range(text));
        prefixes.chain(ranges).collect()
    }

    fn conditions(&self) -> Result<Conditions, RouteError> {
        Conditions::default()
            .processing_codes(&self.processing_codes)?
            .currencies(&self.currencies)?
            .acquirers(&self.acquirers)?
            .amount(self.amount_min, self.amount_max)
    }
}

impl From<BalanceName> for Balance {
    fn from(name: BalanceName) -> Self {
        match name {
            BalanceName::PrimaryBackup => Self::PrimaryBackup,
            BalanceName::RoundRobin => Self::RoundRobin,
            BalanceName::LeastInFlight => Self::LeastInFlight,
        }
    }
}

impl ListenerConfig {
    fn check(&self, forwarder: &str, offset: Offset) -> Result<CheckedListener, ConfigError> {
        let place = || format!("listener {:?}", self.name);
        given(&self.name, place, "name")?;
        given(&self.address, place, "address")?;
        institution(&self.acquirer, place, "acquirer")?;
        self.check_acquirers()?;
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
            rate: self.check_rate()?,
            inbound: Inbound {
                default_acquirer: self.acquirer.clone().into_bytes(),
                acquirers: self
                    .acquirers
                    .iter()
                    .map(|id| id.clone().into_bytes())
                    .collect(),
                forwarder: forwarder.as_bytes().to_vec(),
                business_offset: offset,
            },
            link,
        })
    }

    fn check_rate(&self) -> Result<Option<Rate>, ConfigError> {
        let bounds = 1..=Rate::MAX;
        for (name, value) in [("rate_max", self.rate_max), ("burst", Some(self.burst))] {
            if !value.is_none_or(|value| bounds.contains(&value)) {
                let place = format!("listener {:?}", self.name);
                return Err(option(place, name, "1 to 1000000"));
            }
        }
        Ok(self
            .rate_max
            .and_then(|per_second| Rate::new(per_second, self.burst)))
    }

    fn check_acquirers(&self) -> Result<(), ConfigError> {
        let place = || format!("listener {:?}", self.name);
        self.acquirers
            .iter()
            .try_for_each(|id| institution(id, place, "one of acquirers"))?;
        if !self.acquirers.is_empty() && !self.acquirers.contains(&self.acquirer) {
            return Err(option(place(), "acquirer", "one of acquirers"));
        }
        Ok(())
    }
}

impl IssuerConfig {
    fn check(&self) -> Result<CheckedGroup, ConfigError> {
        let place = || format!("issuer {:?}", self.name);
        given(&self.name, place, "name")?;
        let links = u8::try_from(self.addresses.len())
            .ok()
            .filter(|links| (1..=GroupSettings::LINKS_MAX).contains(links))
            .ok_or_else(|| option(place(), "addresses", "a list of 1 to 16 host:port"))?;
        self.addresses
            .iter()
            .try_for_each(|address| given(address, place, "one of addresses"))?;
        positive(self.queue_requests_max, place, "queue_requests_max")?;
        if self.queue_requests_max > 1 << 20 {
            return Err(option(place(), "queue_requests_max", "at most 1048576"));
        }
        positive(self.transactions_max, place, "transactions_max")?;
        let link = self.link.parse().map_err(|error| ConfigError::Link {
            place: place(),
            error,
        })?;
        let numbers = self.numbers.as_ref().map(|numbers| numbers.check(place));
        Ok(CheckedGroup {
            name: self.name.clone(),
            addresses: self.addresses.clone(),
            queue_requests_max: self.queue_requests_max,
            settings: GroupSettings {
                links,
                balance: self.balance.into(),
                transactions_max: self.transactions_max,
                answer_timeout: self.link.answer_timeout,
                // The rest of the link's is kept for reversals.
                link_in_flight_max: self
                    .link
                    .in_flight_max
                    .saturating_sub(self.forward.window)
                    .max(1),
                forward: self.forward.check(place)?,
                health: self.health.check(place)?,
                numbers: numbers.transpose()?,
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

fn time(
    value: Duration,
    place: impl Fn() -> String,
    name: &'static str,
) -> Result<Duration, ConfigError> {
    if (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(&value) {
        Ok(value)
    } else {
        Err(option(place(), name, "1ms to 1day"))
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
mod tests;
