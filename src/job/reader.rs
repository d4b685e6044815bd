//! One table of the job file: its keys are read by their descriptions, each with its place.

use super::document::{At, Document, TomlKind, TomlLiteral};
use super::keys::key::{self, Described, Key, KeySection, KeyType, ValueType, Whole};
use crate::error::{Error, Reason};
use std::cell::RefCell;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// One table of the file. Every key is read by its description; [`TableReader::finish`] faults the keys without one.
pub struct TableReader<'a> {
    document: &'a Document,
    /// What the table is called in errors: `[source]`.
    name: String,
    /// Which keys it may have.
    section: &'static KeySection,
    entries: &'a DeTable<'a>,
    pub span: Range<usize>,
    /// Keys that were read or refused. What is described must be one or the other.
    requested: RefCell<Vec<&'static str>>,
}

impl<'a> TableReader<'a> {
    pub fn new(
        document: &'a Document,
        name: &str,
        section: &'static KeySection,
        table: &'a DeTable<'a>,
        span: Range<usize>,
    ) -> TableReader<'a> {
        TableReader {
            document,
            name: name.to_string(),
            section,
            entries: table,
            span,
            requested: RefCell::default(),
        }
    }

    /// Which keys it may have.
    pub fn section(&self) -> &'static KeySection {
        self.section
    }

    /// The value of `key`. A value of another type is a fault.
    pub fn get<K: ReadKey>(&self, key: Key<K>) -> Option<K::Value<'a>> {
        K::read(self, &key.about)
    }

    fn entry(&self, key: &str) -> Option<(&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
        self.entries.iter().find(|(name, _)| name.get_ref() == key)
    }

    /// Where `key` stands, if the table has it.
    pub fn place_of(&self, key: &str) -> Option<Range<usize>> {
        self.entry(key).map(|(name, _)| name.span())
    }

    /// Whether `key` is a table or list of nothing.
    pub fn is_empty(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|(_, value)| match value.get_ref() {
            DeValue::Table(table) => table.is_empty(),
            DeValue::Array(list) => list.is_empty(),
            _ => false,
        })
    }

    /// The string at `key`, if it is one; the key does not count as read.
    pub fn peek(&self, key: &str) -> Option<&'a str> {
        match self.entry(key)?.1.get_ref() {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether `key` is `true`; the key does not count as read.
    pub fn is_set(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|(_, value)| value.get_ref().as_bool() == Some(true))
    }

    /// Faults `key` with `error` where the table has it.
    pub fn refuse(&self, key: &'static str, error: Error) {
        // A key that is refused counts as read, so that it is not an unknown key too.
        self.requested.borrow_mut().push(key);
        if let Some(place) = self.place_of(key) {
            self.document.fault(error, &place);
        }
    }

    fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.requested.borrow_mut().push(key);
        self.entry(key).map(|(_, value)| value)
    }

    fn wrong_type(&self, key: &str, wanted: &str, value: &Spanned<DeValue>) {
        let got = value.get_ref().type_str();
        let error = Error::job(format!("`{key}` must be {wanted}, not {got}"));
        self.document.fault(error.because(Reason::WrongType), &value.span());
    }

    /// A string.
    fn string(&self, key: &'static str) -> Option<At<String>> {
        let value = self.value(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(At { value: text.to_string(), span: value.span() }),
            None => {
                self.wrong_type(key, "a string", value);
                None
            }
        }
    }

    /// `true` or `false`.
    fn flag(&self, key: &'static str) -> Option<At<bool>> {
        let value = self.value(key)?;
        match value.get_ref().as_bool() {
            Some(flag) => Some(At { value: flag, span: value.span() }),
            None => {
                self.wrong_type(key, "true or false", value);
                None
            }
        }
    }

    /// A whole number of at least `least`.
    fn whole(&self, key: &'static str, least: usize) -> Option<At<usize>> {
        let value = self.value(key)?;
        // TOML also has hexadecimal, octal and binary numbers, whose digits would be read as decimal ones.
        let number = value.get_ref().as_integer().filter(|n| n.radix() == 10);
        match number.and_then(|n| n.as_str().replace('_', "").parse().ok()).filter(|&n| n >= least) {
            Some(number) => Some(At { value: number, span: value.span() }),
            None => {
                self.wrong_type(key, &format!("a whole number of at least {least}"), value);
                None
            }
        }
    }

    /// A list of whole numbers of at least 1.
    fn counts(&self, key: &'static str) -> Option<At<Vec<usize>>> {
        let value = self.value(key)?;
        let number = |item: &Spanned<DeValue>| {
            let number = item.get_ref().as_integer().filter(|n| n.radix() == 10);
            number.and_then(|n| n.as_str().parse().ok()).filter(|n| *n >= 1)
        };
        let list = value.get_ref().as_array();
        match list.and_then(|list| list.iter().map(number).collect::<Option<Vec<usize>>>()) {
            Some(numbers) if !numbers.is_empty() => Some(At { value: numbers, span: value.span() }),
            _ => {
                self.wrong_type(key, "a list of whole numbers of at least 1", value);
                None
            }
        }
    }

    /// A string or a list of strings.
    fn strings(&self, key: &'static str) -> Option<Vec<At<String>>> {
        let value = self.value(key)?;
        if let Some(text) = value.get_ref().as_str() {
            return Some(vec![At { value: text.to_string(), span: value.span() }]);
        }
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_type(key, "a string or a list of strings", value);
            return None;
        };
        let strings = list.iter().filter_map(|item| match item.get_ref().as_str() {
            Some(text) => Some(At { value: text.to_string(), span: item.span() }),
            None => {
                self.wrong_type(key, "a list of strings", item);
                None
            }
        });
        Some(strings.collect())
    }

    /// A table of expressions, in the order written; a list of names stands for each column as itself.
    fn pairs(&self, key: &'static str) -> Option<Vec<(At<String>, At<String>)>> {
        self.pairs_or(key, quote)
    }

    /// Columns in the order written: names that stand for themselves, and tables of names with expressions. A table within
    /// such a table adds its name and a point before the names in it, as TOML's dotted keys do.
    fn columns(&self, key: &'static str) -> Option<Vec<(At<String>, At<String>)>> {
        let value = self.value(key)?;
        let mut columns = vec![];
        match value.get_ref() {
            DeValue::Array(list) => {
                for item in list {
                    match item.get_ref() {
                        DeValue::String(name) => {
                            let sql = At { value: quote(name), span: item.span() };
                            columns.push((At { value: name.to_string(), span: item.span() }, sql));
                        }
                        DeValue::Table(table) => self.named_columns("", table, &mut columns),
                        _ => self.wrong_type(key, "a list of names and of tables", item),
                    }
                }
            }
            DeValue::Table(table) => self.named_columns("", table, &mut columns),
            _ => {
                self.wrong_type(key, "a list of names and of tables", value);
                return None;
            }
        }
        Some(columns)
    }

    /// Adds the columns of a table, in the order written; each name comes after `before`.
    fn named_columns(&self, before: &str, table: &DeTable, columns: &mut Vec<(At<String>, At<String>)>) {
        // The parser keeps keys sorted; columns come in the order written.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let full = format!("{before}{}", name.get_ref());
            match value.get_ref() {
                DeValue::String(sql) => columns.push((
                    At { value: full, span: name.span() },
                    At { value: sql.to_string(), span: value.span() },
                )),
                DeValue::Table(table) => self.named_columns(&format!("{full}."), table, columns),
                _ => self.wrong_type(&full, "a string", value),
            }
        }
    }

    /// A table of names, in the order written; a list of names stands for each name as itself.
    fn names(&self, key: &'static str) -> Option<Vec<(At<String>, At<String>)>> {
        self.pairs_or(key, str::to_string)
    }

    /// A table of texts, in the order written.
    fn texts(&self, key: &'static str) -> Option<Vec<(At<String>, At<String>)>> {
        let value = self.value(key)?;
        if value.get_ref().as_table().is_none() {
            self.wrong_type(key, "a table of strings", value);
            return None;
        }
        self.names(key)
    }

    /// A table of strings; `itself` gives the string of a name in a list.
    fn pairs_or(
        &self,
        key: &'static str,
        itself: impl Fn(&str) -> String,
    ) -> Option<Vec<(At<String>, At<String>)>> {
        let value = self.value(key)?;
        if let Some(list) = value.get_ref().as_array() {
            let names = list.iter().filter_map(|item| match item.get_ref().as_str() {
                Some(text) => {
                    let name = At { value: text.to_string(), span: item.span() };
                    Some((name.clone(), At { value: itself(text), span: name.span }))
                }
                None => {
                    self.wrong_type(key, "a list of names or a table", item);
                    None
                }
            });
            return Some(names.collect());
        }
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(key, "a table", value);
            return None;
        };
        let mut pairs: Vec<(At<String>, At<String>)> = vec![];
        for (name, value) in table {
            let name = At { value: name.get_ref().to_string(), span: name.span() };
            match value.get_ref().as_str() {
                Some(text) => pairs.push((name, At { value: text.to_string(), span: value.span() })),
                None => self.wrong_type(&name.value, "a string", value),
            }
        }
        // The parser keeps keys sorted; columns come in the order written.
        pairs.sort_by_key(|(name, _)| name.span.start);
        Some(pairs)
    }

    /// A table of values that stand for themselves, in the order written.
    fn literals(&self, key: &'static str) -> Option<Vec<(At<String>, At<TomlLiteral>)>> {
        let value = self.value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(key, "a table", value);
            return None;
        };
        let mut literals = vec![];
        for (name, value) in table {
            let name = At { value: name.get_ref().to_string(), span: name.span() };
            match literal(value.get_ref()) {
                Some(literal) => literals.push((name, At { value: literal, span: value.span() })),
                None => self.wrong_type(&name.value, "a string, a number, a time, true or false", value),
            }
        }
        literals.sort_by_key(|(name, _)| name.span.start);
        Some(literals)
    }

    /// A table within this one.
    fn table(&self, key: &'static str, section: &'static KeySection) -> Option<TableReader<'a>> {
        let value = self.value(key)?;
        match value.get_ref().as_table() {
            Some(table) => {
                let name = if self.name == "the job" { format!("[{key}]") } else { key.to_string() };
                Some(TableReader::new(self.document, &name, section, table, value.span()))
            }
            None => {
                self.wrong_type(key, "a table", value);
                None
            }
        }
    }

    /// The tables of `[key.NAME]`, with their names, in the order written.
    fn named_tables(
        &self,
        key: &'static str,
        section: &'static KeySection,
    ) -> Vec<(At<String>, TableReader<'a>)> {
        let Some(value) = self.value(key) else { return vec![] };
        let wanted = format!("tables with names, [{key}.NAME]");
        let Some(tables) = value.get_ref().as_table() else {
            self.wrong_type(key, &wanted, value);
            return vec![];
        };
        let mut named = vec![];
        for (name, value) in tables {
            let at = At { value: name.get_ref().to_string(), span: name.span() };
            match value.get_ref().as_table() {
                Some(table) => {
                    let title = format!("[{key}.{}]", at.value);
                    named.push((at, TableReader::new(self.document, &title, section, table, value.span())));
                }
                None => self.wrong_type(&at.value, &format!("a table, [{key}.{}]", at.value), value),
            }
        }
        named.sort_by_key(|(name, _)| name.span.start);
        named
    }

    /// A string, or a table.
    fn string_or_table(
        &self,
        key: &'static str,
        section: &'static KeySection,
    ) -> Option<Result<At<String>, TableReader<'a>>> {
        let value = self.value(key)?;
        match (value.get_ref().as_str(), value.get_ref().as_table()) {
            (Some(text), _) => Some(Ok(At { value: text.to_string(), span: value.span() })),
            (_, Some(table)) => Some(Err(TableReader::new(self.document, key, section, table, value.span()))),
            _ => {
                self.wrong_type(key, "a table", value);
                None
            }
        }
    }

    /// The tables of `[[key]]`, or of a list within this table.
    fn tables(&self, key: &'static str, section: &'static KeySection) -> Vec<TableReader<'a>> {
        let Some(value) = self.value(key) else { return vec![] };
        let (title, wanted) = match self.name.as_str() {
            "the job" => (format!("[[{key}]]"), format!("a list of tables, [[{key}]]")),
            _ => (key.to_string(), "a list of tables, [{ … }, …]".to_string()),
        };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_type(key, &wanted, value);
            return vec![];
        };
        let tables = list.iter().filter_map(|item| match item.get_ref().as_table() {
            Some(table) => Some(TableReader::new(self.document, &title, section, table, item.span())),
            None => {
                self.wrong_type(key, &wanted, item);
                None
            }
        });
        tables.collect()
    }

    /// Faults required keys that are not there, keys that belong elsewhere, and keys that nothing describes.
    pub fn finish(&self) {
        let known: Vec<&str> = self.section.names().collect();
        let stands = |key: &str| self.section.stands_for(key).is_some_and(|other| self.has(other));
        let missing = self.section.required.iter().filter(|(key, _)| !self.has(key) && !stands(key));
        match self.section.missing {
            "" => missing.for_each(|(key, hint)| self.lacks(key, hint)),
            all if missing.count() > 0 => {
                self.document.fault(Error::job(all).because(Reason::MissingKey), &self.span);
            }
            _ => {}
        }
        for (keys, hint) in self.section.elsewhere {
            for key in *keys {
                let error = Error::job(format!("{} has no key `{key}`", self.name));
                self.refuse(key, error.because(Reason::UnknownKey).hint(*hint));
            }
        }
        let requested = self.requested.borrow();
        // A key that is described and never read would be accepted and do nothing.
        debug_assert!(
            known.iter().all(|key| requested.contains(key)),
            "{} has keys that are not read",
            self.name
        );
        for (name, _) in self.entries {
            let key: &str = name.get_ref();
            if !known.contains(&key) && !requested.contains(&key) {
                let error = Error::job(format!("unknown key `{key}` in {}", self.name));
                let error = error.because(Reason::UnknownKey);
                let error = error.nearest_or("the keys are", key, known.iter().copied());
                self.document.fault(error, &name.span());
            }
        }
    }

    /// Whether `key` is there, and lists something if it is a list.
    fn has(&self, key: &str) -> bool {
        // An empty list says as little as a key that is not there.
        let is_empty_list = |value: &DeValue| value.as_array().is_some_and(|list| list.is_empty());
        self.entry(key).is_some_and(|(_, value)| !is_empty_list(value.get_ref()))
    }

    /// The fault that `key` is missing.
    fn lacks(&self, key: &str, hint: &str) {
        let what = match self.section.keys.iter().find(|about| about.name == key).map(|about| about.ty) {
            Some(ValueType::Table) => format!("[{key}]"),
            Some(ValueType::Tables) => format!("[[{key}]]"),
            _ => format!("`{key}`"),
        };
        let article = if self.name.starts_with("[[") { "an " } else { "" };
        let error = Error::job(format!("{article}{} has no {what}", self.name));
        let error = error.because(Reason::MissingKey);
        let error = if hint.is_empty() { error } else { error.hint(hint) };
        self.document.fault(error, &self.span);
    }
}

