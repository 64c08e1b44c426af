//! What the code values of elements mean, for people who look at messages.
//!
//! [`of`] is the one door: an element, its message's type and its value in, words out. The words
//! are made of the tables here and of codes, counts and amounts; nothing of a card, a track, a
//! cardholder, a PIN or a private element gets into them.

mod blocks;
mod country;
mod currency;
mod function;
mod merchant;
mod message_type;
mod network;
mod point_of_service;
mod processing_code;
mod response;

pub use blocks::{additional_amounts, original_data, replacement_amounts, service_code};
pub use country::country;
pub use currency::{amount, currency};
pub use function::{function_code, message_reason};
pub use merchant::merchant_category;
pub use message_type::message_type;
pub use network::{file_update, network_code, settlement_code};
pub use point_of_service::{entry_mode, pos_condition, pos_data_code, pos_entry_mode};
pub use processing_code::{account, processing_code, transaction_type};
pub use response::{action_code, response_code};

use crate::element::{Amount, Currency};
use crate::message::Message;
use crate::mti::{Class, Edition, Mti};

/// What a data element's canonical value says in words. None where the element has no words
/// (names, numbers, free text, everything secret) or its value is none it should have.
///
/// The message's type tells the edition of the standard, for elements changed their meaning; and
/// in a reversal DE 39 is the reason of it.
///
/// ```
/// use iso8583::{Mti, words};
///
/// let mti = Mti::REVERSAL_ADVICE;
/// let says = words::of(39, mti, b"68");
/// assert_eq!(says.as_deref(), Some("reversal reason: response received too late"));
/// assert_eq!(words::of(2, mti, b"9999990100000005"), None);
/// ```
#[must_use]
pub fn of(de: u8, mti: Mti, value: &[u8]) -> Option<String> {
    let edition = mti.edition();
    match de {
        3 => processing_code(value),
        19 | 20 | 68 | 69 => country(value),
        40 => service_code(value),
        50 | 51 => currency(value),
        54 if edition != Edition::Iso2003 => additional_amounts(value),
        66 if edition == Edition::Iso1987 => owned(settlement_code(value)),
        70 => owned(network_code(value)),
        91 => owned(file_update(value)),
        _ if edition == Edition::Iso1987 => of_1987(de, mti, value),
        _ => of_1993(de, edition, value),
    }
}

/// Elements that mean something else from 1993 on.
fn of_1987(de: u8, mti: Mti, value: &[u8]) -> Option<String> {
    match de {
        18 => owned(merchant_category(value)),
        21 => country(value),
        22 => pos_entry_mode(value),
        25 => owned(pos_condition(value)),
        39 if mti.class() == Class::Reversal && mti.is_request() => {
            Some(format!("reversal reason: {}", response_code(value)?))
        }
        39 => owned(response_code(value)),
        49 => currency(value),
        90 => original_data(value),
        95 => replacement_amounts(value, None),
        _ => None,
    }
}

fn of_1993(de: u8, edition: Edition, value: &[u8]) -> Option<String> {
    let iso1993 = edition == Edition::Iso1993;
    match de {
        21 if iso1993 => country(value),
        22 if iso1993 => pos_data_code(value),
        24 => owned(function_code(value)),
        25 => owned(message_reason(value)),
        26 => owned(merchant_category(value)),
        39 => owned(action_code(value)),
        49 if iso1993 => currency(value),
        _ => None,
    }
}

/// As [`of`], for an element of a message at hand: amounts (DE 4, 5, 6 and 95) are told in the
/// currency that the message gives them (DE 49, 50, 51). None where it lacks that or the element.
#[must_use]
pub fn in_message(message: &Message, de: u8) -> Option<String> {
    let value = message.field(de)?;
    let currency_of = |de| Currency::try_from(message.field(de)?).ok();
    let currency = match de {
        // From 2003 on an amount carries its own currency.
        _ if message.mti().edition() == Edition::Iso2003 => None,
        4 | 95 => currency_of(49),
        5 => currency_of(50),
        6 => currency_of(51),
        _ => None,
    };
    match (de, currency) {
        (95, Some(_)) if message.mti().edition() == Edition::Iso1987 => {
            replacement_amounts(value, currency)
        }
        (4..=6, Some(currency)) => {
            let sum = Amount::parse(value, currency).ok()?;
            Some(amount(sum.minor(), currency))
        }
        _ => of(de, message.mti(), value),
    }
}

/// What the value of an EMV tag in DE 55 says: see [`crate::emv::words`].
#[must_use]
pub fn of_tag(tag: &[u8], value: &[u8]) -> Option<String> {
    crate::emv::words(tag, value)
}

fn owned(words: Option<&'static str>) -> Option<String> {
    words.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mti(text: &str) -> Mti {
        text.parse().unwrap()
    }

    #[test]
    fn an_element_says_what_its_edition_means_by_it() {
        for (de, message, value, says) in [
            (18, "0200", &b"5945"[..], Some("hobby, toy and game shop")),
            (26, "0200", b"12", None),
            (26, "1200", b"5945", Some("hobby, toy and game shop")),
            (25, "0200", b"59", Some("e-commerce")),
            (25, "1420", b"4021", Some("timeout waiting for response")),
            (24, "0200", b"003", None),
            (24, "1804", b"831", Some("echo test")),
            (39, "0210", b"22", Some("suspected malfunction")),
            (
                39,
                "0420",
                b"22",
                Some("reversal reason: suspected malfunction"),
            ),
            (39, "0430", b"00", Some("approved")),
            (39, "1210", b"116", Some("not sufficient funds")),
            (
                22,
                "0200",
                b"012",
                Some("keyed or given online, cannot take a PIN"),
            ),
            (22, "1200", b"012", None),
            (19, "0200", b"410", Some("KR, Korea, Republic of")),
            (49, "0200", b"410", Some("KRW, Won")),
            (49, "2200", b"410", None),
            (70, "0800", b"301", Some("echo test")),
            (66, "0530", b"1", Some("in balance")),
            (91, "0300", b"1", Some("add record")),
        ] {
            assert_eq!(
                of(de, mti(message), value).as_deref(),
                says,
                "DE {de} {message}"
            );
        }
    }

    #[test]
    fn amounts_are_told_in_the_currency_of_their_message() {
        let mut message = Message::new(Mti::REVERSAL_ADVICE);
        message
            .set(4, b"000000015000")
            .set(5, b"000000001234")
            .set(6, b"000000001234")
            .set(49, b"840")
            .set(51, b"414")
            .set(95, b"000000005000000000000000000000000000000000");
        for (de, says) in [
            (4, Some("150.00 USD")),
            (5, None),
            (6, Some("1.234 KWD")),
            (49, Some("USD, US Dollar")),
            (95, Some("50.00 USD remains")),
            (3, None),
        ] {
            assert_eq!(in_message(&message, de).as_deref(), says, "DE {de}");
        }
    }

    #[test]
    fn nothing_of_a_card_gets_into_words() {
        let secret = b"9999990100000005=30121010000000000000";
        for de in 0..=u8::MAX {
            for message in ["0200", "0420", "1200", "2200"] {
                for length in [1, 2, 3, 4, 6, 12, 16, secret.len()] {
                    let says = of(de, mti(message), &secret[..length]).unwrap_or_default();
                    assert!(!says.contains("9999"), "DE {de} in {message}: {says}");
                }
            }
        }
        for de in [
            2, 14, 34, 35, 36, 45, 48, 52, 53, 55, 60, 63, 102, 103, 123, 128,
        ] {
            assert_eq!(of(de, mti("0200"), b"01"), None, "DE {de}");
        }
    }
}
