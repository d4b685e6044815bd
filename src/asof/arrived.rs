//! Tables whose rows count from their arrival on, as steps of `mode = "streamed"` see them.
//!
//! # Contract
//! * Every row is kept, with when it arrived: an event sees those that had arrived by its moment, and of them what an
//!   [`AsOfTable`](super::AsOfTable) of these rows alone would give. Of several rows at one instant the last by arrival wins.
//! * The table is held in memory.

use super::column::Column;
use super::earliest::{ArrivalIndex, RowArrival};
use super::gather::{GatherSource, gather};
use super::place::{HashAndTime, NONE, SHARDS};
use super::rows::kept;
use super::stored::{ShardRows, StoredShard};
use super::table::Matches;
use super::{AsOfPlan, AsOfRows, Direction, HeldRows, Reach};
use crate::batch::{DataType, Moment, Position, StreamPlace};
use crate::error::{Error, Result};
use crate::keyed::KeyHashes;
use crate::rows::{StoredPartition, gather_partitions};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, StringViewArray};
use rayon::prelude::*;

/// Bytes that a table may take whatever its share of the budget is.
const LEAST: usize = 32 << 20;

/// A table that events look into from every thread, each at its own moment.
pub struct ArrivedTable {
    /// The number of its log in the merged order.
    log: u16,
    fill: bool,
    types: Vec<DataType>,
    shards: Vec<ArrivedShard>,
    /// Per column whose strings are codes, the strings.
    texts: Vec<Option<StringViewArray>>,
}

/// The rows of a shard, by (hash, time, arrival).
struct ArrivedShard {
    stored: StoredShard,
    arrivals: ArrivalIndex,
    /// The rows that are deletes, where there are any.
    deleted: Option<Vec<bool>>,
}

/// What an event asks of a shard.
struct Needle<'a> {
    shard: &'a ArrivedShard,
    place: HashAndTime,
    bound: RowArrival,
}

impl ArrivedTable {
    /// Brings the workers' rows together, in parallel. `clock` gives the arrival clock of rows whose log does not tell it.
    ///
    /// # Errors
    /// A machine error: the table does not fit in about `memory` bytes, or the disk fails.
    pub fn build(
        plan: &AsOfPlan,
        log: u16,
        rows: Vec<AsOfRows>,
        clock: Option<&(dyn Fn(u64) -> i64 + Sync)>,
        memory: usize,
    ) -> Result<ArrivedTable> {
        let types: Vec<DataType> = kept(plan).iter().map(|(_, ty)| *ty).collect();
        let partitions = gather_partitions(rows.into_iter().map(|r| r.store).collect());
        let built = partitions.par_iter().map(|partition| ArrivedShard::new(partition, plan, clock));
        let built = built.collect::<Result<Vec<_>>>()?;
        let mut table = ArrivedTable {
            log,
            fill: plan.fill,
            shards: (0..SHARDS).map(|_| ArrivedShard::empty()).collect(),
            texts: vec![None; types.len()],
            types,
        };
        for (number, shard, texts) in built {
            table.shards[number] = shard;
            table.texts.iter_mut().zip(texts).for_each(|(all, own)| *all = all.take().or(own));
        }
        let share = memory.max(LEAST);
        if table.bytes() > share {
            let (needs, has) = (table.bytes() >> 20, share >> 20);
            return Err(Error::machine(format!(
                "a table of a streamed step is held in memory: it takes {needs} MiB, and its share is {has} MiB"
            ))
            .hint("give more memory (`memory` in the job file, or --memory)"));
        }
        Ok(table)
    }

