//! Old versions go, and then the files of ours that no version reaches.
//!
//! # Contract
//! * The versions that stay follow one another up to the newest: the log has each of them or none before it.
//! * First the oldest version that stays gets a checkpoint. Then the log before it goes, the oldest file first, and at last the
//!   files of rows. So a reader finds a version whole or not at all.
//! * A file goes that no version has, and that has a name of ours. Files of the log go by the names that the protocol gives.

use super::actions::TableState;
use super::loaded::{DeltaTable, OwnCommit};
use super::log::{LAST_CHECKPOINT, LOG, commit_info, time_of};
use super::new_checkpoint;
use crate::batch::unescaped;
use crate::error::Result;
use crate::store::{files, is_on_store};
use crate::table::change::{ExpiredTable, KeepRule, PlannedExpiry};
use crate::table::layout::{listed, parts_below};
use crate::table::own_names::is_ledger;
use crate::table::store_rule::StoreRule;
use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What an expiry of `table` by `rule` does; `time` is the clock.
///
/// # Errors
/// A machine error: another program has changed the table, or its files cannot be read.
pub fn expire(table: &DeltaTable, rule: KeepRule, time: i64) -> Result<PlannedExpiry> {
    // What another program has done may need what a checkpoint of ours does not tell.
    table.ledger()?;
    let log = &table.log;
    let oldest = log.oldest().unwrap_or(table.version);
    let first = first_kept(table, oldest, rule)?;
    let (mut reached, mut before): (HashSet<PathBuf>, _) = (table.own_ledger().into_iter().collect(), vec![]);
    let mut state = TableState::default();
    for version in first..=table.version {
        if version > first {
            log.apply(version, &mut state)?;
        } else {
            state = log.state(first)?;
            if first > oldest && !is_named(table, first) {
                before.extend(new_checkpoint::files(&state, first, time)?);
            }
        }
        let plain = |path: &String| String::from_utf8_lossy(&unescaped(path)).into_owned();
        reached.extend(state.files.keys().map(|path| table.folder.join(plain(path))));
        if log.commits.contains(&version) {
            let own = OwnCommit::of(version, &commit_info(&log.text(version)?));
            reached.extend(own.map(|own| table.folder.join(LOG).join(own.ledger.0)));
        }
    }
    let kept = usize::try_from(table.version - first + 1).unwrap_or(usize::MAX);
    let dropped = usize::try_from(first - oldest).unwrap_or(usize::MAX);
    let mut outcome = ExpiredTable { snapshots: dropped, kept, ..Default::default() };
    let (mut versions, mut files) = (vec![], vec![]);
    let (on_store, version) = (is_on_store(&table.folder), table.version);
    let rule = StoreRule { on_store, version, before: HashSet::new(), time };
    for file in listed(&table.folder.join(LOG))? {
        let name = file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // The oldest version that can be read does not need what lies before it.
        let is_old = last_version(name).is_some_and(|version| version < first);
        if is_old || (is_ledger(name) && !reached.contains(&file.path) && rule.may_remove(&file, false)) {
            outcome.metadata += 1;
            outcome.bytes += file.bytes;
            // By their names they are sorted as their numbers are.
            if is_old { versions.push(file.path) } else { files.push(file.path) }
        }
    }
    for file in parts_below(&table.folder)? {
        if !reached.contains(&file.path) && rule.may_remove(&file, true) {
            outcome.parts += 1;
            outcome.bytes += file.bytes;
            files.push(file.path);
        }
    }
    Ok(PlannedExpiry { before, commit: None, versions, files, outcome })
}

/// The oldest version that stays. That of our last commit does, as it names the ledger.
fn first_kept(table: &DeltaTable, oldest: u64, rule: KeepRule) -> Result<u64> {
    let newest = u64::try_from(rule.newest.max(1)).unwrap_or(u64::MAX);
    let most = (table.version + 1).saturating_sub(newest).min(table.own_version().unwrap_or(table.version));
    for version in oldest..most {
        // Until the next one came, readers may have opened it.
        let next = version + 1;
        let time = match table.log.commits.contains(&next) {
            true => time_of(&commit_info(&table.log.text(next)?)),
            false => None,
        };
        // A version whose time is not known is not older than one with a time.
        if time.is_some_and(|time| time >= rule.since) {
            return Ok(version);
        }
    }
    Ok(most.max(oldest))
}

/// Whether readers are led to a checkpoint that is not before `version`, and that one has one.
fn is_named(table: &DeltaTable, version: u64) -> bool {
    let pointer = files::read(&table.folder.join(LOG).join(LAST_CHECKPOINT)).ok().flatten();
    let pointer = pointer.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let named = pointer.and_then(|pointer| pointer["version"].as_u64());
    table.log.checkpoints.contains_key(&version) && named.is_some_and(|named| named >= version)
}

/// The newest version that a file of the log is about, by its name: a commit, a checkpoint or a part of one, a checksum, or
/// several commits in one file.
fn last_version(name: &str) -> Option<u64> {
    let path = Path::new(name);
    let ending = path.extension()?.to_str()?;
    let mut numbers = name.split('.').take_while(|part| part.len() == 20).map(str::parse::<u64>);
    let first = numbers.next()?.ok()?;
    let last = numbers.next().and_then(|number| number.ok());
    matches!(ending, "json" | "parquet" | "crc").then(|| last.unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_log_are_known_by_their_names() {
        for (name, version) in [
            ("00000000000000000007.json", Some(7)),
            ("00000000000000000007.crc", Some(7)),
            ("00000000000000000007.checkpoint.parquet", Some(7)),
            ("00000000000000000007.checkpoint.0000000001.0000000002.parquet", Some(7)),
            ("00000000000000000007.00000000000000000009.compacted.json", Some(9)),
            ("_last_checkpoint", None),
            ("ledger-00ff.json.gz", None),
            ("7.json", None),
            ("00000000000000000007.txt", None),
        ] {
            assert_eq!(last_version(name), version, "{name}");
        }
    }
}
