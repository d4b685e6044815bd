//! The rows of all workers become partitions, in replay order.

use super::order::sort_by_time;
use super::packed::{Packed, PackedBlock, PackedColumn, read_block, spill_error};
use super::store::{BLOCK_BITS, BLOCK_ROWS, BlockAddress, RowStore};
use super::strings::StringRun;
use crate::batch::{DataType, Native, PartitionPath, Position, by_native, collect_array};
use crate::error::{Error, Result};
use crate::group::ColumnCodes;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, DictionaryArray, UInt32Array};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// All rows of one partition, of all workers.
pub struct StoredPartition {
    shared: Arc<GatheredStores>,
    /// The partition's path.
    pub path: PartitionPath,
    /// Its blocks, each with its worker.
    blocks: Vec<(usize, BlockAddress)>,
}

struct GatheredStores {
    stores: Vec<RowStore>,
    types: Vec<DataType>,
    /// Per column of strings: the values of all workers' codes, and per worker its codes in them.
    texts: Vec<Option<DictionaryCodes>>,
}

struct DictionaryCodes {
    values: ArrayRef,
    codes: Vec<Vec<u32>>,
}

/// The partitions of all workers' rows, sorted by path.
pub fn gather_partitions(mut stores: Vec<RowStore>) -> Vec<StoredPartition> {
    for store in &mut stores {
        (0..store.partitions.len()).for_each(|p| store.close(p));
    }
    let Some(types) = stores.first().map(|s| s.types.clone()) else { return vec![] };
    let texts = (0..types.len()).into_par_iter().map(|c| unite_codes(&stores, c)).collect();
    let mut partitions: BTreeMap<PartitionPath, Vec<(usize, BlockAddress)>> = BTreeMap::new();
    for (w, store) in stores.iter_mut().enumerate() {
        for (p, partition) in std::mem::take(&mut store.partitions).into_iter().enumerate() {
            // Each worker numbers partitions as it meets them: only the path is the same for all.
            let path = store.partitioner.path_of(p as u32).clone();
            partitions.entry(path).or_default().extend(partition.blocks.into_iter().map(|block| (w, block)));
        }
    }
    let shared = Arc::new(GatheredStores { stores, types, texts });
    partitions
        .into_iter()
        .map(|(path, blocks)| StoredPartition { shared: shared.clone(), path, blocks })
        .collect()
}

/// One dictionary for the strings of column `c`, if all of its rows are codes.
fn unite_codes(stores: &[RowStore], c: usize) -> Option<DictionaryCodes> {
    stores[0].codes[c].as_ref()?;
    // Each worker numbered its strings as it met them, so its codes mean nothing to another.
    let mut all = ColumnCodes::new(DataType::String);
    let codes = stores
        .iter()
        .map(|store| {
            let own = store.codes[c].as_ref().expect("every worker codes the column");
            let values = own.decode_all();
            let mut codes = vec![];
            all.encode(&values, &mut codes);
            codes
        })
        .collect();
    Some(DictionaryCodes { values: all.decode_all(), codes })
}

/// A partition's blocks, and its rows in replay order.
pub struct OrderedRows {
    shared: Arc<GatheredStores>,
    /// Worker and block.
    blocks: Vec<(usize, Arc<PackedBlock>)>,
    /// Block and row in it.
    order: Vec<u32>,
}

impl StoredPartition {
    /// Puts the partition's rows in replay order.
    ///
    /// # Errors
    /// A machine error of the spill files.
    pub fn order(&self) -> Result<OrderedRows> {
        let fetch = |(w, place): &(usize, BlockAddress)| Ok((*w, self.shared.stores[*w].fetch(place)?));
        let blocks = self.blocks.iter().map(fetch).collect::<Result<Vec<_>>>()?;
        // A row is known by its block and its place in it, both in 32 bits.
        if blocks.len() > (u32::MAX >> BLOCK_BITS) as usize {
            return Err(Error::machine(format!("the partition `{}` has too many rows", self.path))
                .hint("partition the output by date and hour"));
        }
        let time = |id: u32| blocks[(id >> BLOCK_BITS) as usize].1.time.get(row_of(id));
        let position = |id: u32| blocks[(id >> BLOCK_BITS) as usize].1.positions.get(row_of(id));
        let in_order = ascend(&blocks);
        // First by position, then stably by time: together that is replay order.
        let (ids, times) = if in_order { by_position(&blocks) } else { as_pushed(&blocks) };
        let mut order = sort_by_time(ids, &times);
        if !in_order {
            // Rows of an archive come in replay order, among others.
            for tied in order.chunk_by_mut(|&a, &b| time(a) == time(b)).filter(|tied| tied.len() > 1) {
                tied.sort_unstable_by_key(|&id| position(id) as u64);
            }
        }
        Ok(OrderedRows { shared: self.shared.clone(), blocks, order })
    }
}

