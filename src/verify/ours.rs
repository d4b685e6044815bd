//! The side here: a run of the job into a temporary folder.

use super::VerifyRequest;
use super::compare::ResultTable;
use super::theirs::files;
use crate::error::{Error, Result};
use crate::plan::{OutputId, Plan};
use crate::run::run;
use crate::sink::Account;
use tempfile::TempDir;

/// The results of a run, which go with it.
pub struct Ours {
    _folder: TempDir,
    /// Of the outputs that were wanted, in their order.
    pub tables: Vec<ResultTable>,
    pub account: Account,
}

/// Runs `plan` for the outputs `wanted`, which are ascending. Nothing of what it would write is written.
pub fn compute(plan: Plan, wanted: &[OutputId], request: &VerifyRequest) -> Result<Ours> {
    let folder = folder(request)?;
    // Outputs in place are neither read nor changed, so all of this run goes into the folder.
    let plan = plan.only(wanted).in_folder(folder.path()).without_late_output();
    let account = run(&plan, request.options, request.progress)?.account;
    let tables = (0..plan.deliveries.outputs.len())
        .map(|n| files(&folder.path().join(n.to_string())))
        .collect::<Result<_>>()?;
    // The files are deleted with the handle of their folder, so it goes with them.
    Ok(Ours { _folder: folder, tables, account })
}

/// Runs `plan` for its late output, as its one table. Which events are late all of its outputs decide.
pub fn late(plan: Plan, request: &VerifyRequest) -> Result<Ours> {
    let folder = folder(request)?;
    let plan = plan.in_folder(folder.path());
    let account = run(&plan, request.options, request.progress)?.account;
    let path = plan.deliveries.late.iter().map(|late| files(&late.path));
    let tables = path.collect::<Result<_>>()?;
    Ok(Ours { _folder: folder, tables, account })
}

fn folder(request: &VerifyRequest) -> Result<TempDir> {
    let spill = &request.options.spill_folder;
    let folder = tempfile::Builder::new().prefix("highwater-verify-").tempdir_in(spill);
    folder.map_err(|e| Error::io("make a folder in", spill, e))
}
