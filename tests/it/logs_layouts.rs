//! Events as Kafka's tools write them, after their documentation (named in `data/logs/README.md`).

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// An event, and where it stands in Kafka.
#[derive(Debug, Clone)]
pub struct Record {
    pub partition: i64,
    pub offset: i64,
    /// Milliseconds.
    pub ts: i64,
    /// The fields of the event.
    pub value: Value,
    /// Whether a change event deletes it.
    pub deletes: bool,
}

pub const TOPIC: &str = "views";

/// The event's own place is what is left of it where nothing carries it.
pub fn plain(records: &[Record]) -> String {
    records.iter().map(|r| format!("{}\n", r.value)).collect()
}

fn key(record: &Record) -> Value {
    record.value["user"].clone()
}

/// A line of `kcat -J` with this payload.
fn kcat_line(record: &Record, payload: Value) -> String {
    let Record { partition, offset, ts, .. } = record;
    let (key, topic) = (key(record), json!(TOPIC));
    format!(
        "{{\"topic\":{topic},\"partition\":{partition},\"offset\":{offset},\"tstype\":\"create\",\"ts\":{ts},\
         \"broker\":1,\"headers\":[\"trace\",\"t{offset}\"],\"key\":{key},\"payload\":{payload}}}\n"
    )
}

/// `kcat -C -J`: the payload is a string.
pub fn kcat(records: &[Record]) -> String {
    records.iter().map(|r| kcat_line(r, json!(r.value.to_string()))).collect()
}

/// `kcat -C -J -s value=avro`: the payload is decoded.
pub fn kcat_json(records: &[Record]) -> String {
    records.iter().map(|r| kcat_line(r, r.value.clone())).collect()
}

/// `kafka-console-consumer` with all of its properties.
pub fn console(records: &[Record]) -> String {
    let line = |record: &Record| {
        let Record { partition, offset, ts, .. } = record;
        let headers = if offset % 3 == 0 { "NO_HEADERS".to_string() } else { format!("trace:t{offset},x:") };
        let key = key(record).as_str().map_or("null".to_string(), str::to_string);
        let value = &record.value;
        format!("CreateTime:{ts}\tPartition:{partition}\tOffset:{offset}\t{headers}\t{key}\t{value}\n")
    };
    records.iter().map(line).collect()
}

/// Connect's schema of the values.
fn schema(name: &str) -> Value {
    let field = |name: &str, ty: &str| json!({"field": name, "type": ty, "optional": true});
    json!({"type": "struct", "name": name, "optional": false, "fields": [
        field("id", "int64"), field("user", "string"), field("postcode", "string"), field("bytes", "int64"),
        field("viewed_at", "int64"), field("received_at", "int64"), field("shard", "int32"),
    ]})
}

/// A value as the JsonConverter writes it with `schemas.enable`.
pub fn with_schema(value: &Value, schema: &Value) -> Value {
    json!({"schema": schema, "payload": value})
}

/// The change event of a record.
pub fn change(record: &Record) -> Value {
    let (row, ts) = (&record.value, record.ts);
    let (before, after, op) = if record.deletes {
        (row, &Value::Null, "d")
    } else {
        (&Value::Null, row, ["c", "u", "r"][(record.offset % 3) as usize])
    };
    let source = json!({"version": "2.5.0.Final", "connector": "postgresql", "name": "shop", "ts_ms": ts - 40,
        "snapshot": "false", "db": "shop", "schema": "public", "table": "views", "txId": 700, "lsn": 33_500_000 + record.offset});
    json!({"before": before, "after": after, "source": source, "op": op, "ts_ms": ts, "transaction": null})
}

/// Change events, a line each; a tombstone after each delete.
pub fn debezium(records: &[Record]) -> String {
    let lines = records.iter().map(|r| format!("{}\n{}", change(r), if r.deletes { "null\n" } else { "" }));
    lines.collect()
}

/// Change events with their schema.
pub fn debezium_schema(records: &[Record]) -> String {
    let row = schema("shop.public.views.Value");
    let schema = json!({"type": "struct", "name": "shop.public.views.Envelope", "optional": false, "fields": [
        {"field": "before", "type": "struct", "optional": true, "fields": row["fields"]},
        {"field": "after", "type": "struct", "optional": true, "fields": row["fields"]},
        {"field": "op", "type": "string", "optional": false},
        {"field": "ts_ms", "type": "int64", "optional": true},
    ]});
    records.iter().map(|r| format!("{}\n", with_schema(&change(r), &schema))).collect()
}

