//! The front of event time: what the watermark is before each event.
//!
//! # Contract
//! Events pass in arrival order. Before each, `reached` is the greatest event time so far; of several
//! partitions it is the least of theirs, those left out that have been idle for longer than allowed (by
//! arrival time). It never goes back: a partition that is seen for the first time, or wakes up, cannot
//! lower it. The watermark is `reached` − the out-of-orderness, as Flink's bounded out-of-orderness
//! strategy has it with a watermark after every record.

use crate::batch::Batch;
use crate::group::ColumnCodes;
use crate::job::{LogPartition, Plan};

/// The state of the front.
pub struct Front {
    partition: Option<LogPartition>,
    idle: Option<i64>,
    /// Of a log without partitions the greatest event time; else what all partitions have reached.
    reached: i64,
    /// Codes of partitions, which are their numbers in `partitions`.
    names: Option<ColumnCodes>,
    partitions: Vec<Partition>,
    codes: Vec<u32>,
    /// The arrival time from which on a partition that counts becomes idle.
    idle_from: i64,
}

/// What is known of one partition of the log.
#[derive(Debug, Clone, Copy)]
struct Partition {
    /// The greatest event time.
    reached: i64,
    /// When its last event arrived.
    arrived: i64,
}

const UNSEEN: Partition = Partition { reached: i64::MIN, arrived: i64::MIN };

impl Front {
    /// The front before the first event of `plan`'s log.
    pub fn new(plan: &Plan) -> Front {
        let partition = plan.watermark.partition;
        let names = match partition {
            Some(LogPartition::Column(c)) => Some(ColumnCodes::new(plan.rows.fields[c].ty)),
            _ => None,
        };
        Front {
            partition,
            idle: plan.watermark.idle,
            reached: i64::MIN,
            names,
            partitions: vec![],
            codes: vec![],
            idle_from: i64::MAX,
        }
    }

    /// What has been reached after the events so far; [`i64::MIN`] before the first.
    pub fn reached(&self) -> i64 {
        self.reached
    }

    /// Lets the rows of `batch` pass, which come next in arrival order; fills `batch.reached`.
    pub fn pass(&mut self, batch: &mut Batch) {
        let mut reached = Vec::with_capacity(batch.rows);
        if self.partition.is_none() {
            for &time in &batch.time {
                reached.push(self.reached);
                self.reached = self.reached.max(time);
            }
        } else {
            let mut codes = std::mem::take(&mut self.codes);
            self.partitions_of(batch, &mut codes);
            for (row, &partition) in codes.iter().enumerate() {
                let arrival = batch.arrival.get(row).copied().unwrap_or(0);
                if arrival > self.idle_from {
                    self.refresh(arrival);
                }
                reached.push(self.reached);
                self.note(partition as usize, batch.time[row], arrival);
            }
            self.codes = codes;
        }
        batch.reached = reached;
    }

    fn partitions_of(&mut self, batch: &Batch, codes: &mut Vec<u32>) {
        codes.clear();
        match (self.partition, &mut self.names) {
            (Some(LogPartition::Column(c)), Some(names)) => names.encode(&batch.columns[c], codes),
            _ => codes.extend(batch.positions.iter().map(|p| p.file())),
        }
    }

    fn note(&mut self, partition: usize, time: i64, arrival: i64) {
        if partition >= self.partitions.len() {
            self.partitions.resize(partition + 1, UNSEEN);
        }
        let held = &mut self.partitions[partition];
        let was_idle = self.idle.is_some_and(|idle| arrival.saturating_sub(held.arrived) > idle);
        // Only the partition that is furthest back holds the others; and one that begins to count.
        let matters = held.reached <= self.reached || was_idle;
        held.reached = held.reached.max(time);
        held.arrived = held.arrived.max(arrival);
        if matters {
            self.refresh(arrival);
        }
    }

    fn refresh(&mut self, arrival: i64) {
        let idle = self.idle.unwrap_or(i64::MAX);
        let mut least = i64::MAX;
        self.idle_from = i64::MAX;
        for held in self.partitions.iter().filter(|p| p.reached != i64::MIN) {
            if arrival.saturating_sub(held.arrived) <= idle {
                least = least.min(held.reached);
                self.idle_from = self.idle_from.min(held.arrived.saturating_add(idle));
            }
        }
        if least != i64::MAX {
            self.reached = self.reached.max(least);
        }
    }
}
