//! Partial groups of several sources → the groups of some windows.
//!
//! A source is a set of accumulators: a worker's table, or a slice read back from disk. An entry says
//! that a slot of a source belongs to a group, which is a window and a key. Merging is exact, so the
//! order of entries within a group never shows; where order counts (firings), it is arrival order.

use super::kept::kept;
use super::pane::Arrived;
use super::plan::GroupPlan;
use super::states::{States, accumulators, merge, results};
use crate::error::Result;
use arrow_array::ArrayRef;

/// A window, by its number among those that are composed, and a key, by its rank or its bytes.
pub type Group<K> = (u32, K);

/// The rows of a result, and which slots of each source go to which.
pub struct ComposedRows<K> {
    pub groups: Vec<Group<K>>,
    /// Per source, (row, slot).
    pub pairs: Vec<Vec<(u32, u32)>>,
}

impl<K: Ord + Copy> ComposedRows<K> {
    pub fn new(sources: usize) -> ComposedRows<K> {
        ComposedRows { groups: vec![], pairs: vec![vec![]; sources] }
    }

    /// Adds entries `(group, source, slot)`, sorted by group.
    pub fn add(&mut self, entries: &[(Group<K>, u32, u32)]) {
        for &(group, source, slot) in entries {
            // Entries are sorted by group, so a new group can only differ from the last one.
            if self.groups.last() != Some(&group) {
                self.groups.push(group);
            }
            self.pairs[source as usize].push((self.groups.len() as u32 - 1, slot));
        }
    }

    /// All rows.
    pub fn finish(&self, plan: &GroupPlan, sources: &[&States]) -> Result<Finished> {
        let mut states = accumulators(plan);
        states.iter_mut().for_each(|state| state.resize(self.groups.len()));
        merge(&mut states, &self.pairs, sources)?;
        finish(plan, &states, self.groups.len())
    }
}

/// Finished groups.
pub struct Finished {
    /// The result of each aggregate.
    pub values: Vec<ArrayRef>,
    /// The state of each aggregate, if the plan keeps them.
    pub states: Option<Vec<ArrayRef>>,
}

/// The first `rows` slots.
pub fn finish(plan: &GroupPlan, states: &States, rows: usize) -> Result<Finished> {
    let values = results(states, rows)?;
    Ok(Finished { values, states: plan.keep_states.then(|| kept(states, rows)) })
}

/// An event that fires its window again.
pub struct Update<K> {
    pub group: Group<K>,
    pub arrived: Arrived,
    pub source: u32,
    pub slot: u32,
}

/// Every firing of some windows: the group, the number of the firing from 1, and the results.
pub struct Firings<K> {
    pub groups: Vec<Group<K>>,
    pub numbers: Vec<i64>,
    pub values: Vec<ArrayRef>,
}

