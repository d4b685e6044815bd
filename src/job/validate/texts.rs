//! Columns that were taken for texts: why, and how they become numbers, told where a number is wanted.

use crate::batch::DataType;
use crate::error::Error;
use crate::input::infer::{Inferred, InferredColumn};
use crate::input::value::{declared, number_type};
use sqlparser::ast::{Expr as Ast, visit_expressions};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// The columns of a log that are texts and that the job does not declare.
pub(super) struct Texts(Vec<InferredColumn>);

impl Texts {
    pub(super) fn new(inferred: &Inferred) -> Texts {
        let texts = inferred.columns.iter().filter(|c| c.ty == DataType::String && !c.declared);
        Texts(texts.cloned().collect())
    }

    /// The error of an expression, with the reason for columns in it that look like numbers, or have no values.
    pub(super) fn told_of(&self, error: Error, ast: &Ast) -> Error {
        if self.0.is_empty() || error.reason().is_some() {
            return error;
        }
        let mut names = BTreeSet::new();
        let _ = visit_expressions(ast, |node: &Ast| {
            match node {
                Ast::Identifier(name) => drop(names.insert(name.value.clone())),
                Ast::CompoundIdentifier(parts) => {
                    let parts: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
                    names.insert(parts.join("."));
                }
                _ => {}
            }
            ControlFlow::<()>::Continue(())
        });
        let texts = self.0.iter().filter(|c| names.contains(&c.name) && (number(c).is_some() || is_empty(c)));
        texts.fold(error, told)
    }

    /// The error that columns, by name, are no numbers, with the reasons.
    pub(super) fn told<'a>(&self, error: Error, names: impl Iterator<Item = &'a str>) -> Error {
        let names: BTreeSet<&str> = names.collect();
        self.0.iter().filter(|column| names.contains(column.name.as_str())).fold(error, told)
    }
}

/// The type of the first number among the values of a column.
fn number(column: &InferredColumn) -> Option<DataType> {
    column.examples.iter().find_map(|example| number_type(example))
}

fn is_empty(column: &InferredColumn) -> bool {
    column.examples.is_empty()
}

fn told(error: Error, column: &InferredColumn) -> Error {
    let InferredColumn { name, why, .. } = column;
    let ty = number(column).unwrap_or(DataType::Decimal { precision: 18, scale: 2 });
    let error = error.caused_by(format!("`{name}` is taken for a {why}"));
    let error = error.hint(format!("{} declares it a number", declared(name, ty)));
    // A word that stands for NULL.
    match why.strip_suffix(" is no number").and_then(|why| why.split('`').nth(1)) {
        Some(word) => {
            let word_literal = word.replace('\'', "''");
            let null = format!("CAST(NULLIF({name}, '{word_literal}') AS {})", sql_name(ty));
            error.hint(format!("{null} reads it where `{word}` stands for NULL"))
        }
        None => error,
    }
}

/// A type in a CAST.
fn sql_name(ty: DataType) -> String {
    match ty {
        DataType::Int64 => "BIGINT".into(),
        other => other.to_string().to_uppercase(),
    }
}
