//! The raw records of a relation a part at a time, so that no more is held than the parts that are worked on.
//!
//! # Contract
//! The pieces hold the rows that [`read`](super::read) gives, each once, with the same positions. A file is cut between
//! records; a record that is longer than a piece makes a longer one. Pieces are numbered in position order. They come in
//! any order and in several threads; of several errors that of the first piece is the one that is told.

use super::parquet::{ParquetLayout, ParquetRows};
use super::part::{BOM, File, RawColumn, RawFile};
use super::{RawTable, csv, jsonl, one_type, raw_columns, table, with_folders};
use crate::error::{Error, Result};
use crate::input::{Compression, InputFormat, ReadPlan, SourceFile};
use crate::sql::Relation;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType as ArrowType;
use rayon::prelude::*;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of text in a piece, at most.
const TEXT: u64 = 8 << 20;
/// Bytes that a row of Parquet has at least, as text.
const ROW: usize = 64;

/// Whether the records of `plan` can be read in pieces: plain text, or Parquet files whose columns are of the same types.
///
/// # Errors
/// A file that cannot be read.
pub(in crate::verify) fn can_be_cut(plan: &ReadPlan) -> Result<bool> {
    let is_plain = |file: &SourceFile| {
        let text = file.format.is_text() && file.shape.is_text() && file.unnest.is_none();
        (text || file.format == InputFormat::Parquet) && file.framing.is_plain()
    };
    if !plan.files.iter().all(is_plain) {
        return Ok(false);
    }
    let of_parquet = |file: &&SourceFile| file.format == InputFormat::Parquet;
    let wanted = raw_columns(plan);
    let mut types: Vec<Option<ArrowType>> = vec![None; wanted.len()];
    for file in &plan.files {
        let found = match of_parquet(&file) {
            false => vec![Some(ArrowType::Utf8View); wanted.len()],
            true => {
                let of = File { path: &file.path, plan, before: 0 };
                let layout = ParquetRows::open(&of, file, &wanted)?.layout;
                let columns = layout.columns(&[], &wanted)?;
                let none = RawFile { columns, numbers: vec![], records: 0 };
                let columns = with_folders(file, plan, &wanted, none).columns;
                columns.iter().map(|column| column.as_ref().map(|c| c.data_type().clone())).collect()
            }
        };
        for (known, found) in types.iter_mut().zip(found) {
            // Where the types of files differ all of the column is read as text, which one piece cannot know.
            if known.is_some() && found.is_some() && *known != found {
                return Ok(false);
            }
            *known = known.take().or(found);
        }
    }
    Ok(true)
}

