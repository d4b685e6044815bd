//! Windows of the calendar in a time zone: local days, and when each of them begins.
//!
//! # Contract
//! A day begins at the first instant at which the wall clock shows its start (midnight, plus the windows' offset) or
//! later: the earlier of two, and the end of the gap where there is none. An event lies in the last day that has begun,
//! whatever its own wall clock shows. Days are made by the engine, from instant to wall clock, which no engine resolves
//! in a way of its own; Polars, whose SQL cannot, finds a relation of them ([`super::day_relations`]).

use super::statement::{Select, Statement, numbers};
use super::{Dialect, words};
use crate::error::Result;
use crate::time::{CalendarUnit, DAY, Duration, EARLIEST, HOUR, LATEST, Zone};
use crate::window::{Offset, Window};

/// A number of calendar units, in days or in months.
#[derive(Clone, Copy)]
pub(super) enum Units {
    Days(i64),
    Months(i64),
}

/// So many units, in days or in months.
pub(super) fn units(count: u32, unit: CalendarUnit) -> Units {
    let count = i64::from(count);
    match unit {
        CalendarUnit::Day => Units::Days(count),
        CalendarUnit::Week => Units::Days(7 * count),
        CalendarUnit::Month => Units::Months(count),
        CalendarUnit::Quarter => Units::Months(3 * count),
        CalendarUnit::Year => Units::Months(12 * count),
    }
}

/// The most days that a duration may have.
fn most_days(duration: Duration) -> i64 {
    match duration {
        // A length may begin and end within a day, so that it touches two days more than it has.
        Duration::Length(length) => length / DAY + 2,
        Duration::Calendar { count, unit } => match units(count, unit) {
            Units::Days(days) => days + 1,
            Units::Months(months) => months * 31 + 1,
        },
    }
}

/// The name of the relation of days of an offset.
pub(super) fn relation_name(offset: i64) -> String {
    match offset {
        0 => "_days".into(),
        offset if offset > 0 => format!("_days_{}", Duration::Length(offset)),
        offset => format!("_days_minus_{}", Duration::Length(-offset)),
    }
}

/// From which windows of a window's kind start, if they do so by the calendar: unit, and offset.
pub(super) fn starts(window: Window) -> Option<(u32, CalendarUnit, Offset)> {
    match window.starts()? {
        (Duration::Calendar { count, unit }, offset) => Some((count, unit, offset)),
        (Duration::Length(_), _) => None,
    }
}

/// Appends `_start` and `_end`, in microseconds, of each window that an event lies in.
pub(super) fn place(s: &mut Statement, window: Window) -> Result<()> {
    let (count, unit, offset) = starts(window).expect("a window of the calendar");
    let every = units(count, unit);
    // The days must hold every start and end of a window of the first and the last event.
    let wide = match window {
        Window::Hopping { size, .. } => most_days(size),
        _ => 0,
    } + 2 * most_days(Duration::Calendar { count, unit })
        + offset.micros.abs() / DAY
        + 3;
    let days = days(s, offset.micros, wide)?;
    // Windows whose offset has months begin as many later: their months are counted from there.
    let month = match offset.months {
        0 => "_month".to_string(),
        months if months > 0 => format!("_month - {months}"),
        months => format!("_month + {}", -months),
    };
    let index = match (every, unit) {
        // Weeks start on Monday 1970-01-05.
        (Units::Days(1), _) => "_day".to_string(),
        (Units::Months(1), _) => month,
        (Units::Days(n), CalendarUnit::Week) => words::floor_div(s.dialect, "_day - 4", n),
        (Units::Days(n), _) => words::floor_div(s.dialect, "_day", n),
        (Units::Months(n), _) => words::floor_div(s.dialect, &month, n),
    };
    // The last day has NULL here and does not take events; it lies past all of them by `wide`.
    let next = "LEAD(_begins) OVER (ORDER BY _day)";
    let select = Select::new(["*".to_string(), format!("{index} AS _i"), format!("{next} AS _next")], &days);
    let days = s.with("numbered_days", select);
    let starts = s.with(
        "starts",
        Select::new(
            ["_i", "MIN(_day) AS _first_day", "MIN(_month) AS _first_month", "MIN(_begins) AS _start"],
            &days,
        )
        .group(["_i".to_string()]),
    );
    let (spans, hops) = spans(s, window, every, &days, &starts);
    place_by_day(s, &days);
    // The windows that started before the last one.
    let mut select = Select::new(["e.*", "w._start", "w._end"], format!("{} AS e", s.last));
    if hops > 1 {
        let hops = numbers(s, "hops", 0, hops);
        let hopped = Select::new(["e.*", "e._i - h._k AS _w"], format!("{} AS e", s.last))
            .join(format!("CROSS JOIN {hops} AS h"));
        s.last = s.with("hopped", hopped);
        select.from = format!("{} AS e", s.last);
        select = select.join(format!("JOIN {spans} AS w ON w._w = e._w"));
    } else {
        select = select.join(format!("JOIN {spans} AS w ON w._w = e._i"));
    }
    // A tumbling window ends where the next one starts, so that `_i` alone is right for it.
    if !matches!(window, Window::Tumbling { .. }) {
        select = select.filter("w._start <= e._us").filter("w._end > e._us");
    }
    s.last = s.with("placed", select);
    Ok(())
}

