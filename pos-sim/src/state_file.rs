//! The terminal's state on disk: JSON, written whole and at once.
//!
//! No stripe and no password ever gets here, and a card number only while a reversal or cancel
//! that needs it is pending: encrypted (AES-256-GCM) under a key file beside the state.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use iso8583::Mti;
use iso8583::element::Pan;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::pending::{Kept, Pending};
use crate::terminal::State;
use crate::trace_numbers::TraceNumbers;
use crate::transaction::Transaction;

/// A state file of one terminal, held by one process.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    terminal: String,
    vault: Vault,
}

impl StateFile {
    /// Opens a state file, or begins one where there is none, with its key file.
    pub(crate) fn open(path: &Path, terminal: &str) -> Result<(Self, State), StateError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| StateError::io(folder, error))?;
        }
        let file = Self {
            path: path.to_owned(),
            terminal: terminal.to_owned(),
            vault: Vault::open(&beside(path, ".key"))?,
        };
        let state = match fs::read(path) {
            Ok(json) => file.read(&json)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(StateError::io(path, error)),
        };
        Ok((file, state))
    }

    /// Writes the state; when this returns, it is on the disk.
    pub(crate) async fn save(&self, state: &State) -> Result<(), StateError> {
        let pending = state.pending.as_ref().map(|pending| self.seal(pending));
        let saved = Saved {
            terminal: self.terminal.clone(),
            numbers: state.numbers.clone(),
            transactions: state.transactions.clone(),
            pending: pending.transpose()?,
        };
        let unwritable = |error: io::Error| StateError::io(&self.path, error);
        let json = serde_json::to_vec_pretty(&saved).map_err(|error| unwritable(error.into()))?;
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || write_at_once(&path, &json))
            .await
            .map_err(|error| unwritable(io::Error::other(error)))?
            .map_err(unwritable)
    }

    fn read(&self, json: &[u8]) -> Result<State, StateError> {
        let damaged = |reason: String| StateError::Damaged {
            path: self.path.clone(),
            reason,
        };
        let saved: Saved =
            serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))?;
        if saved.terminal != self.terminal {
            return Err(StateError::OtherTerminal {
                path: self.path.clone(),
                terminal: saved.terminal,
            });
        }
        let pending = saved.pending.map(|pending| {
            self.unseal(pending)
                .ok_or_else(|| damaged("its pending card number does not decrypt".to_owned()))
        });
        Ok(State {
            numbers: saved.numbers,
            transactions: saved.transactions,
            pending: pending.transpose()?,
        })
    }

    fn seal(&self, pending: &Pending) -> Result<SavedPending, StateError> {
        let kept = pending.kept();
        Ok(SavedPending {
            stage: match pending {
                Pending::Unanswered(_) => Stage::Unanswered,
                Pending::Ready(_) => Stage::Ready,
                Pending::Sent(_) => Stage::Sent,
            },
            mti: kept.mti.to_string(),
            fields: kept.fields.clone(),
            sealed_card: self.vault.seal(&kept.pan, pending.rrn())?,
        })
    }

    fn unseal(&self, saved: SavedPending) -> Option<Pending> {
        let rrn = saved.fields.get(&37)?;
        let kept = Kept {
            mti: saved.mti.parse::<Mti>().ok()?,
            pan: self.vault.unseal(&saved.sealed_card, rrn)?,
            fields: saved.fields,
        };
        Some(match saved.stage {
            Stage::Unanswered => Pending::Unanswered(kept),
            Stage::Ready => Pending::Ready(kept),
            Stage::Sent => Pending::Sent(kept),
        })
    }
}

/// [`State`] as the file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    terminal: String,
    numbers: TraceNumbers,
    transactions: Vec<Transaction>,
    pending: Option<SavedPending>,
}

/// [`Pending`] as the file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPending {
    stage: Stage,
    mti: String,
    fields: BTreeMap<u8, String>,
    /// Nonce and encrypted card number, bound to DE 37.
    sealed_card: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    Unanswered,
    Ready,
    Sent,
}

/// The key of one state file. The file stays locked as long as the vault lives: two processes on
/// one state would use the same trace numbers twice.
struct Vault {
    cipher: Aes256Gcm,
    _lock: File,
}

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

