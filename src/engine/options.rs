//! How a pass uses the machine, and who hears how far it is.

use super::times::{Stage, Work};
use std::path::PathBuf;

/// How a run uses the machine. None of it shows in a result.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Worker threads.
    pub threads: usize,
    /// The memory budget for partial results, in bytes; past it they go to `spill_folder`.
    pub memory: u64,
    /// Where partial results are spilled.
    pub spill_folder: PathBuf,
    /// How many rows a table on the terminal shows.
    pub table_rows: usize,
    /// Whether services are asked again for what they answered in a run before.
    pub refresh_lookups: bool,
}

/// Hears how far a run is.
pub trait Progress: Sync {
    /// The input is being read: `done` of `total` bytes on disk.
    fn reading(&self, done: u64, total: u64);
    /// The input is read and the outputs are being written.
    fn writing(&self);
    /// A piece of work of a stage is done. Called by many threads, by the chunk.
    fn worked(&self, _stage: Stage, _work: Work) {}
}
