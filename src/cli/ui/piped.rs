//! What is said of a run to stdout: all of it goes to stderr.

use super::{
    LogEvent, account_line, count, lookups_event, offsets, plain, read_event, spilled_event, twice_event,
    without_items_event,
};
use crate::deliver::Outcome;
use crate::plan::{OutputId, OutputTo, Plan};
use serde_json::json;
use std::time::Duration;

/// What a stream has, and what the job says beside it.
#[derive(Debug)]
pub struct Piped {
    /// The path of the output.
    path: String,
    /// The name of the format.
    format: &'static str,
    /// What a run to files would also write, in words.
    others: Vec<String>,
    /// The file of late events, if the job has one.
    late: Option<String>,
}

impl Piped {
    /// The output `id` of `plan` as a stream.
    pub fn of(plan: &Plan, id: OutputId, format: &'static str) -> Piped {
        let deliveries = &plan.deliveries;
        let others = deliveries.with_ids().filter(|(other, _)| *other != id);
        let others = others.map(|(_, output)| match &output.to {
            OutputTo::Terminal => "the table for the terminal".to_string(),
            to => to.to_string(),
        });
        let tables = deliveries.publications.iter().map(|table| format!("the table {}", table.address.url()));
        let pages = deliveries.pages.iter().map(|page| format!("the page {}", page.path.display()));
        let late = deliveries.late.as_ref().map(|late| late.path.display().to_string());
        Piped {
            path: deliveries.outputs[id].to.to_string(),
            format,
            others: others.chain(tables).chain(pages).collect(),
            late,
        }
    }
}

/// What a run to stdout did.
pub fn piped_events(plan: &Plan, piped: &Piped, outcome: &Outcome, took: Duration) -> Vec<LogEvent> {
    let Piped { path, format, others, late } = piped;
    let mut events = vec![LogEvent::info("account", account_line(&outcome.account), json!(outcome.account))];
    let lines = offsets(&outcome.offsets, outcome.account.rejected);
    events.extend(lines.into_iter().map(|line| LogEvent::warning("offsets", line, json!({}))));
    let rows = outcome.outputs.iter().map(|output| output.rows).sum();
    let text = format!(
        "stdout: {} of {} as {format}, computed from the source; existing outputs were not read",
        count(rows, "row", "rows"),
        plain(path)
    );
    events.push(LogEvent::info("stdout", text, json!({ "path": path, "format": format, "rows": rows })));
    if !others.is_empty() {
        let text = format!("not written: {}", plain(&others.join(", ")));
        events.push(LogEvent::info("not_written", text, json!({ "outputs": others })));
    }
    let [rejected, dropped] = [outcome.account.rejected, outcome.account.late];
    if rejected > 0 {
        let records = count(rejected, "rejected record is", "rejected records are");
        let text = format!("{records} not written to a file; a run without --output keeps them");
        events.push(LogEvent::warning("rejects", text, json!({ "records": rejected, "kept": false })));
    }
    if dropped > 0 {
        let late_events = count(dropped, "late event is", "late events are");
        let text = match late {
            Some(path) => format!("{late_events} not written to {}", plain(path)),
            None => format!("{late_events} not kept: the job does not have a file for them"),
        };
        events.push(LogEvent::warning("late", text, json!({ "events": dropped, "kept": false })));
    }
    events.extend(outcome.lookups.as_ref().map(|lookups| lookups_event(plan, lookups)));
    events.extend(twice_event(plan, outcome.twice));
    events.extend(without_items_event(plan, outcome.without_items));
    events.extend(spilled_event(outcome.spilled));
    events.push(read_event(outcome, took));
    events
}
