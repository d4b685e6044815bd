//! The times of a log's records, read before the events: noted by all workers, passed on in order of arrival.
//!
//! # Contract
//! Records are noted in any order. They pass the watermark generator once, when all are there: by their arrival, and of one
//! arrival, or where the log does not tell it, by position.

use super::watermark::WatermarkGenerator;
use crate::batch::plain_strings;
use crate::batch::{Batch, ColumnId, DataType, Position, Schema};
use crate::error::Result;
use crate::input::{OnBadRecord, Scan};
use crate::plan::{LogPartition, Pipeline, WatermarkPlan};
use crate::rows::{OrderedRows, RowSpace, RowStore, gather_partitions};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Rows that are put in order at once.
pub const ROWS: usize = 1 << 16;

/// The arrival, event time and partition of the records that one worker reads.
pub struct RecordTimes {
    partition: Vec<ColumnId>,
    store: RowStore,
}

/// How the records of a log are put in order, and whose watermark they move.
pub struct LogOrder<'a> {
    pub watermark: &'a WatermarkPlan,
    pub rows: &'a Schema,
    /// Whether the log tells arrivals.
    pub has_arrivals: bool,
}

impl RecordTimes {
    pub fn new(watermark: &WatermarkPlan, rows: &Schema, space: RowSpace) -> RecordTimes {
        let partition = watermark.partition.map_or(vec![], LogPartition::columns);
        let mut types = vec![DataType::Int64];
        types.extend(partition.iter().map(|&c| rows.fields[c].ty));
        RecordTimes { partition, store: RowStore::unpartitioned(types, space) }
    }

    /// Notes the records of a batch as they were read. Past `share` bytes they go to disk.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn note(&mut self, batch: &Batch, share: usize) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(batch.time.clone()))];
        columns.extend(self.partition.iter().map(|&c| batch.columns[c].clone()));
        // A store sorts by its time and then by position, so the arrival stands in that place.
        let time = if batch.arrival.is_empty() { vec![0; batch.rows] } else { batch.arrival.clone() };
        let positions = batch.positions.clone();
        self.store.push(&Batch { columns, time, positions, rows: batch.rows, ..Batch::default() })?;
        if self.store.bytes() > share {
            self.store.spill()?;
        }
        Ok(())
    }
}

/// Reads the source for its times alone.
///
/// # Errors
/// What keeps the log from being read.
pub fn read_source(pipeline: &Pipeline, memory: u64, spill_folder: &Path) -> Result<Vec<RecordTimes>> {
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
    workers.into_iter().collect()
}

/// Lets the records that all workers noted pass `generator` in order of arrival, at most `at_once` (of [`ROWS`]) at a time. After
/// each time, `passed` is given them and the generator.
///
/// # Errors
/// A machine error of the disk.
pub fn pass_in_order(
    log: &LogOrder,
    times: Vec<RecordTimes>,
    generator: &mut WatermarkGenerator,
    at_once: usize,
    mut passed: impl FnMut(&Batch, &WatermarkGenerator),
) -> Result<()> {
    let partition = log.watermark.partition.map_or(vec![], LogPartition::columns);
    let stores = times.into_iter().map(|times| times.store).collect();
    let Some(rows) = gather_partitions(stores).pop() else { return Ok(()) };
    let ordered = rows.order()?;
    let cuts = || (0..ordered.len()).step_by(ROWS);
    let block_from = |from: usize| TimesBlock::new(log, &ordered, from..ordered.len().min(from + ROWS));
    if log.watermark.known {
        // Partitions that hold the watermark from the start are those of the whole log.
        for block in cuts().map(block_from) {
            generator.know(&block.rows(log, &partition, 0..block.time.len()));
        }
    }
    for block in cuts().map(block_from) {
        let rows = block.time.len();
        for start in (0..rows).step_by(at_once) {
            let mut batch = block.rows(log, &partition, start..rows.min(start + at_once));
            generator.pass(&mut batch);
            passed(&batch, generator);
        }
    }
    Ok(())
}

/// Some of the records in order, as they were noted.
struct TimesBlock {
    time: Vec<i64>,
    positions: Vec<Position>,
    arrival: Vec<i64>,
    partition: Vec<ArrayRef>,
}

impl TimesBlock {
    fn new(log: &LogOrder, ordered: &OrderedRows, rows: Range<usize>) -> TimesBlock {
        let columns = ordered.columns(rows.start, rows.end);
        let mut columns = columns.iter().map(plain_strings);
        let time = columns.next().expect("the column of event times comes first");
        let arrival = if log.has_arrivals { ordered.times(rows.start, rows.end) } else { vec![] };
        TimesBlock {
            time: time.as_primitive::<Int64Type>().values().to_vec(),
            positions: ordered.positions(rows.start, rows.end),
            arrival,
            partition: columns.collect(),
        }
    }

    /// Some of its rows, as the watermark generator reads them.
    fn rows(&self, log: &LogOrder, partition: &[ColumnId], rows: Range<usize>) -> Batch {
        let none = arrow_array::new_null_array(&arrow_schema::DataType::Null, 0);
        let mut batch = Batch {
            // The watermark generator reads the partition columns alone, so the others may stay empty.
            columns: vec![none; log.rows.fields.len()],
            time: self.time[rows.clone()].to_vec(),
            positions: self.positions[rows.clone()].to_vec(),
            arrival: self.arrival.get(rows.clone()).map_or(vec![], <[i64]>::to_vec),
            rows: rows.len(),
            ..Batch::default()
        };
        for (c, column) in partition.iter().zip(&self.partition) {
            batch.columns[*c] = column.slice(rows.start, rows.len());
        }
        batch
    }
}
