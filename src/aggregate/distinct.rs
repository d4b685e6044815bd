//! `count(distinct x)`, exact. Merge law: union of sets.

use super::domain::{Domain, Text, Word};
use super::{Accumulator, Reader, Rows, same};
use crate::batch::DataType;
use crate::error::Result;
use arrow_array::{ArrayRef, Int64Array};
use hashbrown::HashSet;
use std::any::Any;
use std::sync::Arc;

/// A set of values per slot.
struct Distinct<D: Domain> {
    domain: D,
    sets: Vec<HashSet<D::Value, foldhash::fast::FixedState>>,
    bytes: usize,
}

/// The accumulator for an argument of type `ty`.
pub fn new(ty: DataType) -> Box<dyn Accumulator> {
    match ty {
        DataType::String => Box::new(Distinct { domain: Text, sets: vec![], bytes: 0 }),
        ty => Box::new(Distinct { domain: Word(ty), sets: vec![], bytes: 0 }),
    }
}

impl<D: Domain> Distinct<D> {
    fn insert(&mut self, slot: u32, value: D::Value) {
        let set = &mut self.sets[slot as usize];
        let (heap, held) = (D::heap(&value), set.capacity());
        if set.insert(value) {
            let entry = std::mem::size_of::<D::Value>() + 1;
            self.bytes += heap + (set.capacity() - held) * entry * 8 / 7;
        }
    }
}

impl<D: Domain> Accumulator for Distinct<D> {
    fn resize(&mut self, slots: usize) {
        self.sets.resize_with(slots, || HashSet::with_hasher(foldhash::fast::FixedState::default()));
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        let domain = self.domain;
        domain.each(&rows.args[0], |i, value| self.insert(slots[i], value));
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &Distinct<D> = same(other);
        for &(mine, theirs) in pairs {
            for value in &other.sets[theirs as usize] {
                self.insert(mine, value.clone());
            }
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        let set = &self.sets[slot as usize];
        out.extend_from_slice(&(set.len() as u64).to_le_bytes());
        set.iter().for_each(|value| D::put(value, out));
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut Reader) -> Result<()> {
        for _ in 0..state.u64() {
            self.insert(slot, D::get(state));
        }
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from_iter_values(self.sets[..slots].iter().map(|s| s.len() as i64))))
    }

    fn bytes(&self) -> usize {
        self.bytes + self.sets.capacity() * std::mem::size_of::<HashSet<D::Value>>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