/// The rows of one store without partitions, a block at a time, in the order in which they were pushed.
pub struct RowStream {
    store: RowStore,
    shared: Arc<GatheredStores>,
    blocks: std::vec::IntoIter<BlockAddress>,
}

impl RowStream {
    /// Goes through the rows of `store`, all of which lie in one partition.
    pub fn new(mut store: RowStore) -> RowStream {
        (0..store.partitions.len()).for_each(|p| store.close(p));
        let texts = (0..store.types.len())
            .map(|c| {
                let values = store.codes[c].as_ref()?.decode_all();
                let codes = vec![(0..values.len() as u32).collect()];
                Some(DictionaryCodes { values, codes })
            })
            .collect();
        // The store fetches its own blocks here, so the shared part needs only the texts.
        let shared = Arc::new(GatheredStores { stores: vec![], types: store.types.clone(), texts });
        let blocks = store.partitions.pop().map(|partition| partition.blocks).unwrap_or_default();
        debug_assert!(store.partitions.is_empty());
        RowStream { store, shared, blocks: blocks.into_iter() }
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    /// A machine error of the spill file.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<OrderedRows>> {
        let Some(place) = self.blocks.next() else { return Ok(None) };
        let block = self.store.fetch(&place)?;
        let order = (0..block.rows as u32).collect();
        Ok(Some(OrderedRows { shared: self.shared.clone(), blocks: vec![(0, block)], order }))
    }
}

impl RowStore {
    fn fetch(&self, place: &BlockAddress) -> Result<Arc<PackedBlock>> {
        match place {
            BlockAddress::Memory(block) => Ok(block.clone()),
            BlockAddress::Disk(offset, len) => {
                let (file, _) = self.spilled.as_ref().expect("a block on disk has a file");
                let mut bytes = vec![0; *len];
                file.read_exact_at(&mut bytes, *offset).map_err(spill_error(&self.space.0))?;
                read_block(&bytes, self.types.len(), &self.space.0).map(Arc::new)
            }
        }
    }
}

/// Whether the positions of each worker's rows ascend.
fn ascend(blocks: &[(usize, Arc<PackedBlock>)]) -> bool {
    let (mut last, mut positions): (BTreeMap<usize, u64>, _) = (BTreeMap::new(), vec![]);
    blocks.iter().all(|(worker, block)| {
        let last = last.entry(*worker).or_insert(0);
        block.positions.unpack(block.rows, &mut positions);
        positions.iter().all(|&position| std::mem::replace(last, position as u64) <= position as u64)
    })
}

/// The rows of all blocks with their times, in no order that matters.
fn as_pushed(blocks: &[(usize, Arc<PackedBlock>)]) -> (Vec<u32>, Vec<i64>) {
    let (mut ids, mut times, mut of_block) = (vec![], vec![], vec![]);
    for (b, (_, block)) in (0u32..).zip(blocks) {
        ids.extend((0..block.rows as u32).map(|row| b << BLOCK_BITS | row));
        block.time.unpack(block.rows, &mut of_block);
        times.extend_from_slice(&of_block);
    }
    (ids, times)
}

/// The blocks of one worker, whose rows are in order of their positions.
struct WorkerRows {
    /// Its blocks, the next one last.
    rest: Vec<u32>,
    /// The block that is being read.
    block: u32,
    positions: Vec<i64>,
    times: Vec<i64>,
    /// The next row of it.
    row: usize,
}

impl WorkerRows {
    /// The position of the next row. Those of files past 2^19 have their highest bit set: as signed numbers they would come
    /// first.
    fn head(&self) -> u64 {
        self.positions[self.row] as u64
    }

