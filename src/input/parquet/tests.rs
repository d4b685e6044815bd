//! Files written here are read back.

mod rare;

use super::*;
use crate::batch::{Batch, DataType, Position};
use crate::input::bad::Bad;
use crate::input::columnar::FileColumn;
use crate::input::{Compression, InputFormat, OnBadRecord, ReadTime, Shape, testing};
use crate::time::{DAY, HOUR, TimeRule, TimeUnit, Zone};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType as ArrowType, Field, Fields};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::sync::Arc;
use tempfile::TempDir;

fn decimal(precision: u8, scale: u8) -> DataType {
    DataType::Decimal { precision, scale }
}

/// A folder with one Parquet file of these columns, in row groups of `group` rows.
fn written(columns: Vec<(&str, ArrayRef)>, group: usize) -> (TempDir, SourceFile) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.parquet");
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    // Whether a page is full is looked at each time so many rows are written.
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(Some(group)).set_write_batch_size(16).build();
    let mut writer =
        ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let file = SourceFile {
        opened: testing::opened(&path),
        path,
        ordinal: 3,
        format: InputFormat::Parquet,
        shape: Shape::of(Compression::None),
        bytes: 0,
        framing: Default::default(),
        partition_columns: vec![],
        unnest: None,
    };
    (dir, file)
}

fn plan(columns: &[(&str, DataType)], rule: TimeRule, zone: &str) -> ReadPlan {
    let time = ReadTime { column: "t".into(), rule };
    ReadPlan { zone: Zone::named(zone).unwrap(), ..testing::plan(columns, time) }
}

fn seconds() -> TimeRule {
    TimeRule::Epoch(TimeUnit::Second)
}

/// All rows of a file as one batch, and its bad records.
fn read(plan: ReadPlan, file: &SourceFile) -> Result<DecodedChunk> {
    let opened = Arc::new(ParquetFile::open(&Arc::new(plan), file)?);
    let (mut chunks, mut bad) = (vec![], vec![]);
    for unit in 0..opened.units() {
        let mut unit = opened.read(unit)?;
        while let Some(chunk) = unit.next(BadRecords::new(OnBadRecord::Reject, None)) {
            let chunk = chunk?;
            bad.extend(chunk.bad.records);
            chunks.push(chunk.batch);
        }
    }
    let columns = (0..opened.plan.columns.len()).map(|i| {
        let parts: Vec<&dyn Array> = chunks.iter().map(|b| b.columns[i].as_ref()).collect();
        arrow_select::concat::concat(&parts).unwrap()
    });
    let batch = Batch {
        columns: columns.collect(),
        time: chunks.iter().flat_map(|b| b.time.clone()).collect(),
        positions: chunks.iter().flat_map(|b| b.positions.clone()).collect(),
        rows: chunks.iter().map(|b| b.rows).sum(),
        ..Batch::default()
    };
    Ok(DecodedChunk {
        batch,
        bad: Bad { records: bad, handed: Ok(0) },
        passed: vec![],
        twice: 0,
        without_items: 0,
    })
}

fn times(n: i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((0..n).map(|i| 1_717_200_000 + i)))
}

/// What the column `c`, written as `array`, is as `ty`: texts of the values, and reasons.
fn converted(array: ArrayRef, ty: DataType) -> (Vec<Option<String>>, Vec<String>) {
    let (_dir, file) = written(vec![("c", array.clone()), ("t", times(array.len() as i64))], 1 << 20);
    let out = read(plan(&[("c", ty)], seconds(), "UTC"), &file).unwrap();
    let column = &out.batch.columns[0];
    assert_eq!(column.data_type(), &ty.arrow());
    let options = arrow_cast::display::FormatOptions::default();
    let shown = arrow_cast::display::ArrayFormatter::try_new(column, &options).unwrap();
    let texts = (0..column.len()).map(|i| column.is_valid(i).then(|| shown.value(i).to_string())).collect();
    (texts, out.bad.records.into_iter().map(|b| b.reason).collect())
}

fn all(array: impl Array + 'static, ty: DataType) -> Vec<String> {
    let (texts, bad) = converted(Arc::new(array), ty);
    assert_eq!(bad, Vec::<String>::new());
    texts.into_iter().map(|t| t.unwrap_or("NULL".into())).collect()
}

