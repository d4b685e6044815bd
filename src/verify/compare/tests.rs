//! What counts as the same, and what is told of what is not.

mod oracle;

use super::limits::Limits;
use super::*;
use crate::batch::{DataType, Field, Schema};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
    Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::fs::{create_dir_all, write};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No row differs.
const NONE: [i64; 0] = [];

/// A table of these columns.
fn table(columns: Vec<(&str, ArrayRef)>) -> ResultTable {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)));
    ResultTable::Rows { schema: Schema::default(), batches: vec![batch.unwrap()] }
}

fn rules(keys: &[&str]) -> ComparisonRules {
    let keys = keys.iter().map(|key| key.to_string()).collect();
    ComparisonRules { keys, show: 10, memory: 1 << 30, threads: 2, ..ComparisonRules::default() }
}

/// A column `v` beside another, under the keys 0, 1, 2…
fn beside(here: ArrayRef, there: ArrayRef) -> Comparison {
    let keyed = |values: ArrayRef| {
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..values.len() as i64));
        table(vec![("k", keys), ("v", values)])
    };
    compare(&keyed(here), &keyed(there), &rules(&["k"])).unwrap()
}

/// Which of the values are not the same.
fn differ(here: impl arrow_array::Array + 'static, there: impl arrow_array::Array + 'static) -> Vec<i64> {
    let both: [ArrayRef; 2] = [Arc::new(here), Arc::new(there)];
    let forth = beside(both[0].clone(), both[1].clone());
    let back = beside(both[1].clone(), both[0].clone());
    assert_eq!(forth.schema, []);
    assert_eq!((forth.matched, forth.differing), (back.matched, back.differing));
    let keys = |c: &Comparison| {
        c.rows.iter().map(|row| row.key[0].1.as_ref().unwrap().parse().unwrap()).collect::<Vec<i64>>()
    };
    assert_eq!(keys(&forth), keys(&back));
    assert_eq!(forth.rows.len() as u64, forth.differing);
    keys(&forth)
}

fn decimal(values: Vec<Option<i128>>, precision: u8, scale: i8) -> Decimal128Array {
    Decimal128Array::from(values).with_precision_and_scale(precision, scale).unwrap()
}

/// A file of this text beside a column `v` under the keys 0, 1, 2…
fn against_text(name: &str, text: &str, values: ArrayRef) -> Comparison {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    write(&path, text).unwrap();
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..values.len() as i64));
    let here = table(vec![("k", keys), ("v", values)]);
    compare(&here, &ResultTable::Files(vec![path]), &rules(&["k"])).unwrap()
}

/// Which texts of a CSV file are not the values, which are as many.
fn texts_differ(texts: &[&str], values: impl arrow_array::Array + 'static) -> Vec<usize> {
    let lines: String = texts.iter().enumerate().map(|(i, text)| format!("{i},{text}\n")).collect();
    let found = against_text("there.csv", &format!("k,v\n{lines}"), Arc::new(values));
    assert_eq!(found.schema, []);
    assert_eq!(found.here, found.matched + found.differing);
    found.rows.iter().map(|row| row.key[0].1.as_ref().unwrap().parse().unwrap()).collect()
}

fn parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
    create_dir_all(path.parent().unwrap()).unwrap();
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(3)).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path.to_path_buf()
}

#[test]
fn null_is_null_and_nothing_else() {
    assert_eq!(
        differ(
            Int64Array::from(vec![None, None, Some(0), Some(1)]),
            Int64Array::from(vec![None, Some(0), Some(0), None])
        ),
        [1, 3]
    );
    let found = beside(
        Arc::new(Int64Array::from(vec![None, None, Some(1), Some(1), Some(1)])),
        Arc::new(Int64Array::from(vec![None, Some(0), None, Some(2), Some(1)])),
    );
    let column = ColumnCount { name: "v".into(), matched: 2, null_here: 1, null_there: 1, different: 1 };
    assert_eq!(found.columns, [column]);
    assert_eq!(
        differ(StringArray::from(vec![Some(""), None]), StringArray::from(vec![None, None::<&str>])),
        [0]
    );
    // A column of NULL alone has no type.
    assert_eq!(differ(arrow_array::NullArray::new(2), Int64Array::from(vec![None, Some(1)])), [1]);
}

