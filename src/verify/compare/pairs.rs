//! The second look: rows of buckets that are not the same are paired by the hashes of their keys, and their columns compared by the
//! hashes of the values.

use super::key_pair::{KeyPair, NONE, Repeated, THERE, near, subtractable};
use super::shown::First;
use super::side::CellRows;
use super::sums::{BucketMarks, BucketSums, PerThread, hash};
use super::value::{Digest, NULL};
use super::work::{ComparedColumn, ComparisonWork};
use super::{ColumnCount, Comparison};
use crate::error::Result;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::ops::Range;

/// Rows of one go are kept in so many pieces, that are worked on in parallel.
const PARTS: usize = 64;

/// How the words of a row are laid out: the hash of its key, its side and place, then a word of each column, or two where
/// there is a tolerance.
struct RowWords<'a> {
    columns: &'a [ComparedColumn],
    words: usize,
}

impl<'a> RowWords<'a> {
    fn of(columns: &'a [ComparedColumn]) -> RowWords<'a> {
        let words =
            2 + columns.iter().map(|column| 1 + usize::from(column.tolerance.is_some())).sum::<usize>();
        RowWords { columns, words }
    }
}

/// What came of some rows.
#[derive(Default)]
struct PairTally {
    matched: u64,
    only: [u64; 2],
    differing: u64,
    /// Of each column: NULL here, NULL there, different.
    columns: Vec<[u64; 3]>,
    pairs: Vec<KeyPair>,
    repeated: Vec<Repeated>,
    repeated_keys: u64,
}

/// Pairs what the sums left open. Gives the counts, the first rows that are not the same and the first keys that come again.
pub(super) fn classify(
    work: &ComparisonWork,
    sums: &BucketSums,
) -> Result<(Comparison, Vec<KeyPair>, Vec<Repeated>)> {
    let layout = RowWords::of(&work.columns.all[work.columns.keys..]);
    let mut total = PairTally { columns: vec![[0; 3]; layout.columns.len()], ..PairTally::default() };
    let (mut first_pairs, mut first_repeated) = (First::new(work), First::new(work));
    // All rows of a key lie in one bucket, so ranges of buckets are paired one after the other within memory.
    for range in goes(sums, work.limits.words / layout.words) {
        let found = go(work, sums, &layout, range)?;
        for found in found {
            total.matched += found.matched;
            total.only[0] += found.only[0];
            total.only[1] += found.only[1];
            total.differing += found.differing;
            total.repeated_keys += found.repeated_keys;
            for (sum, count) in total.columns.iter_mut().zip(&found.columns) {
                sum.iter_mut().zip(count).for_each(|(sum, count)| *sum += count);
            }
            total.pairs.extend(found.pairs);
            total.repeated.extend(found.repeated);
        }
        // Only the first rows stay after each range, so memory does not grow with the differences.
        first_pairs.add(std::mem::take(&mut total.pairs), |pair| match pair.here() {
            Some(place) => (0, place),
            None => (1, pair.there().unwrap_or_default()),
        })?;
        first_repeated
            .add(std::mem::take(&mut total.repeated), |again| (usize::from(again.there), again.place))?;
    }
    let matched = sums.matched + total.matched;
    let both = matched + total.differing;
    let count = |(column, [null_here, null_there, different]): (&ComparedColumn, [u64; 3])| ColumnCount {
        name: column.name.clone(),
        matched: both - null_here - null_there - different,
        null_here,
        null_there,
        different,
    };
    let comparison = Comparison {
        here: sums.rows[0],
        there: sums.rows[1],
        matched,
        only_here: total.only[0],
        only_there: total.only[1],
        differing: total.differing,
        columns: layout.columns.iter().zip(total.columns).map(count).collect(),
        duplicate_keys: total.repeated_keys,
        ..Comparison::default()
    };
    Ok((comparison, first_pairs.rows(), first_repeated.rows()))
}

/// Ranges of buckets whose open rows are at most `most`, or one bucket.
fn goes(sums: &BucketSums, most: usize) -> Vec<Range<usize>> {
    let mut ranges = vec![];
    let (mut from, mut rows) = (0, 0);
    for (i, open) in sums.open.iter().enumerate() {
        // A bucket is never cut, however large: its rows would not find each other.
        if rows > 0 && rows + *open as usize > most {
            ranges.push(from..i);
            (from, rows) = (i, 0);
        }
        rows += *open as usize;
    }
    if rows > 0 {
        ranges.push(from..sums.open.len());
    }
    ranges
}

#[derive(Default)]
struct KeptRows {
    states: Vec<Digest>,
    rows: Vec<usize>,
    parts: Vec<Vec<u64>>,
    words: Vec<u64>,
}

/// Pairs the open rows of a range of buckets.
fn go(
    work: &ComparisonWork,
    sums: &BucketSums,
    layout: &RowWords,
    range: Range<usize>,
) -> Result<Vec<PairTally>> {
    let kept: PerThread<KeptRows> = PerThread::new(work.threads);
    let all = work.columns.all.len();
    let mut wanted = BucketMarks::new(sums.open.len());
    range.clone().filter(|bucket| sums.open[*bucket] > 0).for_each(|bucket| wanted.add(bucket));
    // A part without a row of these buckets is not read again.
    let has = |side: usize, part: usize| sums.has[side][part].meets(&wanted);
    work.scan_parts(&work.columns.names(all), has, |side, piece| {
        let kept = &mut *kept.mine();
        if kept.parts.is_empty() {
            kept.parts = vec![vec![]; PARTS];
        }
        keep(work, sums, layout, &range, side, piece, kept);
        Ok(())
    })?;
    let mut parts: Vec<Vec<Vec<u64>>> = (0..PARTS).map(|_| vec![]).collect();
    for kept in kept.all() {
        for (part, rows) in parts.iter_mut().zip(kept.parts) {
            part.push(rows);
        }
    }
    Ok(parts.into_par_iter().map(|part| paired(work, layout, &part.concat())).collect())
}

/// Takes the rows of `piece` whose buckets are open and in `range`.
fn keep(
    work: &ComparisonWork,
    sums: &BucketSums,
    layout: &RowWords,
    range: &Range<usize>,
    side: usize,
    piece: &CellRows,
    kept: &mut KeptRows,
) {
    let keys = work.columns.keys;
    kept.states.clear();
    kept.states.resize(piece.rows, sums.mixer.start());
    hash(work, &sums.mixer, piece, 0..keys, &mut kept.states);
    let open = |row: &usize| {
        let bucket = sums.bucket(kept.states[*row].0);
        range.contains(&bucket) && sums.open[bucket] > 0
    };
    kept.rows.clear();
    kept.rows.extend((0..piece.rows).filter(open));
    let KeptRows { states, rows, parts, words } = kept;
    if rows.is_empty() {
        return;
    }
    words.clear();
    words.resize(rows.len() * layout.words, 0);
    let there = if side == 1 { THERE } else { 0 };
    for (words, row) in words.chunks_exact_mut(layout.words).zip(&*rows) {
        words[0] = states[*row].1;
        words[1] = there | (piece.first + *row as u64);
    }
    let mut at = 2;
    for (column, cells) in layout.columns.iter().zip(&piece.cells[keys..]) {
        match column.tolerance {
            None => {
                let mixer = &sums.mixer;
                cells.digests(column.meaning, rows.iter().copied(), |i, digest| {
                    // NULL is 0, and nothing else is.
                    words[i * layout.words + at] = if digest == NULL { 0 } else { mixer.one(digest) };
                });
                at += 1;
            }
            Some(_) => {
                for (i, row) in rows.iter().enumerate() {
                    let (low, high) = subtractable(&cells.value(column.meaning, *row), column.meaning);
                    words[i * layout.words + at] = low;
                    words[i * layout.words + at + 1] = high;
                }
                at += 2;
            }
        }
    }
    for (words, row) in words.chunks_exact(layout.words).zip(&*rows) {
        // All rows of a bucket go to the same part, from any thread.
        let part = (sums.bucket(states[*row].0) - range.start) * PARTS / range.len();
        parts[part].extend_from_slice(words);
    }
}

/// Pairs rows that are all there are of their keys.
fn paired(work: &ComparisonWork, layout: &RowWords, words: &[u64]) -> PairTally {
    let mut found = PairTally { columns: vec![[0; 3]; layout.columns.len()], ..PairTally::default() };
    let row = |i: u32| &words[i as usize * layout.words..][..layout.words];
    let mut order: Vec<(u64, u32)> =
        (0..(words.len() / layout.words) as u32).map(|i| (row(i)[0], i)).collect();
    // The first bit of a place is its side, so within a key the rows here come first, in the order of the
    // files.
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| row(a.1)[1].cmp(&row(b.1)[1])));
    for same in order.chunk_by(|a, b| a.0 == b.0) {
        let there = same.partition_point(|(_, i)| row(*i)[1] < THERE);
        let (here, there) = same.split_at(there);
        match (here, there) {
            ([here], [there]) => found.pair(layout, Some(row(here.1)), Some(row(there.1))),
            _ => {
                let rows = |side: &[(u64, u32)]| side.iter().map(|(_, i)| row(*i)).collect::<Vec<_>>();
                found.group(work, layout, rows(here), rows(there));
            }
        }
    }
    found
}

