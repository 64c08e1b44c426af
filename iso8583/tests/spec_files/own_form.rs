//! The own form: TOML.

use std::collections::BTreeMap;

use bytes::BytesMut;
use iso8583::composite::{Ber, Bitmapped, Composite, TagCoding, TagForm, Tagged, Unknown};
use iso8583::spec::{
    Align, BitmapForm, Class, CodePage, Counting, Encoding, Field, Length, Maps, MtiCoding,
    Padding, Prefix, PrefixCoding, Visibility,
};
use iso8583::spec_file::{self, Place, SIZE_MAX, toml};
use iso8583::{Dialect, Message, Mti};

use crate::{assert_same, faults, text};

/// A dialect with a field of those lines.
fn field(lines: &str) -> String {
    format!("name='x'\n[fields.4]\nname='f'\n{lines}")
}

const N: &str = "class='n'\nencoding='ascii'\n";

fn assert_told(text: &str, expected: &str) {
    let faults = faults(text);
    let told = faults.iter().any(|fault| fault.contains(expected));
    assert!(told, "{text}\n{faults:#?}\nexpected {expected}");
}

#[test]
fn every_built_in_dialect_is_read_as_it_was_written() {
    for dialect in Dialect::built_in() {
        let written = toml::write(dialect);
        assert_same(dialect, &toml::read(&written).unwrap());
    }
}

#[test]
fn every_shape_of_a_field_is_read_as_it_was_written() {
    let mut builder = Dialect::builder("\"odd\" \\ \u{7} 이름")
        .title("a title")
        .framing("binary2+tpdu")
        .lead(vec![0x60, 0x00, 0xFF])
        .mti(MtiCoding::Ebcdic)
        .bitmap(BitmapForm::EbcdicHex, Maps::Fixed(3));
    let prefix = |digits, coding, counting| Prefix {
        digits,
        coding,
        counting,
    };
    let bcd = |align, fill| Encoding::Bcd { align, fill };
    let ll = prefix(2, PrefixCoding::Hex, Counting::Bytes);
    let binary = prefix(1, PrefixCoding::Binary, Counting::Nibbles);
    let ebcdic = prefix(6, PrefixCoding::Ebcdic, Counting::Characters);
    let fields = [
        Field::new(
            "a",
            Class::N,
            bcd(Align::Left, 15),
            Length::up_to(19, binary),
        ),
        Field::new("b", Class::Xn, bcd(Align::Right, 0), Length::Fixed(9)),
        Field::new("c", Class::Ans, Encoding::EucKr, Length::up_to(999, ll)),
        Field::new(
            "d",
            Class::B,
            Encoding::EbcdicHex,
            Length::up_to(60, ebcdic),
        ),
        Field::new(
            "e",
            Class::Z,
            Encoding::Ebcdic(CodePage::Cp500),
            Length::Fixed(3),
        ),
        Field::new(
            "f",
            Class::As,
            Encoding::Ebcdic(CodePage::Cp037),
            Length::Fixed(3),
        ),
        Field::new(
            "g",
            Class::Ns,
            Encoding::Ebcdic(CodePage::Cp1047),
            Length::Fixed(3),
        ),
        Field::new("h", Class::N, Encoding::Ascii, Length::Fixed(3))
            .unwrap()
            .padded(Padding::Left(b'0')),
        Field::new("i", Class::B, Encoding::Binary, Length::Fixed(3))
            .unwrap()
            .shown(Visibility::Partly)
            .padded(Padding::Right(0xFF)),
        Field::new("j", Class::Ans, Encoding::Ascii, Length::Fixed(3))
            .unwrap()
            .lenient()
            .shown(Visibility::Shown)
            .padded(Padding::Right(b'"')),
    ];
    for (de, field) in (2..).zip(fields) {
        builder = builder.field(de, field.unwrap());
    }
    let dialect = builder.build().unwrap();
    assert_same(&dialect, &toml::read(&toml::write(&dialect)).unwrap());
}

