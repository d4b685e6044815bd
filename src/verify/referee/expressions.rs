//! Expressions as Polars computes them, and as the engine does.

use super::{bridge, clocks, collect_frame, guarded};
use crate::batch::{DataType, Field, Schema};
use crate::expr::Expr;
use crate::sql::{Dialect, expr::translate};
use crate::time::Zone;
use arrow_array::builder::StringViewBuilder;
use arrow_array::*;
use polars::prelude as pl;
use polars::prelude::IntoLazy;
use polars::sql::SQLContext;
use std::sync::Arc;

/// Rows at the edges of what columns hold.
fn rows() -> (Schema, Vec<ArrayRef>) {
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    let fields = [
        ("n", DataType::Int64),
        ("m", DataType::Int64),
        ("d", decimal(18, 3)),
        ("e", decimal(10, 2)),
        ("x", DataType::Float64),
        ("y", DataType::Float64),
        ("s", DataType::String),
        ("u", DataType::String),
        ("t", DataType::Timestamp),
        ("v", DataType::Timestamp),
        ("day", DataType::Date),
        ("b", DataType::Bool),
    ];
    let schema = Schema::new(fields.iter().map(|(name, ty)| Field::new(*name, *ty)).collect());
    let decimals = |values: [Option<i128>; 12], precision, scale| -> ArrayRef {
        Arc::new(Decimal128Array::from(values.to_vec()).with_precision_and_scale(precision, scale).unwrap())
    };
    let texts = |values: [Option<&str>; 12]| -> ArrayRef {
        let mut builder = StringViewBuilder::new();
        values.iter().for_each(|value| builder.append_option(*value));
        Arc::new(builder.finish())
    };
    let at = |text: &str| Some(text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_micros());
    let times = |values: [Option<i64>; 12]| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values.to_vec()).with_timezone("UTC"))
    };
    let t = [
        at("2024-02-29T17:30:00Z"),
        at("1900-01-01T00:00:00Z"),
        at("2199-12-31T23:59:59.999999Z"),
        at("2024-03-10T06:59:59Z"),
        at("2024-03-10T07:00:00Z"),
        at("2024-11-03T05:30:00Z"),
        at("2024-11-03T06:30:00Z"),
        at("2024-04-06T15:00:00Z"),
        at("1969-12-31T23:59:59.5Z"),
        None,
        at("2024-10-06T16:20:00Z"),
        at("2020-01-01T00:00:00.000001Z"),
    ];
    let mut v = t;
    v.rotate_left(5);
    let days = [
        Some(19_782),
        Some(-25_567),
        Some(84_005),
        Some(0),
        Some(-1),
        None,
        Some(19_800),
        Some(20_000),
        Some(19_792),
        Some(16_000),
        Some(11_016),
        Some(59),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![
            Some(7),
            Some(-7),
            Some(0),
            None,
            Some(3),
            Some(-3),
            Some(1_000_000),
            Some(2),
            Some(-1),
            Some(100),
            Some(5),
            Some(6),
        ])),
        Arc::new(Int64Array::from(vec![
            Some(2),
            Some(2),
            Some(-3),
            Some(1),
            Some(-2),
            Some(-2),
            Some(7),
            None,
            Some(9),
            Some(-100),
            Some(5),
            Some(4),
        ])),
        decimals(
            [
                Some(2_500),
                Some(-2_500),
                Some(1_500),
                Some(500),
                Some(-1),
                None,
                Some(0),
                Some(999_999_999_999),
                Some(-999_500),
                Some(2_445),
                Some(2_455),
                Some(7),
            ],
            18,
            3,
        ),
        decimals(
            [
                Some(25),
                Some(-25),
                Some(300),
                Some(100),
                Some(7),
                Some(-7),
                None,
                Some(100_000),
                Some(200),
                Some(15),
                Some(-400),
                Some(3),
            ],
            10,
            2,
        ),
        Arc::new(Float64Array::from(vec![
            Some(2.5),
            Some(-2.5),
            Some(3.5),
            Some(0.1),
            None,
            Some(-0.0),
            Some(1e15),
            Some(1.5),
            Some(-7.25),
            Some(0.5),
            Some(1e-7),
            Some(100.0),
        ])),
        Arc::new(Float64Array::from(vec![
            Some(2.0),
            Some(3.0),
            Some(-2.0),
            Some(0.3),
            Some(1.0),
            Some(4.0),
            Some(7.0),
            None,
            Some(2.0),
            Some(0.25),
            Some(1e-7),
            Some(3.0),
        ])),
        texts([
            Some(""),
            Some("abc"),
            Some("Äö ß€"),
            Some("a_b%c"),
            Some("  x "),
            None,
            Some("12"),
            Some("a,b,,c"),
            Some("line\nbreak"),
            Some("-3.5"),
            Some("Ünï"),
            Some("ABC"),
        ]),
        texts([
            Some("a"),
            Some("abc"),
            Some("€"),
            Some("_"),
            None,
            Some("x"),
            Some("2"),
            Some(","),
            Some("\n"),
            Some("."),
            Some(""),
            Some("C"),
        ]),
        times(t),
        times(v),
        Arc::new(Date32Array::from(days.to_vec())),
        Arc::new(BooleanArray::from(vec![
            Some(true),
            Some(false),
            None,
            Some(true),
            Some(false),
            None,
            Some(true),
            Some(false),
            None,
            Some(true),
            Some(true),
            Some(false),
        ])),
    ];
    (schema, columns)
}

