//! The own form of dialects: TOML.
//!
//! ```toml
//! name = "toyland"                 # required
//! title = "what Toyland's terminals speak"   # else "based on iso87-bcd"
//! base = "iso87-bcd"               # start from a built-in dialect; all that follows overrides it
//! without = [127, 128]             # elements of the base that are not spoken
//! framing = "binary2+tpdu"
//! lead = "6000000000"              # hex
//! mti = "bcd"                      # ascii, bcd, ebcdic
//! bitmap = "binary"                # binary, hex, ebcdic-hex
//! maps = 2                         # at most 1, 2 or 3; "fixed-2": always two
//!
//! [fields.2]                       # keys that are not there are those of the base's field
//! name = "PAN"
//! class = "n"                      # n, a, as, ns, an, ans, z, b, x+n
//! encoding = "bcd"                 # ascii, ebcdic-037, -500 or -1047, euc-kr, bcd (aligned
//! fill = "0"                       # right), bcd-left, binary, hex, ebcdic-hex
//! length = { max = 19, prefix = "LL", prefix-coding = "bcd", counts = "characters" }
//! shown = "partly"                 # all, partly, never
//!
//! [fields.41]
//! length = 8                       # always so long
//! padding = { side = "right", with = " " }
//! lenient = true                   # characters of any class
//!
//! [fields.48.subfields]
//! form = "tagged"                  # positional, tagged, ber, bitmapped, coded
//! tag = { width = 4, coding = "text" }
//! length = { prefix = "LLL", prefix-coding = "ascii", counts = "characters" }
//! [fields.48.subfields.tags.0023]
//! name = "terminal type"
//! # … class, encoding, length as above
//! ```
//!
//! # Rules
//! Which elements a message of a type must, may and must not carry. What a file says replaces the
//! base's: the rules of a name (`rules = "iso87"`), none (`rules = "none"`), or its own:
//!
//! ```toml
//! [rules]
//! name = "toyland-rules"           # that of the dialect where nothing is said
//! [rules.020x]                     # x is any digit; the first in the file that fits counts
//! 3 = "M"                          # M, C, O, -, in responses also ME, CE, OE
//! 35 = { rule = "C", when = "22@3 not in 2 and lacks 45" }
//! 52 = { rule = "C", only-when = "22@3 in 1", words = "where a PIN can be typed" }
//! ```
//!
//! Where `when` holds, the element must be there; it may be there only where `only-when` holds
//! ([`Condition`](crate::rules::Condition)). A `C` with neither is for people to judge.
//!
//! # Other forms of subfields
//! Of the other forms: `positional` has `parts` (an array of fields), `ber` and `tagged` have
//! `tags` and `unknown` (`keep`, `refuse`), `bitmapped` has `width`, `bitmap`, `extends` and
//! `bits`, `coded` has `code` (a field) and `rest` (subfields). A prefix is ASCII and counts
//! characters (bytes in class `b`) where nothing else is said.

mod composite;
mod field;
mod reader;
mod rules;
mod words;
mod write;

use ::toml::de::DeTable;

use crate::encoding::hex;
use crate::spec::{BitmapForm, Dialect, DialectBuilder, Maps};
use crate::spec_file::toml::reader::{Reader, Reported, Table};
use crate::spec_file::{Fault, Reason, SpecFileError, build, check_size};

pub use write::write;

/// Reads a dialect.
///
/// # Errors
/// Every fault of the text: see [`SpecFileError`].
pub fn read(text: &str) -> Result<Dialect, SpecFileError> {
    check_size(text)?;
    let text = text.trim_start_matches('\u{feff}');
    let root =
        DeTable::parse(text).map_err(|error| Fault::syntax(text, error.span(), error.message()))?;
    let mut reader = Reader::new(text);
    let table = Table::root(&root);
    let builder = dialect(&mut reader, &table);
    let mut faults = reader.into_faults();
    match builder {
        Ok(builder) => {
            let built = build(builder, &mut faults);
            located(&mut faults, text, &table);
            match built {
                Some(dialect) if faults.is_empty() => Ok(dialect),
                _ => Err(SpecFileError::of(faults)),
            }
        }
        Err(Reported) => Err(SpecFileError::of(faults)),
    }
}

/// Gives the faults of the dialect as a whole the places of the fields they name.
fn located(faults: &mut [Fault], text: &str, root: &Table<'_, '_>) {
    for fault in faults.iter_mut().filter(|fault| fault.place.is_none()) {
        let de = fault.path.strip_prefix("fields.");
        let span = match de {
            Some(de) => root.key_of("fields", de),
            None => root.span_of("maps"),
        };
        *fault = fault.clone().at(text, span.map_or(0, |span| span.start));
    }
}

