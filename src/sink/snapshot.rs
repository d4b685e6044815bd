//! The commit of a table, as a part of the commit of all outputs.
//!
//! # Contract
//! * Until the journal is in place, nothing of a table changes but its staging folder.
//! * Then parts and metadata are put in place under new names, which no reader looks for, and then the version of the
//!   metadata by a hard link, which fails where a file has the name: so of two writers one wins. Of a table in a catalog, the
//!   last step is a request in the place of the version. The journal has the request, and never where it goes: that, the job
//!   says.
//! * The hint of Iceberg, and a checkpoint of Delta Lake, come last; readers and writers do without them.

use super::journal_parts::Rename;
use super::place::RecoveredOutput;
use super::stage::StagedPart;
use super::versions::StaleVersion;
use super::{Manifest, failpoint, fsutil};
use crate::error::{Error, Result};
use crate::table::{
    self, CatalogCommit, CatalogTable, CommitStep, TableChange, TableFile, TableFileNames, TableFormat,
    TableInPlace, TableShape,
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
    /// The format of the table.
    #[serde(default)]
    pub format: TableFormat,
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
    /// Staged files of the metadata that are put in place behind the version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<Rename>,
}

/// What came of the attempt to put a version of the metadata in place.
pub(super) enum PutSnapshot {
    /// It is in place.
    Done,
    /// Another writer has made this version.
    Conflict(Error),
    /// A catalog refuses it, and may take it another time.
    Refused(Error),
}

/// The folder of the table whose parts lie in the folder of `place`.
fn folder(place: &RecoveredOutput, format: TableFormat) -> &Path {
    format.folder(&place.root).unwrap_or(&place.root)
}

/// Writes what a snapshot needs into the folder `staging`: the table gets the parts and the ledger of `manifest`.
///
/// # Errors
/// As of [`table::plan_commit`]; the disk fails; another writer has changed the table since `base` was read.
pub(super) fn stage(
    place: &RecoveredOutput,
    staging: &Path,
    base: Option<&TableInPlace>,
    shape: &TableShape,
    (old, manifest): (Option<&Manifest>, &Manifest),
    parts: &[StagedPart],
) -> Result<SnapshotFiles> {
    let folder = folder(place, shape.format);
    let change = plan(place, base, shape, (old, manifest), parts)?;
    fs::create_dir_all(staging).map_err(|e| Error::io("create the folder", staging, e))?;
    let metadata = folder.join(shape.format.metadata());
    fsutil::create_folders(&metadata)?;
    let stage_all = |all: Vec<(String, Vec<u8>)>, ending: &str| {
        let stage = |(number, (part, bytes)): (usize, (String, Vec<u8>))| {
            let staged = format!("{number}.{ending}");
            write(&staging.join(&staged), &bytes)?;
            Ok(Rename { staged, part, bytes: bytes.len() as u64 })
        };
        all.into_iter().enumerate().map(stage).collect::<Result<Vec<_>>>()
    };
    let files = stage_all(change.files, "metadata")?;
    let behind = stage_all(change.behind, "behind")?;
    let (staged, bytes, version) = match change.step {
        CommitStep::Version(version, metadata) => ("version.metadata", metadata, Some(version)),
        CommitStep::Request(request) => ("request.json", request, None),
    };
    write(&staging.join(staged), &bytes)?;
    Ok(SnapshotFiles { files, staged: staged.to_string(), version, behind })
}

/// What a snapshot needs by which the table gets the parts and the ledger of `manifest`.
///
/// # Errors
/// As of [`table::plan_commit`]; another writer has changed the table since `base` was read; its catalog refuses to begin it.
pub(super) fn plan(
    place: &RecoveredOutput,
    base: Option<&TableInPlace>,
    shape: &TableShape,
    (old, manifest): (Option<&Manifest>, &Manifest),
    parts: &[StagedPart],
) -> Result<TableChange> {
    let folder = folder(place, shape.format);
    let before: HashSet<&str> =
        old.iter().flat_map(|old| &old.parts).map(|part| part.path.as_str()).collect();
    let file = |staged: &StagedPart| TableFile {
        path: staged.part.path.clone(),
        rows: staged.part.rows,
        bytes: staged.part.bytes,
        statistics: staged.statistics.clone(),
    };
    let now: Vec<TableFile> = parts.iter().map(file).collect();
    let begun = match (base, &place.catalog) {
        (None, Some(catalog)) => Some(begin(catalog, folder, shape)?),
        _ => None,
    };
    let base = base.or(begun.as_ref());
    let parts = (&before, now.as_slice());
    let mut change = table::plan_commit(folder, base, shape, parts, &manifest.to_json(), table::now())?;
    if let CommitStep::Version(version, _) = change.step {
        is_next(place, shape.format, version)?;
    }
    // The folder tells which catalog has it.
    let note = begun.as_ref().and(place.catalog.as_ref()).map(|catalog| catalog.note());
    change.files.splice(0..0, note);
    Ok(change)
}

