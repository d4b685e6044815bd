//! Which columns of the wrapping a plan reads.

use super::framing::LogColumn;
use crate::input::ReadPlan;

/// The columns of the log that a reader takes.
#[derive(Debug, Clone, Copy)]
pub(in crate::input) struct LogColumnSet([bool; LogColumn::ALL.len()]);

impl LogColumnSet {
    /// All of them.
    pub fn all() -> LogColumnSet {
        LogColumnSet([true; LogColumn::ALL.len()])
    }

    /// Those that a plan reads.
    pub fn of(plan: &ReadPlan) -> LogColumnSet {
        // Deletes take their time from these, whether the job asks for the columns or not.
        let of_deletes = [LogColumn::Op, LogColumn::SourceTime, LogColumn::Timestamp];
        let reads = |column: LogColumn| {
            (plan.deletes && of_deletes.contains(&column))
                || plan.columns.iter().any(|c| c.name == column.name())
                || plan.times().any(|time| time.column == column.name())
        };
        LogColumnSet(LogColumn::ALL.map(reads))
    }

    #[inline(always)]
    pub(in crate::input) fn has(&self, column: LogColumn) -> bool {
        // `ALL` has the columns in the order of the enum.
        self.0[column as usize]
    }
}
