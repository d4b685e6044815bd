//! What in an expression means something else than it did when Polars read it. The guide's page of changes has the list.

use super::syntax::{parse, with_stack};
use super::walk::expressions;
use super::words::shown;
use sqlparser::ast::{
    BinaryOperator, DataType as SqlType, Expr as Ast, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};

/// A part of an expression whose meaning changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeaningChange {
    /// The part, as SQL.
    pub part: String,
    /// What it means now, and what it meant.
    pub what: &'static str,
}

/// The parts of `sql` whose meaning changed, for a job whose zone is UTC or not. Nothing is said of what cannot be read.
pub fn changes(sql: &str, utc: bool) -> Vec<MeaningChange> {
    with_stack(|| {
        let Ok(ast) = parse(sql) else { return vec![] };
        let mut found = vec![];
        expressions(&ast, |part| {
            if let Some(what) = (ChangeFinder { utc }).change(part) {
                let change = MeaningChange { part: shown(&part.to_string()).into_owned(), what };
                // The same part may stand in the expression several times.
                if !found.contains(&change) {
                    found.push(change);
                }
            }
        });
        found
    })
}

struct ChangeFinder {
    utc: bool,
}

const MODULO: &str = "the remainder has the sign of the dividend; it had that of the divisor";
const WHOLE: &str = "the quotient is cut towards zero; it went down";
const ROUND: &str = "a half of a decimal is rounded away from zero; it went to the even digit";
const LOCAL_DAY: &str = "days and times are those of the job's time zone; they were those of UTC";
const DECIMAL: &str = "decimals are rounded a half away from zero; a half went to the even digit";
const POWER: &str = "this is the power; it was the bitwise exclusive or";
const GROUPED: &str = "bitwise operators have one precedence, from the left; `&` came before `|`, and `<<` and `>>` came last: use parentheses";
const TRUTH: &str = "for NULL this is true or false, as in SQL; it was NULL";
const BLANKS: &str = "only spaces are removed; it was all white space";
const POSITION: &str = "the position counts characters, and is NULL for NULL; it counted bytes, and was 0";
const ESCAPE: &str = "a backslash in the pattern is its escape; it was a backslash";
const SECONDS: &str = "seconds have their fraction, a decimal; they were cut to an int64";

impl ChangeFinder {
    fn change(&self, ast: &Ast) -> Option<&'static str> {
        match ast {
            Ast::BinaryOp { op: BinaryOperator::Modulo, .. } => Some(MODULO),
            Ast::BinaryOp { op: BinaryOperator::BitwiseXor, .. } => Some(POWER),
            Ast::BinaryOp { left, op, .. } if of_bits(op) => match &**left {
                // Parentheses make a node of their own, so that only a bare mix of operators is told.
                Ast::BinaryOp { op: inner, .. } if of_bits(inner) && inner != op => Some(GROUPED),
                _ => None,
            },
            Ast::BinaryOp {
                op: BinaryOperator::DuckIntegerDivide | BinaryOperator::MyIntegerDivide, ..
            } => Some(WHOLE),
            Ast::Cast {
                data_type: SqlType::Date | SqlType::Timestamp(..) | SqlType::Datetime(_), ..
            } if !self.utc => Some(LOCAL_DAY),
            Ast::TypedString(_) if !self.utc => Some(LOCAL_DAY),
            Ast::Cast {
                data_type: SqlType::Decimal(_) | SqlType::Numeric(_) | SqlType::Dec(_),
                expr,
                ..
            } if !matches!(&**expr, Ast::Value(_)) => Some(DECIMAL),
            Ast::IsTrue(_) | Ast::IsFalse(_) | Ast::IsNotTrue(_) | Ast::IsNotFalse(_) => Some(TRUTH),
            Ast::Trim { trim_what: None, trim_characters: None, .. } => Some(BLANKS),
            Ast::Position { .. } => Some(POSITION),
            Ast::Extract { field, .. } => seconds(&field.to_string()),
            Ast::Like { pattern, escape_char: None, .. } | Ast::ILike { pattern, escape_char: None, .. } => {
                text(pattern).is_some_and(|text| text.contains('\\')).then_some(ESCAPE)
            }
            Ast::Function(call) => self.called(&call.name.to_string().to_lowercase(), &arguments(&call.args)),
            _ => None,
        }
    }

    fn called(&self, name: &str, args: &[&Ast]) -> Option<&'static str> {
        match (name, args) {
            ("mod", _) => Some(MODULO),
            ("div", _) => Some(WHOLE),
            ("round", _) => Some(ROUND),
            ("ltrim" | "rtrim", [_]) => Some(BLANKS),
            ("strpos", _) => Some(POSITION),
            ("date_part", [field, _]) => text(field).and_then(seconds),
            ("date" | "strptime" | "timestamp", _) if !self.utc => Some(LOCAL_DAY),
            _ => None,
        }
    }
}

fn of_bits(op: &BinaryOperator) -> bool {
    use BinaryOperator::{BitwiseAnd, BitwiseOr, PGBitwiseShiftLeft, PGBitwiseShiftRight};
    matches!(op, BitwiseAnd | BitwiseOr | PGBitwiseShiftLeft | PGBitwiseShiftRight)
}

fn seconds(field: &str) -> Option<&'static str> {
    let is_second = ["second", "seconds", "s", "sec", "secs"].contains(&field.to_lowercase().as_str());
    is_second.then_some(SECONDS)
}

fn text(ast: &Ast) -> Option<&str> {
    match ast {
        Ast::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn arguments(args: &FunctionArguments) -> Vec<&Ast> {
    let FunctionArguments::List(list) = args else { return vec![] };
    let plain = list.args.iter().filter_map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) => Some(arg),
        _ => None,
    });
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_once_each_and_nothing_else() {
        let of = |sql: &str, utc| changes(sql, utc).into_iter().map(|c| (c.part, c.what)).collect::<Vec<_>>();
        assert_eq!(of("a % 3 + b", true), [("a % 3".to_string(), MODULO)]);
        assert_eq!(of("ROUND(x, 1) + ROUND(x, 1)", true), [("ROUND(x, 1)".to_string(), ROUND)]);
        assert_eq!(of("CAST(t AS DATE) < DATE '2024-01-01'", true), []);
        assert_eq!(of("CAST(t AS DATE) < DATE '2024-01-01'", false).len(), 2);
        assert_eq!(of("EXTRACT(hour FROM t) // 2 + EXTRACT(second FROM t)", false).len(), 2);
        assert_eq!(of("name LIKE 'a\\_%' AND TRIM(name) = 'x' AND ok IS NOT TRUE", true).len(), 3);
        assert_eq!(of("name LIKE 'a%' AND amount * 2 > 1.5 AND a / b > 1 AND ok", true), []);
        assert_eq!(of("a +", true), []);
        assert_eq!(of("a ^ 2", true), [("a ^ 2".to_string(), POWER)]);
        assert_eq!(of("a | b & 3", true), [("a | b & 3".to_string(), GROUPED)]);
        assert_eq!(of("a | (b & 3) | 4", true), []);
    }
}
