//! The walk over the subfields of a value, where they lie. Nothing is copied.

use core::fmt::{self, Write as _};
use core::ops::Range;

use zeroize::Zeroizing;

use crate::composite::{Bitmapped, Composite, TagCoding, Tagged, Unknown, ber};
use crate::emv;
use crate::encoding::{Room, Sink as _, bcd, ebcdic, euc_kr, hex};
use crate::error::DecodeErrorKind;
use crate::spec::{Align, BitmapForm, Class, CodePage, Counting, Encoding, Field, Length};

/// Values that stand in another encoding than their canonical one need no heap up to here.
const SCRATCH: usize = 512;

/// A subfield where it lies in the value that was walked over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Item<'a> {
    /// Its name in a path.
    pub key: Key<'a>,
    /// What the dialect says of it; None for tags it does not know.
    pub field: Option<&'a Field>,
    /// Where it stands with its tag and length.
    pub whole: Range<usize>,
    /// Where its content stands.
    pub content: Range<usize>,
    /// Units of the value, where tag, length or field say them.
    units: Option<usize>,
    /// What it is a subfield of.
    of: &'a Composite,
}

/// The name of a subfield as paths write it: `3`, `9F02`, `PDS0023`, `code`.
#[derive(Clone, Copy)]
pub struct Key<'a>(pub(super) Name<'a>);

#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    /// A position or bit, from 1.
    Number(usize),
    /// The code in front.
    Code,
    /// A tag of fixed form.
    Tag(&'a Tagged, &'a [u8]),
    /// A tag of BER-TLV.
    Ber(&'a [u8]),
}

/// Where a walk ended early, and why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fault<'a> {
    /// The subfield that is wrong; None where there is no saying which.
    pub key: Option<Key<'a>>,
    /// Where it starts, in bytes from the start of the value.
    pub at: usize,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

impl Composite {
    /// The subfields of a canonical value, in the order they stand in. Where they are, not whether
    /// their content is right. The last one is the fault where the walk cannot go on.
    ///
    /// ```
    /// use iso8583::composite::{Ber, Composite};
    ///
    /// let chip = Composite::Ber(Ber::default());
    /// let tags: Vec<String> = chip
    ///     .items(b"\x9C\x01\x00\x9F\x1A\x02\x04\x10")
    ///     .map(|item| item.unwrap().key.to_string())
    ///     .collect();
    /// assert_eq!(tags, ["9C", "9F1A"]);
    /// ```
    #[must_use]
    pub const fn items<'a>(&'a self, value: &'a [u8]) -> Items<'a> {
        Items {
            value,
            of: self,
            at: 0,
            next: 0,
            map: 0..0,
            ended: false,
        }
    }
}

/// The subfields of a value: see [`Composite::items`].
#[derive(Clone, Debug)]
pub struct Items<'a> {
    value: &'a [u8],
    of: &'a Composite,
    at: usize,
    /// How many positions or bits were looked at.
    next: usize,
    map: Range<usize>,
    ended: bool,
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, Fault<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let of = self.of;
        let found = match of {
            Composite::Positional(fields) => self.positional(fields),
            Composite::Tagged(tagged) => self.tagged(tagged),
            Composite::Ber(_) => self.ber(),
            Composite::Bitmapped(bitmapped) => self.bitmapped(bitmapped),
            Composite::Coded { code, rest } => {
                self.of = rest;
                Some(self.located(Key(Name::Code), code))
            }
        };
        match &found {
            Some(Ok(item)) => {
                self.at = item.whole.end;
                // A code may stand alone, without even the map of bits of what could follow.
                self.ended = matches!(of, Composite::Coded { .. }) && self.at == self.value.len();
            }
            Some(Err(_)) | None => self.ended = true,
        }
        found
    }
}

