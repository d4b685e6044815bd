//! Parquet: row groups encoded in parallel, spliced into a file in order.
//!
//! # Contract
//! * A piece is one row group. Its bytes depend on its rows only: the writer is named by version and not
//!   by time, there is no Arrow schema in the metadata (it would tell dictionaries from plain text), and
//!   the choice of an encoding looks at values alone.
//! * Every column is optional. Text is UTF8, times are `TIMESTAMP(MICROS, UTC)`, decimals are INT32, INT64 or
//!   fixed bytes by their precision: what every reader knows.
//!
//! # Why not the crate's writer alone
//! It codes a dictionary value by value with a hash of each, also where the engine has codes already: 20 to 28 ns
//! a value, more than the rest of writing together. So text and integers with few distinct values
//! are coded in `dictionary` and paged in `pages`; floats, bools, decimals, dates and integers with many
//! distinct values go through the crate (plain or DELTA_BINARY_PACKED).

pub(super) mod chunk;
mod dictionary;
mod pages;
mod statistics;

use super::TOOL;
use super::encode::{Encoded, EncodedContent, Encoder};
use super::stage::StagedFile;
use crate::batch::{ColumnView, DataType, Field, Schema};
use crate::error::{Error, Result};
use ::parquet::arrow::ArrowSchemaConverter;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use ::parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use ::parquet::file::reader::ChunkReader;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{ColumnPath, SchemaDescPtr};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use chunk::{ColumnChunk, ZSTD_LEVEL, failed_to_encode};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Encodes pieces as row groups.
#[derive(Debug)]
pub struct ParquetEncoder {
    schema: SchemaRef,
    columns: SchemaDescPtr,
    factory: ArrowRowGroupWriterFactory,
}

impl ParquetEncoder {
    /// An encoder of rows of `schema`.
    pub fn new(schema: &Schema) -> Result<ParquetEncoder> {
        let writer = file_writer(io::sink(), schema)?;
        let columns =
            Arc::new(ArrowSchemaConverter::new().convert(&schema.arrow()).map_err(failed_to_encode)?);
        let factory = ArrowRowGroupWriterFactory::new(&writer, schema.arrow());
        Ok(ParquetEncoder { schema: schema.arrow(), columns, factory })
    }

