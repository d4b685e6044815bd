//! The events that went into a group: from which file and line each came.
//!
//! # Contract
//! A trace is the run again as far as the windows: the events that come out of the steps, in replay order, of
//! which those of a group are kept. So what a step left out is not in it, and what it appended is. Lateness is
//! left out of account: events that a streamed output had called late are in it.

use crate::batch::{ColumnView, DataType, Position, Schema, plain_strings};
use crate::deliver::events::{EventContext, SettledRows};
use crate::engine::{ArrivalNeed, Pass, Progress, RunOptions, tables};
use crate::error::{Error, Result};
use crate::input::Rejects;
use crate::input::lines::line_numbers;
use crate::plan::Plan;
use crate::process::pool;
use crate::rows::gather_partitions;
use crate::sink::csv;
use crate::sink::value::TimeText;
use crate::time::{TimeRange, Zone};
use arrow_array::ArrayRef;
use std::path::PathBuf;

/// A group of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOf {
    /// Its window; none where that is global.
    pub window: Option<TimeRange>,
    /// The names and values of its keys, as CSV has them; NULL is none.
    pub keys: Vec<(String, Option<String>)>,
}

/// The events of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// How many there are.
    pub events: u64,
    /// The columns that the job reads and derives.
    pub columns: Vec<String>,
    /// The first of them, in replay order.
    pub rows: Vec<TracedRow>,
}

/// An event, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedRow {
    /// The file.
    pub file: PathBuf,
    /// Its line, or the number of the row of a Parquet file or the record of an Avro file, from 1.
    pub line: u64,
    /// The event time, microseconds UTC.
    pub time: i64,
    /// The values, as CSV has them; NULL is none.
    pub values: Vec<Option<String>>,
}

