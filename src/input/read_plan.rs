//! What is read of a log: columns, times, and what becomes of bad records.

use super::derived::Derived;
use super::infer::SampleLayout;
use super::source_file::SourceFile;
use super::written::WrittenColumns;
use super::{BATCH_ROWS, infer};
use crate::batch::DataType;
use crate::time::{TimeRule, Zone};

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
    /// What the job finds them by: files, folders, globs. A plan of other files keeps them, so they may stand for others.
    pub patterns: Vec<String>,
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
    pub fn of_no_column(files: Vec<SourceFile>, csv: SampleLayout, on_bad_record: OnBadRecord) -> ReadPlan {
        ReadPlan {
            files,
            patterns: vec![],
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
    pub(super) fn rows_in(&self, bytes: usize) -> usize {
        // The estimate decides the size of batches alone, and by the partition law never a result.
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

impl ReadPlan {
    /// Whether the column `name` is derived.
    pub fn derives(&self, name: &str) -> bool {
        self.derived.iter().any(|derived| self.columns[derived.column].name == name)
    }
}
