use super::*;
use crate::batch::Field;
use crate::sink::{OutputFormat, PartWriter, Target, Transaction, encoder};
use crate::time::Zone;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow_array::types::{Int32Type, UInt32Type};
use arrow_array::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::path::Path;

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("s", DataType::String),
        Field::new("b", DataType::Bool),
        Field::new("i", DataType::Int64),
        Field::new("f", DataType::Float64),
        Field::new("d", DataType::Decimal { precision: 18, scale: 2 }),
        Field::new("D", DataType::Decimal { precision: 38, scale: 4 }),
        Field::new("day", DataType::Date),
        Field::new("t", DataType::Timestamp),
    ])
}

/// Writes pieces to a file and gives its bytes.
fn file_of(schema: &Schema, pieces: &[RecordBatch]) -> Vec<u8> {
    let tmp = tempfile::tempdir().unwrap();
    let tx = Transaction::begin(&[Target::folder(tmp.path().join("o"))]).unwrap();
    let encoder = encoder(OutputFormat::Parquet, schema, &Zone::utc()).unwrap();
    let staged = tx.stage(0, Path::new("p.parquet")).unwrap();
    let mut part = PartWriter::new(staged, OutputFormat::Parquet, schema).unwrap();
    for piece in pieces {
        part.append(encoder.encode(piece).unwrap()).unwrap();
    }
    let part = part.finish(None).unwrap();
    tx.commit(vec![Default::default()]).unwrap();
    let bytes = std::fs::read(tmp.path().join("o/p.parquet")).unwrap();
    assert_eq!(bytes.len() as u64, part.bytes);
    bytes
}

fn read(bytes: Vec<u8>) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    reader.with_batch_size(1 << 20).build().unwrap().map(|b| b.unwrap()).collect()
}

/// What was read has the values of `columns`.
fn assert_same(read: &[RecordBatch], columns: &[ArrayRef]) {
    for (i, wanted) in columns.iter().enumerate() {
        let parts: Vec<&dyn Array> = read.iter().map(|b| b.column(i).as_ref()).collect();
        let got = arrow_select::concat::concat(&parts).unwrap();
        let got = arrow_cast::cast(&got, wanted.data_type()).unwrap();
        assert_eq!(&got, wanted, "column {i}");
    }
}

fn as_dictionary(text: &StringViewArray, signed: bool) -> ArrayRef {
    // Codes in another order than that of occurrence, with values that are not used.
    let mut values: Vec<&str> = text.iter().flatten().chain(["never used", ""]).collect();
    values.sort();
    values.dedup();
    let code = |s: Option<&str>| s.map(|s| values.binary_search(&s).unwrap());
    let array = std::sync::Arc::new(StringViewArray::from_iter_values(values.iter()));
    if signed {
        let keys: Int32Array = text.iter().map(|s| code(s).map(|c| c as i32)).collect();
        Arc::new(DictionaryArray::<Int32Type>::new(keys, array))
    } else {
        let keys: UInt32Array = text.iter().map(|s| code(s).map(|c| c as u32)).collect();
        Arc::new(DictionaryArray::<UInt32Type>::new(keys, array))
    }
}

fn batch(columns: &[ArrayRef]) -> RecordBatch {
    let names = schema();
    let fields = columns
        .iter()
        .zip(names.names())
        .map(|(c, n)| arrow_schema::Field::new(n, c.data_type().clone(), true));
    RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields.collect::<Vec<_>>())), columns.to_vec())
        .unwrap()
}

type ParquetRow = (
    Option<String>,
    Option<bool>,
    Option<i64>,
    Option<f64>,
    Option<i64>,
    Option<i128>,
    Option<i32>,
    Option<i64>,
);

fn columns(rows: &[ParquetRow]) -> Vec<ArrayRef> {
    let text: StringViewArray = rows.iter().map(|r| r.0.as_deref()).collect();
    let small: Decimal128Array = rows.iter().map(|r| r.4.map(|v| i128::from(v % 10i64.pow(18)))).collect();
    let large: Decimal128Array = rows.iter().map(|r| r.5.map(|v| v % 10i128.pow(38))).collect();
    vec![
        Arc::new(text),
        Arc::new(rows.iter().map(|r| r.1).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|r| r.2).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.3).collect::<Float64Array>()),
        Arc::new(small.with_precision_and_scale(18, 2).unwrap()),
        Arc::new(large.with_precision_and_scale(38, 4).unwrap()),
        Arc::new(rows.iter().map(|r| r.6).collect::<Date32Array>()),
        Arc::new(rows.iter().map(|r| r.7).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
    ]
}

