//! Which bytes of a message that cannot be read may not be seen.
//!
//! As far as the message was walked in step, its fields are known, and each shows what it may. From
//! there on no one can tell where a field is: digits that could be a card number are secret, and
//! where a field that is secret is still to come, all is.

use core::iter;
use core::ops::Range;

use iso8583::composite::Composite;
use iso8583::spec::{Align, BitmapForm, Encoding, Field, Length, MtiCoding, Visibility};
use iso8583::{
    Bitmap, DecodeError, DecodeErrorKind, Dialect, Message, Path, Undecodable, hidden_digits,
};

use crate::message::doubt::{doubts, is_confirmed, oddities};
use crate::message::suspect::{Place, Suspect, walked};
use crate::shown::{hex, is_amount};

/// What of a message that cannot be read may not be seen.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Of its bytes, ranges in any order.
    pub bytes: Vec<Range<usize>>,
    /// Of the fields that were read from it, those that may be others.
    pub fields: Vec<u8>,
}

impl Secrets {
    /// Finds them, with the field that is probably at fault where there is one.
    #[must_use]
    pub fn of(
        bytes: &[u8],
        dialect: &Dialect,
        fault: &Undecodable,
        suspect: Option<&Suspect>,
    ) -> Self {
        let places = walked(bytes, dialect);
        let Some(trust) = trust(bytes, dialect, &places, fault, suspect) else {
            return Self {
                bytes: iter::once(0..bytes.len()).collect(),
                fields: places.iter().map(|place| place.de).collect(),
            };
        };
        let (known, rest) = places.split_at(trust.fields.min(places.len()));
        let mut secret = Vec::new();
        for place in known {
            of_field(bytes, dialect, place, &mut secret);
            if fault.error.path.data_element() == Some(place.de) {
                of_faulty_field(bytes, dialect, place, &mut secret);
            }
        }
        let start = match (rest.first(), known.last()) {
            (Some(next), _) if trust.next_is_there => next.start + width(dialect.field(next.de)),
            // Where nothing speaks for the first field, nothing does for a second map of fields.
            (Some(_), None) => first_map_end(dialect),
            (Some(next), Some(_)) => next.start,
            (None, Some(last)) => last.start + last.len.unwrap_or(0),
            (None, None) => fault.error.offset,
        };
        let start = start.min(bytes.len());
        let strays = strays(bytes, &secret, start);
        // What is behind the last field may be the end of any.
        let from = rest.first().map_or(0, |place| place.de);
        let mut to_come = announced(bytes, dialect).iter().filter(|de| *de >= from);
        if to_come.any(|de| is_secret(dialect, de)) {
            secret.push(start..bytes.len());
        } else {
            let behind = bytes.get(start..).unwrap_or_default();
            secret.extend(
                digit_runs(behind)
                    .into_iter()
                    .map(|run| shifted(run, start)),
            );
        }
        let has_stray = |place: &&Place| {
            let end = place.start + place.len.unwrap_or(0);
            let mut strays = strays.iter();
            strays.any(|stray| stray.start < end && place.start < stray.end)
        };
        let fields = rest.iter().chain(known.iter().filter(has_stray));
        let fields = fields.map(|place| place.de).collect();
        secret.extend(strays);
        Self {
            bytes: secret,
            fields,
        }
    }
}

/// The byte that a fault is about: of a wrong character its own, else the first of the field.
#[must_use]
pub fn byte_at_fault(bytes: &[u8], dialect: &Dialect, error: &DecodeError) -> usize {
    let place = || {
        let (Path::Field(de), DecodeErrorKind::Class { position, .. }) = (&error.path, &error.kind)
        else {
            return None;
        };
        let view = dialect.scan(bytes, Bitmap::of(&[*de])).ok()?;
        let value = view.value(*de)?;
        let before = position.checked_sub(1)?;
        let behind = match value.field().encoding() {
            Encoding::Ascii | Encoding::Ebcdic(_) => before,
            // Digits that are odd in number stand behind a filler, or before one.
            Encoding::Bcd {
                align: Align::Right,
                ..
            } => (before + value.len() % 2) / 2,
            Encoding::Bcd { .. } => before / 2,
            Encoding::EucKr | Encoding::Binary | Encoding::Hex | Encoding::EbcdicHex => {
                return None;
            }
        };
        Some(value.offset() + behind)
    };
    place().unwrap_or(error.offset)
}

