//! Partial aggregates on disk: sorted runs, written when memory is short and merged at the end.
//!
//! A run holds entries in ascending (window start, key bytes), where key bytes are arrow-row's
//! order-preserving encoding of the key columns; each is a length, the window's span, the key and
//! the encoded states. A group whose state is large has several entries, one after the other, each with
//! a piece of it. The files live in a temporary folder and are unlinked from the start.

use super::table::GroupTable;
use crate::aggregate::{Aggregate, Reader};
use crate::error::{Error, Result};
use crate::window::WindowSpan;
use arrow_row::{RowConverter, SortField};
use arrow_schema::SortOptions;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::Mutex;

/// Where runs are written, and those that are there.
pub struct SpillSpace {
    folder: PathBuf,
    memory: u64,
    runs: Mutex<Vec<File>>,
}

/// The order of key columns everywhere: ascending, NULLs last.
pub fn key_rows(types: impl Iterator<Item = arrow_schema::DataType>) -> RowConverter {
    let options = SortOptions { descending: false, nulls_first: false };
    let fields = types.map(|ty| SortField::new_with_options(ty, options)).collect();
    RowConverter::new(fields).expect("key types have an order")
}

impl SpillSpace {
    /// Spills into unnamed files in `folder`; `memory` is the budget of the whole run, in bytes.
    pub fn new(folder: PathBuf, memory: u64) -> SpillSpace {
        SpillSpace { folder, memory, runs: Mutex::new(vec![]) }
    }

    /// What the merge of the runs may hold: the folder for what is more, and bytes of memory. A quarter
    /// of the budget, since sorting what goes to disk and growing a table take as much again; but enough that
    /// runs are worth the merge.
    pub fn bound(&self) -> (PathBuf, usize) {
        (self.folder.clone(), (self.memory / 4).max(256 << 10) as usize)
    }

    /// Whether anything was spilled.
    pub fn is_used(&self) -> bool {
        !self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<File>> {
        self.runs.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Writes all groups of `table` as one run and empties it.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn spill(&self, table: &mut GroupTable) -> Result<()> {
        if table.is_empty() {
            return Ok(());
        }
        let failed = |cause| Error::io("write spilled groups to", &self.folder, cause);
        let file = tempfile::tempfile_in(&self.folder).map_err(failed)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        write_run(table, &mut out).map_err(failed)?;
        let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
        self.lock().push(file);
        *table = GroupTable::new(table.plan.clone());
        Ok(())
    }

    /// The runs, each to be read from its start.
    pub fn into_runs(self) -> Result<Vec<Run>> {
        let folder = self.folder;
        let runs = self.runs.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        runs.into_iter()
            .map(|mut file| {
                file.rewind().map_err(|e| Error::io("read spilled groups from", &folder, e))?;
                Ok(Run {
                    input: BufReader::with_capacity(256 << 10, file),
                    entry: vec![],
                    folder: folder.clone(),
                })
            })
            .collect()
    }
}

fn write_run(table: &GroupTable, out: &mut impl Write) -> std::io::Result<()> {
    let converter = key_rows(table.plan.keys.iter().map(|(_, ty)| ty.arrow()));
    let rows = (!table.plan.keys.is_empty())
        .then(|| converter.convert_columns(&table.keys.decode()).expect("keys of the plan's types"));
    let key = |code: u32| rows.as_ref().map_or(&[][..], |rows| rows.row(code as usize).data());
    let mut order: Vec<u32> = (0..table.keys.count() as u32).collect();
    order.sort_unstable_by(|&a, &b| key(a).cmp(key(b)));
    let mut ranks = vec![0; order.len()];
    order.iter().enumerate().for_each(|(rank, &code)| ranks[code as usize] = rank as u32);

    let mut panes: Vec<&(WindowSpan, super::pane::Pane)> = table.panes.iter().collect();
    panes.sort_unstable_by_key(|(span, _)| *span);
    let empty = empty_states(table);
    let mut entry = vec![];
    for (span, pane) in panes {
        let mut result = Ok(());
        pane.each_by_rank(&ranks, &order, |rank, slot| {
            entry.clear();
            entry.extend_from_slice(&span.start.to_le_bytes());
            entry.extend_from_slice(&span.end.to_le_bytes());
            let key = key(order[rank as usize]);
            entry.extend_from_slice(&(key.len() as u64).to_le_bytes());
            entry.extend_from_slice(key);
            if result.is_ok() {
                result = write_entries(table, slot, &mut entry, &empty, out);
            }
        });
        result?;
    }
    out.flush()
}

/// Writes the entries of one group; `entry` holds their head.
fn write_entries(
    table: &GroupTable,
    slot: u32,
    entry: &mut Vec<u8>,
    empty: &[Vec<u8>],
    out: &mut impl Write,
) -> std::io::Result<()> {
    let mut put =
        |entry: &[u8]| out.write_all(&(entry.len() as u64).to_le_bytes()).and_then(|()| out.write_all(entry));
    let head = entry.len();
    table.states.iter().for_each(|state| state.encode(slot, entry));
    put(entry)?;
    for (i, state) in table.states.iter().enumerate() {
        state.encode_rest(slot, &mut |piece| {
            entry.truncate(head);
            empty[..i].iter().for_each(|state| entry.extend_from_slice(state));
            entry.extend_from_slice(piece);
            empty[i + 1..].iter().for_each(|state| entry.extend_from_slice(state));
            put(entry)
        })?;
    }
    Ok(())
}

/// The encoded state of a group without rows, of each aggregate.
fn empty_states(table: &GroupTable) -> Vec<Vec<u8>> {
    let of = |(aggregate, _): &(Aggregate, _)| {
        let (mut state, mut out) = (aggregate.accumulator(), vec![]);
        state.resize(1);
        state.encode(0, &mut out);
        out
    };
    table.plan.aggregates.iter().map(of).collect()
}

/// A run on its way back.
pub struct Run {
    input: BufReader<File>,
    entry: Vec<u8>,
    folder: PathBuf,
}

/// The head of an entry; the states follow.
pub struct Entry<'a> {
    pub span: WindowSpan,
    pub key: &'a [u8],
    pub states: Reader<'a>,
}

impl Run {
    /// Reads the next entry; false at the end.
    pub fn advance(&mut self) -> Result<bool> {
        let mut read = || -> std::io::Result<bool> {
            let mut len = [0; 8];
            match self.input.read_exact(&mut len) {
                Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
                other => other?,
            }
            self.entry.resize(u64::from_le_bytes(len) as usize, 0);
            self.input.read_exact(&mut self.entry)?;
            Ok(true)
        };
        read().map_err(|e| Error::io("read spilled groups from", &self.folder, e))
    }

    /// The entry that [`Run::advance`] read.
    pub fn entry(&self) -> Entry<'_> {
        let mut reader = Reader(&self.entry);
        let span = WindowSpan { start: reader.i64(), end: reader.i64() };
        let key = reader.bytes();
        Entry { span, key, states: reader }
    }
}
