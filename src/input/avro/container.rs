//! Object container files: the header, and the blocks of records behind it.
//!
//! # Contract
//! * Blocks are read from the first to the last. A block is handed out whole, with its sync marker
//!   checked, or is an error; what was read whole before is handed out before the error is.
//! * The chunks of a file, one behind the other, are its blocks. How blocks are divided among chunks
//!   decides nothing.

use crate::error::{Error, Result};
use crate::input::LONGEST_RECORD;
use crate::input::meter::Meter;
use crate::input::raw::RawText;
use crate::input::source_file::SourceFile;
use std::io::Read;
use std::path::PathBuf;

const MAGIC: &[u8] = b"Obj\x01";

/// Read at once.
const BLOCK: usize = 256 << 10;

/// How the blocks of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

/// Some blocks of a file, as they lie there.
#[derive(Debug)]
pub struct AvroChunk {
    /// The number, in the file, of the first record.
    pub first_record: u64,
    /// The blocks, one behind the other.
    pub(super) bytes: Vec<u8>,
    pub(super) blocks: Vec<AvroBlock>,
}

impl AvroChunk {
    /// Its bytes.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// A block of a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct AvroBlock {
    /// The byte of the file at which it starts.
    pub at: u64,
    pub records: u64,
    /// Its bytes in the chunk.
    pub start: usize,
    pub end: usize,
}

/// A file on its way into chunks.
pub(super) struct Container {
    path: PathBuf,
    /// Its size when it was opened.
    size: u64,
    raw: RawText,
    /// Read, and from `at` on not yet handed out.
    buffer: Vec<u8>,
    at: usize,
    /// Bytes of the file before `buffer`.
    before: u64,
    sync: [u8; 16],
    next_record: u64,
    /// Why no more can be read.
    broken: Option<Error>,
    /// The schema, as JSON.
    pub schema: Vec<u8>,
    pub codec: Codec,
}

impl Container {
    /// Opens `file` and reads its header.
    ///
    /// # Errors
    /// Data: it is no Avro file, or one whose header is damaged or names a codec that is not known.
    /// Machine: it cannot be opened.
    pub fn open(file: &SourceFile, meter: Meter) -> Result<Container> {
        let size = file.opened.bytes();
        let mut container = Container {
            path: file.path.clone(),
            size,
            raw: RawText::open(file, meter)?,
            buffer: vec![],
            at: 0,
            before: 0,
            sync: [0; 16],
            next_record: 0,
            broken: None,
            schema: vec![],
            codec: Codec::Null,
        };
        container.read_header()?;
        Ok(container)
    }

    fn read_header(&mut self) -> Result<()> {
        if !self.fill(MAGIC.len())? || !self.buffer.starts_with(MAGIC) {
            return Err(Error::data(format!("{} is not an Avro object container file", self.path.display()))
                .hint(
                    "such files begin with `Obj` and a schema; messages without a schema are not supported",
                ));
        }
        self.at = MAGIC.len();
        let mut codec = None;
        loop {
            let mut entries = self.long()?;
            if entries < 0 {
                // Then the size of these entries follows.
                self.long()?;
                entries = entries.saturating_neg();
            }
            if entries == 0 {
                break;
            }
            for _ in 0..entries {
                let key = self.bytes()?;
                let value = self.bytes()?;
                match key.as_slice() {
                    b"avro.schema" => self.schema = value,
                    b"avro.codec" => codec = Some(String::from_utf8_lossy(&value).into_owned()),
                    _ => {}
                }
            }
        }
        if !self.fill(16)? {
            return Err(self.cut_short());
        }
        self.sync.copy_from_slice(&self.buffer[self.at..self.at + 16]);
        self.at += 16;
        self.codec = match codec.as_deref() {
            None | Some("null") => Codec::Null,
            Some("deflate") => Codec::Deflate,
            Some("snappy") => Codec::Snappy,
            Some("zstandard") => Codec::Zstandard,
            Some(other) => {
                let codecs = ["null", "deflate", "snappy", "zstandard"];
                let what = format!(
                    "{} is compressed by the codec `{other}`, which is not supported",
                    self.path.display()
                );
                return Err(Error::data(what).nearest(other, codecs).hint(
                    "the codecs are null, deflate, snappy and zstandard: write the file with one of them",
                ));
            }
        };
        if self.schema.is_empty() {
            return Err(self.wrong("its header has no schema"));
        }
        Ok(())
    }

