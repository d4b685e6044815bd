//! The bytes of one file: read in blocks, counted, hashed as they lie on disk, decompressed.
//!
//! Files are read and not mapped: mapped pages would count as the process's memory, and a file that
//! another process cuts short would end the program with a signal.

use super::documents::RecordMarks;
use super::meter::{BLOCK, Disk, Meter};
use super::opened::Opened;
use super::reading::FileReader;
use super::shape::{self, Compression, Shape};
use super::source_file::SourceFile;
use crate::error::{Error, Result};
use std::io::{BufReader, ErrorKind, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

enum Decompressor {
    Plain(Disk),
    Gzip(Box<flate2::bufread::MultiGzDecoder<BufReader<Disk>>>),
    Zstd(zstd::stream::read::Decoder<'static, BufReader<Disk>>),
    Shaped(Box<ShapedReader>),
}

/// A text that more is done to than unpacking. What lies on the disk is hashed in a pass of its own.
struct ShapedReader {
    text: Box<dyn Read + Send>,
    file: Opened,
    kind: &'static str,
    hashes: bool,
    /// Whether the disk could not be read.
    failed: Arc<AtomicBool>,
}

/// The bytes of a file on their way into a shape.
struct Tapped {
    file: FileReader,
    progress: Option<Arc<AtomicU64>>,
    failed: Arc<AtomicBool>,
}

impl Read for Tapped {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(out);
        match (&read, &self.progress) {
            (Ok(n), Some(progress)) => {
                progress.fetch_add(*n as u64, Ordering::Relaxed);
            }
            (Ok(_), None) => {}
            (Err(e), _) => self.failed.store(e.kind() != ErrorKind::Interrupted, Ordering::Relaxed),
        }
        read
    }
}

impl ShapedReader {
    fn open(
        file: &Opened,
        shape: &Shape,
        meter: Meter,
        marks: Option<RecordMarks>,
    ) -> std::io::Result<ShapedReader> {
        let failed = Arc::new(AtomicBool::new(false));
        let reading = file.read().map_err(std::io::Error::other)?;
        let tapped = Tapped { file: reading, progress: meter.progress, failed: failed.clone() };
        let text = shape::marked_text(Box::new(tapped), shape, file.path(), marks)?;
        let (file, hashes, kind) = (file.clone(), meter.hash.is_some(), shape.compression.name());
        Ok(ShapedReader { text, file, kind, hashes, failed })
    }

    fn finish(self) -> Result<(u64, String)> {
        match self.hashes {
            true => self.file.hashed(),
            false => Ok((self.file.bytes(), Meter::idle().finish().1)),
        }
    }
}

/// The text of a file, decompressed.
pub(super) struct RawText {
    path: PathBuf,
    decoder: Decompressor,
}

impl RawText {
    /// Opens `file`.
    ///
    /// # Errors
    /// `Machine` where it cannot be opened.
    pub(super) fn open(file: &SourceFile, meter: Meter) -> Result<RawText> {
        RawText::marked(file, meter, None)
    }

    /// As [`RawText::open`]; where the records of documents begin is told to `marks`.
    ///
    /// # Errors
    /// As of [`RawText::open`].
    pub(super) fn marked(file: &SourceFile, meter: Meter, marks: Option<RecordMarks>) -> Result<RawText> {
        let failed = |e| Error::io("read", &file.path, e);
        let empty = file.opened.bytes() == 0;
        let disk = Disk { file: file.opened.read()?, meter };
        let buffered = |disk| BufReader::with_capacity(BLOCK, disk);
        let decoder = match file.shape.compression {
            _ if !empty && !file.shape.is_unpacked_only() => {
                let shaped = ShapedReader::open(&file.opened, &file.shape, disk.meter, marks);
                Decompressor::Shaped(Box::new(shaped.map_err(|cause| shape::failed(&file.path, "", cause))?))
            }
            // Nothing is no gzip file, but it is an empty one to anybody who made it.
            _ if empty => Decompressor::Plain(disk),
            Compression::None => Decompressor::Plain(disk),
            // A gzip file may have several members (RFC 1952), as `cat a.gz b.gz` makes them.
            Compression::Gzip => {
                Decompressor::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(buffered(disk))))
            }
            _ => {
                Decompressor::Zstd(zstd::stream::read::Decoder::with_buffer(buffered(disk)).map_err(failed)?)
            }
        };
        Ok(RawText { path: file.path.clone(), decoder })
    }

    /// Appends at most `most` more bytes of the text to `out`. Gives their number, 0 at the end.
    ///
    /// # Errors
    /// `Machine` where the file cannot be read, `Data` where it is not what its compression asks for.
    pub(super) fn append(&mut self, out: &mut Vec<u8>, most: usize) -> Result<usize> {
        let most = most.min(BLOCK);
        let read = match &mut self.decoder {
            Decompressor::Plain(disk) => disk.append(out, most),
            Decompressor::Gzip(decoder) => append_decoded(&mut **decoder, out, most),
            Decompressor::Zstd(decoder) => append_decoded(decoder, out, most),
            Decompressor::Shaped(shaped) => append_decoded(&mut shaped.text, out, most),
        };
        read.map_err(|cause| self.failure(cause))
    }

    /// The file, if it lies on this machine as its text does, and more than `least` bytes of it are left.
    pub(super) fn into_disk(self, least: usize) -> std::result::Result<Disk, Box<RawText>> {
        match self.decoder {
            Decompressor::Plain(disk) if disk.file.is_at_hand() && disk.file.left() > least as u64 => {
                Ok(disk)
            }
            decoder => Err(Box::new(RawText { decoder, ..self })),
        }
    }

    fn failure(&self, cause: std::io::Error) -> Error {
        let (failed, kind) = match &self.decoder {
            Decompressor::Plain(disk) => (disk.meter.failed, ""),
            Decompressor::Gzip(decoder) => {
                (decoder.get_ref().get_ref().meter.failed, Compression::Gzip.name())
            }
            Decompressor::Zstd(decoder) => {
                (decoder.get_ref().get_ref().meter.failed, Compression::Zstd.name())
            }
            Decompressor::Shaped(shaped) => (shaped.failed.load(Ordering::Relaxed), shaped.kind),
        };
        match failed {
            true => Error::io("read", &self.path, cause),
            false => shape::failed(&self.path, kind, cause),
        }
    }

    /// Reads what is left of the file, and gives its size on disk and its hash.
    pub(super) fn finish(self) -> Result<(u64, String)> {
        let mut disk = match self.decoder {
            Decompressor::Plain(disk) => disk,
            Decompressor::Gzip(decoder) => decoder.into_inner().into_inner(),
            Decompressor::Zstd(decoder) => decoder.finish().into_inner(),
            Decompressor::Shaped(shaped) => return shaped.finish(),
        };
        // A decoder may stop before trailing bytes, but the hash is that of the whole file.
        let mut rest = Vec::new();
        while disk.append(&mut rest, BLOCK).map_err(|e| Error::io("read", &self.path, e))? > 0 {
            rest.clear();
        }
        Ok(disk.meter.finish())
    }
}

fn append_decoded(decoder: &mut impl Read, out: &mut Vec<u8>, most: usize) -> std::io::Result<usize> {
    let old = out.len();
    out.resize(old + most, 0);
    let read = loop {
        match decoder.read(&mut out[old..]) {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    out.truncate(old + *read.as_ref().unwrap_or(&0));
    read
}