#[test]
fn floats_are_equal_by_value() {
    let here = Float64Array::from(vec![-0.0, f64::NAN, 0.1, 1.5, f64::INFINITY, 1e-320]);
    let odd = f64::from_bits(f64::NAN.to_bits() | 1);
    let there = Float64Array::from(vec![0.0, -odd, 0.1 + 1e-18, 1.5, f64::NEG_INFINITY, 0.0]);
    assert_eq!(differ(here, there), [4, 5]);
    // A shorter float is what it is, not what it was meant to be.
    assert_eq!(differ(Float64Array::from(vec![0.5, 0.1]), Float32Array::from(vec![0.5, 0.1])), [1]);
}

#[test]
fn numbers_are_equal_across_types() {
    let cents = decimal(vec![Some(150), Some(0), Some(-5), Some(200)], 10, 2);
    let micros = decimal(vec![Some(1_500_000), Some(0), Some(-50_001), Some(2_000_000)], 20, 6);
    assert_eq!(differ(cents.clone(), micros), [2]);
    assert_eq!(differ(cents.clone(), Int64Array::from(vec![1, 0, 0, 2])), [0, 2]);
    assert_eq!(differ(cents.clone(), Float64Array::from(vec![1.5, -0.0, -0.05, 2.0])), NONE);
    assert_eq!(
        differ(cents, Float64Array::from(vec![1.5, 0.0, -0.050_000_000_000_000_01, 2.0000001])),
        [2, 3]
    );
    // 2^53 + 1 is no float: among whole numbers the value counts.
    let great = (1i64 << 53) + 1;
    assert_eq!(
        differ(Int64Array::from(vec![great, 3, 3]), Float64Array::from(vec![great as f64, 3.0, 3.5])),
        [0, 2]
    );
    assert_eq!(differ(Int32Array::from(vec![1, -1]), UInt64Array::from(vec![1, u64::MAX])), [1]);
    // More digits than 38 in the finer scale.
    let most = 10i128.pow(38) - 1;
    let coarse = decimal(vec![Some(most), Some(10), Some(-most)], 38, 0);
    let fine = decimal(vec![Some(most), Some(10 * 10i128.pow(10)), Some(-most)], 38, 10);
    assert_eq!(differ(coarse.clone(), fine), [0, 2]);
    assert_eq!(differ(coarse.clone(), coarse), NONE);
}

#[test]
fn instants_are_equal_across_precisions_and_zones() {
    let seconds = TimestampSecondArray::from(vec![0, 86_400, -1]);
    let millis = TimestampMillisecondArray::from(vec![0, 86_400_000, -1000]).with_timezone("Asia/Jakarta");
    let micros = TimestampMicrosecondArray::from(vec![0, 86_400_000_000, -1_000_001]).with_timezone("UTC");
    let nanos = TimestampNanosecondArray::from(vec![1, 86_400_000_000_000, -1_000_000_000]);
    assert_eq!(differ(seconds.clone(), millis), NONE);
    assert_eq!(differ(seconds.clone(), micros), [2]);
    assert_eq!(differ(seconds.clone(), nanos), [0]);
    assert_eq!(differ(Date32Array::from(vec![0, 1, 0]), seconds), [2]);
}

#[test]
fn texts_are_equal_by_bytes() {
    let here = ["", "a", "exactly 12 b", "thirteen byte", "é", "thirteen byte "];
    let there = ["", "A", "exactly 12 b", "thirteen byte", "e\u{301}", "thirteen byte"];
    assert_eq!(differ(StringArray::from(here.to_vec()), StringArray::from(there.to_vec())), [1, 4, 5]);
    let codes: DictionaryArray<Int32Type> = here.into_iter().collect();
    assert_eq!(differ(StringArray::from(here.to_vec()), codes), NONE);
    assert_eq!(differ(BooleanArray::from(vec![true, false]), BooleanArray::from(vec![true, true])), [1]);
}

