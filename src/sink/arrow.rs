//! Arrow IPC: the messages of a stream, as pyarrow, Polars and DuckDB read it.
//!
//! # Contract
//! * Equal rows in equal pieces are equal bytes: arrays are built again from their values, so neither a dictionary, nor
//!   a bit behind the last row, nor the value under a NULL shows.
//! * The types are those of our Parquet files: text is `utf8`, instants are `timestamp(us, UTC)`, decimals `decimal128`.

use super::encode::{Encoded, EncodedContent, Encoder};
use crate::batch::{ColumnView, DataType, Field, Schema};
use crate::error::{Error, Result};
use arrow_array::builder::StringBuilder;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    TimestampMicrosecondArray,
};
use arrow_ipc::writer::{
    DictionaryTracker, EncodedData, IpcDataGenerator, IpcWriteContext, IpcWriteOptions, write_message,
};
use arrow_schema::{ArrowError, SchemaRef};
use std::ops::Range;
use std::sync::Arc;

/// Every message begins with these bytes.
pub(super) const CONTINUATION: [u8; 4] = [0xff; 4];
/// Behind [`CONTINUATION`], these end the stream.
pub(super) const END: [u8; 4] = [0; 4];

/// Rows of a message: readers hold one or a few of them in memory.
const ROWS_PER_MESSAGE: usize = 1 << 16;

/// Bytes of one column of texts in a message. The offsets of `utf8` are 32 bits wide, so 2 GiB is the end.
const TEXT_PER_MESSAGE: usize = 1 << 28;

/// Encodes pieces as messages, of one record batch each.
#[derive(Debug)]
pub struct ArrowEncoder {
    schema: SchemaRef,
}

impl ArrowEncoder {
    /// An encoder of rows of `schema`.
    pub fn new(schema: &Schema) -> ArrowEncoder {
        ArrowEncoder { schema: stream_schema(schema) }
    }

    fn message(&self, columns: &[ColumnView], rows: Range<usize>) -> Result<Vec<u8>> {
        let arrays = columns.iter().map(|column| rebuilt(column, rows.clone()));
        let arrays: Vec<ArrayRef> = arrays.collect::<Result<_>>()?;
        let encode = || -> std::result::Result<Vec<u8>, ArrowError> {
            // A column of another type than the schema says is found here.
            let arrays = self.schema.fields().iter().zip(arrays).map(|(field, array)| typed(array, field));
            let arrays = arrays.collect::<std::result::Result<Vec<_>, ArrowError>>()?;
            let batch = RecordBatch::try_new(self.schema.clone(), arrays)?;
            let (mut tracker, mut context) = (DictionaryTracker::new(false), IpcWriteContext::default());
            let options = IpcWriteOptions::default();
            let generator = IpcDataGenerator::default();
            let (_, encoded) = generator.encode(&batch, &mut tracker, &options, &mut context)?;
            let mut out = vec![];
            write_message(&mut out, encoded, &options)?;
            Ok(out)
        };
        encode().map_err(failed_to_encode)
    }
}

impl Encoder for ArrowEncoder {
    fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let columns = batch.columns().iter().map(ColumnView::of).collect::<Result<Vec<_>>>()?;
        let mut messages = vec![];
        let mut from = 0;
        while from < batch.num_rows() {
            let to = end_of_message(&columns, from, batch.num_rows());
            messages.push(self.message(&columns, from..to)?);
            from = to;
        }
        Ok(Encoded { rows: batch.num_rows() as u64, content: EncodedContent::Messages(messages) })
    }
}

/// Where the message ends that begins with row `from`. It depends on the rows alone.
fn end_of_message(columns: &[ColumnView], from: usize, rows: usize) -> usize {
    let most = rows.min(from + ROWS_PER_MESSAGE);
    let texts = columns.iter().filter_map(|column| match column {
        ColumnView::Text(texts) => Some(texts),
        _ => None,
    });
    let end = |texts: &crate::batch::TextView| {
        let mut bytes = 0;
        let full = (from..most).find(|&row| {
            bytes += texts.get(row).map_or(0, str::len);
            bytes > TEXT_PER_MESSAGE
        });
        // One row at least, or a long text would stop the stream.
        full.map_or(most, |row| row.max(from + 1))
    };
    texts.map(end).min().unwrap_or(most)
}

