//! The rows of a relation in parts, in one temporary file that has no name: it is gone with the process, however that ends.
//!
//! # Contract
//! Every row that is added comes out once, in the part that was said. Rows of a part come in the order of the pieces that
//! they were added with, as far as pieces were not too small to be written by themselves.

use super::typed::Typed;
use crate::batch::{Field, Schema};
use crate::error::{Error, Result};
use crate::time::FirstAndLast;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType as ArrowType};
use std::fs::File;
use std::io::Cursor;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Fewer rows wait for others before they are written.
const FEW: usize = 1 << 14;

/// Rows in parts.
pub struct SpilledParts {
    folder: PathBuf,
    file: File,
    state: Mutex<SpilledState>,
}

#[derive(Default)]
struct SpilledState {
    /// Of each part, where its rows are.
    segments: Vec<Vec<PartSegment>>,
    /// The length of the file, with what is being written.
    end: u64,
    /// The columns, once there are rows.
    fields: Option<Vec<Field>>,
    times: Option<FirstAndLast>,
    waiting: Vec<(usize, Typed, Vec<u32>)>,
    waiting_rows: usize,
}

/// Some rows of a part.
struct PartSegment {
    piece: usize,
    at: u64,
    bytes: usize,
}

impl SpilledParts {
    /// So many parts, in a file in `folder`.
    ///
    /// # Errors
    /// A machine error: the file cannot be made.
    pub fn new(folder: &Path, parts: usize) -> Result<SpilledParts> {
        let file = tempfile::tempfile_in(folder).map_err(|e| Error::io("make a file in", folder, e))?;
        let segments = (0..parts).map(|_| vec![]).collect();
        let state = Mutex::new(SpilledState { segments, ..SpilledState::default() });
        Ok(SpilledParts { folder: folder.to_path_buf(), file, state })
    }

    /// Adds the rows of a piece; `parts` is the number of the part of each.
    ///
    /// # Errors
    /// A machine error: they cannot be written.
    pub fn add(&self, piece: usize, rows: Typed, parts: Vec<u32>) -> Result<()> {
        let waiting = {
            let mut state = self.state();
            state.times = match (state.times, rows.times) {
                (Some(one), Some(other)) => Some(one.and(other)),
                (one, other) => one.or(other),
            };
            state.fields.get_or_insert_with(|| rows.columns.iter().map(|(field, _)| field.clone()).collect());
            if rows.rows >= FEW {
                vec![(piece, rows, parts)]
            } else {
                state.waiting_rows += rows.rows;
                state.waiting.push((piece, rows, parts));
                if state.waiting_rows < FEW {
                    return Ok(());
                }
                state.waiting_rows = 0;
                std::mem::take(&mut state.waiting)
            }
        };
        self.write(waiting)
    }

    /// Writes what waits. After it the parts can be read.
    ///
    /// # Errors
    /// As of [`SpilledParts::add`].
    pub fn finish(&self) -> Result<()> {
        let waiting = std::mem::take(&mut self.state().waiting);
        if waiting.is_empty() { Ok(()) } else { self.write(waiting) }
    }

    /// The first and the last event time of all rows.
    pub fn times(&self) -> Option<FirstAndLast> {
        self.state().times
    }

    /// The rows of a part; none if nothing was added at all.
    ///
    /// # Errors
    /// A machine error: they cannot be read back.
    pub fn rows(&self, part: usize) -> Result<Option<Typed>> {
        let (mut segments, fields, times) = {
            let mut state = self.state();
            let Some(fields) = state.fields.clone() else { return Ok(None) };
            (std::mem::take(&mut state.segments[part]), fields, state.times)
        };
        segments.sort_by_key(|segment| (segment.piece, segment.at));
        let mut batches = Vec::with_capacity(segments.len());
        for segment in segments {
            let mut bytes = vec![0; segment.bytes];
            let read = self.file.read_exact_at(&mut bytes, segment.at);
            read.map_err(|e| Error::io("read from", &self.folder, e))?;
            let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(unread)?;
            for batch in reader {
                batches.push(batch.map_err(unread)?);
            }
        }
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let mut columns = vec![];
        for (i, field) in fields.into_iter().enumerate() {
            let arrays: Vec<&dyn Array> = batches.iter().map(|batch| &**batch.column(i)).collect();
            let array = match arrays.is_empty() {
                true => arrow_array::new_empty_array(&field.ty.arrow()),
                false => arrow_select::concat::concat(&arrays).map_err(unread)?,
            };
            columns.push((field, array));
        }
        Ok(Some(Typed { columns, rows, times }))
    }

