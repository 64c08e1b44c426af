//! A message written down.

use std::io::{self, Write};

use base64::Engine as _;
use bytes::BytesMut;
use clap::ValueEnum;
use iso8583::frame::{FrameError, Framing, Header};
use iso8583::{Dialect, EncodeError, Message};
use thiserror::Error;

use crate::frames;
use crate::shown::hex;

/// How bytes are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Notation {
    /// Hex digits in a line.
    Hex,
    /// The bytes themselves.
    Binary,
    /// Base64 in a line.
    Base64,
}

/// A message that cannot be written. Never holds a value.
#[derive(Debug, Error)]
pub enum Unwritable {
    /// A field.
    #[error(transparent)]
    Message(#[from] EncodeError),
    /// The frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// The bytes of a message in a dialect, in a frame where there is a framing.
///
/// # Errors
/// Where a field or the frame cannot be written.
pub fn encoded(
    message: &Message,
    dialect: &Dialect,
    framing: Option<Framing>,
    header: Option<&Header>,
) -> Result<BytesMut, Unwritable> {
    let mut wire = BytesMut::new();
    let Some(framing) = framing else {
        dialect.encode(message, &mut wire)?;
        return Ok(wire);
    };
    let framer = frames::framer(framing);
    let write = |wire: &mut BytesMut| Ok(dialect.encode(message, wire)?);
    match header.filter(|header| framing.header() == Some(header.kind())) {
        Some(header) => framer.encode_with::<Unwritable>(header, &mut wire, write)?,
        None => framer.encode::<Unwritable>(None, &mut wire, write)?,
    }
    Ok(wire)
}

/// Writes bytes down, but for [`Notation::Binary`] with a line end.
///
/// # Errors
/// Those of the output.
pub fn write(bytes: &[u8], notation: Notation, out: &mut impl Write) -> io::Result<()> {
    match notation {
        Notation::Hex => writeln!(out, "{}", hex(bytes)),
        Notation::Base64 => {
            let engine = base64::engine::general_purpose::STANDARD;
            writeln!(out, "{}", engine.encode(bytes))
        }
        Notation::Binary => out.write_all(bytes),
    }
}
