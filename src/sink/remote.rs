//! Outputs on stores: what a commit puts there, and in which order.
//!
//! ```text
//! <parts, states, metadata>          objects under names that no commit before had
//! _highwater/staged-<commit>-<n>     what gets the name of an object that may be there: logs, the file of an output
//! _highwater/journal-<commit>.json   what is left to do, where that is more than one put
//! ```
//! # Contract
//! * A store has no lock and no rename. All that readers cannot see is put first. Then one put with a condition is the commit
//!   of an output: `metadata/vN.metadata.json` of a table if there is none, or a request to its catalog; the manifest of a file
//!   if it is the one that was read. So of two writers one wins.
//! * A commit of one table is that put alone. Another one has a journal, whose put is the commit point: what it says is done
//!   by who wrote it, and by the next command that meets it. Doing it twice changes nothing.
//! * Names of parts and states end in the version that the commit makes, so that a name never comes back: who removes old ones
//!   cannot remove one that another writer has just put.
//! * What a killed command has put and no commit names stays. `expire` removes it, and staged objects go after a day.

use super::journal_parts::{Rename, commit_id};
use super::place::{RecoveredOutput, Target, TargetKind};
use super::snapshot::{self, PutSnapshot};
use super::stage::{StagedPart, Staging};
use super::versions::{StaleVersion, put_hint};
use super::{Manifest, ManifestDraft, manifest, remote_probe};
use crate::error::{Error, Result};
use crate::store::files::FoundFile;
use crate::store::{PutCondition, PutOutcome, files};
use crate::table::{self, CommitStep, TableFormat, TableInPlace, TableShape};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// What the names of staged objects begin with.
const STAGED: &str = "staged-";

/// The work of a command on an output on a store.
#[derive(Debug)]
pub(super) struct RemoteWork {
    /// Where parts are written before they are put.
    pub folder: tempfile::TempDir,
    /// What tells the staged objects from those of other commands.
    id: String,
    /// The state of the manifest that was read, where the output is a file that has one.
    pub version: Option<String>,
    /// Whether there may be staged objects.
    staged: AtomicBool,
}

/// What a commit does to an output on a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoreOperations {
    /// Of a table its format.
    #[serde(default)]
    format: TableFormat,
    /// The put that readers see; none where nothing changes for them.
    commit: Option<StoreCommit>,
    /// The staged object with its content.
    staged: String,
    /// The same, where it was made by this command.
    #[serde(skip)]
    content: Vec<u8>,
    /// Staged objects that get their names after the commit.
    renames: Vec<Rename>,
    /// Objects of the state that go then.
    deletions: Vec<String>,
}

/// The put by which an output gets its new content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoreCommit {
    /// A version of the metadata of a table.
    Version(u64),
    /// A request to the catalog of a table.
    Request,
    /// The manifest of a file, and the state of the one that it replaces.
    Manifest(Option<String>),
}

/// How far the put is by which an output gets its new content.
pub(super) enum Standing {
    /// It can be made.
    Free,
    /// It was made.
    Put,
    /// Another writer was faster, as the error says.
    Taken(Error),
    /// It is for others to say.
    Unknown,
}

impl RemoteWork {
    /// The work on an output that nothing is known of.
    ///
    /// # Errors
    /// A machine error: there is no room for temporary files.
    pub fn begin() -> Result<RemoteWork> {
        let folder =
            tempfile::tempdir().map_err(|e| Error::io("make a folder in", &std::env::temp_dir(), e))?;
        let id = commit_id();
        Ok(RemoteWork { folder, id, version: None, staged: AtomicBool::new(false) })
    }

    /// Removes what was staged for a commit that is not made.
    pub fn take_back(&self, state: &Path) {
        if self.staged.load(Ordering::Relaxed)
            && let Ok(found) = files::files_beginning(&state.join(format!("{STAGED}{}", self.id)))
        {
            // Where it fails, the next command removes them, a day later.
            let _ = files::delete(&found.into_iter().map(|file| file.path).collect::<Vec<_>>());
        }
    }
}

/// What a commit of an output is planned by.
pub(super) struct RemotePlan<'a> {
    pub target: &'a Target,
    pub place: &'a RecoveredOutput,
    pub work: &'a RemoteWork,
    pub staging: &'a Staging,
    /// The manifest in place, and the table.
    pub old: Option<&'a Manifest>,
    pub base: Option<&'a TableInPlace>,
    pub shape: Option<&'a TableShape>,
}

