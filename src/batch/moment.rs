//! When something happens in the merged order of all logs, which is the order in which a live job sees their records.
//!
//! # Contract
//! * The merged order is by arrival clock, then by log (tables in the plan's order before the source), then by position.
//! * A watermark moves between records: just before one whose arrival shows that a partition is idle, or just after one.
//! * A row that waits goes on just after what moved the watermark, and so after the record there.

use super::Position;

/// An instant between or at records of the merged order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment {
    /// The arrival clock, microseconds.
    pub clock: i64,
    /// The number of the table, or [`Moment::SOURCE`].
    pub log: u16,
    /// The position of the record in its log.
    pub position: u64,
    /// Whether the record itself has arrived.
    pub arrived: bool,
}

impl Moment {
    /// The log of events: it comes after all tables.
    pub const SOURCE: u16 = u16::MAX - 1;

    /// The arrival of a record.
    pub fn of(clock: i64, log: u16, position: Position) -> Moment {
        Moment { clock, log, position: position.as_u64(), arrived: true }
    }

    /// Just before the arrival of the same record.
    pub fn before(self) -> Moment {
        Moment { arrived: false, ..self }
    }

    /// The first moment of a clock, before all records that arrive then.
    pub fn first_at(clock: i64) -> Moment {
        Moment { clock, log: 0, position: 0, arrived: false }
    }

    /// After all records, where the arrival clock has come to `clock`.
    pub fn end(clock: i64) -> Moment {
        Moment { clock, log: u16::MAX, position: u64::MAX, arrived: true }
    }
}

/// Where a row stands in the order in which a step sees rows; rows of equal places go by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct StreamPlace {
    /// When it comes to the step.
    pub moment: Moment,
    /// The step at which it waited last, from 1; 0 where it did not wait.
    pub step: u16,
    /// The time that the watermark passed when it went on.
    pub timer: i64,
}

impl StreamPlace {
    /// How many words say a place.
    pub const WORDS: usize = 4;

    /// The place of a row that has not waited.
    pub fn direct(moment: Moment) -> StreamPlace {
        StreamPlace { moment, step: 0, timer: 0 }
    }

    /// The place as words, which say all of it.
    pub fn words(&self) -> [i64; StreamPlace::WORDS] {
        let StreamPlace { moment, step, timer } = *self;
        // All three are short, so that they share a word.
        let shorts = i64::from(moment.log) << 17 | i64::from(moment.arrived) << 16 | i64::from(step);
        [moment.clock, moment.position as i64, shorts, timer]
    }

    /// The place that these words say.
    pub fn from_words([clock, position, shorts, timer]: [i64; StreamPlace::WORDS]) -> StreamPlace {
        let moment = Moment {
            clock,
            log: (shorts >> 17) as u16,
            position: position as u64,
            arrived: shorts >> 16 & 1 != 0,
        };
        StreamPlace { moment, step: shorts as u16, timer }
    }

    /// Whether it has not waited: then its moment is its own arrival.
    pub fn is_direct(&self) -> bool {
        self.step == 0
    }
}
