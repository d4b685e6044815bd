//! A table: shards of sorted rows, in memory or on disk, and how they are probed.

use super::column::Column;
use super::gather::{GatherSource, gather};
use super::place::{HashAndTime, NONE, SHARDS};
use super::rows::kept;
use super::spilled::{SpillFile, Spilled, Taken};
use super::stored::{ShardRows, Sorted, StoredShard, with_value};
use super::{AsOfPlan, AsOfRows, Reach};
use crate::batch::DataType;
use crate::error::Result;
use crate::keyed::KeyHashes;
use crate::rows::gather_partitions;
use arrow_array::{ArrayRef, StringViewArray};
use rayon::prelude::*;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A table that events look into, from every thread.
pub struct AsOfTable {
    pub(super) plan: AsOfPlan,
    /// The types of all columns that are kept.
    types: Vec<DataType>,
    /// The rows of each shard; none where they are on disk.
    pub(super) memory: Vec<StoredShard>,
    pub(super) spilled: Vec<Option<Spilled>>,
    pub(super) file: Option<Arc<SpillFile>>,
    /// Per column whose strings are codes, the strings.
    texts: Vec<Option<StringViewArray>>,
    /// With `fill`, whether a column has NULLs.
    sparse: Vec<bool>,
    rows: u64,
}

/// What some events take.
#[derive(Debug)]
pub struct Matches {
    /// Whether each event has a match.
    pub matched: Vec<bool>,
    /// The columns that were asked for, as long as `matched`; NULL where there is nothing to take.
    pub columns: Vec<ArrayRef>,
}

/// The rows that needles take: per needle a row of its shard, or [`NONE`].
pub(super) struct MatchedRows {
    pub rows: Vec<u32>,
    /// Per column that may take another row, its rows.
    own: Vec<(usize, Vec<u32>)>,
    /// What was read from disk, per shard; the rows of such a shard are rows of this.
    read: Vec<(usize, ShardRows)>,
}

/// The file of a table, made when the first shard is written.
struct Spilling {
    folder: PathBuf,
    file: Mutex<Option<Arc<SpillFile>>>,
}

