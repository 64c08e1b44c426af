//! Test cards, and messages with these in the place of real ones.

use iso8583::element::passes_luhn;
use iso8583::spec::{Class, Visibility};
use iso8583::{Dialect, Message};

/// A card number of so many digits (8 to 19) that no issuer has: 999999, the number, the check
/// digit. Of a number that is too long, the last digits count.
#[must_use]
pub fn test_pan(len: usize, number: u64) -> String {
    let body = len.clamp(8, 19) - TEST_BIN.len() - 1;
    let digits = format!("{number:0body$}");
    let start = digits.len() - body;
    let known = format!("{TEST_BIN}{}", digits.get(start..).unwrap_or_default());
    (0..10)
        .map(|check| format!("{known}{check}"))
        .find(|pan| passes_luhn(pan.as_bytes()))
        .unwrap_or(known)
}

/// Puts another card into a message, wherever it has one in full: DE 2, 35 and 45.
pub fn change_card(message: &mut Message, number: u64) {
    for de in [2, 35, 45] {
        if let Some(value) = message.field(de) {
            let changed = match de {
                2 => test_pan(value.len(), number).into_bytes(),
                35 => track_2(value, number),
                _ => track_1(value, number),
            };
            message.set(de, &changed);
        }
    }
}

/// Replaces all that may not be shown: card numbers by that of a test card, tracks by its, the
/// rest by zeros and letters X of the same length. Subfields are replaced one by one, and card
/// numbers in what else may be shown, as in [`Message::masked`]. Gives the elements that had to go
/// instead, for the dialect would not take them so.
pub fn redact(message: &mut Message, dialect: &Dialect) -> Vec<u8> {
    let mut removed = Vec::new();
    let present = message.present();
    let masked = message.masked(dialect);
    for de in present.iter() {
        let Some((field, value)) = dialect.field(de).zip(message.field(de)) else {
            continue;
        };
        let changed = match (de, field.visibility()) {
            (2 | 35 | 45, _) => continue,
            (_, visibility) if visibility == Visibility::Shown || field.content().is_some() => {
                masked.field(de).unwrap_or_default().to_vec()
            }
            (_, Visibility::Partly) => test_pan(value.len(), 0).into_bytes(),
            (14, _) => TEST_EXPIRY.to_vec(),
            (_, Visibility::Shown | Visibility::Never) => filled(value, field.class()),
        };
        message.set(de, &changed);
    }
    change_card(message, 0);
    // A value that is made of subfields may not be any zeros.
    while let Some(de) = refused(message, dialect) {
        message.remove(de);
        removed.push(de);
    }
    removed
}

/// A field that the dialect would write, but not read again.
fn refused(message: &Message, dialect: &Dialect) -> Option<u8> {
    let mut wire = bytes::BytesMut::new();
    if let Err(error) = dialect.encode(message, &mut wire) {
        return message.has(error.de).then_some(error.de);
    }
    let fault = dialect.decode(&wire).err()?;
    fault.error.path.data_element()
}

/// Digits to 0, letters to X, bytes to 0; what separates stays.
fn filled(value: &[u8], class: Class) -> Vec<u8> {
    if class == Class::B {
        return vec![0; value.len()];
    }
    let fill = |byte: &u8| match byte {
        b'0'..=b'9' => b'0',
        b' ' | b'=' | b'^' | b'/' => *byte,
        _ => b'X',
    };
    value.iter().map(fill).collect()
}

/// The track of a test card: number, expiry, service code, zeros.
fn track_2(value: &[u8], number: u64) -> Vec<u8> {
    let separator = value.iter().position(|byte| !byte.is_ascii_digit());
    let Some(end) = separator.filter(|end| (8..=19).contains(end)) else {
        return filled(value, Class::Z);
    };
    let track = format!("{}={TEST_TRACK:0<40}", test_pan(end, number));
    track.into_bytes().into_iter().take(value.len()).collect()
}

