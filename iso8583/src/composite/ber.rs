//! BER-TLV as EMV writes it (ISO/IEC 8825-1; EMV Book 3 annex B): one object at a place.

use crate::composite::Ber;
use crate::encoding::{Sink, hex};
use crate::error::DecodeErrorKind;
use crate::spec::Field;

/// Where an object lies, in bytes of the value it was looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// First byte of the tag.
    pub(super) start: usize,
    /// First byte of the length.
    pub(super) tag_end: usize,
    /// First byte of the content.
    pub(super) content: usize,
    /// First byte behind it.
    pub(super) end: usize,
    /// Is it a template, made of objects?
    pub(super) constructed: bool,
}

/// An object that is none: where it starts, where its tag ends, and what is wrong.
pub(super) type Broken = (usize, usize, DecodeErrorKind);

/// The object at `at` or behind the `00` filler there; None at the end of the value.
#[inline]
pub(super) fn object(value: &[u8], at: usize) -> Option<Result<Object, Broken>> {
    let mut start = at;
    let first = loop {
        match *value.get(start)? {
            0 => start += 1,
            first => break first,
        }
    };
    let tag_end = match tag_end(value, start, first) {
        Ok(end) => end,
        Err(kind) => return Some(Err((start, start, kind))),
    };
    let (content, len) = match length(value, tag_end) {
        Ok(found) => found,
        Err(kind) => return Some(Err((start, tag_end, kind))),
    };
    let left = value.len() - content;
    if len > left {
        let kind = DecodeErrorKind::Truncated {
            expected: len,
            found: left,
        };
        return Some(Err((start, tag_end, kind)));
    }
    Some(Ok(Object {
        start,
        tag_end,
        content,
        end: content + len,
        constructed: !is_primitive(first),
    }))
}

/// Bit 6 of the first byte of a tag says that the content is objects.
pub(super) const CONSTRUCTED: u8 = 0x20;
/// These bits of the first byte all set say that the tag goes on.
const LONG_TAG: u8 = 0x1F;
const MORE: u8 = 0x80;

#[inline]
fn tag_end(value: &[u8], start: usize, first: u8) -> Result<usize, DecodeErrorKind> {
    if !is_long(first) {
        return Ok(start + 1);
    }
    for at in [start + 1, start + 2] {
        match value.get(at) {
            Some(byte) if byte & MORE == 0 => return Ok(at + 1),
            Some(_) => {}
            None => {
                return Err(DecodeErrorKind::Truncated {
                    expected: at + 1 - start,
                    found: at - start,
                });
            }
        }
    }
    Err(DecodeErrorKind::Tag)
}

/// Where the content starts, and how long it is.
#[inline]
fn length(value: &[u8], at: usize) -> Result<(usize, usize), DecodeErrorKind> {
    let truncated = |expected| DecodeErrorKind::Truncated {
        expected,
        found: value.len() - at,
    };
    let first = *value.get(at).ok_or_else(|| truncated(1))?;
    if first < 0x80 {
        return Ok((at + 1, usize::from(first)));
    }
    if !(0x81..=0x83).contains(&first) {
        return Err(DecodeErrorKind::LengthForm { found: first });
    }
    let bytes = usize::from(first & 0x7F);
    let digits = value
        .get(at + 1..at + 1 + bytes)
        .ok_or_else(|| truncated(1 + bytes))?;
    let len = digits
        .iter()
        .fold(0, |len, byte| len << 8 | usize::from(*byte));
    Ok((at + 1 + bytes, len))
}

/// Appends a length in the shortest form; false where three bytes cannot say it.
#[must_use]
pub(super) fn put_length(len: usize, out: &mut impl Sink) -> bool {
    let Ok(number) = u32::try_from(len) else {
        return false;
    };
    let bytes = number.to_be_bytes();
    let (form, skip) = match number {
        0..=0x7F => (None, 3),
        0x80..=0xFF => (Some(0x81), 3),
        0x100..=0xFFFF => (Some(0x82), 2),
        0x1_0000..=0xFF_FFFF => (Some(0x83), 1),
        _ => return false,
    };
    if let Some(form) = form {
        out.put(form);
    }
    out.put_all(bytes.get(skip..).unwrap_or_default());
    true
}

/// Is the value nothing but objects?
pub(super) fn is_well_formed(value: &[u8]) -> bool {
    let mut rest = value;
    loop {
        // Nearly all there is: a tag of one or two bytes, and a length of one.
        let end = match rest {
            [] => return true,
            [0, ..] => 1,
            [tag, len @ ..0x80, ..] if !is_long(*tag) => 2 + usize::from(*len),
            [tag, ..0x80, len @ ..0x80, ..] if is_long(*tag) => 3 + usize::from(*len),
            _ => match object(rest, 0) {
                Some(Ok(object)) => object.end,
                Some(Err(_)) | None => return false,
            },
        };
        match rest.get(end..) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
}

const fn is_primitive(tag: u8) -> bool {
    tag & CONSTRUCTED == 0
}

const fn is_long(tag: u8) -> bool {
    tag & LONG_TAG == LONG_TAG
}

/// The bytes of a tag written in hex digits; None where they are no tag.
pub(super) fn tag(name: &str) -> Option<Vec<u8>> {
    let (pairs, []) = name.as_bytes().as_chunks::<2>() else {
        return None;
    };
    if !(1..=3).contains(&pairs.len()) {
        return None;
    }
    let bytes: Vec<u8> = pairs
        .iter()
        .map(|pair| hex::byte(*pair))
        .collect::<Option<_>>()?;
    let first = *bytes.first()?;
    let whole = first != 0 && tag_end(&bytes, 0, first) == Ok(bytes.len());
    whole.then_some(bytes)
}

impl Ber {
    /// What the spec says of a tag.
    pub(super) fn field(&self, tag: &[u8]) -> Option<&Field> {
        if self.known.is_empty() {
            return None;
        }
        let mut digits = [0; 6];
        let mut room = crate::encoding::Room::new(&mut digits);
        hex::encode(tag, &mut room);
        self.known.get(core::str::from_utf8(room.written()?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_their_shortest_form_and_read_back() {
        for (len, form) in [
            (0, &b"\x00"[..]),
            (0x7F, b"\x7F"),
            (0x80, b"\x81\x80"),
            (0xFF, b"\x81\xFF"),
            (0x100, b"\x82\x01\x00"),
            (0xFFFF, b"\x82\xFF\xFF"),
            (0x1_0000, b"\x83\x01\x00\x00"),
        ] {
            let mut out = Vec::new();
            assert!(put_length(len, &mut out));
            assert_eq!(out, form);
            assert_eq!(length(&out, 0), Ok((form.len(), len)));
        }
        assert!(!put_length(0x100_0000, &mut Vec::new()));
    }

    #[test]
    fn a_name_that_is_no_tag_makes_none() {
        assert_eq!(tag("9F02").as_deref(), Some(&[0x9F, 0x02][..]));
        assert_eq!(tag("df8101").as_deref(), Some(&[0xDF, 0x81, 0x01][..]));
        for name in [
            "", "9", "9F", "9F0", "00", "9A02", "9F8182", "DF818201", "XY",
        ] {
            assert_eq!(tag(name), None, "{name}");
        }
    }
}
