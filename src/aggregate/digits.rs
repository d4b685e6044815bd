//! The exact value of a sum of floats as digits: one form for one value, however it was added up.

use super::codec::Reader;
use super::fraction::{Dyadic, UNIT, power};
use num_bigint::{BigInt, Sign};

/// Bits of a digit.
const BITS: i32 = 32;

/// A whole number of units: `digits` in base 2^32 from the lowest, the first of which counts 2^32 to the power of
/// `first`. Neither the first nor the last digit is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digits {
    pub negative: bool,
    first: u8,
    digits: Vec<u32>,
}

impl Digits {
    /// The sum of finite floats, each times 2 to the power of the number beside it, which is not negative.
    pub fn of(parts: impl Iterator<Item = (f64, i32)> + Clone) -> Digits {
        let place = |(x, shift): (f64, i32)| {
            let (bits, fraction) = (x.to_bits(), x.to_bits() & ((1 << 52) - 1));
            let exponent = (bits >> 52 & 0x7ff) as i32;
            let (whole, up) = if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
            let (digit, within) = ((up + shift) / BITS, (up + shift) % BITS);
            (digit as usize, u128::from(whole) << within, x < 0.0)
        };
        let digits = || parts.clone().filter(|part| part.0 != 0.0).map(place);
        let Some(low) = digits().map(|(digit, ..)| digit).min() else { return Digits::default() };
        let high = digits().map(|(digit, ..)| digit).max().unwrap_or(low);
        // A part takes up to three digits, and one more holds what is carried.
        let mut sums = vec![0i64; high - low + 4];
        for (digit, whole, negative) in digits() {
            for (k, sum) in sums[digit - low..][..3].iter_mut().enumerate() {
                let part = i64::from((whole >> (BITS as usize * k)) as u32);
                *sum += if negative { -part } else { part };
            }
        }
        let (mut digits, carried) = carry(&sums);
        let negative = carried < 0;
        if negative {
            sums.iter_mut().for_each(|sum| *sum = -*sum);
            digits = carry(&sums).0;
        }
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        digits.truncate(digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1));
        let first = if digits.is_empty() { 0 } else { low + zeros };
        Digits { negative, first: first as u8, digits: digits.split_off(zeros.min(digits.len())) }
    }

    /// Floats whose sum is the value, each times 2 to the power of `shift` where `shift` is not 0, as it is for
    /// those of 2 to the power of `huge` and more.
    pub fn parts(&self, huge: i32, shift: i32) -> impl Iterator<Item = (f64, bool)> {
        let places = (0..).zip(&self.digits).filter(|(_, digit)| **digit != 0);
        places.map(move |(k, &digit)| {
            let exponent = (i32::from(self.first) + k) * BITS + UNIT;
            let is_huge = exponent >= huge;
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

    /// Reads what [`Digits::put`] wrote.
    pub fn get(negative: bool, state: &mut Reader) -> Digits {
        let (first, count) = (state.u8(), state.u8());
        Digits { negative, first, digits: (0..count).map(|_| state.u32()).collect() }
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
