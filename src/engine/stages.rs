//! Stages: steps that run on a batch where it is, cut where rows have to wait for all the others.
//!
//! # Contract
//! Whether a row comes again or is the first of its key is known when the keys of all rows are. Workers
//! note the keys as rows pass, and rows go on; they wait only before what has to know: a step that reads
//! a flag of `first`, a service that must not be asked for duplicates, a window. What is left open at the
//! end of the last stage is settled when its rows are written.

use super::held::{HeldKeys, held_keys};
use super::worker::Worker;
use crate::batch::{Batch, DataType};
use crate::error::Result;
use crate::keyed::{KeyLog, RowBits, Wanted, resolve};
use crate::plan::{OutputKind, Plan, Step, Try};
use crate::rows::{RowSpace, RowStore, RowStream};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, Int64Array, new_null_array};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// Some steps of a plan in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The steps, by number.
    pub steps: Range<usize>,
    /// Those of them that depend on order.
    pub ordered: Vec<usize>,
    /// The columns of the batch that rows keep while they wait at the end of the stage.
    pub live: Vec<usize>,
}

/// The stages of the steps of `plan` from number `first` on; the last has no rows waiting.
pub fn stages(plan: &Plan, first: usize) -> Vec<Stage> {
    let mut stages = vec![];
    let (mut from, mut open) = (first, Open::default());
    for (i, step) in plan.steps.iter().enumerate().skip(first) {
        let waits =
            open.flags.iter().any(|&flag| plan.reads(step).contains(&flag)) || open.dedup && asks(step);
        if waits {
            stages.push(stage(plan, from..i));
            (from, open) = (i, Open::default());
        }
        match step {
            Step::Dedup { .. } => open.dedup = true,
            Step::First { .. } => drop(open.flags.insert(plan.width(i))),
            _ => {}
        }
    }
    let by_flag = plan.outputs.iter().any(|output| match &output.kind {
        OutputKind::Rows(columns) => {
            output.partition_columns().any(|column| open.flags.contains(&columns[column]))
        }
        OutputKind::Groups { .. } | OutputKind::Archive(_) => false,
    });
    let end = plan.steps.len();
    if open.any() && (!plan.groupings.is_empty() || by_flag) {
        stages.push(stage(plan, from..end));
        from = end;
    }
    stages.push(Stage { live: vec![], ..stage(plan, from..end) });
    stages
}

/// What is not known yet of the rows of a stage.
#[derive(Default)]
struct Open {
    dedup: bool,
    flags: BTreeSet<usize>,
}

impl Open {
    fn any(&self) -> bool {
        self.dedup || !self.flags.is_empty()
    }
}

fn stage(plan: &Plan, steps: Range<usize>) -> Stage {
    let is_ordered = |i: &usize| matches!(plan.steps[*i], Step::Dedup { .. } | Step::First { .. });
    let ordered: Vec<usize> = steps.clone().filter(is_ordered).collect();
    let mut live: BTreeSet<usize> = plan.steps[steps.end..].iter().flat_map(|s| plan.reads(s)).collect();
    for grouping in &plan.groupings {
        live.extend(grouping.plan.keys.iter().map(|(column, _)| *column));
        live.extend(grouping.plan.aggregates.iter().flat_map(|(_, args)| args.iter().copied()));
    }
    for output in &plan.outputs {
        if let OutputKind::Rows(columns) = &output.kind {
            live.extend(columns);
        }
    }
    live.extend(plan.late.iter().flat_map(|late| late.columns.iter().map(|(column, _)| *column)));
    let flags: Vec<usize> = flags(plan, &steps).collect();
    live.retain(|column| *column < plan.width(steps.end) && !flags.contains(column));
    Stage { steps, ordered, live: live.into_iter().collect() }
}

/// The columns of the flags that steps of `steps` append, in order.
pub fn flags(plan: &Plan, steps: &Range<usize>) -> impl Iterator<Item = usize> {
    let firsts = steps.clone().filter(|&i| matches!(plan.steps[i], Step::First { .. }));
    firsts.map(|i| plan.width(i))
}

/// Whether a step asks a service.
fn asks(step: &Step) -> bool {
    let service = |t: &Try| matches!(t, Try::Service(_));
    matches!(step, Step::Enrich(enrich) if enrich.tries.iter().any(service))
}

