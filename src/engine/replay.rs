//! Streamed sessions: replayed in arrival order, many keys at a time.
//!
//! Where a session ends depends, when late events are left out, on what had come when it was closed. So
//! the workers do not fold such a grouping: they keep the keys and arguments of its rows, in buckets by
//! key, and each bucket is replayed in arrival order by one thread when all rows are there.

use super::late::LatePositions;
use crate::batch::plain_strings;
use crate::batch::{Batch, ColumnId, DataType};
use crate::error::Result;
use crate::group::{GroupPlan, GroupTable, SpillSpace};
use crate::rows::{PartitionPart, Partitioner, RowSpace, RowStore, StoredPartition, gather_partitions};
use crate::time::Zone;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use arrow_row::{RowConverter, SortField};
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Buckets of keys: enough for many threads.
const BUCKETS: u64 = 64;
/// Rows that are replayed at once.
const REPLAYED: usize = 1 << 13;

/// The rows of one streamed session grouping that one worker keeps.
pub struct SessionStore {
    plan: Arc<GroupPlan>,
    converter: Option<RowConverter>,
    rows: RowStore,
}

/// The columns of the batch that a grouping reads, each once.
fn columns_of(plan: &GroupPlan) -> Vec<ColumnId> {
    let args = plan.aggregates.iter().flat_map(|(_, args)| args.iter().copied());
    let mut columns: Vec<ColumnId> = plan.keys.iter().map(|k| k.0).chain(args).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// The types of those columns.
fn types_of(plan: &GroupPlan) -> Vec<DataType> {
    let of = |column: ColumnId| {
        let key = plan.keys.iter().find(|k| k.0 == column).map(|k| k.1);
        let arg = || {
            plan.aggregates
                .iter()
                .find_map(|(a, args)| args.iter().position(|&arg| arg == column).map(|i| a.args[i]))
        };
        key.or_else(arg).expect("a column that the plan reads")
    };
    columns_of(plan).into_iter().map(of).collect()
}

/// The plan over the columns of a [`SessionStore`].
pub fn stored_plan(plan: &GroupPlan) -> GroupPlan {
    let columns = columns_of(plan);
    let number = |column: &mut ColumnId| {
        let place = columns.iter().position(|c| c == column).expect("a column that the plan reads");
        *column = ColumnId::new(place);
    };
    let mut stored = plan.clone();
    stored.keys.iter_mut().for_each(|(column, _)| number(column));
    stored.aggregates.iter_mut().flat_map(|(_, args)| args).for_each(number);
    stored
}

impl SessionStore {
    pub fn new(plan: Arc<GroupPlan>, space: RowSpace) -> SessionStore {
        let mut types = types_of(&plan);
        // The event time, and what had been reached before it.
        types.extend([DataType::Int64, DataType::Int64]);
        let bucket = types.len();
        // The partitions of the store serve as buckets of keys, so that each bucket can be replayed alone.
        let parts = [PartitionPart::Column(0)];
        let partitioner = Partitioner::new(&parts, &[("bucket".into(), DataType::Int64)], &Zone::utc());
        let fields: Vec<SortField> = plan.keys.iter().map(|(_, ty)| SortField::new(ty.arrow())).collect();
        let converter = (!fields.is_empty()).then(|| RowConverter::new(fields).expect("keys have an order"));
        let rows = RowStore::new(
            ColumnId::first(bucket).collect(),
            types,
            partitioner,
            vec![ColumnId::new(bucket)],
            space,
        );
        SessionStore { plan, converter, rows }
    }

    /// Keeps the rows of `batch`.
    ///
    /// # Errors
    /// None in practice; see [`RowStore::push`].
    pub fn push(&mut self, batch: &Batch) -> Result<()> {
        let mut columns: Vec<ArrayRef> =
            columns_of(&self.plan).into_iter().map(|c| batch.columns[c].clone()).collect();
        columns.push(Arc::new(Int64Array::from(batch.time.clone())));
        columns.push(Arc::new(Int64Array::from(batch.max_timestamp.clone())));
        columns.push(Arc::new(self.buckets(batch)));
        // Without arrivals the positions alone give the order.
        let arrival = if batch.arrival.is_empty() { vec![0; batch.rows] } else { batch.arrival.clone() };
        // A store sorts by its time, and a replay needs arrival order, so arrivals stand in that place.
        self.rows.push(&Batch {
            columns,
            time: arrival,
            positions: batch.positions.clone(),
            rows: batch.rows,
            ..Batch::default()
        })
    }

    fn buckets(&self, batch: &Batch) -> Int64Array {
        // Rows without keys are all of one group, so one bucket must hold them.
        let Some(converter) = &self.converter else { return Int64Array::from(vec![0; batch.rows]) };
        let keys: Vec<ArrayRef> = self.plan.keys.iter().map(|(c, _)| batch.columns[*c].clone()).collect();
        let rows = converter.convert_columns(&keys).expect("columns of the plan's types");
        let bucket = |key: &[u8]| (xxhash_rust::xxh3::xxh3_64(key) % BUCKETS) as i64;
        rows.iter().map(|row| Some(bucket(row.data()))).collect()
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

/// The rows that all workers kept, in buckets by key.
pub struct StoredRows(Vec<StoredPartition>);

impl StoredRows {
    /// Brings the stores together.
    pub fn new(stores: Vec<SessionStore>) -> StoredRows {
        StoredRows(gather_partitions(stores.into_iter().map(|s| s.rows).collect()))
    }

    /// The buckets.
    pub fn buckets(&self) -> &[StoredPartition] {
        &self.0
    }

    /// The rows of a bucket in arrival order, with the columns of [`stored_plan`].
    ///
    /// # Errors
    /// A machine error of the disk.
    pub fn batches(&self, bucket: &StoredPartition) -> Result<Vec<Batch>> {
        let mut batches = vec![];
        each_batch(bucket, |batch| {
            batches.push(batch);
            Ok(())
        })?;
        Ok(batches)
    }
}

/// Calls `f` with the rows of a bucket, in arrival order.
fn each_batch(bucket: &StoredPartition, mut f: impl FnMut(Batch) -> Result<()>) -> Result<()> {
    let ordered = bucket.order()?;
    for from in (0..ordered.len()).step_by(REPLAYED) {
        let to = ordered.len().min(from + REPLAYED);
        let mut columns: Vec<ArrayRef> = ordered.columns(from, to).iter().map(plain_strings).collect();
        let mut words =
            || columns.pop().expect("a column of the store").as_primitive::<Int64Type>().values().to_vec();
        // Columns are popped from the end, so the one that was added last comes first.
        let (max_timestamp, time) = (words(), words());
        let positions = ordered.positions(from, to);
        f(Batch {
            columns,
            time,
            positions,
            arrival: vec![],
            max_timestamp,
            numbers: vec![],
            places: vec![],
            rows: to - from,
        })?;
    }
    Ok(())
}

/// Replays all rows of a grouping: the tables of its sessions, and the late events. Past `memory` bytes
/// sessions go to `space`.
///
/// # Errors
/// Overflow in an aggregate, or a machine error of the disk.
pub fn replay(
    plan: &GroupPlan,
    stores: Vec<SessionStore>,
    space: &SpillSpace,
    memory: usize,
) -> Result<(Vec<GroupTable>, LatePositions)> {
    let plan = Arc::new(stored_plan(plan));
    let rows = StoredRows::new(stores);
    let held = AtomicUsize::new(0);
    let replayed = rows.buckets().par_iter().map(|bucket| {
        let mut table = GroupTable::new(plan.clone());
        let mut late = vec![];
        each_batch(bucket, |batch| {
            let dropped = table.update(&batch)?;
            late.extend(dropped.late.iter().map(|&row| batch.positions[row as usize]));
            Ok(())
        })?;
        let bytes = table.bytes();
        // Threads race for this sum, so the budget can be passed by a table of each.
        if held.fetch_add(bytes, Ordering::Relaxed) + bytes > memory {
            space.spill(&mut table)?;
        }
        Ok((table, late))
    });
    let replayed = replayed.collect::<Result<Vec<_>>>()?;
    let mut all = LatePositions::default();
    let mut tables = vec![];
    for (table, late) in replayed {
        all.extend(late);
        tables.push(table);
    }
    Ok((tables, all))
}
