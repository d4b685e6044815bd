//! As-of tables: rows by key and event time, of which an event takes the nearest.
//!
//! # Contract
//! * Of a table's rows with the event's key those are in reach whose event time lies in the direction
//!   asked for (the event's own instant included, unless it is not wanted), at most `within` away.
//! * The nearest row in reach is taken: backward the latest, forward the earliest, and of both directions
//!   the nearer one; at equal distance the earlier. Of several rows at one instant the last by position wins.
//! * An event has a match where a row is in reach. With `fill`, each column is taken of the nearest row in
//!   reach where it is not NULL.
//! * A delete of a change log ends the row of its key, from its time on (`lives`).
//! * A key with a NULL in it matches nothing, on either side.
//! * Who read which rows, in what order, and what of the table is in memory, does not show.
//!
//! ```text
//! rows (a worker's, by shard of the hash) ─▶ stored: a shard sorted by (hash, time), a row an instant
//!                                               │ past the budget: spilled, in blocks on disk
//!                                               ▼
//! hashes and times of a batch ─▶ table: probe ─▶ gather: columns
//! ```

mod arrived;
mod bits;
mod column;
mod earliest;
mod gather;
mod held;
mod lives;
mod place;
mod rows;
mod spilled;
mod stored;
mod table;
#[cfg(test)]
mod tests;

pub use arrived::ArrivedTable;
pub use held::HeldRows;
pub use rows::AsOfRows;
pub use table::{AsOfTable, Matches};

use crate::batch::{ColumnId, DataType};
use std::fmt;

/// In which direction of time rows are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The latest row at or before the event.
    #[default]
    Backward,
    /// The earliest row at or after the event.
    Forward,
    /// The nearer of the two; at equal distance the earlier.
    Nearest,
}

/// Which rows of its key an event may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Where to look.
    pub direction: Direction,
    /// The greatest distance in time, microseconds, that is still in reach; any without.
    pub within: Option<i64>,
    /// Whether a row at the event's own instant is in reach.
    pub inclusive: bool,
}

/// Which columns of a table's batches are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct AsOfPlan {
    /// The key columns, and their types.
    pub keys: Vec<(ColumnId, DataType)>,
    /// The columns that events take, and their types.
    pub columns: Vec<(ColumnId, DataType)>,
    /// Whether each column is taken of the nearest row where it is not NULL.
    pub fill: bool,
    /// The column of what change events do, of which `d` is a delete.
    pub op: Option<ColumnId>,
    /// Whether the values of the keys are kept beside their hashes, as `inspect` wants them.
    pub keep_keys: bool,
}

impl fmt::Debug for AsOfPlan {
    /// As it was before there were deletes, where there are none: old manifests know their jobs by it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("AsOfPlan");
        out.field("keys", &self.keys).field("columns", &self.columns).field("fill", &self.fill);
        if let Some(op) = self.op {
            out.field("op", &op);
        }
        out.field("keep_keys", &self.keep_keys).finish()
    }
}
