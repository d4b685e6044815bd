//! The commit of a table, as a part of the commit of all outputs.
//!
//! # Contract
//! * Until the journal is in place, nothing of a table changes but its staging folder.
//! * Then parts and metadata are put in place under new names, which no reader looks for, and then the version of the
//!   metadata by a hard link, which fails where a file has the name: so of two writers one wins. Of a table in a catalog, the
//!   last step is a request in the place of the version. The journal has the request, and never where it goes: that, the job
//!   says.
//! * The hint comes last; readers and writers do without it.

use super::journal_parts::Rename;
use super::place::RecoveredOutput;
use super::stage::StagedPart;
use super::{Manifest, failpoint, fsutil};
use crate::error::{Error, Result};
use crate::table::{
    self, CatalogCommit, CatalogTable, CommitStep, DATA, LoadedTable, METADATA, TableChange, TableFile,
    TableFileNames, TableShape,
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a commit does to a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SnapshotOperations {
    /// Staged parts, and their paths below the folder of parts.
    pub parts: Vec<Rename>,
    /// The new snapshot; none where parts are written again as they were.
    pub snapshot: Option<SnapshotFiles>,
}

/// The files of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SnapshotFiles {
    /// Staged files of the metadata, and their names.
    pub files: Vec<Rename>,
    /// The staged version of the metadata, or the request to the catalog.
    pub staged: String,
    /// The number of that version; none of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// What came of the attempt to put a version of the metadata in place.
pub(super) enum PutSnapshot {
    /// It is in place.
    Done,
    /// Another writer has made this version.
    Conflict(Error),
}

/// The folder of the table whose parts lie in the folder of `place`.
fn folder(place: &RecoveredOutput) -> &Path {
    place.root.parent().unwrap_or(&place.root)
}

/// Writes what a snapshot needs into the folder `staging`: the table gets the parts and the ledger of `manifest`.
///
/// # Errors
/// As of [`table::plan_commit`]; the disk fails; another writer has changed the table since `base` was read.
pub(super) fn stage(
    place: &RecoveredOutput,
    staging: &Path,
    base: Option<&LoadedTable>,
    shape: &TableShape,
    (old, manifest): (Option<&Manifest>, &Manifest),
    parts: &[StagedPart],
) -> Result<SnapshotFiles> {
    let folder = folder(place);
    let change = plan(place, base, shape, (old, manifest), parts)?;
    fs::create_dir_all(staging).map_err(|e| Error::io("create the folder", staging, e))?;
    let metadata = folder.join(METADATA);
    fsutil::create_folders(&metadata)?;
    let mut files = vec![];
    for (number, (name, bytes)) in change.files.into_iter().enumerate() {
        let staged = format!("{number}.metadata");
        write(&staging.join(&staged), &bytes)?;
        files.push(Rename { staged, part: name, bytes: bytes.len() as u64 });
    }
    let (name, bytes, version) = match change.step {
        CommitStep::Version(version, metadata) => ("version.metadata", metadata, Some(version)),
        CommitStep::Request(request) => ("request.json", request, None),
    };
    write(&staging.join(name), &bytes)?;
    Ok(SnapshotFiles { files, staged: name.to_string(), version })
}

/// What a snapshot needs by which the table gets the parts and the ledger of `manifest`.
///
/// # Errors
/// As of [`table::plan_commit`]; another writer has changed the table since `base` was read.
pub(super) fn plan(
    place: &RecoveredOutput,
    base: Option<&LoadedTable>,
    shape: &TableShape,
    (old, manifest): (Option<&Manifest>, &Manifest),
    parts: &[StagedPart],
) -> Result<TableChange> {
    let before: HashSet<&str> =
        old.iter().flat_map(|old| &old.parts).map(|part| part.path.as_str()).collect();
    let file = |staged: &StagedPart| TableFile {
        path: staged.part.path.clone(),
        rows: staged.part.rows,
        bytes: staged.part.bytes,
        statistics: staged.statistics.clone(),
    };
    let now: Vec<TableFile> = parts.iter().map(file).collect();
    let (folder, ledger) = (folder(place), manifest.to_json());
    let begun = match (base, &place.catalog) {
        (None, Some(catalog)) => Some(begin(catalog, folder, shape)?),
        _ => None,
    };
    let base = base.or(begun.as_ref());
    let mut change = table::plan_commit(folder, base, shape, &before, &now, &ledger, table::now())?;
    if let CommitStep::Version(version, _) = change.step {
        is_next(place, version)?;
    }
    if begun.is_some() {
        change.files.extend(place.catalog.as_ref().map(|catalog| catalog.note()));
    }
    Ok(change)
}

/// Has a catalog begin a table, whose columns have the ids that stand in parts which are written.
fn begin(catalog: &Arc<CatalogTable>, folder: &Path, shape: &TableShape) -> Result<LoadedTable> {
    let begun = table::begin_in_catalog(catalog, folder, &table::blank(folder, shape)?)?;
    match table::column_ids(Some(&begun), shape)? == table::column_ids(None, shape)? {
        true => Ok(begun),
        false => Err(Error::machine(format!(
            "the catalog gives the columns of {} ids of its own",
            folder.display()
        ))),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    failpoint::step("stage metadata")?;
    let written = fsutil::create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|e| Error::io("write", path, e))
}

/// Fails where the version is there: another writer was faster.
fn is_next(place: &RecoveredOutput, version: u64) -> Result<()> {
    let path = folder(place).join(METADATA).join(TableFileNames::version(version));
    // On a store the put tells it, so a question would only be one more request.
    let is_there = !place.is_on_store() && path.symlink_metadata().is_ok();
    if is_there { Err(table::conflict(folder(place))) } else { Ok(()) }
}

impl SnapshotOperations {
    /// The names of all staged files.
    pub fn staged(&self) -> impl Iterator<Item = &String> {
        let snapshot = self.snapshot.iter();
        let files = snapshot.clone().flat_map(|snapshot| &snapshot.files).chain(&self.parts);
        files.map(|rename| &rename.staged).chain(snapshot.map(|snapshot| &snapshot.staged))
    }

    /// The first name of a file that a commit has no business with.
    pub fn stray(&self) -> Option<&str> {
        let files = self.snapshot.iter().flat_map(|snapshot| &snapshot.files);
        files
            .map(|file| file.part.as_str())
            .find(|name| !TableFileNames::is_ours(name) && !CatalogTable::is_note(name))
    }

    /// Puts parts and metadata in place, all but the version.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn place(
        &self,
        place: &RecoveredOutput,
        staging: &Path,
        put: impl Fn(&Path, &Path, u64) -> Result<()>,
    ) -> Result<()> {
        let metadata = folder(place).join(METADATA);
        let mut touched: HashSet<PathBuf> = HashSet::new();
        for Rename { staged, part, bytes } in &self.parts {
            failpoint::step("rename part")?;
            let to = place.root.join(part);
            put(&staging.join(staged), &to, *bytes)?;
            let above = to.ancestors().skip(1).take_while(|folder| folder.starts_with(&place.root));
            touched.extend(above.map(Path::to_path_buf));
        }
        for folder in &touched {
            fsutil::sync_folder(folder)?;
        }
        if let Some(snapshot) = &self.snapshot {
            for Rename { staged, part, bytes } in &snapshot.files {
                failpoint::step("put metadata")?;
                put(&staging.join(staged), &metadata.join(part), *bytes)?;
            }
            fsutil::sync_folder(&metadata)?;
            fsutil::sync_folder(folder(place))?;
        }
        Ok(())
    }

    /// Puts the version of the metadata in place: from then on readers see the snapshot.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn put(&self, place: &RecoveredOutput, staging: &Path) -> Result<PutSnapshot> {
        let Some(SnapshotFiles { staged, version, .. }) = &self.snapshot else {
            return Ok(PutSnapshot::Done);
        };
        failpoint::step("put version")?;
        let step = staging.join(staged);
        match version {
            Some(version) => put_version(&folder(place).join(METADATA), &step, *version),
            None => put_request(place, &step),
        }
    }
}

