//! A table of a catalog: loaded, begun, committed.

use super::session::{CatalogSession, Said};
use crate::error::{Error, Result};
use crate::store::wait_before;
use crate::table::catalog::CatalogTable;
use crate::table::iceberg::{LoadedTable, TableHome, is_done};
use crate::table::layout::local;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// What came of a commit.
#[derive(Debug)]
pub enum CatalogCommit {
    /// The table has it.
    Done,
    /// The table does not have it, and will not: another program was faster.
    Conflict(Error),
    /// The catalog refuses it, which another login or setting may change.
    Refused(Error),
}

/// The table as the catalog has it, whose files are to lie in `folder`; `None` where the catalog has no such table.
///
/// # Errors
/// A machine error: the catalog cannot be reached, or refuses; the table is of a version that is not known.
pub fn load(table: &Arc<CatalogTable>, folder: &Path) -> Result<Option<LoadedTable>> {
    let Some(answer) = answered(table)? else { return Ok(None) };
    LoadedTable::of_catalog(folder, answer["metadata"].clone(), TableHome::Catalog(table.clone())).map(Some)
}

/// The file of the metadata of the table, as the catalog names it; `None` where the catalog has no such table.
///
/// # Errors
/// A machine error: the catalog cannot be reached, refuses, or names no file.
pub fn metadata_file(table: &CatalogTable) -> Result<Option<String>> {
    let Some(answer) = answered(table)? else { return Ok(None) };
    let file = answer["metadata-location"].as_str().map(|location| local(location).to_string());
    let missing = || Error::machine(format!("the catalog does not name a file of metadata for {table}"));
    file.map(Some).ok_or_else(missing)
}

/// What the catalog says of the table.
fn answered(table: &CatalogTable) -> Result<Option<Value>> {
    let session = CatalogSession::of(table)?;
    let answer = session.patiently("GET", &CatalogSession::table(table), &Value::Null)?;
    if answer.status == 404 {
        return Ok(None);
    }
    session.json(&answer, &format!("the table {}.{}", table.namespace_name(), table.name)).map(Some)
}

/// Has the catalog begin a table that is as `blank` says, in `folder`. Nobody sees it before its first commit. Its namespace
/// is made where there is none.
///
/// # Errors
/// A machine error: the catalog refuses, or begins another table than was asked for.
pub fn stage(table: &Arc<CatalogTable>, folder: &Path, blank: &Value) -> Result<LoadedTable> {
    let session = CatalogSession::of(table)?;
    let first = |list: &str| blank[list].as_array().and_then(|all| all.first()).cloned().unwrap_or_default();
    let mut properties = blank["properties"].clone();
    properties["format-version"] = json!("2");
    let body = json!({
        "name": table.name, "location": blank["location"], "schema": first("schemas"),
        "partition-spec": first("partition-specs"), "write-order": first("sort-orders"), "stage-create": true,
        "properties": properties,
    });
    let path = format!("{}/tables", CatalogSession::namespace(table));
    let what = format!("the new table {}.{}", table.namespace_name(), table.name);
    // Some catalogs look for the namespace at the first commit only.
    let namespace = session.patiently("GET", &CatalogSession::namespace(table), &Value::Null)?;
    if namespace.status == 404 {
        let namespace = json!({ "namespace": table.namespace, "properties": {} });
        let made = session.patiently("POST", "/namespaces", &namespace)?;
        // 409: another program has made it in the meantime.
        if !made.is_success() && made.status != 409 {
            return Err(session.refused(&made, &format!("the new namespace {}", table.namespace_name())));
        }
    }
    let answer = session.patiently("POST", &path, &body)?;
    if answer.status == 409 {
        return Err(conflict(table));
    }
    let mut metadata = session.json(&answer, &what)?["metadata"].take();
    // A catalog may add words of its own to a table that it begins, such as where its files should lie.
    if !metadata["properties"].is_object() {
        metadata["properties"] = json!({});
    }
    let staged = LoadedTable::of_catalog(folder, metadata, TableHome::Staged(table.clone()))?;
    staged.is_at_home().map_err(|_| {
        let place = staged.metadata["location"].as_str().unwrap_or_default().to_string();
        Error::machine(format!("the catalog puts the table {table} at {place}"))
            .hint(format!("give the output that path, or let the catalog allow {}", folder.display()))
    })?;
    Ok(staged)
}

/// Makes a commit, which may have come already.
///
/// # Errors
/// A machine error: whether the table has it cannot be known. The same may be asked for later.
pub fn commit(table: &CatalogTable, request: &Value) -> Result<CatalogCommit> {
    let session = CatalogSession::of(table)?;
    // An attempt that was killed may have been heard.
    if has(table, request)? {
        return Ok(CatalogCommit::Done);
    }
    let mut tries = 0;
    loop {
        let why = match session.once("POST", &CatalogSession::table(table), request)? {
            Said::Answer(answer) if answer.is_success() => return Ok(CatalogCommit::Done),
            // An earlier try may have been heard late, also that of a command that was killed: this one is then refused.
            Said::Answer(_) if has(table, request)? => return Ok(CatalogCommit::Done),
            Said::Answer(answer) if answer.status == 409 => {
                return Ok(CatalogCommit::Conflict(conflict(table)));
            }
            Said::Answer(answer) => {
                let what = format!("a commit to the table {}.{}", table.namespace_name(), table.name);
                let refused = session.refused(&answer, &what);
                // A table that is gone does not come back.
                return Ok(match answer.status {
                    404 => CatalogCommit::Conflict(refused),
                    _ => CatalogCommit::Refused(refused),
                });
            }
            Said::Unknown(why) => why,
        };
        if has(table, request).map_err(|error| unknown(table, &why).caused_by(error))? {
            return Ok(CatalogCommit::Done);
        }
        let Some(wait) = wait_before(tries, &why) else { return Err(unknown(table, &why)) };
        std::thread::sleep(wait);
        tries += 1;
    }
}

/// Whether the table has what a commit brings.
fn has(table: &CatalogTable, request: &Value) -> Result<bool> {
    Ok(answered(table)?.is_some_and(|answer| is_done(request, &answer["metadata"])))
}

fn unknown(table: &CatalogTable, why: &str) -> Error {
    Error::machine(format!("the catalog does not say whether {table} has the commit: {why}"))
}

fn conflict(table: &CatalogTable) -> Error {
    Error::machine(format!("another program has committed to {table} in the meantime"))
        .hint("nothing of its commit was changed; run the command again")
}
