//! Columns of files with types as the plan's types, exactly.

use super::converted::{FaultSink, decimal_text, normal};
use super::event_time::micros;
use super::{CellFaults, FileType, damaged, nested, rare};
use crate::batch::{DataType, NativeBuilder};
use crate::error::Result;
use crate::input::value::ValueError;
use crate::input::{ReadColumn, value};
use crate::time::{DAY, EARLIEST, LATEST, TimeParser, TimeRule, Zone, civil_from_days};
use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, StringViewArray, new_null_array};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{DataType as ArrowType, TimeUnit};
use std::path::Path;
use std::sync::Arc;

/// Whether values of the type `from` can be `to` exactly, all or some of them.
pub(in crate::input) fn possible(from: &FileType, to: DataType) -> bool {
    use DataType::{Bool, Date, Decimal, Float64, Int64, String, Timestamp};
    match &from.ty {
        ArrowType::Utf8View | ArrowType::BinaryView | ArrowType::Null => true,
        ArrowType::FixedSizeBinary(16) if from.uuid => to == String,
        ArrowType::Boolean => matches!(to, Bool | String),
        ArrowType::Date32 | ArrowType::Date64 => matches!(to, Date | Timestamp | String),
        ArrowType::Timestamp(_, _) => to == Timestamp,
        ArrowType::Decimal256(_, scale) if *scale > 38 => false,
        ArrowType::Time32(_) | ArrowType::Time64(_) => to == String,
        ty if ty.is_integer() => matches!(to, Int64 | Float64 | Decimal { .. } | String),
        ty if ty.is_decimal() => matches!(to, Int64 | Float64 | Decimal { .. } | String),
        ty if ty.is_nested() => to.is_text() && nested::has_text(ty),
        // A float is a decimal only by rounding; whole ones are integers (pandas' way to have NULLs).
        ty if ty.is_floating() => matches!(to, Float64 | Int64 | String),
        _ => false,
    }
}

/// `array` as the type of `column`; what does not fit is NULL and a fault.
pub(super) fn convert(
    array: &ArrayRef,
    uuid: bool,
    column: &ReadColumn,
    zone: &Zone,
    faults: &mut CellFaults,
    path: &Path,
) -> Result<ArrayRef> {
    let array = normal(array, path)?;
    let mut sink = FaultSink { column, faults };
    let ty = column.ty;
    Ok(match array.data_type() {
        ArrowType::Null => new_null_array(&ty.arrow(), array.len()),
        ArrowType::Utf8View => text(array, ty, zone, &mut sink),
        ArrowType::BinaryView => text(valid_text(&array, &mut sink), ty, zone, &mut sink),
        ArrowType::FixedSizeBinary(16) if uuid => uuids(&array),
        ArrowType::Boolean if ty == DataType::Bool => array,
        ArrowType::Boolean => texts(array.as_boolean().iter()),
        ArrowType::Int64 => integers(array, ty, &mut sink),
        ArrowType::UInt64 => unsigned(&array, ty, &mut sink),
        ArrowType::Float64 => floats(array, ty, &mut sink),
        ArrowType::Decimal128(_, scale) => decimals(&array, *scale, ty, &mut sink),
        ArrowType::Decimal256(_, scale) if ty == DataType::String => {
            texts(rare::long_decimals(&array, *scale))
        }
        ArrowType::Decimal256(_, scale) => {
            decimals(&rare::narrow(&array, *scale, &mut sink), *scale, ty, &mut sink)
        }
        ArrowType::Time32(unit) | ArrowType::Time64(unit) => rare::times_of_day(&array, *unit, &mut sink),
        ArrowType::Date32 => dates(array, ty, zone, &mut sink),
        ArrowType::Timestamp(unit, zoned) => timestamps(&array, *unit, zoned.is_some(), zone, &mut sink),
        ty if ty.is_nested() => nested::texts(&array, &mut sink, path)?,
        other => {
            let what = format!("{other} where {ty} was to be read");
            return Err(damaged(path, &what));
        }
    })
}

