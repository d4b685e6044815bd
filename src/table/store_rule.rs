//! What an expiry may remove of a table on a store.

use super::layout::LONGEST_COMMIT;
use crate::store::files::FoundFile;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What may be removed on a store, where no lock keeps other writers away.
pub struct StoreRule {
    /// Whether the table lies on one: on the disk a lock keeps them away.
    pub on_store: bool,
    /// The version of the table.
    pub version: u64,
    /// What its snapshots reached until now.
    pub before: HashSet<PathBuf>,
    /// The clock.
    pub time: i64,
}

impl StoreRule {
    /// Whether a file that no snapshot reaches may go. A writer whose commit comes before this one takes its files along; one
    /// whose commit comes later may have put them already, under the number of that commit.
    pub fn may_remove(&self, file: &FoundFile, part: bool) -> bool {
        if !self.on_store || self.before.contains(&file.path) {
            return true;
        }
        match part {
            true => tag_of(&file.path).is_none_or(|tag| tag <= self.version),
            false => file.written < self.time.saturating_sub(LONGEST_COMMIT),
        }
    }
}

/// The version of the commit that put a part on a store.
fn tag_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.split_once('-')?.1.parse().ok()
}
