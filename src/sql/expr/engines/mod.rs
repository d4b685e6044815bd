//! Expressions in the words of the engines that users have.
//!
//! # Contract
//! * What is printed gives the value that `expr/eval` gives, or it is an error that names the operation and the dialect.
//! * Four things are each engine's own and are printed all the same: letters whose case has several characters (`ß`, a
//!   final `Σ`), NaN in BigQuery and Flink, the digits of BigQuery's and Flink's decimals past 38, and the order in which
//!   conditions are computed.
//! * 64 bits everywhere: what an engine would compute in 32 is cast.

mod arithmetic;
mod calls;
mod casts;
mod codes;
mod lengths;
mod moments;
mod operators;
mod patterns;
#[cfg(test)]
mod tests;
mod texts;

use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::expr;
use crate::expr::tree::{Literal, Node, NodeKind, Op};
use crate::expr::{Interval, Type};
use crate::sql::{Dialect, words};
use crate::time::Zone;

/// The SQL of `node`.
pub fn sql(dialect: Dialect, node: &Node, zone: &Zone, column: &dyn Fn(usize) -> String) -> Result<String> {
    let node = &expr::with_instants(node, zone);
    let printer = DialectPrinter { dialect, zone, column };
    // A column of 32 bits would be one of 64 to a later step.
    if dialect != Dialect::BigQuery && printer.is_short(node) {
        return Ok(printer.cast_to(&printer.sql(node)?, DataType::Int64));
    }
    printer.sql(node)
}

/// The way from a tree to the text of one dialect.
struct DialectPrinter<'a> {
    dialect: Dialect,
    zone: &'a Zone,
    column: &'a dyn Fn(usize) -> String,
}

