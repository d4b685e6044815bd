//! The rows that one worker keeps, and how the rows of all workers become partitions.

use super::order::sort_by_time;
use super::packed::{Block, BlockColumn, Packed, PackedColumn, read_block, spill_error};
use super::partition::Partitioner;
use crate::batch::{Batch, DataType, Position};
use crate::error::{Error, Result};
use crate::group::ColumnCodes;
use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::NullBuffer;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// The most rows of a block: what 13 bits number.
const BLOCK_ROWS: usize = 1 << BLOCK_BITS;
const BLOCK_BITS: u32 = 13;
/// Strings of a column are codes until there are more than so many of them.
const MAX_CODES: usize = 1 << 16;

/// Where rows are spilled: an unnamed file per worker.
#[derive(Clone)]
pub struct RowSpace(pub PathBuf);

/// The rows of one output that one worker keeps.
pub struct RowStore {
    types: Vec<DataType>,
    columns: Vec<usize>,
    partition_columns: Vec<usize>,
    partitioner: Partitioner,
    codes: Vec<Option<ColumnCodes>>,
    partitions: Vec<Partition>,
    packed_bytes: usize,
    open_rows: usize,
    rows: Vec<u32>,
    space: RowSpace,
    spilled: Option<(File, u64)>,
}

#[derive(Default)]
struct Partition {
    open: Vec<OpenColumn>,
    time: Vec<i64>,
    positions: Vec<i64>,
    blocks: Vec<Place>,
}

/// Where a block is.
enum Place {
    Memory(Block),
    /// Offset and length.
    Disk(u64, usize),
}

enum OpenColumn {
    Words(Vec<i64>, Vec<bool>),
    Wide(Vec<i128>, Vec<bool>),
    Text(Vec<i64>, Vec<u8>, Vec<bool>),
}

impl RowStore {
    /// An empty store of the batch's `columns`, of these types, in partitions; `partition_columns`
    /// are the columns of the batch that the partitioner wants.
    pub fn new(
        columns: Vec<usize>,
        types: Vec<DataType>,
        partitioner: Partitioner,
        partition_columns: Vec<usize>,
        space: RowSpace,
    ) -> RowStore {
        let codes = types.iter().map(|&ty| (ty == DataType::String).then(|| ColumnCodes::new(ty))).collect();
        RowStore {
            types,
            columns,
            partition_columns,
            partitioner,
            codes,
            partitions: vec![],
            packed_bytes: 0,
            open_rows: 0,
            rows: vec![],
            space,
            spilled: None,
        }
    }

    /// Keeps the rows of `batch`.
    ///
    /// # Errors
    /// A data error where a value cannot name a partition.
    pub fn push(&mut self, batch: &Batch) -> Result<()> {
        let mut partition_of = std::mem::take(&mut self.rows);
        partition_of.clear();
        let keys: Vec<&ArrayRef> = self.partition_columns.iter().map(|&c| &batch.columns[c]).collect();
        self.partitioner.assign(&batch.time, &keys, &mut partition_of)?;
        let most = partition_of.iter().max().map_or(0, |&p| p as usize + 1);
        self.partitions.resize_with(self.partitions.len().max(most), Partition::default);

        let members = members(&partition_of, self.partitions.len());
        for (p, rows) in &members {
            let partition = &mut self.partitions[*p];
            partition.time.extend(rows.iter().map(|&row| batch.time[row as usize]));
            partition.positions.extend(rows.iter().map(|&row| batch.positions[row as usize].as_u64() as i64));
        }
        for c in 0..self.columns.len() {
            let array = &batch.columns[self.columns[c]];
            self.push_column(c, array, &members);
        }
        self.open_rows += batch.rows;
        for p in 0..self.partitions.len() {
            if self.partitions[p].time.len() >= BLOCK_ROWS {
                self.close(p);
            }
        }
        self.rows = partition_of;
        Ok(())
    }

