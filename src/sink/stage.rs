//! Staged files: written beside the target, on its file system, under names that no reader looks for.
//!
//! # Contract
//! A file in place stays where it is if its content is that of the part: its bytes are hashed, whatever its size and
//! times say. A part that a correction does not look at is kept without reading it where nothing has touched the file
//! since the manifest was put in place (its ctime, which no program sets, is before that of the manifest).

use super::altered::{altered, is_as};
use super::manifest::{AdoptedFile, Manifest, Part};
use super::remote_names::RemoteNames;
use super::{failpoint, fsutil};
use crate::error::{Error, Result};
use crate::table::PartStatistics;
use crate::time::FirstAndLast;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use xxhash_rust::xxh3::Xxh3;

/// Bytes gathered before a write.
const BUFFER: usize = 1 << 16;

/// The staging folder of one output, and the parts in it. Shared with the files being written.
#[derive(Debug)]
pub(super) struct Staging {
    /// The staging folder.
    folder: PathBuf,
    /// The output's folder.
    root: PathBuf,
    /// The state folder's path below the output's folder.
    state: String,
    /// The parts of the manifest that is in place, by path.
    old: HashMap<String, Part>,
    /// Its parts of the state, by path below the state folder.
    old_kept: HashMap<String, Part>,
    /// When that manifest was put in place: the ctime of its file.
    since: Option<(i64, i64)>,
    next: AtomicU64,
    /// Whether parts are named by their content.
    by_content: bool,
    /// Of an output on a store its names; those of states tell their content too.
    remote: Option<RemoteNames>,
    /// By the part's path; `None` while the file is being written.
    parts: Mutex<BTreeMap<String, Option<StagedPart>>>,
    /// Files of the state folder, by their paths below the output's folder, in the same way.
    states: Mutex<BTreeMap<String, Option<StagedPart>>>,
    /// Parts of the state, by their paths below the state folder, in the same way.
    kept: Mutex<BTreeMap<String, Option<StagedPart>>>,
    /// Files of another program that the parts take the place of.
    foreign: Mutex<BTreeSet<String>>,
}

/// What a staged file becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StagedKind {
    /// A part of the output.
    Part,
    /// A file of the state folder that no manifest names.
    File,
    /// A part of the state: the manifest names it.
    Kept,
}

/// A part that the output will have.
#[derive(Debug, Clone)]
pub(super) struct StagedPart {
    pub part: Part,
    /// The staged file's name in the staging folder; `None` where the file in place stays.
    pub staged: Option<String>,
    /// Whether it is the part that the manifest in place names, and the file is written again: it is gone, or was
    /// changed from outside.
    pub restored: bool,
    /// Of a table what its columns have, where it was written now.
    pub statistics: Vec<PartStatistics>,
}

/// How sure it has to be that a file in place is as its manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Its bytes are hashed.
    Content,
    /// They are hashed where something may have touched the file since.
    Touched,
}

impl Staging {
    /// Stages in `folder` what goes below `root` or the state folder, which lies at `state` below that, and takes the
    /// place of `old`, the manifest that is in place, in the file `manifest`. Parts are named by their content, or as they are
    /// called when they are staged; `remote` has the names of an output on a store.
    pub fn new(
        folder: PathBuf,
        root: PathBuf,
        state: String,
        (old, manifest): (Option<&Manifest>, &Path),
        by_content: bool,
        remote: Option<RemoteNames>,
    ) -> Staging {
        let by_path =
            |parts: &Vec<Part>| parts.iter().map(|part| (part.path.clone(), part.clone())).collect();
        let (old, old_kept) = match old {
            Some(old) => (by_path(&old.parts), by_path(&old.state)),
            None => Default::default(),
        };
        let (parts, states, kept) = Default::default();
        let since = manifest.symlink_metadata().ok().map(|there| (there.ctime(), there.ctime_nsec()));
        let next = AtomicU64::new(0);
        let foreign = Mutex::default();
        Staging {
            folder,
            root,
            state,
            old,
            old_kept,
            since,
            next,
            by_content,
            remote,
            parts,
            states,
            kept,
            foreign,
        }
    }

    fn files(&self, kind: StagedKind) -> MutexGuard<'_, BTreeMap<String, Option<StagedPart>>> {
        let files = match kind {
            StagedKind::Part => &self.parts,
            StagedKind::File => &self.states,
            StagedKind::Kept => &self.kept,
        };
        files.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Opens a staged file for the part at `relative`.
    pub fn stage(self: &Arc<Staging>, relative: &Path) -> Result<StagedFile> {
        let path = part_path(relative)?;
        self.reserve(&path, StagedKind::Part)?;
        Ok(self.begin(path, StagedKind::Part))
    }

