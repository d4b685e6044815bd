//! Aggregates of distinct values, exact: `count(distinct x)`, `sum(distinct x)`. Merge law: union of sets.
//!
//! A set may be larger than memory: its encoded state comes in pieces, and within a bound the sets go to
//! sorted runs on disk, whose merge gives each value once.

use super::accumulator::{Accumulator, PIECE, Rows, same};
use super::codec::StateReader;
use super::domain::{Domain, TextDomain, Word};
use super::function::Aggregate;
use super::runs::{Runs, StoredValue};
use crate::batch::DataType;
use crate::error::Result;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int64Array};
use foldhash::fast::FixedState;
use hashbrown::{Equivalent, HashSet};
use rayon::prelude::*;
use std::any::Any;
use std::hash::Hash;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a set holds of a value.
pub(super) trait Element: StoredValue + Hash + Clone + Send + Sync + 'static {
    /// What is looked up.
    type Key: ?Sized + Hash + Equivalent<Self>;

    /// Calls `f` with each row's number and value, where it is not NULL.
    fn each(ty: DataType, array: &ArrayRef, f: impl FnMut(usize, &Self::Key));

    fn own(key: &Self::Key) -> Self;

    /// What it is looked up by.
    fn key(&self) -> &Self::Key;

    /// Calls `f` with what [`StoredValue::put`] wrote.
    fn take(state: &mut StateReader, f: impl FnOnce(&Self::Key));

    /// The column of these values.
    fn array(ty: DataType, values: Vec<Option<Self>>) -> ArrayRef;

    /// Bytes on the heap beside the value itself.
    fn heap(&self) -> usize {
        0
    }
}

/// Of a decimal.
impl Element for i128 {
    type Key = i128;

    fn each(ty: DataType, array: &ArrayRef, mut f: impl FnMut(usize, &i128)) {
        Word(ty).each(array, |i, word| f(i, &word));
    }

    fn own(key: &i128) -> i128 {
        *key
    }

    fn key(&self) -> &i128 {
        self
    }

    fn take(state: &mut StateReader, f: impl FnOnce(&i128)) {
        f(&state.i128());
    }

    fn array(ty: DataType, values: Vec<Option<i128>>) -> ArrayRef {
        Word(ty).build(values)
    }
}

/// Of all other types but string: their words have 64 bits.
impl Element for i64 {
    type Key = i64;

    fn each(ty: DataType, array: &ArrayRef, mut f: impl FnMut(usize, &i64)) {
        Word(ty).each(array, |i, word| f(i, &(word as i64)));
    }

    fn own(key: &i64) -> i64 {
        *key
    }

    fn key(&self) -> &i64 {
        self
    }

    fn take(state: &mut StateReader, f: impl FnOnce(&i64)) {
        f(&state.i64());
    }

    fn array(ty: DataType, values: Vec<Option<i64>>) -> ArrayRef {
        Word(ty).build(values.into_iter().map(|value| value.map(i128::from)).collect())
    }
}

impl Element for Box<[u8]> {
    type Key = [u8];

    fn each(_: DataType, array: &ArrayRef, mut f: impl FnMut(usize, &[u8])) {
        let array = array.as_string_view();
        (0..array.len()).filter(|&i| array.is_valid(i)).for_each(|i| f(i, array.value(i).as_bytes()));
    }

    fn own(key: &[u8]) -> Box<[u8]> {
        key.into()
    }

    fn key(&self) -> &[u8] {
        self
    }

    fn take(state: &mut StateReader, f: impl FnOnce(&[u8])) {
        f(state.bytes());
    }

    fn array(_: DataType, values: Vec<Option<Box<[u8]>>>) -> ArrayRef {
        TextDomain.build(values)
    }

    fn heap(&self) -> usize {
        // What malloc makes of it: a word before it, in steps of 16 bytes and 32 at least.
        if self.is_empty() { 0 } else { (self.len() + 8).next_multiple_of(16).max(32) }
    }
}