#[test]
fn texts_of_csv_are_read_as_the_other_type() {
    let ints = ["7", "7.0", "70e-1", "007", "+7", "7.5", "seven", "", "\"\""];
    let values =
        Int64Array::from(vec![Some(7), Some(7), Some(7), Some(7), Some(7), Some(7), Some(7), None, None]);
    assert_eq!(texts_differ(&ints, values), [5, 6]);
    let cents = [
        "1.5",
        "1.50",
        "1.500000",
        "15e-1",
        "0.15E+1",
        "1.501",
        "1.5 ",
        "1.50000000000000000000000000000000000001",
    ];
    // A space is none of a number.
    assert_eq!(texts_differ(&cents, decimal(vec![Some(150); 8], 10, 2)), [5, 7]);
    let floats = ["0.1", "1e-1", "0.10000000000000001", "0.30000000000000004", "nan", "inf", "-0"];
    let values = Float64Array::from(vec![0.1, 0.1, 0.1, 0.3, f64::NAN, f64::INFINITY, 0.0]);
    assert_eq!(texts_differ(&floats, values), [3]);
    let truths = ["true", "T", "1", "FALSE", "f", "0", "yes"];
    let values = BooleanArray::from(vec![true, true, true, false, false, false, true]);
    assert_eq!(texts_differ(&truths, values), [6]);
}

#[test]
fn times_of_csv_are_read_in_all_usual_ways() {
    let times = [
        "2024-02-29T12:00:00Z",
        "2024-02-29 12:00:00",
        "2024-02-29 12:00:00+00",
        "2024-02-29 19:00:00.000+07",
        "2024-02-29T12:00",
        "2024-02-29 17:30:00 +05:30",
        "2024-02-29 12:00:00.000000000 UTC",
        "2024-02-29 12:00:00.000001",
        "2024-02-29",
        "29.02.2024 12:00",
    ];
    let noon = 1_709_208_000_000_000;
    assert_eq!(texts_differ(&times, TimestampMicrosecondArray::from(vec![noon; 10])), [7, 8, 9]);
    assert_eq!(
        texts_differ(
            &["2024-02-29", "2024-02-29 00:00:00+00", "2024-03-01"],
            Date32Array::from(vec![19_782; 3])
        ),
        [2]
    );
}

#[test]
fn an_empty_field_is_null_and_quotes_make_it_a_text() {
    let values = StringArray::from(vec![None, Some(""), None, Some("")]);
    assert_eq!(texts_differ(&["", "\"\"", "\"\"", ""], values), [2, 3]);
    let values = StringArray::from(vec!["a,\"b\"\nc", "1.50", "NULL"]);
    assert!(texts_differ(&["\"a,\"\"b\"\"\nc\"", "1.50", "NULL"], values).is_empty());
}

#[test]
fn json_lines_have_nulls_where_names_are_missing() {
    let text = "{\"v\":1.50,\"k\":0}\n\n{\"k\":1}\n{\"v\":null,\"k\":2}\n{\"k\":3,\"v\":\"1.5\"}\r\n{\"k\":4,\"v\":1e1}\n";
    let values = || Arc::new(decimal(vec![Some(150), None, None, Some(150), Some(1001)], 10, 2));
    let found = against_text("there.jsonl", text, values());
    assert_eq!((found.matched, found.differing), (4, 1));
    assert_eq!(found.rows[0].cells, [("v".to_string(), Some("10.01".to_string()), Some("1e1".to_string()))]);
    let mut gz = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    let packed = [("gz", gz.finish().unwrap()), ("zst", zstd::encode_all(text.as_bytes(), 1).unwrap())];
    for (name, bytes) in packed {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("there.ndjson.{name}"));
        write(&path, bytes).unwrap();
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..5));
        let here = table(vec![("k", keys), ("v", values())]);
        let again = compare(&here, &ResultTable::Files(vec![path]), &rules(&["k"])).unwrap();
        assert_eq!(again, found);
    }
}

