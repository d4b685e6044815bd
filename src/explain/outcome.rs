//! What is asked of a row, and what is found.

use super::trace::{GroupOf, Traced, TracedRow};
use crate::input::StoredReject;
use crate::time::TimeRange;
use std::path::PathBuf;

/// A row that is asked for.
#[derive(Debug, Clone)]
pub struct RowRequest {
    /// The path of the output; the first that has the columns where none is named.
    pub output: Option<String>,
    /// Columns and their values, as CSV has them; NULL is none. Of windows, the start or a time inside.
    pub columns: Vec<(String, Option<String>)>,
    /// How many events of each kind are listed.
    pub most: usize,
}

/// A row, and why.
#[derive(Debug)]
pub struct RowExplained {
    /// The path of the output.
    pub output: String,
    /// The names of its columns.
    pub columns: Vec<String>,
    /// The row as it is computed; there is none where no event was counted.
    pub row: Option<Vec<Option<String>>>,
    /// How many more rows have these columns: windows that overlap, firings.
    pub more: u64,
    /// Where it is.
    pub fate: RowFate,
    /// Its window and keys.
    pub group: GroupOf,
    /// The events that were counted, with the columns that the output is computed from.
    pub counted: Traced,
    /// The events that were not, in replay order.
    pub left_out: Vec<LeftOutEvent>,
    /// How many there are.
    pub left_out_events: u64,
    /// Records that could not be read and name the keys.
    pub rejected: Vec<StoredReject>,
}

/// Whether a row is in its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowFate {
    /// It is.
    Written,
    /// `having` does not keep it.
    Having(String),
    /// Others of its window go before it: its place among them, and how many are kept.
    Top(usize, usize),
    /// No event of it was counted.
    NoEvents,
}

/// An event that was not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOutEvent {
    /// The event.
    pub event: TracedRow,
    /// Why.
    pub why: Cause,
}

/// Why an event was not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It lies outside of `--from` and `--to`.
    Range,
    /// A filter: its number among the steps, from 1, and its condition.
    Filter(usize, String),
    /// It deletes its key in a change log.
    Deleted,
    /// It comes again: the number of the step, 0 where the log asks for it, its keys, and the event of this key and window that stayed before it.
    Duplicate(usize, Vec<String>, Option<(PathBuf, u64)>),
    /// A later record of the change log replaced it: the keys.
    Replaced(Vec<String>),
    /// It was late: the watermark before it, and by how much that had passed the window and its allowed lateness. Of a
    /// session it is not told by how much.
    Late(i64, Option<i64>),
    /// It was counted in another session of the key, from here to there: the one that is asked for was closed before it
    /// came, or opened after.
    Session(TimeRange),
}
