//! IANA time zones: local time of an instant and back.

use super::{DAY, SECOND};
use chrono::{MappedLocalTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{OffsetName, Tz};

/// How far apart a zone is asked for its offset when changes are searched for. The changes of a zone lie farther
/// apart than four of these steps (a test walks over all of tzdata), so a step holds one change or none.
const STEP: i64 = DAY;
/// How many steps a stretch reaches at most on each side of the instant that was asked for.
const STEPS: i64 = 4;
/// 1800-01-01T00:00:00Z and 2300-01-01T00:00:00Z: tzdata has no change outside.
const RULES: (i64, i64) = (-5_364_662_400 * SECOND, 10_413_792_000 * SECOND);

/// A time zone, with a memory of the last stretch of time in which its offset did not change.
///
/// The memory makes runs of near instants cheap; it never changes an answer.
#[derive(Clone)]
pub struct Zone {
    tz: Tz,
    /// Instants `[from, to)` for which `offset` is known to hold.
    from: i64,
    to: i64,
    offset: i64,
    /// Local times that existed twice, among those that [`Zone::instant`] was asked for.
    twice: u64,
}

/// As it was when manifests held hashes of it: they are still read.
impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Zone { tz, from, to, offset, .. } = self;
        let mut out = f.debug_struct("Zone");
        out.field("tz", tz).field("from", from).field("to", to).field("offset", offset).finish()
    }
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
            // UTC has one offset for all time, so it never searches for changes.
            Tz::UTC => Zone { tz, from: i64::MIN, to: i64::MAX, offset: 0, twice: 0 },
            // The empty stretch makes the first call look the offset up.
            _ => Zone { tz, from: 0, to: 0, offset: 0, twice: 0 },
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

    /// A stretch of time around `instant` that has its offset: up to the change on each side, to the second, or a few
    /// days away.
    fn stretch(&self, instant: i64) -> (i64, i64) {
        // tzdata does not have changes outside of these bounds, so the stretch reaches to the end of time.
        if instant < RULES.0 {
            return (i64::MIN, RULES.0);
        }
        if instant >= RULES.1 {
            return (RULES.1, i64::MAX);
        }
        // Changes are on whole seconds.
        let at = instant - instant.rem_euclid(SECOND);
        let end = at + STEPS * STEP;
        let mut from = at;
        // Step by step: over a longer stride two changes could cancel each other and stay unseen.
        for _ in 0..STEPS {
            if self.lookup(from - STEP) != self.offset {
                from = self.change_between(from - STEP, from);
                break;
            }
            from -= STEP;
        }
        (from, self.change(at, end).unwrap_or(end))
    }

    /// The first change of the offset after `from` and up to `to`.
    fn change(&self, from: i64, to: i64) -> Option<i64> {
        let offset = self.lookup(from);
        let mut at = from;
        while at < to {
            let next = (at + STEP).min(to);
            if self.lookup(next) != offset {
                return Some(self.change_between(at, next));
            }
            at = next;
        }
        None
    }

    /// The one change between two instants of different offsets: the first instant that has the second. Both are on
    /// whole seconds, as all changes are.
    fn change_between(&self, mut before: i64, mut after: i64) -> i64 {
        let offset = self.lookup(before);
        while after - before > SECOND {
            // The middle stays on a whole second, so the search ends at the change itself.
            let middle = before + (after - before) / SECOND / 2 * SECOND;
            if self.lookup(middle) == offset { before = middle } else { after = middle }
        }
        after
    }

    /// The instants after `from` and up to `to` at which the offset changes, ascending.
    pub fn changes(&self, from: i64, to: i64) -> impl Iterator<Item = i64> {
        // Outside of the bounds there are not any changes, and steps of a day through them would take very
        // long.
        let whole =
            |instant: i64| instant.div_euclid(SECOND).clamp(RULES.0 / SECOND, RULES.1 / SECOND) * SECOND;
        let (from, to) = (whole(from), whole(to));
        std::iter::successors(self.change(from, to), move |at| self.change(*at, to))
    }

    /// What clocks show beside the time at `instant`: `CET`, `EST`, or the offset as `-03` where there is no such word.
    pub fn abbreviation(&self, instant: i64) -> String {
        let offset = self.tz.offset_from_utc_datetime(&naive(instant));
        let digits = || offset.fix().to_string().replace(':', "");
        let hours = |digits: String| digits.strip_suffix("00").map_or(digits.clone(), str::to_string);
        offset.abbreviation().map_or_else(|| hours(digits()), str::to_string)
    }

    /// The instant at which clocks show this local time, and this word beside it; `None` if they never do. A time that
    /// exists twice is told by the word; where both have the same, it is the earlier.
    pub fn instant_as(&self, local: i64, word: &str) -> Option<i64> {
        let offsets = self.tz.offset_from_local_datetime(&naive(local));
        let (one, two) = match offsets {
            MappedLocalTime::Single(offset) => (Some(offset), None),
            MappedLocalTime::Ambiguous(one, two) => (Some(one), Some(two)),
            MappedLocalTime::None => (None, None),
        };
        let shown = [one, two].into_iter().flatten().filter(|offset| offset.abbreviation() == Some(word));
        shown.map(|offset| local - i64::from(offset.fix().local_minus_utc()) * SECOND).min()
    }

    /// Whether the clocks of some zone show this word beside the time, or did in the last decades.
    pub fn is_abbreviation(word: &str) -> bool {
        // January and July show the words of winter and of summer, on both hemispheres.
        let years = [1990, 2005, 2024].map(|year| [days_from_civil(year, 1, 1), days_from_civil(year, 7, 1)]);
        let instants: Vec<NaiveDateTime> =
            years.into_iter().flatten().map(|days| naive(days * DAY)).collect();
        chrono_tz::TZ_VARIANTS
            .iter()
            .any(|tz| instants.iter().any(|at| tz.offset_from_utc_datetime(at).abbreviation() == Some(word)))
    }

    fn lookup(&self, instant: i64) -> i64 {
        let at = naive(instant);
        i64::from(self.tz.offset_from_utc_datetime(&at).fix().local_minus_utc()) * SECOND
    }

    /// The local time of `instant`, as if it were microseconds since a local 1970-01-01T00:00:00.
    pub fn local(&mut self, instant: i64) -> i64 {
        instant + self.offset(instant)
    }

    /// The instant of a local time. Of two, the earlier; of none, the first instant after the gap.
    #[inline]
    pub fn instant(&mut self, local: i64) -> i64 {
        // Only UTC has one offset for all of time: before 1800 a stretch of another zone has no beginning either.
        if (self.from, self.to) != (i64::MIN, i64::MAX) {
            // Well inside a stretch of one offset there is one answer.
            let guess = local - self.offset;
            if guess >= self.from.saturating_add(DAY) && guess < self.to.saturating_sub(DAY) {
                return guess;
            }
            return self.resolve(local);
        }
        local - self.offset
    }

    /// How many local times existed twice since this was asked before.
    pub fn take_twice(&mut self) -> u64 {
        std::mem::take(&mut self.twice)
    }

    #[inline(never)]
    fn resolve(&mut self, local: i64) -> i64 {
        let offset = match self.tz.offset_from_local_datetime(&naive(local)) {
            MappedLocalTime::Single(offset) => offset.fix().local_minus_utc(),
            // The larger offset is the earlier instant.
            MappedLocalTime::Ambiguous(a, b) => {
                self.twice += 1;
                a.fix().local_minus_utc().max(b.fix().local_minus_utc())
            }
            MappedLocalTime::None => {
                // In a gap: offsets are within a day of UTC, and a gap is a day at most, so this is its change alone.
                let whole = local - local.rem_euclid(SECOND);
                return self.change_between(whole - 2 * DAY, whole + 2 * DAY);
            }
        };
        local - i64::from(offset) * SECOND
    }
}

