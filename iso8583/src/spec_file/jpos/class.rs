//! The field packagers of jPOS (`org.jpos.iso.IF*`): what each puts on the wire.
//!
//! Source: the classes of jPOS's `org.jpos.iso` and their interpreters, padders and prefixers, each
//! of which is one of our axes. `IFA` is ASCII, `IFB` packed or binary, `IFE` EBCDIC (jPOS has one
//! EBCDIC, IBM 1047, in `ISOUtil.EBCDIC`); `H` in a length is a binary number. Compared with jPOS 3
//! class by class.

use crate::spec::{
    Align, Class, CodePage, Counting, Encoding, Field, ImpossibleField, Length, Padding, Prefix,
    PrefixCoding,
};

/// What a class does with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any characters; short ones are filled with blanks on the right.
    Text(Encoding),
    /// Digits a byte each; short ones are filled with zeros on the left.
    Digits(Encoding),
    /// Packed digits: aligned right behind 0 where `pad` is true, else left before this nibble.
    Packed(u8),
    /// Packed digits, aligned left before F, whose length counts bytes.
    PackedBytes,
    /// Bytes.
    Bytes(Encoding),
    /// Bytes, given as hex digits: the length counts these.
    HexDigits,
    /// A sign and digits.
    Signed(Encoding),
}

/// What stands on the wire for a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A value, always as long as the field, or behind a prefix of so many digits or bytes.
    Value(Kind, Option<(u8, PrefixCoding)>),
    /// Nothing.
    Nothing,
    /// Not what a field of ours can be.
    Unlike(&'static str),
}

const EBCDIC: Encoding = Encoding::Ebcdic(CodePage::Cp1047);
const TEXT: Kind = Kind::Text(Encoding::Ascii);
const DIGITS: Kind = Kind::Digits(Encoding::Ascii);
const BYTES: Kind = Kind::Bytes(Encoding::Binary);
const HEX: Kind = Kind::Bytes(Encoding::Hex);

const fn fixed(name: &'static str, kind: Kind) -> (&'static str, Form) {
    (name, Form::Value(kind, None))
}

const fn ascii(name: &'static str, kind: Kind, digits: u8) -> (&'static str, Form) {
    (name, Form::Value(kind, Some((digits, PrefixCoding::Ascii))))
}

const fn bcd(name: &'static str, kind: Kind, digits: u8) -> (&'static str, Form) {
    (name, Form::Value(kind, Some((digits, PrefixCoding::Bcd))))
}

const fn binary(name: &'static str, kind: Kind, bytes: u8) -> (&'static str, Form) {
    (name, Form::Value(kind, Some((bytes, PrefixCoding::Binary))))
}

const fn ebcdic(name: &'static str, kind: Kind, digits: u8) -> (&'static str, Form) {
    (
        name,
        Form::Value(kind, Some((digits, PrefixCoding::Ebcdic))),
    )
}

const fn unlike(name: &'static str, why: &'static str) -> (&'static str, Form) {
    (name, Form::Unlike(why))
}

const PLACE_KEPT: &str = "a length before a value that always takes the longest one's place";
const ODD_ROUNDED: &str = "its length counts the filler beside an odd digit";
const OF_2003: &str = "amounts of the 2003 edition";
const LENGTH_FIRST: &str = "a length before the tag, which counts both";
const EBCDIC_TAG: &str = "a tag in EBCDIC, or beside a value in EBCDIC";
const BEHIND_TAG: &str = "a value behind a tag: it stands in a packager of tags only";

