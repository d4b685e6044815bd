//! How much memory a comparison may hold.

use super::ComparisonRules;
use super::value::Digest;

/// How much is held at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Buckets, at most; a power of two.
    pub buckets: usize,
    /// Hashes of keys.
    pub listed: usize,
    /// Words of rows that are paired.
    pub words: usize,
}

impl Limits {
    /// With less than this, nothing can be done in a reasonable time.
    pub(super) const LEAST: u64 = 64 << 20;

    /// With more than this, a comparison is no faster.
    const MOST: u64 = 1 << 30;

    pub fn of(rules: &ComparisonRules) -> Limits {
        let memory = usize::try_from(rules.memory.clamp(Limits::LEAST, Limits::MOST)).unwrap_or(usize::MAX);
        // Each thread adds into cells of its own.
        let cell = size_of::<HashDifference>() * rules.threads.max(1);
        let buckets = (memory / 8 / cell).clamp(1 << 10, 1 << 21);
        // Hashes and words have eight bytes each and may take a third of the memory; they are not held
        // together.
        Limits { buckets: 1 << buckets.ilog2(), listed: memory / 3 / 8, words: memory / 3 / 8 }
    }
}

/// The sum of the hashes here less those there, and how many rows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct HashDifference {
    pub(super) sums: Digest,
    pub(super) rows: [u32; 2],
}

impl HashDifference {
    pub(super) fn add(&mut self, side: usize, hash: Digest) {
        match side {
            0 => {
                // Sums modulo 2^64 do not depend on the order, so threads add rows as they come.
                self.sums.0 = self.sums.0.wrapping_add(hash.0);
                self.sums.1 = self.sums.1.wrapping_add(hash.1);
            }
            _ => {
                self.sums.0 = self.sums.0.wrapping_sub(hash.0);
                self.sums.1 = self.sums.1.wrapping_sub(hash.1);
            }
        }
        self.rows[side] = self.rows[side].wrapping_add(1);
    }

    pub(super) fn merge(&mut self, other: &HashDifference) {
        self.sums.0 = self.sums.0.wrapping_add(other.sums.0);
        self.sums.1 = self.sums.1.wrapping_add(other.sums.1);
        self.rows[0] = self.rows[0].wrapping_add(other.rows[0]);
        self.rows[1] = self.rows[1].wrapping_add(other.rows[1]);
    }
}
