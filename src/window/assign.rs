//! Which windows an instant lies in.

use super::calendar::{Starts, day_after};
use super::{Offset, Window};
use crate::time::{Duration, TimeRange, Zone};

/// Finds the slice and the windows of an instant, and remembers the last slice: logs are nearly in
/// order. Not for sessions, whose windows depend on other events.
#[derive(Debug, Clone)]
pub struct Assigner {
    window: Window,
    starts: Starts,
    last: TimeRange,
}

impl Assigner {
    /// An assigner for `window`, its calendar in `zone`.
    pub fn new(window: Window, zone: Zone) -> Assigner {
        // Global windows and sessions do not have starts: the default is never used, as both return before it
        // is asked.
        let (every, offset) = window.starts().unwrap_or((Duration::Length(1), Offset::default()));
        let last = if window == Window::Global { TimeRange::ALL } else { TimeRange { start: 0, end: 0 } };
        Assigner { window, starts: Starts::new(every, offset, zone), last }
    }

    /// The slice that `instant` lies in: the stretch of time around it in which every instant lies in
    /// the same windows. Of tumbling windows it is the window.
    #[inline]
    pub fn slice(&mut self, instant: i64) -> TimeRange {
        if instant < self.last.start || instant >= self.last.end {
            self.last = self.find(instant);
        }
        self.last
    }

    fn find(&mut self, instant: i64) -> TimeRange {
        // The bounds of a session depend on the other events of its key, so for the assigner it is one slice.
        if matches!(self.window, Window::Global | Window::Session { .. }) {
            return TimeRange::ALL;
        }
        let index = self.starts.index(instant);
        let (start, next) = (self.starts.start(index), self.starts.start(index + 1));
        let mut slice = TimeRange { start, end: next };
        match self.window {
            Window::Hopping { size, .. } => {
                // Ends ascend with starts: those of the windows around bound the slice.
                for window in (0..).map(|back| index - back) {
                    let end = self.end(window, size);
                    if end <= instant {
                        slice.start = slice.start.max(end);
                        break;
                    }
                    slice.end = slice.end.min(end);
                }
            }
            Window::Cumulative { step, .. } => {
                // A cumulative window ends with each step, so the ends of steps cut time into slices.
                let mut steps = self.steps(index, step, next);
                let k = steps.first_after(instant);
                slice = TimeRange { start: steps.end(k - 1), end: steps.end(k) };
            }
            _ => {}
        }
        slice
    }

    /// Puts the windows of `instant` into `out`, by ascending end (and start). There are none in the
    /// gaps between hopping windows.
    pub fn windows(&mut self, instant: i64, out: &mut Vec<TimeRange>) {
        out.clear();
        match self.window {
            Window::Global | Window::Session { .. } => out.push(TimeRange::ALL),
            Window::Tumbling { .. } => out.push(self.slice(instant)),
            Window::Hopping { size, .. } => {
                let index = self.starts.index(instant);
                for window in (0..).map(|back| index - back) {
                    let end = self.end(window, size);
                    if end <= instant {
                        break;
                    }
                    out.push(TimeRange { start: self.starts.start(window), end });
                }
                // The loop walks back in time, and callers get the windows by ascending end.
                out.reverse();
                // A day that a zone skipped starts where the next one does.
                out.dedup();
            }
            Window::Cumulative { step, .. } => {
                let index = self.starts.index(instant);
                let (start, next) = (self.starts.start(index), self.starts.start(index + 1));
                let mut steps = self.steps(index, step, next);
                for k in steps.first_after(instant).. {
                    let end = steps.end(k);
                    out.push(TimeRange { start, end });
                    if end >= next {
                        break;
                    }
                }
                // Two calendar steps end at the same instant where the zone skipped a local day.
                out.dedup();
            }
        }
    }

    /// The window that starts at `start`; `None` where none does, or where its start does not say which one it is.
    pub fn starting_at(&mut self, start: i64) -> Option<TimeRange> {
        self.bounded(start, |window| window.start == start)
    }

