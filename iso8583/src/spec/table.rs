//! The standard's tables, and the codings that make dialects of them.

use crate::composite::{Ber, Composite};
use crate::mti::{Edition, Mti};
use crate::spec::field::widen;
use crate::spec::{
    BitmapForm, Class, Counting, Dialect, DialectBuilder, Encoding, Field, ImpossibleField, Length,
    Maps, MtiCoding, Prefix, PrefixCoding, Visibility, iso87, iso93, iso2003,
};

/// A data element as the standard defines it, whatever the wire.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) de: u8,
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    pub(crate) extent: Extent,
    pub(crate) visibility: Visibility,
}

impl Element {
    pub(crate) const fn new(
        de: u8,
        name: &'static str,
        class: Class,
        extent: Extent,
        visibility: Visibility,
    ) -> Self {
        Self {
            de,
            name,
            class,
            extent,
            visibility,
        }
    }
}

/// How long an element's value is, in digits, characters or (class `b`) bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Always so long.
    Fixed(u16),
    /// Up to so long, behind a length of two digits.
    Ll(u16),
    /// Up to so long, behind a length of three digits.
    Lll(u16),
    /// Up to so long, behind a length of four digits.
    Llll(u16),
}

/// How a dialect codes the elements of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coding {
    pub(crate) mti: MtiCoding,
    pub(crate) bitmap: BitmapForm,
    /// Length prefixes.
    pub(crate) lengths: PrefixCoding,
    /// Class n.
    pub(crate) digits: Encoding,
    /// Class z.
    pub(crate) tracks: Encoding,
    /// Every other class but b.
    pub(crate) text: Encoding,
    /// Class b.
    pub(crate) bytes: Encoding,
}

impl Coding {
    /// A dialect of the elements of a table; its DE 55 is BER-TLV.
    pub(crate) fn dialect(self, name: &'static str, elements: &[Element]) -> DialectBuilder {
        let mut builder = Dialect::builder(name)
            .mti(self.mti)
            .bitmap(self.bitmap, Maps::UpTo(2));
        for element in elements {
            builder = builder.field(element.de, self.field(element));
        }
        builder
    }

    #[expect(
        clippy::expect_used,
        reason = "constant tables: a test builds every element in every coding"
    )]
    fn field(self, element: &Element) -> Field {
        self.try_field(element)
            .expect("a coding has a form for every element of its table")
            .shown(element.visibility)
    }

    fn try_field(self, element: &Element) -> Result<Field, ImpossibleField> {
        let (encoding, counting) = match element.class {
            Class::N => (self.digits, Counting::Characters),
            Class::Z => (self.tracks, Counting::Characters),
            Class::B => (self.bytes, Counting::Bytes),
            Class::A | Class::As | Class::Ns | Class::An | Class::Ans | Class::Xn => {
                (self.text, Counting::Characters)
            }
        };
        let variable = |digits, max| {
            let coding = self.lengths;
            Length::up_to(
                max,
                Prefix {
                    digits,
                    coding,
                    counting,
                },
            )
        };
        let length = match element.extent {
            Extent::Fixed(length) => Length::Fixed(length),
            Extent::Ll(max) => variable(2, max),
            Extent::Lll(max) => variable(3, max),
            Extent::Llll(max) => variable(4, max),
        };
        let field = Field::new(element.name, element.class, encoding, length)?;
        if element.de == 55 && element.class == Class::B {
            return field.composed(Composite::Ber(Ber::default()));
        }
        Ok(field)
    }
}

/// A subfield of text, as it stands in a value of text.
#[expect(
    clippy::expect_used,
    reason = "constant tables: a test builds every dialect"
)]
pub(crate) fn text(
    name: &'static str,
    class: Class,
    length: Length,
    visibility: Visibility,
) -> Field {
    Field::new(name, class, Encoding::Ascii, length)
        .expect("text goes with every class but b")
        .shown(visibility)
}

/// So many bytes as they are.
#[expect(
    clippy::expect_used,
    reason = "constant tables: a test builds every dialect"
)]
pub(crate) fn bytes(name: &'static str, count: u16, visibility: Visibility) -> Field {
    Field::new(name, Class::B, Encoding::Binary, Length::Fixed(count))
        .expect("bytes are coded as bytes")
        .shown(visibility)
}

impl DialectBuilder {
    /// Says what the value of a data element is made of.
    #[expect(
        clippy::expect_used,
        reason = "constant tables: a test builds every dialect"
    )]
    pub(super) fn compose(self, de: u8, content: Composite) -> Self {
        match self.0.field(de).cloned() {
            Some(field) => {
                let composed = field.composed(content);
                self.field(de, composed.expect("the table's subfields can exist"))
            }
            None => self,
        }
    }
}

/// The element of a number in the version of the standard that a message type says, for what is
/// said of it independent of any wire.
pub(crate) const fn element(mti: Mti, de: u8) -> Option<&'static Element> {
    let elements: &'static [Element] = match mti.edition() {
        Edition::Iso1987 => &iso87::ELEMENTS,
        Edition::Iso1993 => &iso93::ELEMENTS,
        Edition::Iso2003 => &iso2003::ELEMENTS,
    };
    // Every table is of 2 to 64 and 66 to 128 without a gap: a test looks every one up.
    let before = match de {
        2..=64 => de - 2,
        66..=128 => de - 3,
        _ => return None,
    };
    match elements.split_at_checked(widen(before)) {
        Some((_, [element, ..])) => Some(element),
        Some((_, [])) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_found_by_its_number() {
        for mti in [*b"0200", *b"1200", *b"2200", *b"9200"].map(Mti::literal) {
            for de in 0..=u8::MAX {
                let found = element(mti, de).map(|element| element.de);
                let exists = matches!(de, 2..=64 | 66..=128);
                assert_eq!(found, exists.then_some(de), "{mti}");
            }
        }
    }
}
