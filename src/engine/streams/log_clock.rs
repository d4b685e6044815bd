//! The arrival clock and the watermark of one log.
//!
//! # Contract
//! The clock of a record is its arrival, or, where the log does not tell it, the greatest event time up to it. Records are
//! noted in order of arrival.

use super::timeline::WatermarkChange;
use crate::batch::{Batch, Moment};
use crate::engine::record_times::{LogOrder, ROWS, RecordTimes, pass_in_order};
use crate::engine::watermark::WatermarkGenerator;
use crate::error::Result;
use crate::plan::WatermarkPlan;

/// The clock and the watermark of a log.
pub struct LogClock {
    /// Its number in the merged order.
    log: u16,
    out_of_orderness: i64,
    /// How long the log as a whole may be quiet until it holds nothing, as a table may.
    idle: Option<i64>,
    /// How its watermark moves.
    pub changes: Vec<WatermarkChange>,
    /// Where the log does not tell arrivals: positions at which the clock moves on, and to what.
    clocks: Vec<(u64, i64)>,
    /// The clock of its last record; [`i64::MIN`] without one.
    pub end: i64,
}

impl LogClock {
    /// The clock of a log before its first record.
    pub fn new(log: u16, out_of_orderness: i64, idle: Option<i64>) -> LogClock {
        LogClock { log, out_of_orderness, idle, changes: vec![], clocks: vec![], end: i64::MIN }
    }

    /// The clock of a table, of which all workers noted the records.
    ///
    /// # Errors
    /// A machine error of the disk.
    pub fn of_table(log: u16, order: &LogOrder, times: Vec<RecordTimes>) -> Result<LogClock> {
        let watermark = order.watermark;
        let mut generator = WatermarkGenerator::of_log(watermark, order.rows, false);
        let mut clock = LogClock::new(log, watermark.out_of_orderness, watermark.idle);
        let at_once = LogClock::at_once(watermark);
        pass_in_order(order, times, &mut generator, at_once, |batch, generator| {
            clock.note(batch, generator)
        })?;
        if let Some(idle) = clock.idle.filter(|_| clock.end != i64::MIN) {
            clock.turn_idle(idle);
        }
        Ok(clock)
    }

    /// How many records may pass the generator between two calls of [`LogClock::note`].
    pub fn at_once(watermark: &WatermarkPlan) -> usize {
        // Where a partition can turn idle, a record may move the watermark before it and after it.
        if watermark.idle.is_some() { 1 } else { ROWS }
    }

    /// The clock of the record at `position`, where the log does not tell arrivals.
    pub fn at(&self, position: u64) -> i64 {
        let after = self.clocks.partition_point(|(at, _)| *at <= position);
        after.checked_sub(1).map_or(i64::MIN, |at| self.clocks[at].1)
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.changes.len() * size_of::<WatermarkChange>() + self.clocks.len() * 16
    }

    /// Notes records that have just passed `generator`.
    pub fn note(&mut self, batch: &Batch, generator: &WatermarkGenerator) {
        let last = generator.max_timestamp();
        for row in 0..batch.rows {
            let clock = match batch.arrival.get(row) {
                Some(arrival) => *arrival,
                None => {
                    let clock = self.end.max(batch.time[row]);
                    // The event times of a log are later than the lowest value, so the first is a move.
                    if clock > self.end {
                        self.clocks.push((batch.positions[row].as_u64(), clock));
                    }
                    clock
                }
            };
            if let Some(idle) = self.idle.filter(|_| self.end != i64::MIN)
                && clock.saturating_sub(self.end) > idle
            {
                self.turn_idle(idle);
            }
            self.end = clock;
            let moment = Moment::of(clock, self.log, batch.positions[row]);
            let after = batch.max_timestamp.get(row + 1).copied().unwrap_or(last);
            self.change(moment.before(), batch.max_timestamp[row]);
            self.change(moment, after);
        }
    }

    /// The log holds nothing once it has been quiet for longer than `idle`, until its next record.
    fn turn_idle(&mut self, idle: i64) {
        let moment = Moment::first_at(self.end.saturating_add(idle).saturating_add(1));
        self.changes.push((moment, i64::MAX));
    }

    fn change(&mut self, moment: Moment, max_timestamp: i64) {
        let watermark = max_timestamp.saturating_sub(self.out_of_orderness);
        let now = self.changes.last().map_or(i64::MIN, |change| change.1);
        // An idle log holds again from just after its next record.
        if watermark > now || (now == i64::MAX && moment.arrived) {
            self.changes.push((moment, watermark));
        }
    }
}
