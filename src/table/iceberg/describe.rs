//! What a table has, for people: columns, partitions, snapshots.

use super::metadata::{LEDGER, LoadedTable};
use serde::Serialize;
use serde_json::Value;

/// A table, as `highwater tables` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct TableDescription {
    /// Its folder.
    pub location: String,
    /// The version of its metadata.
    pub version: u64,
    /// Its UUID.
    pub uuid: String,
    /// The columns, with their types.
    pub columns: Vec<(String, String)>,
    /// The fields of the partition, such as `hour(window_start)`.
    pub partition: Vec<String>,
    /// The columns that rows of a file are sorted by.
    pub sort: Vec<String>,
    /// The current snapshot.
    pub snapshot: Option<i64>,
    /// Its rows, where its metadata tells them.
    pub rows: Option<u64>,
    /// Its files.
    pub files: u64,
    /// The bytes of these.
    pub bytes: u64,
    /// All snapshots that the table keeps, the oldest first.
    pub history: Vec<SnapshotFacts>,
}

/// A snapshot of a table.
#[derive(Debug, Clone, Serialize)]
pub struct SnapshotFacts {
    /// Its id.
    pub snapshot: i64,
    /// When it was committed, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// What it did: `append`, `overwrite` or `delete`.
    pub operation: String,
    /// Files that it added.
    pub added: u64,
    /// Files that it removed.
    pub removed: u64,
    /// Rows of the table then, where its metadata tells them.
    pub rows: Option<u64>,
    /// Whether Highwater committed it.
    pub ours: bool,
}

impl TableDescription {
    /// The description of `table`.
    pub fn of(table: &LoadedTable) -> TableDescription {
        let metadata = &table.metadata;
        let fields = table.fields();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
        let name = |id: &Value| {
            let field = fields.iter().find(|field| field["id"] == *id);
            field.map_or_else(|| id.to_string(), |field| text(&field["name"]))
        };
        let listed = |list: &str, key: &str, default: &str| {
            let item = table.list(list).iter().find(|item| item[key] == metadata[default]);
            item.and_then(|item| item["fields"].as_array()).cloned().unwrap_or_default()
        };
        let partition = listed("partition-specs", "spec-id", "default-spec-id");
        let partition = partition.iter().map(|field| match field["transform"].as_str() {
            Some("identity") | None => name(&field["source-id"]),
            Some(transform) => format!("{transform}({})", name(&field["source-id"])),
        });
        let sort = listed("sort-orders", "order-id", "default-sort-order-id");
        let history: Vec<SnapshotFacts> = table.list("snapshots").iter().map(facts).collect();
        let summary = table.current().map_or(&Value::Null, |snapshot| &snapshot["summary"]);
        TableDescription {
            location: table.folder.display().to_string(),
            version: table.version,
            uuid: text(&metadata["table-uuid"]),
            columns: fields.iter().map(|field| (text(&field["name"]), text(&field["type"]))).collect(),
            partition: partition.collect(),
            sort: sort.iter().map(|field| name(&field["source-id"])).collect(),
            snapshot: table.current().and_then(|snapshot| snapshot["snapshot-id"].as_i64()),
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
