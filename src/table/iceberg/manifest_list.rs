//! Manifest lists: the manifests of a snapshot, each with its counts and the bounds of its partitions.

use super::entry::{DATA_CONTENT, EntryStatus, ManifestEntry};
use crate::error::{Error, Result};
use crate::table::avro::{self, AvroDatum};
use crate::table::layout::DAMAGED;
use crate::table::value::TableValue;
use serde_json::{Value, json};
use std::path::Path;

/// A manifest, as the list of a snapshot names it.
#[derive(Debug, Clone)]
pub struct ManifestFile {
    /// Its absolute path.
    pub path: String,
    /// Its size.
    pub length: i64,
    /// The spec by which its files are partitioned.
    pub spec: i64,
    /// Whether its files have rows or deleted rows.
    pub content: i64,
    /// The number of the commit that wrote it.
    pub sequence: i64,
    /// The least number of a commit that added one of its files.
    pub min_sequence: i64,
    /// The snapshot that wrote it.
    pub snapshot: i64,
    /// How many files are added, existing and deleted.
    pub files: [i64; 3],
    /// How many rows these have.
    pub rows: [i64; 3],
    /// The bounds of its partitions.
    pub partitions: AvroDatum,
}

/// The names of the counts, as they are now and as they were called before.
const COUNTS: [[&str; 2]; 3] = [
    ["added_files_count", "added_data_files_count"],
    ["existing_files_count", "existing_data_files_count"],
    ["deleted_files_count", "deleted_data_files_count"],
];

/// The schema of a list.
pub fn schema() -> Value {
    let need = |name: &str, ty: &str, id: i32| json!({ "name": name, "type": ty, "field-id": id });
    let may = |name: &str, ty: &str, id: i32| json!({ "name": name, "type": ["null", ty], "default": null, "field-id": id });
    let summary = json!({ "type": "record", "name": "r508", "fields": [
        need("contains_null", "boolean", 509), may("contains_nan", "boolean", 518),
        may("lower_bound", "bytes", 510), may("upper_bound", "bytes", 511),
    ]});
    json!({ "type": "record", "name": "manifest_file", "fields": [
        need("manifest_path", "string", 500),
        need("manifest_length", "long", 501),
        need("partition_spec_id", "int", 502),
        need("content", "int", 517),
        need("sequence_number", "long", 515),
        need("min_sequence_number", "long", 516),
        need("added_snapshot_id", "long", 503),
        need("added_files_count", "int", 504),
        need("existing_files_count", "int", 505),
        need("deleted_files_count", "int", 506),
        need("added_rows_count", "long", 512),
        need("existing_rows_count", "long", 513),
        need("deleted_rows_count", "long", 514),
        { "name": "partitions", "default": null, "field-id": 507,
          "type": ["null", { "type": "array", "items": summary, "element-id": 508 }] },
    ]})
}

impl ManifestFile {
    /// Appends it.
    pub fn push(&self, out: &mut Vec<u8>) {
        let long = |value: i64, out: &mut Vec<u8>| AvroDatum::Long(value).push(out);
        AvroDatum::Text(self.path.clone()).push(out);
        for value in [self.length, self.spec, self.content, self.sequence, self.min_sequence, self.snapshot] {
            long(value, out);
        }
        self.files.iter().chain(&self.rows).for_each(|value| long(*value, out));
        // An item has unions in it, which a value does not tell.
        match &self.partitions {
            AvroDatum::List(items) => {
                long(1, out);
                if !items.is_empty() {
                    long(items.len() as i64, out);
                }
                for item in items {
                    let (first, rest) = item.fields().split_at(1);
                    first.iter().for_each(|value| value.push(out));
                    rest.iter().for_each(|value| value.push_optional(out));
                }
                long(0, out);
            }
            _ => long(0, out),
        }
    }

    /// Whether a file of this partition may be in it, by the bounds of its partitions.
    pub fn may_have(&self, partition: &[Option<TableValue>]) -> bool {
        let AvroDatum::List(bounds) = &self.partitions else { return true };
        bounds.len() != partition.len()
            || bounds.iter().zip(partition).all(|(bounds, value)| {
                let [has_null, _, lower, upper] = bounds.fields() else { return true };
                let Some(value) = value else { return *has_null != AvroDatum::Bool(false) };
                let bound = |bound: &AvroDatum| match bound {
                    AvroDatum::Bytes(bytes) => value.like(bytes),
                    _ => None,
                };
                let above = bound(lower).is_none_or(|lower| lower.order(value).is_le());
                above && bound(upper).is_none_or(|upper| value.order(&upper).is_le())
            })
    }

