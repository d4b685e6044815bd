//! Constants as they are written.

use super::{Ast, Binder, Value};
use crate::batch::DataType;
use crate::expr::moment::{Interval, TimeField};
use crate::expr::syntax::unquoted;
use crate::expr::tree::{Casting, Literal, Node, Op};
use crate::expr::types::{MOST_DIGITS, Type};
use sqlparser::ast::{Interval as Written, TypedString};

impl Binder<'_> {
    pub(super) fn value(&mut self, ast: &Ast, value: &Value) -> Node {
        match value {
            Value::Number(digits, _) => match number(digits) {
                Some(node) => node,
                None => self.wrong(ast, "this number cannot be read"),
            },
            Value::SingleQuotedString(text) => text_node(unquoted(text)),
            Value::Boolean(value) => Node::literal(Literal::Bool(*value), Type::BOOL),
            Value::Null => Node::null(Type::Null),
            Value::Placeholder(name) if !self.args.is_empty() => {
                let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
                match number.and_then(|number| self.args.get(number.checked_sub(1)?)) {
                    Some(arg) => arg.clone(),
                    None => self.wrong(ast, "the function does not have this argument"),
                }
            }
            Value::DoubleQuotedString(_) => self.wrong(ast, "write a text in single quotes"),
            _ => self.wrong(ast, "a constant of this form is not supported in expressions"),
        }
    }

    /// `DATE '…'` and `TIMESTAMP '…'`, an instant in the job's zone.
    pub(super) fn typed_text(&mut self, ast: &Ast, typed: &TypedString) -> Node {
        let Value::SingleQuotedString(text) = &typed.value.value else {
            return self.wrong(ast, "a text in single quotes is expected");
        };
        let Some(ty) = super::casts::target(&typed.data_type).filter(|ty| ty.is_moment()) else {
            return self.wrong(ast, "typed literals are DATE, TIMESTAMP and INTERVAL");
        };
        self.cast(ast, text_node(unquoted(text)), ty, Casting::Written)
    }

    /// `INTERVAL '1 day 2 hours'`, `INTERVAL '5' MINUTE`, `INTERVAL 5 MINUTE`, `INTERVAL (n) DAY`.
    pub(super) fn interval(&mut self, ast: &Ast, written: &Written) -> Node {
        let unit = match &written.leading_field {
            None => None,
            Some(field) => match TimeField::named(&field.to_string()) {
                Some(unit) => Some(unit),
                None => return self.wrong(ast, format!("`{field}` is not a unit of time")),
            },
        };
        if written.last_field.is_some() {
            return self.wrong(ast, "an interval from one unit TO another is not supported in expressions");
        }
        let value = self.node(&written.value);
        let text = match (value.as_literal(), unit) {
            (Some(Literal::Text(text)), _) => text.clone(),
            (Some(Literal::Int(count)), Some(_)) => count.to_string(),
            (_, Some(unit)) if value.ty == Type::INT || value.ty.is_open() => {
                let Some(one) = Interval::parse("1", Some(unit)) else {
                    return self.wrong(ast, format!("`{}` does not have a length", unit.name()));
                };
                let one = Node::literal(Literal::Interval(one), Type::Interval);
                return Node::call(Op::IntervalTimes, vec![one, value], Type::Interval);
            }
            _ => return self.wrong(ast, "an interval is written INTERVAL '1 day 2 hours'"),
        };
        match Interval::parse(&text, unit) {
            Some(interval) => Node::literal(Literal::Interval(interval), Type::Interval),
            None => self.wrong(ast, format!("`{text}` is not an interval such as `1 day 2 hours`")),
        }
    }
}

/// A literal of text.
pub(super) fn text_node(text: String) -> Node {
    Node::literal(Literal::Text(text), Type::TEXT)
}

/// A number: an int64, a decimal of its own digits, or with an exponent a float.
fn number(digits: &str) -> Option<Node> {
    if digits.contains(['e', 'E']) {
        return float(digits);
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !digits.contains('.')
        && let Ok(value) = digits.parse()
    {
        return Some(Node::literal(Literal::Int(value), Type::INT));
    }
    // Zeros in front are not digits of the number: they must not use up the 38 of a decimal.
    let significant = whole.trim_start_matches('0');
    let precision = significant.len() + fraction.len();
    // A decimal does not hold so many digits: a float keeps the size of the number.
    if precision > usize::from(MOST_DIGITS) {
        return float(digits);
    }
    // Of `0.` not a digit is left here: the empty text is zero.
    let value: i128 = format!("{significant}{fraction}").parse().or_else(|_| "0".parse()).ok()?;
    let ty = DataType::Decimal { precision: precision.max(1) as u8, scale: fraction.len() as u8 };
    Some(Node::literal(Literal::Decimal(value), Type::Of(ty)))
}

fn float(digits: &str) -> Option<Node> {
    let value: f64 = digits.parse().ok()?;
    // A literal that is too large for a float is parsed as infinity, which the author did not write.
    value.is_finite().then(|| Node::literal(Literal::Float(value), Type::FLOAT))
}
