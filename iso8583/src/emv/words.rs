//! What the values of some tags say, bit by bit (EMV 4.3 book 3 annex C, book 4 annex A; EMV
//! contactless book C-2 and C-3 for the brands' qualifiers).

use crate::emv::{Sensitivity, sensitivity};
use crate::words;

/// What a tag's value says in words. None where the tag has no words, may not be shown, or its
/// value has not the length it must have.
///
/// ```
/// use iso8583::emv;
///
/// assert_eq!(
///     emv::words(b"\x9B", b"\x60\x00").as_deref(),
///     Some("cardholder verification was performed; card risk management was performed")
/// );
/// assert_eq!(emv::words(b"\x57", b"\x99"), None);
/// ```
#[must_use]
pub fn words(tag: &[u8], value: &[u8]) -> Option<String> {
    if sensitivity(tag) != Sensitivity::Shown {
        return None;
    }
    match tag {
        b"\x95" | b"\x9F\x0D" | b"\x9F\x0E" | b"\x9F\x0F" => bits(value, 5, &TVR),
        b"\xDF\x81\x20" | b"\xDF\x81\x21" | b"\xDF\x81\x22" => bits(value, 5, &TVR),
        b"\x9B" => bits(value, 2, &TSI),
        b"\x82" => bits(value, 2, &AIP),
        b"\x9F\x33" => bits(value, 3, &TERMINAL_CAPABILITIES),
        b"\x9F\x40" => bits(value, 5, &ADDITIONAL_TERMINAL_CAPABILITIES),
        b"\x9F\x07" => bits(value, 2, &USAGE_CONTROL),
        b"\x9F\x66" => bits(value, 4, &TERMINAL_QUALIFIERS),
        b"\x9F\x6C" => bits(value, 2, &CARD_QUALIFIERS),
        b"\x9F\x34" => cvm_results(value),
        b"\x9F\x27" => cryptogram_information(value),
        b"\x9F\x35" => terminal_type(value),
        b"\x8A" => response_code(value),
        b"\x9C" => words::transaction_type(&digits(value, 2)?).map(str::to_owned),
        b"\x9F\x39" => words::entry_mode(&digits(value, 2)?).map(str::to_owned),
        b"\x5F\x30" => words::service_code(digits(value, 4)?.get(1..)?),
        b"\x9F\x15" => words::merchant_category(&digits(value, 4)?).map(str::to_owned),
        b"\x5F\x2A" | b"\x9F\x42" | b"\x9F\x3C" => words::currency(digits(value, 4)?.get(1..)?),
        b"\x5F\x28" | b"\x9F\x1A" | b"\x9F\x57" => words::country(digits(value, 4)?.get(1..)?),
        _ => None,
    }
}

/// One bit: the byte counted from 1, its mask, and what it says when set.
struct Bit(usize, u8, &'static str);

/// The words of the bits that are set, in their order.
fn bits(value: &[u8], length: usize, known: &[Bit]) -> Option<String> {
    if value.len() != length {
        return None;
    }
    let set = known.iter().filter(|Bit(byte, mask, _)| {
        let byte = byte.checked_sub(1).and_then(|place| value.get(place));
        byte.is_some_and(|byte| byte & mask != 0)
    });
    let set: Vec<&str> = set.map(|Bit(_, _, words)| *words).collect();
    Some(if set.is_empty() {
        "none set".to_owned()
    } else {
        set.join("; ")
    })
}

/// The digits of a value of class `n`, if it has just so many.
fn digits(value: &[u8], count: usize) -> Option<Vec<u8>> {
    let digits: Vec<u8> = value
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0F])
        .map(|nibble| (nibble < 10).then(|| b'0' + nibble))
        .collect::<Option<_>>()?;
    (digits.len() == count).then_some(digits)
}

/// 9F34: what was done, on what condition, and how it ended.
fn cvm_results(value: &[u8]) -> Option<String> {
    let &[method, condition, result] = value else {
        return None;
    };
    let method_words = match method & 0x3F {
        0x00 => "CVM processing failed",
        0x01 => "plaintext PIN verified by the card",
        0x02 => "enciphered PIN verified online",
        0x03 => "plaintext PIN verified by the card, and signature",
        0x04 => "enciphered PIN verified by the card",
        0x05 => "enciphered PIN verified by the card, and signature",
        0x1E => "signature",
        0x1F => "no CVM required",
        0x3F => "no CVM performed",
        _ => "CVM of the brand's own",
    };
    let condition = match condition {
        0x00 => "always",
        0x01 => "if unattended cash",
        0x02 => "if neither cash nor cashback",
        0x03 => "if the terminal supports it",
        0x04 => "if manual cash",
        0x05 => "if purchase with cashback",
        0x06 => "if in the application currency and under X",
        0x07 => "if in the application currency and over X",
        0x08 => "if in the application currency and under Y",
        0x09 => "if in the application currency and over Y",
        _ => "on a condition of the brand's own",
    };
    let result = match result {
        0x00 => "unknown",
        0x01 => "failed",
        0x02 => "successful",
        _ => "reserved",
    };
    Some(format!("{method_words}; {condition}; {result}"))
}

