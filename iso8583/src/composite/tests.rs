//! Values written by hand for every form, and what is wrong with them.

use std::collections::BTreeMap;

use hex_literal::hex;
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::error::{EncodeErrorKind, Path, PathErrorKind};
use crate::spec::{BitmapForm, Class, Counting, Encoding, Length};
use crate::{Dialect, Message, Mti};

fn n(length: u16) -> Field {
    Field::new("digits", Class::N, Encoding::Ascii, Length::Fixed(length)).unwrap()
}

fn ans(max: u16) -> Field {
    let length = Length::up_to(max, Prefix::ascii(2, Counting::Bytes));
    Field::new("text", Class::Ans, Encoding::Ascii, length).unwrap()
}

fn bytes(max: u16) -> Field {
    let length = Length::up_to(max, Prefix::binary(2));
    Field::new("bytes", Class::B, Encoding::Binary, length).unwrap()
}

impl Prefix {
    fn binary(digits: u8) -> Self {
        Self {
            digits,
            coding: crate::spec::PrefixCoding::Binary,
            counting: Counting::Bytes,
        }
    }
}

/// Mastercard's PDS: tag of four digits, length of three, value.
fn pds(unknown: Unknown) -> Composite {
    Composite::Tagged(Tagged {
        tag: TagForm {
            width: 4,
            coding: TagCoding::Text,
        },
        length: Prefix::ascii(3, Counting::Bytes),
        prefix: "PDS".into(),
        known: BTreeMap::from([("0023".to_owned(), n(3)), ("0052".to_owned(), ans(20))]),
        unknown,
    })
}