impl Spilling {
    fn file(&self) -> Result<Arc<SpillFile>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            *file = Some(Arc::new(SpillFile::new(&self.folder)?));
        }
        Ok(file.clone().expect("a file that was just made"))
    }

    fn into_file(self) -> Option<Arc<SpillFile>> {
        self.file.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsOfTable {
    /// Brings the workers' rows together, in parallel. Keeps at most about `memory` bytes of them, the
    /// rest on disk; of a shard (1/64 of the keys) as many rows as threads work on are held meanwhile.
    ///
    /// # Errors
    /// A machine error when the disk fails, or a key has more than 2³² rows.
    pub fn build(plan: &AsOfPlan, mut rows: Vec<AsOfRows>, memory: usize) -> Result<AsOfTable> {
        let types: Vec<DataType> = kept(plan).iter().map(|(_, ty)| *ty).collect();
        let count = rows.iter().map(|r| r.count).sum();
        let held: usize = rows.iter().map(AsOfRows::bytes).sum();
        // The rows stay where they are until the table is there.
        let expected = (28 + 8 * types.len()).saturating_mul(count as usize);
        if held.saturating_add(expected) > memory {
            rows.par_iter_mut().try_for_each(AsOfRows::spill)?;
        }
        let spilling = Spilling {
            folder: rows.first().map(|r| r.space.0.clone()).unwrap_or_default(),
            file: Mutex::new(None),
        };
        let partitions = gather_partitions(rows.into_iter().map(|r| r.store).collect());
        let held = AtomicUsize::new(0);
        let shards = partitions.par_iter().map(|partition| {
            let Sorted { shard, stored, texts } = Sorted::new(partition, plan)?;
            let bytes = stored.bytes();
            let sparse: Vec<bool> = stored.part.columns.iter().map(|c| c.valid.is_some()).collect();
            // Counted before the decision, so that all threads together keep within the budget.
            let (stored, spilled) = if held.fetch_add(bytes, Ordering::Relaxed) + bytes > memory {
                let spilled = Spilled::write(stored, plan.fill, &*spilling.file()?)?;
                held.fetch_sub(bytes, Ordering::Relaxed);
                held.fetch_add(spilled.bytes(), Ordering::Relaxed);
                (None, Some(spilled))
            } else {
                (Some(stored), None)
            };
            Ok((shard, stored, spilled, sparse, texts))
        });
        let shards = shards.collect::<Result<Vec<_>>>()?;

        let none = || StoredShard::new(ShardRows { places: vec![], columns: vec![] }, None);
        let mut table = AsOfTable {
            plan: plan.clone(),
            memory: (0..SHARDS).map(|_| none()).collect(),
            spilled: (0..SHARDS).map(|_| None).collect(),
            file: spilling.into_file(),
            texts: vec![None; types.len()],
            sparse: vec![false; types.len()],
            types,
            rows: count,
        };
        for (shard, stored, spilled, sparse, texts) in shards {
            table.memory[shard] = stored.unwrap_or_else(none);
            table.spilled[shard] = spilled;
            table.sparse.iter_mut().zip(sparse).for_each(|(all, own)| *all |= own && plan.fill);
            // The strings of a column's codes are the same in every shard.
            table.texts.iter_mut().zip(texts).for_each(|(all, own)| *all = all.take().or(own));
        }
        Ok(table)
    }

    /// Bytes of memory held, about.
    pub fn bytes(&self) -> usize {
        let texts = self.texts.iter().flatten();
        let texts =
            texts.map(|t| t.views().len() * 16 + t.data_buffers().iter().map(|b| b.len()).sum::<usize>());
        self.memory.iter().map(StoredShard::bytes).sum::<usize>()
            + self.spilled.iter().flatten().map(Spilled::bytes).sum::<usize>()
            + texts.sum::<usize>()
    }

    /// The rows that were pushed and have a key.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether a part of the table is on disk.
    pub fn is_spilled(&self) -> bool {
        self.spilled.iter().any(Option::is_some)
    }

    /// What events take of the rows in `reach`: `rows` are rows of a batch, whose keys' hashes are `keys`,
    /// and whose times are `times`; `take` are numbers of [`AsOfPlan::columns`].
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn probe(
        &self,
        keys: &KeyHashes,
        times: &[i64],
        rows: &[u32],
        reach: &Reach,
        take: &[usize],
    ) -> Result<Matches> {
        let needle = |&row: &u32| HashAndTime::new(keys.hashes[row as usize], times[row as usize]);
        let needles: Vec<HashAndTime> = rows.iter().map(needle).collect();
        let mut found = self.find(&needles, reach, take)?;
        // A NULL has a hash like any other value, and a key with a NULL must match nothing.
        if !keys.nulls.is_empty() {
            let own = found.own.iter_mut().map(|(_, rows)| rows);
            for found in std::iter::once(&mut found.rows).chain(own) {
                let nulls = rows.iter().map(|&row| keys.has_null(row as usize));
                found.iter_mut().zip(nulls).filter(|(_, null)| *null).for_each(|(row, _)| *row = NONE);
            }
        }
        let columns = take.iter().map(|&c| self.values(&needles, &found, c)).collect();
        Ok(Matches { matched: found.rows.iter().map(|&row| row != NONE).collect(), columns })
    }

    /// The rows that `needles` take, and those of each column of `take` where they differ.
    pub(super) fn find(&self, needles: &[HashAndTime], reach: &Reach, take: &[usize]) -> Result<MatchedRows> {
        let mut columns = take.to_vec();
        columns.sort_unstable();
        // A column may be taken under two names, and is looked for once.
        columns.dedup();
        let sparse = columns.iter().copied().filter(|&c| self.sparse[c]);
        let none = || vec![NONE; needles.len()];
        let mut found =
            MatchedRows { rows: none(), own: sparse.map(|c| (c, none())).collect(), read: vec![] };
        self.find_in_memory(needles, reach, &mut found);
        if let Some(file) = &self.file {
            let mut there: Vec<(HashAndTime, u32)> =
                needles.iter().copied().zip(0..).filter(|(n, _)| self.spilled[n.shard()].is_some()).collect();
            // In the order of the rows, so that most blocks are read once.
            there.sort_unstable();
            for own in there.chunk_by(|a, b| a.0.shard() == b.0.shard()) {
                let shard = own[0].0.shard();
                let Some(spilled) = &self.spilled[shard] else { continue };
                let Taken { needles, part } = spilled.take(file, own, reach, &columns)?;
                let own = found.own.iter_mut().map(|(_, rows)| rows);
                for rows in std::iter::once(&mut found.rows).chain(own) {
                    (0..).zip(&needles).for_each(|(row, &needle)| rows[needle as usize] = row);
                }
                found.read.push((shard, part));
            }
        }
        Ok(found)
    }

    /// Some needles at a time, in steps: what one step will read of all of them is asked for, without a
    /// branch between, in the step before, so that many cache misses are under way at once.
    fn find_in_memory(&self, needles: &[HashAndTime], reach: &Reach, found: &mut MatchedRows) {
        const AT_ONCE: usize = 64;
        let mut spans = [(0, 0); AT_ONCE];
        for (from, needles) in (0..).step_by(AT_ONCE).zip(needles.chunks(AT_ONCE)) {
            let spans = &mut spans[..needles.len()];
            for (span, needle) in spans.iter_mut().zip(needles) {
                *span = self.memory[needle.shard()].span(needle);
            }
            let touched = spans.iter().zip(needles).map(|(span, n)| self.memory[n.shard()].touch(*span));
            // Without it the compiler would drop reads whose result is not used.
            std::hint::black_box(touched.fold(0, std::ops::BitXor::bitxor));
            for (i, (span, needle)) in (from..).zip(spans.iter().zip(needles)) {
                let shard = &self.memory[needle.shard()];
                let around = shard.around(*span, needle, reach);
                found.rows[i] = shard.choose(needle, around, reach);
                for (c, rows) in &mut found.own {
                    let valid = shard.part.columns.get(*c).and_then(|column| column.valid.as_ref());
                    rows[i] = shard.choose(needle, with_value(valid, shard.lives.as_ref(), around), reach);
                }
            }
        }
    }

    /// The values of column `c` in the rows found.
    pub(super) fn values(&self, needles: &[HashAndTime], found: &MatchedRows, c: usize) -> ArrayRef {
        let mut columns: Vec<Option<&Column>> = self.memory.iter().map(|m| m.part.columns.get(c)).collect();
        found.read.iter().for_each(|(shard, part)| columns[*shard] = Some(&part.columns[c]));
        let own = found.own.iter().find(|own| own.0 == c).map(|own| &own.1);
        let source = GatherSource { columns, needles, rows: own.unwrap_or(&found.rows) };
        gather(self.types[c], &source, self.texts[c].as_ref())
    }

    /// The times of the rows found.
    pub(super) fn times(&self, needles: &[HashAndTime], found: &MatchedRows) -> Vec<i64> {
        let mut parts: Vec<&ShardRows> = self.memory.iter().map(|m| &m.part).collect();
        found.read.iter().for_each(|(shard, part)| parts[*shard] = part);
        let rows = found.rows.iter().zip(needles).filter(|(row, _)| **row != NONE);
        rows.map(|(&row, needle)| parts[needle.shard()].places[row as usize].time).collect()
    }
}
