//! Groups → the columns of an output, and which of them `having` keeps.

use super::events::plain_strings;
use crate::error::Result;
use crate::expr::Expr;
use crate::group::GroupBlock;
use crate::job::{Grouping, OutputPlan, PlannedColumn, Post, aggregate_name};
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

/// The rows of `output` that come of `block`, before `top`.
///
/// # Errors
/// A data error where an expression cannot be computed.
pub fn output_rows(
    grouping: &Grouping,
    output: &OutputPlan,
    post: &Post,
    block: &GroupBlock,
) -> Result<OutputRows> {
    let rows = block.len();
    let [start, end] = bounds(block);
    let firing: ArrayRef = Arc::new(Int64Array::from(block.firings.clone().unwrap_or_default()));
    let computed = post.columns.iter().filter_map(|column| match column {
        PlannedColumn::Computed(expr) => Some(expr),
        _ => None,
    });
    let plain = plain_inputs(&block.keys, &grouping.keys, computed.chain(&post.having));
    let evaluate = |expr: &Expr, own: &[ArrayRef]| {
        expr.evaluate(rows, |name| {
            output.columns.index_of(name).and_then(|i| own.get(i)).unwrap_or_else(|| match name {
                "window_start" => &start,
                "window_end" => &end,
                "firing" if block.firings.is_some() => &firing,
                _ => match grouping.keys.iter().position(|k| k == name) {
                    Some(key) => &plain[key],
                    None => {
                        let is = |i: &usize| aggregate_name(*i) == name;
                        &block.values[(0..block.values.len()).find(is).expect("the plan checked the names")]
                    }
                },
            })
        })
    };
    let mut columns = vec![];
    for column in &post.columns {
        columns.push(match column {
            PlannedColumn::WindowStart => start.clone(),
            PlannedColumn::WindowEnd => end.clone(),
            PlannedColumn::Key(k) => block.keys[*k].clone(),
            PlannedColumn::Firing => firing.clone(),
            PlannedColumn::Value(v) => block.values[*v].clone(),
            PlannedColumn::Computed(expr) => evaluate(expr, &[])?,
        });
    }
    let mut kept = None;
    if let Some(having) = &post.having {
        let own = plain_inputs(&columns, output.columns.names(), std::iter::once(having));
        let keep = evaluate(having, &own)?;
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

/// The columns, of which those that `exprs` read are plain; the others are left as they are, since
/// making millions of keys plain costs more than most expressions.
fn plain_inputs<'a>(
    columns: &[ArrayRef],
    names: impl IntoIterator<Item = impl AsRef<str>>,
    exprs: impl Iterator<Item = &'a Expr>,
) -> Vec<ArrayRef> {
    let read: Vec<&str> = exprs.flat_map(Expr::inputs).collect();
    let plain = |(column, name): (&ArrayRef, _)| match read.contains(&AsRef::<str>::as_ref(&name)) {
        true => plain_strings(column),
        false => column.clone(),
    };
    columns.iter().zip(names).map(plain).collect()
}