    fn push_column(&mut self, c: usize, array: &ArrayRef, members: &[(usize, Vec<u32>)]) {
        let nulls = array.nulls().filter(|n| n.null_count() > 0);
        macro_rules! words {
            ($get:expr) => {{
                let get = $get;
                for (p, rows) in members {
                    self.partitions[*p].words(c, rows, nulls, &get);
                }
            }};
        }
        match self.types[c] {
            DataType::Int64 => {
                let values = array.as_primitive::<Int64Type>().values();
                words!(|row: usize| values[row])
            }
            DataType::Timestamp => {
                let values = array.as_primitive::<TimestampMicrosecondType>().values();
                words!(|row: usize| values[row])
            }
            DataType::Date => {
                let values = array.as_primitive::<Date32Type>().values();
                words!(|row: usize| i64::from(values[row]))
            }
            DataType::Float64 => {
                let values = array.as_primitive::<Float64Type>().values();
                words!(|row: usize| values[row].to_bits() as i64)
            }
            DataType::Bool => {
                let values = array.as_boolean();
                words!(|row: usize| i64::from(values.value(row)))
            }
            DataType::Decimal { .. } => {
                let values = array.as_primitive::<Decimal128Type>().values();
                for (p, rows) in members {
                    self.partitions[*p].wide(c, rows, nulls, |row| values[row]);
                }
            }
            DataType::String => self.push_strings(c, array, members),
        }
    }

    fn push_strings(&mut self, c: usize, array: &ArrayRef, members: &[(usize, Vec<u32>)]) {
        if let Some(codes) = &mut self.codes[c]
            && codes.count() <= MAX_CODES
        {
            let mut own = vec![];
            codes.encode(array, &mut own);
            for (p, rows) in members {
                // A NULL has a code of its own.
                self.partitions[*p].words(c, rows, None, |row| own[row].into());
            }
            return;
        }
        let texts = array.as_string_view();
        for (p, rows) in members {
            if self.partitions[*p].has_codes(c) {
                // A block holds codes or text; this one began with codes.
                self.close(*p);
            }
            for row in rows.iter().map(|&row| row as usize) {
                let text = texts.is_valid(row).then(|| texts.value(row).as_bytes());
                self.partitions[*p].text(c, text);
            }
        }
    }

    /// Packs the open rows of a partition into a block.
    fn close(&mut self, p: usize) {
        let partition = &mut self.partitions[p];
        // Columns are pushed one after another: a block may only end where all have as many rows.
        let rows = partition.open.iter().map(OpenColumn::len).min().unwrap_or(partition.time.len());
        if rows == 0 {
            return;
        }
        let all = partition.time.len();
        let mut from = 0;
        while from < rows {
            let to = rows.min(from + BLOCK_ROWS);
            let block = Block {
                rows: to - from,
                time: Packed::new(&partition.time[from..to]),
                positions: Packed::new(&partition.positions[from..to]),
                columns: partition.open.iter().map(|c| c.pack(from, to)).collect(),
            };
            self.packed_bytes += block.bytes();
            partition.blocks.push(Place::Memory(block));
            from = to;
        }
        partition.time.drain(..rows);
        partition.positions.drain(..rows);
        partition.open.iter_mut().for_each(|c| c.drain(rows));
        self.open_rows -= rows.min(self.open_rows);
        debug_assert!(all >= rows);
    }

    /// Bytes of memory held, about.
    pub fn bytes(&self) -> usize {
        let codes: usize = self.codes.iter().flatten().map(ColumnCodes::bytes).sum();
        self.packed_bytes + codes + self.open_rows * (self.columns.len() + 2) * 12
    }

    /// Writes all closed blocks to disk.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn spill(&mut self) -> Result<()> {
        (0..self.partitions.len()).for_each(|p| self.close(p));
        if self.spilled.is_none() {
            let file = tempfile::tempfile_in(&self.space.0).map_err(spill_error(&self.space.0))?;
            self.spilled = Some((file, 0));
        }
        let failed = spill_error(&self.space.0);
        let Some((file, end)) = &mut self.spilled else { return Ok(()) };
        let mut bytes = vec![];
        for place in self.partitions.iter_mut().flat_map(|p| &mut p.blocks) {
            if let Place::Memory(block) = place {
                bytes.clear();
                block.write(&mut bytes).map_err(&failed)?;
                file.write_all_at(&bytes, *end).map_err(&failed)?;
                *place = Place::Disk(*end, bytes.len());
                *end += bytes.len() as u64;
            }
        }
        self.packed_bytes = 0;
        Ok(())
    }
}

impl Partition {
    fn column(&mut self, c: usize, make: impl Fn() -> OpenColumn) -> &mut OpenColumn {
        while self.open.len() <= c {
            self.open.push(make());
        }
        &mut self.open[c]
    }

