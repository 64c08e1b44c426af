//! `iso8583 diff`: where two messages differ.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::json;

use crate::cli::{Exit, Failure, Layout, Options};
use crate::input::Format;
use crate::message;
use crate::shown::Shown;

/// Say where two messages differ, field by field and subfield by subfield; exit 1 where they do.
///
/// Each may be in a dialect of its own: values are compared, not bytes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, - for standard input, or the bytes themselves as hex or base64
    #[arg(value_name = "FILE|-|BYTES")]
    one: String,
    /// The other message
    #[arg(value_name = "FILE|-|BYTES")]
    other: String,
    /// What the input is, where it is not recognised
    #[arg(long, value_enum, value_name = "FORMAT")]
    input: Option<Format>,
}

/// A field that differs. None: the message has none.
struct Difference {
    place: String,
    name: String,
    one: Option<String>,
    other: Option<String>,
}

impl Args {
    pub(crate) fn run(
        &self,
        options: &Options,
        out: &mut impl Write,
        _: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let (one_dialect, one, _) = message::read_whole(&self.one, self.input, options)?;
        let (other_dialect, other, _) = message::read_whole(&self.other, self.input, options)?;
        let mut differences = Vec::new();
        if one.mti() != other.mti() {
            differences.push(Difference {
                place: "MTI".to_owned(),
                name: String::new(),
                one: Some(one.mti().to_string()),
                other: Some(other.mti().to_string()),
            });
        }
        let shown_one = Shown::new(one_dialect, &one, options.clear);
        let shown_other = Shown::new(other_dialect, &other, options.clear);
        for de in one.present().union(other.present()).iter() {
            if one.field(de) == other.field(de) {
                continue;
            }
            let parts = shown_one.apart(&shown_other, de);
            for (path, name) in &parts {
                differences.push(Difference {
                    place: path.to_string(),
                    name: name.clone(),
                    one: shown_one.at(path),
                    other: shown_other.at(path),
                });
            }
            // Alike in all they hold, as in another order, or not made of subfields.
            if parts.is_empty() {
                differences.push(Difference {
                    place: format!("DE {de}"),
                    name: shown_one.name(de).to_owned(),
                    one: shown_one.value(de),
                    other: shown_other.value(de),
                });
            }
        }
        for difference in &differences {
            match options.format {
                Layout::Json => difference.json(out)?,
                Layout::Table | Layout::Tree => difference.text(out)?,
            }
        }
        Ok(if differences.is_empty() {
            Exit::Fine
        } else {
            Exit::Faulty
        })
    }
}

impl Difference {
    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{:<6} {}", self.place, self.name)?;
        let masked_alike = self.one == self.other;
        if let Some(one) = &self.one {
            writeln!(out, "  {OLD}- {one}{OLD:#}")?;
        }
        if let Some(other) = &self.other {
            let note = if masked_alike {
                "  differs where it is masked"
            } else {
                ""
            };
            writeln!(out, "  {NEW}+ {other}{NEW:#}{note}")?;
        }
        Ok(())
    }

    fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let object = json!({"place": self.place, "one": self.one, "other": self.other});
        writeln!(out, "{object}")
    }
}

const OLD: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();
