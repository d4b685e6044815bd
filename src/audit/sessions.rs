//! Sessions at several delays: replayed once for each, and once with every event counted.

use super::compare::{AuditedColumn, AuditedRows, RowPair, Wrong, kept};
use crate::batch::Batch;
use crate::deliver::shape::output_rows;
use crate::engine::replay::{StoredRows, stored_plan};
use crate::error::Result;
use crate::group::{GroupBlock, GroupPlan, GroupTable, Lateness, Merged, SpillSpace, key_rows};
use crate::plan::{Grouping, Post};
use crate::time::TimeRange;
use arrow_array::{ArrayRef, TimestampMicrosecondArray};
use arrow_select::concat::concat;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// An output of the sessions.
pub struct SessionOutput<'a> {
    pub post: &'a Post,
    /// The columns that are compared.
    pub columns: Vec<AuditedColumn>,
}

/// What the sessions of one grouping would have been.
pub struct AuditedSessions {
    /// Per output.
    pub outputs: Vec<OfOutput>,
    /// Per delay, late events.
    pub late: Vec<u64>,
    /// The true windows; several keys may have the same.
    pub windows: BTreeSet<TimeRange>,
}

/// What one output would have been.
pub struct OfOutput {
    /// Its rows, with every event counted.
    pub rows: u64,
    /// Per delay.
    pub wrong: Vec<Wrong>,
}

/// Audits the sessions of `grouping`: each delay is replayed once, for all outputs.
///
/// # Errors
/// Overflow in an aggregate, or a machine error of the disk.
pub fn audit(
    grouping: &Grouping,
    outputs: &[SessionOutput],
    rows: &StoredRows,
    spill: (&Path, u64),
) -> Result<AuditedSessions> {
    let lateness = grouping.plan.lateness.clone().expect("an audited grouping");
    // All events of a session have one key, so buckets of keys are replayed apart.
    let buckets = rows.buckets().par_iter().map(|bucket| {
        let batches = rows.batches(bucket)?;
        // Each delay is replayed on its own, so the table counts like that of a plain run.
        let plan = |lateness| GroupPlan { lateness, audited: false, ..stored_plan(&grouping.plan) };
        let (truth, _) = sessions(plan(None), &batches, spill)?;
        let order = order_of(grouping, &truth);
        let true_rows = outputs.iter().map(|shaped| shaped.rows(grouping, &truth));
        let true_rows = true_rows.collect::<Result<Vec<_>>>()?;
        let count = |there: &[bool]| there.iter().filter(|kept| **kept).count() as u64;
        let mut of = AuditedSessions {
            outputs: true_rows
                .iter()
                .map(|(_, there)| OfOutput { rows: count(there), wrong: vec![] })
                .collect(),
            late: vec![],
            windows: truth.spans.iter().copied().collect(),
        };
        for &delay in &lateness.delays {
            let at = Lateness { delays: vec![delay], ..lateness.clone() };
            let (would, late) = sessions(plan(Some(at)), &batches, spill)?;
            of.late.push(late);
            let would_order = order_of(grouping, &would);
            for ((shaped, (true_sides, there)), of) in outputs.iter().zip(&true_rows).zip(&mut of.outputs) {
                let (would_sides, also) = shaped.rows(grouping, &would)?;
                let span = |pair: &RowPair| match *pair {
                    (_, Some(t)) => truth.spans[t],
                    (Some(w), _) => would.spans[w],
                    // `pairs` gives each pair at least one row.
                    (None, None) => TimeRange { start: 0, end: 0 },
                };
                let pairs = pairs(&would_order, &order, &also, there).into_iter();
                let mut wrong = Wrong::default();
                let pairs = pairs.map(|pair| (pair, span(&pair)));
                wrong.compare(&shaped.columns, &would_sides, true_sides, pairs)?;
                of.wrong.push(wrong);
            }
        }
        Ok(of)
    });
    let delays = lateness.delays.len();
    let none = || OfOutput { rows: 0, wrong: std::iter::repeat_with(Wrong::default).take(delays).collect() };
    let mut all = AuditedSessions {
        outputs: outputs.iter().map(|_| none()).collect(),
        late: vec![0; delays],
        windows: BTreeSet::new(),
    };
    for of in buckets.collect::<Result<Vec<AuditedSessions>>>()? {
        for (all, of) in all.outputs.iter_mut().zip(of.outputs) {
            all.rows += of.rows;
            all.wrong.iter_mut().zip(of.wrong).for_each(|(all, of)| all.append(of));
        }
        all.late.iter_mut().zip(of.late).for_each(|(all, of)| *all += of);
        all.windows.extend(of.windows);
    }
    Ok(all)
}

