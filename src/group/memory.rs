//! Groups whose partial aggregates all lie in memory: windows and sessions of all workers, in order.

use super::block::{AuditBlock, GroupBlock};
use super::compose::{self, ComposedRows, DelayedGroups, Finished, Group, Update};
use super::lateness::Thresholds;
use super::pane::{NONE as NO_SLOT, PaneSlots};
use super::plan::GroupPlan;
use super::rank::{RankedKeys, Ranks};
use super::session::SessionMember;
use super::states::States;
use super::table::{GroupTable, SlotLookup};
use crate::error::Result;
use crate::time::TimeRange;
use crate::window::{Assigner, Window};
use arrow_array::ArrayRef;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// About how many groups a block has. Blocks are units of work; their cuts never show.
pub const BLOCK_GROUPS: usize = 1 << 16;

/// All groups, and how to read them in order.
pub struct Memory {
    tables: Vec<GroupTable>,
    layout: MergedGroups,
    keys: RankedKeys,
}

enum MergedGroups {
    Windows(Vec<MergedWindow>),
    /// The slots of all sessions, by window and key: (window, rank), table, slot.
    Sessions(Vec<((TimeRange, u32), u32, u32)>),
}

/// One window: its span, and the panes that it is the union of.
pub struct MergedWindow {
    pub span: TimeRange,
    /// Of running windows those alone that no earlier one counts.
    pub panes: Vec<PaneRef>,
    /// At most so many groups.
    bound: usize,
}

/// A pane of a window.
#[derive(Clone, Copy)]
pub struct PaneRef {
    pub table: u32,
    pane: u32,
    /// From which delay on its events are counted.
    stage: u32,
    /// Whether the window has fired before they came.
    update: bool,
}

/// A block of work: windows (or entries of sessions) `[from, to)`, and of each window the keys of ranks
/// `[low, high)`.
pub struct MergeUnit {
    pub from: usize,
    pub to: usize,
    pub low: u32,
    pub high: u32,
}

impl Memory {
    pub fn new(plan: &GroupPlan, mut tables: Vec<GroupTable>) -> Memory {
        // A worker without rows would be one more source in every merge.
        tables.retain(|t| !t.is_empty());
        let keys = RankedKeys::new(plan, &tables);
        let layout = match plan.window {
            Window::Session { gap } => MergedGroups::Sessions(sessions(plan, gap, &tables, &keys.ranks)),
            _ => MergedGroups::Windows(windows(plan, &tables, keys.count)),
        };
        Memory { tables, layout, keys }
    }

    pub fn units(&self, plan: &GroupPlan) -> Vec<MergeUnit> {
        let whole_windows = plan.whole_windows;
        match &self.layout {
            MergedGroups::Windows(windows) => {
                // Running windows begin a unit with what came before it: that has to be worth it.
                let most = if is_running(plan) { 8 * BLOCK_GROUPS } else { BLOCK_GROUPS };
                self.units_of_windows(windows, whole_windows, most)
            }
            MergedGroups::Sessions(entries) => {
                let mut units = vec![];
                let mut from = 0;
                while from < entries.len() {
                    // Slots of one group follow one another, and all of them must be in one block.
                    let mut to = entries.len().min(from + BLOCK_GROUPS);
                    let same = |to: usize| match whole_windows {
                        true => entries[to - 1].0.0 == entries[to].0.0,
                        false => entries[to - 1].0 == entries[to].0,
                    };
                    while to < entries.len() && same(to) {
                        to += 1;
                    }
                    units.push(MergeUnit { from, to, low: 0, high: u32::MAX });
                    from = to;
                }
                units
            }
        }
    }

