//! `corr`, `covar_*` and `regr_*`, from the exact sums of two arguments, of their squares and of their products.
//!
//! Merge law: addition of exact sums. A result is an exact fraction of such sums, or the root of one, rounded once. Pairs
//! count where neither is NULL. What a NaN or an infinity has a part in is NaN, as in PostgreSQL, but a mean that is infinite.
//! Where one argument is a float64, the other is taken as the nearest float64.

use super::accumulator::{Accumulator, Rows, overflow, same};
use super::codec::StateReader;
use super::exact::{FloatSum, pow10, ratio};
use super::fraction::Dyadic;
use super::products::Products;
use crate::batch::{ColumnView, DataType};
use crate::error::Result;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
use arrow_buffer::i256;
use num_bigint::{BigInt, BigUint};
use std::any::Any;
use std::sync::Arc;

/// What is made of pairs of numbers, (y, x), where neither is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairwise {
    /// The correlation.
    Corr,
    /// The covariance over n.
    CovarPop,
    /// The covariance over n − 1.
    CovarSamp,
    /// How many pairs there are.
    Count,
    /// The mean of x.
    AvgX,
    /// The mean of y.
    AvgY,
    /// The sum of squares of distances of x from its mean.
    Sxx,
    /// The sum of squares of distances of y from its mean.
    Syy,
    /// The sum of products of both distances.
    Sxy,
    /// The slope of the line of least squares.
    Slope,
    /// y of that line at x = 0.
    Intercept,
    /// The square of the correlation; 1 where y is constant, and x is not.
    R2,
}

/// The accumulator over (y, x) of these types.
pub fn new(what: Pairwise, y: DataType, x: DataType) -> Box<dyn Accumulator> {
    match (y, x) {
        // The exact sum of floats does not fit 256 bits, so both arguments become floats.
        (DataType::Float64, _) | (_, DataType::Float64) => Box::new(Pairs::<Floats>::new(what, y, x)),
        _ => Box::new(Pairs::<Wholes>::new(what, y, x)),
    }
}

/// What is kept of a slot.
trait PairSums: Clone + Default + Send + Sync + 'static {
    type Value;

    /// The values of an argument; what stands for NULL is not looked at.
    fn values(array: &ArrayRef) -> Result<Vec<Self::Value>>;
    fn add(&mut self, y: &Self::Value, x: &Self::Value) -> Result<()>;
    fn merge(&mut self, other: &Self) -> Result<()>;
    fn encode(&self, out: &mut Vec<u8>);
    fn decode(state: &mut StateReader) -> Self;
    fn count(&self) -> u64;
    /// The mean of y or of x, where a NaN or an infinity is among them.
    fn mean(&self, argument: usize) -> f64;
    fn exact(&self) -> ExactSums;
    fn heap(&self) -> usize;
}

/// Exact sums, in units of the last digits; none with a NaN or an infinity.
struct ExactSums {
    /// Of y and of x.
    sums: [Option<Dyadic>; 2],
    /// Of y², x² and y·x.
    products: [Option<Dyadic>; 3],
}

/// Of integers and decimals.
#[derive(Clone, Default)]
struct Wholes {
    count: u64,
    /// Of y and of x.
    sums: [i128; 2],
    /// Of y², x² and y·x.
    products: [i256; 3],
}

impl Wholes {
    fn plus(&mut self, count: u64, sums: [i128; 2], products: [i256; 3]) -> Result<()> {
        self.count += count;
        for (held, sum) in self.sums.iter_mut().zip(sums) {
            *held = held.checked_add(sum).ok_or_else(|| overflow("sum"))?;
        }
        for (held, product) in self.products.iter_mut().zip(products) {
            *held = held.checked_add(product).ok_or_else(|| overflow("sum of products"))?;
        }
        Ok(())
    }
}

impl PairSums for Wholes {
    type Value = i128;

    fn values(array: &ArrayRef) -> Result<Vec<i128>> {
        Ok(match ColumnView::of(array)? {
            ColumnView::Int(values) => values.iter().map(i128::from).collect(),
            ColumnView::Decimal(values, _) => values.values().to_vec(),
            _ => unreachable!("integers or decimals"),
        })
    }

    fn add(&mut self, &y: &i128, &x: &i128) -> Result<()> {
        let product = |a, b| i256::from_i128(a).checked_mul(i256::from_i128(b));
        let products = [product(y, y), product(x, x), product(y, x)];
        let [Some(yy), Some(xx), Some(yx)] = products else { return Err(overflow("sum of products")) };
        self.plus(1, [y, x], [yy, xx, yx])
    }

    fn merge(&mut self, other: &Wholes) -> Result<()> {
        self.plus(other.count, other.sums, other.products)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        self.sums.iter().for_each(|sum| out.extend_from_slice(&sum.to_le_bytes()));
        self.products.iter().for_each(|sum| out.extend_from_slice(&sum.to_le_bytes()));
    }