/// How far the walk can be believed.
struct Trust {
    /// So many fields are what they are taken for.
    fields: usize,
    /// Does the next one start where the last of them ends, whatever is wrong with it?
    next_is_there: bool,
}

/// None where not even what stands before the fields can be believed.
fn trust(
    bytes: &[u8],
    dialect: &Dialect,
    places: &[Place],
    fault: &Undecodable,
    suspect: Option<&Suspect>,
) -> Option<Trust> {
    let partial = fault.partial.as_ref()?;
    let first = places
        .first()
        .map_or(fault.error.offset, |place| place.start);
    let head = bytes.get(..first)?;
    let is_head = |path: &Path| matches!(path, Path::Mti | Path::Bitmap);
    if is_head(&fault.error.path)
        || doubts(partial).iter().any(|doubt| is_head(&doubt.place))
        || dialect.bitmap().form == BitmapForm::Binary && is_digits(head)
    {
        return None;
    }
    let trust = in_step(bytes, dialect, places, (fault, partial), suspect)?;
    // A card number is no message of 1987: none starts with 0.
    let could_be_card = !partial.mti().as_bytes().starts_with(b"0")
        && (is_digits(head) || is_digits(hex(head).as_bytes()));
    (trust.fields > 0 || !could_be_card).then_some(trust)
}

fn in_step(
    bytes: &[u8],
    dialect: &Dialect,
    places: &[Place],
    (fault, partial): (&Undecodable, &Message),
    suspect: Option<&Suspect>,
) -> Option<Trust> {
    if suspect.is_none() && only_one_is_faulty(bytes, dialect, &fault.error) {
        return Some(Trust {
            fields: places.len(),
            next_is_there: false,
        });
    }
    let index = |de| places.iter().position(|place| place.de == de);
    let at_fault = fault.error.path.data_element().and_then(index);
    let at_suspect = suspect.and_then(|suspect| index(suspect.de));
    let limit = at_fault
        .into_iter()
        .chain(at_suspect)
        .min()
        .unwrap_or(places.len());
    // These are the first to be odd where a field before them is not announced.
    let (doubts, odd) = (doubts(partial), oddities(partial));
    let is_doubted = |place: &Place| {
        let path = Path::Field(place.de);
        let is_odd = matches!(place.de, 3 | 35) && odd.contains(&place.de);
        is_odd || doubts.iter().any(|doubt| doubt.place == path)
    };
    // A suspect that says its own length explains what is doubted from there on.
    let is_explained = |at: usize| {
        let says_length = at_suspect == Some(at)
            && places
                .get(at)
                .is_some_and(|it| width(dialect.field(it.de)) > 0);
        at > limit || says_length
    };
    let doubted = places
        .iter()
        .position(is_doubted)
        .filter(|at| !is_explained(*at));
    let Some(doubted) = doubted else {
        return Some(Trust {
            fields: limit,
            next_is_there: at_fault != Some(limit) || is_length(&fault.error.kind),
        });
    };
    // The walk went out of step behind the last value that was surely right.
    let confirmed = places.get(..doubted)?.iter().rposition(|place| {
        let value = partial.field(place.de);
        value.is_some_and(|value| is_confirmed(place.de, value))
    });
    Some(Trust {
        fields: confirmed.map_or(0, |confirmed| confirmed + 1),
        next_is_there: false,
    })
}

/// Can the length of the field that is wrong be one? Else it may be a part of a secret.
const fn is_length(kind: &DecodeErrorKind) -> bool {
    !matches!(
        kind,
        DecodeErrorKind::LengthNotDecimal
            | DecodeErrorKind::LengthNotHex
            | DecodeErrorKind::OddNibbles { .. }
            | DecodeErrorKind::TooLong { .. }
    )
}

/// Do the lengths lead to the last byte, and are all fields but the one at fault what they should
/// be? Then it alone is wrong.
fn only_one_is_faulty(bytes: &[u8], dialect: &Dialect, error: &DecodeError) -> bool {
    let Ok(view) = dialect.index(bytes) else {
        return false;
    };
    let mut message = Message::new(view.mti());
    let mut scratch = vec![0; bytes.len() * 3];
    for (de, value) in view.values() {
        match value.reveal(&mut scratch) {
            _ if error.path.data_element() == Some(de) => {}
            Ok(value) => {
                message.set(de, value);
            }
            Err(_) => return false,
        }
    }
    doubts(&message).is_empty()
}

fn announced(bytes: &[u8], dialect: &Dialect) -> Bitmap {
    let view = dialect.scan(bytes, Bitmap::EMPTY);
    view.map_or(Bitmap::EMPTY, |view| view.present())
}