    fn units_of_windows(&self, windows: &[MergedWindow], whole_windows: bool, most: usize) -> Vec<MergeUnit> {
        let all = self.keys.count as u32;
        let mut units: Vec<MergeUnit> = vec![];
        let (mut from, mut groups) = (0, 0);
        for (at, window) in windows.iter().enumerate() {
            // Small windows share a unit: a block has costs that do not depend on its groups.
            if groups > 0 && groups + window.bound > most {
                units.push(MergeUnit { from, to: at, low: 0, high: all });
                (from, groups) = (at, 0);
            }
            // A window with very many keys is cut by ranks, or one thread would compute all of it.
            if window.bound > 4 * most && !whole_windows {
                let parts = (window.bound / (2 * most)) as u64;
                // The product passes 32 bits where there are many keys.
                let cut = |i: u64| (u64::from(all) * i / parts) as u32;
                units.extend((0..parts).map(|i| MergeUnit {
                    from: at,
                    to: at + 1,
                    low: cut(i),
                    high: cut(i + 1),
                }));
                (from, groups) = (at + 1, 0);
            } else {
                groups += window.bound;
            }
        }
        if from < windows.len() {
            units.push(MergeUnit { from, to: windows.len(), low: 0, high: all });
        }
        units
    }

    pub fn sources(&self) -> Vec<&States> {
        self.tables.iter().map(|t| &t.states).collect()
    }

    /// The groups of a unit.
    pub fn block(&self, plan: &GroupPlan, unit: &MergeUnit) -> Result<GroupBlock> {
        let sources = self.sources();
        match &self.layout {
            MergedGroups::Windows(windows) if plan.firings => {
                let windows = &windows[unit.from..unit.to];
                let (entries, updates) = self.entries_of_firings(windows, unit);
                let fired = compose::firings(plan, &sources, entries, updates)?;
                let finished = Finished { values: fired.values, states: None };
                let mut block = self.shape(windows, &fired.groups, finished);
                block.firings = Some(fired.numbers);
                Ok(block)
            }
            MergedGroups::Windows(windows) if is_running(plan) => self.cumulative_block(plan, windows, unit),
            MergedGroups::Windows(windows) => {
                let windows = &windows[unit.from..unit.to];
                let mut rows = ComposedRows::new(sources.len());
                for (w, window) in (0u32..).zip(windows) {
                    self.rows_of_window(w, window, unit, &mut rows);
                }
                let finished = rows.finish(plan, &sources)?;
                Ok(self.shape(windows, &rows.groups, finished))
            }
            MergedGroups::Sessions(entries) => {
                let mut rows: ComposedRows<u32> = ComposedRows::new(sources.len());
                let mut spans = vec![];
                let entries = &entries[unit.from..unit.to];
                for session in entries.chunk_by(|a, b| a.0 == b.0) {
                    let (span, rank) = session[0].0;
                    // Each session has a number of its own: one key may have several.
                    let group = (spans.len() as u32, rank);
                    spans.push(span);
                    session.iter().for_each(|&(_, table, slot)| rows.add(&[(group, table, slot)]));
                }
                let Finished { values, states } = rows.finish(plan, &sources)?;
                let ranks = rows.groups.iter().map(|g| g.1).collect();
                Ok(GroupBlock { spans, keys: self.keys_of(ranks), values, states, firings: None })
            }
        }
    }

    fn shape(&self, windows: &[MergedWindow], groups: &[Group<u32>], finished: Finished) -> GroupBlock {
        let spans = groups.iter().map(|g| windows[g.0 as usize].span).collect();
        let ranks = groups.iter().map(|g| g.1).collect();
        let Finished { values, states } = finished;
        GroupBlock { spans, keys: self.keys_of(ranks), values, states, firings: None }
    }

    pub fn keys_of(&self, ranks: Vec<u32>) -> Vec<ArrayRef> {
        self.keys.take(ranks)
    }

