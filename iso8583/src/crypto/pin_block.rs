//! DE 52: the card password, bound to its card and encrypted (ISO 9564-1 format 0).

use core::fmt;

use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::TdesKey;
use crate::element::{Pan, all_digits};
use crate::error::InvalidElement;

/// A card password in clear: 4 to 12 digits. Never printed, zeroed on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ClearPin {
    digits: [u8; 12],
    len: u8,
}

impl ClearPin {
    /// The digits. For the PIN pad and the issuer's security module alone.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        self.digits.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Binds the password to its card and encrypts both: what DE 52 carries.
    #[must_use]
    pub fn encrypt(&self, pan: &Pan, zone_key: &TdesKey) -> EncryptedPinBlock {
        let mut block = Zeroizing::new([0xFF_u8; 8]);
        let mut nibbles = Zeroizing::new([0x0F_u8; 16]);
        {
            let [control, length, pin @ ..] = &mut *nibbles;
            *control = 0;
            *length = self.len;
            for (to, digit) in pin.iter_mut().zip(self.reveal()) {
                *to = digit & 0x0F;
            }
        }
        let (pairs, _) = nibbles.as_chunks::<2>();
        for (to, [high, low]) in block.iter_mut().zip(pairs) {
            *to = high << 4 | low;
        }
        EncryptedPinBlock(zone_key.encrypt(xor(*block, account_block(pan))))
    }
}

impl TryFrom<&[u8]> for ClearPin {
    type Error = InvalidElement;

    fn try_from(digits: &[u8]) -> Result<Self, InvalidElement> {
        let invalid = || InvalidElement::new("card password", "4 to 12 digits");
        if !(4..=12).contains(&digits.len()) || !all_digits(digits) {
            return Err(invalid());
        }
        let len = u8::try_from(digits.len()).map_err(|_| invalid())?;
        let mut pin = Self {
            digits: [0; 12],
            len,
        };
        for (to, from) in pin.digits.iter_mut().zip(digits) {
            *to = *from;
        }
        Ok(pin)
    }
}

impl core::str::FromStr for ClearPin {
    type Err = InvalidElement;

    fn from_str(text: &str) -> Result<Self, InvalidElement> {
        Self::try_from(text.as_bytes())
    }
}

impl fmt::Debug for ClearPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClearPin(****)")
    }
}

/// Eight bytes of DE 52. Encrypted, and yet never printed nor stored (PCI DSS 3.3.1).
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct EncryptedPinBlock([u8; 8]);

impl EncryptedPinBlock {
    /// The bytes of DE 52.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// Takes the password out again. For the issuer's security module alone.
    ///
    /// # Errors
    /// Where the decrypted block is not of format 0, has another length than 4 to 12, or holds
    /// fill or PIN nibbles that cannot be: another key, another card, or garbage. None of these
    /// is a wrong password (domain: RC 63, no try counted).
    pub fn decrypt(&self, pan: &Pan, zone_key: &TdesKey) -> Result<ClearPin, PinBlockError> {
        let clear = Zeroizing::new(xor(zone_key.decrypt(self.0), account_block(pan)));
        let nibbles: Zeroizing<Vec<u8>> = Zeroizing::new(
            clear
                .iter()
                .flat_map(|byte| [byte >> 4, byte & 0x0F])
                .collect(),
        );
        let [control, length, rest @ ..] = nibbles.as_slice() else {
            return Err(PinBlockError::Length);
        };
        if *control != 0 {
            return Err(PinBlockError::Format);
        }
        if !(4..=12).contains(length) {
            return Err(PinBlockError::Length);
        }
        let (pin, fill) = rest.split_at(usize::from(*length));
        if fill.iter().any(|nibble| *nibble != 0x0F) {
            return Err(PinBlockError::Fill);
        }
        let digits: Zeroizing<Vec<u8>> =
            Zeroizing::new(pin.iter().map(|nibble| nibble + b'0').collect());
        ClearPin::try_from(digits.as_slice()).map_err(|_| PinBlockError::Digit)
    }
}

impl TryFrom<&[u8]> for EncryptedPinBlock {
    type Error = InvalidElement;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidElement> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| InvalidElement::new("PIN block", "8 bytes"))
    }
}

impl fmt::Debug for EncryptedPinBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptedPinBlock(****)")
    }
}

/// Why a decrypted block holds no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PinBlockError {
    /// The control nibble is not 0.
    #[error("PIN block is not of format 0")]
    Format,
    /// The length is not 4 to 12.
    #[error("PIN length is not 4 to 12")]
    Length,
    /// A fill nibble is not F.
    #[error("PIN block fill is not F")]
    Fill,
    /// A PIN nibble is not decimal.
    #[error("PIN holds a digit that is not decimal")]
    Digit,
}

/// `0000` and the twelve rightmost card number digits without the check digit.
fn account_block(pan: &Pan) -> [u8; 8] {
    let digits = pan.account_digits();
    let (pairs, _) = digits.as_chunks::<2>();
    let mut block = [0; 8];
    for (to, [high, low]) in block.iter_mut().skip(2).zip(pairs) {
        *to = (high & 0x0F) << 4 | (low & 0x0F);
    }
    block
}

fn xor(mut left: [u8; 8], right: [u8; 8]) -> [u8; 8] {
    for (to, from) in left.iter_mut().zip(right) {
        *to ^= from;
    }
    left
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn sandbox() -> (Pan, TdesKey) {
        (
            "9999990100000005".parse().unwrap(),
            "11223344556677888877665544332211".parse().unwrap(),
        )
    }

    #[test]
    fn the_golden_pin_block_holds_1234() {
        let (pan, key) = sandbox();
        let block = EncryptedPinBlock::try_from(&hex!("DEF247F82B55A358")[..]).unwrap();
        assert_eq!(block.decrypt(&pan, &key).unwrap().reveal(), b"1234");
        let pin: ClearPin = "1234".parse().unwrap();
        assert_eq!(pin.encrypt(&pan, &key).as_bytes(), block.as_bytes());
    }

    #[test]
    fn a_block_of_another_card_or_key_is_not_a_wrong_password() {
        let (pan, key) = sandbox();
        let block = "1234".parse::<ClearPin>().unwrap().encrypt(&pan, &key);
        let other_card: Pan = "4111111111111111".parse().unwrap();
        let other_key: TdesKey = "A1B2C3D4E5F60718293A4B5C6D7E8F90".parse().unwrap();
        assert!(block.decrypt(&other_card, &key).is_err());
        assert!(block.decrypt(&pan, &other_key).is_err());
    }

    #[test]
    fn nothing_of_a_password_or_key_is_printed() {
        let (pan, key) = sandbox();
        let pin: ClearPin = "1234".parse().unwrap();
        let printed = format!("{pin:?} {:?} {key:?}", pin.encrypt(&pan, &key));
        assert_eq!(
            printed,
            "ClearPin(****) EncryptedPinBlock(****) TdesKey(check value 491510)"
        );
    }
}
