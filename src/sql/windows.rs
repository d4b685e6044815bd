//! Windows: each event with the bounds of every window that it lies in.

use super::statement::{Select, Statement, numbers};
use super::{Dialect, TIME, calendar, truncated, watermark, words};
use crate::batch::ColumnId;
use crate::error::{Error, Result};
use crate::group::GroupPlan;
use crate::plan::Grouping;
use crate::time::{CalendarUnit, DAY, Duration};
use crate::window::Window;

/// How rows are grouped after [`place`].
pub(super) struct Placed {
    /// What rows of one window and key have alike.
    pub group: Vec<String>,
    /// The bounds of the window, where rows are grouped; none where there is one window for all of time.
    pub bounds: Option<[String; 2]>,
}

/// Appends the windows of `grouping` to the events.
///
/// With `zoned`, bounds are instants in the job's zone: in Polars, where instants are in one, expressions read
/// their wall clock.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn place(s: &mut Statement, grouping: &Grouping, zoned: bool) -> Result<Placed> {
    let columns: Vec<ColumnId> = grouping.plan.keys.iter().map(|key| key.0).collect();
    let mut keys = s.keys(&columns)?;
    let (window, streamed) = (window(&grouping.plan), watermark::is_streamed(&grouping.plan));
    let us = s.micros(TIME);
    // The engine cuts windows by its own words, where they are not needed in microseconds too.
    let cut = match window {
        Window::Global => {
            if keys.is_empty() || s.is_lone_decimal(&columns) {
                // Grouped by something, no events make no row. And Polars groups by no decimal alone.
                s.append("windowed", ["1 AS _window".to_string()]);
                keys.push("_window".into());
            }
            return Ok(Placed { group: keys, bounds: None });
        }
        Window::Session { .. } if streamed => return Err(streamed_sessions(s)),
        Window::Session { gap } => {
            s.append("timed", [format!("{us} AS _us")]);
            return Ok(sessions(s, gap, keys, &s.partition(&columns)?, zoned));
        }
        _ if streamed => None,
        Window::Tumbling { size: Duration::Length(size), offset } => {
            truncated::place_length(s, size, offset.micros)
        }
        _ => truncated::place(s, window),
    };
    if cut.is_some() {
        keys.insert(0, "_start".into());
        return Ok(Placed { group: keys, bounds: cut });
    }
    let ends = placed(s, &us, window)?;
    watermark::leave_out_late(s, &grouping.plan, &ends.sql());
    Ok(bounds(s, keys, &ends, zoned))
}

/// The error for sessions of a streamed output.
pub(super) fn streamed_sessions(s: &Statement) -> Error {
    let what = "a streamed session, which takes an event by the sessions that are open when it comes,";
    s.refuse(what).hint("`--mode complete` counts every event, which SQL can say")
}

/// Appends `_start` of each window that an event lies in, and `_end` where [`Ends::Told`], in microseconds; `us` is the
/// SQL of the event's time, [`US`] if it is a column already. Not of sessions, and not of one window for all of time.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn placed(s: &mut Statement, us: &str, window: Window) -> Result<Ends> {
    Ok(match window {
        Window::Tumbling { size: Duration::Length(size), offset } => {
            let start = start(s, us, size, offset.micros);
            s.append("placed", [format!("{start} AS _start")]);
            Ends::After(size)
        }
        Window::Hopping { size: Duration::Length(size), slide: Duration::Length(slide), offset } => {
            hopping(s, us, (size, slide), offset.micros);
            Ends::After(size)
        }
        Window::Cumulative { size: Duration::Length(size), step: Duration::Length(step), offset } => {
            cumulative(s, us, (size, step), offset.micros);
            Ends::Told
        }
        _ => {
            if us != US {
                s.append("timed", [format!("{us} AS {US}")]);
            }
            calendar::place(s, window)?;
            Ends::Told
        }
    })
}

/// The column of an event's time in microseconds.
pub(super) const US: &str = "_us";

/// When windows end.
pub(super) enum Ends {
    /// So many microseconds after `_start`.
    After(i64),
    /// At `_end`.
    Told,
}

impl Ends {
    /// The end of a window, in microseconds.
    pub fn sql(&self) -> String {
        match self {
            Ends::After(size) => format!("_start + {size}"),
            Ends::Told => "_end".to_string(),
        }
    }
}

/// Appends the event's time in microseconds, unless it is a column already, and one more column.
fn append_with_us(s: &mut Statement, us: &str, more: String) {
    let own = (us != US).then(|| format!("{us} AS {US}"));
    s.append("placed", own.into_iter().chain([more]));
}

/// Appends `_start` of each window that an event lies in: those that started last, as many as may be open.
fn hopping(s: &mut Statement, us: &str, (size, slide): (i64, i64), offset: i64) {
    let most = (size + slide - 1) / slide;
    if most == 1 {
        let start = start(s, us, slide, offset);
        s.append("placed", [format!("{start} AS _start")]);
        let open = Select::new(["*"], &s.last).filter(format!("_start + {size} > {us}"));
        s.last = s.with("held", open);
        return;
    }
    let next = format!("{} AS _next", start(s, us, slide, offset));
    append_with_us(s, us, next);
    let hops = numbers(s, "hops", 0, most);
    let start = format!("e._next - h._k * {slide}");
    let select = Select::new(["e.*".to_string(), format!("{start} AS _start")], format!("{} AS e", s.last))
        .join(format!("CROSS JOIN {hops} AS h"))
        .filter(format!("{start} + {size} > e._us"));
    s.last = s.with("held", select);
}

