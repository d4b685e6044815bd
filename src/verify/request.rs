//! What is asked of a comparison: with which results, and how exactly.

use super::compare::{ComparisonRules, ResultFormat};
use crate::adbc::EngineAddress;
use crate::engine::{Progress, RunOptions};
use crate::pg::ServerAddress;
use crate::table::{CatalogTable, SnapshotChoice};
use std::path::PathBuf;
use std::sync::Arc;

/// What the results of a job are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// The SQL of the job itself, as `sql` prints it.
    Printed,
    /// A file with a query over the relations of [`crate::sql`].
    Query(PathBuf),
    /// A result: a file, a folder of parts, or a table.
    Result(GivenResult),
    /// CSV with a header line, on stdin.
    Stdin,
}

/// A result that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenResult {
    /// Its path.
    pub path: PathBuf,
    /// Of a table which snapshot.
    pub snapshot: SnapshotChoice,
    /// Of a table the catalog that knows it, if it has one.
    pub catalog: Option<Arc<CatalogTable>>,
}

impl From<PathBuf> for GivenResult {
    fn from(path: PathBuf) -> GivenResult {
        GivenResult { path, snapshot: SnapshotChoice::Current, catalog: None }
    }
}

/// What is asked of [`verify`](crate::verify::verify).
pub struct VerifyRequest<'a> {
    /// What is there.
    pub against: Against,
    /// The server that runs SQL, in place of the embedded referee.
    pub server: Option<ServerAddress>,
    /// The engine that runs the SQL of the job, in place of the embedded referee.
    pub engine: Option<EngineAddress>,
    /// The output that is compared, by its path; all of them where none is named.
    pub output: Option<String>,
    /// The columns that pair rows; window and keys of the output where none is named.
    pub keys: Vec<String>,
    /// Columns that are expressions over those of the output: the name there, and the SQL.
    pub map: Vec<(String, String)>,
    /// Columns that are not compared.
    pub ignore: Vec<String>,
    /// By column: the absolute and the relative difference that is none.
    pub tolerance: Vec<(String, f64, f64)>,
    /// How many differing rows are shown.
    pub show: usize,
    /// How the other side is written, if it is a file of text.
    pub there: ResultFormat,
    /// Whether the events of differing groups are listed.
    pub trace: bool,
    /// Whether the verdict leaves out all values of rows, and has counts, columns and outputs alone.
    pub hide_values: bool,
    /// How the machine is used.
    pub options: &'a RunOptions,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
}

impl<'a> VerifyRequest<'a> {
    /// Every output against the job's own SQL, by the embedded referee: all columns, to the last digit. No differing row
    /// is shown.
    pub fn printed(options: &'a RunOptions, progress: &'a dyn Progress) -> VerifyRequest<'a> {
        VerifyRequest {
            against: Against::Printed,
            server: None,
            engine: None,
            output: None,
            keys: vec![],
            map: vec![],
            ignore: vec![],
            tolerance: vec![],
            show: 0,
            there: ResultFormat::default(),
            trace: false,
            hide_values: false,
            options,
            progress,
        }
    }
}

impl VerifyRequest<'_> {
    pub(super) fn rules(&self, keys: Vec<String>) -> ComparisonRules {
        ComparisonRules {
            keys,
            ignore: self.ignore.clone(),
            tolerance: self.tolerance.clone(),
            there: self.there.clone(),
            show: self.show,
            hide_values: self.hide_values,
            memory: self.options.memory,
            threads: self.options.threads,
        }
    }
}