#[test]
fn without_types_the_values_decide() {
    let folder = tempfile::tempdir().unwrap();
    let both = |here: &str, there: &str| {
        let [a, b] = ["a.csv", "b.csv"].map(|name| folder.path().join(name));
        write(&a, format!("k,v\n{here}")).unwrap();
        write(&b, format!("k,v\n{there}")).unwrap();
        let found =
            compare(&ResultTable::Files(vec![a]), &ResultTable::Files(vec![b]), &rules(&["k"])).unwrap();
        (found.matched, found.differing)
    };
    assert_eq!(both("1,1.50\n2,-3\n", "1.0,1.5\n2,-3.0\n"), (2, 0));
    // Postcodes are no numbers.
    assert_eq!(both("1,007\n2,8\n", "1,7\n2,8\n"), (1, 1));
    assert_eq!(both("1,1.50\n2,x\n", "1,1.5\n2,x\n"), (1, 1));
    assert_eq!(both("1,2024-01-01 00:00:00\n", "1,2024-01-01T07:00+07\n"), (1, 0));
    assert_eq!(both("1,true\n", "1,t\n"), (0, 1));
}

#[test]
fn columns_of_the_path_count_where_the_other_side_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let column = |values: [i64; 2]| -> Vec<(&str, ArrayRef)> {
        vec![("k", Arc::new(Int64Array::from(values.to_vec())))]
    };
    let files = vec![
        parquet(&folder.path().join("date=2024-02-29/hour=07/part-0.parquet"), column([1, 2])),
        parquet(
            &folder.path().join("date=2024-03-01/hour=__HIVE_DEFAULT_PARTITION__/part-0.parquet"),
            column([1, 2]),
        ),
    ];
    let days: ArrayRef = Arc::new(Date32Array::from(vec![19_782, 19_782, 19_783, 19_783]));
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 1, 2]));
    let hours: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), Some(8), None, None]));
    let there = table(vec![("date", days.clone()), ("k", keys.clone()), ("hour", hours)]);
    let found = compare(&ResultTable::Files(files.clone()), &there, &rules(&["date", "k"])).unwrap();
    assert_eq!((found.matched, found.differing, found.schema.len()), (3, 1, 0));
    assert_eq!(found.rows[0].key[0], ("date".to_string(), Some("2024-02-29".to_string())));
    assert_eq!(found.rows[0].cells[0], ("hour".to_string(), Some("07".to_string()), Some("8".to_string())));
    // Nobody misses the hour.
    let there = table(vec![("date", days), ("k", keys)]);
    assert!(compare(&ResultTable::Files(files), &there, &rules(&["date", "k"])).unwrap().same());
}

#[test]
fn uuids_and_other_widths_of_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = arrow_array::builder::FixedSizeBinaryBuilder::new(16);
    bytes.append_value([0x12; 16]).unwrap();
    bytes.append_null();
    let file = parquet(&folder.path().join("a.parquet"), vec![("k", Arc::new(bytes.finish()))]);
    let keys: ArrayRef =
        Arc::new(StringArray::from(vec![None, Some("12121212-1212-1212-1212-121212121212")]));
    assert!(compare(&ResultTable::Files(vec![file]), &table(vec![("k", keys)]), &rules(&[])).unwrap().same());
}

#[test]
fn columns_that_cannot_be_compared_are_named() {
    let ints = || -> ArrayRef { Arc::new(Int64Array::from(vec![1, 2])) };
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["1", "2"]));
    let here =
        table(vec![("k", ints()), ("v", ints()), ("Total", ints()), ("left out", ints()), ("N", ints())]);
    // One that is written otherwise is the same column, unless two of them could be meant.
    let there = table(vec![("total", ints()), ("TOTAL", ints()), ("v", texts), ("k", ints()), ("n", ints())]);
    let ignore = vec!["left out".to_string()];
    let found = compare(&here, &there, &ComparisonRules { ignore, ..rules(&["k"]) }).unwrap();
    let wanted = [
        SchemaDifference::Types("v".into(), "int64".into(), "string".into()),
        SchemaDifference::Only(WhichSide::Here, "Total".into()),
        SchemaDifference::Only(WhichSide::There, "total".into()),
        SchemaDifference::Only(WhichSide::There, "TOTAL".into()),
    ];
    assert_eq!(found.schema, wanted);
    assert_eq!((found.matched, found.columns.len(), found.same()), (2, 1, false));
    assert_eq!(found.notes, ["`n` there is compared with `N` here"]);
}

