//! The dialect of each family of vectors.

use iso8583::Dialect;
use iso8583::composite::{Bitmapped, Composite};
use iso8583::frame::Framing;
use iso8583::spec::{
    Align, BitmapForm, Class, CodePage, Counting, DialectBuilder, Encoding, Field, Length, Maps,
    MtiCoding, Prefix, PrefixCoding,
};

/// How the vectors of a family stand on the wire.
pub(crate) struct Family {
    pub(crate) dialect: Dialect,
    pub(crate) framing: Option<Framing>,
}

impl Family {
    /// The family of a vector.
    pub(crate) fn of(family: &str, name: &str) -> Self {
        let hex = BitmapForm::Hex;
        let mut framing = None;
        let builder = match family {
            "ASCII"
            | "any"
            | "ASCII, hex-ASCII bitmap"
            | "ASCII, hex-ASCII bitmap, secondary"
            | "ASCII, hex-ASCII bitmap (lower/upper mix as in file), binary fields as hex \
               characters" => ascii(),
            "ASCII, FIXED 128-bit hex-ASCII bitmap with bit 1 clear, DE55 raw BER-TLV with LLL \
             ASCII length"
            | "ASCII, FIXED 128-bit hex bitmap with bit 1 clear (moov Spec87ASCII quirk)" => {
                raw_icc_data().bitmap(hex, Maps::Fixed(2))
            }
            "ASCII, hex-ASCII bitmap, DE55 raw BER-TLV with LLL ASCII length" => raw_icc_data(),
            "ASCII, three hex-ASCII bitmaps" => ascii()
                .without(65)
                .bitmap(hex, Maps::UpTo(3))
                .field(130, fixed(Class::N, Encoding::Ascii, 1)),
            "ASCII 1993, hex-ASCII bitmap" => iso93a(),
            "BCD/binary (IFB): BCD MTI, binary bitmap, BCD numerics left-padded, BCD length \
             prefixes" => iso87b(),
            "BCD/binary: BCD MTI, binary bitmap; fixed n left-padded, LLVAR n right-padded" => {
                packed_left()
            }
            "BCD/binary: BCD MTI, binary bitmap"
            | "BCD MTI/numerics, binary bitmap, ASCII text" => Dialect::iso87_bcd().to_builder(),
            "EBCDIC incl. hex bitmap in EBCDIC characters" => ebcdic(),
            "EBCDIC MTI, ASCII hex bitmap" => ascii().mti(MtiCoding::Ebcdic),
            "EBCDIC 1993, 9-byte EBCDIC header \"1ROUTENET\", bitmap as in file, DE55 = nested \
             bitmapped composite (header F1)" => ebcdic_1993(),
            "ASCII MTI and fields, binary bitmap, DE127 = 6-digit length + inner 8-byte bitmap \
             (Postilion style)" => postilion(),
            "ASCII fields, binary bitmap (1993 \"Berlin\")" => {
                Dialect::iso87_ascii_binmap().to_builder()
            }
            "ASCII fields, binary 128-bit bitmap, 2-byte binary length 005B + 10-character \
             header" => {
                framing = Some("binary2".parse().unwrap());
                Dialect::iso87_ascii_binmap()
                    .to_builder()
                    .lead(&b"0110000000"[..])
            }
            "ASCII with 6-byte text header" => ascii().lead(&b"header"[..]),
            "BCD/binary with 2-byte binary length + 5-byte TPDU (Hypercom/NCC)" => {
                framing = Some("binary2+tpdu".parse().unwrap());
                hypercom()
            }
            "mixed: ASCII fields, binary bitmap" => subfields_of_3(name),
            mixed if mixed.starts_with("mixed") => mixed_codings(),
            other => panic!("{name}: no dialect for the family {other}"),
        };
        Self {
            dialect: builder.name("family").build().unwrap(),
            framing,
        }
    }
}

pub(crate) fn fixed(class: Class, encoding: Encoding, length: u16) -> Field {
    Field::new("fixed", class, encoding, Length::Fixed(length)).unwrap()
}

/// Text or digits in ASCII, behind so many ASCII digits.
pub(crate) fn ascii_up_to(class: Class, digits: u8, max: u16) -> Field {
    let length = Length::up_to(max, Prefix::ascii(digits, Counting::Characters));
    Field::new("variable", class, Encoding::Ascii, length).unwrap()
}

