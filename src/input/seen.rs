//! Stamps of files that an earlier command has read: where a file is as it was then, its hash is known without opening it.
//!
//! # Contract
//! * It is a cache. What a manifest says never depends on it: without it, or where any part of it is not understood, files
//!   are read.
//! * A stamp is trusted where all of it is equal: path, device, inode, size, time of modification, and time of change
//!   (`ctime`). No program can set the last one, so contents that were changed while `modified` was set back show by it.
//! * Clocks of file systems are coarse: a file may be written twice in one tick. Only a file whose times lie at least
//!   [`GRAIN`] before the command that read it began is kept.
//! * File systems that another machine writes to, and those that do not keep a time of change, are not trusted
//!   ([`file_system`]).
//! * Another build of this program may see other things in the first bytes of a file, so it does not trust this one's.
//! * What writes through mapped memory changes the times when the kernel notices, which may be half a minute after the
//!   write. Such a file may look as it was.

mod codec;
mod file_system;
#[cfg(test)]
mod tests;

use super::inputs::Inputs;
use super::opened::{Opened, Stamp};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long before a command began a file has to have been written: more than the coarsest clock of a file system has between
/// two ticks.
#[cfg(not(test))]
const GRAIN: Duration = Duration::from_secs(2);
/// A tick of the kernel is at most ten milliseconds.
#[cfg(test)]
const GRAIN: Duration = Duration::from_millis(40);

/// What was seen in the first bytes of a file, beside its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::input) struct Looks(pub(super) u8);

impl Looks {
    /// Text without a mark, compressed as its name says.
    pub(in crate::input) const PLAIN: Looks = Looks(1);
    /// JSON with an object a line.
    pub(in crate::input) const LINES: Looks = Looks(2);
    /// Not an archive.
    pub(in crate::input) const SINGLE: Looks = Looks(4);
    /// It is not what it was known as: nothing of it is kept.
    pub(in crate::input) const DOUBTED: Looks = Looks(128);

    /// Whether all of `other` was seen.
    pub(in crate::input) fn has(self, other: Looks) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A file as an earlier command saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SeenFile {
    stamp: Stamp,
    /// XXH3-128 of its bytes.
    hash: u128,
    looks: Looks,
}

/// What earlier commands saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    /// By the bytes of their paths: paths are compared name by name, which is slow.
    files: HashMap<OsString, SeenFile>,
    /// A word of the command that kept it; see [`Inputs::told`].
    told: Option<u128>,
}

/// What is known of files before they are looked at, and when the command began.
#[derive(Debug)]
pub(super) struct SeenFiles {
    began: SystemTime,
    learned: Seen,
    /// Whether stamps of the files of a device can be trusted.
    devices: HashMap<u64, bool>,
}

impl Default for SeenFiles {
    fn default() -> SeenFiles {
        SeenFiles { began: SystemTime::now(), learned: Seen::default(), devices: HashMap::new() }
    }
}

impl SeenFiles {
    /// What is known of an opened file, if its stamp is that of then.
    fn known(&mut self, opened: &Opened) -> Option<SeenFile> {
        let known = *self.learned.files.get(opened.path().as_os_str())?;
        (known.stamp == opened.0.stamp && self.is_trusted(opened.path(), &known.stamp)).then_some(known)
    }

    /// Whether a file of this stamp can be known by it.
    fn is_trusted(&mut self, path: &Path, stamp: &Stamp) -> bool {
        *self.devices.entry(stamp.device()).or_insert_with(|| file_system::is_trusted(path))
    }

    /// Whether a file was at rest when the command began.
    fn was_at_rest(&self, stamp: &Stamp) -> bool {
        let Some(latest) = self.began.checked_sub(GRAIN) else { return false };
        let Ok(latest) = latest.duration_since(UNIX_EPOCH) else { return false };
        let latest = (i64::try_from(latest.as_secs()).unwrap_or(i64::MAX), i64::from(latest.subsec_nanos()));
        stamp.times().iter().all(|time| *time <= latest)
    }
}

impl Inputs {
    /// Learns what an earlier command kept, before any file is looked at; what cannot be understood is left alone.
    pub fn learn_stamps(&self, kept: &[u8]) {
        let mut seen = self.seen_files();
        let Some((seen_at, learned)) = codec::read(kept) else { return };
        // A clock that was set back may give a file the times that it had.
        if seen_at <= seen.began {
            seen.learned = learned;
        }
    }

    /// What the command that kept the stamps said to the next one; none where nothing was learned.
    pub fn told(&self) -> Option<u128> {
        self.seen_files().learned.told
    }

    /// What a later command may learn of the files that were looked at here, with a word for it; `None` where it is what
    /// was learned, or there is nothing to keep.
    pub fn stamps(&self, told: Option<u128>) -> Option<Vec<u8>> {
        let opened: Vec<Opened> = self.known().values().cloned().collect();
        let mut seen = self.seen_files();
        let mut files = HashMap::with_capacity(opened.len());
        for opened in opened {
            // A stream, an object of a store and a member of an archive do not have a stamp of their own.
            let Some(file) = opened.seen() else { continue };
            if seen.was_at_rest(&file.stamp) && seen.is_trusted(opened.path(), &file.stamp) {
                files.insert(opened.path().as_os_str().to_os_string(), file);
            }
        }
        let kept = Seen { files, told };
        if kept == seen.learned || kept.files.is_empty() {
            return None;
        }
        Some(codec::written(seen.began, &kept))
    }

    /// Tells an opened file what is known of it.
    pub(super) fn recall(&self, opened: &Opened) {
        let mut seen = self.seen_files();
        if !seen.learned.files.is_empty()
            && let Some(known) = seen.known(opened)
        {
            opened.take_seen(known.hash, known.looks);
        }
    }

    fn seen_files(&self) -> MutexGuard<'_, SeenFiles> {
        // Each change is one assignment, so a panic in another thread leaves it whole.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    /// What a later command may know of it.
    fn seen(&self) -> Option<SeenFile> {
        let looks = self.looks();
        let hash = u128::from_str_radix(self.known_hash()?.strip_prefix("xxh3:")?, 16).ok()?;
        (self.lies_on_disk() && !looks.has(Looks::DOUBTED)).then_some(SeenFile {
            stamp: self.0.stamp,
            hash,
            looks,
        })
    }

    fn take_seen(&self, hash: u128, looks: Looks) {
        self.take_hash(&format!("xxh3:{hash:032x}"));
        self.note(looks);
    }
}
