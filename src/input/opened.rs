//! Input files as open handles: what one command reads of a file is one content.
//!
//! # Contract
//! * A file is known by what it was when the command first looked at it: its place on the disk (device and inode),
//!   its size and its times ([`Inputs`] remembers). Sample, run and all that is read again read from one handle, each
//!   at offsets of its own.
//! * There is room for so many open handles. A file beyond them is opened again by each of its readers, and has to be
//!   the same file still.
//! * A file that was replaced, grew or was written over while it was read is an error, as a part of its records may be
//!   old and a part new ([`Opened::unchanged`]).
//! * What can be read only once ([`super::stream`]) is copied to a temporary file first, and read from there.

use super::raw;
use super::shape::{self, Member};
use super::stream;
use crate::error::{Error, Result};
use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{BufReader, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The input files of one command, each as it was first seen. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    known: Arc<Mutex<HashMap<PathBuf, Opened>>>,
    /// What the job itself writes: no folder or glob stands for that.
    own: Arc<Vec<PathBuf>>,
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
        if stream::is_stdin(path) {
            return self.stream(path);
        }
        let there = match std::fs::metadata(path) {
            Ok(there) => there,
            Err(cause) => {
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
    fn member_at(&self, path: &Path) -> Result<Option<Opened>> {
        let Some(archive) = path.ancestors().skip(1).find(|above| above.is_file()) else { return Ok(None) };
        let file = self.file(archive)?;
        let Some((members, _)) = shape::members(&file, true)? else { return Ok(None) };
        Ok(members.into_iter().find(|member| member.path == path).map(|member| self.member(&file, member)))
    }

    fn member(&self, archive: &Opened, member: Member) -> Opened {
        let mut known = self.known();
        let opened = known.entry(member.path.clone());
        opened.or_insert_with(|| Opened::of_member(archive, member)).clone()
    }

    fn stream(&self, path: &Path) -> Result<Opened> {
        let of = stream::source(path)?;
        // One pipe may have several names, and gives its bytes once.
        let same = |known: &&Opened| known.0.stamp.is_of(&of.metadata);
        let read = self.known().values().find(same).cloned();
        let opened = match read {
            Some(opened) => opened,
            None => {
                let (file, name, bytes) = stream::copied(path, of.file)?;
                let opened = Opened::new(path, &name, Stamp::of(&of.metadata), bytes);
                opened.keep(Kept { file: Arc::new(file), counted: false });
                opened
            }
        };
        let mut known = self.known();
        known.insert(path.to_path_buf(), opened.clone());
        known.insert(opened.path().to_path_buf(), opened.clone());
        Ok(opened)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<PathBuf, Opened>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file of the input. Clones share the handle.
#[derive(Debug, Clone)]
pub struct Opened(Arc<Known>);

#[derive(Debug)]
struct Known {
    /// Where it is, as the user wrote it.
    place: PathBuf,
    /// Its name in results and errors: the place, and of a stream its content too.
    path: PathBuf,
    stamp: Stamp,
    bytes: u64,
    /// What it is in an archive, and that.
    member: Option<(Member, Opened)>,
    kept: OnceLock<Kept>,
    hash: OnceLock<String>,
}

/// A handle that stays open.
#[derive(Debug)]
struct Kept {
    file: Arc<File>,
    /// Whether it takes one of the places of [`HELD`].
    counted: bool,
}

/// Handles that are kept open in this process.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// How many may be: a quarter of the descriptors that the process may have, as outputs and temporary files need some.
fn most_held() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the call writes to `limit` alone.
        let known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } == 0;
        if known { usize::try_from(limit.rlim_cur / 4).unwrap_or(512).min(512) } else { 64 }
    })
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.counted {
            HELD.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What tells one file, and one state of it, from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// As `modified`, of its entry: a link more, other rights, or a `modified` that was set back.
    changed: (i64, i64),
}

impl Stamp {
    fn of(there: &Metadata) -> Stamp {
        Stamp {
            device: there.dev(),
            inode: there.ino(),
            bytes: there.len(),
            modified: (there.mtime(), there.mtime_nsec()),
            changed: (there.ctime(), there.ctime_nsec()),
        }
    }

    /// Whether it is that of the same file, whatever is in it.
    fn is_of(&self, there: &Metadata) -> bool {
        (self.device, self.inode) == (there.dev(), there.ino())
    }

    /// Whether a file of this stamp may have the content of one of `other`: all of it is the same but `changed`.
    fn is_like(&self, other: &Stamp) -> bool {
        Stamp { changed: other.changed, ..*self } == *other
    }
}

impl PartialEq for Opened {
    fn eq(&self, other: &Opened) -> bool {
        self.0.path == other.0.path && self.0.stamp == other.0.stamp
    }
}

impl Eq for Opened {}

impl Opened {
    fn new(place: &Path, path: &Path, stamp: Stamp, bytes: u64) -> Opened {
        let (place, path) = (place.to_path_buf(), path.to_path_buf());
        let (kept, hash) = (OnceLock::new(), OnceLock::new());
        Opened(Arc::new(Known { place, path, stamp, bytes, member: None, kept, hash }))
    }

    fn of_member(archive: &Opened, member: Member) -> Opened {
        let (place, path, stamp) = (member.path.clone(), member.path.clone(), archive.0.stamp);
        let (kept, hash, bytes) = (OnceLock::new(), OnceLock::new(), member.bytes);
        let member = Some((member, archive.clone()));
        Opened(Arc::new(Known { place, path, stamp, bytes, member, kept, hash }))
    }

    /// What it is in an archive, if it is in one.
    pub(super) fn member(&self) -> Option<&Member> {
        self.0.member.as_ref().map(|(member, _)| member)
    }

    fn keep(&self, kept: Kept) {
        // Where two threads come at once, the second handle closes.
        let _ = self.0.kept.set(kept);
    }

    /// Its name: the path, and of a stream also what came through it, such as `stdin#1f0e5c0a9b3d7e42`.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Where it is, as the user wrote it: what tells its format, and what other programs can read.
    pub fn place(&self) -> &Path {
        &self.0.place
    }

    /// Where another program of a shell finds it.
    pub fn shell_path(&self) -> &Path {
        if self.0.place.as_os_str() == "-" { Path::new("/dev/stdin") } else { &self.0.place }
    }

    /// Whether it was copied, as it could be read only once.
    pub fn is_stream(&self) -> bool {
        self.0.path != self.0.place
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// Device and inode: two paths of which these differ are two files.
    pub(super) fn inode(&self) -> (u64, u64) {
        (self.0.stamp.device, self.0.stamp.inode)
    }

    /// Reads it from its start.
    ///
    /// # Errors
    /// Data: it is not the file that it was. Machine: it cannot be opened.
    pub(crate) fn read(&self) -> Result<Reading> {
        if let Some((member, archive)) = &self.0.member {
            let mut reading = archive.read()?;
            (reading.at, reading.end) = (member.start, member.start.saturating_add(member.bytes));
            return Ok(reading);
        }
        if let Some(kept) = self.0.kept.get() {
            if !self.is_stream() {
                self.is_as_it_was(&kept.file)?;
            }
            return Ok(self.reading(&kept.file));
        }
        let file = Arc::new(self.open_again()?);
        let room = |held: usize| (held < most_held()).then_some(held + 1);
        if HELD.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok() {
            self.keep(Kept { file: file.clone(), counted: true });
        }
        Ok(self.reading(&file))
    }

    /// Reads it from its start, as [`Opened::read`]; but what only looks keeps no handle of those that stay open.
    ///
    /// # Errors
    /// As of [`Opened::read`].
    pub(super) fn glance(&self) -> Result<Reading> {
        match (self.0.kept.get(), &self.0.member) {
            (None, None) => Ok(self.reading(&Arc::new(self.open_again()?))),
            _ => self.read(),
        }
    }

    /// Its first bytes, at most `most`. What only looks keeps no handle of those that stay open.
    ///
    /// # Errors
    /// As of [`Opened::read`].
    pub(super) fn peek(&self, most: usize) -> Result<Vec<u8>> {
        let from = self.glance()?;
        let mut head = vec![];
        let read = from.take(most as u64).read_to_end(&mut head);
        read.map_err(|e| Error::io("read", self.path(), e))?;
        Ok(head)
    }

    fn reading(&self, file: &Arc<File>) -> Reading {
        Reading { file: file.clone(), at: 0, end: u64::MAX, bytes: self.0.bytes }
    }

    fn open_again(&self) -> Result<File> {
        let path = self.path();
        // A pipe may have come in its place, and would make us wait.
        let open = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
        let file = open.map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => self.changed("is gone: it was removed or renamed while it was read"),
            _ => Error::io("open", path, cause),
        })?;
        self.is_as_it_was(&file)?;
        Ok(file)
    }

    fn is_as_it_was(&self, file: &File) -> Result<()> {
        let there = file.metadata().map_err(|e| Error::io("read", self.path(), e))?;
        match Stamp::of(&there).is_like(&self.0.stamp) {
            true => Ok(()),
            false => Err(self.changed("changed while it was read")),
        }
    }

    /// Fails if the file is no longer what it was when it was first seen; `hash` is that of what was read.
    ///
    /// # Errors
    /// Data: it was replaced, grew, or was written over. Machine: it cannot be looked at.
    pub(crate) fn unchanged(&self, hash: Option<&str>) -> Result<()> {
        if self.is_stream() {
            return Ok(());
        }
        if let Some((_, archive)) = &self.0.member {
            return archive.unchanged(None);
        }
        let there = std::fs::metadata(self.path()).map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => self.changed("is gone: it was removed or renamed while it was read"),
            _ => Error::io("read", self.path(), cause),
        })?;
        let now = Stamp::of(&there);
        if now == self.0.stamp {
            return Ok(());
        }
        // A new link or other rights change the entry alone, and so does who sets `modified` back.
        let same = now.is_like(&self.0.stamp)
            && match hash {
                Some(hash) => raw::hashed(self)?.1 == hash,
                None => true,
            };
        if same { Ok(()) } else { Err(self.changed("changed while it was read")) }
    }

    fn changed(&self, what: &str) -> Error {
        Error::data(format!("{} {what}", self.path().display()))
            .hint("run again when no program writes to it, or read a copy; the outputs are unchanged")
    }

    /// Its size and the hash of its bytes, as manifests write it. It is read once for that.
    ///
    /// # Errors
    /// The file has changed since it was opened, or cannot be read.
    pub fn hash(&self) -> Result<(u64, String)> {
        if let Some(hash) = self.0.hash.get() {
            return Ok((self.bytes(), hash.clone()));
        }
        let (bytes, hash) = raw::hashed(self)?;
        self.unchanged(None)?;
        Ok((bytes, self.0.hash.get_or_init(|| hash).clone()))
    }

    /// All of its bytes.
    ///
    /// # Errors
    /// The file has changed since it was opened, or cannot be read. it changed meanwhile.
    pub(crate) fn all(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![];
        self.read()?.read_to_end(&mut bytes).map_err(|e| Error::io("read", self.path(), e))?;
        self.unchanged(None)?;
        Ok(bytes)
    }
}