impl DialectPrinter<'_> {
    /// The SQL of `node`.
    fn sql(&self, node: &Node) -> Result<String> {
        match &node.kind {
            NodeKind::Column(place) => Ok((self.column)(*place)),
            NodeKind::Literal(literal) => self.literal(literal, node.ty),
            NodeKind::Cast(inner, casting) => self.cast(node, inner, *casting),
            NodeKind::Case(branches, otherwise) => self.case(branches, otherwise),
            NodeKind::Call(call) => self.call(node, call),
        }
    }

    /// The SQL of `node`, between parentheses where it is more than one word.
    fn tight(&self, node: &Node) -> Result<String> {
        let sql = self.sql(node)?;
        // `DATE '…'` is two words, but every engine reads it as one value.
        let is_moment = matches!(node.as_literal(), Some(Literal::Date(_) | Literal::Micros(_)));
        Ok(if is_moment { sql } else { words::closed(&sql) })
    }

    /// The SQL of each of `nodes`, with commas between.
    fn list(&self, nodes: &[Node]) -> Result<String> {
        Ok(nodes.iter().map(|node| self.sql(node)).collect::<Result<Vec<_>>>()?.join(", "))
    }

    /// That `what` has no words here.
    fn no_words(&self, what: impl std::fmt::Display) -> Error {
        Error::job(format!("`{what}` cannot be expressed in the SQL of {}", self.dialect.name()))
    }

    /// That an operation has no words here.
    fn no_op(&self, op: Op) -> Error {
        self.no_words(name(op))
    }

    /// `CAST(sql AS …)`.
    fn cast_to(&self, sql: &str, ty: DataType) -> String {
        format!("CAST({sql} AS {})", words::type_name(self.dialect, ty))
    }

    /// A literal of text.
    fn text(&self, text: &str) -> String {
        words::text(self.dialect, text)
    }

    fn case(&self, branches: &[(Node, Node)], otherwise: &Node) -> Result<String> {
        let mut out = String::from("CASE");
        for (when, then) in branches {
            out += &format!(" WHEN {} THEN {}", self.sql(when)?, self.sql(then)?);
        }
        if otherwise.as_literal() != Some(&Literal::Null) {
            out += &format!(" ELSE {}", self.sql(otherwise)?);
        }
        Ok(out + " END")
    }

    fn literal(&self, literal: &Literal, ty: Type) -> Result<String> {
        Ok(match literal {
            Literal::Null => return self.null(ty),
            Literal::Bool(true) => "TRUE".into(),
            Literal::Bool(false) => "FALSE".into(),
            // The digits alone are one more than the greatest.
            Literal::Int(i64::MIN) => "(-9223372036854775807 - 1)".into(),
            Literal::Int(value) => value.to_string(),
            Literal::Float(value) => return self.float(*value),
            Literal::Decimal(value) => self.decimal(*value, ty),
            Literal::Text(text) => {
                // Text in PostgreSQL cannot hold the character 0, in any encoding.
                if self.dialect == Dialect::Postgres && text.contains('\0') {
                    return Err(self.no_words("a text with the character 0"));
                }
                self.text(text)
            }
            Literal::Date(days) => {
                let clock = words::wall_clock(i64::from(*days) * crate::time::DAY);
                // The clock of whole days ends in midnight without a fraction, so the slice is in range.
                format!("DATE '{}'", &clock[..clock.len() - " 00:00:00".len()])
            }
            Literal::Micros(micros) if ty == Type::Clock => self.clock_literal(*micros),
            Literal::Micros(micros) => words::timestamp(self.dialect, *micros),
            Literal::Interval(interval) => self.interval(*interval)?,
        })
    }

    /// NULL of a type, so that an engine need not guess it.
    fn null(&self, ty: Type) -> Result<String> {
        let name = match ty {
            Type::Of(ty) => words::type_name(self.dialect, ty),
            Type::Null | Type::Unknown => words::type_name(self.dialect, DataType::String),
            Type::Clock => self.clock_type().into(),
            Type::Interval => {
                // This call is only for its error, in dialects without intervals.
                self.interval(Interval::default())?;
                "INTERVAL".into()
            }
        };
        Ok(format!("CAST(NULL AS {name})"))
    }

    /// The name of the type of what a clock shows.
    fn clock_type(&self) -> &'static str {
        match self.dialect {
            Dialect::BigQuery => "DATETIME",
            Dialect::Flink => "TIMESTAMP(6)",
            _ => "TIMESTAMP",
        }
    }

    fn clock_literal(&self, micros: i64) -> String {
        match self.dialect {
            // What clocks show is in UTC here.
            Dialect::Spark => words::timestamp(self.dialect, micros),
            Dialect::BigQuery => format!("DATETIME '{}'", words::wall_clock(micros)),
            _ => format!("TIMESTAMP '{}'", words::wall_clock(micros)),
        }
    }

    /// A literal that is a float: most engines take `0.5` for a decimal.
    fn float(&self, value: f64) -> Result<String> {
        let double = words::type_name(self.dialect, DataType::Float64);
        if !value.is_finite() {
            let word = if value.is_nan() { "NaN" } else { "Infinity" };
            let sign = if value == f64::NEG_INFINITY { "-" } else { "" };
            return match self.dialect {
                Dialect::Flink => Err(self.no_words(format!("{sign}{word}"))),
                _ => Ok(format!("CAST('{sign}{word}' AS {double})")),
            };
        }
        let digits = format!("{value:?}");
        Ok(match self.dialect {
            // PostgreSQL takes `1.5E0` for a numeric, not for a double.
            Dialect::Postgres => format!("CAST('{digits}' AS {double})"),
            _ if digits.contains('e') => digits.replace('e', "E"),
            _ => format!("{digits}E0"),
        })
    }

    /// A literal of exact digits.
    fn decimal(&self, value: i128, ty: Type) -> String {
        let scale = ty.scale().unwrap_or(0);
        let digits = exact_digits(value, scale);
        match self.dialect {
            Dialect::BigQuery if scale > 9 || digits.len() > 29 => format!("(BIGNUMERIC '{digits}')"),
            Dialect::BigQuery => format!("(NUMERIC '{digits}')"),
            Dialect::Postgres if scale > 0 => digits,
            // Without a point it would be an integer, and with many digits a float.
            _ if scale == 0 || digits.len() > 36 => match ty {
                Type::Of(ty) => self.cast_to(&self.text(&digits), ty),
                _ => digits,
            },
            _ => digits,
        }
    }

    /// A length of time.
    fn interval(&self, interval: Interval) -> Result<String> {
        if !matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres) {
            return Err(self.no_words("an interval by itself"));
        }
        let Interval { months, days, micros } = interval;
        let parts = [(i64::from(months), "months"), (i64::from(days), "days"), (micros, "microseconds")];
        let interval: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count != 0)
            .map(|(count, unit)| format!("{count} {unit}"))
            .collect();
        // An empty INTERVAL is an error in PostgreSQL.
        let interval = if interval.is_empty() { "0 days".to_string() } else { interval.join(" ") };
        Ok(format!("INTERVAL '{interval}'"))
    }

    /// Whether an engine with integers of 32 bits would give `node` in them.
    fn is_short(&self, node: &Node) -> bool {
        if node.ty != Type::INT {
            return false;
        }
        let short = |node: &Node| self.is_short(node) || node.as_literal() == Some(&Literal::Null);
        match &node.kind {
            NodeKind::Literal(Literal::Int(value)) => i32::try_from(*value).is_ok(),
            NodeKind::Case(branches, otherwise) => {
                branches.iter().all(|(_, then)| short(then)) && short(otherwise)
            }
            NodeKind::Call(call) => match call.op {
                Op::Negate | Op::Abs | Op::BitNot | Op::Floor | Op::Ceil | Op::NullIf => {
                    self.is_short(&call.args[0])
                }
                Op::Round | Op::Trunc => self.is_short(&call.args[0]),
                Op::Coalesce | Op::Greatest | Op::Least => call.args.iter().all(short),
                _ => false,
            },
            _ => false,
        }
    }

    /// The SQL of an int64 that an engine computes in 64 bits.
    fn long(&self, node: &Node) -> Result<String> {
        match self.dialect != Dialect::BigQuery && self.is_short(node) {
            true => Ok(self.cast_to(&self.sql(node)?, DataType::Int64)),
            false => self.tight(node),
        }
    }
}

