//! The formats of tables, and which one lies in a folder.

use super::delta;
use super::iceberg::{self, TableFileNames};
use super::layout::{DATA, HINT, METADATA};
use super::own_names::is_ledger;
use crate::error::Result;
use crate::store::files;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
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

    /// The number of the first version of a table.
    pub fn first_version(self) -> u64 {
        match self {
            TableFormat::Iceberg => 1,
            TableFormat::Delta => 0,
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
        // A first commit that was killed may have left a log without a version.
        let is_delta = || delta::newest(folder).map(|_| TableFormat::Delta);
        there.then_some(TableFormat::Iceberg).or_else(is_delta)
    }

    /// The versions behind `version` that the folder of a table has.
    ///
    /// # Errors
    /// A machine error: it cannot be listed.
    pub fn versions_behind(self, folder: &Path, version: u64) -> Result<BTreeSet<u64>> {
        let mut versions = match self {
            TableFormat::Iceberg => iceberg::versions(folder)?,
            TableFormat::Delta => delta::versions(folder)?,
        };
        Ok(versions.split_off(&version.saturating_add(1)))
    }

    /// The file that changes with each commit to the table in `folder`.
    pub fn newest_file(self, folder: &Path) -> PathBuf {
        match self {
            TableFormat::Iceberg => folder.join(METADATA).join(HINT),
            TableFormat::Delta => delta::newest_file(folder),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_puts_no_other_files_than_these() {
        let ledger = "ledger-00ff.json.gz";
        assert!(
            TableFormat::Iceberg.is_ours("snap-hw-1a.avro") && !TableFormat::Delta.is_ours("snap-hw-1a.avro")
        );
        assert!(TableFormat::Iceberg.is_ours(ledger) && TableFormat::Delta.is_ours(ledger));
        let checkpoint = "00000000000000000010.checkpoint.parquet";
        assert!(
            TableFormat::Delta.is_behind(checkpoint, 10) && !TableFormat::Delta.is_behind(checkpoint, 11)
        );
        assert!(TableFormat::Delta.is_behind("_last_checkpoint", 3));
        for wrong in ["00000000000000000010.json", "../x", "ledger-.json.gz", ""] {
            assert!(
                !TableFormat::Delta.is_behind(wrong, 10) && !TableFormat::Delta.is_ours(wrong),
                "{wrong}"
            );
        }
        assert!(!TableFormat::Iceberg.is_behind(checkpoint, 10));
    }

    #[test]
    fn folders_of_parts_lead_to_tables() {
        let lab = tempfile::tempdir().unwrap();
        let (ice, delta) = (lab.path().join("i"), lab.path().join("d"));
        std::fs::create_dir_all(ice.join("data")).unwrap();
        std::fs::create_dir_all(ice.join("metadata")).unwrap();
        std::fs::create_dir_all(delta.join("_delta_log")).unwrap();
        assert_eq!((of_data(&ice.join("data")), of_data(&delta)), (None, None));
        std::fs::write(ice.join("metadata/version-hint.text"), "1").unwrap();
        std::fs::write(delta.join("_delta_log/00000000000000000000.json"), "").unwrap();
        assert_eq!(of_data(&ice.join("data")), Some(ice.clone()));
        assert_eq!(of_data(&delta), Some(delta.clone()));
        assert_eq!(of_data(&ice), None);
        assert_eq!(
            TableFormat::Delta.newest_file(&delta),
            delta.join("_delta_log/00000000000000000000.json")
        );
    }
}
