//! `iso8583 redact`: the same message without card data.

use std::io::Write;

use crate::cli::{Exit, Failure, Options};
use crate::input::Format;
use crate::message::{self, Notation};

/// Replace card data in a message, so that it can be shown to others.
///
/// Card numbers and tracks become those of a test card, PIN blocks, MACs, private and unknown
/// fields zeros and letters X of the same length; all else stays. The result is a message of the
/// same dialect, in the same framing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, - for standard input, or the bytes themselves as hex or base64
    #[arg(value_name = "FILE|-|BYTES")]
    source: String,
    /// What the input is, where it is not recognised
    #[arg(long, value_enum, value_name = "FORMAT")]
    input: Option<Format>,
    /// How the message is written
    #[arg(long = "as", value_enum, value_name = "NOTATION", default_value_t = Notation::Hex)]
    notation: Notation,
}

impl Args {
    pub(crate) fn run(
        &self,
        options: &Options,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let (dialect, mut read, header) = message::read_whole(&self.source, self.input, options)?;
        for de in message::redact(&mut read, dialect) {
            writeln!(
                notes,
                "note: DE {de} is left out: its parts cannot be replaced"
            )?;
        }
        let wire = message::encoded(&read, dialect, options.frame, header.as_ref())?;
        message::write(&wire, self.notation, out)?;
        Ok(Exit::Fine)
    }
}
