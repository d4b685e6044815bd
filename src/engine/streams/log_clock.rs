//! The arrival clock and the watermark of one log, from one read of it.
//!
//! # Contract
//! The clock of a record is its arrival, or, where the log does not tell it, the greatest event time up to it. Records
//! are noted in any order, by all workers, and put in order of arrival when all are there.

use super::timeline::WatermarkChange;
use crate::batch::plain_strings;
use crate::batch::{Batch, ColumnId, DataType, Moment, Position, Schema};
use crate::engine::watermark::WatermarkGenerator;
use crate::error::Result;
use crate::plan::{LogPartition, WatermarkPlan};
use crate::rows::{OrderedRows, RowSpace, RowStore, gather_partitions};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use std::ops::Range;
use std::sync::Arc;

/// Rows that are put in order at once.
const ROWS: usize = 1 << 16;

/// The arrival, event time and partition of the records that one worker reads.
pub struct RecordTimes {
    partition: Vec<ColumnId>,
    store: RowStore,
}

/// How a log is read: its watermark, its number in the merged order, and whether it tells arrivals.
pub struct LogOrder<'a> {
    pub watermark: &'a WatermarkPlan,
    pub rows: &'a Schema,
    pub log: u16,
    pub has_arrivals: bool,
    /// Whether the log as a whole turns idle, as a table does.
    pub turns_idle: bool,
}

/// The clock and the watermark of a log.
pub struct LogClock {
    /// How its watermark moves.
    pub changes: Vec<WatermarkChange>,
    /// Where the log does not tell arrivals: positions at which the clock moves on, and to what.
    clocks: Vec<(u64, i64)>,
    /// The clock of its last record; [`i64::MIN`] without one.
    pub end: i64,
    /// The watermark generator after its last record.
    pub generator: WatermarkGenerator,
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

impl LogClock {
    /// Puts what all workers noted in order. With `watched`, the generator notes what an audit tells.
    ///
    /// # Errors
    /// A machine error of the disk.
    pub fn new(log: &LogOrder, times: Vec<RecordTimes>, watched: bool) -> Result<LogClock> {
        let generator = WatermarkGenerator::of_log(log.watermark, log.rows, watched);
        let mut clock = LogClock { changes: vec![], clocks: vec![], end: i64::MIN, generator };
        let partition = log.watermark.partition.map_or(vec![], LogPartition::columns);
        let stores = times.into_iter().map(|times| times.store).collect();
        let Some(rows) = gather_partitions(stores).pop() else { return Ok(clock) };
        let ordered = rows.order()?;
        // Where a partition can turn idle, a record may move the watermark before it and after it.
        let at_once = if log.watermark.idle.is_some() { 1 } else { ROWS };
        let cuts = || (0..ordered.len()).step_by(ROWS);
        let block_from = |from: usize| TimesBlock::new(log, &ordered, from..ordered.len().min(from + ROWS));
        if log.watermark.known {
            // Partitions that hold the watermark from the start are those of the whole log.
            for block in cuts().map(block_from) {
                clock.generator.know(&block.rows(log, &partition, 0..block.time.len()));
            }
        }
        for block in cuts().map(block_from) {
            let rows = block.time.len();
            for start in (0..rows).step_by(at_once) {
                clock.pass(log, &mut block.rows(log, &partition, start..rows.min(start + at_once)));
            }
        }
        if let Some(idle) = log.watermark.idle.filter(|_| log.turns_idle && clock.end != i64::MIN) {
            clock.turn_idle(idle);
        }
        Ok(clock)
    }

    /// The clock of the record at `position`, where the log does not tell arrivals.
    pub fn at(&self, position: u64) -> i64 {
        let after = self.clocks.partition_point(|(at, _)| *at <= position);
        after.checked_sub(1).map_or(i64::MIN, |at| self.clocks[at].1)
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.changes.len() * size_of::<WatermarkChange>() + self.clocks.len() * 16
    }

    fn pass(&mut self, log: &LogOrder, batch: &mut Batch) {
        self.generator.pass(batch);
        let delay = log.watermark.out_of_orderness;
        let last = self.generator.max_timestamp();
        for row in 0..batch.rows {
            let clock = match batch.arrival.get(row) {
                Some(arrival) => *arrival,
                None => {
                    let clock = self.end.max(batch.time[row]);
                    // The event times of a log are later than the lowest value, so the first is a move.
                    if clock > self.end {
                        self.clocks.push((batch.positions[row].as_u64(), clock));
                    }
                    clock
                }
            };
            if let Some(idle) = log.watermark.idle.filter(|_| log.turns_idle && self.end != i64::MIN)
                && clock.saturating_sub(self.end) > idle
            {
                self.turn_idle(idle);
            }
            self.end = clock;
            let moment = Moment::of(clock, log.log, batch.positions[row]);
            let after = batch.max_timestamp.get(row + 1).copied().unwrap_or(last);
            self.change(moment.before(), batch.max_timestamp[row], delay);
            self.change(moment, after, delay);
        }
    }

    /// The log holds nothing once it has been quiet for longer than `idle`, until its next record.
    fn turn_idle(&mut self, idle: i64) {
        let moment = Moment::first_at(self.end.saturating_add(idle).saturating_add(1));
        self.changes.push((moment, i64::MAX));
    }

    fn change(&mut self, moment: Moment, max_timestamp: i64, delay: i64) {
        let watermark = max_timestamp.saturating_sub(delay);
        let now = self.changes.last().map_or(i64::MIN, |change| change.1);
        // An idle log holds again from just after its next record.
        if watermark > now || (now == i64::MAX && moment.arrived) {
            self.changes.push((moment, watermark));
        }
    }
}