    /// Bytes of memory held, about.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.stored.bytes() + shard.arrivals.bytes()).sum()
    }

    /// What events take of the rows in `reach` that had arrived at their places: `rows` are rows of a batch, whose keys'
    /// hashes are `keys`; `take` are numbers of [`AsOfPlan::columns`].
    pub fn probe(
        &self,
        (keys, times, places): (&KeyHashes, &[i64], &[StreamPlace]),
        rows: &[u32],
        reach: &Reach,
        take: &[usize],
    ) -> Matches {
        let needles: Vec<HashAndTime> = rows
            .iter()
            .map(|&row| HashAndTime::new(keys.hashes[row as usize], times[row as usize]))
            .collect();
        let needle = |i: usize| {
            let place = needles[i];
            let bound = self.bound(&places[rows[i] as usize].moment)?;
            (!keys.has_null(rows[i] as usize)).then(|| Needle {
                shard: &self.shards[place.shard()],
                place,
                bound,
            })
        };
        let found: Vec<u32> =
            (0..rows.len()).map(|i| needle(i).map_or(NONE, |needle| needle.find(reach))).collect();
        let values = |c: usize| {
            let columns = self.shards.iter().map(|shard| shard.stored.part.columns.get(c)).collect();
            let sparse = self.fill && self.shards.iter().any(|shard| shard.is_sparse(c));
            // Only a column with gaps may take a row of its own.
            let own = sparse.then(|| {
                (0..rows.len())
                    .map(|i| needle(i).map_or(NONE, |n| n.find_value(reach, c)))
                    .collect::<Vec<_>>()
            });
            let source = GatherSource { columns, needles: &needles, rows: own.as_ref().unwrap_or(&found) };
            gather(self.types[c], &source, self.texts[c].as_ref())
        };
        let columns = take.iter().map(|&c| values(c)).collect();
        Matches { matched: found.iter().map(|&row| row != NONE).collect(), columns }
    }

    /// The last row of each key by its time, of those that had arrived by `moment`, where it was not deleted; in order of
    /// the keys' values. The plan must keep the keys.
    pub fn held_by(&self, plan: &AsOfPlan, moment: &Moment) -> HeldRows {
        let reach = Reach { direction: Direction::Backward, within: None, inclusive: true };
        let Some(bound) = self.bound(moment) else { return HeldRows::of_parts(plan, self.parts(|_| vec![])) };
        let last = |shard: &ArrivedShard| -> Vec<(HashAndTime, u32)> {
            let keys = shard.stored.part.places.chunk_by(|a, b| a.has_key_of(b));
            // Later than any row, so that it looks back at all of them.
            let needles = keys.map(|own| HashAndTime { time: i64::MAX, ..own[0] });
            let found = needles.map(|place| (place, Needle { shard, place, bound }.find(&reach)));
            found.filter(|(_, row)| *row != NONE).collect()
        };
        HeldRows::of_parts(plan, self.parts(last))
    }

    /// Times and columns of the rows of each shard that `rows` gives.
    fn parts(
        &self,
        rows: impl Fn(&ArrivedShard) -> Vec<(HashAndTime, u32)>,
    ) -> Vec<(Vec<i64>, Vec<ArrayRef>)> {
        let part = |shard: &ArrivedShard| {
            let (needles, rows): (Vec<HashAndTime>, Vec<u32>) = rows(shard).into_iter().unzip();
            let times = rows.iter().map(|&row| shard.place(row).time).collect();
            let column = |(c, ty): (usize, &DataType)| {
                let columns = self.shards.iter().map(|shard| shard.stored.part.columns.get(c)).collect();
                gather(*ty, &GatherSource { columns, needles: &needles, rows: &rows }, self.texts[c].as_ref())
            };
            (times, self.types.iter().enumerate().map(column).collect())
        };
        self.shards.iter().map(part).collect()
    }

    /// Up to which arrival rows of this table have come by `moment`; none where no row of its clock has.
    fn bound(&self, moment: &Moment) -> Option<RowArrival> {
        if self.log == moment.log {
            let before = moment.position.checked_sub(1);
            return match (moment.arrived, before) {
                (true, _) => Some((moment.clock, moment.position)),
                (false, Some(before)) => Some((moment.clock, before)),
                (false, None) => Some((moment.clock.checked_sub(1)?, u64::MAX)),
            };
        }
        // Of one clock the rows of a log with a lower number come first.
        if self.log < moment.log {
            Some((moment.clock, u64::MAX))
        } else {
            Some((moment.clock.checked_sub(1)?, u64::MAX))
        }
    }
}

