//! The file of stamps beside a manifest: what the next command may know of inputs without reading them.
//!
//! # Contract
//! It is a cache, and no part of a commit: it is written after it, without waiting for the disk. Whatever is wrong with it,
//! or with writing it, is not an error. What is in it tells whether it is whole (`input::seen`).

use super::{Target, fsutil};
use std::fs;
use std::io::Write;
use std::path::PathBuf;

/// Its name in the state folder, and that of one that is being written.
const FILE: &str = "stamps";
const TEMPORARY: &str = "stamps.tmp";

/// The file of an output, if it may have one.
fn place(target: &Target) -> Option<PathBuf> {
    // On a store each file costs a request, and equal ETags tell the same.
    (!target.is_on_store()).then(|| target.state().join(FILE))
}

/// What the file of stamps of an output holds, if there is one.
pub fn read_stamps(target: &Target) -> Option<Vec<u8>> {
    let path = place(target)?;
    // Another output of the name of this folder may be a link to anywhere.
    target.refuse_linked_state().ok()?;
    fsutil::read_bytes(&path).ok()
}

/// Writes the file of stamps of an output that is in place, if that can be done.
pub fn write_stamps(target: &Target, bytes: &[u8]) {
    let Some(path) = place(target) else { return };
    if target.refuse_linked_state().is_err() {
        return;
    }
    let temporary = path.with_file_name(TEMPORARY);
    // After a power cut the file may be cut short, which its reader notices: it need not be synced.
    let written = fsutil::create_new(&temporary).and_then(|mut file| file.write_all(bytes));
    if written.and_then(|()| fs::rename(&temporary, &path)).is_err() {
        let _ = fs::remove_file(&temporary);
    }
}
