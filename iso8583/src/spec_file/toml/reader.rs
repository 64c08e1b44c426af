//! Tables of TOML, read key by key; what is wrong goes on one list, with its place.

use core::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::spec_file::toml::words::Word;
use crate::spec_file::{FAULTS_MAX, Fault, Reason};

/// The fault is on the reader's list: go on with the next thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported;

/// A table with its path and place.
#[derive(Debug)]
pub(super) struct Table<'t, 'i> {
    pub(super) path: String,
    at: usize,
    table: &'t DeTable<'i>,
}

impl<'t, 'i> Table<'t, 'i> {
    pub(super) fn root(table: &'t Spanned<DeTable<'i>>) -> Self {
        Self {
            path: String::new(),
            at: 0,
            table: table.get_ref(),
        }
    }

    fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.table.get(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    pub(super) fn is_table(&self, key: &str) -> bool {
        self.value(key)
            .is_some_and(|value| value.get_ref().is_table())
    }

    /// Where it begins.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn keys(&self) -> Vec<String> {
        let keys = self.table.keys();
        keys.map(|key| key.get_ref().to_string()).collect()
    }

    /// Where a value stands.
    pub(super) fn span_of(&self, key: &str) -> Option<Range<usize>> {
        Some(self.value(key)?.span())
    }

    /// Where a key of an inner table stands.
    pub(super) fn key_of(&self, table: &str, key: &str) -> Option<Range<usize>> {
        let inner = self.value(table)?.get_ref().as_table()?;
        Some(inner.get_key_value(key)?.0.span())
    }

