//! Plain text files that several threads read at once: each a block of bytes of its own.
//!
//! # Contract
//! * The chunks of a file are those that [`super::text`] promises: its text, each from the start of a record to the end of one.
//! * Blocks are read in any order. Where their records begin and end is settled in the order of blocks, which takes no look at
//!   the text but where quotes are; so are they hashed.
//! * What was read whole before a read fails is handed out before the error is.

use super::LONGEST_RECORD;
use super::chunk::{ChunkBytes, TextChunk};
use super::csv::index::Quotes;
use super::cut::{Cutter, LARGE};
use super::meter::{Disk, Meter};
use super::reading::FileReader;
use super::report::InputReport;
use crate::batch::Position;
use crate::error::Error;
use crate::ordered::Turnstile;
use std::sync::Arc;

/// Room in front of a block for the beginning of its first record, which the block before it has.
const HEADROOM: usize = 4 << 10;

/// The blocks of a file.
pub(super) struct TextBlocks {
    cutter: Cutter,
    reader: FileReader,
    /// Where the first block begins, and where the last one ends, in bytes of the file.
    first: u64,
    end: u64,
    size: usize,
    hash: Turnstile<Meter>,
    bounds: Turnstile<RecordBounds>,
}

/// What is settled of the blocks so far.
struct RecordBounds {
    /// What no chunk has yet: the beginning of a record.
    carry: Vec<u8>,
    /// Whether [`Cutter::quoted`] holds for it.
    quoted: bool,
    /// The byte of the text at which it starts.
    offset: u64,
    /// It is looked at again only when it is that long, so that a long record is scanned a few times and not once for each block
    /// that it has.
    least: usize,
    /// Whether the file has ended before it should, as one that was cut short has.
    ended: bool,
}

/// What a block has given.
#[derive(Default)]
pub(super) struct BlockChunks {
    /// Its chunks, and whether each is [`Cutter::quoted`].
    pub(super) chunks: Vec<(TextChunk, bool)>,
    /// Why the text behind them cannot be read.
    pub(super) failure: Option<Box<(Position, Error)>>,
    /// The report of the file, of its last block.
    pub(super) report: Option<InputReport>,
}

/// A block as it was read.
struct ReadBlock {
    /// [`HEADROOM`] bytes that do not count, then the block.
    buffer: Vec<u8>,
    quoted: bool,
    /// As [`Cutter::check_behind_line`] has it, of a block with quotes.
    checked: Option<(usize, Quotes)>,
    failure: Option<Error>,
    /// Whether it is shorter than it should be.
    short: bool,
    is_last: bool,
}

/// A block that a thread is to read. Others wait for it: dropped before it is settled, as where the thread panics, it lets them
/// fail.
pub(super) struct BlockTicket {
    blocks: Arc<TextBlocks>,
    number: u64,
    settled: bool,
}

impl Drop for BlockTicket {
    fn drop(&mut self) {
        if !self.settled {
            self.blocks.hash.fail();
            self.blocks.bounds.fail();
        }
    }
}

impl BlockTicket {
    /// For block `number`. Each block needs one, in order.
    pub(super) fn new(blocks: &Arc<TextBlocks>, number: u64) -> BlockTicket {
        BlockTicket { blocks: blocks.clone(), number, settled: false }
    }

    /// The ordinal of the file.
    pub(super) fn file(&self) -> u32 {
        self.blocks.file()
    }

    /// The chunks of the block, which is read into `buffer`. `None` where an earlier block has failed.
    pub(super) fn chunks(mut self, buffer: Vec<u8>) -> Option<BlockChunks> {
        let (blocks, number) = (&self.blocks, self.number);
        let block = blocks.read(number, buffer);
        let hashed = blocks.hash.pass(number, true, |meter| {
            meter.take(&block.buffer[HEADROOM..]);
            block.is_last.then(|| std::mem::replace(meter, Meter::idle()).finish())
        })?;
        let settled = blocks.bounds.pass(number, true, |bounds| blocks.settle(bounds, block))?;
        let report = hashed.map(|read| InputReport::new(&blocks.cutter.file, read, 0));
        // Those behind a failure wait for nothing that comes.
        self.settled = settled.failure.is_none();
        Some(BlockChunks { report, ..settled })
    }
}

