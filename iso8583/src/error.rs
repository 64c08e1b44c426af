//! What can be wrong with bytes and values, and where.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// Where in a message something is: the MTI, a bitmap, or a data element with its subfields.
///
/// Printed as `DE 55.9F02`, and read back from that or from `55.9F02`. The names of subfields go
/// inward, a dot between them; `#2` is the second of several with the name.
///
/// ```
/// use iso8583::Path;
///
/// let amount: Path = "55.9F02".parse()?;
/// assert_eq!(amount, Path::Subfield(55, "9F02".to_owned()));
/// assert_eq!(amount.to_string(), "DE 55.9F02");
/// assert_eq!("DE 127.25.3".parse::<Path>()?.to_string(), "DE 127.25.3");
/// # Ok::<(), iso8583::InvalidPath>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// The four digits at the start.
    Mti,
    /// The first or second map of fields.
    Bitmap,
    /// A data element.
    Field(u8),
    /// A subfield of a data element, by its tag or position and those of what it lies in.
    Subfield(u8, String),
    /// What follows the last field.
    End,
}

impl Path {
    /// The data element concerned, as DE 44 names it to the sender.
    #[must_use]
    pub const fn data_element(&self) -> Option<u8> {
        match self {
            Self::Field(de) | Self::Subfield(de, _) => Some(*de),
            Self::Mti | Self::Bitmap | Self::End => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mti => f.write_str("MTI"),
            Self::Bitmap => f.write_str("bitmap"),
            Self::Field(de) => write!(f, "DE {de}"),
            Self::Subfield(de, sub) => write!(f, "DE {de}.{sub}"),
            Self::End => f.write_str("end of message"),
        }
    }
}

impl FromStr for Path {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let words = text.trim();
        let same = |word: &str| words.eq_ignore_ascii_case(word);
        if let Some(named) = [Self::Mti, Self::Bitmap, Self::End]
            .into_iter()
            .find(|path| same(&path.to_string()))
        {
            return Ok(named);
        }
        let invalid = |expected| InvalidPath {
            text: text.to_owned(),
            expected,
        };
        let path = match words.split_at_checked(2) {
            Some((de, rest)) if de.eq_ignore_ascii_case("DE") => rest.trim_start(),
            _ => words,
        };
        let (number, inner) = match path.split_once('.') {
            Some((number, inner)) => (number, Some(inner)),
            None => (path, None),
        };
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let de = number.parse().ok().filter(|de| (1..=192).contains(de));
        let Some(de) = de.filter(|_| plain) else {
            return Err(invalid("MTI or a data element from 1 to 192"));
        };
        let Some(inner) = inner else {
            return Ok(Self::Field(de));
        };
        if inner.split('.').count() > crate::composite::DEPTH {
            return Err(invalid("at most 8 subfields in one another"));
        }
        if !inner.split('.').all(is_part) {
            return Err(invalid("names of subfields with a dot between them"));
        }
        Ok(Self::Subfield(de, inner.to_owned()))
    }
}

/// Is it the name of a subfield, perhaps with the number of one among several?
fn is_part(part: &str) -> bool {
    let (name, number) = match part.rsplit_once('#') {
        Some((name, number)) => (name, Some(number)),
        None => (part, None),
    };
    let counts = |number: &str| {
        number.starts_with(|digit| matches!(digit, '1'..='9')) && number.parse::<u16>().is_ok()
    };
    let odd =
        |character: char| character == '#' || character.is_whitespace() || character.is_control();
    !name.is_empty() && !name.contains(odd) && number.is_none_or(counts)
}

/// A text that is no path: ``path `55.`: expected names of subfields …``.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("path `{text}`: expected {expected}")]
pub struct InvalidPath {
    text: String,
    expected: &'static str,
}

