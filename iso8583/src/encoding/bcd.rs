//! Two digits a byte. An odd number of digits is padded with a zero nibble on the left. Track
//! data writes its separator as nibble D.

use bytes::BytesMut;

use crate::error::DecodeErrorKind;

/// Bytes that so many digits take.
pub(crate) const fn packed_len(digits: usize) -> usize {
    digits.div_ceil(2)
}

/// Appends the characters of packed nibbles: digits, and `=` for nibble D where `track`.
pub(crate) fn decode(
    packed: &[u8],
    digits: usize,
    track: bool,
    out: &mut Vec<u8>,
) -> Result<(), DecodeErrorKind> {
    let padding = packed.len() * 2 - digits;
    let nibbles = packed.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
    for (place, nibble) in nibbles.enumerate() {
        match nibble {
            0 if place < padding => {}
            _ if place < padding => return Err(DecodeErrorKind::Padding),
            0..=9 => out.push(b'0' + nibble),
            0x0D if track => out.push(b'='),
            _ => {
                let class = if track { "z" } else { "n" };
                return Err(DecodeErrorKind::Class {
                    position: place - padding + 1,
                    class,
                });
            }
        }
    }
    Ok(())
}

/// Appends characters as packed nibbles. The caller has checked their class.
pub(crate) fn encode(characters: &[u8], out: &mut BytesMut) {
    let odd = characters.len() % 2;
    let (first, pairs) = characters.split_at(odd);
    out.extend(first.iter().map(|character| nibble(*character)));
    let (pairs, _) = pairs.as_chunks::<2>();
    out.extend(
        pairs
            .iter()
            .map(|[high, low]| nibble(*high) << 4 | nibble(*low)),
    );
}

const fn nibble(character: u8) -> u8 {
    match character {
        b'=' | b'D' => 0x0D,
        digit => digit & 0x0F,
    }
}

/// The characters of two packed bytes; nibbles above 9 come out as no digits.
pub(crate) fn unpack(packed: &[u8]) -> [u8; 4] {
    match packed {
        [first, second] => {
            [first >> 4, first & 0x0F, second >> 4, second & 0x0F].map(|nibble| b'0' + nibble)
        }
        _ => [0; 4],
    }
}

/// The number written in packed decimal; None where a nibble is above 9.
pub(crate) fn number(packed: &[u8]) -> Option<u64> {
    packed
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0F])
        .try_fold(0_u64, |sum, nibble| {
            let sum = sum.checked_mul(10)?.checked_add(u64::from(nibble))?;
            (nibble <= 9).then_some(sum)
        })
}
