//! The jobs of a folder: each job file with the outputs in place that it names, and outputs without a job file by the name
//! of their job.
//!
//! # Contract
//! A job is known by a number that its path decides, so its address stays. A job file is parsed and checked without its data.
//! One that is wrong keeps the outputs that its text still names.

use super::find::{Found, find};
use super::snapshot::Manifests;
use super::stamp::FileStamp;
use crate::job::{self, JobSpec, Overrides};
use crate::plan::OutputTo;
use crate::sink::Target;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// A job.
#[derive(Debug, Clone, Default)]
pub struct ListedJob {
    /// Its number in addresses.
    pub id: String,
    /// Its name; of a file that cannot be read, the name of the file.
    pub name: String,
    /// The job file, below the folder, and its text; none where only outputs are there.
    pub file: Option<(String, String)>,
    /// When the job file was written, milliseconds since 1970.
    pub edited: Option<u64>,
    /// What is wrong with the job file.
    pub error: Option<String>,
    /// The outputs that are in place.
    pub outputs: Vec<Target>,
    /// Paths that the job names and that have nothing in place below the folder.
    pub missing: Vec<String>,
    /// A comparison that was kept, and when.
    pub recorded: Option<(PathBuf, FileStamp)>,
}

/// What is known of a job file.
#[derive(Debug, Clone)]
struct JobFacts {
    name: String,
    text: String,
    error: Option<String>,
    /// Where outputs go, as the job has it.
    places: Vec<PathBuf>,
}

/// Reads what lies below a folder, again and again.
#[derive(Debug)]
pub struct Catalog {
    root: PathBuf,
    /// Job files that were read; none for a file that is not a job.
    read: HashMap<PathBuf, (FileStamp, Option<JobFacts>)>,
}

impl Catalog {
    pub fn new(root: PathBuf) -> Catalog {
        Catalog { root, read: HashMap::new() }
    }

    /// The jobs, by name; and whether the whole folder was looked at.
    pub fn jobs(&mut self, manifests: &Manifests) -> (Vec<ListedJob>, bool) {
        let found = find(&self.root);
        // What is gone is forgotten.
        let there: HashSet<&PathBuf> = found.jobs.iter().map(|(path, _)| path).collect();
        self.read.retain(|path, _| there.contains(path));
        let mut claimed: HashSet<&Path> = HashSet::new();
        let names = names(&found, manifests);
        let mut jobs = vec![];
        for (path, stamp) in &found.jobs {
            let Some(read) = self.file(path, *stamp) else { continue };
            let job = self.of_file(path, read, &found, &names, &mut claimed);
            jobs.push(ListedJob { edited: Some(stamp.milliseconds()), ..job });
        }
        jobs.extend(self.of_outputs(&found, &names, &claimed));
        for job in &mut jobs {
            let kept = found.recorded.iter().filter(|(path, _)| super::recorded::is_of(path, &job.name));
            job.recorded = kept.max_by_key(|(_, stamp)| stamp.milliseconds()).cloned();
        }
        // Of two files with one name, the path decides.
        jobs.sort_by(|a, b| (&a.name, &a.file, &a.id).cmp(&(&b.name, &b.file, &b.id)));
        (jobs, found.whole)
    }

    /// A job file, as it was read when it was last changed.
    fn file(&mut self, path: &Path, stamp: FileStamp) -> Option<JobFacts> {
        if let Some((_, read)) = self.read.get(path).filter(|(known, _)| *known == stamp) {
            return read.clone();
        }
        let read = std::fs::read_to_string(path).ok().filter(|text| is_job(text));
        let read = read.map(|text| JobFacts::of(&self.below(path), text));
        self.read.insert(path.to_path_buf(), (stamp, read.clone()));
        read
    }

