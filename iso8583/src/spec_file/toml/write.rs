//! A dialect in the own form: every field in full, so that it stands on no base.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use crate::composite::Composite;
use crate::rules::{FieldRule, Presence, Rules};
use crate::spec::{Dialect, Encoding, Field, Length, Maps, Padding, Prefix};
use crate::spec_file::toml::rules::spelled as spelled_out;
use crate::spec_file::toml::words::{self, word_of};

/// The text of a dialect; [`read`](super::read) makes the same dialect of it.
#[must_use]
pub fn write(dialect: &Dialect) -> String {
    let mut out = Out::default();
    out.string("name", dialect.name());
    if !dialect.title().is_empty() {
        out.string("title", dialect.title());
    }
    if let Some(framing) = dialect.framing() {
        out.string("framing", framing);
    }
    if !dialect.lead().is_empty() {
        let digits: String = dialect
            .lead()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        out.string("lead", &digits);
    }
    out.string("mti", word_of(&words::MTI, dialect.mti()));
    let coding = dialect.bitmap();
    out.string("bitmap", word_of(&words::BITMAP, coding.form));
    match coding.maps {
        Maps::UpTo(count) => out.line("maps", count),
        Maps::Fixed(_) => out.string("maps", word_of(&words::FIXED_MAPS, coding.maps)),
    }
    let rules = dialect.rules();
    let built_in = rules.filter(|rules| Rules::built_in().contains(rules));
    if let Some(rules) = built_in {
        out.string("rules", rules.name());
    }
    for (de, field) in dialect.fields() {
        out.field(&format!("fields.{de}"), field);
    }
    if let Some(rules) = rules.filter(|_| built_in.is_none()) {
        out.rules(rules, dialect.name());
    }
    out.text
}

#[derive(Debug, Default)]
struct Out {
    text: String,
}

impl Out {
    fn put(&mut self, line: core::fmt::Arguments<'_>) {
        // A String takes all that is written to it.
        let _always = self.text.write_fmt(line);
    }

    fn line(&mut self, key: &str, value: impl core::fmt::Display) {
        self.put(format_args!("{key} = {value}\n"));
    }

    fn string(&mut self, key: &str, value: &str) {
        self.line(key, quoted(value));
    }

    fn header(&mut self, path: &str) {
        self.put(format_args!("\n[{path}]\n"));
    }

    fn field(&mut self, path: &str, field: &Field) {
        self.header(path);
        self.body(path, field);
    }

    fn body(&mut self, path: &str, field: &Field) {
        self.string("name", field.name());
        self.string("class", field.class().notation());
        self.encoding(field.encoding());
        match field.length() {
            Length::Fixed(length) => self.line("length", length),
            Length::Variable { prefix, max } => {
                self.line(
                    "length",
                    format_args!("{{ max = {max}, {} }}", spelled(prefix)),
                );
            }
        }
        if let Some(padding) = field.padding() {
            let side = match padding {
                Padding::Left(_) => "left",
                Padding::Right(_) => "right",
            };
            let filler = filler(padding.filler());
            self.line(
                "padding",
                format_args!("{{ side = \"{side}\", with = {filler} }}"),
            );
        }
        if field.is_lenient() {
            self.line("lenient", true);
        }
        self.string("shown", word_of(&words::VISIBILITY, field.visibility()));
        if let Some(content) = field.content() {
            self.composite(&format!("{path}.subfields"), content);
        }
    }

    fn encoding(&mut self, encoding: Encoding) {
        let Encoding::Bcd { align, fill } = encoding else {
            self.string("encoding", word_of(&words::ENCODING, encoding));
            return;
        };
        let unfilled = Encoding::Bcd { align, fill: 0 };
        self.string("encoding", word_of(&words::ENCODING, unfilled));
        if fill > 0 {
            self.string("fill", &format!("{fill:X}"));
        }
    }

    fn composite(&mut self, path: &str, composite: &Composite) {
        self.header(path);
        match composite {
            Composite::Positional(parts) => {
                self.string("form", "positional");
                if parts.is_empty() {
                    self.line("parts", "[]");
                }
                for part in parts {
                    self.put(format_args!("\n[[{path}.parts]]\n"));
                    self.body(&format!("{path}.parts"), part);
                }
            }
            Composite::Tagged(tagged) => {
                self.string("form", "tagged");
                let coding = word_of(&words::TAG_CODING, tagged.tag.coding);
                let width = tagged.tag.width;
                self.line(
                    "tag",
                    format_args!("{{ width = {width}, coding = \"{coding}\" }}"),
                );
                self.line("length", format_args!("{{ {} }}", spelled(tagged.length)));
                if !tagged.prefix.is_empty() {
                    self.string("prefix", &tagged.prefix);
                }
                self.string("unknown", word_of(&words::UNKNOWN, tagged.unknown));
                self.tags(path, &tagged.known);
            }
            Composite::Ber(ber) => {
                self.string("form", "ber");
                self.string("unknown", word_of(&words::UNKNOWN, ber.unknown));
                self.tags(path, &ber.known);
            }
            Composite::Bitmapped(bitmapped) => {
                self.string("form", "bitmapped");
                self.line("width", bitmapped.width);
                self.string("bitmap", word_of(&words::BITMAP, bitmapped.form));
                self.line("extends", bitmapped.extends);
                self.header(&format!("{path}.bits"));
                for (bit, field) in &bitmapped.fields {
                    self.field(&format!("{path}.bits.{bit}"), field);
                }
            }
            Composite::Coded { code, rest } => {
                self.string("form", "coded");
                self.field(&format!("{path}.code"), code);
                self.composite(&format!("{path}.rest"), rest);
            }
        }
    }

    fn rules(&mut self, rules: &Rules, dialect: &str) {
        self.header("rules");
        if rules.name() != dialect {
            self.string("name", rules.name());
        }
        for list in rules.messages() {
            self.header(&format!("rules.{}", list.mti()));
            for rule in list.fields() {
                self.rule(rule);
            }
        }
    }

    fn rule(&mut self, rule: &FieldRule) {
        let code = rule.code();
        let Presence::Conditional(when) = rule.presence() else {
            return self.string(&rule.de().to_string(), code);
        };
        let mut keys = format!("rule = \"{code}\"");
        let conditions = [("when", when.required()), ("only-when", when.allowed())];
        for (key, condition) in conditions {
            if let Some(condition) = condition {
                let condition = quoted(&condition.to_string());
                let _always = write!(keys, ", {key} = {condition}");
            }
        }
        let usual = when.required().or_else(|| when.allowed()).map(spelled_out);
        if usual.as_deref() != Some(when.words()) {
            let _always = write!(keys, ", words = {}", quoted(when.words()));
        }
        self.line(&rule.de().to_string(), format_args!("{{ {keys} }}"));
    }

    fn tags(&mut self, path: &str, known: &BTreeMap<String, Field>) {
        for (tag, field) in known {
            self.field(&format!("{path}.tags.{}", quoted(tag)), field);
        }
    }
}

fn spelled(prefix: Prefix) -> String {
    let letters = "L".repeat(usize::from(prefix.digits));
    let coding = word_of(&words::PREFIX_CODING, prefix.coding);
    let counts = word_of(&words::COUNTING, prefix.counting);
    format!("prefix = \"{letters}\", prefix-coding = \"{coding}\", counts = \"{counts}\"")
}

fn filler(filler: u8) -> String {
    match filler {
        b' '..=b'~' => quoted(char::from(filler).encode_utf8(&mut [0; 4])),
        _ => filler.to_string(),
    }
}

/// A basic string: on one line, with everything escaped that must be.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control.is_control() => {
                let _always = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
