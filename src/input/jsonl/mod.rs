//! JSON Lines: one object a line, decoded straight into columns.
//!
//! # Contract
//! * A line is a record if it is one JSON object as `serde_json` reads it; blank lines are none. Of
//!   a key that comes twice the last value counts.
//! * A column's name is a path of keys joined by dots; a key of the record that has the dots in it
//!   goes before the path.
//! * Where a list is unnested, each of its items is a row, in the order of the list ([`finder`]).
//! * What is remembered from one record to the next (the order of keys) makes reading fast and
//!   changes no answer.

mod columns;
mod deletes;
mod finder;
mod record;
mod scanner;
#[cfg(test)]
mod tests;
mod window;

use super::bad::BadRecords;
use super::chunk::TextChunk;
use super::decoded::DecodedChunk;
use super::times::TimeRole;
use super::value::{parse_int_at, shown};
use super::wire_format::{Framing, LogColumnSet, Unwrapped, Unwrapper};
use super::written::ValueFormat;
use super::{BadRecord, ReadPlan, ReadTime};
use crate::batch::{Batch, Position};
use crate::error::Error;
use crate::input::infer::other_time_hint;
use crate::time::{TimeError, TimeParser, TimeRule};
use arrow_buffer::Buffer;
use columns::{ChunkTexts, JsonColumn, Unfit};
use deletes::Deletes;
use finder::{ColumnSlots, ValueFinder};
pub(super) use record::RecordReader;
use scanner::InvalidJson;
pub(super) use scanner::{JsonCursor, JsonKind, Span, unescape};
use std::sync::Arc;

/// The byte order mark that some programs put before UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Decodes chunks of JSON Lines; every worker has its own.
pub struct JsonDecoder {
    plan: Arc<ReadPlan>,
    finder: ValueFinder,
    columns: Vec<(JsonColumn, ColumnSlots)>,
    /// None where every row is of the instant 0.
    time: Option<ColumnSlots>,
    /// How the event time is written, where it is not the plain way.
    written: Option<Arc<ValueFormat>>,
    parser: TimeParser,
    /// Where the arrival is not the event time.
    arrival: Option<(ColumnSlots, TimeParser)>,
    /// Where deletes have times of their own.
    deletes: Option<Deletes>,
    unwrapper: Unwrapper,
    /// Rows of the last chunk, as a guess at those of the next.
    expected_rows: usize,
}

impl JsonDecoder {
    /// A decoder of what `plan` wants.
    ///
    /// # Errors
    /// None as yet.
    pub fn new(plan: &Arc<ReadPlan>) -> Result<JsonDecoder, Error> {
        // The files of a source are unnested alike.
        let mut finder = ValueFinder::new(plan.files.iter().find_map(|file| file.unnest.as_deref()));
        let deletes = Deletes::new(plan, &mut finder);
        let mut want = |name: &str| finder.want(name);
        let time = plan.own_time().map(|time| want(&time.column));
        let parser = |time: &ReadTime| TimeParser::new(time.rule.clone(), plan.zone.clone());
        let arrival = plan.own_arrival().map(|arrival| (want(&arrival.column), parser(arrival)));
        let columns = plan
            .columns
            .iter()
            .map(|column| {
                let written = plan.written.of(&column.name).cloned();
                (JsonColumn::new(column, plan.copied(column), written, &plan.zone), want(&column.name))
            })
            .collect();
        let parser = parser(&plan.time);
        let written = plan.written.of(&plan.time.column).cloned();
        let (plan, unwrapper) = (plan.clone(), Unwrapper::new(LogColumnSet::of(plan)));
        let expected_rows = 0;
        Ok(JsonDecoder {
            plan,
            finder,
            columns,
            time,
            written,
            parser,
            arrival,
            deletes,
            unwrapper,
            expected_rows,
        })
    }

