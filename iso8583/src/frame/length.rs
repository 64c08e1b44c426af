//! The length in front of a frame.

use core::fmt;

use crate::element::twelve_digits;
use crate::encoding::hex;
use crate::frame::{FRAME_BYTES_MAX, FrameError};

/// How the length in front of each frame is written. It counts header and message, and itself
/// only where it is called inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LengthHeader {
    /// Two bytes, most significant first.
    Binary2,
    /// Two bytes, most significant first, counting themselves.
    Binary2Inclusive,
    /// Two bytes, least significant first.
    Binary2Le,
    /// Three bytes, most significant first.
    Binary3,
    /// Four bytes, most significant first.
    Binary4,
    /// Two ASCII digits.
    Ascii2,
    /// Three ASCII digits.
    Ascii3,
    /// Four ASCII digits.
    Ascii4,
    /// Five ASCII digits.
    Ascii5,
    /// Six ASCII digits.
    Ascii6,
    /// Two bytes of packed decimal.
    Bcd2,
    /// Four ASCII hex digits, sent in upper case.
    Hex4,
    /// Two bytes, most significant first, and two of zero.
    Cs,
    /// Two bytes of zero, and two, most significant first.
    Gicc,
    /// As [`LengthHeader::Cs`], for Visa's access points.
    Vap,
}

/// What the digits of a length are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Digits {
    BigEndian,
    LittleEndian,
    Decimal,
    Packed,
    Hex,
}

/// Where the digits stand. What is left of the field is zeros.
#[derive(Clone, Copy)]
struct Layout {
    digits: Digits,
    zeros_before: usize,
    width: usize,
}

impl Layout {
    const fn of(digits: Digits, width: usize) -> Self {
        Self {
            digits,
            zeros_before: 0,
            width,
        }
    }
}

impl LengthHeader {
    /// Every one, in the order of the catalogue.
    pub const ALL: [Self; 15] = [
        Self::Binary2,
        Self::Binary2Inclusive,
        Self::Binary2Le,
        Self::Binary3,
        Self::Binary4,
        Self::Ascii2,
        Self::Ascii3,
        Self::Ascii4,
        Self::Ascii5,
        Self::Ascii6,
        Self::Bcd2,
        Self::Hex4,
        Self::Cs,
        Self::Gicc,
        Self::Vap,
    ];

    /// The name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binary2 => "binary2",
            Self::Binary2Inclusive => "binary2-inclusive",
            Self::Binary2Le => "binary2-le",
            Self::Binary3 => "binary3",
            Self::Binary4 => "binary4",
            Self::Ascii2 => "ascii2",
            Self::Ascii3 => "ascii3",
            Self::Ascii4 => "ascii4",
            Self::Ascii5 => "ascii5",
            Self::Ascii6 => "ascii6",
            Self::Bcd2 => "bcd2",
            Self::Hex4 => "hex4",
            Self::Cs => "cs",
            Self::Gicc => "gicc",
            Self::Vap => "vap",
        }
    }

    /// Bytes that it takes itself.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Binary2
            | Self::Binary2Inclusive
            | Self::Binary2Le
            | Self::Ascii2
            | Self::Bcd2 => 2,
            Self::Binary3 | Self::Ascii3 => 3,
            Self::Binary4 | Self::Ascii4 | Self::Hex4 | Self::Cs | Self::Gicc | Self::Vap => 4,
            Self::Ascii5 => 5,
            Self::Ascii6 => 6,
        }
    }

    /// The most bytes of header and message that it can announce, [`FRAME_BYTES_MAX`] at most.
    #[must_use]
    pub const fn max(self) -> usize {
        match self {
            Self::Binary2
            | Self::Binary2Le
            | Self::Binary3
            | Self::Binary4
            | Self::Ascii5
            | Self::Ascii6
            | Self::Hex4
            | Self::Cs
            | Self::Gicc
            | Self::Vap => FRAME_BYTES_MAX,
            Self::Binary2Inclusive => FRAME_BYTES_MAX - 2,
            Self::Ascii4 | Self::Bcd2 => 9_999,
            Self::Ascii3 => 999,
            Self::Ascii2 => 99,
        }
    }

    /// How many bytes it counts of itself.
    const fn own(self) -> usize {
        if matches!(self, Self::Binary2Inclusive) {
            self.bytes()
        } else {
            0
        }
    }

    const fn layout(self) -> Layout {
        match self {
            Self::Binary2 | Self::Binary2Inclusive | Self::Binary3 | Self::Binary4 => {
                Layout::of(Digits::BigEndian, self.bytes())
            }
            Self::Binary2Le => Layout::of(Digits::LittleEndian, 2),
            Self::Ascii2 | Self::Ascii3 | Self::Ascii4 | Self::Ascii5 | Self::Ascii6 => {
                Layout::of(Digits::Decimal, self.bytes())
            }
            Self::Bcd2 => Layout::of(Digits::Packed, 2),
            Self::Hex4 => Layout::of(Digits::Hex, 4),
            Self::Cs | Self::Vap => Layout::of(Digits::BigEndian, 2),
            Self::Gicc => Layout {
                zeros_before: 2,
                ..Layout::of(Digits::BigEndian, 2)
            },
        }
    }

    /// Bytes of header, message and trailer that are announced; None where the length is not all
    /// there yet.
    pub(super) fn read(self, stream: &[u8]) -> Result<Option<usize>, FrameError> {
        // The common one does without the table.
        if let (Self::Binary2, [high, low, ..]) = (self, stream) {
            return Ok(Some(usize::from(u16::from_be_bytes([*high, *low]))));
        }
        let Some(field) = stream.get(..self.bytes()) else {
            return Ok(None);
        };
        let layout = self.layout();
        let (before, rest) = field.split_at(layout.zeros_before);
        let (digits, after) = rest.split_at(layout.width);
        zeros(before, 0)?;
        let counted = layout.digits.read(digits, layout.zeros_before)?;
        zeros(after, layout.zeros_before + layout.width)?;
        let counted = usize::try_from(counted).unwrap_or(usize::MAX);
        match counted.checked_sub(self.own()) {
            Some(length) => Ok(Some(length)),
            None => Err(FrameError::NoRoom {
                length: counted,
                part: "length itself",
                bytes: self.own(),
            }),
        }
    }

    /// Writes over a field of [`LengthHeader::bytes`] zeros. The length was checked against
    /// [`LengthHeader::max`].
    pub(super) fn write(self, length: usize, field: &mut [u8]) {
        let length = u64::try_from(length + self.own()).unwrap_or(u64::MAX);
        if let (Self::Binary2, [first, second]) = (self, &mut *field) {
            [.., *first, *second] = length.to_be_bytes();
            return;
        }
        let layout = self.layout();
        let digits = field.iter_mut().skip(layout.zeros_before);
        layout.digits.write(length, digits.take(layout.width));
    }
}

