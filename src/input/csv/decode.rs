//! A chunk of CSV text → rows and bad records.
//!
//! First the chunk becomes a table of fields: from masks where that is known to be right, with the
//! exact scanner record by record where not. Then the wanted columns are decoded one at a time, in
//! the same way for both, so which way a chunk went cannot be seen in the result.

use super::super::bad::BadRecords;
use super::super::chunk::{ChunkBytes, TextChunk};
use super::super::decoded::DecodedChunk;
use super::super::times::TimeRole;
use super::super::{ReadPlan, ReadTime};
use super::cells::DecodedColumn;
use super::columns;
use super::index::{IndexedFields, find_fields};
use super::layout::CsvLayout;
use super::record::{Scanned, scan_record};
use super::table::{CsvRecords, RecordFaults, bad_record};
use crate::batch::{Batch, DataType, Native, Position, null_array};
use crate::time::{TimeParser, TimeRule};
use arrow_array::ArrayRef;
use memchr::memchr;
use std::sync::Arc;

/// Decodes chunks; keeps its buffers from one to the next.
pub(in crate::input) struct CsvDecoder {
    plan: Arc<ReadPlan>,
    ends: Vec<u32>,
    record_ends: Vec<u32>,
    event_time: TimeParser,
    /// Where the arrival is not the event time.
    arrival: Option<TimeParser>,
    /// For columns of timestamps other than those two.
    times: TimeParser,
}

/// The fields of a chunk: see [`CsvRecords`].
struct FieldLayout {
    stride: usize,
    rows: usize,
}

impl CsvDecoder {
    pub(in crate::input) fn new(plan: &Arc<ReadPlan>) -> CsvDecoder {
        let parser = |time: &ReadTime| TimeParser::new(time.rule.clone(), plan.zone.clone());
        CsvDecoder {
            plan: plan.clone(),
            ends: Vec::new(),
            record_ends: Vec::new(),
            event_time: parser(&plan.time),
            arrival: plan.own_arrival().map(parser),
            times: TimeParser::new(TimeRule::Iso, plan.zone.clone()),
        }
    }

    /// The rows and bad records of `chunk`, which has a quote in it if `quoted`; and its buffer, if
    /// the rows do not need it any more. Where the scan stops at a bad record, what is behind it is left out.
    pub(in crate::input) fn decode(
        &mut self,
        chunk: TextChunk,
        quoted: bool,
        layout: &CsvLayout,
        mut bad: BadRecords,
    ) -> (DecodedChunk, Option<Vec<u8>>) {
        let shape = match self.regular(&chunk, quoted, layout) {
            Some(shape) => shape,
            None => self.irregular(&chunk, layout, &mut bad),
        };
        let fields = layout.names.len();
        let table = CsvRecords {
            text: &chunk.bytes,
            ends: &self.ends,
            stride: shape.stride,
            fields,
            rows: shape.rows,
        };
        let plan = &self.plan;
        let mut faults = RecordFaults::new(table, Position::new(chunk.file, chunk.offset), &mut bad);
        let time = match layout.time {
            Some(field) => {
                let (column, parser) = (&plan.time.column, &mut self.event_time);
                let written = plan.written.of(column).map(|written| &**written);
                columns::times(table, field, column, TimeRole::EventTime, written, parser, &mut faults)
            }
            // Without a column of time all rows are at the instant 0, until a derived time takes its place.
            None => vec![0; table.rows],
        };
        let arrival = match (plan.own_arrival(), layout.arrival, &mut self.arrival) {
            (Some(arrival), Some(field), Some(parser)) => {
                let (column, written) = (&arrival.column, plan.written.of(&arrival.column));
                let written = written.map(|written| &**written);
                columns::times(table, field, column, TimeRole::Arrival, written, parser, &mut faults)
            }
            _ => plan.arrivals(&time, vec![]),
        };
        if plan.max_ahead.is_some() {
            for (row, (&time, &arrival)) in time.iter().zip(&arrival).enumerate() {
                if let Some(reason) = plan.ahead(time, arrival) {
                    faults.add_aside(row, &plan.time.column, reason);
                }
            }
        }
        let mut decoded = Vec::with_capacity(self.plan.columns.len());
        for (column, field) in plan.columns.iter().zip(&layout.columns) {
            // The faults of event time and arrival are known.
            let copied = plan.copied(column).map(|role| match role {
                TimeRole::EventTime => time.clone(),
                TimeRole::Arrival => arrival.clone(),
            });
            decoded.push(match (copied, *field) {
                (Some(copied), _) => DecodedColumn::Array(Native::array(DataType::Timestamp, copied, None)),
                (None, None) => DecodedColumn::Array(null_array(column.ty, table.rows)),
                (None, Some(field)) => {
                    let written = plan.written.of(&column.name).map(|written| &**written);
                    columns::decode(table, field, column, written, &mut self.times, &mut faults)
                }
            });
        }
        let positions = match plan.positions {
            true => (0..table.rows).map(|row| faults.position(row)).collect(),
            false => vec![],
        };
        let keep = faults.keep();
        let rows = table.rows;
        let (columns, buffer) = finish(decoded, chunk.bytes);
        let batch = Batch { columns, time, positions, arrival, rows, ..Batch::default() };
        let batch = match keep {
            Some(keep) => batch.filter(&keep),
            None => batch,
        };
        // Only event times are counted: arrivals do not decide in which window a record falls.
        let twice = self.event_time.take_twice();
        (DecodedChunk { batch, bad: bad.finish(), passed: vec![], twice, without_items: 0 }, buffer)
    }

