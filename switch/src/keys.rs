//! The key file: 32 random bytes, mode 0600, under which the journal is sealed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

/// The root of the switch's keys; each use has a key of its own, derived as HKDF expands (RFC
/// 5869): HMAC-SHA-256 of the root over a label.
pub(crate) struct Root(Zeroizing<[u8; KEY_BYTES]>);

impl std::fmt::Debug for Root {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Root(..)")
    }
}

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// There is none.
    #[error("there is no key file {path}; make one with: switch keygen --key-file {path}")]
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
    #[error("key file {path} exists; what it seals would be lost with it")]
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

/// Makes a key file of mode 0600, and its name durable.
///
/// # Errors
/// [`KeyFileError`]; an existing file is never overwritten.
pub fn generate(path: &Path) -> Result<(), KeyFileError> {
    let key = Zeroizing::new(random::<KEY_BYTES>()?);
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
    file.sync_all().map_err(io_error)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or_else(|| Path::new("."))).map_err(io_error)?;
    folder.sync_all().map_err(io_error)
}

/// Random bytes of the machine.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], KeyFileError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| KeyFileError::NoRandomness)?;
    Ok(bytes)
}

impl Root {
    /// Opens a key file.
    ///
    /// # Errors
    /// [`KeyFileError`] where it is absent, open to others, or not a key.
    pub(crate) fn open(path: &Path) -> Result<Self, KeyFileError> {
        let io_error = |source: io::Error| {
            let path = path.to_path_buf();
            if source.kind() == io::ErrorKind::NotFound {
                KeyFileError::Absent { path }
            } else {
                KeyFileError::Io { path, source }
            }
        };
        let mut file = File::open(path).map_err(io_error)?;
        let mode = file.metadata().map_err(io_error)?.permissions().mode() & PERMISSIONS;
        if mode & !OWNER_ONLY != 0 {
            let path = path.to_path_buf();
            return Err(KeyFileError::OpenToOthers { path, mode });
        }
        let mut root = Zeroizing::new([0; KEY_BYTES]);
        let mut more = [0; 1];
        let whole = file.read_exact(&mut *root).is_ok();
        if !whole || file.read(&mut more).map_err(io_error)? > 0 {
            let path = path.to_path_buf();
            return Err(KeyFileError::Length { path });
        }
        Ok(Self(root))
    }

    /// The key of a use, for one value of it.
    pub(crate) fn derive(&self, label: &str, value: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
        let mut mac = hmac(&*self.0);
        mac.update(b"pansori switch ");
        mac.update(label.as_bytes());
        mac.update(&[0]);
        mac.update(value);
        mac.update(&[1]);
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes keys of any length (RFC 2104)"
)]
fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

const KEY_BYTES: usize = 32;
const OWNER_ONLY: u32 = 0o600;
const PERMISSIONS: u32 = 0o7777;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_a_key_file_is_made_once_and_opens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("switch.key");
        assert!(matches!(
            Root::open(&path),
            Err(KeyFileError::Absent { .. })
        ));
        generate(&path).unwrap();
        let key = Root::open(&path).unwrap().derive("journal", b"1");
        assert!(matches!(generate(&path), Err(KeyFileError::Exists { .. })));
        let again = Root::open(&path).unwrap();
        assert_eq!(again.derive("journal", b"1"), key);
        assert_ne!(again.derive("journal", b"2"), key);
        assert_ne!(again.derive("other", b"1"), key);
    }

    #[test]
    fn err_a_key_file_open_to_others_or_of_another_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("switch.key");
        generate(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        let error = Root::open(&path).unwrap_err();
        assert!(error.to_string().contains("chmod 0600"), "{error}");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        for len in [31, 33] {
            std::fs::write(&path, vec![1; len]).unwrap();
            assert!(matches!(
                Root::open(&path),
                Err(KeyFileError::Length { .. })
            ));
        }
    }
}
