//! The side here: a run of the job into a temporary folder.

use super::Request;
use super::compare::Table;
use super::theirs::files;
use crate::engine::run;
use crate::error::{Error, Result};
use crate::job::{OutputKind, OutputPlan, OutputTo, Plan};
use crate::sink::{Account, Format, Named};
use tempfile::TempDir;

/// The results of a run, which go with it.
pub struct Ours {
    _folder: TempDir,
    /// Of the outputs that were wanted, in their order.
    pub tables: Vec<Table>,
    pub account: Account,
}

/// Runs `plan` for the outputs `wanted`, which are ascending. Nothing of what it would write is written.
pub fn compute(mut plan: Plan, wanted: &[usize], request: &Request) -> Result<Ours> {
    let folder = tempfile::Builder::new()
        .prefix("highwater-verify-")
        .tempdir_in(&request.options.spill_folder)
        .map_err(|e| Error::io("make a folder in", &request.options.spill_folder, e))?;
    let mut number = 0..;
    plan.outputs.retain(|_| number.next().is_some_and(|n| wanted.contains(&n)));
    let place = |n: usize| folder.path().join(n.to_string());
    for (n, output) in plan.outputs.iter_mut().enumerate() {
        // One Parquet file with all columns: those that would name folders too.
        output.to = OutputTo::Folder(place(n));
        output.format = Format::Parquet;
        output.partition_by.clear();
        output.state = false;
    }
    only_used(&mut plan);
    // Nor is anything published.
    plan.publications.clear();
    (plan.late, plan.rejects) = (None, None);
    plan.tables.iter_mut().for_each(|table| table.rejects = None);
    // What lies beside the job's own outputs is not this run's to take away.
    plan.named = Named::default();
    let account = run(&plan, request.options, request.progress)?.account;
    let tables = (0..plan.outputs.len()).map(|n| files(&place(n))).collect::<Result<_>>()?;
    Ok(Ours { _folder: folder, tables, account })
}

/// Leaves out groupings that no output shows.
fn only_used(plan: &mut Plan) {
    let used = |outputs: &[OutputPlan], g: usize| {
        outputs.iter().any(|o| matches!(o.kind, OutputKind::Groups { grouping, .. } if grouping == g))
    };
    let kept: Vec<usize> = (0..plan.groupings.len()).filter(|&g| used(&plan.outputs, g)).collect();
    let mut number = 0..;
    plan.groupings.retain(|_| number.next().is_some_and(|g| kept.contains(&g)));
    for output in &mut plan.outputs {
        if let OutputKind::Groups { grouping, .. } = &mut output.kind {
            *grouping = kept.iter().position(|g| g == grouping).unwrap_or(0);
        }
    }
}
