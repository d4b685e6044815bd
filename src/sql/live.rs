//! The statement that does live on Flink what `mode = "streamed"` does with what was recorded.
//!
//! # Contract
//! * A window is published by the watermark as a run in mode `streamed` publishes it, with the same events: the table's
//!   watermark is one millisecond behind the greatest event time less the delay, and follows each record. Flink's own
//!   `WATERMARK FOR t AS t - delay` is one millisecond ahead of that.
//! * Windows are Flink's table-valued functions. What they have not (calendar windows in a zone, allowed lateness, gaps
//!   between hopping windows, all of time) is an error that names it; so is what needs a state of our own (`dedup`, as-of
//!   joins, lookups) or all rows of a window in an order.
//! * Event times are cut to the millisecond, as Flink's time attributes have them.
//! * Late events go to a table of their own by a second INSERT, where the end of an event's last window can be said.

use super::statement::{Select, Statement};
use super::windows::{self, Placed};
use super::{Dialect, SqlScript, TIME, check_names, post, source, steps, words};
use crate::error::Result;
use crate::plan::{OutputId, OutputKind, OutputPlan, OutputTo, Plan};
use crate::time::Duration;
use crate::window::Window;

pub use source::Connector;

/// The view of the events after the job's steps.
const EVENTS: &str = "live_events";

/// The statements that publish output number `output` of `plan` from a live source, for Flink.
///
/// # Errors
/// A job error that names what a stream of Flink cannot do.
pub fn live(plan: &Plan, output: OutputId, connector: Connector) -> Result<SqlScript> {
    let dialect = Dialect::Flink;
    let output = &plan.deliveries.outputs[output];
    check_names(plan, Some(output), dialect)?;
    let mut s = Statement::new(plan, dialect);
    s.live = true;
    if matches!(output.kind, OutputKind::Archive(_)) {
        return Err(s.refuse("an archive, whose rows name the file and the place of each record,"));
    }
    steps::steps(&mut s, false)?;
    let events = s.take(Select::new(["*"], s.last.clone()));
    let mut setup = source::live_setup(plan, connector)?;
    setup.push(format!("CREATE TEMPORARY VIEW {EVENTS} AS\n{events}"));
    s.last = EVENTS.to_string();
    let name = sink_name(output);
    setup.push(sink(&s, &name, output));
    let (select, window) = match &output.kind {
        OutputKind::Groups { grouping, post } => {
            let grouping = &plan.pipeline.groupings[*grouping];
            if grouping.plan.lateness.as_ref().is_some_and(|lateness| lateness.allowed > 0) {
                return Err(s.refuse("`allowed_lateness` of windows in a stream"));
            }
            let keys: Vec<_> = grouping.plan.keys.iter().map(|key| key.0).collect();
            let keys = s.keys(&keys)?;
            let window = windows::window(&grouping.plan);
            s.last = format!("TABLE({})", table_function(&s, window, &keys)?);
            let mut group = vec!["window_start".to_string(), "window_end".to_string()];
            group.extend(keys);
            let placed = Placed { group, bounds: Some(["window_start".into(), "window_end".into()]) };
            (post::live_groups(&mut s, output, grouping, post, &placed)?, Some(window))
        }
        OutputKind::Rows(columns) => (post::select_rows(&s, output, columns)?, None),
        OutputKind::Archive(_) => unreachable!("refused above"),
    };
    let insert = format!("INSERT INTO {}\n{}", s.ident(&name), s.take(select));
    let late = match window {
        Some(window) => late(&mut s, window, &name, &mut setup)?,
        None => None,
    };
    notes(&mut s, connector, window, late.is_some());
    let query = match late {
        None => insert,
        Some(late) => format!("EXECUTE STATEMENT SET\nBEGIN\n{insert};\n{late};\nEND"),
    };
    Ok(SqlScript { setup, query, notes: s.into_notes() })
}

/// What a reader should know.
fn notes(s: &mut Statement, connector: Connector, window: Option<Window>, has_late: bool) {
    s.note(
        "Flink publishes what `run --mode streamed` does with the same events in the same order of arrival",
    );
    match connector {
        Connector::Filesystem => s.note(
            "these files are read once: `'source.monitor-interval' = '10 s'` in the source table goes on with new ones",
        ),
        Connector::Kafka => s.note(
            "put in YOUR_TOPIC and YOUR_SERVERS; each partition of the topic has a watermark from the start on, and this connector was not run",
        ),
    }
    match window {
        Some(Window::Session { .. }) => {
            s.note("the bounds of sessions are in milliseconds");
            s.note(
                "late events have no table: what session an event would be in is known to the window alone",
            );
        }
        Some(_) if !has_late => s.note("the job has no output of late events"),
        _ => {}
    }
}

