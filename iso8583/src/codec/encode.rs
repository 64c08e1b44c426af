//! A message of values to bytes.

use bytes::BytesMut;

use crate::bitmap::Bitmap;
use crate::codec::plan::{Check, Op, Reach};
use crate::codec::{LEAD, MAPS};
use crate::encoding::{Room, Sink, bcd, ebcdic, hex};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::message::Message;
use crate::mti::Mti;
use crate::spec::{BitmapForm, CodePage, Dialect, Maps, MtiCoding};

impl Dialect {
    /// Appends one message to a buffer; on an error the buffer is as it was.
    ///
    /// # Errors
    /// Where a value does not fit its element.
    pub fn encode(&self, message: &Message, out: &mut BytesMut) -> Result<(), EncodeError> {
        let start = out.len();
        let values = message.values_len();
        // Where values stand on the wire as they are, lengths and maps have room beside them.
        let mut room = if self.plan().is_plain() {
            values
        } else {
            values * 2
        } + 128;
        loop {
            out.resize(start + room, 0);
            match self.encode_into(message, out.get_mut(start..).unwrap_or_default()) {
                Ok(len) => {
                    out.truncate(start + len);
                    return Ok(());
                }
                Err(EncodeError {
                    kind: EncodeErrorKind::NoRoom { needed },
                    ..
                }) if needed > room => room = needed,
                Err(error) => {
                    if let Some(written) = out.get_mut(start..) {
                        zeroize::Zeroize::zeroize(written);
                    }
                    out.truncate(start);
                    return Err(error);
                }
            }
        }
    }

    /// Writes one message to the start of a buffer and says how many bytes it takes. Nothing is
    /// allocated, but for padding.
    ///
    /// # Errors
    /// Where a value does not fit its element, or the message its buffer: the error says how much
    /// room it needs.
    pub fn encode_into(&self, message: &Message, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        if !message.keeps_wire()
            && let Some(len) = self.encode_swiftly(message, buffer)
        {
            return Ok(len);
        }
        self.encode_plainly(message, buffer)
    }

    /// Values that lie one behind the other are checked and copied together, as far as they are of
    /// one kind. None where anything is uncommon or wrong.
    fn encode_swiftly(&self, message: &Message, buffer: &mut [u8]) -> Option<usize> {
        let len = buffer.len();
        let mut out = Room::new(buffer);
        self.put_start(message, &mut out);
        let (values, places) = message.laid_out();
        let ops = self.plan().ops();
        let mut run = (Check::Nothing, 0..0);
        let mut pending = 0..0;
        for (de, place) in places {
            let op = ops.get(usize::from(de))?;
            if !op.identity {
                out.put_all(values.get(pending)?);
                pending = 0..0;
                put_swiftly(*op, values.get(place)?, &mut out)?;
                continue;
            }
            let units = place.len();
            let max = usize::from(op.len);
            if op.reach == Reach::Fixed {
                (units == max).then_some(())?;
            } else {
                (units <= max).then_some(())?;
                out.put_all(values.get(pending.clone())?);
                pending = place.start..place.start;
                put_length(op.reach, units, &mut out)?;
            }
            if op.check == run.0 && place.start == run.1.end {
                run.1.end = place.end;
            } else {
                run.0.holds(values.get(run.1)?).then_some(())?;
                run = (op.check, place.clone());
            }
            if place.start == pending.end {
                pending.end = place.end;
            } else {
                out.put_all(values.get(pending)?);
                pending = place;
            }
        }
        run.0.holds(values.get(run.1)?).then_some(())?;
        out.put_all(values.get(pending)?);
        let needed = out.len();
        (needed <= len.min(usize::from(u16::MAX))).then_some(needed)
    }

    /// Field by field.
    fn encode_plainly(&self, message: &Message, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        let len = buffer.len();
        let mut out = Room::new(buffer);
        self.put_start(message, &mut out);
        for (de, value) in message.fields() {
            let done = match message.kept_wire(de) {
                Some(wire) if self.reads_as(de, wire, value) => {
                    out.put_all(wire);
                    Ok(())
                }
                _ => self.put_field(de, value, &mut out),
            };
            done.map_err(|kind| EncodeError { de, kind })?;
        }
        fits(message.present(), out.len(), len)
    }

