//! Batches of one worker on their way through the steps of a stage.
//!
//! # Contract
//! Batches leave in the order in which they came. One that waits for the answers of a service holds up those
//! behind it, which ask for theirs meanwhile.

use super::stage_log::StageLog;
use super::steps::{Passed, Passing, Refused, StageSteps};
use super::times::{Progress, SpentWork, TimedStage};
use crate::batch::Batch;
use crate::clock::Stopwatch;
use crate::error::Result;
use std::collections::VecDeque;

/// How many batches of a worker may wait for answers.
const MOST_WAITING: usize = 32;

/// What a worker has of the stage under way.
pub struct Pipe {
    log: StageLog,
    /// Batches that wait for answers, or for one that does, in order.
    queue: VecDeque<Passed>,
    refused: Refused,
}

/// The steps of a stage, and what is behind them.
pub struct PipeContext<'a> {
    pub steps: StageSteps<'a>,
    pub progress: &'a dyn Progress,
    /// Takes the batches that leave the last stage.
    pub out: &'a mut dyn FnMut(Batch) -> Result<()>,
}

impl Pipe {
    /// A worker at the beginning of a stage.
    pub fn new(log: StageLog) -> Pipe {
        Pipe { log, queue: VecDeque::new(), refused: vec![] }
    }

    /// What was noted.
    pub fn log(&mut self) -> &mut StageLog {
        &mut self.log
    }

    /// Goes to the next stage; gives what was noted in the one that ends.
    pub fn next_stage(&mut self, log: StageLog) -> StageLog {
        std::mem::replace(&mut self.log, log)
    }

    /// The rows that services did not answer for, and why.
    pub fn take_refused(&mut self) -> Refused {
        std::mem::take(&mut self.refused)
    }

    /// Passes a batch through the steps, as far as it comes; its rows come for the first time if it is `new`.
    ///
    /// # Errors
    /// An expression that cannot be computed, a service or a disk that fails.
    pub fn push(&mut self, way: &mut PipeContext, batch: Batch, new: bool) -> Result<()> {
        let rows = if new { batch.rows } else { 0 };
        let passing = Passing::new(way.steps.stage, batch);
        match self.step(way, passing, rows)? {
            // Batches leave in the order in which they came, so one behind a waiting batch waits too.
            Passed::Through(batch) if self.queue.is_empty() => self.leave(way, batch),
            passed => {
                self.queue.push_back(passed);
                self.drain(way, MOST_WAITING)
            }
        }
    }

    /// Waits for all batches that are still on their way.
    ///
    /// # Errors
    /// As [`Pipe::push`].
    pub fn finish(&mut self, way: &mut PipeContext) -> Result<()> {
        self.drain(way, 0)
    }

    fn step(&mut self, way: &PipeContext, passing: Passing, rows: usize) -> Result<Passed> {
        if way.steps.plan.pipeline.steps.is_empty() {
            // Of small files there are many batches, and each look at the clock is a system call.
            return way.steps.pass(passing, &mut self.log, &mut self.refused);
        }
        let mut watch = Stopwatch::of_thread();
        let passed = way.steps.pass(passing, &mut self.log, &mut self.refused);
        way.progress.worked(TimedStage::Steps, SpentWork { rows: rows as u64, bytes: 0, lap: watch.lap() });
        passed
    }

    /// Goes on with batches whose answers have come, and waits until at most `most` are left.
    fn drain(&mut self, way: &mut PipeContext, most: usize) -> Result<()> {
        // Those behind the first ask on, so that their next answers come in the meantime.
        for passed in std::mem::take(&mut self.queue) {
            let passed = match passed {
                Passed::Waiting(passing) if passing.is_ready(way.steps.sources) => {
                    self.step(way, passing, 0)?
                }
                passed => passed,
            };
            self.queue.push_back(passed);
        }
        while let Some(first) = self.queue.pop_front() {
            match first {
                Passed::Through(batch) => self.leave(way, batch)?,
                // Past `most` batches the worker waits for the first: that bounds the memory of those under
                // way.
                Passed::Waiting(passing)
                    if self.queue.len() >= most || passing.is_ready(way.steps.sources) =>
                {
                    let passed = self.step(way, passing, 0)?;
                    self.queue.push_front(passed);
                }
                waiting => {
                    self.queue.push_front(waiting);
                    break;
                }
            }
        }
        Ok(())
    }

    /// What comes after a stage: the rows wait for the next, or go out.
    fn leave(&mut self, way: &mut PipeContext, batch: Batch) -> Result<()> {
        // A filter can leave an empty batch, which would only cost time from here on.
        if batch.rows == 0 {
            return Ok(());
        }
        if self.log.is_last() { (way.out)(batch) } else { self.log.wait(way.steps.stage, batch) }
    }
}
