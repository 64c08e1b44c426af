//! Which field is probably wrong where another one is refused.
//!
//! A length that is misread moves all that follows; what is refused stands behind it. So each
//! field before the fault is read otherwise: with another length, in another coding, or not at
//! all. Those that make the rest of the message read to its last byte, with values that can be
//! meant, are the suspects; the one that needs the least to be true is named.

use core::ops::Range;

use iso8583::spec::{Align, Class, Encoding, Field, Length, Prefix, PrefixCoding};
use iso8583::{Bitmap, DecodeError, DecodeErrorKind, Dialect, Message, Undecodable};

use crate::input::{Format, as_format};
use crate::message::doubt::{doubts, oddities};
use crate::shown::hex;

/// The field that is probably wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The data element.
    pub de: u8,
    /// Where it starts, with its length, in bytes from the start of the message.
    pub at: usize,
    /// What speaks against it. Holds no value.
    pub reason: String,
}

/// Looks for the field that makes a message unreadable. None where no single field explains it,
/// as where the message is cut off.
#[must_use]
pub fn suspect(bytes: &[u8], dialect: &Dialect, fault: &Undecodable) -> Option<Suspect> {
    let last = fault.error.path.data_element().unwrap_or(Bitmap::LAST);
    let mut fields = walked(bytes, dialect);
    fields.retain(|place| place.de <= last);
    let mut search = Search {
        bytes,
        dialect,
        cut: matches!(fault.error.kind, DecodeErrorKind::Truncated { .. }),
        tries: TRIES_MAX,
        best: None,
    };
    let nearest = || fields.iter().rev();
    nearest().for_each(|place| search.lengthened(place));
    nearest()
        .take(FIELDS_MAX)
        .for_each(|place| search.recoded(place));
    nearest()
        .take(FIELDS_MAX)
        .for_each(|place| search.resized(place));
    search.best.map(|(_, suspect)| suspect)
}

/// Where a field stands.
pub(super) struct Place {
    pub(super) de: u8,
    pub(super) start: usize,
    /// The bytes it takes, with its length; None where it cannot be told.
    pub(super) len: Option<usize>,
}

/// The fields as far as their lengths lead. Only the last may be one of which that cannot be told.
pub(super) fn walked(bytes: &[u8], dialect: &Dialect) -> Vec<Place> {
    let mut places = Vec::new();
    let Ok(view) = dialect.scan(bytes, Bitmap::EMPTY) else {
        return places;
    };
    for de in view.present().iter() {
        match dialect.scan(bytes, Bitmap::of(&[de])) {
            Ok(walked) => {
                if let Some(Range { start, end }) = walked.segment(de) {
                    let len = Some(end - start);
                    places.push(Place { de, start, len });
                }
            }
            Err(DecodeError { offset: start, .. }) => {
                let len = None;
                places.push(Place { de, start, len });
                break;
            }
        }
    }
    places
}

/// The readings that were tried, and the best of them with what it costs to believe in it.
struct Search<'a> {
    bytes: &'a [u8],
    dialect: &'a Dialect,
    /// Does the message end too early?
    cut: bool,
    tries: usize,
    best: Option<(usize, Suspect)>,
}

