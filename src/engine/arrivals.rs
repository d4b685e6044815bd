//! How event time had advanced when each row arrived, for plans that need to know.
//!
//! Where arrival order is position, batches pass the watermark generator in turn while they are read. Where the log
//! has a column of arrival times, its order is known only when all of it is read: then the log is read
//! once before, for the times alone, and what had been reached is kept for the rows that came behind
//! the watermark generator (a row at the watermark generator or before it is late for nothing). So it is too where
//! partitions hold the watermark before their first events.

use super::turnstile::Turnstile;
use super::watermark::WatermarkGenerator;
use crate::batch::plain_strings;
use crate::batch::{Batch, DataType, Moment, Position, StreamPlace};
use crate::error::Result;
use crate::input::Scan;
use crate::plan::{LogPartition, Plan};
use crate::rows::{RowSpace, RowStore, gather_partitions};
use crate::window::Window;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use std::path::Path;
use std::sync::Arc;

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
    /// How rows get places in arrival order, where they have them.
    places: Option<PlaceClock>,
}

/// The arrival clock of a log.
enum PlaceClock {
    /// The arrival of each record.
    Arrival,
    /// The greatest event time up to it: positions at which that moves on, and to what.
    Reached(Vec<(Position, i64)>),
}

/// Rows that are put in order at once.
const ROWS: usize = 1 << 16;

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
        // hold the watermark before their first event, of which the rows do not tell in time.
        let watermark = &plan.pipeline.watermark;
        let knows = watermark.known && watermark.partition.is_some();
        if plan.pipeline.read.arrival.is_none() && !knows {
            let in_order = LogInOrder { generator, clock: streamed.then_some(i64::MIN) };
            return Ok(Arrivals::InTurn(Box::new(Turnstile::new(in_order))));
        }
        Ok(Arrivals::Known(Box::new(MaxTimestamps::read(plan, generator, memory, spill_folder)?)))
    }

    /// Of a log with a column of arrivals whose watermarks are known already: `generator` is the one at its end.
    pub fn known(generator: WatermarkGenerator) -> Arrivals {
        Arrivals::Known(Box::new(MaxTimestamps {
            behind: vec![],
            generator,
            places: Some(PlaceClock::Arrival),
        }))
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
        let scan = Scan::new(Arc::new(plan.pipeline.read.clone()))?;
        let share = (memory / rayon::current_num_threads() as u64) as usize;
        let workers = rayon::broadcast(|_| read_times(plan, &scan, share, spill_folder));
        // The scan's first fault, by position, goes before what the workers met.
        scan.finish()?;
        let stores = workers.into_iter().collect::<Result<Vec<_>>>()?;
        let mut behind = vec![];
        let types = plan.pipeline.rows.fields.len();
        let partition = plan.pipeline.watermark.partition.map_or(vec![], LogPartition::columns);
        // An event at the watermark generator is late for nothing; but a session may have been closed just then.
        let sessions =
            plan.pipeline.groupings.iter().any(|g| matches!(g.plan.window, Window::Session { .. }));
        let ahead = i64::from(!sessions);
        let mut reached = vec![];
        if let Some(log) = gather_partitions(stores).first() {
            let ordered = log.order()?;
            let cuts = || (0..ordered.len()).step_by(ROWS);
            let batch_from = |from: usize| {
                let to = ordered.len().min(from + ROWS);
                let mut columns: Vec<ArrayRef> =
                    ordered.columns(from, to).iter().map(plain_strings).collect();
                let time = columns.remove(0).as_primitive::<Int64Type>().values().to_vec();
                // The watermark generator reads the partition columns alone, so the others may stay empty.
                let mut batch = Batch {
                    columns: vec![arrow_array::new_null_array(&arrow_schema::DataType::Null, 0); types],
                    time,
                    positions: ordered.positions(from, to),
                    arrival: ordered.times(from, to),
                    rows: to - from,
                    ..Batch::default()
                };
                for (c, column) in partition.iter().zip(columns) {
                    batch.columns[*c] = column;
                }
                batch
            };
            if plan.pipeline.watermark.known {
                cuts().for_each(|from| generator.know(&batch_from(from)));
            }
            for from in cuts() {
                let mut batch = batch_from(from);
                generator.pass(&mut batch);
                if plan.pipeline.read.arrival.is_none() && plan.pipeline.steps_are_streamed() {
                    for (&time, &position) in batch.time.iter().zip(&batch.positions) {
                        if reached.last().is_none_or(|(_, clock)| time > *clock) {
                            reached.push((position, time));
                        }
                    }
                }
                let rows = batch.positions.iter().zip(&batch.max_timestamp).zip(&batch.time);
                behind
                    .extend(rows.filter(|((_, r), time)| **r >= **time + ahead).map(|((p, r), _)| (*p, *r)));
            }
        }
        // Rows are looked up by position, and up to here these are in arrival order.
        behind.sort_unstable();
        let places = plan.pipeline.steps_are_streamed().then_some(match plan.pipeline.read.arrival {
            Some(_) => PlaceClock::Arrival,
            None => PlaceClock::Reached(reached),
        });
        Ok(MaxTimestamps { behind, generator, places })
    }

    /// Fills `batch.reached`; of rows that did not come behind the watermark generator it says nothing.
    pub fn fill(&self, batch: &mut Batch) {
        batch.max_timestamp = vec![i64::MIN; batch.rows];
        let at = |clock: i64, position: &Position| {
            StreamPlace::direct(Moment::of(clock, Moment::SOURCE, *position))
        };
        match &self.places {
            None => {}
            Some(PlaceClock::Arrival) => {
                let rows = batch.arrival.iter().zip(&batch.positions);
                batch.places = rows.map(|(clock, position)| at(*clock, position)).collect();
            }
            Some(PlaceClock::Reached(reached)) => {
                let clock = |position: &Position| {
                    let after = reached.partition_point(|(moved, _)| moved <= position);
                    after.checked_sub(1).map_or(i64::MIN, |last| reached[last].1)
                };
                batch.places = batch.positions.iter().map(|position| at(clock(position), position)).collect();
            }
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

/// The arrival, event time and partition of the rows that one worker reads.
fn read_times(plan: &Plan, scan: &Scan, share: usize, spill_folder: &Path) -> Result<RowStore> {
    let mut types = vec![DataType::Int64];
    let partition = plan.pipeline.watermark.partition.map_or(vec![], LogPartition::columns);
    types.extend(partition.iter().map(|&c| plan.pipeline.rows.fields[c].ty));
    let mut store = RowStore::unpartitioned(types, RowSpace(spill_folder.to_path_buf()));
    let mut input = scan.worker()?;
    while let Some(decoded) = input.next()? {
        let batch = decoded.batch;
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(batch.time))];
        columns.extend(partition.iter().map(|&c| batch.columns[c].clone()));
        // A store sorts by its time and then by position, so the arrival stands in that place.
        store.push(&Batch {
            columns,
            // Of a log without arrivals the positions give the order.
            time: if batch.arrival.is_empty() { vec![0; batch.rows] } else { batch.arrival },
            positions: batch.positions,
            rows: batch.rows,
            ..Batch::default()
        })?;
        if store.bytes() > share {
            store.spill()?;
        }
    }
    Ok(store)
}
