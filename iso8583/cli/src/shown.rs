//! Values for people: masked unless card data is asked for in clear, and what codes mean.

use std::io::{self, Write};

use anstyle::Style;
use iso8583::composite::{Composite, Item};
use iso8583::element::Pan;
use iso8583::spec::{Class, Encoding, Field, Length, Visibility};
use iso8583::{Dialect, Message, Path, hidden_digits, words};
use serde_json::{Map, Value};

use crate::message::card_numbers;

/// A message as the user wants to see it.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    dialect: &'a Dialect,
    message: &'a Message,
    clear: bool,
    hidden: &'a [u8],
}

/// A subfield as the user wants to see it.
#[derive(Clone)]
pub struct Subfield {
    /// Where it is in its data element: `9F02`, `25.3`, `9F02#2`.
    pub path: String,
    /// What people call it.
    pub name: String,
    /// None where it is made of subfields again.
    pub value: Option<String>,
    /// What its code means.
    pub words: Option<String>,
    /// May its value be seen in full?
    open: bool,
    /// Could it not be read? Then its value says why.
    is_fault: bool,
}

impl<'a> Shown<'a> {
    /// A message of a dialect, in clear only where the user asked for that.
    #[must_use]
    pub const fn new(dialect: &'a Dialect, message: &'a Message, clear: bool) -> Self {
        Self {
            dialect,
            message,
            clear,
            hidden: &[],
        }
    }

    /// Hides data elements that may not be what they are taken for, unless all is in clear.
    #[must_use]
    pub const fn hiding(self, hidden: &'a [u8]) -> Self {
        Self { hidden, ..self }
    }

