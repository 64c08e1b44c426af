//! Trace numbers of the switch's own, for issuers that want one sequence.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use switch_core::NumberSettings;

use super::{CheckedGroup, CheckedJournal, ConfigError, option};

/// An issuer whose requests get a DE 11 of the switch's own. Needs a journal that is synced before
/// anything leaves (`sync = "always"`): a number that is lost is an original that cannot be
/// reversed. For the same reason all that acquirers send to such an issuer goes through one switch,
/// and this is turned on and off only while nothing is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NumbersConfig {
    /// The private element that bears the acquirer's DE 11 and DE 7 (16 digits): 46, 47 or 56 to
    /// 63. A message of an acquirer that has it is answered 30.
    pub element: u8,
    /// How many numbers are kept, 8 to 900000: at three quarters requests are answered 91, the rest
    /// is left to reversals and advices. About 300 bytes each.
    pub kept_max: usize,
    /// How long, 1min to 31days: as long as acquirers repeat and reverse, for a repeat that comes
    /// later is another transaction to the issuer, and a reversal names nothing.
    #[serde(with = "humantime_serde")]
    pub kept_for: Duration,
}

impl Default for NumbersConfig {
    fn default() -> Self {
        let NumberSettings {
            element,
            kept_max,
            kept_for,
        } = NumberSettings::default();
        Self {
            element,
            kept_max,
            kept_for,
        }
    }
}

impl NumbersConfig {
    pub(super) fn check(&self, place: impl Fn() -> String) -> Result<NumberSettings, ConfigError> {
        if !matches!(self.element, 46 | 47 | 56..=63) {
            return Err(option(place(), "numbers.element", "46, 47 or 56 to 63"));
        }
        if !(8..=NumberSettings::KEPT_MAX).contains(&self.kept_max) {
            return Err(option(place(), "numbers.kept_max", "8 to 900000"));
        }
        let day = Duration::from_hours(24);
        if !(Duration::from_secs(60)..=day * 31).contains(&self.kept_for) {
            return Err(option(place(), "numbers.kept_for", "1min to 31days"));
        }
        Ok(NumberSettings {
            element: self.element,
            kept_max: self.kept_max,
            kept_for: self.kept_for,
        })
    }
}

/// Numbers are recorded before a message leaves, or there are none.
pub(super) fn check_kept(
    groups: &[CheckedGroup],
    journal: Option<&CheckedJournal>,
) -> Result<(), ConfigError> {
    let numbered = groups.iter().find(|group| group.settings.numbers.is_some());
    match numbered {
        Some(group) if !journal.is_some_and(|journal| journal.sync_always) => {
            let place = format!("issuer {:?}", group.name);
            let expected = "to be had without a journal of sync = \"always\"";
            Err(option(place, "numbers", expected))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use crate::config::{JournalConfig, SyncName};

    #[test]
    fn the_example_file_shows_every_option_with_its_default() {
        let text = include_str!("../../switch.example.toml");
        let from = text.find("# [issuer.numbers]").unwrap();
        let table = text[from..].split("\n\n").next().unwrap();
        let options: String = table
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| line.contains(" = "))
            .fold(String::new(), |all, line| all + line + "\n");
        let example: NumbersConfig = toml::from_str(&options).unwrap();
        assert_eq!(example, NumbersConfig::default());
        let named = toml::to_string(&NumbersConfig::default()).unwrap();
        for option in named.lines().filter_map(|line| line.split(" = ").next()) {
            assert!(options.contains(&format!("{option} = ")), "{option}");
        }
    }

    /// The default with numbers and such a journal.
    fn config(sync: SyncName) -> Config {
        let mut config = Config {
            journal: Some(JournalConfig {
                sync,
                ..JournalConfig::default()
            }),
            ..Config::default()
        };
        config.issuer[0].numbers = Some(NumbersConfig::default());
        config
    }

    #[test]
    fn err_numbers_that_could_be_lost_or_cannot_be() {
        assert!(config(SyncName::Always).validate().is_ok());
        let mut without = config(SyncName::Always);
        without.journal = None;
        for config in [without, config(SyncName::Background)] {
            assert_eq!(
                config.validate().unwrap_err().to_string(),
                "issuer \"prepaid\": numbers is not to be had without a journal of \
                 sync = \"always\""
            );
        }
        type Change = fn(&mut NumbersConfig);
        let changes: [(Change, &str); 3] = [
            (
                |numbers| numbers.element = 48,
                "element is not 46, 47 or 56 to 63",
            ),
            (
                |numbers| numbers.kept_max = 900_001,
                "kept_max is not 8 to 900000",
            ),
            (
                |numbers| numbers.kept_for = Duration::ZERO,
                "kept_for is not 1min to 31days",
            ),
        ];
        for (change, said) in changes {
            let mut config = config(SyncName::Always);
            config.issuer[0].numbers.as_mut().map(change);
            assert_eq!(
                config.validate().unwrap_err().to_string(),
                format!("issuer \"prepaid\": numbers.{said}")
            );
        }
    }
}
