//! Packagers of jPOS: the XML of its `GenericPackager`.
//!
//! The classes of fields are made encodings, lengths and padding; so are nested
//! `isofieldpackager`s, by position, by bitmap, by tag (`GenericTaggedFieldsPackager`, and
//! `EuroSubFieldPackager` with its code in front) and BER-TLV (`BERTLVBinaryPackager`). What the
//! XML does not say comes from the 1987 standard's element of the same number: what may be printed,
//! and whether digits are a track's. A class without a like is refused by name, all such of a file
//! at once.

mod class;
mod xml;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::composite::{Ber, Bitmapped, Composite, TagCoding, TagForm, Tagged, Unknown};
use crate::spec::{
    BitmapForm, Class, Counting, Dialect, DialectBuilder, Field, Maps, MtiCoding, Prefix,
    PrefixCoding,
};
use crate::spec_file::jpos::class::{Form, Kind, Says};
use crate::spec_file::jpos::xml::Element;
use crate::spec_file::{
    FAULTS_MAX, Fault, Imported, Reason, SpecFileError, build, check_size, standard, visibility,
};

/// Reads a packager. The dialect is named `jpos`, for the XML has no name.
///
/// # Errors
/// Every fault of the text: see [`SpecFileError`].
pub fn read(text: &str) -> Result<Imported, SpecFileError> {
    check_size(text)?;
    let root = xml::parse(text)?;
    let mut import = Import {
        text,
        faults: Vec::new(),
        notes: Vec::new(),
    };
    let builder = import.packager(&root);
    let dialect = build(builder, &mut import.faults);
    located(&mut import.faults, text, &root);
    match dialect {
        Some(dialect) if import.faults.is_empty() => Ok(Imported {
            dialect,
            notes: import.notes,
        }),
        _ => Err(SpecFileError::of(import.faults)),
    }
}

/// Gives the faults of the dialect as a whole the places of the elements they are about.
fn located(faults: &mut [Fault], text: &str, root: &Element) {
    for fault in faults.iter_mut().filter(|fault| fault.place.is_none()) {
        let id = fault.path.strip_prefix("fields.").unwrap_or_default();
        let element = root.children.iter().find(|element| element.is("id", id));
        let located = Fault::new(format!("field {id}"), fault.reason.clone());
        *fault = located.at(text, element.map_or(0, |element| element.at));
    }
}

/// The fault is on the list: go on with the next element.
#[derive(Clone, Copy, Debug)]
struct Reported;

#[derive(Debug)]
struct Import<'t> {
    text: &'t str,
    faults: Vec<Fault>,
    notes: Vec<String>,
}

