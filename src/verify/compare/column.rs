//! Columns as they are read, and their values as they are compared.

use super::meaning::{ColumnKind, Meaning};
use super::value::{
    Digest, NULL, SECOND, Value, float_digest, instant_text, long_digest, nearest_float, number,
    scaled_digest, ten_to, view_digest,
};
use super::written::ResultFormat;
use crate::error::{Error, Result};
use crate::sink::value::{decimal_text, push_date, push_float};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringViewArray,
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use std::sync::Arc;

/// The values of a column of some rows.
///
/// Not a [`crate::batch::ColumnView`]: results of others have instants of all units, texts of unknown types, and columns
/// that stand in paths, and values of two unlike columns are compared.
#[derive(Debug, Clone)]
pub(super) enum Cells {
    Nothing,
    Bool(BooleanArray),
    Int(Int64Array),
    Float(Float64Array),
    Decimal(Decimal128Array, u8),
    Date(Date32Array),
    /// Instants in units of so many nanoseconds.
    Time(ScalarBuffer<i64>, Option<NullBuffer>, i64),
    Text(StringViewArray),
    Untyped(StringViewArray, Arc<ResultFormat>),
    /// The same text in every row, from the path of the file.
    Constant(Option<String>),
}

/// What kind of column an Arrow type is.
pub(super) fn kind(ty: &ArrowType) -> ColumnKind {
    match ty {
        ArrowType::Null => ColumnKind::Nothing,
        ArrowType::Boolean => ColumnKind::Bool,
        // A uint64 may be above all int64, so it is an exact number of 20 digits.
        ArrowType::UInt64 => ColumnKind::Decimal(20, 0),
        ty if ty.is_integer() => ColumnKind::Int,
        ty if ty.is_floating() => ColumnKind::Float,
        // A decimal of negative scale has a type that our results never have, so it is foreign.
        ArrowType::Decimal32(p, s) | ArrowType::Decimal64(p, s) | ArrowType::Decimal128(p, s) if *s >= 0 => {
            ColumnKind::Decimal(*p, *s as u8)
        }
        ArrowType::Date32 => ColumnKind::Date,
        ArrowType::Date64 | ArrowType::Timestamp(..) => ColumnKind::Time,
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View | ArrowType::FixedSizeBinary(16) => {
            ColumnKind::Text
        }
        ArrowType::Dictionary(_, values) => kind(values),
        other => ColumnKind::Foreign(foreign(other)),
    }
}

fn foreign(ty: &ArrowType) -> String {
    match ty {
        ArrowType::Binary
        | ArrowType::LargeBinary
        | ArrowType::BinaryView
        | ArrowType::FixedSizeBinary(_) => "binary".to_string(),
        ArrowType::List(_) | ArrowType::LargeList(_) | ArrowType::ListView(_) => "list".to_string(),
        ArrowType::Struct(_) => "struct".to_string(),
        ArrowType::Map(..) => "map".to_string(),
        ArrowType::Decimal128(p, s) | ArrowType::Decimal256(p, s) => format!("decimal({p},{s})"),
        other => other.to_string().to_lowercase(),
    }
}

