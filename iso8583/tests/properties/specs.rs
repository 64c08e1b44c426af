//! Dialects nobody has thought of: any legal pair of class and encoding, any length, any start.

use std::collections::BTreeMap;

use iso8583::spec::{
    Align, BitmapForm, Class, CodePage, Counting, Encoding, Field, Length, Maps, MtiCoding,
    Padding, Prefix, PrefixCoding,
};
use iso8583::{Dialect, Message, Mti};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

/// A dialect, a message of it, and another value for each of its fields.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) dialect: Dialect,
    pub(crate) message: Message,
    /// By data element; None takes it out.
    pub(crate) changes: BTreeMap<u8, Option<Vec<u8>>>,
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let fields = btree_map(2..=192_u8, slots(), 0..14);
    (starts(), fields, "[0-9]{4}").prop_map(|((start, maps), slots, mti)| {
        let mut builder = Dialect::builder("random")
            .lead(start.lead)
            .mti(start.mti)
            .bitmap(start.form, maps);
        let mut message = Message::new(Mti::try_from(mti.as_bytes()).unwrap());
        let mut changes = BTreeMap::new();
        for (de, slot) in slots {
            let (last, chained) = match maps {
                Maps::UpTo(count) => (count * 64, count == 3),
                Maps::Fixed(count) => (count * 64, false),
            };
            if de > last || chained && de == 65 {
                continue;
            }
            builder = builder.field(de, slot.field);
            if let Some(value) = slot.value {
                message.set(de, &value);
            }
            changes.extend(slot.change.map(|change| (de, change)));
        }
        Case {
            dialect: builder.build().unwrap(),
            message,
            changes,
        }
    })
}

/// What stands before the fields.
#[derive(Clone, Debug)]
struct Start {
    lead: Vec<u8>,
    mti: MtiCoding,
    form: BitmapForm,
}

fn starts() -> impl Strategy<Value = (Start, Maps)> {
    let mti = select(vec![MtiCoding::Ascii, MtiCoding::Bcd, MtiCoding::Ebcdic]);
    let form = select(vec![
        BitmapForm::Binary,
        BitmapForm::Hex,
        BitmapForm::EbcdicHex,
    ]);
    let maps = prop_oneof![
        (1..=3_u8).prop_map(Maps::UpTo),
        (1..=3_u8).prop_map(Maps::Fixed),
    ];
    let lead = vec(any::<u8>(), 0..12);
    (lead, mti, form, maps).prop_map(|(lead, mti, form, maps)| (Start { lead, mti, form }, maps))
}

/// A field of a dialect, its value in a message, and what the value is changed into.
#[derive(Clone, Debug)]
struct Slot {
    field: Field,
    value: Option<Vec<u8>>,
    change: Option<Option<Vec<u8>>>,
}

fn slots() -> impl Strategy<Value = Slot> {
    fields().prop_flat_map(|field| {
        let value = prop::option::weighted(0.8, values(&field, None));
        let change = prop::option::weighted(0.3, prop::option::of(values(&field, None)));
        (Just(field), value, change).prop_map(|(field, value, change)| Slot {
            field,
            value,
            change,
        })
    })
}

/// Any field that can exist.
pub(crate) fn fields() -> impl Strategy<Value = Field> {
    let axes = (select(Class::ALL.to_vec()), encodings(), lengths());
    (axes, prop::bool::weighted(0.2)).prop_filter_map(
        "a field that can exist",
        |((class, encoding, length), lenient)| {
            let field = Field::new("any", class, encoding, length).ok()?;
            Some(if lenient { field.lenient() } else { field })
        },
    )
}

fn encodings() -> impl Strategy<Value = Encoding> {
    let pages = select(vec![CodePage::Cp037, CodePage::Cp500, CodePage::Cp1047]);
    let packed = (select(vec![Align::Left, Align::Right]), 0..=15_u8);
    prop_oneof![
        2 => Just(Encoding::Ascii),
        2 => pages.prop_map(Encoding::Ebcdic),
        2 => Just(Encoding::EucKr),
        4 => packed.prop_map(|(align, fill)| Encoding::Bcd { align, fill }),
        1 => Just(Encoding::BCD),
        1 => Just(Encoding::Binary),
        1 => Just(Encoding::Hex),
        1 => Just(Encoding::EbcdicHex),
    ]
}

fn lengths() -> impl Strategy<Value = Length> {
    let coding = select(vec![
        PrefixCoding::Ascii,
        PrefixCoding::Ebcdic,
        PrefixCoding::Bcd,
        PrefixCoding::Binary,
        PrefixCoding::Hex,
    ]);
    let counting = select(vec![
        Counting::Characters,
        Counting::Bytes,
        Counting::Nibbles,
    ]);
    let max = prop_oneof![1..10_u16, 10..100_u16, 100..300_u16];
    let variable = (1..=6_u8, coding, counting, max).prop_map(|(digits, coding, counting, max)| {
        let prefix = Prefix {
            digits,
            coding,
            counting,
        };
        Length::up_to(max, prefix)
    });
    prop_oneof![(1..48_u16).prop_map(Length::Fixed), variable]
}

