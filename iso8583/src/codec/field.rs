//! One field on the wire: where its value lies, what it says, how it is written.
//!
//! This is the plain reading of a [`Field`], for any of its axes. The walk over a whole message has
//! shorter ways for what is common, and comes back here for the rest and for every error.

use crate::codec::plan::Check;
use crate::encoding::{Nowhere, Sink};
use crate::encoding::{bcd, ebcdic, euc_kr, hex};
use crate::error::{DecodeErrorKind, EncodeErrorKind};
use crate::spec::{
    Align, Class, CodePage, Counting, Encoding, Field, Length, Padding, Prefix, PrefixCoding,
};

/// Where the content of a field lies, in bytes from the start of what was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// First byte behind the length prefix.
    pub(crate) start: usize,
    /// First byte behind the field.
    pub(crate) end: usize,
    /// Characters, digits or bytes of the value.
    pub(crate) units: usize,
}

impl Field {
    /// Finds the field that starts at `at`. Nothing of its content is looked at.
    pub(crate) fn locate(&self, bytes: &[u8], at: usize) -> Result<Located, DecodeErrorKind> {
        let rest = bytes.get(at..).unwrap_or_default();
        let (width, units, wire) = match self.length() {
            Length::Fixed(units) => {
                let units = usize::from(units);
                (0, units, self.wire_len(units))
            }
            Length::Variable { prefix, max } => self.announced(prefix, usize::from(max), rest)?,
        };
        let found = rest.len().saturating_sub(width);
        if found < wire {
            return Err(DecodeErrorKind::Truncated {
                expected: wire,
                found,
            });
        }
        let start = at + width;
        let end = start + wire;
        Ok(Located { start, end, units })
    }

    /// Width of the prefix, units of the value, bytes of the content.
    fn announced(
        &self,
        prefix: Prefix,
        max: usize,
        rest: &[u8],
    ) -> Result<(usize, usize, usize), DecodeErrorKind> {
        let width = prefix.width();
        let (head, content) = rest
            .split_at_checked(width)
            .ok_or(DecodeErrorKind::Truncated {
                expected: width,
                found: rest.len(),
            })?;
        let announced = prefix.read(head)?;
        let too_long = |found| DecodeErrorKind::TooLong { found, max };
        if let (Encoding::EucKr, Counting::Characters) = (self.encoding(), prefix.counting) {
            if announced > max {
                return Err(too_long(announced));
            }
            let wire = euc_kr::width(content, announced).ok_or(DecodeErrorKind::Truncated {
                expected: announced,
                found: content.len(),
            })?;
            if wire > max {
                return Err(too_long(wire));
            }
            return Ok((width, wire, wire));
        }
        let units = self
            .encoding()
            .units(announced, prefix.counting)
            .ok_or(DecodeErrorKind::OddNibbles { found: announced })?;
        // Packed digits counted by their bytes may be one more than the longest value: a filler,
        // even where it is a digit.
        let packed = matches!(self.encoding(), Encoding::Bcd { .. });
        let round = usize::from(packed && prefix.counting == Counting::Bytes && max % 2 == 1);
        if units > max + round {
            return Err(too_long(units));
        }
        let wire = self.wire_len(units);
        let filled = prefix.counting == Counting::Bytes
            && (units > max || self.ends_in_fill(content.get(..wire).unwrap_or_default()));
        Ok((width, units - usize::from(filled), wire))
    }

    /// Is the last or first nibble of packed bytes a filler that is no digit?
    pub(crate) fn ends_in_fill(&self, content: &[u8]) -> bool {
        let Encoding::Bcd { align, fill } = self.encoding() else {
            return false;
        };
        let nibble = match align {
            Align::Left => content.last().map(|byte| byte & 0x0F),
            Align::Right => content.first().map(|byte| byte >> 4),
        };
        fill > 9 && nibble == Some(fill)
    }

    /// Bytes on the wire of a value of so many units.
    pub(crate) fn wire_len(&self, units: usize) -> usize {
        match (self.encoding(), self.class()) {
            (Encoding::Bcd { .. }, Class::Xn) => 1 + bcd::packed_len(units.saturating_sub(1)),
            (Encoding::Bcd { .. }, _) => bcd::packed_len(units),
            (Encoding::Hex | Encoding::EbcdicHex, _) => units * 2,
            (Encoding::Ascii | Encoding::Ebcdic(_) | Encoding::EucKr | Encoding::Binary, _) => {
                units
            }
        }
    }