    /// The rows of a chunk, and its bad records. Where the scan stops at one of them, what is behind it is left out.
    pub(super) fn decode(&mut self, chunk: TextChunk, mut bad: BadRecords) -> DecodedChunk {
        let framing = self.plan.files.get(chunk.file as usize).map(|file| &file.framing);
        match framing.filter(|framing| !framing.is_plain()).cloned() {
            None => self.decode_lines(chunk, None, bad),
            Some(framing) => {
                let Unwrapped { bytes, offsets, passed } = self.unwrapper.chunk(&framing, &chunk, &mut bad);
                let lines = TextChunk { file: chunk.file, bytes: bytes.into(), ..chunk };
                let decoded = self.decode_lines(lines, Some(Wrapped { framing, text: &chunk, offsets }), bad);
                DecodedChunk { passed, ..decoded }
            }
        }
    }

    /// The rows of a chunk; of one that was wrapped they stand where they do in the file.
    fn decode_lines(
        &mut self,
        chunk: TextChunk,
        wrapped: Option<Wrapped>,
        mut bad: BadRecords,
    ) -> DecodedChunk {
        let mut rows = ChunkRows { time: Vec::with_capacity(self.expected_rows), ..ChunkRows::default() };
        self.columns.iter_mut().for_each(|(c, _)| c.reserve(self.expected_rows));
        let bom = chunk.offset == 0 && chunk.bytes.starts_with(BOM);
        let mut cursor = JsonCursor { bytes: &chunk.bytes, at: if bom { BOM.len() } else { 0 } };
        // One quick look at the whole chunk: lines are looked at one by one only where that fails.
        let all_utf8 = simdutf8::basic::from_utf8(&chunk.bytes).is_ok();
        let mut number = 0;
        while cursor.at < chunk.bytes.len() {
            let start = cursor.at;
            cursor.blanks();
            match cursor.peek() {
                None => break,
                Some(b'\n') => {
                    cursor.at += 1;
                    continue;
                }
                _ => {}
            }
            let outcome = if all_utf8 || line(&chunk.bytes, start).1.is_ok() {
                self.finder.read(&mut cursor)
            } else {
                Err(InvalidJson)
            };
            let offset = wrapped.as_ref().map_or(chunk.offset + start as u64, |w| w.offsets[number]);
            let place = Position::new(chunk.file, offset);
            let outcome = match outcome {
                Ok(()) if self.finder.list().is_some() => {
                    let own = || line(&chunk.bytes, start).0;
                    let text = wrapped.as_ref().map_or_else(own, |w| w.line(number));
                    self.items(
                        &chunk,
                        UnnestedRecord { place, text, wrapped: wrapped.is_some() },
                        &mut rows,
                        &mut bad,
                    );
                    if bad.stops() {
                        break;
                    }
                    number += 1;
                    continue;
                }
                Ok(()) => self.row(&chunk.bytes, &mut rows),
                Err(InvalidJson) => {
                    // The cursor may stand anywhere in a broken line, and the next record begins behind it.
                    cursor.at = end_of_line(&chunk.bytes, start) + 1;
                    Err(Box::new(match &wrapped {
                        None => broken(&chunk.bytes, start),
                        Some(wrapped) => {
                            let reason = self.unwrapper.broken(&wrapped.framing, wrapped.line(number));
                            RecordFault { column: None, reason, hint: None, aside: false }
                        }
                    }))
                }
            };
            match outcome {
                Ok(()) if self.plan.positions => rows.positions.push(place),
                Ok(()) => {}
                Err(fault) => {
                    let own = || line(&chunk.bytes, start).0;
                    bad.add(fault.at(place, wrapped.as_ref().map_or_else(own, |w| w.line(number))));
                    if bad.stops_before(place) {
                        break;
                    }
                }
            }
            number += 1;
        }
        self.finish(chunk, rows, bad)
    }

