//! Instants out of the values of files, by every rule that a job may have.

use super::View;
use crate::batch::DataType;
use crate::error::Result;
use crate::sink::value::TimeText;
use crate::sql::{Dialect, words};
use crate::time::{DAY, HOUR, MINUTE, TimeRule, TimeUnit, Zone};
use arrow_schema::DataType as ArrowType;
use std::collections::BTreeSet;

/// An ISO time that ends in an offset.
const WITH_OFFSET: &str = "^.{16}.*([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$";

/// An ISO time: what a job takes for one, but for days that a month has not.
const ISO: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([Tt ]([01][0-9]|2[0-3]):[0-5][0-9]\
(:[0-5][0-9]([.,][0-9]+)?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$";

/// The instant of a wall clock of `zone`, which is the job's: the setup of relations makes the function that it calls.
pub fn instant_of_local(dialect: Dialect, zone: &Zone, local: &str) -> String {
    let name = zone.name();
    match dialect {
        Dialect::Postgres if name == "UTC" => format!("({local} AT TIME ZONE 'UTC')"),
        Dialect::BigQuery => format!("TIMESTAMP({local}, '{name}')"),
        _ if name == "UTC" => local.to_string(),
        Dialect::DuckDb if changes(zone).next().is_some() => format!("instant_of_local({local})"),
        Dialect::DuckDb => format!("(({local} AT TIME ZONE '{name}') AT TIME ZONE 'UTC')"),
        Dialect::Postgres if changes(zone).next().is_some() => format!("pg_temp.instant_of_local({local})"),
        Dialect::Postgres => format!("({local} AT TIME ZONE '{name}')"),
        Dialect::Spark => format!("TO_UTC_TIMESTAMP({local}, '{name}')"),
        Dialect::Flink => {
            format!("TO_TIMESTAMP(CONVERT_TZ(DATE_FORMAT({local}, 'yyyy-MM-dd HH:mm:ss'), '{name}', 'UTC'))")
        }
        Dialect::Polars => local.to_string(),
    }
}

/// What makes the function that [`instant_of_local`] calls, where the zone's clock is changed: of a time
/// that exists twice engines take the later, and a time in a gap they shift by its length.
pub fn clock_functions(dialect: Dialect, zone: &Zone) -> Vec<String> {
    let changes: Vec<Change> = changes(zone).collect();
    let zone = zone.name();
    if changes.is_empty() || !matches!(dialect, Dialect::DuckDb | Dialect::Postgres) {
        return vec![];
    }
    let (at, shown) = match dialect {
        Dialect::DuckDb => (
            format!("((l AT TIME ZONE '{zone}') AT TIME ZONE 'UTC')"),
            (|at: &str, zone: &str| format!("(({at} AT TIME ZONE 'UTC') AT TIME ZONE '{zone}')"))
                as fn(&str, &str) -> String,
        ),
        _ => (
            format!("(l AT TIME ZONE '{zone}')"),
            (|at: &str, zone: &str| format!("({at} AT TIME ZONE '{zone}')")) as fn(&str, &str) -> String,
        ),
    };
    let mut cases = String::new();
    let falls: BTreeSet<i64> = changes.iter().map(|change| -change.by).filter(|fall| *fall > 0).collect();
    for micros in falls {
        let earlier = format!("({at} - INTERVAL '{} minutes')", micros / MINUTE);
        cases += &format!("\n  WHEN {} = l THEN {earlier}", shown(&earlier, zone));
    }
    cases += &format!("\n  WHEN {} = l THEN {at}", shown(&at, zone));
    let mut utc = TimeText::utc();
    let mut literal = |instant: i64| match dialect {
        Dialect::DuckDb => format!("TIMESTAMP '{}'", utc.text(instant).trim_end_matches('Z')),
        _ => format!("TIMESTAMPTZ '{}'", utc.text(instant)),
    };
    // Most gaps begin on the hour and last an hour or less: the rule after these cases finds their end.
    for gap in changes.iter().filter(|change| change.by > HOUR || change.by > 0 && change.shown % HOUR != 0) {
        let (begin, end) = (literal(gap.at), literal(gap.at + gap.by));
        cases += &format!("\n  WHEN {at} >= {begin} AND {at} < {end} THEN {begin}");
    }
    let body = format!("CASE{cases}\n  ELSE {at} - (l - DATE_TRUNC('hour', l))\nEND");
    vec![match dialect {
        Dialect::DuckDb => format!("CREATE OR REPLACE TEMP MACRO instant_of_local(l) AS {body}"),
        _ => format!(
            "CREATE OR REPLACE FUNCTION pg_temp.instant_of_local(l TIMESTAMP) RETURNS TIMESTAMPTZ \
             LANGUAGE SQL STABLE AS $$ SELECT {body} $$"
        ),
    }]
}

impl View<'_> {
    /// The instant that `text` says by `rule`, NULL where it is NULL; where bad records are left out, also
    /// where it says none.
    pub(super) fn instant_of_text(&self, text: &str, rule: &TimeRule, reject: bool) -> Result<String> {
        let bigint = words::type_name(self.dialect, DataType::Int64);
        let value = match rule {
            TimeRule::Untimed => return Err(self.cannot("times of a table without a time")),
            TimeRule::Epoch(unit) => self.instant_of_number(&format!("CAST({text} AS {bigint})"), *unit),
            TimeRule::Iso => self.instant_of_iso(text),
            TimeRule::Format(format) => self.instant_of_format(text, format.text())?,
            TimeRule::AnyOf(_) => return Err(self.cannot("times of several formats")),
        };
        if !reject {
            return Ok(value);
        }
        // Outside the years 1900 to 2200 the unit is wrong.
        let believed = |value: &str| {
            let (from, to) = (
                words::timestamp(self.dialect, crate::time::EARLIEST),
                words::timestamp(self.dialect, crate::time::LATEST),
            );
            format!("CASE WHEN {value} >= {from} AND {value} < {to} THEN {value} END")
        };
        match (self.dialect, rule) {
            (Dialect::DuckDb, TimeRule::Iso) => {
                let value = format!("CASE WHEN REGEXP_MATCHES({text}, '{ISO}') THEN TRY({value}) END");
                Ok(believed(&value))
            }
            (Dialect::DuckDb, TimeRule::Epoch(_)) => Ok(believed(&format!(
                "CASE WHEN REGEXP_MATCHES({text}, '^-?[0-9]{{1,19}}$') THEN TRY({value}) END"
            ))),
            (Dialect::DuckDb, _) => Ok(believed(&format!("TRY({value})"))),
            (Dialect::Postgres, TimeRule::Iso) => Ok(format!(
                "CASE WHEN {text} ~ '{ISO}' THEN CASE WHEN {text} ~ '^(19[0-9]{{2}}|2[01][0-9]{{2}}|2200)' \
                 AND {} THEN {value} END END",
                days_of_month(text)
            )),
            (Dialect::Postgres, TimeRule::Epoch(unit)) => {
                let unit = unit.instant(1).unwrap_or(1).max(1);
                let (from, to) = (crate::time::EARLIEST / unit, crate::time::LATEST / unit);
                let (from, to) = match rule {
                    TimeRule::Epoch(TimeUnit::Nano) => (from * 1000, to * 1000),
                    _ => (from, to),
                };
                Ok(format!(
                    "CASE WHEN {text} ~ '^-?[0-9]{{1,19}}$' THEN CASE WHEN CAST({text} AS NUMERIC) >= {from} \
                     AND CAST({text} AS NUMERIC) < {to} THEN {value} END END"
                ))
            }
            _ => Err(self.cannot("times by a format and leave bad ones out")),
        }
    }

    /// The instant of an integer of these units since 1970.
    fn instant_of_number(&self, number: &str, unit: TimeUnit) -> String {
        let micros = match unit {
            TimeUnit::Day => format!("{number} * 86400000000"),
            TimeUnit::Second => format!("{number} * 1000000"),
            TimeUnit::Milli => format!("{number} * 1000"),
            TimeUnit::Micro => number.to_string(),
            TimeUnit::Nano => words::floor_div(self.dialect, number, 1000),
        };
        words::from_micros(self.dialect, &micros)
    }

    fn instant_of_iso(&self, text: &str) -> String {
        match self.dialect {
            Dialect::DuckDb => {
                let local = self.instant_of_local(&format!("CAST({text} AS TIMESTAMP)"));
                format!(
                    "CASE WHEN REGEXP_MATCHES({text}, '{WITH_OFFSET}') THEN CAST({text} AS TIMESTAMPTZ) \
                     AT TIME ZONE 'UTC' ELSE {local} END"
                )
            }
            Dialect::Postgres => {
                // Digits past the microsecond are cut, and would be rounded.
                let cut = format!("REGEXP_REPLACE({text}, '([.,][0-9]{{6}})[0-9]+', '\\1')");
                let local = self.instant_of_local(&format!("CAST({cut} AS TIMESTAMP)"));
                format!("CASE WHEN {text} ~ '{WITH_OFFSET}' THEN CAST({cut} AS TIMESTAMPTZ) ELSE {local} END")
            }
            Dialect::Spark => {
                let local = self.instant_of_local(&format!("CAST({text} AS TIMESTAMP)"));
                format!(
                    "CASE WHEN {text} RLIKE '{WITH_OFFSET}' THEN CAST({text} AS TIMESTAMP) ELSE {local} END"
                )
            }
            Dialect::BigQuery => {
                let local = self.instant_of_local(&format!("CAST({text} AS DATETIME)"));
                format!(
                    "CASE WHEN REGEXP_CONTAINS({text}, r'{WITH_OFFSET}') THEN CAST({text} AS TIMESTAMP) \
                     ELSE {local} END"
                )
            }
            Dialect::Flink => {
                // Flink reads one form alone: a space between, no offset.
                let plain = format!("REPLACE(REPLACE({text}, 'T', ' '), 'Z', '')");
                let local = self.instant_of_local(&format!("TO_TIMESTAMP({plain})"));
                if self.zone.name() == "UTC" {
                    return local;
                }
                format!("CASE WHEN {text} LIKE '%Z' THEN TO_TIMESTAMP({plain}) ELSE {local} END")
            }
            Dialect::Polars => text.to_string(),
        }
    }

    fn instant_of_format(&self, text: &str, format: &str) -> Result<String> {
        let offset = format.contains("%z") || format.contains("%:z");
        if format.contains("%s") || format.contains("%:z") {
            return Err(self.cannot(&format!("times of the format `{format}`")));
        }
        let quoted = |format: &str| words::text(self.dialect, format);
        let formatted = || {
            let pieces = words::format_pieces(format);
            pieces.ok_or_else(|| self.cannot(&format!("times of the format `{format}`")))
        };
        let postgres = || -> Result<String> {
            Ok(formatted()?.iter().map(words::FormatPiece::postgres).collect::<String>())
        };
        let java = || -> Result<String> {
            Ok(formatted()?.iter().map(words::FormatPiece::java).collect::<String>())
        };
        Ok(match self.dialect {
            Dialect::DuckDb if offset => {
                format!("(STRPTIME({text}, {}) AT TIME ZONE 'UTC')", quoted(format))
            }
            Dialect::DuckDb => self.instant_of_local(&format!("STRPTIME({text}, {})", quoted(format))),
            Dialect::Postgres if offset => format!("TO_TIMESTAMP({text}, {})", quoted(&postgres()?)),
            // With an offset, so that the zone of the session does not show.
            Dialect::Postgres => {
                let format = quoted(&(postgres()? + " TZHTZM"));
                let read = format!("TO_TIMESTAMP({text} || ' +0000', {format})");
                self.instant_of_local(&format!("({read} AT TIME ZONE 'UTC')"))
            }
            Dialect::Spark => self.instant_of_local(&format!("TO_TIMESTAMP({text}, {})", quoted(&java()?))),
            Dialect::Flink => self.instant_of_local(&format!("TO_TIMESTAMP({text}, {})", quoted(&java()?))),
            Dialect::BigQuery if offset => format!("PARSE_TIMESTAMP({}, {text})", quoted(format)),
            Dialect::BigQuery => {
                self.instant_of_local(&format!("PARSE_DATETIME({}, {text})", quoted(format)))
            }
            Dialect::Polars => text.to_string(),
        })
    }

    /// The instant of a wall clock of the job's zone.
    pub(super) fn instant_of_local(&self, local: &str) -> String {
        instant_of_local(self.dialect, self.zone, local)
    }

    /// What makes the function that [`Self::instant_of_local`] calls.
    pub(super) fn clock_functions(&self) -> Vec<String> {
        clock_functions(self.dialect, self.zone)
    }

    /// The instant of a value of a Parquet file.
    pub(super) fn instant_of_typed(&self, sql: &str, ty: &ArrowType, rule: &TimeRule) -> Result<String> {
        // Text has come to PostgreSQL, whatever the file has: times with an offset where they are instants.
        if self.dialect == Dialect::Postgres {
            let rule = if ty.is_temporal() { &TimeRule::Iso } else { rule };
            return self.instant_of_text(sql, rule, false);
        }
        Ok(match (ty, rule) {
            (ArrowType::Timestamp(_, Some(_)), _) => match self.dialect {
                Dialect::DuckDb => format!("(CAST({sql} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"),
                _ => sql.to_string(),
            },
            (ArrowType::Timestamp(..) | ArrowType::Date32 | ArrowType::Date64, _) => match self.dialect {
                Dialect::BigQuery => self.instant_of_local(&format!("CAST({sql} AS DATETIME)")),
                _ => self.instant_of_local(&format!("CAST({sql} AS TIMESTAMP)")),
            },
            (ty, TimeRule::Epoch(unit)) if ty.is_integer() => {
                let name = words::type_name(self.dialect, DataType::Int64);
                self.instant_of_number(&format!("CAST({sql} AS {name})"), *unit)
            }
            (ty, TimeRule::Format(_)) if ty.is_integer() => {
                let name = words::type_name(self.dialect, DataType::String);
                self.instant_of_text(&format!("CAST({sql} AS {name})"), rule, false)?
            }
            (ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View, _) => {
                self.instant_of_text(sql, rule, false)?
            }
            _ => return Err(self.cannot(&format!("times of the type {ty}"))),
        })
    }
}

/// Whether the day of the month of an ISO date exists, in PostgreSQL.
pub(super) fn days_of_month(text: &str) -> String {
    let last = format!("CAST(SUBSTR({text}, 1, 7) || '-01' AS DATE) + INTERVAL '1 month' - INTERVAL '1 day'");
    format!("CAST(SUBSTR({text}, 9, 2) AS INTEGER) <= EXTRACT(DAY FROM {last})")
}

/// A change of the clock, in microseconds.
pub(super) struct Change {
    /// The first instant after it.
    at: i64,
    /// What the clock showed when it was changed, and by how much it was put forward (or back, if negative).
    shown: i64,
    pub(super) by: i64,
}

/// When the clock of `zone` was or will be changed, from 1970 to 2100.
pub(super) fn changes(zone: &Zone) -> impl Iterator<Item = Change> {
    let mut clock = zone.clone();
    zone.changes(0, 130 * 366 * DAY).map(move |at| {
        let before = clock.offset(at - 1);
        Change { at, shown: at + before, by: clock.offset(at) - before }
    })
}