    fn put_start(&self, message: &Message, out: &mut impl Sink) {
        let lead = message
            .kept_wire(LEAD)
            .filter(|lead| lead.len() == self.lead().len());
        out.put_all(lead.unwrap_or_else(|| self.lead()));
        self.put_mti(message.mti(), out);
        match message.kept_wire(MAPS) {
            Some(maps) if self.maps_at(maps, 0) == Ok((message.present(), maps.len())) => {
                out.put_all(maps);
            }
            _ => self.put_maps(message.present(), out),
        }
    }

    pub(super) fn put_mti(&self, mti: Mti, out: &mut impl Sink) {
        match self.mti() {
            MtiCoding::Ascii => out.put_all(mti.as_bytes()),
            MtiCoding::Bcd => bcd::encode(mti.as_bytes(), 0, out),
            MtiCoding::Ebcdic => mti
                .as_bytes()
                .iter()
                .for_each(|digit| out.put(digit | 0xF0)),
        }
    }

    /// Bytes of the MTI.
    pub(super) const fn mti_len(&self) -> usize {
        match self.mti() {
            MtiCoding::Ascii | MtiCoding::Ebcdic => 4,
            MtiCoding::Bcd => 2,
        }
    }

    pub(super) fn put_maps(&self, present: Bitmap, out: &mut impl Sink) {
        let [mut first, mut second, third] = present.maps();
        let count = self.maps_count(present);
        if matches!(self.bitmap().maps, Maps::UpTo(_)) {
            first |= u64::from(count > 1) << 63;
            second |= u64::from(count > 2) << 63;
        }
        for map in [first, second, third].into_iter().take(count) {
            let bytes = map.to_be_bytes();
            match self.bitmap().form {
                BitmapForm::Binary => out.put_all(&bytes),
                BitmapForm::Hex => hex::encode(&bytes, out),
                BitmapForm::EbcdicHex => bytes
                    .iter()
                    .flat_map(|byte| [byte >> 4, byte & 0x0F])
                    .for_each(|nibble| {
                        out.put(ebcdic::from_latin1(CodePage::Cp037, hex::digit(nibble)));
                    }),
            }
        }
    }

    fn maps_count(&self, present: Bitmap) -> usize {
        match self.bitmap().maps {
            Maps::Fixed(count) => usize::from(count),
            Maps::UpTo(_) => match present.maps() {
                [_, 0, 0] => 1,
                [_, _, 0] => 2,
                _ => 3,
            },
        }
    }

    /// Bytes the maps of these fields take.
    pub(super) fn maps_len(&self, present: Bitmap) -> usize {
        let map = match self.bitmap().form {
            BitmapForm::Binary => 8,
            BitmapForm::Hex | BitmapForm::EbcdicHex => 16,
        };
        self.maps_count(present) * map
    }

    /// Would the maps of these fields be written just so?
    pub(super) fn writes_maps(&self, present: Bitmap, maps: &[u8]) -> bool {
        let mut ours = [0; 48];
        let mut room = Room::new(&mut ours);
        self.put_maps(present, &mut room);
        room.written() == Some(maps)
    }

    /// Is the wire form that was kept of a field one of this value, here?
    fn reads_as(&self, de: u8, wire: &[u8], value: &[u8]) -> bool {
        let Some(field) = self.field(de) else {
            return false;
        };
        let Ok(place) = field.locate(wire, 0) else {
            return false;
        };
        let mut read = zeroize::Zeroizing::new(Vec::with_capacity(value.len()));
        let content = wire.get(place.start..place.end).unwrap_or_default();
        place.end == wire.len()
            && field.decode(content, place.units, &mut read).is_ok()
            && read.as_slice() == value
    }

