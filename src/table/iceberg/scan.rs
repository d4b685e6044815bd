//! The files of a snapshot, for a reader.
//!
//! # Contract
//! * A folder is read where it is its own catalog (`version-hint.text`, `vN.metadata.json`). Where another catalog names the
//!   metadata, that file has to be given: of several in a folder the newest may be one that lost a race.
//! * A table that was moved as a whole is read where it lies: paths below its old location count from the new one.
//! * Columns are found by their names in files, so a table of another program that renamed one, or used a name again, is refused.

use super::entry::{self, DATA_CONTENT};
use super::manifest_list;
use super::metadata::{LEDGER, LoadedTable};
use crate::error::{Error, Result};
use crate::store::{files, is_on_store};
use crate::table::layout::METADATA;
use crate::table::snapshot::{SnapshotChoice, TableSnapshot, all_there, refused, shown};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The format, as people call it.
const NAME: &str = "Apache Iceberg";

/// The snapshot of the table at `path`: its folder, or a file of its metadata. `None` if no table is there.
///
/// # Errors
/// As of [`crate::table::read_snapshot`].
pub fn snapshot(path: &Path, choice: SnapshotChoice) -> Result<Option<TableSnapshot>> {
    let Some(table) = load(path)? else { return Ok(None) };
    let Some(snapshot) = chosen(path, &table, choice)? else {
        // A table that nobody has written to does not have a snapshot.
        return Ok(Some(TableSnapshot { format: NAME, folder: table.folder, number: -1, files: vec![] }));
    };
    // A commit of ours writes all files again where a column comes or goes, so they have the names of its schema.
    if !snapshot["summary"][LEDGER].is_string() {
        one_name_each(path, &table)?;
    }
    let place = |location: &str| placed(path, &table, location);
    let list = snapshot["manifest-list"].as_str();
    let list = list.ok_or_else(|| refused(path, NAME, "its snapshot does not name a manifest list"))?;
    let mut files = vec![];
    for manifest in manifest_list::read(&place(list)?)?.iter().filter(|manifest| manifest.is_live()) {
        if manifest.content != DATA_CONTENT {
            return Err(refused(path, NAME, "rows of it are deleted by delete files").hint(
                "write its files again without the deleted rows: CALL system.rewrite_data_files(…) in Spark, with delete-file-threshold 1",
            ));
        }
        for entry in entry::read_live(&place(&manifest.path)?, manifest.sequence, manifest.snapshot)? {
            files.push(place(&entry.path)?);
        }
    }
    all_there(path, &files)?;
    let number = snapshot["snapshot-id"].as_i64().unwrap_or_default();
    Ok(Some(TableSnapshot { format: NAME, folder: table.folder.clone(), number, files }))
}

/// The metadata of the table.
fn load(path: &Path) -> Result<Option<LoadedTable>> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.ends_with(".metadata.json") && files::is_file(path)? {
        return LoadedTable::of_file(path).map(Some);
    }
    let found = LoadedTable::load(path)?;
    if found.is_some() {
        return Ok(found);
    }
    // What a catalog elsewhere names.
    let metadata = path.join(METADATA);
    // What is no folder, such as a link that leads to itself, is for others to complain of.
    if !is_on_store(path) && !metadata.is_dir() {
        return Ok(None);
    }
    let found = files::files_in(&metadata)?;
    let names = found.iter().filter_map(|file| Some(file.path.file_name()?.to_string_lossy().into_owned()));
    let Some(newest) = names.filter(|name| name.ends_with(".metadata.json")).max() else { return Ok(None) };
    Err(refused(path, NAME, "a catalog says which of its metadata files counts, and not the folder").hint(
        format!(
            "name the file that the catalog names, such as path = \"{}\"",
            metadata.join(newest).display()
        ),
    ))
}

/// The snapshot that is asked for; `None` of a table without one.
fn chosen<'a>(path: &Path, table: &'a LoadedTable, choice: SnapshotChoice) -> Result<Option<&'a Value>> {
    let by_id = |id: i64| {
        table.list("snapshots").iter().find(|snapshot| snapshot["snapshot-id"].as_i64() == Some(id))
    };
    let missing = |what: String| {
        let known = table.list("snapshots").iter().filter_map(|snapshot| snapshot["snapshot-id"].as_i64());
        let known: Vec<String> = known.map(|id| id.to_string()).collect();
        let error = Error::job(format!("the table {} does not have {what}", path.display()));
        if known.is_empty() { error } else { error.hint(format!("its snapshots are {}", known.join(", "))) }
    };
    match choice {
        SnapshotChoice::Current => Ok(table.current()),
        SnapshotChoice::Number(id) => by_id(id).map(Some).ok_or_else(|| missing(format!("a snapshot {id}"))),
        SnapshotChoice::AsOf(instant) => {
            let before = |entry: &&Value| {
                entry["timestamp-ms"].as_i64().is_some_and(|ms| ms.saturating_mul(1000) <= instant)
            };
            let entry = table.list("snapshot-log").iter().rfind(before);
            let id = entry.and_then(|entry| entry["snapshot-id"].as_i64());
            let id = id.ok_or_else(|| missing(format!("a snapshot from before {}", shown(instant))))?;
            by_id(id).map(Some).ok_or_else(|| {
                missing(format!("its snapshot {id} any more, which was the one at {}", shown(instant)))
            })
        }
    }
}

