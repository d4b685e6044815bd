//! The panes of one worker: the groups of each slice of time, those of late classes apart.

use super::lateness::{Behind, Judge};
use super::nearby::NearbyPanes;
use super::pane::{Arrived, NONE as NO_SLOT, Pane, PaneSlots, SlotRange, TouchedSlots};
use super::plan::GroupPlan;
use crate::batch::{Moment, Position, StreamPlace};
use crate::time::TimeRange;
use crate::window::Assigner;
use hashbrown::{HashMap, HashTable};
use std::hint::select_unpredictable;

/// More keys do not have slots in a range: what is not used of it would be too much.
const MOST_IN_RANGE: usize = 1 << 24;

/// What the groups of a pane have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaneId {
    /// The slice that the events lie in.
    pub slice: TimeRange,
    /// Their class of lateness, 0 where nothing is late.
    pub class: u32,
}

/// The key codes given so far, and about the bytes that the states of a slot take.
#[derive(Clone, Copy)]
pub struct KeySpace {
    pub count: usize,
    pub slot_bytes: usize,
}

/// The rows to fold: all of one length, but those that a plan does not need, which are empty.
pub struct Instants<'a> {
    pub time: &'a [i64],
    pub arrival: &'a [i64],
    pub positions: &'a [Position],
    pub places: &'a [StreamPlace],
}

impl Instants<'_> {
    /// Where a row stands in the order in which windows see rows.
    fn arrived(&self, row: usize) -> Arrived {
        let position = self.positions[row];
        let direct = || {
            // A log that does not tell the arrival has its order by position alone.
            let arrival = self.arrival.get(row).copied().unwrap_or(0);
            StreamPlace::direct(Moment::of(arrival, Moment::SOURCE, position))
        };
        (self.places.get(row).copied().unwrap_or_else(direct), position)
    }
}

/// Panes, and which slot each row goes to.
pub struct Panes {
    assigner: Assigner,
    judge: Option<Judge>,
    firings: bool,
    /// Start of the slice → index in `list`, of class 0.
    index: HashMap<i64, u32, foldhash::fast::FixedState>,
    /// The same of other classes.
    behind: HashMap<(i64, u32), u32, foldhash::fast::FixedState>,
    list: Vec<(PaneId, Pane)>,
    /// Of each pane the range of its slots, which has no room where it is no [`Pane::Range`].
    ranges: Vec<SlotRange>,
    touched: TouchedSlots,
    /// The two newest panes of class 0, the older one first.
    newest: [Option<u32>; 2],
    nearby: NearbyPanes,
    row_panes: Vec<u32>,
    /// Room for the rows whose slots are not in a range.
    outside: Vec<u32>,
    /// The number of slots when the bytes of the panes were last counted, and those bytes.
    measured: (u32, usize),
}

impl Panes {
    pub fn new(plan: &GroupPlan) -> Panes {
        let assigner = Assigner::new(plan.window, plan.zone.clone());
        let judge = plan
            .lateness
            .as_ref()
            .map(|l| Judge::new(l.clone(), plan.firings, plan.window.has_gaps(), assigner.clone()));
        Panes {
            assigner,
            judge,
            firings: plan.firings,
            index: HashMap::default(),
            behind: HashMap::default(),
            list: vec![],
            ranges: vec![],
            touched: TouchedSlots::new(),
            newest: [None; 2],
            nearby: NearbyPanes::new(),
            row_panes: vec![],
            outside: vec![],
            measured: (0, 0),
        }
    }

    /// Which rows came behind the watermark.
    pub fn judge(&mut self, time: &[i64], max_timestamp: &[i64], behind: &mut Behind) {
        if let Some(judge) = &mut self.judge {
            judge.judge(time, max_timestamp, behind);
        }
    }

    /// The panes, with what they have in common.
    pub(super) fn groups(&self) -> impl Iterator<Item = (PaneId, PaneSlots<'_>)> {
        (0..self.list.len() as u32).map(|pane| (self.list[pane as usize].0, self.groups_of(pane)))
    }

