//! Values from all shards of a table → one Arrow array.

use super::column::{Column, PackedValues};
use super::place::{HashAndTime, NONE};
use crate::batch::{DataType, Native, by_native};
use arrow_array::builder::StringViewBuilder;
use arrow_array::{ArrayRef, StringViewArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use std::sync::Arc;

/// Where the values of a column come from.
pub struct GatherSource<'a> {
    /// The column of each shard, where it has rows.
    pub columns: Vec<Option<&'a Column>>,
    /// What was looked for, which tells the shard.
    pub needles: &'a [HashAndTime],
    /// The row of the shard that each needle takes, or [`NONE`].
    pub rows: &'a [u32],
}

impl<'a> GatherSource<'a> {
    #[inline]
    fn column(&self, i: usize) -> Option<&'a Column> {
        self.columns[self.needles[i].shard()].filter(|_| self.rows[i] != NONE)
    }

    /// Which needles take a value; nothing if all do.
    fn nulls(&self) -> Option<NullBuffer> {
        let valid = |i: usize| self.column(i).is_some_and(|column| column.is_valid(self.rows[i]));
        let nulls = NullBuffer::new(BooleanBuffer::collect_bool(self.rows.len(), valid));
        Some(nulls).filter(|nulls| nulls.null_count() > 0)
    }

    /// What `get` makes of each value; the default where there is none.
    fn map<T: Default>(&self, get: impl Fn(&PackedValues, u32) -> T) -> Vec<T> {
        let value =
            |i: usize| self.column(i).map_or(T::default(), |column| get(&column.values, self.rows[i]));
        (0..self.rows.len()).map(value).collect()
    }

    fn has_text(&self) -> bool {
        self.columns.iter().flatten().any(|column| matches!(column.values, PackedValues::Text(..)))
    }
}

/// The values as an array of the type; `texts` are those of a column of codes.
pub fn gather(ty: DataType, source: &GatherSource, texts: Option<&StringViewArray>) -> ArrayRef {
    let nulls = source.nulls();
    by_native!(ty, T => {
        let value = |values: &PackedValues, row| match T::WIDE {
            true => T::of_wide(values.wide(row)),
            false => T::of_word(values.word(row)),
        };
        T::array(ty, source.map(value), nulls)
    }, text => strings(source, nulls, texts))
}

fn strings(source: &GatherSource, nulls: Option<NullBuffer>, texts: Option<&StringViewArray>) -> ArrayRef {
    // A shard has codes or texts, and shards may differ. Codes alone share the texts of the table without a
    // copy.
    let Some(texts) = texts.filter(|_| !source.has_text()) else {
        let mut out = StringViewBuilder::with_capacity(source.rows.len());
        for i in 0..source.rows.len() {
            let Some(column) = source.column(i).filter(|_| nulls.as_ref().is_none_or(|n| n.is_valid(i)))
            else {
                out.append_null();
                continue;
            };
            match (column.values.text(source.rows[i]), texts) {
                (Some(text), _) => out.append_value(String::from_utf8_lossy(text)),
                (None, Some(texts)) => {
                    out.append_value(texts.value(column.values.word(source.rows[i]) as usize))
                }
                (None, None) => out.append_null(),
            }
        }
        return Arc::new(out.finish());
    };
    let known = texts.views();
    let views: Vec<u128> = source.map(|values, row| known[values.word(row) as usize]);
    let long = texts.data_buffers().iter().any(|buffer| !buffer.is_empty());
    let buffers = if long { texts.data_buffers().to_vec() } else { vec![] };
    // SAFETY: each view is one of `texts`, whose buffers these are, or the empty string's. Without
    // a byte in the buffers no view points into them.
    Arc::new(unsafe { StringViewArray::new_unchecked(ScalarBuffer::from(views), buffers.into(), nulls) })
}