/// Gives the rows of `relation` to `see` in pieces of about `size` bytes of text, or fewer, each with its number. [`can_be_cut`] has to say that this can be done.
///
/// # Errors
/// As of [`read`](super::read); of `see`.
pub(in crate::verify) fn read_in_pieces(
    relation: &Relation,
    size: u64,
    see: &(dyn Fn(usize, RawTable) -> Result<()> + Sync),
) -> Result<()> {
    one_type(relation.read)?;
    let wanted = raw_columns(relation.read);
    let (stop, first) = (AtomicBool::new(false), Mutex::new(None::<(usize, Error)>));
    let size = size.clamp(1, TEXT) as usize;
    let pieces =
        RawPieceIter { plan: relation.read, wanted: &wanted, size, file: 0, open: None, first: vec![] };
    // Pieces are handed out in order, so once one has failed all before it are being worked on.
    let pieces = pieces.enumerate().take_while(|_| !stop.load(Ordering::Relaxed));
    pieces.par_bridge().for_each(|(number, piece)| {
        let rows = piece.and_then(|piece| piece.rows(relation, &wanted));
        if let Err(error) = rows.and_then(|rows| see(number, rows)) {
            stop.store(true, Ordering::Relaxed);
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            if first.as_ref().is_none_or(|(known, _)| number < *known) {
                *first = Some((number, error));
            }
        }
    });
    match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

/// A part of a file, whose records are not read yet.
struct RawPiece {
    /// The number of the file.
    file: usize,
    /// Of the files up to this one, the number of the first record.
    first: Vec<u64>,
    /// How many records of the file come before it.
    before: u64,
    body: PieceBody,
}

enum PieceBody {
    Csv(Vec<u8>, Arc<Vec<String>>),
    Json(Vec<u8>),
    Parquet(Vec<RecordBatch>, Arc<ParquetLayout>),
}

impl RawPiece {
    fn rows(self, relation: &Relation, wanted: &[RawColumn]) -> Result<RawTable> {
        let plan = relation.read;
        let file = &plan.files[self.file];
        let of = File { path: &file.path, plan, before: self.before };
        let part = match self.body {
            PieceBody::Csv(text, names) => csv::rows(&of, &text, &names, wanted)?,
            PieceBody::Json(text) => jsonl::rows(&of, &text, wanted)?,
            PieceBody::Parquet(batches, layout) => {
                let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
                let columns = layout.columns(&batches, wanted)?;
                RawFile { columns, numbers: (0..rows).collect(), records: rows }
            }
        };
        let part = with_folders(file, plan, wanted, part);
        let before = self.first.last().copied().unwrap_or(0) + self.before;
        table(relation, wanted, std::slice::from_ref(file), &[part], &[before], self.first)
    }
}

/// Cuts the files of a plan into pieces, in order.
struct RawPieceIter<'a> {
    plan: &'a ReadPlan,
    wanted: &'a [RawColumn],
    /// Bytes of text in a piece.
    size: usize,
    /// The number of the file that is read.
    file: usize,
    open: Option<FileInPieces>,
    first: Vec<u64>,
}

/// The file that is being cut.
struct FileInPieces {
    records: RecordsInPieces,
    /// How many records have been handed out.
    before: u64,
}

enum RecordsInPieces {
    Text(TextInPieces),
    Parquet(Box<ParquetRows>),
}

/// A text that is being cut.
struct TextInPieces {
    from: Box<dyn Read + Send>,
    /// What was read and not handed out.
    held: Vec<u8>,
    /// Whether anything was read.
    started: bool,
    /// Whether there is no more to be read.
    ended: bool,
    /// Of CSV the names of its columns, once they are known.
    names: Option<Arc<Vec<String>>>,
}

