//! What is in place, what is given, and the list of files that both make together.
//!
//! # Contract
//! Files are known by content, and by what folders tell of the columns that the job declares. Those of the source
//! that count after the backfill stand in natural path order, as they would for a run over all of them: positions are
//! in that list.

use super::outcome::{BackfillRequest, GivenFile, GivenKind};
use crate::batch::partition_values;
use crate::error::{Error, Result};
use crate::input::{CountedContent, InputFormat, InputReport, Inputs, files, partition_columns};
use crate::job;
use crate::job::JobSpec;
use crate::plan::OutputId;
use crate::sink::{InputEntry, Manifest, OutputFormat, Target, Transaction, first_altered};
use hashbrown::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// The outputs as a run, or a backfill, left them.
pub struct InPlace {
    /// Of each target; of one that was never written, an empty one.
    pub manifests: Vec<Manifest>,
    /// The number of the target whose manifest says what was counted.
    first: usize,
    /// Why the outputs are not of one run, if they are not.
    pub apart: Option<Error>,
    /// The files of the source, in position order.
    pub inputs: Vec<InputEntry>,
    /// The files of tables.
    pub tables: Vec<InputEntry>,
}

impl InPlace {
    /// Reads the manifests of all targets of an open transaction. What was counted an archive says, if there is one.
    ///
    /// # Errors
    /// The job has no target, or none of them was written.
    pub fn new(transaction: &Transaction, targets: &[Target]) -> Result<InPlace> {
        if targets.is_empty() {
            return Err(Error::job("the job does not write an output to disk")
                .hint("add a folder or a file as an output"));
        }
        let found: Vec<Option<&Manifest>> =
            (0..targets.len()).map(|number| transaction.manifest(number)).collect();
        let is_archive = |manifest: &Option<&Manifest>| manifest.is_some_and(|m| m.output.archive);
        let first = found.iter().position(is_archive).or_else(|| found.iter().position(Option::is_some));
        let never = |number: usize| {
            Error::job(format!("{} was never written", targets[number].path.display()))
                .hint("run the job first; a backfill corrects existing outputs")
        };
        let first = first.ok_or_else(|| never(0))?;
        let counted = found[first].map_or(&[][..], |manifest| &manifest.inputs);
        let apart = found.iter().enumerate().find_map(|(number, manifest)| match manifest {
            None => Some(never(number)),
            Some(manifest) if manifest.inputs != counted => {
                let (one, other) = (targets[first].path.display(), targets[number].path.display());
                let error = Error::job(format!("{one} and {other} are not from the same run"));
                Some(error.hint("run the job again: `highwater run` brings all its outputs to one state"))
            }
            Some(_) => None,
        });
        let (tables, inputs) = counted.iter().cloned().partition(|input| input.table.is_some());
        // A target that was never written gets an empty manifest, so that numbers of both lists agree.
        let manifests = found.into_iter().map(|manifest| manifest.cloned().unwrap_or_default()).collect();
        Ok(InPlace { manifests, first, apart, inputs, tables })
    }

    /// The first file of the outputs that is gone or was changed from outside.
    ///
    /// # Errors
    /// A store does not say.
    pub fn altered(&self, targets: &[(OutputId, Target)]) -> Result<Option<PathBuf>> {
        for ((_, target), manifest) in targets.iter().zip(&self.manifests) {
            for (folder, parts) in [(target.root(), &manifest.parts), (target.state(), &manifest.state)] {
                if let Some(part) = first_altered(&folder, parts.as_slice())? {
                    return Ok(Some(folder.join(&part.path)));
                }
            }
        }
        Ok(None)
    }

    /// Keeps all parts of target number `number` as they are, those of its state too.
    ///
    /// # Errors
    /// One is gone, or is not what its manifest says.
    pub fn keep(&self, transaction: &Transaction, number: usize) -> Result<()> {
        let Manifest { parts, state, .. } = &self.manifests[number];
        parts.iter().try_for_each(|part| transaction.keep(number, &part.path).map(drop))?;
        state.iter().try_for_each(|part| transaction.keep_state_part(number, &part.path).map(drop))
    }

    /// The manifest that says what was counted.
    pub fn before(&self) -> &Manifest {
        &self.manifests[self.first]
    }
}

