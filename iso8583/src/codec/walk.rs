//! The walk over a message: to the end, or as far as is asked.
//!
//! There are two walks that agree. The swift one goes by the [`Layout`] of a bitmap that was met
//! before and says only yes or no; where it says no, the plain one goes the same way field by
//! field, says where and why, and remembers the layout of what is good.

use crate::bitmap::Bitmap;
use crate::codec::layout::{Bases, Layout};
use crate::codec::plan::{Check, Op, Reach};
use crate::codec::view::View;
use crate::encoding::{bcd, ebcdic, hex};
use crate::error::{DecodeError, DecodeErrorKind, Path};
use crate::mti::Mti;
use crate::spec::{BitmapCoding, BitmapForm, Class, CodePage, Dialect, Maps, MtiCoding};

/// What a walk that failed had read: nothing where not even the MTI was one.
pub(super) struct Stopped<'a> {
    pub(super) error: DecodeError,
    pub(super) view: Option<View<'a>>,
}

impl Dialect {
    /// Walks as far as the last of the wanted fields; what is behind it is not looked at, and
    /// nothing is checked but lengths. What routing needs.
    ///
    /// # Errors
    /// Where the bytes before that are no message of this dialect.
    pub fn scan<'a>(&'a self, bytes: &'a [u8], wanted: Bitmap) -> Result<View<'a>, DecodeError> {
        let until = wanted.last().unwrap_or(0);
        match self.swift::<false>(bytes, until) {
            Some(view) => Ok(view),
            None => self.retrace::<false>(bytes, until),
        }
    }

    /// Walks over all fields; lengths are checked, values when they are asked for.
    ///
    /// # Errors
    /// Where the bytes are not fields, as long as they say, to the end.
    pub fn index<'a>(&'a self, bytes: &'a [u8]) -> Result<View<'a>, DecodeError> {
        match self.swift::<false>(bytes, Bitmap::LAST) {
            Some(view) => Ok(view),
            None => self.retrace::<false>(bytes, Bitmap::LAST),
        }
    }

    /// Walks over all fields and checks every one, with its subfields.
    ///
    /// # Errors
    /// Where the bytes are not exactly one message of this dialect: the error names the element
    /// and the byte.
    pub fn read<'a>(&'a self, bytes: &'a [u8]) -> Result<View<'a>, DecodeError> {
        match self.swift::<true>(bytes, Bitmap::LAST) {
            Some(view) => Ok(view),
            None => self.retrace::<true>(bytes, Bitmap::LAST),
        }
    }

