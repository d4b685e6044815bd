//! Cumulative windows that start together: each is the one before and a slice more.

use super::block::GroupBlock;
use super::compose::{Finished, finish};
use super::memory::{Memory, MergeUnit, MergedWindow};
use super::plan::GroupPlan;
use super::states::{States, accumulators, merge};
use crate::error::Result;

/// What has been folded of the windows of one start so far.
struct Running {
    states: States,
    /// By rank − the least rank wanted; [`NONE`] of keys that were not met.
    slots: Vec<u32>,
    /// The ranks that were met, ascending.
    ranks: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Memory {
    /// The groups of a unit of cumulative windows, whose panes stand with the first window that counts
    /// them: a running state per key, of which each window takes a copy.
    pub fn cumulative_block(
        &self,
        plan: &GroupPlan,
        all: &[MergedWindow],
        unit: &MergeUnit,
    ) -> Result<GroupBlock> {
        let windows = &all[unit.from..unit.to];
        let sources = self.sources();
        let mut out = accumulators(plan);
        let (mut rows, mut ranks, mut spans) = (0, vec![], vec![]);
        let mut running: Option<(i64, Running)> = None;
        for (at, window) in (unit.from..).zip(windows) {
            let start = window.span.start;
            let held = match &mut running {
                Some((of, held)) if *of == start => held,
                other => {
                    // The unit may begin with a window in the middle of those that start together.
                    let mut fresh = Running::new(plan, unit);
                    let before = all[..at].iter().rev().take_while(|w| w.span.start == start);
                    for earlier in before {
                        fresh.add(self, earlier, unit, &sources)?;
                    }
                    &mut other.insert((start, fresh)).1
                }
            };
            held.add(self, window, unit, &sources)?;
            let pairs: Vec<(u32, u32)> = (rows..)
                .zip(&held.ranks)
                .map(|(row, rank)| (row, held.slots[(rank - unit.low) as usize]))
                .collect();
            rows += pairs.len() as u32;
            for (out, state) in out.iter_mut().zip(&held.states) {
                out.resize(rows as usize);
                // A copy for each window: the running state goes on to the next, longer one.
                out.merge(&pairs, state.as_ref())?;
            }
            spans.resize(rows as usize, window.span);
            ranks.extend_from_slice(&held.ranks);
        }
        let Finished { values, states } = finish(plan, &out, rows as usize)?;
        Ok(GroupBlock { spans, keys: self.keys_of(ranks), values, states, firings: None })
    }
}

impl Running {
    fn new(plan: &GroupPlan, unit: &MergeUnit) -> Running {
        let keys = (unit.high - unit.low) as usize;
        Running { states: accumulators(plan), slots: vec![NONE; keys], ranks: vec![] }
    }

    /// Adds the panes that `window` is the first to count.
    fn add(
        &mut self,
        memory: &Memory,
        window: &MergedWindow,
        unit: &MergeUnit,
        sources: &[&States],
    ) -> Result<()> {
        let mut pairs: Vec<Vec<(u32, u32)>> = vec![vec![]; sources.len()];
        let known = self.ranks.len();
        for at in &window.panes {
            memory.each_of_pane(at, |rank, slot| {
                // Other units have the keys outside of this range, and each key must be counted once.
                if !(unit.low..unit.high).contains(&rank) {
                    return;
                }
                let running = &mut self.slots[(rank - unit.low) as usize];
                if *running == NONE {
                    *running = self.ranks.len() as u32;
                    self.ranks.push(rank);
                }
                pairs[at.table as usize].push((*running, slot));
            });
        }
        if self.ranks.len() > known {
            self.states.iter_mut().for_each(|state| state.resize(self.ranks.len()));
            // Two sorted stretches, which the sort merges.
            self.ranks[known..].sort_unstable();
            self.ranks.sort();
        }
        merge(&mut self.states, &pairs, sources)
    }
}