type ElementSet<E> = HashSet<E, FixedState>;

fn empty<E>(seed: u64) -> ElementSet<E> {
    HashSet::with_hasher(FixedState::with_seed(seed))
}

/// A set of values per slot.
struct DistinctSets<E: Element> {
    ty: DataType,
    /// What is made of the values; without it they are counted.
    of: Option<Aggregate>,
    /// Each accumulator hashes in its own way. Were it one way, merging would take the values in the order
    /// of their places in the larger table, crowd them into its first part, and take quadratic time.
    seed: u64,
    sets: Vec<ElementSet<E>>,
    bytes: usize,
    /// Values that went to disk; they may be in the sets again.
    runs: Runs<E>,
}

/// The accumulator for an argument of type `ty`, which counts its values, or makes `of` them.
pub fn new(ty: DataType, of: Option<Aggregate>) -> Box<dyn Accumulator> {
    fn typed<E: Element>(ty: DataType, of: Option<Aggregate>) -> Box<dyn Accumulator> {
        Box::new(DistinctSets::<E> { ty, of, seed: seed(), sets: vec![], bytes: 0, runs: Runs::new() })
    }
    match ty {
        DataType::String => typed::<Box<[u8]>>(ty, of),
        _ if ty.is_wide() => typed::<i128>(ty, of),
        _ => typed::<i64>(ty, of),
    }
}

/// A seed of hashes that no other accumulator has.
pub(super) fn seed() -> u64 {
    static SEED: AtomicU64 = AtomicU64::new(0);
    SEED.fetch_add(1, Ordering::Relaxed)
}

impl<E: Element> DistinctSets<E> {
    /// Changes one set by `f`, which gives the bytes on the heap that came with new values.
    fn change(&mut self, slot: u32, f: impl FnOnce(&mut ElementSet<E>) -> usize) {
        let set = &mut self.sets[slot as usize];
        let held = set.capacity();
        let heap = f(set);
        // hashbrown fills at most 7 of 8 slots, and has one byte of tag to each.
        self.bytes += heap + (set.capacity() - held) * (std::mem::size_of::<E>() + 1) * 8 / 7;
    }

    fn insert(&mut self, slot: u32, key: &E::Key) {
        self.change(slot, |set| {
            let len = set.len();
            // The text is copied only where it is new: the values of a group often come again.
            let heap = set.get_or_insert_with(key, E::own).heap();
            if set.len() > len { heap } else { 0 }
        });
    }
}

impl<E: Element> DistinctSets<E> {
    /// Calls `f` with each value of each slot once, in their order.
    fn each(&self, mut f: impl FnMut(u32, &E)) -> Result<()> {
        let rest = self.sets.iter().enumerate().flat_map(|(slot, set)| {
            let mut values: Vec<E> = set.iter().cloned().collect();
            values.par_sort_unstable();
            values.into_iter().map(move |value| (slot as u32, value))
        });
        let mut last: Option<(u32, E)> = None;
        self.runs.merge(rest, |slot, value| {
            // A value may lie in several runs and in memory, and equal ones come one after the other.
            if last.as_ref().is_none_or(|(s, v)| *s != slot || v != value) {
                f(slot, value);
                last = Some((slot, value.clone()));
            }
        })
    }

    /// What `of` is of the values.
    fn finish_of(&self, of: &Aggregate, slots: usize) -> Result<ArrayRef> {
        let mut made = of.accumulator();
        made.resize(self.sets.len());
        let (mut places, mut values, mut failed) = (vec![], vec![], Ok(()));
        let mut fold = |places: &mut Vec<u32>, values: &mut Vec<Option<E>>| {
            let args = [E::array(self.ty, std::mem::take(values))];
            // Only `sum`, `avg` and the variances come here, and they look at neither times nor positions.
            made.update(&std::mem::take(places), &Rows { args: &args, time: &[], positions: &[] })
        };
        self.each(|slot, value| {
            places.push(slot);
            values.push(Some(value.clone()));
            // The walk over the runs cannot stop with the error of a fold, so the first one waits for the end
            // of the walk.
            if values.len() == FOLDED && failed.is_ok() {
                failed = fold(&mut places, &mut values);
            }
        })?;
        failed?;
        fold(&mut places, &mut values)?;
        made.finish(slots)
    }
}

