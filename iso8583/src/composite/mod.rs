//! Values made of subfields: by position, by tag, by bitmap, one in another.
//!
//! A composite describes the *canonical* value of its field: text as ASCII or UTF-8, bytes as they
//! are. Subfields inside have encodings of their own.
//!
//! To check them takes no memory from the heap, but for a value that has subfields, stands in
//! another encoding than its canonical one (EBCDIC, hex, packed), and is longer than 512 bytes.
//!
//! - [`Composite::items`]: the subfields where they lie
//! - [`Composite::get`]: the place of one of them
//! - [`Message::value_at`](crate::Message::value_at), `set_at`, `remove_at`: by path

mod access;
mod ber;
mod change;
mod items;
mod possible;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::emv::{self, Sensitivity};
use crate::error::DecodeErrorKind;
use crate::spec::{Align, BitmapForm, Class, Field, Prefix, Visibility};

pub(crate) use change::content_of;
pub use items::{Fault, Item, Items, Key};

/// How deep composites may lie in one another.
pub(crate) const DEPTH: usize = 8;

/// What a value is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Composite {
    /// Subfields one behind the other, named `1`, `2` …; the last ones may be missing.
    Positional(Vec<Field>),
    /// Tag, length, value, with tags and lengths of one form.
    Tagged(Tagged),
    /// BER-TLV, as EMV data in DE 55: tags of one to three bytes, lengths of one to three.
    Ber(Ber),
    /// A bitmap that says which of the numbered subfields follow.
    Bitmapped(Bitmapped),
    /// A code that always stands first, named `code`, and behind it more subfields.
    Coded {
        /// The code.
        code: Field,
        /// What follows it.
        rest: Box<Self>,
    },
}

impl Composite {
    /// Is the value made of what the composite says? The subfield that is not comes with what is
    /// wrong.
    pub(crate) fn check(&self, value: &[u8]) -> Result<(), (Option<String>, DecodeErrorKind)> {
        self.check_within(value, 1)
    }

    fn check_within(
        &self,
        value: &[u8],
        depth: usize,
    ) -> Result<(), (Option<String>, DecodeErrorKind)> {
        if depth > DEPTH {
            return Err((None, DecodeErrorKind::TooDeep));
        }
        // Objects the spec says nothing of only have to be objects.
        if let Self::Ber(form) = self
            && form.known.is_empty()
            && form.unknown == Unknown::Keep
            && ber::is_well_formed(value)
        {
            return Ok(());
        }
        for item in self.items(value) {
            let item = item.map_err(|fault| {
                let key = fault.key.map(|key| self.name_in(value, key, fault.at));
                (key, fault.kind)
            })?;
            item.check(value, depth).map_err(|(inner, kind)| {
                let outer = self.name_in(value, item.key, item.whole.start);
                let path = inner.map_or_else(|| outer.clone(), |inner| format!("{outer}.{inner}"));
                (Some(path), kind)
            })?;
        }
        Ok(())
    }

    /// The name of the subfield that starts at `at`, with its number where it is repeated.
    fn name_in(&self, value: &[u8], key: Key<'_>, at: usize) -> String {
        let before = self
            .items(value)
            .map_while(Result::ok)
            .take_while(|item| item.whole.start < at)
            .filter(|item| item.key.is_key(&key))
            .count();
        if before == 0 {
            key.to_string()
        } else {
            format!("{key}#{}", before + 1)
        }
    }
}

impl<'a> Item<'a> {
    /// What people call it: the name in the dialect, else that of EMV's tag, else `unknown`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.field.map_or_else(
            || {
                self.tag()
                    .and_then(emv::tag)
                    .map_or("unknown", emv::Tag::name)
            },
            |field| field.name(),
        )
    }

    /// Its tag where it is an object of BER-TLV.
    #[must_use]
    pub const fn tag(&self) -> Option<&'a [u8]> {
        match self.key.0 {
            items::Name::Ber(tag) => Some(tag),
            items::Name::Tag(..) | items::Name::Number(_) | items::Name::Code => None,
        }
    }

    /// How far its value may be seen: as the dialect says, else as EMV does; what neither knows is
    /// never seen.
    #[must_use]
    pub fn visibility(&self) -> Visibility {
        let of_tag = || match self.tag().map(emv::sensitivity) {
            Some(Sensitivity::Shown) => Visibility::Shown,
            Some(Sensitivity::Partly) => Visibility::Partly,
            Some(Sensitivity::Never) | None => Visibility::Never,
        };
        self.field.map_or_else(of_tag, Field::visibility)
    }

    /// Is its canonical value bytes, rather than text?
    #[must_use]
    pub fn is_bytes(&self) -> bool {
        self.field
            .map_or_else(|| self.tag().is_some(), |field| field.class() == Class::B)
    }
}

