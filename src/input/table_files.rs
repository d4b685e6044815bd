//! Which files of a source are those of tables.

use std::path::{Path, PathBuf};

/// The tables among what a source is named by.
#[derive(Debug, Clone, Default)]
pub struct TableFiles {
    /// Their folders, as files are spelled.
    pub(super) folders: Vec<PathBuf>,
    /// Whether all patterns are tables.
    pub(super) alone: bool,
}

impl TableFiles {
    /// Whether a file at `path` was one of a table: it counts as long as a snapshot has it.
    pub fn had(&self, path: &Path) -> bool {
        !self.folders.is_empty() && (self.alone || self.folders.iter().any(|folder| path.starts_with(folder)))
    }
}