#[test]
fn types_are_read_as_the_plan_wants_them() {
    assert_eq!(all(Int32Array::from(vec![Some(-7), None]), DataType::Int64), ["-7", "NULL"]);
    assert_eq!(all(UInt8Array::from(vec![255]), DataType::Int64), ["255"]);
    assert_eq!(all(UInt32Array::from(vec![u32::MAX]), DataType::Int64), ["4294967295"]);
    assert_eq!(all(UInt64Array::from(vec![7]), DataType::Float64), ["7.0"]);
    assert_eq!(all(Float32Array::from(vec![1.5]), DataType::Float64), ["1.5"]);
    assert_eq!(all(Float64Array::from(vec![2.0]), DataType::Int64), ["2"]);
    assert_eq!(all(Int64Array::from(vec![12]), decimal(18, 2)), ["12.00"]);
    assert_eq!(all(Int64Array::from(vec![12]), DataType::String), ["12"]);
    assert_eq!(all(BooleanArray::from(vec![true]), DataType::Bool), ["true"]);
    assert_eq!(all(BooleanArray::from(vec![true]), DataType::String), ["true"]);
    assert_eq!(all(StringArray::from(vec!["12.5"]), decimal(18, 2)), ["12.50"]);
    assert_eq!(all(StringArray::from(vec!["17"]), DataType::Int64), ["17"]);
    assert_eq!(all(StringArray::from(vec!["1e3"]), DataType::Float64), ["1000.0"]);
    assert_eq!(all(LargeStringArray::from(vec!["True"]), DataType::Bool), ["true"]);
    assert_eq!(all(StringViewArray::from(vec!["2024-02-29"]), DataType::Date), ["2024-02-29"]);
    let stamp = ["2024-02-29T12:00:00Z"];
    assert_eq!(all(StringArray::from(vec!["2024-02-29 12:00"]), DataType::Timestamp), stamp);
    assert_eq!(all(StringArray::from(vec!["a text of more than twelve"]), DataType::String).len(), 1);
    assert_eq!(all(BinaryArray::from(vec!["é".as_bytes()]), DataType::String), ["é"]);
    assert_eq!(all(Date32Array::from(vec![19782]), DataType::Timestamp), ["2024-02-29T00:00:00Z"]);
    assert_eq!(all(Date32Array::from(vec![19782]), DataType::String), ["2024-02-29"]);
    assert_eq!(all(Date64Array::from(vec![19782 * 86_400_000]), DataType::Date), ["2024-02-29"]);
    assert_eq!(all(TimestampSecondArray::from(vec![19782 * 86_400]), DataType::Timestamp).len(), 1);
    let words: DictionaryArray<Int32Type> = vec!["x", "y", "x"].into_iter().collect();
    assert_eq!(all(words, DataType::String), ["x", "y", "x"]);
    assert_eq!(all(NullArray::new(2), DataType::Int64), ["NULL", "NULL"]);
}

#[test]
fn decimals_keep_their_digits() {
    let of = |v: Vec<i128>, p, s| Decimal128Array::from(v).with_precision_and_scale(p, s).unwrap();
    assert_eq!(all(of(vec![1230, -5], 10, 2), decimal(18, 2)), ["12.30", "-0.05"]);
    assert_eq!(all(of(vec![1230, -5], 10, 2), decimal(18, 4)), ["12.3000", "-0.0500"]);
    assert_eq!(all(of(vec![1230], 10, 2), decimal(18, 1)), ["12.3"]);
    assert_eq!(all(of(vec![1200], 10, 2), DataType::Int64), ["12"]);
    assert_eq!(all(of(vec![-5], 10, 2), DataType::String), ["-0.05"]);
    assert_eq!(all(of(vec![10], 10, 2), DataType::Float64), ["0.1"]);
    let (texts, bad) = converted(Arc::new(of(vec![1234, 1200], 10, 2)), decimal(18, 1));
    assert_eq!((texts, bad), (vec![Some("12.0".into())], vec!["`12.34` does not fit decimal(18,1)".into()]));
    let (_, bad) = converted(Arc::new(of(vec![99_999], 10, 2)), decimal(4, 2));
    assert_eq!(bad, ["`999.99` does not fit decimal(4,2)"]);
}