/// Canonical values of a field. Of packed digits counted by their bytes an odd number cannot be
/// told from one more where the filler is a digit, or a separator: those are not drawn. Of a
/// subfield behind a tag, the length there is counted in `tagged`.
pub(crate) fn values(
    field: &Field,
    tagged: Option<Counting>,
) -> impl Strategy<Value = Vec<u8>> + use<> {
    let (class, encoding) = (field.class(), field.encoding());
    let (least, most) = match field.length() {
        Length::Fixed(length) => (length, length),
        Length::Variable { max, .. } => (u16::from(class == Class::Xn), max),
    };
    let ambiguous = match (encoding, field.length()) {
        (Encoding::Bcd { fill, .. }, Length::Variable { prefix, .. }) => {
            let bytes = Some(Counting::Bytes);
            (prefix.counting == Counting::Bytes || tagged == bytes)
                && (fill < 10 || fill == 13 && class == Class::Z)
        }
        _ => false,
    };
    let units = (least..=most).prop_filter("an even number of digits", move |units| {
        !ambiguous || units % 2 == 0
    });
    units.prop_flat_map(move |units| {
        let units = usize::from(units);
        vec(characters(class, encoding, ambiguous), units).prop_map(move |characters| {
            let mut value = Vec::new();
            if class == Class::Xn {
                value.push(if units % 2 == 0 { b'C' } else { b'D' });
            }
            let mut left = units - value.len();
            for character in characters {
                // Korean characters take two bytes: the last place may be too narrow for one.
                let width = if encoding == Encoding::EucKr && !character.is_ascii() {
                    2
                } else {
                    1
                };
                if left == 0 {
                    break;
                } else if width > left {
                    value.push(b'.');
                    break;
                }
                value.extend_from_slice(&character);
                left -= width;
            }
            value
        })
    })
}

/// One character of a class, as its bytes in a canonical value.
fn characters(class: Class, encoding: Encoding, plain: bool) -> Union<BoxedStrategy<Vec<u8>>> {
    let of = |set: &'static [u8]| select(set.to_vec()).prop_map(|c| vec![c]).boxed();
    let digit = of(b"0123456789");
    let letter = of(b"ABCXYZabcxyz ");
    let special = of(b" !#$%&()*+,-./:;<=>?@[]^_{|}~");
    let foreign = match encoding {
        Encoding::EucKr => select(vec!["가", "힣", "뷁", "한"])
            .prop_map(|c| c.as_bytes().to_vec())
            .boxed(),
        Encoding::Ebcdic(_) => select(vec!["é", "ß", "£", "\u{85}"])
            .prop_map(|c| c.as_bytes().to_vec())
            .boxed(),
        _ => (0x80..=0xFF_u8).prop_map(|c| vec![c]).boxed(),
    };
    let packed = matches!(encoding, Encoding::Bcd { .. });
    Union::new(match class {
        Class::N | Class::Xn => vec![digit],
        Class::Z if plain => vec![digit],
        Class::Z if packed => vec![of(b"0123456789=")],
        Class::Z => vec![of(b"0123456789=D")],
        Class::A => vec![letter],
        Class::As => vec![special, letter, foreign],
        Class::Ns => vec![digit, special],
        Class::An => vec![digit, letter],
        Class::Ans => vec![digit, letter, special, foreign],
        Class::B => vec![any::<u8>().prop_map(|byte| vec![byte]).boxed()],
    })
}

/// A variable field, and bytes that may start with one: a length about the longest, and characters
/// that most fields may hold.
pub(crate) fn raw() -> impl Strategy<Value = (Field, Vec<u8>)> {
    let counting = select(vec![
        Counting::Characters,
        Counting::Bytes,
        Counting::Nibbles,
    ]);
    let axes = (
        select(Class::ALL.to_vec()),
        encodings(),
        counting,
        0..10_u16,
    );
    let field = (axes, any::<bool>()).prop_filter_map(
        "a field that can exist",
        |((class, encoding, counting, max), lenient)| {
            let prefix = Prefix {
                digits: 1,
                coding: PrefixCoding::Binary,
                counting,
            };
            let field = Field::new("raw", class, encoding, Length::up_to(max, prefix)).ok()?;
            Some(if lenient { field.lenient() } else { field })
        },
    );
    // ASCII, packed and EBCDIC digits, Korean.
    let byte = select(b"09CA\x00\x12\x99\xF0\xF9\xC3\xB0\xA1".to_vec());
    (field, 0..12_u8, vec(byte, 24)).prop_map(|(field, length, content)| {
        let wire = [vec![length], content].concat();
        (field, wire)
    })
}

/// Fields of fixed length with a filler, and values too short for them.
pub(crate) fn padded() -> impl Strategy<Value = (Field, Vec<u8>)> {
    let encoding = |class| {
        encodings().prop_filter("for the class", move |encoding| {
            Field::new("any", class, *encoding, Length::Fixed(1)).is_ok()
        })
    };
    let class = select(vec![Class::N, Class::An, Class::Ans, Class::B]);
    class
        .prop_flat_map(move |class| (Just(class), encoding(class), 2..40_u16, any::<bool>()))
        .prop_flat_map(move |(class, encoding, length, left)| {
            let filler = match class {
                Class::N => b'0',
                Class::B => 0xFF,
                _ => b' ',
            };
            let padding = if left {
                Padding::Left(filler)
            } else {
                Padding::Right(filler)
            };
            let field = Field::new("padded", class, encoding, Length::Fixed(length))
                .and_then(|field| field.padded(padding))
                .unwrap();
            let short = (1..=length).prop_flat_map(move |length| {
                values(
                    &Field::new("short", class, encoding, Length::Fixed(length)).unwrap(),
                    None,
                )
            });
            (Just(field), short)
        })
}