#[test]
fn every_form_of_subfields_is_read_as_it_was_written() {
    let inner = Composite::Positional(vec![text("one", 1), text("two", 2)]);
    let tagged = |coding, odd: &str| {
        Composite::Tagged(Tagged {
            tag: TagForm { width: 3, coding },
            length: Prefix::bcd(3, Counting::Bytes),
            prefix: "PDS".into(),
            known: BTreeMap::from([
                ("0".repeat(odd.len()), text("two", 2)),
                (
                    odd.to_owned(),
                    text("odd", 9).composed(inner.clone()).unwrap(),
                ),
            ]),
            unknown: Unknown::Refuse,
        })
    };
    let forms = [
        inner.clone(),
        Composite::Positional(vec![
            text("nested", 3).composed(inner.clone()).unwrap(),
            text("plain", 4),
        ]),
        Composite::Positional(Vec::new()),
        tagged(TagCoding::Text, "a b"),
        tagged(TagCoding::Bcd(Align::Left), "123"),
        tagged(TagCoding::Bcd(Align::Right), "123"),
        tagged(TagCoding::Binary, "DF8116"),
        Composite::Ber(Ber {
            known: BTreeMap::from([("9F02".to_owned(), text("amount", 12))]),
            unknown: Unknown::Refuse,
        }),
        Composite::Bitmapped(Bitmapped {
            width: 8,
            form: BitmapForm::EbcdicHex,
            extends: true,
            fields: BTreeMap::from([(2, text("two", 2)), (25, text("xml", 99))]),
        }),
        Composite::Coded {
            code: text("kind", 2),
            rest: Box::new(tagged(TagCoding::Text, "a.b")),
        },
    ];
    let mut builder = Dialect::builder("forms");
    for (de, form) in (40..).zip(forms) {
        builder = builder.field(de, text("composed", 99).composed(form).unwrap());
    }
    let dialect = builder.build().unwrap();
    assert_same(&dialect, &toml::read(&toml::write(&dialect)).unwrap());
}

#[test]
fn a_base_gives_what_the_file_does_not_say() {
    let dialect = toml::read(
        r#"
        name = "toyland"
        base = "iso87-bcd"
        without = [64, 128]
        lead = "6000"
        "#,
    )
    .unwrap();
    assert_eq!(dialect.title(), "based on iso87-bcd");
    let base = Dialect::iso87_bcd();
    assert_eq!(dialect.field(2), base.field(2));
    assert_eq!(dialect.bitmap(), base.bitmap());
    assert_eq!(dialect.mti(), MtiCoding::Bcd);
    assert_eq!((dialect.field(64), dialect.field(128)), (None, None));
    assert_eq!(dialect.lead(), [0x60, 0]);

    let dialect = toml::read(
        "name = 'x'\nbase = 'iso87-ascii'\nfields.41.lenient = true\n\
         fields.41.padding = { side = 'right', with = ' ' }\nfields.55.shown = 'never'",
    )
    .unwrap();
    let field = dialect.field(41).unwrap();
    assert_eq!(field.length(), Length::Fixed(8));
    assert!(field.is_lenient());
    assert_eq!(field.padding(), Some(Padding::Right(b' ')));
    assert!(dialect.field(55).unwrap().content().is_some());
}

#[test]
fn a_read_dialect_speaks() {
    let dialect = toml::read(
        r#"
        name = "mini"
        mti = "bcd"
        [fields.2]
        name = "PAN"
        class = "n"
        encoding = "bcd-left"
        fill = "F"
        length = { max = 19, prefix = "L", prefix-coding = "binary" }
        [fields.41]
        name = "terminal"
        class = "ans"
        encoding = "ebcdic-037"
        length = 3
        padding = { side = "right", with = " " }
        "#,
    )
    .unwrap();
    let mut message = Message::new(Mti::NETWORK_REQUEST);
    message.set(2, b"12345").set(41, b"A1");
    let mut wire = BytesMut::new();
    dialect.encode(&message, &mut wire).unwrap();
    let expected = b"\x08\x00\x40\0\0\0\0\x80\0\0\x05\x12\x34\x5F\xC1\xF1\x40";
    assert_eq!(wire[..], expected[..]);
    assert_eq!(dialect.decode(&wire).unwrap().text(2), Some("12345"));
}

