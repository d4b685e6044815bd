use super::*;
use crate::batch::Field;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, Decimal128Array, Int64Array, StringViewArray, TimestampMicrosecondArray};
use std::sync::Arc;

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("qty", DataType::Int64),
        Field::new("price", DataType::Decimal { precision: 18, scale: 3 }),
        Field::new("rate", DataType::Decimal { precision: 10, scale: 2 }),
        Field::new("name", DataType::String),
        Field::new("at", DataType::Timestamp),
    ])
}

fn columns() -> Vec<ArrayRef> {
    let decimal = |v: Vec<Option<i128>>, p, s| {
        Arc::new(Decimal128Array::from(v).with_precision_and_scale(p, s).unwrap()) as ArrayRef
    };
    vec![
        Arc::new(Int64Array::from(vec![Some(6), Some(-2), None])),
        decimal(vec![Some(2_550), Some(420), Some(1)], 18, 3),
        decimal(vec![Some(19), Some(700), None], 10, 2),
        Arc::new(StringViewArray::from(vec![Some("RECORD FRAME 7\" SINGLE SIZE"), Some("b"), None])),
        // 2024-02-29T17:30:00Z is 2024-03-01T00:30 in Jakarta.
        Arc::new(TimestampMicrosecondArray::from(vec![1_709_227_800_000_000; 3]).with_timezone("UTC")),
    ]
}

