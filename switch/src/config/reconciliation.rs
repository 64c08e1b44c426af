//! `[reconciliation]`: when the business day ends, and what is counted of it.

use jiff::civil::Time;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use switch_core::TotalsSettings;

use super::{ConfigError, option};

/// Totals by acquirer (DE 32), business date (DE 15) and currency (DE 49), which 0500 and 0520 are
/// held against. Kept in the journal, and in memory alone where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReconciliationConfig {
    /// HH:MM by the clock of `business_utc_offset_hours` at which DE 15 goes on to the next date.
    /// From 12:00 on that is before midnight, below it is after: at 23:30 the day of tomorrow
    /// begins, at 00:30 that of today.
    pub cut_over: String,
    /// Business dates kept, today's among them: 1 to 31. As many again wait for their time where a
    /// clock was ahead. A 0500 about one that is not kept is answered 95 with DE 66 = 9.
    pub days: u16,
    /// Totals kept by each pool of issuers, 1 to 65536: an acquirer, date and currency each. At
    /// the bound no more are counted, and a 0500 about those is answered 95 with DE 66 = 9.
    pub totals_max: usize,
    /// Transactions kept in mind by each pool of issuers, 1 to 1048576, so that repeats are not
    /// counted again and reversals are known by what they undo; then the oldest is forgotten.
    /// About 150 bytes each.
    pub remembered_max: usize,
}

impl Default for ReconciliationConfig {
    fn default() -> Self {
        let settings = TotalsSettings::default();
        Self {
            cut_over: "00:00".to_owned(),
            days: settings.days,
            totals_max: settings.pages_max,
            remembered_max: settings.remembered_max,
        }
    }
}

impl ReconciliationConfig {
    /// With the offset from UTC by which the business date is reckoned: that of the business,
    /// shifted so that its midnight is the cut-over.
    pub(super) fn check(&self, business: Offset) -> Result<TotalsSettings, ConfigError> {
        let place = || "reconciliation".to_owned();
        if !(1..=31).contains(&self.days) {
            return Err(option(place(), "days", "1 to 31"));
        }
        if !(1..=1 << 16).contains(&self.totals_max) {
            return Err(option(place(), "totals_max", "1 to 65536"));
        }
        if !(1..=1 << 20).contains(&self.remembered_max) {
            return Err(option(place(), "remembered_max", "1 to 1048576"));
        }
        let offset = self
            .shift()
            .and_then(|shift| business.seconds().checked_add(shift))
            .and_then(|seconds| Offset::from_seconds(seconds).ok())
            .ok_or_else(|| option(place(), "cut_over", "a time of day, HH:MM"))?;
        Ok(TotalsSettings {
            offset,
            days: self.days,
            pages_max: self.totals_max,
            remembered_max: self.remembered_max,
        })
    }

    /// Seconds by which the business day is ahead of the calendar's.
    fn shift(&self) -> Option<i32> {
        let (hour, minute) = self.cut_over.split_once(':')?;
        let two = |digits: &str| {
            let plain = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
            digits.parse().ok().filter(|_| plain)
        };
        let time = Time::new(two(hour)?, two(minute)?, 0, 0).ok()?;
        let seconds = i32::from(time.hour()) * 3_600 + i32::from(time.minute()) * 60;
        Some(if time.hour() < 12 {
            -seconds
        } else {
            86_400 - seconds
        })
    }
}

#[cfg(test)]
mod tests {
    use iso8583::element::local_date;

    use super::*;
    use crate::Config;

    #[test]
    fn the_business_date_goes_on_at_the_cut_over() {
        let date = |cut_over: &str, utc: &str| {
            let mut config = Config::default();
            config.reconciliation.cut_over = cut_over.to_owned();
            let checked = config.check().unwrap();
            let inbound = &checked.listeners[0].inbound;
            assert_eq!(checked.outbound.totals.offset, inbound.business_offset);
            let date = local_date(utc.parse().unwrap(), inbound.business_offset);
            String::from_utf8(date.to_vec()).unwrap()
        };
        for (cut_over, utc, expected) in [
            ("00:00", "2026-03-15T14:59:59Z", "0315"),
            ("00:00", "2026-03-15T15:00:00Z", "0316"),
            ("23:30", "2026-03-15T14:29:59Z", "0315"),
            ("23:30", "2026-03-15T14:30:00Z", "0316"),
            ("00:30", "2026-03-15T15:29:59Z", "0315"),
            ("00:30", "2026-03-15T15:30:00Z", "0316"),
            ("12:00", "2026-12-31T03:00:00Z", "0101"),
            ("11:59", "2026-12-31T02:58:59Z", "1230"),
        ] {
            assert_eq!(date(cut_over, utc), expected, "{cut_over} {utc}");
        }
    }

    #[test]
    fn err_times_and_bounds_that_cannot_be() {
        let error = |change: &dyn Fn(&mut ReconciliationConfig)| {
            let mut config = Config::default();
            change(&mut config.reconciliation);
            config.validate().unwrap_err().to_string()
        };
        for wrong in ["24:00", "2330", "23:60", "+1:00", "1:00", "23:30:00", ""] {
            let said = error(&|it| it.cut_over = wrong.to_owned());
            let expected = "reconciliation: cut_over is not a time of day, HH:MM";
            assert_eq!(said, expected, "{wrong}");
        }
        assert_eq!(
            error(&|it| it.days = 32),
            "reconciliation: days is not 1 to 31"
        );
        let said = error(&|it| it.totals_max = 0);
        assert_eq!(said, "reconciliation: totals_max is not 1 to 65536");
        let said = error(&|it| it.remembered_max = (1 << 20) + 1);
        assert_eq!(said, "reconciliation: remembered_max is not 1 to 1048576");
    }
}
