//! `iso8583 validate`: everything that is wrong with a message.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use iso8583::rules::Rules;
use iso8583::spec::{Class, Encoding, Field, Length};
use iso8583::{DecodeError, Dialect, Message, Path};
use serde_json::json;

use crate::cli::{Exit, Failure, Layout, Options};
use crate::input::Format;
use crate::message::{self, Reading, doubts, suspect};

/// Say everything that is wrong with a message; exit 1 where something is.
///
/// Bytes the dialect does not allow, values that cannot be meant (a thirteenth month, a card
/// number with a wrong check digit), and elements that must or must not be in a message of this
/// type.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, - for standard input, or the bytes themselves as hex or base64
    #[arg(value_name = "FILE|-|BYTES")]
    source: String,
    /// What the input is, where it is not recognised
    #[arg(long, value_enum, value_name = "FORMAT")]
    input: Option<Format>,
    /// Do not say which elements are missing or too many
    #[arg(long)]
    no_rules: bool,
}

/// One thing that is wrong.
struct Fault {
    kind: Kind,
    what: String,
}

#[derive(Clone, Copy)]
enum Kind {
    Bytes,
    Value,
    Presence,
}

impl Args {
    pub(crate) fn run(
        &self,
        options: &Options,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let given = message::given(&self.source, self.input, options)?;
        let Reading { dialect, outcome } = message::read(&given.bytes, options);
        if let Err(fault) = outcome
            && let Some(hint) = message::hint(&fault.error, options)
        {
            writeln!(notes, "note: {hint}")?;
        }
        let (mut faults, readable) = faults_of_bytes(&given.bytes, dialect);
        if let Some(message) = &readable {
            faults.extend(doubts(message).iter().map(|doubt| Fault {
                kind: Kind::Value,
                what: doubt.to_string(),
            }));
            if !self.no_rules {
                match rules_for(message, dialect) {
                    Some(rules) => faults.extend(rules.check(message).iter().map(|fault| Fault {
                        kind: Kind::Presence,
                        what: fault.to_string(),
                    })),
                    None => writeln!(
                        notes,
                        "note: what a {} must carry is not known of {}",
                        message.mti(),
                        dialect.name()
                    )?,
                }
            }
        }
        for fault in &faults {
            fault.write(options.format, out)?;
        }
        if faults.is_empty() && options.format != Layout::Json {
            let mti = readable.map(|message| message.mti().to_string());
            let mti = mti.unwrap_or_default();
            writeln!(out, "{FINE}valid{FINE:#}   {mti} of {}", dialect.name())?;
        }
        Ok(if faults.is_empty() {
            Exit::Fine
        } else {
            Exit::Faulty
        })
    }
}

/// What the dialect says a message carries; one of a file that says nothing is held to the rules of
/// 1987, if the message is of that year.
fn rules_for<'a>(message: &Message, dialect: &'a Dialect) -> Option<&'a Rules> {
    let of_1987 = message.mti().as_bytes().starts_with(b"0");
    dialect.rules().or_else(|| of_1987.then(Rules::iso87))
}

/// What is wrong with the bytes, and the message where every field has its place. A field whose
/// value is refused is passed over, to find those behind it.
fn faults_of_bytes(bytes: &[u8], dialect: &Dialect) -> (Vec<Fault>, Option<Message>) {
    let mut faults = Vec::new();
    let mut lenient = dialect.clone();
    loop {
        let fault = match lenient.decode(bytes) {
            Ok(message) => return (faults, Some(message)),
            Err(fault) => fault,
        };
        faults.push(Fault::of_bytes(&fault.error));
        let next = passing_over(&lenient, bytes, &fault.error);
        match next {
            Some(next) => lenient = next,
            None => {
                if let Some(found) = suspect(bytes, dialect, &fault) {
                    faults.push(Fault {
                        kind: Kind::Bytes,
                        what: format!("probably DE {}: {}", found.de, found.reason),
                    });
                }
                return (faults, None);
            }
        }
    }
}

/// The dialect with a field of any bytes in the place of the refused one; None where it is not
/// known how long that is.
fn passing_over(dialect: &Dialect, bytes: &[u8], error: &DecodeError) -> Option<Dialect> {
    let de = error.path.data_element()?;
    let wanted = iso8583::Bitmap::of(&[de]);
    let len = dialect.scan(bytes, wanted).ok()?.segment(de)?.len();
    let length = Length::Fixed(u16::try_from(len).ok()?);
    let field = dialect.field(de)?;
    let passed = Field::new("", Class::B, Encoding::Binary, length).ok()?;
    // What is passed over once and refused again would be so for ever.
    if (field.class(), field.length()) == (Class::B, length) {
        return None;
    }
    dialect.to_builder().field(de, passed).build().ok()
}

impl Fault {
    fn of_bytes(error: &DecodeError) -> Self {
        let what = match error.path {
            Path::End => format!("byte {}: {}", error.offset, error.kind),
            Path::Mti | Path::Bitmap | Path::Field(_) | Path::Subfield(..) => error.to_string(),
        };
        Self {
            kind: Kind::Bytes,
            what,
        }
    }

    fn write(&self, layout: Layout, out: &mut impl Write) -> std::io::Result<()> {
        let kind = self.kind.name();
        match layout {
            Layout::Json => writeln!(out, "{}", json!({"kind": kind, "fault": self.what})),
            Layout::Table | Layout::Tree => {
                writeln!(out, "{FAULT}{kind:<8}{FAULT:#}{}", self.what)
            }
        }
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Value => "value",
            Self::Presence => "rules",
        }
    }
}

const FINE: Style = AnsiColor::Green.on_default().bold();
const FAULT: Style = AnsiColor::Red.on_default();
