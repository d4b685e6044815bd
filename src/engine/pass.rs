//! One pass over the events: reads all inputs on all threads, and gives what the outputs are made of.
//!
//! # Contract
//! The first fault by position ends the pass, whichever worker met it first.

use super::arrivals::{ArrivalNeed, Arrivals};
use super::intake::Intake;
use super::offsets::Offsets;
use super::options::RunOptions;
use super::read::PassResult;
use super::scope::Scope;
use super::steps::Sources;
use super::streams::{ArrivingTable, StepClocks};
use super::times::{Progress, SpentWork, TimedStage};
use super::worker::{PassContext, Worker};
use crate::asof::AsOfTable;
use crate::batch::Position;
use crate::clock::{Lap, Stopwatch};
use crate::error::Result;
use crate::input::{BadRecord, Scan};
use crate::lookup::Services;
use crate::plan::{PerId, Pipeline, Plan, StepId, TableId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A plan on its way through the engine, and how it uses the machine.
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    pub plan: &'a Plan,
    pub options: &'a RunOptions,
    pub progress: &'a dyn Progress,
}

impl Pass<'_> {
    /// Reads the source for all results.
    pub fn read(&self, need: ArrivalNeed, sources: &Sources) -> Result<PassResult> {
        self.read_all(need, sources, &[Intake::source(&self.plan.pipeline.read)], &Scope::all(self.plan))
    }

    /// Reads everything, on all threads. The first intake tells what arrivals are, where that is needed.
    ///
    /// Of a log that tells offsets it is taken that none comes twice, for then no row has to wait; where one
    /// does, everything is read once more.
    pub fn read_all(
        &self,
        need: ArrivalNeed,
        sources: &Sources,
        intakes: &[Intake],
        scope: &Scope,
    ) -> Result<PassResult> {
        if self.plan.pipeline.offsets.is_some() {
            // The first step only drops repeated offsets, so this read starts behind it.
            let read = self.read_once(need, sources, intakes, (scope, StepId::new(1)))?;
            if !read.offsets.as_ref().is_some_and(Offsets::repeat) {
                return Ok(read);
            }
        }
        self.read_once(need, sources, intakes, (scope, StepId::new(0)))
    }

    /// Reads everything, and passes it through the steps from `first` on.
    fn read_once(
        &self,
        need: ArrivalNeed,
        sources: &Sources,
        intakes: &[Intake],
        (scope, first): (&Scope, StepId),
    ) -> Result<PassResult> {
        let (memory, folder) = (self.options.memory, &self.options.spill_folder);
        let arrivals = Arrivals::new(self.plan, need, memory, folder)?;
        let source = arrivals.source().filter(|_| StepClocks::need_source(self.plan));
        let clocks = StepClocks::new(self.plan, &sources.arriving, source, memory)?;
        let scope = (self.plan, scope, first);
        let arrivals = (arrivals, clocks);
        let shared = PassContext::new(scope, self.options, sources, arrivals, need, self.progress);
        // A worker keeps its tables through all intakes, so that there is one set for each thread in the end.
        let hands: Vec<Mutex<Option<Worker>>> = (0..self.options.threads).map(|_| Mutex::default()).collect();
        let mut scans = vec![];
        for intake in intakes {
            let scan = Scan::new(intake.read.clone())?;
            let done = self.watch(&scan, || {
                rayon::broadcast(|context| {
                    let mut hand = hands[context.index()].lock().unwrap_or_else(PoisonError::into_inner);
                    let worker = hand.take();
                    *hand = Some(shared.work(intake, &scan, worker)?);
                    Ok(())
                })
            });
            // The scan's first fault, by position, goes before what the workers met.
            scan.check()?;
            done.into_iter().collect::<Result<()>>()?;
            scans.push(scan);
        }
        // Without anything to read there is still somebody to say so.
        let hand = |hand: Mutex<Option<Worker>>| hand.into_inner().unwrap_or_else(PoisonError::into_inner);
        let workers = hands.into_iter().map(|one| hand(one).unwrap_or_else(|| shared.worker()));
        let mut watch = Stopwatch::of_process();
        let (mut workers, found) = shared.later_stages(workers.collect())?;
        if shared.resolves() {
            self.progress.worked(TimedStage::Settle, SpentWork { rows: 0, bytes: 0, lap: watch.lap() });
        }
        let refused = PassContext::refused(&mut workers);
        let reports = scans.into_iter().zip(intakes).map(|(scan, intake)| {
            // A record that a service refused is rejected like an unreadable one, with its text.
            scan.set_aside(
                intake.of_this(&refused).map(|(position, reason)| bad_record(position, reason)).collect(),
            )?;
            scan.finish()
        });
        let reports = reports.collect::<Result<Vec<_>>>()?;
        shared.collect(reports, workers, found)
    }

    /// Shows how far `scan` is while `work` works on it.
    pub fn watch<T>(&self, scan: &Scan, work: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        let (began, before) = (Instant::now(), scan.bytes_done());
        let result = std::thread::scope(|scope| {
            // The progress line has a thread of its own, so that it moves while all workers work. Where no more
            // threads may start, it stands still.
            let line = std::thread::Builder::new().name("progress".into()).spawn_scoped(scope, || {
                while !done.load(Ordering::Acquire) {
                    self.progress.reading(scan.bytes_done(), scan.bytes_total());
                    std::thread::park_timeout(Duration::from_millis(100));
                }
            });
            let ends = EndsLine(&done, line.as_ref().ok().map(|line| line.thread()));
            let result = work();
            drop(ends);
            if let Ok(line) = line {
                line.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
            result
        });
        self.progress.reading(scan.bytes_total(), scan.bytes_total());
        let bytes = scan.bytes_done() - before;
        // This thread may be one of the workers, which tell what they spend themselves.
        let lap = Lap::on_the_wall(began);
        self.progress.worked(TimedStage::Read, SpentWork { rows: 0, bytes, lap });
        result
    }

    /// What steps look into: these tables, and services that are opened.
    ///
    /// # Errors
    /// Recorded answers that cannot be read.
    pub fn sources(
        &self,
        tables: PerId<TableId, AsOfTable>,
        arriving: PerId<TableId, Option<ArrivingTable>>,
    ) -> Result<Sources> {
        Ok(Sources { tables, arriving, services: self.services()? })
    }

    /// The services that steps ask, opened; none where they ask none.
    ///
    /// # Errors
    /// Recorded answers that cannot be read.
    pub fn services(&self) -> Result<Option<Services>> {
        let Pipeline { services, answers, .. } = &self.plan.pipeline;
        let open = || Services::open(services, answers.as_deref(), self.options.refresh_lookups);
        (!services.is_empty()).then(open).transpose()
    }
}

/// Ends the progress line also where the work ends in a panic: the scope waits for its thread.
struct EndsLine<'a>(&'a AtomicBool, Option<&'a std::thread::Thread>);

impl Drop for EndsLine<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        if let Some(thread) = self.1 {
            thread.unpark();
        }
    }
}

/// A record that a service did not answer for; its text is read again.
fn bad_record(position: Position, reason: String) -> BadRecord {
    BadRecord { position, column: None, reason, hint: None, raw: vec![], aside: true }
}