    /// The chunk of one column that is written here; `None` where the crate writes it.
    fn own_chunk(&self, index: usize, array: &ArrayRef) -> Result<Option<ColumnChunk>> {
        // A dictionary can hold NULL as a value, and its codes do not show that.
        let nulls = array.logical_nulls().filter(|n| n.null_count() > 0);
        let nulls = nulls.as_ref();
        let coded = match ColumnView::of(array)? {
            ColumnView::Text(text) => dictionary::code_text(text, array.len(), nulls),
            ColumnView::Int(ints) => dictionary::code_integers(ints.values(), nulls),
            ColumnView::Time(times) => dictionary::code_integers(times.values(), nulls),
            _ => return Ok(None),
        };
        let descr = self.columns.column(index);
        match (coded, ColumnView::of(array)?) {
            (Some(coded), _) => pages::dictionary_chunk(descr, array.len(), nulls, coded).map(Some),
            (None, ColumnView::Text(text)) => {
                pages::plain_text_chunk(descr, array.len(), nulls, text).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The chunks of the columns in `wanted` by the crate's writer.
    fn crate_chunks(&self, batch: &RecordBatch, wanted: &[usize]) -> Result<Vec<ColumnChunk>> {
        let encode = || -> ::parquet::errors::Result<Vec<ColumnChunk>> {
            let mut chunks = vec![];
            let writers = self.factory.create_column_writers(0)?.into_iter().enumerate();
            for (i, mut writer) in writers.filter(|(i, _)| wanted.contains(i)) {
                for leaf in compute_leaves(self.schema.field(i), batch.column(i))? {
                    writer.write(&leaf)?;
                }
                chunks.push(ColumnChunk::Crate(Box::new(writer.close()?)));
            }
            Ok(chunks)
        };
        encode().map_err(failed_to_encode)
    }
}

impl Encoder for ParquetEncoder {
    fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let mut chunks = vec![];
        for (i, array) in batch.columns().iter().enumerate() {
            chunks.push(self.own_chunk(i, array)?);
        }
        let others: Vec<usize> = (0..chunks.len()).filter(|&i| chunks[i].is_none()).collect();
        if !others.is_empty() {
            for (i, chunk) in others.iter().zip(self.crate_chunks(batch, &others)?) {
                chunks[*i] = Some(chunk);
            }
        }
        let chunks = chunks.into_iter().flatten().collect();
        Ok(Encoded { rows: batch.num_rows() as u64, content: EncodedContent::RowGroup(chunks) })
    }
}

fn properties(schema: &Schema) -> Result<WriterPropertiesPtr> {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(failed_to_encode)?;
    let mut properties = WriterProperties::builder()
        .set_created_by(TOOL.to_string())
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        // What repeats is coded before the crate sees it.
        .set_dictionary_enabled(false);
    for field in &schema.fields {
        let packs = match field.ty {
            DataType::Int64 | DataType::Timestamp | DataType::Date => true,
            // Parquet stores these in INT32 or INT64; wider ones are fixed bytes, which cannot be packed.
            DataType::Decimal { precision, .. } => precision <= 18,
            _ => false,
        };
        if packs {
            let path = ColumnPath::new(vec![field.name.clone()]);
            properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    Ok(Arc::new(properties.build()))
}

fn file_writer<W: io::Write + Send>(to: W, schema: &Schema) -> Result<SerializedFileWriter<W>> {
    let parquet_schema = ArrowSchemaConverter::new().convert(&schema.arrow()).map_err(failed_to_encode)?;
    // `ArrowWriter` would add Arrow's schema, by which a dictionary differs from plain text.
    SerializedFileWriter::new(to, parquet_schema.root_schema_ptr(), properties(schema)?)
        .map_err(failed_to_encode)
}

/// A Parquet file being put together.
pub(super) struct ParquetPart {
    writer: SerializedFileWriter<StagedFile>,
    /// The columns.
    fields: Vec<Field>,
    /// The staged file's path, for errors.
    path: PathBuf,
}

impl ParquetPart {
    /// Begins a file in `staged`.
    pub fn new(staged: StagedFile, schema: &Schema) -> Result<ParquetPart> {
        let path = staged.on_disk().to_path_buf();
        Ok(ParquetPart { writer: file_writer(staged, schema)?, fields: schema.fields.clone(), path })
    }

    /// Appends a row group.
    pub fn append(&mut self, chunks: Vec<ColumnChunk>) -> Result<()> {
        self.splice(chunks).map_err(|e| failed_to_write(&self.path, e))
    }

    fn splice(&mut self, chunks: Vec<ColumnChunk>) -> ::parquet::errors::Result<()> {
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks {
            match chunk {
                ColumnChunk::Pages(bytes, close) => group.append_column(&bytes, *close)?,
                ColumnChunk::Crate(chunk) => chunk.append_to_row_group(&mut group)?,
            }
        }
        group.close()?;
        Ok(())
    }

    /// Writes the footer.
    pub fn finish(self) -> Result<StagedFile> {
        // Only the metadata of a table wants to know what the columns have.
        if self.fields.iter().all(|field| field.table_id.is_none()) {
            return self.writer.into_inner().map_err(|e| failed_to_write(&self.path, e));
        }
        let statistics = statistics::of(&self.fields, self.writer.flushed_row_groups());
        let mut staged = self.writer.into_inner().map_err(|e| failed_to_write(&self.path, e))?;
        staged.describe(statistics);
        Ok(staged)
    }
}

/// A failed write, with the operating system's reason where the crate wrapped one.
fn failed_to_write(path: &Path, e: ParquetError) -> Error {
    match e {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => Error::io("write", path, *cause),
            Err(cause) => failed_to_encode(ParquetError::External(cause)),
        },
        e => failed_to_encode(e),
    }
}

/// A reader of a part, whose columns are those of `schema`: parts do not hold Arrow's schema, so the reader is told the types.
///
/// # Errors
/// It is not Parquet, or has other columns.
pub fn reader<T: ChunkReader + 'static>(
    file: T,
    schema: &Schema,
) -> ::parquet::errors::Result<ParquetRecordBatchReaderBuilder<T>> {
    let found = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
    let own = schema.arrow();
    // Parts of tables have ids of columns, which are none of the types.
    let with_ids = own.fields().iter().zip(found.schema().fields());
    let fields = with_ids.map(|(own, found)| own.as_ref().clone().with_metadata(found.metadata().clone()));
    let fields: Vec<arrow_schema::Field> = fields.collect();
    let schema = match fields.len() == own.fields().len() {
        true => Arc::new(arrow_schema::Schema::new(fields)),
        false => own,
    };
    let options = ArrowReaderOptions::new().with_schema(schema);
    let metadata = ArrowReaderMetadata::try_new(found.metadata().clone(), options)?;
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata))
}

#[cfg(test)]
mod tests;
