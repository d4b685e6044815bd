//! Delta Lake, read and written by its log.
//!
//! # Contract
//! * A version is what the newest whole checkpoint before it says and then each commit up to it; none may be missing.
//! * A table is read where its protocol has nothing that changes what a file holds: no deletion vector on a file that counts, no
//!   mapping of columns. Every other feature that its readers need to know is refused by its name.
//! * The values of partition columns stand in folders of their names, as all writers lay them out; a file that lies
//!   elsewhere is refused, because its values would be lost.
//! * What is written is of protocol 1 and 2. Parts lie in folders below that of the table. Programs that clean tables leave the
//!   state folder alone, as its name begins with `_`.
//!
//! # Why not a crate
//! `deltalake-core` writes with DataFusion alone, and `delta_kernel` calls itself experimental. What is written here is a file
//! of JSON and a small Parquet file.
//!
//! Source: <https://github.com/delta-io/delta/blob/master/PROTOCOL.md>

mod actions;
mod checkpoint;
mod commit;
mod describe;
mod expire;
mod loaded;
mod log;
mod new_checkpoint;
mod schema;
mod statistics;
#[cfg(test)]
mod tests;
mod version;

pub use commit::{column_ids, plan_commit};
pub use expire::expire;
pub use loaded::DeltaTable;
pub(super) use log::{LOG, commit_name, is_behind, newest, newest_file, versions};
pub use version::{is_table, snapshot};
