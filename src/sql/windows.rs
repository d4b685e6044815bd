//! Windows: each event with the bounds of every window that it lies in.

use super::statement::{Select, Statement, numbers};
use super::{Dialect, POSITION, TIME, calendar, watermark, words};
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

/// Appends the windows of `grouping` to the events, and leaves out the events that are late for them.
///
/// With `zoned`, bounds are instants in the job's zone: in Polars, where instants are in one, expressions read
/// their wall clock.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn place(s: &mut Statement, grouping: &Grouping, zoned: bool) -> Result<Placed> {
    let columns: Vec<ColumnId> = grouping.plan.keys.iter().map(|key| key.0).collect();
    let mut keys = s.keys(&columns)?;
    let window = window(&grouping.plan);
    match window {
        Window::Global => {
            if keys.is_empty() || s.is_lone_decimal(&columns) {
                // Grouped by something, no events make no row. And Polars groups by no decimal alone.
                s.append("windowed", ["1 AS _window".to_string()]);
                keys.push("_window".into());
            }
            return Ok(Placed { group: keys, bounds: None });
        }
        Window::Session { .. } if watermark::is_streamed(&grouping.plan) => return Err(streamed_sessions(s)),
        Window::Session { gap } => {
            s.append("timed", [format!("{} AS _us", s.micros(TIME))]);
            return Ok(sessions(s, gap, keys, &s.partition(&columns)?, zoned));
        }
        _ => {}
    }
    s.append("timed", [format!("{} AS _us", s.micros(TIME))]);
    let [start, end] = placed(s, window)?;
    watermark::leave_out_late(s, &grouping.plan, &end);
    bounds(s, &start, &end, zoned);
    let mut group = vec!["window_start".to_string(), "window_end".to_string()];
    group.extend(keys);
    Ok(Placed { group, bounds: Some(["window_start".into(), "window_end".into()]) })
}

/// The error for sessions of a streamed output.
pub(super) fn streamed_sessions(s: &Statement) -> Error {
    let what = "a streamed session, which takes an event by the sessions that are open when it comes,";
    s.refuse(what).hint("`--mode complete` counts every event, which SQL can say")
}

/// Appends the windows that end to events with `_us`, and gives the SQL of their bounds in microseconds.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn placed(s: &mut Statement, window: Window) -> Result<[String; 2]> {
    Ok(match window {
        Window::Tumbling { size: Duration::Length(size), offset } => {
            let start = start(s, "_us", size, offset.micros);
            s.append("placed", [format!("{start} AS _start")]);
            ["_start".into(), format!("_start + {size}")]
        }
        Window::Hopping { size: Duration::Length(size), slide: Duration::Length(slide), offset } => {
            // An event lies in at most so many windows: the one that started last, and those before.
            let most = (size + slide - 1) / slide;
            let back = if most > 1 { format!(" - h._k * {slide}") } else { String::new() };
            let start = format!("{}{back} AS _start", start(s, "e._us", slide, offset.micros));
            let mut select = Select::new(["e.*".to_string(), start], format!("{} AS e", s.last));
            if most > 1 {
                select = select.join(format!("CROSS JOIN {} AS h", numbers(s, "hops", 0, most)));
            }
            s.last = s.with("placed", select);
            let open = format!("_start + {size} > _us");
            let select = Select::new(["*"], &s.last).filter(open);
            s.last = s.with("held", select);
            ["_start".into(), format!("_start + {size}")]
        }
        Window::Cumulative { size: Duration::Length(size), step: Duration::Length(step), offset } => {
            let most = (size + step - 1) / step;
            let steps = numbers(s, "steps", 1, most);
            let start = start(s, "_us", size, offset.micros);
            s.append("placed", [format!("{start} AS _start")]);
            // The last of them is cut short.
            let end = format!(
                "e._start + CASE WHEN k._k * {step} > {size} THEN {size} ELSE k._k * {step} END AS _end"
            );
            let select = Select::new(["e.*".to_string(), end], format!("{} AS e", s.last))
                .join(format!("CROSS JOIN {steps} AS k"));
            s.last = s.with("stepped", select);
            let select = Select::new(["*"], &s.last).filter("_end > _us");
            s.last = s.with("held", select);
            ["_start".into(), "_end".into()]
        }
        _ => {
            calendar::place(s, window)?;
            ["_start".into(), "_end".into()]
        }
    })
}

/// The start of the last window of `size` that started by `micros`.
fn start(s: &Statement, micros: &str, size: i64, offset: i64) -> String {
    let shifted = |sign| match offset {
        0 => String::new(),
        offset if (offset < 0) == (sign < 0) => format!(" + {}", offset.abs()),
        offset => format!(" - {}", offset.abs()),
    };
    let since = format!("{micros}{}", shifted(-1));
    // A time before 1970 has to go down to its window: plain division of integers goes towards zero.
    format!("{} * {size}{}", words::floor_div(s.dialect, &since, size), shifted(1))
}

/// Appends `window_start` and `window_end`, from microseconds.
fn bounds(s: &mut Statement, start: &str, end: &str, zoned: bool) {
    let instant = |micros: &str| match zoned {
        true => words::from_micros_like(s.dialect, micros, TIME),
        false => words::from_micros(s.dialect, micros),
    };
    let columns = [format!("{} AS window_start", instant(start)), format!("{} AS window_end", instant(end))];
    s.append("windowed", columns);
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
    let order = format!("{by}ORDER BY {TIME}, {POSITION}");
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