/// Change events inside of `kcat -J`. A delete is followed by a tombstone, which takes the next offset: the
/// records behind it move on.
pub fn kcat_debezium(records: &[Record]) -> String {
    let mut moved: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for record in records.iter().filter(|r| r.deletes) {
        moved.entry(record.partition).or_default().push(record.offset);
    }
    let lines = records.iter().map(|r| {
        let before = moved.get(&r.partition).map_or(0, |all| all.iter().filter(|&&d| d < r.offset).count());
        let record = Record { offset: r.offset + before as i64, ..r.clone() };
        let tombstone = Record { offset: record.offset + 1, ..record.clone() };
        let tombstone = if r.deletes { kcat_line(&tombstone, Value::Null) } else { String::new() };
        kcat_line(&record, json!(change(r).to_string())) + &tombstone
    });
    lines.collect()
}

/// The runs of offsets of `records`, as the files of a sink have them: a new one where an offset does not follow.
fn runs(records: &[Record]) -> Vec<Vec<Record>> {
    let mut by_partition: BTreeMap<i64, Vec<Record>> = BTreeMap::new();
    records.iter().for_each(|r| by_partition.entry(r.partition).or_default().push(r.clone()));
    let runs = by_partition.into_values().flat_map(|all| {
        all.chunk_by(|a, b| a.offset + 1 == b.offset).map(<[Record]>::to_vec).collect::<Vec<_>>()
    });
    runs.collect()
}

/// The files of Kafka Connect's S3 sink below `root`, of this extension.
pub fn connect(
    root: &str,
    records: &[Record],
    extension: &str,
    write: impl Fn(&[Record]) -> Vec<u8>,
) -> Files {
    let file = |run: Vec<Record>| {
        let (partition, start) = (run[0].partition, run[0].offset);
        let path = format!(
            "{root}/topics/{TOPIC}/partition={partition}/{TOPIC}+{partition}+{start:010}.{extension}"
        );
        (path, write(&run))
    };
    runs(records).into_iter().map(file).collect()
}

/// Files of the HDFS sink, in folders by day.
pub fn connect_by_day(root: &str, records: &[Record]) -> Files {
    let file = |run: Vec<Record>| {
        let (partition, start, end) = (run[0].partition, run[0].offset, run[run.len() - 1].offset);
        let day = "year=2024/month=06/day=01";
        let path = format!("{root}/topics/{TOPIC}/{day}/{TOPIC}+{partition}+{start:010}+{end:010}.json");
        (path, plain(&run).into_bytes())
    };
    runs(records).into_iter().map(file).collect()
}

/// The files of a Spark job that wrote `partitionBy("shard")` below `root`: the column is in the folders alone.
pub fn spark(
    root: &str,
    records: &[Record],
    extension: &str,
    content: impl Fn(&[Record]) -> Vec<u8>,
) -> Files {
    let mut files: Files = BTreeMap::from([(format!("{root}/_SUCCESS"), vec![])]);
    for (n, shard) in [0, 1].into_iter().enumerate() {
        let mut rows: Vec<Record> = records.iter().filter(|r| r.value["shard"] == shard).cloned().collect();
        rows.iter_mut().for_each(|r| drop(r.value.as_object_mut().unwrap().remove("shard")));
        let part = format!("part-{n:05}-6f1c2b0e-1d1c-4c55-9d0e-7a1f4b8f3c11.c000.{extension}");
        files.insert(format!("{root}/shard={shard}/{part}"), content(&rows));
    }
    files
}

/// JSON with schemas, as the sink writes it.
pub fn json_with_schema(run: &[Record]) -> Vec<u8> {
    let schema = schema("views.Value");
    run.iter().flat_map(|r| format!("{}\n", with_schema(&r.value, &schema)).into_bytes()).collect()
}

/// The values as columns.
pub fn batch(run: &[Record]) -> RecordBatch {
    let numbers = |name: &str| -> ArrayRef {
        Arc::new(run.iter().map(|r| r.value[name].as_i64()).collect::<Int64Array>())
    };
    let texts = |name: &str| -> ArrayRef {
        Arc::new(run.iter().map(|r| r.value[name].as_str()).collect::<StringArray>())
    };
    let columns = ["id", "bytes", "viewed_at", "received_at", "shard"].map(|name| (name, numbers(name)));
    let has = |name: &str| run.iter().any(|r| r.value.get(name).is_some());
    RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .filter(|(name, _)| has(name))
            .chain(["user", "postcode"].map(|name| (name, texts(name))))
            .map(|(n, c)| (n, c, true)),
    )
    .unwrap()
}
