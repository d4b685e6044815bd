//! Steps of `mode = "streamed"`: what they look into, and which of them wait.

use super::{EnrichPlan, Mode, Pipeline, Plan, Step, StepId, TableId, Try};
use crate::asof::Direction;

impl Plan {
    /// Whether outputs of both modes need steps of both: then the source is read for each mode.
    pub fn needs_both_modes(&self) -> bool {
        let mut outputs = self.deliveries.outputs.iter();
        self.pipeline.steps_are_streamed() && outputs.any(|output| output.mode == Some(Mode::Complete))
    }
}

impl Pipeline {
    /// Whether steps see what had arrived, in arrival order.
    pub fn steps_are_streamed(&self) -> bool {
        self.step_mode == Mode::Streamed
    }

    /// Whether `step` sees events in the order of their arrival. The step that drops repeated offsets does not: its
    /// duplicates are the same record.
    pub fn is_by_arrival(&self, step: StepId) -> bool {
        self.steps_are_streamed() && !(self.offsets.is_some() && step.place() == 0)
    }

    /// The table of timed rows that `enrich` looks into as they arrive, if any.
    pub fn arriving(&self, enrich: &EnrichPlan) -> Option<TableId> {
        enrich.tries.iter().find_map(|attempt| match attempt {
            Try::AsOf { table, .. } if self.steps_are_streamed() && self.tables[*table].is_timed() => {
                Some(*table)
            }
            _ => None,
        })
    }

    /// The number of a table's log in the merged order. What steps ask of one table in several ways is one log.
    pub fn log_of(&self, table: TableId) -> u16 {
        let name = &self.tables[table].name;
        let first = self.tables.iter().position(|other| other.name == *name);
        // A job has far fewer tables.
        first.unwrap_or(table.place()) as u16
    }

    /// Whether a step lets events wait for rows that come after them.
    pub fn waits(&self) -> bool {
        self.steps_are_streamed() && self.steps.iter().any(|step| self.is_waiting(step))
    }

    /// Whether `step` lets events wait, where it is streamed.
    pub fn is_waiting(&self, step: &Step) -> bool {
        let Step::Enrich(enrich) = step else { return false };
        enrich.tries.iter().any(|attempt| match attempt {
            Try::AsOf { table, reach, .. } => {
                reach.direction != Direction::Backward && self.tables[*table].is_timed()
            }
            Try::Service(_) | Try::Constant(_) => false,
        })
    }
}

/// The length of a state as distances are compared: one of exactly that length has passed in arrival order, as a
/// time-to-live has it, and has not in replay order.
pub fn expiry(within: Option<i64>, by_arrival: bool) -> Option<i64> {
    within.map(|within| within - i64::from(by_arrival))
}