/// An open file, read from a place of its own: other readers of the handle do not move it.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    file: Arc<File>,
    at: u64,
    /// Where what is read ends, if not at the end of the file.
    end: u64,
    /// Of the file.
    bytes: u64,
}

impl Reading {
    /// The handle.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Goes on `bytes` bytes: they were read through the handle.
    pub(super) fn skip(&mut self, bytes: u64) {
        self.at += bytes;
    }

    /// The byte that is read next.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Reads on at byte `at`.
    pub(super) fn go_to(&mut self, at: u64) {
        self.at = at;
    }

    /// The bytes up to the end of what is read, at most `most`.
    pub(super) fn left(&self, most: usize) -> usize {
        usize::try_from(self.end.saturating_sub(self.at)).map_or(most, |left| left.min(most))
    }
}

impl Read for Reading {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = self.left(out.len());
        let read = self.file.read_at(&mut out[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Length for Reading {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Reading {
    type T = BufReader<Reading>;

    fn get_read(&self, start: u64) -> std::result::Result<Self::T, ParquetError> {
        Ok(BufReader::new(Reading { at: start, ..self.clone() }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> std::result::Result<Bytes, ParquetError> {
        // A damaged footer may name more than there is, and no memory should be taken for that.
        if start.saturating_add(length as u64) > self.bytes {
            return Err(ParquetError::EOF(format!("expected {length} bytes at byte {start}")));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// The path without links and `..`; as it is, where nothing is there.
pub(super) fn real_path(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}
