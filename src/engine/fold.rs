//! Rows that have come through all steps: folded into groups, kept for outputs, found late.
//!
//! # Contract
//! [`Folds`] is what all workers share, and [`WorkerFold`] what one of them has. Merging is exact: which worker
//! folded a row does not show.

use super::late::{LatePositions, LateStore};
use super::observed::Observed;
use super::replay::{SessionStore, replay};
use super::scope::Scope;
use super::stage_log::numbers;
use super::stages::{Stage, flags};
use super::streams::places;
use super::tally::Tally;
use super::times::{Progress, SpentWork, TimedStage};
use crate::batch::{Batch, ColumnId, DataType, StreamPlace};
use crate::clock::Stopwatch;
use crate::error::Result;
use crate::group::{GroupPlan, GroupTable, NotCounted, SpillSpace};
use crate::plan::{GroupingId, OutputKind, OutputPlan, PerId, Plan};
use crate::rows::{PartitionPart, Partitioner, RowSpace, RowStore};
use crate::time::FirstAndLast;
use crate::window::Window;
use std::sync::Arc;

/// What rows are folded into, for all workers.
pub struct Folds<'a> {
    plan: &'a Plan,
    scope: &'a Scope,
    groups: Vec<(Arc<GroupPlan>, SpillSpace)>,
    space: RowSpace,
    /// Where it is known only at the end which rows come again: the columns of flags that are open until then.
    open: Option<Vec<ColumnId>>,
    /// Whether the pass is an audit.
    audit: bool,
}

/// What one worker has folded.
pub struct WorkerFold {
    /// Of the rows that came through: counted, late, first and last time.
    pub tally: Tally,
    /// Per grouping.
    tables: Vec<Folding>,
    stores: Vec<RowStore>,
    /// The rows of archives, as they were read.
    archives: Vec<RowStore>,
    late: Option<LateStore>,
    /// Late for all but sessions, of which only a replay can tell.
    undecided: LatePositions,
    /// What an audit notes.
    observed: Option<Observed>,
}

/// How one worker folds a grouping.
#[allow(clippy::large_enum_variant)]
enum Folding {
    Table(GroupTable),
    /// Streamed sessions are replayed in arrival order, at the end.
    Replay(SessionStore),
    /// The read is not for this one.
    Skipped,
}

/// What all workers have folded.
pub struct GatheredFolds {
    pub tally: Tally,
    pub groups: PerId<GroupingId, (Vec<GroupTable>, SpillSpace)>,
    /// Of outputs of events, in the plan's order.
    pub rows: Vec<Vec<RowStore>>,
    /// Of archives, in the plan's order.
    pub archives: Vec<Vec<RowStore>>,
    pub late: Vec<LateStore>,
    /// Of the rows in `late` those that are late in the end, where only a replay could tell.
    pub late_only: Option<LatePositions>,
    /// Of an audit: the rows of each grouping of sessions, and what the workers noted.
    pub sessions: Vec<Vec<SessionStore>>,
    pub observed: Option<Observed>,
}

impl<'a> Folds<'a> {
    /// Folds what comes through `last`, the last stage of the steps of `plan`. Partial groups are spilled at `memory`
    /// bytes, into the folder of `space`.
    pub fn new(
        plan: &'a Plan,
        scope: &'a Scope,
        last: &Stage,
        space: RowSpace,
        memory: u64,
        audit: bool,
    ) -> Self {
        let spill = || SpillSpace::new(space.0.clone(), memory);
        let groups = plan.pipeline.groupings.iter().map(|g| (Arc::new(g.plan.clone()), spill())).collect();
        let open = (!last.ordered.is_empty()).then(|| flags(plan, &last.steps).collect());
        Folds { plan, scope, groups, space, open, audit }
    }

