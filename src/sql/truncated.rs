//! Tumbling windows in the engine's own words: what the wall clock shows, cut to the start of its window.
//!
//! # Contract
//! * An event lies in the last window that has begun. Its wall clock tells that window unless clocks go back over the
//!   start of a window: the clock then shows the window before once more. [`place`] leaves such zones to [`super::calendar`].
//! * A window begins at the first instant at which the wall clock shows its start or later: the earlier of two, and the end
//!   of the gap where there is none. Engines agree for a start that is shown once. One that is shown twice or never is
//!   listed; where there are many, DuckDB and PostgreSQL know those from 1970 on by the function that relations are made with.
//! * All starts that the plan's range of times can have are looked at, in the zone data that a run uses.

use super::calendar::{Units, starts, units};
use super::source::instant_of_local;
use super::statement::Statement;
use super::{Dialect, TIME, words};
use crate::time::{
    CalendarUnit, DAY, Duration, EARLIEST, HOUR, LATEST, MINUTE, SECOND, TimeRange, Zone, civil_from_days,
};
use crate::window::{Offset, Window};

const WEEK: i64 = 7 * DAY;
/// Monday 1970-01-05, the first of its week.
const MONDAY: i64 = 4 * DAY;

/// More starts than these that clocks skip are not listed.
const MOST_LISTED: usize = 24;

/// The starts of windows that a zone shows otherwise than once; local times in microseconds.
#[derive(Default)]
struct OddStarts {
    /// Clocks go back over them, so that the time before them comes again.
    passed_again: usize,
    /// Shown twice.
    twice: Vec<i64>,
    /// Never shown, as clocks skip from before them to after them.
    skipped: Vec<i64>,
}

/// Appends `_start`, what the wall clock shows at the start of each event's window less the offset, and gives both bounds as instants, if
/// the dialect and the zone allow it.
pub(super) fn place(s: &mut Statement, window: Window) -> Option<[String; 2]> {
    let Window::Tumbling { size: Duration::Calendar { .. }, .. } = window else { return None };
    let (count, unit, offset) = starts(window)?;
    if matches!(s.dialect, Dialect::Polars | Dialect::Flink) {
        return None;
    }
    let zone = s.plan.zone.clone();
    let odd = odd_starts(&zone, s.plan.pipeline.range, units(count, unit), offset.micros);
    if odd.passed_again > 0 || !knows_clocks(s.dialect) && odd.skipped.len() > MOST_LISTED {
        return None;
    }
    let clock = words::local(s.dialect, TIME, zone.name());
    s.append("placed", [format!("{} AS _start", start(s.dialect, &clock, (count, unit), offset))]);
    let length = match units(count, unit) {
        Units::Days(days) => Length { months: 0, micros: days * DAY },
        Units::Months(months) => Length { months, micros: 0 },
    };
    let shift = Length { months: 0, micros: offset.micros };
    // The offset comes last: a month later than 28 February, 22:30 is not the 28th of March.
    let bounds = ["_start".to_string(), length.after(s.dialect, "_start")];
    Some(bounds.map(|clock| instant(s.dialect, &zone, &shift.after(s.dialect, &clock), &odd)))
}

/// The same for windows of a second, a minute, an hour, or in UTC of a day or a week: there `_start` is an instant.
pub(super) fn place_length(s: &mut Statement, size: i64, offset: i64) -> Option<[String; 2]> {
    let unit = match (size, offset.rem_euclid(size)) {
        (SECOND, 0) => "second",
        (MINUTE, 0) => "minute",
        (HOUR, 0) => "hour",
        (DAY, 0) => "day",
        (WEEK, MONDAY) => "week",
        _ => return None,
    };
    let start = match (s.dialect, unit) {
        (Dialect::Polars | Dialect::Flink, _) => return None,
        (Dialect::DuckDb | Dialect::Spark, unit) => format!("DATE_TRUNC('{unit}', {TIME})"),
        (Dialect::Postgres, unit) => format!("DATE_TRUNC('{unit}', {TIME}, 'UTC')"),
        (Dialect::BigQuery, "week") => format!("TIMESTAMP_TRUNC({TIME}, ISOWEEK)"),
        (Dialect::BigQuery, unit) => format!("TIMESTAMP_TRUNC({TIME}, {})", unit.to_uppercase()),
    };
    s.append("placed", [format!("{start} AS _start")]);
    let end = match (s.dialect, size) {
        (Dialect::BigQuery, size) => format!("TIMESTAMP_ADD(_start, INTERVAL {} SECOND)", size / SECOND),
        // A day of PostgreSQL has as many hours as the zone of the session gives it.
        (Dialect::Postgres, DAY | WEEK) => format!("_start + INTERVAL '{} hour'", size / HOUR),
        (dialect, micros) => words::closed(&Length { months: 0, micros }.after(dialect, "_start")),
    };
    Some(["_start".to_string(), end])
}

