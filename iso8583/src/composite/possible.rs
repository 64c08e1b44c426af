//! Which composites can exist: one that no value could be made of, or whose subfields no path
//! could name, does not build.

use crate::composite::{Ber, Bitmapped, Composite, DEPTH, TagCoding, TagForm, Tagged, ber};
use crate::encoding::hex;
use crate::spec::{Field, ImpossibleField};

/// The widest tag: its hex digits are looked up in a room of 64.
const TAG_WIDTH_MAX: u8 = 32;

impl Composite {
    /// Can a value be made of it? Its fields are: each was built.
    pub(crate) fn is_possible(&self) -> Result<(), ImpossibleField> {
        if self.depth() > DEPTH {
            return Err(ImpossibleField::Nesting { max: DEPTH });
        }
        match self {
            Self::Positional(_) => Ok(()),
            Self::Tagged(form) => form.is_possible(),
            Self::Ber(form) => form.is_possible(),
            Self::Bitmapped(form) => form.is_possible(),
            Self::Coded { rest, .. } if matches!(**rest, Self::Coded { .. }) => {
                Err(ImpossibleField::CodeTwice)
            }
            Self::Coded { rest, .. } => rest.is_possible(),
        }
    }

    /// Composites in one another, with itself.
    fn depth(&self) -> usize {
        let inner = |field: &Field| field.content().map_or(0, Self::depth);
        let deepest = match self {
            Self::Positional(fields) => fields.iter().map(inner).max(),
            Self::Tagged(form) => form.known.values().map(inner).max(),
            Self::Ber(form) => form.known.values().map(inner).max(),
            Self::Bitmapped(form) => form.fields.values().map(inner).max(),
            // What follows a code lies beside it.
            Self::Coded { code, rest } => return rest.depth().max(1 + inner(code)),
        };
        1 + deepest.unwrap_or(0)
    }
}

impl Tagged {
    fn is_possible(&self) -> Result<(), ImpossibleField> {
        if !(1..=TAG_WIDTH_MAX).contains(&self.tag.width) {
            return Err(ImpossibleField::TagWidth {
                width: self.tag.width,
                max: TAG_WIDTH_MAX,
            });
        }
        self.length.is_possible()?;
        let odd = |c: char| matches!(c, '.' | '#') || c.is_whitespace() || c.is_control();
        if self.prefix.contains(odd) {
            return Err(ImpossibleField::TagPrefix);
        }
        for (tag, field) in &self.known {
            self.tag.is_tag(tag)?;
            self.length.says(field)?;
        }
        Ok(())
    }
}

impl TagForm {
    /// Is the text what a known tag of the form is written as?
    pub(crate) fn is_tag(self, tag: &str) -> Result<(), ImpossibleField> {
        let width = usize::from(self.width);
        let (length, of) = match self.coding {
            TagCoding::Text => (width, "characters"),
            TagCoding::Bcd(_) => (width, "digits"),
            TagCoding::Binary => (width * 2, "upper-case hex digits"),
        };
        let fits = tag.bytes().all(|character| match self.coding {
            TagCoding::Text => matches!(character, b' '..=b'~'),
            TagCoding::Bcd(_) => character.is_ascii_digit(),
            TagCoding::Binary => is_upper_hex(character),
        });
        if fits && tag.len() == length {
            return Ok(());
        }
        Err(ImpossibleField::Tag {
            expected: format!("{length} {of}"),
            found: tag.to_owned(),
        })
    }
}

impl Ber {
    fn is_possible(&self) -> Result<(), ImpossibleField> {
        self.known.keys().try_for_each(|tag| Self::is_tag(tag))
    }

    /// Is the text what a known tag of BER-TLV is written as?
    pub(crate) fn is_tag(tag: &str) -> Result<(), ImpossibleField> {
        if tag.bytes().all(is_upper_hex) && ber::tag(tag).is_some() {
            return Ok(());
        }
        Err(ImpossibleField::Tag {
            expected: "one to three bytes of BER-TLV in upper-case hex".to_owned(),
            found: tag.to_owned(),
        })
    }
}

impl Bitmapped {
    fn is_possible(&self) -> Result<(), ImpossibleField> {
        if !(1..=24).contains(&self.width) {
            return Err(ImpossibleField::MapWidth { width: self.width });
        }
        let bits = usize::from(self.width) * if self.extends { 16 } else { 8 };
        let has = |bit: u8| usize::from(bit) <= bits && bit > u8::from(self.extends);
        match self.fields.keys().find(|bit| !has(**bit)) {
            Some(bit) => Err(ImpossibleField::Bit { bit: *bit }),
            None => Ok(()),
        }
    }
}