    /// A worker that has folded nothing yet.
    pub fn start(&self) -> WorkerFold {
        let folding = |plan: &Arc<GroupPlan>| match (plan.window, &plan.lateness) {
            // What is late for a session depends on all earlier events of its key, which several workers
            // hold.
            (Window::Session { .. }, Some(_)) => Folding::Replay(SessionStore::new(
                plan.clone(),
                self.plan.pipeline.waits(),
                self.space.clone(),
            )),
            _ => Folding::Table(GroupTable::new(plan.clone())),
        };
        WorkerFold {
            tally: Tally::new(),
            tables: (self.groups.iter().zip(&self.scope.groupings))
                .map(|((plan, _), wanted)| if *wanted { folding(plan) } else { Folding::Skipped })
                .collect(),
            stores: self.stores(),
            archives: self.archives(),
            late: self.plan.deliveries.late.as_ref().map(|late| LateStore::new(late, self.space.clone())),
            undecided: LatePositions::default(),
            observed: self.audit.then(|| Observed::new(self.plan)),
        }
    }

    /// Whether rows come to their outputs before it is known which of them come again.
    pub fn are_open(&self) -> bool {
        self.open.is_some()
    }

    /// Folds rows that have come through all steps.
    ///
    /// # Errors
    /// Overflow in an aggregate.
    pub fn fold(&self, folded: &mut WorkerFold, mut batch: Batch) -> Result<()> {
        let tally = &mut folded.tally;
        tally.counted += batch.rows as u64;
        // Of rows that are not settled those that come again do not count.
        if !self.are_open() {
            tally.see(FirstAndLast::of(&batch.time));
        }
        let mut lateness = LateRows::default();
        let groupings = self.plan.pipeline.grouping_ids();
        for (g, (folding, (plan, _))) in groupings.zip(folded.tables.iter_mut().zip(&self.groups)) {
            match folding {
                Folding::Table(table) => {
                    let dropped = table.update(&batch)?;
                    // An audit tries several delays at once, so it does not settle here which rows are late.
                    if let Some(observed) = &mut folded.observed {
                        observed.grouping(g, &batch, &dropped.needs);
                        continue;
                    }
                    if plan.lateness.is_some() {
                        lateness.not_counted(&dropped);
                    }
                }
                Folding::Replay(store) => {
                    store.push(&batch)?;
                    if let Some(observed) = &mut folded.observed {
                        observed.sessions(g, &batch);
                        continue;
                    }
                    lateness.maybe(plan, &batch);
                }
                Folding::Skipped => {}
            }
        }
        // The stores keep the numbers, by which rows that come again are found at the end.
        if self.are_open() {
            batch.columns.push(numbers(&batch.numbers));
        }
        if self.plan.pipeline.keep_places {
            batch.columns.extend(places::columns(&batch.places));
        }
        folded.stores.iter_mut().try_for_each(|store| store.push(&batch))?;
        let (late, decided) = lateness.finish();
        if decided {
            folded.tally.turn_late(late.len() as u64);
        } else {
            // Only the replay can tell, so these stay counted until then.
            folded.undecided.extend(late.iter().map(|&row| batch.positions[row as usize]));
        }
        if let Some(store) = &mut folded.late {
            store.push(&batch, &late)?;
        }
        Ok(())
    }

    fn stores(&self) -> Vec<RowStore> {
        let mut stores = vec![];
        for (output, _) in
            self.plan.deliveries.outputs.iter().zip(&self.scope.outputs).filter(|(_, wanted)| **wanted)
        {
            let OutputKind::Rows(columns) = &output.kind else { continue };
            let mut names: Vec<(String, DataType)> = vec![];
            let mut partition_columns = vec![];
            for part in &output.partition_by {
                if let PartitionPart::Column(c) = part {
                    let field = &output.columns.fields[*c];
                    names.push((field.name.clone(), field.ty));
                    partition_columns.push(columns[*c]);
                }
            }
            // `fold` puts the numbers behind all columns of the batch.
            let numbers = ColumnId::new(self.plan.pipeline.rows.fields.len());
            let settled = self.open.is_some().then_some(numbers);
            let known = self.known(output, columns);
            let mut types: Vec<DataType> = known.iter().map(|&c| output.columns.fields[c].ty).collect();
            // And then, where they are looked at, the places.
            let first = numbers.place() + usize::from(settled.is_some());
            let places = if self.plan.pipeline.keep_places { StreamPlace::WORDS } else { 0 };
            let places = (first..first + places).map(ColumnId::new);
            types.extend(
                settled.iter().map(|_| DataType::Int64).chain(places.clone().map(|_| DataType::Int64)),
            );
            stores.push(RowStore::new(
                known.iter().map(|&c| columns[c]).chain(settled).chain(places).collect(),
                types,
                Partitioner::new(&output.partition_by, &names, &self.plan.zone),
                partition_columns,
                self.space.clone(),
            ));
        }
        stores
    }