    /// Appends the items of the list that is unnested, of the record that was read last. An item's place is its own byte; of
    /// a record that is wrapped, as many bytes behind its place as there are items before: a record has more bytes than items.
    #[inline(never)]
    fn items(
        &mut self,
        chunk: &TextChunk,
        record: UnnestedRecord,
        rows: &mut ChunkRows,
        bad: &mut BadRecords,
    ) {
        let Some((name, list)) = self.finder.list() else { return };
        let name = name.to_string();
        match list.kind {
            JsonKind::Missing | JsonKind::Null => {
                rows.without_items += 1;
                return;
            }
            JsonKind::Array => {}
            _ => {
                let text = shown(&chunk.bytes[list.start..list.end]);
                let fault = RecordFault {
                    reason: format!("`{name}` is not a list: `{text}`"),
                    column: Some(name),
                    hint: None,
                    aside: false,
                };
                return bad.add(fault.at(record.place, record.text));
            }
        }
        let mut cursor = JsonCursor { bytes: &chunk.bytes, at: list.start };
        let mut number = 0;
        while let Some(start) = self.finder.next_item(&mut cursor, number + 1) {
            let offset =
                if record.wrapped { record.place.place() + number } else { chunk.offset + start as u64 };
            let place = Position::new(chunk.file, offset);
            number += 1;
            match self.row(&chunk.bytes, rows) {
                Ok(()) if self.plan.positions => rows.positions.push(place),
                Ok(()) => {}
                Err(fault) => {
                    let reason = format!("item {number} of `{name}`: {}", fault.reason);
                    bad.add(RecordFault { reason, ..*fault }.at(place, record.text));
                    if bad.stops_before(place) {
                        return;
                    }
                }
            }
        }
        rows.without_items += u64::from(number == 0);
    }

    /// Appends the row that was read last.
    #[inline(always)]
    fn row(&mut self, chunk: &[u8], rows: &mut ChunkRows) -> Result<(), Box<RecordFault>> {
        let instant = match &self.time {
            None => 0,
            Some(wanted) => {
                let span = self.finder.span(wanted);
                let written = self.written.as_deref();
                let read = time_of(span, chunk, written, &mut self.parser);
                match &mut self.deletes {
                    Some(deletes) if deletes.is(&self.finder, chunk) => {
                        let time = deletes.time(&self.finder, chunk, read.ok());
                        time.ok_or_else(no_time_of_delete)?
                    }
                    _ => read.map_err(|e| no_time(&self.plan.time, TimeRole::EventTime, span, chunk, e))?,
                }
            }
        };
        let arrived = match self.arrival {
            None => None,
            Some(_) => Some(self.arrival(instant, chunk)?),
        };
        let done = rows.time.len();
        let mut texts = ChunkTexts { chunk, unescaped: &mut rows.unescaped };
        for i in 0..self.columns.len() {
            let (column, wanted) = &mut self.columns[i];
            let pushed = match &*wanted {
                ColumnSlots::Number => {
                    // The number does not stand in the log, so its digits are a text of their own.
                    let digits = self.finder.number().as_bytes();
                    let span = Span { kind: JsonKind::Number, start: 0, end: digits.len() };
                    column.push(span, &mut ChunkTexts { chunk: digits, unescaped: texts.unescaped })
                }
                wanted => column.push(self.finder.span(wanted), &mut texts),
            };
            if let Err(unfit) = pushed {
                let Unfit { reason, hint } = *unfit;
                let column = Some(column.name().to_string());
                // The columns in front have a value of this row already.
                self.columns[..i].iter_mut().for_each(|(c, _)| c.truncate(done));
                return Err(Box::new(RecordFault { column, reason, hint, aside: false }));
            }
        }
        // Only a row without a fault gets a time, so the times count the rows.
        rows.time.push(instant);
        if let Some(arrived) = arrived {
            rows.arrival.push(arrived);
        }
        Ok(())
    }

