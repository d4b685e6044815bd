//! Staged files: written beside the target, on its file system, under names that no reader looks for.

use super::manifest::Part;
use super::{failpoint, fsutil};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
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
    /// The parts of the manifest that is in place, by path.
    old: HashMap<String, Part>,
    next: AtomicU64,
    /// By the part's path; `None` while the file is being written.
    parts: Mutex<BTreeMap<String, Option<StagedPart>>>,
    /// Files of the state folder, by their paths below the output's folder, in the same way.
    states: Mutex<BTreeMap<String, Option<StagedPart>>>,
}

/// A part that the output will have.
#[derive(Debug, Clone)]
pub(super) struct StagedPart {
    pub part: Part,
    /// The staged file's name in the staging folder; `None` where the file in place stays.
    pub staged: Option<String>,
}

impl Staging {
    pub fn new(folder: PathBuf, root: PathBuf, old: impl IntoIterator<Item = Part>) -> Staging {
        let old = old.into_iter().map(|part| (part.path.clone(), part)).collect();
        let (parts, states) = Default::default();
        Staging { folder, root, old, next: AtomicU64::new(0), parts, states }
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<String, Option<StagedPart>>> {
        self.parts.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<String, Option<StagedPart>>> {
        self.states.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Opens a staged file for the part at `relative`.
    pub fn stage(self: &Arc<Staging>, relative: &Path) -> Result<StagedFile> {
        let path = part_path(relative)?;
        self.reserve(&path)?;
        Ok(self.begin(path, false))
    }

    /// Opens a staged file for `name` below `state`, which is the state folder's path below the output's folder.
    pub fn stage_state(self: &Arc<Staging>, state: &str, name: &str) -> Result<StagedFile> {
        let path = format!("{state}/{}", part_path(Path::new(name))?);
        match self.states().insert(path.clone(), None) {
            None => {}
            Some(_) => return Err(Error::machine(format!("two files of the state are called {path}"))),
        }
        Ok(self.begin(path, true))
    }

    fn begin(self: &Arc<Staging>, path: String, is_state: bool) -> StagedFile {
        let name = format!("{}.staged", self.next.fetch_add(1, Ordering::Relaxed));
        let on_disk = self.folder.join(&name);
        let staging = Arc::clone(self);
        StagedFile {
            staging,
            is_state,
            path,
            name,
            on_disk,
            file: None,
            buffer: vec![],
            hasher: Box::new(Xxh3::new()),
            bytes: 0,
        }
    }

    /// Keeps the part at `path` of the manifest in place as it is.
    pub fn keep(&self, path: &str) -> Result<Part> {
        let part = self.old.get(path).filter(|part| self.in_place(part)).cloned();
        let part = part.ok_or_else(|| {
            Error::machine(format!("{} is gone or was changed from outside", self.root.join(path).display()))
        })?;
        self.reserve(path)?;
        self.done(StagedPart { part: part.clone(), staged: None });
        Ok(part)
    }

    fn reserve(&self, path: &str) -> Result<()> {
        match self.parts().insert(path.to_string(), None) {
            None => Ok(()),
            Some(_) => Err(Error::machine(format!("two parts of one output are called {path}"))),
        }
    }

    fn done(&self, part: StagedPart) {
        self.parts().insert(part.part.path.clone(), Some(part));
    }

    /// The parts that are finished and are not as they lie in place, with the staged files.
    pub fn staged(&self) -> Vec<(Part, PathBuf)> {
        let staged = |part: &StagedPart| Some((part.part.clone(), self.folder.join(part.staged.as_ref()?)));
        self.parts().values().flatten().filter_map(staged).collect()
    }

    /// Whether the file of `part` is the one that the manifest in place describes, by its size.
    fn in_place(&self, part: &Part) -> bool {
        self.root.join(&part.path).metadata().is_ok_and(|m| m.is_file() && m.len() == part.bytes)
    }

    /// All parts, sorted by path.
    pub fn all_parts(&self) -> Result<Vec<StagedPart>> {
        finished(&self.parts())
    }

    /// All files of the state, sorted by path.
    pub fn all_states(&self) -> Result<Vec<StagedPart>> {
        finished(&self.states())
    }

    /// The paths of the manifest in place that are parts no longer, sorted.
    pub fn removed(&self) -> Vec<String> {
        let parts = self.parts();
        let mut gone: Vec<String> =
            self.old.keys().filter(|path| !parts.contains_key(*path)).cloned().collect();
        gone.sort();
        gone
    }

    /// Whether the manifest in place names the part at `path`.
    pub fn was_part(&self, path: &str) -> bool {
        self.old.contains_key(path)
    }
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
    /// Whether it is a file of the state folder, and no part.
    is_state: bool,
    path: String,
    name: String,
    on_disk: PathBuf,
    /// Made when there is something to write to it: a small part that is as the one in place needs none.
    file: Option<File>,
    buffer: Vec<u8>,
    hasher: Box<Xxh3>,
    bytes: u64,
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
    pub fn finish(mut self, rows: u64, span: Option<(i64, i64)>) -> Result<Part> {
        let hash = format!("{:032x}", self.hasher.digest128());
        let (first, last) = span.unzip();
        let part = Part { path: std::mem::take(&mut self.path), rows, bytes: self.bytes, hash, first, last };
        let same = self
            .staging
            .old
            .get(&part.path)
            .is_some_and(|old| old.hash == part.hash && old.bytes == part.bytes);
        let staged = if same && self.staging.in_place(&part) {
            if self.file.take().is_some() {
                fsutil::remove_file(&self.on_disk)?;
            }
            None
        } else {
            self.flush_buffer().map_err(|e| self.failed(e))?;
            failpoint::step("sync staged file")?;
            self.open_file().and_then(|file| file.sync_all()).map_err(|e| self.failed(e))?;
            Some(std::mem::take(&mut self.name))
        };
        let done = StagedPart { part: part.clone(), staged };
        match self.is_state {
            true => drop(self.staging.states().insert(part.path.clone(), Some(done))),
            false => self.staging.done(done),
        }
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
                Ok(none.insert(File::create(&self.on_disk)?))
            }
        }
    }

    fn flush_buffer(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let written = self.open_file().and_then(|file| file.write_all(&buffer));
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
