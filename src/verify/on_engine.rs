//! An engine over ADBC: the relations of a plan in one session, and the results of statements.
//!
//! # Contract
//! * What is made in the engine is temporary, and goes with the session.
//! * An engine that reads the files where they are gets statements alone. PostgreSQL reads none: the raw records are sent
//!   to its temporary tables.

mod spark;

use super::raw;
use crate::adbc::{self, EngineAddress, EngineRows, EngineSession};
use crate::batch::Schema;
use crate::engine::RunOptions;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::sql::{self, Dialect, Relation, SqlScript, words};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field, Schema as ArrowSchema};
use std::sync::Arc;

/// Records that are sent at once.
const SENT: usize = 1 << 16;

/// A session in which the relations of a plan are made as statements need them.
#[derive(Debug)]
pub struct EngineTables<'a> {
    dialect: Dialect,
    session: EngineSession,
    /// The statements that have run.
    done: Vec<String>,
    /// The relations whose records are still to be sent.
    waiting: Vec<Relation<'a>>,
}

/// The dialect that an engine reads.
///
/// # Errors
/// A job error: there is no such dialect, or none that an engine runs.
pub fn dialect(address: &EngineAddress) -> Result<Dialect> {
    let runs = |dialect: &&Dialect| matches!(dialect, Dialect::DuckDb | Dialect::Postgres | Dialect::Spark);
    let found = Dialect::ALL.iter().find(|dialect| dialect.name() == address.dialect);
    found.filter(runs).copied().ok_or_else(|| {
        let known: Vec<&str> = Dialect::ALL.iter().filter(runs).map(|dialect| dialect.name()).collect();
        let what = format!("the engine `{}` reads the SQL of {}", address.name, address.dialect);
        let why = "whose statements need a place for the files that is not known here";
        match found {
            Some(_) => Error::job(format!("{what}, {why}"))
                .hint("print them with `highwater sql`, put the place in, and run them there"),
            None => Error::job(format!("{what}, which is not a dialect")).nearest_or(
                "the dialects are",
                &address.dialect,
                known,
            ),
        }
    })
}

impl<'a> EngineTables<'a> {
    /// Connects to an engine.
    ///
    /// # Errors
    /// As of [`EngineSession::open`] and [`dialect`].
    pub fn open(plan: &'a Plan, address: &EngineAddress, options: &RunOptions) -> Result<EngineTables<'a>> {
        let dialect = dialect(address)?;
        let mut session = EngineSession::open(address)?;
        if address.is_in_process() {
            // It shares the machine with this program, and so keeps to the same bounds.
            session.execute(&format!("SET threads = {}", options.threads.max(1)))?;
            session.execute(&format!("SET memory_limit = '{}MiB'", (options.memory >> 20).max(64)))?;
            let folder = words::text(dialect, &options.spill_folder.display().to_string());
            session.execute(&format!("SET temp_directory = {folder}"))?;
        }
        if dialect == Dialect::Postgres {
            session.execute("SET datestyle TO ISO")?;
        }
        if dialect == Dialect::Spark {
            spark::begin(&mut session)?;
        }
        let waiting = if dialect == Dialect::Postgres { sql::relations(plan)? } else { vec![] };
        Ok(EngineTables { dialect, session, done: vec![], waiting })
    }

    /// The dialect of its statements.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The rows of a statement, whose relations are made if they are not there.
    ///
    /// # Errors
    /// The engine refuses a statement; records that cannot be read.
    pub fn rows(&mut self, script: &SqlScript) -> Result<EngineRows> {
        for statement in &script.setup {
            if self.done.contains(statement) {
                continue;
            }
            self.session.execute(statement)?;
            self.done.push(statement.clone());
            self.load(statement)?;
        }
        self.session.query(&script.query)
    }

    /// Sends the records of the relation whose table `statement` has made, if it has made one.
    fn load(&mut self, statement: &str) -> Result<()> {
        let makes = |relation: &Relation| {
            let table = words::ident(self.dialect, &format!("{}_text", relation.name));
            statement.starts_with(&format!("CREATE TEMP TABLE {table}"))
        };
        let Some(place) = self.waiting.iter().position(makes) else { return Ok(()) };
        let relation = self.waiting.remove(place);
        let table = format!("{}_text", relation.name);
        let rows = text_rows(&relation)?;
        for from in (0..rows.num_rows()).step_by(SENT) {
            self.session.append(&table, rows.slice(from, SENT.min(rows.num_rows() - from)))?;
        }
        self.session.execute(&format!("ANALYZE pg_temp.{}", words::ident(self.dialect, &table)))
    }

    /// All rows of a statement. Columns that `schema` names come as its types, where their values are of these.
    ///
    /// # Errors
    /// As of [`EngineTables::rows`]; a value that no type of ours holds.
    pub fn table(&mut self, script: &SqlScript, schema: &Schema) -> Result<RecordBatch> {
        let rows = self.rows(script)?;
        let own = rows.schema().clone();
        let batches = rows.collect::<Result<Vec<RecordBatch>>>()?;
        let all = arrow_select::concat::concat_batches(&own, &batches).map_err(|e| {
            Error::machine("the batches of the engine's result do not fit together").caused_by(e)
        })?;
        adbc::towards(&all, schema)
    }
}

/// The raw records of a relation as the table of text has them: texts, and positions.
fn text_rows(relation: &Relation) -> Result<RecordBatch> {
    let raw = raw::read(relation)?;
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (vec![], vec![]);
    for (name, array) in &raw.columns {
        let column = match name == sql::POSITION {
            true => array.clone(),
            false => arrow_cast::cast(&raw::text::of(array)?, &ArrowType::Utf8)
                .map_err(|e| Error::machine(format!("cannot send the column `{name}`")).caused_by(e))?,
        };
        fields.push(Field::new(name, column.data_type().clone(), true));
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns)
        .map_err(|e| Error::fault("a batch has the wrong shape").caused_by(e))
}
