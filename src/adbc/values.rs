//! Values of engines as values of ours, exactly.
//!
//! # Contract
//! A value keeps what it says: an integer may become wider, a decimal may get zeros or lose them, a time without a zone
//! is UTC, a text of digits is the decimal that it shows where one is wanted. All else is an error that names the column.

use crate::batch::{DataType, Schema};
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, Decimal128Array, Int64Array, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray,
    new_null_array,
};
use arrow_schema::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema, TimeUnit};
use std::sync::Arc;

/// The columns of `schema`, in its order and of its types, out of those of a result that have their names.
///
/// # Errors
/// A data error: a column is missing, or a value is not one of its type.
pub fn fitted(rows: &RecordBatch, schema: &Schema) -> Result<Vec<ArrayRef>> {
    let column = |field: &crate::batch::Field| {
        let Some(column) = rows.column_by_name(&field.name) else {
            return Err(Error::data(format!("the engine's result has no column `{}`", field.name)));
        };
        fit(column, &field.name, field.ty)
    };
    schema.fields.iter().map(column).collect()
}

/// A result with each column of the type that `schema` has for its name, where its values are of that type; else of the
/// nearest of ours.
///
/// # Errors
/// A data error: a type that none of ours holds.
pub fn towards(rows: &RecordBatch, schema: &Schema) -> Result<RecordBatch> {
    let column = |(field, column): (&Arc<ArrowField>, &ArrayRef)| {
        let wanted = schema.fields.iter().find(|wanted| wanted.name == *field.name());
        let fits = wanted.and_then(|wanted| fit(column, field.name(), wanted.ty).ok());
        fits.map_or_else(|| plain(column, field.name()), Ok)
    };
    each(rows, column)
}

/// A result with each column of the nearest type of ours.
///
/// # Errors
/// A data error: a type that none of ours holds.
pub fn natural(rows: &RecordBatch) -> Result<RecordBatch> {
    each(rows, |(field, column)| plain(column, field.name()))
}

