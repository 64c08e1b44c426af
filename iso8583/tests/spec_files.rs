//! Dialects as files: what is read, what is refused, and what comes back as it was written.
#![cfg(feature = "spec-files")]

use std::collections::BTreeMap;

use bytes::BytesMut;
use iso8583::composite::{Ber, Bitmapped, Composite, TagCoding, TagForm, Tagged, Unknown};
use iso8583::spec::{
    Align, BitmapForm, Class, CodePage, Counting, Encoding, Field, Length, Maps, MtiCoding,
    Padding, Prefix, PrefixCoding, Visibility,
};
use iso8583::spec_file::{self, Place, SIZE_MAX, toml};
use iso8583::{Dialect, Message, Mti};

fn assert_same(left: &Dialect, right: &Dialect) {
    assert_eq!(left.name(), right.name());
    assert_eq!(left.title(), right.title());
    assert_eq!(left.framing(), right.framing());
    assert_eq!(left.lead(), right.lead());
    assert_eq!(left.mti(), right.mti());
    assert_eq!(left.bitmap(), right.bitmap());
    let (left, right): (Vec<_>, Vec<_>) = (left.fields().collect(), right.fields().collect());
    assert_eq!(left, right);
}

fn text(name: &'static str, length: u16) -> Field {
    Field::new(name, Class::Ans, Encoding::Ascii, Length::Fixed(length)).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    let error = spec_file::read("x", text).expect_err("the file is wrong");
    error.faults().iter().map(ToString::to_string).collect()
}

mod own_form {
    use super::*;

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
                    (odd.to_owned(), text("odd", 9).composed(inner.clone())),
                ]),
                unknown: Unknown::Refuse,
            })
        };
        let forms = [
            inner.clone(),
            Composite::Positional(vec![
                text("nested", 3).composed(inner.clone()),
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
                hex: true,
                extends: true,
                fields: BTreeMap::from([(2, text("two", 2)), (25, text("xml", 99))]),
            }),
            Composite::Coded {
                code: text("kind", 2),
                rest: Box::new(Composite::Coded {
                    code: text("kind of kind", 1),
                    rest: Box::new(tagged(TagCoding::Text, "a.b")),
                }),
            },
        ];
        let mut builder = Dialect::builder("forms");
        for (de, form) in (40..).zip(forms) {
            builder = builder.field(de, text("composed", 99).composed(form));
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
                 bitmap, maps, fields",
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
    fn every_value_that_cannot_be_is_refused_where_it_stands() {
        let field = |lines: &str| format!("name='x'\n[fields.4]\nname='f'\n{lines}");
        let n = "class='n'\nencoding='ascii'\n";
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
            (field(n), "2:1: fields.4: no `length`"),
            (field("class='q'"), "fields.4.class: expected n, a, as, "),
            (
                field(&format!("{n}length={{max=3}}")),
                "fields.4.length: no `prefix`",
            ),
            (
                field(&format!("{n}length={{prefix='LL'}}")),
                "fields.4.length: no `max`",
            ),
            (
                field(&format!("{n}length={{max=100,prefix='LL'}}")),
                "fields.4: maximum of 100 is above 99",
            ),
            (
                field(&format!("{n}length={{max=3,prefix='LX'}}")),
                "length.prefix: expected L to LLLLLL, found LX",
            ),
            (
                field(&format!("{n}length=3\nfill='F'")),
                "a fill of bcd or bcd-left only",
            ),
            (
                field(&format!("{n}length=3\npadding={{side='left',with='00'}}")),
                "padding.with: expected one ASCII character",
            ),
            (
                field(&format!("{n}length=3\npadding={{side='left',with=' '}}")),
                "fields.4: the filler is not of class n",
            ),
            (
                field(&format!("{n}length=3\nlenient='yes'")),
                "lenient: expected true or false",
            ),
            (
                field(&format!("{n}length=3\nsubfields={{}}")),
                "fields.4.subfields: no `form`",
            ),
            (
                field(&format!(
                    "{n}length=3\nsubfields={{form='bitmapped',width=0,bits={{}}}}"
                )),
                "subfields.width: expected 1 to 24, found 0",
            ),
            (
                field(&format!(
                    "{n}length=3\nsubfields={{form='positional',parts=[1]}}"
                )),
                "subfields.parts: expected tables, found 1",
            ),
            (
                field(&format!(
                    "{n}length=3\nsubfields={{form='ber',tags={{9g={{}}}}}}"
                )),
                "subfields.tags.9g: expected a tag of one to three bytes in upper-case hex",
            ),
            (
                field(&format!(
                    "{n}length=3\nsubfields={{form='tagged',tag={{width=2,coding='bcd'}},\
                     length={{prefix='LL'}},tags={{001={{}}}}}}"
                )),
                "subfields.tags.001: expected a tag of 2 digits, found 001",
            ),
            (
                field(&format!("{n}length=3\nsubfields={{form='ber',tag={{}}}}")),
                "fields.4.subfields: unknown key `tag`: expected form, unknown, tags",
            ),
        ] {
            let faults = faults(&text);
            let told = faults.iter().any(|fault| fault.contains(expected));
            assert!(told, "{text}\n{faults:#?}\nexpected {expected}");
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
            path.push_str(".subfields.tags.9F");
        }
        let faults = faults(&nested);
        assert!(
            faults[0].ends_with("nested deeper than 8 fields"),
            "{faults:?}"
        );
    }
}