    /// A path as it is shown: below the folder.
    fn below(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    fn of_file<'f>(
        &self,
        path: &Path,
        read: JobFacts,
        found: &'f Found,
        names: &HashMap<&Path, Option<String>>,
        claimed: &mut HashSet<&'f Path>,
    ) -> ListedJob {
        let JobFacts { name, text, error, places } = read;
        // Paths of a job are from the folder that it is run in, which its file does not say: the nearest of those above
        // the file from which most outputs are there.
        let bases = path.ancestors().skip(1).take_while(|base| base.starts_with(&self.root));
        let in_place = |base: &Path| -> Vec<Option<&'f Target>> {
            let of = |place: &PathBuf| {
                let place = plain(&base.join(place));
                let own = found.outputs.iter().find(|target| target.path == place)?;
                // An output of another job has another name in its manifest; one that cannot be read is shown here.
                let right =
                    names.get(own.path.as_path())?.as_ref().is_none_or(|of| *of == name || error.is_some());
                right.then_some(own)
            };
            places.iter().map(of).collect()
        };
        let best = bases.map(in_place).reduce(|best, other| {
            let count = |of: &[Option<&Target>]| of.iter().flatten().count();
            if count(&other) > count(&best) { other } else { best }
        });
        let best = best.unwrap_or_default();
        let outputs: Vec<Target> = best.iter().copied().flatten().cloned().collect();
        claimed.extend(best.iter().copied().flatten().map(|target| target.path.as_path()));
        let missing = places.iter().zip(&best).filter(|(_, target)| target.is_none());
        let missing = missing.map(|(place, _)| place.display().to_string()).collect();
        let file = self.below(path);
        let id = number(&format!("file {file}"));
        ListedJob { id, name, file: Some((file, text)), error, outputs, missing, ..ListedJob::default() }
    }

    /// Outputs that no job file names, by job.
    fn of_outputs(
        &self,
        found: &Found,
        names: &HashMap<&Path, Option<String>>,
        claimed: &HashSet<&Path>,
    ) -> Vec<ListedJob> {
        let mut jobs: BTreeMap<String, ListedJob> = BTreeMap::new();
        for target in found.outputs.iter().filter(|target| !claimed.contains(target.path.as_path())) {
            let name = names.get(target.path.as_path()).cloned().flatten();
            let path = self.below(&target.path);
            // One whose manifest cannot be read is alone, as its job is not known.
            let key = name.as_ref().map_or_else(|| format!("output {path}"), |name| format!("job {name}"));
            let id = number(&key);
            let job = jobs.entry(key).or_insert_with(|| ListedJob {
                id,
                name: name.unwrap_or(path),
                ..ListedJob::default()
            });
            job.outputs.push(target.clone());
        }
        jobs.into_values().collect()
    }
}

/// The name of the job of each output; none where its manifest cannot be read.
fn names<'f>(found: &'f Found, manifests: &Manifests) -> HashMap<&'f Path, Option<String>> {
    // A commit that is under way does not change the name, so this does not wait for it.
    let name = |target: &'f Target| {
        let manifest = manifests.one(target).ok();
        (target.path.as_path(), manifest.map(|manifest| manifest.job.name.clone()))
    };
    found.outputs.iter().map(name).collect()
}

impl JobFacts {
    fn of(file: &str, text: String) -> JobFacts {
        let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.unwrap_or_else(|| "job".to_string());
        let spec = JobSpec::parse(file, &text);
        let (form, places) = match &spec {
            Ok(spec) => (job::check_form(spec, &Overrides::default()), places(spec)),
            Err(error) => (Err(error.clone()), vec![]),
        };
        let (name, error) = match form {
            Ok(form) => (form.name, None),
            Err(error) => (String::new(), Some(error.to_string())),
        };
        // A job with a fault still has a name and paths in its text, if that is TOML.
        let table = error.as_ref().and_then(|_| text.parse::<toml::Table>().ok()).unwrap_or_default();
        let named = || table.get("name").and_then(toml::Value::as_str).unwrap_or(&stem).to_string();
        let name = if name.is_empty() { named() } else { name };
        let places = if places.is_empty() { places_of_text(&table) } else { places };
        JobFacts { name, text, error, places }
    }
}

/// Where the outputs and the late events of a job go.
fn places(spec: &JobSpec) -> Vec<PathBuf> {
    let outputs = job::destinations(spec).into_iter().filter_map(|to| match to {
        OutputTo::Folder(path) | OutputTo::File(path) | OutputTo::Table(path, _) => Some(path),
        OutputTo::Terminal => None,
    });
    outputs.chain(job::late_path(spec)).collect()
}

/// The same of a job file that is wrong.
fn places_of_text(table: &toml::Table) -> Vec<PathBuf> {
    let path = |table: &toml::Value| Some(PathBuf::from(table.get("path")?.as_str()?));
    let outputs = table.get("output").and_then(toml::Value::as_array).into_iter().flatten();
    let late = table.get("late").and_then(path);
    outputs.filter_map(path).filter(|path| path.as_os_str() != "-").chain(late).collect()
}

/// Whether a TOML file is meant to be a job. One with an error of syntax is too, so its tables are looked for by line.
fn is_job(text: &str) -> bool {
    let has = |wanted: &[&str]| {
        text.lines().any(|line| wanted.iter().any(|start| line.trim_start().starts_with(start)))
    };
    has(&["[source]", "[source.", "source.", "source ="]) && has(&["[[output]]", "output ="])
}

/// A path without `.` and `..`, by its text alone: a link on the way is not looked at.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = out.pop(),
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

fn number(key: &str) -> String {
    let mut out = String::new();
    // Writing to a text cannot fail.
    let _ = write!(out, "{:016x}", xxh3_64(key.as_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_toml_files_are_not_jobs() {
        assert!(is_job("name = \"x\"\n[source]\npath = \"a.csv\"\n[[output]]\n"));
        assert!(is_job("[source\n[source]\n  [[output]]"), "one that cannot be parsed is a job too");
        assert!(!is_job("[package]\nname = \"x\"\n[source]\n"));
        assert!(!is_job("# [[output]]\n"));
    }

    #[test]
    fn paths_are_made_plain_by_their_text() {
        assert_eq!(plain(Path::new("/a/b/../c/./d/")), Path::new("/a/c/d"));
        assert_eq!(plain(Path::new("/../../etc")), Path::new("/etc"));
    }
}