#[test]
fn what_does_not_fit_is_a_bad_record() {
    let bad = |array: ArrayRef, ty| converted(array, ty).1;
    assert_eq!(
        bad(Arc::new(UInt64Array::from(vec![u64::MAX])), DataType::Int64),
        ["`18446744073709551615` does not fit int64"]
    );
    assert_eq!(bad(Arc::new(Float64Array::from(vec![0.5])), DataType::Int64), ["`0.5` does not fit int64"]);
    assert_eq!(bad(Arc::new(StringArray::from(vec!["x"])), DataType::Int64), ["`x` is not an int64"]);
    let large = (1i64 << 53) + 1;
    assert_eq!(
        converted(Arc::new(Int64Array::from(vec![large, large - 1])), DataType::Float64),
        (vec![Some("9007199254740992.0".into())], vec![format!("`{large}` does not fit float64")])
    );
    assert_eq!(
        bad(Arc::new(BinaryArray::from(vec![&b"\xff"[..], b"ok"])), DataType::String),
        ["not valid UTF-8"]
    );
}

#[test]
fn types_that_clash_are_an_error_before_a_row_is_read() {
    let clash = |array: ArrayRef, ty| {
        let (_dir, file) = written(vec![("c", array), ("t", times(1))], 10);
        read(plan(&[("c", ty)], seconds(), "UTC"), &file).unwrap_err().to_string()
    };
    let text = clash(Arc::new(Float64Array::from(vec![0.1])), decimal(18, 2));
    assert!(text.contains("column `c` of") && text.contains("log.parquet is float64"), "{text}");
    assert!(text.contains("decimal(18,2)"), "{text}");
    clash(Arc::new(BooleanArray::from(vec![true])), DataType::Int64);
    clash(Arc::new(TimestampSecondArray::from(vec![1])), DataType::Date);
    clash(Arc::new(Time32SecondArray::from(vec![1])), DataType::Int64);
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1)])]);
    assert!(clash(Arc::new(list), DataType::Int64).contains("is a list"));
}

