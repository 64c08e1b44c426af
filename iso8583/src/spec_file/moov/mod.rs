//! Specs of moov-io/iso8583: the JSON its `specs.Builder` writes.
//!
//! Types, encodings and prefixes are made our four axes; composites become subfields by position,
//! by tag, by bitmap, or BER-TLV. What the JSON does not say comes from the 1987 standard's element
//! of the same number: what may be printed, and whether packed digits are a track's. What has no
//! like is refused by name, all such of a file at once.

mod composite;
mod words;

use core::str::FromStr;

use serde_json::{Map, Value};

use crate::spec::{
    BitmapForm, Class, Counting, Dialect, DialectBuilder, Field, Length, Maps, MtiCoding, Padding,
    Prefix,
};
use crate::spec_file::{
    Fault, Imported, NESTING_MAX, Place, Reason, SpecFileError, build, check_size, standard,
    visibility,
};

/// Reads a spec. The dialect is named after the spec, in small letters and dashes.
///
/// # Errors
/// Every fault of the text: see [`SpecFileError`].
pub fn read(text: &str) -> Result<Imported, SpecFileError> {
    check_size(text)?;
    let value: Value =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
            let mut fault = Fault::new("", Reason::Syntax(error.to_string()));
            fault.place = Some(Place {
                line: error.line(),
                column: error.column(),
            });
            fault
        })?;
    let mut import = Import::default();
    let builder = import.spec(&value);
    let dialect = builder.and_then(|builder| build(builder, &mut import.faults));
    match dialect {
        Some(dialect) if import.faults.is_empty() => Ok(Imported {
            dialect,
            notes: import.notes,
        }),
        _ => Err(SpecFileError::of(import.faults)),
    }
}

/// The fault is on the list: go on with the next field.
#[derive(Clone, Copy, Debug)]
struct Reported;

#[derive(Debug, Default)]
struct Import {
    faults: Vec<Fault>,
    notes: Vec<String>,
}

/// An object of the JSON and its path.
#[derive(Clone, Debug)]
struct Node<'v> {
    path: String,
    object: &'v Map<String, Value>,
}

