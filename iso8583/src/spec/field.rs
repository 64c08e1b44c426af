//! One data element or subfield of a dialect, along its four independent axes: value class,
//! encoding, length, padding. What cannot exist cannot be built.

use std::borrow::Cow;

use thiserror::Error;

use crate::composite::Composite;
use crate::spec::Class;

/// A data element or subfield: what its value is and how it stands on the wire.
///
/// ```
/// use iso8583::spec::{Class, Counting, Encoding, Field, Length, Prefix};
///
/// // LLVAR n..19 as packed digits, behind a length of two packed digits.
/// let prefix = Prefix::bcd(2, Counting::Characters);
/// let pan = Field::new("PAN", Class::N, Encoding::BCD, Length::up_to(19, prefix))?;
/// assert_eq!(pan.name(), "PAN");
///
/// // Text does not fit two to a byte.
/// assert!(Field::new("name", Class::Ans, Encoding::BCD, Length::Fixed(40)).is_err());
/// # Ok::<(), iso8583::spec::ImpossibleField>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    name: Cow<'static, str>,
    class: Class,
    lenient: bool,
    encoding: Encoding,
    length: Length,
    padding: Option<Padding>,
    visibility: Visibility,
    content: Option<Box<Composite>>,
}

impl Field {
    /// A field whose characters are checked, that is not padded and shows nothing of its value.
    ///
    /// # Errors
    /// Where no such field can exist.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        class: Class,
        encoding: Encoding,
        length: Length,
    ) -> Result<Self, ImpossibleField> {
        encoding.suits(class)?;
        length.suits(encoding, class)?;
        Ok(Self {
            name: name.into(),
            class,
            lenient: false,
            encoding,
            length,
            padding: None,
            visibility: Visibility::Never,
            content: None,
        })
    }

    /// Takes characters of any class: for hosts that do not keep to their own table.
    #[must_use]
    pub const fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Fills values that are too short when they are written. What is read keeps its padding.
    ///
    /// # Errors
    /// Where the field is not of fixed length, or the filler is not of its class.
    pub fn padded(mut self, padding: Padding) -> Result<Self, ImpossibleField> {
        if matches!(self.length, Length::Variable { .. }) {
            return Err(ImpossibleField::PaddedVariable);
        }
        let place = usize::from(self.class == Class::Xn);
        if !self.lenient && !self.class.holds(place, padding.filler()) {
            return Err(ImpossibleField::Filler { class: self.class });
        }
        self.padding = Some(padding);
        Ok(self)
    }

    /// How much of the value may be printed; nothing where this is not said.
    #[must_use]
    pub const fn shown(mut self, visibility: Visibility) -> Self {
        self.visibility = visibility;
        self
    }

    /// Says what the value is made of: subfields by position, tag or bitmap.
    ///
    /// # Errors
    /// Where no value can be made so: tags without a width or lengths without digits, a bitmap of
    /// no bytes or of more than 24, a subfield whose tag or bit is none of the form or whose
    /// longest value its length cannot say, or subfields more than 8 deep in one another.
    pub fn composed(mut self, content: Composite) -> Result<Self, ImpossibleField> {
        content.is_possible()?;
        self.content = Some(Box::new(content));
        Ok(self)
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which characters its values hold.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Are characters of any class taken?
    #[must_use]
    pub const fn is_lenient(&self) -> bool {
        self.lenient
    }

    /// How a character or byte stands on the wire.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How long it is.
    #[must_use]
    pub const fn length(&self) -> Length {
        self.length
    }

    /// What short values are filled with.
    #[must_use]
    pub const fn padding(&self) -> Option<Padding> {
        self.padding
    }

    /// How much of the value may be printed.
    #[must_use]
    pub const fn visibility(&self) -> Visibility {
        self.visibility
    }

    /// What the value is made of, where it has subfields.
    #[must_use]
    pub fn content(&self) -> Option<&Composite> {
        self.content.as_deref()
    }
}