fn text(array: ArrayRef, ty: DataType, zone: &Zone, sink: &mut FaultSink) -> ArrayRef {
    let view = array.as_string_view();
    let texts = view.iter().map(|t| t.map(str::as_bytes));
    let Some(mut values) = NativeBuilder::new(ty, view.len()) else {
        if ty == DataType::String {
            return array;
        }
        let checked = texts.enumerate().map(|(row, text)| match value::check_json(text?) {
            Ok(()) => view.is_valid(row).then(|| view.value(row)),
            Err(error) => {
                sink.push(row, error);
                None
            }
        });
        return Arc::new(checked.collect::<StringViewArray>());
    };
    let mut times = TimeParser::new(TimeRule::Iso, zone.clone());
    let mut nulls = NullBufferBuilder::new(view.len());
    for (row, text) in texts.enumerate() {
        let read = text.map(|text| value::push(&mut values, text, &mut times));
        nulls.append(matches!(read, Some(Ok(()))));
        if !matches!(read, Some(Ok(()))) {
            values.push_default();
        }
        if let Some(Err(error)) = read {
            sink.push(row, error);
        }
    }
    values.finish(nulls.finish())
}

/// Binary values as text; those that are no UTF-8 are faults.
fn valid_text(array: &ArrayRef, sink: &mut FaultSink) -> ArrayRef {
    let binary = array.as_binary_view();
    // One check for all values: they are looked at one by one only where it fails.
    if let Ok(view) = binary.clone().to_string_view() {
        return Arc::new(view);
    }
    let mut out = StringViewBuilder::with_capacity(binary.len());
    for (row, bytes) in binary.iter().enumerate() {
        match bytes.map(std::str::from_utf8) {
            Some(Ok(text)) => out.append_value(text),
            Some(Err(_)) => {
                sink.push_reason(row, "not valid UTF-8".into(), bytes.unwrap_or(&[]));
                out.append_null();
            }
            None => out.append_null(),
        }
    }
    Arc::new(out.finish())
}

fn uuids(array: &ArrayRef) -> ArrayRef {
    let hyphenated = |bytes: &[u8]| {
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    };
    texts(array.as_fixed_size_binary().iter().map(|b| b.map(hyphenated)))
}

fn texts<V: ToString>(values: impl Iterator<Item = Option<V>>) -> ArrayRef {
    let mut out = StringViewBuilder::new();
    values.for_each(|v| out.append_option(v.map(|v| v.to_string())));
    Arc::new(out.finish())
}

fn integers(array: ArrayRef, ty: DataType, sink: &mut FaultSink) -> ArrayRef {
    match ty {
        DataType::Int64 => array,
        DataType::Float64 => Arc::new(
            sink.map::<_, Float64Type>(array.as_primitive::<Int64Type>().iter(), |v| whole_float(v.into())),
        ),
        DataType::Decimal { .. } => {
            let values = array.as_primitive::<Int64Type>().iter().map(|v| v.map(i128::from));
            rescaled(values, 0, ty, sink)
        }
        _ => texts(array.as_primitive::<Int64Type>().iter()),
    }
}

fn unsigned(array: &ArrayRef, ty: DataType, sink: &mut FaultSink) -> ArrayRef {
    let values = array.as_primitive::<UInt64Type>().iter();
    match ty {
        DataType::Int64 => Arc::new(sink.map::<_, Int64Type>(values, |v| {
            i64::try_from(v).map_err(|_| ValueError::does_not_fit(v.to_string().as_bytes(), ty))
        })),
        DataType::Float64 => Arc::new(sink.map::<_, Float64Type>(values, |v| whole_float(v.into()))),
        DataType::Decimal { .. } => rescaled(values.map(|v| v.map(i128::from)), 0, ty, sink),
        _ => texts(values),
    }
}

/// The float of an integer that has one.
fn whole_float(v: i128) -> std::result::Result<f64, ValueError> {
    let float = v as f64;
    // `as` rounds without a word: the way back shows whether the float is exact.
    let exact = float as i128 == v;
    exact
        .then_some(float)
        .ok_or_else(|| ValueError::does_not_fit(v.to_string().as_bytes(), DataType::Float64))
}

fn floats(array: ArrayRef, ty: DataType, sink: &mut FaultSink) -> ArrayRef {
    let values = array.as_primitive::<Float64Type>().iter();
    match ty {
        DataType::Float64 => array,
        DataType::Int64 => Arc::new(sink.map::<_, Int64Type>(values, |v| {
            // 2^63 is the first float past i64.
            let fits =
                v.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&v);
            if fits { Ok(v as i64) } else { Err(ValueError::does_not_fit(v.to_string().as_bytes(), ty)) }
        })),
        _ => texts(values),
    }
}

