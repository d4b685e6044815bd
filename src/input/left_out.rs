//! What folders and globs leave out of a source, so that it can be told: what the job writes itself, what is not a file,
//! names that are not UTF-8; and what another job has written, which is read.

use super::entries::{FolderStep, STATE_FOLDER};
use crate::store::{files, is_on_store};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// The most of a kind that are told by name.
const NAMED: usize = 3;

/// What the job writes: files, and folders with all that is in them.
pub(super) struct Own(HashMap<PathBuf, PathBuf>);

impl Own {
    /// What a job that writes to these paths writes. They need not be there.
    pub(super) fn of(paths: &[PathBuf]) -> Own {
        Own(paths.iter().map(|path| (whole(path), path.clone())).collect())
    }

    /// The output at `real`, a path without links, as the job spells it.
    pub(super) fn at(&self, real: &Path) -> Option<&Path> {
        if self.0.is_empty() { None } else { self.0.get(real).map(PathBuf::as_path) }
    }

    /// The output that is at `real` or has it in its folder.
    pub(super) fn holding(&self, real: &Path) -> Option<&Path> {
        real.ancestors().find_map(|above| self.at(above))
    }
}

/// The path without links, as far as it is there.
fn whole(path: &Path) -> PathBuf {
    if is_on_store(path) {
        return files::real_folder(path).unwrap_or_else(|| path.to_path_buf());
    }
    // `canonicalize` fails for a path that is not there, such as an output before its first run.
    for above in path.ancestors() {
        let at = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        if let (Ok(real), Ok(rest)) = (std::fs::canonicalize(at), path.strip_prefix(above)) {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path.to_path_buf()
}

/// What was come upon and is no input.
#[derive(Debug, Default)]
pub(super) struct LeftOutPaths {
    own: BTreeSet<PathBuf>,
    unreadable_names: BTreeSet<PathBuf>,
    not_files: BTreeMap<PathBuf, &'static str>,
    /// Folders of other jobs, which are read: the name of the job, if its manifest tells.
    others: BTreeMap<PathBuf, Option<String>>,
}

impl LeftOutPaths {
    /// An output of the job.
    pub(super) fn own(&mut self, path: &Path) {
        self.own.insert(path.to_path_buf());
    }

    /// A name that is not UTF-8.
    pub(super) fn unreadable_name(&mut self, path: &Path) {
        self.unreadable_names.insert(path.to_path_buf());
    }

    /// A pipe, a socket or a device, as `what` says.
    pub(super) fn not_a_file(&mut self, path: &Path, what: &'static str) {
        self.not_files.insert(path.to_path_buf(), what);
    }

    /// A folder that has a state folder: what other jobs have written there is read, and told.
    pub(super) fn others(&mut self, folder: &FolderStep, own: &Own) {
        let state = folder.real.join(STATE_FOLDER);
        let of_files = std::fs::read_dir(&state).into_iter().flatten().flatten();
        // The state of `out/a.csv` lies in `out/_highwater/a.csv`: states of the job's own outputs are passed
        // over.
        let of_files = of_files.filter(|entry| own.at(&folder.real.join(entry.file_name())).is_none());
        let manifests = of_files.map(|entry| entry.path().join("manifest.json"));
        let mut manifests = std::iter::once(state.join("manifest.json")).chain(manifests);
        if let Some(manifest) = manifests.find(|manifest| manifest.is_file()) {
            self.others.insert(folder.path.clone(), job_of(&manifest));
        }
    }

    /// Whether nothing was left out.
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.unreadable_names.is_empty() && self.not_files.is_empty()
    }

    /// What there is to tell, a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut out = vec![];
        let own = self.own.iter().map(|path| format!("{} is left out: the job writes it", path.display()));
        push_first(&mut out, own, "outputs of the job are left out");
        let names = self.unreadable_names.iter();
        let names = names.map(|path| format!("{} is left out: its name is not UTF-8", path.display()));
        push_first(&mut out, names, "names that are not UTF-8 are left out");
        let others = self.not_files.iter().map(|(path, what)| {
            let hint = if *what == "a pipe" { "; a pipe is read only if the job names it" } else { "" };
            format!("{} is left out: it is {what}{hint}", path.display())
        });
        push_first(&mut out, others, "that are not files are left out");
        let written = self.others.iter().map(|(path, job)| {
            let job = job.as_ref().map_or("another job".to_string(), |job| format!("the job `{job}`"));
            format!("{} is read, although {job} wrote it", path.display())
        });
        push_first(&mut out, written, "folders that jobs have written are read");
        out
    }
}

/// Adds the first of some sentences, and how many more there are.
fn push_first(out: &mut Vec<String>, mut all: impl Iterator<Item = String>, more: &str) {
    out.extend(all.by_ref().take(NAMED));
    let rest = all.count();
    if rest > 0 {
        out.push(format!("{rest} more {more}"));
    }
}

/// The name of the job that wrote a manifest.
fn job_of(manifest: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct OtherManifest {
        job: HeaderJob,
    }
    #[derive(Deserialize)]
    struct HeaderJob {
        name: String,
    }
    let file = BufReader::new(std::fs::File::open(manifest).ok()?);
    serde_json::from_reader::<_, OtherManifest>(file).ok().map(|manifest| manifest.job.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_known_by_their_place_whether_they_are_there_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("src")).unwrap();
        std::os::unix::fs::symlink(root.join("src"), root.join("link")).unwrap();
        let own = Own::of(&[root.join("link/out/p"), root.join("src/g.csv")]);
        assert_eq!(own.at(&root.join("src/out/p")), Some(root.join("link/out/p").as_path()));
        assert_eq!(own.holding(&root.join("src/out/p/day=1/x.csv")), Some(root.join("link/out/p").as_path()));
        assert_eq!(own.at(&root.join("src/g.csv")), Some(root.join("src/g.csv").as_path()));
        assert_eq!(own.holding(&root.join("src/out/q")), None);
    }

    #[test]
    fn a_few_are_told_by_name_and_the_rest_by_number() {
        let mut left_out = LeftOutPaths::default();
        (0..5).for_each(|i| left_out.not_a_file(Path::new(&format!("src/{i}.csv")), "a socket"));
        left_out.not_a_file(Path::new("src/in.csv"), "a pipe");
        assert_eq!(
            left_out.notes(),
            [
                "src/0.csv is left out: it is a socket",
                "src/1.csv is left out: it is a socket",
                "src/2.csv is left out: it is a socket",
                "3 more that are not files are left out",
            ]
        );
    }
}
