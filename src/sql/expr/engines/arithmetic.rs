//! Arithmetic. Decimals are exact in every engine; what differs is how many digits a result keeps.

use super::{DialectPrinter, power, unit};
use crate::batch::DataType;
use crate::error::Result;
use crate::expr::Type;
use crate::expr::tree::{Call, Literal, Node, NodeKind, Op};
use crate::sql::Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};

impl DialectPrinter<'_> {
    /// `a op b`.
    pub(super) fn arithmetic(&self, node: &Node, call: &Call) -> Result<String> {
        let (a, b) = (&call.args[0], &call.args[1]);
        let decimal = node.ty.is_decimal();
        // It has no value here where a row needs it, and is an error there before any row does.
        let divides = matches!(call.op, Op::Divide | Op::WholeDivide | Op::Modulo);
        if divides && b.as_literal().is_some_and(is_zero) {
            return self.null(node.ty);
        }
        match call.op {
            Op::Divide if decimal => return self.quotient(node, a, b),
            Op::WholeDivide => return self.whole_quotient(node, a, b),
            Op::Modulo => return self.rest(node, a, b),
            _ => {}
        }
        let op = match call.op {
            Op::Plus => "+",
            Op::Minus => "-",
            Op::Times => "*",
            _ => "/",
        };
        if decimal {
            self.keeps_digits(node, call)?;
        }
        let mut left = if self.is_short(b) { self.long(a)? } else { self.tight(a)? };
        if self.dialect == DuckDb && decimal && self.is_narrow(node, a, b) {
            let scale = a.ty.scale().unwrap_or(0);
            left = self.cast_to(&left, DataType::Decimal { precision: 38, scale });
        }
        // NUMERIC has nine digits after the point, in products too.
        if self.dialect == BigQuery && call.op == Op::Times && node.ty.scale().is_some_and(|scale| scale > 9)
        {
            left = format!("CAST({left} AS BIGNUMERIC)");
        }
        // NaN divided by zero is NaN.
        let is_number =
            node.ty != Type::FLOAT || matches!(&a.kind, NodeKind::Cast(of, _) if of.ty.scale().is_some());
        let right = if divides && is_number { self.divisor(b)? } else { self.tight(b)? };
        Ok(format!("{left} {op} {right}"))
    }

    /// A divisor, NULL where it is zero: here a division by zero is an error where a row needs it, there it may be one where
    /// none does, as behind a condition.
    fn divisor(&self, node: &Node) -> Result<String> {
        match node.as_literal() {
            Some(_) => self.tight(node),
            None => Ok(format!("NULLIF({}, 0)", self.sql(node)?)),
        }
    }

    /// Refuses what Spark and Flink would compute with fewer digits after the point: of a result of more than 38 digits
    /// they keep six.
    fn keeps_digits(&self, node: &Node, call: &Call) -> Result<()> {
        let fits = node.ty.scale().is_none_or(|scale| scale <= 6) || self.digits(node) <= 38;
        match matches!(self.dialect, Spark | Flink) && !fits {
            true => Err(self
                .no_op(call.op)
                .hint("cast a side to fewer digits first, as in CAST(x AS DECIMAL(18, 6))")),
            false => Ok(()),
        }
    }

    /// Whether DuckDB would compute a decimal in 64 bits that may need more.
    fn is_narrow(&self, node: &Node, a: &Node, b: &Node) -> bool {
        let small = |side: &Node| side.ty == Type::INT || self.digits(side) <= 18;
        small(a) && small(b) && a.ty != Type::INT && b.ty != Type::INT && self.digits(node) > 18
    }

    /// How many digits Spark and Flink give a number.
    fn digits(&self, node: &Node) -> u32 {
        let scale = |node: &Node| u32::from(node.ty.scale().unwrap_or(0));
        match (&node.kind, node.ty) {
            (_, Type::Of(DataType::Int64)) => 20,
            (NodeKind::Call(call), _) if matches!(call.op, Op::Plus | Op::Minus | Op::Times) => {
                let (a, b) = (&call.args[0], &call.args[1]);
                let (p, q) = (self.digits(a), self.digits(b));
                match call.op {
                    Op::Times => p + q + 1,
                    _ => (p - scale(a).min(p)).max(q - scale(b).min(q)) + scale(a).max(scale(b)) + 1,
                }
            }
            (_, Type::Of(DataType::Decimal { precision, .. })) => precision.into(),
            _ => 38,
        }
    }

    /// A quotient of decimals, rounded once; a half goes away from zero.
    fn quotient(&self, node: &Node, a: &Node, b: &Node) -> Result<String> {
        let scale = node.ty.scale().unwrap_or(0);
        let (a_scale, b_scale) = (a.ty.scale().unwrap_or(0), b.ty.scale().unwrap_or(0));
        match self.dialect {
            // Twice the quotient, cut, is a whole number of halves: its half is rounded as the quotient is.
            Postgres => {
                let over = format!("{} * 2{}", self.numeric(a)?, &power(scale)[1..]);
                let halves = format!("DIV({over}, NULLIF({}, 0))", self.numeric(b)?);
                Ok(format!("ROUND({halves} * {}, {scale})", unit(5, scale + 1)))
            }
            DuckDb => {
                let zeros = scale + b_scale - a_scale;
                let over = format!("{} * 2{}", self.units(a, 0)?, &power(zeros)[1..]);
                let halves = format!("{over} // NULLIF({}, 0)", self.units(b, 0)?);
                let exact = format!("CAST({halves} AS DECIMAL(38, 0)) * {}", unit(5, scale + 1));
                Ok(format!("CAST({exact} AS DECIMAL(38, {scale}))"))
            }
            // It has 38 digits after the point, which tell a half from what is near it.
            BigQuery if u32::from(scale + a_scale.saturating_sub(b_scale)) + self.digits(b) <= 37 => {
                Ok(format!("ROUND(CAST({} AS BIGNUMERIC) / {}, {scale})", self.sql(a)?, self.divisor(b)?))
            }
            _ => Err(self.no_op(Op::Divide).hint("make a float of one side: CAST(… AS DOUBLE)")),
        }
    }

    /// A number as PostgreSQL's numeric.
    fn numeric(&self, node: &Node) -> Result<String> {
        match node.ty.is_decimal() {
            true => self.tight(node),
            false => Ok(format!("CAST({} AS NUMERIC)", self.sql(node)?)),
        }
    }

    /// DuckDB's integer of 128 bits of a number in units of its last digit, with `more` zeros behind.
    fn units(&self, node: &Node, more: u8) -> Result<String> {
        let scale = node.ty.scale().unwrap_or(0);
        let sql = self.sql(node)?;
        let wide = self.cast_to(&sql, DataType::Decimal { precision: 38, scale });
        let whole = match scale {
            0 => format!("CAST({sql} AS HUGEINT)"),
            _ if self.digits(node) + u32::from(scale) <= 38 => {
                format!("CAST({wide} * {} AS HUGEINT)", power(scale))
            }
            // A decimal has no room for the zeros; its digits have.
            _ => format!("CAST(REPLACE(CAST({wide} AS VARCHAR), '.', '') AS HUGEINT)"),
        };
        Ok(if more == 0 { whole } else { format!("({whole} * {})", power(more)) })
    }

    /// `a // b`, cut towards zero.
    fn whole_quotient(&self, node: &Node, a: &Node, b: &Node) -> Result<String> {
        if node.ty == Type::INT {
            let (a, b) = (if self.is_short(b) { self.long(a)? } else { self.tight(a)? }, self.divisor(b)?);
            return Ok(match self.dialect {
                DuckDb => format!("{a} // {b}"),
                Spark => format!("{a} DIV {b}"),
                BigQuery => format!("DIV({a}, {b})"),
                _ => format!("{a} / {b}"),
            });
        }
        let scale = a.ty.scale().unwrap_or(0).max(b.ty.scale().unwrap_or(0));
        let more = |node: &Node| scale - node.ty.scale().unwrap_or(0);
        match self.dialect {
            DuckDb => Ok(format!(
                "CAST({} // NULLIF({}, 0) AS DECIMAL(38, 0))",
                self.units(a, more(a))?,
                self.units(b, more(b))?
            )),
            Postgres => Ok(format!("DIV({}, NULLIF({}, 0))", self.numeric(a)?, self.numeric(b)?)),
            BigQuery => Ok(format!("DIV({}, {})", self.sql(a)?, self.divisor(b)?)),
            _ => Err(self.no_op(Op::WholeDivide)),
        }
    }

    /// `a % b`, with the sign of `a`.
    fn rest(&self, node: &Node, a: &Node, b: &Node) -> Result<String> {
        match (self.dialect, node.ty) {
            (DuckDb | Spark, Type::FLOAT) => {}
            (_, Type::FLOAT) => {
                return Err(self.no_op(Op::Modulo).hint("of decimals it is exact: CAST(… AS DECIMAL(…))"));
            }
            _ => {}
        }
        let left = if self.is_short(b) { self.long(a)? } else { self.tight(a)? };
        // The rest has the type of the divisor in Flink.
        let right = match b.as_literal() {
            Some(_) if self.dialect == Flink && node.ty == Type::INT => self.long(b)?,
            _ => self.divisor(b)?,
        };
        let (a, b) = (left, right);
        Ok(match self.dialect {
            Flink | BigQuery => format!("MOD({a}, {b})"),
            _ => format!("{a} % {b}"),
        })
    }

    /// ABS, SIGN, FLOOR, CEIL, ROUND and TRUNC.
    pub(super) fn shaped(&self, node: &Node, call: &Call) -> Result<String> {
        let x = &call.args[0];
        let sql = self.sql(x)?;
        let Type::Of(ty) = node.ty else { return Err(self.no_op(call.op)) };
        match (call.op, ty) {
            (Op::Abs, _) => Ok(format!("ABS({sql})")),
            // Of NaN it is 0; Spark has NaN above all floats, and these compare with none.
            (Op::Sign, DataType::Float64) if matches!(self.dialect, Spark | BigQuery | Flink) => {
                let x = self.tight(x)?;
                let nan =
                    if self.dialect == Spark { format!("WHEN ISNAN({x}) THEN 0E0 ") } else { String::new() };
                Ok(format!(
                    "CASE {nan}WHEN {x} > 0 THEN 1E0 WHEN {x} < 0 THEN -1E0 WHEN {x} IS NOT NULL THEN 0E0 END"
                ))
            }
            (Op::Sign, ty) => Ok(self.cast_to(&format!("SIGN({sql})"), ty)),
            (Op::Floor | Op::Ceil, DataType::Int64) => Ok(sql),
            (Op::Floor | Op::Ceil, ty) => {
                let name = if call.op == Op::Floor { "FLOOR" } else { "CEIL" };
                match (self.dialect, ty) {
                    // Here it gives an integer, and a float of so many digits is a whole number.
                    (Spark, DataType::Float64) => Ok(format!(
                        "CASE WHEN ABS({sql}) < 1E15 THEN CAST({name}({sql}) AS DOUBLE) ELSE {} END",
                        self.tight(x)?
                    )),
                    _ => Ok(format!("{name}({sql})")),
                }
            }
            (_, DataType::Float64) => self.float_to_digits(call, &sql),
            (_, ty) => self.exact_to_digits(call, &sql, ty),
        }
    }

    /// ROUND and TRUNC of floats: to whole numbers alone, as how the digits of a float are rounded is each engine's own.
    fn float_to_digits(&self, call: &Call, sql: &str) -> Result<String> {
        if call.args.get(1).is_some_and(|digits| digits.as_int() != Some(0)) {
            return Err(self.no_op(call.op).hint("of decimals it is exact: CAST(… AS DECIMAL(…))"));
        }
        match (call.op, self.dialect) {
            (Op::Round, _) => self.half_even(sql).ok_or_else(|| self.no_op(call.op)),
            (_, DuckDb | Postgres | BigQuery) => Ok(format!("TRUNC({sql})")),
            _ => Err(self.no_op(call.op)),
        }
    }

    /// A float rounded to a whole number; a half goes to the even one.
    pub(super) fn half_even(&self, sql: &str) -> Option<String> {
        Some(match self.dialect {
            DuckDb => format!("ROUND_EVEN({sql}, 0)"),
            Postgres => format!("ROUND({sql})"),
            Spark => format!("BROUND({sql}, 0)"),
            // It rounds away from zero; the half of a number between two is not between two.
            BigQuery => format!(
                "CASE WHEN ABS({x} - TRUNC({sql})) = 0.5 THEN 2 * ROUND({x} / 2) ELSE ROUND({sql}) END",
                x = crate::sql::words::closed(sql)
            ),
            _ => return None,
        })
    }

    /// ROUND and TRUNC of integers and decimals.
    fn exact_to_digits(&self, call: &Call, sql: &str, ty: DataType) -> Result<String> {
        let digits = match call.args.get(1) {
            None => 0,
            Some(digits) => digits.as_int().ok_or_else(|| self.no_op(call.op))?,
        };
        let has = i64::from(call.args[0].ty.scale().unwrap_or(0));
        if digits >= has {
            return Ok(sql.to_string());
        }
        let digits = digits.max(-38);
        let whole = ty == DataType::Int64;
        let rounded = match (call.op, self.dialect) {
            (_, Postgres | BigQuery) if whole => {
                let name = if call.op == Op::Round { "ROUND" } else { "TRUNC" };
                format!("{name}(CAST({sql} AS NUMERIC), {digits})")
            }
            (Op::Round, Flink) if digits < 0 => return Err(self.no_op(call.op)),
            (Op::Round, _) => format!("ROUND({sql}, {digits})"),
            (_, Postgres | BigQuery) => format!("TRUNC({sql}, {digits})"),
            // What is left of a division by the unit is cut.
            (_, DuckDb | Spark) if (0..=37).contains(&digits) => {
                let sql = crate::sql::words::closed(sql);
                let unit = if digits == 0 { "1".into() } else { unit(1, digits as u8) };
                format!("{sql} - {sql} % {unit}")
            }
            (_, DuckDb | Spark) if (-18..0).contains(&digits) => {
                let sql = crate::sql::words::closed(sql);
                format!("{sql} - {sql} % {}", power(digits.unsigned_abs() as u8))
            }
            _ => return Err(self.no_op(call.op)),
        };
        Ok(self.cast_to(&rounded, ty))
    }

    /// The bits of int64s.
    pub(super) fn bits(&self, call: &Call) -> Result<String> {
        let left = self.long(&call.args[0])?;
        let Some(right) = call.args.get(1) else {
            return match self.dialect {
                Flink => Err(self.no_op(call.op)),
                _ => Ok(format!("~{left}")),
            };
        };
        let sign = match (call.op, self.dialect) {
            (_, Flink) => return Err(self.no_op(call.op)),
            (Op::BitAnd, _) => "&",
            (Op::BitOr, _) => "|",
            (Op::BitXor, DuckDb) => return Ok(format!("XOR({left}, {})", self.long(right)?)),
            (Op::BitXor, Postgres) => "#",
            (Op::BitXor, _) => "^",
            // It refuses to move bits out, and negative numbers.
            (Op::ShiftLeft, DuckDb) => return Err(self.no_op(call.op)),
            (Op::ShiftRight, DuckDb) => ">>",
            (op @ (Op::ShiftLeft | Op::ShiftRight), Postgres | Spark) => {
                let count = format!("CAST({} AS INT)", self.sql(right)?);
                return Ok(match (op, self.dialect) {
                    (Op::ShiftLeft, Postgres) => format!("{left} << {count}"),
                    (_, Postgres) => format!("{left} >> {count}"),
                    (Op::ShiftLeft, _) => format!("SHIFTLEFT({left}, {count})"),
                    _ => format!("SHIFTRIGHT({left}, {count})"),
                });
            }
            (Op::ShiftLeft, _) => "<<",
            // It moves zeros in where PostgreSQL repeats the sign.
            _ => return Err(self.no_op(call.op)),
        };
        Ok(format!("{left} {sign} {}", self.long(right)?))
    }
}

fn is_zero(literal: &Literal) -> bool {
    matches!(literal, Literal::Int(0) | Literal::Decimal(0)) || *literal == Literal::Float(0.0)
}
