//! What lies below a folder: job files, outputs in place, recorded comparisons.
//!
//! # Contract
//! Links are not followed. Folders of partitions, hidden folders and folders of caches are not entered. The walk ends after
//! [`ENTRIES`] entries, and says so.

use super::stamp::FileStamp;
use crate::sink::{STATE_FOLDER, Target};
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

/// Entries that a walk looks at.
const ENTRIES: usize = 200_000;
/// Folders that lie in one another.
const DEPTH: usize = 24;
/// Bytes of a file that may be a job.
const JOB: u64 = 1 << 20;

/// What was found, each list sorted.
#[derive(Debug, Default)]
pub struct Found {
    /// Files that may be jobs.
    pub jobs: Vec<(PathBuf, FileStamp)>,
    /// Outputs with a state folder.
    pub outputs: Vec<Target>,
    /// Comparisons that were kept: `NAME.verify.json`.
    pub recorded: Vec<(PathBuf, FileStamp)>,
    /// Whether the walk came to its end.
    pub whole: bool,
}

/// Walks `root`.
pub fn find(root: &Path) -> Found {
    let mut found = Found { whole: true, ..Found::default() };
    let mut left = ENTRIES;
    let mut folders = vec![(root.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        // A folder that cannot be read has nothing to show; others have.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if left == 0 {
                found.whole = false;
                folders.clear();
                break;
            }
            left -= 1;
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if kind.is_file() {
                found.file(&entry, &name);
            } else if !kind.is_dir() || name.starts_with('.') || name.contains('=') || name == "node_modules"
            {
                // A link, or nothing of ours.
            } else if name == STATE_FOLDER {
                found.state(&folder, &entry.path());
            } else if depth == DEPTH {
                found.whole = false;
            } else if !entry.path().join("CACHEDIR.TAG").exists() {
                folders.push((entry.path(), depth + 1));
            }
        }
    }
    found.jobs.sort_by(|a, b| a.0.cmp(&b.0));
    found.recorded.sort_by(|a, b| a.0.cmp(&b.0));
    found.outputs.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Found {
    fn file(&mut self, entry: &DirEntry, name: &str) {
        let stamp = || FileStamp::of(&entry.path()).filter(|stamp| stamp.bytes() <= JOB);
        if name.ends_with(".toml") {
            self.jobs.extend(stamp().map(|stamp| (entry.path(), stamp)));
        } else if name.ends_with(super::recorded::ENDING) {
            self.recorded.extend(FileStamp::of(&entry.path()).map(|stamp| (entry.path(), stamp)));
        }
    }

    /// The state folder of a folder of parts, or of the files beside it.
    fn state(&mut self, folder: &Path, state: &Path) {
        let is_state = |state: &Path| {
            // A first commit that is under way has a journal and no manifest yet.
            FileStamp::of(&state.join("manifest.json")).is_some()
                || FileStamp::of(&state.join("journal.json")).is_some()
        };
        if is_state(state) {
            self.outputs.push(Target::folder(folder));
        } else if let Some(table) = crate::table::of_data(folder) {
            self.outputs.push(Target::found(table));
        }
        for entry in fs::read_dir(state).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_state(&entry.path()) {
                self.outputs.push(Target::file(folder.join(entry.file_name())));
            }
        }
    }
}