impl SessionOutput<'_> {
    /// The compared columns of a block's rows, and which rows `having` keeps.
    fn rows(&self, grouping: &Grouping, block: &GroupBlock) -> Result<(AuditedRows, Vec<bool>)> {
        let rows = output_rows(grouping, self.post, block)?;
        Ok((AuditedRows::new(&self.columns, &rows), kept(&rows, None, block.len())))
    }
}

/// The sessions of some batches in arrival order, as one block, and the late events.
fn sessions(plan: GroupPlan, batches: &[Batch], spill: (&Path, u64)) -> Result<(GroupBlock, u64)> {
    let plan = Arc::new(plan);
    let mut table = GroupTable::new(plan.clone());
    let mut late = 0;
    for batch in batches {
        late += table.update(batch)?.late.len() as u64;
    }
    let space = SpillSpace::new(spill.0.to_path_buf(), spill.1);
    let mut blocks = vec![];
    Merged::new(plan.clone(), vec![table], space)?.drive(Ok, |block| {
        blocks.push(block);
        Ok(())
    })?;
    let column = |of: fn(&GroupBlock) -> &Vec<ArrayRef>, i: usize| {
        // Each block has a dictionary of its own, so texts are made plain before they are joined.
        let parts: Vec<ArrayRef> = blocks.iter().map(|b| crate::batch::plain_strings(&of(b)[i])).collect();
        let parts: Vec<&dyn arrow_array::Array> = parts.iter().map(AsRef::as_ref).collect();
        concat(&parts).expect("blocks of one grouping have the same columns")
    };
    // `concat` needs at least one array.
    if blocks.is_empty() {
        let keys = plan.keys.iter().map(|(_, ty)| arrow_array::new_empty_array(&ty.arrow())).collect();
        let values =
            plan.aggregates.iter().map(|(a, _)| arrow_array::new_empty_array(&a.ty().arrow())).collect();
        return Ok((GroupBlock { spans: vec![], keys, values, states: None, firings: None }, late));
    }
    let block = GroupBlock {
        spans: blocks.iter().flat_map(|b| b.spans.iter().copied()).collect(),
        keys: (0..plan.keys.len()).map(|i| column(|b| &b.keys, i)).collect(),
        values: (0..plan.aggregates.len()).map(|i| column(|b| &b.values, i)).collect(),
        states: None,
        firings: None,
    };
    Ok((block, late))
}

/// The order of the rows of a block: window, then keys.
fn order_of(grouping: &Grouping, block: &GroupBlock) -> arrow_row::Rows {
    let bound = |pick: fn(&TimeRange) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(block.spans.iter().map(pick)))
    };
    let mut columns = vec![bound(|s| s.start), bound(|s| s.end)];
    columns.extend(block.keys.iter().map(crate::batch::plain_strings));
    let instant = columns[0].data_type().clone();
    let keys = grouping.plan.keys.iter().map(|(_, ty)| ty.arrow());
    // Both bounds and the keys make one sequence of bytes, so a row is compared in one step.
    let converter = key_rows([instant.clone(), instant].into_iter().chain(keys));
    converter.convert_columns(&columns).expect("columns of the converter's types")
}

/// Lays two sorted lists of rows side by side, without those that are not kept.
fn pairs(would: &arrow_row::Rows, truth: &arrow_row::Rows, also: &[bool], there: &[bool]) -> Vec<RowPair> {
    let mut pairs = vec![];
    let (mut w, mut t) = (0, 0);
    while w < also.len() || t < there.len() {
        if w < also.len() && !also[w] {
            w += 1;
        } else if t < there.len() && !there[t] {
            t += 1;
        } else if t == there.len() || w < also.len() && would.row(w) < truth.row(t) {
            pairs.push((Some(w), None));
            w += 1;
        } else if w == also.len() || truth.row(t) < would.row(w) {
            pairs.push((None, Some(t)));
            t += 1;
        } else {
            pairs.push((Some(w), Some(t)));
            (w, t) = (w + 1, t + 1);
        }
    }
    pairs
}