/// A file of the source, whatever becomes of it.
#[derive(Debug, Clone)]
pub struct SourceEntry {
    /// Its path, as manifests and archives name it.
    pub path: String,
    /// Where it lies now: files are known by content, and may have another name than when they were counted.
    pub at: PathBuf,
    /// Whether the source's patterns name it now.
    pub named: bool,
    /// Its hash.
    pub hash: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether it is known to have no records.
    pub empty: bool,
    /// What it is to the backfill.
    pub role: FileRole,
}

impl SourceEntry {
    /// Whether it lies where it did, by its size: its content is known when it is read. A stream lies nowhere, unless it
    /// is given anew.
    pub fn is_in_place(&self, inputs: &Inputs) -> bool {
        inputs.has(&self.at) && inputs.file(&self.at).is_ok_and(|there| there.bytes() == self.bytes)
    }
}

/// What a file of the source is to a backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    /// Counted before, and it stays so.
    Old,
    /// Not counted before.
    New,
    /// Counted before, and taken out.
    Retracted,
}

/// The given files, sorted out.
pub struct BackfillInput {
    /// Each of them, in the order given.
    pub files: Vec<GivenFile>,
    /// All files of the source, in natural path order.
    pub source: Vec<SourceEntry>,
    /// Whether the source was listed for new files: none were given by name.
    pub of_source: bool,
    /// Their places in that list, by hash and by path.
    by_hash: HashMap<String, Vec<usize>>,
    by_path: HashMap<String, Vec<usize>>,
    /// The late output of the job, if it was given.
    pub late: Option<PathBuf>,
    /// What there is to tell of the files that were looked for.
    pub notes: Vec<String>,
    /// What is different about a table, if anything is.
    pub tables: Option<String>,
    /// The format of the source's files, if the job says.
    pub format: Option<InputFormat>,
    /// The columns of the source that the job declares, which folders may tell.
    declared: Vec<String>,
}