#[test]
fn every_fault_of_a_file_is_told_with_its_place_and_field() {
    let text = "name = 'x'\nnmae = 'y'\nmti = 'utf-8'\nlead = '6'\n\
        [fields.48]\nname = 'private'\nclass = 'ans'\nencoding = 'ascii'\nlength = 99\n\
        [fields.48.subfields]\nform = 'tagged'\ntag = { width = 4, coding = 'text' }\n\
        length = { prefix = 'LLL' }\n\
        [fields.48.subfields.tags.0023]\nname = 'type'\nclass = 'ans'\nencoding = 'bcd'\n\
        length = 3\n\
        [fields.200]\nname = 'far'\nclass = 'n'\nencoding = 'bcd'\nlength = 3\n\
        [fields.3]\nname = 'code'\nclass = 'n'\nlength = -1\n";
    assert_eq!(
        faults(text),
        [
            "2:1: unknown key `nmae`: expected name, title, base, without, framing, lead, mti, \
             bitmap, maps, fields, rules",
            "3:7: mti: expected ascii, bcd, ebcdic, found `utf-8`",
            "4:8: lead: expected pairs of hex digits, found 6",
            "14:1: fields.48.subfields.tags.0023: class ans cannot be encoded as BCD aligned \
             right, filled with 0",
            "19:9: fields.200: DE 200: the bitmap has no bit for it",
            "27:10: fields.3.length: expected a length up to 65535, or { max, prefix }, \
             found -1",
        ]
    );
}

#[test]
fn every_value_of_a_dialect_that_cannot_be_is_refused_where_it_stands() {
    for (text, expected) in [
        ("x".to_owned(), "1:2: "),
        ("title='x'".to_owned(), "no `name`"),
        ("name=1".to_owned(), "1:6: name: expected a string, found 1"),
        (
            "name='x'\nbase='iso93'".to_owned(),
            "2:6: base: expected iso87-ascii, ",
        ),
        (
            "name='x'\nmaps=4".to_owned(),
            "2:6: maps: 4 bitmaps: expected 1 to 3",
        ),
        (
            "name='x'\nmaps=true".to_owned(),
            "maps: expected fixed-1, fixed-2, fixed-3",
        ),
        (
            "name='x'\nmaps=999".to_owned(),
            "maps: expected 1 to 3, found 999",
        ),
        (
            "name='x'\nwithout=['a']".to_owned(),
            "without: expected whole numbers",
        ),
        (
            "name='x'\nwithout=3".to_owned(),
            "without: expected an array of numbers",
        ),
        (
            "name='x'\nfields.4=3".to_owned(),
            "fields.4: expected a table, found 3",
        ),
        (
            "name='x'\nfields.04.name='a'".to_owned(),
            "a data element, 2 to 192, found 04",
        ),
    ] {
        assert_told(&text, expected);
    }
}

#[test]
fn every_value_of_a_field_that_cannot_be_is_refused_where_it_stands() {
    for (text, expected) in [
        (field(N), "2:1: fields.4: no `length`"),
        (field("class='q'"), "fields.4.class: expected n, a, as, "),
        (
            field(&format!("{N}length={{max=3}}")),
            "fields.4.length: no `prefix`",
        ),
        (
            field(&format!("{N}length={{prefix='LL'}}")),
            "fields.4.length: no `max`",
        ),
        (
            field(&format!("{N}length={{max=100,prefix='LL'}}")),
            "fields.4: maximum of 100 is above 99",
        ),
        (
            field(&format!("{N}length={{max=3,prefix='LX'}}")),
            "length.prefix: expected L to LLLLLL, found LX",
        ),
        (
            field(&format!("{N}length=3\nfill='F'")),
            "a fill of bcd or bcd-left only",
        ),
        (
            field(&format!("{N}length=3\npadding={{side='left',with='00'}}")),
            "padding.with: expected one ASCII character",
        ),
        (
            field(&format!("{N}length=3\npadding={{side='left',with=' '}}")),
            "fields.4: the filler is not of class n",
        ),
        (
            field(&format!("{N}length=3\nlenient='yes'")),
            "lenient: expected true or false",
        ),
    ] {
        assert_told(&text, expected);
    }
}

