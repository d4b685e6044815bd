//! The SQL of a job: for each output one statement that gives its rows, from the raw records alone.
//!
//! # Contract
//! * The statement computes the output in `complete` mode: its columns, by the same names and in the same order,
//!   and exactly the rows that a run writes, whatever engine reads it. Where an engine cannot (floats are added in
//!   some order, say), [`Script::notes`] tells; what a dialect has no words for is an error that names it.
//! * Statements read **relations**: `source`, and one by the name of each table of the job. A relation has the columns
//!   that the job reads, with the types of the job, then `_time`, the event time (tables without a time have none),
//!   and `_position`, which numbers the records of all files in position order from 0. Only rows of records that
//!   are no bad records are in it.
//! * How a dialect makes relations out of the files is [`Script::setup`]; in the dialect of Polars there is none:
//!   frames of those names are registered (`verify` does so).
//! * Every step and stage is a CTE by its own name, in the order of the job.

pub mod expr;
pub mod source;
pub mod words;

use crate::batch::{DataType, Field};
use crate::error::{Error, Result};
use crate::input::ReadPlan;
use crate::job::Plan;
use crate::time::TimeRule;

/// The column of the event time in a relation.
pub const TIME: &str = "_time";
/// The column of the position in a relation.
pub const POSITION: &str = "_position";

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
    /// Apache Flink, from version 1.18, in batch mode.
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
}

/// What computes one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Statements that make the relations out of the files, each without its semicolon.
    pub setup: Vec<String>,
    /// One statement, without its semicolon: the rows of the output.
    pub query: String,
    /// What a reader should know: where engines differ in the last digit, what no engine has run yet.
    pub notes: Vec<String>,
}

/// A relation that statements read.
#[derive(Debug, Clone)]
pub struct Relation<'a> {
    /// `source`, or the name of a table.
    pub name: String,
    /// How its records are read.
    pub read: &'a ReadPlan,
    /// Its columns: those that are read, `_time` if it has a time, `_position`.
    pub fields: Vec<Field>,
}

/// The relations of `plan`: the source, then each table once.
///
/// # Errors
/// A job error: a column or table whose name is one of ours.
pub fn relations(plan: &Plan) -> Result<Vec<Relation<'_>>> {
    let mut all = vec![relation("source", &plan.read)?];
    for table in &plan.tables {
        if !all.iter().skip(1).any(|known| known.name == table.name) {
            if table.name == "source" {
                return Err(Error::job("a table is called `source`, as the source is in SQL"));
            }
            all.push(relation(&table.name, &table.read)?);
        }
    }
    Ok(all)
}

fn relation<'a>(name: &str, read: &'a ReadPlan) -> Result<Relation<'a>> {
    let mut fields: Vec<Field> = vec![];
    for column in &read.columns {
        if column.name == TIME || column.name == POSITION {
            return Err(Error::job(format!("the column `{}` has a name that SQL needs", column.name)));
        }
        // A name may come twice, with other types: statements see the first.
        if !fields.iter().any(|f| f.name == column.name) {
            fields.push(Field::new(&column.name, column.ty));
        }
    }
    if read.time.rule != TimeRule::Untimed {
        fields.push(Field::new(TIME, DataType::Timestamp));
    }
    fields.push(Field::new(POSITION, DataType::Int64));
    Ok(Relation { name: name.to_string(), read, fields })
}

/// The SQL of output number `output` of `plan`.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub fn script(_plan: &Plan, _output: usize, dialect: Dialect) -> Result<Script> {
    Err(Error::job(format!("no SQL for {} yet", dialect.name())))
}
