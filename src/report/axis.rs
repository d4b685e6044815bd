//! The axis of time: which point of a chart an instant belongs to.
//!
//! # Contract
//! A chart has no more points than were asked for. Where the windows themselves are few enough, each is a point;
//! else time is cut into equal steps, or calendar months, on the clocks of the job's zone.

use crate::time::{DAY, HOUR, MINUTE, SECOND, Zone, civil_from_days, days_from_civil};
use std::collections::BTreeSet;

/// What was seen of times.
pub(super) struct TimeSummary {
    /// Each time once, up to `most` of them.
    distinct: Option<BTreeSet<i64>>,
    most: usize,
    first: i64,
    last: i64,
    grid: Option<Grid>,
}

/// Where windows start that follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grid {
    /// So many microseconds apart, one of them at `start`.
    Length { step: i64, start: i64 },
    /// With each stretch of local time.
    Local(AxisStep),
}

/// The points of a chart.
#[derive(Debug, Clone)]
pub(super) enum Axis {
    /// These instants, ascending: starts of windows.
    Points(Vec<i64>),
    /// Instants from `first` on, `step` apart, `n` of them.
    Grid { first: i64, step: i64, n: usize },
    /// Stretches of local time: numbers `first` to `first + n` of `step`; `windows` if each is one window.
    Local { step: AxisStep, first: i64, n: usize, windows: bool },
}

/// A stretch of local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AxisStep {
    /// So many microseconds; weeks begin on Mondays.
    Length(i64),
    /// So many months.
    Months(i64),
}

const WEEK: i64 = 7 * DAY;
/// The steps that time is cut into, the finest first.
const STEPS: [AxisStep; 27] = [
    AxisStep::Length(1000),
    AxisStep::Length(10_000),
    AxisStep::Length(100_000),
    AxisStep::Length(SECOND),
    AxisStep::Length(5 * SECOND),
    AxisStep::Length(10 * SECOND),
    AxisStep::Length(30 * SECOND),
    AxisStep::Length(MINUTE),
    AxisStep::Length(2 * MINUTE),
    AxisStep::Length(5 * MINUTE),
    AxisStep::Length(10 * MINUTE),
    AxisStep::Length(15 * MINUTE),
    AxisStep::Length(30 * MINUTE),
    AxisStep::Length(HOUR),
    AxisStep::Length(2 * HOUR),
    AxisStep::Length(3 * HOUR),
    AxisStep::Length(6 * HOUR),
    AxisStep::Length(12 * HOUR),
    AxisStep::Length(DAY),
    AxisStep::Length(2 * DAY),
    AxisStep::Length(WEEK),
    AxisStep::Months(1),
    AxisStep::Months(3),
    AxisStep::Months(6),
    AxisStep::Months(12),
    AxisStep::Months(60),
    AxisStep::Months(120),
];

impl TimeSummary {
    /// Nothing is seen yet. With a `grid`, windows without a row have points too.
    pub fn new(most: usize, grid: Option<Grid>) -> TimeSummary {
        TimeSummary { distinct: Some(BTreeSet::new()), most, first: i64::MAX, last: i64::MIN, grid }
    }

    pub fn see(&mut self, time: i64) {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        if let Some(distinct) = &mut self.distinct {
            distinct.insert(time);
            // Past so many points each time is not a point of its own, so memory stays small.
            if distinct.len() > self.most {
                self.distinct = None;
            }
        }
    }

    /// The points for what was seen, at most `most`; none where nothing was. `windows` says whether the times are
    /// starts of windows, each of which may be a point.
    pub fn axis(&self, most: usize, windows: bool, zone: &mut Zone) -> Option<Axis> {
        if self.first > self.last {
            return None;
        }
        let (local_first, local_last) = (zone.local(self.first), zone.local(self.last));
        // Clocks that go back can make the last instant the earlier one.
        let local_last = local_last.max(local_first);
        let local = |step: AxisStep, windows: bool| {
            let n = step.number(local_last).abs_diff(step.number(local_first)) as usize + 1;
            Axis::Local { step, first: step.number(local_first), n, windows }
        };
        let grid = match self.grid {
            Some(Grid::Length { step, start }) => {
                // Down to the start of the window in which the first time lies, also before 1970.
                let first = start + (self.first - start).div_euclid(step) * step;
                Some(Axis::Grid { first, step, n: (self.last - first).div_euclid(step) as usize + 1 })
            }
            Some(Grid::Local(step)) => Some(local(step, true)),
            None => None,
        };
        if let Some(axis) = grid.filter(|axis| axis.len() <= most) {
            return Some(axis);
        }
        match &self.distinct {
            Some(distinct) if windows && distinct.len() <= most => {
                return Some(Axis::Points(distinct.iter().copied().collect()));
            }
            _ => {}
        }
        // From the finest on. Event times lie in 1900 to 2200, so a hundred years to a step always fit.
        let axes = STEPS.iter().map(|step| local(*step, false));
        Some(
            axes.into_iter()
                .find(|axis| axis.len() <= most)
                .unwrap_or_else(|| local(AxisStep::Months(1200), false)),
        )
    }
}

impl Axis {
    /// How many points it has.
    pub fn len(&self) -> usize {
        match self {
            Axis::Points(points) => points.len(),
            Axis::Grid { n, .. } | Axis::Local { n, .. } => *n,
        }
    }

