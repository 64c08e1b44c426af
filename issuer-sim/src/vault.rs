//! The issuer's keys, and card numbers at rest.
//!
//! One key file is the root of them; each use has a key of its own. Card numbers are encrypted with
//! AES-256-GCM, bound to the card's public name, and found by a keyed hash.

use std::path::Path;

use aes_gcm::aead::{Aead, Nonce, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use hmac::{Hmac, Mac};
use iso8583::crypto::TdesKey;
use iso8583::element::Pan;
use keyfile::{KEY_BYTES, KeyFileError, Root, random};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::card::{CardId, PanKey, SealedPan};

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

impl Vault {
    /// Opens the key file at `path`.
    ///
    /// # Errors
    /// [`KeyFileError`] where it is absent, open to others, or not a key.
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        Ok(Self::of(&Root::open(path, PROGRAM)?))
    }

    /// The keys that come of a root.
    #[must_use]
    pub fn new(root: &[u8; KEY_BYTES]) -> Self {
        Self::of(&Root::new(*root))
    }

    fn of(root: &Root) -> Self {
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

fn derive(root: &Root, label: &str) -> Zeroizing<[u8; KEY_BYTES]> {
    root.derive(format!("pansori issuer {label}").as_bytes())
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

const NONCE_BYTES: usize = 12;
/// Who makes the key file.
pub(crate) const PROGRAM: &str = "issuer-sim";

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
            .map(|label| *derive(&Root::new([7; 32]), label))
            .collect();
        assert_eq!(keys.len(), labels.len());
    }
}
