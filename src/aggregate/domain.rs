//! Values that can be compared, kept and given back, whatever their column type.
//!
//! All types but string map to an `i128` word so that the words are ordered as the values are:
//! integers, dates, instants and decimals as they are, false < true, floats by the IEEE 754 total
//! order after −0 became 0 and every NaN the one greatest NaN.

use super::codec::{Reader, put_bytes};
use crate::batch::DataType;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringViewArray,
    TimestampMicrosecondArray,
};
use std::hash::Hash;
use std::sync::Arc;

/// The values of a column type.
pub trait Domain: Copy + Send + Sync + 'static {
    /// One value.
    type Value: Ord + Clone + Hash + Send + Sync + 'static;

    /// Calls `f` with each row's number and value, where it is not NULL.
    fn each(&self, array: &ArrayRef, f: impl FnMut(usize, Self::Value));

    /// The array of these values.
    fn build(&self, values: Vec<Option<Self::Value>>) -> ArrayRef;

    /// Appends a value to a state.
    fn put(value: &Self::Value, out: &mut Vec<u8>);

    /// Reads what `put` wrote.
    fn get(state: &mut Reader) -> Self::Value;

    /// Bytes on the heap beside the value itself.
    fn heap(_value: &Self::Value) -> usize {
        0
    }
}

/// All types but string.
#[derive(Clone, Copy)]
pub struct Word(pub DataType);

/// Strings, as their bytes.
#[derive(Clone, Copy)]
pub struct Text;

/// The one float of all that count as equal: −0 is 0, and every NaN is one NaN.
pub fn canonical(x: f64) -> f64 {
    if x.is_nan() {
        f64::NAN
    } else if x == 0.0 {
        0.0
    } else {
        x
    }
}

/// A float as a word of the same order.
pub fn float_to_word(x: f64) -> i128 {
    let x = canonical(x);
    let bits = x.to_bits() as i64;
    // The order of `f64::total_cmp`.
    i128::from(bits ^ (((bits >> 63) as u64) >> 1) as i64)
}

/// The float of a word.
pub fn word_to_float(word: i128) -> f64 {
    let bits = word as i64;
    f64::from_bits((bits ^ (((bits >> 63) as u64) >> 1) as i64) as u64)
}

impl Domain for Word {
    type Value = i128;

    fn each(&self, array: &ArrayRef, mut f: impl FnMut(usize, i128)) {
        macro_rules! words {
            ($array:expr, $map:expr) => {{
                let array = $array;
                match array.nulls().filter(|n| n.null_count() > 0) {
                    None => array.values().iter().enumerate().for_each(|(i, &v)| f(i, $map(v))),
                    Some(nulls) => nulls.valid_indices().for_each(|i| f(i, $map(array.value(i)))),
                }
            }};
        }
        match self.0 {
            DataType::Int64 => words!(array.as_primitive::<Int64Type>(), i128::from),
            DataType::Float64 => words!(array.as_primitive::<Float64Type>(), float_to_word),
            DataType::Decimal { .. } => words!(array.as_primitive::<Decimal128Type>(), |v| v),
            DataType::Date => words!(array.as_primitive::<Date32Type>(), i128::from),
            DataType::Timestamp => words!(array.as_primitive::<TimestampMicrosecondType>(), i128::from),
            DataType::Bool => {
                let array = array.as_boolean();
                (0..array.len()).filter(|&i| array.is_valid(i)).for_each(|i| f(i, array.value(i).into()));
            }
            DataType::String | DataType::Json => unreachable!("strings are Text"),
        }
    }

    fn build(&self, values: Vec<Option<i128>>) -> ArrayRef {
        let values = values.into_iter();
        match self.0 {
            DataType::Int64 => Arc::new(values.map(|v| v.map(|v| v as i64)).collect::<Int64Array>()),
            DataType::Float64 => Arc::new(values.map(|v| v.map(word_to_float)).collect::<Float64Array>()),
            DataType::Decimal { .. } => {
                let array = values.collect::<Decimal128Array>();
                Arc::new(array.with_data_type(self.0.arrow()))
            }
            DataType::Date => Arc::new(values.map(|v| v.map(|v| v as i32)).collect::<Date32Array>()),
            DataType::Timestamp => {
                let array = values.map(|v| v.map(|v| v as i64)).collect::<TimestampMicrosecondArray>();
                Arc::new(array.with_timezone("UTC"))
            }
            DataType::Bool => Arc::new(values.map(|v| v.map(|v| v != 0)).collect::<BooleanArray>()),
            DataType::String | DataType::Json => unreachable!("strings are Text"),
        }
    }

    fn put(value: &i128, out: &mut Vec<u8>) {
        out.extend_from_slice(&value.to_le_bytes());
    }

    fn get(state: &mut Reader) -> i128 {
        state.i128()
    }
}

impl Domain for Text {
    type Value = Box<[u8]>;

    fn each(&self, array: &ArrayRef, mut f: impl FnMut(usize, Box<[u8]>)) {
        let array = array.as_string_view();
        (0..array.len()).filter(|&i| array.is_valid(i)).for_each(|i| f(i, array.value(i).as_bytes().into()));
    }

    fn build(&self, values: Vec<Option<Box<[u8]>>>) -> ArrayRef {
        let text = |v: &[u8]| String::from_utf8_lossy(v).into_owned();
        Arc::new(values.iter().map(|v| v.as_deref().map(text)).collect::<StringViewArray>())
    }

    fn put(value: &Box<[u8]>, out: &mut Vec<u8>) {
        put_bytes(out, value);
    }

    fn get(state: &mut Reader) -> Box<[u8]> {
        state.bytes().into()
    }

    fn heap(value: &Box<[u8]>) -> usize {
        value.len()
    }
}
