//! Job file + data → plan. Every fault is noted with its place, and all are reported together.

use super::destinations::{beside, named};
use super::identity;
use super::overrides::{Overrides, range};
use super::spec::JobSpec;
use crate::error::{Error, Reason, Result};
use crate::input::{OnBadRecord, ReadPlan};
use crate::lookup::OnFailure;
use crate::plan::Plan;
use crate::time::Zone;
use faults::faults;
pub use form::{JobSummary, check_form};
pub use inputs::{declared_columns, source_files, source_format, source_paths, table_files};
use log::CheckedLog;
use planner::Planner;
use settings::{memory, zone};
use std::path::PathBuf;
use table::JobTable;

mod archive;
mod arguments;
mod around;
mod arrivals;
mod change_log;
mod columns;
mod constant;
mod deletes;
mod derived;
mod documents;
mod emit;
mod enrich;
mod faults;
mod finish;
mod form;
mod found;
mod groups;
mod held;
mod inputs;
mod instants;
mod log;
mod named_table;
mod open;
mod otherwise;
mod output;
mod pages;
mod places;
mod planner;
mod published;
mod rows;
mod sampled;
mod service;
mod settings;
mod shape;
mod stream;
mod streamed_steps;
mod table;
#[cfg(test)]
mod tests;
mod texts;
mod times;
mod watermark;
mod window;
mod written;

/// Resolves a job: finds its files, looks at samples of them, checks every name and type.
///
/// # Errors
/// A job error that reports all faults; a data or machine error where the samples cannot be read.
pub fn plan_job(spec: &JobSpec, overrides: &Overrides) -> Result<Plan> {
    open::first_right(spec, |assumed| plan_with(spec, overrides, assumed))
}

/// Resolves a job in which columns without a value are taken for these types.
fn plan_with(spec: &JobSpec, overrides: &Overrides, assumed: &open::Assumed) -> Result<Plan> {
    let document = &spec.document;
    // After an unknown zone the check goes on in UTC, so that other faults are told too.
    let zone = zone(spec).unwrap_or_else(Zone::utc);
    let log = &spec.source.log;
    let found = match &overrides.source {
        Some(files) => found::given(spec, log, files)?,
        None => found::find(spec, log),
    };
    // Looked for before a fault of the source ends it, so that all files that are missing are told.
    let tables = table::find(spec);
    let Some(found) = found else {
        // Nothing can be said of columns.
        form::form_faults(spec, overrides, &zone);
        return Err(faults(spec));
    };
    let log = CheckedLog::of(document, log, found, "the source", (&zone, assumed))?;
    let tables = tables.into_iter().map(|t| t.table(document, &zone, assumed));
    let tables = tables.collect::<Result<Vec<JobTable>>>()?;
    let arrival =
        spec.source.arrival.as_ref().and_then(|column| {
            arrivals::arrival((document, column), &log.inferred, &zone, log.time.as_ref())
        });
    let max_ahead = stream::max_ahead(spec, log.own_arrival().is_some());
    let mut notes = log.notes.clone();
    notes.extend(tables.iter().flat_map(|table| table.log.notes.clone()));
    let mut planner = Planner::new(spec, &zone, log, tables);
    planner.modes(overrides.mode);
    planner.step_mode();
    planner.delay();
    planner.steps();
    planner.tables_are_used();
    planner.outputs();
    planner.stream();
    planner.change_log_outputs();
    notes.extend(deletes::note(&planner.log, &planner.rows));
    let pages = pages::planned(spec);
    planner.places();
    let memory = memory(spec);
    // A hint is added to a fault, so all faults have to be noted before.
    if document.faults().is_some() {
        let logs = std::iter::once(&planner.log).chain(planner.tables.iter().map(|table| &table.log));
        logs.for_each(|log| log.hints(document));
        planner.log.derived_time(document, spec);
    }
    if let Some(error) = document.faults() {
        return Err(error);
    }
    let range = range(overrides, &zone)?;
    let Some(mut read) = planner.log.read(&zone, overrides.chunk_bytes) else {
        return Err(Error::job("the job is not valid").because(Reason::Follows));
    };
    (read.arrival, read.max_ahead) = (arrival, max_ahead);
    // A column that is read costs time, so the arrival of the log is read only where it decides something.
    if read.arrival.is_none() && (planner.streamed() || max_ahead.is_some()) {
        read.arrival = planner.log.own_arrival();
        read.arrival_optional = read.arrival.is_some();
    }
    if !planner.streamed() {
        // Otherwise an event outside the range moves the watermark, so it has to be read.
        (read.from, read.to) = (range.start, range.end);
    }
    let rejects = rejects(&planner, &read);
    let mut plan = planner.finish(spec.job_name(), &beside(spec), read, range, rejects);
    plan.threads = spec.threads.as_ref().map(|t| t.value);
    plan.memory = memory;
    plan.deliveries.pages = pages;
    change_log::in_range(&plan.pipeline)?;
    // The identity is of the whole plan, so all that decides rows is set by now.
    plan.deliveries.identities = identity::of(spec, &plan);
    plan.hash = identity::hash_of(&plan.deliveries.identities);
    for note in plan.pipeline.groupings.iter().filter_map(|grouping| window::slips(&grouping.plan.window)) {
        // Outputs may have the same window, and one note for it is enough.
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    plan.notes = notes;
    // The run has to read the very files that were looked at.
    plan.inputs = spec.inputs.clone();
    plan.deliveries.named = named(spec);
    Ok(plan)
}

/// The file of rejected records of the source; `None` where no record can be rejected.
fn rejects(planner: &Planner, read: &ReadPlan) -> Option<PathBuf> {
    let spec = planner.spec;
    // Events too far ahead of their arrival are rejected whatever `on_bad_record` says.
    let can_reject = read.on_bad_record == OnBadRecord::Reject
        || read.max_ahead.is_some()
        || planner.services.iter().any(|service| service.on_failure == OnFailure::Reject);
    let default = || PathBuf::from(format!("{}.rejects.jsonl", beside(spec)));
    can_reject
        .then(|| spec.source.log.rejects.as_ref().map_or_else(default, |path| PathBuf::from(&path.value)))
}
