//! Another program's reading of our bytes: Wireshark's dissector of ISO 8583.
//!
//! A capture of messages in ASCII, with the bitmaps and binary elements as hex and as bytes, is
//! given to tshark, which must find the same MTI and the same values and nothing malformed. It has
//! the tables of 1987 with errors of its own: see [`NOT_TOLD`].

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "test kit: what cannot be made is a failed test"
)]

use std::path::Path;
use std::process::Command;

use bytes::BytesMut;
use iso8583::spec::{BitmapForm, Class, Length};
use iso8583::{Dialect, Message, Mti};

/// Elements that are left out, and what tshark has them as.
const NOT_TOLD: [(u8, &str); 7] = [
    (53, "n 8, the standard n 16"),
    (64, "another length than 8 bytes"),
    (
        55,
        "ans: its length counts characters on the wire, ours bytes",
    ),
    (86, "n 15, the standard n 16"),
    (87, "n 15, the standard n 16"),
    (88, "n 15, the standard n 16"),
    (89, "n 15, the standard n 16"),
];

/// Left out as well where binary data are bytes: tshark then has track 2 as packed digits.
const NOT_TOLD_AS_BYTES: u8 = 35;

/// Elements that tshark has as digits only: track 3, file security code (an 2) and response
/// indicator (an 5).
const DIGITS_ONLY: [u8; 3] = [36, 92, 93];

const PORT: u16 = 8583;

#[test]
#[ignore = "needs tshark: `apt-get install tshark`"]
fn wireshark_reads_the_values_we_wrote() {
    for (dialect, binary_data) in [
        (
            Dialect::iso87_ascii(),
            "Bin data represented as Hex Ascii characters",
        ),
        (Dialect::iso87_ascii_binmap(), "Bin data not encoded"),
    ] {
        let mut messages = golden();
        messages.extend(one_of_each(dialect));
        for message in &mut messages {
            for (de, _) in NOT_TOLD {
                message.remove(de);
            }
            if dialect.bitmap().form == BitmapForm::Binary {
                message.remove(NOT_TOLD_AS_BYTES);
            }
        }
        let wires: Vec<_> = messages.iter().map(|it| encoded(dialect, it)).collect();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.pcap", dialect.name()));
        std::fs::write(&file, capture(&wires)).unwrap();
        let packets = dissected(&file, binary_data);
        assert_eq!(packets.len(), messages.len(), "{}", dialect.name());
        for (message, packet) in messages.iter().zip(packets) {
            let name = format!("{} in {}", message.mti(), dialect.name());
            assert_eq!(packet[0], "", "{name} is malformed");
            assert_eq!(packet[1], message.mti().to_string(), "{name}");
            for (de, found) in (2..=128).zip(&packet[2..]) {
                let expected = told(dialect, message, de);
                // Behind the hex digits of bytes tshark prints what it finds: it ends them not.
                let is_bytes = dialect.field(de).is_some_and(|it| it.class() == Class::B);
                let found = match found.get(..expected.len()) {
                    Some(digits) if is_bytes && !expected.is_empty() => digits,
                    _ => found,
                };
                assert!(
                    found.eq_ignore_ascii_case(&expected),
                    "{name} DE {de}: tshark found {found}, we wrote {expected}"
                );
            }
        }
    }
}

/// What tshark says of an element: nothing where there is none, bytes by their hex digits.
fn told(dialect: &Dialect, message: &Message, de: u8) -> String {
    match message.field(de) {
        None => String::new(),
        Some(value) if dialect.field(de).unwrap().class() == Class::B => {
            value.iter().map(|byte| format!("{byte:02x}")).collect()
        }
        Some(value) => String::from_utf8(value.to_vec()).unwrap(),
    }
}

/// The golden messages.
fn golden() -> Vec<Message> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/vectors/golden-messages.json"
    );
    let golden: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let vectors = golden["messages"].as_array().unwrap().iter();
    vectors
        .filter(|vector| vector["profile"] == "ascii")
        .map(|vector| {
            let hex = vector["hex"].as_str().unwrap();
            let (pairs, _) = hex.as_bytes().as_chunks::<2>();
            let wire: Vec<u8> = pairs
                .iter()
                .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect();
            Dialect::iso87_ascii().decode(&wire).unwrap()
        })
        .collect()
}

