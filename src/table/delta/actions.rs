//! What commits and checkpoints do to a table: files come and go, protocol and metadata are replaced.

use serde_json::Value;
use std::collections::BTreeMap;

/// A file that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddedFile {
    /// Its path as the log has it: relative to the table, with escapes of a URL.
    pub path: String,
    /// The values of partition columns as text.
    pub partition: BTreeMap<String, Option<String>>,
    /// Whether some of its rows are deleted by a deletion vector.
    pub has_deletions: bool,
}

/// A table at a version.
#[derive(Debug, Clone, Default)]
pub(super) struct TableState {
    /// Which features a reader needs.
    pub protocol: Option<Value>,
    /// The schema, the partition columns, the properties.
    pub metadata: Option<Value>,
    /// The files that count, by their path.
    pub files: BTreeMap<String, AddedFile>,
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
                self.files.remove(remove["path"].as_str().ok_or(*number)?);
            }
        }
        for (number, action) in actions {
            if let Some(add) = action.get("add") {
                self.add(added(add).ok_or(number)?);
            } else if let Some(protocol) = action.get("protocol") {
                self.protocol = Some(protocol.clone());
            } else if let Some(metadata) = action.get("metaData") {
                self.metadata = Some(metadata.clone());
            }
        }
        Ok(())
    }

    /// Adds a file.
    pub fn add(&mut self, file: AddedFile) {
        self.files.insert(file.path.clone(), file);
    }
}

/// The file that an action adds.
fn added(add: &Value) -> Option<AddedFile> {
    let mut partition = BTreeMap::new();
    for (name, value) in add["partitionValues"].as_object()? {
        partition.insert(name.clone(), value.as_str().map(str::to_string));
    }
    let has_deletions = add.get("deletionVector").is_some_and(|vector| !vector.is_null());
    Some(AddedFile { path: add["path"].as_str()?.to_string(), partition, has_deletions })
}
