//! Vectors of one composite field, in a message made around them.

use bytes::BytesMut;
use iso8583::Dialect;
use iso8583::composite::{Ber, Composite, TagCoding, TagForm, Tagged, Unknown};
use iso8583::spec::{Class, Counting, Encoding, Field, Prefix};

use crate::families::{Family, ascii_up_to, bytes_up_to, fixed};
use crate::{ONE_FIELD, Vector, unhex};

/// The field of a vector, and the bytes of its value.
fn field_of(vector: &Vector) -> (u8, Field, &[u8]) {
    let text = |content: Composite| ascii_up_to(Class::Ans, 3, 999).composed(content).unwrap();
    let icc_data = bytes_up_to(Prefix::ascii(3, Counting::Bytes), 999);
    let icc_data = icc_data.composed(Composite::Ber(Ber::default())).unwrap();
    let raw = &*vector.raw;
    match &*vector.name {
        "de48-tlv-3-3" => (48, text(Composite::Tagged(tagged(3, 3))), raw),
        "de48-mastercard-style" => {
            let rest = Box::new(Composite::Tagged(tagged(2, 2)));
            let code = fixed(Class::A, Encoding::Ascii, 1);
            (48, text(Composite::Coded { code, rest }), raw)
        }
        // The vector has the length of the field before its value.
        "composite-code-then-tags" => (48, text(code_and_fixed()), &raw[3..]),
        "de55-emv-full" | "de55-duplicate-tag" => (55, icc_data, raw),
        other => panic!("{other}: no field"),
    }
}

fn tagged(tag: u8, length: u8) -> Tagged {
    Tagged {
        tag: TagForm {
            width: tag,
            coding: TagCoding::Text,
        },
        length: Prefix::ascii(length, Counting::Characters),
        prefix: "".into(),
        known: [].into(),
        unknown: Unknown::Keep,
    }
}

/// Two tags that always stand there, with values of five digits: without lengths they are fields
/// by position, each of a tag and its value.
fn code_and_fixed() -> Composite {
    let digits = |length| fixed(Class::N, Encoding::Ascii, length);
    let parts = vec![digits(2), digits(5), digits(2), digits(5)];
    Composite::Coded {
        code: fixed(Class::A, Encoding::Ascii, 1),
        rest: Box::new(Composite::Positional(parts)),
    }
}

#[test]
fn composite_fields_are_read_and_written_byte_for_byte() {
    let mut checked = 0;
    for vector in Vector::all() {
        if !vector.family.starts_with(ONE_FIELD) {
            continue;
        }
        let name = &vector.name;
        let (de, field, value) = field_of(&vector);
        let dialect = Dialect::builder("field").field(de, field).build().unwrap();
        let mut wire = b"0200".to_vec();
        wire.extend_from_slice(&(1_u64 << (64 - de)).to_be_bytes());
        wire.extend_from_slice(format!("{:03}", value.len()).as_bytes());
        wire.extend_from_slice(value);

        let view = dialect.read(&wire).unwrap();
        assert_eq!(view.value(de).unwrap().reveal_wire(), value, "{name}");
        let message = dialect.decode(&wire).unwrap();
        let mut again = BytesMut::new();
        dialect.encode(&message, &mut again).unwrap();
        assert_eq!(again, wire, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 5);
}

/// The bytes of a subfield, by its name.
fn content<'a>(field: &Field, value: &'a [u8], name: &str) -> &'a [u8] {
    let range = field.content().unwrap().get(value, &[name]);
    &value[range.unwrap_or_else(|| panic!("no {name}"))]
}

#[test]
fn subfields_of_text_have_the_listed_values() {
    for (vector, subfields) in [
        (
            "de48-tlv-3-3",
            &[
                ("051", "POS01"),
                ("052", "047"),
                ("056", "08"),
                ("058", "00999"),
                ("099", "D1B00555AE2CC7BC"),
            ][..],
        ),
        (
            "de48-mastercard-style",
            &[("code", "R"), ("14", " "), ("74", "50C"), ("80", "TV")],
        ),
        (
            "composite-code-then-tags",
            &[("code", "A"), ("1", "01"), ("2", "12345"), ("4", "67890")],
        ),
    ] {
        let vectors = Vector::all();
        let vector = vectors.iter().find(|it| it.name == vector).unwrap();
        let (_, field, value) = field_of(vector);
        for (name, expected) in subfields {
            assert_eq!(content(&field, value, name), expected.as_bytes(), "{name}");
        }
    }
}

#[test]
fn tags_of_icc_data_have_the_listed_values_and_the_second_of_two_is_told_apart() {
    let mut checked = 0;
    for vector in Vector::all() {
        if !vector.name.starts_with("de55") {
            continue;
        }
        let (_, field, value) = field_of(&vector);
        let listed = vector.json["fields"]["list"].as_array().unwrap();
        let mut seen = Vec::new();
        for pair in listed {
            let (tag, expected) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
            seen.push(tag);
            let name = match seen.iter().filter(|it| **it == tag).count() {
                1 => tag.to_owned(),
                nth => format!("{tag}#{nth}"),
            };
            assert_eq!(content(&field, value, &name), unhex(expected), "{name}");
            checked += 1;
        }
    }
    assert_eq!(checked, 32);
}

#[test]
fn tags_of_whole_messages_have_the_listed_values() {
    let mut checked = 0;
    for vector in Vector::all() {
        let Some(tags) = vector.json.get("tlv55").and_then(|it| it.as_object()) else {
            continue;
        };
        let dialect = Family::of(&vector.family, &vector.name).dialect;
        let message = dialect.decode(&vector.raw).unwrap();
        let field = dialect.field(55).unwrap();
        for (tag, expected) in tags {
            let found = content(field, message.field(55).unwrap(), tag);
            assert_eq!(
                found,
                unhex(expected.as_str().unwrap()),
                "{} {tag}",
                vector.name
            );
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked}");
}
