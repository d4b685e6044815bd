//! When deletes of a change log happened, where the event time is a column of its rows.
//!
//! # Contract
//! * A delete has the row as it was before: its time column tells when that version came, not when it went. So the time is
//!   that of the envelope: `source.ts_ms`, when the database made the change, or else `ts_ms`.
//! * A row does not go before it came: where the envelope's time, which is cut to the millisecond, is before that of the row, it
//!   is that of the row.

use super::finder::{ColumnSlots, ValueFinder};
use crate::input::ReadPlan;
use crate::input::wire_format::LogColumn;
use crate::time::{TimeParser, TimeRule, TimeUnit};

/// Reads the times of deletes.
pub(super) struct Deletes {
    op: ColumnSlots,
    /// The times of the envelope, the best first.
    times: [ColumnSlots; 2],
    parser: TimeParser,
}

impl Deletes {
    /// A reader, where `plan` wants one.
    pub(super) fn new(plan: &ReadPlan, finder: &mut ValueFinder) -> Option<Deletes> {
        let mut want = |column: LogColumn| finder.want(column.name());
        plan.deletes.then(|| Deletes {
            op: want(LogColumn::Op),
            times: [want(LogColumn::SourceTime), want(LogColumn::Timestamp)],
            parser: TimeParser::new(TimeRule::Epoch(TimeUnit::Milli), plan.zone.clone()),
        })
    }

    /// Whether the record that was read last is a delete.
    pub(super) fn is(&self, finder: &ValueFinder, chunk: &[u8]) -> bool {
        let span = finder.span(&self.op);
        // Debezium writes `d` for a delete.
        &chunk[span.start..span.end] == b"d"
    }

    /// The time of the delete that was read last, of a row of the time `before`; none where the envelope tells none.
    pub(super) fn time(&mut self, finder: &ValueFinder, chunk: &[u8], before: Option<i64>) -> Option<i64> {
        let times = self.times.each_ref().map(|wanted| finder.span(wanted));
        let latest = times.iter().find_map(|span| self.parser.text(&chunk[span.start..span.end]).ok())?;
        Some(before.map_or(latest, |before| latest.max(before)))
    }
}
