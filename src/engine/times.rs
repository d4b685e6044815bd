//! What each stage of a run took: rows, bytes, CPU seconds of all threads, and seconds on the wall.
//!
//! # Contract
//! * Nothing of it shows in a result. It is measured by the chunk, not by the row.
//! * Stages that work at the same time, from [`TimedStage::Read`] to [`TimedStage::Fold`], have about the same time on the wall;
//!   their CPU seconds say which of them a run waits for.

use crate::clock::Lap;
use crate::error::Result;
use crate::input::{DecodedBatch, Spent};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A stage of a run, in the order of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimedStage {
    /// Files → chunks: bytes from disk, hashed, decompressed and cut. Bytes are those on disk.
    Read,
    /// Chunks → columns. Rows are records read; bytes are those of text and of Avro, decompressed.
    Decode,
    /// The tables that steps look into, in order of key and time.
    Tables,
    /// The watermark generator: what the watermark was before each row.
    Order,
    /// The steps of the job. Rows are those that come to the first of them.
    Steps,
    /// Rows → groups and row stores.
    Fold,
    /// What is known only when all is read: duplicates, first events, streamed sessions.
    Settle,
    /// Groups and rows → outputs, merged, shaped, encoded and staged. Rows are those of the outputs.
    Write,
    /// Staged outputs put in place together.
    Commit,
}

impl TimedStage {
    /// All of them, in order.
    pub const ALL: [TimedStage; 9] = [
        TimedStage::Read,
        TimedStage::Decode,
        TimedStage::Tables,
        TimedStage::Order,
        TimedStage::Steps,
        TimedStage::Fold,
        TimedStage::Settle,
        TimedStage::Write,
        TimedStage::Commit,
    ];

    /// Its name, for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            TimedStage::Read => "read",
            TimedStage::Decode => "decode",
            TimedStage::Tables => "tables",
            TimedStage::Order => "order",
            TimedStage::Steps => "steps",
            TimedStage::Fold => "fold",
            TimedStage::Settle => "settle",
            TimedStage::Write => "write",
            TimedStage::Commit => "commit",
        }
    }
}

/// A piece of work of a stage.
#[derive(Debug, Clone, Copy)]
pub struct SpentWork {
    /// Rows that it was about; 0 where they are counted elsewhere.
    pub rows: u64,
    /// Bytes that it was about; 0 where they are not known.
    pub bytes: u64,
    /// How long it took.
    pub lap: Lap,
}

/// What a stage took in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageTime {
    /// Which.
    pub stage: TimedStage,
    /// Rows.
    pub rows: u64,
    /// Bytes; 0 where they are not known.
    pub bytes: u64,
    /// CPU time of all threads.
    pub busy: Duration,
    /// From the start of its first piece of work to the end of its last.
    pub wall: Duration,
}

/// Tells what a scan spent on giving its next rows.
pub fn spent(progress: &dyn Progress, spent: Spent, next: &Result<Option<DecodedBatch>>, lap: Lap) {
    let rows = next.as_ref().ok().and_then(Option::as_ref).map_or(0, |decoded| decoded.read);
    let Spent { reading, decoding, bytes } = spent;
    // One call reads and decodes, so both stages have its wall time, and each its own CPU time.
    progress.worked(TimedStage::Read, SpentWork { rows: 0, bytes: 0, lap: Lap { cpu: reading, ..lap } });
    progress.worked(TimedStage::Decode, SpentWork { rows, bytes, lap: Lap { cpu: decoding, ..lap } });
}

/// Hears how far a run is.
pub trait Progress: Sync {
    /// The input is being read: `done` of `total` bytes on disk.
    fn reading(&self, done: u64, total: u64);
    /// The input is read and the outputs are being written.
    fn writing(&self);
    /// A piece of work of a stage is done. Called by many threads, by the chunk.
    fn worked(&self, _stage: TimedStage, _work: SpentWork) {}
}

/// The sums of all stages, of any number of threads.
#[derive(Debug, Default)]
pub struct StageTimes([Mutex<Option<StageTotal>>; TimedStage::ALL.len()]);

#[derive(Debug, Clone, Copy)]
struct StageTotal {
    rows: u64,
    bytes: u64,
    busy: Duration,
    began: Instant,
    ended: Instant,
}

impl StageTimes {
    /// Adds a piece of work.
    pub fn add(&self, stage: TimedStage, work: SpentWork) {
        let SpentWork { rows, bytes, lap } = work;
        let mut sum = self.0[stage as usize].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let new = StageTotal { rows, bytes, busy: lap.cpu, began: lap.began, ended: lap.ended };
        *sum = Some(sum.map_or(new, |old| StageTotal {
            rows: old.rows + rows,
            bytes: old.bytes + bytes,
            busy: old.busy + lap.cpu,
            began: old.began.min(lap.began),
            ended: old.ended.max(lap.ended),
        }));
    }

    /// The stages that did anything, in order.
    pub fn report(&self) -> Vec<StageTime> {
        let of = |stage: TimedStage| {
            let sum = *self.0[stage as usize].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let StageTotal { rows, bytes, busy, began, ended } = sum?;
            Some(StageTime { stage, rows, bytes, busy, wall: ended.saturating_duration_since(began) })
        };
        TimedStage::ALL.into_iter().filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_summed_and_the_wall_reaches_from_the_first_to_the_last() {
        let times = StageTimes::default();
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let work = |rows, from: u64, to: u64| SpentWork {
            rows,
            bytes: 2 * rows,
            lap: Lap { began: at(from), ended: at(to), cpu: Duration::from_millis(to - from) },
        };
        times.add(TimedStage::Fold, work(3, 10, 20));
        times.add(TimedStage::Fold, work(4, 5, 12));
        times.add(TimedStage::Read, work(0, 0, 1));
        let [read, fold] = times.report()[..] else { panic!("{times:?}") };
        assert_eq!((read.stage, fold.stage), (TimedStage::Read, TimedStage::Fold));
        assert_eq!((fold.rows, fold.bytes), (7, 14));
        assert_eq!((fold.busy, fold.wall), (Duration::from_millis(17), Duration::from_millis(15)));
    }
}
