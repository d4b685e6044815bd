//! Lines of Kafka's tools as lines of plain JSON, by `serde_json`: the second reader of wire formats.

use super::logical;
use super::part::{RawColumn, RawFile};
use crate::input::SourceFile;
use crate::input::wire_format::{Envelope, Framing, WireFormat};
use arrow_array::{ArrayRef, Int64Array, StringViewArray};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// The values of an object as they stand; of a key that comes twice the last.
type EnvelopeObject<'a> = BTreeMap<String, &'a RawValue>;

/// A value inside an envelope.
enum EnvelopeValue {
    Null,
    /// JSON.
    Object(String),
    Text(String),
}

/// The text of `file` as lines of plain JSON. A line that is no record is one that is no JSON; a tombstone is
/// a blank one.
pub(super) fn unwrapped(file: &SourceFile, text: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for (number, line) in super::part::without_bom(text).split(|&c| c == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.trim_ascii().is_empty() {
            let record = std::str::from_utf8(line).ok().and_then(|l| record(&file.framing, l, number as i64));
            // `!` is not JSON, so the reader of JSON Lines finds a bad record with this number.
            out.push_str(&record.unwrap_or_else(|| "!".to_string()));
        }
        out.push('\n');
    }
    out.into_bytes()
}

/// Fills in what the name of a file of Kafka Connect says of its rows.
pub(super) fn named(file: &SourceFile, wanted: &[RawColumn], part: &mut RawFile) {
    let WireFormat::Connect(name) = &file.framing.wire_format else { return };
    for (column, values) in wanted.iter().zip(&mut part.columns) {
        let rows = &part.numbers;
        *values = Some(match column.name.as_str() {
            "_topic" => Arc::new(StringViewArray::from(vec![name.topic.as_str(); rows.len()])) as ArrayRef,
            "_partition" => Arc::new(Int64Array::from(vec![name.partition; rows.len()])),
            "_offset" => {
                Arc::new(rows.iter().map(|row| Some(name.start + *row as i64)).collect::<Int64Array>())
            }
            _ => continue,
        });
    }
}

/// The record of a line: empty for a tombstone, none for a line that is no record.
fn record(framing: &Framing, line: &str, number: i64) -> Option<String> {
    let mut own: BTreeMap<&str, String> = BTreeMap::new();
    let mut value = match &framing.wire_format {
        WireFormat::Plain => of_text(line),
        WireFormat::Connect(name) => {
            own.insert("_topic", quoted(&name.topic));
            own.insert("_partition", name.partition.to_string());
            own.insert("_offset", (name.start + number).to_string());
            of_text(line)
        }
        WireFormat::Kcat => {
            let line: EnvelopeObject = serde_json::from_str(line).ok()?;
            own.insert("_topic", quoted(&string(line.get("topic")?)?));
            for (name, key) in [("_partition", "partition"), ("_offset", "offset")] {
                own.insert(name, line.get(key)?.get().parse::<i64>().ok()?.to_string());
            }
            let ts = line.get("ts").and_then(|ts| ts.get().parse::<i64>().ok()).filter(|ts| *ts > 0);
            own.insert("_timestamp", ts.map_or("null".to_string(), |ts| ts.to_string()));
            let key = line.get("key").map_or("null", |key| key.get());
            let text = key == "null" || key.starts_with('"');
            own.insert("_key", if text { key.to_string() } else { quoted(key) });
            let payload = line.get("payload")?;
            if line.get("payload_error").is_some_and(|error| error.get() != "null") && payload.get() == "null"
            {
                return None;
            }
            string(payload).map_or_else(|| of_text(payload.get()), |text| of_text(&text))
        }
        WireFormat::Console(fields) => {
            let before = [
                fields.timestamp,
                fields.partition,
                fields.offset,
                fields.delivery,
                fields.headers,
                fields.key,
            ];
            // The value is the last part and may have tabs of its own, so it is not split.
            let mut parts = line.splitn(before.iter().filter(|is| **is).count() + 1, '\t');
            let number = |part: &str, names: &[&str]| -> Option<i64> {
                let (name, number) = part.split_once(':')?;
                if names.contains(&name) { number.parse().ok() } else { None }
            };
            if fields.timestamp {
                let time = match parts.next()? {
                    "NO_TIMESTAMP" => None,
                    part => Some(number(part, &["CreateTime", "LogAppendTime"])?).filter(|time| *time >= 0),
                };
                own.insert("_timestamp", time.map_or("null".to_string(), |time| time.to_string()));
            }
            if fields.partition {
                own.insert("_partition", number(parts.next()?, &["Partition"])?.to_string());
            }
            if fields.offset {
                own.insert("_offset", number(parts.next()?, &["Offset"])?.to_string());
            }
            if fields.delivery && !parts.next()?.starts_with("Delivery:") {
                return None;
            }
            if fields.headers {
                parts.next()?;
            }
            if fields.key {
                let key = parts.next()?;
                own.insert("_key", if key == "null" { key.to_string() } else { quoted(key) });
            }
            of_text(parts.next()?)
        }
    };
    match framing.envelope {
        Envelope::None => {}
        Envelope::Schema => value = payload(value)?,
        Envelope::Debezium => match change(value, &mut own)? {
            Some(row) => value = row,
            None => return Some(String::new()),
        },
    }
    let mut fields = match &value {
        EnvelopeValue::Null => EnvelopeObject::new(),
        EnvelopeValue::Object(text) => serde_json::from_str(text).ok()?,
        EnvelopeValue::Text(text) => {
            own.insert("_value", quoted(text));
            EnvelopeObject::new()
        }
    };
    // What Kafka says of a record goes before a field of the same name.
    fields.retain(|name, _| !own.contains_key(name.as_str()));
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.get()));
    let mut out = String::from("{");
    for (name, value) in fields.chain(own.iter().map(|(name, value)| (*name, value.as_str()))) {
        let comma = if out.len() > 1 { "," } else { "" };
        // A value over many lines, as it may stand in a payload.
        let value = value.replace(['\n', '\r'], " ");
        let _ = write!(out, "{comma}{}:{value}", quoted(name));
    }
    Some(out + "}")
}

