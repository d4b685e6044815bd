//! What a driver does.

use crate::error::Result;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

/// The batches of a result, one after the other.
pub(super) type EngineBatches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// What a driver does.
pub(super) trait EngineDriver: Send {
    /// Runs a statement that gives no rows.
    fn execute(&mut self, statement: &str) -> Result<()>;
    /// Runs a statement that gives rows.
    fn query(&mut self, statement: &str) -> Result<(SchemaRef, EngineBatches)>;
    /// Appends rows to a temporary table that is there.
    fn append(&mut self, table: &str, rows: RecordBatch) -> Result<()>;
}
