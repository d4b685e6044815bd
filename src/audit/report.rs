//! What an audit says: how late events come, and what each delay of the watermark would have cost.

use crate::engine::lags::Profile;
use crate::engine::offsets::PartitionOffsets;
use crate::sink::{Account, fields};
use crate::time::FirstAndLast;
use serde::{Serialize, Serializer};

/// An audit of a log, for the windows of a job. Lengths are in microseconds, times in microseconds
/// since 1970-01-01T00:00:00Z. In JSON times are RFC 3339 in UTC, and the names of lengths end in `_us`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditReport {
    /// Where every record went; no event is left out for being late.
    pub account: Account,
    /// The first and the last event time of the events that steps and range leave, if there are any. What
    /// follows (but for the outputs) is about all events that were read and not rejected: the watermark is.
    #[serde(serialize_with = "min_max")]
    pub event_times: Option<FirstAndLast>,
    /// How far events came behind the watermark generator: the greatest event time before them, of several
    /// partitions the least of theirs.
    pub lateness: Profile,
    /// The partitions of the log, by name, if the job says what they are.
    pub partitions: Vec<PartitionAudit>,
    /// Events with a time ahead of their arrival; `None` where the log does not say when they arrived.
    pub future: Option<Future>,
    /// The largest steps by which one event moved the watermark generator of its partition, the largest first: a pause of
    /// the log, or a clock gone wild.
    pub jumps: Vec<Jump>,
    /// The job's `out_of_orderness`.
    #[serde(rename = "out_of_orderness_us")]
    pub delay: i64,
    /// The outputs with windows that end.
    pub outputs: Vec<OutputAudit>,
    /// Of a log that tells offsets, those of each partition.
    pub offsets: Vec<PartitionOffsets>,
    /// Of a job whose steps are streamed, what these give otherwise than with every event and row in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<StepsAudit>,
}

/// What streamed steps give, beside the same steps in `complete` mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepsAudit {
    /// Events that come through the steps in both modes.
    pub events: u64,
    /// Those that only a live job lets through: `complete` drops them as duplicates, or filters them.
    pub only_streamed: u64,
    /// Those that only `complete` lets through.
    pub only_complete: u64,
    /// Of the events of both, those that differ in a column.
    pub otherwise: u64,
    /// Per column that steps append.
    pub columns: Vec<ColumnDifference>,
}

/// A column that steps append.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnDifference {
    /// Its name.
    pub column: String,
    /// Events with another value than in `complete` mode.
    pub events: u64,
}

/// One partition of the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartitionAudit {
    /// The value of the partition column, or the file.
    pub name: String,
    /// How far its events came behind its own greatest event time.
    pub lateness: Profile,
    /// Its greatest event time.
    #[serde(serialize_with = "fields::utc")]
    pub last_event_time: i64,
    /// How far that is behind the greatest of all partitions: by so much it holds the watermark back.
    #[serde(rename = "behind_us")]
    pub behind: i64,
    /// When its last event arrived, if the log says.
    #[serde(serialize_with = "fields::utc_or_null")]
    pub last_arrival: Option<i64>,
    /// The longest time between two of its events, or after the last until the end of the log, by
    /// arrival.
    #[serde(rename = "longest_pause_us")]
    pub longest_pause: Option<i64>,
    /// Whether it was idle at the end: the job's `idle`, or a minute, had passed since its last event.
    pub idle: Option<bool>,
}

/// Events whose time is ahead of their arrival.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Future {
    /// How many.
    pub events: u64,
    /// The furthest ahead.
    #[serde(rename = "max_us")]
    pub max: i64,
    /// A `max_ahead` that would reject the few far ones and none of the others, if some are far.
    #[serde(rename = "advised_max_ahead_us")]
    pub advised_max_ahead: Option<i64>,
    /// How many events that would reject.
    pub rejected: u64,
}

/// One event that moved the greatest event time of its partition far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jump {
    /// The file.
    pub file: String,
    /// The line, from 1; of a Parquet file the row.
    pub line: u64,
    /// The event's time.
    #[serde(serialize_with = "fields::utc")]
    pub event_time: i64,
    /// By how much it moved that time.
    #[serde(rename = "step_us")]
    pub step: i64,
}

/// One output: what it would have been at each delay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutputAudit {
    /// Its path, as in the job; `-` for the terminal.
    pub output: String,
    /// Its window, as the job says it.
    pub window: String,
    /// Its allowed lateness.
    #[serde(rename = "allowed_lateness_us")]
    pub allowed_lateness: i64,
    /// Events that fall in its windows.
    pub events: u64,
    /// Its windows before `having`, with every event counted.
    pub windows: u64,
    /// Its rows before `top`, with every event counted.
    pub rows: u64,
    /// For each delay, ascending, what it would have cost.
    pub delays: Vec<DelayAudit>,
    /// For each wanted share of events that are counted, the smallest delay that gives it.
    pub completeness: Vec<Completeness>,
}

/// What an output would have been at one delay, beside the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DelayAudit {
    /// The `out_of_orderness`.
    #[serde(rename = "out_of_orderness_us")]
    pub delay: i64,
    /// Whether it is the job's.
    pub of_job: bool,
    /// Events that are late for every window that they fall in.
    pub late: u64,
    /// Windows with a wrong row.
    pub wrong_windows: u64,
    /// Rows that have a wrong value, are not there, or should not be there.
    pub wrong_rows: u64,
    /// Of those, the rows that are not there.
    pub missing_rows: u64,
    /// Windows that had not fired when the log ended.
    pub open_windows: u64,
    /// The columns of the output that are no keys.
    pub columns: Vec<ColumnError>,
}

/// How wrong a column is, over all rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnError {
    /// Its name.
    pub column: String,
    /// Rows with a wrong value, or without one, or too many.
    pub wrong: u64,
    /// The largest difference from the truth, as a decimal number. Counts and sums of rows that are not
    /// there are 0; other values of such rows, computed ones among them, and NULLs have no difference.
    /// `None` for what is no number.
    pub largest: Option<String>,
    /// The sum of all differences, none of them negative.
    pub total: Option<String>,
}

/// A wanted completeness.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Completeness {
    /// The share of events to be counted: 0.99, 0.999, 0.9999 or 1.
    pub share: f64,
    /// The smallest delay that gives it; of windows behind streamed steps the smallest of those that were looked at. For sessions an upper bound: an event that joins a session is
    /// taken as if it joined none.
    #[serde(rename = "out_of_orderness_us")]
    pub delay: i64,
}

/// The first and the last event time, for programs.
fn min_max<S: Serializer>(times: &Option<FirstAndLast>, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct TimeBounds {
        #[serde(serialize_with = "fields::utc")]
        min: i64,
        #[serde(serialize_with = "fields::utc")]
        max: i64,
    }
    times.map(|FirstAndLast { first, last }| TimeBounds { min: first, max: last }).serialize(to)
}
