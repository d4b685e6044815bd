//! Lists, records and maps of Parquet and Avro files, read whole as their JSON text.

use crate::support::Lab;
use arrow_array::types::Int32Type;
use arrow_array::*;
use arrow_avro::writer::AvroWriter;
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields, TimeUnit};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

/// The text of rows 0 and 1 of [`batch`].
const ITEMS: &str = r#"[{"sku":"a \"b\"","price":-0.05,"at":"2024-06-01T00:00:00.123456Z","day":"1969-12-31","raw":"AP8=","n":0.1,"ok":true,"clock":"10:30:00.25"},null]"#;
const USER: &str = r#"{"id":9007199254740993,"tags":["x",null,"ż"]}"#;

fn records(fields: Vec<(&str, ArrayRef)>, nulls: Option<NullBuffer>) -> StructArray {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = fields
        .into_iter()
        .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
        .unzip();
    StructArray::new(Fields::from(fields), arrays, nulls)
}

fn list(items: ArrayRef, lengths: &[usize], nulls: Option<NullBuffer>) -> ArrayRef {
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths.iter().copied()), items, nulls))
}

/// Three rows: full, with empty lists, and of NULLs.
fn batch() -> RecordBatch {
    let item = records(
        vec![
            ("sku", Arc::new(StringArray::from(vec![Some("a \"b\""), None])) as ArrayRef),
            ("price", Arc::new(Decimal128Array::from(vec![-5, 0]).with_precision_and_scale(10, 2).unwrap())),
            (
                "at",
                Arc::new(
                    TimestampMicrosecondArray::from(vec![1_717_200_000_123_456, 0]).with_timezone("UTC"),
                ),
            ),
            ("day", Arc::new(Date32Array::from(vec![-1, 0]))),
            ("raw", Arc::new(BinaryArray::from(vec![&[0u8, 255][..], &[]]))),
            ("n", Arc::new(Float64Array::from(vec![0.1, 0.0]))),
            ("ok", Arc::new(BooleanArray::from(vec![true, false]))),
            ("clock", Arc::new(Time64MicrosecondArray::from(vec![37_800_250_000, 0]))),
        ],
        Some(NullBuffer::from(vec![true, false])),
    );
    let nulls = || Some(NullBuffer::from(vec![true, true, false]));
    let items = list(Arc::new(item), &[2, 0, 0], nulls());
    let tags = list(Arc::new(StringArray::from(vec![Some("x"), None, Some("ż")])), &[3, 0, 0], None);
    let user = records(
        vec![
            ("id", Arc::new(Int64Array::from(vec![9_007_199_254_740_993, 1, 0])) as ArrayRef),
            ("tags", tags),
        ],
        nulls(),
    );
    let entries = StructArray::new(
        Fields::from(vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Int64, true),
        ]),
        vec![Arc::new(StringArray::from(vec!["b", "a"])), Arc::new(Int64Array::from(vec![Some(1), None]))],
        None,
    );
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let attrs: ArrayRef =
        Arc::new(MapArray::new(field, OffsetBuffer::from_lengths([2, 0, 0]), entries, nulls(), false));
    let t: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let columns = [("t", t), ("items", items), ("user", Arc::new(user) as ArrayRef), ("attrs", attrs)];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut out = vec![];
    let mut writer = ArrowWriter::try_new(&mut out, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    out
}

