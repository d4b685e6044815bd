//! The files of a version: what a reader takes, and what it refuses.

use super::actions::{AddedFile, TableState};
use super::log::{DeltaLog, LOG, NAME};
use crate::batch::{partition_values, unescaped};
use crate::error::{Error, Result};
use crate::store::{files, is_on_store};
use crate::table::snapshot::{SnapshotChoice, TableSnapshot, all_there, refused};
use std::path::{Path, PathBuf};

/// Features that readers have to know and that change nothing in what is read here; of some it is checked that they are not
/// used.
const FEATURES: [&str; 8] = [
    // Checked by file.
    "deletionVectors",
    // Checked by the properties of the table.
    "columnMapping",
    // A time without a zone is one of the source.
    "timestampNtz",
    // Checked where a checkpoint is read.
    "v2Checkpoint",
    "vacuumProtocolCheck",
    // Values of a narrower type are read as what they are.
    "typeWidening",
    "typeWidening-preview",
    // Commits that catalogs take part in lie in the log like others.
    "inCommitTimestamp",
];

/// Whether a folder is that of a table.
pub fn is_table(folder: &Path) -> bool {
    files::is_folder(&folder.join(LOG)).unwrap_or(false)
}

/// The snapshot of the table in `folder`.
///
/// # Errors
/// As of [`crate::table::read_snapshot`].
pub fn snapshot(folder: &Path, choice: SnapshotChoice) -> Result<TableSnapshot> {
    let log = DeltaLog::list(folder)?;
    let version = log.version(choice)?;
    let state = log.state(version)?;
    check(folder, &state)?;
    let mut files = vec![];
    for file in state.files.values() {
        files.push(place(folder, &state, file)?);
    }
    all_there(folder, &files)?;
    let whole = files::real_folder(folder).unwrap_or_else(|| folder.to_path_buf());
    Ok(TableSnapshot { format: NAME, folder: whole, number: version as i64, files })
}

/// Refuses a table whose files do not hold what the table has.
fn check(folder: &Path, state: &TableState) -> Result<()> {
    let refused = |what: &str| refused(folder, NAME, what);
    let Some(protocol) = &state.protocol else {
        return Err(Error::data(format!(
            "the log of the table {} does not have a protocol",
            folder.display()
        )));
    };
    let features = protocol["readerFeatures"].as_array();
    let names = features.into_iter().flatten().filter_map(|feature| feature.as_str());
    if let Some(feature) = names.filter(|name| !FEATURES.contains(name)).min() {
        return Err(refused(&format!("it needs the feature `{feature}`"))
            .hint("read a copy of it: with Spark, spark.read.format(\"delta\").load(…).write.parquet(…)"));
    }
    let reader = protocol["minReaderVersion"].as_i64();
    if !reader.is_some_and(|version| (1..=3).contains(&version)) {
        return Err(refused(&format!("it needs version {} of readers", protocol["minReaderVersion"])));
    }
    let Some(metadata) = &state.metadata else {
        return Err(Error::data(format!("the log of the table {} does not have metadata", folder.display())));
    };
    let mode = &metadata["configuration"]["delta.columnMapping.mode"];
    if mode.as_str().is_some_and(|mode| mode != "none") {
        return Err(refused("its columns have other names in its files (column mapping)")
            .hint("read a copy of it: with Spark, spark.read.format(\"delta\").load(…).write.parquet(…)"));
    }
    let properties = metadata["configuration"].as_object();
    if properties.is_some_and(|all| all.keys().any(|key| key.starts_with("delta.coordinatedCommits."))) {
        return Err(refused("its newest commits may be known to its coordinator alone")
            .hint("read a copy of it: with Spark, spark.read.format(\"delta\").load(…).write.parquet(…)"));
    }
    let provider = metadata["format"]["provider"].as_str().unwrap_or("parquet");
    if provider != "parquet" {
        return Err(refused(&format!("its files are of the format `{provider}`")));
    }
    if let Some(path) = state.files.values().filter(|file| file.has_deletions).map(|file| &file.path).min() {
        return Err(refused(&format!("rows of its file {path} are deleted by a deletion vector")).hint(
            "write these files again without the deleted rows: REORG TABLE … APPLY (PURGE) in Spark, then read the new version",
        ));
    }
    Ok(())
}

/// Where a file lies, whose folders tell the values of its partition.
fn place(folder: &Path, state: &TableState, file: &AddedFile) -> Result<PathBuf> {
    let decoded = String::from_utf8(unescaped(&file.path)).unwrap_or_else(|_| file.path.clone());
    let path = match decoded.split_once(":/") {
        Some(("file", rest)) => PathBuf::from(format!("/{}", rest.trim_start_matches('/'))),
        _ if is_on_store(Path::new(&decoded)) => PathBuf::from(&decoded),
        Some((scheme, _)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) && scheme.len() > 1 => {
            return Err(refused(
                folder,
                NAME,
                &format!("its file {decoded} is on a store that is not known"),
            ));
        }
        _ => folder.join(&decoded),
    };
    let told = partition_values(&path);
    let columns = state.metadata.as_ref().and_then(|metadata| metadata["partitionColumns"].as_array());
    for column in columns.into_iter().flatten().filter_map(|column| column.as_str()) {
        // An empty text is NULL in a partition of Delta Lake.
        let value = file.partition.get(column).cloned().flatten().filter(|value| !value.is_empty());
        let of_folder = told.iter().rev().find(|(name, _)| name == column).map(|(_, value)| value);
        if of_folder != Some(&value) {
            let value = value.map_or("NULL".to_string(), |value| format!("`{value}`"));
            return Err(refused(
                folder,
                NAME,
                &format!(
                    "its file {decoded} has {value} in the partition column `{column}`, which its folders do not tell"
                ),
            ));
        }
    }
    Ok(path)
}