    /// Opens a staged file for `name` below the state folder.
    pub fn stage_state(self: &Arc<Staging>, name: &str) -> Result<StagedFile> {
        let path = self.of_state(&part_path(Path::new(name))?);
        self.reserve(&path, StagedKind::File)?;
        Ok(self.begin(path, StagedKind::File))
    }

    /// Opens a staged file for the part of the state at `relative` below the state folder.
    pub fn stage_kept(self: &Arc<Staging>, relative: &Path) -> Result<StagedFile> {
        let path = part_path(relative)?;
        self.reserve(&path, StagedKind::Kept)?;
        Ok(self.begin(path, StagedKind::Kept))
    }

    /// Below the output's folder what lies at `path` below the state folder.
    pub fn of_state(&self, path: &str) -> String {
        format!("{}/{path}", self.state)
    }

    fn begin(self: &Arc<Staging>, path: String, kind: StagedKind) -> StagedFile {
        // The path of a part has folders, and the staging folder is flat.
        let name = format!("{}.staged", self.next.fetch_add(1, Ordering::Relaxed));
        let on_disk = self.folder.join(&name);
        let staging = Arc::clone(self);
        StagedFile {
            staging,
            kind,
            path,
            name,
            on_disk,
            file: None,
            buffer: vec![],
            hasher: Box::new(Xxh3::new()),
            bytes: 0,
            adopted: None,
            statistics: vec![],
        }
    }

    /// Keeps the part at `path` of the manifest in place as it is.
    pub fn keep(&self, path: &str) -> Result<Part> {
        self.keep_as_it_is(path, StagedKind::Part)
    }

    /// The same for a part of the state, by its path below the state folder.
    pub fn keep_state(&self, path: &str) -> Result<Part> {
        self.keep_as_it_is(path, StagedKind::Kept)
    }

    fn keep_as_it_is(&self, path: &str, kind: StagedKind) -> Result<Part> {
        let old = self.old(path, kind);
        let Some(part) = old.cloned() else { return Err(altered(&self.on_disk(path, kind))) };
        if !self.in_place(&part, kind, Look::Touched)? {
            return Err(altered(&self.on_disk(path, kind)));
        }
        self.reserve(path, kind)?;
        self.done(StagedPart { part: part.clone(), staged: None, restored: false, statistics: vec![] }, kind);
        Ok(part)
    }

    fn reserve(&self, path: &str, kind: StagedKind) -> Result<()> {
        match self.files(kind).insert(path.to_string(), None) {
            None => Ok(()),
            Some(_) => Err(Error::machine(format!("two parts of one output are called {path}"))),
        }
    }

    /// The path of a part that was staged as `path`, after its content.
    fn named_by_content(&self, path: String, kind: StagedKind, hash: &str) -> String {
        self.files(kind).remove(&path);
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        match &self.remote {
            Some(names) => names.path(&folder, hash, extension),
            None => format!("{folder}{hash}.{extension}"),
        }
    }

    /// Whether parts of a kind are named by their content.
    fn names_by_content(&self, kind: StagedKind) -> bool {
        match kind {
            StagedKind::Part => self.by_content,
            StagedKind::Kept => self.remote.is_some(),
            StagedKind::File => false,
        }
    }

    fn done(&self, part: StagedPart, kind: StagedKind) {
        self.files(kind).insert(part.part.path.clone(), Some(part));
    }

    /// What the manifest in place says of a file.
    fn old(&self, path: &str, kind: StagedKind) -> Option<&Part> {
        match kind {
            StagedKind::Part => self.old.get(path),
            // The manifest does not name these files.
            StagedKind::File => None,
            StagedKind::Kept => self.old_kept.get(path),
        }
    }

    /// Where a file lies when it is in place.
    fn on_disk(&self, path: &str, kind: StagedKind) -> PathBuf {
        match kind {
            StagedKind::Part | StagedKind::File => self.root.join(path),
            StagedKind::Kept => self.root.join(&self.state).join(path),
        }
    }

    /// The parts that are finished and are not as they lie in place, with the staged files.
    pub fn staged(&self) -> Vec<(Part, PathBuf)> {
        let staged = |part: &StagedPart| Some((part.part.clone(), self.folder.join(part.staged.as_ref()?)));
        self.files(StagedKind::Part).values().flatten().filter_map(staged).collect()
    }

