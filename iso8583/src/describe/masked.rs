//! A copy of a message that may be handed on: every secret replaced by as many fillers.

use zeroize::Zeroizing;

use crate::codec::{LEAD, MAPS};
use crate::composite::{Composite, DEPTH, Item, content_of};
use crate::describe::hide;
use crate::element::Pan;
use crate::message::Message;
use crate::spec::{Class, Dialect, Encoding, Field, Visibility};

type Clear = Zeroizing<Vec<u8>>;

impl Message {
    /// A copy without secrets, in the same lengths and classes, so that the dialect still writes
    /// it: of card numbers the digits that are printed stay and the others are zeros, all that is
    /// never printed is zeros (letters: `X`).
    ///
    /// Subfields are masked one by one, as [`Message::describe_in`] shows them. What is not made
    /// of the subfields the dialect says is zeros from there on.
    #[must_use]
    pub fn masked(&self, dialect: &Dialect) -> Self {
        let mut copy = Self::new(self.mti());
        copy.set_header(self.header());
        for (de, value) in self.fields() {
            let masked = match dialect.field(de) {
                Some(field) => of_field(field, value, 1),
                None => Zeroizing::new(vec![b'0'; value.len()]),
            };
            copy.set(de, &masked);
            if let Some(wire) = self.kept_wire(de).filter(|_| masked.as_slice() == value) {
                copy.keep_wire(de, wire);
            }
        }
        for before in [LEAD, MAPS] {
            if let Some(wire) = self.kept_wire(before) {
                copy.keep_wire(before, wire);
            }
        }
        copy
    }
}

fn of_field(field: &Field, value: &[u8], depth: usize) -> Clear {
    if let Some(content) = field.content() {
        return of_composite(content, value, depth);
    }
    match (field.visibility(), field.class()) {
        (Visibility::Shown, Class::B) => hide::without_cards(value),
        (Visibility::Shown, _) => {
            let hidden = hide::hidden_digits(value);
            let zero = |(byte, hidden): (&u8, bool)| if hidden { b'0' } else { *byte };
            Zeroizing::new(value.iter().zip(hidden).map(zero).collect())
        }
        (Visibility::Partly, _) if Pan::try_from(value).is_ok() => {
            let mut digits = Zeroizing::new(value.to_vec());
            let hidden = digits.get_mut(hide::kept(value.len())).unwrap_or_default();
            hidden.fill(b'0');
            digits
        }
        (Visibility::Partly | Visibility::Never, _) => fillers(field, value),
    }
}

/// As many fillers as the value has bytes on the wire.
fn fillers(field: &Field, value: &[u8]) -> Clear {
    let len = match (field.encoding(), core::str::from_utf8(value)) {
        (Encoding::Ebcdic(_), Ok(text)) => text.chars().count(),
        (Encoding::EucKr, Ok(text)) => {
            let width = |character: char| if character.is_ascii() { 1 } else { 2 };
            text.chars().map(width).sum()
        }
        _ => value.len(),
    };
    let filler = |place| match field.class() {
        Class::N | Class::Ns | Class::An | Class::Ans | Class::Z => b'0',
        Class::A | Class::As => b'X',
        Class::B => 0,
        Class::Xn if place == 0 => b'C',
        Class::Xn => b'0',
    };
    Zeroizing::new((0..len).map(filler).collect())
}

fn of_composite(content: &Composite, value: &[u8], depth: usize) -> Clear {
    let mut out = Zeroizing::new(value.to_vec());
    for item in content.items(value) {
        match item {
            Ok(item) => {
                let masked = of_item(&item, value, depth);
                let place = out.get_mut(item.content).unwrap_or_default();
                if place.len() == masked.len() {
                    place.copy_from_slice(&masked);
                } else {
                    zero(content, place);
                }
            }
            Err(fault) => zero(content, out.get_mut(fault.at..).unwrap_or_default()),
        }
    }
    out
}