/// Appends `_start` and `_end` of each window that an event lies in: those of its size that end after it.
fn cumulative(s: &mut Statement, us: &str, (size, step): (i64, i64), offset: i64) {
    let steps = numbers(s, "steps", 1, (size + step - 1) / step);
    let start = format!("{} AS _start", start(s, us, size, offset));
    append_with_us(s, us, start);
    // The last of them is cut short.
    let end = format!("e._start + CASE WHEN k._k * {step} > {size} THEN {size} ELSE k._k * {step} END");
    let select = Select::new(["e.*".to_string(), format!("{end} AS _end")], format!("{} AS e", s.last))
        .join(format!("CROSS JOIN {steps} AS k"))
        .filter(format!("{end} > e._us"));
    s.last = s.with("held", select);
}

/// The start of the last window of `size` that started by `micros`.
pub(super) fn start(s: &Statement, micros: &str, size: i64, offset: i64) -> String {
    let shifted = |sign| match offset {
        0 => String::new(),
        offset if (offset < 0) == (sign < 0) => format!(" + {}", offset.abs()),
        offset => format!(" - {}", offset.abs()),
    };
    let since = format!("{micros}{}", shifted(-1));
    format!("{}{}", words::floor_to(s.dialect, &since, size), shifted(1))
}

/// How rows with `_start`, in microseconds, are grouped.
fn bounds(s: &mut Statement, keys: Vec<String>, ends: &Ends, zoned: bool) -> Placed {
    let instant = |micros: &str| match zoned {
        true => words::from_micros_like(s.dialect, micros, TIME),
        false => words::from_micros(s.dialect, micros),
    };
    let [start, end] = [instant("_start"), instant(&ends.sql())];
    if s.dialect == Dialect::Polars {
        // The zone of the bounds is that of `_time`, which groups do not have.
        s.append("windowed", [format!("{start} AS window_start"), format!("{end} AS window_end")]);
        let names = ["window_start".to_string(), "window_end".to_string()];
        return Placed { group: names.iter().cloned().chain(keys).collect(), bounds: Some(names) };
    }
    let mut group = vec!["_start".to_string()];
    if let Ends::Told = ends {
        group.push("_end".into());
    }
    group.extend(keys);
    Placed { group, bounds: Some([start, end]) }
}

/// The window of a grouping; days and weeks of UTC have a fixed length.
pub(super) fn window(plan: &GroupPlan) -> Window {
    let window = plan.window;
    if plan.zone.name() != "UTC" {
        return window;
    }
    // Weeks start on Monday 1970-01-05.
    let days = |duration: Duration| match duration {
        Duration::Calendar { count, unit: CalendarUnit::Day } => Some((i64::from(count) * DAY, 0)),
        Duration::Calendar { count, unit: CalendarUnit::Week } => Some((i64::from(count) * 7 * DAY, 4 * DAY)),
        Duration::Calendar { .. } => None,
        Duration::Length(length) => Some((length, 0)),
    };
    let length = |(length, _)| Duration::Length(length);
    match window {
        Window::Tumbling { size, offset } => match days(size) {
            Some((size, monday)) => {
                Window::Tumbling { size: Duration::Length(size), offset: offset.plus(monday) }
            }
            None => window,
        },
        Window::Hopping { size, slide, offset } => match (days(size), days(slide)) {
            (Some(size), Some(slide)) => {
                Window::Hopping { size: length(size), slide: length(slide), offset: offset.plus(slide.1) }
            }
            _ => window,
        },
        Window::Cumulative { size, step, offset } => match (days(size), days(step)) {
            (Some(size), Some(step)) => {
                Window::Cumulative { size: length(size), step: length(step), offset: offset.plus(size.1) }
            }
            _ => window,
        },
        _ => window,
    }
}

/// Events of a key that follow one another within the gap have the number of their session.
fn sessions(s: &mut Statement, gap: i64, mut keys: Vec<String>, by: &[String], zoned: bool) -> Placed {
    let by = super::statement::partition_by(by);
    let order = format!("{by}ORDER BY {}", s.in_replay_order().join(", "));
    let pause = format!("_us - LAG(_us) OVER ({order})");
    // As in Flink, an event exactly one gap later still joins. The first event has a NULL pause and begins a
    // session.
    s.append("paused", [format!("CASE WHEN {pause} <= {gap} THEN 0 ELSE 1 END AS _begins")]);
    let running = format!("SUM(_begins) OVER ({order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)");
    s.append("windowed", [format!("{running} AS _session")]);
    let first = format!("MIN({TIME})");
    let last = format!("MAX(_us) + {gap}");
    let bounds = match (s.dialect, zoned) {
        (Dialect::Polars, false) => {
            [words::from_micros(s.dialect, "MIN(_us)"), words::from_micros(s.dialect, &last)]
        }
        (Dialect::Polars, true) => [first, format!("MAX({TIME}) + CAST({gap} AS INTERVAL)")],
        (dialect, _) => [first, words::from_micros(dialect, &last)],
    };
    keys.push("_session".into());
    Placed { group: keys, bounds: Some(bounds) }
}
