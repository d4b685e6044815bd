//! What every sample log is made from, and the trait that each implements.

use super::lateness::LatenessShares;
use super::row::{GeneratedColumn, Row};
use crate::time::SECOND;

/// What the rows of every log are drawn from.
#[derive(Debug, Clone)]
pub(super) struct LogShape {
    pub(super) seed: u64,
    pub(super) rows: u64,
    pub(super) span: i64,
    pub(super) lateness: LatenessShares,
}

impl LogShape {
    /// When row `index` of `of` arrives, in microseconds after the start of the log.
    pub(super) fn arrival(&self, index: u64, of: u64) -> i64 {
        // A row number times a span of years in microseconds passes 64 bits.
        (i128::from(index) * i128::from(self.span) / i128::from(of.max(1))) as i64
    }
}

/// A log that is generated row by row, in arrival order.
pub(super) trait SampleLog {
    /// The folder of the log under the output folder; empty for the folder itself.
    fn folder(&self) -> &'static str {
        ""
    }
    /// The name of its files.
    fn name(&self) -> &'static str;
    /// Its columns.
    fn columns(&self) -> &'static [GeneratedColumn];
    /// How many rows it has.
    fn rows(&self) -> u64;
    /// When the last row arrived, in microseconds after the start of the log, if the log tells arrivals.
    fn arrived(&self) -> Option<i64> {
        None
    }
    /// Makes the next row in `row`, which is empty. Called [`SampleLog::rows`] times.
    fn next(&mut self, row: &mut Row);
}

/// 2024-06-01T00:00:00Z.
pub const START: i64 = 1_717_200_000 * SECOND;
