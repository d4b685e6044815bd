//! From a line of a log to a line of plain JSON: the fields of the value, then the log's own columns.
//!
//! Lines of `kcat -J` take twice the time of plain ones, byte for byte: a third of it goes to the keys around the value,
//! a sixth to its escapes, the rest to what plain lines take.

use super::kcat::KcatReader;
use super::parts::{EnvelopeFault, LogText, RecordParts, RecordValue, json_fault};
use super::schema::{ConnectSchema, Schemas, TypedPayload};
use super::{Envelope, Framing, LogColumn, LogColumnSet, LogPlace, WireFormat};
use crate::batch::Position;
use crate::input::BadRecord;
use crate::input::bad::BadRecords;
use crate::input::chunk::TextChunk;
use crate::input::jsonl::{JsonCursor, JsonKind, RecordReader, Span};
use crate::input::value::shown;
use std::sync::Arc;

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::input) enum UnwrappedLine {
    /// A record: a line of JSON was appended.
    Record,
    /// A tombstone, which is no record; where it stands, if the log says.
    Tombstone(Option<LogPlace>),
}

/// Unwraps lines; every worker has its own.
pub(in crate::input) struct Unwrapper {
    wanted: LogColumnSet,
    kcat: KcatReader,
    envelopes: EnvelopeReader,
    /// What the schema of the last record says of its row, where it names a logical type.
    typed: Option<Arc<TypedPayload>>,
}

/// The lines of a chunk, unwrapped.
#[derive(Debug, Default)]
pub(in crate::input) struct Unwrapped {
    /// Lines of JSON.
    pub bytes: Vec<u8>,
    /// Where, in the file, each of them comes from.
    pub offsets: Vec<u64>,
    /// Where tombstones stand.
    pub passed: Vec<LogPlace>,
}

impl Unwrapper {
    pub fn new(wanted: LogColumnSet) -> Unwrapper {
        Unwrapper { wanted, kcat: KcatReader::new(), envelopes: EnvelopeReader::new(), typed: None }
    }

    /// Unwraps the lines of a chunk, as far as the first at which the scan stops.
    pub fn chunk(&mut self, framing: &Framing, chunk: &TextChunk, bad: &mut BadRecords) -> Unwrapped {
        let mut out =
            Unwrapped { bytes: Vec::with_capacity(chunk.bytes.len() + 1024), ..Unwrapped::default() };
        let all_utf8 = simdutf8::basic::from_utf8(&chunk.bytes).is_ok();
        let mut start = 0;
        let mut number = chunk.first_line;
        while start < chunk.bytes.len() && !bad.stops() {
            let rest = &chunk.bytes[start..];
            let end = memchr::memchr(b'\n', rest);
            let (line, next) = (&rest[..end.unwrap_or(rest.len())], end.map_or(rest.len(), |end| end + 1));
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let at = chunk.offset + start as u64;
            start += next;
            number += 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let before = out.bytes.len();
            let outcome = match all_utf8 || std::str::from_utf8(line).is_ok() {
                true => self.line(framing, line, number - 1, &mut out.bytes),
                false => Err(no_utf8(line)),
            };
            match outcome {
                Ok(UnwrappedLine::Record) => out.offsets.push(at),
                Ok(UnwrappedLine::Tombstone(place)) => out.passed.extend(place),
                Err(EnvelopeFault { reason }) => {
                    // The fault may come after a part of the line was written.
                    out.bytes.truncate(before);
                    let raw = line[..line.len().min(BadRecord::MAX_RAW)].to_vec();
                    let position = Position::new(chunk.file, at);
                    bad.add(BadRecord { position, column: None, reason, hint: None, raw, aside: false });
                }
            }
        }
        out
    }

