//! TOML with the place of everything, read without stopping at the first fault.

use crate::error::{Error, Reason, Snippet};
use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// A value that stands for itself, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    pub kind: LiteralKind,
    /// A number as it is written, less `_`; a time in RFC 3339.
    pub text: String,
}

/// What a [`Literal`] is in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralKind {
    Text,
    Number,
    Flag,
    Time,
}

/// The job file's text, and the faults found so far.
pub struct Document {
    pub file: String,
    pub text: String,
    /// Where each stands, and what it is.
    faults: Mutex<Vec<(usize, Error)>>,
}

impl Document {
    pub fn new(file: &str, text: &str) -> Document {
        Document { file: file.to_string(), text: text.to_string(), faults: Mutex::default() }
    }

    fn noted(&self) -> MutexGuard<'_, Vec<(usize, Error)>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `error` with the snippet of `span`.
    pub fn place(&self, error: Error, span: &Range<usize>) -> Error {
        error.at(Snippet::of(&self.file, &self.text, span.clone()))
    }

    /// The line in which `span` begins, from 1.
    pub fn line(&self, span: &Range<usize>) -> usize {
        Snippet::of(&self.file, &self.text, span.clone()).line
    }

    /// Notes the faults of an error at `span`, and goes on. One that follows from another is not noted.
    pub fn fault(&self, error: Error, span: &Range<usize>) {
        let mut faults = self.noted();
        for error in error.each() {
            // What a part of a step leaves out and takes from the step may be wrong in both.
            let known = |(place, other): &(usize, Error)| {
                *place == span.start && (other.message(), other.reason()) == (error.message(), error.reason())
            };
            if error.reason() != Some(&Reason::Follows) && !faults.iter().any(known) {
                faults.push((span.start, self.place(error, span)));
            }
        }
    }

    /// Hints at something where a fault is that there is no column `name`.
    pub fn hint(&self, name: &str, hint: &str) {
        for (_, error) in self.noted().iter_mut() {
            if matches!(error.reason(), Some(Reason::UnknownColumn(unknown)) if unknown == name) {
                *error = error.clone().hint(hint);
            }
        }
    }

    /// Says, where a fault is that there is no column `name`, that there is one, and why it is not read.
    pub fn unread(&self, name: &str, why: &str) {
        for (_, error) in self.noted().iter_mut() {
            if matches!(error.reason(), Some(Reason::UnknownColumn(unknown)) if unknown == name) {
                *error = error.clone().instead(format!("column `{name}` is {why}"));
            }
        }
    }

    /// Says this and gives this hint where a fault is that there is no column `name`.
    pub fn instead(&self, name: &str, message: &str, hint: &str) {
        for (_, error) in self.noted().iter_mut() {
            if matches!(error.reason(), Some(Reason::UnknownColumn(unknown)) if unknown == name) {
                *error = error.clone().instead(message).hint(hint);
            }
        }
    }

    /// The names of columns that faults say there are not.
    pub fn unknown(&self) -> Vec<String> {
        let noted = self.noted();
        let names = noted.iter().filter_map(|(_, error)| match error.reason() {
            Some(Reason::UnknownColumn(name)) => Some(name.clone()),
            _ => None,
        });
        names.collect()
    }

    /// All faults as one error, in the order of their places, if there are any.
    pub fn faults(&self) -> Option<Error> {
        let mut faults = self.noted().clone();
        faults.sort_by_key(|(place, _)| *place);
        Error::all(faults.into_iter().map(|(_, error)| error).collect())
    }

    /// How many faults are noted so far.
    pub fn count(&self) -> usize {
        self.noted().len()
    }

    /// Forgets all faults but the first `count`.
    pub fn forget_after(&self, count: usize) {
        self.noted().truncate(count);
    }

    /// Forgets the faults noted so far: what was asked may be asked again otherwise.
    pub fn forget_faults(&self) {
        self.noted().clear();
    }
}

