//! The blocks of a chunk → batches, in bounded memory.
//!
//! # Contract
//! * Blocks are decompressed a few at once, and never more than [`LONGEST_RECORD`] bytes of one: so little of a file
//!   decides how much memory is taken.
//! * A batch has a bounded number of rows. How blocks are divided among batches decides nothing.

use super::container::{AvroBlock, Codec};
use super::cursor::AvroCursor;
use super::decode::AvroColumns;
use super::{AvroChunk, AvroFile};
use crate::batch::Position;
use crate::error::{Error, Result};
use crate::input::bad::BadRecords;
use crate::input::columnar::{Arrays, Assembler, ColumnOrigin, row_as_json};
use crate::input::decoded::DecodedChunk;
use crate::input::{BATCH_ROWS, LONGEST_RECORD};
use arrow_array::ArrayRef;
use arrow_buffer::Buffer;
use std::collections::VecDeque;
use std::sync::Arc;

/// How much is decompressed at once, where blocks are small.
const PIECE: usize = 4 << 20;

/// The fewest rows that a batch may have, however many columns there are.
const FEWEST_ROWS: usize = 64;

/// Why a chunk was not decoded to its end, and at which record.
pub(in crate::input) type Failure = (Position, Error);

/// The blocks of a chunk on their way into batches.
pub(in crate::input) struct AvroBlocks {
    file: Arc<AvroFile>,
    /// As they lie in the file.
    bytes: Vec<u8>,
    /// Those that are not decompressed.
    blocks: VecDeque<AvroBlock>,
    /// What is decompressed, and the blocks of it that are left.
    open: Buffer,
    left: VecDeque<Left>,
    /// Why the block behind `left` cannot be decompressed.
    broken: Option<String>,
    next_row: u64,
    most_rows: usize,
}

/// What is left of a block.
struct Left {
    /// The byte of the file at which it starts.
    at: u64,
    records: u64,
    /// Where the next record and the end are in what is decompressed.
    next: usize,
    end: usize,
}

impl AvroBlocks {
    /// Those of `chunk`, which is of `file`.
    pub(in crate::input) fn new(file: Arc<AvroFile>, chunk: AvroChunk) -> AvroBlocks {
        let AvroChunk { first_record: next_row, bytes, blocks } = chunk;
        let most_rows = file.plan.rows_in(PIECE).clamp(FEWEST_ROWS, BATCH_ROWS);
        let (blocks, open, left) = (blocks.into(), Buffer::from_vec(Vec::<u8>::new()), VecDeque::new());
        AvroBlocks { file, bytes, blocks, open, left, broken: None, next_row, most_rows }
    }

    /// Whether all records were given.
    pub(in crate::input) fn is_done(&self) -> bool {
        self.left.is_empty() && self.blocks.is_empty() && self.broken.is_none()
    }

    /// The next records: some of them, or those before the first that cannot be read.
    ///
    /// # Errors
    /// Data: what is in the file is not what it says of itself.
    pub(in crate::input) fn next(&mut self, bad: BadRecords) -> Result<(DecodedChunk, Option<Failure>)> {
        if self.left.is_empty() && self.broken.is_none() {
            self.decompress();
        }
        let first_row = self.next_row;
        let (slots, why) = self.read();
        self.next_row += slots.rows as u64;
        let file = &self.file;
        let failure = why.map(|why| {
            let position = Position::new(file.ordinal, self.next_row);
            (position, file.broken(position, &why))
        });
        Ok((file.assemble(slots, first_row, &self.open, bad)?, failure))
    }

    /// Decompresses blocks, at least one; stops before one that cannot be.
    fn decompress(&mut self) {
        let codec = self.file.codec;
        let whole = codec == Codec::Null;
        // Blocks that are not compressed are read where they lie, without a copy.
        let mut out = if whole { std::mem::take(&mut self.bytes) } else { vec![] };
        while (whole || out.len() < PIECE)
            && let Some(AvroBlock { at, records, start, end }) = self.blocks.pop_front()
        {
            let (next, end) = if whole {
                (start, end)
            } else {
                let before = out.len();
                if let Err(why) = codec.decompress(&self.bytes[start..end], LONGEST_RECORD, &mut out) {
                    // What came out before the fault may be a part of the block.
                    out.truncate(before);
                    self.broken =
                        Some(format!("in the block at byte {at}: it cannot be decompressed: {why}"));
                    break;
                }
                (before, out.len())
            };
            self.left.push_back(Left { at, records, next, end });
        }
        self.open = Buffer::from_vec(out);
    }

    /// Reads records, as far as a batch and what is decompressed go; and why no more can be read.
    fn read(&mut self) -> (AvroColumns, Option<String>) {
        let records: u64 = self.left.iter().map(|left| left.records).sum();
        // Room for the rows that there are, and not for a whole batch of them.
        let mut slots =
            self.file.program.slots(self.most_rows.min(usize::try_from(records).unwrap_or(usize::MAX)));
        while let Some(mut left) = self.left.pop_front() {
            let mut cursor = AvroCursor { bytes: &self.open[..left.end], at: left.next };
            let in_block = |why: &str| Some(format!("in the block at byte {}: {why}", left.at));
            while left.records > 0 {
                if slots.rows == self.most_rows {
                    self.left.push_front(Left { next: cursor.at, ..left });
                    return (slots, None);
                }
                if let Err(why) = self.file.program.read(&self.file.schema, &mut cursor, &mut slots) {
                    return (slots, in_block(why));
                }
                left.records -= 1;
            }
            // Count and bytes must agree: else the schema is not that of the records.
            if cursor.at != left.end {
                let over = left.end - cursor.at;
                return (slots, in_block(&format!("{over} bytes follow its last record")));
            }
        }
        (slots, self.broken.take())
    }
}

impl AvroFile {
    /// The batch of the records in `slots`, of which `first_row` is the first; their texts lie in `bytes`.
    fn assemble(
        &self,
        slots: AvroColumns,
        first_row: u64,
        bytes: &Buffer,
        bad: BadRecords,
    ) -> Result<DecodedChunk> {
        let rows = slots.rows;
        let (arrays, faults) = slots.finish(bytes);
        let array = |slot: Option<usize>| slot.map(|slot| arrays[slot].clone());
        let columns = self.columns.iter().map(|(origin, slot)| match origin {
            ColumnOrigin::Time(_) | ColumnOrigin::Missing | ColumnOrigin::Named(_) => None,
            ColumnOrigin::Column(_) | ColumnOrigin::Default(_) => array(*slot),
        });
        let whole = Arrays {
            rows,
            first_row,
            time: array(self.time),
            arrival: array(self.arrival),
            columns: columns.collect(),
            faults,
        };
        let origins = self.columns.iter().map(|(origin, _)| origin.clone()).collect();
        let mut assembler = Assembler::new(&self.plan, &self.path, self.ordinal, origins);
        let named = || self.names.iter().map(String::as_str).zip(&arrays as &[ArrayRef]);
        assembler.assemble(whole, |row| row_as_json(named(), row), bad)
    }
}
