//! The watermark generator: what the watermark is before each event.
//!
//! # Contract
//! Events pass in arrival order. Before each, `max_timestamp` is the greatest event time so far; of several
//! partitions it is the least of theirs, those left out that have been idle for longer than allowed (by
//! arrival time). It never goes back: a partition that is seen for the first time, or wakes up, cannot
//! lower it. The watermark is `max_timestamp` − the out-of-orderness, as Flink's bounded out-of-orderness
//! strategy has it with a watermark after every record. [`WatermarkRule`] names the rules of other engines; of each
//! `max_timestamp` is such that the watermark by which an event is late is it less the out-of-orderness.

use super::lags::Lags;
use super::moves::{MicroBatches, Timer};
use crate::batch::value_text;
use crate::batch::{Batch, Position, Schema};
use crate::group::ColumnCodes;
use crate::plan::{LogPartition, Plan, WatermarkPlan, WatermarkRule};
use arrow_array::{ArrayRef, StringViewArray};
use hashbrown::HashMap;
use std::sync::Arc;

/// The state of the watermark generator.
pub struct WatermarkGenerator {
    partition: Option<LogPartition>,
    idle: Option<i64>,
    rule: WatermarkRule,
    /// Of Spark's rule.
    batches: Option<MicroBatches>,
    /// Where the watermark moves from time to time.
    timer: Option<Timer>,
    /// The greatest event time of all.
    newest: i64,
    /// Of a log without partitions the greatest event time; else what all partitions have reached.
    max_timestamp: i64,
    /// Codes of partitions, which are their numbers in `partitions`.
    names: Vec<ColumnCodes>,
    /// Where two columns name a partition, its number by their codes.
    pairs: HashMap<(u32, u32), u32>,
    partitions: Vec<PartitionClock>,
    codes: Vec<u32>,
    /// The arrival time from which on a partition that counts becomes idle.
    idle_from: i64,
    /// What is noted for an audit.
    watch: Option<Box<AuditWatch>>,
}

/// What an audit wants to know of events as they pass.
#[derive(Debug, Default)]
pub struct AuditWatch {
    /// The largest steps of the watermark generator, or of a partition's own: how far, where, and to which time.
    pub jumps: Vec<(i64, Position, i64)>,
    /// Per partition, in the order of their numbers.
    pub partitions: Vec<Watched>,
}

/// One partition.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// Its events.
    pub events: u64,
    /// How far those that came behind its greatest event time were behind.
    pub lags: Lags,
    /// The longest time between the arrivals of two of its events.
    pub longest_pause: i64,
}

/// How many jumps are kept.
const JUMPS: usize = 5;

impl AuditWatch {
    fn jump(&mut self, before: i64, time: i64, position: Position) {
        let step = time.saturating_sub(before);
        let least = self.jumps.last().map_or(0, |jump| jump.0);
        if before != i64::MIN && step > 0 && (self.jumps.len() < JUMPS || step > least) {
            // Of equal steps the first stays.
            let at = self.jumps.partition_point(|jump| jump.0 >= step);
            self.jumps.insert(at, (step, position, time));
            self.jumps.truncate(JUMPS);
        }
    }
}

/// What is known of one partition of the log.
#[derive(Debug, Clone, Copy)]
struct PartitionClock {
    /// The greatest event time.
    max_timestamp: i64,
    /// When its last event arrived; before the first, when the log began.
    arrived: i64,
    /// Whether it holds the watermark before its first event.
    known: bool,
}

const UNSEEN: PartitionClock = PartitionClock { max_timestamp: i64::MIN, arrived: i64::MIN, known: false };

impl PartitionClock {
    fn has_events(&self) -> bool {
        self.max_timestamp != i64::MIN
    }

    fn counts(&self) -> bool {
        self.known || self.has_events()
    }
}

impl WatermarkGenerator {
    /// The watermark generator before the first event of `plan`'s log.
    pub fn new(plan: &Plan, watched: bool) -> WatermarkGenerator {
        WatermarkGenerator::of_log(&plan.pipeline.watermark, &plan.pipeline.rows, watched)
    }

    /// The watermark generator before the first record of a log with these columns.
    pub fn of_log(watermark: &WatermarkPlan, rows: &Schema, watched: bool) -> WatermarkGenerator {
        let partition = watermark.partition;
        let columns = partition.map_or(vec![], LogPartition::columns);
        let names = columns.into_iter().map(|c| ColumnCodes::new(rows.fields[c].ty)).collect();
        WatermarkGenerator {
            partition,
            idle: watermark.idle,
            rule: watermark.rule,
            batches: match watermark.rule {
                WatermarkRule::Spark(batch) => Some(MicroBatches::new(batch, watermark.out_of_orderness)),
                _ => None,
            },
            timer: watermark.every.map(Timer::new),
            newest: i64::MIN,
            max_timestamp: i64::MIN,
            names,
            pairs: HashMap::new(),
            partitions: vec![],
            codes: vec![],
            idle_from: i64::MAX,
            watch: watched.then(Box::default),
        }
    }

