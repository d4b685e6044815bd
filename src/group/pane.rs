//! One window's groups of one worker: key code → slot.

use crate::batch::{Position, StreamPlace};
use hashbrown::HashTable;

/// Where an event stands in the order in which windows see events: that of arrival, and of an event that has waited at a
/// step that in which it went on.
pub type Arrived = (StreamPlace, Position);

/// Stands for "no slot".
pub const NONE: u32 = u32::MAX;

/// The slots of one window. A window that holds many of all keys is an array by key code; one that
/// holds few is a hash table. Which of the two never shows in a result.
pub enum Pane {
    /// Key code and slot.
    Sparse(HashTable<(u32, u32)>),
    /// The slot of each key code, [`NONE`] where there is none; and how many slots there are.
    Dense(Vec<u32>, usize),
    /// Key code and slot of single events, with their place in arrival order.
    Log(Vec<(u32, u32, Arrived)>),
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
            Pane::Sparse(_) | Pane::Log(_) => NONE,
        }
    }

    /// The slot of `key`; a new one is `*next`, which then grows by one. `keys` is the number of key
    /// codes given so far, of which `key` is one.
    #[inline]
    pub fn slot(&mut self, key: u32, keys: usize, next: &mut u32) -> u32 {
        let slot = match self {
            Pane::Log(_) => unreachable!("an event of a log comes with its place"),
            Pane::Dense(slots, used) => {
                if key as usize >= slots.len() {
                    // Room for all keys so far and not for this one alone, so that the array grows at most
                    // once a batch.
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

    /// A slot of its own for an event.
    pub fn log(&mut self, key: u32, arrived: Arrived, next: &mut u32) -> u32 {
        if let Pane::Log(events) = self {
            events.push((key, *next, arrived));
        }
        *next += 1;
        *next - 1
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
            Pane::Log(events) => events.len(),
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Pane::Sparse(table) => table.capacity() * 10 + 48,
            Pane::Dense(slots, _) => slots.capacity() * 4 + 48,
            Pane::Log(events) => events.capacity() * size_of::<(u32, u32, Arrived)>() + 48,
        }
    }

    /// Calls `f(key, slot)` for each group, in any order; of a log for each event.
    pub fn each(&self, mut f: impl FnMut(u32, u32)) {
        match self {
            Pane::Dense(slots, _) => {
                let held = (0u32..).zip(slots).filter(|(_, slot)| **slot != NONE);
                held.for_each(|(key, &slot)| f(key, slot));
            }
            Pane::Sparse(table) => table.iter().for_each(|&(key, slot)| f(key, slot)),
            Pane::Log(events) => events.iter().for_each(|&(key, slot, _)| f(key, slot)),
        }
    }

    /// The events of a log, in any order.
    pub fn events(&self) -> &[(u32, u32, Arrived)] {
        if let Pane::Log(events) = self { events } else { &[] }
    }

    /// Calls `f(rank, slot)` for each group, ranks ascending; `ranks[key]` is the rank of a key code
    /// and `by_rank[rank]` the key code of a rank, [`u32::MAX`] where this worker has not met it.
    pub fn each_by_rank(&self, ranks: &[u32], by_rank: &[u32], mut f: impl FnMut(u32, u32)) {
        match self {
            Pane::Dense(slots, _) => {
                for (rank, &key) in by_rank.iter().enumerate() {
                    // A key that came after the last growth lies past the end, and so does `u32::MAX`, a key
                    // that this worker has not met.
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
            Pane::Log(events) => {
                let mut groups: Vec<_> =
                    events.iter().map(|&(k, s, at)| (ranks[k as usize], at, s)).collect();
                groups.sort_unstable();
                groups.into_iter().for_each(|(rank, _, slot)| f(rank, slot));
            }
        }
    }
}
