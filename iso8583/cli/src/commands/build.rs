//! `iso8583 build`: a message of fields.

use std::io::Write;

use crate::cli::{Exit, Failure, Options};
use crate::input::{Format, Source};
use crate::message::{self, Notation};

/// Build a message of fields: mti=0800 11=000001, or JSON.
///
/// JSON is {"mti":"0800","11":"000001"}, as an argument or from standard input (-); an object of
/// view --format json --unsafe will do, also with values or subfields changed. Subfields go by
/// path: 55.9F02=000000015000. Values are text, of bytes hex. Without --spec the dialect is that
/// which the JSON names, else iso87-ascii; --frame puts the message in a frame.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Fields, a JSON object, or - for one on standard input
    #[arg(required = true, value_name = "FIELD=VALUE|JSON|-")]
    fields: Vec<String>,
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
        let (dialect, message) = match self.fields.as_slice() {
            [stdin] if stdin == "-" => {
                let input = Source::Stdin.read(Some(Format::Binary), JSON_MAX)?;
                let text = String::from_utf8_lossy(&input.bytes).into_owned();
                if !text.trim_start().starts_with('{') {
                    let problem = "standard input: expected a JSON object, {\"mti\":\"0800\"}";
                    return Err(Failure::Usage(problem.to_owned()));
                }
                message::from_arguments(&[text], options.spec)?
            }
            fields => message::from_arguments(fields, options.spec)?,
        };
        let wire = message::encoded(&message, dialect, options.frame, None)?;
        message::write(&wire, self.notation, out)?;
        Ok(Exit::Fine)
    }
}

/// One message.
const JSON_MAX: u64 = 1 << 20;
