//! The rows that one worker keeps: open columns per partition, packed into blocks.

use super::packed::{BlockColumn, Packed, PackedBlock, PackedColumn, spill_error};
use super::partition::Partitioner;
use super::uuid;
use crate::batch::{Batch, ColumnId, ColumnView, DataType, Native, PartitionPath, each_view};
use crate::error::Result;
use crate::group::ColumnCodes;
use crate::time::Zone;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use std::fs::File;
use std::mem::take;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// The most rows of a block: what 13 bits number.
pub(super) const BLOCK_ROWS: usize = 1 << BLOCK_BITS;
pub(super) const BLOCK_BITS: u32 = 13;
/// Strings of a column are codes until there are more than so many of them.
const MAX_CODES: usize = 1 << 16;

/// Where rows are spilled: an unnamed file per worker.
#[derive(Clone)]
pub struct RowSpace(pub PathBuf);

/// The rows of one output that one worker keeps.
pub struct RowStore {
    pub(super) types: Vec<DataType>,
    columns: Vec<ColumnId>,
    partition_columns: Vec<ColumnId>,
    pub(super) partitioner: Partitioner,
    pub(super) codes: Vec<Option<ColumnCodes>>,
    pub(super) partitions: Vec<Partition>,
    packed_bytes: usize,
    open_rows: usize,
    /// Bytes of the strings of open rows.
    open_text: usize,
    pushes: u32,
    /// Room that idle partitions gave away, for those that come next.
    spare: Vec<Room>,
    rows: Vec<u32>,
    pub(super) space: RowSpace,
    pub(super) spilled: Option<(File, u64)>,
}

/// A partition that has got no row in so many pushes is closed, if it is worth a block.
const IDLE: u32 = 16;
/// The fewest rows that are.
const WORTH: usize = 512;
/// How much room of idle partitions is kept.
const SPARE: usize = 4;

/// Times, positions and columns without rows.
type Room = (Vec<i64>, Vec<i64>, Vec<OpenColumn>);

/// The rows of one partition of one worker.
#[derive(Default)]
pub(super) struct Partition {
    /// The number of the push that brought the last row.
    used: u32,
    open: Vec<OpenColumn>,
    time: Vec<i64>,
    positions: Vec<i64>,
    pub(super) blocks: Vec<BlockAddress>,
}

/// Where a block is.
pub(super) enum BlockAddress {
    Memory(Arc<PackedBlock>),
    /// Offset and length.
    Disk(u64, usize),
}

/// A column of rows that are in no block yet, by width: what [`PackedColumn`] is made of.
enum OpenColumn {
    Words(Vec<i64>, Vec<bool>),
    Wide(Vec<i128>, Vec<bool>),
    Text(Vec<i64>, Vec<u8>, Vec<bool>),
}

impl RowStore {
    /// An empty store of the batch's `columns`, of these types, in partitions; `partition_columns`
    /// are the columns of the batch that the partitioner wants.
    pub fn new(
        columns: Vec<ColumnId>,
        types: Vec<DataType>,
        partitioner: Partitioner,
        partition_columns: Vec<ColumnId>,
        space: RowSpace,
    ) -> RowStore {
        let codes = types.iter().map(|&ty| ty.is_text().then(|| ColumnCodes::new(ty))).collect();
        RowStore {
            types,
            columns,
            partition_columns,
            partitioner,
            codes,
            partitions: vec![],
            packed_bytes: 0,
            open_rows: 0,
            open_text: 0,
            pushes: 0,
            spare: vec![],
            rows: vec![],
            space,
            spilled: None,
        }
    }

    /// An empty store of all columns of its batches, which are of these types, without partitions.
    pub fn unpartitioned(types: Vec<DataType>, space: RowSpace) -> RowStore {
        let partitioner = Partitioner::new(&[], &[], &Zone::utc());
        RowStore::new(ColumnId::first(types.len()).collect(), types, partitioner, vec![], space)
    }

    /// The paths of the partitions that have rows.
    pub fn paths(&self) -> impl Iterator<Item = &PartitionPath> {
        (0..self.partitions.len() as u32).map(|partition| self.partitioner.path_of(partition))
    }

    /// Keeps the rows of `batch`.
    ///
    /// # Errors
    /// A data error where a value cannot name a partition.
    pub fn push(&mut self, batch: &Batch) -> Result<()> {
        let mut partition_of = take(&mut self.rows);
        partition_of.clear();
        let keys: Vec<&ArrayRef> = self.partition_columns.iter().map(|&c| &batch.columns[c]).collect();
        self.partitioner.assign(&batch.time, &keys, &mut partition_of)?;
        let most = partition_of.iter().max().map_or(0, |&p| p as usize + 1);
        self.partitions.resize_with(self.partitions.len().max(most), Partition::default);

        let members = members(&partition_of, self.partitions.len());
        for (p, rows) in &members {
            let partition = &mut self.partitions[*p];
            partition.used = self.pushes;
            if partition.open.is_empty()
                && let Some(room) = self.spare.pop()
            {
                (partition.time, partition.positions, partition.open) = room;
            }
            partition.time.extend(rows.iter().map(|&row| batch.time[row as usize]));
            partition.positions.extend(rows.iter().map(|&row| batch.positions[row as usize].as_u64() as i64));
        }
        for c in 0..self.columns.len() {
            let array = &batch.columns[self.columns[c]];
            self.push_column(c, array, &members);
        }
        self.open_rows += batch.rows;
        for p in 0..self.partitions.len() {
            let Partition { time, used, .. } = &self.partitions[p];
            // The number of pushes wraps, and so does the difference.
            let is_idle = self.pushes.wrapping_sub(*used) > IDLE;
            if time.len() >= BLOCK_ROWS || is_idle && time.len() >= WORTH {
                self.close(p);
            }
            if is_idle && let Some(room) = self.partitions[p].free() {
                self.spare.push(room);
                self.spare.truncate(SPARE);
            }
        }
        self.pushes = self.pushes.wrapping_add(1);
        self.rows = partition_of;
        Ok(())
    }

