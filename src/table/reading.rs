//! Reading a table: the files of one of its snapshots.
//!
//! # Contract
//! * Every file that counts is given, each once, and no other. What changes rows without changing files (deletion vectors, delete
//!   files) or gives columns other names than files do is refused by name.
//! * A snapshot is the current one, one by its number, or the last at an instant.

use super::snapshot::{SnapshotChoice, TableSnapshot};
use super::{delta, iceberg};
use crate::error::Result;
use std::path::Path;

/// The snapshot of the table at `path` (its folder, or a file of Iceberg's metadata); `None` if no table is there.
///
/// # Errors
/// A job error: the table has no such snapshot, or it has what is not read here. A data error: its log is damaged.
pub fn read_snapshot(path: &Path, choice: SnapshotChoice) -> Result<Option<TableSnapshot>> {
    if delta::is_table(path) {
        return delta::snapshot(path, choice).map(Some);
    }
    iceberg::snapshot(path, choice)
}
