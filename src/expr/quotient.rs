//! Keeps quotients of floats rounded once.
//!
//! Polars divides a column by a constant by multiplying with `1 / constant`, which is another number in the last digit,
//! and which a batch of one row does not do: so the result of `x / 3` would depend on where chunks are cut.
//! A constant that is a column is divided by like any other.

use super::types::{Types, is_constant};
use polars::prelude as pl;
use sqlparser::ast::{BinaryOperator, Expr as Ast, visit_expressions, visit_expressions_mut};
use std::ops::ControlFlow;

/// `ast` with columns in the place of constants that floats are divided by.
pub fn by_columns(mut ast: Ast, types: &Types) -> Ast {
    let _ = visit_expressions_mut(&mut ast, |node: &mut Ast| {
        if let Ast::BinaryOp { left, op: BinaryOperator::Divide, right } = node
            && is_constant(right)
            && let Some(column) = first_column(left)
            && types.of(right).is_some_and(|d| d.is_float() || d.is_integer())
            && types.of(left).is_some_and(|d| !matches!(d, pl::DataType::Decimal(..)))
        {
            // Of a longer dividend one column does: with all of it, a chain of divisions would double at each of them.
            let null = if **left == column { "NULL".to_string() } else { right.to_string() };
            if let Ok(as_column) =
                super::parse(&format!("CASE WHEN ({column}) IS NULL THEN {null} ELSE {right} END"))
            {
                **right = as_column;
            }
        }
        ControlFlow::<()>::Continue(())
    });
    ast
}

/// The first column that is read.
fn first_column(ast: &Ast) -> Option<Ast> {
    let found = visit_expressions(ast, |node: &Ast| match node {
        Ast::Identifier(_) | Ast::CompoundIdentifier(_) => ControlFlow::Break(node.clone()),
        _ => ControlFlow::Continue(()),
    });
    found.break_value()
}
