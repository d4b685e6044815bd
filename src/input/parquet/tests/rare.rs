//! Types, codecs and layouts that few writers make.

use super::*;
use crate::input::parquet::describe;
use arrow_buffer::i256;
use parquet::basic::{BrotliLevel, Compression as Codec};
use parquet::data_type::Int96;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::path::Path;

fn reasons(array: impl Array + 'static, ty: DataType) -> Vec<String> {
    converted(Arc::new(array), ty).1
}

/// The type and the words that a file with this column of values is described by.
fn described(array: ArrayRef) -> (Option<DataType>, String) {
    let (_dir, file) = written(vec![("c", array)], 1 << 20);
    let column = describe(&file).unwrap().columns.remove(0);
    (column.ty, column.type_name)
}

#[test]
fn times_of_day_are_text() {
    let text = DataType::String;
    assert_eq!(all(Time32SecondArray::from(vec![Some(37_800), None]), text), ["10:30:00", "NULL"]);
    assert_eq!(all(Time32MillisecondArray::from(vec![37_800_250]), text), ["10:30:00.25"]);
    assert_eq!(all(Time64MicrosecondArray::from(vec![86_399_999_999]), text), ["23:59:59.999999"]);
    assert_eq!(all(Time64NanosecondArray::from(vec![1]), text), ["00:00:00.000000001"]);
    assert_eq!(
        reasons(Time64MicrosecondArray::from(vec![-1]), text),
        ["column `c`: `-1` is not a time of day"]
    );
    assert_eq!(
        described(Arc::new(Time64MicrosecondArray::from(vec![0]))),
        (Some(text), "time of day".into())
    );
}

#[test]
fn wide_decimals_are_read_where_they_fit() {
    let wide = |texts: &[&str], scale| {
        let values = texts.iter().map(|text| i256::from_string(text).unwrap());
        Decimal256Array::from_iter_values(values).with_precision_and_scale(43, scale).unwrap()
    };
    assert_eq!(all(wide(&["-1234"], 2), decimal(38, 2)), ["-12.34"]);
    assert_eq!(all(wide(&["1200"], 2), DataType::Int64), ["12"]);
    let long = "1234567890123456789012345678901234567890123";
    assert_eq!(all(wide(&[long], 2), DataType::String), ["12345678901234567890123456789012345678901.23"]);
    let reason = reasons(wide(&[long], 2), decimal(38, 2)).remove(0);
    assert!(
        reason.ends_with("`12345678901234567890123456789012345678901.23` does not fit decimal(38,2)"),
        "{reason}"
    );
    assert_eq!(described(Arc::new(wide(&["1"], 2))).0, Some(decimal(38, 2)));
    assert_eq!(described(Arc::new(wide(&["1"], 40))).0, None);
}

#[test]
fn unsigned_integers_past_int64_are_decimals() {
    assert_eq!(described(Arc::new(UInt64Array::from(vec![7]))), (Some(DataType::Int64), "uint64".into()));
    let (ty, words) = described(Arc::new(UInt64Array::from(vec![7, u64::MAX])));
    assert_eq!((ty, words.as_str()), (Some(decimal(20, 0)), "uint64, past int64,"));
    assert_eq!(all(UInt64Array::from(vec![u64::MAX]), decimal(20, 0)), ["18446744073709551615"]);
    assert_eq!(reasons(UInt64Array::from(vec![u64::MAX]), DataType::Int64).len(), 1);
}

#[test]
fn what_is_not_read_is_named() {
    let fixed = FixedSizeBinaryArray::try_from_iter([[0u8; 4]].into_iter()).unwrap();
    assert_eq!(described(Arc::new(fixed)), (None, "fixed bytes (4)".into()));
    assert_eq!(described(Arc::new(DurationSecondArray::from(vec![1]))), (None, "duration".into()));
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1)])]);
    assert_eq!(described(Arc::new(list)), (None, "list".into()));
    assert_eq!(
        all(
            Float16Array::from(vec![<Float16Type as ArrowPrimitiveType>::Native::from_f32(1.5)]),
            DataType::Float64
        ),
        ["1.5"]
    );
}

