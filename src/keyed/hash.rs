//! Key tuples → 128-bit hashes.

use crate::batch::{ColumnView, Native, TextView, each_view};
use arrow_array::{Array, ArrayRef};
use xxhash_rust::xxh3::xxh3_128;

/// The hashes of some rows' key tuples.
pub struct KeyHashes {
    /// One hash a row; equal tuples of columns of equal types have equal ones.
    pub hashes: Vec<u128>,
    /// Whether a part of the row's tuple is NULL; empty where none is.
    pub nulls: Vec<bool>,
}

impl KeyHashes {
    /// Whether a part of the tuple of `row` is NULL.
    #[inline]
    pub fn has_null(&self, row: usize) -> bool {
        self.nulls.get(row).copied().unwrap_or(false)
    }
}

/// What NULL hashes to.
const NULL: u128 = 0x6e75_6c6c_9e37_79b9_7f4a_7c15_d6e8_feb8;

/// Hashes the tuples of `columns`, each of which has `rows` values of a column's type
/// ([`crate::batch::DataType::arrow`]). Without columns there is the one empty tuple.
pub fn hash_keys(columns: &[&ArrayRef], rows: usize) -> KeyHashes {
    let mut keys = KeyHashes { hashes: vec![], nulls: vec![] };
    let Some((first, others)) = columns.split_first() else {
        keys.hashes.resize(rows, 0);
        return keys;
    };
    keys.hashes.reserve(rows);
    each(first, |hash| keys.hashes.push(hash));
    for column in others {
        let mut row = 0;
        each(column, |hash| {
            let mut both = [0; 32];
            both[..16].copy_from_slice(&keys.hashes[row].to_le_bytes());
            both[16..].copy_from_slice(&hash.to_le_bytes());
            keys.hashes[row] = xxh3_128(&both);
            row += 1;
        });
    }
    for nulls in columns.iter().filter_map(|c| c.nulls()).filter(|n| n.null_count() > 0) {
        keys.nulls.resize(rows, false);
        keys.nulls.iter_mut().zip(nulls).for_each(|(null, valid)| *null |= !valid);
    }
    keys
}

/// Gives the hash of each value, in order.
fn each(column: &ArrayRef, mut give: impl FnMut(u128)) {
    let view = ColumnView::of(column).expect("a column of our types");
    let nulls = column.nulls().filter(|n| n.null_count() > 0);
    let is_null = |row: usize| nulls.is_some_and(|n| n.is_null(row));
    let word = |value: u128| xxh3_128(&value.to_le_bytes());
    // The one text that comes here is a view; its values are taken without a look at NULL or length.
    if let ColumnView::Text(TextView::View(texts)) = view {
        for row in 0..texts.len() {
            // SAFETY: `row` is less than the length.
            let text = unsafe { texts.value_unchecked(row) };
            give(if is_null(row) { NULL } else { xxh3_128(text.as_bytes()) });
        }
        return;
    }
    each_view!(view, values => for (row, value) in values.iter().enumerate() {
        give(if is_null(row) { NULL } else { word(value.key()) });
    }, _texts => unreachable!("texts of keys are plain"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, Int64Array, StringViewArray};
    use std::sync::Arc;

    #[test]
    fn tuples_are_told_apart_by_their_parts() {
        let text = |values: Vec<Option<&str>>| Arc::new(StringViewArray::from(values)) as ArrayRef;
        let a = text(vec![Some("ab"), Some("a"), None, Some("")]);
        let b = text(vec![Some("c"), Some("bc"), Some(""), None]);
        let keys = hash_keys(&[&a, &b], 4);
        let distinct: std::collections::BTreeSet<u128> = keys.hashes.iter().copied().collect();
        assert_eq!(distinct.len(), 4);
        assert_eq!(keys.nulls, [false, false, true, true]);
        assert_ne!(hash_keys(&[&a, &b], 4).hashes, hash_keys(&[&b, &a], 4).hashes);
        assert_eq!(hash_keys(&[&a, &b], 4).hashes, keys.hashes);
    }

    #[test]
    fn equal_numbers_have_equal_hashes() {
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN, 1.0]));
        let hashes = hash_keys(&[&floats], 5).hashes;
        assert_eq!(hashes[0], hashes[1]);
        assert_eq!(hashes[2], hashes[3]);
        assert_ne!(hashes[0], hashes[4]);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(-1), None, Some(-1)]));
        let keys = hash_keys(&[&numbers], 3);
        assert_eq!(keys.hashes[0], keys.hashes[2]);
        assert!(!keys.has_null(0) && keys.has_null(1));
        assert_eq!(hash_keys(&[], 2).hashes, [0, 0]);
    }
}
