//! Rows of both sides whose keys are equal.

use super::meaning::Meaning;
use super::value::{Digest, NULL, Value};
use super::work::ComparedColumn;

/// A row that is not the same: its places here and there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyPair {
    pub(super) here: u64,
    pub(super) there: u64,
}

impl KeyPair {
    pub fn here(self) -> Option<u64> {
        (self.here != NONE).then_some(self.here)
    }

    pub fn there(self) -> Option<u64> {
        (self.there != NONE).then_some(self.there & !THERE)
    }
}

/// A key that comes more than once on a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeated {
    /// Whether it is there.
    pub there: bool,
    /// The first of its rows.
    pub place: u64,
    pub rows: u64,
}

/// Whether two values of a column are the same.
pub(super) fn same(column: &ComparedColumn, here: &Value, there: &Value) -> bool {
    let near = |tolerance| {
        let [a, b] = [here, there].map(|value| subtractable(value, column.meaning));
        a == b || near(column.meaning, tolerance, a, b)
    };
    here == there || column.tolerance.is_some_and(near)
}

/// The side of a row is the first bit of its place.
pub(super) const THERE: u64 = 1 << 63;

/// A place that is none.
pub(super) const NONE: u64 = u64::MAX;

/// A number in two words that can be subtracted.
pub(super) fn subtractable(value: &Value, meaning: Meaning) -> Digest {
    match value {
        Value::Null => NULL,
        Value::Scaled(units) => (*units as u64, (*units >> 64) as u64),
        Value::Float(value) => (value.to_bits(), FLOAT),
        Value::Wide(wide) => match wide.cut(meaning.scale()) {
            Some(units) => (units as u64, (units >> 64) as u64),
            None => (value.digest().0, ODD),
        },
        _ => (value.digest().0, ODD),
    }
}

pub(super) fn near(meaning: Meaning, (absolute, relative): (f64, f64), a: Digest, b: Digest) -> bool {
    // A difference from infinity is infinite or NaN, and neither is near.
    let bound = |difference: f64, there: f64| {
        difference.is_finite() && difference <= absolute.max(relative * there.abs())
    };
    match (a.1, b.1) {
        (FLOAT, FLOAT) => {
            let (a, b) = (f64::from_bits(a.0), f64::from_bits(b.0));
            bound((a - b).abs(), b)
        }
        (high, other) if [high, other].iter().any(|word| [FLOAT, ODD, NULL.1].contains(word)) => false,
        _ => {
            let units = |(low, high): Digest| i128::from(high as i64) << 64 | i128::from(low);
            let (a, b) = (units(a), units(b));
            // The difference is exact, and rounded once.
            let one = 10f64.powi(i32::from(meaning.scale()));
            bound(a.abs_diff(b) as f64 / one, b as f64 / one)
        }
    }
}

/// What the upper word of a number is that is none: neither NULL nor a float.
pub(super) const ODD: u64 = (1 << 63) | 1;

pub(super) const FLOAT: u64 = (1 << 63) | 2;
