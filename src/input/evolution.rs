//! Files of one source whose columns differ: added, removed, of another type.

use super::avro::writer::{of_json, record};
use super::infer::{Inferred, SampleLayout, infer};
use super::testing::{ScanResult, TestFolder, scan};
use super::{ReadColumn, ReadPlan};
use crate::batch::DataType;
use crate::error::{Kind, Result};
use arrow_array::*;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

fn inferred(folder: &TestFolder, declared: &[(&str, DataType)]) -> Result<Inferred> {
    let declared = declared.iter().map(|(name, ty)| (name.to_string(), *ty)).collect::<BTreeMap<_, _>>();
    infer(
        &folder.plan("t", &[]).files,
        SampleLayout { delimiter: b',', names: None, written: &Default::default() },
        &declared,
    )
}

/// Reads all columns but `t`, of the types that are inferred; the rows as text.
fn read_all(folder: &TestFolder) -> Vec<String> {
    let got = inferred(folder, &[]).unwrap();
    let outcome = scan(plan(folder, &got), 2).unwrap();
    assert_eq!(outcome.rejects.len(), 0, "{:?}", outcome.rejects);
    rows(&outcome)
}

fn plan(folder: &TestFolder, got: &Inferred) -> ReadPlan {
    let column =
        |c: &super::infer::InferredColumn| ReadColumn { name: c.name.clone(), ty: c.ty, inferred: true };
    let columns = got.columns.iter().filter(|c| c.name != "t").map(column).collect();
    ReadPlan { columns, ..folder.plan("t", &[]) }
}