#[test]
fn wrong_rules_are_refused() {
    let ints = || -> ArrayRef { Arc::new(Int64Array::from(vec![1])) };
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let here = table(vec![("seller", ints()), ("name", texts.clone())]);
    let there = table(vec![("Seller", ints()), ("SELLER", ints()), ("name", ints())]);
    let said = |rules: ComparisonRules| compare(&here, &there, &rules).unwrap_err().to_string();
    insta::assert_snapshot!(said(rules(&["seller"])), @r"
    error: the key `seller` is not a column there
      hint: the column is `Seller`: names are case-sensitive
    ");
    insta::assert_snapshot!(said(rules(&["sellr"])), @r"
    error: the key `sellr` is not a column here
      hint: did you mean `seller`?
    ");
    insta::assert_snapshot!(said(rules(&["name"])), @r"
    error: the key `name` cannot be compared
      cause: it is string here and int64 there
    ");
    insta::assert_snapshot!(said(rules(&[])), @r"
    error: the two results have no common column that can be compared
      cause: here are `seller`, `name`; there are `Seller`, `SELLER`, `name`
    ");
    insta::assert_snapshot!(said(ComparisonRules { ignore: vec!["nam".into()], ..rules(&[]) }), @r"
    error: to be left out is `nam`, which neither side has
      hint: did you mean `name`?
    ");
    let tolerance = vec![("name".to_string(), -1.0, 0.0)];
    insta::assert_snapshot!(said(ComparisonRules { tolerance, ..rules(&[]) }), @"error: the tolerance of `name` is negative");
    let both = table(vec![("name", texts), ("k", ints())]);
    let near = |name: &str, keys: &[&str]| {
        let rules = ComparisonRules { tolerance: vec![(name.to_string(), 1.0, 0.0)], ..rules(keys) };
        compare(&both, &both, &rules).unwrap_err().to_string()
    };
    insta::assert_snapshot!(near("name", &["k"]), @"error: `name` does not contain numbers, so it cannot have a tolerance");
    insta::assert_snapshot!(near("k", &["k"]), @"error: `k` is a key, so it cannot have a tolerance");
}

#[test]
fn files_that_are_no_results_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = |name: &str, text: &str| {
        let path = folder.path().join(name);
        write(&path, text).unwrap();
        let tables = ResultTable::Files(vec![path]);
        let error = compare(&tables, &tables, &rules(&[])).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "…")
    };
    insta::assert_snapshot!(said("a.csv", "a,b\n1,2\n\n1\n"), @"error: …/a.csv, line 4: 1 fields, but the header has 2 names");
    insta::assert_snapshot!(said("b.csv", "a,b\n1,\"2\n3,4\n"), @"error: …/b.csv, line 2: a quote begins here and does not end");
    insta::assert_snapshot!(said("c.csv", ""), @"error: …/c.csv, line 1: expected a header with a name for each column");
    insta::assert_snapshot!(said("d.csv", "a,a\n1,2\n"), @"error: here, …/d.csv has two columns `a`");
    assert!(
        said("e.jsonl", "{\"a\":1}\n[2]\n")
            .starts_with("error: …/e.jsonl, line 2: expected a JSON object on each line")
    );
    assert!(said("f.parquet", "PAR1 and no more").starts_with("error: cannot read …/f.parquet"));
}

#[test]
fn near_numbers_are_the_same_within_a_tolerance() {
    let near = |here: ArrayRef, there: ArrayRef, absolute: f64, relative: f64| {
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..here.len() as i64));
        let sides = [here, there].map(|values| table(vec![("k", keys.clone()), ("v", values)]));
        let tolerance = vec![("v".to_string(), absolute, relative)];
        let found = compare(&sides[0], &sides[1], &ComparisonRules { tolerance, ..rules(&["k"]) }).unwrap();
        found.rows.iter().map(|row| row.key[0].1.as_ref().unwrap().parse().unwrap()).collect::<Vec<i64>>()
    };
    let cents = |values: [Option<i128>; 4]| -> ArrayRef { Arc::new(decimal(values.to_vec(), 10, 2)) };
    // Exact to the bound: 1.51 − 1.50 is 0.01, which floats do not know.
    let (a, b) = (cents([Some(150), Some(150), None, None]), cents([Some(151), Some(152), None, Some(0)]));
    assert_eq!(near(a.clone(), b.clone(), 0.01, 0.0), [1, 3]);
    assert_eq!(near(a, b, 0.0, 0.02), [3]);
    let floats = |values: [f64; 4]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let (a, b) = (floats([1.0, f64::NAN, 1.0, 1.0]), floats([1.1, f64::NAN, f64::INFINITY, f64::NAN]));
    assert_eq!(near(a, b, 0.2, 0.2), [2, 3]);
    let times = |values: [i64; 2]| -> ArrayRef { Arc::new(TimestampMillisecondArray::from(values.to_vec())) };
    assert_eq!(near(times([0, 0]), times([1000, 1001]), 1.0, 0.0), [1]);
    // Digits past the scale of the other side are subtracted too.
    let found = {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write(&path, "k,v\n0,1.5099\n1,1.51000000000000000000000000001\n2,1.5101\n").unwrap();
        let here = table(vec![
            ("k", Arc::new(Int64Array::from(vec![0, 1, 2]))),
            ("v", Arc::new(decimal(vec![Some(150); 3], 10, 2))),
        ]);
        let tolerance = vec![("v".to_string(), 0.01, 0.0)];
        compare(&here, &ResultTable::Files(vec![path]), &ComparisonRules { tolerance, ..rules(&["k"]) })
            .unwrap()
    };
    assert_eq!((found.matched, found.rows[0].key[0].1.as_deref()), (2, Some("2")));
}

#[test]
fn a_key_that_comes_again_is_named_on_its_side() {
    let side = |keys: Vec<i64>, values: Vec<i64>| {
        table(vec![("k", Arc::new(Int64Array::from(keys))), ("v", Arc::new(Int64Array::from(values)))])
    };
    // The same rows on both sides are still not told apart by their key.
    let twice = side(vec![1, 2, 2], vec![10, 20, 20]);
    let found = compare(&twice, &twice, &rules(&["k"])).unwrap();
    let key = vec![("k".to_string(), Some("2".to_string()))];
    let again = |side, rows| Duplicate { side, key: key.clone(), rows };
    assert_eq!(found.duplicates, [again(WhichSide::Here, 2), again(WhichSide::There, 2)]);
    assert_eq!((found.matched, found.duplicate_keys, found.same()), (3, 1, false));
    // Those that are the same are paired first, whatever their order.
    let other = side(vec![2, 1, 2, 2], vec![21, 10, 22, 20]);
    let found = compare(&twice, &other, &rules(&["k"])).unwrap();
    assert_eq!((found.matched, found.differing, found.only_there), (2, 1, 1));
    assert_eq!(found.duplicates, [again(WhichSide::Here, 2), again(WhichSide::There, 3)]);
    assert_eq!(found.rows[0].cells, [("v".to_string(), Some("20".to_string()), Some("21".to_string()))]);
    assert_eq!(
        (found.rows[1].only, &found.rows[1].cells[0].2),
        (Some(WhichSide::There), &Some("22".to_string()))
    );
    // Without a key a row may come as often as it likes.
    let found = compare(&twice, &other, &rules(&[])).unwrap();
    assert_eq!((found.matched, found.only_here, found.only_there, found.duplicate_keys), (2, 1, 2, 0));
}

#[test]
fn empty_results_are_compared_too() {
    let schema = Schema::new(vec![Field::new("k", DataType::Int64), Field::new("v", DataType::String)]);
    let none = ResultTable::Rows { schema, batches: vec![] };
    assert!(compare(&none, &none, &rules(&["k"])).unwrap().same());
    let one = table(vec![
        ("k", Arc::new(Int64Array::from(vec![5]))),
        ("v", Arc::new(StringArray::from(vec!["x"]))),
    ]);
    let found = compare(&none, &one, &rules(&["k"])).unwrap();
    assert_eq!((found.here, found.there, found.only_there), (0, 1, 1));
    let cells = vec![("v".to_string(), None, Some("x".to_string()))];
    let key = vec![("k".to_string(), Some("5".to_string()))];
    assert_eq!(found.rows, [RowDifference { key, only: Some(WhichSide::There), cells }]);
}
