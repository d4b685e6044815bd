//! `sum` and `avg`. Merge law: addition, in 128-bit integers or exact float sums.

use super::accumulator::{Accumulator, Rows, same};
use super::codec::StateReader;
use super::exact::{FloatSum, pow10, ratio};
use super::small::{SlotCounts, SlotSums};
use crate::batch::{ColumnView, DataType, Native, NativeView, collect_array};
use crate::error::{Error, Result};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
use arrow_buffer::i256;
use std::any::Any;
use std::sync::Arc;

/// The accumulator of `sum` over `ty`.
pub fn new(ty: DataType) -> Box<dyn Accumulator> {
    match ty {
        DataType::Float64 => Box::new(FloatSums { avg: false, sums: vec![], counts: SlotCounts::default() }),
        ty => Box::new(ExactSum { ty, sums: SlotSums::default() }),
    }
}

/// The accumulator of `avg` over `ty`.
pub fn new_avg(ty: DataType) -> Box<dyn Accumulator> {
    match ty {
        DataType::Float64 => Box::new(FloatSums { avg: true, sums: vec![], counts: SlotCounts::default() }),
        ty => Box::new(Avg {
            scale: ty.scale().unwrap_or(0),
            sums: ExactSum { ty, sums: SlotSums::default() },
            counts: SlotCounts::default(),
        }),
    }
}

/// Calls `f` with the row and value of every value that is not NULL.
fn each<T: Native>(values: &NativeView<T>, mut f: impl FnMut(usize, T) -> Result<()>) -> Result<()> {
    match values.nulls() {
        None => values.iter().enumerate().try_for_each(|(i, v)| f(i, v)),
        Some(nulls) => nulls.valid_indices().try_for_each(|i| f(i, values.value(i))),
    }
}

/// Calls `f` with the row and value of every integer or decimal that is not NULL, decimals in units of their last digit.
pub fn each_exact(array: &ArrayRef, mut f: impl FnMut(usize, i128) -> Result<()>) -> Result<()> {
    match ColumnView::of(array)? {
        ColumnView::Int(values) => each(&values, |i, v| f(i, v.into())),
        ColumnView::Decimal(values, _) => each(&values, f),
        _ => unreachable!("integers or decimals"),
    }
}

/// Calls `f` with the row and value of every float that is not NULL.
pub fn each_float(array: &ArrayRef, f: impl FnMut(usize, f64) -> Result<()>) -> Result<()> {
    match ColumnView::of(array)? {
        ColumnView::Float(values) => each(&values, f),
        _ => unreachable!("floats"),
    }
}

/// Sums of integers and decimals.
struct ExactSum {
    ty: DataType,
    sums: SlotSums,
}

/// Stands for "no value" where states are encoded.
const NONE: i128 = i128::MIN;

impl Accumulator for ExactSum {
    fn resize(&mut self, slots: usize) {
        self.sums.resize(slots);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        each_exact(&rows.args[0], |i, v| self.sums.add(slots[i], v))
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &ExactSum = same(other);
        for &(mine, theirs) in pairs {
            if let Some(sum) = other.sums.get(theirs) {
                self.sums.add(mine, sum)?;
            }
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sums.get(slot).unwrap_or(NONE).to_le_bytes());
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        match state.i128() {
            NONE => Ok(()),
            value => self.sums.add(slot, value),
        }
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        let sums = self.sums.first(slots);
        if self.ty == DataType::Int64 {
            // Only the end must fit: partial sums may leave int64 and come back, and that depends on the
            // order of additions.
            let fit = |sum: i128| {
                i64::try_from(sum).map_err(|_| {
                    Error::data(format!("a sum of {sum} does not fit int64"))
                        .hint("declare the column as decimal(38,0): its sums have 38 digits")
                })
            };
            let sums = sums.map(|s| s.map(fit).transpose()).collect::<Result<Int64Array>>()?;
            return Ok(Arc::new(sums));
        }
        // An i128 holds a few sums of 39 digits, and a Decimal128 does not.
        let limit = 10i128.pow(38);
        if let Some(sum) = self.sums.first(slots).flatten().find(|&sum| sum >= limit || sum <= -limit) {
            return Err(Error::data(format!("a sum of {sum} units has more than 38 digits")));
        }
        Ok(collect_array(self.ty.summed(), sums))
    }

    fn bytes(&self) -> usize {
        self.sums.bytes()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Averages of integers and decimals: exact sum and count, divided once.
struct Avg {
    scale: u8,
    sums: ExactSum,
    counts: SlotCounts,
}

impl Accumulator for Avg {
    fn resize(&mut self, slots: usize) {
        self.sums.resize(slots);
        self.counts.resize(slots);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        self.sums.update(slots, rows)?;
        match rows.args[0].nulls() {
            None => slots.iter().for_each(|&slot| self.counts.count(slot)),
            Some(nulls) => nulls.valid_indices().for_each(|i| self.counts.count(slots[i])),
        }
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &Avg = same(other);
        self.sums.merge(pairs, &other.sums)?;
        pairs.iter().for_each(|&(mine, theirs)| self.counts.add(mine, other.counts.get(theirs)));
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        self.sums.encode(slot, out);
        out.extend_from_slice(&self.counts.get(slot).to_le_bytes());
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        self.sums.merge_encoded(slot, state)?;
        self.counts.add(slot, state.u64());
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        let unit = pow10(self.scale);
        let averages = self.sums.sums.first(slots).zip(self.counts.first(slots)).map(|(sum, count)| {
            // A count below 2^63 times 10^38 at most is below 2^190, as `ratio` wants it.
            let parts = i256::from_i128(count.into()).wrapping_mul(unit);
            sum.map(|sum| ratio(i256::from_i128(sum), parts))
        });
        Ok(Arc::new(averages.collect::<Float64Array>()))
    }

    fn bytes(&self) -> usize {
        self.sums.bytes() + self.counts.bytes()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Sums and averages of floats.
struct FloatSums {
    avg: bool,
    sums: Vec<FloatSum>,
    counts: SlotCounts,
}

impl Accumulator for FloatSums {
    fn resize(&mut self, slots: usize) {
        self.sums.resize(slots, FloatSum::default());
        self.counts.resize(slots);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        each_float(&rows.args[0], |i, v| {
            self.sums[slots[i] as usize].add(v);
            self.counts.count(slots[i]);
            Ok(())
        })
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &FloatSums = same(other);
        for &(mine, theirs) in pairs {
            self.sums[mine as usize].merge(&other.sums[theirs as usize]);
            self.counts.add(mine, other.counts.get(theirs));
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        self.sums[slot as usize].encode(out);
        out.extend_from_slice(&self.counts.get(slot).to_le_bytes());
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        self.sums[slot as usize].merge(&FloatSum::decode(state));
        self.counts.add(slot, state.u64());
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        let results = self.sums[..slots].iter().zip(self.counts.first(slots)).map(|(sum, count)| {
            let value = || if self.avg { sum.divided_by(count) } else { sum.value() };
            // A float sum of 0 does not tell whether there were values: the count does.
            (count > 0).then(value)
        });
        Ok(Arc::new(results.collect::<Float64Array>()))
    }

    fn bytes(&self) -> usize {
        // The table asks after every batch, and a walk over many sums would cost more than their few vectors
        // weigh.
        let heap: usize = if self.sums.len() < 4096 { self.sums.iter().map(FloatSum::heap).sum() } else { 0 };
        self.sums.capacity() * std::mem::size_of::<FloatSum>() + self.counts.bytes() + heap
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
