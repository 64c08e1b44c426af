//! Dialects as files: an own TOML form, packagers of jPOS, specs of moov-io/iso8583.
//!
//! Text comes in, a [`Dialect`] goes out; files are opened by the caller. What is wrong in a file
//! is told all at once, each fault with its place and its field ([`SpecFileError`]).
//!
//! ```
//! let text = r#"
//! name = "toyland"
//! base = "iso87-bcd"
//!
//! [fields.48]
//! name = "additional data"
//! class = "ans"
//! encoding = "euc-kr"
//! length = { max = 400, prefix = "LLL", prefix-coding = "bcd", counts = "bytes" }
//! "#;
//! let imported = iso8583::spec_file::read("toyland.toml", text)?;
//! assert_eq!(imported.dialect.field(48).map(|field| field.length().max()), Some(400));
//! # Ok::<(), iso8583::spec_file::SpecFileError>(())
//! ```

mod error;
pub mod jpos;
pub mod moov;
pub mod toml;

use crate::spec::{Dialect, DialectBuilder, Field, InvalidDialect, Visibility};

pub use error::{Fault, Place, Reason, SpecFileError};

/// The longest file that is read, in bytes.
pub const SIZE_MAX: usize = 1 << 20;

/// So many faults of a file are told.
pub const FAULTS_MAX: usize = 100;

/// How deep fields may be made of subfields, one in another.
pub const NESTING_MAX: usize = 8;

/// A dialect made of another program's file, and what of it could not be said in the same words.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The dialect.
    pub dialect: Dialect,
    /// What a person should know before it is used: one sentence each, with the field.
    pub notes: Vec<String>,
}

/// Reads a dialect in whichever of the three forms the text has: XML is a packager of jPOS, JSON a
/// spec of moov-io/iso8583, all else the own TOML form. The name of the file is for errors, and
/// names dialects whose form has no name in it.
///
/// # Errors
/// Where the text is no such file, or says of a field what cannot be.
pub fn read(file: &str, text: &str) -> Result<Imported, SpecFileError> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let imported = match start.chars().next() {
        Some('<') => jpos::read(text).and_then(|imported| named_after(file, imported)),
        Some('{') => moov::read(text),
        _ => toml::read(text).map(|dialect| Imported {
            dialect,
            notes: Vec::new(),
        }),
    };
    imported.map_err(|error| error.of_file(file))
}

fn named_after(file: &str, imported: Imported) -> Result<Imported, SpecFileError> {
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    let dialect = imported.dialect.to_builder().name(stem.to_owned()).build();
    let dialect = dialect.map_err(|invalid| Fault::new("fields", invalid))?;
    Ok(Imported {
        dialect,
        ..imported
    })
}

fn check_size(text: &str) -> Result<(), Fault> {
    if text.len() > SIZE_MAX {
        return Err(Fault::new("", Reason::Size { size: text.len() }));
    }
    Ok(())
}

/// The dialect of a builder, or every field that has no bit.
fn build(mut builder: DialectBuilder, faults: &mut Vec<Fault>) -> Option<Dialect> {
    loop {
        match builder.clone().build() {
            Ok(dialect) => return Some(dialect),
            Err(invalid) => {
                let InvalidDialect::Number { de } = invalid else {
                    faults.push(Fault::new("maps", invalid));
                    return None;
                };
                faults.push(Fault::new(format!("fields.{de}"), invalid));
                builder = builder.without(de);
            }
        }
    }
}

/// What the 1987 standard's element of the number lets be printed; nothing where there is none.
fn visibility(de: u8) -> Visibility {
    standard(de).map_or(Visibility::Never, Field::visibility)
}

fn standard(de: u8) -> Option<&'static Field> {
    Dialect::iso87_ascii().field(de)
}