    /// Bytes of the parts, and of those of the state, that are finished.
    pub fn bytes(&self) -> u64 {
        let of = |kind| self.files(kind).values().flatten().map(|staged| staged.part.bytes).sum::<u64>();
        of(StagedKind::Part) + of(StagedKind::Kept)
    }

    /// Whether the file of `part`, which the manifest in place names, is as it says.
    fn in_place(&self, part: &Part, kind: StagedKind, look: Look) -> Result<bool> {
        let path = self.on_disk(&part.path, kind);
        if let Some(names) = &self.remote {
            return names.has(&path, part);
        }
        let Ok(there) = path.symlink_metadata() else { return Ok(false) };
        let since = Some((there.ctime(), there.ctime_nsec()));
        // Within the same instant a change cannot be told from the commit itself, so `<` and not `<=`.
        let untouched = look == Look::Touched && since < self.since;
        Ok(there.is_file() && there.len() == part.bytes && (untouched || is_as(&path, part)))
    }

    /// The paths of parts, those of before and those of now.
    pub fn known(&self) -> HashSet<String> {
        self.old.keys().cloned().chain(self.files(StagedKind::Part).keys().cloned()).collect()
    }

    /// All parts, sorted by path.
    pub fn all_parts(&self) -> Result<Vec<StagedPart>> {
        finished(&self.files(StagedKind::Part))
    }

    /// All files of the state that are no parts of it, sorted by path.
    pub fn all_states(&self) -> Result<Vec<StagedPart>> {
        finished(&self.files(StagedKind::File))
    }

    /// All parts of the state, sorted by path.
    pub fn all_kept(&self) -> Result<Vec<StagedPart>> {
        finished(&self.files(StagedKind::Kept))
    }

    /// The paths of the manifest in place that are parts no longer, and those of files that parts take the place of, sorted.
    pub fn removed(&self) -> Vec<String> {
        let parts = self.files(StagedKind::Part);
        let mut removed = gone(&self.old, &parts);
        removed.extend(self.foreign().iter().filter(|path| !parts.contains_key(*path)).cloned());
        removed.sort();
        removed
    }

