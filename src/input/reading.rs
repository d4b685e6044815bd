//! An open file, read from a place of its own.

use crate::error::Error;
use crate::store;
use crate::store::StoreObject;
use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// About the size of the header of a page of Parquet.
const HEADER: usize = 256;

/// An open file, read from a place of its own: other readers of the handle do not move it.
#[derive(Debug, Clone)]
pub(crate) struct FileReader {
    source: ByteSource,
    at: u64,
    /// Where what is read ends, if not at the end of the file.
    end: u64,
    /// Of the file.
    bytes: u64,
    /// How many bytes were read one behind the other: who reads on will read what comes.
    run: u64,
}

/// Where bytes come from.
#[derive(Debug, Clone)]
pub(super) enum ByteSource {
    /// A file on the disk, or a copy there.
    Disk(Arc<File>),
    /// An object of a store.
    Store(Arc<StoreObject>),
    /// A small file, which was read as a whole.
    Memory(Bytes),
}

impl FileReader {
    /// Reads `source`, which has so many bytes, from its start.
    pub(super) fn new(source: ByteSource, bytes: u64) -> FileReader {
        FileReader { source, at: 0, end: u64::MAX, bytes, run: 0 }
    }

    /// The same file, between two of its bytes.
    pub(super) fn between(self, at: u64, end: u64) -> FileReader {
        FileReader { at, end, run: 0, ..self }
    }

    /// The byte that is read next.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Reads on at byte `at`.
    pub(super) fn go_to(&mut self, at: u64) {
        (self.at, self.run) = (at, 0);
    }

    /// The bytes up to the end of what is read, at most `most`.
    fn next(&self, most: usize) -> usize {
        usize::try_from(self.end.saturating_sub(self.at)).map_or(most, |left| left.min(most))
    }

    /// The bytes that are left to be read, as far as is known.
    pub(super) fn left(&self) -> u64 {
        self.end.min(self.bytes).saturating_sub(self.at)
    }

    /// Whether it is a file of this machine, and reading a place of it costs no request.
    pub(super) fn is_at_hand(&self) -> bool {
        !matches!(self.source, ByteSource::Store(_))
    }

    /// Reads some bytes from byte `at` of the file on.
    pub(crate) fn read_at(&self, out: &mut [u8], at: u64) -> std::io::Result<usize> {
        match &self.source {
            ByteSource::Disk(file) => file.read_at(out, at),
            ByteSource::Store(object) => object.read_at(out, at),
            ByteSource::Memory(bytes) => {
                let from = usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
                let read = out.len().min(bytes.len() - from);
                out[..read].copy_from_slice(&bytes[from..from + read]);
                Ok(read)
            }
        }
    }

    /// Says that these bytes will be read, each range from its start to its end: a store is asked for them in time.
    pub(super) fn expect(&self, range: Range<u64>) {
        if let ByteSource::Store(object) = &self.source {
            object.expect(range);
        }
    }

    /// Why the store did not give what was read, if it did not: readers of formats take that for damage.
    pub(crate) fn failure(&self) -> Option<Error> {
        match &self.source {
            ByteSource::Disk(_) | ByteSource::Memory(_) => None,
            ByteSource::Store(object) => object.failure(),
        }
    }

    /// Appends what one read of at most `most` bytes gives; what is appended is where `out` had its end.
    pub(super) fn append(&mut self, out: &mut Vec<u8>, most: usize) -> std::io::Result<()> {
        let most = self.next(most);
        let old = out.len();
        if let ByteSource::Memory(bytes) = &self.source {
            let from = usize::try_from(self.at).map_or(bytes.len(), |at| at.min(bytes.len()));
            out.extend_from_slice(&bytes[from..bytes.len().min(from.saturating_add(most))]);
            self.at += (out.len() - old) as u64;
            return Ok(());
        }
        let ByteSource::Disk(file) = &self.source else {
            out.resize(old + most, 0);
            let read = self.read(&mut out[old..]);
            out.truncate(old + read.as_ref().unwrap_or(&0));
            return read.map(drop);
        };
        // A plain `read` needs initialised memory: writing zeros first would cost a pass over each block.
        out.reserve(most);
        loop {
            let (descriptor, at) = (file.as_raw_fd(), self.at as libc::off_t);
            // SAFETY: `reserve` made room for `most` bytes behind `old`.
            let read = unsafe { libc::pread(descriptor, out.as_mut_ptr().add(old).cast(), most, at) };
            if let Ok(read) = usize::try_from(read) {
                // SAFETY: the kernel has written `read` bytes, at most `most`, behind `old`.
                unsafe { out.set_len(old + read) };
                self.at += read as u64;
                return Ok(());
            }
            let error = std::io::Error::last_os_error();
            if error.kind() != ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

impl Read for FileReader {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = self.next(out.len());
        if let ByteSource::Store(object) = &self.source {
            // A first read may be a look at the head. The further it went, the more will be read.
            let ahead = self.run.saturating_mul(4).min(store::window());
            if ahead > 0 {
                object.expect(self.at..self.at.saturating_add(ahead).min(self.end));
            }
        }
        let read = self.read_at(&mut out[..most], self.at)?;
        self.at += read as u64;
        self.run += read as u64;
        Ok(read)
    }
}

impl Length for FileReader {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for FileReader {
    type T = BufReader<FileReader>;

    fn get_read(&self, start: u64) -> std::result::Result<Self::T, ParquetError> {
        let from = FileReader { at: start, run: 0, ..self.clone() };
        // What is in memory need not be read far ahead.
        Ok(match &self.source {
            ByteSource::Memory(_) => BufReader::with_capacity(HEADER, from),
            _ => BufReader::new(from),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> std::result::Result<Bytes, ParquetError> {
        // A damaged footer may name more than there is, and no memory should be taken for that.
        if start.saturating_add(length as u64) > self.bytes {
            return Err(ParquetError::EOF(format!("expected {length} bytes at byte {start}")));
        }
        if let ByteSource::Memory(bytes) = &self.source {
            let from = usize::try_from(start).unwrap_or(usize::MAX);
            let there = from.checked_add(length).filter(|end| *end <= bytes.len());
            let end =
                there.ok_or_else(|| ParquetError::EOF(format!("expected {length} bytes at byte {start}")))?;
            return Ok(bytes.slice(from..end));
        }
        let mut bytes = vec![0; length];
        let mut filled = 0;
        self.expect(start..start + length as u64);
        while filled < length {
            match self.read_at(&mut bytes[filled..], start + filled as u64) {
                Ok(0) => return Err(ParquetError::EOF(format!("expected {length} bytes at byte {start}"))),
                Ok(read) => filled += read,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(bytes.into())
    }
}
