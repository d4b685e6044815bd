//! Expressions as Polars computes them, and as the engine does.

mod files;
mod rows;

use super::{bridge, clocks, collect_frame, start};
use crate::batch::{DataType, Schema};
use crate::expr::Expr;
use crate::sql::{Dialect, expr::translate};
use crate::time::Zone;
use arrow_array::{Array, ArrayRef, UInt32Array};
use polars::prelude as pl;
use polars::prelude::IntoLazy;
use polars::sql::SQLContext;
use std::sync::Arc;

/// Rows to compute expressions of.
struct RelationRows {
    schema: Schema,
    columns: Vec<ArrayRef>,
    count: usize,
}

impl RelationRows {
    fn new(schema: Schema, columns: Vec<ArrayRef>) -> RelationRows {
        let count = columns.first().map_or(0, |column| column.len());
        RelationRows { schema, columns, count }
    }

    /// Those in these places.
    fn at(&self, places: &[usize]) -> RelationRows {
        let places = UInt32Array::from_iter_values(places.iter().map(|place| *place as u32));
        let taken = |column: &ArrayRef| arrow_select::take::take(column, &places, None).unwrap();
        RelationRows {
            schema: self.schema.clone(),
            columns: self.columns.iter().map(taken).collect(),
            count: places.len(),
        }
    }
}

/// What Polars makes of the printed `sql`, and its type there. The rows lie in `parts`.
fn by_polars(
    sql: &str,
    rows: &RelationRows,
    parts: usize,
    zone: &str,
) -> Result<(ArrayRef, pl::DataType), String> {
    start().unwrap();
    let registry = Arc::new(clocks::ClockFunctions::of(zone));
    let mut context = SQLContext::new().with_function_registry(registry);
    let frame = rows.schema.fields.iter().zip(&rows.columns);
    let frame = frame.map(|(f, a)| bridge::to_polars(&f.name, f.ty, a, zone));
    let whole = pl::DataFrame::new(rows.count, frame.collect::<pl::PolarsResult<Vec<_>>>().unwrap()).unwrap();
    let size = rows.count.div_ceil(parts).max(1);
    let mut frame = whole.slice(0, size);
    for from in (size..rows.count).step_by(size) {
        frame.vstack_mut(&whole.slice(from as i64, size)).unwrap();
    }
    context.register("source", frame.lazy());
    let first = &rows.schema.fields[0].name;
    let frame =
        collect_frame(&mut context, &format!("SELECT \"{first}\" AS first, {sql} AS value FROM source"))?;
    let value = frame.column("value").unwrap();
    let found = value.dtype().clone();
    let (value, ty) = super::plain(value, "value").map_err(|e| e.to_string())?;
    Ok((bridge::to_arrow(value, ty).map_err(|e| e.to_string())?, found))
}

fn shown(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "NULL".to_string();
    }
    let text = arrow_cast::display::array_value_to_string(array, row).unwrap();
    match array.data_type() {
        // Zeros at the end are no digits of the value.
        arrow_schema::DataType::Decimal128(_, 1..) => {
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        _ => text,
    }
}

/// Whether values of a job's type have the type in Polars: int64s that were narrow would wrap in arithmetic.
fn is_typed(ty: DataType, found: &pl::DataType) -> bool {
    match (ty, found) {
        (DataType::Decimal { scale, .. }, pl::DataType::Decimal(_, digits)) => usize::from(scale) == *digits,
        (DataType::Timestamp, pl::DataType::Datetime(pl::TimeUnit::Microseconds, Some(_))) => true,
        (DataType::Int64, found) => *found == pl::DataType::Int64,
        (DataType::Float64, found) => *found == pl::DataType::Float64,
        (DataType::Bool, found) => *found == pl::DataType::Boolean,
        (DataType::Date, found) => *found == pl::DataType::Date,
        (DataType::String, found) => *found == pl::DataType::String,
        _ => false,
    }
}

/// What came of an expression.
enum Evaluated {
    /// Polars has no words for it.
    Refused(String),
    /// Where Polars and the engine differ.
    Compared(Vec<String>),
}