    fn words(&mut self, c: usize, rows: &[u32], valid: Option<&NullBuffer>, get: impl Fn(usize) -> i64) {
        if let OpenColumn::Words(words, nulls) = self.column(c, || OpenColumn::Words(vec![], vec![])) {
            note_nulls(nulls, words.len(), rows, valid);
            words.extend(rows.iter().map(|&row| get(row as usize)));
        }
    }

    fn wide(&mut self, c: usize, rows: &[u32], valid: Option<&NullBuffer>, get: impl Fn(usize) -> i128) {
        if let OpenColumn::Wide(words, nulls) = self.column(c, || OpenColumn::Wide(vec![], vec![])) {
            note_nulls(nulls, words.len(), rows, valid);
            words.extend(rows.iter().map(|&row| get(row as usize)));
        }
    }

    fn has_codes(&self, c: usize) -> bool {
        matches!(self.open.get(c), Some(OpenColumn::Words(words, _)) if !words.is_empty())
    }

    fn text(&mut self, c: usize, text: Option<&[u8]>) {
        let column = self.column(c, || OpenColumn::Text(vec![], vec![], vec![]));
        if let OpenColumn::Words(..) = column {
            *column = OpenColumn::Text(vec![], vec![], vec![]);
        }
        if let OpenColumn::Text(ends, bytes, nulls) = column {
            if text.is_none() || !nulls.is_empty() {
                nulls.resize(ends.len(), false);
                nulls.push(text.is_none());
            }
            bytes.extend_from_slice(text.unwrap_or_default());
            ends.push(bytes.len() as i64);
        }
    }
}

/// Notes which of `rows` are NULL; keeps `nulls` empty until the first one is.
fn note_nulls(nulls: &mut Vec<bool>, before: usize, rows: &[u32], valid: Option<&NullBuffer>) {
    if valid.is_some() || !nulls.is_empty() {
        nulls.resize(before, false);
        nulls.extend(rows.iter().map(|&row| valid.is_some_and(|v| v.is_null(row as usize))));
    }
}

/// The rows of each partition that has any, in order.
fn members(partition_of: &[u32], partitions: usize) -> Vec<(usize, Vec<u32>)> {
    let mut counts = vec![0u32; partitions];
    partition_of.iter().for_each(|&p| counts[p as usize] += 1);
    let mut place = vec![0usize; partitions];
    let mut members: Vec<(usize, Vec<u32>)> = vec![];
    for (p, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        place[p] = members.len();
        members.push((p, Vec::with_capacity(count as usize)));
    }
    for (row, &p) in (0u32..).zip(partition_of) {
        members[place[p as usize]].1.push(row);
    }
    members
}

impl OpenColumn {
    fn len(&self) -> usize {
        match self {
            OpenColumn::Words(words, _) => words.len(),
            OpenColumn::Wide(words, _) => words.len(),
            OpenColumn::Text(ends, ..) => ends.len(),
        }
    }

    fn pack(&self, from: usize, to: usize) -> BlockColumn {
        let part = |nulls: &Vec<bool>| nulls.get(from..to).map_or(vec![], <[bool]>::to_vec);
        match self {
            OpenColumn::Words(words, nulls) => {
                BlockColumn { values: PackedColumn::Words(Packed::new(&words[from..to])), nulls: part(nulls) }
            }
            OpenColumn::Wide(words, nulls) => {
                let words = &words[from..to];
                let narrow: Option<Vec<i64>> = words.iter().map(|&w| i64::try_from(w).ok()).collect();
                let values = match narrow {
                    Some(narrow) => PackedColumn::Words(Packed::new(&narrow)),
                    None => PackedColumn::Wide(words.to_vec()),
                };
                BlockColumn { values, nulls: part(nulls) }
            }
            OpenColumn::Text(ends, text, nulls) => {
                let start = if from == 0 { 0 } else { ends[from - 1] };
                let own: Vec<i64> = ends[from..to].iter().map(|e| e - start).collect();
                let text = text[start as usize..ends[to - 1] as usize].to_vec();
                BlockColumn { values: PackedColumn::Text(Packed::new(&own), text), nulls: part(nulls) }
            }
        }
    }

    fn drain(&mut self, rows: usize) {
        let drop = |nulls: &mut Vec<bool>| drop(nulls.drain(..rows.min(nulls.len())));
        match self {
            OpenColumn::Words(words, nulls) => {
                words.drain(..rows);
                drop(nulls);
            }
            OpenColumn::Wide(words, nulls) => {
                words.drain(..rows);
                drop(nulls);
            }
            OpenColumn::Text(ends, text, nulls) => {
                let start = ends[rows - 1];
                text.drain(..start as usize);
                ends.drain(..rows);
                ends.iter_mut().for_each(|e| *e -= start);
                drop(nulls);
            }
        }
    }
}