/// What one worker notes in a stage.
#[derive(Default)]
pub struct Notes {
    /// Per step of [`Stage::ordered`].
    pub logs: Vec<KeyLog>,
    /// The same rows' keys and numbers, where the state of steps is asked for.
    pub kept: Vec<RowStore>,
    /// How many rows were numbered.
    pub numbered: u64,
    /// How many rows filters left out, and of those that had numbers the numbers.
    pub left_out: u64,
    pub filtered: Vec<u64>,
    /// The rows that wait for the next stage.
    pub waiting: Option<RowStore>,
}

impl Notes {
    /// `keeps` says whether the keys are kept beside their hashes.
    pub fn new(plan: &Plan, stage: &Stage, is_last: bool, keeps: bool, space: &RowSpace) -> Notes {
        let kept = stage.ordered.iter().filter(|_| keeps);
        Notes {
            kept: kept.map(|&step| key_store(plan, step, space)).collect(),
            logs: stage.ordered.iter().map(|_| KeyLog::new(&space.0)).collect(),
            waiting: (!is_last).then(|| {
                let mut types: Vec<DataType> = stage.live.iter().map(|&c| plan.rows.fields[c].ty).collect();
                types.extend([DataType::Int64; 3]);
                RowStore::unpartitioned(types, space.clone())
            }),
            ..Notes::default()
        }
    }

    /// Numbers the rows of a batch, unless they have numbers.
    pub fn number(&mut self, batch: &mut Batch) {
        if batch.numbers.is_empty() {
            let first = self.numbered;
            self.numbered += batch.rows as u64;
            batch.numbers.extend(first..self.numbered);
        }
    }

    /// Notes that a filter kept `kept` of `all`.
    pub fn note_filtered(&mut self, all: &Batch, kept: &Batch) {
        if all.rows == kept.rows {
            return;
        }
        self.left_out += (all.rows - kept.rows) as u64;
        let mut stay = kept.numbers.iter().peekable();
        let gone = all.numbers.iter().filter(|number| stay.next_if_eq(number).is_none());
        self.filtered.extend(gone);
    }

