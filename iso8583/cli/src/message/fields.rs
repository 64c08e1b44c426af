//! A message of fields as people write them: `mti=0800 11=000001`, or JSON.

use iso8583::spec::Class;
use iso8583::{Bitmap, Dialect, Message, Mti, Path, PathError};
use serde_json::{Map, Value};
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
    /// A field that is given more than once.
    #[error("{name}: given twice")]
    Twice {
        /// Its name.
        name: String,
    },
    /// More than one JSON object.
    #[error("JSON: expected one object, found more: give one message")]
    Several,
    /// What view shows of a message that it could not read to its end.
    #[error("JSON: the message is not whole: {error}")]
    NotWhole {
        /// What view says is wrong with it.
        error: String,
    },
    /// JSON of a dialect that is not built in.
    #[error(
        "JSON: the message is in dialect {name:?}, which is not built in: give its file as --spec"
    )]
    Dialect {
        /// Its name.
        name: String,
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

/// A message of arguments, one JSON object or a field each, and its dialect: the one asked for,
/// else that which the JSON names, else `iso87-ascii`.
///
/// JSON is `{"mti": "0800", "11": "000001"}`, or an object of `view --format json --unsafe`. In
/// that, subfields that were changed are set in the value of their field.
///
/// # Errors
/// The first argument that is no field.
pub fn from_arguments(
    arguments: &[String],
    asked: Option<&'static Dialect>,
) -> Result<(&'static Dialect, Message), FieldsError> {
    if let [json] = arguments
        && is_json(json)
    {
        return from_json(json, asked);
    }
    let dialect = asked.unwrap_or_else(Dialect::iso87_ascii);
    let mut fields = Vec::new();
    for (position, argument) in (1..).zip(arguments) {
        let (name, value) = pair(argument).ok_or(FieldsError::NoPair { position })?;
        fields.push((name.to_owned(), value.to_owned()));
    }
    Ok((dialect, of_fields(&fields, dialect)?))
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

fn from_json(
    text: &str,
    asked: Option<&'static Dialect>,
) -> Result<(&'static Dialect, Message), FieldsError> {
    let object = one_object(text)?;
    let part = |name: &str| object.get(name).and_then(Value::as_str);
    let dialect = match (asked, part("dialect")) {
        (Some(asked), _) => asked,
        (None, Some(name)) => Dialect::named(name).ok_or_else(|| FieldsError::Dialect {
            name: name.to_owned(),
        })?,
        (None, None) => Dialect::iso87_ascii(),
    };
    if let Some(error) = part("error").or_else(|| part("skipped")) {
        return Err(FieldsError::NotWhole {
            error: error.to_owned(),
        });
    }
    let mut fields = Vec::new();
    match object.get("fields").and_then(Value::as_array) {
        None => {
            for (name, value) in &object {
                fields.push((name.clone(), text_of(name, value)?));
            }
        }
        Some(list) => {
            let mti = object.get("mti").ok_or(FieldsError::NoMti)?;
            fields.push(("mti".to_owned(), text_of("mti", mti)?));
            for field in list {
                shown_field(field, &mut fields)?;
            }
        }
    }
    Ok((dialect, of_fields(&fields, dialect)?))
}

fn one_object(text: &str) -> Result<Map<String, Value>, FieldsError> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next().ok_or(FieldsError::NoMti)?;
    let value = value.map_err(|error| FieldsError::Json {
        line: error.line(),
        column: error.column(),
        // What serde says may repeat a value.
        what: if error.is_eof() {
            "ends too early"
        } else {
            "not JSON"
        },
    })?;
    match (value, values.next()) {
        (Value::Object(object), None) => Ok(object),
        _ => Err(FieldsError::Several),
    }
}

/// A field as view shows it: its value, and its subfields in that.
fn shown_field(field: &Value, fields: &mut Vec<(String, String)>) -> Result<(), FieldsError> {
    let name = match field.get("de") {
        Some(Value::String(name)) => name.clone(),
        de => de.unwrap_or(&Value::Null).to_string(),
    };
    let subfields = field.get("subfields").and_then(Value::as_array);
    let subfields = subfields.map_or(&[][..], Vec::as_slice);
    match field.get("value") {
        // Its subfields say it all, or are masked themselves.
        Some(Value::String(value)) if is_masked(value) && !subfields.is_empty() => {}
        None if !subfields.is_empty() => {}
        value => {
            let value = text_of(&name, value.unwrap_or(&Value::Null))?;
            fields.push((name, value));
        }
    }
    for subfield in subfields {
        // A template has none, nor has what could not be read.
        if let Some(value) = subfield.get("value") {
            let path = text_of("path", subfield.get("path").unwrap_or(&Value::Null))?;
            let value = text_of(&path, value)?;
            fields.push((path, value));
        }
    }
    Ok(())
}

fn text_of(name: &str, value: &Value) -> Result<String, FieldsError> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| FieldsError::NoText {
        name: name.to_owned(),
    })
}