    /// The fields by masks; `None` where that may be wrong, or where a record is not as it should be.
    fn regular(&mut self, chunk: &TextChunk, quoted: bool, layout: &CsvLayout) -> Option<FieldLayout> {
        let text = &chunk.bytes[..];
        if !chunk.clean {
            return None;
        }
        let IndexedFields { fields, lines, above_ascii, zero } =
            find_fields(text, self.plan.delimiter, quoted, &mut self.ends);
        let width = layout.names.len();
        // As if a record ended right before the text.
        self.ends[0] = u32::MAX;
        let ends = &self.ends[..=fields];
        // With any doubt the chunk goes to the exact scanner, which also tells which record is bad.
        let right = !zero
            && fields == lines * width
            && ends[1..].chunks_exact(width).all(|record| text[record[width - 1] as usize] == b'\n')
            && (width > 1 || !has_blank_line(text, ends))
            && (!above_ascii || simdutf8::basic::from_utf8(text).is_ok());
        right.then_some(FieldLayout { stride: width, rows: lines })
    }

    /// The fields by the exact scanner; bad records go to `bad`.
    fn irregular(&mut self, chunk: &TextChunk, layout: &CsvLayout, bad: &mut BadRecords) -> FieldLayout {
        let text = &chunk.bytes[..];
        let width = layout.names.len();
        // Only where the chunk has a bad byte is each of its records looked at for one.
        let suspect = memchr(0, text).is_some() || simdutf8::basic::from_utf8(text).is_err();
        self.ends.clear();
        let (mut at, mut rows) = (0, 0);
        let position = |at: usize| Position::new(chunk.file, chunk.offset + at as u64);
        while !bad.stops() {
            let start = at;
            match scan_record(text, start, self.plan.delimiter, true, &mut self.record_ends) {
                Scanned::Incomplete => break,
                Scanned::Blank { end } => at = end,
                Scanned::Malformed { end, quote, field } => {
                    at = end;
                    let (column, reason, hint) = quote_fault(chunk, layout, start, quote, field);
                    bad.add(bad_record(position(start), &text[start..end], column, reason, Some(hint)));
                }
                Scanned::Record { end } => {
                    at = end;
                    let record = &text[start..end];
                    let fault = suspect
                        .then(|| byte_fault(record, start, &self.record_ends))
                        .flatten()
                        .or_else(|| count_fault(self.record_ends.len(), width));
                    if let Some((field, reason, hint)) = fault {
                        let column = field.and_then(|f| layout.names.get(f)).map(String::as_str);
                        bad.add(bad_record(position(start), record, column, reason, hint));
                        continue;
                    }
                    // The byte in front of the record stands for the end before its first field; at the start
                    // of the chunk it wraps.
                    self.ends.push((start as u32).wrapping_sub(1));
                    self.ends.extend_from_slice(&self.record_ends);
                    rows += 1;
                }
            }
        }
        // Bad records leave gaps between the others, so each record has its own start in front of its ends.
        FieldLayout { stride: width + 1, rows }
    }
}

