//! Columns to Polars and back, by the Arrow C data interface: no value is copied on the way in.

use crate::batch::DataType;
use arrow_array::{Array, ArrayRef};
use arrow_data::ffi::FFI_ArrowArray;
use polars::prelude as pl;
use polars_arrow::ffi as pl_ffi;
use std::sync::Arc;

/// The Polars type of a column of type `ty`; instants are shown in `zone`.
fn dtype(ty: DataType, zone: &str) -> pl::DataType {
    match ty {
        DataType::String | DataType::Json => pl::DataType::String,
        DataType::Bool => pl::DataType::Boolean,
        DataType::Int64 => pl::DataType::Int64,
        DataType::Float64 => pl::DataType::Float64,
        DataType::Decimal { precision, scale } => pl::DataType::Decimal(precision.into(), scale.into()),
        DataType::Date => pl::DataType::Date,
        DataType::Timestamp => pl::DataType::Datetime(pl::TimeUnit::Microseconds, time_zone(zone)),
    }
}

fn time_zone(zone: &str) -> Option<pl::TimeZone> {
    pl::TimeZone::opt_try_new(Some(zone)).ok().flatten()
}

/// The column type that holds values of a Polars type, if one does.
pub fn data_type(dtype: &pl::DataType) -> Option<DataType> {
    Some(match dtype {
        pl::DataType::String => DataType::String,
        pl::DataType::Boolean => DataType::Bool,
        d if d.is_integer() => DataType::Int64,
        d if d.is_float() => DataType::Float64,
        pl::DataType::Decimal(precision, scale) => {
            DataType::Decimal { precision: u8::try_from(*precision).ok()?, scale: u8::try_from(*scale).ok()? }
        }
        pl::DataType::Date => DataType::Date,
        pl::DataType::Datetime(..) => DataType::Timestamp,
        // The literal NULL.
        pl::DataType::Null => DataType::String,
        _ => return None,
    })
}

/// The Polars column of an Arrow array of type `ty.arrow()`.
pub fn to_polars(name: &str, ty: DataType, array: &ArrayRef, zone: &str) -> pl::PolarsResult<pl::Column> {
    let exported = FFI_ArrowArray::new(&array.to_data());
    // SAFETY: both structs are the `ArrowArray` of the Arrow C data interface, which fixes their
    // layout; ownership moves with the bytes (the source is a moved-out value, not dropped here).
    let imported: pl_ffi::ArrowArray = unsafe { std::mem::transmute(exported) };
    let logical = dtype(ty, zone);
    let physical = match ty {
        DataType::Decimal { precision, scale } => {
            polars_arrow::datatypes::ArrowDataType::Decimal(precision.into(), scale.into())
        }
        _ => logical.to_physical().to_arrow(pl::CompatLevel::newest()),
    };
    // SAFETY: the array was exported as this very type (timestamps and dates as their integers).
    let chunk = unsafe { pl_ffi::import_array_from_c(imported, physical) }?;
    let series = pl::Series::from_arrow(name.into(), chunk)?;
    let series = match ty {
        DataType::Date | DataType::Timestamp => series.cast(&logical)?,
        _ => series,
    };
    Ok(series.into())
}

/// The Arrow array, of type `ty.arrow()`, of a Polars column.
pub fn to_arrow(column: pl::Column, ty: DataType) -> pl::PolarsResult<ArrayRef> {
    let wanted = match ty {
        // Any zone: the instant is what counts, and a cast between zones keeps it.
        DataType::Timestamp => match column.dtype() {
            pl::DataType::Datetime(_, zone) => {
                pl::DataType::Datetime(pl::TimeUnit::Microseconds, zone.clone())
            }
            _ => dtype(ty, "UTC"),
        },
        _ => dtype(ty, "UTC"),
    };
    // `to_arrow(0)` gives the first chunk only, so there must be one.
    let series = column.cast(&wanted)?.take_materialized_series().rechunk();
    let physical = match ty {
        DataType::Date | DataType::Timestamp => series.to_physical_repr().into_owned(),
        _ => series,
    };
    let chunk = physical.to_arrow(0, pl::CompatLevel::newest());
    let exported = pl_ffi::export_array_to_c(chunk);
    // SAFETY: as in `to_polars`, the other way round.
    let imported: FFI_ArrowArray = unsafe { std::mem::transmute(exported) };
    let as_exported = match ty {
        DataType::Date => arrow_schema::DataType::Int32,
        DataType::Timestamp => arrow_schema::DataType::Int64,
        _ => ty.arrow(),
    };
    // SAFETY: the array was exported from Polars with this physical type.
    let data = unsafe { arrow_array::ffi::from_ffi_and_data_type(imported, as_exported) }
        .map_err(|e| pl::PolarsError::ComputeError(e.to_string().into()))?;
    let data = data.into_builder().data_type(ty.arrow()).build();
    let data = data.map_err(|e| pl::PolarsError::ComputeError(e.to_string().into()))?;
    let array: Arc<dyn Array> = arrow_array::make_array(data);
    Ok(array)
}
