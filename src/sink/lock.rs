//! One writer to an output at a time.
//!
//! The lock is advisory (`flock`) and dies with its process, so a killed run never blocks the next.
//! The file names the owner for the error message, and is removed when the lock is released; whoever
//! takes it checks that the file it locked is still the one at the path.

use super::{failpoint, fsutil};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Owner {
    version: u32,
    pid: u32,
    host: String,
}

/// The lock of one output, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock of the output whose state lies in `state`, or says who has it.
    pub fn take(state: &Path) -> Result<Lock> {
        Lock::try_take(state)?
    }

    /// As [`Lock::take`]; the inner error is that another process has it.
    pub fn try_take(state: &Path) -> Result<Result<Lock>> {
        let path = state.join("lock");
        let mut tries = 0;
        loop {
            tries += 1;
            let mut open = OpenOptions::new();
            open.read(true).write(true).create(true).truncate(false);
            // What lies there may come from anybody: a link would be written through.
            let open = open.custom_flags(libc::O_NOFOLLOW).open(&path).map_err(fsutil::of_link);
            let mut file = match open {
                // Another run that failed has just removed the folder, which was empty.
                Err(e) if e.kind() == ErrorKind::NotFound && tries < 100 => {
                    fs::create_dir_all(state).map_err(|e| Error::io("create the folder", state, e))?;
                    continue;
                }
                open => open.map_err(|e| {
                    let error = Error::io("open the lock", &path, e);
                    match path.is_symlink() {
                        true => {
                            error.hint("remove it: Highwater makes its own locks, and they are never links")
                        }
                        false => error,
                    }
                })?,
            };
            if !file.metadata().is_ok_and(|there| there.is_file()) {
                return Err(not_a_lock(&path));
            }
            // The system drops this lock with its process, so a killed run does not block the next one.
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(Err(taken(state, &mut file))),
                Err(TryLockError::Error(e)) => return Err(Error::io("lock", &path, e)),
            }
            if !is_at(&file, &path) {
                continue; // Its last owner removed it between our open and our lock.
            }
            // The owner's name is for people: a full disk must not stop what may free space.
            let _ = sign(&mut file);
            return Ok(Ok(Lock { path, _file: file }));
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if !failpoint::crashed() {
            // The file goes while it is still locked; the next owner checks that its file is at the path.
            let _ = fsutil::remove_file(&self.path);
        }
    }
}

fn not_a_lock(path: &Path) -> Error {
    Error::machine(format!("{} is not a regular file, so it is not a lock of Highwater", path.display()))
        .hint("remove it, and run again")
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(ours), Ok(there)) => ours.ino() == there.ino() && ours.dev() == there.dev(),
        _ => false,
    }
}

fn sign(file: &mut File) -> std::io::Result<()> {
    let owner = Owner { version: VERSION, pid: std::process::id(), host: host() };
    // The text of an earlier owner can be longer than ours.
    file.set_len(0)?;
    file.rewind()?;
    serde_json::to_writer(&mut *file, &owner)?;
    file.write_all(b"\n")
}

fn taken(state: &Path, file: &mut File) -> Error {
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    let owner = match serde_json::from_str::<Owner>(&text) {
        Ok(owner) => format!("process {} on {}", owner.pid, owner.host),
        Err(_) => "another process".to_string(),
    };
    Error::machine(format!("{} is being written by {owner}", state.display()))
        .hint("wait until it is done, or end that process, which releases its lock.")
}

fn host() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"));
    read.map_or_else(|_| "this machine".to_string(), |name| name.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_who_the_first_is() {
        let tmp = tempfile::tempdir().unwrap();
        let first = Lock::take(tmp.path()).unwrap();
        let error = Lock::take(tmp.path()).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Machine);
        assert!(
            error.message().contains(&format!("process {} on {}", std::process::id(), host())),
            "{error}"
        );
        drop(first);
        assert!(!tmp.path().join("lock").exists());
        Lock::take(tmp.path()).unwrap();
    }

    #[test]
    fn a_link_in_the_place_of_a_lock_is_not_written_through() {
        let tmp = tempfile::tempdir().unwrap();
        let (victim, lock) = (tmp.path().join("victim"), tmp.path().join("lock"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &lock).unwrap();
        let error = Lock::take(tmp.path()).unwrap_err();
        assert!(error.to_string().contains("links are not followed"), "{error}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(lock.is_symlink());
    }

    #[test]
    fn a_dead_owners_file_does_not_block() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("lock"), "{\"version\":1,\"pid\":1,\"host\":\"x\"}").unwrap();
        Lock::take(tmp.path()).unwrap();
    }
}
