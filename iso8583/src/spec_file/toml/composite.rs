//! Subfields of the form.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::composite::{Ber, Bitmapped, Composite, TagForm, Tagged};
use crate::spec::{BitmapForm, Field, ImpossibleField};
use crate::spec_file::toml::field;
use crate::spec_file::toml::reader::{Reader, Reported, Table};
use crate::spec_file::toml::words::{self, Form};
use crate::spec_file::{NESTING_MAX, Reason};

/// What a field is made of; that of the inherited field where nothing is said.
pub(super) fn content(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    inherited: Option<&Field>,
    depth: usize,
) -> Result<Option<Composite>, Reported> {
    match reader.table(table, "subfields")? {
        Some(inner) => composite(reader, &inner, depth).map(Some),
        None => Ok(inherited.and_then(Field::content).cloned()),
    }
}

fn composite(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    depth: usize,
) -> Result<Composite, Reported> {
    if depth > NESTING_MAX {
        return Err(reader.fault(table, Reason::Nesting));
    }
    let Some(form) = reader.word(table, "form", &words::FORM)? else {
        return Err(reader.missing(table, "form"));
    };
    let composite = match form {
        Form::Positional => positional(reader, table, depth),
        Form::Tagged => tagged(reader, table, depth).map(Composite::Tagged),
        Form::Ber => ber(reader, table, depth).map(Composite::Ber),
        Form::Bitmapped => bitmapped(reader, table, depth).map(Composite::Bitmapped),
        Form::Coded => coded(reader, table, depth),
    }?;
    match composite.is_possible() {
        Ok(()) => Ok(composite),
        Err(impossible) => Err(reader.fault(table, impossible)),
    }
}

fn positional(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    depth: usize,
) -> Result<Composite, Reported> {
    reader.only(table, &["form", "parts"]);
    let parts = reader.array(table, "parts")?;
    let fields = parts
        .iter()
        .map(|part| field::field(reader, part, None, depth + 1));
    // Every part is read, and only then is the first that is wrong the end of it.
    let fields: Vec<_> = fields.collect();
    let fields: Result<_, Reported> = fields.into_iter().collect();
    Ok(Composite::Positional(fields?))
}

fn tagged(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    depth: usize,
) -> Result<Tagged, Reported> {
    reader.only(
        table,
        &["form", "tag", "length", "prefix", "unknown", "tags"],
    );
    let tag = tag(reader, table);
    let length = match reader.table(table, "length") {
        Ok(Some(inner)) => {
            reader.only(&inner, &["prefix", "prefix-coding", "counts"]);
            field::prefix(reader, &inner, None)
        }
        Ok(None) => Err(reader.missing(table, "length")),
        Err(reported) => Err(reported),
    };
    let prefix = reader.string(table, "prefix");
    let unknown = reader.word(table, "unknown", &words::UNKNOWN);
    let known = match tag {
        Ok(form) => tags(reader, table, depth, |tag| form.is_tag(tag)),
        Err(Reported) => tags(reader, table, depth, |_| Ok(())),
    };
    Ok(Tagged {
        tag: tag?,
        length: length?,
        prefix: Cow::Owned(prefix?.unwrap_or_default().to_owned()),
        known: known?,
        unknown: unknown?.unwrap_or_default(),
    })
}

fn tag(reader: &mut Reader<'_>, table: &Table<'_, '_>) -> Result<TagForm, Reported> {
    let Some(inner) = reader.table(table, "tag")? else {
        return Err(reader.missing(table, "tag"));
    };
    reader.only(&inner, &["width", "coding"]);
    let width = reader.number::<u8>(&inner, "width", "1 to 32");
    let coding = reader.word(&inner, "coding", &words::TAG_CODING);
    let (Some(width), Some(coding)) = (width?, coding?) else {
        let key = if inner.has("width") {
            "coding"
        } else {
            "width"
        };
        return Err(reader.missing(&inner, key));
    };
    Ok(TagForm { width, coding })
}

fn ber(reader: &mut Reader<'_>, table: &Table<'_, '_>, depth: usize) -> Result<Ber, Reported> {
    reader.only(table, &["form", "unknown", "tags"]);
    let unknown = reader.word(table, "unknown", &words::UNKNOWN);
    let known = tags(reader, table, depth, Ber::is_tag);
    Ok(Ber {
        known: known?,
        unknown: unknown?.unwrap_or_default(),
    })
}

fn tags(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    depth: usize,
    check: impl Fn(&str) -> Result<(), ImpossibleField>,
) -> Result<BTreeMap<String, Field>, Reported> {
    let Some(tags) = reader.table(table, "tags")? else {
        return Ok(BTreeMap::new());
    };
    let mut known = BTreeMap::new();
    let mut wrong = None;
    for (tag, inner) in reader.tables(&tags) {
        if let Err(impossible) = check(&tag) {
            wrong = Some(reader.fault(&inner, impossible));
        }
        match field::field(reader, &inner, None, depth + 1) {
            Ok(field) => {
                known.insert(tag, field);
            }
            Err(reported) => wrong = Some(reported),
        }
    }
    wrong.map_or(Ok(known), Err)
}

fn bitmapped(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    depth: usize,
) -> Result<Bitmapped, Reported> {
    reader.only(table, &["form", "width", "bitmap", "extends", "bits"]);
    let width = reader.number::<u8>(table, "width", "1 to 24");
    let form = reader.word(table, "bitmap", &words::BITMAP);
    let extends = reader.boolean(table, "extends");
    let fields = bits(reader, table, depth);
    let Some(width) = width? else {
        return Err(reader.missing(table, "width"));
    };
    Ok(Bitmapped {
        width,
        form: form?.unwrap_or(BitmapForm::Binary),
        extends: extends?.unwrap_or_default(),
        fields: fields?,
    })
}

fn bits(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    depth: usize,
) -> Result<BTreeMap<u8, Field>, Reported> {
    let Some(bits) = reader.table(table, "bits")? else {
        return Err(reader.missing(table, "bits"));
    };
    let mut fields = BTreeMap::new();
    let mut wrong = None;
    for (key, inner) in reader.tables(&bits) {
        let bit = key.parse::<u8>().ok().filter(|bit| *bit > 0);
        let Some(bit) = bit else {
            wrong = Some(reader.fault(&inner, Reason::value("a bit, 1 to 192", &key)));
            continue;
        };
        match field::field(reader, &inner, None, depth + 1) {
            Ok(field) => {
                fields.insert(bit, field);
            }
            Err(reported) => wrong = Some(reported),
        }
    }
    wrong.map_or(Ok(fields), Err)
}

fn coded(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    depth: usize,
) -> Result<Composite, Reported> {
    reader.only(table, &["form", "code", "rest"]);
    let code = match reader.table(table, "code")? {
        Some(inner) => field::field(reader, &inner, None, depth + 1),
        None => Err(reader.missing(table, "code")),
    };
    let rest = match reader.table(table, "rest")? {
        Some(inner) => composite(reader, &inner, depth + 1),
        None => Err(reader.missing(table, "rest")),
    };
    Ok(Composite::Coded {
        code: code?,
        rest: Box::new(rest?),
    })
}
