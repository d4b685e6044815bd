//! A run of whole records of one text file.

use arrow_buffer::Buffer;
use std::ops::Deref;

/// The bytes of a chunk: a buffer, of which the first ones may not count.
#[derive(Debug)]
pub struct ChunkBytes {
    buffer: Vec<u8>,
    start: usize,
}

impl ChunkBytes {
    /// The bytes of `buffer` from `start` on.
    pub(super) fn new(buffer: Vec<u8>, start: usize) -> ChunkBytes {
        ChunkBytes { buffer, start }
    }

    /// The buffer, to be filled anew.
    pub(super) fn into_vec(self) -> Vec<u8> {
        self.buffer
    }

    /// The bytes, as what arrays point into.
    pub(super) fn into_buffer(self) -> Buffer {
        let length = self.len();
        Buffer::from_vec(self.buffer).slice_with_length(self.start, length)
    }
}

impl From<Vec<u8>> for ChunkBytes {
    fn from(buffer: Vec<u8>) -> ChunkBytes {
        ChunkBytes { buffer, start: 0 }
    }
}

impl Deref for ChunkBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

/// A run of whole records of one text file.
#[derive(Debug)]
pub struct TextChunk {
    /// The ordinal of the file.
    pub file: u32,
    /// The byte of the uncompressed text (a BOM counted) at which `bytes` starts.
    pub offset: u64,
    /// How many lines the file has before it, where that tells something; else 0.
    pub first_line: u64,
    /// Whole records with their line ends; at the end of a file that lacks the last one, it is added.
    pub bytes: ChunkBytes,
    /// CSV: every quote is known to open, close or double where it may. True where there are no
    /// quotes. Nothing is known where false.
    pub clean: bool,
}