impl BackfillInput {
    /// Sorts out the files of a request.
    ///
    /// # Errors
    /// A file is missing, was never counted (of a retraction), or is not what it was when it was counted.
    pub fn new(spec: &JobSpec, request: &BackfillRequest, in_place: &InPlace) -> Result<BackfillInput> {
        let of_tables = job::table_files(spec)?;
        let format = job::source_format(spec);
        let declared = job::declared_columns(spec);
        let inputs = spec.inputs();
        for entry in in_place.inputs.iter().chain(&in_place.tables) {
            if let Some(etag) = entry.etag.clone() {
                let (bytes, hash) = (entry.bytes, entry.hash.clone());
                inputs.take_counted(Path::new(&entry.path), CountedContent { etag, bytes, hash });
            }
        }
        let mut given = BackfillInput {
            files: vec![],
            source: vec![],
            of_source: request.files.is_empty() && !request.retract,
            by_hash: HashMap::new(),
            by_path: HashMap::new(),
            late: None,
            notes: vec![],
            tables: None,
            format,
            declared,
        };
        let old = |input: &InputEntry| SourceEntry {
            path: input.path.clone(),
            at: PathBuf::from(&input.path),
            named: false,
            hash: input.hash.clone(),
            bytes: input.bytes,
            empty: input.records == 0,
            role: FileRole::Old,
        };
        // Files that were counted come first: a given file with the same content is then found as known.
        in_place.inputs.iter().map(old).for_each(|entry| given.enter(entry));
        if given.of_source {
            given.unseen(spec)?;
        }
        // What the patterns name now; a job whose files are gone names none.
        let named =
            if request.files.is_empty() { vec![] } else { job::source_paths(spec).unwrap_or_default() };
        let mut folders = HashMap::new();
        let named = named.into_iter().map(|path| (whole_in(&mut folders, &path), path));
        let named: HashMap<PathBuf, PathBuf> = named.collect();
        // A later entry of the map replaces an earlier one: reversed, the first table of a file wins.
        let tables: HashMap<PathBuf, &String> =
            of_tables.iter().rev().map(|(name, path)| (whole(path), name)).collect();
        let late = LateOutput::of(spec)?;
        let files = request.files.iter().map(|file| late.as_ref().map_or(file, |late| late.file_of(file)));
        let files: Vec<PathBuf> = files.cloned().collect();
        let (paths, notes) = expanded(&files, format, inputs)?;
        given.notes.extend(notes);
        for path in paths {
            // A file that is taken out may be gone from the disk, so it is not opened here.
            if request.retract {
                given.retract(&path, inputs)?;
                continue;
            }
            let file = inputs.file(&path)?;
            let path = file.path().to_path_buf();
            let place = whole(&path);
            if let Some(name) = tables.get(&place) {
                given.note(&path, GivenKind::Table(name.to_string()));
                continue;
            }
            let (bytes, hash) = file.hash()?;
            if late.as_ref().is_some_and(|late| late.is(&path, &hash)) {
                // Late events that a backfill has counted leave `late` at 0: given again, they change
                // nothing.
                if in_place.before().account.late == 0 {
                    given.note(&path, GivenKind::Known(path.clone()));
                } else {
                    given.note(&path, GivenKind::Late);
                    if late.as_ref().is_some_and(LateOutput::is_keyed) {
                        let path = path.display();
                        return Err(Error::job(format!(
                            "{path} has lines for kcat, which a backfill does not read"
                        ))
                        .hint("write late events as .jsonl or .parquet, and publish those"));
                    }
                    given.late = Some(path);
                }
                continue;
            }
            // A file that the source's patterns name is spelled as they do.
            let of_zip = || {
                // The patterns name the zip, and its members are spelled from there.
                let above = |above: &Path| Some(named.get(above)?.join(place.strip_prefix(above).ok()?));
                place.ancestors().skip(1).find_map(above)
            };
            let spelled = named.get(&place).cloned().or_else(of_zip).unwrap_or(path);
            given.add(spelled.display().to_string(), hash, bytes, inputs)?;
        }
        given.tables = changed_tables(&of_tables, &in_place.tables, inputs)?;
        // Late events count in streamed outputs alone and new ones in all: one pass cannot do both.
        if given.late.is_some() && given.source.iter().any(|entry| entry.role == FileRole::New) {
            return Err(Error::job("late events of the job and new files cannot be given together")
                .hint("backfill them one after the other"));
        }
        let mut sorted = std::mem::take(&mut given.source);
        sorted.sort_by(|a, b| files::natural_order(Path::new(&a.path), Path::new(&b.path)));
        // The sort has changed the places that the maps name.
        (given.by_hash, given.by_path) = Default::default();
        sorted.into_iter().for_each(|entry| given.enter(entry));
        Ok(given)
    }

    /// Appends a file of the source.
    fn enter(&mut self, entry: SourceEntry) {
        let place = self.source.len();
        self.by_hash.entry(entry.hash.clone()).or_default().push(place);
        self.by_path.entry(entry.path.clone()).or_default().push(place);
        // A file that was renamed is read by its new name.
        let at = entry.at.display().to_string();
        if at != entry.path {
            self.by_path.entry(at).or_default().push(place);
        }
        self.source.push(entry);
    }

    /// The files of the source of this path.
    fn at<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a SourceEntry> {
        self.by_path.get(path).into_iter().flatten().map(|place| &self.source[*place])
    }

    /// Files that the source's patterns name now and no run has counted.
    fn unseen(&mut self, spec: &JobSpec) -> Result<()> {
        let found = job::source_files(spec)?;
        self.notes.extend(found.notes);
        for file in found.files {
            let (bytes, hash) = file.opened.hash()?;
            let path = file.path.display().to_string();
            let places = self.by_path.get(&path).into_iter().flatten().copied();
            // The same path with another content goes to `add`, which reports that the file has changed.
            match places.into_iter().find(|place| self.source[*place].hash == hash) {
                Some(known) => self.source[known].named = true,
                None => self.add(path, hash, bytes, spec.inputs())?,
            }
        }
        // A commit of a table that takes a file away puts its rows into others, or deletes them.
        let gone =
            |entry: &&SourceEntry| !entry.named && !entry.empty && found.tables.had(Path::new(&entry.path));
        match self.source.iter().find(gone) {
            Some(gone) => Err(replaced(&gone.path)),
            None => Ok(()),
        }
    }