/// Whether there is an empty line in text of one field a line.
fn has_blank_line(text: &[u8], ends: &[u32]) -> bool {
    ends.windows(2).any(|pair| {
        let (start, end) = (pair[0].wrapping_add(1) as usize, pair[1] as usize);
        matches!(text[start..end], [] | [b'\r'])
    })
}

/// The arrays of `decoded`; and the text, if none of them needs it.
fn finish(decoded: Vec<DecodedColumn>, text: ChunkBytes) -> (Vec<ArrayRef>, Option<Vec<u8>>) {
    // Views point into the text, so it lives as long as the arrays do; else its memory is used again.
    let needed = decoded.iter().any(|c| matches!(c, DecodedColumn::Strings(strings) if strings.needs_text()));
    let (shared, free) = match needed {
        true => (Some(text.into_buffer()), None),
        false => (None, Some(text.into_vec())),
    };
    let array = |column| match column {
        DecodedColumn::Array(array) => array,
        DecodedColumn::Strings(strings) => strings.into_array(shared.as_ref()),
    };
    (decoded.into_iter().map(array).collect(), free)
}

/// What is wrong with a malformed record: column, reason, hint.
#[cold]
fn quote_fault<'a>(
    chunk: &TextChunk,
    layout: &'a CsvLayout,
    start: usize,
    quote: usize,
    field: usize,
) -> (Option<&'a str>, String, String) {
    let lines = memchr::memchr_iter(b'\n', &chunk.bytes[start..quote]).count();
    let place = chunk.offset + quote as u64;
    let further = match lines {
        0 => String::new(),
        1 => ", one line further on".to_string(),
        n => format!(", {n} lines further on"),
    };
    // Which of the two it is can depend on how far one looks; that there is no proper end does not.
    let reason = format!(
        "the quote that opens field {} (at byte {place}{further}) has no closing quote before a delimiter or line end",
        field + 1
    );
    let hint = "a quote inside a quoted field is doubled (\"\"); a field that only starts with a quote is quoted whole";
    (layout.names.get(field).map(String::as_str), reason, hint.to_string())
}

/// A byte that no text has: the field that it is in, what it is, and what to do.
#[cold]
fn byte_fault(record: &[u8], start: usize, ends: &[u32]) -> Option<(Option<usize>, String, Option<String>)> {
    let field = |at: usize| Some(ends.iter().take_while(|&&end| (end as usize) < start + at).count());
    if let Some(at) = memchr(0, record) {
        return Some((field(at), format!("a NUL byte, {at} bytes into the record"), None));
    }
    let at = std::str::from_utf8(record).err()?.valid_up_to();
    let reason = format!("not UTF-8: the byte 0x{:02X}, {at} bytes into the record", record[at]);
    let hint = "name the encoding of the file in [source]: encoding = \"windows-1252\" is the old one of Western Europe";
    Some((field(at), reason, Some(hint.to_string())))
}

fn count_fault(fields: usize, width: usize) -> Option<(Option<usize>, String, Option<String>)> {
    if fields == width {
        return None;
    }
    let s = if fields == 1 { "" } else { "s" };
    let reason = format!("{fields} field{s}, but {width} are expected");
    let hint = "fields that contain the delimiter or a line end must be quoted";
    Some((None, reason, (fields > width).then(|| hint.to_string())))
}
