//! SQL expressions over the columns of a batch. Polars parses and evaluates them.
//!
//! # Contract
//! * A timestamp column is an instant shown in the job's time zone, so `EXTRACT(month FROM t)` is
//!   the month there.
//! * Decimal arithmetic stays decimal: a literal such as `0.19` beside a decimal is a decimal, and a
//!   product of decimals has all of its digits (scale s1 + s2, as in the SQL standard), where Polars
//!   alone would make the one a float and round the other to the larger scale.
//! * Integer arithmetic is in 64 bits, also of parts of a time and of lengths, which Polars has narrower.
//! * A quotient of floats is rounded once, also by a constant, which Polars multiplies with the inverse of.
//! * Evaluation is row by row: aggregates and window functions are refused here, since a batch is a
//!   cut that must not show in a result.

mod aggregate_call;
pub(crate) mod bridge;
mod decimal;
mod guarded;
mod integer;
mod quotient;
mod replace;
mod syntax;
mod tree;
mod types;

pub use aggregate_call::{AggregateCall, OrderBy, Selection, parse_selection, text_literal};
pub(crate) use guarded::start;
pub(crate) use syntax::{parse, with_stack};
pub(crate) use types::Types;

use crate::batch::{DataType, Field, Schema};
use crate::error::{Error, Reason, Result};
use crate::time::Zone;
use arrow_array::ArrayRef;
use guarded::Failure;
use polars::prelude as pl;
use polars::prelude::NamedFrom;
use sqlparser::ast::Expr as Ast;
use std::borrow::Cow;
use std::ops::ControlFlow;
use tree::{Names, Tree};

/// A compiled expression: its SQL, what it reads and what it gives.
#[derive(Clone)]
pub struct Expr {
    sql: String,
    /// As [`exact`] made it.
    tree: Tree,
    ty: DataType,
    compiled: pl::Expr,
    zone: Zone,
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expr({} -> {})", self.sql, self.ty)
    }
}

impl Expr {
    /// Compiles `sql` against `schema`.
    ///
    /// # Errors
    /// A job error without a place, of each fault: syntax, unknown columns and functions (with the nearest name), a
    /// type that no column can have, an aggregate.
    pub fn compile(sql: &str, schema: &Schema, zone: &Zone) -> Result<Expr> {
        with_stack(|| Expr::of(parse(sql)?, sql, schema, None, zone))
    }

    /// Compiles the tree `ast`, which messages show as `sql`.
    ///
    /// # Errors
    /// As of [`Expr::compile`].
    pub fn of_ast(ast: Ast, sql: &str, schema: &Schema, zone: &Zone) -> Result<Expr> {
        with_stack(|| Expr::of(ast, sql, schema, None, zone))
    }

    /// Compiles an expression over groups against `schema`, which ends with the values of `calls`.
    ///
    /// # Errors
    /// As of [`Expr::compile`].
    pub fn of_groups(
        selection: &Selection,
        schema: &Schema,
        calls: &[AggregateCall],
        zone: &Zone,
    ) -> Result<Expr> {
        with_stack(|| Expr::of(selection.ast.clone(), &selection.sql, schema, Some(calls), zone))
    }

    fn of(
        ast: Ast,
        sql: &str,
        schema: &Schema,
        calls: Option<&[AggregateCall]>,
        zone: &Zone,
    ) -> Result<Expr> {
        let Tree { ast, schema, columns } = resolved(ast, sql, Names::Of(schema), calls)?;
        if schema.fields.iter().any(|field| field.faulty) {
            return Err(
                Error::job(format!("`{}` reads a column that is wrong", shown(sql))).because(Reason::Follows)
            );
        }
        let ast = exact(ast, &schema, zone);
        let compiled = to_polars(&for_polars(ast.clone(), &schema, zone), sql)?;
        let empty = schema.fields.iter().map(|f| bridge::empty(&f.name, f.ty, zone.name()));
        let dtype = guarded::dtype(&compiled, empty.collect());
        let dtype = dtype.map_err(|failure| failure.error(sql, |cause| wrong(sql, cause)))?;
        let ty = bridge::data_type(&dtype)
            .ok_or_else(|| wrong(sql, format!("it gives a {dtype}, which no column can hold")))?;
        let tree = Tree { ast, schema, columns };
        Expr { sql: sql.to_string(), tree, ty, compiled, zone: zone.clone() }.tried()
    }

