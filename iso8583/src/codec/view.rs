//! A message as it stands on the wire: an index over bytes that stay where they are.

use core::fmt;
use core::ops::Range;

use crate::bitmap::Bitmap;
use crate::codec::plan::Check;
use crate::codec::walk::ENDS;
use crate::element::{Pan, Track2};
use crate::encoding::{Room, bcd};
use crate::error::{DecodeError, DecodeErrorKind, InvalidElement, Path};
use crate::mti::Mti;
use crate::spec::{Class, Dialect, Encoding, Field};

/// A message on the wire, with the place of each field that was walked over. Nothing is copied.
///
/// [`Dialect::scan`] walks as far as is needed, [`Dialect::index`] over all fields, and
/// [`Dialect::read`] checks them as well. Values are masked when printed and leave by
/// [`Value::reveal`] only.
///
/// ```
/// use iso8583::Dialect;
///
/// let wire = b"0800\x00\x20\0\0\0\0\0\0000123";
/// let view = Dialect::iso87_ascii_binmap().read(wire)?;
/// assert_eq!(view.value(11).and_then(|stan| stan.number()), Some(123));
/// # Ok::<(), iso8583::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct View<'a> {
    pub(super) dialect: &'a Dialect,
    pub(super) bytes: &'a [u8],
    pub(super) mti: Mti,
    /// Fields the bitmap announces.
    pub(super) present: Bitmap,
    /// Where the maps end and the first field starts.
    pub(super) first: u16,
    /// How many fields were walked over.
    pub(super) walked: u8,
    /// Where each of those ends.
    pub(super) ends: [u16; ENDS],
}

impl<'a> View<'a> {
    /// Before the walk.
    #[inline]
    pub(super) const fn unread(dialect: &'a Dialect, bytes: &'a [u8]) -> Self {
        Self {
            dialect,
            bytes,
            mti: Mti::NETWORK_REQUEST,
            present: Bitmap::EMPTY,
            first: 0,
            walked: 0,
            ends: [0; ENDS],
        }
    }

    /// The message type.
    #[must_use]
    pub const fn mti(&self) -> Mti {
        self.mti
    }

    /// The dialect the bytes are read in.
    #[must_use]
    pub const fn dialect(&self) -> &'a Dialect {
        self.dialect
    }

    /// The data elements the bitmap announces, walked over or not.
    #[must_use]
    pub const fn present(&self) -> Bitmap {
        self.present
    }

    /// Does the bitmap announce the data element?
    #[must_use]
    pub const fn has(&self, de: u8) -> bool {
        self.present.contains(de)
    }

    /// What stands before the MTI, in dialects that have something there.
    #[must_use]
    pub fn lead(&self) -> &'a [u8] {
        self.bytes
            .get(..self.dialect.lead().len())
            .unwrap_or_default()
    }

    /// The value of a data element; None where the message has none, or the scan ended before it.
    #[must_use]
    pub fn value(&self, de: u8) -> Option<Value<'a>> {
        let range = self.segment(de)?;
        let field = self.dialect.field(de)?;
        let op = self.dialect.plan().op(de);
        if op.identity {
            let at = range.start + usize::from(op.prefix);
            let content = self.bytes.get(at..range.end)?;
            return Some(Value {
                field,
                content,
                units: content.len(),
                at,
                check: op.check,
            });
        }
        let place = field.locate(self.bytes, range.start).ok()?;
        Some(Value {
            field,
            content: self.bytes.get(place.start..place.end)?,
            units: place.units,
            at: place.start,
            check: op.check,
        })
    }

    /// Every value that was walked over, ascending by data element.
    pub fn values(&self) -> impl Iterator<Item = (u8, Value<'a>)> {
        self.present
            .iter()
            .filter_map(|de| Some((de, self.value(de)?)))
    }

    /// Where a data element stands, with its length prefix, in bytes from the start of the message.
    #[must_use]
    pub fn segment(&self, de: u8) -> Option<Range<usize>> {
        if !self.present.contains(de) {
            return None;
        }
        let rank = self.present.rank(de);
        if rank >= usize::from(self.walked) {
            return None;
        }
        let end = self.ends.get(rank)?;
        Some(self.start_of(rank)..usize::from(*end))
    }

    /// Where the field of a rank starts, or where the last one ends.
    pub(super) fn start_of(&self, rank: usize) -> usize {
        let before = rank.checked_sub(1).and_then(|rank| self.ends.get(rank));
        usize::from(before.copied().unwrap_or(self.first))
    }

    /// The card number: DE 2, else that of track 2 (DE 35). None where the message has neither.
    ///
    /// # Errors
    /// Where what is there is no card number.
    pub fn pan(&self) -> Result<Option<Pan>, InvalidElement> {
        let mut scratch = zeroize::Zeroizing::new([0; 64]);
        if let Some(value) = self.value(2) {
            let digits = value.reveal(&mut scratch[..]).unwrap_or_default();
            return Pan::try_from(digits).map(Some);
        }
        let Some(track) = self.value(35) else {
            return Ok(None);
        };
        let track = track.reveal(&mut scratch[..]).unwrap_or_default();
        Track2::try_from(track).map(|track| Some(track.pan().clone()))
    }

    /// Checks the values an index has not: what [`Dialect::read`] does while it walks.
    ///
    /// # Errors
    /// The first value that is not what the dialect says.
    pub fn check(&self) -> Result<(), DecodeError> {
        for (de, value) in self.values() {
            value.check().map_err(|(inner, kind)| DecodeError {
                path: inner.map_or(Path::Field(de), |sub| Path::Subfield(de, sub)),
                offset: value.at,
                kind,
            })?;
        }
        Ok(())
    }
}