/// All rows of one partition, of all workers.
pub struct StoredPartition {
    shared: Arc<Shared>,
    /// The partition's path below the output.
    pub path: String,
    /// Worker and its number of the partition.
    members: Vec<(usize, usize)>,
}

struct Shared {
    stores: Vec<RowStore>,
    types: Vec<DataType>,
    /// Per column of strings: the values of all workers' codes, and per worker its codes in them.
    texts: Vec<Option<Texts>>,
}

struct Texts {
    values: ArrayRef,
    codes: Vec<Vec<u32>>,
}

/// The partitions of all workers' rows, sorted by path.
pub fn gather_partitions(mut stores: Vec<RowStore>) -> Vec<StoredPartition> {
    for store in &mut stores {
        (0..store.partitions.len()).for_each(|p| store.close(p));
    }
    let Some(types) = stores.first().map(|s| s.types.clone()) else { return vec![] };
    let texts = (0..types.len()).map(|c| unite_codes(&stores, c)).collect();
    let mut members: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
    for (w, store) in stores.iter().enumerate() {
        for p in 0..store.partitions.len() {
            members.entry(store.partitioner.path_of(p as u32).to_string()).or_default().push((w, p));
        }
    }
    let shared = Arc::new(Shared { stores, types, texts });
    members
        .into_iter()
        .map(|(path, members)| StoredPartition { shared: shared.clone(), path, members })
        .collect()
}

/// One dictionary for the strings of column `c`, if all of its rows are codes.
fn unite_codes(stores: &[RowStore], c: usize) -> Option<Texts> {
    stores[0].codes[c].as_ref()?;
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
    Some(Texts { values: all.decode_all(), codes })
}

/// A partition's blocks, and its rows in replay order.
pub struct OrderedRows {
    shared: Arc<Shared>,
    /// Worker and block.
    blocks: Vec<(usize, Block)>,
    /// Block and row in it.
    order: Vec<u32>,
}

impl StoredPartition {
    /// Puts the partition's rows in replay order.
    ///
    /// # Errors
    /// A machine error of the spill files.
    pub fn order(&self) -> Result<OrderedRows> {
        let mut blocks: Vec<(usize, Block)> = vec![];
        for &(w, p) in &self.members {
            let store = &self.shared.stores[w];
            for place in &store.partitions[p].blocks {
                blocks.push((w, store.fetch(place)?));
            }
        }
        if blocks.len() > (u32::MAX >> BLOCK_BITS) as usize {
            return Err(Error::machine(format!("the partition `{}` has too many rows", self.path))
                .hint("partition the output by date and hour"));
        }
        let ids = by_position(&blocks);
        let time = |&id: &u32| blocks[(id >> BLOCK_BITS) as usize].1.time.get(id as usize & (BLOCK_ROWS - 1));
        let times: Vec<i64> = ids.iter().map(time).collect();
        let order = sort_by_time(ids, &times);
        Ok(OrderedRows { shared: self.shared.clone(), blocks, order })
    }
}

impl RowStore {
    fn fetch(&self, place: &Place) -> Result<Block> {
        match place {
            Place::Memory(block) => Ok(block.clone()),
            Place::Disk(offset, len) => {
                let (file, _) = self.spilled.as_ref().expect("a block on disk has a file");
                let mut bytes = vec![0; *len];
                file.read_exact_at(&mut bytes, *offset).map_err(spill_error(&self.space.0))?;
                read_block(&bytes, self.types.len(), &self.space.0)
            }
        }
    }
}