impl Vault {
    fn open(path: &Path) -> Result<Self, StateError> {
        let unusable = |error| StateError::io(path, error);
        if !path.exists() {
            let mut key = Zeroizing::new([0; KEY_BYTES]);
            getrandom::fill(&mut *key).map_err(|_| StateError::NoRandomness)?;
            write_at_once(path, &*key).map_err(unusable)?;
        }
        let file = File::open(path).map_err(unusable)?;
        let mode = file.metadata().map_err(unusable)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(StateError::KeyNotPrivate {
                path: path.to_owned(),
            });
        }
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StateError::InUse {
                path: path.to_owned(),
            },
            TryLockError::Error(error) => unusable(error),
        })?;
        let key = Zeroizing::new(fs::read(path).map_err(unusable)?);
        let cipher = Aes256Gcm::new_from_slice(&key).map_err(|_| StateError::Damaged {
            path: path.to_owned(),
            reason: format!("a key is {KEY_BYTES} bytes"),
        })?;
        Ok(Self {
            cipher,
            _lock: file,
        })
    }

    fn seal(&self, pan: &Pan, rrn: &str) -> Result<Vec<u8>, StateError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| StateError::NoRandomness)?;
        let payload = Payload {
            msg: pan.reveal().as_bytes(),
            aad: rrn.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| StateError::NoRandomness)?;
        Ok([&nonce[..], &sealed].concat())
    }

    fn unseal(&self, sealed: &[u8], rrn: &str) -> Option<Pan> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: sealed,
            aad: rrn.as_bytes(),
        };
        let clear = self.cipher.decrypt(&Nonce::from(*nonce), payload).ok()?;
        Pan::try_from(Zeroizing::new(clear).as_slice()).ok()
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(****)")
    }
}

/// Either the file as it was or the new one is there, whenever the power goes; for the owner only.
fn write_at_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = beside(path, ".new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Why a state file is of no use.
#[derive(Debug, Error)]
pub enum StateError {
    /// The system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not what this program wrote.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The state belongs to another DE 41.
    #[error("{} is the state of terminal {terminal}", path.display())]
    OtherTerminal {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        terminal: String,
    },
    /// Another process holds it.
    #[error("{} is held by another pos-sim: one terminal runs once", path.display())]
    InUse {
        /// The key file.
        path: PathBuf,
    },
    /// Others may read the key.
    #[error("{} can be read by others: chmod 600 it", path.display())]
    KeyNotPrivate {
        /// The key file.
        path: PathBuf,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes to encrypt with")]
    NoRandomness,
}

impl StateError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use iso8583::Message;

    use super::*;

    const PAN: &str = "9999990100000005";

    fn pending() -> Pending {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message
            .set(2, PAN.as_bytes())
            .set(11, b"000001")
            .set(14, b"3012")
            .set(35, b"9999990100000005=30121010000000000000")
            .set(37, b"607411000001")
            .set(52, b"PINBLOCK");
        Pending::Unanswered(Kept::new(&message, &PAN.parse().unwrap()))
    }

    fn state() -> State {
        State {
            pending: Some(pending()),
            ..State::default()
        }
    }

    #[tokio::test]
    async fn what_is_pending_outlives_the_process_and_nothing_secret_is_in_clear() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/TERM0001.json");
        let (file, empty) = StateFile::open(&path, "TERM0001").unwrap();
        assert_eq!(empty, State::default());
        file.save(&state()).await.unwrap();
        drop(file);

        let text = fs::read_to_string(&path).unwrap();
        for secret in [PAN, "3012", "PINBLOCK", "=3012"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        let (_file, back) = StateFile::open(&path, "TERM0001").unwrap();
        assert_eq!(back, state());
    }

    #[tokio::test]
    async fn an_acknowledged_reversal_leaves_nothing_of_its_card() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("TERM0001.json");
        let (file, _) = StateFile::open(&path, "TERM0001").unwrap();
        file.save(&state()).await.unwrap();
        file.save(&State::default()).await.unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"pending\": null"), "{text}");
        let mut files: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        files.sort();
        assert_eq!(files, ["TERM0001.json", "TERM0001.json.key"]);
    }

    #[tokio::test]
    async fn err_a_file_that_is_not_this_terminals_to_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let key = beside(&path, ".key");
        let (file, _) = StateFile::open(&path, "TERM0001").unwrap();
        file.save(&state()).await.unwrap();
        let open = |terminal| StateFile::open(&path, terminal).map(|_| ()).unwrap_err();
        assert!(matches!(open("TERM0001"), StateError::InUse { .. }));
        drop(file);
        assert!(matches!(open("TERM0002"), StateError::OtherTerminal { .. }));

        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(open("TERM0001"), StateError::KeyNotPrivate { .. }));
        // Another key: the card of what is pending cannot be read any more.
        fs::remove_file(&key).unwrap();
        let words = open("TERM0001").to_string();
        assert!(
            words.ends_with("its pending card number does not decrypt"),
            "{words}"
        );
        fs::write(&path, "{").unwrap();
        assert!(matches!(open("TERM0001"), StateError::Damaged { .. }));
    }

    #[test]
    fn the_key_is_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let _file = StateFile::open(&path, "TERM0001").unwrap();
        let mode = fs::metadata(beside(&path, ".key")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
}
