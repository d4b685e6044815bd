//! The dialects of SQL, the script of an output, and the columns that every statement has.

/// The column of the event time in a relation.
pub const TIME: &str = "_time";

/// The column of the position in a relation.
pub const POSITION: &str = "_position";

/// The column of the time at which a record arrived, in the source of a streamed job whose log tells it.
pub const ARRIVAL: &str = "_arrival";

/// The column of the file that a record is in, in the source of a streamed job whose files are the partitions of the log.
pub const OF_FILE: &str = "_of_file";

/// The columns of the bounds of windows behind the columns of an output: see [`super::script_with_times`].
pub const WINDOW_START: &str = "_start";

/// See [`WINDOW_START`].
pub const WINDOW_END: &str = "_end";

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Polars, the embedded referee.
    Polars,
    /// DuckDB.
    DuckDb,
    /// PostgreSQL, from version 14.
    Postgres,
    /// Apache Spark, from version 3.5.
    Spark,
    /// Apache Flink, from version 2.3, in batch mode.
    Flink,
    /// Google BigQuery.
    BigQuery,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 6] = [
        Dialect::Polars,
        Dialect::DuckDb,
        Dialect::Postgres,
        Dialect::Spark,
        Dialect::Flink,
        Dialect::BigQuery,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Polars => "polars",
            Dialect::DuckDb => "duckdb",
            Dialect::Postgres => "postgres",
            Dialect::Spark => "spark",
            Dialect::Flink => "flink",
            Dialect::BigQuery => "bigquery",
        }
    }

    /// Whether it knows the order of records within files.
    pub fn knows_order(self) -> bool {
        !matches!(self, Dialect::Flink | Dialect::BigQuery)
    }

    /// Its name in a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Dialect::Polars => "Polars",
            Dialect::DuckDb => "DuckDB",
            Dialect::Postgres => "PostgreSQL",
            Dialect::Spark => "Spark",
            Dialect::Flink => "Flink",
            Dialect::BigQuery => "BigQuery",
        }
    }
}

/// What computes one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlScript {
    /// Statements that make the relations out of the files, each without its semicolon.
    pub setup: Vec<String>,
    /// One statement, without its semicolon: the rows of the output.
    pub query: String,
    /// What a reader should know: where engines differ in the last digit, what no engine has run yet.
    pub notes: Vec<String>,
}
