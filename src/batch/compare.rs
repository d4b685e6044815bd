//! Values and rows of two batches, compared where they lie.
//!
//! # Contract
//! The order is that of groups: ascending, NULLs last, texts by their bytes, floats by value with −0 = 0 and NaN the
//! greatest. Values are equal where that order does not tell them apart.
//!
//! This is the one comparison of typed rows: corrections and their log, the audit and merges of parts use it. `verify`
//! compares values of unlike types, such as a text with a decimal, and so has a comparison of its own.

use super::view::{ColumnView, NativeView, TextView};
use super::{Native, canonical};
use crate::error::Result;
use arrow_array::{Array, ArrayRef, StringViewArray};
use std::cmp::Ordering;

impl ColumnView<'_> {
    /// The order of value `i` here and value `j` of `other`, a column of the same type.
    #[inline]
    pub fn compare(&self, i: usize, other: &ColumnView<'_>, j: usize) -> Ordering {
        use ColumnView::{Bool, Date, Decimal, Float, Int, Text, Time};
        match (self, other) {
            (Int(a) | Time(a), Int(b) | Time(b)) => by_value(a, i, b, j),
            (Text(TextView::View(a)), Text(TextView::View(b))) => {
                let nulls = |array: &StringViewArray, row| array.nulls().is_some_and(|n| n.is_null(row));
                nulls_last(nulls(a, i), nulls(b, j), || compare_texts(a, i, b, j))
            }
            (Text(a), Text(b)) => match (a.get(i), b.get(j)) {
                (Some(a), Some(b)) => a.cmp(b),
                (a, b) => a.is_none().cmp(&b.is_none()),
            },
            (Date(a), Date(b)) => by_value(a, i, b, j),
            (Decimal(a, _), Decimal(b, _)) => by_value(a, i, b, j),
            (Float(a), Float(b)) => nulls_last(a.is_null(i), b.is_null(j), || {
                canonical(a.value(i)).total_cmp(&canonical(b.value(j)))
            }),
            (Bool(a), Bool(b)) => nulls_last(a.is_null(i), b.is_null(j), || a.value(i).cmp(&b.value(j))),
            _ => unreachable!("columns of one type"),
        }
    }

    /// How many values from `i` on equal those from `j` on of `other`, a column of the same type; at most
    /// `most`, which both have.
    pub fn equal_run(&self, i: usize, other: &ColumnView<'_>, j: usize, most: usize) -> usize {
        use ColumnView::{Decimal, Int, Time};
        let run = match (self, other) {
            (Int(a) | Time(a), Int(b) | Time(b)) if both_full(a, b) => {
                first_difference(&a.values()[i..i + most], &b.values()[j..j + most])
            }
            (Decimal(a, _), Decimal(b, _)) if both_full(a, b) => {
                first_difference(&a.values()[i..i + most], &b.values()[j..j + most])
            }
            _ => (0..most).find(|&k| self.compare(i + k, other, j + k).is_ne()),
        };
        run.unwrap_or(most)
    }
}

fn both_full<T: Native>(a: &NativeView<'_, T>, b: &NativeView<'_, T>) -> bool {
    a.nulls().is_none() && b.nulls().is_none()
}

fn first_difference<T: PartialEq>(a: &[T], b: &[T]) -> Option<usize> {
    a.iter().zip(b).position(|(a, b)| a != b)
}

#[inline(always)]
fn by_value<T: Native + Ord>(a: &NativeView<'_, T>, i: usize, b: &NativeView<'_, T>, j: usize) -> Ordering {
    nulls_last(a.is_null(i), b.is_null(j), || a.value(i).cmp(&b.value(j)))
}

#[inline(always)]
fn nulls_last(a: bool, b: bool, values: impl FnOnce() -> Ordering) -> Ordering {
    if a || b { a.cmp(&b) } else { values() }
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
/// As [`ColumnView::of`].
pub fn views(columns: &[ArrayRef], indices: impl IntoIterator<Item = usize>) -> Result<Vec<ColumnView<'_>>> {
    indices.into_iter().map(|i| ColumnView::of(&columns[i])).collect()
}

/// The order of row `i` of `a` and row `j` of `b`, the same columns of two batches.
#[inline]
pub fn compare_rows(a: &[ColumnView], i: usize, b: &[ColumnView], j: usize) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        match a.compare(i, b, j) {
            Ordering::Equal => {}
            order => return order,
        }
    }
    Ordering::Equal
}

/// How many rows from `i` and from `j` on are equal in all columns; at most `most`.
pub fn equal_rows(a: &[ColumnView], i: usize, b: &[ColumnView], j: usize, most: usize) -> usize {
    // Column by column, but for so few rows that they are in the cache for the next column.
    const STRETCH: usize = 1024;
    let mut done = 0;
    while done < most {
        let stretch = STRETCH.min(most - done);
        let run = a.iter().zip(b).fold(stretch, |run, (a, b)| a.equal_run(i + done, b, j + done, run));
        done += run;
        if run < stretch {
            break;
        }
    }
    done
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::types::{Int32Type, UInt32Type};
    use arrow_array::{DictionaryArray, Float64Array, StringArray};
    use std::sync::Arc;

    /// The layouts of one column of texts: views, offsets, and dictionaries of both kinds.
    fn layouts(texts: &[Option<&str>]) -> [ArrayRef; 4] {
        [
            Arc::new(texts.iter().copied().collect::<StringViewArray>()),
            Arc::new(texts.iter().copied().collect::<StringArray>()),
            Arc::new(texts.iter().copied().collect::<DictionaryArray<UInt32Type>>()),
            Arc::new(texts.iter().copied().collect::<DictionaryArray<Int32Type>>()),
        ]
    }

    #[test]
    fn texts_have_one_order_in_every_layout() {
        let texts = [Some(""), Some("a"), Some("a long text, not inline"), Some("a long text, other"), None];
        for a in &layouts(&texts) {
            for b in &layouts(&texts) {
                let (a, b) = (ColumnView::of(a).unwrap(), ColumnView::of(b).unwrap());
                for (i, j) in (0..texts.len()).flat_map(|i| (0..texts.len()).map(move |j| (i, j))) {
                    assert_eq!(a.compare(i, &b, j), i.cmp(&j), "{:?} {:?}", texts[i], texts[j]);
                }
            }
        }
    }

    #[test]
    fn floats_that_count_as_equal_are_one_run() {
        let column = |values: Vec<Option<f64>>| Arc::new(Float64Array::from(values)) as ArrayRef;
        let a = column(vec![Some(0.0), Some(f64::NAN), None, Some(1.0)]);
        let b = column(vec![Some(-0.0), Some(-f64::NAN), None, Some(2.0)]);
        let (a, b) = (ColumnView::of(&a).unwrap(), ColumnView::of(&b).unwrap());
        assert_eq!(a.equal_run(0, &b, 0, 4), 3);
        assert_eq!(a.compare(3, &b, 1), Ordering::Less);
        assert_eq!(a.compare(1, &b, 2), Ordering::Less);
    }

    #[test]
    fn the_first_row_past_is_found_wherever_it_is() {
        for rows in 0..20 {
            for (from, first) in (0..=rows).flat_map(|from| (from..=rows).map(move |first| (from, first))) {
                assert_eq!(first_past(from, rows, |row| row >= first), first);
            }
        }
    }
}
