//! What is known of the work of a command.

use crate::deliver::{Outcome, OutputOutcome};
use crate::plan::Plan;
use crate::sink::{Account, Watermarks};

/// What is known of a command's work, as far as it came.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The job's name and hash.
    pub job: Option<(String, String)>,
    /// Where every record went.
    pub account: Option<Account>,
    /// How far event time reached.
    pub watermarks: Option<Watermarks>,
    /// Files and their bytes.
    pub inputs: Option<(u64, u64)>,
    /// The outputs: path, rows, parts written.
    pub outputs: Vec<(String, u64, u64)>,
    /// Of a comparison, per output: rows that are the same, that differ, and that only one side has.
    pub compared: Vec<(String, [u64; 4])>,
}

impl Facts {
    /// The job is known.
    pub fn plan(&mut self, plan: &Plan) {
        self.job = Some((plan.name.clone(), plan.hash.clone()));
    }

    /// A run is done.
    pub fn outcome(&mut self, outcome: &Outcome) {
        self.account = Some(outcome.account);
        self.watermarks = outcome.watermarks;
        let bytes = outcome.inputs.iter().map(|input| input.bytes).sum();
        self.inputs = Some((outcome.inputs.len() as u64, bytes));
        self.outputs = outcome.outputs.iter().map(output).collect();
    }
}

fn output(output: &OutputOutcome) -> (String, u64, u64) {
    (output.to.to_string(), output.rows, output.written as u64)
}
