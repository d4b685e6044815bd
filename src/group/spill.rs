//! Partial aggregates on disk: sorted runs, written when memory is short and merged at the end.
//!
//! A run holds entries in ascending (slice, class, key bytes, arrival), or where they are stretches of
//! sessions in (key bytes, stretch); key bytes are arrow-row's order-preserving encoding of the key
//! columns. Each entry is a length, those four, and the encoded states. A group whose state is large has
//! several entries, one after the other, each with a piece of it. The files live in a temporary folder and are unlinked from the start.

use super::pane::Arrived;
use super::panes::PaneId;
use super::plan::GroupPlan;
use super::rank::{KeyEntry, key_rows};
use super::states::States;
use super::table::{GroupTable, SlotLookup};
use crate::aggregate::{Aggregate, StateReader};
use crate::batch::{Position, StreamPlace};
use crate::error::{Error, Result};
use crate::time::TimeRange;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Where runs are written, and those that are there.
pub struct SpillSpace {
    folder: PathBuf,
    memory: u64,
    runs: Mutex<Vec<File>>,
    /// Whose table is being sorted, which takes about as much again: one after the other.
    turn: Mutex<()>,
}

impl SpillSpace {
    /// Spills into unnamed files in `folder`; `memory` is the budget of the whole run, in bytes.
    pub fn new(folder: PathBuf, memory: u64) -> SpillSpace {
        SpillSpace { folder, memory, runs: Mutex::default(), turn: Mutex::default() }
    }

    /// What the merge of the runs may hold: the folder for what is more, and bytes of memory. A quarter
    /// of the budget, since sorting what goes to disk and growing a table take as much again; but enough that
    /// runs are worth the merge.
    pub fn bound(&self) -> (&Path, usize) {
        (&self.folder, (self.memory / 4).max(256 << 10) as usize)
    }

    /// Whether the budget has room for so many bytes.
    pub fn has_room(&self, bytes: usize) -> bool {
        bytes as u64 <= self.memory
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
        // The lock guards only the turn, so the panic of another thread leaves nothing half done behind it.
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.write(&table.plan, |run| write_table(table, run))?;
        // A new table and not a cleared one, so that the codes of the keys give back their memory too.
        *table = GroupTable::new(table.plan.clone());
        Ok(())
    }

    /// Writes a run by `entries`.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn write(
        &self,
        plan: &GroupPlan,
        entries: impl FnOnce(&mut RunWriter) -> std::io::Result<()>,
    ) -> Result<()> {
        let failed = |cause| Error::io("write spilled groups to", &self.folder, cause);
        let file = tempfile::tempfile_in(&self.folder).map_err(failed)?;
        let out = BufWriter::with_capacity(1 << 20, file);
        let mut run = RunWriter { out, entry: vec![], empty: empty_states(plan) };
        entries(&mut run).map_err(failed)?;
        // `into_inner` tells of a last write that failed, which a drop would not.
        let file = run.out.into_inner().map_err(|e| failed(e.into_error()))?;
        self.lock().push(file);
        Ok(())
    }

    /// The runs, each to be read from its start, and a space without any.
    pub fn into_runs(self) -> Result<(Vec<SpilledRun>, SpillSpace)> {
        let folder = self.folder;
        let runs = self.runs.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let runs = runs
            .into_iter()
            .map(|mut file| {
                // The writer left the file's own place at its end.
                file.rewind().map_err(|e| Error::io("read spilled groups from", &folder, e))?;
                Ok(SpilledRun {
                    input: BufReader::with_capacity(256 << 10, file),
                    entry: vec![],
                    folder: folder.clone(),
                })
            })
            .collect::<Result<_>>()?;
        Ok((runs, SpillSpace::new(folder, self.memory)))
    }
}

