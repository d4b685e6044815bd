//! What a commit or an expiry of a table writes and removes, whatever its format.

use std::path::PathBuf;

/// What a commit writes.
#[derive(Debug, Clone)]
pub struct TableChange {
    /// Files of the metadata under new names, by name, in the order in which they are put in place.
    pub files: Vec<(String, Vec<u8>)>,
    /// What makes readers see them.
    pub step: CommitStep,
    /// Files that are put in place behind it, over those that were there: readers are faster with them, and right without.
    pub behind: Vec<(String, Vec<u8>)>,
}

/// The last step of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitStep {
    /// A version of the metadata, and its content: a file that is put in place if it is absent.
    Version(u64, Vec<u8>),
    /// A request to the catalog.
    Request(Vec<u8>),
}

/// Which snapshots stay.
#[derive(Debug, Clone, Copy)]
pub struct KeepRule {
    /// Those that were current since, in milliseconds since 1970.
    pub since: i64,
    /// At least so many of the newest.
    pub newest: usize,
}

/// What an expiry will do.
#[derive(Debug, Clone)]
pub struct PlannedExpiry {
    /// Files of the metadata that are put in place first, by name.
    pub before: Vec<(String, Vec<u8>)>,
    /// What drops the snapshots; none where no snapshot goes.
    pub commit: Option<CommitStep>,
    /// The versions that go then, absolute. They go one after the other, the oldest first: while the one before a version is
    /// there, nobody has removed that version, so who puts it is sure that it is new.
    pub versions: Vec<PathBuf>,
    /// The other files that go then, absolute.
    pub files: Vec<PathBuf>,
    /// What it does, in numbers.
    pub outcome: ExpiredTable,
}

/// What an expiry did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpiredTable {
    /// Snapshots that went.
    pub snapshots: usize,
    /// Snapshots that stayed.
    pub kept: usize,
    /// Parts that went.
    pub parts: usize,
    /// Files of the metadata that went.
    pub metadata: usize,
    /// The bytes of all files that went.
    pub bytes: u64,
}
