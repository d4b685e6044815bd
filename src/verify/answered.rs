//! What runs a statement of ours may take, and what it gives.

use arrow_array::RecordBatch;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What a statement may take.
#[derive(Debug, Clone, Copy)]
pub struct RefereeLimits<'a> {
    /// The memory of the command, in bytes.
    pub memory: u64,
    /// Where temporary files go.
    pub folder: &'a Path,
    /// Bytes of text that are one part.
    pub part: u64,
    /// Whether the rows come in an order that is the same each time, which takes a third more time where there are parts.
    pub ordered: bool,
}

impl RefereeLimits<'_> {
    /// Those of a command with so much memory.
    pub fn of(memory: u64, folder: &Path) -> RefereeLimits<'_> {
        // Polars takes several times the size of what it groups and joins; larger parts are no faster.
        RefereeLimits { memory, folder, part: (memory / 16).clamp(4 << 20, 32 << 20), ordered: false }
    }
}

/// The rows of a statement, and what a reader should know of how they were computed.
#[derive(Debug)]
pub struct RefereeAnswer {
    /// The rows.
    pub rows: RefereeRows,
    /// That it needed more memory than it was given, and why.
    pub note: Option<String>,
}

/// Where the rows are.
#[derive(Debug)]
pub enum RefereeRows {
    /// In memory.
    Batch(RecordBatch),
    /// In Parquet files, which go with the folder.
    Files(TempDir, Vec<PathBuf>),
}