/// A kind of key, with how its value is read.
pub trait ReadKey: KeyType {
    type Value<'a>;

    /// The value of the key in `table`; faults one of another type.
    fn read<'a>(table: &TableReader<'a>, key: &Described) -> Option<Self::Value<'a>>;
}

/// Kinds whose values are read alike, by a method of [`TableReader`].
macro_rules! read {
    ($($($kind:ident),+: $value:ty = $read:ident;)+) => {$($(
        impl ReadKey for key::$kind {
            type Value<'a> = $value;

            fn read<'a>(table: &TableReader<'a>, key: &Described) -> Option<$value> {
                table.$read(key.name)
            }
        }
    )+)+};
}

/// Kinds whose values are tables of the key's section.
macro_rules! read_tables {
    ($($kind:ident: $value:ty = |$table:ident, $name:ident, $section:ident| $read:expr;)+) => {$(
        impl ReadKey for key::$kind {
            type Value<'a> = $value;

            fn read<'a>($table: &TableReader<'a>, key: &Described) -> Option<$value> {
                let ($name, $section) = (key.name, key.of?);
                $read
            }
        }
    )+};
}

read! {
    Text, Filled, Character, Delimiter, Sql, Length, SignedLength, Word: At<String> = string;
    Words, Strings: Vec<At<String>> = strings;
    Flag: At<bool> = flag;
    Counts: At<Vec<usize>> = counts;
    Expressions, Types: Vec<(At<String>, At<String>)> = pairs;
    Columns: Vec<(At<String>, At<String>)> = columns;
    Names: Vec<(At<String>, At<String>)> = names;
    Texts: Vec<(At<String>, At<String>)> = texts;
    Literals: Vec<(At<String>, At<TomlLiteral>)> = literals;
}