pub(crate) fn bytes_up_to(prefix: Prefix, max: u16) -> Field {
    let length = Length::up_to(max, prefix);
    Field::new("bytes", Class::B, Encoding::Binary, length).unwrap()
}

const LLL_BYTES: Prefix = Prefix::ascii(3, Counting::Bytes);
const ANY: Class = Class::Ans;

/// The 1987 table in ASCII, as far as other implementations keep to it: signs of amounts may be
/// digits, tracks have their sentinels, DE 55 is text.
fn ascii() -> DialectBuilder {
    let mut builder = Dialect::iso87_ascii()
        .to_builder()
        .field(34, ascii_up_to(ANY, 2, 28))
        .field(35, ascii_up_to(ANY, 2, 37))
        .field(36, ascii_up_to(ANY, 3, 104))
        .field(55, ascii_up_to(ANY, 3, 999));
    for de in 28..=31 {
        builder = builder.field(de, fixed(Class::Xn, Encoding::Ascii, 9).lenient());
    }
    builder
}

fn raw_icc_data() -> DialectBuilder {
    let icc_data = bytes_up_to(LLL_BYTES, 255)
        .composed(Composite::Ber(Default::default()))
        .unwrap();
    ascii().field(55, icc_data)
}

/// jPOS `ISO93APackager`, the elements of its test message.
fn iso93a() -> DialectBuilder {
    let n = |length| fixed(Class::N, Encoding::Ascii, length);
    let mut builder = ascii();
    for (de, length) in [
        (12, 12),
        (15, 6),
        (25, 4),
        (26, 4),
        (28, 6),
        (29, 3),
        (30, 24),
        (39, 3),
        (40, 3),
        (57, 3),
        (90, 10),
    ] {
        builder = builder.field(de, n(length));
    }
    builder
        .field(22, fixed(Class::An, Encoding::Ascii, 12))
        .field(31, ascii_up_to(ANY, 2, 99))
        .field(43, ascii_up_to(ANY, 2, 99))
        .field(44, ascii_up_to(ANY, 2, 99))
        .field(53, bytes_up_to(Prefix::ascii(2, Counting::Bytes), 48))
        .field(55, bytes_up_to(LLL_BYTES, 255))
        .field(56, ascii_up_to(ANY, 2, 35))
        .field(58, ascii_up_to(Class::N, 2, 11))
}

const PACKED_LEFT: Encoding = Encoding::Bcd {
    align: Align::Left,
    fill: 0,
};

fn packed_up_to(class: Class, max: u16) -> Field {
    let length = Length::up_to(max, Prefix::bcd(2, Counting::Characters));
    Field::new("packed", class, PACKED_LEFT, length).unwrap()
}

/// Packed digits of variable length begin at the first nibble, those of fixed length end at the
/// last.
fn packed_left() -> DialectBuilder {
    Dialect::iso87_bcd()
        .to_builder()
        .field(2, packed_up_to(Class::N, 19))
        .field(32, packed_up_to(Class::N, 11))
        .field(33, packed_up_to(Class::N, 11))
        .field(35, packed_up_to(Class::Z, 37))
}

/// jPOS `ISO87BPackager`.
fn iso87b() -> DialectBuilder {
    let text = |digits, max| {
        let length = Length::up_to(max, Prefix::bcd(digits, Counting::Characters));
        Field::new("text", ANY, Encoding::Ascii, length).unwrap()
    };
    let mut builder = packed_left()
        .field(34, text(2, 28))
        .field(36, text(3, 104))
        .field(55, text(3, 999));
    for de in 28..=31 {
        builder = builder.field(de, fixed(Class::Xn, Encoding::BCD, 9).lenient());
    }
    for de in 49..=51 {
        builder = builder.field(de, fixed(Class::N, Encoding::Ascii, 3));
    }
    builder
}

const PAGE: Encoding = Encoding::Ebcdic(CodePage::Cp037);

fn ebcdic_up_to(class: Class, digits: u8, max: u16) -> Field {
    let prefix = Prefix {
        digits,
        coding: PrefixCoding::Ebcdic,
        counting: Counting::Characters,
    };
    Field::new("EBCDIC", class, PAGE, Length::up_to(max, prefix)).unwrap()
}

