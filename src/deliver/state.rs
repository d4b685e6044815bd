//! What an output's groups are made of, on its way to the state folder: all of its groups with their states, also
//! those that `having` and `top` leave out of it.
//!
//! ```text
//! _highwater/state/date=2024-05-01/groups.state    window_start  window_end  postcode  __agg_0  __agg_1
//! ```
//! # Contract
//! A group lies in the partition of its row. Groups are sorted as rows are, and a file is written from all of its
//! groups in order, so its bytes are a function of the set of events alone.

use super::shape::{PartitionRows, bounds, stretches};
use crate::batch::{DataType, Field, PartitionPath, Schema};
use crate::engine::Pass;
use crate::error::Result;
use crate::group::GroupBlock;
use crate::plan::{Grouping, OutputPlan, PlannedColumn, Post, window_fields};
use crate::window::Window;
use arrow_array::NullArray;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The columns of the files of a grouping's states: the window's bounds, if it has any, the keys, and the state
/// of each aggregate.
pub fn state_schema(grouping: &Grouping) -> Schema {
    let mut fields = match grouping.plan.window {
        Window::Global => vec![],
        _ => window_fields().to_vec(),
    };
    let keys = grouping.keys.iter().zip(&grouping.plan.keys);
    fields.extend(keys.map(|(name, (_, ty))| Field::new(name, *ty)));
    for i in 0..grouping.plan.aggregates.len() {
        let mut name = format!("__agg_{i}");
        // A key may be called so.
        while fields.iter().any(|field| field.name == name) {
            name.push('_');
        }
        fields.push(Field::new(name, DataType::String));
    }
    Schema::new(fields)
}

/// How many columns of [`state_schema`] say which group it is.
pub fn state_order(grouping: &Grouping) -> usize {
    grouping.keys.len() + if grouping.plan.window == Window::Global { 0 } else { 2 }
}

/// The folder of groups below the state folder.
const STATE: &str = "state";

/// The partition whose groups the part at `path`, below the state folder, has.
pub fn partition_of_state(path: &str) -> PartitionPath {
    PartitionPath::of_file(path).below(STATE)
}

/// Where the groups of a partition lie, below the state folder. It is a Parquet file by a name that no glob for data
/// takes.
pub fn state_path(partition: &PartitionPath) -> PathBuf {
    Path::new(STATE).join(partition.file("groups.state"))
}

/// The groups of `block`, which has states, as rows of the state of `output`.
///
/// # Errors
/// A value that cannot name a folder.
pub fn state_rows(
    pass: &Pass,
    grouping: &Grouping,
    output: &OutputPlan,
    post: &Post,
    block: &GroupBlock,
) -> Result<PartitionRows> {
    let stretches = partitions(pass, output, post, block)?;
    let global = grouping.plan.window == Window::Global;
    let (mut columns, windows) =
        if global { (vec![], vec![]) } else { (bounds(block).to_vec(), block.spans.clone()) };
    columns.extend(block.keys.iter().cloned());
    columns.extend(block.states.iter().flatten().cloned());
    Ok(PartitionRows { columns, windows, stretches })
}

/// Whether windows and keys alone say in which partition a group lies.
pub fn are_partitioned_by_group(output: &OutputPlan, post: &Post) -> bool {
    output.partition_columns().all(|c| post.columns[c].names_group())
}

/// The partitions that groups lie in, which windows and keys tell: stretches of path, first group, groups. No
/// expression is computed.
///
/// # Errors
/// A value that cannot name a folder.
pub fn partitions(
    pass: &Pass,
    output: &OutputPlan,
    post: &Post,
    block: &GroupBlock,
) -> Result<Vec<(PartitionPath, usize, usize)>> {
    let [start, end] = bounds(block);
    let named = post.columns.iter().map(|column| match column {
        PlannedColumn::WindowStart => start.clone(),
        PlannedColumn::WindowEnd => end.clone(),
        PlannedColumn::Key(k) => block.keys[*k].clone(),
        // Only bounds and keys name partitions here, so other columns need not be computed.
        _ => Arc::new(NullArray::new(block.len())),
    });
    let starts: Vec<i64> = block.spans.iter().map(|span| span.start).collect();
    stretches(pass, output, &named.collect::<Vec<_>>(), &starts)
}
