//! What a table has, for people, whatever its format.

use serde::Serialize;

/// A table, as `highwater tables` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct TableDescription {
    /// Its folder.
    pub location: String,
    /// The version of its metadata.
    pub version: u64,
    /// Its UUID.
    pub uuid: String,
    /// The columns, with their types.
    pub columns: Vec<(String, String)>,
    /// The fields of the partition, such as `hour(window_start)`.
    pub partition: Vec<String>,
    /// The columns that rows of a file are sorted by.
    pub sort: Vec<String>,
    /// The current snapshot.
    pub snapshot: Option<i64>,
    /// Its rows, where its metadata tells them.
    pub rows: Option<u64>,
    /// Its files.
    pub files: u64,
    /// The bytes of these.
    pub bytes: u64,
    /// All snapshots that the table keeps, the oldest first.
    pub history: Vec<SnapshotFacts>,
}

/// A snapshot of a table.
#[derive(Debug, Clone, Serialize)]
pub struct SnapshotFacts {
    /// Its id.
    pub snapshot: i64,
    /// When it was committed, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// What it did: `append`, `overwrite` or `delete`.
    pub operation: String,
    /// Files that it added.
    pub added: u64,
    /// Files that it removed.
    pub removed: u64,
    /// Rows of the table then, where its metadata tells them.
    pub rows: Option<u64>,
    /// Whether Highwater committed it.
    pub ours: bool,
}