/// Bytes that are no message of the dialect: `DE 4 at byte 40: expected 12 bytes, found 3`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path} at byte {offset}: {kind}")]
pub struct DecodeError {
    /// The part that is wrong.
    pub path: Path,
    /// Where it starts, counted from the first byte of the MTI.
    pub offset: usize,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

/// What is wrong with the bytes. Never holds the content of a field.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The message ends too early.
    #[error("expected {}, found {found}", bytes(*expected))]
    Truncated {
        /// Bytes the field needs.
        expected: usize,
        /// Bytes that are left.
        found: usize,
    },
    /// A length prefix is not made of digits.
    #[error("length prefix is not decimal")]
    LengthNotDecimal,
    /// A length prefix announces more than the field may hold.
    #[error("length {found} is above the maximum of {max}")]
    TooLong {
        /// Length announced.
        found: usize,
        /// Length allowed.
        max: usize,
    },
    /// A character does not belong to the field's class.
    #[error("character {position} is not of class {class}")]
    Class {
        /// Counted from 1.
        position: usize,
        /// The class in the standard's notation (`n`, `ans`, `z` …).
        class: &'static str,
    },
    /// A length prefix in hex holds another character.
    #[error("length prefix is not hex")]
    LengthNotHex,
    /// A length counted in nibbles or hex digits ends within a byte.
    #[error("length {found} ends within a byte")]
    OddNibbles {
        /// Length announced.
        found: usize,
    },
    /// The padding of an odd number of digits is another than the dialect's.
    #[error("padding nibble is not {fill:X}")]
    Padding {
        /// What it should be.
        fill: u8,
    },
    /// Bytes that are no character of the dialect's text encoding.
    #[error("no character at byte {position} of the value")]
    NotText {
        /// Counted from 1.
        position: usize,
    },
    /// A bitmap or value in hex holds another character.
    #[error("not a hex digit")]
    NotHex,
    /// The bitmap announces a data element the dialect does not know.
    #[error("the dialect has no such data element")]
    UnknownField,
    /// A tag longer than three bytes, or with characters no tag has.
    #[error("not a tag")]
    Tag,
    /// A BER-TLV length without end, or of more than three bytes.
    #[error("length form {found:02X}: expected 00 to 7F or 81 to 83")]
    LengthForm {
        /// The byte that says the form.
        found: u8,
    },
    /// Subfields lie too deep in one another.
    #[error("subfields lie more than 8 deep in one another")]
    TooDeep,
    /// Bytes stand behind the last field.
    #[error("{} left over", bytes(*found))]
    TrailingBytes {
        /// How many.
        found: usize,
    },
}

/// `1 byte`, `2 bytes`.
fn bytes(count: usize) -> String {
    let many = if count == 1 { "" } else { "s" };
    format!("{count} byte{many}")
}

/// A value that cannot be written in the dialect.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("DE {de}: {kind}")]
pub struct EncodeError {
    /// The data element.
    pub de: u8,
    /// What is wrong with its value.
    pub kind: EncodeErrorKind,
}

/// What is wrong with a value to be written. Never holds the value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// The value has another length than the field.
    #[error("expected {expected} characters, found {found}")]
    Length {
        /// Length of the field, or its maximum.
        expected: usize,
        /// Length of the value.
        found: usize,
    },
    /// A character does not belong to the field's class.
    #[error("character {position} is not of class {class}")]
    Class {
        /// Counted from 1.
        position: usize,
        /// The class in the standard's notation.
        class: &'static str,
    },
    /// The value is not UTF-8, or has a character the dialect's text encoding lacks.
    #[error("byte {position} starts no character the dialect has")]
    NotText {
        /// Counted from 1.
        position: usize,
    },
    /// The dialect does not know the field.
    #[error("the dialect has no such data element")]
    UnknownField,
    /// The buffer is too small for the message.
    #[error("the message needs {needed} bytes of room")]
    NoRoom {
        /// Bytes of the whole message.
        needed: usize,
    },
    /// The message has more bytes than one can have: 65535.
    #[error("the message takes {needed} bytes, more than {}", u16::MAX)]
    TooLong {
        /// Bytes of the whole message.
        needed: usize,
    },
    /// The value is not made of the subfields the dialect says.
    #[error("the value is not made of its subfields")]
    Subfields,
    /// The scan ended before the field that is to be copied.
    #[error("the scan ended before it")]
    NotWalked,
}

/// A path that cannot be followed, or a value that cannot be put there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {kind}")]
pub struct PathError {
    /// Where.
    pub path: Path,
    /// Why not.
    pub kind: PathErrorKind,
}

/// Why a path cannot be followed. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathErrorKind {
    /// A value on the way is not what the dialect says.
    #[error("the value cannot be read: {0}")]
    Decode(#[from] DecodeErrorKind),
    /// The dialect does not allow the new value.
    #[error(transparent)]
    Encode(#[from] EncodeErrorKind),
    /// The dialect could never have it.
    #[error("the dialect has no such field")]
    NoSuchField,
    /// The path goes on where the dialect says nothing of subfields.
    #[error("the dialect says of no subfields there")]
    NoSubfields,
    /// It cannot stand there without those before it.
    #[error("those before it are missing")]
    Gap,
    /// What follows would be taken for what is to be removed.
    #[error("it cannot be removed: the others stand behind it")]
    Needed,
    /// A bitmap or the end of the message has no value.
    #[error("no value stands there")]
    NoValue,
}

/// A value outside what its element allows: `STAN is not 6 digits`. Never holds the value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{element} is not {expected}")]
pub struct InvalidElement {
    element: &'static str,
    expected: &'static str,
}

impl InvalidElement {
    /// Names the element and what it should have been.
    #[must_use]
    pub const fn new(element: &'static str, expected: &'static str) -> Self {
        Self { element, expected }
    }
}
