//! Records of Kafka Connect that have their schema: decimals, days, instants and times of day are read as what they are.

use crate::support::Lab;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Days, NaiveDate};
use num_bigint::BigInt;
use proptest::prelude::*;
use serde_json::{Value, json};

const CONNECT: &str = "org.apache.kafka.connect.data";
const DEBEZIUM: &str = "io.debezium.time";

/// The field `name` of a schema: of a Connect type, and perhaps of a logical one.
fn field(name: &str, ty: &str, logical: &str) -> Value {
    let mut field = json!({"field": name, "type": ty, "optional": true});
    if !logical.is_empty() {
        field["name"] = json!(logical);
    }
    field
}

fn decimal(name: &str, scale: i32, precision: Option<u8>) -> Value {
    let mut field = field(name, "bytes", &format!("{CONNECT}.Decimal"));
    field["parameters"] = json!({"scale": scale.to_string()});
    if let Some(precision) = precision {
        field["parameters"]["connect.decimal.precision"] = json!(precision.to_string());
    }
    field
}

/// A line of Connect's JSON with its schema.
fn record(fields: &[Value], payload: &Value) -> String {
    format!("{}\n", json!({"schema": {"type": "struct", "fields": fields}, "payload": payload}))
}

/// A change event with its schema.
fn change(fields: &[Value], op: &str, row: &Value) -> String {
    let row_of = |name: &str| json!({"field": name, "type": "struct", "optional": true, "fields": fields});
    let schema =
        json!({"type": "struct", "fields": [row_of("before"), row_of("after"), field("op", "string", "")]});
    let (before, after) = if op == "d" { (row, &Value::Null) } else { (&Value::Null, row) };
    let event = json!({"before": before, "after": after, "op": op, "ts_ms": 1_717_200_000_005i64,
        "source": {"ts_ms": 1_717_200_000_000i64}});
    format!("{}\n", json!({"schema": schema, "payload": event}))
}

fn base64(value: &BigInt) -> String {
    STANDARD.encode(value.to_signed_bytes_be())
}