impl PairTally {
    /// The rows of one key, of which a side has several or none.
    fn group(&mut self, work: &ComparisonWork, layout: &RowWords, here: Vec<&[u64]>, there: Vec<&[u64]>) {
        if !work.columns.whole && (here.len() > 1 || there.len() > 1) {
            self.repeated_keys += 1;
            for (rows, is_there) in
                [(&here, false), (&there, true)].into_iter().filter(|(rows, _)| rows.len() > 1)
            {
                let place = rows[0][1] & !THERE;
                self.repeated.push(Repeated { there: is_there, place, rows: rows.len() as u64 });
            }
        }
        let (here, there) = if here.is_empty() || there.is_empty() {
            (here, there)
        } else {
            let before = here.len();
            let (here, there) = without_equals(here, there);
            self.matched += (before - here.len()) as u64;
            (here, there)
        };
        for i in 0..here.len().max(there.len()) {
            self.pair(layout, here.get(i).copied(), there.get(i).copied());
        }
    }

    fn pair(&mut self, layout: &RowWords, here: Option<&[u64]>, there: Option<&[u64]>) {
        let place = |row: Option<&[u64]>| row.map_or(NONE, |row| row[1]);
        let pair = KeyPair { here: place(here), there: place(there) };
        match (here, there) {
            (Some(here), Some(there)) => {
                if self.compare(layout, here, there) {
                    self.matched += 1;
                    return;
                }
                self.differing += 1;
            }
            (Some(_), None) => self.only[0] += 1,
            _ => self.only[1] += 1,
        }
        self.pairs.push(pair);
    }