/// The rows as an array that depends on their values alone.
fn rebuilt(column: &ColumnView, rows: Range<usize>) -> Result<ArrayRef> {
    Ok(match column {
        ColumnView::Text(texts) => {
            let bytes: usize = rows.clone().filter_map(|row| texts.get(row)).map(str::len).sum();
            if i32::try_from(bytes).is_err() {
                return Err(Error::data("a text has 2 GiB or more, and Arrow's `utf8` cannot hold it")
                    .hint("--format jsonl can"));
            }
            let mut builder = StringBuilder::with_capacity(rows.len(), bytes);
            rows.for_each(|row| builder.append_option(texts.get(row)));
            Arc::new(builder.finish())
        }
        ColumnView::Bool(a) => {
            Arc::new(rows.map(|row| (!a.is_null(row)).then(|| a.value(row))).collect::<BooleanArray>())
        }
        ColumnView::Int(a) => {
            Arc::new(rows.map(|row| (!a.is_null(row)).then(|| a.value(row))).collect::<Int64Array>())
        }
        ColumnView::Float(a) => {
            Arc::new(rows.map(|row| (!a.is_null(row)).then(|| a.value(row))).collect::<Float64Array>())
        }
        ColumnView::Decimal(a, _) => {
            Arc::new(rows.map(|row| (!a.is_null(row)).then(|| a.value(row))).collect::<Decimal128Array>())
        }
        ColumnView::Date(a) => {
            Arc::new(rows.map(|row| (!a.is_null(row)).then(|| a.value(row))).collect::<Date32Array>())
        }
        ColumnView::Time(a) => Arc::new(
            rows.map(|row| (!a.is_null(row)).then(|| a.value(row))).collect::<TimestampMicrosecondArray>(),
        ),
    })
}

/// `array` with the zone or the digits of `field`.
fn typed(array: ArrayRef, field: &arrow_schema::Field) -> std::result::Result<ArrayRef, ArrowError> {
    use arrow_schema::DataType::{Decimal128, Timestamp};
    let same = std::mem::discriminant(array.data_type()) == std::mem::discriminant(field.data_type());
    match field.data_type() {
        Decimal128(..) | Timestamp(..) if same => {
            let data = array.to_data().into_builder().data_type(field.data_type().clone());
            Ok(arrow_array::make_array(data.build()?))
        }
        _ => Ok(array),
    }
}

/// The schema of the stream.
fn stream_schema(schema: &Schema) -> SchemaRef {
    let field = |field: &Field| {
        let ty = match field.ty {
            // Views and dictionaries are how we hold texts; every reader knows this one.
            DataType::String | DataType::Json => arrow_schema::DataType::Utf8,
            ty => ty.arrow(),
        };
        arrow_schema::Field::new(&field.name, ty, true)
    };
    Arc::new(arrow_schema::Schema::new(schema.fields.iter().map(field).collect::<Vec<_>>()))
}

/// The first message of a stream.
pub(super) fn header(schema: &Schema) -> Result<Vec<u8>> {
    let (mut tracker, options) = (DictionaryTracker::new(false), IpcWriteOptions::default());
    let generator = IpcDataGenerator::default();
    let schema = stream_schema(schema);
    let encoded: EncodedData =
        generator.schema_to_bytes_with_dictionary_tracker(&schema, &mut tracker, &options);
    let mut out = vec![];
    write_message(&mut out, encoded, &options).map_err(failed_to_encode)?;
    Ok(out)
}

fn failed_to_encode(e: ArrowError) -> Error {
    Error::fault("rows could not be encoded as Arrow").caused_by(e)
}

#[cfg(test)]
mod tests;
