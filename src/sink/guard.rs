//! No path leads out of an output.
//!
//! # Contract
//! A manifest, a journal, and the folders of an output are data from outside. A path in them is plain names with `/`
//! between, below the output's folder, and no folder on its way is a link. The output's own path, which the job names,
//! may lead through links.

use super::STATE_FOLDER;
use super::place::{RecoveredOutput, Target, TargetKind};
use crate::error::{Error, Result};
use crate::store::is_on_store;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// The outputs that a job names, whatever its mode, and the files that a commit puts beside them: a journal leads to
/// no other place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedPaths {
    /// The outputs that are files or folders, the late output among them.
    pub outputs: Vec<Target>,
    /// Files of rejected records.
    pub beside: Vec<PathBuf>,
}

/// [`NamedPaths`], as it lies on the disk: absolute, with the links on the way to each output followed.
#[derive(Debug, Default)]
pub(super) struct PathsOnDisk {
    pub places: Vec<RecoveredOutput>,
    pub beside: Vec<PathBuf>,
}

impl PathsOnDisk {
    /// What of `named` is there, and `places`.
    pub fn of(named: &NamedPaths, places: impl IntoIterator<Item = RecoveredOutput>) -> PathsOnDisk {
        let mut known: Vec<RecoveredOutput> = places.into_iter().collect();
        // An output that is not there does not have a place on the disk to compare with.
        known.extend(named.outputs.iter().filter_map(|target| target.place().ok()));
        let beside = named.beside.iter().filter_map(|path| {
            // A bare file name has an empty parent, which stands for the current folder.
            let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Some(folder.canonicalize().ok()?.join(path.file_name()?))
        });
        PathsOnDisk { beside: beside.collect(), places: known }
    }
}

impl PathsOnDisk {
    /// The outputs that lie on stores, each once.
    pub fn places_on_stores(&self) -> BTreeSet<&RecoveredOutput> {
        self.places.iter().filter(|place| place.is_on_store()).collect()
    }
}

/// Whether a path is plain names with `/` between: it goes down, and nowhere else.
pub(super) fn is_plain(path: &str) -> bool {
    path.split('/').all(|name| !matches!(name, "" | "." | "..") && !name.contains('\0'))
}

/// Whether `path`, below the output's folder, is that of a part.
pub(super) fn is_part(kind: &TargetKind, name: &str, path: &str) -> bool {
    match kind {
        TargetKind::Folder | TargetKind::Table(_) => {
            is_plain(path) && path.split('/').next() != Some(STATE_FOLDER)
        }
        TargetKind::File => path == name,
    }
}

/// Whether `path`, below the state folder, is that of a part of the state.
pub(super) fn is_kept(path: &str) -> bool {
    is_plain(path) && path.starts_with("state/")
}

/// Whether `path`, below the state folder, is that of a file that comes with a commit.
fn is_of_state(path: &str) -> bool {
    is_kept(path) || is_plain(path) && path.starts_with("changes/")
}

impl RecoveredOutput {
    /// Whether a commit may put, or take away, the file at `path` below the output's folder.
    pub fn holds(&self, path: &str) -> bool {
        let below = self.state_below_root();
        if let Some(of_state) = path.strip_prefix(&below).and_then(|rest| rest.strip_prefix('/')) {
            return is_of_state(of_state);
        }
        // The state folder of a single file lies one level deeper, under the name of the file.
        match below.split_once('/') {
            None => is_part(&TargetKind::Folder, "", path),
            Some((_, name)) => is_part(&TargetKind::File, name, path),
        }
    }

    /// The state folder's path below the output's folder.
    pub fn state_below_root(&self) -> String {
        let below = self.state.strip_prefix(&self.root).unwrap_or(Path::new(STATE_FOLDER));
        below.to_string_lossy().into_owned()
    }
}

/// Refuses links among the folders between `root` and files below it.
#[derive(Debug, Default)]
pub(super) struct Ways(HashSet<PathBuf>);

impl Ways {
    /// Looks at the folders on the way from `root` to the file at `path`, each once.
    ///
    /// # Errors
    /// A machine error: one is a link.
    pub fn look(&mut self, root: &Path, path: &str) -> Result<()> {
        // A store has no links.
        if is_on_store(root) {
            return Ok(());
        }
        let mut at = root.to_path_buf();
        let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
        for name in folders.split('/').filter(|name| !name.is_empty()) {
            at.push(name);
            // Many parts share their folders, and each look is a system call.
            if self.0.contains(&at) {
                continue;
            }
            if at.symlink_metadata().is_ok_and(|there| there.is_symlink()) {
                return Err(linked(&at));
            }
            self.0.insert(at.clone());
        }
        Ok(())
    }
}

fn linked(folder: &Path) -> Error {
    Error::machine(format!(
        "{} is a link, but the files of an output must lie in the output itself",
        folder.display()
    ))
    .hint("nothing was changed, neither here nor where the link leads")
    .hint("replace the link by the folder itself; or remove the link, and run the job again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_down_and_nowhere_else() {
        for plain in ["a", "k=1/data.csv", "k=%2F/..a", "a\\b"] {
            assert!(is_plain(plain), "{plain}");
        }
        for wrong in ["", "/", "/a", "a/", "a//b", "..", "../a", "a/..", "a/../b", "./a", "a/.", "a\0"] {
            assert!(!is_plain(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_commit_touches_parts_and_files_of_the_state_alone() {
        let folder = RecoveredOutput { root: "/o".into(), state: "/o/_highwater".into(), catalog: None };
        let file = RecoveredOutput { root: "/o".into(), state: "/o/_highwater/g.csv".into(), catalog: None };
        let of = |place: &RecoveredOutput, paths: &[&str]| {
            paths.iter().map(|p| place.holds(p)).collect::<Vec<_>>()
        };
        assert_eq!(
            of(&folder, &["k=1/data.csv", "_highwater/state/k=1/g.state", "_highwater/changes/1.log"]),
            [true; 3]
        );
        assert_eq!(
            of(
                &folder,
                &[
                    "_highwater/journal.json",
                    "_highwater",
                    "_highwater/state",
                    "../x",
                    "_highwater/g/changes/1"
                ]
            ),
            [false; 5]
        );
        assert_eq!(of(&file, &["g.csv", "_highwater/g.csv/changes/1.log"]), [true; 2]);
        assert_eq!(
            of(&file, &["h.csv", "k/g.csv", "_highwater/h.csv/changes/1.log", "_highwater/g.csv/lock"]),
            [false; 4]
        );
    }
}