impl RemotePlan<'_> {
    /// Puts all that no reader sees, and says what is left to do.
    ///
    /// # Errors
    /// The store refuses or cannot be reached; as of [`table::plan_commit`].
    pub fn put(&self, draft: ManifestDraft) -> Result<Option<StoreOperations>> {
        // Once for each output is enough, and a catalog does without.
        if self.old.is_none() && self.base.is_none() && self.place.catalog.is_none() {
            let probe = self.place.state.join(self.staged_name(0));
            remote_probe::heeds_conditions(&probe, !self.target.is_table())?;
        }
        let (parts, kept) = (self.staging.all_parts()?, self.staging.all_kept()?);
        let of = |files: &[StagedPart]| files.iter().map(|file| file.part.clone()).collect();
        let manifest = Manifest::new(draft, of(&parts), of(&kept));
        let (mut uploads, mut renames) = (vec![], vec![]);
        let place = self.place;
        let mut later = |file: &StagedPart, from: PathBuf| {
            let staged = self.staged_name(renames.len() + 1);
            renames.push(Rename {
                staged: staged.clone(),
                part: file.part.path.clone(),
                bytes: file.part.bytes,
            });
            (from, place.state.join(staged), file.part.bytes)
        };
        for part in &parts {
            let Some(from) = self.on_disk(part) else { continue };
            uploads.push(match self.target.is_table() {
                true => (from, place.root.join(&part.part.path), part.part.bytes),
                // A file has one name, so its new content waits beside it.
                false => later(part, from),
            });
        }
        for log in &self.staging.all_states()? {
            uploads.extend(self.on_disk(log).map(|from| later(log, from)));
        }
        for state in &kept {
            let to = place.state.join(&state.part.path);
            uploads.extend(self.on_disk(state).map(|from| (from, to, state.part.bytes)));
        }
        let planned = self.commit(&manifest, &parts, &mut uploads)?;
        let (commit, content) = (planned.commit, planned.content);
        for (name, bytes) in planned.behind {
            // It may be there, and is put over that after the commit.
            let staged = self.staged_name(renames.len() + 1);
            let from = self.work.folder.path().join(&staged);
            std::fs::write(&from, &bytes).map_err(|e| Error::io("write", &from, e))?;
            uploads.push((from, place.state.join(&staged), bytes.len() as u64));
            renames.push(Rename { staged, part: name, bytes: bytes.len() as u64 });
        }
        self.work.staged.store(true, Ordering::Relaxed);
        files::upload(&uploads)?;
        // Those of a table go with `expire`, and those of a file have nobody else.
        let deletions = match commit {
            Some(StoreCommit::Manifest(_)) => self.staging.removed_kept(),
            _ => vec![],
        };
        let nothing = commit.is_none() && renames.is_empty();
        let staged = self.staged_name(0);
        let format = self.shape.map(|shape| shape.format).unwrap_or_default();
        let store = StoreOperations { format, commit, staged, content, renames, deletions };
        Ok((!nothing).then_some(store))
    }

    fn staged_name(&self, number: usize) -> String {
        format!("{STAGED}{}-{number}", self.work.id)
    }

    fn on_disk(&self, file: &StagedPart) -> Option<PathBuf> {
        Some(self.work.folder.path().join(file.staged.as_ref()?))
    }

    /// The put that is the commit, and its content.
    fn commit(
        &self,
        manifest: &Manifest,
        parts: &[StagedPart],
        uploads: &mut Vec<(PathBuf, PathBuf, u64)>,
    ) -> Result<PlannedPut> {
        if self.old == Some(manifest) {
            return Ok(PlannedPut::default());
        }
        if !self.target.is_table() {
            let commit = StoreCommit::Manifest(self.work.version.clone());
            let content = manifest.to_json().into_bytes();
            return Ok(PlannedPut { commit: Some(commit), content, behind: vec![] });
        }
        let shape = self.shape.ok_or_else(|| Error::fault("a table is committed that was not described"))?;
        let change = snapshot::plan(self.place, self.base, shape, (self.old, manifest), parts)?;
        let metadata = self.target.path.join(shape.format.metadata());
        for (number, (name, bytes)) in change.files.into_iter().enumerate() {
            let from = self.work.folder.path().join(format!("{number}.metadata"));
            std::fs::write(&from, &bytes).map_err(|e| Error::io("write", &from, e))?;
            uploads.push((from, metadata.join(name), bytes.len() as u64));
        }
        let (commit, content) = match change.step {
            CommitStep::Version(version, content) => (Some(StoreCommit::Version(version)), content),
            CommitStep::Request(content) => (Some(StoreCommit::Request), content),
        };
        // Only a format whose parts lie in the folder of the table itself has such files.
        let below = |(name, bytes)| (format!("{}/{name}", shape.format.metadata()), bytes);
        let behind = change.behind.into_iter().map(below).collect();
        Ok(PlannedPut { commit, content, behind })
    }
}

