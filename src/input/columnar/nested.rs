//! Lists, records and maps as the JSON text that they are.
//!
//! # Contract
//! * The text is compact: no blanks. The fields of a record stand in the order of the file, those that are NULL too.
//! * A number has all of its digits, a decimal those of its scale. A date is `YYYY-MM-DD`; an instant ends in `Z`, a time without
//!   a zone does not, and both have as many digits of the second as say something. Bytes are base64. The keys of a map are texts.
//! * What JSON has not (NaN, infinities, a time outside of the years 1 to 9999) makes a bad record.

use super::converted::{FaultSink, decimal_text, normal};
use super::rare;
use crate::error::Result;
use crate::input::json_text::{self, quoted};
use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use std::sync::Arc;

/// Whether there is a JSON text for all that a list, record or map of this type may hold.
pub(super) fn has_text(ty: &ArrowType) -> bool {
    match ty {
        ArrowType::List(item) | ArrowType::LargeList(item) | ArrowType::FixedSizeList(item, _) => {
            has_text(item.data_type())
        }
        ArrowType::Struct(fields) => fields.iter().all(|field| has_text(field.data_type())),
        ArrowType::Map(entries, _) => has_text(entries.data_type()),
        ArrowType::Dictionary(_, value) => has_text(value),
        ArrowType::Duration(_) | ArrowType::Interval(_) | ArrowType::Union(..) => false,
        ty => !ty.is_nested(),
    }
}

/// The texts of an array of lists, records or maps.
pub(super) fn texts(array: &ArrayRef, sink: &mut FaultSink, path: &Path) -> Result<ArrayRef> {
    let values = NestedArray::of(array, path)?;
    let mut out = StringViewBuilder::with_capacity(array.len());
    let mut text = String::new();
    for row in 0..array.len() {
        if values.array.is_null(row) {
            out.append_null();
            continue;
        }
        text.clear();
        match values.write(row, &mut text) {
            Ok(()) => out.append_value(&text),
            Err(reason) => {
                sink.push_reason(row, reason, b"");
                out.append_null();
            }
        }
    }
    Ok(Arc::new(out.finish()))
}

/// An array, and what is inside of it.
struct NestedArray {
    /// One of the few types that are written.
    array: ArrayRef,
    /// Of a record its fields, of a map its keys and values, of a list its items.
    inside: Vec<(String, NestedArray)>,
}

impl NestedArray {
    fn of(array: &ArrayRef, path: &Path) -> Result<NestedArray> {
        let array = normal(array, path)?;
        let one = |array: &ArrayRef| Ok(vec![(String::new(), NestedArray::of(array, path)?)]);
        let inside = match array.data_type() {
            ArrowType::List(_) => one(array.as_list::<i32>().values())?,
            ArrowType::LargeList(_) => one(array.as_list::<i64>().values())?,
            ArrowType::FixedSizeList(..) => one(array.as_fixed_size_list().values())?,
            ArrowType::Struct(fields) => {
                let columns = fields.iter().zip(array.as_struct().columns());
                let column = |(field, column): (&Arc<arrow_schema::Field>, &ArrayRef)| {
                    Ok((field.name().clone(), NestedArray::of(column, path)?))
                };
                columns.map(column).collect::<Result<_>>()?
            }
            ArrowType::Map(..) => {
                let map = array.as_map();
                let side = |array: &ArrayRef| Ok((String::new(), NestedArray::of(array, path)?));
                vec![side(map.keys())?, side(map.values())?]
            }
            _ => vec![],
        };
        Ok(NestedArray { array, inside })
    }