fn write_table(table: &GroupTable, run: &mut RunWriter) -> std::io::Result<()> {
    let converter = key_rows(table.plan.keys.iter().map(|(_, ty)| ty.arrow()));
    let rows = (!table.plan.keys.is_empty())
        .then(|| converter.convert_columns(&table.keys.decode()).expect("keys of the plan's types"));
    let key = |code: u32| rows.as_ref().map_or(&[][..], |rows| rows.row(code as usize).data());
    let order: Vec<u32> = match &rows {
        None => vec![0],
        Some(rows) => {
            let rows = std::slice::from_ref(rows);
            let mut entries = KeyEntry::all(rows);
            // In this thread alone: one that waits for others would take up their work, and wait for its own turn.
            entries.sort_unstable_by(|a, b| a.compare(b, rows));
            entries.iter().map(|entry| entry.code).collect()
        }
    };
    let mut ranks = vec![0; order.len()];
    order.iter().enumerate().for_each(|(rank, &code)| ranks[code as usize] = rank as u32);
    let states = &table.states;
    let SlotLookup::Panes(panes) = &table.fold else {
        // Stretches of sessions are joined key by key; whole sessions are groups of the output.
        let mut members = table.members();
        match table.plan.lateness {
            None => members.sort_unstable_by_key(|m| (ranks[m.key as usize], m.span)),
            Some(_) => members.sort_unstable_by_key(|m| (m.span, ranks[m.key as usize])),
        }
        return members.iter().try_for_each(|m| {
            let id = PaneId { slice: m.span, class: 0 };
            run.entry(id, Arrived::default(), key(m.key), states, m.slot)
        });
    };
    let mut panes: Vec<_> = panes.groups().collect();
    panes.sort_unstable_by_key(|(id, _)| *id);
    for (id, pane) in panes {
        let mut events: Vec<_> =
            pane.events().iter().map(|&(k, slot, at)| (ranks[k as usize], at, slot)).collect();
        if !events.is_empty() {
            // By arrival within a key: that order decides the firings.
            events.sort_unstable();
            events.iter().try_for_each(|&(rank, arrived, slot)| {
                run.entry(id, arrived, key(order[rank as usize]), states, slot)
            })?;
            continue;
        }
        let mut result = Ok(());
        pane.each_by_rank(&ranks, &order, |rank, slot| {
            if result.is_ok() {
                let key = key(order[rank as usize]);
                result = run.entry(id, Arrived::default(), key, states, slot);
            }
        });
        result?;
    }
    Ok(())
}

/// A run that is being written.
pub struct RunWriter {
    out: BufWriter<File>,
    entry: Vec<u8>,
    /// The encoded state of a group without rows, of each aggregate.
    empty: Vec<Vec<u8>>,
}

impl RunWriter {
    /// Writes the entries of one group, whose states are in `slot`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn entry(
        &mut self,
        id: PaneId,
        arrived: Arrived,
        key: &[u8],
        states: &States,
        slot: u32,
    ) -> std::io::Result<()> {
        let RunWriter { out, entry, empty } = self;
        entry.clear();
        let id = [id.slice.start, id.slice.end, id.class.into()];
        let (place, position) = arrived;
        for word in id.into_iter().chain(place.words()).chain([position.as_u64() as i64]) {
            entry.extend_from_slice(&word.to_le_bytes());
        }
        entry.extend_from_slice(&(key.len() as u64).to_le_bytes());
        entry.extend_from_slice(key);
        let mut put = |entry: &[u8]| {
            out.write_all(&(entry.len() as u64).to_le_bytes())?;
            out.write_all(entry)
        };
        let head = entry.len();
        states.iter().for_each(|state| state.encode(slot, entry));
        put(entry)?;
        for (i, state) in states.iter().enumerate() {
            state.encode_rest(slot, &mut |piece| {
                entry.truncate(head);
                // Empty states stand for the other aggregates, so that an entry with a piece is read like any
                // other.
                empty[..i].iter().for_each(|state| entry.extend_from_slice(state));
                entry.extend_from_slice(piece);
                empty[i + 1..].iter().for_each(|state| entry.extend_from_slice(state));
                put(entry)
            })?;
        }
        Ok(())
    }
}

/// The encoded state of a group without rows, of each aggregate.
fn empty_states(plan: &GroupPlan) -> Vec<Vec<u8>> {
    let of = |(aggregate, _): &(Aggregate, _)| {
        let (mut state, mut out) = (aggregate.accumulator(), vec![]);
        state.resize(1);
        state.encode(0, &mut out);
        out
    };
    plan.aggregates.iter().map(of).collect()
}

/// A run on its way back.
pub struct SpilledRun {
    input: BufReader<File>,
    entry: Vec<u8>,
    folder: PathBuf,
}

/// The head of an entry; the states follow.
pub struct SpilledEntry<'a> {
    pub id: PaneId,
    pub arrived: Arrived,
    pub key: &'a [u8],
    pub states: StateReader<'a>,
}

impl SpilledRun {
    /// Reads the next entry; false at the end.
    pub fn advance(&mut self) -> Result<bool> {
        let mut read = || -> std::io::Result<bool> {
            let mut len = [0; 8];
            match self.input.read_exact(&mut len) {
                // Entries are written whole, so an end in front of a length is the end of the run.
                Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
                other => other?,
            }
            self.entry.resize(u64::from_le_bytes(len) as usize, 0);
            self.input.read_exact(&mut self.entry)?;
            Ok(true)
        };
        read().map_err(|e| Error::io("read spilled groups from", &self.folder, e))
    }

    /// The entry that [`SpilledRun::advance`] read.
    pub fn entry(&self) -> SpilledEntry<'_> {
        let mut reader = StateReader::new(&self.entry);
        let slice = TimeRange { start: reader.i64(), end: reader.i64() };
        let id = PaneId { slice, class: reader.i64() as u32 };
        let place = StreamPlace::from_words(std::array::from_fn(|_| reader.i64()));
        let arrived = (place, Position::from_u64(reader.u64()));
        let key = reader.bytes();
        SpilledEntry { id, arrived, key, states: reader }
    }
}
