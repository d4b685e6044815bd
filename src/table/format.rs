//! The formats of tables, and which one lies in a folder.

use super::layout::{DATA, HINT, METADATA};
use crate::store::files;
use std::path::{Path, PathBuf};

/// The format of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableFormat {
    /// Apache Iceberg, version 2 of its format, with the folder as the catalog.
    Iceberg,
}

impl TableFormat {
    /// The names of formats in job files.
    pub const NAMES: [&str; 1] = ["iceberg"];

    /// The format that job files call `name`.
    pub fn named(name: &str) -> Option<TableFormat> {
        (name == "iceberg").then_some(TableFormat::Iceberg)
    }

    /// Its name in job files.
    pub fn name(self) -> &'static str {
        match self {
            TableFormat::Iceberg => "iceberg",
        }
    }

    /// The format of the table in `folder`, if a table lies there.
    pub fn of_folder(folder: &Path) -> Option<TableFormat> {
        let metadata = folder.join(METADATA);
        let there = [HINT, "v1.metadata.json"]
            .iter()
            .any(|name| files::is_file(&metadata.join(name)).unwrap_or(false));
        there.then_some(TableFormat::Iceberg)
    }
}

/// The folder of the table whose parts lie in `data`, if that is the folder of the parts of a table.
pub fn of_data(data: &Path) -> Option<PathBuf> {
    let folder = data.parent().filter(|_| data.file_name().is_some_and(|name| name == DATA))?;
    TableFormat::of_folder(folder).map(|_| folder.to_path_buf())
}
