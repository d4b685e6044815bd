//! The steps of a job as CTEs: each reads the one before.

use super::statement::{LeftOut, Select, Statement, partition_by, replay_order};
use super::{ARRIVAL, POSITION, TIME, arrivals, asof, dedup, watermark, words};
use crate::batch::{ColumnId, Origin};
use crate::error::{Error, Result};
use crate::plan::{Step, StepId};
use crate::time::TimeRange;

/// Appends the records in the plan's range, and all steps. Of a streamed output, the watermark before each record is
/// among the columns.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn steps(s: &mut Statement, streamed: bool) -> Result<()> {
    if streamed {
        // Before the range and all filters: what they leave out moves the watermark too.
        watermark::append(s)?;
        s.carried = watermark::carried(s);
    }
    arrivals::check(s)?;
    if s.plan.pipeline.steps_are_streamed() && !streamed {
        s.carried = arrivals::carried(s);
    }
    events(s);
    s.passed.push((LeftOut::Filtered, s.last.clone()));
    let plan = s.plan;
    for (i, step) in plan.pipeline.steps.iter().enumerate() {
        let number = i + 1;
        match step {
            Step::Filter(expr) => {
                let select = Select::new(["*"], &s.last).filter(s.translate(expr)?);
                s.last = s.with(&format!("filter_{number}"), select);
            }
            // Such a column holds the argument of an aggregate; it is written where the aggregate is.
            Step::Derive(_, expr) if plan.pipeline.rows.fields[s.next_column()].origin == Origin::Own => {
                s.push_argument(expr);
            }
            Step::Derive(name, expr) => {
                let column = format!("{} AS {}", s.translate(expr)?, s.ident(name));
                s.append(&format!("derive_{number}"), [column]);
                s.push_column(name);
            }
            Step::Dedup { keys, within: None } => {
                s.needs_order("`dedup`")?;
                let nth = format!("_nth_{number}");
                let row = format!("{} AS {nth}", row_number(s, number, keys)?);
                s.append(&format!("numbered_{number}"), [row]);
                let select = Select::new(["*"], &s.last).filter(format!("{nth} = 1"));
                s.last = s.with(&format!("dedup_{number}"), select);
            }
            Step::Dedup { keys, within: Some(within) } => dedup::within(s, number, keys, *within)?,
            Step::Latest { keys, by_arrival } => {
                s.needs_order("`changelog`")?;
                let by = partition_by(&s.partition(keys)?);
                let arrival = if *by_arrival { format!("{ARRIVAL} DESC, ") } else { String::new() };
                let nth = format!("_nth_{number}");
                let row = format!("ROW_NUMBER() OVER ({by}ORDER BY {arrival}{POSITION} DESC) AS {nth}");
                s.append(&format!("numbered_{number}"), [row]);
                let select = Select::new(["*"], &s.last).filter(format!("{nth} = 1"));
                s.last = s.with(&format!("latest_{number}"), select);
            }
            Step::First { within: Some(_), .. } => {
                return Err(Error::job("`first` with `within` cannot be said in SQL")
                    .hint("leave `within` out; or run the job"));
            }
            Step::First { keys, within: None, name } => {
                s.needs_order("`first`")?;
                let column = format!("{} = 1 AS {}", row_number(s, number, keys)?, s.ident(name));
                s.append(&format!("first_{number}"), [column]);
                s.push_column(name);
            }
            Step::Enrich(enrich) => asof::enrich(s, number, enrich)?,
        }
        match step {
            Step::Filter(_) => s.passed.push((LeftOut::Filtered, s.last.clone())),
            Step::Dedup { .. } | Step::Latest { .. } => s.passed.push((LeftOut::Duplicate, s.last.clone())),
            Step::Derive(..) | Step::First { .. } | Step::Enrich(_) => {}
        }
    }
    Ok(())
}

/// The records of the source whose event time is wanted.
fn events(s: &mut Statement) {
    let TimeRange { start: from, end: to } = s.plan.pipeline.range;
    let mut select = Select::new(["*"], &s.last);
    for (bound, sign, open) in [(from, ">=", i64::MIN), (to, "<", i64::MAX)] {
        if bound != open {
            select = select.filter(match s.dialect {
                // Its literals are in no zone, and do not compare with instants.
                super::Dialect::Polars => format!("{} {sign} {bound}", s.micros(TIME)),
                dialect => format!("{TIME} {sign} {}", words::timestamp(dialect, bound)),
            });
        }
    }
    s.last = s.with("events", select);
}

/// The number of a row among those of its key from 1, in the order in which step `number` sees them.
fn row_number(s: &Statement, number: usize, keys: &[ColumnId]) -> Result<String> {
    let order = match s.plan.pipeline.is_by_arrival(StepId::new(number - 1)) {
        true => arrivals::order(s, keys)?,
        false => replay_order(s, keys)?,
    };
    Ok(format!("ROW_NUMBER() OVER ({order})"))
}
