//! Keeps integer arithmetic in 64 bits.
//!
//! Parts of a time are 8 bits wide in Polars, lengths are 32 bits without a sign, and literals are as narrow as they
//! fit: so `EXTRACT(month FROM t) * 100` would wrap, and so would `LENGTH(name) - 20` below zero. Every such
//! operand of arithmetic is made an int64 first.

use super::Types;
use polars::prelude as pl;
use sqlparser::ast::{BinaryOperator, Expr as Ast, UnaryOperator, visit_expressions_mut};
use std::ops::ControlFlow;

/// `ast` with int64 in the place of narrower integers that arithmetic is done with.
pub fn widened(mut ast: Ast, types: &Types) -> Ast {
    use BinaryOperator::{Divide, DuckIntegerDivide, Minus, Modulo, Multiply, Plus};
    let narrow =
        |operand: &Ast| types.of(operand).is_some_and(|d| d.is_integer() && d != pl::DataType::Int64);
    let widen = |operand: &mut Ast| {
        if narrow(operand)
            && let Ok(wide) = super::parse(&format!("CAST({operand} AS BIGINT)"))
        {
            *operand = wide;
        }
    };
    let _ = visit_expressions_mut(&mut ast, |node: &mut Ast| {
        match node {
            Ast::BinaryOp {
                left,
                op: Plus | Minus | Multiply | Divide | Modulo | DuckIntegerDivide,
                right,
            } => {
                // A literal takes the type of what it stands beside.
                for side in [left, right] {
                    if !is_number(side) {
                        widen(side);
                    }
                }
            }
            Ast::UnaryOp { op: UnaryOperator::Minus, expr } if !is_number(expr) => widen(expr),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    ast
}

/// A literal, or one with a sign.
fn is_number(ast: &Ast) -> bool {
    match ast {
        Ast::Value(_) => true,
        Ast::UnaryOp { expr, .. } | Ast::Nested(expr) => is_number(expr),
        _ => false,
    }
}
