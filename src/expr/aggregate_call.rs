//! Aggregates in the SQL of `select` and `having`: told apart from the arithmetic around them.

use super::{parse, with_stack};
use crate::error::{Error, Result};
use sqlparser::ast::{
    DuplicateTreatment, Expr as Ast, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    visit_expressions, visit_expressions_mut,
};
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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AggregateCall {
    /// Its name in lower case, one of the known aggregates.
    pub name: String,
    /// `count(distinct x)`.
    pub distinct: bool,
    /// The SQL of its arguments; none for `count(*)`.
    pub args: Vec<String>,
}

/// A `select` entry: aggregates, and an expression over them.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The aggregates in it, each once.
    pub calls: Vec<AggregateCall>,
    /// The SQL around them, where call `i` stands as the column `prefix` + `i`. `None` if the whole
    /// entry is one aggregate.
    pub around: Option<String>,
}

/// Splits `sql` into its aggregates and what is around them. In the latter, call `i` of the job
/// (numbered on from `first`) is the column `__agg_i`.
///
/// # Errors
/// A job error without a place: syntax, a nested aggregate, wrong arguments.
pub fn parse_selection(sql: &str, first: usize) -> Result<Selection> {
    with_stack(|| selection(sql, first))
}

fn selection(sql: &str, first: usize) -> Result<Selection> {
    let mut ast = parse(sql)?;
    if let Some(call) = as_call(&ast) {
        return Ok(Selection { calls: vec![check(call, sql)?], around: None });
    }
    let mut calls: Vec<AggregateCall> = vec![];
    let mut failed = None;
    let _ = visit_expressions_mut(&mut ast, |node: &mut Ast| {
        if let Some(call) = as_call(node) {
            match check(call, sql) {
                Ok(call) => {
                    let index = calls.iter().position(|c| *c == call).unwrap_or_else(|| {
                        calls.push(call);
                        calls.len() - 1
                    });
                    *node = Ast::Identifier(Ident::new(format!("__agg_{}", first + index)));
                }
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(Selection { calls, around: Some(ast.to_string()) }),
    }
}

/// The name of the first aggregate in `ast`, if there is one.
pub fn first_aggregate(ast: &Ast) -> Option<String> {
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

fn as_call(ast: &Ast) -> Option<&Function> {
    match ast {
        Ast::Function(f) if NAMES.contains(&f.name.to_string().to_lowercase().as_str()) => Some(f),
        _ => None,
    }
}

fn check(function: &Function, sql: &str) -> Result<AggregateCall> {
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
                args.push(inner.to_string());
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
    Ok(AggregateCall { name, distinct, args })
}