fn first_map_end(dialect: &Dialect) -> usize {
    let mti = match dialect.mti() {
        MtiCoding::Ascii | MtiCoding::Ebcdic => 4,
        MtiCoding::Bcd => 2,
    };
    let map = match dialect.bitmap().form {
        BitmapForm::Binary => 8,
        BitmapForm::Hex | BitmapForm::EbcdicHex => 16,
    };
    dialect.lead().len() + mti + map
}

fn is_digits(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| ascii(*byte).is_ascii_digit())
}

/// Is a data element, or a part of it, never seen in full? What is not known is not either.
fn is_secret(dialect: &Dialect, de: u8) -> bool {
    dialect
        .field(de)
        .is_none_or(|field| field.visibility() != Visibility::Shown || field.content().is_some())
}

fn width(field: Option<&Field>) -> usize {
    match field.map(Field::length) {
        Some(Length::Variable { prefix, .. }) => prefix.width(),
        Some(Length::Fixed(_)) | None => 0,
    }
}

const fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// The secrets of a field that is what it is taken for. Its length is none.
fn of_field(bytes: &[u8], dialect: &Dialect, place: &Place, secret: &mut Vec<Range<usize>>) {
    let field = dialect.field(place.de);
    let start = place.start + width(field);
    let end = place.len.map_or(bytes.len(), |len| place.start + len);
    let content = bytes.get(start..end).unwrap_or_default();
    match field.map(|field| (field, field.visibility(), field.content())) {
        Some((field, _, Some(composite))) => {
            let inside = of_composite(field, composite, content);
            secret.extend(inside.into_iter().map(|range| shifted(range, start)));
        }
        Some((field, Visibility::Shown, None)) => {
            if !is_amount(field) {
                let cards = card_numbers(field.encoding(), content);
                secret.extend(cards.into_iter().map(|range| shifted(range, start)));
            }
        }
        Some((_, Visibility::Partly | Visibility::Never, None)) | None => secret.push(start..end),
    }
}

/// Digits of a field that could be a card number but for the fault.
fn of_faulty_field(bytes: &[u8], dialect: &Dialect, place: &Place, secret: &mut Vec<Range<usize>>) {
    let field = dialect.field(place.de);
    let start = place.start + width(field);
    let end = place.len.map_or(bytes.len(), |len| place.start + len);
    if !field.is_some_and(is_amount) {
        let content = bytes.get(start..end).unwrap_or_default();
        let text: Vec<u8> = content.iter().map(|byte| ascii(*byte)).collect();
        let parts = runs(&text, b" -", CARD_PART).into_iter();
        secret.extend(parts.map(|part| shifted(part, start)));
    }
}

/// All but the subfields that may be seen, with their names. All where one of them is wrong: what
/// follows may be part of it.
fn of_composite(field: &Field, composite: &Composite, content: &[u8]) -> Vec<Range<usize>> {
    let all = iter::once(0..content.len()).collect();
    if !matches!(field.encoding(), Encoding::Ascii | Encoding::Binary) {
        return all;
    }
    let mut secret = Vec::new();
    let mut at = 0;
    for item in composite.items(content) {
        let Ok(item) = item else { return all };
        let known = item.name() != "unknown";
        let shown = known && item.inner().is_none() && item.visibility() == Visibility::Shown;
        let head = if known {
            item.whole.start
        } else {
            item.whole.end
        };
        secret.push(at..head);
        if shown {
            let value = content.get(item.content.clone()).unwrap_or_default();
            let cards = card_numbers(Encoding::Binary, value).into_iter();
            secret.extend(cards.map(|range| shifted(range, item.content.start)));
        } else {
            secret.push(item.content);
        }
        at = item.whole.end;
    }
    secret.push(at..content.len());
    secret
}

/// The digits of card numbers that may not be seen, as bytes on the wire.
pub(crate) fn card_numbers(encoding: Encoding, content: &[u8]) -> Vec<Range<usize>> {
    let packed = matches!(encoding, Encoding::Bcd { .. } | Encoding::Binary);
    let text: Vec<u8> = content.iter().map(|byte| ascii(*byte)).collect();
    let mut found = ranges(&hidden_digits(&text));
    if packed {
        let digits = ranges(&hidden_digits(hex(content).as_bytes()));
        found.extend(digits.into_iter().map(|range| bytes_of(&range)));
    }
    found
}