    /// Goes on to the next block that has rows, if there is one.
    fn advance(&mut self, blocks: &[(usize, Arc<PackedBlock>)]) -> bool {
        while let Some(block) = self.rest.pop() {
            let (_, packed) = &blocks[block as usize];
            packed.positions.unpack(packed.rows, &mut self.positions);
            packed.time.unpack(packed.rows, &mut self.times);
            (self.block, self.row) = (block, 0);
            if packed.rows > 0 {
                return true;
            }
        }
        false
    }
}

/// The rows of all blocks with their times, by position. Each worker's blocks are in order; a merge of a few streams.
fn by_position(blocks: &[(usize, Arc<PackedBlock>)]) -> (Vec<u32>, Vec<i64>) {
    let mut workers: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (b, (worker, _)) in blocks.iter().enumerate().rev() {
        workers.entry(*worker).or_default().push(b as u32);
    }
    let stream = |rest| WorkerRows { rest, block: 0, positions: vec![], times: vec![], row: 0 };
    let mut streams: Vec<WorkerRows> = workers.into_values().map(stream).collect();
    streams.retain_mut(|stream| stream.advance(blocks));
    let rows: usize = blocks.iter().map(|(_, b)| b.rows).sum();
    let (mut ids, mut times) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    while !streams.is_empty() {
        // A stream a worker is few, so a look at all heads does without a heap.
        let least = (0..streams.len()).min_by_key(|&s| streams[s].head()).expect("a stream");
        let others = (0..streams.len()).filter(|&s| s != least);
        let bound = others.map(|s| streams[s].head()).min().unwrap_or(u64::MAX);
        let stream = &mut streams[least];
        // Take from this stream until another one's head comes first.
        while stream.head() <= bound {
            let rest = &stream.positions[stream.row..];
            let taken = rest.iter().take_while(|&&position| position as u64 <= bound).count();
            let rows = stream.row..stream.row + taken;
            ids.extend(rows.clone().map(|row| stream.block << BLOCK_BITS | row as u32));
            times.extend_from_slice(&stream.times[rows.clone()]);
            stream.row = rows.end;
            if stream.row == stream.positions.len() && !stream.advance(blocks) {
                streams.swap_remove(least);
                break;
            }
        }
    }
    (ids, times)
}

/// The place of a row in its block.
#[inline]
fn row_of(id: u32) -> usize {
    id as usize & (BLOCK_ROWS - 1)
}

impl OrderedRows {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The columns of rows `from..to`; strings that are few come as dictionaries.
    pub fn columns(&self, from: usize, to: usize) -> Vec<ArrayRef> {
        (0..self.shared.types.len()).map(|c| self.column(c, &self.order[from..to])).collect()
    }

    /// The positions of rows `from..to`.
    pub fn positions(&self, from: usize, to: usize) -> Vec<Position> {
        let position = |&id: &u32| {
            let ((_, block), row) = self.at(id);
            Position::from_u64(block.positions.get(row) as u64)
        };
        self.order[from..to].iter().map(position).collect()
    }

    /// The times that rows `from..to` were sorted by.
    pub fn times(&self, from: usize, to: usize) -> Vec<i64> {
        let time = |&id: &u32| {
            let ((_, block), row) = self.at(id);
            block.time.get(row)
        };
        self.order[from..to].iter().map(time).collect()
    }

    /// Keeps the rows for which `keep` is true of their worker (its place among the stores) and their
    /// value of the integer column `c`, which has no NULL.
    pub fn retain(&mut self, c: usize, keep: impl Fn(usize, i64) -> bool) {
        let mut order = std::mem::take(&mut self.order);
        order.retain(|id| {
            let ((worker, block), row) = self.at(*id);
            keep(*worker, block.columns[c].word(row))
        });
        self.order = order;
    }

    /// What `of` says of rows `from..to` by their worker and their value of the integer column `c`.
    pub fn flags(&self, c: usize, from: usize, to: usize, of: impl Fn(usize, i64) -> bool) -> ArrayRef {
        let flag = |&id: &u32| {
            let ((worker, block), row) = self.at(id);
            Some(of(*worker, block.columns[c].word(row)))
        };
        Arc::new(self.order[from..to].iter().map(flag).collect::<BooleanArray>())
    }

    #[inline]
    fn at(&self, id: u32) -> (&(usize, Arc<PackedBlock>), usize) {
        (&self.blocks[(id >> BLOCK_BITS) as usize], row_of(id))
    }

