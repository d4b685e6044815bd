//! Records of a chunk as a table of fields, and what is wrong with some of them.

use super::super::bad::BadRecords;
use super::super::{BadRecord, ReadColumn};
use super::record::unquoted;
use crate::batch::Position;
use arrow_array::BooleanArray;
use arrow_buffer::BooleanBuffer;

/// The records of a chunk that have the right number of fields.
///
/// Field `f` of record `r` starts behind `ends[r * stride + f]` and ends at
/// `ends[r * stride + f + 1]`. Where records follow one another without a gap the stride is the
/// number of fields, so that a record starts behind the end of the one before it.
#[derive(Clone, Copy)]
pub(super) struct CsvRecords<'a> {
    pub(super) text: &'a [u8],
    pub(super) ends: &'a [u32],
    pub(super) stride: usize,
    pub(super) fields: usize,
    pub(super) rows: usize,
}

impl<'a> CsvRecords<'a> {
    /// Where the field lies in the text, quotes included and without the `\r` of a line end.
    #[inline(always)]
    pub(super) fn place(&self, row: usize, field: usize) -> (usize, usize) {
        let at = row * self.stride + field;
        // In front of a chunk's first field stands `u32::MAX`, which wraps to 0.
        let start = self.ends[at].wrapping_add(1) as usize;
        let mut end = self.ends[at + 1] as usize;
        // Inside of a record a `\r` is data: only the one in front of the line end is not.
        if field + 1 == self.fields && end > start && self.text[end - 1] == b'\r' {
            end -= 1;
        }
        (start, end)
    }

    /// The field's text, quotes included.
    #[inline(always)]
    pub(super) fn field(&self, row: usize, field: usize) -> &'a [u8] {
        let (start, end) = self.place(row, field);
        &self.text[start..end]
    }

    /// The text of a field that is not a string: without quotes.
    #[inline(always)]
    pub(super) fn value(&self, row: usize, field: usize) -> &'a [u8] {
        unquoted(self.field(row, field)).0
    }

    /// Where the record starts in the text.
    #[inline(always)]
    pub(super) fn start(&self, row: usize) -> usize {
        self.ends[row * self.stride].wrapping_add(1) as usize
    }

    /// The record's text with its line end.
    pub(super) fn record(&self, row: usize) -> &'a [u8] {
        &self.text[self.start(row)..=self.ends[row * self.stride + self.fields] as usize]
    }
}

/// The bad record that starts at `position`; `record` is its text with the line end.
#[cold]
pub(super) fn bad_record(
    position: Position,
    record: &[u8],
    column: Option<&str>,
    reason: String,
    hint: Option<String>,
) -> BadRecord {
    let aside = false;
    let raw = record.strip_suffix(b"\n").unwrap_or(record);
    let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
    let raw = raw[..raw.len().min(BadRecord::MAX_RAW)].to_vec();
    BadRecord { position, column: column.map(str::to_string), reason, hint, raw, aside }
}

/// The rows of a table that are bad: of each the first fault is told.
pub(super) struct RecordFaults<'a, 'b> {
    table: CsvRecords<'a>,
    /// Where the text of the table starts.
    start: Position,
    bad: &'a mut BadRecords<'b>,
    /// Which rows are to be kept; empty while all are.
    keep: Vec<bool>,
}

impl<'a, 'b> RecordFaults<'a, 'b> {
    /// For `table`, whose text starts at `start`.
    pub(super) fn new(
        table: CsvRecords<'a>,
        start: Position,
        bad: &'a mut BadRecords<'b>,
    ) -> RecordFaults<'a, 'b> {
        RecordFaults { table, start, bad, keep: vec![] }
    }

    /// Where the record of `row` starts.
    pub(super) fn position(&self, row: usize) -> Position {
        Position::new(self.start.file(), self.start.place() + self.table.start(row) as u64)
    }

    #[cold]
    pub(super) fn add(&mut self, row: usize, column: &str, reason: String, hint: Option<String>) {
        self.take(row, column, reason, hint, false);
    }

    /// A fault for which the row is kept aside whatever the plan says of bad records.
    #[cold]
    pub(super) fn add_aside(&mut self, row: usize, column: &str, reason: String) {
        self.take(row, column, reason, None, true);
    }

    #[cold]
    pub(super) fn add_value(&mut self, row: usize, column: &ReadColumn, text: &[u8], reason: String) {
        let hint = super::super::infer::inferred_hint(column, text);
        self.add(row, &column.name, reason, hint);
    }

    fn take(&mut self, row: usize, column: &str, reason: String, hint: Option<String>, aside: bool) {
        // Most chunks do not have a fault, so the mask is made with the first one.
        if self.keep.is_empty() {
            self.keep = vec![true; self.table.rows];
        }
        if std::mem::replace(&mut self.keep[row], false) {
            let position = self.position(row);
            let record = bad_record(position, self.table.record(row), Some(column), reason, hint);
            self.bad.add(BadRecord { aside, ..record });
        }
    }

    /// The rows to keep; `None` where all are.
    pub(super) fn keep(self) -> Option<BooleanArray> {
        (!self.keep.is_empty()).then(|| BooleanArray::new(BooleanBuffer::from(self.keep), None))
    }
}
