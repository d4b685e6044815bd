//! The walk over patterns and folders: what was found, and what was left out.

use super::entries::{EntryKind, FolderEntry, FolderStep, STATE_FOLDER, is_hidden, real_path};
use super::folders::{
    ABOVE, SPARK_LOG, above, has_ended, is_partition, is_spark_part, is_unfinished, not_a_table, read_log,
    same,
};
use super::inputs::Inputs;
use super::left_out::{LeftOutPaths, Own};
use super::places::{PlaceKind, PlaceName, folder_of};
use super::recognised::{by_content, is_packed};
use super::source_file::{InputFormat, kind_of};
use super::stream;
use super::table_files::TableFiles;
use crate::error::{Error, Result};
use crate::store::is_on_store;
use crate::table::SnapshotChoice;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::FileType;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A walk through folders.
pub(super) struct Walk<'a> {
    pub(super) format: Option<InputFormat>,
    pub(super) inputs: &'a Inputs,
    /// The snapshot of tables that is read.
    pub(super) snapshot: SnapshotChoice,
    pub(super) own: Own,
    /// The data files.
    pub(super) paths: Vec<PathBuf>,
    /// What is no input, and why.
    pub(super) left_out: LeftOutPaths,
    /// Files that are not finished.
    pub(super) unfinished: u64,
    /// Files that no batch of a streaming query has committed, by folder.
    pub(super) uncommitted: BTreeMap<PathBuf, u64>,
    /// Folders where a batch job of Spark is at work, or did not end.
    pub(super) temporary: BTreeSet<PathBuf>,
    pub(super) unended: BTreeSet<PathBuf>,
    /// What is known of folders: the streaming query that writes to them or above them.
    pub(super) queries: HashMap<PathBuf, Option<PathBuf>>,
    /// The files that a query has committed.
    pub(super) committed: HashMap<PathBuf, HashSet<PathBuf>>,
    /// The tables that are read, with their snapshots, a sentence each.
    pub(super) tables: Vec<String>,
    /// Their folders.
    pub(super) table_files: TableFiles,
    /// What a glob may match in the folder of a store where it begins.
    pub(super) matching: Option<(PathBuf, Vec<PlaceName>)>,
}

impl<'a> Walk<'a> {
    /// A walk for files of `format`, or of those that can be told.
    pub(super) fn new(format: Option<InputFormat>, inputs: &'a Inputs) -> Walk<'a> {
        Walk {
            format,
            inputs,
            snapshot: SnapshotChoice::Current,
            own: Own::of(inputs.own()),
            paths: vec![],
            left_out: LeftOutPaths::default(),
            unfinished: 0,
            uncommitted: BTreeMap::new(),
            temporary: BTreeSet::new(),
            unended: BTreeSet::new(),
            queries: HashMap::new(),
            committed: HashMap::new(),
            tables: vec![],
            table_files: TableFiles::default(),
            matching: None,
        }
    }

    /// What was left out, and what a reader should know, a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut out = self.tables.clone();
        out.extend(self.left_out.notes());
        let files = |n: u64| format!("{n} {}", if n == 1 { "file" } else { "files" });
        if self.unfinished > 0 {
            let (are, they) = if self.unfinished == 1 { ("is", "it is") } else { ("are", "they are") };
            let files = files(self.unfinished);
            out.push(format!(
                "{files} that Flink has not finished {are} left out: {they} in progress or pending"
            ));
        }
        for (folder, n) in &self.uncommitted {
            let (files, log) = (files(*n), folder.join(SPARK_LOG));
            let are = if *n == 1 { "is" } else { "are" };
            out.push(format!("{files} {are} left out: not committed in {}", log.display()));
        }
        for folder in &self.temporary {
            out.push(format!("{} exists: a Spark job is writing, or did not finish", folder.display()));
        }
        for folder in
            self.unended.iter().filter(|folder| !self.temporary.contains(&folder.join("_temporary")))
        {
            out.push(format!(
                "{} has no _SUCCESS: the job that wrote it may not have finished",
                folder.display()
            ));
        }
        out
    }

