//! What a backfill changed: rows before and after → changes, value by value, and lines of a change log.
//!
//! # Contract
//! * Old and new rows are paired by window and keys, wherever they stand within their window. A pair with equal
//!   values is no change; of the others each value that differs is one, and each value of a row without a partner.
//!   Floats that count as equal (0 and −0, NaN and NaN) are.
//! * Changes come in order of window and keys, in the log as in [`Differences::changes`]. Equal rows give equal
//!   lines: the log holds no time of day and no path.
//!
//! A line of the log is one value:
//! ```text
//! {"window_start":"2024-02-29T13:00:00Z","window_end":"2024-02-29T13:01:00Z","keys":{"postcode":"AB1"},"column":"views","before":1,"after":2,"row":"changed"}
//! ```
//! with `"row":"added"` or `"row":"removed"` where there is no row before or after; `column`, `before` and `after`
//! are left out where such a row has no values, the bounds where the window is global. Of outputs of events
//! a line is a part ([`log_part`]).

use super::outcome::{RowChange, ValueChange};
use super::part_rows::WindowColumns;
use crate::batch::{ColumnView, Schema, compare_rows, equal_rows, first_past, views};
use crate::error::{Error, Result};
use crate::sink::csv;
use crate::sink::jsonl::{push_string, push_value};
use crate::sink::value::TimeText;
use crate::time::{TimeRange, Zone};
use arrow_array::RecordBatch;
use std::cmp::Ordering;
use std::io::Write;
use std::path::Path;

/// Keys that are the same for all rows of a part, since they name it: columns that its path has and its file not.
/// By name, as text; NULL is none.
pub type PartKeys<'a> = &'a [(String, Option<String>)];

/// Finds what differs between rows of one output.
#[derive(Debug)]
pub struct Differ {
    names: Vec<String>,
    /// What the windows of rows are found by; none where the window is global, or files do not tell it.
    window: Option<WindowColumns>,
    /// The keys, in the order of the output, each with its column or none where the part names it.
    keys: Vec<(String, Option<usize>)>,
    /// The columns that are neither bounds nor keys.
    values: Vec<usize>,
    zone: Zone,
    shown: usize,
}

/// What differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// The first changes, in order of window and keys.
    pub changes: Vec<ValueChange>,
    /// How many values changed.
    pub values: u64,
    /// How many rows changed, were added or are gone.
    pub rows: u64,
    /// The windows of those rows, ascending; one stands for the global window.
    pub windows: Vec<Option<TimeRange>>,
}

impl Differences {
    /// Adds what differs in a part that comes later by path; `shown` changes are kept.
    pub fn absorb(&mut self, other: Differences, shown: usize) {
        self.changes.extend(other.changes);
        // Stable: within a window the parts stay in their order.
        self.changes.sort_by_key(|change| change.window);
        self.changes.truncate(shown);
        self.values += other.values;
        self.rows += other.rows;
        // Paths of partitions are mostly in time order, so the sort below is seldom needed.
        let ascending = self.windows.last() < other.windows.first();
        self.windows.extend(other.windows);
        if !ascending {
            self.windows.sort_unstable();
            self.windows.dedup();
        }
    }
}

impl Differ {
    /// For rows of `schema`: `window` finds their windows, none where the window is global, and `keys` are all keys in the
    /// order of the output, each with its column, none of those that are no columns of `schema`. Times are written in
    /// `zone`, and the first `shown` changes are kept in full.
    pub fn new(
        schema: &Schema,
        window: Option<WindowColumns>,
        keys: Vec<(String, Option<usize>)>,
        zone: &Zone,
        shown: usize,
    ) -> Differ {
        let is_value = |i: &usize| {
            window.as_ref().is_none_or(|window| !window.has(*i))
                && keys.iter().all(|(_, key)| *key != Some(*i))
        };
        let values = (0..schema.fields.len()).filter(is_value).collect();
        Differ {
            names: schema.names().map(str::to_string).collect(),
            window,
            values,
            keys,
            zone: zone.clone(),
            shown,
        }
    }

    /// What differs between the `old` and the `new` rows of a part, or of some of its windows: both are sorted by
    /// window and have the columns of the schema (texts plain, no dictionaries). Stretches of equal rows take
    /// little time. Each change is written to `log`.
    ///
    /// # Errors
    /// A machine error: the log cannot be written; or a column of another type, a fault of the program.
    pub fn diff(
        &self,
        part: PartKeys,
        old: &RecordBatch,
        new: &RecordBatch,
        log: &mut dyn Write,
    ) -> Result<Differences> {
        let all = || 0..self.names.len();
        let (a, b) = (views(old.columns(), all())?, views(new.columns(), all())?);
        let (x, y) = (self.side(old)?, self.side(new)?);
        let mut report = ChangeWriter::new(self, part, log);
        let (mut i, mut j) = (0, 0);
        let (mut left, mut right) = (vec![], vec![]);
        loop {
            // Rows that are equal, keys and all, are each other's partners.
            let equal = equal_rows(&a, i, &b, j, (x.rows - i).min(y.rows - j));
            (i, j) = (i + equal, j + equal);
            let spans = [(i < x.rows).then(|| x.span(i)), (j < y.rows).then(|| y.span(j))];
            // A global window has the span `None`, so all its rows are taken as one window.
            let Some(span) = spans.into_iter().flatten().min() else { return report.finish() };
            // What is left of the earlier of the two windows, on either side.
            x.take_window(&mut i, span, &mut left);
            y.take_window(&mut j, span, &mut right);
            report.window(span, (&x, &left), (&y, &right))?;
        }
    }

