//! Columns that were taken for texts: why, and how they become numbers, told where a number is wanted.

use crate::batch::DataType;
use crate::error::Error;
use crate::expr::walk::expressions;
use crate::input::infer::{Inferred, InferredColumn};
use crate::input::value::{basic, declared, key, number_type};
use crate::input::written::{NULL_WORDS, likely_keys};
use sqlparser::ast::Expr as Ast;
use std::collections::BTreeSet;

/// The columns of a log that are texts and that the job does not declare, and those without a value.
pub(super) struct TextColumns {
    columns: Vec<InferredColumn>,
    /// Whether the job can say how values are written: of files of text.
    written: bool,
}

impl TextColumns {
    pub(super) fn new(inferred: &Inferred, written: bool) -> TextColumns {
        let texts = inferred.columns.iter().filter(|c| c.open || c.ty == DataType::String && !c.declared);
        TextColumns { columns: texts.cloned().collect(), written }
    }

    /// The error of an expression, with the reason for columns in it that look like numbers, or have no values.
    pub(super) fn with_column_reasons(&self, error: Error, ast: &Ast) -> Error {
        if self.columns.is_empty() || !error.lacks_reason() {
            return error;
        }
        let names = names_in(ast);
        let texts =
            self.columns.iter().filter(|c| names.contains(&c.name) && (number(c).is_some() || c.open));
        texts.fold(error, |error, column| with_reason(error, column, self.written))
    }

    /// The error that columns, by name, are no numbers, with the reasons.
    pub(super) fn with_reasons_of<'a>(&self, error: Error, names: impl Iterator<Item = &'a str>) -> Error {
        let names: BTreeSet<&str> = names.collect();
        let columns = self.columns.iter().filter(|column| names.contains(column.name.as_str()));
        columns.fold(error, |error, column| with_reason(error, column, self.written))
    }
}

/// The names of columns in an expression.
pub(super) fn names_in(ast: &Ast) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    expressions(ast, |node| match node {
        Ast::Identifier(name) => drop(names.insert(name.value.clone())),
        Ast::CompoundIdentifier(parts) => {
            let parts: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
            names.insert(parts.join("."));
        }
        _ => {}
    });
    names
}

/// The type of the first number among the values of a column.
fn number(column: &InferredColumn) -> Option<DataType> {
    column.examples.iter().find_map(|example| number_type(example))
}

/// What is said of a column that is a text where a number is wanted: the value that made it one, and how it is read.
fn with_reason(error: Error, column: &InferredColumn, written: bool) -> Error {
    let InferredColumn { name, why, .. } = column;
    let ty = number(column).unwrap_or(DataType::Decimal { precision: 18, scale: 2 });
    let mut error = error.caused_by(format!("`{name}` is read as a {why}"));
    // A text among numbers may stand for NULL, unless it has marks between its digits.
    let is_number = |text: &str| number_type(text).is_some() || text.parse::<f64>().is_ok_and(f64::is_finite);
    let marked = column
        .examples
        .iter()
        .find_map(|text| Some((likely_keys(text.as_bytes(), DataType::Float64)?, text)));
    let marked = marked.filter(|(_, text)| !is_null(text));
    let numbers = column.examples.iter().any(|example| is_number(example));
    let word = column.examples.iter().find(|text| is_null(text) || !is_number(text) && numbers);
    let word = word.filter(|word| marked.is_none() || is_null(word));
    let (name_key, word_list) =
        (key(name), word.map_or_else(String::new, |word| format!("null = [{}]", basic(word))));
    match (&marked, word) {
        _ if !written => {}
        (Some((keys, text)), _) => {
            let and = if word.is_some() { format!(", {word_list}") } else { String::new() };
            error = error
                .hint(format!("written = {{ {name_key} = {{ {keys}{and} }} }} reads `{text}` as a number"));
        }
        (None, Some(word)) => {
            let hint = format!(
                "written = {{ {name_key} = {{ {word_list} }} }} reads the column, with `{word}` for no value"
            );
            error = error.hint(hint);
        }
        (None, None) => {}
    }
    let error = error.hint(format!("{} declares it a number", declared(name, ty)));
    match word {
        Some(word) => {
            // SQL doubles a quote in a literal.
            let word_literal = word.replace('\'', "''");
            let null = format!("CAST(NULLIF({name}, '{word_literal}') AS {})", sql_name(ty));
            error.hint(format!("{null} reads it if `{word}` means NULL"))
        }
        None => error,
    }
}

fn is_null(text: &str) -> bool {
    NULL_WORDS.contains(&text)
}

/// A type in a CAST.
fn sql_name(ty: DataType) -> String {
    match ty {
        DataType::Int64 => "BIGINT".into(),
        other => other.to_string().to_uppercase(),
    }
}
