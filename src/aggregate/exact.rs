//! Exact sums of floats, and quotients of exact integers rounded once.
//!
//! # Contract
//! [`FloatSum`] holds the exact sum of what was added, so its rounded value does not depend on the
//! order of additions and merges. Sums of 2^50 values of any finite size are covered. Its encoded state is a function
//! of the exact sum too: sums of the same values are the same bytes.

use super::codec::StateReader;
use super::digits::BigDigits;
use super::fraction::Dyadic;
use arrow_buffer::i256;

/// Knuth's TwoSum: `a + b` rounded, and what the rounding lost, exactly.
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let bb = sum - a;
    (sum, (a - (sum - bb)) + (b - bb))
}

/// Values of at least this size are kept scaled, so that no partial sum overflows.
const HUGE: f64 = f64::from_bits((1023 + 960) << 52);
/// The scale of huge values is 2 to the power of minus this.
const SCALED: i32 = 200;
/// The scale of huge values, 2^-200.
const SCALE: f64 = f64::from_bits((1023 - SCALED as u64) << 52);
/// Digits of this power of two and more are huge when a state is read back.
const HUGE_DIGIT: i32 = 900;

/// The exact sum of floats: `high + low + rest + huge / SCALE`, and which infinities were met.
#[derive(Clone, Default)]
pub struct FloatSum {
    high: f64,
    low: f64,
    extra: Option<Box<Extra>>,
}

/// What few sums need.
#[derive(Clone, Default)]
struct Extra {
    /// What did not fit `high` and `low`.
    rest: Vec<f64>,
    /// Values of [`HUGE`] and more, scaled by [`SCALE`].
    huge: Vec<f64>,
    nan: bool,
    plus_infinity: bool,
    minus_infinity: bool,
}

impl FloatSum {
    /// Adds one value.
    pub fn add(&mut self, x: f64) {
        // Huge values are kept apart: two of them may add up to infinity where the whole sum is finite.
        if x.abs() >= HUGE || x.is_nan() {
            return self.add_special(x);
        }
        // Two floats hold 106 bits of the sum, so most sums never need a vector.
        let (high, lost) = two_sum(self.high, x);
        let (low, lost) = two_sum(self.low, lost);
        (self.high, self.low) = (high, low);
        if lost != 0.0 {
            grow(&mut self.extra.get_or_insert_default().rest, lost);
        }
    }

    fn add_special(&mut self, x: f64) {
        let extra = self.extra.get_or_insert_default();
        // Flags and not one special value: ∞ and −∞ come in any order, and only both together are NaN.
        match x {
            x if x.is_nan() => extra.nan = true,
            f64::INFINITY => extra.plus_infinity = true,
            f64::NEG_INFINITY => extra.minus_infinity = true,
            x => grow(&mut extra.huge, x * SCALE),
        }
    }

    /// Adds a product of finite factors, exactly as long as it is 0, or between 1e-290 and 1e290 in size.
    pub fn add_product(&mut self, x: f64, y: f64) {
        let product = x * y;
        self.add(product);
        // The fused operation gives exactly what the rounding of the product lost.
        self.add(x.mul_add(y, -product));
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &FloatSum) {
        self.add(other.high);
        self.add(other.low);
        if let Some(extra) = &other.extra {
            extra.rest.iter().for_each(|&x| self.add(x));
            let mine = self.extra.get_or_insert_default();
            // Huge parts are scaled already, and `add` would take them for small values.
            extra.huge.iter().for_each(|&x| grow(&mut mine.huge, x));
            mine.nan |= extra.nan;
            mine.plus_infinity |= extra.plus_infinity;
            mine.minus_infinity |= extra.minus_infinity;
        }
    }

    /// The sum, rounded to nearest once.
    pub fn value(&self) -> f64 {
        let mut parts = vec![];
        // `high` and `low` may overlap after values have cancelled out, and the parts of an expansion do not.
        grow(&mut parts, self.high);
        grow(&mut parts, self.low);
        let Some(extra) = &self.extra else { return round(&parts) };
        if extra.nan || extra.plus_infinity && extra.minus_infinity {
            return f64::NAN;
        }
        if extra.plus_infinity || extra.minus_infinity {
            return if extra.plus_infinity { f64::INFINITY } else { f64::NEG_INFINITY };
        }
        // Huge parts have another scale, so as floats they cannot be added to the others.
        if !extra.huge.is_empty() {
            return self.digits().value().over(1u32.into()).value();
        }
        extra.rest.iter().for_each(|&x| grow(&mut parts, x));
        round(&parts)
    }