    fn add(&mut self, path: String, hash: String, bytes: u64, inputs: &Inputs) -> Result<()> {
        // Files without records are all alike, and count nothing twice.
        let known = |entry: &SourceEntry| entry.path == path || !entry.empty;
        let of_hash = self.by_hash.get(&hash).into_iter().flatten().copied();
        let alike: Vec<usize> = of_hash.filter(|place| known(&self.source[*place])).collect();
        let same = |place: &&usize| same_partition_values(&self.declared, &self.source[**place].path, &path);
        if let Some(known) = alike.iter().find(same).copied() {
            self.note(Path::new(&path), GivenKind::Known(PathBuf::from(&self.source[known].path)));
            let entry = &mut self.source[known];
            entry.named = true;
            // The file of that time may be gone: its content is then read from where it lies now.
            if !entry.is_in_place(inputs) {
                entry.at = PathBuf::from(&path);
                self.by_path.entry(path).or_default().push(known);
            }
            return Ok(());
        }
        // The folders would give the same events other column values than those that were counted.
        if let Some(known) = alike.first() {
            return Err(moved(&path, &self.source[*known].path));
        }
        // A file that grew or was changed holds events that were counted: as a new file it would count them
        // twice.
        if self.by_path.contains_key(&path) {
            return Err(changed(&path));
        }
        self.note(Path::new(&path), GivenKind::New);
        let at = PathBuf::from(&path);
        self.enter(SourceEntry { path, at, named: true, hash, bytes, empty: false, role: FileRole::New });
        Ok(())
    }

    fn retract(&mut self, path: &Path, inputs: &Inputs) -> Result<()> {
        let file = if inputs.has(path) { Some(inputs.file(path)?) } else { None };
        let named = file.as_ref().map_or(path, |file| file.path()).display().to_string();
        let hash = file.map(|file| file.hash()).transpose()?.map(|(_, hash)| hash);
        // A zip that is gone stands for the members that it had.
        let members = format!("{named}/");
        if hash.is_none() && named.to_lowercase().ends_with(".zip") {
            let of_zip = (0..self.source.len()).filter(|i| self.source[*i].path.starts_with(&members));
            let of_zip: Vec<usize> = of_zip.collect();
            for place in &of_zip {
                self.source[*place].role = FileRole::Retracted;
                let path = PathBuf::from(&self.source[*place].path);
                self.note(&path, GivenKind::Retracted);
            }
            if !of_zip.is_empty() {
                return Ok(());
            }
        }
        let alike = match &hash {
            Some(hash) => self.by_hash.get(hash),
            None => self.by_path.get(&named),
        };
        let is = |place: &&usize| {
            hash.is_none() || same_partition_values(&self.declared, &self.source[**place].path, &named)
        };
        let Some(entry) = alike.and_then(|alike| alike.iter().find(is)).map(|place| &mut self.source[*place])
        else {
            let error = Error::job(format!("{named} was never counted, so it cannot be taken out"));
            let paths = self.source.iter().map(|entry| entry.path.as_str());
            return Err(match hash {
                Some(_) if self.by_path.contains_key(&named) => {
                    error.hint("a file of this name was counted, but with other content")
                }
                _ => error.nearest(&named, paths),
            });
        };
        entry.role = FileRole::Retracted;
        let path = PathBuf::from(&entry.path);
        self.note(&path, GivenKind::Retracted);
        Ok(())
    }

    fn note(&mut self, path: &Path, kind: GivenKind) {
        self.files.push(GivenFile { path: path.to_path_buf(), kind, records: 0 });
    }

    /// The files of the source with this role, with their places in the list.
    pub fn with(&self, role: FileRole) -> impl Iterator<Item = (u32, &SourceEntry)> {
        (0..).zip(&self.source).filter(move |(_, entry)| entry.role == role)
    }

    /// The files that count after the backfill.
    pub fn left(&self) -> impl Iterator<Item = &SourceEntry> {
        self.source.iter().filter(|entry| entry.role != FileRole::Retracted)
    }

    /// Whether there is a file with this role.
    pub fn has(&self, role: FileRole) -> bool {
        self.with(role).next().is_some()
    }

