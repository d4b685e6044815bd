use super::*;
use crate::batch::{Field, Schema};

/// A column of each type.
fn columns() -> Schema {
    Schema::new(vec![
        Field::new("i", DataType::Int64),
        Field::new("j", DataType::Int64),
        Field::new("d", DataType::Decimal { precision: 18, scale: 2 }),
        Field::new("e", DataType::Decimal { precision: 10, scale: 3 }),
        Field::new("f", DataType::Float64),
        Field::new("s", DataType::String),
        Field::new("u.x", DataType::String),
        Field::new("b", DataType::Bool),
        Field::new("day", DataType::Date),
        Field::new("t", DataType::Timestamp),
    ])
}

fn in_dialect(dialect: Dialect, sql: &str) -> Result<String> {
    let (columns, zone) = (columns(), Zone::named("Asia/Jakarta").unwrap());
    let expr = Expr::compile(sql, &columns, &zone)?;
    translate(dialect, &expr, &|number| words::ident(dialect, &columns.fields[number].name))
}

fn is(dialect: Dialect, sql: &str, want: &str) {
    let got = in_dialect(dialect, sql).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(got, want, "{sql} in {}", dialect.name());
}

fn refused(dialect: Dialect, sql: &str) {
    let error = in_dialect(dialect, sql).expect_err(sql).to_string();
    assert!(error.contains(&format!("cannot be said in the SQL of {}", dialect.name())), "{error}");
    assert!(error.contains(sql), "{error}");
}

#[test]
fn the_dialect_of_polars_is_that_of_jobs_made_exact() {
    is(
        Dialect::Polars,
        "d * 0.19",
        "CAST((\"d\") AS DECIMAL(38,4)) * CAST((CAST('0.19' AS DECIMAL(38,2))) AS DECIMAL(38,4))",
    );
    is(Dialect::Polars, "i / 2", "\"i\" / CASE WHEN (\"i\") IS NULL THEN NULL ELSE 2 END");
    is(Dialect::Polars, "EXTRACT(month FROM t) * 100", "CAST(EXTRACT(MONTH FROM \"t\") AS BIGINT) * 100");
    is(Dialect::Polars, "UPPER(u.x)", "UPPER(\"u.x\")");
}

#[test]
fn columns_may_stand_for_any_sql() {
    let zone = Zone::utc();
    let expr = Expr::compile("i > j", &columns(), &zone).unwrap();
    let column = |number: usize| format!("g.\"{}\"", columns().fields[number].name);
    for dialect in [Dialect::Polars, Dialect::DuckDb] {
        let sql = translate(dialect, &expr, &column).unwrap();
        assert_eq!(sql, "g.\"i\" > g.\"j\"");
    }
}

#[test]
fn numbers_keep_the_semantics_of_jobs() {
    use Dialect::{BigQuery, DuckDb, Postgres, Spark};
    is(DuckDb, "d * 0.19", "\"d\" * 0.19");
    is(BigQuery, "d * 0.19", "`d` * (NUMERIC '0.19')");
    is(Postgres, "i * 0.5", "\"i\" * CAST('0.5' AS DOUBLE PRECISION)");
    is(DuckDb, "i * 0.5", "\"i\" * 0.5E0");
    is(Postgres, "i / 2", "CAST(\"i\" AS DOUBLE PRECISION) / CAST(2 AS DOUBLE PRECISION)");
    is(DuckDb, "i % 3", "MOD(MOD(\"i\", 3) + 3, 3)");
    is(Spark, "i % 3", "PMOD(`i`, 3)");
    is(Postgres, "i // 3", "((\"i\" - MOD(MOD(\"i\", 3) + 3, 3)) / 3)");
    is(Spark, "CAST(e AS DECIMAL(10,2))", "CAST(BROUND(`e`, 2) AS DECIMAL(10, 2))");
    is(DuckDb, "CAST(f AS BIGINT)", "CAST(TRUNC(\"f\") AS BIGINT)");
    is(DuckDb, "2000000000 * 2", "CAST(2000000000 AS BIGINT) * 2");
    is(DuckDb, "i - (j - 1)", "\"i\" - (\"j\" - 1)");
    for dialect in [Spark, Dialect::Flink, BigQuery] {
        refused(dialect, "d / e");
    }
    refused(DuckDb, "LN(f)");
    refused(DuckDb, "ROUND(f, 1)");
    refused(DuckDb, "CAST(f AS VARCHAR)");
    refused(Spark, "i // j");
}

#[test]
fn halves_go_to_the_even_digit() {
    let sql = in_dialect(Dialect::DuckDb, "ROUND(e, 2)").unwrap();
    assert_eq!(
        sql,
        "(CAST(((CAST(\"e\" * 1000 AS HUGEINT) // 10) + CASE WHEN 2 * ABS(CAST(\"e\" * 1000 AS HUGEINT) % 10) > 10 OR \
         (2 * ABS(CAST(\"e\" * 1000 AS HUGEINT) % 10) = 10 AND (CAST(\"e\" * 1000 AS HUGEINT) // 10) % 2 <> 0) THEN \
         SIGN(CAST(\"e\" * 1000 AS HUGEINT)) ELSE 0 END) AS DECIMAL(38, 0)) * 0.01)"
    );
}

