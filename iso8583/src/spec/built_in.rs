//! The dialects that come with the crate.

use std::sync::LazyLock;

use crate::rules::Rules;
use crate::spec::table::{Coding, Element};
use crate::spec::{
    Align, BitmapForm, CodePage, Dialect, DialectBuilder, Encoding, MtiCoding, PrefixCoding, house,
    iso87, iso93, iso2003,
};

/// A function for each dialect, and the list of them all.
macro_rules! built_in {
    ($($(#[$doc:meta])* $dialect:ident => $builder:expr;)*) => {
        impl Dialect {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $dialect() -> &'static Self {
                    static DIALECT: LazyLock<Dialect> = LazyLock::new(|| built($builder));
                    &DIALECT
                }
            )*

            /// All built-in dialects. The list grows from version to version.
            #[must_use]
            pub fn built_in() -> &'static [&'static Self] {
                static ALL: LazyLock<Vec<&'static Dialect>> =
                    LazyLock::new(|| vec![$(Dialect::$dialect()),*]);
                &ALL
            }
        }
    };
}

built_in! {
    /// All ASCII, bitmaps as 16 or 32 hex digits, binary elements as hex text.
    iso87_ascii => of_1987(
        "iso87-ascii",
        "ISO 8583:1987, all ASCII: bitmaps and binary elements as hex text",
        ASCII_HEX,
    )
    .framing("ascii4");

    /// ASCII elements and lengths, raw bitmaps and raw binary elements.
    iso87_ascii_binmap => of_1987(
        "iso87-ascii-binmap",
        "ISO 8583:1987, ASCII elements, bitmaps and binary elements as bytes",
        ASCII,
    )
    .framing("binary2");

    /// MTI, digits, tracks and lengths as packed BCD, padded with a zero nibble on the left; text
    /// in ASCII, all else raw.
    iso87_bcd => of_1987(
        "iso87-bcd",
        "ISO 8583:1987, digits and lengths packed, text in ASCII, the rest as bytes",
        BCD,
    )
    .framing("binary2");

    /// MTI, digits, text and lengths in EBCDIC (code page 1047), raw bitmaps and raw binary
    /// elements.
    iso87_ebcdic => of_1987(
        "iso87-ebcdic",
        "ISO 8583:1987, EBCDIC 1047, bitmaps and binary elements as bytes",
        EBCDIC,
    )
    .framing("binary2");

    /// All EBCDIC (code page 1047): bitmaps and binary elements as EBCDIC hex digits.
    iso87_ebcdic_hex => of_1987(
        "iso87-ebcdic-hex",
        "ISO 8583:1987, all EBCDIC 1047: bitmaps and binary elements as hex text",
        Coding {
            bitmap: BitmapForm::EbcdicHex,
            bytes: Encoding::EbcdicHex,
            ..EBCDIC
        },
    )
    .framing("binary2");

    /// ISO 8583:1993, all ASCII, bitmaps and binary elements as hex digits.
    iso93_ascii => of(
        "iso93-ascii",
        "ISO 8583:1993, all ASCII: bitmaps and binary elements as hex text",
        &iso93::ELEMENTS,
        ASCII_HEX,
    )
    .framing("ascii4");

    /// ISO 8583:1993, ASCII elements and lengths, raw bitmaps and raw binary elements.
    iso93_ascii_binmap => of(
        "iso93-ascii-binmap",
        "ISO 8583:1993, ASCII elements, bitmaps and binary elements as bytes",
        &iso93::ELEMENTS,
        ASCII,
    )
    .framing("ascii4");

    /// ISO 8583:1993, packed as [`Dialect::iso87_bcd`] is.
    iso93_bcd => of(
        "iso93-bcd",
        "ISO 8583:1993, digits and lengths packed, text in ASCII, the rest as bytes",
        &iso93::ELEMENTS,
        BCD,
    )
    .framing("binary2");

    /// ISO 8583:1993 in EBCDIC (code page 1047), raw bitmaps and raw binary elements.
    iso93_ebcdic => of(
        "iso93-ebcdic",
        "ISO 8583:1993, EBCDIC 1047, bitmaps and binary elements as bytes",
        &iso93::ELEMENTS,
        EBCDIC,
    )
    .framing("binary2");

    /// ISO 8583:2003, all ASCII, bitmaps and binary elements as hex digits.
    iso2003_ascii => of_2003(
        "iso2003-ascii",
        "ISO 8583:2003, all ASCII: bitmaps and binary elements as hex text",
        ASCII_HEX,
    )
    .framing("ascii4");

    /// ISO 8583:2003 as the jPOS Common Message Format has it: digits and lengths packed, odd
    /// digits before a zero; tracks and text in ASCII; MACs of four bytes; the signed DE 97 as
    /// text, where jPOS packs it.
    iso2003_bcd => iso2003::cmf(of_2003(
        "iso2003-bcd",
        "ISO 8583:2003 as jPOS CMF packs it, text and tracks in ASCII",
        CMF,
    ))
    .framing("binary2");

    /// What terminals speak: the packed dialect of 1987 behind a TPDU.
    pos => of_1987(
        "pos",
        "terminals: ISO 8583:1987, digits and lengths packed, behind a TPDU",
        BCD,
    )
    .framing("binary2+tpdu");

    /// What our own hosts speak: 1987 in ASCII, with the e-commerce layout of tags in DE 48.
    house => house::of(of_1987(
        "house",
        "our hosts: ISO 8583:1987, all ASCII, tags of e-commerce in DE 48",
        ASCII_HEX,
    ))
    .framing("binary2");
}

