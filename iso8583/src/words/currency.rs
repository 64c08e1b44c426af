//! Currencies by their code, and amounts in them (ISO 4217).

use crate::element::{CURRENCIES, Currency, all_digits};

/// What a currency code says: `KRW, Won`. DE 49 to 51 may hold digits or letters. None for what
/// is no code of three, or none of ISO 4217.
#[must_use]
pub fn currency(code: &[u8]) -> Option<String> {
    let (_, alpha, _, name) = if all_digits(code) {
        Currency::try_from(code).ok()?.known()?
    } else {
        CURRENCIES
            .iter()
            .find(|(_, alpha, ..)| alpha.as_bytes() == code)?
    };
    Some(format!("{alpha}, {name}"))
}

/// Minor units as an amount of a currency, in integers throughout. A currency nobody knows is
/// taken to have two decimals, and keeps its digits for a name.
///
/// ```
/// use iso8583::element::Currency;
/// use iso8583::words;
///
/// assert_eq!(words::amount(15_000, Currency::USD), "150.00 USD");
/// assert_eq!(words::amount(15_000, Currency::KRW), "15,000 KRW");
/// ```
#[must_use]
pub fn amount(minor: u64, currency: Currency) -> String {
    currency.shown(minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_told_in_digits_and_in_letters() {
        for (code, says) in [
            (&b"410"[..], Some("KRW, Won")),
            (b"KRW", Some("KRW, Won")),
            (b"008", Some("ALL, Lek")),
            (b"999", Some("XXX, no currency involved")),
            (b"001", None),
            (b"krw", None),
            (b"0410", None),
            (b"", None),
        ] {
            assert_eq!(currency(code).as_deref(), says, "{code:?}");
        }
    }
}
