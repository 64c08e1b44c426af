//! Bytes to message and back, by the table of a dialect.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

use crate::bitmap::Bitmap;
use crate::encoding::{bcd, hex};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind, Path};
use crate::message::Message;
use crate::mti::Mti;
use crate::spec::{Bytes, Class, Dialect, Digits, Element, Extent};

/// Bytes that are no message of the dialect, with what could be read before the fault: enough,
/// perhaps, to answer 30 (format error) with.
#[derive(Debug, Error)]
#[error("{error}")]
pub struct Undecodable {
    /// What is wrong, and where.
    pub error: DecodeError,
    /// The MTI and the fields before the fault; None where not even the MTI could be read.
    pub partial: Option<Message>,
}

impl Dialect {
    /// Reads one whole message.
    ///
    /// # Errors
    /// Where the bytes are not exactly one message of this dialect: the error names the element
    /// and the byte, and comes with what was read before.
    pub fn decode(&self, bytes: &[u8]) -> Result<Message, Box<Undecodable>> {
        let mut reader = Reader {
            whole: bytes.len(),
            rest: bytes,
        };
        let mut message = match self.decode_mti(&mut reader) {
            // Packed digits take twice the room.
            Ok(mti) => Message::with_room(mti, bytes.len() * 2),
            Err(kind) => {
                let error = DecodeError {
                    path: Path::Mti,
                    offset: 0,
                    kind,
                };
                return Err(Box::new(Undecodable {
                    error,
                    partial: None,
                }));
            }
        };
        match self.decode_fields(&mut reader, &mut message) {
            Ok(()) => Ok(message),
            Err(error) => Err(Box::new(Undecodable {
                error,
                partial: Some(message),
            })),
        }
    }

    /// Appends one message to a buffer; on an error the buffer is as it was.
    ///
    /// # Errors
    /// Where a value does not fit its element.
    pub fn encode(&self, message: &Message, out: &mut BytesMut) -> Result<(), EncodeError> {
        let start = out.len();
        self.encode_mti(message.mti(), out);
        self.encode_bitmap(message.present(), out);
        for (de, value) in message.fields() {
            if let Err(kind) = self.encode_field(de, value, out) {
                out.truncate(start);
                return Err(EncodeError { de, kind });
            }
        }
        Ok(())
    }

    fn decode_mti(&self, reader: &mut Reader<'_>) -> Result<Mti, DecodeErrorKind> {
        let unpacked;
        let digits = match self.coding().digits {
            Digits::Ascii => reader.take(4)?,
            Digits::Bcd => {
                unpacked = bcd::unpack(reader.take(2)?);
                &unpacked[..]
            }
        };
        let position = Class::N.first_foreign(digits).unwrap_or(1);
        let class = Class::N.notation();
        Mti::try_from(digits).map_err(|_| DecodeErrorKind::Class { position, class })
    }

    fn decode_fields(
        &self,
        reader: &mut Reader<'_>,
        message: &mut Message,
    ) -> Result<(), DecodeError> {
        let offset = reader.offset();
        let present = self.decode_bitmap(reader).map_err(|kind| DecodeError {
            path: Path::Bitmap,
            offset,
            kind,
        })?;
        for de in present.iter() {
            let offset = reader.offset();
            let path = Path::Field(de);
            self.decode_field(de, reader, message)
                .map_err(|kind| DecodeError { path, offset, kind })?;
        }
        match reader.rest.len() {
            0 => Ok(()),
            found => {
                let kind = DecodeErrorKind::TrailingBytes { found };
                Err(DecodeError {
                    path: Path::End,
                    offset: reader.offset(),
                    kind,
                })
            }
        }
    }

    fn decode_bitmap(&self, reader: &mut Reader<'_>) -> Result<Bitmap, DecodeErrorKind> {
        let (primary, second) = Bitmap::from_primary(self.decode_map(reader)?);
        if second {
            Ok(primary.with_secondary(self.decode_map(reader)?))
        } else {
            Ok(primary)
        }
    }

    fn decode_map(&self, reader: &mut Reader<'_>) -> Result<u64, DecodeErrorKind> {
        match self.coding().bitmap {
            Bytes::Raw => Ok(big_endian(reader.take(8)?)),
            Bytes::Hex => hex::number(reader.take(16)?).ok_or(DecodeErrorKind::NotHex),
        }
    }

    fn decode_field(
        &self,
        de: u8,
        reader: &mut Reader<'_>,
        message: &mut Message,
    ) -> Result<(), DecodeErrorKind> {
        let element = self.element(de).ok_or(DecodeErrorKind::UnknownField)?;
        let length = match element.extent {
            Extent::Fixed(length) => length,
            Extent::Ll(max) => self.decode_length(2, max, reader)?,
            Extent::Lll(max) => self.decode_length(3, max, reader)?,
        };
        let wire = reader.take(self.wire_len(element.class, length))?;
        message.append(de, |values| {
            let start = values.len();
            self.decode_value(element.class, wire, length, values)?;
            let value = values.get(start..).unwrap_or_default();
            match element.class.first_foreign(value) {
                None => Ok(()),
                Some(position) => Err(DecodeErrorKind::Class {
                    position,
                    class: element.class.notation(),
                }),
            }
        })
    }

