//! What a commit gives: files of the state on their way, and what was done to each output.

use super::stage::StagedFile;
use crate::error::{Error, Result};

/// A file of an output's state while it is written; see [`stage_state`](super::Transaction::stage_state). Dropped without
/// [`StateFile::finish`], it is not there, and the commit fails.
#[derive(Debug)]
pub struct StateFile(pub(super) StagedFile);

impl StateFile {
    /// Ends the file, and makes its bytes durable.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn finish(self) -> Result<()> {
        self.0.finish(0, None).map(drop)
    }

    /// The error of a failed write to this file.
    pub fn failed(&self, cause: std::io::Error) -> Error {
        self.0.failed(cause)
    }
}

impl std::io::Write for StateFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    /// Does nothing: bytes reach the disk when the file is finished.
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a commit did, output by output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitReport {
    /// In the order of the targets.
    pub outputs: Vec<OutputReport>,
}

/// What a commit did to one output. Paths are relative to it, and sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputReport {
    /// Parts that are new or have new content.
    pub written: Vec<String>,
    /// Parts that were left as they were.
    pub unchanged: usize,
    /// Parts that were removed.
    pub removed: Vec<String>,
    /// How many of the parts written, and of those of the state, are the parts that were there, written again: their
    /// files were gone, or had been changed from outside.
    pub restored: usize,
}