fn eval(sql: &str) -> (DataType, ArrayRef) {
    let (schema, columns) = (schema(), columns());
    let expr =
        Expr::compile(sql, &schema, &Zone::named("Asia/Jakarta").unwrap()).unwrap_or_else(|e| panic!("{e}"));
    let value = expr.evaluate(3, |number| &columns[number]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(value.data_type(), &expr.ty().arrow(), "{sql}");
    (expr.ty(), value)
}

fn decimals(sql: &str) -> (u8, Vec<Option<i128>>) {
    let (ty, value) = eval(sql);
    let DataType::Decimal { scale, .. } = ty else { panic!("{sql} is a {ty}") };
    (scale, value.as_primitive::<Decimal128Type>().iter().collect())
}

#[test]
fn decimal_arithmetic_stays_decimal() {
    assert_eq!(decimals("qty * price"), (3, vec![Some(15_300), Some(-840), None]));
    assert_eq!(decimals("price * rate"), (5, vec![Some(48_450), Some(294_000), None]));
    assert_eq!(decimals("price * 0.19"), (5, vec![Some(48_450), Some(7_980), Some(19)]));
    assert_eq!(decimals("-0.5 * price"), (4, vec![Some(-12_750), Some(-2_100), Some(-5)]));
    assert_eq!(decimals("price + rate"), (3, vec![Some(2_740), Some(7_420), None]));
    assert_eq!(decimals("price - 1"), (3, vec![Some(1_550), Some(-580), Some(-999)]));
    assert_eq!(decimals("CASE WHEN price > 0.42 THEN price * 1.10 ELSE price END").0, 5);
}

#[test]
fn comparisons_with_decimal_literals_are_exact() {
    let (_, value) = eval("price > 0.42");
    assert_eq!(value.as_boolean().iter().collect::<Vec<_>>(), [Some(true), Some(false), Some(false)]);
    let (_, value) = eval("price BETWEEN 0.42 AND 2.549");
    assert_eq!(value.as_boolean().iter().collect::<Vec<_>>(), [Some(false), Some(true), Some(false)]);
    let (_, value) = eval("name IS NOT NULL AND qty > 0");
    assert_eq!(value.as_boolean().iter().collect::<Vec<_>>()[..2], [Some(true), Some(false)]);
}

#[test]
fn other_types_come_through() {
    let (_, value) = eval("EXTRACT(month FROM at)");
    assert_eq!(value.as_primitive::<Int64Type>().value(0), 3, "local to the job's zone");
    let (_, value) = eval("UPPER(name)");
    assert_eq!(value.as_string_view().value(1), "B");
    assert!(value.is_null(2));
    let (_, value) = eval("at");
    assert_eq!(value.as_primitive::<TimestampMicrosecondType>().value(0), 1_709_227_800_000_000);
    assert_eq!(decimals("1.5"), (1, vec![Some(15); 3]), "a literal with a point is exact");
    let (_, value) = eval("15e-1");
    assert_eq!(value.as_primitive::<Float64Type>().values(), &[1.5; 3]);
    let (_, value) = eval("name IN ('b', 'c')");
    assert_eq!(value.as_boolean().iter().collect::<Vec<_>>()[..2], [Some(false), Some(true)]);
    let (_, value) = eval("COALESCE(name, 'none')");
    assert_eq!(value.as_string_view().value(2), "none");
}

#[test]
fn integers_are_of_64_bits() {
    let first = |sql| eval(sql).1.as_primitive::<Int64Type>().value(0);
    assert_eq!(first("EXTRACT(month FROM at) * 100"), 300);
    assert_eq!(first("EXTRACT(day FROM at) * 60 * 60"), 3600);
    assert_eq!(first("LENGTH(name) - 40"), -13);
    assert_eq!(first("-LENGTH(name)"), -27);
    assert_eq!(first("CASE WHEN qty > 0 THEN 2000000000 ELSE 1 END + 2000000000"), 4_000_000_000);
    assert_eq!(first("(LENGTH(name) - 40) % 7"), -6, "the sign of the dividend");
    assert_eq!(first("(LENGTH(name) - 40) // 7"), -1, "cut towards zero");
    assert_eq!(first("-9223372036854775808"), i64::MIN);
}

#[test]
fn a_quotient_does_not_depend_on_the_rows_beside_it() {
    let schema = Schema::new(vec![Field::new("x", DataType::Int64)]);
    let expr = Expr::compile("x / 3 + x / -(2 + 1)", &schema, &Zone::utc()).unwrap();
    let third = Expr::compile("x / 3", &schema, &Zone::utc()).unwrap();
    for rows in [1, 2, 5] {
        let x: ArrayRef = Arc::new(Int64Array::from(vec![7; rows]));
        let value = third.evaluate(rows, |_| &x).unwrap();
        assert_eq!(value.as_primitive::<Float64Type>().values()[0], 7.0 / 3.0, "of {rows}");
        let value = expr.evaluate(rows, |_| &x).unwrap();
        assert_eq!(value.as_primitive::<Float64Type>().values()[0], 0.0, "of {rows}");
    }
}

#[test]
fn a_long_chain_gives_what_its_parts_give() {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64)]);
    let n: ArrayRef = Arc::new(Int64Array::from(vec![Some(2_999), Some(3_000), None]));
    let computed =
        |sql: &str| Expr::compile(sql, &schema, &Zone::utc()).unwrap().evaluate(3, |_| &n).unwrap();
    let alternatives: Vec<String> = (0..3_000).map(|i| format!("n = {i}")).collect();
    let value = computed(&alternatives.join(" OR "));
    assert_eq!(value.as_boolean().iter().collect::<Vec<_>>(), [Some(true), Some(false), None]);
    // NULL is known where one side decides alone.
    let value = computed(&format!("{} OR n IS NULL", alternatives.join(" OR ")));
    assert_eq!(value.as_boolean().iter().collect::<Vec<_>>(), [Some(true), Some(false), Some(true)]);
    let value = computed(&alternatives.join(" AND ").replace('=', "<>"));
    assert_eq!(value.as_boolean().iter().collect::<Vec<_>>(), [Some(false), Some(true), None]);
    let value = computed(&format!("n{}", " || 'a'".repeat(600)));
    let value = value.as_string_view();
    assert_eq!(value.value(0), format!("2999{}", "a".repeat(600)));
    assert!(value.is_null(2));
    let value = computed(&format!("n{}", " + 1".repeat(190)));
    assert_eq!(
        value.as_primitive::<Int64Type>().iter().collect::<Vec<_>>(),
        [Some(3_189), Some(3_190), None]
    );
}

#[test]
fn a_dotted_path_is_a_column() {
    let schema = Schema::new(vec![Field::new("user.city", DataType::String)]);
    let expr = Expr::compile("UPPER(user.city)", &schema, &Zone::utc()).unwrap();
    let city: ArrayRef = Arc::new(StringViewArray::from(vec!["ely"]));
    let value = expr.evaluate(1, |_| &city).unwrap();
    assert_eq!(value.as_string_view().value(0), "ELY");
}