    /// Checks that files which were read again are what they were.
    ///
    /// # Errors
    /// One has changed.
    pub fn are_as_counted<'r>(&self, read: impl Iterator<Item = &'r InputReport>) -> Result<()> {
        for report in read {
            let path = report.path.display().to_string();
            if self.at(&path).any(|entry| entry.hash != report.hash) {
                return Err(changed(&path));
            }
        }
        Ok(())
    }

    /// Whether all that was counted is in files that the source names: a run over them counts all of it.
    pub fn is_all_named(&self) -> bool {
        // A file without records adds nothing to the counts, so its name does not matter.
        self.source.iter().all(|entry| entry.named || entry.empty)
    }

    /// Whether nothing is to be done.
    pub fn changes_nothing(&self) -> bool {
        self.late.is_none()
            && self.tables.is_none()
            && !self.has(FileRole::New)
            && !self.has(FileRole::Retracted)
    }

    /// The places of the files that have this role, by path.
    pub fn ordinals(&self, role: FileRole) -> HashMap<String, u32> {
        self.with(role).map(|(ordinal, entry)| (entry.path.clone(), ordinal)).collect()
    }

    /// All paths, by place.
    pub fn paths(&self) -> Vec<String> {
        self.source.iter().map(|entry| entry.path.clone()).collect()
    }
}

/// The late output of a job.
struct LateOutput {
    path: PathBuf,
    /// Its folder, where it is a table that has a file.
    folder: Option<PathBuf>,
    /// The hash of its file, if its manifest is there.
    hash: Option<String>,
}

impl LateOutput {
    fn of(spec: &JobSpec) -> Result<Option<LateOutput>> {
        let Some(target) = job::late_target(spec) else { return Ok(None) };
        let manifest = target.manifest()?;
        let (path, folder) = match manifest.as_ref().and_then(|manifest| manifest.parts.first()) {
            // The file of a table has the name of its content.
            Some(part) if target.is_table() => (target.root().join(&part.path), Some(target.path)),
            _ => (target.path, None),
        };
        // Hashes of inputs carry the name of the algorithm, and those of parts do not.
        let hash = manifest.and_then(|manifest| Some(format!("xxh3:{}", manifest.parts.first()?.hash)));
        Ok(Some(LateOutput { path, folder, hash }))
    }

    /// The file that is meant by `given`, which may be the folder of the table.
    fn file_of<'a>(&'a self, given: &'a PathBuf) -> &'a PathBuf {
        let is_table = self.folder.as_ref().is_some_and(|folder| whole(folder) == whole(given));
        if is_table { &self.path } else { given }
    }

    fn is_keyed(&self) -> bool {
        matches!(OutputFormat::of_path(&self.path), Some(OutputFormat::Keyed(_)))
    }

    fn is(&self, path: &Path, hash: &str) -> bool {
        // A copy of the late output under another name is still the late output.
        whole(&self.path) == whole(path) || self.hash.as_deref() == Some(hash)
    }
}

/// What is different about the files of tables since they were read.
fn changed_tables(
    now: &[(String, PathBuf)],
    before: &[InputEntry],
    inputs: &Inputs,
) -> Result<Option<String>> {
    // Which columns folders tell is not looked at: what has moved is read again.
    let key =
        |table: &str, hash: &str, path: &Path| (table.to_string(), hash.to_string(), partition_values(path));
    let of_entry = |entry: &InputEntry| {
        key(entry.table.as_deref().unwrap_or_default(), &entry.hash, Path::new(&entry.path))
    };
    // A table that is asked by several keys is read once for each.
    let known: HashSet<_> = before.iter().map(of_entry).collect();
    let mut there = HashSet::with_capacity(now.len());
    for (name, path) in now {
        let file = key(name, &inputs.file(path)?.hash()?.1, path);
        if !known.contains(&file) {
            return Ok(Some(format!("{} of the table `{name}` is new or has changed", path.display())));
        }
        there.insert(file);
    }
    let gone = before.iter().find(|entry| !there.contains(&of_entry(entry)));
    Ok(gone.map(|gone| {
        format!("{} of the table `{}` is gone", gone.path, gone.table.as_deref().unwrap_or_default())
    }))
}

