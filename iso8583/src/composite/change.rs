//! One subfield of a value read, set or removed; every other byte stays as it is.

use core::ops::Range;

use zeroize::Zeroizing;

use crate::composite::items::Name;
use crate::composite::{Bitmapped, Composite, DEPTH, Item, Key, TagCoding, Tagged, Unknown, ber};
use crate::emv;
use crate::encoding::{ebcdic, hex};
use crate::error::{DecodeErrorKind, EncodeErrorKind, PathErrorKind};
use crate::spec::{Align, BitmapForm, CodePage, Counting, Encoding, Field, Length};

/// Bytes that may be card data.
type Clear = Zeroizing<Vec<u8>>;

/// The subfield of a name, or how many of the name there are before the one asked for.
enum Found<'a> {
    Here(Item<'a>),
    Missing { before: usize },
}

impl Composite {
    /// Where the content of a subfield stands in a value; `path` goes inward, a name a level
    /// (`["72", "86#2"]`). None where there is none, where the walk does not come so far, or where
    /// a level on the way stands in another encoding than its canonical value.
    #[must_use]
    pub fn get(&self, value: &[u8], path: &[&str]) -> Option<Range<usize>> {
        let (first, rest) = path.split_first()?;
        let Found::Here(item) = self.find(value, first).ok()? else {
            return None;
        };
        if rest.is_empty() {
            return Some(item.content);
        }
        let plain = |field: &Field| matches!(field.encoding(), Encoding::Ascii | Encoding::Binary);
        if !item.field.is_none_or(plain) {
            return None;
        }
        let content = value.get(item.content.clone())?;
        let range = item.inner()?.get(content, rest)?;
        let start = item.content.start;
        Some(start + range.start..start + range.end)
    }

    /// The canonical value of a subfield.
    pub(super) fn read(&self, value: &[u8], path: &[&str]) -> Result<Option<Clear>, PathErrorKind> {
        let Some((first, rest)) = path.split_first() else {
            return Ok(Some(Zeroizing::new(value.to_vec())));
        };
        let Found::Here(item) = self.find(value, first)? else {
            return Ok(None);
        };
        if rest.is_empty() {
            return Ok(Some(
                item.with(value, |clear| Zeroizing::new(clear.to_vec()))?,
            ));
        }
        let inner = item.inner().ok_or(PathErrorKind::NoSubfields)?;
        item.with(value, |clear| inner.read(clear, rest))?
    }

    /// The value with a subfield set to a canonical value, or removed where that is None.
    pub(super) fn change(
        &self,
        value: &[u8],
        path: &[&str],
        new: Option<&[u8]>,
    ) -> Result<Clear, PathErrorKind> {
        let (first, rest) = match path {
            [first, rest @ ..] if path.len() <= DEPTH => (*first, rest),
            _ => return Err(PathErrorKind::NoSuchField),
        };
        if let Self::Coded { code, rest: behind } = self {
            return change_coded(code, behind, value, path, new);
        }
        let item = match (self.find(value, first)?, new) {
            (Found::Here(item), _) => item,
            (Found::Missing { .. }, None) => return Ok(Zeroizing::new(value.to_vec())),
            (Found::Missing { before }, Some(new)) => {
                return self.insert(value, (first, before), rest, new);
            }
        };
        let whole = match (rest, new) {
            ([], None) => return self.remove(value, &item),
            ([], Some(new)) => written(item.key, item.field, item.inner(), new)?,
            _ => {
                let inner = item.inner().ok_or(PathErrorKind::NoSubfields)?;
                let changed = item.with(value, |clear| inner.change(clear, rest, new))??;
                written(item.key, item.field, item.inner(), &changed)?
            }
        };
        Ok(spliced(value, item.whole, &whole))
    }

    fn find<'a>(&'a self, value: &'a [u8], part: &str) -> Result<Found<'a>, DecodeErrorKind> {
        let (name, nth) = occurrence(part);
        let mut before = 0;
        // Nothing stands in an empty value, not even the map of bits.
        for item in self.items(value).take_while(|_| !value.is_empty()) {
            let item = item.map_err(|fault| fault.kind)?;
            if item.key.is(name) {
                before += 1;
                if before == nth {
                    return Ok(Found::Here(item));
                }
            }
        }
        Ok(Found::Missing { before })
    }

