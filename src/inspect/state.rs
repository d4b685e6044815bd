//! The state as tables and lines.

use crate::batch::record_batch;
use crate::batch::{DataType, Field};
use crate::error::{Error, Result};
use crate::sink::{Account, jsonl, table};
use crate::time::{TimeRange, Zone};
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow_select::filter::filter;
use std::sync::Arc;

/// What is held at an instant.
#[derive(Debug)]
pub struct HeldState {
    /// The instant, microseconds.
    pub at: i64,
    /// Where every record went, those after the instant among the filtered.
    pub account: Account,
    /// What is held, sorted by kind and name.
    pub sections: Vec<StateSection>,
    /// Whether partial results went to disk.
    pub spilled: bool,
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateKind {
    /// A key that `dedup` holds.
    Dedup,
    /// A key that `first` has seen.
    First,
    /// The row of a key of a table.
    Table,
    /// An event that waits at a streamed step.
    Waiting,
    /// An open window.
    Window,
}

impl StateKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            StateKind::Dedup => "dedup",
            StateKind::First => "first",
            StateKind::Table => "table",
            StateKind::Waiting => "waiting",
            StateKind::Window => "window",
        }
    }
}

/// What one output, step or table holds: an entry a row, sorted by window and key.
#[derive(Debug)]
pub struct StateSection {
    /// The kind.
    pub kind: StateKind,
    /// The path of an output, the words of a step, the name of a table.
    pub name: String,
    /// The number of entries.
    pub rows: usize,
    /// The times of rows that are held; none of windows.
    pub times: Vec<i64>,
    /// The windows; none of steps, tables, and `global`.
    pub spans: Vec<TimeRange>,
    /// Names and types of the key columns, and the columns.
    pub keys: (Vec<Field>, Vec<ArrayRef>),
    /// Whether `times` are those of arrival, as keys of streamed steps have them.
    pub by_arrival: bool,
    /// The columns of the output, or those that are taken of a table.
    pub values: (Vec<Field>, Vec<ArrayRef>),
}

/// What a file of state holds. Keys and values are JSON objects: every job has others.
pub(super) const COLUMNS: [(&str, DataType); 7] = [
    ("state", DataType::String),
    ("name", DataType::String),
    ("key", DataType::String),
    ("time", DataType::Timestamp),
    ("window_start", DataType::Timestamp),
    ("window_end", DataType::Timestamp),
    ("value", DataType::String),
];
/// Entries that are made text at once.
const ROWS: usize = 1 << 16;

/// Tells sections of one kind and name apart by a number.
pub fn number_names(sections: &mut [StateSection]) {
    for group in sections.chunk_by_mut(|a, b| (a.kind, &a.name) == (b.kind, &b.name)) {
        let again = group.iter_mut().enumerate().skip(1);
        again.for_each(|(i, section)| section.name.push_str(&format!(" #{}", i + 1)));
    }
}

/// The entries whose keys have all the `wanted` values.
pub fn chosen(
    sections: Vec<StateSection>,
    wanted: &[(String, String)],
    zone: &Zone,
) -> Result<Vec<StateSection>> {
    let known: Vec<&str> =
        sections.iter().flat_map(|section| section.keys.0.iter().map(|f| f.name.as_str())).collect();
    for (name, _) in wanted {
        if !known.contains(&name.as_str()) {
            let error = Error::job(format!("--key `{name}`: the state has no key column of that name"));
            return Err(error.nearest(name, known));
        }
    }
    let has = |section: &StateSection, name: &str| section.keys.0.iter().position(|field| field.name == name);
    let mut found = vec![];
    for mut section in sections {
        let columns: Option<Vec<usize>> = wanted.iter().map(|(name, _)| has(&section, name)).collect();
        // A section without that key column cannot hold the key that is asked for.
        let Some(columns) = columns else { continue };
        // Without wanted columns every entry stays, so texts need not be made.
        if !columns.is_empty() {
            let mut keep = vec![true; section.rows];
            for (column, (_, value)) in columns.into_iter().zip(wanted) {
                let texts = table::texts(&section.keys.1[column], section.rows, zone)?;
                keep.iter_mut().zip(texts).for_each(|(keep, text)| *keep &= text == *value);
            }
            section.retain(&keep);
        }
        found.push(section);
    }
    Ok(found)
}

impl StateSection {
    fn retain(&mut self, keep: &[bool]) {
        let mask = BooleanArray::from(keep.to_vec());
        for column in self.keys.1.iter_mut().chain(&mut self.values.1) {
            *column = filter(column, &mask).expect("a mask as long");
        }
        let mut kept = keep.iter();
        self.times.retain(|_| kept.next() == Some(&true));
        // `times` or `spans` is empty, depending on the kind, and both are cut by the same mask.
        let mut kept = keep.iter();
        self.spans.retain(|_| kept.next() == Some(&true));
        self.rows = mask.true_count();
    }