    /// The window that ends at `end`; `None` where none does, or where its end does not say which one it is.
    pub fn ending_at(&mut self, end: i64) -> Option<TimeRange> {
        self.bounded(end.checked_sub(1)?, |window| window.end == end)
    }

    /// The window of `instant` with such a bound.
    fn bounded(&mut self, instant: i64, is: impl Fn(&TimeRange) -> bool) -> Option<TimeRange> {
        if !matches!(self.window, Window::Tumbling { .. } | Window::Hopping { .. }) {
            return None;
        }
        let mut all = vec![];
        self.windows(instant, &mut all);
        all.retain(is);
        // Over a day that a zone skips two windows may share a bound.
        if let [only] = all[..] { Some(only) } else { None }
    }

    /// The end of hopping window number `index`.
    fn end(&mut self, index: i64, size: Duration) -> i64 {
        match size {
            Duration::Length(size) => self.starts.start(index) + size,
            Duration::Calendar { count, unit } => {
                // Counted on the local calendar and not in hours: 2 days over a change of clocks are 47 or 49
                // hours.
                let day = day_after(self.starts.first_day(index), count.into(), unit);
                self.starts.instant(day)
            }
        }
    }

    fn steps(&mut self, index: i64, step: Duration, last: i64) -> CumulativeEnds<'_> {
        CumulativeEnds { start: self.starts.start(index), index, step, last, starts: &mut self.starts }
    }
}

/// The ends of the cumulative windows that start together.
struct CumulativeEnds<'a> {
    starts: &'a mut Starts,
    index: i64,
    start: i64,
    step: Duration,
    last: i64,
}