#[test]
fn event_times_follow_the_columns_type() {
    let read_time = |array: ArrayRef, rule, zone: &str| {
        let (_dir, file) = written(vec![("t", array)], 10);
        let out = read(plan(&[("t", DataType::Timestamp)], rule, zone), &file).unwrap();
        assert_eq!(
            out.batch.columns[0].as_primitive::<TimestampMicrosecondType>().values(),
            &out.batch.time[..]
        );
        (out.batch.time, out.bad.records.into_iter().map(|b| b.reason).collect::<Vec<_>>())
    };
    let noon = 19782 * DAY + 12 * HOUR;
    let one = |array: ArrayRef, rule, zone: &str| {
        let (times, bad) = read_time(array, rule, zone);
        assert_eq!(bad, Vec::<String>::new());
        times[0]
    };
    let millis = || TimeRule::Epoch(TimeUnit::Milli);
    assert_eq!(one(Arc::new(Int64Array::from(vec![noon / 1000])), millis(), "UTC"), noon);
    assert_eq!(one(Arc::new(UInt64Array::from(vec![noon as u64 / 1000])), millis(), "UTC"), noon);
    assert_eq!(
        one(Arc::new(Int32Array::from(vec![20240229])), TimeRule::format("%Y%m%d").unwrap(), "UTC"),
        noon - 12 * HOUR
    );
    assert_eq!(one(Arc::new(StringArray::from(vec!["2024-02-29T12:00:00"])), TimeRule::Iso, "UTC"), noon);
    assert_eq!(
        one(Arc::new(Date32Array::from(vec![19782])), TimeRule::Iso, "Asia/Jakarta"),
        noon - 19 * HOUR
    );
    // Without a zone: local. With one: an instant, whatever the zone.
    let micros = || TimestampMicrosecondArray::from(vec![noon]);
    assert_eq!(one(Arc::new(micros()), TimeRule::Iso, "Asia/Jakarta"), noon - 7 * HOUR);
    assert_eq!(one(Arc::new(micros().with_timezone("Europe/London")), TimeRule::Iso, "Asia/Jakarta"), noon);
    assert_eq!(one(Arc::new(TimestampSecondArray::from(vec![noon / 1_000_000])), TimeRule::Iso, "UTC"), noon);
    assert_eq!(
        one(Arc::new(TimestampNanosecondArray::from(vec![noon * 1000 + 999])), TimeRule::Iso, "UTC"),
        noon
    );

    // Numbers with decimals by their digits; days are those of the calendar.
    let half = noon + 500_123;
    let float = half as f64 / 1e6;
    assert_eq!(one(Arc::new(Float64Array::from(vec![float])), seconds(), "UTC"), half);
    let decimal =
        |value: i128, scale| Decimal128Array::from(vec![value]).with_precision_and_scale(38, scale).unwrap();
    assert_eq!(one(Arc::new(decimal(half.into(), 6)), seconds(), "UTC"), half);
    assert_eq!(one(Arc::new(decimal(i128::from(half) * 1000 + 999, 9)), seconds(), "UTC"), half);
    let days = || TimeRule::Epoch(TimeUnit::Day);
    assert_eq!(one(Arc::new(Int32Array::from(vec![19782])), days(), "Asia/Jakarta"), noon - 19 * HOUR);
    let floats = Float64Array::from(vec![f64::NAN, f64::INFINITY, 1e300, float]);
    let (times, bad) = read_time(Arc::new(floats), seconds(), "UTC");
    assert_eq!(times, [half]);
    assert!(bad[0].contains("`NaN` is not a time"), "{}", bad[0]);
    assert!(bad[1].contains("`inf` is not a time"), "{}", bad[1]);
    assert!(bad[2].contains("outside the years"), "{}", bad[2]);

    let mixed = Int64Array::from(vec![Some(noon / 1_000_000), None, Some(noon)]);
    let (times, bad) = read_time(Arc::new(mixed), seconds(), "UTC");
    assert_eq!(times, [noon]);
    assert_eq!(bad[0], "`t`, the event time, is NULL");
    assert!(bad[1].contains("outside the years 1900 to 2200"), "{}", bad[1]);

    let (_dir, file) = written(vec![("t", Arc::new(Int64Array::from(vec![1])))], 10);
    let error = read(plan(&[], TimeRule::Iso, "UTC"), &file).unwrap_err().to_string();
    assert!(error.contains("is int64, which is not a time") && error.contains("time_unit"), "{error}");
    let (_dir, file) = written(vec![("t", Arc::new(Float64Array::from(vec![1.5])))], 10);
    let error = read(plan(&[], TimeRule::Iso, "UTC"), &file).unwrap_err().to_string();
    assert!(error.contains("which is not a time") && error.contains("time_unit"), "{error}");
}

#[test]
fn nested_fields_are_read_by_path_and_missing_columns_are_null() {
    let city: ArrayRef = Arc::new(StringArray::from(vec!["Oslo", "Rome", "Bern"]));
    let fields = Fields::from(vec![Field::new("city", ArrowType::Utf8, true)]);
    let absent = NullBuffer::from(vec![true, false, true]);
    let user = StructArray::new(fields, vec![city], Some(absent));
    let dotted: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let columns = vec![("user", Arc::new(user) as ArrayRef), ("x.y", dotted), ("t", times(3))];
    let (_dir, file) = written(columns, 10);
    let names = [("user.city", DataType::String), ("x.y", DataType::String), ("gone", DataType::Int64)];
    let plan = plan(&names, seconds(), "UTC");
    let opened = ParquetFile::open(&Arc::new(plan.clone()), &file).unwrap();
    assert!(opened.has_column("user.city") && opened.has_column("user") && !opened.has_column("gone"));
    let out = read(plan, &file).unwrap();
    let cities: Vec<_> = out.batch.columns[0].as_string_view().iter().collect();
    assert_eq!(cities, [Some("Oslo"), None, Some("Bern")]);
    assert_eq!(out.batch.columns[1].as_string_view().value(2), "c");
    assert_eq!(out.batch.columns[2].null_count(), 3);

    let mut without_time = plan_of_time("at");
    without_time.columns.clear();
    let error = read(without_time, &file).unwrap_err().to_string();
    assert!(error.contains("has no column `at`"), "{error}");
}