/// The windows, `_w` the number of the start, `_start` and `_end`; and how many starts back an event is to look.
fn spans(s: &mut Statement, window: Window, every: Units, days: &str, starts: &str) -> (String, i64) {
    let months = |s: &mut Statement| {
        let select = Select::new(["_month", "MIN(_begins) AS _begins"], days).group(["_month".to_string()]);
        s.with("local_months", select)
    };
    let from = format!("{starts} AS a");
    let columns = |end: &str| ["a._i AS _w".to_string(), "a._start".to_string(), format!("{end} AS _end")];
    match window {
        Window::Hopping { size, .. } => {
            let (select, hops) = match size {
                Duration::Length(size) => {
                    // Days have at least 20 hours; one that a zone skips has none.
                    let slide = match every {
                        Units::Days(days) => days * 20 * HOUR,
                        Units::Months(months) => months * 27 * DAY,
                    };
                    (Select::new(columns(&format!("a._start + {size}")), from), size / slide + 3)
                }
                Duration::Calendar { count, unit } => match (units(count, unit), every) {
                    (Units::Days(size), every) => {
                        let join = format!("JOIN {days} AS b ON b._day = a._first_day + {size}");
                        let slide = match every {
                            Units::Days(days) => days,
                            // February is the shortest month. A divisor that is too small only adds hops to
                            // windows that have ended.
                            Units::Months(months) => 28 * months,
                        };
                        (Select::new(columns("b._begins"), from).join(join), (size + slide - 1) / slide)
                    }
                    (Units::Months(size), every) => {
                        let months = months(s);
                        let join = format!("JOIN {months} AS b ON b._month = a._first_month + {size}");
                        let slide = match every {
                            Units::Months(months) => months,
                            Units::Days(_) => unreachable!("the job refuses months by days"),
                        };
                        (Select::new(columns("b._begins"), from).join(join), (size + slide - 1) / slide)
                    }
                },
            };
            (once(s, select), hops)
        }
        Window::Cumulative { size, step, .. } => {
            let (by, most) = match step {
                // These are more steps than some windows have: the ends past a window are capped to it, and
                // `once` drops copies.
                Duration::Length(step) => (None, (most_days(size) + 1) * DAY / step + 1),
                Duration::Calendar { count, unit } => match (units(count, unit), every) {
                    (Units::Months(step), Units::Months(size)) => {
                        (Some((months(s), "_month", step)), (size + step - 1) / step)
                    }
                    (Units::Days(step) | Units::Months(step), _) => {
                        (Some((days.to_string(), "_day", step)), most_days(size) / step + 1)
                    }
                },
            };
            let steps = numbers(s, "steps", 1, most);
            let end = match (&by, step) {
                (Some((_, unit, step)), _) => format!("a._first{unit} + k._k * {step} AS _end{unit}"),
                (None, Duration::Length(step)) => format!("a._start + k._k * {step} AS _end"),
                (None, Duration::Calendar { .. }) => {
                    unreachable!("calendar units are counted by days or months")
                }
            };
            let stepped =
                Select::new(["a._i".into(), "a._start".into(), "n._start AS _until".into(), end], from)
                    .join(format!("JOIN {starts} AS n ON n._i = a._i + 1"))
                    .join(format!("CROSS JOIN {steps} AS k"));
            let stepped = s.with("stepped", stepped);
            // The last ends with the size.
            let capped = |end: &str| format!("CASE WHEN {end} > a._until THEN a._until ELSE {end} END");
            let mut select = Select::new(Vec::<String>::new(), format!("{stepped} AS a"));
            select.columns = match by {
                Some(_) => columns(&capped("b._begins")).into(),
                None => columns(&capped("a._end")).into(),
            };
            if let Some((of, unit, _)) = by {
                select = select.join(format!("JOIN {of} AS b ON b.{unit} = a._end{unit}"));
            }
            (once(s, select), 1)
        }
        _ => {
            let select =
                Select::new(columns("b._start"), from).join(format!("JOIN {starts} AS b ON b._i = a._i + 1"));
            (s.with("spans", select), 1)
        }
    }
}

