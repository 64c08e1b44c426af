//! Messages of other implementations, byte for byte: what theirs wrote, ours reads and writes the
//! same; what is malformed is refused, with the element that is.
//!
//! The vectors come from the test suites and articles named in `tests/vectors/real-messages.jsonl`,
//! with values that a second implementation has read as well.
//!
//! - `families.rs`: the dialect of each family of vectors
//! - `subfields.rs`: dialects of one composite field

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test kit: a broken vector stops the test"
)]

mod families;
mod subfields;

use std::collections::BTreeMap;

use bytes::BytesMut;
use iso8583::frame::{FrameError, Framer, Header};
use iso8583::spec::{Class, Encoding, Field};
use iso8583::{DecodeErrorKind, Dialect, Message, Path};
use serde_json::Value as Json;

use families::Family;

/// Vectors of one field instead of a message: `subfields.rs` has them.
const ONE_FIELD: &str = "FIELD ONLY";

/// Elements that a vector has, but does not list.
const UNLISTED: [(&str, u8); 2] = [("jpos-iso93-ebcdic-1100", 55), ("jpos-postilion-0620", 127)];

struct Vector {
    name: String,
    family: String,
    raw: Vec<u8>,
    json: Json,
}

impl Vector {
    fn all() -> Vec<Self> {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/vectors/real-messages.jsonl"
        );
        let text = std::fs::read_to_string(path).unwrap();
        let vectors = text.lines().map(|line| {
            let json: Json = serde_json::from_str(line).unwrap();
            let text = |key: &str| json[key].as_str().unwrap().to_owned();
            Self {
                name: text("name"),
                family: text("family"),
                raw: unhex(&text("raw_hex")),
                json,
            }
        });
        vectors.collect()
    }

    fn is_message(&self) -> bool {
        !self.family.starts_with(ONE_FIELD)
    }

    /// The element and the words with which it is refused; None where it is well-formed.
    fn refusal(&self) -> Option<(&str, &str)> {
        let error = self.json.get("error")?;
        Some((error["field"].as_str()?, error["kind"].as_str()?))
    }

    fn listed(&self) -> BTreeMap<u8, &str> {
        let fields = self.json["fields"].as_object().unwrap();
        fields
            .iter()
            .map(|(de, value)| (de.parse().unwrap(), value.as_str().unwrap()))
            .collect()
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "an odd number of hex digits");
    pairs
        .iter()
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A value as the vectors list it, in canonical form.
fn canonical(field: &Field, listed: &str) -> Vec<u8> {
    match (field.encoding(), field.class()) {
        (_, Class::B) => unhex(listed),
        (Encoding::Bcd { .. }, Class::Z) => listed.replace(['D', 'd'], "=").into_bytes(),
        // The sign is listed by the hex of its byte.
        (Encoding::Bcd { .. }, Class::Xn) => {
            let (sign, digits) = listed.split_at(2);
            [&unhex(sign), digits.as_bytes()].concat()
        }
        _ => listed.as_bytes().to_vec(),
    }
}

/// The message of a vector, out of the frame it may stand in.
fn unframed(family: &Family, name: &str, raw: &[u8]) -> Vec<u8> {
    let Some(framing) = family.framing else {
        return raw.to_vec();
    };
    let framer = Framer::of(framing, 9999);
    let mut stream = BytesMut::from(raw);
    let frame = framer.decode(&mut stream).unwrap().unwrap();
    assert!(stream.is_empty(), "{name}: bytes behind the frame");

    let tpdu = frame.header().and_then(Header::tpdu);
    let mut again = BytesMut::new();
    framer
        .encode::<FrameError>(tpdu, &mut again, |out| {
            out.extend_from_slice(&frame.body);
            Ok(())
        })
        .unwrap();
    assert_eq!(again, raw, "{name}: the frame");
    frame.body.to_vec()
}

#[test]
fn there_are_73_vectors_and_every_family_has_a_dialect() {
    let vectors = Vector::all();
    assert_eq!(vectors.len(), 73);
    let refused = vectors.iter().filter(|it| it.refusal().is_some()).count();
    let fields = vectors.iter().filter(|it| !it.is_message()).count();
    assert_eq!((refused, fields), (17, 5), "malformed, of one field");
    for vector in vectors.iter().filter(|it| it.is_message()) {
        Family::of(&vector.family, &vector.name);
    }
}

#[test]
fn well_formed_messages_decode_to_the_listed_values() {
    let mut checked = 0;
    for vector in Vector::all() {
        if !vector.is_message() || vector.refusal().is_some() {
            continue;
        }
        let name = &vector.name;
        let family = Family::of(&vector.family, name);
        let wire = unframed(&family, name, &vector.raw);
        let message = decode(&family.dialect, name, &wire);
        assert_eq!(message.mti().to_string(), vector.json["mti"], "{name}");
        let listed = vector.listed();
        for (de, listed) in &listed {
            let expected = canonical(family.dialect.field(*de).unwrap(), listed);
            assert_eq!(message.field(*de), Some(&*expected), "{name} DE {de}");
        }
        let unlisted = message
            .fields()
            .filter(|(de, _)| !listed.contains_key(de))
            .map(|(de, _)| (&**name, de));
        assert!(
            unlisted.eq(UNLISTED.into_iter().filter(|(of, _)| of == name)),
            "{name}"
        );
        checked += 1;
    }
    assert_eq!(checked, 51);
}

