//! Double-length triple DES keys, ECB mode.

use core::fmt;

use des::TdesEde2;
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::InvalidElement;

/// A double-length (16-byte) triple DES key; printed as its check value only.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct TdesKey([u8; 16]);

impl TdesKey {
    /// A key of these bytes; parity bits are ignored.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// One block, encrypted (TDEA in ECB mode).
    #[must_use]
    pub fn encrypt(&self, block: [u8; 8]) -> [u8; 8] {
        let mut block = block.into();
        TdesEde2::new(&self.0.into()).encrypt_block(&mut block);
        block.into()
    }

    /// One block, decrypted.
    #[must_use]
    pub fn decrypt(&self, block: [u8; 8]) -> [u8; 8] {
        let mut block = block.into();
        TdesEde2::new(&self.0.into()).decrypt_block(&mut block);
        block.into()
    }

    /// Key check value: the first three bytes of eight zeros encrypted.
    #[must_use]
    pub fn check_value(&self) -> [u8; 3] {
        let [a, b, c, ..] = self.encrypt([0; 8]);
        [a, b, c]
    }
}

impl core::str::FromStr for TdesKey {
    type Err = InvalidElement;

    /// Reads 32 hex digits.
    fn from_str(text: &str) -> Result<Self, InvalidElement> {
        let invalid = || InvalidElement::new("key", "32 hex digits");
        let mut key = Self([0; 16]);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != key.0.len() || !rest.is_empty() {
            return Err(invalid());
        }
        for (to, pair) in key.0.iter_mut().zip(pairs) {
            *to = crate::encoding::hex::byte(*pair).ok_or_else(invalid)?;
        }
        Ok(key)
    }
}

impl fmt::Debug for TdesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.check_value();
        write!(f, "TdesKey(check value {a:02X}{b:02X}{c:02X})")
    }
}
