//! Value classes: which characters an element may hold (ISO 8583:1987 notation).

/// Which characters a value may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Digits.
    N,
    /// Letters, and the blanks that fill them.
    A,
    /// Letters and special characters.
    As,
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
    /// Every class.
    pub const ALL: [Self; 9] = [
        Self::N,
        Self::A,
        Self::As,
        Self::Ns,
        Self::An,
        Self::Ans,
        Self::Z,
        Self::B,
        Self::Xn,
    ];

    /// The class of a notation (`n`, `ans`, `x+n` …).
    #[must_use]
    pub fn of_notation(notation: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|class| class.notation() == notation)
    }

    /// The standard's notation.
    #[must_use]
    pub const fn notation(self) -> &'static str {
        match self {
            Self::N => "n",
            Self::A => "a",
            Self::As => "as",
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
        if self == Self::Xn && value.is_empty() {
            return Some(1);
        }
        let foreign = |(place, character): (usize, &u8)| !self.holds(place, *character);
        value.iter().enumerate().position(foreign).map(|at| at + 1)
    }

    /// May the character stand at this place, counted from 0?
    pub(crate) const fn holds(self, place: usize, c: u8) -> bool {
        match self {
            Self::N => c.is_ascii_digit(),
            Self::A => c.is_ascii_alphabetic() || c == b' ',
            Self::As => matches!(c, b' '..=b'/' | b':'..=b'~' | 0x80..),
            Self::Ns => matches!(c, b' '..=b'@' | b'['..=b'`' | b'{'..=b'~'),
            Self::An => c.is_ascii_alphanumeric() || c == b' ',
            Self::Ans => matches!(c, b' '..=b'~' | 0x80..),
            Self::Z => c.is_ascii_digit() || matches!(c, b'=' | b'D'),
            Self::B => true,
            Self::Xn if place == 0 => matches!(c, b'C' | b'D'),
            Self::Xn => c.is_ascii_digit(),
        }
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
            (Class::A, b"Ab c", None),
            (Class::A, b"A1", Some(2)),
            (Class::As, b"A-b", None),
            (Class::As, b"A-1", Some(3)),
            (Class::Xn, b"", Some(1)),
            (Class::Ns, b"12-3", None),
            (Class::Ns, b"12a", Some(3)),
            (Class::B, b"\x00\xff", None),
        ] {
            assert_eq!(class.first_foreign(value), place, "{class:?} {value:?}");
        }
    }
}
