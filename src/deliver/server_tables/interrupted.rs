//! Commits that were cut off between a table and its mirror.
//!
//! # Contract
//! Before a table is committed the parts that are staged for its mirror get a second name in
//! `_highwater/publishing`, and lose it when the mirror has them. What lies there at the next start may be in the table
//! without being in the mirror: its keys are then those of rows that the output had, and go unless they stay.

use crate::error::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const FOLDER: &str = "publishing";

/// The parts of commits that were cut off, of the output with this state folder.
pub fn parts(state: &Path) -> Result<Vec<PathBuf>> {
    let folder = state.join(FOLDER);
    let failed = |e| Error::io("list", &folder, e);
    // A link could lead to files that are not ours.
    if folder.is_symlink() {
        return Err(not_ours(&folder));
    }
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(vec![]),
        Err(e) => return Err(failed(e)),
    };
    let mut parts = entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Result<Vec<_>>>()?;
    // A folder lists its entries in any order.
    parts.sort();
    match parts.iter().find(|part| !part.symlink_metadata().is_ok_and(|there| there.is_file())) {
        None => Ok(parts),
        Some(other) => Err(not_ours(other)),
    }
}

/// The error for what Highwater did not put there.
fn not_ours(path: &Path) -> Error {
    Error::machine(format!("{} was changed since Highwater wrote it", path.display()))
        .hint("remove it, and run the job again")
}

/// Keeps the parts at `staged` beside those of commits before this.
pub fn remember(state: &Path, staged: &[PathBuf]) -> Result<()> {
    if staged.is_empty() {
        return Ok(());
    }
    let there = parts(state)?;
    let folder = state.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|e| Error::io("create the folder", &folder, e))?;
    // Parts of several commits can lie here, so a name that is taken stays as it is.
    let free =
        (0..).map(|number| folder.join(format!("{number:06}.parquet"))).filter(|to| !there.contains(to));
    for (part, to) in staged.iter().zip(free) {
        // A second name costs nothing; where the file system has none, a copy does.
        let kept = fs::hard_link(part, &to).or_else(|_| fs::copy(part, &to).map(drop));
        kept.map_err(|e| Error::io("write", &to, e))?;
    }
    // The names must be on the disk before the table commits, or a crash could lose what it did.
    let synced = fs::File::open(&folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| Error::io("write", &folder, e))
}

/// Forgets all: the mirror has what the table has.
pub fn forget(state: &Path) -> Result<()> {
    let folder = state.join(FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", &folder, e)),
        _ => Ok(()),
    }
}