    /// Adds a subfield that is not there: at the end, or where its bit wants it.
    fn insert(
        &self,
        value: &[u8],
        (part, before): (&str, usize),
        rest: &[&str],
        new: &[u8],
    ) -> Result<Clear, PathErrorKind> {
        let (name, nth) = occurrence(part);
        // Positions and bits do not repeat.
        let repeats = matches!(self, Self::Tagged(_) | Self::Ber(_));
        if nth != before + 1 || nth > 1 && !repeats {
            return Err(PathErrorKind::Gap);
        }
        let tag;
        let (key, field, inner) = match self {
            Self::Positional(_) | Self::Bitmapped(_) | Self::Coded { .. } => {
                let number = name.parse().map_err(|_| PathErrorKind::NoSuchField)?;
                let field = self.numbered(number).ok_or(PathErrorKind::NoSuchField)?;
                (Key(Name::Number(number)), Some(field), field.content())
            }
            Self::Tagged(form) => {
                tag = form.tag_of(name).ok_or(PathErrorKind::NoSuchField)?;
                let field = form.field(&tag);
                if field.is_none() && form.unknown == Unknown::Refuse {
                    return Err(PathErrorKind::NoSuchField);
                }
                let inner = field.and_then(Field::content);
                (Key(Name::Tag(form, &tag)), field, inner)
            }
            Self::Ber(form) => {
                tag = ber::tag(name).ok_or(PathErrorKind::NoSuchField)?;
                let field = form.field(&tag);
                let refuses = form.unknown == Unknown::Refuse;
                if field.is_none() && refuses && emv::tag(&tag).is_none() {
                    return Err(PathErrorKind::NoSuchField);
                }
                let template = tag.first().is_some_and(|byte| byte & ber::CONSTRUCTED != 0);
                let inner = field.map_or_else(|| template.then_some(self), Field::content);
                (Key(Name::Ber(&tag)), field, inner)
            }
        };
        let whole = if rest.is_empty() {
            written(key, field, inner, new)?
        } else {
            let inner_form = inner.ok_or(PathErrorKind::NoSubfields)?;
            let changed = inner_form.change(b"", rest, Some(new))?;
            written(key, field, inner, &changed)?
        };
        match (self, key.0) {
            (Self::Bitmapped(form), Name::Number(bit)) => self.insert_bit(form, value, bit, &whole),
            (_, Name::Number(number)) if number != self.items(value).count() + 1 => {
                Err(PathErrorKind::Gap)
            }
            _ => Ok(spliced(value, value.len()..value.len(), &whole)),
        }
    }

    /// The field of a position or bit.
    fn numbered(&self, number: usize) -> Option<&Field> {
        match self {
            Self::Positional(fields) => fields.get(number.checked_sub(1)?),
            Self::Bitmapped(form) if form.extends && number == 1 => None,
            Self::Bitmapped(form) => form.fields.get(&u8::try_from(number).ok()?),
            Self::Tagged(_) | Self::Ber(_) | Self::Coded { .. } => None,
        }
    }

    fn insert_bit(
        &self,
        form: &Bitmapped,
        value: &[u8],
        bit: usize,
        whole: &[u8],
    ) -> Result<Clear, PathErrorKind> {
        let filler = form.empty();
        let once = form.once();
        let mut value = Zeroizing::new(value.to_vec());
        if value.is_empty() {
            value.resize(once, filler);
        }
        let map = form.map_width(&value)?;
        if bit > form.bits_in(value.get(..map).unwrap_or_default()) {
            let bits = form.bits_in(value.get(..once).unwrap_or_default());
            if !form.extends || map > once || bit > bits * 2 {
                return Err(PathErrorKind::NoSuchField);
            }
            let second = vec![filler; once];
            value = spliced(&value, once..once, &second);
            form.set_bit(&mut value, 1, true);
        }
        let behind = |key: Key<'_>| matches!(key.0, Name::Number(number) if number > bit);
        let mut at = value.len();
        for item in self.items(&value) {
            let item = item.map_err(|fault| PathErrorKind::Decode(fault.kind))?;
            if behind(item.key) {
                at = item.whole.start;
                break;
            }
        }
        let mut value = spliced(&value, at..at, whole);
        form.set_bit(&mut value, bit, true);
        Ok(value)
    }