    /// The exact sum, if no NaN and no infinity was added.
    pub fn exact(&self) -> Option<Dyadic> {
        let finite = |extra: &Extra| !(extra.nan || extra.plus_infinity || extra.minus_infinity);
        self.extra.as_deref().is_none_or(finite).then(|| self.digits().value())
    }

    /// The sum divided by `n`, rounded once.
    pub fn divided_by(&self, n: u64) -> f64 {
        // A quotient to 106 bits does, but where what is cut lies near the middle between two floats.
        let high = self.value();
        let mut rest = self.clone();
        rest.add(-high);
        let quotient = high / n as f64;
        // The sum may be too large for a float where the mean is not.
        if !quotient.is_finite() {
            return self.exact().map_or(quotient, |sum| sum.over(n.into()).value());
        }
        let low = (-quotient).mul_add(n as f64, high) + rest.value();
        let (rounded, cut) = two_sum(quotient, low / n as f64);
        // From 2^53 on `n as f64` is rounded, very small quotients lose bits, and a cut near the middle may
        // round either way.
        let certain = n < 1 << 53 && quotient.abs() > 1e-250 && rounded + cut * (1.0 + 1e-9) == rounded;
        match self.exact() {
            Some(sum) if !certain => sum.over(n.into()).value(),
            _ => rounded,
        }
    }

    /// The bytes that it has on the heap.
    pub fn heap(&self) -> usize {
        self.extra.as_ref().map_or(0, |e| 8 * (e.rest.capacity() + e.huge.capacity()) + 64)
    }

    /// What was added up and is finite.
    fn digits(&self) -> BigDigits {
        let extra = self.extra.as_deref();
        let (rest, huge) = extra.map_or((&[][..], &[][..]), |extra| (&extra.rest, &extra.huge));
        let small = [self.high, self.low].into_iter().chain(rest.iter().copied());
        BigDigits::of(small.map(|x| (x, 0)).chain(huge.iter().map(|&x| (x, SCALED))))
    }

    /// Appends its state to `out`. Equal sums have equal states, whatever the order of additions was.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let none = Extra::default();
        let extra = self.extra.as_deref().unwrap_or(&none);
        let digits = self.digits();
        let flags = [extra.nan, extra.plus_infinity, extra.minus_infinity, digits.negative];
        // Products put two flags of their own into this byte: 16 and 32.
        out.push((0..).zip(flags).map(|(bit, flag)| u8::from(flag) << bit).sum());
        digits.put(out);
    }

    /// Reads a state that [`FloatSum::encode`] has written.
    pub fn decode(state: &mut StateReader) -> FloatSum {
        let mut sum = FloatSum::default();
        let flags = state.u8();
        for (part, huge) in BigDigits::get(flags & 8 != 0, state).parts(HUGE_DIGIT, SCALED) {
            match huge {
                true => grow(&mut sum.extra.get_or_insert_default().huge, part),
                false => sum.add(part),
            }
        }
        if flags & 7 != 0 {
            let extra = sum.extra.get_or_insert_default();
            extra.nan = flags & 1 != 0;
            (extra.plus_infinity, extra.minus_infinity) = (flags & 2 != 0, flags & 4 != 0);
        }
        sum
    }
}

/// Adds `x` to an expansion: floats of growing size that do not overlap, of the same exact sum
/// (Shewchuk 1997, GROW-EXPANSION; Python's `math.fsum`).
fn grow(parts: &mut Vec<f64>, mut x: f64) {
    let mut kept = 0;
    for i in 0..parts.len() {
        let (sum, lost) = two_sum(x, parts[i]);
        if lost != 0.0 {
            parts[kept] = lost;
            kept += 1;
        }
        x = sum;
    }
    parts.truncate(kept);
    if x != 0.0 {
        parts.push(x);
    }
}

/// The sum of an expansion, rounded half to even (as the end of Python's `math.fsum`).
fn round(parts: &[f64]) -> f64 {
    let mut rest = parts.iter().rev().copied();
    let Some(mut high) = rest.next() else { return 0.0 };
    let mut low = 0.0;
    for part in rest.by_ref() {
        (high, low) = two_sum(high, part);
        if low != 0.0 {
            break;
        }
    }
    // A tie that the next part breaks.
    if let Some(next) = rest.next()
        && (low < 0.0 && next < 0.0 || low > 0.0 && next > 0.0)
    {
        let twice = low * 2.0;
        let up = high + twice;
        if twice == up - high {
            high = up;
        }
    }
    high
}