    /// The words of column `c` of each block, if it has words alone, and no NULL.
    fn whole_words(&self, c: usize) -> Option<Vec<&Packed>> {
        self.blocks.iter().map(|(_, block)| block.columns[c].whole_words()).collect()
    }

    fn column(&self, c: usize, ids: &[u32]) -> ArrayRef {
        let ty = self.shared.types[c];
        by_native!(ty, T => {
            // Most columns need no look at NULLs, and none at their kind for each row.
            if let Some(words) = self.whole_words(c) {
                let values = ids.iter().map(|&id| T::of_word(words[(id >> BLOCK_BITS) as usize].get(row_of(id))));
                return T::array(ty, values.collect(), None);
            }
            let value = |&id: &u32| {
                let ((_, block), row) = self.at(id);
                let column = &block.columns[c];
                let value = || if T::WIDE { T::of_wide(column.wide(row)) } else { T::of_word(column.word(row)) };
                (!column.is_null(row)).then(value)
            };
            collect_array(ty, ids.iter().map(value))
        }, text => self.strings(c, ids))
    }

    fn strings(&self, c: usize, ids: &[u32]) -> ArrayRef {
        let texts = self.shared.texts[c].as_ref().expect("a column of strings");
        // Codes alone leave as a dictionary, and their texts are not copied.
        if let Some(words) = self.whole_words(c) {
            let of_worker: Vec<&[u32]> =
                self.blocks.iter().map(|(worker, _)| &texts.codes[*worker][..]).collect();
            let codes = ids.iter().map(|&id| {
                let block = (id >> BLOCK_BITS) as usize;
                of_worker[block][words[block].get(row_of(id)) as usize]
            });
            // A NULL has a code among the texts, and `nulls()` of a dictionary array tells only those of its
            // keys.
            let codes: UInt32Array = match texts.values.nulls() {
                None => UInt32Array::from_iter_values(codes),
                Some(nulls) => codes.map(|c| nulls.is_valid(c as usize).then_some(c)).collect(),
            };
            return Arc::new(DictionaryArray::new(codes, texts.values.clone()));
        }
        let values = texts.values.as_string_view();
        let mut out = StringRun::new(ids.len(), self.blocks.len());
        for &id in ids {
            let ((worker, block), row) = self.at(id);
            let column = &block.columns[c];
            match &column.values {
                PackedColumn::Text(..) | PackedColumn::Uuids(_) if column.is_null(row) => out.null(),
                PackedColumn::Text(ends, text) => {
                    let start = if row == 0 { 0 } else { ends.get(row - 1) as usize };
                    out.lend((id >> BLOCK_BITS) as usize, text, start, ends.get(row) as usize);
                }
                PackedColumn::Uuids(uuids) => out.uuid(&uuids[row]),
                _ => {
                    let code = texts.codes[*worker][column.word(row) as usize] as usize;
                    match values.is_valid(code) {
                        true => out.text(values.value(code).as_bytes()),
                        false => out.null(),
                    }
                }
            }
        }
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::batch::{Batch, DataType, Position};
    use crate::rows::{RowSpace, RowStore, gather_partitions};
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array};
    use std::sync::Arc;

    /// The rows of one worker: of these files one each, all of one time.
    fn store(files: &[u32]) -> RowStore {
        let space = RowSpace(std::env::temp_dir());
        let mut store = RowStore::unpartitioned(vec![DataType::Int64], space);
        let column: ArrayRef =
            Arc::new(files.iter().map(|&file| Some(i64::from(file))).collect::<Int64Array>());
        let positions = files.iter().map(|&file| Position::new(file, 0)).collect();
        let (time, rows) = (vec![7; files.len()], files.len());
        store.push(&Batch { columns: vec![column], time, positions, rows, ..Batch::default() }).unwrap();
        store
    }

    #[test]
    fn ties_are_in_the_order_of_files_also_past_the_half_of_their_number() {
        let last = Position::MAX_FILES as u32 - 1;
        let stores = vec![store(&[0, 1 << 19, last]), store(&[1, (1 << 19) - 1, last - 1])];
        let partitions = gather_partitions(stores);
        let ordered = partitions[0].order().unwrap();
        let files = ordered.columns(0, ordered.len());
        let files = files[0].as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(files, [0, 1, (1 << 19) - 1, 1 << 19, i64::from(last) - 1, i64::from(last)]);
    }
}