/// The rows of all blocks by position. Each worker's blocks are in order; a merge of a few streams.
fn by_position(blocks: &[(usize, Block)]) -> Vec<u32> {
    let mut streams: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (b, (worker, _)) in blocks.iter().enumerate() {
        streams.entry(*worker).or_default().push(b as u32);
    }
    let rows: usize = blocks.iter().map(|(_, b)| b.rows).sum();
    let mut out = Vec::with_capacity(rows);
    let position = |block: u32, row: usize| blocks[block as usize].1.positions.get(row);
    // (position, stream, block's place in the stream, row)
    let streams: Vec<Vec<u32>> = streams.into_values().collect();
    let mut heads: Vec<(i64, usize, usize, usize)> =
        streams.iter().enumerate().map(|(s, blocks)| (position(blocks[0], 0), s, 0, 0)).collect();
    while !heads.is_empty() {
        let least = (0..heads.len()).min_by_key(|&h| heads[h].0).expect("a head");
        let bound = (0..heads.len()).filter(|&h| h != least).map(|h| heads[h].0).min().unwrap_or(i64::MAX);
        let (_, s, mut at, mut row) = heads[least];
        // Take from this stream until another one's head comes first.
        let ended = loop {
            let block = streams[s][at];
            let here = &blocks[block as usize].1;
            while row < here.rows && here.positions.get(row) <= bound {
                out.push(block << BLOCK_BITS | row as u32);
                row += 1;
            }
            if row < here.rows {
                break false;
            }
            (at, row) = (at + 1, 0);
            if at == streams[s].len() {
                break true;
            }
        };
        if ended {
            heads.swap_remove(least);
        } else {
            heads[least] = (position(streams[s][at], row), s, at, row);
        }
    }
    out
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
    pub fn positions(&self, from: usize, to: usize) -> impl Iterator<Item = Position> {
        self.order[from..to].iter().map(|&id| {
            let (block, row) = self.at(id);
            Position::from_u64(block.1.positions.get(row) as u64)
        })
    }

    #[inline]
    fn at(&self, id: u32) -> (&(usize, Block), usize) {
        (&self.blocks[(id >> BLOCK_BITS) as usize], id as usize & (BLOCK_ROWS - 1))
    }

    fn column(&self, c: usize, ids: &[u32]) -> ArrayRef {
        let ty = self.shared.types[c];
        let words = ids.iter().map(|&id| {
            let ((_, block), row) = self.at(id);
            let column = &block.columns[c];
            (!column.is_null(row)).then(|| column.word(row))
        });
        match ty {
            DataType::Int64 => Arc::new(words.collect::<Int64Array>()),
            DataType::Timestamp => {
                Arc::new(words.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            }
            DataType::Date => Arc::new(words.map(|w| w.map(|w| w as i32)).collect::<Date32Array>()),
            DataType::Float64 => {
                Arc::new(words.map(|w| w.map(|w| f64::from_bits(w as u64))).collect::<Float64Array>())
            }
            DataType::Bool => Arc::new(words.map(|w| w.map(|w| w != 0)).collect::<BooleanArray>()),
            DataType::Decimal { .. } => {
                let wide = ids.iter().map(|&id| {
                    let ((_, block), row) = self.at(id);
                    let column = &block.columns[c];
                    (!column.is_null(row)).then(|| column.wide(row))
                });
                Arc::new(wide.collect::<Decimal128Array>().with_data_type(ty.arrow()))
            }
            DataType::String => self.strings(c, ids),
        }
    }

    fn strings(&self, c: usize, ids: &[u32]) -> ArrayRef {
        let texts = self.shared.texts[c].as_ref().expect("a column of strings");
        let coded = |block: &Block| matches!(block.columns[c].values, PackedColumn::Words(_));
        if self.blocks.iter().all(|(_, block)| coded(block)) {
            let codes = ids.iter().map(|&id| {
                let ((worker, block), row) = self.at(id);
                texts.codes[*worker][block.columns[c].word(row) as usize]
            });
            let codes: UInt32Array = match texts.values.nulls() {
                None => UInt32Array::from_iter_values(codes),
                Some(nulls) => codes.map(|c| nulls.is_valid(c as usize).then_some(c)).collect(),
            };
            return Arc::new(DictionaryArray::new(codes, texts.values.clone()));
        }
        let values = texts.values.as_string_view();
        let mut out = StringViewBuilder::with_capacity(ids.len());
        for &id in ids {
            let ((worker, block), row) = self.at(id);
            let column = &block.columns[c];
            match &column.values {
                PackedColumn::Text(..) if column.is_null(row) => out.append_null(),
                PackedColumn::Text(ends, text) => {
                    let start = if row == 0 { 0 } else { ends.get(row - 1) as usize };
                    out.append_value(String::from_utf8_lossy(&text[start..ends.get(row) as usize]));
                }
                _ => {
                    let code = texts.codes[*worker][column.word(row) as usize] as usize;
                    out.append_option(values.is_valid(code).then(|| values.value(code)));
                }
            }
        }
        Arc::new(out.finish())
    }
}
