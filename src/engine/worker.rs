//! One worker: takes chunks, passes them through the steps, folds what comes out.

use super::arrivals::{Arrivals, Need};
use super::held::HeldKeys;
use super::intake::{Archived, Intake};
use super::late::{Late, LateStore};
use super::observed::Observed;
use super::offsets::Offsets;
use super::replay::{SessionStore, replay};
use super::stages::{Notes, Stage, Verdicts, Waited, flags, settle, stages};
use super::steps::{Passed, Passing, Refused, Sources, Steps};
use super::times::{Stage as Timed, Work, spent};
use super::{Progress, Read, RunOptions};
use crate::asof::AsOfTable;
use crate::batch::{Batch, DataType};
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::group::{GroupPlan, GroupTable, SpillSpace};
use crate::input::{Decoded, Scan, ScanReport};
use crate::plan::{OutputKind, OutputPlan, Plan};
use crate::rows::{PartitionPart, Partitioner, RowSpace, RowStore};
use crate::sink::{Account, Watermarks};
use crate::window::Window;
use arrow_array::BooleanArray;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts of one worker, or of all.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    read: u64,
    /// Records of an archive that are of files which do not count.
    foreign: u64,
    pub rejected: u64,
    pub filtered: u64,
    duplicate: u64,
    late: u64,
    pub counted: u64,
    pub min: i64,
    pub max: i64,
}

impl Tally {
    fn new() -> Tally {
        Tally {
            read: 0,
            foreign: 0,
            rejected: 0,
            filtered: 0,
            duplicate: 0,
            late: 0,
            counted: 0,
            min: i64::MAX,
            max: i64::MIN,
        }
    }

