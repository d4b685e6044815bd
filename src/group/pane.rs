//! One window's groups of one worker: key code → slot.

use hashbrown::HashTable;

/// Stands for "no slot".
pub const NONE: u32 = u32::MAX;

/// The slots of one window. A window that holds many of all keys is an array by key code; one that
/// holds few is a hash table. Which of the two never shows in a result.
pub enum Pane {
    /// Key code and slot.
    Sparse(HashTable<(u32, u32)>),
    /// The slot of each key code, [`NONE`] where there is none; and how many slots there are.
    Dense(Vec<u32>, usize),
}

#[inline]
fn hash(key: u32) -> u64 {
    // Fibonacci hashing; hashbrown takes the top bits for its tags and the low ones for its place.
    let product = u64::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

impl Pane {
    pub fn new() -> Pane {
        Pane::Sparse(HashTable::new())
    }

    /// The slot of `key` if it has one and the pane is an array; [`NONE`] says nothing.
    #[inline]
    pub fn known(&self, key: u32) -> u32 {
        match self {
            Pane::Dense(slots, _) => slots.get(key as usize).copied().unwrap_or(NONE),
            Pane::Sparse(_) => NONE,
        }
    }

    /// The slot of `key`; a new one is `*next`, which then grows by one. `keys` is the number of key
    /// codes given so far, of which `key` is one.
    #[inline]
    pub fn slot(&mut self, key: u32, keys: usize, next: &mut u32) -> u32 {
        let slot = match self {
            Pane::Dense(slots, used) => {
                if key as usize >= slots.len() {
                    slots.resize(keys.max(key as usize + 1), NONE);
                }
                let slot = &mut slots[key as usize];
                if *slot != NONE {
                    return *slot;
                }
                *slot = *next;
                *used += 1;
                *slot
            }
            Pane::Sparse(table) => match table.entry(hash(key), |e| e.0 == key, |e| hash(e.0)) {
                hashbrown::hash_table::Entry::Occupied(held) => return held.get().1,
                hashbrown::hash_table::Entry::Vacant(free) => {
                    free.insert((key, *next));
                    let slot = *next;
                    // An array of 4 bytes a key, beside a table of 10 to 20 bytes an entry: at most three times as much
                    // memory here, less from a third of the keys on, and a lookup without a hash.
                    if table.len() >= 32 && table.len() * 8 >= keys {
                        self.densify(keys);
                    }
                    slot
                }
            },
        };
        *next += 1;
        slot
    }

    fn densify(&mut self, keys: usize) {
        if let Pane::Sparse(table) = self {
            let mut slots = vec![NONE; keys];
            for &(key, slot) in table.iter() {
                slots[key as usize] = slot;
            }
            *self = Pane::Dense(slots, table.len());
        }
    }

    /// How many groups it has.
    pub fn len(&self) -> usize {
        match self {
            Pane::Sparse(table) => table.len(),
            Pane::Dense(_, used) => *used,
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Pane::Sparse(table) => table.capacity() * 10 + 48,
            Pane::Dense(slots, _) => slots.capacity() * 4 + 48,
        }
    }

    /// Calls `f(rank, slot)` for each group, ranks ascending; `ranks[key]` is the rank of a key code
    /// and `by_rank[rank]` the key code of a rank, [`u32::MAX`] where this worker has not met it.
    pub fn each_by_rank(&self, ranks: &[u32], by_rank: &[u32], mut f: impl FnMut(u32, u32)) {
        match self {
            Pane::Dense(slots, _) => {
                for (rank, &key) in by_rank.iter().enumerate() {
                    if let Some(&slot) = slots.get(key as usize).filter(|&&slot| slot != NONE) {
                        f(rank as u32, slot);
                    }
                }
            }
            Pane::Sparse(table) => {
                let mut groups: Vec<(u32, u32)> =
                    table.iter().map(|&(key, slot)| (ranks[key as usize], slot)).collect();
                groups.sort_unstable();
                groups.into_iter().for_each(|(rank, slot)| f(rank, slot));
            }
        }
    }
}