fn decode(dialect: &Dialect, name: &str, wire: &[u8]) -> Message {
    dialect
        .decode(wire)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn well_formed_messages_are_written_and_relayed_byte_for_byte() {
    for vector in Vector::all() {
        if !vector.is_message() || vector.refusal().is_some() {
            continue;
        }
        let name = &vector.name;
        let family = Family::of(&vector.family, name);
        let wire = unframed(&family, name, &vector.raw);
        let message = decode(&family.dialect, name, &wire);
        let mut written = BytesMut::new();
        family.dialect.encode(&message, &mut written).unwrap();
        assert_eq!(written, wire, "{name}: decoded and encoded");

        let view = family.dialect.index(&wire).unwrap();
        assert_eq!(view.check(), Ok(()), "{name}");
        let mut buffer = [0; 2048];
        let len = view.relay(&[], &mut buffer).unwrap();
        assert_eq!(&buffer[..len], wire, "{name}: relayed");
        // Every field in the bytes that our own tables give it, not those it came in.
        let mut anew = Message::new(message.mti());
        for (de, value) in message.fields() {
            anew.set(de, value);
        }
        let len = family.dialect.encode_into(&anew, &mut buffer).unwrap();
        assert_eq!(
            decode(&family.dialect, name, &buffer[..len]),
            anew,
            "{name}: anew"
        );
    }
}

/// What is refused: the vector, the element by its path, the first byte of it, the kind.
fn refusals() -> Vec<(&'static str, Path, usize, DecodeErrorKind)> {
    let truncated = |expected, found| DecodeErrorKind::Truncated { expected, found };
    let digit = |position| DecodeErrorKind::Class {
        position,
        class: "n",
    };
    let sub = |name: &str| Path::Subfield(3, name.to_owned());
    vec![
        (
            "moov-err-truncated-120",
            Path::Field(120),
            267,
            truncated(17, 16),
        ),
        ("moov-err-short-mti", Path::Mti, 0, truncated(4, 2)),
        ("moov-err-subfield", sub("2"), 30, digit(2)),
        ("moov-err-nested-subfield", sub("2.2"), 30, digit(6)),
        ("i8583-err-0800", Path::Field(128), 36, truncated(16, 0)),
        ("pyiso-err-mti-short", Path::Mti, 0, truncated(4, 2)),
        ("pyiso-err-empty", Path::Mti, 0, truncated(4, 0)),
        (
            "j8583-err-short-secondary",
            Path::Bitmap,
            4,
            truncated(16, 0),
        ),
        ("j8583-err-no-fields", Path::Field(3), 36, truncated(6, 0)),
        (
            "j8583-err-var-header-cut",
            Path::Field(32),
            88,
            truncated(2, 1),
        ),
        (
            "j8583-err-var-data-cut",
            Path::Field(32),
            88,
            truncated(5, 4),
        ),
        ("j8583-err-b-no-fields", Path::Field(3), 18, truncated(3, 0)),
        ("j8583-err-b-fixed-cut", Path::Field(3), 18, truncated(3, 2)),
        ("edge-alpha-amount", Path::Field(4), 20, digit(1)),
        (
            "edge-plus-length",
            Path::Field(2),
            20,
            DecodeErrorKind::LengthNotDecimal,
        ),
        ("edge-bad-mti", Path::Mti, 0, digit(1)),
        ("edge-cut-in-length", Path::Field(2), 20, truncated(2, 1)),
    ]
}

/// The path as the vectors write it.
fn number_of(path: &Path) -> String {
    match path {
        Path::Mti => "0".to_owned(),
        Path::Bitmap => "1".to_owned(),
        Path::Field(de) => de.to_string(),
        Path::Subfield(de, sub) => format!("{de}.{sub}"),
        Path::End => panic!("no vector ends with bytes left over"),
    }
}

#[test]
fn malformed_messages_are_refused_at_the_element_that_is() {
    assert_eq!(refuse(is_whole), 15);
}

#[test]
fn malformed_subfields_are_refused_at_the_subfield_that_is() {
    assert_eq!(refuse(|path| !is_whole(path)), 2);
}

fn is_whole(path: &Path) -> bool {
    !matches!(path, Path::Subfield(..))
}

/// Has every vector refused that is malformed in such an element; how many there are.
fn refuse(at: impl Fn(&Path) -> bool) -> usize {
    let refusals = refusals();
    let mut checked = 0;
    for vector in Vector::all() {
        let Some((field, words)) = vector.refusal() else {
            continue;
        };
        let name = &vector.name;
        let known = refusals.iter().find(|(of, ..)| of == name);
        let (_, path, offset, kind) = known.unwrap_or_else(|| panic!("{name}: {words}"));
        assert_eq!(number_of(path), field, "{name}");
        if !at(path) {
            continue;
        }
        let dialect = Family::of(&vector.family, name).dialect;
        let refused = dialect.decode(&vector.raw).unwrap_err();
        assert_eq!(&refused.error.path, path, "{name}: {words}");
        assert_eq!(&refused.error.kind, kind, "{name}: {words}");
        assert_eq!(refused.error.offset, *offset, "{name}: {words}");
        assert_eq!(
            dialect.read(&vector.raw).unwrap_err(),
            refused.error,
            "{name}"
        );
        checked += 1;
    }
    checked
}

#[test]
fn what_stands_before_the_fault_stays_readable() {
    for vector in Vector::all() {
        if vector.name != "moov-err-truncated-120" {
            continue;
        }
        let dialect = Family::of(&vector.family, &vector.name).dialect;
        let partial = dialect.decode(&vector.raw).unwrap_err().partial.unwrap();
        assert_eq!(partial.text(2), Some("4276555555555555"));
        assert_eq!(partial.text(49), Some("643"));
        assert_eq!(partial.field(55).map(<[u8]>::len), Some(23));
        assert!(!partial.has(120));
        return;
    }
    panic!("no such vector");
}
