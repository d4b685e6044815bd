//! The groups of one output that one worker folds.

use super::keys::KeyCodes;
use super::lateness::Behind;
use super::panes::{Instants, KeySpace, Panes};
use super::plan::GroupPlan;
use super::session::{Fragments, LiveSessions, NONE as NO_SESSION};
use crate::aggregate::{Accumulator, Rows};
use crate::batch::{Batch, ColumnId, DataType};
use crate::error::{Error, Result};
use crate::window::Window;
use arrow_array::ArrayRef;
use std::sync::Arc;

/// Partial aggregates of one worker.
pub struct GroupTable {
    pub(super) plan: Arc<GroupPlan>,
    pub(super) keys: KeyCodes,
    pub(super) fold: SlotLookup,
    pub(super) slots: u32,
    pub(super) states: Vec<Box<dyn Accumulator>>,
    codes: Vec<u32>,
    row_slots: Vec<u32>,
    behind: Behind,
}

/// How rows find their slots.
pub enum SlotLookup {
    /// By slice of time and key.
    Panes(Box<Panes>),
    /// By key and nearness in time, in any order.
    Fragments(Fragments),
    /// The same in arrival order, as a live job does.
    Live(LiveSessions),
}

/// Rows of a batch that a table did not count, by their number in it, ascending.
#[derive(Debug, Default)]
pub struct NotCounted {
    /// Late for every window that they fall in.
    pub late: Vec<u32>,
    /// In no window, of those that came behind the watermark.
    pub outside: Vec<u32>,
    /// Of a plan that is audited: for each row that is late for every window at a delay of 0, the
    /// greatest delay at which it is so.
    pub needs: Vec<i64>,
}

impl GroupTable {
    /// An empty table.
    pub fn new(plan: Arc<GroupPlan>) -> GroupTable {
        let types: Vec<DataType> = plan.keys.iter().map(|k| k.1).collect();
        GroupTable {
            keys: KeyCodes::new(&types),
            fold: match (plan.window, &plan.lateness) {
                (Window::Session { gap }, None) => SlotLookup::Fragments(Fragments::new(gap)),
                (Window::Session { gap }, Some(lateness)) => {
                    SlotLookup::Live(LiveSessions::new(gap, lateness))
                }
                _ => SlotLookup::Panes(Box::new(Panes::new(&plan))),
            },
            slots: 0,
            states: plan.aggregates.iter().map(|(a, _)| a.accumulator()).collect(),
            codes: vec![],
            row_slots: vec![],
            behind: Behind::default(),
            plan,
        }
    }

    /// Folds every row of `batch` into its groups, but those that are late. A table of live sessions
    /// takes batches in arrival order, others in any.
    ///
    /// # Errors
    /// A data error on overflow; a machine error past 2^32 − 1 groups in one worker.
    pub fn update(&mut self, batch: &Batch) -> Result<NotCounted> {
        // Slots are 32-bit numbers, and the largest stands for a row without a slot.
        if u64::from(self.slots) + batch.rows as u64 >= u64::from(u32::MAX) {
            return Err(Error::machine("more than 4 billion groups").hint("use --memory to spill earlier"));
        }
        let plan = self.plan.clone();
        // Whether an event is late for a session depends on what it joins, so it cannot be judged before.
        if matches!(self.fold, SlotLookup::Live(_)) {
            return self.update_live(&plan, batch);
        }
        let mut behind = std::mem::take(&mut self.behind);
        if let SlotLookup::Panes(panes) = &mut self.fold {
            panes.judge(&batch.time, &batch.max_timestamp, &mut behind);
        }
        let mut dropped =
            NotCounted { outside: std::mem::take(&mut behind.outside), ..NotCounted::default() };
        // An audit keeps late events, apart by class: a larger delay would have counted them.
        if !plan.audited && !behind.late.is_empty() {
            dropped.late = std::mem::take(&mut behind.late);
            let rows = counted_rows(&plan, batch, &dropped.late);
            // Classes name rows by their number in the batch, which changes with the rows that are left out.
            renumber(&mut behind.classes, &dropped.late);
            self.fold_rows(&plan, &rows, &behind.classes)?;
        } else {
            dropped.needs = std::mem::take(&mut behind.needs);
            self.fold_rows(&plan, batch, &behind.classes)?;
        }
        self.behind = behind;
        Ok(dropped)
    }

