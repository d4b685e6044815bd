//! Parquet, by the crate's writers.
use super::TOOL;
use super::encode::{Content, Encoded, Encoder};
use super::stage::StagedFile;
use crate::batch::Schema;
use crate::error::{Error, Result};
use ::parquet::arrow::ArrowSchemaConverter;
use ::parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::TypePtr;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Chunk(ArrowColumnChunk);
impl Chunk {
    pub fn bytes(&self) -> usize { self.0.close().bytes_written as usize }
}
pub struct ParquetEncoder { factory: ArrowRowGroupWriterFactory, schema: SchemaRef }

fn props() -> WriterPropertiesPtr {
    let e = |k: &str| std::env::var(k).ok();
    let mut b = WriterProperties::builder()
        .set_created_by(TOOL.to_string())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(e("ZL").map_or(1, |v| v.parse().unwrap())).unwrap()))
        .set_statistics_enabled(if e("PAGE").is_some() { EnabledStatistics::Page } else { EnabledStatistics::Chunk })
        .set_offset_index_disabled(e("PAGE").is_none())
        .set_max_row_group_row_count(None);
    if let Some(w) = e("WB") { b = b.set_write_batch_size(w.parse().unwrap()); }
    if let Some(w) = e("PR") { b = b.set_data_page_row_count_limit(w.parse().unwrap()); }
    if e("DELTA").is_some() {
        for c in ["window_start", "timestamp", "views", "user_id"] {
            b = b.set_column_dictionary_enabled(c.into(), false).set_column_encoding(c.into(), Encoding::DELTA_BINARY_PACKED);
        }
    }
    Arc::new(b.build())
}
fn root(schema: &SchemaRef) -> TypePtr { ArrowSchemaConverter::new().convert(schema).unwrap().root_schema_ptr() }
impl ParquetEncoder {
    pub fn new(schema: &Schema) -> Result<ParquetEncoder> {
        let schema = schema.arrow();
        let w = SerializedFileWriter::new(Vec::new(), root(&schema), props()).unwrap();
        Ok(ParquetEncoder { factory: ArrowRowGroupWriterFactory::new(&w, schema.clone()), schema })
    }
}
impl Encoder for ParquetEncoder {
    fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let writers = self.factory.create_column_writers(0).unwrap();
        let mut chunks = vec![];
        for ((mut w, f), a) in writers.into_iter().zip(self.schema.fields()).zip(batch.columns()) {
            let t = std::time::Instant::now();
            for leaf in compute_leaves(f, a).unwrap() { w.write(&leaf).unwrap(); }
            chunks.push(Chunk(w.close().unwrap()));
            if std::env::var("TRACE").is_ok() { eprintln!("{} {:?} {}", f.name(), t.elapsed(), chunks.last().unwrap().bytes()); }
        }
        Ok(Encoded { rows: batch.num_rows() as u64, content: Content::RowGroup(chunks) })
    }
}
pub(super) struct ParquetFile { w: SerializedFileWriter<StagedFile> }
impl ParquetFile {
    pub fn new(staged: StagedFile, schema: &Schema) -> Result<ParquetFile> {
        Ok(ParquetFile { w: SerializedFileWriter::new(staged, root(&schema.arrow()), props()).map_err(|e| Error::machine("x").caused_by(e))? })
    }
    pub fn append(&mut self, chunks: Vec<Chunk>, _rows: u64) -> Result<()> {
        let mut g = self.w.next_row_group().unwrap();
        for c in chunks { c.0.append_to_row_group(&mut g).unwrap(); }
        g.close().map_err(|e| Error::machine("x").caused_by(e))?;
        Ok(())
    }
    pub fn finish(self) -> Result<StagedFile> { self.w.into_inner().map_err(|e| Error::machine("x").caused_by(e)) }
}
