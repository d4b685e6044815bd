//! Records that could not be read: kept aside in bounded memory, and shown with file and line.
//!
//! # Contract
//! * Rejects come out in position order, whichever worker found them.
//! * All are counted and kept; past a few megabytes they go to temporary files.
//! * The files with rejects are read once more, to count lines.

use super::lines::LineCounter;
use super::{BadRecord, ReadPlan};
use crate::batch::Position;
use crate::error::{Error, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// A rejected record, as it is written to the rejects of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReject {
    /// The file.
    pub path: PathBuf,
    /// The line on which the record starts, from 1; of a Parquet file the row, from 1.
    pub line: u64,
    /// The byte of the uncompressed text at which the record starts, from 0; none in Parquet files.
    pub byte: Option<u64>,
    /// The column at fault, where there is one.
    pub column: Option<String>,
    /// What is wrong, in words.
    pub reason: String,
    /// The record's text, cut to [`BadRecord::MAX_RAW`] bytes.
    pub raw: Vec<u8>,
}

/// Takes bad records in any order, and keeps them in bounded memory.
pub(super) struct RejectStore {
    kept: Vec<BadRecord>,
    kept_bytes: usize,
    most_bytes: usize,
    /// Sorted, written out.
    runs: Vec<File>,
    count: u64,
}

impl RejectStore {
    /// A store that keeps about `most_bytes` in memory.
    pub(super) fn new(most_bytes: usize) -> RejectStore {
        RejectStore { kept: vec![], kept_bytes: 0, most_bytes, runs: vec![], count: 0 }
    }

    /// Takes more records.
    ///
    /// # Errors
    /// Where a temporary file cannot be written.
    pub(super) fn add(&mut self, bad: Vec<BadRecord>) -> Result<()> {
        self.count += bad.len() as u64;
        self.kept_bytes += bad.iter().map(BadRecord::bytes).sum::<usize>();
        self.kept.extend(bad);
        if self.kept_bytes > self.most_bytes {
            self.spill().map_err(|e| Error::io("write rejects to a file in", &std::env::temp_dir(), e))?;
        }
        Ok(())
    }

    fn spill(&mut self) -> std::io::Result<()> {
        // Sorted runs can be merged in the end without all of them in memory.
        self.kept.sort_by_key(|bad| bad.position);
        let mut run = BufWriter::new(tempfile::tempfile()?);
        for bad in self.kept.drain(..) {
            write_record(&mut run, &bad)?;
        }
        self.kept_bytes = 0;
        let mut run = run.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        run.rewind()?;
        self.runs.push(run);
        Ok(())
    }

    /// All that was taken, in position order, with its lines.
    pub(super) fn finish(mut self, plan: &Arc<ReadPlan>) -> Result<Rejects> {
        self.kept.sort_by_key(|bad| bad.position);
        let mut runs: Vec<RejectRun> =
            self.runs.into_iter().map(|file| RejectRun::Spilled(BufReader::new(file))).collect();
        runs.push(RejectRun::Kept(self.kept.into_iter()));
        let mut rejects = Rejects {
            plan: plan.clone(),
            runs,
            heads: BinaryHeap::new(),
            lines: None,
            left: self.count,
            failed: false,
        };
        for run in 0..rejects.runs.len() {
            rejects.advance(run)?;
        }
        Ok(rejects)
    }
}

/// The rejects of a scan in position order; reads the files with rejects as it goes, to count lines.
pub struct Rejects {
    plan: Arc<ReadPlan>,
    runs: Vec<RejectRun>,
    heads: BinaryHeap<Reverse<RejectHead>>,
    lines: Option<(u32, LineCounter)>,
    left: u64,
    failed: bool,
}

impl std::fmt::Debug for Rejects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rejects({} left)", self.left)
    }
}

enum RejectRun {
    Spilled(BufReader<File>),
    Kept(std::vec::IntoIter<BadRecord>),
}

/// The next record of a run; ordered by position, then by run.
struct RejectHead {
    bad: BadRecord,
    run: usize,
}

impl Ord for RejectHead {
    fn cmp(&self, other: &RejectHead) -> std::cmp::Ordering {
        (self.bad.position, self.run).cmp(&(other.bad.position, other.run))
    }
}

