//! The formats of tables, and which one lies in a folder.

use super::delta;
use super::iceberg::TableFileNames;
use super::layout::{DATA, HINT, METADATA};
use super::own_names::is_ledger;
use crate::store::files;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The format of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableFormat {
    /// Apache Iceberg, version 2 of its format, with the folder as the catalog.
    #[default]
    Iceberg,
    /// Delta Lake, protocol 1 and 2.
    Delta,
}

impl TableFormat {
    /// The names of formats in job files.
    pub const NAMES: [&str; 2] = ["iceberg", "delta"];

    /// The format that job files call `name`.
    pub fn named(name: &str) -> Option<TableFormat> {
        [TableFormat::Iceberg, TableFormat::Delta].into_iter().find(|format| format.name() == name)
    }

    /// Its name in job files.
    pub fn name(self) -> &'static str {
        match self {
            TableFormat::Iceberg => "iceberg",
            TableFormat::Delta => "delta",
        }
    }

    /// The folder of the parts of the table in `folder`.
    pub fn root(self, folder: &Path) -> PathBuf {
        match self {
            TableFormat::Iceberg => folder.join(DATA),
            TableFormat::Delta => folder.to_path_buf(),
        }
    }

    /// The folder of the table whose parts lie in `root`, if that can be one.
    pub fn folder(self, root: &Path) -> Option<&Path> {
        match self {
            TableFormat::Iceberg => root.file_name().filter(|name| *name == DATA).and(root.parent()),
            TableFormat::Delta => Some(root),
        }
    }

    /// The folder, in that of the table, in which its metadata lies.
    pub fn metadata(self) -> &'static str {
        match self {
            TableFormat::Iceberg => METADATA,
            TableFormat::Delta => delta::LOG,
        }
    }

    /// The file of the metadata that makes a version.
    pub fn version_file(self, version: u64) -> String {
        match self {
            TableFormat::Iceberg => TableFileNames::version(version),
            TableFormat::Delta => delta::commit_name(version),
        }
    }

    /// Whether a commit may put a file of this name into the metadata, besides versions and what is put behind them.
    pub fn is_ours(self, name: &str) -> bool {
        match self {
            TableFormat::Iceberg => TableFileNames::is_ours(name),
            TableFormat::Delta => is_ledger(name),
        }
    }

    /// Whether a commit may put a file of this name behind the version `version`.
    pub fn is_behind(self, name: &str, version: u64) -> bool {
        match self {
            TableFormat::Iceberg => false,
            TableFormat::Delta => delta::is_behind(name, version),
        }
    }

    /// The format of the table in `folder`, if a table lies there.
    pub fn of_folder(folder: &Path) -> Option<TableFormat> {
        let metadata = folder.join(METADATA);
        let is_there = |name: &&str| files::is_file(&metadata.join(name)).unwrap_or(false);
        let there = [HINT, "v1.metadata.json"].iter().any(is_there);
        let is_delta = || delta::is_table(folder).then_some(TableFormat::Delta);
        there.then_some(TableFormat::Iceberg).or_else(is_delta)
    }

    /// The file that changes with each commit to the table in `folder`.
    pub fn newest_file(self, folder: &Path) -> PathBuf {
        let metadata = folder.join(self.metadata());
        match self {
            TableFormat::Iceberg => metadata.join(HINT),
            TableFormat::Delta => {
                let newest = delta::newest(folder).unwrap_or_default();
                metadata.join(delta::commit_name(newest))
            }
        }
    }
}

/// The folder of the table whose parts lie in `root`, if that is the folder of the parts of a table.
pub fn of_data(root: &Path) -> Option<PathBuf> {
    let is_format = |format: TableFormat| {
        let folder = format.folder(root)?;
        (TableFormat::of_folder(folder) == Some(format)).then(|| folder.to_path_buf())
    };
    [TableFormat::Iceberg, TableFormat::Delta].into_iter().find_map(is_format)
}
