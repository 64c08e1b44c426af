//! A message of fields as people write them: `mti=0800 11=000001`, or JSON.

use iso8583::spec::Class;
use iso8583::{Bitmap, Dialect, Message, Mti, Path, PathError};
use serde_json::Value;
use thiserror::Error;

use crate::input::{Format, InputError, as_format};

/// Fields that make no message. Never holds a value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FieldsError {
    /// An argument that is no field.
    #[error("argument {position}: expected mti=0800 or a field such as 11=000001")]
    NoPair {
        /// Counted from 1.
        position: usize,
    },
    /// No message type.
    #[error("no message type: mti=0800 is missing")]
    NoMti,
    /// A message type that is none.
    #[error("mti: expected 4 digits")]
    Mti,
    /// A name that is no field.
    #[error("{name:?}: expected mti or a data element from 2 to {}", Bitmap::LAST)]
    Name {
        /// What stands there.
        name: String,
    },
    /// JSON that is none.
    #[error("JSON, line {line}, column {column}: {what}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A value that is no text.
    #[error("{name}: expected a text in quotes, for leading zeros count")]
    NoText {
        /// The field.
        name: String,
    },
    /// A value of bytes that is no hex.
    #[error("{path}: bytes are given as hex: {error}")]
    Bytes {
        /// The field.
        path: Path,
        /// What is wrong.
        error: InputError,
    },
    /// A value that view has masked.
    #[error("{path}: the value is masked: view --unsafe shows it")]
    Masked {
        /// The field.
        path: Path,
    },
    /// A subfield that the dialect cannot have, or not so.
    #[error(transparent)]
    Subfield(#[from] PathError),
}

/// Are arguments fields, rather than the bytes of a message?
#[must_use]
pub fn is_fields(arguments: &[String]) -> bool {
    arguments
        .iter()
        .any(|argument| is_json(argument) || pair(argument).is_some())
}

/// A message of arguments: one JSON object, or a field each. `texts` are what files and standard
/// input hold where the arguments name them.
///
/// JSON is `{"mti": "0800", "11": "000001"}`, or an object of `view --format json --unsafe`.
///
/// # Errors
/// The first argument that is no field.
pub fn from_arguments(arguments: &[String], dialect: &Dialect) -> Result<Message, FieldsError> {
    match arguments {
        [json] if is_json(json) => from_json(json, dialect),
        arguments => {
            let mut fields = Vec::new();
            for (position, argument) in (1..).zip(arguments) {
                let (name, value) = pair(argument).ok_or(FieldsError::NoPair { position })?;
                fields.push((name.to_owned(), value.to_owned()));
            }
            of_fields(&fields, dialect)
        }
    }
}

fn is_json(argument: &str) -> bool {
    argument.trim_start().starts_with('{')
}

/// A name that can be one, `=`, and a value.
fn pair(argument: &str) -> Option<(&str, &str)> {
    let (name, value) = argument.split_once('=')?;
    let de = name.split_once('.').map_or(name, |(de, _)| de);
    let is_name = name.eq_ignore_ascii_case("mti")
        || (1..=3).contains(&de.len()) && de.bytes().all(|byte| byte.is_ascii_digit());
    is_name.then_some((name, value))
}

fn from_json(text: &str, dialect: &Dialect) -> Result<Message, FieldsError> {
    let value: Value = serde_json::from_str(text).map_err(|error| FieldsError::Json {
        line: error.line(),
        column: error.column(),
        // What serde says may repeat a value.
        what: if error.is_eof() {
            "ends too early"
        } else {
            "not JSON"
        },
    })?;
    let object = value.as_object().ok_or(FieldsError::NoMti)?;
    let text = |name: &str, value: &Value| {
        let text = value.as_str().map(str::to_owned);
        let name = name.to_owned();
        text.map(|text| (name.clone(), text))
            .ok_or(FieldsError::NoText { name })
    };
    let mut fields = Vec::new();
    let Some(list) = object.get("fields").and_then(Value::as_array) else {
        for (name, value) in object {
            fields.push(text(name, value)?);
        }
        return of_fields(&fields, dialect);
    };
    fields.push(text("mti", object.get("mti").unwrap_or(&Value::Null))?);
    for field in list {
        let part = |name: &str| field.get(name).unwrap_or(&Value::Null);
        fields.push(text(&part("de").to_string(), part("value"))?);
    }
    of_fields(&fields, dialect)
}

fn of_fields(fields: &[(String, String)], dialect: &Dialect) -> Result<Message, FieldsError> {
    let is_mti = |name: &str| name.eq_ignore_ascii_case("mti");
    let mti = fields.iter().find(|(name, _)| is_mti(name));
    let (_, mti) = mti.ok_or(FieldsError::NoMti)?;
    let mti: Mti = mti.parse().map_err(|_| FieldsError::Mti)?;
    let mut message = Message::new(mti);
    for (name, value) in fields.iter().filter(|(name, _)| !is_mti(name)) {
        let path = field_path(name)?;
        let value = field_value(&path, value, dialect)?;
        match path {
            // A value that the dialect would not take is found when the message is written.
            Path::Field(de) => message.set(de, &value),
            path @ (Path::Subfield(..) | Path::Mti | Path::Bitmap | Path::End) => {
                message.set_at(dialect, &path, &value)?
            }
        };
    }
    Ok(message)
}

