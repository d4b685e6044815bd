//! `mode(x)`, exact: how often each value comes. Merge law: addition of the counts of each value.
//!
//! As in [`super::distinct`] there may be more values than memory holds: an encoded state comes in pieces, and within a
//! bound the counts go to sorted runs on disk.

use super::accumulator::{Accumulator, PIECE, Rows, same};
use super::codec::StateReader;
use super::distinct::{Element, seed};
use super::runs::{Runs, StoredValue};
use crate::batch::DataType;
use crate::error::Result;
use arrow_array::ArrayRef;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::any::Any;
use std::io::Read;
use std::path::Path;

/// A value, and how often it came.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ValueCount<E>(E, u64);

impl<E: StoredValue> StoredValue for ValueCount<E> {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn stored(&self) -> usize {
        self.0.stored() + 8
    }

    fn read(input: &mut impl Read) -> std::io::Result<Self> {
        Ok(ValueCount(E::read(input)?, u64::read(input)?))
    }
}

type Counts<E> = HashMap<E, u64, FixedState>;

/// The counts of each slot.
struct ModeCounts<E: Element> {
    ty: DataType,
    /// See [`super::distinct`].
    seed: u64,
    counts: Vec<Counts<E>>,
    bytes: usize,
    /// Counts that went to disk; their values may be counted again in memory.
    runs: Runs<ValueCount<E>>,
}

/// The accumulator for an argument of type `ty`.
pub fn new(ty: DataType) -> Box<dyn Accumulator> {
    fn typed<E: Element>(ty: DataType) -> Box<dyn Accumulator> {
        Box::new(ModeCounts::<E> { ty, seed: seed(), counts: vec![], bytes: 0, runs: Runs::new() })
    }
    match ty {
        DataType::String => typed::<Box<[u8]>>(ty),
        _ if ty.is_wide() => typed::<i128>(ty),
        _ => typed::<i64>(ty),
    }
}

impl<E: Element> ModeCounts<E> {
    fn add(&mut self, slot: u32, key: &E::Key, times: u64) {
        let counts = &mut self.counts[slot as usize];
        // Looked up before the value is copied: most values come again.
        if let Some(held) = counts.get_mut(key) {
            *held += times;
            return;
        }
        let (value, held) = (E::own(key), counts.capacity());
        self.bytes += value.heap();
        counts.insert(value, times);
        self.bytes += (counts.capacity() - held) * (std::mem::size_of::<(E, u64)>() + 1) * 8 / 7;
    }

    fn sorted(counts: &Counts<E>) -> Vec<ValueCount<E>> {
        let mut sorted: Vec<ValueCount<E>> =
            counts.iter().map(|(value, &times)| ValueCount(value.clone(), times)).collect();
        sorted.sort_unstable();
        sorted
    }

    /// The most frequent values where counts are on disk.
    fn modes_of_runs(&self) -> Result<Vec<Option<E>>> {
        let rest = self.counts.iter().enumerate().flat_map(|(slot, counts)| {
            ModeCounts::sorted(counts).into_iter().map(move |counted| (slot as u32, counted))
        });
        let mut best: Vec<Option<ValueCount<E>>> = vec![None; self.counts.len()];
        // The value whose counts are being added up; values come in their order, so of equal ones the first stays.
        let mut current: Option<(u32, ValueCount<E>)> = None;
        let mut settle = |current: Option<(u32, ValueCount<E>)>| {
            let Some((slot, counted)) = current else { return };
            let held = &mut best[slot as usize];
            if held.as_ref().is_none_or(|held| counted.1 > held.1) {
                *held = Some(counted);
            }
        };
        // The counts of a value may lie in several runs, and only their sum can be compared.
        self.runs.merge(rest, |slot, ValueCount(value, times)| match &mut current {
            Some((s, ValueCount(v, sum))) if *s == slot && v == value => *sum += times,
            _ => settle(current.replace((slot, ValueCount(value.clone(), *times)))),
        })?;
        settle(current);
        Ok(best.into_iter().map(|best| best.map(|ValueCount(value, _)| value)).collect())
    }
}

/// The value that comes most often; of several the least.
fn most<E: Element>(counts: &Counts<E>) -> Option<E> {
    // `max_by` takes the last of equal maxima: with a tie of counts alone, the order of the hash table would
    // show.
    let better = |a: &(&E, &u64), b: &(&E, &u64)| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0));
    counts.iter().max_by(better).map(|(value, _)| value.clone())
}

/// Appends counts as a state of at most about [`PIECE`] bytes; gives the bytes of them.
fn put_piece<'a, E: Element>(counts: &mut impl Iterator<Item = (&'a E, &'a u64)>, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    let mut count = 0u64;
    while out.len() - at < PIECE
        && let Some((value, times)) = counts.next()
    {
        value.put(out);
        times.put(out);
        count += 1;
    }
    out[at..at + 8].copy_from_slice(&count.to_le_bytes());
}

impl<E: Element> Accumulator for ModeCounts<E> {
    fn resize(&mut self, slots: usize) {
        let seed = self.seed;
        self.counts.resize_with(slots, || HashMap::with_hasher(FixedState::with_seed(seed)));
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        E::each(self.ty, &rows.args[0], |i, value| self.add(slots[i], value, 1));
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &ModeCounts<E> = same(other);
        debug_assert!(other.runs.is_empty(), "only the last accumulator is bounded");
        for &(mine, theirs) in pairs {
            for (value, &times) in &other.counts[theirs as usize] {
                self.add(mine, value.key(), times);
            }
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        put_piece(&mut self.counts[slot as usize].iter(), out);
    }

    fn encode_rest(
        &self,
        slot: u32,
        write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let mut counts = self.counts[slot as usize].iter();
        let mut piece = vec![];
        // The first piece was written by `encode`.
        put_piece(&mut counts, &mut piece);
        while counts.len() > 0 {
            piece.clear();
            put_piece(&mut counts, &mut piece);
            write(&piece)?;
        }
        Ok(())
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        for _ in 0..state.u64() {
            let mut value = None;
            E::take(state, |key| value = Some(E::own(key)));
            let times = state.u64();
            if let Some(value) = value {
                self.add(slot, value.key(), times);
            }
        }
        Ok(())
    }

    fn bound(&mut self, bytes: usize, folder: &Path) -> Result<()> {
        if self.bytes <= bytes {
            return Ok(());
        }
        self.bytes = 0;
        let seed = self.seed;
        let slots = self.counts.iter_mut().enumerate().map(|(slot, counts)| {
            let counts = std::mem::replace(counts, HashMap::with_hasher(FixedState::with_seed(seed)));
            (slot as u32, ModeCounts::sorted(&counts))
        });
        self.runs.write(folder, slots)
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        let mut modes = match self.runs.is_empty() {
            true => self.counts.iter().map(most).collect(),
            false => self.modes_of_runs()?,
        };
        modes.truncate(slots);
        Ok(E::array(self.ty, modes))
    }

    fn bytes(&self) -> usize {
        self.bytes + self.counts.capacity() * std::mem::size_of::<Counts<E>>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
