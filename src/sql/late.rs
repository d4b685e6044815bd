//! The statement of the late output: the events that no window of the streamed outputs took.
//!
//! # Contract
//! * An event is late if it is late for all of its windows in all streamed outputs; in a gap between the windows of
//!   one, if it is late for its own millisecond.
//! * The rows are in the order of their arrival. Their columns are those of the late output, but for those of
//!   [`left_out`].

use super::statement::{Select, Statement};
use super::{POSITION, SqlScript, TIME, watermark, windows, words};
use crate::batch::{ColumnId, DataType, Field, Schema};
use crate::error::Result;
use crate::expr::Expr;
use crate::plan::{LatePlan, Plan};
use crate::time::MILLISECOND;
use crate::window::Window;

/// The columns that no statement has: the place of a record in its file, which SQL does not see, the windows as one text,
/// and columns that are read as two types, of which statements see the first alone.
pub fn left_out(plan: &Plan, late: &LatePlan) -> Vec<String> {
    let own = ["_file", "_line", "_missed"].map(String::from);
    let hidden = late.columns.iter().filter(|(column, _)| !is_seen(plan, *column));
    own.into_iter().chain(hidden.map(|(_, field)| field.name.clone())).collect()
}

/// Whether a column of the source is the first of its name.
fn is_seen(plan: &Plan, column: ColumnId) -> bool {
    let columns = &plan.pipeline.read.columns;
    let name = columns.get(column.place()).map(|own| &own.name);
    columns.iter().position(|own| Some(&own.name) == name) == Some(column.place())
}

/// The statement; `s` has come through all steps.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn rows(mut s: Statement, late: &LatePlan) -> Result<SqlScript> {
    let plan = s.plan;
    s.note(format!(
        "the statement lacks the columns {} of the late output",
        left_out(plan, late).iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    ));
    let order = watermark::order(&s);
    let seen = late.columns.iter().filter(|(column, _)| is_seen(plan, *column));
    let columns = seen.map(|(column, _)| s.column(*column)).collect::<Result<Vec<_>>>()?;
    events(&mut s, columns)?;
    let mut select = Select::new(Vec::<String>::new(), &s.last);
    for (column, field) in late.columns.iter().filter(|(column, _)| is_seen(plan, *column)) {
        let (sql, name) = (s.column(*column)?, s.ident(&field.name));
        select.columns.push(if sql == name { name } else { format!("{sql} AS {name}") });
    }
    let delay = plan.pipeline.watermark.out_of_orderness;
    let watermark = words::from_micros_like(s.dialect, &format!("_reached - {delay}"), TIME);
    select.columns.push(format!("{TIME} AS {}", s.ident("_event_time")));
    select.columns.push(format!("{watermark} AS {}", s.ident("_watermark")));
    select.columns.push(format!("{} AS {}", seconds(&s, "_late_us")?, s.ident("_late_by")));
    Ok(s.finish(select.order(order)))
}

/// Appends the late events with these columns, the time, and what orders arrivals; `s` has come through all steps.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn events(s: &mut Statement, mut columns: Vec<String>) -> Result<()> {
    let plan = s.plan;
    s.append("timed", [format!("{} AS _us", s.micros(TIME))]);
    // Only what comes behind the greatest event time can be late.
    let behind = Select::new(["*"], &s.last).filter("_reached > _us");
    let behind = s.with("behind", behind);
    // Windows of several kinds have columns of their own, so the columns are named.
    columns.extend([TIME.to_string(), "_reached".into()]);
    columns.extend(watermark::order(s));
    let mut closes = vec![];
    let gaps = streamed(plan).iter().any(|(window, _)| window.has_gaps());
    for (window, kept) in streamed(plan) {
        if let Window::Session { .. } = window {
            return Err(windows::streamed_sessions(s));
        }
        s.last = behind.clone();
        let end = windows::placed(s, windows::US, window)?.sql();
        let placed = s.last.clone();
        let mut close = |from: &str, at: &str, own: u8, order: &str| {
            let mut more = vec![format!("{at} + {kept} AS _closes")];
            if gaps {
                more.extend([format!("{own} AS _own"), format!("{order} AS _order")]);
            }
            closes.push(Select::new(columns.iter().cloned().chain(more), from));
        };
        // Of windows the one that stays open longest decides.
        close(&placed, &end, 0, &format!("-({end} + {kept})"));
        if window.has_gaps() {
            // An event that no window takes is late for its own millisecond, by the output that is the first to say so.
            let millisecond = words::floor_div(s.dialect, windows::US, MILLISECOND);
            let own = format!("({millisecond} + 1) * {MILLISECOND}");
            close(&behind, &own, 1, &format!("{own} + {kept}"));
        }
    }
    s.last = s.with_union("windows_of_late", closes);
    let order_of_closes = if gaps { "_own, _order" } else { "_closes DESC" };
    s.append(
        "ranked",
        [format!("ROW_NUMBER() OVER (PARTITION BY {POSITION} ORDER BY {order_of_closes}) AS _rank")],
    );
    let select = Select::new(["*", "_reached - _closes AS _late_us"], &s.last)
        .filter("_rank = 1")
        .filter("_reached >= _closes");
    s.last = s.with("late", select);
    Ok(())
}

/// The windows of the streamed outputs, each once with how long after its end it takes events.
fn streamed(plan: &Plan) -> Vec<(Window, i64)> {
    let mut all = vec![];
    for grouping in &plan.pipeline.groupings {
        if let Some(lateness) = &grouping.plan.lateness {
            let one = (windows::window(&grouping.plan), watermark::kept(lateness, &grouping.plan.window));
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    all
}

/// Microseconds as exact seconds.
fn seconds(s: &Statement, micros: &str) -> Result<String> {
    let schema = Schema::new(vec![Field::new(micros, DataType::Int64)]);
    let expr = Expr::compile(&format!("{micros} * 0.000001"), &schema, &s.plan.zone)?;
    super::expr::translate(s.dialect, &expr, &|_| micros.to_string())
}
