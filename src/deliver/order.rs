//! Values of two batches compared where they lie, by the type of their column.
//!
//! # Contract
//! The order is that of groups ([`crate::group::key_rows`]): ascending, NULLs last, texts by their bytes, floats
//! by value with −0 = 0 and NaN the greatest. Values are equal where that order does not tell them apart.

use crate::aggregate::canonical;
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, StringViewArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType as ArrowType, TimeUnit};
use std::cmp::Ordering;

/// The values of a column, ready to be compared. Texts are plain, not dictionaries.
#[derive(Debug, Clone, Copy)]
pub enum Cells<'a> {
    /// Integers and instants.
    Long(&'a [i64], Option<&'a NullBuffer>),
    Day(&'a [i32], Option<&'a NullBuffer>),
    /// Decimals of one scale.
    Decimal(&'a [i128], Option<&'a NullBuffer>),
    Float(&'a [f64], Option<&'a NullBuffer>),
    Bool(&'a BooleanArray),
    Text(&'a StringViewArray),
}

impl<'a> Cells<'a> {
    /// The values of `array`.
    ///
    /// # Errors
    /// Its type is not one that results have: a fault of the program, told as a machine error.
    pub fn of(array: &'a ArrayRef) -> Result<Cells<'a>> {
        let nulls = array.nulls().filter(|n| n.null_count() > 0);
        Ok(match array.data_type() {
            ArrowType::Utf8View => Cells::Text(array.as_string_view()),
            ArrowType::Boolean => Cells::Bool(array.as_boolean()),
            ArrowType::Int64 => Cells::Long(array.as_primitive::<Int64Type>().values(), nulls),
            ArrowType::Float64 => Cells::Float(array.as_primitive::<Float64Type>().values(), nulls),
            ArrowType::Decimal128(..) => {
                Cells::Decimal(array.as_primitive::<Decimal128Type>().values(), nulls)
            }
            ArrowType::Date32 => Cells::Day(array.as_primitive::<Date32Type>().values(), nulls),
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
                Cells::Long(array.as_primitive::<TimestampMicrosecondType>().values(), nulls)
            }
            other => {
                return Err(Error::machine(format!(
                    "a result column has the type {other}, which cannot be compared"
                )));
            }
        })
    }

    /// The order of value `i` here and value `j` of `other`, a column of the same type.
    #[inline]
    pub fn compare(&self, i: usize, other: &Cells<'_>, j: usize) -> Ordering {
        match (self, other) {
            (Cells::Long(a, x), Cells::Long(b, y)) => nulls_last(x, i, y, j, || a[i].cmp(&b[j])),
            (Cells::Text(a), Cells::Text(b)) => {
                nulls_last(&a.nulls(), i, &b.nulls(), j, || compare_texts(a, i, b, j))
            }
            (Cells::Day(a, x), Cells::Day(b, y)) => nulls_last(x, i, y, j, || a[i].cmp(&b[j])),
            (Cells::Decimal(a, x), Cells::Decimal(b, y)) => nulls_last(x, i, y, j, || a[i].cmp(&b[j])),
            (Cells::Float(a, x), Cells::Float(b, y)) => {
                nulls_last(x, i, y, j, || canonical(a[i]).total_cmp(&canonical(b[j])))
            }
            (Cells::Bool(a), Cells::Bool(b)) => {
                nulls_last(&a.nulls(), i, &b.nulls(), j, || a.value(i).cmp(&b.value(j)))
            }
            _ => unreachable!("columns of one type"),
        }
    }

    /// How many values from `i` on equal those from `j` on of `other`, a column of the same type; at most
    /// `most`, which both have.
    pub fn equal_run(&self, i: usize, other: &Cells<'_>, j: usize, most: usize) -> usize {
        let run = match (self, other) {
            (Cells::Long(a, None), Cells::Long(b, None)) => first_unlike(&a[i..i + most], &b[j..j + most]),
            (Cells::Decimal(a, None), Cells::Decimal(b, None)) => {
                first_unlike(&a[i..i + most], &b[j..j + most])
            }
            _ => (0..most).find(|&k| self.compare(i + k, other, j + k).is_ne()),
        };
        run.unwrap_or(most)
    }
}

fn first_unlike<T: PartialEq>(a: &[T], b: &[T]) -> Option<usize> {
    a.iter().zip(b).position(|(a, b)| a != b)
}

#[inline(always)]
fn nulls_last(
    a: &Option<&NullBuffer>,
    i: usize,
    b: &Option<&NullBuffer>,
    j: usize,
    values: impl FnOnce() -> Ordering,
) -> Ordering {
    if a.is_none() && b.is_none() {
        return values();
    }
    match (a.is_some_and(|n| n.is_null(i)), b.is_some_and(|n| n.is_null(j))) {
        (false, false) => values(),
        (x, y) => x.cmp(&y),
    }
}

#[inline]
fn compare_texts(a: &StringViewArray, i: usize, b: &StringViewArray, j: usize) -> Ordering {
    let (x, y) = (a.views()[i], b.views()[j]);
    if x == y && x as u32 <= 12 {
        return Ordering::Equal;
    }
    // The first four bytes, zeros where there are fewer: most often they tell.
    let prefix = |view: u128| ((view >> 32) as u32).swap_bytes();
    prefix(x).cmp(&prefix(y)).then_with(|| a.value(i).cmp(b.value(j)))
}

/// The columns `indices` of a batch.
///
/// # Errors
/// As [`Cells::of`].
pub fn cells(columns: &[ArrayRef], indices: impl IntoIterator<Item = usize>) -> Result<Vec<Cells<'_>>> {
    indices.into_iter().map(|i| Cells::of(&columns[i])).collect()
}

/// The order of row `i` of `a` and row `j` of `b`, the same columns of two batches.
#[inline]
pub fn compare_rows(a: &[Cells], i: usize, b: &[Cells], j: usize) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        match a.compare(i, b, j) {
            Ordering::Equal => {}
            unlike => return unlike,
        }
    }
    Ordering::Equal
}

/// The first of `from..rows` that is `past`, or `rows`; all rows after one that is past are too. Galloping: takes
/// time by the logarithm of how far it is.
#[inline]
pub fn first_past(from: usize, rows: usize, past: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (from, 1);
    let mut high = loop {
        let at = low + step - 1;
        if at >= rows {
            break rows;
        }
        if past(at) {
            break at;
        }
        low = at + 1;
        step *= 2;
    };
    while low < high {
        let middle = low + (high - low) / 2;
        if past(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
