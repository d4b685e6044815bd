//! Stretches of time.

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

/// The first and the last of some instants, microseconds UTC. Both are among them, so it is a closed range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FirstAndLast {
    /// The earliest instant.
    pub first: i64,
    /// The latest instant.
    pub last: i64,
}

impl FirstAndLast {
    /// From the earliest instant to the latest.
    pub const fn new(first: i64, last: i64) -> FirstAndLast {
        FirstAndLast { first, last }
    }

    /// Of some instants, in any order; none where there are none.
    pub fn of(instants: &[i64]) -> Option<FirstAndLast> {
        let (first, last) = (instants.iter().min()?, instants.iter().max()?);
        Some(FirstAndLast::new(*first, *last))
    }

    /// Of the instants of both.
    #[must_use]
    pub fn and(self, other: FirstAndLast) -> FirstAndLast {
        FirstAndLast::new(self.first.min(other.first), self.last.max(other.last))
    }

    /// The smallest half-open range that holds both.
    pub fn range(self) -> TimeRange {
        TimeRange::new(self.first, self.last.saturating_add(1))
    }
}

/// Of a window: its start, and its end as the last instant, which is how manifests bound the windows of a part.
impl From<TimeRange> for FirstAndLast {
    fn from(window: TimeRange) -> FirstAndLast {
        FirstAndLast::new(window.start, window.end)
    }
}
