//! The words of the form, for reading and writing alike.

use crate::composite::{TagCoding, Unknown};
use crate::spec::{
    Align, BitmapForm, CodePage, Counting, Encoding, Maps, MtiCoding, PrefixCoding, Visibility,
};

/// A word and what it stands for.
pub(super) type Word<T> = (&'static str, T);

pub(super) const MTI: [Word<MtiCoding>; 3] = [
    ("ascii", MtiCoding::Ascii),
    ("bcd", MtiCoding::Bcd),
    ("ebcdic", MtiCoding::Ebcdic),
];

pub(super) const BITMAP: [Word<BitmapForm>; 3] = [
    ("binary", BitmapForm::Binary),
    ("hex", BitmapForm::Hex),
    ("ebcdic-hex", BitmapForm::EbcdicHex),
];

pub(super) const FIXED_MAPS: [Word<Maps>; 3] = [
    ("fixed-1", Maps::Fixed(1)),
    ("fixed-2", Maps::Fixed(2)),
    ("fixed-3", Maps::Fixed(3)),
];

/// Packed digits come with a fill of their own.
pub(super) const ENCODING: [Word<Encoding>; 10] = [
    ("ascii", Encoding::Ascii),
    ("ebcdic-037", Encoding::Ebcdic(CodePage::Cp037)),
    ("ebcdic-500", Encoding::Ebcdic(CodePage::Cp500)),
    ("ebcdic-1047", Encoding::Ebcdic(CodePage::Cp1047)),
    ("euc-kr", Encoding::EucKr),
    ("bcd", Encoding::BCD),
    (
        "bcd-left",
        Encoding::Bcd {
            align: Align::Left,
            fill: 0,
        },
    ),
    ("binary", Encoding::Binary),
    ("hex", Encoding::Hex),
    ("ebcdic-hex", Encoding::EbcdicHex),
];

pub(super) const PREFIX_CODING: [Word<PrefixCoding>; 5] = [
    ("ascii", PrefixCoding::Ascii),
    ("ebcdic", PrefixCoding::Ebcdic),
    ("bcd", PrefixCoding::Bcd),
    ("binary", PrefixCoding::Binary),
    ("hex", PrefixCoding::Hex),
];

pub(super) const COUNTING: [Word<Counting>; 3] = [
    ("characters", Counting::Characters),
    ("bytes", Counting::Bytes),
    ("nibbles", Counting::Nibbles),
];

pub(super) const VISIBILITY: [Word<Visibility>; 3] = [
    ("all", Visibility::Shown),
    ("partly", Visibility::Partly),
    ("never", Visibility::Never),
];

pub(super) const UNKNOWN: [Word<Unknown>; 2] =
    [("keep", Unknown::Keep), ("refuse", Unknown::Refuse)];

pub(super) const TAG_CODING: [Word<TagCoding>; 4] = [
    ("text", TagCoding::Text),
    ("bcd", TagCoding::Bcd(Align::Right)),
    ("bcd-left", TagCoding::Bcd(Align::Left)),
    ("binary", TagCoding::Binary),
];

/// The side a short value is filled at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

pub(super) const SIDE: [Word<Side>; 2] = [("left", Side::Left), ("right", Side::Right)];

/// How a value is made of subfields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Positional,
    Tagged,
    Ber,
    Bitmapped,
    Coded,
}

pub(super) const FORM: [Word<Form>; 5] = [
    ("positional", Form::Positional),
    ("tagged", Form::Tagged),
    ("ber", Form::Ber),
    ("bitmapped", Form::Bitmapped),
    ("coded", Form::Coded),
];

/// The word for a value; empty where there is none.
pub(super) fn word_of<T: Copy + PartialEq>(words: &[Word<T>], meaning: T) -> &'static str {
    let found = words.iter().find(|(_, known)| *known == meaning);
    found.map_or("", |(word, _)| *word)
}
