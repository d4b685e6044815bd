//! Two sides of an output, row by row: groups as they would have been, and the true ones.

use super::compare::{AuditedColumn, AuditedRows, RowPair, kept};
use crate::batch::plain_strings;
use crate::deliver::shape::output_rows;
use crate::error::Result;
use crate::group::{GroupBlock, GroupPlan, GroupTable, Merged, SpillSpace, key_rows};
use crate::plan::{Grouping, OutputKind, OutputPlan, OutputTo, Post};
use crate::time::TimeRange;
use arrow_array::{Array, ArrayRef, TimestampMicrosecondArray, new_empty_array};
use arrow_row::Rows;
use arrow_select::concat::concat;
use std::sync::Arc;

/// The shares of events to be counted, and of how many events one may be late. Divided by the greatest number the events
/// give 0: not one of them may be late.
pub const SHARES: [(f64, u64); 4] = [(0.99, 100), (0.999, 1000), (0.9999, 10_000), (1.0, u64::MAX)];

/// The path of an output; `-` for the terminal.
pub fn named(output: &OutputPlan) -> String {
    match &output.to {
        OutputTo::Folder(path) | OutputTo::File(path) | OutputTo::Table(path, _) => {
            path.display().to_string()
        }
        OutputTo::Terminal => "-".into(),
    }
}

/// What happens to the groups of an audited output.
pub fn post_of(output: &OutputPlan) -> &Post {
    match &output.kind {
        OutputKind::Groups { post, .. } => post,
        OutputKind::Rows(_) | OutputKind::Archive(_) => unreachable!("events are not audited"),
    }
}

/// An output that is compared.
pub struct ComparedOutput<'a> {
    pub post: &'a Post,
    /// The columns that are compared.
    pub columns: Vec<AuditedColumn>,
}

impl ComparedOutput<'_> {
    /// The compared columns of a block's rows, and which rows `having` keeps.
    pub fn rows(&self, grouping: &Grouping, block: &GroupBlock) -> Result<(AuditedRows, Vec<bool>)> {
        let rows = output_rows(grouping, self.post, block)?;
        Ok((AuditedRows::new(&self.columns, &rows), kept(&rows, None, block.len())))
    }
}

/// All groups of some tables as one block.
///
/// # Errors
/// Overflow in an aggregate, or a machine error of the disk.
pub fn whole_block(plan: &Arc<GroupPlan>, tables: Vec<GroupTable>, space: SpillSpace) -> Result<GroupBlock> {
    let mut blocks = vec![];
    Merged::new(plan.clone(), tables, space)?.drive(Ok, |block| {
        blocks.push(block);
        Ok(())
    })?;
    let column = |of: fn(&GroupBlock) -> &Vec<ArrayRef>, i: usize| {
        // Each block has a dictionary of its own, so texts are made plain before they are joined.
        let parts: Vec<ArrayRef> = blocks.iter().map(|b| plain_strings(&of(b)[i])).collect();
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        concat(&parts).expect("blocks of one grouping have the same columns")
    };
    // `concat` needs at least one array.
    if blocks.is_empty() {
        let keys = plan.keys.iter().map(|(_, ty)| new_empty_array(&ty.arrow())).collect();
        let values = plan.aggregates.iter().map(|(a, _)| new_empty_array(&a.ty().arrow())).collect();
        return Ok(GroupBlock { spans: vec![], keys, values, states: None, firings: None });
    }
    Ok(GroupBlock {
        spans: blocks.iter().flat_map(|b| b.spans.iter().copied()).collect(),
        keys: (0..plan.keys.len()).map(|i| column(|b| &b.keys, i)).collect(),
        values: (0..plan.aggregates.len()).map(|i| column(|b| &b.values, i)).collect(),
        states: None,
        firings: None,
    })
}

/// The order of the rows of a block: window, then keys.
pub fn order_of(grouping: &Grouping, block: &GroupBlock) -> Rows {
    let bound = |pick: fn(&TimeRange) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(block.spans.iter().map(pick)))
    };
    let mut columns = vec![bound(|s| s.start), bound(|s| s.end)];
    columns.extend(block.keys.iter().map(plain_strings));
    let instant = columns[0].data_type().clone();
    let keys = grouping.plan.keys.iter().map(|(_, ty)| ty.arrow());
    // Both bounds and the keys make one sequence of bytes, so a row is compared in one step.
    let converter = key_rows([instant.clone(), instant].into_iter().chain(keys));
    converter.convert_columns(&columns).expect("columns of the converter's types")
}

/// Lays two sorted lists of rows side by side, without those that are not kept.
pub fn pairs(would: &Rows, truth: &Rows, also: &[bool], there: &[bool]) -> Vec<RowPair> {
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
