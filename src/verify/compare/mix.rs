//! Hashes of rows, built up column by column.

use super::value::Digest;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Random numbers of this process.
static SEEDS: LazyLock<[u64; 8]> = LazyLock::new(|| {
    let state = RandomState::new();
    std::array::from_fn(|i| state.hash_one(i) | 1)
});

/// What makes hashes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mixer {
    seeds: [u64; 8],
}

impl Mixer {
    pub fn new() -> Mixer {
        Mixer { seeds: *SEEDS }
    }

    /// The hash of no columns.
    pub fn start(&self) -> Digest {
        (self.seeds[0], self.seeds[1])
    }

    /// Takes one more column into the hash of a row: two halves, each of both halves of the value.
    #[inline(always)]
    pub fn add(&self, state: &mut Digest, value: Digest) {
        let s = &self.seeds;
        let (a, b) = *state;
        state.0 = folded(a ^ value.0 ^ s[2], b ^ value.1 ^ s[3]);
        // Other seeds and rotations than above, so that the second half does not follow from the first.
        state.1 = folded(b ^ value.0.rotate_left(32) ^ s[4], a.rotate_left(17) ^ value.1 ^ s[5]);
    }

    /// The hash of one value, never 0.
    #[inline(always)]
    pub fn one(&self, value: Digest) -> u64 {
        let s = &self.seeds;
        let half = folded(value.0 ^ s[6], value.1 ^ s[7]);
        // `pairs` keeps 0 for NULL.
        folded(half ^ s[2], value.0 ^ value.1.rotate_left(32) ^ s[4]).max(1)
    }
}

/// Both halves of the product, which all bits of both have a part in.
#[inline(always)]
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
