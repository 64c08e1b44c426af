//! `iso8583 convert`: the same message in another dialect.

use std::io::Write;

use iso8583::Dialect;
use iso8583::frame::Framing;

use crate::cli::{DialectParser, Exit, Failure, Options};
use crate::input::Format;
use crate::message::{self, Notation};

/// Write a message in another dialect, framing or notation.
///
/// --spec and --frame say what the message is in; --to and --to-frame, what it is to be in.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, - for standard input, or the bytes themselves as hex or base64
    #[arg(value_name = "FILE|-|BYTES")]
    source: String,
    /// What the input is, where it is not recognised
    #[arg(long, value_enum, value_name = "FORMAT")]
    input: Option<Format>,
    /// The dialect to write; without it, that of the message
    #[arg(long, value_name = "NAME|FILE", value_parser = DialectParser)]
    to: Option<&'static Dialect>,
    /// The framing to write; without it, none
    #[arg(long, value_name = "FRAMING")]
    to_frame: Option<Framing>,
    /// How the message is written
    #[arg(long = "as", value_enum, value_name = "NOTATION", default_value_t = Notation::Hex)]
    notation: Notation,
}

impl Args {
    pub(crate) fn run(
        &self,
        options: &Options,
        out: &mut impl Write,
        _: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let (from, read, header) = message::read_whole(&self.source, self.input, options)?;
        let to = self.to.unwrap_or(from);
        let wire = message::encoded(&read, to, self.to_frame, header.as_ref())?;
        message::write(&wire, self.notation, out)?;
        Ok(Exit::Fine)
    }
}
