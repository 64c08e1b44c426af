//! Wire bytes written by hand, for each family of built-in dialects.

#![expect(clippy::unwrap_used, reason = "test kit: broken bytes stop the test")]

use bytes::BytesMut;
use hex_literal::hex;
use iso8583::composite::Composite;
use iso8583::element::ResponseCode;
use iso8583::spec::Visibility;
use iso8583::{Dialect, Message};
use std::collections::{BTreeMap, BTreeSet};

/// Reads the bytes, writes them again, and gives what they say.
fn both_ways(dialect: &Dialect, wire: &[u8]) -> Message {
    let message = dialect.decode(wire).unwrap();
    let mut again = BytesMut::new();
    dialect.encode(&message, &mut again).unwrap();
    assert_eq!(again, wire, "{}", dialect.name());
    message
}

fn says(message: &Message, elements: &[(u8, &str)]) {
    let found: Vec<(u8, &[u8])> = message.fields().collect();
    let expected: Vec<(u8, &[u8])> = elements
        .iter()
        .map(|(de, value)| (*de, value.as_bytes()))
        .collect();
    assert_eq!(found, expected);
}

const OF_1993: [(u8, &str); 10] = [
    (2, "9999990100000005"),
    (3, "000000"),
    (4, "000000015000"),
    (11, "000123"),
    (12, "260315112233"),
    (22, "51010151134C"),
    (24, "100"),
    (26, "5411"),
    (43, "TOYLAND"),
    (49, "410"),
];

#[test]
fn a_request_of_1993_in_ascii_is_what_its_bytes_say() {
    // Bits 2 3 4 | 11 12 | 22 24 | 26 | 43 | 49.
    let wire = b"11007030054000208000\
        16999999010000000500000000000001500000012326031511223351010151134C100541107TOYLAND410";
    let message = both_ways(Dialect::iso93_ascii(), wire);
    assert_eq!(message.mti().to_string(), "1100");
    says(&message, &OF_1993);
}

#[test]
fn a_request_of_1993_with_bytes_for_a_bitmap_is_what_its_bytes_say() {
    let mut wire = b"1100".to_vec();
    wire.extend(hex!("7030054000208000"));
    wire.extend(
        b"16999999010000000500000000000001500000012326031511223351010151134C100541107TOYLAND410",
    );
    says(&both_ways(Dialect::iso93_ascii_binmap(), &wire), &OF_1993);
}

#[test]
fn a_request_of_1993_is_packed_as_one_of_1987_is() {
    let wire = hex!(
        "1100 7030054000208000"
        "16 9999990100000005 000000 000000015000 000123 260315112233"
        "353130313031353131333443 0100 5411 07 544F594C414E44 343130"
    );
    says(&both_ways(Dialect::iso93_bcd(), &wire), &OF_1993);
}

#[test]
fn a_request_of_1993_in_ebcdic_is_what_its_bytes_say() {
    let wire = hex!(
        "F1F1F0F0 7030054000208000"
        "F1F6 F9F9F9F9F9F9F0F1F0F0F0F0F0F0F0F5 F0F0F0F0F0F0 F0F0F0F0F0F0F0F1F5F0F0F0"
        "F0F0F0F1F2F3 F2F6F0F3F1F5F1F1F2F2F3F3 F5F1F0F1F0F1F5F1F1F3F4C3 F1F0F0 F5F4F1F1"
        "F0F7 E3D6E8D3C1D5C4 F4F1F0"
    );
    says(&both_ways(Dialect::iso93_ebcdic(), &wire), &OF_1993);
}

const OF_1987: [(u8, &str); 5] = [
    (3, "000000"),
    (11, "000123"),
    (35, "9999990100000005=3012"),
    (41, "TERM-001"),
    (49, "410"),
];

#[test]
fn a_request_of_1987_in_ebcdic_is_what_its_bytes_say() {
    let wire = hex!(
        "F0F1F0F0 2020000020808000"
        "F0F0F0F0F0F0 F0F0F0F1F2F3 F2F1 F9F9F9F9F9F9F0F1F0F0F0F0F0F0F0F57EF3F0F1F2"
        "E3C5D9D460F0F0F1 F4F1F0"
    );
    says(&both_ways(Dialect::iso87_ebcdic(), &wire), &OF_1987);
}

#[test]
fn an_ebcdic_bitmap_may_be_hex_and_so_are_bytes_then() {
    let wire = hex!(
        "F0F8F0F0 F0F0F2F0F0F0F0F0F0F0F0F0F1F0F0F0"
        "F0F0F0F1F2F3 C4C5C6F2F4F7C6F8F2C2F5F5C1F3F5F8"
    );
    let message = both_ways(Dialect::iso87_ebcdic_hex(), &wire);
    let found: Vec<(u8, &[u8])> = message.fields().collect();
    let block = hex!("DEF247F82B55A358");
    assert_eq!(found, [(11, &b"000123"[..]), (52, &block)]);
}

