//! The message every codec reads and writes: a chip purchase with PIN, 0200 with 20 elements.
//!
//! It stands here in each of the forms that codecs ask for, by hand. The values are the same in
//! all of them.

use std::iter::once;

use hex_literal::hex;

/// Number and value, ascending. DE 0 is the MTI, so that it is compared as well.
pub(crate) type Elements = Vec<(u16, Vec<u8>)>;

/// How the message stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// ASCII, DE 52 and 55 as bytes.
    Ascii,
    /// ASCII, DE 52 and 55 as hex digits.
    Hex,
    /// Packed digits.
    Bcd,
}

impl Form {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ascii => "ASCII",
            Self::Hex => "ASCII, binary as hex",
            Self::Bcd => "BCD",
        }
    }
}

/// DE 2, 3, 4, 7, 11, 12, 13, 14, 18, 22, 25, 32, 35, 37, 41, 42, 43, 49, 52, 55.
pub(crate) const BITMAP: [u8; 8] = hex!("723C448128E09200");
pub(crate) const BITMAP_HEX: &[u8] = b"723C448128E09200";

const PAN: &[u8] = b"9999990100000005";
const TRACK_2: &[u8] = b"9999990100000005=30122010000000000000";
const MERCHANT: &[u8] = b"TOYLAND GANGNAM          SEOUL        KR";
const PIN_BLOCK: [u8; 8] = hex!("39B21AAEC31E6B4B");

/// 17 tags, 109 bytes, as a terminal sends them for an online decision.
pub(crate) const ICC: [u8; 109] = hex!(
    "9F26 08 C53F1A22B0794D16"
    "9F27 01 80"
    "9F10 07 06010A03A0B800"
    "9F37 04 8E3D51F7"
    "9F36 02 01A4"
    "95   05 0280008000"
    "9A   03 261125"
    "9C   01 00"
    "9F02 06 000000015000"
    "5F2A 02 0410"
    "82   02 3900"
    "9F1A 02 0410"
    "9F03 06 000000000000"
    "9F33 03 E0F8C8"
    "9F34 03 020300"
    "9F35 01 22"
    "84   07 A0000000031010"
);

/// The 20 elements.
pub(crate) const ELEMENTS: [(u8, &[u8]); 20] = [
    (2, PAN),
    (3, b"000000"),
    (4, b"000000015000"),
    (7, b"1125023015"),
    (11, b"000123"),
    (12, b"113015"),
    (13, b"1125"),
    (14, b"3012"),
    (18, b"5812"),
    (22, b"051"),
    (25, b"00"),
    (32, b"450001"),
    (35, TRACK_2),
    (37, b"632911000123"),
    (41, b"TERM0001"),
    (42, b"MERCHANT0000001"),
    (43, MERCHANT),
    (49, CURRENCY),
    (52, &PIN_BLOCK),
    (55, &ICC),
];

/// What a router reads: card number, kind, amount, trace number, acquirer.
pub(crate) const ROUTING: [u8; 5] = [2, 3, 4, 11, 32];

/// What a relay writes anew: its own time and trace number.
pub(crate) const CHANGES: [(u8, &[u8]); 2] = [(7, b"1125023016"), (11, b"000777")];

/// What an approval repeats of the request.
pub(crate) const REPEATED: [u8; 12] = [2, 3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49];

pub(crate) const REQUEST: [u8; 4] = *b"0200";
pub(crate) const ANSWER: [u8; 4] = *b"0210";
pub(crate) const APPROVED: &[u8; 2] = b"00";

/// DE 2 to 42 in ASCII.
const TEXT: &[u8] = b"169999990100000005000000000000015000112502301500012311301511253012581205100\
06450001379999990100000005=30122010000000000000632911000123TERM0001MERCHANT0000001";
const CURRENCY: &[u8] = b"410";

/// In ASCII, with the bitmap in the form the codec reads.
pub(crate) fn ascii(bitmap: &[u8]) -> Vec<u8> {
    let text = [TEXT, MERCHANT, CURRENCY].concat();
    [&REQUEST, bitmap, &text, &PIN_BLOCK, b"109", &ICC].concat()
}

/// In ASCII, DE 52 and 55 as hex digits. Of DE 55 some codecs count the bytes (109), others the
/// digits (218).
pub(crate) fn ascii_hex(icc_length: &[u8; 3]) -> Vec<u8> {
    let text = [TEXT, MERCHANT, CURRENCY].concat();
    let (pin_block, icc) = (upper_hex(&PIN_BLOCK), upper_hex(&ICC));
    [&REQUEST, BITMAP_HEX, &text, &pin_block, icc_length, &icc].concat()
}

/// Packed digits, an odd one padded on the left, everything but text packed.
pub(crate) fn bcd_padded_left() -> Vec<u8> {
    let head = hex!(
        "0200 723C448128E09200"
        "16 9999990100000005 000000 000000015000 1125023015 000123 113015 1125 3012 5812 0051 00"
        "06 450001 37 09999990100000005D30122010000000000000"
    );
    let tail = b"632911000123TERM0001MERCHANT0000001";
    let pin_and_length = [&hex!("0410")[..], &PIN_BLOCK, &hex!("0109")].concat();
    [&head[..], tail, MERCHANT, &pin_and_length, &ICC].concat()
}

/// Packed digits, an odd one padded on the right; MTI and track 2 remain text.
pub(crate) fn bcd_padded_right() -> Vec<u8> {
    let head = hex!(
        "30323030 723C448128E09200"
        "16 9999990100000005 000000 000000015000 1125023015 000123 113015 1125 3012 5812 0510 00"
        "06 450001 37"
    );
    let tail = b"632911000123TERM0001MERCHANT0000001";
    let pin_and_length = [&hex!("4100")[..], &PIN_BLOCK, &hex!("1090")].concat();
    [&head[..], TRACK_2, tail, MERCHANT, &pin_and_length, &ICC].concat()
}

pub(crate) fn upper_hex(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|byte| format!("{byte:02X}").into_bytes())
        .collect()
}

/// The value of an element of the purchase; empty where it has none.
pub(crate) fn value(de: u8) -> &'static [u8] {
    let found = ELEMENTS.iter().find(|(number, _)| *number == de);
    found.map_or(&[], |(_, value)| value)
}

/// The value to relay.
pub(crate) fn relayed(de: u8) -> &'static [u8] {
    let found = CHANGES.iter().find(|(number, _)| *number == de);
    found.map_or_else(|| value(de), |(_, value)| value)
}

/// An MTI and elements as they are compared.
pub(crate) fn listed<'a>(
    mti: &[u8],
    elements: impl IntoIterator<Item = (u8, &'a [u8])>,
) -> Elements {
    let elements = elements.into_iter();
    once((0, mti.to_vec()))
        .chain(elements.map(|(de, value)| (u16::from(de), value.to_vec())))
        .collect()
}

/// The same, of a codec that leaves DE 52 and 55 as the hex digits they came as.
pub(crate) fn listed_hex<'a>(
    mti: &[u8],
    elements: impl IntoIterator<Item = (u8, &'a [u8])>,
) -> Elements {
    let mut elements = listed(mti, elements);
    for (de, value) in &mut elements {
        for (plain, bytes) in [(52, &PIN_BLOCK[..]), (55, &ICC)] {
            if *de == plain && *value == upper_hex(bytes) {
                *value = bytes.to_vec();
            }
        }
    }
    elements
}
