//! How each output is corrected: the first way that will do, from the cheapest.

use super::combine::merging;
use super::given::{BackfillInput, FileRole};
use super::outcome::Method;
use crate::aggregate::Aggregate;
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::plan::{OutputId, OutputKind, OutputPlan, Plan, PlannedColumn, Step};
use crate::rows::PartitionPart;
use crate::sink::OutputFormat;
use crate::window::Window;

/// Per column of a grouped output, how its values are merged; none for window bounds and keys.
pub type Merging = Vec<Option<Aggregate>>;

/// How the stored rows of a grouped output are merged with rows of new events, where every one of their
/// values says enough for that.
pub fn stored_merging(plan: &Plan, output: &OutputPlan) -> Option<Merging> {
    let OutputKind::Groups { grouping, post } = &output.kind else { return None };
    let groups = &plan.pipeline.groupings[*grouping].plan;
    let sessions = matches!(groups.window, Window::Session { .. });
    // New events can join sessions, and rows that `having` or `top` left out are not stored.
    if sessions || groups.firings || post.having.is_some() || post.top.is_some() {
        return None;
    }
    // A value that names a partition could move its row to another one.
    let by_key = |c: usize| matches!(post.columns[c], PlannedColumn::Key(_));
    let grouped = &plan.pipeline.groupings[*grouping];
    if !output.tells_groups(grouped) || !output.partition_columns().all(by_key) || !is_exact(output) {
        return None;
    }
    let frame = grouped.frame();
    let columns = post.columns.iter().map(|column| match column {
        PlannedColumn::WindowStart | PlannedColumn::WindowEnd | PlannedColumn::Key(_) => Some(None),
        PlannedColumn::Value(v) => {
            let (aggregate, _) = &groups.aggregates[*v];
            merging(aggregate).map(Some)
        }
        // What is computed of bounds and keys is the same for all rows of a group.
        PlannedColumn::Computed(expr) if expr.inputs().iter().all(|&number| frame[number].names_group()) => {
            Some(None)
        }
        // A computed value does not tell the aggregates that it is made of.
        PlannedColumn::Firing | PlannedColumn::Computed(_) => None,
    });
    columns.collect()
}

/// Whether files of the output tell all of its values: in JSON Lines a float that is no number is `null`, and
/// a text alone in a line of CSV is empty or NULL.
fn is_exact(output: &OutputPlan) -> bool {
    crate::backfill::parts::is_exact(output.format, &output.file_schema())
}

/// Why new files of a job with `emit = "closed"` are left to a run, if it is one: they can close windows of others.
pub fn closes(plan: &Plan, given: &BackfillInput) -> Option<String> {
    let closed = plan.deliveries.outputs.iter().find(|output| output.closed)?;
    let why = format!("with the new files the watermark closes other windows of {}", closed.to);
    (!given.changes_nothing()).then_some(why)
}

