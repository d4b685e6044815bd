//! `median` and `quantile(x, q)`: all values are kept, sorted at the end, and interpolated linearly
//! as SQL's PERCENTILE_CONT does. Merge law: union of multisets.

use super::domain::{Domain, Word, word_to_float};
use super::{Accumulator, Reader, Rows, same};
use crate::batch::DataType;
use crate::error::Result;
use arrow_array::{ArrayRef, Float64Array};
use std::any::Any;
use std::sync::Arc;

/// All values of each slot, as order-preserving words.
pub struct Quantile {
    ty: DataType,
    q: f64,
    values: Vec<Vec<i128>>,
    count: usize,
}

impl Quantile {
    pub fn new(ty: DataType, q: f64) -> Quantile {
        Quantile { ty, q, values: vec![], count: 0 }
    }

    fn float(&self, word: i128) -> f64 {
        match self.ty {
            DataType::Float64 => word_to_float(word),
            DataType::Decimal { scale, .. } => {
                super::exact::ratio(arrow_buffer::i256::from_i128(word), super::exact::pow10(scale))
            }
            _ => word as f64,
        }
    }

    fn quantile(&self, values: &[i128]) -> Option<f64> {
        let mut values = values.to_vec();
        let rank = self.q * values.len().checked_sub(1)? as f64;
        let low = rank.floor() as usize;
        let (_, &mut at, above) = values.select_nth_unstable(low);
        let at = self.float(at);
        let fraction = rank - low as f64;
        match above.iter().min() {
            Some(&next) if fraction > 0.0 => Some(at + (self.float(next) - at) * fraction),
            _ => Some(at),
        }
    }
}

impl Accumulator for Quantile {
    fn resize(&mut self, slots: usize) {
        self.values.resize(slots, vec![]);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        Word(self.ty).each(&rows.args[0], |i, word| {
            self.values[slots[i] as usize].push(word);
            self.count += 1;
        });
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &Quantile = same(other);
        for &(mine, theirs) in pairs {
            let theirs = &other.values[theirs as usize];
            self.count += theirs.len();
            self.values[mine as usize].extend_from_slice(theirs);
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        let values = &self.values[slot as usize];
        out.extend_from_slice(&(values.len() as u64).to_le_bytes());
        values.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut Reader) -> Result<()> {
        for _ in 0..state.u64() {
            self.values[slot as usize].push(state.i128());
            self.count += 1;
        }
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        Ok(Arc::new(self.values[..slots].iter().map(|v| self.quantile(v)).collect::<Float64Array>()))
    }

    fn bytes(&self) -> usize {
        // A growing Vec holds up to twice its values.
        self.values.capacity() * 24 + self.count * 32
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