impl fmt::Display for LengthHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Digits {
    /// The number written. `at` is the place of the first digit in the frame.
    fn read(self, field: &[u8], at: usize) -> Result<u64, FrameError> {
        let push = |base: u64| {
            move |sum: u64, (place, byte): (usize, &u8)| {
                let digit = self.value(*byte).ok_or_else(|| FrameError::Unexpected {
                    at: at + place,
                    expected: self.what(),
                    found: *byte,
                })?;
                Ok(sum * base + digit)
            }
        };
        // At most six digits: nothing overflows.
        let mut digits = field.iter().enumerate();
        match self {
            Self::BigEndian => digits.try_fold(0, push(256)),
            Self::LittleEndian => digits.rev().try_fold(0, push(256)),
            Self::Decimal => digits.try_fold(0, push(10)),
            Self::Packed => digits.try_fold(0, push(100)),
            Self::Hex => digits.try_fold(0, push(16)),
        }
    }

    /// What one byte of the length counts for.
    fn value(self, byte: u8) -> Option<u64> {
        let value = match self {
            Self::BigEndian | Self::LittleEndian => Some(byte),
            Self::Decimal => byte.is_ascii_digit().then_some(byte & 0x0F),
            Self::Packed => is_packed(byte).then_some((byte >> 4) * 10 + (byte & 0x0F)),
            Self::Hex => hex::byte([b'0', byte]),
        };
        value.map(u64::from)
    }

    const fn what(self) -> &'static str {
        match self {
            Self::BigEndian | Self::LittleEndian => "a byte of the length",
            Self::Decimal => "a decimal digit of the length",
            Self::Packed => "two packed decimal digits of the length",
            Self::Hex => "a hex digit of the length",
        }
    }

    fn write<'a>(
        self,
        length: u64,
        field: impl DoubleEndedIterator<Item = &'a mut u8> + ExactSizeIterator,
    ) {
        fn fill<'a>(field: impl Iterator<Item = &'a mut u8>, digits: impl IntoIterator<Item = u8>) {
            field.zip(digits).for_each(|(slot, digit)| *slot = digit);
        }
        match self {
            Self::BigEndian => fill(field.rev(), length.to_le_bytes()),
            Self::LittleEndian => fill(field, length.to_le_bytes()),
            Self::Decimal => fill(field.rev(), twelve_digits(length).into_iter().rev()),
            Self::Packed => {
                let decimal = twelve_digits(length);
                let pairs = decimal.as_chunks::<2>().0.iter().rev();
                let packed = pairs.map(|[high, low]| (high & 0x0F) << 4 | (low & 0x0F));
                fill(field.rev(), packed);
            }
            Self::Hex => {
                let nibbles = length.to_le_bytes().into_iter();
                let nibbles = nibbles.flat_map(|byte| [byte & 0x0F, byte >> 4]);
                fill(
                    field.rev(),
                    nibbles.map(|nibble| match nibble {
                        0..=9 => b'0' + nibble,
                        _ => b'A' + (nibble - 10),
                    }),
                );
            }
        }
    }
}

fn zeros(field: &[u8], at: usize) -> Result<(), FrameError> {
    match field.iter().enumerate().find(|(_, byte)| **byte != 0) {
        None => Ok(()),
        Some((place, found)) => Err(FrameError::Unexpected {
            at: at + place,
            expected: "0x00 beside the length",
            found: *found,
        }),
    }
}

/// Are both nibbles decimal digits?
pub(super) const fn is_packed(byte: u8) -> bool {
    byte >> 4 <= 9 && byte & 0x0F <= 9
}
