//! The walk over a message: field by field to the end, or as far as is asked.
//!
//! There are two walks that agree. The swift one knows the common shapes, says only yes or no, and
//! checks neighbours together; where it says no, the plain one goes the same way field by field and
//! says where and why.

use crate::bitmap::Bitmap;
use crate::codec::plan::{Check, Op, Reach};
use crate::codec::view::View;
use crate::element::number;
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
        self.walk::<false>(bytes, until)
            .map_err(|stopped| stopped.error)
    }

    /// Walks over all fields; lengths are checked, values when they are asked for.
    ///
    /// # Errors
    /// Where the bytes are not fields, as long as they say, to the end.
    pub fn index<'a>(&'a self, bytes: &'a [u8]) -> Result<View<'a>, DecodeError> {
        self.walk::<false>(bytes, Bitmap::LAST)
            .map_err(|stopped| stopped.error)
    }

    /// Walks over all fields and checks every one, with its subfields.
    ///
    /// # Errors
    /// Where the bytes are not exactly one message of this dialect: the error names the element
    /// and the byte.
    pub fn read<'a>(&'a self, bytes: &'a [u8]) -> Result<View<'a>, DecodeError> {
        self.walk::<true>(bytes, Bitmap::LAST)
            .map_err(|stopped| stopped.error)
    }

    #[inline]
    pub(super) fn walk<'a, const STRICT: bool>(
        &'a self,
        bytes: &'a [u8],
        until: u8,
    ) -> Result<View<'a>, Box<Stopped<'a>>> {
        if let Some(mut view) = self.start(bytes)
            && self.swift::<STRICT>(&mut view, until).is_some()
        {
            return Ok(view);
        }
        self.plain::<STRICT>(bytes, until)
    }

    /// MTI and maps, where they are right.
    #[inline]
    fn start<'a>(&'a self, bytes: &'a [u8]) -> Option<View<'a>> {
        if bytes.len() > usize::from(u16::MAX) {
            return None;
        }
        let at = self.lead().len();
        let (mti, at) = self.mti_at(bytes, at).ok()?;
        let (present, at) = self.maps_at(bytes, at).ok()?;
        Some(View {
            dialect: self,
            bytes,
            mti,
            present,
            first: u16::try_from(at).ok()?,
            walked: 0,
            ends: [0; ENDS],
        })
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
    fn swift<const STRICT: bool>(&self, view: &mut View<'_>, until: u8) -> Option<()> {
        let bytes = view.bytes;
        let mut at = usize::from(view.first);
        let mut run = (Check::Nothing, at);
        let mut walked = 0_u8;
        for (lowest, map) in [1_u8, 65, 129].into_iter().zip(view.present.maps()) {
            let mut rest = map;
            while rest != 0 {
                let place = rest.leading_zeros();
                rest &= !(1 << 63 >> place);
                let de = lowest + u8::try_from(place).ok()?;
                if de > until {
                    view.walked = walked;
                    return Some(());
                }
                let op = self.plan().op(de);
                let end = self.end_of(op, de, bytes, at)?;
                if STRICT {
                    self.judge(op, de, bytes, at, &mut run)?;
                }
                *view.ends.get_mut(usize::from(walked))? = u16::try_from(end).ok()?;
                walked += 1;
                at = end;
            }
        }
        if STRICT {
            run.0.passes(bytes.get(run.1..at)?).then_some(())?;
        }
        view.walked = walked;
        (at == bytes.len() || until < Bitmap::LAST).then_some(())
    }

    /// Where the field at `at` ends, which is no further than the message does.
    #[inline(always)]
    fn end_of(&self, op: Op, de: u8, bytes: &[u8], at: usize) -> Option<usize> {
        let prefix = usize::from(op.prefix);
        let len = usize::from(op.len);
        let wire = match op.reach {
            Reach::Fixed => len,
            Reach::Ascii => ascii_length(bytes, at, prefix).filter(|found| *found <= len)?,
            Reach::AsciiHex => ascii_length(bytes, at, prefix).filter(|found| *found <= len)? * 2,
            Reach::Bcd => bcd_length(bytes, at, prefix).filter(|found| *found <= len)?,
            Reach::BcdPacked => bcd_length(bytes, at, prefix)
                .filter(|found| *found <= len)?
                .div_ceil(2),
            Reach::Plain => return Some(self.field(de)?.locate(bytes, at).ok()?.end),
            Reach::Unknown => return None,
        };
        let end = at + prefix + wire;
        (end <= bytes.len()).then_some(end)
    }

    /// Checks a field, or leaves it to the run of neighbours that are checked alike.
    #[inline(always)]
    fn judge(
        &self,
        op: Op,
        de: u8,
        bytes: &[u8],
        at: usize,
        run: &mut (Check, usize),
    ) -> Option<()> {
        let mut check = op.check;
        match check {
            Check::PackedOdd => {
                (*bytes.get(at)? < 0x10).then_some(())?;
                check = Check::Packed;
            }
            Check::Packed | Check::PackedTrack if op.reach == Reach::BcdPacked => {
                let content = at + usize::from(op.prefix);
                let odd = bcd_length(bytes, at, usize::from(op.prefix))? % 2 == 1;
                (!odd || *bytes.get(content)? < 0x10).then_some(())?;
            }
            Check::Plain => {
                let field = self.field(de)?;
                let place = field.locate(bytes, at).ok()?;
                let content = bytes.get(place.start..place.end)?;
                field.check(content, place.units).ok()?;
            }
            Check::Nothing
            | Check::Digits
            | Check::Alphanumeric
            | Check::Printable
            | Check::Hex
            | Check::Track
            | Check::Packed
            | Check::PackedTrack => {}
        }
        if check != run.0 {
            run.0.passes(bytes.get(run.1..at)?).then_some(())?;
            *run = (check, at);
        }
        if op.composite {
            self.judge_content(de, bytes, at)?;
        }
        Some(())
    }

    fn judge_content(&self, de: u8, bytes: &[u8], at: usize) -> Option<()> {
        let field = self.field(de)?;
        let place = field.locate(bytes, at).ok()?;
        super::view::check_content(field, bytes.get(place.start..place.end)?, place.units).ok()
    }

    /// The plain walk: the same way, told step by step.
    #[cold]
    #[inline(never)]
    pub(super) fn plain<'a, const STRICT: bool>(
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
            first: u16::try_from(at).unwrap_or(u16::MAX),
            walked: 0,
            ends: [0; ENDS],
        };
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
fn ascii_length(bytes: &[u8], at: usize, digits: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let digit = |byte: u8| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then_some(usize::from(digit))
    };
    match (digits, rest) {
        (2, [a, b, ..]) => Some(digit(*a)? * 10 + digit(*b)?),
        (3, [a, b, c, ..]) => Some(digit(*a)? * 100 + digit(*b)? * 10 + digit(*c)?),
        _ => usize::try_from(number(rest.get(..digits)?)?).ok(),
    }
}

#[inline(always)]
fn bcd_length(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let pair = |byte: u8| {
        let (high, low) = (byte >> 4, byte & 0x0F);
        (high < 10 && low < 10).then_some(usize::from(high) * 10 + usize::from(low))
    };
    match (width, rest) {
        (1, [a, ..]) => pair(*a),
        (2, [a, b, ..]) => Some(pair(*a)? * 100 + pair(*b)?),
        _ => usize::try_from(bcd::number(rest.get(..width)?)?).ok(),
    }
}
