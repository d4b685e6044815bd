//! Parquet by arrow's reader: columns as they are.

use super::nested::clocks;
use super::{File, RawColumn, RawFile, nested};
use crate::error::{Error, Result};
use crate::input::SourceFile;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as ArrowType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::sync::Arc;

/// The rows of a file.
pub(super) fn read(file: &File, of: &SourceFile, wanted: &[RawColumn]) -> Result<RawFile> {
    let path = file.path;
    let handle = of.opened.read()?;
    let failed = |e: &dyn std::fmt::Display| {
        let damaged = || Error::data(format!("{} cannot be read as Parquet", path.display())).caused_by(e);
        handle.failure().unwrap_or_else(damaged)
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(handle.clone()).map_err(|e| failed(&e))?;
    let schema = builder.schema().clone();
    let mut names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    names.sort_unstable();
    // Columns are found by name, so two of one name would be taken for each other.
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::data(format!("{}: two columns are named `{}`", path.display(), pair[0])));
    }
    // The old times of Impala and Spark, of twelve bytes: instants, though their type has no zone.
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
    let reader = builder.with_projection(mask).with_batch_size(1 << 16).build().map_err(|e| failed(&e))?;
    let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|e| failed(&e))?;
    // A file that changed while it was read would look like a difference of the results.
    of.opened.unchanged(None)?;
    let joined = |name: &str| -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> =
            batches.iter().filter_map(|batch| batch.column_by_name(name)).map(|array| &**array).collect();
        // Arrow's `concat` refuses an empty list, and a file may have zero row groups.
        let array = match arrays.is_empty() {
            true => arrow_array::new_empty_array(
                schema.field_with_name(name).map_err(|e| failed(&e))?.data_type(),
            ),
            false => arrow_select::concat::concat(&arrays).map_err(|e| failed(&e))?,
        };
        let array = plain(&array).map_err(|e| failed(&e))?;
        match array.as_primitive_opt::<TimestampNanosecondType>() {
            Some(times) if twelve_bytes.iter().any(|known| known == name) => {
                Ok(Arc::new(times.clone().with_timezone("UTC")) as ArrayRef)
            }
            _ => Ok(array),
        }
    };
    let columns =
        wanted.iter().zip(&columns).map(|(column, found)| found.map(|_| joined(&column.name)).transpose());
    Ok(RawFile {
        columns: columns.collect::<Result<Vec<_>>>()?,
        numbers: (0..rows as u64).collect(),
        records: rows as u64,
    })
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