    /// The number of the point that `time` belongs to.
    pub fn point(&self, time: i64, zone: &mut Zone) -> usize {
        let at = match self {
            Axis::Points(points) => points.partition_point(|point| *point <= time).saturating_sub(1) as i64,
            Axis::Grid { first, step, .. } => (time - first).div_euclid(*step),
            Axis::Local { step, first, .. } => step.number(zone.local(time)) - first,
        };
        // An instant outside of the axis, as clocks that go back can make one, goes to the nearest point.
        at.clamp(0, self.len() as i64 - 1) as usize
    }

    /// The instant that each point begins with.
    pub fn starts(&self, zone: &mut Zone) -> Vec<i64> {
        match self {
            Axis::Points(points) => points.clone(),
            Axis::Grid { first, step, n } => (0..*n as i64).map(|i| first + i * step).collect(),
            Axis::Local { step, first, n, .. } => {
                (0..*n as i64).map(|i| zone.instant(step.start(first + i))).collect()
            }
        }
    }

    /// How long a point is, in words, where it may be more than one window.
    pub fn step(&self) -> Option<String> {
        match self {
            Axis::Local { step, windows: false, .. } => Some(step.words()),
            _ => None,
        }
    }
}

impl AxisStep {
    /// The number of the step that a local time lies in.
    fn number(self, local: i64) -> i64 {
        match self {
            // 1970 began on a Thursday.
            AxisStep::Length(WEEK) => (local + 3 * DAY).div_euclid(WEEK),
            AxisStep::Length(length) => local.div_euclid(length),
            AxisStep::Months(months) => {
                let (year, month, _) = civil_from_days(local.div_euclid(DAY));
                (year * 12 + i64::from(month) - 1).div_euclid(months)
            }
        }
    }

    /// The local time that a step begins with.
    fn start(self, number: i64) -> i64 {
        match self {
            AxisStep::Length(WEEK) => number * WEEK - 3 * DAY,
            AxisStep::Length(length) => number * length,
            AxisStep::Months(months) => {
                let month = number * months;
                days_from_civil(month.div_euclid(12), month.rem_euclid(12) as u32 + 1, 1) * DAY
            }
        }
    }

    fn words(self) -> String {
        let of = |n: i64, unit: &str| if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") };
        match self {
            AxisStep::Months(months) if months % 12 == 0 => of(months / 12, "year"),
            AxisStep::Months(months) => of(months, "month"),
            AxisStep::Length(WEEK) => of(1, "week"),
            AxisStep::Length(us) => {
                let units = [
                    (DAY, "day"),
                    (HOUR, "hour"),
                    (MINUTE, "minute"),
                    (SECOND, "second"),
                    (1000, "millisecond"),
                ];
                let (size, unit) =
                    units.into_iter().find(|(size, _)| us % size == 0).unwrap_or((1, "microsecond"));
                of(us / size, unit)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(times: &[i64], most: usize, windows: bool, grid: Option<Grid>, zone: &str) -> Axis {
        let mut seen = TimeSummary::new(most, grid);
        times.iter().for_each(|time| seen.see(*time));
        seen.axis(most, windows, &mut Zone::named(zone).unwrap()).unwrap()
    }

    #[test]
    fn a_few_windows_are_a_point_each() {
        let points = axis(&[3 * HOUR, HOUR, HOUR], 10, true, None, "UTC");
        assert_eq!(points.starts(&mut Zone::utc()), [HOUR, 3 * HOUR]);
        let grid = axis(&[3 * HOUR, HOUR], 10, true, Some(Grid::Length { step: HOUR, start: 0 }), "UTC");
        assert_eq!(grid.starts(&mut Zone::utc()), [HOUR, 2 * HOUR, 3 * HOUR]);
        assert_eq!(grid.step(), None);
    }

    #[test]
    fn every_instant_has_a_point_and_there_are_not_too_many() {
        for name in ["UTC", "Europe/London", "Asia/Kathmandu", "America/New_York"] {
            let mut zone = Zone::named(name).unwrap();
            for span in (1..46).map(|i| 1i64 << i) {
                let from = 1_711_800_000 * SECOND;
                let times: Vec<i64> = (0..300).map(|i| from + span / 300 * i).collect();
                let axis = axis(&times, 50, true, None, name);
                let starts = axis.starts(&mut zone);
                assert!(axis.len() <= 50 && starts.len() == axis.len(), "{name} {span} {axis:?}");
                assert!(starts.is_sorted(), "{name} {span} {axis:?}");
                for time in times {
                    let at = axis.point(time, &mut zone);
                    assert!(starts[at] <= time, "{name} {span} {time} {at}");
                    assert!(starts.get(at + 1).is_none_or(|next| time < *next), "{name} {span} {time} {at}");
                }
            }
        }
    }

    #[test]
    fn months_are_those_of_the_zone() {
        // 20 years in Jakarta: months would be 241 points, quarters 81.
        let times = [1_000_000_000 * SECOND, 1_631_000_000 * SECOND];
        let axis = axis(&times, 100, false, None, "Asia/Jakarta");
        assert_eq!(axis.step().unwrap(), "3 months");
        let starts = axis.starts(&mut Zone::named("Asia/Jakarta").unwrap());
        assert_eq!(
            crate::sink::value::TimeText::new(&Zone::named("Asia/Jakarta").unwrap()).text(starts[0]),
            "2001-07-01T00:00:00+07:00"
        );
    }
}
