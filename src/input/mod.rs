//! Files → chunks → batches.
//!
//! A [`Scan`] hands out the chunks of all files of a source in position order; any number of
//! workers decode them in parallel. What a chunk holds never depends on who decodes it.
//!
//! # Contract
//! * A record is read once, whole, and belongs to exactly one batch, whatever the chunk size.
//! * The rows of a batch are in position order, and of two batches of one worker the later has the
//!   later positions.
//! * Every record is either a row of a batch or a rejected record: `read = rows + rejected`.

// `patterns`, `folders` and `entries` find files, `left_out` tells which are not read; `opened` has their handles, `stream` copies
// pipes. Of files with types: `columnar` takes their arrays to the plan's types, `parquet` and `avro` read them.
// Of text: `shape` says how it is got from the bytes, `raw` reads them, `text` cuts chunks, `carried` unwraps them, `csv` and
// `jsonl` decode them, `written` takes values to their plain form, `value` reads single ones. `feed` hands out the work,
// `scan` does it and reports; `bad`, `rejects` and `fault` tell
// what could not be read, `lines` on which line it is; `times` is about event time and arrival, `told` about columns
// that folders tell, `derived` about those that are computed before a record has a time.
pub mod around;
mod avro;
mod bad;
pub mod carried;
mod columnar;
mod csv;
pub mod derived;
pub mod documents;
mod entries;
#[cfg(test)]
mod evolution;
mod fault;
mod feed;
pub mod fields;
pub mod files;
mod folders;
pub mod infer;
mod json_text;
mod jsonl;
mod left_out;
pub mod lines;
mod opened;
mod parquet;
mod patterns;
mod raw;
mod rejects;
mod scan;
pub mod shape;
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
mod times;
pub mod told;
pub mod value;
pub mod written;

pub use avro::about_records;
pub use files::{Format, SourceFile};
pub(crate) use opened::Reading;
pub use opened::{Inputs, Opened};
pub(crate) use parquet::{damaged as damaged_parquet, guarded as guarded_parquet, load as load_parquet};
pub use rejects::{Reject, Rejects};
pub use scan::{Decoded, InputReport, Scan, ScanReport, ScanWorker, Spent};
pub use shape::{Compression, Form, Rules, Shape};

use crate::batch::{Batch, DataType, Position};
use crate::time::{TimeRule, Zone};
use derived::Derived;
use infer::CsvLayout;
use written::WrittenColumns;

/// The longest record in bytes, and so the longest value: what a file may ask to be in memory at once. It holds for a
/// record of text, a block of Avro and a page of values of Parquet, decompressed.
const LONGEST_RECORD: usize = 64 << 20;

/// The column that numbers the items of a list that is unnested, from 1.
pub const ITEM: &str = "_item";

/// The most rows that a batch of a file with types has.
const BATCH_ROWS: usize = 1 << 16;

/// A column that the job wants of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadColumn {
    /// Its name; in JSON Lines a dotted path into nested objects.
    pub name: String,
    /// The type to decode to.
    pub ty: DataType,
    /// True where the type was inferred from a sample and not declared: then an error hints at
    /// declaring it, and an integer with leading zeros is a bad value and not a number.
    pub inferred: bool,
}

/// How the event time of a record is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadTime {
    /// The column that holds it; of no account where the rule is [`TimeRule::Untimed`].
    pub column: String,
    /// How it is written there.
    pub rule: TimeRule,
}

impl ReadTime {
    /// Whether a column of the log is the event time itself, an instant: where it is text of a
    /// format or has decimals, and the job declares no type of it.
    pub fn is_instant(&self, column: &infer::InferredColumn) -> bool {
        let decimals = matches!(self.rule, TimeRule::Epoch(_)) && column.ty == DataType::Float64;
        self.column == column.name && !column.declared && (self.rule.is_format() || decimals)
    }
}

/// What to do with a record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnBadRecord {
    /// Stop with an error that names it.
    Fail,
    /// Keep it aside, and go on.
    Reject,
}

