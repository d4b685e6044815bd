//! Rows that have come through all steps: folded into groups, kept for outputs, found late.

use super::late::LateStore;
use super::stages::numbers;
use super::worker::{Folding, Shared, Worker};
use crate::batch::Batch;
use crate::error::Result;
use crate::group::{GroupPlan, NotCounted};
use crate::rows::RowStore;
use crate::window::Window;
use std::sync::atomic::Ordering;

impl Shared<'_> {
    /// Folds rows that have come through all steps.
    pub fn fold(&self, worker: &mut Worker, mut batch: Batch) -> Result<()> {
        let tally = &mut worker.tally;
        tally.counted += batch.rows as u64;
        // Of rows that are not settled those that come again do not count.
        if !self.settles_rows() {
            let first_and_last = batch.time.iter().min().zip(batch.time.iter().max());
            tally.see(first_and_last.map(|(first, last)| (*first, *last)));
        }
        let mut lateness = LateRows::default();
        for (g, (folding, (plan, _))) in worker.folds.iter_mut().zip(&self.groups).enumerate() {
            match folding {
                Folding::Table(table) => {
                    let dropped = table.update(&batch)?;
                    if let Some(observed) = &mut worker.observed {
                        observed.grouping(g, &batch, &dropped.needs);
                        continue;
                    }
                    if plan.lateness.is_some() {
                        lateness.not_counted(&dropped);
                    }
                }
                Folding::Replay(store) => {
                    store.push(&batch)?;
                    if let Some(observed) = &mut worker.observed {
                        observed.sessions(g, &batch);
                        continue;
                    }
                    lateness.maybe(plan, &batch);
                }
                Folding::Skipped => {}
            }
        }
        if self.settles_rows() {
            batch.columns.push(numbers(&batch.numbers));
        }
        worker.stores.iter_mut().try_for_each(|store| store.push(&batch))?;
        let (late, decided) = lateness.finish();
        if decided {
            worker.tally.turn_late(late.len() as u64);
        } else {
            worker.undecided.extend(late.iter().map(|&row| batch.positions[row as usize]));
        }
        if let Some(store) = &mut worker.late {
            store.push(&batch, &late)?;
        }
        Ok(())
    }

    /// Spills what is largest when this worker's share of the budget is used up.
    pub fn keep_budget(&self, worker: &mut Worker) -> Result<()> {
        let share = self.share;
        let kept = worker.stores.iter().chain(&worker.archives);
        let (mut groups, mut rows) = (0, kept.map(RowStore::bytes).sum::<usize>());
        for folding in &mut worker.folds {
            match folding {
                Folding::Table(table) => groups += table.bytes(),
                Folding::Replay(store) => rows += store.bytes(),
                Folding::Skipped => {}
            }
        }
        rows += worker.late.as_ref().map_or(0, LateStore::bytes) + worker.notes.bytes();
        if groups + rows <= share {
            return Ok(());
        }
        self.spilled.store(true, Ordering::Relaxed);
        if rows > share / 2 {
            worker.stores.iter_mut().chain(&mut worker.archives).try_for_each(RowStore::spill)?;
            worker.late.iter_mut().try_for_each(LateStore::spill)?;
            worker.notes.spill()?;
        }
        for (folding, (_, space)) in worker.folds.iter_mut().zip(&self.groups) {
            match folding {
                Folding::Table(table) if groups > share / 2 => space.spill(table)?,
                Folding::Replay(store) if rows > share / 2 => store.spill()?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Which rows of a batch are late: for every window of the streamed outputs that they fall in, and for
/// one at least.
#[derive(Default)]
struct LateRows {
    /// Rows that no grouping so far has counted, ascending, and whether one was late for them.
    rows: Option<Vec<(u32, bool)>>,
    undecided: bool,
}

impl LateRows {
    fn not_counted(&mut self, dropped: &NotCounted) {
        let late = dropped.late.iter().map(|&row| (row, true));
        let mut rows: Vec<(u32, bool)> =
            late.chain(dropped.outside.iter().map(|&row| (row, false))).collect();
        rows.sort_unstable();
        self.also(rows);
    }

    /// Rows that are late for a session of their own, and are so if they join no other.
    fn maybe(&mut self, plan: &GroupPlan, batch: &Batch) {
        let (Window::Session { gap }, Some(lateness)) = (plan.window, &plan.lateness) else { return };
        let kept = gap.saturating_add(lateness.allowed).saturating_add(lateness.delays[0]);
        let times = batch.time.iter().zip(&batch.reached);
        let rows = (0u32..).zip(times).filter(|(_, (time, reached))| time.saturating_add(kept) <= **reached);
        self.also(rows.map(|(row, _)| (row, true)).collect());
        self.undecided = true;
    }

    fn also(&mut self, rows: Vec<(u32, bool)>) {
        let Some(before) = self.rows.take() else {
            self.rows = Some(rows);
            return;
        };
        let mut both = vec![];
        let mut others = rows.into_iter().peekable();
        for (row, late) in before {
            while others.next_if(|other| other.0 < row).is_some() {}
            if let Some((_, also)) = others.next_if(|other| other.0 == row) {
                both.push((row, late || also));
            }
        }
        self.rows = Some(both);
    }

    /// The rows, and whether that is the last word on them.
    fn finish(self) -> (Vec<u32>, bool) {
        let rows = self.rows.unwrap_or_default();
        (rows.into_iter().filter(|(_, late)| *late).map(|(row, _)| row).collect(), !self.undecided)
    }
}
