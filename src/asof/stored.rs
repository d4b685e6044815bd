//! Some rows of a table in memory, sorted by (hash of the key, event time), with one row at an instant.

use super::bits::BitIndex;
use super::column::Column;
use super::lives::{Life, Lives};
use super::place::{HashAndTime, NONE, SHARD_BITS, prefix};
use super::{AsOfPlan, Direction, Reach};
use crate::batch::Position;
use crate::error::{Error, Result};
use crate::rows::StoredPartition;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, StringViewArray};

impl Reach {
    /// Of the nearest row before (or at) the needle and the nearest after (or at) it: whether the first
    /// (true) or the second is taken, if any.
    #[inline]
    pub(super) fn choose(
        &self,
        needle: &HashAndTime,
        before: Option<&HashAndTime>,
        after: Option<&HashAndTime>,
    ) -> Option<bool> {
        // A negative distance is never in reach.
        let Ok(most) = u64::try_from(self.within.unwrap_or(i64::MAX)) else { return None };
        // Two instants may be further apart than an i64 holds.
        let most = if self.within.is_none() { u64::MAX } else { most };
        // Whether a row is in reach, and its distance.
        let near = |row: Option<&HashAndTime>| {
            let Some(row) = row else { return (false, u64::MAX) };
            let distance = row.time.abs_diff(needle.time);
            (row.has_key_of(needle) & (distance <= most), distance)
        };
        match self.direction {
            Direction::Backward => near(before).0.then_some(true),
            Direction::Forward => near(after).0.then_some(false),
            Direction::Nearest => match (near(before), near(after)) {
                ((true, before), (true, after)) => Some(before <= after),
                ((before, _), (after, _)) => (before | after).then_some(before),
            },
        }
    }

    /// The nearest rows before and after a needle, from the first row that is not before it, and whether
    /// that row is at its place. A row may be [`NONE`], or one past the end, or of another key.
    #[inline]
    pub(super) fn around(&self, lower: u32, exact: bool) -> (u32, u32) {
        let at = u32::from(exact);
        let (before, after) = if self.inclusive { (lower + at, lower) } else { (lower, lower + at) };
        // 0 wraps to `NONE`: there is not a row before the first.
        (before.wrapping_sub(1), after)
    }
}

/// Rows: where they belong, and their values.
#[derive(Debug)]
pub struct ShardRows {
    /// In order, no two alike.
    pub places: Vec<HashAndTime>,
    pub columns: Vec<Column>,
}

/// The rows of a shard.
#[derive(Debug)]
pub struct StoredShard {
    pub part: ShardRows,
    /// Where rows end, if any does.
    pub lives: Option<Lives>,
    /// The first row of each slot; a slot holds a range of hashes, and there are as many as keys.
    slots: Vec<u32>,
}

/// What a partition of rows gives: the number of its shard, its rows, and the texts of coded columns.
pub struct Sorted {
    pub shard: usize,
    pub stored: StoredShard,
    pub texts: Vec<Option<StringViewArray>>,
}

impl Sorted {
    /// Sorts the rows of a partition. Its columns are the halves of the hash, the time, the values, and where the rows are of a
    /// change log, which of them are deletes.
    ///
    /// # Errors
    /// A machine error of the disk.
    pub fn new(partition: &StoredPartition, plan: &AsOfPlan) -> Result<Sorted> {
        let fill = plan.fill;
        let ordered = partition.order()?;
        let rows = ordered.len();
        if rows >= NONE as usize {
            return Err(Error::machine("a table has too many rows of one key"));
        }
        let mut arrays = ordered.columns(0, rows);
        let deletes = plan.op.and_then(|_| arrays.pop());
        let positions = ordered.positions(0, rows);
        // The blocks of the rows take about as much memory as the arrays that were made of them.
        drop(ordered);
        let word = |c: usize| arrays[c].as_primitive::<Int64Type>().values();
        let (high, low, time) = (word(0), word(1), word(2));
        let place = |row: u32| {
            let row = row as usize;
            HashAndTime { high: high[row] as u64, low: low[row] as u64, time: time[row] }
        };
        let order = sort(rows as u32, place, &positions);

        let mut places: Vec<HashAndTime> = Vec::with_capacity(rows);
        let mut ends: Vec<u32> = Vec::with_capacity(rows);
        // The first row of each place that counts: none before a delete of the same instant.
        let mut starts: Vec<u32> = Vec::with_capacity(rows);
        let mut lives: Vec<Life> = vec![];
        let deleted = |row: u32| deletes.as_ref().is_some_and(|d| d.as_boolean().value(row as usize));
        for (i, &row) in (0u32..).zip(&order) {
            let place = place(row);
            if places.last() == Some(&place) {
                ends.pop();
            } else {
                places.push(place);
                starts.push(i);
                lives.push(Life::Row);
            }
            ends.push(i + 1);
            let (Some(start), Some(life)) = (starts.last_mut(), lives.last_mut()) else { continue };
            match (deleted(row), *life) {
                (true, _) => (*start, *life) = (i, Life::Ended),
                (false, Life::Ended) => (*start, *life) = (i, Life::Again),
                (false, _) => {}
            }
        }
        // The table lives as long as the run, and so would the room that is left over.
        places.shrink_to_fit();
        let lasts: Vec<u32> = ends.iter().map(|&end| order[end as usize - 1]).collect();
        let values = &arrays[3..];
        let column = |array: &ArrayRef| match array.logical_nulls().filter(|n| n.null_count() > 0) {
            Some(nulls) if fill && places.len() < rows => {
                // Of the rows at one instant, the last that has a value.
                let chosen = starts.iter().zip(&ends).map(|(&start, &end)| {
                    let own = &order[start as usize..end as usize];
                    *own.iter().rev().find(|&&row| nulls.is_valid(row as usize)).unwrap_or(&own[0])
                });
                Column::new(array, &chosen.collect::<Vec<_>>())
            }
            _ => Column::new(array, &lasts),
        };
        // Without `fill` a row that has ended is never chosen, so its values need not be hidden.
        let columns = values.iter().map(|array| match fill {
            true => column(array).without(&lives),
            false => column(array),
        });
        let columns = columns.collect();
        let texts = values.iter().map(|a| Some(a.as_any_dictionary_opt()?.values().as_string_view().clone()));
        let shard = places.first().map_or(0, HashAndTime::shard);
        Ok(Sorted {
            shard,
            texts: texts.collect(),
            stored: StoredShard::new(ShardRows { places, columns }, Lives::new(&lives)),
        })
    }
}

