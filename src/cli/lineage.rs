//! `--lineage`: what commands tell a catalog of their datasets.

use super::watch::CommandWatch;
use crate::backfill::{BackfillOutcome, GivenKind};
use crate::deliver::Outcome;
use crate::error::{Error, Result};
use crate::job::{self, JobSpec};
use crate::lineage::{Dataset, column_lineage};
use crate::plan::{OutputPlan, Plan};
use crate::sink::owner;
use crate::sink::{Target, TargetKind};
use crate::verify::{Against, MaxDifferent, Verified, VerifyVerdict};
use std::path::Path;

/// The job file is read: START, with the names of what it reads and writes.
///
/// # Errors
/// A job error: the file of events is one of the job, or in the folder of an output.
pub fn read(watch: &CommandWatch, spec: &JobSpec, writes: bool) -> Result<()> {
    let mut taken = None;
    watch.lineage(|lineage| {
        taken = lineage.file().filter(|file| is_of_job(spec, file)).map(Path::to_path_buf);
        if taken.is_some() {
            return;
        }
        lineage.datasets.inputs = origins(spec);
        if writes {
            let outputs = job::destinations(spec);
            lineage.datasets.outputs = outputs.iter().filter_map(Dataset::of_output).collect();
        }
        lineage.start(&spec.job_name());
    });
    let Some(file) = taken else { return Ok(()) };
    // Not even the failure may be written there.
    watch.forget_lineage();
    let error =
        format!("{} cannot be written: it is an output of the job, or in the folder of one", file.display());
    Err(Error::job(error).hint("choose another path"))
}

/// Two results are compared, without a job: START, with the name of the first.
pub fn files(watch: &CommandWatch, here: &Path) {
    let name = here.file_stem().unwrap_or_default().to_string_lossy();
    watch.lineage(|lineage| lineage.start(&name));
}

/// Whether a file is where the job writes.
fn is_of_job(spec: &JobSpec, file: &Path) -> bool {
    let (here, named) = (owner::place(file), job::named(spec));
    let is_in = |target: &Target| {
        let there = owner::place(&target.path);
        there == here || target.kind != TargetKind::File && here.starts_with(&there)
    };
    named.outputs.iter().any(is_in) || named.beside.iter().any(|path| owner::place(path) == here)
}

/// The datasets of the source and of tables.
fn origins(spec: &JobSpec) -> Vec<Dataset> {
    let (source, tables) = job::origins(spec);
    source.iter().chain(&tables).fold(vec![], |all, pattern| with(all, Dataset::of_pattern(pattern)))
}

/// The datasets of the source alone.
fn sources(spec: &JobSpec) -> Vec<Dataset> {
    job::origins(spec).0.iter().fold(vec![], |all, pattern| with(all, Dataset::of_pattern(pattern)))
}

/// `all` with one more, unless it is there.
fn with(mut all: Vec<Dataset>, more: Option<Dataset>) -> Vec<Dataset> {
    let is_new = |more: &Dataset| {
        !all.iter().any(|known| (&known.namespace, &known.name) == (&more.namespace, &more.name))
    };
    if let Some(more) = more.filter(is_new) {
        all.push(more);
    }
    all
}

/// What the job reads by its plan: with the columns of the source, and the files of lookups.
fn inputs(spec: &JobSpec, plan: &Plan) -> Vec<Dataset> {
    let mut all = origins(spec);
    for dataset in &mut all[..sources(spec).len()] {
        let columns = plan.inferred.columns.iter().filter(|column| !column.derived);
        dataset.schema(columns.map(|column| (column.name.as_str(), column.ty)));
    }
    let tables = plan.pipeline.tables.iter().flat_map(|table| &table.read.files);
    for file in tables {
        if !all.iter().any(|dataset| dataset.contains(&file.path)) {
            all = with(all, Dataset::of_path(&file.path));
        }
    }
    all
}

/// An output with its columns; a table that it is published to has the same ones.
fn outputs(spec: &JobSpec, plan: &Plan, output: &OutputPlan) -> Option<Dataset> {
    let mut dataset = Dataset::of_output(&output.to)?;
    describe(&mut dataset, spec, plan, output);
    Some(dataset)
}

fn describe(dataset: &mut Dataset, spec: &JobSpec, plan: &Plan, output: &OutputPlan) {
    let names = output.columns.names();
    dataset.schema(names.filter_map(|name| Some((name, output.columns.type_of(name)?))));
    dataset.columns_from(column_lineage(plan, output, &sources(spec)));
}

/// The tables of servers that outputs are published to.
fn published(spec: &JobSpec, plan: &Plan) -> Vec<Dataset> {
    let table = |publication: &crate::plan::Publication| {
        let mut dataset = Dataset::of_table(&publication.address)?;
        describe(&mut dataset, spec, plan, &plan.deliveries.outputs[publication.output]);
        Some(dataset)
    };
    plan.deliveries.publications.iter().filter_map(table).collect()
}

