//! One worker: takes chunks, passes them through the steps, folds what comes out.
//!
//! # Contract
//! [`PassContext`] is what all workers share. Of what a [`Worker`] has, its [`Pipe`] owns what is on the way through
//! the steps, and its [`WorkerFold`] what has come through.

use super::arrivals::{ArrivalNeed, Arrivals};
use super::fold::{Folds, GatheredFolds, WorkerFold};
use super::held::HeldKeys;
use super::intake::{Archived, Intake};
use super::offsets::Offsets;
use super::options::RunOptions;
use super::pipe::{Pipe, PipeContext};
use super::read::PassResult;
use super::scope::Scope;
use super::stage_log::{Resolution, StageLog, Waited, resolve_stage};
use super::stages::{Stage, stages};
use super::steps::{Refused, Sources, StageSteps};
use super::streams::{StepClocks, WaitingEvents};
use super::tally::Tally;
use super::times::{Progress, SpentWork, TimedStage, spent};
use crate::asof::AsOfTable;
use crate::batch::Batch;
use crate::clock::{Lap, Stopwatch};
use crate::error::{Error, Result};
use crate::input::{DecodedBatch, Scan, ScanReport};
use crate::plan::{Plan, StepId};
use crate::rows::RowSpace;
use crate::time::TimeRange;
use arrow_array::BooleanArray;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What all workers share.
pub struct PassContext<'a> {
    plan: &'a Plan,
    options: &'a RunOptions,
    progress: &'a dyn Progress,
    stages: Vec<Stage>,
    sources: &'a Sources,
    folds: Folds<'a>,
    arrivals: Arrivals,
    /// The watermarks of steps, where steps are streamed.
    clocks: Option<StepClocks>,
    /// Of a log that tells offsets those that were read.
    offsets: Option<Mutex<Offsets>>,
    /// The instant at which the state of steps is asked for.
    at: Option<i64>,
    /// Bytes that one worker may hold.
    share: usize,
    spilled: AtomicBool,
    /// Set when a worker failed, so that the others stop.
    failed: AtomicBool,
}

/// What one worker has.
pub struct Worker {
    /// Of the records that it read.
    tally: Tally,
    pipe: Pipe,
    folded: WorkerFold,
}

/// What is known when the last stage is resolved.
#[derive(Default)]
pub struct ResolvedKeys {
    /// Of rows that wait in the stores of outputs, if anything of them was left open.
    pub resolution: Option<Resolution>,
    /// The keys that steps hold, where they are asked for.
    pub held: Vec<HeldKeys>,
    /// The events that wait at steps, where they are asked for.
    pub waiting: Vec<WaitingEvents>,
    /// Duplicates, and how many of them a filter had left out, per stage, and whether they were counted.
    duplicates: Vec<(u64, u64, bool)>,
}

impl ResolvedKeys {
    /// Takes the events that wait at steps of a stage, without those that come again. They are counted: a live job has
    /// them.
    fn hold(&mut self, workers: &mut [Worker], resolution: Option<&Resolution>, is_last: bool) {
        for (number, worker) in workers.iter_mut().enumerate() {
            for mut waiting in std::mem::take(&mut worker.pipe.log().held_back) {
                let all = waiting.times.len();
                if let Some(resolution) = resolution {
                    waiting.without(|row| resolution.dropped.contains(number, row));
                }
                // Duplicates of the last stage are taken away from what was counted, and these were not yet.
                worker.tally.counted += if is_last { all } else { waiting.times.len() } as u64;
                self.waiting.push(waiting);
            }
        }
    }
}

/// Makes the others stop when a worker ends in a fault or a panic: they may wait for its turn.
struct Sentinel<'a>(&'a PassContext<'a>, bool);

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

