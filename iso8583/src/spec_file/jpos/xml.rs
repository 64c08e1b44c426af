//! The elements of an XML file, with their places. No entity is resolved, no DTD is read.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::spec_file::{Fault, NESTING_MAX, Reason};

/// An element.
#[derive(Clone, Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    /// Where it stands, in bytes.
    pub(super) at: usize,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Self>,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.attribute(name).is_some_and(|found| found == value)
    }
}

/// The outermost element of a text.
pub(super) fn parse(text: &str) -> Result<Element, Fault> {
    let mut reader = Reader::from_str(text);
    // An element without a name, around the outermost one.
    let mut open = vec![Element::default()];
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event();
        let event = event.map_err(|error| syntax(text, at, &error.to_string()))?;
        match event {
            Event::Start(start) => {
                if open.len() > NESTING_MAX + 1 {
                    return Err(Fault::new("", Reason::Nesting).at(text, at));
                }
                open.push(element(text, at, &start)?);
            }
            Event::Empty(start) => {
                let element = element(text, at, &start)?;
                close(&mut open, element);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(&mut open, element);
                }
            }
            Event::Eof => break,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
    if open.len() > 1 {
        let name = open.pop().map(|element| element.name).unwrap_or_default();
        return Err(syntax(text, text.len(), &format!("<{name}> does not end")));
    }
    let mut roots = open.pop().map(|outer| outer.children).unwrap_or_default();
    match roots.pop() {
        Some(root) if roots.is_empty() => Ok(root),
        _ => Err(syntax(text, 0, "expected one outermost element")),
    }
}

fn close(open: &mut [Element], element: Element) {
    if let Some(outer) = open.last_mut() {
        outer.children.push(element);
    }
}

fn element(text: &str, at: usize, start: &BytesStart<'_>) -> Result<Element, Fault> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| syntax(text, at, &error.to_string()))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|error| syntax(text, at, &error.to_string()))?;
        attributes.push((attribute.key.0.to_owned(), value.into_owned()));
    }
    Ok(Element {
        name: start.name().0.to_owned(),
        at,
        attributes,
        children: Vec::new(),
    })
}

fn syntax(text: &str, at: usize, message: &str) -> Fault {
    Fault::syntax(text, Some(at..at), message)
}