/// The date and time of an instant (or of a local time); of the nearest that tzdata knows for one far away.
fn naive(instant: i64) -> NaiveDateTime {
    let known = instant.clamp(RULES.0, RULES.1);
    chrono::DateTime::from_timestamp_micros(known).unwrap_or_default().naive_utc()
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

/// The day of the ISO week, 1 for Monday to 7 for Sunday, of a number of days since 1970-01-01, a Thursday.
pub fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// The Monday of the ISO week of a day, both in days since 1970-01-01.
pub fn monday(days: i64) -> i64 {
    days - weekday(days) + 1
}

/// The ISO year and the number of the ISO week, 1 to 53, of a number of days since 1970-01-01.
pub fn iso_week(days: i64) -> (i64, i64) {
    // The Thursday of a week is in the year that the week belongs to.
    let thursday = monday(days) + 3;
    let year = civil_from_days(thursday).0;
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

/// How many days a month has.
pub(super) fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{HOUR, MINUTE};

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
    fn an_instant_before_all_changes_is_not_taken_for_one_of_utc() {
        let mut berlin = Zone::named("Europe/Berlin").unwrap();
        let noon = local(2024, 7, 1, 12, 0);
        // The stretch before 1800 has no beginning, as that of UTC.
        berlin.offset(local(1700, 1, 1, 0, 0));
        assert_eq!(berlin.instant(noon), noon - 2 * HOUR);
        berlin.offset(local(2400, 1, 1, 0, 0));
        assert_eq!(berlin.instant(noon), noon - 2 * HOUR);
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

    /// The offset by chrono alone, in seconds.
    fn plain(tz: Tz, instant: i64) -> i64 {
        let at = chrono::DateTime::from_timestamp_micros(instant).unwrap().naive_utc();
        tz.offset_from_utc_datetime(&at).fix().local_minus_utc().into()
    }

    /// The changes of a zone by chrono alone: the second, the offset before it, the offset from it on.
    fn plain_changes(tz: Tz) -> Vec<(i64, i64, i64)> {
        let offset = |second: i64| plain(tz, second * SECOND);
        let year = |year| days_from_civil(year, 1, 1) * 86_400 + 40_000;
        let (mut changes, mut before) = (vec![], offset(year(1899)));
        let mut at = year(1899);
        // chrono-tz has no change after 2100.
        while at < year(2110) {
            let next = at + 86_400;
            let after = offset(next);
            if after != before {
                let seconds: Vec<i64> = (at + 1..=next).collect();
                changes.push((seconds[seconds.partition_point(|s| offset(*s) == before)], before, after));
            }
            (at, before) = (next, after);
        }
        changes
    }

    /// The instant of a local time near a change: the first instant from which on that much is shown, or was.
    fn plain_instant(tz: Tz, (change, before, after): (i64, i64, i64), local: i64) -> i64 {
        let shown = |offset: i64| local - offset * SECOND;
        let right = |instant: &i64| instant + plain(tz, *instant) * SECOND == local;
        [shown(before), shown(after)].into_iter().filter(right).min().unwrap_or(change * SECOND)
    }

    fn check_all_changes(tz: Tz) {
        let name = tz.name();
        let changes = plain_changes(tz);
        assert!(
            changes.is_sorted_by(|a, b| b.0 - a.0 > 4 * STEP / SECOND),
            "{name}: two changes in one step"
        );
        let mut warm = Zone::named(name).unwrap();
        let (first, last) = (days_from_civil(1899, 1, 2) * DAY, days_from_civil(2110, 1, 1) * DAY);
        let found: Vec<i64> = warm.changes(first, last).collect();
        assert_eq!(found, changes.iter().map(|change| change.0 * SECOND).collect::<Vec<_>>(), "{name}");
        const MINUTES: [i64; 9] = [-20, -15, -14, -1, 0, 1, 14, 15, 20];
        let around = || MINUTES.iter().flat_map(|minutes| [-1, 0, 30 * SECOND].map(|d| minutes * MINUTE + d));
        let mut near: Vec<(usize, i64)> =
            (0..changes.len()).flat_map(|i| around().map(move |d| (i, d))).collect();
        for _ in 0..2 {
            for year in [1700, 1900, 2120, 2200, 2290, 2400] {
                let at = days_from_civil(year, 7, 1) * DAY;
                assert_eq!(warm.offset(at), plain(tz, at) * SECOND, "{name} {year}");
            }
            for &(i, d) in &near {
                let (second, before, after) = changes[i];
                let at = second * SECOND + d;
                assert_eq!(warm.offset(at), plain(tz, at) * SECOND, "{name} {at}");
                for local in [at + before * SECOND, at + after * SECOND] {
                    assert_eq!(
                        warm.instant(local),
                        plain_instant(tz, changes[i], local),
                        "{name} local {local}"
                    );
                }
            }
            near.reverse();
        }
    }

    #[test]
    fn every_change_of_every_zone_is_exact_in_either_order() {
        use rayon::prelude::*;
        chrono_tz::TZ_VARIANTS.par_iter().for_each(|tz| check_all_changes(*tz));
    }

    #[test]
    fn what_is_asked_first_does_not_move_a_change_that_is_off_the_quarter_hours() {
        // Casey went from 8 to 11 hours at 16:01 UTC on 2020-10-03 and 2021-10-02.
        let mut casey = Zone::named("Antarctica/Casey").unwrap();
        let at = local(2021, 10, 2, 16, 0);
        assert_eq!(casey.local(at + 30 * SECOND), local(2021, 10, 3, 0, 0) + 30 * SECOND);
        assert_eq!(casey.local(at + 5 * MINUTE), local(2021, 10, 3, 3, 5));
        assert_eq!(casey.local(at + MINUTE - 1), local(2021, 10, 3, 0, 1) - 1);
    }

    #[test]
    fn instants_far_from_all_rules_have_the_nearest_offset() {
        let mut london = Zone::named("Europe/London").unwrap();
        for far in [i64::MIN, i64::MIN + 1, -(1 << 60), 1 << 60, i64::MAX] {
            assert_eq!(london.offset(far), if far < 0 { -75 * SECOND } else { 0 }, "{far}");
        }
        assert_eq!(london.changes(i64::MIN, i64::MAX).next(), Some(local(1847, 12, 1, 0, 1) + 15 * SECOND));
    }
}