#[test]
fn the_wall_clock_is_that_of_the_job() {
    use Dialect::{BigQuery, DuckDb, Postgres, Spark};
    is(
        DuckDb,
        "EXTRACT(hour FROM t)",
        "EXTRACT(HOUR FROM ((\"t\" AT TIME ZONE 'UTC') AT TIME ZONE 'Asia/Jakarta'))",
    );
    is(
        Postgres,
        "DATE_PART('hour', t)",
        "CAST(EXTRACT(HOUR FROM (\"t\" AT TIME ZONE 'Asia/Jakarta')) AS BIGINT)",
    );
    is(BigQuery, "EXTRACT(dow FROM t)", "(EXTRACT(DAYOFWEEK FROM DATETIME(`t`, 'Asia/Jakarta')) - 1)");
    is(Spark, "EXTRACT(isodow FROM day)", "EXTRACT(DAYOFWEEK_ISO FROM `day`)");
    is(
        Postgres,
        "STRFTIME(t, '%d %b at %H')",
        "TO_CHAR((\"t\" AT TIME ZONE 'Asia/Jakarta'), 'DD Mon\" at \"HH24')",
    );
    is(Spark, "STRFTIME(day, '%Y-%m of')", "DATE_FORMAT(CAST(`day` AS TIMESTAMP), 'yyyy-MM\\' of\\'')");
    // A cast makes it a time that shows UTC, and a day of UTC.
    is(DuckDb, "EXTRACT(hour FROM CAST(t AS TIMESTAMP))", "EXTRACT(HOUR FROM \"t\")");
    is(
        Postgres,
        "CAST(t AS DATE) >= '2024-02-29'",
        "CAST(\"t\" AT TIME ZONE 'UTC' AS DATE) >= DATE '2024-02-29'",
    );
    is(
        Postgres,
        "CAST(t AS TIMESTAMP) > '2024-02-29 17:30:00'",
        "\"t\" > TIMESTAMPTZ '2024-02-29 17:30:00+00'",
    );
    is(DuckDb, "t + INTERVAL '90 minutes'", "\"t\" + INTERVAL '90 minutes'");
    refused(DuckDb, "t + INTERVAL '1 day'");
    refused(DuckDb, "EXTRACT(epoch FROM t)");
    refused(Dialect::Flink, "EXTRACT(week FROM t)");
}

#[test]
fn texts_keep_the_semantics_of_jobs() {
    use Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};
    is(DuckDb, "CONCAT(s, i)", "CONCAT(\"s\", CAST(\"i\" AS VARCHAR))");
    is(BigQuery, "CONCAT(s, i)", "CONCAT(COALESCE(`s`, ''), COALESCE(CAST(`i` AS STRING), ''))");
    is(Spark, "CONCAT(s, i)", "CONCAT_WS('', `s`, CAST(`i` AS STRING))");
    is(Postgres, "s LIKE 'a\\%'", "\"s\" LIKE 'a\\\\%'");
    is(Flink, "s NOT LIKE 'a%'", "`s` NOT LIKE 'a%'");
    is(Spark, "s ~ 'a.b$'", "(`s` RLIKE 'a[^\\n]b\\\\z')");
    is(DuckDb, "s !~* '^a'", "NOT REGEXP_MATCHES(\"s\", '(?i)^a')");
    is(DuckDb, "SUBSTR(s, 0, 3)", "SUBSTR(\"s\", 1, 2)");
    is(Postgres, "UPPER(s)", "(UPPER(\"s\" COLLATE \"und-x-icu\") COLLATE \"C\")");
    is(DuckDb, "STARTS_WITH(s, 'a')", "STARTS_WITH(\"s\", 'a')");
    is(Flink, "GREATEST(i, j)", "GREATEST(COALESCE(`i`, `j`), COALESCE(`j`, `i`))");
    refused(DuckDb, "s ~ '\\d'");
    refused(Flink, "s ~ 'a'");
    refused(Postgres, "SPLIT_PART(s, ',', -1)");
}

#[test]
fn conditions_are_read_as_jobs_read_them() {
    use Dialect::{DuckDb, Spark};
    is(DuckDb, "i = 3 OR s = '' AND b", "\"i\" = 3 OR (\"s\" = '' AND \"b\")");
    is(DuckDb, "(i = 3 OR s = '') AND NOT b", "(\"i\" = 3 OR \"s\" = '') AND (NOT \"b\")");
    is(
        DuckDb,
        "i = 1 AND j = 2 AND d IN (1.5, -2.5)",
        "\"i\" = 1 AND \"j\" = 2 AND \"d\" IN (1.5, (-2.5E0))",
    );
    is(DuckDb, "b IS NOT TRUE", "NOT \"b\"");
    is(Spark, "i IS DISTINCT FROM j", "NOT (`i` <=> `j`)");
    is(DuckDb, "IF(b, i, j)", "CASE WHEN \"b\" THEN \"i\" ELSE \"j\" END");
    refused(DuckDb, "t > day");
}

#[test]
fn what_is_no_expression_is_no_sql() {
    let error = in_dialect(Dialect::DuckDb, "ii > 3").unwrap_err().to_string();
    assert!(error.contains("unknown column `ii`") && error.contains("did you mean `i`?"), "{error}");
    let error = in_dialect(Dialect::DuckDb, "UPPER(s").unwrap_err().to_string();
    assert!(error.starts_with("error: wrong expression `UPPER(s`"), "{error}");
}