/// The start of the window at which a wall clock is, on that clock, less what the offset has beside months.
fn start(dialect: Dialect, clock: &str, (count, unit): (u32, CalendarUnit), offset: Offset) -> String {
    let since = Length { months: 0, micros: -offset.micros }.after(dialect, clock);
    if count == 1 {
        let months = Length { months: -offset.months, micros: 0 };
        let cut = truncated(dialect, &months.after(dialect, &since), unit);
        let own = Length { months: offset.months, micros: 0 };
        return own.after(dialect, &cut);
    }
    // How many days or months of the window have passed, counted from one that began long before all events.
    let (passed, step, unit) = match (units(count, unit), unit) {
        (Units::Days(n), unit) => {
            let phase = if unit == CalendarUnit::Week { MONDAY / DAY } else { 0 };
            let anchor = phase - n * ((phase - EARLIEST / DAY) / n + 2);
            (format!("MOD({}, {n})", days_since(dialect, &since, anchor)), "DAY", CalendarUnit::Day)
        }
        (Units::Months(n), _) => {
            // Months are counted from January 1970, or as many later as the offset has.
            let ahead = (-1 - 1970 * 12 - offset.months).rem_euclid(n);
            let [year, month] = ["YEAR", "MONTH"].map(|field| format!("EXTRACT({field} FROM {since})"));
            (format!("MOD({year} * 12 + {month} + {ahead}, {n})"), "MONTH", CalendarUnit::Month)
        }
    };
    less(dialect, &truncated(dialect, &since, unit), &passed, step)
}

/// A wall clock cut to the day, Monday, month, quarter or year.
fn truncated(dialect: Dialect, clock: &str, unit: CalendarUnit) -> String {
    let unit = match unit {
        CalendarUnit::Day => "day",
        CalendarUnit::Week if dialect == Dialect::BigQuery => "isoweek",
        CalendarUnit::Week => "week",
        CalendarUnit::Month => "month",
        CalendarUnit::Quarter => "quarter",
        CalendarUnit::Year => "year",
    };
    match dialect {
        Dialect::BigQuery => format!("DATETIME_TRUNC({clock}, {})", unit.to_uppercase()),
        _ => format!("DATE_TRUNC('{unit}', {clock})"),
    }
}

/// The days from day number `anchor` since 1970 to that of a wall clock.
fn days_since(dialect: Dialect, clock: &str, anchor: i64) -> String {
    let (year, month, day) = civil_from_days(anchor);
    let anchor = format!("DATE '{year:04}-{month:02}-{day:02}'");
    match dialect {
        Dialect::DuckDb => format!("DATE_DIFF('day', {anchor}, CAST({clock} AS DATE))"),
        Dialect::BigQuery => format!("DATE_DIFF(DATE({clock}), {anchor}, DAY)"),
        Dialect::Spark => format!("DATEDIFF(CAST({clock} AS DATE), {anchor})"),
        _ => format!("(CAST({clock} AS DATE) - {anchor})"),
    }
}

/// A wall clock so many days or months (`step`) before.
fn less(dialect: Dialect, clock: &str, count: &str, step: &str) -> String {
    match (dialect, step) {
        (Dialect::DuckDb, "DAY") => format!("({clock} - TO_DAYS(CAST({count} AS INTEGER)))"),
        (Dialect::DuckDb, _) => format!("({clock} - TO_MONTHS(CAST({count} AS INTEGER)))"),
        (Dialect::Spark, "DAY") => format!("({clock} - MAKE_DT_INTERVAL({count}))"),
        (Dialect::Spark, _) => format!("({clock} - MAKE_YM_INTERVAL(0, {count}))"),
        (Dialect::BigQuery, step) => format!("DATETIME_SUB({clock}, INTERVAL {count} {step})"),
        (_, step) => format!("({clock} - CAST({count} AS INTEGER) * INTERVAL '1 {}')", step.to_lowercase()),
    }
}

/// A length of time on a wall clock.
struct Length {
    months: i64,
    micros: i64,
}

