//! Streamed sessions: replayed in the order in which events came through the steps, many keys at a time.
//!
//! Where a session ends depends, when late events are left out, on what had come when it was closed. So
//! the workers do not fold such a grouping: they keep the keys and arguments of its rows, in buckets by
//! key, and each bucket is replayed in arrival order by one thread when all rows are there.

use super::late::LatePositions;
use super::streams::places;
use crate::batch::plain_strings;
use crate::batch::{Batch, ColumnId, DataType, StreamPlace};
use crate::error::Result;
use crate::group::{GroupPlan, GroupTable, SpillSpace};
use crate::rows::{
    OrderedRows, PartitionPart, Partitioner, RowSpace, RowStore, StoredPartition, gather_partitions,
};
use crate::time::Zone;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, UInt32Array};
use arrow_row::{RowConverter, SortField};
use arrow_select::take::take;
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
    /// Whether each row has its place: events can have waited, and come through in another order than that of arrival.
    placed: bool,
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
    pub fn new(plan: Arc<GroupPlan>, placed: bool, space: RowSpace) -> SessionStore {
        let mut types = types_of(&plan);
        types.extend(vec![DataType::Int64; if placed { StreamPlace::WORDS } else { 0 }]);
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
        SessionStore { plan, converter, placed, rows }
    }

    /// Keeps the rows of `batch`.
    ///
    /// # Errors
    /// None in practice; see [`RowStore::push`].
    pub fn push(&mut self, batch: &Batch) -> Result<()> {
        let mut columns: Vec<ArrayRef> =
            columns_of(&self.plan).into_iter().map(|c| batch.columns[c].clone()).collect();
        if self.placed {
            columns.extend(places::columns(&batch.places));
        }
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
pub struct StoredRows {
    buckets: Vec<StoredPartition>,
    placed: bool,
}

impl StoredRows {
    /// Brings the stores together.
    pub fn new(stores: Vec<SessionStore>) -> StoredRows {
        let placed = stores.iter().any(|store| store.placed);
        StoredRows { buckets: gather_partitions(stores.into_iter().map(|s| s.rows).collect()), placed }
    }

    /// The buckets.
    pub fn buckets(&self) -> &[StoredPartition] {
        &self.buckets
    }

    /// The rows of a bucket in arrival order, with the columns of [`stored_plan`].
    ///
    /// # Errors
    /// A machine error of the disk.
    pub fn batches(&self, bucket: &StoredPartition) -> Result<Vec<Batch>> {
        let mut batches = vec![];
        self.each_batch(bucket, |batch| {
            batches.push(batch);
            Ok(())
        })?;
        Ok(batches)
    }

    /// Calls `f` with the rows of a bucket, in the order in which they came through.
    fn each_batch(&self, bucket: &StoredPartition, mut f: impl FnMut(Batch) -> Result<()>) -> Result<()> {
        let ordered = bucket.order()?;
        if self.placed {
            // A bucket is one of many, so all of its rows may be put in order at once.
            let all = stored_batch(&ordered, 0, ordered.len(), true);
            let mut order: Vec<u32> = (0..all.rows as u32).collect();
            order.sort_by_key(|&row| (all.places[row as usize], all.positions[row as usize]));
            return order.chunks(REPLAYED).try_for_each(|rows| f(taken(&all, rows)));
        }
        for from in (0..ordered.len()).step_by(REPLAYED) {
            f(stored_batch(&ordered, from, ordered.len().min(from + REPLAYED), false))?;
        }
        Ok(())
    }
}

/// Some rows of a bucket, in arrival order.
fn stored_batch(ordered: &OrderedRows, from: usize, to: usize, placed: bool) -> Batch {
    let mut columns: Vec<ArrayRef> = ordered.columns(from, to).iter().map(plain_strings).collect();
    let mut words =
        || columns.pop().expect("a column of the store").as_primitive::<Int64Type>().values().to_vec();
    // Columns are popped from the end, so the one that was added last comes first.
    let (max_timestamp, time) = (words(), words());
    let places = if placed { places::read_all(&mut words) } else { vec![] };
    let positions = ordered.positions(from, to);
    Batch { columns, time, positions, max_timestamp, places, rows: to - from, ..Batch::default() }
}

/// The rows of a stored batch of these numbers, as [`GroupTable::update`] wants them.
fn taken(all: &Batch, rows: &[u32]) -> Batch {
    let indices = UInt32Array::from(rows.to_vec());
    let of = |values: &[i64]| rows.iter().map(|&row| values[row as usize]).collect();
    Batch {
        columns: all.columns.iter().map(|c| take(c, &indices, None).expect("rows of the batch")).collect(),
        time: of(&all.time),
        positions: rows.iter().map(|&row| all.positions[row as usize]).collect(),
        max_timestamp: of(&all.max_timestamp),
        rows: rows.len(),
        ..Batch::default()
    }
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
        rows.each_batch(bucket, |batch| {
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
