//! Where converted values go, and what conversions share.

use super::{CellFault, CellFaults, damaged};
use crate::error::Result;
use crate::input::ReadColumn;
use crate::input::infer::inferred_hint;
use crate::input::value::ValueError;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::DataType as ArrowType;
use std::path::Path;

/// The array in one of the few types that the conversions know.
pub(super) fn normal(array: &ArrayRef, path: &Path) -> Result<ArrayRef> {
    let to = match array.data_type() {
        // An unsigned number may not fit an int64, so it keeps its type.
        ArrowType::UInt64 => return Ok(array.clone()),
        ty if ty.is_integer() => ArrowType::Int64,
        ty if ty.is_floating() => ArrowType::Float64,
        // Both fit into 128 bits, so only the scale must be kept.
        ArrowType::Decimal32(_, s) | ArrowType::Decimal64(_, s) => ArrowType::Decimal128(38, *s),
        ArrowType::Utf8 | ArrowType::LargeUtf8 => ArrowType::Utf8View,
        ArrowType::Binary | ArrowType::LargeBinary => ArrowType::BinaryView,
        ArrowType::Date64 => ArrowType::Date32,
        ArrowType::Dictionary(_, value) => {
            let plain = cast(array, value, path)?;
            return normal(&plain, path);
        }
        _ => return Ok(array.clone()),
    };
    cast(array, &to, path)
}

pub(super) fn cast(array: &ArrayRef, to: &ArrowType, path: &Path) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    // `safe` would turn a value that cannot be cast into NULL without a word.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options).map_err(|e| damaged(path, &e))
}

/// Where the faults of one column go.
pub(super) struct FaultSink<'a> {
    pub(super) column: &'a ReadColumn,
    pub(super) faults: &'a mut CellFaults,
}

impl FaultSink<'_> {
    #[cold]
    pub(super) fn push(&mut self, row: usize, error: ValueError) {
        self.push_reason(row, error.to_string(), error.text().as_bytes());
    }

    #[cold]
    pub(super) fn push_reason(&mut self, row: usize, reason: String, text: &[u8]) {
        // A row keeps its first fault alone, and a hint for another one costs time.
        if self.faults.has(row) {
            return;
        }
        let (column, hint) = (self.column.name.clone(), inferred_hint(self.column, text));
        self.faults.push(CellFault { row, column, reason, hint, aside: false });
    }

    /// Maps the values that are there; what fails is NULL and a fault.
    pub(super) fn map<V, T: ArrowPrimitiveType>(
        &mut self,
        values: impl Iterator<Item = Option<V>>,
        mut read: impl FnMut(V) -> std::result::Result<T::Native, ValueError>,
    ) -> PrimitiveArray<T> {
        let read = values.enumerate().map(|(row, value)| match read(value?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(row, error);
                None
            }
        });
        read.collect::<Vec<_>>().into_iter().collect()
    }
}

pub(super) fn decimal_text(value: i128, scale: i8) -> String {
    with_point(value.to_string(), scale)
}

/// An integer times 10^-`scale`, written without an exponent.
pub(in crate::input) fn with_point(integer: String, scale: i8) -> String {
    let (sign, digits) = match integer.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", integer.as_str()),
    };
    match usize::try_from(scale) {
        Ok(0) => integer,
        Ok(scale) => {
            // At least one digit stands before the point.
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, part) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{part}")
        }
        // Zero stays `0`, however many zeros the scale asks for.
        Err(_) if digits == "0" => integer,
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    }
}
