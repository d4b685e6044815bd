//! PostgreSQL as a referee: the raw records by COPY into temporary tables, and a query over them.

use crate::error::{Error, Result};
use crate::job::Plan;
use crate::pg::Server;
use crate::sql::Script;
use arrow_array::RecordBatch;

/// Loads the records of `plan` into temporary tables of one session, runs the setup of `script` and its query,
/// and gives the result. Nothing is left on the server.
///
/// # Errors
/// A machine error of the connection; a job error where the server refuses the SQL, with its words and place.
pub fn run(_plan: &Plan, _script: &Script, _server: &Server) -> Result<RecordBatch> {
    Err(Error::job("no server yet"))
}
