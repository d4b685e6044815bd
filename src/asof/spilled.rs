//! The rows of a shard on disk: blocks of sorted rows, of which memory has the first places.
//!
//! A block is its places (24 bytes a row), and each column ([`Column::write`]).

use super::Reach;
use super::bits::BitIndex;
use super::column::Column;
use super::lives::Lives;
use super::place::{HashAndTime, NONE};
use super::stored::{ShardRows, StoredShard, with_value};
use crate::error::{Error, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The most rows of a block.
const BLOCK_ROWS: usize = 128;
/// Bytes of values after which a block ends.
const BLOCK_BYTES: usize = 8 << 10;
/// Bytes that are written at once.
const WRITTEN: usize = 1 << 20;

/// The unnamed file of a table, into which all shards are written.
#[derive(Debug)]
pub struct SpillFile {
    file: File,
    folder: PathBuf,
    end: AtomicU64,
}

impl SpillFile {
    /// # Errors
    /// A machine error when the disk fails.
    pub fn new(folder: &Path) -> Result<SpillFile> {
        let file =
            tempfile::tempfile_in(folder).map_err(|e| Error::io("spill rows of a table to", folder, e))?;
        Ok(SpillFile { file, folder: folder.to_path_buf(), end: AtomicU64::new(0) })
    }

    fn append(&self, bytes: &[u8]) -> Result<u64> {
        // Each thread reserves a range of the file, so that writes do not need a lock.
        let at = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let failed = |e| Error::io("spill rows of a table to", &self.folder, e);
        self.file.write_all_at(bytes, at).map_err(failed)?;
        Ok(at)
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<()> {
        let failed = |e| Error::io("read spilled rows of a table from", &self.folder, e);
        self.file.read_exact_at(bytes, at).map_err(failed)
    }
}

/// A block: its first place, the number of its first row in the shard, and where it is.
#[derive(Debug)]
struct SpilledBlock {
    first: HashAndTime,
    row: u32,
    len: u32,
    at: u64,
}

/// The rows of a shard, on disk.
#[derive(Debug)]
pub struct Spilled {
    blocks: Vec<SpilledBlock>,
    rows: u32,
    /// Where rows end, if any does.
    lives: Option<Lives>,
    /// Columns without rows, of the kinds that the blocks have.
    kinds: Vec<Column>,
    /// With `fill`, where each column has a value; nothing for a column without NULLs.
    pub valid: Vec<Option<BitIndex>>,
}

impl Spilled {
    /// Writes the rows of a shard.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn write(stored: StoredShard, fill: bool, file: &SpillFile) -> Result<Spilled> {
        let StoredShard { part: ShardRows { places, columns }, lives, .. } = stored;
        let mut blocks: Vec<SpilledBlock> = vec![];
        let mut bytes = vec![];
        let mut unplaced = 0;
        let mut from = 0;
        while from < places.len() {
            let mut to = places.len().min(from + BLOCK_ROWS);
            let weight = |to: usize| columns.iter().map(|c| c.values.bytes_of(from..to)).sum::<usize>();
            // A block is read whole for one row, so a block of long texts has fewer rows.
            while to > from + 1 && weight(to) > BLOCK_BYTES {
                to = from + (to - from) / 2;
            }
            let at = bytes.len();
            for place in &places[from..to] {
                bytes.extend_from_slice(&place.high.to_le_bytes());
                bytes.extend_from_slice(&place.low.to_le_bytes());
                bytes.extend_from_slice(&place.time.to_le_bytes());
            }
            columns.iter().for_each(|column| column.write(from..to, &mut bytes));
            let len = u32::try_from(bytes.len() - at)
                .map_err(|_| Error::machine("a row of a table is too large to be spilled"))?;
            blocks.push(SpilledBlock { first: places[from], row: from as u32, len, at: at as u64 });
            from = to;
            if bytes.len() >= WRITTEN || from == places.len() {
                let start = file.append(&bytes)?;
                // A block knows its place in the file only when it is written.
                blocks[unplaced..].iter_mut().for_each(|block| block.at += start);
                unplaced = blocks.len();
                bytes.clear();
            }
        }
        let kinds = columns.iter().map(Column::empty).collect();
        // Only `fill` looks for the nearest value before it reads a block.
        let valid = columns.into_iter().map(|column| column.valid.filter(|_| fill)).collect();
        Ok(Spilled { blocks, rows: places.len() as u32, lives, kinds, valid })
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<SpilledBlock>()
            + self.valid.iter().flatten().map(BitIndex::bytes).sum::<usize>()
            + self.lives.as_ref().map_or(0, Lives::bytes)
    }

    /// The first place of each key.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn keys(&self, file: &SpillFile) -> Result<Vec<HashAndTime>> {
        let mut window = BlockWindow::new(self, file);
        let mut keys: Vec<HashAndTime> = vec![];
        for number in 0..self.blocks.len() {
            for place in &window.block(number)?.places {
                if keys.last().is_none_or(|last| !last.has_key_of(place)) {
                    keys.push(*place);
                }
            }
        }
        Ok(keys)
    }

    fn block_of(&self, row: u32) -> usize {
        // The first block begins at row 0, so there is always one at or before a row.
        self.blocks.partition_point(|block| block.row <= row) - 1
    }
}

/// What the needles of one shard take: for each that takes a row, the row and the values.
pub struct Taken {
    /// Numbers of needles, in the order of `part`.
    pub needles: Vec<u32>,
    /// The rows taken; only those columns have values that were asked for.
    pub part: ShardRows,
}