fn plan_of_time(name: &str) -> ReadPlan {
    let mut plan = plan(&[], seconds(), "UTC");
    plan.time.column = name.into();
    plan
}

#[test]
fn row_groups_outside_of_the_range_are_not_read() {
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let (_dir, file) = written(vec![("v", values), ("t", times(100))], 10);
    let mut plan = plan(&[("v", DataType::Int64)], seconds(), "UTC");
    plan.from = (1_717_200_000 + 25) * 1_000_000;
    plan.to = (1_717_200_000 + 40) * 1_000_000;
    let opened = ParquetFile::open(&Arc::new(plan.clone()), &file).unwrap();
    assert_eq!((opened.units(), opened.rows_skipped()), (2, 80));
    let out = read(plan.clone(), &file).unwrap();
    let want: Vec<i64> = (20..40).collect();
    assert_eq!(out.batch.columns[0].as_primitive::<Int64Type>().values(), &want[..]);
    let places: Vec<u64> = out.batch.positions.iter().map(|p| p.place()).collect();
    assert_eq!(places, (20..40).collect::<Vec<u64>>());
    assert!(out.batch.positions.iter().all(|p| p.file() == 3));

    // A group with a NULL is read, for its bad record to be found.
    let t = Int64Array::from(vec![Some(1_717_200_000), None, Some(1_717_200_500)]);
    let (_dir, file) = written(vec![("t", Arc::new(t))], 2);
    plan.columns.clear();
    (plan.from, plan.to) = (0, 1);
    let opened = ParquetFile::open(&Arc::new(plan.clone()), &file).unwrap();
    assert_eq!((opened.units(), opened.rows_skipped()), (1, 1));
    assert_eq!(read(plan, &file).unwrap().bad.records.len(), 1);
}

#[test]
fn batch_sizes_decide_nothing() {
    let texts = (0..1000).map(|i| if i % 7 == 0 { None } else { Some(format!("value number {i}")) });
    let ints = (0..1000).map(|i| if i % 11 == 0 { "x".to_string() } else { i.to_string() });
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("s", Arc::new(texts.collect::<StringArray>())),
        ("i", Arc::new(ints.map(Some).collect::<StringArray>())),
        ("t", times(1000)),
    ];
    let (_dir, file) = written(columns, 300);
    let of_size = |chunk_bytes| {
        let mut plan = plan(&[("s", DataType::String), ("i", DataType::Int64)], seconds(), "UTC");
        plan.chunk_bytes = chunk_bytes;
        read(plan, &file).unwrap()
    };
    let whole = of_size(1 << 20);
    assert_eq!(whole.bad.records.len(), 91);
    assert_eq!(whole.batch.rows, 909);
    assert_eq!(whole.bad.records[1].position, Position::new(3, 11));
    assert_eq!(whole.bad.records[1].raw, br#"{"s":"value number 11","i":"x","t":1717200011}"#);
    for size in [1, 100, 1000, 10_000] {
        let out = of_size(size);
        assert_eq!(out.bad.records, whole.bad.records);
        assert_eq!(out.batch.columns, whole.batch.columns);
        assert_eq!(
            (out.batch.time, out.batch.positions),
            (whole.batch.time.clone(), whole.batch.positions.clone())
        );
    }
}

#[test]
fn damaged_files_are_data_errors_and_never_panic() {
    let texts: ArrayRef =
        Arc::new((0..500).map(|i| Some(format!("value number {i}"))).collect::<StringArray>());
    let (dir, file) = written(vec![("s", texts), ("t", times(500))], 200);
    let good = std::fs::read(&file.path).unwrap();
    let outcome = |bytes: &[u8]| {
        let path = dir.path().join("damaged.parquet");
        std::fs::write(&path, bytes).unwrap();
        let opened = testing::opened(&path);
        let file = SourceFile { path, opened, ..file.clone() };
        read(plan(&[("s", DataType::String)], seconds(), "UTC"), &file)
    };
    for length in [0, 3, 8, good.len() / 2, good.len() - 1] {
        let error = outcome(&good[..length]).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Data);
        assert!(error.message().contains("damaged.parquet"), "{error}");
    }
    assert!(outcome(b"a,b\n1,2\n3,4\n").is_err());
    // Any byte may be wrong: the outcome is rows or an error.
    for at in (0..good.len()).step_by(23) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        if let Err(error) = outcome(&bytes) {
            assert_eq!(error.kind(), crate::error::Kind::Data);
        }
    }
    std::fs::remove_file(&file.path).unwrap();
    let error = read(plan(&[], seconds(), "UTC"), &file).unwrap_err();
    assert!(error.message().ends_with("log.parquet is gone: it was removed or renamed while it was read"));
}

