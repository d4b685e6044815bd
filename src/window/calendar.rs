//! Where windows start: at multiples of a length, or at local midnights of the calendar.

use super::Offset;
use super::offset::months;
use crate::time::{CalendarUnit, DAY, Duration, Zone, civil_from_days, days_from_civil};

/// The starts of tumbling windows of one size, each with a number that ascends with time.
#[derive(Debug, Clone)]
pub struct Starts {
    every: Duration,
    offset: Offset,
    zone: Zone,
}

impl Starts {
    pub fn new(every: Duration, offset: Offset, zone: Zone) -> Starts {
        Starts { every, offset, zone }
    }

    /// The number of the last start that is not after `instant`.
    pub fn index(&mut self, instant: i64) -> i64 {
        match self.every {
            Duration::Length(size) => (instant - self.offset.micros).div_euclid(size),
            Duration::Calendar { count, unit } => {
                // Around a change of clocks the local time of an instant may lie a unit off.
                let mut index = self.ordinal(instant, count, unit);
                while self.start(index) > instant {
                    index -= 1;
                }
                while self.start(index + 1) <= instant {
                    index += 1;
                }
                index
            }
        }
    }

    /// The instant of start number `index`.
    pub fn start(&mut self, index: i64) -> i64 {
        match self.every {
            Duration::Length(size) => index * size + self.offset.micros,
            Duration::Calendar { .. } => {
                let day = self.first_day(index);
                self.instant(day)
            }
        }
    }

    /// The local day of start number `index` of the calendar, in days since 1970-01-01.
    pub fn first_day(&self, index: i64) -> i64 {
        let Duration::Calendar { count, unit } = self.every else { return 0 };
        let index = index * i64::from(count);
        match months(unit) {
            Some(months) => first_of_month(index * months + self.offset.months),
            None if unit == CalendarUnit::Week => index * 7 + FIRST_MONDAY,
            None => index,
        }
    }

    /// The number of the calendar window that the local time of an instant is of.
    fn ordinal(&mut self, instant: i64, count: u32, unit: CalendarUnit) -> i64 {
        // `div_euclid` rounds towards the past: `/` would put the day before 1970 into the same unit as the
        // day after.
        let days = (self.zone.local(instant) - self.offset.micros).div_euclid(DAY);
        let units = match months(unit) {
            Some(months) => {
                let (year, month, _) = civil_from_days(days);
                ((year - 1970) * 12 + i64::from(month) - 1 - self.offset.months).div_euclid(months)
            }
            None if unit == CalendarUnit::Week => (days - FIRST_MONDAY).div_euclid(7),
            None => days,
        };
        units.div_euclid(count.into())
    }

    /// The instant at which a local day begins, the offset's length later on the wall clock.
    pub fn instant(&mut self, day: i64) -> i64 {
        // The offset is added on the wall clock: 6h after midnight is 06:00 also on days when clocks change.
        self.zone.instant(day * DAY + self.offset.micros)
    }
}

/// The day `count` units after `day`, which is the first of a month where units are months.
pub fn day_after(day: i64, count: i64, unit: CalendarUnit) -> i64 {
    match months(unit) {
        Some(months) => {
            let (year, month, _) = civil_from_days(day);
            first_of_month((year - 1970) * 12 + i64::from(month) - 1 + count * months)
        }
        None if unit == CalendarUnit::Week => day + 7 * count,
        None => day + count,
    }
}

/// 1970-01-05, in days since 1970-01-01.
const FIRST_MONDAY: i64 = 4;

/// The first day of a month that is counted from January 1970.
fn first_of_month(month: i64) -> i64 {
    days_from_civil(1970 + month.div_euclid(12), month.rem_euclid(12) as u32 + 1, 1)
}
