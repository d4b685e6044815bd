//! A stretch of time.

/// The instants from `start` on, without `end`, microseconds UTC: a window, a slice, or a range that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeRange {
    /// The first instant in it.
    pub start: i64,
    /// The first instant after it.
    pub end: i64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: TimeRange = TimeRange { start: i64::MIN, end: i64::MAX };

    /// The instants from `start` on, without `end`.
    pub const fn new(start: i64, end: i64) -> TimeRange {
        TimeRange { start, end }
    }

    /// Whether `instant` lies in it.
    pub fn contains(&self, instant: i64) -> bool {
        (self.start..self.end).contains(&instant)
    }
}
