//! Steps in words, with the tables and services that they look into.

use super::source::{columns, files};
use crate::asof::{Direction, Reach};
use crate::batch::{ColumnId, ColumnView};
use crate::cli::lengths::written;
use crate::lookup::{OnFailure, ServicePlan};
use crate::plan::{EnrichPlan, Plan, Step, StepId, TablePlan, Try};
use crate::sink::csv::push_value;
use crate::sink::value::TimeText;
use crate::time::{TimeRule, Zone};
use arrow_array::ArrayRef;
use std::fmt::Write;

/// The tables that steps look into.
pub fn tables(plan: &Plan) -> String {
    plan.pipeline.tables.iter().map(table).collect()
}

fn table(table: &TablePlan) -> String {
    let by = names(table.index.keys.iter().map(|(column, _)| &table.rows.fields[*column].name));
    let mut inner = files(&table.read) + &columns(&table.read, &table.inferred);
    for step in &table.steps {
        inner.push_str(&own_step(step));
    }
    if table.index.op.is_some() {
        let time = match table.read.time.rule {
            TimeRule::Untimed => String::new(),
            _ if table.read.deletes => ", from source.ts_ms on, or else ts_ms".to_string(),
            _ => format!(", from {} on", table.read.time.column),
        };
        let _ = writeln!(inner, "deletes: a row ends with the delete of its key{time}");
    }
    let taken =
        table.index.columns.iter().map(|(column, ty)| format!("{} {ty}", table.rows.fields[*column].name));
    let fill = if table.index.fill { "; each where it is not NULL" } else { "" };
    let _ = writeln!(inner, "taken: {}{fill}", names(taken));
    let mut out = format!("\ntable {}, by {by}:\n", table.name);
    inner.lines().for_each(|line| {
        let _ = writeln!(out, "  {line}");
    });
    out
}

/// The services that steps ask.
pub fn services(plan: &Plan) -> String {
    let Some(answers) = &plan.pipeline.answers else { return String::new() };
    let mut out = format!("\nlookups: answers are kept in {}\n", answers.display());
    for service in &plan.pipeline.services {
        let _ = writeln!(
            out,
            "  {}: {} requests in flight, {} each, {}; a failure {}",
            url(plan, service),
            service.in_flight,
            length(service.timeout),
            match service.retries {
                0 => "no retries".to_string(),
                retries => format!("{retries} retries from {} on", length(service.backoff)),
            },
            match service.on_failure {
                OnFailure::Fail => "ends the run",
                OnFailure::Null => "is not a match",
                OnFailure::Reject => "rejects the event",
            }
        );
        // The value of a header may be a secret, so only its name is shown.
        let headers = service.secrets.headers.iter().map(|(name, _)| name);
        if !service.secrets.headers.is_empty() {
            let _ = writeln!(out, "    with the headers {}", names(headers));
        }
        // A variable may be set later, so it is told here and is not a fault.
        let not_set = service.secrets.not_set();
        if !not_set.is_empty() {
            let _ = writeln!(out, "    not set in the environment: {}", names(not_set.iter()));
        }
    }
    out
}

/// The steps, in order.
pub fn steps(plan: &Plan) -> String {
    let mut out = String::new();
    for (i, step) in plan.pipeline.steps.iter().enumerate() {
        if i == 0 {
            out.push_str("\nsteps:\n");
        }
        let arrival = plan.pipeline.is_by_arrival(StepId::new(i));
        let order = if arrival { ", in the order of arrival" } else { "" };
        let columns = |columns: &[ColumnId]| {
            names(columns.iter().map(|column| &plan.pipeline.rows.fields[*column].name))
        };
        let _ = match step {
            Step::Filter(_) | Step::Derive(..) => write!(out, "  {}", own_step(step)),
            Step::Dedup { keys, within: Some(within) } => {
                writeln!(out, "  dedup by {} within {}{order}", columns(keys), written(*within))
            }
            // This step is not in the job file: the planner adds it where a log tells offsets.
            Step::Dedup { keys, within: None } if i == 0 && plan.pipeline.offsets.is_some() => {
                writeln!(out, "  dedup by {}: what the log holds twice is read once", columns(keys))
            }
            Step::Latest { keys, by_arrival } => {
                let order = if *by_arrival { "in the order of arrival" } else { "in the order of the files" };
                writeln!(out, "  a change log: the last record by {} counts, {order}", columns(keys))
            }
            Step::Dedup { keys, within: None } => writeln!(out, "  dedup by {}{order}", columns(keys)),
            Step::First { keys, within: None, name } => {
                writeln!(out, "  first by {} as {name}{order}", columns(keys))
            }
            Step::First { keys, within: Some(within), name } => {
                writeln!(out, "  first by {} as {name} within {}{order}", columns(keys), written(*within))
            }
            Step::Enrich(enrich) => write!(out, "{}", enriched(plan, enrich)),
        };
    }
    if plan.needs_both_modes() {
        out.push_str("  the source is read for each mode: these steps are those of streamed outputs; those of the others see everything, in the order of event time\n");
    }
    out
}