#[test]
fn a_typo_gives_the_nearest_name() {
    let compile = |sql| Expr::compile(sql, &schema(), &Zone::utc()).unwrap_err().to_string();
    assert!(compile("pirce > 1").contains("did you mean `price`?"), "{}", compile("pirce > 1"));
    assert!(compile("UPER(name)").contains("did you mean `upper`?"), "{}", compile("UPER(name)"));
    assert!(compile("sum(qty)").contains("is an aggregate"), "{}", compile("sum(qty)"));
    assert!(compile("qty >").starts_with("error: wrong expression `qty >`"), "{}", compile("qty >"));
    assert!(compile("qty qty").contains("was not expected"), "{}", compile("qty qty"));
}

#[test]
fn selections_are_split_into_aggregates_and_the_rest() {
    let one = parse_selection("count(distinct name)").unwrap();
    let args = vec![parse("name").unwrap()];
    let (literal, order, filter) = (None, vec![], None);
    let call = AggregateCall { name: "count".into(), distinct: true, args, literal, order, filter };
    assert_eq!(one.single(), Some(&call));
    let two = parse_selection("sum(qty * price) / count(*) + count(*)").unwrap();
    assert_eq!(
        two.calls.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["sum(qty * price)", "count(*)"]
    );
    assert_eq!(two.single(), None);
    assert!(parse_selection("sum(max(qty))").unwrap_err().to_string().contains("do not nest"));
    assert!(parse_selection("quantile(qty)").unwrap_err().to_string().contains("two arguments"));
}

#[test]
fn a_text_that_is_replaced_does_not_depend_on_the_rows_beside_it() {
    let schema = Schema::new(vec![Field::new("a", DataType::String), Field::new("b", DataType::String)]);
    let expr = Expr::compile("REPLACE(a, 'x', b)", &schema, &Zone::utc()).unwrap();
    let texts = |values: &[Option<&str>]| Arc::new(StringViewArray::from(values.to_vec())) as ArrayRef;
    let a = [Some("axa"), Some("xx"), None, Some("x")];
    let b = [Some("-"), None, Some("-"), Some("")];
    let eval = |a: &[Option<&str>], b: &[Option<&str>]| {
        let (a, b) = (texts(a), texts(b));
        let value = expr.evaluate(a.len(), |column| if column == 0 { &a } else { &b }).unwrap();
        value.as_string_view().iter().map(|v| v.map(str::to_string)).collect::<Vec<_>>()
    };
    let together = eval(&a, &b);
    assert_eq!(together, [Some("a-a".to_string()), None, None, Some(String::new())]);
    let apart: Vec<_> = (0..a.len()).flat_map(|row| eval(&a[row..=row], &b[row..=row])).collect();
    assert_eq!(together, apart);
    let of_text = Expr::compile("REPLACE('<x>', 'x', b)", &schema, &Zone::utc()).unwrap();
    let b = texts(&b);
    let value = of_text.evaluate(4, |_| &b).unwrap();
    let value: Vec<_> = value.as_string_view().iter().collect();
    assert_eq!(value, [Some("<->"), None, Some("<->"), Some("<>")]);
    let by_columns = Expr::compile("REPLACE(a, b, 'y')", &schema, &Zone::utc()).unwrap();
    let (a, b) = (texts(&[Some("axa"), Some("x")]), texts(&[Some("x"), None]));
    let value = by_columns.evaluate(2, |column| if column == 0 { &a } else { &b }).unwrap();
    assert_eq!(value.as_string_view().iter().collect::<Vec<_>>(), [Some("aya"), None]);
}

#[test]
fn calls_that_the_parser_reads_twice_are_nested_so_deep_and_no_deeper() {
    let compile = |depth: usize, inner: &str| {
        let sql = format!("{}{inner}{}", "SUBSTR(".repeat(depth), ", 1)".repeat(depth));
        Expr::compile(&sql, &schema(), &Zone::utc())
    };
    compile(12, "name").unwrap();
    let error = compile(13, "name").unwrap_err();
    assert!(error.message().contains("more than 12 calls"), "{error}");
    // A fault in the innermost of them would be looked for a million million times.
    assert_eq!(compile(40, "@@@").unwrap_err().kind(), crate::error::Kind::Job);
    // Beside one another there may be any number.
    let beside = vec!["SUBSTR(name, 1)"; 40].join(" || ");
    Expr::compile(&beside, &schema(), &Zone::utc()).unwrap();
}

