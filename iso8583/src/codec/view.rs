//! A message as it stands on the wire: an index over bytes that stay where they are.

use core::fmt;
use core::ops::Range;

use crate::bitmap::Bitmap;
use crate::codec::layout::{Bases, Layout, Slot};
use crate::codec::plan::Check;
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
    /// The last data element that was walked over, or may be absent.
    pub(super) until: u8,
    /// Was all that was walked over checked as well?
    pub(super) checked: bool,
    /// Where the maps end and the first field starts.
    pub(super) first: u16,
    /// What is known of messages with these fields; None where they are walked over anew.
    pub(super) layout: Option<&'a Layout>,
    /// Where each stretch of the layout starts.
    pub(super) bases: Bases,
}

impl<'a> View<'a> {
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
    #[inline]
    pub fn value(&self, de: u8) -> Option<Value<'a>> {
        let Some(layout) = self.layout else {
            return self.value_in(de, self.segment_anew(de)?);
        };
        let slot = layout.slot(de).filter(|_| de <= self.until)?;
        let place = self.place_of(slot)?;
        let field = self.dialect.field(de)?;
        if slot.identity {
            return self.value_as_it_is(field, slot.check, place, slot.prefix);
        }
        self.value_located(field, slot.check, place.start)
    }

    /// Every value that was walked over, ascending by data element.
    pub fn values(&self) -> impl Iterator<Item = (u8, Value<'a>)> {
        self.segments()
            .filter_map(|(de, range)| Some((de, self.value_in(de, range)?)))
    }

    #[inline]
    fn value_in(&self, de: u8, range: Range<usize>) -> Option<Value<'a>> {
        let field = self.dialect.field(de)?;
        let op = self.dialect.plan().op(de);
        if op.identity {
            return self.value_as_it_is(field, op.check, range, op.prefix);
        }
        self.value_located(field, op.check, range.start)
    }

    #[inline]
    fn value_as_it_is(
        &self,
        field: &'a Field,
        check: Check,
        place: Range<usize>,
        prefix: u8,
    ) -> Option<Value<'a>> {
        let at = place.start + usize::from(prefix);
        let content = self.bytes.get(at..place.end)?;
        Some(Value {
            field,
            content,
            units: content.len(),
            at,
            plain: true,
            check,
        })
    }

    #[inline(never)]
    fn value_located(&self, field: &'a Field, check: Check, start: usize) -> Option<Value<'a>> {
        let place = field.locate(self.bytes, start).ok()?;
        Some(Value {
            field,
            content: self.bytes.get(place.start..place.end)?,
            units: place.units,
            at: place.start,
            plain: false,
            check,
        })
    }

    /// Where a data element stands, with its length prefix, in bytes from the start of the message.
    #[must_use]
    #[inline]
    pub fn segment(&self, de: u8) -> Option<Range<usize>> {
        match self.layout {
            Some(layout) => self.segment_by(layout, de),
            None => self.segment_anew(de),
        }
    }

    #[cold]
    #[inline(never)]
    fn segment_anew(&self, de: u8) -> Option<Range<usize>> {
        let mut segments = self.segments();
        segments.find_map(|(at, range)| (at == de).then_some(range))
    }

    #[inline]
    pub(super) fn segment_by(&self, layout: &Layout, de: u8) -> Option<Range<usize>> {
        self.place_of(layout.slot(de).filter(|_| de <= self.until)?)
    }

    #[inline]
    pub(super) fn place_of(&self, slot: Slot) -> Option<Range<usize>> {
        let stretch = usize::from(slot.stretch);
        let start = usize::from(*self.bases.get(stretch)?) + usize::from(slot.offset);
        let end = if slot.variable {
            usize::from(*self.bases.get(stretch + 1)?)
        } else {
            start + usize::from(slot.len)
        };
        Some(start..end)
    }

    /// Every data element that was walked over, with its place.
    pub(super) fn segments(&self) -> impl Iterator<Item = (u8, Range<usize>)> {
        let ops = self.dialect.plan().ops();
        let mut at = usize::from(self.first);
        let walked = self.present.up_to(self.until);
        walked.iter().map_while(move |de| {
            let start = at;
            at = self
                .dialect
                .end_of(*ops.get(usize::from(de))?, de, self.bytes, start)?;
            Some((de, start..at))
        })
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
    /// Is the value on the wire what it is in canonical form, if it passes the check?
    plain: bool,
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
    #[inline]
    pub fn reveal<'b>(&self, scratch: &'b mut [u8]) -> Result<&'b [u8], DecodeErrorKind>
    where
        'a: 'b,
    {
        if self.plain {
            // All at once, and one by one only to say which is wrong.
            if !self.check.passes(self.content) {
                self.field.check(self.content, self.units)?;
            }
            return Ok(self.content);
        }
        self.translate(scratch)
    }

    #[inline(never)]
    fn translate<'b>(&self, scratch: &'b mut [u8]) -> Result<&'b [u8], DecodeErrorKind>
    where
        'a: 'b,
    {
        if matches!(self.field.encoding(), Encoding::Ascii | Encoding::Binary) {
            self.field.check(self.content, self.units)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What an index did not look at is looked at before it becomes a message's own.
    #[test]
    fn an_index_gives_no_message_of_values_that_are_wrong() {
        let dialect = Dialect::iso87_ascii_binmap();
        let wire = b"0800\x00\x20\x00\x00\x00\x00\x00\x0000012A";
        for _ in 0..2 {
            let view = dialect.index(wire).unwrap();
            let error = view.to_message().unwrap_err();
            assert_eq!((error.path, error.offset), (Path::Field(11), 12));
        }
        let view = dialect
            .index(b"0800\x00\x20\x00\x00\x00\x00\x00\x00000123")
            .unwrap();
        assert_eq!(view.to_message().unwrap().text(11), Some("000123"));
    }
}