/// The content of an item as it stands on the wire; empty where there is no saying.
fn of_item(item: &Item<'_>, value: &[u8], depth: usize) -> Clear {
    let content = value.get(item.content.clone()).unwrap_or_default();
    let Some(field) = item.field else {
        return match item.inner() {
            Some(inner) if depth < DEPTH => of_composite(inner, content, depth + 1),
            None if item.visibility() == Visibility::Shown => hide::without_cards(content),
            _ => Zeroizing::default(),
        };
    };
    let clear = item.with(value, |clear| match item.inner() {
        Some(inner) if depth < DEPTH => of_composite(inner, clear, depth + 1),
        Some(_) => fillers(field, clear),
        None => of_field(field, clear, depth),
    });
    let clear = clear.unwrap_or_default();
    if matches!(field.encoding(), Encoding::Ascii | Encoding::Binary) {
        return clear;
    }
    content_of(field, &clear).unwrap_or_default()
}

fn zero(content: &Composite, place: &mut [u8]) {
    place.fill(if matches!(content, Composite::Ber(_)) {
        0
    } else {
        b'0'
    });
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use hex_literal::hex;

    use super::*;
    use crate::Mti;
    use crate::spec::{Counting, Length, Prefix};

    #[test]
    fn a_masked_copy_is_written_in_as_many_bytes_and_has_no_secret() {
        for dialect in [Dialect::iso87_ascii_binmap(), Dialect::iso87_bcd()] {
            let mut sale = Message::new(Mti::FINANCIAL_REQUEST);
            sale.set(2, b"9999990100000005")
                .set(4, b"000000015000")
                .set(14, b"3012")
                .set(28, b"D00000100")
                .set(35, b"9999990100000005=30121010000000000000")
                .set(43, b"CARD 9999-9901-0000-0005")
                .set(52, &hex!("DEF247F82B55A358"))
                .set(
                    55,
                    &hex!("9F0206000000015000 5A089999990100000005 7004 5F2401AA 9F0500"),
                );
            let location = b"CARD 9999-9901-0000-0005                ";
            sale.set(43, location);
            let masked = sale.masked(dialect);
            assert_eq!(masked.text(2), Some("9999990000000005"));
            assert_eq!(masked.text(4), Some("000000015000"));
            assert_eq!(masked.text(14), Some("0000"));
            assert_eq!(masked.text(35), Some("0".repeat(37).as_str()));
            assert_eq!(
                masked.text(43).map(str::trim_end),
                Some("CARD 9999-9900-0000-0005")
            );
            assert_eq!(masked.field(52), Some(&[0; 8][..]));
            let chip = hex!("9F0206000000015000 5A080000000000000000 7004 5F240100 9F0500");
            assert_eq!(masked.field(55), Some(&chip[..]));
            let (mut clear, mut wire) = (BytesMut::new(), BytesMut::new());
            dialect.encode(&sale, &mut clear).unwrap();
            dialect.encode(&masked, &mut wire).unwrap();
            assert_eq!(wire.len(), clear.len());
            assert_eq!(dialect.decode(&wire).unwrap(), masked);
            assert_eq!(masked.masked(dialect), masked);
        }
    }

    #[test]
    fn what_is_not_made_of_its_subfields_is_zeros_from_there_on() {
        let mut sale = Message::new(Mti::FINANCIAL_REQUEST);
        sale.set(55, &hex!("9A03250101 5A089999"));
        let masked = sale.masked(Dialect::iso87_bcd());
        assert_eq!(masked.field(55), Some(&hex!("9A03250101 00000000")[..]));
    }

    #[test]
    fn subfields_in_encodings_of_their_own_are_masked_in_their_length() {
        let prefix = Prefix::ascii(2, Counting::Bytes);
        let korean = Length::up_to(20, prefix);
        let content = Composite::Positional(vec![
            Field::new("name", Class::Ans, Encoding::EucKr, korean).unwrap(),
            Field::new("number", Class::N, Encoding::BCD, Length::Fixed(5)).unwrap(),
        ]);
        let length = Length::up_to(99, prefix);
        let private = Field::new("private", Class::Ans, Encoding::Ascii, length).unwrap();
        let private = private.lenient().composed(content).unwrap();
        let dialect = Dialect::builder("mini").field(48, private).build().unwrap();
        let mut sale = Message::new(Mti::FINANCIAL_REQUEST);
        // 서 in EUC-KR and A, then 12345 packed behind a zero.
        sale.set(48, b"03\xBC\xADA\x01\x23\x45");
        assert_eq!(sale.masked(&dialect).field(48), Some(&b"03000\0\0\0"[..]));
        let shown = sale.describe_in(&dialect).to_string();
        assert!(
            shown.contains("1          name                           ****"),
            "{shown}"
        );
    }
}
