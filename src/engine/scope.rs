//! Which results of a plan a pass is for.

use crate::plan::{GroupingId, OutputId, PerId, Plan};

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

    /// None of them.
    pub fn none(plan: &Plan) -> Scope {
        Scope {
            groupings: plan.pipeline.grouping_ids().map(|_| false).collect(),
            outputs: plan.deliveries.ids().map(|_| false).collect(),
        }
    }
}