/// Bits needed for a non-negative integer.
fn bits(x: i256) -> u32 {
    let (low, high) = x.to_parts();
    if high != 0 { 256 - high.leading_zeros() } else { 128 - low.leading_zeros() }
}

/// `numerator / denominator` rounded to nearest once; `denominator` is positive and below 2^190.
pub fn ratio(numerator: i256, denominator: i256) -> f64 {
    let negative = numerator < i256::ZERO;
    let numerator = if negative { numerator.wrapping_neg() } else { numerator };
    if numerator == i256::ZERO {
        return 0.0;
    }
    // A quotient of 62 bits and more leaves the rounding to 53 bits to the conversion below.
    let shift = (bits(denominator) + 62).saturating_sub(bits(numerator));
    // The denominator is below 2^190, so the shift is at most 252 and fits a byte.
    let scaled = numerator << shift as u8;
    let quotient = scaled.wrapping_div(denominator);
    let exact = quotient.wrapping_mul(denominator) == scaled;
    // A power of two within the range of floats: this product does not round again.
    let value = round_i256(quotient, exact) * 2f64.powi(-(shift as i32));
    if negative { -value } else { value }
}

/// A non-negative integer, of which `exact` says whether a fraction was cut, rounded to nearest.
fn round_i256(x: i256, exact: bool) -> f64 {
    // 120 bits are far more than the 53 of a float, so a sticky bit in the lowest place never reaches the
    // digit that rounds.
    let drop = bits(x).saturating_sub(120);
    let (kept, _) = (x >> drop as u8).to_parts();
    let cut = (x >> drop as u8) << drop as u8 != x || !exact;
    // What was cut can only break a tie, so one sticky bit stands for it.
    (kept | u128::from(cut)) as f64 * 2f64.powi(drop as i32)
}

