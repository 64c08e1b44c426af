//! The golden purchase, and variations of it.

use anyhow::Context;
use iso8583::{Dialect, Message};

const VECTORS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/vectors/golden-messages.json"
);

/// The dialects the purchase can be written in: those of 1987.
pub fn dialects() -> impl Iterator<Item = &'static Dialect> {
    let all = Dialect::built_in().iter().copied();
    all.filter(|dialect| dialect.name().starts_with("iso87-"))
}

/// The golden 0200: 18 data elements, 242 bytes in ASCII.
///
/// # Errors
/// Where the vectors cannot be read.
pub fn purchase() -> anyhow::Result<Message> {
    let text = std::fs::read_to_string(VECTORS).context(VECTORS)?;
    let vectors: serde_json::Value = serde_json::from_str(&text).context(VECTORS)?;
    let hex = vectors
        .get("messages")
        .and_then(|messages| messages.as_array())
        .and_then(|messages| {
            messages.iter().find(|message| {
                has(message, "name", "purchase_0200") && has(message, "profile", "ascii")
            })
        })
        .and_then(|message| message.get("hex")?.as_str())
        .context("no purchase_0200 in ascii among the vectors")?;
    Ok(Dialect::iso87_ascii().decode(&unhex(hex)?)?)
}

/// 256 purchases whose variable elements differ in length and which lack some of the others, so
/// that no branch predictor learns one message by heart.
///
/// # Errors
/// Where the vectors cannot be read.
pub fn varied() -> anyhow::Result<Vec<Message>> {
    let golden = purchase()?;
    Ok((0..=u8::MAX).map(|number| vary(&golden, number)).collect())
}

/// DE 2 has 13 to 19 digits, DE 32 1 to 11, DE 48 0 to 250 characters; five elements come and go.
fn vary(golden: &Message, number: u8) -> Message {
    let mut message = golden.clone();
    // Neighbours in the list differ in all of it.
    let mixed = usize::from(number.wrapping_mul(167).rotate_left(3));
    let digits = "9999990100000005123"
        .get(..13 + mixed % 7)
        .unwrap_or_default();
    message.set(2, digits.as_bytes());
    message.set(
        32,
        "45000112345"
            .get(..1 + mixed % 11)
            .unwrap_or_default()
            .as_bytes(),
    );
    let text = "x".repeat(mixed * 251 % 247);
    message.set(48, format!("01{:03}{text}", text.len()).as_bytes());
    for (bit, de) in [14, 18, 25, 43, 48].into_iter().enumerate() {
        if mixed >> bit & 1 == 1 {
            message.remove(de);
        }
    }
    message
}

fn has(message: &serde_json::Value, name: &str, value: &str) -> bool {
    message.get(name).and_then(|found| found.as_str()) == Some(value)
}

fn unhex(hex: &str) -> anyhow::Result<Vec<u8>> {
    (0..hex.len())
        .step_by(2)
        .map(|at| {
            let pair = hex.get(at..at + 2).context("half a byte of hex")?;
            Ok(u8::from_str_radix(pair, 16)?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_256_are_different_and_can_be_written_in_each_dialect() {
        let messages = varied().unwrap();
        for dialect in dialects() {
            let mut wires: Vec<Vec<u8>> = messages
                .iter()
                .map(|message| {
                    let mut wire = bytes::BytesMut::new();
                    dialect.encode(message, &mut wire).unwrap();
                    let decoded = dialect.decode(&wire).unwrap();
                    assert!(decoded.fields().eq(message.fields()));
                    wire.to_vec()
                })
                .collect();
            wires.sort();
            wires.dedup();
            assert!(wires.len() > 200, "{} of 256 differ", wires.len());
        }
    }
}