/// How the characters, digits or bytes of a value stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A byte a character. Bytes from 80 up are taken as they come, in whatever charset.
    Ascii,
    /// A byte a character, in an EBCDIC code page; the value is UTF-8.
    Ebcdic(CodePage),
    /// Korean text, one or two bytes a character (EUC-KR with CP949); the value is UTF-8.
    EucKr,
    /// Digits two to a byte. The separator of tracks is nibble D.
    Bcd {
        /// At which end an odd number of digits begins or stops.
        align: Align,
        /// The nibble beside a lone digit: 0 to F.
        fill: u8,
    },
    /// Bytes as they are.
    Binary,
    /// Two ASCII hex digits a byte: written in upper case, read in either.
    Hex,
    /// Two EBCDIC hex digits a byte.
    EbcdicHex,
}

impl Encoding {
    /// Packed digits as most write them: aligned right, an odd one behind a zero nibble.
    pub const BCD: Self = Self::Bcd {
        align: Align::Right,
        fill: 0,
    };

    const fn suits(self, class: Class) -> Result<(), ImpossibleField> {
        let suits = match self {
            Self::Ascii | Self::Ebcdic(_) => !matches!(class, Class::B),
            Self::EucKr => matches!(class, Class::Ans | Class::As),
            Self::Bcd { fill, .. } => {
                if fill > 0x0F {
                    return Err(ImpossibleField::FillNibble { fill });
                }
                matches!(class, Class::N | Class::Z | Class::Xn)
            }
            Self::Binary | Self::Hex | Self::EbcdicHex => matches!(class, Class::B),
        };
        if suits {
            Ok(())
        } else {
            Err(ImpossibleField::Encoding {
                class,
                encoding: self,
            })
        }
    }

    /// Can the length of a value be counted so?
    const fn allows(self, counting: Counting) -> bool {
        match self {
            Self::Ascii | Self::Ebcdic(_) | Self::EucKr => !matches!(counting, Counting::Nibbles),
            Self::Binary => !matches!(counting, Counting::Characters),
            Self::Bcd { .. } | Self::Hex | Self::EbcdicHex => true,
        }
    }
}

/// An EBCDIC code page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodePage {
    /// United States, Canada.
    Cp037,
    /// International.
    Cp500,
    /// Open systems (z/OS Unix).
    Cp1047,
}

/// Which end of its bytes a packed value touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// The filler comes last: `1 2 3 _`.
    Left,
    /// The filler comes first: `_ 1 2 3`.
    Right,
}

/// How long a value is: in characters, digits or bytes (class `b`, and EUC-KR text).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Always so long.
    Fixed(u16),
    /// Up to so long, behind a prefix that says how long.
    Variable {
        /// How the length is written.
        prefix: Prefix,
        /// The longest value.
        max: u16,
    },
}

impl Length {
    /// Up to `max`, behind a prefix.
    #[must_use]
    pub const fn up_to(max: u16, prefix: Prefix) -> Self {
        Self::Variable { prefix, max }
    }

    /// The longest value, in characters, digits or bytes.
    #[must_use]
    pub const fn max(self) -> u16 {
        match self {
            Self::Fixed(max) | Self::Variable { max, .. } => max,
        }
    }

    fn suits(self, encoding: Encoding, class: Class) -> Result<(), ImpossibleField> {
        let Self::Variable { prefix, max } = self else {
            return match (self, class) {
                (Self::Fixed(0), Class::Xn) => Err(ImpossibleField::NoSign),
                _ => Ok(()),
            };
        };
        prefix.is_possible()?;
        if !encoding.allows(prefix.counting) {
            return Err(ImpossibleField::Counting {
                counting: prefix.counting,
                encoding,
            });
        }
        if class == Class::Xn && matches!(encoding, Encoding::Bcd { .. }) {
            return Err(ImpossibleField::VariableSigned);
        }
        prefix.reaches(encoding, max)
    }
}