/// Whether two files have the same values of these partition columns.
fn same_partition_values(columns: &[String], a: &str, b: &str) -> bool {
    columns.iter().all(|name| {
        partition_columns::value(Path::new(a), name) == partition_columns::value(Path::new(b), name)
    })
}

/// The error for a file with a content that was counted in another folder.
fn moved(path: &str, known: &str) -> Error {
    Error::data(format!(
        "{path} has the content of {known}, which was counted, but its folder names have other values"
    ))
    .hint("the same events are not counted twice, and counted events keep the values of their old folders")
    .hint("to count everything again: `highwater run JOB --changed reload`")
}

fn replaced(path: &str) -> Error {
    Error::data(format!("{path} was counted, and the table does not have it any more"))
        .hint("its rows may be in newer files, or deleted: only what is appended to a table is new input")
        .hint("to count everything again: `highwater run JOB --changed reload`")
}

fn changed(path: &str) -> Error {
    Error::data(format!("{path} has changed since it was counted"))
        .hint("put new events into new files")
        .hint("or count everything again: `highwater run JOB --changed reload`")
}

/// Folders stand for the files in them, less what the job writes, and a zip for its members, as they do for a run; gives
/// what there is to tell of them too.
fn expanded(
    given: &[PathBuf],
    format: Option<InputFormat>,
    inputs: &Inputs,
) -> Result<(Vec<PathBuf>, Vec<String>)> {
    let (mut all, mut notes) = (vec![], vec![]);
    for path in given {
        if inputs.is_folder(path) {
            let found = files::expand(&[path.display().to_string()], None, inputs)?;
            all.extend(found.files.into_iter().map(|file| file.path));
            notes.extend(found.notes);
        } else if inputs.has(path) {
            let (files, of_archive) = inputs.files(path, format.is_some())?;
            all.extend(files.iter().map(|file| file.path().to_path_buf()));
            notes.extend(of_archive);
        } else {
            // A missing file stays in the list: a retraction finds it by name, and other requests report it.
            all.push(path.clone());
        }
    }
    Ok((all, notes))
}

/// As [`whole`], of one of many files that lie in few folders: the paths of these are kept in `folders`.
fn whole_in(folders: &mut HashMap<PathBuf, PathBuf>, path: &Path) -> PathBuf {
    let is_link = || path.symlink_metadata().map(|there| there.is_symlink());
    let (Some(folder), Some(name), Ok(false)) = (path.parent(), path.file_name(), is_link()) else {
        return whole(path);
    };
    if let Some(known) = folders.get(folder) {
        return known.join(name);
    }
    let at = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(real) = at.canonicalize() else { return whole(path) };
    let whole = real.join(name);
    folders.insert(folder.to_path_buf(), real);
    whole
}

/// The path without links and `..`, of a member of a zip that of the zip; as it is, where nothing is there.
fn whole(path: &Path) -> PathBuf {
    let of_member = || {
        let archive = path.ancestors().skip(1).find(|above| above.is_file())?;
        Some(archive.canonicalize().ok()?.join(path.strip_prefix(archive).ok()?))
    };
    path.canonicalize().ok().or_else(of_member).unwrap_or_else(|| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_found_where_each_is_found() {
        let tmp = tempfile::tempdir().unwrap();
        let root = tmp.path();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        for name in ["a/1", "a/b/2"] {
            std::fs::write(root.join(name), name).unwrap();
        }
        for (to, link) in [("a", "folder"), ("a/1", "file"), ("nowhere", "lost"), ("../1", "a/b/up")] {
            std::os::unix::fs::symlink(to, root.join(link)).unwrap();
        }
        let names = [
            "a/1",
            "a/b/2",
            "a/b/../1",
            "folder/1",
            "folder/b/2",
            "file",
            "lost",
            "a/b/up",
            "a",
            "a/.",
            "a/..",
            "x",
            "x/y",
            "a/1/z",
        ];
        let mut folders = HashMap::new();
        for path in names
            .map(|name| root.join(name))
            .into_iter()
            .chain(["Cargo.toml", "src", ".", ""].map(PathBuf::from))
        {
            assert_eq!(whole_in(&mut folders, &path), whole(&path), "{}", path.display());
            assert_eq!(whole_in(&mut folders, &path), whole(&path), "{}", path.display());
        }
    }
}
