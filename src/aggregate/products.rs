//! Exact sums of products of floats.
//!
//! # Contract
//! [`Products`] holds the exact sum, whatever the sizes of the factors: those whose products would be too small or too
//! large for floats are scaled first, and such products are added by themselves.

use super::codec::StateReader;
use super::exact::FloatSum;
use super::fraction::Dyadic;

/// The exact sum of products of floats.
#[derive(Clone, Default)]
pub struct Products {
    sum: FloatSum,
    /// The sums where both factors are scaled up, and where both are scaled down.
    both: Option<Box<[FloatSum; 2]>>,
    /// The sums where one factor is.
    one: Option<Box<[FloatSum; 2]>>,
}

/// Factors of these sizes have products whose bits all are floats.
const PLAIN: std::ops::Range<f64> = power(-450)..power(450);
/// What small and large factors are multiplied by, as a power of two.
const SCALE: i64 = 600;
/// Bits of the first byte of a sum's state that the sum does not use: scaled sums follow.
const BOTH: u8 = 16;
const ONE: u8 = 32;

/// A factor within reach, and how often it was scaled up by [`SCALE`].
fn scaled(x: f64) -> (f64, i64) {
    match x.abs() {
        // Zero cannot be scaled into the range, and its products are exact.
        size if PLAIN.contains(&size) || size == 0.0 => (x, 0),
        size if size < PLAIN.start => (x * power(SCALE), 1),
        _ => (x * power(-SCALE), -1),
    }
}

impl Products {
    /// Adds `x · y`.
    pub fn add(&mut self, x: f64, y: f64) {
        if !(x.is_finite() && y.is_finite()) {
            // IEEE 754 says what such a product is: 0 · ∞ is NaN.
            return self.sum.add(x * y);
        }
        let ((x, up_x), (y, up_y)) = (scaled(x), scaled(y));
        let sum = match up_x + up_y {
            // A factor that was scaled up and one that was scaled down cancel out.
            0 => &mut self.sum,
            up @ (-1 | 1) => &mut self.one.get_or_insert_default()[usize::from(up < 0)],
            up => &mut self.both.get_or_insert_default()[usize::from(up < 0)],
        };
        sum.add_product(x, y);
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Products) {
        self.sum.merge(&other.sum);
        let scaled = [(&mut self.both, &other.both), (&mut self.one, &other.one)];
        for (mine, theirs) in scaled {
            if let Some(theirs) = theirs {
                let mine = mine.get_or_insert_default();
                mine.iter_mut().zip(&**theirs).for_each(|(mine, theirs)| mine.merge(theirs));
            }
        }
    }

    /// The exact sum; none with a NaN or an infinity.
    pub fn exact(&self) -> Option<Dyadic> {
        let part = |sums: &Option<Box<[FloatSum; 2]>>, scale: i64| {
            let sums = sums.iter().flat_map(|sums| sums.iter().zip([scale, -scale]));
            sums.map(|(sum, scale)| {
                let Dyadic { whole, exponent } = sum.exact()?;
                Some(Dyadic { whole, exponent: exponent - scale })
            })
            .collect::<Vec<_>>()
        };
        let parts = part(&self.both, 2 * SCALE).into_iter().chain(part(&self.one, SCALE));
        parts.fold(self.sum.exact(), |sum, part| Some(sum?.plus(&part?)))
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        let first = out.len();
        self.sum.encode(out);
        for (sums, flag) in [(&self.both, BOTH), (&self.one, ONE)] {
            if let Some(sums) = sums {
                // A state of an older version has neither flag, and is read as it is.
                out[first] |= flag;
                sums.iter().for_each(|sum| sum.encode(out));
            }
        }
    }

    pub fn decode(state: &mut StateReader) -> Products {
        // `FloatSum` reads this byte next, so it is looked at and not taken.
        let flags = state.peek();
        let sum = FloatSum::decode(state);
        let mut pair = |flag: u8| {
            let there = flags & flag != 0;
            there.then(|| Box::new([FloatSum::decode(state), FloatSum::decode(state)]))
        };
        let both = pair(BOTH);
        Products { sum, both, one: pair(ONE) }
    }

    /// Bytes on the heap.
    pub fn heap(&self) -> usize {
        let scaled = self.both.iter().chain(&self.one).flat_map(|sums| sums.iter());
        self.sum.heap() + scaled.map(|sum| std::mem::size_of::<FloatSum>() + sum.heap()).sum::<usize>()
    }
}

/// 2 to the power of `exponent`.
const fn power(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}
