//! Which results of a plan a pass is for.

use crate::plan::Plan;

/// Which results a read is for: by grouping and by output.
pub struct Scope {
    pub groupings: Vec<bool>,
    /// Of outputs of groups of no account.
    pub outputs: Vec<bool>,
}

impl Scope {
    /// All results of a plan.
    pub fn all(plan: &Plan) -> Scope {
        Scope {
            groupings: vec![true; plan.pipeline.groupings.len()],
            outputs: vec![true; plan.deliveries.outputs.len()],
        }
    }

    /// None of them.
    pub fn none(plan: &Plan) -> Scope {
        Scope {
            groupings: vec![false; plan.pipeline.groupings.len()],
            outputs: vec![false; plan.deliveries.outputs.len()],
        }
    }
}
