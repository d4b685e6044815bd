//! Numbers, and casts.

use super::{DECIMAL, ISO, PolarsPrinter, decimal};
use crate::batch::DataType;
use crate::error::Result;
use crate::expr::Type;
use crate::expr::tree::{Call, Node, NodeKind, Op};
use crate::time::DAY;

impl PolarsPrinter<'_> {
    pub(super) fn number(&self, call: &Call, node: &Node) -> Result<String> {
        let args = &call.args;
        if matches!(call.op, Op::Round | Op::Trunc) {
            return self.rounded(call, node);
        }
        if matches!(call.op, Op::Plus | Op::Minus | Op::Times) && !node.ty.is_decimal() {
            return self.sum(call, node);
        }
        let a = self.sql(&args[0])?;
        match call.op {
            // Zero less zero has no sign.
            Op::Negate if node.ty == Type::FLOAT => return Ok(format!("({a} * CAST(-1 AS DOUBLE))")),
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
            Op::BitAnd => format!("({a} & {b})"),
            Op::BitOr => format!("({a} | {b})"),
            Op::BitXor => format!("({a} XOR {b})"),
            Op::ShiftLeft | Op::ShiftRight => {
                let places = args[1].as_int().filter(|places| (0..=62).contains(places));
                let factor =
                    1i64 << places.ok_or_else(|| self.no_words("bits shifted by this number of places"))?;
                // A product leaves out the bits that have no place, a quotient goes down.
                format!("({a} {} {factor})", if call.op == Op::ShiftLeft { "*" } else { "//" })
            }
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

    /// A chain of sums and differences, or of products, of int64s or of floats: side by side, since Polars reads few
    /// parentheses within one another. Of int64s it is that of decimals, which do not wrap: what is too large is NULL.
    fn sum(&self, call: &Call, node: &Node) -> Result<String> {
        let product = call.op == Op::Times;
        let mut terms = vec![];
        let mut left = node;
        while let NodeKind::Call(Call { op, args, .. }) = &left.kind
            && left.ty == node.ty
            && (*op == Op::Times) == product
            && matches!(op, Op::Plus | Op::Minus | Op::Times)
        {
            let sign = if product {
                "*"
            } else if *op == Op::Plus {
                "+"
            } else {
                "-"
            };
            terms.push((sign, self.sql(&args[1])?));
            left = &args[0];
        }
        let first = self.sql(left)?;
        terms.reverse();
        let nested =
            terms.iter().map(|(_, sql)| sql).chain([&first]).map(|sql| sql.matches("TRY_CAST(").count());
        let exact = node.ty == Type::INT && terms.len() <= MOST_TERMS && nested.sum::<usize>() < MOST_EXACT;
        let term = |sql: &str| if exact { format!("CAST({sql} AS DECIMAL(38, 0))") } else { sql.to_string() };
        let chain =
            terms.iter().fold(term(&first), |chain, (sign, sql)| format!("{chain} {sign} {}", term(sql)));
        Ok(if exact { format!("TRY_CAST({chain} AS BIGINT)") } else { format!("({chain})") })
    }

    /// A divisor of floats. A constant is multiplied with its inverse, but for a batch of one row, so it is made a column.
    fn divisor(&self, over: &Node, under: &Node, sql: &str) -> Result<String> {
        Ok(if under.is_constant() { self.as_column(over, sql) } else { sql.to_string() })
    }

    /// A constant beside `other` that is not taken for one.
    pub(super) fn as_column(&self, other: &Node, sql: &str) -> String {
        match first_column(other) {
            None => sql.to_string(),
            Some(place) => format!("(CASE WHEN {} IS NULL THEN {sql} ELSE {sql} END)", (self.column)(place)),
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
            // Of the zero below zero 0, and of NaN.
            Type::FLOAT => format!(
                "(CASE WHEN {sql} > 0 AND {sql} < CAST('NaN' AS DOUBLE) OR {sql} < 0 THEN SIGN({sql}) WHEN {sql} IS NOT NULL THEN CAST(0 AS DOUBLE) END)"
            ),
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
            (Type::FLOAT, 1..=9) if call.op == Op::Round => self.rounded_float(value, &sql, digits as u32),
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

    /// A float of so many digits after the point, rounded once: a product is not exact, so what it lacks is computed too,
    /// for where it seems to be a half. (T. J. Dekker, "A Floating-Point Technique for Extending the Available Precision")
    fn rounded_float(&self, node: &Node, x: &str, digits: u32) -> Result<String> {
        let ten = 10u64.pow(digits);
        let unit = format!("CAST({ten} AS DOUBLE)");
        let product = format!("({x} * {unit})");
        let split = format!("({x} * CAST(134217729 AS DOUBLE))");
        let high = format!("({split} - ({split} - {x}))");
        let lacks = format!("(({high} * {unit} - {product}) + ({x} - {high}) * {unit})");
        let whole = format!("FLOOR({product})");
        let rest = format!("({product} - {whole})");
        let is_even = format!("FLOOR({whole} * 0.5) * 2.0 = {whole}");
        let up =
            format!("{rest} > 0.5 OR {rest} = 0.5 AND ({lacks} > 0.0 OR {lacks} = 0.0 AND NOT ({is_even}))");
        let units = format!("(CASE WHEN {up} THEN {whole} + 1.0 ELSE {whole} END)");
        let quotient = format!("({units} / {})", self.as_column(node, &unit));
        // A float of 2^53 units has no digits behind them, and the zero of a negative number has its sign.
        Ok(format!(
            "(CASE WHEN ABS({product}) >= 9007199254740992.0 THEN {x} WHEN {x} < 0.0 AND {quotient} = 0.0 \
             THEN CAST('-0.0' AS DOUBLE) ELSE {quotient} END)"
        ))
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
                    return Err(self.no_words("a quotient with this number of digits"));
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
            Op::Modulo | Op::WholeDivide => {
                let narrow = |node: &Node| is_narrow(node.ty, common);
                if narrow(&args[0]) && narrow(&args[1]) {
                    return Ok(self.narrow_rest(
                        op,
                        (&self.units(a, common), &self.units(b, common)),
                        common,
                    ));
                }
                wide_rest(op, (&wide_units(a, x, common), &wide_units(b, y, common)), common)
            }
            _ => return Err(self.no_words("arithmetic of such decimals")),
        })
    }

    /// The rest of a division, or the quotient cut towards zero, of int64s in units of digit number `scale`.
    fn narrow_rest(&self, op: Op, (a, b): (&str, &str), scale: u8) -> String {
        let differ = format!("{a} % {b} <> 0 AND ({a} < 0) <> ({b} < 0)");
        match op {
            Op::Modulo => {
                let rest = format!("(CASE WHEN {differ} THEN {a} % {b} - {b} ELSE {a} % {b} END)");
                let rest = format!("TRY_CAST({rest} AS DECIMAL(38, 0))");
                product(&rest, 0, &decimal(1, scale), scale, scale)
            }
            _ => format!(
                "TRY_CAST(CASE WHEN {differ} THEN ({a} // {b}) + 1 ELSE {a} // {b} END AS DECIMAL(38, 0))"
            ),
        }
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
            (Type::Of(String), Type::Of(Int64)) => format!("TRY_CAST({} AS BIGINT)", trimmed(&sql)),
            (Type::Of(String), Type::Of(Float64)) => format!("TRY_CAST({} AS DOUBLE)", trimmed(&sql)),
            (Type::Of(Int64 | Decimal { .. }), Type::Of(Float64)) => format!("TRY_CAST({sql} AS DOUBLE)"),
            (Type::Of(Int64), Type::Of(Decimal { scale, .. })) => {
                format!("TRY_CAST({sql} AS DECIMAL(38, {scale}))")
            }
            (Type::Of(Decimal { scale: from, .. }), Type::Of(Decimal { scale, .. })) => {
                self.rescaled(&sql, from, scale)
            }
            (Type::Of(Float64), Type::Of(Decimal { scale, .. })) if scale <= 18 => {
                format!("TRY_CAST({DECIMAL}({sql}, '{scale}') AS DECIMAL(38, {scale}))")
            }
            (Type::Of(String), Type::Of(Decimal { scale, .. })) if scale <= 18 => {
                let text = trimmed(&sql);
                let more = scale + 1;
                // One digit more than are wanted tells how to round.
                let cut =
                    format!("SPLIT_PART({text}, '.', 1) || '.' || LEFT(SPLIT_PART({text}, '.', 2), {more})");
                let cut = self.rescaled(&format!("TRY_CAST({cut} AS DECIMAL(38, {more}))"), more, scale);
                // With an exponent, so many digits behind the last one are read.
                let wide = scale + 12;
                let read = self.rescaled(&format!("TRY_CAST({text} AS DECIMAL(38, {wide}))"), wide, scale);
                format!(
                    "(CASE WHEN REGEXP_LIKE({text}, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') THEN {cut} ELSE {read} END)"
                )
            }
            (Type::Of(Int64), Type::Of(String)) => format!("CAST({sql} AS VARCHAR)"),
            (Type::Of(Decimal { .. }), Type::Of(String)) => format!("CAST({sql} AS VARCHAR)"),
            (Type::Of(Date), Type::Of(String)) => format!("STRFTIME({sql}, '%Y-%m-%d')"),
            (Type::TIME, Type::Of(String)) => self.shown(inner)?,
            (Type::Of(Timestamp) | Type::Clock, Type::Of(Date)) => {
                format!("CAST(CAST({} // {DAY} AS INTEGER) AS DATE)", self.clock(inner)?)
            }
            (Type::Of(String), Type::Of(Date)) => {
                // The day of a time, whatever its offset.
                let text = trimmed(&sql);
                format!(
                    "(CASE WHEN REGEXP_LIKE({text}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$') OR {ISO}({text}) IS NOT NULL \
                     THEN TRY_CAST(LEFT({text}, 10) AS DATE) END)"
                )
            }
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

/// Whether all values of a type are int64s in units of digit number `scale` after the point.
fn is_narrow(ty: Type, scale: u8) -> bool {
    match ty {
        Type::Of(DataType::Decimal { precision, scale: own }) => precision - own + scale <= 18,
        _ => false,
    }
}

/// An exact number of `own` digits after the point in units of digit number `scale`: its digits, without the point.
fn wide_units(sql: &str, own: u8, scale: u8) -> String {
    let zeros = "0".repeat(usize::from(scale - own));
    format!("TRY_CAST(REPLACE(CAST({sql} AS VARCHAR), '.', '') || '{zeros}' AS DECIMAL(38, 0))")
}

/// The rest of a division, or the quotient cut towards zero, of whole decimals in units of digit number `scale`.
fn wide_rest(op: Op, (a, b): (&str, &str), scale: u8) -> String {
    let zero = decimal(0, 0);
    let b = format!("(CASE WHEN {b} = {zero} THEN NULL ELSE {b} END)");
    // It is rounded, so what is left may have the other sign.
    let quotient = format!("({a} / {b})");
    let rest = format!("({a} - {quotient} * {b})");
    let over = format!("({rest} < {zero} AND {a} > {zero} OR {rest} > {zero} AND {a} < {zero})");
    if op == Op::WholeDivide {
        let (one, minus) = (decimal(1, 0), decimal(-1, 0));
        let away = format!("CASE WHEN ({a} < {zero}) = ({b} < {zero}) THEN {minus} ELSE {one} END");
        return format!("(CASE WHEN {over} THEN {quotient} + {away} ELSE {quotient} END)");
    }
    let size = format!("CASE WHEN {over} THEN ABS({b}) - ABS({rest}) ELSE ABS({rest}) END");
    if scale == 0 {
        return format!("(CASE WHEN {a} < {zero} THEN {zero} - ({size}) ELSE {size} END)");
    }
    // The point goes back between the digits.
    let digits = format!("('{}' || CAST({size} AS VARCHAR))", "0".repeat(usize::from(scale)));
    let sign = format!("CASE WHEN {a} < {zero} THEN '-' ELSE '' END");
    let whole = format!("LEFT({digits}, -{scale})");
    format!("TRY_CAST({sign} || {whole} || '.' || RIGHT({digits}, {scale}) AS DECIMAL(38, {scale}))")
}

/// A text without the blanks around it, of those that ASCII has.
fn trimmed(sql: &str) -> String {
    format!("TRIM(BOTH ' \t\n\r\u{b}\u{c}' FROM {sql})")
}

/// The first column that is read.
fn first_column(node: &Node) -> Option<usize> {
    match &node.kind {
        NodeKind::Column(place) => Some(*place),
        _ => node.parts().into_iter().find_map(first_column),
    }
}

/// How many sums within one another are computed as decimals: Polars' time to find their types doubles with each.
const MOST_EXACT: usize = 4;

/// The most terms of a chain that are computed as decimals.
const MOST_TERMS: usize = 16;
