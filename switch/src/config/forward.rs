//! `[issuer.forward]`: how an issuer is told what it must be told.

use std::time::Duration;

use iso8583::element::ResponseCode;
use serde::{Deserialize, Serialize};
use switch_core::ForwardSettings;

use super::{ConfigError, option, positive, time};

/// Store and forward: reversals of the switch's own, and advices and reversals of acquirers that
/// the issuer could not be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForwardConfig {
    /// How many are under way at a time. Of these a fifth, and one at least, may be of a backlog.
    pub window: usize,
    /// How long after it was not acknowledged one is first repeated; doubled each time, and a fifth
    /// longer or shorter.
    #[serde(with = "humantime_serde")]
    pub retry: Duration,
    /// The longest time between two repeats.
    #[serde(with = "humantime_serde")]
    pub retry_max: Duration,
    /// DE 39 of the issuer's answers that settle one.
    pub accepted: Vec<String>,
    /// After how many answers with another code one is a dead letter.
    pub refused_max: u32,
    /// After how long without an answer that settles it one is a dead letter.
    #[serde(with = "humantime_serde")]
    pub age_max: Duration,
    /// How many dead letters may lie, one that is longer than 512 bytes counted several times; at
    /// the bound the others go on being repeated.
    pub dead_letters_max: usize,
}

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

impl Default for ForwardConfig {
    fn default() -> Self {
        let settings = ForwardSettings::default();
        let accepted = settings.accepted.iter().map(ToString::to_string);
        Self {
            window: settings.window,
            retry: settings.retry,
            retry_max: settings.retry_max,
            accepted: accepted.collect(),
            refused_max: settings.refused_max,
            age_max: settings.age_max,
            dead_letters_max: settings.dead_letters_max,
        }
    }
}

impl ForwardConfig {
    pub(super) fn check(
        &self,
        place: impl Fn() -> String + Copy,
    ) -> Result<ForwardSettings, ConfigError> {
        positive(self.window, place, "forward.window")?;
        for (name, value) in [
            ("forward.retry", self.retry),
            ("forward.retry_max", self.retry_max),
        ] {
            time(value, place, name)?;
        }
        if !(MINUTE..=30 * DAY).contains(&self.age_max) {
            let expected = "1m to 30days";
            return Err(option(place(), "forward.age_max", expected));
        }
        if self.refused_max == 0 {
            return Err(option(place(), "forward.refused_max", "at least 1"));
        }
        let accepted = self.accepted.iter().map(|code| {
            ResponseCode::try_from(code.as_bytes())
                .map_err(|_| option(place(), "forward.accepted", "a list of codes of DE 39"))
        });
        let accepted: Vec<_> = accepted.collect::<Result<_, _>>()?;
        if accepted.is_empty() {
            let expected = "a list of one code at least";
            return Err(option(place(), "forward.accepted", expected));
        }
        Ok(ForwardSettings {
            window: self.window,
            retry: self.retry,
            retry_max: self.retry_max,
            accepted,
            refused_max: self.refused_max,
            age_max: self.age_max,
            dead_letters_max: self.dead_letters_max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn err_options_that_cannot_be() {
        let error = |change: fn(&mut ForwardConfig)| {
            let mut config = Config::default();
            change(&mut config.issuer[0].forward);
            config.validate().unwrap_err().to_string()
        };
        let place = "issuer \"prepaid\": forward.";
        let none = error(|forward| forward.accepted.clear());
        assert_eq!(
            none,
            format!("{place}accepted is not a list of one code at least")
        );
        let short = error(|forward| forward.accepted = vec!["0".to_owned()]);
        assert_eq!(
            short,
            format!("{place}accepted is not a list of codes of DE 39")
        );
        let never = error(|forward| forward.refused_max = 0);
        assert_eq!(never, format!("{place}refused_max is not at least 1"));
        assert!(error(|forward| forward.window = 0).contains("forward.window"));
        assert!(error(|forward| forward.age_max = Duration::ZERO).contains("forward.age_max"));
    }
}