/// Where a file of the table lies.
fn placed(path: &Path, table: &LoadedTable, location: &str) -> Result<PathBuf> {
    let local = |uri: &str| match uri.split_once(':') {
        Some(("file", rest)) => Some(format!("/{}", rest.trim_start_matches('/'))),
        Some((scheme, rest))
            if rest.starts_with("//") && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            None
        }
        _ => Some(uri.to_string()),
    };
    let home = table.metadata["location"].as_str().unwrap_or_default().trim_end_matches('/');
    // Two ways to write one location must not look like two places.
    let inside = match (local(home), local(location)) {
        (Some(home), Some(file)) => file.strip_prefix(&format!("{home}/")).map(str::to_string),
        _ => location.strip_prefix(&format!("{home}/")).map(str::to_string),
    };
    match (inside, local(location)) {
        (Some(inside), _) => Ok(table.folder.join(inside)),
        (None, Some(file)) => Ok(PathBuf::from(file)),
        (None, None) if is_on_store(Path::new(location)) => Ok(PathBuf::from(location)),
        (None, None) => {
            Err(refused(path, NAME, &format!("its file {location} is on a store that is not known")))
        }
    }
}

/// Refuses a table in which a column has had two names, or a name was that of two columns.
fn one_name_each(path: &Path, table: &LoadedTable) -> Result<()> {
    let mut names: BTreeMap<i64, String> = BTreeMap::new();
    let mut ids: BTreeMap<String, i64> = BTreeMap::new();
    for schema in table.list("schemas") {
        let mut columns = vec![];
        nested(schema, "", &mut columns);
        for (id, name) in columns {
            let (was, other) = (names.get(&id), ids.get(&name));
            let renamed = was
                .filter(|was| **was != name)
                .map(|was| format!("its column `{name}` was called `{was}` before"));
            let again = other
                .filter(|other| **other != id)
                .map(|_| format!("its column `{name}` is not the one that had this name before"));
            if let Some(what) = renamed.or(again) {
                return Err(refused(path, NAME, &format!("{what}, and older files have it by the old name"))
                    .hint("read a copy of it: with DuckDB, COPY (FROM iceberg_scan('…')) TO 'log.parquet'"));
            }
            names.insert(id, name.clone());
            ids.insert(name, id);
        }
    }
    Ok(())
}

/// The columns of a schema, those inside of others by dotted names.
fn nested(ty: &Value, prefix: &str, out: &mut Vec<(i64, String)>) {
    for field in ty["fields"].as_array().into_iter().flatten() {
        let name = format!("{prefix}{}", field["name"].as_str().unwrap_or_default());
        if let Some(id) = field["id"].as_i64() {
            out.push((id, name.clone()));
        }
        nested(&field["type"], &format!("{name}."), out);
    }
    for inner in ["element", "key", "value"] {
        if ty[inner].is_object() {
            nested(&ty[inner], &format!("{prefix}{inner}."), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest_list::ManifestFile;
    use super::*;
    use crate::table::avro::{self, AvroDatum};
    use serde_json::json;
    use std::fs;

    /// A table with one snapshot, whose list names one manifest with this content.
    fn table(content: i64, schemas: &Value) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let metadata = folder.path().join(METADATA);
        fs::create_dir(&metadata).unwrap();
        let manifest = ManifestFile {
            path: metadata.join("m.avro").display().to_string(),
            length: 1,
            spec: 0,
            content,
            sequence: 1,
            min_sequence: 1,
            snapshot: 7,
            files: [1, 0, 0],
            rows: [1, 0, 0],
            partitions: AvroDatum::Null,
        };
        let mut records = vec![];
        manifest.push(&mut records);
        fs::write(metadata.join("l.avro"), avro::file(&manifest_list::schema(), &[], 1, &records)).unwrap();
        let snapshot = json!({ "snapshot-id": 7, "timestamp-ms": 5, "manifest-list": metadata.join("l.avro"), "schema-id": 0 });
        let text = json!({ "format-version": 2, "location": folder.path(), "current-schema-id": 0, "schemas": schemas,
            "current-snapshot-id": 7, "snapshots": [snapshot], "snapshot-log": [{ "snapshot-id": 7, "timestamp-ms": 5 }] });
        fs::write(metadata.join("v1.metadata.json"), text.to_string()).unwrap();
        folder
    }

    fn schema(fields: &[(i64, &str)]) -> Value {
        let field =
            |(id, name): &(i64, &str)| json!({ "id": id, "name": name, "type": "long", "required": false });
        json!({ "type": "struct", "fields": fields.iter().map(field).collect::<Vec<_>>() })
    }

    fn refused(table: &tempfile::TempDir) -> String {
        snapshot(table.path(), SnapshotChoice::Current).unwrap_err().to_string()
    }

    #[test]
    fn delete_files_are_refused() {
        let plain = json!([schema(&[(1, "a")])]);
        assert!(refused(&table(1, &plain)).contains("rows of it are deleted by delete files"));
        // Of data, the manifest is looked for, and is not there.
        assert!(refused(&table(0, &plain)).contains("m.avro"));
    }

    #[test]
    fn a_column_that_had_another_name_is_refused() {
        let renamed = json!([schema(&[(1, "a"), (2, "b")]), schema(&[(1, "a"), (2, "c")])]);
        assert!(refused(&table(0, &renamed)).contains("its column `c` was called `b` before"));
        let again = json!([schema(&[(1, "a")]), schema(&[(2, "a")])]);
        assert!(
            refused(&table(0, &again)).contains("its column `a` is not the one that had this name before")
        );
    }
}