    /// Appends the canonical value of a content, checked.
    pub(crate) fn decode(
        &self,
        content: &[u8],
        units: usize,
        out: &mut impl Sink,
    ) -> Result<(), DecodeErrorKind> {
        match self.encoding() {
            Encoding::Ascii => {
                self.check_class(content)?;
                out.put_all(content);
                Ok(())
            }
            Encoding::Binary => {
                out.put_all(content);
                Ok(())
            }
            Encoding::Ebcdic(page) => self.decode_ebcdic(page, content, out),
            Encoding::EucKr => self.decode_euc_kr(content, out),
            Encoding::Bcd { align, fill } => self.decode_bcd(align, fill, content, units, out),
            Encoding::Hex => decode_hex(content, |digit| digit, out),
            Encoding::EbcdicHex => decode_hex(
                content,
                |byte| ebcdic::to_latin1(CodePage::Cp037, byte),
                out,
            ),
        }
    }

    /// The same, without keeping the value.
    pub(crate) fn check(&self, content: &[u8], units: usize) -> Result<(), DecodeErrorKind> {
        self.decode(content, units, &mut Nowhere::default())
    }

    fn check_class(&self, value: &[u8]) -> Result<(), DecodeErrorKind> {
        if self.is_lenient() {
            return Ok(());
        }
        match self.class().first_foreign(value) {
            None => Ok(()),
            Some(position) => Err(self.foreign(position)),
        }
    }

    const fn foreign(&self, position: usize) -> DecodeErrorKind {
        DecodeErrorKind::Class {
            position,
            class: self.class().notation(),
        }
    }

    fn decode_ebcdic(
        &self,
        page: CodePage,
        content: &[u8],
        out: &mut impl Sink,
    ) -> Result<(), DecodeErrorKind> {
        if content.is_empty() {
            return self.check_class(content);
        }
        for (place, byte) in content.iter().enumerate() {
            let character = ebcdic::to_latin1(page, *byte);
            if !self.is_lenient() && !self.class().holds(place, character) {
                return Err(self.foreign(place + 1));
            }
            put_latin1(character, out);
        }
        Ok(())
    }

    fn decode_euc_kr(&self, content: &[u8], out: &mut impl Sink) -> Result<(), DecodeErrorKind> {
        self.check_class(content)?;
        euc_kr::decode(content, out).map_err(|place| DecodeErrorKind::NotText {
            position: place + 1,
        })
    }

    fn decode_bcd(
        &self,
        align: Align,
        fill: u8,
        content: &[u8],
        units: usize,
        out: &mut impl Sink,
    ) -> Result<(), DecodeErrorKind> {
        // A tag may stand without a value, and so without a sign.
        let signs = usize::from(self.class() == Class::Xn).min(content.len());
        let (sign, packed) = content.split_at(signs);
        let digits = units - sign.len().min(units);
        if let [sign] = sign {
            if !self.is_lenient() && !self.class().holds(0, *sign) {
                return Err(self.foreign(1));
            }
            out.put(*sign);
        }
        let spare = (packed.len() * 2).saturating_sub(digits);
        let before = if align == Align::Right { spare } else { 0 };
        // What is common: digits behind a zero, or none.
        if self.class() == Class::N
            && before == spare
            && spare < 2
            && (spare == 0 || fill == 0 && packed.first().is_some_and(|first| *first < 0x10))
            && Check::Packed.holds(packed)
        {
            bcd::decode(packed, spare, out);
            return Ok(());
        }
        for (place, nibble) in bcd::nibbles(packed).enumerate() {
            if place < before || place >= before + digits {
                if nibble != fill && !self.is_lenient() {
                    return Err(DecodeErrorKind::Padding { fill });
                }
                continue;
            }
            let character = match nibble {
                0..=9 => b'0' + nibble,
                0x0D if self.class() == Class::Z => b'=',
                letter if self.is_lenient() => hex::digit(letter),
                _ => return Err(self.foreign(sign.len() + place - before + 1)),
            };
            out.put(character);
        }
        Ok(())
    }