    /// Itself, after it was computed over a few rows: some expressions have a type, and cannot be computed.
    fn tried(self) -> Result<Expr> {
        let columns = || self.tree.schema.fields.iter().map(|f| sample(f, self.zone.name())).collect();
        match guarded::computed(&self.compiled, 2, columns, |value| bridge::to_arrow(value, self.ty)) {
            Err(failure @ Failure::Panic(_)) => {
                Err(failure.error(&self.sql, |cause| wrong(&self.sql, cause)))
            }
            // An error may be one of these values alone, as a text that is no number.
            _ => Ok(self),
        }
    }

    /// The SQL as written.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The columns that it reads: their numbers in the schema that it is compiled against.
    pub fn inputs(&self) -> &[usize] {
        &self.tree.columns
    }

    /// The number of the column that it is, if it computes nothing.
    pub fn column(&self) -> Option<usize> {
        self.tree.column()
    }

    /// Gives the columns that it reads other numbers.
    pub fn renumber(&mut self, number: impl Fn(usize) -> usize) {
        self.tree.columns.iter_mut().for_each(|column| *column = number(*column));
    }

    /// The type of its value.
    pub fn ty(&self) -> DataType {
        self.ty
    }

    /// Its tree, with decimal arithmetic that stays decimal and integers of 64 bits.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The job's time zone.
    pub(crate) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The value for each of `rows` rows; `column` gives an input by its number.
    ///
    /// # Errors
    /// A data error, such as an overflow of decimal arithmetic.
    pub fn evaluate<'a>(&self, rows: usize, column: impl Fn(usize) -> &'a ArrayRef) -> Result<ArrayRef> {
        let columns = || {
            let fields = self.tree.schema.fields.iter().zip(&self.tree.columns);
            fields.map(|(f, n)| bridge::to_polars(&f.name, f.ty, column(*n), self.zone.name())).collect()
        };
        let value =
            guarded::computed(&self.compiled, rows, columns, |value| bridge::to_arrow(value, self.ty));
        value.map_err(|failure| {
            failure.error(&self.sql, |cause| {
                Error::data(format!("cannot compute `{}`", shown(&self.sql))).caused_by(cause)
            })
        })
    }
}

/// Whether `sql` can be read: its syntax, its functions, and that no aggregate is in it. Columns and types are not
/// looked at.
///
/// # Errors
/// A job error without a place.
pub fn check_syntax(sql: &str) -> Result<()> {
    with_stack(|| readable(parse(sql)?, sql, None))
}

impl Selection {
    /// Whether what is around its aggregates can be read, as [`check_syntax`] does.
    ///
    /// # Errors
    /// A job error without a place.
    pub fn check_syntax(&self) -> Result<()> {
        with_stack(|| readable(self.ast.clone(), &self.sql, Some(&self.calls)))
    }
}

fn readable(ast: Ast, sql: &str, calls: Option<&[AggregateCall]>) -> Result<()> {
    let tree = resolved(ast, sql, Names::Any, calls)?;
    to_polars(&tree.ast, sql).map(drop)
}

/// The tree of `ast`, which is `sql`.
///
/// # Errors
/// A job error without a place, of each fault: an aggregate, unknown columns and, with those, functions.
fn resolved(ast: Ast, sql: &str, names: Names, calls: Option<&[AggregateCall]>) -> Result<Tree> {
    let replaced = replace::check(&ast).err();
    let (tree, mut faults) = Tree::new(ast, sql, names, calls)?;
    faults.extend(replaced);
    if !faults.is_empty() || tree.is_faulty() {
        let function = to_polars(&tree.ast, sql).err();
        let function = function.filter(|error| error.reason() == Some(&Reason::UnknownFunction));
        if function.is_some() && calls.is_some() {
            // It may be meant for an aggregate, which takes columns of the events.
            faults.clear();
        }
        faults.extend(function);
    }
    Error::all(faults).map_or(Ok(tree), Err)
}

