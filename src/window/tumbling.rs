//! Tumbling and calendar windows, and the global one.

use super::{Window, months};
use crate::time::{CalendarUnit, DAY, Duration, Zone, civil_from_days, days_from_civil};

/// A window's bounds, microseconds UTC, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowSpan {
    /// The first instant in it.
    pub start: i64,
    /// The first instant after it.
    pub end: i64,
}

/// Finds the window of an instant, and remembers the last one: logs are nearly in order.
#[derive(Debug, Clone)]
pub struct Assigner {
    window: Window,
    zone: Zone,
    last: WindowSpan,
}

impl Assigner {
    /// An assigner for `window`, its calendar in `zone`.
    pub fn new(window: Window, zone: Zone) -> Assigner {
        let last = match window {
            Window::Global => WindowSpan { start: i64::MIN, end: i64::MAX },
            _ => WindowSpan { start: 0, end: 0 },
        };
        Assigner { window, zone, last }
    }

    /// The window that `instant` lies in. The start names the window.
    #[inline]
    pub fn assign(&mut self, instant: i64) -> WindowSpan {
        if instant < self.last.start || instant >= self.last.end {
            self.last = self.find(instant);
        }
        self.last
    }

    fn find(&mut self, instant: i64) -> WindowSpan {
        match self.window {
            Window::Global => self.last,
            Window::Hopping { .. } | Window::Cumulative { .. } | Window::Session { .. } => todo!(),
            Window::Tumbling { size: Duration::Length(size), offset } => {
                let start = (instant - offset).div_euclid(size) * size + offset;
                WindowSpan { start, end: start + size }
            }
            Window::Tumbling { size: Duration::Calendar { count, unit }, offset } => {
                let index = ordinal(self.zone.local(instant) - offset, count, unit);
                // Around a change of clocks the local time of an instant may lie a unit off.
                let mut index = index;
                loop {
                    let span = WindowSpan {
                        start: self.boundary(index, count, unit, offset),
                        end: self.boundary(index + 1, count, unit, offset),
                    };
                    match instant {
                        t if t < span.start => index -= 1,
                        t if t >= span.end => index += 1,
                        _ => return span,
                    }
                }
            }
        }
    }

    /// The instant at which calendar window number `index` starts.
    fn boundary(&mut self, index: i64, count: u32, unit: CalendarUnit, offset: i64) -> i64 {
        let index = index * i64::from(count);
        let days = match months(unit) {
            Some(months) => {
                let month = index * months;
                days_from_civil(1970 + month.div_euclid(12), month.rem_euclid(12) as u32 + 1, 1)
            }
            None if unit == CalendarUnit::Week => index * 7 + FIRST_MONDAY,
            None => index,
        };
        self.zone.instant(days * DAY + offset)
    }
}

/// 1970-01-05, in days since 1970-01-01.
const FIRST_MONDAY: i64 = 4;

/// The number of the calendar window of a local time.
fn ordinal(local: i64, count: u32, unit: CalendarUnit) -> i64 {
    let days = local.div_euclid(DAY);
    let units = match months(unit) {
        Some(months) => {
            let (year, month, _) = civil_from_days(days);
            ((year - 1970) * 12 + i64::from(month) - 1).div_euclid(months)
        }
        None if unit == CalendarUnit::Week => (days - FIRST_MONDAY).div_euclid(7),
        None => days,
    };
    units.div_euclid(count.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{HOUR, MINUTE};
    use chrono::{Datelike, TimeZone};

    fn assigner(size: &str, offset: i64, zone: &str) -> Assigner {
        let window = Window::Tumbling { size: Duration::parse(size).unwrap(), offset };
        Assigner::new(window, Zone::named(zone).unwrap())
    }

    fn utc(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    #[test]
    fn fixed_windows_start_at_multiples_since_1970() {
        let mut a = assigner("1m", 0, "Asia/Kathmandu");
        assert_eq!(a.assign(-1), WindowSpan { start: -MINUTE, end: 0 });
        assert_eq!(a.assign(0), WindowSpan { start: 0, end: MINUTE });
        let mut a = assigner("1h", 15 * MINUTE, "UTC");
        assert_eq!(a.assign(10 * MINUTE).start, 15 * MINUTE - HOUR);
        assert_eq!(a.assign(15 * MINUTE).start, 15 * MINUTE);
    }

    #[test]
    fn days_have_23_or_25_hours_when_clocks_change() {
        let hours = |zone, at| {
            let span = assigner("1 day", 0, zone).assign(utc(at));
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
                    let span = assigner.assign(instant);
                    // Where midnight does not exist, the day starts with the first hour that does.
                    let midnight =
                        (0..3).find_map(|h| tz.from_local_datetime(&start.and_hms_opt(h, 0, 0)?).earliest());
                    assert_eq!(span.start, midnight.unwrap().timestamp_micros(), "{zone} {date}");
                    assert!(span.start <= instant && instant < span.end);
                }
            }
        }
    }

    #[test]
    fn a_calendar_offset_is_wall_clock_time() {
        let mut a = assigner("1 day", 6 * HOUR, "Europe/London");
        // The day from 06:00 local on 30 March to 06:00 local on 31 March 2024 has 23 hours.
        let span = a.assign(utc("2024-03-31T00:30:00Z"));
        assert_eq!(span, WindowSpan { start: utc("2024-03-30T06:00:00Z"), end: utc("2024-03-31T05:00:00Z") });
    }
}
