//! Dialects as data: what the elements are, and how each stands on the wire.
//!
//! An element has a class, an extent and a visibility, whatever the wire; a
//! dialect adds the encoding of each class, of length prefixes and of bitmaps.

mod class;
mod iso87;

use std::sync::LazyLock;

pub use class::Class;

/// How messages stand on the wire: which elements there are and how each is coded.
///
/// The built-in dialects are those of `tests/vectors/golden-messages.json`.
#[derive(Debug)]
pub struct Dialect {
    name: &'static str,
    coding: Coding,
    /// By data element number; 0, 1 and 65 are none.
    elements: Vec<Option<&'static Element>>,
}

impl Dialect {
    /// All ASCII, bitmaps as 16 or 32 hex digits, binary elements as hex text.
    #[must_use]
    pub fn iso87_ascii() -> &'static Self {
        static DIALECT: LazyLock<Dialect> = LazyLock::new(|| {
            Dialect::of_1987(
                "iso87-ascii",
                Coding {
                    digits: Digits::Ascii,
                    bytes: Bytes::Hex,
                    bitmap: Bytes::Hex,
                },
            )
        });
        &DIALECT
    }

    /// ASCII elements and lengths, raw bitmaps and raw binary elements.
    #[must_use]
    pub fn iso87_ascii_binmap() -> &'static Self {
        static DIALECT: LazyLock<Dialect> = LazyLock::new(|| {
            Dialect::of_1987(
                "iso87-ascii-binmap",
                Coding {
                    digits: Digits::Ascii,
                    bytes: Bytes::Raw,
                    bitmap: Bytes::Raw,
                },
            )
        });
        &DIALECT
    }

    /// MTI, digits, tracks and lengths as packed BCD, padded with a zero nibble on the left; text
    /// in ASCII, all else raw.
    #[must_use]
    pub fn iso87_bcd() -> &'static Self {
        static DIALECT: LazyLock<Dialect> = LazyLock::new(|| {
            Dialect::of_1987(
                "iso87-bcd",
                Coding {
                    digits: Digits::Bcd,
                    bytes: Bytes::Raw,
                    bitmap: Bytes::Raw,
                },
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
            .find(|dialect| dialect.name == name)
    }

    /// The name configurations use.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn coding(&self) -> Coding {
        self.coding
    }

    pub(crate) fn element(&self, de: u8) -> Option<&'static Element> {
        self.elements.get(usize::from(de)).copied().flatten()
    }

    fn of_1987(name: &'static str, coding: Coding) -> Self {
        let mut elements = vec![None; 129];
        for element in &iso87::ELEMENTS {
            if let Some(slot) = elements.get_mut(usize::from(element.de)) {
                *slot = Some(element);
            }
        }
        Self {
            name,
            coding,
            elements,
        }
    }
}

/// The 1987 element of a number, for what is said of it independent of any wire.
pub(crate) fn element(de: u8) -> Option<&'static Element> {
    Dialect::iso87_ascii().element(de)
}

/// A data element as the standard defines it.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) de: u8,
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    pub(crate) extent: Extent,
    pub(crate) visibility: Visibility,
}

/// How long an element's value is, in digits, characters or (class `b`) bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Always so long.
    Fixed(usize),
    /// Up to so long, behind a length of two digits.
    Ll(usize),
    /// Up to so long, behind a length of three digits.
    Lll(usize),
}

/// What of a value may be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// All of it.
    Shown,
    /// A card number: first six, last four.
    Partly,
    /// Nothing: secret, or may hide a secret.
    Never,
}

/// How a dialect codes what is not text (text is ASCII in all of them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coding {
    /// MTI, classes n and z, length prefixes.
    pub(crate) digits: Digits,
    /// Class b.
    pub(crate) bytes: Bytes,
    /// Both bitmaps.
    pub(crate) bitmap: Bytes,
}

/// A digit on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digits {
    /// A character.
    Ascii,
    /// A nibble.
    Bcd,
}

/// A byte on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// Itself.
    Raw,
    /// Two hex digits.
    Hex,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_but_the_bitmaps_is_there_and_under_its_own_number() {
        let dialect = Dialect::iso87_bcd();
        for de in 0..=u8::MAX {
            match (de, dialect.element(de)) {
                (0 | 1 | 65 | 129.., found) => assert!(found.is_none(), "DE {de}"),
                (_, found) => assert_eq!(found.map(|element| element.de), Some(de)),
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