    fn fold_rows(&mut self, plan: &GroupPlan, batch: &Batch, classes: &[(u32, u32)]) -> Result<()> {
        let keys: Vec<&ArrayRef> = plan.keys.iter().map(|&(c, _)| &batch.columns[c]).collect();
        self.keys.encode(&keys, batch.rows, &mut self.codes);
        let count = self.keys.count();
        match &mut self.fold {
            SlotLookup::Panes(panes) => {
                let rows = Instants {
                    time: &batch.time,
                    arrival: &batch.arrival,
                    positions: &batch.positions,
                    places: &batch.places,
                };
                let states: usize = self.states.iter().map(|state| state.bytes()).sum();
                let keys = KeySpace { count, slot_bytes: states.div_ceil(self.slots.max(1) as usize) };
                let (next, slots) = (&mut self.slots, &mut self.row_slots);
                panes.find_slots(&rows, classes, &self.codes, keys, next, slots);
            }
            SlotLookup::Fragments(fragments) => {
                fragments.find_slots(&batch.time, &self.codes, count, &mut self.row_slots);
                self.slots = fragments.slots();
            }
            SlotLookup::Live(_) => unreachable!("live sessions find their slots before rows are left out"),
        }
        self.update_states(plan, batch)
    }

    fn update_live(&mut self, plan: &GroupPlan, batch: &Batch) -> Result<NotCounted> {
        let SlotLookup::Live(sessions) = &mut self.fold else { unreachable!("a table of live sessions") };
        let keys: Vec<&ArrayRef> = plan.keys.iter().map(|&(c, _)| &batch.columns[c]).collect();
        self.keys.encode(&keys, batch.rows, &mut self.codes);
        let (count, slots) = (self.keys.count(), &mut self.row_slots);
        sessions.find_slots(&batch.time, &batch.max_timestamp, &self.codes, count, slots);
        self.slots = sessions.slots();
        let late: Vec<u32> =
            (0u32..).zip(&*slots).filter(|(_, slot)| **slot == NO_SESSION).map(|(row, _)| row).collect();
        if late.is_empty() {
            self.update_states(plan, batch)?;
        } else {
            slots.retain(|slot| *slot != NO_SESSION);
            self.update_states(plan, &counted_rows(plan, batch, &late))?;
        }
        Ok(NotCounted { late, ..NotCounted::default() })
    }

    fn update_states(&mut self, plan: &GroupPlan, batch: &Batch) -> Result<()> {
        for (state, (_, columns)) in self.states.iter_mut().zip(&plan.aggregates) {
            state.resize(self.slots as usize);
            let args: Vec<ArrayRef> = columns.iter().map(|&c| batch.columns[c].clone()).collect();
            let rows = Rows { args: &args, time: &batch.time, positions: &batch.positions };
            state.update(&self.row_slots, &rows)?;
        }
        Ok(())
    }

    /// Whether nothing was folded yet.
    pub fn is_empty(&self) -> bool {
        self.slots == 0
    }

    /// Bytes of memory held, to within a few per cent.
    pub fn bytes(&mut self) -> usize {
        let states: usize = self.states.iter().map(|state| state.bytes()).sum();
        let fold = match &mut self.fold {
            SlotLookup::Panes(panes) => panes.bytes(self.slots),
            SlotLookup::Fragments(fragments) => fragments.bytes(),
            SlotLookup::Live(sessions) => sessions.bytes(),
        };
        fold + states + self.keys.bytes()
    }
}

/// The rows of `batch` without those in `late`; columns that the plan does not read stay as they are.
fn counted_rows(plan: &GroupPlan, batch: &Batch, late: &[u32]) -> Batch {
    let mut keep = arrow_buffer::BooleanBufferBuilder::new(batch.rows);
    keep.append_n(batch.rows, true);
    late.iter().for_each(|&row| keep.set_bit(row as usize, false));
    let keep = arrow_array::BooleanArray::new(keep.finish(), None);
    let read = |c: ColumnId| {
        plan.keys.iter().any(|k| k.0 == c) || plan.aggregates.iter().any(|(_, args)| args.contains(&c))
    };
    // A column that is not read need not be filtered: an array of NULLs keeps its place without any memory.
    let empty = || -> ArrayRef { std::sync::Arc::new(arrow_array::NullArray::new(batch.rows)) };
    let ids = ColumnId::first(batch.columns.len());
    let columns = ids.zip(&batch.columns).map(|(c, a)| if read(c) { a.clone() } else { empty() }).collect();
    Batch { columns, ..batch.clone() }.filter(&keep)
}

/// Gives rows the numbers that they have without those in `late`, which are left out.
fn renumber(rows: &mut Vec<(u32, u32)>, late: &[u32]) {
    let mut before = 0;
    rows.retain_mut(|(row, _)| {
        // Both lists ascend, so one walk over them is enough.
        while before < late.len() && late[before] < *row {
            before += 1;
        }
        let stays = late.get(before) != Some(row);
        *row -= before as u32;
        stays
    });
}