impl Import<'_> {
    fn fault(&mut self, element: &Element, path: &str, reason: impl Into<Reason>) -> Reported {
        if self.faults.len() < FAULTS_MAX {
            let fault = Fault::new(path, reason).at(self.text, element.at);
            self.faults.push(fault);
        }
        Reported
    }

    fn unsupported(
        &mut self,
        element: &Element,
        path: &str,
        what: &str,
        why: &'static str,
    ) -> Reported {
        let what = what.to_owned();
        self.fault(element, path, Reason::Unsupported { what, why })
    }

    fn note(&mut self, path: &str, note: &str) {
        self.notes.push(format!("{path}: {note}"));
    }

    fn packager(&mut self, root: &Element) -> DialectBuilder {
        let mut builder = Dialect::builder("jpos").title("a packager of jPOS");
        if root.name != "isopackager" {
            self.fault(root, "", Reason::value("<isopackager>", &root.name));
            return builder;
        }
        if root.is("emitBitmap", "false")
            || root.attribute("bitmapField").is_some_and(|de| de != "1")
        {
            let why = "messages have their bitmap behind the MTI";
            self.unsupported(
                root,
                "isopackager",
                "a bitmap elsewhere than in field 1",
                why,
            );
        }
        if let Ok(length) = self.number::<u8>(root, "isopackager", "headerLength", Some(0))
            && length > 0
        {
            builder = builder.lead(vec![0; usize::from(length)]);
            self.note("isopackager", "the header of our own messages is zeros");
        }
        let (mut mti, mut bitmap, mut third) = (None, None, false);
        for element in &root.children {
            let Ok(id) = self.number::<u8>(element, &element.name, "id", None) else {
                continue;
            };
            let path = format!("field {id}");
            let class = element.attribute("class").unwrap_or_default();
            match id {
                0 => mti = self.mti(element, &path).ok().or(mti),
                1 => bitmap = self.bitmap(element, &path).ok().or(bitmap),
                65 if bitmap_form(class).is_some() => third = true,
                _ => {
                    if let Ok(Some(field)) = self.element(element, &path, Some(id)) {
                        builder = builder.field(id, field.shown(visibility(id)));
                    }
                }
            }
        }
        for (id, key) in [("0", "isofield id=0"), ("1", "isofield id=1")] {
            if !root.children.iter().any(|element| element.is("id", id)) {
                self.fault(root, "isopackager", Reason::Missing { key });
            }
        }
        if let Some(mti) = mti {
            builder = builder.mti(mti);
        }
        let (form, maps) = bitmap.unwrap_or((BitmapForm::Binary, 3));
        builder.bitmap(form, Maps::UpTo(if third { 3 } else { maps }))
    }

    fn mti(&mut self, element: &Element, path: &str) -> Result<MtiCoding, Reported> {
        let class = element.attribute("class").unwrap_or_default();
        match class::simple(class) {
            "IFA_NUMERIC" | "IF_CHAR" => Ok(MtiCoding::Ascii),
            "IFB_NUMERIC" => Ok(MtiCoding::Bcd),
            "IFE_NUMERIC" | "IFE_CHAR" | "IF_ECHAR" => Ok(MtiCoding::Ebcdic),
            _ => Err(self.unsupported(element, path, class, "an MTI is four digits")),
        }
    }

    fn bitmap(&mut self, element: &Element, path: &str) -> Result<(BitmapForm, u8), Reported> {
        let class = element.attribute("class").unwrap_or_default();
        let Some(form) = bitmap_form(class) else {
            let why = "field 1 is the bitmap";
            return Err(self.unsupported(element, path, class, why));
        };
        match self.number::<u16>(element, path, "length", None)? {
            8 => Ok((form, 1)),
            16 => Ok((form, 2)),
            24 => Ok((form, 3)),
            length => {
                let reason = Reason::value("8, 16 or 24 bytes", &length.to_string());
                Err(self.fault(element, path, reason))
            }
        }
    }

    /// A number of an attribute.
    fn number<T: core::str::FromStr>(
        &mut self,
        element: &Element,
        path: &str,
        key: &'static str,
        absent: Option<T>,
    ) -> Result<T, Reported> {
        match (element.attribute(key), absent) {
            (None, Some(absent)) => Ok(absent),
            (None, None) => Err(self.fault(element, path, Reason::Missing { key })),
            (Some(text), _) => text.trim().parse().map_err(|_| {
                let expected = format!("a number in `{key}`");
                self.fault(element, path, Reason::value(expected, text))
            }),
        }
    }

    /// A field; None where the class puts nothing on the wire.
    fn element(
        &mut self,
        element: &Element,
        path: &str,
        de: Option<u8>,
    ) -> Result<Option<Field>, Reported> {
        let Some(class) = element.attribute("class") else {
            return Err(self.fault(element, path, Reason::Missing { key: "class" }));
        };
        let (kind, prefix) = match class::form(class) {
            Form::Value(kind, prefix) => (kind, prefix),
            Form::Nothing => return Ok(None),
            Form::Unlike(why) => return Err(self.unsupported(element, path, class, why)),
        };
        let track = de
            .and_then(standard)
            .filter(|field| field.class() == Class::Z);
        let says = Says {
            class,
            name: element.attribute("name").unwrap_or_default(),
            length: self.number(element, path, "length", None)?,
            pad: element.is("pad", "true"),
            digits: track.map_or(Class::N, Field::class),
        };
        if kind == Kind::HexDigits && says.length % 2 == 1 {
            return Err(self.unsupported(element, path, class, "an odd number of hex digits"));
        }
        if element.is("trim", "true") {
            self.note(path, "what is read keeps the padding that jPOS trims");
        }
        let field = class::field(kind, prefix, says);
        let field = field.map_err(|impossible| self.fault(element, path, impossible))?;
        match element.name.as_str() {
            "isofield" => Ok(Some(field)),
            "isofieldpackager" => {
                let content = self.composite(element, path)?;
                // Of text, the subfields say which characters it holds.
                let text = field.class() != Class::B;
                let field = if text { field.lenient() } else { field };
                let composed = field.composed(content);
                let composed = composed.map_err(|it| self.fault(element, path, it))?;
                Ok(Some(composed))
            }
            name => Err(self.fault(element, path, Reason::value("<isofield>", name))),
        }
    }

    fn composite(&mut self, element: &Element, path: &str) -> Result<Composite, Reported> {
        let packager = element.attribute("packager").unwrap_or_default();
        match packager.rsplit('.').next().unwrap_or_default() {
            "GenericPackager" | "GenericSubFieldPackager" | "GenericValidatingPackager" => {
                self.numbered(element, path)
            }
            "GenericTaggedFieldsPackager" => {
                let mapper = element.attribute("tagMapper").unwrap_or_default();
                let decimal =
                    mapper.starts_with("org.jpos.") && mapper.ends_with("DecimalTagMapper");
                if !decimal {
                    let why = "tags are known that are the decimal number of their field";
                    let what = format!("tagMapper `{mapper}`");
                    return Err(self.unsupported(element, path, &what, why));
                }
                let tags = element.children.iter();
                self.tagged(element, path, tags).map(Composite::Tagged)
            }
            "EuroSubFieldPackager" => self.euro(element, path),
            "BERTLVBinaryPackager" => {
                if !element.children.is_empty() {
                    self.note(
                        path,
                        "tags are what EMV says they are, not what the packager says",
                    );
                }
                Ok(Composite::Ber(Ber::default()))
            }
            _ => {
                let why = "no packager of subfields of this name is known";
                Err(self.unsupported(element, path, packager, why))
            }
        }
    }

    /// Subfields by position, or by a bitmap where the packager has one.
    fn numbered(&mut self, element: &Element, path: &str) -> Result<Composite, Reported> {
        let emits = !element.is("emitBitmap", "false");
        let at = element.attribute("bitmapField").unwrap_or("1");
        let mut bitmap = None;
        let mut fields = BTreeMap::new();
        let mut wrong = None;
        for child in &element.children {
            let id = match self.number::<u8>(child, path, "id", None) {
                Ok(id) => id,
                Err(reported) => {
                    wrong = Some(reported);
                    continue;
                }
            };
            let class = child.attribute("class").unwrap_or_default();
            if let Some(form) = bitmap_form(class) {
                if emits && (id == 0 || child.is("id", at)) {
                    bitmap = Some((child, form));
                }
                continue;
            }
            match self.element(child, &format!("{path}.{id}"), None) {
                Ok(Some(field)) => {
                    fields.insert(id, field);
                }
                Ok(None) => {}
                Err(reported) => wrong = Some(reported),
            }
        }
        let content = match bitmap {
            Some((child, form)) => self.bitmapped(child, path, form, fields)?,
            None => self.positional(path, fields),
        };
        wrong.map_or(Ok(content), Err)
    }

    fn positional(&mut self, path: &str, fields: BTreeMap<u8, Field>) -> Composite {
        if fields.keys().zip(1..).any(|(id, place)| *id != place) {
            self.note(path, "subfields are numbered by their place, from 1");
        }
        Composite::Positional(fields.into_values().collect())
    }

    fn bitmapped(
        &mut self,
        element: &Element,
        path: &str,
        form: BitmapForm,
        fields: BTreeMap<u8, Field>,
    ) -> Result<Composite, Reported> {
        let length = self.number::<u8>(element, path, "length", None)?;
        Ok(Composite::Bitmapped(Bitmapped {
            // Eight bytes, and eight more where the first bit says so.
            width: length.min(8),
            form,
            extends: length > 8,
            fields,
        }))
    }

    /// Tags, and before them subfield 0 where there is one.
    fn euro(&mut self, element: &Element, path: &str) -> Result<Composite, Reported> {
        let first = element.children.iter().find(|child| child.is("id", "0"));
        let code = match first {
            Some(child) => self.element(child, &format!("{path}.0"), None),
            None => Ok(None),
        };
        let others = element.children.iter().filter(|child| !child.is("id", "0"));
        let tags = Composite::Tagged(self.tagged(element, path, others)?);
        Ok(match code? {
            Some(code) => Composite::Coded {
                code,
                rest: Box::new(tags),
            },
            None => tags,
        })
    }

    fn tagged<'e>(
        &mut self,
        element: &Element,
        path: &str,
        subfields: impl Iterator<Item = &'e Element>,
    ) -> Result<Tagged, Reported> {
        let mut known = BTreeMap::new();
        let mut widths = None;
        let mut wrong = None;
        for child in subfields {
            match self.subfield(child, path, &mut widths) {
                Ok((tag, field)) => {
                    known.insert(tag, field);
                }
                Err(reported) => wrong = Some(reported),
            }
        }
        if let Some(reported) = wrong {
            return Err(reported);
        }
        let Some((width, digits)) = widths else {
            return Err(self.fault(element, path, Reason::Missing { key: "isofield" }));
        };
        Ok(Tagged {
            tag: TagForm {
                width,
                coding: TagCoding::Text,
            },
            length: Prefix::ascii(digits, Counting::Bytes),
            prefix: Cow::Borrowed(""),
            known,
            unknown: Unknown::Keep,
        })
    }

    fn subfield(
        &mut self,
        element: &Element,
        path: &str,
        widths: &mut Option<(u8, u8)>,
    ) -> Result<(String, Field), Reported> {
        let id = self.number::<u16>(element, path, "id", None)?;
        let path = format!("{path}.{id}");
        let class = element.attribute("class").unwrap_or_default();
        let Some((tag, digits, kind)) = class::tagged(class) else {
            let why = "tagged subfields are of IFA_TTLLCHAR and its like";
            return Err(self.unsupported(element, &path, class, why));
        };
        if *widths.get_or_insert((tag, digits)) != (tag, digits) {
            let why = "all subfields have tags and lengths of one form";
            return Err(self.unsupported(element, &path, class, why));
        }
        let says = Says {
            class,
            name: element.attribute("name").unwrap_or_default(),
            length: self.number(element, &path, "length", None)?,
            pad: false,
            digits: Class::N,
        };
        let field = class::field(kind, Some((digits, PrefixCoding::Ascii)), says);
        let field = field.map_err(|impossible| self.fault(element, &path, impossible))?;
        Ok((format!("{id:0width$}", width = usize::from(tag)), field))
    }
}

fn bitmap_form(class: &str) -> Option<BitmapForm> {
    match class::simple(class) {
        "IFA_BITMAP" => Some(BitmapForm::Hex),
        "IFB_BITMAP" => Some(BitmapForm::Binary),
        "IFE_BITMAP" => Some(BitmapForm::EbcdicHex),
        _ => None,
    }
}
