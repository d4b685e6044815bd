//! Versions of tables that were put: whether they count, and the hint that names them.

use super::fsutil;
use crate::error::Result;
use crate::store::{PutCondition, PutOutcome, files, is_on_store};
use crate::table::{TableFileNames, TableFormat, TableInPlace};
use std::path::Path;

/// How often a hint is looked at that other writers change at the same time.
const HINTS: usize = 4;

/// Names a version of the metadata in the hint, but where that names a later one which is there: readers that believe it must
/// not go back.
///
/// # Errors
/// The store refuses.
pub(super) fn put_hint(metadata: &Path, version: u64) -> Result<()> {
    let hint = metadata.join(TableFileNames::hint());
    for _ in 0..HINTS {
        let state = files::version(&hint)?;
        let there = match &state {
            Some(_) => files::read(&hint)?,
            None => None,
        };
        let named = there.and_then(|text| String::from_utf8_lossy(&text).trim().parse::<u64>().ok());
        let is_later = match named {
            Some(named) if named > version => files::is_file(&metadata.join(TableFileNames::version(named)))?,
            named => named == Some(version),
        };
        let condition = state.as_deref().map_or(PutCondition::Absent, PutCondition::Unchanged);
        if is_later || files::put(&hint, version.to_string().into_bytes(), condition)? == PutOutcome::Done {
            break;
        }
    }
    // Readers and writers do without a hint, and the next command repairs it.
    Ok(())
}

/// Brings the hint of a table to the version that is there: a command that was killed may not have come that far, and other
/// programs believe the hint. On the disk the lock of the output is held.
///
/// # Errors
/// The file system or the store refuses.
pub(super) fn repair_hint(base: &TableInPlace) -> Result<()> {
    let Some((folder, version)) = base.hinted() else { return Ok(()) };
    let metadata = folder.join(TableFormat::Iceberg.metadata());
    let (hint, named) = (metadata.join(TableFileNames::hint()), version.to_string());
    if files::read(&hint)?.as_deref() == Some(named.as_bytes()) {
        return Ok(());
    }
    match is_on_store(folder) {
        true => put_hint(&metadata, version),
        false => fsutil::write_atomically(&hint, named.as_bytes()),
    }
}

/// A version that was put where another one had been: others have committed it and removed it as an old one, so that nothing
/// was in the way. Who reads the table does not find what was put.
pub(super) struct StaleVersion {
    /// Whether the version behind it is not there either, so that nobody needs it.
    pub is_alone: bool,
}

impl StaleVersion {
    /// Looks whether the version that was just put is one.
    ///
    /// # Errors
    /// The file system or the store refuses.
    pub fn of(folder: &Path, format: TableFormat, version: u64) -> Result<Option<StaleVersion>> {
        let metadata = folder.join(format.metadata());
        // Old versions go one after the other: while the one before is there, this one has not gone.
        let before = version.checked_sub(1).filter(|before| *before >= format.first_version());
        if let Some(before) = before
            && files::is_file(&metadata.join(format.version_file(before)))?
        {
            return Ok(None);
        }
        let behind = format.versions_behind(folder, version)?;
        Ok(behind.first().map(|next| StaleVersion { is_alone: *next != version + 1 }))
    }
}
