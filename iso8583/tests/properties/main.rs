//! Properties of the codec: what decodes encodes back, garbage is an error and never a panic, and
//! nothing secret is printed. For the dialects that come with the crate, and for random ones.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "test kit: what cannot be made is a failed test"
)]

mod composites;
mod specs;

use bytes::BytesMut;
use iso8583::spec::{
    BitmapForm, Class, Counting, Encoding, Field, Length, Maps, Padding, Prefix, PrefixCoding,
};
use iso8583::{Change, Dialect, Message, Mti};
use proptest::prelude::*;
use proptest::sample::Index;

use specs::{cases, padded, raw};

fn encoded(dialect: &Dialect, message: &Message) -> BytesMut {
    let mut wire = BytesMut::new();
    dialect.encode(message, &mut wire).unwrap();
    wire
}

/// Bytes in which some are others: lengths, maps, digits, hex digits in lower case, anything.
fn mutated(wire: &[u8], changes: &[(Index, Mutation)]) -> Vec<u8> {
    let mut wire = wire.to_vec();
    for (place, mutation) in changes {
        let place = place.index(wire.len());
        wire[place] = match mutation {
            Mutation::Byte(byte) => *byte,
            Mutation::Bit(bit) => wire[place] ^ 1 << bit,
            Mutation::LowerCase => wire[place].to_ascii_lowercase(),
        };
    }
    wire
}

#[derive(Clone, Debug)]
enum Mutation {
    Byte(u8),
    Bit(u8),
    LowerCase,
}

fn mutations() -> impl Strategy<Value = Vec<(Index, Mutation)>> {
    let mutation = prop_oneof![
        any::<u8>().prop_map(Mutation::Byte),
        (0..8_u8).prop_map(Mutation::Bit),
        Just(Mutation::LowerCase),
    ];
    prop::collection::vec((any::<Index>(), mutation), 1..4)
}

fn dialects() -> impl Strategy<Value = &'static Dialect> {
    // Those whose elements are the ones of `messages`.
    let of_1987 = |dialect: &&Dialect| dialect.name().starts_with("iso87");
    prop::sample::select(
        Dialect::built_in()
            .iter()
            .copied()
            .filter(of_1987)
            .collect::<Vec<_>>(),
    )
}

/// A message whose values fit their elements: fixed and variable, digits, text, track, bytes.
fn messages() -> impl Strategy<Value = Message> {
    let elements = (
        prop::option::of("[0-9]{8,19}"),
        prop::option::of("[0-9]{6}"),
        prop::option::of("[0-9]{12}"),
        prop::option::of("[0-9]{1,11}"),
        prop::option::of("[0-9]{8,19}=[0-9]{7,17}"),
        prop::option::of("[A-Z0-9 ]{12}"),
        prop::option::of("[ -~]{40}"),
        prop::option::of("[ -~]{0,999}"),
        prop::option::of(prop::array::uniform8(any::<u8>())),
        prop::option::of("[CD][0-9]{16}"),
        prop::option::of("[0-9]{42}"),
    );
    elements.prop_map(
        |(pan, code, amount, acquirer, track, rrn, name, private, pin, net, orig)| {
            let mut message = Message::new(Mti::FINANCIAL_REQUEST);
            let texts = [
                (2, pan),
                (3, code),
                (4, amount),
                (32, acquirer),
                (35, track),
                (37, rrn),
                (43, name),
                (48, private),
                (97, net),
                (90, orig),
            ];
            for (de, text) in texts {
                if let Some(text) = text {
                    message.set(de, text.as_bytes());
                }
            }
            if let Some(pin) = pin {
                message.set(52, &pin);
            }
            message
        },
    )
}