#[test]
fn subfields_that_cannot_be_are_refused_where_they_stand() {
    for (text, expected) in [
        (
            field(&format!("{N}length=3\nsubfields={{}}")),
            "fields.4.subfields: no `form`",
        ),
        (
            field(&format!(
                "{N}length=3\nsubfields={{form='bitmapped',width=0,bits={{}}}}"
            )),
            "fields.4.subfields: a bitmap of 0 bytes: expected 1 to 24",
        ),
        (
            field(&format!(
                "{N}length=3\nsubfields={{form='positional',parts=[1]}}"
            )),
            "subfields.parts: expected tables, found 1",
        ),
        (
            field(&format!(
                "{N}length=3\nsubfields={{form='ber',tags={{9g={{}}}}}}"
            )),
            "subfields.tags.9g: tag `9g`: expected one to three bytes of BER-TLV in upper-case hex",
        ),
        (
            field(&format!(
                "{N}length=3\nsubfields={{form='tagged',tag={{width=2,coding='bcd'}},\
                 length={{prefix='LL'}},tags={{001={{}}}}}}"
            )),
            "subfields.tags.001: tag `001`: expected 2 digits",
        ),
        (
            field(&format!(
                "{N}length=3\nsubfields={{form='bitmapped',width=1,bits={{9={{name='f',\
                 class='n',encoding='ascii',length=1}}}}}}"
            )),
            "fields.4.subfields: subfield 9: its bitmap has no bit for it",
        ),
        (
            field(&format!("{N}length=3\nsubfields={{form='ber',tag={{}}}}")),
            "fields.4.subfields: unknown key `tag`: expected form, unknown, tags",
        ),
    ] {
        assert_told(&text, expected);
    }
}

#[test]
fn an_error_begins_with_the_name_of_the_file() {
    let error = spec_file::read("toyland.toml", "name = 'x'\nmti = 3").unwrap_err();
    let expected = "toyland.toml:2:7: mti: expected ascii, bcd, ebcdic, found 3";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.faults()[0].place, Some(Place { line: 2, column: 7 }));
}

#[test]
fn files_without_end_are_refused_before_they_are_read() {
    let size = SIZE_MAX + 1;
    let expected = format!("file of {size} bytes: at most {SIZE_MAX} are read");
    assert_eq!(faults(&" ".repeat(size)), [expected]);
    let mut nested = "name='x'\n[fields.4".to_owned();
    nested.push_str(&".subfields.rest".repeat(60_000));
    nested.push(']');
    assert!(!faults(&nested).is_empty());
    let mut nested = "name='x'\n".to_owned();
    let mut path = "fields.4".to_owned();
    for _ in 0..=spec_file::NESTING_MAX {
        nested.push_str(&format!(
            "[{path}]\nname='x'\nclass='ans'\nencoding='ascii'\nlength=9\n\
             [{path}.subfields]\nform='ber'\n"
        ));
        path.push_str(".subfields.tags.9F02");
    }
    let faults = faults(&nested);
    assert!(
        faults[0].ends_with("nested deeper than 8 fields"),
        "{faults:?}"
    );
}

#[test]
fn a_file_that_is_wrong_throughout_is_told_in_part() {
    let lines = (0..100_000).map(|key| format!("k{key}=1\n"));
    assert_eq!(
        faults(&lines.collect::<String>()).len(),
        spec_file::FAULTS_MAX
    );
}