/// The put by which an output gets its new content.
#[derive(Default)]
struct PlannedPut {
    /// Which it is; none where nothing changes.
    commit: Option<StoreCommit>,
    /// Its content.
    content: Vec<u8>,
    /// What is put after it, by path below the folder of the output.
    behind: Vec<(String, Vec<u8>)>,
}

impl StoreOperations {
    /// Whether one put does all of it.
    pub fn is_one_put(&self) -> bool {
        matches!(self.commit, Some(StoreCommit::Version(_) | StoreCommit::Request)) && self.renames.is_empty()
    }

    /// How far the put of the commit is.
    ///
    /// # Errors
    /// The store does not say.
    pub fn standing(&self, place: &RecoveredOutput) -> Result<Standing> {
        let (path, named, is_free) = match &self.commit {
            Some(StoreCommit::Version(version)) => {
                let folder = self.format.folder(&place.root).unwrap_or(&place.root);
                let file = folder.join(self.format.metadata()).join(self.format.version_file(*version));
                let is_free = !files::is_file(&file)?;
                (file, folder.to_path_buf(), is_free)
            }
            Some(StoreCommit::Manifest(before)) => {
                let (file, name) = (place.state.join(manifest::FILE), place.state.file_name());
                let is_free = files::version(&file)? == *before;
                (file, place.root.join(name.unwrap_or_default()), is_free)
            }
            Some(StoreCommit::Request) => return Ok(Standing::Unknown),
            None => return Ok(Standing::Free),
        };
        if is_free {
            return Ok(Standing::Free);
        }
        let staged = match self.content.is_empty() {
            true => files::read(&place.state.join(&self.staged))?,
            false => Some(self.content.clone().into()),
        };
        Ok(match staged {
            // Another command has done all of it.
            None => Standing::Unknown,
            staged if staged == files::read(&path)? => Standing::Put,
            Some(_) => Standing::Taken(table::conflict(&named)),
        })
    }

    /// Puts the content of the commit where the next command finds it.
    ///
    /// # Errors
    /// The store refuses.
    pub fn stage(&self, place: &RecoveredOutput) -> Result<()> {
        match self.commit {
            Some(_) => {
                let to = place.state.join(&self.staged);
                files::put(&to, self.content.clone(), PutCondition::Always).map(drop)
            }
            None => Ok(()),
        }
    }

    /// Puts what readers see.
    ///
    /// # Errors
    /// The store refuses.
    pub fn put(&self, place: &RecoveredOutput, committed: &mut bool) -> Result<PutSnapshot> {
        let Some(commit) = &self.commit else { return Ok(PutSnapshot::Done) };
        let content = match self.content.is_empty() {
            false => self.content.clone().into(),
            true => match files::read(&place.state.join(&self.staged))? {
                Some(content) => content,
                // Another command has met the journal too, and has done all of it.
                None => return Ok(PutSnapshot::Done),
            },
        };
        match commit {
            StoreCommit::Version(version) => {
                let folder = self.format.folder(&place.root).unwrap_or(&place.root);
                put_version(folder, self.format, content.into(), *version, committed)
            }
            StoreCommit::Request => {
                let put = snapshot::ask_catalog(place, self.format, &content)?;
                *committed |= matches!(put, PutSnapshot::Done);
                Ok(put)
            }
            StoreCommit::Manifest(before) => {
                let to = place.state.join(manifest::FILE);
                let condition = before.as_deref().map_or(PutCondition::Absent, PutCondition::Unchanged);
                Ok(match files::put(&to, content, condition)? {
                    PutOutcome::Done => {
                        *committed = true;
                        PutSnapshot::Done
                    }
                    PutOutcome::Lost => {
                        let name = place.state.file_name().unwrap_or_default();
                        PutSnapshot::Conflict(table::conflict(&place.root.join(name)))
                    }
                })
            }
        }
    }

    /// Does what comes after the commit.
    ///
    /// # Errors
    /// The store refuses.
    pub fn apply(&self, place: &RecoveredOutput) -> Result<()> {
        for Rename { staged, part, .. } in &self.renames {
            // Where it is gone, another command has done this.
            files::copy(&place.state.join(staged), &place.root.join(part))?;
        }
        let gone: Vec<PathBuf> = self.deletions.iter().map(|path| place.state.join(path)).collect();
        files::delete(&gone)
    }

