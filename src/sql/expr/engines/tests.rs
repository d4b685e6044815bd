use crate::batch::{DataType, Field, Schema};
use crate::error::Result;
use crate::expr::Expr;
use crate::sql::expr::translate;
use crate::sql::{Dialect, words};
use crate::time::Zone;

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
    assert!(error.contains(&format!("cannot be expressed in the SQL of {}", dialect.name())), "{error}");
    assert!(error.contains(sql), "{error}");
}

#[test]
fn columns_may_stand_for_any_sql() {
    let zone = Zone::utc();
    let expr = Expr::compile("i > j", &columns(), &zone).unwrap();
    let column = |number: usize| format!("g.\"{}\"", columns().fields[number].name);
    for dialect in [Dialect::Postgres, Dialect::DuckDb] {
        let sql = translate(dialect, &expr, &column).unwrap();
        assert_eq!(sql, "g.\"i\" > g.\"j\"");
    }
}

#[test]
fn numbers_keep_the_meaning_of_jobs() {
    use Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};
    is(DuckDb, "d * 0.19", "CAST(\"d\" AS DECIMAL(38, 2)) * 0.19");
    is(DuckDb, "e + 0.5", "\"e\" + 0.5");
    is(Postgres, "i / j", "CAST(\"i\" AS DOUBLE PRECISION) / NULLIF(CAST(\"j\" AS DOUBLE PRECISION), 0)");
    is(DuckDb, "i % 0", "CAST(NULL AS BIGINT)");
    is(BigQuery, "d * 0.19", "`d` * (NUMERIC '0.19')");
    is(Postgres, "i * 0.5", "\"i\" * 0.5");
    is(Postgres, "f * 0.5", "\"f\" * CAST('0.5' AS DOUBLE PRECISION)");
    is(DuckDb, "f * 5e-1", "\"f\" * 0.5E0");
    is(Postgres, "i / 2", "CAST(\"i\" AS DOUBLE PRECISION) / CAST('2.0' AS DOUBLE PRECISION)");
    is(DuckDb, "i % 3", "\"i\" % 3");
    is(BigQuery, "i % 3", "MOD(`i`, 3)");
    is(Flink, "i % 3", "MOD(`i`, CAST(3 AS BIGINT))");
    is(Postgres, "i // 3", "\"i\" / 3");
    is(Spark, "i // j", "`i` DIV NULLIF(`j`, 0)");
    is(DuckDb, "2000000000 * 2", "CAST(2000000000 AS BIGINT) * 2");
    is(DuckDb, "5", "CAST(5 AS BIGINT)");
    is(DuckDb, "i - (j - 1)", "\"i\" - (\"j\" - 1)");
    is(DuckDb, "i - -1", "\"i\" - (-1)");
    is(DuckDb, "-9223372036854775808", "(-9223372036854775807 - 1)");
    is(
        DuckDb,
        "d // 3",
        "CAST(CAST(CAST(\"d\" AS DECIMAL(38, 2)) * 100 AS HUGEINT) // NULLIF((CAST(3 AS HUGEINT) * 100), 0) AS DECIMAL(38, 0))",
    );
    // Spark would keep six digits of thirty-nine.
    refused(Spark, "CAST(d AS DECIMAL(38, 20)) * e");
    for dialect in [Spark, Flink] {
        refused(dialect, "d / e");
    }
    refused(DuckDb, "LN(f)");
    refused(DuckDb, "ROUND(f, 1)");
    refused(DuckDb, "CAST(f AS VARCHAR)");
    refused(Postgres, "f % 2e0");
    refused(DuckDb, "i << 3");
    refused(BigQuery, "i >> 3");
}

#[test]
fn halves_go_away_from_zero_but_of_floats() {
    use Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};
    is(DuckDb, "ROUND(e, 2)", "CAST(ROUND(\"e\", 2) AS DECIMAL(10, 2))");
    is(Spark, "CAST(e AS DECIMAL(10,2))", "CAST(`e` AS DECIMAL(10, 2))");
    is(Spark, "CAST(e AS BIGINT)", "CAST(ROUND(`e`, 0) AS BIGINT)");
    is(DuckDb, "CAST(e AS BIGINT)", "CAST(\"e\" AS BIGINT)");
    is(Postgres, "CAST(f AS BIGINT)", "CAST(\"f\" AS BIGINT)");
    is(Spark, "CAST(f AS BIGINT)", "CAST(BROUND(`f`, 0) AS BIGINT)");
    is(
        BigQuery,
        "ROUND(f)",
        "CASE WHEN ABS(`f` - TRUNC(`f`)) = 0.5 THEN 2 * ROUND(`f` / 2) ELSE ROUND(`f`) END",
    );
    refused(Flink, "CAST(f AS BIGINT)");
    is(Postgres, "d / e", "ROUND(DIV(\"d\" * 2000000, NULLIF(\"e\", 0)) * 0.0000005, 6)");
    is(BigQuery, "d / e", "ROUND(CAST(`d` AS BIGNUMERIC) / NULLIF(`e`, 0), 6)");
    is(
        DuckDb,
        "d / e",
        "CAST(CAST(CAST(CAST(\"d\" AS DECIMAL(38, 2)) * 100 AS HUGEINT) * 20000000 // \
         NULLIF(CAST(CAST(\"e\" AS DECIMAL(38, 3)) * 1000 AS HUGEINT), 0) AS DECIMAL(38, 0)) * 0.0000005 AS DECIMAL(38, 6))",
    );
}

