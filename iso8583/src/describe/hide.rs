//! Card numbers in values that are shown: found by their check digit, whatever field they stand in.

use core::fmt;

use zeroize::Zeroizing;

use crate::element::passes_luhn;
use crate::encoding::hex;

/// Digits of a card number.
const CARD: core::ops::RangeInclusive<usize> = 13..=19;

/// Which characters of a text are not to be seen, one by one: of every run of 13 to 19 digits that
/// passes Luhn, also with single blanks or dashes between, all but the digits a card number shows.
///
/// ```
/// let hidden = iso8583::hidden_digits(b"CARD 9999990100000005");
/// assert_eq!(hidden.iter().filter(|hidden| **hidden).count(), 6);
/// ```
#[must_use]
pub fn hidden_digits(text: &[u8]) -> Vec<bool> {
    let mut hidden = vec![false; text.len()];
    let groups: Vec<Group> = Groups { text, at: 0 }.collect();
    for first in 0..groups.len() {
        let mut digits = Zeroizing::new(Vec::with_capacity(*CARD.end()));
        let mut places = Vec::with_capacity(*CARD.end());
        for group in groups.iter().skip(first) {
            let linked = places.is_empty() || group.linked;
            if !linked || digits.len() + group.len > *CARD.end() {
                break;
            }
            places.extend(group.start..group.start + group.len);
            digits.extend_from_slice(
                text.get(group.start..group.start + group.len)
                    .unwrap_or_default(),
            );
            if CARD.contains(&digits.len()) && passes_luhn(&digits) {
                let kept = kept(digits.len());
                for place in places.get(kept).unwrap_or_default() {
                    if let Some(hidden) = hidden.get_mut(*place) {
                        *hidden = true;
                    }
                }
            }
        }
    }
    hidden
}

/// Which of so many digits of a card number are hidden, as `Pan` prints them.
pub(super) fn kept(digits: usize) -> core::ops::Range<usize> {
    let first = if digits >= 16 { 6 } else { 0 };
    first..digits.saturating_sub(4).max(first)
}

/// Digits that stand together.
struct Group {
    start: usize,
    len: usize,
    /// Does one blank or dash stand between it and the group before?
    linked: bool,
}

struct Groups<'a> {
    text: &'a [u8],
    at: usize,
}

impl Iterator for Groups<'_> {
    type Item = Group;

    fn next(&mut self) -> Option<Group> {
        let rest = self.text.get(self.at..)?;
        let gap = rest.iter().position(u8::is_ascii_digit)?;
        let digits = rest.get(gap..).unwrap_or_default();
        let len = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let linked = self.at > 0 && matches!(rest.get(..gap), Some(b" " | b"-"));
        let start = self.at + gap;
        self.at = start + len;
        Some(Group { start, len, linked })
    }
}

/// Text, escaped, without card numbers.
pub(super) struct Text<'a>(pub(super) &'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = hidden_digits(self.0);
        let covered = |place: usize| hidden.get(place).copied().unwrap_or(true);
        if let Ok(text) = core::str::from_utf8(self.0) {
            return text.char_indices().try_for_each(|(place, character)| {
                if covered(place) {
                    f.write_str("*")
                } else {
                    write!(f, "{}", character.escape_debug())
                }
            });
        }
        self.0.iter().enumerate().try_for_each(|(place, byte)| {
            if covered(place) {
                f.write_str("*")
            } else {
                write!(f, "{}", char::from(*byte).escape_default())
            }
        })
    }
}

/// Bytes as hex digits, without card numbers in packed digits, ASCII or EBCDIC.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nibbles, bytes) = hidden_bytes(self.0);
        let mut nibbles = nibbles.into_iter();
        for (byte, hidden) in self.0.iter().zip(bytes) {
            for nibble in [byte >> 4, byte & 0x0F] {
                let covered = nibbles.next().unwrap_or(true) || hidden;
                let digit = if covered { b'*' } else { hex::digit(nibble) };
                write!(f, "{}", char::from(digit))?;
            }
        }
        Ok(())
    }
}

/// The nibbles and the bytes that belong to a card number and are not to be seen.
fn hidden_bytes(value: &[u8]) -> (Vec<bool>, Vec<bool>) {
    let mut digits = Zeroizing::new(Vec::with_capacity(value.len() * 2));
    hex::encode(value, &mut digits);
    let ascii = |byte: &u8| match byte {
        0xF0..=0xF9 => byte & 0x3F,
        other => *other,
    };
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(value.iter().map(ascii).collect());
    (hidden_digits(&digits), hidden_digits(&text))
}

/// The same bytes, zeros for the digits that are not to be seen.
pub(super) fn without_cards(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let (nibbles, bytes) = hidden_bytes(value);
    let (pairs, _) = nibbles.as_chunks::<2>();
    let mut out = Zeroizing::new(Vec::with_capacity(value.len()));
    out.extend(
        value
            .iter()
            .zip(pairs)
            .zip(bytes)
            .map(|((byte, [high, low]), whole)| match (whole, high, low) {
                // The zero of the digits it stands among: 30 or F0.
                (true, ..) => byte & 0xF0,
                (false, true, true) => 0,
                (false, true, false) => byte & 0x0F,
                (false, false, true) => byte & 0xF0,
                (false, false, false) => *byte,
            }),
    );
    out
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    #[test]
    fn card_numbers_are_hidden_wherever_they_stand_in_a_text() {
        for (clear, shown) in [
            ("9999990100000005", "999999******0005"),
            ("PAN=9999990100000005;", "PAN=999999******0005;"),
            ("9999 9901 0000 0005", "9999 99** **** 0005"),
            ("9999-9901-0000-0005", "9999-99**-****-0005"),
            ("12 9999990100000005 7", "12 999999******0005 7"),
            ("378282246310005", "***********0005"),
            ("4222222222222", "*********2222"),
            // No card number: check digit, length, two blanks.
            ("9999990100000006", "9999990100000006"),
            ("000000015000", "000000015000"),
            ("9999  9901  0000  0005", "9999  9901  0000  0005"),
            ("99999901000000051234", "99999901000000051234"),
            ("장난감 9999990100000005", "장난감 999999******0005"),
            ("", ""),
        ] {
            assert_eq!(Text(clear.as_bytes()).to_string(), shown);
        }
    }

    #[test]
    fn card_numbers_are_hidden_in_hex_however_they_are_coded() {
        let packed = hex!("DF01 9999990100000005 F0");
        assert_eq!(
            Hex(&packed).to_string(),
            "DF01999999010000000 5F0".replace(' ', "")
        );
        let packed = hex!("DF 9999990100000005 F0");
        assert_eq!(Hex(&packed).to_string(), "DF999999******0005F0");
        assert_eq!(
            Hex(b"9999990100000005").to_string(),
            "393939393939************30303035"
        );
        let ebcdic = hex!("F9F9F9F9F9F9F0F1F0F0F0F0F0F0F0F5");
        assert_eq!(Hex(&ebcdic).to_string(), "F9F9F9F9F9F9************F0F0F0F5");
        assert_eq!(*without_cards(&packed), hex!("DF 9999990000000005 F0"));
        assert_eq!(*without_cards(b"9999990100000005"), *b"9999990000000005");
        assert_eq!(
            *without_cards(&ebcdic),
            hex!("F9F9F9F9F9F9F0F0F0F0F0F0F0F0F0F5")
        );
    }
}