/// What a job wants of a source: resolved, immutable, shared by all workers.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    /// The files, in natural path order; `files[i].ordinal == i`.
    pub files: Vec<SourceFile>,
    /// The columns to decode, in the order of the batch's columns. A column of the same name as
    /// `time.column` and of type timestamp is a copy of the event time, else one of the same name as
    /// `arrival.column` is one of the arrival. A name may come twice, with other types.
    pub columns: Vec<ReadColumn>,
    /// Columns among these that no file has: they are computed, in this order. Positions are kept where there are any.
    pub derived: Vec<Derived>,
    /// The event time.
    pub time: ReadTime,
    /// When each record arrived, where the log says; without it, arrival order is position. May be
    /// the column of the event time.
    pub arrival: Option<ReadTime>,
    /// A record whose event time is more than so many microseconds ahead of its arrival is rejected,
    /// whatever `on_bad_record` says. Not negative; needs `arrival`.
    pub max_ahead: Option<i64>,
    /// Where times without an offset are read.
    pub zone: Zone,
    /// CSV: the byte between fields.
    pub delimiter: u8,
    /// CSV: the names of the columns where the files have no header line.
    pub names: Option<Vec<String>>,
    /// Text: how values are written, where it is not the plain way.
    pub written: WrittenColumns,
    /// What to do with a record that cannot be read.
    pub on_bad_record: OnBadRecord,
    /// Whether batches carry positions.
    pub positions: bool,
    /// Event times wanted, `[from, to)`, in microseconds; a format that can skip rows outside
    /// without reading them does, the others leave them in.
    pub from: i64,
    /// See `from`.
    pub to: i64,
    /// Whether a record without an arrival arrived at its event time; otherwise it is a bad one.
    pub arrival_optional: bool,
    /// Whether deletes of a change log have the time of their envelope, in place of that of the row.
    pub deletes: bool,
    /// Bytes of text or of Avro blocks to a chunk, or about as many of decoded Parquet rows.
    pub chunk_bytes: usize,
}

impl ReadPlan {
    /// A plan that reads the records of `files` and none of their columns, in UTC, without a time.
    pub fn of_no_column(files: Vec<SourceFile>, csv: CsvLayout, on_bad_record: OnBadRecord) -> ReadPlan {
        ReadPlan {
            files,
            columns: vec![],
            derived: vec![],
            time: ReadTime { column: String::new(), rule: TimeRule::Untimed },
            arrival: None,
            arrival_optional: false,
            deletes: false,
            max_ahead: None,
            zone: Zone::utc(),
            delimiter: csv.delimiter,
            names: csv.names.map(<[String]>::to_vec),
            written: WrittenColumns::default(),
            on_bad_record,
            positions: false,
            from: i64::MIN,
            to: i64::MAX,
            chunk_bytes: 1 << 20,
        }
    }

    /// How many rows of the columns take about `bytes` in memory, texts left out; at least one.
    fn rows_in(&self, bytes: usize) -> usize {
        let width = self.columns.iter().map(|c| match c.ty {
            DataType::Bool => 1,
            DataType::Date => 4,
            DataType::Int64 | DataType::Float64 | DataType::Timestamp => 8,
            _ => 16,
        });
        let times = 8 + 8 * usize::from(self.arrival.is_some());
        (bytes / (times + width.sum::<usize>())).clamp(1, BATCH_ROWS)
    }
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// Where the record starts, or the item of a list that is unnested: file, and byte of the uncompressed text, or number of the row or record
    /// in a Parquet or Avro file.
    pub position: Position,
    /// The column at fault, where there is one.
    pub column: Option<String>,
    /// What is wrong, in words, with the offending value.
    pub reason: String,
    /// What the user may do about it, if anything is known.
    pub hint: Option<String>,
    /// The record's text, cut to [`BadRecord::MAX_RAW`] bytes.
    pub raw: Vec<u8>,
    /// Whether it is kept aside even where the plan's `on_bad_record` says to stop.
    pub aside: bool,
}

impl BadRecord {
    /// How much of a bad record's text is kept, in bytes.
    pub const MAX_RAW: usize = 4096;

    /// The memory that it takes, in bytes.
    fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        size_of::<BadRecord>() + self.raw.len() + self.reason.len() + text(&self.column) + text(&self.hint)
    }
}

/// What one decoding step gives: rows, and the records that could not be read.
#[derive(Debug)]
struct DecodedChunk {
    /// The rows.
    batch: Batch,
    /// The records that are not rows.
    bad: bad::Bad,
    /// Where tombstones stand, which are not records.
    passed: Vec<carried::LogPlace>,
    /// Event times that are local ones which exist twice.
    twice: u64,
    /// Records without an item in the list that is unnested: they give no row.
    without_items: u64,
}