/// 9F27: which cryptogram, and why.
fn cryptogram_information(value: &[u8]) -> Option<String> {
    let &[information] = value else {
        return None;
    };
    let mut words = match information >> 6 {
        0b00 => "AAC, declined",
        0b01 => "TC, approved",
        0b10 => "ARQC, online authorization requested",
        _ => "reserved",
    }
    .to_owned();
    if information & 0x08 != 0 {
        words.push_str("; advice required");
    }
    words.push_str(match information & 0x07 {
        0 => "",
        1 => "; service not allowed",
        2 => "; PIN try limit exceeded",
        3 => "; issuer authentication failed",
        _ => "; reason reserved",
    });
    Some(words)
}

/// 9F35: who runs the terminal, whether somebody attends it, and whether it goes online.
fn terminal_type(value: &[u8]) -> Option<String> {
    let &[terminal] = value else {
        return None;
    };
    let owner = match terminal >> 4 {
        1 => "financial institution",
        2 => "merchant",
        3 => "cardholder",
        _ => return None,
    };
    let kind = match terminal & 0x0F {
        1 => "attended, online only",
        2 => "attended, offline with online capability",
        3 => "attended, offline only",
        4 => "unattended, online only",
        5 => "unattended, offline with online capability",
        6 => "unattended, offline only",
        _ => return None,
    };
    Some(format!("{owner}, {kind}"))
}

/// 8A: a code of the terminal's own, else DE 39 of the issuer.
fn response_code(value: &[u8]) -> Option<String> {
    let words = match value {
        b"Y1" => "offline approved",
        b"Z1" => "offline declined",
        b"Y2" => "approved after referral",
        b"Z2" => "declined after referral",
        b"Y3" => "unable to go online, offline approved",
        b"Z3" => "unable to go online, offline declined",
        _ => words::response_code(value)?,
    };
    Some(words.to_owned())
}

/// 95, and the action codes that name its bits.
static TVR: [Bit; 29] = [
    Bit(1, 0x80, "offline data authentication was not performed"),
    Bit(1, 0x40, "SDA failed"),
    Bit(1, 0x20, "ICC data missing"),
    Bit(1, 0x10, "card appears on terminal exception file"),
    Bit(1, 0x08, "DDA failed"),
    Bit(1, 0x04, "CDA failed"),
    Bit(1, 0x02, "SDA selected"),
    Bit(
        2,
        0x80,
        "card and terminal have different application versions",
    ),
    Bit(2, 0x40, "expired application"),
    Bit(2, 0x20, "application not yet effective"),
    Bit(2, 0x10, "requested service not allowed for card product"),
    Bit(2, 0x08, "new card"),
    Bit(3, 0x80, "cardholder verification was not successful"),
    Bit(3, 0x40, "unrecognised CVM"),
    Bit(3, 0x20, "PIN try limit exceeded"),
    Bit(3, 0x10, "PIN required, PIN pad not present or not working"),
    Bit(3, 0x08, "PIN required, PIN pad present, PIN not entered"),
    Bit(3, 0x04, "online PIN entered"),
    Bit(4, 0x80, "transaction exceeds floor limit"),
    Bit(4, 0x40, "lower consecutive offline limit exceeded"),
    Bit(4, 0x20, "upper consecutive offline limit exceeded"),
    Bit(4, 0x10, "selected randomly for online processing"),
    Bit(4, 0x08, "merchant forced transaction online"),
    Bit(5, 0x80, "default TDOL used"),
    Bit(5, 0x40, "issuer authentication failed"),
    Bit(5, 0x20, "script processing failed before final GENERATE AC"),
    Bit(5, 0x10, "script processing failed after final GENERATE AC"),
    Bit(5, 0x08, "relay resistance threshold exceeded"),
    Bit(5, 0x04, "relay resistance time limits exceeded"),
];

