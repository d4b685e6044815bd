//! Parts of a mirror, read back for its table.

use crate::batch::{DataType, Schema};
use crate::error::{Error, Result};
use arrow_array::RecordBatch;
use arrow_schema::DataType as ArrowType;
use arrow_select::concat::concat_batches;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Rows at a time.
const ROWS: usize = 1 << 15;

/// The batches of a part.
pub struct Batches {
    reader: ParquetRecordBatchReader,
    /// The columns wanted, by their numbers in what is read.
    columns: Option<Vec<usize>>,
    path: PathBuf,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        let batch = self.reader.next()?;
        let columns =
            |batch: RecordBatch| self.columns.as_ref().map_or(Ok(batch.clone()), |c| batch.project(c));
        Some(batch.and_then(columns).map_err(|e| unreadable(&self.path, e)))
    }
}

fn unreadable(path: &Path, cause: impl std::fmt::Display) -> Error {
    let error = Error::machine(format!("{} cannot be read back", path.display())).caused_by(cause);
    error.hint(crate::sink::ANEW)
}

/// The rows of the part at `path`, whose columns are those of `schema`.
///
/// # Errors
/// A machine error: it cannot be read, or has other columns.
pub fn rows_of(path: &Path, schema: &Schema) -> Result<Batches> {
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    // Parts do not hold Arrow's schema, so the reader is told the types.
    let options = ArrowReaderOptions::new().with_schema(schema.arrow());
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .and_then(|builder| builder.with_batch_size(ROWS).build())
        .map_err(|e| unreadable(path, e))?;
    Ok(Batches { reader, columns: None, path: path.to_path_buf() })
}

/// All rows of a part as one batch.
///
/// # Errors
/// As [`rows_of`].
pub fn whole(path: &Path, schema: &Schema) -> Result<RecordBatch> {
    let batches = rows_of(path, schema)?.collect::<Result<Vec<_>>>()?;
    concat_batches(&schema.arrow(), &batches).map_err(|e| unreadable(path, e))
}

/// The columns `key` of `schema` in the part at `path`, which may be of another job: `None` where it has not these.
///
/// # Errors
/// A machine error: it cannot be read.
pub fn keys_of(path: &Path, schema: &Schema, key: &[usize]) -> Result<Option<Batches>> {
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| unreadable(path, e))?;
    let fields = builder.schema().fields();
    let found = key.iter().map(|&k| {
        let wanted = &schema.fields[k];
        let at = fields.iter().position(|field| field.name() == &wanted.name)?;
        is_of(fields[at].data_type(), wanted.ty).then_some(at)
    });
    let Some(found) = found.collect::<Option<Vec<usize>>>() else { return Ok(None) };
    // What is read comes in the order of the file.
    let mut in_file = found.clone();
    in_file.sort_unstable();
    let columns =
        found.iter().map(|at| in_file.iter().position(|read| read == at).unwrap_or_default()).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), in_file);
    let reader =
        builder.with_projection(mask).with_batch_size(ROWS).build().map_err(|e| unreadable(path, e))?;
    Ok(Some(Batches { reader, columns: Some(columns), path: path.to_path_buf() }))
}

fn is_of(is: &ArrowType, ty: DataType) -> bool {
    match (is, ty) {
        // A part without Arrow's schema shows text as Utf8.
        (ArrowType::Utf8 | ArrowType::Utf8View, ty) if ty.is_text() => true,
        (ArrowType::Timestamp(unit, _), DataType::Timestamp) => *unit == arrow_schema::TimeUnit::Microsecond,
        (is, ty) => *is == ty.arrow(),
    }
}