/// The spans of `select`, each once: where a zone skips a day, two windows start as one.
fn once(s: &mut Statement, select: Select) -> String {
    let spans = s.with("spans", select);
    let once = Select::new(["MAX(_w) AS _w", "_start", "_end"], spans)
        .group(["_start".to_string(), "_end".to_string()]);
    s.with("windows", once)
}

/// Appends `_us`, the microseconds of each event, and `_i`, the number of the last start before it.
///
/// Joins by equality: events and local days meet in the days of UTC that they touch.
fn place_by_day(s: &mut Statement, days: &str) {
    let day = words::floor_div(s.dialect, "_us", DAY);
    s.append("by_utc_day", [format!("{day} AS _utc_day")]);
    // A local day touches three at most.
    let touched = numbers(s, "touched", 0, 3);
    let first = words::floor_div(s.dialect, "d._begins", DAY);
    let select = Select::new(
        ["d._i".to_string(), "d._begins".into(), "d._next".into(), format!("{first} + t._k AS _utc_day")],
        format!("{days} AS d"),
    )
    .join(format!("CROSS JOIN {touched} AS t"));
    let touching = s.with("days_by_utc", select);
    let select = Select::new(["e.*", "d._i"], format!("{} AS e", s.last))
        .join(format!("JOIN {touching} AS d ON d._utc_day = e._utc_day"))
        .filter("d._begins <= e._us")
        .filter("d._next > e._us");
    s.last = s.with("dated", select);
}

/// A CTE of local days around the events: `_day` since 1970, `_month` since January 1970, `_begins`.
fn days(s: &mut Statement, offset: i64, wide: i64) -> Result<String> {
    let int = s.type_name(crate::batch::DataType::Int64);
    let month = |date: &str| {
        let field = |field: &str| format!("CAST(EXTRACT({field} FROM {date}) AS {int})");
        format!("({} - 1970) * 12 + {} - 1 AS _month", field("YEAR"), field("MONTH"))
    };
    if s.dialect == Dialect::Polars {
        if wide > 36_600 {
            return Err(s.refuse("windows of more than a hundred years"));
        }
        let day = "CAST(CAST(day AS INTEGER) AS BIGINT) AS _day".to_string();
        let select =
            Select::new([day, month("day"), "begins AS _begins".into()], s.ident(&relation_name(offset)));
        return Ok(s.with("local_days", select));
    }
    let zone = s.plan.zone.clone();
    // All days that events can have: reading the events for the first and the last would read them twice.
    let range = s.plan.pipeline.range;
    let low = range.start.clamp(EARLIEST, LATEST).div_euclid(DAY) - wide;
    let high = range.end.clamp(EARLIEST, LATEST).div_euclid(DAY) + wide;
    let select = match s.dialect {
        Dialect::Postgres => {
            Select::new([format!("GENERATE_SERIES(CAST({low} AS {int}), {high}) AS _day")], "")
        }
        Dialect::Spark => {
            Select::new([format!("EXPLODE(SEQUENCE(CAST({low} AS {int}), {high})) AS _day")], "")
        }
        Dialect::BigQuery => Select::new(["_day"], format!("UNNEST(GENERATE_ARRAY({low}, {high})) AS _day")),
        Dialect::Flink => {
            // Flink lacks a function for series.
            let numbers = numbers(s, "numbers", 0, high - low + 1);
            Select::new([format!("n._k + ({low}) AS _day")], format!("{numbers} AS n"))
        }
        _ => Select::new([format!("UNNEST(GENERATE_SERIES({low}, {high})) AS _day")], ""),
    };
    let numbered = s.with("all_days", select);
    let month = month(&date(s.dialect, "_day"));
    let shift = if offset == 0 { String::new() } else { format!(" + ({offset})") };
    let start = format!("_day * {DAY}{shift}");
    if zone.name() == "UTC" {
        // In UTC every day begins at its own midnight: the probing of offsets below is not needed.
        let columns = ["_day".to_string(), month, format!("{start} AS _begins")];
        return Ok(s.with("local_days", Select::new(columns, numbered)));
    }
    if !begins_are_plain(&zone, offset) {
        let at = match offset {
            0 => String::new(),
            _ => format!(" {} {}", if offset < 0 { "-" } else { "+" }, Duration::Length(offset.abs())),
        };
        let what = format!(
            "days of {} from midnight{at}, where clocks skip the time that some start at,",
            zone.name()
        );
        return Err(s.refuse(what).hint("the dialect polars has them"));
    }
    // The start by the offset of the day before, and by that of the day after: the first that the clock shows.
    let local = |s: &Statement, micros: &str| wall_clock(s.dialect, micros, zone.name());
    let offset_at = |s: &Statement, micros: &str| format!("({} - ({micros}))", local(s, micros));
    let columns = [
        "_day".to_string(),
        month,
        format!("{start} AS _shown"),
        format!("{start} - {} AS _early", offset_at(s, &format!("{start} - {DAY}"))),
        format!("{start} - {} AS _late", offset_at(s, &format!("{start} + {DAY}"))),
    ];
    let probed = s.with("probed_days", Select::new(columns, numbered));
    let begins = format!(
        "CASE WHEN {} <> _shown AND {} = _shown THEN _late ELSE _early END AS _begins",
        local(s, "_early"),
        local(s, "_late")
    );
    let columns = ["_day".to_string(), "_month".into(), begins];
    Ok(s.with("local_days", Select::new(columns, probed)))
}

