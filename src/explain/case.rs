//! A row that is being explained.

use super::outcome::RowRequest;
use super::trace::{Events, TracedRow};
use crate::batch::Position;
use crate::engine::{Progress, RunOptions};
use crate::error::Result;
use crate::plan::{OutputId, Plan};

pub struct RowContext<'a> {
    pub request: &'a RowRequest,
    pub options: &'a RunOptions,
    pub progress: &'a dyn Progress,
    pub again: &'a (dyn Fn() -> Result<Plan> + Sync),
    /// The output, by number.
    pub index: OutputId,
}

pub fn take_rows(found: &mut Events) -> Vec<(Position, TracedRow)> {
    found.groups.pop().map(|group| group.rows).unwrap_or_default()
}
