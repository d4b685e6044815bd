//! Where the files of a table lie, and small pieces that all of them share.

use crate::error::{Error, Result};
use crate::store::files;
use bytes::Bytes;
use std::path::Path;

/// The folder of a table in which its parts lie.
pub const DATA: &str = "data";
/// The folder of a table in which its metadata lies.
pub const METADATA: &str = "metadata";
/// The file that names a version of the metadata.
pub(super) const HINT: &str = "version-hint.text";

/// How long a commit may take, in milliseconds: what it has put on a store before is not taken for what a dead one left.
pub const LONGEST_COMMIT: i64 = 24 * 60 * 60 * 1000;

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

/// The path on the disk that a location in the metadata stands for.
pub(super) fn local(location: &str) -> &str {
    location.strip_prefix("file://").or_else(|| location.strip_prefix("file:")).unwrap_or(location)
}

/// Reads a file of the metadata of a table.
pub(super) fn read(path: &Path) -> Result<Bytes> {
    files::read_whole(path)
}