    /// The groups of a pane.
    pub(super) fn groups_of(&self, pane: u32) -> PaneSlots<'_> {
        PaneSlots { pane: &self.list[pane as usize].1, touched: &self.touched }
    }

    /// The slot of each row, in passes of which each does one thing: what is guessed wrong in one loop makes all that was begun
    /// behind it wait. The first finds the panes, the second the slots in ranges, without a branch; the third looks up slots that
    /// exist elsewhere, many cache misses at once, and the last one makes new slots.
    pub fn find_slots(
        &mut self,
        rows: &Instants,
        classes: &[(u32, u32)],
        codes: &[u32],
        keys: KeySpace,
        next: &mut u32,
        slots: &mut Vec<u32>,
    ) {
        // First as if all events were in time: those that came late are few, and get another pane below.
        self.find_panes(rows.time, keys, next);
        for &(row, class) in classes {
            self.row_panes[row as usize] = self.pane_behind(rows.time[row as usize], class);
        }
        slots.clear();
        if self.outside.len() < codes.len() {
            self.outside.resize(codes.len(), 0);
        }
        let mut outside = 0;
        let Panes { list, ranges, touched, row_panes, outside: outside_rows, .. } = self;
        slots.extend((0u32..).zip(row_panes.iter()).zip(codes).map(|((row, &pane), &key)| {
            let range = ranges[pane as usize];
            let inside = key < range.room;
            // Of a row outside of a range nothing is marked, and its number stays.
            let slot = select_unpredictable(inside, range.first.wrapping_add(key), 0);
            touched.mark(slot, inside);
            outside_rows[outside] = row;
            outside += usize::from(!inside);
            slot
        }));
        let outside_rows = &outside_rows[..outside];
        for row in outside_rows.iter().map(|&row| row as usize) {
            slots[row] = list[row_panes[row] as usize].1.known(codes[row]);
        }
        for row in outside_rows.iter().map(|&row| row as usize) {
            if slots[row] == NO_SLOT {
                slots[row] = match &mut list[row_panes[row] as usize].1 {
                    held @ Pane::Log(_) => held.log(codes[row], rows.arrived(row), next),
                    held => held.slot(codes[row], keys.count, next),
                };
            }
        }
    }

    fn find_panes(&mut self, time: &[i64], keys: KeySpace, next_slot: &mut u32) {
        let mut row_panes = std::mem::take(&mut self.row_panes);
        row_panes.clear();
        row_panes.extend(time.iter().map(|&instant| match self.nearby.get(instant) {
            NO_SLOT => self.find_pane(instant, keys, next_slot),
            pane => pane,
        }));
        self.row_panes = row_panes;
    }

    fn find_pane(&mut self, instant: i64, keys: KeySpace, next_slot: &mut u32) -> u32 {
        let slice = self.assigner.slice(instant);
        let next = self.list.len() as u32;
        let pane = *self.index.entry(slice.start).or_insert(next);
        if pane == next {
            let range = self.expected(keys, *next_slot);
            *next_slot += range.room;
            self.touched.reserve(*next_slot);
            self.push(PaneId { slice, class: 0 }, range);
            self.newest = [self.newest[1], Some(next)];
        }
        self.nearby.put(instant, slice, pane);
        pane
    }

    /// The slots of a new pane: one for each key, where that takes at most twice the memory that its groups would take
    /// otherwise, if it gets as many as the pane before the last one (of the last one there may be more to come).
    fn expected(&self, keys: KeySpace, first: u32) -> SlotRange {
        let KeySpace { count, slot_bytes } = keys;
        let groups = self.newest[0].map_or(0, |pane| self.groups_of(pane).len());
        let otherwise = (groups * (16 + slot_bytes)).min(count * 4 + groups * slot_bytes);
        if groups == 0 || count * slot_bytes > 2 * otherwise || count > MOST_IN_RANGE || first > u32::MAX / 2
        {
            return SlotRange::default();
        }
        // With a little room, as keys that are found later are looked up in a table.
        SlotRange { first, room: (count + count / 32 + 4) as u32 }
    }

    fn push(&mut self, id: PaneId, range: SlotRange) {
        self.list.push((id, if range.room > 0 { Pane::Range(range, HashTable::new()) } else { Pane::new() }));
        self.ranges.push(range);
    }

    fn pane_behind(&mut self, instant: i64, class: u32) -> u32 {
        let slice = self.assigner.slice(instant);
        let next = self.list.len() as u32;
        // Each class has a pane of its own: a window or a delay counts all of a class or nothing of it.
        let pane = *self.behind.entry((slice.start, class)).or_insert(next);
        if pane == next {
            // Every event behind the watermark generator fires its window again: each is a state of its own.
            self.push(PaneId { slice, class }, SlotRange::default());
            if self.firings {
                self.list[pane as usize].1 = Pane::Log(vec![]);
            }
        }
        pane
    }

    /// Bytes of memory held, to within a few per cent. Asked after every batch, so what the panes take
    /// is counted anew only when there are a sixteenth more groups: there may be millions of panes.
    pub fn bytes(&mut self, slots: u32) -> usize {
        if self.measured.0 == 0 || slots > self.measured.0 + self.measured.0 / 16 + 1024 {
            self.measured = (slots, self.list.iter().map(|(_, pane)| pane.bytes()).sum());
        }
        let of_list = self.list.capacity() * size_of::<(PaneId, Pane)>()
            + self.ranges.capacity() * size_of::<SlotRange>();
        self.measured.1
            + of_list
            + self.touched.bytes()
            + self.index.capacity() * 17
            + self.behind.capacity() * 25
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Duration, MINUTE, Zone};
    use crate::window::{Offset, Window};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn plan() -> GroupPlan {
        GroupPlan {
            window: Window::Tumbling { size: Duration::Length(MINUTE), offset: Offset::default() },
            zone: Zone::utc(),
            keys: vec![],
            aggregates: vec![],
            whole_windows: false,
            lateness: None,
            firings: false,
            audited: false,
            keep_states: false,
        }
    }

    proptest! {
        /// Each (slice, key) has one slot of its own, whether its pane is a table, an array or a range.
        #[test]
        fn slots_are_those_of_a_map(
            slot_bytes in prop::sample::select(vec![0usize, 1, 8, 64]),
            keys in 1..200u32,
            rows in prop::collection::vec((0..10_000u32, 0..40u32, 0..4u32), 0..3000),
            batch in 1..400usize,
        ) {
            let (mut panes, mut next) = (Panes::new(&plan()), 0);
            let mut known: BTreeMap<(i64, u32), u32> = BTreeMap::new();
            let mut codes: BTreeMap<u32, u32> = BTreeMap::new();
            let mut ranges = 0;
            for (number, rows) in rows.chunks(batch).enumerate() {
                // Time goes on; one event of forty comes late. New keys are found all the time.
                let time = |late: u32| match late { 0 => 0, _ => (number as i64 + i64::from(late % 2)) * MINUTE };
                let time: Vec<i64> = rows.iter().map(|&(_, late, _)| time(late)).collect();
                let most = keys.min(20 + 10 * number as u32);
                let code = |key: u32| {
                    let new = codes.len() as u32;
                    *codes.entry(key % most).or_insert(new)
                };
                let of_rows: Vec<u32> = rows.iter().map(|row| row.0).map(code).collect();
                let space = KeySpace { count: codes.len(), slot_bytes };
                let (instants, mut slots) = (Instants { time: &time, arrival: &[], positions: &[], places: &[] }, vec![]);
                panes.find_slots(&instants, &[], &of_rows, space, &mut next, &mut slots);
                for ((time, code), slot) in time.into_iter().zip(of_rows).zip(slots) {
                    prop_assert!(slot < next);
                    prop_assert_eq!(*known.entry((time, code)).or_insert(slot), slot);
                }
            }
            prop_assert_eq!(known.values().collect::<BTreeSet<_>>().len(), known.len(), "no slot has two keys");
            let mut found = BTreeMap::new();
            // The ranks of keys are their codes, from the other end.
            let ranks: Vec<u32> = (0..codes.len() as u32).rev().collect();
            for (id, groups) in panes.groups() {
                ranges += usize::from(matches!(groups.pane, Pane::Range(..)));
                let mut of_pane = vec![];
                groups.each(|key, slot| of_pane.push((key, slot)));
                prop_assert_eq!(groups.len(), of_pane.len());
                let mut by_rank = vec![];
                groups.each_by_rank(&ranks, &ranks, |rank, slot| by_rank.push((ranks[rank as usize], slot)));
                of_pane.sort_by_key(|group| std::cmp::Reverse(group.0));
                prop_assert_eq!(&by_rank, &of_pane);
                if groups.is_array() {
                    for key in (0..codes.len() as u32).chain([u32::MAX]) {
                        let slot = known.get(&(id.slice.start, key)).copied().unwrap_or(NO_SLOT);
                        prop_assert_eq!(groups.slot_of(key), slot);
                    }
                }
                found.extend(of_pane.into_iter().map(|(key, slot)| ((id.slice.start, key), slot)));
            }
            prop_assert_eq!(found, known);
            // Long logs of states that are not large do have ranges.
            if slot_bytes <= 8 && rows.len() > 2500 && batch > 200 && keys > 50 {
                prop_assert!(ranges > 0);
            }
        }
    }
}