impl Length {
    /// The wall clock so much later.
    fn after(&self, dialect: Dialect, clock: &str) -> String {
        let (count, unit) = match (self.months, self.micros) {
            (0, 0) => return clock.to_string(),
            (0, micros) if micros % DAY == 0 => (micros / DAY, "day"),
            (0, micros) if micros % HOUR == 0 => (micros / HOUR, "hour"),
            (0, micros) if micros % MINUTE == 0 => (micros / MINUTE, "minute"),
            (0, micros) if micros % SECOND == 0 => (micros / SECOND, "second"),
            (0, micros) => (micros, "microsecond"),
            (months, _) => (months, "month"),
        };
        let (sign, size) = (if count < 0 { '-' } else { '+' }, count.abs());
        match dialect {
            Dialect::BigQuery => {
                let function = if count < 0 { "DATETIME_SUB" } else { "DATETIME_ADD" };
                format!("{function}({clock}, INTERVAL {size} {})", unit.to_uppercase())
            }
            Dialect::Spark => format!("({clock} {sign} INTERVAL '{size}' {})", unit.to_uppercase()),
            _ => format!("({clock} {sign} INTERVAL '{size} {unit}')"),
        }
    }
}

/// Whether relations are made with a function that knows the zone's clocks.
fn knows_clocks(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::DuckDb | Dialect::Postgres)
}

/// The instant at which a window begins whose start the wall clock shows as `clock`.
fn instant(dialect: Dialect, zone: &Zone, clock: &str, odd: &OddStarts) -> String {
    let name = zone.name();
    let many = odd.twice.len() + odd.skipped.len() > MOST_LISTED;
    let plain = match dialect {
        Dialect::DuckDb | Dialect::Postgres if many => instant_of_local(dialect, zone, clock),
        Dialect::Postgres => format!("({clock} AT TIME ZONE '{name}')"),
        Dialect::BigQuery => format!("TIMESTAMP({clock}, '{name}')"),
        _ if name == "UTC" => clock.to_string(),
        Dialect::DuckDb => format!("(({clock} AT TIME ZONE '{name}') AT TIME ZONE 'UTC')"),
        _ => format!("TO_UTC_TIMESTAMP({clock}, '{name}')"),
    };
    let mut zone = zone.clone();
    let mut arms = String::new();
    // Of a start that is shown twice the others take the earlier.
    let twice = odd.twice.iter().filter(|_| knows_clocks(dialect));
    for &local in odd.skipped.iter().chain(twice) {
        // The function knows the changes of these years.
        if many && knows_clocks(dialect) && (DAY..129 * 366 * DAY).contains(&local) {
            continue;
        }
        let shown = words::wall_clock(local);
        let shown = match dialect {
            Dialect::BigQuery => format!("DATETIME '{shown}'"),
            Dialect::Postgres => format!("TIMESTAMP '{shown}'"),
            _ => words::timestamp(dialect, local),
        };
        arms += &format!(" WHEN {shown} THEN {}", words::timestamp(dialect, zone.instant(local)));
    }
    if arms.is_empty() { plain } else { format!("CASE {clock}{arms} ELSE {plain} END") }
}