fn avro(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = AvroWriter::new(vec![], batch.schema().as_ref().clone()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner()
}

fn job(path: &str, types: &str, select: &str) -> String {
    format!(
        "[source]\npath = \"{path}\"\ntime = \"t\"\ntime_unit = \"s\"\n{types}\n[[output]]\npath = \"out.csv\"\nselect = [{select}]\n"
    )
}

#[test]
fn they_are_read_whole_as_json_text() {
    let lab = Lab::new();
    lab.write("x.parquet", parquet(&batch()));
    lab.write("x.avro", avro(&batch()));
    let types =
        "types = { items = \"string\", user = \"string\", attrs = \"string\", \"user.tags\" = \"string\" }";
    for path in ["x.parquet", "x.avro"] {
        for threads in ["1", "4"] {
            let select = "\"items\", \"user\", \"attrs\", \"user.tags\", \"user.id\"";
            lab.done(&job(path, types, select), &["--threads", threads]);
            let text = lab.text("out.csv");
            let rows: Vec<Vec<String>> = csv::Reader::from_reader(text.as_bytes())
                .records()
                .map(|row| row.unwrap().iter().map(str::to_string).collect())
                .collect();
            let tags = "[\"x\",null,\"ż\"]";
            assert_eq!(rows[0], [ITEMS, USER, "{\"b\":1,\"a\":null}", tags, "9007199254740993"], "{path}");
            assert_eq!(rows[1], ["[]", "{\"id\":1,\"tags\":[]}", "{}", "[]", "1"], "{path}");
            assert_eq!(rows[2], [""; 5], "{path}");
        }
    }
    // A second reader has the same, and expressions read into the text.
    lab.done(
        &job(
            "x.parquet",
            &types.replace(", \"user.tags\" = \"string\"", ""),
            "\"items\", \"user\", \"attrs\"",
        ),
        &[],
    );
    let verify = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(verify.code, 0, "{}{}", verify.out, verify.err);
    let steps = "types = { items = \"string\" }\n[[step]]\nderive = { sku = \"json_extract_string(items, '$[0].sku')\" }\n";
    lab.done(&job("x.parquet", steps, "\"sku\""), &[]);
    assert!(lab.text("out.csv").contains("a \"\"b\"\""), "{}", lab.text("out.csv"));
}

#[test]
fn what_is_not_declared_is_read_whole_too() {
    let lab = Lab::new();
    lab.write("x.parquet", parquet(&batch()));
    lab.write("x.avro", avro(&batch()));
    lab.write("x.jsonl", "{\"t\":1,\"user\":{\"id\": 1},\"items\":[1, 2]}\n");
    for path in ["x.parquet", "x.avro"] {
        lab.done(&job(path, "", "\"items\"").replace("out.csv", "out.jsonl"), &[]);
        assert_eq!(
            lab.text("out.jsonl"),
            format!("{{\"items\":{ITEMS}}}\n{{\"items\":[]}}\n{{\"items\":null}}\n"),
            "{path}"
        );
        let wrong = lab.run(&job(path, "types = { items = \"int64\" }", "\"items\""), &[]);
        assert_eq!(wrong.code, 2, "{}", wrong.err);
        assert!(wrong.err.contains("types = { items = \"string\" }"), "{}", wrong.err);
    }
    // In JSON Lines the text stands as it does in the file.
    lab.done(&job("x.jsonl", "types = { user = \"string\" }", "\"user\", \"items\""), &[]);
    assert_eq!(lab.text("out.csv"), "user,items\n\"{\"\"id\"\": 1}\",\"[1, 2]\"\n");
    assert_eq!(lab.highwater(&["verify", "job.toml"]).code, 0);
    lab.write("job.toml", job("x.parquet", "types = { items = \"string\" }", "\"items\""));
    for dialect in ["duckdb", "spark"] {
        let sql = lab.highwater(&["sql", "job.toml", "--dialect", dialect]);
        assert_eq!(sql.code, 2, "{}", sql.out);
        assert!(sql.err.contains("the JSON text of the lists, records or maps in `items`"), "{}", sql.err);
    }
}

#[test]
fn a_value_without_a_text_is_a_bad_record() {
    let lab = Lab::new();
    let numbers = list(Arc::new(Float64Array::from(vec![1.5, f64::NAN, 2.0])), &[1, 1, 1], None);
    let days = list(Arc::new(Date32Array::from(vec![0, 0, 4_000_000])), &[1, 1, 1], None);
    let t: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_from_iter([("t", t), ("x", numbers), ("d", days)]).unwrap();
    for (path, bytes) in [("x.parquet", parquet(&batch)), ("x.avro", avro(&batch))] {
        lab.write(path, bytes);
        let types = "types = { x = \"string\", d = \"string\" }";
        let failed = lab.run(&job(path, types, "\"x\", \"d\""), &[]);
        assert_eq!(failed.code, 3);
        assert!(failed.err.contains("`NaN` is a number that JSON does not have"), "{}", failed.err);
        let done = lab
            .done(&job(path, &format!("{types}\non_bad_record = \"reject\""), "\"x\", \"d\""), &["--json"]);
        assert_eq!(crate::support::account(&serde_json::from_str(&done.out).unwrap())[1], 2);
        assert_eq!(lab.text("out.csv"), "x,d\n[1.5],\"[\"\"1970-01-01\"\"]\"\n");
    }
}

#[test]
fn dictionaries_and_long_lists_have_texts_too() {
    let lab = Lab::new();
    let words: DictionaryArray<Int32Type> = ["a", "b", "a"].into_iter().collect();
    let words = list(Arc::new(words), &[3], None);
    let fixed: ArrayRef = Arc::new(FixedSizeListArray::new(
        Arc::new(Field::new("item", DataType::Timestamp(TimeUnit::Nanosecond, None), true)),
        2,
        Arc::new(TimestampNanosecondArray::from(vec![Some(-1), None])),
        None,
    ));
    let t: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("t", t), ("x", words), ("y", fixed)]).unwrap();
    lab.write("x.parquet", parquet(&batch));
    lab.done(&job("x.parquet", "types = { x = \"string\", y = \"string\" }", "\"x\", \"y\""), &[]);
    assert_eq!(
        lab.text("out.csv"),
        "x,y\n\"[\"\"a\"\",\"\"b\"\",\"\"a\"\"]\",\"[\"\"1969-12-31T23:59:59.999999999\"\",null]\"\n"
    );
    assert_eq!(lab.highwater(&["verify", "job.toml"]).code, 0);
}

