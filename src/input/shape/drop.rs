//! Lines that are no records: a title before the header, `sep=;`, comments, totals at the end.
//!
//! # Contract
//! * A line that is left out is an empty line in its place.
//! * Lines are not left out inside of a quoted field.
//! * What comes after the end that the job names is short, or it was not the end.

use super::super::csv::record::LONGEST_QUOTED;
use super::Shape;
use super::lines::{EachLine, without_end};
use crate::error::{Error, Result};
use memchr::{memchr, memchr2};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// The most lines that may follow the first one of an end.
const MOST_AFTER: usize = 100;

/// Leaves lines out.
pub(super) struct Drop {
    path: PathBuf,
    skip: usize,
    comment: Option<Vec<u8>>,
    until: Option<Vec<u8>>,
    footer: usize,
    escape: Option<u8>,
    delimiter: u8,
    /// How many bytes a quoted field has so far that goes on on the next line.
    open: Option<usize>,
    /// The last lines, of which `footer` that are not empty may be the end.
    held: VecDeque<Vec<u8>>,
    full: usize,
    /// Lines after the end.
    after: Option<usize>,
}

impl Drop {
    pub(super) fn new(shape: &Shape, path: &Path) -> Drop {
        let rules = &shape.rules;
        let bytes = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
        Drop {
            path: path.to_path_buf(),
            // The line `sep=;` is not a record, whether the job skips lines or not.
            skip: rules.skip.max(usize::from(shape.sep.is_some())),
            comment: bytes(&rules.comment),
            until: bytes(&rules.until),
            footer: rules.footer,
            escape: rules.escape,
            delimiter: rules.delimiter.or(shape.sep).unwrap_or(b','),
            open: None,
            held: VecDeque::new(),
            full: 0,
            after: None,
        }
    }

    /// Holds a line back until enough have come after it.
    fn give(&mut self, line: Vec<u8>, out: &mut Vec<u8>) {
        // Without a footer a line does not wait for those behind it.
        if self.footer == 0 {
            out.extend_from_slice(&line);
            return;
        }
        // Empty lines do not count, so that one more at the end of the file does not move the footer.
        self.full += usize::from(!is_blank(&line));
        self.held.push_back(line);
        while self.full > self.footer {
            let Some(first) = self.held.pop_front() else { return };
            self.full -= usize::from(!is_blank(&first));
            out.extend_from_slice(&first);
        }
    }

    /// Whether the line is none of a record; it is not one that a quoted field goes on on.
    fn is_none(&mut self, line: &[u8]) -> Result<bool> {
        if let Some(after) = &mut self.after {
            *after += usize::from(!is_blank(line));
            if *after > MOST_AFTER {
                let until = String::from_utf8_lossy(self.until.as_deref().unwrap_or_default()).into_owned();
                return Err(Error::data(format!(
                    "{}: more than {MOST_AFTER} lines follow the line that begins with {until:?}, so it is not the end of the records",
                    self.path.display()
                ))
                .hint("give `until` a text that only the first line after the records begins with"));
            }
            return Ok(true);
        }
        if self.until.as_ref().is_some_and(|until| line.starts_with(until)) {
            self.after = Some(0);
            return Ok(true);
        }
        Ok(self.comment.as_ref().is_some_and(|comment| line.starts_with(comment)))
    }

    /// The line with its escapes as doubled quotes; notes whether a quoted field goes on on the next.
    fn followed(&mut self, line: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(line.len());
        let (mut at, mut length) = (0, self.open.take());
        loop {
            let Some(so_far) = length else {
                // Where a field starts.
                let opens = line.get(at) == Some(&b'"');
                let next = if opens { Some(0) } else { memchr(self.delimiter, &line[at.min(line.len())..]) };
                let Some(next) = next else {
                    out.extend_from_slice(&line[at.min(line.len())..]);
                    return out;
                };
                out.extend_from_slice(&line[at..=at + next]);
                at += next + 1;
                length = opens.then_some(1);
                continue;
            };
            let special = memchr2(b'"', self.escape.unwrap_or(b'"'), &line[at..]);
            // The scanner takes a field of this length for malformed, so it does not stay open here.
            let Some(special) = special.filter(|_| so_far < LONGEST_QUOTED) else {
                out.extend_from_slice(&line[at..]);
                self.open = (so_far < LONGEST_QUOTED).then_some(so_far + line.len() - at);
                return out;
            };
            out.extend_from_slice(&line[at..at + special]);
            at += special;
            let escaped = Some(line[at]) == self.escape && line[at] != b'"';
            match (escaped, line.get(at + 1)) {
                (true, Some(b'"')) | (false, Some(b'"')) => {
                    out.extend_from_slice(b"\"\"");
                    at += 2;
                }
                (true, Some(next)) if Some(*next) == self.escape => {
                    out.push(*next);
                    at += 2;
                }
                (true, _) => {
                    out.push(line[at]);
                    at += 1;
                }
                (false, next) => {
                    out.push(b'"');
                    at += 1;
                    if next != Some(&self.delimiter) {
                        // The end of the line, or a quote that is wrong, which is for who reads the record.
                        out.extend_from_slice(&line[at..]);
                        return out;
                    }
                    out.push(self.delimiter);
                    at += 1;
                    length = None;
                    continue;
                }
            }
            length = Some(so_far + special + 2);
        }
    }
}

impl EachLine for Drop {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if self.skip > 0 {
            self.skip -= 1;
            out.push(b'\n');
            return Ok(());
        }
        let made = match self.open.is_none() && self.is_none(line)? {
            true => b"\n".to_vec(),
            false => self.followed(line),
        };
        self.give(made, out);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.footer > 0 && self.full < self.footer {
            return Err(Error::data(format!(
                "{} has fewer lines than its footer, of {}",
                self.path.display(),
                self.footer
            )));
        }
        // The footer becomes empty lines, so that the numbers of lines stay those of the file.
        out.resize(out.len() + self.held.len(), b'\n');
        self.held.clear();
        Ok(())
    }
}

fn is_blank(line: &[u8]) -> bool {
    without_end(line).trim_ascii().is_empty()
}