/// How the length of a variable value is written before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Decimal digits (ASCII, EBCDIC, BCD) or bytes (binary, hex): 1 to 6, as in L to LLLLLL.
    pub digits: u8,
    /// How the number stands on the wire.
    pub coding: PrefixCoding,
    /// What it counts.
    pub counting: Counting,
}

impl Prefix {
    /// Decimal digits in ASCII.
    #[must_use]
    pub const fn ascii(digits: u8, counting: Counting) -> Self {
        Self {
            digits,
            coding: PrefixCoding::Ascii,
            counting,
        }
    }

    /// Decimal digits two to a byte, aligned right.
    #[must_use]
    pub const fn bcd(digits: u8, counting: Counting) -> Self {
        Self {
            digits,
            coding: PrefixCoding::Bcd,
            counting,
        }
    }

    /// Bytes it takes on the wire.
    #[must_use]
    pub const fn width(self) -> usize {
        let digits = widen(self.digits);
        match self.coding {
            PrefixCoding::Ascii | PrefixCoding::Ebcdic | PrefixCoding::Binary => digits,
            PrefixCoding::Bcd => digits.div_ceil(2),
            PrefixCoding::Hex => digits * 2,
        }
    }

    /// Is it of as many digits as there can be?
    pub(crate) fn is_possible(self) -> Result<(), ImpossibleField> {
        match self.digits {
            1..=6 => Ok(()),
            digits => Err(ImpossibleField::PrefixDigits { digits }),
        }
    }

    /// Can it say the length of every value of a tagged subfield? Bytes may be counted as
    /// characters there, for one counting does for all tags.
    pub(crate) fn says(self, field: &Field) -> Result<(), ImpossibleField> {
        let encoding = field.encoding();
        if !encoding.allows(self.counting) && encoding != Encoding::Binary {
            return Err(ImpossibleField::Counting {
                counting: self.counting,
                encoding,
            });
        }
        self.reaches(encoding, field.length().max())
    }

    fn reaches(self, encoding: Encoding, max: u16) -> Result<(), ImpossibleField> {
        let capacity = self.capacity();
        if encoding.announced(usize::from(max), self.counting) > capacity {
            return Err(ImpossibleField::Max { max, capacity });
        }
        Ok(())
    }

    /// The highest number it can say.
    #[must_use]
    pub const fn capacity(self) -> usize {
        let base: usize = match self.coding {
            PrefixCoding::Ascii | PrefixCoding::Ebcdic | PrefixCoding::Bcd => 10,
            PrefixCoding::Binary | PrefixCoding::Hex => 256,
        };
        match base.checked_pow(u32_of(self.digits)) {
            Some(above) => above - 1,
            None => usize::MAX,
        }
    }
}

#[expect(clippy::as_conversions, reason = "widening; From is not const")]
pub(super) const fn widen(small: u8) -> usize {
    small as usize
}

#[expect(clippy::as_conversions, reason = "widening; From is not const")]
const fn u32_of(small: u8) -> u32 {
    small as u32
}

/// How the number of a length prefix stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixCoding {
    /// Decimal, a byte a digit.
    Ascii,
    /// Decimal, a byte a digit (F0 to F9).
    Ebcdic,
    /// Decimal, a nibble a digit.
    Bcd,
    /// Bytes, most significant first.
    Binary,
    /// Bytes, most significant first, as two ASCII hex digits each.
    Hex,
}

/// What a length prefix counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Characters or digits of the value. Hex on the wire: its digits.
    Characters,
    /// Bytes the value takes: packed digits by their bytes, hex by the bytes it stands for.
    Bytes,
    /// Half bytes: packed digits one by one, bytes twice.
    Nibbles,
}

/// What a short value of fixed length is filled with when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Before the value, as zeros before a number.
    Left(u8),
    /// Behind it, as blanks behind a name.
    Right(u8),
}

