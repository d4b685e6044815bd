//! The first look: rows are hashed into buckets, and buckets whose sums are equal are the same on both sides.

use super::limits::HashDifference;
use super::mix::Mixer;
use super::side::{CellRows, Side};
use super::value::Digest;
use super::work::ComparisonWork;
use crate::error::Result;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known after the first look.
#[derive(Debug)]
pub(super) struct BucketSums {
    /// Rows in all.
    pub rows: [u64; 2],
    /// Rows of buckets that are done with, of either side.
    pub matched: u64,
    /// By bucket: the rows of both sides that have to be looked at again.
    pub open: Vec<u32>,
    /// Of each side, by part, which buckets it has rows of.
    pub has: [Vec<BucketMarks>; 2],
    pub mixer: Mixer,
}

impl BucketSums {
    /// The bucket of a key by the first half of its hash.
    #[inline]
    pub fn bucket(&self, hash: u64) -> usize {
        bucket(hash, self.open.len())
    }
}

/// Which buckets there are rows of: a bit for all whose numbers have the same last bits. None of a part that was
/// not read in order, which may have any.
#[derive(Debug, Default)]
pub(super) struct BucketMarks(Vec<u64>);

impl BucketMarks {
    /// Bits, at most: few parts of a result have a bucket, and all parts' bits fit in some MB.
    const MOST: usize = 1 << 20;

    /// For so many buckets, a power of two.
    pub fn new(buckets: usize) -> BucketMarks {
        BucketMarks(vec![0; buckets.min(BucketMarks::MOST).div_ceil(64)])
    }

    #[inline]
    pub fn add(&mut self, bucket: usize) {
        let bit = bucket & (self.0.len() * 64 - 1);
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    /// Whether a bucket may be in both.
    pub fn meets(&self, other: &BucketMarks) -> bool {
        self.0.is_empty() || self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }
}

#[inline]
fn bucket(hash: u64, buckets: usize) -> usize {
    // The lower half stays for the goes of `listed_in_goes`, the top byte for lists. There are at most 2^21
    // buckets.
    (hash >> 32) as usize & (buckets - 1)
}

/// One for each thread, which it alone uses.
pub(super) struct PerThread<T>(Vec<Mutex<T>>);

impl<T: Default> PerThread<T> {
    pub fn new(threads: usize) -> PerThread<T> {
        PerThread((0..threads).map(|_| Mutex::default()).collect())
    }

    pub fn mine(&self) -> MutexGuard<'_, T> {
        // Each worker has its own slot, so the lock is free whenever it is taken.
        let own = rayon::current_thread_index().unwrap_or(0) % self.0.len();
        self.0[own].lock().unwrap_or_else(|e| e.into_inner())
    }

    pub fn all(self) -> Vec<T> {
        self.0.into_iter().map(|one| one.into_inner().unwrap_or_else(|e| e.into_inner())).collect()
    }
}

/// Hashes the first `columns` columns of a piece on top of what `states` has.
pub(super) fn hash(
    work: &ComparisonWork,
    mixer: &Mixer,
    piece: &CellRows,
    columns: std::ops::Range<usize>,
    states: &mut [Digest],
) {
    for (column, cells) in work.columns.all[columns.clone()].iter().zip(&piece.cells[columns]) {
        cells.digests(column.meaning, 0..piece.rows, |row, digest| mixer.add(&mut states[row], digest));
    }
}

/// Lists of hashes are kept apart by their upper bits, to be sorted in parallel.
const LISTS: usize = 256;

#[derive(Default)]
struct BucketTally {
    cells: Vec<HashDifference>,
    rows: [u64; 2],
    states: Vec<Digest>,
    buckets: Vec<u32>,
    lists: Vec<Vec<u64>>,
}

impl BucketTally {
    fn list(&mut self, hash: u64) {
        if self.lists.is_empty() {
            self.lists = vec![vec![]; LISTS];
        }
        self.lists[(hash >> 56) as usize].push(hash);
    }
}

