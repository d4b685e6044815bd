//! The newest metadata of a table, and what is ours in it.

use crate::error::{Error, Result};
use crate::store::{files, is_on_store};
use crate::table::catalog::CatalogTable;
use crate::table::layout::{DAMAGED, HINT, METADATA, local};
use crate::table::own_names::is_ledger;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the summary of a snapshot names the ledger.
pub const LEDGER: &str = "highwater.ledger";
/// Where it has the XXH3-128 of the ledger, in hex.
pub const LEDGER_HASH: &str = "highwater.ledger-xxh3";

/// Where the properties of a table name the snapshot that a later ledger is of.
pub const LEDGER_SNAPSHOT: &str = "highwater.ledger-snapshot";

/// A table that lies in place.
#[derive(Debug, Clone)]
pub struct LoadedTable {
    /// The folder of the table, absolute.
    pub folder: PathBuf,
    /// The version of its metadata.
    pub version: u64,
    /// The metadata.
    pub metadata: Value,
    /// Who says so.
    pub home: TableHome,
}

/// Who says what the newest metadata of a table is.
#[derive(Debug, Clone)]
pub enum TableHome {
    /// The folder of the table.
    Folder,
    /// A REST catalog.
    Catalog(Arc<CatalogTable>),
    /// A REST catalog, which has begun the table for its first commit and shows it to nobody.
    Staged(Arc<CatalogTable>),
}

/// The files of the metadata that a commit or a reader needs by name.
#[derive(Debug, Clone, Copy)]
pub struct TableFileNames;

impl TableFileNames {
    /// The file of a version of the metadata.
    pub fn version(version: u64) -> String {
        format!("v{version}.metadata.json")
    }

    /// The file that names the newest version.
    pub fn hint() -> &'static str {
        HINT
    }

    /// Whether a file of the metadata has a name that our commits give to new files.
    pub fn is_ours(name: &str) -> bool {
        let hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
        let list = name.strip_prefix("snap-hw-").and_then(|rest| rest.strip_suffix(".avro"));
        let manifest = name.strip_prefix("hw-").and_then(|rest| rest.strip_suffix(".avro"));
        let manifest = manifest.and_then(|rest| rest.rsplit_once("-m"));
        is_ledger(name)
            || list.is_some_and(hex)
            || manifest.is_some_and(|(id, number)| hex(id) && hex(number))
    }
}

impl LoadedTable {
    /// The table in `folder`; `None` if none lies there.
    ///
    /// # Errors
    /// A machine error: its metadata cannot be read, or is of a version that is not known.
    pub fn load(folder: &Path) -> Result<Option<LoadedTable>> {
        let Some(folder) = files::real_folder(folder) else { return Ok(None) };
        let metadata = folder.join(METADATA);
        // On a store a listing costs less than a question for each name.
        let listed = is_on_store(&folder).then(|| names(&metadata)).transpose()?;
        let is_there = |name: &str| match &listed {
            Some(names) => names.contains(name),
            None => metadata.join(name).is_file(),
        };
        let hint = match &listed {
            Some(_) => None,
            None => fs::read_to_string(metadata.join(HINT)).ok().and_then(|text| text.trim().parse().ok()),
        };
        // A hint may be older than the metadata, and is not a promise that the file is there.
        let mut version = match hint {
            Some(hint) if is_there(&TableFileNames::version(hint)) => hint,
            _ => {
                let names = listed.clone().map_or_else(|| names(&metadata), Ok)?;
                match names.iter().filter_map(|name| version_of(name)).max() {
                    Some(version) => version,
                    None => return Ok(None),
                }
            }
        };
        while is_there(&TableFileNames::version(version + 1)) {
            version += 1;
        }
        let path = metadata.join(TableFileNames::version(version));
        let packed =
            [format!("v{}.gz.metadata.json", version + 1), format!("v{}.metadata.json.gz", version + 1)];
        if let Some(name) = packed.iter().find(|name| is_there(name)) {
            let what = format!("another program has committed {name}, which is compressed");
            return Err(unreadable(&path, &what));
        }
        Ok(Some(LoadedTable { metadata: parsed(&path)?, folder, version, home: TableHome::Folder }))
    }