    /// Whether all that was found was left out.
    pub(super) fn only_left_out(&self) -> bool {
        let unfinished = self.unfinished > 0 || !self.uncommitted.is_empty();
        self.paths.is_empty() && (unfinished || !self.left_out.is_empty())
    }

    /// A file that was named.
    ///
    /// # Errors
    /// It is a file of a table, or one that the job writes.
    pub(super) fn named(&mut self, path: &Path) -> Result<()> {
        // A descriptor does not lie in a folder, so it is neither part of a table nor of an output.
        if !stream::is_descriptor(path) {
            self.above(path)?;
            let real = real_path(path);
            if let Some(own) = self.own.holding(&real) {
                let shown = path.display();
                return Err(Error::job(format!("{shown} cannot be read: the job writes {}", own.display()))
                    .hint("an output is not an input of its own job: give one of them another path"));
            }
        }
        self.paths.push(path.to_path_buf());
        Ok(())
    }

    /// The files of the table at `path`: its folder, or a file of its metadata. False if no table is there.
    ///
    /// # Errors
    /// The table does not have the snapshot that is asked for, or cannot be read; the job writes it.
    pub(super) fn table(&mut self, path: &Path) -> Result<bool> {
        let Some(table) = self.inputs.table(path, self.snapshot)? else { return Ok(false) };
        let (real, shown) = (real_path(path), path.display());
        if self.own.holding(&real).is_some() {
            return Err(Error::job(format!("{shown} cannot be read: the job writes it"))
                .hint("an output is not an input of its own job: give one of them another path"));
        }
        let count = table.files.len();
        if count == 0 {
            return Err(Error::job(format!("the table {shown} does not have a file")));
        }
        let (format, number) = (table.format, table.number);
        let files = if count == 1 { "1 file".to_string() } else { format!("{count} files") };
        self.tables.push(format!("{shown} is a table of {format}: its snapshot {number} has {files}"));
        self.table_files.folders.extend([path.to_path_buf(), table.folder.clone()]);
        // As the user wrote the folder, so that a job gives the same manifest wherever it lies.
        let spelled = |file: PathBuf| match file.strip_prefix(&real) {
            Ok(inside) => path.join(inside),
            Err(_) => file,
        };
        self.paths.extend(table.files.into_iter().map(spelled));
        Ok(true)
    }

    /// A file that a glob matches.
    ///
    /// # Errors
    /// It is a file of a table; a log of Spark cannot be read.
    pub(super) fn matched(&mut self, entry: FolderEntry) -> Result<()> {
        let path = entry.place.path;
        let query = self.above(&path)?;
        // What begins with `_` may be meant, but for the marks of Spark.
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let mark = ["_SUCCESS", "_committed_", "_started_"].iter().any(|mark| name.starts_with(mark));
        if mark || !self.may_be_data(&path) {
            return Ok(());
        }
        if let Some(query) = query
            && !self.is_committed(&query, &path)?
        {
            *self.uncommitted.entry(query).or_default() += 1;
            return Ok(());
        }
        self.paths.push(path);
        Ok(())
    }

    /// The data files below a folder.
    ///
    /// # Errors
    /// A folder that cannot be read, or is that of a table.
    pub(super) fn folder(&mut self, folder: &Path) -> Result<()> {
        let Some(place) = FolderStep::of_folder(folder)? else { return Ok(()) };
        if self.is_own(&place) {
            return Ok(());
        }
        self.inputs.learn(folder)?;
        let before = self.paths.len();
        // `above` looks at the parent of a path, so any name does for a file of this folder.
        let query = self.above(&folder.join("x"))?;
        self.below(&place)?;
        if let Some(query) = query {
            let found = self.paths.split_off(before);
            // Only the whole folder has to hold all that is committed: a partition of it asks for less.
            if same(&query, folder) {
                self.all_there(&query)?;
            }
            for path in found {
                match self.is_committed(&query, &path)? {
                    true => self.paths.push(path),
                    false => *self.uncommitted.entry(query.clone()).or_default() += 1,
                }
            }
        } else if self.paths[before..].iter().any(|path| is_spark_part(path))
            && !has_ended(folder, self.inputs)
        {
            // Other programs write part files too, but only Spark and Hadoop mark the end of a job.
            self.unended.insert(folder.to_path_buf());
        }
        Ok(())
    }

