//! The walk over a message: field by field to the end, or as far as is asked.
//!
//! There are two walks that agree. The swift one knows the common shapes, says only yes or no, and
//! checks neighbours together; where it says no, the plain one goes the same way field by field and
//! says where and why.

use crate::bitmap::Bitmap;
use crate::codec::plan::{Check, Op, Reach};
use crate::codec::view::View;
use crate::encoding::{bcd, ebcdic, hex};
use crate::error::{DecodeError, DecodeErrorKind, Path};
use crate::mti::Mti;
use crate::spec::{BitmapForm, Class, CodePage, Dialect, Maps, MtiCoding};

/// Room for the end of every field there can be.
pub(super) const ENDS: usize = 192;

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
        let mut view = View::unread(self, bytes);
        match self.swift(&mut view, until) {
            Some(()) => Ok(view),
            None => self.retrace::<false>(bytes, until),
        }
    }

    /// Walks over all fields; lengths are checked, values when they are asked for.
    ///
    /// # Errors
    /// Where the bytes are not fields, as long as they say, to the end.
    pub fn index<'a>(&'a self, bytes: &'a [u8]) -> Result<View<'a>, DecodeError> {
        let mut view = View::unread(self, bytes);
        match self.swift(&mut view, Bitmap::LAST) {
            Some(()) => Ok(view),
            None => self.retrace::<false>(bytes, Bitmap::LAST),
        }
    }

    /// Walks over all fields and checks every one, with its subfields.
    ///
    /// # Errors
    /// Where the bytes are not exactly one message of this dialect: the error names the element
    /// and the byte.
    pub fn read<'a>(&'a self, bytes: &'a [u8]) -> Result<View<'a>, DecodeError> {
        let mut view = View::unread(self, bytes);
        match self
            .swift(&mut view, Bitmap::LAST)
            .and_then(|()| self.judge(&view))
        {
            Some(()) => Ok(view),
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
        let mti = Mti::try_from(&digits[..]).map_err(|_| DecodeErrorKind::Class {
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

    /// The swift walk. None where anything is wrong.
    #[inline]
    pub(super) fn swift(&self, view: &mut View<'_>, until: u8) -> Option<()> {
        let bytes = view.bytes;
        if bytes.len() > usize::from(u16::MAX) {
            return None;
        }
        let (mti, at) = self.mti_at(bytes, self.lead().len()).ok()?;
        let (present, mut at) = self.maps_at(bytes, at).ok()?;
        view.mti = mti;
        view.present = present;
        view.first = u16::try_from(at).ok()?;
        let ops = self.plan().ops();
        let wanted = present.up_to(until);
        let mut ends = view.ends.iter_mut();
        for (lowest, map) in [1_u8, 65, 129].into_iter().zip(wanted.maps()) {
            let mut rest = map;
            while rest != 0 {
                let place = rest.leading_zeros();
                rest ^= 1 << 63 >> place;
                let de = lowest + u8::try_from(place).ok()?;
                at = self.end_of(ops.get(usize::from(de))?, de, bytes, at)?;
                // What is cut off here lies behind the end, and is found out below.
                let [low, high, ..] = at.to_le_bytes();
                *ends.next()? = u16::from_le_bytes([low, high]);
            }
        }
        view.walked = u8::try_from(wanted.len()).ok()?;
        (at == bytes.len() || at < bytes.len() && until < Bitmap::LAST).then_some(())
    }

    /// Checks every field that was walked over, neighbours of one kind together.
    #[inline]
    pub(super) fn judge(&self, view: &View<'_>) -> Option<()> {
        let bytes = view.bytes;
        let ops = self.plan().ops();
        let mut at = usize::from(view.first);
        let mut run = (Check::Nothing, at);
        let mut ends = view.ends.iter();
        for (lowest, map) in [1_u8, 65, 129].into_iter().zip(view.present.maps()) {
            let mut rest = map;
            while rest != 0 {
                let place = rest.leading_zeros();
                rest ^= 1 << 63 >> place;
                let de = lowest + u8::try_from(place).ok()?;
                let op = ops.get(usize::from(de))?;
                if op.check != run.0 || op.apart {
                    run.0.passes(bytes.get(run.1..at)?).then_some(())?;
                    let prefix = if op.apart { op.prefix } else { 0 };
                    run = (op.check, at + usize::from(prefix));
                }
                if op.alone {
                    self.judge_alone(op, de, bytes, at)?;
                }
                at = usize::from(*ends.next()?);
            }
        }
        run.0.passes(bytes.get(run.1..at)?).then_some(())
    }

    /// Where the field at `at` ends. That may be behind the end of the message: whoever looks at
    /// what follows finds nothing there.
    #[inline(always)]
    fn end_of(&self, op: &Op, de: u8, bytes: &[u8], at: usize) -> Option<usize> {
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

    /// Checks what a run of neighbours does not show.
    #[inline(never)]
    fn judge_alone(&self, op: &Op, de: u8, bytes: &[u8], at: usize) -> Option<()> {
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
        let walked = self.plain_walk::<STRICT>(bytes, until);
        debug_assert!(
            walked.is_err(),
            "the swift walk refuses what the plain one takes"
        );
        walked
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
        let mut view = View::unread(self, bytes);
        view.mti = mti;
        view.first = u16::try_from(at).unwrap_or(u16::MAX);
        match self.maps_at(bytes, at) {
            Ok((present, end)) => {
                view.present = present;
                view.first = u16::try_from(end).unwrap_or(u16::MAX);
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
            if let Some(end) = view.ends.get_mut(usize::from(view.walked)) {
                *end = u16::try_from(place.end).unwrap_or(u16::MAX);
            }
            view.walked += 1;
            at = place.end;
        }
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
