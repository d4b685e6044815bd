//! Keeps quotients of floats rounded once.
//!
//! Polars divides a column by a constant by multiplying with `1 / constant`, which is another number in the last digit,
//! and which a batch of one row does not do: so the result of `x / 3` would depend on where chunks are cut.
//! A constant that is a column is divided by like any other.

use super::kind_of;
use crate::batch::Schema;
use polars::prelude as pl;
use sqlparser::ast::{BinaryOperator, Expr as Ast, visit_expressions, visit_expressions_mut};
use std::ops::ControlFlow;

/// `ast` with columns in the place of constants that floats are divided by.
pub fn by_columns(mut ast: Ast, schema: &Schema, zone: &str) -> Ast {
    let _ = visit_expressions_mut(&mut ast, |node: &mut Ast| {
        if let Ast::BinaryOp { left, op: BinaryOperator::Divide, right } = node
            && is_constant(right)
            && !is_constant(left)
            && kind_of(right, schema, zone).is_some_and(|d| d.is_float() || d.is_integer())
            && kind_of(left, schema, zone).is_some_and(|d| !matches!(d, pl::DataType::Decimal(..)))
            && let Ok(column) =
                super::parse(&format!("CASE WHEN ({left}) IS NULL THEN NULL ELSE {right} END"))
        {
            **right = column;
        }
        ControlFlow::<()>::Continue(())
    });
    ast
}

/// Whether no column is read.
fn is_constant(ast: &Ast) -> bool {
    let found = visit_expressions(ast, |node: &Ast| match node {
        Ast::Identifier(_) | Ast::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_continue()
}
