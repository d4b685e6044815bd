//! What goes to a table, and the rows that are on the connection.

use crate::batch::Schema;
use crate::pg::TableAddress;
use std::collections::BTreeSet;

/// A table, and what goes to it.
#[derive(Debug, Clone, Copy)]
pub struct PublishSpec<'a> {
    /// Where it is.
    pub address: &'a TableAddress,
    /// The columns that are written; it may have others.
    pub schema: &'a Schema,
    /// Those that tell rows apart.
    pub key: &'a [usize],
    /// The zone of its local times, where the job declares it.
    pub zone: Option<&'a str>,
}

/// Rows to write, on the connection.
pub(super) const PUT: &str = "pg_temp.highwater_put";
/// Keys of rows that the output had.
pub(super) const GONE: &str = "pg_temp.highwater_gone";

/// Rows on the connection.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub rows: u64,
    /// The columns of the key that were NULL in one of them.
    pub nulls: BTreeSet<usize>,
}
