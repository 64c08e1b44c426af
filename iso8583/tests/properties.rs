//! Properties of the codec: what decodes encodes back, garbage is an error and never a panic, and
//! nothing secret is printed.

use bytes::BytesMut;
use iso8583::{Dialect, Message, Mti};
use proptest::prelude::*;

fn dialects() -> impl Strategy<Value = &'static Dialect> {
    prop::sample::select(Dialect::built_in().to_vec())
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
        let mut wire = BytesMut::new();
        dialect.encode(&message, &mut wire).unwrap();
        prop_assert_eq!(&dialect.decode(&wire).unwrap(), &message);
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(
        dialect in dialects(),
        message in messages(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut wire = BytesMut::new();
        dialect.encode(&message, &mut wire).unwrap();
        let place = place.index(wire.len());
        if let Some(changed) = wire.get_mut(place) {
            *changed = byte;
        }
        // Hex may come in lower case, and a track's separator as D: those are written our way.
        if let Ok(message) = dialect.decode(&wire) {
            let mut again = BytesMut::new();
            dialect.encode(&message, &mut again).unwrap();
            let ours = |wire: &[u8]| wire.to_ascii_uppercase().iter().map(|byte| {
                if *byte == b'=' { b'D' } else { *byte }
            }).collect::<Vec<u8>>();
            prop_assert_eq!(ours(&again), ours(&wire));
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
