//! Lines of `kcat -J`: one object a record, with its topic, partition, offset, time, key and payload.

use super::parts::{EnvelopeFault, LogText, RecordParts, RecordValue, json_fault};
use crate::input::jsonl::{JsonCursor, JsonKind, RecordReader, Span, unescape};

/// The keys that kcat writes.
pub(super) const KEYS: [&str; 13] = [
    "topic",
    "partition",
    "offset",
    "tstype",
    "ts",
    "broker",
    "headers",
    "key",
    "payload",
    "key_schema_id",
    "value_schema_id",
    "key_error",
    "payload_error",
];

/// The keys that every line has.
pub(super) const NEEDED: [&str; 4] = ["topic", "partition", "offset", "payload"];

/// Reads lines of `kcat -J`.
pub(super) struct KcatReader {
    reader: RecordReader,
    slots: KcatFields,
    /// A payload without its escapes.
    payload: Vec<u8>,
}

struct KcatFields {
    topic: usize,
    partition: usize,
    offset: usize,
    ts: usize,
    key: usize,
    payload: usize,
    payload_error: usize,
}

impl KcatReader {
    pub fn new() -> KcatReader {
        let mut reader = RecordReader::new();
        let slots = KcatFields {
            topic: reader.want(&["topic"]),
            partition: reader.want(&["partition"]),
            offset: reader.want(&["offset"]),
            ts: reader.want(&["ts"]),
            key: reader.want(&["key"]),
            payload: reader.want(&["payload"]),
            payload_error: reader.want(&["payload_error"]),
        };
        KcatReader { reader, slots, payload: vec![] }
    }

    /// The parts of a line.
    pub fn parts<'a>(&'a mut self, line: &'a [u8]) -> Result<RecordParts<'a>, EnvelopeFault> {
        let mut cursor = JsonCursor { bytes: line, at: 0 };
        cursor.blanks();
        if self.reader.read(&mut cursor).is_err() {
            return Err(json_fault("a line of kcat -J", line));
        }
        let span = |slot: usize| self.reader.slot(slot);
        let text = |span: Span| &line[span.start..span.end];
        let whole = |slot: usize, name: &str| {
            let span = span(slot);
            let digits = text(span).strip_prefix(b"-").unwrap_or(text(span));
            let is =
                span.kind == JsonKind::Number && digits.len() <= 19 && digits.iter().all(u8::is_ascii_digit);
            if is { Ok(text(span)) } else { Err(lacks(name)) }
        };
        let (partition, offset) =
            (whole(self.slots.partition, "partition")?, whole(self.slots.offset, "offset")?);
        let (topic, key, payload) = (span(self.slots.topic), span(self.slots.key), span(self.slots.payload));
        if !matches!(topic.kind, JsonKind::Text | JsonKind::Escaped) {
            return Err(lacks("topic"));
        }
        // Not there, −1, or the 0 of an old librdkafka: there is no time.
        let ts = whole(self.slots.ts, "ts").ok().filter(|ts| !ts.starts_with(b"-") && *ts != b"0");
        let value = match payload.kind {
            JsonKind::Missing => return Err(lacks("payload")),
            JsonKind::Null
                if !matches!(span(self.slots.payload_error).kind, JsonKind::Missing | JsonKind::Null) =>
            {
                let mut why = vec![];
                unescape(text(span(self.slots.payload_error)), &mut why);
                let reason = format!("kcat could not decode its payload: {}", String::from_utf8_lossy(&why));
                return Err(EnvelopeFault::new(reason));
            }
            JsonKind::Null => RecordValue::Null,
            JsonKind::Text => RecordValue::of_text(text(payload)),
            JsonKind::Escaped => {
                self.payload.clear();
                unescape(text(payload), &mut self.payload);
                // A line feed between values is a blank; inside of a string it stays as wrong as it is.
                if self.payload.trim_ascii_start().starts_with(b"{") {
                    self.payload.iter_mut().filter(|c| **c == b'\n').for_each(|c| *c = b'\r');
                }
                RecordValue::of_text(&self.payload)
            }
            JsonKind::Object => RecordValue::Object(text(payload)),
            _ => RecordValue::Text(text(payload)),
        };
        // A text is copied as it stands between its quotes, so its escapes are not undone and made again.
        let key = match key.kind {
            JsonKind::Text | JsonKind::Escaped => LogText::Escaped(text(key)),
            JsonKind::Missing | JsonKind::Null => LogText::Null,
            _ => LogText::Plain(text(key)),
        };
        Ok(RecordParts {
            topic: LogText::Escaped(text(topic)),
            partition: Some(partition),
            offset: Some(offset),
            timestamp: ts,
            key,
            value,
        })
    }
}

fn lacks(name: &str) -> EnvelopeFault {
    EnvelopeFault::new(format!("it is not a line of kcat -J: `{name}` is missing or has the wrong type"))
}