read_tables! {
    Table: TableReader<'a> = |table, name, section| table.table(name, section);
    Tables: Vec<TableReader<'a>> = |table, name, section| Some(table.tables(name, section));
    NamedTables: Vec<(At<String>, TableReader<'a>)> = |table, name, section| Some(table.named_tables(name, section));
    GlobalOrTable: Result<At<String>, TableReader<'a>> = |table, name, section| table.string_or_table(name, section);
}

impl<const LEAST: usize, const MOST: usize> ReadKey for Whole<LEAST, MOST> {
    type Value<'a> = At<usize>;

    fn read<'a>(table: &TableReader<'a>, key: &Described) -> Option<At<usize>> {
        // A number above `MOST` is refused by the planner, which says what the most is.
        table.whole(key.name, LEAST)
    }
}

fn literal(value: &DeValue) -> Option<TomlLiteral> {
    let (kind, text) = match value {
        DeValue::String(text) => (TomlKind::Text, text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => {
            (TomlKind::Number, number.as_str().replace('_', ""))
        }
        DeValue::Float(number) => (TomlKind::Number, number.as_str().replace('_', "")),
        DeValue::Boolean(flag) => (TomlKind::Flag, flag.to_string()),
        DeValue::Datetime(time) => (TomlKind::Time, time.to_string()),
        _ => return None,
    };
    Some(TomlLiteral { kind, text })
}

/// A name as an SQL identifier.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
