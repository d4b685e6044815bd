//! The rows of a log as steps follow one another: the schema grows, and what is read is noted.

use super::log::CheckedLog;
use super::texts::{TextColumns, names_in};
use crate::batch::{ColumnId, DataType, Field, Origin, Schema};
use crate::error::{Error, Reason, Result};
use crate::expr::{Expr, parse};
use crate::job::document::{At, Document};
use crate::plan::Step;
use crate::time::Zone;
use sqlparser::ast::Expr as Ast;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The rows of the source, or of a table.
pub(super) struct RowSource<'a> {
    document: &'a Document,
    zone: Zone,
    /// Columns of the files and derived ones, all of them.
    pub(super) schema: Schema,
    /// How many of them are of the files.
    pub(super) source_columns: usize,
    /// Columns of the files that something reads.
    pub(super) used: BTreeSet<usize>,
    pub(super) steps: Vec<Step>,
    /// The columns of the files that are texts, and why.
    pub(super) texts: TextColumns,
    /// Columns of which no value was seen, and those that come of them: with the names that they have in files.
    valueless: BTreeMap<String, BTreeSet<String>>,
    /// Whether a fault has left open what columns there are: then every name may be one.
    pub(super) open: bool,
}

impl<'a> RowSource<'a> {
    pub(super) fn new(document: &'a Document, zone: &Zone, log: &CheckedLog) -> RowSource<'a> {
        let schema = log.schema();
        RowSource {
            document,
            zone: zone.clone(),
            // Counted before `schema` moves in the next line.
            source_columns: schema.fields.len(),
            schema,
            used: BTreeSet::new(),
            steps: vec![],
            texts: TextColumns::new(&log.inferred, log.files.iter().all(|file| file.format.is_text())),
            valueless: log
                .inferred
                .columns
                .iter()
                .filter(|c| c.open)
                .map(|c| (c.name.clone(), BTreeSet::from([c.name.clone()])))
                .collect(),
            open: log.open,
        }
    }

    /// The columns without a value that a column comes of.
    pub(super) fn valueless(&self, name: &str) -> BTreeSet<String> {
        self.valueless.get(name).cloned().unwrap_or_default()
    }

    /// Notes which columns without a value a new column comes of.
    pub(super) fn comes_of(&mut self, name: &str, of: BTreeSet<String>) {
        if !of.is_empty() {
            self.valueless.insert(name.to_string(), of);
        }
    }

    /// The columns without a value that an expression comes of.
    fn valueless_in(&self, ast: &Ast) -> BTreeSet<String> {
        // Nearly always empty, and then the names of the expression need not be collected.
        if self.valueless.is_empty() {
            BTreeSet::new()
        } else {
            names_in(ast).iter().flat_map(|name| self.valueless(name)).collect()
        }
    }

    /// The error of expressions, which other types of columns without a value may mend.
    pub(super) fn open_in<'e>(&self, error: Error, asts: impl Iterator<Item = &'e Ast>) -> Error {
        open_columns(error, asts.flat_map(|ast| self.valueless_in(ast)).collect())
    }

    /// The error of an expression, with what is to be told of its columns.
    fn explained(&self, error: Error, ast: &Ast) -> Error {
        self.open_in(self.texts.with_column_reasons(error, ast), std::iter::once(ast))
    }

    /// Notes that columns are read.
    pub(super) fn read(&mut self, columns: impl IntoIterator<Item = ColumnId>) {
        // Only columns of the files can be left out: those of steps are always computed.
        let columns = columns.into_iter().map(ColumnId::place);
        let of_files = columns.filter(|column| *column < self.source_columns);
        self.used.extend(of_files);
    }

    /// Compiles an expression over the rows; `None` after a fault, of it or of what it reads.
    fn expr(&mut self, sql: &At<String>) -> Option<Expr> {
        let made = compiled(sql, &self.schema, &self.zone, |error, ast| self.explained(error, ast));
        self.made(made, &sql.span)
    }

    /// The expression that `sql` is, without a word of what is wrong with it.
    pub(super) fn compiled(&self, sql: &str) -> Result<Expr> {
        Expr::compile(sql, &self.schema, &self.zone)
    }

    /// The expression of a tree, as [`RowSource::expr`].
    pub(super) fn expr_of(&mut self, ast: Ast, span: &Range<usize>) -> Option<Expr> {
        let sql = ast.to_string();
        let made = Expr::of_ast(&ast, &sql, &self.schema, &self.zone);
        let made = made.map_err(|error| self.explained(error, &ast));
        self.made(made, span)
    }

    fn made(&mut self, made: Result<Expr>, span: &Range<usize>) -> Option<Expr> {
        match made {
            Ok(expr) => {
                self.read(expr.inputs().iter().copied().map(ColumnId::new));
                Some(expr)
            }
            Err(error) => {
                self.fault(error, span);
                None
            }
        }
    }