/// The window of Flink over the events.
fn table_function(s: &Statement, window: Window, keys: &[String]) -> Result<String> {
    let time = format!("DESCRIPTOR({TIME})");
    let calendar = || s.refuse(format!("windows of the calendar in {} in a stream", s.plan.zone.name()));
    let length = |duration: Duration| match duration {
        Duration::Length(length) => interval(s, length),
        Duration::Calendar { .. } => Err(calendar()),
    };
    let offset = |micros: i64| match micros {
        0 => Ok(String::new()),
        micros => Ok(format!(", {}", interval(s, micros)?)),
    };
    match window {
        Window::Tumbling { size, offset: by } => {
            Ok(format!("TUMBLE(TABLE {EVENTS}, {time}, {}{})", length(size)?, offset(by.micros)?))
        }
        Window::Hopping { size, slide, offset: by } => {
            divides(s, size, slide, "hopping windows whose size is not a multiple of the slide")?;
            let lengths = format!("{}, {}", length(slide)?, length(size)?);
            Ok(format!("HOP(TABLE {EVENTS}, {time}, {lengths}{})", offset(by.micros)?))
        }
        Window::Cumulative { size, step, offset: by } => {
            divides(s, size, step, "cumulative windows whose size is not a multiple of the step")?;
            let lengths = format!("{}, {}", length(step)?, length(size)?);
            Ok(format!("CUMULATE(TABLE {EVENTS}, {time}, {lengths}{})", offset(by.micros)?))
        }
        Window::Session { gap } => {
            let by = match keys {
                [] => String::new(),
                keys => format!(" PARTITION BY {}", keys.join(", ")),
            };
            Ok(format!("SESSION(TABLE {EVENTS}{by}, {time}, {})", interval(s, gap)?))
        }
        Window::Global => Err(s.refuse("one window for all of time, which never ends in a stream,")),
    }
}

/// Fails unless a window is so many times another length.
fn divides(s: &Statement, size: Duration, part: Duration, what: &str) -> Result<()> {
    match (size, part) {
        (Duration::Length(size), Duration::Length(part)) if size % part != 0 || part > size => {
            Err(s.refuse(format!("{what} in a stream")))
        }
        _ => Ok(()),
    }
}

/// A literal of a length of time, of whole milliseconds.
fn interval(s: &Statement, micros: i64) -> Result<String> {
    words::flink_interval(micros)
        .ok_or_else(|| s.refuse("a duration with parts of a millisecond, in a stream,"))
}

/// The INSERT of late events, where the job wants them; its table goes to `setup`.
///
/// An event is late for a window whose last millisecond the watermark has passed before it.
fn late(s: &mut Statement, window: Window, name: &str, setup: &mut Vec<String>) -> Result<Option<String>> {
    let Some(late) = &s.plan.deliveries.late else { return Ok(None) };
    // Where the last window of an event begins, and how long that is.
    let (every, offset, size) = match window {
        Window::Tumbling { size: Duration::Length(size), offset }
        | Window::Cumulative { size: Duration::Length(size), offset, .. } => (size, offset, size),
        Window::Hopping { size: Duration::Length(size), slide: Duration::Length(slide), offset } => {
            (slide, offset, size)
        }
        _ => return Ok(None),
    };
    let start = windows::start(s, "_at", every, offset.micros);
    let (mut columns, mut definitions) = (vec![], vec![]);
    for column in &s.plan.pipeline.read.columns {
        let name = s.ident(&column.name);
        if !columns.contains(&name) {
            definitions.push(format!("{name} {}", s.type_name(column.ty)));
            columns.push(name);
        }
    }
    let table = s.ident(&format!("{name}_late"));
    let path = folder_of(&late.path.display().to_string());
    setup.push(table_of_files(s, &table, &definitions, &path));
    let micros = |sql: &str| s.micros(&format!("CAST({sql} AS TIMESTAMP(3))"));
    let (mark, at) = (micros(&format!("CURRENT_WATERMARK({TIME})")), micros(TIME));
    // The watermark is NULL before the first record has passed: then none is late.
    Ok(Some(format!(
        "INSERT INTO {table}\nSELECT {}\nFROM (\n  SELECT *,\n    {mark} AS _mark,\n    {at} AS _at\n  FROM {EVENTS}\n)\n\
         WHERE {start} + {size} <= _mark + 1000",
        columns.join(", ")
    )))
}

/// A name for the table of an output: the letters and digits of its file or folder.
fn sink_name(output: &OutputPlan) -> String {
    let path = output.to.to_string();
    let stem = path.rsplit('/').next().unwrap_or(&path).split('.').next().unwrap_or("");
    let plain: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("live_{}", plain.trim_matches('_'))
}

/// The table that an output is written to.
fn sink(s: &Statement, name: &str, output: &OutputPlan) -> String {
    let name = &s.ident(name);
    let definitions: Vec<String> = output
        .columns
        .fields
        .iter()
        .map(|field| format!("{} {}", s.ident(&field.name), s.type_name(field.ty)))
        .collect();
    match &output.to {
        OutputTo::Terminal => format!(
            "CREATE TEMPORARY TABLE {name} (\n  {}\n) WITH ('connector' = 'print')",
            definitions.join(",\n  ")
        ),
        to => table_of_files(s, name, &definitions, &folder_of(&to.to_string())),
    }
}

/// A table of files of JSON Lines in a folder.
fn table_of_files(s: &Statement, name: &str, definitions: &[String], folder: &str) -> String {
    format!(
        "CREATE TEMPORARY TABLE {name} (\n  {}\n) WITH (\n  'connector' = 'filesystem',\n  'path' = {},\n  \
         'format' = 'json',\n  'json.timestamp-format.standard' = 'ISO-8601',\n  \
         'json.encode.decimal-as-plain-number' = 'true'\n)",
        definitions.join(",\n  "),
        words::text(s.dialect, folder)
    )
}

/// The folder of what a live job writes: beside what a run writes, and never over it.
fn folder_of(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let stem = name.split('.').next().unwrap_or(name);
    if folder.is_empty() { format!("{stem}-live") } else { format!("{folder}/{stem}-live") }
}
