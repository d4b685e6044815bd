//! `run` where outputs may be in place: where they are what it would write, nothing is read; where they keep an archive, it
//! counts the files that no run has counted.

use super::{HowItWent, ran};
use crate::backfill::{self, BackfillOutcome, BackfillRequest, Corrections, correct, standing};
use crate::deliver::{Outcome, OutputOutcome, keep_stamps, target};
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
    let HowItWent { outcome, told } = caught_up(plan, spec, overrides, options, progress)?;
    keep_stamps(spec, told);
    Ok(outcome)
}

/// Runs a job whose files are all to be read again, whatever is known of them.
///
/// # Errors
/// As [`crate::run::run`].
pub fn reload(plan: &Plan, spec: &JobSpec, options: &RunOptions, progress: &dyn Progress) -> Result<Outcome> {
    let HowItWent { outcome, told } = ran(plan, options, progress)?;
    keep_stamps(spec, told);
    Ok(outcome)
}

fn caught_up(
    plan: &Plan,
    spec: &JobSpec,
    overrides: &Overrides,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<HowItWent> {
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
            if !partial && let Some(outcome) = standing(plan, spec)? {
                return Ok(HowItWent { outcome, told: plan.inputs.told() });
            }
            return ran(plan, options, progress);
        }
    };
    let request = BackfillRequest { of_run: true, ..BackfillRequest::default() };
    match correct(spec, overrides, &request, &|_| options.clone(), progress)? {
        Corrections::Made(done) => {
            let told = plan.inputs.told().filter(|_| !done.applied);
            Ok(HowItWent { outcome: outcome(plan, *done, &before)?, told })
        }
        Corrections::LeftToRun(why) => {
            let HowItWent { outcome, .. } = ran(plan, options, progress)?;
            Ok(HowItWent { outcome: Outcome { all_again: Some(why), ..outcome }, told: None })
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