    /// Adds the groups of window number `w`.
    fn rows_of_window(&self, w: u32, window: &MergedWindow, unit: &MergeUnit, rows: &mut ComposedRows<u32>) {
        let wanted = unit.low..unit.high;
        if window.panes.len() < 3 && window.panes.iter().all(|pane| self.pane(pane).is_array()) {
            return self.rows_of_arrays(w, window, wanted, rows);
        }
        let partials: usize = window.panes.iter().map(|p| self.pane(p).len()).sum();
        if window.panes.len() < 3 || partials < self.keys.count / 4 {
            // Each pane's groups come in order: a merge of a few sorted stretches.
            let mut entries = vec![];
            for pane in &window.panes {
                let (rank_of, code_of) = &self.keys.ranks[pane.table as usize];
                self.pane(pane).each_by_rank(rank_of, code_of, |rank, slot| {
                    if wanted.contains(&rank) {
                        entries.push(((w, rank), pane.table, slot));
                    }
                });
            }
            entries.sort();
            return rows.add(&entries);
        }
        // Many panes that hold most keys: counting takes less than sorting.
        let mut row_of = vec![u32::MAX; (unit.high - unit.low) as usize];
        let mut entries = Vec::with_capacity(partials);
        for pane in &window.panes {
            self.each_of_pane(pane, |rank, slot| {
                if wanted.contains(&rank) {
                    row_of[(rank - unit.low) as usize] = 0;
                    entries.push((rank - unit.low, pane.table, slot));
                }
            });
        }
        for (rank, row) in (unit.low..).zip(&mut row_of).filter(|(_, row)| **row == 0) {
            // Numbers are given by ascending rank, so the rows come out in the order of the keys.
            *row = rows.groups.len() as u32;
            rows.groups.push((w, rank));
        }
        for (rank, table, slot) in entries {
            rows.pairs[table as usize].push((row_of[rank as usize], slot));
        }
    }

    /// Adds the groups of window number `w`, whose panes are arrays: one look at each of them for each key.
    fn rows_of_arrays(
        &self,
        w: u32,
        window: &MergedWindow,
        wanted: std::ops::Range<u32>,
        rows: &mut ComposedRows<u32>,
    ) {
        let count = wanted.len();
        // A slot for each key, or [`NO_SLOT`].
        let slots = window.panes.iter().map(|at| {
            let codes = &self.keys.ranks[at.table as usize].1[wanted.start as usize..wanted.end as usize];
            let mut slots = Vec::with_capacity(count);
            self.pane(at).slots_of(codes, &mut slots);
            slots
        });
        let slots: Vec<Vec<u32>> = slots.collect();
        // Which keys a pane has is anybody's guess, so each row is written, and counts or is written over.
        let first_row = rows.groups.len() as u32;
        let mut is_group = vec![false; count];
        for slots in &slots {
            is_group.iter_mut().zip(slots).for_each(|(is_group, &slot)| *is_group |= slot != NO_SLOT);
        }
        let mut row_of = Vec::with_capacity(count);
        let mut row = first_row;
        for &is_group in &is_group {
            row_of.push(row);
            row += u32::from(is_group);
        }
        let with_group = wanted.zip(&is_group).map(|(rank, &is_group)| ((w, rank), is_group));
        append_some(&mut rows.groups, with_group);
        for (at, slots) in window.panes.iter().zip(&slots) {
            let pairs = row_of.iter().zip(slots).map(|(&row, &slot)| ((row, slot), slot != NO_SLOT));
            append_some(&mut rows.pairs[at.table as usize], pairs);
        }
    }

    /// Calls `f(rank, slot)` for each group of a pane, in any order.
    pub fn each_of_pane(&self, at: &PaneRef, mut f: impl FnMut(u32, u32)) {
        let rank_of = &self.keys.ranks[at.table as usize].0;
        self.pane(at).each(|key, slot| f(rank_of[key as usize], slot));
    }