fn ebcdic() -> DialectBuilder {
    let n = |length| fixed(Class::N, PAGE, length);
    Dialect::builder("ebcdic")
        .mti(MtiCoding::Ebcdic)
        .bitmap(BitmapForm::EbcdicHex, Maps::UpTo(2))
        .field(2, ebcdic_up_to(Class::N, 2, 19))
        .field(3, n(6))
        .field(4, n(12))
        .field(5, n(12))
        .field(6, n(12))
        .field(7, n(10))
        .field(11, n(6))
        .field(49, n(3))
}

fn ebcdic_1993() -> DialectBuilder {
    let icc_data = Length::up_to(
        255,
        Prefix {
            digits: 3,
            coding: PrefixCoding::Ebcdic,
            counting: Counting::Bytes,
        },
    );
    let icc_data = Field::new("ICC data", Class::B, Encoding::Binary, icc_data).unwrap();
    ebcdic()
        .lead(&b"\xf1\xd9\xd6\xe4\xe3\xc5\xd5\xc5\xe3"[..])
        .field(12, fixed(Class::N, PAGE, 12))
        .field(14, fixed(Class::N, PAGE, 4))
        .field(20, fixed(Class::N, PAGE, 3))
        .field(22, fixed(Class::An, PAGE, 12))
        .field(24, fixed(Class::N, PAGE, 3))
        .field(26, fixed(Class::N, PAGE, 4))
        .field(32, ebcdic_up_to(Class::N, 2, 11))
        .field(37, fixed(Class::An, PAGE, 12))
        .field(41, fixed(ANY, PAGE, 8))
        .field(42, fixed(ANY, PAGE, 15))
        .field(55, icc_data)
}

fn postilion() -> DialectBuilder {
    let inner = Bitmapped {
        width: 8,
        form: BitmapForm::Binary,
        extends: false,
        fields: [
            (2, ascii_up_to(ANY, 2, 32)),
            (25, ascii_up_to(ANY, 4, 8000)),
        ]
        .into(),
    };
    let prefix = Prefix::ascii(6, Counting::Bytes);
    Dialect::iso87_ascii_binmap().to_builder().field(
        127,
        bytes_up_to(prefix, 60_000)
            .composed(Composite::Bitmapped(inner))
            .unwrap(),
    )
}

/// NCC of Hypercom terminals: four digits where the standard has three, the last nibble of the
/// track counted.
fn hypercom() -> DialectBuilder {
    let n = |length| fixed(Class::N, Encoding::BCD, length);
    packed_left()
        .field(22, n(4))
        .field(24, n(4))
        .field(35, packed_up_to(Class::Z, 38).lenient())
        .field(48, bytes_up_to(Prefix::bcd(3, Counting::Bytes), 999))
        .field(49, fixed(Class::N, Encoding::Ascii, 3))
}

fn mixed_codings() -> DialectBuilder {
    let icc_data = bytes_up_to(LLL_BYTES, 255)
        .composed(Composite::Ber(Default::default()))
        .unwrap();
    Dialect::iso87_ascii_binmap()
        .to_builder()
        .field(19, fixed(Class::N, Encoding::BCD, 3))
        .field(49, fixed(Class::N, PACKED_LEFT, 3))
        .field(55, icc_data)
}

/// DE 3 made of parts, one of which is made of parts itself in the second vector.
fn subfields_of_3(name: &str) -> DialectBuilder {
    let n = |length| fixed(Class::N, Encoding::Ascii, length);
    let code = if name == "moov-err-nested-subfield" {
        let inner = Composite::Positional(vec![n(4), n(6)]);
        let second = fixed(ANY, Encoding::Ascii, 10).composed(inner).unwrap();
        ascii_up_to(ANY, 2, 14)
            .composed(Composite::Positional(vec![n(2), second, n(2)]))
            .unwrap()
    } else {
        fixed(ANY, Encoding::Ascii, 6)
            .composed(Composite::Positional(vec![n(2), n(2), n(2)]))
            .unwrap()
    };
    Dialect::iso87_ascii_binmap().to_builder().field(3, code)
}
