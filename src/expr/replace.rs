//! Keeps REPLACE the same for batches of any size.
//!
//! What replaces may be a column. Polars takes its NULL for "leave it" in a batch of several rows, and for an error in
//! one of a single row; in SQL the result is NULL. What is looked for has to be a text: in a batch of several rows
//! Polars looks for no column, though it does in one of a single row.

use super::types::is_constant;
use crate::error::{Error, Result};
use sqlparser::ast::{
    Expr as Ast, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value, visit_expressions,
    visit_expressions_mut,
};
use std::ops::ControlFlow;

/// Refuses a REPLACE that looks for anything but a text, or puts what such a call makes.
///
/// # Errors
/// A job error that names the call.
pub fn check(ast: &Ast) -> Result<()> {
    let wrong = visit_expressions(ast, |node: &Ast| match arguments(node) {
        Some([_, wanted, _]) if !is_text(wanted) => ControlFlow::Break(Error::job(format!(
            "the second argument of `{}` is a text between quotes, the same for all rows",
            super::shown(&node.to_string())
        ))),
        // It is written twice by `with_nulls`: a chain of them would double at each.
        Some([_, _, by]) if !is_text(by) && has_call(by) => ControlFlow::Break(
            Error::job(format!(
                "the third argument of `{}` has a REPLACE in it",
                super::shown(&node.to_string())
            ))
            .hint("give the inner one a name with a derive step of its own"),
        ),
        _ => ControlFlow::Continue(()),
    });
    wrong.break_value().map_or(Ok(()), Err)
}

fn has_call(ast: &Ast) -> bool {
    visit_expressions(ast, |node: &Ast| match arguments(node) {
        Some(_) => ControlFlow::Break(()),
        None => ControlFlow::Continue(()),
    })
    .is_break()
}

/// `ast` with NULL where what replaces is NULL.
pub fn with_nulls(mut ast: Ast) -> Ast {
    let _ = visit_expressions_mut(&mut ast, |node: &mut Ast| {
        if let Some([text, wanted, by]) = arguments(node)
            && !is_text(by)
        {
            // A constant text is one row, of which Polars makes no more.
            let text = match is_constant(text) {
                true => format!("CASE WHEN ({by}) IS NULL THEN NULL ELSE {text} END"),
                false => text.to_string(),
            };
            let sql = format!(
                "CASE WHEN ({by}) IS NULL THEN NULL ELSE REPLACE({text}, {wanted}, COALESCE({by}, '')) END"
            );
            if let Ok(made) = super::parse(&sql) {
                *node = made;
            }
        }
        ControlFlow::<()>::Continue(())
    });
    ast
}

/// The three arguments, where `ast` is a call of REPLACE.
fn arguments(ast: &Ast) -> Option<[&Ast; 3]> {
    let Ast::Function(Function { name, args: FunctionArguments::List(list), .. }) = ast else { return None };
    if !name.to_string().eq_ignore_ascii_case("replace") {
        return None;
    }
    let args = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) => Some(arg),
        _ => None,
    });
    args.collect::<Option<Vec<_>>>()?.try_into().ok()
}

fn is_text(ast: &Ast) -> bool {
    match ast {
        Ast::Nested(inner) => is_text(inner),
        Ast::Value(value) => matches!(value.value, Value::SingleQuotedString(_)),
        _ => false,
    }
}
