//! Documents of JSON that are not an object a line: a list of records, records over several lines, or a list somewhere
//! inside of a document.
//!
//! # Contract
//! * A document is made into lines, one record to each, as it is read: no more than a block of it is in memory. Lines are
//!   what all readers of JSON Lines take, and positions are places in these lines.
//! * A text that is broken or cut short gives its records up to there, and then an error: never fewer records without a
//!   word.
//! * How a file is laid out is told by its first bytes alone (`look::recognise`), or by a pointer that the job gives.

mod look;
mod pointer;
mod scanner;
#[cfg(test)]
mod tests;

pub(in crate::input) use look::recognise;
pub use look::{at, list_inside};
pub use pointer::Pointer;
pub(in crate::input) use scanner::{RecordMarks, Stopped};

use scanner::Scanner;
use std::io::{ErrorKind, Read};

/// Read at once.
const BLOCK: usize = 64 << 10;

/// How the records of a document are found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordPath {
    /// Where the list of the records is; none where each document is a record or a list of them.
    pub records: Option<Pointer>,
}

/// The records of documents as lines.
pub(in crate::input) struct Lines<R> {
    from: R,
    scanner: Scanner,
    block: Vec<u8>,
    out: Vec<u8>,
    /// How much of `out` was handed out.
    given: usize,
    ended: bool,
    stopped: Option<Stopped>,
}

impl<R: Read> Lines<R> {
    /// The records of the documents that `from` gives; where they begin is told to `marks`.
    pub(in crate::input) fn of(from: R, layout: &RecordPath, marks: Option<RecordMarks>) -> Lines<R> {
        let mut scanner = Scanner::new(layout.records.clone());
        scanner.marks = marks;
        let (block, out) = (vec![0; BLOCK], vec![]);
        Lines { from, scanner, block, out, given: 0, ended: false, stopped: None }
    }

    /// Makes more lines. What cannot be read any more is told when all before it was handed out.
    fn more(&mut self) -> std::io::Result<()> {
        self.out.clear();
        self.given = 0;
        let read = self.from.read(&mut self.block)?;
        let outcome = match read {
            0 => {
                self.ended = true;
                self.scanner.end(&mut self.out)
            }
            _ => self.scanner.take(&self.block[..read], &mut self.out),
        };
        // Records that were whole before it are in `out`, and are handed out first.
        self.stopped = outcome.err();
        Ok(())
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let left = &self.out[self.given..];
            if !left.is_empty() && !out.is_empty() {
                let taken = left.len().min(out.len());
                out[..taken].copy_from_slice(&left[..taken]);
                self.given += taken;
                return Ok(taken);
            }
            if let Some(stopped) = &self.stopped {
                return Err(std::io::Error::new(ErrorKind::InvalidData, stopped.clone()));
            }
            if self.ended || out.is_empty() {
                return Ok(0);
            }
            match self.more() {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => other?,
            }
        }
    }
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Stopped {}
