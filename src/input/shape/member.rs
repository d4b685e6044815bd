//! A file in an archive.

use super::Compression;
use std::path::PathBuf;

/// A file in a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::input) struct ArchiveMember {
    /// The path of the archive, and its own in it.
    pub path: PathBuf,
    /// Where its bytes begin in the archive, and how many there are.
    pub start: u64,
    pub bytes: u64,
    /// How they are compressed, and what they come to.
    pub compression: Compression,
    pub crc: u32,
}
