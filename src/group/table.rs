//! The groups of one output that one worker folds.

use super::keys::KeyCodes;
use super::pane::{NONE as NO_SLOT, Pane};
use crate::aggregate::{Accumulator, Aggregate, Rows};
use crate::batch::{Batch, DataType};
use crate::error::{Error, Result};
use crate::time::Zone;
use crate::window::{Assigner, Window, WindowSpan};
use arrow_array::ArrayRef;
use hashbrown::HashMap;
use std::sync::Arc;

/// What is grouped: window, keys and aggregates, by the indices of their columns in the batch.
#[derive(Debug, Clone)]
pub struct GroupPlan {
    /// The window.
    pub window: Window,
    /// The zone of calendar windows.
    pub zone: Zone,
    /// Key columns and their types.
    pub keys: Vec<(usize, DataType)>,
    /// Aggregates, each with the columns of its arguments.
    pub aggregates: Vec<(Aggregate, Vec<usize>)>,
    /// Whether a window must come out in one block (for `top`).
    pub whole_windows: bool,
    /// What of the events a live job would have dropped; `None` counts every event.
    pub lateness: Option<Lateness>,
    /// Whether each firing of a window is a group of its own, and not only the last; wants `lateness`.
    pub firings: bool,
}

/// When an event is late for a window: when the window's end + `allowed` + delay ≤ the greatest event
/// time that came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lateness {
    /// The allowed lateness, microseconds.
    pub allowed: i64,
    /// The delay of the watermark (`out_of_orderness`), microseconds; an audit asks for several, and
    /// they ascend.
    pub delays: Vec<i64>,
}

/// Partial aggregates of one worker.
pub struct GroupTable {
    pub(super) plan: Arc<GroupPlan>,
    assigner: Assigner,
    pub(super) keys: KeyCodes,
    /// Window start → index in `panes`.
    index: HashMap<i64, u32, foldhash::fast::FixedState>,
    pub(super) panes: Vec<(WindowSpan, Pane)>,
    pub(super) slots: u32,
    pub(super) states: Vec<Box<dyn Accumulator>>,
    codes: Vec<u32>,
    row_panes: Vec<u32>,
    row_slots: Vec<u32>,
    /// The number of slots when the bytes of the panes were last counted, and those bytes.
    measured: (u32, usize),
}

impl GroupTable {
    /// An empty table.
    pub fn new(plan: Arc<GroupPlan>) -> GroupTable {
        let types: Vec<DataType> = plan.keys.iter().map(|k| k.1).collect();
        GroupTable {
            assigner: Assigner::new(plan.window, plan.zone.clone()),
            keys: KeyCodes::new(&types),
            index: HashMap::default(),
            panes: vec![],
            slots: 0,
            states: plan.aggregates.iter().map(|(a, _)| a.accumulator()).collect(),
            codes: vec![],
            row_panes: vec![],
            row_slots: vec![],
            measured: (0, 0),
            plan,
        }
    }

    /// Folds every row of `batch` into its group.
    ///
    /// # Errors
    /// A data error on overflow; a machine error past 2^32 − 1 groups in one worker.
    pub fn update(&mut self, batch: &Batch) -> Result<()> {
        let plan = self.plan.clone();
        let keys: Vec<&ArrayRef> = plan.keys.iter().map(|&(c, _)| &batch.columns[c]).collect();
        self.keys.encode(&keys, batch.rows, &mut self.codes);
        if u64::from(self.slots) + batch.rows as u64 >= u64::from(u32::MAX) {
            return Err(Error::machine("more than 4 billion groups").hint("use --memory to spill earlier"));
        }
        self.find_slots(&batch.time);
        for (state, (_, columns)) in self.states.iter_mut().zip(&plan.aggregates) {
            state.resize(self.slots as usize);
            let args: Vec<ArrayRef> = columns.iter().map(|&c| batch.columns[c].clone()).collect();
            let rows = Rows { args: &args, time: &batch.time, positions: &batch.positions };
            state.update(&self.row_slots, &rows)?;
        }
        Ok(())
    }

    /// The slot of each row, in three passes. The first finds the panes; its branches are hard to
    /// predict where events come late, so it touches nothing that is far away. The second looks up
    /// slots that exist, without a branch on what it loads, so that many cache misses are under way
    /// at once (measured: a quarter of the time of one pass). The third makes new slots.
    fn find_slots(&mut self, time: &[i64]) {
        self.find_panes(time);
        let slots = &mut self.row_slots;
        slots.clear();
        slots.extend(
            self.row_panes.iter().zip(&self.codes).map(|(&p, &key)| self.panes[p as usize].1.known(key)),
        );
        let keys = self.keys.count();
        for (row, slot) in slots.iter_mut().enumerate() {
            if *slot == NO_SLOT {
                let pane = &mut self.panes[self.row_panes[row] as usize].1;
                *slot = pane.slot(self.codes[row], keys, &mut self.slots);
            }
        }
    }

    fn find_panes(&mut self, time: &[i64]) {
        self.row_panes.clear();
        self.row_panes.reserve(time.len());
        let mut current = (i64::MAX, i64::MIN, 0);
        for &instant in time {
            if instant < current.0 || instant >= current.1 {
                let span = self.assigner.slice(instant);
                let next = self.panes.len() as u32;
                let pane = *self.index.entry(span.start).or_insert(next);
                if pane == next {
                    self.panes.push((span, Pane::new()));
                }
                current = (span.start, span.end, pane);
            }
            self.row_panes.push(current.2);
        }
    }

    /// Whether nothing was folded yet.
    pub fn is_empty(&self) -> bool {
        self.slots == 0
    }

    /// Bytes of memory held, to within a few per cent. Asked after every batch, so what the panes take
    /// is counted anew only when there are a sixteenth more groups: there may be millions of panes.
    pub fn bytes(&mut self) -> usize {
        if self.measured.0 == 0 || self.slots > self.measured.0 + self.measured.0 / 16 + 1024 {
            self.measured = (self.slots, self.panes.iter().map(|(_, pane)| pane.bytes()).sum());
        }
        let states: usize = self.states.iter().map(|state| state.bytes()).sum();
        self.measured.1 + states + self.keys.bytes() + self.index.capacity() * 17
    }
}
