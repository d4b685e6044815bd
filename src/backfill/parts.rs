//! Parts of outputs, read back as they were written.
//!
//! # Contract
//! What comes back is what the encoders of [`crate::sink`] were given, where [`is_exact`] says so: types, NULLs and
//! values to the last bit (of a float that is no number there is one), rows in the order of the file. A file is
//! read once; that its bytes are those that the manifest names is known before any of them is looked at.

mod adopted;
mod adopted_text;
mod avro;
mod blocks;
mod rows;
mod text;

use crate::batch::{DataType, Schema};
use crate::error::Result;
use crate::sink;
use crate::sink::{ANEW, OutputFormat, Part};
use crate::store::files;
use crate::time::Zone;
use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use rows::unreadable;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_128;

/// Reads the parts of one output. Times in text carry their offset, so no zone is needed.
#[derive(Debug, Clone)]
pub struct PartReader {
    /// The folder that the paths of parts are in.
    pub root: PathBuf,
    /// The format of the parts.
    pub format: OutputFormat,
    /// The columns that stand in the files: [`crate::plan::OutputPlan::file_schema`].
    pub schema: Schema,
}

/// Whether all values of columns of `schema` can be told from files of `format`. Not floats in JSON Lines, where
/// one that is no number is `null`; not a text that is the only column of CSV, where NULL and the empty text are
/// written alike.
pub fn is_exact(format: OutputFormat, schema: &Schema) -> bool {
    match format {
        OutputFormat::Parquet | OutputFormat::Avro => true,
        OutputFormat::Csv => !matches!(&schema.fields[..], [only] if only.ty.is_text()),
        OutputFormat::JsonLines | OutputFormat::Keyed(_) => {
            schema.fields.iter().all(|f| f.ty != DataType::Float64)
        }
    }
}

impl PartReader {
    /// All rows of `part`, with the columns of the schema as [`Schema::arrow`] has them.
    ///
    /// # Errors
    /// A machine error: the file cannot be read, or is not the one that the manifest describes.
    pub fn read(&self, part: &Part) -> Result<RecordBatch> {
        let path = self.root.join(&part.path);
        let bytes: Vec<u8> = files::read_whole(&path).map_err(|error| error.hint(ANEW))?.into();
        // The hash is compared before a value is used: a changed part must not flow into a correction.
        if bytes.len() as u64 != part.bytes || format!("{:032x}", xxh3_128(&bytes)) != part.hash {
            return Err(sink::altered(&path));
        }
        if let Some(adopted) = &part.adopted {
            return self.adopted(bytes, &adopted.zone, &path).map(|(rows, _)| rows);
        }
        let rows = part.rows as usize;
        let batch = match self.format {
            OutputFormat::Parquet => self.parquet(bytes, rows).map_err(|e| unreadable(&path).caused_by(e))?,
            OutputFormat::Avro => avro::read(&self.schema, &bytes).map_err(|at| {
                unreadable(&path).caused_by(format!("the block at byte {at} is not as highwater writes it"))
            })?,
            format => text::read(format, &self.schema, bytes, rows).map_err(|at| {
                unreadable(&path).caused_by(format!("the text at byte {at} is not as highwater writes it"))
            })?,
        };
        if batch.num_rows() != rows {
            let count = batch.num_rows();
            return Err(unreadable(&path).caused_by(format!("{count} rows, of {rows}")));
        }
        Ok(batch)
    }

    /// The rows of a part where it lies until the commit.
    ///
    /// # Errors
    /// As of [`PartReader::read`].
    pub fn staged(&self, part: &Part, at: &Path) -> Result<RecordBatch> {
        // A staged part has a temporary place, and the reader joins its root with the path of the part.
        let folder = at.parent().unwrap_or(Path::new(".")).to_path_buf();
        let name = at.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        PartReader { root: folder, ..self.clone() }.read(&Part { path: name, ..part.clone() })
    }

    /// The rows of a file that another program wrote, whose times without a zone are local times of `zone`; and whether it
    /// is CSV without a header line.
    ///
    /// # Errors
    /// A data error: it does not have the columns of the output.
    pub fn adopted(&self, bytes: Vec<u8>, zone: &str, path: &Path) -> Result<(RecordBatch, bool)> {
        let zone = Zone::named(zone).ok_or_else(|| unreadable(path))?;
        adopted::read(self.format, &self.schema, &zone, bytes, path)
    }

    fn parquet(&self, bytes: Vec<u8>, rows: usize) -> parquet::errors::Result<RecordBatch> {
        let builder = sink::parquet::reader(Bytes::from(bytes), &self.schema)?;
        // One batch for the whole part spares a copy of all columns.
        let reader = builder.with_batch_size(rows.max(1)).build()?;
        let mut batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
        match batches.len() {
            1 => Ok(batches.remove(0)),
            // A part without rows does not give a batch, and `concat_batches` makes an empty one.
            _ => Ok(concat_batches(&self.schema.arrow(), &batches)?),
        }
    }
}

#[cfg(test)]
mod tests;
