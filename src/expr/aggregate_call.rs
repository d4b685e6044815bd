//! Aggregates in the SQL of `select` and `having`: told apart from the arithmetic around them.

use super::{parse, readable, with_stack};
use crate::error::{Error, Result};
use sqlparser::ast::{
    DuplicateTreatment, Expr as Ast, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    visit_expressions,
};
use std::fmt;
use std::ops::ControlFlow;

/// The names that are aggregates here.
pub const NAMES: [&str; 18] = [
    "count",
    "approx_count_distinct",
    "sum",
    "avg",
    "min",
    "max",
    "first",
    "last",
    "arg_min",
    "arg_max",
    "stddev_pop",
    "stddev_samp",
    "var_pop",
    "var_samp",
    "median",
    "quantile",
    "bool_and",
    "bool_or",
];

/// One aggregate of a `select`, as written: `sum(amount)`, `count(distinct user)`, `quantile(x, 0.9)`.
///
/// Equal calls have equal trees; where they stand in a text does not count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AggregateCall {
    /// Its name in lower case, one of the known aggregates.
    pub name: String,
    /// `count(distinct x)`.
    pub distinct: bool,
    /// Its arguments; none for `count(*)`.
    pub args: Vec<Ast>,
    /// `ORDER BY` among the arguments, or of `WITHIN GROUP`.
    pub order: Vec<OrderBy>,
    /// The condition of `FILTER (WHERE …)`: the aggregate takes the rows where it is true.
    pub filter: Option<Ast>,
}

/// One expression of an `ORDER BY`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderBy {
    /// What rows are ordered by.
    pub by: Ast,
    /// Greater values first.
    pub descending: bool,
    /// NULL before all values. Without a word for it NULL counts as the greatest value, as in PostgreSQL.
    pub nulls_first: bool,
}

/// `sum(amount)`, as an expression has it.
impl fmt::Display for AggregateCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}", self.name, if self.distinct { "distinct " } else { "" })?;
        match &self.args[..] {
            [] => write!(f, "*")?,
            args => f.write_str(&listed(args))?,
        }
        if !self.order.is_empty() {
            write!(f, " ORDER BY {}", listed(&self.order))?;
        }
        write!(f, ")")?;
        self.filter.iter().try_for_each(|filter| write!(f, " FILTER (WHERE {filter})"))
    }
}

fn listed(items: &[impl fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.by, if self.descending { " DESC" } else { "" })?;
        match self.nulls_first == self.descending {
            true => Ok(()),
            false => write!(f, " NULLS {}", if self.nulls_first { "FIRST" } else { "LAST" }),
        }
    }
}

impl AggregateCall {
    /// Whether its expressions over events can be read, as [`check_syntax`](super::check_syntax) does.
    ///
    /// # Errors
    /// A job error without a place, of each fault.
    pub fn check_syntax(&self) -> Result<()> {
        // The second argument of a quantile is a number.
        let args = if self.name == "quantile" { 1 } else { self.args.len() };
        let order = self.order.iter().map(|order| &order.by);
        let all = self.args.iter().take(args).chain(order).chain(&self.filter);
        let checked = all.map(|ast| with_stack(|| readable(ast.clone(), &ast.to_string(), None)));
        Error::all(checked.filter_map(Result::err).collect()).map_or(Ok(()), Err)
    }
}

/// A `select` entry or a `having`: aggregates, and an expression over them.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The aggregates in it, each once.
    pub calls: Vec<AggregateCall>,
    /// As written.
    pub(super) sql: String,
    /// All of it; the aggregates are where they are written.
    pub(super) ast: Ast,
}

impl Selection {
    /// The aggregate that the whole entry is, if it is one.
    pub fn single(&self) -> Option<&AggregateCall> {
        as_call(&self.ast).and(self.calls.first())
    }
}

/// Finds the aggregates in `sql`.
///
/// # Errors
/// A job error without a place: syntax, a nested aggregate, wrong arguments.
pub fn parse_selection(sql: &str) -> Result<Selection> {
    with_stack(|| selection(sql))
}

fn selection(sql: &str) -> Result<Selection> {
    let ast = parse(sql)?;
    let mut calls: Vec<AggregateCall> = vec![];
    let found = visit_expressions(&ast, |node: &Ast| {
        let Some(call) = as_call(node) else { return ControlFlow::Continue(()) };
        match check(call, sql) {
            Ok(call) if calls.contains(&call) => ControlFlow::Continue(()),
            Ok(call) => {
                calls.push(call);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    });
    match found {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(Selection { calls, sql: sql.to_string(), ast }),
    }
}

/// The error of an aggregate where rows are not grouped.
pub fn misplaced(call: &Function, sql: &str) -> Error {
    let name = call.name.to_string().to_lowercase();
    Error::job(format!("`{name}` is an aggregate and has no place in `{sql}`"))
        .hint("aggregates belong to `select` and `having` of an output")
}

/// The name of the first aggregate in `ast`, if there is one.
fn first_aggregate(ast: &Ast) -> Option<String> {
    let mut found = None;
    let _ = visit_expressions(ast, |node: &Ast| {
        if let Some(call) = as_call(node) {
            found = Some(call.name.to_string().to_lowercase());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    found
}

/// The call of an aggregate that `ast` is, if it is one.
pub fn as_call(ast: &Ast) -> Option<&Function> {
    match ast {
        Ast::Function(f) if NAMES.contains(&f.name.to_string().to_lowercase().as_str()) => Some(f),
        _ => None,
    }
}

/// The aggregate that `function` calls.
///
/// # Errors
/// A job error without a place: wrong arguments.
pub fn check(function: &Function, sql: &str) -> Result<AggregateCall> {
    let name = function.name.to_string().to_lowercase();
    if function.over.is_some() || function.filter.is_some() {
        return Err(Error::job(format!("`{name}` in `{sql}` takes no OVER and no FILTER"))
            .hint("use CASE WHEN … THEN … END as the argument in place of FILTER"));
    }
    let FunctionArguments::List(list) = &function.args else {
        return Err(Error::job(format!("`{name}` in `{sql}` needs its arguments in parentheses")));
    };
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let mut args = vec![];
    for arg in &list.args {
        match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if name == "count" => {}
            FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) => {
                if let Some(nested) = first_aggregate(inner) {
                    return Err(Error::job(format!(
                        "`{nested}` inside `{name}` in `{sql}`: aggregates do not nest"
                    )));
                }
                args.push(inner.clone());
            }
            other => return Err(Error::job(format!("`{name}` in `{sql}` cannot take `{other}`"))),
        }
    }
    let wanted = match name.as_str() {
        "count" => 0..=1,
        "arg_min" | "arg_max" | "quantile" => 2..=2,
        _ => 1..=1,
    };
    if !wanted.contains(&args.len()) {
        let count = if *wanted.end() == 1 { "one argument" } else { "two arguments" };
        return Err(Error::job(format!("`{name}` in `{sql}` takes {count}, not {}", args.len())));
    }
    if distinct && name != "count" {
        return Err(Error::job(format!("DISTINCT is for `count` alone, not for `{name}` in `{sql}`")));
    }
    if distinct && args.is_empty() {
        return Err(Error::job(format!("`count(distinct …)` in `{sql}` needs a column")));
    }
    Ok(AggregateCall { name, distinct, args, order: vec![], filter: None })
}
