//! Manifests: the files of a table, some hundred at a time, each with its partition and what its columns hold.

use super::schema::{decimal_bytes, partition_avro};
use crate::error::{Error, Result};
use crate::table::avro::{self, AvroDatum};
use crate::table::layout::DAMAGED;
use crate::table::shape::{PartStatistics, TableShape};
use crate::table::value::TableValue;
use serde_json::{Value, json};
use std::path::Path;

/// Whether a file is in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryStatus {
    /// It was there before.
    Existing = 0,
    /// The snapshot of the manifest added it.
    Added = 1,
    /// The snapshot of the manifest removed it.
    Deleted = 2,
}

/// A file in a manifest.
#[derive(Debug, Clone)]
pub struct ManifestEntry {
    /// Whether it is in the table.
    pub status: EntryStatus,
    /// The snapshot that added it, or removed it.
    pub snapshot: i64,
    /// The number of the commit that added it; none of one that this commit adds, which has that of the commit.
    pub sequence: Option<i64>,
    /// Its absolute path.
    pub path: String,
    /// The values of its partition.
    pub partition: Vec<AvroDatum>,
    /// Its rows.
    pub rows: i64,
    /// Its size.
    pub bytes: i64,
    /// All that stands behind these fields, as it was read or will be written: sizes, counts, bounds, the order.
    pub rest: Vec<AvroDatum>,
}

/// The names of the fields that [`ManifestEntry::rest`] has, in order.
const REST: [&str; 6] =
    ["column_sizes", "value_counts", "null_value_counts", "lower_bounds", "upper_bounds", "sort_order_id"];

/// The file has rows, and not positions or values of deleted rows.
pub const DATA_CONTENT: i64 = 0;

/// The schema of entries whose partitions are those of `shape`; `fields` are the fields of the spec.
pub fn schema(shape: &TableShape, fields: &[Value]) -> Value {
    let need = |name: &str, ty: Value, id: i32| json!({ "name": name, "type": ty, "field-id": id });
    let may = |name: &str, ty: Value, id: i32| json!({ "name": name, "type": ["null", ty], "default": null, "field-id": id });
    let map = |key: i32, value: i32, ty: &str| {
        json!({ "type": "array", "logicalType": "map", "items": { "type": "record", "name": format!("k{key}_v{value}"),
            "fields": [need("key", json!("int"), key), need("value", json!(ty), value)] } })
    };
    let partition = json!({ "type": "record", "name": "r102", "fields": partition_avro(shape, fields) });
    let file = json!({ "type": "record", "name": "r2", "fields": [
        need("content", json!("int"), 134),
        need("file_path", json!("string"), 100),
        need("file_format", json!("string"), 101),
        need("partition", partition, 102),
        need("record_count", json!("long"), 103),
        need("file_size_in_bytes", json!("long"), 104),
        may("column_sizes", map(117, 118, "long"), 108),
        may("value_counts", map(119, 120, "long"), 109),
        may("null_value_counts", map(121, 122, "long"), 110),
        may("lower_bounds", map(126, 127, "bytes"), 125),
        may("upper_bounds", map(129, 130, "bytes"), 128),
        may("sort_order_id", json!("int"), 140),
    ]});
    json!({ "type": "record", "name": "manifest_entry", "fields": [
        need("status", json!("int"), 0),
        may("snapshot_id", json!("long"), 1),
        may("sequence_number", json!("long"), 3),
        may("file_sequence_number", json!("long"), 4),
        need("data_file", file, 2),
    ]})
}

impl ManifestEntry {
    /// Appends the entry.
    pub fn push(&self, out: &mut Vec<u8>) {
        AvroDatum::Long(self.status as i64).push(out);
        AvroDatum::Long(self.snapshot).push_optional(out);
        let sequence = self.sequence.map_or(AvroDatum::Null, AvroDatum::Long);
        sequence.push_optional(out);
        sequence.push_optional(out);
        AvroDatum::Long(DATA_CONTENT).push(out);
        AvroDatum::Text(self.path.clone()).push(out);
        AvroDatum::Text("PARQUET".into()).push(out);
        self.partition.iter().for_each(|value| value.push_optional(out));
        AvroDatum::Long(self.rows).push(out);
        AvroDatum::Long(self.bytes).push(out);
        self.rest.iter().for_each(|value| value.push_optional(out));
    }
}

