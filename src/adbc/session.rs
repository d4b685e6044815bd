//! A session with an engine: statements that change it, and results.

use super::address::EngineAddress;
use super::driver;
use super::driving::{EngineBatches, EngineDriver};
use crate::error::Result;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

/// A session. What it makes is temporary, and goes with it.
pub struct EngineSession {
    name: String,
    driver: Box<dyn EngineDriver>,
}

impl std::fmt::Debug for EngineSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineSession").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A result, as the engine gives it.
pub struct EngineRows {
    schema: SchemaRef,
    batches: EngineBatches,
}

impl std::fmt::Debug for EngineRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineRows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl EngineSession {
    /// Loads the driver of an engine and connects.
    ///
    /// # Errors
    /// A job error: there is no such driver, a variable is not set. A machine error: the engine does not answer.
    pub fn open(address: &EngineAddress) -> Result<EngineSession> {
        let mut session = EngineSession { name: address.name.clone(), driver: driver::open(address)? };
        address.setup.iter().try_for_each(|statement| session.execute(statement))?;
        Ok(session)
    }

    /// The engine's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a statement that gives no rows.
    ///
    /// # Errors
    /// The engine refuses it, or cannot compute it.
    pub fn execute(&mut self, statement: &str) -> Result<()> {
        self.driver.execute(statement)
    }

    /// Runs a query. Its rows come as they are asked for.
    ///
    /// # Errors
    /// As of [`EngineSession::execute`].
    pub fn query(&mut self, statement: &str) -> Result<EngineRows> {
        let (schema, batches) = self.driver.query(statement)?;
        Ok(EngineRows { schema, batches })
    }

    /// Appends rows to the temporary table `table`.
    ///
    /// # Errors
    /// The engine refuses them.
    pub fn append(&mut self, table: &str, rows: RecordBatch) -> Result<()> {
        self.driver.append(table, rows)
    }
}

impl EngineRows {
    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Iterator for EngineRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        self.batches.next()
    }
}