/// Computes `sql` here and in Polars: of all rows that have a value at once, of a few of them, and of `alone` alone.
fn compared(sql: &str, rows: &RelationRows, alone: &[usize], zone: &Zone) -> Evaluated {
    // What no job can say is no matter here.
    let Ok(expr) = Expr::compile(sql, &rows.schema, zone) else { return Evaluated::Compared(vec![]) };
    let column = |number: usize| format!("\"{}\"", rows.schema.fields[number].name);
    let printed = match translate(Dialect::Polars, &expr, &column) {
        Ok(printed) => printed,
        Err(error) => return Evaluated::Refused(error.message().to_string()),
    };
    let of = |rows: &RelationRows| expr.evaluate(rows.count, |number| &rows.columns[number]);
    let wanted: Vec<Option<String>> = match of(rows) {
        Ok(array) => (0..rows.count).map(|row| Some(shown(&array, row))).collect(),
        Err(_) => {
            (0..rows.count).map(|row| of(&rows.at(&[row])).ok().map(|value| shown(&value, 0))).collect()
        }
    };
    let kept: Vec<usize> = (0..rows.count).filter(|row| wanted[*row].is_some()).collect();
    let mut out = vec![];
    let mut check = |places: &[usize], parts: usize| {
        let said = match by_polars(&printed, &rows.at(places), parts, zone.name()) {
            Ok((found, ty)) if !is_typed(expr.ty(), &ty) => {
                Err(format!("it is of the type {ty} of {}", found.len()))
            }
            Ok((found, _)) if found.len() != places.len() => Err(format!("it has {} rows", found.len())),
            Ok((found, _)) => Ok(found),
            Err(why) => Err(why),
        };
        let of = places.len();
        match said {
            Err(why) => out.push(format!("{sql} in {}, of {of} rows: {why} by {printed}", zone.name())),
            Ok(found) => {
                let differs =
                    |(at, row): &(usize, &usize)| wanted[**row].as_ref() != Some(&shown(&found, *at));
                if let Some((at, row)) = places.iter().enumerate().find(differs) {
                    let (wanted, found) = (wanted[*row].clone().unwrap_or_default(), shown(&found, at));
                    let zone = zone.name();
                    out.push(format!(
                        "{sql} in {zone}, of {of} rows: row {row} is {wanted}, and {found} by {printed}"
                    ));
                }
            }
        }
    };
    check(&kept, 1);
    check(&kept, 3);
    alone.iter().filter(|row| kept.contains(row)).for_each(|row| check(&[*row], 1));
    Evaluated::Compared(out)
}