impl Cells {
    /// The values of `array`.
    ///
    /// # Errors
    /// A machine error: a type whose [`kind`] is foreign, or that does not become what it should.
    pub fn of(array: &ArrayRef) -> Result<Cells> {
        let cast = |ty: &ArrowType| {
            if array.data_type() == ty {
                return Ok(array.clone());
            }
            arrow_cast::cast(array, ty)
                .map_err(|e| Error::machine(format!("cannot read a column as {ty}")).caused_by(e))
        };
        let time = |values: &ScalarBuffer<i64>, array: &ArrayRef, unit| {
            Ok(Cells::Time(values.clone(), array.nulls().cloned(), unit))
        };
        if let ArrowType::Dictionary(_, values) = array.data_type() {
            return Cells::of(&cast(values)?);
        }
        if let ArrowType::FixedSizeBinary(16) = array.data_type() {
            return Ok(Cells::Text(uuids(array)));
        }
        Ok(match kind(array.data_type()) {
            ColumnKind::Nothing => Cells::Nothing,
            ColumnKind::Bool => Cells::Bool(array.as_boolean().clone()),
            ColumnKind::Int => Cells::Int(cast(&ArrowType::Int64)?.as_primitive::<Int64Type>().clone()),
            ColumnKind::Float => {
                Cells::Float(cast(&ArrowType::Float64)?.as_primitive::<Float64Type>().clone())
            }
            ColumnKind::Decimal(precision, scale) => {
                let array = cast(&ArrowType::Decimal128(precision, scale as i8))?;
                Cells::Decimal(array.as_primitive::<Decimal128Type>().clone(), scale)
            }
            ColumnKind::Date => Cells::Date(array.as_primitive::<Date32Type>().clone()),
            ColumnKind::Time => match array.data_type() {
                ArrowType::Timestamp(TimeUnit::Second, _) => {
                    return time(array.as_primitive::<TimestampSecondType>().values(), array, 1_000_000_000);
                }
                ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
                    return time(array.as_primitive::<TimestampMicrosecondType>().values(), array, 1000);
                }
                ArrowType::Timestamp(TimeUnit::Nanosecond, _) => {
                    return time(array.as_primitive::<TimestampNanosecondType>().values(), array, 1);
                }
                _ => {
                    // Arrow shifts local values in a cast to a zone, so the zone stays as it is.
                    let zone =
                        if let ArrowType::Timestamp(_, zone) = array.data_type() { zone } else { &None };
                    let array = cast(&ArrowType::Timestamp(TimeUnit::Millisecond, zone.clone()))?;
                    let values = array.as_primitive::<TimestampMillisecondType>().values();
                    return time(values, &array, 1_000_000);
                }
            },
            ColumnKind::Text => Cells::Text(cast(&ArrowType::Utf8View)?.as_string_view().clone()),
            ColumnKind::Untyped | ColumnKind::Foreign(_) => {
                return Err(Error::machine(format!("cannot compare values of type {}", array.data_type())));
            }
        })
    }

    /// The values of `array` of a side that is written so: its local times are those of the zone.
    ///
    /// # Errors
    /// As of [`Cells::of`].
    pub fn of_side(array: &ArrayRef, written: &ResultFormat) -> Result<Cells> {
        // A timestamp without a zone is a wall-clock time in Arrow: only these are moved into the declared
        // zone.
        let local = matches!(array.data_type(), ArrowType::Timestamp(_, None)) && written.zone.is_some();
        match Cells::of(array)? {
            Cells::Time(values, nulls, unit) if local => {
                let unit_nanos = i128::from(unit);
                let instant = |v: &i64| written.instant(i128::from(*v) * unit_nanos) / unit_nanos;
                let values = values.iter().map(|v| i64::try_from(instant(v)).unwrap_or(*v)).collect();
                Ok(Cells::Time(values, nulls, unit))
            }
            cells => Ok(cells),
        }
    }

    /// What `see` is told of each of `rows`: the row's place in them and the digest of the value there.
    #[inline]
    pub fn digests(
        &self,
        meaning: Meaning,
        rows: impl Iterator<Item = usize>,
        mut see: impl FnMut(usize, Digest),
    ) {
        match (self, meaning) {
            // An int64 has 19 digits, so its product with 10^19 stays below 10^38 and fits 128 bits.
            (Cells::Int(a), Meaning::Number(scale)) if scale <= 19 => {
                let power = ten_to(u32::from(scale)).unwrap_or(1);
                let values = a.values();
                each(rows, a.nulls(), |row| scaled_digest(i128::from(values[row]) * power), see)
            }
            (Cells::Decimal(a, own), Meaning::Number(scale)) if *own == scale => {
                let values = a.values();
                each(rows, a.nulls(), |row| scaled_digest(values[row]), see)
            }
            (Cells::Decimal(a, own), Meaning::Number(scale)) if *own < scale => {
                let power = ten_to(u32::from(scale - own)).unwrap_or(1);
                let values = a.values();
                let slow = |row| number(values[row], -i64::from(*own), scale).digest();
                // Up to here no product has more than 38 digits.
                let safe = 10u128.pow(38) / power.unsigned_abs();
                let digest = |row: usize| match values[row].unsigned_abs() < safe {
                    true => scaled_digest(values[row] * power),
                    false => slow(row),
                };
                each(rows, a.nulls(), digest, see)
            }
            (Cells::Float(a), Meaning::Float) => {
                let values = a.values();
                each(rows, a.nulls(), |row| float_digest(values[row]), see)
            }
            (Cells::Bool(a), Meaning::Bool) => each(rows, a.nulls(), |row| (u64::from(a.value(row)), 0), see),
            (Cells::Date(a), Meaning::Instant) => {
                let values = a.values();
                each(rows, a.nulls(), |row| scaled_digest(i128::from(values[row]) * 86_400 * SECOND), see)
            }
            (Cells::Time(values, nulls, unit), Meaning::Instant) => {
                let digest = |row: usize| scaled_digest(i128::from(values[row]) * i128::from(*unit));
                each(rows, nulls.as_ref(), digest, see)
            }
            (Cells::Text(a) | Cells::Untyped(a, _), Meaning::Text) => {
                // A view holds a text of at most 12 bytes itself: its bits are the digest, and the value is
                // not read.
                let views = a.views();
                let digest = |row: usize| match views[row] as u32 {
                    0..=12 => view_digest(views[row]),
                    _ => long_digest(a.value(row).as_bytes(), 0),
                };
                each(rows, a.nulls(), digest, see)
            }
            (Cells::Constant(_) | Cells::Nothing, _) => {
                let digest = self.value(meaning, 0).digest();
                rows.enumerate().for_each(|(at, _)| see(at, digest));
            }
            _ => rows.enumerate().for_each(|(at, row)| see(at, self.value(meaning, row).digest())),
        }
    }

    /// The value of a row.
    pub fn value(&self, meaning: Meaning, row: usize) -> Value {
        if self.is_null(row) {
            return Value::Null;
        }
        let whole = |value: i128, own: u8| match meaning {
            Meaning::Float => Value::float(nearest_float(value, own)),
            _ => number(value, -i64::from(own), meaning.scale()),
        };
        match self {
            Cells::Nothing => Value::Null,
            Cells::Bool(a) => Value::Bool(a.value(row)),
            Cells::Int(a) => whole(i128::from(a.value(row)), 0),
            Cells::Decimal(a, scale) => whole(a.value(row), *scale),
            Cells::Float(a) => match meaning {
                // Floats are compared as exact numbers only among whole numbers, where the scale is 0.
                Meaning::Number(_) => whole_or_float(a.value(row)),
                _ => Value::float(a.value(row)),
            },
            Cells::Date(_) | Cells::Time(..) => Value::Scaled(self.nanos(row)),
            Cells::Text(a) => Value::Text(a.value(row).to_string()),
            Cells::Untyped(a, written) => written.read(a.value(row), meaning),
            Cells::Constant(text) => {
                text.as_ref().map_or(Value::Null, |text| ResultFormat::default().read(text, meaning))
            }
        }
    }

    fn nanos(&self, row: usize) -> i128 {
        match self {
            Cells::Date(a) => i128::from(a.value(row)) * 86_400 * SECOND,
            Cells::Time(values, _, unit) => i128::from(values[row]) * i128::from(*unit),
            _ => 0,
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Cells::Nothing => true,
            Cells::Bool(a) => a.is_null(row),
            Cells::Int(a) => a.is_null(row),
            Cells::Float(a) => a.is_null(row),
            Cells::Decimal(a, _) => a.is_null(row),
            Cells::Date(a) => a.is_null(row),
            Cells::Time(_, nulls, _) => nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)),
            Cells::Text(a) | Cells::Untyped(a, _) => a.is_null(row),
            Cells::Constant(text) => text.is_none(),
        }
    }

    /// The value of a row as CSV has it; none where it is NULL.
    pub fn text(&self, row: usize) -> Option<String> {
        if self.is_null(row) {
            return None;
        }
        let mut out = vec![];
        match self {
            Cells::Nothing => return None,
            Cells::Bool(a) => return Some(a.value(row).to_string()),
            Cells::Int(a) => return Some(a.value(row).to_string()),
            Cells::Decimal(a, scale) => return Some(decimal_text(a.value(row), *scale)),
            Cells::Time(..) => return Some(instant_text(self.nanos(row))),
            Cells::Text(a) | Cells::Untyped(a, _) => return Some(a.value(row).to_string()),
            Cells::Constant(text) => return text.clone(),
            Cells::Float(a) => push_float(&mut out, a.value(row)),
            Cells::Date(a) => push_date(&mut out, i64::from(a.value(row))),
        }
        Some(String::from_utf8_lossy(&out).into_owned())
    }
}

