//! Composites of moov: subfields by position, tag or bitmap, and BER-TLV.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::composite::{Ber, Bitmapped, Composite, TagCoding, TagForm, Tagged, Unknown};
use crate::spec::{
    Align, BitmapForm, Class, Counting, Encoding, Field, Length, Prefix, PrefixCoding,
};
use crate::spec_file::Reason;
use crate::spec_file::moov::{Import, Node, Reported, words};

/// A length of BER-TLV, for the longest value there is.
const BER_LENGTH: Prefix = Prefix {
    digits: 3,
    coding: PrefixCoding::Binary,
    counting: Counting::Bytes,
};

impl Import {
    /// A composite: text where all in it is ASCII, else bytes.
    pub(super) fn composed(&mut self, node: &Node<'_>, depth: usize) -> Result<Field, Reported> {
        let content = self.content(node, depth)?;
        let (class, encoding) = if is_text(&content) {
            (Class::Ans, Encoding::Ascii)
        } else {
            (Class::B, Encoding::Binary)
        };
        let length = self.extent(node, class)?;
        let field = Field::new(node.text("description").to_owned(), class, encoding, length);
        let field = field.map_err(|impossible| self.fault(&node.path, impossible))?;
        let field = self.padded(node, field)?;
        // Of text, the subfields say which characters it holds.
        let text = class == Class::Ans;
        let field = if text { field.lenient() } else { field };
        self.with(node, field, content)
    }

    fn with(
        &mut self,
        node: &Node<'_>,
        field: Field,
        content: Composite,
    ) -> Result<Field, Reported> {
        let composed = field.composed(content);
        composed.map_err(|impossible| self.fault(&node.path, impossible))
    }

    fn content(&mut self, node: &Node<'_>, depth: usize) -> Result<Composite, Reported> {
        let Some(subfields) = node.node("subfields") else {
            return Err(self.fault(&node.path, Reason::Missing { key: "subfields" }));
        };
        if let Some(bitmap) = node.node("bitmap") {
            return self.bitmapped(&bitmap, &subfields, depth);
        }
        match node.node("tag") {
            Some(tag) if tag.text("enc") == "BerTLVTag" => self.ber(&subfields, depth),
            Some(tag) if tag.value("length").and_then(Value::as_u64) > Some(0) => {
                self.tagged(&tag, &subfields, depth)
            }
            _ => {
                let parts = self.numbered::<u16>(&subfields, depth)?;
                if parts.keys().zip(1..).any(|(key, place)| *key != place) {
                    let note = "subfields are numbered by their place, from 1";
                    self.note(&node.path, note);
                }
                Ok(Composite::Positional(parts.into_values().collect()))
            }
        }
    }

    fn numbered<N: core::str::FromStr + Ord + Copy>(
        &mut self,
        subfields: &Node<'_>,
        depth: usize,
    ) -> Result<BTreeMap<N, Field>, Reported> {
        let before = self.faults.len();
        let mut fields = BTreeMap::new();
        for (number, node) in self.nodes::<N>(&subfields.path, subfields.object) {
            if let Ok(field) = self.field(&node, None, depth + 1) {
                fields.insert(number, field);
            }
        }
        if self.faults.len() > before {
            return Err(Reported);
        }
        Ok(fields)
    }

    fn bitmapped(
        &mut self,
        bitmap: &Node<'_>,
        subfields: &Node<'_>,
        depth: usize,
    ) -> Result<Composite, Reported> {
        let width = self.length::<u8>(bitmap);
        let fields = self.numbered::<u8>(subfields, depth);
        let form = match bitmap.text("enc") {
            "Binary" => BitmapForm::Binary,
            "HexToASCII" => BitmapForm::Hex,
            other => {
                let what = format!("enc `{other}`");
                let why = "a bitmap is Binary or HexToASCII";
                return Err(self.unsupported(bitmap, &what, why));
            }
        };
        let width = match width? {
            0 => 8,
            width => width,
        };
        Ok(Composite::Bitmapped(Bitmapped {
            width,
            form,
            extends: !bitmap.is("disableautoexpand"),
            fields: fields?,
        }))
    }

    fn ber(&mut self, subfields: &Node<'_>, depth: usize) -> Result<Composite, Reported> {
        let before = self.faults.len();
        let mut known = BTreeMap::new();
        for (key, node) in self.nodes::<String>(&subfields.path, subfields.object) {
            if let Ok(field) = self.element(&node, depth) {
                known.insert(key.to_ascii_uppercase(), field);
            }
        }
        if self.faults.len() > before {
            return Err(Reported);
        }
        Ok(Composite::Ber(Ber {
            known,
            unknown: Unknown::Keep,
        }))
    }