/// What is said to Polars, and computed there as here.
const SAID: &[&str] = &[
    "n + m",
    "n - m * 2",
    "n * m",
    "-n",
    "n % m",
    "n // m",
    "n / m",
    "n / 3",
    "7 / 2",
    "7 % -2",
    "ABS(n)",
    "SIGN(n)",
    "n & m",
    "n | m",
    "XOR(n, m)",
    "BIT_NOT(n)",
    "d + e",
    "d - n",
    "d * e",
    "d * 0.19",
    "n * d",
    "-d",
    "ABS(d)",
    "SIGN(d)",
    "d / e",
    "d / 3",
    "n / e",
    "e / 7.0",
    "d % e",
    "d // e",
    "d % 0.7",
    "ROUND(d)",
    "ROUND(d, 1)",
    "ROUND(d, 2)",
    "ROUND(-d, 1)",
    "TRUNC(d, 1)",
    "TRUNC(d)",
    "FLOOR(d)",
    "CEIL(d)",
    "ROUND(x)",
    "TRUNC(x)",
    "FLOOR(x)",
    "CEIL(x)",
    "ROUND(n, 2)",
    "x + y",
    "x * y - 1",
    "x / y",
    "x / 3",
    "x % y",
    "SQRT(ABS(x))",
    "x * d",
    "x + n",
    "CAST(x AS BIGINT)",
    "CAST(x AS DECIMAL(18, 2))",
    "CAST(x AS DECIMAL(30, 12))",
    "CAST(d AS BIGINT)",
    "CAST(n AS DOUBLE)",
    "CAST(d AS DOUBLE)",
    "CAST(d AS DECIMAL(20, 1))",
    "CAST(d AS DECIMAL(20, 5))",
    "CAST(n AS DECIMAL(20, 2))",
    "CAST(b AS BIGINT)",
    "CAST(n AS BOOLEAN)",
    "CAST(n AS VARCHAR)",
    "CAST(d AS VARCHAR)",
    "CAST(b AS VARCHAR)",
    "CAST(day AS VARCHAR)",
    "CAST(t AS VARCHAR)",
    "TRY_CAST(s AS BIGINT)",
    "TRY_CAST(s AS DOUBLE)",
    "TRY_CAST(s AS DECIMAL(10, 1))",
    "CAST('7' AS BIGINT) + n",
    "n > m",
    "n >= 3",
    "d > e",
    "d = 2.5",
    "d BETWEEN 0.5 AND 2.445",
    "x < y",
    "x = -0.0",
    "s < u",
    "s = 'abc'",
    "b = (n > 0)",
    "n = d",
    "n < x",
    "d < x",
    "n IN (7, -3, 100)",
    "n IN (7, NULL)",
    "n NOT IN (7, 2)",
    "s IN ('abc', 'x')",
    "n IN (m, 3)",
    "d IN (2.5, -1)",
    "s NOT IN ('abc', NULL)",
    "b AND n > 0",
    "b OR n > 0",
    "NOT b",
    "b IS TRUE",
    "b IS NOT TRUE",
    "b IS FALSE",
    "(n > 0) IS UNKNOWN",
    "n IS NULL",
    "n IS NOT NULL",
    "n IS DISTINCT FROM m",
    "s IS NOT DISTINCT FROM u",
    "CASE WHEN n > 0 THEN 'a' WHEN n < 0 THEN 'b' END",
    "CASE n WHEN 7 THEN 1 WHEN 3 THEN 2 ELSE 0 END * 2000000000",
    "CASE WHEN m <> 0 THEN n / m END",
    "IF(n > 0, d, e)",
    "COALESCE(n, m)",
    "COALESCE(s, u, 'none')",
    "COALESCE(d, 0)",
    "NULLIF(n, 7)",
    "NULLIF(s, 'abc')",
    "GREATEST(n, m)",
    "LEAST(d, e)",
    "GREATEST(s, u)",
    "GREATEST(n, m, 3)",
    "LEAST(t, v)",
    "s || u",
    "s || n",
    "'<' || s || '>'",
    "CONCAT(s, u, n)",
    "CONCAT_WS('-', s, u)",
    "UPPER(s)",
    "LOWER(s)",
    "LENGTH(s)",
    "LENGTH(s) - 5",
    "OCTET_LENGTH(s)",
    "LEFT(s, 2)",
    "LEFT(s, 0)",
    "RIGHT(s, 2)",
    "RIGHT(s, 9)",
    "SUBSTRING(s, 2)",
    "SUBSTRING(s, 2, 2)",
    "SUBSTRING(s, 0, 2)",
    "SUBSTRING(s, -1)",
    "TRIM(s)",
    "LTRIM(s)",
    "RTRIM(s)",
    "TRIM(BOTH 'ac' FROM s)",
    "REPLACE(s, 'b', 'X')",
    "REPLACE(s, ',', u)",
    "SPLIT_PART(s, ',', 1)",
    "SPLIT_PART(s, ',', 2)",
    "SPLIT_PART(s, ',', 9)",
    "STARTS_WITH(s, u)",
    "ENDS_WITH(s, u)",
    "CONTAINS(s, '.')",
    "STRPOS(s, 'b')",
    "STRPOS(s, '€')",
    "STRPOS(s, '')",
    "POSITION('c' IN s)",
    "s LIKE 'a%'",
    "s LIKE '%b_c'",
    r"s LIKE 'a\_b%'",
    "s LIKE 'a!_b!%%' ESCAPE '!'",
    "s NOT LIKE '%x%'",
    "s ILIKE 'AB_'",
    "s LIKE '%'",
    "s ~ '^[a-c]+$'",
    "s ~* '^AB'",
    "s !~ 'a'",
    "REGEXP_LIKE(s, 'B', 'i')",
    "EXTRACT(year FROM t)",
    "EXTRACT(month FROM t) * 100",
    "EXTRACT(day FROM t)",
    "EXTRACT(hour FROM t)",
    "EXTRACT(minute FROM t)",
    "EXTRACT(second FROM t)",
    "EXTRACT(milliseconds FROM t)",
    "EXTRACT(microseconds FROM t)",
    "EXTRACT(epoch FROM t)",
    "EXTRACT(dow FROM t)",
    "EXTRACT(isodow FROM t)",
    "EXTRACT(doy FROM t)",
    "EXTRACT(week FROM t)",
    "EXTRACT(isoyear FROM t)",
    "EXTRACT(quarter FROM t)",
    "EXTRACT(year FROM day)",
    "EXTRACT(week FROM day)",
    "EXTRACT(epoch FROM t - v)",
    "EXTRACT(hour FROM t AT TIME ZONE 'Europe/Berlin')",
    "EXTRACT(decade FROM t)",
    "EXTRACT(century FROM t)",
    "CAST(t AS DATE)",
    "CAST(day AS TIMESTAMP)",
    "t < DATE '2024-03-10'",
    "t >= '2024-03-10 02:00'",
    "t = TIMESTAMP '2024-03-01 00:30:00'",
    "t > '2024-02-29T17:00:00Z'",
    "t < day",
    "t < v",
    "t BETWEEN '2024-01-01' AND '2025-01-01'",
    "day >= DATE '2024-02-29'",
    "day + 1",
    "day - 30",
    "day - DATE '2024-01-01'",
    "t + INTERVAL '1 hour'",
    "t - INTERVAL '1 day 30 minutes'",
    "t + INTERVAL '1 month'",
    "day + INTERVAL '1 day'",
    "EXTRACT(day FROM t + INTERVAL '1 day')",
    "DATE_TRUNC('hour', t)",
    "DATE_TRUNC('minute', t)",
    "DATE_TRUNC('day', t)",
    "DATE_TRUNC('week', t)",
    "DATE_TRUNC('month', t)",
    "DATE_TRUNC('year', t)",
    "DATE_TRUNC('month', day)",
    "DATE_DIFF('day', t, v)",
    "DATE_DIFF('hour', t, v)",
    "DATE_DIFF('month', t, v)",
    "DATE_DIFF('year', t, v)",
    "DATE_DIFF('week', t, v)",
    "DATE_SUB('hour', t, v)",
    "DATE_PART('hour', t)",
    "YEAR(t)",
    "EPOCH_MS(t)",
    "EPOCH_US(t)",
    "STRFTIME(t, '%Y-%m-%d %H:%M:%S')",
    "STRFTIME(day, '%d.%m.%y')",
    "STRFTIME(t, '%H:%M:%S.%f')",
    "TO_CHAR(t, 'YYYY-MM-DD HH24:MI')",
    "STRFTIME(t, '%G-%V %j %a %b')",
    "STRFTIME(t, '%Y %z')",
    "STRPTIME('2024-03-10 02:30', '%Y-%m-%d %H:%M')",
    "TO_TIMESTAMP(n)",
    "FROM_EPOCH_MS(n)",
    "CASE WHEN n > 0 THEN t ELSE v END",
    "COALESCE(t, '2020-01-01')",
    "CASE WHEN n > 0 THEN CAST('2020-01-01' AS DATE) ELSE day END",
    "t IN ('2024-03-01 00:30:00', NULL)",
    "NULL",
    "n + NULL",
    "1.5",
    "'a'",
    "TRUE",
    "1e3 * n",
    "ROUND(x, 2)",
    "ROUND(x / 3, 3)",
    "ROUND(n / 8, 2)",
    "ROUND((n * 2 + 1) / 200, 2)",
    "ROUND((n + 0.005) * 1e0, 2)",
    "STRPOS(s, '.')",
    "STRPOS(s, u)",
    "CONTAINS(s, u)",
    "STRPOS('abc', u)",
    "DATE_SUB('month', t, v)",
    "DATE_SUB('year', day, t)",
    "DATE_SUB('day', t, v)",
    "DATE_DIFF('decade', t, v)",
    "DATE_TRUNC('quarter', t)",
    "DATE_TRUNC('century', t)",
    "LAST_DAY(day)",
    "MAKE_DATE(2000 + m, 2, 28)",
    "t + INTERVAL '1 hour' * n",
    "t + (n * INTERVAL '1 day' - INTERVAL '1 second')",
    "n << 3",
    "n >> 1",
    "REPEAT(s, 3)",
    "LPAD(s, 4, '*')",
    "RPAD(s, 2)",
    "TRANSLATE(s, 'abc', 'xy')",
    "TRY_CAST(s || '0.49999999999999999999' AS DECIMAL(18, 0))",
    "TRY_CAST('1.2.' || n AS DECIMAL(18, 1))",
    "(CAST(d AS DECIMAL(38, 3)) * 1) % e",
    "(CAST(d AS DECIMAL(38, 3)) * 1) // e",
    "t AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Tokyo'",
    "to_date('29.02.2024', 'DD.MM.YYYY')",
];

const ZONES: [&str; 4] = ["UTC", "Asia/Jakarta", "America/New_York", "Australia/Lord_Howe"];

#[test]
fn polars_computes_what_the_engine_computes() {
    let (schema, columns) = rows::rows();
    let rows = RelationRows::new(schema, columns);
    let all: Vec<usize> = (0..rows.count).collect();
    let mut wrong = vec![];
    for zone in ZONES {
        let zone = Zone::named(zone).unwrap();
        for sql in SAID {
            match compared(sql, &rows, &all, &zone) {
                Evaluated::Compared(found) => wrong.extend(found.into_iter().take(2)),
                Evaluated::Refused(why) => wrong.push(format!("{sql}: {why}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