    fn remove(&self, value: &[u8], item: &Item<'_>) -> Result<Clear, PathErrorKind> {
        match (self, item.key.0) {
            (Self::Positional(_), _) if item.whole.end != value.len() => Err(PathErrorKind::Needed),
            (Self::Bitmapped(form), Name::Number(bit)) => {
                let mut value = spliced(value, item.whole.clone(), b"");
                form.set_bit(&mut value, bit, false);
                let once = form.once();
                let second = once..form.map_width(&value)?;
                let empty = form.empty();
                let map = value.get(second.clone()).unwrap_or_default();
                if !map.is_empty() && map.iter().all(|byte| *byte == empty) {
                    value = spliced(&value, second, b"");
                    form.set_bit(&mut value, 1, false);
                }
                Ok(value)
            }
            _ => Ok(spliced(value, item.whole.clone(), b"")),
        }
    }
}

/// What a code says is not known here: the code stays, whatever follows it.
fn change_coded(
    code: &Field,
    behind: &Composite,
    value: &[u8],
    path: &[&str],
    new: Option<&[u8]>,
) -> Result<Clear, PathErrorKind> {
    let end = match value {
        [] => 0,
        _ => code.locate(value, 0)?.end,
    };
    match (path, new) {
        (["code"], Some(new)) => {
            let whole = written(Key(Name::Code), Some(code), code.content(), new)?;
            Ok(spliced(value, 0..end, &whole))
        }
        (["code"], None) if end < value.len() => Err(PathErrorKind::Needed),
        (["code"], None) => Ok(Zeroizing::default()),
        (_, Some(_)) if end == 0 => Err(PathErrorKind::Gap),
        _ => {
            let rest = value.get(end..).unwrap_or_default();
            Ok(spliced(
                value,
                end..value.len(),
                &behind.change(rest, path, new)?,
            ))
        }
    }
}

/// A subfield as it stands in its value, with its tag and length.
fn written(
    key: Key<'_>,
    field: Option<&Field>,
    inner: Option<&Composite>,
    value: &[u8],
) -> Result<Clear, PathErrorKind> {
    if inner.is_some_and(|inner| inner.check(value).is_err()) {
        return Err(PathErrorKind::Encode(EncodeErrorKind::Subfields));
    }
    let mut out = Zeroizing::new(Vec::with_capacity(value.len() * 2 + 16));
    match key.0 {
        Name::Number(_) | Name::Code => {
            let field = field.ok_or(PathErrorKind::NoSuchField)?;
            field.encode(value, &mut out)?;
        }
        Name::Ber(tag) => {
            let content = match field {
                // EMV lets a tag stand without a value.
                Some(field) if !value.is_empty() => content_of(field, value)?,
                _ => Zeroizing::new(value.to_vec()),
            };
            out.extend_from_slice(tag);
            if !ber::put_length(content.len(), &mut *out) {
                return Err(too_long(0xFF_FFFF, content.len()));
            }
            out.extend_from_slice(&content);
        }
        Name::Tag(form, tag) => {
            let content = match field {
                Some(field) => content_of(field, value)?,
                None => Zeroizing::new(value.to_vec()),
            };
            let length = form.length_of(field, value, &content);
            if length > form.length.capacity() {
                return Err(too_long(form.length.capacity(), length));
            }
            out.extend_from_slice(tag);
            form.length.write(length, &mut *out);
            out.extend_from_slice(&content);
        }
    }
    Ok(out)
}

const fn too_long(expected: usize, found: usize) -> PathErrorKind {
    PathErrorKind::Encode(EncodeErrorKind::Length { expected, found })
}

