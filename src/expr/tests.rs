use super::*;
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
    let (_, value) = eval("1.5");
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
    assert_eq!(first("(LENGTH(name) - 40) % 7"), 1);
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
fn a_chain_of_quotients_is_one_value_and_no_larger_than_the_chain() {
    let schema = Schema::new(vec![Field::new("x", DataType::Int64)]);
    let utc = Zone::utc();
    let expr = Expr::compile("(x + x) / 3 / 7", &schema, &utc).unwrap();
    for rows in [1, 5] {
        let x: ArrayRef = Arc::new(Int64Array::from(vec![5; rows]));
        let value = expr.evaluate(rows, |_| &x).unwrap();
        assert_eq!(value.as_primitive::<Float64Type>().values()[0], 10.0 / 3.0 / 7.0, "of {rows}");
    }
    let size = |links: usize| {
        with_stack(|| {
            let ast = exact(parse(&format!("x{}", " / 2".repeat(links))).unwrap(), &schema, &utc);
            for_polars(ast, &schema, &utc).to_string().len()
        })
    };
    assert!(size(40) < 5 * size(10), "{} {}", size(10), size(40));
}

#[test]
fn what_cannot_be_computed_is_an_error_of_the_job() {
    for sql in [
        "GREATEST()",
        "LEAST()",
        "CAST(qty AS DECIMAL(39, 1))",
        "CAST(qty > 1 AS DECIMAL(99, 1))",
        "CAST(qty AS DECIMAL(5, -2))",
        "LOG2([1, 2])",
        "100000 // (NULL)",
    ] {
        let error = Expr::compile(sql, &schema(), &Zone::utc()).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Job, "{sql}: {error}");
        assert!(error.message().contains(sql), "{sql}: {error}");
    }
    // A trial with other values than those of the data decides nothing.
    Expr::compile("CAST(name AS BIGINT) / (qty - 1)", &schema(), &Zone::utc()).unwrap();
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
fn the_type_of_a_chain_is_that_of_the_whole() {
    let (schema, zone) = (schema(), "Asia/Jakarta");
    for sql in [
        "qty + 1 + 2",
        "qty + price - 1",
        "(qty + 1) * (price + 0.5)",
        "qty * 1.5 + 1",
        "1 + 2 + qty",
        "price * rate / 3",
        "at - at - at",
        "name || 'a' || 'b'",
        "LENGTH(name) - 40 - qty",
        "qty > 1 AND price > 2 OR name = 'b'",
        "EXTRACT(month FROM at) + 1 + 2",
    ] {
        let ast = parse(sql).unwrap();
        let compiled = guarded::parsed(sql, sql).unwrap();
        let columns = schema.fields.iter().map(|f| bridge::empty(&f.name, f.ty, zone)).collect();
        let whole = guarded::dtype(&compiled, columns).ok();
        assert_eq!(Types::new(&schema, zone).of(&ast), whole, "{sql}");
    }
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
    for wrong in ["REPLACE(a, b, 'y')", "REPLACE(a, NULL, 'y')", "REPLACE(a, 'x', REPLACE(b, 'x', b))"] {
        assert_eq!(Expr::compile(wrong, &schema, &Zone::utc()).unwrap_err().kind(), crate::error::Kind::Job);
    }
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