impl Composite {
    /// Is the canonical value of a subfield bytes, rather than text? Its name is that of a path
    /// without the data element: `9F02`, `25.3`.
    ///
    /// ```
    /// use iso8583::composite::{Ber, Composite};
    ///
    /// assert!(Composite::Ber(Ber::default()).is_bytes("9F02"));
    /// ```
    #[must_use]
    pub fn is_bytes(&self, name: &str) -> bool {
        let (part, rest) = name
            .split_once('.')
            .map_or((name, None), |(part, rest)| (part, Some(rest)));
        let field = self.field_named(part.split('#').next().unwrap_or(part));
        let within = match (field, self) {
            (Some(field), _) => field.content(),
            (None, Self::Ber(_)) => Some(self),
            (None, _) => None,
        };
        match (rest, field) {
            (Some(rest), _) => within.is_some_and(|within| within.is_bytes(rest)),
            (None, Some(field)) => field.class() == Class::B,
            (None, None) => matches!(self, Self::Ber(_)),
        }
    }

    fn field_named(&self, name: &str) -> Option<&Field> {
        match self {
            Self::Positional(fields) => {
                let number: usize = name.parse().ok()?;
                fields.get(number.checked_sub(1)?)
            }
            Self::Tagged(form) => {
                let tag = name.strip_prefix(&*form.prefix)?;
                let known = form.known.get(tag);
                known.or_else(|| form.known.get(&tag.to_ascii_uppercase()))
            }
            Self::Ber(form) => form.known.get(&name.to_ascii_uppercase()),
            Self::Bitmapped(form) => form.fields.get(&name.parse().ok()?),
            Self::Coded { code, .. } if name == "code" => Some(code),
            Self::Coded { rest, .. } => rest.field_named(name),
        }
    }
}

/// Subfields of tag, length and value (Mastercard's PDS in DE 48, private tags of a network).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// How a tag stands on the wire.
    pub tag: TagForm,
    /// How the length behind it is written, and what it counts.
    pub length: Prefix,
    /// What a path writes before the tag: `PDS` in `48.PDS0023`. May be empty.
    pub prefix: Cow<'static, str>,
    /// The subfields of known tags. Their own length says the shortest and longest value only.
    pub known: BTreeMap<String, Field>,
    /// What is done with tags that are not known.
    pub unknown: Unknown,
}

/// A tag of fixed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagForm {
    /// Characters or digits of the tag; bytes where it is binary.
    pub width: u8,
    /// How they stand on the wire.
    pub coding: TagCoding,
}

/// How a tag stands on the wire. A path names binary tags by their hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagCoding {
    /// A byte a character.
    Text,
    /// Digits two to a byte; with an odd number of them, at one end of its bytes.
    Bcd(Align),
    /// Bytes.
    Binary,
}

/// What is done with a tag that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It is kept where it stands, and never shown.
    #[default]
    Keep,
    /// It is an error.
    Refuse,
}

/// BER-TLV (ISO/IEC 8825-1, EMV Book 3 annex B).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ber {
    /// Tags with a spec of their own, by hex digits (`9F02`); the others are what EMV says they
    /// are.
    pub known: BTreeMap<String, Field>,
    /// What is done with tags neither the spec nor EMV knows.
    pub unknown: Unknown,
}

/// Subfields behind a bitmap of their own (Postilion's DE 127, Visa's DE 62).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmapped {
    /// Bytes of the bitmap: 1 to 24.
    pub width: u8,
    /// How its bits become bytes.
    pub form: BitmapForm,
    /// Does bit 1 say that as many bytes of bitmap follow once more?
    pub extends: bool,
    /// The subfields by the number of their bit.
    pub fields: BTreeMap<u8, Field>,
}
