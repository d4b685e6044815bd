//! The places that the outputs of a plan are written to.

use crate::error::Result;
use crate::plan::{LatePlan, OutputId, OutputPlan, OutputTo, Plan};
use crate::sink::Target;

/// The places that a run of `plan` writes to: the outputs that are files, then the late output.
pub fn places(plan: &Plan) -> Vec<Target> {
    let outputs = plan.deliveries.outputs.iter().filter_map(|output| target(&output.to));
    outputs.chain(plan.deliveries.late.as_ref().map(LatePlan::target)).collect()
}

/// The outputs that are files, in the order of the transaction's targets.
pub fn targets(plan: &Plan) -> impl Iterator<Item = &OutputPlan> {
    plan.deliveries.outputs.iter().filter(|o| target(&o.to).is_some())
}

/// The number of the output `id` among the transaction's targets, or the one that it would have.
pub fn target_number(plan: &Plan, id: OutputId) -> usize {
    plan.deliveries.outputs[..id.place()].iter().filter(|o| target(&o.to).is_some()).count()
}

/// Where an output goes in a transaction; `None` for the terminal.
pub fn target(to: &OutputTo) -> Option<Target> {
    match to {
        OutputTo::Folder(path) => Some(Target::folder(path)),
        OutputTo::File(path) => Some(Target::file(path)),
        OutputTo::Table(path, kind) => Some(Target::table(path, kind.clone())),
        OutputTo::Terminal => None,
    }
}

/// Brings the outputs of `plan` to the state before or after a commit that a dead run left: for commands that
/// only read, as `run` does so itself.
///
/// # Errors
/// As of [`crate::sink::recover`].
pub fn recover(plan: &Plan) -> Result<()> {
    crate::sink::recover(&places(plan), &plan.deliveries.named)
}