/// The rows of `x.jsonl` as `verify` and `run` give them: as JSON Lines.
fn rows(lab: &Lab, source: &str, select: &str) -> String {
    let job = format!(
        "[source]\npath = \"x.jsonl\"\n{source}\n[[output]]\npath = \"out.jsonl\"\nselect = [{select}]\n"
    );
    let answer = lab.run(&job, &[]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let answer = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    lab.text("out.jsonl")
}

#[test]
fn the_case_of_days_and_decimals_is_right() {
    let lab = Lab::new();
    lab.write(
        "x.jsonl",
        change(
            &[
                field("id", "int64", ""),
                decimal("amt", 2, None),
                field("d", "int32", &format!("{DEBEZIUM}.Date")),
            ],
            "c",
            &json!({"id": 1, "amt": "ANE=", "d": 19876}),
        ),
    );
    for (source, day) in [
        ("time = \"_timestamp\"\ntypes = { amt = \"decimal(18,2)\" }", "2024-06-01"),
        ("time = \"_timestamp\"", "2024-06-01"),
        ("time = \"d\"\ntime_unit = \"d\"", "2024-06-02"),
        ("time = \"d\"", "2024-06-02"),
    ] {
        let job = format!(
            "[source]\npath = \"x.jsonl\"\n{source}\n[[output]]\npath = \"out.csv\"\nwindow = {{ tumbling = \"1 day\" }}\nselect = {{ s = \"sum(amt)\" }}\n"
        );
        let answer = lab.run(&job, &[]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        let out = lab.text("out.csv");
        assert!(out.contains(&format!("\n{day}")) && out.ends_with(",2.09\n"), "{source}: {out}");
        let answer = lab.highwater(&["verify", "job.toml"]);
        assert_eq!(answer.code, 0, "{source}: {}{}", answer.out, answer.err);
    }
}

#[test]
fn every_logical_type_is_read_as_what_it_is() {
    let lab = Lab::new();
    let fields = [
        field("date", "int32", &format!("{DEBEZIUM}.Date")),
        field("day", "int32", &format!("{CONNECT}.Date")),
        field("ms", "int64", &format!("{DEBEZIUM}.Timestamp")),
        field("connect", "int64", &format!("{CONNECT}.Timestamp")),
        field("us", "int64", &format!("{DEBEZIUM}.MicroTimestamp")),
        field("ns", "int64", &format!("{DEBEZIUM}.NanoTimestamp")),
        field("zoned", "string", &format!("{DEBEZIUM}.ZonedTimestamp")),
        field("time", "int32", &format!("{DEBEZIUM}.Time")),
        field("clock", "int32", &format!("{CONNECT}.Time")),
        field("microtime", "int64", &format!("{DEBEZIUM}.MicroTime")),
        field("nanotime", "int64", &format!("{DEBEZIUM}.NanoTime")),
        field("free", "struct", "io.debezium.data.VariableScaleDecimal"),
        decimal("amt", 2, Some(10)),
        json!({"field": "in", "type": "struct", "fields": [decimal("deep", 3, None), field("n", "int64", "")]}),
        json!({"field": "list", "type": "array", "items": {"type": "int32", "name": format!("{DEBEZIUM}.Date")}}),
    ];
    let row = json!({"date": 19876, "day": -1, "ms": 1_717_200_000_123i64, "connect": -1, "us": 1_717_200_000_123_456i64,
        "ns": -1, "zoned": "2024-06-02T10:00:00+02:00", "time": 37_800_250, "clock": 0, "microtime": -1_000_000,
        "nanotime": 86_400_000_000_001i64, "free": {"scale": 4, "value": "ANE="}, "amt": base64(&BigInt::from(-5)),
        "in": {"deep": "AQ==", "n": 7}, "list": [0, null, 1]});
    let nothing: Value = row
        .as_object()
        .unwrap()
        .keys()
        .map(|key| (key.clone(), Value::Null))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let select = "\"date\", \"day\", \"ms\", \"connect\", \"us\", \"ns\", \"zoned\", \"time\", \"clock\", \"microtime\", \"nanotime\", \"free\", \"amt\", \
        \"in.deep\", \"in.n\", \"list\"";
    let want = "{\"date\":\"2024-06-02\",\"day\":\"1969-12-31\",\"ms\":\"2024-06-01T00:00:00.123Z\",\"connect\":\"1969-12-31T23:59:59.999Z\",\
        \"us\":\"2024-06-01T00:00:00.123456Z\",\"ns\":\"1969-12-31T23:59:59.999999Z\",\"zoned\":\"2024-06-02T08:00:00Z\",\
        \"time\":\"10:30:00.25\",\"clock\":\"00:00:00\",\"microtime\":\"-00:00:01\",\"nanotime\":\"24:00:00.000000001\",\"free\":0.0209,\
        \"amt\":-0.05,\"in\":{\"deep\":0.001,\"n\":7},\"list\":[\"1970-01-01\",null,\"1970-01-02\"]}\n";
    lab.write(
        "x.jsonl",
        change(&fields, "c", &row) + &change(&fields, "d", &row) + &change(&fields, "u", &nothing),
    );
    let out = rows(&lab, "time = \"_timestamp\"", select);
    let lines: Vec<&str> = out.split_inclusive('\n').collect();
    assert_eq!(lines[..2], [want, want]);
    assert_eq!(lines[2].matches("null").count(), 16, "{}", lines[2]);
    // The same without an envelope of Debezium.
    let mut row = row;
    row["t"] = json!(1);
    let fields = [&fields[..], &[field("t", "int64", "")]].concat();
    lab.write("x.jsonl", record(&fields, &row));
    assert_eq!(rows(&lab, "time = \"t\"\ntime_unit = \"s\"", select), want);
}

#[test]
fn what_contradicts_its_schema_is_told() {
    let lab = Lab::new();
    let run = |fields: &[Value], row: &Value, source: &str| {
        lab.write("x.jsonl", change(fields, "c", row));
        let job = format!(
            "[source]\npath = \"x.jsonl\"\n{source}\n[[output]]\npath = \"out.csv\"\nselect = [\"x\"]\n"
        );
        lab.run(&job, &[]).words()
    };
    let date = [field("x", "int32", &format!("{DEBEZIUM}.Date"))];
    let micros = [field("x", "int64", &format!("{DEBEZIUM}.MicroTimestamp"))];
    let own = "time = \"_timestamp\"";
    let all = [
        run(&[decimal("x", 2, None)], &json!({"x": "12"}), own),
        run(&date, &json!({"x": "2024-06-02"}), own),
        // PostgreSQL's infinity.
        run(&micros, &json!({"x": 9_223_372_036_825_200_000i64}), own),
        run(&date, &json!({"x": 19876}), "time = \"x\"\ntime_unit = \"ms\""),
        run(&date, &json!({"x": 19876}), "time = \"x\"\ntime_format = \"%Y%m%d\""),
        run(&date, &json!({"x": 19876}), "time = \"_timestamp\"\ntypes = { x = \"int64\" }"),
    ]
    .join("\n");
    insta::assert_snapshot!(all, @r##"
exit 3
error: x.jsonl, line 1, byte 0: `x`: `12` is not a decimal of scale 2, although its schema says so
 --> x.jsonl:1:1
  |
1 | {"schema":{"type":"struct","fields":[{"field":"before","type":"struct","optional":true,"fields":[{"field":"x","type":"bytes","optional":true,"name":"o…
  | ^
  hint: on_bad_record = "reject" sets such records aside and continues

exit 3
error: x.jsonl, line 1, byte 0: `x`: `2024-06-02` is not days since 1970, although its schema says so
 --> x.jsonl:1:1
  |
1 | {"schema":{"type":"struct","fields":[{"field":"before","type":"struct","optional":true,"fields":[{"field":"x","type":"int32","optional":true,"name":"i…
  | ^
  hint: on_bad_record = "reject" sets such records aside and continues

exit 3
note: each change event counts as an event, and a delete has the old row: changelog = "debezium" counts the last of each key
error: x.jsonl, line 1, byte 0: column `x`: `9223372036825200000` is not a timestamp
 --> x.jsonl:1:82
  |
1 | …,"fields":[{"field":"before","type":"struct","optional":true,"fields":[{"field":"x","type":"int64","optional":true,"name":"io.debezium.time.MicroTimes…
  |                                                                                  ^^^
  hint: `x` was inferred as timestamp from a sample; declare it: types = { x = "string" }
  hint: on_bad_record = "reject" sets such records aside and continues

exit 2
error: `x` has days by the schema in its records, not milliseconds
 --> job.toml:3:8
  |
3 | time = "x"
  |        ^^^
  hint: leave `time_unit` and `time_format` out: the schema defines how the column is read

exit 2
error: `x` has days by the schema in its records, not text with a format
 --> job.toml:3:8
  |
3 | time = "x"
  |        ^^^
  hint: leave `time_unit` and `time_format` out: the schema defines how the column is read

exit 2
error: `x` is a date by the schema in its records, but int64 cannot hold it
 --> job.toml:4:15
  |
4 | types = { x = "int64" }
  |               ^^^^^^^
  hint: leave it out of `types`; EXTRACT(epoch FROM x) makes it a number
"##);
    // Without a schema nothing is told: an integer needs its unit.
    lab.write("x.jsonl", "{\"before\":null,\"after\":{\"id\":1,\"amt\":\"ANE=\",\"d\":19876},\"op\":\"c\",\"ts_ms\":1717200000005}\n");
    let job = "[source]\npath = \"x.jsonl\"\ntime = \"d\"\n[[output]]\npath = \"out.jsonl\"\nselect = [\"amt\", \"d\"]\n";
    assert!(
        lab.run(job, &[]).err.contains("`d` contains integers, such as 19876, but their unit is not given")
    );
    lab.done(&job.replace("time = \"d\"", "time = \"_timestamp\""), &[]);
    assert_eq!(lab.text("out.jsonl"), "{\"amt\":\"ANE=\",\"d\":19876}\n");
}

#[test]
fn init_reads_the_schema_too() {
    let lab = Lab::new();
    let fields = [
        decimal("amt", 2, Some(12)),
        field("d", "int64", &format!("{DEBEZIUM}.MicroTimestamp")),
        field("k", "string", ""),
    ];
    let row = |i: i64| json!({"amt": base64(&BigInt::from(i * 7)), "d": 1_717_200_000_000_000i64 + i * 1_000_000, "k": format!("k{}", i % 3)});
    let lines: String = (0..40).map(|i| record(&fields, &row(i))).collect();
    lab.write("x.jsonl", lines);
    assert_eq!(lab.highwater(&["init", "x.jsonl", "-o", "job.toml"]).code, 0);
    let job = lab.text("job.toml");
    assert!(job.contains("time = \"d\"") && job.contains("sum(amt)") && !job.contains("time_unit"), "{job}");
    let answer = lab.highwater(&["run", "job.toml", "-q"]);
    assert_eq!(answer.code, 0, "{}\n{job}", answer.err);
    let answer = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
}

/// The text of an integer over a power of ten, by its digits.
fn over(value: i128, scale: usize) -> String {
    let (sign, digits) = (if value < 0 { "-" } else { "" }, value.unsigned_abs().to_string());
    let digits = format!("{}{digits}", "0".repeat((scale + 1).saturating_sub(digits.len())));
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    format!("{sign}{whole}{}{fraction}", if fraction.is_empty() { "" } else { "." })
}

/// Without the zeros at the end of a fraction.
fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

proptest! {
    #![proptest_config(crate::laws::cases(24))]

    #[test]
    fn values_are_what_arithmetic_says(
        values in prop::collection::vec((any::<i128>(), 0u32..127, any::<i32>(), any::<i64>(), 0usize..30), 1..12),
        scale in 0usize..12,
        padded in 0usize..3,
        wrapped in any::<bool>(),
    ) {
        let fields = [decimal("x", scale as i32, None), field("v", "struct", "io.debezium.data.VariableScaleDecimal"),
            field("d", "int32", &format!("{DEBEZIUM}.Date")), field("u", "int64", &format!("{DEBEZIUM}.MicroTimestamp"))];
        let (mut text, mut want) = (String::new(), vec![]);
        for (number, shift, days, micros, own) in &values {
            // At most 38 digits, of any length.
            let number = (number >> shift) % 10i128.pow(37);
            let short = number % 10i128.pow(9);
            // Instants are of the years 1900 to 2200.
            let (days, micros) = (days % 400_000, micros.rem_euclid(9_400_000_000_000_000) - 2_208_988_800_000_000);
            let mut bytes = BigInt::from(number).to_signed_bytes_be();
            // More bytes than it needs, all of the sign.
            (0..padded).for_each(|_| bytes.insert(0, if number < 0 { 255 } else { 0 }));
            let row = json!({"x": STANDARD.encode(bytes), "v": {"scale": own, "value": base64(&BigInt::from(short))}, "d": days, "u": micros});
            text += &if wrapped { change(&fields, "c", &row) } else { record(&fields, &row) };
            let day = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
            let day = if days < 0 { day - Days::new(days.unsigned_abs().into()) } else { day + Days::new(days as u64) };
            let instant = DateTime::from_timestamp_micros(micros).unwrap();
            want.push((micros, over(number, scale), over(short, *own), day.to_string(), instant.to_rfc3339()));
        }
        // Rows come in the order of time.
        want.sort_by_key(|row| row.0);
        let lab = Lab::new();
        lab.write("x.jsonl", text);
        // Texts too have all digits.
        let out = rows(&lab, "time = \"u\"\ntypes = { v = \"string\" }", "\"x\", \"v\", \"d\", \"u\"");
        let got: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(got.len(), want.len());
        for (got, (_, x, v, d, u)) in got.iter().zip(&want) {
            let number = got["x"].to_string();
            prop_assert_eq!(trimmed(&number), x);
            prop_assert_eq!(trimmed(got["v"].as_str().unwrap()), v);
            prop_assert_eq!(got["d"].as_str().unwrap(), d);
            prop_assert_eq!(DateTime::parse_from_rfc3339(got["u"].as_str().unwrap()).unwrap().to_rfc3339(), u.clone());
        }
    }
}