/// One table of the file. Every key is asked for by name; [`Table::finish`] faults the others.
pub struct Table<'a> {
    document: &'a Document,
    /// What the table is called in errors: `[source]`.
    name: String,
    entries: &'a DeTable<'a>,
    pub span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
    /// Keys that [`Table::misplaced`] has faulted.
    misplaced: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    pub fn new(document: &'a Document, name: &str, table: &'a DeTable<'a>, span: Range<usize>) -> Table<'a> {
        let (asked, misplaced) = (RefCell::new(vec![]), RefCell::new(vec![]));
        Table { document, name: name.to_string(), entries: table, span, asked, misplaced }
    }

    /// Where `key` stands, if the table has it.
    pub fn place_of(&self, key: &str) -> Option<Range<usize>> {
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(name, _)| name.span())
    }

    /// Whether `key` is a table or list of nothing.
    pub fn is_empty(&self, key: &str) -> bool {
        let value = self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value);
        value.is_some_and(|value| match value.get_ref() {
            DeValue::Table(table) => table.is_empty(),
            DeValue::Array(list) => list.is_empty(),
            _ => false,
        })
    }

    /// The string at `key`, if it is one; the key does not count as asked for.
    pub fn peek(&self, key: &str) -> Option<&'a str> {
        match self.entries.iter().find(|(name, _)| name.get_ref() == key)?.1.get_ref() {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// Faults `key` where the table has it; `hint` says where it belongs.
    pub fn misplaced(&self, key: &'static str, hint: &str) {
        let Some(place) = self.place_of(key) else { return };
        self.misplaced.borrow_mut().push(key);
        let error = Error::job(format!("{} has no key `{key}`", self.name));
        self.document.fault(error.hint(hint), &place);
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().push(key);
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn wrong_type(&self, key: &str, wanted: &str, value: &Spanned<DeValue>) {
        let got = value.get_ref().type_str();
        self.document.fault(Error::job(format!("`{key}` must be {wanted}, not {got}")), &value.span());
    }

    /// A string.
    pub fn string(&self, key: &'static str) -> Option<At<String>> {
        let value = self.get(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(At { value: text.to_string(), span: value.span() }),
            None => {
                self.wrong_type(key, "a string", value);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<At<bool>> {
        let value = self.get(key)?;
        match value.get_ref().as_bool() {
            Some(flag) => Some(At { value: flag, span: value.span() }),
            None => {
                self.wrong_type(key, "true or false", value);
                None
            }
        }
    }

    /// A whole number of at least 1.
    pub fn count(&self, key: &'static str) -> Option<At<usize>> {
        self.whole(key, 1)
    }

    /// A whole number of at least `least`.
    pub fn whole(&self, key: &'static str, least: usize) -> Option<At<usize>> {
        let value = self.get(key)?;
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
    pub fn counts(&self, key: &'static str) -> Option<At<Vec<usize>>> {
        let value = self.get(key)?;
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
    pub fn strings(&self, key: &'static str) -> Option<Vec<At<String>>> {
        let value = self.get(key)?;
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
    pub fn pairs(&self, key: &'static str) -> Option<Vec<(At<String>, At<String>)>> {
        self.pairs_or(key, quote)
    }

    /// A table of names, in the order written; a list of names stands for each name as itself.
    pub fn names(&self, key: &'static str) -> Option<Vec<(At<String>, At<String>)>> {
        self.pairs_or(key, str::to_string)
    }

    /// A table of texts, in the order written.
    pub fn texts(&self, key: &'static str) -> Option<Vec<(At<String>, At<String>)>> {
        let value = self.get(key)?;
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
        let value = self.get(key)?;
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
    pub fn literals(&self, key: &'static str) -> Option<Vec<(At<String>, At<Literal>)>> {
        let value = self.get(key)?;
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
    pub fn table(&self, key: &'static str) -> Option<Table<'a>> {
        let value = self.get(key)?;
        match value.get_ref().as_table() {
            Some(table) => {
                let name = if self.name == "the job" { format!("[{key}]") } else { key.to_string() };
                Some(Table::new(self.document, &name, table, value.span()))
            }
            None => {
                self.wrong_type(key, "a table", value);
                None
            }
        }
    }

    /// The tables of `[key.NAME]`, with their names, in the order written.
    pub fn named_tables(&self, key: &'static str) -> Vec<(At<String>, Table<'a>)> {
        let Some(value) = self.get(key) else { return vec![] };
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
                    named.push((at, Table::new(self.document, &title, table, value.span())));
                }
                None => self.wrong_type(&at.value, &format!("a table, [{key}.{}]", at.value), value),
            }
        }
        named.sort_by_key(|(name, _)| name.span.start);
        named
    }

    /// A string, or a table.
    pub fn string_or_table(&self, key: &'static str) -> Option<Result<At<String>, Table<'a>>> {
        let value = self.get(key)?;
        match (value.get_ref().as_str(), value.get_ref().as_table()) {
            (Some(text), _) => Some(Ok(At { value: text.to_string(), span: value.span() })),
            (_, Some(table)) => Some(Err(Table::new(self.document, key, table, value.span()))),
            _ => {
                self.wrong_type(key, "a table", value);
                None
            }
        }
    }

    /// The tables of `[[key]]`, or of a list within this table.
    pub fn tables(&self, key: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.get(key) else { return vec![] };
        let (title, wanted) = match self.name.as_str() {
            "the job" => (format!("[[{key}]]"), format!("a list of tables, [[{key}]]")),
            _ => (key.to_string(), "a list of tables, [{ … }, …]".to_string()),
        };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_type(key, &wanted, value);
            return vec![];
        };
        let tables = list.iter().filter_map(|item| match item.get_ref().as_table() {
            Some(table) => Some(Table::new(self.document, &title, table, item.span())),
            None => {
                self.wrong_type(key, &wanted, item);
                None
            }
        });
        tables.collect()
    }

    /// Faults every key that was not asked for.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        for (name, _) in self.entries {
            let key: &str = name.get_ref();
            if asked.contains(&key) || self.misplaced.borrow().contains(&key) {
                continue;
            }
            let error = Error::job(format!("unknown key `{key}` in {}", self.name));
            self.document.fault(error.nearest_or("the keys are", key, asked.iter().copied()), &name.span());
        }
    }
}

fn literal(value: &DeValue) -> Option<Literal> {
    let (kind, text) = match value {
        DeValue::String(text) => (LiteralKind::Text, text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => {
            (LiteralKind::Number, number.as_str().replace('_', ""))
        }
        DeValue::Float(number) => (LiteralKind::Number, number.as_str().replace('_', "")),
        DeValue::Boolean(flag) => (LiteralKind::Flag, flag.to_string()),
        DeValue::Datetime(time) => (LiteralKind::Time, time.to_string()),
        _ => return None,
    };
    Some(Literal { kind, text })
}

/// A name as an SQL identifier.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Parses TOML; syntax errors become faults of the document.
pub fn parse<'a>(document: &'a Document) -> Spanned<DeTable<'a>> {
    let (table, errors) = DeTable::parse_recoverable(&document.text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        document.fault(Error::job(format!("TOML: {}", error.message())), &span);
    }
    table
}