    pub(super) fn below(&mut self, folder: &FolderStep) -> Result<()> {
        let mut inner: Vec<FolderEntry> = vec![];
        for entry in self.entries(folder)? {
            if entry.kind == EntryKind::Folder {
                inner.push(entry);
            } else if self.may_be_data(&entry.place.path)
                && !is_hidden(&entry.place.path)
                && (self.format.is_some() || self.tells_format(&entry))
                && !self.leaves_out(&entry)
            {
                self.paths.push(entry.place.path);
            } else if !is_hidden(&entry.place.path) && is_packed(&entry.place.path) {
                // It may hold what lies beside it, and would be counted twice.
                self.left_out
                    .not_a_file(&entry.place.path, "an archive or a workbook, read where it is named");
            }
        }
        for entry in inner {
            let path = &entry.place.path;
            if path.file_name().is_some_and(|name| name == "_temporary") {
                self.temporary.insert(path.clone());
            } else if (!is_hidden(path) || is_partition(path)) && !self.leaves_out(&entry) {
                not_a_table(path, self.inputs)?;
                self.below(&entry.place)?;
            }
        }
        Ok(())
    }

    /// Whether a file's name tells its format, or a name without an ending is that of a part and its content tells.
    pub(super) fn tells_format(&self, entry: &FolderEntry) -> bool {
        let path = &entry.place.path;
        kind_of(path).0.is_some()
            || (entry.kind == EntryKind::File && by_content(path, self.inputs).is_some())
    }

    /// Whether it may be data by the end of its name; counts what is not finished.
    pub(super) fn may_be_data(&mut self, path: &Path) -> bool {
        if is_unfinished(path) {
            self.unfinished += 1;
            return false;
        }
        path.extension().is_none_or(|ending| ending != "crc")
    }

    /// Refuses files of tables; gives the folder of the streaming query that `path` is of.
    pub(super) fn above(&mut self, path: &Path) -> Result<Option<PathBuf>> {
        let parent = match folder_of(path) {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ if is_on_store(path) => return Ok(None),
            _ => PathBuf::from("."),
        };
        // A folder may hold many thousands of files: it is looked at once.
        if let Some(known) = self.queries.get(&parent) {
            return Ok(known.clone());
        }
        // Relative paths end where we are, and tables do not.
        let whole = real_path(&parent);
        let mut query = None;
        for (up, folder) in above(&whole).take(ABOVE).enumerate() {
            not_a_table(folder, self.inputs)?;
            if query.is_none() && self.inputs.is_folder(&folder.join(SPARK_LOG)) {
                // As the user wrote it, where the path is so long.
                let written = parent.ancestors().nth(up).filter(|p| same(p, folder));
                query = Some(written.map_or_else(|| folder.to_path_buf(), Path::to_path_buf));
            }
        }
        self.queries.insert(parent, query.clone());
        Ok(query)
    }

    pub(super) fn is_committed(&mut self, query: &Path, path: &Path) -> Result<bool> {
        let (root, whole) = (real_path(query), real_path(path));
        let relative = whole.strip_prefix(&root).unwrap_or(&whole).to_path_buf();
        Ok(self.committed(query)?.contains(&relative))
    }

    pub(super) fn committed(&mut self, query: &Path) -> Result<&HashSet<PathBuf>> {
        if !self.committed.contains_key(query) {
            self.committed.insert(query.to_path_buf(), read_log(query, self.inputs)?);
        }
        Ok(&self.committed[query])
    }

    pub(super) fn all_there(&mut self, query: &Path) -> Result<()> {
        let committed = self.committed(query)?;
        let committed = committed.clone();
        let is_there = |path: &Path| self.inputs.kind_of(path).map(|kind| kind != PlaceKind::Nothing);
        let mut missing: Vec<&PathBuf> = vec![];
        for path in &committed {
            if !is_there(&query.join(path))? {
                missing.push(path);
            }
        }
        // A `HashSet` has a random order, but the error must name the same file on each run.
        missing.sort();
        let Some(first) = missing.first() else { return Ok(()) };
        let more =
            if missing.len() > 1 { format!(", and {} more", missing.len() - 1) } else { String::new() };
        Err(Error::data(format!(
            "{} is committed in {}, but is missing{more}",
            query.join(first).display(),
            query.join(SPARK_LOG).display()
        ))
        .hint("copy the whole folder; or, to read the existing files, name them by a glob"))
    }
}