#[test]
fn the_wall_clock_is_that_of_the_job() {
    use Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};
    let local = "((\"t\" AT TIME ZONE 'UTC') AT TIME ZONE 'Asia/Jakarta')";
    is(DuckDb, "EXTRACT(hour FROM t)", &format!("EXTRACT(HOUR FROM {local})"));
    is(
        Postgres,
        "DATE_PART('hour', t)",
        "CAST(EXTRACT(HOUR FROM (\"t\" AT TIME ZONE 'Asia/Jakarta')) AS BIGINT)",
    );
    is(BigQuery, "EXTRACT(dow FROM t)", "(EXTRACT(DAYOFWEEK FROM DATETIME(`t`, 'Asia/Jakarta')) - 1)");
    is(Spark, "EXTRACT(isodow FROM day)", "CAST(EXTRACT(DAYOFWEEK_ISO FROM `day`) AS BIGINT)");
    is(
        Postgres,
        "STRFTIME(t, '%d %b at %H')",
        "TO_CHAR((\"t\" AT TIME ZONE 'Asia/Jakarta'), 'DD Mon \"at\" HH24')",
    );
    is(Spark, "STRFTIME(day, '%Y-%m of')", "DATE_FORMAT(CAST(`day` AS TIMESTAMP), 'yyyy-MM \\'of\\'')");
    is(DuckDb, "EXTRACT(hour FROM CAST(t AS TIMESTAMP))", &format!("EXTRACT(HOUR FROM {local})"));
    is(
        Postgres,
        "CAST(t AS DATE) >= '2024-02-29'",
        "CAST((\"t\" AT TIME ZONE 'Asia/Jakarta') AS DATE) >= DATE '2024-02-29'",
    );
    is(
        Postgres,
        "CAST(t AS TIMESTAMP) > '2024-02-29 17:30:00'",
        "\"t\" > TIMESTAMPTZ '2024-02-29 10:30:00+00'",
    );
    is(DuckDb, "t < DATE '2024-02-29'", "\"t\" < TIMESTAMP '2024-02-28 17:00:00'");
    is(DuckDb, "t + INTERVAL '90 minutes'", "\"t\" + INTERVAL '90 minutes'");
    is(DuckDb, "t - INTERVAL '90 minutes'", "\"t\" - INTERVAL '90 minutes'");
    is(Spark, "t + INTERVAL '1 hour' * i", "TIMESTAMP_MICROS(UNIX_MICROS(`t`) + (`i` * 3600000000))");
    is(
        BigQuery,
        "t - INTERVAL '1 month'",
        "TIMESTAMP(DATETIME_ADD(DATETIME(`t`, 'Asia/Jakarta'), INTERVAL -1 MONTH), 'Asia/Jakarta')",
    );
    is(
        Spark,
        "DATE_TRUNC('month', t)",
        "TO_UTC_TIMESTAMP(DATE_TRUNC('MONTH', FROM_UTC_TIMESTAMP(`t`, 'Asia/Jakarta')), 'Asia/Jakarta')",
    );
    is(
        DuckDb,
        "EXTRACT(epoch FROM t)",
        "CAST(CAST(EPOCH_US(\"t\") AS DECIMAL(20, 0)) * 0.000001 AS DECIMAL(20, 6))",
    );
    refused(Flink, "t + INTERVAL '1 day'");
    refused(Flink, "EXTRACT(week FROM t)");
    refused(Flink, "STRFTIME(t, '%b')");
    let shown = "CAST(CONVERT_TZ(DATE_FORMAT(`t`, 'yyyy-MM-dd HH:mm:ss'), 'UTC', 'Asia/Jakarta') || DATE_FORMAT(`t`, '.SSSSSS') AS TIMESTAMP(6))";
    is(Flink, "EXTRACT(hour FROM t)", &format!("CAST(DATE_FORMAT({shown}, 'HH') AS BIGINT)"));
    is(Flink, "CAST(t AS DATE)", &format!("CAST(DATE_FORMAT({shown}, 'yyyy-MM-dd') AS DATE)"));
    is(Flink, "t < '2024-02-29 17:30:00.000001'", "`t` < TIMESTAMP '2024-02-29 10:30:00.000001'");
    refused(Spark, "CAST(t AS VARCHAR)");
}

