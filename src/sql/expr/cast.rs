//! Casts, and decimals where digits are lost: Polars rounds to the even digit, most engines away from zero.

use super::{Translator, is_text, strip, text_of};
use crate::batch::DataType;
use crate::error::Result;
use crate::expr::Kind;
use crate::sql::{Dialect, words};
use sqlparser::ast::{CastKind, Expr as Ast};

impl Translator<'_> {
    /// `CAST(inner AS …)`, of the kind that Polars gives to the whole.
    pub(super) fn cast(&self, ast: &Ast, kind: &CastKind, inner: &Ast) -> Result<String> {
        let (Some(from), Some(to)) = (self.kind(inner), self.kind(ast)) else {
            return Err(self.no_words(ast));
        };
        if matches!(kind, CastKind::TryCast | CastKind::SafeCast) {
            return self.try_cast(ast, from, to, inner);
        }
        use DataType::{Bool, Date, Decimal, Float64, Int64, String as Text, Timestamp};
        let sql = self.sql(inner)?;
        let dialect = self.dialect;
        let plain = |ty: DataType| Ok(format!("CAST({sql} AS {})", words::type_name(dialect, ty)));
        match (from, to) {
            (Kind::Null, Kind::Of(ty)) => plain(ty),
            // Calls give 64 bits here already.
            (Kind::Of(Int64), Kind::Of(Int64))
                if dialect == Dialect::BigQuery || dialect == Dialect::DuckDb && is_long(strip(inner)) =>
            {
                Ok(sql)
            }
            (Kind::Of(Int64), Kind::Of(Int64)) => plain(Int64),
            (Kind::Of(Text), Kind::Of(Text))
            | (Kind::Of(Bool), Kind::Of(Bool))
            | (Kind::Of(Float64), Kind::Of(Float64))
            | (Kind::Of(Date), Kind::Of(Date))
            | (Kind::Of(Timestamp) | Kind::Zoneless, Kind::Zoneless | Kind::Of(Timestamp)) => Ok(sql),
            (_, Kind::Of(Text)) => self.as_text(inner),
            (Kind::Of(Text), Kind::Of(Decimal { scale, .. })) => match exact_literal(inner, scale) {
                Some(digits) => Ok(self.decimal_literal(&digits, scale)),
                None => Err(self.no_words(ast).hint("declare the type of the column in `types`")),
            },
            (Kind::Of(Text), Kind::Of(Int64 | Float64)) => match to {
                Kind::Of(ty) => plain(ty),
                _ => Err(self.no_words(ast)),
            },
            (Kind::Of(Text), Kind::Of(Date)) if is_text(inner) => self.date_literal(ast, &text_of(inner)),
            (Kind::Of(Int64), Kind::Of(ty @ (Float64 | Decimal { .. }))) => plain(ty),
            (Kind::Of(Int64), Kind::Of(Bool)) => Ok(format!("({} <> 0)", self.tight(inner)?)),
            (Kind::Of(Int64), Kind::Zoneless) => Ok(words::from_micros(dialect, &sql)),
            (Kind::Of(Bool), Kind::Of(Int64)) => {
                Ok(format!("CASE WHEN {sql} THEN 1 WHEN NOT {} THEN 0 END", self.tight(inner)?))
            }
            (Kind::Of(Float64), Kind::Of(Int64)) => match dialect {
                // These cut, as Polars does; the others round.
                Dialect::Spark | Dialect::Flink => plain(Int64),
                _ => Ok(format!("CAST(TRUNC({sql}) AS {})", words::type_name(dialect, Int64))),
            },
            (Kind::Of(Decimal { .. }), Kind::Of(Float64)) => plain(Float64),
            (Kind::Of(Decimal { scale: 0, .. }), Kind::Of(Int64)) => plain(Int64),
            (Kind::Of(Decimal { .. }), Kind::Of(Int64)) => {
                let whole = self.rounded(ast, inner, 0)?;
                Ok(format!("CAST({whole} AS {})", words::type_name(dialect, Int64)))
            }
            (Kind::Of(Decimal { scale, .. }), Kind::Of(ty @ Decimal { scale: to, .. })) if to >= scale => {
                plain(ty)
            }
            (Kind::Of(Decimal { .. }), Kind::Of(ty @ Decimal { scale, .. })) => {
                let rounded = self.rounded(ast, inner, scale)?;
                Ok(format!("CAST({rounded} AS {})", words::type_name(dialect, ty)))
            }
            // The day in UTC, also of a column.
            (Kind::Of(Timestamp) | Kind::Zoneless, Kind::Of(Date)) => Ok(match dialect {
                Dialect::Postgres => format!("CAST({} AT TIME ZONE 'UTC' AS DATE)", self.tight(inner)?),
                Dialect::BigQuery => format!("DATE({sql})"),
                _ => format!("CAST({sql} AS DATE)"),
            }),
            (Kind::Of(Timestamp) | Kind::Zoneless, Kind::Of(Int64)) => Ok(words::to_micros(dialect, &sql)),
            (Kind::Of(Date), Kind::Zoneless) => Ok(match dialect {
                Dialect::Postgres => format!("(CAST({sql} AS TIMESTAMP) AT TIME ZONE 'UTC')"),
                _ => format!("CAST({sql} AS {})", words::type_name(dialect, Timestamp)),
            }),
            (Kind::Of(Date), Kind::Of(Int64)) => Ok(match dialect {
                Dialect::Spark => format!("DATEDIFF({sql}, DATE '1970-01-01')"),
                Dialect::Flink => format!("TIMESTAMPDIFF(DAY, DATE '1970-01-01', {sql})"),
                Dialect::BigQuery => format!("UNIX_DATE({sql})"),
                _ => format!("CAST({} - DATE '1970-01-01' AS BIGINT)", self.tight(inner)?),
            }),
            _ => Err(self.no_words(ast)),
        }
    }

    /// A cast that gives NULL where it fails: of text to integers, whose form is known.
    fn try_cast(&self, ast: &Ast, from: Kind, to: Kind, inner: &Ast) -> Result<String> {
        if (from, to) != (Kind::Of(DataType::String), Kind::Of(DataType::Int64)) {
            return Err(self.no_words(ast));
        }
        let (sql, form) = (self.tight(inner)?, "^[+-]?[0-9]+$");
        Ok(match self.dialect {
            Dialect::DuckDb => {
                format!("CASE WHEN REGEXP_MATCHES({sql}, '{form}') THEN TRY_CAST({sql} AS BIGINT) END")
            }
            Dialect::Postgres => format!(
                "CASE WHEN {sql} ~ '{form}' THEN CASE WHEN CAST({sql} AS NUMERIC) BETWEEN -9223372036854775808 \
                 AND 9223372036854775807 THEN CAST({sql} AS BIGINT) END END"
            ),
            Dialect::BigQuery => {
                format!("CASE WHEN REGEXP_CONTAINS({sql}, r'{form}') THEN SAFE_CAST({sql} AS INT64) END")
            }
            _ => return Err(self.no_words(ast)),
        })
    }

    /// The text of a value, as Polars writes it.
    pub(super) fn as_text(&self, ast: &Ast) -> Result<String> {
        let name = words::type_name(self.dialect, DataType::String);
        match self.kind(ast) {
            Some(Kind::Of(DataType::String)) => self.tight(ast),
            Some(Kind::Null | Kind::Of(DataType::Int64 | DataType::Date)) => {
                Ok(format!("CAST({} AS {name})", self.sql(ast)?))
            }
            Some(Kind::Of(DataType::Bool)) if self.dialect == Dialect::Flink => {
                let sql = self.sql(ast)?;
                Ok(format!("CASE WHEN {sql} THEN 'true' WHEN NOT {} THEN 'false' END", self.tight(ast)?))
            }
            Some(Kind::Of(DataType::Bool)) => Ok(format!("CAST({} AS {name})", self.sql(ast)?)),
            // All digits of the scale are written; BigQuery leaves zeros at the end out.
            Some(Kind::Of(ty @ DataType::Decimal { .. })) if self.dialect != Dialect::BigQuery => {
                let decimal = words::type_name(self.dialect, ty);
                Ok(format!("CAST(CAST({} AS {decimal}) AS {name})", self.sql(ast)?))
            }
            _ => Err(self.no_words(format!("CAST({ast} AS VARCHAR)"))),
        }
    }

    /// A literal of exact digits.
    fn decimal_literal(&self, digits: &str, scale: u8) -> String {
        match self.dialect {
            Dialect::BigQuery if scale > 9 => format!("BIGNUMERIC '{digits}'"),
            Dialect::BigQuery => format!("NUMERIC '{digits}'"),
            _ => digits.to_string(),
        }
    }

    /// The decimal `ast` rounded to `scale` digits, which are fewer than it has; a half goes to the even digit.
    pub(super) fn rounded(&self, whole: &Ast, ast: &Ast, scale: u8) -> Result<String> {
        let Some(has) = self.scale(ast) else { return Err(self.no_words(whole)) };
        let sql = self.tight(ast)?;
        match self.dialect {
            Dialect::Spark => Ok(format!("BROUND({sql}, {scale})")),
            Dialect::BigQuery => Ok(format!("ROUND({sql}, {scale}, 'ROUND_HALF_EVEN')")),
            Dialect::DuckDb | Dialect::Postgres => {
                let units = self.units(&sql, has, 0);
                Ok(self.scaled(&self.half_even(&units, &power(has - scale), true), scale))
            }
            Dialect::Polars | Dialect::Flink => Err(self.no_words(whole)),
        }
    }

    /// A quotient of decimals, with as many digits after the point as the operand that has more.
    pub(super) fn decimal_quotient(&self, ast: &Ast, left: &Ast, right: &Ast) -> Result<String> {
        let (a, b) = (self.scale(left).unwrap_or(0), self.scale(right).unwrap_or(0));
        let scale = a.max(b);
        if !matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres) {
            return Err(self.no_words(ast).hint("make a float of one side: CAST(… AS DOUBLE)"));
        }
        let over = self.units(&self.tight(left)?, a, scale + b - a);
        let under = self.units(&self.tight(right)?, b, 0);
        Ok(self.scaled(&self.half_even(&over, &under, false), scale))
    }

    /// `sql`, of `scale` digits after the point, in units of its last digit, times 10^`more`: an integer.
    fn units(&self, sql: &str, scale: u8, more: u8) -> String {
        let times = match scale + more {
            0 => sql.to_string(),
            zeros => format!("{sql} * {}", power(zeros)),
        };
        match self.dialect {
            // A decimal would have no room for the zeros.
            Dialect::DuckDb if scale == 0 => format!("(CAST({sql} AS HUGEINT) * {})", power(more)),
            Dialect::DuckDb if more == 0 => format!("CAST({times} AS HUGEINT)"),
            Dialect::DuckDb => {
                format!("(CAST({sql} * {} AS HUGEINT) * {})", power(scale), power(more))
            }
            _ => format!("CAST({times} AS NUMERIC)"),
        }
    }

    /// The quotient of two integers, rounded; a half goes to the even one. `literal` says that `under` is a number
    /// above zero.
    fn half_even(&self, over: &str, under: &str, literal: bool) -> String {
        let (quotient, rest) = match self.dialect {
            Dialect::DuckDb => (format!("{over} // {under}"), format!("{over} % {under}")),
            _ => (format!("DIV({over}, {under})"), format!("MOD({over}, {under})")),
        };
        let odd = match self.dialect {
            Dialect::DuckDb => format!("({quotient}) % 2 <> 0"),
            _ => format!("MOD({quotient}, 2) <> 0"),
        };
        let (size, sign) = match literal {
            true => (under.to_string(), String::new()),
            false => (format!("ABS({under})"), format!(" * SIGN({under})")),
        };
        format!(
            "(({quotient}) + CASE WHEN 2 * ABS({rest}) > {size} OR (2 * ABS({rest}) = {size} AND {odd}) \
             THEN SIGN({over}){sign} ELSE 0 END)"
        )
    }

    /// An integer of units of the digit number `scale` after the point, as a decimal.
    fn scaled(&self, units: &str, scale: u8) -> String {
        let unit = match scale {
            0 => return format!("CAST({units} AS {}(38, 0))", self.numeric()),
            1 => "0.1".to_string(),
            more => format!("0.{}1", "0".repeat(usize::from(more) - 1)),
        };
        format!("(CAST({units} AS {}(38, 0)) * {unit})", self.numeric())
    }

    fn numeric(&self) -> &'static str {
        if self.dialect == Dialect::Postgres { "NUMERIC" } else { "DECIMAL" }
    }
}

/// A call that gives a 64-bit integer in DuckDB.
fn is_long(ast: &Ast) -> bool {
    match ast {
        Ast::Extract { .. } => true,
        Ast::Function(call) => {
            let name = call.name.to_string().to_ascii_lowercase();
            ["length", "char_length", "character_length", "date_part"].contains(&name.as_str())
        }
        _ => false,
    }
}

/// One and `zeros` zeros.
fn power(zeros: u8) -> String {
    format!("1{}", "0".repeat(zeros.into()))
}

/// The digits of a literal that a decimal of `scale` holds without rounding.
fn exact_literal(ast: &Ast, scale: u8) -> Option<String> {
    if !is_text(strip(ast)) {
        return None;
    }
    let text = text_of(ast);
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let fits = !whole.is_empty() && all_digits(whole) && all_digits(part) && part.len() <= scale.into();
    (fits && !digits.ends_with('.')).then(|| text.to_string())
}
