//! Line numbers: on which line of its file a record starts.
//!
//! # Contract
//! Lines are counted only where they are asked for, by reading the files once more, so that the
//! reading of records need not count them. A line is what a `\n` ends, inside quotes too; the first
//! is number 1. Of a Parquet or Avro file the number is that of the row or record.

use super::ReadPlan;
use super::documents::RecordMarks;
use super::meter::Meter;
use super::raw::RawText;
use super::reading::FileReader;
use super::source_file::{InputFormat, SourceFile};
use crate::batch::Position;
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::sync::PoisonError;

/// How much of an uncompressed file is counted at once.
const SEGMENT: u64 = 4 << 20;

/// Read at once: small enough to be in the cache still when its lines are counted.
const BLOCK: usize = 256 << 10;

/// The number of the line, or of the row of a Parquet file or the record of an Avro file, from 1, of each of `positions`, which
/// come in any order. The files are read again, in parallel, no further than to the last position.
///
/// # Errors
/// `Machine` where a file cannot be read again.
pub fn line_numbers(plan: &ReadPlan, positions: &[Position]) -> Result<Vec<u64>> {
    // In order of positions each file is read once, and forwards.
    let mut order: Vec<(Position, usize)> = positions.iter().copied().zip(0..).collect();
    order.par_sort_unstable_by_key(|&(position, _)| position);
    let of_files: Vec<&[(Position, usize)]> = order.chunk_by(|a, b| a.0.file() == b.0.file()).collect();
    let counted = of_files.par_iter().map(|of_file| {
        let file = &plan.files[of_file[0].0.file() as usize];
        let places: Vec<u64> = of_file.iter().map(|(position, _)| position.place()).collect();
        numbers(file, places)
    });
    let counted = counted.collect::<Result<Vec<_>>>()?;
    let mut out = vec![0; positions.len()];
    for (&(_, i), number) in order.iter().zip(counted.into_iter().flatten()) {
        out[i] = number;
    }
    Ok(out)
}

/// The numbers of the lines, or rows, at `places`, which are sorted.
fn numbers(file: &SourceFile, mut places: Vec<u64>) -> Result<Vec<u64>> {
    match file.format {
        // The place in such a file is the number of the record, from 0.
        InputFormat::Parquet | InputFormat::Avro => places.iter_mut().for_each(|place| *place += 1),
        // Plain text can be read from any byte on, so it is counted in parallel; all else is unpacked from
        // its start.
        _ if file.shape.is_plain() => count_segments(file, &mut places, SEGMENT)?,
        _ => {
            let mut lines = LineCounter::open(file)?;
            for place in &mut places {
                *place = lines.line_of(*place)?;
            }
        }
    }
    Ok(places)
}

/// Makes of each of `places` its line; counts in segments of `size` bytes, in parallel.
fn count_segments(file: &SourceFile, places: &mut [u64], size: u64) -> Result<()> {
    let Some(&last) = places.last() else { return Ok(()) };
    let open = file.opened.read()?;
    let mut segments: Vec<(u64, &mut [u64])> = Vec::new();
    let mut rest = places;
    for start in (0..=last).step_by(size as usize) {
        let inside = rest.partition_point(|&place| place < start + size);
        let (here, behind) = rest.split_at_mut(inside);
        segments.push((start, here));
        rest = behind;
    }
    // First the lines before each place from the start of its segment on, then those before that.
    let count = |(start, places): &mut (u64, &mut [u64])| count_segment(&open, *start, size, places);
    let ends = segments.par_iter_mut().map(count).collect::<std::io::Result<Vec<u64>>>();
    let ends = ends.map_err(|e| Error::io("read", &file.path, e))?;
    let mut before = 1;
    for ((_, places), ends) in segments.iter_mut().zip(ends) {
        places.iter_mut().for_each(|place| *place += before);
        before += ends;
    }
    Ok(())
}

/// Makes of each of `places` the number of line ends before it in the segment at `start`; gives the
/// number of all line ends in the segment.
fn count_segment(file: &FileReader, start: u64, size: u64, places: &mut [u64]) -> std::io::Result<u64> {
    let mut buffer = vec![0; BLOCK.min(size as usize)];
    let (mut at, mut ends, mut next) = (start, 0, 0);
    while at < start + size {
        let most = buffer.len().min((start + size - at) as usize);
        let read = match file.read_at(&mut buffer[..most], at) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let mut counted = 0;
        while let Some(place) = places.get_mut(next).filter(|place| **place < at + read as u64) {
            let upto = (*place - at) as usize;
            ends += count_lines(&buffer[counted..upto]);
            counted = upto;
            *place = ends;
            next += 1;
        }
        ends += count_lines(&buffer[counted..read]);
        at += read as u64;
    }
    // What lies past the end of the file, which may have been cut short since.
    places[next..].iter_mut().for_each(|place| *place = ends);
    Ok(ends)
}