    /// The integer under a key; None where it is another kind of value or none.
    pub(super) fn integer(&self, key: &str) -> Option<Result<i64, Reported>> {
        integer(self.value(key)?.get_ref())
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

fn integer(value: &DeValue<'_>) -> Option<Result<i64, Reported>> {
    let integer = value.as_integer()?;
    Some(i64::from_str_radix(integer.as_str(), integer.radix()).map_err(|_| Reported))
}

/// Reads values and keeps the list of what is wrong.
#[derive(Debug)]
pub(super) struct Reader<'i> {
    text: &'i str,
    faults: Vec<Fault>,
}

impl<'i> Reader<'i> {
    pub(super) const fn new(text: &'i str) -> Self {
        Self {
            text,
            faults: Vec::new(),
        }
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// A file that is wrong throughout is not searched for the place of each fault.
    fn push(&mut self, fault: Fault, at: usize) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault.at(self.text, at));
        }
    }

    /// Something is wrong with a table as a whole.
    pub(super) fn fault(&mut self, table: &Table<'_, '_>, reason: impl Into<Reason>) -> Reported {
        let fault = Fault::new(table.path.clone(), reason);
        self.push(fault, table.at);
        Reported
    }

    /// Something is wrong with the value of a key.
    pub(super) fn wrong(&mut self, table: &Table<'_, '_>, key: &str, reason: Reason) -> Reported {
        let at = table.span_of(key).map_or(table.at, |span| span.start);
        let fault = Fault::new(table.path_of(key), reason);
        self.push(fault, at);
        Reported
    }

    pub(super) fn missing(&mut self, table: &Table<'_, '_>, key: &'static str) -> Reported {
        self.fault(table, Reason::Missing { key })
    }

    /// Refuses keys that are not among those.
    pub(super) fn only(&mut self, table: &Table<'_, '_>, keys: &[&str]) {
        for key in table.table.keys() {
            if !keys.contains(&&**key.get_ref()) {
                let reason = Reason::UnknownKey {
                    key: key.get_ref().clone().into_owned(),
                    expected: keys.join(", "),
                };
                let fault = Fault::new(table.path.clone(), reason);
                self.push(fault, key.span().start);
            }
        }
    }

    fn kind(
        &mut self,
        table: &Table<'_, '_>,
        key: &str,
        expected: &str,
        found: &DeValue<'_>,
    ) -> Reported {
        self.wrong(table, key, Reason::value(expected, &described(found)))
    }

    pub(super) fn string<'t>(
        &mut self,
        table: &Table<'t, '_>,
        key: &str,
    ) -> Result<Option<&'t str>, Reported> {
        let Some(value) = table.value(key) else {
            return Ok(None);
        };
        match value.get_ref().as_str() {
            Some(string) => Ok(Some(string)),
            None => Err(self.kind(table, key, "a string", value.get_ref())),
        }
    }

    pub(super) fn boolean(
        &mut self,
        table: &Table<'_, '_>,
        key: &str,
    ) -> Result<Option<bool>, Reported> {
        let Some(value) = table.value(key) else {
            return Ok(None);
        };
        match value.get_ref().as_bool() {
            Some(boolean) => Ok(Some(boolean)),
            None => Err(self.kind(table, key, "true or false", value.get_ref())),
        }
    }

    /// A whole number that fits its type.
    pub(super) fn number<T: TryFrom<i64>>(
        &mut self,
        table: &Table<'_, '_>,
        key: &str,
        expected: &str,
    ) -> Result<Option<T>, Reported> {
        let Some(value) = table.value(key) else {
            return Ok(None);
        };
        let number = integer(value.get_ref()).and_then(Result::ok);
        match number.and_then(|number| T::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.kind(table, key, expected, value.get_ref())),
        }
    }

    /// One of the words of a list.
    pub(super) fn word<T: Copy>(
        &mut self,
        table: &Table<'_, '_>,
        key: &str,
        words: &[Word<T>],
    ) -> Result<Option<T>, Reported> {
        let Some(value) = table.value(key) else {
            return Ok(None);
        };
        let word = value.get_ref().as_str();
        let known = word.and_then(|word| words.iter().find(|(known, _)| *known == word));
        match known {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let expected: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                Err(self.kind(table, key, &expected.join(", "), value.get_ref()))
            }
        }
    }

    pub(super) fn table<'t, 'd>(
        &mut self,
        table: &Table<'t, 'd>,
        key: &str,
    ) -> Result<Option<Table<'t, 'd>>, Reported> {
        let Some(value) = table.value(key) else {
            return Ok(None);
        };
        match value.get_ref().as_table() {
            Some(inner) => Ok(Some(Table {
                path: table.path_of(key),
                at: value.span().start,
                table: inner,
            })),
            None => Err(self.kind(table, key, "a table", value.get_ref())),
        }
    }

    /// Every table in a table, in the order of the keys.
    pub(super) fn tables<'t, 'd>(&mut self, table: &Table<'t, 'd>) -> Vec<(String, Table<'t, 'd>)> {
        self.tables_but(table, None)
    }

    /// The same without what stands under one key.
    pub(super) fn tables_but<'t, 'd>(
        &mut self,
        table: &Table<'t, 'd>,
        other: Option<&str>,
    ) -> Vec<(String, Table<'t, 'd>)> {
        let keys = table.keys();
        let mut tables = Vec::with_capacity(keys.len());
        for key in keys.into_iter().filter(|key| other != Some(key.as_str())) {
            if let Ok(Some(inner)) = self.table(table, &key) {
                tables.push((key, inner));
            }
        }
        tables
    }

    /// Every table of an array, named from 1.
    pub(super) fn array<'t, 'd>(
        &mut self,
        table: &Table<'t, 'd>,
        key: &'static str,
    ) -> Result<Vec<Table<'t, 'd>>, Reported> {
        let Some(value) = table.value(key) else {
            return Err(self.missing(table, key));
        };
        let Some(array) = value.get_ref().as_array() else {
            return Err(self.kind(table, key, "an array of tables", value.get_ref()));
        };
        let mut tables = Vec::with_capacity(array.len());
        let mut wrong = None;
        for (nth, value) in (1_usize..).zip(array.iter()) {
            match value.get_ref().as_table() {
                Some(inner) => tables.push(Table {
                    path: format!("{}.{nth}", table.path_of(key)),
                    at: value.span().start,
                    table: inner,
                }),
                None => wrong = Some(self.kind(table, key, "tables", value.get_ref())),
            }
        }
        wrong.map_or(Ok(tables), Err)
    }

    /// The whole numbers of an array.
    pub(super) fn numbers(&mut self, table: &Table<'_, '_>, key: &str) -> Vec<i64> {
        let Some(value) = table.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            self.kind(table, key, "an array of numbers", value.get_ref());
            return Vec::new();
        };
        let mut numbers = Vec::with_capacity(array.len());
        for value in array.iter() {
            match integer(value.get_ref()) {
                Some(Ok(number)) => numbers.push(number),
                Some(Err(Reported)) | None => {
                    self.kind(table, key, "whole numbers", value.get_ref());
                }
            }
        }
        numbers
    }
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(string) => format!("`{string}`"),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
