//! `iso8583 specs`: dialects and framings.

use std::io::{self, Write};

use anstyle::Style;
use iso8583::Dialect;
use iso8583::frame::Framing;
use iso8583::spec::{BitmapForm, Field, Length, MtiCoding, Prefix, PrefixCoding, Visibility};
use iso8583::spec_file::toml;
use serde_json::json;

use crate::cli::{DialectParser, Exit, Failure, Layout, Options};
use crate::spec;

/// Show dialects and framings.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the dialects
    List,
    /// Show every data element of a dialect
    Show {
        /// Which one
        #[arg(value_name = "NAME|FILE", value_parser = DialectParser)]
        name: &'static Dialect,
    },
    /// List the framings
    Frames,
    /// Write a dialect as a file of our own form
    Export {
        /// Which one
        #[arg(value_name = "NAME|FILE", value_parser = DialectParser)]
        name: &'static Dialect,
    },
    /// Read a file of jPOS, moov-io/iso8583 or our own form, write our own, and note what of it
    /// could not be taken over
    Import {
        /// Which one
        file: String,
    },
}

impl Args {
    pub(crate) fn run(
        &self,
        options: &Options,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let json = options.format == Layout::Json;
        match &self.what {
            What::List => {
                for dialect in Dialect::built_in() {
                    entry(dialect.name(), dialect.title(), json, out)?;
                }
            }
            What::Show { name } => show(name, json, out)?,
            What::Frames => {
                for (framing, says) in Framing::catalogue() {
                    entry(&framing.to_string(), says, json, out)?;
                }
            }
            What::Export { name } => out.write_all(toml::write(name).as_bytes())?,
            What::Import { file } => {
                let imported =
                    spec::import(file).map_err(|error| Failure::Usage(error.to_string()))?;
                for note in &imported.notes {
                    writeln!(notes, "note: {note}")?;
                }
                out.write_all(toml::write(&imported.dialect).as_bytes())?;
            }
        }
        Ok(Exit::Fine)
    }
}

fn entry(name: &str, says: &str, json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        return writeln!(out, "{}", json!({"name": name, "title": says}));
    }
    writeln!(out, "{BOLD}{name:<20}{BOLD:#}{says}")
}

fn show(dialect: &Dialect, json: bool, out: &mut impl Write) -> io::Result<()> {
    if !json {
        writeln!(out, "{BOLD}{}{BOLD:#}  {}", dialect.name(), dialect.title())?;
        let mti = match dialect.mti() {
            MtiCoding::Ascii => "in ASCII",
            MtiCoding::Bcd => "packed",
            MtiCoding::Ebcdic => "in EBCDIC",
        };
        let bitmap = match dialect.bitmap().form {
            BitmapForm::Binary => "as bytes",
            BitmapForm::Hex => "in hex",
            BitmapForm::EbcdicHex => "in EBCDIC hex",
        };
        writeln!(out, "MTI {mti}, bitmaps {bitmap}\n")?;
    }
    for (de, field) in dialect.fields() {
        let (length, encoding) = (extent(field), field.encoding());
        let seen = match field.visibility() {
            Visibility::Shown => "",
            Visibility::Partly => "masked in part",
            Visibility::Never => "masked",
        };
        if json {
            let object = json!({
                "de": de,
                "name": field.name(),
                "class": field.class().notation(),
                "length": length,
                "encoding": encoding.to_string(),
                "masked": seen,
            });
            writeln!(out, "{object}")?;
        } else {
            let (name, class) = (field.name(), field.class().notation());
            let line = format!("{de:>3}  {name:<38} {class:<4}{length:<22} {encoding}");
            writeln!(
                out,
                "{line}{}{seen}",
                if seen.is_empty() { "" } else { ", " }
            )?;
        }
    }
    Ok(())
}

/// `6`, or `..19, 2 digits packed`.
fn extent(field: &Field) -> String {
    match field.length() {
        Length::Fixed(len) => len.to_string(),
        Length::Variable {
            prefix: Prefix { digits, coding, .. },
            max,
        } => {
            let coding = match coding {
                PrefixCoding::Ascii => "ASCII digits",
                PrefixCoding::Ebcdic => "EBCDIC digits",
                PrefixCoding::Bcd => "digits packed",
                PrefixCoding::Binary => "bytes",
                PrefixCoding::Hex => "bytes in hex",
            };
            format!("..{max}, {digits} {coding}")
        }
    }
}

const BOLD: Style = Style::new().bold();
