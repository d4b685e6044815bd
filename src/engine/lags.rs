//! A distribution of lengths of time.

use hashbrown::HashMap;
use serde::Serialize;

/// A distribution of lateness.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Events.
    pub events: u64,
    /// Of those, how many came behind the watermark generator at all.
    pub behind: u64,
    /// So late or less is half of the events.
    #[serde(rename = "p50_us")]
    pub p50: i64,
    /// As `p50`, of 90 % of the events.
    #[serde(rename = "p90_us")]
    pub p90: i64,
    /// As `p50`, of 95 %.
    #[serde(rename = "p95_us")]
    pub p95: i64,
    /// As `p50`, of 99 %.
    #[serde(rename = "p99_us")]
    pub p99: i64,
    /// As `p50`, of 99.9 %.
    #[serde(rename = "p99_9_us")]
    pub p99_9: i64,
    /// As `p50`, of 99.99 %.
    #[serde(rename = "p99_99_us")]
    pub p99_99: i64,
    /// The latest.
    #[serde(rename = "max_us")]
    pub max: i64,
}

/// How often each length occurred: exact up to a million different ones; past that, lengths are
/// rounded down to fewer and fewer leading bits, 15 of them or more in practice (0.003 %).
///
/// # Contract
/// What it holds is a function of the lengths alone: a rounding is one that all parts will need, so
/// neither the order of lengths nor how they were split shows.
#[derive(Debug, Clone)]
pub struct Lags {
    counts: HashMap<u64, u64, foldhash::fast::FixedState>,
    /// How many leading bits are kept.
    bits: u32,
    max: u64,
}

/// The most different lengths.
const MOST: usize = 1 << 20;

impl Default for Lags {
    fn default() -> Lags {
        Lags { counts: HashMap::default(), bits: 64, max: 0 }
    }
}

impl Lags {
    /// Notes a length, which is not negative.
    #[inline]
    pub fn add(&mut self, length: i64) {
        self.note(length.max(0) as u64, 1);
    }

    fn note(&mut self, length: u64, times: u64) {
        self.max = self.max.max(length);
        *self.counts.entry(rounded(length, self.bits)).or_insert(0) += times;
        while self.counts.len() > MOST {
            // Lengths have far fewer than 64 bits, so single steps down from there would long change nothing.
            self.bits = if self.bits == 64 { 24 } else { self.bits - 1 };
            let old = std::mem::take(&mut self.counts);
            for (length, times) in old {
                *self.counts.entry(rounded(length, self.bits)).or_insert(0) += times;
            }
        }
    }

    /// Takes in another distribution.
    pub fn merge(&mut self, other: &Lags) {
        // Both sides must be rounded alike, or the order of merges would show in the result.
        if other.bits < self.bits {
            self.bits = other.bits;
            let old = std::mem::take(&mut self.counts);
            old.into_iter().for_each(|(length, times)| self.note(length, times));
        }
        other.counts.iter().for_each(|(&length, &times)| self.note(length, times));
        self.max = self.max.max(other.max);
    }

    /// How many lengths were noted.
    pub fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The lengths and how often each occurred, ascending.
    fn sorted(&self) -> Vec<(u64, u64)> {
        let mut sorted: Vec<(u64, u64)> = self.counts.iter().map(|(&l, &n)| (l, n)).collect();
        sorted.sort_unstable();
        sorted
    }

    /// The profile of these lengths among `events`, of which the others have length 0.
    pub fn profile(&self, events: u64) -> Profile {
        let sorted = self.sorted();
        let behind = self.count();
        let at = |share: u64| {
            // The least length that has at least so many of ten thousand events at or below it.
            let wanted = (u128::from(events) * u128::from(share)).div_ceil(10_000) as u64;
            // Events that did not come behind the watermark generator have length 0 and stand first.
            let mut seen = events - behind;
            for &(length, times) in &sorted {
                if seen >= wanted {
                    break;
                }
                seen += times;
                if seen >= wanted {
                    return length as i64;
                }
            }
            0
        };
        Profile {
            events,
            behind,
            p50: at(5000),
            p90: at(9000),
            p95: at(9500),
            p99: at(9900),
            p99_9: at(9990),
            p99_99: at(9999),
            max: self.max as i64,
        }
    }

    /// The longest.
    pub fn max(&self) -> i64 {
        self.max as i64
    }