impl Walk<'_> {
    /// Whether the job writes a folder or one around it; notes it.
    pub(super) fn is_own(&mut self, place: &FolderStep) -> bool {
        let Some(own) = self.own.holding(&place.real) else { return false };
        self.left_out.own(own);
        true
    }

    /// Whether an entry that is asked for is left out; notes it.
    pub(super) fn leaves_out(&mut self, entry: &FolderEntry) -> bool {
        let path = &entry.place.path;
        if let Some(own) = self.own.at(&entry.place.real) {
            self.left_out.own(own);
        } else if path.file_name().is_some_and(|name| name.to_str().is_none()) {
            self.left_out.unreadable_name(path);
        } else if let EntryKind::Other(what) = entry.kind {
            self.left_out.not_a_file(path, what);
        } else {
            return false;
        }
        true
    }

    /// What a folder holds.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn entries(&mut self, of: &FolderStep) -> Result<Vec<FolderEntry>> {
        if is_on_store(&of.path) {
            return self.entries_on_store(of);
        }
        let folder = if of.path.as_os_str().is_empty() { Path::new(".") } else { &of.path };
        let failed = |e| Error::io("read the folder", folder, e);
        let mut found = vec![];
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A folder that the user names is read on purpose: a note about it would tell nothing new.
            if !of.named && entry.file_name() == STATE_FOLDER {
                self.left_out.others(of, &self.own);
            }
            let kind = entry.file_type().map_err(failed)?;
            found.extend(self.entry_of(of, &entry.file_name(), kind)?);
        }
        Ok(found)
    }

    fn entries_on_store(&self, of: &FolderStep) -> Result<Vec<FolderEntry>> {
        let names = match &self.matching {
            Some((folder, names)) if *folder == of.path => names.clone(),
            _ => self.inputs.names_in(&of.path)?,
        };
        Ok(names.into_iter().map(|(name, kind)| FolderEntry::on_store(&of.path.join(name), kind)).collect())
    }

    /// The entry of this name in a folder, if there is one.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub(super) fn entry(&self, of: &FolderStep, name: &OsStr) -> Result<Option<FolderEntry>> {
        let path = of.path.join(name);
        if is_on_store(&path) {
            let kind = self.inputs.kind_of(&path)?;
            return Ok((kind != PlaceKind::Nothing).then(|| FolderEntry::on_store(&path, kind)));
        }
        // `metadata` would follow a link, and fail for one that leads nowhere.
        match path.symlink_metadata() {
            Ok(there) => self.entry_of(of, name, there.file_type()),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(Error::io("read", &path, e)),
        }
    }

    /// The entry of this name, which is of this kind; none of a link that leads back to a folder that the walk came from.
    pub(super) fn entry_of(
        &self,
        of: &FolderStep,
        name: &OsStr,
        kind: FileType,
    ) -> Result<Option<FolderEntry>> {
        let path = of.path.join(name);
        let (kind, real) = if kind.is_symlink() || name == ".." {
            let Ok(real) = std::fs::canonicalize(&path) else {
                let place = FolderStep { real: path.clone(), path, named: false };
                return Ok(Some(FolderEntry { place, kind: EntryKind::File }));
            };
            // Such a link would lead the walk in a circle. A `..` is a part of the pattern, which ends.
            if of.real.starts_with(&real) && name != ".." {
                return Ok(None);
            }
            let there = path.metadata().map_err(|e| Error::io("read", &path, e))?;
            (there.file_type(), real)
        } else {
            // Without a link the real path is known without a system call for each entry.
            (kind, of.real.join(name))
        };
        let kind = match stream::kind(&kind) {
            None => EntryKind::File,
            Some(_) if kind.is_dir() => EntryKind::Folder,
            Some(what) => EntryKind::Other(what),
        };
        Ok(Some(FolderEntry { place: FolderStep { path, real, named: false }, kind }))
    }
}