impl CumulativeEnds<'_> {
    /// The end after `k` steps; the start after none.
    fn end(&mut self, k: i64) -> i64 {
        if k == 0 {
            return self.start;
        }
        let end = match self.step {
            // The search below doubles `k`: a product that saturates is cut to the end of the size.
            Duration::Length(step) => self.start.saturating_add(step.saturating_mul(k)),
            Duration::Calendar { count, unit } => {
                let day = day_after(self.starts.first_day(self.index), k * i64::from(count), unit);
                self.starts.instant(day)
            }
        };
        end.min(self.last)
    }

    /// The first number of steps that ends after `instant`.
    fn first_after(&mut self, instant: i64) -> i64 {
        // Steps of a fixed length are divided; calendar units differ in length, so their number is searched.
        if let Duration::Length(step) = self.step {
            return (instant - self.start).div_euclid(step) + 1;
        }
        // The doubling ends, as ends are cut to `last` and `instant` lies before it.
        let (mut low, mut high) = (0, 1);
        while self.end(high) <= instant {
            (low, high) = (high, high * 2);
        }
        // end(low) ≤ instant < end(high)
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.end(middle) <= instant { low = middle } else { high = middle }
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{DAY, HOUR, MINUTE};
    use chrono::{Datelike, TimeZone};

    fn assigner(size: &str, offset: i64, zone: &str) -> Assigner {
        let offset = Offset::micros(offset);
        let window = Window::Tumbling { size: Duration::parse(size).unwrap(), offset };
        Assigner::new(window, Zone::named(zone).unwrap())
    }

    fn utc(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    #[test]
    fn fixed_windows_start_at_multiples_since_1970() {
        let mut a = assigner("1m", 0, "Asia/Kathmandu");
        assert_eq!(a.slice(-1), TimeRange { start: -MINUTE, end: 0 });
        assert_eq!(a.slice(0), TimeRange { start: 0, end: MINUTE });
        let mut a = assigner("1h", 15 * MINUTE, "UTC");
        assert_eq!(a.slice(10 * MINUTE).start, 15 * MINUTE - HOUR);
        assert_eq!(a.slice(15 * MINUTE).start, 15 * MINUTE);
    }

    #[test]
    fn days_have_23_or_25_hours_when_clocks_change() {
        let hours = |zone, at| {
            let span = assigner("1 day", 0, zone).slice(utc(at));
            (span.end - span.start) as f64 / HOUR as f64
        };
        assert_eq!(hours("Europe/London", "2024-03-31T12:00:00Z"), 23.0);
        assert_eq!(hours("Europe/London", "2024-10-27T12:00:00Z"), 25.0);
        assert_eq!(hours("America/New_York", "2024-03-10T12:00:00Z"), 23.0);
        assert_eq!(hours("Australia/Lord_Howe", "2024-10-06T00:00:00Z"), 23.5);
        assert_eq!(hours("Australia/Lord_Howe", "2024-04-07T00:00:00Z"), 24.5);
        assert_eq!(hours("Asia/Kathmandu", "2024-04-07T00:00:00Z"), 24.0);
    }

    /// The calendar by chrono, day by day.
    #[test]
    fn calendar_windows_agree_with_chrono() {
        for zone in
            ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"]
        {
            let tz: chrono_tz::Tz = zone.parse().unwrap();
            let units = ["1 day", "1 week", "1 month", "1 quarter", "1 year", "2 months"];
            let mut assigners = units.map(|unit| assigner(unit, 0, zone));
            for hour in 0..(800 * 24) {
                let instant = utc("2023-06-01T00:00:00Z") + hour * HOUR + 17 * MINUTE;
                let date = tz.timestamp_micros(instant).unwrap().date_naive();
                let (y, m) = (date.year(), date.month());
                let first = |m| chrono::NaiveDate::from_ymd_opt(y, m, 1).unwrap();
                let starts = [
                    date,
                    date.week(chrono::Weekday::Mon).first_day(),
                    first(m),
                    first((m - 1) / 3 * 3 + 1),
                    first(1),
                    first((m - 1) / 2 * 2 + 1),
                ];
                for (assigner, start) in assigners.iter_mut().zip(starts) {
                    let span = assigner.slice(instant);
                    // Where midnight does not exist, the day starts with the first hour that does.
                    let midnight =
                        (0..3).find_map(|h| tz.from_local_datetime(&start.and_hms_opt(h, 0, 0)?).earliest());
                    assert_eq!(span.start, midnight.unwrap().timestamp_micros(), "{zone} {date}");
                    assert!(span.start <= instant && instant < span.end);
                }
            }
        }
    }

    /// A day begins with the first instant whose clock shows its midnight or more: by chrono alone, in every zone,
    /// around every change.
    #[test]
    fn days_around_every_change_begin_when_chrono_says() {
        let check = |tz: chrono_tz::Tz| {
            let name = tz.name();
            let mut days = assigner("1 day", 0, name);
            let clock = |at: i64| tz.timestamp_micros(at).unwrap().naive_local().and_utc().timestamp_micros();
            let changes: Vec<i64> =
                Zone::named(name).unwrap().changes(crate::time::EARLIEST, crate::time::LATEST).collect();
            for (i, change) in changes.iter().enumerate() {
                for instant in [-30 * HOUR, -1, 0, MINUTE, 30 * HOUR].map(|d| change + d) {
                    let day = days.slice(instant);
                    assert!(day.start <= instant && instant < day.end, "{name} {instant}");
                    let midnight = clock(day.start).div_euclid(DAY) * DAY;
                    // Clocks go on between changes: the most that was shown before is right before one, or the start.
                    let before = changes[i.saturating_sub(1)..=i].iter().chain([&day.start]);
                    for shown in before.filter(|at| **at <= day.start).map(|at| clock(at - 1)) {
                        assert!(shown < midnight, "{name} {instant}: {day:?}");
                    }
                    assert_eq!(days.slice(day.end).start, day.end, "{name} {instant}");
                }
            }
        };
        use rayon::prelude::*;
        chrono_tz::TZ_VARIANTS.par_iter().for_each(|tz| check(*tz));
    }

    #[test]
    fn a_calendar_offset_is_wall_clock_time() {
        let mut a = assigner("1 day", 6 * HOUR, "Europe/London");
        // The day from 06:00 local on 30 March to 06:00 local on 31 March 2024 has 23 hours.
        let span = a.slice(utc("2024-03-31T00:30:00Z"));
        assert_eq!(span, TimeRange { start: utc("2024-03-30T06:00:00Z"), end: utc("2024-03-31T05:00:00Z") });
    }

    /// Windows found by walking over all that may hold the instant.
    fn naive(window: Window, zone: &str, instant: i64) -> Vec<TimeRange> {
        let zone = Zone::named(zone).unwrap();
        let (every, offset) = window.starts().unwrap();
        let mut starts = Starts::new(every, offset, zone);
        let about = starts.index(instant);
        let mut found = vec![];
        for index in about - 60..about + 3 {
            let (start, next) = (starts.start(index), starts.start(index + 1));
            let mut after = |length: Duration, n: i64| match length {
                Duration::Length(us) => start + n * us,
                Duration::Calendar { count, unit } => {
                    let day = day_after(starts.first_day(index), n * i64::from(count), unit);
                    starts.instant(day)
                }
            };
            let ends = match window {
                Window::Hopping { size, .. } => vec![after(size, 1)],
                Window::Cumulative { step, .. } => (1..=60).map(|k| after(step, k).min(next)).collect(),
                _ => unreachable!(),
            };
            found.extend(ends.into_iter().map(|end| TimeRange { start, end }));
        }
        found.retain(|w| w.start <= instant && instant < w.end);
        found.sort();
        found.dedup();
        found
    }

    proptest::proptest! {
        #[test]
        fn slices_and_windows_agree(
            kind in 0..11usize,
            zone in proptest::sample::select(vec!["UTC", "Europe/London", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia"]),
            offset in proptest::sample::select(vec!["0s", "6h", "-1h", "7m", "1 month 3 days", "-2 months 1 day 6h"]),
            base in proptest::sample::select(vec![1_711_846_800i64, 1_729_990_800, 1_325_200_000, 0]),
            steps in proptest::collection::vec(-300..300i64, 1..20),
        ) {
            let d = |text: &str| Duration::parse(text).unwrap();
            // Only what starts by months has an offset of months.
            let offset = Offset::parse(offset).unwrap();
            let offset = if kind < 7 { Offset::micros(offset.micros) } else { offset };
            let hopping = |size: &str, slide: &str| Window::Hopping { size: d(size), slide: d(slide), offset };
            let cumulative = |size: &str, step: &str| Window::Cumulative { size: d(size), step: d(step), offset };
            let window = [
                hopping("10m", "1m"), hopping("7m", "3m"), hopping("3m", "7m"), hopping("7 days", "1 day"), hopping("36h", "1 day"),
                cumulative("1h", "7m"), cumulative("1 day", "1h"), cumulative("1 month", "1 day"),
                cumulative("1 year", "1 month"), hopping("1 year", "1 month"), hopping("2 quarters", "1 quarter"),
            ][kind];
            let mut assigner = Assigner::new(window, Zone::named(zone).unwrap());
            let (mut windows, mut others) = (vec![], vec![]);
            for step in steps {
                let instant = base * 1_000_000 + step * 13 * MINUTE + step;
                assigner.windows(instant, &mut windows);
                windows.sort();
                proptest::prop_assert_eq!(&windows, &naive(window, zone, instant));
                let slice = assigner.slice(instant);
                proptest::prop_assert!(slice.start <= instant && instant < slice.end);
                for inside in [slice.start, slice.end - 1] {
                    assigner.windows(inside, &mut others);
                    others.sort();
                    proptest::prop_assert_eq!(&windows, &others);
                }
                for outside in [slice.start - 1, slice.end] {
                    proptest::prop_assert!(assigner.slice(outside) != slice);
                }
            }
        }
    }
}
