//! What promises to allocate nothing allocates nothing.
//!
//! A dialect keeps what it works out of a set of fields when it first meets it, up to a bound: each
//! message here is of a set met before. The counting allocator counts by thread: tests may run side
//! by side.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test kit: a broken vector stops the test"
)]

use allocation_counter::measure;
use bytes::BytesMut;
use iso8583::composite::{Ber, Composite, Unknown};
use iso8583::spec::{
    Align, Class, Counting, Encoding, Field, Length, Maps, Padding, Prefix, PrefixCoding,
};
use iso8583::{Bitmap, Dialect, Message, Mti};

/// The golden messages, each in every built-in dialect.
fn wires() -> Vec<(&'static Dialect, String, Message, Vec<u8>)> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/vectors/golden-messages.json"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut wires = Vec::new();
    for vector in golden["messages"].as_array().unwrap() {
        if vector["profile"] != "ascii" {
            continue;
        }
        let wire = unhex(vector["hex"].as_str().unwrap());
        let message = Dialect::iso87_ascii().decode(&wire).unwrap();
        for dialect in Dialect::built_in() {
            let mut wire = BytesMut::new();
            // The tables of other years have other elements under the same numbers.
            if dialect.encode(&message, &mut wire).is_ok() {
                let name = format!("{} in {}", vector["name"], dialect.name());
                wires.push((
                    *dialect,
                    name,
                    dialect.decode(&wire).unwrap(),
                    wire.to_vec(),
                ));
            }
        }
    }
    for dialect in ["iso87-ascii", "iso87-ascii-binmap", "iso87-bcd"] {
        let in_it = wires.iter().filter(|(it, ..)| it.name() == dialect);
        assert_eq!(in_it.count(), 11, "golden messages in {dialect}");
    }
    wires
}