/// As track 2, with a name between: `B9999990000000000^XXXX/XXX^3012…`.
fn track_1(value: &[u8], number: u64) -> Vec<u8> {
    let mut parts = value.splitn(3, |byte| *byte == b'^');
    let (Some([format, pan @ ..]), Some(name), Some(rest)) =
        (parts.next(), parts.next(), parts.next())
    else {
        return filled(value, Class::Ans);
    };
    let mut track = vec![*format];
    track.extend(test_pan(pan.len(), number).into_bytes());
    track.push(b'^');
    track.extend(filled(name, Class::Ans));
    track.push(b'^');
    track.extend(format!("{TEST_TRACK:0<80}").bytes().take(rest.len()));
    track.truncate(value.len());
    track
}

const TEST_BIN: &str = "999999";
const TEST_EXPIRY: [u8; 4] = *b"3012";
/// Expiry and service code: international, no restrictions.
const TEST_TRACK: &str = "3012101";

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use iso8583::Mti;

    use super::*;

    #[test]
    fn test_cards_have_a_check_digit_and_the_length_asked_for() {
        for len in 8..=19 {
            for number in [0, 7, 123_456_789] {
                let pan = test_pan(len, number);
                assert_eq!(pan.len(), len);
                assert!(passes_luhn(pan.as_bytes()), "{len} {number}");
            }
        }
        assert_ne!(test_pan(16, 1), test_pan(16, 2));
    }

    #[test]
    fn a_redacted_message_holds_no_secret_and_can_be_written() {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message
            .set(2, b"4111111111111111")
            .set(4, b"000000015000")
            .set(14, b"2909")
            .set(35, b"4111111111111111=29091011234567890123")
            .set(45, b"B4111111111111111^HONG/GILDONG^29091011234567")
            .set(52, &hex!("DEF247F82B55A358"))
            .set(
                55,
                &hex!("9F02 06 000000015000 5A 08 4111111111111111 9F26 02 ABCD"),
            );
        assert_eq!(
            redact(&mut message, Dialect::iso87_ascii()),
            Vec::<u8>::new()
        );
        let pan = test_pan(16, 0);
        assert_eq!(message.text(2), Some(&*pan));
        assert_eq!(message.text(4), Some("000000015000"));
        assert_eq!(message.text(14), Some("3012"));
        assert_eq!(
            message.text(35),
            Some(&*format!("{pan}=30121010000000000000"))
        );
        assert_eq!(
            message.text(45),
            Some(&*format!("B{pan}^XXXX/XXXXXXX^30121010000000"))
        );
        assert_eq!(message.field(52), Some(&[0; 8][..]));
        let chip = message.field(55).unwrap();
        assert!(chip.starts_with(&hex!("9F02 06 000000015000 5A 08 0000000000000000")));
    }

    #[test]
    fn tracks_that_are_none_are_zeros() {
        assert_eq!(track_2(b"12", 0), b"00");
        assert_eq!(track_1(b"B411^X", 0), b"X000^X");
    }

    #[test]
    fn chip_data_that_is_none_is_zeros_and_tags_in_templates_are_hidden() {
        let redacted = |chip: &[u8]| {
            let mut message = Message::new(Mti::FINANCIAL_REQUEST);
            message.set(55, chip);
            redact(&mut message, Dialect::iso87_bcd());
            message.field(55).map(<[u8]>::to_vec)
        };
        let template = redacted(&hex!("70 0A 5A 08 4111111111111111"));
        assert_eq!(
            template.as_deref(),
            Some(&hex!("70 0A 5A 08 0000000000000000")[..])
        );
        let none = redacted(&hex!("9F02 06 00"));
        assert!(none.is_none_or(|chip| chip == [0; 4]));
    }

    #[test]
    fn a_card_number_in_a_field_that_may_be_shown_is_hidden() {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message.set(43, b"CARD 4111-1111-1111-1111                ");
        redact(&mut message, Dialect::iso87_bcd());
        let place = message.text(43).unwrap();
        assert!(place.starts_with("CARD 4111-1100-0000-1111 "), "{place}");
    }
}
