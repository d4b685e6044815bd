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
mod integer;
mod quotient;

pub use aggregate_call::{AggregateCall, Selection, parse_selection};

use crate::batch::{DataType, Field, Schema};
use crate::error::{Error, Result};
use crate::time::Zone;
use arrow_array::ArrayRef;
use polars::prelude as pl;
use polars::prelude::IntoLazy;

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
        let exact = for_polars(exact(sql, schema, zone)?, schema, zone);
        let compiled = to_polars(&exact.to_string(), sql)?;
        let inputs = inputs(&compiled, sql, schema)?;
        let ty = output_type(&compiled, &inputs, zone.name()).map_err(|cause| wrong(sql, cause))?;
        Ok(Expr { sql: sql.to_string(), inputs, ty, compiled, zone: zone.name() })
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
        let failed = |cause: pl::PolarsError| {
            Error::data(format!("cannot compute `{}`", self.sql)).caused_by(first_line(&cause.to_string()))
        };
        let columns = self
            .inputs
            .iter()
            .map(|f| bridge::to_polars(&f.name, f.ty, column(&f.name), self.zone))
            .collect::<pl::PolarsResult<Vec<_>>>()
            .map_err(failed)?;
        let frame = pl::DataFrame::new(rows, columns).map_err(failed)?;
        let result = frame.lazy().select([self.compiled.clone().alias("value")]).collect().map_err(failed)?;
        let value = result.column("value").map_err(failed)?;
        // A constant gives one row whatever the number of rows.
        let value = if value.len() == 1 && rows != 1 { value.new_from_index(0, rows) } else { value.clone() };
        bridge::to_arrow(value, self.ty).map_err(failed)
    }
}

/// Whether `sql` can be read: its syntax, its functions, and that no aggregate is in it. Columns and types are not
/// looked at.
///
/// # Errors
/// A job error without a place.
pub fn check_syntax(sql: &str) -> Result<()> {
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
    to_polars(&ast.to_string(), sql).map(|_| ())
}

/// The syntax tree of `sql` with columns by their full names, decimal arithmetic that stays decimal, and integers
/// of 64 bits.
///
/// # Errors
/// A job error: syntax, an aggregate.
pub(crate) fn exact(sql: &str, schema: &Schema, zone: &Zone) -> Result<sqlparser::ast::Expr> {
    let ast = dotted_names(parse(sql)?, schema);
    if let Some(name) = aggregate_call::first_aggregate(&ast) {
        return Err(Error::job(format!("`{name}` is an aggregate and has no place in `{sql}`"))
            .hint("aggregates belong to `select` and `having` of an output"));
    }
    Ok(integer::widened(decimal::exact(&ast, schema, zone.name()), schema, zone.name()))
}

/// What [`exact`] made, in the form in which Polars divides exactly.
pub(crate) fn for_polars(ast: sqlparser::ast::Expr, schema: &Schema, zone: &Zone) -> sqlparser::ast::Expr {
    quotient::by_columns(ast, schema, zone.name())
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

/// What `ast`, which [`exact`] made or is a part of what it made, gives over columns of `schema`; none
/// where that is not known.
pub(crate) fn kind(ast: &sqlparser::ast::Expr, schema: &Schema, zone: &Zone) -> Option<Kind> {
    Some(match kind_of(ast, schema, zone.name())? {
        pl::DataType::Null => Kind::Null,
        pl::DataType::Datetime(_, None) => Kind::Zoneless,
        dtype => bridge::data_type(&dtype).map_or(Kind::Other, Kind::Of),
    })
}

/// The Polars type of what `ast` gives over columns of `schema`.
fn kind_of(ast: &sqlparser::ast::Expr, schema: &Schema, zone: &str) -> Option<pl::DataType> {
    let text = ast.to_string();
    let compiled = to_polars(&text, &text).ok()?;
    let inputs = inputs(&compiled, &text, schema).ok()?;
    polars_type(&compiled, &inputs, zone).ok()
}

/// The syntax tree of `sql`.
pub(crate) fn parse(sql: &str) -> Result<sqlparser::ast::Expr> {
    let mut parser = sqlparser::parser::Parser::new(&sqlparser::dialect::GenericDialect {})
        .try_with_sql(sql)
        .map_err(|cause| wrong(sql, cause))?;
    let ast = parser.parse_expr().map_err(|cause| wrong(sql, cause))?;
    let rest = parser.peek_token();
    if rest.token != sqlparser::tokenizer::Token::EOF {
        return Err(wrong(sql, format!("`{}` was not expected at the end", rest.token)));
    }
    Ok(ast)
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
    Error::job(format!("wrong expression `{sql}`")).caused_by(first_line(cause))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("").to_string()
}

fn to_polars(text: &str, sql: &str) -> Result<pl::Expr> {
    // Polars warns, on stderr, of what will change in its own API: nothing that who writes a job could act on.
    static QUIET: std::sync::Once = std::sync::Once::new();
    QUIET.call_once(|| polars::error::set_warning_function(|_, _| {}));
    polars::sql::sql_expr(text).map_err(|cause| {
        let error = wrong(sql, &cause);
        let functions = polars::sql::keywords::all_functions();
        let message = cause.to_string();
        // "unsupported function 'uper'": the name stands between quotes.
        match message.split_once("function '").and_then(|(_, rest)| rest.split_once('\'')) {
            Some((name, _)) => Error::job(format!("unknown function `{name}` in `{sql}`"))
                .nearest(name, functions.iter().copied()),
            None => error,
        }
    })
}

/// The columns that `compiled` reads, or an error that names the first unknown one.
fn inputs(compiled: &pl::Expr, sql: &str, schema: &Schema) -> Result<Vec<Field>> {
    let mut inputs: Vec<Field> = vec![];
    for name in compiled.clone().meta().root_names() {
        let Some(index) = schema.index_of(&name) else {
            let place = if sql == name.as_str() { String::new() } else { format!(" in `{sql}`") };
            let error = Error::job(format!("unknown column `{name}`{place}"));
            return Err(error.nearest_or("the columns are", &name, schema.names()));
        };
        if !inputs.iter().any(|f| f.name == name.as_str()) {
            inputs.push(schema.fields[index].clone());
        }
    }
    Ok(inputs)
}

/// The type that `compiled` gives over columns of these types.
fn output_type(compiled: &pl::Expr, inputs: &[Field], zone: &str) -> std::result::Result<DataType, String> {
    let dtype = polars_type(compiled, inputs, zone)?;
    bridge::data_type(&dtype).ok_or_else(|| format!("it gives a {dtype}, which no column can hold"))
}

/// The same in Polars' types.
fn polars_type(
    compiled: &pl::Expr,
    inputs: &[Field],
    zone: &str,
) -> std::result::Result<pl::DataType, String> {
    let columns = inputs.iter().map(|f| bridge::empty(&f.name, f.ty, zone)).collect();
    let frame = pl::DataFrame::new(0, columns).map_err(|e| e.to_string())?;
    let mut lazy = frame.lazy().select([compiled.clone().alias("value")]);
    let schema = lazy.collect_schema().map_err(|e| e.to_string())?;
    let (_, dtype) = schema.iter().next().ok_or("no value")?;
    Ok(dtype.clone())
}

#[cfg(test)]
mod tests;