impl TextBlocks {
    /// The blocks of `size` bytes of a file, of which `disk` has read the beginning: `carry` is what of it is in no chunk, and
    /// `offset` where that starts in the text.
    pub(super) fn new(cutter: Cutter, disk: Disk, size: usize, carry: Vec<u8>, offset: u64) -> TextBlocks {
        let Disk { file: reader, meter } = disk;
        let quoted = cutter.quoted(&carry);
        let bounds = RecordBounds { carry, quoted, offset, least: 0, ended: false };
        TextBlocks {
            cutter,
            first: reader.at(),
            end: reader.at() + reader.left(),
            reader,
            size,
            hash: Turnstile::new(meter),
            bounds: Turnstile::new(bounds),
        }
    }

    /// The ordinal of the file.
    fn file(&self) -> u32 {
        self.cutter.file.ordinal
    }

    /// How many blocks there are.
    pub(super) fn count(&self) -> u64 {
        (self.end - self.first).div_ceil(self.size as u64)
    }

    fn read(&self, number: u64, mut buffer: Vec<u8>) -> ReadBlock {
        buffer.clear();
        buffer.resize(HEADROOM, 0);
        let start = self.first + number * self.size as u64;
        let end = self.end.min(start + self.size as u64);
        let whole = HEADROOM + (end - start) as usize;
        let mut reader = self.reader.clone();
        reader.go_to(start);
        let (mut failure, mut short) = (None, false);
        while buffer.len() < whole && failure.is_none() && !short {
            let before = buffer.len();
            match reader.append(&mut buffer, whole - before) {
                Ok(()) => short = buffer.len() == before,
                Err(error) => failure = Some(Error::io("read", &self.cutter.file.path, error)),
            }
        }
        let quoted = self.cutter.quoted(&buffer[HEADROOM..]);
        // Most blocks begin outside of quotes: if this one does, no more than its first line is left to be looked at in turn.
        let checked = quoted.then(|| self.cutter.check_behind_line(&buffer[HEADROOM..])).flatten();
        ReadBlock { buffer, quoted, checked, failure, short, is_last: end == self.end }
    }

    /// The chunks of the next block.
    fn settle(&self, bounds: &mut RecordBounds, block: ReadBlock) -> BlockChunks {
        let ReadBlock { mut buffer, quoted, checked, failure, short, is_last } = block;
        if bounds.ended {
            buffer.truncate(HEADROOM);
        }
        bounds.ended |= short;
        let quoted = quoted || bounds.quoted;
        let length = bounds.carry.len() + buffer.len() - HEADROOM;
        if !is_last && failure.is_none() && length < bounds.least.min(LONGEST_RECORD) {
            bounds.carry.extend_from_slice(&buffer[HEADROOM..]);
            bounds.quoted = quoted;
            return BlockChunks::default();
        }
        let carry = std::mem::take(&mut bounds.carry);
        if carry.len() > HEADROOM {
            buffer.splice(..HEADROOM, carry.iter().copied());
        } else {
            buffer[HEADROOM - carry.len()..HEADROOM].copy_from_slice(&carry);
        }
        // Where the block begins in the buffer, and what is cut next.
        let block_at = carry.len().max(HEADROOM);
        let mut at = block_at - carry.len();
        // The decoders rely on a line end behind each record.
        if is_last && failure.is_none() && buffer.len() > at && buffer.last() != Some(&b'\n') {
            buffer.push(b'\n');
        }
        let mut settled = BlockChunks::default();
        let mut chunk = |offset: &mut u64, bytes: ChunkBytes, clean| {
            let file = self.file();
            let chunk = TextChunk { file, offset: *offset, first_line: 0, bytes, clean };
            *offset += chunk.bytes.len() as u64;
            settled.chunks.push((chunk, quoted));
        };
        bounds.least = 0;
        while buffer.len() > at {
            let text = &buffer[at..buffer.len().min(at + LONGEST_RECORD)];
            let whole = is_last && failure.is_none() && at + text.len() == buffer.len();
            let known = checked.filter(|_| !whole && !bounds.ended).and_then(|(head, rest)| {
                let head = (block_at + head).checked_sub(at)?;
                self.cutter.cut_checked(text, head, rest)
            });
            let cut = known.unwrap_or_else(|| self.cutter.cut(text, self.size, quoted, whole));
            if cut.end == 0 {
                if text.len() == LONGEST_RECORD {
                    let place = Position::new(self.file(), bounds.offset);
                    settled.failure = Some(Box::new((place, self.cutter.endless(bounds.offset))));
                    return settled;
                }
                bounds.least = 2 * text.len();
                break;
            }
            // A text that is not large is cut behind its last record: what is left is carried on, and the buffer is the chunk's.
            if text.len() <= self.size.max(LARGE) {
                let end = at + cut.end;
                bounds.carry.extend_from_slice(&buffer[end..]);
                buffer.truncate(end);
                if buffer.capacity() > LARGE {
                    buffer.shrink_to_fit();
                }
                chunk(&mut bounds.offset, ChunkBytes::new(std::mem::take(&mut buffer), at), cut.clean);
                at = 0;
                break;
            }
            chunk(&mut bounds.offset, text[..cut.end].to_vec().into(), cut.clean);
            at += cut.end;
        }
        bounds.carry.extend_from_slice(&buffer[at..]);
        bounds.quoted = self.cutter.quoted(&bounds.carry);
        settled.failure = failure.map(|error| Box::new((Position::new(self.file(), bounds.offset), error)));
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ScannedRow, TestFolder, scan};
    use super::*;
    use crate::error::Result;
    use proptest::prelude::*;

