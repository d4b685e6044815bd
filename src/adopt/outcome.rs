//! What is asked of an adoption, and what became of the outputs.

use crate::plan::{OutputId, Plan};
use crate::sink::Account;
use crate::verify::Verified;

/// What is asked of [`adopt`](super::adopt).
#[derive(Debug, Clone, Default)]
pub struct AdoptRequest {
    /// Whether files whose rows are not those of the replay are replaced.
    pub repair: bool,
    /// Whether nothing is to be written.
    pub plan_only: bool,
    /// How many differing rows are shown.
    pub show: usize,
}

/// What became of the outputs.
#[derive(Debug)]
pub struct AdoptOutcome {
    /// The plan of the job.
    pub plan: Plan,
    /// Where every record of the replay went.
    pub account: Account,
    /// The outputs that are files, in the job's order.
    pub outputs: Vec<AdoptedOutput>,
    /// Whether anything was committed.
    pub applied: bool,
}

/// What became of one output.
#[derive(Debug)]
pub struct AdoptedOutput {
    /// Its number.
    pub(super) id: OutputId,
    /// Its path.
    pub path: String,
    /// Files in place before.
    pub files: usize,
    /// Rows of the replay.
    pub rows: u64,
    /// What became of it.
    pub result: AdoptResult,
}

/// What becomes of an output.
#[derive(Debug)]
pub enum AdoptResult {
    /// Its files or its table are the rows of the replay, and stay as they are.
    Adopted,
    /// It is an output of the job already.
    Already,
    /// Its files are replaced by those of the replay: why.
    Repaired(String),
    /// Nothing was in place, so the rows of the replay are written.
    Written,
    /// Its files are not the rows of the replay: why, and how they differ where rows can be compared.
    Different(String, Option<Box<Verified>>),
}

impl AdoptOutcome {
    /// Whether an output in place is not that of the replay, and stays so.
    pub fn differs(&self) -> bool {
        self.outputs.iter().any(|output| matches!(output.result, AdoptResult::Different(..)))
    }
}