fn of_text(text: &str) -> EnvelopeValue {
    match text.trim() {
        "null" => EnvelopeValue::Null,
        object if object.starts_with('{') => EnvelopeValue::Object(object.to_string()),
        _ => EnvelopeValue::Text(text.to_string()),
    }
}

fn string(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The payload of a value with its schema.
fn payload(value: EnvelopeValue) -> Option<EnvelopeValue> {
    let text = match value {
        EnvelopeValue::Null => return Some(EnvelopeValue::Null),
        EnvelopeValue::Object(text) => text,
        EnvelopeValue::Text(_) => return None,
    };
    let fields: EnvelopeObject = serde_json::from_str(&text).ok()?;
    let schema = serde_json::from_str(fields.get("schema")?.get()).ok()?;
    let payload = logical::plain(&schema, fields.get("payload")?.get())?;
    Some(match serde_json::from_str(&payload) {
        Ok(text) => EnvelopeValue::Text(text),
        Err(_) => of_text(&payload),
    })
}

/// The row of a change event; the inner one is none of a tombstone.
fn change(value: EnvelopeValue, own: &mut BTreeMap<&str, String>) -> Option<Option<EnvelopeValue>> {
    let text = match value {
        EnvelopeValue::Null => return Some(None),
        EnvelopeValue::Object(text) => text,
        EnvelopeValue::Text(_) => return None,
    };
    let mut event: EnvelopeObject = serde_json::from_str(&text).ok()?;
    let mut schema = serde_json::Value::Null;
    // With its schema turned on, Debezium puts the event into the payload of an envelope.
    if !event.contains_key("op") && event.contains_key("schema") {
        let payload = event.get("payload")?.get();
        if payload == "null" {
            return Some(None);
        }
        schema = serde_json::from_str(event.get("schema")?.get()).ok()?;
        event = serde_json::from_str(payload).ok()?;
    }
    let op = string(event.get("op")?)?;
    let number = |raw: Option<&&RawValue>| {
        let digits =
            raw.map(|raw| raw.get()).filter(|raw| raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()));
        digits.unwrap_or("null").to_string()
    };
    let source: EnvelopeObject =
        event.get("source").and_then(|source| serde_json::from_str(source.get()).ok()).unwrap_or_default();
    own.insert("_timestamp", number(event.get("ts_ms")));
    own.insert("_source_ts", number(source.get("ts_ms")));
    own.insert("_deleted", (op == "d").to_string());
    // A delete has its row in `before`, as `after` is null.
    let name = if op == "d" { "before" } else { "after" };
    let row = event.get(name).map_or("null", |row| row.get());
    let row = logical::plain(logical::field(&schema, name), row)?;
    own.insert("_op", quoted(&op));
    match of_text(&row) {
        EnvelopeValue::Text(_) => None,
        row => Some(Some(row)),
    }
}