    fn is_hidden(&self, de: u8) -> bool {
        !self.clear && self.hidden.contains(&de)
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

    /// The value at a path, as far as it may be seen; None where there is none.
    #[must_use]
    pub fn at(&self, path: &Path) -> Option<String> {
        match path {
            Path::Mti => Some(self.message.mti().to_string()),
            Path::Field(de) => self.value(*de),
            Path::Subfield(de, inner) => self
                .subfields(*de)
                .into_iter()
                .find(|subfield| subfield.path.eq_ignore_ascii_case(inner))
                .map(|subfield| subfield.value.unwrap_or_else(|| HIDDEN.to_owned())),
            Path::Bitmap | Path::End => None,
        }
    }

    /// The subfields of a data element, one in another behind it; none where the dialect says
    /// nothing of them.
    #[must_use]
    pub fn subfields(&self, de: u8) -> Vec<Subfield> {
        let mut found = Vec::new();
        let content = self.dialect.field(de).and_then(|field| field.content());
        let value = self.message.field(de).filter(|_| !self.is_hidden(de));
        if let Some((content, value)) = content.zip(value) {
            self.walk(content, value, "", &mut found);
        }
        found
    }

    /// The subfields of a data element that differ from those of another message, with their
    /// names; none where not both are made of subfields.
    #[must_use]
    pub fn apart(&self, other: &Shown<'_>, de: u8) -> Vec<(Path, String)> {
        let (own, others) = (self.subfields(de), other.subfields(de));
        if own.is_empty() || others.is_empty() {
            return Vec::new();
        }
        let mut apart: Vec<(Path, String)> = Vec::new();
        for subfield in own.into_iter().chain(others) {
            let path = Path::Subfield(de, subfield.path);
            let is_leaf = subfield.value.is_some();
            if is_leaf && apart.iter().all(|(known, _)| *known != path) {
                let clear = |it: &Shown<'_>| it.message.value_at(it.dialect, &path).ok().flatten();
                if clear(self) != clear(other) {
                    apart.push((path, subfield.name));
                }
            }
        }
        apart
    }

    fn walk(&self, content: &Composite, value: &[u8], above: &str, found: &mut Vec<Subfield>) {
        for item in content.items(value) {
            match item {
                Ok(item) => self.item(&item, value, above, found),
                Err(fault) => found.push(Subfield {
                    path: fault
                        .key
                        .map_or_else(|| "?".to_owned(), |key| format!("{above}{key}")),
                    name: "cannot be read".to_owned(),
                    value: Some(fault.kind.to_string()),
                    words: None,
                    open: false,
                    is_fault: true,
                }),
            }
        }
    }

    fn item(&self, item: &Item<'_>, value: &[u8], above: &str, found: &mut Vec<Subfield>) {
        let plain_path = format!("{above}{}", item.key);
        let again = |path: &str| {
            let numbered = path.strip_prefix(&plain_path);
            numbered.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
                && !path
                    .get(plain_path.len()..)
                    .unwrap_or_default()
                    .contains('.')
        };
        let before = found.iter().filter(|it| again(&it.path)).count();
        let path = match before {
            0 => plain_path,
            before => format!("{plain_path}#{}", before + 1),
        };
        let inner = item.inner().filter(|_| path.split('.').count() < DEPTH);
        let subfield = Subfield {
            name: item.name().to_owned(),
            value: inner.is_none().then(|| self.of_item(item, value)),
            words: self.words_of(item, value),
            is_fault: false,
            open: inner.is_some() || item.visibility() == Visibility::Shown,
            path: path.clone(),
        };
        found.push(subfield);
        if let Some(inner) = inner {
            let within = format!("{path}.");
            // What cannot be read has no subfields to show.
            let _ = item.with(value, |clear| self.walk(inner, clear, &within, found));
        }
    }

    fn of_item(&self, item: &Item<'_>, value: &[u8]) -> String {
        if !self.clear || item.content.is_empty() {
            return item.masked(value);
        }
        item.with(value, |clear| plain(clear, item.is_bytes()))
            .unwrap_or_else(|kind| kind.to_string())
    }

    /// Only of what may be seen.
    fn words_of(&self, item: &Item<'_>, value: &[u8]) -> Option<String> {
        let tag = item.tag()?;
        if !self.clear && item.visibility() != Visibility::Shown {
            return None;
        }
        words::of_tag(tag, value.get(item.content.clone())?)
    }

    /// The value that a data element could have, as far as it may be seen.
    fn of(&self, de: u8, value: &[u8]) -> String {
        let field = self.dialect.field(de);
        let binary = field.is_some_and(|field| field.class() == Class::B);
        if self.clear {
            return plain(value, binary);
        }
        if self.is_hidden(de) {
            return HIDDEN.to_owned();
        }
        match field.map(Field::visibility) {
            // Not more of the whole than of its parts.
            Some(Visibility::Shown) if self.subfields(de).iter().all(|it| it.open) => {
                if binary {
                    hex_without_cards(value)
                } else if field.is_some_and(is_amount) {
                    plain(value, false)
                } else {
                    plain(&without_cards(value), false)
                }
            }
            Some(Visibility::Partly) => {
                Pan::try_from(value).map_or_else(|_| HIDDEN.to_owned(), |pan| pan.to_string())
            }
            Some(Visibility::Shown | Visibility::Never) | None => HIDDEN.to_owned(),
        }
    }

    /// What the code of a data element means.
    fn words(&self, de: u8) -> Option<String> {
        words::in_message(self.message, de).filter(|_| !self.is_hidden(de))
    }

    /// Writes the type, a line a field and a line a subfield.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&self, indent: &str, out: &mut impl Write) -> io::Result<()> {
        let mti = self.message.mti();
        let says = words::message_type(mti);
        writeln!(out, "{indent}{BOLD}{mti}{BOLD:#}  {DIM}{says}{DIM:#}")?;
        for (de, value) in self.message.fields() {
            let (name, value) = (self.name(de), self.of(de, value));
            let subfields = self.subfields(de);
            // Its subfields say what of it may be seen.
            if subfields.is_empty() || value != HIDDEN {
                write!(out, "{indent}  DE {de:<3} {name:<36} {value}")?;
            } else {
                write!(out, "{indent}  DE {de:<3} {name}")?;
            }
            end_line(self.words(de).as_deref(), out)?;
            for Subfield {
                path,
                name,
                value,
                words,
                ..
            } in subfields
            {
                let path = format!("{de}.{path}");
                match value {
                    Some(value) => write!(out, "{indent}    {path:<10} {name:<30} {value}")?,
                    None => write!(out, "{indent}    {path:<10} {name}")?,
                }
                end_line(words.as_deref(), out)?;
            }
        }
        Ok(())
    }

    /// The fields as objects with `de`, `name`, `value`, of codes `words`, and where there are
    /// `subfields`, objects with `path`, `name`, `value` and `words`; where one cannot be read,
    /// `fault` instead of `value`.
    #[must_use]
    pub fn json(&self) -> Value {
        let fields = self.message.fields().map(|(de, value)| {
            let mut field = Map::new();
            field.insert("de".to_owned(), de.into());
            field.insert("name".to_owned(), self.name(de).into());
            field.insert("value".to_owned(), self.of(de, value).into());
            if let Some(says) = self.words(de) {
                field.insert("words".to_owned(), says.into());
            }
            let subfields = self.subfields(de);
            if !subfields.is_empty() {
                let all = subfields.into_iter().map(|it| it.json(de));
                field.insert("subfields".to_owned(), all.collect());
            }
            Value::Object(field)
        });
        Value::Array(fields.collect())
    }
}

impl Subfield {
    fn json(self, de: u8) -> Value {
        let mut object = Map::new();
        object.insert("path".to_owned(), format!("{de}.{}", self.path).into());
        object.insert("name".to_owned(), self.name.into());
        let value = if self.is_fault { "fault" } else { "value" };
        for (key, text) in [(value, self.value), ("words", self.words)] {
            if let Some(text) = text {
                object.insert(key.to_owned(), text.into());
            }
        }
        Value::Object(object)
    }
}

