//! A record that could not be read.

use crate::batch::Position;

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// Where the record starts, or the item of a list that is unnested: file, and byte of the uncompressed text, or number of the row or record
    /// in a Parquet or Avro file.
    pub position: Position,
    /// The column at fault, where there is one.
    pub column: Option<String>,
    /// What is wrong, in words, with the offending value.
    pub reason: String,
    /// What the user may do about it, if anything is known.
    pub hint: Option<String>,
    /// The record's text, cut to [`BadRecord::MAX_RAW`] bytes.
    pub raw: Vec<u8>,
    /// Whether it is kept aside even where the plan's `on_bad_record` says to stop.
    pub aside: bool,
}

impl BadRecord {
    /// How much of a bad record's text is kept, in bytes.
    pub const MAX_RAW: usize = 4096;

    /// The memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        size_of::<BadRecord>() + self.raw.len() + self.reason.len() + text(&self.column) + text(&self.hint)
    }
}