    /// Appends a canonical value as it stands on the wire, behind its length.
    pub(crate) fn encode(&self, value: &[u8], out: &mut impl Sink) -> Result<(), EncodeErrorKind> {
        let units = self.units_of(value)?;
        let filler = match self.length() {
            Length::Fixed(expected) => {
                let expected = usize::from(expected);
                match (expected.checked_sub(units), self.padding()) {
                    (Some(0), _) => None,
                    (Some(missing), Some(padding)) => Some((padding, missing)),
                    (Some(_), None) | (None, _) => {
                        return Err(EncodeErrorKind::Length {
                            expected,
                            found: units,
                        });
                    }
                }
            }
            Length::Variable { prefix, max } => {
                self.encode_length(prefix, usize::from(max), value, units, out)?;
                None
            }
        };
        match filler {
            None => self.encode_content(value, out),
            Some((padding, missing)) => {
                let mut filled = zeroize::Zeroizing::new(Vec::with_capacity(missing + value.len()));
                if let Padding::Left(filler) = padding {
                    filled.resize(missing, filler);
                }
                filled.extend_from_slice(value);
                if let Padding::Right(filler) = padding {
                    filled.resize(missing + value.len(), filler);
                }
                self.encode_content(&filled, out)
            }
        }
    }

    fn encode_length(
        &self,
        prefix: Prefix,
        max: usize,
        value: &[u8],
        units: usize,
        out: &mut impl Sink,
    ) -> Result<(), EncodeErrorKind> {
        let counted = match (self.encoding(), prefix.counting) {
            (Encoding::EucKr, Counting::Characters) => {
                core::str::from_utf8(value).map_or(units, |text| text.chars().count())
            }
            _ => self.encoding().announced(units, prefix.counting),
        };
        if units > max || counted > prefix.capacity() {
            return Err(EncodeErrorKind::Length {
                expected: max,
                found: units,
            });
        }
        prefix.write(counted, out);
        Ok(())
    }

    /// Characters, digits or bytes of a canonical value, which is checked.
    fn units_of(&self, value: &[u8]) -> Result<usize, EncodeErrorKind> {
        if !self.is_lenient()
            && let Some(position) = self.class().first_foreign(value)
        {
            return Err(EncodeErrorKind::Class {
                position,
                class: self.class().notation(),
            });
        }
        match self.encoding() {
            Encoding::Ebcdic(_) => {
                let mut units = Nowhere::default();
                latin1(value, |_| units.put(0))?;
                Ok(units.len)
            }
            Encoding::EucKr => {
                let mut units = Nowhere::default();
                euc_kr::encode(value, &mut units).map_err(not_text)?;
                Ok(units.len)
            }
            Encoding::Bcd { .. } => {
                let sign = usize::from(self.class() == Class::Xn);
                let packable = |c: &u8| matches!(c, b'0'..=b'9' | b'A'..=b'F' | b'=');
                match value.iter().skip(sign).position(|c| !packable(c)) {
                    None => Ok(value.len()),
                    Some(place) => Err(EncodeErrorKind::Class {
                        position: sign + place + 1,
                        class: self.class().notation(),
                    }),
                }
            }
            Encoding::Ascii | Encoding::Binary | Encoding::Hex | Encoding::EbcdicHex => {
                Ok(value.len())
            }
        }
    }

    fn encode_content(&self, value: &[u8], out: &mut impl Sink) -> Result<(), EncodeErrorKind> {
        match self.encoding() {
            Encoding::Ascii | Encoding::Binary => out.put_all(value),
            Encoding::Ebcdic(page) => {
                latin1(value, |character| {
                    out.put(ebcdic::from_latin1(page, character))
                })?;
            }
            Encoding::EucKr => euc_kr::encode(value, out).map_err(not_text)?,
            Encoding::Bcd { align, fill } => self.encode_bcd(align, fill, value, out),
            Encoding::Hex => hex::encode(value, out),
            Encoding::EbcdicHex => {
                for byte in value {
                    for nibble in [byte >> 4, byte & 0x0F] {
                        out.put(ebcdic::from_latin1(CodePage::Cp037, hex::digit(nibble)));
                    }
                }
            }
        }
        Ok(())
    }