    fn pane(&self, at: &PaneRef) -> PaneSlots<'_> {
        pane_of(&self.tables, at)
    }

    #[allow(clippy::type_complexity)]
    fn entries_of_firings(
        &self,
        windows: &[MergedWindow],
        unit: &MergeUnit,
    ) -> (Vec<(Group<u32>, u32, u32)>, Vec<Update<u32>>) {
        let (mut entries, mut updates) = (vec![], vec![]);
        let wanted = unit.low..unit.high;
        for (w, window) in (0u32..).zip(windows) {
            for at in &window.panes {
                if at.update {
                    let rank_of = &self.keys.ranks[at.table as usize].0;
                    for &(key, slot, arrived) in self.pane(at).events() {
                        let group = (w, rank_of[key as usize]);
                        updates.push(Update { group, arrived, source: at.table, slot });
                    }
                } else {
                    self.each_of_pane(at, |rank, slot| entries.push(((w, rank), at.table, slot)));
                }
            }
        }
        entries.retain(|e| wanted.contains(&e.0.1));
        updates.retain(|u| wanted.contains(&u.group.1));
        (entries, updates)
    }

    /// What the groups of a unit are at each delay.
    pub fn audit(
        &self,
        plan: &GroupPlan,
        unit: &MergeUnit,
        delays: usize,
        whole: bool,
    ) -> Result<AuditBlock> {
        let truth = if whole { Some(self.block(plan, unit)?) } else { None };
        let MergedGroups::Windows(windows) = &self.layout else {
            unreachable!("sessions are replayed per delay")
        };
        let windows = &windows[unit.from..unit.to];
        let wanted = unit.low..unit.high;
        let mut entries = vec![];
        let mut groups = 0;
        // The last window in which each key was seen, and in which it had late events.
        let mut seen_in = vec![u32::MAX; self.keys.count];
        let mut late_in = vec![u32::MAX; self.keys.count];
        for (w, window) in (0u32..).zip(windows) {
            let (mut behind, mut seen) = (false, 0);
            for at in &window.panes {
                behind |= at.stage > 0;
                self.each_of_pane(at, |rank, _| {
                    // A mark is the number of a window, so the marks need not be cleared between windows.
                    if wanted.contains(&rank) && seen_in[rank as usize] != w {
                        seen_in[rank as usize] = w;
                        seen += 1;
                    }
                });
            }
            groups += seen;
            // Most windows of long ago have late events, but of few keys: only these are looked at.
            if behind {
                self.affected(w, window, &wanted, &mut late_in, &mut entries);
            }
        }
        let DelayedGroups { groups: of, stages } = compose::stages(plan, &self.sources(), &entries, delays)?;
        let spans = of.iter().map(|g| windows[g.0 as usize].span).collect();
        let keys = self.keys_of(of.iter().map(|g| g.1).collect());
        // A window that is cut by ranks is told of once.
        let all = if unit.low == 0 { windows.iter().map(|w| w.span).collect() } else { vec![] };
        Ok(AuditBlock { windows: all, groups, truth, spans, keys, stages })
    }

    fn affected(
        &self,
        w: u32,
        window: &MergedWindow,
        wanted: &std::ops::Range<u32>,
        late_in: &mut [u32],
        entries: &mut Vec<(Group<u32>, u32, u32, u32)>,
    ) {
        for at in window.panes.iter().filter(|at| at.stage > 0) {
            self.each_of_pane(at, |rank, _| late_in[rank as usize] = w);
        }
        for at in &window.panes {
            // Also what came in time: at a delay a group has that, and what the delay lets in.
            self.each_of_pane(at, |rank, slot| {
                if late_in[rank as usize] == w && wanted.contains(&rank) {
                    entries.push(((w, rank), at.stage, at.table, slot));
                }
            });
        }
    }
}

/// Appends the values that count, without a branch.
fn append_some<T: Copy + Default>(out: &mut Vec<T>, values: impl ExactSizeIterator<Item = (T, bool)>) {
    let mut next = out.len();
    out.resize(next + values.len(), T::default());
    for (value, counts) in values {
        out[next] = value;
        next += usize::from(counts);
    }
    out.truncate(next);
}

fn pane_of<'a>(tables: &'a [GroupTable], at: &PaneRef) -> PaneSlots<'a> {
    match &tables[at.table as usize].fold {
        SlotLookup::Panes(panes) => panes.groups_of(at.pane),
        _ => unreachable!("windows are made of panes"),
    }
}

/// Whether windows are computed from the ones before: each cumulative window counts what those that
/// start with it and end earlier do.
fn is_running(plan: &GroupPlan) -> bool {
    matches!(plan.window, Window::Cumulative { .. }) && !plan.firings && !plan.audited
}