    /// When the record that was read last arrived, which is not too long before its event time.
    fn arrival(&mut self, event_time: i64, chunk: &[u8]) -> Result<i64, Box<RecordFault>> {
        let (Some((wanted, parser)), Some(read)) = (&mut self.arrival, self.plan.own_arrival()) else {
            return Ok(event_time);
        };
        let span = self.finder.span(wanted);
        if self.plan.arrival_optional && matches!(span.kind, JsonKind::Missing | JsonKind::Null) {
            return Ok(event_time);
        }
        let arrival = time_of(span, chunk, self.plan.written.of(&read.column).map(|w| &**w), parser)
            .map_err(|e| no_time(read, TimeRole::Arrival, span, chunk, e))?;
        match self.plan.ahead(event_time, arrival) {
            None => Ok(arrival),
            Some(reason) => {
                let column = Some(self.plan.time.column.clone());
                Err(Box::new(RecordFault { column, reason, hint: None, aside: true }))
            }
        }
    }

    fn finish(&mut self, chunk: TextChunk, rows: ChunkRows, bad: BadRecords) -> DecodedChunk {
        let (count, without_items) = (rows.time.len(), rows.without_items);
        // A little more than last time: else one row more would make all columns grow.
        self.expected_rows = count + count / 64;
        let buffers = [chunk.bytes.into_buffer(), Buffer::from_vec(rows.unescaped)];
        let arrival = self.plan.arrivals(&rows.time, rows.arrival);
        let columns =
            self.columns.iter_mut().map(|(c, _)| c.finish(&buffers, &rows.time, &arrival)).collect();
        let batch = Batch {
            columns,
            time: rows.time,
            positions: rows.positions,
            arrival,
            rows: count,
            ..Batch::default()
        };
        DecodedChunk {
            batch,
            bad: bad.finish(),
            passed: vec![],
            twice: self.parser.take_twice(),
            without_items,
        }
    }
}

/// What the lines of a chunk were made of.
struct Wrapped<'a> {
    framing: Framing,
    /// The chunk of the file.
    text: &'a TextChunk,
    /// Where each line comes from, in the file.
    offsets: Vec<u64>,
}

impl Wrapped<'_> {
    /// The line of the file that line number `number` was made of.
    fn line(&self, number: usize) -> &[u8] {
        line(&self.text.bytes, (self.offsets[number] - self.text.offset) as usize).0
    }
}

/// What a chunk has given so far, beside the columns.
#[derive(Default)]
struct ChunkRows {
    time: Vec<i64>,
    /// Where the arrival is not the event time.
    arrival: Vec<i64>,
    positions: Vec<Position>,
    unescaped: Vec<u8>,
    /// Records whose list to unnest is empty or missing.
    without_items: u64,
}

/// A record that is unnested.
struct UnnestedRecord<'a> {
    place: Position,
    /// Its text in the file.
    text: &'a [u8],
    wrapped: bool,
}

/// Why a record is bad.
struct RecordFault {
    column: Option<String>,
    reason: String,
    hint: Option<String>,
    /// See [`BadRecord::aside`].
    aside: bool,
}

impl RecordFault {
    fn at(self, position: Position, line: &[u8]) -> BadRecord {
        let raw = line[..line.len().min(BadRecord::MAX_RAW)].to_vec();
        BadRecord {
            position,
            column: self.column,
            reason: self.reason,
            hint: self.hint,
            raw,
            aside: self.aside,
        }
    }
}

/// What is wrong with a delete that nothing places in time.
#[cold]
fn no_time_of_delete() -> Box<RecordFault> {
    let reason = "it is a delete without a time: it has neither `source.ts_ms` nor `ts_ms`".to_string();
    Box::new(RecordFault { column: None, reason, hint: None, aside: false })
}