#[test]
fn decimals_round_a_half_away_from_zero() {
    assert_eq!(decimals("ROUND(price, 1)"), (1, vec![Some(26), Some(4), Some(0)]));
    assert_eq!(decimals("ROUND(-price, 1)"), (1, vec![Some(-26), Some(-4), Some(0)]));
    assert_eq!(decimals("CAST(-2.5 AS DECIMAL(5, 0))").1, [Some(-3); 3]);
    assert_eq!(decimals("price / 3"), (6, vec![Some(850_000), Some(140_000), Some(333)]));
    assert_eq!(decimals("1.0 / 3 / rate").1, [Some(1_754_384), Some(47_619), None]);
    assert_eq!(decimals("-1 / 2.0"), (6, vec![Some(-500_000); 3]));
    assert_eq!(decimals("price % 0.42"), (3, vec![Some(30), Some(0), Some(1)]));
    let widest = "99999999999999999999999999999999999999";
    assert_eq!(
        decimals(&format!("{widest} / 99999999999999999999.0")).1[0],
        None::<i128>.or(Some(1_000_000_000_000_000_000_010_000))
    );
}

#[test]
fn what_does_not_fit_is_an_error_of_the_data() {
    for (sql, why) in [
        ("9223372036854775807 + qty", "too large for an int64"),
        ("-(-9223372036854775808)", "too large for an int64"),
        ("price * 9999999999999999999999999999999999.0", "too large for decimal(38,4)"),
        ("qty % 0", "division by zero"),
        ("price / 0", "division by zero"),
        ("qty / (qty - qty)", "division by zero"),
        ("CAST(name AS BIGINT)", "`RECORD FRAME 7\" SINGLE SIZE` is not a valid int64"),
        ("CAST(qty * 1000 AS DECIMAL(3, 0))", "too large for decimal(3,0)"),
        ("SQRT(-1)", "negative number"),
    ] {
        let error = failure(sql);
        assert_eq!(error.kind(), crate::error::Kind::Data, "{sql}: {error}");
        assert!(error.causes()[0].contains(why), "{sql}: {error}");
    }
}

#[test]
fn what_a_row_does_not_need_may_be_faulty() {
    for (sql, wanted) in [
        ("CASE WHEN qty > 0 THEN 1 ELSE qty % 0 END", [Some(1), None, None]),
        ("CASE WHEN qty = 6 THEN 1 WHEN qty IS NULL THEN NULL ELSE 2 / qty END", [Some(1), None, None]),
        ("COALESCE(qty, CAST('5' AS BIGINT), qty % 0)", [Some(6), None, None]),
        ("IF(qty IS NOT NULL OR qty % 0 = 1, 3, 4)", [Some(3), None, None]),
        ("IF(qty <> 6 AND qty % (qty - 6) = 1, 3, 4)", [Some(4), None, None]),
        ("IF(qty IN (1, 6, qty % 0), 3, 4)", [Some(3), None, None]),
        ("IF(qty IN (qty % 0, 6), 3, 4)", [Some(3), None, None]),
        ("IF(qty BETWEEN 7 AND qty % 0, 3, 4)", [Some(4), None, None]),
    ] {
        let (schema, columns) = (schema(), columns());
        let expr = Expr::compile(sql, &schema, &Zone::utc()).unwrap();
        let first: Vec<ArrayRef> = columns.iter().map(|column| column.slice(0, 1)).collect();
        let value = expr.evaluate(1, |number| &first[number]).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let shown = arrow_cast::cast(&value, &arrow_schema::DataType::Int64).unwrap();
        assert_eq!(shown.as_primitive::<Int64Type>().iter().next().unwrap(), wanted[0], "{sql}");
    }
    for faulty in
        ["qty % 0 = 1 AND qty <> 6", "qty IN (qty % 0, qty)", "qty BETWEEN 6 AND qty % 0", "qty % 0 IN (1)"]
    {
        assert!(failure(faulty).causes()[0].contains("division"), "{faulty}, from the left");
    }
}

/// The error of an expression over the columns.
fn failure(sql: &str) -> Error {
    let (schema, columns) = (schema(), columns());
    let expr = Expr::compile(sql, &schema, &Zone::utc()).unwrap_or_else(|e| panic!("{e}"));
    match expr.evaluate(3, |number| &columns[number]) {
        Ok(value) => panic!("{sql} gives {value:?}"),
        Err(error) => error,
    }
}