    fn archives(&self) -> Vec<RowStore> {
        let wanted =
            self.plan.deliveries.outputs.iter().zip(&self.scope.outputs).filter(|(_, wanted)| **wanted);
        let archives = wanted.filter_map(|(output, _)| match &output.kind {
            OutputKind::Archive(columns) => Some((columns, &output.partition_by)),
            _ => None,
        });
        let store = |(columns, partition_by): (&Vec<ColumnId>, &Vec<PartitionPart>)| {
            let types = columns.iter().map(|&c| self.plan.pipeline.rows.fields[c].ty).collect();
            let partitioner = Partitioner::new(partition_by, &[], &self.plan.zone);
            let space = self.space.clone();
            RowStore::new(columns.clone(), types, partitioner, vec![], space)
        };
        archives.map(store).collect()
    }

    /// The columns of an output of events that are written and known before its rows are settled.
    fn known(&self, output: &OutputPlan, columns: &[ColumnId]) -> Vec<usize> {
        let mut known = output.written();
        // Flags that are open are filled in when the rows are written.
        if let Some(open) = &self.open {
            known.retain(|&c| !open.contains(&columns[c]));
        }
        known
    }

    /// Spills the partial groups of a worker.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn spill_groups(&self, folded: &mut WorkerFold) -> Result<()> {
        for (folding, (_, space)) in folded.tables.iter_mut().zip(&self.groups) {
            if let Folding::Table(table) = folding {
                space.spill(table)?;
            }
        }
        Ok(())
    }

    /// Brings together what the workers have. Streamed sessions are replayed in `memory` bytes.
    ///
    /// # Errors
    /// Overflow in an aggregate, or a machine error of the disk.
    pub fn gather(
        self,
        workers: Vec<WorkerFold>,
        memory: usize,
        progress: &dyn Progress,
    ) -> Result<GatheredFolds> {
        let mut tally = Tally::new();
        let mut tables: Vec<(Vec<GroupTable>, Vec<SessionStore>)> =
            self.groups.iter().map(|_| (vec![], vec![])).collect();
        let (mut rows, mut archives): (Vec<Vec<RowStore>>, Vec<Vec<RowStore>>) = (vec![], vec![]);
        if let Some(first) = workers.first() {
            rows.resize_with(first.stores.len(), Vec::new);
            archives.resize_with(first.archives.len(), Vec::new);
        }
        let (mut late, mut undecided) = (vec![], LatePositions::default());
        let mut observed: Option<Observed> = None;
        for worker in workers {
            tally.add(&worker.tally);
            for (folding, (tables, stores)) in worker.tables.into_iter().zip(&mut tables) {
                match folding {
                    Folding::Table(table) => tables.push(table),
                    Folding::Replay(store) => stores.push(store),
                    Folding::Skipped => {}
                }
            }
            worker.stores.into_iter().zip(&mut rows).for_each(|(store, r)| r.push(store));
            worker.archives.into_iter().zip(&mut archives).for_each(|(store, r)| r.push(store));
            late.extend(worker.late);
            undecided.extend(worker.undecided);
            match (&mut observed, worker.observed) {
                (Some(all), Some(one)) => all.merge(&one),
                (all, one) => *all = one,
            }
        }
        let (mut groups, mut sessions) = (PerId::default(), vec![]);
        let mut replayed = false;
        for ((plan, space), (mut tables, stores)) in self.groups.into_iter().zip(tables) {
            if self.audit {
                sessions.push(stores);
            } else if !stores.is_empty() {
                let mut watch = Stopwatch::of_process();
                let (found, of_this) = replay(&plan, stores, &space, memory)?;
                progress.worked(TimedStage::Settle, SpentWork { rows: 0, bytes: 0, lap: watch.lap() });
                tables = found;
                // An event is late only if every grouping of sessions finds it late.
                undecided.retain(|position| of_this.contains(position));
                replayed = true;
            }
            groups.push((tables, space));
        }
        tally.turn_late(undecided.len() as u64);
        let late_only = replayed.then_some(undecided);
        Ok(GatheredFolds { tally, groups, rows, archives, late, late_only, sessions, observed })
    }
}