/// The content of a field without its own length prefix.
pub(crate) fn content_of(field: &Field, value: &[u8]) -> Result<Clear, EncodeErrorKind> {
    let mut whole = Zeroizing::new(Vec::with_capacity(value.len() * 2 + 16));
    field.encode(value, &mut whole)?;
    let prefix = match field.length() {
        Length::Fixed(_) => 0,
        Length::Variable { prefix, .. } => prefix.width(),
    };
    let content = whole.get(prefix..).unwrap_or_default();
    Ok(Zeroizing::new(content.to_vec()))
}

fn spliced(value: &[u8], at: Range<usize>, new: &[u8]) -> Clear {
    let room = value.len() + new.len();
    let mut out = Zeroizing::new(Vec::with_capacity(room));
    out.extend_from_slice(value.get(..at.start).unwrap_or_default());
    out.extend_from_slice(new);
    out.extend_from_slice(value.get(at.end..).unwrap_or_default());
    out
}

/// The name in a part of a path, and which of several with the name is meant, from 1.
fn occurrence(part: &str) -> (&str, usize) {
    match part.rsplit_once('#') {
        Some((name, number)) => (name, number.parse().unwrap_or(0)),
        None => (part, 1),
    }
}

impl Tagged {
    /// What stands before a content to say its length.
    fn length_of(&self, field: Option<&Field>, value: &[u8], content: &[u8]) -> usize {
        let bytes = content.len();
        match (self.length.counting, field.map(Field::encoding)) {
            (Counting::Characters | Counting::Nibbles, Some(Encoding::Bcd { .. })) => {
                let fixed = |field: &Field| match field.length() {
                    Length::Fixed(units) => usize::from(units),
                    Length::Variable { .. } => value.len(),
                };
                field.map_or(bytes, fixed)
            }
            (Counting::Characters, Some(Encoding::EucKr)) => {
                core::str::from_utf8(value).map_or(bytes, |text| text.chars().count())
            }
            (Counting::Bytes, Some(Encoding::Hex | Encoding::EbcdicHex)) => bytes / 2,
            (Counting::Nibbles, Some(Encoding::Hex | Encoding::EbcdicHex)) => bytes,
            (Counting::Nibbles, _) => bytes * 2,
            (Counting::Characters | Counting::Bytes, _) => bytes,
        }
    }

    /// The bytes of the tag a path names so; None where there is no such tag.
    fn tag_of(&self, name: &str) -> Option<Vec<u8>> {
        let name = name
            .strip_prefix(self.prefix.as_ref())
            .filter(|_| self.ends())?;
        let name = name.as_bytes();
        let width = usize::from(self.tag.width);
        match self.tag.coding {
            TagCoding::Text => match name {
                [b'x', digits @ ..] if digits.len() == width * 2 => bytes_of(digits),
                _ => (name.len() == width && name.iter().all(u8::is_ascii_alphanumeric))
                    .then(|| name.to_vec()),
            },
            TagCoding::Binary => bytes_of(name).filter(|tag| tag.len() == width),
            TagCoding::Bcd(align) => {
                if name.len() != width || !name.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                let mut digits = name.to_vec();
                if width % 2 == 1 {
                    let at = if align == Align::Right { 0 } else { width };
                    digits.insert(at, b'0');
                }
                bytes_of(&digits)
            }
        }
    }
}

fn bytes_of(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    pairs.iter().map(|pair| hex::byte(*pair)).collect()
}

impl Bitmapped {
    /// A byte of the map without bits.
    fn empty(&self) -> u8 {
        self.byte_of(0)
    }

    fn byte_of(&self, bits: u8) -> u8 {
        match self.form {
            BitmapForm::Binary => bits,
            BitmapForm::Hex => hex::digit(bits),
            BitmapForm::EbcdicHex => ebcdic::from_latin1(CodePage::Cp037, hex::digit(bits)),
        }
    }

    fn set_bit(&self, map: &mut [u8], bit: usize, on: bool) {
        let Some(place) = bit.checked_sub(1) else {
            return;
        };
        let in_byte = self.bits_in(&[0]);
        let Some(slot) = map.get_mut(place / in_byte) else {
            return;
        };
        let mask = 1 << (in_byte - 1 - place % in_byte);
        let bits = self.bits_of(*slot).unwrap_or(0);
        let bits = if on { bits | mask } else { bits & !mask };
        *slot = self.byte_of(bits);
    }
}