#[test]
fn every_fault_of_an_expression_is_told() {
    let error =
        Expr::compile("uper(nam) || qty + 'a' || LAG(qty) OVER ()", &schema(), &Zone::utc()).unwrap_err();
    let faults: Vec<String> = error.each().iter().map(ToString::to_string).collect();
    let text = faults.join("\n");
    for wanted in ["unknown column `nam`", "unknown function `uper`", "`lag`", "reads other rows"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn what_cannot_be_computed_is_an_error_of_the_job() {
    for sql in [
        "GREATEST()",
        "CAST(qty AS DECIMAL(39, 1))",
        "CAST(qty AS DECIMAL(5, -2))",
        "CAST(qty AS DECIMAL)",
        "LOG2([1, 2])",
        "qty = name",
        "name + 1",
        "UPPER(qty)",
        "at = '2021-13-01'",
        "name ~ '('",
        "at - at",
        "at AT TIME ZONE 'Asia/Tokyo'",
        "at AT TIME ZONE 'Asia/Tokio'",
        "row_number() OVER (ORDER BY at)",
        "CASE WHEN qty THEN 1 END",
        "price * 0.1234567890123456789012345678901234567",
        "1 = ANY (SELECT 1)",
    ] {
        let error = Expr::compile(sql, &schema(), &Zone::utc()).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Job, "{sql}: {error}");
        assert!(error.to_string().contains(sql), "{sql}: {error}");
    }
}

#[test]
fn an_instant_is_seen_in_the_zone_of_the_job_by_every_part_of_the_language() {
    // 2024-02-29T17:30:00Z is 2024-03-01T00:30 in Jakarta.
    for (sql, wanted) in [
        ("CAST(at AS DATE) = DATE '2024-03-01'", true),
        ("at >= DATE '2024-03-01'", true),
        ("at < '2024-03-01 01:00'", true),
        ("at = TIMESTAMP '2024-03-01 00:30:00'", true),
        ("at = '2024-02-29T17:30:00Z'", true),
        ("CAST(DATE '2024-03-01' AS TIMESTAMP) = at - INTERVAL '30 minutes'", true),
        ("DATE_TRUNC('day', at) = DATE '2024-03-01'", true),
        ("EXTRACT(day FROM at) = 1 AND EXTRACT(hour FROM at) = 0", true),
        ("STRFTIME(at, '%Y-%m-%d %H:%M') = '2024-03-01 00:30'", true),
        ("CAST(at AS VARCHAR) = '2024-03-01 00:30:00+07'", true),
        ("STRPTIME('2024-03-01 00:30', '%Y-%m-%d %H:%M') = at", true),
        ("at BETWEEN '2024-03-01' AND '2024-03-02'", true),
        ("at + INTERVAL '1 month' = '2024-04-01 00:30'", true),
        ("EXTRACT(hour FROM at AT TIME ZONE 'UTC') = 17", true),
        ("at IN ('2024-03-01 00:30:00', NULL)", true),
    ] {
        let (_, value) = eval(sql);
        assert_eq!(value.as_boolean().iter().next().unwrap(), Some(wanted), "{sql}");
    }
}

/// The value of an expression over columns of one row, as text.
fn shown_value(sql: &str) -> String {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64)]);
    let n: ArrayRef = std::sync::Arc::new(arrow_array::Int64Array::from(vec![7]));
    let zone = Zone::named("Asia/Jakarta").unwrap();
    let text = |sql: &str| {
        Expr::compile(&format!("CAST({sql} AS VARCHAR)"), &schema, &zone)
            .and_then(|expr| expr.evaluate(1, |_| &n))
    };
    match text(sql) {
        Ok(value) if value.is_null(0) => "NULL".to_string(),
        Ok(value) => value.as_string_view().value(0).to_string(),
        Err(error) => format!("{error}"),
    }
}

#[test]
fn the_example_of_every_function_is_true() {
    for function in functions::all().flat_map(|(_, functions)| functions) {
        let (call, value) = function.example;
        let sql = format!("({call}) IS NOT DISTINCT FROM ({value})");
        assert_eq!(shown_value(&sql), "true", "{call}: {}", shown_value(call));
    }
}

