//! The account of a pass: how many records there were of each fate, and their first and last event time.

use crate::sink::{Account, Watermarks};
use crate::time::FirstAndLast;

/// Counts of one worker, or of all.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    pub read: u64,
    /// Records of an archive that are of files which do not count.
    pub foreign: u64,
    pub rejected: u64,
    pub filtered: u64,
    duplicate: u64,
    late: u64,
    pub counted: u64,
    pub min: i64,
    pub max: i64,
}

impl Tally {
    pub fn new() -> Tally {
        // `min` above `max` stands for zero events, as `watermarks` expects.
        Tally {
            read: 0,
            foreign: 0,
            rejected: 0,
            filtered: 0,
            duplicate: 0,
            late: 0,
            counted: 0,
            min: i64::MAX,
            max: i64::MIN,
        }
    }

    pub fn add(&mut self, other: &Tally) {
        self.read += other.read;
        self.foreign += other.foreign;
        self.rejected += other.rejected;
        self.filtered += other.filtered;
        self.duplicate += other.duplicate;
        self.late += other.late;
        self.counted += other.counted;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Takes back events that were counted and turn out to be late.
    pub fn turn_late(&mut self, events: u64) {
        self.counted -= events;
        self.late += events;
    }

    /// Rows that come again turn out to be duplicates, so many of which a filter had left out; the others
    /// were counted, or went no further.
    pub fn turn_duplicate(&mut self, duplicates: u64, filtered: u64, counted: bool) {
        self.duplicate += duplicates;
        self.filtered -= filtered;
        if counted {
            self.counted -= duplicates - filtered;
        }
    }

    pub fn account(&self) -> Account {
        Account {
            read: self.read,
            rejected: self.rejected,
            filtered: self.filtered,
            duplicate: self.duplicate,
            late: self.late,
            counted: self.counted,
        }
    }

    /// Notes the first and the last of some event times.
    pub fn see(&mut self, times: Option<FirstAndLast>) {
        if let Some(FirstAndLast { first, last }) = times {
            (self.min, self.max) = (self.min.min(first), self.max.max(last));
        }
    }

    pub fn watermarks(&self) -> Option<Watermarks> {
        (self.min <= self.max).then_some(Watermarks {
            min_event_time: self.min,
            max_event_time: self.max,
            watermark: None,
        })
    }
}
