//! Texts that are changed line by line.

use super::super::LONGEST_RECORD;
use crate::error::{Error, Result};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// What is made of each line. A line makes one line, so that lines keep their numbers.
pub(super) trait EachLine: Send {
    /// Adds to `out` what is made of `line`, which has its line end, but for one at the end of the text.
    ///
    /// # Errors
    /// The text cannot be what it is said to be.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// Adds what was kept back.
    ///
    /// # Errors
    /// As of `line`.
    fn end(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// A text of which each line is changed.
pub(super) struct ByLine<R, T> {
    from: BufReader<R>,
    each: T,
    path: PathBuf,
    line: Vec<u8>,
    out: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read, T: EachLine> ByLine<R, T> {
    pub(super) fn new(from: R, each: T, path: &Path) -> ByLine<R, T> {
        let from = BufReader::with_capacity(64 << 10, from);
        ByLine { from, each, path: path.to_path_buf(), line: vec![], out: vec![], given: 0, ended: false }
    }

    fn fill(&mut self) -> std::io::Result<()> {
        while self.out.len() < 64 << 10 && !self.ended {
            self.line.clear();
            let most = LONGEST_RECORD as u64 + 1;
            let read = self.from.by_ref().take(most).read_until(b'\n', &mut self.line)?;
            let made = match read {
                0 => {
                    self.ended = true;
                    self.each.end(&mut self.out)
                }
                n if n > LONGEST_RECORD => {
                    let (shown, most) = (self.path.display(), LONGEST_RECORD >> 20);
                    Err(Error::data(format!("{shown}: a line is longer than {most} MiB")))
                }
                _ => self.each.line(&self.line, &mut self.out),
            };
            made.map_err(std::io::Error::other)?;
        }
        Ok(())
    }
}

impl<R: Read, T: EachLine> Read for ByLine<R, T> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.given == self.out.len() {
            if self.ended {
                return Ok(0);
            }
            self.out.clear();
            self.given = 0;
            self.fill()?;
        }
        let n = out.len().min(self.out.len() - self.given);
        out[..n].copy_from_slice(&self.out[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

/// The line without its line end.
pub(super) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
