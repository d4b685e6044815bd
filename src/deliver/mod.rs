//! Results of a pass → outputs in place: parts, late rows, tables of servers.
//!
//! # Contract
//! Outputs are staged, and committed together at the end. Until then those in place are not touched. A stream
//! (`piped`) touches none of them.

mod encoding;
pub(crate) mod events;
pub(crate) mod groups;
pub(crate) mod late;
mod outcome;
pub(crate) mod partitioned;
mod passed;
mod piped;
mod places;
mod rows_again;
pub(crate) mod server_tables;
pub(crate) mod shape;
mod staged;
mod stamps;
pub(crate) mod state;
pub(crate) mod tables;

pub(crate) use events::ArchiveFiles;
pub use late::{schema as late_schema, with_own as with_late_columns};
pub(crate) use outcome::balances;
pub use outcome::{Outcome, OutputOutcome};
pub(crate) use passed::Results;
pub(crate) use piped::pipe;
pub use places::recover;
pub(crate) use places::{places, target, target_number, targets};
pub(crate) use rows_again::{FileState, FoundRows, RowsAgain};
pub use server_tables::Published;
pub(crate) use staged::{Staged, drafts, input_entries, stage, write};
pub(crate) use stamps::keep as keep_stamps;
pub use stamps::recall as recall_stamps;
