//! The SQL of a job: for each output one statement that gives its rows, from the raw records alone.
//!
//! # Contract
//! * The statement computes the output in the mode of the job: its columns, by the same names and in the same order,
//!   and exactly the rows that a run writes, whatever engine reads it. Where an engine cannot (floats are added in
//!   some order, say), [`SqlScript::notes`] tells; what a dialect has no words for is an error that names it.
//! * Of a streamed output the watermark is computed over all records in the order of their arrival, and the events that
//!   are late by it are left out; `watermark` and `late` have the rules.
//! * Statements read **relations**: `source`, and one by the name of each table of the job. A relation has the columns
//!   that the job reads, with the types of the job, then `_time`, the event time (tables without a time have none),
//!   of a streamed job what tells arrivals (`_arrival`, `_of_file`), and `_position`, which numbers the records of all files
//!   in position order from 0; in Spark it is ordered so, and no number. Only rows of records that are no bad records are
//!   in it.
//! * How a dialect makes relations out of the files is [`SqlScript::setup`]; in the dialect of Polars there is none:
//!   frames of those names are registered (`verify` does so).
//! * Every step and stage is a CTE by its own name, in the order of the job.

mod account;
mod aggregate_parts;
mod aggregates;
mod arrivals;
mod asof;
mod calendar;
mod compact;
mod dedup;
mod dialect;
pub mod expr;
mod late;
mod live;
mod patterns;
mod placed;
mod post;
mod program;
mod regression;
mod relation;
mod select;
pub mod source;
mod statement;
mod steps;
#[cfg(test)]
mod tests;
mod truncated;
mod watermark;
mod windows;
pub mod words;

use crate::error::{Error, Result};
use crate::plan::{Mode, OutputId, OutputKind, OutputPlan, Plan, window_fields};
use crate::window::Window;
pub use account::{AccountScript, account};
pub use dialect::{ARRIVAL, Dialect, OF_FILE, POSITION, SqlScript, TIME, WINDOW_END, WINDOW_START};
pub use late::left_out as left_out_of_late;
pub use live::{Connector, live};
pub use program::spark_program;
pub use relation::{Relation, relations};
use statement::Statement;

/// The relations of local days that the statements of Polars read, where windows go by the calendar: their names, and
/// the offset of windows, in microseconds on the wall clock. Each has two columns: `day`, a date, and `begins`, a 64-bit
/// integer: the instant, in microseconds, at which the wall clock of the job's zone first shows that day's midnight and
/// the offset, or later. All days are there from two of the largest windows and a year before the first event to as much
/// after the last.
pub fn day_relations(plan: &Plan) -> Vec<(String, i64)> {
    let mut all = vec![];
    for grouping in &plan.pipeline.groupings {
        if let Some((_, _, offset)) = calendar::starts(windows::window(&grouping.plan)) {
            let relation = (calendar::relation_name(offset.micros), offset.micros);
            if !all.contains(&relation) {
                all.push(relation);
            }
        }
    }
    all
}

/// The SQL of output number `output` of `plan`.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub fn script(plan: &Plan, output: OutputId, dialect: Dialect) -> Result<SqlScript> {
    script_of(plan, output, dialect, false)
}

/// As [`script`], with the times of each row behind its columns, by which it goes to a partition: [`TIME`] of an event,
/// [`WINDOW_START`] and [`WINDOW_END`] of a group that has a window.
///
/// # Errors
/// As of [`script`].
pub fn script_with_times(plan: &Plan, output: OutputId, dialect: Dialect) -> Result<SqlScript> {
    script_of(plan, output, dialect, true)
}

/// The columns of times that [`script_with_times`] gives behind those of `output`.
pub fn times_behind(plan: &Plan, output: &OutputPlan) -> &'static [&'static str] {
    match output.grouping().map(|grouping| &plan.pipeline.groupings[grouping].plan.window) {
        None => &[TIME],
        Some(Window::Global) => &[],
        Some(_) => &[WINDOW_START, WINDOW_END],
    }
}

fn script_of(whole: &Plan, output: OutputId, dialect: Dialect, timed: bool) -> Result<SqlScript> {
    let output = &whole.deliveries.outputs[output];
    let complete = whole.for_complete_outputs().filter(|_| output.mode == Some(Mode::Complete));
    let plan = complete.as_ref().unwrap_or(whole);
    check_names(plan, Some(output), dialect)?;
    let mut statement = Statement::new(plan, dialect);
    statement.timed = timed;
    let script = match &output.kind {
        OutputKind::Archive(_) => {
            let what = "an archive, whose rows name the file and the place of each record,";
            return Err(statement.refuse(what));
        }
        OutputKind::Rows(columns) => {
            steps::steps(&mut statement, false)?;
            post::rows(statement, output, columns)?
        }
        OutputKind::Groups { grouping, post } => {
            let grouping = &plan.pipeline.groupings[*grouping];
            post::check(&statement, output.closed, post)?;
            steps::steps(&mut statement, watermark::is_streamed(&grouping.plan))?;
            post::groups(statement, output, grouping, post)?
        }
    };
    // The relations are those of the whole job, so that statements for both modes find them.
    finished(whole, dialect, script)
}