/// The fields with their masked values.
impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({} {:?})", self.mti, self.present)
    }
}

/// A value on the wire, masked when printed.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    field: &'a Field,
    content: &'a [u8],
    units: usize,
    at: usize,
    check: Check,
}

impl<'a> Value<'a> {
    /// What the dialect says of the field.
    #[must_use]
    pub const fn field(&self) -> &'a Field {
        self.field
    }

    /// Length in characters, digits or (class b) bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.units
    }

    /// Is there nothing in it?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.units == 0
    }

    /// Where its content starts, in bytes from the start of the message.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// The number its digits are, in any encoding; None where they are none, or above 19.
    /// For amounts, trace numbers and codes: never for card data.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match (self.field.encoding(), self.field.class()) {
            (Encoding::Ascii, _) => crate::element::number(self.content),
            (Encoding::Bcd { .. }, Class::N) if self.units == self.content.len() * 2 => {
                bcd::number(self.content)
            }
            _ => {
                let mut scratch = [0; 20];
                crate::element::number(self.reveal(&mut scratch).ok()?)
            }
        }
    }

    /// The canonical value, **in clear**: digits and text as ASCII or UTF-8, bytes as they are.
    /// Where the wire says it otherwise it is written into `scratch`.
    ///
    /// # Errors
    /// Where the content is not what the dialect says, or the value is longer than `scratch`.
    pub fn reveal<'b>(&self, scratch: &'b mut [u8]) -> Result<&'b [u8], DecodeErrorKind>
    where
        'a: 'b,
    {
        if self.is_plain() {
            // All at once, and one by one only to say which is wrong.
            if self.check == Check::Plain || !self.check.passes(self.content) {
                self.field.check(self.content, self.units)?;
            }
            return Ok(self.content);
        }
        let max = scratch.len();
        let mut room = Room::new(scratch);
        self.field.decode(self.content, self.units, &mut room)?;
        let found = room.len();
        room.written()
            .ok_or(DecodeErrorKind::TooLong { found, max })
    }

    /// The content on the wire behind its length prefix, **in clear**.
    #[must_use]
    pub const fn reveal_wire(&self) -> &'a [u8] {
        self.content
    }

    /// Is the value on the wire what it is in canonical form?
    const fn is_plain(&self) -> bool {
        matches!(self.field.encoding(), Encoding::Ascii | Encoding::Binary)
    }

    /// Is the value what the dialect says, with all its subfields? The subfield that is not comes
    /// with what is wrong.
    pub(super) fn check(&self) -> Result<(), (Option<String>, DecodeErrorKind)> {
        self.field
            .check(self.content, self.units)
            .map_err(|kind| (None, kind))?;
        check_content(self.field, self.content, self.units)
    }

    pub(super) const fn content(&self) -> (&'a [u8], usize) {
        (self.content, self.units)
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({}, {} long)", self.field.name(), self.units)
    }
}

/// Are the subfields of a content what the dialect says?
pub(super) fn check_content(
    field: &Field,
    content: &[u8],
    units: usize,
) -> Result<(), (Option<String>, DecodeErrorKind)> {
    let Some(composite) = field.content() else {
        return Ok(());
    };
    if matches!(field.encoding(), Encoding::Ascii | Encoding::Binary) {
        return composite.check(content);
    }
    // Ordinary values need no heap to be looked into.
    let mut scratch = zeroize::Zeroizing::new([0; 512]);
    let mut room = Room::new(&mut scratch[..]);
    field
        .decode(content, units, &mut room)
        .map_err(|kind| (None, kind))?;
    if let Some(value) = room.written() {
        return composite.check(value);
    }
    let mut value = zeroize::Zeroizing::new(Vec::new());
    field
        .decode(content, units, &mut value)
        .map_err(|kind| (None, kind))?;
    composite.check(&value)
}
