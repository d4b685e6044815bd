//! What workers note of the rows of a stage, and what is known of them when all rows have passed it.
//!
//! # Contract
//! Whether a row comes again or is the first of its key is known when the keys of all rows are. Workers
//! note the keys as rows pass, and rows go on.

use super::held::{HeldKeys, held_keys};
use super::stages::{Stage, flags};
use super::streams::{WaitingEvents, places};
use crate::batch::{Batch, ColumnId, DataType, plain_strings};
use crate::error::Result;
use crate::keyed::{KeyLog, KeyedRows, RowBits, resolve};
use crate::plan::{Plan, Step, StepId, expiry};
use crate::rows::{RowSpace, RowStore, RowStream};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, Int64Array, new_null_array};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one worker notes in a stage.
#[derive(Default)]
pub struct StageLog {
    /// Per step of [`Stage::ordered`].
    pub logs: Vec<KeyLog>,
    /// The same rows' keys and numbers, where the state of steps is asked for.
    pub kept: Vec<RowStore>,
    /// How many rows were numbered.
    pub numbered: u64,
    /// How many rows filters left out, and of those that had numbers the numbers.
    pub left_out: u64,
    pub filtered: Vec<u64>,
    /// Of the state at an instant, the events that wait at a step of the stage.
    pub held_back: Vec<WaitingEvents>,
    /// The rows that wait for the next stage.
    pub waiting: Option<RowStore>,
}

impl StageLog {
    /// `keeps` says whether the keys are kept beside their hashes.
    pub fn new(plan: &Plan, stage: &Stage, is_last: bool, keeps: bool, space: &RowSpace) -> StageLog {
        let kept = stage.ordered.iter().filter(|_| keeps);
        StageLog {
            kept: kept.map(|&step| key_store(plan, step, space)).collect(),
            logs: stage.ordered.iter().map(|&step| key_log(plan, step, space)).collect(),
            waiting: (!is_last).then(|| {
                let mut types: Vec<DataType> =
                    stage.live.iter().map(|&c| plan.pipeline.rows.fields[c].ty).collect();
                types.extend([DataType::Int64; 3]);
                types.extend(places::types(plan));
                RowStore::unpartitioned(types, space.clone())
            }),
            ..StageLog::default()
        }
    }

    /// Numbers the rows of a batch, unless they have numbers.
    pub fn number(&mut self, batch: &mut Batch) {
        // All ordered steps of a stage must know a row by one number.
        if batch.numbers.is_empty() {
            let first = self.numbered;
            self.numbered += batch.rows as u64;
            batch.numbers.extend(first..self.numbered);
        }
    }

    /// StageLog that a filter kept `kept` of `all`.
    pub fn note_filtered(&mut self, all: &Batch, kept: &Batch) {
        if all.rows == kept.rows {
            return;
        }
        self.left_out += (all.rows - kept.rows) as u64;
        // Kept rows stand in the order of all rows, so one walk finds those that went.
        let mut stay = kept.numbers.iter().peekable();
        let gone = all.numbers.iter().filter(|number| stay.next_if_eq(number).is_none());
        self.filtered.extend(gone);
    }

    /// Whether rows leave the stage for good, and do not wait for another.
    pub fn is_last(&self) -> bool {
        self.waiting.is_none()
    }

    /// Keeps the rows of a batch until the next stage.
    ///
    /// # Errors
    /// None in practice; see [`RowStore::push`].
    pub fn wait(&mut self, stage: &Stage, batch: Batch) -> Result<()> {
        let Some(store) = &mut self.waiting else { return Ok(()) };
        let mut columns: Vec<ArrayRef> = stage.live.iter().map(|&c| batch.columns[c].clone()).collect();
        // A store needs a value for each row, also where the log has neither arrivals nor a watermark.
        let or_zeros = |values: Vec<i64>| if values.is_empty() { vec![0; batch.rows] } else { values };
        columns.push(Arc::new(Int64Array::from(or_zeros(batch.arrival))));
        columns.push(Arc::new(Int64Array::from(or_zeros(batch.max_timestamp))));
        columns.push(numbers(&batch.numbers));
        columns.extend(places::columns(&batch.places));
        store.push(&Batch {
            columns,
            time: batch.time,
            positions: batch.positions,
            rows: batch.rows,
            ..Batch::default()
        })
    }