    /// Appends the record of `line`, which is number `number` of its file, from 0, as a line of JSON to
    /// `out`. After a fault what was appended is of no account.
    pub fn line(
        &mut self,
        framing: &Framing,
        line: &[u8],
        number: u64,
        out: &mut Vec<u8>,
    ) -> Result<UnwrappedLine, EnvelopeFault> {
        let mut offset = itoa::Buffer::default();
        let mut partition = itoa::Buffer::default();
        let mut parts = match &framing.wire_format {
            WireFormat::Plain => RecordParts { value: RecordValue::of_text(line), ..RecordParts::default() },
            WireFormat::Connect(name) => RecordParts {
                topic: LogText::Escaped(name.topic.as_bytes()),
                partition: Some(partition.digits(name.partition)),
                // Connect writes one record to a line, so a line's number tells its offset.
                offset: Some(offset.digits(name.start.saturating_add_unsigned(number))),
                value: RecordValue::of_text(line),
                ..RecordParts::default()
            },
            WireFormat::Kcat => self.kcat.parts(line)?,
            WireFormat::Console(fields) => fields.parts(line).map_err(|expected| {
                EnvelopeFault::new(format!(
                    "it is not a line of kafka-console-consumer with {}: expected {expected}",
                    fields.words()
                ))
            })?,
        };
        let mut change = None;
        let mut room = vec![];
        // A record without a schema must not be read by that of the record before.
        self.typed = None;
        match framing.envelope {
            Envelope::None => {}
            Envelope::Schema => {
                let (value, kind, typed) = self.envelopes.payload(parts.value)?;
                parts.value = value;
                self.typed = typed;
                if let Some(typed) = &self.typed
                    && let RecordValue::Object(text) | RecordValue::Text(text) | RecordValue::Escaped(text) =
                        value
                    && typed.alone(kind, text, &mut room)?
                {
                    parts.value = RecordValue::Text(&room);
                }
            }
            Envelope::Debezium => match self.envelopes.change(parts.value)? {
                Some(found) => {
                    self.typed = found.typed.clone();
                    // Of a change event the time is Debezium's, also where the wire format has one.
                    parts.timestamp = found.timestamp;
                    parts.value = found.row;
                    change = Some(found);
                }
                None => return Ok(UnwrappedLine::Tombstone(place(&parts))),
            },
        }
        let mut writer = LineWriter { out, wanted: self.wanted, first: true };
        match (&self.typed, parts.value) {
            (Some(typed), RecordValue::Object(text)) => writer.row(typed, text)?,
            (_, value) => writer.value(value)?,
        }
        // Of a key that comes twice the last value counts, so these columns hide fields of their names.
        writer.own(framing, &parts, change.as_ref());
        writer.out.extend_from_slice(b"}\n");
        Ok(UnwrappedLine::Record)
    }

    /// What the schema of the line that was unwrapped last says of its row, where it names a logical type.
    pub fn typed(&self) -> Option<&Arc<TypedPayload>> {
        self.typed.as_ref()
    }

    /// The value of `line`, if it is in the wire format and not a tombstone.
    pub(super) fn value<'a>(&'a mut self, wire_format: &WireFormat, line: &'a [u8]) -> Option<&'a [u8]> {
        let value = match wire_format {
            WireFormat::Plain | WireFormat::Connect(_) => RecordValue::of_text(line),
            WireFormat::Kcat => self.kcat.parts(line).ok()?.value,
            WireFormat::Console(fields) => fields.parts(line).ok()?.value,
        };
        match value {
            RecordValue::Object(text) | RecordValue::Text(text) | RecordValue::Escaped(text) => Some(text),
            RecordValue::Null => None,
        }
    }

    /// Why what was made of `line` is no JSON.
    #[cold]
    pub fn broken(&mut self, framing: &Framing, line: &[u8]) -> String {
        json_fault("the value", self.value(&framing.wire_format, line).unwrap_or_default()).reason
    }
}

/// Where a record stands, if the log says.
fn place(parts: &RecordParts) -> Option<LogPlace> {
    let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse().ok();
    let topic = match parts.topic {
        LogText::Plain(text) | LogText::Escaped(text) => Some(String::from_utf8_lossy(text).into_owned()),
        LogText::Untold | LogText::Null => None,
    };
    Some(LogPlace { topic, partition: number(parts.partition?)?, offset: number(parts.offset?)? })
}

#[cold]
fn no_utf8(line: &[u8]) -> EnvelopeFault {
    let valid = std::str::from_utf8(line).err().map_or(0, |error| error.valid_up_to());
    EnvelopeFault::new(format!("byte {} of the line is not valid UTF-8", valid + 1))
}

/// Digits of a number, without an allocation.
mod itoa {
    /// Room for an `i64`.
    #[derive(Default)]
    pub struct Buffer {
        room: [u8; 20],
    }

    impl Buffer {
        /// The digits of `number`.
        pub fn digits(&mut self, number: i64) -> &[u8] {
            use std::io::Write;
            let room = self.room.len();
            let mut rest = &mut self.room[..];
            // 20 bytes hold any.
            let _ = write!(rest, "{number}");
            let left = rest.len();
            &self.room[..room - left]
        }
    }
}

/// Writes one line.
struct LineWriter<'a> {
    out: &'a mut Vec<u8>,
    wanted: LogColumnSet,
    /// Whether no field is written yet.
    first: bool,
}