fn ber(known: impl IntoIterator<Item = (&'static str, Field)>, unknown: Unknown) -> Composite {
    let known = known
        .into_iter()
        .map(|(tag, field)| (tag.to_owned(), field));
    Composite::Ber(Ber {
        known: known.collect(),
        unknown,
    })
}

fn bitmapped(map: BitmapForm, extends: bool) -> Composite {
    let chip = bytes(999).composed(ber([], Unknown::Keep)).unwrap();
    let fields = BTreeMap::from([(2, n(3)), (8, ans(10)), (12, n(2)), (25, chip)]);
    Composite::Bitmapped(Bitmapped {
        width: if extends { 1 } else { 4 },
        form: map,
        extends,
        fields,
    })
}

fn keys(form: &Composite, value: &[u8]) -> Vec<String> {
    let item = |item: Result<Item<'_>, Fault<'_>>| match item {
        Ok(item) => item.key.to_string(),
        Err(fault) => format!("{}!", fault.kind),
    };
    form.items(value).map(item).collect()
}

fn wrong(form: &Composite, value: &[u8]) -> (String, DecodeErrorKind) {
    let (path, kind) = form.check(value).unwrap_err();
    (path.unwrap_or_default(), kind)
}

const fn truncated(expected: usize, found: usize) -> DecodeErrorKind {
    DecodeErrorKind::Truncated { expected, found }
}

#[test]
fn positions_are_walked_and_the_last_ones_may_be_missing() {
    let form = Composite::Positional(vec![
        n(2),
        ans(5),
        n(1).composed(pds(Unknown::Keep)).unwrap(),
    ]);
    assert_eq!(keys(&form, b""), Vec::<String>::new());
    assert_eq!(keys(&form, b"12"), ["1"]);
    assert_eq!(keys(&form, b"1203abc"), ["1", "2"]);
    assert_eq!(form.get(b"1203abc", &["2"]), Some(4..7));
    assert_eq!(form.get(b"1203abc", &["3"]), None);
    assert_eq!(wrong(&form, b"1"), ("1".into(), truncated(2, 1)));
    assert_eq!(wrong(&form, b"1203ab"), ("2".into(), truncated(3, 2)));
    let class = DecodeErrorKind::Class {
        position: 2,
        class: "n",
    };
    assert_eq!(wrong(&form, b"1X"), ("1".into(), class));
    let max = DecodeErrorKind::TooLong { found: 6, max: 5 };
    assert_eq!(wrong(&form, b"1206abcdef"), ("2".into(), max));
    let form = Composite::Positional(vec![n(2)]);
    let left = DecodeErrorKind::TrailingBytes { found: 1 };
    assert_eq!(wrong(&form, b"123"), (String::new(), left));
}

#[test]
fn tags_of_fixed_form_are_walked_with_their_prefix() {
    let form = pds(Unknown::Keep);
    let value = b"0023003001014800241002300312";
    assert_eq!(keys(&form, value)[..2], ["PDS0023", "PDS0148"]);
    assert_eq!(wrong(&form, value), ("PDS0023#2".into(), truncated(3, 2)));
    let value = b"00230030010148002410023003123";
    assert_eq!(keys(&form, value), ["PDS0023", "PDS0148", "PDS0023"]);
    assert_eq!(form.check(value), Ok(()));
    assert_eq!(form.get(value, &["PDS0023#2"]), Some(26..29));
    assert_eq!(form.get(value, &["PDS0023#3"]), None);
    assert_eq!(form.get(value, &["0023"]), None);
}

#[test]
fn what_is_wrong_with_a_tag_is_said_with_its_name() {
    let form = pds(Unknown::Refuse);
    let long = DecodeErrorKind::TooLong { found: 4, max: 3 };
    let class = DecodeErrorKind::Class {
        position: 3,
        class: "n",
    };
    for (value, path, kind) in [
        (&b"002"[..], "", truncated(4, 3)),
        (b"002300", "PDS0023", truncated(3, 2)),
        (b"0023xx3123", "PDS0023", DecodeErrorKind::LengthNotDecimal),
        (b"002300312", "PDS0023", truncated(3, 2)),
        (b"00230041234", "PDS0023", long),
        (b"002300212", "PDS0023", truncated(3, 2)),
        (b"002300312X", "PDS0023", class),
        (b"0148003123", "PDS0148", DecodeErrorKind::UnknownField),
        (b"00\x0148003123", "", DecodeErrorKind::Tag),
    ] {
        assert_eq!(wrong(&form, value), (path.to_owned(), kind), "{value:?}");
    }
}

#[test]
fn packed_and_binary_tags_are_named_by_their_digits() {
    let tagged = |coding, width| {
        Composite::Tagged(Tagged {
            tag: TagForm { width, coding },
            length: Prefix::binary(1),
            prefix: "".into(),
            known: BTreeMap::from([("123".to_owned(), n(2)), ("DF0A".to_owned(), n(2))]),
            unknown: Unknown::Refuse,
        })
    };
    let right = tagged(TagCoding::Bcd(Align::Right), 3);
    assert_eq!(keys(&right, b"\x01\x23\x0242"), ["123"]);
    let left = tagged(TagCoding::Bcd(Align::Left), 3);
    assert_eq!(keys(&left, b"\x12\x30\x0242"), ["123"]);
    let set = left.change(b"", &["123"], Some(b"42")).unwrap();
    assert_eq!(set.as_slice(), b"\x12\x30\x0242");
    let binary = tagged(TagCoding::Binary, 2);
    assert_eq!(binary.get(b"\xDF\x0A\x0242", &["df0a"]), Some(3..5));
    assert_eq!(wrong(&binary, b"\xDF\x0B\x00").0, "DF0B");
    let set = right.change(b"", &["123"], Some(b"42")).unwrap();
    assert_eq!(set.as_slice(), b"\x01\x23\x0242");
}

#[test]
fn tags_that_could_not_end_are_refused_not_walked_for_ever() {
    let form = Composite::Tagged(Tagged {
        tag: TagForm {
            width: 0,
            coding: TagCoding::Text,
        },
        length: Prefix::ascii(0, Counting::Bytes),
        prefix: "".into(),
        known: BTreeMap::new(),
        unknown: Unknown::Keep,
    });
    assert_eq!(wrong(&form, b"1"), (String::new(), DecodeErrorKind::Tag));
    let refused = form.change(b"", &["x"], Some(b"1"));
    assert_eq!(refused, Err(PathErrorKind::NoSuchField));
}

#[test]
fn a_code_comes_first_and_says_nothing_of_what_follows() {
    let code = n(1);
    let rest = Box::new(pds(Unknown::Keep));
    let form = Composite::Coded { code, rest };
    assert_eq!(keys(&form, b"T0023003123"), ["code", "PDS0023"]);
    assert_eq!(form.get(b"10023003123", &["PDS0023"]), Some(8..11));
    assert_eq!(wrong(&form, b"T").0, "code");
    assert_eq!(wrong(&form, b"1002300312").0, "PDS0023");
    let set = form.change(b"10023003123", &["PDS0052"], Some(b"XY"));
    assert_eq!(set.unwrap().as_slice(), b"100230031230052002XY");
    let set = form.change(b"10023003123", &["code"], Some(b"2"));
    assert_eq!(set.unwrap().as_slice(), b"20023003123");
    let gone = form.change(b"10023003123", &["code"], None);
    assert_eq!(gone, Err(PathErrorKind::Needed));
    let early = form.change(b"", &["PDS0023"], Some(b"123"));
    assert_eq!(early, Err(PathErrorKind::Gap));
}

#[test]
fn bitmaps_say_which_subfields_follow() {
    let value = hex!("40000080 313233 0005 9F02020001");
    let form = bitmapped(BitmapForm::Binary, false);
    assert_eq!(keys(&form, &value), ["2", "25"]);
    assert_eq!(form.check(&value), Ok(()));
    assert_eq!(form.get(&value, &["25", "9F02"]), Some(12..14));
    assert_eq!(
        keys(&bitmapped(BitmapForm::Hex, false), b"40000000123"),
        ["2"]
    );
    assert_eq!(wrong(&form, b"\x40\0\0"), (String::new(), truncated(4, 3)));
    assert_eq!(wrong(&form, b"\x20\0\0\0").0, "3");
    assert_eq!(wrong(&form, b"\x20\0\0\0").1, DecodeErrorKind::UnknownField);
    let nested = hex!("00000080 0005 9F02040001");
    assert_eq!(wrong(&form, &nested), ("25.9F02".into(), truncated(4, 2)));
    let not_hex = wrong(&bitmapped(BitmapForm::Hex, false), b"4000000G123");
    assert_eq!(not_hex, (String::new(), DecodeErrorKind::NotHex));
}

#[test]
fn a_bitmap_of_ebcdic_digits_is_read_and_changed() {
    let form = bitmapped(BitmapForm::EbcdicHex, true);
    // C3 and 83 are C and c, F0 to F9 the digits.
    let value = hex!("F4F0 313233");
    assert_eq!(keys(&form, &value), ["2"]);
    let twelve = form.change(&value, &["12"], Some(b"45")).unwrap();
    assert_eq!(*twelve, hex!("C3F0F1F0 313233 3435")[..]);
    assert_eq!(keys(&form, &hex!("83F0F1F0 313233 3435")), ["2", "12"]);
    let back = form.change(&twelve, &["12"], None).unwrap();
    assert_eq!(*back, value[..]);
    let ascii = wrong(&form, b"40123");
    assert_eq!(ascii, (String::new(), DecodeErrorKind::NotHex));
}

#[test]
fn a_bit_is_set_with_its_subfield_at_its_place() {
    let form = bitmapped(BitmapForm::Hex, false);
    let one = form.change(b"", &["8"], Some(b"abc")).unwrap();
    assert_eq!(one.as_slice(), b"0100000003abc");
    let two = form.change(&one, &["2"], Some(b"123")).unwrap();
    assert_eq!(two.as_slice(), b"4100000012303abc");
    let three = form.change(&two, &["12"], Some(b"77")).unwrap();
    assert_eq!(three.as_slice(), b"4110000012303abc77");
    assert_eq!(form.change(&three, &["12"], None).unwrap(), two);
    let unknown = form.change(&one, &["3"], Some(b"1"));
    assert_eq!(unknown, Err(PathErrorKind::NoSuchField));
    let again = form.change(&one, &["8#2"], Some(b"1"));
    assert_eq!(again, Err(PathErrorKind::Gap));
}

#[test]
fn a_second_map_comes_and_goes_with_its_bits() {
    let form = bitmapped(BitmapForm::Binary, true);
    let one = form.change(b"", &["2"], Some(b"123")).unwrap();
    assert_eq!(one.as_slice(), b"\x40123");
    let two = form.change(&one, &["12"], Some(b"77")).unwrap();
    assert_eq!(two.as_slice(), b"\xC0\x1012377");
    assert_eq!(keys(&form, &two), ["2", "12"]);
    assert_eq!(form.change(&two, &["12"], None).unwrap(), one);
    let far = form.change(&one, &["25"], Some(b""));
    assert_eq!(far, Err(PathErrorKind::NoSuchField));
    assert_eq!(wrong(&form, b"\x80"), (String::new(), truncated(2, 1)));
}

#[test]
fn ber_keeps_order_repeats_unknown_and_empty_tags() {
    let form = ber([], Unknown::Keep);
    let value = hex!("9F0201AA 00 DF810102BBCC 9F0200 00 72 06 8601EE 8601FF 00");
    assert_eq!(keys(&form, &value), ["9F02", "DF8101", "9F02", "72"]);
    assert_eq!(form.check(&value), Ok(()));
    assert_eq!(form.get(&value, &["9f02"]), Some(3..4));
    assert_eq!(form.get(&value, &["9F02#2"]), Some(14..14));
    assert_eq!(form.get(&value, &["72", "86#2"]), Some(22..23));
    assert_eq!(form.get(&value, &["9F03"]), None);
    let set = form
        .change(&value, &["72", "86#2"], Some(b"\x01\x02"))
        .unwrap();
    let expected = hex!("9F0201AA 00 DF810102BBCC 9F0200 00 72 07 8601EE 86020102 00");
    assert_eq!(set.as_slice(), expected);
    let gone = form.change(&set, &["9F02"], None).unwrap();
    assert_eq!(gone.as_slice(), &expected[4..]);
}

#[test]
fn long_ber_values_have_long_lengths_all_the_way_up() {
    let form = ber([], Unknown::Keep);
    let inner = vec![7; 0x7E];
    let value = form.change(b"", &["71", "9F18"], Some(&inner)).unwrap();
    assert_eq!(value[..6], hex!("71 81 81 9F18 7E"));
    let value = form.change(&value, &["71", "86"], Some(&[1; 300])).unwrap();
    assert_eq!(value[..7], hex!("71 82 01B1 9F18 7E"));
    assert_eq!(value[133..137], hex!("86 82 012C"));
    assert_eq!(form.check(&value), Ok(()));
    assert_eq!(
        form.read(&value, &["71", "9F18"])
            .unwrap()
            .unwrap()
            .as_slice(),
        inner
    );
    // A length that is longer than it must be is read, and kept where nothing is set.
    let value = hex!("9A 82 0003 250101 9C 83 000001 00");
    assert_eq!(form.get(&value, &["9C"]), Some(12..13));
    let set = form.change(&value, &["9C"], Some(b"\x01")).unwrap();
    assert_eq!(set.as_slice(), hex!("9A 82 0003 250101 9C 01 01"));
}

#[test]
fn what_is_wrong_in_ber_is_said_with_the_tags_above() {
    let amount = Field::new("amount", Class::N, Encoding::BCD, Length::Fixed(12)).unwrap();
    let form = ber([("9F02", amount)], Unknown::Refuse);
    let class = DecodeErrorKind::Class {
        position: 1,
        class: "n",
    };
    let long = DecodeErrorKind::TooLong { found: 14, max: 12 };
    for (value, path, kind) in [
        (&hex!("9F")[..], "", truncated(2, 1)),
        (&hex!("9F81"), "", truncated(3, 2)),
        (&hex!("9F818181 00"), "", DecodeErrorKind::Tag),
        (&hex!("9F02"), "9F02", truncated(1, 0)),
        (&hex!("9F0282FF"), "9F02", truncated(3, 2)),
        (
            &hex!("9F0280"),
            "9F02",
            DecodeErrorKind::LengthForm { found: 0x80 },
        ),
        (
            &hex!("9A84"),
            "9A",
            DecodeErrorKind::LengthForm { found: 0x84 },
        ),
        (&hex!("9F02060000"), "9F02", truncated(6, 2)),
        (&hex!("9F0206A00000000000"), "9F02", class),
        (&hex!("9F0205 0000000000"), "9F02", truncated(12, 10)),
        (&hex!("9F0207 00000000000000"), "9F02", long),
        (&hex!("DF7F00"), "DF7F", DecodeErrorKind::UnknownField),
        (&hex!("9A00 9A00 9A02"), "9A#3", truncated(2, 0)),
    ] {
        assert_eq!(wrong(&form, value), (path.to_owned(), kind), "{value:02X?}");
    }
    assert_eq!(form.check(&hex!("9F0200 9A03250101")), Ok(()));
}

#[test]
fn what_hosts_put_into_templates_is_not_judged() {
    let form = ber([("9A", n(1))], Unknown::Keep);
    assert_eq!(form.check(&hex!("72 03 860512")), Ok(()));
    assert_eq!(form.get(&hex!("72 03 860112"), &["72", "86"]), Some(4..5));
    assert_eq!(form.get(&hex!("72 03 860512"), &["72", "86"]), None);
}

#[test]
fn positions_in_positions_are_named_by_both() {
    let inner = |fields| Composite::Positional(fields);
    let third = {
        let second = ans(9).composed(inner(vec![n(1), n(2)])).unwrap();
        ans(20).composed(inner(vec![n(1), second])).unwrap()
    };
    let form = inner(vec![n(1), n(1), third]);
    assert_eq!(form.check(b"1206103123"), Ok(()));
    assert_eq!(form.get(b"1206103123", &["3", "2", "2"]), Some(8..10));
    assert_eq!(wrong(&form, b"120610312X").0, "3.2.2");
    let set = form
        .change(b"1206103123", &["3", "2", "2"], Some(b"99"))
        .unwrap();
    assert_eq!(set.as_slice(), b"1206103199");
    let set = form.change(b"12", &["3", "1"], Some(b"7")).unwrap();
    assert_eq!(set.as_slice(), b"12017");
    let early = form.change(b"1", &["3", "1"], Some(b"7"));
    assert_eq!(early, Err(PathErrorKind::Gap));
    assert_eq!(
        form.change(b"12017", &["2"], None),
        Err(PathErrorKind::Needed)
    );
    assert_eq!(
        form.change(b"12017", &["3"], None).unwrap().as_slice(),
        b"12"
    );
}

#[test]
fn packed_subfields_are_read_and_written_in_their_own_encoding() {
    let track = Field::new(
        "track",
        Class::Z,
        Encoding::Bcd {
            align: Align::Left,
            fill: 0xF,
        },
        Length::up_to(37, Prefix::binary(1)),
    )
    .unwrap();
    let form = ber([("57", track)], Unknown::Keep);
    let value = hex!("57 05 12345D301F");
    assert_eq!(
        form.read(&value, &["57"]).unwrap().unwrap().as_slice(),
        b"12345=301"
    );
    let set = form.change(&value, &["57"], Some(b"123=4567")).unwrap();
    assert_eq!(set.as_slice(), hex!("57 04 123D4567"));
    let set = form.change(&set, &["57"], Some(b"12345=301")).unwrap();
    assert_eq!(set.as_slice(), value);
}

#[test]
fn a_value_the_subfield_does_not_allow_is_refused() {
    let form = pds(Unknown::Refuse);
    let class = EncodeErrorKind::Class {
        position: 3,
        class: "n",
    };
    let length = EncodeErrorKind::Length {
        expected: 3,
        found: 4,
    };
    let set = |path, value| {
        form.change(b"0023003123", &[path], Some(value))
            .unwrap_err()
    };
    assert_eq!(set("PDS0023", b"12X"), PathErrorKind::Encode(class));
    assert_eq!(set("PDS0023", b"1234"), PathErrorKind::Encode(length));
    assert_eq!(set("PDS0099", b"1"), PathErrorKind::NoSuchField);
    assert_eq!(set("PDS99", b"1"), PathErrorKind::NoSuchField);
    let keeps = pds(Unknown::Keep);
    let long = keeps
        .change(b"", &["PDS0099"], Some(&[b'1'; 1000]))
        .unwrap_err();
    let most = EncodeErrorKind::Length {
        expected: 999,
        found: 1000,
    };
    assert_eq!(long, PathErrorKind::Encode(most));
    let inside = keeps
        .change(b"0023003123", &["PDS0023", "1"], Some(b"1"))
        .unwrap_err();
    assert_eq!(inside, PathErrorKind::NoSubfields);
    let template = ber([], Unknown::Keep)
        .change(b"", &["72"], Some(b"\x9F"))
        .unwrap_err();
    assert_eq!(template, PathErrorKind::Encode(EncodeErrorKind::Subfields));
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

#[test]
fn a_message_is_read_and_changed_by_path() {
    let dialect = Dialect::iso87_bcd();
    let mut sale = Message::new(Mti::FINANCIAL_REQUEST);
    sale.set(55, &hex!("9F0206000000015000"));
    sale.set_at(dialect, &path("55.72.86"), b"\x01").unwrap();
    sale.set_at(dialect, &path("MTI"), b"0210").unwrap();
    sale.set_at(dialect, &path("4"), b"000000000100").unwrap();
    assert_eq!(
        sale.field(55),
        Some(&hex!("9F0206000000015000 72 03 860101")[..])
    );
    assert_eq!(
        (sale.mti().to_string().as_str(), sale.text(4)),
        ("0210", Some("000000000100"))
    );
    let value = |at: &str| sale.value_at(dialect, &path(at)).unwrap();
    assert_eq!(value("DE 55.72.86").unwrap().as_slice(), b"\x01");
    assert_eq!(value("MTI").unwrap().as_slice(), b"0210");
    assert_eq!(value("55.9F03"), None);
    assert_eq!(value("3"), None);
    sale.remove_at(dialect, &path("55.72")).unwrap();
    sale.remove_at(dialect, &path("55.9F02")).unwrap();
    assert!(!sale.has(55));
    sale.remove_at(dialect, &path("55.9F02")).unwrap();
}

#[test]
fn a_path_that_cannot_be_followed_says_why_and_changes_nothing() {
    let dialect = Dialect::iso87_bcd();
    let mut sale = Message::new(Mti::FINANCIAL_REQUEST);
    sale.set(3, b"000000").set(55, &hex!("9F02"));
    let before = sale.clone();
    for (at, value, says) in [
        ("MTI", &b"02"[..], "MTI: character 1 is not of class n4"),
        ("4", b"12", "DE 4: expected 12 characters, found 2"),
        (
            "3.1",
            b"1",
            "DE 3.1: the dialect says of no subfields there",
        ),
        ("bitmap", b"1", "bitmap: no value stands there"),
        ("192", b"1", "DE 192: the dialect has no such field"),
        (
            "55.9A",
            b"1",
            "DE 55.9A: the value cannot be read: expected 1 byte, found 0",
        ),
        (
            "55",
            b"\x9F",
            "DE 55: the value is not made of its subfields",
        ),
    ] {
        let error = sale.set_at(dialect, &path(at), value).unwrap_err();
        assert_eq!(error.to_string(), says);
    }
    assert_eq!(sale, before);
    let long = [0; 150];
    let mut sale = Message::new(Mti::FINANCIAL_REQUEST);
    sale.set_at(dialect, &path("55.DF01"), &long).unwrap();
    let error = sale.set_at(dialect, &path("55.DF02"), &long).unwrap_err();
    assert_eq!(error.path, Path::Field(55));
}

#[test]
fn strict_reading_names_the_subfield_that_is_wrong() {
    let dialect = Dialect::iso87_ascii_binmap();
    let mut sale = Message::new(Mti::FINANCIAL_REQUEST);
    sale.set(55, &hex!("9A03250101 9F0206"));
    let mut wire = bytes::BytesMut::new();
    dialect.encode(&sale, &mut wire).unwrap();
    let refused = dialect.read(&wire).unwrap_err();
    assert_eq!(refused.path, Path::Subfield(55, "9F02".to_owned()));
    assert_eq!(refused.kind, truncated(6, 0));
}

/// Names and values that the form of the number takes.
fn settable() -> impl Strategy<Value = (Composite, Vec<(&'static str, Vec<u8>)>)> {
    let digits = || "[0-9]{3}".prop_map(String::into_bytes);
    let any = || proptest::collection::vec(any::<u8>(), 0..300);
    let text = || "[a-z]{0,9}".prop_map(String::into_bytes);
    let chip = (any(), any(), any())
        .prop_map(|(one, two, three)| vec![("9F02", one), ("DF8101", two), ("DF01", three)]);
    let tags = (digits(), text()).prop_map(|(one, two)| vec![("PDS0023", one), ("PDS0052", two)]);
    let bits = (digits(), text()).prop_map(|(one, two)| vec![("8", two), ("2", one)]);
    prop_oneof![
        chip.prop_map(|sets| (ber([], Unknown::Keep), sets)),
        tags.prop_map(|sets| (pds(Unknown::Keep), sets)),
        bits.clone()
            .prop_map(|sets| (bitmapped(BitmapForm::Hex, false), sets)),
        bits.prop_map(|sets| (bitmapped(BitmapForm::Binary, true), sets)),
    ]
}

proptest! {
    #[test]
    fn what_is_set_is_read_back_and_its_removal_restores_the_bytes((form, sets) in settable()) {
        let mut value = Zeroizing::new(Vec::new());
        for (name, new) in sets {
            let set = form.change(&value, &[name], Some(&new)).unwrap();
            prop_assert_eq!(form.check(&set), Ok(()));
            let read = form.read(&set, &[name]).unwrap();
            prop_assert_eq!(read.as_ref().map(|read| read.as_slice()), Some(new.as_slice()));
            let range = form.get(&set, &[name]).unwrap();
            prop_assert_eq!(&set[range], new.as_slice());
            if !value.is_empty() {
                prop_assert_eq!(&form.change(&set, &[name], None).unwrap(), &value);
            }
            value = set;
        }
        prop_assert_eq!(form.get(&value, &["DF55"]), None);
        prop_assert_eq!(form.get(&value, &["PDS0001"]), None);
    }

    #[test]
    fn no_bytes_make_a_walk_panic_or_go_on_for_ever(
        value in proptest::collection::vec(any::<u8>(), 0..80),
        name in "[0-9A-F]{2,4}|[0-9]|code|PDS0023",
    ) {
        let coded = Composite::Coded { code: n(1), rest: Box::new(pds(Unknown::Keep)) };
        for form in [
            ber([], Unknown::Keep),
            ber([("9A", n(2))], Unknown::Refuse),
            pds(Unknown::Keep),
            bitmapped(BitmapForm::Hex, false),
            bitmapped(BitmapForm::Binary, true),
            Composite::Positional(vec![n(1), ans(20), bytes(9)]),
            coded,
        ] {
            let _ = form.check(&value);
            prop_assert!(form.items(&value).count() <= value.len() + 1);
            let _ = form.read(&value, &[&name]);
            if let Ok(changed) = form.change(&value, &[&name], Some(b"12")) {
                let read = form.read(&changed, &[&name]).unwrap();
                let read = read.unwrap();
                prop_assert_eq!(read.as_slice(), b"12");
            }
            let _ = form.change(&value, &[&name, &name], Some(b"12"));
            let _ = form.change(&value, &[&name], None);
        }
    }

    #[test]
    fn the_short_way_through_ber_accepts_what_the_walk_does(
        value in proptest::collection::vec(
            prop_oneof![Just(0x70), Just(0x9F), Just(0x81), 0u8..8, any::<u8>()],
            0..24,
        ),
    ) {
        // A known tag that never comes keeps the walk from the short way.
        let long_way = ber([("DF7F7F", n(1))], Unknown::Keep);
        prop_assert_eq!(ber([], Unknown::Keep).check(&value), long_way.check(&value));
    }

    #[test]
    fn paths_are_read_as_they_are_printed(
        de in 1u8..=192,
        parts in proptest::collection::vec("[A-Za-z0-9]{1,8}(#[1-9])?", 0..8),
    ) {
        let path = match parts.as_slice() {
            [] => Path::Field(de),
            parts => Path::Subfield(de, parts.join(".")),
        };
        prop_assert_eq!(path.to_string().parse::<Path>(), Ok(path.clone()));
        let bare = path.to_string().replace("DE ", "");
        prop_assert_eq!(bare.parse::<Path>(), Ok(path));
    }
}

#[test]
fn what_is_no_path_says_what_was_expected() {
    for text in ["", "DE", "0", "193", "x", "+5", "5 5", "-1", "55/9F02"] {
        let says = text.parse::<Path>().unwrap_err().to_string();
        assert!(
            says.ends_with("expected MTI or a data element from 1 to 192"),
            "{says}"
        );
    }
    for text in [
        "55.",
        "55..1",
        "55.9F02#",
        "55.9F02#0",
        "55.#1",
        "55.9F 02",
        "55.a#b#1",
    ] {
        let says = text.parse::<Path>().unwrap_err().to_string();
        assert!(
            says.ends_with("expected names of subfields with a dot between them"),
            "{says}"
        );
    }
    let deep = "55.1.1.1.1.1.1.1.1.1"
        .parse::<Path>()
        .unwrap_err()
        .to_string();
    assert!(
        deep.ends_with("expected at most 8 subfields in one another"),
        "{deep}"
    );
    for text in ["mti", "MTI", "bitmap", "end of message", "de55.9F02"] {
        assert!(text.parse::<Path>().is_ok(), "{text}");
    }
}

/// EMV lets a tag stand without a value; signed digits that are packed have a byte for the sign.
#[test]
fn a_signed_amount_without_a_value_is_no_amount_and_no_panic() {
    let signed = Field::new("net", Class::Xn, Encoding::BCD, Length::Fixed(8)).unwrap();
    let form = ber([("DF01", signed.clone())], Unknown::Keep);
    assert_eq!(form.check(&hex!("DF01 00")), Ok(()));
    let empty = form.read(&hex!("DF01 00"), &["DF01"]).unwrap();
    assert_eq!(empty.unwrap().as_slice(), b"");
    // An even number of characters: a byte for the sign, four for seven digits.
    let counted = Composite::Tagged(Tagged {
        tag: TagForm {
            width: 2,
            coding: TagCoding::Text,
        },
        length: Prefix::ascii(2, Counting::Characters),
        prefix: "".into(),
        known: BTreeMap::from([("01".to_owned(), signed)]),
        unknown: Unknown::Keep,
    });
    let set = counted.change(b"", &["01"], Some(b"C0000123")).unwrap();
    assert_eq!(set.as_slice(), b"0108C\x00\x00\x01\x23");
    assert_eq!(counted.check(&set), Ok(()));
}

/// Of an odd number of packed digits that only bytes count, a digit may be the filler.
#[test]
fn packed_digits_are_no_more_than_may_be() {
    let prefix = Prefix::bcd(2, Counting::Bytes);
    let field = |max| {
        let length = Length::up_to(max, prefix);
        Field::new("digits", Class::N, Encoding::BCD, length).unwrap()
    };
    let form = ber([("DF01", field(3)), ("DF02", field(4))], Unknown::Keep);
    for (value, tag, digits) in [
        (hex!("DF01 02 0123"), "DF01", "123"),
        (hex!("DF02 02 0123"), "DF02", "0123"),
    ] {
        assert_eq!(form.check(&value), Ok(()));
        let read = form.read(&value, &[tag]).unwrap().unwrap();
        assert_eq!(read.as_slice(), digits.as_bytes());
        let again = form.change(&value, &[tag], Some(&read)).unwrap();
        assert_eq!(again.as_slice(), value);
    }
    let (path, kind) = wrong(&form, &hex!("DF01 02 1123"));
    assert_eq!(
        (path.as_str(), kind),
        ("DF01", DecodeErrorKind::Padding { fill: 0 })
    );
}