/// The line, from 1, on which byte `place` of the text of `file` lies.
pub(super) fn line_of(file: &SourceFile, place: u64) -> Result<u64> {
    LineCounter::open(file)?.line_of(place)
}

/// Counts the lines of a file, forwards.
pub(super) struct LineCounter {
    raw: RawText,
    buffer: Vec<u8>,
    /// How much of `buffer` is counted, so that many places in one block cost one pass.
    counted: usize,
    /// The byte of the text behind `buffer`.
    read: u64,
    /// Line ends in what is counted.
    ends: u64,
    /// Of documents, where their records begin, in the lines that are made of them and in the file.
    marks: Option<RecordMarks>,
    /// The line of the last record before what was asked for.
    marked: u64,
}

impl LineCounter {
    /// Opens `file`, at its start.
    pub(super) fn open(file: &SourceFile) -> Result<LineCounter> {
        let marks = file.shape.documents.is_some().then(RecordMarks::default);
        let raw = RawText::marked(file, Meter::idle(), marks.clone())?;
        Ok(LineCounter { raw, buffer: vec![], counted: 0, read: 0, ends: 0, marks, marked: 1 })
    }

    /// The line of the file on which the record of `place` begins, of documents.
    fn line_of_mark(&mut self, place: u64) -> Option<u64> {
        let mut marks = self.marks.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mark) = marks.front().filter(|mark| mark.out <= place) {
            self.marked = mark.line;
            marks.pop_front();
        }
        Some(self.marked)
    }

    /// The line of `place`, which may not lie before that of an earlier call.
    pub(super) fn line_of(&mut self, place: u64) -> Result<u64> {
        // The mark of a record is made with its first byte.
        let least = place + u64::from(self.marks.is_some());
        while self.read < least {
            self.ends += count_lines(&self.buffer[self.counted..]);
            self.buffer.clear();
            self.counted = 0;
            let read = self.raw.append(&mut self.buffer, BLOCK)?;
            if read == 0 {
                break;
            }
            self.read += read as u64;
        }
        let start = self.read - self.buffer.len() as u64;
        // The place may lie behind the end of a file that was cut short since: the clamp keeps the cut in
        // bounds.
        let upto = usize::try_from(place.saturating_sub(start))
            .map_or(self.buffer.len(), |n| n.clamp(self.counted, self.buffer.len()));
        self.ends += count_lines(&self.buffer[self.counted..upto]);
        self.counted = upto;
        Ok(self.line_of_mark(place).unwrap_or(self.ends + 1))
    }

    /// The text from the place that was asked for last to the end of its line, at most `most` bytes.
    pub(super) fn rest_of_line(&mut self, most: usize) -> Result<Vec<u8>> {
        loop {
            let rest = &self.buffer[self.counted..];
            let end = memchr::memchr(b'\n', rest);
            if end.is_some() || rest.len() >= most {
                let line = &rest[..end.unwrap_or(most).min(most)];
                return Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec());
            }
            let read = self.raw.append(&mut self.buffer, BLOCK)?;
            if read == 0 {
                return Ok(self.buffer[self.counted..].to_vec());
            }
            self.read += read as u64;
        }
    }
}

