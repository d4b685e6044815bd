//! `bit_and`, `bit_or`, `bit_xor`. Merge law: the operation itself, which is commutative and associative.

use super::accumulator::{Accumulator, Rows, same};
use super::codec::StateReader;
use super::sum::each_exact;
use crate::error::Result;
use arrow_array::{ArrayRef, Int64Array};
use std::any::Any;
use std::sync::Arc;

/// What bits are joined by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// Those that all have.
    And,
    /// Those that any has.
    Or,
    /// Those that an odd number have.
    Xor,
}

/// The bits of each slot; none without a value.
pub struct OfBits {
    operation: Bits,
    values: Vec<Option<i64>>,
}

impl OfBits {
    pub fn new(operation: Bits) -> OfBits {
        OfBits { operation, values: vec![] }
    }

    fn fold(&mut self, slot: u32, value: i64) {
        let held = &mut self.values[slot as usize];
        *held = Some(match (*held, self.operation) {
            // Not a neutral element such as 0 or −1 from the start: a group without a value gives NULL, as in
            // PostgreSQL.
            (None, _) => value,
            (Some(held), Bits::And) => held & value,
            (Some(held), Bits::Or) => held | value,
            (Some(held), Bits::Xor) => held ^ value,
        });
    }
}

impl Accumulator for OfBits {
    fn resize(&mut self, slots: usize) {
        self.values.resize(slots, None);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        each_exact(&rows.args[0], |i, value| {
            self.fold(slots[i], value as i64);
            Ok(())
        })
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &OfBits = same(other);
        for &(mine, theirs) in pairs {
            if let Some(value) = other.values[theirs as usize] {
                self.fold(mine, value);
            }
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        let value = self.values[slot as usize];
        out.push(value.is_some().into());
        out.extend(value.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        if state.u8() == 1 {
            let value = state.i64();
            self.fold(slot, value);
        }
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        Ok(Arc::new(self.values[..slots].iter().copied().collect::<Int64Array>()))
    }

    fn bytes(&self) -> usize {
        self.values.capacity() * std::mem::size_of::<Option<i64>>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
