//! Values that can be compared, kept and given back, whatever their column type.
//!
//! All types but string map to an `i128` word, the [rank](Native::rank) of the value.

use super::codec::{StateReader, put_bytes};
use crate::batch::{ColumnView, DataType, Native, by_native, collect_array, each_view};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringViewArray};
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
    fn get(state: &mut StateReader) -> Self::Value;

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
pub struct TextDomain;

impl Domain for Word {
    type Value = i128;

    fn each(&self, array: &ArrayRef, mut f: impl FnMut(usize, i128)) {
        let column = ColumnView::of(array).expect("a column of our types");
        each_view!(column, values => match values.nulls() {
            None => values.iter().enumerate().for_each(|(i, v)| f(i, v.rank())),
            Some(nulls) => nulls.valid_indices().for_each(|i| f(i, values.value(i).rank())),
        }, _texts => unreachable!("strings are Text"));
    }

    fn build(&self, values: Vec<Option<i128>>) -> ArrayRef {
        let values = values.into_iter();
        by_native!(self.0, T => collect_array(self.0, values.map(|v| v.map(T::of_rank))),
            text => unreachable!("strings are Text"))
    }

    fn put(value: &i128, out: &mut Vec<u8>) {
        out.extend_from_slice(&value.to_le_bytes());
    }

    fn get(state: &mut StateReader) -> i128 {
        state.i128()
    }
}

impl Domain for TextDomain {
    type Value = Box<[u8]>;

    fn each(&self, array: &ArrayRef, mut f: impl FnMut(usize, Box<[u8]>)) {
        let array = array.as_string_view();
        (0..array.len()).filter(|&i| array.is_valid(i)).for_each(|i| f(i, array.value(i).as_bytes().into()));
    }

    fn build(&self, values: Vec<Option<Box<[u8]>>>) -> ArrayRef {
        // The bytes come from Arrow strings, which are UTF-8, so nothing is lost here.
        let text = |v: &[u8]| String::from_utf8_lossy(v).into_owned();
        Arc::new(values.iter().map(|v| v.as_deref().map(text)).collect::<StringViewArray>())
    }

    fn put(value: &Box<[u8]>, out: &mut Vec<u8>) {
        put_bytes(out, value);
    }

    fn get(state: &mut StateReader) -> Box<[u8]> {
        state.bytes().into()
    }

    fn heap(value: &Box<[u8]>) -> usize {
        value.len()
    }
}
