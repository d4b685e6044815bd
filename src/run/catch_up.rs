//! `run` where outputs are in place that keep an archive: it counts the files that no run has counted.

use crate::backfill::{self, BackfillOutcome, BackfillRequest, Corrections, correct};
use crate::deliver::{Outcome, OutputOutcome, target};
use crate::engine::{Progress, RunOptions};
use crate::error::Result;
use crate::input::InputReport;
use crate::job::{JobSpec, Overrides};
use crate::plan::{OutputKind, Plan};
use crate::sink::{InputEntry, Manifest};
use crate::time::TimeRange;
use hashbrown::HashSet;
use std::path::PathBuf;

/// Runs a job whose outputs may be in place. One that keeps an archive counts the files that no run has counted;
/// where it was edited, or an output is gone or was changed, everything is computed again: by a run over the source,
/// unless files that were counted are gone from it; then from the archive.
///
/// # Errors
/// As [`crate::run::run`] and [`backfill`]; a file that was counted is not what it was; files that were counted are gone,
/// and the archive cannot stand for them.
pub fn catch_up(
    plan: &Plan,
    spec: &JobSpec,
    overrides: &Overrides,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let archive = plan.deliveries.outputs.iter().find(|output| matches!(output.kind, OutputKind::Archive(_)));
    let archive = archive.and_then(|output| target(&output.to));
    let before = archive.map(|archive| archive.manifest()).transpose()?.flatten();
    // What a streamed step gives can change with each event that arrives in between, so all is read again.
    let partial = plan.pipeline.range != TimeRange::ALL
        || overrides.mode.is_some()
        || plan.pipeline.steps_are_streamed();
    let before = match before {
        Some(before) if !partial => before,
        before => {
            before.map_or(Ok(()), |before| backfill::nothing_gone(&before, &plan.inputs))?;
            return crate::run::run(plan, options, progress);
        }
    };
    let request = BackfillRequest { of_run: true, ..BackfillRequest::default() };
    match correct(spec, overrides, &request, &|_| options.clone(), progress)? {
        Corrections::Made(done) => outcome(plan, *done, &before),
        Corrections::LeftToRun(why) => {
            let outcome = crate::run::run(plan, options, progress)?;
            Ok(Outcome { all_again: Some(why), ..outcome })
        }
    }
}

/// What a backfill did, as of a run; `before` is the manifest that it found.
fn outcome(plan: &Plan, done: BackfillOutcome, before: &Manifest) -> Result<Outcome> {
    let first = plan.deliveries.outputs.iter().find_map(|output| target(&output.to));
    // The commit has just written this manifest, so it lists the files that count now.
    let manifest = first.map(|target| target.manifest()).transpose()?.flatten();
    let known: HashSet<&str> = before.inputs.iter().map(|input| input.path.as_str()).collect();
    // Files that were counted before are not read, unless everything is computed again.
    let read = |input: &&InputEntry| done.all_again.is_some() || !known.contains(input.path.as_str());
    let counted = manifest.iter().flat_map(|manifest| &manifest.inputs);
    let inputs = counted.filter(|input| input.table.is_none()).filter(read).map(|input| InputReport {
        path: PathBuf::from(&input.path),
        ordinal: 0,
        bytes: input.bytes,
        hash: input.hash.clone(),
        etag: input.etag.clone(),
        records: input.records,
        skipped: 0,
    });
    let inputs = inputs.collect();
    let outputs = done.outputs.iter().map(|output| OutputOutcome {
        to: output.to.clone(),
        rows: output.rows,
        written: output.parts.len(),
        unchanged: output.unchanged,
        removed: output.removed,
        restored: output.restored,
        table: None,
    });
    Ok(Outcome {
        offsets: vec![],
        account: done.account,
        // A job with streamed steps is run over its source, so there is one account.
        of_complete: None,
        watermarks: manifest.and_then(|manifest| manifest.watermarks),
        inputs,
        outputs: outputs.collect(),
        rejects: None,
        lookups: None,
        spilled: false,
        published: done.published,
        strangers: done.strangers,
        gone: done.gone,
        left_out: vec![],
        twice: 0,
        without_items: 0,
        all_again: done.all_again,
    })
}
