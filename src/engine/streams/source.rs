//! The clock of the source, read before the events where some of them wait.

use super::log_clock::{LogClock, LogOrder, RecordTimes};
use crate::batch::Moment;
use crate::error::Result;
use crate::input::{OnBadRecord, Scan};
use crate::plan::{LogPartition, Plan};
use crate::rows::RowSpace;
use std::path::Path;
use std::sync::Arc;

/// Reads the source of `plan` for its times alone.
///
/// # Errors
/// What keeps the log from being read.
pub fn read_source(plan: &Plan, watched: bool, memory: u64, spill_folder: &Path) -> Result<LogClock> {
    let pipeline = &plan.pipeline;
    let mut read = pipeline.read.clone();
    // Of all columns only those that tell partitions apart are wanted; columns keep their numbers. Where a bad value
    // rejects its record, all are read, so that the same records count.
    let wanted = pipeline.watermark.partition.map_or(vec![], LogPartition::columns);
    let most = wanted.iter().map(|column| column.place() + 1).max().unwrap_or(0);
    if read.derived.is_empty() && read.on_bad_record == OnBadRecord::Fail {
        read.columns.truncate(most);
    }
    let scan = Scan::new(Arc::new(read))?;
    let share = (memory / rayon::current_num_threads() as u64) as usize;
    let space = RowSpace(spill_folder.to_path_buf());
    let workers = rayon::broadcast(|_| -> Result<RecordTimes> {
        let mut times = RecordTimes::new(&pipeline.watermark, &pipeline.rows, space.clone());
        let mut input = scan.worker()?;
        while let Some(decoded) = input.next()? {
            times.note(&decoded.batch, share)?;
        }
        Ok(times)
    });
    // The scan's first fault, by position, goes before what the workers met.
    scan.finish()?;
    let times = workers.into_iter().collect::<Result<Vec<_>>>()?;
    let log = LogOrder {
        watermark: &pipeline.watermark,
        rows: &pipeline.rows,
        log: Moment::SOURCE,
        has_arrivals: pipeline.read.arrival.is_some(),
        // Where all partitions of the source are idle, its watermark stays.
        turns_idle: false,
    };
    LogClock::new(&log, times, watched)
}