    /// A BER-TLV element: its length is not of our prefixes.
    fn element(&mut self, node: &Node<'_>, depth: usize) -> Result<Field, Reported> {
        if node.text("type") == "Composite" {
            let content = self.content(node, depth + 1)?;
            let length = Length::up_to(self.length::<u16>(node)?, BER_LENGTH);
            let name = node.text("description").to_owned();
            let field = Field::new(name, Class::B, Encoding::Binary, length);
            let field = field.map_err(|impossible| self.fault(&node.path, impossible))?;
            return self.with(node, field, content);
        }
        let (class, encoding) = self.shape(node, None)?;
        let length = Length::up_to(self.length::<u16>(node)?, BER_LENGTH);
        let field = Field::new(node.text("description").to_owned(), class, encoding, length);
        field.map_err(|impossible| self.fault(&node.path, impossible))
    }

    fn tagged(
        &mut self,
        tag: &Node<'_>,
        subfields: &Node<'_>,
        depth: usize,
    ) -> Result<Composite, Reported> {
        let coding = match tag.text("enc") {
            "ASCII" | "Binary" => TagCoding::Text,
            "BCD" => TagCoding::Bcd(Align::Right),
            "LBCD" => TagCoding::Bcd(Align::Left),
            "ASCIIToHex" => TagCoding::Binary,
            other => {
                let what = format!("enc `{other}`");
                let why = "a tag is ASCII, Binary, BCD, LBCD or ASCIIToHex";
                return Err(self.unsupported(tag, &what, why));
            }
        };
        let width = self.length::<u8>(tag)?;
        let before = self.faults.len();
        let mut known = BTreeMap::new();
        let mut length = None;
        for (key, node) in self.nodes::<String>(&subfields.path, subfields.object) {
            let prefix = words::prefix(node.text("prefix")).flatten();
            if prefix.is_none() || *length.get_or_insert(prefix) != prefix {
                let what = format!("prefix `{}`", node.text("prefix"));
                let why = "tagged subfields all have a length of one form";
                self.unsupported(&node, &what, why);
            }
            if let Ok(field) = self.field(&node, None, depth + 1) {
                known.insert(filled(&key, tag, usize::from(width)), field);
            }
        }
        let Some((digits, coding_of_length)) = length.flatten() else {
            return Err(self.fault(&subfields.path, Reason::Missing { key: "prefix" }));
        };
        if self.faults.len() > before {
            return Err(Reported);
        }
        Ok(Composite::Tagged(Tagged {
            tag: TagForm { width, coding },
            length: Prefix {
                digits,
                coding: coding_of_length,
                counting: Counting::Bytes,
            },
            prefix: Cow::Borrowed(""),
            known,
            unknown: Unknown::Keep,
        }))
    }
}

/// A tag as it stands on the wire.
fn filled(key: &str, tag: &Node<'_>, width: usize) -> String {
    let Some(padding) = tag.node("padding") else {
        return key.to_owned();
    };
    let missing = width.saturating_sub(key.len());
    let filler = padding.text("pad").repeat(missing);
    match padding.text("type") {
        "Left" => filler + key,
        "Right" => key.to_owned() + &filler,
        _ => key.to_owned(),
    }
}

/// Is all of a value ASCII?
fn is_text(content: &Composite) -> bool {
    match content {
        Composite::Positional(parts) => parts.iter().all(is_ascii),
        Composite::Tagged(tagged) => {
            let length = Length::up_to(0, tagged.length);
            let text = tagged.tag.coding == TagCoding::Text && binary_free(length);
            text && tagged.known.values().all(is_ascii)
        }
        Composite::Bitmapped(bitmapped) => {
            bitmapped.form == BitmapForm::Hex && bitmapped.fields.values().all(is_ascii)
        }
        Composite::Ber(_) | Composite::Coded { .. } => false,
    }
}

fn is_ascii(field: &Field) -> bool {
    field.encoding() == Encoding::Ascii && binary_free(field.length())
}

const fn binary_free(length: Length) -> bool {
    match length {
        Length::Fixed(_) => true,
        Length::Variable { prefix, .. } => {
            matches!(prefix.coding, PrefixCoding::Ascii | PrefixCoding::Hex)
        }
    }
}
