//! Expressions in the words of Polars, the embedded referee.
//!
//! # Contract
//! * A value that Polars cannot have is NULL, not an error: it may stand in a branch that no row takes. So casts are
//!   TRY_CASTs.
//! * What Polars does otherwise for one row than for many, or otherwise than PostgreSQL, is said in other words: `%` and
//!   `//` have the signs of the divisor there, halves of decimals go to the even digit, a division by a constant is a
//!   product, parts of times are narrow integers.
//! * Instants are computed with as microseconds, int64s. What only a time zone can tell is asked of functions that the
//!   referee registers, [`LOCAL`] and its kin, which are `chrono`'s and not the engine's.

mod calendar;
mod moments;
mod numbers;
mod texts;

use crate::error::{Error, Result};
use crate::expr::Type;
use crate::expr::tree::{Call, Literal, Node, NodeKind, Op};
use crate::sql::{Dialect, words};
use crate::time::Zone;

/// What the names of these functions begin with.
pub const PREFIX: &str = "highwater_";
/// What a clock shows, of microseconds since 1970 and the name of a zone: microseconds.
pub const LOCAL: &str = "highwater_local";
/// The microseconds since 1970 of what a clock shows, and the name of its zone.
pub const INSTANT: &str = "highwater_instant";
/// The instant, shown in the job's zone, of microseconds since 1970.
pub const TIME: &str = "highwater_time";
/// The microseconds since 1970 of an ISO-8601 text, in the job's zone where it has no offset.
pub const ISO: &str = "highwater_iso";
/// The microseconds since 1970 of a text that follows a format of strftime.
pub const STRPTIME: &str = "highwater_strptime";
/// A float64 as a number in text, of its first 15 digits and so many after the point: what it is as a decimal.
pub const DECIMAL: &str = "highwater_decimal";

/// The most bytes of an expression: a part that is said twice doubles with every level.
const MOST_BYTES: usize = 1 << 20;

/// The SQL of `node`.
pub fn sql(node: &Node, zone: &Zone, column: &dyn Fn(usize) -> String) -> Result<String> {
    let sql = PolarsPrinter { zone, column }.sql(node)?;
    match sql.len() > MOST_BYTES {
        true => Err(Error::job("the expression is too long for the SQL of Polars")),
        false => Ok(sql),
    }
}

struct PolarsPrinter<'a> {
    zone: &'a Zone,
    column: &'a dyn Fn(usize) -> String,
}