/// A record: text, integer and decimal.
type Item = Option<(Option<String>, i64, Option<i128>)>;

/// Rows of lists of records.
fn rows() -> impl Strategy<Value = Vec<Option<Vec<Item>>>> {
    let text = prop::option::of("[a-c\"\\\\\\n€\\x00-\\x1f]{0,4}");
    let number = (any::<i128>(), 0u32..127).prop_map(|(n, shift)| (n >> shift) % 10i128.pow(38));
    let item = prop::option::of((text, any::<i64>(), prop::option::of(number)));
    prop::collection::vec(prop::option::of(prop::collection::vec(item, 0..4)), 1..12)
}

/// An integer over 1000, by its digits.
fn thousandth(value: i128) -> String {
    let digits = format!("{:04}", value.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - 3);
    format!("{}{whole}.{fraction}", if value < 0 { "-" } else { "" })
}

proptest! {
    #![proptest_config(crate::laws::cases(24))]

    #[test]
    fn any_list_of_records_is_the_json_that_serde_makes_of_it(rows in rows()) {
        let items: Vec<_> = rows.iter().flatten().flatten().cloned().collect();
        let of = |item: &Item| item.clone().unwrap_or((None, 0, None));
        let record = records(
            vec![
                ("s", Arc::new(items.iter().map(|i| of(i).0).collect::<StringArray>()) as ArrayRef),
                ("n", Arc::new(items.iter().map(|i| Some(of(i).1)).collect::<Int64Array>())),
                ("d", Arc::new(items.iter().map(|i| of(i).2).collect::<Decimal128Array>().with_precision_and_scale(38, 3).unwrap())),
            ],
            Some(items.iter().map(Option::is_some).collect::<Vec<bool>>().into()),
        );
        let lengths: Vec<usize> = rows.iter().map(|row| row.as_ref().map_or(0, Vec::len)).collect();
        let nulls = rows.iter().map(Option::is_some).collect::<Vec<bool>>();
        let x = list(Arc::new(record), &lengths, Some(nulls.into()));
        let t: ArrayRef = Arc::new((0..rows.len() as i64).collect::<Int64Array>());
        let batch = RecordBatch::try_from_iter_with_nullable([("t", t, false), ("x", x, true)]).unwrap();
        let want: Vec<Option<String>> = rows.iter().map(|row| {
            let items: Vec<Value> = row.as_ref()?.iter().map(|item| match item {
                None => Value::Null,
                Some((s, n, d)) => {
                    let d: Value = d.map_or(Value::Null, |d| serde_json::from_str(&thousandth(d)).unwrap());
                    json!({"s": s, "n": n, "d": d})
                }
            }).collect();
            Some(Value::Array(items).to_string())
        }).collect();
        let lab = Lab::new();
        for (path, bytes) in [("x.parquet", parquet(&batch)), ("x.avro", avro(&batch))] {
            lab.write(path, bytes);
            let job = job(path, "types = { x = \"string\" }", "\"x\"").replace("out.csv", "out.jsonl");
            lab.done(&job, &[]);
            let got: Vec<Option<String>> = lab.text("out.jsonl").lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()["x"].as_str().map(str::to_string)).collect();
            prop_assert_eq!(&got, &want, "{}", path);
        }
        lab.write("job.toml", job("x.parquet", "types = { x = \"string\" }", "\"x\""));
        prop_assert_eq!(lab.highwater(&["run", "job.toml", "-q"]).code, 0);
        let verify = lab.highwater(&["verify", "job.toml"]);
        prop_assert_eq!(verify.code, 0, "{}{}", verify.out, verify.err);
    }
}
