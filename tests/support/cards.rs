//! The cards of the sandbox.

use iso8583::element::passes_luhn;

/// The sandbox card: 500,000 KRW.
pub const SANDBOX: &str = "9999990100000005";
/// Its expiry, YYMM, and that of the load cards.
pub const EXPIRY: &str = "3012";

/// Load card `number` (0 to 9999): 10,000,000 KRW.
#[must_use]
pub fn load_card(number: u32) -> String {
    (0..10)
        .map(|check| format!("99999902{number:07}{check}"))
        .find(|pan| passes_luhn(pan.as_bytes()))
        .expect("one of ten digits is the check digit")
}

/// Track 2 of a card.
#[must_use]
pub fn track2(pan: &str) -> String {
    format!("{pan}={EXPIRY}1010000000000000")
}