fn decimals(array: &ArrayRef, scale: i8, ty: DataType, sink: &mut FaultSink) -> ArrayRef {
    let decimals = array.as_primitive::<Decimal128Type>();
    match ty {
        DataType::Decimal { precision, scale: to } => {
            // With the same scale the digits are the same, and all of them fit.
            let same = scale == to as i8 && decimals.precision() <= precision;
            if same {
                return Arc::new(decimals.clone().with_data_type(ty.arrow()));
            }
            rescaled(decimals.iter(), scale, ty, sink)
        }
        DataType::Int64 => Arc::new(sink.map::<_, Int64Type>(decimals.iter(), |v| {
            let whole = rescale(v, scale, 0).and_then(|v| i64::try_from(v).ok());
            whole.ok_or_else(|| ValueError::does_not_fit(decimal_text(v, scale).as_bytes(), ty))
        })),
        // The text is rounded once: a division by a power of ten could round a second time.
        DataType::Float64 => Arc::new(sink.map::<_, Float64Type>(decimals.iter(), |v| {
            value::parse_float(format!("{v}e{}", -i32::from(scale)).as_bytes())
        })),
        _ => texts(decimals.iter().map(|v| v.map(|v| decimal_text(v, scale)))),
    }
}

/// Values times 10^-`scale` as the decimal type `ty`, digit by digit the same.
fn rescaled(
    values: impl Iterator<Item = Option<i128>>,
    scale: i8,
    ty: DataType,
    sink: &mut FaultSink,
) -> ArrayRef {
    let DataType::Decimal { precision, scale: to } = ty else { unreachable!("called for decimals") };
    let bound = 10i128.pow(u32::from(precision));
    let out = sink.map::<_, Decimal128Type>(values, |v| {
        let fits = rescale(v, scale, to as i8).filter(|v| -bound < *v && *v < bound);
        fits.ok_or_else(|| ValueError::does_not_fit(decimal_text(v, scale).as_bytes(), ty))
    });
    Arc::new(out.with_data_type(ty.arrow()))
}

/// `value` × 10^(`to` − `from`), if that is an integer that fits.
fn rescale(value: i128, from: i8, to: i8) -> Option<i128> {
    let shift = i32::from(to) - i32::from(from);
    let power = 10i128.checked_pow(shift.unsigned_abs())?;
    match shift {
        0.. => value.checked_mul(power),
        _ => (value % power == 0).then(|| value / power),
    }
}

fn dates(array: ArrayRef, ty: DataType, zone: &Zone, sink: &mut FaultSink) -> ArrayRef {
    let days = array.as_primitive::<Date32Type>();
    match ty {
        DataType::Date => array,
        DataType::Timestamp => {
            let mut zone = zone.clone();
            let midnights = sink.map::<_, TimestampMicrosecondType>(days.iter(), |d| {
                // Days of 32 bits reach further than microseconds of 64.
                let local = i64::from(d).checked_mul(DAY);
                let local = local.ok_or_else(|| ValueError::does_not_fit(d.to_string().as_bytes(), ty))?;
                Ok(instant(local, &mut zone))
            });
            Arc::new(midnights.with_timezone("UTC"))
        }
        _ => texts(days.iter().map(|d| {
            d.map(|d| {
                let (y, m, d) = civil_from_days(i64::from(d));
                format!("{y:04}-{m:02}-{d:02}")
            })
        })),
    }
}

fn timestamps(array: &ArrayRef, unit: TimeUnit, zoned: bool, zone: &Zone, sink: &mut FaultSink) -> ArrayRef {
    let mut zone = zone.clone();
    let mut read = |value: i64| {
        let fault = || ValueError::does_not_fit(value.to_string().as_bytes(), DataType::Timestamp);
        let micros = micros(unit, value).ok_or_else(fault)?;
        Ok(if zoned { micros } else { instant(micros, &mut zone) })
    };
    macro_rules! of {
        ($ty:ty) => {
            sink.map::<_, TimestampMicrosecondType>(array.as_primitive::<$ty>().iter(), &mut read)
        };
    }
    let micros = match unit {
        // These are the plan's values already, so they are not looked at one by one.
        TimeUnit::Microsecond if zoned => array.as_primitive::<TimestampMicrosecondType>().clone(),
        TimeUnit::Second => of!(TimestampSecondType),
        TimeUnit::Millisecond => of!(TimestampMillisecondType),
        TimeUnit::Microsecond => of!(TimestampMicrosecondType),
        TimeUnit::Nanosecond => of!(TimestampNanosecondType),
    };
    Arc::new(micros.with_timezone("UTC"))
}

/// The instant of a local time. Zones are asked in the years that event times have; elsewhere there
/// is only UTC.
fn instant(local: i64, zone: &mut Zone) -> i64 {
    if (EARLIEST..LATEST).contains(&local) { zone.instant(local) } else { local }
}