/// What is wrong with an event time or arrival.
#[cold]
fn no_time(read: &ReadTime, role: TimeRole, span: Span, chunk: &[u8], error: TimeError) -> Box<RecordFault> {
    let name = &read.column;
    let (reason, hint) = match span.kind {
        JsonKind::Missing => (format!("it has no `{name}`, which is {role}"), None),
        JsonKind::Null => (format!("`{name}`, {role}, is null"), None),
        _ => {
            let mut text = vec![];
            unescape(&chunk[span.start..span.end], &mut text);
            (format!("`{}` is {error}", shown(&text)), other_time_hint(&text, &read.rule))
        }
    };
    Box::new(RecordFault { column: Some(name.clone()), reason, hint, aside: false })
}

#[inline(always)]
fn time_of(
    span: Span,
    chunk: &[u8],
    written: Option<&ValueFormat>,
    parser: &mut TimeParser,
) -> Result<i64, TimeError> {
    let text = &chunk[span.start..span.end];
    match span.kind {
        JsonKind::Text | JsonKind::Escaped if written.is_some() => {
            let mut unescaped = vec![];
            unescape(text, &mut unescaped);
            let bare = written.and_then(|written| written.bare(&unescaped)).ok_or(TimeError::Unreadable)?;
            parser.text(bare)
        }
        // Integers are read eight digits at once; only other numbers take the slower way.
        JsonKind::Number if matches!(parser.rule(), TimeRule::Epoch(_)) => {
            match parse_int_at(chunk, span.start, span.end) {
                Ok(value) => parser.integer(value),
                Err(_) => parser.text(text),
            }
        }
        JsonKind::Text | JsonKind::Number => parser.text(text),
        JsonKind::Escaped => {
            let mut unescaped = vec![];
            unescape(text, &mut unescaped);
            parser.text(&unescaped)
        }
        _ => Err(TimeError::Unreadable),
    }
}

/// Where the line feed of the line at `start` is, or the end of the chunk.
fn end_of_line(chunk: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', &chunk[start..]).map_or(chunk.len(), |length| start + length)
}

/// The line at `start` without its line end, and whether it is UTF-8.
fn line(chunk: &[u8], start: usize) -> (&[u8], Result<&str, std::str::Utf8Error>) {
    let line = &chunk[start..end_of_line(chunk, start)];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    (line, std::str::from_utf8(line))
}

/// Why the line at `start` is no record. Reads it again, exactly, to say where it breaks.
#[cold]
fn broken(chunk: &[u8], start: usize) -> RecordFault {
    let (line, text) = line(chunk, start);
    let (reason, hint) = match (text, serde_json::from_slice::<serde_json::Value>(line)) {
        (Err(error), _) => (format!("byte {} of the line is not valid UTF-8", error.valid_up_to() + 1), None),
        _ if line.contains(&0) => ("it has a NUL byte".into(), None),
        // Of an array over several lines, each of them begins or ends in its middle.
        (_, outcome)
            if outcome.as_ref().map_or(!line.trim_ascii_start().starts_with(b"{"), |v| !v.is_object()) =>
        {
            (format!("not a JSON object: `{}`", shown(line)), one_a_line(line))
        }
        // Not reached as far as is known: serde_json reads what was refused.
        (_, Ok(_)) => ("it is not a JSON object that can be read".into(), None),
        (_, Err(error)) => {
            let text = error.to_string();
            // serde_json adds the line, which is always the first here.
            let what = text.split(" at line ").next().unwrap_or(&text);
            (format!("not valid JSON at column {}: {what}", error.column()), one_a_line(line))
        }
    };
    RecordFault { column: None, reason, hint, aside: false }
}

/// The hint for JSON that is laid out over many lines.
fn one_a_line(line: &[u8]) -> Option<String> {
    let layout = matches!(line.trim_ascii(), b"{" | b"[") || line.trim_ascii_start().starts_with(b"[");
    layout.then(|| "JSON Lines has one object on each line; `jq -c '.[]'` makes them of an array".into())
}
