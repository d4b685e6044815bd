//! What one chunk of a file gives: rows, and records that could not be read.

use super::{bad, wire_format};
use crate::batch::Batch;

/// What one decoding step gives: rows, and the records that could not be read.
#[derive(Debug)]
pub(in crate::input) struct DecodedChunk {
    /// The rows.
    pub(in crate::input) batch: Batch,
    /// The records that are not rows.
    pub(in crate::input) bad: bad::Bad,
    /// Where tombstones stand, which are not records.
    pub(in crate::input) passed: Vec<wire_format::LogPlace>,
    /// Event times that are local ones which exist twice.
    pub(in crate::input) twice: u64,
    /// Records without an item in the list that is unnested: they give no row.
    pub(in crate::input) without_items: u64,
}