    /// The table whose metadata is the file at `path`, in a folder of metadata. The version is not known.
    ///
    /// # Errors
    /// As of [`LoadedTable::load`].
    pub fn of_file(path: &Path) -> Result<LoadedTable> {
        let missing = || Error::io("read", path, std::io::ErrorKind::NotFound.into());
        let whole = files::real_folder(path).ok_or_else(missing)?;
        let folder = whole.parent().and_then(Path::parent);
        let folder = folder.ok_or_else(|| unreadable(path, "it does not lie in the folder of a table"))?;
        let (metadata, folder) = (parsed(path)?, folder.to_path_buf());
        Ok(LoadedTable { metadata, folder, version: 0, home: TableHome::Folder })
    }

    /// The table of a catalog, which has given this metadata for it, and whose files are to lie in `folder`. Its version is the
    /// number of its commits that made a snapshot.
    ///
    /// # Errors
    /// A machine error: the metadata is of a version that is not known.
    pub fn of_catalog(folder: &Path, metadata: Value, home: TableHome) -> Result<LoadedTable> {
        is_known(folder, &metadata)?;
        let folder = match files::real_folder(folder) {
            Some(real) => real,
            None if is_on_store(folder) => folder.to_path_buf(),
            None => std::path::absolute(folder).map_err(|e| Error::io("find", Path::new("."), e))?,
        };
        let version = metadata["last-sequence-number"].as_u64().unwrap_or(0);
        Ok(LoadedTable { folder, version, metadata, home })
    }

    /// The path of the table, as the paths of its files begin.
    ///
    /// # Errors
    /// A job error: the path is not UTF-8.
    pub fn location(&self) -> Result<String> {
        match self.home {
            TableHome::Folder => location(&self.folder),
            TableHome::Catalog(_) | TableHome::Staged(_) => {
                let location = self.metadata["location"].as_str().unwrap_or_default();
                Ok(location.trim_end_matches('/').to_string())
            }
        }
    }

    /// The fields of the current schema.
    pub fn fields(&self) -> Vec<Value> {
        let id = &self.metadata["current-schema-id"];
        let schema = self.list("schemas").iter().find(|schema| schema["schema-id"] == *id);
        schema.and_then(|schema| schema["fields"].as_array()).cloned().unwrap_or_default()
    }

    /// The items of a list of the metadata.
    pub fn list(&self, key: &str) -> &[Value] {
        self.metadata[key].as_array().map_or(&[], Vec::as_slice)
    }

    /// The current snapshot.
    pub fn current(&self) -> Option<&Value> {
        let id = self.metadata["current-snapshot-id"].as_i64().filter(|id| *id != -1)?;
        self.list("snapshots").iter().find(|snapshot| snapshot["snapshot-id"].as_i64() == Some(id))
    }

    /// The file of the ledger of the current snapshot, and its hash.
    ///
    /// # Errors
    /// A machine error: the table was moved, or another program has changed it since our last commit.
    pub fn ledger(&self) -> Result<(PathBuf, String)> {
        self.is_at_home()?;
        let summary = self.current().map(|snapshot| &snapshot["summary"]);
        // A commit that changes no row writes a ledger and not a snapshot.
        let ledger = self
            .later_ledger()
            .or(summary)
            .and_then(|summary| Some((summary[LEDGER].as_str()?, summary[LEDGER_HASH].as_str()?)));
        let Some((name, hash)) = ledger.filter(|(name, _)| TableFileNames::is_ours(name)) else {
            return Err(self.changed_by_others());
        };
        let of_schema = self.current().map(|snapshot| &snapshot["schema-id"]);
        if of_schema != Some(&self.metadata["current-schema-id"]) {
            return Err(self
                .foreign("its columns were changed")
                .hint("undo that change there, or write the output to another path"));
        }
        Ok((self.folder.join(METADATA).join(name), hash.to_string()))
    }

    /// The properties of the table, where they name a ledger that was written since the current snapshot.
    pub fn later_ledger(&self) -> Option<&Value> {
        let properties = &self.metadata["properties"];
        let of = properties[LEDGER_SNAPSHOT].as_str().and_then(|id| id.parse::<i64>().ok());
        let current = self.current()?["snapshot-id"].as_i64();
        (of.is_some() && of == current).then_some(properties)
    }

    /// Whether a commit of Highwater wrote one of its snapshots.
    pub fn has_ledger(&self) -> bool {
        self.list("snapshots").iter().any(|snapshot| snapshot["summary"][LEDGER].is_string())
    }