/// The entries of the manifest at `path` that are in the table, whose commit had the number `sequence` and the snapshot
/// `snapshot`.
///
/// # Errors
/// A machine error: the file cannot be read.
pub fn read_live(path: &Path, sequence: i64, snapshot: i64) -> Result<Vec<ManifestEntry>> {
    let broken = |what: &str| {
        Error::machine(format!("{} is not a manifest of an Iceberg table that can be read", path.display()))
            .caused_by(what)
            .hint(DAMAGED)
    };
    let file = avro::read(&crate::table::layout::read(path)?).map_err(|what| broken(&what))?;
    let of_file = file.schema["fields"].as_array().into_iter().flatten();
    let of_file = of_file
        .filter(|field| field["name"] == "data_file")
        .find_map(|field| field["type"]["fields"].as_array());
    let inner: Vec<&str> = of_file.into_iter().flatten().filter_map(|field| field["name"].as_str()).collect();
    let at = |names: &[&str], name: &str| names.iter().position(|other| *other == name);
    let outer: Vec<&str> = file.names.iter().map(String::as_str).collect();
    let place = |name| at(&outer, name).ok_or_else(|| broken("it lacks a field"));
    let (status, data) = (place("status")?, place("data_file")?);
    let (snapshot_id, number) = (at(&outer, "snapshot_id"), at(&outer, "sequence_number"));
    let mut live = vec![];
    for record in &file.records {
        let status = match record[status].long() {
            Some(0) => EntryStatus::Existing,
            Some(1) => EntryStatus::Added,
            Some(2) => continue,
            _ => return Err(broken("it has a status that is not known")),
        };
        let fields = record[data].fields();
        let field = |name: &str| at(&inner, name).and_then(|at| fields.get(at));
        let long =
            |name: &str| field(name).and_then(AvroDatum::long).ok_or_else(|| broken("a count is missing"));
        let outside = |at: Option<usize>| at.and_then(|at| record[at].long());
        live.push(ManifestEntry {
            status,
            snapshot: outside(snapshot_id).unwrap_or(snapshot),
            sequence: Some(outside(number).unwrap_or(sequence)),
            path: field("file_path")
                .and_then(AvroDatum::text)
                .ok_or_else(|| broken("a path is missing"))?
                .to_string(),
            partition: field("partition").map(|value| value.fields().to_vec()).unwrap_or_default(),
            rows: long("record_count")?,
            bytes: long("file_size_in_bytes")?,
            rest: REST.iter().map(|name| field(name).cloned().unwrap_or(AvroDatum::Null)).collect(),
        });
    }
    Ok(live)
}

/// How many characters of a text a bound has, as Iceberg's own writers cut it.
const BOUND: usize = 16;

/// The sizes, counts and bounds of a new file, and the number of its order.
pub fn rest_of(statistics: &[PartStatistics], order: i64) -> Vec<AvroDatum> {
    let pairs = |value: &dyn Fn(&PartStatistics) -> Option<AvroDatum>| {
        let pair = |column: &PartStatistics| {
            Some(AvroDatum::Record(vec![AvroDatum::Long(column.id.into()), value(column)?]))
        };
        AvroDatum::List(statistics.iter().filter_map(pair).collect())
    };
    let bytes = |value: TableValue| AvroDatum::Bytes(value.bytes());
    vec![
        pairs(&|column| Some(AvroDatum::Long(column.bytes))),
        pairs(&|column| Some(AvroDatum::Long(column.values))),
        pairs(&|column| column.nulls.map(AvroDatum::Long)),
        pairs(&|column| column.lower.clone().map(|value| bytes(value.lower(BOUND)))),
        pairs(&|column| column.upper.clone().and_then(|value| value.upper(BOUND)).map(bytes)),
        AvroDatum::Long(order),
    ]
}

/// The value of a partition, as a manifest has it.
pub fn partition_datum(value: Option<&TableValue>) -> AvroDatum {
    match value {
        None => AvroDatum::Null,
        Some(TableValue::Bool(value)) => AvroDatum::Bool(*value),
        Some(TableValue::Int(value) | TableValue::Date(value)) => AvroDatum::Long((*value).into()),
        Some(TableValue::Long(value) | TableValue::Time(value)) => AvroDatum::Long(*value),
        Some(TableValue::Double(value)) => AvroDatum::Double(*value),
        Some(TableValue::Text(text)) => AvroDatum::Text(text.clone()),
        Some(TableValue::Decimal(value, precision)) => {
            let bytes = value.to_be_bytes();
            AvroDatum::Fixed(bytes[bytes.len() - decimal_bytes(*precision)..].to_vec())
        }
    }
}
