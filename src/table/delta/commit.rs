//! What one commit writes: the ledger, the actions, and now and then a checkpoint.
//!
//! # Contract
//! * A commit names the files that come and those that go, and no other. Where there are none, it is a version without files: a
//!   ledger beside the log could be replaced by two writers at once, and one of them would lose what it counted.
//! * It asks of readers and writers what the first versions of Delta Lake could do (protocol 1 and 2).
//! * Paths are relative, so a table can be moved as a whole.

use super::actions::{AddedFile, TableState};
use super::loaded::{DeltaTable, LEDGER, LEDGER_HASH, PROGRAM};
use super::log::{DeltaLog, commit_info, time_of};
use super::{new_checkpoint, schema, statistics};
use crate::batch::unescaped;
use crate::error::{Error, Result};
use crate::table::change::{CommitStep, TableChange};
use crate::table::own_names::{packed, uuid};
use crate::table::shape::{TableFile, TableShape};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// After so many commits there is a checkpoint, where the table does not say another number.
const CHECKPOINT_INTERVAL: u64 = 10;

/// The commit by which the table at `folder` has the second of `files`, and the ledger `ledger`. `base` is what lies there, and
/// `time` the clock in milliseconds.
///
/// # Errors
/// A column or a value does not fit the format; the log cannot be read, or does not have the first of `files`, which our last
/// ledger names.
pub fn plan_commit(
    folder: &Path,
    base: Option<&DeltaTable>,
    shape: &TableShape,
    files: (&HashSet<&str>, &[TableFile]),
    ledger: &str,
    time: i64,
) -> Result<TableChange> {
    let state = base.map_or_else(|| Ok(TableState::default()), DeltaTable::state)?;
    let version = base.map_or(0, |base| base.version + 1);
    let ids = schema::numbered(folder, state.metadata.as_ref(), shape)?;
    let (name, ledger, hash) = packed(ledger, version)?;
    // Readers want a table's commits in the order of their times.
    let last = match base {
        Some(base) if base.log.commits.contains(&base.version) => {
            time_of(&commit_info(&base.log.text(base.version)?))
        }
        _ => None,
    };
    let time = time.max(last.unwrap_or(i64::MIN));
    let id = || uuid(&format!("{} {} {hash}", shape.job, folder.display()));
    let (metadata, is_new) = schema::metadata(state.metadata.as_ref(), shape, id, time);
    let divided = divide(folder, &state, (shape, &ids), files, time)?;
    let mut info = divided.info(&metadata, time);
    (info[LEDGER], info[LEDGER_HASH]) = (json!(name), json!(hash));
    let mut actions = vec![json!({ "commitInfo": info })];
    if state.protocol.is_none() {
        actions.push(json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } }));
    }
    if is_new {
        actions.push(json!({ "metaData": metadata }));
    }
    let program = format!("{PROGRAM}{}", shape.job);
    actions.push(json!({ "txn": { "appId": program, "version": version, "lastUpdated": time } }));
    actions.extend(divided.leaving.iter().map(|file| file.removed(time).action()));
    actions.extend(divided.coming.iter().map(AddedFile::action));
    let text: String = actions.iter().map(|action| format!("{action}\n")).collect();
    let mut behind = vec![];
    if base.is_some_and(|base| is_due(&base.log, &metadata, version)) {
        let mut after = state;
        after.commit(&text).map_err(|_| Error::fault("a commit cannot be read again"))?;
        behind.extend(new_checkpoint::files(&after, version, time)?);
    }
    let step = CommitStep::Version(version, text.into_bytes());
    Ok(TableChange { files: vec![(name, ledger)], step, behind })
}

/// The numbers by which the statistics of parts name the columns of `shape`; `base` is the table at `folder`.
///
/// # Errors
/// A job error: a column does not fit the format, or changes its type. The log cannot be read.
pub fn column_ids(
    folder: &Path,
    base: Option<&DeltaTable>,
    shape: &TableShape,
) -> Result<BTreeMap<String, i32>> {
    let state = base.map(DeltaTable::state).transpose()?;
    schema::numbered(folder, state.as_ref().and_then(|state| state.metadata.as_ref()), shape)
}