impl PolarsPrinter<'_> {
    /// The SQL of `node`; it reads as one word.
    fn sql(&self, node: &Node) -> Result<String> {
        match &node.kind {
            NodeKind::Column(place) => Ok(words::closed(&(self.column)(*place))),
            NodeKind::Literal(literal) => self.literal(node, literal),
            NodeKind::Case(branches, otherwise) => {
                let mut out = String::from("(CASE");
                for (when, then) in branches {
                    out += &format!(" WHEN {} THEN {}", self.sql(when)?, self.sql(then)?);
                }
                Ok(format!("{out} ELSE {} END)", self.sql(otherwise)?))
            }
            NodeKind::Cast(inner, _) => self.cast(inner, node.ty),
            NodeKind::Call(call) => self.call(call, node),
        }
        // Checked at every level: a text that doubles at each of them would fill the memory before the end.
        .and_then(|sql| match sql.len() > MOST_BYTES {
            true => Err(Error::job("the expression is too long for the SQL of Polars")),
            false => Ok(sql),
        })
    }

    fn no_words(&self, what: &str) -> Error {
        Error::job(format!("`{what}` cannot be expressed in the SQL of Polars"))
            .hint("`verify --against` compares with the result of another engine: highwater sql --dialect postgres, or duckdb")
    }

    fn literal(&self, node: &Node, literal: &Literal) -> Result<String> {
        Ok(match literal {
            Literal::Null => self.null(node.ty)?,
            Literal::Bool(true) => "TRUE".into(),
            Literal::Bool(false) => "FALSE".into(),
            Literal::Int(value) => int(*value),
            // As text, since NaN and infinity lack a literal.
            Literal::Float(value) => format!("CAST('{value:e}' AS DOUBLE)"),
            Literal::Decimal(value) => decimal(*value, node.ty.scale().unwrap_or(0)),
            Literal::Text(text) => words::text(Dialect::Polars, text),
            Literal::Date(days) => format!("CAST(CAST({days} AS INTEGER) AS DATE)"),
            Literal::Micros(_) if node.ty == Type::Clock => return Err(self.no_words("AT TIME ZONE")),
            Literal::Micros(micros) => format!("{TIME}({})", int(*micros)),
            Literal::Interval(_) => return Err(self.no_words("INTERVAL")),
        })
    }

    fn null(&self, ty: Type) -> Result<String> {
        Ok(match ty {
            Type::TIME => format!("{TIME}(CAST(NULL AS BIGINT))"),
            Type::Of(ty) => format!("CAST(NULL AS {})", words::type_name(Dialect::Polars, ty)),
            Type::Null | Type::Unknown => "CAST(NULL AS VARCHAR)".into(),
            _ => return Err(self.no_words("NULL")),
        })
    }

    fn call(&self, call: &Call, node: &Node) -> Result<String> {
        use Op::*;
        let args = &call.args;
        match call.op {
            And => self.chain(args, " AND "),
            Or => self.chain(args, " OR "),
            Concat => self.chain(args, " || "),
            Not => Ok(format!("(NOT {})", self.sql(&args[0])?)),
            IsNull => Ok(format!("({} IS NULL)", self.sql(&args[0])?)),
            IsTrue => Ok(format!("COALESCE({}, FALSE)", self.sql(&args[0])?)),
            IsFalse => Ok(format!("COALESCE(NOT {}, FALSE)", self.sql(&args[0])?)),
            Eq => self.comparison(&args[0], "=", &args[1]),
            NotEq => self.comparison(&args[0], "<>", &args[1]),
            Lt => self.comparison(&args[0], "<", &args[1]),
            LtEq => self.comparison(&args[0], "<=", &args[1]),
            Gt => self.comparison(&args[0], ">", &args[1]),
            GtEq => self.comparison(&args[0], ">=", &args[1]),
            Distinct => {
                let (a, b) = self.sides(&args[0], &args[1])?;
                Ok(format!(
                    "(CASE WHEN {a} IS NULL THEN {b} IS NOT NULL WHEN {b} IS NULL THEN TRUE ELSE {a} <> {b} END)"
                ))
            }
            In => self.list(args),
            Between => {
                let low = self.comparison(&args[0], ">=", &args[1])?;
                Ok(format!("({low} AND {})", self.comparison(&args[0], "<=", &args[2])?))
            }
            Coalesce => Ok(format!("COALESCE({})", self.all(args)?.join(", "))),
            NullIf => {
                let equal = self.comparison(&args[0], "=", &args[1])?;
                Ok(format!(
                    "(CASE WHEN {equal} THEN {} ELSE {} END)",
                    self.null(node.ty)?,
                    self.sql(&args[0])?
                ))
            }
            Greatest => self.extreme(args, ">"),
            Least => self.extreme(args, "<"),
            Plus | Minus | Times | Divide | WholeDivide | Modulo | Negate | Abs | Sign | Floor | Ceil
            | Round | Trunc | Sqrt | BitAnd | BitOr | BitXor | BitNot | ShiftLeft | ShiftRight => {
                self.number(call, node)
            }
            // By a division, as PostgreSQL has it.
            Degrees => {
                let unit = format!("CAST('{:?}' AS DOUBLE)", std::f64::consts::PI / 180.0);
                Ok(format!("({} / {})", self.sql(&args[0])?, self.as_column(&args[0], &unit)))
            }
            Exp | Ln | Sin | Cos | Tan | Asin | Acos | Atan | Atan2 | Radians | Pi | Cbrt => {
                let name = format!("{:?}", call.op).to_uppercase();
                Ok(format!("{name}({})", self.all(args)?.join(", ")))
            }
            ConcatAll | ConcatWith | Upper | Lower | Left | Right | Substring | Trim | TrimStart
            | TrimEnd | Replace | SplitPart | Length | OctetLength | Position | StartsWith | EndsWith
            | Contains | Like | ILike | RegexLike | Repeat | PadStart | PadEnd | Translate => self.text(call),
            _ if is_moment(call.op) => self.moment(call, node),
            other => Err(self.no_words(&format!("{other:?}").to_lowercase())),
        }
    }

    fn all(&self, nodes: &[Node]) -> Result<Vec<String>> {
        nodes.iter().map(|node| self.sql(node)).collect()
    }

    /// A chain of one operator: Polars nests its operands, so a long one is a balanced tree.
    fn chain(&self, args: &[Node], op: &str) -> Result<String> {
        fn joined(parts: &[String], op: &str) -> String {
            if parts.len() <= 32 {
                return format!("({})", parts.join(op));
            }
            let (left, right) = parts.split_at(parts.len() / 2);
            format!("({}{op}{})", joined(left, op), joined(right, op))
        }
        Ok(joined(&self.all(args)?, op))
    }

    /// Both sides of a comparison: exact numbers at one scale, instants as numbers.
    fn sides(&self, a: &Node, b: &Node) -> Result<(String, String)> {
        if a.ty.is_decimal() || b.ty.is_decimal() {
            let scale = a.ty.scale().max(b.ty.scale()).unwrap_or(0);
            return Ok((self.at_scale(a, scale)?, self.at_scale(b, scale)?));
        }
        if a.ty == Type::TIME || a.ty == Type::Clock {
            return Ok((self.micros(a)?, self.micros(b)?));
        }
        Ok((self.sql(a)?, self.sql(b)?))
    }

    /// An exact number with so many digits after the point, which are not less than it has.
    fn at_scale(&self, node: &Node, scale: u8) -> Result<String> {
        let own = node.ty.scale().unwrap_or(0);
        let value = match node.as_literal() {
            Some(Literal::Int(value)) => Some(i128::from(*value)),
            Some(Literal::Decimal(value)) => Some(*value),
            _ => None,
        };
        // A scale is at most 38, so the power fits 128 bits. A product that does not is left to TRY_CAST
        // below.
        if let Some(value) =
            value.and_then(|value| value.checked_mul(10i128.pow(u32::from(scale.max(own) - own))))
        {
            return Ok(decimal(value, scale));
        }
        let sql = self.sql(node)?;
        Ok(if node.ty.is_decimal() && own == scale {
            sql
        } else {
            format!("TRY_CAST({sql} AS DECIMAL(38, {scale}))")
        })
    }

    fn comparison(&self, a: &Node, op: &str, b: &Node) -> Result<String> {
        let (a, b) = self.sides(a, b)?;
        Ok(format!("({a} {op} {b})"))
    }

    fn list(&self, args: &[Node]) -> Result<String> {
        let (value, items) = (&args[0], &args[1..]);
        let plain = |item: &Node| item.as_int().is_some() || item.as_text().is_some();
        if matches!(value.ty, Type::INT | Type::TEXT) && items.iter().all(plain) && !items.is_empty() {
            let items = items.iter().map(|item| match item.as_int() {
                Some(value) => Ok(value.to_string()),
                None => self.sql(item),
            });
            let items = items.collect::<Result<Vec<_>>>()?;
            return Ok(format!("({} IN ({}))", self.sql(value)?, items.join(", ")));
        }
        let equal = items.iter().map(|item| self.comparison(value, "=", item)).collect::<Result<Vec<_>>>()?;
        Ok(format!("({})", equal.join(" OR ")))
    }

    /// The greatest or least of values, without the NULLs.
    fn extreme(&self, args: &[Node], op: &str) -> Result<String> {
        let mut best = self.sql(&args[0])?;
        let mut best_node = &args[0];
        for arg in &args[1..] {
            let (a, b) = if args.len() == 2 {
                self.sides(arg, best_node)?
            } else {
                // The values are of one type.
                (self.sql(arg)?, best.clone())
            };
            let this = self.sql(arg)?;
            best = format!(
                "(CASE WHEN {best} IS NULL THEN {this} WHEN {a} {op} {b} THEN {this} ELSE {best} END)"
            );
            best_node = arg;
        }
        match args.len() > 4 || args.len() > 2 && args[0].ty == Type::TIME {
            true => Err(self.no_words("greatest and least of many values")),
            false => Ok(best),
        }
    }
}

/// An int64.
fn int(value: i64) -> String {
    match value {
        // Its digits are no int64 without the sign.
        i64::MIN => format!("CAST('{value}' AS BIGINT)"),
        value => format!("CAST({value} AS BIGINT)"),
    }
}

/// A decimal.
fn decimal(value: i128, scale: u8) -> String {
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let point = if scale == 0 { "" } else { "." };
    let sign = if value < 0 { "-" } else { "" };
    format!("CAST('{sign}{whole}{point}{fraction}' AS DECIMAL(38, {scale}))")
}

fn is_moment(op: Op) -> bool {
    use Op::*;
    matches!(
        op,
        Extract(_)
            | DateTrunc(_)
            | DateDiff(_)
            | DateSub(_)
            | Later
            | Earlier
            | DaysLater
            | DaysEarlier
            | DaysBetween
            | Strftime
            | Strptime
            | TryStrptime
            | StrpDate
            | FromEpoch
            | FromEpochMillis
            | FromEpochMicros
            | ToEpochMillis
            | ToEpochMicros
            | MakeDate
            | LastDay
            | AtZone
            | OfZone
    )
}