    /// The widest gap that sets some lengths of more than `least` apart, `times` longer than all others
    /// and `most` of them or fewer (but one may be): the longest before it, and the least behind it.
    pub fn outliers(&self, least: i64, times: i64, most: u64) -> Option<(i64, i64)> {
        let sorted = self.sorted();
        let mut behind = 0;
        let mut widest: Option<(i64, i64)> = None;
        for at in (0..sorted.len()).rev() {
            behind += sorted[at].1;
            let far = sorted[at].0 as i64;
            let usual = at.checked_sub(1).map_or(0, |before| sorted[before].0 as i64);
            if behind > most.max(1) || far <= least {
                break;
            }
            // Below a minute a ratio says little, and a usual lag of zero must not divide.
            let ratio = |(usual, far): (i64, i64)| far / usual.max(crate::time::MINUTE);
            if ratio((usual, far)) >= times && widest.is_none_or(|held| ratio(held) < ratio((usual, far))) {
                widest = Some((usual, far));
            }
        }
        widest
    }

    /// How many lengths are greater than `length`.
    pub fn above(&self, length: i64) -> u64 {
        self.counts.iter().filter(|(held, _)| **held > length.max(0) as u64).map(|(_, times)| times).sum()
    }

    /// The least length that no more than `most` lengths reach; 0 where there are no more than `most`.
    /// That is one microsecond more than the greatest that has to be left out.
    pub fn beyond(&self, most: u64) -> i64 {
        let mut left = 0;
        for &(length, times) in self.sorted().iter().rev() {
            left += times;
            if left > most {
                // All lengths that were rounded to this one.
                let cut = bits_of(length).saturating_sub(self.bits);
                let last = length + ((1 << cut) - 1);
                return last.min(self.max) as i64 + 1;
            }
        }
        0
    }
}

fn bits_of(length: u64) -> u32 {
    64 - length.leading_zeros()
}

/// `length` with all but its first `bits` bits zero.
fn rounded(length: u64, bits: u32) -> u64 {
    let cut = bits_of(length).saturating_sub(bits);
    length >> cut << cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_of_all_events() {
        let mut lags = Lags::default();
        (1..=20).for_each(|length| lags.add(length));
        let profile = lags.profile(100);
        assert_eq!((profile.behind, profile.p50, profile.p90, profile.p99, profile.max), (20, 0, 10, 19, 20));
        assert_eq!([0, 1, 5, 19, 20].map(|most| lags.beyond(most)), [21, 20, 16, 2, 0]);
        assert_eq!(lags.above(15), 5);
        assert_eq!(Lags::default().profile(0), Profile::default());
    }

    #[test]
    fn neither_the_order_nor_the_split_shows_when_lengths_are_rounded() {
        // More different lengths than are kept, in three parts and in another order.
        let lengths = |n: u64| ((n * 7_919_993) % (1 << 40)) as i64;
        let of = |numbers: &mut dyn Iterator<Item = u64>| {
            let mut lags = Lags::default();
            numbers.for_each(|n| lags.add(lengths(n)));
            lags
        };
        let all = 3 * MOST as u64;
        let whole = of(&mut (0..all));
        let mut parts = of(&mut (0..10).rev());
        parts.merge(&of(&mut (all / 2..all).rev()));
        parts.merge(&of(&mut (10..all / 2)));
        assert_eq!((whole.bits, whole.max), (parts.bits, parts.max));
        assert!(whole.bits < 64 && whole.counts == parts.counts);
        let mut exact: Vec<i64> = (0..all).map(lengths).collect();
        exact.sort_unstable();
        for most in [0, 100, all / 2] {
            let (rounded, exact) = (whole.beyond(most), exact[(all - 1 - most) as usize] + 1);
            assert!(rounded >= exact && rounded as f64 <= exact as f64 * 1.0001, "{rounded} {exact}");
        }
    }

    #[test]
    fn outliers_are_far_and_few() {
        use crate::time::{DAY, HOUR, MINUTE};
        let mut lags = Lags::default();
        (0..1000).for_each(|n| lags.add(n * MINUTE / 500));
        assert_eq!(lags.outliers(HOUR, 10, 10), None);
        lags.add(3 * DAY);
        lags.add(200 * DAY);
        assert_eq!(lags.outliers(HOUR, 10, 10), Some((999 * MINUTE / 500, 3 * DAY)));
        assert_eq!(lags.outliers(HOUR, 10, 1), Some((3 * DAY, 200 * DAY)));
    }
}