type BuiltShard = (usize, ArrivedShard, Vec<Option<StringViewArray>>);

impl ArrivedShard {
    fn empty() -> ArrivedShard {
        ArrivedShard {
            stored: StoredShard::new(ShardRows { places: vec![], columns: vec![] }, None),
            arrivals: ArrivalIndex::new(vec![]),
            deleted: None,
        }
    }

    /// Sorts the rows of a partition. Its columns are the halves of the hash, the time, the values, deletes where there
    /// are any, and arrivals.
    fn new(
        partition: &StoredPartition,
        plan: &AsOfPlan,
        clock: Option<&(dyn Fn(u64) -> i64 + Sync)>,
    ) -> Result<BuiltShard> {
        let ordered = partition.order()?;
        let rows = ordered.len();
        if rows >= NONE as usize {
            return Err(Error::machine("a table has too many rows of one key"));
        }
        let mut arrays = ordered.columns(0, rows);
        let positions: Vec<u64> = ordered.positions(0, rows).into_iter().map(Position::as_u64).collect();
        drop(ordered);
        let arrivals = arrays.pop().expect("a column of arrivals");
        let arrivals = arrivals.as_primitive::<Int64Type>().values();
        let deletes = plan.op.and_then(|_| arrays.pop());
        let arrival = |row: u32| -> RowArrival {
            let position = positions[row as usize];
            (clock.map_or(arrivals[row as usize], |clock| clock(position)), position)
        };
        let word = |c: usize| arrays[c].as_primitive::<Int64Type>().values();
        let (high, low, time) = (word(0), word(1), word(2));
        let place = |row: u32| {
            let row = row as usize;
            HashAndTime { high: high[row] as u64, low: low[row] as u64, time: time[row] }
        };
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_unstable_by_key(|&row| (place(row), arrival(row)));
        let places: Vec<HashAndTime> = order.iter().map(|&row| place(row)).collect();
        let columns = arrays[3..].iter().map(|array: &ArrayRef| Column::new(array, &order)).collect();
        let texts =
            arrays[3..].iter().map(|a| Some(a.as_any_dictionary_opt()?.values().as_string_view().clone()));
        let texts = texts.collect();
        let deleted = deletes.map(|d| order.iter().map(|&row| d.as_boolean().value(row as usize)).collect());
        let number = places.first().map_or(0, HashAndTime::shard);
        let arrivals = ArrivalIndex::new(order.iter().map(|&row| arrival(row)).collect());
        let stored = StoredShard::new(ShardRows { places, columns }, None);
        Ok((number, ArrivedShard { stored, arrivals, deleted }, texts))
    }

    fn is_sparse(&self, c: usize) -> bool {
        self.deleted.is_some() || self.stored.part.columns.get(c).is_some_and(|column| column.valid.is_some())
    }

    fn place(&self, row: u32) -> &HashAndTime {
        &self.stored.part.places[row as usize]
    }

    fn is_deleted(&self, row: u32) -> bool {
        self.deleted.as_ref().is_some_and(|deleted| deleted[row as usize])
    }
}