    fn decode_length(
        &self,
        digits: usize,
        max: usize,
        reader: &mut Reader<'_>,
    ) -> Result<usize, DecodeErrorKind> {
        let length = match self.coding().digits {
            Digits::Ascii => crate::element::number(reader.take(digits)?),
            Digits::Bcd => bcd::number(reader.take(bcd::packed_len(digits))?),
        };
        let found = length
            .and_then(|length| usize::try_from(length).ok())
            .ok_or(DecodeErrorKind::LengthNotDecimal)?;
        if found > max {
            Err(DecodeErrorKind::TooLong { found, max })
        } else {
            Ok(found)
        }
    }

    /// Bytes on the wire of a value of so many digits, characters or bytes.
    const fn wire_len(&self, class: Class, length: usize) -> usize {
        match (class, self.coding().digits, self.coding().bytes) {
            (Class::N | Class::Z, Digits::Bcd, _) => bcd::packed_len(length),
            (Class::B, _, Bytes::Hex) => length * 2,
            _ => length,
        }
    }

    fn decode_value(
        &self,
        class: Class,
        wire: &[u8],
        length: usize,
        values: &mut Vec<u8>,
    ) -> Result<(), DecodeErrorKind> {
        match (class, self.coding().digits, self.coding().bytes) {
            (Class::N, Digits::Bcd, _) => bcd::decode(wire, length, false, values),
            (Class::Z, Digits::Bcd, _) => bcd::decode(wire, length, true, values),
            (Class::B, _, Bytes::Hex) => {
                hex::decode(wire, values).map_err(|_| DecodeErrorKind::NotHex)
            }
            _ => {
                values.extend_from_slice(wire);
                Ok(())
            }
        }
    }

    fn encode_mti(&self, mti: Mti, out: &mut BytesMut) {
        self.put_digits(mti.as_bytes(), out);
    }

    fn encode_bitmap(&self, present: Bitmap, out: &mut BytesMut) {
        let (primary, secondary) = present.to_wire();
        for map in [Some(primary), secondary].into_iter().flatten() {
            match self.coding().bitmap {
                Bytes::Raw => out.put_u64(map),
                Bytes::Hex => hex::encode(&map.to_be_bytes(), out),
            }
        }
    }

    fn encode_field(
        &self,
        de: u8,
        value: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), EncodeErrorKind> {
        let element = self.element(de).ok_or(EncodeErrorKind::UnknownField)?;
        if let Some(position) = element.class.first_foreign(value) {
            return Err(EncodeErrorKind::Class {
                position,
                class: element.class.notation(),
            });
        }
        let found = value.len();
        match element.extent {
            Extent::Fixed(expected) if expected != found => {
                return Err(EncodeErrorKind::Length { expected, found });
            }
            Extent::Ll(expected) | Extent::Lll(expected) if found > expected => {
                return Err(EncodeErrorKind::Length { expected, found });
            }
            Extent::Fixed(_) => {}
            Extent::Ll(_) => self.put_length(found, 2, out),
            Extent::Lll(_) => self.put_length(found, 3, out),
        }
        self.encode_value(element, value, out);
        Ok(())
    }

    fn encode_value(&self, element: &Element, value: &[u8], out: &mut BytesMut) {
        match (element.class, self.coding().digits, self.coding().bytes) {
            (Class::N | Class::Z, Digits::Bcd, _) => bcd::encode(value, out),
            (Class::B, _, Bytes::Hex) => hex::encode(value, out),
            _ => out.extend_from_slice(value),
        }
    }

    fn put_length(&self, length: usize, digits: usize, out: &mut BytesMut) {
        let all = crate::element::twelve_digits(u64::try_from(length).unwrap_or(0));
        self.put_digits(all.get(all.len() - digits..).unwrap_or_default(), out);
    }

    fn put_digits(&self, digits: &[u8], out: &mut BytesMut) {
        match self.coding().digits {
            Digits::Ascii => out.extend_from_slice(digits),
            Digits::Bcd => bcd::encode(digits, out),
        }
    }
}

/// Walks forward over the bytes of one message; knows where it is for the error's sake.
struct Reader<'a> {
    whole: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    const fn offset(&self) -> usize {
        self.whole - self.rest.len()
    }

    fn take(&mut self, expected: usize) -> Result<&'a [u8], DecodeErrorKind> {
        let found = self.rest.len();
        let (taken, rest) = self
            .rest
            .split_at_checked(expected)
            .ok_or(DecodeErrorKind::Truncated { expected, found })?;
        self.rest = rest;
        Ok(taken)
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |map, byte| map << 8 | u64::from(*byte))
}
