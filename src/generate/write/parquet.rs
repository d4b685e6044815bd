//! Rows into a Parquet file, zstd.

use super::super::row::{ColumnType, GeneratedCell, GeneratedColumn, Row};
use arrow_array::builder::{BooleanBuilder, Decimal128Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Rows to a batch.
const BATCH: usize = 64 * 1024;
/// Rows to a row group.
const GROUP: usize = 1 << 20;

/// Writes rows to a Parquet file.
pub struct ParquetWriter {
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    rows: usize,
    out: ArrowWriter<File>,
}

enum ColumnBuilder {
    Int(Int64Builder),
    Amount(Decimal128Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
}

impl ParquetWriter {
    /// Starts a file.
    pub fn new(file: File, columns: &[GeneratedColumn]) -> io::Result<ParquetWriter> {
        let fields =
            columns.iter().map(|c| Field::new(c.name.as_ref(), arrow_type(c.ty), true)).collect::<Vec<_>>();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            // A bound in rows, so that groups depend on the rows alone; it is a multiple of BATCH.
            .set_max_row_group_row_count(Some(GROUP))
            // By default the crate `parquet` names itself and its version as the writer.
            .set_created_by(format!("highwater {}", env!("CARGO_PKG_VERSION")))
            .build();
        let out = ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(to_io)?;
        let columns = columns.iter().map(|c| ColumnBuilder::new(c.ty)).collect();
        Ok(ParquetWriter { schema, columns, rows: 0, out })
    }

    /// Adds a row.
    pub fn write(&mut self, row: &Row) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(row.cells()) {
            column.push(row, cell);
        }
        self.rows += 1;
        if self.rows == BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.rows = 0;
        let arrays = self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        let batch = RecordBatch::try_new(self.schema.clone(), arrays).map_err(io::Error::other)?;
        self.out.write(&batch).map_err(to_io)
    }

    /// Ends the file.
    pub fn finish(mut self) -> io::Result<File> {
        if self.rows > 0 {
            self.flush()?;
        }
        self.out.into_inner().map_err(to_io)
    }
}

impl ColumnBuilder {
    fn new(ty: ColumnType) -> ColumnBuilder {
        match ty {
            ColumnType::Int => ColumnBuilder::Int(Int64Builder::with_capacity(BATCH)),
            // Without it, an array of decimals has Arrow's default, ten digits after the point.
            ColumnType::Amount => ColumnBuilder::Amount(
                Decimal128Builder::with_capacity(BATCH).with_data_type(arrow_type(ColumnType::Amount)),
            ),
            ColumnType::Bool => ColumnBuilder::Bool(BooleanBuilder::with_capacity(BATCH)),
            ColumnType::Text | ColumnType::Instant => ColumnBuilder::Text(StringBuilder::new()),
        }
    }

    /// A cell of another type than the column's, which no log gives, would be NULL.
    fn push(&mut self, row: &Row, cell: &GeneratedCell) {
        match (self, cell) {
            (ColumnBuilder::Int(b), GeneratedCell::Int(value)) => b.append_value(*value),
            (ColumnBuilder::Int(b), _) => b.append_null(),
            (ColumnBuilder::Amount(b), GeneratedCell::Amount(hundredths)) => {
                b.append_value(i128::from(*hundredths))
            }
            (ColumnBuilder::Amount(b), _) => b.append_null(),
            (ColumnBuilder::Bool(b), GeneratedCell::Bool(value)) => b.append_value(*value),
            (ColumnBuilder::Bool(b), _) => b.append_null(),
            (ColumnBuilder::Text(b), GeneratedCell::Text(range)) => b.append_value(row.text_of(range)),
            (ColumnBuilder::Text(b), _) => b.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            ColumnBuilder::Int(b) => Arc::new(b.finish()),
            ColumnBuilder::Amount(b) => Arc::new(b.finish()),
            ColumnBuilder::Bool(b) => Arc::new(b.finish()),
            ColumnBuilder::Text(b) => Arc::new(b.finish()),
        }
    }
}

fn arrow_type(ty: ColumnType) -> DataType {
    match ty {
        ColumnType::Int => DataType::Int64,
        ColumnType::Amount => DataType::Decimal128(18, 2),
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Text | ColumnType::Instant => DataType::Utf8,
    }
}

/// A full disk shows as an I/O error inside the one of parquet; it must stay one, for its hint.
fn to_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(io) => *io,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
