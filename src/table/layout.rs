//! Where the files of a table lie, and small pieces that all of them share.

use super::own_names::is_part_name;
use crate::error::{Error, Result};
use crate::store::files;
use crate::store::files::FoundFile;
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

/// How a damaged file of a table is repaired.
pub(super) const DAMAGED: &str = "restore it from a copy; or, where the table is an output of a job, remove the table and run the job again";

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

/// The parts below the folder of parts, by the names that we give them, sorted.
pub(super) fn parts_below(data: &Path) -> Result<Vec<FoundFile>> {
    let mut found = files::files_below(data)?;
    found.retain(|file| {
        let Ok(below) = file.path.strip_prefix(data) else { return false };
        let first = below.iter().next().unwrap_or_default().to_string_lossy();
        let name = file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        (first.contains('=') || !first.starts_with('_')) && is_part_name(name)
    });
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The files of a folder, sorted; none where it is not there.
pub(super) fn listed(folder: &Path) -> Result<Vec<FoundFile>> {
    let mut found = files::files_in(folder)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}
