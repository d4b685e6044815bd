//! Groups → the columns of an output, and which of them `having` keeps.

use crate::batch::plain_strings;
use crate::error::Result;
use crate::group::GroupBlock;
use crate::plan::{Grouping, PlannedColumn, Post};
use crate::window::WindowSpan;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int64Array, TimestampMicrosecondArray};
use std::sync::Arc;

/// The groups of a block as rows of an output.
pub struct OutputRows {
    /// The output's columns, with a row for every group.
    pub columns: Vec<ArrayRef>,
    /// The rows that `having` keeps, ascending; all where there is none.
    pub kept: Option<Vec<u32>>,
}

/// The rows of an output that come of `block`, before `top`.
///
/// # Errors
/// A data error where an expression cannot be computed.
pub fn output_rows(grouping: &Grouping, post: &Post, block: &GroupBlock) -> Result<OutputRows> {
    let rows = block.len();
    let [start, end] = bounds(block);
    let firing: ArrayRef = Arc::new(Int64Array::from(block.firings.clone().unwrap_or_default()));
    let frame = grouping.frame();
    let read = post.read(grouping);
    let plain: Vec<ArrayRef> = block
        .keys
        .iter()
        .enumerate()
        .map(|(k, key)| {
            plain_where(
                key,
                read.iter().any(|column| matches!(column, PlannedColumn::Key(read) if *read == k)),
            )
        })
        .collect();
    let of_groups = |number: usize| match &frame[number] {
        PlannedColumn::WindowStart => &start,
        PlannedColumn::WindowEnd => &end,
        PlannedColumn::Key(k) => &plain[*k],
        PlannedColumn::Firing => &firing,
        PlannedColumn::Value(v) => &block.values[*v],
        PlannedColumn::Computed(_) => unreachable!("expressions read groups"),
    };
    let mut columns = vec![];
    for column in &post.columns {
        columns.push(match column {
            PlannedColumn::WindowStart => start.clone(),
            PlannedColumn::WindowEnd => end.clone(),
            PlannedColumn::Key(k) => block.keys[*k].clone(),
            PlannedColumn::Firing => firing.clone(),
            PlannedColumn::Value(v) => block.values[*v].clone(),
            PlannedColumn::Computed(expr) => expr.evaluate(rows, of_groups)?,
        });
    }
    let mut kept = None;
    if let Some(having) = &post.having {
        let own: Vec<ArrayRef> =
            (0..columns.len()).map(|i| plain_where(&columns[i], having.inputs().contains(&i))).collect();
        let keep = having.evaluate(rows, |number| match own.get(number) {
            Some(column) => column,
            None => of_groups(number - own.len()),
        })?;
        let keep = keep.as_boolean();
        kept =
            Some((0..rows as u32).filter(|&i| keep.is_valid(i as usize) && keep.value(i as usize)).collect());
    }
    Ok(OutputRows { columns, kept })
}

/// The bounds of the windows of groups.
pub fn bounds(block: &GroupBlock) -> [ArrayRef; 2] {
    let bound = |pick: fn(&WindowSpan) -> i64| -> ArrayRef {
        let values = block.spans.iter().map(pick);
        Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
    };
    [bound(|span| span.start), bound(|span| span.end)]
}

/// The column, plain where an expression reads it; otherwise as it is, since making millions of keys plain costs more
/// than most expressions.
fn plain_where(column: &ArrayRef, read: bool) -> ArrayRef {
    if read { plain_strings(column) } else { column.clone() }
}
