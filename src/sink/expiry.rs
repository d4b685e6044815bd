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
use super::remote::{self, put_version as put_on_store};
use super::snapshot::{PutSnapshot, ask_catalog, metadata_below, put_request, put_version};
use super::versions::repair_hint;
use super::{Target, TargetKind, failpoint, fsutil};
use crate::error::{Error, Result};
use crate::store::{PutCondition, files};
use crate::table::{self, CommitStep, ExpiredTable, KeepRule, TableFormat, TableInPlace};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

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
    if target.is_on_store() {
        return expire_on_store(target, format, named, rule, plan_only);
    }
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
            let write = |bytes: &[u8]| {
                fsutil::write_atomically(&staged, bytes)?;
                failpoint::step("put expired version")
            };
            let put = match step {
                CommitStep::Version(version, bytes) => {
                    write(bytes)?;
                    put_version(table.folder(), format, &staged, *version)
                }
                CommitStep::Request(bytes) => {
                    write(bytes)?;
                    put_request(&place, format, &staged)
                }
            };
            fsutil::remove_folder(&staging)?;
            if let PutSnapshot::Conflict(error) | PutSnapshot::Refused(error) = put? {
                return Err(error);
            }
        }
        if planned.commit.is_none() {
            // The version that the hint names may be one that goes.
            repair_hint(&table)?;
        }
        for path in planned.versions.iter().chain(&planned.files) {
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

/// How often an expiry is planned again, where commits come in between.
const PLANS: usize = 4;

/// The same of a table on a store, where the put of the version keeps other writers away from files that go.
fn expire_on_store(
    target: &Target,
    format: TableFormat,
    named: &NamedPaths,
    rule: KeepRule,
    plan_only: bool,
) -> Result<Option<ExpiredTable>> {
    let place = target.place()?;
    let known = PathsOnDisk::of(named, [place.clone()]);
    journal::recover_on_stores(&known, !plan_only)?;
    let mut tries = 0;
    let (table, ledger, mut planned) = loop {
        let Some(table) = target.loaded_table()?.filter(TableInPlace::has_ledger) else {
            return Ok(None);
        };
        let ledger = target.manifest()?;
        let planned = table::expire(&table, rule, table::now())?;
        if plan_only {
            return Ok(Some(planned.outcome));
        }
        // A commit to several outputs that is under way comes first: it must not lose this table alone.
        if tries >= PLANS || !journal::is_under_way(&known)? {
            break (table, ledger, planned);
        }
        tries += 1;
        journal::recover_on_stores(&known, false)?;
    };
    for (name, bytes) in std::mem::take(&mut planned.before) {
        files::put(&target.path.join(format.metadata()).join(name), bytes, PutCondition::Always)?;
    }
    let put = match planned.commit {
        Some(CommitStep::Version(version, bytes)) => {
            put_on_store(&target.path, format, bytes, version, &mut false)?
        }
        Some(CommitStep::Request(bytes)) => ask_catalog(&place, format, &bytes)?,
        None => {
            repair_hint(&table)?;
            PutSnapshot::Done
        }
    };
    if let PutSnapshot::Conflict(error) | PutSnapshot::Refused(error) = put {
        return Err(error);
    }
    // States of earlier commits: on the disk each commit removes them.
    let state = target.state();
    let names: HashSet<PathBuf> =
        ledger.iter().flat_map(|ledger| &ledger.state).map(|part| state.join(&part.path)).collect();
    let states = files::files_below(&state.join("state"))?.into_iter().map(|file| file.path);
    let old = |path: &PathBuf| !names.contains(path) && remote::is_of_commit_until(path, table.version());
    planned.files.extend(states.filter(old));
    planned.versions.iter().try_for_each(|version| files::delete(std::slice::from_ref(version)))?;
    files::delete(&planned.files)?;
    Ok(Some(planned.outcome))
}

fn remove(root: &Path, path: &Path) -> Result<()> {
    fsutil::remove_file(path)?;
    if let Some(folder) = path.parent().filter(|folder| folder.starts_with(root)) {
        fsutil::remove_empty_up_to(root, folder);
    }
    Ok(())
}