/// The events of each of `groups`, of which the first `most` are shown.
///
/// # Errors
/// As of a run; a key that is no column of the events.
pub fn trace(
    plan: Plan,
    groups: &[GroupOf],
    most: usize,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<Vec<Traced>> {
    pool(options.threads)?.install(|| {
        let found = events(plan, groups, most, options, progress)?;
        found.groups.into_iter().map(|group| group.shown(&found.plan)).collect()
    })
}

/// Events of groups, found by their columns.
pub struct Events {
    /// What was run.
    pub plan: Plan,
    /// Of each group.
    pub groups: Vec<OfGroup>,
    /// The records that could not be read.
    pub rejects: Rejects,
}

/// The events of one group.
#[derive(Default)]
pub struct OfGroup {
    events: u64,
    columns: Vec<String>,
    /// The first of them, in replay order, with their positions; lines are not counted yet.
    pub rows: Vec<(Position, TracedRow)>,
}

impl OfGroup {
    /// The events with their lines.
    ///
    /// # Errors
    /// A file that cannot be read again.
    fn shown(self, plan: &Plan) -> Result<Traced> {
        Ok(Traced { events: self.events, columns: self.columns, rows: with_lines(plan, self.rows)? })
    }
}

/// Rows with the numbers of their lines.
///
/// # Errors
/// A file that cannot be read again.
pub fn with_lines(plan: &Plan, rows: Vec<(Position, TracedRow)>) -> Result<Vec<TracedRow>> {
    let (places, rows): (Vec<Position>, Vec<TracedRow>) = rows.into_iter().unzip();
    let lines = line_numbers(&plan.pipeline.read, &places)?;
    Ok(rows.into_iter().zip(lines).map(|(row, line)| TracedRow { line, ..row }).collect())
}

/// Runs `plan` as far as the windows, on the threads of the pool that this is called in, and keeps the events of
/// `groups`: of each the first `most`.
///
/// # Errors
/// As of [`trace`].
pub fn events(
    plan: Plan,
    groups: &[GroupOf],
    most: usize,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<Events> {
    let columns = plan.pipeline.rows.clone();
    let keys = groups.iter().map(|group| key_columns(&columns, group)).collect::<Result<Vec<_>>>()?;
    let plan = narrow(plan, groups)?.of_events();
    let names: Vec<String> = columns.names().map(str::to_string).collect();
    let mut found: Vec<OfGroup> =
        groups.iter().map(|_| OfGroup { columns: names.clone(), ..OfGroup::default() }).collect();
    let pass = Pass { plan: &plan, options, progress };
    let mut read = tables::read_with_source(&pass, ArrivalNeed::Nothing)?;
    let settled =
        SettledRows::new(&plan.deliveries.outputs[0], EventContext::Resolution(read.resolution.as_ref()));
    for partition in gather_partitions(read.rows.pop().unwrap_or_default()) {
        let ordered = settled.order(&partition)?;
        for from in (0..ordered.len()).step_by(CUT) {
            let to = ordered.len().min(from + CUT);
            let arrays: Vec<ArrayRef> =
                settled.columns(&ordered, from, to).iter().map(plain_strings).collect();
            let mut cells = TextCells::new(&arrays, &Zone::utc())?;
            let (times, positions) = (ordered.times(from, to), ordered.positions(from, to));
            for ((group, keys), found) in groups.iter().zip(&keys).zip(&mut found) {
                for row in 0..to - from {
                    let inside = group.window.is_none_or(|window| window.contains(times[row]));
                    // The condition of `narrow` is coarse, so window and keys are compared here.
                    if !inside || keys.iter().any(|(column, value)| cells.text(*column, row) != *value) {
                        continue;
                    }
                    found.events += 1;
                    if found.rows.len() < most {
                        let file = plan.pipeline.read.files[positions[row].file() as usize].path.clone();
                        let values = (0..names.len()).map(|c| cells.text(c, row)).collect();
                        let event = TracedRow { file, line: 0, time: times[row], values };
                        found.rows.push((positions[row], event));
                    }
                }
            }
        }
    }
    let rejects = read.reports.pop().expect("a report of the source").rejects;
    Ok(Events { plan, groups: found, rejects })
}

/// Leaves out, before rows are kept, what can be told to be of other groups: most of them are.
///
/// # Errors
/// None in practice: the condition names columns of the plan.
pub fn narrow(plan: Plan, groups: &[GroupOf]) -> Result<Plan> {
    match condition(&plan.pipeline.rows, groups) {
        Some(condition) => plan.filtered(&condition),
        None => Ok(plan),
    }
}

/// Rows that are looked at in one go.
const CUT: usize = 1 << 14;

fn key_columns(rows: &Schema, group: &GroupOf) -> Result<Vec<(usize, Option<String>)>> {
    let column = |(name, value): &(String, Option<String>)| {
        let unknown =
            || Error::job(format!("`{name}` is not a column of the events")).nearest(name, rows.names());
        Ok((rows.index_of(name).ok_or_else(unknown)?, value.clone()))
    };
    group.keys.iter().map(column).collect()
}

/// A condition that is true for all events of the groups, and for few others: by the keys that are texts or
/// integers. `None` where that says nothing.
fn condition(rows: &Schema, groups: &[GroupOf]) -> Option<String> {
    let of_group = |group: &GroupOf| {
        let of_key = |(name, value): &(String, Option<String>)| {
            // SQL doubles a quote inside of a name or a text.
            let column = format!("\"{}\"", name.replace('"', "\"\""));
            let ty = rows.type_of(name)?;
            match (value, ty) {
                (None, _) => Some(format!("{column} IS NULL")),
                (Some(value), DataType::String | DataType::Json) => {
                    Some(format!("{column} = '{}'", value.replace('\'', "''")))
                }
                (Some(value), DataType::Int64) => Some(format!("{column} = {}", value.parse::<i64>().ok()?)),
                // The text of a time, a float or a decimal depends on its form, so rows are compared later.
                _ => None,
            }
        };
        let conditions: Vec<String> = group.keys.iter().filter_map(of_key).collect();
        (!conditions.is_empty()).then(|| format!("({})", conditions.join(" AND ")))
    };
    // A group without a condition can be in any row, so the filter must then be left out.
    let all: Option<Vec<String>> = groups.iter().map(of_group).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.join(" OR "))
}

/// The values of some rows as text, as CSV has them without quotes.
pub struct TextCells<'a> {
    columns: Vec<ColumnView<'a>>,
    times: TimeText,
}

impl<'a> TextCells<'a> {
    /// The values of `arrays`, with times in `zone`.
    pub fn new(arrays: &'a [ArrayRef], zone: &Zone) -> Result<TextCells<'a>> {
        let columns = arrays.iter().map(ColumnView::of).collect::<Result<_>>()?;
        Ok(TextCells { columns, times: TimeText::new(zone) })
    }

    /// The value of a row; NULL is none.
    pub fn text(&mut self, column: usize, row: usize) -> Option<String> {
        let column = &self.columns[column];
        if column.is_null(row) {
            return None;
        }
        let mut out = vec![];
        csv::push_value(&mut out, column, row, &mut self.times, false);
        Some(String::from_utf8_lossy(&out).into_owned())
    }
}