impl Dialect {
    /// A built-in dialect by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let mut all = Self::built_in().iter().copied();
        all.find(|dialect| dialect.name() == name)
    }
}

const ASCII: Coding = Coding {
    mti: MtiCoding::Ascii,
    bitmap: BitmapForm::Binary,
    lengths: PrefixCoding::Ascii,
    digits: Encoding::Ascii,
    tracks: Encoding::Ascii,
    text: Encoding::Ascii,
    bytes: Encoding::Binary,
};

const ASCII_HEX: Coding = Coding {
    bitmap: BitmapForm::Hex,
    bytes: Encoding::Hex,
    ..ASCII
};

const BCD: Coding = Coding {
    mti: MtiCoding::Bcd,
    lengths: PrefixCoding::Bcd,
    digits: Encoding::BCD,
    tracks: Encoding::BCD,
    ..ASCII
};

/// jPOS, told not to pad, puts odd digits first in their bytes.
const CMF: Coding = Coding {
    digits: Encoding::Bcd {
        align: Align::Left,
        fill: 0,
    },
    tracks: Encoding::Ascii,
    ..BCD
};

/// Code pages 037 and 1047 agree on letters and digits, and on nearly all else that is sent.
const EBCDIC: Coding = Coding {
    mti: MtiCoding::Ebcdic,
    lengths: PrefixCoding::Ebcdic,
    digits: Encoding::Ebcdic(CodePage::Cp1047),
    tracks: Encoding::Ebcdic(CodePage::Cp1047),
    text: Encoding::Ebcdic(CodePage::Cp1047),
    ..ASCII
};

fn of(
    name: &'static str,
    title: &'static str,
    elements: &[Element],
    coding: Coding,
) -> DialectBuilder {
    coding.dialect(name, elements).title(title)
}

fn of_1987(name: &'static str, title: &'static str, coding: Coding) -> DialectBuilder {
    iso87::composed(of(name, title, &iso87::ELEMENTS, coding)).rules(Rules::iso87().clone())
}

fn of_2003(name: &'static str, title: &'static str, coding: Coding) -> DialectBuilder {
    iso2003::composed(of(name, title, &iso2003::ELEMENTS, coding)).rules(Rules::iso2003().clone())
}

#[expect(
    clippy::expect_used,
    reason = "constant tables, numbered 2 to 128: a test builds every dialect"
)]
fn built(dialect: DialectBuilder) -> Dialect {
    dialect
        .build()
        .expect("the table has numbers the bitmap has bits for")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Framing;

    #[test]
    fn every_element_but_the_bitmaps_is_there() {
        for dialect in Dialect::built_in() {
            for de in 0..=u8::MAX {
                let is_none = matches!(de, 0 | 1 | 65 | 129..);
                assert_eq!(
                    dialect.field(de).is_none(),
                    is_none,
                    "{} {de}",
                    dialect.name()
                );
            }
        }
    }

    #[test]
    fn a_dialect_is_found_by_the_name_it_bears() {
        for dialect in Dialect::built_in() {
            assert!(std::ptr::eq(
                Dialect::named(dialect.name()).unwrap(),
                *dialect
            ));
        }
        assert!(Dialect::named("iso87").is_none());
    }

    #[test]
    fn every_dialect_travels_in_a_framing_there_is() {
        for dialect in Dialect::built_in() {
            let framing = dialect.framing().unwrap();
            assert!(framing.parse::<Framing>().is_ok(), "{framing}");
        }
    }
}
