//! `catalog = { uri, table, … }`.

use crate::error::Error;
use crate::job::document::At;
use crate::job::keys::catalog as keys;
use crate::job::reader::TableReader;
use crate::table::{CatalogTable, TableFormat, TableKind, checked_address};
use std::ops::Range;
use std::sync::Arc;

/// A table in a catalog.
pub struct CatalogSpec {
    pub span: Range<usize>,
    pub uri: At<String>,
    pub table: At<String>,
    pub warehouse: Option<At<String>>,
    pub oauth2_server_uri: Option<At<String>>,
    pub scope: Option<At<String>>,
}

/// Reads `catalog`.
pub(super) fn catalog(table: &TableReader) -> Option<CatalogSpec> {
    let table = table.get(keys::CATALOG)?;
    let (uri, name) = (table.get(keys::CATALOG_URI), table.get(keys::CATALOG_NAME));
    let (warehouse, scope) = (table.get(keys::WAREHOUSE), table.get(keys::SCOPE));
    let oauth2_server_uri = table.get(keys::OAUTH2_SERVER_URI);
    table.finish();
    // A key that is missing has been told by `finish`.
    Some(CatalogSpec {
        span: table.span.clone(),
        uri: uri?,
        table: name?,
        warehouse,
        oauth2_server_uri,
        scope,
    })
}

impl CatalogSpec {
    /// The table that it names.
    ///
    /// # Errors
    /// A job error, and where its fault is.
    pub fn named(&self) -> Result<CatalogTable, (Error, Range<usize>)> {
        let at = |uri: &At<String>| checked_address(&uri.value).map_err(|error| (error, uri.span.clone()));
        at(&self.uri)?;
        let oauth2_server_uri = self.oauth2_server_uri.as_ref().map(at).transpose()?;
        let table = CatalogTable::new(&self.uri.value, &self.table.value);
        let table = table.map_err(|error| (error, self.table.span.clone()))?;
        let text = |key: &Option<At<String>>| key.as_ref().map(|text| text.value.clone());
        Ok(CatalogTable {
            warehouse: text(&self.warehouse),
            oauth2_server_uri,
            scope: text(&self.scope),
            ..table
        })
    }
}

/// What an output is as a table, by its keys `table` and `catalog`; `None` of one that is not a table. What is wrong with
/// the keys is told where the output is planned.
pub fn table_kind(table: Option<&At<String>>, catalog: Option<&CatalogSpec>) -> Option<TableKind> {
    let format = TableFormat::named(&table?.value)?;
    let catalog = catalog.and_then(|catalog| catalog.named().ok()).map(Arc::new);
    Some(TableKind { format, catalog })
}

/// Checks the keys `table` and `catalog` of an output.
///
/// # Errors
/// A job error, and where its fault is.
pub fn check_table(
    table: Option<&At<String>>,
    catalog: Option<&CatalogSpec>,
) -> Result<(), (Error, Range<usize>)> {
    if let Some(table) = table
        && TableFormat::named(&table.value).is_none()
    {
        let error = Error::job(format!("unknown table format `{}`", table.value));
        let error = error.nearest(&table.value, TableFormat::NAMES);
        let formats = TableFormat::NAMES.join(", ");
        return Err((error.hint(format!("the table formats are: {formats}")), table.span.clone()));
    }
    let Some(catalog) = catalog else { return Ok(()) };
    if table.is_none() {
        let error =
            Error::job("`catalog` is for tables").hint("add table = \"iceberg\", or leave out `catalog`");
        return Err((error, catalog.span.clone()));
    }
    if let Some(table) = table.filter(|table| table.value != TableFormat::Iceberg.name()) {
        let error = Error::job("`catalog` is for tables of Iceberg").hint("leave out `catalog`");
        return Err((error, table.span.clone()));
    }
    catalog.named().map(drop)
}
