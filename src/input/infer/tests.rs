use super::*;
use crate::error::Kind;
use crate::input::written::WrittenColumns;
use crate::input::{Compression, Shape, testing};
use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, UInt32Array,
};
use parquet::arrow::ArrowWriter;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

static PLAIN: WrittenColumns = WrittenColumns::PLAIN;
const CSV: SampleLayout = SampleLayout { delimiter: b',', names: None, written: &PLAIN };

fn source(path: &Path, ordinal: usize) -> SourceFile {
    let name = path.to_string_lossy();
    let compression = match () {
        _ if name.ends_with(".gz") => Compression::Gzip,
        _ if name.ends_with(".zst") => Compression::Zstd,
        _ => Compression::None,
    };
    let format = match () {
        _ if name.contains(".csv") => InputFormat::Csv,
        _ if name.contains(".jsonl") => InputFormat::JsonLines,
        _ => InputFormat::Parquet,
    };
    SourceFile {
        path: path.into(),
        ordinal: ordinal as u32,
        format,
        shape: Shape::of(compression),
        bytes: 0,
        framing: Default::default(),
        partition_columns: vec![],
        unnest: None,
        opened: testing::opened(path),
    }
}

/// Files of these names and contents.
fn files(contents: &[(&str, &[u8])]) -> (TempDir, Vec<SourceFile>) {
    let dir = tempfile::tempdir().unwrap();
    let files = contents.iter().enumerate().map(|(i, (name, text))| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        source(&path, i)
    });
    let files = files.collect();
    (dir, files)
}

fn inferred(contents: &[(&str, &str)]) -> Inferred {
    let contents: Vec<_> = contents.iter().map(|(n, t)| (*n, t.as_bytes())).collect();
    let (_dir, files) = files(&contents);
    infer(&files, CSV, &BTreeMap::new()).unwrap()
}

fn types(inferred: &Inferred) -> Vec<String> {
    inferred.columns.iter().map(|c| format!("{}: {}", c.name, c.ty)).collect()
}

#[test]
fn csv_values_decide_the_type() {
    let cases = [
        ("true\nFALSE\n", "bool"),
        ("1\n-20\n", "int64"),
        ("0\n9223372036854775807\n", "int64"),
        ("1\n2.5\n", "float64"),
        ("1e5\n.5\n", "float64"),
        ("2024-02-29\n", "date"),
        ("2024-02-29\n2024-02-29T10:00:00Z\n", "timestamp"),
        ("2024-02-29 10:00:00\n", "timestamp"),
        ("007\n12\n", "string"),
        ("-01\n", "string"),
        ("00.5\n", "string"),
        ("9223372036854775808\n", "string"),
        ("+44\n", "string"),
        ("1\ntrue\n", "string"),
        ("1\n2024-01-01\n", "string"),
        ("2024-02-30\n", "string"),
        ("12:30\n", "string"),
        ("1 \n", "string"),
        ("NaN\n", "string"),
        ("\"\"\n", "string"),
        ("9999-12-31 00:00:00\n", "string"),
    ];
    for (text, want) in cases {
        let got = inferred(&[("a.csv", &format!("c,d\n{}", text.replace('\n', ",\n")))]);
        assert_eq!(got.columns[0].ty.to_string(), want, "{text:?}: {}", got.columns[0].why);
    }
}

#[test]
fn the_reason_is_a_sentence() {
    let got = inferred(&[
        ("1.csv", "id,price,code,none\n1,2.5,007,\n2,3,8,\n"),
        ("2.csv", "price,id\n1,C536379\n"),
    ]);
    let why: Vec<&str> = got.columns.iter().map(|c| c.why.as_str()).collect();
    assert_eq!(
        why,
        [
            "string: `C536379` in 2.csv, line 2, is not a number",
            "float64: 3 values in 2 files, e.g. 2.5",
            "string: `007` in 1.csv, line 2, has leading zeros",
            "string: no value in the sample",
        ]
    );
    let missing: Vec<usize> = got.columns.iter().map(|c| c.missing_in).collect();
    assert_eq!(missing, [0, 0, 1, 1]);
    assert!(got.columns[3].nulls && !got.columns[0].nulls);
    assert_eq!(got.columns[0].example.as_deref(), Some("1"));
    assert_eq!((got.files, got.records), (2, 3));
}

#[test]
fn a_late_file_counts_as_much_as_an_early_one() {
    let mut contents: Vec<(String, String)> =
        (0..305).map(|i| (format!("{i:03}.csv"), "No\n".to_string() + &"536365\n".repeat(1000))).collect();
    contents[304].1.insert_str(3, "C536379\n");
    let borrowed: Vec<_> = contents.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    let got = inferred(&borrowed);
    assert_eq!(got.columns[0].why, "string: `C536379` in 304.csv, line 2, is not a number");
    assert_eq!(got.records, 6100);
}

#[test]
fn declared_types_win() {
    let (_dir, files) = files(&[("a.csv", b"id,n\n1,2\n")]);
    let declared =
        BTreeMap::from([("id".to_string(), DataType::String), ("gone".to_string(), DataType::Int64)]);
    let got = infer(&files, CSV, &declared).unwrap();
    assert_eq!(types(&got), ["id: string", "n: int64"]);
    assert!(got.columns[0].declared && !got.columns[1].declared);
    assert_eq!(got.columns[0].why, "declared");
    assert_eq!(got.names().collect::<Vec<_>>(), ["id", "n"]);
}