impl Spilled {
    /// Looks for rows with the `needles`, which are sorted, and come with their numbers.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn take(
        &self,
        file: &SpillFile,
        needles: &[(HashAndTime, u32)],
        reach: &Reach,
        columns: &[usize],
    ) -> Result<Taken> {
        let mut window = BlockWindow::new(self, file);
        let mut taken: Vec<Column> = self.kinds.iter().map(Column::empty).collect();
        let mut valid: Vec<Vec<bool>> = vec![vec![]; taken.len()];
        let (mut places, mut numbers) = (vec![], vec![]);
        for (needle, number) in needles {
            let around = window.around(needle, reach)?;
            let row = window.choose(needle, around, reach)?;
            if row == NONE {
                continue;
            }
            numbers.push(*number);
            places.push(window.place(row)?.expect("a row that was found"));
            for &c in columns {
                let row = match &self.valid[c] {
                    None => row,
                    Some(valid) => {
                        let found = with_value(Some(valid), self.lives.as_ref(), around);
                        window.choose(needle, found, reach)?
                    }
                };
                if row == NONE {
                    taken[c].values.push(&self.kinds[c].values, None);
                    valid[c].push(false);
                    continue;
                }
                let number = self.block_of(row);
                let own = row - self.blocks[number].row;
                let column = &window.block(number)?.columns[c];
                taken[c].values.push(&column.values, Some(own));
                valid[c].push(column.is_valid(own));
            }
        }
        for (column, valid) in taken.iter_mut().zip(valid) {
            column.valid = valid.contains(&false).then(|| BitIndex::new(valid.into_iter()));
        }
        Ok(Taken { needles: numbers, part: ShardRows { places, columns: taken } })
    }
}

/// The blocks read last. Needles come in order, so that few are enough to read most blocks once: the one
/// at hand, its neighbours, and for each column the one of its value.
struct BlockWindow<'a> {
    shard: &'a Spilled,
    file: &'a SpillFile,
    held: Vec<(usize, ShardRows)>,
    next: usize,
    bytes: Vec<u8>,
}

impl<'a> BlockWindow<'a> {
    fn new(shard: &'a Spilled, file: &'a SpillFile) -> BlockWindow<'a> {
        BlockWindow { shard, file, held: vec![], next: 0, bytes: vec![] }
    }

    fn block(&mut self, number: usize) -> Result<&ShardRows> {
        let found = self.held.iter().position(|held| held.0 == number);
        let at = match found {
            Some(at) => at,
            None => self.fetch(number)?,
        };
        Ok(&self.held[at].1)
    }

    /// Reads a block in place of the one that was read longest ago.
    fn fetch(&mut self, number: usize) -> Result<usize> {
        let shard = self.shard;
        let block = &shard.blocks[number];
        self.bytes.resize(block.len as usize, 0);
        self.file.read(block.at, &mut self.bytes)?;
        // For each column two more: its values before and after an event may lie far from the event.
        if self.held.len() < 3 + 2 * shard.kinds.len() {
            let columns = shard.kinds.iter().map(Column::empty).collect();
            self.held.push((number, ShardRows { places: vec![], columns }));
            self.next = self.held.len() - 1;
        }
        let at = self.next;
        self.next = (at + 1) % self.held.len();
        let (held, part) = &mut self.held[at];
        *held = number;
        let end = shard.blocks.get(number + 1).map_or(shard.rows, |next| next.row);
        let rows = (end - block.row) as usize;
        let (places, mut values) = self.bytes.split_at(rows * size_of::<HashAndTime>());
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
        part.places.clear();
        part.places.extend(places.chunks_exact(size_of::<HashAndTime>()).map(|bytes| HashAndTime {
            high: word(&bytes[..8]),
            low: word(&bytes[8..16]),
            time: word(&bytes[16..]) as i64,
        }));
        part.columns.iter_mut().for_each(|column| column.read(rows, &mut values));
        Ok(at)
    }

    /// As [`StoredShard::around`].
    fn around(&mut self, needle: &HashAndTime, reach: &Reach) -> Result<(u32, u32)> {
        // The block where the needle belongs begins at or before it.
        let after = self.shard.blocks.partition_point(|block| block.first <= *needle);
        let shard = self.shard;
        let live = |around| shard.lives.as_ref().map_or(around, |lives| lives.around(around));
        let Some(number) = after.checked_sub(1) else { return Ok(live(reach.around(0, false))) };
        let from = self.shard.blocks[number].row;
        let own = &self.block(number)?.places;
        let before = own.partition_point(|place| place < needle);
        Ok(live(reach.around(from + before as u32, own.get(before) == Some(needle))))
    }

    /// As [`StoredShard::choose`].
    fn choose(&mut self, needle: &HashAndTime, (before, after): (u32, u32), reach: &Reach) -> Result<u32> {
        let places = (self.place(before)?, self.place(after)?);
        Ok(match reach.choose(needle, places.0.as_ref(), places.1.as_ref()) {
            Some(true) => before,
            Some(false) => after,
            None => NONE,
        })
    }

    fn place(&mut self, row: u32) -> Result<Option<HashAndTime>> {
        if row >= self.shard.rows {
            return Ok(None);
        }
        let number = self.shard.block_of(row);
        let SpilledBlock { first, row: from, .. } = self.shard.blocks[number];
        // Memory has the first place of each block, so a neighbour's block need not be read for it.
        Ok(Some(if row == from { first } else { self.block(number)?.places[(row - from) as usize] }))
    }
}