/// A number of `scale` digits after the point.
fn exact_digits(value: i128, scale: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    // The digits are padded to one more than the scale, so that the split is in range.
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// One and `zeros` zeros.
fn power(zeros: u8) -> String {
    format!("1{}", "0".repeat(zeros.into()))
}

/// The unit of digit number `scale` after the point, so many times.
fn unit(times: u8, scale: u8) -> String {
    exact_digits(i128::from(times), scale)
}

/// An operation as an error names it.
fn name(op: Op) -> String {
    let word = match op {
        Op::Extract(field) => return format!("EXTRACT({} FROM …)", field.name()),
        Op::DateTrunc(field) => return format!("date_trunc('{}', …)", field.name()),
        Op::DateDiff(field) => return format!("date_diff('{}', …)", field.name()),
        Op::DateSub(field) => return format!("date_sub('{}', …)", field.name()),
        Op::Divide => "/",
        Op::WholeDivide => "//",
        Op::Modulo => "%",
        Op::Later | Op::IntervalPlus => "+ INTERVAL",
        Op::Earlier | Op::IntervalMinus | Op::TimeBetween => "- of times",
        Op::IntervalTimes => "* of an interval",
        Op::DaysLater => "date + int",
        Op::DaysEarlier => "date - int",
        Op::AtZone | Op::OfZone => "AT TIME ZONE",
        Op::BitAnd => "&",
        Op::BitOr => "|",
        Op::BitXor => "xor",
        Op::BitNot => "~",
        Op::Like => "LIKE",
        Op::ILike => "ILIKE",
        Op::RegexLike => "~",
        // As the table of functions has it.
        _ => return function(op).to_string(),
    };
    word.to_string()
}

/// The name of the function that `op` is.
fn function(op: Op) -> &'static str {
    use crate::expr::functions::{self, Make};
    let is = |make: Make| match make {
        Make::Op(known) | Make::Turned(known) | Make::Operator(known) | Make::Pattern(known) => known == op,
        _ => false,
    };
    let found = functions::all().flat_map(|(_, functions)| functions).find(|function| is(function.make));
    found.map_or("this operation", |function| function.name)
}