/// The firings of windows: of each group first what came in time (`entries`), then one for each
/// update, in arrival order, with all that came before.
pub fn firings<K: Ord + Copy>(
    plan: &GroupPlan,
    sources: &[&States],
    mut entries: Vec<(Group<K>, u32, u32)>,
    mut updates: Vec<Update<K>>,
) -> Result<Firings<K>> {
    entries.sort_unstable_by_key(|e| e.0);
    updates.sort_unstable_by_key(|u| (u.group, u.arrived));
    // Of each group a running state, and a row for each of its firings.
    let mut groups: Vec<Group<K>> =
        entries.iter().map(|e| e.0).chain(updates.iter().map(|u| u.group)).collect();
    groups.sort_unstable();
    groups.dedup();
    let running_of = |group: &Group<K>| groups.binary_search(group).expect("a group of these") as u32;
    // waves[n] holds the n-th firing of each group that has so many.
    let mut waves: Vec<Wave> = vec![];
    let (mut rows, mut numbers) = (vec![], vec![]);
    let (mut entries, mut updates) = (entries.as_slice(), updates.as_slice());
    for group in &groups {
        let mut number = 0;
        // Both slices are sorted by group, so each group takes its own from the watermark generator.
        let in_time = entries.iter().take_while(|e| e.0 == *group).count();
        let later = updates.iter().take_while(|u| u.group == *group).count();
        let running = running_of(group);
        let mut fire = |slots: &mut dyn Iterator<Item = (u32, u32)>| {
            if waves.len() == number {
                waves.push(Wave::new(sources.len()));
            }
            // The n-th firings of all groups are merged in one call: a call for each firing would be slow for
            // many small windows.
            slots.for_each(|(source, slot)| waves[number].pairs[source as usize].push((running, slot)));
            waves[number].rows.push((rows.len() as u32, running));
            number += 1;
            rows.push(*group);
            numbers.push(number as i64);
        };
        // A group may have late events alone: its first update is then its first firing.
        if in_time > 0 {
            fire(&mut entries[..in_time].iter().map(|e| (e.1, e.2)));
        }
        for update in &updates[..later] {
            fire(&mut std::iter::once((update.source, update.slot)));
        }
        (entries, updates) = (&entries[in_time..], &updates[later..]);
    }
    let (mut running, mut fired) = (accumulators(plan), accumulators(plan));
    running.iter_mut().for_each(|state| state.resize(groups.len()));
    fired.iter_mut().for_each(|state| state.resize(rows.len()));
    for wave in &waves {
        merge(&mut running, &wave.pairs, sources)?;
        // The running states go on, so each firing takes a copy of them as they are now.
        for (fired, running) in fired.iter_mut().zip(&running) {
            fired.merge(&wave.rows, running.as_ref())?;
        }
    }
    Ok(Firings { values: results(&fired, rows.len())?, groups: rows, numbers })
}

struct Wave {
    /// Per source, (running state, slot).
    pairs: Vec<Vec<(u32, u32)>>,
    /// (Row, running state).
    rows: Vec<(u32, u32)>,
}

impl Wave {
    fn new(sources: usize) -> Wave {
        Wave { pairs: vec![vec![]; sources], rows: vec![] }
    }
}

/// Some groups at several delays: those that are not the same at all of them.
pub struct DelayedGroups<K> {
    /// The groups, in order.
    pub groups: Vec<Group<K>>,
    /// Per delay, ascending, and at last with every event counted.
    pub stages: Vec<GroupsAtDelay>,
}

/// Groups as they would be at one delay.
pub struct GroupsAtDelay {
    /// Whether any event of the group is counted.
    pub present: Vec<bool>,
    /// The results; of groups that are not present they say nothing.
    pub values: Vec<ArrayRef>,
}

/// What the groups of `entries` are at each of `delays` delays. An entry is `(group, stage, source,
/// slot)`: it is counted at the delays from number `stage` on, and of `stage = delays` at none.
pub fn stages<K: Ord + Copy>(
    plan: &GroupPlan,
    sources: &[&States],
    entries: &[(Group<K>, u32, u32, u32)],
    delays: usize,
) -> Result<DelayedGroups<K>> {
    // A group without late events is the same at every delay, and an audit looks only at differences.
    let mut groups: Vec<Group<K>> = entries.iter().filter(|e| e.1 > 0).map(|e| e.0).collect();
    groups.sort_unstable();
    groups.dedup();
    let mut by_stage: Vec<Vec<Vec<(u32, u32)>>> = vec![vec![vec![]; sources.len()]; delays + 1];
    for &(group, stage, source, slot) in entries {
        if let Ok(row) = groups.binary_search(&group) {
            by_stage[stage as usize][source as usize].push((row as u32, slot));
        }
    }
    let mut states = accumulators(plan);
    states.iter_mut().for_each(|state| state.resize(groups.len()));
    let mut present = vec![false; groups.len()];
    let mut stages: Vec<GroupsAtDelay> = Vec::with_capacity(delays + 1);
    for pairs in &by_stage {
        pairs.iter().flatten().for_each(|&(row, _)| present[row as usize] = true);
        let values = match stages.last() {
            // A median or a set of distinct values is costly to finish, and a delay often brings nothing new.
            Some(last) if pairs.iter().all(Vec::is_empty) => last.values.clone(),
            _ => {
                merge(&mut states, pairs, sources)?;
                results(&states, groups.len())?
            }
        };
        stages.push(GroupsAtDelay { present: present.clone(), values });
    }
    Ok(DelayedGroups { groups, stages })
}
