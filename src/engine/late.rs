//! Late events that a worker keeps for the late output.

use crate::batch::{Batch, ColumnId, DataType, Position};
use crate::error::Result;
use crate::plan::LatePlan;
use crate::rows::{RowSpace, RowStore, gather_partitions};
use arrow_array::{ArrayRef, Int64Array, UInt32Array};
use arrow_select::take::take;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Positions of late events that a table of sessions found, when only it could tell.
pub type LatePositions = HashSet<Position, foldhash::fast::FixedState>;

/// The late events of one worker.
pub struct LateStore {
    columns: Vec<ColumnId>,
    rows: RowStore,
}

impl LateStore {
    pub fn new(late: &LatePlan, space: RowSpace) -> LateStore {
        let mut types: Vec<DataType> = late.columns.iter().map(|(_, field)| field.ty).collect();
        types.extend([DataType::Int64, DataType::Int64]);
        let columns: Vec<ColumnId> = late.columns.iter().map(|(column, _)| *column).collect();
        LateStore { columns, rows: RowStore::unpartitioned(types, space) }
    }

    /// Keeps the rows of `batch` of these numbers.
    ///
    /// # Errors
    /// None in practice; see [`RowStore::push`].
    pub fn push(&mut self, batch: &Batch, rows: &[u32]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let chosen = UInt32Array::from(rows.to_vec());
        // A log without arrivals has an empty list here: the positions alone then give the order.
        let pick = |values: &[i64]| -> Vec<i64> {
            rows.iter().map(|&row| values.get(row as usize).copied().unwrap_or(0)).collect()
        };
        let mut columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .map(|&c| take(&batch.columns[c], &chosen, None).expect("rows of the batch"))
            .collect();
        columns.push(Arc::new(Int64Array::from(pick(&batch.time))));
        columns.push(Arc::new(Int64Array::from(pick(&batch.max_timestamp))));
        self.rows.push(&Batch {
            columns,
            // The order of the output: arrival, then position.
            time: pick(&batch.arrival),
            positions: rows.iter().map(|&row| batch.positions[row as usize]).collect(),
            rows: rows.len(),
            ..Batch::default()
        })
    }

    /// The rows kept, in no order.
    pub fn into_rows(self) -> RowStore {
        self.rows
    }

    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// # Errors
    /// A machine error when the disk fails.
    pub fn spill(&mut self) -> Result<()> {
        self.rows.spill()
    }
}

/// What had been reached before each of the events kept.
///
/// # Errors
/// A machine error of the spill files.
pub fn max_timestamp(stores: Vec<LateStore>) -> Result<HashMap<Position, i64>> {
    let mut out = HashMap::new();
    for partition in gather_partitions(stores.into_iter().map(LateStore::into_rows).collect()) {
        let ordered = partition.order()?;
        let columns = ordered.columns(0, ordered.len());
        let max_timestamp = columns.last().map(int64).unwrap_or_default();
        out.extend(ordered.positions(0, ordered.len()).into_iter().zip(max_timestamp));
    }
    Ok(out)
}

pub fn int64(array: &ArrayRef) -> Vec<i64> {
    use arrow_array::cast::AsArray;
    array.as_primitive::<arrow_array::types::Int64Type>().values().to_vec()
}
