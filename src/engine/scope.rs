//! Which results of a plan a pass is for.

use crate::plan::{GroupingId, Mode, OutputId, OutputKind, PerId, Plan};

/// Which results a read is for: by grouping and by output.
pub struct Scope {
    pub groupings: PerId<GroupingId, bool>,
    /// Of outputs of groups of no account.
    pub outputs: PerId<OutputId, bool>,
}

impl Scope {
    /// All results of a plan.
    pub fn all(plan: &Plan) -> Scope {
        Scope {
            groupings: plan.pipeline.grouping_ids().map(|_| true).collect(),
            outputs: plan.deliveries.ids().map(|_| true).collect(),
        }
    }

    /// Those of one mode of steps; archives belong to the streamed pass.
    pub fn of_mode(plan: &Plan, mode: Mode) -> Scope {
        let mut scope = Scope::none(plan);
        for (id, output) in plan.deliveries.with_ids() {
            let wanted = output.mode.unwrap_or(Mode::Streamed) == mode;
            scope.outputs[id] = wanted;
            // Outputs of both modes never share a grouping: one of them has late events.
            if let OutputKind::Groups { grouping, .. } = output.kind {
                scope.groupings[grouping] = wanted;
            }
        }
        scope
    }

    /// None of them.
    pub fn none(plan: &Plan) -> Scope {
        Scope {
            groupings: plan.pipeline.grouping_ids().map(|_| false).collect(),
            outputs: plan.deliveries.ids().map(|_| false).collect(),
        }
    }
}
