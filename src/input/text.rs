//! Text files as chunks of whole records: reading, decompressing, hashing, cutting.

/// A run of whole records of one text file.
#[derive(Debug)]
pub struct TextChunk {
    /// The ordinal of the file.
    pub file: u32,
    /// The byte of the uncompressed text (a BOM counted) at which `bytes` starts.
    pub offset: u64,
    /// Whole records with their line ends; only the file's last record may lack one.
    pub bytes: Vec<u8>,
    /// CSV: every quote is known to open, close or double where it may, and the last record to end
    /// with the chunk. True where there are no quotes. Nothing is known where false.
    pub clean: bool,
}
