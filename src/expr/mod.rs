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
mod types;

pub use aggregate_call::{AggregateCall, Selection, parse_selection};
pub(crate) use guarded::start;
pub(crate) use syntax::{parse, with_stack};
pub(crate) use types::Types;

use crate::batch::{DataType, Field, Schema};
use crate::error::{Error, Result};
use crate::time::Zone;
use arrow_array::ArrayRef;
use guarded::Failure;
use polars::prelude as pl;
use polars::prelude::NamedFrom;
use std::borrow::Cow;

/// A compiled expression: its SQL, what it reads and what it gives.
#[derive(Clone)]
pub struct Expr {
    sql: String,
    /// The columns it reads, with their types.
    inputs: Vec<Field>,
    ty: DataType,
    compiled: pl::Expr,
    zone: &'static str,
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
    /// A job error without a place: syntax, an unknown column or function (with the nearest name), a
    /// type that no column can have, an aggregate.
    pub fn compile(sql: &str, schema: &Schema, zone: &Zone) -> Result<Expr> {
        with_stack(|| Expr::compiled(sql, schema, zone))
    }

    fn compiled(sql: &str, schema: &Schema, zone: &Zone) -> Result<Expr> {
        let exact = for_polars(exact(sql, schema, zone)?, schema, zone);
        let compiled = guarded::parsed(&exact.to_string(), sql)?;
        let inputs = inputs(&compiled, sql, schema)?;
        let columns = inputs.iter().map(|f| bridge::empty(&f.name, f.ty, zone.name()));
        let dtype = guarded::dtype(&compiled, columns.collect());
        let dtype = dtype.map_err(|failure| failure.error(sql, |cause| wrong(sql, cause)))?;
        let ty = bridge::data_type(&dtype)
            .ok_or_else(|| wrong(sql, format!("it gives a {dtype}, which no column can hold")))?;
        let expr = Expr { sql: sql.to_string(), inputs, ty, compiled, zone: zone.name() };
        expr.tried()
    }

    /// Itself, after it was computed over a few rows: some expressions have a type, and cannot be computed.
    fn tried(self) -> Result<Expr> {
        let columns = || self.inputs.iter().map(|f| sample(f, self.zone)).collect();
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

    /// The columns that it reads.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|f| f.name.as_str())
    }

    /// The type of its value.
    pub fn ty(&self) -> DataType {
        self.ty
    }

    /// The value for each of `rows` rows; `column` finds an input by name.
    ///
    /// # Errors
    /// A data error, such as an overflow of decimal arithmetic.
    pub fn evaluate<'a>(&self, rows: usize, column: impl Fn(&str) -> &'a ArrayRef) -> Result<ArrayRef> {
        let columns = || {
            let inputs = self.inputs.iter();
            inputs.map(|f| bridge::to_polars(&f.name, f.ty, column(&f.name), self.zone)).collect()
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
    with_stack(|| checked(sql))
}

fn checked(sql: &str) -> Result<()> {
    use sqlparser::ast::Expr as Ast;
    // A name with dots may be that of a column: a path into nested JSON.
    let mut dotted = vec![];
    let _ = sqlparser::ast::visit_expressions(&parse(sql)?, |node: &Ast| {
        if let Ast::CompoundIdentifier(_) | Ast::CompoundFieldAccess { .. } = node {
            dotted.push(Field::new(node.to_string().replace('"', ""), DataType::String));
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    let ast = exact(sql, &Schema::new(dotted), &Zone::utc())?;
    guarded::parsed(&ast.to_string(), sql).map(|_| ())
}

/// The syntax tree of `sql` with columns by their full names, decimal arithmetic that stays decimal, and integers
/// of 64 bits.
///
/// # Errors
/// A job error: syntax, an aggregate.
pub(crate) fn exact(sql: &str, schema: &Schema, zone: &Zone) -> Result<sqlparser::ast::Expr> {
    let ast = dotted_names(parse(sql)?, schema);
    if let Some(name) = aggregate_call::first_aggregate(&ast) {
        return Err(Error::job(format!("`{name}` is an aggregate and has no place in `{}`", shown(sql)))
            .hint("aggregates belong to `select` and `having` of an output"));
    }
    replace::check(&ast)?;
    let types = Types::new(schema, zone.name());
    Ok(integer::widened(decimal::exact(ast, schema, &types), &types))
}

/// What [`exact`] made, in the form in which Polars divides and replaces as SQL does, whatever a batch holds.
pub(crate) fn for_polars(ast: sqlparser::ast::Expr, schema: &Schema, zone: &Zone) -> sqlparser::ast::Expr {
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

/// `user.city` means the column of that name, a path into nested JSON, where there is one.
fn dotted_names(mut ast: sqlparser::ast::Expr, schema: &Schema) -> sqlparser::ast::Expr {
    use sqlparser::ast::{Expr as Ast, Ident};
    let _ = sqlparser::ast::visit_expressions_mut(&mut ast, |node: &mut Ast| {
        if let Ast::CompoundIdentifier(_) | Ast::CompoundFieldAccess { .. } = node {
            let name = node.to_string().replace('"', "");
            if schema.index_of(&name).is_some() {
                *node = Ast::Identifier(Ident::with_quote('"', name));
            }
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    ast
}

fn wrong(sql: &str, cause: impl std::fmt::Display) -> Error {
    let cause = cause.to_string();
    let cause = cause.trim_start_matches("sql parser error: ");
    Error::job(format!("wrong expression `{}`", shown(sql))).caused_by(first_line(cause))
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

/// The columns that `compiled` reads, or an error that names the first unknown one.
fn inputs(compiled: &pl::Expr, sql: &str, schema: &Schema) -> Result<Vec<Field>> {
    let mut inputs: Vec<Field> = vec![];
    for name in compiled.clone().meta().root_names() {
        let Some(index) = schema.index_of(&name) else {
            let place = if sql == name.as_str() { String::new() } else { format!(" in `{}`", shown(sql)) };
            let error = Error::job(format!("unknown column `{name}`{place}"));
            return Err(error.nearest_or("the columns are", &name, schema.names()));
        };
        if !inputs.iter().any(|f| f.name == name.as_str()) {
            inputs.push(schema.fields[index].clone());
        }
    }
    Ok(inputs)
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