    #[cold]
    #[inline(never)]
    fn retrace<'a, const STRICT: bool>(
        &'a self,
        bytes: &'a [u8],
        until: u8,
    ) -> Result<View<'a>, DecodeError> {
        self.plain::<STRICT>(bytes, until)
            .map_err(|stopped| stopped.error)
    }

    fn mti_at(&self, bytes: &[u8], at: usize) -> Result<(Mti, usize), DecodeErrorKind> {
        let rest = bytes.get(at..).unwrap_or_default();
        let truncated = |expected| DecodeErrorKind::Truncated {
            expected,
            found: rest.len(),
        };
        let (digits, width) = match self.mti() {
            MtiCoding::Ascii => (*rest.first_chunk::<4>().ok_or_else(|| truncated(4))?, 4),
            MtiCoding::Bcd => {
                let packed = rest.first_chunk::<2>().ok_or_else(|| truncated(2))?;
                (bcd::unpack(*packed), 2)
            }
            MtiCoding::Ebcdic => {
                let digits = rest.first_chunk::<4>().ok_or_else(|| truncated(4))?;
                (
                    digits.map(|byte| ebcdic::to_latin1(CodePage::Cp037, byte)),
                    4,
                )
            }
        };
        let mti = Mti::of(digits).ok_or_else(|| DecodeErrorKind::Class {
            position: Class::N.first_foreign(&digits).unwrap_or(1),
            class: Class::N.notation(),
        })?;
        Ok((mti, at + width))
    }

    pub(super) fn maps_at(
        &self,
        bytes: &[u8],
        at: usize,
    ) -> Result<(Bitmap, usize), DecodeErrorKind> {
        let (first, mut at) = self.map_at(bytes, at)?;
        let (mut present, mut more) = Bitmap::from_primary(first);
        let (most, fixed) = match self.bitmap().maps {
            Maps::UpTo(most) => (most, false),
            Maps::Fixed(count) => (count, true),
        };
        if more && !fixed && most < 2 {
            return Err(DecodeErrorKind::UnknownField);
        }
        if most >= 2 && (fixed || more) {
            let (bits, end) = self.map_at(bytes, at)?;
            present = present.with_secondary(bits);
            at = end;
            more = present.contains(65);
            if most >= 3 && (fixed || more) {
                let (bits, end) = self.map_at(bytes, at)?;
                present = present.with_tertiary(bits);
                at = end;
                if !fixed {
                    present.remove(65);
                }
            }
        }
        Ok((present, at))
    }

    fn map_at(&self, bytes: &[u8], at: usize) -> Result<(u64, usize), DecodeErrorKind> {
        let rest = bytes.get(at..).unwrap_or_default();
        let truncated = |expected| DecodeErrorKind::Truncated {
            expected,
            found: rest.len(),
        };
        match self.bitmap().form {
            BitmapForm::Binary => {
                let map = rest.first_chunk::<8>().ok_or_else(|| truncated(8))?;
                Ok((u64::from_be_bytes(*map), at + 8))
            }
            BitmapForm::Hex => {
                let digits = rest.first_chunk::<16>().ok_or_else(|| truncated(16))?;
                let map = hex::number(digits).ok_or(DecodeErrorKind::NotHex)?;
                Ok((map, at + 16))
            }
            BitmapForm::EbcdicHex => {
                let digits = rest.first_chunk::<16>().ok_or_else(|| truncated(16))?;
                let digits = digits.map(|byte| ebcdic::to_latin1(CodePage::Cp037, byte));
                let map = hex::number(&digits).ok_or(DecodeErrorKind::NotHex)?;
                Ok((map, at + 16))
            }
        }
    }

    /// The swift walk. None where anything is wrong, or the layout is not known.
    #[inline]
    pub(super) fn swift<'a, const STRICT: bool>(
        &'a self,
        bytes: &'a [u8],
        until: u8,
    ) -> Option<View<'a>> {
        if bytes.len() > usize::from(u16::MAX) {
            return None;
        }
        let (mti, present, first) = self.swift_start(bytes)?;
        let layout = self.plan().layouts().of(present)?;
        let mut bases = Bases::default();
        let end = self.swift_fields(layout, bytes, first, until, &mut bases)?;
        if end > bytes.len() || end < bytes.len() && until >= Bitmap::LAST {
            return None;
        }
        if STRICT {
            self.judge(layout, bytes, &bases)?;
        }
        Some(View {
            dialect: self,
            bytes,
            mti,
            present,
            until,
            checked: STRICT,
            first: low_half(first),
            layout: Some(layout),
            bases,
        })
    }

    /// MTI, maps, and where the first field starts.
    #[inline(always)]
    fn swift_start(&self, bytes: &[u8]) -> Option<(Mti, Bitmap, usize)> {
        let lead = self.lead().len();
        let (mti, at) = match self.mti() {
            MtiCoding::Ascii => (Mti::of(*bytes.get(lead..)?.first_chunk()?)?, lead + 4),
            MtiCoding::Bcd | MtiCoding::Ebcdic => self.mti_at(bytes, lead).ok()?,
        };
        let BitmapCoding { form, maps } = self.bitmap();
        if matches!(maps, Maps::UpTo(_)) && form != BitmapForm::EbcdicHex {
            let rest = bytes.get(at..)?;
            let (first, width) = if form == BitmapForm::Binary {
                (u64::from_be_bytes(*rest.first_chunk()?), 8)
            } else {
                (hex::number(rest.first_chunk::<16>()?)?, 16)
            };
            let (present, more) = Bitmap::from_primary(first);
            if !more {
                return Some((mti, present, at + width));
            }
        }
        let (present, first) = self.maps_at(bytes, at).ok()?;
        Some((mti, present, first))
    }

    /// From one field of variable length to the next; where the last one asked for ends.
    #[inline(always)]
    fn swift_fields(
        &self,
        layout: &Layout,
        bytes: &[u8],
        first: usize,
        until: u8,
        bases: &mut Bases,
    ) -> Option<usize> {
        let last = layout.last_slot(until);
        let mut at = first;
        let whole = usize::from(last.stretch) + usize::from(last.variable);
        let mut bases = bases.iter_mut();
        for (stretch, base) in layout.stretches.iter().take(whole).zip(&mut bases) {
            *base = low_half(at);
            at += usize::from(stretch.fixed);
            at = self.end_of(stretch.op, stretch.de, bytes, at)?;
        }
        *bases.next()? = low_half(at);
        if last.variable {
            return Some(at);
        }
        Some(at + usize::from(last.offset) + usize::from(last.len))
    }

    /// Checks every field that was walked over.
    #[inline]
    pub(super) fn judge(&self, layout: &Layout, bytes: &[u8], bases: &Bases) -> Option<()> {
        layout.rows_hold(bytes, bases).then_some(())?;
        let ends = bases.iter().skip(1);
        for ((stretch, base), end) in layout.stretches.iter().zip(bases).zip(ends) {
            if stretch.de == 0 {
                break;
            }
            let (op, at) = (stretch.op, usize::from(*base) + usize::from(stretch.fixed));
            let content = bytes.get(at + usize::from(op.prefix)..usize::from(*end))?;
            op.check.passes(content).then_some(())?;
            if op.alone {
                self.judge_alone(op, stretch.de, bytes, at)?;
            }
        }
        for single in layout.singles.iter() {
            let base = bases.get(usize::from(single.stretch))?;
            let at = usize::from(*base) + usize::from(single.offset);
            let content = bytes.get(at..at + usize::from(single.len))?;
            single.op.check.passes(content).then_some(())?;
            if single.op.alone {
                self.judge_alone(single.op, single.de, bytes, at)?;
            }
        }
        Some(())
    }

    /// Where the field at `at` ends. That may be behind the end of the message: whoever looks at
    /// what follows finds nothing there.
    #[inline(always)]
    pub(super) fn end_of(&self, op: Op, de: u8, bytes: &[u8], at: usize) -> Option<usize> {
        let len = usize::from(op.len);
        let (prefix, wire) = match op.reach {
            Reach::Fixed => return Some(at + len),
            Reach::Ascii2 => (2, ascii2(bytes, at).filter(|found| *found <= len)?),
            Reach::Ascii3 => (3, ascii3(bytes, at).filter(|found| *found <= len)?),
            Reach::AsciiHex3 => (3, ascii3(bytes, at).filter(|found| *found <= len)? * 2),
            Reach::Bcd2 => (1, bcd2(bytes, at).filter(|found| *found <= len)?),
            Reach::Bcd4 => (2, bcd4(bytes, at).filter(|found| *found <= len)?),
            Reach::BcdPacked2 => {
                let digits = bcd2(bytes, at).filter(|found| *found <= len)?;
                (1, digits.div_ceil(2))
            }
            Reach::Plain => return Some(self.field(de)?.locate(bytes, at).ok()?.end),
            Reach::Unknown => return None,
        };
        Some(at + prefix + wire)
    }

    /// Checks what the class of each byte does not show.
    #[inline(never)]
    fn judge_alone(&self, op: Op, de: u8, bytes: &[u8], at: usize) -> Option<()> {
        if op.check == Check::Packed || op.check == Check::PackedTrack {
            // A zero fills the first nibble; of a length the last digit says whether it does.
            let fills = if op.reach == Reach::BcdPacked2 {
                *bytes.get(at)? & 1 == 1
            } else {
                op.odd
            };
            if fills {
                let first = bytes.get(at + usize::from(op.prefix))?;
                (*first < 0x10).then_some(())?;
            }
        }
        if op.check == Check::Plain || op.composite {
            let field = self.field(de)?;
            let place = field.locate(bytes, at).ok()?;
            let content = bytes.get(place.start..place.end)?;
            if op.check == Check::Plain {
                field.check(content, place.units).ok()?;
            }
            super::view::check_content(field, content, place.units).ok()?;
        }
        Some(())
    }

    /// The plain walk: the same way, told step by step.
    #[cold]
    #[inline(never)]
    pub(super) fn plain<'a, const STRICT: bool>(
        &'a self,
        bytes: &'a [u8],
        until: u8,
    ) -> Result<View<'a>, Box<Stopped<'a>>> {
        let view = self.plain_walk::<STRICT>(bytes, until)?;
        // Only a message that is fine to its end leaves something behind.
        if until >= Bitmap::LAST || self.plain_walk::<false>(bytes, Bitmap::LAST).is_ok() {
            self.plan().learn(view.present);
        }
        debug_assert!(
            self.plan().layouts().of(view.present).is_none() || self.agrees::<STRICT>(&view),
            "the swift walk differs from the plain one"
        );
        // Whoever looks into it then has the layout.
        Ok(self.swift::<STRICT>(bytes, until).unwrap_or(view))
    }

    /// Does the swift walk find every field where the plain one did?
    fn agrees<const STRICT: bool>(&self, plain: &View<'_>) -> bool {
        self.swift::<STRICT>(plain.bytes, plain.until)
            .is_some_and(|swift| {
                let mut elements = 0..=Bitmap::LAST;
                elements.all(|de| swift.segment(de) == plain.segment(de))
            })
    }

    fn plain_walk<'a, const STRICT: bool>(
        &'a self,
        bytes: &'a [u8],
        until: u8,
    ) -> Result<View<'a>, Box<Stopped<'a>>> {
        let stopped = |path, offset, kind, view| {
            Box::new(Stopped {
                error: DecodeError { path, offset, kind },
                view,
            })
        };
        let max = usize::from(u16::MAX);
        if bytes.len() > max {
            let found = bytes.len();
            let kind = DecodeErrorKind::TooLong { found, max };
            return Err(stopped(Path::End, max, kind, None));
        }
        let lead = self.lead().len();
        let (mti, at) = self
            .mti_at(bytes, lead)
            .map_err(|kind| stopped(Path::Mti, lead.min(bytes.len()), kind, None))?;
        let mut view = View {
            dialect: self,
            bytes,
            mti,
            present: Bitmap::EMPTY,
            until: 0,
            checked: STRICT,
            first: low_half(at),
            layout: None,
            bases: Bases::default(),
        };
        match self.maps_at(bytes, at) {
            Ok((present, end)) => {
                view.present = present;
                view.first = low_half(end);
            }
            Err(kind) => return Err(stopped(Path::Bitmap, at, kind, Some(view))),
        }
        match self.plain_fields::<STRICT>(&mut view, until) {
            Ok(()) => Ok(view),
            Err(error) => Err(stopped(error.path, error.offset, error.kind, Some(view))),
        }
    }

    fn plain_fields<const STRICT: bool>(
        &self,
        view: &mut View<'_>,
        until: u8,
    ) -> Result<(), DecodeError> {
        let mut at = usize::from(view.first);
        for de in view.present.iter().take_while(|de| *de <= until) {
            let fault = |kind| DecodeError {
                path: Path::Field(de),
                offset: at,
                kind,
            };
            let field = self
                .field(de)
                .ok_or_else(|| fault(DecodeErrorKind::UnknownField))?;
            let place = field.locate(view.bytes, at).map_err(fault)?;
            if STRICT {
                let content = view.bytes.get(place.start..place.end).unwrap_or_default();
                field.check(content, place.units).map_err(fault)?;
                super::view::check_content(field, content, place.units).map_err(
                    |(inner, kind)| DecodeError {
                        path: inner.map_or(Path::Field(de), |sub| Path::Subfield(de, sub)),
                        offset: at,
                        kind,
                    },
                )?;
            }
            view.until = de;
            at = place.end;
        }
        view.until = until;
        match view.bytes.len().saturating_sub(at) {
            found if found > 0 && until >= Bitmap::LAST => Err(DecodeError {
                path: Path::End,
                offset: at,
                kind: DecodeErrorKind::TrailingBytes { found },
            }),
            _ => Ok(()),
        }
    }
}

