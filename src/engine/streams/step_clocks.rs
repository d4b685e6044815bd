//! The watermarks of steps, and the places to which events come as they wait.

use super::log_clock::LogClock;
use super::timeline::Timeline;
use crate::asof::{ArrivedTable, Direction, Reach};
use crate::batch::{Batch, Moment, StreamPlace};
use crate::error::{Error, Result};
use crate::plan::{PerId, Plan, Step, StepId, TableId};
use std::sync::Arc;

/// Bytes that the watermarks may take whatever the budget is.
const LEAST: u64 = 32 << 20;

/// A table whose rows count from their arrival on.
pub struct ArrivingTable {
    pub table: ArrivedTable,
    pub clock: LogClock,
}

/// The watermark of a step.
struct StepClock {
    timeline: Timeline,
    /// Whether the source is among its logs; else the watermark that a batch knows of the source is.
    has_source: bool,
}

/// The watermarks of the steps of a plan.
pub struct StepClocks {
    /// Per step that looks into a table of rows that arrive.
    steps: Vec<Option<Arc<StepClock>>>,
    /// Of the last of them, which windows go by.
    last: Option<Arc<StepClock>>,
    /// The out-of-orderness of the source.
    delay: i64,
    /// After the last record of all logs.
    end: Moment,
    /// Whether events that wait at the end stay there, and do not go on.
    holds: bool,
    /// The last watermark of the source.
    source: i64,
}

impl StepClocks {
    /// Whether the clock of the source has to be known before its events are read.
    pub fn need_source(plan: &Plan) -> bool {
        // A table that turns idle and wakes up makes the least of watermarks go up and down, so all moves of the source
        // are needed to know how far it has come.
        let idle = |id: TableId| plan.pipeline.tables[id].watermark.idle.is_some();
        plan.pipeline.waits()
            || plan.pipeline.until.is_some()
            || plan.pipeline.steps_are_streamed() && plan.pipeline.table_ids().any(idle)
    }

    /// The clocks of the steps of `plan`, if they are streamed; `source` is there where it is needed.
    ///
    /// # Errors
    /// A machine error: the clocks do not fit in half of `memory` bytes.
    pub fn new(
        plan: &Plan,
        tables: &PerId<TableId, Option<ArrivingTable>>,
        source: Option<&LogClock>,
        memory: u64,
    ) -> Result<Option<StepClocks>> {
        if !plan.pipeline.steps_are_streamed() {
            return Ok(None);
        }
        let ends =
            tables.iter().flatten().map(|table| table.clock.end).chain(source.map(|source| source.end));
        // Without the source nothing waits or turns idle, so nothing asks where the end is.
        let end = if source.is_some() { ends.max().unwrap_or(i64::MIN) } else { i64::MAX };
        // Of a state at an instant nothing later is seen, though the instant itself may be after all records.
        let end = plan.pipeline.until.unwrap_or(end);
        let mut clocks = StepClocks {
            steps: vec![],
            last: None,
            delay: plan.pipeline.watermark.out_of_orderness,
            end: Moment::end(end),
            holds: plan.pipeline.until.is_some(),
            source: source.map_or(i64::MIN, |source| {
                let seen = source.changes.partition_point(|change| change.0.clock <= end);
                seen.checked_sub(1).map_or(i64::MIN, |at| source.changes[at].1)
            }),
        };
        let mut seen: Vec<u16> = vec![];
        for step in &plan.pipeline.steps {
            let table = if let Step::Enrich(enrich) = step { plan.pipeline.arriving(enrich) } else { None };
            let clock = table.and_then(|table| {
                let log = plan.pipeline.log_of(table);
                if seen.contains(&log) {
                    // A watermark that has passed a table before is not behind it.
                    return clocks.last.clone();
                }
                seen.push(log);
                let of_table = &tables[table].as_ref()?.clock.changes[..];
                let before = clocks.last.as_ref().map(|last| last.timeline.changes());
                let of_source = source.map(|source| source.changes.iter().copied());
                let timeline = match before {
                    Some(before) => Timeline::least(Some(before), of_table, end),
                    None => Timeline::least(of_source, of_table, end),
                };
                Some(Arc::new(StepClock { timeline, has_source: source.is_some() }))
            });
            clocks.last = clock.clone().or(clocks.last);
            clocks.steps.push(clock);
        }
        let bytes = clocks.bytes()
            + tables.iter().flatten().map(|table| table.clock.bytes()).sum::<usize>()
            + source.map_or(0, LogClock::bytes);
        let share = (memory / 2).max(LEAST);
        if bytes as u64 > share {
            let (needs, has) = (bytes >> 20, share >> 20);
            return Err(Error::machine(format!(
                "the watermarks of streamed steps are held in memory: they take {needs} MiB, and their share is {has} MiB"
            ))
            .hint("give more memory (`memory` in the job file, or --memory)"));
        }
        Ok(Some(clocks))
    }