#[test]
fn operators_bind_as_they_do_in_postgresql() {
    for (sql, grouped) in [
        ("1 | 2 & 4", "(1 | 2) & 4"),
        ("1 << 2 | 1", "(1 << 2) | 1"),
        ("1 << 2 + 1", "1 << (2 + 1)"),
        ("n & 3 = 3", "(n & 3) = 3"),
        ("n << 1 > 13", "(n << 1) > 13"),
        ("2 * 3 ^ 2", "2 * (3 ^ 2)"),
        ("2 ^ 3 ^ 2", "(2 ^ 3) ^ 2"),
        ("-2 ^ 2", "(-2) ^ 2"),
        ("-n % 4", "(-n) % 4"),
        ("~n + 1", "~(n + 1)"),
        ("n + 1 || 'x'", "(n + 1) || 'x'"),
        ("'x' || n * 2", "'x' || (n * 2)"),
        ("'{\"a\":\"b\"}' ->> 'a' = 'b'", "('{\"a\":\"b\"}' ->> 'a') = 'b'"),
        ("'{\"a\":\"b\"}' ->> 'a' || 'c'", "('{\"a\":\"b\"}' ->> 'a') || 'c'"),
        ("TRUE = ('abc' ~ 'a')", "TRUE = 'abc' ~ 'a'"),
        ("n > 3 IS TRUE", "(n > 3) IS TRUE"),
        ("NOT n > 3 = FALSE", "NOT ((n > 3) = FALSE)"),
        ("'a' || 'b' LIKE 'a' || '%'", "('a' || 'b') LIKE ('a' || '%')"),
        ("-'2'::bigint", "-('2'::bigint)"),
    ] {
        assert_eq!(shown_value(sql), shown_value(grouped), "{sql}");
        assert!(!shown_value(sql).starts_with("error"), "{sql}: {}", shown_value(sql));
    }
    assert_eq!([shown_value("1 | 2 & 4"), shown_value("-2 ^ 2"), shown_value("2 * 3 ^ 2")], ["0", "4", "18"]);
}

#[test]
fn json_stays_as_it_is_written() {
    let json = r#"'{"a" : [ 1 , 1e2 , "x\u00e9" ], "1" : null, "a b" : 1.50, "d" : 1, "d" : 2}'"#;
    for (path, wanted) in [
        ("-> 'a'", r#"[ 1 , 1e2 , "x\u00e9" ]"#),
        ("-> 'a' ->> 1", "1e2"),
        ("-> 'a' ->> -1", "x\u{e9}"),
        ("-> 'a' -> -1", r#""x\u00e9""#),
        ("-> 'a' ->> '0'", "NULL"),
        ("#>> '{a,0}'", "1"),
        ("#>> '{1}'", "NULL"),
        ("-> '1'", "null"),
        ("->> 1", "NULL"),
        ("->> 'a b'", "1.50"),
        ("->> 'd'", "2"),
        ("->> 'e'", "NULL"),
    ] {
        assert_eq!(shown_value(&format!("{json} {path}")), wanted, "{path}");
    }
}

#[test]
fn numbers_at_the_edges_are_those_of_postgresql() {
    for (sql, wanted) in [
        ("SIGN(-0e0) || '/' || SIGN(CAST('NaN' AS DOUBLE PRECISION))", "0/0"),
        ("ROUND(CAST('99.95' AS DECIMAL(4, 2)), n - 6)", "100.00"),
        ("ROUND(CAST('99.95' AS DECIMAL(4, 2)), 1)", "100.0"),
        ("DEGREES(0.1)", "5.729577951308232"),
        ("TIMESTAMP '2024-03-02' - TIMESTAMP '2024-03-01' > INTERVAL '23 hours'", "true"),
        ("INTERVAL '1 day' * n = INTERVAL '168 hours'", "true"),
    ] {
        assert_eq!(shown_value(sql), wanted, "{sql}");
    }
    assert!(shown_value("POWER(CAST('-Infinity' AS DOUBLE PRECISION), 0.5)").starts_with("error"));
    assert!(shown_value("INTERVAL '1 month' > INTERVAL '30 days'").contains("a month has no fixed length"));
}

#[test]
fn an_interval_of_a_unit_without_a_length_is_an_error() {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64), Field::new("t", DataType::Timestamp)]);
    for unit in ["isoyear", "dow", "doy", "epoch"] {
        let error = Expr::compile(&format!("t + INTERVAL (n) {unit}"), &schema, &Zone::utc()).unwrap_err();
        assert!(error.to_string().contains(unit), "{error}");
    }
    Expr::compile("t + INTERVAL (n) DAY", &schema, &Zone::utc()).unwrap();
}
