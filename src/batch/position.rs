//! Position: where a record lies in the input, which is the arrival order of files without an
//! `arrival` column and the tie-break of replay order.
//!
//! # Contract
//! Positions order records by (ordinal of the file in natural path order, place in the file). The
//! place is a number that grows with the record number: the byte at which the record starts in the
//! (uncompressed) text, or the row number of a Parquet file. Only the order of positions may decide
//! anything, so the same records in another format, compression or split give the same result.

/// The place of one record in the whole input. Ordered as the records are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(u64);

impl Position {
    const PLACE_BITS: u32 = 44;
    /// The most files that one source may have.
    pub const MAX_FILES: usize = 1 << (64 - Self::PLACE_BITS);

    /// The position of the record at `place` (a byte offset or a row number, below 2^44, 16 TiB) of
    /// file number `file` (below [`Position::MAX_FILES`]).
    pub fn new(file: u32, place: u64) -> Position {
        // The number of files is checked when they are listed.
        debug_assert!((file as usize) < Self::MAX_FILES && place < 1 << Self::PLACE_BITS);
        // The file in the high bits, so that positions compare as (file, place).
        Position(u64::from(file) << Self::PLACE_BITS | place)
    }

    /// The ordinal of the file.
    pub fn file(self) -> u32 {
        (self.0 >> Self::PLACE_BITS) as u32
    }

    /// The place within the file.
    pub fn place(self) -> u64 {
        self.0 & ((1 << Self::PLACE_BITS) - 1)
    }

    /// The position as one integer of the same order.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The position of [`Position::as_u64`].
    pub fn from_u64(raw: u64) -> Position {
        Position(raw)
    }
}
