//! Keeps decimal arithmetic decimal: rewrites an expression so that Polars computes it exactly.

use super::{Kind, Types};
use crate::batch::{DataType, Schema};
use sqlparser::ast::{BinaryOperator, Expr as Ast, UnaryOperator, Value};

/// `ast` with decimal literals beside decimals, and exact products of decimals.
pub fn exact(mut ast: Ast, schema: &Schema, types: &Types) -> Ast {
    if schema.fields.iter().any(|f| matches!(f.ty, DataType::Decimal { .. })) {
        Rewriter { types }.rewrite(&mut ast);
    }
    ast
}

struct Rewriter<'a> {
    types: &'a Types<'a>,
}

impl Rewriter<'_> {
    fn rewrite(&self, ast: &mut Ast) {
        match ast {
            Ast::Nested(inner) | Ast::IsNull(inner) | Ast::IsNotNull(inner) => self.rewrite(inner),
            Ast::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Not, expr } => self.rewrite(expr),
            Ast::BinaryOp { left, op, right } => {
                self.rewrite(left);
                self.rewrite(right);
                self.operands(left, op, right);
            }
            Ast::Between { expr, low, high, .. } => {
                self.rewrite(expr);
                for bound in [low, high] {
                    self.rewrite(bound);
                    if self.scale(expr).is_some() {
                        literal_to_decimal(bound);
                    }
                }
            }
            Ast::Case { conditions, else_result, .. } => {
                for when in conditions {
                    self.rewrite(&mut when.condition);
                    self.rewrite(&mut when.result);
                }
                if let Some(otherwise) = else_result {
                    self.rewrite(otherwise);
                }
            }
            Ast::Function(function) => {
                if let sqlparser::ast::FunctionArguments::List(list) = &mut function.args {
                    for arg in &mut list.args {
                        if let sqlparser::ast::FunctionArg::Unnamed(sqlparser::ast::FunctionArgExpr::Expr(
                            inner,
                        )) = arg
                        {
                            self.rewrite(inner);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn operands(&self, left: &mut Ast, op: &BinaryOperator, right: &mut Ast) {
        use BinaryOperator::{Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Plus};
        if !matches!(op, Plus | Minus | Multiply | Divide | Modulo | Eq | NotEq | Gt | GtEq | Lt | LtEq) {
            return;
        }
        if self.scale(left).is_some() {
            literal_to_decimal(right);
        }
        if self.scale(right).is_some() {
            literal_to_decimal(left);
        }
        if let (Multiply, Some(a), Some(b)) = (op, self.scale(left), self.scale(right))
            && a > 0
            && b > 0
            && a + b <= 38
        {
            *left = cast(left, a + b);
            *right = cast(right, a + b);
        }
    }

    /// The scale of the value of `ast`, if it is a decimal.
    fn scale(&self, ast: &Ast) -> Option<u8> {
        match ast {
            Ast::Value(_) => None,
            _ => match self.types.kind(ast)? {
                Kind::Of(DataType::Decimal { scale, .. }) => Some(scale),
                _ => None,
            },
        }
    }
}

/// `CAST((ast) AS DECIMAL(38, scale))`.
fn cast(ast: &Ast, scale: u8) -> Ast {
    super::parse(&format!("CAST(({ast}) AS DECIMAL(38, {scale}))")).unwrap_or_else(|_| ast.clone())
}

/// A literal with a point (`0.19`, `-1.5`) becomes a decimal of its own digits.
fn literal_to_decimal(ast: &mut Ast) {
    let text = ast.to_string();
    let literal = match ast {
        Ast::Value(value) => matches!(value.value, Value::Number(..)),
        Ast::UnaryOp { op: UnaryOperator::Minus, expr } => {
            matches!(&**expr, Ast::Value(value) if matches!(value.value, Value::Number(..)))
        }
        _ => false,
    };
    let digits = text.trim_start_matches('-').trim();
    if let Some((whole, fraction)) = digits.split_once('.')
        && literal
        && whole.len() + fraction.len() <= 38
        && fraction.bytes().all(|c| c.is_ascii_digit())
    {
        let text = text.replace(' ', "");
        if let Ok(exact) = super::parse(&format!("CAST('{text}' AS DECIMAL(38, {}))", fraction.len())) {
            *ast = exact;
        }
    }
}