impl Padding {
    /// The character or byte it consists of.
    #[must_use]
    pub const fn filler(self) -> u8 {
        match self {
            Self::Left(filler) | Self::Right(filler) => filler,
        }
    }
}

/// What of a value may be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All of it; digits that could be a card number are masked all the same.
    Shown,
    /// A card number: first six, last four.
    Partly,
    /// Nothing: secret, or may hide a secret.
    Never,
}

/// A field that cannot exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImpossibleField {
    /// The encoding has no form for values of the class.
    #[error("class {} cannot be encoded as {encoding}", class.notation())]
    Encoding {
        /// The value class.
        class: Class,
        /// The encoding asked for.
        encoding: Encoding,
    },
    /// The length cannot be counted so.
    #[error("{encoding} is not counted in {counting}")]
    Counting {
        /// What the prefix would count.
        counting: Counting,
        /// How the value is encoded.
        encoding: Encoding,
    },
    /// A prefix of no digits, or of more than six.
    #[error("length prefix of {digits} digits: expected 1 to 6")]
    PrefixDigits {
        /// Digits asked for.
        digits: u8,
    },
    /// The prefix cannot say the length of the longest value.
    #[error("maximum of {max} is above {capacity}, the most the prefix can say")]
    Max {
        /// The longest value, in units of the value.
        max: u16,
        /// The highest number of the prefix.
        capacity: usize,
    },
    /// A variable field is never too short.
    #[error("a field of variable length is not padded")]
    PaddedVariable,
    /// The filler would not be read back.
    #[error("the filler is not of class {}", class.notation())]
    Filler {
        /// The value class.
        class: Class,
    },
    /// The fill of a packed value is no nibble.
    #[error("fill nibble {fill:X}: expected 0 to F")]
    FillNibble {
        /// The fill asked for.
        fill: u8,
    },
    /// A sign before packed digits has a fixed length only.
    #[error("x+n in packed digits has a fixed length")]
    VariableSigned,
    /// No room for the sign.
    #[error("x+n has a sign, and a length of 1 at least")]
    NoSign,
    /// Tags of no characters, or of more than can be looked up.
    #[error("tags of width {width}: expected 1 to {max}")]
    TagWidth {
        /// The width asked for.
        width: u8,
        /// The widest there can be.
        max: u8,
    },
    /// What stands before tags in a path would not be read back from it.
    #[error("a prefix of tags has no blanks, dots or number signs")]
    TagPrefix,
    /// A known tag that is none of the form: it would never be found.
    #[error("tag `{found}`: expected {expected}")]
    Tag {
        /// What a tag of the form is.
        expected: String,
        /// The tag.
        found: String,
    },
    /// A bitmap of no bytes, or of more than there are numbers for.
    #[error("a bitmap of {width} bytes: expected 1 to 24")]
    MapWidth {
        /// The bytes asked for.
        width: u8,
    },
    /// A subfield that no bit of the map stands for, or the bit that says another map follows.
    #[error("subfield {bit}: its bitmap has no bit for it")]
    Bit {
        /// The number.
        bit: u8,
    },
    /// A code behind a code: both would have the one name.
    #[error("what follows a code has no code in front")]
    CodeTwice,
    /// Subfields that lie too deep in one another to be read.
    #[error("subfields lie more than {max} deep in one another")]
    Nesting {
        /// How deep they may.
        max: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field without a value may be: tools put it where one is announced and missing.
    #[test]
    fn only_a_sign_needs_room() {
        for class in Class::ALL {
            for encoding in [Encoding::Ascii, Encoding::BCD, Encoding::Binary] {
                let empty = Field::new("empty", class, encoding, Length::Fixed(0));
                let one = Field::new("one", class, encoding, Length::Fixed(1));
                let same = empty.is_ok() == one.is_ok();
                assert_eq!(same, class != Class::Xn || one.is_err(), "{class:?}");
            }
        }
    }
}
