//! Dialects as data: what the data elements are, and how each stands on the wire.
//!
//! A [`Dialect`] is a table of [`Field`]s and the coding of what stands before them: MTI and
//! bitmap. The built-in ones are made of the standard's tables, which say of an element its class,
//! extent and visibility whatever the wire, and of a coding: which encoding each class has, and how
//! lengths are written. Others are built field by field ([`Dialect::builder`]) or come from files.

mod built_in;
mod class;
mod field;
mod house;
mod iso2003;
mod iso87;
mod iso93;
mod table;

use std::borrow::Cow;

use thiserror::Error;

use crate::codec::Plan;
use crate::rules::Rules;

pub use class::Class;
pub use field::{
    Align, CodePage, Counting, Encoding, Field, ImpossibleField, Length, Padding, Prefix,
    PrefixCoding, Visibility,
};
pub(crate) use table::element;

/// How messages stand on the wire: which elements there are and how each is coded.
#[derive(Clone, Debug)]
pub struct Dialect {
    name: Cow<'static, str>,
    title: Cow<'static, str>,
    framing: Option<Cow<'static, str>>,
    lead: Cow<'static, [u8]>,
    mti: MtiCoding,
    bitmap: BitmapCoding,
    /// By data element number.
    fields: Vec<Option<Field>>,
    rules: Option<Rules>,
    plan: Plan,
}

impl Dialect {
    /// A dialect to be described: MTI in ASCII, two maps of bits as bytes, no fields yet.
    #[must_use]
    pub fn builder(name: impl Into<Cow<'static, str>>) -> DialectBuilder {
        DialectBuilder(Self {
            name: name.into(),
            title: Cow::Borrowed(""),
            framing: None,
            lead: Cow::Borrowed(b""),
            mti: MtiCoding::Ascii,
            bitmap: BitmapCoding {
                form: BitmapForm::Binary,
                maps: Maps::UpTo(2),
            },
            fields: Vec::new(),
            rules: None,
            plan: Plan::default(),
        })
    }

    /// The name configurations use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A sentence on what it is.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The framing its messages usually travel in (`binary2+tpdu`).
    #[must_use]
    pub fn framing(&self) -> Option<&str> {
        self.framing.as_deref()
    }

    /// What stands before the MTI in messages of our own; messages that come have as many bytes
    /// there.
    #[must_use]
    pub fn lead(&self) -> &[u8] {
        &self.lead
    }

    /// How the message type stands on the wire.
    #[must_use]
    pub const fn mti(&self) -> MtiCoding {
        self.mti
    }

    /// How the maps of fields stand on the wire.
    #[must_use]
    pub const fn bitmap(&self) -> BitmapCoding {
        self.bitmap
    }

    /// What the dialect says of a data element; None where it has no such element.
    #[must_use]
    pub fn field(&self, de: u8) -> Option<&Field> {
        self.fields.get(usize::from(de))?.as_ref()
    }

    /// Every data element of the dialect, ascending.
    pub fn fields(&self) -> impl Iterator<Item = (u8, &Field)> {
        (0..=u8::MAX)
            .zip(&self.fields)
            .filter_map(|(de, field)| Some((de, field.as_ref()?)))
    }

    /// Which elements a message of a type must, may and must not carry; None where the dialect
    /// does not say.
    #[must_use]
    pub const fn rules(&self) -> Option<&Rules> {
        self.rules.as_ref()
    }

    /// The same dialect, to be changed and built anew.
    #[must_use]
    pub fn to_builder(&self) -> DialectBuilder {
        DialectBuilder(self.clone())
    }

    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// Describes a dialect field by field: see [`Dialect::builder`].
///
/// ```
/// use iso8583::Dialect;
/// use iso8583::spec::{Class, Counting, Encoding, Field, Length, Prefix};
///
/// let acquirer = Length::up_to(11, Prefix::ascii(2, Counting::Characters));
/// let dialect = Dialect::builder("mini")
///     .field(11, Field::new("STAN", Class::N, Encoding::Ascii, Length::Fixed(6))?)
///     .field(32, Field::new("acquirer", Class::N, Encoding::Ascii, acquirer)?)
///     .build()?;
/// let message = dialect.decode(b"0800\0\x20\0\x01\0\0\0\0000123042023").unwrap();
/// assert_eq!((message.text(11), message.text(32)), (Some("000123"), Some("2023")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DialectBuilder(Dialect);

impl DialectBuilder {
    /// The name configurations use.
    #[must_use]
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.name = name.into();
        self
    }