/// A step that needs no other row.
fn own_step(step: &Step) -> String {
    match step {
        Step::Filter(expr) => format!("filter {}\n", expr.sql()),
        Step::Derive(name, expr) => format!("derive {name} {} = {}\n", expr.ty(), expr.sql()),
        // These depend on other rows: `steps` writes them.
        Step::Dedup { .. } | Step::Latest { .. } | Step::First { .. } | Step::Enrich(_) => String::new(),
    }
}

fn enriched(plan: &Plan, enrich: &EnrichPlan) -> String {
    let take = names(enrich.take.iter().map(|field| format!("{} {}", field.name, field.ty)));
    let mut out = format!("  enrich {take}\n");
    for (i, attempt) in enrich.tries.iter().enumerate() {
        let what = match attempt {
            Try::AsOf { table, on, reach, take } => {
                let table = &plan.pipeline.tables[*table];
                let column = |id: ColumnId| &table.rows.fields[id].name;
                let pairs = on.iter().zip(&table.index.keys);
                let on = pairs.map(|(event, (key, _))| {
                    format!("{} = {}", plan.pipeline.rows.fields[*event].name, column(*key))
                });
                let on: Vec<String> = on.collect();
                let take = names(take.iter().map(|number| column(table.index.columns[*number].0)));
                // A table without a time holds at any time, so its last row is taken.
                let timed = table.read.time.rule != TimeRule::Untimed;
                let mut row = if timed { as_of(reach) } else { "the last row".to_string() };
                if timed && plan.pipeline.steps_are_streamed() {
                    row = format!("{}{row}", streamed(reach));
                }
                format!("{take} of {}: {row} where {}", table.name, on.join(" and "))
            }
            Try::Service(number) => {
                let service = &plan.pipeline.services[*number];
                format!("{} of {}", names(service.pointers.iter()), url(plan, service))
            }
            Try::Constant(values) => names(values.iter().map(|value| constant(value, &plan.zone))),
        };
        let when = match i {
            _ if enrich.late == Some(i) => "behind the watermark instead ",
            0 => "",
            _ => "otherwise ",
        };
        let _ = writeln!(out, "    {when}{what}");
    }
    out
}

/// Which rows a streamed step sees, and when.
fn streamed(reach: &Reach) -> String {
    match (reach.direction, reach.within) {
        (Direction::Backward, _) => "of the rows that had arrived, ".to_string(),
        (_, None) => "after all records, ".to_string(),
        (_, Some(within)) => {
            format!(
                "once the watermark has passed the event\'s time and {}, of the rows that had arrived, ",
                written(within)
            )
        }
    }
}

/// Which row is taken.
fn as_of(reach: &Reach) -> String {
    let row = match (reach.direction, reach.inclusive) {
        (Direction::Backward, true) => "the latest row at or before the event",
        (Direction::Backward, false) => "the latest row before the event",
        (Direction::Forward, true) => "the earliest row at or after the event",
        (Direction::Forward, false) => "the earliest row after the event",
        (Direction::Nearest, true) => "the nearest row before, at or after the event",
        (Direction::Nearest, false) => "the nearest row before or after the event",
    };
    match reach.within {
        Some(within) => format!("{row}, at most {} away,", written(within)),
        None => row.to_string(),
    }
}

/// The URL as the job file has it.
fn url(plan: &Plan, service: &ServicePlan) -> String {
    let columns =
        service.columns.iter().map(|column| format!("{{{}}}", plan.pipeline.rows.fields[*column].name));
    // There is one piece more than columns, as pieces stand around them.
    let columns = columns.chain([String::new()]);
    service.url.iter().zip(columns).map(|(piece, column)| format!("{piece}{column}")).collect()
}

/// The one value of an array, as CSV has it.
fn constant(value: &ArrayRef, zone: &Zone) -> String {
    match ColumnView::of(value) {
        Ok(column) if !column.is_null(0) => {
            let mut text = vec![];
            push_value(&mut text, &column, 0, &mut TimeText::new(zone), true);
            String::from_utf8_lossy(&text).into_owned()
        }
        _ => "NULL".to_string(),
    }
}

fn length(duration: std::time::Duration) -> String {
    written(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

fn names(names: impl Iterator<Item = impl ToString>) -> String {
    names.map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}