const CLASSES: &[(&str, Form)] = &[
    fixed("IF_CHAR", TEXT),
    fixed("IF_ECHAR", Kind::Text(EBCDIC)),
    fixed("IFE_CHAR", Kind::Text(EBCDIC)),
    fixed("IFA_NUMERIC", DIGITS),
    fixed("IFE_NUMERIC", Kind::Digits(EBCDIC)),
    fixed("IFB_NUMERIC", Kind::Packed(0)),
    fixed("IFB_FNUMERIC", Kind::Packed(0x0F)),
    fixed("IFB_HEX", Kind::HexDigits),
    fixed("IFA_AMOUNT", Kind::Signed(Encoding::Ascii)),
    fixed("IFB_AMOUNT", Kind::Signed(Encoding::BCD)),
    fixed("IFE_AMOUNT", Kind::Signed(EBCDIC)),
    fixed("IFA_BINARY", HEX),
    fixed("IFB_BINARY", BYTES),
    fixed("IFE_BINARY", Kind::Bytes(Encoding::EbcdicHex)),
    ascii("IFA_LCHAR", TEXT, 1),
    ascii("IFA_LLCHAR", TEXT, 2),
    ascii("IFA_LLLCHAR", TEXT, 3),
    ascii("IFA_LLLLCHAR", TEXT, 4),
    ascii("IFA_LLLLLCHAR", TEXT, 5),
    ascii("IFA_LLLLLLCHAR", TEXT, 6),
    ascii("IFA_LLNUM", DIGITS, 2),
    ascii("IFA_LLLNUM", DIGITS, 3),
    ascii("IFA_LBINARY", BYTES, 1),
    ascii("IFA_LLBINARY", BYTES, 2),
    ascii("IFA_LLLBINARY", BYTES, 3),
    ascii("IFA_LLLLBINARY", BYTES, 4),
    ascii("IFA_LLLLLBINARY", BYTES, 5),
    ascii("IFA_LLLLLLBINARY", BYTES, 6),
    ascii("IFA_LLABINARY", HEX, 2),
    ascii("IFA_LLLABINARY", HEX, 3),
    ascii("IFAE_LLCHAR", Kind::Text(EBCDIC), 2),
    bcd("IFB_LLCHAR", TEXT, 2),
    bcd("IFB_LLLCHAR", TEXT, 3),
    bcd("IFB_LLLLCHAR", TEXT, 4),
    bcd("IFB_LLLLLLCHAR", TEXT, 6),
    bcd("IFB_LLNUM", Kind::Packed(0), 2),
    bcd("IFB_LLLNUM", Kind::Packed(0), 3),
    bcd("IFB_LLBINARY", BYTES, 2),
    bcd("IFB_LLLBINARY", BYTES, 3),
    bcd("IFB_LLLLBINARY", BYTES, 4),
    bcd("IFB_LLHEX", BYTES, 2),
    bcd("IFB_LLLHEX", BYTES, 3),
    binary("IFB_LLHCHAR", TEXT, 1),
    binary("IFB_LLLHCHAR", TEXT, 2),
    binary("IFB_LLHECHAR", Kind::Text(EBCDIC), 1),
    binary("IFB_LLLHECHAR", Kind::Text(EBCDIC), 2),
    binary("IFB_LLHNUM", Kind::Packed(0), 1),
    binary("IFB_LLLHNUM", Kind::Packed(0), 2),
    binary("IFB_LLHBINARY", BYTES, 1),
    binary("IFB_LLLHBINARY", BYTES, 2),
    ebcdic("IFE_LLCHAR", Kind::Text(EBCDIC), 2),
    ebcdic("IFE_LLLCHAR", Kind::Text(EBCDIC), 3),
    ebcdic("IFE_LLLLCHAR", Kind::Text(EBCDIC), 4),
    ebcdic("IFE_LLNUM", Kind::Digits(EBCDIC), 2),
    ebcdic("IFE_LLLNUM", Kind::Digits(EBCDIC), 3),
    ebcdic("IFE_LLBINARY", BYTES, 2),
    ebcdic("IFE_LLLBINARY", BYTES, 3),
    ebcdic("IFE_LLLLBINARY", BYTES, 4),
    ebcdic("IFE_LLLEBINARY", Kind::Text(EBCDIC), 3),
    ebcdic("IFEA_LLCHAR", TEXT, 2),
    ebcdic("IFEB_LLNUM", Kind::PackedBytes, 2),
    ebcdic("IFEB_LLLNUM", Kind::PackedBytes, 3),
    ("IF_NOP", Form::Nothing),
    ("IF_UNUSED", Form::Nothing),
    unlike("IFA_FLLCHAR", PLACE_KEPT),
    unlike("IFA_FLLNUM", PLACE_KEPT),
    unlike("IFB_FLLNUM", PLACE_KEPT),
    unlike("IFB_FLLLNUM", PLACE_KEPT),
    unlike("IFB_LLHFBINARY", PLACE_KEPT),
    unlike("IFA_LLBNUM", ODD_ROUNDED),
    unlike("IFA_AMOUNT2003", OF_2003),
    unlike("IFB_AMOUNT2003", OF_2003),
    unlike("IFE_SIGNED_NUMERIC", "a sign punched over the last digit"),
    unlike("IFEP_LLCHAR", LENGTH_FIRST),
    unlike("IFEP_LLLCHAR", LENGTH_FIRST),
    unlike("IFELPE_LLLCHAR", LENGTH_FIRST),
    unlike("IFEPE_LLCHAR", EBCDIC_TAG),
    unlike("IFEPE_LLLCHAR", EBCDIC_TAG),
    unlike("IFEMC_LLCHAR", EBCDIC_TAG),
    unlike("IFEMC_LLLCHAR", EBCDIC_TAG),
    unlike("IFMC_LLCHAR", BEHIND_TAG),
    unlike("IFMC_LLLCHAR", BEHIND_TAG),
    unlike("IFIPM_LLLCHAR", BEHIND_TAG),
];