    /// Whether two rows are the same; counts the columns that are not.
    fn compare(&mut self, layout: &RowWords, here: &[u64], there: &[u64]) -> bool {
        // The first two words are the hash of the key and the place.
        if here[2..] == there[2..] {
            return true;
        }
        let (mut same, mut at) = (true, 2);
        for (column, counts) in layout.columns.iter().zip(&mut self.columns) {
            let width = 1 + usize::from(column.tolerance.is_some());
            let (a, b) = (&here[at..at + width], &there[at..at + width]);
            at += width;
            if a == b {
                continue;
            }
            let (null_here, null_there, near) = match (a, b, column.tolerance) {
                ([low, high], [other_low, other_high], Some(tolerance)) => {
                    let (a, b) = ((*low, *high), (*other_low, *other_high));
                    (a == NULL, b == NULL, near(column.meaning, tolerance, a, b))
                }
                _ => (a[0] == 0, b[0] == 0, false),
            };
            if near {
                continue;
            }
            same = false;
            counts[if null_here {
                0
            } else if null_there {
                1
            } else {
                2
            }] += 1;
        }
        same
    }
}

/// The rows of both sides less those that are equal, in the order of their places.
fn without_equals<'a>(
    mut here: Vec<&'a [u64]>,
    mut there: Vec<&'a [u64]>,
) -> (Vec<&'a [u64]>, Vec<&'a [u64]>) {
    let by_values = |a: &&[u64], b: &&[u64]| a[2..].cmp(&b[2..]).then(a[1].cmp(&b[1]));
    here.sort_unstable_by(by_values);
    there.sort_unstable_by(by_values);
    let (mut left, mut right) = (vec![], vec![]);
    let (mut i, mut j) = (0, 0);
    while i < here.len() && j < there.len() {
        match here[i][2..].cmp(&there[j][2..]) {
            Ordering::Less => {
                left.push(here[i]);
                i += 1;
            }
            Ordering::Greater => {
                right.push(there[j]);
                j += 1;
            }
            Ordering::Equal => (i, j) = (i + 1, j + 1),
        }
    }
    left.extend(&here[i..]);
    right.extend(&there[j..]);
    // What is left is paired in the order of the files, as the contract says.
    left.sort_unstable_by_key(|row| row[1]);
    right.sort_unstable_by_key(|row| row[1]);
    (left, right)
}
