//! Variance and standard deviation, from the exact sums of values and of their squares.
//!
//! Merge law: addition of exact sums. The result is n·Σx² − (Σx)² over n² (or n·(n−1)): in 256-bit
//! integers for integers and decimals, in 106-bit floats for floats, so it does not depend on order.

use super::exact::{FloatSum, ratio};
use super::sum::each;
use super::{Accumulator, Reader, Rows, overflow, same};
use crate::batch::DataType;
use crate::error::Result;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use arrow_array::{ArrayRef, Float64Array};
use arrow_buffer::i256;
use std::any::Any;
use std::sync::Arc;

/// The accumulator over `ty`.
pub fn new(ty: DataType, sample: bool, root: bool) -> Box<dyn Accumulator> {
    let shape = Shape { sample, root };
    match ty {
        DataType::Float64 => Box::new(Spread::<FloatMoments> { ty, shape, moments: vec![] }),
        ty => Box::new(Spread::<IntMoments> { ty, shape, moments: vec![] }),
    }
}

#[derive(Clone, Copy)]
struct Shape {
    sample: bool,
    root: bool,
}

/// Count, sum and sum of squares of a slot.
trait Moments: Clone + Default + Send + Sync + 'static {
    fn update(moments: &mut [Self], ty: DataType, slots: &[u32], array: &ArrayRef) -> Result<()>;
    fn merge(&mut self, other: &Self) -> Result<()>;
    fn encode(&self, out: &mut Vec<u8>);
    fn decode(state: &mut Reader) -> Self;
    fn count(&self) -> u64;
    /// Sum of the squared distances from the mean, times n, and divided by n · `divisor`.
    fn variance(&self, divisor: u64) -> Result<f64>;
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

impl Moments for IntMoments {
    fn update(moments: &mut [Self], ty: DataType, slots: &[u32], array: &ArrayRef) -> Result<()> {
        let mut add = |i: usize, v: i128| {
            let wide = i256::from_i128(v);
            moments[slots[i] as usize].add(1, v, wide.wrapping_mul(wide))
        };
        match ty {
            DataType::Int64 => each(array.as_primitive::<Int64Type>(), |i, v| add(i, v.into())),
            _ => each(array.as_primitive::<Decimal128Type>(), add),
        }
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.add(other.count, other.sum, other.squares)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.sum.to_le_bytes());
        out.extend_from_slice(&self.squares.to_le_bytes());
    }

    fn decode(state: &mut Reader) -> Self {
        let (count, sum) = (state.u64(), state.i128());
        let squares = i256::from_le_bytes(state.take(32).try_into().expect("32 bytes"));
        IntMoments { count, sum, squares }
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn variance(&self, divisor: u64) -> Result<f64> {
        let (n, sum) = (i256::from_i128(self.count.into()), i256::from_i128(self.sum));
        let numerator = n
            .checked_mul(self.squares)
            .and_then(|a| a.checked_sub(sum.checked_mul(sum)?))
            .ok_or_else(|| overflow("variance"))?;
        Ok(ratio(numerator, n.wrapping_mul(i256::from_i128(divisor.into()))))
    }
}

#[derive(Clone, Default)]
struct FloatMoments {
    count: u64,
    sum: FloatSum,
    squares: FloatSum,
}

impl Moments for FloatMoments {
    fn update(moments: &mut [Self], _: DataType, slots: &[u32], array: &ArrayRef) -> Result<()> {
        each(array.as_primitive::<Float64Type>(), |i, v| {
            let held = &mut moments[slots[i] as usize];
            held.count += 1;
            held.sum.add(v);
            held.squares.add_square(v);
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

    fn decode(state: &mut Reader) -> Self {
        FloatMoments { count: state.u64(), sum: FloatSum::decode(state), squares: FloatSum::decode(state) }
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn variance(&self, divisor: u64) -> Result<f64> {
        let n = self.count as f64;
        let ((s, s_low), (q, q_low)) = (self.sum.double_double(), self.squares.double_double());
        // n·q − s², in double-double: products by fused multiply-add, the small parts added last.
        let (nq, ss) = (n * q, s * s);
        let (nq_low, ss_low) = (n.mul_add(q, -nq) + n * q_low, s.mul_add(s, -ss) + 2.0 * s * s_low);
        let numerator = (nq - ss) + (nq_low - ss_low);
        Ok(if numerator.is_nan() { numerator } else { numerator.max(0.0) / (n * divisor as f64) })
    }
}

struct Spread<M> {
    ty: DataType,
    shape: Shape,
    moments: Vec<M>,
}

impl<M: Moments> Accumulator for Spread<M> {
    fn resize(&mut self, slots: usize) {
        self.moments.resize(slots, M::default());
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        M::update(&mut self.moments, self.ty, slots, &rows.args[0])
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

    fn merge_encoded(&mut self, slot: u32, state: &mut Reader) -> Result<()> {
        self.moments[slot as usize].merge(&M::decode(state))
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        let unit = match self.ty {
            DataType::Decimal { scale, .. } => 10f64.powi(i32::from(scale)),
            _ => 1.0,
        };
        let result = |m: &M| -> Result<Option<f64>> {
            let divisor = m.count().saturating_sub(self.shape.sample.into());
            if divisor == 0 {
                return Ok(None);
            }
            let variance = m.variance(divisor)? / (unit * unit);
            Ok(Some(if self.shape.root { variance.sqrt() } else { variance }))
        };
        Ok(Arc::new(self.moments[..slots].iter().map(result).collect::<Result<Float64Array>>()?))
    }

    fn bytes(&self) -> usize {
        self.moments.capacity() * std::mem::size_of::<M>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