/// `ast`, a tree over columns of `schema`, with decimal arithmetic that stays decimal, and integers of 64 bits.
fn exact(ast: Ast, schema: &Schema, zone: &Zone) -> Ast {
    let types = Types::new(schema, zone.name());
    integer::widened(decimal::exact(ast, schema, &types), &types)
}

/// What [`exact`] made, in the form in which Polars divides and replaces as SQL does, whatever a batch holds.
pub(crate) fn for_polars(ast: Ast, schema: &Schema, zone: &Zone) -> Ast {
    replace::with_nulls(quotient::by_columns(ast, &Types::new(schema, zone.name())))
}

/// What a part of an expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A value that a column can hold.
    Of(DataType),
    /// A timestamp that is in no zone, as `CAST(t AS TIMESTAMP)` makes one: it shows UTC.
    Zoneless,
    /// The literal NULL.
    Null,
    /// Anything else: a length of time, say.
    Other,
}

/// The value of a literal of text, whose quotes are doubled in a tree.
pub(crate) fn text_of(literal: &str) -> String {
    literal.replace("''", "'")
}

fn wrong(sql: &str, cause: impl std::fmt::Display) -> Error {
    Error::job(format!("wrong expression `{}`", shown(sql))).caused_by(first_line(&cause.to_string()))
}

/// The first line of a cause, and not too much of it: it may hold the expression.
fn first_line(text: &str) -> String {
    shown(text.lines().next().unwrap_or("")).into_owned()
}

/// An expression, or the beginning of a long one.
fn shown(sql: &str) -> Cow<'_, str> {
    match sql.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => Cow::Owned(format!("{}…", &sql[..end])),
        None => Cow::Borrowed(sql),
    }
}

/// The most characters of an expression that are shown.
const MOST_SHOWN: usize = 200;

/// Polars' expression of `ast`, which is or comes of `sql`.
///
/// # Errors
/// A job error without a place: a function that Polars does not have, with its reason; other words of Polars.
fn to_polars(ast: &Ast, sql: &str) -> Result<pl::Expr> {
    guarded::parsed(&ast.to_string(), sql).map_err(|error| match unknown_function(ast) {
        Some(name) => Error::job(format!("unknown function `{name}` in `{}`", shown(sql)))
            .because(Reason::UnknownFunction)
            .nearest(&name, polars::sql::keywords::all_functions().iter().copied()),
        None => error,
    })
}

/// The first function of `ast` that Polars does not have, if there is one.
fn unknown_function(ast: &Ast) -> Option<String> {
    let known = polars::sql::keywords::all_functions();
    let found = sqlparser::ast::visit_expressions(ast, |node: &Ast| match node {
        Ast::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            if known.contains(&name.as_str()) { ControlFlow::Continue(()) } else { ControlFlow::Break(name) }
        }
        _ => ControlFlow::Continue(()),
    });
    found.break_value()
}

/// Values of a column of this type for a trial: one, and NULL.
fn sample(field: &Field, zone: &str) -> pl::PolarsResult<pl::Column> {
    let ones = match field.ty {
        DataType::String => pl::Series::new("".into(), &[Some("1"), None]),
        DataType::Bool => pl::Series::new("".into(), &[Some(true), None]),
        _ => pl::Series::new("".into(), &[Some(1i64), None]),
    };
    let column = ones.cast(bridge::empty(&field.name, field.ty, zone).dtype())?;
    Ok(column.with_name(field.name.as_str().into()).into())
}

#[cfg(test)]
mod tests;
