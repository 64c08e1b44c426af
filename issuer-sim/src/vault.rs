//! The issuer's keys, and card numbers at rest.
//!
//! One key file of 32 random bytes, mode 0600, is the root; each use has a key of its own, derived
//! as HKDF expands (RFC 5869): HMAC-SHA-256 of the root over a label. Card numbers are encrypted
//! with AES-256-GCM, bound to the card's public name, and found by a keyed hash.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead, Nonce, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use hmac::{Hmac, Mac};
use iso8583::crypto::TdesKey;
use iso8583::element::Pan;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::card::{CardId, PanKey, SealedPan};
use crate::store::durable::{sync_file, sync_name};

/// The keys in use.
#[derive(Clone)]
pub struct Vault {
    pan_cipher: Aes256Gcm,
    pan_hash: Hmac<Sha256>,
    pvk: TdesKey,
    key_check: [u8; 16],
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vault(..)")
    }
}

/// Why there are no keys.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// There is none.
    #[error("there is no key file {path}; make one with: issuer-sim keygen --key-file {path}")]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// It can be read or written by others.
    #[error("key file {path} has mode {mode:04o}; only its owner may read it: chmod 0600 {path}")]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It has another length.
    #[error("key file {path} does not hold 32 bytes")]
    Length {
        /// The file.
        path: PathBuf,
    },
    /// One is there already.
    #[error("key file {path} exists; what it encrypts would be lost with it")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("key file {path} cannot be used")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The machine gives no random bytes.
    #[error("no random bytes to be had")]
    NoRandomness,
}

/// A card number cannot be encrypted or decrypted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum VaultError {
    /// The machine gives no random bytes for the nonce.
    #[error("no random bytes to be had")]
    NoRandomness,
    /// Encrypted under another key, for another card, or damaged.
    #[error("an encrypted card number does not belong to its card")]
    NotOurs,
}

/// Makes a key file of mode 0600.
///
/// # Errors
/// [`KeyFileError`]; an existing file is never overwritten.
pub fn generate_key_file(path: &Path) -> Result<(), KeyFileError> {
    let key = Zeroizing::new(random::<KEY_BYTES>().ok_or(KeyFileError::NoRandomness)?);
    let io_error = |source: io::Error| {
        let path = path.to_path_buf();
        if source.kind() == io::ErrorKind::AlreadyExists {
            KeyFileError::Exists { path }
        } else {
            KeyFileError::Io { path, source }
        }
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(path)
        .map_err(io_error)?;
    file.write_all(&*key).map_err(io_error)?;
    sync_file(&file, path).map_err(io_error)?;
    sync_name(path).map_err(io_error)
}

/// Opens a file of secrets that nobody but its owner may read.
///
/// # Errors
/// [`KeyFileError`] where it is absent or open to others.
pub fn owner_only(path: &Path) -> Result<File, KeyFileError> {
    let io_error = |source: io::Error| {
        let path = path.to_path_buf();
        if source.kind() == io::ErrorKind::NotFound {
            KeyFileError::Absent { path }
        } else {
            KeyFileError::Io { path, source }
        }
    };
    let file = File::open(path).map_err(io_error)?;
    let mode = file.metadata().map_err(io_error)?.permissions().mode() & PERMISSIONS;
    if mode & !OWNER_ONLY != 0 {
        let path = path.to_path_buf();
        return Err(KeyFileError::OpenToOthers { path, mode });
    }
    Ok(file)
}

/// Random bytes of the machine; `None` where it has none to give.
#[must_use]
pub fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

impl Vault {
    /// Opens the key file at `path`.
    ///
    /// # Errors
    /// [`KeyFileError`] where it is absent, open to others, or not a key.
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        let io_error = |source| KeyFileError::Io {
            path: path.to_path_buf(),
            source,
        };
        let mut file = owner_only(path)?;
        let metadata = file.metadata().map_err(io_error)?;
        if metadata.size() != u64::try_from(KEY_BYTES).unwrap_or(u64::MAX) {
            return Err(KeyFileError::Length {
                path: path.to_path_buf(),
            });
        }
        let mut root = Zeroizing::new([0; KEY_BYTES]);
        file.read_exact(&mut *root).map_err(io_error)?;
        Ok(Self::new(&root))
    }

    /// The keys that come of a root.
    #[must_use]
    pub fn new(root: &[u8; KEY_BYTES]) -> Self {
        let pan_key = derive(root, "pan encryption");
        let hash_key = derive(root, "pan lookup");
        Self {
            pan_cipher: Aes256Gcm::new(&(*pan_key).into()),
            pan_hash: hmac(&*hash_key),
            pvk: TdesKey::new(*first_half(&derive(root, "card password verification"))),
            key_check: *first_half(&derive(root, "key check")),
        }
    }

    /// Tells this root from others and reveals nothing of it.
    #[must_use]
    pub const fn key_check(&self) -> [u8; 16] {
        self.key_check
    }

    /// The key under which card passwords become verification values.
    #[must_use]
    pub const fn pvk(&self) -> &TdesKey {
        &self.pvk
    }

    /// What a card is found by.
    #[must_use]
    pub fn pan_key(&self, pan: &Pan) -> PanKey {
        let mut hash = self.pan_hash.clone();
        hash.update(pan.reveal().as_bytes());
        let digest = Zeroizing::new(<[u8; 32]>::from(hash.finalize().into_bytes()));
        PanKey(*first_half(&digest))
    }

    /// Encrypts a card number for the card of this name.
    ///
    /// # Errors
    /// [`VaultError`] where the machine gives no random bytes.
    pub fn seal(&self, pan: &Pan, card: CardId) -> Result<SealedPan, VaultError> {
        let nonce = random::<NONCE_BYTES>().ok_or(VaultError::NoRandomness)?;
        let payload = Payload {
            msg: pan.reveal().as_bytes(),
            aad: &card.0,
        };
        let sealed = self
            .pan_cipher
            .encrypt(&nonce.into(), payload)
            .map_err(|_| VaultError::NotOurs)?;
        Ok(SealedPan([&nonce, sealed.as_slice()].concat().into()))
    }

    /// Decrypts the card number of the card of this name.
    ///
    /// # Errors
    /// [`VaultError::NotOurs`] where it is not this card's or was changed.
    pub fn unseal(&self, sealed: &SealedPan, card: CardId) -> Result<Pan, VaultError> {
        let (nonce, ciphertext) = sealed
            .0
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::NotOurs)?;
        let payload = Payload {
            msg: ciphertext,
            aad: &card.0,
        };
        let clear = self
            .pan_cipher
            .decrypt(&Nonce::<Aes256Gcm>::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| VaultError::NotOurs)?;
        Pan::try_from(clear.as_slice()).map_err(|_| VaultError::NotOurs)
    }
}

