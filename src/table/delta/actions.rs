//! What commits and checkpoints do to a table: files come and go, protocol and metadata are replaced.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The values of partition columns as text, by the name of the column; NULL is none.
pub(super) type PartitionTexts = BTreeMap<String, Option<String>>;

/// A file that counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct AddedFile {
    /// Its path as the log has it: relative to the table, with escapes of a URL.
    pub path: String,
    /// The values of its partition.
    pub partition: PartitionTexts,
    /// Whether some of its rows are deleted by a deletion vector.
    pub has_deletions: bool,
    /// Its bytes.
    pub size: i64,
    /// When it was made, in milliseconds since 1970.
    pub modified: i64,
    /// What is known of its columns, as JSON.
    pub stats: Option<String>,
}

/// A file that does not count any more. Programs that clean tables keep it for a time, for readers of older versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemovedFile {
    /// Its path, as of [`AddedFile`].
    pub path: String,
    /// When it went, in milliseconds since 1970.
    pub time: Option<i64>,
    /// The values of its partition, where they are told.
    pub partition: Option<PartitionTexts>,
    /// Its bytes, where they are told.
    pub size: Option<i64>,
}

/// The last number that a program gave to a commit of its own (`txn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProgramVersion {
    /// The number.
    pub version: i64,
    /// When, in milliseconds since 1970.
    pub time: Option<i64>,
}

/// A table at a version.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TableState {
    /// Which features a reader needs.
    pub protocol: Option<Value>,
    /// The schema, the partition columns, the properties.
    pub metadata: Option<Value>,
    /// The files that count, by their path.
    pub files: BTreeMap<String, AddedFile>,
    /// Files that went, by their path.
    pub removed: BTreeMap<String, RemovedFile>,
    /// The numbers of programs, by their names.
    pub programs: BTreeMap<String, ProgramVersion>,
}

impl TableState {
    /// Does what the lines of a commit say. Within a commit a path may be removed and added again with another deletion vector, in
    /// any order, so what goes is taken away first.
    ///
    /// # Errors
    /// The number of the line that is not an action, from 1.
    pub fn commit(&mut self, text: &str) -> Result<(), usize> {
        let mut actions = vec![];
        for (number, line) in (1usize..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let action: Value = serde_json::from_str(line).map_err(|_| number)?;
            actions.push((number, action));
        }
        for (number, action) in &actions {
            if let Some(remove) = action.get("remove") {
                self.remove(RemovedFile::of(remove).ok_or(*number)?);
            }
        }
        for (number, action) in actions {
            if let Some(add) = action.get("add") {
                self.add(AddedFile::of(add).ok_or(number)?);
            } else if let Some(protocol) = action.get("protocol") {
                self.protocol = Some(protocol.clone());
            } else if let Some(metadata) = action.get("metaData") {
                self.metadata = Some(metadata.clone());
            } else if let Some(txn) = action.get("txn") {
                let name = txn["appId"].as_str().ok_or(number)?;
                let version = txn["version"].as_i64().ok_or(number)?;
                let program = ProgramVersion { version, time: txn["lastUpdated"].as_i64() };
                self.programs.insert(name.to_string(), program);
            }
        }
        Ok(())
    }

    /// Adds a file.
    pub fn add(&mut self, file: AddedFile) {
        self.removed.remove(&file.path);
        self.files.insert(file.path.clone(), file);
    }

    /// Takes a file away.
    pub fn remove(&mut self, file: RemovedFile) {
        self.files.remove(&file.path);
        self.removed.insert(file.path.clone(), file);
    }

    /// The bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.files.values().filter_map(|file| u64::try_from(file.size).ok()).sum()
    }
}

impl AddedFile {
    /// The file that an action adds.
    pub fn of(add: &Value) -> Option<AddedFile> {
        let has_deletions = add.get("deletionVector").is_some_and(|vector| !vector.is_null());
        Some(AddedFile {
            path: add["path"].as_str()?.to_string(),
            partition: partition_texts(&add["partitionValues"])?,
            has_deletions,
            size: add["size"].as_i64().unwrap_or_default(),
            modified: add["modificationTime"].as_i64().unwrap_or_default(),
            stats: add["stats"].as_str().map(str::to_string),
        })
    }

    /// The action of a commit that adds it.
    pub fn action(&self) -> Value {
        let mut add = json!({
            "path": self.path, "partitionValues": texts_of(&self.partition), "size": self.size,
            "modificationTime": self.modified, "dataChange": true,
        });
        if let Some(stats) = &self.stats {
            add["stats"] = json!(stats);
        }
        json!({ "add": add })
    }

    /// What is left of it when it goes at `time`.
    pub fn removed(&self, time: i64) -> RemovedFile {
        RemovedFile {
            path: self.path.clone(),
            time: Some(time),
            partition: Some(self.partition.clone()),
            size: Some(self.size),
        }
    }

    /// Its rows, where its statistics tell them: those of a file with a deletion vector count deleted rows too.
    pub fn rows(&self) -> Option<u64> {
        if self.has_deletions {
            return None;
        }
        let stats: Value = serde_json::from_str(self.stats.as_deref()?).ok()?;
        stats["numRecords"].as_u64()
    }
}

impl RemovedFile {
    /// The file that an action takes away.
    fn of(remove: &Value) -> Option<RemovedFile> {
        Some(RemovedFile {
            path: remove["path"].as_str()?.to_string(),
            time: remove["deletionTimestamp"].as_i64(),
            partition: partition_texts(&remove["partitionValues"]),
            size: remove["size"].as_i64(),
        })
    }

    /// The action of a commit that takes it away.
    pub fn action(&self) -> Value {
        let mut remove = json!({ "path": self.path, "deletionTimestamp": self.time, "dataChange": true });
        if let (Some(partition), Some(size)) = (&self.partition, self.size) {
            remove["extendedFileMetadata"] = json!(true);
            remove["partitionValues"] = texts_of(partition);
            remove["size"] = json!(size);
        }
        json!({ "remove": remove })
    }
}

/// The values of a partition, if they are an object.
fn partition_texts(values: &Value) -> Option<PartitionTexts> {
    let text = |(name, value): (&String, &Value)| (name.clone(), value.as_str().map(str::to_string));
    Some(values.as_object()?.iter().map(text).collect())
}

fn texts_of(partition: &PartitionTexts) -> Value {
    Value::Object(partition.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
}
