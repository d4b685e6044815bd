//! IANA time zones: local time of an instant and back.

use super::{DAY, MINUTE, SECOND};
use chrono::{MappedLocalTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

const QUARTER_HOUR: i64 = 15 * MINUTE;

/// A time zone, with a memory of the last stretch of time in which its offset did not change.
///
/// The memory makes runs of near instants cheap; it never changes an answer.
#[derive(Debug, Clone)]
pub struct Zone {
    tz: Tz,
    /// Instants `[from, to)` for which `offset` is known to hold.
    from: i64,
    to: i64,
    offset: i64,
}

impl Zone {
    /// UTC.
    pub fn utc() -> Zone {
        Zone::of(Tz::UTC)
    }

    /// The zone of an IANA name.
    pub fn named(name: &str) -> Option<Zone> {
        name.parse().ok().map(Zone::of)
    }

    fn of(tz: Tz) -> Zone {
        match tz {
            Tz::UTC => Zone { tz, from: i64::MIN, to: i64::MAX, offset: 0 },
            _ => Zone { tz, from: 0, to: 0, offset: 0 },
        }
    }

    /// The IANA name.
    pub fn name(&self) -> &'static str {
        self.tz.name()
    }

    /// All IANA names that are known.
    pub fn names() -> impl Iterator<Item = &'static str> {
        chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name())
    }

    /// The offset from UTC at `instant`, in microseconds (positive east of Greenwich).
    pub fn offset(&mut self, instant: i64) -> i64 {
        if instant < self.from || instant >= self.to {
            self.offset = self.lookup(instant);
            (self.from, self.to) = self.stretch(instant);
        }
        self.offset
    }

    /// A stretch of time around `instant` that has its offset.
    ///
    /// Since 1970 offsets change on whole quarters of an hour UTC, and no zone changes twice within
    /// a day; before that, one instant is trusted at a time.
    fn stretch(&self, instant: i64) -> (i64, i64) {
        if instant < 10 * DAY {
            return (instant, instant + 1);
        }
        let offset = self.offset;
        let mut from = instant.div_euclid(QUARTER_HOUR) * QUARTER_HOUR;
        let mut to = from + QUARTER_HOUR;
        for _ in 0..4 {
            if self.lookup(from - DAY) == offset {
                from -= DAY;
            }
            if self.lookup(to + DAY - 1) == offset {
                to += DAY;
            }
        }
        (from, to)
    }

    fn lookup(&self, instant: i64) -> i64 {
        let at = chrono::DateTime::from_timestamp_micros(instant).unwrap_or_default().naive_utc();
        i64::from(self.tz.offset_from_utc_datetime(&at).fix().local_minus_utc()) * SECOND
    }

    /// The local time of `instant`, as if it were microseconds since a local 1970-01-01T00:00:00.
    pub fn local(&mut self, instant: i64) -> i64 {
        instant + self.offset(instant)
    }

    /// The instant of a local time. Of two, the earlier; of none, the first instant after the gap.
    pub fn instant(&mut self, local: i64) -> i64 {
        if self.from != i64::MIN {
            // Well inside a stretch of one offset there is one answer.
            let guess = local - self.offset;
            if guess >= self.from.saturating_add(DAY) && guess < self.to.saturating_sub(DAY) {
                return guess;
            }
            return self.resolve(local);
        }
        local - self.offset
    }

    fn resolve(&mut self, local: i64) -> i64 {
        let naive = |us| chrono::DateTime::from_timestamp_micros(us).unwrap_or_default().naive_utc();
        let answer = |at: NaiveDateTime| match self.tz.offset_from_local_datetime(&at) {
            MappedLocalTime::Single(o) => Some(o.fix().local_minus_utc()),
            // The larger offset is the earlier instant.
            MappedLocalTime::Ambiguous(a, b) => {
                Some(a.fix().local_minus_utc().max(b.fix().local_minus_utc()))
            }
            MappedLocalTime::None => None,
        };
        if let Some(offset) = answer(naive(local)) {
            return local - i64::from(offset) * SECOND;
        }
        // In a gap: the change happened between these two instants; find it.
        let (mut low, mut high) = (local - 2 * DAY, local + 2 * DAY);
        let before = self.lookup(low);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if middle + self.lookup(middle) > local
                || self.lookup(middle) != before && middle + before >= local
            {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let mp = (i64::from(month) + 9) % 12;
    let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// Year, month (1 to 12) and day (1 to 31) of a number of days since 1970-01-01.
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR;

    fn local(y: i64, m: u32, d: u32, h: i64, min: i64) -> i64 {
        days_from_civil(y, m, d) * DAY + h * HOUR + min * MINUTE
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for days in -200_000..200_000 {
            let (y, m, d) = civil_from_days(days);
            assert_eq!(days_from_civil(y, m, d), days);
        }
        assert_eq!(civil_from_days(0), (1970, 1, 1));
    }

    #[test]
    fn a_local_time_that_exists_twice_is_the_earlier() {
        let mut london = Zone::named("Europe/London").unwrap();
        // 2024-10-27 01:30 BST is 00:30 UTC; 01:30 GMT is 01:30 UTC.
        assert_eq!(london.instant(local(2024, 10, 27, 1, 30)), local(2024, 10, 27, 0, 30));
        assert_eq!(london.instant(local(2024, 10, 27, 2, 0)), local(2024, 10, 27, 2, 0));
    }

    #[test]
    fn a_local_time_that_does_not_exist_is_the_end_of_the_gap() {
        let mut london = Zone::named("Europe/London").unwrap();
        // 01:00 to 02:00 local is missing on 2024-03-31; the gap ends at 01:00 UTC.
        assert_eq!(london.instant(local(2024, 3, 31, 1, 30)), local(2024, 3, 31, 1, 0));
        assert_eq!(london.instant(local(2024, 3, 31, 1, 0)), local(2024, 3, 31, 1, 0));
        let mut lord_howe = Zone::named("Australia/Lord_Howe").unwrap();
        // 30 minutes are missing from 02:00 local on 2024-10-06, which is 15:30 UTC the day before.
        assert_eq!(lord_howe.instant(local(2024, 10, 6, 2, 15)), local(2024, 10, 5, 15, 30));
    }

    #[test]
    fn the_memory_does_not_change_an_answer() {
        for name in ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"] {
            let mut warm = Zone::named(name).unwrap();
            let start = local(2024, 1, 1, 0, 0);
            for step in 0..(366 * 48) {
                let at = start + step * 30 * MINUTE;
                assert_eq!(warm.offset(at), Zone::named(name).unwrap().lookup(at), "{name} {at}");
                assert_eq!(warm.instant(at), Zone::named(name).unwrap().resolve(at), "{name} local {at}");
            }
        }
    }
}
