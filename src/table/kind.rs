//! What an output is as a table: its format, and the catalog that knows it.

use super::catalog::CatalogTable;
use super::format::TableFormat;
use super::iceberg::LoadedTable;
use super::rest;
use crate::error::Result;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The format of a table, and its catalog.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TableKind {
    /// The format.
    pub format: TableFormat,
    /// The catalog that knows it; none where the folder is the catalog.
    pub catalog: Option<Arc<CatalogTable>>,
}

impl From<TableFormat> for TableKind {
    fn from(format: TableFormat) -> TableKind {
        TableKind { format, catalog: None }
    }
}

impl fmt::Debug for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Older manifests have a hash of a text in which the format stands alone.
        match &self.catalog {
            None => self.format.fmt(f),
            Some(catalog) => f.debug_tuple("Catalog").field(&self.format).field(catalog).finish(),
        }
    }
}

/// The table in `folder`, or that its catalog has there; `None` if there is none.
///
/// # Errors
/// A machine error: its metadata cannot be read, or is of a version that is not known; its catalog cannot be reached.
pub fn load(folder: &Path, kind: &TableKind) -> Result<Option<LoadedTable>> {
    match &kind.catalog {
        Some(catalog) => rest::load(catalog, folder),
        None => LoadedTable::load(folder),
    }
}
