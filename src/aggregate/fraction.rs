//! Exact fractions of any size, rounded to a float once.
//!
//! # Contract
//! [`Fraction::value`] and [`Fraction::sqrt`] are the floats nearest to the exact value, of two equally near ones the
//! even one, as IEEE 754 rounds: subnormal where the value is, infinite where it is too large.

use num_bigint::{BigInt, BigUint, Sign};

/// What floats are whole multiples of: 2 to the power of this.
pub(super) const UNIT: i32 = -1074;

/// 2 to the power of `exponent`, which is at least that of the unit, and finite.
pub(super) fn power(exponent: i32) -> f64 {
    f64::from_bits(match exponent {
        -1022.. => ((exponent + 1023) as u64) << 52,
        _ => 1 << (exponent - UNIT),
    })
}

/// A whole number times a power of two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dyadic {
    pub whole: BigInt,
    pub exponent: i64,
}

impl Dyadic {
    /// The sum of both.
    pub fn plus(&self, other: &Dyadic) -> Dyadic {
        // Both as multiples of the smaller power, so that both are whole numbers.
        let exponent = self.exponent.min(other.exponent);
        let whole = |of: &Dyadic| &of.whole << (of.exponent - exponent) as u64;
        Dyadic { whole: whole(self) + whole(other), exponent }
    }

    /// The difference of both.
    pub fn minus(&self, other: &Dyadic) -> Dyadic {
        self.plus(&Dyadic { whole: -&other.whole, exponent: other.exponent })
    }

    /// The product of both.
    pub fn times(&self, other: &Dyadic) -> Dyadic {
        Dyadic { whole: &self.whole * &other.whole, exponent: self.exponent + other.exponent }
    }

    /// The value divided by `denominator`, which is not 0.
    pub fn over(self, denominator: BigUint) -> Fraction {
        Fraction { numerator: self, denominator }
    }

    /// The value divided by another, which is not 0.
    pub fn by(self, denominator: &Dyadic) -> Fraction {
        // The denominator of a `Fraction` does not have a sign, so the numerator takes it.
        let whole = if denominator.is_negative() { -self.whole } else { self.whole };
        let numerator = Dyadic { whole, exponent: self.exponent - denominator.exponent };
        numerator.over(denominator.whole.magnitude().clone())
    }

    /// The value times a whole number.
    pub fn scaled(&self, by: &BigUint) -> Dyadic {
        Dyadic { whole: &self.whole * BigInt::from(by.clone()), exponent: self.exponent }
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.whole.sign() == Sign::NoSign
    }

    /// Whether it is less than 0.
    pub fn is_negative(&self) -> bool {
        self.whole.sign() == Sign::Minus
    }
}

impl From<i128> for Dyadic {
    fn from(whole: i128) -> Dyadic {
        Dyadic { whole: whole.into(), exponent: 0 }
    }
}

/// An exact quotient.
#[derive(Debug, Clone)]
pub struct Fraction {
    numerator: Dyadic,
    denominator: BigUint,
}

impl Fraction {
    /// The nearest float.
    pub fn value(&self) -> f64 {
        // The 53 bits of a float and three more: `nearest` wants at least two more.
        let value = self.quotient(56).nearest();
        if self.numerator.is_negative() { -value } else { value }
    }

    /// The float nearest to the square root of the size of the value.
    pub fn sqrt(&self) -> f64 {
        // The root of 112 bits has 56, as many as `value` rounds from.
        let TruncatedInt { whole, exponent, more } = self.quotient(112);
        let root = whole.sqrt();
        let more = more || &root * &root != whole;
        TruncatedInt { whole: root, exponent: exponent / 2, more }.nearest()
    }

    /// The size of the value, cut to at least `bits` bits; the exponent is even.
    fn quotient(&self, bits: u64) -> TruncatedInt {
        let numerator = self.numerator.whole.magnitude();
        let shift = (bits + self.denominator.bits()).saturating_sub(numerator.bits());
        // An even exponent, so that half of it is the exponent of the root.
        let shift = shift + (self.numerator.exponent - shift as i64).rem_euclid(2) as u64;
        let scaled = numerator << shift;
        let whole = &scaled / &self.denominator;
        let more = &whole * &self.denominator != scaled;
        TruncatedInt { whole, exponent: self.numerator.exponent - shift as i64, more }
    }
}

/// A whole number times a power of two; `more` says whether the value is a part of a unit more than that.
struct TruncatedInt {
    whole: BigUint,
    exponent: i64,
    more: bool,
}

