//! `approx_count_distinct(x)`: about how many distinct values there are. Merge law: union of sets of
//! hashes, and of those the greatest rank per register.
//!
//! # Contract
//! * The state is a function of the set of values alone, and so is the estimate: how rows were
//!   ordered, split and merged never shows.
//! * A value's hash is XXH3 (64 bits, seed 0) of the UTF-8 bytes of a string, and of every other value
//!   of its word (see [`super::domain`]) as 16 little-endian bytes. It is the same on every machine.
//! * Up to [`SPARSE`] distinct values the hashes themselves are kept, and the count is exact (but for
//!   two values of one hash: once in 10^13 such groups). Past that there are 2^13 registers of
//!   HyperLogLog (8 KiB), whose standard error is 1.04/√8192 = 1.15 %.
//!
//! The estimator is Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches",
//! arXiv:1702.01284, algorithm 6): it needs no tables of bias and reads nothing but how many registers
//! have each rank. The crates that were looked at keep a running float sum or an estimator that knows
//! the order of updates (cardinality-estimator, hyperloglockless, datasketches), have no small form
//! (hyperloglog), or carry two hash tables per group and need `&mut` to count (hyperloglogplus).

use super::accumulator::{Accumulator, Rows, same};
use super::codec::StateReader;
use crate::aggregate::domain::{Domain, Word};
use crate::batch::DataType;
use crate::error::Result;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int64Array};
use std::any::Any;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Bits of a hash that choose the register.
const INDEX_BITS: u32 = 13;
const REGISTERS: usize = 1 << INDEX_BITS;
/// The rank of a hash whose other bits are all zero.
const MAX_RANK: usize = 64 - INDEX_BITS as usize + 1;
/// The most hashes that are kept as they are: three quarters of a table that is as large as the registers.
const SPARSE: usize = REGISTERS / 8 * 3 / 4;

/// The values of one group.
enum Sketch {
    /// Open addressing, at most three quarters full; 0 is a free slot.
    Sparse { table: Box<[u64]>, len: u32 },
    /// The greatest rank per register.
    Dense(Box<[u8; REGISTERS]>),
}

/// The accumulator.
pub struct ApproxDistinct {
    ty: DataType,
    sketches: Vec<Sketch>,
    bytes: usize,
}

impl Sketch {
    fn new() -> Sketch {
        Sketch::Sparse { table: Box::default(), len: 0 }
    }

    fn insert(&mut self, hash: u64) {
        // 0 stands for a free slot, so what hashes to it takes the place of another.
        let hash = hash.max(1);
        match self {
            Sketch::Dense(registers) => raise(registers, hash),
            Sketch::Sparse { table, len } => {
                if let Some(at) = find(table, hash)
                    && table[at] == hash
                {
                    return;
                }
                // The set changes to registers with its 769th value, in whatever order values come, so the
                // state depends on the set alone.
                if *len as usize == SPARSE {
                    let mut registers = Box::new([0; REGISTERS]);
                    table.iter().filter(|&&held| held != 0).for_each(|&held| raise(&mut registers, held));
                    raise(&mut registers, hash);
                    *self = Sketch::Dense(registers);
                    return;
                }
                if (*len as usize + 1) * 4 > table.len() * 3 {
                    // Four slots are enough for most groups: a job may have millions of them with a value or
                    // two.
                    let larger = vec![0; (table.len() * 2).max(4)].into_boxed_slice();
                    for held in std::mem::replace(table, larger).into_iter().filter(|&held| held != 0) {
                        put(table, held);
                    }
                }
                put(table, hash);
                *len += 1;
            }
        }
    }

    fn merge(&mut self, other: &Sketch) {
        match (&mut *self, other) {
            (Sketch::Dense(mine), Sketch::Dense(theirs)) => raise_all(mine, &theirs[..]),
            (Sketch::Sparse { .. }, Sketch::Dense(theirs)) => self.merge_registers(&theirs[..]),
            // One by one: the union may pass `SPARSE`, and then it becomes registers just as one long input
            // would.
            (_, Sketch::Sparse { table, .. }) => {
                table.iter().filter(|&&hash| hash != 0).for_each(|&hash| self.insert(hash));
            }
        }
    }

    fn merge_registers(&mut self, theirs: &[u8]) {
        if let Sketch::Sparse { table, .. } = self {
            let mut registers = Box::new([0; REGISTERS]);
            table.iter().filter(|&&hash| hash != 0).for_each(|&hash| raise(&mut registers, hash));
            *self = Sketch::Dense(registers);
        }
        if let Sketch::Dense(mine) = self {
            raise_all(mine, theirs);
        }
    }

    fn count(&self) -> i64 {
        match self {
            Sketch::Sparse { len, .. } => i64::from(*len),
            // There are registers only where there were more values than fit.
            Sketch::Dense(registers) => (estimate(registers).round() as i64).max(SPARSE as i64 + 1),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Sketch::Sparse { table, .. } if table.is_empty() => 0,
            // 16 bytes for what malloc keeps beside a block.
            Sketch::Sparse { table, .. } => table.len() * 8 + 16,
            Sketch::Dense(_) => REGISTERS + 16,
        }
    }
}

/// Where `hash` lies, or the free slot where it belongs; `None` in a table without slots.
fn find(table: &[u64], hash: u64) -> Option<usize> {
    let mask = table.len().checked_sub(1)?;
    // The low bits: the high ones choose the register.
    let mut at = hash as usize & mask;
    // At least a quarter of the slots is free, so the search ends.
    while table[at] != 0 && table[at] != hash {
        at = (at + 1) & mask;
    }
    Some(at)
}

fn put(table: &mut [u64], hash: u64) {
    if let Some(at) = find(table, hash) {
        table[at] = hash;
    }
}