    /// What was noted for an audit.
    pub fn watch(&self) -> Option<&AuditWatch> {
        self.watch.as_deref()
    }

    /// The partitions of the log: of each its name's number, greatest event time and last arrival.
    pub fn partitions(&self) -> impl Iterator<Item = (usize, i64, i64)> {
        let seen = self.partitions.iter().enumerate().filter(|(_, p)| p.has_events());
        seen.map(|(number, p)| (number, p.max_timestamp, p.arrived))
    }

    /// The values that name partitions, by number: of topics and their partitions as Kafka has them,
    /// `orders-2`. `None` where files are partitions.
    pub fn names(&self) -> Option<ArrayRef> {
        let values: Vec<ArrayRef> = self.names.iter().map(ColumnCodes::decode_all).collect();
        let [topics, partitions] = &values[..] else { return values.into_iter().next() };
        let mut names = vec![String::new(); self.pairs.len()];
        for (&(topic, partition), &number) in &self.pairs {
            let topic = value_text(topics, topic as usize);
            names[number as usize] = format!("{topic}-{}", value_text(partitions, partition as usize));
        }
        Some(Arc::new(StringViewArray::from(names)))
    }

    /// What has been reached after the events so far; [`i64::MIN`] before the first.
    pub fn max_timestamp(&self) -> i64 {
        match (&self.batches, self.rule) {
            (Some(batches), _) => batches.at_end(),
            // Each partition has its own; this is that of the partition that is furthest.
            (None, WatermarkRule::KafkaStreams) => self.newest,
            _ => self.ahead(self.max_timestamp),
        }
    }

    /// As windows see it.
    fn ahead(&self, max_timestamp: i64) -> i64 {
        // Before the first event there is no time that could be ahead.
        if max_timestamp == i64::MIN { max_timestamp } else { max_timestamp + self.rule.ahead() }
    }

    /// Makes the partitions of `batch` known before their first events; of all rows of the log, in arrival order.
    pub fn know(&mut self, batch: &Batch) {
        let mut codes = std::mem::take(&mut self.codes);
        self.partitions_of(batch, &mut codes);
        let begun = self.partitions.iter().find(|p| p.known).map(|p| p.arrived);
        let begun = begun.or(batch.arrival.first().copied()).unwrap_or(0);
        for &partition in &codes {
            let held = self.partition(partition as usize);
            (held.known, held.arrived) = (true, begun);
        }
        self.codes = codes;
    }

    fn partition(&mut self, number: usize) -> &mut PartitionClock {
        if number >= self.partitions.len() {
            self.partitions.resize(number + 1, UNSEEN);
        }
        &mut self.partitions[number]
    }

    /// Lets the rows of `batch` pass, which come next in arrival order; fills `batch.reached`.
    pub fn pass(&mut self, batch: &mut Batch) {
        let mut max_timestamp = Vec::with_capacity(batch.rows);
        let after_each = self.batches.is_none() && self.timer.is_none() && self.partition.is_none();
        if after_each {
            let ahead = self.rule.ahead();
            for &time in &batch.time {
                // A row sees what was reached before it: Flink moves its watermark after each record.
                max_timestamp.push(self.max_timestamp);
                self.max_timestamp = self.max_timestamp.max(time);
            }
            self.newest = self.max_timestamp;
            if let Some(watch) = &mut self.watch {
                for ((&before, &time), &position) in
                    max_timestamp.iter().zip(&batch.time).zip(&batch.positions)
                {
                    watch.jump(before, time, position);
                }
            }
            if ahead != 0 {
                max_timestamp.iter_mut().for_each(|before| *before = self.ahead(*before));
            }
        } else {
            let mut codes = std::mem::take(&mut self.codes);
            self.partitions_of(batch, &mut codes);
            for (row, &partition) in codes.iter().enumerate() {
                let arrival = batch.arrival.get(row).copied().unwrap_or(0);
                max_timestamp.push(self.before(partition as usize, arrival));
                if self.watch.is_some() {
                    self.watch_event(partition as usize, batch.time[row], arrival, batch.positions[row]);
                }
                self.note(partition as usize, batch.time[row], arrival);
            }
            self.codes = codes;
        }
        batch.max_timestamp = max_timestamp;
    }