/// 9B.
static TSI: [Bit; 6] = [
    Bit(1, 0x80, "offline data authentication was performed"),
    Bit(1, 0x40, "cardholder verification was performed"),
    Bit(1, 0x20, "card risk management was performed"),
    Bit(1, 0x10, "issuer authentication was performed"),
    Bit(1, 0x08, "terminal risk management was performed"),
    Bit(1, 0x04, "script processing was performed"),
];

/// 82.
static AIP: [Bit; 9] = [
    Bit(1, 0x40, "SDA supported"),
    Bit(1, 0x20, "DDA supported"),
    Bit(1, 0x10, "cardholder verification supported"),
    Bit(1, 0x08, "terminal risk management to be performed"),
    Bit(1, 0x04, "issuer authentication supported"),
    Bit(1, 0x02, "on-device cardholder verification supported"),
    Bit(1, 0x01, "CDA supported"),
    Bit(2, 0x80, "contactless EMV mode supported"),
    Bit(2, 0x01, "relay resistance protocol supported"),
];

/// 9F33.
static TERMINAL_CAPABILITIES: [Bit; 12] = [
    Bit(1, 0x80, "manual key entry"),
    Bit(1, 0x40, "magnetic stripe"),
    Bit(1, 0x20, "chip with contacts"),
    Bit(2, 0x80, "plaintext PIN for the card"),
    Bit(2, 0x40, "enciphered PIN online"),
    Bit(2, 0x20, "signature"),
    Bit(2, 0x10, "enciphered PIN for the card"),
    Bit(2, 0x08, "no CVM required"),
    Bit(3, 0x80, "SDA"),
    Bit(3, 0x40, "DDA"),
    Bit(3, 0x20, "card capture"),
    Bit(3, 0x08, "CDA"),
];

/// 9F40, without its code tables.
static ADDITIONAL_TERMINAL_CAPABILITIES: [Bit; 17] = [
    Bit(1, 0x80, "cash"),
    Bit(1, 0x40, "goods"),
    Bit(1, 0x20, "services"),
    Bit(1, 0x10, "cashback"),
    Bit(1, 0x08, "inquiry"),
    Bit(1, 0x04, "transfer"),
    Bit(1, 0x02, "payment"),
    Bit(1, 0x01, "administrative"),
    Bit(2, 0x80, "cash deposit"),
    Bit(3, 0x80, "numeric keys"),
    Bit(3, 0x40, "alphabetic and special character keys"),
    Bit(3, 0x20, "command keys"),
    Bit(3, 0x10, "function keys"),
    Bit(4, 0x80, "prints for the attendant"),
    Bit(4, 0x40, "prints for the cardholder"),
    Bit(4, 0x20, "displays to the attendant"),
    Bit(4, 0x10, "displays to the cardholder"),
];

/// 9F07.
static USAGE_CONTROL: [Bit; 10] = [
    Bit(1, 0x80, "domestic cash"),
    Bit(1, 0x40, "international cash"),
    Bit(1, 0x20, "domestic goods"),
    Bit(1, 0x10, "international goods"),
    Bit(1, 0x08, "domestic services"),
    Bit(1, 0x04, "international services"),
    Bit(1, 0x02, "at ATMs"),
    Bit(1, 0x01, "at terminals other than ATMs"),
    Bit(2, 0x80, "domestic cashback"),
    Bit(2, 0x40, "international cashback"),
];

/// 9F66 of four bytes (kernel 3).
static TERMINAL_QUALIFIERS: [Bit; 12] = [
    Bit(1, 0x80, "contactless magnetic stripe supported"),
    Bit(1, 0x20, "contactless EMV supported"),
    Bit(1, 0x10, "contact EMV supported"),
    Bit(1, 0x08, "offline-only reader"),
    Bit(1, 0x04, "online PIN supported"),
    Bit(1, 0x02, "signature supported"),
    Bit(
        1,
        0x01,
        "offline data authentication for online authorizations",
    ),
    Bit(2, 0x80, "online cryptogram required"),
    Bit(2, 0x40, "CVM required"),
    Bit(2, 0x20, "offline PIN of the contact chip supported"),
    Bit(3, 0x80, "issuer update processing supported"),
    Bit(3, 0x40, "consumer device CVM supported"),
];

