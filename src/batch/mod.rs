//! Rows on their way through the engine: types, schema, position, batch. Reads no clock and no file.
//!
//! Columns are Arrow arrays. What depends on the type of a column is here once: [`ColumnView`] reads an array,
//! [`NativeBuilder`] and [`collect_array`] make one, [`Native`] gives values of fixed width as words, and
//! [`compare_rows`] compares rows.

mod arrays;
pub(crate) mod avro_bytes;
mod builder;
mod column_id;
mod compare;
mod moment;
mod native;
mod partition_path;
mod position;
mod schema;
mod view;

pub use arrays::{plain_strings, record_batch, value_text};
pub use builder::NativeBuilder;
pub use column_id::ColumnId;
pub(crate) use column_id::id;
pub use compare::{compare_rows, equal_rows, first_past, views};
pub use moment::{Moment, StreamPlace};
pub(crate) use native::by_native;
pub use native::{Native, canonical, collect_array, null_array};
pub use partition_path::{PartitionPath, partition_folder, partition_values, unescaped};
pub use position::Position;
pub use schema::{DataType, Field, Origin, Schema};
pub(crate) use view::each_view;
pub use view::{BoolView, ColumnView, NativeView, TextValues, TextView};

use arrow_array::{Array, ArrayRef, BooleanArray};

/// Some rows of one source, column by column, in position order.
///
/// All columns, `time` and (where they are kept) `positions` have `rows` entries.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// One Arrow array per column of the batch's schema, of the type [`DataType::arrow`].
    pub columns: Vec<ArrayRef>,
    /// Event time of each row, microseconds since 1970-01-01T00:00:00Z.
    pub time: Vec<i64>,
    /// Position of each row; empty where the plan does not need positions.
    pub positions: Vec<Position>,
    /// When each row arrived, microseconds since 1970; empty where the log does not say.
    pub arrival: Vec<i64>,
    /// What the watermark was before each row, less the delay: the greatest event time so far, of
    /// several partitions the least of theirs; [`i64::MIN`] where there was none. Empty where nothing
    /// depends on arrival.
    pub max_timestamp: Vec<i64>,
    /// The number of each row among those that its worker passed to steps that depend on order,
    /// ascending; empty before there is one.
    pub numbers: Vec<u64>,
    /// Where each row stands in the order in which a step sees rows; empty where steps see replay order.
    pub places: Vec<StreamPlace>,
    /// Number of rows.
    pub rows: usize,
}

impl Batch {
    /// The rows where `keep` is true (NULL counts as false), in the same order.
    pub fn filter(&self, keep: &BooleanArray) -> Batch {
        // Under a NULL the bit may be set, and `set_indices` looks only at the bits.
        let keep = match keep.nulls() {
            Some(_) => &arrow_select::filter::prep_null_mask_filter(keep),
            None => keep,
        };
        let rows = keep.true_count();
        // A clone shares the arrays, and a filter would copy them.
        if rows == self.rows {
            return self.clone();
        }
        let columns = self
            .columns
            .iter()
            .map(|c| arrow_select::filter::filter(c, keep).expect("a mask as long as the batch"))
            .collect();
        Batch {
            columns,
            time: chosen_of(&self.time, keep),
            positions: chosen_of(&self.positions, keep),
            arrival: chosen_of(&self.arrival, keep),
            max_timestamp: chosen_of(&self.max_timestamp, keep),
            numbers: chosen_of(&self.numbers, keep),
            places: chosen_of(&self.places, keep),
            rows,
        }
    }
}

/// The values of the rows that are kept, where there are any values at all.
fn chosen_of<T: Copy>(values: &[T], keep: &BooleanArray) -> Vec<T> {
    if values.is_empty() { vec![] } else { keep.values().set_indices().map(|i| values[i]).collect() }
}