fn each(
    rows: &RecordBatch,
    change: impl Fn((&Arc<ArrowField>, &ArrayRef)) -> Result<ArrayRef>,
) -> Result<RecordBatch> {
    let names = rows.schema();
    let columns = names.fields().iter().zip(rows.columns()).map(change).collect::<Result<Vec<_>>>()?;
    let fields = names.fields().iter().zip(&columns);
    let fields: Vec<ArrowField> = fields
        .map(|(field, column)| ArrowField::new(field.name(), column.data_type().clone(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), columns, &options)
        .map_err(|e| Error::fault("a batch has the wrong shape").caused_by(e))
}

/// A column as the nearest type of ours.
fn plain(column: &ArrayRef, name: &str) -> Result<ArrayRef> {
    let to = |ty: &ArrowType| {
        arrow_cast::cast_with_options(column, ty, &STRICT)
            .map_err(|e| unlike(name, column.data_type()).caused_by(e))
    };
    match column.data_type() {
        ArrowType::Boolean
        | ArrowType::Int64
        | ArrowType::Float64
        | ArrowType::Date32
        | ArrowType::Utf8View => Ok(column.clone()),
        ArrowType::UInt64 => to(&ArrowType::Decimal128(20, 0)),
        ty if ty.is_integer() => to(&ArrowType::Int64),
        ArrowType::Float16 | ArrowType::Float32 => to(&ArrowType::Float64),
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Null => to(&ArrowType::Utf8View),
        ArrowType::Decimal128(_, scale) if *scale >= 0 => Ok(column.clone()),
        ArrowType::Decimal32(precision, scale) | ArrowType::Decimal64(precision, scale) if *scale >= 0 => {
            to(&ArrowType::Decimal128(*precision, *scale))
        }
        ArrowType::Date64 => to(&ArrowType::Date32),
        ArrowType::Timestamp(unit, _) => micros(column, *unit, name),
        ArrowType::Dictionary(_, value) => plain(&to(value)?, name),
        ty => Err(unlike(name, ty).hint(format!("cast it in the statement: CAST({name} AS VARCHAR)"))),
    }
}

/// A cast that fails is an error and not NULL.
const STRICT: arrow_cast::CastOptions<'static> =
    arrow_cast::CastOptions { safe: false, format_options: arrow_cast::display::FormatOptions::new() };

fn unlike(name: &str, ty: &ArrowType) -> Error {
    Error::data(format!(
        "the column `{name}` of the engine's result has the type {ty}, which a column cannot hold"
    ))
}

/// Instants in microseconds.
fn micros(column: &ArrayRef, unit: TimeUnit, name: &str) -> Result<ArrayRef> {
    let raw = column.to_data().into_builder().data_type(ArrowType::Int64).build();
    let raw = raw.map_err(|e| Error::fault("instants are not integers").caused_by(e))?;
    let raw = Int64Array::from(raw);
    let of = |value: i64| match unit {
        TimeUnit::Second => value.checked_mul(1_000_000),
        TimeUnit::Millisecond => value.checked_mul(1_000),
        TimeUnit::Microsecond => Some(value),
        TimeUnit::Nanosecond => (value % 1_000 == 0).then_some(value / 1_000),
    };
    let values = raw.iter().map(|value| match value {
        None => Ok(None),
        Some(value) => of(value).map(Some).ok_or_else(|| {
            Error::data(format!("an instant of the column `{name}` of the engine's result is finer than a microsecond, or too far"))
        }),
    });
    let values: TimestampMicrosecondArray = values.collect::<Result<Vec<Option<i64>>>>()?.into();
    Ok(Arc::new(values.with_timezone("UTC")))
}

/// A column as one of the type `ty`.
fn fit(column: &ArrayRef, name: &str, ty: DataType) -> Result<ArrayRef> {
    if *column.data_type() == ArrowType::Null {
        return Ok(new_null_array(&ty.arrow(), column.len()));
    }
    let plain = plain(column, name)?;
    if *plain.data_type() == ty.arrow() {
        return Ok(plain);
    }
    let misfit = |value: String| {
        Error::data(format!("`{value}` in the column `{name}` of the engine's result is not a value of {ty}"))
    };
    let digits: Vec<Option<(i128, u8)>> = match plain.data_type() {
        ArrowType::Int64 => plain
            .as_primitive::<Int64Type>()
            .iter()
            .map(|value| value.map(|value| (value.into(), 0)))
            .collect(),
        ArrowType::Decimal128(_, scale) => {
            let scale = *scale as u8;
            plain
                .as_primitive::<Decimal128Type>()
                .iter()
                .map(|value| value.map(|value| (value, scale)))
                .collect()
        }
        // Engines whose numbers have no bound give them as texts.
        ArrowType::Utf8View if matches!(ty, DataType::Int64 | DataType::Decimal { .. }) => {
            let number = |text: Option<&str>| match text {
                None => Ok(None),
                Some(text) => decimal(text).map(Some).ok_or_else(|| misfit(text.to_string())),
            };
            plain.as_string_view().iter().map(number).collect::<Result<_>>()?
        }
        found => {
            return Err(Error::data(format!(
                "the column `{name}` of the engine's result has the type {found}, and the output has {ty}"
            )));
        }
    };
    let scaled = |scale: u8, range: std::ops::RangeInclusive<i128>| {
        let value = |digits: &Option<(i128, u8)>| match digits {
            None => Ok(None),
            Some((value, places)) => rescaled(*value, *places, scale)
                .filter(|value| range.contains(value))
                .map(Some)
                .ok_or_else(|| misfit(format!("{value}e-{places}"))),
        };
        digits.iter().map(value).collect::<Result<Vec<Option<i128>>>>()
    };
    match ty {
        DataType::Int64 => {
            let values = scaled(0, i64::MIN.into()..=i64::MAX.into())?;
            Ok(Arc::new(Int64Array::from_iter(
                values.into_iter().map(|value| value.map(|value| value as i64)),
            )))
        }
        DataType::Decimal { precision, scale } => {
            let most = 10i128.pow(precision.into()) - 1;
            let values = scaled(scale, -most..=most)?;
            let values = Decimal128Array::from(values).with_precision_and_scale(precision, scale as i8);
            values
                .map(|values| Arc::new(values) as ArrayRef)
                .map_err(|e| unlike(name, plain.data_type()).caused_by(e))
        }
        _ => Err(Error::data(format!(
            "the column `{name}` of the engine's result has the type {}, and the output has {ty}",
            plain.data_type()
        ))),
    }
}

/// A number with `places` digits after the point, with `scale` of them; none where a digit would be lost.
fn rescaled(value: i128, places: u8, scale: u8) -> Option<i128> {
    match scale.checked_sub(places) {
        Some(more) => value.checked_mul(10i128.checked_pow(more.into())?),
        None => {
            let cut = 10i128.checked_pow((places - scale).into())?;
            (value % cut == 0).then_some(value / cut)
        }
    }
}

/// The digits of a text such as `-12.50`, and how many of them stand behind the point.
fn decimal(text: &str) -> Option<(i128, u8)> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    if !(digits(unsigned) && digits(part)) || unsigned.is_empty() {
        return None;
    }
    Some((
        format!("{whole}{part}").parse().ok()?,
        u8::try_from(part.len()).ok().filter(|places| *places <= 38)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Field;
    use arrow_array::{Int32Array, StringArray, TimestampNanosecondArray};

    fn one(array: impl Array + 'static, ty: DataType) -> Result<String> {
        let field = ArrowField::new("x", array.data_type().clone(), true);
        let rows =
            RecordBatch::try_new(Arc::new(ArrowSchema::new(vec![field])), vec![Arc::new(array)]).unwrap();
        let columns = fitted(&rows, &Schema::new(vec![Field::new("x", ty)]))?;
        assert_eq!(*columns[0].data_type(), ty.arrow());
        let shown = |i| match columns[0].is_null(i) {
            true => "NULL".to_string(),
            false => arrow_cast::display::array_value_to_string(&columns[0], i).unwrap(),
        };
        Ok((0..columns[0].len()).map(shown).collect::<Vec<_>>().join(" "))
    }

    fn wide(values: Vec<Option<i128>>, scale: i8) -> Decimal128Array {
        Decimal128Array::from(values).with_precision_and_scale(38, scale).unwrap()
    }

    #[test]
    fn numbers_keep_every_digit() {
        let two = DataType::Decimal { precision: 18, scale: 2 };
        assert_eq!(one(Int32Array::from(vec![Some(7), None]), DataType::Int64).unwrap(), "7 NULL");
        assert_eq!(one(wide(vec![Some(1250), None], 3), two).unwrap(), "1.25 NULL");
        assert_eq!(one(wide(vec![Some(-3)], 0), two).unwrap(), "-3.00");
        assert_eq!(one(wide(vec![Some(9_000)], 3), DataType::Int64).unwrap(), "9");
        assert_eq!(one(StringArray::from(vec!["-12.5", "0"]), two).unwrap(), "-12.50 0.00");
        // 1.255 has more digits than the column, 10^17 is too large, 2^63 is no int64.
        for wrong in [one(wide(vec![Some(1255)], 3), two), one(wide(vec![Some(10i128.pow(17))], 0), two)] {
            assert!(wrong.unwrap_err().to_string().contains("is not a value of decimal(18,2)"));
        }
        assert!(one(wide(vec![Some(1 << 63)], 0), DataType::Int64).is_err());
        for wrong in ["1e3", "", ".", "NaN", "1.2.3", "--1"] {
            assert!(one(StringArray::from(vec![wrong]), two).is_err(), "{wrong}");
        }
    }

    #[test]
    fn instants_are_of_microseconds() {
        let fine = |nanos| one(TimestampNanosecondArray::from(vec![Some(nanos), None]), DataType::Timestamp);
        assert_eq!(fine(1_000).unwrap(), "1970-01-01T00:00:00.000001Z NULL");
        assert!(fine(1_001).unwrap_err().to_string().contains("finer than a microsecond"));
    }

    #[test]
    fn other_types_are_refused_and_nothing_is_rounded() {
        let error = one(arrow_array::Float64Array::from(vec![1.0]), DataType::Int64).unwrap_err().to_string();
        assert!(error.contains("has the type Float64, and the output has int64"), "{error}");
        assert!(one(StringArray::from(vec!["2024-01-01"]), DataType::Date).is_err());
        assert_eq!(one(arrow_array::NullArray::new(2), DataType::Date).unwrap(), "NULL NULL");
    }
}