/// 9F6C (kernel 3).
static CARD_QUALIFIERS: [Bit; 9] = [
    Bit(1, 0x80, "online PIN required"),
    Bit(1, 0x40, "signature required"),
    Bit(1, 0x20, "go online if offline data authentication fails"),
    Bit(
        1,
        0x10,
        "switch interface if offline data authentication fails",
    ),
    Bit(1, 0x08, "go online if the application has expired"),
    Bit(1, 0x04, "switch interface for cash"),
    Bit(1, 0x02, "switch interface for cashback"),
    Bit(2, 0x80, "consumer device CVM performed"),
    Bit(2, 0x40, "issuer update processing supported"),
];

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    #[test]
    fn terminal_verification_results_name_every_bit_that_is_set() {
        insta::assert_snapshot!(
            words(&hex!("95"), &hex!("80 40 04 80 08")).unwrap(),
            @"offline data authentication was not performed; expired application; online PIN \
              entered; transaction exceeds floor limit; relay resistance threshold exceeded"
        );
        assert_eq!(words(&hex!("95"), &[0; 5]).as_deref(), Some("none set"));
    }

    #[test]
    fn each_bit_of_a_table_says_something_else() {
        for table in [
            &TVR[..],
            &TSI,
            &AIP,
            &TERMINAL_CAPABILITIES,
            &ADDITIONAL_TERMINAL_CAPABILITIES,
            &USAGE_CONTROL,
            &TERMINAL_QUALIFIERS,
            &CARD_QUALIFIERS,
        ] {
            for (place, Bit(byte, mask, says)) in table.iter().enumerate() {
                assert_eq!(mask.count_ones(), 1, "{says}");
                for Bit(other_byte, other_mask, other) in &table[place + 1..] {
                    assert_ne!((byte, mask), (other_byte, other_mask), "{says}, {other}");
                    assert_ne!(says, other);
                }
            }
        }
    }

    #[test]
    fn values_of_the_common_tags_in_words() {
        for (tag, value, says) in [
            (
                &hex!("82")[..],
                &hex!("3900")[..],
                Some(
                    "DDA supported; cardholder verification supported; \
                     terminal risk management to be performed; CDA supported",
                ),
            ),
            (
                &hex!("9F34"),
                &hex!("020300"),
                Some("enciphered PIN verified online; if the terminal supports it; unknown"),
            ),
            (
                &hex!("9F34"),
                &hex!("5E0302"),
                Some("signature; if the terminal supports it; successful"),
            ),
            (
                &hex!("9F27"),
                &hex!("80"),
                Some("ARQC, online authorization requested"),
            ),
            (
                &hex!("9F27"),
                &hex!("0A"),
                Some("AAC, declined; advice required; PIN try limit exceeded"),
            ),
            (
                &hex!("9F35"),
                &hex!("22"),
                Some("merchant, attended, offline with online capability"),
            ),
            (&hex!("9F35"), &hex!("07"), None),
            (
                &hex!("9F33"),
                &hex!("E0B8C8"),
                Some(
                    "manual key entry; magnetic stripe; chip with contacts; \
                     plaintext PIN for the card; signature; enciphered PIN for the card; \
                     no CVM required; SDA; DDA; CDA",
                ),
            ),
            (
                &hex!("8A"),
                b"Y3",
                Some("unable to go online, offline approved"),
            ),
            (&hex!("8A"), b"51", Some("not sufficient funds")),
            (
                &hex!("5F30"),
                &hex!("0201"),
                Some("international, chip, normal authorization, no restrictions"),
            ),
            (&hex!("9C"), &hex!("09"), Some("purchase with cashback")),
            (&hex!("9F39"), &hex!("07"), Some("contactless chip")),
            (&hex!("5F2A"), &hex!("0410"), Some("KRW, Won")),
            (&hex!("9F1A"), &hex!("0410"), Some("KR, Korea, Republic of")),
            (&hex!("9F1A"), &hex!("0F10"), None),
        ] {
            assert_eq!(words(tag, value).as_deref(), says, "{tag:02X?}");
        }
    }

    #[test]
    fn secret_unknown_and_misshapen_values_have_no_words() {
        for (tag, value) in [
            (&hex!("5A")[..], &hex!("9999990100000005")[..]),
            (&hex!("57"), &hex!("9999990100000005D30121")),
            (&hex!("5F20"), b"A/B"),
            (&hex!("99"), &hex!("1234")),
            (&hex!("DF01"), &hex!("00")),
            (&hex!("95"), &hex!("80")),
            (&hex!("9F34"), &hex!("")),
            (&hex!("9F26"), &hex!("0102030405060708")),
        ] {
            assert_eq!(words(tag, value), None, "{tag:02X?}");
        }
    }
}
