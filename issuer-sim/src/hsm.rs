//! A security module in software. **TEST ONLY**: a real issuer's zone and verification keys never
//! leave a hardware module; here they lie in the memory of the process.
//!
//! What goes in is DE 52, what comes out is a verification value: no clear password leaves this
//! file.

use iso8583::crypto::{ClearPin, EncryptedPinBlock, TdesKey};
use iso8583::element::Pan;
use zeroize::Zeroizing;

use crate::card::Pvv;
use crate::request::Password;

/// The keys of card passwords.
#[derive(Clone, Debug)]
pub struct SoftwareHsm {
    zone_key: TdesKey,
    pvk: TdesKey,
}

impl SoftwareHsm {
    /// A module with the zone key of the links and the issuer's verification key.
    #[must_use]
    pub const fn new(zone_key: TdesKey, pvk: TdesKey) -> Self {
        Self { zone_key, pvk }
    }

    /// What the eight bytes of DE 52 say (ISO 9564-1 format 0 under the zone key).
    #[must_use]
    pub fn password(&self, de_52: &[u8], pan: &Pan) -> Password {
        EncryptedPinBlock::try_from(de_52)
            .ok()
            .and_then(|block| block.decrypt(pan, &self.zone_key).ok())
            .map_or(Password::Unreadable, |pin| {
                if pin.reveal().len() == PASSWORD_DIGITS {
                    Password::Given(self.verification_value(&pin, pan))
                } else {
                    Password::OtherLength
                }
            })
    }

    /// What is kept of the password of a new card, which has [`PASSWORD_DIGITS`] digits.
    #[must_use]
    pub fn verification_value(&self, pin: &ClearPin, pan: &Pan) -> Pvv {
        visa_pvv(&self.pvk, PVK_INDEX, pin, pan)
    }
}

/// Visa PIN verification value (`domain.md` §5.7): eleven card number digits without the check
/// digit, the key index and four password digits, encrypted; then the decimal digits of the
/// result, and after them its letters less ten, the first four of all.
///
/// Of a longer password only the first four digits would take part, so none comes this far.
fn visa_pvv(pvk: &TdesKey, index: u8, pin: &ClearPin, pan: &Pan) -> Pvv {
    let account = pan.reveal().as_bytes().split_last();
    let account = account.map_or(&[][..], |(_check, account)| account);
    let eleven = account
        .get(account.len().saturating_sub(ACCOUNT_DIGITS)..)
        .unwrap_or_default();
    let mut digits = Zeroizing::new([0_u8; 16]);
    // A number shorter than twelve digits leaves its zeros in front.
    let lead = ACCOUNT_DIGITS.saturating_sub(eleven.len());
    let values = eleven
        .iter()
        .chain([&index])
        .chain(pin.reveal().iter().take(PASSWORD_DIGITS));
    for (to, from) in digits.iter_mut().skip(lead).zip(values) {
        *to = from & 0x0F;
    }
    let mut block = Zeroizing::new([0_u8; 8]);
    for (to, [high, low]) in block.iter_mut().zip(digits.as_chunks().0) {
        *to = high << 4 | low;
    }
    let cryptogram = Zeroizing::new(pvk.encrypt(*block));
    let nibbles = || cryptogram.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
    let decimal = nibbles().filter(|nibble| *nibble <= 9);
    let letters = nibbles()
        .filter(|nibble| *nibble > 9)
        .map(|nibble| nibble - 10);
    let mut pvv = Pvv([b'0'; 4]);
    for (to, from) in pvv.0.iter_mut().zip(decimal.chain(letters)) {
        *to = b'0' + from;
    }
    pvv
}

/// Digits of a card password: as many as a verification value covers.
pub const PASSWORD_DIGITS: usize = 4;

const ACCOUNT_DIGITS: usize = 11;
/// The verification key in use: this issuer has one.
const PVK_INDEX: u8 = 1;

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use serde_json::Value;

    use super::*;

    fn vectors(kind: &str) -> Vec<Value> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/crypto.json");
        let all: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let all = all["vectors"].as_array().unwrap().clone();
        all.into_iter()
            .filter(|vector| vector["kind"] == kind)
            .collect()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn verification_values_are_those_of_the_published_vectors() {
        let vectors = vectors("visa_pvv");
        assert_eq!(vectors.len(), 5);
        for vector in vectors {
            let input = |name: &str| vector["inputs"][name].as_str().unwrap();
            let pvv = visa_pvv(
                &input("pvk").parse().unwrap(),
                input("pvki").parse().unwrap(),
                &input("pin").parse().unwrap(),
                &input("pan").parse().unwrap(),
            );
            assert_eq!(pvv.0, vector["expected"].as_str().unwrap().as_bytes());
        }
    }

    #[test]
    fn passwords_are_read_from_the_published_pin_blocks() {
        let mut seen = 0;
        for vector in vectors("tdes_ecb_encrypt_pinblock") {
            let input = |name: &str| vector["inputs"][name].as_str().unwrap_or_default();
            let (key, block) = (input("zpk"), vector["expected"].as_str().unwrap());
            let zone_key: TdesKey = key.parse().unwrap();
            let pan: Pan = input("pan").parse().unwrap();
            let hsm = SoftwareHsm::new(zone_key, TdesKey::new([1; 16]));
            let expected = hsm.verification_value(&input("pin").parse().unwrap(), &pan);
            assert_eq!(hsm.password(&bytes(block), &pan), Password::Given(expected));
            seen += 1;
        }
        assert_eq!(seen, 1);
    }

    #[test]
    fn a_password_that_only_begins_right_is_not_the_password() {
        let zone_key: TdesKey = "11223344556677888877665544332211".parse().unwrap();
        let hsm = SoftwareHsm::new(zone_key.clone(), TdesKey::new([1; 16]));
        let pan: Pan = "9999990100000005".parse().unwrap();
        for pin in ["12340", "123456", "123412341234"] {
            let block = pin.parse::<ClearPin>().unwrap().encrypt(&pan, &zone_key);
            let found = hsm.password(block.as_bytes(), &pan);
            assert_eq!(found, Password::OtherLength, "{pin}");
        }
    }

    #[test]
    fn a_block_of_another_key_another_card_or_garbage_is_unreadable() {
        let zone_key: TdesKey = "11223344556677888877665544332211".parse().unwrap();
        let hsm = SoftwareHsm::new(zone_key.clone(), TdesKey::new([1; 16]));
        let pan: Pan = "9999990100000005".parse().unwrap();
        let pin: ClearPin = "1234".parse().unwrap();
        let block = pin.encrypt(&pan, &zone_key);
        assert!(matches!(
            hsm.password(block.as_bytes(), &pan),
            Password::Given(_)
        ));
        let unreadable = [
            pin.encrypt(&pan, &TdesKey::new([9; 16]))
                .as_bytes()
                .to_vec(),
            hex!("00000000 00000000").to_vec(),
            block.as_bytes()[..7].to_vec(),
            Vec::new(),
        ];
        for block in unreadable {
            assert_eq!(hsm.password(&block, &pan), Password::Unreadable);
        }
    }
}
