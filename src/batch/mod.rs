//! Rows on their way through the engine: types, schema, position, batch. Reads no clock and no file.

mod position;
mod schema;

pub use position::Position;
pub use schema::{DataType, Field, Schema};

use arrow_array::{Array, ArrayRef, BooleanArray};

/// Some rows of one source, column by column, in position order.
///
/// All columns, `time` and (where they are kept) `positions` have `rows` entries.
#[derive(Debug, Clone)]
pub struct Batch {
    /// One Arrow array per column of the batch's schema, of the type [`DataType::arrow`].
    pub columns: Vec<ArrayRef>,
    /// Event time of each row, microseconds since 1970-01-01T00:00:00Z.
    pub time: Vec<i64>,
    /// Position of each row; empty where the plan does not need positions.
    pub positions: Vec<Position>,
    /// Number of rows.
    pub rows: usize,
}

impl Batch {
    /// The rows where `keep` is true (NULL counts as false), in the same order.
    pub fn filter(&self, keep: &BooleanArray) -> Batch {
        let keep = match keep.nulls() {
            Some(_) => &arrow_select::filter::prep_null_mask_filter(keep),
            None => keep,
        };
        let rows = keep.true_count();
        if rows == self.rows {
            return self.clone();
        }
        let columns = self
            .columns
            .iter()
            .map(|c| arrow_select::filter::filter(c, keep).expect("a mask as long as the batch"))
            .collect();
        let chosen = || keep.values().set_indices();
        let time = chosen().map(|i| self.time[i]).collect();
        let positions =
            if self.positions.is_empty() { vec![] } else { chosen().map(|i| self.positions[i]).collect() };
        Batch { columns, time, positions, rows }
    }
}
