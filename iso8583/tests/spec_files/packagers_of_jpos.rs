//! Packagers of jPOS.

use bytes::BytesMut;
use iso8583::composite::{Ber, Composite, TagCoding, TagForm};
use iso8583::spec::{BitmapForm, Class, Field, Maps, Visibility};
use iso8583::spec_file::{self, toml};
use iso8583::{Dialect, Message, Mti};

use crate::{assert_same, faults};

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
        (bitmapped.width, bitmapped.form, bitmapped.extends),
        (8, BitmapForm::Binary, false)
    );
    assert_eq!(bitmapped.fields[&2].name(), "switch key");
}

/// Mastercard's DE 48 of old: a code, then tags and lengths of two digits.
#[test]
fn a_code_stands_before_the_tags_of_a_euro_packager() {
    let mut message = Message::new(Mti::FINANCIAL_REQUEST);
    message.set(112, b"R0702AB4201X");
    let at = |path: &str| {
        let value = message.value_at(&mini(), &path.parse().unwrap()).unwrap();
        value.map(|value| value.to_vec())
    };
    assert_eq!(at("112.code").as_deref(), Some(&b"R"[..]));
    assert_eq!(at("112.07").as_deref(), Some(&b"AB"[..]));
    assert_eq!(at("112.42").as_deref(), Some(&b"X"[..]));
    assert_eq!(at("112.43"), None);
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
            "11:1: field 48: no `isofield`",
            "12:1: field 60: tagMapper `com.x.Y` is not supported: tags are known that are \
             the decimal number of their field",
            "14:1: field 61.1: org.jpos.iso.IFEP_LLCHAR is not supported: a length before the tag, \
             which counts both",
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

#[test]
fn a_bitmap_of_subfields_in_ebcdic_digits_is_one() {
    let bytes = r#"id="0" length="8" name="bitmap" class="org.jpos.iso.IFB_BITMAP""#;
    assert!(MINI.contains(bytes));
    let digits = MINI.replace(bytes, &bytes.replace("IFB", "IFE"));
    let dialect = spec_file::read("mini.xml", &digits).unwrap().dialect;
    let content = dialect.field(127).and_then(Field::content);
    let Some(Composite::Bitmapped(bitmapped)) = content else {
        panic!("by bitmap");
    };
    assert_eq!(bitmapped.form, BitmapForm::EbcdicHex);
}
