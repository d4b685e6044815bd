//! One bit for each row of each worker.

use std::sync::atomic::{AtomicU64, Ordering};

/// A set of rows, told by worker and by the number that the worker gave them. May be added to from many
/// threads at once.
#[derive(Debug, Default)]
pub struct RowBits {
    workers: Vec<Vec<AtomicU64>>,
}

impl RowBits {
    /// An empty set of rows of workers that have numbered so many each.
    pub fn new(rows: &[u64]) -> RowBits {
        let words = |rows: &u64| (0..rows.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        RowBits { workers: rows.iter().map(words).collect() }
    }

    /// Adds a row.
    #[inline]
    pub fn insert(&self, worker: usize, row: u64) {
        // Only the bit itself matters: what reads it comes after the threads have been joined.
        self.workers[worker][(row / 64) as usize].fetch_or(1 << (row % 64), Ordering::Relaxed);
    }

    /// Whether the row is in the set.
    #[inline]
    pub fn contains(&self, worker: usize, row: u64) -> bool {
        self.workers[worker][(row / 64) as usize].load(Ordering::Relaxed) >> (row % 64) & 1 == 1
    }

    /// Adds the rows of `other`, a set over the same rows.
    pub fn extend(&self, other: &RowBits) {
        for (own, more) in self.workers.iter().zip(&other.workers) {
            for (word, add) in own.iter().zip(more) {
                word.fetch_or(add.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }

    /// How many rows are in the set.
    pub fn count(&self) -> u64 {
        let words = self.workers.iter().flatten();
        words.map(|word| u64::from(word.load(Ordering::Relaxed).count_ones())).sum()
    }
}
