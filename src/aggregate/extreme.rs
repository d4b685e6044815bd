//! `min`, `max`, `first`, `last`, `arg_min`, `arg_max`: the value of the one best row.
//!
//! Merge law: the minimum of (rank, event time, position), a total order over rows, so the best of
//! the bests is the best of all. For `min` and `max` rank and value are the same, and time and
//! position are left out.

use super::accumulator::{Accumulator, Rows, same};
use super::codec::StateReader;
use super::domain::{Domain, TextDomain, Word};
use crate::batch::{DataType, Position};
use crate::error::Result;
use arrow_array::{Array, ArrayRef};
use std::any::Any;
use std::cmp::Ordering;

/// Which end wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The earliest row in replay order.
    First,
    /// The latest row in replay order.
    Last,
}

/// The accumulator of a one-argument extreme over `ty`.
pub fn new(ty: DataType, which: Which) -> Box<dyn Accumulator> {
    match (ty, which) {
        // Strings are ordered by their bytes, as PostgreSQL orders them with the collation C.
        (DataType::String, Which::Min | Which::Max) => Box::new(Extreme::new(TextDomain, which)),
        (ty, Which::Min | Which::Max) => Box::new(Extreme::new(Word(ty), which)),
        // `first` and `last` are arg_min and arg_max with nothing before replay order to rank by.
        (DataType::String, _) => Box::new(Arg::new(TextDomain, Unranked, which)),
        (ty, _) => Box::new(Arg::new(Word(ty), Unranked, which)),
    }
}

/// The accumulator of `arg_min`/`arg_max` of a `ty` by a `by`.
pub fn new_arg(ty: DataType, by: DataType, which: Which) -> Box<dyn Accumulator> {
    match (ty, by) {
        (DataType::String, DataType::String) => Box::new(Arg::new(TextDomain, TextDomain, which)),
        (DataType::String, by) => Box::new(Arg::new(TextDomain, Word(by), which)),
        (ty, DataType::String) => Box::new(Arg::new(Word(ty), TextDomain, which)),
        (ty, by) => Box::new(Arg::new(Word(ty), Word(by), which)),
    }
}

/// `min` and `max`.
struct Extreme<D: Domain> {
    domain: D,
    max: bool,
    best: Vec<Option<D::Value>>,
    heap: usize,
}

impl<D: Domain> Extreme<D> {
    fn new(domain: D, which: Which) -> Extreme<D> {
        Extreme { domain, max: which == Which::Max, best: vec![], heap: 0 }
    }

    fn fold(&mut self, slot: u32, value: D::Value) {
        let held = &mut self.best[slot as usize];
        let better = match held {
            None => true,
            Some(held) if self.max => value > *held,
            Some(held) => value < *held,
        };
        if better {
            self.heap += D::heap(&value);
            self.heap -= held.as_ref().map_or(0, D::heap);
            *held = Some(value);
        }
    }
}

impl<D: Domain> Accumulator for Extreme<D> {
    fn resize(&mut self, slots: usize) {
        self.best.resize(slots, None);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        let domain = self.domain;
        domain.each(&rows.args[0], |i, value| self.fold(slots[i], value));
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &Extreme<D> = same(other);
        for &(mine, theirs) in pairs {
            if let Some(value) = &other.best[theirs as usize] {
                self.fold(mine, value.clone());
            }
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        let best = &self.best[slot as usize];
        out.push(best.is_some().into());
        if let Some(value) = best {
            D::put(value, out);
        }
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        if state.u8() == 1 {
            self.fold(slot, D::get(state));
        }
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        Ok(self.domain.build(self.best[..slots].to_vec()))
    }

    fn bytes(&self) -> usize {
        self.best.capacity() * std::mem::size_of::<Option<D::Value>>() + self.heap
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A rank that is the same for every row.
#[derive(Clone, Copy)]
struct Unranked;

impl Domain for Unranked {
    type Value = ();

    fn each(&self, array: &ArrayRef, mut f: impl FnMut(usize, ())) {
        // `first` and `last` skip NULL by the value alone, so every row has a rank.
        (0..array.len()).for_each(|i| f(i, ()));
    }

    fn build(&self, _: Vec<Option<()>>) -> ArrayRef {
        unreachable!("a rank is not a result")
    }

    fn put((): &(), _: &mut Vec<u8>) {}

    fn get(_: &mut StateReader) {}
}

/// The best row of a slot.
#[derive(Clone)]
struct Best<V, R> {
    rank: R,
    time: i64,
    position: Position,
    value: V,
}

/// `first`, `last`, `arg_min`, `arg_max`.
struct Arg<D: Domain, R: Domain> {
    domain: D,
    rank: R,
    which: Which,
    best: Vec<Option<Best<D::Value, R::Value>>>,
    heap: usize,
}

impl<D: Domain, R: Domain> Arg<D, R> {
    fn new(domain: D, rank: R, which: Which) -> Arg<D, R> {
        Arg { domain, rank, which, best: vec![], heap: 0 }
    }

    fn fold(&mut self, slot: u32, row: Best<D::Value, R::Value>) {
        let held = &mut self.best[slot as usize];
        let better = held.as_ref().is_none_or(|held| {
            let replay = (row.time, row.position).cmp(&(held.time, held.position));
            // A tie of ranks goes to the earliest row, also for `arg_max`: one row wins, whatever is merged
            // first.
            let order = match self.which {
                Which::Min | Which::First => row.rank.cmp(&held.rank).then(replay),
                Which::Max => held.rank.cmp(&row.rank).then(replay),
                Which::Last => replay.reverse(),
            };
            order == Ordering::Less
        });
        if better {
            let heap = |b: &Best<D::Value, R::Value>| D::heap(&b.value) + R::heap(&b.rank);
            self.heap += heap(&row);
            self.heap -= held.as_ref().map_or(0, heap);
            *held = Some(row);
        }
    }
}

impl<D: Domain, R: Domain> Accumulator for Arg<D, R> {
    fn resize(&mut self, slots: usize) {
        self.best.resize(slots, None);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        let mut ranks: Vec<Option<R::Value>> = vec![None; slots.len()];
        // `first` and `last` have one argument, and `Unranked` looks only at its length.
        self.rank.each(rows.args.last().expect("an argument"), |i, rank| ranks[i] = Some(rank));
        let domain = self.domain;
        domain.each(&rows.args[0], |i, value| {
            if let Some(rank) = ranks[i].take() {
                self.fold(slots[i], Best { rank, time: rows.time[i], position: rows.positions[i], value });
            }
        });
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &Arg<D, R> = same(other);
        for &(mine, theirs) in pairs {
            if let Some(row) = &other.best[theirs as usize] {
                self.fold(mine, row.clone());
            }
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        let best = &self.best[slot as usize];
        out.push(best.is_some().into());
        if let Some(row) = best {
            R::put(&row.rank, out);
            out.extend_from_slice(&row.time.to_le_bytes());
            out.extend_from_slice(&row.position.as_u64().to_le_bytes());
            D::put(&row.value, out);
        }
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        if state.u8() == 1 {
            let (rank, time) = (R::get(state), state.i64());
            let position = Position::from_u64(state.u64());
            self.fold(slot, Best { rank, time, position, value: D::get(state) });
        }
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        let values = self.best[..slots].iter().map(|b| b.as_ref().map(|b| b.value.clone()));
        Ok(self.domain.build(values.collect()))
    }

    fn bytes(&self) -> usize {
        self.best.capacity() * std::mem::size_of::<Option<Best<D::Value, R::Value>>>() + self.heap
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
