//! Delta Lake, read by its log.
//!
//! # Contract
//! * A version is what the newest whole checkpoint before it says and then each commit up to it; none may be missing.
//! * A table is read where its protocol has nothing that changes what a file holds: no deletion vector on a file that counts, no
//!   mapping of columns. Every other feature that its readers need to know is refused by its name.
//! * The values of partition columns stand in folders of their names, as all writers lay them out; a file that lies
//!   elsewhere is refused, because its values would be lost.
//!
//! Source: <https://github.com/delta-io/delta/blob/master/PROTOCOL.md>

mod actions;
mod checkpoint;
mod log;
#[cfg(test)]
mod tests;
mod version;

pub use version::{is_table, snapshot};
