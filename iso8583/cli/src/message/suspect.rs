//! Which field is probably wrong where another one is refused.
//!
//! A length that is misread moves all that follows; what is refused stands behind it. So each
//! field before the fault, the nearest first, is read otherwise: in another coding, longer,
//! shorter, or not at all. Where the rest of the message then reads to its last byte, that field is
//! the suspect.

use iso8583::spec::{Align, Class, Encoding, Field, Length, Prefix, PrefixCoding};
use iso8583::{Bitmap, DecodeError, DecodeErrorKind, Dialect, Undecodable};

use crate::message::doubts;

/// The field that is probably wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The data element.
    pub de: u8,
    /// What speaks against it. Holds no value.
    pub reason: String,
}

/// Looks for the field that makes a message unreadable. None where no single field explains it,
/// as where the message is cut off.
#[must_use]
pub fn suspect(bytes: &[u8], dialect: &Dialect, fault: &Undecodable) -> Option<Suspect> {
    let before = fields_before(bytes, dialect, &fault.error);
    let nearest = || before.iter().rev().take(FIELDS_MAX);
    let is_variable = |de: u8| {
        let field = dialect.field(de);
        field.is_some_and(|field| matches!(field.length(), Length::Variable { .. }))
    };
    let cut = matches!(fault.error.kind, DecodeErrorKind::Truncated { .. });
    let mut tries = TRIES_MAX;
    let mut resized = |variable: bool| {
        nearest()
            // A last field that is not all there is no longer than it says: the message is cut.
            .filter(|(de, len)| is_variable(*de) == variable && !(cut && len.is_none()))
            .find_map(|(de, len)| resized(bytes, dialect, *de, *len, &mut tries))
    };
    // Another coding explains more than another length and needs less luck; lengths that stand in
    // the message go wrong more often than those both sides have in a table.
    let recoded = nearest().find_map(|(de, _)| recoded(bytes, dialect, *de));
    recoded.or_else(|| resized(true)).or_else(|| resized(false))
}

/// The fields up to the fault, each with the bytes it takes; of the last, which is refused, none.
fn fields_before(bytes: &[u8], dialect: &Dialect, error: &DecodeError) -> Vec<(u8, Option<usize>)> {
    let mut fields = Vec::new();
    let Ok(view) = dialect.scan(bytes, Bitmap::EMPTY) else {
        return fields;
    };
    let last = error.path.data_element().unwrap_or(Bitmap::LAST);
    for de in view.present().iter().take_while(|de| *de <= last) {
        let walked = dialect.scan(bytes, Bitmap::of(&[de]));
        let len = walked.ok().and_then(|view| Some(view.segment(de)?.len()));
        fields.push((de, len));
        if len.is_none() {
            break;
        }
    }
    fields
}

/// Does the message read where the field is coded otherwise?
fn recoded(bytes: &[u8], dialect: &Dialect, de: u8) -> Option<Suspect> {
    let field = dialect.field(de)?;
    let encodings = encodings(field);
    let lengths = lengths(field);
    encodings.iter().find_map(|encoding| {
        lengths.iter().find_map(|length| {
            if (*encoding, *length) == (field.encoding(), field.length()) {
                return None;
            }
            let other = Field::new("", field.class(), *encoding, *length).ok()?;
            if !reads(bytes, dialect, de, other) {
                return None;
            }
            let mut how = Vec::new();
            if *encoding != field.encoding() {
                how.push(format!("its value in {encoding}, not {}", field.encoding()));
            }
            if let (Some(coding), Some(usual)) = (coding(*length), coding(field.length()))
                && coding != usual
            {
                how.push(format!(
                    "its length {}, not {}",
                    named(coding),
                    named(usual)
                ));
            }
            let how = how.join(" and ");
            Some(Suspect {
                de,
                reason: format!("with {how}, the message reads to its end"),
            })
        })
    })
}

/// Does the message read where the field is longer, shorter or not there?
fn resized(
    bytes: &[u8],
    dialect: &Dialect,
    de: u8,
    len: Option<usize>,
    tries: &mut usize,
) -> Option<Suspect> {
    let field = dialect.field(de)?;
    let max = match field.length() {
        Length::Fixed(len) => usize::from(len) * 2,
        Length::Variable { prefix, max } => prefix.width() + usize::from(max) * 2,
    };
    let max = u16::try_from(max.min(bytes.len())).ok()?;
    for wanted in 0..=max {
        if len == Some(usize::from(wanted)) {
            continue;
        }
        *tries = tries.checked_sub(1)?;
        let Ok(other) = Field::new("", Class::B, Encoding::Binary, Length::Fixed(wanted)) else {
            continue;
        };
        if reads(bytes, dialect, de, other) {
            let reason = reason(field, len, wanted);
            return Some(Suspect { de, reason });
        }
    }
    None
}

fn reason(field: &Field, len: Option<usize>, wanted: u16) -> String {
    if wanted == 0 {
        return "without it the message reads to its end: the bitmap announces it, but it seems \
                not to be there"
            .to_owned();
    }
    let variable = matches!(field.length(), Length::Variable { .. });
    let takes = match (len, variable) {
        (Some(len), true) => format!("its length makes it {len} bytes"),
        (Some(len), false) => format!("the dialect makes it {len} bytes"),
        (None, _) => "it cannot be read as it is".to_owned(),
    };
    format!("{takes}; were it {wanted}, the message would read to its end")
}

