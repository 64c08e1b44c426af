//! When a link that hardly answers is rested.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use switch_core::HealthSettings;

use super::{ConfigError, option, time};

/// When a link of an issuer is rested, and how it comes back. A *poor* link is used only where no
/// other of its issuer is better; a *silent* one not at all, so that while all of them are silent
/// the issuer is as good as down: 91, or the next issuer of the route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// How far back outcomes count, 1s to 1day. Longer than `answer_timeout`, for what is not
    /// answered is known only then; the longer, the later a link is rested that answered well
    /// before.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// With fewer outcomes in the window a link is not judged, 1 to 1000000.
    pub outcomes_min: u32,
    /// A link is poor that answers less of a hundred in time; 0: none ever is.
    pub poor_percent: u8,
    /// A link is silent that answers less of a hundred, however late; 0: none ever is.
    pub silent_percent: u8,
    /// An answer that took longer did not come in time.
    #[serde(with = "humantime_serde")]
    pub slow_after: Duration,
    /// How long a link is rested first; doubled each time that it was not well for `rest_max`
    /// since. A new connection ends it.
    #[serde(with = "humantime_serde")]
    pub rest: Duration,
    /// The longest rest: so long may requests be refused though the issuer answers again.
    #[serde(with = "humantime_serde")]
    pub rest_max: Duration,
    /// How many messages, one at a time, a link must answer in a row before it is given more, 1 to
    /// 1000. The first is a reversal where one waits.
    pub trials: u32,
}

impl Default for HealthConfig {
    fn default() -> Self {
        let HealthSettings {
            window,
            outcomes_min,
            poor_percent,
            silent_percent,
            slow_after,
            rest,
            rest_max,
            trials,
        } = HealthSettings::default();
        Self {
            window,
            outcomes_min,
            poor_percent,
            silent_percent,
            slow_after,
            rest,
            rest_max,
            trials,
        }
    }
}

impl HealthConfig {
    pub(super) fn check(&self, place: impl Fn() -> String) -> Result<HealthSettings, ConfigError> {
        if !(1..=1_000_000).contains(&self.outcomes_min) {
            return Err(option(place(), "health.outcomes_min", "1 to 1000000"));
        }
        if !(1..=1_000).contains(&self.trials) {
            return Err(option(place(), "health.trials", "1 to 1000"));
        }
        for (name, percent) in [
            ("health.poor_percent", self.poor_percent),
            ("health.silent_percent", self.silent_percent),
        ] {
            if percent > 100 {
                return Err(option(place(), name, "0 to 100"));
            }
        }
        if self.rest > self.rest_max {
            return Err(option(place(), "health.rest", "at most rest_max"));
        }
        if self.window < Duration::from_secs(1) {
            return Err(option(place(), "health.window", "1s to 1day"));
        }
        Ok(HealthSettings {
            window: time(self.window, &place, "health.window")?,
            outcomes_min: self.outcomes_min,
            poor_percent: self.poor_percent,
            silent_percent: self.silent_percent,
            slow_after: time(self.slow_after, &place, "health.slow_after")?,
            rest: time(self.rest, &place, "health.rest")?,
            rest_max: time(self.rest_max, &place, "health.rest_max")?,
            trials: self.trials,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn err_bounds_of_health_are_named() {
        type Change = fn(&mut HealthConfig);
        let changes: [(Change, &str); 8] = [
            (
                |health| health.window = Duration::ZERO,
                "window is not 1s to 1day",
            ),
            (
                |health| health.outcomes_min = 0,
                "outcomes_min is not 1 to 1000000",
            ),
            (
                |health| health.poor_percent = 101,
                "poor_percent is not 0 to 100",
            ),
            (
                |health| health.silent_percent = 101,
                "silent_percent is not 0 to 100",
            ),
            (
                |health| health.slow_after = Duration::ZERO,
                "slow_after is not 1ms to 1day",
            ),
            (
                |health| health.rest = Duration::ZERO,
                "rest is not 1ms to 1day",
            ),
            (|health| health.trials = 1_001, "trials is not 1 to 1000"),
            (
                |health| health.rest_max = health.rest / 2,
                "rest is not at most rest_max",
            ),
        ];
        for (change, said) in changes {
            let mut config = Config::default();
            change(&mut config.issuer[0].health);
            assert_eq!(
                config.validate().unwrap_err().to_string(),
                format!("issuer \"prepaid\": health.{said}")
            );
        }
        let mut config = Config::default();
        config.issuer[0].health.window = Duration::from_secs(1);
        assert!(config.validate().is_ok());
    }
}
