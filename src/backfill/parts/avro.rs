//! Avro files as our own encoder writes them → columns.
//!
//! # Contract
//! This reads what [`crate::sink::avro`] writes and nothing else: the header of the schema, blocks by `deflate`, no record
//! left out. A wrong byte is an error and never a panic.

use super::rows::batch;
use crate::batch::{NativeBuilder, Schema};
use crate::sink::avro;
use arrow_array::builder::StringViewBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::NullBufferBuilder;
use flate2::read::DeflateDecoder;
use std::io::Read;
use std::sync::Arc;

/// The rows of the file `bytes`. Fails with the byte at which it is not as the encoder writes.
pub fn read(schema: &Schema, bytes: &[u8]) -> Result<RecordBatch, usize> {
    let header = avro::header(schema);
    // The sync marker is the last of the header, and stands behind each block.
    let (true, Some(sync)) = (bytes.starts_with(&header), header.last_chunk::<16>()) else { return Err(0) };
    let mut columns: Vec<AvroPartColumn> =
        schema.fields.iter().map(|field| AvroPartColumn::new(field.ty)).collect();
    let order = avro::order(schema);
    let (mut at, mut rows) = (header.len(), 0);
    while at < bytes.len() {
        let mut cursor = Bytes { rest: &bytes[at..] };
        let block = cursor.block(sync).ok_or(at)?;
        let mut records = vec![];
        DeflateDecoder::new(block.1).read_to_end(&mut records).map_err(|_| at)?;
        let mut cursor = Bytes { rest: &records };
        for _ in 0..block.0 {
            for &column in &order {
                columns[column].push(&mut cursor).ok_or(at)?;
            }
        }
        if !cursor.rest.is_empty() {
            return Err(at);
        }
        rows += block.0;
        at = bytes.len() - block.2;
    }
    let columns = columns.into_iter().map(AvroPartColumn::finish).collect();
    batch(schema, columns, rows).map_err(|_| bytes.len())
}

/// Bytes that are read from the front.
struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// The rows of a block, its bytes, and how many bytes follow it.
    fn block(&mut self, sync: &[u8; 16]) -> Option<(usize, &'a [u8], usize)> {
        let rows = usize::try_from(self.long()?).ok()?;
        let block = self.bytes()?;
        (self.take(16)? == sync).then_some((rows, block, self.rest.len()))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.long()?).ok()?;
        self.take(count)
    }

    fn long(&mut self) -> Option<i64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        None
    }
}

/// A column that is being filled.
struct AvroPartColumn {
    nulls: NullBufferBuilder,
    values: AvroPartValues,
}

enum AvroPartValues {
    Text(StringViewBuilder),
    Native(NativeBuilder),
}

impl AvroPartColumn {
    fn new(ty: crate::batch::DataType) -> AvroPartColumn {
        let values = NativeBuilder::new(ty, 0).map(AvroPartValues::Native);
        AvroPartColumn {
            nulls: NullBufferBuilder::new(0),
            values: values.unwrap_or_else(|| AvroPartValues::Text(StringViewBuilder::new())),
        }
    }

    /// Appends the next value; `None` where there is none.
    fn push(&mut self, from: &mut Bytes) -> Option<()> {
        if from.long()? == 0 {
            self.nulls.append_null();
            match &mut self.values {
                AvroPartValues::Text(texts) => texts.append_null(),
                AvroPartValues::Native(values) => values.push_default(),
            }
            return Some(());
        }
        self.nulls.append_non_null();
        match &mut self.values {
            AvroPartValues::Text(texts) => texts.append_value(std::str::from_utf8(from.bytes()?).ok()?),
            AvroPartValues::Native(NativeBuilder::Bool(bits)) => bits.append(from.take(1)? == [1]),
            AvroPartValues::Native(NativeBuilder::Int(values) | NativeBuilder::Time(values)) => {
                values.push(from.long()?);
            }
            AvroPartValues::Native(NativeBuilder::Float(values)) => {
                values.push(f64::from_le_bytes(from.take(8)?.try_into().ok()?));
            }
            AvroPartValues::Native(NativeBuilder::Date(values)) => values.push(from.long()?.try_into().ok()?),
            AvroPartValues::Native(NativeBuilder::Decimal(values, ..)) => {
                let bytes = from.bytes()?;
                let fill = if *bytes.first()? >= 0x80 { 0xff } else { 0 };
                let mut whole = [fill; 16];
                whole.get_mut(16usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
                values.push(i128::from_be_bytes(whole));
            }
        }
        Some(())
    }

    fn finish(mut self) -> ArrayRef {
        match self.values {
            AvroPartValues::Text(mut texts) => Arc::new(texts.finish()),
            AvroPartValues::Native(mut values) => values.finish(self.nulls.finish()),
        }
    }
}
