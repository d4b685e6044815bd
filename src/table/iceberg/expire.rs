//! Old snapshots go, and then the files of ours that no snapshot reaches.
//!
//! # Contract
//! * A snapshot stays that is current, that a branch or tag names or that a branch other than `main` comes from, that is not
//!   older than the rule says, or that is among the newest that the rule keeps.
//! * The commit that drops snapshots comes first. A reader that opens the table then finds no snapshot whose files go.
//! * A file goes that no snapshot of the new metadata reaches, and that has a name of ours: what another program is about to
//!   commit is not touched.

use super::commit::{CommitStep, last_step};
use super::entry::read_live;
use super::manifest_list;
use super::metadata::{LEDGER, LoadedTable, TableFileNames, TableHome};
use crate::error::Result;
use crate::store::files::FoundFile;
use crate::store::{files, is_on_store};
use crate::table::layout::{DATA, LONGEST_COMMIT, METADATA, local};
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which snapshots stay.
#[derive(Debug, Clone, Copy)]
pub struct KeepRule {
    /// Those that were committed since, in milliseconds since 1970.
    pub since: i64,
    /// At least so many of the newest.
    pub newest: usize,
}

/// What an expiry will do.
#[derive(Debug, Clone)]
pub struct PlannedExpiry {
    /// What drops the snapshots; none where no snapshot goes.
    pub commit: Option<CommitStep>,
    /// The files that go then, absolute.
    pub files: Vec<PathBuf>,
    /// What it does, in numbers.
    pub outcome: ExpiredTable,
}

/// What an expiry did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpiredTable {
    /// Snapshots that went.
    pub snapshots: usize,
    /// Snapshots that stayed.
    pub kept: usize,
    /// Parts that went.
    pub parts: usize,
    /// Files of the metadata that went.
    pub metadata: usize,
    /// The bytes of all files that went.
    pub bytes: u64,
}

/// What an expiry of `table` by `rule` does; `time` is the clock.
///
/// # Errors
/// A machine error: the table was moved, or its files cannot be read.
pub fn expire(table: &LoadedTable, rule: KeepRule, time: i64) -> Result<PlannedExpiry> {
    table.is_at_home()?;
    let snapshots = table.list("snapshots");
    let kept = kept(table, rule);
    let id = |snapshot: &Value| snapshot["snapshot-id"].as_i64().unwrap_or_default();
    let stay: Vec<&Value> = snapshots.iter().filter(|snapshot| kept.contains(&id(snapshot))).collect();
    let dropped = snapshots.len() - stay.len();
    let location = table.location()?;
    let commit = (dropped > 0).then(|| {
        let mut metadata = table.metadata.clone();
        for list in ["snapshots", "snapshot-log"] {
            if let Some(items) = metadata[list].as_array_mut() {
                // A log that lacks a snapshot in the middle would tell of another history, so all before it goes.
                let last = items.iter().rposition(|item| !kept.contains(&id(item)));
                match (list, last) {
                    ("snapshot-log", Some(last)) => drop(items.drain(..=last)),
                    _ => items.retain(|item| kept.contains(&id(item))),
                }
            }
        }
        for list in ["statistics", "partition-statistics"] {
            if let Some(items) = metadata[list].as_array_mut() {
                items.retain(|item| kept.contains(&id(item)));
            }
        }
        if let Some(log) = metadata["metadata-log"].as_array_mut() {
            log.retain(|item| item["timestamp-ms"].as_i64().unwrap_or(i64::MAX) >= rule.since);
        }
        let time = time.max(table.metadata["last-updated-ms"].as_i64().unwrap_or(0));
        last_step(Some(table), metadata, &location, time)
    });
    let mut reached = reached(&stay)?;
    let later = table.later_ledger().and_then(|properties| properties[LEDGER].as_str());
    reached.extend(later.map(|name| table.folder.join(METADATA).join(name)));
    let (mut files, mut outcome) =
        (vec![], ExpiredTable { snapshots: dropped, kept: stay.len(), ..Default::default() });
    let data = table.folder.join(DATA);
    let on_store = is_on_store(&table.folder);
    let store = StoreRule { on_store, version: table.version, before: all_reached(table, on_store)?, time };
    for file in parts_below(&data)? {
        if !reached.contains(&file.path) && store.may_remove(&file, true) {
            outcome.parts += 1;
            outcome.bytes += file.bytes;
            files.push(file.path);
        }
    }
    for file in listed(&table.folder.join(METADATA))? {
        let path = &file.path;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let version: Option<u64> =
            name.strip_prefix('v').and_then(|name| name.strip_suffix(".metadata.json")?.parse().ok());
        // A catalog looks after the metadata that it has written.
        let version = version.filter(|_| matches!(table.home, TableHome::Folder));
        let old = version.is_some_and(|version| version < table.version && is_old(&file, rule.since));
        let unreached = TableFileNames::is_ours(name) && !reached.contains(path);
        if unreached && store.may_remove(&file, false) || old {
            outcome.metadata += 1;
            outcome.bytes += file.bytes;
            files.push(file.path);
        }
    }
    Ok(PlannedExpiry { commit, files, outcome })
}

