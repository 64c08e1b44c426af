//! The dialects that come with the crate.

use std::sync::LazyLock;

use crate::spec::table::Coding;
use crate::spec::{BitmapForm, Dialect, Encoding, MtiCoding, PrefixCoding, iso87};

impl Dialect {
    /// All ASCII, bitmaps as 16 or 32 hex digits, binary elements as hex text.
    #[must_use]
    pub fn iso87_ascii() -> &'static Self {
        static DIALECT: LazyLock<Dialect> = LazyLock::new(|| {
            of_1987(
                "iso87-ascii",
                "ISO 8583:1987, all ASCII: bitmaps and binary elements as hex text",
                Coding {
                    bitmap: BitmapForm::Hex,
                    bytes: Encoding::Hex,
                    ..ASCII
                },
            )
        });
        &DIALECT
    }

    /// ASCII elements and lengths, raw bitmaps and raw binary elements.
    #[must_use]
    pub fn iso87_ascii_binmap() -> &'static Self {
        static DIALECT: LazyLock<Dialect> = LazyLock::new(|| {
            of_1987(
                "iso87-ascii-binmap",
                "ISO 8583:1987, ASCII elements, bitmaps and binary elements as bytes",
                ASCII,
            )
        });
        &DIALECT
    }

    /// MTI, digits, tracks and lengths as packed BCD, padded with a zero nibble on the left; text
    /// in ASCII, all else raw.
    #[must_use]
    pub fn iso87_bcd() -> &'static Self {
        static DIALECT: LazyLock<Dialect> = LazyLock::new(|| {
            of_1987(
                "iso87-bcd",
                "ISO 8583:1987, digits and lengths packed, text in ASCII, the rest as bytes",
                BCD,
            )
        });
        &DIALECT
    }

    /// All built-in dialects.
    #[must_use]
    pub fn built_in() -> [&'static Self; 3] {
        [
            Self::iso87_ascii(),
            Self::iso87_ascii_binmap(),
            Self::iso87_bcd(),
        ]
    }

    /// A built-in dialect by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::built_in()
            .into_iter()
            .find(|dialect| dialect.name() == name)
    }
}

const ASCII: Coding = Coding {
    mti: MtiCoding::Ascii,
    bitmap: BitmapForm::Binary,
    lengths: PrefixCoding::Ascii,
    digits: Encoding::Ascii,
    text: Encoding::Ascii,
    bytes: Encoding::Binary,
};

const BCD: Coding = Coding {
    mti: MtiCoding::Bcd,
    lengths: PrefixCoding::Bcd,
    digits: Encoding::BCD,
    ..ASCII
};

#[expect(
    clippy::expect_used,
    reason = "constant tables, numbered 2 to 128: a test builds every dialect"
)]
fn of_1987(name: &'static str, title: &'static str, coding: Coding) -> Dialect {
    coding
        .dialect(name, &iso87::ELEMENTS)
        .title(title)
        .build()
        .expect("the table has numbers the bitmap has bits for")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_but_the_bitmaps_is_there() {
        for dialect in Dialect::built_in() {
            for de in 0..=u8::MAX {
                let is_none = matches!(de, 0 | 1 | 65 | 129..);
                assert_eq!(dialect.field(de).is_none(), is_none, "DE {de}");
            }
        }
    }

    #[test]
    fn a_dialect_is_found_by_the_name_it_bears() {
        for dialect in Dialect::built_in() {
            assert_eq!(
                Dialect::named(dialect.name()).map(Dialect::name),
                Some(dialect.name())
            );
        }
        assert!(Dialect::named("iso87").is_none());
    }
}
