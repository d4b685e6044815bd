//! Groups that were spilled: sorted runs, merged as they are read.
//!
//! Runs of tumbling windows are groups of the output already. Runs of slices become **parts**, one per
//! slice and class, and a window is composed of its parts when all of them are read; parts stay in
//! memory as long as a window wants them. Runs of stretches of sessions are sorted by key: they are
//! joined, and written once more as runs of sessions, in the order of windows.

use super::block::{AuditBlock, GroupBlock};
use super::compose::{self, ComposedRows, Finished, Update};
use super::memory::{BLOCK_GROUPS, counted};
use super::pane::Arrived;
use super::panes::PaneId;
use super::plan::GroupPlan;
use super::rank::key_rows;
use super::spill::{SpillSpace, SpilledRun};
use super::states::{States, accumulators};
use crate::error::Result;
use crate::time::TimeRange;
use crate::window::{Assigner, Window};
use arrow_array::ArrayRef;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

/// Gives the groups of all runs to `sink`, in order.
pub fn drive(
    plan: &GroupPlan,
    runs: Vec<SpilledRun>,
    space: SpillSpace,
    mut sink: impl FnMut(GroupBlock) -> Result<()>,
) -> Result<()> {
    match plan.window {
        Window::Session { gap } if plan.lateness.is_none() => {
            let (runs, space) = join_sessions(plan, gap, runs, space)?.into_runs()?;
            merge_runs(plan, runs, &space, sink)
        }
        // With one window to a slice, a run has groups of the output already.
        Window::Global | Window::Tumbling { .. } if plan.lateness.is_none() => {
            merge_runs(plan, runs, &space, sink)
        }
        Window::Session { .. } => merge_runs(plan, runs, &space, sink),
        _ => windows_of_parts(plan, runs, |span, parts| sink(compose_window(plan, span, parts)?)),
    }
}

/// Gives what the windows are at each of `delays` delays to `sink`, in order.
pub fn drive_audit(
    plan: &GroupPlan,
    runs: Vec<SpilledRun>,
    delays: usize,
    whole: bool,
    mut sink: impl FnMut(AuditBlock) -> Result<()>,
) -> Result<()> {
    windows_of_parts(plan, runs, |span, parts| {
        let sources: Vec<&States> = parts.iter().map(|p| &p.part.states).collect();
        let mut entries = vec![];
        for (source, use_) in (0u32..).zip(&parts) {
            let keys = (0u32..).zip(&use_.part.keys);
            entries.extend(keys.map(|(slot, key)| ((0, &**key), use_.stage, source, slot)));
        }
        let mut all: Vec<&[u8]> = entries.iter().map(|e| e.0.1).collect();
        all.sort_unstable();
        all.dedup();
        let found = compose::stages(plan, &sources, &entries, delays)?;
        let spans = vec![span; found.groups.len()];
        let keys = key_columns(plan, found.groups.iter().map(|g| g.1));
        let groups = all.len() as u64;
        let stages = found.stages;
        let truth = if whole { Some(compose_window(plan, span, parts)?) } else { None };
        sink(AuditBlock { windows: vec![span], groups, truth, spans, keys, stages })
    })
}

/// The groups of one slice and class.
struct PaneGroups {
    id: PaneId,
    keys: Vec<Box<[u8]>>,
    arrived: Vec<Arrived>,
    states: States,
}

/// A part that a window is made of; see [`counted`].
struct PartOfWindow {
    part: Rc<PaneGroups>,
    stage: u32,
    update: bool,
}

fn compose_window(plan: &GroupPlan, span: TimeRange, parts: Vec<PartOfWindow>) -> Result<GroupBlock> {
    let sources: Vec<&States> = parts.iter().map(|p| &p.part.states).collect();
    let (mut entries, mut updates) = (vec![], vec![]);
    for (source, PartOfWindow { part, update, .. }) in (0u32..).zip(&parts) {
        for (slot, key) in (0u32..).zip(&part.keys) {
            let group = (0, &**key);
            match update {
                true => updates.push(Update { group, arrived: part.arrived[slot as usize], source, slot }),
                false => entries.push((group, source, slot)),
            }
        }
    }
    let (groups, finished, firings) = if plan.firings {
        let fired = compose::firings(plan, &sources, entries, updates)?;
        (fired.groups, Finished { values: fired.values, states: None }, Some(fired.numbers))
    } else {
        // A window has several parts, and only within a part are keys in order.
        entries.sort_unstable();
        let mut rows = ComposedRows::new(sources.len());
        rows.add(&entries);
        let finished = rows.finish(plan, &sources)?;
        (rows.groups, finished, None)
    };
    let keys = key_columns(plan, groups.iter().map(|g| g.1));
    let Finished { values, states } = finished;
    Ok(GroupBlock { spans: vec![span; groups.len()], keys, values, states, firings })
}

