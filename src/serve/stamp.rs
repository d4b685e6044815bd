//! Which version of a file lies in place, without a look at its content.

use std::fs::Metadata;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A version of a file: its number on the disk, its size, and when it was written. A commit renames a new file into the
/// place of the old one, so its number or its time is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileStamp {
    inode: u64,
    bytes: u64,
    /// Nanoseconds since 1970.
    written: u128,
}

impl FileStamp {
    /// The version of the regular file at `path`; `None` where there is not one, or it is a link.
    pub fn of(path: &Path) -> Option<FileStamp> {
        let metadata = path.symlink_metadata().ok()?;
        metadata.is_file().then(|| FileStamp::of_file(&metadata))
    }

    fn of_file(metadata: &Metadata) -> FileStamp {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let written = written.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        FileStamp { inode, bytes: metadata.len(), written }
    }

    /// The size of the file.
    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// When it was written, milliseconds since 1970.
    pub fn milliseconds(self) -> u64 {
        u64::try_from(self.written / 1_000_000).unwrap_or(u64::MAX)
    }
}
