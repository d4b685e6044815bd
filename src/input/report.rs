//! What a scan reports of its input.

use super::source_file::SourceFile;
use std::path::PathBuf;

/// What was read of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputReport {
    /// Its path.
    pub path: PathBuf,
    /// Its place among the files of the source.
    pub ordinal: u32,
    /// Its size on disk in bytes.
    pub bytes: u64,
    /// The hash of its bytes on disk: `xxh3:` and 32 hexadecimal digits.
    pub hash: String,
    /// Its ETag, if it lies on a store where equal ones mean equal bytes.
    pub etag: Option<String>,
    /// Records read, rejected ones included.
    pub records: u64,
    /// Rows of a Parquet file that were left out unread, as the plan's time range allows.
    pub skipped: u64,
}

impl InputReport {
    /// The report of `file`, of which so many bytes with this hash were read; its records are not counted yet.
    pub(super) fn new(file: &SourceFile, (bytes, hash): (u64, String), skipped: u64) -> InputReport {
        let (path, etag) = (file.path.clone(), file.opened.etag().map(str::to_string));
        InputReport { path, ordinal: file.ordinal, bytes, hash, etag, records: 0, skipped }
    }
}
