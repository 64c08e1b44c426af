//! Two hex digits a byte: written in upper case, read in either.

use crate::encoding::Sink;

/// The byte two hex digits stand for.
pub(crate) fn byte([high, low]: [u8; 2]) -> Option<u8> {
    Some(nibble(high)? << 4 | nibble(low)?)
}

/// The number written in hex digits, most significant first; None where there is another
/// character or there are more than 16.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if let ([first, second], []) = digits.as_chunks::<8>() {
        return Some(u64::from(half(*first)?) << 32 | u64::from(half(*second)?));
    }
    let (mut number, mut foreign) = (0_u64, digits.len() > 16);
    for digit in digits {
        let value = VALUES.get(usize::from(*digit)).copied().unwrap_or(0xFF);
        foreign |= value > 0x0F;
        number = number << 4 | u64::from(value & 0x0F);
    }
    (!foreign).then_some(number)
}

/// Eight digits in one register: maps in hex are two of these.
#[inline]
fn half(digits: [u8; 8]) -> Option<u32> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let digits = u64::from_be_bytes(digits);
    // A letter has 40 set, and 20 in lower case; its nibble is 9 more than its last four bits.
    let letters = digits >> 6 & ONES;
    let nibbles = (digits & (ONES * 0x0F)).wrapping_add(letters * 9);
    // What is no digit would not be spelt so again.
    let above_9 = (nibbles.wrapping_add(ONES * 6)) >> 4 & ONES;
    let spelt = nibbles.wrapping_add(ONES * 0x30).wrapping_add(above_9 * 7);
    if nibbles & (ONES * 0xF0) != 0 || spelt != digits & !(letters << 5) {
        return None;
    }
    let pairs = (nibbles | nibbles >> 4) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs | pairs >> 8) & 0x0000_FFFF_0000_FFFF;
    u32::try_from((fours | fours >> 16) & 0xFFFF_FFFF).ok()
}

/// By character: the value of a hex digit, FF for what is none.
static VALUES: [u8; 256] = values();

#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated at compile time; every index is below 256"
)]
const fn values() -> [u8; 256] {
    let mut values = [0xFF; 256];
    let mut digit = 0;
    while digit < 256 {
        if let Some(value) = nibble(digit as u8) {
            values[digit] = value;
        }
        digit += 1;
    }
    values
}

/// Appends bytes as hex digits.
pub(crate) fn encode(bytes: &[u8], out: &mut impl Sink) {
    let (chunks, rest) = bytes.as_chunks::<16>();
    for chunk in chunks {
        out.put_all(spell(chunk).as_flattened());
    }
    if !rest.is_empty() {
        let mut last = [0; 16];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        let digits = spell(&last);
        out.put_all(digits.get(..rest.len()).unwrap_or_default().as_flattened());
    }
}

/// Both digits of a byte at once, so that the compiler does eight bytes at a time.
#[inline]
fn spell(bytes: &[u8; 16]) -> [[u8; 2]; 16] {
    bytes.map(|byte| {
        let byte = u16::from(byte);
        let nibbles = (byte >> 4 | byte << 8) & 0x0F0F;
        let above_9 = (nibbles + 0x0606) >> 4 & 0x0101;
        (nibbles + 0x3030 + above_9 * 7).to_le_bytes()
    })
}

/// The upper-case hex digit of a nibble.
pub(crate) const fn digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'A' + (nibble - 10),
    }
}

/// The value of a hex digit.
pub(crate) const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_sixteen_digits_is_that_of_each_in_turn() {
        assert_eq!(number(b"F238000108E08012"), Some(0xF238_0001_08E0_8012));
        for place in 0..16 {
            for digit in 0..=u8::MAX {
                let mut digits = *b"0000000000000000";
                digits[place] = digit;
                let expected = nibble(digit).map(|value| u64::from(value) << (4 * (15 - place)));
                assert_eq!(number(&digits), expected, "{digit:02X} at {place}");
            }
        }
    }
}