    /// The next blocks, of about `size` bytes and at least one; `None` at the end.
    ///
    /// # Errors
    /// Data: the file is damaged or cut short. Machine: it cannot be read.
    pub fn next_chunk(&mut self, size: usize) -> Result<Option<AvroChunk>> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let mut chunk = AvroChunk { first_record: self.next_record, bytes: vec![], blocks: vec![] };
        // Blocks are most often small next to a chunk.
        let left = usize::try_from(self.size.saturating_sub(self.place())).unwrap_or(size);
        chunk.bytes.reserve(left.min(size + size / 8));
        while chunk.bytes.len() < size.max(1) {
            match self.next_block(&mut chunk) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if chunk.blocks.is_empty() => return Err(error),
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
        }
        Ok((!chunk.blocks.is_empty()).then_some(chunk))
    }

    /// Appends the next block that has records to `chunk`; false at the end.
    fn next_block(&mut self, chunk: &mut AvroChunk) -> Result<bool> {
        loop {
            if !self.fill(1)? {
                return Ok(false);
            }
            let at = self.place();
            let records = self.long()?;
            let size = self.long()?;
            let (Ok(records), Ok(size)) = (u64::try_from(records), u64::try_from(size)) else {
                return Err(self.wrong(&format!("the block at byte {at} has an impossible size")));
            };
            // So that a wrong size does not make us read the file into memory.
            if size > self.size.saturating_sub(self.place()) {
                return Err(self.cut_short());
            }
            if size > LONGEST_RECORD as u64 {
                return Err(self.too_large(at));
            }
            // Records of nothing but NULL have no bytes; nobody logs many of them.
            if records > size.max(1 << 20).saturating_mul(64) {
                let what =
                    format!("the block at byte {at} says that it has {records} records in {size} bytes");
                return Err(self.wrong(&what));
            }
            let start = chunk.bytes.len();
            if !self.take(size as usize, &mut chunk.bytes)? || !self.fill(16)? {
                chunk.bytes.truncate(start);
                return Err(self.cut_short());
            }
            if self.buffer[self.at..self.at + 16] != self.sync {
                chunk.bytes.truncate(start);
                let what = format!("the block at byte {at} does not end in the file's sync marker");
                return Err(self.wrong(&what));
            }
            self.at += 16;
            if records == 0 {
                chunk.bytes.truncate(start);
                continue;
            }
            self.next_record += records;
            chunk.blocks.push(AvroBlock { at, records, start, end: chunk.bytes.len() });
            return Ok(true);
        }
    }

    /// The number of the record behind what was handed out.
    pub fn next_record(&self) -> u64 {
        self.next_record
    }

    /// Size on disk and hash, after the last block.
    pub fn finish(self) -> Result<(u64, String)> {
        self.raw.finish()
    }

    /// The byte of the file that comes next.
    fn place(&self) -> u64 {
        self.before + self.at as u64
    }

    /// Reads until there are `bytes` more; false where the file ends before.
    fn fill(&mut self, bytes: usize) -> Result<bool> {
        while self.buffer.len() - self.at < bytes {
            self.before += self.at as u64;
            self.buffer.drain(..self.at);
            self.at = 0;
            if self.raw.append(&mut self.buffer, BLOCK)? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Appends the next `bytes` bytes to `out`; false where the file ends before.
    fn take(&mut self, bytes: usize, out: &mut Vec<u8>) -> Result<bool> {
        out.reserve(bytes);
        let here = bytes.min(self.buffer.len() - self.at);
        out.extend_from_slice(&self.buffer[self.at..self.at + here]);
        self.at += here;
        // The rest of a large block goes from the file into the chunk, and not through the buffer.
        let mut missing = bytes - here;
        while missing > 0 {
            let read = self.raw.append(out, missing)?;
            if read == 0 {
                return Ok(false);
            }
            self.before += read as u64;
            missing -= read;
        }
        Ok(true)
    }

    fn long(&mut self) -> Result<i64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            if !self.fill(1)? {
                return Err(self.cut_short());
            }
            let byte = self.buffer[self.at];
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(self.wrong("a number in it does not end"))
    }

    fn bytes(&mut self) -> Result<Vec<u8>> {
        let length = self.long()?;
        match u64::try_from(length) {
            Ok(length) if length <= LONGEST_RECORD as u64 => {
                let mut out = vec![];
                if self.take(length as usize, &mut out)? { Ok(out) } else { Err(self.cut_short()) }
            }
            _ => Err(self.wrong("its header has an entry with an impossible size")),
        }
    }

    fn too_large(&self, at: u64) -> Error {
        let (path, megabytes) = (self.path.display(), LONGEST_RECORD >> 20);
        Error::data(format!("{path}: the block at byte {at} has more than {megabytes} MiB"))
            .hint("a block is read whole: write the file with smaller blocks")
    }

    fn cut_short(&self) -> Error {
        Error::data(format!("{} is cut short: it ends inside a block", self.path.display()))
            .hint("the file was not copied or written completely; get it again")
    }

    fn wrong(&self, what: &str) -> Error {
        Error::data(format!("cannot read {}: {what}", self.path.display())).hint("the file is damaged")
    }
}

impl Codec {
    /// Appends what `block` holds to `out`: at most `most` bytes, or it is an error.
    pub fn decompress(self, block: &[u8], most: usize, out: &mut Vec<u8>) -> std::result::Result<(), String> {
        let text = |e: std::io::Error| e.to_string();
        let too_large = || format!("it has more than {} MiB; such blocks are not supported", most >> 20);
        // One byte more tells a block that is too large from one that just fits.
        let limit = most as u64 + 1;
        let start = out.len();
        match self {
            Codec::Null => out.extend_from_slice(block),
            Codec::Deflate => {
                flate2::read::DeflateDecoder::new(block).take(limit).read_to_end(out).map_err(text)?;
            }
            Codec::Zstandard => {
                let decoder = zstd::stream::read::Decoder::with_buffer(block);
                decoder.and_then(|decoder| decoder.take(limit).read_to_end(out)).map_err(text)?;
            }
            Codec::Snappy => {
                let (block, sum) = block.split_last_chunk::<4>().ok_or("no checksum")?;
                let length = snap::raw::decompress_len(block).map_err(|e| e.to_string())?;
                // A copy of 64 bytes takes three; more than that is no length that can be.
                if length > block.len().saturating_mul(32) {
                    return Err(format!("{length} bytes in {}", block.len()));
                }
                if length > most {
                    return Err(too_large());
                }
                out.resize(start + length, 0);
                let decoded = snap::raw::Decoder::new().decompress(block, &mut out[start..]);
                decoded.map_err(|e| e.to_string())?;
                let mut crc = flate2::Crc::new();
                crc.update(&out[start..]);
                if crc.sum() != u32::from_be_bytes(*sum) {
                    return Err("its checksum does not match".into());
                }
            }
        }
        if out.len() - start > most { Err(too_large()) } else { Ok(()) }
    }
}