    /// Whether it has files of the table.
    pub fn is_live(&self) -> bool {
        self.files[0] + self.files[1] > 0
    }

    /// The manifest of `entries`, which a commit of this number and snapshot writes; the bounds of partitions are of the
    /// entries of which `values` knows them.
    pub fn of(entries: &[ManifestEntry], sequence: i64, snapshot: i64, spec: i64) -> ManifestFile {
        let of = |status: EntryStatus| entries.iter().filter(move |entry| entry.status == status);
        let all = [EntryStatus::Added, EntryStatus::Existing, EntryStatus::Deleted];
        let live = entries.iter().filter(|entry| entry.status != EntryStatus::Deleted);
        let min_sequence = live.map(|entry| entry.sequence.unwrap_or(sequence)).min().unwrap_or(sequence);
        ManifestFile {
            path: String::new(),
            length: 0,
            spec,
            content: DATA_CONTENT,
            sequence,
            min_sequence,
            snapshot,
            files: all.map(|status| of(status).count() as i64),
            rows: all.map(|status| of(status).map(|entry| entry.rows).sum()),
            partitions: AvroDatum::Null,
        }
    }
}

/// The bounds of the partitions of some files, whose values are these.
pub fn bounds(partitions: &[Vec<Option<TableValue>>], fields: usize) -> AvroDatum {
    let summary = |field: usize| {
        let values = partitions.iter().filter_map(|partition| partition.get(field)?.as_ref());
        let has_null = partitions.iter().any(|partition| partition.get(field).is_none_or(Option::is_none));
        let nan = values.clone().any(|value| matches!(value, TableValue::Double(double) if double.is_nan()));
        let of_numbers =
            || values.clone().filter(|value| !matches!(value, TableValue::Double(d) if d.is_nan()));
        let bound = |value: Option<TableValue>| {
            value.map_or(AvroDatum::Null, |value| AvroDatum::Bytes(value.bytes()))
        };
        let least = of_numbers().min_by(|a, b| a.order(b)).cloned();
        let most = of_numbers().max_by(|a, b| a.order(b)).cloned();
        AvroDatum::Record(vec![AvroDatum::Bool(has_null), AvroDatum::Bool(nan), bound(least), bound(most)])
    };
    AvroDatum::List((0..fields).map(summary).collect())
}

/// The manifests of the list at `path`.
///
/// # Errors
/// A machine error: the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<ManifestFile>> {
    let broken = |what: &str| {
        Error::machine(format!(
            "{} is not a manifest list of an Iceberg table that can be read",
            path.display()
        ))
        .caused_by(what)
        .hint(DAMAGED)
    };
    let file = avro::read(&crate::table::layout::read(path)?).map_err(|what| broken(&what))?;
    let place = |names: &[&str]| file.names.iter().position(|name| names.contains(&name.as_str()));
    let mut found = vec![];
    for record in &file.records {
        let field = |names: &[&str]| place(names).and_then(|at| record.get(at));
        let long = |name: &[&str]| field(name).and_then(AvroDatum::long);
        let need = |name: &str| long(&[name]).ok_or_else(|| broken(&format!("`{name}` is missing")));
        let rows = ["added_rows_count", "existing_rows_count", "deleted_rows_count"];
        let sequence = long(&["sequence_number"]).unwrap_or(0);
        found.push(ManifestFile {
            path: field(&["manifest_path"])
                .and_then(AvroDatum::text)
                .ok_or_else(|| broken("a path is missing"))?
                .to_string(),
            length: need("manifest_length")?,
            spec: need("partition_spec_id")?,
            content: long(&["content"]).unwrap_or(DATA_CONTENT),
            sequence,
            min_sequence: long(&["min_sequence_number"]).unwrap_or(sequence),
            snapshot: need("added_snapshot_id")?,
            files: COUNTS.map(|names| long(&names).unwrap_or(0)),
            rows: rows.map(|name| long(&[name]).unwrap_or(0)),
            partitions: field(&["partitions"]).cloned().unwrap_or(AvroDatum::Null),
        });
    }
    Ok(found)
}