/// Whether `version` gets a checkpoint.
fn is_due(log: &DeltaLog, metadata: &Value, version: u64) -> bool {
    let own = metadata["configuration"]["delta.checkpointInterval"].as_str();
    let interval = own.and_then(|text| text.parse().ok()).filter(|interval| *interval > 0);
    let last = log.checkpoints.keys().next_back().copied().unwrap_or(0);
    version - last >= interval.unwrap_or(CHECKPOINT_INTERVAL)
}

/// The files of a commit.
struct DividedFiles {
    leaving: Vec<AddedFile>,
    coming: Vec<AddedFile>,
    /// The rows that come.
    rows: u64,
}

fn divide(
    folder: &Path,
    state: &TableState,
    (shape, ids): (&TableShape, &BTreeMap<String, i32>),
    (before, now): (&HashSet<&str>, &[TableFile]),
    time: i64,
) -> Result<DividedFiles> {
    // Programs differ in what they escape in a path, so the paths of a log are compared without escapes.
    let plain = |file: &AddedFile| String::from_utf8_lossy(&unescaped(&file.path)).into_owned();
    let there: BTreeMap<String, &AddedFile> = state.files.values().map(|file| (plain(file), file)).collect();
    let is_whole = state.files.len() == before.len() && there.len() == before.len();
    if !is_whole || !there.keys().all(|path| before.contains(path.as_str())) {
        return Err(Error::machine(format!(
            "the files of the table {} are not those of its ledger",
            folder.display()
        ))
        .hint("the log of the table is damaged: remove the table, and run the job again"));
    }
    let wanted: HashSet<&str> = now.iter().map(|file| file.path.as_str()).collect();
    let gone = there.iter().filter(|(path, _)| !wanted.contains(path.as_str()));
    let leaving = gone.map(|(_, file)| (*file).clone()).collect();
    let (mut coming, mut rows) = (vec![], 0);
    for file in now {
        let partition = schema::partition_texts(shape, &file.path)?;
        match there.get(&file.path) {
            Some(known) if known.partition == partition => continue,
            // By other partition columns: the file is named again, with what is known of it.
            Some(known) => coming.push(AddedFile { partition, ..(*known).clone() }),
            None => coming.push(AddedFile {
                path: escaped(&file.path),
                partition,
                has_deletions: false,
                size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
                modified: time,
                stats: Some(statistics::of(file, shape, ids)),
            }),
        }
        rows += file.rows;
    }
    Ok(DividedFiles { leaving, coming, rows })
}

impl DividedFiles {
    /// What the commit says of itself.
    fn info(&self, metadata: &Value, time: i64) -> Value {
        let (operation, mode) = match (self.coming.is_empty(), self.leaving.is_empty()) {
            (true, false) => ("DELETE", None),
            (_, true) => ("WRITE", Some("Append")),
            _ => ("WRITE", Some("Overwrite")),
        };
        let mut parameters = json!({});
        if let Some(mode) = mode {
            parameters = json!({ "mode": mode, "partitionBy": metadata["partitionColumns"].to_string() });
        }
        let bytes = |files: &[AddedFile]| files.iter().map(|file| file.size).sum::<i64>().to_string();
        json!({
            "timestamp": time, "operation": operation, "operationParameters": parameters, "isBlindAppend": false,
            "operationMetrics": {
                "numFiles": self.coming.len().to_string(), "numRemovedFiles": self.leaving.len().to_string(),
                "numOutputRows": self.rows.to_string(), "numOutputBytes": bytes(&self.coming),
                "numRemovedBytes": bytes(&self.leaving),
            },
            "engineInfo": format!("Highwater/{}", env!("CARGO_PKG_VERSION")),
        })
    }
}

/// A path with the escapes of a URL.
fn escaped(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'=' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_as_in_a_url() {
        assert_eq!(escaped("k=a%2Fb/Zü +.parquet"), "k=a%252Fb/Z%C3%BC%20%2B.parquet");
        assert_eq!(unescaped(&escaped("k=a%2Fb/Zü +.parquet")), "k=a%2Fb/Zü +.parquet".as_bytes());
    }
}