/// 10^n, n at most 76.
pub fn pow10(n: u8) -> i256 {
    (0..n).fold(i256::ONE, |p, _| p.wrapping_mul(i256::from_i128(10)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sums_are_exact_in_any_order() {
        let mut values =
            vec![1e100, 1.0, -1e100, 1e-300, 3.5, -2.25, 1e16, -1e16, f64::MAX, -f64::MAX, 0.1, 0.2];
        let sum = |values: &[f64]| {
            let mut sum = FloatSum::default();
            values.iter().for_each(|&x| sum.add(x));
            sum.value()
        };
        let want = sum(&values);
        assert_eq!(want, 2.55);
        for turn in 0..values.len() {
            values.rotate_left(5);
            values.swap(0, turn);
            assert_eq!(sum(&values).to_bits(), want.to_bits());
        }
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]), f64::MAX);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert_eq!(sum(&[-0.0]).to_bits(), 0);
    }

    #[test]
    fn an_average_is_rounded_once() {
        let mut sum = FloatSum::default();
        // The exact sum is 1 + 2^-53, which rounds to 1; a third of it does not round to a third.
        [1.0, f64::EPSILON / 2.0].iter().for_each(|&x| sum.add(x));
        let exact = ratio(i256::from_i128((1 << 53) + 1), i256::from_i128(3 << 53));
        assert_eq!(sum.divided_by(3), exact);
        // Far below the bits of two floats, the sum is a little more than a tie.
        let mut sum = FloatSum::default();
        [1.0, f64::EPSILON / 2.0, 1e-200].iter().for_each(|&x| sum.add(x));
        assert_eq!((sum.value(), sum.divided_by(1)), (1.0 + f64::EPSILON, 1.0 + f64::EPSILON));
        let mut sum = FloatSum::default();
        [f64::MAX, f64::MAX].iter().for_each(|&x| sum.add(x));
        assert_eq!(sum.divided_by(2), f64::MAX);
        sum.add(f64::INFINITY);
        assert_eq!(sum.divided_by(2), f64::INFINITY);
    }

    #[test]
    fn a_tie_of_huge_values_is_broken_by_the_least_float() {
        let of = |least: f64| {
            let mut sum = FloatSum::default();
            [2f64.powi(1000), 2f64.powi(947), least].iter().for_each(|&x| sum.add(x));
            sum.value()
        };
        assert_eq!(of(-5e-324), 2f64.powi(1000));
        assert_eq!(of(5e-324), 2f64.powi(1000).next_up());
    }

    #[test]
    fn a_state_survives_encoding() {
        let mut sum = FloatSum::default();
        [1e100, 1.0, -1e100, 1e-300, f64::MAX, 7.0].iter().for_each(|&x| sum.add(x));
        let mut bytes = vec![];
        sum.encode(&mut bytes);
        let back = FloatSum::decode(&mut StateReader::new(&bytes));
        assert_eq!(back.value(), sum.value());
    }

    fn state(sum: &FloatSum) -> Vec<u8> {
        let mut bytes = vec![];
        sum.encode(&mut bytes);
        bytes
    }

    /// The same sum, in the parts that its state says.
    fn again(sum: &FloatSum) -> FloatSum {
        FloatSum::decode(&mut StateReader::new(&state(sum)))
    }

    fn floats() -> impl Strategy<Value = Vec<f64>> {
        let float = prop_oneof![
            4 => any::<f64>(),
            4 => -1e3..1e3f64,
            1 => proptest::sample::select(vec![
                f64::MAX, -f64::MAX, HUGE, -HUGE, HUGE / 2.0, -HUGE / 4.0, 5e-324, -5e-324, 2e-308, -0.0, 1e-300,
                f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -f64::NAN,
            ]),
        ];
        proptest::collection::vec(float, 0..24)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// In any order, in parts, through states, with values that come and go: the same bytes, the same value.
        #[test]
        fn a_sum_has_one_state(values in floats(), others in floats(), seed in any::<u64>()) {
            let mut whole = FloatSum::default();
            values.iter().for_each(|&x| whole.add(x));
            let mut parts = vec![FloatSum::default(); 3];
            let mut random = seed;
            let mut below = |n: usize| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (random >> 33) as usize % n
            };
            let mut rest = values.clone();
            while !rest.is_empty() {
                let x = rest.swap_remove(below(rest.len()));
                parts[below(3)].add(x);
            }
            for x in others.into_iter().filter(|x| x.is_finite()) {
                parts[below(3)].add(x);
                parts[below(3)].add(-x);
            }
            let mut merged = parts.swap_remove(below(3));
            for part in &parts {
                match below(2) {
                    0 => merged.merge(part),
                    _ => merged.merge(&again(part)),
                }
            }
            prop_assert_eq!(state(&merged), state(&whole));
            prop_assert_eq!(state(&again(&merged)), state(&whole));
            for other in [&merged, &again(&merged)] {
                prop_assert_eq!(other.value().to_bits(), whole.value().to_bits());
                prop_assert_eq!(other.divided_by(7).to_bits(), whole.divided_by(7).to_bits());
            }
        }
    }

    #[test]
    fn other_sums_have_other_states() {
        let of = |values: &[f64]| {
            let mut sum = FloatSum::default();
            values.iter().for_each(|&x| sum.add(x));
            state(&sum)
        };
        let all = [
            of(&[]),
            of(&[1.0]),
            of(&[-1.0]),
            of(&[1.0, 5e-324]),
            of(&[1.0, -5e-324]),
            of(&[4294967296.0]),
            of(&[f64::MAX]),
            of(&[f64::MAX, f64::MAX]),
            of(&[f64::INFINITY]),
            of(&[f64::NAN]),
            of(&[5e-324]),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(of(&[-0.0]), of(&[1.0, -1.0]));
    }

    #[test]
    fn ratios_are_rounded_once() {
        let int = i256::from_i128;
        assert_eq!(ratio(int(1), int(3)), 1.0 / 3.0);
        assert_eq!(ratio(int(-2), int(3)), -2.0 / 3.0);
        assert_eq!(ratio(int(10), int(5)), 2.0);
        assert_eq!(ratio(int(i128::MAX), int(1)), i128::MAX as f64);
        // 2^53 + 1 is a tie, which a fraction breaks upwards.
        let tie = (1i128 << 53) + 1;
        assert_eq!(ratio(int(tie), int(1)), (1u64 << 53) as f64);
        assert_eq!(ratio(int(tie * 1000 + 1), int(1000)), ((1u64 << 53) + 2) as f64);
        assert_eq!(ratio(int(123_456_789), pow10(30)), 123_456_789e-30);
    }
}