/// Every element, in messages of eight.
fn one_of_each(dialect: &Dialect) -> Vec<Message> {
    let fields: Vec<_> = dialect.fields().collect();
    fields
        .chunks(8)
        .map(|fields| {
            let mut message = Message::new(Mti::FINANCIAL_REQUEST);
            message.set(11, b"000001");
            for (de, field) in fields {
                let length = match field.length() {
                    Length::Fixed(length) => length,
                    Length::Variable { max, .. } => max.min(30),
                };
                let characters: &[u8] = match field.class() {
                    _ if DIGITS_ONLY.contains(de) => b"1234567890",
                    Class::Xn => b"C0123456789",
                    Class::N | Class::Ns => b"1234567890",
                    Class::Z => b"1234567=",
                    Class::B => &[0xA5, 0x01, 0xFF, 0x7E],
                    _ => b"ABCDEF7GH",
                };
                let (first, rest) = characters.split_at(usize::from(field.class() == Class::Xn));
                let value = first.iter().chain(rest.iter().cycle());
                let value: Vec<u8> = value.take(usize::from(length)).copied().collect();
                message.set(*de, &value);
            }
            message
        })
        .collect()
}

fn encoded(dialect: &Dialect, message: &Message) -> BytesMut {
    let mut wire = BytesMut::new();
    dialect.encode(message, &mut wire).unwrap();
    wire
}

/// A pcap file of one connection (raw IPv4), each message behind two bytes of length.
fn capture(wires: &[BytesMut]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xA1B2_C3D4, 0x0002_0004, 0, 0, 0xFFFF, 101_u32] {
        file.extend(word.to_be_bytes());
    }
    let mut sequence = 1_u32;
    for (second, wire) in (0_u32..).zip(wires) {
        let length = u16::try_from(wire.len()).unwrap();
        let payload = [&length.to_be_bytes()[..], wire].concat();
        let total = 40 + u16::try_from(payload.len()).unwrap();
        let mut packet = vec![0x45, 0];
        packet.extend(total.to_be_bytes());
        // No fragments, 64 hops, TCP, no checksum, from 10.0.0.1 to 10.0.0.2.
        packet.extend([0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend(40_000_u16.to_be_bytes());
        packet.extend(PORT.to_be_bytes());
        packet.extend(sequence.to_be_bytes());
        // Nothing received, header of 20 bytes, PSH and ACK, window, no checksum.
        packet.extend([0, 0, 0, 1, 0x50, 0x18, 4, 0, 0, 0, 0, 0]);
        packet.extend(&payload);
        sequence += u32::try_from(payload.len()).unwrap();
        for word in [second, 0, u32::from(total), u32::from(total)] {
            file.extend(word.to_be_bytes());
        }
        file.extend(packet);
    }
    file
}

/// A line of columns a packet.
fn dissected(file: &Path, binary_data: &str) -> Vec<Vec<String>> {
    let mut tshark = Command::new("tshark");
    tshark
        .arg("-r")
        .arg(file)
        .args(["-d", &format!("tcp.port=={PORT},iso8583")])
        .args(["-o", "iso8583.len_endian:Big endian"])
        .args([
            "-o",
            "iso8583.charset:Digits represented as ASCII Characters",
        ])
        .args(["-o", &format!("iso8583.binencode:{binary_data}")])
        .args(["-T", "fields", "-E", "separator=/t", "-e", "_ws.malformed"])
        .args(["-e", "iso8583.mti"]);
    for de in 2..=128 {
        tshark.args(["-e", &format!("iso8583.bit{de}")]);
    }
    let output = tshark
        .output()
        .unwrap_or_else(|error| panic!("tshark: {error}: `apt-get install tshark`"));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}");
    let columns = |line: &str| line.split('\t').map(str::to_owned).collect();
    told.lines().map(columns).collect()
}