    fn side<'a>(&self, batch: &'a RecordBatch) -> Result<RowsOfSide<'a>> {
        let columns = batch.columns();
        Ok(RowsOfSide {
            rows: batch.num_rows(),
            window: self.window.as_ref().map(|window| window.spans(batch)).transpose()?,
            keys: views(columns, self.keys.iter().filter_map(|(_, key)| *key))?,
            values: views(columns, self.values.iter().copied())?,
            written: columns.iter().map(ColumnView::of).collect::<Result<_>>()?,
        })
    }
}

/// The old or the new rows.
struct RowsOfSide<'a> {
    rows: usize,
    window: Option<Vec<TimeRange>>,
    keys: Vec<ColumnView<'a>>,
    values: Vec<ColumnView<'a>>,
    /// All columns, to be written.
    written: Vec<ColumnView<'a>>,
}

/// A row of a side, if it has it.
type RowOfSide<'s> = Option<(&'s RowsOfSide<'s>, usize)>;

impl RowsOfSide<'_> {
    /// The window of a row; none where it is global.
    fn span(&self, row: usize) -> Option<TimeRange> {
        self.window.as_ref().map(|spans| spans[row])
    }

    /// Passes the rows of the window `span`, which begin at `at` if there are any: `rows` are then they, by their keys.
    fn take_window(&self, at: &mut usize, span: Option<TimeRange>, rows: &mut Vec<u32>) {
        let end = first_past(*at, self.rows, |row| self.span(row) > span);
        rows.clear();
        rows.extend(*at as u32..end as u32);
        *at = end;
        let order = |a: u32, b: u32| compare_rows(&self.keys, a as usize, &self.keys, b as usize);
        // They are in order unless the output ranks them.
        if !rows.is_sorted_by(|&a, &b| order(a, b).is_le()) {
            rows.sort_by(|&a, &b| order(a, b));
        }
    }
}

/// Writes changes down, and counts.
struct ChangeWriter<'a> {
    differ: &'a Differ,
    part: PartKeys<'a>,
    log: &'a mut dyn Write,
    times: TimeText,
    /// Lines that are not written yet.
    lines: Vec<u8>,
    /// What the lines of a row begin with.
    head: Vec<u8>,
    found: Differences,
}

/// Bytes of lines that are gathered before a write.
const LINES: usize = 64 << 10;

impl<'a> ChangeWriter<'a> {
    fn new(differ: &'a Differ, part: PartKeys<'a>, log: &'a mut dyn Write) -> ChangeWriter<'a> {
        let times = TimeText::new(&differ.zone);
        ChangeWriter { differ, part, log, times, lines: vec![], head: vec![], found: Differences::default() }
    }

    /// Tells the old from the new rows of the window `span`, both by their keys.
    fn window(
        &mut self,
        span: Option<TimeRange>,
        (old, mut left): (&RowsOfSide, &[u32]),
        (new, mut right): (&RowsOfSide, &[u32]),
    ) -> Result<()> {
        let before = self.found.rows;
        loop {
            let order = match (left.first(), right.first()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(&i), Some(&j)) => compare_rows(&old.keys, i as usize, &new.keys, j as usize),
            };
            let i = if order.is_le() { left.split_off_first() } else { None };
            let j = if order.is_ge() { right.split_off_first() } else { None };
            let row = |i: Option<&u32>| i.map(|&i| i as usize);
            self.row(span, row(i).map(|i| (old, i)), row(j).map(|j| (new, j)));
            // An output can have millions of changes: lines go to the log in pieces and do not fill the
            // memory.
            self.write(LINES)?;
        }
        if self.found.rows > before {
            self.found.windows.push(span);
        }
        Ok(())
    }

    /// The changes of one row, which stands in the old rows, in the new ones or in both.
    fn row(&mut self, span: Option<TimeRange>, old: RowOfSide, new: RowOfSide) {
        let (change, (side, row)) = match (old, new) {
            (Some(_), Some(new)) => (RowChange::Changed, new),
            (None, Some(new)) => (RowChange::Added, new),
            (Some(old), None) => (RowChange::Removed, old),
            (None, None) => return,
        };
        let differ = self.differ;
        let mut is_first = true;
        for (v, &column) in differ.values.iter().enumerate() {
            if let (Some((old, i)), Some((new, j))) = (old, new)
                && old.values[v].compare(i, &new.values[v], j).is_eq()
            {
                continue;
            }
            if std::mem::take(&mut is_first) {
                self.begin(span, side, row);
            }
            self.value(span, Some(column), (old, new), change);
        }
        // An output of keys alone does not have a value to report, so the row itself gets a line.
        if differ.values.is_empty() && change != RowChange::Changed {
            is_first = false;
            self.begin(span, side, row);
            self.value(span, None, (old, new), change);
        }
        self.found.rows += u64::from(!is_first);
    }

