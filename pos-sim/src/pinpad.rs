//! The PIN pad: the card password leaves it only as an encrypted block bound to its card.

use iso8583::Message;
use iso8583::crypto::{ClearPin, TdesKey};
use iso8583::element::Pan;

/// Was a card password typed?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PinPad {
    Used,
    Unused,
}

impl PinPad {
    /// Sets DE 52 (ISO 9564-1 format 0 under the zone key) and DE 53 where a password was typed.
    pub(crate) fn write(
        pin: Option<&ClearPin>,
        pan: &Pan,
        zone_key: &TdesKey,
        request: &mut Message,
    ) -> Self {
        let Some(pin) = pin else {
            return Self::Unused;
        };
        request
            .set(52, pin.encrypt(pan, zone_key).as_bytes())
            .set(53, ZONE_ENCRYPTED_FORMAT_0);
        Self::Used
    }
}

/// Security format 20 (zone), algorithm 01 (triple DES), PIN block format 01 (ISO 0), key index
/// 01 (Visa style).
const ZONE_ENCRYPTED_FORMAT_0: &[u8] = b"2001010100000000";

#[cfg(test)]
mod tests {
    use iso8583::Mti;

    use super::*;

    #[test]
    fn the_golden_pin_block_comes_out() {
        let mut request = Message::new(Mti::FINANCIAL_REQUEST);
        let pad = PinPad::write(
            Some(&"1234".parse().unwrap()),
            &"9999990100000005".parse().unwrap(),
            &"11223344556677888877665544332211".parse().unwrap(),
            &mut request,
        );
        assert_eq!(pad, PinPad::Used);
        assert_eq!(
            request.field(52),
            Some(&[0xDE, 0xF2, 0x47, 0xF8, 0x2B, 0x55, 0xA3, 0x58][..])
        );
        assert_eq!(request.text(53), Some("2001010100000000"));
    }
}
