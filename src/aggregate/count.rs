//! `count(*)`, `count(x)` and `count_if(x)`. Merge law: addition of integers.

use super::accumulator::{Accumulator, Rows, same};
use super::codec::StateReader;
use super::small::SlotCounts;
use crate::error::Result;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int64Array};
use std::any::Any;
use std::sync::Arc;

/// Counts rows, or values that are not NULL where there is an argument.
#[derive(Default)]
pub struct Count {
    counts: SlotCounts,
    /// Only those that are true.
    of_true: bool,
}

impl Count {
    /// Counts bools that are true.
    pub fn of_true() -> Count {
        Count { of_true: true, ..Count::default() }
    }
}

impl Accumulator for Count {
    fn resize(&mut self, slots: usize) {
        self.counts.resize(slots);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        if self.of_true {
            let bools = rows.args[0].as_boolean();
            let is_true = |i: &usize| bools.is_valid(*i) && bools.value(*i);
            (0..bools.len()).filter(is_true).for_each(|i| self.counts.count(slots[i]));
            return Ok(());
        }
        // `count(*)` does not have an argument: then every row counts.
        match rows.args.first().and_then(|a| a.nulls()) {
            None => slots.iter().for_each(|&slot| self.counts.count(slot)),
            Some(nulls) => nulls.valid_indices().for_each(|i| self.counts.count(slots[i])),
        }
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &Count = same(other);
        for &(mine, theirs) in pairs {
            self.counts.add(mine, other.counts.get(theirs));
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.counts.get(slot).to_le_bytes());
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        self.counts.add(slot, state.u64());
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from_iter_values(self.counts.first(slots).map(|n| n as i64))))
    }

    fn bytes(&self) -> usize {
        self.counts.bytes()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
