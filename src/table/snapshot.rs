//! A snapshot of a table, as a reader asks for it and gets it.

use crate::error::{Error, Result};
use crate::store::is_on_store;
use chrono::{DateTime, SecondsFormat};
use std::path::{Path, PathBuf};

/// Which snapshot of a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SnapshotChoice {
    /// The current one.
    #[default]
    Current,
    /// That of this number: the id of a snapshot of Iceberg, a version of Delta Lake.
    Number(i64),
    /// The last one at this instant, in microseconds since 1970.
    AsOf(i64),
}

/// A snapshot of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSnapshot {
    /// The format of the table, as people call it.
    pub format: &'static str,
    /// Where it lies, without links.
    pub folder: PathBuf,
    /// Its number.
    pub number: i64,
    /// Its files, in no order that counts.
    pub files: Vec<PathBuf>,
}

impl SnapshotChoice {
    /// The choice that `text` names: a number, or an instant as RFC 3339 has it.
    ///
    /// # Errors
    /// A job error: it is neither.
    pub fn parse(text: &str) -> Result<SnapshotChoice> {
        if let Ok(number) = text.parse() {
            return Ok(SnapshotChoice::Number(number));
        }
        let instant = DateTime::parse_from_rfc3339(text);
        instant.map(|instant| SnapshotChoice::AsOf(instant.timestamp_micros())).map_err(|_| {
            Error::job(format!("`{text}` is not a snapshot"))
                .hint("write the number of a snapshot or version, or an instant such as 2024-06-01T00:00:00Z")
        })
    }
}

/// An instant as people write it.
pub(super) fn shown(instant: i64) -> String {
    let time = DateTime::from_timestamp_micros(instant);
    time.map_or_else(|| instant.to_string(), |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// The error of a table that has what is not read here.
pub(super) fn refused(path: &Path, format: &str, what: &str) -> Error {
    Error::job(format!("{} is a table of {format} that cannot be read: {what}", path.display()))
}

/// Checks that the files of a snapshot are there, of a table on the disk.
///
/// # Errors
/// A data error: one is not.
pub(super) fn all_there(table: &Path, files: &[PathBuf]) -> Result<()> {
    // The first by name, so that the error does not depend on the order of a log.
    // Each file of a store would be a request; who reads them has a listing.
    match files.iter().filter(|file| !is_on_store(file) && !file.is_file()).min() {
        None => Ok(()),
        Some(missing) => Err(missing_file(table, missing)),
    }
}

/// The error for a file of a snapshot that is not there.
pub fn missing_file(table: &Path, missing: &Path) -> Error {
    Error::data(format!("{} is part of the table {}, but is missing", missing.display(), table.display()))
        .hint("files of old snapshots go when a table is cleaned: read a newer snapshot, or restore the file")
}
