//! Values for people: masked unless card data is asked for in clear, and what codes mean.

use std::io::{self, Write};

use anstyle::Style;
use iso8583::element::Pan;
use iso8583::spec::{Class, Visibility};
use iso8583::{Dialect, Message, words};
use serde_json::{Value, json};

/// A message as the user wants to see it.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    dialect: &'a Dialect,
    message: &'a Message,
    clear: bool,
}

impl<'a> Shown<'a> {
    /// A message of a dialect, in clear only where the user asked for that.
    #[must_use]
    pub const fn new(dialect: &'a Dialect, message: &'a Message, clear: bool) -> Self {
        Self {
            dialect,
            message,
            clear,
        }
    }

    /// The name of a data element in the dialect.
    #[must_use]
    pub fn name(&self, de: u8) -> &'a str {
        self.dialect
            .field(de)
            .map_or("unknown", |field| field.name())
    }

    /// The value of a data element, as far as it may be seen; None where there is none.
    #[must_use]
    pub fn value(&self, de: u8) -> Option<String> {
        let value = self.message.field(de)?;
        Some(self.of(de, value))
    }

    /// The value that a data element could have, as far as it may be seen.
    fn of(&self, de: u8, value: &[u8]) -> String {
        let field = self.dialect.field(de);
        let binary = field.is_some_and(|field| field.class() == Class::B);
        if self.clear {
            return plain(value, binary);
        }
        match field.map(iso8583::spec::Field::visibility) {
            Some(Visibility::Shown) => plain(value, binary),
            Some(Visibility::Partly) => {
                Pan::try_from(value).map_or_else(|_| HIDDEN.to_owned(), |pan| pan.to_string())
            }
            Some(Visibility::Never) | None => HIDDEN.to_owned(),
        }
    }

    /// Writes the type and a line a field.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&self, indent: &str, out: &mut impl Write) -> io::Result<()> {
        let mti = self.message.mti();
        let says = words::message_type(mti);
        writeln!(out, "{indent}{BOLD}{mti}{BOLD:#}  {DIM}{says}{DIM:#}")?;
        for (de, value) in self.message.fields() {
            let (name, value) = (self.name(de), self.of(de, value));
            write!(out, "{indent}  DE {de:<3} {name:<36} {value}")?;
            match words::in_message(self.message, de) {
                Some(says) => writeln!(out, "  {DIM}{says}{DIM:#}")?,
                None => writeln!(out)?,
            }
        }
        Ok(())
    }

    /// The fields as objects with `de`, `name`, `value` and, of codes, `words`.
    #[must_use]
    pub fn json(&self) -> Value {
        let fields = self.message.fields().map(|(de, value)| {
            let mut field = json!({
                "de": de,
                "name": self.name(de),
                "value": self.of(de, value),
            });
            if let Some(says) = words::in_message(self.message, de)
                && let Some(field) = field.as_object_mut()
            {
                field.insert("words".to_owned(), says.into());
            }
            field
        });
        Value::Array(fields.collect())
    }
}

impl core::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self.message, f)
    }
}

/// Text without control characters, else hex.
fn plain(value: &[u8], binary: bool) -> String {
    match core::str::from_utf8(value) {
        Ok(text) if !binary => text
            .chars()
            .map(|c| {
                if c.is_control() {
                    c.escape_default().to_string()
                } else {
                    c.to_string()
                }
            })
            .collect(),
        _ => hex(value),
    }
}

/// Upper case hex without spaces.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

const HIDDEN: &str = "****";
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

#[cfg(test)]
mod tests {
    use iso8583::Mti;

    use super::*;

    fn purchase() -> Message {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message
            .set(2, b"9999990100000005")
            .set(4, b"000000015000")
            .set(35, b"9999990100000005=30121010000000000000")
            .set(43, "장난감 가게\u{1b}[2J".as_bytes())
            .set(49, b"410")
            .set(52, b"\xDE\xF2\x47\xF8\x2B\x55\xA3\x58");
        message
    }

    #[test]
    fn secrets_are_hidden_and_codes_are_told_in_words() {
        let mut out = Vec::new();
        let message = purchase();
        let shown = Shown::new(Dialect::iso87_ascii(), &message, false);
        shown.write("", &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        insta::assert_snapshot!(anstream::adapter::strip_str(&text), @r"
    0200  1987, financial, request, acquirer
      DE 2   primary account number               999999******0005
      DE 4   amount, transaction                  000000015000  15,000 KRW
      DE 35  track 2 data                         ****
      DE 43  card acceptor name/location          장난감 가게\u{1b}[2J
      DE 49  currency code, transaction           410  KRW, Won
      DE 52  PIN data                             ****
    ");
    }

    #[test]
    fn in_clear_bytes_are_hex_and_text_does_nothing_to_the_terminal() {
        let message = purchase();
        let shown = Shown::new(Dialect::iso87_ascii(), &message, true);
        let value = |de| shown.value(de).unwrap();
        assert_eq!(value(2), "9999990100000005");
        assert_eq!(value(52), "DEF247F82B55A358");
        assert_eq!(value(43), "장난감 가게\\u{1b}[2J");
    }
}
