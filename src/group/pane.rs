//! One window's groups of one worker: key code → slot.

use crate::batch::{Position, StreamPlace};
use hashbrown::HashTable;
use std::hint::select_unpredictable;

/// Where an event stands in the order in which windows see events: that of arrival, and of an event that has waited at a
/// step that in which it went on.
pub type Arrived = (StreamPlace, Position);

/// Stands for "no slot".
pub const NONE: u32 = u32::MAX;

/// The slots of one window. A window that holds many of all keys is an array by key code, or a range of slots if that
/// was to be expected; one that holds few is a hash table. Which of them never shows in a result.
pub enum Pane {
    /// Key code and slot.
    Sparse(HashTable<(u32, u32)>),
    /// The slot of each key code, [`NONE`] where there is none; and how many slots there are.
    Dense(Vec<u32>, usize),
    /// A slot for each key code, whether it comes or not: where is no matter of memory but of arithmetic. Those that rows
    /// came to are [`TouchedSlots`]. Keys that were found after it was made are in the table, as in a sparse one.
    Range(SlotRange, HashTable<(u32, u32)>),
    /// Key code and slot of single events, with their place in arrival order.
    Log(Vec<(u32, u32, Arrived)>),
}

/// Consecutive slots, of the key codes from 0 on.
#[derive(Debug, Clone, Copy, Default)]
pub struct SlotRange {
    pub first: u32,
    /// The number of key codes that have one.
    pub room: u32,
}

/// Which slots of ranges rows came to: a bit for each slot. Of other slots it says nothing.
pub struct TouchedSlots(Vec<u64>);

impl TouchedSlots {
    /// None; there is room for the first slots.
    pub fn new() -> TouchedSlots {
        TouchedSlots(vec![0])
    }

    /// Makes room for the slots before `end`.
    pub fn reserve(&mut self, end: u32) {
        self.0.resize(end as usize / 64 + 1, 0);
    }

    /// Notes that a row came to `slot`, if it `did`.
    #[inline(always)]
    pub fn mark(&mut self, slot: u32, did: bool) {
        self.0[slot as usize / 64] |= u64::from(did) << (slot % 64);
    }

    #[inline]
    fn has(&self, slot: u32) -> bool {
        self.0[slot as usize / 64] >> (slot % 64) & 1 != 0
    }

    /// The slots of `range` that are touched, ascending.
    fn within(&self, range: SlotRange) -> impl Iterator<Item = u32> {
        self.words(range).flat_map(|(first, mut word)| {
            std::iter::from_fn(move || {
                let slot = (word != 0).then(|| first + word.trailing_zeros())?;
                word &= word - 1;
                Some(slot)
            })
        })
    }

    /// How many slots of `range` are touched.
    fn count(&self, range: SlotRange) -> usize {
        self.words(range).map(|(_, word)| word.count_ones() as usize).sum()
    }

    /// The bits of `range`, each word with the slot of its lowest bit.
    fn words(&self, range: SlotRange) -> impl Iterator<Item = (u32, u64)> {
        let (first, end) = (range.first as usize, (range.first + range.room) as usize);
        (first / 64..end.div_ceil(64)).map(move |at| {
            let below = u64::MAX << (first.saturating_sub(at * 64).min(63));
            let above = u64::MAX >> ((at * 64 + 64).saturating_sub(end).min(63));
            (at as u32 * 64, self.0[at] & below & above)
        })
    }

    pub fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}

/// The groups of a pane.
#[derive(Clone, Copy)]
pub struct PaneSlots<'a> {
    pub pane: &'a Pane,
    pub touched: &'a TouchedSlots,
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
            Pane::Sparse(_) | Pane::Range(..) | Pane::Log(_) => NONE,
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
            Pane::Range(range, _) if key < range.room => return range.first + key,
            Pane::Sparse(table) | Pane::Range(_, table) => {
                match table.entry(hash(key), |e| e.0 == key, |e| hash(e.0)) {
                    hashbrown::hash_table::Entry::Occupied(held) => return held.get().1,
                    hashbrown::hash_table::Entry::Vacant(free) => {
                        free.insert((key, *next));
                        let slot = *next;
                        // An array of 4 bytes a key, beside a table of 10 to 20 bytes an entry: at most three times as much
                        // memory here, less from a third of the keys on, and a lookup without a hash.
                        if table.len() >= 32 && table.len() * 8 >= keys && matches!(self, Pane::Sparse(_)) {
                            self.densify(keys);
                        }
                        slot
                    }
                }
            }
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

    pub fn bytes(&self) -> usize {
        match self {
            Pane::Sparse(table) | Pane::Range(_, table) => table.capacity() * 10 + 48,
            Pane::Dense(slots, _) => slots.capacity() * 4 + 48,
            Pane::Log(events) => events.capacity() * size_of::<(u32, u32, Arrived)>() + 48,
        }
    }
}

