//! `count(*)`, `count(x)` and `count_if(x)`. Merge law: addition of integers.

use super::accumulator::{Accumulator, Rows, same};
use super::codec::StateReader;
use crate::error::Result;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int64Array};
use std::any::Any;
use std::sync::Arc;

/// Counts rows, or values that are not NULL where there is an argument.
#[derive(Default)]
pub struct Count {
    counts: Vec<u64>,
    /// Only those that are true.
    of_true: bool,
}

impl Count {
    /// Counts bools that are true.
    pub fn of_true() -> Count {
        Count { counts: vec![], of_true: true }
    }
}

impl Accumulator for Count {
    fn resize(&mut self, slots: usize) {
        self.counts.resize(slots, 0);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        if self.of_true {
            let bools = rows.args[0].as_boolean();
            let is_true = |i: &usize| bools.is_valid(*i) && bools.value(*i);
            (0..bools.len()).filter(is_true).for_each(|i| self.counts[slots[i] as usize] += 1);
            return Ok(());
        }
        // `count(*)` does not have an argument: then every row counts.
        match rows.args.first().and_then(|a| a.nulls()) {
            None => slots.iter().for_each(|&s| self.counts[s as usize] += 1),
            Some(nulls) => nulls.valid_indices().for_each(|i| self.counts[slots[i] as usize] += 1),
        }
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &Count = same(other);
        for &(mine, theirs) in pairs {
            self.counts[mine as usize] += other.counts[theirs as usize];
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.counts[slot as usize].to_le_bytes());
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        self.counts[slot as usize] += state.u64();
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        // A count fits: 2^63 events are more than any disk holds.
        Ok(Arc::new(Int64Array::from_iter_values(self.counts[..slots].iter().map(|&n| n as i64))))
    }

    fn bytes(&self) -> usize {
        self.counts.capacity() * 8
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
