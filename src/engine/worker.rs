//! One worker: takes chunks, runs the steps, folds.

use super::arrivals::Arrivals;
use super::audit::Observed;
use super::late::{Late, LateStore};
use super::replay::{SessionStore, replay};
use super::{Read, RunOptions};
use crate::batch::{Batch, DataType};
use crate::error::{Error, Result};
use crate::group::{GroupPlan, GroupTable, NotCounted, SpillSpace};
use crate::input::{Decoded, Scan, ScanReport};
use crate::job::{OutputKind, Plan, Step};
use crate::rows::{PartitionPart, Partitioner, RowSpace, RowStore};
use crate::sink::{Account, Watermarks};
use crate::window::Window;
use arrow_array::BooleanArray;
use arrow_array::cast::AsArray;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Counts of one worker, or of all.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    read: u64,
    rejected: u64,
    filtered: u64,
    late: u64,
    counted: u64,
    min: i64,
    max: i64,
}

impl Tally {
    fn new() -> Tally {
        Tally { read: 0, rejected: 0, filtered: 0, late: 0, counted: 0, min: i64::MAX, max: i64::MIN }
    }

    fn add(&mut self, other: &Tally) {
        self.read += other.read;
        self.rejected += other.rejected;
        self.filtered += other.filtered;
        self.late += other.late;
        self.counted += other.counted;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Takes back events that were counted and turn out to be late.
    pub fn turn_late(&mut self, events: u64) {
        self.counted -= events;
        self.late += events;
    }

    pub fn account(&self) -> Account {
        Account {
            read: self.read,
            rejected: self.rejected,
            filtered: self.filtered,
            late: self.late,
            counted: self.counted,
            ..Account::default()
        }
    }

    pub fn watermarks(&self) -> Option<Watermarks> {
        (self.min <= self.max).then_some(Watermarks {
            min_event_time: self.min,
            max_event_time: self.max,
            watermark: None,
        })
    }
}

/// What all workers share.
pub struct Shared<'a> {
    plan: &'a Plan,
    options: &'a RunOptions,
    groups: Vec<(Arc<GroupPlan>, SpillSpace)>,
    arrivals: Arrivals,
    /// Whether the run is an audit.
    audit: bool,
    spilled: AtomicBool,
    /// Set when a worker failed, so that the others stop.
    failed: AtomicBool,
}

/// What one worker has at its end.
pub struct Worker {
    tally: Tally,
    /// Per grouping.
    folds: Vec<Folding>,
    stores: Vec<RowStore>,
    late: Option<LateStore>,
    /// Late for all but sessions, of which only a replay can tell.
    undecided: Late,
    /// What an audit notes.
    observed: Option<Observed>,
}

/// How one worker folds a grouping.
#[allow(clippy::large_enum_variant)]
enum Folding {
    Table(GroupTable),
    /// Streamed sessions are replayed in arrival order, at the end.
    Replay(SessionStore),
}

/// Makes the others stop when a worker ends in a fault or a panic: they may wait for its turn.
struct Sentinel<'a>(&'a Shared<'a>, bool);

impl Drop for Sentinel<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.failed.store(true, Ordering::Release);
            if let Arrivals::InTurn(turnstile) = &self.0.arrivals {
                turnstile.fail();
            }
        }
    }
}

impl<'a> Shared<'a> {
    pub fn new(plan: &'a Plan, options: &'a RunOptions, arrivals: Arrivals, audit: bool) -> Shared<'a> {
        let space = || SpillSpace::new(options.spill_folder.clone(), options.memory);
        let groups = plan.groupings.iter().map(|g| (Arc::new(g.plan.clone()), space())).collect();
        let (spilled, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        Shared { plan, options, groups, arrivals, audit, spilled, failed }
    }

    /// Works until the scan has nothing more.
    pub fn work(&self, scan: &Scan) -> Result<Worker> {
        let mut sentinel = Sentinel(self, false);
        let mut worker = self.worker();
        self.read(scan, &mut worker)?;
        sentinel.1 = true;
        Ok(worker)
    }

    fn worker(&self) -> Worker {
        let space = RowSpace(self.options.spill_folder.clone());
        let folding = |plan: &Arc<GroupPlan>| match (plan.window, &plan.lateness) {
            (Window::Session { .. }, Some(_)) => {
                Folding::Replay(SessionStore::new(plan.clone(), space.clone()))
            }
            _ => Folding::Table(GroupTable::new(plan.clone())),
        };
        Worker {
            tally: Tally::new(),
            folds: self.groups.iter().map(|(plan, _)| folding(plan)).collect(),
            stores: self.stores(),
            late: self.plan.late.as_ref().map(|late| LateStore::new(late, space.clone())),
            undecided: Late::default(),
            observed: self.audit.then(|| Observed::new(self.plan)),
        }
    }

