//! Variance and standard deviation, from the exact sums of values and of their squares.
//!
//! Merge law: addition of exact sums. The variance is n·Σx² − (Σx)² over n² (or n·(n−1)): an exact fraction, rounded
//! once. The deviation of floats is the exact fraction's root, rounded once; that of integers and decimals the root of
//! the variance, as SQL engines take it. With a NaN or an infinity among floats, the result is NaN.

use super::accumulator::{Accumulator, Rows, overflow, same};
use super::codec::StateReader;
use super::exact::FloatSum;
use super::fraction::{Dyadic, Fraction};
use super::products::Products;
use super::sum::{each_exact, each_float};
use crate::batch::DataType;
use crate::error::Result;
use arrow_array::{ArrayRef, Float64Array};
use arrow_buffer::i256;
use num_bigint::{BigInt, BigUint};
use std::any::Any;
use std::sync::Arc;

/// The accumulator over `ty`.
pub fn new(ty: DataType, sample: bool, root: bool) -> Box<dyn Accumulator> {
    let shape = SpreadKind { sample, root };
    match ty {
        DataType::Float64 => Box::new(Spread::<FloatMoments> { ty, shape, moments: vec![] }),
        ty => Box::new(Spread::<IntMoments> { ty, shape, moments: vec![] }),
    }
}

#[derive(Clone, Copy)]
struct SpreadKind {
    sample: bool,
    root: bool,
}

/// Count, sum and sum of squares of a slot.
trait SpreadMoments: Clone + Default + Send + Sync + 'static {
    fn update(moments: &mut [Self], slots: &[u32], array: &ArrayRef) -> Result<()>;
    fn merge(&mut self, other: &Self) -> Result<()>;
    fn encode(&self, out: &mut Vec<u8>);
    fn decode(state: &mut StateReader) -> Self;
    fn count(&self) -> u64;
    /// The sum and the sum of squares; none with a NaN or an infinity.
    fn sums(&self) -> Option<(Dyadic, Dyadic)>;
    /// The root of a variance, rounded.
    fn root(variance: &Fraction) -> f64;
}

#[derive(Clone, Default)]
struct IntMoments {
    count: u64,
    sum: i128,
    squares: i256,
}

impl IntMoments {
    fn add(&mut self, count: u64, sum: i128, squares: i256) -> Result<()> {
        self.count += count;
        self.sum = self.sum.checked_add(sum).ok_or_else(|| overflow("sum"))?;
        self.squares = self.squares.checked_add(squares).ok_or_else(|| overflow("sum of squares"))?;
        Ok(())
    }
}

impl SpreadMoments for IntMoments {
    fn update(moments: &mut [Self], slots: &[u32], array: &ArrayRef) -> Result<()> {
        let add = |i: usize, v: i128| {
            // A decimal has at most 38 digits, so its square is below 2^253 and does not wrap.
            let wide = i256::from_i128(v);
            moments[slots[i] as usize].add(1, v, wide.wrapping_mul(wide))
        };
        each_exact(array, add)
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.add(other.count, other.sum, other.squares)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.sum.to_le_bytes());
        out.extend_from_slice(&self.squares.to_le_bytes());
    }

    fn decode(state: &mut StateReader) -> Self {
        let (count, sum) = (state.u64(), state.i128());
        let squares = i256::from_le_bytes(state.take(32).try_into().expect("32 bytes"));
        IntMoments { count, sum, squares }
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn sums(&self) -> Option<(Dyadic, Dyadic)> {
        let squares = BigInt::from_signed_bytes_le(&self.squares.to_le_bytes());
        Some((self.sum.into(), Dyadic { whole: squares, exponent: 0 }))
    }

    fn root(variance: &Fraction) -> f64 {
        variance.value().sqrt()
    }
}

#[derive(Clone, Default)]
struct FloatMoments {
    count: u64,
    sum: FloatSum,
    squares: Products,
}

impl SpreadMoments for FloatMoments {
    fn update(moments: &mut [Self], slots: &[u32], array: &ArrayRef) -> Result<()> {
        each_float(array, |i, v| {
            let held = &mut moments[slots[i] as usize];
            held.count += 1;
            held.sum.add(v);
            held.squares.add(v, v);
            Ok(())
        })
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.count += other.count;
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        self.sum.encode(out);
        self.squares.encode(out);
    }

    fn decode(state: &mut StateReader) -> Self {
        FloatMoments { count: state.u64(), sum: FloatSum::decode(state), squares: Products::decode(state) }
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn sums(&self) -> Option<(Dyadic, Dyadic)> {
        Some((self.sum.exact()?, self.squares.exact()?))
    }

    fn root(variance: &Fraction) -> f64 {
        variance.sqrt()
    }
}

struct Spread<M> {
    ty: DataType,
    shape: SpreadKind,
    moments: Vec<M>,
}

impl<M: SpreadMoments> Accumulator for Spread<M> {
    fn resize(&mut self, slots: usize) {
        self.moments.resize(slots, M::default());
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        M::update(&mut self.moments, slots, &rows.args[0])
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &Spread<M> = same(other);
        pairs.iter().try_for_each(|&(mine, theirs)| {
            self.moments[mine as usize].merge(&other.moments[theirs as usize])
        })
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        self.moments[slot as usize].encode(out);
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        self.moments[slot as usize].merge(&M::decode(state))
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        let unit = BigUint::from(10u32).pow(2 * u32::from(self.ty.scale().unwrap_or(0)));
        let result = |m: &M| -> Option<f64> {
            let n = m.count();
            // A group without values gives NULL, and so does a sample of one value, whose divisor is 0.
            let divisor = n.checked_sub(self.shape.sample.into()).filter(|divisor| *divisor > 0)?;
            let Some((sum, squares)) = m.sums() else { return Some(f64::NAN) };
            // n·Σx² − (Σx)² is exact, where distances from a rounded mean are not.
            let above = squares.times(&i128::from(n).into()).minus(&sum.times(&sum));
            let variance = above.over(BigUint::from(n) * divisor * &unit);
            Some(if self.shape.root { M::root(&variance) } else { variance.value() })
        };
        Ok(Arc::new(self.moments[..slots].iter().map(result).collect::<Float64Array>()))
    }

    fn bytes(&self) -> usize {
        self.moments.capacity() * std::mem::size_of::<M>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
