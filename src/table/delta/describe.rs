//! What a table has, for people: columns, partitions, versions.

use super::actions::TableState;
use super::loaded::{DeltaTable, OwnCommit};
use super::log::{commit_info, time_of};
use super::schema::{partition_columns, shown_columns};
use crate::error::Result;
use crate::table::{SnapshotFacts, TableDescription};
use serde_json::Value;

impl DeltaTable {
    /// The description of the table.
    ///
    /// # Errors
    /// Its log cannot be read.
    pub fn describe(&self) -> Result<TableDescription> {
        let oldest = self.log.oldest().unwrap_or(self.version);
        let mut history = vec![];
        let mut state = TableState::default();
        for version in oldest..=self.version {
            if version == oldest {
                state = self.log.state(version)?;
            } else {
                self.log.apply(version, &mut state)?;
            }
            history.push(self.facts(version, &state)?);
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
            rows: state.rows(),
            files: state.files.len() as u64,
            bytes: state.bytes(),
            history,
        })
    }

    /// What the commit of `version` did, after which the table is as `state` says.
    fn facts(&self, version: u64, state: &TableState) -> Result<SnapshotFacts> {
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
            rows: state.rows(),
            ours: OwnCommit::of(version, &info).is_some(),
        })
    }
}
