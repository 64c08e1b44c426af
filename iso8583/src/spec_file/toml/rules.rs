//! Presence rules of the form.

use crate::rules::{Condition, FieldRule, MtiRule, Rules, When};
use crate::spec::DialectBuilder;
use crate::spec_file::Reason;
use crate::spec_file::toml::reader::{Reader, Reported, Table};

/// What `rules` calls no rules at all, where the base has some.
const NONE: &str = "none";

/// The rules of the file in the place of the base's. What is wrong is in the reader's list.
pub(super) fn rules(
    reader: &mut Reader<'_>,
    root: &Table<'_, '_>,
    name: Option<&str>,
    builder: DialectBuilder,
) -> DialectBuilder {
    if !root.has("rules") {
        return builder;
    }
    if root.is_table("rules") {
        return match own(reader, root, name) {
            Ok(Some(rules)) => builder.rules(rules),
            Ok(None) | Err(Reported) => builder,
        };
    }
    let built_in = Rules::built_in();
    match reader.string(root, "rules") {
        Ok(Some(NONE)) => builder.without_rules(),
        Ok(Some(name)) => match built_in.iter().find(|rules| rules.name() == name) {
            Some(rules) => builder.rules((*rules).clone()),
            None => {
                let names = built_in.map(Rules::name).join(", ");
                let expected = format!("{names}, {NONE} or a table");
                reader.wrong(root, "rules", Reason::value(expected, name));
                builder
            }
        },
        Ok(None) | Err(Reported) => builder,
    }
}

/// A table for each kind of message, in the order of the file: the first that fits counts.
fn own(
    reader: &mut Reader<'_>,
    root: &Table<'_, '_>,
    dialect: Option<&str>,
) -> Result<Option<Rules>, Reported> {
    let Some(table) = reader.table(root, "rules")? else {
        return Ok(None);
    };
    let name = if table.has("name") {
        reader.string(&table, "name")
    } else {
        Ok(dialect)
    };
    let mut tables = reader.tables_but(&table, Some("name"));
    tables.sort_by_key(|(_, inner)| inner.at());
    // Every list is read, and only then is the first that is wrong the end of it.
    let lists: Vec<_> = tables
        .iter()
        .map(|(mti, inner)| list(reader, mti, inner))
        .collect();
    let lists = lists.into_iter().collect::<Result<Vec<MtiRule>, _>>()?;
    let rules = Rules::new(name?.unwrap_or_default().to_owned(), lists);
    rules
        .map(Some)
        .map_err(|invalid| reader.fault(&table, invalid))
}

fn list(reader: &mut Reader<'_>, mti: &str, table: &Table<'_, '_>) -> Result<MtiRule, Reported> {
    // A wrong message type is told even where its rules are wrong as well.
    let pattern = MtiRule::new(mti, Vec::new());
    let pattern = pattern.map_err(|invalid| reader.fault(table, invalid));
    let fields: Vec<_> = table
        .keys()
        .iter()
        .map(|key| field(reader, table, key))
        .collect();
    let fields = fields.into_iter().collect::<Result<Vec<FieldRule>, _>>();
    pattern?;
    MtiRule::new(mti, fields?).map_err(|invalid| reader.fault(table, invalid))
}

/// `M`, or a table with the code and its condition.
fn field(reader: &mut Reader<'_>, table: &Table<'_, '_>, key: &str) -> Result<FieldRule, Reported> {
    let de = key.parse::<u8>().ok().filter(|de| de.to_string() == key);
    let Some(de) = de else {
        return Err(reader.wrong(table, key, Reason::value("a data element, 2 to 128", key)));
    };
    let (code, when) = if table.is_table(key) {
        conditional(reader, table, key)?
    } else {
        (reader.string(table, key)?.unwrap_or_default(), None)
    };
    // Nothing is said of when: only people can judge it.
    let untold = (code == "C").then(|| When::new("", None, None));
    let rule = FieldRule::parse(de, code, when.or(untold));
    rule.map_err(|invalid| reader.wrong(table, key, invalid.into()))
}

fn conditional<'t>(
    reader: &mut Reader<'_>,
    table: &Table<'t, '_>,
    key: &str,
) -> Result<(&'t str, Option<When>), Reported> {
    let Some(inner) = reader.table(table, key)? else {
        return Ok(("", None));
    };
    reader.only(&inner, &["rule", "when", "only-when", "words"]);
    let code = match reader.string(&inner, "rule") {
        Ok(None) => Err(reader.missing(&inner, "rule")),
        Ok(Some(code)) => Ok(code),
        Err(reported) => Err(reported),
    };
    let required = condition(reader, &inner, "when");
    let allowed = condition(reader, &inner, "only-when");
    let words = reader.string(&inner, "words");
    let (required, allowed, words) = (required?, allowed?, words?);
    let spelled = words.map(str::to_owned).or_else(|| {
        let told = required.as_ref().or(allowed.as_ref())?;
        Some(spelled(told))
    });
    Ok((
        code?,
        spelled.map(|words| When::new(words, required, allowed)),
    ))
}

/// The words for a condition that the file has none for.
pub(super) fn spelled(condition: &Condition) -> String {
    format!("where {condition}")
}

fn condition(
    reader: &mut Reader<'_>,
    table: &Table<'_, '_>,
    key: &str,
) -> Result<Option<Condition>, Reported> {
    let Some(text) = reader.string(table, key)? else {
        return Ok(None);
    };
    let condition = text.parse::<Condition>();
    condition
        .map(Some)
        .map_err(|invalid| reader.wrong(table, key, invalid.into()))
}
