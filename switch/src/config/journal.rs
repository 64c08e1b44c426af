//! `[journal]`: what must outlive the process, and where it is kept.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use switch_core::TotalsSettings;

use super::{CheckedGroup, ConfigError, option};

/// What must outlive the process: money requests without an outcome, what issuers must be told,
/// and who was given what failed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Folder of the journals, one in it for each pool of issuers; made if absent. One switch at a
    /// time.
    pub folder: PathBuf,
    /// 32 random bytes, mode 0600 (`switch keygen`). Lost, what the journal holds is lost with it.
    pub key_file: PathBuf,
    /// What is synced before it counts.
    pub sync: SyncName,
    /// How often what was written is synced in the background.
    #[serde(with = "humantime_serde")]
    pub sync_every: Duration,
    /// Bytes of a segment file, written full of zeros ahead; more where a checkpoint needs it.
    pub segment_bytes: usize,
    /// After so many bytes all that is open is written anew, and what is older given up.
    pub checkpoint_bytes: u64,
    /// Free bytes of the disk below which money requests are refused (96).
    pub low_water_bytes: u64,
}

/// What waits for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncName {
    /// What issuers must be told, and what fails over. All else survives the end of the process at
    /// once, that of the machine after `sync_every`.
    #[default]
    Background,
    /// Everything, before anything of it leaves.
    Always,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("switch-data"),
            key_file: PathBuf::from("switch.key"),
            sync: SyncName::default(),
            sync_every: Duration::from_millis(50),
            segment_bytes: 64 << 20,
            checkpoint_bytes: 256 << 20,
            low_water_bytes: 256 << 20,
        }
    }
}

/// What a journal is opened with.
#[derive(Clone, Debug)]
pub(crate) struct CheckedJournal {
    pub(crate) folder: PathBuf,
    pub(crate) key_file: PathBuf,
    pub(crate) sync_always: bool,
    pub(crate) sync_every: Duration,
    /// Room for a checkpoint with all that can be open.
    pub(crate) block_bytes_max: usize,
    pub(crate) segment_bytes: usize,
    pub(crate) checkpoint_bytes: u64,
    pub(crate) low_water_bytes: u64,
}

impl JournalConfig {
    /// `remembered` requests may be known that failed over.
    pub(super) fn check(
        &self,
        groups: &[CheckedGroup],
        remembered: usize,
        totals: &TotalsSettings,
    ) -> Result<CheckedJournal, ConfigError> {
        let place = || "journal".to_owned();
        if self.sync_every.is_zero() {
            return Err(option(place(), "sync_every", "more than 0"));
        }
        // They are names of folders.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if groups.iter().any(|group| !group.name.chars().all(plain)) {
            let place = "issuer".to_owned();
            let expected = "letters, digits, - and _, where there is a journal";
            return Err(option(place, "name", expected));
        }
        let open: usize = groups
            .iter()
            .map(|group| group.settings.transactions_max)
            .sum();
        let dead = groups
            .iter()
            .map(|group| group.settings.forward.dead_letters_max)
            .sum();
        let numbers = groups.iter().filter_map(|group| {
            let numbers = group.settings.numbers.as_ref()?;
            Some(numbers.kept_max)
        });
        let room = [
            ("transactions_max", OPEN_BYTES, open),
            ("issuer.numbers.kept_max", NUMBER_BYTES, numbers.sum()),
            ("issuer.forward.dead_letters_max", OPEN_BYTES, dead),
            ("failover.remembered_max", REMEMBERED_BYTES, remembered),
            (
                "reconciliation.totals_max",
                TotalsSettings::PAGE_BYTES,
                totals.pages_max,
            ),
            (
                "reconciliation.remembered_max",
                TotalsSettings::REMEMBERED_BYTES,
                totals.remembered_max,
            ),
        ];
        let room = room.map(|(name, bytes, count)| (name, bytes.saturating_mul(count)));
        let bytes = room.iter().map(|(_, bytes)| *bytes);
        let block_bytes_max = bytes.fold(1 << 20, usize::saturating_add);
        if block_bytes_max > 256 << 20
            && let Some((most, _)) = room.iter().max_by_key(|(_, bytes)| *bytes)
        {
            let expected = "less: all that is open has to fit 256 MiB of a journal";
            return Err(option(place(), most, expected));
        }
        if self.segment_bytes > 1 << 30 {
            return Err(option(place(), "segment_bytes", "at most 1 GiB"));
        }
        Ok(CheckedJournal {
            folder: self.folder.clone(),
            key_file: self.key_file.clone(),
            sync_always: self.sync == SyncName::Always,
            sync_every: self.sync_every,
            block_bytes_max,
            segment_bytes: self.segment_bytes.max(block_bytes_max + (1 << 20)),
            checkpoint_bytes: self.checkpoint_bytes,
            low_water_bytes: self.low_water_bytes,
        })
    }
}

/// What a checkpoint writes of an open transaction, or for a place of something to be told.
const OPEN_BYTES: usize = 512;
/// And of a trace number of our own.
const NUMBER_BYTES: usize = 128;
/// And of a request that failed over.
const REMEMBERED_BYTES: usize = 112;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn the_example_file_shows_every_option_with_its_default() {
        let text = include_str!("../../switch.example.toml");
        let from = text.find("# [journal]").unwrap();
        let table = text[from..].split("\n\n").next().unwrap();
        let options: String = table
            .lines()
            .map(|line| line.trim_start_matches("# "))
            .filter(|line| line.starts_with('[') || line.contains(" = "))
            .fold(String::new(), |all, line| all + line + "\n");
        let example: Config = toml::from_str(&options).unwrap();
        assert_eq!(example.journal, Some(JournalConfig::default()));
        let named = toml::to_string(&JournalConfig::default()).unwrap();
        for option in named.lines().filter_map(|line| line.split(" = ").next()) {
            assert!(options.contains(&format!("{option} = ")), "{option}");
        }
    }

    #[test]
    fn err_options_that_cannot_be() {
        let error = |change: fn(&mut Config)| {
            let mut config = Config {
                journal: Some(JournalConfig::default()),
                ..Config::default()
            };
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        let journal =
            |config: &mut Config| config.journal.as_mut().unwrap().sync_every = Duration::ZERO;
        assert_eq!(error(journal), "journal: sync_every is not more than 0");
        let name = |config: &mut Config| {
            config.issuer[0].name = "../x".to_owned();
            config.route[0].issuers = vec!["../x".to_owned()];
        };
        assert!(error(name).contains("letters, digits"), "{}", error(name));
        let many = |config: &mut Config| config.issuer[0].transactions_max = 1 << 20;
        assert!(
            error(many).contains("transactions_max is not less"),
            "{}",
            error(many)
        );
        let dead = |config: &mut Config| config.issuer[0].forward.dead_letters_max = 1 << 20;
        assert!(
            error(dead).contains("dead_letters_max is not less"),
            "{}",
            error(dead)
        );
        let known = |config: &mut Config| config.failover.remembered_max = 1 << 22;
        assert!(
            error(known).contains("remembered_max is not less"),
            "{}",
            error(known)
        );
    }
}
