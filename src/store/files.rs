//! Files and folders by their paths, on the disk or on a store: for those who need whole files, and write few.
//!
//! # Contract
//! * A path that is an address ([`StoreAddress`]) is on a store, every other one on the disk.
//! * What is not there is not an error: it is [`None`], or nothing in a list.
//! * Here is the one place that asks where a path is. Who calls it knows no difference.

use super::address::{StoreAddress, StoreKind};
use super::client::{PART, PutCondition, PutOutcome};
use super::listing::{Depth, ListedObject};
use super::{StoreFile, bucket, list, open};
use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Objects that are written at a time.
const WRITERS: usize = 8;
/// How often a file is read that is replaced at the same time.
const READS: usize = 4;
/// What a request asks for where a whole object is read.
const PIECE: u64 = 32 << 20;

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Its path.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was written, in milliseconds since 1970.
    pub written: i64,
}

/// The content of the file at `path`; none if there is none.
///
/// # Errors
/// Machine: it cannot be read.
pub fn read(path: &Path) -> Result<Option<Bytes>> {
    let Some(address) = StoreAddress::of(path) else {
        return match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(e) if is_absent(&e) => Ok(None),
            Err(e) => Err(Error::io("read", path, e)),
        };
    };
    for turn in 0..READS {
        let Some(file) = open(&address)? else { return Ok(None) };
        let mut bytes = vec![];
        let read = pieces(&file, |piece| {
            bytes.extend_from_slice(&piece);
            Ok(())
        });
        match read {
            Ok(()) => return Ok(Some(bytes.into())),
            // It was replaced between two requests, and the next state of it is as good.
            Err(error) if error.kind() == Kind::Data && turn + 1 < READS => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The content of the file at `path`, which has to be there.
///
/// # Errors
/// Machine: it cannot be read.
pub fn read_whole(path: &Path) -> Result<Bytes> {
    let missing = || Error::io("read", path, std::io::Error::from(ErrorKind::NotFound));
    read(path)?.ok_or_else(missing)
}

/// The file at `path`, for readers of files: of a store a copy on the disk, without a name.
///
/// # Errors
/// Machine: it is not there, or cannot be read.
pub fn open_file(path: &Path) -> Result<File> {
    let Some(address) = StoreAddress::of(path) else {
        return File::open(path).map_err(|e| Error::io("read", path, e));
    };
    let missing = || Error::io("read", path, std::io::Error::from(ErrorKind::NotFound));
    let found = open(&address)?.ok_or_else(missing)?;
    if let StoreFile::Copied(file, _) = found {
        return Ok(file);
    }
    let failed = |e| Error::machine("cannot write a temporary file").caused_by(e);
    let mut file = tempfile::tempfile().map_err(failed)?;
    pieces(&found, |piece| file.write_all(&piece).map_err(failed))?;
    std::io::Seek::rewind(&mut file).map_err(failed)?;
    Ok(file)
}

/// Shows the content of the file at `path`, which is on a store, piece by piece. False if there is none.
///
/// # Errors
/// Machine: it cannot be read. Data: it was replaced in the meantime.
pub fn scan(path: &Path, see: &mut dyn FnMut(&[u8])) -> Result<bool> {
    let Some(file) = StoreAddress::of(path).map_or(Ok(None), |address| open(&address))? else {
        return Ok(false);
    };
    pieces(&file, |piece| {
        see(&piece);
        Ok(())
    })?;
    Ok(true)
}

/// Gives the content of a file of a store piece by piece.
fn pieces(file: &StoreFile, mut take: impl FnMut(Bytes) -> Result<()>) -> Result<()> {
    match file {
        StoreFile::Object(object) => {
            let bytes = object.state().bytes;
            let mut at = 0;
            while at < bytes {
                let end = bytes.min(at + PIECE);
                take(object.whole_range(at..end)?)?;
                at = end;
            }
            Ok(())
        }
        StoreFile::Copied(file, bytes) => {
            let mut content = vec![0; *bytes as usize];
            std::os::unix::fs::FileExt::read_exact_at(file, &mut content, 0)
                .map_err(|e| Error::machine("cannot read a temporary file").caused_by(e))?;
            take(content.into())
        }
    }
}

/// Whether a file lies at `path`.
///
/// # Errors
/// Machine: the store does not say.
pub fn is_file(path: &Path) -> Result<bool> {
    match StoreAddress::of(path) {
        Some(address) => Ok(open(&address)?.is_some()),
        None => Ok(path.is_file()),
    }
}

/// Whether there is anything in the folder at `path`.
///
/// # Errors
/// Machine: the store does not say.
pub fn is_folder(path: &Path) -> Result<bool> {
    match listed_prefix(path) {
        Some(address) if !address.can_list() => Ok(false),
        Some(address) => Ok(!list(&address, Depth::Any)?.is_empty()),
        None => Ok(path.is_dir()),
    }
}

/// The files that lie directly in the folder at `path`, sorted by path.
///
/// # Errors
/// Machine: it cannot be listed.
pub fn files_in(path: &Path) -> Result<Vec<FoundFile>> {
    found_below(path, Depth::One)
}

/// The files whose paths begin with `path`, which is a folder and how names in it begin; sorted by path.
///
/// # Errors
/// Machine: the folder cannot be listed.
pub fn files_beginning(path: &Path) -> Result<Vec<FoundFile>> {
    if let Some(address) = StoreAddress::of(path) {
        return on_store(&address, Depth::One);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let begins =
        |file: &FoundFile| file.path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&name));
    let mut found = files_in(path.parent().unwrap_or(Path::new("")))?;
    found.retain(begins);
    Ok(found)
}

/// The files at any depth below the folder at `path`, sorted by path.
///
/// # Errors
/// Machine: it cannot be listed.
pub fn files_below(path: &Path) -> Result<Vec<FoundFile>> {
    found_below(path, Depth::All)
}

fn found_below(path: &Path, depth: Depth) -> Result<Vec<FoundFile>> {
    if let Some(address) = listed_prefix(path) {
        return on_store(&address, depth);
    }
    let mut found = vec![];
    of_disk(path, depth, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn on_store(address: &StoreAddress, depth: Depth) -> Result<Vec<FoundFile>> {
    let root = address.root();
    let found = |object: ListedObject| FoundFile {
        path: PathBuf::from(format!("{root}/{}", object.key)),
        bytes: object.state.bytes,
        written: object.written,
    };
    let mut found: Vec<FoundFile> = list(address, depth)?.objects.into_iter().map(found).collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn of_disk(folder: &Path, depth: Depth, found: &mut Vec<FoundFile>) -> Result<()> {
    let failed = |e| Error::io("list", folder, e);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if is_absent(&e) => return Ok(()),
        Err(e) => return Err(failed(e)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // A link is not followed: what it leads to is not of this folder.
        let Ok(there) = entry.path().symlink_metadata() else { continue };
        if there.is_dir() && depth == Depth::All {
            of_disk(&entry.path(), depth, found)?;
        } else if there.is_file() {
            let written = there.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
            let written = written.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
            found.push(FoundFile { path: entry.path(), bytes: there.len(), written });
        }
    }
    Ok(())
}

/// The address of what lies in a folder, if it is on a store.
fn listed_prefix(folder: &Path) -> Option<StoreAddress> {
    let text = folder.to_str()?.trim_end_matches('/');
    StoreAddress::of(Path::new(&format!("{text}/")))
}

/// Where a path leads, without links; of a store as it is written. None if nothing of the disk is there.
pub fn real_folder(path: &Path) -> Option<PathBuf> {
    match StoreAddress::of(path) {
        // A slash at the end would make two paths of one.
        Some(_) => Some(PathBuf::from(path.to_str()?.trim_end_matches('/'))),
        None => path.canonicalize().ok(),
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    // A file in the place of a folder above means that nothing lies here.
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn address(path: &Path) -> Result<StoreAddress> {
    let address = StoreAddress::of(path).filter(|address| address.kind() != StoreKind::Web);
    address.ok_or_else(|| Error::fault(format!("{} is not on a store that is written to", path.display())))
}

/// Writes the object at `path`, which is on a store, where `condition` is true.
///
/// # Errors
/// Machine: the store refuses, or cannot be reached.
pub fn put(path: &Path, bytes: impl Into<Bytes>, condition: PutCondition) -> Result<PutOutcome> {
    let address = address(path)?;
    bucket(&address)?.put(address.key(), &bytes.into(), condition)
}

/// Writes objects from files of the disk: paths on a store, files and sizes. Several are written at a time; each is there as
/// a whole or not at all.
///
/// # Errors
/// Machine: a file cannot be read, or the store refuses.
pub fn upload(files: &[(PathBuf, PathBuf, u64)]) -> Result<()> {
    let one = |(from, to, bytes): &(PathBuf, PathBuf, u64)| {
        let address = address(to)?;
        let file = File::open(from).map_err(|e| Error::io("read", from, e))?;
        bucket(&address)?.upload(address.key(), &file, *bytes)
    };
    // A large file is put in several requests at a time, which memory has to hold.
    let (small, large): (Vec<_>, Vec<_>) = files.iter().cloned().partition(|(_, _, bytes)| *bytes <= PART);
    large.iter().try_for_each(one)?;
    at_a_time(&small, one)
}

/// Removes the objects at these paths of a store, several at a time.
///
/// # Errors
/// Machine: the store refuses.
pub fn delete(paths: &[PathBuf]) -> Result<()> {
    at_a_time(paths, |path| {
        let address = address(path)?;
        bucket(&address)?.delete(address.key())
    })
}

/// Has the store copy an object to another name in the same bucket, over what is there. False if there is no such object.
///
/// # Errors
/// Machine: the store refuses.
pub fn copy(from: &Path, to: &Path) -> Result<bool> {
    let (from, to) = (address(from)?, address(to)?);
    bucket(&to)?.copy(from.key(), to.key())
}

/// What tells the state of the object at `path`, for [`PutCondition::Unchanged`]; none if there is none.
///
/// # Errors
/// Machine: the store does not say.
pub fn version(path: &Path) -> Result<Option<String>> {
    let address = address(path)?;
    bucket(&address)?.version(address.key())
}

/// The size of the file at `path`; none if there is none.
///
/// # Errors
/// Machine: the store does not say.
pub fn size(path: &Path) -> Result<Option<u64>> {
    let Some(address) = StoreAddress::of(path) else {
        return Ok(path.metadata().ok().filter(|there| there.is_file()).map(|there| there.len()));
    };
    Ok(open(&address)?.map(|file| match file {
        StoreFile::Object(object) => object.state().bytes,
        StoreFile::Copied(_, bytes) => bytes,
    }))
}

/// Does `work` for all of `items`, some of them at a time; the first error ends it.
fn at_a_time<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    let go_on = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = work(item) {
                next.store(items.len(), Ordering::Relaxed);
                let mut failure = failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                failure.get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..WRITERS.min(items.len()) {
            // Without a thread there are only fewer requests at a time.
            let _ = std::thread::Builder::new().spawn_scoped(scope, go_on);
        }
        go_on();
    });
    failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}