fn unhex(hex: &str) -> Vec<u8> {
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    pairs
        .iter()
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Runs something and fails where it took memory from the heap.
#[track_caller]
fn assert_allocates_nothing(name: &str, run: impl FnOnce()) {
    let taken = measure(run);
    assert_eq!(
        (taken.count_total, taken.bytes_total),
        (0, 0),
        "{name}: allocations, bytes"
    );
}

#[test]
fn the_counter_counts() {
    let taken = measure(|| drop(std::hint::black_box(vec![0_u8; 100])));
    assert_eq!((taken.count_total, taken.bytes_total), (1, 100));
}

#[test]
fn walking_over_a_message_allocates_nothing() {
    for (dialect, name, _, wire) in wires() {
        for (how, wanted) in [
            ("for routing", Bitmap::of(&[3, 11, 41])),
            ("of none", Bitmap::EMPTY),
        ] {
            assert_allocates_nothing(&format!("scan {how}: {name}"), || {
                dialect.scan(&wire, wanted).unwrap();
            });
        }
        assert_allocates_nothing(&format!("index: {name}"), || {
            dialect.index(&wire).unwrap();
        });
        assert_allocates_nothing(&format!("read: {name}"), || {
            dialect.read(&wire).unwrap();
        });
        let view = dialect.index(&wire).unwrap();
        assert_allocates_nothing(&format!("check: {name}"), || view.check().unwrap());
    }
}

#[test]
fn looking_at_values_allocates_nothing() {
    for (dialect, name, message, wire) in wires() {
        let view = dialect.index(&wire).unwrap();
        let mut scratch = [0; 1024];
        assert_allocates_nothing(&name, || {
            for (de, value) in view.values() {
                let revealed = value.reveal(&mut scratch).unwrap();
                assert_eq!(Some(revealed), message.field(de));
                std::hint::black_box(value.number());
            }
        });
        let pan = message.pan().unwrap();
        assert_allocates_nothing(&format!("card number: {name}"), || {
            assert!(view.pan().unwrap() == pan);
        });
    }
}

#[test]
fn writing_a_message_into_a_buffer_allocates_nothing() {
    for (dialect, name, message, wire) in wires() {
        let mut buffer = [0; 2048];
        assert_allocates_nothing(&name, || {
            let len = dialect.encode_into(&message, &mut buffer).unwrap();
            assert_eq!(buffer[..len], wire);
        });
        assert_allocates_nothing(&format!("no room: {name}"), || {
            assert!(dialect.encode_into(&message, &mut buffer[..9]).is_err());
        });
    }
}

#[test]
fn a_message_made_of_anothers_bytes_allocates_nothing() {
    for (dialect, name, _, wire) in wires() {
        let view = dialect.index(&wire).unwrap();
        let mut buffer = [0; 2048];
        let changes: [(u8, Option<&[u8]>); 2] = [(11, Some(b"000077")), (52, None)];
        assert_allocates_nothing(&format!("relay: {name}"), || {
            view.relay(&changes, &mut buffer).unwrap();
        });
        let len = view.relay(&changes, &mut buffer).unwrap();
        let relayed = dialect.index(&buffer[..len]).unwrap();
        assert_eq!(relayed.value(11).unwrap().number(), Some(77));
        assert!(!relayed.has(52));
        let mti = view.mti().response().unwrap_or(Mti::FINANCIAL_REQUEST);
        let keep = Bitmap::of(&[3, 4, 7, 11, 12, 13, 37, 41, 42, 49]);
        // Two characters in 1987, three after.
        let code = dialect
            .field(39)
            .map_or(2, |field| usize::from(field.length().max()));
        let changes: [(u8, Option<&[u8]>); 1] = [(39, b"000".get(..code))];
        assert_allocates_nothing(&format!("answer: {name}"), || {
            view.rewrite(mti, keep, &changes, &mut buffer).unwrap();
        });
        let len = view.rewrite(mti, keep, &changes, &mut buffer).unwrap();
        let answer = dialect.index(&buffer[..len]).unwrap();
        assert_eq!(answer.mti(), mti);
    }
}

/// Packed digits at either end, packed tracks, EBCDIC, Korean and hex: none is read by way of the
/// heap.
#[test]
fn uncommon_encodings_allocate_nothing_either() {
    let field = |class, encoding, length| Field::new("any", class, encoding, length).unwrap();
    let packed = |align, fill| Encoding::Bcd { align, fill };
    let page = iso8583::spec::CodePage::Cp037;
    let bcd = |max| Length::up_to(max, Prefix::bcd(2, Counting::Characters));
    let dialect = Dialect::builder("uncommon")
        .bitmap(iso8583::spec::BitmapForm::EbcdicHex, Maps::Fixed(2))
        .mti(iso8583::spec::MtiCoding::Ebcdic)
        .field(2, field(Class::N, packed(Align::Left, 0xF), bcd(19)))
        .field(
            4,
            field(Class::N, packed(Align::Right, 0), Length::Fixed(11)),
        )
        .field(
            28,
            field(Class::Xn, packed(Align::Right, 0), Length::Fixed(9)),
        )
        .field(35, field(Class::Z, packed(Align::Left, 0), bcd(37)))
        .field(
            41,
            field(Class::Ans, Encoding::Ebcdic(page), Length::Fixed(8)),
        )
        .field(
            43,
            field(
                Class::Ans,
                Encoding::EucKr,
                Length::up_to(40, Prefix::ascii(3, Counting::Bytes)),
            ),
        )
        .field(52, field(Class::B, Encoding::EbcdicHex, Length::Fixed(8)))
        .build()
        .unwrap();
    let mut message = Message::new(Mti::FINANCIAL_REQUEST);
    message
        .set(2, b"9999990100000000005")
        .set(4, b"00000015000")
        .set(28, b"C00000100")
        .set(35, b"9999990100000005=30121010000000000000")
        .set(41, b"TERM0001")
        .set(43, "서울 카페".as_bytes())
        .set(52, &[0xA5; 8]);
    let mut buffer = [0; 512];
    let mut scratch = [0; 512];
    let len = dialect.encode_into(&message, &mut buffer).unwrap();
    dialect.read(&buffer[..len]).unwrap();
    assert_allocates_nothing("uncommon encodings", || {
        let len = dialect.encode_into(&message, &mut buffer).unwrap();
        let view = dialect.read(&buffer[..len]).unwrap();
        for (de, value) in view.values() {
            assert_eq!(value.reveal(&mut scratch).ok(), message.field(de));
        }
        assert!(view.pan().unwrap().is_some());
    });
}

/// Packed, EBCDIC and hex subfields, by tag and by position, in one another and in hex themselves.
#[test]
fn subfields_in_encodings_of_their_own_allocate_nothing() {
    let field = |class, encoding, length| Field::new("any", class, encoding, length).unwrap();
    let byte = |max| {
        let prefix = Prefix {
            digits: 1,
            coding: PrefixCoding::Binary,
            counting: Counting::Bytes,
        };
        Length::up_to(max, prefix)
    };
    let ebcdic = Encoding::Ebcdic(iso8583::spec::CodePage::Cp1047);
    let parts = Composite::Positional(vec![
        field(Class::N, Encoding::BCD, Length::Fixed(5)),
        field(Class::Ans, ebcdic, byte(20)),
        field(Class::B, Encoding::EbcdicHex, byte(20)),
    ]);
    let inner = field(Class::B, Encoding::Hex, byte(60))
        .composed(parts)
        .unwrap();
    let chip = Composite::Ber(Ber {
        known: [("DF01".to_owned(), inner)].into(),
        unknown: Unknown::Refuse,
    });
    let outer = field(Class::B, Encoding::Hex, byte(200))
        .composed(chip)
        .unwrap();
    let dialect = Dialect::builder("composed")
        .field(55, outer)
        .build()
        .unwrap();
    let mut message = Message::new(Mti::FINANCIAL_REQUEST);
    for (path, value) in [
        ("55.DF01.1", &b"12345"[..]),
        ("55.DF01.2", b"TOYLAND"),
        ("55.DF01.3", &[0xA5; 8]),
    ] {
        let path = path.parse().unwrap();
        message.set_at(&dialect, &path, value).unwrap();
    }
    let mut wire = BytesMut::new();
    dialect.encode(&message, &mut wire).unwrap();
    assert_eq!(dialect.decode(&wire).unwrap(), message);
    assert_allocates_nothing("subfields", || {
        dialect.read(&wire).unwrap();
    });
}

/// The one exception that is documented: a value shorter than its field is filled in memory that
/// is wiped.
#[test]
fn only_padding_allocates() {
    let blanks = Field::new("name", Class::Ans, Encoding::Ascii, Length::Fixed(8))
        .and_then(|field| field.padded(Padding::Right(b' ')))
        .unwrap();
    let dialect = Dialect::builder("padded")
        .field(41, blanks)
        .build()
        .unwrap();
    let mut buffer = [0; 64];
    for (value, allocations) in [("TERM0001", 0), ("TERM", 1)] {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message.set(41, value.as_bytes());
        let taken = measure(|| {
            dialect.encode_into(&message, &mut buffer).unwrap();
        });
        assert_eq!(taken.count_total, allocations, "{value}");
    }
}

/// Sets of fields that a stranger makes up fill a table of fixed size, and then cost nothing.
#[test]
fn sets_of_fields_are_remembered_up_to_a_bound() {
    let digits = Field::new("any", Class::N, Encoding::Ascii, Length::Fixed(1)).unwrap();
    let mut builder = Dialect::builder("sets");
    for de in 2..=64 {
        builder = builder.field(de, digits.clone());
    }
    let dialect = builder.build().unwrap();
    let taken = measure(|| {
        for set in 1..20_000_u64 {
            read_set(&dialect, set << 20);
        }
    });
    assert!((1..=1 << 20).contains(&taken.bytes_current), "{taken:?}");
    assert_allocates_nothing("sets not remembered", || {
        for set in 20_000..30_000_u64 {
            read_set(&dialect, set << 20);
        }
    });
}

/// A message of these fields, of a digit each.
fn read_set(dialect: &Dialect, set: u64) {
    let mut wire = [b'0'; 80];
    wire[1] = b'8';
    wire[4..12].copy_from_slice(&set.to_be_bytes());
    let count = usize::try_from(set.count_ones()).unwrap();
    dialect.read(&wire[..12 + count]).unwrap();
}
