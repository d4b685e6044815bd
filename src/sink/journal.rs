//! The journal of a commit: what will be done, written down before it is done.
//!
//! # Contract
//! * A commit over several outputs has one primary journal (in the state folder of its first output)
//!   and a pointer to it in each other output. Pointers are durable before the primary is; the rename
//!   that puts the primary in place is the **commit point**.
//! * A primary journal in place means: committed. Everything in it is done, by the run that wrote it
//!   or by the next that meets it. Doing it again where it was done changes nothing.
//! * A pointer whose primary is not in place, or is another commit's, means: not committed.
//! * Pointers are removed before the primary, so a pointer never outlives what it points to unread.
//! * Paths are relative to the primary output's folder, so a tree of outputs can be moved as a whole.
//! * Outputs on stores have no pointers: each command of a job looks for journals in all of its outputs. The journal of a
//!   commit lies on the disk where one of its outputs does, else in the first one on a store (see `remote`).
//! * A journal is data from outside. It is followed where it leads to outputs that the job names and to files that a
//!   commit may touch there (see `guard`); else nothing of it is done, and the error names the journal.

use super::guard::{PathsOnDisk, Ways, is_plain};
use super::journal_parts::{Rename, commit_id};
use super::lock::Lock;
use super::place::{JOURNAL, RecoveredOutput, STAGING};
use super::remote::{self, Standing, StoreOperations};
use super::snapshot::{self, PutSnapshot, SnapshotOperations};
use super::{failpoint, fsutil, manifest};
use crate::error::{Error, Result};
use crate::store::{PutCondition, files, is_on_store};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const VERSION: u32 = 1;
/// What stands in `journal.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    version: u32,
    /// Names the commit: equal in the primary and its pointers.
    id: String,
    role: JournalRole,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum JournalRole {
    /// All that the commit does, output by output; the first is the primary.
    Primary(Vec<OutputOperations>),
    /// Where the primary's state folder lies, from this output's folder.
    Pointer(PathBuf),
}

/// What a commit does to one output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OutputOperations {
    /// The output's folder, from the primary output's folder.
    pub root: PathBuf,
    /// Its state folder, from the same.
    pub state: PathBuf,
    /// Staged files that become parts: the new ones and those that replace a file.
    pub renames: Vec<Rename>,
    /// Parts that go, by their paths below `root`.
    pub deletions: Vec<String>,
    /// The staged manifest's name in the staging folder; `None` where the one in place stays.
    pub manifest: Option<String>,
    /// Of a table: its parts and its snapshot, in the place of renames of parts and of a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<SnapshotOperations>,
    /// Of an output on a store: all that is done there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreOperations>,
    /// Of the primary output: files that lie beside outputs and come with the commit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Beside>,
}

impl OutputOperations {
    /// What a commit does to an output on a store.
    pub fn on_store(store: Option<StoreOperations>) -> OutputOperations {
        OutputOperations {
            root: PathBuf::new(),
            state: PathBuf::new(),
            renames: vec![],
            deletions: vec![],
            manifest: None,
            table: None,
            store,
            beside: vec![],
        }
    }

    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        let none = self.renames.is_empty() && self.deletions.is_empty() && self.manifest.is_none();
        none && self.table.is_none() && self.store.is_none()
    }
}

/// A file that is no output, and its place: paths from the primary output's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beside {
    /// Where it lies until the commit; none of a file that goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staged: Option<PathBuf>,
    /// Its place.
    pub to: PathBuf,
}

