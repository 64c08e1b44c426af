//! The published vectors: golden messages in three dialects, Luhn, PIN blocks, key check values.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test kit: a broken vector stops the test"
)]

use bytes::BytesMut;
use iso8583::crypto::{ClearPin, EncryptedPinBlock, TdesKey};
use iso8583::element::passes_luhn;
use iso8583::frame::{FrameError, Framer, LengthHeader};
use iso8583::{Dialect, Message};
use serde_json::Value;

fn vectors(file: &str) -> Value {
    let path = format!("{}/../tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} in {value}"))
}

#[test]
fn all_33_golden_messages_decode_to_their_fields_and_encode_back_byte_for_byte() {
    let golden = vectors("golden-messages.json");
    let messages = golden["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 33);
    for vector in messages {
        let name = format!("{} in {}", text(vector, "name"), text(vector, "profile"));
        let dialect = match text(vector, "profile") {
            "ascii" => Dialect::iso87_ascii(),
            "ascii_binmap" => Dialect::iso87_ascii_binmap(),
            "bcd" => Dialect::iso87_bcd(),
            other => panic!("profile {other}"),
        };
        let wire = unhex(text(vector, "hex"));
        let message = dialect
            .decode(&wire)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(message.mti().to_string(), text(vector, "mti"), "{name}");
        assert_eq!(fields(&message), expected_fields(vector), "{name}");

        let mut encoded = BytesMut::new();
        dialect
            .encode(&message, &mut encoded)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(encoded, wire, "{name}");

        let mut framed = BytesMut::new();
        Framer::new(LengthHeader::Binary2, false, 8192)
            .encode::<FrameError>(None, &mut framed, |out| {
                out.extend_from_slice(&encoded);
                Ok(())
            })
            .unwrap();
        assert_eq!(
            framed,
            unhex(text(vector, "frame_2byte_be_exclusive")),
            "{name}"
        );
    }
}

fn fields(message: &Message) -> Vec<(u8, Vec<u8>)> {
    message
        .fields()
        .map(|(de, value)| (de, value.to_vec()))
        .collect()
}

/// Binary elements stand in the vectors as hex.
fn expected_fields(vector: &Value) -> Vec<(u8, Vec<u8>)> {
    let mut fields: Vec<(u8, Vec<u8>)> = vector["fields"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(de, value)| {
            let (de, value) = (de.parse().unwrap(), value.as_str().unwrap());
            let binary = matches!(de, 52 | 64 | 128);
            (
                de,
                if binary {
                    unhex(value)
                } else {
                    value.as_bytes().to_vec()
                },
            )
        })
        .collect();
    fields.sort();
    fields
}

#[test]
fn a_message_of_one_dialect_encodes_to_the_same_message_of_another() {
    let golden = vectors("golden-messages.json");
    let messages = golden["messages"].as_array().unwrap();
    for from in messages {
        for to in messages.iter().filter(|to| to["name"] == from["name"]) {
            let dialect = |vector| match text(vector, "profile") {
                "ascii" => Dialect::iso87_ascii(),
                "ascii_binmap" => Dialect::iso87_ascii_binmap(),
                _ => Dialect::iso87_bcd(),
            };
            // A MAC covers the wire image: it is another one in each dialect.
            if from["fields"].get("64").is_some() && from["profile"] != to["profile"] {
                continue;
            }
            let message = dialect(from).decode(&unhex(text(from, "hex"))).unwrap();
            let mut wire = BytesMut::new();
            dialect(to).encode(&message, &mut wire).unwrap();
            assert_eq!(
                wire,
                unhex(text(to, "hex")),
                "{} to {}",
                from["name"],
                to["profile"]
            );
        }
    }
}

fn each_of(kind: &str, mut check: impl FnMut(&Value, &Value)) -> usize {
    let crypto = vectors("crypto.json");
    let of_kind: Vec<&Value> = crypto["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|v| v["kind"] == kind)
        .collect();
    for vector in &of_kind {
        check(&vector["inputs"], &vector["expected"]);
    }
    of_kind.len()
}

#[test]
fn luhn_vectors() {
    let checked = each_of("luhn", |inputs, expected| {
        let pan = text(inputs, "pan");
        assert_eq!(
            passes_luhn(pan.as_bytes()),
            expected.as_bool().unwrap(),
            "{pan}"
        );
    });
    assert!(checked > 10, "{checked}");
}

#[test]
fn pin_block_vectors() {
    let key: TdesKey = "0123456789ABCDEFFEDCBA9876543210".parse().unwrap();
    let checked = each_of("pinblock_iso0_clear", |inputs, expected| {
        let pan = text(inputs, "pan").parse().unwrap();
        let pin: ClearPin = text(inputs, "pin").parse().unwrap();
        let block = pin.encrypt(&pan, &key);
        let clear = key.decrypt(*block.as_bytes());
        assert_eq!(
            clear.to_vec(),
            unhex(expected.as_str().unwrap()),
            "{inputs}"
        );
        assert_eq!(block.decrypt(&pan, &key).unwrap().reveal(), pin.reveal());
    });
    assert!(checked > 5, "{checked}");

    let zone = |inputs: &Value, key: &str| text(inputs, key).parse::<TdesKey>().unwrap();
    let checked = each_of("tdes_ecb_encrypt_pinblock", |inputs, expected| {
        let pan = text(inputs, "pan").parse().unwrap();
        let block = text(inputs, "pin")
            .parse::<ClearPin>()
            .unwrap()
            .encrypt(&pan, &zone(inputs, "zpk"));
        assert_eq!(block.as_bytes().to_vec(), unhex(expected.as_str().unwrap()));
    });
    assert_eq!(checked, 1);
    let checked = each_of("pin_translate_zpk_to_zpk", |inputs, expected| {
        let pan = text(inputs, "pan").parse().unwrap();
        let block =
            EncryptedPinBlock::try_from(unhex(text(inputs, "block_in")).as_slice()).unwrap();
        let pin = block.decrypt(&pan, &zone(inputs, "zpk_in")).unwrap();
        let block = pin.encrypt(&pan, &zone(inputs, "zpk_out"));
        assert_eq!(block.as_bytes().to_vec(), unhex(expected.as_str().unwrap()));
    });
    assert_eq!(checked, 1);
    let checked = each_of("pinblock_iso0_pad_check", |inputs, _| {
        let pan = text(inputs, "pan_used").parse().unwrap();
        let clear: [u8; 8] = unhex(text(inputs, "block")).try_into().unwrap();
        let block = EncryptedPinBlock::try_from(&key.encrypt(clear)[..]).unwrap();
        assert!(block.decrypt(&pan, &key).is_err());
    });
    assert_eq!(checked, 1);
}

#[test]
fn key_check_value_vectors() {
    let checked = each_of("kcv_tdes_zero", |inputs, expected| {
        // Single-length keys are double-length ones with equal halves.
        let key = text(inputs, "key");
        let double = if key.len() == 16 {
            key.repeat(2)
        } else {
            key.to_owned()
        };
        if let Ok(key) = double.parse::<TdesKey>() {
            assert_eq!(
                key.check_value().to_vec(),
                unhex(expected.as_str().unwrap()),
                "{inputs}"
            );
        }
    });
    assert!(checked > 1, "{checked}");
}