    /// Appends the value in `row`.
    fn write(&self, row: usize, out: &mut String) -> std::result::Result<(), String> {
        // An array of the type Null does not have a mask, so `is_null` alone would miss it.
        if self.array.is_null(row) || *self.array.data_type() == ArrowType::Null {
            out.push_str("null");
            return Ok(());
        }
        match self.array.data_type() {
            ArrowType::List(_) => {
                // A slice keeps all of its items: the offsets are places among these.
                let ends = self.array.as_list::<i32>().value_offsets();
                self.list(ends[row] as usize..ends[row + 1] as usize, out)
            }
            ArrowType::LargeList(_) => {
                let ends = self.array.as_list::<i64>().value_offsets();
                self.list(ends[row] as usize..ends[row + 1] as usize, out)
            }
            ArrowType::FixedSizeList(_, size) => {
                let (start, size) = (self.array.as_fixed_size_list().value_offset_at(row), *size as usize);
                self.list(start..start + size, out)
            }
            ArrowType::Struct(_) => {
                out.push('{');
                for (i, (name, values)) in self.inside.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    json_text::string(name, out);
                    out.push(':');
                    values.write(row, out)?;
                }
                out.push('}');
                Ok(())
            }
            ArrowType::Map(..) => {
                let ends = self.array.as_map().value_offsets();
                out.push('{');
                for (i, entry) in (ends[row] as usize..ends[row + 1] as usize).enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    let mut key = String::new();
                    self.inside[0].1.write(entry, &mut key)?;
                    // A key that is a number or the like is its text.
                    if key.starts_with('"') {
                        out.push_str(&key)
                    } else {
                        json_text::string(&key, out)
                    }
                    out.push(':');
                    self.inside[1].1.write(entry, out)?;
                }
                out.push('}');
                Ok(())
            }
            _ => scalar(&self.array, row, out),
        }
    }

    fn list(&self, items: std::ops::Range<usize>, out: &mut String) -> std::result::Result<(), String> {
        out.push('[');
        for (i, item) in items.enumerate() {
            if i > 0 {
                out.push(',');
            }
            self.inside[0].1.write(item, out)?;
        }
        out.push(']');
        Ok(())
    }
}

/// Appends a plain value that is not NULL.
fn scalar(array: &ArrayRef, row: usize, out: &mut String) -> std::result::Result<(), String> {
    match array.data_type() {
        ArrowType::Utf8View => json_text::string(array.as_string_view().value(row), out),
        ArrowType::BinaryView => quoted(&STANDARD.encode(array.as_binary_view().value(row)), out),
        ArrowType::FixedSizeBinary(_) => {
            quoted(&STANDARD.encode(array.as_fixed_size_binary().value(row)), out);
        }
        ArrowType::Boolean => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        ArrowType::Int64 => out.push_str(&array.as_primitive::<Int64Type>().value(row).to_string()),
        ArrowType::UInt64 => out.push_str(&array.as_primitive::<UInt64Type>().value(row).to_string()),
        ArrowType::Float64 => {
            json_text::float(array.as_primitive::<Float64Type>().value(row), out)?;
        }
        ArrowType::Decimal128(_, scale) => {
            out.push_str(&decimal_text(array.as_primitive::<Decimal128Type>().value(row), *scale));
        }
        ArrowType::Decimal256(_, scale) => {
            let value = array.as_primitive::<Decimal256Type>().value(row).to_string();
            out.push_str(&super::converted::with_point(value, *scale));
        }
        ArrowType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            quoted(&json_text::date(days.into())?, out);
        }
        ArrowType::Timestamp(unit, zone) => {
            let (value, per_second) = match unit {
                TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1),
                TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000),
                TimeUnit::Microsecond => {
                    (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000)
                }
                TimeUnit::Nanosecond => {
                    (array.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000)
                }
            };
            let day = per_second * 86_400;
            let date = json_text::date(value.div_euclid(day))?;
            // What is left of a day is always a time of day.
            let clock = rare::time_of_day(value.rem_euclid(day), *unit).unwrap_or_default();
            quoted(&format!("{date}T{clock}{}", if zone.is_some() { "Z" } else { "" }), out);
        }
        ArrowType::Time32(unit) | ArrowType::Time64(unit) => {
            let value = match unit {
                TimeUnit::Second => array.as_primitive::<Time32SecondType>().value(row).into(),
                TimeUnit::Millisecond => array.as_primitive::<Time32MillisecondType>().value(row).into(),
                TimeUnit::Microsecond => array.as_primitive::<Time64MicrosecondType>().value(row),
                TimeUnit::Nanosecond => array.as_primitive::<Time64NanosecondType>().value(row),
            };
            let text = rare::time_of_day(value, *unit);
            quoted(&text.ok_or_else(|| format!("`{value}` is not a time of day"))?, out);
        }
        other => return Err(format!("a value of {other} cannot be written as JSON")),
    }
    Ok(())
}