impl<'a> Items<'a> {
    const fn fault(&self, key: Option<Key<'a>>, kind: DecodeErrorKind) -> Fault<'a> {
        Fault {
            key,
            at: self.at,
            kind,
        }
    }

    fn located(&self, key: Key<'a>, field: &'a Field) -> Result<Item<'a>, Fault<'a>> {
        let place = field
            .locate(self.value, self.at)
            .map_err(|kind| self.fault(Some(key), kind))?;
        Ok(Item {
            key,
            field: Some(field),
            whole: self.at..place.end,
            content: place.start..place.end,
            units: Some(place.units),
            of: self.of,
        })
    }

    /// Nothing more may follow.
    fn nothing(&self) -> Option<Result<Item<'a>, Fault<'a>>> {
        let found = self.value.len().saturating_sub(self.at);
        let kind = DecodeErrorKind::TrailingBytes { found };
        (found > 0).then(|| Err(self.fault(None, kind)))
    }

    fn positional(&mut self, fields: &'a [Field]) -> Option<Result<Item<'a>, Fault<'a>>> {
        let Some(field) = fields.get(self.next) else {
            return self.nothing();
        };
        if self.at == self.value.len() {
            return None;
        }
        self.next += 1;
        Some(self.located(Key(Name::Number(self.next)), field))
    }

    fn bitmapped(&mut self, form: &'a Bitmapped) -> Option<Result<Item<'a>, Fault<'a>>> {
        if self.map.is_empty() && self.next == 0 {
            let width = match form.map_width(self.value.get(self.at..).unwrap_or_default()) {
                Ok(width) => width,
                Err(kind) => return Some(Err(self.fault(None, kind))),
            };
            self.map = self.at..self.at + width;
            self.at += width;
        }
        let map = self.value.get(self.map.clone()).unwrap_or_default();
        while self.next < form.bits_in(map) {
            self.next += 1;
            if !form.is_set(map, self.next) || form.extends && self.next == 1 {
                continue;
            }
            let key = Key(Name::Number(self.next));
            let field = u8::try_from(self.next)
                .ok()
                .and_then(|bit| form.fields.get(&bit));
            return Some(match field {
                Some(field) => self.located(key, field),
                None => Err(self.fault(Some(key), DecodeErrorKind::UnknownField)),
            });
        }
        self.nothing()
    }

    #[inline]
    fn ber(&self) -> Option<Result<Item<'a>, Fault<'a>>> {
        let Composite::Ber(form) = self.of else {
            return None;
        };
        let tag = |start, end| self.value.get(start..end).unwrap_or_default();
        let object = match ber::object(self.value, self.at)? {
            Ok(object) => object,
            Err((at, tag_end, kind)) => {
                let key = (tag_end > at).then(|| Key(Name::Ber(tag(at, tag_end))));
                return Some(Err(Fault { key, at, kind }));
            }
        };
        let tag = tag(object.start, object.tag_end);
        let (key, field) = (Key(Name::Ber(tag)), form.field(tag));
        if field.is_none() && form.unknown == Unknown::Refuse && emv::tag(tag).is_none() {
            let at = object.start;
            let kind = DecodeErrorKind::UnknownField;
            return Some(Err(Fault {
                key: Some(key),
                at,
                kind,
            }));
        }
        Some(Ok(Item {
            key,
            field,
            whole: object.start..object.end,
            content: object.content..object.end,
            units: None,
            of: self.of,
        }))
    }

    fn tagged(&self, form: &'a Tagged) -> Option<Result<Item<'a>, Fault<'a>>> {
        let rest = self.value.get(self.at..).filter(|rest| !rest.is_empty())?;
        Some(self.tagged_item(form, rest))
    }

    fn tagged_item(&self, form: &'a Tagged, rest: &'a [u8]) -> Result<Item<'a>, Fault<'a>> {
        if !form.ends() {
            return Err(self.fault(None, DecodeErrorKind::Tag));
        }
        let truncated = |expected, found| DecodeErrorKind::Truncated { expected, found };
        let width = form.tag.bytes();
        let Some((tag, behind)) = rest.split_at_checked(width) else {
            return Err(self.fault(None, truncated(width, rest.len())));
        };
        let key = Key(Name::Tag(form, tag));
        let wrong = |kind| self.fault(Some(key), kind);
        if !form.tag.holds(tag) {
            return Err(self.fault(None, DecodeErrorKind::Tag));
        }
        let field = form.field(tag);
        if field.is_none() && form.unknown == Unknown::Refuse {
            return Err(wrong(DecodeErrorKind::UnknownField));
        }
        let prefix = form.length.width();
        let Some((head, content)) = behind.split_at_checked(prefix) else {
            return Err(wrong(truncated(prefix, behind.len())));
        };
        let announced = form.length.read(head).map_err(wrong)?;
        let (bytes, units) = form.extent(field, announced, content).map_err(wrong)?;
        if bytes > content.len() {
            return Err(wrong(truncated(bytes, content.len())));
        }
        let start = self.at + width + prefix;
        Ok(Item {
            key,
            field,
            whole: self.at..start + bytes,
            content: start..start + bytes,
            units,
            of: self.of,
        })
    }
}

impl<'a> Item<'a> {
    /// What the item is made of: what its field says, or more objects in a BER template of which
    /// nothing is said.
    #[must_use]
    pub fn inner(&self) -> Option<&'a Composite> {
        if let Some(field) = self.field {
            return field.content();
        }
        match self.key.0 {
            Name::Ber([first, ..]) if first & ber::CONSTRUCTED != 0 => Some(self.of),
            Name::Ber(_) | Name::Tag(..) | Name::Number(_) | Name::Code => None,
        }
    }

