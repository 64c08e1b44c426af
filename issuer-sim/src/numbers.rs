//! Card numbers of this issuer: `999999 bb nnnnnnn c`, the prefix, a branch, a serial number and
//! the check digit. No registry can give the prefix to anyone (`domain.md` §7).

use iso8583::element::Pan;
use zeroize::Zeroizing;

/// The card number of a serial number in a branch, or `None` where either is too large.
#[must_use]
pub fn card_number(branch: u8, serial: u32) -> Option<Pan> {
    if branch > 99 || serial > SERIAL_MAX {
        return None;
    }
    (b'0'..=b'9').find_map(|check_digit| {
        let check_digit = char::from(check_digit);
        let digits = Zeroizing::new(format!("{PREFIX}{branch:02}{serial:07}{check_digit}"));
        digits.parse().ok().filter(Pan::passes_luhn)
    })
}

/// A number drawn at random among the branches for cards sold: none can be guessed from another.
#[must_use]
pub fn random_card_number() -> Option<Pan> {
    let random = u64::from_le_bytes(keyfile::random()?);
    let branches = u64::from(BRANCH_SOLD_MAX - BRANCH_SOLD_MIN) + 1;
    let serials = u64::from(SERIAL_MAX) + 1;
    let branch = u8::try_from(random / serials % branches).ok()?;
    let serial = u32::try_from(random % serials).ok()?;
    card_number(BRANCH_SOLD_MIN + branch, serial)
}

/// Branch of the sandbox card.
pub const BRANCH_SANDBOX: u8 = 1;
/// Branch of the load cards.
pub const BRANCH_LOAD: u8 = 2;

const PREFIX: &str = "999999";
const BRANCH_SOLD_MIN: u8 = 10;
const BRANCH_SOLD_MAX: u8 = 99;
const SERIAL_MAX: u32 = 9_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_prefix_branch_serial_and_check_digit() {
        let sandbox = card_number(BRANCH_SANDBOX, 0).unwrap();
        assert_eq!(sandbox.reveal(), "9999990100000005");
        let load = card_number(BRANCH_LOAD, 9_999).unwrap();
        assert!(load.reveal().starts_with("999999020009999"));
        assert!(load.passes_luhn());
        assert_eq!(card_number(100, 0), None);
        assert_eq!(card_number(1, SERIAL_MAX + 1), None);
    }

    #[test]
    fn drawn_numbers_stay_out_of_the_branches_of_the_sandbox() {
        for _ in 0..1_000 {
            let pan = random_card_number().unwrap();
            let branch: u8 = pan.reveal()[6..8].parse().unwrap();
            assert!((BRANCH_SOLD_MIN..=BRANCH_SOLD_MAX).contains(&branch));
        }
    }
}