    /// Appends a field with its length; the plain way for what is uncommon, and for every error.
    #[inline]
    pub(super) fn put_field(
        &self,
        de: u8,
        value: &[u8],
        out: &mut impl Sink,
    ) -> Result<(), EncodeErrorKind> {
        let op = self.plan().op(de);
        if put_swiftly(op, value, out).is_some() {
            return Ok(());
        }
        self.field(de)
            .ok_or(EncodeErrorKind::UnknownField)?
            .encode(value, out)
    }
}

/// The bytes a message takes, if it can be one and its buffer has room for it.
pub(super) fn fits(present: Bitmap, needed: usize, room: usize) -> Result<usize, EncodeError> {
    let kind = if needed > usize::from(u16::MAX) {
        EncodeErrorKind::TooLong { needed }
    } else if needed > room {
        EncodeErrorKind::NoRoom { needed }
    } else {
        return Ok(needed);
    };
    let de = present.last().unwrap_or(0);
    Err(EncodeError { de, kind })
}

/// Appends a field of common form; None, and nothing written, where it is none or does not fit.
#[inline]
fn put_swiftly(op: Op, value: &[u8], out: &mut impl Sink) -> Option<()> {
    let len = usize::from(op.len);
    let units = value.len();
    let text = match op.check {
        Check::Digits | Check::Alphanumeric | Check::Printable | Check::Track => op.check,
        Check::Nothing | Check::Hex => Check::Nothing,
        Check::Packed => Check::Digits,
        Check::PackedTrack => Check::Track,
        Check::Plain => return None,
    };
    let packed = matches!(op.check, Check::Packed | Check::PackedTrack);
    let fits = match op.reach {
        Reach::Fixed if packed => units.div_ceil(2) == len && (units % 2 == 1) == op.odd,
        Reach::Fixed if op.check == Check::Hex => units * 2 == len,
        Reach::Fixed => units == len,
        Reach::Ascii2 | Reach::Bcd2 | Reach::BcdPacked2 => units <= len && units < 100,
        Reach::Ascii3 | Reach::AsciiHex3 | Reach::Bcd4 => units <= len && units < 1000,
        Reach::Plain | Reach::Unknown => false,
    };
    if !fits || !text.holds(value) {
        return None;
    }
    put_length(op.reach, units, out)?;
    if packed {
        let odd = usize::from(units % 2 == 1);
        let (first, pairs) = value.split_at_checked(odd)?;
        first.iter().for_each(|digit| out.put(bcd::nibble(*digit)));
        bcd::encode(pairs, 0, out);
    } else if op.check == Check::Hex {
        hex::encode(value, out);
    } else {
        out.put_all(value);
    }
    Some(())
}

/// Appends the length prefix of a field of common form; None where it cannot say so much.
#[inline(always)]
fn put_length(reach: Reach, units: usize, out: &mut impl Sink) -> Option<()> {
    let [a, b, c] = *NUMBERS.get(units)?;
    match reach {
        Reach::Fixed => {}
        Reach::Ascii3 | Reach::AsciiHex3 => out.put_all(&[a, b, c].map(|digit| b'0' | digit)),
        Reach::Bcd4 => out.put_all(&[a, b << 4 | c]),
        _ if a > 0 => return None,
        Reach::Ascii2 => out.put_all(&[b'0' | b, b'0' | c]),
        Reach::Bcd2 | Reach::BcdPacked2 => out.put(b << 4 | c),
        Reach::Plain | Reach::Unknown => return None,
    }
    Some(())
}

/// The three digits of each number below 1000.
static NUMBERS: [[u8; 3]; 1000] = numbers();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time; every index is below 1000"
)]
const fn numbers() -> [[u8; 3]; 1000] {
    let mut numbers = [[0; 3]; 1000];
    let mut number = 1;
    while number < 1000 {
        let [mut a, mut b, mut c] = numbers[number - 1];
        c += 1;
        if c == 10 {
            (b, c) = (b + 1, 0);
        }
        if b == 10 {
            (a, b) = (a + 1, 0);
        }
        numbers[number] = [a, b, c];
        number += 1;
    }
    numbers
}
