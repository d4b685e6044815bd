//! An open file, read from a place of its own.

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// An open file, read from a place of its own: other readers of the handle do not move it.
#[derive(Debug, Clone)]
pub(crate) struct FileReader {
    pub(super) file: Arc<File>,
    pub(super) at: u64,
    /// Where what is read ends, if not at the end of the file.
    pub(super) end: u64,
    /// Of the file.
    pub(super) bytes: u64,
}

impl FileReader {
    /// The handle.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Goes on `bytes` bytes: they were read through the handle.
    pub(super) fn skip(&mut self, bytes: u64) {
        self.at += bytes;
    }

    /// The byte that is read next.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Reads on at byte `at`.
    pub(super) fn go_to(&mut self, at: u64) {
        self.at = at;
    }

    /// The bytes up to the end of what is read, at most `most`.
    pub(super) fn left(&self, most: usize) -> usize {
        usize::try_from(self.end.saturating_sub(self.at)).map_or(most, |left| left.min(most))
    }
}

impl Read for FileReader {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = self.left(out.len());
        let read = self.file.read_at(&mut out[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Length for FileReader {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for FileReader {
    type T = BufReader<FileReader>;

    fn get_read(&self, start: u64) -> std::result::Result<Self::T, ParquetError> {
        Ok(BufReader::new(FileReader { at: start, ..self.clone() }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> std::result::Result<Bytes, ParquetError> {
        // A damaged footer may name more than there is, and no memory should be taken for that.
        if start.saturating_add(length as u64) > self.bytes {
            return Err(ParquetError::EOF(format!("expected {length} bytes at byte {start}")));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}