/// Reads both sides once.
pub(super) fn add_up(work: &ComparisonWork) -> Result<BucketSums> {
    let mixer = Mixer::new();
    let known = work.sides.each_ref().map(|side| side.rows());
    // Text does not tell its number of rows: eight million are assumed.
    let most = known.iter().flatten().max().copied().unwrap_or(8 << 20);
    // About eight rows share a bucket, so one row that differs opens only these for the second look.
    let wanted = usize::try_from(most / 8).unwrap_or(usize::MAX).max(1);
    let buckets = wanted.next_power_of_two().min(work.limits.buckets);
    // Buckets that are the same have the same duplicates on both sides, so one side's keys tell them.
    let listed = match known {
        [Some(here), Some(there)] if there < here => 1,
        [None, Some(_)] => 1,
        _ => 0,
    };
    let (count, full) = (AtomicUsize::new(0), AtomicBool::new(work.columns.whole));
    let tallies: PerThread<BucketTally> = PerThread::new(work.threads);
    let (keys, all) = (work.columns.keys, work.columns.all.len());
    let unmarked = |side: &Side| side.parts.iter().map(|_| Mutex::default()).collect();
    let marks: [Vec<Mutex<Option<BucketMarks>>>; 2] = work.sides.each_ref().map(unmarked);
    work.scan(&[0, 1], &work.columns.names(all), |side, piece| {
        let tally = &mut *tallies.mine();
        if tally.cells.is_empty() {
            tally.cells = vec![HashDifference::default(); buckets];
        }
        tally.rows[side] += piece.rows as u64;
        tally.states.clear();
        tally.states.resize(piece.rows, mixer.start());
        hash(work, &mixer, piece, 0..keys, &mut tally.states);
        // The list is larger than its memory. Keys are then read again in goes, so what is listed goes at
        // once.
        if full.load(Ordering::Relaxed) {
            tally.lists = vec![];
        } else if side == listed {
            for row in 0..piece.rows {
                tally.list(tally.states[row].0);
            }
            let before = count.fetch_add(piece.rows, Ordering::Relaxed);
            full.fetch_or(before + piece.rows > work.limits.listed, Ordering::Relaxed);
        }
        tally.buckets.clear();
        tally.buckets.extend(tally.states.iter().map(|state| bucket(state.0, buckets) as u32));
        let (part, in_order) = work.sides[side].part_of(piece);
        if in_order {
            let mut marks = marks[side][part].lock().unwrap_or_else(PoisonError::into_inner);
            let marks = marks.get_or_insert_with(|| BucketMarks::new(buckets));
            tally.buckets.iter().for_each(|bucket| marks.add(*bucket as usize));
        }
        hash(work, &mixer, piece, keys..all, &mut tally.states);
        for (bucket, state) in tally.buckets.iter().zip(&tally.states) {
            tally.cells[*bucket as usize].add(side, *state);
        }
        Ok(())
    })?;
    let mut tallies = tallies.all();
    let rows = tallies.iter().fold([0, 0], |sum, t| [sum[0] + t.rows[0], sum[1] + t.rows[1]]);
    let cells = merged(&mut tallies, buckets);
    // Without key columns a row may repeat, and this is not a finding.
    let again = match (work.columns.whole, full.into_inner()) {
        (true, _) => vec![],
        (false, false) => repeated(tallies.into_iter().map(|tally| tally.lists).collect()),
        (false, true) => {
            // The goes need the memory that the lists hold.
            drop(tallies);
            listed_in_goes(work, &mixer, listed, rows[listed])?
        }
    };
    let mut doubtful = vec![false; buckets];
    again.into_iter().for_each(|hash| doubtful[bucket(hash, buckets)] = true);
    let (mut open, mut matched) = (vec![0; buckets], 0);
    for (i, cell) in cells.iter().enumerate() {
        // The seeds are random and sums have 128 bits, so different rows hardly ever give equal sums.
        if cell.sums != (0, 0) || cell.rows[0] != cell.rows[1] || doubtful[i] {
            open[i] = cell.rows[0].saturating_add(cell.rows[1]);
        } else {
            matched += u64::from(cell.rows[0]);
        }
    }
    let has = marks.map(|parts| {
        let marks = |part: Mutex<Option<BucketMarks>>| part.into_inner().unwrap_or_else(|e| e.into_inner());
        parts.into_iter().map(|part| marks(part).unwrap_or_default()).collect()
    });
    Ok(BucketSums { rows, matched, open, has, mixer })
}

fn merged(tallies: &mut [BucketTally], buckets: usize) -> Vec<HashDifference> {
    let mut parts = tallies.iter_mut().map(|tally| std::mem::take(&mut tally.cells));
    let mut sum =
        parts.find(|cells| !cells.is_empty()).unwrap_or_else(|| vec![HashDifference::default(); buckets]);
    for cells in parts.filter(|cells| !cells.is_empty()) {
        sum.par_iter_mut().zip(&cells).for_each(|(sum, cell)| sum.merge(cell));
    }
    sum
}

/// The hashes that come more than once, each once.
fn repeated(lists: Vec<Vec<Vec<u64>>>) -> Vec<u64> {
    let mut parts: Vec<Vec<Vec<u64>>> = (0..LISTS).map(|_| vec![]).collect();
    for list in lists {
        for (part, hashes) in parts.iter_mut().zip(list) {
            part.push(hashes);
        }
    }
    let again = parts.into_par_iter().map(|part| {
        let mut hashes = part.concat();
        drop(part);
        hashes.sort_unstable();
        hashes.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).map(|same| same[0]).collect::<Vec<_>>()
    });
    again.collect::<Vec<_>>().concat()
}

/// As many goes over the keys of a side as its hashes need that memory does not hold at once.
fn listed_in_goes(work: &ComparisonWork, mixer: &Mixer, side: usize, rows: u64) -> Result<Vec<u64>> {
    let keys = work.columns.keys;
    let goes = rows.div_ceil(work.limits.listed.max(1) as u64).max(1);
    let mut again = vec![];
    for go in 0..goes {
        let tallies: PerThread<BucketTally> = PerThread::new(work.threads);
        work.scan(&[side], &work.columns.names(keys), |_, piece| {
            let tally = &mut *tallies.mine();
            tally.states.clear();
            tally.states.resize(piece.rows, mixer.start());
            hash(work, mixer, piece, 0..keys, &mut tally.states);
            for row in 0..piece.rows {
                let hash = tally.states[row].0;
                // The lower bits, as the upper ones tell the list.
                if (u64::from(hash as u32) * goes) >> 32 == go {
                    tally.list(hash);
                }
            }
            Ok(())
        })?;
        again.extend(repeated(tallies.all().into_iter().map(|tally| tally.lists).collect()));
    }
    Ok(again)
}