    /// Notes what is wrong with the names of columns, and with what is made of them.
    pub(super) fn fault(&self, error: Error, span: &Range<usize>) {
        fault(self.document, self.open, error, span);
    }

    /// Adds the step of a `filter`.
    pub(super) fn filter(&mut self, sql: &At<String>) {
        let Some(expr) = self.expr(sql) else { return };
        if expr.ty() != DataType::Bool {
            let error = Error::job(format!("`filter` must be a bool, but its type is {}", expr.ty()));
            let error = self.open_in(error, parse(&sql.value).iter());
            self.document.fault(error, &sql.span);
            return;
        }
        self.steps.push(Step::Filter(expr));
    }

    /// Adds the steps of a `derive`.
    pub(super) fn derive_all(&mut self, columns: &[(At<String>, At<String>)]) {
        for (name, sql) in columns {
            let free = self.free(name, "a derived column needs a new name");
            if let (true, Ok(ast)) = (free && !self.valueless.is_empty(), parse(&sql.value)) {
                self.comes_of(&name.value, self.valueless_in(&ast));
            }
            match self.expr(sql) {
                Some(expr) if free => drop(self.derive(Field::new(&name.value, expr.ty()), expr)),
                None if free => self.schema.fields.push(Field::faulty(&name.value)),
                _ => {}
            }
        }
    }

    /// Whether no column has this name yet.
    pub(super) fn free(&self, name: &At<String>, hint: &str) -> bool {
        let free = self.schema.index_of(&name.value).is_none();
        if !free {
            taken(self.document, name, hint);
        }
        free
    }

    /// Adds a step that computes a column, and gives its id.
    fn derive(&mut self, field: Field, expr: Expr) -> ColumnId {
        self.steps.push(Step::Derive(field.name.clone(), expr));
        self.schema.fields.push(field);
        ColumnId::new(self.schema.fields.len() - 1)
    }

    /// The column of an expression over the rows: itself, or a new one that no name finds.
    pub(super) fn column_of(&mut self, sql: &At<String>) -> Option<ColumnId> {
        let expr = self.expr(sql)?;
        Some(self.column_with(expr))
    }

    /// The column of an expression over the rows, as [`RowSource::column_of`].
    pub(super) fn column_with(&mut self, expr: Expr) -> ColumnId {
        if let Some(index) = expr.column() {
            return ColumnId::new(index);
        }
        // The same expression in two aggregates is computed once.
        let fields = &self.schema.fields;
        let first = fields.iter().position(|field| field.origin == Origin::Own).unwrap_or(fields.len());
        // Arguments are the last columns, and each was made by one of the last steps.
        let steps = &self.steps[self.steps.len() - (fields.len() - first)..];
        let is_same = |step: &Step| matches!(step, Step::Derive(_, known) if known.sql() == expr.sql());
        let same = steps.iter().position(is_same).map(|i| ColumnId::new(first + i));
        same.unwrap_or_else(|| {
            // The number keeps names apart, and `Field::own` keeps them from being found.
            let field = Field::own(format!("__arg_{}", self.schema.fields.len()), expr.ty());
            self.derive(field, expr)
        })
    }
}

/// The error with its reason, if these columns without a value may be it.
pub(super) fn open_columns(error: Error, names: BTreeSet<String>) -> Error {
    match error.lacks_reason() && !names.is_empty() {
        true => error.because(Reason::OpenColumns(names.into_iter().collect())),
        false => error,
    }
}

/// Compiles an expression; `explain` adds reasons from its columns to its error.
pub(super) fn compiled(
    sql: &At<String>,
    schema: &Schema,
    zone: &Zone,
    explain: impl Fn(Error, &Ast) -> Error,
) -> Result<Expr> {
    Expr::compile(&sql.value, schema, zone).map_err(|error| match parse(&sql.value) {
        Ok(ast) => explain(error, &ast),
        Err(_) => error,
    })
}

/// Notes that there is a column of this name.
pub(super) fn taken(document: &Document, name: &At<String>, hint: &str) {
    let error = Error::job(format!("there is a column `{}` already", name.value));
    document.fault(error.hint(hint), &name.span);
}

/// Notes the faults of `error`; where columns are `open` not that there is none of a name, which may follow from what has
/// left them open.
pub(super) fn fault(document: &Document, open: bool, error: Error, span: &Range<usize>) {
    let unknown = |error: &Error| matches!(error.reason(), Some(Reason::UnknownColumn(_)));
    let faults = error.each().into_iter().filter(|error| !(open && unknown(error)));
    faults.for_each(|error| document.fault(error, span));
}