#[inline]
fn raise(registers: &mut [u8; REGISTERS], hash: u64) {
    let register = &mut registers[(hash >> (64 - INDEX_BITS)) as usize];
    // The bit below the rest stops the count at `MAX_RANK`.
    let rest = hash << INDEX_BITS | 1 << (INDEX_BITS - 1);
    *register = (*register).max(rest.leading_zeros() as u8 + 1);
}

fn raise_all(mine: &mut [u8; REGISTERS], theirs: &[u8]) {
    mine.iter_mut().zip(theirs).for_each(|(mine, &theirs)| *mine = (*mine).max(theirs));
}

/// Ertl's improved raw estimator. Nothing but +, −, ·, / and √, which IEEE 754 rounds alike everywhere.
fn estimate(registers: &[u8; REGISTERS]) -> f64 {
    let mut ranks = [0u32; MAX_RANK + 1];
    registers.iter().for_each(|&rank| ranks[rank as usize] += 1);
    let m = REGISTERS as f64;
    let mut z = m * tau(1.0 - f64::from(ranks[MAX_RANK]) / m);
    // Horner's scheme from the highest rank down: each step halves what lies above, so powers of two are not
    // computed.
    for &count in ranks[1..MAX_RANK].iter().rev() {
        z = 0.5 * (z + f64::from(count));
    }
    z += m * sigma(f64::from(ranks[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

/// x + Σ x^(2^k)·2^(k−1): what registers without a value add.
fn sigma(mut x: f64) -> f64 {
    // With all registers empty the series does not converge.
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        // The terms shrink until adding one changes nothing: that is the limit to the last bit.
        if z == before {
            return z;
        }
    }
}

/// What registers of the greatest rank add.
fn tau(mut x: f64) -> f64 {
    // The limit at both ends is exactly 0, and the loop may stop a little beside it.
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

impl ApproxDistinct {
    pub fn new(ty: DataType) -> ApproxDistinct {
        ApproxDistinct { ty, sketches: vec![], bytes: 0 }
    }

    fn change(&mut self, slot: u32, f: impl FnOnce(&mut Sketch)) {
        let sketch = &mut self.sketches[slot as usize];
        let before = sketch.bytes();
        f(sketch);
        // The old size is subtracted last: the new one may be smaller, and the difference alone would go
        // below 0.
        self.bytes = self.bytes + sketch.bytes() - before;
    }
}

impl Accumulator for ApproxDistinct {
    fn resize(&mut self, slots: usize) {
        self.sketches.resize_with(slots, Sketch::new);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        let array = &rows.args[0];
        if self.ty == DataType::String {
            let array = array.as_string_view();
            for i in (0..array.len()).filter(|&i| array.is_valid(i)) {
                self.change(slots[i], |sketch| sketch.insert(xxh3_64(array.value(i).as_bytes())));
            }
        } else {
            Word(self.ty).each(array, |i, word| {
                // The word, and not the bytes of the Arrow array: −0 and 0 are one value for GROUP BY, and so
                // are all NaN.
                self.change(slots[i], |sketch| sketch.insert(xxh3_64(&word.to_le_bytes())));
            });
        }
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &ApproxDistinct = same(other);
        for &(mine, theirs) in pairs {
            self.change(mine, |sketch| sketch.merge(&other.sketches[theirs as usize]));
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        match &self.sketches[slot as usize] {
            Sketch::Sparse { table, len } => {
                out.extend_from_slice(&len.to_le_bytes());
                let hashes = table.iter().filter(|&&hash| hash != 0);
                hashes.for_each(|hash| out.extend_from_slice(&hash.to_le_bytes()));
            }
            Sketch::Dense(registers) => {
                // A sparse state has at most `SPARSE` hashes, so this length can mark the registers.
                out.extend_from_slice(&u32::MAX.to_le_bytes());
                out.extend_from_slice(&registers[..]);
            }
        }
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        let len = state.u32();
        self.change(slot, |sketch| match len {
            u32::MAX => sketch.merge_registers(state.take(REGISTERS)),
            len => (0..len).for_each(|_| sketch.insert(state.u64())),
        });
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from_iter_values(self.sketches[..slots].iter().map(Sketch::count))))
    }

    fn bytes(&self) -> usize {
        self.bytes + self.sketches.capacity() * std::mem::size_of::<Sketch>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(values: impl Iterator<Item = u64>) -> Sketch {
        let mut sketch = Sketch::new();
        values.for_each(|v| sketch.insert(xxh3_64(&v.to_le_bytes())));
        sketch
    }

    #[test]
    fn small_sets_are_counted_exactly_and_large_ones_within_the_error() {
        for n in (0..=SPARSE as u64).step_by(64).chain([SPARSE as u64]) {
            assert_eq!(sketch((0..n).chain(0..n)).count(), n as i64);
        }
        // The standard error is 1.15 %; over sets that are independent, its root mean square is too.
        for n in [769u64, 3_000, 20_000, 300_000] {
            let sets = (4_000_000 / n).clamp(10, 200);
            let error = |set: u64| {
                let count = sketch(set << 32..(set << 32) + n).count();
                (count as f64 / n as f64 - 1.0).powi(2)
            };
            let rms = ((0..sets).map(error).sum::<f64>() / sets as f64).sqrt();
            assert!(rms < 0.0165, "{n} values: {rms}");
        }
    }

    #[test]
    fn ranks_run_from_one_to_the_greatest() {
        let mut registers = [0; REGISTERS];
        raise(&mut registers, 0);
        raise(&mut registers, u64::MAX);
        assert_eq!((registers[0], registers[REGISTERS - 1]), (MAX_RANK as u8, 1));
        assert!(estimate(&[MAX_RANK as u8; REGISTERS]).is_infinite());
    }
}