impl<'a> PassContext<'a> {
    pub fn new(
        (plan, scope, first): (&'a Plan, &'a Scope, StepId),
        options: &'a RunOptions,
        sources: &'a Sources,
        (arrivals, clocks): (Arrivals, Option<StepClocks>),
        need: ArrivalNeed,
        progress: &'a dyn Progress,
    ) -> PassContext<'a> {
        let stages = stages(plan, first);
        let offsets = plan.pipeline.offsets.map(|columns| Mutex::new(Offsets::new(columns)));
        let mut tables: usize = sources.tables.iter().map(AsOfTable::bytes).sum();
        tables += sources.arriving.iter().flatten().map(|arriving| arriving.table.bytes()).sum::<usize>();
        let memory = options.memory as usize;
        // Batches under way, sorting what goes to disk and the allocator come on top.
        let share = memory.saturating_sub(tables).max(memory / 8) / 8 * 5 / options.threads;
        let last = stages.last().expect("a plan has a stage");
        let space = RowSpace(options.spill_folder.clone());
        let folds = Folds::new(plan, scope, last, space, options.memory, need == ArrivalNeed::Audit);
        let at = if let ArrivalNeed::State(at) = need { Some(at) } else { None };
        let (spilled, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        PassContext {
            plan,
            options,
            progress,
            stages,
            sources,
            folds,
            arrivals,
            clocks,
            offsets,
            at,
            share,
            spilled,
            failed,
        }
    }

    /// Works until the scan has nothing more; `worker` is who has worked on another scan before.
    ///
    /// # Errors
    /// The first that this worker meets.
    pub fn work(&self, intake: &Intake, scan: &Scan, worker: Option<Worker>) -> Result<Worker> {
        let mut sentinel = Sentinel(self, false);
        let mut worker = worker.unwrap_or_else(|| self.worker());
        self.read(intake, scan, &mut worker)?;
        self.finish(&mut worker, 0)?;
        sentinel.1 = true;
        Ok(worker)
    }

    /// A worker that has done nothing yet.
    pub fn worker(&self) -> Worker {
        Worker { tally: Tally::new(), pipe: Pipe::new(self.log(0)), folded: self.folds.start() }
    }

    fn log(&self, stage: usize) -> StageLog {
        let space = RowSpace(self.options.spill_folder.clone());
        let is_last = stage + 1 == self.stages.len();
        StageLog::new(self.plan, &self.stages[stage], is_last, self.at.is_some(), &space)
    }

