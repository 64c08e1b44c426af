//! Value classes: which characters an element may hold (ISO 8583:1987 notation).

/// Which characters a value may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Digits.
    N,
    /// Digits and special characters.
    Ns,
    /// Letters and digits, and the blanks that fill them.
    An,
    /// Letters, digits and special characters; bytes from 80 up for national text. No control
    /// characters.
    Ans,
    /// Track 2 and 3: digits and the separator, `=` or `D`.
    Z,
    /// Bytes.
    B,
    /// `C` or `D`, then digits.
    Xn,
}

impl Class {
    /// The standard's notation.
    #[must_use]
    pub const fn notation(self) -> &'static str {
        match self {
            Self::N => "n",
            Self::Ns => "ns",
            Self::An => "an",
            Self::Ans => "ans",
            Self::Z => "z",
            Self::B => "b",
            Self::Xn => "x+n",
        }
    }

    /// The place, counted from 1, of the first character that is not of the class.
    pub(crate) fn first_foreign(self, value: &[u8]) -> Option<usize> {
        let place = match self {
            Self::N => value.iter().position(|c| !c.is_ascii_digit()),
            Self::Ns => value
                .iter()
                .position(|c| !matches!(c, b' '..=b'@' | b'['..=b'`' | b'{'..=b'~')),
            Self::An => value
                .iter()
                .position(|c| !(c.is_ascii_alphanumeric() || *c == b' ')),
            Self::Ans => value
                .iter()
                .position(|c| !matches!(c, b' '..=b'~' | 0x80..)),
            Self::Z => value
                .iter()
                .position(|c| !(c.is_ascii_digit() || matches!(c, b'=' | b'D'))),
            Self::B => None,
            Self::Xn => match value {
                [b'C' | b'D', digits @ ..] => Self::N.first_foreign(digits),
                _ => Some(0),
            },
        };
        place.map(|place| place + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_character_of_another_class_is_named() {
        for (class, value, place) in [
            (Class::N, &b"123"[..], None),
            (Class::N, b"12A", Some(3)),
            (Class::An, b"AB 12", None),
            (Class::An, b"AB-12", Some(3)),
            (Class::Ans, b"TOYLAND ~", None),
            (Class::Ans, b"TOY\x1b[2J", Some(4)),
            (Class::Ans, "서울".as_bytes(), None),
            (Class::Z, b"999=12", None),
            (Class::Z, b"999;12", Some(4)),
            (Class::Xn, b"C00", None),
            (Class::Xn, b"X00", Some(1)),
            (Class::Xn, b"D0X", Some(3)),
            (Class::Ns, b"12-3", None),
            (Class::Ns, b"12a", Some(3)),
            (Class::B, b"\x00\xff", None),
        ] {
            assert_eq!(class.first_foreign(value), place, "{class:?} {value:?}");
        }
    }
}
