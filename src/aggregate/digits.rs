//! The exact value of a sum of floats as digits: one form for one value, however it was added up.

use super::codec::StateReader;
use super::fraction::{Dyadic, UNIT, power};
use num_bigint::{BigInt, Sign};

/// Bits of a digit.
const BITS: i32 = 32;

/// A whole number of units: `digits` in base 2^32 from the lowest, the first of which counts 2^32 to the power of
/// `first`. Neither the first nor the last digit is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BigDigits {
    pub negative: bool,
    first: u8,
    digits: Vec<u32>,
}

impl BigDigits {
    /// The sum of finite floats, each times 2 to the power of the number beside it, which is not negative.
    pub fn of(parts: impl Iterator<Item = (f64, i32)> + Clone) -> BigDigits {
        let place = |(x, shift): (f64, i32)| {
            let (bits, fraction) = (x.to_bits(), x.to_bits() & ((1 << 52) - 1));
            let exponent = (bits >> 52 & 0x7ff) as i32;
            // A subnormal float has the exponent of the least normal one, and its leading bit is 0.
            let (whole, up) = if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
            let (digit, within) = ((up + shift) / BITS, (up + shift) % BITS);
            // A float has 53 bits and is shifted by at most 31, so three digits hold it.
            (digit as usize, u128::from(whole) << within, x < 0.0)
        };
        let digits = || parts.clone().filter(|part| part.0 != 0.0).map(place);
        let Some(low) = digits().map(|(digit, ..)| digit).min() else { return BigDigits::default() };
        let high = digits().map(|(digit, ..)| digit).max().unwrap_or(low);
        // A part takes up to three digits, and one more holds what is carried.
        let mut sums = vec![0i64; high - low + 4];
        for (digit, whole, negative) in digits() {
            for (k, sum) in sums[digit - low..][..3].iter_mut().enumerate() {
                let part = i64::from((whole >> (BITS as usize * k)) as u32);
                // Sums of 32-bit digits in 64 bits: there is room for two thousand million parts, and a float
                // sum has a few dozen.
                *sum += if negative { -part } else { part };
            }
        }
        let (mut digits, carried) = carry(&sums);
        let negative = carried < 0;
        if negative {
            // The digits of a negative value are those of its size: the same value has one form, whatever was
            // added first.
            sums.iter_mut().for_each(|sum| *sum = -*sum);
            digits = carry(&sums).0;
        }
        // Zeros at both ends are cut: without that, equal values could have different bytes.
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        digits.truncate(digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1));
        // A place is at most (2045 + 200) / 32, so it fits a byte.
        let first = if digits.is_empty() { 0 } else { low + zeros };
        BigDigits { negative, first: first as u8, digits: digits.split_off(zeros.min(digits.len())) }
    }

    /// Floats whose sum is the value, each times 2 to the power of `shift` where `shift` is not 0, as it is for
    /// those of 2 to the power of `huge` and more.
    pub fn parts(&self, huge: i32, shift: i32) -> impl Iterator<Item = (f64, bool)> {
        // A digit of 0 would be a part that adds nothing, and each part costs an addition.
        let places = (0..).zip(&self.digits).filter(|(_, digit)| **digit != 0);
        places.map(move |(k, &digit)| {
            let exponent = (i32::from(self.first) + k) * BITS + UNIT;
            let is_huge = exponent >= huge;
            // A float holds 32 bits times a power of two exactly.
            let part = f64::from(digit) * power(if is_huge { exponent - shift } else { exponent });
            (if self.negative { -part } else { part }, is_huge)
        })
    }

    /// The value.
    pub fn value(&self) -> Dyadic {
        let sign = if self.negative { Sign::Minus } else { Sign::Plus };
        let exponent = i64::from(i32::from(self.first) * BITS + UNIT);
        Dyadic { whole: BigInt::from_slice(sign, &self.digits), exponent }
    }

    /// Appends the digits to a state; the sign is the caller's.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.first, self.digits.len() as u8]);
        self.digits.iter().for_each(|digit| out.extend_from_slice(&digit.to_le_bytes()));
    }

    /// Reads what [`BigDigits::put`] wrote.
    pub fn get(negative: bool, state: &mut StateReader) -> BigDigits {
        let (first, count) = (state.u8(), state.u8());
        BigDigits { negative, first, digits: (0..count).map(|_| state.u32()).collect() }
    }
}

/// Sums of digits as digits, and what is left above them.
fn carry(sums: &[i64]) -> (Vec<u32>, i64) {
    let mut carried = 0;
    let digit = |sum: &i64| {
        let sum = sum + carried;
        carried = sum >> BITS;
        sum as u32
    };
    (sums.iter().map(digit).collect(), carried)
}
