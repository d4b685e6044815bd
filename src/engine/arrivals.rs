//! How event time had advanced when each row arrived, for plans that need to know.
//!
//! Where arrival order is position, batches pass the watermark generator in turn while they are read. Where the log
//! has a column of arrival times, its order is known only when all of it is read: then the log is read
//! once before, for the times alone, and what had been reached is kept for the rows that came behind
//! the watermark generator (a row at the watermark generator or before it is late for nothing). So it is too where
//! partitions hold the watermark before their first events.

use super::record_times::{LogOrder, ROWS, pass_in_order, read_source};
use super::streams::{LogClock, StepClocks};
use super::watermark::WatermarkGenerator;
use crate::batch::{Batch, Moment, Position, StreamPlace};
use crate::error::Result;
use crate::ordered::Turnstile;
use crate::plan::Plan;
use crate::window::Window;
use std::path::Path;

/// How rows learn what had been reached before them.
pub enum Arrivals {
    /// They do not: nothing depends on it.
    Unwatched,
    /// Batches pass in the order of the log.
    InTurn(Box<Turnstile<LogInOrder>>),
    /// It is known by position.
    Known(Box<MaxTimestamps>),
}

/// What the rows are to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrivalNeed {
    /// Nothing.
    Nothing,
    /// What had been reached.
    Lateness,
    /// The same, and the watermark generator notes what an audit tells.
    Audit,
    /// Nothing; but the state of steps at this instant is kept.
    State(i64),
}

/// What batches pass in the order of a log without arrivals.
pub struct LogInOrder {
    generator: WatermarkGenerator,
    /// The greatest event time so far, where steps are streamed: then it is the arrival clock.
    clock: Option<i64>,
}

/// What had been reached before each row that came behind the watermark generator.
pub struct MaxTimestamps {
    /// Sorted by position.
    behind: Vec<(Position, i64)>,
    /// The watermark generator at the end of the log.
    generator: WatermarkGenerator,
    /// Whether rows get places in the merged order.
    has_places: bool,
    /// Where steps are streamed, and need it: the clock of the source.
    clock: Option<LogClock>,
}

impl Arrivals {
    /// Gets ready; reads the log, where its order is a column of it.
    ///
    /// # Errors
    /// What keeps the log from being read.
    pub fn new(plan: &Plan, need: ArrivalNeed, memory: u64, spill_folder: &Path) -> Result<Arrivals> {
        // Where nothing is late the order of arrival does not matter.
        let streamed = plan.pipeline.steps_are_streamed();
        if !streamed && matches!(need, ArrivalNeed::Nothing | ArrivalNeed::State(_)) {
            return Ok(Arrivals::Unwatched);
        }
        let generator = WatermarkGenerator::new(plan, need == ArrivalNeed::Audit);
        // Without a column of arrivals the log is read in its own order, so one pass is enough; but for partitions that
        // hold the watermark before their first event, of which the rows do not tell in time, and for steps whose
        // events wait.
        let watermark = &plan.pipeline.watermark;
        let knows = watermark.known && watermark.partition.is_some();
        if plan.pipeline.read.arrival.is_none() && !knows && !StepClocks::need_source(plan) {
            let in_order = LogInOrder { generator, clock: streamed.then_some(i64::MIN) };
            return Ok(Arrivals::InTurn(Box::new(Turnstile::new(in_order))));
        }
        Ok(Arrivals::Known(Box::new(MaxTimestamps::read(plan, generator, memory, spill_folder)?)))
    }

    /// The clock of the source, where the source was read before its events for it.
    pub fn source(&self) -> Option<&LogClock> {
        if let Arrivals::Known(known) = self { known.clock.as_ref() } else { None }
    }

    /// The watermark generator at the end of the log, if anything had to be watched.
    pub fn finish(self) -> Option<WatermarkGenerator> {
        match self {
            Arrivals::Unwatched => None,
            Arrivals::InTurn(turnstile) => Some(turnstile.into_state().generator),
            Arrivals::Known(known) => Some(known.generator),
        }
    }
}

impl LogInOrder {
    /// Lets the rows of `batch` pass, which come next.
    pub fn pass(&mut self, batch: &mut Batch) {
        self.generator.pass(batch);
        if let Some(clock) = &mut self.clock {
            let rows = batch.time.iter().zip(&batch.positions);
            let places = rows.map(|(time, position)| {
                *clock = (*clock).max(*time);
                StreamPlace::direct(Moment::of(*clock, Moment::SOURCE, *position))
            });
            batch.places = places.collect();
        }
    }
}

impl MaxTimestamps {
    fn read(
        plan: &Plan,
        mut generator: WatermarkGenerator,
        memory: u64,
        spill_folder: &Path,
    ) -> Result<MaxTimestamps> {
        let pipeline = &plan.pipeline;
        let times = read_source(pipeline, memory, spill_folder)?;
        let has_arrivals = pipeline.read.arrival.is_some();
        let has_places = pipeline.steps_are_streamed();
        // Where all partitions of the source are idle, its watermark stays, so the source as a whole is never idle.
        let clock = || LogClock::new(Moment::SOURCE, pipeline.watermark.out_of_orderness, None);
        let mut clock = (has_places && (!has_arrivals || StepClocks::need_source(plan))).then(clock);
        // An event at the watermark generator is late for nothing; but a session may have been closed just then.
        let sessions = pipeline.groupings.iter().any(|g| matches!(g.plan.window, Window::Session { .. }));
        let ahead = i64::from(!sessions);
        let mut behind = vec![];
        let order = LogOrder { watermark: &pipeline.watermark, rows: &pipeline.rows, has_arrivals };
        let at_once = if clock.is_some() { LogClock::at_once(&pipeline.watermark) } else { ROWS };
        pass_in_order(&order, times, &mut generator, at_once, |batch, generator| {
            if let Some(clock) = &mut clock {
                clock.note(batch, generator);
            }
            let rows = batch.positions.iter().zip(&batch.max_timestamp).zip(&batch.time);
            behind.extend(rows.filter(|((_, r), time)| **r >= **time + ahead).map(|((p, r), _)| (*p, *r)));
        })?;
        // Rows are looked up by position, and up to here these are in arrival order.
        behind.sort_unstable();
        Ok(MaxTimestamps { behind, generator, has_places, clock })
    }

    /// Fills `batch.max_timestamp`; of rows that did not come behind the watermark generator it says nothing.
    pub fn fill(&self, batch: &mut Batch) {
        batch.max_timestamp = vec![i64::MIN; batch.rows];
        if self.has_places {
            let clock = |row: usize, position: &Position| match batch.arrival.get(row) {
                Some(arrival) => *arrival,
                None => self.clock.as_ref().map_or(i64::MIN, |clock| clock.at(position.as_u64())),
            };
            let place = |(row, position): (usize, &Position)| {
                StreamPlace::direct(Moment::of(clock(row, position), Moment::SOURCE, *position))
            };
            batch.places = batch.positions.iter().enumerate().map(place).collect();
        }
        let Some(first) = batch.positions.first() else { return };
        // The positions of a batch ascend, so one search is enough for all its rows.
        let mut at = self.behind.partition_point(|(position, _)| position < first);
        for (position, max_timestamp) in batch.positions.iter().zip(&mut batch.max_timestamp) {
            if let Some((next, then)) = self.behind.get(at)
                && next == position
            {
                *max_timestamp = *then;
                at += 1;
            }
        }
    }
}
