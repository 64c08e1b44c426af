//! Properties of the codec: what decodes encodes back, garbage is an error and never a panic, and
//! nothing secret is printed.

use bytes::BytesMut;
use iso8583::spec::{Class, Field, Length, MtiCoding};
use iso8583::{Dialect, Message, Mti};
use proptest::prelude::*;

fn dialects() -> impl Strategy<Value = &'static Dialect> {
    prop::sample::select(Dialect::built_in().to_vec())
}

/// A dialect, and a message of some of its elements with values that fit.
fn messages() -> impl Strategy<Value = (&'static Dialect, Message)> {
    dialects().prop_flat_map(|dialect| {
        let elements: Vec<(u8, &Field)> = dialect.fields().collect();
        prop::sample::subsequence(elements, 0..=24)
            .prop_flat_map(|some| {
                let value = |(de, field)| value(de, field).prop_map(move |value| (de, value));
                some.into_iter().map(value).collect::<Vec<_>>()
            })
            .prop_map(move |values| {
                let mut message = Message::new(Mti::FINANCIAL_REQUEST);
                for (de, value) in values {
                    message.set(de, &value);
                }
                (dialect, message)
            })
    })
}

fn value(de: u8, field: &Field) -> BoxedStrategy<Vec<u8>> {
    let (least, most) = match field.length() {
        Length::Fixed(length) => (length, length),
        // Longer ones together are above what a frame holds.
        Length::Variable { max, .. } => (1, max.min(400)),
    };
    let text = |pattern: String| {
        let text = prop::string::string_regex(&pattern).unwrap();
        text.prop_map(String::into_bytes).boxed()
    };
    let of = |characters: &str| text(format!("{characters}{{{least},{most}}}"));
    match field.class() {
        Class::B if field.content().is_some() => {
            Just(b"\x9F\x02\x06\x00\x00\x00\x01\x50\x00\x9A\x03\x26\x03\x15".to_vec()).boxed()
        }
        Class::Ans if field.content().is_some() => {
            Just(b"01008MALL000102019ORD-20260315-000077040011".to_vec()).boxed()
        }
        Class::Z if de == 35 => text("[0-9]{8,19}=[0-9]{7,17}".to_owned()),
        Class::N => of("[0-9]"),
        Class::A => of("[A-Za-z ]"),
        Class::As => of("[A-Za-z -/]"),
        Class::Ans => of("[ -~]"),
        Class::Ns => of("[0-9 -/]"),
        Class::An => of("[A-Za-z0-9 ]"),
        Class::Z => of("[0-9=]"),
        Class::Xn => text(format!("[CD][0-9]{{{}}}", most - 1)),
        Class::B => {
            let bytes = usize::from(least)..=usize::from(most);
            prop::collection::vec(any::<u8>(), bytes).boxed()
        }
    }
}

/// Hex may come in lower case, and a track's separator as D: those are written our way.
fn as_ours(dialect: &Dialect, wire: &[u8]) -> Vec<u8> {
    let ebcdic = dialect.mti() == MtiCoding::Ebcdic;
    let ours = |byte: &u8| match byte {
        0x81..=0x86 if ebcdic => byte + 0x40,
        0x7E if ebcdic => 0xC4,
        _ if ebcdic => *byte,
        b'=' => b'D',
        _ => byte.to_ascii_uppercase(),
    };
    wire.iter().map(ours).collect()
}

proptest! {
    #[test]
    fn a_message_comes_back_from_every_dialect((dialect, message) in messages()) {
        let mut wire = BytesMut::new();
        dialect.encode(&message, &mut wire).unwrap();
        prop_assert_eq!(&dialect.decode(&wire).unwrap(), &message);
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(
        (dialect, message) in messages(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut wire = BytesMut::new();
        dialect.encode(&message, &mut wire).unwrap();
        let place = place.index(wire.len());
        if let Some(changed) = wire.get_mut(place) {
            *changed = byte;
        }
        if let Ok(message) = dialect.decode(&wire) {
            let mut again = BytesMut::new();
            dialect.encode(&message, &mut again).unwrap();
            prop_assert_eq!(as_ours(dialect, &again), as_ours(dialect, &wire));
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
        (dialect, message) in messages(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut wire = BytesMut::new();
        dialect.encode(&message, &mut wire).unwrap();
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
