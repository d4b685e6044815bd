//! The accumulators of one source: made, merged and finished.

use super::plan::GroupPlan;
use crate::aggregate::Accumulator;
use crate::error::Result;
use arrow_array::ArrayRef;

/// The accumulators of one source.
pub type States = Vec<Box<dyn Accumulator>>;

/// Empty accumulators of a plan's aggregates.
pub fn accumulators(plan: &GroupPlan) -> States {
    plan.aggregates.iter().map(|(a, _)| a.accumulator()).collect()
}

/// Merges the slots of all sources, `(mine, theirs)`, into `states`.
pub fn merge(states: &mut States, pairs: &[Vec<(u32, u32)>], sources: &[&States]) -> Result<()> {
    for (a, state) in states.iter_mut().enumerate() {
        for (source, pairs) in sources.iter().zip(pairs) {
            if !pairs.is_empty() {
                state.merge(pairs, source[a].as_ref())?;
            }
        }
    }
    Ok(())
}

/// The results of the first `rows` slots.
pub fn results(states: &States, rows: usize) -> Result<Vec<ArrayRef>> {
    states.iter().map(|state| state.finish(rows)).collect()
}
