//! Numbers, and casts.

use super::{ISO, Printer, decimal};
use crate::batch::DataType;
use crate::error::Result;
use crate::expr::Type;
use crate::expr::tree::{Call, Node, Op};
use crate::time::DAY;

impl Printer<'_> {
    pub(super) fn number(&self, call: &Call, node: &Node) -> Result<String> {
        let args = &call.args;
        if matches!(call.op, Op::Round | Op::Trunc) {
            return self.rounded(call, node);
        }
        let a = self.sql(&args[0])?;
        match call.op {
            Op::Negate => return Ok(format!("(-{a})")),
            Op::Abs => return Ok(format!("ABS({a})")),
            Op::Sqrt => return Ok(format!("SQRT({a})")),
            Op::BitNot => return Ok(format!("(CAST(-1 AS BIGINT) - {a})")),
            Op::Sign => return self.sign(&args[0], &a),
            Op::Floor | Op::Ceil => return self.whole(call.op, &args[0], &a),
            _ => {}
        }
        let b = self.sql(&args[1])?;
        if node.ty.is_decimal() {
            return self.decimals(call.op, args, node, &a, &b);
        }
        let float = node.ty == Type::FLOAT;
        Ok(match call.op {
            Op::Plus => format!("({a} + {b})"),
            Op::Minus => format!("({a} - {b})"),
            Op::Times => format!("({a} * {b})"),
            Op::BitAnd => format!("({a} & {b})"),
            Op::BitOr => format!("({a} | {b})"),
            Op::BitXor => format!("({a} XOR {b})"),
            Op::Divide => format!("({a} / {})", self.divisor(&args[0], &args[1], &b)?),
            // Both are positive, so the rest has no sign of its own.
            Op::Modulo if float => format!("(SIGN({a}) * (ABS({a}) % ABS({b})))"),
            // These go down, and ours go towards zero.
            Op::Modulo => format!(
                "(CASE WHEN {a} % {b} <> 0 AND ({a} < 0) <> ({b} < 0) THEN {a} % {b} - {b} ELSE {a} % {b} END)"
            ),
            _ => format!(
                "(CASE WHEN {a} % {b} <> 0 AND ({a} < 0) <> ({b} < 0) THEN ({a} // {b}) + 1 ELSE {a} // {b} END)"
            ),
        })
    }

    /// A divisor of floats. A constant is multiplied with its inverse, but for a batch of one row, so it is made a column.
    fn divisor(&self, over: &Node, under: &Node, sql: &str) -> Result<String> {
        match first_column(over).filter(|_| under.is_constant()) {
            None => Ok(sql.to_string()),
            Some(place) => {
                Ok(format!("(CASE WHEN {} IS NULL THEN {sql} ELSE {sql} END)", (self.column)(place)))
            }
        }
    }

    fn sign(&self, node: &Node, sql: &str) -> Result<String> {
        Ok(match node.ty {
            Type::Of(DataType::Decimal { scale, .. }) => format!(
                "(CASE WHEN {sql} > {zero} THEN {one} WHEN {sql} < {zero} THEN {minus} WHEN {sql} = {zero} THEN {zero} END)",
                zero = decimal(0, scale),
                one = decimal(10i128.pow(scale.into()), scale),
                minus = decimal(-(10i128.pow(scale.into())), scale),
            ),
            Type::FLOAT => format!("SIGN({sql})"),
            _ => format!("CAST(SIGN({sql}) AS BIGINT)"),
        })
    }

    fn whole(&self, op: Op, node: &Node, sql: &str) -> Result<String> {
        let name = if op == Op::Floor { "FLOOR" } else { "CEIL" };
        Ok(match node.ty {
            Type::FLOAT => format!("{name}({sql})"),
            Type::Of(DataType::Decimal { scale: 0, .. }) | Type::INT => sql.to_string(),
            Type::Of(DataType::Decimal { scale, .. }) => {
                // The half of a unit down, but for the last digit, and then rounded.
                let half = decimal(10i128.pow(u32::from(scale)) * 5 - 1, scale + 1);
                let op = if op == Op::Floor { "-" } else { "+" };
                if scale > 36 {
                    return Err(self.no_words(name));
                }
                format!(
                    "TRY_CAST(TRY_CAST({sql} AS DECIMAL(38, {})) {op} {half} AS DECIMAL(38, 0))",
                    scale + 1
                )
            }
            _ => return Err(self.no_words(name)),
        })
    }

    fn rounded(&self, call: &Call, node: &Node) -> Result<String> {
        let value = &call.args[0];
        let sql = self.sql(value)?;
        let name = if call.op == Op::Round { "ROUND" } else { "TRUNC" };
        let digits = match call.args.get(1) {
            None => 0,
            Some(digits) => digits.as_int().ok_or_else(|| self.no_words(name))?,
        };
        match (value.ty, digits) {
            (Type::INT, 0..) => Ok(sql),
            (Type::FLOAT, 0) if call.op == Op::Round => Ok(format!("ROUND({sql})")),
            (Type::FLOAT, 0) => Ok(format!("TRUNC({sql})")),
            (Type::Of(DataType::Decimal { scale, .. }), 0..) => {
                let to = node.ty.scale().unwrap_or(0);
                if to == scale {
                    return Ok(sql);
                }
                if call.op == Op::Round {
                    return Ok(self.rescaled(&sql, scale, to));
                }
                // Half a unit nearer to zero, and then rounded away from it.
                let half = decimal(5 * 10i128.pow(u32::from(scale - to - 1)), scale);
                let sign = self.sign(value, &sql)?;
                let nearer = format!("({sql} - {})", product(&sign, scale, &half, scale, scale));
                Ok(self.rescaled(&nearer, scale, to))
            }
            _ => Err(self.no_words(name)),
        }
    }

    /// A decimal of `from` digits after the point with `to`. Halves go to the even digit in a cast; with one more digit
    /// there is no half, and it is away from zero.
    pub(super) fn rescaled(&self, sql: &str, from: u8, to: u8) -> String {
        if to >= from || from >= 37 {
            return format!("TRY_CAST({sql} AS DECIMAL(38, {to}))");
        }
        let more = from + 1;
        let (zero, last) = (decimal(0, from), decimal(1, more));
        let (none, minus) = (decimal(0, more), decimal(-1, more));
        let away =
            format!("CASE WHEN {sql} > {zero} THEN {last} WHEN {sql} < {zero} THEN {minus} ELSE {none} END");
        format!("TRY_CAST(TRY_CAST({sql} AS DECIMAL(38, {more})) + ({away}) AS DECIMAL(38, {to}))")
    }

    fn decimals(&self, op: Op, args: &[Node], node: &Node, a: &str, b: &str) -> Result<String> {
        let scale = node.ty.scale().unwrap_or(0);
        let (x, y) = (args[0].ty.scale().unwrap_or(0), args[1].ty.scale().unwrap_or(0));
        let common = x.max(y);
        let at = |sql: &str, scale: u8| format!("TRY_CAST({sql} AS DECIMAL(38, {scale}))");
        let under = format!("(CASE WHEN {} = {} THEN NULL ELSE {} END)", at(b, y), decimal(0, y), at(b, y));
        Ok(match op {
            Op::Plus => {
                format!("({} + {})", self.at_scale(&args[0], scale)?, self.at_scale(&args[1], scale)?)
            }
            Op::Minus => {
                format!("({} - {})", self.at_scale(&args[0], scale)?, self.at_scale(&args[1], scale)?)
            }
            Op::Times => product(a, x, b, y, scale),
            Op::Divide => {
                let wide = scale + y;
                if wide > 30 {
                    return Err(self.no_words("a quotient of so many digits"));
                }
                let quotient = format!("({} / {under})", at(a, scale));
                // What is left of a quotient that was cut at its half.
                let rest = format!("({} - {})", at(a, wide), product(&quotient, scale, b, y, wide));
                let half = product(&format!("ABS({})", at(b, y)), y, &decimal(1, scale), scale, wide);
                let positive =
                    format!("({} > {}) = ({} > {})", at(a, x), decimal(0, x), at(b, y), decimal(0, y));
                let toward = format!("({rest} > {}) = ({} > {})", decimal(0, wide), at(a, x), decimal(0, x));
                format!(
                    "(CASE WHEN ABS({rest}) + ABS({rest}) = {half} AND {toward} THEN {quotient} + \
                     CASE WHEN {positive} THEN {} ELSE {} END ELSE {quotient} END)",
                    decimal(1, scale),
                    decimal(-1, scale)
                )
            }
            Op::Modulo if common <= 18 => {
                let (a, b) = (self.units(a, common), self.units(b, common));
                let rest = format!(
                    "(CASE WHEN {a} % {b} <> 0 AND ({a} < 0) <> ({b} < 0) THEN {a} % {b} - {b} ELSE {a} % {b} END)"
                );
                product(
                    &format!("TRY_CAST({rest} AS DECIMAL(38, 0))"),
                    0,
                    &decimal(1, common),
                    common,
                    common,
                )
            }
            Op::WholeDivide if common <= 18 => {
                let (a, b) = (self.units(a, common), self.units(b, common));
                format!(
                    "TRY_CAST(CASE WHEN {a} % {b} <> 0 AND ({a} < 0) <> ({b} < 0) THEN ({a} // {b}) + 1 \
                     ELSE {a} // {b} END AS DECIMAL(38, 0))"
                )
            }
            _ => return Err(self.no_words("arithmetic of such decimals")),
        })
    }

    /// A decimal in units of its last digit, an int64.
    fn units(&self, sql: &str, scale: u8) -> String {
        let unit = decimal(10i128.pow(scale.into()), 0);
        let units = product(sql, scale, &unit, 0, scale);
        format!("TRY_CAST(TRY_CAST({units} AS DECIMAL(38, 0)) AS BIGINT)")
    }

    pub(super) fn cast(&self, inner: &Node, to: Type) -> Result<String> {
        use DataType::{Bool, Date, Decimal, Float64, Int64, String, Timestamp};
        if to == Type::TIME || to == Type::Clock {
            return self.moment_cast(inner, to);
        }
        let sql = self.sql(inner)?;
        Ok(match (inner.ty, to) {
            (Type::Of(Bool), Type::Of(Int64)) => {
                format!("(CASE WHEN {sql} THEN CAST(1 AS BIGINT) WHEN NOT {sql} THEN CAST(0 AS BIGINT) END)")
            }
            (Type::Of(Bool), Type::Of(String)) => {
                format!("(CASE WHEN {sql} THEN 'true' WHEN NOT {sql} THEN 'false' END)")
            }
            (Type::Of(Int64), Type::Of(Bool)) => format!("({sql} <> 0)"),
            (Type::Of(Float64), Type::Of(Int64)) => format!("TRY_CAST(ROUND({sql}) AS BIGINT)"),
            (Type::Of(Decimal { scale, .. }), Type::Of(Int64)) => {
                format!("TRY_CAST({} AS BIGINT)", self.rescaled(&sql, scale, 0))
            }
            (Type::Of(String), Type::Of(Int64)) => format!("TRY_CAST(TRIM({sql}) AS BIGINT)"),
            (Type::Of(String), Type::Of(Float64)) => format!("TRY_CAST(TRIM({sql}) AS DOUBLE)"),
            (Type::Of(Int64 | Decimal { .. }), Type::Of(Float64)) => format!("TRY_CAST({sql} AS DOUBLE)"),
            (Type::Of(Int64), Type::Of(Decimal { scale, .. })) => {
                format!("TRY_CAST({sql} AS DECIMAL(38, {scale}))")
            }
            (Type::Of(Decimal { scale: from, .. }), Type::Of(Decimal { scale, .. })) => {
                self.rescaled(&sql, from, scale)
            }
            (Type::Of(String), Type::Of(Decimal { scale, .. })) if scale <= 18 => {
                // So many digits behind the last one are read.
                let read = format!("TRY_CAST(TRIM({sql}) AS DECIMAL(38, {}))", scale + 12);
                self.rescaled(&read, scale + 12, scale)
            }
            (Type::Of(Int64), Type::Of(String)) => format!("CAST({sql} AS VARCHAR)"),
            (Type::Of(Decimal { .. }), Type::Of(String)) => format!("CAST({sql} AS VARCHAR)"),
            (Type::Of(Date), Type::Of(String)) => format!("STRFTIME({sql}, '%Y-%m-%d')"),
            (Type::TIME, Type::Of(String)) => self.shown(inner)?,
            (Type::Of(Timestamp) | Type::Clock, Type::Of(Date)) => {
                format!("CAST(CAST({} // {DAY} AS INTEGER) AS DATE)", self.clock(inner)?)
            }
            (Type::Of(String), Type::Of(Date)) => match inner.as_text() {
                Some(text) if text.len() == 10 => format!("DATE '{text}'"),
                _ => {
                    let micros = format!("{ISO}({sql})");
                    let clock = self.local(&micros);
                    format!("CAST(CAST({clock} // {DAY} AS INTEGER) AS DATE)")
                }
            },
            _ => return Err(self.no_words(&format!("CAST to {to}"))),
        })
    }
}

/// The product of two decimals of `x` and `y` digits after the point, with `scale`, which is not less than both together.
pub(super) fn product(a: &str, x: u8, b: &str, y: u8, scale: u8) -> String {
    match (x, y) {
        // Both are as wide as their product: Polars keeps the digits of the wider.
        (0, _) | (_, 0) if scale == x + y => format!("({a} * {b})"),
        _ => format!("(TRY_CAST({a} AS DECIMAL(38, {scale})) * TRY_CAST({b} AS DECIMAL(38, {scale})))"),
    }
}

/// The first column that is read.
fn first_column(node: &Node) -> Option<usize> {
    use crate::expr::tree::Kind;
    match &node.kind {
        Kind::Column(place) => Some(*place),
        _ => node.parts().into_iter().find_map(first_column),
    }
}