#[test]
fn heads_are_cut_at_whole_records() {
    // Wherever the cut falls, half a date is not looked at.
    let mut text = "c\n".to_string();
    while text.len() < 200_000 {
        text.push_str("2024-01-01\n\"2024-01-02\"\n");
    }
    assert_eq!(types(&inferred(&[("a.csv", &text)])), ["c: date"]);
    let long = format!("c,d\n\"{}\",5\nx,6\n", "long\n".repeat(50_000));
    assert_eq!(types(&inferred(&[("a.csv", &long)])), ["c: string", "d: int64"]);
    let long = format!("{{\"a\":\"{}\",\"b\":1}}\n", "x".repeat(300_000));
    assert_eq!(types(&inferred(&[("a.jsonl", &long)])), ["a: string", "b: int64"]);
}

#[test]
fn json_objects_become_paths() {
    let got = inferred(&[(
        "a.jsonl",
        r#"{"id":1,"user":{"name":"A","address":{"zip":"01234"}},"tags":[1,2],"at":"2024-01-01T00:00:00Z","n":1}
{"id":2,"user":{"name":null},"ok":true,"n":1.5,"big":12345678901234567890}
{"id":3,"broken
"#,
    )]);
    assert_eq!(
        types(&got),
        [
            "id: int64",
            "user.name: string",
            "user.address.zip: string",
            "tags: json",
            "at: timestamp",
            "n: float64",
            "ok: bool",
            "big: string",
        ]
    );
    let nulls: Vec<bool> = got.columns.iter().map(|c| c.nulls).collect();
    assert_eq!(nulls, [false, true, true, true, true, false, true, true]);
    assert!(got.column("tags").unwrap().why.contains("lists"));
}

#[test]
fn numbers_in_json_strings_are_strings() {
    assert_eq!(
        types(&inferred(&[("a.jsonl", "{\"a\":\"1\",\"b\":\"true\"}\n")])),
        ["a: string", "b: string"]
    );
}

#[test]
fn compressed_heads_are_read_and_damage_behind_them_is_not_seen() {
    let text = "a,b\n1,x\n".to_string() + &"2,y\n".repeat(100_000);
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let mut gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    gzip.truncate(gzip.len() - 10);
    let (_dir, files_) = files(&[("a.csv.gz", &gzip), ("b.csv.zst", &zstd)]);
    assert_eq!(types(&infer(&files_, CSV, &BTreeMap::new()).unwrap()), ["a: int64", "b: string"]);
    let (_dir, files_) = files(&[("a.csv.gz", b"no gzip")]);
    let error = infer(&files_, CSV, &BTreeMap::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
}

#[test]
fn names_and_delimiters_are_the_callers() {
    let (_dir, files) = files(&[("a.csv", b"\xef\xbb\xbf1;x\n2;y\n")]);
    let names = ["n".to_string(), "s".to_string()];
    let layout = SampleLayout { delimiter: b';', names: Some(&names), written: &PLAIN };
    assert_eq!(types(&infer(&files, layout, &BTreeMap::new()).unwrap()), ["n: int64", "s: string"]);
}

#[test]
fn empty_files_say_nothing() {
    let got = inferred(&[("a.csv", ""), ("b.csv", "x,y\n"), ("c.jsonl", "\n\n")]);
    assert_eq!(types(&got), ["x: string", "y: string"]);
    assert_eq!(got.columns[0].missing_in, 2);
}

fn parquet(dir: &TempDir, name: &str, columns: Vec<(&str, ArrayRef)>) -> SourceFile {
    let path = dir.path().join(name);
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    source(&path, 0)
}

#[test]
fn parquet_schemas_are_taken_and_promoted() {
    let dir = tempfile::tempdir().unwrap();
    let ints: ArrayRef = Arc::new(UInt32Array::from(vec![7]));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![0.5]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let cents = Decimal128Array::from(vec![1]).with_precision_and_scale(9, 2).unwrap();
    let cents: ArrayRef = Arc::new(cents);
    let long: ArrayRef = Arc::new(Int64Array::from(vec![7]));
    let a = parquet(&dir, "a.parquet", vec![("n", ints.clone()), ("d", cents)]);
    let b = parquet(&dir, "b.parquet", vec![("n", floats), ("d", long)]);
    let c = parquet(&dir, "c.parquet", vec![("n", texts)]);
    let got = infer(&[a.clone(), b], CSV, &BTreeMap::new()).unwrap();
    assert_eq!(types(&got), ["n: float64", "d: decimal(21,2)"]);
    assert_eq!(got.columns[0].why, "float64: uint32 and float64 in the schema of 2 files");
    assert_eq!(got.columns[0].example.as_deref(), Some("7"));
    let both = [a, c];
    let error = infer(&both, CSV, &BTreeMap::new()).unwrap_err().to_string();
    assert!(error.contains("column `n` is uint32 in a.parquet and string in c.parquet"), "{error}");
    let declared = BTreeMap::from([("n".to_string(), DataType::String)]);
    assert_eq!(infer(&both, CSV, &declared).unwrap().columns[0].ty, DataType::String);
}

#[test]
fn a_column_that_a_header_names_twice_is_in_one_file() {
    let inferred = inferred(&[("a.csv", "at,x,x\n1,2,3\n"), ("b.csv", "at\n1\n")]);
    let missing: Vec<_> = inferred.columns.iter().map(|c| (c.name.as_str(), c.missing_in)).collect();
    assert_eq!(missing, [("at", 0), ("x", 1), ("x_2", 1)]);
}