    /// The first `rows` entries as a table: the window or the time, keys, values.
    ///
    /// # Errors
    /// None in practice.
    pub fn table(&self, rows: usize) -> Result<RecordBatch> {
        let rows = rows.min(self.rows);
        let mut fields = vec![];
        let mut columns = vec![];
        let [time, start, end] = self.instants(0, rows);
        let instants = match self.kind {
            // The bounds of the global window do not help a reader.
            StateKind::Window if self.spans.is_empty() => vec![],
            StateKind::Window => vec![("window_start", start), ("window_end", end)],
            _ => vec![("time", time)],
        };
        for (name, column) in instants {
            fields.push(Field::new(name, DataType::Timestamp));
            columns.push(column);
        }
        for (own, arrays) in [&self.keys, &self.values] {
            fields.extend(own.iter().cloned());
            columns.extend(arrays.iter().map(|array| array.slice(0, rows)));
        }
        let schema = arrow_schema::Schema::new(
            fields.iter().map(|f| arrow_schema::Field::new(&f.name, f.ty.arrow(), true)).collect::<Vec<_>>(),
        );
        record_batch(&Arc::new(schema), columns)
    }

    /// Time, window start and window end of entries `from..to`.
    pub(super) fn instants(&self, from: usize, to: usize) -> [ArrayRef; 3] {
        let column = |of: &dyn Fn(usize) -> Option<i64>| -> ArrayRef {
            Arc::new((from..to).map(of).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        };
        [
            column(&|row| self.times.get(row).copied()),
            column(&|row| self.spans.get(row).map(|span| span.start)),
            column(&|row| self.spans.get(row).map(|span| span.end)),
        ]
    }

    /// The keys and, where there are such, values of entries `from..to` as JSON objects, times in `zone`.
    fn objects(&self, from: usize, to: usize, zone: &Zone) -> Result<(Vec<String>, Vec<Option<String>>)> {
        let objects = |(fields, columns): &(Vec<Field>, Vec<ArrayRef>)| {
            let columns: Vec<ArrayRef> = columns.iter().map(|column| column.slice(from, to - from)).collect();
            jsonl::objects(fields.iter().map(|field| field.name.as_str()), &columns, to - from, zone)
        };
        let values = match self.kind {
            // For these steps the key is all that is held.
            StateKind::Dedup | StateKind::First => vec![None; to - from],
            StateKind::Table | StateKind::Waiting | StateKind::Window => {
                objects(&self.values)?.into_iter().map(Some).collect()
            }
        };
        Ok((objects(&self.keys)?, values))
    }

    /// Entries `from..to` as rows of [`COLUMNS`].
    pub(super) fn rows(&self, from: usize, to: usize, zone: &Zone) -> Result<Vec<ArrayRef>> {
        let (keys, values) = self.objects(from, to, zone)?;
        let same = |text: &str| -> ArrayRef {
            Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(text, to - from)))
        };
        let [time, start, end] = self.instants(from, to);
        let keys: ArrayRef = Arc::new(StringViewArray::from_iter_values(keys));
        let values: ArrayRef = Arc::new(values.into_iter().collect::<StringViewArray>());
        Ok(vec![same(self.kind.name()), same(&self.name), keys, time, start, end, values])
    }
}

impl HeldState {
    pub(super) fn pieces(&self) -> impl Iterator<Item = (&StateSection, usize, usize)> {
        let of = |section: &'_ StateSection| {
            (0..section.rows)
                .step_by(ROWS)
                .map(|from| (from, (from + ROWS).min(section.rows)))
                .collect::<Vec<_>>()
        };
        self.sections
            .iter()
            .flat_map(move |section| of(section).into_iter().map(move |(from, to)| (section, from, to)))
    }

    /// Gives all entries as JSON objects of the columns of the file, keys and values as objects in them.
    ///
    /// # Errors
    /// What `give` returns.
    pub fn entries(&self, zone: &Zone, mut give: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let names = ["time", "window_start", "window_end"];
        for (section, from, to) in self.pieces() {
            let (keys, values) = section.objects(from, to, zone)?;
            let instants = jsonl::objects(names, &section.instants(from, to), to - from, zone)?;
            // Kind and name are equal in the whole piece, so they are written once.
            let name = jsonl::objects(["state", "name"], &section.rows(from, from + 1, zone)?[..2], 1, zone)?;
            let head = name[0].trim_end_matches('}');
            for ((key, value), instants) in keys.iter().zip(&values).zip(&instants) {
                // The braces go, since these members stand in the object around them.
                let instants = &instants[1..instants.len() - 1];
                let value = value.as_deref().unwrap_or("null");
                give(&format!("{head},\"key\":{key},{instants},\"value\":{value}}}"))?;
            }
        }
        Ok(())
    }
}