    fn decode(state: &mut StateReader) -> Wholes {
        let (count, sums) = (state.u64(), [state.i128(), state.i128()]);
        let mut wide = || i256::from_le_bytes(state.take(32).try_into().expect("32 bytes"));
        Wholes { count, sums, products: [wide(), wide(), wide()] }
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn mean(&self, _: usize) -> f64 {
        unreachable!("sums of integers and decimals are exact")
    }

    fn exact(&self) -> ExactSums {
        let wide =
            |sum: i256| Dyadic { whole: BigInt::from_signed_bytes_le(&sum.to_le_bytes()), exponent: 0 };
        ExactSums {
            sums: self.sums.map(|sum| Some(sum.into())),
            products: self.products.map(|sum| Some(wide(sum))),
        }
    }

    fn heap(&self) -> usize {
        0
    }
}

/// Of floats.
#[derive(Clone, Default)]
struct Floats {
    count: u64,
    sums: [FloatSum; 2],
    products: [Products; 3],
}

impl PairSums for Floats {
    type Value = f64;

    fn values(array: &ArrayRef) -> Result<Vec<f64>> {
        Ok(match ColumnView::of(array)? {
            ColumnView::Int(values) => values.iter().map(|v| v as f64).collect(),
            ColumnView::Decimal(values, scale) => {
                values.iter().map(|units| ratio(i256::from_i128(units), pow10(scale))).collect()
            }
            ColumnView::Float(values) => values.values().to_vec(),
            _ => unreachable!("numbers"),
        })
    }

    fn add(&mut self, &y: &f64, &x: &f64) -> Result<()> {
        self.count += 1;
        self.sums.iter_mut().zip([y, x]).for_each(|(sum, value)| sum.add(value));
        let products = self.products.iter_mut().zip([(y, y), (x, x), (y, x)]);
        products.for_each(|(sum, (a, b))| sum.add(a, b));
        Ok(())
    }

    fn merge(&mut self, other: &Floats) -> Result<()> {
        self.count += other.count;
        self.sums.iter_mut().zip(&other.sums).for_each(|(mine, theirs)| mine.merge(theirs));
        self.products.iter_mut().zip(&other.products).for_each(|(mine, theirs)| mine.merge(theirs));
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        self.sums.iter().for_each(|sum| sum.encode(out));
        self.products.iter().for_each(|sum| sum.encode(out));
    }

    fn decode(state: &mut StateReader) -> Floats {
        let count = state.u64();
        let sums = [FloatSum::decode(state), FloatSum::decode(state)];
        let products = [Products::decode(state), Products::decode(state), Products::decode(state)];
        Floats { count, sums, products }
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn mean(&self, argument: usize) -> f64 {
        self.sums[argument].divided_by(self.count)
    }

    fn exact(&self) -> ExactSums {
        ExactSums {
            sums: [0, 1].map(|i| self.sums[i].exact()),
            products: [0, 1, 2].map(|i| self.products[i].exact()),
        }
    }

    fn heap(&self) -> usize {
        self.sums.iter().map(FloatSum::heap).sum::<usize>()
            + self.products.iter().map(Products::heap).sum::<usize>()
    }
}

struct Pairs<S> {
    what: Pairwise,
    y: DataType,
    x: DataType,
    slots: Vec<S>,
}

impl<S: PairSums> Pairs<S> {
    fn new(what: Pairwise, y: DataType, x: DataType) -> Pairs<S> {
        Pairs { what, y, x, slots: vec![] }
    }

    /// The units that make 1 of y and of x; floats are what they are.
    fn units(&self) -> [BigUint; 2] {
        // Beside a float, a decimal was taken as its nearest float: its unit is 1 then.
        let is_float = self.y == DataType::Float64 || self.x == DataType::Float64;
        let scale = |ty: DataType| ty.scale().filter(|_| !is_float).unwrap_or(0);
        [self.y, self.x].map(|ty| BigUint::from(10u32).pow(scale(ty).into()))
    }

    fn result(&self, sums: &S) -> Option<f64> {
        let n = sums.count();
        // A sample covariance divides by n − 1.
        let least = if self.what == Pairwise::CovarSamp { 2 } else { 1 };
        if n < least {
            return None;
        }
        let mean = |argument: usize| {
            // A mean looks at its own argument alone: a NaN of the other one must not show in it.
            let exact = sums.exact().sums[argument].clone();
            let exact = exact.map(|sum| sum.over(BigUint::from(n) * &self.units()[argument]).value());
            Some(exact.unwrap_or_else(|| sums.mean(argument)))
        };
        match self.what {
            Pairwise::AvgY => mean(0),
            Pairwise::AvgX => mean(1),
            what => PairMoments { n, sums: sums.exact(), units: self.units() }
                .result(what)
                .unwrap_or(Some(f64::NAN)),
        }
    }
}

/// A NaN or an infinity has a part in a result.
struct NotFinite;

type Finite<T> = std::result::Result<T, NotFinite>;

/// What results are made of: of at least one pair, of a sample covariance two.
struct PairMoments {
    n: u64,
    sums: ExactSums,
    units: [BigUint; 2],
}

impl PairMoments {
    fn sum(&self, argument: usize) -> Finite<&Dyadic> {
        self.sums.sums[argument].as_ref().ok_or(NotFinite)
    }

