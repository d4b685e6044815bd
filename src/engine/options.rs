//! How a pass uses the machine.

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