/// The windows of all panes, in order.
fn windows(plan: &GroupPlan, tables: &[GroupTable], key_count: usize) -> Vec<MergedWindow> {
    let mut assigner = Assigner::new(plan.window, plan.zone.clone());
    let mut spans = vec![];
    // The tree gives windows by (start, end), which is the order of the output.
    let mut found: BTreeMap<TimeRange, Vec<PaneRef>> = BTreeMap::new();
    for (table, t) in (0u32..).zip(tables) {
        let SlotLookup::Panes(panes) = &t.fold else { continue };
        for (pane, (id, held)) in (0u32..).zip(panes.groups()) {
            if held.len() == 0 {
                continue;
            }
            // All events of a slice lie in the same windows, so its start stands for them.
            assigner.windows(id.slice.start, &mut spans);
            for (i, (span, stage, update)) in counted(plan, &spans, id.class).enumerate() {
                let panes = found.entry(span).or_default();
                if i == 0 || !is_running(plan) {
                    panes.push(PaneRef { table, pane, stage, update });
                }
            }
        }
    }
    let size = |at: &PaneRef| pane_of(tables, at).len();
    let mut before: Option<(i64, usize)> = None;
    let mut bound = |span: &TimeRange, panes: &[PaneRef]| {
        let mut groups: usize = panes.iter().map(size).sum();
        if let Some((start, all)) = before
            && start == span.start
            && is_running(plan)
        {
            groups += all;
        }
        before = Some((span.start, groups));
        // With firings each late event is a group, so the number of keys does not bound them.
        if plan.firings { groups } else { groups.min(key_count) }
    };
    found.into_iter().map(|(span, panes)| MergedWindow { span, bound: bound(&span, &panes), panes }).collect()
}

/// Of the windows of a slice those that count its events of `class`, each with the delay from which on
/// it does, and whether it has fired before they came.
pub fn counted(
    plan: &GroupPlan,
    windows: &[TimeRange],
    class: u32,
) -> impl Iterator<Item = (TimeRange, u32, bool)> {
    let found: Vec<_> = match &plan.lateness {
        Some(lateness) if class > 0 => {
            let thresholds = Thresholds::new(lateness, plan.firings, windows);
            let delays = &lateness.delays;
            let of = |window: &TimeRange| {
                let late = |d: &&i64| thresholds.passed(lateness.late(window, **d), class);
                // Delays ascend, so the event is late at the first `stage` of them and counted at the others.
                let stage = delays.iter().filter(late).count();
                let update = plan.firings && thresholds.passed(lateness.fires(window, delays[0]), class);
                (*window, stage as u32, update)
            };
            // Without an audit what is late for a window is left out of it; an audit wants it for larger
            // delays.
            windows.iter().map(of).filter(|w| plan.audited || w.1 == 0).collect()
        }
        _ => windows.iter().map(|w| (*w, 0, false)).collect(),
    };
    found.into_iter()
}

/// The slots of all sessions in order of window and key.
fn sessions(
    plan: &GroupPlan,
    gap: i64,
    tables: &[GroupTable],
    ranks: &Ranks,
) -> Vec<((TimeRange, u32), u32, u32)> {
    let mut all: Vec<((TimeRange, u32), u32, u32)> = vec![];
    for ((t, table), (rank_of, _)) in (0u32..).zip(tables).zip(ranks) {
        let members = table.members();
        all.extend(members.iter().map(|m| ((m.span, rank_of[m.key as usize]), t, m.slot)));
    }
    if plan.lateness.is_none() {
        // Stretches of one session are joined: per key, those that are within the gap of one another.
        all.par_sort_unstable_by_key(|&((span, rank), ..)| (rank, span.start));
        let mut from = 0;
        while from < all.len() {
            let ((mut span, rank), ..) = all[from];
            let mut to = from + 1;
            // An event exactly one gap after the last one still joins, as in Flink.
            while to < all.len() && all[to].0.1 == rank && all[to].0.0.start <= span.end + gap {
                span.end = span.end.max(all[to].0.0.end);
                to += 1;
            }
            // A stretch ends at its last event, and a session one gap later.
            span.end += gap;
            all[from..to].iter_mut().for_each(|entry| entry.0.0 = span);
            from = to;
        }
    }
    all.par_sort_unstable();
    all
}

impl GroupTable {
    /// The slots of a table of sessions.
    pub(super) fn members(&self) -> Vec<SessionMember> {
        match &self.fold {
            SlotLookup::Fragments(fragments) => fragments.members(),
            SlotLookup::Live(sessions) => sessions.members(),
            SlotLookup::Panes(_) => vec![],
        }
    }
}
