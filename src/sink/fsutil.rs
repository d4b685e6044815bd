//! Small pieces of durable file handling.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

/// Makes the entries of a folder durable: names that were created, renamed or removed in it.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|e| Error::io("flush the folder", path, e))
}

/// Writes a whole file so that `path` holds either what it held or `bytes`, even after a power cut.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("tmp");
    let written = File::create(&temporary).and_then(|mut f| {
        f.write_all(bytes)?;
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
pub(super) fn relative_path(base: &Path, to: &Path) -> PathBuf {
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
    fn created_folders_are_named_outermost_first() {
        let tmp = tempfile::tempdir().unwrap();
        let made = create_folders(&tmp.path().join("a/b")).unwrap();
        assert_eq!(made, [tmp.path().join("a"), tmp.path().join("a/b")]);
        assert!(create_folders(&tmp.path().join("a/b")).unwrap().is_empty());
    }
}
