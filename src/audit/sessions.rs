//! Sessions at several delays: replayed once for each, and once with every event counted.

use super::compare::{RowPair, Wrong};
use super::sides::{ComparedOutput, order_of, pairs, whole_block};
use crate::batch::Batch;
use crate::engine::replay::{StoredRows, stored_plan};
use crate::error::Result;
use crate::group::{GroupBlock, GroupPlan, GroupTable, Lateness, SpillSpace};
use crate::plan::Grouping;
use crate::time::TimeRange;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

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
    outputs: &[ComparedOutput],
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

/// The sessions of some batches in arrival order, as one block, and the late events.
fn sessions(plan: GroupPlan, batches: &[Batch], spill: (&Path, u64)) -> Result<(GroupBlock, u64)> {
    let plan = Arc::new(plan);
    let mut table = GroupTable::new(plan.clone());
    let mut late = 0;
    for batch in batches {
        late += table.update(batch)?.late.len() as u64;
    }
    let space = SpillSpace::new(spill.0.to_path_buf(), spill.1);
    Ok((whole_block(&plan, vec![table], space)?, late))
}
