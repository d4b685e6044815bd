//! Input files as open handles: what one command reads of a file is one content.
//!
//! # Contract
//! * A file is known by what it was when the command first looked at it: its place on the disk (device and inode),
//!   its size and its times ([`Inputs`] remembers). Sample, run and all that is read again read from one handle, each
//!   at offsets of its own.
//! * A small file is read as a whole, and each thread keeps the one that it read last: what looks at it again need not open it.
//! * There is room for so many open handles. A file beyond them is opened again by each of its readers, and has to be
//!   the same file still.
//! * A file that was replaced, grew or was written over while it was read is an error, as a part of its records may be
//!   old and a part new ([`Opened::unchanged`]).
//! * An object of a store is known by its address, its size and its ETag. Each byte that is read of it is of that state.
//! * What can be read only once ([`super::stream`]) is copied to a temporary file first, and read from there.

use super::looks::Looks;
use super::meter;
use super::reading::{ByteSource, FileReader};
use super::shape::ArchiveMember;
use crate::error::{Error, Result};
use crate::store::{ObjectState, StoreObject};
use bytes::Bytes;
use std::cell::RefCell;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use xxhash_rust::xxh3::xxh3_64;

/// A file of the input. Clones share the handle.
#[derive(Debug, Clone)]
pub struct Opened(pub(super) Arc<OpenedFile>);

#[derive(Debug)]
pub(super) struct OpenedFile {
    /// Where it is, as the user wrote it.
    place: PathBuf,
    /// Its name in results and errors: the place, and of a stream its content too.
    path: PathBuf,
    pub(super) stamp: Stamp,
    bytes: u64,
    /// What it is in an archive, and that.
    member: Option<(ArchiveMember, Opened)>,
    kept: OnceLock<KeptHandle>,
    /// The object that it is, if it lies on a store.
    object: Option<Arc<StoreObject>>,
    hash: OnceLock<String>,
    /// What was seen in its first bytes.
    looks: AtomicU8,
}

/// A handle that stays open.
#[derive(Debug)]
pub(super) struct KeptHandle {
    pub(super) file: Arc<File>,
    /// Whether it takes one of the places of [`HELD`].
    pub(super) counted: bool,
}

/// The bytes of a file that are asked for before anything is known of it.
const HEAD: u64 = 256 << 10;

/// Files of so many bytes are read as a whole.
pub(super) const SMALL: u64 = 64 << 10;