/// The starts of windows, from midnight and `offset` on, that clocks of the zone show otherwise than once.
fn odd_starts(zone: &Zone, range: TimeRange, every: Units, offset: i64) -> OddStarts {
    let mut zone = zone.clone();
    let margin = DAY
        * match every {
            Units::Days(days) => days + 2,
            Units::Months(months) => 31 * months + 2,
        };
    let (from, to) = (range.start.max(EARLIEST) - margin, range.end.min(LATEST) + margin);
    let changes: Vec<i64> = zone.changes(from, to).collect();
    let mut odd = OddStarts::default();
    for at in changes {
        let (before, after) = (at + zone.offset(at - 1), at + zone.offset(at));
        let first = (before.min(after) - offset).div_euclid(DAY);
        let last = (before.max(after) - offset).div_euclid(DAY);
        for day in first..=last {
            if matches!(every, Units::Months(_)) && civil_from_days(day).2 != 1 {
                continue;
            }
            let start = day * DAY + offset;
            odd.passed_again += usize::from(after < start && start < before);
            if after <= start && start < before {
                odd.twice.push(start);
            }
            if before < start && start < after {
                odd.skipped.push(start);
            }
        }
    }
    odd
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::days_from_civil;

    #[test]
    fn months_and_days_are_counted_from_1970() {
        let two_months = start(Dialect::DuckDb, "c", (2, CalendarUnit::Month), Offset::default());
        assert_eq!(
            two_months,
            "(DATE_TRUNC('month', c) - TO_MONTHS(CAST(MOD(EXTRACT(YEAR FROM c) * 12 + EXTRACT(MONTH FROM c) + 1, 2) AS INTEGER)))"
        );
        // January 1970, an even number of months after the years began, starts a window.
        assert_eq!((1970 * 12 + 1 + 1) % 2, 0);
        let weeks = start(Dialect::Postgres, "c", (2, CalendarUnit::Week), Offset::default());
        let anchor = weeks.split("DATE '").nth(1).and_then(|rest| rest.split('\'').next()).expect("a date");
        let parts: Vec<u32> = anchor.split('-').map(|part| part.parse().expect("a number")).collect();
        let day = days_from_civil(parts[0].into(), parts[1], parts[2]);
        assert_eq!((day - 4).rem_euclid(14), 0, "{weeks}");
        assert!(day * DAY < EARLIEST - 14 * DAY, "{weeks}");
    }

    #[test]
    fn lengths_are_written_in_the_largest_unit() {
        let after = |months, micros| Length { months, micros }.after(Dialect::Spark, "c");
        assert_eq!(after(0, 0), "c");
        assert_eq!(after(0, 14 * DAY), "(c + INTERVAL '14' DAY)");
        assert_eq!(after(0, -90 * MINUTE), "(c - INTERVAL '90' MINUTE)");
        assert_eq!(after(3, 0), "(c + INTERVAL '3' MONTH)");
    }

    fn odd(zone: &str, every: Units, offset: i64) -> (Zone, OddStarts) {
        let zone = Zone::named(zone).expect("a zone");
        let odd = odd_starts(&zone, TimeRange { start: i64::MIN, end: i64::MAX }, every, offset);
        (zone, odd)
    }

    #[test]
    fn the_clock_tells_the_last_day_that_has_begun() {
        // Apia skips a day, Cairo and Havana change at midnight, St. John's goes back over it.
        let zones = ["Pacific/Apia", "Africa/Cairo", "America/Havana", "America/St_Johns", "Europe/London"];
        let more = ["America/Toronto", "Asia/Kathmandu", "America/Sao_Paulo", "Asia/Jakarta", "Asia/Gaza"];
        let mut plain = 0;
        for name in zones.into_iter().chain(more) {
            let (mut zone, odd) = odd(name, Units::Days(1), 0);
            if odd.passed_again > 0 {
                assert_eq!(name, "America/St_Johns");
                continue;
            }
            plain += 1;
            for at in zone.changes(EARLIEST, LATEST).collect::<Vec<_>>() {
                for instant in (-6..=6).map(|half| at + half * 30 * MINUTE - 1) {
                    let shown = zone.local(instant).div_euclid(DAY);
                    let begun = |day: &i64| zone.clone().instant(day * DAY) <= instant;
                    let last = (shown - 3..=shown + 3).filter(begun).max();
                    assert_eq!(last, Some(shown), "{name} {instant}");
                }
            }
        }
        assert_eq!(plain, 9);
    }

    #[test]
    fn starts_that_are_not_odd_are_those_of_any_engine() {
        for name in ["Pacific/Apia", "Africa/Cairo", "America/Toronto", "Europe/London", "Asia/Jakarta"] {
            for offset in [0, 90 * MINUTE] {
                let (mut zone, odd) = odd(name, Units::Days(1), offset);
                for at in zone.changes(EARLIEST, LATEST).collect::<Vec<_>>() {
                    for day in -2..=2 {
                        let start = (zone.local(at).div_euclid(DAY) + day) * DAY + offset;
                        let begins = zone.instant(start);
                        // Shown then, or the gap begins with it: by the offset before it is that instant too.
                        let before = begins - 1 + zone.offset(begins - 1) + 1;
                        let plain = zone.local(begins) == start || before == start;
                        assert_eq!(plain, !odd.skipped.contains(&start), "{name} {start}");
                    }
                }
            }
        }
        let (mut toronto, skips) = odd("America/Toronto", Units::Days(1), 0);
        let listed = instant(Dialect::Spark, &toronto.clone(), "_start", &skips);
        let [start] = skips.skipped[..] else { panic!("{:?}", skips.skipped) };
        let (shown, begins) = (words::wall_clock(start), words::wall_clock(toronto.instant(start)));
        assert_eq!(
            listed,
            format!(
                "CASE _start WHEN TIMESTAMP '{shown}Z' THEN TIMESTAMP '{begins}Z' ELSE TO_UTC_TIMESTAMP(_start, 'America/Toronto') END"
            )
        );
        // Months of Jakarta are plain, and clocks of Cairo show no midnight when summer begins.
        assert!(odd("Asia/Jakarta", Units::Months(1), 0).1.skipped.is_empty());
        assert!(odd("Africa/Cairo", Units::Days(1), 0).1.skipped.is_empty());
    }
}