impl<'v> Node<'v> {
    /// The value of a key, in whatever case, as Go reads it.
    fn value(&self, key: &str) -> Option<&'v Value> {
        let same = |(known, _): &(&String, &Value)| known.eq_ignore_ascii_case(key);
        self.object.iter().find(same).map(|(_, value)| value)
    }

    fn text(&self, key: &str) -> &'v str {
        self.value(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn is(&self, key: &str) -> bool {
        self.value(key).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The object under a key.
    fn node(&self, key: &str) -> Option<Self> {
        Some(Self {
            path: format!("{}.{key}", self.path),
            object: self.value(key)?.as_object()?,
        })
    }
}

impl Import {
    fn fault(&mut self, path: &str, reason: impl Into<Reason>) -> Reported {
        self.faults.push(Fault::new(path, reason));
        Reported
    }

    fn unsupported(&mut self, node: &Node<'_>, what: &str, why: &'static str) -> Reported {
        let what = what.to_owned();
        self.fault(&node.path, Reason::Unsupported { what, why })
    }

    fn note(&mut self, path: &str, note: &str) {
        self.notes.push(format!("{path}: {note}"));
    }

    fn spec(&mut self, value: &Value) -> Option<DialectBuilder> {
        let Some(fields) = value.get("fields").and_then(Value::as_object) else {
            self.fault("", Reason::Missing { key: "fields" });
            return None;
        };
        let title = value
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut builder = Dialect::builder(slug(title)).title(title.to_owned());
        let numbered = self.nodes("fields", fields);
        let mut highest = 0;
        for (de, node) in &numbered {
            match de {
                0 => {
                    if let Ok(mti) = self.mti(node) {
                        builder = builder.mti(mti);
                    }
                }
                1 => {}
                65 if node.text("type") == "Bitmap" => highest = 192,
                _ => {
                    highest = highest.max(*de);
                    if let Ok(field) = self.field(node, Some(*de), 1) {
                        builder = builder.field(*de, field.shown(visibility(*de)));
                    }
                }
            }
        }
        for (de, key) in [(0, "0"), (1, "1")] {
            if !numbered.iter().any(|(known, _)| *known == de) {
                self.fault("fields", Reason::Missing { key });
            }
        }
        let bitmap = numbered.iter().find(|(de, _)| *de == 1);
        match bitmap.map(|(_, node)| self.bitmap(node, highest)) {
            Some(Ok((form, maps))) => Some(builder.bitmap(form, maps)),
            // More maps than there may be, so that no field is told to have no bit.
            Some(Err(Reported)) | None => Some(builder.bitmap(BitmapForm::Binary, Maps::UpTo(3))),
        }
    }

    /// The objects of an object under numbers, ascending.
    fn nodes<'v, N: FromStr + Ord>(
        &mut self,
        path: &str,
        object: &'v Map<String, Value>,
    ) -> Vec<(N, Node<'v>)> {
        let mut nodes = Vec::with_capacity(object.len());
        for (key, value) in object {
            let path = format!("{path}.{key}");
            let Ok(number) = key.parse::<N>() else {
                self.fault(&path, Reason::value("the number of a field", key));
                continue;
            };
            match value.as_object() {
                Some(object) => nodes.push((number, Node { path, object })),
                None => {
                    self.fault(&path, Reason::value("an object", &value.to_string()));
                }
            }
        }
        nodes.sort_by(|(left, _), (right, _)| left.cmp(right));
        nodes
    }

    fn mti(&mut self, node: &Node<'_>) -> Result<MtiCoding, Reported> {
        match node.text("enc") {
            "ASCII" => Ok(MtiCoding::Ascii),
            "BCD" => Ok(MtiCoding::Bcd),
            "EBCDIC" | "EBCDIC1047" => Ok(MtiCoding::Ebcdic),
            other => {
                let what = format!("enc `{other}`");
                Err(self.unsupported(node, &what, "an MTI is ASCII, BCD or EBCDIC"))
            }
        }
    }

    fn bitmap(&mut self, node: &Node<'_>, highest: u8) -> Result<(BitmapForm, Maps), Reported> {
        let form = match (node.text("type"), node.text("enc")) {
            ("Bitmap", "Binary") => BitmapForm::Binary,
            ("Bitmap", "HexToASCII") => BitmapForm::Hex,
            (kind, encoding) => {
                let what = format!("type `{kind}` with enc `{encoding}`");
                let why = "field 1 is a Bitmap, Binary or HexToASCII";
                return Err(self.unsupported(node, &what, why));
            }
        };
        if !node.is("disableautoexpand") {
            let maps = if highest > 128 { 3 } else { 2 };
            return Ok((form, Maps::UpTo(maps)));
        }
        match self.length::<u16>(node)? {
            0 | 8 => Ok((form, Maps::Fixed(1))),
            16 => Ok((form, Maps::Fixed(2))),
            24 => Ok((form, Maps::Fixed(3))),
            length => {
                let reason = Reason::value("8, 16 or 24 bytes", &length.to_string());
                Err(self.fault(&node.path, reason))
            }
        }
    }

    /// The length of a field; 0 where nothing is said, as Go reads it.
    fn length<N: TryFrom<u64> + Default>(&mut self, node: &Node<'_>) -> Result<N, Reported> {
        let Some(value) = node.value("length") else {
            return Ok(N::default());
        };
        let length = value.as_u64().and_then(|length| N::try_from(length).ok());
        length.ok_or_else(|| {
            let path = format!("{}.length", node.path);
            self.fault(
                &path,
                Reason::value("a length up to 65535", &value.to_string()),
            )
        })
    }

    fn field(&mut self, node: &Node<'_>, de: Option<u8>, depth: usize) -> Result<Field, Reported> {
        if depth > NESTING_MAX {
            return Err(self.fault(&node.path, Reason::Nesting));
        }
        if node.text("type") == "Composite" {
            return self.composed(node, depth);
        }
        let (class, encoding) = self.shape(node, de)?;
        let length = self.extent(node, class)?;
        let field = Field::new(node.text("description").to_owned(), class, encoding, length);
        let field = field.map_err(|impossible| self.fault(&node.path, impossible))?;
        self.padded(node, field)
    }

    fn shape(
        &mut self,
        node: &Node<'_>,
        de: Option<u8>,
    ) -> Result<(Class, crate::spec::Encoding), Reported> {
        let (kind, encoding) = (node.text("type"), node.text("enc"));
        let track = de.and_then(standard).map(Field::class) == Some(Class::Z);
        let digits = if track { Class::Z } else { Class::N };
        words::shape(kind, encoding, digits).ok_or_else(|| {
            let what = format!("type `{kind}` with enc `{encoding}`");
            self.unsupported(node, &what, "no field of ours stands so on the wire")
        })
    }

    fn extent(&mut self, node: &Node<'_>, class: Class) -> Result<Length, Reported> {
        let max = self.length::<u16>(node)?;
        let counting = if class == Class::B {
            Counting::Bytes
        } else {
            Counting::Characters
        };
        match words::prefix(node.text("prefix")) {
            Some(None) => Ok(Length::Fixed(max)),
            Some(Some((digits, coding))) => Ok(Length::up_to(
                max,
                Prefix {
                    digits,
                    coding,
                    counting,
                },
            )),
            None => {
                let what = format!("prefix `{}`", node.text("prefix"));
                Err(self.unsupported(node, &what, "no length is written so here"))
            }
        }
    }

    fn padded(&mut self, node: &Node<'_>, field: Field) -> Result<Field, Reported> {
        let Some(says) = node.node("padding") else {
            return Ok(field);
        };
        let (kind, filler) = (says.text("type"), says.text("pad"));
        let padding = match (kind, filler.as_bytes()) {
            ("None", _) => return Ok(field),
            ("Left", [filler]) => Padding::Left(*filler),
            ("Right", [filler]) => Padding::Right(*filler),
            _ => {
                let expected = "Left, Right or None with one ASCII character";
                let found = format!("{kind} with `{filler}`");
                return Err(self.fault(&says.path, Reason::value(expected, &found)));
            }
        };
        if matches!(field.length(), Length::Variable { .. }) {
            self.note(
                &node.path,
                "short values are written as they are, not filled",
            );
            return Ok(field);
        }
        let padded = field.padded(padding);
        padded.map_err(|impossible| self.fault(&says.path, impossible))
    }
}

/// A name as configurations use it.
fn slug(title: &str) -> String {
    let words = title.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    match words.join("-") {
        empty if empty.is_empty() => "moov".to_owned(),
        name => name.to_ascii_lowercase(),
    }
}
