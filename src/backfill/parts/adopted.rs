//! Files that another program wrote → the columns of an output.
//!
//! # Contract
//! * A column is found by its name, a nested one by its path. A column that the output does not have, or one that the file
//!   lacks, is an error: a correction writes the rows of a partition anew, and would lose it.
//! * A value is read as the type of the output has it, or is an error: no digit and no fraction of a second is cut off.
//! * A time without a zone is a local time of the zone that is given.
//! * Rows come in the order of the file, which may be any.

use super::adopted_text::{self, check_names};
use crate::batch::{DataType, Field, Schema};
use crate::error::{Error, Result};
use crate::sink::OutputFormat;
use crate::time::Zone;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, TimestampMicrosecondArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::path::Path;

/// The rows of the file `bytes`, which lies at `path`, with the columns of `schema`; and whether it is CSV without a header
/// line.
///
/// # Errors
/// A data error: the file is not one of the format, has other columns, or a value that its column here cannot hold.
pub fn read(
    format: OutputFormat,
    schema: &Schema,
    zone: &Zone,
    bytes: Vec<u8>,
    path: &Path,
) -> Result<(RecordBatch, bool)> {
    let wrong = |why: String| Error::data(format!("{} cannot be adopted: {why}", path.display()));
    match format {
        OutputFormat::Parquet => parquet(schema, zone, bytes).map(|rows| (rows, false)).map_err(wrong),
        OutputFormat::Csv | OutputFormat::JsonLines => {
            adopted_text::read(format, schema, zone, &bytes).map_err(wrong)
        }
        OutputFormat::Avro | OutputFormat::Keyed(_) => {
            Err(wrong(format!("files of the format {} are not adopted yet", format.name())))
        }
    }
}

fn parquet(schema: &Schema, zone: &Zone, bytes: Vec<u8>) -> std::result::Result<RecordBatch, String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).map_err(|e| e.to_string())?;
    let of_file = builder.schema().clone();
    let batches = builder.build().map_err(|e| e.to_string())?;
    let batches = batches.collect::<std::result::Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    let whole = concat_batches(&of_file, &batches).map_err(|e| e.to_string())?;
    let mut leaves = vec![];
    for (field, column) in of_file.fields().iter().zip(whole.columns()) {
        flatten(field.name(), column, &mut leaves);
    }
    check_names(schema, leaves.iter().map(|(name, _)| name.as_str()))?;
    let columns = schema.fields.iter().map(|field| {
        let found = leaves.iter().find(|(name, _)| *name == field.name);
        let (_, column) = found.ok_or_else(|| format!("it has no column `{}`", field.name))?;
        fitted(field, column, zone)
    });
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    super::rows::batch(schema, columns, whole.num_rows()).map_err(|e| e.to_string())
}

/// The columns of a record by their paths.
fn flatten(name: &str, column: &ArrayRef, leaves: &mut Vec<(String, ArrayRef)>) {
    match column.data_type() {
        ArrowType::Struct(fields) => {
            // A record that is NULL has no values: its columns would be read as if it were there.
            let whole = column.as_struct();
            for (field, inner) in fields.iter().zip(whole.columns()) {
                let masked = match whole.nulls() {
                    None => inner.clone(),
                    Some(nulls) => {
                        let no_record = arrow_array::BooleanArray::new(!nulls.inner(), None);
                        arrow_select::nullif::nullif(inner, &no_record).unwrap_or_else(|_| inner.clone())
                    }
                };
                flatten(&format!("{name}.{}", field.name()), &masked, leaves);
            }
        }
        _ => leaves.push((name.to_string(), column.clone())),
    }
}

/// `column` as the output has it.
fn fitted(field: &Field, column: &ArrayRef, zone: &Zone) -> std::result::Result<ArrayRef, String> {
    let (is, wanted) = (column.data_type().clone(), field.ty.arrow());
    let wrong =
        || format!("its column `{}` is {is}, and has values that {} cannot hold", field.name, field.ty);
    let cast = |array: &ArrayRef, to: &ArrowType| {
        cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })
            .map_err(|_| wrong())
    };
    let instant = field.ty == DataType::Timestamp;
    if !instant && matches!(is, ArrowType::Timestamp(..))
        || instant && !matches!(is, ArrowType::Timestamp(..))
    {
        return Err(format!("its column `{}` is {is}, and not {}", field.name, field.ty));
    }
    let fitted = match &is {
        // Every text is a value of other types by its digits, but a published text is one.
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View if !field.ty.is_text() => {
            return Err(format!("its column `{}` is a text, and not {}", field.name, field.ty));
        }
        ArrowType::Timestamp(_, None) => {
            let local = cast(column, &ArrowType::Timestamp(TimeUnit::Microsecond, None))?;
            let mut zone = zone.clone();
            let local = local.as_primitive::<TimestampMicrosecondType>();
            let instants = local.iter().map(|local| local.map(|local| zone.instant(local)));
            let instants: TimestampMicrosecondArray = instants.collect();
            let shown: Vec<Option<i64>> =
                instants.iter().map(|instant| instant.map(|instant| zone.local(instant))).collect();
            // A local time that does not exist is another one when it is read back.
            if !local.iter().eq(shown) {
                return Err(wrong());
            }
            let back = cast(&(std::sync::Arc::new(local.clone()) as ArrayRef), &is)?;
            return match &back == column {
                true => Ok(std::sync::Arc::new(instants.with_timezone("UTC"))),
                false => Err(wrong()),
            };
        }
        _ => cast(column, &wanted)?,
    };
    // What comes back as it was has lost nothing.
    match &cast(&fitted, &is)? == column {
        true => Ok(fitted),
        false => Err(wrong()),
    }
}
