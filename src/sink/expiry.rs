//! Expiry of a table: the commit that drops snapshots, then the files that none reaches.
//!
//! # Contract
//! The lock of the output is held, and a commit that a dead run left is brought to its end before, so no file that it is about
//! to name is taken for one that nobody names. Killed at any instant, an expiry leaves a table that is whole; the next one
//! removes what is left.

use super::guard::{NamedPaths, PathsOnDisk, Ways};
use super::journal::{self, Recovery};
use super::lock::Lock;
use super::place::STAGING;
use super::snapshot::{PutSnapshot, metadata_below, put_request, put_version};
use super::{Target, TargetKind, failpoint, fsutil};
use crate::error::{Error, Result};
use crate::table::{self, CommitStep, ExpiredTable, KeepRule, TableInPlace};
use std::fs;
use std::path::Path;

/// Drops the snapshots of a table that `rule` does not keep, and the files that no snapshot reaches then; says only what it
/// would do if `plan_only`. `named` is as for [`super::Transaction::begin_of`]. `None` where no table lies there.
///
/// # Errors
/// Machine errors: another process writes to the table, or has committed to it in the meantime; it was moved; the file system
/// refuses.
pub fn expire(
    target: &Target,
    named: &NamedPaths,
    rule: KeepRule,
    plan_only: bool,
) -> Result<Option<ExpiredTable>> {
    let TargetKind::Table(kind) = &target.kind else { return Ok(None) };
    let format = kind.format;
    target.refuse_linked_state()?;
    Ways::default().look(&target.path, &metadata_below(format))?;
    if !target.loaded_table()?.as_ref().is_some_and(TableInPlace::has_ledger) {
        return Ok(None);
    }
    let created = fsutil::create_folders(&target.state())?;
    let place = target.place()?;
    let lock = Lock::take(&place.state)?;
    let known = PathsOnDisk::of(named, [place.clone()]);
    if let Recovery::Busy(taken) = journal::recover(&place, std::slice::from_ref(&place.state), &known)? {
        return Err(taken);
    }
    let Some(table) = target.loaded_table()? else { return Ok(None) };
    let planned = table::expire(&table, rule, table::now())?;
    if !plan_only {
        let staging = place.state.join(STAGING);
        for (name, bytes) in &planned.before {
            failpoint::step("put checkpoint")?;
            fsutil::write_atomically(&table.folder().join(format.metadata()).join(name), bytes)?;
        }
        if let Some(step) = &planned.commit {
            fs::create_dir_all(&staging).map_err(|e| Error::io("create the folder", &staging, e))?;
            let staged = staging.join("version.metadata");
            let (CommitStep::Version(_, bytes) | CommitStep::Request(bytes)) = step;
            fsutil::write_atomically(&staged, bytes)?;
            failpoint::step("put expired version")?;
            let put = match step {
                CommitStep::Version(version, _) => put_version(table.folder(), format, &staged, *version),
                CommitStep::Request(_) => put_request(&place, format, &staged),
            };
            fsutil::remove_folder(&staging)?;
            if let PutSnapshot::Conflict(error) = put? {
                return Err(error);
            }
        }
        for path in &planned.files {
            failpoint::step("delete expired file")?;
            remove(&place.root, path)?;
        }
    }
    drop(lock);
    for folder in created.iter().rev() {
        let _ = fs::remove_dir(folder);
    }
    Ok(Some(planned.outcome))
}

fn remove(root: &Path, path: &Path) -> Result<()> {
    fsutil::remove_file(path)?;
    if let Some(folder) = path.parent().filter(|folder| folder.starts_with(root)) {
        fsutil::remove_empty_up_to(root, folder);
    }
    Ok(())
}
