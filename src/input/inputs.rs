//! The input files of one command, each as it was first seen.

use super::opened::{KeptHandle, Opened, Stamp};
use super::shape::ArchiveMember;
use super::{shape, stream};
use crate::error::Result;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The input files of one command, each as it was first seen. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    pub(super) known: Arc<Mutex<HashMap<PathBuf, Opened>>>,
    /// What the job itself writes: no folder or glob stands for that.
    pub(super) own: Arc<Vec<PathBuf>>,
}

impl Inputs {
    /// The inputs of a job that writes to `own`: files, and folders with all that is in them.
    pub fn beside(own: Vec<PathBuf>) -> Inputs {
        Inputs { known: Arc::default(), own: Arc::new(own) }
    }

    /// What the job writes.
    pub(super) fn own(&self) -> &[PathBuf] {
        &self.own
    }

    /// The file at `path`, as it was first seen. A stream is read to its end here, and is from then on known by the
    /// name that its content gives it too ([`Opened::path`]).
    ///
    /// # Errors
    /// Job: nothing is there, or it is not a file. Data: a stream gives nothing. Machine: it cannot be read.
    pub fn file(&self, path: &Path) -> Result<Opened> {
        if let Some(known) = self.known().get(path) {
            return Ok(known.clone());
        }
        // `-` is not a path, so it must not be looked up on disk.
        if stream::is_stdin(path) {
            return self.stream(path);
        }
        let there = match std::fs::metadata(path) {
            Ok(there) => there,
            Err(cause) => {
                // What is not on disk may be the path of a member inside a zip.
                let member = self.member_at(path)?;
                return member.ok_or_else(|| stream::not_there(path, cause));
            }
        };
        if there.file_type().is_file() && !stream::is_descriptor(path) {
            let opened = Opened::new(path, path, Stamp::of(&there), there.len());
            self.known().insert(path.to_path_buf(), opened.clone());
            return Ok(opened);
        }
        stream::check(path, &there)?;
        self.stream(path)
    }

    /// Whether `path` is that of a file, or the name of a stream that was read.
    pub fn has(&self, path: &Path) -> bool {
        self.known().contains_key(path)
            || stream::is_stdin(path)
            || path.exists()
            || self.member_at(path).is_ok_and(|member| member.is_some())
    }

    /// The files that `path` stands for, with what there is to tell of them: a zip stands for its members. Those whose
    /// names do not tell a format are among them if `any` are.
    ///
    /// # Errors
    /// As of [`Inputs::file`], and of archives.
    pub(crate) fn files(&self, path: &Path, any: bool) -> Result<(Vec<Opened>, Vec<String>)> {
        let file = self.file(path)?;
        Ok(match shape::members(&file, any)? {
            Some((members, notes)) => (members.into_iter().map(|m| self.member(&file, m)).collect(), notes),
            None => (vec![file], vec![]),
        })
    }

    /// The member of a zip at this path, if it is one.
    pub(super) fn member_at(&self, path: &Path) -> Result<Option<Opened>> {
        let Some(archive) = path.ancestors().skip(1).find(|above| above.is_file()) else { return Ok(None) };
        let file = self.file(archive)?;
        let Some((members, _)) = shape::members(&file, true)? else { return Ok(None) };
        Ok(members.into_iter().find(|member| member.path == path).map(|member| self.member(&file, member)))
    }

    pub(super) fn member(&self, archive: &Opened, member: ArchiveMember) -> Opened {
        let mut known = self.known();
        let opened = known.entry(member.path.clone());
        opened.or_insert_with(|| Opened::of_member(archive, member)).clone()
    }

    pub(super) fn stream(&self, path: &Path) -> Result<Opened> {
        let of = stream::source(path)?;
        // One pipe may have several names, and gives its bytes once.
        let same = |known: &&Opened| known.0.stamp.is_of(&of.metadata);
        let read = self.known().values().find(same).cloned();
        let opened = match read {
            Some(opened) => opened,
            None => {
                let (file, name, bytes) = stream::copied(path, of.file)?;
                let opened = Opened::new(path, &name, Stamp::of(&of.metadata), bytes);
                opened.keep(KeptHandle { file: Arc::new(file), counted: false });
                opened
            }
        };
        let mut known = self.known();
        known.insert(path.to_path_buf(), opened.clone());
        // Results and manifests name a stream by its content, so both names have to lead to it.
        known.insert(opened.path().to_path_buf(), opened.clone());
        Ok(opened)
    }

    pub(super) fn known(&self) -> MutexGuard<'_, HashMap<PathBuf, Opened>> {
        // Entries are only added, so a panic in another thread leaves the map whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
