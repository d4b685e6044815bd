//! The rows of a log as steps follow one another: the schema grows, and what is read is noted.

use crate::batch::{DataType, Field, Schema};
use crate::error::Error;
use crate::expr::Expr;
use crate::job::document::{At, Document};
use crate::job::plan::Step;
use crate::time::Zone;
use std::collections::BTreeSet;

/// The rows of the source, or of a table.
pub(super) struct Rows<'a> {
    document: &'a Document,
    zone: Zone,
    /// Columns of the files and derived ones, all of them.
    pub(super) schema: Schema,
    /// How many of them are of the files.
    pub(super) source_columns: usize,
    /// Columns of the files that something reads.
    pub(super) used: BTreeSet<usize>,
    pub(super) steps: Vec<Step>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(document: &'a Document, zone: &Zone, schema: Schema) -> Rows<'a> {
        Rows {
            document,
            zone: zone.clone(),
            source_columns: schema.fields.len(),
            schema,
            used: BTreeSet::new(),
            steps: vec![],
        }
    }

    /// Notes that columns are read.
    pub(super) fn read(&mut self, columns: impl IntoIterator<Item = usize>) {
        let of_files = columns.into_iter().filter(|column| *column < self.source_columns);
        self.used.extend(of_files);
    }

    /// Compiles an expression over the rows.
    fn expr(&mut self, sql: &At<String>) -> Option<Expr> {
        match Expr::compile(&sql.value, &self.schema, &self.zone) {
            Ok(expr) => {
                let inputs: Vec<usize> = expr.inputs().filter_map(|n| self.schema.index_of(n)).collect();
                self.read(inputs);
                Some(expr)
            }
            Err(error) => {
                self.document.fault(error, &sql.span);
                None
            }
        }
    }

    /// Adds the step of a `filter`.
    pub(super) fn filter(&mut self, sql: &At<String>) {
        let Some(expr) = self.expr(sql) else { return };
        if expr.ty() != DataType::Bool {
            let error = Error::job(format!("`filter` needs a bool, and its type is {}", expr.ty()));
            self.document.fault(error, &sql.span);
            return;
        }
        self.steps.push(Step::Filter(expr));
    }

    /// Adds the steps of a `derive`.
    pub(super) fn derive_all(&mut self, columns: &[(At<String>, At<String>)]) {
        for (name, sql) in columns {
            let Some(expr) = self.expr(sql) else { continue };
            if self.free(name, "a derived column needs a name of its own") {
                self.derive(&name.value, expr);
            }
        }
    }

    /// Whether no column has this name yet.
    pub(super) fn free(&self, name: &At<String>, hint: &str) -> bool {
        let free = self.schema.index_of(&name.value).is_none();
        if !free {
            let error = Error::job(format!("there is a column `{}` already", name.value));
            self.document.fault(error.hint(hint), &name.span);
        }
        free
    }

    /// Adds a step that computes a column, and gives its index.
    fn derive(&mut self, name: &str, expr: Expr) -> usize {
        self.schema.fields.push(Field::new(name, expr.ty()));
        self.steps.push(Step::Derive(name.to_string(), expr));
        self.schema.fields.len() - 1
    }

    /// The column of an expression over the rows: itself, or a new derived one.
    pub(super) fn column_of(&mut self, sql: &At<String>) -> Option<usize> {
        let expr = self.expr(sql)?;
        let plain = expr.sql().trim_matches('"');
        if let Some(index) = self.schema.index_of(plain) {
            return Some(index);
        }
        // The same expression in two aggregates is computed once.
        let same = self.steps.iter().find_map(|step| match step {
            Step::Derive(name, known) if known.sql() == expr.sql() && name.starts_with("__arg_") => {
                self.schema.index_of(name)
            }
            _ => None,
        });
        Some(same.unwrap_or_else(|| self.derive(&format!("__arg_{}", self.schema.fields.len()), expr)))
    }
}
