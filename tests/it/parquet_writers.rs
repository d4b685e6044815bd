//! Parquet as other programs write it: what is read is right, what is not is named; the referee agrees.

use crate::support::Lab;
use arrow_array::{
    ArrayRef, Decimal256Array, DurationSecondArray, Int64Array, ListArray, RecordBatch,
    Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array, types::Int64Type,
};
use arrow_buffer::i256;
use parquet::arrow::ArrowWriter;
use std::fs::File;
use std::sync::Arc;

/// Three events of odd types.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let noon = 1_717_243_200_000_000;
    let wide = [1i128, 250, 10i128.pow(30)].map(i256::from_i128);
    let lists = (0..3).map(|i| Some(vec![Some(i)]));
    vec![
        ("t", Arc::new(TimestampMicrosecondArray::from(vec![noon; 3]))),
        ("big", Arc::new(UInt64Array::from(vec![u64::MAX, u64::MAX, 1]))),
        ("tod", Arc::new(Time64MicrosecondArray::from(vec![Some(37_800_500_000), None, Some(0)]))),
        ("wide", Arc::new(Decimal256Array::from_iter_values(wide).with_precision_and_scale(50, 2).unwrap())),
        ("lst", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))),
        ("dur", Arc::new(DurationSecondArray::from(vec![1, 2, 3]))),
    ]
}

fn written(columns: Vec<(&'static str, ArrayRef)>) -> Lab {
    let lab = Lab::new();
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(lab.path("x.parquet")).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    lab
}

fn job(select: &str) -> String {
    format!(
        r#"timezone = "Asia/Jakarta"
[source]
path = "x.parquet"
time = "t"
[[output]]
path = "out.csv"
window = {{ tumbling = "1 day" }}
select = {{ {select} }}
"#
    )
}

#[test]
fn odd_types_are_read_and_the_referee_agrees() {
    let lab = written(columns());
    let job = job(r#"s = "sum(big)", first = "min(tod)", last = "max(tod)", w = "sum(wide)""#);
    lab.done(&job, &[]);
    let row = lab.text("out.csv").lines().nth(1).unwrap().to_string();
    let sums = "36893488147419103231,00:00:00,10:30:00.5,10000000000000000000000000002.51";
    assert!(row.ends_with(sums), "{row}");
    lab.write("job.toml", &job);
    let answer = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    let answer = lab.highwater(&["explain", "job.toml"]);
    assert!(
        answer.out.contains("decimal(20,0): uint64, past int64, in the schema of 1 file"),
        "{}",
        answer.out
    );
    assert!(answer.out.contains("json: list in the schema of 1 file"), "{}", answer.out);
    let answer = lab.highwater(&["sql", "job.toml", "--dialect", "duckdb"]);
    assert!(answer.code == 2 && answer.err.contains("`wide`"), "{}{}", answer.out, answer.err);
}

#[test]
fn a_column_that_is_not_read_is_not_an_unknown_one() {
    let lab = written(columns());
    lab.done(&job(r#"a = "count(lst)""#), &[]);
    let answer = lab.run(&job(r#"b = "max(dur)", c = "max(bigger)""#), &[]);
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains("column `dur` is a duration in x.parquet"), "{}", answer.err);
    assert!(answer.err.contains("unknown column `bigger`"), "{}", answer.err);
}

#[test]
fn two_columns_of_one_name_and_what_is_encrypted_are_refused() {
    let twice = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let lab = written(vec![columns().remove(0), ("v", twice(vec![1; 3])), ("v", twice(vec![2; 3]))]);
    let answer = lab.run(&job(r#"s = "sum(v)""#), &[]);
    assert!(
        answer.code == 3 && answer.err.contains("x.parquet: two columns are named `v`"),
        "{}",
        answer.err
    );
    lab.write("x.parquet", b"PARE\0\0nobody reads this\0\0\x10\0\0\0PARE");
    let answer = lab.run(&job(r#"s = "sum(v)""#), &[]);
    assert!(
        answer.code == 3 && answer.err.contains("x.parquet is encrypted, which is not supported"),
        "{}",
        answer.err
    );
    assert!(!answer.err.contains("damaged"), "{}", answer.err);
}
