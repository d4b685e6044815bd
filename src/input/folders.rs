//! Folders as other programs leave them: what in them is data, what is not yet, and what is not for us.
//!
//! # Contract
//! * Names that start with `_` or `.` are no data, but for folders `_name=value`; neither are check sums (`.crc`).
//! * **Flink.** A part file that is in progress or pending has a name that says so, hidden or not
//!   (`.part-0-0.inprogress.UID`; `_part-0-0.pending` of older sinks); it may grow or go, and is left out of folders and
//!   globs. What is finished is data, with or without an ending.
//!   <https://nightlies.apache.org/flink/flink-docs-stable/docs/connectors/datastream/filesystem/>
//! * **Spark.** Of a folder with `_spark_metadata`, the log of a streaming query, only what is committed there is read:
//!   files `N` of one batch each and `N.compact` of all up to it, a line `v1` and then an object a line (`path`, `action`).
//!   What is committed and not there is an error.
//!   <https://books.japila.pl/spark-structured-streaming-internals/datasources/file/FileStreamSinkLog/>
//! * **Tables.** Which files of a Delta, Iceberg or Hudi table count stands in its log. Their folders, and what lies below
//!   them, are refused and never read as loose files.

use super::entries::{Entry, EntryKind, Place};
use super::files::{Format, kind_of, recognised};
use super::left_out::{LeftOut, Own};
use super::opened::{Inputs, real_path};
use super::shape::{Compression, Shape};
use super::stream;
use super::told::unescaped;
use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// The log of a streaming query of Spark.
const SPARK_LOG: &str = "_spark_metadata";

/// Folders above a file that are looked at.
const ABOVE: usize = 16;

/// A walk through folders.
pub(super) struct Walk<'a> {
    format: Option<Format>,
    pub(super) inputs: &'a Inputs,
    pub(super) own: Own,
    /// The data files.
    pub(super) paths: Vec<PathBuf>,
    /// What is no input, and why.
    pub(super) left_out: LeftOut,
    /// Files that are not finished.
    unfinished: u64,
    /// Files that no batch of a streaming query has committed, by folder.
    uncommitted: BTreeMap<PathBuf, u64>,
    /// Folders where a batch job of Spark is at work, or did not end.
    temporary: BTreeSet<PathBuf>,
    unended: BTreeSet<PathBuf>,
    /// What is known of folders: the streaming query that writes to them or above them.
    queries: HashMap<PathBuf, Option<PathBuf>>,
    /// The files that a query has committed.
    committed: HashMap<PathBuf, HashSet<PathBuf>>,
}