/// A file of the Parquet schema `message`, one row group, whose columns are written by `write`.
fn low_level(
    message: &str,
    write: impl Fn(usize, &mut parquet::file::writer::SerializedColumnWriter),
) -> (TempDir, SourceFile) {
    let (dir, file) = written(vec![("t", times(1))], 1);
    let schema = Arc::new(parse_message_type(message).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer =
        SerializedFileWriter::new(File::create(&file.path).unwrap(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut number = 0;
    while let Some(mut column) = group.next_column().unwrap() {
        write(number, &mut column);
        column.close().unwrap();
        number += 1;
    }
    group.close().unwrap();
    writer.close().unwrap();
    (dir, SourceFile { opened: testing::opened(&file.path), ..file })
}

#[test]
fn int96_in_a_record_is_of_utc_as_it_is_outside_of_one() {
    let message = "message m { required int96 a; required group e { required int32 n; required int96 ts; } }";
    let (_dir, file) = low_level(message, |number, column| {
        // Noon of 2024-06-01: nanoseconds of the day, and its Julian number.
        let nanos = 43_200_000_000_000u64;
        let mut noon = Int96::new();
        noon.set_data(nanos as u32, (nanos >> 32) as u32, 2_460_463);
        match number {
            1 => column.typed::<parquet::data_type::Int32Type>().write_batch(&[1], None, None).unwrap(),
            _ => column.typed::<parquet::data_type::Int96Type>().write_batch(&[noon], None, None).unwrap(),
        };
    });
    let mut plan =
        plan(&[("a", DataType::Timestamp), ("e.ts", DataType::Timestamp)], TimeRule::Iso, "Asia/Jakarta");
    plan.time.column = "a".into();
    let batch = read(plan, &file).unwrap().batch;
    let instants: Vec<i64> =
        batch.columns.iter().map(|c| c.as_primitive::<TimestampMicrosecondType>().value(0)).collect();
    assert_eq!(instants, [1_717_243_200_000_000; 2]);
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let batch = RecordBatch::try_from_iter([("v", times(1)), ("t", times(1)), ("v", times(1))]).unwrap();
    let (_dir, file) = written(vec![("t", times(1))], 1);
    let mut writer = ArrowWriter::try_new(File::create(&file.path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let file = SourceFile { opened: testing::opened(&file.path), ..file };
    for error in [
        describe(&file).map(|_| ()),
        read(plan(&[("v", DataType::Int64)], seconds(), "UTC"), &file).map(|_| ()),
    ] {
        let error = error.unwrap_err();
        assert!(error.message().ends_with("two columns are named `v`"), "{error}");
    }
}

#[test]
fn brotli_is_read_and_what_is_encrypted_is_named() {
    let (_dir, file) = written(vec![("t", times(1))], 1);
    let batch = RecordBatch::try_from_iter([("c", times(3)), ("t", times(3))]).unwrap();
    let codec = Codec::BROTLI(BrotliLevel::try_new(1).unwrap());
    let properties = WriterProperties::builder().set_compression(codec).build();
    let mut writer =
        ArrowWriter::try_new(File::create(&file.path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let with = |path: &Path| SourceFile { opened: testing::opened(path), ..file.clone() };
    let read = read(plan(&[("c", DataType::Int64)], seconds(), "UTC"), &with(&file.path)).unwrap();
    assert_eq!(read.batch.rows, 3);

    std::fs::write(&file.path, b"PARE and what nobody can read\x08\0\0\0PARE").unwrap();
    let error = describe(&with(&file.path)).unwrap_err();
    assert!(error.message().ends_with("is encrypted, which is not supported"), "{error}");
}

/// A file of one int64, `t`, whose page has a checksum, by PyArrow 26: ours is a writer without them.
const WITH_CHECKSUM: &str = "\
    504152311500151c151c15b4f7a1850f1c15021500150615061c00000002000000020181645a66000000001504192c3500180673\
    6368656d6115020015042502180174001602191c191c26001c1504192506001918017415001602164e164e2608491c1500150015\
    02003c290619260002000000164e16022608164e002820706172717565742d6370702d6172726f772076657273696f6e2032362e\
    302e31191c1c0000007a00000050415231";

#[test]
fn a_page_whose_checksum_is_wrong_is_an_error() {
    let (_dir, file) = written(vec![("t", times(1))], 1);
    let pairs = WITH_CHECKSUM.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let mut bytes: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    let read = |bytes: &[u8]| {
        std::fs::write(&file.path, bytes).unwrap();
        let file = SourceFile { opened: testing::opened(&file.path), ..file.clone() };
        read(plan(&[("t", DataType::Int64)], seconds(), "UTC"), &file)
    };
    assert_eq!(read(&bytes).unwrap().batch.rows, 1);
    let value = bytes.windows(8).position(|bytes| bytes == 1_717_200_001i64.to_le_bytes()).unwrap();
    bytes[value] ^= 2;
    let error = read(&bytes).unwrap_err().to_string();
    assert!(error.contains("is damaged") && error.contains("CRC"), "{error}");
}

#[test]
fn old_writers_are_known_by_their_names() {
    use crate::input::parquet::schema::is_of_old_arrow;
    assert!(is_of_old_arrow(Some("parquet-cpp-arrow version 2.0.0")));
    assert!(is_of_old_arrow(Some("parquet-cpp version 1.5.1-SNAPSHOT")));
    assert!(!is_of_old_arrow(Some("parquet-cpp-arrow version 14.0.1")));
    assert!(!is_of_old_arrow(Some("parquet-mr version 1.8.1")));
    assert!(!is_of_old_arrow(None));
}

#[test]
fn files_with_other_columns_than_the_one_before_have_their_own_schema() {
    let text = || Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef;
    let coded = || Arc::new(vec!["a", "b"].into_iter().collect::<DictionaryArray<Int32Type>>()) as ArrayRef;
    let number = || Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef;
    let small = || Arc::new(UInt8Array::from(vec![1, 2])) as ArrayRef;
    let files = [
        written(vec![("t", number()), ("x", text())], 10),
        written(vec![("t", number()), ("x", number())], 10),
        written(vec![("t", number()), ("y", text())], 10),
        written(vec![("t", small()), ("x", text())], 10),
        // The columns of the file are those of the first one, and what it says of Arrow is not.
        written(vec![("t", number()), ("x", coded())], 10),
        written(vec![("t", number())], 10),
    ];
    let of = |file: &SourceFile| {
        let metadata = schema::load(&file.path, &file.opened.read().unwrap()).unwrap();
        let columns = metadata.parquet_schema().root_schema().clone();
        (metadata.schema().clone(), columns)
    };
    // A thread that has loaded no file takes nothing from another one.
    let alone: Vec<_> =
        files.iter().map(|(_, file)| std::thread::scope(|s| s.spawn(|| of(file)).join().unwrap())).collect();
    for (a, (_, file)) in files.iter().enumerate() {
        for (b, (_, other)) in files.iter().enumerate() {
            assert_eq!((of(file), of(other)), (alone[a].clone(), alone[b].clone()), "{a} {b}");
        }
    }
}

#[test]
fn the_footers_behind_the_first_that_has_all_columns_are_left_to_the_run() {
    let (_dir, file) = written(vec![("t", Arc::new(Int64Array::from(vec![1])) as ArrayRef)], 10);
    let (other, _) = written(vec![("t", Arc::new(Int64Array::from(vec![1])) as ArrayRef)], 10);
    let broken = other.path().join("log.parquet");
    std::fs::write(&broken, "PAR1").unwrap();
    let broken = SourceFile { opened: testing::opened(&broken), path: broken, ordinal: 1, ..file.clone() };
    let read =
        ReadPlan { files: vec![SourceFile { ordinal: 0, ..file }, broken], ..plan(&[], seconds(), "UTC") };
    assert!(crate::input::Scan::new(Arc::new(read)).is_ok());
}