/// Where a field is: `11`, `55.9F02`.
///
/// # Errors
/// Where the name is that of no field.
pub fn field_path(name: &str) -> Result<Path, FieldsError> {
    let path = name.parse().ok().filter(|path| match path {
        Path::Field(de) | Path::Subfield(de, _) => (2..=Bitmap::LAST).contains(de),
        Path::Mti | Path::Bitmap | Path::End => false,
    });
    path.ok_or_else(|| FieldsError::Name {
        name: name.to_owned(),
    })
}

/// The canonical value of a field as people write it: of bytes, hex.
///
/// # Errors
/// Where it is no hex, or masked.
pub fn field_value(path: &Path, text: &str, dialect: &Dialect) -> Result<Vec<u8>, FieldsError> {
    // Of a card number at least these are masked; of all else that is, all.
    let is_pan = *path == Path::Field(2);
    if text.contains("****") || (is_pan && text.contains('*')) {
        return Err(FieldsError::Masked { path: path.clone() });
    }
    let field = path.data_element().and_then(|de| dialect.field(de));
    let is_bytes = field.is_some_and(|field| match path {
        Path::Subfield(_, inner) => field.content().is_some_and(|it| it.is_bytes(inner)),
        Path::Field(_) | Path::Mti | Path::Bitmap | Path::End => field.class() == Class::B,
    });
    if !is_bytes || text.is_empty() {
        return Ok(text.as_bytes().to_vec());
    }
    let input = as_format(text.as_bytes(), Format::Hex);
    input
        .map(|input| input.bytes)
        .map_err(|error| FieldsError::Bytes {
            path: path.clone(),
            error,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str]) -> Result<Message, FieldsError> {
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        from_arguments(&arguments, Dialect::iso87_bcd())
    }

    #[test]
    fn pairs_and_json_make_the_same_message() {
        let pairs = of(&["mti=0200", "11=000001", "52=DEF247F82B55A358", "35=99=30"]).unwrap();
        let json = r#"{"mti":"0200","11":"000001","52":"DEF247F82B55A358","35":"99=30"}"#;
        assert_eq!(pairs, of(&[json]).unwrap());
        assert_eq!(
            pairs.field(52),
            Some(&b"\xDE\xF2\x47\xF8\x2B\x55\xA3\x58"[..])
        );
        assert_eq!(pairs.text(35), Some("99=30"));
        let shown = r#"{"number":1,"mti":"0200","fields":[{"de":11,"name":"x","value":"000001"},
            {"de":52,"value":"DEF247F82B55A358"},{"de":35,"value":"99=30"}]}"#;
        assert_eq!(pairs, of(&[shown]).unwrap());
    }

    #[test]
    fn subfields_are_set_by_path_of_bytes_in_hex() {
        let sale = of(&["mti=0200", "55.9F02=000000015000", "55.9F1A=0410"]).unwrap();
        let chip = b"\x9F\x02\x06\x00\x00\x00\x01\x50\x00\x9F\x1A\x02\x04\x10";
        assert_eq!(sale.field(55), Some(&chip[..]));
        let json = r#"{"mti":"0200","55.9F02":"000000015000","55.9f1a":"0410"}"#;
        assert_eq!(sale, of(&[json]).unwrap());
        let err = |field: &str| of(&["mti=0200", field]).unwrap_err().to_string();
        assert_eq!(
            err("11.1=1"),
            "DE 11.1: the dialect says of no subfields there"
        );
        assert_eq!(
            err("55.57=****"),
            "DE 55.57: the value is masked: view --unsafe shows it"
        );
        assert!(err("55.9F02=0G").starts_with("DE 55.9F02: bytes are given as hex"));
        assert!(err("55.9F=00").starts_with("DE 55.9F: "));
    }

    #[test]
    fn what_makes_no_message_says_why() {
        let err = |arguments: &[&str]| of(arguments).unwrap_err().to_string();
        insta::assert_snapshot!([
            err(&["mti=0800", "stan"]),
            err(&["11=000001"]),
            err(&["mti=08"]),
            err(&["mti=0800", "1=00"]),
            err(&["mti=0200", "52=DEF2g"]),
            err(&["mti=0200", "2=999999******0005"]),
            err(&[r#"{"mti":"0800","11":1}"#]),
            err(&[r#"{"mti":"0800",}"#]),
            err(&[r#"{"mti":"0800""#]),
        ].join("\n"), @r#"
        argument 2: expected mti=0800 or a field such as 11=000001
        no message type: mti=0800 is missing
        mti: expected 4 digits
        "1": expected mti or a data element from 2 to 192
        DE 52: bytes are given as hex: hex input, line 1, column 5: expected a hex digit, found 'g'
        DE 2: the value is masked: view --unsafe shows it
        11: expected a text in quotes, for leading zeros count
        JSON, line 1, column 15: not JSON
        JSON, line 1, column 13: ends too early
        "#);
    }
}