    fn read(&self, intake: &Intake, scan: &Scan, worker: &mut Worker) -> Result<()> {
        let mut input = scan.worker()?;
        // Batches of a row group that wait for their turn; of text a chunk is one batch.
        let mut waiting: VecDeque<DecodedBatch> = VecDeque::new();
        while !self.failed.load(Ordering::Acquire) {
            let began = Instant::now();
            let next = input.next();
            spent(self.progress, input.spent(), &next, Lap::on_the_wall(began));
            let Some(mut decoded) = next? else { break };
            match &self.arrivals {
                Arrivals::Unwatched => self.take(intake, worker, decoded)?,
                Arrivals::Known(known) => {
                    known.fill(&mut decoded.batch);
                    self.take(intake, worker, decoded)?;
                }
                Arrivals::InTurn(turnstile) => {
                    // While others have the turn, the rest of the row group is decoded.
                    let read_on = !decoded.last && !turnstile.is_open(decoded.sequence);
                    waiting.push_back(decoded);
                    while let Some(mut next) = waiting.pop_front_if(|_| !read_on) {
                        let (sequence, last) = (next.sequence, next.last);
                        let mut watch = Stopwatch::of_thread();
                        let passed =
                            turnstile.pass(sequence, last, |in_order| in_order.pass(&mut next.batch));
                        self.worked(TimedStage::Order, next.batch.rows, &mut watch);
                        // The worker that failed reports why.
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
    fn take(&self, intake: &Intake, worker: &mut Worker, decoded: DecodedBatch) -> Result<()> {
        let rows = decoded.batch.rows;
        let mut batch = intake.admit(decoded.batch)?;
        // An archive also holds records of other files, which are not part of this account.
        let foreign = (rows - batch.rows) as u64;
        worker.tally.foreign += foreign;
        if let Some(offsets) = &self.offsets {
            let mut offsets = offsets.lock().unwrap_or_else(PoisonError::into_inner);
            offsets.note(&batch);
            offsets.passed(&decoded.passed);
        }
        worker.folded.observe(&batch);
        let left = batch.rows;
        if let Some(until) = self.plan.pipeline.until {
            let arrived = batch.places.iter().map(|place| Some(place.moment.clock <= until));
            batch = batch.filter(&arrived.collect::<BooleanArray>());
            worker.tally.filtered += (left - batch.rows) as u64;
        }
        worker.tally.read += decoded.read - foreign;
        worker.tally.rejected += decoded.rejected;
        let range = self.plan.pipeline.range;
        if range != TimeRange::ALL && batch.time.iter().any(|time| !range.contains(*time)) {
            let keep: BooleanArray = batch.time.iter().map(|time| Some(range.contains(*time))).collect();
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
            worker.folded.archive(&batch, wanted)?;
        }
        match intake.counted(batch) {
            Some(batch) => self.pass(worker, 0, batch),
            None => self.keep_budget(worker),
        }
    }

    /// Passes a batch through the steps of a stage, to what is after it.
    fn pass(&self, worker: &mut Worker, stage: usize, batch: Batch) -> Result<()> {
        let (pipe, folded) = (&mut worker.pipe, &mut worker.folded);
        pipe.push(&mut self.way(stage, &mut |batch| self.fold(folded, batch)), batch, stage == 0)?;
        self.keep_budget(worker)
    }

    /// Waits for what a worker still has in a stage.
    fn finish(&self, worker: &mut Worker, stage: usize) -> Result<()> {
        let (pipe, folded) = (&mut worker.pipe, &mut worker.folded);
        pipe.finish(&mut self.way(stage, &mut |batch| self.fold(folded, batch)))
    }

    fn way<'w>(&'w self, stage: usize, out: &'w mut dyn FnMut(Batch) -> Result<()>) -> PipeContext<'w> {
        let clocks = self.clocks.as_ref();
        let steps = StageSteps { plan: self.plan, stage: &self.stages[stage], sources: self.sources, clocks };
        PipeContext { steps, progress: self.progress, out }
    }

    fn fold(&self, folded: &mut WorkerFold, mut batch: Batch) -> Result<()> {
        if let Some(clocks) = &self.clocks {
            clocks.judge(&mut batch);
        }
        let (mut watch, rows) = (Stopwatch::of_thread(), batch.rows);
        let done = self.folds.fold(folded, batch);
        self.worked(TimedStage::Fold, rows, &mut watch);
        done
    }

    fn worked(&self, stage: TimedStage, rows: usize, watch: &mut Stopwatch) {
        self.progress.worked(stage, SpentWork { rows: rows as u64, bytes: 0, lap: watch.lap() });
    }

    /// Spills what is largest when this worker's share of the budget is used up.
    fn keep_budget(&self, worker: &mut Worker) -> Result<()> {
        let Worker { pipe, folded, .. } = worker;
        let (groups, mut rows) = folded.bytes();
        rows += pipe.log().bytes();
        if groups + rows <= self.share {
            return Ok(());
        }
        self.spilled.store(true, Ordering::Relaxed);
        // What holds less than half of the share is left in memory: to spill it would free little.
        if rows > self.share / 2 {
            folded.spill_rows()?;
            pipe.log().spill()?;
        }
        if groups > self.share / 2 {
            self.folds.spill_groups(folded)?;
        }
        Ok(())
    }

    /// Whether something is known only when all is read.
    pub fn resolves(&self) -> bool {
        self.stages.len() > 1 || self.folds.are_open()
    }

    /// The stages after the first: resolves what was noted in one, and passes the rows that waited through the
    /// next. Gives the workers, and what was found.
    ///
    /// # Errors
    /// An expression that cannot be computed, a service or a disk that fails.
    pub fn later_stages(&self, mut workers: Vec<Worker>) -> Result<(Vec<Worker>, ResolvedKeys)> {
        let mut found = ResolvedKeys::default();
        let memory = self.share * self.options.threads / 4;
        for (number, stage) in self.stages.iter().enumerate() {
            for worker in &mut workers {
                worker.tally.filtered += worker.pipe.log().left_out;
            }
            let is_last = number + 1 == self.stages.len();
            // A last stage without ordered steps leaves nothing open.
            if is_last && stage.ordered.is_empty() {
                found.hold(&mut workers, None, true);
                break;
            }
            let mut logs: Vec<&mut StageLog> = workers.iter_mut().map(|worker| worker.pipe.log()).collect();
            let resolved = resolve_stage(self.plan, stage, &mut logs, memory, self.at)?;
            found.hold(&mut workers, Some(&resolved.resolution), is_last);
            found.held.extend(resolved.held);
            found.duplicates.push((resolved.resolution.dropped.count(), resolved.filtered, is_last));
            if is_last {
                found.resolution = Some(resolved.resolution);
                return Ok((workers, found));
            }
            workers = self.go_on(number, workers, &resolved.resolution)?;
        }
        Ok((workers, found))
    }

    /// Passes the rows that waited at the end of stage `number` through the next one.
    fn go_on(&self, number: usize, workers: Vec<Worker>, resolution: &Resolution) -> Result<Vec<Worker>> {
        let stage = &self.stages[number];
        let places: Vec<Mutex<Option<Worker>>> = workers.into_iter().map(|w| Mutex::new(Some(w))).collect();
        let done = rayon::broadcast(|context| {
            // The bits of a resolution are by worker, so each thread must take up the worker of its own
            // number.
            let index = context.index();
            let mut worker = places[index].lock().unwrap_or_else(PoisonError::into_inner).take()?;
            let log = worker.pipe.next_stage(self.log(number + 1));
            let passed = || -> Result<()> {
                let Some(store) = log.waiting else { return Ok(()) };
                let mut waited = Waited::new(self.plan, stage, store, index, resolution);
                while let Some(batch) = waited.next()? {
                    self.pass(&mut worker, number + 1, batch)?;
                }
                self.finish(&mut worker, number + 1)
            };
            Some(passed().map(|()| worker))
        });
        done.into_iter().flatten().collect()
    }

    /// Counts the rows that were refused as rejected, and says which they are and why.
    pub fn refused(workers: &mut [Worker]) -> Refused {
        let refused = |worker: &mut Worker| {
            let refused = worker.pipe.take_refused();
            worker.tally.rejected += refused.len() as u64;
            refused
        };
        workers.iter_mut().flat_map(refused).collect()
    }

    /// Brings together what the workers have.
    ///
    /// # Errors
    /// Overflow in an aggregate, or a machine error of the disk.
    pub fn collect(
        self,
        reports: Vec<ScanReport>,
        workers: Vec<Worker>,
        found: ResolvedKeys,
    ) -> Result<PassResult> {
        let mut read = Tally::new();
        workers.iter().for_each(|worker| read.add(&worker.tally));
        let records = reports.iter().flat_map(|report| &report.inputs).map(|input| input.records);
        // The account is right only if both have counted the same records.
        if read.read + read.foreign != records.sum::<u64>() {
            return Err(Error::fault("the workers and the scan counted different numbers of records"));
        }
        let folded = workers.into_iter().map(|worker| worker.folded).collect();
        let gathered = self.folds.gather(folded, self.options.memory as usize / 2, self.progress)?;
        let GatheredFolds { mut tally, groups, rows, archives, late, late_only, sessions, observed } =
            gathered;
        tally.add(&read);
        for (duplicates, filtered, counted) in found.duplicates {
            tally.turn_duplicate(duplicates, filtered, counted);
        }
        Ok(PassResult {
            reports,
            tally,
            groups,
            rows,
            archives,
            resolution: found.resolution,
            held: found.held,
            waiting: found.waiting,
            watermark: self.clocks.as_ref().map(StepClocks::watermark_at_end),
            late,
            late_only,
            generator: self.arrivals.finish(),
            sessions,
            observed,
            offsets: self.offsets.map(|o| o.into_inner().unwrap_or_else(PoisonError::into_inner)),
            spilled: self.spilled.into_inner(),
        })
    }
}