#[test]
fn a_request_of_2003_in_ascii_is_what_its_bytes_say() {
    let wire = b"21003030010000008000\
        000000410000000001500000000000012320260315112233100\
        0004010001EF";
    let message = both_ways(Dialect::iso2003_ascii(), wire);
    let found: Vec<(u8, &[u8])> = message.fields().collect();
    assert_eq!(
        found,
        [
            (3, &b"000000"[..]),
            (4, b"4100000000015000"),
            (11, b"000000000123"),
            (12, b"20260315112233"),
            (24, b"100"),
            (49, b"\x01\x00\x01\xEF"),
        ]
    );
    assert!(!message.describe().to_string().contains("\\u{de}"));
}

/// jPOS, told not to pad: the three digits of the function code stand before a zero.
#[test]
fn a_request_of_2003_is_packed_as_in_the_common_message_format() {
    let wire = hex!(
        "2100 3030010000008001"
        "303030303030 4100000000015000 000000000123 20260315112233 1000"
        "0004 010001EF 01020304"
    );
    let message = both_ways(Dialect::iso2003_bcd(), &wire);
    let found: Vec<(u8, &[u8])> = message.fields().collect();
    assert_eq!(
        found,
        [
            (3, &b"000000"[..]),
            (4, b"4100000000015000"),
            (11, b"000000000123"),
            (12, b"20260315112233"),
            (24, b"100"),
            (49, b"\x01\x00\x01\xEF"),
            (64, b"\x01\x02\x03\x04"),
        ]
    );
}

#[test]
fn a_terminal_speaks_packed_digits_behind_a_tpdu() {
    let wire = hex!("0800 2020010000800000 990000 000123 0003 5445524D30303031");
    let elements = [(3, "990000"), (11, "000123"), (24, "003"), (41, "TERM0001")];
    says(&both_ways(Dialect::pos(), &wire), &elements);
    assert_eq!(Dialect::pos().framing(), Some("binary2+tpdu"));
}

#[test]
fn our_hosts_have_tags_in_de_48_and_never_show_a_secret_of_them() {
    let wire = b"02000020000000010000000123\
        02501008MALL000102007ORD-001";
    let elements = [(11, "000123"), (48, "01008MALL000102007ORD-001")];
    says(&both_ways(Dialect::house(), wire), &elements);
    let field = Dialect::house().field(48).unwrap();
    let Some(Composite::Tagged(tags)) = field.content() else {
        panic!("DE 48 of the house is tagged");
    };
    for (tag, field) in &tags.known {
        let secret = ["03", "05", "09", "10", "15", "16"].contains(&tag.as_str());
        assert_eq!(field.visibility() == Visibility::Never, secret, "{tag}");
    }
    assert_eq!(tags.known.len(), 16);
}

#[test]
fn names_of_dialects_are_unique() {
    let names: BTreeSet<&str> = Dialect::built_in()
        .iter()
        .map(|dialect| dialect.name())
        .collect();
    assert_eq!(names.len(), Dialect::built_in().len());
}

/// Whatever the version, these hold secrets.
#[test]
fn no_dialect_shows_a_track_a_pin_or_a_key() {
    for dialect in Dialect::built_in() {
        for de in [
            14, 34, 35, 36, 44, 45, 48, 52, 53, 55, 62, 63, 64, 96, 102, 103, 127, 128,
        ] {
            let visibility = dialect.field(de).unwrap().visibility();
            assert_eq!(visibility, Visibility::Never, "{} {de}", dialect.name());
        }
        assert_eq!(dialect.field(2).unwrap().visibility(), Visibility::Partly);
    }
}

/// A request in every dialect of its edition: what is echoed of it, and what its answer says.
fn answered(edition: &str, mti: &str, elements: &[(u8, &str)], says: &str, echoed: &[u8]) {
    let mut request = Message::new(mti.parse().unwrap());
    for (de, value) in elements {
        request.set(*de, value.as_bytes());
    }
    let all = Dialect::built_in().iter();
    for dialect in all.filter(|it| it.name().starts_with(edition)) {
        assert_eq!(both_ways(dialect, &encoded(dialect, &request)), request);
        let answer = request.response(ResponseCode::APPROVED).unwrap();
        assert_eq!(both_ways(dialect, &encoded(dialect, &answer)), answer);
        let mut expected: BTreeMap<u8, &[u8]> = echoed
            .iter()
            .map(|de| (*de, request.field(*de).unwrap()))
            .collect();
        expected.insert(39, says.as_bytes());
        assert_eq!(
            answer.fields().collect::<BTreeMap<_, _>>(),
            expected,
            "{mti}"
        );
        if let Some(rules) = dialect.rules() {
            let mut approved = answer.clone();
            approved.set(38, b"123456");
            assert_eq!(rules.check(&request), [], "{mti}");
            assert_eq!(rules.check(&approved), [], "{mti}");
            assert_eq!(rules.check_response(&request, &answer), [], "{mti}");
        }
        let wrong = request.format_error(Some(4)).unwrap();
        both_ways(dialect, &encoded(dialect, &wrong));
    }
}