thread_local! {
    /// The small file that this thread has read last.
    static LAST: RefCell<Option<(Opened, Bytes)>> = const { RefCell::new(None) };
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

impl Drop for KeptHandle {
    fn drop(&mut self) {
        if self.counted {
            // It is a plain count: the order of other memory does not depend on it.
            HELD.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What tells one file, and one state of it, from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// As `modified`, of its entry: a link more, other rights, or a `modified` that was set back.
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(there: &Metadata) -> Stamp {
        Stamp {
            device: there.dev(),
            inode: there.ino(),
            bytes: there.len(),
            modified: (there.mtime(), there.mtime_nsec()),
            changed: (there.ctime(), there.ctime_nsec()),
        }
    }

    /// That of an object of a store, which has no place on a disk: its name and its ETag stand for that.
    pub(super) fn of_object(path: &Path, state: &ObjectState) -> Stamp {
        let of = |text: Option<&str>| text.map_or(0, |text| xxh3_64(text.as_bytes()));
        Stamp {
            device: u64::MAX,
            inode: xxh3_64(path.as_os_str().as_encoded_bytes()),
            bytes: state.bytes,
            modified: (of(state.etag.as_deref()).cast_signed(), of(state.modified.as_deref()).cast_signed()),
            changed: (0, 0),
        }
    }

    /// The number of its device.
    pub(super) fn device(&self) -> u64 {
        self.device
    }

    /// When the content and the entry were changed last.
    pub(super) fn times(&self) -> [(i64, i64); 2] {
        [self.modified, self.changed]
    }

    /// All of it as numbers.
    pub(super) fn numbers(&self) -> [u64; 7] {
        let (modified, changed) = (self.modified, self.changed);
        let times = [modified.0, modified.1, changed.0, changed.1].map(i64::cast_unsigned);
        [self.device, self.inode, self.bytes, times[0], times[1], times[2], times[3]]
    }

    /// That of which these are the [`Stamp::numbers`].
    pub(super) fn of_numbers([device, inode, bytes, times @ ..]: [u64; 7]) -> Stamp {
        let [modified, modified_ns, changed, changed_ns] = times.map(u64::cast_signed);
        Stamp { device, inode, bytes, modified: (modified, modified_ns), changed: (changed, changed_ns) }
    }

    /// Whether it is that of the same file, whatever is in it.
    pub(super) fn is_of(&self, there: &Metadata) -> bool {
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
    pub(super) fn new(place: &Path, path: &Path, stamp: Stamp, bytes: u64) -> Opened {
        let (place, path) = (place.to_path_buf(), path.to_path_buf());
        let (kept, hash) = (OnceLock::new(), OnceLock::new());
        let (member, object, looks) = (None, None, AtomicU8::new(0));
        Opened(Arc::new(OpenedFile { place, path, stamp, bytes, member, kept, object, hash, looks }))
    }

    pub(super) fn of_object(object: Arc<StoreObject>) -> Opened {
        let path = object.address().path();
        let (stamp, bytes) = (Stamp::of_object(&path, object.state()), object.state().bytes);
        let (kept, hash, object) = (OnceLock::new(), OnceLock::new(), Some(object));
        Opened(Arc::new(OpenedFile {
            place: path.clone(),
            path,
            stamp,
            bytes,
            member: None,
            kept,
            object,
            hash,
            looks: AtomicU8::new(0),
        }))
    }

    pub(super) fn of_member(archive: &Opened, member: ArchiveMember) -> Opened {
        let (place, path, stamp) = (member.path.clone(), member.path.clone(), archive.0.stamp);
        let (kept, hash, bytes) = (OnceLock::new(), OnceLock::new(), member.bytes);
        let (member, object, looks) = (Some((member, archive.clone())), None, AtomicU8::new(0));
        Opened(Arc::new(OpenedFile { place, path, stamp, bytes, member, kept, object, hash, looks }))
    }

    /// What it is in an archive, if it is in one.
    pub(super) fn member(&self) -> Option<&ArchiveMember> {
        self.0.member.as_ref().map(|(member, _)| member)
    }

    pub(super) fn keep(&self, kept: KeptHandle) {
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

    /// Whether it lies on a store, or came from a server.
    pub fn is_remote(&self) -> bool {
        let archive = self.0.member.as_ref().is_some_and(|(_, archive)| archive.is_remote());
        archive || self.0.stamp.device == u64::MAX
    }

    /// Whether what is read is a copy that nobody else can change.
    fn is_copy(&self) -> bool {
        self.is_stream() || self.is_remote() && self.0.kept.get().is_some()
    }

    /// Its ETag, where equal ones mean equal bytes: manifests have it, so that a later command need not read it again.
    pub fn etag(&self) -> Option<&str> {
        match &self.0.member {
            Some((_, archive)) => archive.etag(),
            None => self.0.object.as_ref()?.trusted_etag(),
        }
    }

    /// Takes the hash of its bytes: that of what was read here, or one that was kept of the same state of the file.
    pub(super) fn take_hash(&self, hash: &str) {
        if self.0.hash.get_or_init(|| hash.to_string()) != hash {
            // One of the two is wrong, and a later command is not told which.
            self.note(Looks::DOUBTED);
        }
    }

    /// The hash of its bytes, as far as it is known without reading it.
    pub fn known_hash(&self) -> Option<&str> {
        self.0.hash.get().map(String::as_str)
    }

    /// What was seen in its first bytes, here or by an earlier command.
    pub(super) fn looks(&self) -> Looks {
        // The bits say nothing of other memory.
        Looks(self.0.looks.load(Ordering::Relaxed))
    }

    /// Notes what was seen in its first bytes.
    pub(super) fn note(&self, looks: Looks) {
        self.0.looks.fetch_or(looks.0, Ordering::Relaxed);
    }

    /// Whether it is a file of the disk, and no part, copy or object.
    pub(super) fn lies_on_disk(&self) -> bool {
        self.0.member.is_none() && self.0.object.is_none() && !self.is_stream() && !self.is_remote()
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// Device and inode: two paths of which these differ are two files.
    pub(super) fn inode(&self) -> (u64, u64) {
        (self.0.stamp.device, self.0.stamp.inode)
    }

    /// Device and inode of a file that lies on the disk as it is.
    pub fn identity(&self) -> Option<(u64, u64)> {
        self.lies_on_disk().then(|| self.inode())
    }

    /// Reads it from its start.
    ///
    /// # Errors
    /// Data: it is not the file that it was. Machine: it cannot be opened.
    pub(crate) fn read(&self) -> Result<FileReader> {
        if let Some((member, archive)) = &self.0.member {
            return Ok(archive.read()?.between(member.start, member.start.saturating_add(member.bytes)));
        }
        if let Some(object) = &self.0.object {
            return Ok(FileReader::new(ByteSource::Store(object.clone()), self.0.bytes));
        }
        if let Some(kept) = self.0.kept.get() {
            // The handle stays with its inode, but another process may write over that in place.
            if !self.is_copy() {
                self.is_as_it_was(&kept.file)?;
            }
            return Ok(self.reading(&kept.file));
        }
        if self.0.bytes <= SMALL {
            return self.in_memory();
        }
        let file = Arc::new(self.open_again()?);
        let room = |held: usize| (held < most_held()).then_some(held + 1);
        // Above the limit the handle lives only as long as its reader.
        if HELD.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok() {
            self.keep(KeptHandle { file: file.clone(), counted: true });
        }
        Ok(self.reading(&file))
    }

    /// Reads it from its start, as [`Opened::read`]; but what only looks keeps no handle of those that stay open.
    ///
    /// # Errors
    /// As of [`Opened::read`].
    pub(super) fn glance(&self) -> Result<FileReader> {
        if self.0.bytes <= SMALL { self.read() } else { self.anew() }
    }

    /// Its first bytes, at most `most`. What only looks keeps no handle of those that stay open.
    ///
    /// # Errors
    /// As of [`Opened::read`].
    pub(super) fn peek(&self, most: usize) -> Result<Vec<u8>> {
        let mut from = self.glance()?;
        let mut head = Vec::with_capacity(most);
        while head.len() < most {
            let before = head.len();
            from.append(&mut head, most - before).map_err(|e| Error::io("read", self.path(), e))?;
            if head.len() == before {
                break;
            }
        }
        Ok(head)
    }

    /// Has its first bytes fetched, if it lies on a store: it will soon be read.
    pub(super) fn expect_start(&self) {
        if let Some(object) = &self.0.object {
            object.expect(0..self.0.bytes.min(HEAD));
        }
    }

    fn reading(&self, file: &Arc<File>) -> FileReader {
        FileReader::new(ByteSource::Disk(file.clone()), self.0.bytes)
    }

    /// Reads it from its start, as it is now; keeps no handle of those that stay open.
    fn anew(&self) -> Result<FileReader> {
        match (self.0.kept.get(), &self.0.member, &self.0.object) {
            (None, None, None) => Ok(self.reading(&Arc::new(self.open_again()?))),
            _ => self.read(),
        }
    }

    /// All of a small file.
    fn in_memory(&self) -> Result<FileReader> {
        let known = LAST.with_borrow(|last| {
            last.as_ref().filter(|(file, _)| Arc::ptr_eq(&file.0, &self.0)).map(|(_, bytes)| bytes.clone())
        });
        let bytes = match known {
            Some(bytes) => bytes,
            None => {
                let file = self.open_again()?;
                // One that is cut short meanwhile ends earlier, and one that grows has more: both are told at the end.
                let mut bytes = vec![0; self.0.bytes as usize];
                let mut filled = 0;
                while filled < bytes.len() {
                    match file.read_at(&mut bytes[filled..], filled as u64) {
                        Ok(0) => break,
                        Ok(read) => filled += read,
                        Err(e) if e.kind() == ErrorKind::Interrupted => {}
                        Err(e) => return Err(Error::io("read", self.path(), e)),
                    }
                }
                bytes.truncate(filled);
                let bytes = Bytes::from(bytes);
                LAST.set(Some((self.clone(), bytes.clone())));
                bytes
            }
        };
        Ok(FileReader::new(ByteSource::Memory(bytes), self.0.bytes))
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
        if self.is_copy() {
            return Ok(());
        }
        if let Some((_, archive)) = &self.0.member {
            return archive.unchanged(None);
        }
        if let Some(object) = &self.0.object {
            return object.unchanged();
        }
        // Looked up by path: the handle would not notice that another file was renamed into its place.
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
                Some(hash) => self.hashed()?.1 == hash,
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
        let (bytes, hash) = self.hashed()?;
        self.unchanged(None)?;
        Ok((bytes, self.0.hash.get_or_init(|| hash).clone()))
    }

    /// Its size and the hash of its bytes as they are now, as manifests write it.
    ///
    /// # Errors
    /// The file has changed since it was opened, or cannot be read.
    pub(super) fn hashed(&self) -> Result<(u64, String)> {
        // Not what this thread remembers: the file may have changed since.
        meter::hashed(self.anew()?, self.path())
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
