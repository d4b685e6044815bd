//! Job expressions in each dialect.
//!
//! # Contract
//! * The translation gives the value that [`crate::expr::Expr`] gives, which is what Polars makes of the rewritten
//!   expression: the job's semantics are those of Polars, also where the SQL of others is not. So `%` has the
//!   sign of the divisor, `//` and `DIV` go down, casts of decimals and ROUND go to the even digit, and
//!   `CAST(t AS DATE)` is the day in UTC, while EXTRACT and STRFTIME read the wall clock of the job's zone.
//! * What is not known to be the same in a dialect is an error that names it; nothing is printed on a guess.
//! * Where a division by zero stops an engine, it stops: the job gives an infinity there, or NULL.
//! * An expression that the job computes without an error gives no error here; of one that fails, nothing is said.

mod call;
mod cast;
mod moment;
mod pattern;
#[cfg(test)]
mod tests;

use super::{Dialect, words};
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::expr::{self, Expr, Kind, Types};
use crate::time::Zone;
use sqlparser::ast::{BinaryOperator, Expr as Ast, Ident, UnaryOperator, Value, visit_expressions_mut};
use std::ops::ControlFlow;

/// An expression of a job in the words of `dialect`. `column` gives the SQL that stands for a column there, by its
/// number.
///
/// # Errors
/// A job error: a function or an operator that has no words in the dialect.
pub fn translate(dialect: Dialect, expr: &Expr, column: &dyn Fn(usize) -> String) -> Result<String> {
    expr::with_stack(|| translated(dialect, expr, column))
}

fn translated(dialect: Dialect, expr: &Expr, column: &dyn Fn(usize) -> String) -> Result<String> {
    let (tree, zone) = (expr.tree(), expr.zone());
    // The names in a tree are its own.
    let column = |name: &str| {
        column(tree.columns[tree.schema.index_of(name).expect("a name of the tree is one of its columns")])
    };
    if dialect == Dialect::Polars {
        let ast = expr::for_polars(tree.ast.clone(), &tree.schema, zone);
        return Ok(for_polars(ast, &column));
    }
    let types = Types::new(&tree.schema, zone.name());
    let translator = Translator { dialect, zone, types, column: &column };
    translator.sql(&tree.ast).map_err(|error| error.caused_by(format!("it is in `{}`", expr.sql())))
}

/// The rewritten expression is in the dialect of Polars already.
fn for_polars(mut ast: Ast, column: &dyn Fn(&str) -> String) -> String {
    let _ = visit_expressions_mut(&mut ast, |node: &mut Ast| {
        if let Ast::Identifier(name) = node {
            let text = column(&name.value);
            // What is no SQL is printed as it is: nobody reads the tree again.
            *node = expr::parse(&text).unwrap_or_else(|_| Ast::Identifier(Ident::new(text)));
        }
        ControlFlow::<()>::Continue(())
    });
    ast.to_string()
}

/// The way from a tree to the text of one dialect.
struct Translator<'a> {
    dialect: Dialect,
    zone: &'a Zone,
    types: Types<'a>,
    column: &'a dyn Fn(&str) -> String,
}

