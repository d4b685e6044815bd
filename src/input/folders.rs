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
//! * **Tables.** Which files of a Delta, Iceberg or Hudi table count stands in its log. What lies below their folders is refused and
//!   never read as loose files; a pattern that is the folder of a table stands for a snapshot of it (`walk`).

use super::entries::real_path;
use super::inputs::Inputs;
use crate::batch::unescaped;
use crate::error::{Error, Result};
use crate::store::is_on_store;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// The log of a streaming query of Spark.
pub(super) const SPARK_LOG: &str = "_spark_metadata";

/// Folders above a file that are looked at.
pub(super) const ABOVE: usize = 16;

pub(super) fn same(a: &Path, b: &Path) -> bool {
    if is_on_store(a) || is_on_store(b) {
        return a == b;
    }
    // An empty path means the folder where we are, but `canonicalize` fails for it.
    let whole = |path: &Path| match path.as_os_str().is_empty() {
        true => std::fs::canonicalize(".").ok(),
        false => std::fs::canonicalize(path).ok(),
    };
    whole(a).is_some_and(|a| whole(b) == Some(a))
}

/// Whether it is the folder of a value, `_id=7`: the column's name may begin with `_`. Spark reads it too.
pub(super) fn is_partition(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.starts_with('_') && name.contains('=')
}

/// Whether it is a part file of Flink that is in progress or pending.
pub(super) fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    // Flink puts a unique id behind the state, and older sinks put nothing there.
    let states = [".inprogress", ".in-progress", ".pending"];
    states.iter().any(|state| name.ends_with(state) || name.contains(&format!("{state}.")))
}

/// `part-00000`, and whatever follows: a file of a batch job of Spark or Hadoop.
pub(super) fn is_spark_part(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let Some(rest) = name.strip_prefix("part-") else { return false };
    // Hadoop writes `part-m-00000` for its map tasks and `part-r-00000` for its reduce tasks.
    let rest = rest.strip_prefix("m-").or_else(|| rest.strip_prefix("r-")).unwrap_or(rest);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    // Spark and Hadoop write five digits; `part-0-0` is one of Flink's.
    digits == 5 && !rest[5..].starts_with(|c: char| c.is_alphanumeric())
}

/// Whether the folder, or one that it is a partition of, has the mark of a batch job that came to its end.
pub(super) fn has_ended(folder: &Path, inputs: &Inputs) -> bool {
    let marked = |folder: &Path| {
        let mut names = inputs.names(folder).into_iter();
        // Databricks marks the end of a job with `_committed_…` in place of `_SUCCESS`.
        names.any(|name| name == "_SUCCESS" || name.starts_with("_committed_"))
    };
    let whole = real_path(folder);
    // The mark lies at the top of an output, and `folder` may be a partition some folders below.
    above(&whole).take(4).any(marked)
}

/// A folder and those that it lies in; of a store up to its bucket.
pub(super) fn above(folder: &Path) -> impl Iterator<Item = &Path> {
    let store = is_on_store(folder);
    folder.ancestors().take_while(move |above| !store || is_on_store(above))
}

/// Refuses the folder of a table.
pub(super) fn not_a_table(folder: &Path, inputs: &Inputs) -> Result<()> {
    let shown = folder.display();
    let refused =
        |kind: &str| Error::job(format!("{shown} is a table of {kind}, which cannot be read as loose files"));
    let why = "its log says which of its files count: some may be deleted, or written twice";
    let read_as_table = format!("name the folder of the table itself: path = \"{shown}\"");
    if inputs.is_folder(&folder.join("_delta_log")) {
        return Err(refused("Delta Lake").hint(why).hint(read_as_table));
    }
    if inputs.is_folder(&folder.join(".hoodie")) {
        return Err(refused("Apache Hudi").hint(why).hint(format!(
            "export it with Spark: spark.read.format(\"hudi\").load(\"{shown}\").write.parquet(\"log\")"
        )));
    }
    // Other programs also have folders called `metadata`: only Iceberg's own files in it tell a table.
    let metadata = folder.join("metadata");
    let of_iceberg = |name: &String| name.ends_with(".metadata.json") || name == "version-hint.text";
    let iceberg = inputs.is_folder(&metadata) && inputs.names(&metadata).iter().any(of_iceberg);
    if iceberg {
        return Err(refused("Apache Iceberg").hint(why).hint(read_as_table));
    }
    Ok(())
}

/// The files that a streaming query of Spark has committed to `query`, as paths inside of it.
pub(super) fn read_log(query: &Path, inputs: &Inputs) -> Result<HashSet<PathBuf>> {
    let folder = query.join(SPARK_LOG);
    let failed = |e| Error::io("read the folder", &folder, e);
    // A log that cannot be read must not look like one that has committed nothing.
    let names = match is_on_store(&folder) {
        true => inputs.names_in(&folder)?.into_iter().map(|(name, _)| name).collect(),
        false => {
            std::fs::read_dir(&folder).map_err(failed)?;
            inputs.names(&folder)
        }
    };
    // By batch: whether it is compact.
    let mut batches: BTreeMap<u64, bool> = BTreeMap::new();
    for name in names {
        let (number, compact) = name.strip_suffix(".compact").map_or((name.as_str(), false), |n| (n, true));
        if let Ok(number) = number.parse() {
            // A batch may be there as `9` and as `9.compact`: the compact one has more.
            *batches.entry(number).or_default() |= compact;
        }
    }
    // What is compact has all before it.
    let first = batches.iter().rev().find(|(_, compact)| **compact).map_or(0, |(number, _)| *number);
    let mut committed = HashSet::new();
    for (number, compact) in batches.range(first..) {
        let path = folder.join(if *compact { format!("{number}.compact") } else { number.to_string() });
        read_batch(&path, inputs, &mut committed)?;
    }
    Ok(committed)
}

fn read_batch(path: &Path, inputs: &Inputs, committed: &mut HashSet<PathBuf>) -> Result<()> {
    let text = match is_on_store(path) {
        true => String::from_utf8_lossy(&inputs.file(path)?.all()?).into_owned(),
        false => std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?,
    };
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
        // The order of lines counts: a later batch may delete what an earlier one has added.
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
pub(super) fn inside(uri: &str) -> Option<PathBuf> {
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
