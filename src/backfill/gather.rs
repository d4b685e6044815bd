//! The groups of some outputs, as rows and as states.

use super::group_output::GroupOutput;
use super::part_rows::NewRows;
use super::states::StateParts;
use super::touched::Touched;
use crate::deliver::shape::shape;
use crate::deliver::state::state_rows;
use crate::engine::Pass;
use crate::error::Result;
use crate::group::{GroupBlock, Merged};

/// What outputs get of one grouping.
#[derive(Default)]
pub struct OutputGroups {
    /// The rows.
    pub rows: NewRows,
    /// Where the output keeps its state, the groups with their states.
    pub states: NewRows,
}

/// Collects the groups of outputs of one grouping, as rows those of which rows are `wanted`, and calls `see` with the
/// windows and keys of every block.
///
/// # Errors
/// An expression that cannot be computed, an overflow, a spill file that fails.
pub fn gather(
    pass: &Pass,
    merged: Merged,
    outputs: &[&GroupOutput],
    wanted: &(dyn Fn(&GroupOutput) -> bool + Sync),
    touched: Option<&Touched>,
    mut see: impl FnMut(&GroupBlock) -> Result<()>,
) -> Result<Vec<OutputGroups>> {
    let states: Vec<Option<StateParts>> = outputs.iter().map(|output| StateParts::of(output)).collect();
    let mut gathered: Vec<OutputGroups> = outputs.iter().map(|_| OutputGroups::default()).collect();
    merged.drive(
        |block| {
            let shaped = |o: &&GroupOutput| {
                let rows = wanted(o).then(|| shape(pass, o.grouping, o.output, o.post, &block, None));
                let groups = o.output.state.then(|| state_rows(pass, o.grouping, o.output, o.post, &block));
                Ok((rows.transpose()?, groups.transpose()?))
            };
            let shaped = outputs.iter().map(shaped).collect::<Result<Vec<_>>>()?;
            Ok((block, shaped))
        },
        |(block, shaped)| {
            see(&block)?;
            for (i, (rows, groups)) in shaped.into_iter().enumerate() {
                if let Some(rows) = rows {
                    outputs[i].select(rows, touched, &mut gathered[i].rows)?;
                }
                if let (Some(groups), Some(state)) = (groups, &states[i]) {
                    state.select(groups, touched, &mut gathered[i].states)?;
                }
            }
            Ok(())
        },
    )?;
    Ok(gathered)
}