impl Translator<'_> {
    /// The SQL of `ast`.
    fn sql(&self, ast: &Ast) -> Result<String> {
        Ok(match ast {
            Ast::Nested(inner) => self.sql(inner)?,
            Ast::Identifier(name) => (self.column)(&name.value),
            Ast::Value(value) => self.literal(ast, &value.value)?,
            Ast::TypedString(typed) => self.typed_literal(ast, typed)?,
            Ast::BinaryOp { left, op, right } => self.binary(ast, left, op, right)?,
            Ast::UnaryOp { op, expr } => self.unary(ast, op, expr)?,
            Ast::IsNull(inner) => format!("{} IS NULL", self.tight(inner)?),
            Ast::IsNotNull(inner) => format!("{} IS NOT NULL", self.tight(inner)?),
            // As Polars has them, these are NULL where the value is NULL.
            Ast::IsTrue(inner) => self.tight(inner)?,
            Ast::IsFalse(inner) | Ast::IsNotTrue(inner) => format!("NOT {}", self.tight(inner)?),
            Ast::IsNotFalse(inner) => self.tight(inner)?,
            Ast::IsDistinctFrom(left, right) => self.distinct(left, right, true)?,
            Ast::IsNotDistinctFrom(left, right) => self.distinct(left, right, false)?,
            Ast::Between { expr, negated, low, high } => {
                let not = if *negated { "NOT " } else { "" };
                let (low, high) = (self.beside(low, expr)?, self.beside(high, expr)?);
                format!("{} {not}BETWEEN {low} AND {high}", self.tight(expr)?)
            }
            Ast::InList { expr, list, negated } => {
                let not = if *negated { "NOT " } else { "" };
                let list = list.iter().map(|item| self.item(item, expr)).collect::<Result<Vec<_>>>()?;
                format!("{} {not}IN ({})", self.tight(expr)?, list.join(", "))
            }
            Ast::Case { operand, conditions, else_result, .. } => {
                let mut out = String::from("CASE");
                if let Some(operand) = operand {
                    out += &format!(" {}", self.tight(operand)?);
                }
                for when in conditions {
                    out += &format!(" WHEN {} THEN {}", self.sql(&when.condition)?, self.sql(&when.result)?);
                }
                if let Some(otherwise) = else_result {
                    out += &format!(" ELSE {}", self.sql(otherwise)?);
                }
                out + " END"
            }
            Ast::Cast { kind, expr, .. } => self.cast(ast, kind, expr)?,
            Ast::Extract { field, expr, .. } => self.extract(ast, &field.to_string(), expr)?,
            Ast::Like { .. } | Ast::ILike { .. } | Ast::RLike { .. } => self.matches(ast)?,
            Ast::Function(_)
            | Ast::Ceil { .. }
            | Ast::Floor { .. }
            | Ast::Substring { .. }
            | Ast::Trim { .. }
            | Ast::Position { .. } => self.call(ast)?,
            other => return Err(self.no_words(other)),
        })
    }

    /// The SQL of `ast`, between parentheses where it is more than one word.
    fn tight(&self, ast: &Ast) -> Result<String> {
        Ok(words::closed(&self.sql(ast)?))
    }

    /// What `ast` gives.
    fn kind(&self, ast: &Ast) -> Option<Kind> {
        self.types.kind(ast)
    }

    /// The scale of what `ast` gives, if that is a decimal.
    fn scale(&self, ast: &Ast) -> Option<u8> {
        match self.kind(ast)? {
            Kind::Of(DataType::Decimal { scale, .. }) => Some(scale),
            _ => None,
        }
    }

    fn no_words(&self, what: impl std::fmt::Display) -> Error {
        Error::job(format!("`{what}` cannot be said in the SQL of {}", self.dialect.name()))
    }

    fn literal(&self, ast: &Ast, value: &Value) -> Result<String> {
        Ok(match value {
            Value::Number(digits, _) if digits.contains('.') => self.float(digits),
            Value::Number(digits, _) => digits.clone(),
            Value::SingleQuotedString(text) => words::text(self.dialect, &expr::text_of(text)),
            Value::Boolean(true) => "TRUE".into(),
            Value::Boolean(false) => "FALSE".into(),
            Value::Null => "NULL".into(),
            _ => return Err(self.no_words(ast)),
        })
    }

    /// A literal that is a float: most engines take `0.5` for a decimal.
    fn float(&self, digits: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("CAST('{digits}' AS DOUBLE PRECISION)"),
            _ if digits.contains(['e', 'E']) => digits.to_string(),
            _ => format!("{digits}E0"),
        }
    }

    fn unary(&self, ast: &Ast, op: &UnaryOperator, inner: &Ast) -> Result<String> {
        Ok(match op {
            UnaryOperator::Not if self.kind(inner) == Some(Kind::Of(DataType::Bool)) => {
                format!("NOT {}", self.tight(inner)?)
            }
            UnaryOperator::Minus if self.is_number(inner) => format!("-{}", self.tight(inner)?),
            UnaryOperator::Plus if self.is_number(inner) => self.sql(inner)?,
            _ => return Err(self.no_words(ast)),
        })
    }

    fn is_number(&self, ast: &Ast) -> bool {
        use DataType::{Decimal, Float64, Int64};
        matches!(self.kind(ast), Some(Kind::Of(Int64 | Float64 | Decimal { .. })))
    }

    fn is_int(&self, ast: &Ast) -> bool {
        self.kind(ast) == Some(Kind::Of(DataType::Int64))
    }

    fn binary(&self, ast: &Ast, left: &Ast, op: &BinaryOperator, right: &Ast) -> Result<String> {
        use BinaryOperator as Op;
        let plain = |op: &str| Ok(format!("{} {op} {}", self.tight(left)?, self.tight(right)?));
        match op {
            Op::And | Op::Or => {
                // `a AND b AND c` needs no parentheses.
                let side = |side: &Ast| match strip(side) {
                    Ast::BinaryOp { op: inner, .. } if inner == op => self.sql(side),
                    Ast::BinaryOp { op: inner, .. } if !matches!(inner, Op::And | Op::Or) => self.sql(side),
                    Ast::IsNull(_) | Ast::IsNotNull(_) | Ast::InList { .. } => self.sql(side),
                    _ => self.tight(side),
                };
                Ok(format!("{} {op} {}", side(left)?, side(right)?))
            }
            Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq => {
                self.comparable(ast, left, right)?;
                Ok(format!("{} {op} {}", self.beside(left, right)?, self.beside(right, left)?))
            }
            Op::Spaceship => self.distinct(left, right, false),
            Op::StringConcat => Ok(format!("{} || {}", self.as_text(left)?, self.as_text(right)?)),
            Op::PGStartsWith => self.starts(left, right),
            Op::PGRegexMatch
            | Op::PGRegexNotMatch
            | Op::PGRegexIMatch
            | Op::PGRegexNotIMatch
            | Op::PGLikeMatch
            | Op::PGNotLikeMatch
            | Op::PGILikeMatch
            | Op::PGNotILikeMatch => self.matches(ast),
            Op::Plus | Op::Minus if matches!(strip(right), Ast::Interval(_)) => {
                self.later(ast, left, op, right)
            }
            Op::BitwiseAnd | Op::BitwiseOr if self.is_int(left) && self.is_int(right) => match self.dialect {
                Dialect::Flink => Err(self.no_words(ast)),
                _ => plain(&op.to_string()),
            },
            _ if !self.is_number(left) || !self.is_number(right) => Err(self.no_words(ast)),
            // Literals alone would have 32 bits.
            Op::Plus | Op::Minus | Op::Multiply if integer(left).is_some() && integer(right).is_some() => {
                let name = words::type_name(self.dialect, DataType::Int64);
                Ok(format!("CAST({} AS {name}) {op} {}", self.sql(left)?, self.tight(right)?))
            }
            Op::Plus | Op::Minus => plain(&op.to_string()),
            Op::Multiply => self.product(ast, left, right),
            Op::Divide => self.quotient(ast, left, right),
            Op::Modulo => self.modulo(ast, left, right),
            Op::DuckIntegerDivide => self.floor_div(ast, left, right),
            _ => Err(self.no_words(ast)),
        }
    }

    /// Refuses what engines compare in ways of their own.
    fn comparable(&self, ast: &Ast, left: &Ast, right: &Ast) -> Result<()> {
        let class = |ast: &Ast| match self.kind(ast) {
            Some(Kind::Of(DataType::Int64 | DataType::Float64 | DataType::Decimal { .. })) => 1,
            Some(Kind::Of(DataType::Bool)) => 2,
            Some(Kind::Of(DataType::String)) => 3,
            Some(Kind::Of(DataType::Date)) => 4,
            Some(Kind::Of(DataType::Timestamp)) => 5,
            Some(Kind::Zoneless) => 6,
            Some(Kind::Null) => 0,
            Some(Kind::Other) | None => 7,
        };
        let (a, b) = (class(left), class(right));
        let moment = |ast: &Ast, class: i32| matches!(class, 4 | 6) && !is_text(ast);
        let same = a == b && a != 7 || a == 0 || b == 0;
        let text = moment(left, a) && is_text(right) || moment(right, b) && is_text(left);
        if same || text { Ok(()) } else { Err(self.no_words(ast)) }
    }

    /// The SQL of `ast` as an operand beside `other`: a text beside a day or a time is a literal of that.
    fn beside(&self, ast: &Ast, other: &Ast) -> Result<String> {
        if is_text(ast) {
            match self.kind(other) {
                Some(Kind::Of(DataType::Date)) => return self.date_literal(ast, &text_of(ast)),
                Some(Kind::Zoneless) => return self.time_literal(ast, &text_of(ast)),
                _ => {}
            }
        }
        self.tight(ast)
    }

    /// The same in a list, where a number beside a decimal is a decimal to every engine.
    fn item(&self, item: &Ast, expr: &Ast) -> Result<String> {
        if self.scale(expr).is_some()
            && let Ast::Value(value) = strip(item)
            && let Value::Number(digits, _) = &value.value
        {
            return Ok(digits.clone());
        }
        self.beside(item, expr)
    }

    fn distinct(&self, left: &Ast, right: &Ast, distinct: bool) -> Result<String> {
        let (a, b) = (self.tight(left)?, self.tight(right)?);
        Ok(match (self.dialect, distinct) {
            (Dialect::Spark, true) => format!("NOT ({a} <=> {b})"),
            (Dialect::Spark, false) => format!("{a} <=> {b}"),
            (_, true) => format!("{a} IS DISTINCT FROM {b}"),
            (_, false) => format!("{a} IS NOT DISTINCT FROM {b}"),
        })
    }

    fn product(&self, ast: &Ast, left: &Ast, right: &Ast) -> Result<String> {
        let (Some(a), Some(b)) = (self.scale(left), self.scale(right)) else {
            return Ok(format!("{} * {}", self.tight(left)?, self.tight(right)?));
        };
        let (left, right) = if a > 0 && b > 0 {
            // Both were made as wide as their product, for Polars alone.
            match (wide(left), wide(right)) {
                (Some(x), Some(y)) if self.scale(x).zip(self.scale(y)).is_some_and(|(x, y)| x + y == a) => {
                    (x, y)
                }
                _ => return Err(self.no_words(ast)),
            }
        } else {
            (left, right)
        };
        let scale = self.scale(left).unwrap_or(a) + self.scale(right).unwrap_or(b);
        let (x, y) = (self.tight(left)?, self.tight(right)?);
        Ok(match self.dialect {
            // Flink keeps six digits where the product has more than 38.
            Dialect::Flink if scale > 6 => return Err(self.no_words(ast)),
            // NUMERIC has nine digits after the point, in products too.
            Dialect::BigQuery if scale > 9 => format!("CAST({x} AS BIGNUMERIC) * {y}"),
            _ => format!("{x} * {y}"),
        })
    }

    fn quotient(&self, ast: &Ast, left: &Ast, right: &Ast) -> Result<String> {
        let float = |side: &Ast| self.kind(side) == Some(Kind::Of(DataType::Float64));
        let decimal = self.scale(left).is_some() || self.scale(right).is_some();
        if decimal && !float(left) && !float(right) {
            return self.decimal_quotient(ast, left, right);
        }
        let side = |side: &Ast| {
            if float(side) { self.tight(side) } else { Ok(words::to_double(self.dialect, &self.sql(side)?)) }
        };
        Ok(format!("{} / {}", side(left)?, side(right)?))
    }

    /// `a % b` with the sign of `b`, NULL where that is zero.
    fn modulo(&self, ast: &Ast, left: &Ast, right: &Ast) -> Result<String> {
        if !self.is_int(left) || !self.is_int(right) {
            return Err(self.no_words(ast));
        }
        let (a, b) = (self.sql(left)?, self.divisor(right)?);
        match (self.dialect, positive(right)) {
            // PMOD is never negative, whatever the divisor.
            (Dialect::Spark, None) => Err(self.no_words(ast)),
            (Dialect::Spark, Some(_)) => Ok(format!("PMOD({a}, {b})")),
            _ => Ok(format!("MOD(MOD({a}, {b}) + {b}, {b})")),
        }
    }

    /// The greatest integer that is not above `a / b`; NULL where `b` is zero.
    fn floor_div(&self, ast: &Ast, left: &Ast, right: &Ast) -> Result<String> {
        if !self.is_int(left) || !self.is_int(right) {
            return Err(self.no_words(ast));
        }
        if let Some(divisor) = positive(right) {
            return Ok(words::floor_div(self.dialect, &self.tight(left)?, divisor));
        }
        let (a, b) = (self.tight(left)?, self.divisor(right)?);
        let rest = format!("MOD(MOD({a}, {b}) + {b}, {b})");
        Ok(match self.dialect {
            Dialect::DuckDb => format!("(({a} - {rest}) // {b})"),
            Dialect::Postgres => format!("(({a} - {rest}) / {b})"),
            Dialect::BigQuery => format!("DIV({a} - {rest}, {b})"),
            _ => return Err(self.no_words(ast)),
        })
    }

    /// A divisor that is NULL where it would be zero.
    fn divisor(&self, ast: &Ast) -> Result<String> {
        match positive(ast) {
            Some(number) => Ok(number.to_string()),
            None => Ok(format!("NULLIF({}, 0)", self.sql(ast)?)),
        }
    }
}

/// `ast` without parentheses around it.
fn strip(ast: &Ast) -> &Ast {
    match ast {
        Ast::Nested(inner) => strip(inner),
        _ => ast,
    }
}

/// A literal of text.
fn is_text(ast: &Ast) -> bool {
    matches!(strip(ast), Ast::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

/// The text of a literal, if `ast` is one.
fn text_of(ast: &Ast) -> String {
    match strip(ast) {
        Ast::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => expr::text_of(text),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// The value of an integer literal.
fn integer(ast: &Ast) -> Option<i64> {
    match strip(ast) {
        Ast::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        Ast::UnaryOp { op: UnaryOperator::Minus, expr } => integer(expr)?.checked_neg(),
        _ => None,
    }
}

/// The value of an integer literal above zero.
fn positive(ast: &Ast) -> Option<i64> {
    integer(ast).filter(|n| *n > 0)
}

/// What was made wider so that Polars computes a product with all digits.
fn wide(ast: &Ast) -> Option<&Ast> {
    match ast {
        Ast::Cast { expr, data_type, .. } if data_type.to_string().starts_with("DECIMAL(38") => Some(expr),
        _ => None,
    }
}