    fn partitions_of(&mut self, batch: &Batch, codes: &mut Vec<u32>) {
        codes.clear();
        match self.partition {
            Some(LogPartition::Column(c)) => self.names[0].encode(&batch.columns[c], codes),
            Some(LogPartition::Topics { topic, partition }) => {
                self.names[0].encode(&batch.columns[topic], codes);
                let mut numbers = Vec::with_capacity(batch.rows);
                self.names[1].encode(&batch.columns[partition], &mut numbers);
                // Neighbours are mostly of one partition, which spares the look-up.
                let mut last = None;
                for (code, number) in codes.iter_mut().zip(numbers) {
                    let pair = (*code, number);
                    *code = match last {
                        Some((of, known)) if of == pair => known,
                        _ => {
                            let next = self.pairs.len() as u32;
                            *self.pairs.entry(pair).or_insert(next)
                        }
                    };
                    last = Some((pair, *code));
                }
            }
            Some(LogPartition::File) => codes.extend(batch.positions.iter().map(|p| p.file())),
            None => codes.resize(batch.rows, 0),
        }
    }

    /// By what a row is late that arrives now, of this partition.
    fn before(&mut self, partition: usize, arrival: i64) -> i64 {
        if let Some(batches) = &mut self.batches {
            return batches.before(arrival);
        }
        if self.rule == WatermarkRule::KafkaStreams {
            return self.partition(partition).max_timestamp;
        }
        match &mut self.timer {
            Some(timer) => {
                if let Some(number) = timer.comes(arrival) {
                    self.emit(number);
                }
            }
            // A look at all partitions for each row would be slow: only a partition that turns idle asks for it.
            None if arrival > self.idle_from => self.refresh(arrival),
            None => {}
        }
        self.ahead(self.max_timestamp)
    }

    /// Moves the watermark when the timer comes: to the least of the partitions that are not idle then.
    fn emit(&mut self, number: i64) {
        let Some(timer) = &self.timer else { return };
        let idle_from = |p: &PartitionClock| {
            self.idle.map_or(i64::MAX, |idle| timer.idle_from(p.arrived, p.has_events(), idle))
        };
        let counted =
            || self.partitions.iter().filter(|p| p.counts()).map(|p| (idle_from(p), p.max_timestamp));
        let awake = counted().filter(|(idle_from, _)| *idle_from > number).map(|(_, time)| time);
        // The timer may have come several times since: with fewer partitions awake, the least of them only grows. Where
        // all are idle, Flink goes on to the greatest.
        if let Some(least) = awake.min().or_else(|| counted().map(|(_, time)| time).max()) {
            self.max_timestamp = self.max_timestamp.max(least);
        }
    }

    fn note(&mut self, partition: usize, time: i64, arrival: i64) {
        self.newest = self.newest.max(time);
        if let Some(batches) = &mut self.batches {
            batches.note(time);
        }
        self.partition(partition);
        let held = &mut self.partitions[partition];
        let was_idle = self.idle.is_some_and(|idle| arrival.saturating_sub(held.arrived) > idle);
        // Only the partition that is furthest back holds the others; and one that begins to count.
        let matters = held.max_timestamp <= self.max_timestamp || was_idle;
        held.max_timestamp = held.max_timestamp.max(time);
        held.arrived = held.arrived.max(arrival);
        // Other rules look at the partitions when their time has come.
        let after_each = self.timer.is_none() && self.batches.is_none();
        if matters && after_each {
            self.refresh(arrival);
        }
    }

    fn watch_event(&mut self, partition: usize, time: i64, arrival: i64, position: Position) {
        let Some(watch) = &mut self.watch else { return };
        let before = self.partitions.get(partition).copied().unwrap_or(UNSEEN);
        watch.jump(before.max_timestamp, time, position);
        if partition >= watch.partitions.len() {
            watch.partitions.resize(partition + 1, Watched::default());
        }
        let watched = &mut watch.partitions[partition];
        watched.events += 1;
        if before.max_timestamp != i64::MIN {
            watched.longest_pause = watched.longest_pause.max(arrival.saturating_sub(before.arrived));
            if time < before.max_timestamp {
                watched.lags.add(before.max_timestamp - time);
            }
        }
    }

    fn refresh(&mut self, arrival: i64) {
        let idle = self.idle.unwrap_or(i64::MAX);
        let mut least = i64::MAX;
        self.idle_from = i64::MAX;
        for held in self.partitions.iter().filter(|p| p.counts()) {
            if arrival.saturating_sub(held.arrived) <= idle {
                least = least.min(held.max_timestamp);
                self.idle_from = self.idle_from.min(held.arrived.saturating_add(idle));
            }
        }
        // With all partitions idle the watermark generator stays where it is.
        if least != i64::MAX {
            // A watermark does not go back when a slow partition begins to count again.
            self.max_timestamp = self.max_timestamp.max(least);
        }
    }
}
