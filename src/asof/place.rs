//! Where a row of a table belongs, and the shards of a table.

/// The bits of a hash that say which shard of the table a key belongs to.
pub const SHARD_BITS: u32 = 6;
/// The shards of a table.
pub const SHARDS: usize = 1 << SHARD_BITS;
/// After those, the bits that rows are in order of before they are sorted here.
const PREFIX_BITS: u32 = 22;
/// Stands for "no row".
pub const NONE: u32 = u32::MAX;

/// Where a row belongs: the hash of its key, and its event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HashAndTime {
    pub high: u64,
    pub low: u64,
    pub time: i64,
}

impl HashAndTime {
    pub fn new(hash: u128, time: i64) -> HashAndTime {
        HashAndTime { high: (hash >> 64) as u64, low: hash as u64, time }
    }

    /// The shard of the key.
    #[inline]
    pub fn shard(&self) -> usize {
        (self.high >> (64 - SHARD_BITS)) as usize
    }

    /// Whether both are of one key; without a branch between the halves.
    #[inline]
    pub fn has_key_of(&self, other: &HashAndTime) -> bool {
        ((self.high ^ other.high) | (self.low ^ other.low)) == 0
    }
}

/// The bits of a hash by which the rows of a shard are sorted roughly.
pub fn prefix(high: u64) -> u64 {
    high << SHARD_BITS >> (64 - PREFIX_BITS)
}
