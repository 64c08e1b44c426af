//! Two hex digits a byte: written in upper case, read in either.

use bytes::BytesMut;

/// The byte two hex digits stand for.
pub(crate) fn byte([high, low]: [u8; 2]) -> Option<u8> {
    Some(nibble(high)? << 4 | nibble(low)?)
}

/// The number written in hex digits, most significant first; None where there is another
/// character or there are more than 16.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    let fits = digits.len() <= 16;
    let number = digits.iter().try_fold(0_u64, |sum, digit| {
        Some(sum << 4 | u64::from(nibble(*digit)?))
    });
    number.filter(|_| fits)
}

/// Appends the bytes that hex digits stand for; the place of the first character that is no hex
/// digit otherwise.
pub(crate) fn decode(digits: &[u8], out: &mut Vec<u8>) -> Result<(), usize> {
    let (pairs, _) = digits.as_chunks::<2>();
    for (place, pair) in pairs.iter().enumerate() {
        out.push(byte(*pair).ok_or(place * 2)?);
    }
    Ok(())
}

/// Appends bytes as hex digits.
pub(crate) fn encode(bytes: &[u8], out: &mut BytesMut) {
    for byte in bytes {
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 0x0F)]);
    }
}

const fn digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'A' + (nibble - 10),
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