    fn read(&self, scan: &Scan, worker: &mut Worker) -> Result<()> {
        let mut input = scan.worker()?;
        // Batches of a row group that wait for their turn; of text a chunk is one batch.
        let mut waiting: VecDeque<Decoded> = VecDeque::new();
        while !self.failed.load(Ordering::Acquire) {
            let Some(mut decoded) = input.next()? else { break };
            match &self.arrivals {
                Arrivals::Unwatched => self.fold(worker, decoded)?,
                Arrivals::Known(known) => {
                    known.fill(&mut decoded.batch);
                    self.fold(worker, decoded)?;
                }
                Arrivals::InTurn(turnstile) => {
                    let read_on = !decoded.last && !turnstile.is_open(decoded.sequence);
                    waiting.push_back(decoded);
                    while let Some(mut next) = waiting.pop_front_if(|_| !read_on) {
                        let (sequence, last) = (next.sequence, next.last);
                        let passed = turnstile.pass(sequence, last, |front| front.pass(&mut next.batch));
                        if passed.is_none() {
                            return Ok(());
                        }
                        self.fold(worker, next)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs the steps on a batch, and folds its rows.
    fn fold(&self, worker: &mut Worker, decoded: Decoded) -> Result<()> {
        let rows = decoded.batch.rows;
        if let Some(observed) = &mut worker.observed {
            observed.events(&decoded.batch);
        }
        let batch = self.steps(decoded.batch)?;
        let tally = &mut worker.tally;
        tally.read += decoded.read;
        tally.rejected += decoded.rejected;
        tally.filtered += (rows - batch.rows) as u64;
        tally.counted += batch.rows as u64;
        for &time in &batch.time {
            tally.min = tally.min.min(time);
            tally.max = tally.max.max(time);
        }
        let mut lateness = LateRows::default();
        for (g, (folding, (plan, _))) in worker.folds.iter_mut().zip(&self.groups).enumerate() {
            match folding {
                Folding::Table(table) => {
                    let dropped = table.update(&batch)?;
                    if let Some(observed) = &mut worker.observed {
                        observed.grouping(g, &batch, &dropped.needs);
                        continue;
                    }
                    if plan.lateness.is_some() {
                        lateness.not_counted(&dropped);
                    }
                }
                Folding::Replay(store) => {
                    store.push(&batch)?;
                    if let Some(observed) = &mut worker.observed {
                        observed.sessions(g, &batch);
                        continue;
                    }
                    lateness.maybe(plan, &batch);
                }
            }
        }
        worker.stores.iter_mut().try_for_each(|store| store.push(&batch))?;
        let (late, decided) = lateness.finish();
        if decided {
            worker.tally.turn_late(late.len() as u64);
        } else {
            worker.undecided.extend(late.iter().map(|&row| batch.positions[row as usize]));
        }
        if let Some(store) = &mut worker.late {
            store.push(&batch, &late)?;
        }
        self.keep_budget(worker)
    }

    fn stores(&self) -> Vec<RowStore> {
        let mut stores = vec![];
        for output in &self.plan.outputs {
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
            let written = output.written();
            let types = written.iter().map(|&c| output.columns.fields[c].ty).collect();
            stores.push(RowStore::new(
                written.iter().map(|&c| columns[c]).collect(),
                types,
                Partitioner::new(&output.partition_by, &names, &self.plan.zone),
                partition_columns,
                RowSpace(self.options.spill_folder.clone()),
            ));
        }
        stores
    }

    /// The time range and the steps, in order.
    fn steps(&self, mut batch: Batch) -> Result<Batch> {
        let (from, to) = self.plan.range;
        if (from, to) != (i64::MIN, i64::MAX) && batch.time.iter().any(|t| !(from..to).contains(t)) {
            let keep: BooleanArray = batch.time.iter().map(|t| Some((from..to).contains(t))).collect();
            batch = batch.filter(&keep);
        }
        for step in &self.plan.steps {
            if batch.rows == 0 {
                break;
            }
            let (Step::Filter(expr) | Step::Derive(_, expr)) = step else {
                return Err(Error::job("this step is not built yet"));
            };
            let column = |name: &str| {
                let index = self.plan.rows.index_of(name).expect("the plan checked the names");
                &batch.columns[index]
            };
            let value = expr.evaluate(batch.rows, column)?;
            match step {
                Step::Filter(_) => batch = batch.filter(value.as_boolean()),
                _ => batch.columns.push(value),
            }
        }
        // Steps that an empty batch skipped would have added columns.
        if batch.rows == 0 {
            batch.columns =
                self.plan.rows.fields.iter().map(|f| arrow_array::new_empty_array(&f.ty.arrow())).collect();
        }
        Ok(batch)
    }

    /// Spills what is largest when this worker's share of the budget is used up.
    fn keep_budget(&self, worker: &mut Worker) -> Result<()> {
        let share = (self.options.memory / self.options.threads as u64) as usize;
        let (mut groups, mut rows) = (0, worker.stores.iter().map(RowStore::bytes).sum::<usize>());
        for folding in &mut worker.folds {
            match folding {
                Folding::Table(table) => groups += table.bytes(),
                Folding::Replay(store) => rows += store.bytes(),
            }
        }
        rows += worker.late.as_ref().map_or(0, LateStore::bytes);
        if groups + rows <= share {
            return Ok(());
        }
        self.spilled.store(true, Ordering::Relaxed);
        if rows > share / 2 {
            worker.stores.iter_mut().try_for_each(RowStore::spill)?;
            worker.late.iter_mut().try_for_each(LateStore::spill)?;
        }
        for (folding, (_, space)) in worker.folds.iter_mut().zip(&self.groups) {
            match folding {
                Folding::Table(table) if groups > share / 2 => space.spill(table)?,
                Folding::Replay(store) if rows > share / 2 => store.spill()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Brings together what the workers have.
    pub fn collect(self, report: ScanReport, workers: Vec<Worker>) -> Result<Read> {
        let mut tally = Tally::new();
        let mut folds: Vec<(Vec<GroupTable>, Vec<SessionStore>)> =
            self.groups.iter().map(|_| (vec![], vec![])).collect();
        let outputs = workers.first().map_or(0, |w| w.stores.len());
        let mut rows: Vec<Vec<RowStore>> = (0..outputs).map(|_| vec![]).collect();
        let (mut late, mut undecided) = (vec![], Late::default());
        let mut observed: Option<Observed> = None;
        for worker in workers {
            tally.add(&worker.tally);
            for (folding, (tables, stores)) in worker.folds.into_iter().zip(&mut folds) {
                match folding {
                    Folding::Table(table) => tables.push(table),
                    Folding::Replay(store) => stores.push(store),
                }
            }
            worker.stores.into_iter().zip(&mut rows).for_each(|(store, r)| r.push(store));
            late.extend(worker.late);
            undecided.extend(worker.undecided);
            match (&mut observed, worker.observed) {
                (Some(all), Some(one)) => all.merge(&one),
                (all, one) => *all = one,
            }
        }
        if tally.read != report.inputs.iter().map(|i| i.records).sum::<u64>() {
            return Err(Error::machine("the workers and the scan counted different numbers of records")
                .hint("this is a bug in highwater; please report it"));
        }
        let (mut groups, mut sessions) = (vec![], vec![]);
        let mut replayed = false;
        for ((plan, space), (mut tables, stores)) in self.groups.into_iter().zip(folds) {
            if self.audit {
                sessions.push(stores);
            } else if !stores.is_empty() {
                let (found, of_this) = replay(&plan, stores, &space, self.options.memory as usize / 2)?;
                tables = found;
                undecided.retain(|position| of_this.contains(position));
                replayed = true;
            }
            groups.push((tables, space));
        }
        tally.turn_late(undecided.len() as u64);
        Ok(Read {
            report,
            tally,
            groups,
            rows,
            late,
            late_only: replayed.then_some(undecided),
            front: self.arrivals.finish(),
            sessions,
            observed,
            spilled: self.spilled.into_inner(),
        })
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
        rows.sort_unstable();
        self.also(rows);
    }

    /// Rows that are late for a session of their own, and are so if they join no other.
    fn maybe(&mut self, plan: &GroupPlan, batch: &Batch) {
        let (Window::Session { gap }, Some(lateness)) = (plan.window, &plan.lateness) else { return };
        let kept = gap.saturating_add(lateness.allowed).saturating_add(lateness.delays[0]);
        let times = batch.time.iter().zip(&batch.reached);
        let rows = (0u32..).zip(times).filter(|(_, (time, reached))| time.saturating_add(kept) <= **reached);
        self.also(rows.map(|(row, _)| (row, true)).collect());
        self.undecided = true;
    }

    fn also(&mut self, rows: Vec<(u32, bool)>) {
        let Some(before) = self.rows.take() else {
            self.rows = Some(rows);
            return;
        };
        let mut both = vec![];
        let mut others = rows.into_iter().peekable();
        for (row, late) in before {
            while others.next_if(|other| other.0 < row).is_some() {}
            if let Some((_, also)) = others.next_if(|other| other.0 == row) {
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
