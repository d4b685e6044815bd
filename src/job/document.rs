//! The text of the job file and the faults in it: reading does not stop at the first.

use crate::error::{Error, Reason, Snippet};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use toml::Spanned;
use toml::de::DeTable;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// A value that stands for itself, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TomlLiteral {
    pub kind: TomlKind,
    /// A number as it is written, less `_`; a time in RFC 3339.
    pub text: String,
}

/// What a [`TomlLiteral`] is in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TomlKind {
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
        // A list of faults is whole after a panic too, so a poisoned lock does not matter.
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
        // Checks run in another order than the file has. The sort is stable, so faults of one place keep
        // theirs.
        faults.sort_by_key(|(place, _)| *place);
        Error::all(faults.into_iter().map(|(_, error)| error).collect())
    }

    /// How many faults are noted so far.
    pub fn count(&self) -> usize {
        self.noted().len()
    }

    /// Forgets all faults but the first `count`.
    pub fn forget_after(&self, count: usize) {
        // Faults are noted as checks find them, so those of a try are the last.
        self.noted().truncate(count);
    }

    /// Forgets the faults noted so far: what was asked may be asked again otherwise.
    pub fn forget_faults(&self) {
        self.noted().clear();
    }
}

/// Parses TOML; syntax errors become faults of the document.
pub fn parse<'a>(document: &'a Document) -> Spanned<DeTable<'a>> {
    // The parser goes on after an error, so that all faults of syntax are told in one go.
    let (table, errors) = DeTable::parse_recoverable(&document.text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let error = Error::job(format!("TOML: {}", error.message()));
        document.fault(error.because(Reason::Syntax), &span);
    }
    table
}