/// Asks the catalog of the table at `place` for the commit that is staged at `staged`.
///
/// # Errors
/// Whether the table has the commit is not known; the file system refuses.
pub(super) fn put_request(place: &RecoveredOutput, staged: &Path) -> Result<PutSnapshot> {
    ask_catalog(place, &fs::read(staged).map_err(|e| Error::io("read", staged, e))?)
}

/// The same for a request at hand.
///
/// # Errors
/// Whether the table has the commit is not known.
pub(super) fn ask_catalog(place: &RecoveredOutput, request: &[u8]) -> Result<PutSnapshot> {
    let request = serde_json::from_slice(request);
    let request = request.map_err(|e| Error::fault("a staged request is not JSON").caused_by(e))?;
    let catalog = place.catalog.as_ref().ok_or_else(|| {
        Error::machine(format!(
            "{} is committed to a catalog, but the job names none",
            folder(place).display()
        ))
        .hint("name the catalog in the job again, or remove the output")
    })?;
    Ok(match table::commit_to_catalog(catalog, &request)? {
        CatalogCommit::Done => PutSnapshot::Done,
        CatalogCommit::Refused(error) => PutSnapshot::Conflict(error),
    })
}

/// Links `staged` as the version of the metadata in the folder `metadata`, and names it in the hint.
///
/// # Errors
/// The file system refuses.
pub(super) fn put_version(metadata: &Path, staged: &Path, version: u64) -> Result<PutSnapshot> {
    let to = metadata.join(TableFileNames::version(version));
    match fs::hard_link(staged, &to) {
        Ok(()) => fsutil::sync_folder(metadata)?,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            // An earlier attempt may have come this far.
            let same =
                fs::read(staged).ok().zip(fs::read(&to).ok()).is_some_and(|(ours, there)| ours == there);
            if !same {
                let folder = metadata.parent().unwrap_or(metadata);
                return Ok(PutSnapshot::Conflict(table::conflict(folder)));
            }
        }
        Err(e) => return Err(Error::io("put in place", &to, e)),
    }
    failpoint::step("put hint")?;
    // A later version may have come since a first attempt, and the hint does not go back.
    if !metadata.join(TableFileNames::version(version + 1)).exists() {
        fsutil::write_atomically(&metadata.join(TableFileNames::hint()), version.to_string().as_bytes())?;
    }
    Ok(PutSnapshot::Done)
}

/// Whether `path`, below the folder of parts, is that of a part with this content: it is named by it.
pub(super) fn is_named_by_content(root: &Path, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    fsutil::content(&root.join(path)).is_ok_and(|(_, hash)| hash == stem)
}

/// The folder of the metadata of the table that is the output at `place`, below the folder of the table.
pub(super) fn metadata_below() -> String {
    format!("{METADATA}/x")
}

/// The folder of a table, of which links are refused, and the folder of parts in it.
pub(super) fn table_of(place: &RecoveredOutput) -> Option<&Path> {
    place.root.file_name().filter(|name| *name == DATA).and(place.root.parent())
}