impl Needle<'_> {
    /// The first row of the needle's key and instant or after it, and the first after that instant.
    fn edges(&self) -> (u32, u32) {
        let (from, to) = self.shard.stored.span(&self.place);
        let own = &self.shard.stored.part.places[from as usize..to as usize];
        let lower = own.partition_point(|place| *place < self.place);
        let upper = lower + own[lower..].partition_point(|place| *place == self.place);
        (from + lower as u32, from + upper as u32)
    }

    fn is_own(&self, row: &u32) -> bool {
        self.shard.place(*row).has_key_of(&self.place)
    }

    /// The last row of the key before `end` that has arrived.
    fn last_before(&self, end: u32) -> Option<u32> {
        let row = end.checked_sub(1)?;
        self.shard.arrivals.last_up_to(row, self.bound).filter(|row| self.is_own(row))
    }

    /// The first instant of the key from row `from` on at which a row has arrived: the last such row of it.
    fn first_from(&self, from: u32) -> Option<u32> {
        let first = self.shard.arrivals.first_from(from, self.bound).filter(|row| self.is_own(row))?;
        // Rows of one instant stand in order of arrival, so those that have arrived come first.
        let places = &self.shard.stored.part.places[first as usize..];
        let instant = *self.shard.place(first);
        let arrived = (first..).zip(places).take_while(|(row, place)| {
            **place == instant && self.shard.arrivals.has_arrived(*row, self.bound)
        });
        arrived.last().map(|(row, _)| row)
    }

    fn after_instant(&self, row: u32) -> u32 {
        let instant = *self.shard.place(row);
        let places = &self.shard.stored.part.places[row as usize..];
        row + places.iter().take_while(|place| **place == instant).count() as u32
    }

    /// The nearest rows before and after that have arrived and have not ended.
    fn around(&self, reach: &Reach) -> (Option<u32>, Option<u32>) {
        let (lower, upper) = self.edges();
        let (end, from) = if reach.inclusive { (upper, lower) } else { (lower, upper) };
        let before = self.last_before(end).filter(|&row| !self.shard.is_deleted(row));
        let mut after = self.first_from(from);
        while let Some(row) = after.filter(|&row| self.shard.is_deleted(row)) {
            after = self.first_from(self.after_instant(row));
        }
        (before, after)
    }

    fn choose(&self, reach: &Reach, (before, after): (Option<u32>, Option<u32>)) -> u32 {
        let place = |row: Option<u32>| row.map(|row| self.shard.place(row));
        let chosen = match reach.choose(&self.place, place(before), place(after)) {
            Some(true) => before,
            Some(false) => after,
            None => None,
        };
        chosen.unwrap_or(NONE)
    }

    /// The row that the event takes, or [`NONE`].
    fn find(&self, reach: &Reach) -> u32 {
        self.choose(reach, self.around(reach))
    }

    /// The row of whose column `c` the event takes the value, or [`NONE`].
    fn find_value(&self, reach: &Reach, c: usize) -> u32 {
        let (before, after) = self.around(reach);
        // A shard without rows has no columns.
        let Some(column) = self.shard.stored.part.columns.get(c) else { return NONE };
        let mut valued = before;
        while let Some(row) = valued.filter(|&row| !column.is_valid(row)) {
            // What was before a delete belongs to an earlier life of the key.
            valued = self.last_before(row).filter(|&row| !self.shard.is_deleted(row));
        }
        self.choose(reach, (valued, after.and_then(|row| self.value_from(row, column))))
    }

    /// From the last arrived row of an instant on, the first instant with a value.
    fn value_from(&self, row: u32, column: &Column) -> Option<u32> {
        let mut instant = Some(row);
        let mut first = true;
        while let Some(last) = instant {
            // Of the rows at one instant, the last that has a value, and none before a delete.
            let own = (0..=last).rev().take_while(|&row| self.shard.place(row) == self.shard.place(last));
            for row in own {
                if self.shard.is_deleted(row) {
                    if first {
                        break;
                    }
                    return None;
                }
                if column.is_valid(row) && self.no_delete_among(row, first) {
                    return Some(row);
                }
            }
            first = false;
            instant = self.first_from(self.after_instant(last));
        }
        None
    }

    /// Whether no delete stands before `row` at its instant, which ends the life before; at the `first` instant the life
    /// begins after it.
    fn no_delete_among(&self, row: u32, first: bool) -> bool {
        let place = self.shard.place(row);
        first
            || self.shard.deleted.is_none()
            || !(0..row)
                .rev()
                .take_while(|&row| self.shard.place(row) == place)
                .any(|row| self.shard.is_deleted(row))
    }
}
