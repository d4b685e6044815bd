//! Groups: (window, key) → partial aggregates, folded per worker and merged at the end.
//!
//! # Contract
//! The result is a function of the set of rows alone. Keys become codes once per worker, in the
//! order of their appearance; codes never leave this module: groups come out sorted by (window
//! start, key columns), NULLs last, floats by value with −0 = 0 and NaN the greatest.

mod keys;
mod merge;
mod pane;
mod spill;
mod table;

pub use keys::{ColumnCodes, KeyCodes};
pub use merge::{GroupBlock, Merged};
pub use spill::SpillSpace;
pub use table::{GroupPlan, GroupTable, Lateness};
