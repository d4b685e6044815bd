//! Values of files with types as text, exactly, as a file of text would have them.

use crate::error::{Error, Result};
use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal256Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use chrono::{DateTime, NaiveDate};
use std::sync::Arc;

/// `array` as text: dates and times in ISO-8601, those with a zone in UTC, those without as they are.
///
/// # Errors
/// A data error: a type without such texts.
pub fn of(array: &ArrayRef) -> Result<ArrayRef> {
    let cast = |to: &ArrowType| {
        arrow_cast::cast(array, to)
            .map_err(|e| Error::data(format!("{} cannot be written as text", array.data_type())).caused_by(e))
    };
    Ok(match array.data_type() {
        ArrowType::Utf8View => array.clone(),
        ArrowType::Null => cast(&ArrowType::Utf8View)?,
        ArrowType::Boolean => texts(array.as_boolean().iter()),
        ArrowType::UInt64 => texts(array.as_primitive::<UInt64Type>().iter()),
        ty if ty.is_integer() => texts(cast(&ArrowType::Int64)?.as_primitive::<Int64Type>().iter()),
        // Rust prints the shortest digits that give the same float.
        ty if ty.is_floating() => texts(cast(&ArrowType::Float64)?.as_primitive::<Float64Type>().iter()),
        ArrowType::Decimal32(_, s)
        | ArrowType::Decimal64(_, s)
        | ArrowType::Decimal128(_, s)
        | ArrowType::Decimal256(_, s) => {
            let scale = *s;
            let wide = cast(&ArrowType::Decimal256(76, scale))?;
            // Arrow's cast makes NULL of a value that does not fit.
            if wide.null_count() > array.null_count() {
                return Err(Error::data(format!("a value of {} has more than 76 digits", array.data_type())));
            }
            let values = wide.as_primitive::<Decimal256Type>();
            texts(values.iter().map(|v| v.map(|v| placed(&v.to_string(), scale))))
        }
        ArrowType::Date32 | ArrowType::Date64 => {
            let days = cast(&ArrowType::Date32)?;
            let day = |d: i32| NaiveDate::from_epoch_days(d).map(|day| day.format("%Y-%m-%d").to_string());
            texts(days.as_primitive::<Date32Type>().iter().map(|d| d.and_then(day)))
        }
        ArrowType::Timestamp(unit, zone) => {
            let suffix = if zone.is_some() { "Z" } else { "" };
            let micros = micros(array, *unit)?;
            let text = |t: i64| {
                DateTime::from_timestamp_micros(t)
                    .map(|t| t.format("%Y-%m-%dT%H:%M:%S%.6f").to_string() + suffix)
            };
            texts(micros.as_primitive::<TimestampMicrosecondType>().iter().map(|t| t.and_then(text)))
        }
        ArrowType::FixedSizeBinary(16) => {
            let hyphenated = |bytes: &[u8]| {
                let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
                format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
            };
            texts(array.as_fixed_size_binary().iter().map(|b| b.map(hyphenated)))
        }
        other => return Err(Error::data(format!("the referee cannot read a column of {other}"))),
    })
}

/// Times in microseconds, without a zone; digits below are cut.
pub fn micros(array: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef> {
    use arrow_array::PrimitiveArray;
    use arrow_array::types::{TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType};
    type Micros = PrimitiveArray<TimestampMicrosecondType>;
    let scaled = |v: i64, by: i64| v.checked_mul(by);
    let out: Micros = match unit {
        TimeUnit::Second => array
            .as_primitive::<TimestampSecondType>()
            .iter()
            .map(|v| v.and_then(|v| scaled(v, 1_000_000)))
            .collect(),
        TimeUnit::Millisecond => array
            .as_primitive::<TimestampMillisecondType>()
            .iter()
            .map(|v| v.and_then(|v| scaled(v, 1000)))
            .collect(),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().iter().collect(),
        // Towards the past also before 1970, where a cut towards zero would be one too late.
        TimeUnit::Nanosecond => array
            .as_primitive::<TimestampNanosecondType>()
            .iter()
            .map(|v| v.map(|v| v.div_euclid(1000)))
            .collect(),
    };
    Ok(Arc::new(out))
}

fn texts<V: ToString>(values: impl Iterator<Item = Option<V>>) -> ArrayRef {
    let mut out = StringViewBuilder::new();
    values.for_each(|value| out.append_option(value.map(|value| value.to_string())));
    Arc::new(out.finish())
}

/// The text of a decimal of this scale, which may be negative.
pub fn decimal(value: i128, scale: i8) -> String {
    placed(&value.to_string(), scale)
}

/// The text of a decimal of these digits and this scale.
fn placed(integer: &str, scale: i8) -> String {
    let digits = integer.trim_start_matches('-');
    let sign = if digits == integer { "" } else { "-" };
    match usize::try_from(scale) {
        Ok(0) => integer.to_string(),
        Ok(scale) => {
            // A fraction needs a digit before the point: 5 at scale 2 is 0.05.
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let point = digits.len() - scale;
            format!("{sign}{}.{}", &digits[..point], &digits[point..])
        }
        Err(_) if digits == "0" => "0".to_string(),
        Err(_) => format!("{integer}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    }
}