impl LineWriter<'_> {
    /// Opens the object with the fields of the value.
    fn value(&mut self, value: RecordValue) -> Result<(), EnvelopeFault> {
        self.out.push(b'{');
        match value {
            RecordValue::Null => {}
            RecordValue::Object(text) => {
                let Some(inside) = text.strip_prefix(b"{").and_then(|t| t.strip_suffix(b"}")) else {
                    return Err(json_fault("the value", text));
                };
                let inside = inside.trim_ascii();
                self.out.extend_from_slice(inside);
                self.first = inside.is_empty();
            }
            RecordValue::Text(text) => self.texts(LogColumn::Value, LogText::Plain(text)),
            RecordValue::Escaped(text) => self.texts(LogColumn::Value, LogText::Escaped(text)),
        }
        Ok(())
    }

    /// Opens the object with the fields of a row of which some are of logical types.
    fn row(&mut self, typed: &TypedPayload, text: &[u8]) -> Result<(), EnvelopeFault> {
        let start = self.out.len();
        typed.write(text, self.out)?;
        let end = self.out.trim_ascii_end().len();
        if self.out[start..end].last() != Some(&b'}') {
            return Err(json_fault("the value", text));
        }
        self.out.truncate(end - 1);
        self.first = self.out[start + 1..].trim_ascii().is_empty();
        Ok(())
    }

    /// The log's own columns.
    fn own(&mut self, framing: &Framing, parts: &RecordParts, change: Option<&ChangeEvent>) {
        if framing.wire_format != WireFormat::Plain {
            self.texts(LogColumn::Topic, parts.topic);
            self.digits(LogColumn::Partition, parts.partition);
            self.digits(LogColumn::Offset, parts.offset);
            self.texts(LogColumn::Key, parts.key);
        }
        if framing.has(LogColumn::Timestamp) && self.wanted.has(LogColumn::Timestamp) {
            self.name(LogColumn::Timestamp);
            self.out.extend_from_slice(parts.timestamp.unwrap_or(b"null"));
        }
        let Some(change) = change else { return };
        if self.wanted.has(LogColumn::Op) {
            self.name(LogColumn::Op);
            self.out.push(b'"');
            self.out.extend_from_slice(change.op);
            self.out.push(b'"');
        }
        if self.wanted.has(LogColumn::Deleted) {
            self.name(LogColumn::Deleted);
            self.out.extend_from_slice(if change.op == b"d" { b"true" } else { b"false" });
        }
        if self.wanted.has(LogColumn::SourceTime) {
            self.name(LogColumn::SourceTime);
            self.out.extend_from_slice(change.source_time.unwrap_or(b"null"));
        }
    }

    fn name(&mut self, column: LogColumn) {
        self.out.extend_from_slice(if self.first { b"\"" } else { b",\"" });
        self.first = false;
        self.out.extend_from_slice(column.name().as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn digits(&mut self, column: LogColumn, digits: Option<&[u8]>) {
        if let (Some(digits), true) = (digits, self.wanted.has(column)) {
            self.name(column);
            self.out.extend_from_slice(digits);
        }
    }

    fn texts(&mut self, column: LogColumn, text: LogText) {
        if text == LogText::Untold || !self.wanted.has(column) {
            return;
        }
        self.name(column);
        match text {
            LogText::Untold | LogText::Null => self.out.extend_from_slice(b"null"),
            LogText::Plain(text) => self.text(text),
            LogText::Escaped(inside) => {
                self.out.push(b'"');
                self.out.extend_from_slice(inside);
                self.out.push(b'"');
            }
        }
    }

    /// A text as a string of JSON.
    fn text(&mut self, text: &[u8]) {
        self.out.push(b'"');
        let mut done = 0;
        for (i, &c) in text.iter().enumerate() {
            if c >= b' ' && c != b'"' && c != b'\\' {
                continue;
            }
            self.out.extend_from_slice(&text[done..i]);
            done = i + 1;
            match c {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', c]),
                _ => self.out.extend_from_slice(format!("\\u{c:04x}").as_bytes()),
            }
        }
        self.out.extend_from_slice(&text[done..]);
        self.out.push(b'"');
    }
}

/// A change event.
struct ChangeEvent<'a> {
    /// One letter.
    op: &'a [u8],
    /// The row after the change; of a delete before it.
    row: RecordValue<'a>,
    timestamp: Option<&'a [u8]>,
    source_time: Option<&'a [u8]>,
    /// What its schema says of the row.
    typed: Option<Arc<TypedPayload>>,
}

/// Reads what is around values.
struct EnvelopeReader {
    reader: RecordReader,
    schemas: Schemas,
    schema: usize,
    payload: usize,
    /// Of the change event, then of one that has its schema.
    events: [EventSlots; 2],
}

struct EventSlots {
    op: usize,
    before: usize,
    after: usize,
    timestamp: usize,
    source_time: usize,
}