fn rows() -> impl Strategy<Value = Vec<ParquetRow>> {
    let text = prop_oneof!["[a-c]{0,2}", "\\PC{0,40}", Just("http://example.com/a/page.html".to_string())];
    let int = prop_oneof![-3i64..3, any::<i64>()];
    let row = (
        proptest::option::of(text),
        any::<Option<bool>>(),
        proptest::option::of(int.clone()),
        proptest::option::of(any::<f64>()),
        proptest::option::of(int.clone()),
        any::<Option<i128>>(),
        any::<Option<i32>>(),
        proptest::option::of(int),
    );
    proptest::collection::vec(row, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn what_is_written_is_read(rows in rows()) {
        let plain = columns(&rows);
        let bytes = file_of(&schema(), &[batch(&plain)]);
        assert_same(&read(bytes.clone()), &plain);
        let text = arrow_array::cast::AsArray::as_string_view(&plain[0]).clone();
        for signed in [false, true] {
            let mut coded = plain.clone();
            coded[0] = as_dictionary(&text, signed);
            prop_assert!(file_of(&schema(), &[batch(&coded)]) == bytes, "a dictionary gives other bytes");
        }
    }
}

/// Deterministic numbers that look random.
fn noise(n: usize) -> impl Iterator<Item = u64> {
    let mut state = 88_172_645_463_325_252u64;
    (0..n).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    })
}

#[test]
fn many_pages_of_every_encoding() {
    const ROWS: usize = 150_001;
    let schema = Schema::new(vec![
        Field::new("s", DataType::String),
        Field::new("b", DataType::String),
        Field::new("i", DataType::Int64),
        Field::new("f", DataType::Int64),
        Field::new("d", DataType::Timestamp),
    ]);
    // Few texts, all texts different, few integers, all different, runs; NULLs in the first and the third.
    let few: StringViewArray =
        noise(ROWS).map(|x| (x % 7 > 0).then(|| format!("postcode {}", x % 3000))).collect();
    let all: StringViewArray =
        noise(ROWS).map(|x| Some(format!("{x} {}", "x".repeat(x as usize % 50)))).collect();
    let ints: Int64Array = noise(ROWS).map(|x| (x % 5 > 0).then_some((x % 100) as i64 * 1_000_003)).collect();
    let wide: Int64Array = noise(ROWS).map(|x| Some(x as i64)).collect();
    let runs = TimestampMicrosecondArray::from_iter_values((0..ROWS).map(|i| (i / 1900) as i64 * 60_000_000));
    let plain: Vec<ArrayRef> = vec![
        Arc::new(few.clone()),
        Arc::new(all.clone()),
        Arc::new(ints),
        Arc::new(wide),
        Arc::new(runs.with_timezone("UTC")),
    ];
    let pieces = [batch(&plain), batch(&plain)];
    let bytes = file_of(&schema, &pieces);
    let back = read(bytes.clone());
    for half in [0, ROWS] {
        let halves: Vec<RecordBatch> = back
            .iter()
            .map(|b| if b.num_rows() == 2 * ROWS { b.slice(half, ROWS) } else { b.clone() })
            .collect();
        assert_same(&halves, &plain);
    }
    let mut coded = plain.clone();
    (coded[0], coded[1]) = (as_dictionary(&few, false), as_dictionary(&all, true));
    assert!(file_of(&schema, &[batch(&coded), batch(&coded)]) == bytes);
    layout(bytes);
}

/// The physical form: row groups, encodings, statistics, and nothing that differs between runs.
fn layout(bytes: Vec<u8>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    let metadata = reader.metadata();
    assert_eq!(metadata.num_row_groups(), 2);
    assert_eq!(metadata.file_metadata().created_by(), Some(TOOL));
    assert!(metadata.file_metadata().key_value_metadata().is_none());
    let columns = metadata.row_group(1).columns();
    let coded = |i: usize| columns[i].dictionary_page_offset().is_some();
    assert_eq!([0, 1, 2, 3, 4].map(coded), [true, false, true, false, true]);
    assert_eq!(columns[0].statistics().unwrap().min_bytes_opt().unwrap(), b"postcode 0");
    let nulls = noise(150_001).filter(|x| x % 7 == 0).count() as u64;
    assert_eq!(columns[0].statistics().unwrap().null_count_opt(), Some(nulls));
}

#[test]
fn an_empty_part_is_a_readable_file() {
    let bytes = file_of(&schema(), &[]);
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    assert_eq!(reader.schema().fields().len(), 8);
    assert_eq!(reader.build().unwrap().count(), 0);
}