/// Values that are folded at once.
const FOLDED: usize = 64 << 10;

/// Appends values of `set` as a state of at most about [`PIECE`] bytes.
fn put_piece<'a, E: Element>(set: &mut impl Iterator<Item = &'a E>, out: &mut Vec<u8>) {
    let at = out.len();
    // The number of values is known only when the piece is full.
    out.extend_from_slice(&[0; 8]);
    let mut count = 0u64;
    while out.len() - at < PIECE
        && let Some(value) = set.next()
    {
        value.put(out);
        count += 1;
    }
    out[at..at + 8].copy_from_slice(&count.to_le_bytes());
}

impl<E: Element> Accumulator for DistinctSets<E> {
    fn resize(&mut self, slots: usize) {
        let seed = self.seed;
        self.sets.resize_with(slots, || empty(seed));
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        E::each(self.ty, &rows.args[0], |i, value| self.insert(slots[i], value));
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &DistinctSets<E> = same(other);
        debug_assert!(other.runs.is_empty(), "only the last accumulator is bounded");
        for &(mine, theirs) in pairs {
            let theirs = &other.sets[theirs as usize];
            self.change(mine, |set| {
                if set.capacity() == 0 {
                    // A copy of the table hashes nothing, and brings the seed of its hasher along.
                    *set = theirs.clone();
                    return set.iter().map(E::heap).sum();
                }
                let mut heap = 0;
                for value in theirs {
                    let len = set.len();
                    set.get_or_insert_with(value, E::clone);
                    heap += if set.len() > len { value.heap() } else { 0 };
                }
                heap
            });
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        put_piece(&mut self.sets[slot as usize].iter(), out);
    }

    fn encode_rest(
        &self,
        slot: u32,
        write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let mut values = self.sets[slot as usize].iter();
        // The first piece was written by `encode`.
        let mut bytes = 8;
        while bytes < PIECE
            && let Some(value) = values.next()
        {
            bytes += value.stored();
        }
        let mut piece = vec![];
        while values.len() > 0 {
            piece.clear();
            put_piece(&mut values, &mut piece);
            write(&piece)?;
        }
        Ok(())
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        for _ in 0..state.u64() {
            E::take(state, |value| self.insert(slot, value));
        }
        Ok(())
    }

    fn bound(&mut self, bytes: usize, folder: &Path) -> Result<()> {
        if self.bytes <= bytes {
            return Ok(());
        }
        // The emptied sets give up their tables and their texts.
        self.bytes = 0;
        let seed = self.seed;
        let sets = self.sets.iter_mut().enumerate().map(|(slot, set)| {
            let mut values: Vec<E> = std::mem::replace(set, empty(seed)).into_iter().collect();
            // The values of a run ascend, so that the merge meets equal ones side by side.
            values.par_sort_unstable();
            (slot as u32, values)
        });
        self.runs.write(folder, sets)
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        if let Some(of) = &self.of {
            return self.finish_of(of, slots);
        }
        if self.runs.is_empty() {
            let counts = self.sets[..slots].iter().map(|set| set.len() as i64);
            return Ok(Arc::new(Int64Array::from_iter_values(counts)));
        }
        // The runs may hold values of slots that are not asked for.
        let mut counts = vec![0i64; self.sets.len()];
        self.each(|slot, _| counts[slot as usize] += 1)?;
        counts.truncate(slots);
        Ok(Arc::new(Int64Array::from(counts)))
    }

    fn bytes(&self) -> usize {
        self.bytes + self.sets.capacity() * std::mem::size_of::<ElementSet<E>>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
