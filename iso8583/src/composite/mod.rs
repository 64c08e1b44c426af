//! Values made of subfields: by position, by tag, by bitmap, one in another.
//!
//! A composite describes the *canonical* value of its field: text as ASCII or UTF-8, bytes as they
//! are. Subfields inside have encodings of their own.
//!
//! - [`Composite::items`]: the subfields where they lie
//! - [`Composite::get`]: the place of one of them
//! - [`Message::value_at`](crate::Message::value_at), `set_at`, `remove_at`: by path

mod access;
mod ber;
mod change;
mod items;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::DecodeErrorKind;
use crate::spec::{Align, Field, Prefix};

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

/// May the value of a subfield be shown that the dialect does not know?
pub(crate) fn shows_unknown(key: &Key<'_>) -> bool {
    matches!(key.0, items::Name::Ber(tag) if ber::shows(ber::number(tag)))
}

/// What people call a subfield that the dialect does not know.
pub(crate) fn name_of_unknown(key: &Key<'_>) -> &'static str {
    match key.0 {
        items::Name::Ber(tag) if ber::is_emv(ber::number(tag)) => "EMV data",
        items::Name::Ber(_) | items::Name::Tag(..) | items::Name::Number(_) | items::Name::Code => {
            "unknown"
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
    /// Does it stand as ASCII hex digits?
    pub hex: bool,
    /// Does bit 1 say that as many bytes of bitmap follow once more?
    pub extends: bool,
    /// The subfields by the number of their bit.
    pub fields: BTreeMap<u8, Field>,
}