fn count_lines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests {
    use super::super::testing::{TestFolder, scan};
    use super::*;

    /// The line of each byte of `text`, and of one past it.
    fn slowly(text: &[u8]) -> Vec<u64> {
        let line = |place| 1 + text[..place].iter().filter(|&&c| c == b'\n').count() as u64;
        (0..=text.len()).map(line).collect()
    }

    #[test]
    fn the_rest_of_a_line_may_lie_over_several_blocks() {
        let text = format!("a\n{}\r\nend", "x".repeat(2 * BLOCK));
        for name in ["a.csv", "a.csv.gz"] {
            let folder = TestFolder::with(name, &text);
            let plan = folder.plan("t", &[]);
            let mut lines = LineCounter::open(&plan.files[0]).unwrap();
            assert_eq!((lines.line_of(0).unwrap(), lines.rest_of_line(9).unwrap()), (1, b"a".to_vec()));
            assert_eq!(
                (lines.line_of(2).unwrap(), lines.rest_of_line(9).unwrap()),
                (2, b"xxxxxxxxx".to_vec())
            );
            let long = "x".repeat(2 * BLOCK).into_bytes();
            assert_eq!(lines.rest_of_line(3 * BLOCK).unwrap(), long);
            let last = 2 + 2 * BLOCK as u64 + 2;
            assert_eq!((lines.line_of(last).unwrap(), lines.rest_of_line(9).unwrap()), (3, b"end".to_vec()));
        }
    }

    #[test]
    fn lines_are_those_of_a_slow_count() {
        let text: String = (0..400).map(|i| format!("{}\n", "x".repeat(i * 37 % 23))).collect();
        let want = slowly(text.as_bytes());
        let folder = TestFolder::with("1.csv", &text).and("2.csv.gz", &text).and("3.jsonl.zst", &text);
        let plan = folder.plan("t", &[]);
        // Each byte of each file, in an order that is none, and some twice.
        let all = want.len() * 3;
        let nth = |i: usize| ((i * 7919) % all / want.len(), (i * 7919) % all % want.len());
        let positions: Vec<Position> =
            (0..all + 99).map(nth).map(|(file, place)| Position::new(file as u32, place as u64)).collect();
        let got = line_numbers(&plan, &positions).unwrap();
        assert!((0..all + 99).all(|i| got[i] == want[nth(i).1]));
        assert!(line_numbers(&plan, &[]).unwrap().is_empty());
        assert_eq!(line_numbers(&plan, &positions[5..6]).unwrap(), got[5..6]);

        for size in [1, 2, 7, 64, 1000, text.len() as u64, 1 << 20] {
            let mut places: Vec<u64> = (0..want.len() as u64).collect();
            count_segments(&plan.files[0], &mut places, size).unwrap();
            assert_eq!(places, want, "{size}");
        }
        // What was cut off since is taken to be on the last line.
        let mut past = vec![3, text.len() as u64 + 1000];
        count_segments(&plan.files[0], &mut past, 64).unwrap();
        assert_eq!(past, [want[3], *want.last().unwrap()]);
    }

    #[test]
    fn blocks_and_segments_join() {
        let text: Vec<u8> = (0..SEGMENT + 3 * BLOCK as u64)
            .map(|i| if i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59 == 0 { b'\n' } else { b'x' })
            .collect();
        let folder = TestFolder::with("1.csv", &text).and("2.csv.zst", &text);
        let mut want = (1, 0);
        let mut places = vec![];
        let mut lines = vec![];
        for place in (0..text.len()).step_by(997) {
            want.0 += count_lines(&text[want.1..place]);
            want.1 = place;
            places.push(place as u64);
            lines.push(want.0);
        }
        let plan = folder.plan("t", &[]);
        for file in 0..2 {
            let positions: Vec<_> = places.iter().rev().map(|&place| Position::new(file, place)).collect();
            let got = line_numbers(&plan, &positions).unwrap();
            assert!(got.iter().rev().eq(&lines));
        }
    }

    #[test]
    fn rejects_have_the_same_lines() {
        let text: String = (0..300)
            .map(|i| match i % 7 {
                0 => "bad,\"x\ny\"\n".to_string(),
                3 => "\n".into(),
                5 => format!(",{i}\r\n"),
                _ => format!("{i},\"a\n\nb\"\n"),
            })
            .collect();
        let text = format!("t,a\n{text}");
        let folder = TestFolder::with("1.csv", &text).and("2.csv.gz", &text).and("3.csv.zst", &text);
        let plan = folder.plan("t", &["a:string"]);
        let outcome = scan(plan.clone(), 2).unwrap();
        assert_eq!(outcome.rejects.len(), 3 * (43 + 43));
        let file =
            |r: &super::super::StoredReject| plan.files.iter().position(|f| f.path == r.path).unwrap() as u32;
        let positions: Vec<_> =
            outcome.rejects.iter().map(|r| Position::new(file(r), r.byte.unwrap())).collect();
        let lines: Vec<_> = outcome.rejects.iter().map(|r| r.line).collect();
        assert_eq!(line_numbers(&plan, &positions).unwrap(), lines);
    }

    #[test]
    fn of_parquet_files_it_is_the_row() {
        let mut plan = TestFolder::with("1.csv", "t\n1\n").plan("t", &[]);
        plan.files[0].format = InputFormat::Parquet;
        let rows = [Position::new(0, 41), Position::new(0, 0)];
        assert_eq!(line_numbers(&plan, &rows).unwrap(), [42, 1]);
    }

    #[test]
    fn a_file_that_is_gone_is_told() {
        let folder = TestFolder::with("1.csv", "t\n1\n").and("2.csv.gz", "t\n1\n").and("3.csv", "t\n1\n");
        let plan = folder.plan("t", &[]);
        std::fs::remove_file(folder.path("1.csv")).unwrap();
        std::fs::remove_file(folder.path("2.csv.gz")).unwrap();
        // A thread keeps the small file that it read last: the third one from here on.
        assert_eq!(line_numbers(&plan, &[Position::new(2, 2)]).unwrap(), [2]);
        for file in 0..2 {
            let error = line_numbers(&plan, &[Position::new(file, 2)]).unwrap_err();
            assert!(
                error.message().contains("is gone: it was removed or renamed while it was read"),
                "{error}"
            );
        }
    }
}
