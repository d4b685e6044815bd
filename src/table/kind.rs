//! What an output is as a table: its format, and the catalog that knows it.

use super::catalog::CatalogTable;
use super::format::TableFormat;
use std::fmt;
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