/// The date of a number of days since 1970.
fn date(dialect: Dialect, day: &str) -> String {
    match dialect {
        Dialect::Spark => format!("DATE_ADD(DATE '1970-01-01', CAST({day} AS INT))"),
        Dialect::Flink => format!("TIMESTAMPADD(DAY, CAST({day} AS INT), DATE '1970-01-01')"),
        Dialect::BigQuery => format!("DATE_FROM_UNIX_DATE({day})"),
        _ => format!("(DATE '1970-01-01' + CAST({day} AS INTEGER))"),
    }
}

/// What the wall clock of `zone` shows at an instant; both in microseconds.
fn wall_clock(dialect: Dialect, micros: &str, zone: &str) -> String {
    let zone = words::text(dialect, zone);
    let instant = words::from_micros(dialect, micros);
    match dialect {
        Dialect::DuckDb => format!("EPOCH_US(TIMEZONE({zone}, MAKE_TIMESTAMPTZ({micros})))"),
        Dialect::Postgres => words::to_micros(dialect, &format!("({instant} AT TIME ZONE {zone})")),
        Dialect::Spark => words::to_micros(dialect, &format!("FROM_UTC_TIMESTAMP({instant}, {zone})")),
        Dialect::BigQuery => words::to_micros(dialect, &format!("TIMESTAMP(DATETIME({instant}, {zone}))")),
        // CONVERT_TZ knows whole seconds alone, which offsets have too; the session is in UTC.
        Dialect::Flink => format!(
            "(UNIX_TIMESTAMP(CONVERT_TZ(DATE_FORMAT({instant}, '{}'), 'UTC', {zone})) * CAST(1000000 AS BIGINT) \
             + CAST(DATE_FORMAT({instant}, 'SSSSSS') AS BIGINT))",
            words::FLINK_SECONDS
        ),
        Dialect::Polars => unreachable!("its days are a relation"),
    }
}

/// Whether the statement's way finds when days begin: all of it but a start strictly within hours that clocks skip,
/// whose end it does not look for.
fn begins_are_plain(zone: &Zone, offset: i64) -> bool {
    let mut zone = zone.clone();
    (EARLIEST / DAY..LATEST / DAY).all(|day| {
        let shown = day * DAY + offset;
        let early = shown - zone.offset(shown - DAY);
        let late = shown - zone.offset(shown + DAY);
        let begins = if zone.local(early) != shown && zone.local(late) == shown { late } else { early };
        begins == zone.instant(shown)
    })
}