#[inline]
fn each(
    rows: impl Iterator<Item = usize>,
    nulls: Option<&NullBuffer>,
    digest: impl Fn(usize) -> Digest,
    mut see: impl FnMut(usize, Digest),
) {
    // Without NULL in the column the test for each row is saved: this loop sees every value of both sides.
    match nulls.filter(|nulls| nulls.null_count() > 0) {
        None => rows.enumerate().for_each(|(at, row)| see(at, digest(row))),
        Some(nulls) => rows.enumerate().for_each(|(at, row)| {
            see(at, if nulls.is_valid(row) { digest(row) } else { NULL });
        }),
    }
}

/// A float among whole numbers.
fn whole_or_float(value: f64) -> Value {
    // Only numbers below 10^38 have digests of their own, see `NULL`.
    if value.fract() == 0.0 && value.abs() < 1e38 {
        Value::Scaled(value as i128)
    } else {
        Value::float(value)
    }
}

/// What other engines store as 16 bytes is text in our files.
fn uuids(array: &ArrayRef) -> StringViewArray {
    let hex = |bytes: &[u8]| {
        let mut out = String::with_capacity(36);
        for (i, byte) in bytes.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                out.push('-');
            }
            out.push_str(&format!("{byte:02x}"));
        }
        out
    };
    array.as_fixed_size_binary().iter().map(|bytes| bytes.map(hex)).collect()
}
