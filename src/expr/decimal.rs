//! Keeps decimal arithmetic decimal: rewrites an expression so that Polars computes it exactly.

use super::{inputs, output_type, to_polars};
use crate::batch::{DataType, Schema};
use sqlparser::ast::{BinaryOperator, Expr as Ast, UnaryOperator, Value};

/// `ast` with decimal literals beside decimals, and exact products of decimals.
pub fn exact(ast: &Ast, schema: &Schema, zone: &str) -> Ast {
    if !schema.fields.iter().any(|f| matches!(f.ty, DataType::Decimal { .. })) {
        return ast.clone();
    }
    Rewriter { schema, zone }.rewrite(ast)
}

struct Rewriter<'a> {
    schema: &'a Schema,
    zone: &'a str,
}

impl Rewriter<'_> {
    fn rewrite(&self, ast: &Ast) -> Ast {
        let mut ast = ast.clone();
        match &mut ast {
            Ast::Nested(inner) => **inner = self.rewrite(inner),
            Ast::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Not, expr } => {
                **expr = self.rewrite(expr)
            }
            Ast::BinaryOp { left, op, right } => {
                **left = self.rewrite(left);
                **right = self.rewrite(right);
                self.operands(left, op, right);
            }
            Ast::Between { expr, low, high, .. } => {
                **expr = self.rewrite(expr);
                for bound in [low, high] {
                    **bound = self.rewrite(bound);
                    if self.scale(expr).is_some() {
                        literal_to_decimal(bound);
                    }
                }
            }
            Ast::Case { conditions, else_result, .. } => {
                for when in conditions {
                    when.condition = self.rewrite(&when.condition);
                    when.result = self.rewrite(&when.result);
                }
                if let Some(otherwise) = else_result {
                    **otherwise = self.rewrite(otherwise);
                }
            }
            Ast::IsNull(inner) | Ast::IsNotNull(inner) => **inner = self.rewrite(inner),
            Ast::Function(function) => {
                if let sqlparser::ast::FunctionArguments::List(list) = &mut function.args {
                    for arg in &mut list.args {
                        if let sqlparser::ast::FunctionArg::Unnamed(sqlparser::ast::FunctionArgExpr::Expr(
                            inner,
                        )) = arg
                        {
                            *inner = self.rewrite(inner);
                        }
                    }
                }
            }
            _ => {}
        }
        ast
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
        let text = ast.to_string();
        let compiled = to_polars(&text, &text).ok()?;
        let inputs = inputs(&compiled, &text, self.schema).ok()?;
        match output_type(&compiled, &inputs, self.zone).ok()? {
            DataType::Decimal { scale, .. } => Some(scale),
            _ => None,
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