#[test]
fn footers_are_described() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(UInt16Array::from(vec![Some(7), None]))),
        ("s", Arc::new(StringArray::from(vec!["b", "a"]))),
        ("odd", Arc::new(DurationSecondArray::from(vec![1, 2]))),
    ];
    let (_dir, file) = written(columns, 10);
    let got = describe(&file).unwrap().columns;
    let want = |name: &str, ty, type_name: &str, nulls, example: Option<&str>| FileColumn {
        name: name.into(),
        ty,
        type_name: type_name.into(),
        nulls,
        example: example.map(str::to_string),
        default: false,
        nested: false,
    };
    assert_eq!(got[0], want("n", Some(DataType::Int64), "uint16", true, Some("7")));
    assert_eq!(got[1], want("s", Some(DataType::String), "string", false, Some("a")));
    assert_eq!((got[2].name.as_str(), got[2].ty), ("odd", None));
}

/// The rows of each batch of a file, and the bytes of its texts.
fn batches(file: &SourceFile) -> Result<Vec<(usize, usize)>> {
    let opened =
        Arc::new(ParquetFile::open(&Arc::new(plan(&[("s", DataType::String)], seconds(), "UTC")), file)?);
    let mut batches = vec![];
    for unit in 0..opened.units() {
        let mut unit = opened.read(unit)?;
        while let Some(chunk) = unit.next(BadRecords::new(OnBadRecord::Reject, None)) {
            let batch = chunk?.batch;
            let texts = batch.columns[0].as_string_view();
            let first = batch.positions[0].place() as usize;
            for (row, text) in texts.iter().enumerate() {
                // Each text begins with the number of its row.
                assert_eq!(text.unwrap().split(' ').next().unwrap(), (first + row).to_string());
            }
            batches.push((batch.rows, texts.iter().flatten().map(str::len).sum()));
        }
    }
    Ok(batches)
}

/// A file of texts of these lengths, in one row group.
fn texts_of(lengths: impl Iterator<Item = usize>) -> (TempDir, SourceFile) {
    let texts: Vec<String> =
        lengths.enumerate().map(|(row, length)| format!("{row} {}", "x".repeat(length))).collect();
    let times = Int64Array::from(vec![1; texts.len()]);
    written(vec![("t", Arc::new(times)), ("s", Arc::new(StringArray::from(texts)))], 1 << 20)
}

#[test]
fn where_texts_are_long_batches_have_fewer_rows() {
    // All of them, and some that lie close together.
    let all = texts_of((0..700).map(|_| 100_000));
    let some = texts_of((0..30_000).map(|row| if (2_000..2_700).contains(&row) { 100_000 } else { 10 }));
    for (file, rows) in [(all.1, 700), (some.1, 30_000)] {
        let batches = batches(&file).unwrap();
        assert_eq!(batches.iter().map(|(rows, _)| rows).sum::<usize>(), rows);
        assert!(batches.len() > 1 && batches.iter().all(|(_, bytes)| *bytes < 48 << 20), "{batches:?}");
    }
}

#[test]
fn a_value_that_is_too_long_is_refused() {
    let (_dir, file) = texts_of([10, 10, 67 << 20].into_iter());
    let error = batches(&file).unwrap_err();
    assert_eq!(error.kind(), crate::error::Kind::Data);
    assert!(error.to_string().contains("column `s` has a page of 67 MiB, decompressed"), "{error}");
    assert_eq!(batches(&texts_of([10, 63 << 20, 10].into_iter()).1).unwrap().len(), 3);
}
