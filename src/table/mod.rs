//! Tables: an output whose commit is a snapshot, in a format that other engines read.
//!
//! ```text
//! PATH/data/<partition>/<content hash>.parquet   parts, under names that never come back
//! PATH/data/_highwater/                          lock, journal, staging, change logs, states of groups: as of any output
//! PATH/metadata/                                 what the format has, and the ledgers
//! ```
//!
//! # Contract
//! * **One commit, one snapshot.** A run, a backfill or an edit replaces exactly the files whose rows change. Where nothing
//!   changes there is not a new snapshot.
//! * **The commit point for readers** is one file that is put in place if it is absent: `metadata/vN.metadata.json`. All that it
//!   names lies in place before, under new names, so no rename over a file is needed and no reader sees a part of a commit.
//! * **The ledger** is the manifest of [`crate::sink`], compressed: which job wrote the table, of which inputs, with which
//!   parts. The summary of a snapshot names the ledger and its hash. So a table that was moved, or that another program has
//!   written to since, is noticed, and never overwritten.
//! * **Pure.** This room reads tables and says what a commit writes: names and bytes. It puts nothing in place: `sink` stages,
//!   journals and commits. Ids are hashes of the history, so equal histories at one path have equal ids; the clock is in
//!   `timestamp-ms` alone, and never in a part.
//! * **Deletion.** A commit deletes nothing. [`expire`] drops old snapshots, and then the files of ours that no snapshot reaches.
//!
//! A further format is a variant of [`TableFormat`] and a folder beside `iceberg`, with the functions that are dispatched here.

mod avro;
mod delta;
mod iceberg;
mod shape;
pub mod snapshot;
mod value;

pub use iceberg::{
    ExpiredTable, KeepRule, LoadedTable, PlannedExpiry, SnapshotFacts, TableChange, TableDescription,
    TableFileNames, column_ids, expire, plan_commit,
};
pub use shape::{FolderValue, PartStatistics, TableField, TableFile, TablePartition, TableShape, Transform};
pub use value::TableValue;

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// The format of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableFormat {
    /// Apache Iceberg, version 2 of its format, with the folder as the catalog.
    Iceberg,
}

impl TableFormat {
    /// The names of formats in job files.
    pub const NAMES: [&str; 1] = ["iceberg"];

    /// The format that job files call `name`.
    pub fn named(name: &str) -> Option<TableFormat> {
        (name == "iceberg").then_some(TableFormat::Iceberg)
    }

    /// Its name in job files.
    pub fn name(self) -> &'static str {
        match self {
            TableFormat::Iceberg => "iceberg",
        }
    }

    /// The format of the table in `folder`, if a table lies there.
    pub fn of_folder(folder: &Path) -> Option<TableFormat> {
        let there = folder.join(METADATA).join(iceberg::HINT).is_file();
        (there || folder.join(METADATA).join("v1.metadata.json").is_file()).then_some(TableFormat::Iceberg)
    }
}

/// The folder of a table in which its parts lie.
pub const DATA: &str = "data";
/// The folder of a table in which its metadata lies.
pub const METADATA: &str = "metadata";

/// The folder of the table whose parts lie in `data`, if that is the folder of the parts of a table.
pub fn of_data(data: &Path) -> Option<PathBuf> {
    let folder = data.parent().filter(|_| data.file_name().is_some_and(|name| name == DATA))?;
    TableFormat::of_folder(folder).map(|_| folder.to_path_buf())
}

/// The error for a table that another writer has changed while a commit was made.
pub fn conflict(folder: &Path) -> Error {
    Error::machine(format!("another program has committed to {} in the meantime", folder.display()))
        .hint("nothing of its commit was changed; run the command again")
}

/// Milliseconds since 1970, which a commit writes as its time.
pub fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// Reads a file of the metadata of a table.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Error::io("read", path, e))
}