impl WorkerFold {
    /// Notes what was read, for an audit.
    pub fn observe(&mut self, batch: &Batch) {
        if let Some(observed) = &mut self.observed {
            observed.events(batch);
        }
    }

    /// Keeps rows for the archives that are `wanted`, by number.
    ///
    /// # Errors
    /// None in practice; see [`RowStore::push`].
    pub fn archive(&mut self, batch: &Batch, wanted: impl Fn(usize) -> bool) -> Result<()> {
        let archives = self.archives.iter_mut().enumerate().filter(|(number, _)| wanted(*number));
        archives.map(|(_, store)| store).try_for_each(|store| store.push(batch))
    }

    /// Bytes of partial groups, and of rows.
    pub fn bytes(&mut self) -> (usize, usize) {
        let kept = self.stores.iter().chain(&self.archives);
        let mut rows = kept.map(RowStore::bytes).sum::<usize>();
        rows += self.late.as_ref().map_or(0, LateStore::bytes);
        let mut groups = 0;
        for folding in &mut self.tables {
            match folding {
                Folding::Table(table) => groups += table.bytes(),
                Folding::Replay(store) => rows += store.bytes(),
                Folding::Skipped => {}
            }
        }
        (groups, rows)
    }

    /// Spills all rows.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn spill_rows(&mut self) -> Result<()> {
        self.stores.iter_mut().chain(&mut self.archives).try_for_each(RowStore::spill)?;
        self.late.iter_mut().try_for_each(LateStore::spill)?;
        for folding in &mut self.tables {
            if let Folding::Replay(store) = folding {
                store.spill()?;
            }
        }
        Ok(())
    }
}

/// Which rows of a batch are late: for every window of the streamed outputs that they fall in, and for
/// one at least.
#[derive(Default)]
struct LateRows {
    /// Rows that no grouping so far has counted, ascending, and whether one was late for them.
    rows: Option<Vec<(u32, bool)>>,
    undecided: bool,
}

impl LateRows {
    fn not_counted(&mut self, dropped: &NotCounted) {
        let late = dropped.late.iter().map(|&row| (row, true));
        let mut rows: Vec<(u32, bool)> =
            late.chain(dropped.outside.iter().map(|&row| (row, false))).collect();
        // `also` walks two lists side by side, so both must ascend.
        rows.sort_unstable();
        self.also(rows);
    }

    /// Rows that are late for a session of their own, and are so if they join no other.
    fn maybe(&mut self, plan: &GroupPlan, batch: &Batch) {
        let (Window::Session { gap }, Some(lateness)) = (plan.window, &plan.lateness) else { return };
        // A session of this event alone ends one gap after it, and is late by that end like any window.
        let kept = gap.saturating_add(lateness.kept(&plan.window));
        let times = batch.time.iter().zip(&batch.max_timestamp);
        let rows = (0u32..)
            .zip(times)
            .filter(|(_, (time, max_timestamp))| time.saturating_add(kept) <= **max_timestamp);
        self.also(rows.map(|(row, _)| (row, true)).collect());
        self.undecided = true;
    }

    fn also(&mut self, rows: Vec<(u32, bool)>) {
        // The first grouping begins the list; each other one can only take rows away.
        let Some(before) = self.rows.take() else {
            self.rows = Some(rows);
            return;
        };
        let mut both = vec![];
        let mut others = rows.into_iter().peekable();
        for (row, late) in before {
            while others.next_if(|other| other.0 < row).is_some() {}
            if let Some((_, also)) = others.next_if(|other| other.0 == row) {
                // A row in a gap between the windows of one grouping is late where another finds it so.
                both.push((row, late || also));
            }
        }
        self.rows = Some(both);
    }

    /// The rows, and whether that is the last word on them.
    fn finish(self) -> (Vec<u32>, bool) {
        let rows = self.rows.unwrap_or_default();
        (rows.into_iter().filter(|(_, late)| *late).map(|(row, _)| row).collect(), !self.undecided)
    }
}
