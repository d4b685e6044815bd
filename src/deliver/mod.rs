//! Results of a pass → outputs in place: parts, late rows, tables of servers.
//!
//! # Contract
//! Outputs are staged, and committed together at the end. Until then those in place are not touched.

pub(crate) mod events;
pub(crate) mod groups;
pub(crate) mod late;
mod outcome;
pub(crate) mod partitioned;
mod places;
pub(crate) mod server_tables;
pub(crate) mod shape;
mod staged;
pub(crate) mod state;

pub use late::schema as late_schema;
pub(crate) use outcome::balances;
pub use outcome::{Outcome, OutputOutcome};
pub use places::recover;
pub(crate) use places::{places, target};
pub use server_tables::Published;
pub(crate) use staged::{Results, Staged, drafts, input_entries, stage, write};
