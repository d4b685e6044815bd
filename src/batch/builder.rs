//! A column of fixed width that is being filled value by value.
//!
//! Texts are not among them: each reader keeps them in its own way, as views of what it reads or as copies. NULLs are
//! kept beside the values by those who have them already.

use super::{DataType, Native};
use arrow_array::{ArrayRef, BooleanArray};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer};
use std::mem::take;
use std::sync::Arc;

/// The values of a column of fixed width. Readers match on it and push what they read.
#[derive(Debug)]
pub enum NativeBuilder {
    /// Bools.
    Bool(BooleanBufferBuilder),
    /// Integers.
    Int(Vec<i64>),
    /// Floats.
    Float(Vec<f64>),
    /// Decimals, their precision and scale.
    Decimal(Vec<i128>, u8, u8),
    /// Days since 1970-01-01.
    Date(Vec<i32>),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Time(Vec<i64>),
}

/// Does the same with the vector of whichever type, or with the bits.
macro_rules! each_vector {
    ($builder:expr, $values:ident => $vector:expr, $bits:ident => $bool:expr) => {
        match $builder {
            NativeBuilder::Bool($bits) => $bool,
            NativeBuilder::Int($values) | NativeBuilder::Time($values) => $vector,
            NativeBuilder::Float($values) => $vector,
            NativeBuilder::Decimal($values, ..) => $vector,
            NativeBuilder::Date($values) => $vector,
        }
    };
}

impl NativeBuilder {
    /// A column of type `ty` with room for `rows`; `None` of a type of texts.
    pub fn new(ty: DataType, rows: usize) -> Option<NativeBuilder> {
        Some(match ty {
            DataType::String | DataType::Json => return None,
            DataType::Bool => NativeBuilder::Bool(BooleanBufferBuilder::new(rows)),
            DataType::Int64 => NativeBuilder::Int(Vec::with_capacity(rows)),
            DataType::Float64 => NativeBuilder::Float(Vec::with_capacity(rows)),
            DataType::Decimal { precision, scale } => {
                NativeBuilder::Decimal(Vec::with_capacity(rows), precision, scale)
            }
            DataType::Date => NativeBuilder::Date(Vec::with_capacity(rows)),
            DataType::Timestamp => NativeBuilder::Time(Vec::with_capacity(rows)),
        })
    }

    /// The type of the column.
    pub fn ty(&self) -> DataType {
        match self {
            NativeBuilder::Bool(_) => DataType::Bool,
            NativeBuilder::Int(_) => DataType::Int64,
            NativeBuilder::Float(_) => DataType::Float64,
            NativeBuilder::Decimal(_, precision, scale) => {
                DataType::Decimal { precision: *precision, scale: *scale }
            }
            NativeBuilder::Date(_) => DataType::Date,
            NativeBuilder::Time(_) => DataType::Timestamp,
        }
    }

    /// Makes room for `rows` more rows.
    pub fn reserve(&mut self, rows: usize) {
        each_vector!(self, values => values.reserve(rows), bits => bits.reserve(rows));
    }

    /// Appends what stands where a row is NULL.
    #[inline]
    pub fn push_default(&mut self) {
        each_vector!(self, values => values.push(Default::default()), bits => bits.append(false));
    }

    /// Forgets what comes after the first `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        each_vector!(self, values => values.truncate(rows), bits => bits.truncate(rows));
    }

    /// The array of all values so far; the column is empty then.
    pub fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        let ty = self.ty();
        each_vector!(
            self,
            values => Native::array(ty, take(values), nulls),
            bits => Arc::new(BooleanArray::new(bits.finish(), nulls))
        )
    }
}