    /// Keeps the rows of a batch until the next stage.
    ///
    /// # Errors
    /// None in practice; see [`RowStore::push`].
    pub fn wait(&mut self, stage: &Stage, batch: Batch) -> Result<()> {
        let Some(store) = &mut self.waiting else { return Ok(()) };
        let mut columns: Vec<ArrayRef> = stage.live.iter().map(|&c| batch.columns[c].clone()).collect();
        let or_zeros = |values: Vec<i64>| if values.is_empty() { vec![0; batch.rows] } else { values };
        columns.push(Arc::new(Int64Array::from(or_zeros(batch.arrival))));
        columns.push(Arc::new(Int64Array::from(or_zeros(batch.reached))));
        columns.push(numbers(&batch.numbers));
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

/// A store of the keys that step number `step` sees, and of the numbers of their rows.
fn key_store(plan: &Plan, step: usize, space: &RowSpace) -> RowStore {
    let keys = plan.steps[step].keys().expect("a step of keys").iter();
    let types: Vec<DataType> =
        keys.map(|&c| plan.rows.fields[c].ty).chain(std::iter::once(DataType::Int64)).collect();
    RowStore::unpartitioned(types, space.clone())
}

/// The numbers of rows as a column.
pub fn numbers(numbers: &[u64]) -> ArrayRef {
    Arc::new(numbers.iter().map(|&n| Some(n as i64)).collect::<Int64Array>())
}

/// What is known at the end of a stage.
#[derive(Default)]
pub struct Verdicts {
    /// The rows that come again.
    pub dropped: RowBits,
    /// By column, the rows that are the first of their key.
    pub flags: BTreeMap<usize, RowBits>,
}

/// A stage that is settled.
pub struct Settled {
    pub verdicts: Verdicts,
    /// How many of the rows that come again a filter left out.
    pub filtered: u64,
    /// The keys that its steps hold, where the state of steps is asked for.
    pub held: Vec<HeldKeys>,
}

/// Settles what `workers` noted in `stage`. Works in about `memory` bytes. With `at`, says which keys
/// its steps hold at that instant.
///
/// # Errors
/// A machine error of the spill files.
pub fn settle(
    plan: &Plan,
    stage: &Stage,
    workers: &mut [Worker],
    memory: usize,
    at: Option<i64>,
) -> Result<Settled> {
    let rows: Vec<u64> = workers.iter().map(|w| w.notes.numbered).collect();
    let mut verdicts = Verdicts { dropped: RowBits::new(&rows), flags: BTreeMap::new() };
    let mut flags = flags(plan, &stage.steps);
    let mut logs: Vec<_> =
        workers.iter_mut().map(|w| std::mem::take(&mut w.notes.logs).into_iter()).collect();
    let mut kept: Vec<_> =
        workers.iter_mut().map(|w| std::mem::take(&mut w.notes.kept).into_iter()).collect();
    let mut held = vec![];
    for &step in &stage.ordered {
        let logs: Vec<KeyLog> = logs.iter_mut().filter_map(Iterator::next).collect();
        let wanted = match plan.steps[step] {
            Step::Dedup { within, .. } => Wanted::Duplicates(within),
            _ => Wanted::Firsts,
        };
        let found = resolve(&logs, wanted, &verdicts.dropped, &rows, memory)?;
        if let Some(at) = at {
            let stores: Vec<RowStore> = kept.iter_mut().filter_map(Iterator::next).collect();
            held.push(match wanted {
                Wanted::Duplicates(within) => {
                    let wanted = Wanted::LastKept(within);
                    let last = resolve(&logs, wanted, &verdicts.dropped, &rows, memory)?;
                    held_keys(plan, step, stores, &last, within.map(|within| (at, within)))?
                }
                _ => held_keys(plan, step, stores, &found, None)?,
            });
        }
        match wanted {
            Wanted::Firsts => {
                let column = flags.next().expect("a column for each `first`");
                verdicts.flags.insert(column, found);
            }
            _ => verdicts.dropped.extend(&found),
        }
    }
    // What comes again is a duplicate, though a later filter left it out, not knowing.
    let again = |(w, worker): (usize, &Worker)| {
        worker.notes.filtered.iter().filter(|&&row| verdicts.dropped.contains(w, row)).count() as u64
    };
    let filtered: u64 = workers.iter().enumerate().map(again).sum();
    Ok(Settled { verdicts, filtered, held })
}

/// The rows that waited, as they go on.
pub struct Waited<'a> {
    plan: &'a Plan,
    stage: &'a Stage,
    rows: RowStream,
    worker: usize,
    verdicts: &'a Verdicts,
}

impl<'a> Waited<'a> {
    /// The rows that worker number `worker` kept at the end of `stage`.
    pub fn new(
        plan: &'a Plan,
        stage: &'a Stage,
        rows: RowStore,
        worker: usize,
        verdicts: &'a Verdicts,
    ) -> Self {
        Waited { plan, stage, rows: RowStream::new(rows), worker, verdicts }
    }

    /// The next rows, without those that come again.
    ///
    /// # Errors
    /// A machine error of the spill file.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Batch>> {
        let Some(block) = self.rows.next()? else { return Ok(None) };
        let rows = block.len();
        let mut kept: Vec<ArrayRef> =
            block.columns(0, rows).iter().map(crate::batch::plain_strings).collect();
        let mut words = || -> Vec<i64> {
            let column = kept.pop().expect("three columns beside the live ones");
            column.as_primitive::<Int64Type>().values().to_vec()
        };
        let (numbers, reached, arrival) = (words(), words(), words());
        let flag = |bits: &RowBits| -> ArrayRef {
            Arc::new(
                numbers.iter().map(|&n| Some(bits.contains(self.worker, n as u64))).collect::<BooleanArray>(),
            )
        };
        let width = self.plan.width(self.stage.steps.end);
        let mut columns: Vec<ArrayRef> = vec![new_null_array(&arrow_schema::DataType::Null, rows); width];
        self.stage.live.iter().zip(kept).for_each(|(&c, column)| columns[c] = column);
        self.verdicts.flags.iter().for_each(|(&c, bits)| columns[c] = flag(bits));
        let stays: BooleanArray =
            numbers.iter().map(|&n| Some(!self.verdicts.dropped.contains(self.worker, n as u64))).collect();
        let batch = Batch {
            columns,
            time: block.times(0, rows),
            positions: block.positions(0, rows),
            arrival,
            reached,
            rows,
            ..Batch::default()
        };
        Ok(Some(batch.filter(&stays)))
    }
}
