//! One encoded column of a row group.

use crate::error::Error;
use ::parquet::arrow::arrow_writer::ArrowColumnChunk;
use ::parquet::column::writer::ColumnCloseResult;
use ::parquet::errors::ParquetError;
use bytes::Bytes;

/// Level 3 takes 5 to 10 % longer and gives no smaller files on the benchmark's results.
pub(in crate::sink) const ZSTD_LEVEL: i32 = 1;

/// One encoded column of a row group.
pub(in crate::sink) enum ColumnChunk {
    /// Pages written here.
    Pages(Bytes, Box<ColumnCloseResult>),
    /// Pages written by the crate.
    Crate(Box<ArrowColumnChunk>),
}

impl std::fmt::Debug for ColumnChunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({} bytes)", self.bytes())
    }
}

impl ColumnChunk {
    /// Its size in the file.
    pub fn bytes(&self) -> usize {
        match self {
            ColumnChunk::Pages(bytes, _) => bytes.len(),
            ColumnChunk::Crate(chunk) => chunk.close().bytes_written as usize,
        }
    }
}

pub(in crate::sink) fn failed_to_encode(e: ParquetError) -> Error {
    Error::machine("cannot encode a result as Parquet").caused_by(e)
}
