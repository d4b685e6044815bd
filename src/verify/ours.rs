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
    let folder = tempfile::Builder::new()
        .prefix("highwater-verify-")
        .tempdir_in(&request.options.spill_folder)
        .map_err(|e| Error::io("make a folder in", &request.options.spill_folder, e))?;
    // Outputs in place are neither read nor changed, so all of this run goes into the folder.
    let plan = plan.only(wanted).in_folder(folder.path()).without_late_output();
    let account = run(&plan, request.options, request.progress)?.account;
    let tables = (0..plan.deliveries.outputs.len())
        .map(|n| files(&folder.path().join(n.to_string())))
        .collect::<Result<_>>()?;
    // The files are deleted with the handle of their folder, so it goes with them.
    Ok(Ours { _folder: folder, tables, account })
}
