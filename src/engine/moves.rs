//! When a watermark moves, where it does not move after every record: between micro-batches, or from time to time.

use crate::plan::MicroBatch;

/// Spark's micro-batches, of records in arrival order.
///
/// # Contract
/// The watermark of a batch is the greatest event time of all earlier batches, less the delay. An event is late by the
/// watermark of the batch before its own. A trigger without records runs a batch without records, which moves
/// the watermark too: so by length of arrival it is the time of all batches but the last two.
#[derive(Debug, Clone)]
pub struct MicroBatches {
    batch: MicroBatch,
    /// Spark's watermark begins in 1970, so the greatest event time begins one delay after that.
    least: i64,
    records: i64,
    number: Option<i64>,
    /// The greatest event time of all records, of all batches but this one, and of all but the last two.
    all: i64,
    earlier: i64,
    earlier_still: i64,
}

impl MicroBatches {
    /// Before the first batch.
    pub fn new(batch: MicroBatch, out_of_orderness: i64) -> MicroBatches {
        let least = out_of_orderness;
        MicroBatches {
            batch,
            least,
            records: 0,
            number: None,
            all: least,
            earlier: least,
            earlier_still: least,
        }
    }

    /// The greatest event time by which a record of this arrival is late, which is the next.
    pub fn before(&mut self, arrival: i64) -> i64 {
        let number = match self.batch {
            MicroBatch::Records(records) => self.records / records.max(1),
            MicroBatch::Arrival(length) => arrival.div_euclid(length.max(1)),
        };
        match number.saturating_sub(*self.number.get_or_insert(number)) {
            0 => {}
            1 => (self.earlier_still, self.earlier) = (self.earlier, self.all),
            // In between, a batch without records has moved the watermark.
            _ => (self.earlier_still, self.earlier) = (self.all, self.all),
        }
        self.number = Some(number);
        self.records += 1;
        self.earlier_still
    }

    /// Notes the time of the record.
    pub fn note(&mut self, time: i64) {
        self.all = self.all.max(time);
    }

    /// What the next batch without records would be at, when all is read.
    pub fn at_end(&self) -> i64 {
        // Nothing has come, or nothing after 1970.
        if self.records == 0 { i64::MIN } else { self.all.max(self.least) }
    }
}

/// Flink's timer of periodic watermarks: it comes at multiples of its interval, and sees what arrived before.
#[derive(Debug, Clone)]
pub struct Timer {
    every: i64,
    last: Option<i64>,
}

impl Timer {
    /// A timer of this interval, microseconds.
    pub fn new(every: i64) -> Timer {
        Timer { every: every.max(1), last: None }
    }

    /// The number of the last time that the timer came up to this arrival, where it came since the arrival before.
    pub fn comes(&mut self, arrival: i64) -> Option<i64> {
        let number = arrival.div_euclid(self.every);
        let came = self.last.is_some_and(|last| last < number);
        self.last = Some(number);
        came.then_some(number)
    }

    /// The number of the first time at which a partition is idle that had its last event at `arrived`; where it has had
    /// none, it was there from that instant.
    pub fn idle_from(&self, arrived: i64, has_events: bool, idle: i64) -> i64 {
        // The timer sees the event when it comes next; silence is counted from the time after that.
        let silent = arrived.div_euclid(self.every).saturating_add(if has_events { 2 } else { 1 });
        let until = silent.saturating_mul(self.every).saturating_add(idle);
        until.div_euclid(self.every).saturating_add(1)
    }
}
