//! The partial aggregates of all workers → the groups of the output, in order, block by block.

use super::block::{AuditBlock, GroupBlock};
use super::memory::Memory;
use super::plan::GroupPlan;
use super::runs;
use super::spill::{SpillSpace, SpilledRun};
use super::table::GroupTable;
use crate::error::Result;
use crate::ordered::in_order;
use std::sync::Arc;

/// All groups of an output, ready to be read in order.
pub struct Merged {
    plan: Arc<GroupPlan>,
    source: MergeSource,
}

enum MergeSource {
    Memory(Box<Memory>),
    Runs(Vec<SpilledRun>, SpillSpace),
}

impl Merged {
    /// Merges the tables of all workers, and what they spilled.
    ///
    /// # Errors
    /// A machine error of the spill files.
    pub fn new(plan: Arc<GroupPlan>, mut tables: Vec<GroupTable>, space: SpillSpace) -> Result<Merged> {
        // To rank the keys of all tables takes them some times over; where that is more than the budget, runs are merged.
        let needed: usize = tables.iter_mut().map(|table| table.bytes() + 4 * table.keys.bytes()).sum();
        // A group may have a part in a run and a part in memory, so where one table was spilled all of them
        // are.
        if space.is_used() || !space.has_room(needed) {
            tables.iter_mut().try_for_each(|table| space.spill(table))?;
            let (runs, space) = space.into_runs()?;
            return Ok(Merged { plan, source: MergeSource::Runs(runs, space) });
        }
        Ok(Merged { source: MergeSource::Memory(Box::new(Memory::new(&plan, tables))), plan })
    }

    /// Calls `map` on every block, in parallel, and `sink` with the results, in order.
    ///
    /// # Errors
    /// What `map` or `sink` return, an overflow in merging, a machine error of the spill files.
    pub fn drive<T: Send>(
        self,
        map: impl Fn(GroupBlock) -> Result<T> + Sync,
        mut sink: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let plan = &self.plan;
        match self.source {
            MergeSource::Memory(memory) => {
                let units = memory.units(plan);
                in_order(&units, |unit| map(memory.block(plan, unit)?), sink)
            }
            MergeSource::Runs(runs, space) => runs::drive(plan, runs, space, |block| sink(map(block)?)),
        }
    }

    /// The same for what the groups are at each of the plan's delays, and all of them if `whole`; not for
    /// sessions.
    ///
    /// # Errors
    /// As [`Merged::drive`].
    pub fn drive_audit<T: Send>(
        self,
        whole: bool,
        map: impl Fn(AuditBlock) -> Result<T> + Sync,
        mut sink: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let plan = &self.plan;
        let delays = plan.lateness.as_ref().map_or(0, |l| l.delays.len());
        match self.source {
            MergeSource::Memory(memory) => {
                let units = memory.units(plan);
                in_order(&units, |unit| map(memory.audit(plan, unit, delays, whole)?), sink)
            }
            MergeSource::Runs(runs, _) => {
                runs::drive_audit(plan, runs, delays, whole, |block| sink(map(block)?))
            }
        }
    }
}

impl GroupBlock {
    /// The number of groups.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}
