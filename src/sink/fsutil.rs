//! Small pieces of durable file handling.
//!
//! # Contract
//! What lies in a state folder may come from anybody: files there are opened without following a link, and what is
//! written is a new file, never one that was there.

use crate::error::{Error, Result};
use crate::store::is_on_store;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// Bytes read at a time.
const PIECE: usize = 1 << 18;

/// Opens a regular file for reading; a link is not followed.
pub(super) fn open_own(path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK a FIFO would wait for its writer.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = file.map_err(of_link)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// The error of an open that met a link, in words.
pub(crate) fn of_link(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other("it is a link, and links are not followed here"),
        _ => error,
    }
}

/// The text of a file of a state folder; `None` where there is none.
pub(super) fn read_own(path: &Path) -> Result<Option<String>> {
    let mut text = String::new();
    match open_own(path).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        // A file in the place of a folder above means that nothing lies here.
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(Error::io("read", path, e)),
    }
}

/// The bytes of a file of a state folder.
pub(super) fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    open_own(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes a file that is not there yet. What a dead run left under this name goes first.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    // `create_new` fails on anything that lies there, so a link is not written through.
    let create = || OpenOptions::new().read(true).write(true).create_new(true).open(path);
    match create() {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create()
        }
        created => created,
    }
}

/// The size of a regular file, and the XXH3-128 of its bytes in hex. A link is not followed.
pub(crate) fn content(path: &Path) -> io::Result<(u64, String)> {
    let mut file = open_own(path)?;
    let (mut hasher, mut bytes, mut piece) = (Xxh3::new(), 0, vec![0; PIECE]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok((bytes, format!("{:032x}", hasher.digest128()))),
            Ok(read) => {
                hasher.update(&piece[..read]);
                bytes += read as u64;
            }
            // A signal can interrupt a read, which is then done again.
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Makes the entries of a folder durable: names that were created, renamed or removed in it.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|e| Error::io("flush the folder", path, e))
}

/// Writes a whole file so that `path` holds either what it held or `bytes`, even after a power cut.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    // In the same folder, since a rename is atomic only within one file system.
    let temporary = path.with_extension("tmp");
    let written = create_new(&temporary).and_then(|mut f| {
        f.write_all(bytes)?;
        // Without this a power cut could leave the new name with an empty file.
        f.sync_all()
    });
    if let Err(e) = written {
        let _ = fs::remove_file(&temporary);
        return Err(Error::io("write", path, e));
    }
    fs::rename(&temporary, path).map_err(|e| Error::io("write", path, e))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Removes a file; one that is not there is removed already.
pub(super) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    }
}

/// Removes a folder and all in it; one that is not there is removed already.
pub(super) fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove the folder", path, e)),
        _ => Ok(()),
    }
}

/// Creates a folder and those above it. Gives back the ones that were not there, outermost first.
pub(super) fn create_folders(path: &Path) -> Result<Vec<PathBuf>> {
    let mut missing: Vec<PathBuf> = vec![];
    let above = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists());
    missing.extend(above.map(Path::to_path_buf));
    missing.reverse();
    if let Err(e) = fs::create_dir_all(path) {
        for made in missing.iter().rev() {
            let _ = fs::remove_dir(made);
        }
        return Err(Error::io("create the folder", path, e));
    }
    Ok(missing)
}

/// Removes `folder` and the folders above it below `root` while they are empty.
pub(super) fn remove_empty_up_to(root: &Path, folder: &Path) {
    let mut at = Some(folder);
    while let Some(folder) = at.filter(|f| *f != root && f.starts_with(root)) {
        // `remove_dir` refuses a folder that holds anything.
        if fs::remove_dir(folder).is_err() {
            return;
        }
        at = folder.parent();
    }
}

/// Removes the empty folders below `root`, but not the state folder.
pub(super) fn remove_empty_below(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        if is_folder && entry.file_name() != super::STATE_FOLDER {
            remove_empty_below(&entry.path());
            // Fails where it is not empty, which is what is wanted.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The path that leads from the folder `base` to `to`. Both are absolute and free of `.` and `..`.
/// What is on a store keeps its address.
pub(super) fn relative_path(base: &Path, to: &Path) -> PathBuf {
    if is_on_store(to) {
        return to.to_path_buf();
    }
    let shared = base.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = base.components().skip(shared).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to.components().skip(shared)).collect();
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths() {
        let relative = |a: &str, b: &str| relative_path(Path::new(a), Path::new(b)).display().to_string();
        assert_eq!(relative("/a/b", "/a/b"), ".");
        assert_eq!(relative("/a/b", "/a/b/c"), "c");
        assert_eq!(relative("/a/b", "/a/c/d"), "../c/d");
        assert_eq!(relative("/a", "/x/y"), "../x/y");
    }

    #[test]
    fn links_are_not_followed() {
        let tmp = tempfile::tempdir().unwrap();
        let (victim, link) = (tmp.path().join("victim"), tmp.path().join("journal.tmp"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        assert!(read_own(&link).unwrap_err().to_string().contains("it is a link"));
        assert!(content(&link).is_err() && content(tmp.path()).is_err());
        write_atomically(&tmp.path().join("journal.json"), b"{}").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(link.symlink_metadata().is_err());
        let (bytes, hash) = content(&victim).unwrap();
        assert_eq!((bytes, hash), (8, format!("{:032x}", xxhash_rust::xxh3::xxh3_128(b"precious"))));
    }

    #[test]
    fn created_folders_are_named_outermost_first() {
        let tmp = tempfile::tempdir().unwrap();
        let made = create_folders(&tmp.path().join("a/b")).unwrap();
        assert_eq!(made, [tmp.path().join("a"), tmp.path().join("a/b")]);
        assert!(create_folders(&tmp.path().join("a/b")).unwrap().is_empty());
    }
}