fn end_line(says: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    match says {
        Some(says) => writeln!(out, "  {DIM}{says}{DIM:#}"),
        None => writeln!(out),
    }
}

impl core::fmt::Debug for Subfield {
    /// Where it is, for its value may be in clear.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Subfield({} {})", self.path, self.name)
    }
}

impl core::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self.message, f)
    }
}

/// Digits of a fixed length: none could be a card number, though they may pass for one.
pub(crate) fn is_amount(field: &Field) -> bool {
    field.class() == Class::N && matches!(field.length(), Length::Fixed(_))
}

/// Text with stars for the digits of card numbers that somebody put into it.
fn without_cards(text: &[u8]) -> Vec<u8> {
    let star = |(byte, hidden): (&u8, bool)| if hidden { b'*' } else { *byte };
    text.iter().zip(hidden_digits(text)).map(star).collect()
}

/// Bytes as hex digits, with stars for those of card numbers in packed digits, ASCII or EBCDIC.
fn hex_without_cards(bytes: &[u8]) -> String {
    let cards = card_numbers(Encoding::Binary, bytes);
    let is_hidden = |at: &usize| cards.iter().any(|range| range.contains(at));
    let pair = |(at, byte): (usize, &u8)| match is_hidden(&at) {
        true => "**".to_owned(),
        false => hex(&[*byte]),
    };
    bytes.iter().enumerate().map(pair).collect()
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

/// Subfields in one another.
const DEPTH: usize = 8;

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
    fn a_card_number_in_a_text_is_masked_and_an_amount_is_not_taken_for_one() {
        let mut message = purchase();
        message
            .set(43, b"CARD 9999-9901-0000-0005             KOR")
            .set(86, b"0000000000000000");
        let shown = Shown::new(Dialect::iso87_ascii(), &message, false);
        let place = shown.value(43).unwrap();
        assert_eq!(place, "CARD 9999-99**-****-0005             KOR");
        assert_eq!(shown.value(86).unwrap(), "0000000000000000");
    }

    /// DE 27 of 2003 is bytes that may be seen: where a message is out of step, any bytes.
    #[test]
    fn a_card_number_in_bytes_is_masked_however_it_is_coded() {
        let mut message = Message::new(Mti::try_from(&b"2200"[..]).unwrap());
        let mut shown = |card: &[u8], behind: &str| {
            let bytes = [card, &[0xAA; 27][card.len()..]].concat();
            message.set(27, &bytes);
            let value = Shown::new(Dialect::iso2003_bcd(), &message, false).value(27);
            let rest = "AA".repeat(27 - card.len());
            assert_eq!(value.unwrap(), format!("{behind}{rest}"));
        };
        shown(b"\x99\x99\x99\x01\0\0\0\x05", "999999******0005");
        let ascii = "393939393939************30303035";
        shown(b"9999990100000005", ascii);
        shown(
            &b"9999990100000005".map(|digit| digit | 0xF0),
            &ascii.replace('3', "F"),
        );
        shown(b"\x99\x99\x99", "999999");
    }

    #[test]
    fn chip_data_has_a_line_a_tag_and_shows_no_secret_and_no_private_tag() {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        let chip = b"\x9F\x02\x06\x00\x00\x00\x01\x50\x00\x5A\x08\x99\x99\x99\x01\x00\x00\x00\x05\
            \x9F\x1A\x02\x04\x10\x57\x03\x99\x99\x99\xDF\x01\x01\xAA\x9F\x1A\x02\x08\x40";
        message.set(55, chip);
        let dialect = Dialect::iso87_ascii_binmap();
        let mut out = Vec::new();
        let shown = Shown::new(dialect, &message, false);
        shown.write("", &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        insta::assert_snapshot!(anstream::adapter::strip_str(&text), @r"
        0200  1987, financial, request, acquirer
          DE 55  ICC data
            55.9F02    amount, authorised (numeric)   000000015000
            55.5A      application primary account number 999999******0005
            55.9F1A    terminal country code          0410  KR, Korea, Republic of
            55.57      track 2 equivalent data        ****
            55.DF01    unknown                        ****
            55.9F1A#2  terminal country code          0840  US, United States
        ");
        assert_eq!(
            shown.at(&"55.df01".parse().unwrap()).as_deref(),
            Some("****")
        );
        assert_eq!(
            shown.at(&"55.9F1A#2".parse().unwrap()).as_deref(),
            Some("0840")
        );
        assert_eq!(shown.at(&"55.9F27".parse().unwrap()), None);
        let json = shown.json().to_string();
        assert!(
            json.contains(r#""path":"55.9F02""#) && !json.contains("AA"),
            "{json}"
        );
        let clear = Shown::new(dialect, &message, true);
        assert_eq!(
            clear.at(&"55.57".parse().unwrap()).as_deref(),
            Some("999999")
        );
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