/// The SQL of the late output of `plan`; none where it has none.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub fn late_script(plan: &Plan, dialect: Dialect) -> Result<Option<SqlScript>> {
    let Some(late) = &plan.deliveries.late else { return Ok(None) };
    check_names(plan, None, dialect)?;
    let mut statement = Statement::new(plan, dialect);
    steps::steps(&mut statement, true)?;
    finished(plan, dialect, late::rows(statement, late)?).map(Some)
}

/// The script with what makes its relations, and the notes on its dialect.
fn finished(plan: &Plan, dialect: Dialect, mut script: SqlScript) -> Result<SqlScript> {
    script.setup.extend(source::setup(dialect, plan)?);
    if !dialect.knows_order() && source::has_texts_of_csv(plan) {
        script.notes.push(format!(
            "an empty text between quotes is NULL to {}: the files had none when this was printed",
            dialect.title()
        ));
    }
    if dialect == Dialect::BigQuery {
        script.notes.push(format!("this statement has not been tested with {}", dialect.title()));
    }
    Ok(script)
}

/// Faults columns that have names of ours, or names that the dialect takes for one.
fn check_names(plan: &Plan, output: Option<&OutputPlan>, dialect: Dialect) -> Result<()> {
    relations(plan)?;
    if let Some(OutputPlan { kind: OutputKind::Groups { grouping, .. }, columns, .. }) = output
        && (columns.index_of("window_start").is_some()
            || plan.pipeline.groupings[*grouping].plan.window != Window::Global)
        && let Some(bound) =
            window_fields().iter().find(|bound| plan.pipeline.rows.index_of(&bound.name).is_some())
    {
        return Err(Error::job(format!(
            "the events have a column `{}`, which is a name of windows in SQL",
            bound.name
        )));
    }
    let tables = plan.pipeline.tables.iter().map(|table| &table.rows);
    let own = output.map(|output| &output.columns);
    for schema in std::iter::once(&plan.pipeline.rows).chain(own).chain(tables) {
        let mut known: Vec<&str> = vec![];
        for name in schema.names() {
            if let Some(why) = unsupported_name(name, dialect) {
                let error = Error::job(format!("the column `{name}` has a name that {why}"));
                return Err(error.hint("give it another name"));
            }
            if is_ours(name) {
                return Err(Error::job(format!("the column `{name}` has a name that SQL reserves"))
                    .hint("give it another name"));
            }
            // These dialects ignore case in column names, even between quotes. Polars, PostgreSQL and Flink
            // do not.
            let alike = |other: &&&str| other.to_lowercase() == name.to_lowercase() && **other != name;
            if let Some(other) = known.iter().find(alike)
                && matches!(dialect, Dialect::DuckDb | Dialect::Spark | Dialect::BigQuery)
            {
                return Err(Error::job(format!(
                    "`{other}` and `{name}` are one column in the SQL of {}",
                    dialect.name()
                )));
            }
            known.push(name);
        }
    }
    Ok(())
}

/// Why a dialect cannot have a column of this name, if it cannot.
fn unsupported_name(name: &str, dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Polars if name == "*" || name.starts_with('^') && name.ends_with('$') => {
            Some("Polars reads as a pattern")
        }
        // It puts settings and variables of the environment in their place.
        Dialect::Spark if name.contains("${") => Some("Spark reads as a variable"),
        // PostgreSQL cuts a longer identifier with a notice only, so that two columns could become one.
        Dialect::Postgres if name.len() > 63 => Some("is longer than PostgreSQL's 63 bytes"),
        _ => None,
    }
}

/// Whether statements have columns of this name.
fn is_ours(name: &str) -> bool {
    const NAMES: [&str; 54] = [
        TIME,
        POSITION,
        ARRIVAL,
        OF_FILE,
        "_reached",
        "_lane",
        "_event_us",
        "_arrival_us",
        "_clock",
        "_clock_before",
        "_heard",
        "_heard_before",
        "_tick",
        "_sign",
        "_of",
        "_least",
        "_least_before",
        "_led",
        "_gone",
        "_running",
        "_stride",
        "_within",
        "_top",
        "_base",
        "_closes",
        "_late_us",
        "_part",
        "_row",
        "_start",
        "_end",
        "_us",
        "_utc_day",
        "_i",
        "_w",
        "_k",
        "_day",
        "_month",
        "_begins",
        "_next",
        "_session",
        "_window",
        "_rank",
        "_until",
        "_low",
        "_high",
        "_shown",
        "_early",
        "_late",
        "_side",
        "_first_day",
        "_first_month",
        "_begun",
        "_own",
        "_order",
    ];
    const NUMBERED: [&str; 40] = [
        "nth", "place", "key", "us", "twin", "next", "of", "taken", "at", "row", "apart", "has", "none",
        "by", "rank", "k", "kept", "then", "leads", "led", "after", "above", "reach", "value", "arg",
        "times", "once", "gone", "near", "found", "on", "begins", "segment", "text", "offset", "clock",
        "minutes", "before", "early", "late",
    ];
    // Where an engine ignores case, `_ROW` collides with `_row` too.
    let name = name.to_lowercase();
    let numbered = || {
        let mut words = name.trim_start_matches('_').split('_');
        words.next().is_some_and(|word| NUMBERED.contains(&word))
            && words.next().is_some_and(|number| number.bytes().all(|c| c.is_ascii_digit()))
    };
    NAMES.contains(&name.as_str()) || name.starts_with('_') && !name.starts_with("__") && numbered()
}
