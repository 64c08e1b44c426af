//! A field of the form.

use crate::spec::{Class, Counting, Encoding, Field, Length, Padding, Prefix, PrefixCoding};
use crate::spec_file::toml::composite;
use crate::spec_file::toml::reader::{Reader, Reported, Table};
use crate::spec_file::toml::words::{self, Side};
use crate::spec_file::{NESTING_MAX, Reason};

const KEYS: &[&str] = &[
    "name",
    "class",
    "encoding",
    "fill",
    "length",
    "padding",
    "lenient",
    "shown",
    "subfields",
];

/// A field; keys that are not there are those of the inherited one.
pub(super) fn field(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    inherited: Option<&Field>,
    depth: usize,
) -> Result<Field, Reported> {
    if depth > NESTING_MAX {
        return Err(reader.fault(table, Reason::Nesting));
    }
    reader.only(table, KEYS);
    let name = reader.string(table, "name");
    let class = class(reader, table);
    let encoding = encoding(reader, table, inherited.map(Field::encoding));
    let shown = reader.word(table, "shown", &words::VISIBILITY);
    let lenient = reader.boolean(table, "lenient");
    let content = composite::content(reader, table, inherited, depth);
    let (class, encoding) = (class?, encoding?);

    let name = name?.map(str::to_owned);
    let name = name.or_else(|| inherited.map(|field| field.name().to_owned()));
    let class = class.or_else(|| inherited.map(Field::class));
    let encoding = encoding.or_else(|| inherited.map(Field::encoding));
    let length = length(reader, table, class);
    let padding = padding(reader, table);
    let length = length?.or_else(|| inherited.map(Field::length));
    let missing = [
        ("name", name.is_none()),
        ("class", class.is_none()),
        ("encoding", encoding.is_none()),
        ("length", length.is_none()),
    ];
    for (key, _) in missing.into_iter().filter(|(_, missing)| *missing) {
        reader.missing(table, key);
    }
    let (Some(name), Some(class), Some(encoding), Some(length)) = (name, class, encoding, length)
    else {
        return Err(Reported);
    };
    let field = Field::new(name, class, encoding, length);
    let mut field = field.map_err(|impossible| reader.fault(table, impossible))?;
    if lenient?.unwrap_or_else(|| inherited.is_some_and(Field::is_lenient)) {
        field = field.lenient();
    }
    let reshaped = table.has("class") || table.has("length");
    let kept = inherited.filter(|_| !reshaped).and_then(Field::padding);
    if let Some(padding) = padding?.or(kept) {
        let padded = field.padded(padding);
        field = padded.map_err(|impossible| reader.fault(table, impossible))?;
    }
    if let Some(shown) = shown?.or_else(|| inherited.map(Field::visibility)) {
        field = field.shown(shown);
    }
    match content? {
        Some(content) => field
            .composed(content)
            .map_err(|impossible| reader.fault(table, impossible)),
        None => Ok(field),
    }
}

fn class(reader: &mut Reader<'_>, table: &Table<'_, '_>) -> Result<Option<Class>, Reported> {
    let words = Class::ALL.map(|class| (class.notation(), class));
    reader.word(table, "class", &words)
}

fn encoding(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    inherited: Option<Encoding>,
) -> Result<Option<Encoding>, Reported> {
    let encoding = reader.word(table, "encoding", &words::ENCODING)?;
    let Some(text) = reader.string(table, "fill")? else {
        return Ok(encoding);
    };
    let fill = match text.len() {
        1 => u8::from_str_radix(text, 16).ok(),
        _ => None,
    };
    let Some(fill) = fill else {
        return Err(reader.wrong(table, "fill", Reason::value("a hex digit", text)));
    };
    match encoding.or(inherited) {
        Some(Encoding::Bcd { align, .. }) => Ok(Some(Encoding::Bcd { align, fill })),
        _ => {
            let reason = Reason::value("a fill of bcd or bcd-left only", text);
            Err(reader.wrong(table, "fill", reason))
        }
    }
}

fn length(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    class: Option<Class>,
) -> Result<Option<Length>, Reported> {
    const EXPECTED: &str = "a length up to 65535, or { max, prefix }";
    if !table.has("length") {
        return Ok(None);
    }
    if table.integer("length").is_some() {
        let length = reader.number::<u16>(table, "length", EXPECTED)?;
        return Ok(length.map(Length::Fixed));
    }
    let Ok(Some(inner)) = reader.table(table, "length") else {
        return Err(Reported);
    };
    reader.only(&inner, &["max", "prefix", "prefix-coding", "counts"]);
    let max = reader.number::<u16>(&inner, "max", "a length up to 65535");
    let prefix = prefix(reader, &inner, class);
    match max? {
        Some(max) => Ok(Some(Length::up_to(max, prefix?))),
        None => Err(reader.missing(&inner, "max")),
    }
}

/// A prefix, spread over the keys of a table.
pub(super) fn prefix(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    class: Option<Class>,
) -> Result<Prefix, Reported> {
    let coding = reader.word(table, "prefix-coding", &words::PREFIX_CODING);
    let counting = reader.word(table, "counts", &words::COUNTING);
    let Some(letters) = reader.string(table, "prefix")? else {
        return Err(reader.missing(table, "prefix"));
    };
    let digits = u8::try_from(letters.len()).ok();
    let digits = digits.filter(|digits| (1..=6).contains(digits));
    let Some(digits) = digits.filter(|_| letters.bytes().all(|letter| letter == b'L')) else {
        return Err(reader.wrong(table, "prefix", Reason::value("L to LLLLLL", letters)));
    };
    let usual = match class {
        Some(Class::B) => Counting::Bytes,
        _ => Counting::Characters,
    };
    Ok(Prefix {
        digits,
        coding: coding?.unwrap_or(PrefixCoding::Ascii),
        counting: counting?.unwrap_or(usual),
    })
}

fn padding(reader: &mut Reader<'_>, table: &Table<'_, '_>) -> Result<Option<Padding>, Reported> {
    let Some(inner) = reader.table(table, "padding")? else {
        return Ok(None);
    };
    reader.only(&inner, &["side", "with"]);
    let side = reader.word(&inner, "side", &words::SIDE);
    let filler = filler(reader, &inner)?;
    match side? {
        Some(Side::Left) => Ok(Some(Padding::Left(filler))),
        Some(Side::Right) => Ok(Some(Padding::Right(filler))),
        None => Err(reader.missing(&inner, "side")),
    }
}

/// A character, or the number of a byte.
fn filler(reader: &mut Reader<'_>, table: &Table<'_, '_>) -> Result<u8, Reported> {
    const EXPECTED: &str = "one ASCII character, or a byte 0 to 255";
    if !table.has("with") {
        return Err(reader.missing(table, "with"));
    }
    if table.integer("with").is_some() {
        let byte = reader.number::<u8>(table, "with", EXPECTED)?;
        return byte.ok_or(Reported);
    }
    let text = reader.string(table, "with")?.unwrap_or_default();
    match text.as_bytes() {
        [filler] => Ok(*filler),
        _ => Err(reader.wrong(table, "with", Reason::value(EXPECTED, text))),
    }
}