    /// n times the sum of products of distances from the means: exact, where the distances are not.
    fn spread(&self, product: usize, a: usize, b: usize) -> Finite<Dyadic> {
        let products = self.sums.products[product].as_ref().ok_or(NotFinite)?;
        Ok(products.scaled(&self.n.into()).minus(&self.sum(a)?.times(self.sum(b)?)))
    }

    fn yy(&self) -> Finite<Dyadic> {
        self.spread(0, 0, 0)
    }

    fn xx(&self) -> Finite<Dyadic> {
        self.spread(1, 1, 1)
    }

    fn yx(&self) -> Finite<Dyadic> {
        self.spread(2, 0, 1)
    }

    fn result(&self, what: Pairwise) -> Finite<Option<f64>> {
        let ([unit_y, unit_x], n) = (&self.units, BigUint::from(self.n));
        let value = match what {
            Pairwise::Count | Pairwise::AvgY | Pairwise::AvgX => unreachable!("made of less"),
            Pairwise::Syy => self.yy()?.over(n * unit_y * unit_y).value(),
            Pairwise::Sxx => self.xx()?.over(n * unit_x * unit_x).value(),
            Pairwise::Sxy => self.yx()?.over(n * unit_y * unit_x).value(),
            Pairwise::CovarPop => self.yx()?.over(&n * &n * unit_y * unit_x).value(),
            Pairwise::CovarSamp => self.yx()?.over(n * (self.n - 1) * unit_y * unit_x).value(),
            Pairwise::Slope | Pairwise::Intercept => {
                let xx = self.xx()?;
                match what {
                    // The slope of a vertical line is NULL, as in PostgreSQL.
                    _ if xx.is_zero() => return Ok(None),
                    Pairwise::Slope => self.yx()?.scaled(unit_x).by(&xx.scaled(unit_y)).value(),
                    _ => {
                        // The mean of y less the slope times the mean of x, over one denominator, so that it
                        // is rounded once.
                        let above = self.sum(0)?.times(&xx).minus(&self.sum(1)?.times(&self.yx()?));
                        above.by(&xx.scaled(&(n * unit_y))).value()
                    }
                }
            }
            Pairwise::Corr | Pairwise::R2 => return self.correlation(what == Pairwise::R2),
        };
        Ok(Some(value))
    }

    /// The correlation, or its square. A constant side alone makes it NULL, whatever the other holds.
    fn correlation(&self, squared: bool) -> Finite<Option<f64>> {
        let (xx, yy) = (self.xx(), self.yy());
        let constant = |side: &Finite<Dyadic>| side.as_ref().is_ok_and(Dyadic::is_zero);
        match (constant(&xx), constant(&yy)) {
            (true, _) => return Ok(None),
            // In the SQL standard `regr_r2` is 1 where y is constant, and `corr` is NULL.
            (_, true) => return Ok(squared.then_some(1.0)),
            _ => {}
        }
        let yx = self.yx()?;
        // The units of y and of x are above and below the line alike, so they cancel out.
        let square = yx.times(&yx).by(&xx?.times(&yy?));
        Ok(Some(match squared {
            true => square.value(),
            // The square has lost the sign of the covariance.
            false if yx.is_negative() => -square.sqrt(),
            false => square.sqrt(),
        }))
    }
}

impl<S: PairSums> Accumulator for Pairs<S> {
    fn resize(&mut self, slots: usize) {
        self.slots.resize(slots, S::default());
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        let (y, x) = (&rows.args[0], &rows.args[1]);
        let values = S::values(y)?.into_iter().zip(S::values(x)?);
        for (i, (y_value, x_value)) in values.enumerate() {
            // `values` does not look at the NULL mask, and what lies under a NULL is arbitrary.
            if y.is_valid(i) && x.is_valid(i) {
                self.slots[slots[i] as usize].add(&y_value, &x_value)?;
            }
        }
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &Pairs<S> = same(other);
        pairs
            .iter()
            .try_for_each(|&(mine, theirs)| self.slots[mine as usize].merge(&other.slots[theirs as usize]))
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        self.slots[slot as usize].encode(out);
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        self.slots[slot as usize].merge(&S::decode(state))
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        let slots = self.slots[..slots].iter();
        Ok(match self.what {
            Pairwise::Count => Arc::new(Int64Array::from_iter_values(slots.map(|s| s.count() as i64))),
            _ => Arc::new(slots.map(|sums| self.result(sums)).collect::<Float64Array>()),
        })
    }

    fn bytes(&self) -> usize {
        let heap: usize = if self.slots.len() < 4096 { self.slots.iter().map(S::heap).sum() } else { 0 };
        self.slots.capacity() * std::mem::size_of::<S>() + heap
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
