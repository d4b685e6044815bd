//! `median` and `quantile(x, q)`: all values are kept, sorted at the end, and interpolated linearly
//! as SQL's PERCENTILE_CONT does. Merge law: union of multisets.
//!
//! There may be more values than memory holds: an encoded state comes in pieces, and within a bound the
//! values go to sorted runs on disk, whose merge is read up to the rank that is asked for.

use super::accumulator::{Accumulator, PIECE, Rows, same};
use super::codec::StateReader;
use super::domain::{Domain, Word};
use super::runs::Runs;
use crate::batch::{DataType, Native};
use crate::error::Result;
use arrow_array::{ArrayRef, Float64Array};
use rayon::prelude::*;
use std::any::Any;
use std::path::Path;
use std::sync::Arc;

/// All values of each slot, as order-preserving words.
pub struct Quantile {
    ty: DataType,
    q: f64,
    values: Vec<Vec<i128>>,
    /// How many values are in memory.
    count: usize,
    /// Values that went to disk, and how many of each slot.
    runs: Runs<i128>,
    spilled: Vec<u64>,
}

/// Where a quantile lies among sorted values: at index `low`, or a fraction of the way to the next.
fn place(q: f64, values: u64) -> Option<(u64, f64)> {
    // PERCENTILE_CONT counts ranks from 0 to n − 1.
    let rank = q * values.checked_sub(1)? as f64;
    Some((rank.floor() as u64, rank - rank.floor()))
}

impl Quantile {
    pub fn new(ty: DataType, q: f64) -> Quantile {
        Quantile { ty, q, values: vec![], count: 0, runs: Runs::new(), spilled: vec![] }
    }

    fn float(&self, word: i128) -> f64 {
        match (self.ty, self.ty.scale()) {
            (DataType::Float64, _) => f64::of_rank(word),
            (_, Some(scale)) => {
                super::exact::ratio(arrow_buffer::i256::from_i128(word), super::exact::pow10(scale))
            }
            _ => word as f64,
        }
    }

    fn quantile(&self, values: &[i128]) -> Option<f64> {
        let mut values = values.to_vec();
        let (low, fraction) = place(self.q, values.len() as u64)?;
        // A selection is linear, and only two values of the order are needed.
        let (_, &mut at, above) = values.select_nth_unstable(low as usize);
        Some(self.between(at, above.iter().min().copied(), fraction))
    }

    fn between(&self, at: i128, next: Option<i128>, fraction: f64) -> f64 {
        let at = self.float(at);
        // Without a fraction the next value must not be used: 0 times an infinite distance is NaN.
        let Some(next) = next.filter(|_| fraction > 0.0).map(|next| self.float(next)) else { return at };
        // In halves where the distance is more than a float holds.
        match next - at {
            f64::INFINITY if next.is_finite() && at.is_finite() => {
                2.0 * (at / 2.0 + (next / 2.0 - at / 2.0) * fraction)
            }
            distance => at + distance * fraction,
        }
    }

    /// The quantiles where values are on disk.
    fn quantiles_of_runs(&self) -> Result<Vec<Option<f64>>> {
        let places: Vec<Option<(u64, f64)>> = self
            .values
            .iter()
            .enumerate()
            .map(|(slot, values)| {
                place(self.q, values.len() as u64 + self.spilled.get(slot).copied().unwrap_or(0))
            })
            .collect();
        let rest = self.values.iter().enumerate().flat_map(|(slot, values)| {
            let mut values = values.clone();
            values.par_sort_unstable();
            values.into_iter().map(move |value| (slot as u32, value))
        });
        let mut found = vec![(None, None); places.len()];
        let (mut current, mut index) = (0, 0);
        self.runs.merge(rest, |slot, &value| {
            // Slots come one after the other, so one counter serves all of them.
            index = if slot == current { index } else { 0 };
            current = slot;
            if let Some((low, _)) = places[slot as usize] {
                let found = &mut found[slot as usize];
                match index {
                    _ if index == low => found.0 = Some(value),
                    _ if index == low + 1 => found.1 = Some(value),
                    _ => {}
                }
            }
            index += 1;
        })?;
        let quantiles = found.into_iter().zip(places);
        Ok(quantiles.map(|((at, next), place)| Some(self.between(at?, next, place?.1))).collect())
    }
}

/// Appends `values` as a state.
fn put(values: &[i128], out: &mut Vec<u8>) {
    out.extend_from_slice(&(values.len() as u64).to_le_bytes());
    values.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
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
        // `encode_rest` cuts at the same multiples, so that each value is in one piece.
        put(&values[..values.len().min(PIECE / 16)], out);
    }

    fn encode_rest(
        &self,
        slot: u32,
        write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let mut piece = vec![];
        self.values[slot as usize].chunks(PIECE / 16).skip(1).try_for_each(|values| {
            piece.clear();
            put(values, &mut piece);
            write(&piece)
        })
    }

    fn bound(&mut self, bytes: usize, folder: &Path) -> Result<()> {
        if self.count * 32 <= bytes {
            return Ok(());
        }
        self.count = 0;
        self.spilled.resize(self.values.len(), 0);
        let spilled = &mut self.spilled;
        let slots = self.values.iter_mut().enumerate().map(|(slot, values)| {
            // The rank needs the number of values before the merge reads them.
            spilled[slot] += values.len() as u64;
            values.par_sort_unstable();
            (slot as u32, std::mem::take(values))
        });
        self.runs.write(folder, slots)
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        for _ in 0..state.u64() {
            self.values[slot as usize].push(state.i128());
            self.count += 1;
        }
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        if !self.runs.is_empty() {
            return Ok(Arc::new(self.quantiles_of_runs()?.into_iter().take(slots).collect::<Float64Array>()));
        }
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