    fn encode_bcd(&self, align: Align, fill: u8, value: &[u8], out: &mut impl Sink) {
        let (sign, digits) =
            value.split_at(usize::from(self.class() == Class::Xn).min(value.len()));
        out.put_all(sign);
        if align == Align::Right
            && digits.len() % 2 == 1
            && let [first, pairs @ ..] = digits
        {
            out.put(fill << 4 | bcd::nibble(*first));
            bcd::encode(pairs, 0, out);
        } else {
            bcd::encode(digits, fill, out);
        }
    }
}

impl Encoding {
    /// What a length prefix says of a value of so many units.
    pub(crate) const fn announced(self, units: usize, counting: Counting) -> usize {
        match (self, counting) {
            (Self::Bcd { .. }, Counting::Bytes) => units.div_ceil(2),
            (Self::Hex | Self::EbcdicHex, Counting::Characters | Counting::Nibbles)
            | (Self::Binary, Counting::Nibbles) => units * 2,
            _ => units,
        }
    }

    /// The units of a value that a length prefix says is so long; None where they are not whole.
    const fn units(self, announced: usize, counting: Counting) -> Option<usize> {
        match (self, counting) {
            (Self::Bcd { .. }, Counting::Bytes) => announced.checked_mul(2),
            (Self::Hex | Self::EbcdicHex, Counting::Characters | Counting::Nibbles)
            | (Self::Binary, Counting::Nibbles) => {
                if announced.is_multiple_of(2) {
                    Some(announced / 2)
                } else {
                    None
                }
            }
            _ => Some(announced),
        }
    }
}

impl Prefix {
    /// The number a prefix says. `head` is as wide as the prefix.
    pub(crate) fn read(self, head: &[u8]) -> Result<usize, DecodeErrorKind> {
        let (number, error) = match self.coding {
            PrefixCoding::Ascii => (
                crate::element::number(head),
                DecodeErrorKind::LengthNotDecimal,
            ),
            PrefixCoding::Bcd => (bcd::number(head), DecodeErrorKind::LengthNotDecimal),
            PrefixCoding::Ebcdic => (
                head.iter().try_fold(0, |sum, byte| {
                    (0xF0..=0xF9)
                        .contains(byte)
                        .then(|| sum * 10 + u64::from(byte & 0x0F))
                }),
                DecodeErrorKind::LengthNotDecimal,
            ),
            PrefixCoding::Binary => (Some(big_endian(head)), DecodeErrorKind::LengthNotDecimal),
            PrefixCoding::Hex => (hex::number(head), DecodeErrorKind::LengthNotHex),
        };
        number
            .map(|number| usize::try_from(number).unwrap_or(usize::MAX))
            .ok_or(error)
    }

    /// Appends a number the prefix can say, in as many digits as a prefix may have: no field and
    /// no composite with another one is built.
    pub(crate) fn write(self, number: usize, out: &mut impl Sink) {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let digits = usize::from(self.digits);
        let decimal = crate::element::twelve_digits(number);
        let decimal = decimal
            .get(decimal.len().saturating_sub(digits)..)
            .unwrap_or_default();
        let bytes = number.to_be_bytes();
        let bytes = bytes
            .get(bytes.len().saturating_sub(digits)..)
            .unwrap_or_default();
        match self.coding {
            PrefixCoding::Ascii => out.put_all(decimal),
            PrefixCoding::Ebcdic => decimal.iter().for_each(|digit| out.put(digit | 0xF0)),
            PrefixCoding::Bcd => match decimal {
                [first, pairs @ ..] if digits % 2 == 1 => {
                    out.put(bcd::nibble(*first));
                    bcd::encode(pairs, 0, out);
                }
                pairs => bcd::encode(pairs, 0, out),
            },
            PrefixCoding::Binary => out.put_all(bytes),
            PrefixCoding::Hex => hex::encode(bytes, out),
        }
    }
}

