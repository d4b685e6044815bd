//! `run`: reads the source once, and commits all outputs together; or writes one of them to a stream.

mod catch_up;
mod piped;

pub use catch_up::{catch_up, reload};
pub use piped::pipe;

use crate::clock::Stopwatch;
use crate::deliver::{self, Outcome, server_tables};
use crate::engine::{Pass, Progress, RunOptions, SpentWork, TimedStage};
use crate::error::Result;
use crate::input::InputReport;
use crate::plan::Plan;
use crate::process::pool;
use crate::sink::{InputEntry, ManifestDraft, RejectsWriter, Transaction};
use hashbrown::HashSet;
use std::path::Path;

/// Runs `plan`.
///
/// # Errors
/// Bad data, a machine that fails, an output that cannot be written; the outputs are then as before.
pub fn run(plan: &Plan, options: &RunOptions, progress: &dyn Progress) -> Result<Outcome> {
    ran(plan, options, progress).map(|ran| ran.outcome)
}

/// What a run did, and what it tells the next one.
struct HowItWent {
    outcome: Outcome,
    /// Of which manifest of its first output a run would have nothing to tell but what is in it.
    told: Option<u128>,
}

fn ran(plan: &Plan, options: &RunOptions, progress: &dyn Progress) -> Result<HowItWent> {
    let targets = deliver::places(plan);
    // The outputs are locked before hours of work, not after.
    let transaction = Transaction::begin_of(&targets, &plan.deliveries.named)?;
    deliver::tables::describe(plan, &transaction)?;
    server_tables::check(plan)?;
    let rejects = plan.deliveries.rejects.as_deref().map(RejectsWriter::create).transpose()?;
    pool(options.threads)?.install(|| {
        let pass = Pass { plan, options, progress };
        let mut staged = deliver::stage(&pass, &transaction, rejects)?;
        staged.outcome.left_out = left_out(&transaction, &staged.outcome.inputs);
        for output in 0..targets.len() {
            staged.outcome.strangers.extend(transaction.strangers(output)?);
        }
        let told = staged.drafts.first().map(ManifestDraft::digest);
        let mut watch = Stopwatch::of_process();
        let outcome = staged.commit(plan, transaction)?;
        progress.worked(TimedStage::Commit, SpentWork { rows: 0, bytes: 0, lap: watch.lap() });
        let told = told.filter(|_| tells_what_manifests_have(&outcome));
        Ok(HowItWent { outcome, told })
    })
}

/// Whether there is nothing to tell of a run but what the manifests of its outputs have.
fn tells_what_manifests_have(outcome: &Outcome) -> bool {
    let Outcome { of_complete, rejects, lookups, spilled, published, twice, without_items, offsets, .. } =
        outcome;
    of_complete.is_none()
        && rejects.is_none()
        && lookups.is_none()
        && !spilled
        && published.is_empty()
        && *twice == 0
        && *without_items == 0
        && offsets.is_empty()
}

/// The files of the source that the outputs in place have counted and that were not read now.
pub(crate) fn left_out(transaction: &Transaction, read: &[InputReport]) -> Vec<String> {
    let before = transaction.manifest(0).map_or(&[][..], |manifest| &manifest.inputs);
    let hashes: HashSet<&str> = read.iter().map(|now| now.hash.as_str()).collect();
    let paths: HashSet<&Path> = read.iter().map(|now| now.path.as_path()).collect();
    // A file that was renamed is still read, and so is one that changed under its name.
    let is_read =
        |input: &&InputEntry| hashes.contains(input.hash.as_str()) || paths.contains(Path::new(&input.path));
    let gone = before.iter().filter(|input| input.table.is_none() && input.records > 0 && !is_read(input));
    gone.map(|input| input.path.clone()).collect()
}