impl<'a> PaneSlots<'a> {
    /// How many groups it has.
    pub fn len(self) -> usize {
        match self.pane {
            Pane::Sparse(table) => table.len(),
            Pane::Dense(_, used) => *used,
            Pane::Range(range, later) => self.touched.count(*range) + later.len(),
            Pane::Log(events) => events.len(),
        }
    }

    /// Calls `f(key, slot)` for each group, in any order; of a log for each event.
    pub fn each(self, mut f: impl FnMut(u32, u32)) {
        match self.pane {
            Pane::Dense(slots, _) => {
                let held = (0u32..).zip(slots).filter(|(_, slot)| **slot != NONE);
                held.for_each(|(key, &slot)| f(key, slot));
            }
            Pane::Range(range, later) => {
                self.touched.within(*range).for_each(|slot| f(slot - range.first, slot));
                later.iter().for_each(|&(key, slot)| f(key, slot));
            }
            Pane::Sparse(table) => table.iter().for_each(|&(key, slot)| f(key, slot)),
            Pane::Log(events) => events.iter().for_each(|&(key, slot, _)| f(key, slot)),
        }
    }

    /// The events of a log, in any order.
    pub fn events(self) -> &'a [(u32, u32, Arrived)] {
        if let Pane::Log(events) = self.pane { events } else { &[] }
    }

    /// Whether [`PaneSlots::slot_of`] knows the slots.
    pub fn is_array(self) -> bool {
        matches!(self.pane, Pane::Dense(..) | Pane::Range(..))
    }

    /// The slot of a key code, of an array or a range; [`NONE`] where there is none, as for a code that no key has.
    #[inline]
    pub fn slot_of(self, key: u32) -> u32 {
        match self.pane {
            // A key that came after the last growth lies past the end.
            Pane::Dense(slots, _) => slots.get(key as usize).copied().unwrap_or(NONE),
            Pane::Range(range, _) if key < range.room => {
                let slot = range.first + key;
                if self.touched.has(slot) { slot } else { NONE }
            }
            Pane::Range(_, later) if key != NONE => {
                later.find(hash(key), |entry| entry.0 == key).map_or(NONE, |entry| entry.1)
            }
            _ => NONE,
        }
    }

    /// Appends what [`PaneSlots::slot_of`] says of each of `keys`.
    pub fn slots_of(self, keys: &[u32], slots: &mut Vec<u32>) {
        match self.pane {
            Pane::Range(range, later) if later.is_empty() => {
                slots.extend(keys.iter().map(|&key| {
                    // A key that is not of the range is looked up as its last one, so that there is no branch: which
                    // keys a window has is anybody's guess.
                    let slot = range.first + key.min(range.room - 1);
                    select_unpredictable((key < range.room) & self.touched.has(slot), slot, NONE)
                }));
            }
            _ => slots.extend(keys.iter().map(|&key| self.slot_of(key))),
        }
    }

    /// Calls `f(rank, slot)` for each group, ranks ascending; `ranks[key]` is the rank of a key code
    /// and `by_rank[rank]` the key code of a rank, [`u32::MAX`] where this worker has not met it.
    pub fn each_by_rank(self, ranks: &[u32], by_rank: &[u32], mut f: impl FnMut(u32, u32)) {
        match self.pane {
            Pane::Dense(..) | Pane::Range(..) => {
                let mut slots = Vec::with_capacity(by_rank.len());
                self.slots_of(by_rank, &mut slots);
                (0u32..).zip(slots).filter(|(_, slot)| *slot != NONE).for_each(|(rank, slot)| f(rank, slot));
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