fn is_upper_hex(character: u8) -> bool {
    hex::nibble(character).is_some() && !character.is_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::composite::Unknown;
    use crate::spec::{BitmapForm, Class, Counting, Encoding, Length, Prefix};

    fn digits(length: u16) -> Field {
        Field::new("digits", Class::N, Encoding::Ascii, Length::Fixed(length)).unwrap()
    }

    fn text() -> Field {
        let length = Length::up_to(99, Prefix::ascii(2, Counting::Bytes));
        Field::new("text", Class::Ans, Encoding::Ascii, length).unwrap()
    }

    fn refusal(form: Composite) -> String {
        text().composed(form).unwrap_err().to_string()
    }

    fn tagged(tag: TagForm, digits: u8, known: &str, field: Field) -> Composite {
        Composite::Tagged(Tagged {
            tag,
            length: Prefix::ascii(digits, Counting::Characters),
            prefix: "".into(),
            known: BTreeMap::from([(known.to_owned(), field)]),
            unknown: Unknown::Keep,
        })
    }

    #[test]
    fn tags_and_lengths_that_say_nothing_do_not_build() {
        let text = |width| TagForm {
            width,
            coding: TagCoding::Text,
        };
        let binary = |width| TagForm {
            width,
            coding: TagCoding::Binary,
        };
        let one = digits(1);
        for (tag, length, known, field, says) in [
            (text(0), 2, "", &one, "tags of width 0: expected 1 to 32"),
            (
                binary(33),
                2,
                "",
                &one,
                "tags of width 33: expected 1 to 32",
            ),
            (
                text(2),
                0,
                "01",
                &one,
                "length prefix of 0 digits: expected 1 to 6",
            ),
            (
                text(2),
                13,
                "01",
                &one,
                "length prefix of 13 digits: expected 1 to 6",
            ),
            (text(2), 2, "001", &one, "tag `001`: expected 2 characters"),
            (
                binary(2),
                2,
                "9f02",
                &one,
                "tag `9f02`: expected 4 upper-case hex digits",
            ),
            (
                text(2),
                2,
                "01",
                &digits(100),
                "maximum of 100 is above 99, the most the prefix can say",
            ),
        ] {
            assert_eq!(refusal(tagged(tag, length, known, field.clone())), says);
        }
        let half = Composite::Ber(Ber {
            known: BTreeMap::from([("9F".to_owned(), digits(1))]),
            unknown: Unknown::Keep,
        });
        let says = "tag `9F`: expected one to three bytes of BER-TLV in upper-case hex";
        assert_eq!(refusal(half), says);
        let pds = tagged(text(4), 3, "0023", digits(100));
        assert_eq!(pds.is_possible(), Ok(()));
    }

    #[test]
    fn a_bitmap_has_a_bit_for_every_subfield() {
        let map = |width, extends, bit| {
            Composite::Bitmapped(Bitmapped {
                width,
                form: BitmapForm::Binary,
                extends,
                fields: BTreeMap::from([(bit, digits(1))]),
            })
        };
        for (width, extends, bit, says) in [
            (0, false, 1, "a bitmap of 0 bytes: expected 1 to 24"),
            (25, false, 1, "a bitmap of 25 bytes: expected 1 to 24"),
            (1, false, 9, "subfield 9: its bitmap has no bit for it"),
            (1, true, 17, "subfield 17: its bitmap has no bit for it"),
            (8, true, 1, "subfield 1: its bitmap has no bit for it"),
            (8, false, 0, "subfield 0: its bitmap has no bit for it"),
        ] {
            assert_eq!(refusal(map(width, extends, bit)), says);
        }
        let coded = |rest| Composite::Coded {
            code: digits(1),
            rest: Box::new(rest),
        };
        let says = "subfield 9: its bitmap has no bit for it";
        assert_eq!(refusal(coded(map(1, false, 9))), says);
        let says = "what follows a code has no code in front";
        assert_eq!(refusal(coded(coded(map(1, false, 1)))), says);
        for form in [map(1, true, 16), coded(map(24, false, 192))] {
            assert!(text().composed(form).is_ok());
        }
    }

    #[test]
    fn subfields_lie_eight_deep_in_one_another_and_no_deeper() {
        let mut field = text();
        for _ in 0..DEPTH {
            field = text().composed(Composite::Positional(vec![field])).unwrap();
        }
        let says = "subfields lie more than 8 deep in one another";
        assert_eq!(refusal(Composite::Positional(vec![field])), says);
    }
}
