//! Which windows the given events fall in, and which stretches of time those cover.
//!
//! # Contract
//! A window that is touched is computed again whole, and no other one is. Of sessions what is touched is a
//! **cluster**: sessions of one key, old ones and those of the given events, that touch one another. All that
//! the new events can change of a key lies within its clusters.

use super::history::Ranges;
use crate::time::TimeRange;
use hashbrown::HashMap;

/// The touched windows of a grouping.
pub enum Touched {
    /// Windows, ascending, each once.
    Windows(Vec<TimeRange>),
    /// By key (the bytes of its row), clusters in ascending order.
    Sessions(Clusters),
}

/// Clusters of sessions by key.
#[derive(Debug, Default)]
pub struct Clusters {
    gap: i64,
    of: HashMap<Vec<u8>, Vec<TimeRange>>,
}

impl Touched {
    /// How many windows are touched.
    pub fn windows(&self) -> u64 {
        match self {
            Touched::Windows(windows) => windows.len() as u64,
            Touched::Sessions(clusters) => clusters.of.values().map(|of| of.len() as u64).sum(),
        }
    }

    /// The event times that the windows hold.
    pub fn ranges(&self) -> Ranges {
        let mut all: Ranges = match self {
            Touched::Windows(windows) => windows.clone(),
            // The last event of a session is a gap before its end.
            Touched::Sessions(clusters) => clusters
                .of
                .values()
                .flatten()
                .map(|cluster| {
                    let end = cluster.end.saturating_sub(clusters.gap).saturating_add(1);
                    TimeRange { start: cluster.start, end }
                })
                .collect(),
        };
        disjoint(&mut all);
        all
    }

    /// The stretches of time that the windows cover, from the first to the last of those that meet.
    pub fn extents(&self) -> Extents {
        match self {
            Touched::Windows(windows) => Extents::of(windows.iter(), false),
            Touched::Sessions(clusters) => clusters.extents(),
        }
    }
}

/// Stretches of time that windows cover, by which parts are found that may hold some of them.
pub struct Extents {
    ranges: Ranges,
    /// Whether what only meets one of them counts: sessions that meet are one.
    closed: bool,
}

impl Extents {
    fn of<'a>(windows: impl Iterator<Item = &'a TimeRange>, closed: bool) -> Extents {
        let mut ranges: Ranges = windows.copied().collect();
        disjoint(&mut ranges);
        Extents { ranges, closed }
    }

    /// Whether a part whose rows are of windows from `first` to `last` may hold some of these, or some that
    /// touch them. It may where that is not known.
    pub fn may_lie_in(&self, first: Option<i64>, last: Option<i64>) -> bool {
        let (Some(first), Some(last)) = (first, last) else { return true };
        let before = |extent: &TimeRange| if self.closed { extent.end < first } else { extent.end <= first };
        let after = self.ranges.partition_point(before);
        self.ranges
            .get(after)
            .is_some_and(|extent| extent.start < last || self.closed && extent.start == last)
    }
}

impl Clusters {
    /// No clusters of sessions with this gap.
    pub fn new(gap: i64) -> Clusters {
        Clusters { gap, of: HashMap::default() }
    }

    /// Adds a session of the given events.
    pub fn add(&mut self, key: &[u8], session: TimeRange) {
        self.of.entry_ref(key).or_default().push(session);
    }

    /// Brings the sessions added into order, and joins those that touch.
    pub fn join(&mut self) {
        self.of.values_mut().for_each(disjoint);
    }

    /// Takes in an old session, if it touches a cluster of its key; says whether a cluster grew.
    pub fn grow(&mut self, key: &[u8], session: TimeRange) -> bool {
        let Some(clusters) = self.of.get_mut(key) else { return false };
        // Sessions whose bounds meet are one, as in Flink: an event one gap after the last still joins.
        let touches = |c: &&mut TimeRange| c.start <= session.end && session.start <= c.end;
        let Some(cluster) = clusters.iter_mut().find(touches) else { return false };
        let grown = TimeRange { start: cluster.start.min(session.start), end: cluster.end.max(session.end) };
        // The caller repeats until nothing grows, so a cluster that stays must not count.
        if grown == *cluster {
            return false;
        }
        *cluster = grown;
        disjoint(clusters);
        true
    }

    /// The stretches of time that the clusters cover.
    pub fn extents(&self) -> Extents {
        Extents::of(self.of.values().flatten(), true)
    }

    /// Whether a session lies in a cluster of its key.
    pub fn holds(&self, key: &[u8], session: TimeRange) -> bool {
        let within = |c: &TimeRange| c.start <= session.start && session.end <= c.end;
        self.of.get(key).is_some_and(|clusters| clusters.iter().any(within))
    }
}

/// Sorts ranges, and joins those that overlap or meet.
pub fn disjoint(ranges: &mut Ranges) {
    ranges.sort_unstable();
    let mut joined: Ranges = Vec::with_capacity(ranges.len());
    for range in ranges.iter() {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(*range),
        }
    }
    *ranges = joined;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: i64, end: i64) -> TimeRange {
        TimeRange { start, end }
    }

    #[test]
    fn a_late_session_joins_those_that_it_touches() {
        let mut clusters = Clusters::new(10);
        clusters.add(b"a", span(20, 30));
        clusters.add(b"a", span(100, 110));
        clusters.add(b"b", span(0, 10));
        clusters.join();
        // An old session that ends where the new one starts is exactly one gap before it.
        assert!(clusters.grow(b"a", span(5, 20)));
        assert!(clusters.grow(b"a", span(30, 45)));
        assert!(!clusters.grow(b"a", span(60, 75)), "it touches nothing");
        assert!(!clusters.grow(b"c", span(20, 30)), "another key");
        assert!(clusters.holds(b"a", span(5, 45)) && clusters.holds(b"a", span(30, 45)));
        assert!(!clusters.holds(b"a", span(60, 75)) && !clusters.holds(b"b", span(5, 45)));
        let touched = Touched::Sessions(clusters);
        assert_eq!(touched.windows(), 3);
        assert_eq!(
            touched.ranges(),
            [(0, 1), (5, 36), (100, 101)].map(|(start, end)| TimeRange { start, end })
        );
        let extents = touched.extents();
        assert!(extents.may_lie_in(Some(-50), Some(0)) && !extents.may_lie_in(Some(46), Some(99)));
    }

    #[test]
    fn windows_that_overlap_are_one_range() {
        let touched = Touched::Windows(vec![span(0, 10), span(5, 15), span(15, 20), span(30, 40)]);
        assert_eq!(touched.ranges(), [(0, 20), (30, 40)].map(|(start, end)| TimeRange { start, end }));
        let extents = touched.extents();
        assert!(extents.may_lie_in(Some(25), Some(31)) && !extents.may_lie_in(Some(20), Some(30)));
    }
}