impl TruncatedInt {
    /// The nearest float. The number has at least two bits more than a float, or it is the value.
    fn nearest(&self) -> f64 {
        const LEAST: i64 = -1074;
        // Below 2^-1022 floats have fewer bits: their last digit counts 2^-1074.
        let unit = (self.exponent + self.whole.bits() as i64 - 53).max(LEAST);
        let Some(dropped) = u64::try_from(unit - self.exponent).ok().filter(|dropped| *dropped > 0) else {
            return to_float(&self.whole, self.exponent);
        };
        let kept = &self.whole >> dropped;
        let half = self.whole.bit(dropped - 1);
        let above_half = self.more || self.whole.trailing_zeros().is_some_and(|zeros| zeros < dropped - 1);
        let up = half && (above_half || kept.bit(0));
        // Rounding up may give 2^53, which is a float too.
        to_float(&(kept + u32::from(up)), unit)
    }
}

/// `whole`, of at most 2^53, times 2^`exponent`, which is at least that of the least float: exact, or too large.
fn to_float(whole: &BigUint, exponent: i64) -> f64 {
    let whole = u64::try_from(whole).unwrap_or(u64::MAX) as f64;
    match i32::try_from(exponent) {
        Ok(exponent) if exponent <= 971 => whole * power(exponent.max(-1074)),
        _ if whole == 0.0 => 0.0,
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A finite float as a whole number of 2^-1074.
    fn units(x: f64) -> BigInt {
        let (bits, fraction) = (x.to_bits(), BigInt::from(x.to_bits() & ((1 << 52) - 1)));
        let exponent = bits >> 52 & 0x7ff;
        let size = if exponent == 0 { fraction } else { (fraction + (1u64 << 52)) << (exponent - 1) };
        if x < 0.0 { -size } else { size }
    }

    /// Whether `x` is a float nearest to `numerator / denominator`: twice both, compared with the sums of neighbours.
    fn is_nearest(x: f64, numerator: &BigInt, denominator: &BigInt) -> bool {
        let twice = numerator << 1075u32;
        let bound = |other: f64| {
            if other.is_infinite() { units(f64::MAX) * 2 - units(f64::MAX.next_down()) } else { units(other) }
        };
        let below = (units(x) + bound(x.next_down())) * denominator;
        let above = (units(x) + bound(x.next_up())) * denominator;
        below <= twice && twice <= above
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn quotients_and_roots_are_rounded_once(
            digits in proptest::collection::vec(any::<u32>(), 1..20),
            below in proptest::collection::vec(any::<u32>(), 1..8),
            exponent in -1500..300i64,
        ) {
            let (whole, denominator) = (BigUint::new(digits), BigUint::new(below) + 1u32);
            let exact = Dyadic { whole: whole.clone().into(), exponent }.over(denominator.clone());
            let (up, down) = (exponent.max(0) as u64, (-exponent).max(0) as u64);
            let (numerator, denominator) = (BigInt::from(whole << up), BigInt::from(denominator << down));
            let value = exact.value();
            prop_assert!(value.is_finite() && is_nearest(value, &numerator, &denominator), "{value}");
            // The root lies between the middles to its neighbours: so do the squares.
            let root = exact.sqrt();
            let middle = |other: f64| units(root) + units(other);
            let (below, above) = (middle(root.next_down().max(0.0)), middle(root.next_up()));
            let four = numerator << 2150u32;
            prop_assert!(&below * &below * &denominator <= four && four <= &above * &above * &denominator, "{root}");
        }
    }

    #[test]
    fn ties_go_to_the_even_float_and_what_is_too_large_is_infinite() {
        let of = |whole: i128, exponent: i64| {
            Dyadic { whole: whole.into(), exponent }.over(BigUint::from(1u32)).value()
        };
        assert_eq!(of((1 << 53) + 1, 0), (1u64 << 53) as f64);
        assert_eq!(of((1 << 53) + 3, 0), ((1u64 << 53) + 4) as f64);
        assert_eq!(of(-((1 << 53) + 3), 0), -(((1u64 << 53) + 4) as f64));
        assert_eq!(of(0, -5000).to_bits(), 0);
        assert_eq!(of(1, -1074), 5e-324);
        assert_eq!(of(1, -1075), 0.0);
        assert_eq!(of(3, -1076), 5e-324);
        assert_eq!(of(3, -1075), 1e-323);
        assert_eq!(of((1 << 53) - 1, 971), f64::MAX);
        assert_eq!(of(1, 1024), f64::INFINITY);
        assert_eq!(of((1 << 54) - 1, 970), f64::INFINITY);
        assert_eq!(of(1, 100_000), f64::INFINITY);
        assert_eq!(Dyadic::from(2).over(BigUint::from(1u32)).sqrt(), 2f64.sqrt());
        assert_eq!(Dyadic { whole: 1.into(), exponent: -2148 }.over(BigUint::from(1u32)).sqrt(), 5e-324);
    }
}
