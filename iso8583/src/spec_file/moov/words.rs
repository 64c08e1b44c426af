//! The words of moov's specs: encodings, prefixes, types.
//!
//! Source: `specs/builder.go` of moov-io/iso8583 and the packages it names, `encoding` and
//! `prefix`.

use crate::spec::{Align, Class, CodePage, Encoding, PrefixCoding};

/// How a value of a type stands on the wire; None where the two do not go together.
///
/// moov's own table for `EBCDIC` is code page 500 but for the vertical bar.
pub(super) fn shape(kind: &str, encoding: &str, digits: Class) -> Option<(Class, Encoding)> {
    let text = match kind {
        "Numeric" => Class::N,
        "Track2" | "Track3" => Class::Z,
        "String" | "Track1" => Class::Ans,
        "Binary" | "Hex" => {
            return match encoding {
                "Binary" => Some((Class::B, Encoding::Binary)),
                "HexToASCII" => Some((Class::B, Encoding::Hex)),
                _ => None,
            };
        }
        _ => return None,
    };
    let digits = if text == Class::Z { Class::Z } else { digits };
    match encoding {
        "ASCII" | "Binary" => Some((text, Encoding::Ascii)),
        "EBCDIC" => Some((text, Encoding::Ebcdic(CodePage::Cp500))),
        "EBCDIC1047" => Some((text, Encoding::Ebcdic(CodePage::Cp1047))),
        "BCD" => Some((digits, Encoding::BCD)),
        "LBCD" => {
            let align = Align::Left;
            Some((digits, Encoding::Bcd { align, fill: 0 }))
        }
        _ => None,
    }
}

/// A prefix: digits and coding; no digits where the length is fixed.
pub(super) fn prefix(word: &str) -> Option<Option<(u8, PrefixCoding)>> {
    let (coding, letters) = word.split_once('.')?;
    let coding = match coding {
        "ASCII" => PrefixCoding::Ascii,
        "BCD" => PrefixCoding::Bcd,
        "EBCDIC" | "EBCDIC1047" => PrefixCoding::Ebcdic,
        "Binary" => PrefixCoding::Binary,
        "Hex" => PrefixCoding::Hex,
        _ => return None,
    };
    if letters == "Fixed" {
        return Some(None);
    }
    let digits = u8::try_from(letters.len()).ok()?;
    let known = (1..=6).contains(&digits) && letters.bytes().all(|letter| letter == b'L');
    known.then_some(Some((digits, coding)))
}
