use super::*;
use crate::sink::{StreamFormat, StreamWriter};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type};
use arrow_array::{DictionaryArray, StringViewArray, UInt32Array};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_ipc::reader::StreamReader;

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("name", DataType::String),
        Field::new("n", DataType::Int64),
        Field::new("money", DataType::Decimal { precision: 18, scale: 2 }),
        Field::new("at", DataType::Timestamp),
        Field::new("yes", DataType::Bool),
    ])
}

fn batch(name: ArrayRef, n: ArrayRef) -> RecordBatch {
    let rows = n.len() as i64;
    let money = Decimal128Array::from_iter_values((0..rows).map(i128::from)).with_precision_and_scale(18, 2);
    let at = TimestampMicrosecondArray::from_iter_values(0..rows).with_timezone("UTC");
    let yes = BooleanArray::from_iter((0..rows).map(|row| Some(row % 2 == 0)));
    let columns: Vec<ArrayRef> = vec![name, n, Arc::new(money.unwrap()), Arc::new(at), Arc::new(yes)];
    crate::batch::record_batch(&schema().arrow(), columns).unwrap()
}

fn bytes(batch: &RecordBatch) -> Vec<u8> {
    match ArrowEncoder::new(&schema()).encode(batch).unwrap().content {
        EncodedContent::Messages(messages) => messages.concat(),
        _ => panic!("messages"),
    }
}

fn stream(schema: &Schema, pieces: &[RecordBatch]) -> Vec<u8> {
    let mut out = vec![];
    let mut writer = StreamWriter::new(&mut out, StreamFormat::Arrow, schema.clone());
    let encoder = ArrowEncoder::new(schema);
    pieces.iter().for_each(|piece| writer.append(encoder.encode(piece).unwrap()).unwrap());
    writer.finish().unwrap();
    out
}

#[test]
fn how_arrays_are_held_does_not_show() {
    let plain = batch(
        Arc::new(StringViewArray::from(vec![Some("a"), None, Some("b")])),
        Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
    );
    let codes = UInt32Array::from(vec![Some(1), None, Some(0)]);
    let values: ArrayRef = Arc::new(StringViewArray::from(vec!["b", "a"]));
    // A NULL over a value, and a slice of a longer array.
    let nulls = NullBuffer::new(BooleanBuffer::from(vec![true, true, false, true, true]));
    let n = Int64Array::new(ScalarBuffer::from(vec![9, 1, 77, 3, 9]), Some(nulls)).slice(1, 3);
    let held = batch(Arc::new(DictionaryArray::<UInt32Type>::new(codes, values)), Arc::new(n));
    assert_eq!(bytes(&plain), bytes(&held));
}

#[test]
fn a_stream_reads_back_and_its_types_are_plain() {
    let rows = ROWS_PER_MESSAGE + 5;
    let names: ArrayRef = Arc::new(StringViewArray::from_iter_values((0..rows).map(|row| row.to_string())));
    let first = batch(names, Arc::new(Int64Array::from_iter_values(0..rows as i64)));
    let out = stream(&schema(), &[first.clone(), first.slice(0, 3)]);
    let mut reader = StreamReader::try_new(out.as_slice(), None).unwrap();
    assert_eq!(reader.schema(), stream_schema(&schema()));
    let types: Vec<String> = reader.schema().fields().iter().map(|f| f.data_type().to_string()).collect();
    assert_eq!(types, ["Utf8", "Int64", "Decimal128(18, 2)", "Timestamp(µs, \"UTC\")", "Boolean"]);
    let batches: Vec<RecordBatch> = reader.by_ref().map(|batch| batch.unwrap()).collect();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [ROWS_PER_MESSAGE, 5, 3]);
    let last = batches[1].column(1).as_primitive::<Int64Type>();
    assert_eq!(last.value(4), rows as i64 - 1);
    // An output without rows still has its columns.
    let none = stream(&schema(), &[]);
    let mut reader = StreamReader::try_new(none.as_slice(), None).unwrap();
    assert_eq!(reader.schema(), stream_schema(&schema()));
    assert!(reader.next().is_none());
}

/// A reader of Arrow takes the end of the file for the end of the stream, where it comes between two messages.
#[test]
fn a_stream_without_its_end_never_looks_whole() {
    let names: ArrayRef = Arc::new(StringViewArray::from(vec!["a", "b"]));
    let piece = batch(names, Arc::new(Int64Array::from(vec![1, 2])));
    let encoder = ArrowEncoder::new(&schema());
    for pieces in 0..3 {
        let mut out = vec![];
        let mut writer = StreamWriter::new(&mut out, StreamFormat::Arrow, schema());
        // A piece without rows, so that the stream begins.
        writer.append(encoder.encode(&piece.slice(0, 0)).unwrap()).unwrap();
        (0..pieces).for_each(|_| writer.append(encoder.encode(&piece).unwrap()).unwrap());
        drop(writer);
        assert_eq!(out[out.len() - 4..], CONTINUATION);
    }
}

#[test]
fn long_texts_make_short_messages() {
    let text = "x".repeat(TEXT_PER_MESSAGE / 3);
    let names = StringViewArray::from_iter_values((0..5).map(|_| text.as_str()));
    let names: ArrayRef = Arc::new(names);
    let columns = [ColumnView::of(&names).unwrap()];
    assert_eq!((end_of_message(&columns, 0, 5), end_of_message(&columns, 3, 5)), (3, 5));
    let longer = "x".repeat(TEXT_PER_MESSAGE + 1);
    let names: ArrayRef = Arc::new(StringViewArray::from_iter_values([longer.as_str(), "a"]));
    assert_eq!(end_of_message(&[ColumnView::of(&names).unwrap()], 0, 2), 1);
}

/// Keeps what is passed in each write. Of a pipe, writes of at most 4096 bytes are never cut in two, and of POSIX those of 512.
#[derive(Default)]
struct Writes(Vec<Vec<u8>>);

impl std::io::Write for Writes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A process can be killed in the middle of a long write, so the end of a message is in a short one.
#[test]
fn no_write_can_be_cut_where_a_message_ends() {
    let rows = 3 * ROWS_PER_MESSAGE;
    let names: ArrayRef = Arc::new(StringViewArray::from_iter_values((0..rows).map(|row| row.to_string())));
    let piece = batch(names, Arc::new(Int64Array::from_iter_values(0..rows as i64)));
    let mut out = Writes::default();
    let mut writer = StreamWriter::new(&mut out, StreamFormat::Arrow, schema());
    writer.append(ArrowEncoder::new(&schema()).encode(&piece).unwrap()).unwrap();
    writer.finish().unwrap();
    let whole = out.0.concat();
    let mut reader = StreamReader::try_new(whole.as_slice(), None).unwrap();
    assert_eq!(reader.by_ref().map(|batch| batch.unwrap().num_rows()).sum::<usize>(), rows);
    for write in out.0.iter().filter(|write| write.ends_with(&CONTINUATION)) {
        assert!(write.len() <= 512, "{}", write.len());
    }
    // The first bytes of all, then the schema and three messages.
    assert_eq!(out.0.iter().filter(|write| write.ends_with(&CONTINUATION)).count(), 5);
}
