//! Instants out of the values of files, by every rule that a job may have.

use super::View;
use super::files::INT96;
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::sink::value::TimeText;
use crate::sql::{Dialect, patterns, words};
use crate::time::{DAY, FormatPiece, HOUR, MINUTE, TimeFormat, TimeRule, TimeUnit, Zone};
use arrow_schema::DataType as ArrowType;
use std::collections::BTreeSet;

/// An ISO time that ends in an offset.
const WITH_OFFSET: &str = "^.{16}.*([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$";

/// An ISO time: what a job takes for one, but for days that a month has not.
pub(super) fn iso() -> String {
    format!(
        "^[0-9]{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([Tt ]([01][0-9]|2[0-3]):[0-5][0-9]\
         (:[0-5][0-9]([.,][0-9]+)?)?{}?)?$",
        patterns::OFFSET
    )
}

/// A number in decimals, without an exponent that no time has.
const DECIMAL: &str = "^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,2})?$";

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
        Dialect::Spark => spark_instant(zone, local),
        // Of Flink the layers of a relation find it; elsewhere it is refused.
        Dialect::Polars | Dialect::Flink => local.to_string(),
    }
}

/// Whether the clock of a zone is changed.
pub fn has_changes(zone: &Zone) -> bool {
    changes(zone).next().is_some()
}

/// Spark has no functions of a session before version 4, so the rule stands where it is used. Of a time that exists twice
/// it takes the earlier by itself; a time in a gap it shifts by the length of the gap.
fn spark_instant(zone: &Zone, local: &str) -> String {
    let name = zone.name();
    let at = format!("TO_UTC_TIMESTAMP({local}, '{name}')");
    let gaps: Vec<ZoneTransition> = changes(zone).filter(|change| change.by > 0).collect();
    if gaps.is_empty() {
        return at;
    }
    let mut cases = format!("WHEN FROM_UTC_TIMESTAMP({at}, '{name}') = {local} THEN {at}");
    for gap in gaps.iter().filter(|gap| gap.is_irregular()) {
        let [begin, end] = [gap.at, gap.at + gap.by].map(|micros| words::timestamp(Dialect::Spark, micros));
        cases += &format!(" WHEN {at} >= {begin} AND {at} < {end} THEN {begin}");
    }
    format!("CASE {cases} ELSE {at} - ({local} - DATE_TRUNC('HOUR', {local})) END")
}

