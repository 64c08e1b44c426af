//! A file of 32 random bytes, mode 0600, that all keys of a program come from.
//!
//! Each use has a key of its own, derived as HKDF expands (RFC 5869): HMAC-SHA-256 of the root over
//! a label.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use durable::{sync_file, sync_name};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

/// Why there are no keys.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// There is none.
    #[error("there is no key file {path}; make one with: {program} keygen --key-file {path}")]
    Absent {
        /// The file.
        path: PathBuf,
        /// The program that makes one.
        program: &'static str,
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

/// Makes a key file of mode 0600.
///
/// # Errors
/// [`KeyFileError`]; an existing file is never overwritten.
pub fn generate(path: &Path) -> Result<(), KeyFileError> {
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
pub fn owner_only(path: &Path, program: &'static str) -> Result<File, KeyFileError> {
    let io_error = |source: io::Error| {
        let path = path.to_path_buf();
        if source.kind() == io::ErrorKind::NotFound {
            KeyFileError::Absent { path, program }
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

/// The root of a program's keys.
#[derive(Clone)]
pub struct Root(Zeroizing<[u8; KEY_BYTES]>);

impl std::fmt::Debug for Root {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Root(..)")
    }
}

impl Root {
    /// Opens a key file; `program` is the one that makes them (`keygen`).
    ///
    /// # Errors
    /// [`KeyFileError`] where it is absent, open to others, or does not hold 32 bytes.
    pub fn open(path: &Path, program: &'static str) -> Result<Self, KeyFileError> {
        let io_error = |source| KeyFileError::Io {
            path: path.to_path_buf(),
            source,
        };
        let mut file = owner_only(path, program)?;
        let mut root = Zeroizing::new([0; KEY_BYTES]);
        let length = file.metadata().map_err(io_error)?.len();
        if length != u64::try_from(KEY_BYTES).unwrap_or(u64::MAX) {
            return Err(KeyFileError::Length {
                path: path.to_path_buf(),
            });
        }
        file.read_exact(&mut *root).map_err(io_error)?;
        Ok(Self(root))
    }

    /// The root of these bytes.
    #[must_use]
    pub fn new(root: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(root))
    }

    /// The key of a use, by its label.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "HMAC takes keys of any length (RFC 2104)"
    )]
    pub fn derive(&self, label: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
        let mac = Hmac::<Sha256>::new_from_slice(&*self.0);
        let mut mac = mac.expect("HMAC takes keys of any length");
        mac.update(label);
        mac.update(&[1]);
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

/// Bytes of a root, and of the keys that come of it.
pub const KEY_BYTES: usize = 32;
const OWNER_ONLY: u32 = 0o600;
const PERMISSIONS: u32 = 0o7777;

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "issuer-sim";

    #[test]
    fn each_use_has_a_key_of_its_own() {
        let [one, two] = [[7; KEY_BYTES], [8; KEY_BYTES]].map(Root::new);
        assert_eq!(one.derive(b"a"), one.derive(b"a"));
        assert_ne!(one.derive(b"a"), one.derive(b"b"));
        assert_ne!(one.derive(b"a"), two.derive(b"a"));
    }

    #[test]
    fn ok_a_key_file_is_made_once_and_opens() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        generate(&path).unwrap();
        let synced = durable::testing::synced();
        assert_eq!(synced, [path.clone(), directory.path().to_path_buf()]);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & PERMISSIONS, 0o600);
        let key = *Root::open(&path, PROGRAM).unwrap().derive(b"use");
        let again = generate(&path).unwrap_err();
        assert!(matches!(again, KeyFileError::Exists { .. }), "{again}");
        assert_eq!(*Root::open(&path, PROGRAM).unwrap().derive(b"use"), key);
    }

    #[test]
    fn err_a_key_file_absent_open_to_others_or_short_says_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let shown = path.display();
        assert_eq!(
            Root::open(&path, PROGRAM).unwrap_err().to_string(),
            format!(
                "there is no key file {shown}; make one with: issuer-sim keygen --key-file {shown}"
            )
        );
        generate(&path).unwrap();
        for mode in [0o640, 0o604, 0o700, 0o1600] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(
                Root::open(&path, PROGRAM).unwrap_err().to_string(),
                format!(
                    "key file {shown} has mode {mode:04o}; only its owner may read it: \
                     chmod 0600 {shown}"
                )
            );
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        Root::open(&path, PROGRAM).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, [0; 31]).unwrap();
        assert!(matches!(
            Root::open(&path, PROGRAM),
            Err(KeyFileError::Length { .. })
        ));
    }
}