    /// Removes what was staged.
    ///
    /// # Errors
    /// The store refuses.
    pub fn forget(&self, place: &RecoveredOutput) -> Result<()> {
        let staged = self.renames.iter().map(|rename| &rename.staged).chain([&self.staged]);
        files::delete(&staged.map(|name| place.state.join(name)).collect::<Vec<_>>())
    }

    /// The first staged object that is not there.
    ///
    /// # Errors
    /// The store does not say.
    pub fn missing(&self, place: &RecoveredOutput) -> Result<Option<PathBuf>> {
        let of_commit = self.commit.iter().map(|_| &self.staged);
        for name in self.renames.iter().map(|rename| &rename.staged).chain(of_commit) {
            let path = place.state.join(name);
            if !files::is_file(&path)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Whether `part` is a file that its format puts behind the version of this commit.
    fn is_behind(&self, part: &str) -> bool {
        let name = part.strip_prefix(self.format.metadata()).and_then(|name| name.strip_prefix('/'));
        let version = match &self.commit {
            Some(StoreCommit::Version(version)) => *version,
            _ => 0,
        };
        name.is_some_and(|name| self.format.is_behind(name, version))
    }

    /// The first name of an object that a commit has no business with.
    pub fn stray<'a>(&'a self, place: &RecoveredOutput) -> Option<&'a str> {
        let is_staged = |name: &str| name.starts_with(STAGED) && !name.contains('/');
        let staged = self.renames.iter().map(|rename| rename.staged.as_str()).chain([self.staged.as_str()]);
        let parts = self.renames.iter().map(|rename| rename.part.as_str());
        let in_state = |path: &str| super::guard::is_kept(path);
        let is_behind = |part: &str| self.is_behind(part);
        let is_stray = |part: &&str| !place.holds(part) && !is_behind(part);
        let mut stray = staged.filter(|name| !is_staged(name)).chain(parts.filter(is_stray));
        stray.next().or_else(|| self.deletions.iter().map(String::as_str).find(|path| !in_state(path)))
    }
}

/// Puts a version of the metadata of a table on a store in place, and names it in the hint.
///
/// # Errors
/// The store refuses.
pub(super) fn put_version(
    folder: &Path,
    format: TableFormat,
    content: Vec<u8>,
    version: u64,
    committed: &mut bool,
) -> Result<PutSnapshot> {
    let metadata = &folder.join(format.metadata());
    let to = metadata.join(format.version_file(version));
    if files::put(&to, content, PutCondition::Absent)? == PutOutcome::Lost {
        return Ok(PutSnapshot::Conflict(table::conflict(folder)));
    }
    *committed = true;
    if let Some(stale) = StaleVersion::of(folder, format, version)? {
        *committed = false;
        if stale.is_alone {
            files::delete(&[to])?;
        }
        return Ok(PutSnapshot::Conflict(table::conflict(folder)));
    }
    if format == TableFormat::Iceberg {
        put_hint(metadata, version)?;
    }
    Ok(PutSnapshot::Done)
}

/// What the names of a commit end in: the version of the table that it makes, or the hash of the manifest that it replaces.
pub(super) fn tag(target: &Target, base: Option<&TableInPlace>, old: Option<&Manifest>) -> String {
    match (base, old, &target.kind) {
        (Some(base), ..) => (base.version() + 1).to_string(),
        (None, Some(old), _) => format!("{:016x}", xxhash_rust::xxh3::xxh3_64(old.to_json().as_bytes())),
        (None, None, TargetKind::Table(kind)) => kind.format.first_version().to_string(),
        (None, None, _) => "1".to_string(),
    }
}

/// Whether a state was put by a commit that made this version of a table, or an earlier one: who makes a later one may be about
/// to name its own.
pub(super) fn is_of_commit_until(path: &Path, version: u64) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let tag = stem.split_once('-').and_then(|(_, tag)| tag.parse::<u64>().ok());
    tag.is_some_and(|tag| tag <= version)
}

/// The journals in the state folder of an output on a store, and old staged objects: those that no commit will take, where no
/// output of the job has a journal.
///
/// # Errors
/// The store refuses.
pub(super) fn journals(place: &RecoveredOutput) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let found = files::files_in(&place.state)?;
    let name =
        |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_journal = |path: &Path| name(path).starts_with("journal-") && name(path).ends_with(".json");
    let journals: Vec<PathBuf> =
        found.iter().filter(|file| is_journal(&file.path)).map(|file| file.path.clone()).collect();
    let since = table::now().saturating_sub(table::LONGEST_COMMIT);
    let is_old = |file: &FoundFile| name(&file.path).starts_with(STAGED) && file.written < since;
    let old = found.into_iter().filter(is_old).map(|file| file.path);
    Ok((journals, old.collect()))
}