    /// Writes what all lines of a row begin with.
    fn begin(&mut self, span: Option<TimeRange>, side: &RowsOfSide, row: usize) {
        let (head, times) = (&mut self.head, &mut self.times);
        head.clear();
        head.push(b'{');
        if let Some(span) = span {
            head.extend_from_slice(b"\"window_start\":\"");
            times.push(head, span.start);
            head.extend_from_slice(b"\",\"window_end\":\"");
            times.push(head, span.end);
            head.extend_from_slice(b"\",");
        }
        head.extend_from_slice(b"\"keys\":{");
        for (i, (name, column)) in self.differ.keys.iter().enumerate() {
            if i > 0 {
                head.push(b',');
            }
            push_string(head, name);
            head.push(b':');
            // A key that is a partition column stands in the path of the part and not in the file.
            match (column, of_part(self.part, name)) {
                (Some(column), _) => push_value(head, &side.written[*column], row, times),
                (None, Some(value)) => push_string(head, value),
                (None, None) => head.extend_from_slice(b"null"),
            }
        }
        head.push(b'}');
    }

    /// One change: the line of the value in `column`, and the change itself while there are few.
    fn value(
        &mut self,
        span: Option<TimeRange>,
        column: Option<usize>,
        (old, new): (RowOfSide, RowOfSide),
        change: RowChange,
    ) {
        let (lines, times) = (&mut self.lines, &mut self.times);
        lines.extend_from_slice(&self.head);
        if let Some(column) = column {
            lines.extend_from_slice(b",\"column\":");
            push_string(lines, &self.differ.names[column]);
            for (name, side) in [(&b",\"before\":"[..], old), (b",\"after\":", new)] {
                lines.extend_from_slice(name);
                match side {
                    Some((side, row)) => push_value(lines, &side.written[column], row, times),
                    None => lines.extend_from_slice(b"null"),
                }
            }
        }
        lines.extend_from_slice(match change {
            RowChange::Added => b",\"row\":\"added\"}\n",
            RowChange::Removed => b",\"row\":\"removed\"}\n",
            RowChange::Changed => b",\"row\":\"changed\"}\n",
        });
        self.found.values += 1;
        // A part is in window order, so its first `shown` changes are enough for the merged list.
        if self.found.changes.len() < self.differ.shown {
            let change = self.change(span, column, (old, new), change);
            self.found.changes.push(change);
        }
    }

    fn change(
        &mut self,
        window: Option<TimeRange>,
        column: Option<usize>,
        (old, new): (RowOfSide, RowOfSide),
        row: RowChange,
    ) -> ValueChange {
        let times = &mut self.times;
        let mut text = |side: RowOfSide, column: usize| {
            let (side, row) = side?;
            let column = &side.written[column];
            let mut text = vec![];
            csv::push_value(&mut text, column, row, times, false);
            // The text of NULL is empty too: `None` keeps the two apart.
            (!column.is_null(row)).then(|| String::from_utf8_lossy(&text).into_owned())
        };
        let key = |(name, column): &(String, Option<usize>)| {
            let value = match column {
                Some(column) => text(new.or(old), *column),
                None => of_part(self.part, name).map(str::to_string),
            };
            (name.clone(), value)
        };
        ValueChange {
            window,
            keys: self.differ.keys.iter().map(key).collect(),
            column: column.map_or_else(String::new, |c| self.differ.names[c].clone()),
            before: column.and_then(|c| text(old, c)),
            after: column.and_then(|c| text(new, c)),
            row,
        }
    }

    /// Writes the lines out if there are `enough` bytes of them.
    fn write(&mut self, enough: usize) -> Result<()> {
        if self.lines.len() >= enough {
            self.log.write_all(&self.lines).map_err(failed)?;
            self.lines.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Differences> {
        self.write(0)?;
        Ok(self.found)
    }
}

/// The value of the key `name` that the part's path has.
fn of_part<'a>(part: PartKeys<'a>, name: &str) -> Option<&'a str> {
    part.iter().find(|(key, _)| key == name)?.1.as_deref()
}

/// Writes the line of a part of events: how many rows it had and has.
///
/// # Errors
/// A machine error: the log cannot be written.
pub fn log_part(log: &mut dyn Write, part: &Path, before: u64, after: u64) -> Result<()> {
    let mut line = b"{\"part\":".to_vec();
    push_string(&mut line, &part.to_string_lossy());
    line.extend_from_slice(format!(",\"rows_before\":{before},\"rows_after\":{after}}}\n").as_bytes());
    log.write_all(&line).map_err(failed)
}

fn failed(cause: std::io::Error) -> Error {
    Error::io("write the change log", Path::new("_highwater/changes"), cause)
}

#[cfg(test)]
mod tests;