proptest! {
    #[test]
    fn a_message_comes_back_from_every_dialect(dialect in dialects(), message in messages()) {
        let wire = encoded(dialect, &message);
        prop_assert_eq!(&dialect.decode(&wire).unwrap(), &message);
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(
        dialect in dialects(),
        message in messages(),
        mutations in mutations(),
    ) {
        let wire = mutated(&encoded(dialect, &message), &mutations);
        if let Ok(message) = dialect.decode(&wire) {
            prop_assert_eq!(&encoded(dialect, &message)[..], wire);
        }
    }

    #[test]
    fn garbage_is_an_error_that_names_a_place_in_it(
        dialect in dialects(),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        if let Err(undecodable) = dialect.decode(&bytes) {
            prop_assert!(undecodable.error.offset <= bytes.len(), "{undecodable}");
        }
    }

    #[test]
    fn a_message_cut_short_anywhere_is_an_error(
        dialect in dialects(),
        message in messages(),
        cut in any::<Index>(),
    ) {
        let wire = encoded(dialect, &message);
        let cut = cut.index(wire.len());
        prop_assert!(dialect.decode(wire.get(..cut).unwrap()).is_err());
    }

    #[test]
    fn no_print_shows_more_of_a_card_than_six_and_four_digits(
        pan in "[0-9]{16,19}",
        track in any::<bool>(),
    ) {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message.set(2, pan.as_bytes()).set(48, pan.as_bytes());
        if track {
            message.set(35, format!("{pan}=3012101").as_bytes());
        }
        let printed = format!("{message:?} {} {:?}", message.describe(), message.pan());
        let hidden = pan.get(4..pan.len() - 2).unwrap();
        prop_assert!(!printed.contains(hidden), "{}", printed);
    }
}

/// What random messages found, one in thousands.
#[test]
fn a_length_in_lower_case_and_a_bit_of_no_meaning_stay_as_they_came() {
    let prefix = Prefix {
        digits: 1,
        coding: PrefixCoding::Hex,
        counting: Counting::Bytes,
    };
    let name = Field::new(
        "name",
        Class::Ans,
        Encoding::Ascii,
        Length::up_to(20, prefix),
    );
    let dialect = Dialect::builder("hex lengths")
        .bitmap(BitmapForm::Binary, Maps::Fixed(1))
        .field(2, name.unwrap())
        .build()
        .unwrap();
    for wire in [
        b"0200\x40\0\0\0\0\0\0\x000aABCDEFGHIJ",
        b"0200\xC0\0\0\0\0\0\0\x000AABCDEFGHIJ",
    ] {
        let mut message = dialect.decode(wire).unwrap();
        assert_eq!(&encoded(&dialect, &message)[..], wire);
        message.set(2, b"0123456789");
        assert_eq!(&encoded(&dialect, &message)[12..], b"0A0123456789");
    }
}

proptest! {
    #[test]
    fn a_message_comes_back_from_any_dialect(case in cases()) {
        let wire = encoded(&case.dialect, &case.message);
        prop_assert_eq!(&case.dialect.decode(&wire).unwrap(), &case.message);
        prop_assert!(case.dialect.read(&wire).is_ok());
        let mut buffer = vec![0; wire.len()];
        prop_assert_eq!(case.dialect.encode_into(&case.message, &mut buffer), Ok(wire.len()));
        prop_assert_eq!(&buffer[..], &wire[..]);
    }

    #[test]
    fn what_decodes_in_any_dialect_encodes_to_the_same_bytes(
        case in cases(),
        mutations in mutations(),
    ) {
        let wire = mutated(&encoded(&case.dialect, &case.message), &mutations);
        if let Ok(message) = case.dialect.decode(&wire) {
            prop_assert_eq!(&encoded(&case.dialect, &message)[..], wire);
        }
    }

    /// The swift walk says what the plain one says: it is what `check` goes, value by value.
    #[test]
    fn a_message_read_at_once_is_the_one_indexed_and_checked(
        case in cases(),
        mutations in mutations(),
    ) {
        let wire = mutated(&encoded(&case.dialect, &case.message), &mutations);
        let read = case.dialect.read(&wire);
        let decoded = case.dialect.decode(&wire);
        prop_assert_eq!(read.as_ref().err(), decoded.as_ref().err().map(|it| &it.error));
        if let Ok(view) = case.dialect.index(&wire) {
            let check = view.check();
            let said = |error: iso8583::DecodeError| (error.path, error.kind);
            prop_assert_eq!(check.map_err(said), read.map(drop).map_err(said));
        } else {
            prop_assert!(read.is_err());
        }
    }

    #[test]
    fn a_relayed_message_is_the_decoded_changed_and_encoded_one(
        case in cases(),
        mutations in mutations(),
    ) {
        let clean = encoded(&case.dialect, &case.message);
        for wire in [&clean[..], &mutated(&clean, &mutations)] {
            let Ok(mut message) = case.dialect.decode(wire) else {
                continue;
            };
            for (de, value) in &case.changes {
                match value {
                    Some(value) => message.set(*de, value),
                    None => message.remove(*de),
                };
            }
            let expected = encoded(&case.dialect, &message);
            let changes: Vec<Change<'_>> = case
                .changes
                .iter()
                .map(|(de, value)| (*de, value.as_deref()))
                .collect();
            let view = case.dialect.index(wire).unwrap();
            let mut buffer = vec![0; expected.len()];
            prop_assert_eq!(view.relay(&changes, &mut buffer), Ok(expected.len()));
            prop_assert_eq!(&buffer[..], &expected[..]);
        }
    }

    #[test]
    fn a_scan_for_a_field_finds_what_an_index_finds(case in cases(), place in any::<Index>()) {
        let wire = encoded(&case.dialect, &case.message);
        let present: Vec<u8> = case.message.present().iter().collect();
        prop_assume!(!present.is_empty());
        let de = present[place.index(present.len())];
        let scan = case.dialect.scan(&wire, iso8583::Bitmap::of(&[de])).unwrap();
        let index = case.dialect.index(&wire).unwrap();
        prop_assert_eq!(scan.segment(de), index.segment(de));
        let mut scratch = [0; 1024];
        let revealed = scan.value(de).unwrap().reveal(&mut scratch);
        prop_assert_eq!(revealed.ok(), case.message.field(de));
    }

    #[test]
    fn a_short_value_of_a_padded_field_comes_back_filled((field, short) in padded()) {
        let padding = field.padding().unwrap();
        let dialect = Dialect::builder("padded")
            .bitmap(BitmapForm::Binary, Maps::Fixed(1))
            .field(2, field)
            .build()
            .unwrap();
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message.set(2, &short);
        let wire = encoded(&dialect, &message);
        let filled = dialect.decode(&wire).unwrap();
        let value = filled.field(2).unwrap();
        let rest = match padding {
            Padding::Left(_) => value.strip_suffix(&short[..]),
            Padding::Right(_) => value.strip_prefix(&short[..]),
        };
        prop_assert!(rest.unwrap().iter().all(|filler| *filler == padding.filler()));
        prop_assert_eq!(&encoded(&dialect, &filled)[..], &wire[..]);
    }

    /// Bytes that no encoder of ours made: fillers that are digits, more characters than bytes.
    #[test]
    fn a_field_of_bytes_nobody_encoded_is_refused_or_comes_back((field, wire) in raw()) {
        let dialect = Dialect::builder("raw")
            .bitmap(BitmapForm::Binary, Maps::Fixed(1))
            .field(2, field)
            .build()
            .unwrap();
        let wire = [&b"0200\x40\0\0\0\0\0\0\0"[..], &wire].concat();
        for end in 0..wire.len() {
            if let Ok(message) = dialect.decode(&wire[..=end]) {
                prop_assert_eq!(&encoded(&dialect, &message)[..], &wire[..=end]);
                let masked = encoded(&dialect, &message.masked(&dialect));
                prop_assert!(dialect.index(&masked).is_ok());
            }
        }
    }

    #[test]
    fn garbage_is_an_error_of_any_dialect_that_names_a_place_in_it(
        case in cases(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        if let Err(undecodable) = case.dialect.decode(&bytes) {
            prop_assert!(undecodable.error.offset <= bytes.len(), "{}", undecodable);
        }
    }
}

proptest! {
    #[test]
    fn subfields_of_any_form_come_back_as_they_were_set(case in composites::cases()) {
        let message = case.message();
        prop_assert!(message.is_ok(), "{message:?}");
        let message = message.unwrap();
        for (path, value) in &case.sets {
            let read = message.value_at(&case.dialect, path).unwrap();
            prop_assert_eq!(read.as_ref().map(|read| read.as_slice()), Some(value.as_slice()));
        }
        let wire = encoded(&case.dialect, &message);
        prop_assert_eq!(&case.dialect.decode(&wire).unwrap(), &message);
        prop_assert!(case.dialect.read(&wire).is_ok());
        // What is masked is a message of the dialect's shape still.
        let masked = encoded(&case.dialect, &message.masked(&case.dialect));
        prop_assert!(case.dialect.index(&masked).is_ok());
    }

    #[test]
    fn bytes_of_subfields_that_are_wrong_are_an_error_and_never_a_panic(
        case in composites::cases(),
        mutations in mutations(),
        path in any::<Index>(),
    ) {
        let wire = encoded(&case.dialect, &case.message().unwrap());
        let wire = mutated(&wire, &mutations);
        match case.dialect.decode(&wire) {
            Ok(mut message) => {
                prop_assert_eq!(&encoded(&case.dialect, &message)[..], &wire[..]);
                let _ = message.describe_in(&case.dialect).to_string();
                let _ = message.masked(&case.dialect);
                if !case.sets.is_empty() {
                    let (path, value) = &case.sets[path.index(case.sets.len())];
                    if message.set_at(&case.dialect, path, value).is_ok() {
                        let read = message.value_at(&case.dialect, path).unwrap().unwrap();
                        prop_assert_eq!(read.as_slice(), value.as_slice());
                    }
                    let _ = message.remove_at(&case.dialect, path);
                    let _ = encoded(&case.dialect, &message);
                }
            }
            Err(undecodable) => prop_assert!(undecodable.error.offset <= wire.len()),
        }
    }
}