/// Does the message read, to its end and without doubts, with another field in this place?
fn reads(bytes: &[u8], dialect: &Dialect, de: u8, other: Field) -> bool {
    let changed = dialect.to_builder().field(de, other).build();
    changed.is_ok_and(|dialect| {
        dialect.read(bytes).is_ok()
            && dialect
                .decode(bytes)
                .is_ok_and(|mut message| doubts(message.remove(de)).is_empty())
    })
}

fn encodings(field: &Field) -> Vec<Encoding> {
    let mut all = vec![field.encoding()];
    if field.class() == Class::B {
        all.extend([Encoding::Binary, Encoding::Hex]);
    } else {
        all.extend([Encoding::Ascii, Encoding::BCD]);
        // Digits that are odd in number are padded in every way.
        let packed = [(Align::Left, 0xF), (Align::Left, 0), (Align::Right, 0xF)];
        all.extend(packed.map(|(align, fill)| Encoding::Bcd { align, fill }));
    }
    all
}

fn lengths(field: &Field) -> Vec<Length> {
    let usual = field.length();
    let Length::Variable { prefix, max } = usual else {
        return vec![usual];
    };
    let codings = [PrefixCoding::Ascii, PrefixCoding::Bcd, PrefixCoding::Binary];
    let other = codings.map(|coding| {
        let digits = match coding {
            PrefixCoding::Binary => prefix.digits.div_ceil(2),
            PrefixCoding::Ascii | PrefixCoding::Ebcdic | PrefixCoding::Bcd | PrefixCoding::Hex => {
                prefix.digits
            }
        };
        let prefix = Prefix {
            digits,
            coding,
            ..prefix
        };
        Length::up_to(max, prefix)
    });
    [usual].into_iter().chain(other).collect()
}

const fn coding(length: Length) -> Option<PrefixCoding> {
    match length {
        Length::Variable { prefix, .. } => Some(prefix.coding),
        Length::Fixed(_) => None,
    }
}

const fn named(coding: PrefixCoding) -> &'static str {
    match coding {
        PrefixCoding::Ascii => "in ASCII",
        PrefixCoding::Ebcdic => "in EBCDIC",
        PrefixCoding::Bcd => "packed",
        PrefixCoding::Binary => "binary",
        PrefixCoding::Hex => "in hex",
    }
}

/// Fields that are looked at before the fault.
const FIELDS_MAX: usize = 16;

/// Lengths that are tried in all.
const TRIES_MAX: usize = 4_000;

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// DE 2, 3, 4, 11, 32, 41, 49 of a purchase; the acquirer (DE 32) is 450001.
    fn purchase(acquirer: &[u8]) -> Vec<u8> {
        [
            &hex!("0200 7020000100808000 16 9999990100000005 000000 000000015000 000123")[..],
            acquirer,
            b"TERM0001",
            &hex!("0410"),
        ]
        .concat()
    }

    fn said(bytes: &[u8]) -> Option<String> {
        let dialect = Dialect::iso87_bcd();
        let fault = dialect.decode(bytes).unwrap_err();
        suspect(bytes, dialect, &fault).map(|it| {
            let said = format!("DE {}: {}", it.de, it.reason);
            // As wide as a page.
            said.replace("; ", ";\n")
                .replace(", ", ",\n")
                .replace(": the", ":\nthe")
        })
    }

    #[test]
    fn a_length_in_another_coding_is_found_behind_the_fault_it_made() {
        let bytes = purchase(&hex!("3036 450001"));
        insta::assert_snapshot!(said(&bytes).unwrap(), @r"
        DE 32: with its length in ASCII,
        not packed,
        the message reads to its end
        ");
    }

    #[test]
    fn a_value_in_another_coding_is_found() {
        let bytes = purchase(b"\x06450001");
        insta::assert_snapshot!(said(&bytes).unwrap(), @r"
        DE 32: with its value in ASCII,
        not BCD aligned right,
        filled with 0,
        the message reads to its end
        ");
    }

    #[test]
    fn digits_padded_on_the_other_side_are_found() {
        let bytes = purchase(&hex!("05 45001F"));
        insta::assert_snapshot!(said(&bytes).unwrap(), @r"
        DE 32: with its value in BCD aligned left,
        filled with F,
        not BCD aligned right,
        filled with 0,
        the message reads to its end
        ");
    }

    #[test]
    fn a_length_that_is_wrong_is_found() {
        let bytes = purchase(&hex!("08 450001"));
        insta::assert_snapshot!(said(&bytes).unwrap(), @r"
        DE 32: its length makes it 5 bytes;
        were it 4,
        the message would read to its end
        ");
    }

    #[test]
    fn a_field_that_is_announced_and_not_there_is_found() {
        let bytes = purchase(b"");
        insta::assert_snapshot!(said(&bytes).unwrap(), @r"
        DE 32: without it the message reads to its end:
        the bitmap announces it,
        but it seems not to be there
        ");
    }

    #[test]
    fn a_message_that_is_cut_off_has_no_suspect() {
        let bytes = purchase(&hex!("06 450001"));
        assert!(Dialect::iso87_bcd().decode(&bytes).is_ok());
        assert_eq!(said(&bytes[..bytes.len() - 4]), None);
        assert_eq!(said(&bytes[..5]), None);
    }
}