impl<'a> Walk<'a> {
    /// A walk for files of `format`, or of those that can be told.
    pub(super) fn new(format: Option<Format>, inputs: &'a Inputs) -> Walk<'a> {
        Walk {
            format,
            inputs,
            own: Own::of(inputs.own()),
            paths: vec![],
            left_out: LeftOut::default(),
            unfinished: 0,
            uncommitted: BTreeMap::new(),
            temporary: BTreeSet::new(),
            unended: BTreeSet::new(),
            queries: HashMap::new(),
            committed: HashMap::new(),
        }
    }

    /// What was left out, and what a reader should know, a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut out = self.left_out.notes();
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

    /// A file that a glob matches.
    ///
    /// # Errors
    /// It is a file of a table; a log of Spark cannot be read.
    pub(super) fn matched(&mut self, entry: Entry) -> Result<()> {
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
        let Some(place) = Place::of_folder(folder)? else { return Ok(()) };
        if self.is_own(&place) {
            return Ok(());
        }
        let before = self.paths.len();
        let query = self.above(&folder.join("x"))?;
        self.below(&place)?;
        if let Some(query) = query {
            let found = self.paths.split_off(before);
            if same(&query, folder) {
                self.all_there(&query)?;
            }
            for path in found {
                match self.is_committed(&query, &path)? {
                    true => self.paths.push(path),
                    false => *self.uncommitted.entry(query.clone()).or_default() += 1,
                }
            }
        } else if self.paths[before..].iter().any(|path| is_spark_part(path)) && !has_ended(folder) {
            self.unended.insert(folder.to_path_buf());
        }
        Ok(())
    }

    fn below(&mut self, folder: &Place) -> Result<()> {
        let mut inner: Vec<Entry> = vec![];
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
                not_a_table(path)?;
                self.below(&entry.place)?;
            }
        }
        Ok(())
    }

    /// Whether a file's name tells its format, or a name without an ending is that of a part and its content tells.
    fn tells_format(&self, entry: &Entry) -> bool {
        let path = &entry.place.path;
        kind_of(path).0.is_some()
            || (entry.kind == EntryKind::File && by_content(path, self.inputs).is_some())
    }

    /// Whether it may be data by the end of its name; counts what is not finished.
    fn may_be_data(&mut self, path: &Path) -> bool {
        if is_unfinished(path) {
            self.unfinished += 1;
            return false;
        }
        path.extension().is_none_or(|ending| ending != "crc")
    }

    /// Refuses files of tables; gives the folder of the streaming query that `path` is of.
    fn above(&mut self, path: &Path) -> Result<Option<PathBuf>> {
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        if let Some(known) = self.queries.get(&parent) {
            return Ok(known.clone());
        }
        // Relative paths end where we are, and tables do not.
        let whole = real_path(&parent);
        let mut query = None;
        for (up, folder) in whole.ancestors().take(ABOVE).enumerate() {
            not_a_table(folder)?;
            if query.is_none() && folder.join(SPARK_LOG).is_dir() {
                // As the user wrote it, where the path is so long.
                let written = parent.ancestors().nth(up).filter(|p| same(p, folder));
                query = Some(written.map_or_else(|| folder.to_path_buf(), Path::to_path_buf));
            }
        }
        self.queries.insert(parent, query.clone());
        Ok(query)
    }

    fn is_committed(&mut self, query: &Path, path: &Path) -> Result<bool> {
        let (root, whole) = (real_path(query), real_path(path));
        let relative = whole.strip_prefix(&root).unwrap_or(&whole).to_path_buf();
        Ok(self.committed(query)?.contains(&relative))
    }

    fn committed(&mut self, query: &Path) -> Result<&HashSet<PathBuf>> {
        if !self.committed.contains_key(query) {
            self.committed.insert(query.to_path_buf(), read_log(query)?);
        }
        Ok(&self.committed[query])
    }

    fn all_there(&mut self, query: &Path) -> Result<()> {
        let committed = self.committed(query)?;
        let mut missing: Vec<&PathBuf> = committed.iter().filter(|path| !query.join(path).exists()).collect();
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

fn same(a: &Path, b: &Path) -> bool {
    let whole = |path: &Path| match path.as_os_str().is_empty() {
        true => std::fs::canonicalize(".").ok(),
        false => std::fs::canonicalize(path).ok(),
    };
    whole(a).is_some_and(|a| whole(b) == Some(a))
}

/// Whether the name starts with `_` or `.`.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        name.as_encoded_bytes().starts_with(b"_") || name.as_encoded_bytes().starts_with(b".")
    })
}

/// Whether its name is that of an archive or a workbook.
fn is_packed(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|ending| ending == "zip" || ending == "xlsx")
}

/// Whether it is the folder of a value, `_id=7`: the column's name may begin with `_`. Spark reads it too.
fn is_partition(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.starts_with('_') && name.contains('=')
}

/// Whether it is a part file of Flink that is in progress or pending.
fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let states = [".inprogress", ".in-progress", ".pending"];
    states.iter().any(|state| name.ends_with(state) || name.contains(&format!("{state}.")))
}

/// The format of a file whose name has no ending. Two lines with commas may be anything: they are data in part files.
pub(super) fn by_content(path: &Path, inputs: &Inputs) -> Option<Format> {
    let name = path.file_name()?.to_string_lossy();
    if name.contains('.') {
        return None;
    }
    recognised(&inputs.file(path).ok()?, &Shape::of(Compression::None))
        .filter(|format| *format != Format::Csv || name.starts_with("part-"))
}

/// `part-00000`, and whatever follows: a file of a batch job of Spark or Hadoop.
fn is_spark_part(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let Some(rest) = name.strip_prefix("part-") else { return false };
    let rest = rest.strip_prefix("m-").or_else(|| rest.strip_prefix("r-")).unwrap_or(rest);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    digits == 5 && !rest[5..].starts_with(|c: char| c.is_alphanumeric())
}