/// A place in a message, which is no longer than it can say. What is cut off here lies behind the
/// end, and is found out by whoever looks there.
#[inline(always)]
pub(super) fn low_half(at: usize) -> u16 {
    let [low, high, ..] = at.to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[inline(always)]
fn ascii2(bytes: &[u8], at: usize) -> Option<usize> {
    let [a, b] = bytes.get(at..)?.first_chunk::<2>()?;
    let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    (a < 10 && b < 10).then_some(usize::from(a) * 10 + usize::from(b))
}

#[inline(always)]
fn ascii3(bytes: &[u8], at: usize) -> Option<usize> {
    let a = bytes.get(at)?.wrapping_sub(b'0');
    let rest = ascii2(bytes, at + 1)?;
    (a < 10).then_some(usize::from(a) * 100 + rest)
}

#[inline(always)]
fn bcd2(bytes: &[u8], at: usize) -> Option<usize> {
    let byte = *bytes.get(at)?;
    let (high, low) = (byte >> 4, byte & 0x0F);
    (high < 10 && low < 10).then_some(usize::from(high) * 10 + usize::from(low))
}

#[inline(always)]
fn bcd4(bytes: &[u8], at: usize) -> Option<usize> {
    Some(bcd2(bytes, at)? * 100 + bcd2(bytes, at + 1)?)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::message::Message;

    fn purchase() -> Message {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        let elements: [(u8, &[u8]); 19] = [
            (2, b"9999990100000005"),
            (3, b"000000"),
            (4, b"000000015000"),
            (7, b"0315023015"),
            (11, b"000123"),
            (18, b"5411"),
            (22, b"051"),
            (28, b"C00000100"),
            (32, b"450001"),
            (35, b"9999990100000005=30121010000000000000"),
            (37, b"607411000123"),
            (41, b"TERM0001"),
            (42, b"MERCHANT0000001"),
            (43, b"TOYLAND STORE 1          SEOUL        KR"),
            (49, b"410"),
            (52, &[0xA5; 8]),
            (55, b"\x9f\x26\x08\x01\x02\x03\x04\x05\x06\x07\x08"),
            (60, b"0"),
            (102, b"100200300400"),
        ];
        for (de, value) in elements {
            message.set(de, value);
        }
        message
    }

    /// The first element that is none of the dialect; None where the message is written.
    fn foreign(dialect: &Dialect, message: &Message, wire: &mut BytesMut) -> Option<u8> {
        if let Err(error) = dialect.encode(message, wire) {
            return Some(error.de);
        }
        let error = dialect.read(wire).err()?;
        Some(error.path.data_element().unwrap())
    }

    /// Every byte of a message, changed in every way that may make a difference.
    #[test]
    fn the_swift_walk_refuses_what_the_plain_one_refuses() {
        let mut refused = 0;
        for dialect in Dialect::built_in() {
            let mut message = purchase();
            let mut wire = BytesMut::new();
            // Other years have other elements under some numbers.
            while let Some(other) = foreign(dialect, &message, &mut wire) {
                message.remove(other);
                wire.clear();
            }
            assert!(message.present().len() > 8, "{}", dialect.name());
            for place in 0..wire.len() {
                let before = wire[place];
                for change in 0..=u8::MAX {
                    let edge = [0x00, 0x09, 0x0A, 0x0F].contains(&(change & 0x0F));
                    if !edge && change.abs_diff(before) > 1 && change != 0x7F && change != b'=' {
                        continue;
                    }
                    wire[place] = change;
                    let plain = dialect.plain_walk::<true>(&wire, Bitmap::LAST);
                    let swift = dialect.swift::<true>(&wire, Bitmap::LAST);
                    let known = plain.as_ref().is_ok_and(|view| {
                        let layouts = dialect.plan().layouts();
                        layouts.of(view.present).is_some()
                    });
                    assert_eq!(
                        swift.is_some(),
                        known,
                        "{} with {change:02X} at {place}",
                        dialect.name()
                    );
                    refused += usize::from(plain.is_err());
                }
                wire[place] = before;
            }
        }
        assert!(refused > 50_000, "{refused}");
    }
}