impl Search<'_> {
    /// Of suspects that cost the same, the first is kept: the nearest to the fault.
    fn suspects(&mut self, place: &Place, cost: usize, reason: String) {
        if self.best.as_ref().is_none_or(|(best, _)| cost < *best) {
            let &Place { de, start: at, .. } = place;
            self.best = Some((cost, Suspect { de, at, reason }));
        }
    }

    /// Could a reading that costs so much still be the best? Counts as a try.
    fn is_worth(&mut self, cost: usize) -> bool {
        let worth = self.best.as_ref().is_none_or(|(best, _)| cost < *best);
        worth
            && self.tries.checked_sub(1).is_some_and(|left| {
                self.tries = left;
                true
            })
    }

    /// The field in another coding: its value, its length or both.
    fn recoded(&mut self, place: &Place) {
        let Some(field) = self.dialect.field(place.de) else {
            return;
        };
        for encoding in encodings(field) {
            for length in lengths(field) {
                if (encoding, length) == (field.encoding(), field.length())
                    || !self.is_worth(RECODED)
                {
                    continue;
                }
                let Ok(other) = Field::new("", field.class(), encoding, length) else {
                    continue;
                };
                if let Some(odd) = self.with_field(place.de, other).as_ref().and_then(strange) {
                    let how = how_recoded(field, encoding, length);
                    let reason = format!("with {how}, the message reads to its end");
                    self.suspects(place, RECODED + odd, reason);
                }
            }
        }
    }

    /// A field that says its length, as if it said another: the nearest to what it says first.
    fn lengthened(&mut self, place: &Place) {
        let Some(Length::Variable { prefix, max }) =
            self.dialect.field(place.de).map(Field::length)
        else {
            return;
        };
        let head = place.start..place.start + prefix.width();
        let said = self
            .bytes
            .get(head.clone())
            .and_then(|it| number(it, prefix.coding));
        // The number may count bytes, characters or half bytes.
        let room = self.bytes.len().saturating_sub(head.end);
        let most = usize::from(max).min(room).saturating_mul(2);
        let most = most.min(prefix.capacity());
        let mut wanted: Vec<usize> = (0..=most).filter(|it| Some(*it) != said).collect();
        wanted.sort_by_key(|it| it.abs_diff(said.unwrap_or(0)));
        for wanted in wanted {
            let change = said.map_or(UNREADABLE, |said| said.abs_diff(wanted));
            // What a cut leaves of a last field may be a good deal shorter.
            if self.cut && place.len.is_none() && change > CUT_MAX {
                return;
            }
            let cost = change.min(UNREADABLE);
            if !self.is_worth(cost) {
                return;
            }
            let Some(odd) = self
                .with_length(&head, prefix, wanted)
                .as_ref()
                .and_then(strange)
            else {
                continue;
            };
            let says = match said {
                Some(said) => format!("its length says {said}"),
                None => "its length is no number".to_owned(),
            };
            let reason = format!("{says}; were it {wanted}, the message would read to its end");
            self.suspects(place, cost + odd, reason);
        }
    }

    /// A field not there at all, or of another length than the dialect's.
    fn resized(&mut self, place: &Place) {
        let Some(Length::Fixed(usual)) = self.dialect.field(place.de).map(Field::length) else {
            return self.resized_to(place, 0, ABSENT);
        };
        let most = match place.len {
            Some(len) => u16::try_from(len * 2).unwrap_or(u16::MAX),
            // What is not all there is no longer than it says: the message is cut.
            None if self.cut => 0,
            None => usual.saturating_mul(2),
        };
        for wanted in 0..=most {
            let change = place.len.unwrap_or_default().abs_diff(usize::from(wanted));
            let cost = if wanted == 0 { ABSENT } else { FIXED + change };
            if change > 0 && self.is_worth(cost) {
                self.resized_to(place, wanted, cost);
            }
        }
    }

    fn resized_to(&mut self, place: &Place, wanted: u16, cost: usize) {
        let length = Length::Fixed(wanted);
        let Ok(other) = Field::new("", Class::B, Encoding::Binary, length) else {
            return;
        };
        let read = self.with_field(place.de, other).map(|mut message| {
            // Any bytes will do there.
            message.remove(place.de);
            message
        });
        let Some(odd) = read.as_ref().and_then(strange) else {
            return;
        };
        let reason = match (wanted, place.len) {
            (0, _) => "without it the message reads to its end: the bitmap announces it, but it \
                       seems not to be there"
                .to_owned(),
            (_, Some(len)) => format!(
                "the dialect makes it {len} bytes; were it {wanted}, the message would read to \
                 its end"
            ),
            (_, None) => format!(
                "it cannot be read as it is; were it {wanted} bytes, the message would read to \
                 its end"
            ),
        };
        self.suspects(place, cost + odd, reason);
    }

    /// The message with another field in its place.
    fn with_field(&self, de: u8, other: Field) -> Option<Message> {
        let changed = self.dialect.to_builder().field(de, other).build().ok()?;
        changed.read(self.bytes).ok()?.to_message().ok()
    }

    /// The message with another length before a field.
    fn with_length(&self, head: &Range<usize>, prefix: Prefix, wanted: usize) -> Option<Message> {
        let mut changed = self.bytes.to_vec();
        changed
            .get_mut(head.clone())?
            .copy_from_slice(&spelled(wanted, prefix)?);
        self.dialect.read(&changed).ok()?.to_message().ok()
    }
}

/// What values that are odd cost; None where one can hardly be meant.
fn strange(message: &Message) -> Option<usize> {
    let fine = doubts(message).is_empty();
    fine.then(|| oddities(message).len() * ODD)
}