/// Key columns of their bytes.
fn key_columns<'a>(plan: &GroupPlan, keys: impl Iterator<Item = &'a [u8]>) -> Vec<ArrayRef> {
    if plan.keys.is_empty() {
        return vec![];
    }
    let converter = key_rows(plan.keys.iter().map(|(_, ty)| ty.arrow()));
    let parser = converter.parser();
    converter.convert_rows(keys.map(|k| parser.parse(k))).expect("rows of this converter")
}

/// Calls `f` with each window, in order, and its parts.
fn windows_of_parts(
    plan: &GroupPlan,
    runs: Vec<SpilledRun>,
    mut f: impl FnMut(TimeRange, Vec<PartOfWindow>) -> Result<()>,
) -> Result<()> {
    let mut assigner = Assigner::new(plan.window, plan.zone.clone());
    let mut spans = vec![];
    let mut open: BTreeMap<TimeRange, Vec<PartOfWindow>> = BTreeMap::new();
    each_part(plan, runs, |part| {
        // Slices come in order: what ends before this one is whole.
        while let Some(window) = open.first_entry().filter(|w| w.key().end <= part.id.slice.start) {
            let (span, parts) = window.remove_entry();
            f(span, parts)?;
        }
        assigner.windows(part.id.slice.start, &mut spans);
        let part = Rc::new(part);
        for (span, stage, update) in counted(plan, &spans, part.id.class) {
            open.entry(span).or_default().push(PartOfWindow { part: part.clone(), stage, update });
        }
        Ok(())
    })?;
    open.into_iter().try_for_each(|(span, parts)| f(span, parts))
}

/// Calls `f` with every part, by slice and class.
fn each_part(
    plan: &GroupPlan,
    runs: Vec<SpilledRun>,
    mut f: impl FnMut(PaneGroups) -> Result<()>,
) -> Result<()> {
    let mut part: Option<PaneGroups> = None;
    let mut heads = Heads::new(runs, RunOrder::Time)?;
    while let Some(head) = heads.pop() {
        let id = head.id;
        if part.as_ref().is_some_and(|p| p.id != id)
            && let Some(whole) = part.take()
        {
            f(whole)?;
        }
        let held = part.get_or_insert_with(|| PaneGroups {
            id,
            keys: vec![],
            arrived: vec![],
            states: accumulators(plan),
        });
        // With firings a late event is a group of its own; the pieces of its state have their arrival in
        // common.
        let own = plan.firings && id.class > 0;
        let same = held.keys.last() == Some(&head.key);
        if !same || own && held.arrived.last() != Some(&head.arrived) {
            held.keys.push(head.key);
            held.arrived.push(head.arrived);
            held.states.iter_mut().for_each(|s| s.resize(held.keys.len()));
        }
        heads.merge(head.run, &mut held.states, held.keys.len() as u32 - 1)?;
    }
    part.map_or(Ok(()), f)
}

/// Joins the stretches of each key that are within the gap of one another, and writes the sessions as
/// runs in the order of windows.
fn join_sessions(plan: &GroupPlan, gap: i64, runs: Vec<SpilledRun>, space: SpillSpace) -> Result<SpillSpace> {
    let mut heads = Heads::new(runs, RunOrder::Key)?;
    let mut batch: Vec<(TimeRange, Box<[u8]>)> = vec![];
    let mut states = accumulators(plan);
    while let Some(head) = heads.pop() {
        let stretch = head.id.slice;
        // The end has the gap in it already, so a stretch that begins exactly there joins.
        let joined = batch.last_mut().filter(|(span, key)| *key == head.key && stretch.start <= span.end);
        match joined {
            Some((span, _)) => span.end = span.end.max(stretch.end + gap),
            None => {
                // Only where a new session begins: before that, the end of the last one is not known.
                if batch.len() >= BLOCK_GROUPS {
                    write_sessions(plan, &space, &mut batch, &states)?;
                    states = accumulators(plan);
                }
                batch.push((TimeRange { start: stretch.start, end: stretch.end + gap }, head.key));
                states.iter_mut().for_each(|s| s.resize(batch.len()));
            }
        }
        heads.merge(head.run, &mut states, batch.len() as u32 - 1)?;
    }
    write_sessions(plan, &space, &mut batch, &states)?;
    Ok(space)
}

/// Writes sessions as a run; leaves `batch` empty.
fn write_sessions(
    plan: &GroupPlan,
    space: &SpillSpace,
    batch: &mut Vec<(TimeRange, Box<[u8]>)>,
    states: &States,
) -> Result<()> {
    let mut order: Vec<u32> = (0..batch.len() as u32).collect();
    // These runs are merged by window, and the batch came by key.
    order.sort_unstable_by_key(|&slot| &batch[slot as usize]);
    space.write(plan, |run| {
        order.iter().try_for_each(|&slot| {
            let (slice, key) = &batch[slot as usize];
            let id = PaneId { slice: *slice, class: 0 };
            run.entry(id, Arrived::default(), key, states, slot)
        })
    })?;
    batch.clear();
    Ok(())
}

