//! Two digits a byte.

use crate::encoding::Sink;

/// Bytes that so many digits take.
pub(crate) const fn packed_len(digits: usize) -> usize {
    digits.div_ceil(2)
}

/// The nibbles of packed bytes, high before low.
pub(crate) fn nibbles(packed: &[u8]) -> impl DoubleEndedIterator<Item = u8> {
    packed.iter().flat_map(|byte| [byte >> 4, byte & 0x0F])
}

/// Appends packed digits as characters, but for those to be skipped. The caller has checked that
/// they are digits.
pub(crate) fn decode(packed: &[u8], mut skipped: usize, out: &mut impl Sink) {
    for chunk in packed.chunks(16) {
        let mut digits = [[0; 2]; 16];
        for (pair, byte) in digits.iter_mut().zip(chunk) {
            // Both at once, so that the compiler does eight bytes at a time.
            let byte = u16::from(*byte);
            *pair = ((byte >> 4 | byte << 8) & 0x0F0F | 0x3030).to_le_bytes();
        }
        let written = digits.as_flattened().get(skipped..chunk.len() * 2);
        out.put_all(written.unwrap_or_default());
        skipped = 0;
    }
}

/// Appends characters as packed nibbles, two to a byte; a last one alone fills the high nibble
/// and `fill` the low. The caller has checked their class.
pub(crate) fn encode(characters: &[u8], fill: u8, out: &mut impl Sink) {
    let (pairs, last) = characters.as_chunks::<2>();
    for [high, low] in pairs {
        out.put(nibble(*high) << 4 | nibble(*low));
    }
    if let [last] = last {
        out.put(nibble(*last) << 4 | fill & 0x0F);
    }
}

/// The nibble of a digit, of a separator (`=`), or of a hex digit.
pub(crate) const fn nibble(character: u8) -> u8 {
    match character {
        b'=' => 0x0D,
        b'A'..=b'F' => character - b'A' + 10,
        digit => digit & 0x0F,
    }
}

/// The characters of two packed bytes; nibbles above 9 come out as no digits.
pub(crate) fn unpack([first, second]: [u8; 2]) -> [u8; 4] {
    [first >> 4, first & 0x0F, second >> 4, second & 0x0F].map(|nibble| b'0' + nibble)
}

/// The number written in packed decimal; None where a nibble is above 9.
pub(crate) fn number(packed: &[u8]) -> Option<u64> {
    nibbles(packed).try_fold(0_u64, |sum, nibble| {
        let sum = sum.checked_mul(10)?.checked_add(u64::from(nibble))?;
        (nibble <= 9).then_some(sum)
    })
}
