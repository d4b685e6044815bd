//! The manifests of the outputs of a job, all of one commit.
//!
//! # Contract
//! A commit puts a journal beside each output before it changes the first file, and removes the last of them after it has
//! changed the last (see `sink`). So manifests are of one commit where there is not a journal after they are read, and
//! none of them has become another meanwhile. Else they are read again; after some attempts a commit is under way, or was
//! interrupted, and there is nothing whole to show.

use super::stamp::FileStamp;
use crate::sink::{Manifest, Target};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Manifests that are kept in memory.
const KEPT: usize = 10_000;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// An output as its manifest says.
#[derive(Debug, Clone)]
pub struct OutputSnapshot {
    pub target: Target,
    /// What its manifest says.
    pub manifest: ManifestResult,
}

/// The outputs of a job between two commits.
#[derive(Debug, Clone)]
pub struct State {
    pub outputs: Vec<OutputSnapshot>,
    /// Differs from that of every other state.
    pub number: u64,
    /// When the last of the manifests was written, milliseconds since 1970.
    pub committed: Option<u64>,
}

/// What a manifest is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Seen {
    manifest: Option<FileStamp>,
    journal: bool,
}

impl Seen {
    fn of(target: &Target) -> Seen {
        let state = target.state();
        // The manifest first: a commit that ends in between leaves a manifest that is not the one seen, and is noticed.
        let manifest = FileStamp::of(&target.manifest_file());
        Seen { manifest, journal: state.join("journal.json").symlink_metadata().is_ok() }
    }
}

/// Whether the outputs are in `state` still, and no commit is under way.
pub fn is_still(targets: &[Target], state: &State) -> bool {
    let seen: Vec<Seen> = targets.iter().map(Seen::of).collect();
    seen.iter().all(|seen| !seen.journal) && number(&seen) == state.number
}

fn number(seen: &[Seen]) -> u64 {
    // Within one process, so the keys of the hasher need not be the same tomorrow.
    let mut hasher = DefaultHasher::new();
    seen.hash(&mut hasher);
    hasher.finish()
}

/// A manifest, or why it cannot be read.
type ManifestResult = Result<Arc<Manifest>, String>;

/// Manifests that were read, by path, so that a look at many jobs reads only what is new.
#[derive(Debug, Default)]
pub struct Manifests(Mutex<HashMap<PathBuf, (FileStamp, ManifestResult)>>);

impl Manifests {
    /// The state of the outputs `targets`; `None` where a commit is under way in each of the attempts.
    pub fn state(&self, targets: &[Target], attempts: usize) -> Option<State> {
        for attempt in 0..attempts {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
            }
            let before: Vec<Seen> = targets.iter().map(Seen::of).collect();
            if before.iter().any(|seen| seen.journal) {
                continue;
            }
            let outputs =
                targets.iter().zip(&before).map(|(target, seen)| self.output(target, *seen)).collect();
            let after: Vec<Seen> = targets.iter().map(Seen::of).collect();
            if before == after {
                let written = after.iter().filter_map(|seen| seen.manifest).map(FileStamp::milliseconds);
                return Some(State { outputs, number: number(&after), committed: written.max() });
            }
        }
        None
    }

    /// The manifest of an output, whether or not a commit is under way.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn one(&self, target: &Target) -> ManifestResult {
        self.manifest(target, Seen::of(target).manifest)
    }

    fn output(&self, target: &Target, seen: Seen) -> OutputSnapshot {
        OutputSnapshot { target: target.clone(), manifest: self.manifest(target, seen.manifest) }
    }

    fn manifest(&self, target: &Target, stamp: Option<FileStamp>) -> ManifestResult {
        let Some(stamp) = stamp else {
            return Err(format!("the manifest of {} is not there", target.path.display()));
        };
        let path = target.state();
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, manifest)) = lock().get(&path).filter(|(known, _)| *known == stamp) {
            return manifest.clone();
        }
        // Without the lock, as a manifest of many files takes time.
        let read = match target.manifest() {
            Ok(Some(manifest)) => Ok(Arc::new(manifest)),
            Ok(None) => Err(format!("the manifest of {} is not there", target.path.display())),
            Err(error) => Err(error.to_string()),
        };
        // A manifest that has become another meanwhile must not stand under the old stamp.
        if FileStamp::of(&target.manifest_file()) == Some(stamp) {
            let mut known = lock();
            if known.len() >= KEPT {
                known.clear();
            }
            known.insert(path, (stamp, read.clone()));
        }
        read
    }
}
