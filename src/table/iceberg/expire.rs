//! Old snapshots go, and then the files of ours that no snapshot reaches.
//!
//! # Contract
//! * A snapshot stays that is current, that a branch or tag names or that a branch other than `main` comes from, that was current
//!   since the rule's time, or that is among the newest that the rule keeps. When it was committed does not count: a reader may
//!   have opened an old one just before its successor came.
//! * The commit that drops snapshots comes first. A reader that opens the table then finds no snapshot whose files go.
//! * A file goes that no snapshot of the new metadata reaches, and that has a name of ours: what another program is about to
//!   commit is not touched.

use super::commit::last_step;
use super::entry::read_live;
use super::manifest_list;
use super::metadata::{LEDGER, LoadedTable, TableFileNames, TableHome, version_of};
use crate::error::{Error, Result};
use crate::store::files::FoundFile;
use crate::store::{files, is_on_store};
use crate::table::change::{ExpiredTable, KeepRule, PlannedExpiry};
use crate::table::layout::{DATA, METADATA, listed, local, parts_below};
use crate::table::store_rule::StoreRule;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

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
    let mut versions: BTreeMap<u64, PathBuf> = BTreeMap::new();
    let of_metadata = listed(&table.folder.join(METADATA))?;
    let name = |file: &FoundFile| {
        file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    // A catalog looks after the metadata that it has written.
    let of_folder = matches!(table.home, TableHome::Folder);
    let version = |file: &FoundFile| version_of(&name(file)).filter(|_| of_folder);
    let is_foreign = |name: &String| name.ends_with(".metadata.json") && version_of(name).is_none();
    if let Some(other) = of_metadata.iter().map(name).filter(is_foreign).find(|_| of_folder) {
        return Err(Error::machine(format!(
            "{} is of another catalog, which may need files of this table",
            table.folder.join(METADATA).join(other).display()
        ))
        .hint("nothing was removed. Drop the table in that catalog, and remove its metadata here"));
    }
    let times: HashMap<u64, Option<i64>> =
        of_metadata.iter().filter_map(|file| version(file).map(|version| (version, written(file)))).collect();
    for file in of_metadata {
        let path = &file.path;
        // As of a snapshot, its age is the time since the next one came.
        let next = |version: u64| times.get(&(version + 1)).or(times.get(&version)).copied().flatten();
        let old = version(&file).filter(|version| {
            *version < table.version && next(*version).is_some_and(|time| time < rule.since)
        });
        let unreached = TableFileNames::is_ours(&name(&file)) && !reached.contains(path);
        if (unreached && store.may_remove(&file, false)) || old.is_some() {
            outcome.metadata += 1;
            outcome.bytes += file.bytes;
            match old {
                Some(version) => drop(versions.insert(version, file.path)),
                None => files.push(file.path),
            }
        }
    }
    let versions = versions.into_values().collect();
    Ok(PlannedExpiry { before: vec![], commit, versions, files, outcome })
}

fn kept(table: &LoadedTable, rule: KeepRule) -> BTreeSet<i64> {
    let snapshots = table.list("snapshots");
    let id = |snapshot: &Value| snapshot["snapshot-id"].as_i64();
    let newest = snapshots.len().saturating_sub(rule.newest.max(1));
    let time = |entry: &Value| entry["timestamp-ms"].as_i64().unwrap_or(i64::MAX);
    let log = table.list("snapshot-log");
    let ends: HashMap<Option<i64>, i64> = log.windows(2).map(|pair| (id(&pair[0]), time(&pair[1]))).collect();
    // A log may not tell of all snapshots.
    let end = |place: usize, snapshot: &Value| {
        let next = || snapshots.get(place + 1).map(time);
        ends.get(&id(snapshot)).copied().or_else(next).unwrap_or_else(|| time(snapshot))
    };
    let young = snapshots
        .iter()
        .enumerate()
        .filter(|(place, snapshot)| *place >= newest || end(*place, snapshot) >= rule.since);
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

/// What all snapshots of the table reach; only on a store it is asked for.
fn all_reached(table: &LoadedTable, on_store: bool) -> Result<HashSet<PathBuf>> {
    match on_store {
        true => reached(&table.list("snapshots").iter().collect::<Vec<_>>()),
        false => Ok(HashSet::new()),
    }
}

/// When a version of the metadata was written, if that is known.
fn written(file: &FoundFile) -> Option<i64> {
    if is_on_store(&file.path) {
        return Some(file.written);
    }
    let read =
        files::read(&file.path).ok().flatten().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    read.and_then(|metadata| metadata["last-updated-ms"].as_i64())
}