    /// Hands on the canonical value, **in clear**, of an item of `value`.
    ///
    /// # Errors
    /// Where the content is not what the field says.
    pub fn with<R>(
        &self,
        value: &[u8],
        take: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, DecodeErrorKind> {
        let content = value.get(self.content.clone()).unwrap_or_default();
        let Some(field) = self.field else {
            return Ok(take(content));
        };
        let units = self.units(field, content)?;
        if matches!(field.encoding(), Encoding::Ascii | Encoding::Binary) {
            field.check(content, units)?;
            return Ok(take(content));
        }
        let mut scratch = Zeroizing::new([0; SCRATCH]);
        let mut room = Room::new(&mut scratch[..]);
        field.decode(content, units, &mut room)?;
        if let Some(clear) = room.written() {
            return Ok(take(clear));
        }
        // No encoding makes more than three bytes of one, so the buffer never moves.
        let mut clear = Zeroizing::new(Vec::with_capacity(content.len() * 3));
        field.decode(content, units, &mut clear)?;
        Ok(take(&clear))
    }

    /// Is the content what the field says, with the items inside? The path to the one that is not
    /// starts within this item. Templates the spec says nothing of are not judged: hosts put other
    /// things than objects into them.
    pub(super) fn check(
        &self,
        value: &[u8],
        depth: usize,
    ) -> Result<(), (Option<String>, DecodeErrorKind)> {
        self.check_extent(value).map_err(|kind| (None, kind))?;
        let Some(field) = self.field else {
            return Ok(());
        };
        let wrong = |kind| (None, kind);
        match field.content() {
            Some(within) => self
                .with(value, |inner| within.check_within(inner, depth + 1))
                .map_err(wrong)?,
            None => {
                let content = value.get(self.content.clone()).unwrap_or_default();
                let units = self.units(field, content).map_err(wrong)?;
                field.check(content, units).map_err(wrong)
            }
        }
    }

    /// The field of a tag says the shortest and longest value; where it stands says the length.
    fn check_extent(&self, value: &[u8]) -> Result<(), DecodeErrorKind> {
        let (Some(field), Name::Tag(..) | Name::Ber(_)) = (self.field, self.key.0) else {
            return Ok(());
        };
        let content = value.get(self.content.clone()).unwrap_or_default();
        if content.is_empty() && matches!(self.key.0, Name::Ber(_)) {
            return Ok(());
        }
        let found = self.units(field, content)?;
        let max = usize::from(field.length().max());
        if found > max {
            return Err(DecodeErrorKind::TooLong { found, max });
        }
        match field.length() {
            Length::Fixed(_) if found < max => Err(DecodeErrorKind::Truncated {
                expected: max,
                found,
            }),
            Length::Fixed(_) | Length::Variable { .. } => Ok(()),
        }
    }

    fn units(&self, field: &Field, content: &[u8]) -> Result<usize, DecodeErrorKind> {
        self.units.map_or_else(|| units_in(field, content), Ok)
    }
}

/// Units of a value that fills its content, where nothing but its bytes says how many.
fn units_in(field: &Field, content: &[u8]) -> Result<usize, DecodeErrorKind> {
    let bytes = content.len();
    match field.encoding() {
        Encoding::Ascii | Encoding::Ebcdic(_) | Encoding::EucKr | Encoding::Binary => Ok(bytes),
        Encoding::Hex | Encoding::EbcdicHex if bytes.is_multiple_of(2) => Ok(bytes / 2),
        Encoding::Hex | Encoding::EbcdicHex => Err(DecodeErrorKind::OddNibbles { found: bytes }),
        Encoding::Bcd { .. } => {
            if let Length::Fixed(units) = field.length()
                && field.wire_len(usize::from(units)) == bytes
            {
                return Ok(usize::from(units));
            }
            if field.class() == Class::Xn {
                return Ok((bytes * 2).saturating_sub(1));
            }
            let digits = bytes * 2;
            let one_more = digits == usize::from(field.length().max()) + 1;
            Ok(digits - usize::from(one_more || field.ends_in_fill(content)))
        }
    }
}

impl Tagged {
    /// Can there be such tags and lengths at all? Else a walk would not come to an end.
    pub(super) fn ends(&self) -> bool {
        self.tag.width > 0 && (1..=6).contains(&self.length.digits)
    }

