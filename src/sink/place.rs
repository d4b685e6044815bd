//! Where an output lies: the path that the job names, its folder and its state folder.

use super::STATE_FOLDER;
use crate::error::{Error, Result};
use crate::store::is_on_store;
use crate::table::{self, CatalogTable, LoadedTable, TableFormat, TableKind};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The journal's file name in a state folder.
pub(super) const JOURNAL: &str = "journal.json";
/// The staging folder's name in a state folder.
pub(super) const STAGING: &str = "staging";

/// Where an output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The folder or the file.
    pub path: PathBuf,
    /// Which of the two it is.
    pub kind: TargetKind,
}

/// Whether an output is one file or a folder of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// A folder of parts. Its state lies in `PATH/_highwater`.
    Folder,
    /// One file. Its state lies in `_highwater/NAME` beside it.
    File,
    /// A table, whose parts lie in `PATH/data`. Its state lies in `PATH/data/_highwater`, and its manifests are the ledgers
    /// of its snapshots.
    Table(TableKind),
}

impl Target {
    /// A folder of parts.
    pub fn folder(path: impl Into<PathBuf>) -> Target {
        Target { path: path.into(), kind: TargetKind::Folder }
    }

    /// A single file.
    pub fn file(path: impl Into<PathBuf>) -> Target {
        Target { path: path.into(), kind: TargetKind::File }
    }

    /// A table.
    pub fn table(path: impl Into<PathBuf>, kind: impl Into<TableKind>) -> Target {
        Target { path: path.into(), kind: TargetKind::Table(kind.into()) }
    }

    /// What Highwater has written as the folder `path`: a table, or a folder of parts.
    pub fn found(path: impl Into<PathBuf>) -> Target {
        let path = path.into();
        match TableFormat::of_folder(&path) {
            Some(format) => Target::table(path, format),
            None => Target::folder(path),
        }
    }

    /// Whether it lies on a store.
    pub fn is_on_store(&self) -> bool {
        is_on_store(&self.path)
    }

    /// Whether it is a table.
    pub fn is_table(&self) -> bool {
        matches!(self.kind, TargetKind::Table(_))
    }

    /// The catalog that knows it, if it is a table that has one.
    pub fn catalog(&self) -> Option<&Arc<CatalogTable>> {
        match &self.kind {
            TargetKind::Table(kind) => kind.catalog.as_ref(),
            TargetKind::Folder | TargetKind::File => None,
        }
    }

    /// The table that is in place; `None` where there is none, or the output is not one.
    ///
    /// # Errors
    /// As of [`table::load`].
    pub fn loaded_table(&self) -> Result<Option<LoadedTable>> {
        match &self.kind {
            TargetKind::Table(kind) => table::load(&self.path, kind),
            TargetKind::Folder | TargetKind::File => Ok(None),
        }
    }

    /// The folder that the output's parts lie in.
    pub fn root(&self) -> PathBuf {
        let root = match self.kind {
            TargetKind::Table(_) => return self.path.join(table::DATA),
            TargetKind::Folder => Some(self.path.as_path()),
            TargetKind::File => self.path.parent(),
        };
        root.filter(|r| !r.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
    }

    /// The output's state folder, where its manifest lies.
    pub fn state(&self) -> PathBuf {
        let state = self.root().join(STATE_FOLDER);
        match self.kind {
            TargetKind::Folder | TargetKind::Table(_) => state,
            TargetKind::File => state.join(self.path.file_name().unwrap_or_default()),
        }
    }

    /// The file that changes with each commit: the manifest, or of a table what names its newest version. A table in a catalog
    /// does not have one.
    pub fn manifest_file(&self) -> PathBuf {
        match self.kind {
            TargetKind::Table(_) => self.path.join(table::METADATA).join(table::TableFileNames::hint()),
            TargetKind::Folder | TargetKind::File => self.state().join(super::manifest::FILE),
        }
    }

    /// The state folder's path below the root, as in a part's path.
    pub(super) fn state_below_root(&self) -> Result<String> {
        let name = match self.kind {
            TargetKind::Folder | TargetKind::Table(_) => return Ok(STATE_FOLDER.to_string()),
            TargetKind::File => self.path.file_name().unwrap_or_default().to_str(),
        };
        let name = name.ok_or_else(|| not_utf8(&self.path))?;
        Ok(format!("{STATE_FOLDER}/{name}"))
    }

    /// Where it lies, with the links on the way to it followed. The output's folder has to be there.
    pub(super) fn place(&self) -> Result<RecoveredOutput> {
        let root = self.root();
        let root = match self.is_on_store() {
            true => root,
            false => fs::canonicalize(&root).map_err(|e| Error::io("open", &root, e))?,
        };
        let state = root.join(self.state_below_root()?);
        let catalog = self.catalog().cloned();
        if state.to_str().is_some() {
            Ok(RecoveredOutput { root, state, catalog })
        } else {
            Err(not_utf8(&root))
        }
    }
}

/// One output as recovery sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecoveredOutput {
    /// The folder that the parts lie in, absolute.
    pub root: PathBuf,
    /// The state folder, absolute.
    pub state: PathBuf,
    /// Of a table in a catalog: which one.
    pub catalog: Option<Arc<CatalogTable>>,
}

impl RecoveredOutput {
    /// Whether it lies on a store.
    pub fn is_on_store(&self) -> bool {
        is_on_store(&self.root)
    }
}

fn not_utf8(path: &Path) -> Error {
    Error::job(format!("the output path {} is not UTF-8", path.display()))
}
