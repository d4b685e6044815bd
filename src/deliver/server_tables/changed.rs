//! What is new in a part, and what is gone from it.

use crate::batch::{compare_rows, views};
use crate::error::{Error, Result};
use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;
use std::cmp::Ordering;

/// The difference of two batches of one output.
#[derive(Debug)]
pub struct RowDelta {
    /// The rows that were not there, or had other values.
    pub new: RecordBatch,
    /// The keys of the rows that are no longer there.
    pub gone: RecordBatch,
}

/// What differs between `before` and `after`, in each of which the columns `key` tell the rows apart.
///
/// # Errors
/// A machine error: columns of types that results do not have.
pub fn rows(before: &RecordBatch, after: &RecordBatch, key: &[usize]) -> Result<RowDelta> {
    let values = || (0..after.num_columns()).filter(|i| !key.contains(i));
    let [a, b] = [before, after].map(|batch| views(batch.columns(), key.iter().copied()));
    let [x, y] = [before, after].map(|batch| views(batch.columns(), values()));
    let (a, b, x, y) = (a?, b?, x?, y?);
    let sorted = |batch: &RecordBatch, cells: &[_]| {
        let mut rows: Vec<u32> = (0..batch.num_rows() as u32).collect();
        let order = |i: &u32, j: &u32| compare_rows(cells, *i as usize, cells, *j as usize);
        // They are, unless the output ranks them.
        if !rows.is_sorted_by(|i, j| order(i, j).is_le()) {
            rows.sort_by(order);
        }
        rows
    };
    let (left, right) = (sorted(before, &a), sorted(after, &b));
    let (mut new, mut gone) = (vec![], vec![]);
    let (mut i, mut j) = (0, 0);
    while i < left.len() || j < right.len() {
        let order = match (left.get(i), right.get(j)) {
            (Some(&l), Some(&r)) => compare_rows(&a, l as usize, &b, r as usize),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => gone.push(left[i]),
            Ordering::Greater => new.push(right[j]),
            Ordering::Equal => {
                // A row with a known key replaces the one in the table, so it need not be taken out.
                if compare_rows(&x, left[i] as usize, &y, right[j] as usize).is_ne() {
                    new.push(right[j]);
                }
            }
        }
        i += usize::from(order.is_le());
        j += usize::from(order.is_ge());
    }
    let wrong = |e| Error::machine("cannot compare the rows of a table").caused_by(e);
    let gone = before.project(key).and_then(|keys| take_record_batch(&keys, &UInt32Array::from(gone)));
    Ok(RowDelta {
        new: take_record_batch(after, &UInt32Array::from(new)).map_err(wrong)?,
        gone: gone.map_err(wrong)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Float64Array, Int64Array, StringViewArray};
    use std::sync::Arc;

    fn batch(rows: &[(i64, Option<&str>, f64)]) -> RecordBatch {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("start", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0)))),
            ("value", Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.2)))),
            ("key", Arc::new(StringViewArray::from_iter(rows.iter().map(|r| r.1)))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn rows_are_paired_by_key_wherever_they_stand() {
        let before =
            batch(&[(1, Some("a"), 1.0), (1, None, 2.0), (2, Some("b"), 0.0), (3, Some("c"), f64::NAN)]);
        // Ranked: not in the order of keys.
        let after =
            batch(&[(1, None, 2.5), (2, Some("b"), -0.0), (3, Some("c"), f64::NAN), (2, Some("a"), 1.0)]);
        let changed = rows(&before, &after, &[0, 2]).unwrap();
        assert_eq!(changed.new.columns(), batch(&[(1, None, 2.5), (2, Some("a"), 1.0)]).columns());
        let gone = batch(&[(1, Some("a"), 1.0)]).project(&[0, 2]).unwrap();
        assert_eq!(changed.gone.columns(), gone.columns());
        let changed = rows(&after, &after, &[0, 2]).unwrap();
        assert_eq!((changed.new.num_rows(), changed.gone.num_rows()), (0, 0));
    }
}
