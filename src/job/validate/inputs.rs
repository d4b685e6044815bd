//! What a job reads, asked without planning it: its files by now, their format, the columns that it declares.

use super::faults::faults;
use super::{found, table};
use crate::error::Result;
use crate::input::InputFormat;
use crate::input::files::Expanded;
use crate::job::spec::JobSpec;
use std::path::PathBuf;

/// The files that the source's `path` stands for by now, in natural order.
///
/// # Errors
/// A job error: there are none, or a name tells no format.
pub fn source_files(spec: &JobSpec) -> Result<Expanded> {
    found::find_files(spec, &spec.source.log).ok_or_else(|| faults(spec))
}

/// The paths that the source's `path` stands for by now, in any order. No file is looked at, and no pipe is read.
///
/// # Errors
/// A job error: there are none.
pub fn source_paths(spec: &JobSpec) -> Result<Vec<PathBuf>> {
    let patterns = found::patterns(spec, &spec.source.log).ok_or_else(|| faults(spec))?;
    let at = found::snapshot(&spec.document, &spec.source.log).unwrap_or_default();
    crate::input::files::paths(&patterns, source_format(spec), at, &spec.inputs)
}

/// The files of the job's tables by now, with the names of the tables, and those of lookups in files, whose
/// name is their `lookup` as it is written. Each table's are in natural order.
///
/// # Errors
/// A job error: a table has none, or a name tells no format.
pub fn table_files(spec: &JobSpec) -> Result<Vec<(String, PathBuf)>> {
    let files: Option<Vec<_>> = table::find(spec).iter().map(table::FoundTable::files).collect();
    files.map(|files| files.concat()).ok_or_else(|| faults(spec))
}

/// The format of the source's files, if the job gives one that there is.
pub fn source_format(spec: &JobSpec) -> Option<InputFormat> {
    let format = found::format(&spec.document, &spec.source.log);
    // The job is planned as well, and then the same faults are told.
    spec.document.forget_faults();
    format.flatten()
}

/// The columns of the source whose types the job declares.
pub fn declared_columns(spec: &JobSpec) -> Vec<String> {
    spec.source.log.types.iter().map(|(name, _)| name.value.clone()).collect()
}