/// The class name without jPOS's own package.
pub(super) fn simple(class: &str) -> &str {
    class.strip_prefix("org.jpos.iso.").unwrap_or(class)
}

/// What stands on the wire for a class.
pub(super) fn form(class: &str) -> Form {
    let found = CLASSES.iter().find(|(name, _)| *name == simple(class));
    found.map_or(
        Form::Unlike("no field packager of this name is known"),
        |(_, form)| *form,
    )
}

/// What the `isofield` says beside its class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Says<'e> {
    pub(super) class: &'e str,
    pub(super) name: &'e str,
    pub(super) length: u16,
    pub(super) pad: bool,
    /// The class digits are of: n, or z for a track.
    pub(super) digits: Class,
}

/// The field of a class that has a value on the wire.
pub(super) fn field(
    kind: Kind,
    prefix: Option<(u8, PrefixCoding)>,
    says: Says<'_>,
) -> Result<Field, ImpossibleField> {
    let (class, encoding) = match kind {
        Kind::Text(encoding) => (Class::Ans, encoding),
        Kind::Digits(encoding) => (says.digits, encoding),
        Kind::Packed(_) if says.pad => (says.digits, Encoding::BCD),
        Kind::Packed(fill) => (says.digits, packed_left(fill)),
        Kind::PackedBytes => (says.digits, packed_left(0x0F)),
        Kind::Bytes(encoding) => (Class::B, encoding),
        Kind::HexDigits => (Class::B, Encoding::Binary),
        Kind::Signed(encoding) => (Class::Xn, encoding),
    };
    let counting = match kind {
        Kind::Bytes(_) if says.class.ends_with("HEX") => Counting::Nibbles,
        Kind::Bytes(_) | Kind::PackedBytes | Kind::HexDigits => Counting::Bytes,
        Kind::Text(_) | Kind::Digits(_) | Kind::Packed(_) | Kind::Signed(_) => Counting::Characters,
    };
    let units = if kind == Kind::HexDigits {
        says.length.div_ceil(2)
    } else {
        says.length
    };
    let length = match prefix {
        None => Length::Fixed(units),
        Some((digits, coding)) => Length::up_to(
            units,
            Prefix {
                digits,
                coding,
                counting,
            },
        ),
    };
    let field = Field::new(says.name.to_owned(), class, encoding, length)?;
    match (prefix, kind) {
        (None, Kind::Text(_)) => field.padded(Padding::Right(b' ')),
        (None, Kind::Digits(_) | Kind::Packed(_)) => field.padded(Padding::Left(b'0')),
        _ => Ok(field),
    }
}

const fn packed_left(fill: u8) -> Encoding {
    Encoding::Bcd {
        align: Align::Left,
        fill,
    }
}

/// A class of tagged subfields (`IFA_TTLLCHAR`): characters of the tag and of the length, and
/// whether values are bytes.
pub(super) fn tagged(class: &str) -> Option<(u8, u8, Kind)> {
    match simple(class) {
        "IFMC_LLCHAR" => return Some((2, 2, TEXT)),
        "IFMC_LLLCHAR" => return Some((2, 3, TEXT)),
        "IFIPM_LLLCHAR" => return Some((4, 3, TEXT)),
        _ => {}
    }
    let rest = simple(class).strip_prefix("IFA_")?;
    let (rest, kind) = match rest.strip_suffix("CHAR") {
        Some(rest) => (rest, TEXT),
        None => (rest.strip_suffix("BINARY")?, BYTES),
    };
    let tag = rest.trim_end_matches('L');
    let letters = rest.len() - tag.len();
    let known = !tag.is_empty() && tag.bytes().all(|letter| letter == b'T') && letters > 0;
    let widths = (u8::try_from(tag.len()).ok()?, u8::try_from(letters).ok()?);
    known.then_some((widths.0, widths.1, kind))
}
