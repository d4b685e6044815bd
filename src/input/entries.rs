//! What folders hold, entry by entry: where it really lies, what it is behind links, and whether a walk leaves it out.

use super::folders::Walk;
use super::patterns::STATE_FOLDER;
use super::stream;
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::FileType;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A folder or file on the way of a walk.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// As it is spelled.
    pub(super) path: PathBuf,
    /// Without links.
    pub(super) real: PathBuf,
    /// Whether the pattern names it; else it was come upon.
    pub(super) named: bool,
}

impl Place {
    /// The folder at `path`, which is that where we are if it is empty; none if there is none.
    ///
    /// # Errors
    /// A machine error: it cannot be looked at.
    pub(super) fn of_folder(path: &Path) -> Result<Option<Place>> {
        let at = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match std::fs::canonicalize(at) {
            Ok(real) if real.is_dir() => Ok(Some(Place { path: path.to_path_buf(), real, named: true })),
            Ok(_) => Ok(None),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(Error::io("read the folder", at, e)),
        }
    }
}

/// What a folder holds.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) place: Place,
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

impl Entry {
    /// Its name as text.
    pub(super) fn name(&self) -> Cow<'_, str> {
        self.place.path.file_name().map(OsStr::to_string_lossy).unwrap_or_default()
    }
}

impl Walk<'_> {
    /// Whether the job writes a folder or one around it; notes it.
    pub(super) fn is_own(&mut self, place: &Place) -> bool {
        let Some(own) = self.own.holding(&place.real) else { return false };
        self.left_out.own(own);
        true
    }

    /// Whether an entry that is asked for is left out; notes it.
    pub(super) fn leaves_out(&mut self, entry: &Entry) -> bool {
        let path = &entry.place.path;
        if let Some(own) = self.own.at(&entry.place.real) {
            self.left_out.own(own);
        } else if path.file_name().is_some_and(|name| name.to_str().is_none()) {
            self.left_out.unreadable_name(path);
        } else if let EntryKind::Other(what) = entry.kind {
            self.left_out.not_a_file(path, what);
        } else {
            return false;
        }
        true
    }

    /// What a folder holds.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn entries(&mut self, of: &Place) -> Result<Vec<Entry>> {
        let folder = if of.path.as_os_str().is_empty() { Path::new(".") } else { &of.path };
        let failed = |e| Error::io("read the folder", folder, e);
        let mut found = vec![];
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !of.named && entry.file_name() == STATE_FOLDER {
                self.left_out.others(of, &self.own);
            }
            let kind = entry.file_type().map_err(failed)?;
            found.extend(self.entry_of(of, &entry.file_name(), kind)?);
        }
        Ok(found)
    }

    /// The entry of this name in a folder, if there is one.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub(super) fn entry(&self, of: &Place, name: &OsStr) -> Result<Option<Entry>> {
        let path = of.path.join(name);
        match path.symlink_metadata() {
            Ok(there) => self.entry_of(of, name, there.file_type()),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(Error::io("read", &path, e)),
        }
    }

    /// The entry of this name, which is of this kind; none of a link that leads back to a folder that the walk came from.
    fn entry_of(&self, of: &Place, name: &OsStr, kind: FileType) -> Result<Option<Entry>> {
        let path = of.path.join(name);
        let (kind, real) = if kind.is_symlink() || name == ".." {
            let Ok(real) = std::fs::canonicalize(&path) else {
                let place = Place { real: path.clone(), path, named: false };
                return Ok(Some(Entry { place, kind: EntryKind::File }));
            };
            if of.real.starts_with(&real) && name != ".." {
                return Ok(None);
            }
            let there = path.metadata().map_err(|e| Error::io("read", &path, e))?;
            (there.file_type(), real)
        } else {
            (kind, of.real.join(name))
        };
        let kind = match stream::kind(&kind) {
            None => EntryKind::File,
            Some(_) if kind.is_dir() => EntryKind::Folder,
            Some(what) => EntryKind::Other(what),
        };
        Ok(Some(Entry { place: Place { path, real, named: false }, kind }))
    }
}