impl PartialOrd for RejectHead {
    fn partial_cmp(&self, other: &RejectHead) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RejectHead {
    fn eq(&self, other: &RejectHead) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RejectHead {}

impl Rejects {
    /// How many there are, less those that were taken.
    pub fn len(&self) -> u64 {
        self.left
    }

    /// Whether there are none left.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    fn advance(&mut self, run: usize) -> Result<()> {
        let next = match &mut self.runs[run] {
            RejectRun::Kept(kept) => kept.next(),
            RejectRun::Spilled(file) => read_record(file)
                .map_err(|e| Error::io("read rejects from a file in", &std::env::temp_dir(), e))?,
        };
        if let Some(bad) = next {
            self.heads.push(Reverse(RejectHead { bad, run }));
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Option<StoredReject>> {
        let Some(Reverse(RejectHead { mut bad, run })) = self.heads.pop() else { return Ok(None) };
        self.advance(run)?;
        self.left -= 1;
        let (number, place) = (bad.position.file(), bad.position.place());
        let plan = self.plan.clone();
        let file = &plan.files[number as usize];
        let (line, byte) = if !file.format.is_text() {
            (place + 1, None)
        } else {
            // Positions ascend, so one pass over a file counts the lines of all of its rejects.
            if self.lines.as_ref().is_none_or(|(of, _)| *of != number) {
                self.lines = Some((number, LineCounter::open(file)?));
            }
            let mut line = 0;
            if let Some((_, lines)) = &mut self.lines {
                line = lines.line_of(place)?;
                // What was read as a row and refused later did not keep its text.
                if bad.raw.is_empty() {
                    bad.raw = lines.rest_of_line(BadRecord::MAX_RAW)?;
                }
            }
            (line, Some(place))
        };
        Ok(Some(StoredReject {
            path: file.path.clone(),
            line,
            byte,
            column: bad.column,
            reason: bad.reason,
            raw: bad.raw,
        }))
    }
}

impl Iterator for Rejects {
    type Item = Result<StoredReject>;

    fn next(&mut self) -> Option<Result<StoredReject>> {
        // The record at which it failed is lost: going on would give fewer than the account says.
        if self.failed {
            return None;
        }
        let next = self.take();
        self.failed = next.is_err();
        next.transpose()
    }
}

fn write_record(out: &mut impl Write, bad: &BadRecord) -> std::io::Result<()> {
    out.write_all(&bad.position.as_u64().to_le_bytes())?;
    write_text(out, bad.column.as_deref().map(str::as_bytes))?;
    write_text(out, Some(bad.reason.as_bytes()))?;
    write_text(out, bad.hint.as_deref().map(str::as_bytes))?;
    write_text(out, Some(&bad.raw))
}

/// Length and bytes; the largest length stands for nothing.
fn write_text(out: &mut impl Write, text: Option<&[u8]>) -> std::io::Result<()> {
    // Kept texts are cut to a few kilobytes, and names and reasons are short: the length fits.
    let length = text.map_or(u32::MAX, |t| u32::try_from(t.len()).unwrap_or(u32::MAX - 1));
    out.write_all(&length.to_le_bytes())?;
    out.write_all(text.unwrap_or(&[]))
}

fn read_record(from: &mut impl Read) -> std::io::Result<Option<BadRecord>> {
    let mut position = [0; 8];
    match from.read_exact(&mut position) {
        // This process wrote the file, so it ends between two records.
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Some(BadRecord {
        position: Position::from_u64(u64::from_le_bytes(position)),
        column: read_text(from)?.map(text),
        reason: read_text(from)?.map(text).unwrap_or_default(),
        hint: read_text(from)?.map(text),
        raw: read_text(from)?.unwrap_or_default(),
        // All that is here is kept aside.
        aside: true,
    }))
}

fn read_text(from: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length == u32::MAX {
        return Ok(None);
    }
    let mut bytes = vec![0; length as usize];
    from.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::testing::TestFolder;
    use super::*;

    #[test]
    fn spilled_rejects_come_back_in_order_with_their_lines() {
        let lines = 2000u64;
        let text: String = (0..lines).map(|i| format!("{i}\n")).collect();
        let folder = TestFolder::with("a.csv.gz", &text).and("b.csv", &text);
        let plan = Arc::new(folder.plan("t", &[]));
        let mut store = RejectStore::new(10_000);
        // Each line of both files, in an order that is none.
        for i in 0..2 * lines {
            let nth = (i * 1237) % (2 * lines);
            let (file, line) = ((nth / lines) as u32, nth % lines);
            let place = text.lines().take(line as usize).map(|l| l.len() as u64 + 1).sum();
            let bad = BadRecord {
                position: Position::new(file, place),
                column: (line % 2 == 0).then(|| "é".to_string()),
                reason: "bad".into(),
                hint: None,
                raw: line.to_string().into_bytes(),
                aside: false,
            };
            store.add(vec![bad]).unwrap();
        }
        assert!(store.runs.len() > 10);
        let rejects = store.finish(&plan).unwrap();
        assert_eq!(rejects.len(), 2 * lines);
        for (i, reject) in rejects.enumerate() {
            let (reject, line) = (reject.unwrap(), i as u64 % lines);
            assert_eq!((reject.line, reject.raw), (line + 1, line.to_string().into_bytes()));
            assert_eq!(reject.path, plan.files[i / lines as usize].path);
            assert_eq!(reject.column.is_some(), line % 2 == 0);
        }
    }
}