const KEYS: &[&str] = &[
    "name", "title", "base", "without", "framing", "lead", "mti", "bitmap", "maps", "fields",
    "rules",
];

fn dialect(reader: &mut Reader<'_>, root: &Table<'_, '_>) -> Result<DialectBuilder, Reported> {
    reader.only(root, KEYS);
    let name = reader.string(root, "name");
    let name = match name {
        Ok(None) => Err(reader.missing(root, "name")),
        Ok(Some(name)) => Ok(name),
        Err(reported) => Err(reported),
    };
    let base = base(reader, root)?;
    let mut builder = base.map_or_else(|| Dialect::builder(""), Dialect::to_builder);
    if let Some(base) = base {
        // What the base is, the file has changed.
        builder = builder.title(format!("based on {}", base.name()));
    }
    builder = head(reader, root, builder);
    builder = bitmap(reader, root, base, builder);
    builder = without(reader, root, builder);
    if let Ok(Some(fields)) = reader.table(root, "fields") {
        for (key, table) in reader.tables(&fields) {
            let de = key.parse::<u8>().ok().filter(|de| de.to_string() == key);
            let Some(de) = de else {
                reader.fault(&table, Reason::value("a data element, 2 to 192", &key));
                continue;
            };
            let inherited = base.and_then(|base| base.field(de));
            if let Ok(field) = field::field(reader, &table, inherited, 1) {
                builder = builder.field(de, field);
            }
        }
    }
    builder = rules::rules(reader, root, name.ok(), builder);
    Ok(builder.name(name?.to_owned()))
}

fn base(
    reader: &mut Reader<'_>,
    root: &Table<'_, '_>,
) -> Result<Option<&'static Dialect>, Reported> {
    let Some(name) = reader.string(root, "base")? else {
        return Ok(None);
    };
    match Dialect::named(name) {
        Some(base) => Ok(Some(base)),
        None => {
            let names: Vec<&str> = Dialect::built_in().iter().map(|one| one.name()).collect();
            let names = names.join(", ");
            Err(reader.wrong(root, "base", Reason::value(names, name)))
        }
    }
}

/// What stands before the fields. What is wrong is in the reader's list and left as it was.
fn head(
    reader: &mut Reader<'_>,
    root: &Table<'_, '_>,
    mut builder: DialectBuilder,
) -> DialectBuilder {
    if let Ok(Some(title)) = reader.string(root, "title") {
        builder = builder.title(title.to_owned());
    }
    if let Ok(Some(framing)) = reader.string(root, "framing") {
        builder = builder.framing(framing.to_owned());
    }
    if let Ok(Some(text)) = reader.string(root, "lead") {
        match bytes_of(text) {
            Some(lead) => builder = builder.lead(lead),
            None => {
                reader.wrong(root, "lead", Reason::value("pairs of hex digits", text));
            }
        }
    }
    if let Ok(Some(mti)) = reader.word(root, "mti", &words::MTI) {
        builder = builder.mti(mti);
    }
    builder
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
        return None;
    };
    pairs.iter().map(|pair| hex::byte(*pair)).collect()
}

fn bitmap(
    reader: &mut Reader<'_>,
    root: &Table<'_, '_>,
    base: Option<&Dialect>,
    builder: DialectBuilder,
) -> DialectBuilder {
    let form = reader.word(root, "bitmap", &words::BITMAP);
    let maps = maps(reader, root);
    let (Ok(form), Ok(maps)) = (form, maps) else {
        return builder;
    };
    let inherited = base.map(Dialect::bitmap);
    let form = form.or_else(|| inherited.map(|coding| coding.form));
    let maps = maps.or_else(|| inherited.map(|coding| coding.maps));
    builder.bitmap(
        form.unwrap_or(BitmapForm::Binary),
        maps.unwrap_or(Maps::UpTo(2)),
    )
}

fn maps(reader: &mut Reader<'_>, root: &Table<'_, '_>) -> Result<Option<Maps>, Reported> {
    if let Some(Ok(count)) = root.integer("maps") {
        return match u8::try_from(count) {
            Ok(count) => Ok(Some(Maps::UpTo(count))),
            Err(_) => {
                let reason = Reason::value("1 to 3", &count.to_string());
                Err(reader.wrong(root, "maps", reason))
            }
        };
    }
    reader.word(root, "maps", &words::FIXED_MAPS)
}

fn without(
    reader: &mut Reader<'_>,
    root: &Table<'_, '_>,
    mut builder: DialectBuilder,
) -> DialectBuilder {
    for number in reader.numbers(root, "without") {
        match u8::try_from(number) {
            Ok(de) => builder = builder.without(de),
            Err(_) => {
                let reason = Reason::value("data elements, 2 to 192", &number.to_string());
                reader.wrong(root, "without", reason);
            }
        }
    }
    builder
}
