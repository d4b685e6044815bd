//! What happens to the events of a batch before they are grouped, and the tables that steps look into.

use super::{TableId, WatermarkPlan};
use crate::asof::{AsOfPlan, Reach};
use crate::batch::{ColumnId, Field, Schema};
use crate::expr::Expr;
use crate::input::ReadPlan;
use crate::input::infer::Inferred;
use crate::time::TimeRule;
use arrow_array::ArrayRef;
use std::path::PathBuf;

/// Columns of the batch that tell where a record stands in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetColumns {
    /// The topic, if the log tells it.
    pub topic: Option<ColumnId>,
    /// The number of the partition.
    pub partition: ColumnId,
    /// The offset.
    pub offset: ColumnId,
}

/// One step on a batch.
#[derive(Debug, Clone)]
pub enum Step {
    /// Keeps the rows for which the expression is true; not those where it is false or NULL.
    Filter(Expr),
    /// Appends a column.
    Derive(String, Expr),
    /// Keeps the first row of each key in replay order, and each that comes more than `within` after the
    /// one of its key that was kept last. Where steps are streamed, in arrival order, and each that arrives at least
    /// `within` after that one.
    Dedup {
        /// The key columns.
        keys: Vec<ColumnId>,
        /// Microseconds; any time without.
        within: Option<i64>,
    },
    /// Keeps the last row of each key in the order of the log, which is a change log: what a record says of its key
    /// replaces what those before it said.
    Latest {
        /// The key columns.
        keys: Vec<ColumnId>,
        /// Whether the order goes by the time of arrival before position.
        by_arrival: bool,
    },
    /// Appends a bool column: whether the row is one that `dedup` by these keys would keep.
    First {
        /// The key columns.
        keys: Vec<ColumnId>,
        /// Microseconds; any time without.
        within: Option<i64>,
        /// The column's name.
        name: String,
    },
    /// Appends columns, taken from elsewhere.
    Enrich(EnrichPlan),
}

impl Step {
    /// How many columns it appends.
    pub fn appended(&self) -> usize {
        match self {
            Step::Filter(_) | Step::Dedup { .. } | Step::Latest { .. } => 0,
            Step::Derive(..) | Step::First { .. } => 1,
            Step::Enrich(enrich) => enrich.take.len(),
        }
    }

    /// The key columns of a step that depends on order.
    pub fn keys(&self) -> Option<&[ColumnId]> {
        match self {
            Step::Dedup { keys, .. } | Step::Latest { keys, .. } | Step::First { keys, .. } => Some(keys),
            // These see one row at a time, so the order of rows does not matter to them.
            Step::Filter(_) | Step::Derive(..) | Step::Enrich(_) => None,
        }
    }
}

/// Columns that events take from tables and services.
#[derive(Debug, Clone)]
pub struct EnrichPlan {
    /// What is looked into first, for words: a table's name, a path or a URL.
    pub from: String,
    /// The columns that are appended, in order.
    pub take: Vec<Field>,
    /// What is tried in turn, until a row has a match; without one the columns are NULL.
    pub tries: Vec<Try>,
    /// Of a streamed step, the number of the try that events behind its watermark have instead of all others.
    pub late: Option<usize>,
}

/// One try of an enrichment.
#[derive(Debug, Clone)]
pub enum Try {
    /// The row of a table as of the event's time.
    AsOf {
        /// The table.
        table: TableId,
        /// The columns of the batch that are matched with the table's keys.
        on: Vec<ColumnId>,
        /// Which rows may match.
        reach: Reach,
        /// Per column that is appended, its number in [`AsOfPlan::columns`].
        take: Vec<usize>,
    },
    /// The answer of a service: number in [`Pipeline::services`](super::Pipeline::services), whose columns are those that are appended.
    Service(usize),
    /// These values, one array of one value per column: every row has this match.
    Constant(Vec<ArrayRef>),
}

impl EnrichPlan {
    /// The tries that events before the watermark have, in turn, with their numbers.
    pub fn in_time(&self) -> impl Iterator<Item = (usize, &Try)> {
        self.tries.iter().enumerate().filter(|(number, _)| Some(*number) != self.late)
    }
}

/// A table: events of another log, or rows without a time, by key.
#[derive(Debug, Clone)]
pub struct TablePlan {
    /// Its name in the job file, or the path of a lookup's file.
    pub name: String,
    /// What is read. Rows of a table without a time have [`crate::time::TimeRule::Untimed`].
    pub read: ReadPlan,
    /// What the sample of its files showed.
    pub inferred: Inferred,
    /// The columns of a batch after the steps.
    pub rows: Schema,
    /// Its filter and derived columns.
    pub steps: Vec<Step>,
    /// Which columns are its keys, and which are taken.
    pub index: AsOfPlan,
    /// How its watermark follows its rows; the default where steps are not streamed.
    pub watermark: WatermarkPlan,
    /// Where its rejected records are written.
    pub rejects: Option<PathBuf>,
}

impl TablePlan {
    /// Whether its rows have times.
    pub fn is_timed(&self) -> bool {
        self.read.time.rule != TimeRule::Untimed
    }
}