impl EnvelopeReader {
    fn new() -> EnvelopeReader {
        let mut reader = RecordReader::new();
        let (schema, payload) = (reader.want(&["schema"]), reader.want(&["payload"]));
        let mut event = |around: &[&str]| {
            let mut want = |path: &[&str]| reader.want(&[around, path].concat());
            EventSlots {
                op: want(&["op"]),
                before: want(&["before"]),
                after: want(&["after"]),
                timestamp: want(&["ts_ms"]),
                source_time: want(&["source", "ts_ms"]),
            }
        };
        let events = [event(&[]), event(&["payload"])];
        EnvelopeReader { reader, schemas: Schemas::default(), schema, payload, events }
    }

    fn read(&mut self, text: &[u8]) -> Result<(), EnvelopeFault> {
        let mut cursor = JsonCursor { bytes: text, at: 0 };
        self.reader.read(&mut cursor).map_err(|_| json_fault("the value", text))
    }

    /// What the schema in `text`, which was read last, says.
    fn schema(&mut self, text: &[u8]) -> Result<ConnectSchema, EnvelopeFault> {
        let span = self.reader.slot(self.schema);
        match span.kind {
            JsonKind::Object => self.schemas.of(&text[span.start..span.end]),
            _ => Ok(ConnectSchema::default()),
        }
    }

    /// The payload of a value that comes with its schema, its kind, and what the schema says of it.
    fn payload<'a>(
        &mut self,
        value: RecordValue<'a>,
    ) -> Result<(RecordValue<'a>, JsonKind, Option<Arc<TypedPayload>>), EnvelopeFault> {
        let text = match value {
            RecordValue::Null => return Ok((RecordValue::Null, JsonKind::Null, None)),
            RecordValue::Object(text) => text,
            RecordValue::Text(text) | RecordValue::Escaped(text) => return Err(no_schema(text)),
        };
        self.read(text)?;
        if self.reader.slot(self.schema).kind == JsonKind::Missing {
            return Err(no_schema(text));
        }
        let payload = self.reader.slot(self.payload);
        let inside = &text[payload.start..payload.end];
        let typed = self.schema(text)?.whole;
        let value = match payload.kind {
            JsonKind::Missing => return Err(no_schema(text)),
            JsonKind::Null => RecordValue::Null,
            JsonKind::Object => RecordValue::Object(inside),
            JsonKind::Escaped => RecordValue::Escaped(inside),
            _ => RecordValue::Text(inside),
        };
        Ok((value, payload.kind, typed))
    }

    /// The change event that a value is; none where it is a tombstone.
    fn change<'a>(&mut self, value: RecordValue<'a>) -> Result<Option<ChangeEvent<'a>>, EnvelopeFault> {
        let text = match value {
            RecordValue::Null => return Ok(None),
            RecordValue::Object(text) => text,
            RecordValue::Text(text) | RecordValue::Escaped(text) => {
                return Err(no_change(text, "it is not a JSON object"));
            }
        };
        self.read(text)?;
        let slot = |slot: usize| self.reader.slot(slot);
        let inside = |span: Span| &text[span.start..span.end];
        // A bare change event has `op` at its top, and may also have a field called `schema`.
        let schema =
            slot(self.schema).kind != JsonKind::Missing && slot(self.events[0].op).kind == JsonKind::Missing;
        if schema && slot(self.payload).kind == JsonKind::Null {
            return Ok(None);
        }
        let event = &self.events[usize::from(schema)];
        let op = slot(event.op);
        if op.kind != JsonKind::Text {
            return Err(no_change(text, "`op` is missing"));
        }
        let op = inside(op);
        let (row, name) =
            if op == b"d" { (slot(event.before), "before") } else { (slot(event.after), "after") };
        let row = match row.kind {
            JsonKind::Object => RecordValue::Object(inside(row)),
            // A message, a truncated table, a delete of which the database does not tell the row.
            JsonKind::Missing | JsonKind::Null => RecordValue::Null,
            _ => return Err(no_change(text, &format!("`{name}` is not a row"))),
        };
        let number = |span: Span| (span.kind == JsonKind::Number).then(|| inside(span));
        let (timestamp, source_time) = (number(slot(event.timestamp)), number(slot(event.source_time)));
        let typed = match schema {
            false => None,
            true if op == b"d" => self.schema(text)?.before,
            true => self.schema(text)?.after,
        };
        Ok(Some(ChangeEvent { op, row, timestamp, source_time, typed }))
    }
}

#[cold]
fn no_schema(text: &[u8]) -> EnvelopeFault {
    EnvelopeFault::new(format!(
        "`{}` is not a value with its schema: expected {{\"schema\": …, \"payload\": …}}",
        shown(text)
    ))
}

#[cold]
fn no_change(text: &[u8], what: &str) -> EnvelopeFault {
    EnvelopeFault::new(format!("`{}` is not a change event of Debezium: {what}", shown(text)))
}
