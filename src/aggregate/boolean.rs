//! `bool_and` and `bool_or`. Merge law: minimum and maximum of {false, true}.

use super::accumulator::{Accumulator, Rows, same};
use super::codec::StateReader;
use crate::error::Result;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use std::any::Any;
use std::sync::Arc;

const NONE: u8 = 2;

/// Keeps 0, 1, or [`NONE`] per slot.
pub struct Bool {
    and: bool,
    values: Vec<u8>,
}

impl Bool {
    pub fn new(and: bool) -> Bool {
        Bool { and, values: vec![] }
    }

    fn fold(&mut self, slot: u32, value: u8) {
        let held = &mut self.values[slot as usize];
        *held = match (*held, value) {
            // A slot that has not seen a value is neutral where tables and states are merged.
            (NONE, other) | (other, NONE) => other,
            (a, b) if self.and => a & b,
            (a, b) => a | b,
        };
    }
}

impl Accumulator for Bool {
    fn resize(&mut self, slots: usize) {
        self.values.resize(slots, NONE);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        let array = rows.args[0].as_boolean();
        for i in (0..array.len()).filter(|&i| array.is_valid(i)) {
            self.fold(slots[i], array.value(i).into());
        }
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &Bool = same(other);
        for &(mine, theirs) in pairs {
            self.fold(mine, other.values[theirs as usize]);
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        out.push(self.values[slot as usize]);
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        let value = state.u8();
        self.fold(slot, value);
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        let values = self.values[..slots].iter().map(|&v| (v != NONE).then_some(v == 1));
        Ok(Arc::new(values.collect::<BooleanArray>()))
    }

    fn bytes(&self) -> usize {
        self.values.capacity()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