    /// A sentence on what it is.
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = title.into();
        self
    }

    /// The framing its messages usually travel in.
    #[must_use]
    pub fn framing(mut self, framing: impl Into<Cow<'static, str>>) -> Self {
        self.0.framing = Some(framing.into());
        self
    }

    /// What stands before the MTI.
    #[must_use]
    pub fn lead(mut self, lead: impl Into<Cow<'static, [u8]>>) -> Self {
        self.0.lead = lead.into();
        self
    }

    /// How the message type stands on the wire.
    #[must_use]
    pub const fn mti(mut self, mti: MtiCoding) -> Self {
        self.0.mti = mti;
        self
    }

    /// How the maps of fields stand on the wire.
    #[must_use]
    pub const fn bitmap(mut self, form: BitmapForm, maps: Maps) -> Self {
        self.0.bitmap = BitmapCoding { form, maps };
        self
    }

    /// Adds a data element, or puts another in its place.
    #[must_use]
    pub fn field(mut self, de: u8, field: Field) -> Self {
        let place = usize::from(de);
        if self.0.fields.len() <= place {
            self.0.fields.resize(place + 1, None);
        }
        if let Some(slot) = self.0.fields.get_mut(place) {
            *slot = Some(field);
        }
        self
    }

    /// Removes a data element.
    #[must_use]
    pub fn without(mut self, de: u8) -> Self {
        if let Some(slot) = self.0.fields.get_mut(usize::from(de)) {
            *slot = None;
        }
        self
    }

    /// Which elements a message of a type must, may and must not carry.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.0.rules = Some(rules);
        self
    }

    /// Takes the rules away: nothing is said of which elements a message carries.
    #[must_use]
    pub fn without_rules(mut self) -> Self {
        self.0.rules = None;
        self
    }

    /// The dialect.
    ///
    /// # Errors
    /// Where a field has a number that no bit of the maps stands for, or there are no maps.
    pub fn build(mut self) -> Result<Dialect, InvalidDialect> {
        let maps = self.0.bitmap.maps;
        let count = maps.count();
        if !(1..=3).contains(&count) {
            return Err(InvalidDialect::Maps { count });
        }
        for (de, _) in self.0.fields() {
            // DE 1 is the second map in every edition, whether bit 1 announces it or not.
            let is_map = de == 1 || de == 65 && maps == Maps::UpTo(3);
            if de == 0 || is_map || usize::from(de) > usize::from(count) * 64 {
                return Err(InvalidDialect::Number { de });
            }
        }
        self.0.plan = Plan::of(&self.0);
        Ok(self.0)
    }
}

/// A dialect that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidDialect {
    /// A field under a number that is none, or that says another map follows.
    #[error("DE {de}: the bitmap has no bit for it")]
    Number {
        /// The number.
        de: u8,
    },
    /// No map, or more than three.
    #[error("{count} bitmaps: expected 1 to 3")]
    Maps {
        /// Maps asked for.
        count: u8,
    },
}

/// How the four digits of the MTI stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MtiCoding {
    /// Four bytes.
    Ascii,
    /// Two bytes.
    Bcd,
    /// Four bytes, F0 to F9.
    Ebcdic,
}

/// How the maps of fields stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitmapCoding {
    /// How bits become bytes.
    pub form: BitmapForm,
    /// How many maps there are.
    pub maps: Maps,
}

/// How the bits of a map stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitmapForm {
    /// Eight bytes a map.
    Binary,
    /// Sixteen ASCII hex digits a map.
    Hex,
    /// Sixteen EBCDIC hex digits a map.
    EbcdicHex,
}

/// How many maps of 64 bits stand before the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maps {
    /// One, and while the first bit of a map is set, one more, up to so many (DE 1, DE 65).
    UpTo(u8),
    /// Always so many, whatever bit 1 is: it announces nothing and is no field either. Bit 65
    /// stands for a field as the others do.
    Fixed(u8),
}

impl Maps {
    const fn count(self) -> u8 {
        match self {
            Self::UpTo(count) | Self::Fixed(count) => count,
        }
    }
}

impl core::fmt::Display for Encoding {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Ascii => f.write_str("ASCII"),
            Self::Ebcdic(CodePage::Cp037) => f.write_str("EBCDIC 037"),
            Self::Ebcdic(CodePage::Cp500) => f.write_str("EBCDIC 500"),
            Self::Ebcdic(CodePage::Cp1047) => f.write_str("EBCDIC 1047"),
            Self::EucKr => f.write_str("EUC-KR"),
            Self::Bcd { align, fill } => {
                let side = if *align == Align::Left {
                    "left"
                } else {
                    "right"
                };
                write!(f, "BCD aligned {side}, filled with {fill:X}")
            }
            Self::Binary => f.write_str("binary"),
            Self::Hex => f.write_str("hex"),
            Self::EbcdicHex => f.write_str("EBCDIC hex"),
        }
    }
}

impl core::fmt::Display for Counting {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Characters => "characters",
            Self::Bytes => "bytes",
            Self::Nibbles => "nibbles",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DE 1 is the second map in every edition; DE 65 where a third one is chained to it.
    #[test]
    fn a_map_of_bits_is_no_field_nor_is_what_has_no_bit() {
        let field = Field::new("any", Class::N, Encoding::Ascii, Length::Fixed(1)).unwrap();
        let built = |maps, de| {
            let builder = Dialect::builder("any").bitmap(BitmapForm::Binary, maps);
            builder.field(de, field.clone()).build()
        };
        for (maps, refused) in [
            (Maps::UpTo(1), &[0, 1, 65, 128, 129][..]),
            (Maps::UpTo(2), &[0, 1, 129, 255]),
            (Maps::UpTo(3), &[0, 1, 65, 193]),
            (Maps::Fixed(1), &[0, 1, 65]),
            (Maps::Fixed(2), &[0, 1, 129]),
            (Maps::Fixed(3), &[0, 1, 193]),
        ] {
            for de in refused {
                let invalid = built(maps, *de).unwrap_err();
                assert_eq!(invalid, InvalidDialect::Number { de: *de }, "{maps:?}");
            }
            for de in [2, 64, maps.count() * 64] {
                assert!(built(maps, de).is_ok(), "{maps:?} {de}");
            }
        }
        assert!(built(Maps::Fixed(3), 65).is_ok() && built(Maps::UpTo(2), 65).is_ok());
        for count in [0, 4] {
            assert_eq!(
                built(Maps::UpTo(count), 2).unwrap_err(),
                InvalidDialect::Maps { count }
            );
        }
    }
}
