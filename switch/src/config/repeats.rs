//! `[repeats]`: what is kept of answers, for repeats of their requests.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use switch_core::AnsweredSettings;

use super::{ConfigError, option};

/// A repeat within the time gets the first answer, byte for byte, without the issuer being asked;
/// not once its request was reversed through this switch. What is not kept the issuer decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepeatsConfig {
    /// How long an answer is kept, up to an hour; 0: none is. Keep it short where acquirers reverse
    /// through another switch, of which this one does not hear.
    #[serde(with = "humantime_serde")]
    pub time: Duration,
    /// Bytes that each pool of issuers may keep, about 1300 an answer; then the oldest is
    /// forgotten.
    pub bytes_max: usize,
}

impl Default for RepeatsConfig {
    fn default() -> Self {
        Self {
            time: Duration::from_mins(1),
            bytes_max: 4 << 20,
        }
    }
}

impl RepeatsConfig {
    pub(super) fn check(&self) -> Result<AnsweredSettings, ConfigError> {
        if self.time > Duration::from_hours(1) {
            return Err(option("repeats".to_owned(), "time", "at most 1h"));
        }
        Ok(AnsweredSettings {
            time: self.time,
            bytes_max: self.bytes_max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn err_a_time_that_is_too_long() {
        let mut config = Config::default();
        config.repeats.time = Duration::from_secs(3_601);
        let error = config.validate().unwrap_err().to_string();
        assert_eq!(error, "repeats: time is not at most 1h");
    }
}