mod packagers_of_jpos {
    use super::*;

    const MINI: &str = include_str!("specs/jpos-mini.xml");

    fn mini() -> Dialect {
        spec_file::jpos::read(MINI).unwrap().dialect
    }

    #[test]
    fn classes_become_what_they_put_on_the_wire() {
        let mut message = Message::new(Mti::NETWORK_REQUEST);
        message
            .set(2, b"12345")
            .set(3, b"301")
            .set(22, b"51")
            .set(23, b"1")
            .set(28, b"D00000123")
            .set(32, b"123")
            .set(35, b"99=12")
            .set(41, b"T1")
            .set(42, b"M1")
            .set(52, b"\x01\x23\x45\x67\x89\xAB\xCD\xEF")
            .set(53, b"\x20\0\0\0\0\0\0\x01")
            .set(63, b"\xAA\xBB\xCC")
            .set(130, b"77");
        let mut wire = BytesMut::new();
        mini().encode(&message, &mut wire).unwrap();
        let expected = [
            &b"\x08\x00"[..],
            b"\xE0\0\x06\x11\x20\xC0\x18\x02",
            b"\x80\0\0\0\0\0\0\0",
            b"\x40\0\0\0\0\0\0\0",
            b"\x05\x12\x34\x50",
            b"\x00\x03\x01",
            b"\x00\x51",
            b"\x00\x1F",
            b"D\x00\x00\x01\x23",
            b"\xF0\xF2\x12\x3F",
            b"\x05\x09\x9D\x12",
            b"T1      ",
            b"\xD4\xF1\x40\x40",
            b"0123456789ABCDEF",
            b"\x20\0\0\0\0\0\0\x01",
            b"\x06\xAA\xBB\xCC",
            b"00077",
        ]
        .concat();
        assert_eq!(wire[..], expected[..]);
        let decoded = mini().decode(&wire).unwrap();
        assert_eq!(decoded.text(2), Some("12345"));
        assert_eq!(decoded.text(32), Some("123"));
        assert_eq!(decoded.text(35), Some("99=12"));
        assert_eq!(decoded.text(42), Some("M1  "));
        assert_eq!(decoded.text(130), Some("00077"));
    }

    #[test]
    fn nested_packagers_become_subfields() {
        let dialect = mini();
        let content = |de| dialect.field(de).unwrap().content().unwrap().clone();
        let Composite::Positional(parts) = content(48) else {
            panic!("by position");
        };
        let names: Vec<_> = parts.iter().map(Field::name).collect();
        assert_eq!(names, ["kind", "text"]);
        assert_eq!(content(55), Composite::Ber(Ber::default()));
        let Composite::Tagged(tagged) = content(60) else {
            panic!("by tag");
        };
        assert_eq!(
            tagged.tag,
            TagForm {
                width: 2,
                coding: TagCoding::Text
            }
        );
        assert_eq!(tagged.length.digits, 2);
        assert_eq!(tagged.known["01"].class(), Class::Ans);
        assert_eq!(tagged.known["12"].class(), Class::B);
        let Composite::Bitmapped(bitmapped) = content(127) else {
            panic!("by bitmap");
        };
        assert_eq!(
            (bitmapped.width, bitmapped.hex, bitmapped.extends),
            (8, false, false)
        );
        assert_eq!(bitmapped.fields[&2].name(), "switch key");
    }

    #[test]
    fn what_the_xml_does_not_say_is_what_the_standard_says() {
        let dialect = mini();
        let visibility = |de| dialect.field(de).unwrap().visibility();
        assert_eq!(visibility(2), Visibility::Partly);
        assert_eq!(visibility(3), Visibility::Shown);
        assert_eq!(
            (visibility(35), visibility(52)),
            (Visibility::Never, Visibility::Never)
        );
        assert_eq!(visibility(130), Visibility::Never);
        assert_eq!(dialect.field(35).unwrap().class(), Class::Z);
        assert_eq!(dialect.field(2).unwrap().name(), "card & number");
        assert_eq!(dialect.field(61), None);
        assert_eq!(dialect.bitmap().maps, Maps::UpTo(3));
    }