/// A run is done.
pub fn ran(watch: &CommandWatch, spec: &JobSpec, plan: &Plan, outcome: &Outcome) {
    watch.lineage(|lineage| {
        let mut inputs = inputs(spec, plan);
        let mut left: Vec<_> = outcome.inputs.iter().collect();
        for dataset in &mut inputs[..sources(spec).len()] {
            // A file that two patterns match is counted once.
            let (own, others) = left.into_iter().partition(|file| dataset.contains(&file.path));
            left = others;
            let own: Vec<_> = own;
            let (bytes, records) =
                own.iter().fold((0, 0), |(bytes, records), f| (bytes + f.bytes, records + f.records));
            dataset.read(own.len() as u64, bytes, records);
        }
        lineage.datasets.inputs = inputs;
        lineage.datasets.outputs = vec![];
        for output in &plan.deliveries.outputs {
            let Some(mut dataset) = outputs(spec, plan, output) else { continue };
            if let Some(done) = outcome.outputs.iter().find(|done| done.to == output.to) {
                // Where some parts stay as they are, the rows of those that were written are not known here.
                let rows = match (done.written, done.unchanged) {
                    (0, _) => Some(0),
                    (_, 0) => Some(done.rows),
                    _ => None,
                };
                dataset.wrote(done.written as u64, rows);
            }
            lineage.datasets.outputs.push(dataset);
        }
        let beside = plan.deliveries.late.iter().map(|late| &late.path);
        let beside = beside.chain(outcome.rejects.iter().map(|(path, _)| path));
        lineage.datasets.outputs.extend(beside.filter_map(|path| Dataset::of_path(path)));
        lineage.datasets.outputs.extend(published(spec, plan));
    });
}

/// A backfill is done.
pub fn backfilled(watch: &CommandWatch, spec: &JobSpec, outcome: &BackfillOutcome, plan_only: bool) {
    watch.lineage(|lineage| {
        let known = inputs(spec, &outcome.plan);
        // Files that were counted before are not read.
        let given = outcome.files.iter().filter(|file| !matches!(file.kind, GivenKind::Known(_)));
        lineage.datasets.inputs = given.fold(vec![], |all, file| {
            let own = || Dataset::of_path(&file.path);
            with(all, known.iter().find(|dataset| dataset.contains(&file.path)).cloned().or_else(own))
        });
        lineage.datasets.outputs = vec![];
        if plan_only {
            return;
        }
        for output in &outcome.plan.deliveries.outputs {
            let Some(mut dataset) = outputs(spec, &outcome.plan, output) else { continue };
            if let Some(done) = outcome.outputs.iter().find(|done| done.to == output.to) {
                let rows = if outcome.applied { done.written.rows } else { 0 };
                let files = if outcome.applied { done.parts.len() } else { 0 };
                dataset.wrote(files as u64, Some(rows));
            }
            lineage.datasets.outputs.push(dataset);
        }
        lineage.datasets.outputs.extend(published(spec, &outcome.plan));
    });
}

/// The plan of a comparison is made: the columns of the source are known.
pub fn planned(watch: &CommandWatch, spec: &JobSpec, plan: &Plan) {
    watch.lineage(|lineage| lineage.datasets.inputs = inputs(spec, plan));
}

/// A comparison is done. A job's results are computed afresh, and what is found is of them and not of the files in place;
/// each sentence says so.
pub fn verified(
    watch: &CommandWatch,
    verdict: &VerifyVerdict,
    against: &Against,
    of_files: bool,
    allowed: Option<MaxDifferent>,
) {
    watch.lineage(|lineage| {
        for Verified { output, against, comparison, .. } in &verdict.verified {
            let Some(mut dataset) = Dataset::of_path(Path::new(output)) else { continue };
            let subject = if of_files { "it has" } else { "a fresh run of the job gives" };
            let mut found = vec![(format!("{subject} the same rows as {against}"), None, comparison.same())];
            if let Some(allowed) = allowed {
                let sentence = format!("at most {allowed} of the rows differ from {against}");
                found.push((sentence, None, allowed.refuses(comparison).is_none()));
            }
            for column in &comparison.columns {
                let same = column.null_here + column.null_there + column.different == 0;
                let sentence = format!("{subject} the same values as {against}, in rows of both");
                found.push((sentence, Some(column.name.clone()), same));
            }
            dataset.assertions(&found);
            // Of a fresh run it is not known how many rows the files in place have.
            if of_files {
                dataset.rows(comparison.here);
            }
            lineage.datasets.inputs.push(dataset);
        }
        if let (Against::Result(there), [verified]) = (against, &verdict.verified[..])
            && let Some(mut dataset) = Dataset::of_path(&there.path)
        {
            dataset.rows(verified.comparison.there);
            lineage.datasets.inputs.push(dataset);
        }
    });
}
