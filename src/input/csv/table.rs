//! Records of a chunk as a table of fields, and what is wrong with some of them.

use super::super::{BadRecord, ReadColumn};
use super::record::unquoted;
use crate::batch::Position;
use std::collections::BTreeMap;

/// The records of a chunk that have the right number of fields.
///
/// Field `f` of record `r` starts behind `ends[r * stride + f]` and ends at
/// `ends[r * stride + f + 1]`. Where records follow one another without a gap the stride is the
/// number of fields, so that a record starts behind the end of the one before it.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) text: &'a [u8],
    pub(super) ends: &'a [u32],
    pub(super) stride: usize,
    pub(super) fields: usize,
    pub(super) rows: usize,
}

impl<'a> Table<'a> {
    /// Where the field lies in the text, quotes included and without the `\r` of a line end.
    #[inline(always)]
    pub(super) fn place(&self, row: usize, field: usize) -> (usize, usize) {
        let at = row * self.stride + field;
        let start = self.ends[at].wrapping_add(1) as usize;
        let mut end = self.ends[at + 1] as usize;
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

/// What is wrong with rows of a table: of each row the first fault.
#[derive(Default)]
pub(super) struct Faults(BTreeMap<usize, Fault>);

pub(super) struct Fault {
    pub(super) column: String,
    pub(super) reason: String,
    pub(super) hint: Option<String>,
    /// See [`BadRecord::aside`].
    pub(super) aside: bool,
}

impl Faults {
    #[cold]
    pub(super) fn add(&mut self, row: usize, column: &str, reason: String, hint: Option<String>) {
        let fault = || Fault { column: column.to_string(), reason, hint, aside: false };
        self.0.entry(row).or_insert_with(fault);
    }

    /// A fault for which the row is kept aside whatever the plan says of bad records.
    #[cold]
    pub(super) fn add_aside(&mut self, row: usize, column: &str, reason: String) {
        let fault = || Fault { column: column.to_string(), reason, hint: None, aside: true };
        self.0.entry(row).or_insert_with(fault);
    }

    #[cold]
    pub(super) fn add_value(&mut self, row: usize, column: &ReadColumn, reason: &dyn std::fmt::Display) {
        let hint = super::super::value::inferred_hint(column);
        self.add(row, &column.name, reason.to_string(), hint);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults in the order of their rows.
    pub(super) fn into_rows(self) -> impl Iterator<Item = (usize, Fault)> {
        self.0.into_iter()
    }
}