fn kept(table: &LoadedTable, rule: KeepRule) -> BTreeSet<i64> {
    let snapshots = table.list("snapshots");
    let id = |snapshot: &Value| snapshot["snapshot-id"].as_i64();
    let newest = snapshots.len().saturating_sub(rule.newest.max(1));
    let young = snapshots.iter().enumerate().filter(|(place, snapshot)| {
        *place >= newest || snapshot["timestamp-ms"].as_i64().unwrap_or(i64::MAX) >= rule.since
    });
    let mut kept: BTreeSet<i64> = young.filter_map(|(_, snapshot)| id(snapshot)).collect();
    kept.extend(table.current().and_then(id));
    for (name, reference) in table.metadata["refs"].as_object().into_iter().flatten() {
        let mut at = id(reference);
        // What a branch of another program comes from is its history, which is not ours to cut.
        let whole = name != "main" && reference["type"] == "branch";
        while let Some(snapshot) = at {
            kept.insert(snapshot);
            if !whole {
                break;
            }
            let of = snapshots.iter().find(|other| id(other) == Some(snapshot));
            at = of.and_then(|of| of["parent-snapshot-id"].as_i64());
        }
    }
    kept
}

/// All files that these snapshots reach, absolute.
fn reached(snapshots: &[&Value]) -> Result<HashSet<PathBuf>> {
    let local = |path: &str| PathBuf::from(local(path));
    let (mut reached, mut manifests) = (HashSet::new(), HashSet::new());
    for snapshot in snapshots {
        let list = local(snapshot["manifest-list"].as_str().unwrap_or_default());
        if let (Some(ledger), Some(folder)) = (snapshot["summary"][LEDGER].as_str(), list.parent()) {
            reached.insert(folder.join(ledger));
        }
        for manifest in manifest_list::read(&list)? {
            let path = local(&manifest.path);
            if manifests.insert(path.clone()) {
                let entries = read_live(&path, manifest.sequence, manifest.snapshot)?;
                reached.extend(entries.iter().map(|entry| local(&entry.path)));
            }
        }
        reached.insert(list);
    }
    reached.extend(manifests);
    Ok(reached)
}

/// What may be removed on a store, where no lock keeps other writers away.
struct StoreRule {
    on_store: bool,
    /// The version of the table.
    version: u64,
    /// What its snapshots reached until now.
    before: HashSet<PathBuf>,
    /// The clock.
    time: i64,
}

impl StoreRule {
    /// Whether a file that no snapshot reaches may go. A writer whose commit comes before this one takes its files along; one
    /// whose commit comes later may have put them already, under the number of that commit.
    fn may_remove(&self, file: &FoundFile, part: bool) -> bool {
        if !self.on_store || self.before.contains(&file.path) {
            return true;
        }
        match part {
            true => tag_of(&file.path).is_none_or(|tag| tag <= self.version),
            false => file.written < self.time.saturating_sub(LONGEST_COMMIT),
        }
    }
}

/// What all snapshots of the table reach; only on a store it is asked for.
fn all_reached(table: &LoadedTable, on_store: bool) -> Result<HashSet<PathBuf>> {
    match on_store {
        true => reached(&table.list("snapshots").iter().collect::<Vec<_>>()),
        false => Ok(HashSet::new()),
    }
}

/// The parts below the folder of parts, by the names that we give them.
fn parts_below(data: &Path) -> Result<Vec<FoundFile>> {
    let mut found = files::files_below(data)?;
    found.retain(|file| {
        let Ok(below) = file.path.strip_prefix(data) else { return false };
        let first = below.iter().next().unwrap_or_default().to_string_lossy();
        let name = file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        (first.contains('=') || !first.starts_with('_')) && is_part_name(name)
    });
    Ok(found)
}

/// Whether a file of the folder of parts has the name of its content; on a store the version of its commit stands behind it.
fn is_part_name(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".parquet") else { return false };
    let (hash, tag) = stem.split_once('-').unwrap_or((stem, "1"));
    let digits = !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_digit());
    digits && hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The version of the commit that put a part on a store.
fn tag_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.split_once('-')?.1.parse().ok()
}

fn listed(folder: &Path) -> Result<Vec<FoundFile>> {
    files::files_in(folder)
}

/// Whether a version of the metadata was written before `since`.
fn is_old(file: &FoundFile, since: i64) -> bool {
    if is_on_store(&file.path) {
        return file.written < since;
    }
    let read = fs::read(&file.path).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    read.and_then(|metadata| metadata["last-updated-ms"].as_i64()).is_some_and(|time| time < since)
}