    fn foreign(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.foreign.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Lets the parts take the place of a file of another program.
    pub fn replace_foreign(&self, path: &str) -> Result<()> {
        self.foreign().insert(part_path(Path::new(path))?);
        Ok(())
    }

    /// Makes files of another program the parts, in the place of what was staged.
    pub fn adopt(&self, parts: Vec<Part>) -> Result<()> {
        self.files(StagedKind::Part).clear();
        for part in parts {
            // Between the comparison and now it may have been written again.
            if !is_as(&self.on_disk(&part.path, StagedKind::Part), &part) {
                return Err(altered(&self.on_disk(&part.path, StagedKind::Part)));
            }
            self.done(
                StagedPart { part, staged: None, restored: false, statistics: vec![] },
                StagedKind::Part,
            );
        }
        Ok(())
    }

    /// The same of the parts of the state.
    pub fn removed_kept(&self) -> Vec<String> {
        gone(&self.old_kept, &self.files(StagedKind::Kept))
    }

    /// Whether the manifest in place names the part at `path`.
    pub fn was_part(&self, path: &str) -> bool {
        self.old.contains_key(path) || self.foreign().contains(path)
    }
}

fn gone(old: &HashMap<String, Part>, now: &BTreeMap<String, Option<StagedPart>>) -> Vec<String> {
    let mut gone: Vec<String> = old.keys().filter(|path| !now.contains_key(*path)).cloned().collect();
    // A hash map does not have an order, and a journal must not depend on chance.
    gone.sort();
    gone
}

fn finished(files: &BTreeMap<String, Option<StagedPart>>) -> Result<Vec<StagedPart>> {
    let unfinished = |path: &str| Error::machine(format!("the part {path} was not finished"));
    files.iter().map(|(path, part)| part.clone().ok_or_else(|| unfinished(path))).collect()
}

/// A part's path as the manifest has it: relative, `/` between names, within the output.
fn part_path(relative: &Path) -> Result<String> {
    let wrong = || Error::machine(format!("{} cannot be the path of a part", relative.display()));
    let mut names = vec![];
    for component in relative.components() {
        match component {
            Component::Normal(name) => names.push(name.to_str().ok_or_else(wrong)?),
            _ => return Err(wrong()),
        }
    }
    match names.first() {
        None | Some(&super::STATE_FOLDER) => Err(wrong()),
        Some(_) => Ok(names.join("/")),
    }
}

/// A part while it is written: buffered, hashed, counted. Dropped without [`StagedFile::finish`], the
/// part is not there, and the commit fails.
pub struct StagedFile {
    staging: Arc<Staging>,
    kind: StagedKind,
    path: String,
    name: String,
    on_disk: PathBuf,
    /// Made when there is something to write to it: a small part that is as the one in place needs none.
    file: Option<File>,
    buffer: Vec<u8>,
    hasher: Box<Xxh3>,
    bytes: u64,
    /// How it is read, where it is not written as parts are.
    adopted: Option<AdoptedFile>,
    statistics: Vec<PartStatistics>,
}

impl std::fmt::Debug for StagedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StagedFile")
            .field("path", &self.path)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl StagedFile {
    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Notes that it is written as another program does.
    pub(super) fn reads_as(&mut self, like: AdoptedFile) {
        self.adopted = Some(like);
    }

    /// Notes what its columns have, for the metadata of a table.
    pub(super) fn describe(&mut self, statistics: Vec<PartStatistics>) {
        self.statistics = statistics;
    }

    /// Where it lies while it is staged.
    pub(super) fn on_disk(&self) -> &Path {
        &self.on_disk
    }

    /// The error of a failed write to this file.
    pub(super) fn failed(&self, cause: io::Error) -> Error {
        Error::io("write", &self.on_disk, cause)
    }

    /// Ends the part, which holds `rows` rows with these first and last instants (see [`Part::first`]), and
    /// makes its bytes durable; or, if the file in place has the same bytes, keeps that and drops this one.
    /// Safe to call from many threads.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn finish(mut self, rows: u64, span: Option<FirstAndLast>) -> Result<Part> {
        let hash = format!("{:032x}", self.hasher.digest128());
        let (first, last) = span.map(|span| (span.first, span.last)).unzip();
        let mut path = std::mem::take(&mut self.path);
        if self.staging.names_by_content(self.kind) {
            path = self.staging.named_by_content(path, self.kind, &hash);
        }
        let part = Part { path, rows, bytes: self.bytes, hash, first, last, adopted: self.adopted.take() };
        let old = self.staging.old(&part.path, self.kind);
        let same = old.is_some_and(|old| old.hash == part.hash && old.bytes == part.bytes);
        // A file can be changed without a trace in the manifest, so its bytes are hashed.
        let stays = same && self.staging.in_place(&part, self.kind, Look::Content)?;
        let staged = if stays {
            // A small part is still in the buffer and does not have a file yet.
            if self.file.take().is_some() {
                fsutil::remove_file(&self.on_disk)?;
            }
            None
        } else {
            self.flush_buffer().map_err(|e| self.failed(e))?;
            failpoint::step("sync staged file")?;
            // Of an output on a store it is a temporary file.
            let sync = |file: &mut File, remote| if remote { Ok(()) } else { file.sync_all() };
            let remote = self.staging.remote.is_some();
            self.open_file().and_then(|file| sync(file, remote)).map_err(|e| self.failed(e))?;
            Some(std::mem::take(&mut self.name))
        };
        let restored = same && !stays;
        let statistics = std::mem::take(&mut self.statistics);
        self.staging.done(StagedPart { part: part.clone(), staged, restored, statistics }, self.kind);
        Ok(part)
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn open_file(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => {
                if let Some(folder) = self.on_disk.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                Ok(none.insert(fsutil::create_new(&self.on_disk)?))
            }
        }
    }

    fn flush_buffer(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let written = self.open_file().and_then(|file| file.write_all(&buffer));
        // The buffer keeps its memory for the next bytes.
        self.buffer = buffer;
        self.buffer.clear();
        written
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush_buffer()?;
        }
        // The buffer would only copy a large piece once more.
        if bytes.len() >= BUFFER {
            self.open_file()?.write_all(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        self.take_in(bytes);
        Ok(())
    }

    /// Does nothing: bytes reach the disk when the part is finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_paths_stay_within_the_output() {
        assert_eq!(
            part_path(Path::new("date=2024-01-01/part-0.parquet")).unwrap(),
            "date=2024-01-01/part-0.parquet"
        );
        for wrong in ["", "/a", "../a", "a/../../b", "_highwater/manifest.json"] {
            assert!(part_path(Path::new(wrong)).is_err(), "{wrong}");
        }
    }
}