/// What makes the function that `instant_of_local` calls, where the zone's clock is changed: of a time
/// that exists twice engines take the later, and a time in a gap they shift by its length.
pub fn clock_functions(dialect: Dialect, zone: &Zone) -> Vec<String> {
    let changes: Vec<ZoneTransition> = changes(zone).collect();
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
    // A zone falls back by the same hour each year: one case for each length is enough.
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
    for gap in changes.iter().filter(|change| change.is_irregular()) {
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
        match rule {
            TimeRule::Untimed => Err(self.cannot("times of a table without a time")),
            TimeRule::AnyOf(rules) => self.instant_of_any(text, rules, reject),
            TimeRule::Epoch(TimeUnit::Excel) => Err(self.cannot("days as spreadsheets count them")),
            TimeRule::Epoch(unit) if reject => self.tried_number(text, *unit),
            TimeRule::Epoch(unit) => self.instant_of_decimal(text, *unit),
            TimeRule::Iso if reject => self.tried_iso(text),
            TimeRule::Iso => self.instant_of_iso(text),
            TimeRule::Format(format) if reject => match self.dialect {
                Dialect::DuckDb => Ok(self.believed(&self.tried_format(text, format)?)),
                _ => Err(self.cannot("times by a format and leave bad ones out")),
            },
            TimeRule::Format(format) => self.instant_of_format(text, format),
        }
    }

    /// The instant `value` if it lies in the years 1900 to 2200: outside the unit is wrong.
    fn believed(&self, value: &str) -> String {
        let (from, to) = (
            words::timestamp(self.dialect, crate::time::EARLIEST),
            words::timestamp(self.dialect, crate::time::LATEST),
        );
        format!("CASE WHEN {value} >= {from} AND {value} < {to} THEN {value} END")
    }

    /// Whether `text` is of a shape.
    fn is_like(&self, text: &str, shape: &str) -> String {
        let shape = words::text(self.dialect, shape);
        match self.dialect {
            Dialect::DuckDb | Dialect::Polars => format!("REGEXP_MATCHES({text}, {shape})"),
            Dialect::Postgres => format!("{text} ~ {shape}"),
            Dialect::Spark => format!("{text} RLIKE {shape}"),
            Dialect::BigQuery => format!("REGEXP_CONTAINS({text}, {shape})"),
            Dialect::Flink => format!("REGEXP({text}, {shape})"),
        }
    }

    fn tried_iso(&self, text: &str) -> Result<String> {
        let (value, iso) = (self.instant_of_iso(text)?, self.is_like(text, &iso()));
        match self.dialect {
            Dialect::DuckDb => Ok(self.believed(&format!("CASE WHEN {iso} THEN TRY({value}) END"))),
            Dialect::Postgres => Ok(format!(
                "CASE WHEN {iso} THEN CASE WHEN {text} ~ '^(19[0-9]{{2}}|2[01][0-9]{{2}}|2200)' \
                 AND {} THEN {value} END END",
                days_of_month(text)
            )),
            _ => Err(self.cannot("times by a format and leave bad ones out")),
        }
    }

    fn tried_number(&self, text: &str, unit: TimeUnit) -> Result<String> {
        let (value, number) = (self.instant_of_decimal(text, unit)?, self.is_like(text, DECIMAL));
        match self.dialect {
            Dialect::DuckDb => Ok(self.believed(&format!("CASE WHEN {number} THEN TRY({value}) END"))),
            Dialect::Postgres => {
                // One nanosecond is 0 microseconds, and the bounds are divided by it.
                let one = unit.instant(1).unwrap_or(1).max(1);
                let (from, to) = (crate::time::EARLIEST / one, crate::time::LATEST / one);
                let (from, to) = match unit {
                    TimeUnit::Nano => (from * 1000, to * 1000),
                    // Days begin at another instant in each zone.
                    TimeUnit::Day | TimeUnit::Excel => (from - 1, to + 1),
                    _ => (from, to),
                };
                let value = if unit == TimeUnit::Day { self.believed(&value) } else { value };
                // PostgreSQL orders the branches of CASE, but not the sides of AND: the cast has to wait for
                // the shape.
                Ok(format!(
                    "CASE WHEN {number} THEN CASE WHEN CAST({text} AS NUMERIC) >= {from} \
                     AND CAST({text} AS NUMERIC) < {to} THEN {value} END END"
                ))
            }
            _ => Err(self.cannot("times by a unit and leave bad ones out")),
        }
    }

    /// The instant of a text of a format, NULL where it is none: engines take texts of other shapes as well. In PostgreSQL
    /// a text of the shape that is no time is an error.
    fn tried_format(&self, text: &str, format: &TimeFormat) -> Result<String> {
        let shape = patterns::shape(format).map_err(|field| self.no_field(&field, format))?;
        let (like, value) = (self.is_like(text, &shape), self.instant_of_format(text, format)?);
        Ok(match self.dialect {
            Dialect::DuckDb => format!("CASE WHEN {like} THEN TRY({value}) END"),
            _ => format!("CASE WHEN {like} THEN {value} END"),
        })
    }

    /// The instant by the first of `rules` that reads `text`.
    fn instant_of_any(&self, text: &str, rules: &[TimeRule], reject: bool) -> Result<String> {
        self.can_try(rules)?;
        if rules.iter().any(|rule| matches!(rule, TimeRule::Epoch(_))) {
            return Err(self.cannot("times of several units"));
        }
        let tried = |rule: &TimeRule| match rule {
            TimeRule::Format(format) => self.tried_format(text, format),
            _ if self.dialect == Dialect::Postgres => self.tried_iso(text),
            _ => {
                let (iso, value) = (self.is_like(text, &iso()), self.instant_of_iso(text)?);
                Ok(format!("CASE WHEN {iso} THEN TRY({value}) END"))
            }
        };
        let mut all = rules.iter().map(tried).collect::<Result<Vec<String>>>()?;
        // A text that none reads ends the statement, as it ends a run. DuckDB computes what stands twice in an expression
        // for all rows, also where a CASE is around it: the last rule without TRY would fail for texts of the others.
        if !reject && self.dialect == Dialect::DuckDb {
            let error = format!("CAST(ERROR('no time that can be read: ' || {text}) AS TIMESTAMP)");
            all.push(format!("CASE WHEN {text} IS NOT NULL THEN {error} END"));
        } else if !reject && let Some((value, last)) = all.last_mut().zip(rules.last()) {
            *value = self.instant_of_text(text, last, false)?;
        }
        let value = format!("COALESCE({})", all.join(", "));
        Ok(if reject { self.believed(&value) } else { value })
    }

    /// Fails where the dialect has no way to try one format after the other. PostgreSQL tells them apart by their shapes.
    fn can_try(&self, rules: &[TimeRule]) -> Result<()> {
        let shapes: Vec<String> = rules
            .iter()
            .map(|rule| match rule {
                TimeRule::Format(format) => patterns::shape(format).map_err(|f| self.no_field(&f, format)),
                _ => Ok(iso()),
            })
            .collect::<Result<_>>()?;
        let distinct: BTreeSet<&String> = shapes.iter().collect();
        match self.dialect {
            Dialect::DuckDb | Dialect::Polars => Ok(()),
            Dialect::Postgres if distinct.len() == shapes.len() => Ok(()),
            _ => Err(self.cannot("times of several formats that are tried one after the other")),
        }
    }

    /// The instant of an integer of these units since 1970.
    fn instant_of_number(&self, number: &str, unit: TimeUnit) -> Result<String> {
        match unit {
            TimeUnit::Day | TimeUnit::Excel => self.instant_of_micros(&format!("{number} * {DAY}"), unit),
            TimeUnit::Second => self.instant_of_micros(&format!("{number} * 1000000"), unit),
            TimeUnit::Milli => self.instant_of_micros(&format!("{number} * 1000"), unit),
            TimeUnit::Micro => self.instant_of_micros(number, unit),
            TimeUnit::Nano => self.instant_of_micros(&words::floor_div(self.dialect, number, 1000), unit),
        }
    }

    /// The instant of a text of a number of these units, with decimals or without: exactly, and cut to the microsecond.
    fn instant_of_decimal(&self, text: &str, unit: TimeUnit) -> Result<String> {
        let bigint = words::type_name(self.dialect, DataType::Int64);
        let decimal = match self.dialect {
            // The product by a million has to fit 38 digits; more decimals than a microsecond of any unit are cut.
            Dialect::Flink => {
                format!("CAST(REGEXP_REPLACE({text}, '([.][0-9]{{9}})[0-9]+', '$1') AS DECIMAL(29, 9))")
            }
            Dialect::Postgres => format!("CAST({text} AS NUMERIC)"),
            Dialect::BigQuery => format!("CAST({text} AS BIGNUMERIC)"),
            _ => format!("CAST({text} AS DECIMAL(38, 12))"),
        };
        let whole = |number: String| format!("CAST(FLOOR({number}) AS {bigint})");
        match unit {
            TimeUnit::Day | TimeUnit::Excel => {
                self.instant_of_micros(&whole(format!("{decimal} * {DAY}")), unit)
            }
            TimeUnit::Second => self.instant_of_micros(&whole(format!("{decimal} * 1000000")), unit),
            TimeUnit::Milli => self.instant_of_micros(&whole(format!("{decimal} * 1000")), unit),
            TimeUnit::Micro | TimeUnit::Nano => self.instant_of_number(&whole(decimal), unit),
        }
    }

    /// The instant of microseconds since 1970: of days on the job's wall clock.
    fn instant_of_micros(&self, micros: &str, unit: TimeUnit) -> Result<String> {
        let instant = words::from_micros(self.dialect, micros);
        if unit != TimeUnit::Day {
            return Ok(instant);
        }
        self.instant_of_local(&words::local(self.dialect, &instant, "UTC"))
    }

    fn instant_of_iso(&self, text: &str) -> Result<String> {
        Ok(match self.dialect {
            Dialect::DuckDb => {
                let local = self.instant_of_local(&format!("CAST({text} AS TIMESTAMP)"))?;
                format!(
                    "CASE WHEN REGEXP_MATCHES({text}, '{WITH_OFFSET}') THEN CAST({text} AS TIMESTAMPTZ) \
                     AT TIME ZONE 'UTC' ELSE {local} END"
                )
            }
            Dialect::Postgres => {
                // Digits past the microsecond are cut, and would be rounded.
                let cut = format!("REGEXP_REPLACE({text}, '([.,][0-9]{{6}})[0-9]+', '\\1')");
                let local = self.instant_of_local(&format!("CAST({cut} AS TIMESTAMP)"))?;
                format!("CASE WHEN {text} ~ '{WITH_OFFSET}' THEN CAST({cut} AS TIMESTAMPTZ) ELSE {local} END")
            }
            Dialect::Spark => self.spark_iso(text)?,
            // Flink reads one form alone, without an offset; which forms BigQuery reads is told of some.
            Dialect::Flink | Dialect::BigQuery => self.layered_iso(text)?,
            Dialect::Polars => text.to_string(),
        })
    }

    /// Spark wants capitals, a point before decimals, and seconds before an offset. Digits past the microsecond it cuts.
    fn spark_iso(&self, text: &str) -> Result<String> {
        let plain = format!("UPPER(REPLACE({text}, ',', '.'))");
        let zoned = format!("CAST(REGEXP_REPLACE({plain}, '^(.{{16}})([Z+-])', '$1:00$2') AS TIMESTAMP)");
        // The session is in UTC, so that what has no offset is a time there.
        if self.zone.name() == "UTC" {
            return Ok(zoned);
        }
        let local = self.instant_of_local(&format!("CAST({plain} AS TIMESTAMP)"))?;
        Ok(format!("CASE WHEN {text} RLIKE '{WITH_OFFSET}' THEN {zoned} ELSE {local} END"))
    }

    fn no_field(&self, field: &str, format: &TimeFormat) -> Error {
        let error = self.cannot(&format!("times of the format `{format}`"));
        error.hint(format!("it has no pattern that means {field}"))
    }

    fn instant_of_format(&self, text: &str, format: &TimeFormat) -> Result<String> {
        if patterns::are_seconds(format) {
            return self.instant_of_decimal(text, TimeUnit::Second);
        }
        let pattern = |pieces: &[FormatPiece]| {
            patterns::of(self.dialect, pieces).map_err(|field| self.no_field(&field, format))
        };
        let variants = patterns::variants(format);
        let quoted = |pattern: &str| words::text(self.dialect, pattern);
        let whole = || Ok::<_, Error>(quoted(&pattern(format.pieces())?));
        let (zoned, fixed) = (format.is_zoned(), format.is_zoned() || format.is_utc());
        // Engines that have the whole texts of decimals fail at those past the microsecond, or round them.
        let cut = match variants.iter().any(|pieces| patterns::has_long_decimals(pieces)) {
            true => format!("REGEXP_REPLACE({text}, '([.,][0-9]{{6}})[0-9]+', '\\1')"),
            false => text.to_string(),
        };
        let local = match self.dialect {
            Dialect::DuckDb => {
                let patterns = variants.iter().map(|pieces| Ok(quoted(&pattern(pieces)?)));
                let read = match patterns.collect::<Result<Vec<String>>>()?.as_slice() {
                    [one] => format!("STRPTIME({cut}, {one})"),
                    all => format!("STRPTIME({cut}, [{}])", all.join(", ")),
                };
                if zoned { format!("({read} AT TIME ZONE 'UTC')") } else { read }
            }
            Dialect::Postgres => self.postgres_format(text, &cut, &variants, format)?,
            Dialect::Spark => format!("TO_TIMESTAMP({text}, {})", whole()?),
            Dialect::Flink => self.flink_format(text, &pattern(format.pieces())?),
            Dialect::BigQuery if fixed => format!("PARSE_TIMESTAMP({}, {text})", whole()?),
            Dialect::BigQuery => format!("PARSE_DATETIME({}, {text})", whole()?),
            Dialect::Polars => text.to_string(),
        };
        Ok(match (self.dialect, fixed) {
            (_, true) => local,
            (Dialect::Postgres, false) => self.instant_of_local(&format!("({local} AT TIME ZONE 'UTC')"))?,
            _ => self.instant_of_local(&local)?,
        })
    }

    /// The instant of a text with an offset; of one without, that of its time in UTC.
    fn postgres_format(
        &self,
        text: &str,
        cut: &str,
        variants: &[Vec<FormatPiece>],
        format: &TimeFormat,
    ) -> Result<String> {
        let read = |pieces: &Vec<FormatPiece>| {
            let pattern =
                patterns::of(self.dialect, pieces).map_err(|field| self.no_field(&field, format))?;
            Ok(match format.is_zoned() {
                true => format!("TO_TIMESTAMP({cut}, {})", words::text(self.dialect, &pattern)),
                // With an offset, so that the zone of the session does not show.
                false => {
                    let pattern = words::text(self.dialect, &(pattern + " TZHTZM"));
                    format!("TO_TIMESTAMP({cut} || ' +0000', {pattern})")
                }
            })
        };
        match variants.iter().map(read).collect::<Result<Vec<String>>>()?.as_slice() {
            [with, without] => {
                // The last point that digits stand after is that of the decimals, if there is one.
                let shape = patterns::shape_with_decimals(format).map_err(|f| self.no_field(&f, format))?;
                Ok(format!("CASE WHEN {} THEN {with} ELSE {without} END", self.is_like(text, &shape)))
            }
            all => Ok(all.concat()),
        }
    }

    /// The instant of a wall clock of the job's zone.
    pub(super) fn instant_of_local(&self, local: &str) -> Result<String> {
        match self.dialect {
            Dialect::Flink | Dialect::BigQuery => self.layered_local(local),
            dialect => Ok(instant_of_local(dialect, self.zone, local)),
        }
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
            (ArrowType::Timestamp(_, Some(zone)), _) if **zone == *INT96 => match self.dialect {
                // It reads them by the clock of its session, or by that of UTC if it is told to.
                Dialect::Flink => return Err(self.cannot("times of Parquet's INT96")),
                _ => sql.to_string(),
            },
            (ArrowType::Timestamp(_, Some(_)), _) => match self.dialect {
                Dialect::DuckDb => format!("(CAST({sql} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"),
                _ => sql.to_string(),
            },
            (ArrowType::Timestamp(..) | ArrowType::Date32 | ArrowType::Date64, _) => match self.dialect {
                Dialect::BigQuery => self.instant_of_local(&format!("CAST({sql} AS DATETIME)"))?,
                _ => self.instant_of_local(&format!("CAST({sql} AS TIMESTAMP)"))?,
            },
            (_, TimeRule::Epoch(TimeUnit::Excel)) => {
                return Err(self.cannot("days as spreadsheets count them"));
            }
            (ty, TimeRule::Epoch(unit)) if ty.is_integer() => {
                let name = words::type_name(self.dialect, DataType::Int64);
                self.instant_of_number(&format!("CAST({sql} AS {name})"), *unit)?
            }
            (ty, TimeRule::Epoch(unit)) if ty.is_numeric() => {
                let name = words::type_name(self.dialect, DataType::String);
                self.instant_of_decimal(&format!("CAST({sql} AS {name})"), *unit)?
            }
            (ty, rule) if ty.is_integer() && rule.is_format() => {
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
pub(super) struct ZoneTransition {
    /// The first instant after it.
    at: i64,
    /// What the clock showed when it was changed, and by how much it was put forward (or back, if negative).
    pub(super) shown: i64,
    pub(super) by: i64,
}

impl ZoneTransition {
    /// Whether it is a gap whose end is not found by the hour: most gaps begin on the hour and last an hour or less.
    fn is_irregular(&self) -> bool {
        self.by > HOUR || self.by > 0 && self.shown % HOUR != 0
    }
}

/// When the clock of `zone` was or will be changed, from 1970 to 2100.
pub(super) fn changes(zone: &Zone) -> impl Iterator<Item = ZoneTransition> {
    let mut clock = zone.clone();
    zone.changes(0, 130 * 366 * DAY).map(move |at| {
        let before = clock.offset(at - 1);
        ZoneTransition { at, shown: at + before, by: clock.offset(at) - before }
    })
}