    fn add(&mut self, other: &Tally) {
        self.read += other.read;
        self.foreign += other.foreign;
        self.rejected += other.rejected;
        self.filtered += other.filtered;
        self.duplicate += other.duplicate;
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

    /// Rows that come again turn out to be duplicates, so many of which a filter had left out; the others
    /// were counted, or went no further.
    pub fn turn_duplicate(&mut self, duplicates: u64, filtered: u64, counted: bool) {
        self.duplicate += duplicates;
        self.filtered -= filtered;
        if counted {
            self.counted -= duplicates - filtered;
        }
    }

    pub fn account(&self) -> Account {
        Account {
            read: self.read,
            rejected: self.rejected,
            filtered: self.filtered,
            duplicate: self.duplicate,
            late: self.late,
            counted: self.counted,
        }
    }

    /// Notes the first and the last of some event times.
    pub fn see(&mut self, times: Option<(i64, i64)>) {
        if let Some((first, last)) = times {
            (self.min, self.max) = (self.min.min(first), self.max.max(last));
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

/// Which results a read is for: by grouping and by output.
pub struct Scope {
    pub groupings: Vec<bool>,
    /// Of outputs of groups of no account.
    pub outputs: Vec<bool>,
}

impl Scope {
    /// All results of a plan.
    pub fn all(plan: &Plan) -> Scope {
        Scope { groupings: vec![true; plan.groupings.len()], outputs: vec![true; plan.outputs.len()] }
    }

    /// None of them.
    pub fn none(plan: &Plan) -> Scope {
        Scope { groupings: vec![false; plan.groupings.len()], outputs: vec![false; plan.outputs.len()] }
    }
}

/// What all workers share.
pub struct Shared<'a> {
    plan: &'a Plan,
    scope: &'a Scope,
    options: &'a RunOptions,
    progress: &'a dyn Progress,
    pub stages: Vec<Stage>,
    sources: &'a Sources,
    pub groups: Vec<(Arc<GroupPlan>, SpillSpace)>,
    arrivals: Arrivals,
    /// Of a log that tells offsets those that were read.
    offsets: Option<Mutex<Offsets>>,
    /// Whether the run is an audit.
    audit: bool,
    /// The instant at which the state of steps is asked for.
    at: Option<i64>,
    /// Bytes that one worker may hold.
    pub share: usize,
    pub spilled: AtomicBool,
    /// Set when a worker failed, so that the others stop.
    failed: AtomicBool,
}

/// What one worker has at its end.
pub struct Worker {
    pub tally: Tally,
    /// What it notes in the stage under way.
    pub notes: Notes,
    /// Batches that wait for answers, or for one that does, in order.
    queue: VecDeque<Passed>,
    refused: Refused,
    /// Per grouping.
    pub folds: Vec<Folding>,
    pub stores: Vec<RowStore>,
    /// The rows of archives, as they were read.
    pub archives: Vec<RowStore>,
    pub late: Option<LateStore>,
    /// Late for all but sessions, of which only a replay can tell.
    pub undecided: Late,
    /// What an audit notes.
    pub observed: Option<Observed>,
}

/// What is known when the last stage is settled.
#[derive(Default)]
pub struct Found {
    /// Of rows that wait in the stores of outputs, if anything of them was left open.
    pub verdicts: Option<Verdicts>,
    /// The keys that steps hold, where they are asked for.
    pub held: Vec<HeldKeys>,
}

/// How many batches of a worker may wait for answers.
const MOST_WAITING: usize = 32;

/// How one worker folds a grouping.
#[allow(clippy::large_enum_variant)]
pub enum Folding {
    Table(GroupTable),
    /// Streamed sessions are replayed in arrival order, at the end.
    Replay(SessionStore),
    /// The read is not for this one.
    Skipped,
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
    pub fn new(
        (plan, scope, first): (&'a Plan, &'a Scope, usize),
        options: &'a RunOptions,
        sources: &'a Sources,
        arrivals: Arrivals,
        need: Need,
        progress: &'a dyn Progress,
    ) -> Shared<'a> {
        let space = || SpillSpace::new(options.spill_folder.clone(), options.memory);
        let groups = plan.groupings.iter().map(|g| (Arc::new(g.plan.clone()), space())).collect();
        let (spilled, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        let stages = stages(plan, first);
        let offsets = plan.offsets.map(|columns| Mutex::new(Offsets::new(columns)));
        let tables: usize = sources.tables.iter().map(AsOfTable::bytes).sum();
        let memory = options.memory as usize;
        // Batches under way, sorting what goes to disk and the allocator come on top.
        let share = memory.saturating_sub(tables).max(memory / 8) / 8 * 5 / options.threads;
        let audit = need == Need::Audit;
        let at = if let Need::State(at) = need { Some(at) } else { None };
        Shared {
            plan,
            scope,
            options,
            progress,
            stages,
            sources,
            groups,
            arrivals,
            offsets,
            audit,
            at,
            share,
            spilled,
            failed,
        }
    }

    /// Works until the scan has nothing more; `worker` is who has worked on another scan before.
    pub fn work(&self, intake: &Intake, scan: &Scan, worker: Option<Worker>) -> Result<Worker> {
        let mut sentinel = Sentinel(self, false);
        let mut worker = worker.unwrap_or_else(|| self.worker());
        self.read(intake, scan, &mut worker)?;
        self.drain(&mut worker, 0, 0)?;
        sentinel.1 = true;
        Ok(worker)
    }

    /// Somebody who has done nothing yet.
    pub fn worker(&self) -> Worker {
        let space = RowSpace(self.options.spill_folder.clone());
        let folding = |plan: &Arc<GroupPlan>| match (plan.window, &plan.lateness) {
            (Window::Session { .. }, Some(_)) => {
                Folding::Replay(SessionStore::new(plan.clone(), space.clone()))
            }
            _ => Folding::Table(GroupTable::new(plan.clone())),
        };
        Worker {
            tally: Tally::new(),
            notes: self.notes(0),
            queue: VecDeque::new(),
            refused: vec![],
            folds: (self.groups.iter().zip(&self.scope.groupings))
                .map(|((plan, _), wanted)| if *wanted { folding(plan) } else { Folding::Skipped })
                .collect(),
            stores: self.stores(),
            archives: self.archives(),
            late: self.plan.late.as_ref().map(|late| LateStore::new(late, space.clone())),
            undecided: Late::default(),
            observed: self.audit.then(|| Observed::new(self.plan)),
        }
    }

    fn notes(&self, stage: usize) -> Notes {
        let space = RowSpace(self.options.spill_folder.clone());
        let is_last = stage + 1 == self.stages.len();
        Notes::new(self.plan, &self.stages[stage], is_last, self.at.is_some(), &space)
    }

    fn read(&self, intake: &Intake, scan: &Scan, worker: &mut Worker) -> Result<()> {
        let mut input = scan.worker()?;
        // Batches of a row group that wait for their turn; of text a chunk is one batch.
        let mut waiting: VecDeque<Decoded> = VecDeque::new();
        while !self.failed.load(Ordering::Acquire) {
            let mut watch = Stopwatch::of_thread();
            let next = input.next();
            spent(self.progress, input.spent(), &next, watch.lap());
            let Some(mut decoded) = next? else { break };
            match &self.arrivals {
                Arrivals::Unwatched => self.take(intake, worker, decoded)?,
                Arrivals::Known(known) => {
                    known.fill(&mut decoded.batch);
                    self.take(intake, worker, decoded)?;
                }
                Arrivals::InTurn(turnstile) => {
                    let read_on = !decoded.last && !turnstile.is_open(decoded.sequence);
                    waiting.push_back(decoded);
                    while let Some(mut next) = waiting.pop_front_if(|_| !read_on) {
                        let (sequence, last) = (next.sequence, next.last);
                        let mut watch = Stopwatch::of_thread();
                        let passed = turnstile.pass(sequence, last, |front| front.pass(&mut next.batch));
                        self.worked(Timed::Order, next.batch.rows, &mut watch);
                        if passed.is_none() {
                            return Ok(());
                        }
                        self.take(intake, worker, next)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Passes what was read on to archives and the steps.
    fn take(&self, intake: &Intake, worker: &mut Worker, decoded: Decoded) -> Result<()> {
        let rows = decoded.batch.rows;
        let mut batch = intake.admit(decoded.batch)?;
        let foreign = (rows - batch.rows) as u64;
        worker.tally.foreign += foreign;
        if let Some(offsets) = &self.offsets {
            let mut offsets = offsets.lock().unwrap_or_else(PoisonError::into_inner);
            offsets.note(&batch);
            offsets.passed(&decoded.passed);
        }
        if let Some(observed) = &mut worker.observed {
            observed.events(&batch);
        }
        worker.tally.read += decoded.read - foreign;
        worker.tally.rejected += decoded.rejected;
        let (from, to) = self.plan.range;
        if (from, to) != (i64::MIN, i64::MAX) && batch.time.iter().any(|t| !(from..to).contains(t)) {
            let keep: BooleanArray = batch.time.iter().map(|t| Some((from..to).contains(t))).collect();
            let all = batch.rows;
            batch = batch.filter(&keep);
            worker.tally.filtered += (all - batch.rows) as u64;
        }
        if batch.rows > 0 {
            let wanted = |number| match intake.archived {
                Archived::All => true,
                Archived::Only(one) => one == number,
                Archived::No => false,
            };
            let mut archives = worker.archives.iter_mut().enumerate().filter(|(number, _)| wanted(*number));
            archives.try_for_each(|(_, store)| store.push(&batch))?;
        }
        match intake.counted(batch) {
            Some(batch) => self.pass(worker, 0, batch),
            None => self.keep_budget(worker),
        }
    }

    /// Passes a batch through the steps of a stage, to what is after it.
    fn pass(&self, worker: &mut Worker, stage: usize, batch: Batch) -> Result<()> {
        let rows = if stage == 0 { batch.rows } else { 0 };
        let passing = Passing::new(&self.stages[stage], batch);
        match self.step(stage, passing, rows, worker)? {
            Passed::Through(batch) if worker.queue.is_empty() => self.leave(worker, stage, batch)?,
            passed => {
                worker.queue.push_back(passed);
                self.drain(worker, stage, MOST_WAITING)?;
            }
        }
        self.keep_budget(worker)
    }

    /// Passes rows through the steps of a stage, as far as they come; `rows` of them come for the first time.
    fn step(&self, stage: usize, passing: Passing, rows: usize, worker: &mut Worker) -> Result<Passed> {
        let steps = Steps { plan: self.plan, stage: &self.stages[stage], sources: self.sources };
        let mut watch = Stopwatch::of_thread();
        let passed = steps.pass(passing, &mut worker.notes, &mut worker.refused);
        if !self.plan.steps.is_empty() {
            self.worked(Timed::Steps, rows, &mut watch);
        }
        passed
    }

    fn worked(&self, stage: Timed, rows: usize, watch: &mut Stopwatch) {
        self.progress.worked(stage, Work { rows: rows as u64, bytes: 0, lap: watch.lap() });
    }

    /// Goes on with batches whose answers have come, and waits until at most `most` are left.
    fn drain(&self, worker: &mut Worker, stage: usize, most: usize) -> Result<()> {
        // Those behind the first ask on, so that their next answers come in the meantime.
        for passed in std::mem::take(&mut worker.queue) {
            let passed = match passed {
                Passed::Waiting(passing) if passing.is_ready(self.sources) => {
                    self.step(stage, passing, 0, worker)?
                }
                passed => passed,
            };
            worker.queue.push_back(passed);
        }
        while let Some(first) = worker.queue.pop_front() {
            match first {
                Passed::Through(batch) => self.leave(worker, stage, batch)?,
                Passed::Waiting(passing) if worker.queue.len() >= most || passing.is_ready(self.sources) => {
                    let passed = self.step(stage, passing, 0, worker)?;
                    worker.queue.push_front(passed);
                }
                waiting => {
                    worker.queue.push_front(waiting);
                    break;
                }
            }
        }
        Ok(())
    }

    /// What comes after a stage: the rows wait for the next, or are folded.
    fn leave(&self, worker: &mut Worker, stage: usize, batch: Batch) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        if stage + 1 < self.stages.len() {
            return worker.notes.wait(&self.stages[stage], batch);
        }
        let (mut watch, rows) = (Stopwatch::of_thread(), batch.rows);
        let folded = self.fold(worker, batch);
        self.worked(Timed::Fold, rows, &mut watch);
        folded
    }

    /// Whether something is known only when all is read.
    pub fn settles(&self) -> bool {
        self.stages.len() > 1 || self.settles_rows()
    }

    /// Whether rows come to their outputs before it is known which of them come again.
    pub fn settles_rows(&self) -> bool {
        self.stages.last().is_some_and(|last| !last.ordered.is_empty())
    }

    /// The stages after the first: settles what was noted in one, and passes the rows that waited through the
    /// next. Gives the workers, and what was found.
    ///
    /// # Errors
    /// An expression that cannot be computed, a service or a disk that fails.
    pub fn later_stages(&self, mut workers: Vec<Worker>) -> Result<(Vec<Worker>, Found)> {
        let mut found = Found::default();
        let memory = self.share * self.options.threads / 4;
        for (number, stage) in self.stages.iter().enumerate() {
            for worker in &mut workers {
                worker.tally.filtered += worker.notes.left_out;
            }
            let is_last = number + 1 == self.stages.len();
            if is_last && stage.ordered.is_empty() {
                break;
            }
            let settled = settle(self.plan, stage, &mut workers, memory, self.at)?;
            found.held.extend(settled.held);
            if let Some(first) = workers.first_mut() {
                first.tally.turn_duplicate(settled.verdicts.dropped.count(), settled.filtered, is_last);
            }
            if is_last {
                found.verdicts = Some(settled.verdicts);
                return Ok((workers, found));
            }
            workers = self.go_on(number, workers, &settled.verdicts)?;
        }
        Ok((workers, found))
    }

    /// Passes the rows that waited at the end of stage `number` through the next one.
    fn go_on(&self, number: usize, workers: Vec<Worker>, verdicts: &Verdicts) -> Result<Vec<Worker>> {
        let stage = &self.stages[number];
        let places: Vec<Mutex<Option<Worker>>> = workers.into_iter().map(|w| Mutex::new(Some(w))).collect();
        let done = rayon::broadcast(|context| {
            let index = context.index();
            let mut worker = places[index].lock().unwrap_or_else(PoisonError::into_inner).take()?;
            let notes = std::mem::replace(&mut worker.notes, self.notes(number + 1));
            let passed = || -> Result<()> {
                let Some(store) = notes.waiting else { return Ok(()) };
                let mut waited = Waited::new(self.plan, stage, store, index, verdicts);
                while let Some(batch) = waited.next()? {
                    self.pass(&mut worker, number + 1, batch)?;
                }
                self.drain(&mut worker, number + 1, 0)
            };
            Some(passed().map(|()| worker))
        });
        done.into_iter().flatten().collect()
    }

    fn stores(&self) -> Vec<RowStore> {
        let mut stores = vec![];
        for (output, _) in self.plan.outputs.iter().zip(&self.scope.outputs).filter(|(_, wanted)| **wanted) {
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
            let settled = if self.settles_rows() { Some(self.plan.rows.fields.len()) } else { None };
            let known = self.known(output, columns);
            let mut types: Vec<DataType> = known.iter().map(|&c| output.columns.fields[c].ty).collect();
            types.extend(settled.map(|_| DataType::Int64));
            stores.push(RowStore::new(
                known.iter().map(|&c| columns[c]).chain(settled).collect(),
                types,
                Partitioner::new(&output.partition_by, &names, &self.plan.zone),
                partition_columns,
                RowSpace(self.options.spill_folder.clone()),
            ));
        }
        stores
    }

    fn archives(&self) -> Vec<RowStore> {
        let wanted = self.plan.outputs.iter().zip(&self.scope.outputs).filter(|(_, wanted)| **wanted);
        let archives = wanted.filter_map(|(output, _)| match &output.kind {
            OutputKind::Archive(columns) => Some((columns, &output.partition_by)),
            _ => None,
        });
        let store = |(columns, partition_by): (&Vec<usize>, &Vec<PartitionPart>)| {
            let types = columns.iter().map(|&c| self.plan.rows.fields[c].ty).collect();
            let partitioner = Partitioner::new(partition_by, &[], &self.plan.zone);
            let space = RowSpace(self.options.spill_folder.clone());
            RowStore::new(columns.clone(), types, partitioner, vec![], space)
        };
        archives.map(store).collect()
    }

    /// The columns of an output of events that are written and known before its rows are settled.
    fn known(&self, output: &OutputPlan, columns: &[usize]) -> Vec<usize> {
        let mut known = output.written();
        if let Some(last) = self.stages.last() {
            let open: Vec<usize> = flags(self.plan, &last.steps).collect();
            known.retain(|&c| !open.contains(&columns[c]));
        }
        known
    }

    /// Counts the rows that were refused as rejected, and says which they are and why.
    pub fn refused(workers: &mut [Worker]) -> Refused {
        let refused = |worker: &mut Worker| {
            let refused = std::mem::take(&mut worker.refused);
            worker.tally.rejected += refused.len() as u64;
            refused
        };
        workers.iter_mut().flat_map(refused).collect()
    }

    /// Brings together what the workers have.
    pub fn collect(self, reports: Vec<ScanReport>, workers: Vec<Worker>, found: Found) -> Result<Read> {
        let mut tally = Tally::new();
        let mut folds: Vec<(Vec<GroupTable>, Vec<SessionStore>)> =
            self.groups.iter().map(|_| (vec![], vec![])).collect();
        let outputs = workers.first().map_or(0, |w| w.stores.len());
        let mut rows: Vec<Vec<RowStore>> = (0..outputs).map(|_| vec![]).collect();
        let mut archives: Vec<Vec<RowStore>> =
            (0..workers.first().map_or(0, |w| w.archives.len())).map(|_| vec![]).collect();
        let (mut late, mut undecided) = (vec![], Late::default());
        let mut observed: Option<Observed> = None;
        for worker in workers {
            tally.add(&worker.tally);
            for (folding, (tables, stores)) in worker.folds.into_iter().zip(&mut folds) {
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
        let records = reports.iter().flat_map(|report| &report.inputs).map(|input| input.records);
        if tally.read + tally.foreign != records.sum::<u64>() {
            return Err(Error::fault("the workers and the scan counted different numbers of records"));
        }
        let (mut groups, mut sessions) = (vec![], vec![]);
        let mut replayed = false;
        for ((plan, space), (mut tables, stores)) in self.groups.into_iter().zip(folds) {
            if self.audit {
                sessions.push(stores);
            } else if !stores.is_empty() {
                let mut watch = Stopwatch::of_process();
                let (found, of_this) = replay(&plan, stores, &space, self.options.memory as usize / 2)?;
                self.progress.worked(Timed::Settle, Work { rows: 0, bytes: 0, lap: watch.lap() });
                tables = found;
                undecided.retain(|position| of_this.contains(position));
                replayed = true;
            }
            groups.push((tables, space));
        }
        tally.turn_late(undecided.len() as u64);
        Ok(Read {
            reports,
            tally,
            groups,
            rows,
            archives,
            verdicts: found.verdicts,
            held: found.held,
            late,
            late_only: replayed.then_some(undecided),
            front: self.arrivals.finish(),
            sessions,
            observed,
            offsets: self.offsets.map(|o| o.into_inner().unwrap_or_else(PoisonError::into_inner)),
            spilled: self.spilled.into_inner(),
        })
    }
}
