//! What a table has, for people: columns, partitions, snapshots.

use super::metadata::{LEDGER, LoadedTable};
use crate::table::description::{SnapshotFacts, TableDescription};
use serde_json::Value;

impl LoadedTable {
    /// The description of the table.
    pub fn describe(&self) -> TableDescription {
        let metadata = &self.metadata;
        let fields = self.fields();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
        let name = |id: &Value| {
            let field = fields.iter().find(|field| field["id"] == *id);
            field.map_or_else(|| id.to_string(), |field| text(&field["name"]))
        };
        let listed = |list: &str, key: &str, default: &str| {
            let item = self.list(list).iter().find(|item| item[key] == metadata[default]);
            item.and_then(|item| item["fields"].as_array()).cloned().unwrap_or_default()
        };
        let partition = listed("partition-specs", "spec-id", "default-spec-id");
        let partition = partition.iter().map(|field| match field["transform"].as_str() {
            Some("identity") | None => name(&field["source-id"]),
            Some(transform) => format!("{transform}({})", name(&field["source-id"])),
        });
        let sort = listed("sort-orders", "order-id", "default-sort-order-id");
        let history: Vec<SnapshotFacts> = self.list("snapshots").iter().map(facts).collect();
        let summary = self.current().map_or(&Value::Null, |snapshot| &snapshot["summary"]);
        TableDescription {
            location: self.folder.display().to_string(),
            version: self.version,
            uuid: text(&metadata["table-uuid"]),
            columns: fields.iter().map(|field| (text(&field["name"]), text(&field["type"]))).collect(),
            partition: partition.collect(),
            sort: sort.iter().map(|field| name(&field["source-id"])).collect(),
            snapshot: self.current().and_then(|snapshot| snapshot["snapshot-id"].as_i64()),
            rows: count(summary, "total-records"),
            files: number(summary, "total-data-files"),
            bytes: number(summary, "total-files-size"),
            history,
        }
    }
}

fn facts(snapshot: &Value) -> SnapshotFacts {
    let summary = &snapshot["summary"];
    SnapshotFacts {
        snapshot: snapshot["snapshot-id"].as_i64().unwrap_or_default(),
        timestamp_ms: snapshot["timestamp-ms"].as_i64().unwrap_or_default(),
        operation: summary["operation"].as_str().unwrap_or("unknown").to_string(),
        added: number(summary, "added-data-files"),
        removed: number(summary, "deleted-data-files"),
        rows: count(summary, "total-records"),
        ours: summary[LEDGER].is_string(),
    }
}

/// A count of a summary, which has its values as text.
fn count(summary: &Value, key: &str) -> Option<u64> {
    summary[key].as_str().and_then(|text| text.parse().ok())
}

fn number(summary: &Value, key: &str) -> u64 {
    count(summary, key).unwrap_or(0)
}