/// Has a catalog begin a table, whose columns have the ids that stand in parts which are written.
fn begin(catalog: &Arc<CatalogTable>, folder: &Path, shape: &TableShape) -> Result<TableInPlace> {
    let begun = table::begin_in_catalog(catalog, folder, shape)?;
    match table::column_ids(folder, Some(&begun), shape)? == table::column_ids(folder, None, shape)? {
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
fn is_next(place: &RecoveredOutput, format: TableFormat, version: u64) -> Result<()> {
    let folder = folder(place, format);
    let path = folder.join(format.metadata()).join(format.version_file(version));
    // On a store the put tells it, so a question would only be one more request.
    let is_there = !place.is_on_store() && path.symlink_metadata().is_ok();
    if is_there { Err(table::conflict(folder)) } else { Ok(()) }
}

impl SnapshotOperations {
    /// The names of all staged files.
    pub fn staged(&self) -> impl Iterator<Item = &String> {
        let snapshot = self.snapshot.iter();
        let files = snapshot.clone().flat_map(|snapshot| snapshot.files.iter().chain(&snapshot.behind));
        let files = files.chain(&self.parts);
        files.map(|rename| &rename.staged).chain(snapshot.map(|snapshot| &snapshot.staged))
    }

    /// The first name of a file that a commit has no business with.
    pub fn stray(&self) -> Option<String> {
        let snapshot = self.snapshot.as_ref()?;
        let name = |file: &Rename| file.part.clone();
        let is_ours = |name: &String| self.format.is_ours(name) || CatalogTable::is_note(name);
        let before = snapshot.files.iter().map(name).find(|name| !is_ours(name));
        let is_behind =
            |name: &String| snapshot.version.is_some_and(|version| self.format.is_behind(name, version));
        before.or_else(|| snapshot.behind.iter().map(name).find(|name| !is_behind(name)))
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
        let folder = folder(place, self.format);
        let metadata = folder.join(self.format.metadata());
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
            fsutil::sync_folder(folder)?;
        }
        Ok(())
    }

    /// Puts the version of the metadata in place: from then on readers see the snapshot.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn put(&self, place: &RecoveredOutput, staging: &Path) -> Result<PutSnapshot> {
        let Some(SnapshotFiles { staged, version, behind, .. }) = &self.snapshot else {
            return Ok(PutSnapshot::Done);
        };
        let folder = folder(place, self.format);
        failpoint::step("put version")?;
        let staged = staging.join(staged);
        let put = match version {
            Some(version) => put_version(folder, self.format, &staged, *version)?,
            None => put_request(place, self.format, &staged)?,
        };
        if matches!(put, PutSnapshot::Done) {
            let metadata = folder.join(self.format.metadata());
            for Rename { staged, part, .. } in behind {
                failpoint::step("put behind")?;
                let (staged, to) = (staging.join(staged), metadata.join(part));
                // One that is not there was put in place by an earlier attempt.
                if staged.exists() {
                    fs::rename(&staged, &to).map_err(|e| Error::io("replace", &to, e))?;
                }
            }
            fsutil::sync_folder(&metadata)?;
        }
        Ok(put)
    }
}

/// Asks the catalog of the table at `place` for the commit that is staged at `staged`.
///
/// # Errors
/// Whether the table has the commit is not known; the file system refuses.
pub(super) fn put_request(
    place: &RecoveredOutput,
    format: TableFormat,
    staged: &Path,
) -> Result<PutSnapshot> {
    ask_catalog(place, format, &fs::read(staged).map_err(|e| Error::io("read", staged, e))?)
}

/// As [`put_request`], of a request that has been read.
///
/// # Errors
/// Whether the table has the commit is not known.
pub(super) fn ask_catalog(
    place: &RecoveredOutput,
    format: TableFormat,
    request: &[u8],
) -> Result<PutSnapshot> {
    let request = serde_json::from_slice(request)
        .map_err(|e| Error::fault("a staged request is not JSON").caused_by(e))?;
    let catalog = place.catalog.as_ref().ok_or_else(|| {
        Error::machine(format!(
            "{} is committed to a catalog, but the job names none",
            folder(place, format).display()
        ))
        .hint("name the catalog in the job again, or remove the output")
    })?;
    Ok(match table::commit_to_catalog(catalog, &request)? {
        CatalogCommit::Done => PutSnapshot::Done,
        CatalogCommit::Conflict(error) => PutSnapshot::Conflict(error),
        CatalogCommit::Refused(error) => PutSnapshot::Refused(error),
    })
}

/// Links `staged` as the version of the metadata of the table in `folder`, and names it in the hint, where the format has one.
///
/// # Errors
/// The file system refuses.
pub(super) fn put_version(
    folder: &Path,
    format: TableFormat,
    staged: &Path,
    version: u64,
) -> Result<PutSnapshot> {
    let metadata = &folder.join(format.metadata());
    let to = metadata.join(format.version_file(version));
    match fs::hard_link(staged, &to) {
        Ok(()) => fsutil::sync_folder(metadata)?,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            // An earlier attempt may have come this far.
            let same =
                fs::read(staged).ok().zip(fs::read(&to).ok()).is_some_and(|(ours, there)| ours == there);
            if !same {
                return Ok(PutSnapshot::Conflict(table::conflict(folder)));
            }
        }
        Err(e) => return Err(Error::io("put in place", &to, e)),
    }
    if let Some(stale) = StaleVersion::of(folder, format, version)? {
        if stale.is_alone {
            fsutil::remove_file(&to)?;
        }
        return Ok(PutSnapshot::Conflict(table::conflict(folder)));
    }
    if format != TableFormat::Iceberg {
        return Ok(PutSnapshot::Done);
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

/// A file of the metadata of a table, below the folder of the table.
pub(super) fn metadata_below(format: TableFormat) -> String {
    format!("{}/x", format.metadata())
}
