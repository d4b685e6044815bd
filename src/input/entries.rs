//! What folders hold, entry by entry: where it really lies, what it is behind links, and whether a walk leaves it out.

use super::places::PlaceKind;
use crate::error::{Error, Result};
use crate::store::is_on_store;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A folder or file on the way of a walk.
#[derive(Debug, Clone)]
pub(super) struct FolderStep {
    /// As it is spelled.
    pub(super) path: PathBuf,
    /// Without links.
    pub(super) real: PathBuf,
    /// Whether the pattern names it; else it was come upon.
    pub(super) named: bool,
}

impl FolderStep {
    /// The folder at `path`, which is that where we are if it is empty; none if there is none.
    ///
    /// # Errors
    /// A machine error: it cannot be looked at.
    pub(super) fn of_folder(path: &Path) -> Result<Option<FolderStep>> {
        if is_on_store(path) {
            // Whether it is there, what is in it tells.
            return Ok(Some(FolderStep { path: path.to_path_buf(), real: path.to_path_buf(), named: true }));
        }
        let at = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match std::fs::canonicalize(at) {
            Ok(real) if real.is_dir() => Ok(Some(FolderStep { path: path.to_path_buf(), real, named: true })),
            Ok(_) => Ok(None),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(Error::io("read the folder", at, e)),
        }
    }
}

/// What a folder holds.
#[derive(Debug, Clone)]
pub(super) struct FolderEntry {
    pub(super) place: FolderStep,
    pub(super) kind: EntryKind,
}

/// What an entry is, behind links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    Folder,
    /// A file, or a link that leads nowhere: whoever reads it will say so.
    File,
    /// A pipe, a socket or a device, in words.
    Other(&'static str),
}

impl FolderEntry {
    /// What lies at a path of a store, which has no links.
    pub(super) fn on_store(path: &Path, kind: PlaceKind) -> FolderEntry {
        let kind = if kind == PlaceKind::Folder { EntryKind::Folder } else { EntryKind::File };
        FolderEntry {
            place: FolderStep { path: path.to_path_buf(), real: path.to_path_buf(), named: false },
            kind,
        }
    }

    /// Its name as text.
    pub(super) fn name(&self) -> Cow<'_, str> {
        self.place.path.file_name().map(OsStr::to_string_lossy).unwrap_or_default()
    }
}

/// The folder beside an output that holds its manifest.
pub(super) const STATE_FOLDER: &str = "_highwater";

/// Whether the name starts with `_` or `.`.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        name.as_encoded_bytes().starts_with(b"_") || name.as_encoded_bytes().starts_with(b".")
    })
}

/// The path without links and `..`; as it is, where nothing is there.
pub(super) fn real_path(path: &Path) -> PathBuf {
    match is_on_store(path) {
        true => path.to_path_buf(),
        false => std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()),
    }
}