    /// What is said of a tag.
    pub(super) fn field(&self, tag: &[u8]) -> Option<&Field> {
        if self.tag.coding == TagCoding::Text {
            return self.known.get(core::str::from_utf8(tag).ok()?);
        }
        let mut digits = [0; 64];
        let mut room = Room::new(&mut digits);
        self.tag.spell(tag, |digit| room.put(digit));
        self.known.get(core::str::from_utf8(room.written()?).ok()?)
    }

    /// Bytes of a content whose length says so much, and the units of its value where it says them.
    fn extent(
        &self,
        field: Option<&Field>,
        announced: usize,
        content: &[u8],
    ) -> Result<(usize, Option<usize>), DecodeErrorKind> {
        let odd = DecodeErrorKind::OddNibbles { found: announced };
        if let (Some(field), Counting::Characters | Counting::Nibbles) =
            (field, self.length.counting)
            && matches!(field.encoding(), Encoding::Bcd { .. })
        {
            return Ok((field.wire_len(announced), Some(announced)));
        }
        match (self.length.counting, field.map(Field::encoding)) {
            (Counting::Characters, Some(Encoding::EucKr)) => {
                let bytes = euc_kr::width(content, announced.min(content.len() + 1));
                Ok((bytes.unwrap_or(announced), None))
            }
            (Counting::Bytes, Some(Encoding::Hex | Encoding::EbcdicHex)) => {
                Ok((announced.saturating_mul(2), None))
            }
            (Counting::Characters | Counting::Bytes, _) => Ok((announced, None)),
            (Counting::Nibbles, Some(Encoding::Hex | Encoding::EbcdicHex)) => Ok((announced, None)),
            (Counting::Nibbles, _) if announced.is_multiple_of(2) => Ok((announced / 2, None)),
            (Counting::Nibbles, _) => Err(odd),
        }
    }
}

impl super::TagForm {
    /// Bytes it takes.
    pub(super) fn bytes(self) -> usize {
        let width = usize::from(self.width);
        match self.coding {
            TagCoding::Text | TagCoding::Binary => width,
            TagCoding::Bcd(_) => bcd::packed_len(width),
        }
    }

    /// Are these bytes such a tag?
    fn holds(self, tag: &[u8]) -> bool {
        match self.coding {
            TagCoding::Text => tag.iter().all(|byte| matches!(byte, b' '..=b'~')),
            TagCoding::Bcd(_) => bcd::nibbles(tag).all(|nibble| nibble <= 9),
            TagCoding::Binary => true,
        }
    }