fn rows(outcome: &ScanResult) -> Vec<String> {
    let row = |columns: &Vec<Option<String>>| {
        columns.iter().map(|v| v.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join(" ")
    };
    outcome.rows.iter().map(|(.., columns)| row(columns)).collect()
}

fn types(folder: &TestFolder) -> Vec<String> {
    let got = inferred(folder, &[]).unwrap();
    got.columns.iter().filter(|c| c.name != "t").map(|c| format!("{}: {}", c.name, c.ty)).collect()
}

const T: (&str, &str) = ("t", r#""long""#);

/// An Avro file of one record; a field is its name and `type`, with what may stand behind it.
fn avro(fields: &[(&str, &str)], value: Value) -> Vec<u8> {
    let mut value = value;
    value["t"] = json!(1);
    of_json(&record(&[&[T], fields].concat()), &[value])
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let t: ArrayRef = Arc::new(Int64Array::from(vec![1; columns[0].1.len()]));
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().chain([("t", t)]).map(|(name, array)| (name, array, true)),
    );
    let batch = batch.unwrap();
    let mut bytes = vec![];
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn of<A: Array + 'static>(array: A) -> ArrayRef {
    Arc::new(array)
}

/// The error of inference; its hints too.
fn clash(folder: &TestFolder) -> String {
    let error = inferred(folder, &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    error.to_string()
}

#[test]
fn columns_are_the_union_by_name_and_what_a_file_lacks_is_null() {
    let long = r#""long""#;
    let text = r#"["null","string"]"#;
    let in_avro =
        TestFolder::with("1.avro", avro(&[("a", long), ("gone", long)], json!({"a": 1, "gone": 2})))
            .and("2.avro", avro(&[("new", text), ("a", long)], json!({"new": "x", "a": 3})));
    let in_parquet = TestFolder::with(
        "1.parquet",
        parquet(vec![("a", of(Int64Array::from(vec![1]))), ("gone", of(Int64Array::from(vec![2])))]),
    )
    .and(
        "2.parquet",
        parquet(vec![("new", of(StringArray::from(vec!["x"]))), ("a", of(Int64Array::from(vec![3])))]),
    );
    let in_json =
        TestFolder::with("1.jsonl", r#"{"t":1,"a":1,"gone":2}"#).and("2.jsonl", r#"{"new":"x","a":3,"t":1}"#);
    let in_csv = TestFolder::with("1.csv", "t,a,gone\n1,1,2\n").and("2.csv", "new,a,t\nx,3,1\n");
    let mixed = TestFolder::with("1.avro", avro(&[("a", long), ("gone", long)], json!({"a": 1, "gone": 2})))
        .and("2.jsonl", r#"{"new":"x","a":3,"t":1}"#);
    for folder in [in_avro, in_parquet, in_json, in_csv, mixed] {
        assert_eq!(types(&folder), ["a: int64", "gone: int64", "new: string"]);
        assert_eq!(read_all(&folder), ["1 2 NULL", "3 NULL x"]);
    }
}

#[test]
fn a_default_stands_for_what_an_avro_file_lacks() {
    let with = |rest: &str| format!(r#"{rest},"default":"#);
    let day = r#"{"type":"int","logicalType":"date"}"#;
    let cents = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#;
    let color = r#"{"type":"enum","name":"E","symbols":["RED","BLUE"]}"#;
    let fields = [
        ("l", with(r#""long""#) + "-7"),
        ("s", with(r#""string""#) + r#""none""#),
        ("d", with(r#""double""#) + "0.5"),
        ("b", with(r#""boolean""#) + "true"),
        ("day", with(day) + "19782"),
        ("cents", with(cents) + r#""\u0004\u00ce""#),
        ("color", with(color) + r#""BLUE""#),
        ("n", with(r#"["null","long"]"#) + "null"),
        ("m", with(r#"["long","null"]"#) + "4"),
        ("at", with(r#"{"type":"long","logicalType":"timestamp-millis"}"#) + "0"),
        (
            "u",
            with(r#"{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}"#)
                + r#""00010203-0405-0607-0809-0a0b0c0d0eff""#,
        ),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, f)| (*n, f.as_str())).collect();
    let value = json!({"l": 1, "s": "x", "d": 1.0, "b": false, "day": 0, "cents": "", "color": "RED", "n": 1,
        "m": null, "at": 1000, "u": "0123456789abcdef"});
    let folder = TestFolder::with("1.avro", avro(&[("old", r#""int""#)], json!({"old": 1})))
        .and("2.avro", avro(&fields, value));
    assert_eq!(
        read_all(&folder),
        [
            "1 -7 none 0.5 true 2024-02-29 12.30 BLUE NULL 4 1970-01-01T00:00:00Z 00010203-0405-0607-0809-0a0b0c0d0eff",
            "NULL 1 x 1.0 false 1970-01-01 0.00 RED 1 NULL 1970-01-01T00:00:01Z 30313233-3435-3637-3839-616263646566",
        ]
    );
    let got = inferred(&folder, &[]).unwrap();
    assert!(got.column("l").unwrap().default && !got.column("n").unwrap().default);
}

#[test]
fn of_defaults_that_differ_the_last_file_s_counts() {
    let long = |default: &str| format!(r#""long"{default}"#);
    let file = |default: &str| avro(&[("v", &long(default))], json!({"v": 5}));
    let none = || avro(&[("w", r#""int""#)], json!({"w": 0}));
    // Before and behind; the last one that has the column declares no default.
    let folder = TestFolder::with("1.avro", none())
        .and("2.avro", file(r#","default":1"#))
        .and("3.avro", file(r#","default":2"#))
        .and("4.avro", file(""))
        .and("5.avro", none());
    assert_eq!(read_all(&folder), ["0 2", "NULL 5", "NULL 5", "NULL 5", "0 2"]);
    // As the column's type, which may be another than the default's.
    let folder = TestFolder::with("1.avro", none())
        .and("2.avro", file(r#","default":1"#))
        .and("3.avro", avro(&[("v", r#""double""#)], json!({"v": 0.5})));
    assert_eq!(read_all(&folder), ["0 1.0", "NULL 5.0", "NULL 0.5"]);
    // A default that is none.
    let folder = TestFolder::with("1.avro", none()).and("2.avro", file(r#","default":"x""#));
    let error = scan(folder.plan("t", &["v:int64"]), 1).unwrap_err();
    assert!(
        error.message().contains("the default of `v` in ") && error.message().contains("`\"x\"`"),
        "{error}"
    );
}

#[test]
fn defaults_of_nested_fields_are_those_of_the_outermost_that_is_missing() {
    let user = |fields: &str| format!(r#"{{"type":"record","name":"U","fields":[{fields}]}}"#);
    let id = r#"{"name":"id","type":"int"}"#;
    let new = r#"{"name":"id","type":"int"},{"name":"city","type":"string","default":"?"}"#;
    let or_null = |ty: &str| format!(r#"["null",{ty}]"#);
    let whole = user(new) + r#","default":{"id":9}"#;
    let folder = TestFolder::with("1.avro", avro(&[("v", r#""int""#)], json!({"v": 1})))
        .and("2.avro", avro(&[("user", &or_null(&user(id)))], json!({"user": {"id": 2}})))
        .and("3.avro", avro(&[("user", &or_null(&user(id)))], json!({"user": null})))
        .and("4.avro", avro(&[("user", &whole)], json!({"user": {"id": 4, "city": "Oslo"}})));
    assert_eq!(types(&folder), ["v: int64", "user.id: int64", "user.city: string"]);
    assert_eq!(read_all(&folder), ["1 9 ?", "NULL 2 ?", "NULL NULL NULL", "NULL 4 Oslo"]);
}

#[test]
fn types_grow_to_one_that_holds_them_all() {
    let cents =
        |p: u8, s: u8| format!(r#"{{"type":"bytes","logicalType":"decimal","precision":{p},"scale":{s}}}"#);
    let (small, large) = (cents(5, 2), cents(9, 4));
    let folder = TestFolder::with(
        "1.avro",
        avro(
            &[
                ("n", r#""int""#),
                ("x", r#""long""#),
                ("s", r#""string""#),
                ("d", &small),
                ("z", r#""null""#),
                ("i", r#""int""#),
            ],
            json!({"n": 1, "x": 9_007_199_254_740_992i64, "s": "a", "d": "\u{4}\u{ce}", "z": null, "i": 3}),
        ),
    )
    .and(
        "2.avro",
        avro(
            &[
                ("n", r#""long""#),
                ("x", r#""float""#),
                ("s", r#""bytes""#),
                ("d", &large),
                ("z", r#""long""#),
                ("i", &small),
            ],
            json!({"n": i64::MAX, "x": 0.5, "s": "b", "d": "\u{1}", "z": 8, "i": "\u{1}"}),
        ),
    );
    assert_eq!(
        types(&folder),
        ["n: int64", "x: float64", "s: string", "d: decimal(9,4)", "z: int64", "i: decimal(21,2)"]
    );
    assert_eq!(
        read_all(&folder),
        ["1 9007199254740992.0 a 12.3000 NULL 3.00", "9223372036854775807 0.5 b 0.0001 8 0.01"]
    );
    let got = inferred(&folder, &[]).unwrap();
    assert_eq!(got.column("n").unwrap().why, "int64: int and long in the schema of 2 files");

    let decimal = |v, p, s| of(Decimal128Array::from(vec![v]).with_precision_and_scale(p, s).unwrap());
    let folder = TestFolder::with(
        "1.parquet",
        parquet(vec![
            ("n", of(Int32Array::from(vec![1]))),
            ("x", of(Float32Array::from(vec![1.5]))),
            ("s", of(BinaryArray::from(vec![&b"a"[..]]))),
            ("d", decimal(1230, 5, 2)),
            ("z", of(NullArray::new(1))),
            ("at", of(TimestampMillisecondArray::from(vec![1000]).with_timezone("UTC"))),
        ]),
    )
    .and(
        "2.parquet",
        parquet(vec![
            ("n", of(Int64Array::from(vec![i64::MAX]))),
            ("x", of(Float64Array::from(vec![0.1]))),
            ("s", of(StringArray::from(vec!["b"]))),
            ("d", decimal(1, 20, 4)),
            ("z", of(Int64Array::from(vec![8]))),
            ("at", of(TimestampNanosecondArray::from(vec![5_000_000_000]).with_timezone("UTC"))),
        ]),
    );
    assert_eq!(
        types(&folder),
        ["n: int64", "x: float64", "s: string", "d: decimal(20,4)", "z: int64", "at: timestamp"]
    );
    assert_eq!(
        read_all(&folder),
        [
            "1 1.5 a 12.3000 NULL 1970-01-01T00:00:01Z",
            "9223372036854775807 0.1 b 0.0001 8 1970-01-01T00:00:05Z"
        ]
    );

    let folder = TestFolder::with("1.jsonl", r#"{"t":1,"n":1,"at":"2024-02-29"}"#)
        .and("2.jsonl", r#"{"t":1,"n":2.5,"at":"2024-02-29T10:00:00Z"}"#);
    assert_eq!(types(&folder), ["n: float64", "at: timestamp"]);
    assert_eq!(read_all(&folder), ["1.0 2024-02-29T00:00:00Z", "2.5 2024-02-29T10:00:00Z"]);
}

#[test]
fn a_number_that_the_common_type_does_not_hold_is_a_bad_record() {
    let odd = (1i64 << 53) + 1;
    let in_avro = TestFolder::with("1.avro", avro(&[("x", r#""long""#)], json!({"x": odd})))
        .and("2.avro", avro(&[("x", r#""double""#)], json!({"x": 0.5})));
    let in_parquet = TestFolder::with("1.parquet", parquet(vec![("x", of(Int64Array::from(vec![odd])))]))
        .and("2.parquet", parquet(vec![("x", of(Float64Array::from(vec![0.5])))]));
    for folder in [in_avro, in_parquet] {
        let outcome = scan(plan(&folder, &inferred(&folder, &[]).unwrap()), 1).unwrap();
        assert_eq!(rows(&outcome), ["0.5"]);
        assert_eq!(outcome.rejects[0].reason, format!("`{odd}` does not fit float64"));
    }
}

#[test]
fn types_that_clash_name_the_column_both_files_and_both_types() {
    let hint = r#"declare a type that holds both: types = { v = "string" }"#;
    let in_avro = TestFolder::with("1.avro", avro(&[("v", r#""int""#)], json!({"v": 1})))
        .and("2.avro", avro(&[("v", r#""string""#)], json!({"v": "x"})));
    let in_parquet = TestFolder::with("1.parquet", parquet(vec![("v", of(UInt32Array::from(vec![1])))]))
        .and("2.parquet", parquet(vec![("v", of(StringArray::from(vec!["x"])))]));
    let in_json = TestFolder::with("1.jsonl", r#"{"t":1,"v":1}"#).and("2.jsonl", r#"{"t":1,"v":"x"}"#);
    let mixed = TestFolder::with("1.avro", avro(&[("v", r#""boolean""#)], json!({"v": true})))
        .and("2.csv", "t,v\n1,5\n");
    for (folder, says) in [
        (&in_avro, "column `v` is int in 1.avro and string in 2.avro"),
        (&in_parquet, "column `v` is uint32 in 1.parquet and string in 2.parquet"),
        (&in_json, "column `v` is a number in 1.jsonl and a string in 2.jsonl"),
        (&mixed, "column `v` is boolean in 1.avro and int64 in 2.csv"),
    ] {
        let error = clash(folder);
        assert!(error.contains(says) && error.contains(hint), "{error}");
    }
    // The hint helps.
    for folder in [in_avro, in_parquet, in_json] {
        let got = inferred(&folder, &[("v", DataType::String)]).unwrap();
        assert_eq!(rows(&scan(plan(&folder, &got), 1).unwrap()), ["1", "x"]);
    }
    // What is mixed inside of a file is a string, as the fields of CSV are.
    let folder = TestFolder::with("1.jsonl", "{\"t\":1,\"v\":1}\n{\"t\":1,\"v\":\"x\"}\n")
        .and("2.jsonl", r#"{"t":1,"v":2}"#);
    assert_eq!(types(&folder), ["v: string"]);
    let folder = TestFolder::with("1.csv", "t,v\n1,1\n").and("2.csv", "t,v\n1,x\n");
    assert_eq!(types(&folder), ["v: string"]);
    // So are NULLs no kind.
    let folder = TestFolder::with("1.jsonl", r#"{"t":1,"v":null}"#).and("2.jsonl", r#"{"t":1,"v":2}"#);
    assert_eq!(types(&folder), ["v: int64"]);
}

#[test]
fn a_record_in_one_file_and_a_value_in_another_clash() {
    let in_json = TestFolder::with("1.jsonl", r#"{"t":1,"v":"x"}"#).and("2.jsonl", r#"{"t":1,"v":{"a":1}}"#);
    let error = clash(&in_json);
    assert!(error.contains("column `v` is a string in 1.jsonl and a record in 2.jsonl"), "{error}");
    assert!(error.contains("types = { v = \"string\" }"), "{error}");
    let got = inferred(&in_json, &[("v", DataType::String)]).unwrap();
    assert_eq!(rows(&scan(plan(&in_json, &got), 1).unwrap()), ["x NULL", "{\"a\":1} 1"]);

    let inner = r#"{"type":"record","name":"V","fields":[{"name":"a","type":"int"}]}"#;
    let in_avro = TestFolder::with("1.avro", avro(&[("v", inner)], json!({"v": {"a": 1}})))
        .and("2.avro", avro(&[("v", r#"["null","long"]"#)], json!({"v": 5})));
    let field = Arc::new(arrow_schema::Field::new("a", arrow_schema::DataType::Int64, true));
    let inside = StructArray::from(vec![(field, of(Int64Array::from(vec![1])))]);
    let in_parquet = TestFolder::with("1.parquet", parquet(vec![("v", of(inside))]))
        .and("2.parquet", parquet(vec![("v", of(Int64Array::from(vec![5])))]));
    for (folder, says) in [
        (&in_avro, "column `v` is long in 2.avro and a record in 1.avro"),
        (&in_parquet, "column `v` is int64 in 2.parquet and a record in 1.parquet"),
    ] {
        let error = clash(folder);
        assert!(error.contains(says) && error.contains("as a separate source"), "{error}");
        // Whoever wants neither can say so.
        let got = inferred(folder, &[("v", DataType::String)]).unwrap();
        assert!(got.column("v").is_some());
        assert_eq!(scan(folder.plan("t", &[]), 1).unwrap().rows.len(), 2);
        assert!(scan(folder.plan("t", &["v:int64"]), 1).unwrap_err().message().contains("v"));
    }
    // NULL where others have a record is no value.
    let folder = TestFolder::with("1.jsonl", r#"{"t":1,"v":null}"#).and("2.jsonl", r#"{"t":1,"v":{"a":1}}"#);
    assert_eq!(types(&folder), ["v.a: int64"]);
    // A name with a dot is no record.
    let folder = TestFolder::with("1.parquet", parquet(vec![("v", of(Int64Array::from(vec![1])))])).and(
        "2.parquet",
        parquet(vec![("v", of(Int64Array::from(vec![5]))), ("v.unit", of(StringArray::from(vec!["kg"])))]),
    );
    assert_eq!(read_all(&folder), ["1 NULL", "5 kg"]);
}

#[test]
fn a_type_that_no_sample_showed_is_an_error_with_the_hint() {
    // As if the second file lay behind the last that is looked at.
    for (name, bytes) in [
        ("2.avro", avro(&[("v", r#""string""#)], json!({"v": "x"}))),
        ("2.parquet", parquet(vec![("v", of(BooleanArray::from(vec![true])))])),
    ] {
        let folder = TestFolder::with("1.csv", "t,v\n1,2\n").and(name, bytes);
        let mut plan = folder.plan("t", &[]);
        plan.columns = vec![ReadColumn { name: "v".into(), ty: DataType::Int64, inferred: true }];
        match scan(plan, 1) {
            Ok(outcome) => assert!(outcome.rejects[0].reason.contains("`x` is not an int64")),
            Err(error) => {
                let error = error.to_string();
                assert!(
                    error.contains("2.parquet is boolean and cannot be read exactly as int64"),
                    "{error}"
                );
                assert!(error.contains("types = { v = \"string\" }"), "{error}");
            }
        }
    }
}