/// Commits: pointers, the primary journal, all operations, clean-up. The first place is the primary.
///
/// Sets `committed` at the commit point: an error before it leaves the outputs as they were, and one
/// after it leaves a journal that the next start completes. Gives the error of a table that another writer has changed
/// in the meantime: then `committed` says whether other outputs have come, and nothing is left to do.
pub(super) fn commit(
    places: &[RecoveredOutput],
    operations: Vec<OutputOperations>,
    committed: &mut bool,
) -> Result<Option<Error>> {
    let id = commit_id();
    let primary = &places[0];
    if let ([one], [OutputOperations { store: Some(store), .. }]) = (places, &operations[..])
        && store.is_one_put()
    {
        return Ok(match store.put(one, committed)? {
            PutSnapshot::Done => None,
            PutSnapshot::Conflict(error) | PutSnapshot::Refused(error) => Some(error),
        });
    }
    for (place, operations) in places.iter().zip(&operations) {
        if let Some(store) = &operations.store {
            store.stage(place)?;
        }
    }
    // Pointers first: once the primary is in place, every output must lead to it.
    for place in places[1..].iter().filter(|place| !place.is_on_store()) {
        failpoint::step("write pointer")?;
        let role = JournalRole::Pointer(fsutil::relative_path(&place.root, &primary.state));
        write(&place.state, &Journal { version: VERSION, id: id.clone(), role })?;
    }
    failpoint::step("write journal")?;
    let journal = Journal { version: VERSION, id, role: JournalRole::Primary(operations) };
    let written = write(&primary.state, &journal);
    // A rename that cannot be made durable may still stand: then the commit is not ours to undo.
    let path = path_of(&primary.state, &journal.id);
    *committed = match written {
        Ok(()) => true,
        // Where a store does not answer, it may have the journal.
        Err(_) if primary.is_on_store() => files::delete(&[path]).is_err(),
        Err(_) => path.exists(),
    };
    written?;
    let id = journal.id;
    let JournalRole::Primary(operations) = journal.role else { unreachable!("built above") };
    let completed = complete(places, &operations, &id, Attempt::First)?;
    if let Some(Conflicted { taken_back: true, .. }) = completed {
        *committed = false;
    }
    Ok(completed.map(|conflicted| conflicted.error))
}

fn write(state: &Path, journal: &Journal) -> Result<()> {
    let text = serde_json::to_string(journal).expect("paths of outputs are UTF-8");
    let path = path_of(state, &journal.id);
    match is_on_store(state) {
        true => files::put(&path, text.into_bytes(), PutCondition::Always).map(drop),
        false => fsutil::write_atomically(&path, text.as_bytes()),
    }
}

/// Where the journal of a commit lies. On a store there may be those of several writers.
fn path_of(state: &Path, id: &str) -> PathBuf {
    match is_on_store(state) {
        true => state.join(format!("journal-{id}.json")),
        false => state.join(JOURNAL),
    }
}

fn read(state: &Path) -> Result<Option<Journal>> {
    let path = state.join(JOURNAL);
    let Some(text) = fsutil::read_own(&path)? else { return Ok(None) };
    manifest::parse_versioned(&text, VERSION, "journal", &path).map(Some)
}

/// What came of a recovery.
#[derive(Debug)]
pub(super) enum Recovery {
    /// The output is as before or after the commit.
    Done,
    /// Another process holds an output of the commit, as the error says; nothing was done.
    Busy(Error),
}

/// Brings an output, whose lock is held, to the state before or after the commit that a dead run
/// left, and removes what that run staged. `held` are the state folders whose locks are held.
///
/// # Errors
/// The journal leads to a place that is not one of `known`; the file system refuses.
pub(super) fn recover(place: &RecoveredOutput, held: &[PathBuf], known: &PathsOnDisk) -> Result<Recovery> {
    match read(&place.state)? {
        None => roll_back(place),
        Some(Journal { role: JournalRole::Primary(operations), id, .. }) => {
            complete_alone(place, operations, &id, held, known)
        }
        Some(Journal { role: JournalRole::Pointer(to), id, .. }) => {
            recover_by_pointer(place, &to, &id, held, known)
        }
    }
}

/// Brings the commits to their end whose journals lie in outputs on stores. What dead writers have staged there goes, if
/// `clean`.
///
/// # Errors
/// As of [`recover`].
pub(super) fn recover_on_stores(known: &PathsOnDisk, clean: bool) -> Result<()> {
    let (mut old, mut none) = (vec![], true);
    for place in known.places_on_stores() {
        let (journals, staged) = remote::journals(place)?;
        none &= journals.is_empty();
        old.extend(staged);
        journals.iter().try_for_each(|path| recover_journal(place, path, known))?;
    }
    // The journal in one output needs what is staged in the others.
    if clean && none { files::delete(&old) } else { Ok(()) }
}