/// What Polars makes of the printed `sql` over `columns`.
fn by_polars(
    sql: &str,
    schema: &Schema,
    columns: &[ArrayRef],
    rows: usize,
    zone: &str,
) -> Result<ArrayRef, String> {
    guarded::start().unwrap();
    let registry = Arc::new(clocks::Clocks::of(zone));
    let mut context = SQLContext::new().with_function_registry(registry);
    let frame = schema.fields.iter().zip(columns).map(|(f, a)| bridge::to_polars(&f.name, f.ty, a, zone));
    let frame = pl::DataFrame::new(rows, frame.collect::<pl::PolarsResult<Vec<_>>>().unwrap()).unwrap();
    context.register("source", frame.lazy());
    let frame = collect_frame(&mut context, &format!("SELECT n, {sql} AS value FROM source"))?;
    let value = frame.column("value").unwrap();
    let (value, ty) = super::plain(value, "value").map_err(|e| e.to_string())?;
    bridge::to_arrow(value, ty).map_err(|e| e.to_string())
}

fn shown(array: &ArrayRef, row: usize) -> String {
    let number = |array: &ArrayRef| arrow_cast::cast(array, &arrow_schema::DataType::Decimal128(38, 9));
    if array.is_null(row) {
        return "NULL".to_string();
    }
    match array.data_type() {
        arrow_schema::DataType::Int64 | arrow_schema::DataType::Decimal128(..) => {
            let wide = number(array).unwrap_or_else(|_| array.clone());
            arrow_cast::display::array_value_to_string(&wide, row).unwrap()
        }
        _ => arrow_cast::display::array_value_to_string(array, row).unwrap(),
    }
}

/// Where Polars and the engine differ for `sql`; an error where Polars has no words.
fn differences(sql: &str, zone: &Zone) -> Result<Vec<String>, String> {
    let (schema, columns) = rows();
    let expr = Expr::compile(sql, &schema, zone).map_err(|e| e.to_string())?;
    let column = |number: usize| format!("\"{}\"", schema.fields[number].name);
    let printed = translate(Dialect::Polars, &expr, &column).map_err(|e| e.to_string())?;
    let mut out = vec![];
    let all = columns[0].len();
    let wanted: Vec<Option<String>> = (0..all)
        .map(|row| {
            let one: Vec<ArrayRef> = columns.iter().map(|column| column.slice(row, 1)).collect();
            expr.evaluate(1, |number| &one[number]).ok().map(|value| shown(&value, 0))
        })
        .collect();
    // All rows that have a value at once, and each alone.
    let kept: Vec<u32> = (0..all as u32).filter(|row| wanted[*row as usize].is_some()).collect();
    let places = UInt32Array::from(kept.clone());
    let some: Vec<ArrayRef> =
        columns.iter().map(|c| arrow_select::take::take(c, &places, None).unwrap()).collect();
    let together = by_polars(&printed, &schema, &some, kept.len(), zone.name())
        .map_err(|e| format!("{sql}: {printed}: {e}"))?;
    for (place, row) in kept.iter().enumerate() {
        let wanted = wanted[*row as usize].clone().unwrap();
        let found = shown(&together, place);
        if found != wanted {
            out.push(format!("{sql} in {}: row {row} is {wanted}, and {found} by {printed}", zone.name()));
        }
        let one: Vec<ArrayRef> = columns.iter().map(|column| column.slice(*row as usize, 1)).collect();
        let found = shown(&by_polars(&printed, &schema, &one, 1, zone.name())?, 0);
        if found != wanted {
            out.push(format!(
                "{sql} in {}: row {row} alone is {wanted}, and {found} by {printed}",
                zone.name()
            ));
        }
    }
    Ok(out)
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
    "t AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Tokyo'",
    "to_date('29.02.2024', 'DD.MM.YYYY')",
];

#[test]
fn polars_computes_what_the_engine_computes() {
    let mut wrong = vec![];
    for zone in ["UTC", "Asia/Jakarta", "America/New_York", "Australia/Lord_Howe"] {
        let zone = Zone::named(zone).unwrap();
        for sql in SAID {
            match differences(sql, &zone) {
                Ok(found) => wrong.extend(found.into_iter().take(2)),
                Err(error) => wrong.push(format!("{sql}: {error}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
