//! Specs of moov-io/iso8583.

use bytes::BytesMut;
use iso8583::composite::{Composite, TagCoding, TagForm};
use iso8583::spec::{BitmapForm, Class, Encoding, Field, Maps, PrefixCoding, Visibility};
use iso8583::spec_file::{self, toml};
use iso8583::{Dialect, Message, Mti};

use crate::{assert_same, faults};

const MINI: &str = include_str!("specs/moov-mini.json");

fn mini() -> Dialect {
    spec_file::moov::read(MINI).unwrap().dialect
}

fn content(de: u8) -> Composite {
    mini().field(de).unwrap().content().unwrap().clone()
}

#[test]
fn types_encodings_and_prefixes_become_what_they_put_on_the_wire() {
    let mut message = Message::new(Mti::NETWORK_REQUEST);
    message
        .set(2, b"12345")
        .set(3, b"301")
        .set(32, b"123")
        .set(35, b"99=12")
        .set(41, b"T1")
        .set(42, b"[1]")
        .set(52, b"\x01\x23\x45\x67\x89\xAB\xCD\xEF")
        .set(70, b"301");
    let mut wire = BytesMut::new();
    mini().encode(&message, &mut wire).unwrap();
    let expected = [
        &b"\x08\x00"[..],
        b"\xE0\0\0\x01\x20\xC0\x10\x00",
        b"\x04\0\0\0\0\0\0\0",
        b"\x05\x01\x23\x45",
        b"\x00\x03\x01",
        b"\x03\x12\x30",
        b"0599=12",
        b"T1      ",
        b"\xF0\xF3\x4A\xF1\x5A",
        b"0123456789ABCDEF",
        b"\x03\x01",
    ]
    .concat();
    assert_eq!(wire[..], expected[..]);
    let decoded = mini().decode(&wire).unwrap();
    assert_eq!(
        (decoded.text(2), decoded.text(42)),
        (Some("12345"), Some("[1]"))
    );
    assert_eq!(
        (decoded.text(35), decoded.text(70)),
        (Some("99=12"), Some("301"))
    );
}

#[test]
fn composites_become_subfields() {
    let Composite::Tagged(tagged) = content(48) else {
        panic!("by tag");
    };
    assert_eq!(
        tagged.tag,
        TagForm {
            width: 2,
            coding: TagCoding::Text
        }
    );
    assert_eq!(
        (tagged.length.digits, tagged.length.coding),
        (2, PrefixCoding::Ascii)
    );
    assert_eq!(tagged.known.keys().collect::<Vec<_>>(), ["01", "12"]);
    let Composite::Ber(ber) = content(55) else {
        panic!("BER-TLV");
    };
    assert_eq!(ber.known["9F02"].encoding(), Encoding::BCD);
    assert_eq!(ber.known["82"].class(), Class::B);
    let Composite::Positional(parts) = content(60) else {
        panic!("by position");
    };
    assert_eq!(
        parts.iter().map(Field::name).collect::<Vec<_>>(),
        ["first", "last"]
    );
    assert!(parts[0].content().is_some());
    let Composite::Bitmapped(bitmapped) = content(62) else {
        panic!("by bitmap");
    };
    assert_eq!(
        (bitmapped.width, bitmapped.form, bitmapped.extends),
        (8, BitmapForm::Hex, false)
    );
    assert_eq!(bitmapped.fields[&10].name(), "CVV2");
}

#[test]
fn a_composite_is_text_where_all_in_it_is_text() {
    let classes = [48, 55, 60, 62].map(|de| mini().field(de).unwrap().class());
    assert_eq!(classes, [Class::Ans, Class::B, Class::Ans, Class::Ans]);
}

#[test]
fn what_the_json_does_not_say_is_what_the_standard_says() {
    let imported = spec_file::read("any.json", MINI).unwrap();
    let dialect = imported.dialect;
    assert_eq!(dialect.name(), "toyland-v2-mini");
    assert_eq!(dialect.title(), "Toyland v2 (mini)");
    assert_eq!(dialect.bitmap().maps, Maps::UpTo(2));
    let visibility = |de| dialect.field(de).unwrap().visibility();
    assert_eq!(
        (visibility(2), visibility(3)),
        (Visibility::Partly, Visibility::Shown)
    );
    assert_eq!(
        (visibility(35), visibility(52)),
        (Visibility::Never, Visibility::Never)
    );
    let note = "fields.60: subfields are numbered by their place, from 1";
    assert_eq!(imported.notes, [note]);
}

#[test]
fn an_import_is_written_as_toml_and_read_again() {
    assert_same(&mini(), &toml::read(&toml::write(&mini())).unwrap());
}

#[test]
fn a_bitmap_that_does_not_expand_is_always_there() {
    let spec = |length: &str| {
        format!(
            r#"{{"name":"x","fields":{{"0":{{"enc":"ASCII"}},"1":{{"type":"Bitmap",
            "enc":"HexToASCII","length":{length},"disableautoexpand":true}}}}}}"#
        )
    };
    let dialect = spec_file::moov::read(&spec("16")).unwrap().dialect;
    assert_eq!(dialect.bitmap().maps, Maps::Fixed(2));
    assert_eq!(
        faults(&spec("9")),
        ["fields.1: expected 8, 16 or 24 bytes, found 9"]
    );
}

