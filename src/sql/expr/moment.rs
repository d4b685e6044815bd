//! Times in expressions: parts of the wall clock, formats, literals, and lengths of time added.

use super::{Translator, is_text, strip, text_of};
use crate::batch::DataType;
use crate::error::Result;
use crate::expr::Kind;
use crate::sql::{Dialect, words};
use crate::time::{DAY, HOUR, MINUTE, SECOND, TimeParser, TimeRule, Zone};
use sqlparser::ast::{BinaryOperator, Expr as Ast, TypedString, Value};

impl Translator<'_> {
    /// What the clock shows at the instant `ast`, or the day `ast` itself.
    fn clock(&self, whole: &Ast, ast: &Ast) -> Result<String> {
        let sql = self.sql(ast)?;
        match self.kind(ast) {
            Some(Kind::Of(DataType::Date)) => Ok(sql),
            Some(Kind::Of(DataType::Timestamp)) => Ok(words::local(self.dialect, &sql, self.zone.name())),
            Some(Kind::Zoneless) => Ok(words::local(self.dialect, &sql, "UTC")),
            _ => Err(self.no_words(whole)),
        }
    }

    /// `EXTRACT(field FROM ast)`, an integer.
    pub(super) fn extract(&self, whole: &Ast, field: &str, ast: &Ast) -> Result<String> {
        use Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};
        let field = field.to_ascii_lowercase();
        let part = match field.as_str() {
            "year" | "years" | "y" => "YEAR",
            "quarter" | "quarters" => "QUARTER",
            "month" | "months" | "mon" | "mons" => "MONTH",
            "week" | "weeks" | "isoweek" => "WEEK",
            "isoyear" => "ISOYEAR",
            "day" | "days" | "dayofmonth" | "d" => "DAY",
            "doy" | "dayofyear" => "DOY",
            "dow" | "dayofweek" => "DOW",
            "isodow" => "ISODOW",
            "hour" | "hours" | "h" => "HOUR",
            "minute" | "minutes" | "mins" | "min" | "m" => "MINUTE",
            "second" | "seconds" | "sec" | "secs" | "s" => "SECOND",
            "decade" | "decades" => "DECADE",
            "century" | "centuries" | "c" => "CENTURY",
            // The fractions of a second are floats, whose digits are Polars' own.
            _ => return Err(self.no_words(whole)),
        };
        let clock = self.clock(whole, ast)?;
        let of = |part: &str| format!("EXTRACT({part} FROM {clock})");
        Ok(match (self.dialect, part) {
            (Postgres, "SECOND") => format!("CAST(FLOOR({}) AS BIGINT)", of("SECOND")),
            (Postgres, part) => format!("CAST({} AS BIGINT)", of(part)),
            (DuckDb, part) => of(part),
            (Spark, "SECOND") => format!("SECOND({clock})"),
            (Spark, "ISOYEAR") => of("YEAROFWEEK"),
            (Spark, "ISODOW") => of("DAYOFWEEK_ISO"),
            // Sunday is 1 in these, and 0 in Polars.
            (Spark | BigQuery, "DOW") => format!("({} - 1)", of("DAYOFWEEK")),
            (Flink, "DOW") => format!("({} - 1)", of("DOW")),
            (BigQuery, "WEEK") => of("ISOWEEK"),
            (BigQuery, "DOY") => of("DAYOFYEAR"),
            (BigQuery, "ISOYEAR") => of("ISOYEAR"),
            (BigQuery, "ISODOW") => format!("(MOD({} + 5, 7) + 1)", of("DAYOFWEEK")),
            (Flink, "WEEK" | "ISOYEAR" | "ISODOW") => return Err(self.no_words(whole)),
            (Spark | Flink | BigQuery, "DECADE" | "CENTURY") => return Err(self.no_words(whole)),
            (_, part) => of(part),
        })
    }

    /// `STRFTIME(ast, format)`.
    pub(super) fn strftime(&self, whole: &Ast, ast: &Ast, format: &Ast) -> Result<String> {
        // What the clock shows has no offset any more.
        if !is_text(format) || text_of(format).contains("%z") {
            return Err(self.no_words(whole));
        }
        let clock = self.clock(whole, ast)?;
        let pieces = words::format_pieces(&text_of(format)).ok_or_else(|| self.no_words(whole))?;
        let as_is = |text: &str| words::text(self.dialect, text);
        Ok(match self.dialect {
            Dialect::DuckDb => format!("STRFTIME({clock}, {})", as_is(&text_of(format))),
            Dialect::BigQuery if self.kind(ast) == Some(Kind::Of(DataType::Date)) => {
                format!("FORMAT_DATE({}, {clock})", as_is(&text_of(format)))
            }
            Dialect::BigQuery => format!("FORMAT_DATETIME({}, {clock})", as_is(&text_of(format))),
            Dialect::Postgres => {
                let format: String = pieces.iter().map(words::FormatPiece::postgres).collect();
                format!("TO_CHAR({clock}, {})", as_is(&format))
            }
            Dialect::Spark | Dialect::Flink => {
                let clock = match self.kind(ast) {
                    Some(Kind::Of(DataType::Date)) => format!("CAST({clock} AS TIMESTAMP)"),
                    _ => clock,
                };
                let format: String = pieces.iter().map(words::FormatPiece::java).collect();
                format!("DATE_FORMAT({clock}, {})", as_is(&format))
            }
            Dialect::Polars => return Err(self.no_words(whole)),
        })
    }

    /// `ast + INTERVAL '…'` and `ast - INTERVAL '…'`.
    pub(super) fn later(
        &self,
        whole: &Ast,
        ast: &Ast,
        op: &BinaryOperator,
        interval: &Ast,
    ) -> Result<String> {
        let Ast::Interval(interval) = strip(interval) else { return Err(self.no_words(whole)) };
        let (days, micros) = length(&text_of(&interval.value)).ok_or_else(|| self.no_words(whole))?;
        let sql = self.tight(ast)?;
        match self.kind(ast) {
            Some(Kind::Of(DataType::Date)) if micros == 0 => Ok(match self.dialect {
                Dialect::DuckDb | Dialect::Postgres => format!("{sql} {op} {days}"),
                Dialect::Spark | Dialect::BigQuery => {
                    let name = if *op == BinaryOperator::Plus { "DATE_ADD" } else { "DATE_SUB" };
                    let days = match self.dialect {
                        Dialect::Spark => days.to_string(),
                        _ => format!("INTERVAL {days} DAY"),
                    };
                    format!("{name}({sql}, {days})")
                }
                _ => format!("{sql} {op} INTERVAL '{days}' DAY"),
            }),
            // A day on the wall clock may have 23 hours.
            Some(Kind::Of(DataType::Timestamp)) if days != 0 && self.zone.name() != "UTC" => {
                Err(self.no_words(whole).hint("say it in hours"))
            }
            Some(Kind::Of(DataType::Timestamp) | Kind::Zoneless) => {
                let micros = days * DAY + micros;
                Ok(match self.dialect {
                    Dialect::DuckDb | Dialect::Postgres => {
                        let units =
                            [(HOUR, "hours"), (MINUTE, "minutes"), (SECOND, "seconds"), (1, "microseconds")];
                        let (unit, name) =
                            units.into_iter().find(|(unit, _)| micros % unit == 0).unwrap_or((1, ""));
                        format!("{sql} {op} INTERVAL '{} {name}'", micros / unit)
                    }
                    _ => {
                        let sum = format!("{} {op} {micros}", words::to_micros(self.dialect, &sql));
                        words::from_micros(self.dialect, &sum)
                    }
                })
            }
            _ => Err(self.no_words(whole)),
        }
    }

    /// `DATE '…'` and `TIMESTAMP '…'`, the latter in no zone.
    pub(super) fn typed_literal(&self, ast: &Ast, typed: &TypedString) -> Result<String> {
        let Value::SingleQuotedString(text) = &typed.value.value else { return Err(self.no_words(ast)) };
        match self.kind(ast) {
            Some(Kind::Of(DataType::Date)) => self.date_literal(ast, text),
            Some(Kind::Zoneless) => self.time_literal(ast, text),
            _ => Err(self.no_words(ast)),
        }
    }

    /// The literal of a day.
    pub(super) fn date_literal(&self, ast: &Ast, text: &str) -> Result<String> {
        match crate::time::parse_date(text.as_bytes()) {
            Some(_) => Ok(format!("DATE '{text}'")),
            None => Err(self.no_words(ast)),
        }
    }

    /// The literal of a time that shows UTC.
    pub(super) fn time_literal(&self, ast: &Ast, text: &str) -> Result<String> {
        match TimeParser::new(TimeRule::Iso, Zone::utc()).text(text.as_bytes()) {
            Ok(micros) => Ok(words::timestamp(self.dialect, micros)),
            Err(_) => Err(self.no_words(ast)),
        }
    }
}

/// The days and microseconds of `1 day 2 hours`; none where there are months, whose length varies.
fn length(text: &str) -> Option<(i64, i64)> {
    let (mut days, mut micros) = (0i64, 0i64);
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return None;
    }
    for pair in words.chunks(2) {
        let count: i64 = pair[0].parse().ok()?;
        let (unit, of) = match pair[1].to_ascii_lowercase().trim_end_matches(',').trim_end_matches('s') {
            "week" => (7, &mut days),
            "day" => (1, &mut days),
            "hour" => (HOUR, &mut micros),
            "minute" => (MINUTE, &mut micros),
            "second" => (SECOND, &mut micros),
            "millisecond" => (1000, &mut micros),
            "microsecond" => (1, &mut micros),
            _ => return None,
        };
        *of = of.checked_add(count.checked_mul(unit)?)?;
    }
    Some((days, micros))
}