    /// The rows and the rejects of a text, read with chunks of `size` bytes; packed it is read by one thread at a time.
    type Seen = Result<(Vec<ScannedRow>, Vec<(Option<u64>, u64, String)>, Vec<(u64, u64)>)>;

    fn read(name: &str, text: &[u8], size: usize, threads: usize) -> Seen {
        let columns: &[&str] = if name.contains("csv") { &["a:string", "b:string"] } else { &["a:string"] };
        let folder = TestFolder::with(name, text);
        let mut plan = folder.plan("t", columns);
        plan.chunk_bytes = size;
        let found = scan(plan, threads)?;
        let rejects = found.rejects.iter().map(|r| (r.byte, r.line, r.reason.clone())).collect();
        // Of a file that is packed another number of bytes is read.
        let inputs = found.report.inputs.iter().map(|input| (input.records, input.skipped)).collect();
        Ok((found.rows, rejects, inputs))
    }

    fn check(format: &str, text: &str) {
        let text = text.as_bytes();
        let want =
            read(&format!("a.{format}.gz"), text, 1 << 20, 1).map_err(|e| e.message().replace(".gz", ""));
        for (size, threads) in [(1, 2), (3, 1), (10, 4), (64, 3), (1000, 2), (1 << 20, 1)] {
            let got = read(&format!("a.{format}"), text, size, threads).map_err(|e| e.message().to_string());
            match (&got, &want) {
                // The folder of a test is another each time.
                (Err(got), Err(want)) => assert_eq!(got.rsplit('/').next(), want.rsplit('/').next()),
                _ => assert_eq!(format!("{got:?}"), format!("{want:?}"), "{size} {threads}"),
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_give_the_records_of_the_whole(
            bom: bool,
            pieces in prop::collection::vec(prop::sample::select(vec![
                "1,x,y\n", "2,\"x\ny\",z\r\n", "\n", "\"", "3,\"\"\"\",\"\"\n", ",", "a", "4,\"not closed,y\n", "5,x\"y,z\n", "\r\n", "\r",
                "6,a long text that is in no other piece of this list,\"a longer text, with a comma,\nand \"\"quotes\"\"\"\n", "é",
            ]), 0..60),
        ) {
            check("csv", &format!("{}t,a,b\n{}", if bom { "\u{feff}" } else { "" }, pieces.concat()));
        }

        #[test]
        fn lines_are_records_however_blocks_cut_them(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "{\"t\":1,\"a\":\"x\"}\n", "{\"a\":\"a longer text, with a \\\"quote\\\"\",\"t\":22}\r\n", "\n", "{", "{\"t\":3}", "é\n",
            ]), 0..60),
        ) {
            check("jsonl", &pieces.concat());
        }
    }

    #[test]
    fn a_record_may_have_many_blocks() {
        let long = "x".repeat(3 * HEADROOM);
        check(
            "csv",
            &format!("t,a,b\n1,{long},\"{long}\n{long}\"\n2,\"{long},\n3,x,y\n{}", "4,x,y\n".repeat(9000)),
        );
        check("jsonl", &format!("{{\"t\":1,\"a\":\"{long}\"}}\n{{\"t\":2}}"));
    }

    #[test]
    fn the_longest_record_is_that_of_text_in_one_piece() {
        for (length, fits) in [(LONGEST_RECORD - 3, true), (LONGEST_RECORD - 2, false)] {
            let text = format!("t,a,b\n5,x,y\n1,,{}\n2,3,4\n", "x".repeat(length - 1));
            let outcome = read("a.csv", text.as_bytes(), 8 << 20, 2);
            assert_eq!(outcome.is_ok(), fits);
            let error = outcome
                .err()
                .map(|error| error.message().contains("the record at byte 12 is longer than 64 MiB"));
            assert!(error.unwrap_or(true));
        }
    }
}