impl Iterator for RawPieceIter<'_> {
    type Item = Result<RawPiece>;

    fn next(&mut self) -> Option<Result<RawPiece>> {
        while self.file < self.plan.files.len() {
            match self.of_file() {
                Ok(Some(piece)) => return Some(Ok(piece)),
                Ok(None) => self.file += 1,
                Err(error) => {
                    self.file = self.plan.files.len();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl RawPieceIter<'_> {
    /// The next piece of the file; none at its end.
    fn of_file(&mut self) -> Result<Option<RawPiece>> {
        let source = &self.plan.files[self.file];
        if self.open.is_none() {
            let start = self.first.last().copied().unwrap_or(0);
            if self.file == 0 {
                self.first.push(start);
            }
            let of = File { path: &source.path, plan: self.plan, before: 0 };
            let records = match source.format {
                InputFormat::Parquet => {
                    RecordsInPieces::Parquet(Box::new(ParquetRows::open(&of, source, self.wanted)?))
                }
                _ => RecordsInPieces::Text(TextInPieces::open(source)?),
            };
            self.open = Some(FileInPieces { records, before: 0 });
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        let of = File { path: &source.path, plan: self.plan, before: open.before };
        let found = match &mut open.records {
            RecordsInPieces::Text(text) => text.next(&of, source, self.size)?,
            RecordsInPieces::Parquet(rows) => rows_of(rows, self.size.div_ceil(ROW))?,
        };
        match found {
            Some((body, records)) => {
                let piece =
                    RawPiece { file: self.file, first: self.first.clone(), before: open.before, body };
                open.before += records;
                Ok(Some(piece))
            }
            None => {
                // The next file starts where this one ends.
                let start = self.first.last().copied().unwrap_or(0) + open.before;
                self.first.push(start);
                self.open = None;
                Ok(None)
            }
        }
    }
}

/// The next rows of a Parquet file, and how many they are.
fn rows_of(from: &mut ParquetRows, most: usize) -> Result<Option<(PieceBody, u64)>> {
    let (mut batches, mut rows) = (vec![], 0);
    while rows < most {
        let Some(batch) = from.next()? else { break };
        rows += batch.num_rows();
        batches.push(batch);
    }
    let body = || PieceBody::Parquet(batches, from.layout.clone());
    Ok((rows > 0).then(|| (body(), rows as u64)))
}

impl TextInPieces {
    fn open(source: &SourceFile) -> Result<TextInPieces> {
        let raw = source.opened.read()?;
        let failed = |e| unpacked(source, e);
        let from: Box<dyn Read + Send> = match source.shape.compression {
            // An empty file is not valid gzip, but it has no records rather than damage.
            _ if source.opened.bytes() == 0 => Box::new(std::io::empty()),
            Compression::None => Box::new(raw),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(raw)),
            Compression::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(raw)),
            Compression::Xz => Box::new(lzma_rust2::XzReader::new(raw, true)),
            Compression::Deflate => Box::new(flate2::read::DeflateDecoder::new(raw)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(raw).map_err(failed)?),
        };
        Ok(TextInPieces { from, held: vec![], started: false, ended: false, names: None })
    }

    /// The next records, and how many they are; none at the end.
    fn next(&mut self, of: &File, source: &SourceFile, mut size: usize) -> Result<Option<(PieceBody, u64)>> {
        let is_csv = source.format == InputFormat::Csv;
        loop {
            self.fill(size, source)?;
            if self.held.is_empty() && (self.names.is_some() || !is_csv) {
                return Ok(None);
            }
            let (bytes, records) = match is_csv {
                true => csv::whole_records(of, &self.held, self.ended)?,
                false => jsonl::whole_records(&self.held, self.ended),
            };
            // A header is known by itself and the record behind it.
            let enough = if is_csv && self.names.is_none() { records >= 2 } else { bytes > 0 };
            if !enough && !self.ended {
                size = self.held.len().max(size) * 2;
                continue;
            }
            let rest = self.held.split_off(bytes);
            let mut text = std::mem::replace(&mut self.held, rest);
            if !is_csv {
                return Ok(Some((PieceBody::Json(text), records)));
            }
            let (names, records) = match &self.names {
                Some(names) => (names.clone(), records),
                None => {
                    // Without a header there are no columns and no records.
                    let Some(header) = csv::header(of, &text)? else { return Ok(None) };
                    text.drain(..header.bytes);
                    let names = Arc::new(header.names);
                    self.names = Some(names.clone());
                    (names, records - u64::from(header.bytes > 0))
                }
            };
            return Ok(Some((PieceBody::Csv(text, names), records)));
        }
    }

    /// Reads on until so much is held, or all is.
    fn fill(&mut self, size: usize, source: &SourceFile) -> Result<()> {
        if self.ended || self.held.len() >= size {
            return Ok(());
        }
        let missing = (size - self.held.len()) as u64;
        let read = self.from.by_ref().take(missing).read_to_end(&mut self.held);
        let read = read.map_err(|e| match source.shape.compression {
            Compression::None => Error::io("read", &source.path, e),
            _ => unpacked(source, e),
        })?;
        if (read as u64) < missing {
            self.ended = true;
            // A file that changed while it was read would look like a difference of the results.
            source.opened.unchanged(None)?;
        }
        if !std::mem::replace(&mut self.started, true) && self.held.starts_with(BOM) {
            self.held.drain(..BOM.len());
        }
        Ok(())
    }
}

fn unpacked(source: &SourceFile, cause: std::io::Error) -> Error {
    Error::data(format!("{} cannot be decompressed", source.path.display())).caused_by(cause)
}
