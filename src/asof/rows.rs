//! The rows of a table that one worker keeps while the table is read: by shard, roughly sorted by key.

use super::AsOfPlan;
use super::place::{SHARD_BITS, prefix};
use crate::batch::{Batch, ColumnId, DataType};
use crate::error::Result;
use crate::keyed::hash_keys;
use crate::rows::{PartitionPart, Partitioner, RowSpace, RowStore};
use crate::time::Zone;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array};
use std::sync::Arc;

/// The rows of a table that one worker keeps while the table is read.
pub struct AsOfRows {
    plan: AsOfPlan,
    pub(super) space: RowSpace,
    /// Sorted not by event time but by a prefix of the hash, which is what the table wants.
    pub(super) store: RowStore,
    pub(super) count: u64,
    /// Whether the rows keep when they arrived.
    arrivals: bool,
}

/// The columns that a table keeps, and their types: those that events take, then the keys if wanted.
pub(super) fn kept(plan: &AsOfPlan) -> Vec<(ColumnId, DataType)> {
    let keys = if plan.keep_keys { &plan.keys[..] } else { &[] };
    plan.columns.iter().chain(keys).copied().collect()
}

/// Whether each of some change events is a delete.
fn deletes(ops: &ArrayRef) -> ArrayRef {
    let ops = ops.as_string_view();
    Arc::new(
        (0..ops.len()).map(|row| Some(ops.is_valid(row) && ops.value(row) == "d")).collect::<BooleanArray>(),
    )
}

impl AsOfRows {
    /// No rows yet; they are spilled to `space`.
    pub fn new(plan: &AsOfPlan, space: RowSpace) -> AsOfRows {
        AsOfRows::of(plan, space, false)
    }

    /// The same, of rows that keep when they arrived, where their log tells.
    pub fn of_arrivals(plan: &AsOfPlan, space: RowSpace) -> AsOfRows {
        AsOfRows::of(plan, space, true)
    }

    fn of(plan: &AsOfPlan, space: RowSpace, arrivals: bool) -> AsOfRows {
        // The halves of the hash, the time, and the values.
        let mut types = vec![DataType::Int64; 3];
        types.extend(kept(plan).iter().map(|(_, ty)| *ty));
        types.extend(plan.op.map(|_| DataType::Bool));
        types.extend(arrivals.then_some(DataType::Int64));
        let shard = types.len();
        let partitioner = Partitioner::new(
            &[PartitionPart::Column(0)],
            &[("shard".to_string(), DataType::Int64)],
            &Zone::utc(),
        );
        let store = RowStore::new(
            ColumnId::first(shard).collect(),
            types,
            partitioner,
            vec![ColumnId::new(shard)],
            space.clone(),
        );
        AsOfRows { plan: plan.clone(), space, store, count: 0, arrivals }
    }

    /// Keeps the rows of `batch`, which knows their positions; rows with a NULL in the key are left out.
    ///
    /// # Errors
    /// None in practice; see [`RowStore::push`].
    pub fn push(&mut self, batch: &Batch) -> Result<()> {
        let keys: Vec<&ArrayRef> = self.plan.keys.iter().map(|(c, _)| &batch.columns[*c]).collect();
        let keys = hash_keys(&keys, batch.rows);
        let words = |of: &dyn Fn(u64, u64) -> i64| -> ArrayRef {
            let halves = keys.hashes.iter().map(|&hash| of((hash >> 64) as u64, hash as u64));
            Arc::new(Int64Array::from_iter_values(halves))
        };
        let mut columns = vec![
            words(&|high, _| high as i64),
            words(&|_, low| low as i64),
            Arc::new(Int64Array::from(batch.time.clone())) as ArrayRef,
        ];
        columns.extend(kept(&self.plan).iter().map(|(c, _)| batch.columns[*c].clone()));
        columns.extend(self.plan.op.map(|op| deletes(&batch.columns[op])));
        if self.arrivals {
            let arrival = if batch.arrival.is_empty() { vec![0; batch.rows] } else { batch.arrival.clone() };
            columns.push(Arc::new(Int64Array::from(arrival)));
        }
        // The shard is the partition of the store, so that each shard can be built on its own.
        columns.push(words(&|high, _| (high >> (64 - SHARD_BITS)) as i64));
        let mut rows = Batch {
            columns,
            // The store sorts by this column: with the prefix of the hash in it, the rows of a key come
            // together.
            time: keys.hashes.iter().map(|&hash| prefix((hash >> 64) as u64) as i64).collect(),
            positions: batch.positions.clone(),
            rows: batch.rows,
            ..Batch::default()
        };
        // A key with a NULL matches nothing, so its row need not be kept.
        if !keys.nulls.is_empty() {
            rows = rows.filter(&keys.nulls.iter().map(|null| Some(!null)).collect::<BooleanArray>());
        }
        self.count += rows.rows as u64;
        self.store.push(&rows)
    }

    /// Bytes of memory held, about.
    pub fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// Writes all rows to disk.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn spill(&mut self) -> Result<()> {
        self.store.spill()
    }
}