fn decode_hex(
    content: &[u8],
    ascii: impl Fn(u8) -> u8,
    out: &mut impl Sink,
) -> Result<(), DecodeErrorKind> {
    let (chunks, rest) = content.as_chunks::<16>();
    for chunk in chunks {
        let bytes = hex::number(&chunk.map(&ascii)).ok_or(DecodeErrorKind::NotHex)?;
        out.put_all(&bytes.to_be_bytes());
    }
    let (pairs, _) = rest.as_chunks::<2>();
    for pair in pairs {
        out.put(hex::byte(pair.map(&ascii)).ok_or(DecodeErrorKind::NotHex)?);
    }
    Ok(())
}

fn put_latin1(character: u8, out: &mut impl Sink) {
    if character.is_ascii() {
        out.put(character);
    } else {
        let mut utf8 = [0; 4];
        out.put_all(char::from(character).encode_utf8(&mut utf8).as_bytes());
    }
}

/// Hands on the characters of UTF-8 text that Latin-1 has.
fn latin1(value: &[u8], mut each: impl FnMut(u8)) -> Result<(), EncodeErrorKind> {
    let text = core::str::from_utf8(value).map_err(|error| not_text(error.valid_up_to()))?;
    for (place, character) in text.char_indices() {
        each(u8::try_from(character).map_err(|_| not_text(place))?);
    }
    Ok(())
}

const fn not_text(place: usize) -> EncodeErrorKind {
    EncodeErrorKind::NotText {
        position: place + 1,
    }
}

/// The number that bytes are, most significant first.
pub(crate) fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::Dialect;

    /// A dialect of one variable field, behind a length of one byte.
    fn dialect(class: Class, encoding: Encoding, counting: Counting, max: u16) -> Dialect {
        let prefix = Prefix {
            digits: 1,
            coding: PrefixCoding::Binary,
            counting,
        };
        let field = Field::new("any", class, encoding, Length::up_to(max, prefix)).unwrap();
        let dialect = Dialect::builder("any").field(2, field);
        dialect.build().unwrap()
    }

    fn wire(field: &[u8]) -> Vec<u8> {
        [b"0200\x40\0\0\0\0\0\0\0", field].concat()
    }

    /// The value of a field that encodes to the same bytes.
    fn value(dialect: &Dialect, field: &[u8]) -> String {
        let message = dialect.decode(&wire(field)).unwrap();
        let mut again = BytesMut::new();
        dialect.encode(&message, &mut again).unwrap();
        assert_eq!(&again[..], wire(field));
        message.text(2).unwrap().to_owned()
    }

    fn refusal(dialect: &Dialect, field: &[u8]) -> DecodeErrorKind {
        dialect.decode(&wire(field)).unwrap_err().error.kind
    }

    #[test]
    fn a_digit_beside_as_many_as_may_be_is_filler() {
        for (align, fine, wrong) in [
            (Align::Right, b"\x02\x01\x23", b"\x02\x11\x23"),
            (Align::Left, b"\x02\x12\x30", b"\x02\x12\x31"),
        ] {
            let encoding = Encoding::Bcd { align, fill: 0 };
            let dialect = dialect(Class::N, encoding, Counting::Bytes, 3);
            assert_eq!(value(&dialect, fine), "123");
            let kind = refusal(&dialect, wrong);
            assert_eq!(kind, DecodeErrorKind::Padding { fill: 0 });
        }
    }

    #[test]
    fn text_of_two_bytes_a_character_is_no_longer_than_it_may_be() {
        let dialect = dialect(Class::Ans, Encoding::EucKr, Counting::Characters, 4);
        assert_eq!(value(&dialect, b"\x02\xBC\xAD\xBF\xEF"), "서울");
        let kind = refusal(&dialect, b"\x03\xBC\xAD\xBF\xEF1");
        assert_eq!(kind, DecodeErrorKind::TooLong { found: 5, max: 4 });
    }

    #[test]
    fn an_amount_without_even_a_sign_is_none_in_any_encoding() {
        for (encoding, credit) in [
            (Encoding::Ascii, b"\x02C7"),
            (Encoding::Ebcdic(CodePage::Cp037), b"\x02\xC3\xF7"),
        ] {
            let dialect = dialect(Class::Xn, encoding, Counting::Bytes, 3);
            assert_eq!(value(&dialect, credit), "C7");
            let (position, class) = (1, "x+n");
            let kind = refusal(&dialect, b"\0");
            assert_eq!(kind, DecodeErrorKind::Class { position, class });
        }
    }
}