fn of_fields(fields: &[(String, String)], dialect: &Dialect) -> Result<Message, FieldsError> {
    let is_mti = |name: &str| name.eq_ignore_ascii_case("mti");
    let mti = fields.iter().find(|(name, _)| is_mti(name));
    let (_, mti) = mti.ok_or(FieldsError::NoMti)?;
    let mti: Mti = mti.parse().map_err(|_| FieldsError::Mti)?;
    let mut message = Message::new(mti);
    let mut names = fields.iter().map(|(name, _)| name.as_str());
    while let Some(name) = names.next() {
        if names.clone().any(|other| other.eq_ignore_ascii_case(name)) {
            let name = name.to_owned();
            return Err(FieldsError::Twice { name });
        }
    }
    for (name, value) in fields.iter().filter(|(name, _)| !is_mti(name)) {
        let path = field_path(name)?;
        let value = field_value(&path, value, dialect)?;
        match path {
            // A value that the dialect would not take is found when the message is written.
            Path::Field(de) => message.set(de, &value),
            path @ (Path::Subfield(..) | Path::Mti | Path::Bitmap | Path::End) => {
                // What is there stays as it is written.
                let old = message.value_at(dialect, &path)?;
                if old.is_some_and(|old| *old == value) {
                    continue;
                }
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
    let is_pan = *path == Path::Field(2);
    if is_masked(text) || (is_pan && text.contains('*')) {
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

/// Of a card number at least so many digits are masked; of all else that is, all is these.
fn is_masked(text: &str) -> bool {
    text.contains("****")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shown::Shown;

    fn of(arguments: &[&str]) -> Result<Message, FieldsError> {
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        from_arguments(&arguments, Some(Dialect::iso87_bcd())).map(|(_, message)| message)
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

    /// Of every golden message, in the dialect that the JSON names.
    #[test]
    fn what_is_shown_in_clear_is_made_again_byte_for_byte() {
        let golden = include_str!("../../../../tests/vectors/golden-messages.json");
        let golden: Value = serde_json::from_str(golden).unwrap();
        for golden in golden["messages"].as_array().unwrap() {
            let dialect = match golden["profile"].as_str().unwrap() {
                "ascii" => Dialect::iso87_ascii(),
                "ascii_binmap" => Dialect::iso87_ascii_binmap(),
                _ => Dialect::iso87_bcd(),
            };
            let wire = as_format(golden["hex"].as_str().unwrap().as_bytes(), Format::Hex);
            let wire = wire.unwrap().bytes;
            let message = dialect.decode(&wire).unwrap();
            let shown = json!({
                "dialect": dialect.name(),
                "mti": message.mti().to_string(),
                "fields": Shown::new(dialect, &message, true).json(),
            });
            let (found, again) = from_arguments(&[shown.to_string()], None).unwrap();
            let mut written = bytes::BytesMut::new();
            found.encode(&again, &mut written).unwrap();
            assert_eq!((found.name(), &written[..]), (dialect.name(), &wire[..]));
        }
    }

    #[test]
    fn subfields_that_were_changed_are_set_and_others_stay_as_they_were_written() {
        let changed = |value: &str, country: &str| {
            let json = json!({"mti": "0200", "fields": [{"de": 55, "value": value, "subfields": [
                {"path": "55.9F02", "value": "000000015000"},
                {"path": "55.70"},
                {"path": "55.70.5F24", "value": "301231"},
                {"path": "55.9F1A", "value": country},
                {"path": "55.9F1A#2", "value": "0840"},
            ]}]});
            let message = of(&[&json.to_string()])?;
            Ok::<_, FieldsError>(crate::shown::hex(message.field(55).unwrap()))
        };
        // The length of 9F02 is in a longer form than it needs to be.
        let value = "9F028106000000015000 70065F2403301231 9F1A020410 9F1A020840";
        let same = value.replace(' ', "");
        assert_eq!(changed(value, "0410").unwrap(), same);
        let other = same.replace("9F1A020410", "9F1A020392");
        assert_eq!(changed(value, "0392").unwrap(), other);
        let masked = changed(value, "****").unwrap_err().to_string();
        assert_eq!(
            masked,
            "DE 55.9F1A: the value is masked: view --unsafe shows it"
        );
        // Of a value that is masked, subfields make another.
        let made = changed("****", "0410").unwrap();
        assert_eq!(
            made,
            "9F020600000001500070065F24033012319F1A0204109F1A020840"
        );
    }

    #[test]
    fn json_of_more_or_less_than_a_message_is_refused() {
        let err = |json: &str| {
            from_arguments(&[json.to_owned()], None)
                .unwrap_err()
                .to_string()
        };
        insta::assert_snapshot!([
            err(r#"{"mti":"0800"} {"mti":"0800"}"#),
            err(r#"{"mti":"0800","error":"DE 4 at byte 40: not a hex digit","fields":[]}"#),
            err(r#"{"mti":"0800","dialect":"toyland","fields":[]}"#),
            err(r#"{"mti":"0800","fields":[{"value":"000001"}]}"#),
            err(r#"{"mti":"0800","fields":[{"de":11}]}"#),
            err(r#"{"fields":[]}"#),
        ].join("\n"), @r#"
        JSON: expected one object, found more: give one message
        JSON: the message is not whole: DE 4 at byte 40: not a hex digit
        JSON: the message is in dialect "toyland", which is not built in: give its file as --spec
        "null": expected mti or a data element from 2 to 192
        11: expected a text in quotes, for leading zeros count
        no message type: mti=0800 is missing
        "#);
    }

    #[test]
    fn what_makes_no_message_says_why() {
        let err = |arguments: &[&str]| of(arguments).unwrap_err().to_string();
        insta::assert_snapshot!([
            err(&["mti=0800", "stan"]),
            err(&["11=000001"]),
            err(&["mti=08"]),
            err(&["mti=0800", "1=00"]),
            err(&["mti=0200", "11=000001", "11=000002"]),
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
        11: given twice
        DE 52: bytes are given as hex: hex input, line 1, column 5: expected a hex digit, found 'g'
        DE 2: the value is masked: view --unsafe shows it
        11: expected a text in quotes, for leading zeros count
        JSON, line 1, column 15: not JSON
        JSON, line 1, column 13: ends too early
        "#);
    }
}