    #[test]
    fn what_is_not_the_same_is_noted() {
        let imported = spec_file::read("dir/mini.xml", MINI).unwrap();
        assert_eq!(imported.dialect.name(), "mini");
        assert_eq!(
            imported.notes,
            [
                "field 41: what is read keeps the padding that jPOS trims",
                "field 48: subfields are numbered by their place, from 1",
            ]
        );
    }

    #[test]
    fn an_import_is_written_as_toml_and_read_again() {
        assert_same(&mini(), &toml::read(&toml::write(&mini())).unwrap());
    }

    #[test]
    fn every_class_without_a_like_is_told_at_once() {
        let text = "<isopackager>\n\
            <isofield id='0' length='4' class='org.jpos.iso.IFA_LLCHAR'/>\n\
            <isofield id='1' length='12' class='org.jpos.iso.IFA_BITMAP'/>\n\
            <isofield id='2' length='19' class='com.bank.IFX_PAN'/>\n\
            <isofield id='3' length='6' class='org.jpos.iso.IFA_FLLNUM'/>\n\
            <isofield id='4' length='12'/>\n\
            <isofield id='5' length='x' class='org.jpos.iso.IFA_NUMERIC'/>\n\
            <isofield id='6' length='100' class='org.jpos.iso.IFA_LLCHAR'/>\n\
            <isofield id='7' length='3' class='org.jpos.iso.IFB_HEX'/>\n\
            <isofield id='999' length='3' class='org.jpos.iso.IF_CHAR'/>\n\
            <isofieldpackager id='48' length='99' class='org.jpos.iso.IFA_LLCHAR' \
            packager='org.jpos.iso.packager.EuroSubFieldPackager'/>\n\
            <isofieldpackager id='60' length='99' class='org.jpos.iso.IFA_LLCHAR' \
            packager='org.jpos.iso.packager.GenericTaggedFieldsPackager' tagMapper='com.x.Y'/>\n\
            <isofieldpackager id='61' length='99' class='org.jpos.iso.IFA_LLCHAR' \
            packager='org.jpos.iso.packager.GenericPackager' emitBitmap='false'>\n\
            <isofield id='1' length='3' class='org.jpos.iso.IFEP_LLCHAR'/>\n\
            </isofieldpackager>\n\
            <isofield id='200' length='3' class='org.jpos.iso.IF_CHAR'/>\n\
            </isopackager>";
        assert_eq!(
            faults(text),
            [
                "2:1: field 0: org.jpos.iso.IFA_LLCHAR is not supported: an MTI is four digits",
                "3:1: field 1: expected 8, 16 or 24 bytes, found 12",
                "4:1: field 2: com.bank.IFX_PAN is not supported: no field packager of this name \
                 is known",
                "5:1: field 3: org.jpos.iso.IFA_FLLNUM is not supported: a length before a value \
                 that always takes the longest one's place",
                "6:1: field 4: no `class`",
                "7:1: field 5: expected a number in `length`, found x",
                "8:1: field 6: maximum of 100 is above 99, the most the prefix can say",
                "9:1: field 7: org.jpos.iso.IFB_HEX is not supported: an odd number of hex digits",
                "10:1: isofield: expected a number in `id`, found 999",
                "11:1: field 48: org.jpos.iso.packager.EuroSubFieldPackager is not supported: no \
                 packager of subfields of this name is known",
                "12:1: field 60: tagMapper `com.x.Y` is not supported: tags are known that are \
                 the decimal number of their field",
                "14:1: field 61.1: org.jpos.iso.IFEP_LLCHAR is not supported: no field packager \
                 of this name is known",
                "16:1: field 200: DE 200: the bitmap has no bit for it",
            ]
        );
    }

    #[test]
    fn what_is_no_packager_is_refused() {
        for (text, expected) in [
            ("<isopackager/>", "1:1: isopackager: no `isofield id=0`"),
            ("<other/>", "1:1: expected <isopackager>, found other"),
            ("<a/><b/>", "1:1: expected one outermost element"),
            ("<isopackager>\n<isofield", "2:1: "),
            ("<isopackager>", "<isopackager> does not end"),
            ("<a></b>", "1:4: "),
            ("<a b='&x;'/>", "1:1: "),
            (
                "<isopackager emitBitmap='false'/>",
                "a bitmap elsewhere than in field 1",
            ),
            (&"<a>".repeat(30), "nested deeper than 8 fields"),
        ] {
            let faults = faults(text);
            assert!(
                faults.iter().any(|fault| fault.contains(expected)),
                "{faults:?}"
            );
        }
    }
}

mod specs_of_moov {
    use super::*;

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
            (bitmapped.width, bitmapped.hex, bitmapped.extends),
            (8, true, false)
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
}
