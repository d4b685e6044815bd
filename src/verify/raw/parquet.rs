//! Parquet by arrow's reader: columns as they are.

use super::nested::clocks;
use super::{File, RawColumn, RawFile, nested};
use crate::error::{Error, Result};
use crate::input::{FileReader, Opened, SourceFile};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType as ArrowType, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows that are read at once.
const BATCH: usize = 1 << 16;

/// The rows of a file.
pub(super) fn read(file: &File, of: &SourceFile, wanted: &[RawColumn]) -> Result<RawFile> {
    let mut reading = ParquetRows::open(file, of, wanted)?;
    let rows = reading.rows;
    let mut batches = vec![];
    while let Some(batch) = reading.next()? {
        batches.push(batch);
    }
    let columns = reading.layout.columns(&batches, wanted)?;
    Ok(RawFile { columns, numbers: (0..rows as u64).collect(), records: rows as u64 })
}

/// A file that is read, batch by batch.
pub(super) struct ParquetRows {
    pub(super) layout: Arc<ParquetLayout>,
    /// How many rows it says that it has.
    pub(super) rows: usize,
    of: Opened,
    handle: FileReader,
    reader: ParquetRecordBatchReader,
}

/// Where a file has the wanted columns.
pub(super) struct ParquetLayout {
    path: PathBuf,
    schema: SchemaRef,
    /// The old times of Impala and Spark, of twelve bytes: instants, though their type has no zone.
    twelve_bytes: Vec<String>,
    found: Vec<bool>,
}

impl ParquetRows {
    pub(super) fn open(file: &File, of: &SourceFile, wanted: &[RawColumn]) -> Result<ParquetRows> {
        let path = file.path;
        let handle = of.opened.read()?;
        let failed = |e: &dyn std::fmt::Display| unread(path, &handle, e);
        let builder = ParquetRecordBatchReaderBuilder::try_new(handle.clone()).map_err(|e| failed(&e))?;
        let schema = builder.schema().clone();
        let mut names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        names.sort_unstable();
        // Columns are found by name, so two of one name would be taken for each other.
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::data(format!("{}: two columns are named `{}`", path.display(), pair[0])));
        }
        let twelve_bytes: Vec<String> = builder
            .parquet_schema()
            .columns()
            .iter()
            .filter(|column| column.physical_type() == parquet::basic::Type::INT96)
            .map(|column| column.path().string())
            .collect();
        let column_of = |name: &str| schema.fields().iter().position(|field| field.name() == name);
        let mut columns = vec![];
        for column in wanted {
            let found = column_of(&column.name);
            let outer = column.name.split('.').next().unwrap_or("");
            let nested =
                found.map_or(column_of(outer), Some).filter(|&i| schema.field(i).data_type().is_nested());
            if nested.is_some() && !(column.text && found.is_some()) {
                return Err(Error::job(format!(
                    "{}: `{}` is in a record, which the referee cannot read",
                    path.display(),
                    column.name
                )));
            }
            columns.push(found);
        }
        file.check_times(|name| column_of(name).is_some())?;
        let roots: Vec<usize> = columns.iter().flatten().copied().collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let reader = builder.with_projection(mask).with_batch_size(BATCH).build().map_err(|e| failed(&e))?;
        let found = columns.iter().map(Option::is_some).collect();
        let layout = Arc::new(ParquetLayout { path: path.to_path_buf(), schema, twelve_bytes, found });
        Ok(ParquetRows { layout, rows, of: of.opened.clone(), handle, reader })
    }

    /// The next rows; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self.reader.next() {
            Some(batch) => batch.map(Some).map_err(|e| unread(&self.layout.path, &self.handle, &e)),
            None => {
                // A file that changed while it was read would look like a difference of the results.
                self.of.unchanged(None)?;
                Ok(None)
            }
        }
    }
}

fn unread(path: &Path, handle: &FileReader, cause: &dyn std::fmt::Display) -> Error {
    let damaged = || Error::data(format!("{} cannot be read as Parquet", path.display())).caused_by(cause);
    handle.failure().unwrap_or_else(damaged)
}

impl ParquetLayout {
    /// The wanted columns of batches; none for one that the file lacks.
    pub(super) fn columns(
        &self,
        batches: &[RecordBatch],
        wanted: &[RawColumn],
    ) -> Result<Vec<Option<ArrayRef>>> {
        let columns = wanted.iter().zip(&self.found);
        columns.map(|(column, found)| found.then(|| self.joined(batches, &column.name)).transpose()).collect()
    }

    fn joined(&self, batches: &[RecordBatch], name: &str) -> Result<ArrayRef> {
        let failed = |e: ArrowError| {
            Error::data(format!("{} cannot be read as Parquet", self.path.display())).caused_by(e)
        };
        let arrays: Vec<&dyn Array> =
            batches.iter().filter_map(|batch| batch.column_by_name(name)).map(|array| &**array).collect();
        // Arrow's `concat` refuses an empty list, and a file may have zero row groups.
        let array = match arrays.is_empty() {
            true => {
                arrow_array::new_empty_array(self.schema.field_with_name(name).map_err(failed)?.data_type())
            }
            false => arrow_select::concat::concat(&arrays).map_err(failed)?,
        };
        let array = plain(&array).map_err(failed)?;
        match array.as_primitive_opt::<TimestampNanosecondType>() {
            Some(times) if self.twelve_bytes.iter().any(|known| known == name) => {
                Ok(Arc::new(times.clone().with_timezone("UTC")) as ArrayRef)
            }
            _ => Ok(array),
        }
    }
}

/// Texts of every kind as one kind, dictionaries as their values, times of day as text.
fn plain(array: &ArrayRef) -> std::result::Result<ArrayRef, arrow_schema::ArrowError> {
    match array.data_type() {
        ArrowType::Dictionary(_, values) => plain(&arrow_cast::cast(array, values)?),
        ArrowType::Utf8
        | ArrowType::LargeUtf8
        | ArrowType::Binary
        | ArrowType::LargeBinary
        | ArrowType::BinaryView => arrow_cast::cast(array, &ArrowType::Utf8View),
        ArrowType::Float16 => arrow_cast::cast(array, &ArrowType::Float32),
        ArrowType::Time32(_) | ArrowType::Time64(_) => clocks(array),
        ty if ty.is_nested() => {
            nested::texts(array).map_err(|e| arrow_schema::ArrowError::ComputeError(e.to_string()))
        }
        _ => Ok(array.clone()),
    }
}