    fn push_column(&mut self, c: usize, array: &ArrayRef, members: &[(usize, Vec<u32>)]) {
        let column = ColumnView::of(array).expect("a column of our types");
        if let ColumnView::Decimal(values, _) = column {
            for (p, rows) in members {
                self.partitions[*p].wide(c, rows, values.nulls(), |row| values.value(row));
            }
            return;
        }
        each_view!(column, values => for (p, rows) in members {
            self.partitions[*p].words(c, rows, values.nulls(), |row| values.value(row).word());
        }, _texts => self.push_strings(c, array, members));
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
        // The codes stay: blocks that were packed before need them.
        let texts = array.as_string_view();
        for (p, rows) in members {
            if self.partitions[*p].has_codes(c) {
                // A block holds codes or text; this one began with codes.
                self.close(*p);
            }
            for row in rows.iter().map(|&row| row as usize) {
                let text = texts.is_valid(row).then(|| texts.value(row).as_bytes());
                self.open_text += text.map_or(0, <[u8]>::len);
                self.partitions[*p].text(c, text);
            }
        }
    }

    /// Packs the open rows of a partition into a block.
    pub(super) fn close(&mut self, p: usize) {
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
            self.open_text -= partition.open.iter().map(|c| c.text(from, to)).sum::<usize>();
            let block = PackedBlock {
                rows: to - from,
                time: Packed::new(&partition.time[from..to]),
                positions: Packed::new(&partition.positions[from..to]),
                columns: partition.open.iter().map(|c| c.pack(from, to)).collect(),
            };
            self.packed_bytes += block.bytes();
            partition.blocks.push(BlockAddress::Memory(Arc::new(block)));
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
        self.packed_bytes + codes + self.open_rows * (self.columns.len() + 2) * 12 + self.open_text
    }

    /// Writes all closed blocks to disk.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn spill(&mut self) -> Result<()> {
        (0..self.partitions.len()).for_each(|p| self.close(p));
        self.partitions.iter_mut().for_each(|partition| drop(partition.free()));
        self.spare.clear();
        if self.spilled.is_none() {
            let file = tempfile::tempfile_in(&self.space.0).map_err(spill_error(&self.space.0))?;
            self.spilled = Some((file, 0));
        }
        let failed = spill_error(&self.space.0);
        let Some((file, end)) = &mut self.spilled else { return Ok(()) };
        let mut bytes = vec![];
        for place in self.partitions.iter_mut().flat_map(|p| &mut p.blocks) {
            if let BlockAddress::Memory(block) = place {
                bytes.clear();
                block.write(&mut bytes).map_err(&failed)?;
                file.write_all_at(&bytes, *end).map_err(&failed)?;
                *place = BlockAddress::Disk(*end, bytes.len());
                *end += bytes.len() as u64;
            }
        }
        self.packed_bytes = 0;
        Ok(())
    }
}

impl Partition {
    /// Gives away the room of open rows, if there are none.
    fn free(&mut self) -> Option<Room> {
        let is_room = self.time.is_empty() && !self.open.is_empty();
        is_room.then(|| (take(&mut self.time), take(&mut self.positions), take(&mut self.open)))
    }

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
        // The column was made for codes and is empty now: `push_strings` has closed its block.
        if let OpenColumn::Words(..) = column {
            *column = OpenColumn::Text(vec![], vec![], vec![]);
        }
        if let OpenColumn::Text(ends, bytes, nulls) = column {
            // Most columns do not have a NULL, and their mask is never made.
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
    // Counted first, so that each list is allocated once.
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

/// The strings as UUIDs, if all are: `text` end to end, where each ends, and which are NULL.
fn uuids(ends: &[i64], text: &[u8], nulls: &[bool]) -> Option<Vec<[u8; 16]>> {
    let mut start = 0;
    let mut uuids = Vec::with_capacity(ends.len());
    for (row, &end) in ends.iter().enumerate() {
        let is_null = nulls.get(row).copied().unwrap_or(false);
        uuids.push(if is_null { [0; 16] } else { uuid::bytes(&text[start..end as usize])? });
        start = end as usize;
    }
    Some(uuids)
}

impl OpenColumn {
    fn len(&self) -> usize {
        match self {
            OpenColumn::Words(words, _) => words.len(),
            OpenColumn::Wide(words, _) => words.len(),
            OpenColumn::Text(ends, ..) => ends.len(),
        }
    }

    /// Bytes of the strings of some rows.
    fn text(&self, from: usize, to: usize) -> usize {
        match self {
            OpenColumn::Text(ends, ..) => {
                (ends[to - 1] - if from == 0 { 0 } else { ends[from - 1] }) as usize
            }
            _ => 0,
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
                // The text of the block begins at 0, and small ends pack into fewer bytes.
                let own: Vec<i64> = ends[from..to].iter().map(|e| e - start).collect();
                let text = &text[start as usize..ends[to - 1] as usize];
                let nulls = part(nulls);
                let values = match uuids(&own, text, &nulls) {
                    Some(uuids) => PackedColumn::Uuids(uuids),
                    None => PackedColumn::Text(Packed::new(&own), text.to_vec().into()),
                };
                BlockColumn { values, nulls }
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