#[test]
fn texts_keep_the_meaning_of_jobs() {
    use Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};
    is(DuckDb, "CONCAT(s, i)", "CONCAT(\"s\", CAST(\"i\" AS VARCHAR))");
    is(BigQuery, "CONCAT(s, i)", "CONCAT(COALESCE(`s`, ''), COALESCE(CAST(`i` AS STRING), ''))");
    is(Spark, "CONCAT(s, i)", "CONCAT_WS('', `s`, CAST(`i` AS STRING))");
    is(DuckDb, "s || i", "\"s\" || CAST(\"i\" AS VARCHAR)");
    is(Postgres, "s LIKE 'a\\%'", "\"s\" LIKE 'a\\%'");
    is(DuckDb, "s LIKE 'a\\%'", "\"s\" LIKE 'a\\%' ESCAPE '\\'");
    is(DuckDb, "s NOT LIKE 'a!%b\\' ESCAPE '!'", "\"s\" NOT LIKE 'a\\%b\\\\' ESCAPE '\\'");
    is(Spark, "s LIKE 'a\\_'", "`s` LIKE 'a\\\\_'");
    is(Flink, "s NOT LIKE 'a%'", "`s` NOT LIKE 'a%'");
    is(DuckDb, "s LIKE u.x", "\"s\" LIKE \"u.x\" ESCAPE '\\'");
    is(Spark, "s ~ 'a.b$'", "(`s` RLIKE 'a[^\\n]b\\\\z')");
    is(DuckDb, "s !~* '^a'", "NOT REGEXP_MATCHES(\"s\", '(?i)^a')");
    is(DuckDb, "SUBSTR(s, 0, 3)", "SUBSTR(\"s\", 1, 2)");
    is(Postgres, "UPPER(s)", "(UPPER(\"s\" COLLATE \"und-x-icu\") COLLATE \"C\")");
    is(Postgres, "CAST(i AS VARCHAR) < '9'", "(CAST(\"i\" AS TEXT) COLLATE \"C\") < '9'");
    is(DuckDb, "STARTS_WITH(s, 'a')", "STARTS_WITH(\"s\", 'a')");
    is(Flink, "GREATEST(i, j)", "GREATEST(COALESCE(`i`, `j`), COALESCE(`j`, `i`))");
    is(Postgres, "SPLIT_PART(s, ',', -1)", "SPLIT_PART(\"s\", ',', -1)");
    is(DuckDb, "TRIM(s)", "TRIM(\"s\", ' ')");
    is(Flink, "TRIM(s)", "TRIM(BOTH ' ' FROM `s`)");
    is(Spark, "LENGTH(s)", "CAST(CHAR_LENGTH(`s`) AS BIGINT)");
    refused(DuckDb, "s ~ '\\d'");
    refused(Flink, "s ~ 'a'");
    refused(Flink, "LPAD(s, 5)");
    refused(DuckDb, "REVERSE(s)");
    refused(DuckDb, "INITCAP(s)");
    refused(DuckDb, "s ->> 'a'");
}

#[test]
fn conditions_are_read_as_jobs_read_them() {
    use Dialect::{DuckDb, Postgres, Spark};
    is(DuckDb, "i = 3 OR s = '' AND b", "\"i\" = 3 OR (\"s\" = '' AND \"b\")");
    is(DuckDb, "(i = 3 OR s = '') AND NOT b", "(\"i\" = 3 OR \"s\" = '') AND (NOT \"b\")");
    is(DuckDb, "i = 1 AND j = 2 AND d IN (1.5, -2.5)", "\"i\" = 1 AND \"j\" = 2 AND \"d\" IN (1.5, -2.5)");
    is(DuckDb, "b IS NOT TRUE", "\"b\" IS NOT TRUE");
    is(Postgres, "(i > 3) IS FALSE", "(\"i\" > 3) IS FALSE");
    is(Spark, "i IS DISTINCT FROM j", "NOT (`i` <=> `j`)");
    is(Dialect::Flink, "i NOT IN (7.0, 2.5)", "NOT (`i` = 7.0 OR `i` = 2.5)");
    is(Dialect::Flink, "i IN (7, 2)", "`i` IN (7, 2)");
    is(Dialect::Flink, "'' IN ('a', s)", "(CAST('' AS STRING) = 'a' OR CAST('' AS STRING) = `s`)");
    is(DuckDb, "IF(b, i, j)", "CASE WHEN \"b\" THEN \"i\" ELSE \"j\" END");
    is(DuckDb, "CASE WHEN b THEN i END", "CASE WHEN \"b\" THEN \"i\" END");
    is(DuckDb, "i NOT BETWEEN 1 AND j", "\"i\" NOT BETWEEN 1 AND \"j\"");
    is(Postgres, "COALESCE(s, NULL)", "COALESCE(\"s\", CAST(NULL AS TEXT))");
}

#[test]
fn what_is_no_expression_is_no_sql() {
    let error = in_dialect(Dialect::DuckDb, "ii > 3").unwrap_err().to_string();
    assert!(error.contains("unknown column `ii`") && error.contains("did you mean `i`?"), "{error}");
    let error = in_dialect(Dialect::DuckDb, "UPPER(s").unwrap_err().to_string();
    assert!(error.starts_with("error: wrong expression `UPPER(s`"), "{error}");
}