/// Whether a commit to outputs on stores has a journal.
///
/// # Errors
/// The store does not say.
pub(super) fn is_under_way(known: &PathsOnDisk) -> Result<bool> {
    for place in known.places_on_stores() {
        if !remote::journals(place)?.0.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Brings the commit to its end whose journal lies at `path` in an output on a store.
fn recover_journal(place: &RecoveredOutput, path: &Path, known: &PathsOnDisk) -> Result<()> {
    // Another command may have brought it to its end in the meantime.
    let Some(bytes) = files::read(path)? else { return Ok(()) };
    let text = String::from_utf8_lossy(&bytes);
    let journal: Journal = manifest::parse_versioned(&text, VERSION, "journal", path)?;
    let of_this = path_of(&place.state, &journal.id) == path;
    let JournalRole::Primary(operations) = journal.role else {
        return Err(astray(place, "is a pointer, and outputs on stores do not have one"));
    };
    if !of_this || operations.iter().any(|operations| operations.store.is_none()) {
        return Err(astray(place, "is not one of an output on a store"));
    }
    complete_alone(place, operations, &journal.id, &[], known).map(drop)
}

fn recover_by_pointer(
    place: &RecoveredOutput,
    to: &Path,
    id: &str,
    held: &[PathBuf],
    known: &PathsOnDisk,
) -> Result<Recovery> {
    let pointer = place.state.join(JOURNAL);
    let state = fs::canonicalize(place.root.join(to)).map_err(|e| {
        Error::io("open", &place.root.join(to), e)
            .hint(format!("an interrupted run was writing to it and to {} together.", place.root.display()))
            .hint(format!("restore it, or abandon that run by removing {}.", pointer.display()))
    })?;
    // A journal is data from outside, so it is followed only to outputs that the job names.
    let Some(primary) = known.places.iter().find(|known| known.state == state) else {
        return Err(astray(
            place,
            &format!("leads to {}, which is not an output of this job", state.display()),
        ));
    };
    // A second lock on one file would be refused, also to this process.
    let _lock = match held.contains(&state) {
        true => None,
        false => match Lock::try_take(&state)? {
            Ok(lock) => Some(lock),
            Err(taken) => return Ok(Recovery::Busy(taken)),
        },
    };
    match read(&state)? {
        Some(Journal { id: found, role: JournalRole::Primary(operations), .. }) if found == id => {
            let held: Vec<PathBuf> = held.iter().cloned().chain([state]).collect();
            complete_alone(primary, operations, id, &held, known)
        }
        // The primary is gone or is of another commit, so this one did not reach its commit point.
        _ => {
            fsutil::remove_file(&pointer)?;
            roll_back(place)
        }
    }
}

/// Completes a commit with the locks of all its outputs.
fn complete_alone(
    primary: &RecoveredOutput,
    operations: Vec<OutputOperations>,
    id: &str,
    held: &[PathBuf],
    known: &PathsOnDisk,
) -> Result<Recovery> {
    let places = checked(primary, &operations, known)?;
    let journal = path_of(&primary.state, id);
    for (place, operations) in places.iter().zip(&operations) {
        let Some(store) = &operations.store else { continue };
        let Some(missing) = store.missing(place)? else { continue };
        // A journal goes before what it needs.
        if !files::is_file(&journal)? {
            return Ok(Recovery::Done);
        }
        let what = format!("{} is missing, which {} needs", missing.display(), journal.display());
        return Err(Error::machine(what)
            .hint("it was removed from outside: remove that journal too, and run the job again"));
    }
    let mut locks = vec![];
    for place in &places {
        if place != primary && !place.is_on_store() && !held.contains(&place.state) {
            match Lock::try_take(&place.state)? {
                Ok(lock) => locks.push(lock),
                Err(taken) => return Ok(Recovery::Busy(taken)),
            }
        }
    }
    // A table that another writer has changed since keeps that change; its next look at the table names it.
    complete(&places, &operations, id, Attempt::Recovery).map(|_| Recovery::Done)
}

/// The error for a journal that cannot be one of this job's.
fn astray(place: &RecoveredOutput, what: &str) -> Error {
    let journal = place.state.join(JOURNAL);
    Error::machine(format!("the journal {} {what}", journal.display()))
        .hint("it was not applied. If a run of another job left it, run that job: it names all of the places")
        .hint(format!(
            "otherwise the journal is not from your jobs: remove it, and run the job again, which rewrites all that differs from {}",
            place.state.join(manifest::FILE).display()
        ))
}

/// The places of a journal's outputs. Nothing in it may lead to another place than those of `known`, or to a file
/// that a commit has no business with.
fn checked(
    primary: &RecoveredOutput,
    operations: &[OutputOperations],
    known: &PathsOnDisk,
) -> Result<Vec<RecoveredOutput>> {
    if operations.is_empty() {
        return Err(astray(primary, "does not name an output"));
    }
    let mut places: Vec<RecoveredOutput> = vec![];
    let mut ways = Ways::default();
    for (number, operations) in operations.iter().enumerate() {
        let (root, state) = folders_of(primary, operations)?;
        let is_there = |place: &&RecoveredOutput| (&place.root, &place.state) == (&root, &state);
        // Which catalog a table is in, the job says.
        let of_job = std::iter::once(primary).chain(&known.places).find(is_there);
        let of_job = of_job.filter(|place| (*place == primary) == (number == 0));
        let Some(place) = of_job.cloned() else {
            let root = root.display();
            return Err(astray(primary, &format!("leads to {root}, which is not an output of this job")));
        };
        if place.is_on_store() != operations.store.is_some() {
            return Err(astray(primary, "is not as its outputs lie"));
        }
        if let Some(name) = operations.store.as_ref().and_then(|store| store.stray(&place)) {
            return Err(astray(primary, &format!("names `{name}`, which is not an object of a commit")));
        }
        let staging = format!("{}/{STAGING}", place.state_below_root());
        let of_table = operations.table.iter().flat_map(SnapshotOperations::staged);
        let staged = operations.renames.iter().map(|rename| &rename.staged).chain(&operations.manifest);
        let staged = staged.chain(of_table);
        for name in staged {
            let is_name = is_plain(name) && !name.contains('/');
            let at = place.state.join(STAGING).join(name);
            let there = at.symlink_metadata();
            // A staged file that is missing was put in place by an earlier attempt.
            if !is_name || there.is_ok_and(|there| !there.is_file()) {
                return Err(astray(primary, &format!("names `{name}`, which is not a staged file")));
            }
            ways.look(&place.root, &format!("{staging}/{name}"))?;
        }
        if let Some(table) = &operations.table {
            let folder = table.format.folder(&place.root);
            let stray = folder.map_or(Some("data".to_string()), |_| table.stray());
            if let Some(name) = stray {
                return Err(astray(
                    primary,
                    &format!("names `{name}`, which is not a file of a table's metadata"),
                ));
            }
            folder.map_or(Ok(()), |folder| ways.look(folder, &snapshot::metadata_below(table.format)))?;
        }
        let of_table = operations.table.iter().flat_map(|table| &table.parts);
        let parts = operations.renames.iter().chain(of_table).map(|rename| &rename.part);
        let parts = parts.chain(&operations.deletions);
        for part in parts {
            if !place.holds(part) {
                let root = place.root.display();
                return Err(astray(
                    primary,
                    &format!("names `{part}`, which is not a file of the output {root}"),
                ));
            }
            ways.look(&place.root, part)?;
        }
        for beside in &operations.beside {
            if let Some(to) = stray(&place, beside, known) {
                let what = format!("leads to {}, which is not a file that this job writes", to.display());
                return Err(astray(primary, &what));
            }
        }
        places.push(place);
    }
    Ok(places)
}

/// Where a file beside the outputs would go, if that is not a place of the job's.
fn stray(place: &RecoveredOutput, Beside { staged, to }: &Beside, known: &PathsOnDisk) -> Option<PathBuf> {
    let whole = |path: &Path| {
        let path = place.root.join(path);
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        folder.and_then(|folder| Some(folder.join(path.file_name()?)))
    };
    // Where the folder is gone, nothing is put there.
    let to = whole(to)?;
    let name = to.file_name().map(|name| format!(".{}.staged", name.to_string_lossy()));
    let is_staged = |staged| name.map(|name| to.with_file_name(name)) == whole(staged);
    let right = known.beside.contains(&to) && staged.as_deref().is_none_or(is_staged);
    (!right).then_some(to)
}

/// The folder of an output and its state folder, as a journal has them.
fn folders_of(primary: &RecoveredOutput, operations: &OutputOperations) -> Result<(PathBuf, PathBuf)> {
    let absolute = |relative: &Path| {
        if is_on_store(relative) {
            return Ok(relative.to_path_buf());
        }
        let path = primary.root.join(relative);
        fs::canonicalize(&path).map_err(|e| {
            Error::io("open", &path, e)
                .hint(format!("the commit recorded in {} needs it.", primary.state.join(JOURNAL).display()))
        })
    };
    Ok((absolute(&operations.root)?, absolute(&operations.state)?))
}

/// Nothing was committed: what was staged goes, and so do folders that were made for it.
fn roll_back(place: &RecoveredOutput) -> Result<Recovery> {
    let staging = place.state.join(STAGING);
    let _ = fs::remove_file(place.state.join("journal.tmp"));
    if staging.symlink_metadata().is_ok() {
        fsutil::remove_folder(&staging)?;
        fsutil::remove_empty_below(&place.root);
        fsutil::remove_empty_below(&place.state);
    }
    Ok(Recovery::Done)
}

/// Who completes a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// The command that made it, and can still take it back.
    First,
    /// A later one, which has found its journal.
    Recovery,
}

/// Tables that another writer has changed since a commit was planned.
struct Conflicted {
    error: Error,
    /// Whether no other output has come, so that all was taken back.
    taken_back: bool,
}

/// Does all that a committed journal says, from wherever an earlier attempt stopped; then forgets it.
/// The first place is the primary.
fn complete(
    places: &[RecoveredOutput],
    operations: &[OutputOperations],
    id: &str,
    attempt: Attempt,
) -> Result<Option<Conflicted>> {
    let all = || places.iter().zip(operations);
    // What readers of a table cannot see yet comes first, of all tables; then their versions, one after another.
    for (place, operations) in all() {
        if let Some(table) = &operations.table {
            table.place(place, &place.state.join(STAGING), put_in_place)?;
        }
    }
    if let Some(error) = overtaken(places, operations)? {
        forget(places, operations, id)?;
        return Ok(Some(Conflicted { error, taken_back: true }));
    }
    let (mut errors, mut lost, mut is_put) = (vec![], vec![], false);
    for (number, (place, operations)) in all().enumerate() {
        let put = match (&operations.store, &operations.table) {
            (Some(store), _) => store.put(place, &mut false)?,
            (None, Some(table)) => table.put(place, &place.state.join(STAGING))?,
            (None, None) => continue,
        };
        match put {
            PutSnapshot::Done => is_put = true,
            // The command that made it has said that it is recorded.
            PutSnapshot::Refused(error) if attempt == Attempt::Recovery => {
                let journal = path_of(&places[0].state, id);
                return Err(error.hint(format!(
                    "the commit of an earlier command is recorded in {}: remove the cause of this error, and the next command completes it; or remove that file to give the commit up",
                    journal.display()
                )));
            }
            PutSnapshot::Conflict(error) | PutSnapshot::Refused(error) => {
                errors.push(error);
                lost.push(number);
                // Commits of one job have one first output: who loses it leaves all others to the one who won.
                if !is_put {
                    break;
                }
            }
        }
    }
    let taken_back = !lost.is_empty() && !is_put;
    for (number, (place, operations)) in all().enumerate() {
        if !taken_back && !lost.contains(&number) {
            apply(place, operations)?;
        }
    }
    forget(places, operations, id)?;
    let error = Error::all(errors).map(|error| match taken_back {
        true => error,
        false => {
            error.hint("the other outputs of the job were committed: the next run brings all to one state")
        }
    });
    Ok(error.map(|error| Conflicted { error, taken_back }))
}

/// The error for a commit to several outputs on stores of which another writer has taken one, while none was put yet: who loses a
/// later output alone leaves outputs of two runs. Writers meet at the first output, but an expiry commits to one table.
fn overtaken(places: &[RecoveredOutput], operations: &[OutputOperations]) -> Result<Option<Error>> {
    let mut taken = None;
    for (place, operations) in places.iter().zip(operations) {
        let Some(store) = &operations.store else { return Ok(None) };
        match store.standing(place)? {
            Standing::Free => {}
            Standing::Taken(error) => taken = taken.or(Some(error)),
            Standing::Put | Standing::Unknown => return Ok(None),
        }
    }
    Ok(taken)
}

/// Removes the journals of a commit and what was staged for it.
fn forget(places: &[RecoveredOutput], operations: &[OutputOperations], id: &str) -> Result<()> {
    // Pointers go before the primary: after a crash here it is still there, and all is done again.
    for place in places[1.min(places.len())..].iter().filter(|place| !place.is_on_store()) {
        failpoint::step("remove pointer")?;
        fsutil::remove_file(&place.state.join(JOURNAL))?;
        fsutil::sync_folder(&place.state)?;
    }
    failpoint::step("remove journal")?;
    if let Some(primary) = places.first() {
        let journal = path_of(&primary.state, id);
        if primary.is_on_store() {
            files::delete(&[journal])?;
        } else {
            fsutil::remove_file(&journal)?;
            fsutil::sync_folder(&primary.state)?;
        }
    }
    for (place, operations) in places.iter().zip(operations) {
        failpoint::step("remove staging")?;
        match &operations.store {
            Some(store) => store.forget(place)?,
            None => fsutil::remove_folder(&place.state.join(STAGING))?,
        }
    }
    Ok(())
}

fn apply(place: &RecoveredOutput, operations: &OutputOperations) -> Result<()> {
    if let Some(store) = &operations.store {
        return store.apply(place);
    }
    let staging = place.state.join(STAGING);
    let mut touched = BTreeSet::new();
    for rename in &operations.renames {
        failpoint::step("rename part")?;
        let to = place.root.join(&rename.part);
        put_in_place(&staging.join(&rename.staged), &to, rename.bytes)?;
        touched.extend(folders_up_to(&place.root, &to));
    }
    for part in &operations.deletions {
        failpoint::step("delete part")?;
        let gone = place.root.join(part);
        fsutil::remove_file(&gone)?;
        if let Some(folder) = gone.parent() {
            fsutil::remove_empty_up_to(&place.root, folder);
        }
        touched.extend(folders_up_to(&place.root, &gone));
    }
    // Parts must be durable before the manifest names them.
    for folder in touched.iter().filter(|folder| folder.exists()) {
        fsutil::sync_folder(folder)?;
    }
    if let Some(staged) = &operations.manifest {
        failpoint::step("put manifest")?;
        let (from, to) = (staging.join(staged), place.state.join(manifest::FILE));
        // An earlier attempt may have moved it already.
        if from.exists() {
            fs::rename(&from, &to).map_err(|e| Error::io("replace", &to, e))?;
        }
        fsutil::sync_folder(&place.state)?;
    }
    for Beside { staged, to } in &operations.beside {
        failpoint::step("put beside")?;
        let (staged, to) = (staged.as_ref().map(|staged| place.root.join(staged)), place.root.join(to));
        match staged {
            // One that is gone was put in place, and what became of it since is no business of the outputs.
            Some(staged) if staged.symlink_metadata().is_ok_and(|there| there.is_file()) => {
                fs::rename(&staged, &to).map_err(|e| Error::io("replace", &to, e))?;
            }
            Some(_) => {}
            None => fsutil::remove_file(&to)?,
        }
        to.parent().filter(|folder| folder.exists()).map_or(Ok(()), fsutil::sync_folder)?;
    }
    Ok(())
}

/// The folder of a part and those above it up to `root`: their entries may have changed.
fn folders_up_to<'a>(root: &'a Path, part: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
    part.ancestors().skip(1).take_while(move |folder| folder.starts_with(root)).map(Path::to_path_buf)
}

fn put_in_place(staged: &Path, to: &Path, bytes: u64) -> Result<()> {
    if !staged.exists() {
        return match to.symlink_metadata() {
            Ok(there) if there.is_file() && there.len() == bytes => Ok(()), // An earlier attempt came this far.
            _ => Err(Error::machine(format!(
                "{} is missing; it was to become {}",
                staged.display(),
                to.display()
            ))
            .hint("the staging folder was changed from outside; remove the output and run again.")),
        };
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
    }
    fs::rename(staged, to).map_err(|e| Error::io("replace", to, e))
}
