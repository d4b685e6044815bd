//! What a table has, for people: columns, partitions, versions.

use super::actions::{AddedFile, TableState};
use super::loaded::{DeltaTable, OwnCommit};
use super::log::{commit_info, time_of};
use super::schema::{partition_columns, shown_columns};
use crate::error::Result;
use crate::table::description::{SnapshotFacts, TableDescription};
use serde_json::Value;
use std::collections::HashMap;

/// The rows of files by their paths: most files are in many versions, and their statistics are read once.
#[derive(Default)]
struct FileRows(HashMap<String, Option<u64>>);

impl FileRows {
    /// The rows of a table, where each of its files tells them.
    fn of(&mut self, state: &TableState) -> Option<u64> {
        let mut rows = |file: &AddedFile| {
            // Another deletion vector makes other rows of the same file.
            if file.has_deletions {
                return None;
            }
            if let Some(known) = self.0.get(&file.path) {
                return *known;
            }
            *self.0.entry(file.path.clone()).or_insert(file.rows())
        };
        state.files.values().map(&mut rows).sum()
    }
}

impl DeltaTable {
    /// The description of the table.
    ///
    /// # Errors
    /// Its log cannot be read.
    pub fn describe(&self) -> Result<TableDescription> {
        let oldest = self.log.oldest().unwrap_or(self.version);
        let (mut history, mut counts) = (vec![], FileRows::default());
        let mut state = TableState::default();
        for version in oldest..=self.version {
            if version == oldest {
                state = self.log.state(version)?;
            } else {
                self.log.apply(version, &mut state)?;
            }
            history.push(self.facts(version, counts.of(&state))?);
        }
        let metadata = state.metadata.clone().unwrap_or_default();
        Ok(TableDescription {
            location: self.folder.display().to_string(),
            version: self.version,
            uuid: metadata["id"].as_str().unwrap_or_default().to_string(),
            columns: shown_columns(&metadata),
            partition: partition_columns(&metadata),
            sort: vec![],
            snapshot: i64::try_from(self.version).ok(),
            rows: counts.of(&state),
            files: state.files.len() as u64,
            bytes: state.bytes(),
            history,
        })
    }

    /// What the commit of `version` did, after which the table has so many rows.
    fn facts(&self, version: u64, rows: Option<u64>) -> Result<SnapshotFacts> {
        // Of the oldest version there may be the checkpoint alone.
        let text = if self.log.commits.contains(&version) { self.log.text(version)? } else { String::new() };
        let info = commit_info(&text);
        let actions = |kind: &str| {
            let parsed = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            parsed.filter(|action| action.get(kind).is_some()).count() as u64
        };
        Ok(SnapshotFacts {
            snapshot: i64::try_from(version).unwrap_or(i64::MAX),
            timestamp_ms: time_of(&info).unwrap_or_default(),
            operation: info["operation"].as_str().unwrap_or("unknown").to_string(),
            added: actions("add"),
            removed: actions("remove"),
            rows,
            ours: OwnCommit::of(version, &info).is_some(),
        })
    }
}
