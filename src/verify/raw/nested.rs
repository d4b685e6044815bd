//! Lists, records and maps as JSON text, by `serde_json`: the second reader of them.

use super::text;
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::Time64NanosecondType;
use arrow_array::{Array, ArrayRef, StringViewArray};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveTime;
use serde_json::{Map, Number, Value};
use std::sync::Arc;

/// The texts of `array`.
///
/// # Errors
/// A value without a text.
pub(super) fn texts(array: &ArrayRef) -> Result<ArrayRef> {
    let values = values(array)?;
    let text = |(row, value): (usize, Value)| array.is_valid(row).then(|| value.to_string());
    Ok(Arc::new(values.into_iter().enumerate().map(text).collect::<StringViewArray>()))
}

/// The values of `array`, NULLs too.
fn values(array: &ArrayRef) -> Result<Vec<Value>> {
    let rows = array.len();
    let lists = |ends: Vec<usize>, items: &ArrayRef| -> Result<Vec<Value>> {
        let items = values(items)?;
        Ok(ends.windows(2).map(|pair| Value::Array(items[pair[0]..pair[1]].to_vec())).collect())
    };
    let mut out: Vec<Value> = match array.data_type() {
        ArrowType::List(_) => {
            let list = array.as_list::<i32>();
            lists(list.value_offsets().iter().map(|end| *end as usize).collect(), list.values())?
        }
        ArrowType::LargeList(_) => {
            let list = array.as_list::<i64>();
            lists(list.value_offsets().iter().map(|end| *end as usize).collect(), list.values())?
        }
        ArrowType::FixedSizeList(_, size) => {
            let list = array.as_fixed_size_list();
            let first = list.value_offset_at(0);
            lists((0..=rows).map(|row| first + row * *size as usize).collect(), list.values())?
        }
        ArrowType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().map(values).collect::<Result<Vec<_>>>()?;
            let row = |row: usize| {
                let pairs = fields.iter().zip(&columns).map(|(f, c)| (f.name().clone(), c[row].clone()));
                Value::Object(pairs.collect::<Map<String, Value>>())
            };
            (0..rows).map(row).collect()
        }
        ArrowType::Map(..) => {
            let map = array.as_map();
            let (keys, entries) = (values(map.keys())?, values(map.values())?);
            // Keys of JSON are texts, so a key of another type becomes the text of its value.
            let key = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
            let ends = map.value_offsets();
            let row = |row: usize| {
                let own = ends[row] as usize..ends[row + 1] as usize;
                Value::Object(own.map(|i| (key(&keys[i]), entries[i].clone())).collect())
            };
            (0..rows).map(row).collect()
        }
        ArrowType::Dictionary(_, plain) => {
            values(&arrow_cast::cast(array, plain).map_err(|e| Error::data("a dictionary").caused_by(e))?)?
        }
        _ => plain(array)?,
    };
    // Arrow does not define what lies under a NULL, so the mask comes last.
    (0..rows).filter(|row| array.is_null(*row)).for_each(|row| out[row] = Value::Null);
    Ok(out)
}

/// The values of an array of plain ones.
fn plain(array: &ArrayRef) -> Result<Vec<Value>> {
    let ty = array.data_type().clone();
    let bytes = |bytes: Option<&[u8]>| bytes.map_or(Value::Null, |bytes| STANDARD.encode(bytes).into());
    let cast = |to: &ArrowType| {
        arrow_cast::cast(array, to)
            .map_err(|e| Error::data(format!("{ty} cannot be written as text")).caused_by(e))
    };
    match &ty {
        ArrowType::Null => return Ok(vec![Value::Null; array.len()]),
        ArrowType::Binary | ArrowType::LargeBinary | ArrowType::BinaryView => {
            let views = cast(&ArrowType::BinaryView)?;
            return Ok(views.as_binary_view().iter().map(bytes).collect());
        }
        ArrowType::FixedSizeBinary(_) => {
            return Ok(array.as_fixed_size_binary().iter().map(bytes).collect());
        }
        _ => {}
    }
    let written = match &ty {
        ArrowType::Utf8 | ArrowType::LargeUtf8 => cast(&ArrowType::Utf8View)?,
        ArrowType::Float16 => text::of(&cast(&ArrowType::Float32)?)?,
        ArrowType::Time32(_) | ArrowType::Time64(_) => {
            clocks(array).map_err(|e| Error::data("a time of day").caused_by(e))?
        }
        ArrowType::Timestamp(TimeUnit::Nanosecond, zone) => nanos(array, zone.is_some()),
        _ => text::of(array)?,
    };
    let bare = ty.is_numeric() || ty == ArrowType::Boolean;
    let value = |text: Option<&str>| match text {
        None => Ok(Value::Null),
        Some(text) if matches!(ty, ArrowType::Timestamp(..)) => Ok(short(text).into()),
        Some("true") if bare => Ok(true.into()),
        Some("false") if bare => Ok(false.into()),
        // JSON has neither NaN nor infinity: such a value is an error.
        Some(text) if bare => serde_json::from_str::<Number>(text)
            .map(Value::Number)
            .map_err(|e| Error::data(format!("`{text}` cannot be written as JSON")).caused_by(e)),
        Some(text) => Ok(text.into()),
    };
    written.as_string_view().iter().map(value).collect()
}

/// Nanoseconds with all of their digits, which [`text::of`] cuts.
fn nanos(array: &ArrayRef, zoned: bool) -> ArrayRef {
    let times = array.as_primitive::<arrow_array::types::TimestampNanosecondType>();
    let text = |nanos: i64| {
        let time = chrono::DateTime::from_timestamp_nanos(nanos);
        format!("{}{}", time.format("%Y-%m-%dT%H:%M:%S%.9f"), if zoned { "Z" } else { "" })
    };
    Arc::new(times.iter().map(|nanos| nanos.map(text)).collect::<StringViewArray>())
}

/// A time without the zeros at the end of its fraction.
fn short(text: &str) -> String {
    let (clock, zone) = text.strip_suffix('Z').map_or((text, ""), |clock| (clock, "Z"));
    format!("{}{zone}", clock.trim_end_matches('0').trim_end_matches('.'))
}

/// Times of day as texts, with those digits of the second that are no zeros at the end.
pub(super) fn clocks(array: &ArrayRef) -> std::result::Result<ArrayRef, arrow_schema::ArrowError> {
    // A safe cast would make NULL of a time that does not fit.
    let nanos = arrow_cast::cast_with_options(
        array,
        &ArrowType::Time64(TimeUnit::Nanosecond),
        &arrow_cast::CastOptions { safe: false, ..Default::default() },
    )?;
    let text = |nanos: i64| {
        let (seconds, part) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
        let time = NaiveTime::from_num_seconds_from_midnight_opt(u32::try_from(seconds).ok()?, part as u32)?;
        let text = time.format("%H:%M:%S%.9f").to_string();
        Some(text.trim_end_matches('0').trim_end_matches('.').to_string())
    };
    let wrong = || arrow_schema::ArrowError::ComputeError("a time that is not within a day".into());
    let texts = nanos.as_primitive::<Time64NanosecondType>().iter().map(|v| match v {
        None => Ok(None),
        Some(v) => text(v).map(Some).ok_or_else(wrong),
    });
    let texts = texts.collect::<std::result::Result<Vec<Option<String>>, _>>()?;
    Ok(Arc::new(texts.into_iter().collect::<StringViewArray>()))
}