    pub fn bytes(&self) -> usize {
        let logs: usize = self.logs.iter().map(KeyLog::bytes).sum();
        let stores = self.kept.iter().chain(&self.waiting);
        logs + self.filtered.len() * 8 + stores.map(RowStore::bytes).sum::<usize>()
    }

    /// # Errors
    /// A machine error when the disk fails.
    pub fn spill(&mut self) -> Result<()> {
        self.logs.iter_mut().try_for_each(KeyLog::spill)?;
        self.kept.iter_mut().chain(&mut self.waiting).try_for_each(RowStore::spill)
    }
}

fn key_log(plan: &Plan, step: StepId, space: &RowSpace) -> KeyLog {
    match plan.pipeline.is_by_arrival(step) {
        true => KeyLog::of_arrivals(&space.0),
        false => KeyLog::new(&space.0),
    }
}

/// A store of the keys that `step` sees, and of the numbers of their rows.
fn key_store(plan: &Plan, step: StepId, space: &RowSpace) -> RowStore {
    let keys = plan.pipeline.steps[step].keys().expect("a step of keys").iter();
    let types: Vec<DataType> =
        keys.map(|&c| plan.pipeline.rows.fields[c].ty).chain(std::iter::once(DataType::Int64)).collect();
    RowStore::unpartitioned(types, space.clone())
}

/// The numbers of rows as a column.
pub fn numbers(numbers: &[u64]) -> ArrayRef {
    Arc::new(numbers.iter().map(|&n| Some(n as i64)).collect::<Int64Array>())
}

/// What is known at the end of a stage.
#[derive(Default)]
pub struct Resolution {
    /// The rows that come again.
    pub dropped: RowBits,
    /// By column, the rows that are the first of their key.
    pub flags: BTreeMap<ColumnId, RowBits>,
}

/// A stage that is settled.
pub struct ResolvedStage {
    pub resolution: Resolution,
    /// How many of the rows that come again a filter left out.
    pub filtered: u64,
    /// The keys that its steps hold, where the state of steps is asked for.
    pub held: Vec<HeldKeys>,
}