    /// Refuses a table that was moved: its files are named by absolute paths.
    ///
    /// # Errors
    /// A machine error.
    pub fn is_at_home(&self) -> Result<()> {
        let location = self.metadata["location"].as_str().unwrap_or_default();
        let path = Path::new(local(location).trim_end_matches('/'));
        if path == self.folder || path.canonicalize().is_ok_and(|path| path == self.folder) {
            return Ok(());
        }
        Err(Error::machine(format!(
            "the table {} was moved or copied: its metadata says that its place is {location}",
            self.folder.display()
        ))
        .hint(
            "Iceberg names files by their absolute paths: move it back, or remove it and run the job again",
        ))
    }

    fn foreign(&self, what: &str) -> Error {
        Error::machine(format!(
            "another program has changed the table {} since Highwater wrote to it: {what}",
            self.folder.display()
        ))
    }

    fn changed_by_others(&self) -> Error {
        let Some(current) = self.current() else {
            return self
                .foreign("it does not have a current snapshot")
                .hint("write the output to another path, or remove the table and run the job again");
        };
        let summary = &current["summary"];
        let operation = summary["operation"].as_str().unwrap_or("unknown");
        let by = summary["engine-name"].as_str().map(|name| format!(" by {name}")).unwrap_or_default();
        let id = current["snapshot-id"].as_i64().unwrap_or_default();
        let error = self
            .foreign(&format!("its snapshot {id} is {} `{operation}`{by}", article(operation)))
            .hint("nothing was changed. To keep that change, write the output to another path");
        let ours = self.list("snapshots").iter().rfind(|snapshot| snapshot["summary"][LEDGER].is_string());
        match ours.and_then(|snapshot| snapshot["snapshot-id"].as_i64()) {
            Some(ours) => error.hint(format!(
                "to drop it, let that program roll the table back to snapshot {ours}, the last of Highwater, and run again"
            )),
            None => error,
        }
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

fn unreadable(path: &Path, what: &str) -> Error {
    Error::machine(format!("{} is not metadata of an Iceberg table that can be read: {what}", path.display()))
}

/// The metadata in a file.
fn parsed(path: &Path) -> Result<Value> {
    let bytes = crate::table::layout::read(path)?;
    let metadata: Value =
        serde_json::from_slice(&bytes).map_err(|e| unreadable(path, &e.to_string()).hint(DAMAGED))?;
    is_known(path, &metadata)?;
    Ok(metadata)
}

/// Refuses metadata of another version of the format; `path` is its file, or the folder of the table.
fn is_known(path: &Path, metadata: &Value) -> Result<()> {
    if metadata["format-version"].as_i64() == Some(2) {
        return Ok(());
    }
    let what = format!("its format has version {}", metadata["format-version"]);
    Err(unreadable(path, &what).hint("Highwater reads and writes version 2"))
}

/// The path of a table, as its metadata has it.
///
/// # Errors
/// A job error: it is not UTF-8.
pub fn location(folder: &Path) -> Result<String> {
    let text = folder.to_str().map(str::to_string);
    text.ok_or_else(|| Error::job(format!("the output path {} is not UTF-8", folder.display())))
}

/// The versions of the metadata in the folder of a table.
///
/// # Errors
/// A machine error: it cannot be listed.
pub fn versions(folder: &Path) -> Result<BTreeSet<u64>> {
    Ok(names(&folder.join(METADATA))?.iter().filter_map(|name| version_of(name)).collect())
}

/// The names of the versions in a folder of metadata.
fn names(metadata: &Path) -> Result<HashSet<String>> {
    let found = files::files_beginning(&metadata.join("v"))?;
    Ok(found.iter().filter_map(|file| Some(file.path.file_name()?.to_str()?.to_string())).collect())
}

/// The version of the metadata that a file of this name is.
pub fn version_of(name: &str) -> Option<u64> {
    name.strip_prefix('v')?.strip_suffix(".metadata.json")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_names_are_told_from_others() {
        for ours in ["ledger-00ff.json.gz", "snap-hw-1a.avro", "hw-1a-m0.avro", "hw-1a-m12.avro"] {
            assert!(TableFileNames::is_ours(ours), "{ours}");
        }
        for other in [
            "v1.metadata.json",
            "version-hint.text",
            "snap-123-1-uuid.avro",
            "ledger-.json.gz",
            "../x",
            "hw-1a.avro",
        ] {
            assert!(!TableFileNames::is_ours(other), "{other}");
        }
    }
}