/// Runs of digits that could be a card number or a track of one, in ASCII, EBCDIC or packed.
fn digit_runs(bytes: &[u8]) -> Vec<Range<usize>> {
    let text: Vec<u8> = bytes.iter().map(|byte| ascii(*byte)).collect();
    let mut found = runs(&text, b" -=D^", CARD_MIN);
    let packed = runs(hex(bytes).as_bytes(), b"D", CARD_MIN)
        .into_iter()
        .map(|run| bytes_of(&run));
    // Digits in ASCII are packed ones twice over, with half a neighbour at either end.
    let is_text = |run: &Range<usize>| bytes.get(run.start + 1..run.end - 1).is_some_and(is_digits);
    found.extend(packed.filter(|run| !is_text(run)));
    found
}

/// Card numbers and tracks that lie across fields which are taken for others, also where they reach
/// into what is behind, from `end` on.
fn strays(bytes: &[u8], secret: &[Range<usize>], end: usize) -> Vec<Range<usize>> {
    let mut text: Vec<u8> = bytes.iter().map(|byte| ascii(*byte)).collect();
    for range in secret {
        text.get_mut(range.clone()).unwrap_or_default().fill(0);
    }
    let mut found = ranges(&hidden_digits(&text));
    for run in runs(&text, b"=", CARD_MIN) {
        let mut places = text.iter().enumerate().skip(run.start);
        let separator = places.find_map(|(at, byte)| (*byte == b'=').then_some(at));
        // Of a number that has more digits behind, those before are none that are hidden.
        if let Some(separator) = separator.filter(|at| *at <= end + CARD_MIN && *at < run.end) {
            found.push(run.start.max(separator.saturating_sub(CARD_MAX))..run.end);
        }
    }
    found
}

/// Runs of at least so many digits, single links between them.
fn runs(text: &[u8], links: &[u8], min: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut digits, mut linked) = (0, 0, true);
    for (at, byte) in text.iter().chain(b".").enumerate() {
        if byte.is_ascii_digit() {
            if digits == 0 {
                start = at;
            }
            (digits, linked) = (digits + 1, false);
        } else if !linked && links.contains(byte) {
            linked = true;
        } else {
            if digits >= min {
                found.push(start..at);
            }
            (digits, linked) = (0, true);
        }
    }
    found
}

fn ranges(flags: &[bool]) -> Vec<Range<usize>> {
    let set = flags.iter().enumerate().filter(|(_, flag)| **flag);
    set.map(|(at, _)| at..at + 1).collect()
}

/// The bytes of which a range of hex digits is part.
const fn bytes_of(digits: &Range<usize>) -> Range<usize> {
    digits.start / 2..digits.end.div_ceil(2)
}

/// A digit or what links digits as ASCII; other bytes as they are.
const fn ascii(byte: u8) -> u8 {
    match byte {
        0xF0..=0xF9 => byte & 0x3F,
        0x40 => b' ',
        0x60 => b'-',
        0x7E => b'=',
        0xC4 => b'D',
        other => other,
    }
}