    /// Bytes of memory held.
    fn bytes(&self) -> usize {
        let mut held: Vec<&Arc<StepClock>> = self.steps.iter().flatten().collect();
        held.dedup_by(|a, b| Arc::ptr_eq(a, b));
        held.iter().map(|clock| clock.timeline.bytes()).sum()
    }

    /// The watermark that row `row` of a batch meets at a step.
    fn watermark(&self, clock: &StepClock, batch: &Batch, row: usize) -> i64 {
        let least = clock.timeline.before(&batch.places[row].moment);
        if clock.has_source {
            return least;
        }
        // Nothing has waited, so the source is where it was before the record.
        least.min(batch.max_timestamp[row].saturating_sub(self.delay))
    }

    /// The rows of a batch that are behind the watermark of `step`, and the others.
    pub fn behind(&self, step: StepId, batch: &Batch) -> (Vec<u32>, Vec<u32>) {
        let Some(clock) = &self.steps[step.place()] else {
            return (vec![], (0..batch.rows as u32).collect());
        };
        (0..batch.rows as u32)
            .partition(|&row| batch.time[row as usize] < self.watermark(clock, batch, row as usize))
    }

    /// Lets `rows` of a batch wait at `step`, as far as they have to for what they look for: their places are those at which
    /// they go on. Gives those that do not go on, where the state at an instant is asked for.
    pub fn wait(&self, step: StepId, reach: &Reach, batch: &mut Batch, rows: &[u32]) -> Vec<u32> {
        let mut held = vec![];
        let Some(clock) =
            self.steps[step.place()].as_ref().filter(|_| reach.direction != Direction::Backward)
        else {
            return held;
        };
        for row in rows.iter().map(|&row| row as usize) {
            let timer = reach.within.map_or(i64::MAX, |within| batch.time[row].saturating_add(within));
            if self.watermark(clock, batch, row) > timer {
                // It is decided already.
                continue;
            }
            let moment = clock.timeline.passes(timer).unwrap_or(self.end);
            let step = step.place() as u16 + 1;
            let before = &batch.places[row];
            // What is tried next at the same moment goes on where the row stands, and not before those between.
            let waited_here = before.step == step && before.moment == moment;
            let timer = if waited_here { timer.max(before.timer) } else { timer };
            batch.places[row] = StreamPlace { moment, step, timer };
            if self.holds && moment == self.end {
                held.push(row as u32);
            }
        }
        held
    }

    /// The watermark of the last step after all that is seen; [`i64::MIN`] where it has none.
    pub fn watermark_at_end(&self) -> i64 {
        self.last.as_ref().map_or(self.source, |clock| clock.timeline.before(&self.end))
    }

    /// Puts the watermark of the last step in the place of the source's own, as windows want it.
    pub fn judge(&self, batch: &mut Batch) {
        let Some(clock) = &self.last else { return };
        let met: Vec<i64> = (0..batch.rows).map(|row| self.watermark(clock, batch, row)).collect();
        let reached = |watermark: i64| match watermark {
            i64::MIN => i64::MIN,
            watermark => watermark.saturating_add(self.delay),
        };
        batch.max_timestamp = met.into_iter().map(reached).collect();
    }
}