/// Why everything has to be computed again, if it has; `edited` says why the outputs are not those of the plan.
///
/// # Errors
/// That would not give what a correction is for, or an output cannot be corrected at all.
pub fn all_again(plan: &Plan, given: &BackfillInput, edited: Option<&str>) -> Result<Option<String>> {
    // Streamed steps give what a live job gave, late events and firings too: all of it is that of a run over all files.
    if plan.pipeline.steps_are_streamed() {
        if given.late.is_some() {
            return Err(Error::job(
                "late events of a job with streamed steps cannot be counted: its steps would have seen them as they arrived, and its windows had closed",
            )
            .hint("count them in an output with mode = \"complete\""));
        }
        let reason = edited.map(str::to_string).or_else(|| given.tables.clone());
        return Ok(Some(reason.unwrap_or_else(|| {
            "an event that arrives in between can change what later ones see (streamed `dedup`, `first`, `enrich`)"
                .to_string()
        })));
    }
    let groups = |output: &OutputPlan| match &output.kind {
        OutputKind::Groups { grouping, .. } => Some(*grouping),
        _ => None,
    };
    if plan.pipeline.groupings.iter().any(|grouping| grouping.plan.firings) {
        return Err(Error::job("an output with `firings = true` cannot be corrected")
            .hint("it is the log of what a live job published; the same output without `firings` has the corrected values"));
    }
    if let Some(output) = plan.deliveries.outputs.iter().find(|output| output.closed) {
        return Err(Error::job(format!("{} has `emit = \"closed\"`, so it cannot be corrected", output.to))
            .hint("a late file can also close windows, which only a run over all files knows: run the job again"));
    }
    let ordered = |step: &Step| step.keys().is_some();
    let reason = if let Some(edited) = edited {
        Some(edited.to_string())
    } else if let Some(reason) = &given.tables {
        Some(reason.clone())
    } else if given.late.is_none() && plan.pipeline.steps.iter().any(ordered) {
        Some(match plan.pipeline.latest().is_some() {
            true => "a record of a change log can replace others (`changelog`)".to_string(),
            false => "an event can change which other events are first or duplicates (`dedup`, `first`)"
                .to_string(),
        })
    } else if let Some(output) = plan
        .deliveries
        .outputs
        .iter()
        .find(|output| groups(output).is_some_and(|g| !output.tells_groups(&plan.pipeline.groupings[g])))
    {
        Some(format!("`columns` of {} leaves out the windows or the keys of its rows", output.to))
    } else {
        let touched = plan.deliveries.ids().filter(|&id| method(plan, id, given) != Method::Untouched);
        let of_sessions = touched.map(|i| &plan.deliveries.outputs[i]).find(|output| {
            groups(output).is_some_and(|g| {
                matches!(plan.pipeline.groupings[g].plan.window, Window::Session { .. })
                    && !tells_sessions(plan, output)
            })
        });
        of_sessions.map(|_| {
            "an output of sessions does not contain all of them (`having`, `top`, or keys in paths)"
                .to_string()
        })
    };
    // A correction counts every event that it reads, so it would count late events of all windows.
    let streamed = plan.pipeline.groupings.iter().any(|grouping| grouping.plan.lateness.is_some());
    match reason {
        Some(reason) if streamed => {
            Err(Error::job(format!("a streamed job cannot be corrected in this way: {reason}"))
                .hint("run it again; or correct the outputs of a job in mode \"complete\""))
        }
        reason => Ok(reason),
    }
}

/// Whether an output of sessions tells which sessions there are: all of them, with their keys.
pub fn tells_sessions(plan: &Plan, output: &OutputPlan) -> bool {
    let OutputKind::Groups { grouping, post } = &output.kind else { return false };
    let float_key =
        plan.pipeline.groupings[*grouping].plan.keys.iter().any(|(_, ty)| *ty == DataType::Float64);
    output.tells_groups(&plan.pipeline.groupings[*grouping])
        && post.having.is_none()
        && post.top.is_none()
        && !(float_key && matches!(output.format, OutputFormat::JsonLines | OutputFormat::Keyed(_)))
        && !output.partition_by.iter().any(|part| matches!(part, PartitionPart::Column(_)))
        && crate::deliver::target(&output.to).is_some()
}

/// How output number `index` is corrected, where not everything is computed again.
pub fn method(plan: &Plan, index: OutputId, given: &BackfillInput) -> Method {
    let output = &plan.deliveries.outputs[index];
    let adds = given.has(FileRole::New);
    match &output.kind {
        // An archive holds every event that was read, late ones too.
        OutputKind::Archive(_) if given.late.is_some() => Method::Untouched,
        OutputKind::Archive(_) => Method::Merged,
        OutputKind::Rows(_) if given.late.is_some() => Method::Untouched,
        OutputKind::Rows(_) => Method::Recomputed,
        OutputKind::Groups { grouping, .. } => {
            let streamed = plan.pipeline.groupings[*grouping].plan.lateness.is_some();
            // A first that was late is none in a log of late events alone.
            let flags = plan.pipeline.steps.iter().any(|step| matches!(step, Step::First { .. }));
            if given.late.is_some() && !streamed {
                Method::Untouched
            } else if (adds || given.late.is_some() && !flags)
                && (output.state || stored_merging(plan, output).is_some())
            {
                Method::Merged
            } else {
                Method::Recomputed
            }
        }
    }
}