fn encoded(dialect: &Dialect, message: &Message) -> BytesMut {
    let mut wire = BytesMut::new();
    let written = dialect.encode(message, &mut wire);
    assert_eq!(written, Ok(()), "{} in {}", message.mti(), dialect.name());
    wire
}

/// Card, purpose and merchant, with what the later editions have in the same form.
const PURCHASE: [(u8, &str); 8] = [
    (2, "9999990100000005"),
    (3, "000000"),
    (7, "0315023015"),
    (14, "3012"),
    (26, "5945"),
    (32, "450001"),
    (37, "607411000123"),
    (42, "MERCHANT0000001"),
];

/// Neither the date the card is good from (DE 13) nor any other of the card goes back.
#[test]
fn requests_of_1993_are_answered_in_its_elements() {
    let purchase = [
        &PURCHASE[..],
        &[
            (4, "000000015000"),
            (11, "000123"),
            (12, "260315113015"),
            (13, "2512"),
            (22, "51010151134C"),
            (41, "TERM0001"),
            (49, "410"),
        ],
    ]
    .concat();
    let echoed = [2, 3, 4, 7, 11, 12, 32, 37, 41, 42, 49];
    let sale = [&purchase[..], &[(24, "200")]].concat();
    answered("iso93", "1200", &sale, "000", &echoed);
    let undone = [&purchase[..], &[(24, "400"), (25, "4021")]].concat();
    answered("iso93", "1421", &undone, "400", &echoed);
    let echo = [
        (7, "0315023000"),
        (11, "000123"),
        (12, "260315113015"),
        (24, "831"),
    ];
    answered("iso93", "1804", &echo, "800", &[7, 11, 12]);
}

/// DE 49 verifies the cardholder in this edition: it stays where it came from.
#[test]
fn requests_of_2003_are_answered_in_its_elements() {
    let purchase = [
        &PURCHASE[..],
        &[
            (4, "4100000000015000"),
            (11, "000000000123"),
            (12, "20260315113015"),
            (22, "0123456789ABCDEF"),
            (41, "TERM000100000000"),
            (49, "\u{1}\0\u{3}123"),
        ],
    ]
    .concat();
    let echoed = [2, 3, 4, 7, 11, 12, 32, 37, 41, 42];
    let sale = [&purchase[..], &[(24, "200")]].concat();
    answered("iso2003", "2200", &sale, "0000", &echoed);
    let original = (56, "22000000000001232026031511301506450001");
    let undone = [&purchase[..], &[(24, "400"), (25, "4021"), original]].concat();
    answered("iso2003", "2420", &undone, "4000", &echoed);
    let echo = [
        (7, "0315023000"),
        (11, "000000000123"),
        (12, "20260315113015"),
        (24, "831"),
    ];
    answered("iso2003", "2804", &echo, "8000", &[7, 11, 12]);
}

/// Two data sets of DE 49, the second with a card verification code that nobody gets to see.
#[test]
fn data_sets_of_2003_are_told_apart_and_never_shown() {
    let mut request = Message::new("2200".parse().unwrap());
    request.set(49, b"\x01\0\x02AB\x71\0\x05\x40\x00123");
    for dialect in [Dialect::iso2003_ascii(), Dialect::iso2003_bcd()] {
        let message = both_ways(dialect, &encoded(dialect, &request));
        let set = message.value_at(dialect, &"49.71".parse().unwrap());
        assert_eq!(set.unwrap().unwrap().as_slice(), b"\x40\x00123");
        let shown = message.describe_in(dialect).to_string();
        assert!(shown.contains("71") && !shown.contains("3132"), "{shown}");
        let cut = &encoded(dialect, &request).len() - 1;
        let mut short = request.clone();
        short.set(49, b"\x01\0\x03AB");
        let mut wire = BytesMut::new();
        dialect.encode(&short, &mut wire).unwrap();
        let refused = dialect.decode(&wire).unwrap_err().error;
        assert_eq!(refused.path.to_string(), "DE 49.01");
        assert!(dialect.decode(&encoded(dialect, &request)[..cut]).is_err());
    }
}