#[test]
fn everything_without_a_like_is_told_at_once() {
    let text = r#"{"fields": {
        "0": {"type": "String", "enc": "HexToASCII"},
        "1": {"type": "String", "enc": "ASCII"},
        "2": {"type": "String", "length": 19, "enc": "HexToASCII", "prefix": "Hex.LL"},
        "3": {"type": "Money", "length": 6, "enc": "ASCII", "prefix": "ASCII.Fixed"},
        "4": {"type": "Numeric", "length": 12, "enc": "ASCII", "prefix": "None.Fixed"},
        "5": {"type": "Numeric", "length": 100, "enc": "ASCII", "prefix": "ASCII.LL"},
        "6": {"type": "Numeric", "length": 3, "enc": "ASCII", "prefix": "ASCII.Fixed",
              "padding": {"type": "Left", "pad": "00"}},
        "7": {"type": "Numeric", "length": 3, "enc": "ASCII", "prefix": "ASCII.Fixed",
              "padding": {"type": "Left", "pad": " "}},
        "8": {"type": "Numeric", "length": -1, "enc": "ASCII", "prefix": "ASCII.Fixed"},
        "9": 9,
        "48": {"type": "Composite", "length": 9, "prefix": "ASCII.LL"},
        "60": {"type": "Composite", "length": 9, "prefix": "ASCII.LL", "subfields": {
            "1": {"type": "String", "length": 3, "enc": "EBCDIK", "prefix": "ASCII.Fixed"}}},
        "61": {"type": "Composite", "length": 9, "prefix": "ASCII.LL",
            "tag": {"length": 2, "enc": "EBCDIC"}, "subfields": {}},
        "62": {"type": "Composite", "length": 9, "prefix": "ASCII.LL",
            "bitmap": {"enc": "ASCII"}, "subfields": {}},
        "200": {"type": "String", "length": 3, "enc": "ASCII", "prefix": "ASCII.Fixed"},
        "x": {}
    }}"#;
    let faults = faults(text);
    let expected = [
        "fields.0: enc `HexToASCII` is not supported: an MTI is ASCII, BCD or EBCDIC",
        "fields.1: type `String` with enc `ASCII` is not supported: field 1 is a Bitmap, \
         Binary or HexToASCII",
        "fields.2: type `String` with enc `HexToASCII` is not supported: no field of ours \
         stands so on the wire",
        "fields.3: type `Money` with enc `ASCII` is not supported: no field of ours stands so \
         on the wire",
        "fields.4: prefix `None.Fixed` is not supported: no length is written so here",
        "fields.5: maximum of 100 is above 99, the most the prefix can say",
        "fields.6.padding: expected Left, Right or None with one ASCII character, found Left \
         with `00`",
        "fields.7.padding: the filler is not of class n",
        "fields.8.length: expected a length up to 65535, found -1",
        "fields.9: expected an object, found 9",
        "fields.48: no `subfields`",
        "fields.60.subfields.1: type `String` with enc `EBCDIK` is not supported: no field of \
         ours stands so on the wire",
        "fields.61.tag: enc `EBCDIC` is not supported: a tag is ASCII, Binary, BCD, LBCD or \
         ASCIIToHex",
        "fields.62.bitmap: enc `ASCII` is not supported: a bitmap is Binary or HexToASCII",
        "fields.200: DE 200: the bitmap has no bit for it",
        "fields.x: expected the number of a field, found x",
    ];
    for line in expected {
        assert!(
            faults.iter().any(|fault| fault == line),
            "{line}\n{faults:#?}"
        );
    }
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
}

#[test]
fn what_is_no_spec_is_refused() {
    for (text, expected) in [
        ("{", "1:1: EOF while parsing"),
        ("{\n\"fields\": }", "2:11: expected value"),
        ("{}", "no `fields`"),
        (r#"{"fields": {}}"#, "fields: no `1`"),
    ] {
        let faults = faults(text);
        assert!(
            faults.iter().any(|fault| fault.contains(expected)),
            "{faults:?}"
        );
    }
    let nested = "{\"subfields\":".repeat(200);
    assert!(faults(&nested)[0].contains("recursion limit"));
    let inner = r#"{"type":"Composite","length":9,"prefix":"ASCII.LL","subfields":{"1":"#;
    let head = r#"{"fields":{"0":{"enc":"ASCII"},"1":{"type":"Bitmap","enc":"Binary"},"48":"#;
    let nested = format!("{head}{}{{}}{}}}}}", inner.repeat(9), "}}".repeat(9));
    assert!(
        faults(&nested)[0].ends_with("nested deeper than 8 fields"),
        "{:?}",
        faults(&nested)
    );
}
