//! Are these bytes what they must be? Written so that the compiler does sixteen at a time.

use crate::codec::plan::Check;

impl Check {
    /// Do all bytes pass? Length prefixes among them pass with the digits they are.
    /// `Plain` is judged field by field, not here.
    ///
    /// [`Check::holds`] with a shorter way for numbers of ordinary length.
    #[inline]
    pub(crate) fn passes(self, bytes: &[u8]) -> bool {
        match self {
            Self::Nothing | Self::Plain => true,
            Self::Digits => match bytes.len() {
                8..=16 => eight_digits(bytes.first_chunk()) && eight_digits(bytes.last_chunk()),
                4..8 => four_digits(bytes.first_chunk()) && four_digits(bytes.last_chunk()),
                _ => self.holds(bytes),
            },
            Self::Alphanumeric
            | Self::Printable
            | Self::Hex
            | Self::Track
            | Self::Packed
            | Self::PackedTrack => self.holds(bytes),
        }
    }

    /// The same in one piece of code, for whoever asks in many places.
    #[inline(never)]
    pub(crate) fn holds(self, bytes: &[u8]) -> bool {
        match self {
            Self::Nothing | Self::Plain => true,
            Self::Digits => every(bytes, |c| c.wrapping_sub(b'0') < 10),
            Self::Alphanumeric => every(bytes, |c| {
                (c | 0x20).wrapping_sub(b'a') < 26 || c.wrapping_sub(b'0') < 10 || c == b' '
            }),
            Self::Printable => every(bytes, |c| c >= b' ' && c != 0x7F),
            Self::Hex => every(bytes, |c| {
                c.wrapping_sub(b'0') < 10 || (c | 0x20).wrapping_sub(b'a') < 6
            }),
            Self::Track => every(bytes, |c| {
                c.wrapping_sub(b'0') < 10 || c == b'=' || c == b'D'
            }),
            Self::Packed => every(bytes, |c| c & (c << 1 | c << 2) & 0x88 == 0),
            Self::PackedTrack => every(bytes, |c| {
                // A nibble above 9 has its first bit set, and its second or third; D is 1101.
                let above = c & (c << 1 | c << 2) & 0x88;
                let separator = c & c << 1 & !(c << 2) & c << 3 & 0x88;
                above == separator
            }),
        }
    }
}

/// The digits of one register, which is what most numbers are in.
#[inline]
fn eight_digits(bytes: Option<&[u8; 8]>) -> bool {
    bytes.is_some_and(|bytes| {
        let values = u64::from_ne_bytes(*bytes) ^ 0x3030_3030_3030_3030;
        // The sum sets the first bit of what is above 9; a carry comes only from what has it set.
        (values | values.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 == 0
    })
}

#[inline]
fn four_digits(bytes: Option<&[u8; 4]>) -> bool {
    bytes.is_some_and(|bytes| {
        let values = u32::from_ne_bytes(*bytes) ^ 0x3030_3030;
        (values | values.wrapping_add(0x7676_7676)) & 0x8080_8080 == 0
    })
}

/// No early way out: that is what lets the loops be vectorised. What is left over of a chunk is
/// looked at together with what is before it.
#[inline(always)]
fn every(bytes: &[u8], pass: impl Fn(u8) -> bool) -> bool {
    let failed = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u8, |failed, byte| failed | u8::from(!pass(*byte)))
    };
    let (chunks, rest) = bytes.as_chunks::<16>();
    if let Some(last) = bytes.last_chunk::<16>() {
        let mut any = failed(last);
        for chunk in chunks {
            any |= failed(chunk);
        }
        return any == 0;
    }
    match (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        (Some(first), Some(last)) => failed(first) | failed(last) == 0,
        _ => match (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
            (Some(first), Some(last)) => failed(first) | failed(last) == 0,
            _ => failed(rest) == 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Class;

    /// Every byte at every place of a chunk and of what is left over.
    #[test]
    fn a_check_agrees_with_its_class_for_every_byte_in_every_place() {
        for (check, class, fine) in [
            (Check::Digits, Class::N, b'0'),
            (Check::Alphanumeric, Class::An, b'A'),
            (Check::Printable, Class::Ans, b'~'),
            (Check::Track, Class::Z, b'='),
        ] {
            for place in 0..20 {
                for byte in 0..=u8::MAX {
                    let mut bytes = [fine; 20];
                    bytes[place] = byte;
                    for bytes in [&bytes[..], &bytes[..=place], &bytes[place..]] {
                        let expected = class.first_foreign(bytes).is_none();
                        assert_eq!(check.passes(bytes), expected, "{check:?} {byte:02X}");
                    }
                }
            }
        }
    }

    #[test]
    fn packed_digits_and_separators_are_told_from_other_nibbles() {
        for byte in 0..=u8::MAX {
            let nibbles = [byte >> 4, byte & 0x0F];
            let digits = nibbles.iter().all(|nibble| *nibble < 10);
            let track = nibbles.iter().all(|nibble| matches!(nibble, 0..10 | 13));
            assert_eq!(Check::Packed.passes(&[byte]), digits, "{byte:02X}");
            assert_eq!(Check::PackedTrack.passes(&[byte]), track, "{byte:02X}");
        }
    }

    #[test]
    fn hex_digits_pass_in_either_case() {
        assert!(Check::Hex.passes(b"0123456789ABCDEFabcdef"));
        for byte in *b"/:@G`g " {
            assert!(!Check::Hex.passes(&[byte]), "{byte:02X}");
        }
    }
}