/// Card numbers have more digits.
const CARD_MIN: usize = 12;
/// And no more than these.
const CARD_MAX: usize = 19;
/// What one wrong character leaves of a card number in one piece has more digits.
const CARD_PART: usize = 5;

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use hex_literal::hex;

    use super::*;
    use crate::message::suspect;
    use crate::shown::Shown;

    fn dialects() -> [&'static Dialect; 5] {
        [
            Dialect::iso87_ascii(),
            Dialect::iso87_ascii_binmap(),
            Dialect::iso87_bcd(),
            Dialect::iso87_ebcdic(),
            Dialect::iso87_ebcdic_hex(),
        ]
    }

    fn sale() -> Message {
        let mut sale = Message::new(iso8583::Mti::FINANCIAL_REQUEST);
        sale.set(2, b"9999990100000005")
            .set(3, b"000000")
            .set(4, b"000000015000")
            .set(7, b"0315023015")
            .set(11, b"000123")
            .set(12, b"113015")
            .set(13, b"0315")
            .set(14, b"3012")
            .set(32, b"450001")
            .set(35, b"9999990100000005=30121010000000000000")
            .set(37, b"607411000123")
            .set(41, b"TERM0001")
            .set(43, b"CARD 9999-9901-0000-0005             KOR")
            .set(48, b"PAN=9999990100000005;CVV=123")
            .set(49, b"410")
            .set(52, &hex!("DEF247F82B55A358"))
            .set(
                55,
                &hex!("9F0206000000015000 5A089999990100000005 9F1A020410"),
            );
        sale
    }

    fn written(message: &Message, dialect: &Dialect) -> Vec<u8> {
        let mut wire = BytesMut::new();
        dialect.encode(message, &mut wire).unwrap();
        wire.to_vec()
    }

    /// Where the secrets of a message are, which no dump of what is left of it may show.
    fn places(bytes: &[u8], dialect: &Dialect) -> Vec<(u8, Range<usize>)> {
        let view = dialect.index(bytes).unwrap();
        [2, 14, 35, 48, 52]
            .into_iter()
            .map(|de| {
                let value = view.value(de).unwrap();
                let start = value.offset();
                (de, start..start + value.reveal_wire().len())
            })
            .chain([(55, {
                // The card number in the tag 5A, which is bytes or hex.
                let value = view.value(55).unwrap();
                let scale = value.reveal_wire().len() / value.len();
                let start = value.offset() + 11 * scale;
                start..start + 8 * scale
            })])
            .chain([(43, {
                // Digits in the middle of the card number in the text.
                let start = view.value(43).unwrap().offset();
                start + 12..start + 14
            })])
            .collect()
    }

    /// Which bytes of a faulty message are seen. None of its fields may be read as a secret.
    fn seen(bytes: &[u8], dialect: &Dialect) -> Option<Vec<bool>> {
        let fault = dialect.decode(bytes).err()?;
        let suspect = suspect(bytes, dialect, &fault);
        let secrets = Secrets::of(bytes, dialect, &fault, suspect.as_ref());
        if let Some(partial) = &fault.partial {
            let shown = Shown::new(dialect, partial, false).hiding(&secrets.fields);
            let shown = shown.json().to_string();
            for secret in ["9990100", "=3012", "CVV=1", "DEF247"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        let is_secret = |at: &usize| secrets.bytes.iter().any(|range| range.contains(at));
        Some((0..bytes.len()).map(|at| !is_secret(&at)).collect())
    }

    #[test]
    fn a_message_cut_anywhere_shows_no_secret() {
        for dialect in dialects() {
            let good = written(&sale(), dialect);
            let places = places(&good, dialect);
            // Packed digits have the most in a byte.
            let step = if dialect.mti() == MtiCoding::Bcd {
                1
            } else {
                7
            };
            for end in (0..good.len()).step_by(step) {
                let seen = seen(&good[..end], dialect).unwrap();
                for (de, place) in &places {
                    let shown = place.clone().filter(|at| seen.get(*at) == Some(&true));
                    assert_eq!(shown.count(), 0, "{} cut at {end}: DE {de}", dialect.name());
                }
            }
        }
    }

    #[test]
    fn a_message_cut_in_a_secret_shows_all_other_fields_before() {
        for dialect in dialects() {
            let good = written(&sale(), dialect);
            let view = dialect.read(&good).unwrap();
            for cut in [2, 35, 52, 55] {
                let end = view.segment(cut).unwrap().end - 3;
                let seen = seen(&good[..end], dialect).unwrap();
                let first = view.segment(2).unwrap().start;
                let name = dialect.name();
                assert!(seen[..first].iter().all(|it| *it), "{name} {cut}: head");
                for de in [3, 4, 7, 11, 12, 13, 32, 37, 41, 49] {
                    let segment = view.segment(de).unwrap();
                    if segment.end <= view.segment(cut).unwrap().start {
                        assert!(seen[segment].iter().all(|it| *it), "{name} {cut}: DE {de}");
                    }
                }
            }
        }
    }

    /// A length or a bit of the bitmap that is wrong: bytes stay where they are, and are taken for
    /// other fields.
    #[test]
    fn a_message_out_of_step_shows_no_secret() {
        for dialect in dialects() {
            let good = written(&sale(), dialect);
            let places = places(&good, dialect);
            let view = dialect.read(&good).unwrap();
            let heads = [2, 32, 35, 48, 55].map(|de| {
                let start = view.segment(de).unwrap().start;
                start..view.value(de).unwrap().offset()
            });
            let bitmap = 0..view.segment(2).unwrap().start;
            for at in heads.into_iter().chain([bitmap]).flatten() {
                for bit in 0..8 {
                    let mut bytes = good.clone();
                    bytes[at] ^= 1 << bit;
                    let Some(seen) = seen(&bytes, dialect) else {
                        continue;
                    };
                    for (de, place) in &places {
                        let shown = place.clone().filter(|at| seen[*at]).count();
                        assert_eq!(shown, 0, "{} byte {at} bit {bit}: DE {de}", dialect.name());
                    }
                }
            }
        }
    }

    #[test]
    fn a_card_number_that_reads_as_type_and_bitmap_is_secret() {
        for (dialect, bytes) in [
            (
                Dialect::iso87_bcd(),
                &hex!("2223 0000 4841 0005 3012 99")[..],
            ),
            (Dialect::iso87_ascii_binmap(), b"2223000048410005=3012"),
            (Dialect::iso87_ascii(), b"2223000048410005301299"),
        ] {
            let seen = seen(bytes, dialect).unwrap();
            assert!(!seen.contains(&true), "{}", dialect.name());
        }
    }

    /// Read as of 1993, the track starts in DE 22, and its card number ends in DE 32.
    #[test]
    fn a_track_that_starts_in_fields_and_ends_behind_them_is_secret() {
        let mut sale = sale();
        for de in [2, 13, 14, 37] {
            sale.remove(de);
        }
        sale.set(18, b"5945").set(22, b"051").set(25, b"00");
        for card in ["4111111111111111", "3742001638787585"] {
            sale.set(35, format!("{card}=30121010000000000000").as_bytes());
            let good = written(&sale, Dialect::iso87_ascii_binmap());
            let view = Dialect::iso87_ascii_binmap().read(&good).unwrap();
            let start = view.value(35).unwrap().offset();
            let seen = seen(&good, Dialect::iso93_ascii_binmap()).unwrap();
            assert!(!seen[start..start + 16].contains(&true), "{card}");
        }
    }

    #[test]
    fn a_card_number_with_a_wrong_character_is_secret_but_for_that() {
        let dialect = Dialect::iso87_ascii();
        let mut bytes = written(&sale(), dialect);
        let place = dialect.read(&bytes).unwrap().segment(43).unwrap();
        // CARD 9999-9?01-0000-0005
        let wrong = place.start + 11;
        bytes[wrong] = 0x19;
        let seen = seen(&bytes, dialect).unwrap();
        let number = place.start + 5..place.start + 24;
        let shown: Vec<usize> = number.filter(|at| seen[*at]).collect();
        assert_eq!(shown, [wrong]);
        assert!(seen[place.start..][..5].iter().all(|seen| *seen));
    }

    #[test]
    fn digits_behind_the_last_field_that_could_be_a_card_number_are_secret() {
        let echo = hex!("0800 8220000000000000 0400000000000000 0315023000 000001 0301");
        let dialect = Dialect::iso87_bcd();
        let seen = |behind: &[u8]| {
            let bytes = [&echo[..], behind].concat();
            let seen = seen(&bytes, dialect).unwrap();
            // It is the length of the last field that could be wrong.
            assert!(seen[..echo.len() - 2].iter().all(|seen| *seen));
            seen[echo.len()..].to_vec()
        };
        assert_eq!(seen(b"ABC:123"), [true; 7]);
        assert_eq!(seen(b"999999010000"), [false; 12]);
        assert_eq!(seen(&hex!("999999010000")), [false; 6]);
        assert_eq!(seen(&hex!("F9F9F9F9F9F9F0F1F0F0F0F0")), [false; 12]);
        assert_eq!(seen(b"9999-9901-0000"), [false; 14]);
        assert_eq!(seen(b":99999901000:"), [true; 13]);
    }

    #[test]
    fn a_wrong_character_is_marked_itself_and_hides_no_other_field() {
        for (dialect, wrong) in [
            (Dialect::iso87_ascii(), b'A'),
            (Dialect::iso87_bcd(), 0xA0),
            (Dialect::iso87_ebcdic(), 0xC1),
        ] {
            let mut bytes = written(&sale(), dialect);
            let view = dialect.read(&bytes).unwrap();
            let (amount, terminal) = (view.segment(4).unwrap(), view.segment(41).unwrap());
            let at = amount.end - 1;
            bytes[at] = wrong;
            let fault = dialect.decode(&bytes).unwrap_err();
            assert_eq!(byte_at_fault(&bytes, dialect, &fault.error), at);
            let seen = seen(&bytes, dialect).unwrap();
            assert!(seen[amount].iter().chain(&seen[terminal]).all(|it| *it));
            for (de, place) in places(&bytes, dialect) {
                assert!(!seen[place].contains(&true), "DE {de}");
            }
        }
    }
}