fn derive(root: &[u8; KEY_BYTES], label: &str) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut mac = hmac(root);
    mac.update(b"pansori issuer ");
    mac.update(label.as_bytes());
    mac.update(&[1]);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes keys of any length (RFC 2104)"
)]
fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn first_half(bytes: &[u8; KEY_BYTES]) -> &[u8; 16] {
    bytes.first_chunk().unwrap_or(&[0; 16])
}

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const OWNER_ONLY: u32 = 0o600;
const PERMISSIONS: u32 = 0o7777;

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        Vault::new(&[7; 32])
    }

    fn pan() -> Pan {
        "9999990100000005".parse().unwrap()
    }

    const CARD: CardId = CardId([1; 16]);

    #[test]
    fn a_sealed_number_opens_for_its_card_and_key_alone() {
        let sealed = vault().seal(&pan(), CARD).unwrap();
        assert_eq!(vault().unseal(&sealed, CARD), Ok(pan()));
        let elsewhere = vault().unseal(&sealed, CardId([2; 16]));
        assert_eq!(elsewhere, Err(VaultError::NotOurs));
        let other_key = Vault::new(&[8; 32]).unseal(&sealed, CARD);
        assert_eq!(other_key, Err(VaultError::NotOurs));
        for bit in 0..sealed.0.len() * 8 {
            let mut changed = sealed.clone();
            changed.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(vault().unseal(&changed, CARD), Err(VaultError::NotOurs));
        }
    }

    #[test]
    fn the_same_number_is_sealed_differently_each_time_and_found_by_the_same_hash() {
        let [one, two] = [(); 2].map(|()| vault().seal(&pan(), CARD).unwrap());
        assert_ne!(one, two);
        assert_eq!(vault().pan_key(&pan()), vault().pan_key(&pan()));
        assert_ne!(
            vault().pan_key(&pan()),
            Vault::new(&[8; 32]).pan_key(&pan())
        );
    }

    #[test]
    fn each_use_has_a_key_of_its_own() {
        let labels = ["pan encryption", "pan lookup", "key check"];
        let keys: std::collections::HashSet<[u8; 32]> = labels
            .iter()
            .map(|label| *derive(&[7; 32], label))
            .collect();
        assert_eq!(keys.len(), labels.len());
    }

    #[test]
    fn ok_a_key_file_is_made_once_and_opens() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        generate_key_file(&path).unwrap();
        let synced = crate::store::durable::testing::synced();
        assert_eq!(synced, [path.clone(), directory.path().to_path_buf()]);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & PERMISSIONS, 0o600);
        let check = Vault::open(&path).unwrap().key_check();
        let again = generate_key_file(&path).unwrap_err();
        assert!(matches!(again, KeyFileError::Exists { .. }), "{again}");
        assert_eq!(Vault::open(&path).unwrap().key_check(), check);
    }

    #[test]
    fn err_a_key_file_absent_open_to_others_or_short_says_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let shown = path.display();
        assert_eq!(
            Vault::open(&path).unwrap_err().to_string(),
            format!(
                "there is no key file {shown}; make one with: issuer-sim keygen --key-file {shown}"
            )
        );
        generate_key_file(&path).unwrap();
        for mode in [0o640, 0o604, 0o700, 0o1600] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(
                Vault::open(&path).unwrap_err().to_string(),
                format!(
                    "key file {shown} has mode {mode:04o}; only its owner may read it: \
                     chmod 0600 {shown}"
                )
            );
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        Vault::open(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, [0; 31]).unwrap();
        assert!(matches!(
            Vault::open(&path),
            Err(KeyFileError::Length { .. })
        ));
    }
}
