//! Events that wait at a step at an instant, as `inspect` shows them.

use crate::batch::{Batch, ColumnId};
use crate::plan::StepId;
use arrow_array::{ArrayRef, BooleanArray, UInt32Array};
use arrow_select::filter::filter;
use arrow_select::take::take;

/// Some events that wait at a step.
#[derive(Debug)]
pub struct WaitingEvents {
    pub step: StepId,
    /// The columns by which the events look into the table, and their values.
    pub columns: Vec<ColumnId>,
    pub keys: Vec<ArrayRef>,
    /// Event times.
    pub times: Vec<i64>,
    /// Their numbers among the rows of their worker; none where no step before asks for them.
    numbers: Vec<u64>,
    /// What the watermark has to pass; none where the event waits for the end.
    pub until: Vec<Option<i64>>,
}

impl WaitingEvents {
    /// The rows `rows` of a batch, which wait at `step` for what they find by `columns`.
    pub fn new(step: StepId, columns: &[ColumnId], batch: &Batch, rows: &[u32]) -> WaitingEvents {
        let indices = UInt32Array::from(rows.to_vec());
        let key = |c: &ColumnId| take(&batch.columns[*c], &indices, None).expect("rows of the batch");
        let until = rows.iter().map(|&row| batch.places[row as usize].timer);
        WaitingEvents {
            step,
            columns: columns.to_vec(),
            keys: columns.iter().map(key).collect(),
            times: rows.iter().map(|&row| batch.time[row as usize]).collect(),
            numbers: rows.iter().filter_map(|&row| batch.numbers.get(row as usize).copied()).collect(),
            until: until.map(|timer| (timer != i64::MAX).then_some(timer)).collect(),
        }
    }

    /// Drops the events that turn out to be duplicates, by their numbers.
    pub fn without(&mut self, is_dropped: impl Fn(u64) -> bool) {
        let keep: Vec<bool> = self.numbers.iter().map(|&number| !is_dropped(number)).collect();
        if !keep.contains(&false) {
            return;
        }
        let mask = BooleanArray::from(keep.clone());
        for column in &mut self.keys {
            *column = filter(column, &mask).expect("a mask as long");
        }
        let mut at = keep.iter();
        self.times.retain(|_| at.next() == Some(&true));
        let mut at = keep.iter();
        self.until.retain(|_| at.next() == Some(&true));
        self.numbers.clear();
    }
}