/// How the entries of runs are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOrder {
    /// By slice and class, key, arrival.
    Time,
    /// By key and slice.
    Key,
}

/// The next entry of a run.
struct RunHead {
    order: RunOrder,
    id: PaneId,
    key: Box<[u8]>,
    arrived: Arrived,
    run: usize,
}

impl PartialEq for RunHead {
    fn eq(&self, other: &RunHead) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for RunHead {}

impl PartialOrd for RunHead {
    fn partial_cmp(&self, other: &RunHead) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RunHead {
    fn cmp(&self, other: &RunHead) -> Ordering {
        let first = match self.order {
            RunOrder::Time => (self.id, &self.key).cmp(&(other.id, &other.key)),
            RunOrder::Key => (&self.key, self.id).cmp(&(&other.key, other.id)),
        };
        // Arrival decides between the events of a key. The run only makes the order total.
        first.then_with(|| (self.arrived, self.run).cmp(&(other.arrived, other.run)))
    }
}

/// The heads of all runs.
struct Heads {
    runs: Vec<SpilledRun>,
    order: RunOrder,
    heap: BinaryHeap<Reverse<RunHead>>,
}

impl Heads {
    fn new(runs: Vec<SpilledRun>, order: RunOrder) -> Result<Heads> {
        let mut heads = Heads { heap: BinaryHeap::with_capacity(runs.len()), runs, order };
        (0..heads.runs.len()).try_for_each(|run| heads.advance(run))?;
        Ok(heads)
    }

    fn advance(&mut self, run: usize) -> Result<()> {
        if self.runs[run].advance()? {
            let entry = self.runs[run].entry();
            let (id, key, arrived) = (entry.id, entry.key.into(), entry.arrived);
            self.heap.push(Reverse(RunHead { order: self.order, id, key, arrived, run }));
        }
        Ok(())
    }

    /// The least head. Its states are to be merged before the next is asked for.
    fn pop(&mut self) -> Option<RunHead> {
        self.heap.pop().map(|Reverse(head)| head)
    }

    /// Merges the states of the head of `run` into `slot`, and goes on to the run's next.
    fn merge(&mut self, run: usize, states: &mut States, slot: u32) -> Result<()> {
        // The states lie in the buffer of the entry, so they are read before the run goes on.
        let mut reader = self.runs[run].entry().states;
        states.iter_mut().try_for_each(|state| state.merge_encoded(slot, &mut reader))?;
        self.advance(run)
    }
}

/// Runs whose slices are windows: merges equal groups, and gives blocks of them.
fn merge_runs(
    plan: &GroupPlan,
    runs: Vec<SpilledRun>,
    space: &SpillSpace,
    mut sink: impl FnMut(GroupBlock) -> Result<()>,
) -> Result<()> {
    let (mut spans, mut keys): (Vec<TimeRange>, Vec<Box<[u8]>>) = (vec![], vec![]);
    let mut states = accumulators(plan);
    let block = |spans: Vec<TimeRange>, keys: Vec<Box<[u8]>>, states: States| -> Result<GroupBlock> {
        let Finished { values, states } = compose::finish(plan, &states, spans.len())?;
        let keys = key_columns(plan, keys.iter().map(|k| &**k));
        Ok(GroupBlock { spans, keys, values, states, firings: None })
    };
    let (folder, bytes) = space.bound();
    let mut heads = Heads::new(runs, RunOrder::Time)?;
    while let Some(head) = heads.pop() {
        if spans.last() != Some(&head.id.slice) || keys.last() != Some(&head.key) {
            // `top` compares all groups of a window, so for it a window must not be cut.
            let cut = !plan.whole_windows || spans.last() != Some(&head.id.slice);
            if spans.len() >= BLOCK_GROUPS && cut {
                let full = std::mem::replace(&mut states, accumulators(plan));
                sink(block(std::mem::take(&mut spans), std::mem::take(&mut keys), full)?)?;
            }
            spans.push(head.id.slice);
            keys.push(head.key);
            states.iter_mut().for_each(|s| s.resize(spans.len()));
        }
        heads.merge(head.run, &mut states, spans.len() as u32 - 1)?;
        // Sets of distinct values and lists of all values may grow past the memory while they are merged.
        states.iter_mut().try_for_each(|state| state.bound(bytes / plan.aggregates.len(), folder))?;
    }
    if spans.is_empty() { Ok(()) } else { sink(block(spans, keys, states)?) }
}