    fn state(&self) -> MutexGuard<'_, SpilledState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the rows of some pieces, part by part.
    fn write(&self, mut pieces: Vec<(usize, Typed, Vec<u32>)>) -> Result<()> {
        pieces.sort_by_key(|(piece, ..)| *piece);
        let Some((piece, first, _)) = pieces.first() else { return Ok(()) };
        let fields: Vec<Field> = first.columns.iter().map(|(field, _)| field.clone()).collect();
        let piece = *piece;
        let parts: Vec<u32> = pieces.iter().flat_map(|(.., parts)| parts.iter().copied()).collect();
        let count = self.state().segments.len();
        let (order, ends) = by_part(&parts, count);
        let mut columns = vec![];
        for i in 0..fields.len() {
            let arrays: Vec<&dyn Array> = pieces.iter().map(|(_, rows, _)| &*rows.columns[i].1).collect();
            let array = arrow_select::concat::concat(&arrays).map_err(unwritten)?;
            columns.push(arrow_select::take::take(&array, &order, None).map_err(unwritten)?);
        }
        let schema = Schema::new(fields).arrow();
        let (mut bytes, mut segments) = (vec![], vec![]);
        let mut from = 0;
        for (part, &end) in ends.iter().enumerate() {
            let rows = end - std::mem::replace(&mut from, end);
            if rows == 0 {
                continue;
            }
            let of_part = columns.iter().map(|array| compact(&array.slice(end - rows, rows))).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch = RecordBatch::try_new_with_options(schema.clone(), of_part, &options);
            let at = bytes.len();
            let mut writer = StreamWriter::try_new(&mut bytes, &schema).map_err(unwritten)?;
            writer.write(&batch.map_err(unwritten)?).map_err(unwritten)?;
            writer.finish().map_err(unwritten)?;
            drop(writer);
            segments.push((part, PartSegment { piece, at: at as u64, bytes: bytes.len() - at }));
        }
        let at = {
            let mut state = self.state();
            let at = state.end;
            state.end += bytes.len() as u64;
            at
        };
        self.file.write_all_at(&bytes, at).map_err(|e| Error::io("write to", &self.folder, e))?;
        let mut state = self.state();
        for (part, segment) in segments {
            state.segments[part].push(PartSegment { at: at + segment.at, ..segment });
        }
        Ok(())
    }
}

/// The numbers of rows in the order of their parts, and where each part ends.
fn by_part(parts: &[u32], count: usize) -> (UInt32Array, Vec<usize>) {
    // First how many rows each part has, then where it begins.
    let mut next = vec![0; count];
    parts.iter().for_each(|part| next[*part as usize] += 1);
    let mut begin = 0;
    for next in &mut next {
        begin += std::mem::replace(next, begin);
    }
    let mut order = vec![0; parts.len()];
    for (row, part) in parts.iter().enumerate() {
        order[next[*part as usize]] = row as u32;
        next[*part as usize] += 1;
    }
    // After the last row of each part its next one would be where the part ends.
    (UInt32Array::from(order), next)
}

/// The same values, without the texts of other rows.
fn compact(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        ArrowType::Utf8View => Arc::new(array.as_string_view().gc()),
        _ => array.clone(),
    }
}

fn unread(cause: ArrowError) -> Error {
    Error::machine("rows of the referee cannot be read back").caused_by(cause)
}

fn unwritten(cause: ArrowError) -> Error {
    Error::machine("rows of the referee cannot be written").caused_by(cause)
}