/// Settles what the workers noted in `stage`. Works in about `memory` bytes. With `at`, says which keys
/// its steps hold at that instant.
///
/// # Errors
/// A machine error of the spill files.
pub fn resolve_stage(
    plan: &Plan,
    stage: &Stage,
    logs_of: &mut [&mut StageLog],
    memory: usize,
    at: Option<i64>,
) -> Result<ResolvedStage> {
    let rows: Vec<u64> = logs_of.iter().map(|log| log.numbered).collect();
    let mut resolution = Resolution { dropped: RowBits::new(&rows), flags: BTreeMap::new() };
    let mut flags = flags(plan, &stage.steps);
    let mut logs: Vec<_> = logs_of.iter_mut().map(|log| std::mem::take(&mut log.logs).into_iter()).collect();
    let mut kept: Vec<_> = logs_of.iter_mut().map(|log| std::mem::take(&mut log.kept).into_iter()).collect();
    let mut held = vec![];
    for &step in &stage.ordered {
        let logs: Vec<KeyLog> = logs.iter_mut().filter_map(Iterator::next).collect();
        let within = |within| expiry(within, plan.pipeline.is_by_arrival(step));
        let wanted = match plan.pipeline.steps[step] {
            Step::Latest { .. } => KeyedRows::Replaced,
            Step::Dedup { within: after, .. } => KeyedRows::Duplicates(within(after)),
            Step::First { within: after, .. } => KeyedRows::Firsts(within(after)),
            _ => KeyedRows::Firsts(None),
        };
        // A step sees only rows that the steps before it let through.
        let found = resolve(&logs, wanted, &resolution.dropped, &rows, memory)?;
        if let Some(at) = at {
            let stores: Vec<RowStore> = kept.iter_mut().filter_map(Iterator::next).collect();
            held.push(match wanted {
                KeyedRows::Duplicates(within) | KeyedRows::Firsts(within @ Some(_)) => {
                    // The state of a key is its last row that stayed, for `within` counts from that one.
                    let wanted = KeyedRows::LastKept(within);
                    let last = resolve(&logs, wanted, &resolution.dropped, &rows, memory)?;
                    held_keys(plan, step, stores, &last, within.map(|within| (at, within)))?
                }
                _ => held_keys(plan, step, stores, &found, None)?,
            });
        }
        match wanted {
            KeyedRows::Firsts(_) => {
                let column = flags.next().expect("a column for each `first`");
                resolution.flags.insert(column, found);
            }
            _ => resolution.dropped.extend(&found),
        }
    }
    // What comes again is a duplicate, though a later filter left it out, not knowing.
    let again = |(worker, log): (usize, &&mut StageLog)| {
        log.filtered.iter().filter(|&&row| resolution.dropped.contains(worker, row)).count() as u64
    };
    let filtered: u64 = logs_of.iter().enumerate().map(again).sum();
    Ok(ResolvedStage { resolution, filtered, held })
}

/// The rows that waited, as they go on.
pub struct Waited<'a> {
    plan: &'a Plan,
    stage: &'a Stage,
    rows: RowStream,
    worker: usize,
    resolution: &'a Resolution,
}

impl<'a> Waited<'a> {
    /// The rows that worker number `worker` kept at the end of `stage`.
    pub fn new(
        plan: &'a Plan,
        stage: &'a Stage,
        rows: RowStore,
        worker: usize,
        resolution: &'a Resolution,
    ) -> Self {
        Waited { plan, stage, rows: RowStream::new(rows), worker, resolution }
    }

    /// The next rows, without those that come again.
    ///
    /// # Errors
    /// A machine error of the spill file.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Batch>> {
        let Some(block) = self.rows.next()? else { return Ok(None) };
        let rows = block.len();
        let mut kept: Vec<ArrayRef> = block.columns(0, rows).iter().map(plain_strings).collect();
        let mut words = || -> Vec<i64> {
            let column = kept.pop().expect("three columns beside the live ones");
            column.as_primitive::<Int64Type>().values().to_vec()
        };
        let places = places::read(self.plan, &mut words);
        let (numbers, max_timestamp, arrival) = (words(), words(), words());
        let flag = |bits: &RowBits| -> ArrayRef {
            Arc::new(
                numbers.iter().map(|&n| Some(bits.contains(self.worker, n as u64))).collect::<BooleanArray>(),
            )
        };
        let width = self.plan.pipeline.width(self.stage.steps.end);
        // Columns that are not live were left behind, since nothing reads them after this stage.
        let mut columns: Vec<ArrayRef> = vec![new_null_array(&arrow_schema::DataType::Null, rows); width];
        self.stage.live.iter().zip(kept).for_each(|(&c, column)| columns[c] = column);
        self.resolution.flags.iter().for_each(|(&c, bits)| columns[c] = flag(bits));
        let stays: BooleanArray =
            numbers.iter().map(|&n| Some(!self.resolution.dropped.contains(self.worker, n as u64))).collect();
        let batch = Batch {
            columns,
            time: block.times(0, rows),
            positions: block.positions(0, rows),
            arrival,
            max_timestamp,
            places,
            rows,
            ..Batch::default()
        };
        Ok(Some(batch.filter(&stays)))
    }
}
