//! Casts.

use super::DialectPrinter;
use crate::batch::DataType;
use crate::error::Result;
use crate::expr::Type;
use crate::expr::tree::{Casting, Node};
use crate::sql::{Dialect, words};
use DataType::{Bool, Date, Decimal, Float64, Int64, String as Text, Timestamp};
use Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};

/// The words that are true, and those that are false; each may be cut after its first letter, `off` after its second.
const TRUE: &str = "'t', 'tr', 'tru', 'true', 'y', 'ye', 'yes', 'on', '1'";
const FALSE: &str = "'f', 'fa', 'fal', 'fals', 'false', 'n', 'no', 'of', 'off', '0'";

impl DialectPrinter<'_> {
    /// `inner` as a value of the type of `node`.
    pub(super) fn cast(&self, node: &Node, inner: &Node, casting: Casting) -> Result<String> {
        if casting == Casting::Tried
            && let Some(sql) = self.tried(node, inner)?
        {
            return Ok(sql);
        }
        let sql = self.sql(inner)?;
        match (inner.ty, node.ty) {
            (_, Type::Of(Text)) => self.shown(inner),
            (Type::Of(Text), Type::Of(Bool)) => {
                let word = format!("LOWER({})", self.bare(inner)?);
                Ok(format!("CASE WHEN {word} IN ({TRUE}) THEN TRUE WHEN {word} IN ({FALSE}) THEN FALSE END"))
            }
            // What is behind the day of a time does not change it.
            (Type::Of(Text), Type::Of(Date)) => {
                Ok(format!("CAST(SUBSTR({}, 1, 10) AS DATE)", self.bare(inner)?))
            }
            (Type::Of(Text), Type::Of(ty @ (Int64 | Float64 | Decimal { .. }))) => Ok(self.cast_to(&sql, ty)),
            (Type::INT, Type::Of(Bool)) => Ok(format!("({} <> 0)", self.tight(inner)?)),
            (Type::INT, Type::Of(ty @ (Float64 | Decimal { .. }))) => Ok(self.cast_to(&sql, ty)),
            (Type::BOOL, Type::INT) => {
                let case = format!("CASE WHEN {sql} THEN 1 WHEN NOT {} THEN 0 END", self.tight(inner)?);
                Ok(if self.dialect == BigQuery { case } else { self.cast_to(&case, Int64) })
            }
            (Type::FLOAT, Type::INT) => self.float_to_int(node, inner, &sql),
            // The others multiply the float, PostgreSQL takes its first 15 digits.
            (Type::FLOAT, Type::Of(ty @ Decimal { .. })) if self.dialect == Postgres => {
                Ok(self.cast_to(&sql, ty))
            }
            (Type::Of(from @ Decimal { .. }), Type::FLOAT) => Ok(self.decimal_to_float(&sql, from)),
            (Type::Of(Decimal { scale, .. }), Type::INT) => match self.dialect {
                // These cut.
                Spark | Flink if scale > 0 => Ok(self.cast_to(&format!("ROUND({sql}, 0)"), Int64)),
                _ => Ok(self.cast_to(&sql, Int64)),
            },
            (Type::Of(Decimal { .. }), Type::Of(ty @ Decimal { .. })) => Ok(self.cast_to(&sql, ty)),
            (Type::TIME | Type::Clock, Type::Of(Date)) => {
                Ok(words::day_of(self.dialect, &self.clock(inner)?))
            }
            (Type::DATE, Type::Of(Timestamp)) => self.instant_of(&self.clock_of_day(&sql)),
            (Type::DATE, Type::Clock) => Ok(self.clock_of_day(&sql)),
            _ => Err(self.no_cast(node, inner)),
        }
    }

    fn no_cast(&self, node: &Node, inner: &Node) -> crate::error::Error {
        self.no_words(format!("CAST({} AS {})", inner.ty, node.ty))
    }

    fn float_to_int(&self, node: &Node, inner: &Node, sql: &str) -> Result<String> {
        match self.dialect {
            DuckDb | Postgres => Ok(self.cast_to(sql, Int64)),
            _ => match self.half_even(sql) {
                Some(rounded) => Ok(self.cast_to(&rounded, Int64)),
                None => Err(self.no_cast(node, inner)),
            },
        }
    }

    fn decimal_to_float(&self, sql: &str, from: DataType) -> String {
        match (self.dialect, from) {
            // It divides a float that is rounded already where there are more digits than a float has; from text it is right.
            (DuckDb, Decimal { precision, .. }) if precision > 15 => {
                self.cast_to(&self.cast_to(&self.cast_to(sql, from), Text), Float64)
            }
            _ => self.cast_to(sql, Float64),
        }
    }

    /// A value as text.
    fn shown(&self, inner: &Node) -> Result<String> {
        let sql = self.sql(inner)?;
        match (inner.ty, self.dialect) {
            (Type::Of(Text), _) => Ok(sql),
            (Type::Of(Bool), Flink) => {
                Ok(format!("CASE WHEN {sql} THEN 'true' WHEN NOT {} THEN 'false' END", self.tight(inner)?))
            }
            (Type::Of(Int64 | Date | Bool) | Type::Null | Type::Unknown, _) => Ok(self.cast_to(&sql, Text)),
            // All digits of the scale are written.
            (Type::Of(Decimal { scale, .. }), BigQuery) => Ok(format!("FORMAT('%.{scale}f', {sql})")),
            (Type::Of(ty @ Decimal { .. }), _) => Ok(self.cast_to(&self.cast_to(&sql, ty), Text)),
            (Type::Of(Float64), Postgres) => Ok(self.cast_to(&sql, Text)),
            (Type::Clock, DuckDb | Postgres) => Ok(self.cast_to(&sql, Text)),
            (Type::Of(Timestamp), DuckDb | Postgres) if self.zone.name() == "UTC" => {
                Ok(format!("{} || '+00'", self.cast_to(&self.clock(inner)?, Text)))
            }
            (Type::Of(Timestamp), _) => Err(self
                .no_words("a timestamp as text")
                .hint("give the format: strftime(t, '%Y-%m-%d %H:%M:%S')")),
            (ty, _) => Err(self.no_words(format!("CAST({ty} AS VARCHAR)"))),
        }
    }

    /// TRY_CAST: NULL where the cast fails; `None` where it is as CAST, since it cannot fail.
    fn tried(&self, node: &Node, inner: &Node) -> Result<Option<String>> {
        let (Type::Of(from), Type::Of(to)) = (inner.ty, node.ty) else {
            return Err(self.no_cast(node, inner));
        };
        match (from, to) {
            (_, Text) | (Text | Int64, Bool) | (Bool, Int64) | (Int64, Float64) | (Timestamp, Date) => {
                return Ok(None);
            }
            (Date, Timestamp) => return Ok(None),
            (Decimal { .. }, Float64) => return Ok(None),
            (Text, Int64) => return self.tried_int(node, inner).map(Some),
            _ => {}
        }
        let sql = self.sql(inner)?;
        let name = words::type_name(self.dialect, to);
        let number = |ty: DataType| matches!(ty, Int64 | Decimal { .. });
        let exact = number(from) && number(to);
        match self.dialect {
            DuckDb if exact || (from, to) == (Float64, Int64) => {
                Ok(Some(format!("TRY_CAST({sql} AS {name})")))
            }
            BigQuery if exact => Ok(Some(format!("SAFE_CAST({sql} AS {name})"))),
            Postgres if exact => {
                let (most, scale) = match to {
                    Decimal { precision, scale } => (super::power(precision - scale), scale),
                    _ => ("9223372036854775808".into(), 0),
                };
                let rounded = format!("ROUND(CAST({sql} AS NUMERIC), {scale})");
                let fits = match to {
                    Int64 => format!("{rounded} >= -{most} AND {rounded} < {most}"),
                    _ => format!("ABS({rounded}) < {most}"),
                };
                Ok(Some(format!("CASE WHEN {fits} THEN CAST({sql} AS {name}) END")))
            }
            _ => Err(self.no_words(format!("TRY_CAST({} AS {})", inner.ty, node.ty))),
        }
    }

    /// Of a text to an int64, whose form is known.
    fn tried_int(&self, node: &Node, inner: &Node) -> Result<String> {
        let (sql, form) = (self.bare(inner)?, "^[+-]?[0-9]+$");
        Ok(match self.dialect {
            DuckDb => format!("CASE WHEN REGEXP_MATCHES({sql}, '{form}') THEN TRY_CAST({sql} AS BIGINT) END"),
            Postgres => format!(
                "CASE WHEN {sql} ~ '{form}' THEN CASE WHEN CAST({sql} AS NUMERIC) BETWEEN -9223372036854775808 \
                 AND 9223372036854775807 THEN CAST({sql} AS BIGINT) END END"
            ),
            BigQuery => {
                format!("CASE WHEN REGEXP_CONTAINS({sql}, r'{form}') THEN SAFE_CAST({sql} AS INT64) END")
            }
            Spark => format!("CASE WHEN {sql} RLIKE '{form}' THEN TRY_CAST({sql} AS BIGINT) END"),
            _ => return Err(self.no_words(format!("TRY_CAST({} AS {})", inner.ty, node.ty))),
        })
    }
}