/// The rows by (hash, time, position); they come by the prefix of the hash.
fn sort(rows: u32, place: impl Fn(u32) -> HashAndTime, positions: &[Position]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows).collect();
    for alike in order.chunk_by_mut(|&a, &b| prefix(place(a).high) == prefix(place(b).high)) {
        if alike.len() > 1 {
            alike.sort_unstable_by_key(|&row| (place(row), positions[row as usize]));
        }
    }
    order
}

impl StoredShard {
    /// Makes the rows of a shard ready to be looked into.
    pub fn new(part: ShardRows, lives: Option<Lives>) -> StoredShard {
        let keys = part.places.chunk_by(|a, b| a.has_key_of(b)).count();
        let mut stored = StoredShard { part, lives, slots: vec![0; keys.max(1) + 1] };
        for i in 0..stored.part.places.len() {
            let slot = stored.slot(stored.part.places[i].high);
            stored.slots[slot + 1] += 1;
        }
        stored.slots.iter_mut().fold(0, |sum, count| {
            *count += sum;
            *count
        });
        stored
    }

    #[inline]
    fn slot(&self, high: u64) -> usize {
        // A multiplication in place of a division: hashes are even over their range, so slots are too.
        let share = u128::from(high << SHARD_BITS) * (self.slots.len() - 1) as u128;
        (share >> 64) as usize
    }

    /// The rows of the slot where a needle belongs.
    #[inline]
    pub fn span(&self, needle: &HashAndTime) -> (u32, u32) {
        let slot = self.slot(needle.high);
        (self.slots[slot], self.slots[slot + 1])
    }

    /// Part of what lies in a slot: brings it into the cache.
    #[inline]
    pub fn touch(&self, (from, to): (u32, u32)) -> u64 {
        let part = |row: u32| self.part.places.get(row as usize).map_or(0, |place| place.low);
        part(from) ^ part(to.saturating_sub(1))
    }

    /// The nearest rows before and after the needle, of any key.
    #[inline]
    pub fn around(&self, (from, to): (u32, u32), needle: &HashAndTime, reach: &Reach) -> (u32, u32) {
        let own = &self.part.places[from as usize..to as usize];
        // A slot has about one key, so most have few rows, and a scan of them is faster than a binary search.
        let before = if own.len() <= 8 {
            let mut before = 0;
            // The high half alone decides between almost any two keys.
            while own.get(before).is_some_and(|place| place.high < needle.high) {
                before += 1;
            }
            while own.get(before).is_some_and(|place| place < needle) {
                before += 1;
            }
            before
        } else {
            own.partition_point(|place| place < needle)
        };
        let around = reach.around(from + before as u32, own.get(before) == Some(needle));
        self.lives.as_ref().map_or(around, |lives| lives.around(around))
    }

    /// The row that the needle takes of those around it, or [`NONE`].
    #[inline]
    pub fn choose(&self, needle: &HashAndTime, (before, after): (u32, u32), reach: &Reach) -> u32 {
        let place = |row: u32| self.part.places.get(row as usize);
        match reach.choose(needle, place(before), place(after)) {
            Some(true) => before,
            Some(false) => after,
            None => NONE,
        }
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.part.places.capacity() * size_of::<HashAndTime>()
            + self.slots.capacity() * 4
            + self.lives.as_ref().map_or(0, Lives::bytes)
            + self.part.columns.iter().map(Column::bytes).sum::<usize>()
    }
}

/// The nearest rows before and after where a column has a value, in the lives of the rows around.
#[inline]
pub fn with_value(
    valid: Option<&BitIndex>,
    lives: Option<&Lives>,
    (before, after): (u32, u32),
) -> (u32, u32) {
    let Some(valid) = valid else { return (before, after) };
    // `NONE` lies past the last bit, where `last_up_to` would panic.
    let last = if before == NONE { None } else { valid.last_up_to(before) };
    let found = (last.unwrap_or(NONE), valid.first_from(after).unwrap_or(NONE));
    lives.map_or(found, |lives| lives.of_one_life((before, after), found))
}