/// Whether the folder, or one that it is a partition of, has the mark of a batch job that came to its end.
fn has_ended(folder: &Path) -> bool {
    let marked = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.any(|name| name == "_SUCCESS" || name.starts_with("_committed_"))
    };
    let whole = real_path(folder);
    whole.ancestors().take(4).any(marked)
}

/// Refuses the folder of a table.
fn not_a_table(folder: &Path) -> Result<()> {
    let shown = folder.display();
    let refused =
        |kind: &str| Error::job(format!("{shown} is a table of {kind}, which cannot be read as loose files"));
    let why = "its log says which of its files count: some may be deleted, or written twice";
    if folder.join("_delta_log").is_dir() {
        return Err(refused("Delta Lake")
            .hint(why)
            .hint(format!("export it: duckdb -c \"COPY (FROM delta_scan('{shown}')) TO 'log.parquet'\"")));
    }
    if folder.join(".hoodie").is_dir() {
        return Err(refused("Apache Hudi").hint(why).hint(format!(
            "export it with Spark: spark.read.format(\"hudi\").load(\"{shown}\").write.parquet(\"log\")"
        )));
    }
    let metadata = folder.join("metadata");
    let iceberg = metadata.is_dir()
        && std::fs::read_dir(&metadata).into_iter().flatten().flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.ends_with(".metadata.json") || name == "version-hint.text"
        });
    if iceberg {
        return Err(refused("Apache Iceberg")
            .hint(why)
            .hint(format!("export it: duckdb -c \"COPY (FROM iceberg_scan('{shown}')) TO 'log.parquet'\"")));
    }
    Ok(())
}

/// The files that a streaming query of Spark has committed to `query`, as paths inside of it.
fn read_log(query: &Path) -> Result<HashSet<PathBuf>> {
    let folder = query.join(SPARK_LOG);
    let failed = |e| Error::io("read the folder", &folder, e);
    // By batch: whether it is compact.
    let mut batches: BTreeMap<u64, bool> = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let (number, compact) = name.strip_suffix(".compact").map_or((name.as_str(), false), |n| (n, true));
        if let Ok(number) = number.parse() {
            *batches.entry(number).or_default() |= compact;
        }
    }
    // What is compact has all before it.
    let first = batches.iter().rev().find(|(_, compact)| **compact).map_or(0, |(number, _)| *number);
    let mut committed = HashSet::new();
    for (number, compact) in batches.range(first..) {
        let path = folder.join(if *compact { format!("{number}.compact") } else { number.to_string() });
        read_batch(&path, &mut committed)?;
    }
    Ok(committed)
}

fn read_batch(path: &Path, committed: &mut HashSet<PathBuf>) -> Result<()> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let mut lines = text.lines();
    let version = lines.next().unwrap_or("");
    if version != "v1" {
        return Err(Error::data(format!("{} is not a known Spark log", path.display())).hint(format!(
            "its first line is `{}`, not `v1`",
            crate::input::value::shown(version.as_bytes())
        )));
    }
    for (number, line) in (2..).zip(lines).filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = || Error::data(format!("{}:{number} is not an entry of a Spark log", path.display()));
        let entry: serde_json::Value = serde_json::from_str(line).map_err(|e| wrong().caused_by(e))?;
        let file = entry["path"].as_str().and_then(inside).ok_or_else(wrong)?;
        match entry["action"].as_str() {
            Some("add") => drop(committed.insert(file)),
            Some("delete") => drop(committed.remove(&file)),
            _ => return Err(wrong().hint("its `action` is neither add nor delete")),
        }
    }
    Ok(())
}

/// Where a file lies inside of the query's folder: below the folders of its partitions, `column=value`. The folder itself may
/// have been moved since.
fn inside(uri: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = uri.split('/').collect();
    let (name, folders) = parts.split_last()?;
    let partitions = folders.iter().rev().take_while(|part| part.contains('=')).count();
    let decoded = |part: &&str| String::from_utf8(unescaped(part)).ok();
    let decoded: Option<Vec<String>> =
        folders[folders.len() - partitions..].iter().chain([name]).map(decoded).collect();
    decoded.map(|parts| parts.iter().collect()).filter(|_| !name.is_empty())
}

#[cfg(test)]
mod tests;
