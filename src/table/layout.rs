//! Where the files of a table lie, and small pieces that all of them share.

use super::own_names::is_part_name;
use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a table in which its parts lie.
pub const DATA: &str = "data";
/// The folder of a table in which its metadata lies.
pub const METADATA: &str = "metadata";
/// The file that names a version of the metadata.
pub(super) const HINT: &str = "version-hint.text";

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
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Error::io("read", path, e))
}

/// The parts below the folder of parts, by the names that we give them.
pub(super) fn parts_below(data: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (vec![], vec![data.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for path in listed(&folder)? {
            let Ok(there) = path.symlink_metadata() else { continue };
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if there.is_dir() && !(folder == data && name.starts_with('_') && !name.contains('=')) {
                folders.push(path);
            } else if there.is_file() && is_part_name(name) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The entries of a folder, sorted; none where it is not there.
pub(super) fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(e) => return Err(Error::io("list", folder, e)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<std::io::Result<Vec<_>>>().map_err(|e| Error::io("list", folder, e))?;
    paths.sort();
    Ok(paths)
}

/// The bytes of a file.
pub(super) fn size(path: &Path) -> u64 {
    path.symlink_metadata().map_or(0, |there| there.len())
}