/// The number that a length is.
fn number(head: &[u8], coding: PrefixCoding) -> Option<usize> {
    let text = match coding {
        PrefixCoding::Ascii => core::str::from_utf8(head).ok()?.to_owned(),
        PrefixCoding::Ebcdic => {
            let digit = |byte: &u8| char::from(byte.wrapping_sub(0xF0 - b'0'));
            head.iter().map(digit).collect()
        }
        PrefixCoding::Bcd => hex(head),
        PrefixCoding::Binary => return usize::from_str_radix(&hex(head), 16).ok(),
        PrefixCoding::Hex => {
            return usize::from_str_radix(core::str::from_utf8(head).ok()?, 16).ok();
        }
    };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// A number as a length on the wire; None where it has no room there.
fn spelled(number: usize, prefix: Prefix) -> Option<Vec<u8>> {
    let width = prefix.width();
    let text = match prefix.coding {
        PrefixCoding::Ascii | PrefixCoding::Ebcdic => format!("{number:0width$}"),
        PrefixCoding::Bcd => format!("{number:0width$}", width = width * 2),
        PrefixCoding::Binary => format!("{number:0width$X}", width = width * 2),
        PrefixCoding::Hex => format!("{number:0width$X}"),
    };
    let spelled = match prefix.coding {
        PrefixCoding::Ascii | PrefixCoding::Hex => text.into_bytes(),
        PrefixCoding::Ebcdic => text.bytes().map(|digit| digit + (0xF0 - b'0')).collect(),
        PrefixCoding::Bcd | PrefixCoding::Binary => {
            as_format(text.as_bytes(), Format::Hex).ok()?.bytes
        }
    };
    (spelled.len() == width).then_some(spelled)
}

fn how_recoded(field: &Field, encoding: Encoding, length: Length) -> String {
    let mut how = Vec::new();
    if encoding != field.encoding() {
        how.push(format!("its value in {encoding}, not {}", field.encoding()));
    }
    if let Some((coding, usual)) = coding(length).zip(coding(field.length()))
        && coding != usual
    {
        how.push(format!(
            "its length {}, not {}",
            named(coding),
            named(usual)
        ));
    }
    how.join(" and ")
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

/// Fields before the fault that are tried in other shapes; other lengths are tried of all.
const FIELDS_MAX: usize = 16;

/// Readings that are tried in all.
const TRIES_MAX: usize = 4_000;

// What it costs to believe in a reading. A length that stands in the message costs as much as it
// is changed; those both sides have in a table go wrong less often, and a coding explains more
// than a length that is far off.
/// Another coding.
const RECODED: usize = 3;
/// A field that is announced and not there.
const ABSENT: usize = 6;
/// A length that is no number, or so far off that it is none.
const UNREADABLE: usize = 8;
/// Another length than that of the dialect's table, beside what it is changed by.
const FIXED: usize = 9;
/// A value that is odd. What all readings have in common decides nothing.
const ODD: usize = 2;

/// Of a last field that is not all there, a length is wrong by so much at most; else it is cut.
const CUT_MAX: usize = 2;

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
        DE 32: its length says 8;
        were it 6,
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

    /// Changes every length that stands in a message by -2 to 2, where that makes it unreadable,
    /// and gives how often the right field is named, of how many, and what was said else.
    fn measured(good: &[u8], dialect: &Dialect) -> (usize, usize, Vec<String>) {
        let (mut right, mut refused, mut wrong) = (0, 0, Vec::new());
        let view = dialect.read(good).unwrap();
        for de in view.present().iter() {
            let Length::Variable { prefix, .. } = dialect.field(de).unwrap().length() else {
                continue;
            };
            let start = view.segment(de).unwrap().start;
            let head = start..start + prefix.width();
            let said = number(&good[head.clone()], prefix.coding).unwrap();
            for changed in said.saturating_sub(2)..=said + 2 {
                let mut bytes = good.to_vec();
                bytes[head.clone()].copy_from_slice(&spelled(changed, prefix).unwrap());
                let Err(fault) = dialect.decode(&bytes) else {
                    continue;
                };
                refused += 1;
                match suspect(&bytes, dialect, &fault) {
                    Some(found) if found.de == de => right += 1,
                    found => wrong.push(format!("DE {de} {said} to {changed}: {found:?}")),
                }
            }
        }
        (right, refused, wrong)
    }

    /// Of the golden messages in every dialect of 1987: when this was written, all 400 were named.
    #[test]
    fn of_lengths_that_are_a_little_wrong_nearly_all_are_named() {
        let golden = include_str!("../../../../tests/vectors/golden-messages.json");
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        let (mut right, mut refused, mut wrong) = (0, 0, Vec::new());
        let mut measure = |good: &[u8], dialect| {
            let (named, all, others) = measured(good, dialect);
            (right, refused) = (right + named, refused + all);
            wrong.extend(others);
        };
        for golden in golden["messages"].as_array().unwrap() {
            let text = golden["hex"].as_str().unwrap();
            let good = as_format(text.as_bytes(), Format::Hex).unwrap().bytes;
            match golden["profile"].as_str().unwrap() {
                "ascii" => measure(&good, Dialect::iso87_ascii()),
                "ascii_binmap" => measure(&good, Dialect::iso87_ascii_binmap()),
                _ => {
                    measure(&good, Dialect::iso87_bcd());
                    let message = Dialect::iso87_bcd().decode(&good).unwrap();
                    for dialect in [Dialect::iso87_ebcdic(), Dialect::iso87_ebcdic_hex()] {
                        let mut wire = bytes::BytesMut::new();
                        dialect.encode(&message, &mut wire).unwrap();
                        measure(&wire, dialect);
                    }
                }
            }
        }
        let wrong = wrong.join("\n");
        assert_eq!(refused, 400);
        assert!(right * 100 >= refused * 95, "{right} of {refused}\n{wrong}");
    }

    #[test]
    fn a_message_that_is_cut_off_has_no_suspect() {
        let bytes = purchase(&hex!("06 450001"));
        assert!(Dialect::iso87_bcd().decode(&bytes).is_ok());
        assert_eq!(said(&bytes[..bytes.len() - 4]), None);
        assert_eq!(said(&bytes[..5]), None);
    }
}
