//! The panes of one worker: the groups of each slice of time, those of late classes apart.

use super::lateness::{Behind, Judge};
use super::pane::{Arrived, NONE as NO_SLOT, Pane};
use super::plan::GroupPlan;
use crate::batch::{Moment, Position, StreamPlace};
use crate::time::TimeRange;
use crate::window::Assigner;
use hashbrown::HashMap;

/// What the groups of a pane have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaneId {
    /// The slice that the events lie in.
    pub slice: TimeRange,
    /// Their class of lateness, 0 where nothing is late.
    pub class: u32,
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
    pub(super) list: Vec<(PaneId, Pane)>,
    row_panes: Vec<u32>,
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
            row_panes: vec![],
            measured: (0, 0),
        }
    }

    /// Which rows came behind the watermark.
    pub fn judge(&mut self, time: &[i64], max_timestamp: &[i64], behind: &mut Behind) {
        if let Some(judge) = &mut self.judge {
            judge.judge(time, max_timestamp, behind);
        }
    }

    /// The slot of each row, in three passes. The first finds the panes; its branches are hard to
    /// predict where events come late, so it touches nothing that is far away. The second looks up
    /// slots that exist, without a branch on what it loads, so that many cache misses are under way
    /// at once (measured: a quarter of the time of one pass). The third makes new slots.
    pub fn find_slots(
        &mut self,
        rows: &Instants,
        classes: &[(u32, u32)],
        codes: &[u32],
        keys: usize,
        next: &mut u32,
        slots: &mut Vec<u32>,
    ) {
        // First as if all events were in time: those that came late are few, and get another pane below.
        self.find_panes(rows.time);
        for &(row, class) in classes {
            self.row_panes[row as usize] = self.pane_behind(rows.time[row as usize], class);
        }
        slots.clear();
        slots.extend(self.row_panes.iter().zip(codes).map(|(&p, &key)| self.list[p as usize].1.known(key)));
        for (row, slot) in slots.iter_mut().enumerate() {
            if *slot == NO_SLOT {
                let pane = &mut self.list[self.row_panes[row] as usize].1;
                *slot = match pane {
                    Pane::Log(_) => pane.log(codes[row], rows.arrived(row), next),
                    pane => pane.slot(codes[row], keys, next),
                };
            }
        }
    }

    fn find_panes(&mut self, time: &[i64]) {
        self.row_panes.clear();
        self.row_panes.reserve(time.len());
        // The slice of the row before: events come roughly in order, so most rows need not look for theirs.
        let mut current = (i64::MAX, i64::MIN, 0);
        for &instant in time {
            if instant < current.0 || instant >= current.1 {
                let slice = self.assigner.slice(instant);
                let next = self.list.len() as u32;
                let pane = *self.index.entry(slice.start).or_insert(next);
                if pane == next {
                    self.list.push((PaneId { slice, class: 0 }, Pane::new()));
                }
                current = (slice.start, slice.end, pane);
            }
            self.row_panes.push(current.2);
        }
    }

    fn pane_behind(&mut self, instant: i64, class: u32) -> u32 {
        let slice = self.assigner.slice(instant);
        let next = self.list.len() as u32;
        // Each class has a pane of its own: a window or a delay counts all of a class or nothing of it.
        let pane = *self.behind.entry((slice.start, class)).or_insert(next);
        if pane == next {
            // Every event behind the watermark generator fires its window again: each is a state of its own.
            let new = if self.firings { Pane::Log(vec![]) } else { Pane::new() };
            self.list.push((PaneId { slice, class }, new));
        }
        pane
    }

    /// Bytes of memory held, to within a few per cent. Asked after every batch, so what the panes take
    /// is counted anew only when there are a sixteenth more groups: there may be millions of panes.
    pub fn bytes(&mut self, slots: u32) -> usize {
        if self.measured.0 == 0 || slots > self.measured.0 + self.measured.0 / 16 + 1024 {
            self.measured = (slots, self.list.iter().map(|(_, pane)| pane.bytes()).sum());
        }
        self.measured.1 + self.index.capacity() * 17 + self.behind.capacity() * 25
    }
}
