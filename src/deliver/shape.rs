//! Groups → rows of an output: its columns, `having`, `top`, and the partition of each row.

use crate::batch::{PartitionPath, plain_strings};
use crate::engine::Pass;
use crate::error::Result;
use crate::group::GroupBlock;
use crate::plan::{Grouping, OutputPlan, PlannedColumn, Post, Top};
use crate::rows::{PartitionPart, Partitioner};
use crate::time::TimeRange;
use crate::window::Window;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int64Array, TimestampMicrosecondArray, UInt32Array};
use arrow_row::SortField;
use arrow_schema::SortOptions;
use std::sync::Arc;

/// Rows of one output that came of a block: consecutive stretches, each of one partition.
pub struct PartitionRows {
    pub columns: Vec<ArrayRef>,
    /// The window of each row; nothing where there is one for all of time.
    pub windows: Vec<TimeRange>,
    /// Partition path, first row, rows.
    pub stretches: Vec<(PartitionPath, usize, usize)>,
}

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
    // Without firings this column is empty, and nothing reads it.
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
            // `having` sees the columns of the output first and those of the groups behind them.
            None => of_groups(number - own.len()),
        })?;
        let keep = keep.as_boolean();
        // SQL keeps a row where the condition is true, and not where it is NULL.
        kept =
            Some((0..rows as u32).filter(|&i| keep.is_valid(i as usize) && keep.value(i as usize)).collect());
    }
    Ok(OutputRows { columns, kept })
}

/// The bounds of the windows of groups.
pub fn bounds(block: &GroupBlock) -> [ArrayRef; 2] {
    let bound = |pick: fn(&TimeRange) -> i64| -> ArrayRef {
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

/// The rows of `output` that come of `block`; `watermark` is that at the end of the log, by which windows are closed.
pub fn shape(
    pass: &Pass,
    grouping: &Grouping,
    output: &OutputPlan,
    post: &Post,
    block: &GroupBlock,
    watermark: Option<i64>,
) -> Result<PartitionRows> {
    let OutputRows { mut columns, mut kept } = output_rows(grouping, post, block)?;
    if let (true, Some(lateness)) = (output.closed, &grouping.plan.lateness) {
        // Without an event there is no watermark, and nothing is closed.
        let closed = |row: &u32| {
            let end = block.spans[*row as usize].end.saturating_add(lateness.allowed);
            watermark.is_some_and(|watermark| end <= watermark)
        };
        let all = kept.take().unwrap_or_else(|| (0..block.len() as u32).collect());
        kept = Some(all.into_iter().filter(closed).collect());
    }
    if let Some(top) = &post.top {
        // `top` ranks what `having` keeps, as LIMIT does in SQL.
        let all = kept.take().unwrap_or_else(|| (0..block.len() as u32).collect());
        kept = Some(top_rows(top, &columns, &block.spans, all));
    }
    let mut windows = block.spans.clone();
    if let Some(kept) = kept {
        windows = kept.iter().map(|&i| windows[i as usize]).collect();
        let kept = UInt32Array::from(kept);
        columns = columns
            .iter()
            .map(|c| arrow_select::take::take(c, &kept, None).expect("rows of the block"))
            .collect();
    }
    let starts: Vec<i64> = windows.iter().map(|window| window.start).collect();
    let stretches = stretches(pass, output, &columns, &starts)?;
    // The global window is not a stretch of time, so its parts do not have a first and a last instant.
    if grouping.plan.window == Window::Global {
        windows.clear();
    }
    Ok(PartitionRows { columns, windows, stretches })
}

/// Of `rows`, the first `n` of each window by the order of `top`, and in that order.
pub fn top_rows(top: &Top, columns: &[ArrayRef], spans: &[TimeRange], rows: Vec<u32>) -> Vec<u32> {
    let wanted: Vec<ArrayRef> = top.by.iter().map(|(c, _)| plain_strings(&columns[*c])).collect();
    let fields = wanted.iter().zip(&top.by).map(|(array, (_, descending))| {
        // NULLs stand last in both directions: a group without a value does not win.
        let options = SortOptions { descending: *descending, nulls_first: false };
        SortField::new_with_options(array.data_type().clone(), options)
    });
    let converter = arrow_row::RowConverter::new(fields.collect()).expect("output types have an order");
    let keys = converter.convert_columns(&wanted).expect("columns of the converter's types");
    let mut kept = vec![];
    for window in rows.chunk_by(|&a, &b| spans[a as usize] == spans[b as usize]) {
        let mut order = window.to_vec();
        // Rows of a block are sorted by key, so the row number breaks ties by key.
        order.sort_by(|&a, &b| keys.row(a as usize).cmp(&keys.row(b as usize)).then(a.cmp(&b)));
        order.truncate(top.n);
        kept.extend(order);
    }
    kept
}

/// Where each row goes: stretches of rows with one partition.
pub fn stretches(
    pass: &Pass,
    output: &OutputPlan,
    columns: &[ArrayRef],
    starts: &[i64],
) -> Result<Vec<(PartitionPath, usize, usize)>> {
    if output.partition_by.is_empty() {
        return Ok(vec![(PartitionPath::default(), 0, starts.len())]);
    }
    let mut names = vec![];
    let mut values: Vec<ArrayRef> = vec![];
    for part in &output.partition_by {
        if let PartitionPart::Column(c) = part {
            let field = &output.columns.fields[*c];
            names.push((field.name.clone(), field.ty));
            values.push(plain_strings(&columns[*c]));
        }
    }
    let mut partitioner = Partitioner::new(&output.partition_by, &names, &pass.plan.zone);
    let mut of = vec![];
    partitioner.assign(starts, &values.iter().collect::<Vec<_>>(), &mut of)?;
    let mut stretches = vec![];
    let mut from = 0;
    for stretch in of.chunk_by(|a, b| a == b) {
        stretches.push((partitioner.path_of(stretch[0]).clone(), from, stretch.len()));
        from += stretch.len();
    }
    Ok(stretches)
}
