//! Our codec as the bench `peers` calls it: a function for each operation.
//!
//! When the codec gets a faster way to do one of them, it is this file that changes, and nothing
//! else of the bench.

use bytes::BytesMut;
use iso8583::element::ResponseCode;
use iso8583::{Dialect, EncodeError, Message, Mti, Undecodable};

/// A message as the codec holds it between two operations.
pub type Held = Message;

/// Reads a whole message and checks every character of it.
///
/// # Errors
/// Where the bytes are no message of the dialect.
pub fn decode(dialect: &Dialect, wire: &[u8]) -> Result<Held, Box<Undecodable>> {
    dialect.decode(wire)
}

/// Every data element of a message, ascending.
pub fn elements(message: &Held) -> impl Iterator<Item = (u8, &[u8])> {
    message.fields()
}

/// Shows the elements that a router asks for; one that is missing is shown empty.
///
/// # Errors
/// Where the bytes are no message of the dialect.
pub fn scan<const N: usize>(
    dialect: &Dialect,
    wire: &[u8],
    wanted: [u8; N],
    show: impl FnOnce([&[u8]; N]),
) -> Result<(), Box<Undecodable>> {
    let message = dialect.decode(wire)?;
    show(wanted.map(|de| message.field(de).unwrap_or_default()));
    Ok(())
}

/// A 0200 set element by element.
#[must_use]
pub fn build(elements: &[(u8, &[u8])]) -> Held {
    let mut message = Message::new(Mti::FINANCIAL_REQUEST);
    for (de, value) in elements {
        message.set(*de, value);
    }
    message
}

/// Writes a message in place of what the buffer holds.
///
/// # Errors
/// Where a value does not fit its element.
pub fn encode(dialect: &Dialect, message: &Held, out: &mut BytesMut) -> Result<(), EncodeError> {
    out.clear();
    dialect.encode(message, out)
}

/// Writes the approval of a request: 0210, the elements an answer repeats, DE 39.
///
/// # Errors
/// Where a value does not fit its element.
pub fn respond(dialect: &Dialect, request: &Held, out: &mut BytesMut) -> Result<(), EncodeError> {
    out.clear();
    match request.response(ResponseCode::APPROVED) {
        Some(answer) => dialect.encode(&answer, out),
        None => Ok(()),
    }
}

/// Writes a message as it came in, but for some elements.
///
/// # Errors
/// Where the bytes are no message of the dialect, or a new value does not fit its element.
pub fn relay(
    dialect: &Dialect,
    wire: &[u8],
    changes: &[(u8, &[u8])],
    out: &mut BytesMut,
) -> anyhow::Result<()> {
    out.clear();
    let mut message = dialect.decode(wire)?;
    for (de, value) in changes {
        message.set(*de, value);
    }
    Ok(dialect.encode(&message, out)?)
}

/// Shows each tag of DE 55 with its value.
///
/// The codec leaves DE 55 whole: until it walks BER-TLV, this loop stands in for it.
///
/// # Errors
/// Where the bytes are no sequence of tags of one or two bytes and lengths up to 127.
pub fn walk(mut icc: &[u8], mut show: impl FnMut(u16, &[u8])) -> Result<(), NoTlv> {
    while let [first, rest @ ..] = icc {
        let (tag, rest) = match rest {
            [second, rest @ ..] if first & 0x1F == 0x1F => {
                (u16::from_be_bytes([*first, *second]), rest)
            }
            _ => (u16::from(*first), rest),
        };
        let (length, rest) = rest.split_first().ok_or(NoTlv)?;
        if *length > 127 {
            return Err(NoTlv);
        }
        let (value, rest) = rest.split_at_checked(usize::from(*length)).ok_or(NoTlv)?;
        show(tag, value);
        icc = rest;
    }
    Ok(())
}

/// DE 55 ends within a tag, or has a form that no EMV tag has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("DE 55 is no sequence of BER-TLV objects")]
pub struct NoTlv;
