//! What the tags of chip cards mean, and which of them may be seen (EMV 4.3 book 3 annex A).
//!
//! This is knowledge about tags only: who reads DE 55 into tags and values is not here.

mod tags;
mod words;

pub use words::words;

/// What is known of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    number: u32,
    name: &'static str,
    format: Format,
    min: u16,
    max: u16,
    sensitivity: Sensitivity,
}

impl Tag {
    /// The tag's bytes as a number: `0x9F26`.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Its name, lower case, ASCII: `application cryptogram`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How its value is coded.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// How long its value may be, in bytes.
    #[must_use]
    pub const fn length(&self) -> core::ops::RangeInclusive<u16> {
        self.min..=self.max
    }

    /// What of its value may be seen.
    #[must_use]
    pub const fn sensitivity(&self) -> Sensitivity {
        self.sensitivity
    }

    /// Is its value made of tags again (bit 6 of the first byte, ISO 8825)?
    #[must_use]
    pub const fn is_constructed(&self) -> bool {
        matches!(self.format, Format::Nested)
    }
}

/// How a tag's value is coded (EMV 4.3 book 3, 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Letters.
    A,
    /// Letters and digits.
    An,
    /// Letters, digits and special characters.
    Ans,
    /// Bytes or bits.
    B,
    /// Digits, two a byte, left-justified and filled with `F`.
    Cn,
    /// Digits, two a byte, right-justified and filled with zeros.
    N,
    /// Tags again.
    Nested,
}

impl Format {
    /// The standard's notation; `tlv` for tags within.
    #[must_use]
    pub const fn notation(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::An => "an",
            Self::Ans => "ans",
            Self::B => "b",
            Self::Cn => "cn",
            Self::N => "n",
            Self::Nested => "tlv",
        }
    }
}

/// What of a tag's value may be printed, logged or stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensitivity {
    /// All of it.
    Shown,
    /// A card number: first six, last four.
    Partly,
    /// Nothing: it is, or may hold, data of card, track, cardholder or PIN.
    Never,
}

/// What is known of a tag, by its bytes as they stand in DE 55. None for tags that are not in
/// the table: private ones, and what is no tag.
///
/// ```
/// use iso8583::emv;
///
/// assert_eq!(emv::tag(b"\x9F\x26").map(|tag| tag.name()), Some("application cryptogram"));
/// assert!(emv::tag(b"\xDF\x01").is_none());
/// ```
#[must_use]
pub fn tag(tag: &[u8]) -> Option<&'static Tag> {
    let number = number(tag)?;
    let place = tags::TAGS
        .binary_search_by_key(&number, |known| known.number)
        .ok()?;
    tags::TAGS.get(place)
}

/// What of a tag's value may be seen: nothing where the tag is not known, for private tags carry
/// what their owner likes.
#[must_use]
pub fn sensitivity(bytes: &[u8]) -> Sensitivity {
    tag(bytes).map_or(Sensitivity::Never, Tag::sensitivity)
}

/// The tag's bytes as a number; None where they are none or more than four. A leading zero byte
/// is padding between tags, no tag.
fn number(tag: &[u8]) -> Option<u32> {
    match tag {
        [1..=u8::MAX, rest @ ..] if rest.len() < 4 => Some(
            tag.iter()
                .fold(0, |number, byte| number << 8 | u32::from(*byte)),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::tags::TAGS;
    use super::*;

    fn bytes(number: u32) -> Vec<u8> {
        let bytes = number.to_be_bytes();
        bytes.into_iter().skip_while(|byte| *byte == 0).collect()
    }

    #[test]
    fn tags_are_sorted_and_there_once() {
        for pair in TAGS.windows(2) {
            assert!(pair[0].number < pair[1].number, "{:X}", pair[1].number);
        }
    }

    #[test]
    fn every_tag_is_found_by_its_bytes() {
        for known in &TAGS {
            assert_eq!(tag(&bytes(known.number)), Some(known), "{:X}", known.number);
        }
    }

    #[test]
    fn every_tag_is_well_formed_ber() {
        for known in &TAGS {
            let bytes = bytes(known.number);
            let (first, rest) = bytes.split_first().unwrap();
            assert_eq!(*first & 0x20 != 0, known.is_constructed(), "{bytes:02X?}");
            assert_eq!(*first & 0x1F == 0x1F, !rest.is_empty(), "{bytes:02X?}");
            if let Some((last, middle)) = rest.split_last() {
                assert!(last & 0x80 == 0, "{bytes:02X?}");
                assert!(middle.iter().all(|byte| byte & 0x80 != 0), "{bytes:02X?}");
            }
        }
    }

    #[test]
    fn names_are_ascii_and_lengths_have_an_order() {
        for known in &TAGS {
            assert!(known.name.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            assert!(!known.length().is_empty(), "{}", known.name);
        }
    }

    #[test]
    fn what_may_not_be_sent_to_an_issuer_is_never_shown() {
        // Domain §4.10: 56, 57, 5F20, 5F24, 99, 9F0B, 9F1F, 9F20, and the contactless tracks.
        for secret in [
            0x56, 0x57, 0x5F20, 0x5F24, 0x99, 0x9F0B, 0x9F1F, 0x9F20, 0x9F6B, 0xDF_812A, 0xDF_812B,
        ] {
            assert_eq!(
                sensitivity(&bytes(secret)),
                Sensitivity::Never,
                "{secret:X}"
            );
        }
        assert_eq!(sensitivity(b"\x5A"), Sensitivity::Partly);
        assert_eq!(sensitivity(b"\x9F\x26"), Sensitivity::Shown);
    }

    #[test]
    fn templates_that_hold_records_of_the_card_are_never_shown() {
        for template in [0x70, 0x77, 0x80, 0x83, 0xFF_8101, 0xFF_8105] {
            assert_eq!(sensitivity(&bytes(template)), Sensitivity::Never);
        }
    }

    #[test]
    fn a_tag_nobody_knows_is_never_shown() {
        for unknown in [
            &b""[..],
            b"\x00\x5A",
            b"\xDF\x01",
            b"\xC1",
            b"\x01\x02\x03\x04\x05",
        ] {
            assert!(tag(unknown).is_none());
            assert_eq!(sensitivity(unknown), Sensitivity::Never);
        }
    }
}
