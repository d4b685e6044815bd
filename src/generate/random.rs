//! Random draws whose stream is the same on every machine and in every version.
//!
//! # Contract
//! Only integer arithmetic and the IEEE 754 operations `+ - * /` and `sqrt`, which are exact by
//! definition, come between the seed and a drawn value: `exp` and `ln` of a system's libm may differ
//! in the last bit from the next system's. So the same seed gives the same bytes everywhere.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// What a stream of draws is for: each has its own numbers, so a log can be changed without
/// changing the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The fixed set of postcodes.
    Postcodes,
    /// Page views.
    PageViews,
    /// Account numbers' and names' pools.
    Pools,
    /// Bank transactions.
    Transactions,
    /// Sales.
    Sales,
    /// Wallet events.
    Wallet,
    /// Facts of one user each.
    Users,
    /// Facts of one session each.
    Sessions,
    /// User events.
    UserEvents,
    /// Facts of one session each that no event tells of.
    Strangers,
    /// How long records of tables are on their way.
    Deliveries,
}

/// A generator of random draws: PCG XSL RR 128/64 (`pcg64`).
#[derive(Debug, Clone)]
pub struct Draw(Pcg64);

impl Draw {
    /// How many draws [`Draw::at`] sets aside for one index.
    const PER_INDEX: u128 = 16;

    /// The draws of `stream` under `seed`, from the first.
    pub fn new(seed: u64, stream: Stream) -> Draw {
        // Streams of near numbers are correlated where they start from the same state, so the
        // stream goes into both.
        let stream = (stream as u128 + 1) * 0xda94_2042_e4dd_58b5_9e37_79b9_7f4a_7c15;
        Draw(Pcg64::new(u128::from(seed) ^ stream, stream >> 1))
    }

    /// The draws that belong to `index` alone: a fact that can be asked for in any order, and needs
    /// no memory. At most 16 draws.
    pub fn at(seed: u64, stream: Stream, index: u64) -> Draw {
        let mut draw = Draw::new(seed, stream);
        draw.0.advance(u128::from(index) * Self::PER_INDEX);
        draw
    }

    /// An integer in `0..n`, uniform (but for 1 part in 2^64 / n); 0 for n = 0.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        // The high half of the product is uniform, and costs less than the division of a remainder.
        ((u128::from(self.0.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// An integer in `low..=high`, uniform.
    #[inline]
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        // The range of all int64s has 2^64 numbers, one more than a u64 holds.
        low + self.below(high.abs_diff(low).saturating_add(1)) as i64
    }

    /// True `parts` times in `whole`.
    #[inline]
    pub fn chance(&mut self, parts: u64, whole: u64) -> bool {
        self.below(whole) < parts
    }

    /// One of `options`, which must not be empty.
    #[inline]
    pub fn pick<'a, T: ?Sized>(&mut self, options: &[&'a T]) -> &'a T {
        options[self.below(options.len() as u64) as usize]
    }

    /// A draw that is nearly normal, mean 0 and deviation 1: the sum of twelve uniform draws less 6,
    /// which never goes beyond 6.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        // A sum of integers is exact and does not depend on the order of additions.
        let mut sum = 0;
        for _ in 0..3 {
            let bits = self.0.next_u64();
            sum += (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
        }
        // Each of the twelve stands for the middle of its step: half a step each is 6 in all.
        (sum + 6) as f64 / 65536.0 - 6.0
    }

    /// An amount in hundredths, lognormal about `median` with deviation `sigma` of its logarithm;
    /// at least 1.
    #[inline]
    pub fn lognormal(&mut self, median: i64, sigma: f64) -> i64 {
        // Not `f64::exp`: the libm of another system may differ in the last bit, and the file with it.
        ((median as f64 * exp(sigma * self.normal())) as i64).max(1)
    }

    /// A version 4 UUID.
    pub fn uuid(&mut self) -> Uuid {
        let bits = u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64());
        // RFC 9562: bits 76 to 79 are the version, bits 62 and 63 the variant.
        Uuid(bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62)
    }
}

/// A version 4 UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(u128);

impl Uuid {
    /// The usual text of 36 characters, appended to `text`.
    pub fn write(self, text: &mut String) {
        for (at, digits) in [(96, 8), (80, 4), (64, 4), (48, 4), (0, 12)] {
            if at != 96 {
                text.push('-');
            }
            for digit in (0..digits).rev() {
                let nibble = (self.0 >> (at + 4 * digit)) as usize & 0xf;
                text.push(b"0123456789abcdef"[nibble] as char);
            }
        }
    }
}

/// e^x for |x| ≤ 20, to about 12 digits, by operations that are exact by definition.
fn exp(x: f64) -> f64 {
    // e^x = (e^(x/1024))^1024; the small power by its Taylor series.
    let small = x / 1024.0;
    let mut power = 1.0;
    for n in (1..=6).rev() {
        power = 1.0 + small / f64::from(n) * power;
    }
    for _ in 0..10 {
        power *= power;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_pinned() {
        let mut draw = Draw::new(1, Stream::PageViews);
        let drawn: Vec<u64> = (0..4).map(|_| draw.below(1000)).collect();
        assert_eq!(drawn, PINNED);
    }
    const PINNED: [u64; 4] = [403, 685, 995, 544];

    #[test]
    fn facts_of_an_index_are_the_same_in_any_order() {
        let fact = |index| Draw::at(7, Stream::Users, index).uuid();
        let forward: Vec<Uuid> = (0..50).map(fact).collect();
        let mut backward: Vec<Uuid> = (0..50).rev().map(fact).collect();
        backward.reverse();
        assert_eq!(forward, backward);
        let distinct: std::collections::HashSet<Uuid> = forward.into_iter().collect();
        assert_eq!(distinct.len(), 50);
    }

    #[test]
    fn a_uuid_is_of_version_4() {
        let mut text = String::new();
        Draw::new(1, Stream::Users).uuid().write(&mut text);
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        assert!("89ab".contains(&text[19..20]), "{text}");
    }

    #[test]
    fn normal_and_lognormal_have_their_moments() {
        let mut draw = Draw::new(3, Stream::Sales);
        let n = 100_000;
        let normal: Vec<f64> = (0..n).map(|_| draw.normal()).collect();
        let mean = normal.iter().sum::<f64>() / f64::from(n);
        let variance = normal.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        let mut amounts: Vec<i64> = (0..n).map(|_| draw.lognormal(5000, 1.5)).collect();
        amounts.sort();
        assert!((4900..5100).contains(&amounts[n as usize / 2]), "{}", amounts[n as usize / 2]);
    }

    #[test]
    fn exp_is_near_the_one_of_libm() {
        for x in [-20.0, -1.0, 0.0, 0.5, 1.0, 13.2, 20.0] {
            assert!((exp(x) / f64::exp(x) - 1.0).abs() < 1e-11, "{x}");
        }
    }
}
