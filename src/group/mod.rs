//! Groups: (window, key) → partial aggregates, folded per worker and merged at the end.
//!
//! ```text
//! rows ── table: keys → codes, slices → panes, slots ──▶ partial aggregates of a worker
//!            │ memory is short: spill (sorted runs)
//!            ▼
//! merge: memory or runs ── compose: panes → windows ──▶ blocks of groups, in order
//! ```
//!
//! # Contract
//! * The result is a function of the set of rows alone (with lateness: of what each row's watermark
//!   was too). Keys become codes once per worker, in the order of their appearance; codes never leave
//!   this module: groups come out sorted by (window start, window end, key columns), NULLs last,
//!   floats by value with −0 = 0 and NaN the greatest.
//! * An event is folded once, into its slice of time; a window is the union of its slices. Late events
//!   are folded apart, by class, so that each window and each delay can count them or not.

mod block;
mod compose;
mod cumulative;
mod kept;
mod key_texts;
mod key_words;
mod keys;
mod lateness;
mod memory;
mod merge;
mod nearby;
mod pane;
mod panes;
mod plan;
mod rank;
mod runs;
mod session;
mod spill;
mod states;
mod table;
mod text_lanes;

pub use block::{AuditBlock, GroupBlock};
pub use compose::GroupsAtDelay;
pub use kept::KeptGroups;
pub use keys::{ColumnCodes, KeyCodes};
pub use lateness::own_millisecond;
pub use merge::Merged;
pub use plan::{GroupPlan, Lateness, SessionRule};
pub use rank::key_rows;
pub use session::LiveSessions;
pub use spill::SpillSpace;
pub use table::{GroupTable, NotCounted};
