//! What is compared, by which rules, and what came of it.

use super::written::ResultFormat;
use crate::batch::Schema;
use crate::input::SourceFile;
use crate::sink::fields;
use arrow_array::RecordBatch;
use serde::Serialize;
use std::path::PathBuf;

/// A result to be compared.
#[derive(Debug, Clone)]
pub enum ResultTable {
    /// In memory.
    Rows {
        /// The columns of every batch.
        schema: Schema,
        /// The rows.
        batches: Vec<RecordBatch>,
    },
    /// In files, of one result: columns that stand in the path alone (`date=2024-02-29`) are columns too.
    Files(Vec<PathBuf>),
    /// Files that were looked at already: a pipe is read once.
    Opened(Vec<SourceFile>),
}

/// What counts as the same.
#[derive(Debug, Clone, Default)]
pub struct ComparisonRules {
    /// The columns that pair rows; all columns where there are none.
    pub keys: Vec<String>,
    /// Columns that are not compared.
    pub ignore: Vec<String>,
    /// By column: the absolute and the relative difference that is none.
    pub tolerance: Vec<(String, f64, f64)>,
    /// How the other side is written.
    pub there: ResultFormat,
    /// How many differing rows are kept in full.
    pub show: usize,
    /// Whether notes leave out values of rows.
    pub hide_values: bool,
    /// Bytes of memory.
    pub memory: u64,
    /// Worker threads.
    pub threads: usize,
}

/// How two results differ.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// Columns that one side lacks, or that are of types that cannot be compared.
    pub schema: Vec<SchemaDifference>,
    /// Rows here.
    pub here: u64,
    /// Rows there.
    pub there: u64,
    /// Rows that are the same.
    pub matched: u64,
    /// Rows whose keys only this side has.
    pub only_here: u64,
    /// Rows whose keys only the other side has.
    pub only_there: u64,
    /// Rows of the same keys and other values.
    pub differing: u64,
    /// Per column that is compared and is no key.
    pub columns: Vec<ColumnCount>,
    /// The first rows that are not the same, by key: NULL comes first, numbers and times by size, texts by bytes.
    pub rows: Vec<RowDifference>,
    /// Keys that come more than once on a side, the first of them; at most as many as rows are shown.
    pub duplicates: Vec<Duplicate>,
    /// How many such keys; one that does on both sides is one.
    pub duplicate_keys: u64,
    /// What was found by itself of how the results are written.
    pub notes: Vec<String>,
}

impl Comparison {
    /// The rows that are not the same: those that differ, and those of one side.
    pub fn different(&self) -> u64 {
        self.only_here + self.only_there + self.differing
    }

    /// The rows of both sides, each pair once.
    pub fn compared(&self) -> u64 {
        self.matched + self.different()
    }

    /// Forgets all values of rows; counts stay.
    pub fn forget_values(&mut self) {
        self.rows.clear();
        self.duplicates.clear();
    }

    /// Whether nothing differs.
    pub fn same(&self) -> bool {
        self.schema.is_empty() && self.only_here + self.only_there + self.differing + self.duplicate_keys == 0
    }
}

/// Which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhichSide {
    /// Ours.
    Here,
    /// Theirs.
    There,
}

/// A column that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaDifference {
    /// Only one side has it.
    Only(WhichSide, String),
    /// The types have no values in common: name, type here, type there.
    Types(String, String, String),
}

/// What became of the values of a column, in rows that both sides have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ColumnCount {
    /// Its name.
    #[serde(rename = "column")]
    pub name: String,
    /// The same, NULL and NULL among them.
    pub matched: u64,
    /// NULL here alone.
    pub null_here: u64,
    /// NULL there alone.
    pub null_there: u64,
    /// Different values.
    pub different: u64,
}

/// A row that is not the same. Values are text as CSV has them; NULL is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDifference {
    /// Key columns and values.
    pub key: Vec<(String, Option<String>)>,
    /// The side that alone has it; none where both have it.
    pub only: Option<WhichSide>,
    /// The columns that differ, with the values here and there; of a row of one side all that are no keys.
    pub cells: Vec<(String, Option<String>, Option<String>)>,
}

/// A key that comes more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// Where.
    pub side: WhichSide,
    /// Key columns and values.
    #[serde(serialize_with = "fields::object")]
    pub key: Vec<(String, Option<String>)>,
    /// How often.
    pub rows: u64,
}
