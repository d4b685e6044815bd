//! Which columns of the wrapping a plan reads.

use super::framing::LogColumn;
use crate::input::ReadPlan;

/// Which columns of the log somebody wants.
#[derive(Debug, Clone, Copy)]
pub(in crate::input) struct Wanted([bool; LogColumn::ALL.len()]);

impl Wanted {
    /// All of them.
    pub fn all() -> Wanted {
        Wanted([true; LogColumn::ALL.len()])
    }

    /// Those that a plan reads.
    pub fn of(plan: &ReadPlan) -> Wanted {
        let of_deletes = [LogColumn::Op, LogColumn::SourceTime, LogColumn::Timestamp];
        let reads = |column: LogColumn| {
            (plan.deletes && of_deletes.contains(&column))
                || plan.columns.iter().any(|c| c.name == column.name())
                || plan.times().any(|time| time.column == column.name())
        };
        Wanted(LogColumn::ALL.map(reads))
    }

    #[inline(always)]
    pub(in crate::input) fn has(&self, column: LogColumn) -> bool {
        self.0[column as usize]
    }
}
