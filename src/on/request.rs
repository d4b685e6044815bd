//! What is asked of a run on an engine, and what was checked.

use crate::adbc::EngineAddress;
use crate::engine::{Progress, RunOptions};
use crate::job::{JobSpec, Overrides};
use serde::Serialize;

/// How much of the engine's result is computed here too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CheckExtent {
    /// Some groups of each output.
    #[default]
    Sample,
    /// All rows.
    All,
}

/// What was computed here too, of one output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedOutput {
    /// Its path.
    pub path: String,
    /// Rows that are the same here and there.
    pub rows: u64,
    /// Whether these are all of its rows.
    pub all: bool,
}

/// The job, and how it is run.
#[derive(Clone, Copy)]
pub struct EngineRequest<'a> {
    /// The job.
    pub spec: &'a JobSpec,
    /// What the command line says of it.
    pub overrides: &'a Overrides,
    /// The engine.
    pub engine: &'a EngineAddress,
    /// How much is computed here too.
    pub check: CheckExtent,
    /// How the machine is used.
    pub options: &'a RunOptions,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
}
