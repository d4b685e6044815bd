//! What a table holds at an instant, key by key.

use super::place::{HashAndTime, NONE};
use super::table::AsOfTable;
use super::{AsOfPlan, Direction, Reach};
use crate::error::Result;
use crate::group::key_rows;
use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow_select::concat::concat;
use arrow_select::filter::filter;
use arrow_select::take::take;
use rayon::prelude::*;

/// What a table holds at an instant: a row a key.
#[derive(Debug)]
pub struct HeldRows {
    /// The key columns.
    pub keys: Vec<ArrayRef>,
    /// The time of each key's row.
    pub times: Vec<i64>,
    /// The columns that events take.
    pub columns: Vec<ArrayRef>,
}

impl AsOfTable {
    /// The last row of each key at or before `at`, at most `within` before it, with the values that an
    /// event at that instant would take; in order of the keys' values. The plan must keep the keys.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn held_at(&self, at: i64, within: Option<i64>) -> Result<HeldRows> {
        debug_assert!(self.plan.keep_keys);
        let reach = Reach { direction: Direction::Backward, within, inclusive: true };
        let count = self.plan.columns.len() + if self.plan.keep_keys { self.plan.keys.len() } else { 0 };
        let all: Vec<usize> = (0..count).collect();
        let parts = (0..self.memory.len()).into_par_iter().map(|shard| {
            let mut needles = self.keys(shard)?;
            needles.iter_mut().for_each(|needle| needle.time = at);
            let found = self.find(&needles, &reach, &all)?;
            let held: BooleanArray = found.rows.iter().map(|&row| Some(row != NONE)).collect();
            let of = |c: usize| filter(&self.values(&needles, &found, c), &held).expect("a mask as long");
            Ok((self.times(&needles, &found), (0..count).map(of).collect::<Vec<_>>()))
        });
        let parts = parts.collect::<Result<Vec<_>>>()?;

        Ok(HeldRows::of_parts(&self.plan, parts))
    }

    /// The first place of each key of a shard.
    fn keys(&self, shard: usize) -> Result<Vec<HashAndTime>> {
        match (&self.spilled[shard], &self.file) {
            (Some(spilled), Some(file)) => spilled.keys(file),
            _ => {
                let places = &self.memory[shard].part.places;
                Ok(places.chunk_by(|a, b| a.has_key_of(b)).map(|own| own[0]).collect())
            }
        }
    }
}

impl HeldRows {
    /// The rows of all shards, times and columns of each, in the order of the keys' values.
    pub(super) fn of_parts(plan: &AsOfPlan, parts: Vec<(Vec<i64>, Vec<ArrayRef>)>) -> HeldRows {
        let count = plan.columns.len() + if plan.keep_keys { plan.keys.len() } else { 0 };
        let column = |c: usize| {
            let arrays: Vec<&dyn Array> = parts.iter().map(|(_, columns)| columns[c].as_ref()).collect();
            concat(&arrays).expect("columns of one type")
        };
        let (mut columns, times): (Vec<ArrayRef>, Vec<i64>) =
            ((0..count).map(column).collect(), parts.iter().flat_map(|(times, _)| times).copied().collect());
        let mut keys = columns.split_off(plan.columns.len());
        if keys.is_empty() {
            return HeldRows { keys, times, columns };
        }
        // Shards follow hashes, and the rows are wanted in the order of the keys' values.
        let converter = key_rows(plan.keys.iter().map(|(_, ty)| ty.arrow()));
        let rows = converter.convert_columns(&keys).expect("keys of the plan's types");
        let mut order: Vec<u32> = (0..times.len() as u32).collect();
        order.par_sort_unstable_by(|&a, &b| rows.row(a as usize).cmp(&rows.row(b as usize)));
        let times = order.iter().map(|&row| times[row as usize]).collect();
        let order = UInt32Array::from(order);
        for column in keys.iter_mut().chain(&mut columns) {
            *column = take(column, &order, None).expect("rows of the column");
        }
        HeldRows { keys, times, columns }
    }
}
