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

use super::looks::Looks;
use super::opened::{Opened, Stamp};
use codec::{KnownStamps, StampedFile};
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long before a command began a file has to have been written: more than the coarsest clock of a file system has between
/// two ticks.
#[cfg(not(test))]
const GRAIN: Duration = Duration::from_secs(2);
/// A tick of the kernel is at most ten milliseconds.
#[cfg(test)]
const GRAIN: Duration = Duration::from_millis(40);

/// What is known of files before they are looked at, and when the command began.
#[derive(Debug)]
pub(super) struct SeenFiles {
    began: SystemTime,
    learned: KnownStamps,
    /// Whether stamps of the files of a device can be trusted.
    devices: HashMap<u64, bool>,
}

impl Default for SeenFiles {
    fn default() -> SeenFiles {
        SeenFiles { began: SystemTime::now(), learned: KnownStamps::default(), devices: HashMap::new() }
    }
}

impl SeenFiles {
    /// What is known of an opened file, if its stamp is that of then.
    fn known(&mut self, opened: &Opened) -> Option<StampedFile> {
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

impl SeenFiles {
    /// Learns what an earlier command kept, before any file is looked at; what cannot be understood is left alone.
    pub(super) fn learn(&mut self, kept: &[u8]) {
        let Some((seen_at, learned)) = codec::read(kept) else { return };
        // A clock that was set back may give a file the times that it had.
        if seen_at <= self.began {
            self.learned = learned;
        }
    }

    /// What the command that kept the stamps said to the next one; none where nothing was learned.
    pub(super) fn told(&self) -> Option<u128> {
        self.learned.told
    }

    /// What a later command may learn of the files that were looked at here, with a word for it; `None` where it is what
    /// was learned, or there is nothing to keep.
    pub(super) fn stamps(&mut self, opened: &[Opened], told: Option<u128>) -> Option<Vec<u8>> {
        let mut files = HashMap::with_capacity(opened.len());
        for opened in opened {
            // A stream, an object of a store and a member of an archive do not have a stamp of their own.
            let Some(file) = opened.seen() else { continue };
            if self.was_at_rest(&file.stamp) && self.is_trusted(opened.path(), &file.stamp) {
                files.insert(opened.path().as_os_str().to_os_string(), file);
            }
        }
        let kept = KnownStamps { files, told };
        if kept == self.learned || kept.files.is_empty() {
            return None;
        }
        Some(codec::written(self.began, &kept))
    }

    /// Tells an opened file what is known of it.
    pub(super) fn recall(&mut self, opened: &Opened) {
        if !self.learned.files.is_empty()
            && let Some(known) = self.known(opened)
        {
            opened.take_seen(known.hash, known.looks);
        }
    }
}

impl Opened {
    /// What a later command may know of it.
    fn seen(&self) -> Option<StampedFile> {
        let looks = self.looks();
        let hash = u128::from_str_radix(self.known_hash()?.strip_prefix("xxh3:")?, 16).ok()?;
        (self.lies_on_disk() && !looks.has(Looks::DOUBTED)).then_some(StampedFile {
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