    /// Hands on the characters a path names the tag by.
    fn spell(self, tag: &[u8], mut each: impl FnMut(u8)) {
        let width = usize::from(self.width);
        match self.coding {
            TagCoding::Text if tag.iter().all(u8::is_ascii_alphanumeric) => {
                tag.iter().for_each(|byte| each(*byte));
            }
            // What would not read as one part of a path: `x2E41`.
            TagCoding::Text => {
                each(b'x');
                bcd::nibbles(tag).for_each(|nibble| each(hex::digit(nibble)));
            }
            TagCoding::Bcd(align) => {
                let skip = if align == Align::Right { width % 2 } else { 0 };
                let digits = bcd::nibbles(tag).skip(skip).take(width);
                digits.for_each(|nibble| each(hex::digit(nibble)));
            }
            TagCoding::Binary => bcd::nibbles(tag).for_each(|nibble| each(hex::digit(nibble))),
        }
    }
}

impl Bitmapped {
    /// Bytes the map takes once.
    pub(super) fn once(&self) -> usize {
        usize::from(self.width) * 8 / self.bits_in(&[0])
    }

    /// Bytes the map takes at the start of a value.
    pub(super) fn map_width(&self, value: &[u8]) -> Result<usize, DecodeErrorKind> {
        let once = self.once();
        let twice = self.extends && self.is_set(value.get(..once).unwrap_or_default(), 1);
        let expected = if twice { once * 2 } else { once };
        let map = value.get(..expected).ok_or(DecodeErrorKind::Truncated {
            expected,
            found: value.len(),
        })?;
        if map.iter().any(|byte| self.bits_of(*byte).is_none()) {
            return Err(DecodeErrorKind::NotHex);
        }
        Ok(expected)
    }

    pub(super) const fn bits_in(&self, map: &[u8]) -> usize {
        map.len()
            * match self.form {
                BitmapForm::Binary => 8,
                BitmapForm::Hex | BitmapForm::EbcdicHex => 4,
            }
    }

    /// The bits of a byte of the map; None where it is no digit.
    pub(super) fn bits_of(&self, byte: u8) -> Option<u8> {
        match self.form {
            BitmapForm::Binary => Some(byte),
            BitmapForm::Hex => hex::nibble(byte),
            BitmapForm::EbcdicHex => hex::nibble(ebcdic::to_latin1(CodePage::Cp037, byte)),
        }
    }

    pub(super) fn is_set(&self, map: &[u8], bit: usize) -> bool {
        let Some(place) = bit.checked_sub(1) else {
            return false;
        };
        let in_byte = self.bits_in(&[0]);
        let bits = map
            .get(place / in_byte)
            .and_then(|byte| self.bits_of(*byte));
        bits.is_some_and(|bits| bits & 1 << (in_byte - 1 - place % in_byte) != 0)
    }
}

impl Key<'_> {
    /// Does a path name the subfield so? Hex digits of either case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        let fold = match self.0 {
            Name::Ber(_) => true,
            Name::Tag(form, _) => form.tag.coding == TagCoding::Binary,
            Name::Number(_) | Name::Code => false,
        };
        let mut rest = Rest { name, fold };
        write!(rest, "{self}").is_ok() && rest.name.is_empty()
    }

    pub(super) fn is_key(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Name::Number(one), Name::Number(other)) => one == other,
            (Name::Code, Name::Code) => true,
            (Name::Tag(_, one), Name::Tag(_, other)) | (Name::Ber(one), Name::Ber(other)) => {
                one == other
            }
            _ => false,
        }
    }
}

/// What is left of a name when what was printed is taken off.
struct Rest<'a> {
    name: &'a str,
    fold: bool,
}

impl fmt::Write for Rest<'_> {
    fn write_str(&mut self, printed: &str) -> fmt::Result {
        let (start, rest) = self
            .name
            .split_at_checked(printed.len())
            .ok_or(fmt::Error)?;
        self.name = rest;
        if start == printed || self.fold && start.eq_ignore_ascii_case(printed) {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Name::Number(number) => write!(f, "{number}"),
            Name::Code => f.write_str("code"),
            Name::Ber(tag) => tag.iter().try_for_each(|byte| write!(f, "{byte:02X}")),
            Name::Tag(form, tag) => {
                f.write_str(&form.prefix)?;
                let mut written = Ok(());
                form.tag.spell(tag, |character| {
                    written = written.and_then(|()| f.write_char(char::from(character)));
                });
                written
            }
        }
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}
